/* POST /v1/images/generations and /v1/images/edits: OpenAI's requests as jobs of the kind "image", whole or as a stream
 * of events. Fields that OpenAI does not have (steps, seed, sampler, …) are those of /api/jobs. */
#include "http/form.h"
#include "http/http_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_MAX = 10, PARTIAL_MAX = 3, SIZE_TEXT = 32 };

/* What is left of a request when the job's fields are taken out. */
typedef struct wish {
    json_t *job; /* owned */
    bool edit, url, stream;
    int partial;
    const char *format; /* static */
} wish;

static bool refuse(loam_http_exchange *x, const char *code, const char *param, const char *why)
{
    loam_http_reply_error(x, 400, code, param, "'%s' %s", param, why);
    return false;
}

/* ---- reading ---- */

static bool set(wish *w, const char *name, json_t *v)
{
    return json_object_set_new(w->job, name, v) == 0;
}

bool loam_http_read_size(const char *text, int *width, int *height)
{
    const char *digits = "0123456789", *x = text + strspn(text, digits), *end = x + (*x == 'x');
    end += strspn(end, digits);
    if (x == text || x - text > 5 || *x != 'x' || end == x + 1 || end - x > 6 || *end)
        return false;
    *width = (int)strtol(text, NULL, 10);
    *height = (int)strtol(x + 1, NULL, 10);
    return *width > 0 && *height > 0;
}

static bool read_size(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    int width, height;
    if (strcmp(text, "auto") == 0)
        return true;
    if (!loam_http_read_size(text, &width, &height))
        return refuse(x, "invalid_value", name, "must be \"auto\" or a width and a height, \"512x512\"");
    return set(w, "width", json_integer(width)) && set(w, "height", json_integer(height));
}

static bool read_model(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    const char *model = loam_pictures_model(x->service->pictures), *text = json_string_value(v);
    if (!text)
        return refuse(x, "invalid_type", name, "must be a string");
    if (!*text || strcmp(text, "default") == 0 || strcmp(text, model) == 0)
        return true;
    loam_http_reply_error(x, 404, "model_not_found", name,
                          "the picture model '%.100s' is not loaded; this server has '%s' (\"default\" is also its "
                          "name)",
                          text, model);
    return false;
}

static bool read_n(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    if (json_is_integer(v) && (json_integer_value(v) < 1 || json_integer_value(v) > N_MAX))
        return refuse(x, "invalid_value", name, "must be between 1 and 10");
    return set(w, "n", json_incref((json_t *)(uintptr_t)v));
}

static bool read_response_format(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    w->url = strcmp(text, "url") == 0;
    return w->url || strcmp(text, "b64_json") == 0 || refuse(x, "invalid_value", name, "must be b64_json or url");
}

static bool read_output_format(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    static const char *const formats[] = {"png", "jpeg", "webp"};
    for (size_t i = 0; json_is_string(v) && i < 3; i++)
        if (strcmp(json_string_value(v), formats[i]) == 0) {
            w->format = formats[i];
            return set(w, "format", json_string(formats[i]));
        }
    return refuse(x, "invalid_value", name, "must be png, jpeg or webp");
}

static bool read_compression(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    json_int_t q = json_integer_value(v);
    if (!json_is_integer(v) || q < 0 || q > 100)
        return refuse(x, "invalid_value", name, "must be between 0 and 100");
    return set(w, "quality", json_integer(q ? q : 1));
}

static bool read_background(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    return strcmp(text, "auto") == 0 || strcmp(text, "opaque") == 0 ||
           refuse(x, "unsupported_value", name, "must be auto or opaque: no transparent pictures are made here");
}

static bool read_stream(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    w->stream = json_is_true(v);
    return json_is_boolean(v) || refuse(x, "invalid_type", name, "must be true or false");
}

static bool read_partial(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > PARTIAL_MAX)
        return refuse(x, "invalid_value", name, "must be between 0 and 3");
    w->partial = (int)n;
    return true;
}

static bool harmless(loam_http_exchange *x, wish *w, const char *name, const json_t *v)
{
    return true;
}

static const struct {
    const char *name;
    bool (*read)(loam_http_exchange *x, wish *w, const char *name, const json_t *v);
} fields[] = {
    {"model", read_model},
    {"n", read_n},
    {"size", read_size},
    {"response_format", read_response_format},
    {"output_format", read_output_format},
    {"output_compression", read_compression},
    {"background", read_background},
    {"stream", read_stream},
    {"partial_images", read_partial},
    {"quality", harmless}, /* OpenAI's words for effort; here "steps" says it */
    {"style", harmless},
    {"moderation", harmless},
    {"input_fidelity", harmless},
    {"user", harmless},
    {"safety_identifier", harmless},
};

