#include "fake_chat.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_VOCAB = 300, MAX_WORDS = 4096 };

struct loam_engine {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    loam_model_info info;
    int max_queue, n_held;
    loam_engine_stats stats;
};

struct loam_tokenizer {
    int unused;
};

struct loam_chat {
    loam_engine engine;
};

typedef enum job_state { WAITING, READING, WRITING, ENDED } job_state;

struct loam_job {
    loam_engine *engine;
    job_state state;
    char *answer;           /* whole text, already cut at a stop string */
    size_t at;              /* bytes given out */
    int n_words, max_words; /* given out; most that may be */
    int fail_after;         /* -1: never */
    double word_s, read_s, due_s;
    int n_prompt, n_logprobs;
    loam_finish end;
    const char *stop;
    char *stop_copy;
    char piece[256];
    loam_logprobs logprobs;
};

static const loam_tokenizer tokenizer;

/* ---- tokenizer and sampler ---- */

loam_status loam_tokenizer_encode(const loam_tokenizer *t, const char *text, size_t len, bool parse_special,
                                  bool add_bos_eos, int32_t **ids, size_t *n_ids, loam_err *err)
{
    int32_t *p = realloc(*ids, (*n_ids + len + 1) * sizeof *p);
    if (!p)
        LOAM_FAIL(err, NO_MEMORY, "out of memory");
    *ids = p;
    if (add_bos_eos)
        p[(*n_ids)++] = 256;
    for (size_t i = 0; i < len; i++)
        p[(*n_ids)++] = (unsigned char)text[i];
    return LOAM_OK;
}

const char *loam_tokenizer_piece(const loam_tokenizer *t, int32_t id, bool show_special, size_t *len)
{
    static char bytes[256];
    *len = 0;
    if (id < 0 || id >= 256)
        return "";
    bytes[id] = (char)id; /* the same value from every thread */
    *len = 1;
    return &bytes[id];
}

bool loam_tokenizer_decode(const loam_tokenizer *t, const int32_t *ids, size_t n, bool show_special, loam_buf *out)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 256 && !loam_buf_char(out, (char)ids[i]))
            return false;
    return true;
}

size_t loam_tokenizer_n_vocab(const loam_tokenizer *t)
{
    return N_VOCAB;
}

loam_sampler_params loam_sampler_defaults(void)
{
    return (loam_sampler_params){
        .temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .repeat_penalty = 1, .repeat_last_n = 64};
}

loam_status loam_sampler_check(const loam_sampler_params *p, loam_err *err)
{
    return LOAM_OK;
}

/* ---- engine ---- */

const loam_model_info *loam_engine_model_info(const loam_engine *e)
{
    return &e->info;
}
const loam_tokenizer *loam_engine_tokenizer(const loam_engine *e)
{
    return &tokenizer;
}

void loam_engine_get_stats(loam_engine *e, loam_engine_stats *out)
{
    pthread_mutex_lock(&e->mutex);
    *out = e->stats;
    pthread_mutex_unlock(&e->mutex);
}

static int word_number(const char *text, const char *name, int otherwise)
{
    const char *at = strstr(text, name);
    return at ? (int)strtol(at + strlen(name), NULL, 10) : otherwise;
}

static char *make_answer(const char *message, const loam_job_request *r)
{
    const loam_sampler_params *s = &r->sampler;
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    int n = word_number(message, "words:", 0);
    if (strncmp(message, "seed", 4) == 0) {
        loam_buf_printf(&b, "%llu", (unsigned long long)s->seed);
    } else if (strncmp(message, "params", 6) == 0) {
        loam_buf_printf(
            &b, "temperature=%g top_k=%d top_p=%g min_p=%g repeat_penalty=%g last_n=%d presence=%g frequency=%g",
            s->temperature, s->top_k, s->top_p, s->min_p, s->repeat_penalty, s->repeat_last_n, s->presence_penalty,
            s->frequency_penalty);
        loam_buf_printf(&b, " max=%d stops=%d ignore_end=%d logprobs=%d n_bias=%zu", r->max_tokens, r->n_stops,
                        r->ignore_end, r->n_logprobs, s->n_bias);
        for (size_t i = 0; i < s->n_bias; i++)
            loam_buf_printf(&b, " bias%d=%g", (int)s->bias[i].token, s->bias[i].bias);
    } else if (n) {
        for (int i = 0; i < n; i++)
            loam_buf_printf(&b, i ? " w%d" : "w%d", i);
    } else {
        loam_buf_str(&b, message);
    }
    return loam_buf_take(&b);
}

