/* /api/jobs: the queue of pictures and clips, and what all routes that stand on jobs share: submitting, waiting,
 * errors.
 *
 * A client that leaves ends nothing here: its job goes on, and what it makes stays under /api/jobs. People close tabs
 * and proxies cut connections long before a slow picture is done; who wants a job to end says so. */
#include "http/http_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 50 };

bool loam_http_has_pictures(loam_http_exchange *x, bool video)
{
    loam_pictures *p = x->service->pictures;
    if (p && (video ? loam_pictures_video_model(p) : loam_pictures_model(p)))
        return true;
    if (video)
        loam_http_reply_error(x, 501, "no_video_model", NULL,
                              "this server makes no clips: it was started without a video model");
    else
        loam_http_reply_error(x, 501, "no_image_model", NULL,
                              "this server makes no pictures: start it with --image-model FILE");
    return false;
}

/* For routes that ask after jobs of any kind. */
static bool has_jobs(loam_http_exchange *x)
{
    return x->service->pictures || loam_http_has_pictures(x, false);
}

bool loam_http_submit(loam_http_exchange *x, const char *kind, const json_t *request, char id[LOAM_JOBS_ID_LENGTH + 1])
{
    char param[LOAM_PICTURES_PARAM_MAX];
    loam_err err = LOAM_ERR_INIT;
    if (loam_pictures_submit(x->service->pictures, kind, request, id, NULL, param, &err) == LOAM_OK)
        return true;
    loam_http_reply_failure(x, &err, param[0] ? param : NULL);
    return false;
}

bool loam_http_await(loam_http_exchange *x, const char *id, loam_jobs_view *view)
{
    loam_jobs *jobs = loam_pictures_jobs(x->service->pictures);
    uint64_t version = 0;
    for (;;) {
        loam_err err = LOAM_ERR_INIT;
        if (loam_jobs_wait(jobs, id, version, LOAM_HTTP_WAIT_MS, view, &err) != LOAM_OK) {
            loam_http_reply_failure(x, &err, NULL);
            return false;
        }
        if (loam_jobs_state_ended(view->state))
            return true;
        version = view->version;
        loam_jobs_view_deinit(view);
        if (loam_http_gone(x)) {
            x->reply.status = LOAM_HTTP_GONE;
            return false;
        }
        if (atomic_load(&x->service->stopping)) {
            loam_http_reply_error(x, 503, "server_stopping", NULL, "the server is shutting down; the job is %s", id);
            return false;
        }
    }
}

int loam_http_job_failure(loam_http_exchange *x, const loam_jobs_view *view, char message[LOAM_ERR_MSG_MAX])
{
    loam_http_reply_header(x, "x-should-retry", "false"); /* OpenAI's clients would do all the work again */
    if (view->state == LOAM_JOBS_STATE_CANCELLED) {
        snprintf(message, LOAM_ERR_MSG_MAX, "the job %s was cancelled", view->id);
        return 400;
    }
    if (view->state == LOAM_JOBS_STATE_INTERRUPTED) {
        snprintf(message, LOAM_ERR_MSG_MAX, "the server stopped while it worked on this");
        return 503;
    }
    snprintf(message, LOAM_ERR_MSG_MAX, "%s", view->error[0] ? view->error : "the job failed");
    return loam_status_http(loam_pictures_failure(x->service->pictures, view->id));
}

void loam_http_begin_events(loam_http_exchange *x, loam_http_stream stream)
{
    x->reply.stream = stream;
    loam_http_reply_header(x, "Cache-Control", "no-cache");
    loam_http_reply_header(x, "X-Accel-Buffering", "no");
    loam_http_reply_set(x, 200, "text/event-stream");
}

/* ---- a job as JSON ---- */

static json_t *time_or_null(int64_t ms)
{
    return ms ? json_integer(ms) : json_null();
}

static json_t *real_or_null(double v)
{
    return v >= 0 ? json_real(v) : json_null();
}

static json_t *describe_view(const loam_jobs_view *v)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:i, s:o, s:o, s:o, s:o, s:s, s:i, s:i, s:o, s:o, s:i, s:I, s:o}", "id",
                          v->id, "kind", v->kind, "state", loam_jobs_state_name(v->state), "cancelling", v->cancelling,
                          "priority", v->priority, "position", v->position ? json_integer(v->position) : json_null(),
                          "created_ms", time_or_null(v->created_ms), "started_ms", time_or_null(v->started_ms),
                          "finished_ms", time_or_null(v->finished_ms), "stage", v->stage, "step", v->step, "n_steps",
                          v->n_steps, "steps_per_s", real_or_null(v->steps_per_s), "eta_s", real_or_null(v->eta_s),
                          "n_results", v->n_results, "preview", (json_int_t)v->preview_version, "error",
                          v->error[0] ? json_string(v->error) : json_null());
    return o;
}