/* Every field that is not OpenAI's is the job's. False: the reply says why. */
static bool read_fields(loam_http_exchange *x, wish *w, const json_t *body)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)body, name, v)
    {
        size_t i = 0;
        if (json_is_null(v))
            continue;
        while (i < sizeof fields / sizeof *fields && strcmp(fields[i].name, name) != 0)
            i++;
        bool good = i < sizeof fields / sizeof *fields ? fields[i].read(x, w, name, v) : set(w, name, json_incref(v));
        if (!good && !x->reply.status)
            loam_http_reply_error(x, 507, NULL, NULL, "out of memory for the request");
        if (!good)
            return false;
    }
    if (w->stream && w->partial) { /* as many previews as were asked for, evenly */
        const json_t *steps = json_object_get(w->job, "steps");
        json_int_t n = json_is_integer(steps) ? json_integer_value(steps) : loam_images_defaults().steps;
        json_int_t every = (n + w->partial) / (w->partial + 1);
        set(w, "preview_every", json_integer(every < 1 ? 1 : every > 1000 ? 1000 : every));
    }
    return true;
}

/* ---- answering ---- */

static bool format_size(loam_http_exchange *x, const char *id, int idx, char out[SIZE_TEXT])
{
    loam_jobs_result r;
    loam_err err = LOAM_ERR_INIT;
    snprintf(out, SIZE_TEXT, "auto");
    if (loam_jobs_result_read(loam_pictures_jobs(x->service->pictures), id, idx, &r, &err) != LOAM_OK)
        return false;
    snprintf(out, SIZE_TEXT, "%dx%d", r.width, r.height);
    loam_jobs_result_deinit(&r);
    return true;
}

static void format_url(loam_http_exchange *x, const char *id, int idx, loam_buf *out)
{
    char url[400];
    const char *host = loam_http_header(x, "Host");
    snprintf(url, sizeof url, "%s%.300s/api/jobs/%s/results/%d", host ? "http://" : "", host ? host : "", id, idx);
    loam_json_format_str(url, strlen(url), out);
}

/* `"job":…,"seed":…`: what repeats the picture. */
static void format_loam(loam_http_exchange *x, const char *id, loam_buf *out)
{
    json_t *request = NULL;
    loam_err err = LOAM_ERR_INIT;
    json_int_t seed = 0;
    if (loam_pictures_request(x->service->pictures, id, &request, &err) == LOAM_OK)
        seed = json_integer_value(json_object_get(request, "seed"));
    json_decref(request);
    loam_buf_printf(out, "\"loam\":{\"job\":\"%s\",\"seed\":%lld}", id, (long long)seed);
}

static void reply_whole(loam_http_exchange *x, const wish *w, const loam_jobs_view *v)
{
    loam_buf *out = &x->reply.body;
    char size[SIZE_TEXT];
    loam_err err = LOAM_ERR_INIT;
    loam_buf_deinit(out);
    loam_buf_init(out, (size_t)N_MAX * LOAM_PICTURES_RESULT_MAX);
    loam_buf_printf(out, "{\"created\":%lld,\"data\":[", (long long)(v->finished_ms / 1000));
    for (int i = 0; i < v->n_results; i++) {
        loam_buf_str(out, i ? ",{" : "{");
        if (w->url) {
            loam_buf_str(out, "\"url\":");
            format_url(x, v->id, i, out);
        } else {
            loam_buf_str(out, "\"b64_json\":\"");
            if (loam_pictures_result_base64(x->service->pictures, v->id, i, out, &err) != LOAM_OK) {
                loam_http_reply_failure(x, &err, NULL);
                return;
            }
            loam_buf_char(out, '"');
        }
        loam_buf_char(out, '}');
    }
    format_size(x, v->id, 0, size);
    loam_buf_printf(out, "],\"output_format\":\"%s\",\"size\":\"%s\",\"background\":\"opaque\",", w->format, size);
    format_loam(x, v->id, out);
    loam_buf_char(out, '}');
    loam_http_reply_set(x, 200, "application/json");
}

typedef struct stream {
    loam_http_exchange *x;
    wish w; /* without job */
    char id[LOAM_JOBS_ID_LENGTH + 1];
    uint64_t version, preview;
    int n_results, n_partial;
} stream;