static loam_status submit(loam_engine *e, const char *message, size_t n_prompt, const loam_job_request *r,
                          loam_job **out, loam_err *err)
{
    if ((int)n_prompt >= e->info.n_ctx)
        LOAM_FAIL(err, INVALID, "the prompt has %zu tokens, the context %d", n_prompt, e->info.n_ctx);
    pthread_mutex_lock(&e->mutex);
    if (e->stats.jobs_waiting >= e->max_queue) {
        pthread_mutex_unlock(&e->mutex);
        LOAM_FAIL(err, BUSY, "%d answers are waiting already", e->max_queue);
    }
    loam_job *j = calloc(1, sizeof *j);
    *j = (loam_job){.engine = e, .n_prompt = (int)n_prompt, .n_logprobs = r->n_logprobs, .end = LOAM_FINISH_STOP};
    j->answer = make_answer(message, r);
    j->max_words = r->max_tokens < 0 ? MAX_WORDS : r->max_tokens;
    j->fail_after = word_number(message, "fail:", -1);
    j->word_s = word_number(message, "delay:", 0) * 1e-3;
    j->read_s = word_number(message, "read:", 0) * 1e-3;
    for (int i = 0; i < r->n_stops; i++) {
        char *cut = strstr(j->answer, r->stops[i]);
        if (cut) {
            *cut = 0;
            free(j->stop_copy);
            j->stop = j->stop_copy = strdup(r->stops[i]);
        }
    }
    e->n_held++;
    e->stats.jobs_waiting++;
    if ((int)n_prompt > e->stats.max_prompt_tokens)
        e->stats.max_prompt_tokens = (int)n_prompt;
    pthread_mutex_unlock(&e->mutex);
    *out = j;
    return LOAM_OK;
}

loam_status loam_engine_submit(loam_engine *e, const loam_job_request *r, loam_job **out, loam_err *err)
{
    loam_buf text;
    loam_buf_init(&text, 1 << 20);
    if (!loam_tokenizer_decode(&tokenizer, r->prompt, r->n_prompt, false, &text))
        LOAM_FAIL(err, NO_MEMORY, "out of memory");
    loam_status status = submit(e, loam_buf_text(&text), r->n_prompt, r, out, err);
    loam_buf_deinit(&text);
    return status;
}

/* With the mutex held. */
static void end_job(loam_job *j, loam_finish how)
{
    loam_engine *e = j->engine;
    *(j->state == WAITING ? &e->stats.jobs_waiting : &e->stats.jobs_running) -= 1;
    j->state = ENDED;
    j->end = how;
    *(how == LOAM_FINISH_CANCELLED ? &e->stats.jobs_cancelled
      : how == LOAM_FINISH_ERROR   ? &e->stats.jobs_failed
                                   : &e->stats.jobs_done) += 1;
    pthread_cond_broadcast(&e->changed);
}

/* With the mutex held: until then, or a change. False when the time is over. */
static bool wait_until(loam_engine *e, double when_s)
{
    struct timespec t = {.tv_sec = (time_t)when_s, .tv_nsec = (long)((when_s - (double)(time_t)when_s) * 1e9)};
    return pthread_cond_timedwait(&e->changed, &e->mutex, &t) == 0;
}

static void give_word(loam_job *j, loam_event *out)
{
    const char *word = j->answer + j->at;
    size_t n = strcspn(word + 1, " ") + 1;
    n = n < sizeof j->piece ? n : sizeof j->piece - 1;
    memcpy(j->piece, word, n);
    j->piece[n] = 0;
    j->at += n;
    j->n_words++;
    j->engine->stats.completion_tokens++;
    j->engine->stats.n_steps++;
    j->engine->stats.slots_busy_sum += j->engine->stats.jobs_running;
    j->engine->stats.completion_s += j->word_s;
    *out = (loam_event){.kind = LOAM_EVENT_KIND_TEXT, .text = j->piece, .len = n};
    if (j->n_logprobs) {
        j->logprobs = (loam_logprobs){.chosen = {(unsigned char)j->piece[0], -0.5f}, .n_top = j->n_logprobs};
        for (int i = 0; i < j->n_logprobs; i++)
            j->logprobs.top[i] = (loam_token_logprob){i ? 0xe4 : (unsigned char)j->piece[0], i ? -1.0f / 0.0f : -0.5f};
        out->logprobs = &j->logprobs;
        out->n_logprobs = 1;
    }
}

/* Moves the job on if it is due; true when there is an event. */
static bool advance(loam_job *j, double now, loam_event *out)
{
    loam_engine *e = j->engine;
    if (j->state == WAITING && e->stats.jobs_running < e->info.n_seqs) {
        e->stats.jobs_waiting--;
        e->stats.jobs_running++;
        j->state = READING;
        j->due_s = now + j->read_s;
        *out = (loam_event){.kind = LOAM_EVENT_KIND_PROGRESS, .prompt_done = j->n_prompt / 2};
        return true;
    }
    if (j->state == READING && now >= j->due_s) {
        j->state = WRITING;
        j->due_s = now + j->word_s;
        e->stats.prompt_tokens += (uint64_t)j->n_prompt;
        e->stats.prompt_s += j->read_s;
        *out = (loam_event){.kind = LOAM_EVENT_KIND_PROGRESS, .prompt_done = j->n_prompt};
        return true;
    }
    if (j->state == WRITING && now >= j->due_s) {
        if (j->fail_after >= 0 && j->n_words >= j->fail_after)
            end_job(j, LOAM_FINISH_ERROR);
        else if (!j->answer[j->at])
            end_job(j, LOAM_FINISH_STOP);
        else if (j->n_words >= j->max_words)
            end_job(j, LOAM_FINISH_LENGTH);
        else {
            give_word(j, out);
            j->due_s = now + j->word_s;
            return true;
        }
    }
    if (j->state == ENDED) {
        *out = (loam_event){.kind = LOAM_EVENT_KIND_FINISH, .finish = j->end};
        out->stop = j->end == LOAM_FINISH_STOP ? j->stop : NULL;
        if (j->end == LOAM_FINISH_ERROR)
            loam_err_set(&out->error, LOAM_STATUS_INTERNAL, __FILE__, __LINE__, "the fake model broke");
        return true;
    }
    return false;
}