static json_t *describe_results(loam_http_exchange *x, const char *id)
{
    loam_jobs_result *list = NULL;
    int n = 0;
    loam_err err = LOAM_ERR_INIT;
    json_t *out = json_array();
    if (loam_jobs_results(loam_pictures_jobs(x->service->pictures), id, &list, &n, &err) != LOAM_OK)
        return out;
    for (int i = 0; i < n; i++) {
        const loam_jobs_result *r = &list[i];
        json_t *o = json_pack("{s:i, s:s, s:I, s:o}", "index", r->idx, "media", r->media, "bytes", (json_int_t)r->bytes,
                              "url", json_sprintf("/api/jobs/%s/results/%d", id, r->idx));
        json_t *meta = NULL;
        if (r->width)
            json_object_update_new(o, json_pack("{s:i, s:i}", "width", r->width, "height", r->height));
        if (r->meta[0] && loam_json_parse(r->meta, strlen(r->meta), 1 << 20, &meta, &err) == LOAM_OK)
            json_object_update_missing(o, meta);
        json_decref(meta);
        json_array_append_new(out, o);
    }
    loam_jobs_results_free(list, n);
    return out;
}

/* With what was asked for and what was made. */
static json_t *describe_whole(loam_http_exchange *x, const loam_jobs_view *v)
{
    loam_err err = LOAM_ERR_INIT;
    json_t *o = describe_view(v), *request = NULL;
    if (loam_pictures_request(x->service->pictures, v->id, &request, &err) != LOAM_OK)
        request = json_null();
    json_object_set_new(o, "request", request);
    json_object_set_new(o, "results", describe_results(x, v->id));
    return o;
}

/* ---- /api/jobs ---- */

/* A number of the query; false when the reply says that it is none. */
static bool read_number(loam_http_exchange *x, const char *name, int64_t least, int64_t most, int64_t *out)
{
    const char *text = loam_http_query(x, name);
    char *end;
    if (!text)
        return true;
    *out = strtoll(text, &end, 10);
    if (*text && !*end && *out >= least && *out <= most)
        return true;
    loam_http_reply_error(x, 400, "invalid_value", name, "'%s' must be a number between %lld and %lld", name,
                          (long long)least, (long long)most);
    return false;
}

void loam_http_jobs(loam_http_exchange *x)
{
    if (!has_jobs(x))
        return;
    int64_t limit = LIST_DEFAULT, cursor = 0;
    const char *state = loam_http_query(x, "state");
    loam_jobs_filter f = {.kind = loam_http_query(x, "kind"), .state = LOAM_JOBS_STATE_COUNT};
    if (!read_number(x, "limit", 1, LOAM_JOBS_LIST_MAX, &limit) || !read_number(x, "cursor", 0, INT64_MAX, &cursor))
        return;
    if (state && (f.state = loam_jobs_state_parse(state)) == LOAM_JOBS_STATE_COUNT) {
        loam_http_reply_error(x, 400, "invalid_value", "state",
                              "'state' must be queued, running, done, failed, cancelled or interrupted");
        return;
    }
    loam_jobs_page page;
    loam_err err = LOAM_ERR_INIT;
    if (loam_jobs_list(loam_pictures_jobs(x->service->pictures), &f, (int)limit, cursor, &page, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, NULL);
        return;
    }
    json_t *list = json_array();
    for (int i = 0; i < page.n; i++)
        json_array_append_new(list, describe_whole(x, &page.views[i]));
    loam_http_reply_json(
        x, 200, json_pack("{s:o, s:o}", "jobs", list, "next", page.next ? json_integer(page.next) : json_null()));
    loam_jobs_page_deinit(&page);
}

static void reply_submitted(loam_http_exchange *x, const char *id)
{
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    if (loam_jobs_get(loam_pictures_jobs(x->service->pictures), id, &v, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, NULL);
        return;
    }
    loam_http_reply_header(x, "Location", "/api/jobs/%s", id);
    loam_http_reply_json(x, 202, describe_view(&v));
    loam_jobs_view_deinit(&v);
}

void loam_http_jobs_submit(loam_http_exchange *x)
{
    if (!has_jobs(x))
        return;
    json_t *body = loam_http_body_object(x);
    if (!body)
        return;
    loam_http_body_drop(x);
    const json_t *kind = json_object_get(body, "kind");
    char id[LOAM_JOBS_ID_LENGTH + 1], name[48] = "";
    if (json_is_string(kind))
        snprintf(name, sizeof name, "%s", json_string_value(kind));
    json_object_del(body, "kind");
    if (!name[0])
        loam_http_reply_error(x, 400, "missing_required_parameter", "kind", "'kind' must be \"image\" or \"video\"");
    else if (loam_http_submit(x, name, body, id))
        reply_submitted(x, id);
    json_decref(body);
}

