/* The queue of long jobs, as callers see it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "service/jobs_int.h"

int64_t loam_jobs_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void loam_jobs_entry_free(loam_jobs_entry *e)
{
    if (e)
        free(e->preview);
    free(e);
}

static void free_entries(loam_jobs_entry *list)
{
    while (list) {
        loam_jobs_entry *next = list->next;
        loam_jobs_entry_free(list);
        list = next;
    }
}

void loam_jobs_touch(loam_jobs *j, loam_jobs_entry *e)
{
    e->version = ++j->version;
    pthread_cond_broadcast(&j->changed);
}

/* The places of these and all behind them are others now. */
static void touch_from(loam_jobs *j, loam_jobs_entry *e)
{
    for (; e; e = e->next)
        loam_jobs_touch(j, e);
}

void loam_jobs_unqueue(loam_jobs *j, loam_jobs_entry *e)
{
    loam_jobs_entry **at = &j->queue;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    e->next = NULL;
    j->n_queued--;
    touch_from(j, *at);
    pthread_cond_broadcast(&j->changed);
}

static void enqueue(loam_jobs *j, loam_jobs_entry *e)
{
    loam_jobs_entry **at = &j->queue;
    while (*at && (*at)->priority >= e->priority)
        at = &(*at)->next;
    e->next = *at;
    *at = e;
    j->n_queued++;
    touch_from(j, e);
}

static int position_of(const loam_jobs *j, const loam_jobs_entry *e)
{
    int position = 1;
    for (const loam_jobs_entry *q = j->queue; q && q != e; q = q->next)
        position++;
    return position;
}

static loam_jobs_entry *find(loam_jobs *j, const char *id)
{
    if (j->running && strcmp(j->running->id, id) == 0)
        return j->running;
    for (int i = 0; i < 2; i++)
        for (loam_jobs_entry *e = i ? j->unsaved : j->queue; e; e = e->next)
            if (strcmp(e->id, id) == 0)
                return e;
    return NULL;
}

/* --- Opening and closing. */

/* The system drops the lock with the process, however it ends. */
static loam_status lock_folder(loam_jobs *j, loam_err *err)
{
    char *path;
    if (asprintf(&path, "%s/loam.lock", j->dir) < 0)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", j->dir);
    j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int why = errno;
    loam_status status = LOAM_OK;
    if (j->lock_fd < 0)
        status = loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot write '%s': %s", path, strerror(why));
    else if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0)
        status =
            loam_err_set(err, LOAM_STATUS_BUSY, __FILE__, __LINE__,
                         "another Loam is at work in the folder '%s': end it, or take another data folder", j->dir);
    free(path);
    return status;
}

static loam_status open_parts(loam_jobs *j, loam_err *err)
{
    char *path = loam_jobs_file_path(j->dir, "", NULL);
    if (!path)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", j->dir);
    loam_status status = loam_dir_make(j->dir, err);
    if (status == LOAM_OK && mkdir(path, 0700) != 0 && errno != EEXIST)
        status = loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot make the folder '%s': %s", path,
                              strerror(errno));
    free(path);
    LOAM_TRY(status);
    LOAM_TRY(lock_folder(j, err));
    if (asprintf(&path, "%s/loam.db", j->dir) < 0)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", j->dir);
    status = loam_store_open(path, &j->store, err);
    free(path);
    LOAM_TRY(status);
    LOAM_TRY(loam_jobs_rows_recover(j->store, &j->queue, err));
    for (loam_jobs_entry *e = j->queue; e; e = e->next) {
        j->n_queued++;
        e->version = ++j->version;
    }
    return loam_jobs_files_sweep(j->dir, j->store, err);
}

static void free_parts(loam_jobs *j)
{
    free_entries(j->queue);
    free_entries(j->unsaved);
    loam_store_close(j->store);
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->mutex);
    free(j->dir);
    free(j);
}

