/* The rows of jobs and results (tables: store/migrations/). Each function is one transaction. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/jobs_int.h"

/* Begins a transaction and prepares a statement in it; end_query() is due exactly when this returned OK. */
static loam_status begin_query(loam_store *s, loam_store_access access, const char *sql, loam_store_query **q,
                               loam_err *err)
{
    LOAM_TRY(loam_store_begin(s, access, err));
    loam_status status = loam_store_query_open(s, sql, q, err);
    return status == LOAM_OK ? LOAM_OK : loam_store_end(s, status, err);
}

static loam_status end_query(loam_store *s, loam_store_query *q, loam_status status, loam_err *err)
{
    loam_store_query_close(q);
    return loam_store_end(s, status, err);
}

static loam_status not_found(const char *id, loam_err *err)
{
    LOAM_FAIL(err, NOT_FOUND, "there is no job '%.40s'", id);
}

static loam_status no_memory(loam_err *err)
{
    LOAM_FAIL(err, NO_MEMORY, "no memory to read the jobs");
}

/* Entry of a row "seq, id, kind, priority" that waits. */
static loam_status read_queued(loam_store_query *q, loam_jobs_entry **out, loam_err *err)
{
    loam_jobs_entry *e = calloc(1, sizeof *e);
    if (!e)
        return no_memory(err);
    e->seq = loam_store_column_int(q, 0);
    snprintf(e->id, sizeof e->id, "%s", loam_store_column_text(q, 1));
    snprintf(e->kind, sizeof e->kind, "%s", loam_store_column_text(q, 2));
    e->priority = (int)loam_store_column_int(q, 3);
    *out = e;
    return LOAM_OK;
}

static loam_status recover(loam_store *s, loam_jobs_entry **queue, loam_err *err)
{
    loam_store_query *q;
    LOAM_TRY(
        loam_store_query_open(s,
                              "update jobs set state = 'interrupted', finished_ms = ?1, error = 'the program ended "
                              "while this job ran: it can be run again' where state = 'running'",
                              &q, err));
    loam_store_bind_int(q, 1, loam_jobs_now_ms());
    loam_status status = loam_store_query_run(q, err);
    loam_store_query_close(q);
    LOAM_TRY(status);
    LOAM_TRY(loam_store_query_open(s,
                                   "select seq, id, kind, priority from jobs where state = 'queued' "
                                   "order by priority desc, seq",
                                   &q, err));
    bool row = true;
    while (status == LOAM_OK && row) {
        status = loam_store_query_step(q, &row, err);
        if (status == LOAM_OK && row)
            status = read_queued(q, queue, err);
        if (status == LOAM_OK && row)
            queue = &(*queue)->next;
    }
    loam_store_query_close(q);
    return status;
}

loam_status loam_jobs_rows_recover(loam_store *s, loam_jobs_entry **queue, loam_err *err)
{
    *queue = NULL;
    LOAM_TRY(loam_store_begin(s, LOAM_STORE_ACCESS_WRITE, err));
    return loam_store_end(s, recover(s, queue, err), err);
}

loam_status loam_jobs_rows_add(loam_store *s, const loam_jobs_new *n, const char *id, int64_t *seq, loam_err *err)
{
    loam_store_query *q;
    bool row;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_WRITE,
                         "insert into jobs (id, kind, state, owner, priority, created_ms, request) values (?1, ?2, "
                         "'queued', ?3, ?4, ?5, ?6) returning seq",
                         &q, err));
    loam_store_bind_text(q, 1, id);
    loam_store_bind_text(q, 2, n->kind);
    loam_store_bind_text(q, 3, n->owner ? n->owner : "");
    loam_store_bind_int(q, 4, n->priority);
    loam_store_bind_int(q, 5, loam_jobs_now_ms());
    loam_store_bind_text(q, 6, n->request);
    loam_status status = loam_store_query_step(q, &row, err);
    if (status == LOAM_OK) {
        *seq = loam_store_column_int(q, 0);
        status = loam_store_query_run(q, err);
    }
    return end_query(s, q, status, err);
}

loam_status loam_jobs_rows_start(loam_store *s, const char *id, loam_err *err)
{
    loam_store_query *q;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_WRITE, "update jobs set state = 'running', started_ms = ?2 where id = ?1",
                         &q, err));
    loam_store_bind_text(q, 1, id);
    loam_store_bind_int(q, 2, loam_jobs_now_ms());
    return end_query(s, q, loam_store_query_run(q, err), err);
}

