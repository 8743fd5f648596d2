/* What the files of the engine share. Three groups of state, by who may touch them:
 *   loam_job    its queue: under job->lock (rank 2); its engine part: the engine thread; the rest never changes
 *   loam_slot   the engine thread
 *   loam_engine the waiting jobs and the counters: under engine->lock (rank 1); the rest: the engine thread
 * A job never points to its engine: cancelling is a flag that the engine looks at in each step, so that a job may
 * outlive its engine. */
#ifndef LOAM_GEN_GEN_INT_H
#define LOAM_GEN_GEN_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "gen/engine.h"
#include "gen/stops.h"

enum { LOAM_JOB_MAX_LOGPROBS = 20 };

/* --- jobs: job.c, events.c --- */

typedef struct loam_held_logprobs { /* of a token whose text is held back */
    loam_logprobs entry;
    size_t start; /* where its text begins in the answer's */
} loam_held_logprobs;

struct loam_job {
    /* the request, owned */
    int32_t *prompt;
    int n_prompt, max_tokens; /* max_tokens is resolved: what the context has room for */
    loam_sampler_params params;
    loam_logit_bias *bias;
    bool ignore_end, show_special;
    int n_logprobs;

    atomic_int refs; /* the holder's and the engine's */
    atomic_bool cancelled;
    loam_job *next; /* among those that wait: under engine->lock */

    /* the queue: text that nobody has read is one growing piece, so a slow reader costs its own answer and no more */
    pthread_mutex_t lock; /* guards from here to `finished`; rank 2, nothing is taken inside */
    pthread_cond_t changed;
    int prompt_done;
    bool prompt_news;
    loam_buf text;
    loam_logprobs *probs; /* of the tokens in text */
    size_t n_probs, cap_probs;
    loam_event end; /* valid once finished */
    bool finished;

    /* the reader's: what the last event borrows from */
    loam_buf read_text;
    loam_logprobs *read_probs;
    size_t cap_read_probs;

    /* the engine thread's */
    loam_sampler *sampler; /* NULL until it has a slot */
    loam_stops *stops;
    loam_held_logprobs *held;
    size_t n_held, cap_held, n_shown; /* n_shown: bytes of text that were ever queued */
    loam_usage usage;
    double submitted_s, admitted_s, answering_s; /* clock; 0 before it happened */
};

/* Checks r against the model and makes the job with two references. */
LOAM_CHECK_RESULT loam_status loam_job_new(const loam_job_request *r, const loam_model_info *info, loam_job **out,
                                           loam_err *err);
/* Gives one reference back. */
void loam_job_unref(loam_job *j);

void loam_job_push_progress(loam_job *j, int prompt_done);
/* Queues what a token's bytes make certain. *stopped: a stop string is complete. probs: of this token, or NULL.
 * NO_MEMORY leaves the job to be failed. */
LOAM_CHECK_RESULT loam_status loam_job_push_token(loam_job *j, const char *bytes, size_t len,
                                                  const loam_logprobs *probs, bool *stopped, loam_err *err);
/* Queues held-back text and FINISH, with the times of usage; frees what only a running job needs. why: with ERROR. */
void loam_job_finish(loam_job *j, loam_finish finish, const loam_err *why);

/* --- log-probabilities: logprobs.c --- */

/* Log-softmax of the raw logits, in double: of id and of the n_top best (ties by lowest id). */
void loam_logprobs_get(const float *logits, size_t n_vocab, int32_t id, int n_top, loam_logprobs *out);

/* --- slots: slots.c --- */

typedef struct loam_slot { /* a sequence of the model */
    loam_job *job;         /* NULL: idle */
    int32_t *tokens;       /* [n_ctx] prompt and answer so far; kept when the job leaves */
    int n_tokens;
    int n_computed; /* the first of them whose keys and values the model holds */
    int n_generated;
    uint64_t order; /* when its job came (or, idle, left): a count */
} loam_slot;

typedef struct loam_slot_choice {
    int to;       /* the idle slot to take */
    int from;     /* whose first n_shared positions to copy; may be `to` */
    int n_shared; /* < n_prompt, so that the last prompt token is computed and gives logits */
} loam_slot_choice;

/* The slot for a prompt; false when none is idle. */
bool loam_slots_choose(const loam_slot *slots, int n, const int32_t *prompt, int n_prompt, loam_slot_choice *out);

typedef struct loam_slot_wait {
    bool wait; /* another slot is computing what this one needs next: sit this step out */
    int from;  /* else: whose first n_shared positions are worth copying; -1: nobody's */
    int n_shared;
} loam_slot_wait;

/* What slot i, still reading its prompt, can gain from the others. */
loam_slot_wait loam_slots_follow(const loam_slot *slots, int n, int i);

/* --- the engine: engine.c, step.c --- */

struct loam_engine {
    loam_model *model;
    loam_tokenizer *tokenizer;
    const loam_model_info *info;
    int chunk_tokens, max_queue;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* guards the five below; rank 1, a job's lock may be taken inside */
    pthread_cond_t work;
    loam_job *waiting, **waiting_end;
    int n_busy; /* slots that hold a job */
    bool closing;
    loam_engine_stats
        stats; /* written by the engine thread (jobs_waiting: also by submit), which may read without lock */

    loam_slot *slots;       /* [n_seqs] */
    loam_model_span *spans; /* [n_seqs] of the step at hand */
    int *order;             /* [n_seqs] */
    uint64_t count;         /* for loam_slot.order */
};

/* Gives a job a slot; when that fails the job is finished with the error. There is an idle slot. */
void loam_engine_admit(loam_engine *e, loam_job *j);
/* One step of all jobs in slots: reads, generates, queues events, lets finished and cancelled jobs go. */
void loam_engine_step(loam_engine *e);
/* Ends a slot's job. */
void loam_engine_leave(loam_engine *e, loam_slot *s, loam_finish finish, const loam_err *why);

#endif
