/* Long jobs (images, clips, later training) that survive: each is a row in the database of the data folder, and what it
 * makes are files beside it. One thread runs them in turn. A job that was waiting when the program ended goes on
 * waiting after the next start; one that ran is `interrupted` and can be run again from its request, so put all that
 * decides the result (the seed!) into the request before it is submitted. A result is complete or absent, whenever the
 * power goes.
 *
 * Every function may be called from any thread. */
#ifndef LOAM_SERVICE_JOBS_H
#define LOAM_SERVICE_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct loam_jobs loam_jobs;
typedef struct loam_jobs_run loam_jobs_run;

enum {
    LOAM_JOBS_ID_LENGTH = 24,         /* letters a-z and digits, random: nobody guesses another's */
    LOAM_JOBS_REQUEST_MAX = 64 << 20, /* bytes of a request's text: pictures may be in it */
    LOAM_JOBS_LIST_MAX = 200,         /* jobs on one page of a list */
    LOAM_JOBS_PREVIEW_MAX = 16 << 20, /* bytes */
    LOAM_JOBS_STAGE_MAX = 32,         /* bytes of a stage's name, NUL included */
};

/* name, whether it has ended */
#define LOAM_JOBS_STATE_LIST(X)     \
    X(QUEUED, "queued", false)      \
    X(RUNNING, "running", false)    \
    X(DONE, "done", true)           \
    X(FAILED, "failed", true)       \
    X(CANCELLED, "cancelled", true) \
    X(INTERRUPTED, "interrupted", true)
typedef enum loam_jobs_state {
#define X(name, text, ended) LOAM_JOBS_STATE_##name,
    LOAM_JOBS_STATE_LIST(X)
#undef X
        LOAM_JOBS_STATE_COUNT
} loam_jobs_state;
const char *loam_jobs_state_name(loam_jobs_state s);
bool loam_jobs_state_ended(loam_jobs_state s);
/* LOAM_JOBS_STATE_COUNT for an unknown name. */
loam_jobs_state loam_jobs_state_parse(const char *name);

/* Makes what a job asks for, on the queue's thread. OK makes the job done; CANCELLED, when somebody asked for it,
 * cancelled; all else failed with err's message. Results added before stay in every case. request is borrowed. */
typedef loam_status (*loam_jobs_fn)(void *ctx, loam_jobs_run *run, const char *kind, const char *request,
                                    loam_err *err);

typedef struct loam_jobs_options {
    loam_jobs_fn run;
    void *ctx;
    int max_queued; /* waiting jobs before submit answers BUSY; 0: 64 */
} loam_jobs_options;

/* Opens the data folder (made when absent): settles what a killed program left behind, then starts to work on what
 * waits. BUSY when another process has the folder open; else as loam_store_open. Owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_jobs_open(const char *dir, const loam_jobs_options *o, loam_jobs **out,
                                             loam_err *err);
/* Asks the running job to stop and waits for it (it becomes `interrupted`); threads inside loam_jobs_wait return
 * CANCELLED. No other call may begin. NULL is allowed. */
void loam_jobs_close(loam_jobs *j);

/* --- For those who want work done. Unknown ids are NOT_FOUND. */

typedef struct loam_jobs_new {
    const char *kind;    /* "image", "video": a-z, 0-9, '_', up to 32 */
    const char *request; /* JSON; kept as it is */
    const char *owner;   /* NULL: nobody's; up to 200 bytes */
    int priority;        /* the higher the sooner; equal ones in the order of arrival */
} loam_jobs_new;
/* Puts a job into the queue and on the disk. position (may be NULL): 1 is next. BUSY when the queue is full. */
LOAM_CHECK_RESULT loam_status loam_jobs_submit(loam_jobs *j, const loam_jobs_new *n, char id[LOAM_JOBS_ID_LENGTH + 1],
                                               int *position, loam_err *err);

#define LOAM_JOBS_VERSION_ENDED UINT64_MAX
/* A job at one moment. */
typedef struct loam_jobs_view {
    char id[LOAM_JOBS_ID_LENGTH + 1];
    char *kind, *owner, *error; /* owned; never NULL; owner and error may be "" */
    loam_jobs_state state;
    bool cancelling; /* runs, but was asked to stop */
    int priority;
    int position;                                /* while queued: 1 is next; else 0 */
    int64_t created_ms, started_ms, finished_ms; /* since 1970; 0: not yet */
    char stage[LOAM_JOBS_STAGE_MAX];             /* what it does or last did; "" before the first report */
    int step, n_steps;                           /* of the stage; n_steps 0: unknown */
    double steps_per_s, eta_s;                   /* of the stage, from its last steps; -1: unknown */
    int n_results;
    uint64_t version;         /* differs after each change, within one process; ENDED for the last */
    uint64_t preview_version; /* of the latest preview; 0: none */
} loam_jobs_view;
/* Frees what it owns; a zeroed view is allowed. */
void loam_jobs_view_deinit(loam_jobs_view *v);

