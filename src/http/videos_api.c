/* /v1/videos: OpenAI's clips as jobs of the kind "video". The ids are those of /api/jobs. */
#include "base/clock.h"
#include "http/form.h"
#include "http/http_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 20, LIST_MOST = 100, LIST_ALL = 10000, DELETE_WAIT_S = 3 };

static const char *status_of(loam_jobs_state s)
{
    return s == LOAM_JOBS_STATE_QUEUED    ? "queued"
           : s == LOAM_JOBS_STATE_RUNNING ? "in_progress"
           : s == LOAM_JOBS_STATE_DONE    ? "completed"
                                          : "failed";
}

/* The steps are nine tenths of it. */
static int progress_of(const loam_jobs_view *v)
{
    double share = v->n_steps > 0 ? (double)v->step / v->n_steps : 0;
    if (v->state == LOAM_JOBS_STATE_DONE)
        return 100;
    if (v->state != LOAM_JOBS_STATE_RUNNING)
        return 0;
    return strcmp(v->stage, "steps") == 0    ? (int)(90 * share)
           : strcmp(v->stage, "decode") == 0 ? 90 + (int)(9 * share)
                                             : 0;
}

static json_t *describe_error(loam_http_exchange *x, const loam_jobs_view *v)
{
    const char *text = v->state == LOAM_JOBS_STATE_CANCELLED     ? "it was cancelled"
                       : v->state == LOAM_JOBS_STATE_INTERRUPTED ? "the server stopped while it was made"
                                                                 : v->error;
    if (v->state < LOAM_JOBS_STATE_FAILED)
        return json_null();
    return json_pack("{s:s, s:s}", "code", loam_jobs_state_name(v->state), "message", text);
}

static json_t *describe(loam_http_exchange *x, const loam_jobs_view *v)
{
    json_t *request = NULL;
    loam_err err = LOAM_ERR_INIT;
    char seconds[32], size[32] = "auto";
    if (loam_pictures_request(x->service->pictures, v->id, &request, &err) != LOAM_OK)
        request = json_object();
    const json_t *width = json_object_get(request, "width"), *height = json_object_get(request, "height");
    const json_t *prompt = json_object_get(request, "prompt");
    snprintf(seconds, sizeof seconds, "%g", json_number_value(json_object_get(request, "seconds")));
    if (width && height)
        snprintf(size, sizeof size, "%lldx%lld", (long long)json_integer_value(width),
                 (long long)json_integer_value(height));
    json_t *o = json_pack(
        "{s:s, s:s, s:s?, s:s, s:i, s:I, s:o, s:n, s:o, s:O?, s:n, s:s, s:s}", "id", v->id, "object", "video", "model",
        loam_pictures_video_model(x->service->pictures), "status", status_of(v->state), "progress", progress_of(v),
        "created_at", (json_int_t)(v->created_ms / 1000), "completed_at",
        v->state == LOAM_JOBS_STATE_DONE ? json_integer(v->finished_ms / 1000) : json_null(), "expires_at", "error",
        describe_error(x, v), "prompt", prompt, "remixed_from_video_id", "seconds", seconds, "size", size);
    json_decref(request);
    return o;
}

/* ---- creating ---- */

static bool refuse(loam_http_exchange *x, const char *param, const char *why)
{
    loam_http_reply_error(x, 400, "invalid_value", param, "'%s' %s", param, why);
    return false;
}

/* OpenAI's fields into the job's; all others are the maker's own. */
static bool read_fields(loam_http_exchange *x, json_t *job)
{
    const char *model = loam_pictures_video_model(x->service->pictures);
    json_t *v = json_object_get(job, "model");
    const char *text = json_string_value(v);
    if (v && !json_is_null(v) && !text)
        return refuse(x, "model", "must be a string");
    if (text && *text && strcmp(text, "default") != 0 && strcmp(text, model) != 0) {
        loam_http_reply_error(x, 404, "model_not_found", "model",
                              "the video model '%.100s' is not loaded; this server has '%s' (\"default\" is also its "
                              "name)",
                              text, model);
        return false;
    }
    json_object_del(job, "model");
    v = json_object_get(job, "seconds");
    if (json_is_string(v)) {
        char *end;
        double s = strtod(json_string_value(v), &end);
        if (!json_string_length(v) || *end || !isfinite(s))
            return refuse(x, "seconds", "must be a number of seconds");
        json_object_set_new(job, "seconds", json_real(s));
        v = json_object_get(job, "seconds");
    }
    if (v && !json_is_null(v) && !(json_is_number(v) && json_number_value(v) > 0 && json_number_value(v) <= 600))
        return refuse(x, "seconds", "must be above 0, and at most 600");
    v = json_object_get(job, "size");
    if (v && !json_is_null(v)) {
        int width, height;
        if (!json_is_string(v) || !loam_http_read_size(json_string_value(v), &width, &height))
            return refuse(x, "size", "must be a width and a height, \"832x480\"");
        json_object_set_new(job, "width", json_integer(width));
        json_object_set_new(job, "height", json_integer(height));
    }
    json_object_del(job, "size");
    json_object_del(job, "user");
    if (!json_is_string(json_object_get(job, "prompt")))
        return refuse(x, "prompt", "is missing: a sentence is wanted");
    return true;
}