/* ---- /api/jobs/ID… ---- */

/* The id in the path, and what follows it ("" or "/cancel"). False: the reply is a 404. */
static bool read_path(loam_http_exchange *x, char id[LOAM_JOBS_ID_LENGTH + 1], const char **rest)
{
    const char *at = x->path + strlen("/api/jobs/");
    size_t n = strcspn(at, "/");
    if (!has_jobs(x))
        return false;
    if (n != LOAM_JOBS_ID_LENGTH || strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789") != n) {
        loam_http_reply_error(x, 404, NULL, NULL, "there is no job of this name");
        return false;
    }
    snprintf(id, LOAM_JOBS_ID_LENGTH + 1, "%s", at);
    *rest = at + n;
    return true;
}

typedef struct watcher {
    loam_http_exchange *x;
    char id[LOAM_JOBS_ID_LENGTH + 1];
    uint64_t version, preview;
} watcher;

static void write_event(loam_buf *out, const char *name, json_t *v)
{
    loam_buf_printf(out, "event: %s\ndata: ", name);
    if (!v || !loam_json_format(v, out))
        out->failed = true;
    loam_buf_str(out, "\n\n");
    json_decref(v);
}

static bool next_event(void *arg, int wait_ms, loam_buf *out)
{
    watcher *w = arg;
    loam_http_exchange *x = w->x;
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    if (atomic_load(&x->service->stopping))
        return false;
    if (loam_jobs_wait(loam_pictures_jobs(x->service->pictures), w->id, w->version, wait_ms, &v, &err) != LOAM_OK) {
        loam_buf_str(out, "event: error\ndata: ");
        loam_http_format_error(out, loam_status_http(err.code), NULL, NULL, err.msg);
        loam_buf_str(out, "\n\n");
        return false;
    }
    bool ended = loam_jobs_state_ended(v.state), preview = v.preview_version > w->preview;
    if (ended) {
        write_event(out, "end", describe_whole(x, &v));
    } else if (v.version != w->version) {
        write_event(out, "progress", describe_view(&v));
        if (preview)
            write_event(out, "preview",
                        json_pack("{s:s, s:I, s:o}", "id", w->id, "preview", (json_int_t)v.preview_version, "url",
                                  json_sprintf("/api/jobs/%s/preview?v=%lld", w->id, (long long)v.preview_version)));
    }
    w->version = v.version;
    w->preview = v.preview_version;
    loam_jobs_view_deinit(&v);
    return !ended;
}

static void begin_events(loam_http_exchange *x, const char *id)
{
    watcher *w = calloc(1, sizeof *w);
    if (!w) {
        loam_http_reply_error(x, 507, NULL, NULL, "out of memory for events");
        return;
    }
    w->x = x;
    snprintf(w->id, sizeof w->id, "%s", id);
    loam_http_begin_events(x, (loam_http_stream){next_event, free, w});
}

static void reply_preview(loam_http_exchange *x, const char *id)
{
    char media[64];
    uint64_t version;
    loam_err err = LOAM_ERR_INIT;
    if (loam_jobs_preview(loam_pictures_jobs(x->service->pictures), id, &x->reply.body, media, &version, &err) !=
        LOAM_OK) {
        loam_http_reply_failure(x, &err, NULL);
        return;
    }
    loam_http_reply_header(x, "Cache-Control", "no-store");
    loam_http_reply_set(x, 200, strcmp(media, "image/png") == 0 ? "image/png" : "image/jpeg");
}

static void reply_result(loam_http_exchange *x, const char *id, const char *number)
{
    static const struct {
        const char *media, *ending;
    } known[] = {{"image/png", "png"}, {"image/jpeg", "jpg"}, {"image/webp", "webp"}, {"video/mp4", "mp4"}};
    char *end;
    long idx = strtol(number, &end, 10);
    loam_jobs_result r;
    loam_err err = LOAM_ERR_INIT;
    if (number[0] < '0' || number[0] > '9' || *end || idx > 100000) {
        loam_http_reply_error(x, 404, NULL, NULL, "results are numbered from 0");
        return;
    }
    if (loam_jobs_result_read(loam_pictures_jobs(x->service->pictures), id, (int)idx, &r, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, NULL);
        return;
    }
    const char *media = "application/octet-stream", *ending = "bin";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].media, r.media) == 0) {
            media = known[i].media;
            ending = known[i].ending;
        }
    loam_http_reply_file(x, r.path, media);
    if (x->reply.has_file) {
        loam_http_reply_header(x, "Content-Disposition", "inline; filename=\"%.8s-%ld.%s\"", id, idx, ending);
        loam_http_reply_header(x, "Cache-Control", "private, max-age=86400, immutable");
    }
    loam_jobs_result_deinit(&r);
}