/* out is owned by the caller, on success only. */
LOAM_CHECK_RESULT loam_status loam_jobs_get(loam_jobs *j, const char *id, loam_jobs_view *out, loam_err *err);
/* Waits until the job's version is another than last_version (0: any), at most timeout_ms; then as loam_jobs_get, also
 * when nothing changed (the version tells). Any number of threads may wait. */
LOAM_CHECK_RESULT loam_status loam_jobs_wait(loam_jobs *j, const char *id, uint64_t last_version, int timeout_ms,
                                             loam_jobs_view *out, loam_err *err);
/* The request as it was submitted; owned by the caller (free). */
LOAM_CHECK_RESULT loam_status loam_jobs_request(loam_jobs *j, const char *id, char **out, loam_err *err);
/* Copies the latest preview of a running job (out is initialised by the caller; media: its media type). NOT_FOUND when
 * there is none. */
LOAM_CHECK_RESULT loam_status loam_jobs_preview(loam_jobs *j, const char *id, loam_buf *out, char media[64],
                                                uint64_t *version, loam_err *err);

typedef struct loam_jobs_filter {
    const char *kind, *owner; /* NULL: any */
    loam_jobs_state state;    /* LOAM_JOBS_STATE_COUNT: any */
} loam_jobs_filter;
typedef struct loam_jobs_page {
    loam_jobs_view *views; /* [n], newest first */
    int n;
    int64_t next; /* cursor of the following page; 0: this is the last */
} loam_jobs_page;
/* Jobs older than the cursor `before` (0: from the newest), at most `limit` (1 to LOAM_JOBS_LIST_MAX). Owned by the
 * caller. */
LOAM_CHECK_RESULT loam_status loam_jobs_list(loam_jobs *j, const loam_jobs_filter *f, int limit, int64_t before,
                                             loam_jobs_page *out, loam_err *err);
void loam_jobs_page_deinit(loam_jobs_page *p);

/* A waiting job is cancelled at once; a running one is asked to stop; a cancelled one stays so. INVALID when it has
 * ended otherwise. */
LOAM_CHECK_RESULT loam_status loam_jobs_cancel(loam_jobs *j, const char *id, loam_err *err);
/* Submits the request of an ended job as a new one; the old one stays. INVALID while it waits or runs. */
LOAM_CHECK_RESULT loam_status loam_jobs_retry(loam_jobs *j, const char *id, char new_id[LOAM_JOBS_ID_LENGTH + 1],
                                              int *position, loam_err *err);
/* Removes an ended or waiting job and the files it made. INVALID while it runs: cancel it first. */
LOAM_CHECK_RESULT loam_status loam_jobs_delete(loam_jobs *j, const char *id, loam_err *err);

typedef struct loam_jobs_result {
    int idx;
    char *media; /* "image/png"; owned, as the others; never NULL */
    char *path;  /* of the file */
    char *meta;  /* JSON, or "" */
    int64_t bytes;
    int width, height; /* 0: has none */
} loam_jobs_result;
void loam_jobs_result_deinit(loam_jobs_result *r);
/* What a job has made so far, in order. The array and its parts are owned by the caller (loam_jobs_results_free). */
LOAM_CHECK_RESULT loam_status loam_jobs_results(loam_jobs *j, const char *id, loam_jobs_result **out, int *n,
                                                loam_err *err);
void loam_jobs_results_free(loam_jobs_result *r, int n);
/* One result and where it lies. NOT_FOUND, too, when somebody removed the file. */
LOAM_CHECK_RESULT loam_status loam_jobs_result_read(loam_jobs *j, const char *id, int idx, loam_jobs_result *out,
                                                    loam_err *err);

/* --- For the function that does the work; from one thread at a time. */

const char *loam_jobs_run_id(const loam_jobs_run *r);
/* Whether to stop, with CANCELLED; ask at each step. From any thread. */
bool loam_jobs_run_cancelled(const loam_jobs_run *r);
/* `step` of n_steps (0: unknown) of a stage is done; report 0 at its begin. Cheap enough for every step. */
void loam_jobs_run_progress(loam_jobs_run *r, const char *stage, int step, int n_steps);
/* Replaces the preview by a copy of these bytes; too big a one, or one without memory, is dropped. */
void loam_jobs_run_preview(loam_jobs_run *r, const char *media, const void *bytes, size_t n);
/* Keeps a result: when this returns OK it is on the disk and listed, and the end of the process does not lose it. meta:
 * JSON, or NULL. IO: e.g. the disk is full; then nothing of it is left. */
LOAM_CHECK_RESULT loam_status loam_jobs_run_result(loam_jobs_run *r, const char *media, const void *bytes, size_t n,
                                                   int width, int height, const char *meta, loam_err *err);

#endif