loam_status loam_jobs_rows_save(loam_store *s, const loam_jobs_entry *e, loam_err *err)
{
    loam_store_query *q;
    bool ended = loam_jobs_state_ended(e->state);
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_WRITE,
                         ended ? "update jobs set step = ?2, n_steps = ?3, stage = ?4, state = ?5, finished_ms = ?6, "
                                 "error = ?7 where id = ?1"
                               : "update jobs set step = ?2, n_steps = ?3, stage = ?4 where id = ?1",
                         &q, err));
    loam_store_bind_text(q, 1, e->id);
    loam_store_bind_int(q, 2, e->step);
    loam_store_bind_int(q, 3, e->n_steps);
    loam_store_bind_text(q, 4, e->stage);
    if (ended) {
        loam_store_bind_text(q, 5, loam_jobs_state_name(e->state));
        loam_store_bind_int(q, 6, e->finished_ms);
        loam_store_bind_text(q, 7, e->error);
    }
    return end_query(s, q, loam_store_query_run(q, err), err);
}

#define VIEW_COLUMNS                                                                                            \
    "seq, id, kind, state, owner, priority, created_ms, started_ms, finished_ms, step, n_steps, stage, error, " \
    "(select count(*) from job_results where job = id)"

static loam_status read_view(loam_store_query *q, loam_jobs_view *v, loam_err *err)
{
    *v = (loam_jobs_view){.version = LOAM_JOBS_VERSION_ENDED, .steps_per_s = -1, .eta_s = -1};
    snprintf(v->id, sizeof v->id, "%s", loam_store_column_text(q, 1));
    v->kind = strdup(loam_store_column_text(q, 2));
    v->state = loam_jobs_state_parse(loam_store_column_text(q, 3));
    v->owner = strdup(loam_store_column_text(q, 4));
    v->priority = (int)loam_store_column_int(q, 5);
    v->created_ms = loam_store_column_int(q, 6);
    v->started_ms = loam_store_column_int(q, 7);
    v->finished_ms = loam_store_column_int(q, 8);
    v->step = (int)loam_store_column_int(q, 9);
    v->n_steps = (int)loam_store_column_int(q, 10);
    snprintf(v->stage, sizeof v->stage, "%s", loam_store_column_text(q, 11));
    v->error = strdup(loam_store_column_text(q, 12));
    v->n_results = (int)loam_store_column_int(q, 13);
    if (v->kind && v->owner && v->error)
        return LOAM_OK;
    loam_jobs_view_deinit(v);
    return no_memory(err);
}

loam_status loam_jobs_rows_get(loam_store *s, const char *id, loam_jobs_view *out, loam_err *err)
{
    loam_store_query *q;
    bool row;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_READ, "select " VIEW_COLUMNS " from jobs where id = ?1", &q, err));
    loam_store_bind_text(q, 1, id);
    loam_status status = loam_store_query_step(q, &row, err);
    if (status == LOAM_OK)
        status = row ? read_view(q, out, err) : not_found(id, err);
    bool owned = status == LOAM_OK;
    status = end_query(s, q, status, err);
    if (owned && status != LOAM_OK)
        loam_jobs_view_deinit(out);
    return status;
}

loam_status loam_jobs_rows_list(loam_store *s, const loam_jobs_filter *f, int limit, int64_t before,
                                loam_jobs_view *views, int64_t *seqs, int *n, loam_err *err)
{
    loam_store_query *q;
    *n = 0;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_READ,
                         "select " VIEW_COLUMNS " from jobs where (?1 is null or kind = ?1) and (?2 is null or owner = "
                         "?2) and (?3 is null or state = ?3) and (?4 = 0 or seq < ?4) order by seq desc limit ?5",
                         &q, err));
    loam_store_bind_text(q, 1, f->kind);
    loam_store_bind_text(q, 2, f->owner);
    loam_store_bind_text(q, 3, f->state < LOAM_JOBS_STATE_COUNT ? loam_jobs_state_name(f->state) : NULL);
    loam_store_bind_int(q, 4, before);
    loam_store_bind_int(q, 5, limit);
    loam_status status = LOAM_OK;
    bool row = true;
    while (status == LOAM_OK && row && *n < limit) {
        status = loam_store_query_step(q, &row, err);
        if (status == LOAM_OK && row)
            status = read_view(q, &views[*n], err);
        if (status == LOAM_OK && row)
            seqs[(*n)++] = loam_store_column_int(q, 0);
    }
    return end_query(s, q, status, err);
}