static void write_event(stream *s, const char *what, loam_buf *out)
{
    loam_buf_printf(out, "event: image_%s.%s\ndata: {\"type\":\"image_%s.%s\",\"b64_json\":\"",
                    s->w.edit ? "edit" : "generation", what, s->w.edit ? "edit" : "generation", what);
}

static void end_event(const char *format, const char *size, loam_buf *out)
{
    loam_buf_printf(out,
                    "\",\"background\":\"opaque\",\"created_at\":%lld,\"output_format\":\"%s\",\"quality\":\"auto\","
                    "\"size\":\"%s\"",
                    (long long)time(NULL), format, size);
}

static void write_partial(stream *s, loam_buf *out)
{
    size_t before = out->len;
    loam_err err = LOAM_ERR_INIT;
    write_event(s, "partial_image", out);
    if (loam_pictures_preview_base64(s->x->service->pictures, s->id, out, &err) != LOAM_OK) {
        loam_buf_truncate(out, before); /* the job went on meanwhile */
        return;
    }
    end_event("jpeg", "auto", out);
    loam_buf_printf(out, ",\"partial_image_index\":%d}\n\n", s->n_partial++);
}

static bool write_error(loam_buf *out, int status, const char *message)
{
    loam_buf_str(out, "event: error\ndata: ");
    loam_http_format_error(out, status, NULL, NULL, message);
    loam_buf_str(out, "\n\n");
    return false;
}

static bool write_completed(stream *s, int idx, loam_buf *out)
{
    char size[SIZE_TEXT];
    loam_err err = LOAM_ERR_INIT;
    size_t before = out->len;
    write_event(s, "completed", out);
    if (loam_pictures_result_base64(s->x->service->pictures, s->id, idx, out, &err) != LOAM_OK) {
        loam_buf_truncate(out, before);
        return write_error(out, loam_status_http(err.code), err.msg);
    }
    format_size(s->x, s->id, idx, size);
    end_event(s->w.format, size, out);
    loam_buf_str(out, ",\"usage\":{\"input_tokens\":0,\"output_tokens\":0,\"total_tokens\":0,"
                      "\"input_tokens_details\":{\"image_tokens\":0,\"text_tokens\":0}},");
    format_loam(s->x, s->id, out);
    loam_buf_str(out, "}\n\n");
    return true;
}

/* loam_http_stream.next: one event at a time, so that the buffer holds one picture. */
static bool next_event(void *arg, int wait_ms, loam_buf *out)
{
    stream *s = arg;
    loam_http_service *service = s->x->service;
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    if (atomic_load(&service->stopping))
        return write_error(out, 503, "the server is shutting down");
    if (loam_jobs_wait(loam_pictures_jobs(service->pictures), s->id, s->version, wait_ms, &v, &err) != LOAM_OK)
        return write_error(out, loam_status_http(err.code), err.msg);
    bool more = true, ended = loam_jobs_state_ended(v.state);
    if (s->n_results < v.n_results) {
        more = write_completed(s, s->n_results++, out);
        s->n_partial = 0;
        s->preview = v.preview_version;
    } else if (ended) {
        char message[LOAM_ERR_MSG_MAX];
        more = false;
        if (v.state != LOAM_JOBS_STATE_DONE)
            write_error(out, loam_http_job_failure(s->x, &v, message), message);
    } else if (v.preview_version > s->preview && s->n_partial < s->w.partial) {
        s->preview = v.preview_version;
        write_partial(s, out);
    }
    if (!out->len)
        s->version = ended ? 0 : v.version;
    loam_jobs_view_deinit(&v);
    return more;
}

/* Takes the wish's job apart from the rest and answers. */
static void answer(loam_http_exchange *x, wish *w)
{
    char id[LOAM_JOBS_ID_LENGTH + 1], message[LOAM_ERR_MSG_MAX];
    loam_jobs_view v;
    bool queued = loam_http_submit(x, "image", w->job, id);
    json_decref(w->job);
    w->job = NULL;
    if (!queued)
        return;
    if (w->stream) {
        stream *s = calloc(1, sizeof *s);
        if (!s) {
            loam_http_reply_error(x, 507, NULL, NULL, "out of memory for the answer");
            return;
        }
        *s = (stream){.x = x, .w = *w};
        snprintf(s->id, sizeof s->id, "%s", id);
        loam_http_begin_events(x, (loam_http_stream){next_event, free, s});
    } else if (loam_http_await(x, id, &v)) {
        if (v.state == LOAM_JOBS_STATE_DONE) {
            reply_whole(x, w, &v);
        } else {
            int status = loam_http_job_failure(x, &v, message);
            loam_http_reply_error(x, status, NULL, NULL, "%s", message);
        }
        loam_jobs_view_deinit(&v);
    }
}

