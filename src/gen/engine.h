/* The engine: one thread that owns a loaded model and generates for many jobs at once. Jobs are submitted from any
 * thread; each has its own event queue, its own sampler and its own cancel. Prompts are read in chunks between the
 * steps of running jobs; a prompt's common prefix with what a slot already holds is not read again. Same model, prompt,
 * parameters and seed give the same tokens with any number of threads, alone or in a batch, with any chunk size. */
#ifndef LOAM_GEN_ENGINE_H
#define LOAM_GEN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "gen/sampler.h"
#include "model/model.h"
#include "text/tokenizer.h"

typedef struct loam_engine loam_engine;
typedef struct loam_job loam_job;

typedef struct loam_engine_options {
    loam_model_options model;
    int chunk_tokens; /* prompt tokens read in one step; 0: 512 */
    int max_queue;    /* jobs that may wait for a slot before submit answers BUSY; 0: 256 */
} loam_engine_options;

/* Loads model and tokenizer and starts the thread. Owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_engine_open(const char *model_path, const loam_engine_options *options,
                                               loam_engine **out, loam_err *err);
/* Cancels all jobs, joins the thread, frees the model. Jobs still held stay valid and give FINISH with CANCELLED. */
void loam_engine_close(loam_engine *e);
const loam_model_info *loam_engine_model_info(const loam_engine *e);
const loam_tokenizer *loam_engine_tokenizer(const loam_engine *e);
const loam_gguf *loam_engine_gguf(const loam_engine *e); /* for the chat template */

enum { LOAM_JOB_MAX_STOPS = 16 };

typedef struct loam_job_request {
    const int32_t *prompt; /* copied */
    size_t n_prompt;       /* ≥ 1; one that leaves no room for a token is INVALID, the message has both numbers */
    int max_tokens;        /* < 0: as many as the context has room for */
    loam_sampler_params sampler;
    const char *stops[LOAM_JOB_MAX_STOPS]; /* NUL-terminated UTF-8, copied; none is empty */
    int n_stops;
    bool ignore_end;   /* go on past end-of-text tokens */
    int n_logprobs;    /* 0: none; else the log-probability of each token and of this many best alternatives, ≤ 20 */
    bool show_special; /* control tokens appear in the text */
} loam_job_request;

typedef enum loam_finish { LOAM_FINISH_STOP, LOAM_FINISH_LENGTH, LOAM_FINISH_CANCELLED, LOAM_FINISH_ERROR } loam_finish;

typedef enum loam_event_kind {
    LOAM_EVENT_KIND_NONE,     /* nothing within the time-out */
    LOAM_EVENT_KIND_PROGRESS, /* prompt reading: prompt_done of usage.prompt_tokens */
    LOAM_EVENT_KIND_TEXT,     /* a piece of the answer: whole UTF-8 characters, never part of a stop string */
    LOAM_EVENT_KIND_FINISH,   /* the last event of every job; finish, usage and error are set */
} loam_event_kind;

typedef struct loam_usage {
    int prompt_tokens, cached_tokens, completion_tokens;
    double queue_s, prompt_s, completion_s; /* waiting for a slot, reading the prompt, writing the answer */
} loam_usage;

typedef struct loam_token_logprob {
    int32_t id;
    float logprob;
} loam_token_logprob;

typedef struct loam_logprobs { /* one entry per generated token of this event */
    loam_token_logprob chosen;
    int n_top;
    loam_token_logprob top[20];
} loam_logprobs;

typedef struct loam_event {
    loam_event_kind kind;
    const char *text; /* NUL-terminated; borrowed until the next call for this job */
    size_t len;
    int n_logprobs;
    const loam_logprobs *logprobs; /* borrowed likewise */
    int prompt_done;
    loam_finish finish;
    const char *stop; /* the stop string that ended the answer, or NULL */
    loam_usage usage;
    loam_err error; /* with LOAM_FINISH_ERROR */
} loam_event;

/* Queues a job. Owned by the caller (loam_job_free). BUSY when the queue is full, INVALID for bad requests. */
LOAM_CHECK_RESULT loam_status loam_engine_submit(loam_engine *e, const loam_job_request *r, loam_job **out,
                                                 loam_err *err);
/* Waits up to timeout_ms for the job's next event. After FINISH it returns FINISH again. One reader per job. */
void loam_job_next(loam_job *j, int timeout_ms, loam_event *out);
/* Ends the job at its next step; never touches another. Any thread, any time, also twice. */
void loam_job_cancel(loam_job *j);
/* Cancels if still running and gives the handle back. */
void loam_job_free(loam_job *j);

/* Counters since the start, for /metrics; a consistent snapshot. */
typedef struct loam_engine_stats {
    uint64_t prompt_tokens, cached_tokens, completion_tokens, n_steps, jobs_done, jobs_cancelled, jobs_failed;
    double prompt_s, completion_s; /* time in steps that read prompts / that wrote answers */
    int jobs_running, jobs_waiting, max_prompt_tokens;
    double slots_busy_sum; /* running jobs summed over steps */
} loam_engine_stats;
void loam_engine_get_stats(loam_engine *e, loam_engine_stats *out);

#endif