/* A picture to begin with, in base64. */
static bool take_reference(loam_http_exchange *x, const loam_http_form *form, json_t *job)
{
    loam_err err = LOAM_ERR_INIT;
    for (int i = 0; i < form->n; i++) {
        const loam_http_part *part = &form->parts[i];
        loam_picture *picture = NULL;
        if (!part->file)
            continue;
        if (strcmp(part->name, "input_reference") != 0)
            return refuse(x, "input_reference", "is the only file that is taken");
        if (loam_pictures_decode_file(x->service->pictures, part->name, part->data, part->n, &picture, &err) !=
            LOAM_OK) {
            loam_http_reply_failure(x, &err, "input_reference");
            return false;
        }
        loam_picture_free(picture);
        json_object_set_new(job, "start", loam_pictures_encode(part->data, part->n));
    }
    return true;
}

static void reply_view(loam_http_exchange *x, const char *id)
{
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    if (loam_jobs_get(loam_pictures_jobs(x->service->pictures), id, &v, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, NULL);
        return;
    }
    loam_http_reply_json(x, 200, describe(x, &v));
    loam_jobs_view_deinit(&v);
}

void loam_http_videos_create(loam_http_exchange *x)
{
    char id[LOAM_JOBS_ID_LENGTH + 1];
    loam_http_form form;
    if (!loam_http_has_pictures(x, true))
        return;
    json_t *job = loam_http_form_or_object(x, &form);
    if (!job)
        return;
    bool good = take_reference(x, &form, job);
    loam_http_body_drop(x);
    if (good && read_fields(x, job) && loam_http_submit(x, "video", job, id))
        reply_view(x, id);
    json_decref(job);
}

/* ---- one clip ---- */

/* The job that the path names and what follows it. False: the reply is set. view is the caller's on true. */
static bool read_path(loam_http_exchange *x, loam_jobs_view *view, const char **rest)
{
    const char *at = x->path + strlen("/v1/videos/");
    size_t n = strcspn(at, "/");
    char id[LOAM_JOBS_ID_LENGTH + 1];
    loam_err err = LOAM_ERR_INIT;
    if (!loam_http_has_pictures(x, true))
        return false;
    snprintf(id, sizeof id, "%.*s", (int)(n <= LOAM_JOBS_ID_LENGTH ? n : 0), at);
    loam_status st = loam_jobs_get(loam_pictures_jobs(x->service->pictures), id, view, &err);
    if (st == LOAM_OK && strcmp(view->kind, "video") != 0) {
        loam_jobs_view_deinit(view);
        st = LOAM_STATUS_NOT_FOUND;
    }
    if (st != LOAM_OK) {
        loam_http_reply_error(x, loam_status_http(st), NULL, "video_id", "there is no clip of this name");
        return false;
    }
    *rest = at + n;
    return true;
}

static void reply_content(loam_http_exchange *x, const loam_jobs_view *v)
{
    const char *variant = loam_http_query(x, "variant");
    loam_jobs_result r;
    loam_err err = LOAM_ERR_INIT;
    if (variant && strcmp(variant, "video") != 0) {
        refuse(x, "variant", "other than \"video\" is not made here");
    } else if (v->state != LOAM_JOBS_STATE_DONE) {
        loam_http_reply_error(x, 400, "video_not_ready", NULL, "the clip is %s: ask again when it is completed",
                              status_of(v->state));
    } else if (loam_jobs_result_read(loam_pictures_jobs(x->service->pictures), v->id, 0, &r, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, NULL);
    } else {
        loam_http_reply_file(x, r.path,
                             strcmp(r.media, "video/mp4") == 0    ? "video/mp4"
                             : strcmp(r.media, "image/webp") == 0 ? "image/webp"
                                                                  : "application/octet-stream");
        loam_jobs_result_deinit(&r);
    }
}

void loam_http_video_get(loam_http_exchange *x)
{
    loam_jobs_view v;
    const char *rest;
    if (!read_path(x, &v, &rest))
        return;
    if (!*rest)
        loam_http_reply_json(x, 200, describe(x, &v));
    else if (strcmp(rest, "/content") == 0)
        reply_content(x, &v);
    else
        loam_http_reply_error(x, 404, "unknown_url", NULL, "of a clip there is /content");
    loam_jobs_view_deinit(&v);
}