loam_status loam_jobs_open(const char *dir, const loam_jobs_options *o, loam_jobs **out, loam_err *err)
{
    loam_jobs *j = calloc(1, sizeof *j);
    char *copy = strdup(dir);
    if (!j || !copy) {
        free(j);
        free(copy);
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", dir);
    }
    *j = (loam_jobs){.dir = copy, .lock_fd = -1, .run = o->run, .ctx = o->ctx};
    j->max_queued = o->max_queued > 0 ? o->max_queued : 64;
    pthread_mutex_init(&j->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    loam_status status = open_parts(j, err);
    if (status == LOAM_OK && pthread_create(&j->worker, NULL, loam_jobs_work, j) != 0)
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "cannot start a thread for jobs");
    if (status != LOAM_OK) {
        free_parts(j);
        return status;
    }
    *out = j;
    return LOAM_OK;
}

void loam_jobs_close(loam_jobs *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->mutex);
    j->stopping = true;
    if (j->running)
        atomic_store(&j->running->stop, true);
    pthread_cond_broadcast(&j->changed);
    while (j->n_waiters > 0)
        pthread_cond_wait(&j->changed, &j->mutex);
    pthread_mutex_unlock(&j->mutex);
    pthread_join(j->worker, NULL);
    free_parts(j);
}

/* --- Submitting. */

static loam_status check_new(const loam_jobs_new *n, loam_err *err)
{
    size_t kind = n->kind ? strlen(n->kind) : 0;
    if (kind == 0 || kind > 32 || strspn(n->kind, "abcdefghijklmnopqrstuvwxyz0123456789_") != kind)
        LOAM_FAIL(err, INVALID, "a job's kind is 1 to 32 of a-z, 0-9 and '_'");
    if (!n->request)
        LOAM_FAIL(err, INVALID, "a job needs a request");
    if (strlen(n->request) > LOAM_JOBS_REQUEST_MAX)
        LOAM_FAIL(err, TOO_LARGE, "the request has more than %d MiB", LOAM_JOBS_REQUEST_MAX >> 20);
    if (n->owner && strlen(n->owner) > 200)
        LOAM_FAIL(err, INVALID, "the owner's name has more than 200 bytes");
    return LOAM_OK;
}

static loam_status make_id(char id[LOAM_JOBS_ID_LENGTH + 1], loam_err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (int i = 0; i < LOAM_JOBS_ID_LENGTH;) {
        unsigned char random[64];
        ssize_t n = getrandom(random, sizeof random, 0);
        if (n < 0 && errno != EINTR)
            LOAM_FAIL(err, INTERNAL, "the system gives no random numbers: %s", strerror(errno));
        for (ssize_t k = 0; k < n && i < LOAM_JOBS_ID_LENGTH; k++)
            if (random[k] < 252) /* a multiple of 36: all letters are equally likely */
                id[i++] = letters[random[k] % 36];
    }
    id[LOAM_JOBS_ID_LENGTH] = 0;
    return LOAM_OK;
}

static loam_status add_locked(loam_jobs *j, const loam_jobs_new *n, loam_jobs_entry *e, loam_err *err)
{
    if (j->stopping)
        LOAM_FAIL(err, BUSY, "the program is about to end: submit the job again later");
    if (j->n_queued >= j->max_queued)
        LOAM_FAIL(err, BUSY, "%d jobs are waiting already, which is the limit: try again when some are done",
                  j->n_queued);
    LOAM_TRY(loam_jobs_rows_add(j->store, n, e->id, &e->seq, err));
    enqueue(j, e);
    return LOAM_OK;
}

loam_status loam_jobs_submit(loam_jobs *j, const loam_jobs_new *n, char id[LOAM_JOBS_ID_LENGTH + 1], int *position,
                             loam_err *err)
{
    LOAM_TRY(check_new(n, err));
    LOAM_TRY(make_id(id, err));
    loam_jobs_entry *e = calloc(1, sizeof *e);
    if (!e)
        LOAM_FAIL(err, NO_MEMORY, "no memory for another job");
    e->priority = n->priority;
    memcpy(e->id, id, sizeof e->id);
    memcpy(e->kind, n->kind, strlen(n->kind));
    pthread_mutex_lock(&j->mutex);
    loam_status status = add_locked(j, n, e, err);
    if (status == LOAM_OK && position)
        *position = position_of(j, e);
    pthread_mutex_unlock(&j->mutex);
    if (status != LOAM_OK)
        loam_jobs_entry_free(e);
    return status;
}