/* ---- edits ---- */

/* A picture of the request, from the form's file or the object's base64. *out NULL: there is none. */
static loam_status take_picture(loam_http_exchange *x, const loam_http_form *form, json_t *body, const char *name,
                                json_t **text, loam_picture **out, loam_err *err)
{
    loam_pictures *p = x->service->pictures;
    const loam_http_part *found = NULL;
    char list[16];
    snprintf(list, sizeof list, "%s[]", name);
    *text = NULL;
    *out = NULL;
    for (int i = 0; i < form->n; i++) {
        const loam_http_part *part = &form->parts[i];
        if (!part->file || (strcmp(part->name, name) != 0 && strcmp(part->name, list) != 0))
            continue;
        if (found)
            LOAM_FAIL(err, INVALID, "'%s' is there more than once; one is supported", name);
        found = part;
    }
    json_t *v = json_object_get(body, name);
    if (json_is_array(v) && json_array_size(v) == 1)
        v = json_array_get(v, 0);
    if (found) {
        LOAM_TRY(loam_pictures_decode_file(p, name, found->data, found->n, out, err));
        *text = loam_pictures_encode(found->data, found->n);
    } else if (json_is_string(v)) {
        LOAM_TRY(loam_pictures_decode(p, name, json_string_value(v), json_string_length(v), out, err));
        *text = json_incref(v);
    } else if (v && !json_is_null(v)) {
        LOAM_FAIL(err, INVALID, "'%s' must be one picture: a file of a form, or base64", name);
    }
    json_object_del(body, name);
    if (*out && !*text)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a picture");
    return LOAM_OK;
}

/* What the mask leaves transparent is made anew; without a mask, what the picture itself leaves transparent; without
 * either, all of it, from the picture on. */
static loam_status take_pictures(loam_http_exchange *x, const loam_http_form *form, json_t *body, wish *w,
                                 const char **param, loam_err *err)
{
    loam_picture *picture = NULL, *mask = NULL;
    json_t *start = NULL, *drawn = NULL, *white = NULL;
    *param = "image";
    loam_status st = take_picture(x, form, body, "image", &start, &picture, err);
    if (st == LOAM_OK && !picture)
        st = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "'image' is missing: the picture to change");
    if (st == LOAM_OK) {
        *param = "mask";
        st = take_picture(x, form, body, "mask", &drawn, &mask, err);
    }
    if (st == LOAM_OK)
        st = loam_pictures_mask_of_alpha(mask ? mask : picture, &white, err);
    if (st == LOAM_OK && mask && !white)
        st = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                          "'mask' is nowhere transparent, and so leaves nothing to change");
    if (st == LOAM_OK &&
        (json_object_set(w->job, "start", start) != 0 || (white && json_object_set(w->job, "mask", white) != 0)))
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a picture");
    json_decref(start);
    json_decref(drawn);
    json_decref(white);
    loam_picture_free(picture);
    loam_picture_free(mask);
    return st;
}

void loam_http_images_edits(loam_http_exchange *x)
{
    loam_http_form form;
    if (!loam_http_has_pictures(x, false))
        return;
    json_t *body = loam_http_form_or_object(x, &form);
    if (!body)
        return;
    wish w = {.job = json_object(), .edit = true, .format = "png"};
    const char *param = NULL;
    loam_err err = LOAM_ERR_INIT;
    loam_status st = take_pictures(x, &form, body, &w, &param, &err);
    loam_http_body_drop(x);
    if (st != LOAM_OK)
        loam_http_reply_failure(x, &err, param);
    else if (read_fields(x, &w, body))
        answer(x, &w);
    json_decref(w.job);
    json_decref(body);
}

/* ---- generations ---- */

void loam_http_images_generations(loam_http_exchange *x)
{
    if (!loam_http_has_pictures(x, false))
        return;
    json_t *body = loam_http_body_object(x);
    if (!body)
        return;
    loam_http_body_drop(x);
    wish w = {.job = json_object(), .format = "png"};
    if (read_fields(x, &w, body))
        answer(x, &w);
    json_decref(w.job);
    json_decref(body);
}