loam_status loam_jobs_rows_request(loam_store *s, const char *id, char **out, loam_err *err)
{
    loam_store_query *q;
    bool row;
    *out = NULL;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_READ, "select request from jobs where id = ?1", &q, err));
    loam_store_bind_text(q, 1, id);
    loam_status status = loam_store_query_step(q, &row, err);
    if (status == LOAM_OK && !row)
        status = not_found(id, err);
    if (status == LOAM_OK && !(*out = strdup(loam_store_column_text(q, 0))))
        status = no_memory(err);
    status = end_query(s, q, status, err);
    if (status != LOAM_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

loam_status loam_jobs_rows_delete(loam_store *s, const char *id, loam_err *err)
{
    loam_store_query *q; /* its results' rows go with it */
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_WRITE, "delete from jobs where id = ?1", &q, err));
    loam_store_bind_text(q, 1, id);
    return end_query(s, q, loam_store_query_run(q, err), err);
}

loam_status loam_jobs_rows_add_result(loam_store *s, const char *id, const loam_jobs_result *r, loam_err *err)
{
    loam_store_query *q;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_WRITE, "insert into job_results values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                         &q, err));
    loam_store_bind_text(q, 1, id);
    loam_store_bind_int(q, 2, r->idx);
    loam_store_bind_text(q, 3, r->media);
    loam_store_bind_text(q, 4, r->path);
    loam_store_bind_int(q, 5, r->bytes);
    loam_store_bind_int(q, 6, r->width);
    loam_store_bind_int(q, 7, r->height);
    loam_store_bind_text(q, 8, r->meta);
    return end_query(s, q, loam_store_query_run(q, err), err);
}

/* Of a row "idx, media, file, bytes, width, height, meta". */
static loam_status read_result(loam_store_query *q, loam_jobs_result *r, loam_err *err)
{
    *r = (loam_jobs_result){.idx = (int)loam_store_column_int(q, 0)};
    r->media = strdup(loam_store_column_text(q, 1));
    r->path = strdup(loam_store_column_text(q, 2));
    r->bytes = loam_store_column_int(q, 3);
    r->width = (int)loam_store_column_int(q, 4);
    r->height = (int)loam_store_column_int(q, 5);
    r->meta = strdup(loam_store_column_text(q, 6));
    if (r->media && r->path && r->meta)
        return LOAM_OK;
    loam_jobs_result_deinit(r);
    return no_memory(err);
}

static loam_status read_results(loam_store_query *q, loam_jobs_result **list, int *n, loam_err *err)
{
    for (bool row = true;;) {
        LOAM_TRY(loam_store_query_step(q, &row, err));
        if (!row)
            return LOAM_OK;
        loam_jobs_result *more = reallocarray(*list, (size_t)*n + 1, sizeof **list);
        if (!more)
            return no_memory(err);
        *list = more;
        LOAM_TRY(read_result(q, &more[*n], err));
        (*n)++;
    }
}

loam_status loam_jobs_rows_results(loam_store *s, const char *id, loam_jobs_result **out, int *n, loam_err *err)
{
    loam_store_query *q;
    *out = NULL;
    *n = 0;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_READ,
                         "select idx, media, file, bytes, width, height, meta from job_results where job = ?1 order by "
                         "idx",
                         &q, err));
    loam_store_bind_text(q, 1, id);
    loam_status status = end_query(s, q, read_results(q, out, n, err), err);
    if (status != LOAM_OK) {
        loam_jobs_results_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}

loam_status loam_jobs_rows_has_file(loam_store *s, const char *id, const char *file, bool *has, loam_err *err)
{
    loam_store_query *q;
    LOAM_TRY(begin_query(s, LOAM_STORE_ACCESS_READ, "select 1 from job_results where job = ?1 and file = ?2", &q, err));
    loam_store_bind_text(q, 1, id);
    loam_store_bind_text(q, 2, file);
    return end_query(s, q, loam_store_query_step(q, has, err), err);
}