static void refuse_rest(loam_http_exchange *x, const char *rest)
{
    static const char *const posts[] = {"/cancel", "/retry"};
    static const char *const gets[] = {"", "/events", "/preview"};
    bool post = strcmp(x->method, "POST") == 0, known = strncmp(rest, "/results/", 9) == 0;
    for (size_t i = 0; i < 2; i++)
        known |= strcmp(rest, posts[i]) == 0;
    for (size_t i = 0; i < 3; i++)
        known |= strcmp(rest, gets[i]) == 0;
    if (known) {
        loam_http_reply_error(x, 405, "method_not_allowed", NULL, "this takes %s", post ? "GET" : "POST");
        loam_http_reply_header(x, "Allow", "%s", post ? "GET, HEAD" : "POST");
    } else {
        loam_http_reply_error(x, 404, "unknown_url", NULL,
                              "of a job there are /events, /preview, /results/0, /cancel and /retry");
    }
}

void loam_http_job_get(loam_http_exchange *x)
{
    char id[LOAM_JOBS_ID_LENGTH + 1];
    const char *rest;
    if (!read_path(x, id, &rest))
        return;
    if (strcmp(rest, "/preview") == 0) {
        reply_preview(x, id);
    } else if (strncmp(rest, "/results/", 9) == 0) {
        reply_result(x, id, rest + 9);
    } else if (*rest && strcmp(rest, "/events") != 0) {
        refuse_rest(x, rest);
    } else {
        loam_jobs_view v;
        loam_err err = LOAM_ERR_INIT;
        if (loam_jobs_get(loam_pictures_jobs(x->service->pictures), id, &v, &err) != LOAM_OK) {
            loam_http_reply_failure(x, &err, NULL);
            return;
        }
        if (*rest)
            begin_events(x, id);
        else
            loam_http_reply_json(x, 200, describe_whole(x, &v));
        loam_jobs_view_deinit(&v);
    }
}

/* 409 where the job's state does not let it, instead of 400: the request itself is well formed. */
static void reply_state_failure(loam_http_exchange *x, const loam_err *err)
{
    if (err->code == LOAM_STATUS_INVALID)
        loam_http_reply_error(x, 409, "wrong_state", NULL, "%s", err->msg);
    else
        loam_http_reply_failure(x, err, NULL);
}

void loam_http_job_post(loam_http_exchange *x)
{
    char id[LOAM_JOBS_ID_LENGTH + 1], again[LOAM_JOBS_ID_LENGTH + 1];
    const char *rest;
    loam_err err = LOAM_ERR_INIT;
    if (!read_path(x, id, &rest))
        return;
    loam_jobs *jobs = loam_pictures_jobs(x->service->pictures);
    if (strcmp(rest, "/cancel") == 0) {
        loam_jobs_view v;
        loam_status st = loam_jobs_cancel(jobs, id, &err);
        if (st == LOAM_OK)
            st = loam_jobs_get(jobs, id, &v, &err);
        if (st == LOAM_OK) {
            loam_http_reply_json(x, 200, describe_view(&v));
            loam_jobs_view_deinit(&v);
        } else {
            reply_state_failure(x, &err);
        }
    } else if (strcmp(rest, "/retry") == 0) {
        if (loam_jobs_retry(jobs, id, again, NULL, &err) == LOAM_OK)
            reply_submitted(x, again);
        else
            reply_state_failure(x, &err);
    } else {
        refuse_rest(x, rest);
    }
}

void loam_http_job_delete(loam_http_exchange *x)
{
    char id[LOAM_JOBS_ID_LENGTH + 1];
    const char *rest;
    loam_err err = LOAM_ERR_INIT;
    if (!read_path(x, id, &rest))
        return;
    if (*rest)
        loam_http_reply_error(x, 405, "method_not_allowed", NULL, "whole jobs are deleted: DELETE /api/jobs/ID");
    else if (loam_jobs_delete(loam_pictures_jobs(x->service->pictures), id, &err) == LOAM_OK)
        loam_http_reply_json(x, 200, json_pack("{s:s, s:b}", "id", id, "deleted", 1));
    else
        reply_state_failure(x, &err);
}

/* ---- /api/images/info ---- */

void loam_http_images_info(loam_http_exchange *x)
{
    if (has_jobs(x))
        loam_http_reply_json(x, 200, loam_pictures_describe(x->service->pictures));
}
