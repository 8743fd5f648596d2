/* The engine's life and its thread: jobs wait in a list, get a slot as one falls free, and move on together, a step at
 * a time (step.c). With no job the thread sleeps. */
#include "gen/gen_int.h"

#include <signal.h>
#include <stdlib.h>

enum { DEFAULT_CHUNK_TOKENS = 512, DEFAULT_MAX_QUEUE = 256 };

/* Takes the waiting jobs that were cancelled (all of them with `all`) out of the list. Under e->lock. */
static loam_job *take_cancelled(loam_engine *e, bool all)
{
    loam_job *taken = NULL, **at = &e->waiting;
    while (*at) {
        loam_job *j = *at;
        if (!all && !atomic_load(&j->cancelled)) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        j->next = taken;
        taken = j;
        e->stats.jobs_waiting--;
        e->stats.jobs_cancelled++;
    }
    e->waiting_end = at;
    return taken;
}

/* Takes as many jobs as there are free slots, first come first served. Under e->lock. */
static loam_job *take_next(loam_engine *e)
{
    loam_job *taken = NULL, **end = &taken;
    while (e->waiting && e->n_busy < e->info->n_seqs) {
        loam_job *j = e->waiting;
        e->waiting = j->next;
        if (!e->waiting)
            e->waiting_end = &e->waiting;
        j->next = NULL;
        *end = j;
        end = &j->next;
        e->stats.jobs_waiting--;
        e->n_busy++;
    }
    return taken;
}

static void *engine_thread(void *arg)
{
    loam_engine *e = arg;
    bool closing = false;
    while (!closing) {
        pthread_mutex_lock(&e->lock);
        while (!e->closing && !e->waiting && e->n_busy == 0)
            pthread_cond_wait(&e->work, &e->lock);
        closing = e->closing;
        loam_job *cancelled = take_cancelled(e, closing);
        loam_job *next = take_next(e);
        pthread_mutex_unlock(&e->lock);
        while (cancelled) {
            loam_job *j = cancelled;
            cancelled = j->next;
            loam_job_finish(j, LOAM_FINISH_CANCELLED, NULL);
            loam_job_unref(j);
        }
        while (next) {
            loam_job *j = next;
            next = j->next;
            loam_engine_admit(e, j);
        }
        if (!closing)
            loam_engine_step(e);
    }
    for (int i = 0; i < e->info->n_seqs; i++)
        if (e->slots[i].job)
            loam_engine_leave(e, &e->slots[i], LOAM_FINISH_CANCELLED, NULL);
    return NULL;
}

/* The thread takes no signals: they are for the program's own threads. */
static int start_thread(loam_engine *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&e->thread, NULL, engine_thread, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static loam_status make_slots(loam_engine *e, loam_err *err)
{
    size_t n = (size_t)e->info->n_seqs, n_ctx = (size_t)e->info->n_ctx;
    e->slots = calloc(n, sizeof *e->slots);
    e->spans = calloc(n, sizeof *e->spans);
    e->order = calloc(n, sizeof *e->order);
    if (!e->slots || !e->spans || !e->order)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %zu slots", n);
    for (size_t i = 0; i < n; i++) {
        e->slots[i].tokens = calloc(n_ctx, sizeof *e->slots[i].tokens);
        if (!e->slots[i].tokens)
            LOAM_FAIL(err, NO_MEMORY, "no memory for %zu slots of %zu tokens", n, n_ctx);
    }
    return LOAM_OK;
}

loam_status loam_engine_open(const char *model_path, const loam_engine_options *options, loam_engine **out,
                             loam_err *err)
{
    loam_engine *e = calloc(1, sizeof *e);
    if (!e)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the engine");
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->work, NULL);
    e->waiting_end = &e->waiting;
    loam_model_options model = options ? options->model : (loam_model_options){0};
    if (model.n_seqs < 1)
        model.n_seqs = 1;
    loam_status status = loam_model_open(model_path, &model, &e->model, err);
    if (status != LOAM_OK)
        goto fail;
    e->info = loam_model_get_info(e->model);
    e->max_queue = options && options->max_queue > 0 ? options->max_queue : DEFAULT_MAX_QUEUE;
    e->chunk_tokens = options && options->chunk_tokens > 0 ? options->chunk_tokens : DEFAULT_CHUNK_TOKENS;
    if (e->chunk_tokens > e->info->n_batch)
        e->chunk_tokens = e->info->n_batch;
    status = loam_tokenizer_new(loam_model_gguf(e->model), &e->tokenizer, err);
    if (status != LOAM_OK)
        goto fail;
    status = make_slots(e, err);
    if (status != LOAM_OK)
        goto fail;
    if (start_thread(e) != 0) {
        status = loam_err_set(err, LOAM_STATUS_INTERNAL, __FILE__, __LINE__, "the engine's thread did not start");
        goto fail;
    }
    e->started = true;
    *out = e;
    return LOAM_OK;
fail:
    loam_engine_close(e);
    return status;
}

void loam_engine_close(loam_engine *e)
{
    if (!e)
        return;
    if (e->started) {
        pthread_mutex_lock(&e->lock);
        e->closing = true;
        pthread_cond_signal(&e->work);
        pthread_mutex_unlock(&e->lock);
        pthread_join(e->thread, NULL);
    }
    for (int i = 0; e->slots && i < e->info->n_seqs; i++)
        free(e->slots[i].tokens);
    free(e->slots);
    free(e->spans);
    free(e->order);
    if (e->tokenizer)
        loam_tokenizer_free(e->tokenizer);
    if (e->model)
        loam_model_close(e->model);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->work);
    free(e);
}

const loam_model_info *loam_engine_model_info(const loam_engine *e)
{
    return e->info;
}
const loam_tokenizer *loam_engine_tokenizer(const loam_engine *e)
{
    return e->tokenizer;
}
const loam_gguf *loam_engine_gguf(const loam_engine *e)
{
    return loam_model_gguf(e->model);
}

loam_status loam_engine_submit(loam_engine *e, const loam_job_request *r, loam_job **out, loam_err *err)
{
    loam_job *j;
    LOAM_TRY(loam_job_new(r, e->info, &j, err));
    pthread_mutex_lock(&e->lock);
    int waiting = e->stats.jobs_waiting;
    bool busy = waiting + e->n_busy >= e->info->n_seqs + e->max_queue, closing = e->closing;
    if (!busy && !closing) {
        *e->waiting_end = j;
        e->waiting_end = &j->next;
        e->stats.jobs_waiting++;
        pthread_cond_signal(&e->work);
    }
    pthread_mutex_unlock(&e->lock);
    if (!busy && !closing) {
        *out = j;
        return LOAM_OK;
    }
    loam_job_unref(j);
    loam_job_unref(j);
    if (closing)
        LOAM_FAIL(err, CANCELLED, "the engine is closing");
    LOAM_FAIL(err, BUSY, "%d jobs run and %d wait, no more may wait: try again later", e->info->n_seqs, waiting);
}

void loam_engine_get_stats(loam_engine *e, loam_engine_stats *out)
{
    pthread_mutex_lock(&e->lock);
    *out = e->stats;
    out->jobs_running = e->n_busy;
    pthread_mutex_unlock(&e->lock);
}