void loam_job_next(loam_job *j, int timeout_ms, loam_event *out)
{
    loam_engine *e = j->engine;
    double end = loam_clock_s() + timeout_ms * 1e-3;
    *out = (loam_event){.kind = LOAM_EVENT_KIND_NONE};
    pthread_mutex_lock(&e->mutex);
    for (;;) {
        double now = loam_clock_s();
        if (advance(j, now, out) || now >= end)
            break;
        wait_until(e, j->state != WAITING && j->due_s < end ? j->due_s : end);
    }
    pthread_mutex_unlock(&e->mutex);
    out->usage = (loam_usage){.prompt_tokens = j->n_prompt,
                              .cached_tokens = 3,
                              .completion_tokens = j->n_words,
                              .prompt_s = j->read_s,
                              .completion_s = j->word_s * j->n_words};
}

void loam_job_cancel(loam_job *j)
{
    pthread_mutex_lock(&j->engine->mutex);
    if (j->state != ENDED)
        end_job(j, LOAM_FINISH_CANCELLED);
    pthread_mutex_unlock(&j->engine->mutex);
}

void loam_job_free(loam_job *j)
{
    loam_job_cancel(j);
    pthread_mutex_lock(&j->engine->mutex);
    j->engine->n_held--;
    pthread_mutex_unlock(&j->engine->mutex);
    free(j->answer);
    free(j->stop_copy);
    free(j);
}

/* ---- chat ---- */

const char *loam_chat_model_id(const loam_chat *c)
{
    return "fake\"model";
}
loam_engine *loam_chat_engine(loam_chat *c)
{
    return &c->engine;
}
uint64_t loam_chat_random_seed(void)
{
    static uint64_t n = UINT64_C(0xfedcba9876543210);
    return __atomic_add_fetch(&n, 1, __ATOMIC_RELAXED);
}

loam_status loam_chat_render(loam_chat *c, const json_t *messages, const json_t *vars, loam_buf *out, loam_err *err)
{
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *m = json_array_get(messages, i);
        const char *role = json_string_value(json_object_get(m, "role"));
        const json_t *content = json_object_get(m, "content");
        if (!role || !json_is_string(content))
            LOAM_FAIL(err, INVALID, "message %zu has no role or no content", i);
        loam_buf_printf(out, "<%s>%s", role, json_string_value(content));
    }
    if (json_object_get(vars, "suffix"))
        loam_buf_str(out, json_string_value(json_object_get(vars, "suffix")));
    return LOAM_OK;
}

loam_status loam_chat_submit(loam_chat *c, const json_t *messages, const json_t *vars, const loam_job_request *r,
                             loam_job **out, loam_err *err)
{
    loam_buf prompt;
    loam_buf_init(&prompt, 1 << 24);
    loam_status status = loam_chat_render(c, messages, vars, &prompt, err);
    const json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    if (status == LOAM_OK)
        status = submit(&c->engine, json_string_value(json_object_get(last, "content")), prompt.len + 1, r, out, err);
    loam_buf_deinit(&prompt);
    return status;
}

loam_status loam_chat_complete(loam_chat *c, const char *text, size_t len, bool parse_special,
                               const loam_job_request *r, loam_job **out, loam_err *err)
{
    return submit(&c->engine, text, len + 1, r, out, err);
}

loam_chat *fake_chat_new(int n_slots, int n_ctx, int max_queue)
{
    loam_chat *c = calloc(1, sizeof *c);
    c->engine.info = (loam_model_info){.arch = "fake",
                                       .name = "fake",
                                       .type = "Q4_1",
                                       .n_params = 1000,
                                       .n_vocab = N_VOCAB,
                                       .n_ctx = n_ctx,
                                       .n_ctx_train = n_ctx,
                                       .n_seqs = n_slots};
    c->engine.max_queue = max_queue;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->engine.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&c->engine.mutex, NULL);
    return c;
}

int fake_chat_n_held(loam_chat *c)
{
    pthread_mutex_lock(&c->engine.mutex);
    int n = c->engine.n_held;
    pthread_mutex_unlock(&c->engine.mutex);
    return n;
}

void fake_chat_free(loam_chat *c)
{
    pthread_mutex_destroy(&c->engine.mutex);
    pthread_cond_destroy(&c->engine.changed);
    free(c);
}