/* --- Looking. */

static void add_rate(loam_jobs_view *v, const loam_jobs_entry *e)
{
    if (e->n_reports < 2)
        return;
    int last = e->n_reports - 1;
    double s = e->reports[last].s - e->reports[0].s;
    int steps = e->reports[last].step - e->reports[0].step;
    if (s <= 0 || steps <= 0)
        return;
    v->steps_per_s = steps / s;
    if (e->n_steps <= 0)
        return;
    double eta = (e->n_steps - e->step) / v->steps_per_s - (loam_clock_s() - e->reports[last].s);
    v->eta_s = eta > 0 ? eta : 0;
}

/* Puts what only memory knows over what the row said. */
static void add_entry(const loam_jobs *j, const loam_jobs_entry *e, loam_jobs_view *v)
{
    v->version = e->version;
    v->state = e->state;
    v->finished_ms = e->finished_ms;
    if (e->state == LOAM_JOBS_STATE_QUEUED) {
        v->position = position_of(j, e);
        return;
    }
    v->step = e->step;
    v->n_steps = e->n_steps;
    memcpy(v->stage, e->stage, sizeof v->stage);
    if (e->state == LOAM_JOBS_STATE_RUNNING) {
        v->cancelling = e->cancelled;
        v->preview_version = e->preview_version;
        add_rate(v, e);
        return;
    }
    v->version = LOAM_JOBS_VERSION_ENDED;
    char *error = strdup(e->error);
    if (error) {
        free(v->error);
        v->error = error;
    }
}

static loam_status get_locked(loam_jobs *j, const char *id, loam_jobs_view *out, loam_err *err)
{
    LOAM_TRY(loam_jobs_rows_get(j->store, id, out, err));
    const loam_jobs_entry *e = find(j, id);
    if (e)
        add_entry(j, e, out);
    return LOAM_OK;
}

loam_status loam_jobs_get(loam_jobs *j, const char *id, loam_jobs_view *out, loam_err *err)
{
    pthread_mutex_lock(&j->mutex);
    loam_status status = get_locked(j, id, out, err);
    pthread_mutex_unlock(&j->mutex);
    return status;
}

static uint64_t version_of(loam_jobs *j, const char *id)
{
    const loam_jobs_entry *e = find(j, id);
    return e && !loam_jobs_state_ended(e->state) ? e->version : LOAM_JOBS_VERSION_ENDED;
}

loam_status loam_jobs_wait(loam_jobs *j, const char *id, uint64_t last_version, int timeout_ms, loam_jobs_view *out,
                           loam_err *err)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&j->mutex);
    j->n_waiters++;
    int late = 0;
    while (!j->stopping && !late && last_version != LOAM_JOBS_VERSION_ENDED && version_of(j, id) == last_version)
        late = pthread_cond_timedwait(&j->changed, &j->mutex, &until);
    loam_status status;
    if (j->stopping)
        status = loam_err_set(err, LOAM_STATUS_CANCELLED, __FILE__, __LINE__, "the program is about to end");
    else
        status = get_locked(j, id, out, err);
    j->n_waiters--;
    if (j->stopping)
        pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->mutex);
    return status;
}

loam_status loam_jobs_request(loam_jobs *j, const char *id, char **out, loam_err *err)
{
    return loam_jobs_rows_request(j->store, id, out, err);
}

static loam_status preview_locked(loam_jobs *j, const char *id, loam_buf *out, char media[64], uint64_t *version,
                                  loam_err *err)
{
    const loam_jobs_entry *e = j->running;
    if (!e || strcmp(e->id, id) != 0 || !e->preview)
        LOAM_FAIL(err, NOT_FOUND, "the job '%.40s' has no preview now", id);
    if (!loam_buf_add(out, e->preview, e->preview_len))
        LOAM_FAIL(err, NO_MEMORY, "no memory for a preview");
    memcpy(media, e->preview_media, sizeof e->preview_media);
    *version = e->preview_version;
    return LOAM_OK;
}

