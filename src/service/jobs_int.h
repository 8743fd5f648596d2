/* What the files of "jobs" share. jobs.c: what callers ask; jobs_worker.c: the thread that runs jobs; jobs_rows.c: the
 * rows; jobs_files.c: the files of results.
 *
 * In memory are only the jobs that have not ended (entries); all else is read from the database. Both change together,
 * under the mutex. */
#ifndef LOAM_SERVICE_JOBS_INT_H
#define LOAM_SERVICE_JOBS_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "service/jobs.h"
#include "store/store.h"

enum { LOAM_JOBS_RATE_STEPS = 8 }; /* the speed is that of the last so many steps */

/* A job that waits or runs; or whose end could not be written down yet. */
typedef struct loam_jobs_entry {
    int64_t seq;
    char id[LOAM_JOBS_ID_LENGTH + 1];
    char kind[33];
    int priority;
    loam_jobs_state state;
    uint64_t version;
    atomic_bool stop; /* asked to stop; read by the worker without the mutex */
    bool cancelled;   /* by somebody, not by the program's end */
    char stage[LOAM_JOBS_STAGE_MAX];
    int step, n_steps;
    struct {
        double s;
        int step;
    } reports[LOAM_JOBS_RATE_STEPS + 1]; /* of this stage, the latest last */
    int n_reports;
    void *preview; /* owned */
    size_t preview_len;
    char preview_media[64];
    uint64_t preview_version;
    int64_t finished_ms;
    char error[LOAM_ERR_MSG_MAX];
    struct loam_jobs_entry *next;
} loam_jobs_entry;

struct loam_jobs {
    char *dir; /* data folder */
    int lock_fd;
    loam_store *store;
    loam_jobs_fn run;
    void *ctx;
    int max_queued;
    pthread_t worker;
    /* Guards what follows, and the entries. First rank: the store's is taken inside it. */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* an entry, the queue or stopping; on the monotonic clock */
    loam_jobs_entry *queue; /* by priority, then age */
    loam_jobs_entry *running;
    loam_jobs_entry *unsaved; /* ended, but the disk did not take it */
    int n_queued;
    int n_waiters; /* threads inside loam_jobs_wait */
    uint64_t version;
    bool stopping;
};

struct loam_jobs_run {
    loam_jobs *jobs;
    loam_jobs_entry *entry;
    int n_results;
    double saved_s; /* when progress was last written down */
};

/* Milliseconds since 1970. */
int64_t loam_jobs_now_ms(void);
void loam_jobs_entry_free(loam_jobs_entry *e);
/* Under the mutex: gives e a new version and wakes who waits. */
void loam_jobs_touch(loam_jobs *j, loam_jobs_entry *e);
/* Under the mutex: takes e, which waits, out of the queue; the positions of those behind change. */
void loam_jobs_unqueue(loam_jobs *j, loam_jobs_entry *e);
/* The worker's thread; arg: loam_jobs. */
void *loam_jobs_work(void *arg);
/* Under the mutex: tries again to write down the ends that the disk did not take. */
void loam_jobs_save_again(loam_jobs *j);

/* --- jobs_rows.c: each is one transaction. */
/* Jobs that ran become interrupted; *queue: those that wait, in their order. */
LOAM_CHECK_RESULT loam_status loam_jobs_rows_recover(loam_store *s, loam_jobs_entry **queue, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_jobs_rows_add(loam_store *s, const loam_jobs_new *n, const char *id, int64_t *seq,
                                                 loam_err *err);
LOAM_CHECK_RESULT loam_status loam_jobs_rows_start(loam_store *s, const char *id, loam_err *err);
/* Writes progress, and, when it has ended, the state, time and error of e. */
LOAM_CHECK_RESULT loam_status loam_jobs_rows_save(loam_store *s, const loam_jobs_entry *e, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_jobs_rows_get(loam_store *s, const char *id, loam_jobs_view *out, loam_err *err);
/* seqs [limit]: the position of each view in the order of arrival. */
LOAM_CHECK_RESULT loam_status loam_jobs_rows_list(loam_store *s, const loam_jobs_filter *f, int limit, int64_t before,
                                                  loam_jobs_view *views, int64_t *seqs, int *n, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_jobs_rows_request(loam_store *s, const char *id, char **out, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_jobs_rows_delete(loam_store *s, const char *id, loam_err *err);
/* path holds the file's name only. */
LOAM_CHECK_RESULT loam_status loam_jobs_rows_add_result(loam_store *s, const char *id, const loam_jobs_result *r,
                                                        loam_err *err);
LOAM_CHECK_RESULT loam_status loam_jobs_rows_results(loam_store *s, const char *id, loam_jobs_result **out, int *n,
                                                     loam_err *err);
LOAM_CHECK_RESULT loam_status loam_jobs_rows_has_file(loam_store *s, const char *id, const char *file, bool *has,
                                                      loam_err *err);

/* --- jobs_files.c: results/<id>/<idx>.<extension> in the data folder. */
bool loam_jobs_id_is_valid(const char *id);
/* "0.png". */
void loam_jobs_file_name(int idx, const char *media, char out[32]);
/* Owned by the caller; NULL when out of memory. file NULL: the job's folder. */
char *loam_jobs_file_path(const char *dir, const char *id, const char *file);
/* Writes a file beside its place and renames it; makes the folders that are missing. */
LOAM_CHECK_RESULT loam_status loam_jobs_file_write(const char *dir, const char *id, const char *file, const void *bytes,
                                                   size_t n, loam_err *err);
/* Removes a file of a job, and the job's folder when it is empty then. file NULL: the folder alone. */
void loam_jobs_file_remove(const char *dir, const char *id, const char *file);
/* Removes the files of results that no row names: what a killed program left. */
LOAM_CHECK_RESULT loam_status loam_jobs_files_sweep(const char *dir, loam_store *s, loam_err *err);

#endif