void loam_http_video_post(loam_http_exchange *x)
{
    loam_http_reply_error(x, 501, NULL, NULL, "clips are neither remixed nor edited here; POST /v1/videos makes them");
}

/* One that is made right now is stopped first. */
void loam_http_video_delete(loam_http_exchange *x)
{
    loam_jobs_view v, now;
    const char *rest;
    loam_err err = LOAM_ERR_INIT;
    if (!read_path(x, &v, &rest))
        return;
    loam_jobs *jobs = loam_pictures_jobs(x->service->pictures);
    if (!*rest && v.state == LOAM_JOBS_STATE_RUNNING && loam_jobs_cancel(jobs, v.id, &err) == LOAM_OK) {
        uint64_t version = v.version;
        double until = loam_clock_s() + DELETE_WAIT_S;
        bool ended = false;
        while (!ended && loam_clock_s() < until &&
               loam_jobs_wait(jobs, v.id, version, LOAM_HTTP_WAIT_MS, &now, &err) == LOAM_OK) {
            version = now.version;
            ended = loam_jobs_state_ended(now.state);
            loam_jobs_view_deinit(&now);
        }
    }
    if (*rest)
        loam_http_reply_error(x, 405, "method_not_allowed", NULL, "whole clips are deleted");
    else if (loam_jobs_delete(jobs, v.id, &err) == LOAM_OK)
        loam_http_reply_json(x, 200, json_pack("{s:s, s:s, s:b}", "id", v.id, "object", "video.deleted", "deleted", 1));
    else if (err.code == LOAM_STATUS_INVALID)
        loam_http_reply_error(x, 409, "wrong_state", NULL, "the clip is being stopped: delete it again in a moment");
    else
        loam_http_reply_failure(x, &err, NULL);
    loam_jobs_view_deinit(&v);
}

/* ---- the list ---- */

typedef struct clips {
    loam_jobs_view *views; /* owned */
    int n;
} clips;

static void clips_free(clips *c)
{
    for (int i = 0; i < c->n; i++)
        loam_jobs_view_deinit(&c->views[i]);
    free(c->views);
}

/* All clips, newest first: OpenAI's cursor is an id and may go both ways. */
static loam_status read_clips(loam_jobs *jobs, clips *c, loam_err *err)
{
    const loam_jobs_filter filter = {.kind = "video", .state = LOAM_JOBS_STATE_COUNT};
    int64_t before = 0;
    do {
        loam_jobs_page page;
        LOAM_TRY(loam_jobs_list(jobs, &filter, LOAM_JOBS_LIST_MAX, before, &page, err));
        loam_jobs_view *more = realloc(c->views, (size_t)(c->n + page.n + 1) * sizeof *more);
        if (!more) {
            loam_jobs_page_deinit(&page);
            LOAM_FAIL(err, NO_MEMORY, "no memory for a list");
        }
        c->views = more;
        for (int i = 0; i < page.n; i++) {
            c->views[c->n++] = page.views[i];
            page.views[i] = (loam_jobs_view){0};
        }
        before = page.next;
        loam_jobs_page_deinit(&page);
    } while (before && c->n < LIST_ALL);
    return LOAM_OK;
}

void loam_http_videos(loam_http_exchange *x)
{
    if (!loam_http_has_pictures(x, true))
        return;
    const char *after = loam_http_query(x, "after"), *order = loam_http_query(x, "order");
    const char *limit_text = loam_http_query(x, "limit");
    long limit = limit_text ? strtol(limit_text, NULL, 10) : LIST_DEFAULT;
    bool rising = order && strcmp(order, "asc") == 0;
    clips c = {0};
    loam_err err = LOAM_ERR_INIT;
    if (limit < 1 || limit > LIST_MOST) {
        refuse(x, "limit", "must be between 1 and 100");
        return;
    }
    if (order && !rising && strcmp(order, "desc") != 0) {
        refuse(x, "order", "must be asc or desc");
        return;
    }
    if (read_clips(loam_pictures_jobs(x->service->pictures), &c, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, NULL);
        clips_free(&c);
        return;
    }
    int at = 0, taken = 0, step = rising ? -1 : 1, i = rising ? c.n - 1 : 0;
    if (after) {
        while (at < c.n && strcmp(c.views[i].id, after) != 0) {
            at++;
            i += step;
        }
        at++;
        i += step;
    }
    json_t *data = json_array();
    const char *first = NULL, *last = NULL;
    for (; at < c.n && taken < limit; at++, i += step, taken++) {
        json_array_append_new(data, describe(x, &c.views[i]));
        first = first ? first : c.views[i].id;
        last = c.views[i].id;
    }
    loam_http_reply_json(x, 200,
                         json_pack("{s:s, s:o, s:s?, s:s?, s:b}", "object", "list", "data", data, "first_id", first,
                                   "last_id", last, "has_more", at < c.n));
    clips_free(&c);
}
