/* The thread that runs jobs one after the other, and what a job's function may call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "service/jobs_int.h"

enum {
    SAVE_PROGRESS_S = 5, /* progress is written down this often: it tells, after a crash, how far a job came */
    SAVE_AGAIN_S = 1,    /* pause between tries to write on a full disk */
};

/* --- What a job's function calls. */

const char *loam_jobs_run_id(const loam_jobs_run *r)
{
    return r->entry->id;
}

bool loam_jobs_run_cancelled(const loam_jobs_run *r)
{
    return atomic_load(&r->entry->stop);
}

/* Only the reports of this stage count, and of them the last few: a first step is often slower. */
static void note(loam_jobs_entry *e, double now, int step)
{
    if (e->n_reports == LOAM_JOBS_RATE_STEPS + 1)
        memmove(e->reports, e->reports + 1, (size_t)--e->n_reports * sizeof *e->reports);
    e->reports[e->n_reports].s = now;
    e->reports[e->n_reports++].step = step;
}

void loam_jobs_run_progress(loam_jobs_run *r, const char *stage, int step, int n_steps)
{
    loam_jobs *j = r->jobs;
    loam_jobs_entry *e = r->entry;
    double now = loam_clock_s();
    pthread_mutex_lock(&j->mutex);
    char name[LOAM_JOBS_STAGE_MAX] = {0};
    snprintf(name, sizeof name, "%s", stage);
    if (strcmp(name, e->stage) != 0 || n_steps != e->n_steps || step < e->step)
        e->n_reports = 0;
    memcpy(e->stage, name, sizeof name);
    e->step = step;
    e->n_steps = n_steps;
    note(e, now, step);
    if (now - r->saved_s >= SAVE_PROGRESS_S) {
        r->saved_s = now;
        loam_err err = LOAM_ERR_INIT;
        if (loam_jobs_rows_save(j->store, e, &err) != LOAM_OK)
            loam_log(LOAM_LOG_LEVEL_WARN, "progress of job %s: %s", e->id, err.msg);
    }
    loam_jobs_touch(j, e);
    pthread_mutex_unlock(&j->mutex);
}

void loam_jobs_run_preview(loam_jobs_run *r, const char *media, const void *bytes, size_t n)
{
    loam_jobs *j = r->jobs;
    loam_jobs_entry *e = r->entry;
    void *copy = n > 0 && n <= LOAM_JOBS_PREVIEW_MAX ? malloc(n) : NULL;
    if (!copy)
        return;
    memcpy(copy, bytes, n);
    pthread_mutex_lock(&j->mutex);
    void *old = e->preview;
    e->preview = copy;
    e->preview_len = n;
    snprintf(e->preview_media, sizeof e->preview_media, "%s", media);
    e->preview_version++;
    loam_jobs_touch(j, e);
    pthread_mutex_unlock(&j->mutex);
    free(old);
}

loam_status loam_jobs_run_result(loam_jobs_run *r, const char *media, const void *bytes, size_t n, int width,
                                 int height, const char *meta, loam_err *err)
{
    loam_jobs *j = r->jobs;
    char file[32];
    loam_jobs_file_name(r->n_results, media, file);
    LOAM_TRY(loam_jobs_file_write(j->dir, r->entry->id, file, bytes, n, err));
    loam_jobs_result row = {.idx = r->n_results,
                            .media = (char *)(uintptr_t)media,
                            .path = file,
                            .meta = (char *)(uintptr_t)(meta ? meta : ""),
                            .bytes = (int64_t)n,
                            .width = width,
                            .height = height};
    loam_status status = loam_jobs_rows_add_result(j->store, r->entry->id, &row, err);
    if (status != LOAM_OK) {
        loam_jobs_file_remove(j->dir, r->entry->id, file);
        return status;
    }
    r->n_results++;
    pthread_mutex_lock(&j->mutex);
    loam_jobs_touch(j, r->entry);
    pthread_mutex_unlock(&j->mutex);
    return LOAM_OK;
}

/* --- The thread. */

/* Under the mutex: e has ended; from here on it is a row only, or waits among the unsaved. */
static void end_job(loam_jobs *j, loam_jobs_entry *e, loam_jobs_state state, const char *error)
{
    e->state = state;
    e->finished_ms = loam_jobs_now_ms();
    snprintf(e->error, sizeof e->error, "%s", error);
    free(e->preview);
    e->preview = NULL;
    loam_err err = LOAM_ERR_INIT;
    bool saved = loam_jobs_rows_save(j->store, e, &err) == LOAM_OK;
    j->running = NULL;
    loam_jobs_touch(j, e);
    if (saved) {
        loam_jobs_entry_free(e);
        return;
    }
    loam_log(LOAM_LOG_LEVEL_ERROR, "the end of job %s: %s", e->id, err.msg);
    e->next = j->unsaved;
    j->unsaved = e;
}

void loam_jobs_save_again(loam_jobs *j)
{
    while (j->unsaved) {
        loam_jobs_entry *e = j->unsaved;
        if (loam_jobs_rows_save(j->store, e, NULL) != LOAM_OK)
            return;
        j->unsaved = e->next;
        loam_jobs_entry_free(e);
    }
}

/* Under the mutex, which is let go while the job runs. */
static void run_job(loam_jobs *j, loam_jobs_entry *e)
{
    loam_err err = LOAM_ERR_INIT;
    char *request = NULL;
    loam_jobs_unqueue(j, e);
    j->running = e;
    e->state = LOAM_JOBS_STATE_RUNNING;
    loam_status status = loam_jobs_rows_start(j->store, e->id, &err);
    if (status == LOAM_OK)
        status = loam_jobs_rows_request(j->store, e->id, &request, &err);
    if (status == LOAM_OK) {
        loam_jobs_touch(j, e);
        pthread_mutex_unlock(&j->mutex);
        loam_jobs_run run = {.jobs = j, .entry = e, .saved_s = loam_clock_s()};
        status = j->run(j->ctx, &run, e->kind, request, &err);
        free(request);
        pthread_mutex_lock(&j->mutex);
    }
    if (status == LOAM_OK)
        end_job(j, e, LOAM_JOBS_STATE_DONE, "");
    else if (status == LOAM_STATUS_CANCELLED && e->cancelled)
        end_job(j, e, LOAM_JOBS_STATE_CANCELLED, "");
    else if (status == LOAM_STATUS_CANCELLED && j->stopping)
        end_job(j, e, LOAM_JOBS_STATE_INTERRUPTED, "the program was stopped while this job ran: it can be run again");
    else
        end_job(j, e, LOAM_JOBS_STATE_FAILED, err.msg[0] ? err.msg : loam_status_text(status));
}

void *loam_jobs_work(void *arg)
{
    loam_jobs *j = arg;
    pthread_mutex_lock(&j->mutex);
    while (!j->stopping) {
        loam_jobs_save_again(j);
        if (j->queue) {
            run_job(j, j->queue);
        } else if (j->unsaved) {
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_sec += SAVE_AGAIN_S;
            pthread_cond_timedwait(&j->changed, &j->mutex, &until);
        } else {
            pthread_cond_wait(&j->changed, &j->mutex);
        }
    }
    loam_jobs_save_again(j);
    pthread_mutex_unlock(&j->mutex);
    return NULL;
}