loam_status loam_jobs_preview(loam_jobs *j, const char *id, loam_buf *out, char media[64], uint64_t *version,
                              loam_err *err)
{
    pthread_mutex_lock(&j->mutex);
    loam_status status = preview_locked(j, id, out, media, version, err);
    pthread_mutex_unlock(&j->mutex);
    return status;
}

loam_status loam_jobs_list(loam_jobs *j, const loam_jobs_filter *f, int limit, int64_t before, loam_jobs_page *out,
                           loam_err *err)
{
    *out = (loam_jobs_page){0};
    if (limit < 1 || limit > LOAM_JOBS_LIST_MAX)
        LOAM_FAIL(err, INVALID, "a page holds 1 to %d jobs, not %d", LOAM_JOBS_LIST_MAX, limit);
    if (before < 0)
        LOAM_FAIL(err, INVALID, "a list goes on from 0 or from the 'next' of the page before");
    int64_t seqs[LOAM_JOBS_LIST_MAX + 1];
    out->views = calloc((size_t)limit + 1, sizeof *out->views); /* one more tells whether there is another page */
    if (!out->views)
        LOAM_FAIL(err, NO_MEMORY, "no memory to list jobs");
    pthread_mutex_lock(&j->mutex);
    loam_status status = loam_jobs_rows_list(j->store, f, limit + 1, before, out->views, seqs, &out->n, err);
    for (int i = 0; status == LOAM_OK && i < out->n; i++) {
        const loam_jobs_entry *e = find(j, out->views[i].id);
        if (e)
            add_entry(j, e, &out->views[i]);
    }
    pthread_mutex_unlock(&j->mutex);
    if (status != LOAM_OK) {
        loam_jobs_page_deinit(out);
        return status;
    }
    if (out->n > limit) {
        loam_jobs_view_deinit(&out->views[--out->n]);
        out->next = seqs[limit - 1];
    }
    return LOAM_OK;
}

/* --- Changing. */

static loam_status cancel_queued(loam_jobs *j, loam_jobs_entry *e, loam_err *err)
{
    e->state = LOAM_JOBS_STATE_CANCELLED;
    e->finished_ms = loam_jobs_now_ms();
    loam_status status = loam_jobs_rows_save(j->store, e, err);
    if (status != LOAM_OK) {
        e->state = LOAM_JOBS_STATE_QUEUED;
        e->finished_ms = 0;
        return status;
    }
    loam_jobs_unqueue(j, e);
    loam_jobs_entry_free(e);
    return LOAM_OK;
}

static loam_status cancel_locked(loam_jobs *j, const char *id, loam_err *err)
{
    loam_jobs_entry *e = find(j, id);
    if (e && e->state == LOAM_JOBS_STATE_QUEUED)
        return cancel_queued(j, e, err);
    if (e && e->state == LOAM_JOBS_STATE_RUNNING) {
        e->cancelled = true;
        atomic_store(&e->stop, true);
        loam_jobs_touch(j, e);
        return LOAM_OK;
    }
    loam_jobs_view v;
    LOAM_TRY(get_locked(j, id, &v, err));
    loam_jobs_state state = v.state;
    loam_jobs_view_deinit(&v);
    if (state != LOAM_JOBS_STATE_CANCELLED)
        LOAM_FAIL(err, INVALID, "the job '%s' has ended already: it is %s", id, loam_jobs_state_name(state));
    return LOAM_OK;
}

loam_status loam_jobs_cancel(loam_jobs *j, const char *id, loam_err *err)
{
    pthread_mutex_lock(&j->mutex);
    loam_status status = cancel_locked(j, id, err);
    pthread_mutex_unlock(&j->mutex);
    return status;
}

