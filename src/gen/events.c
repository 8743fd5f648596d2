/* A job's event queue. It never holds more than one event of each kind: news of the same kind are put together, so
 * the engine never waits for a reader and a reader that sleeps finds one long piece. */
#include "gen/gen_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void loam_job_push_progress(loam_job *j, int prompt_done)
{
    pthread_mutex_lock(&j->lock);
    j->prompt_done = prompt_done;
    j->prompt_news = true;
    pthread_cond_signal(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

/* Makes room for one more element, doubling. */
static bool grow(void **array, size_t *cap, size_t n, size_t size)
{
    if (n < *cap)
        return true;
    size_t more = *cap ? *cap * 2 : 16;
    void *p = realloc(*array, more * size);
    if (!p)
        return false;
    *array = p;
    *cap = more;
    return true;
}

/* Queues the log-probabilities of held tokens whose text begins before n_shown; of all with `all`. */
static bool release_probs(loam_job *j, bool all)
{
    size_t n = 0;
    for (; n < j->n_held && (all || j->held[n].start < j->n_shown); n++) {
        if (!grow((void **)&j->probs, &j->cap_probs, j->n_probs, sizeof *j->probs))
            return false;
        j->probs[j->n_probs++] = j->held[n].entry;
    }
    if (n > 0)
        memmove(j->held, j->held + n, (j->n_held - n) * sizeof *j->held);
    j->n_held -= n;
    return true;
}

loam_status loam_job_push_token(loam_job *j, const char *bytes, size_t len, const loam_logprobs *probs, bool *stopped,
                                loam_err *err)
{
    size_t start = loam_stops_n_text(j->stops);
    pthread_mutex_lock(&j->lock);
    size_t before = j->text.len;
    *stopped = loam_stops_push(j->stops, bytes, len, &j->text);
    j->n_shown += j->text.len - before;
    bool ok = !j->text.failed;
    if (ok && probs) {
        ok = grow((void **)&j->held, &j->cap_held, j->n_held, sizeof *j->held);
        if (ok)
            j->held[j->n_held++] = (loam_held_logprobs){*probs, start};
    }
    if (ok)
        ok = release_probs(j, false);
    if (j->text.len > before)
        pthread_cond_signal(&j->changed);
    pthread_mutex_unlock(&j->lock);
    if (!ok)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the text of the answer");
    return LOAM_OK;
}

static void set_times(loam_job *j)
{
    double now = loam_clock_s();
    loam_usage *u = &j->usage;
    u->queue_s = (j->admitted_s > 0 ? j->admitted_s : now) - j->submitted_s;
    if (j->admitted_s > 0)
        u->prompt_s = (j->answering_s > 0 ? j->answering_s : now) - j->admitted_s;
    if (j->answering_s > 0)
        u->completion_s = now - j->answering_s;
}

void loam_job_finish(loam_job *j, loam_finish finish, const loam_err *why)
{
    set_times(j);
    pthread_mutex_lock(&j->lock);
    size_t before = j->text.len;
    bool stopped = loam_stops_end(j->stops, &j->text);
    j->n_shown += j->text.len - before;
    bool ok = release_probs(j, !stopped) && !j->text.failed;
    loam_event *end = &j->end;
    *end = (loam_event){.kind = LOAM_EVENT_KIND_FINISH, .finish = finish, .usage = j->usage};
    end->prompt_done = j->prompt_done;
    if (finish == LOAM_FINISH_LENGTH && stopped) /* the character that the end completed makes a stop string */
        end->finish = LOAM_FINISH_STOP;
    if (end->finish == LOAM_FINISH_STOP)
        end->stop = loam_stops_found(j->stops);
    if (why)
        end->error = *why;
    if (!ok && finish != LOAM_FINISH_ERROR) {
        end->finish = LOAM_FINISH_ERROR;
        loam_err_set(&end->error, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the text of the answer");
    }
    j->finished = true;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    loam_sampler_free(j->sampler);
    j->sampler = NULL;
    free(j->held);
    j->held = NULL;
    j->n_held = j->cap_held = 0;
}

static bool has_news(const loam_job *j)
{
    return j->prompt_news || j->text.len > 0 || j->n_probs > 0 || j->finished;
}

static void wait_for_news(loam_job *j, int timeout_ms)
{
    if (timeout_ms < 0) {
        while (!has_news(j))
            pthread_cond_wait(&j->changed, &j->lock);
        return;
    }
    uint64_t until = loam_clock_ns() + (uint64_t)timeout_ms * 1000000u;
    struct timespec t = {.tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
    while (!has_news(j) && timeout_ms > 0)
        if (pthread_cond_timedwait(&j->changed, &j->lock, &t) != 0)
            return;
}

/* Hands the queued text over to the reader by exchanging the two buffers. */
static void take_text(loam_job *j, loam_event *out)
{
    loam_buf text = j->read_text;
    loam_buf_truncate(&text, 0);
    j->read_text = j->text;
    j->text = text;
    loam_logprobs *probs = j->read_probs;
    j->read_probs = j->probs;
    j->probs = probs;
    size_t cap = j->cap_read_probs;
    j->cap_read_probs = j->cap_probs;
    j->cap_probs = cap;
    out->kind = LOAM_EVENT_KIND_TEXT;
    out->text = loam_buf_text(&j->read_text);
    out->len = j->read_text.len;
    out->logprobs = j->read_probs;
    out->n_logprobs = (int)j->n_probs;
    j->n_probs = 0;
}

void loam_job_next(loam_job *j, int timeout_ms, loam_event *out)
{
    *out = (loam_event){.kind = LOAM_EVENT_KIND_NONE, .text = ""};
    pthread_mutex_lock(&j->lock);
    wait_for_news(j, timeout_ms);
    if (j->prompt_news) {
        j->prompt_news = false;
        out->kind = LOAM_EVENT_KIND_PROGRESS;
        out->prompt_done = j->prompt_done;
        out->usage.prompt_tokens = j->n_prompt;
    } else if (j->text.len > 0 || j->n_probs > 0) {
        take_text(j, out);
    } else if (j->finished) {
        *out = j->end;
        out->text = "";
    }
    pthread_mutex_unlock(&j->lock);
}
