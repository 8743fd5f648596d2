/* A job from request to free: checks, copies, reference counts, cancel. Its event queue is in events.c. */
#include "gen/gen_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "text/utf8.h"

enum { MAX_TEXT_BYTES = 1 << 28 }; /* of an answer that nobody reads; far more than a context has room for */

static loam_status check_text(const char *s, loam_err *err)
{
    size_t n = strlen(s);
    if (n == 0)
        LOAM_FAIL(err, INVALID, "a stop string is empty: leave it out");
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        i += loam_utf8_next(s + i, n - i, &cp);
        if (cp == LOAM_UTF8_INVALID)
            LOAM_FAIL(err, INVALID, "a stop string is not UTF-8");
    }
    return LOAM_OK;
}

static loam_status check(const loam_job_request *r, const loam_model_info *info, loam_err *err)
{
    if (r->n_prompt == 0)
        LOAM_FAIL(err, INVALID, "the prompt is empty: it needs at least one token");
    if (r->n_prompt >= (size_t)info->n_ctx)
        LOAM_FAIL(err, INVALID,
                  "the prompt has %zu tokens, the context has room for %d and needs one for the answer: shorten the "
                  "prompt or give the model a larger context",
                  r->n_prompt, info->n_ctx);
    for (size_t i = 0; i < r->n_prompt; i++)
        if (r->prompt[i] < 0 || r->prompt[i] >= info->n_vocab)
            LOAM_FAIL(err, INVALID, "token %zu of the prompt is %d, the vocabulary has 0 to %d", i, (int)r->prompt[i],
                      info->n_vocab - 1);
    LOAM_TRY(loam_sampler_check(&r->sampler, err));
    for (size_t i = 0; i < r->sampler.n_bias; i++)
        if (r->sampler.bias[i].token >= info->n_vocab)
            LOAM_FAIL(err, INVALID, "logit_bias names token %d, the vocabulary has 0 to %d",
                      (int)r->sampler.bias[i].token, info->n_vocab - 1);
    if (r->n_stops < 0 || r->n_stops > LOAM_JOB_MAX_STOPS)
        LOAM_FAIL(err, INVALID, "%d stop strings, at most %d are allowed", r->n_stops, LOAM_JOB_MAX_STOPS);
    for (int i = 0; i < r->n_stops; i++)
        LOAM_TRY(check_text(r->stops[i], err));
    if (r->n_logprobs < 0 || r->n_logprobs > LOAM_JOB_MAX_LOGPROBS)
        LOAM_FAIL(err, INVALID, "logprobs of %d alternatives, it must be 0 to %d", r->n_logprobs,
                  LOAM_JOB_MAX_LOGPROBS);
    return LOAM_OK;
}

static void init_sync(loam_job *j)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&j->lock, NULL);
}

loam_status loam_job_new(const loam_job_request *r, const loam_model_info *info, loam_job **out, loam_err *err)
{
    LOAM_TRY(check(r, info, err));
    loam_job *j = calloc(1, sizeof *j);
    if (!j)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a job");
    init_sync(j);
    atomic_init(&j->refs, 2);
    atomic_init(&j->cancelled, false);
    loam_buf_init(&j->text, MAX_TEXT_BYTES);
    loam_buf_init(&j->read_text, MAX_TEXT_BYTES);
    j->n_prompt = (int)r->n_prompt;
    int room = info->n_ctx - j->n_prompt;
    j->max_tokens = r->max_tokens < 0 || r->max_tokens > room ? room : r->max_tokens;
    j->params = r->sampler;
    j->ignore_end = r->ignore_end;
    j->show_special = r->show_special;
    j->n_logprobs = r->n_logprobs;
    j->usage.prompt_tokens = j->n_prompt;
    j->submitted_s = loam_clock_s();
    j->prompt = malloc(r->n_prompt * sizeof *j->prompt);
    j->bias = calloc(r->sampler.n_bias + 1, sizeof *j->bias);
    j->stops = loam_stops_new(r->stops, r->n_stops);
    if (!j->prompt || !j->bias || !j->stops) {
        atomic_store(&j->refs, 1);
        loam_job_unref(j);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a job of %zu prompt tokens", r->n_prompt);
    }
    memcpy(j->prompt, r->prompt, r->n_prompt * sizeof *j->prompt);
    if (r->sampler.n_bias)
        memcpy(j->bias, r->sampler.bias, r->sampler.n_bias * sizeof *j->bias);
    j->params.bias = j->bias;
    *out = j;
    return LOAM_OK;
}

void loam_job_unref(loam_job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->changed);
    loam_buf_deinit(&j->text);
    loam_buf_deinit(&j->read_text);
    loam_stops_free(j->stops);
    loam_sampler_free(j->sampler);
    free(j->prompt);
    free(j->bias);
    free(j->probs);
    free(j->read_probs);
    free(j->held);
    free(j);
}

void loam_job_cancel(loam_job *j)
{
    atomic_store(&j->cancelled, true);
}

void loam_job_free(loam_job *j)
{
    if (!j)
        return;
    loam_job_cancel(j);
    loam_job_unref(j);
}