loam_status loam_jobs_retry(loam_jobs *j, const char *id, char new_id[LOAM_JOBS_ID_LENGTH + 1], int *position,
                            loam_err *err)
{
    loam_jobs_view v;
    LOAM_TRY(loam_jobs_get(j, id, &v, err));
    char *request = NULL;
    loam_status status;
    if (!loam_jobs_state_ended(v.state))
        status = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                              "the job '%s' is %s: it can be run again "
                              "when it has ended",
                              id, loam_jobs_state_name(v.state));
    else
        status = loam_jobs_request(j, id, &request, err);
    if (status == LOAM_OK) {
        loam_jobs_new n = {.kind = v.kind, .request = request, .owner = v.owner, .priority = v.priority};
        status = loam_jobs_submit(j, &n, new_id, position, err);
    }
    free(request);
    loam_jobs_view_deinit(&v);
    return status;
}

static loam_status delete_locked(loam_jobs *j, const char *id, loam_jobs_result **files, int *n, loam_err *err)
{
    loam_jobs_entry *e = find(j, id);
    if (e && e->state == LOAM_JOBS_STATE_RUNNING)
        LOAM_FAIL(err, INVALID, "the job '%s' is running: cancel it first", id);
    loam_jobs_view v;
    LOAM_TRY(get_locked(j, id, &v, err));
    loam_jobs_view_deinit(&v);
    LOAM_TRY(loam_jobs_rows_results(j->store, id, files, n, err));
    loam_status status = loam_jobs_rows_delete(j->store, id, err);
    if (status != LOAM_OK || !e)
        return status;
    if (e->state == LOAM_JOBS_STATE_QUEUED) {
        loam_jobs_unqueue(j, e);
    } else {
        loam_jobs_entry **at = &j->unsaved;
        while (*at != e)
            at = &(*at)->next;
        *at = e->next;
    }
    loam_jobs_entry_free(e);
    return LOAM_OK;
}

loam_status loam_jobs_delete(loam_jobs *j, const char *id, loam_err *err)
{
    loam_jobs_result *files = NULL;
    int n = 0;
    pthread_mutex_lock(&j->mutex);
    loam_status status = delete_locked(j, id, &files, &n, err);
    pthread_mutex_unlock(&j->mutex);
    for (int i = 0; status == LOAM_OK && i < n; i++)
        loam_jobs_file_remove(j->dir, id, files[i].path);
    loam_jobs_results_free(files, n);
    return status;
}

/* --- Results. */

loam_status loam_jobs_results(loam_jobs *j, const char *id, loam_jobs_result **out, int *n, loam_err *err)
{
    loam_jobs_view v;
    *out = NULL;
    *n = 0;
    LOAM_TRY(loam_jobs_get(j, id, &v, err));
    loam_jobs_view_deinit(&v);
    LOAM_TRY(loam_jobs_rows_results(j->store, id, out, n, err));
    for (int i = 0; i < *n; i++) {
        char *path = loam_jobs_file_path(j->dir, id, (*out)[i].path);
        if (!path) {
            loam_jobs_results_free(*out, *n);
            *out = NULL;
            *n = 0;
            LOAM_FAIL(err, NO_MEMORY, "no memory to list results");
        }
        free((*out)[i].path);
        (*out)[i].path = path;
    }
    return LOAM_OK;
}

loam_status loam_jobs_result_read(loam_jobs *j, const char *id, int idx, loam_jobs_result *out, loam_err *err)
{
    loam_jobs_result *list;
    int n;
    *out = (loam_jobs_result){0};
    LOAM_TRY(loam_jobs_results(j, id, &list, &n, err));
    for (int i = 0; i < n; i++)
        if (list[i].idx == idx) {
            *out = list[i];
            list[i] = (loam_jobs_result){0};
        }
    loam_jobs_results_free(list, n);
    if (!out->path)
        LOAM_FAIL(err, NOT_FOUND, "the job '%s' has no result %d", id, idx);
    if (access(out->path, R_OK) == 0)
        return LOAM_OK;
    loam_err_set(err, LOAM_STATUS_NOT_FOUND, __FILE__, __LINE__, "the file '%s' cannot be read: %s", out->path,
                 strerror(errno));
    loam_jobs_result_deinit(out);
    return LOAM_STATUS_NOT_FOUND;
}
