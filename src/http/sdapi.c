/* /sdapi/v1: what clients of AUTOMATIC1111's web UI call (SillyTavern above all), as jobs of the kind "image". Errors
 * have the shape that its clients look for, {"detail": …}. */
#include "http/sdapi_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- jobs that came this way ---- */

static void remember(loam_http_service *s, const char *id)
{
    pthread_mutex_lock(&s->sdapi.mutex);
    unsigned at = s->sdapi.n++ % (sizeof s->sdapi.ids / sizeof *s->sdapi.ids);
    snprintf(s->sdapi.ids[at], sizeof *s->sdapi.ids, "%s", id);
    pthread_mutex_unlock(&s->sdapi.mutex);
}

/* The one of them that runs, else the one that waits longest. False: all have ended. */
static bool current(loam_http_service *s, loam_jobs_view *out)
{
    enum { N = sizeof s->sdapi.ids / sizeof *s->sdapi.ids };
    char ids[N][LOAM_JOBS_ID_LENGTH + 1];
    bool found = false;
    pthread_mutex_lock(&s->sdapi.mutex);
    unsigned n = s->sdapi.n < N ? s->sdapi.n : N, first = s->sdapi.n - n;
    for (unsigned i = 0; i < n; i++)
        memcpy(ids[i], s->sdapi.ids[(first + i) % N], sizeof ids[i]);
    pthread_mutex_unlock(&s->sdapi.mutex);
    for (unsigned i = 0; i < n; i++) {
        loam_jobs_view v;
        loam_err err = LOAM_ERR_INIT;
        if (loam_jobs_get(loam_pictures_jobs(s->pictures), ids[i], &v, &err) != LOAM_OK)
            continue;
        bool running = v.state == LOAM_JOBS_STATE_RUNNING;
        if (running || (!found && v.state == LOAM_JOBS_STATE_QUEUED)) {
            if (found)
                loam_jobs_view_deinit(out);
            *out = v;
            found = true;
            if (running)
                break;
        } else {
            loam_jobs_view_deinit(&v);
        }
    }
    return found;
}

/* ---- answers ---- */

/* The error that is in the reply, as A1111 writes it. */
static void retell(loam_http_exchange *x)
{
    json_t *v = NULL;
    loam_err err = LOAM_ERR_INIT;
    int status = x->reply.status;
    if (status < 400 || status == LOAM_HTTP_GONE || x->reply.has_file || x->reply.stream.next ||
        loam_json_parse(loam_buf_text(&x->reply.body), x->reply.body.len, 1 << 16, &v, &err) != LOAM_OK)
        return;
    json_t *e = json_object_get(v, "error");
    json_t *told = json_pack("{s:O, s:O, s:O, s:s}", "error", json_object_get(e, "type"), "detail",
                             json_object_get(e, "message"), "errors", json_object_get(e, "message"), "body", "");
    json_decref(v);
    loam_buf_truncate(&x->reply.body, 0);
    loam_http_reply_json(x, status, told);
}

static json_t *info_of(loam_http_exchange *x, const loam_jobs_view *v, const json_t *job)
{
    json_t *seeds = json_array(), *texts = json_array(), *prompts = json_array();
    loam_jobs_result *list = NULL;
    int n = 0, width = 0, height = 0;
    loam_err err = LOAM_ERR_INIT;
    const json_t *prompt = json_object_get(job, "prompt"), *negative = json_object_get(job, "negative");
    if (loam_jobs_results(loam_pictures_jobs(x->service->pictures), v->id, &list, &n, &err) != LOAM_OK)
        n = 0;
    for (int i = 0; i < n; i++) {
        json_t *meta = NULL;
        width = list[i].width;
        height = list[i].height;
        if (loam_json_parse(list[i].meta, strlen(list[i].meta), 1 << 20, &meta, &err) == LOAM_OK) {
            json_array_append(seeds, json_object_get(meta, "seed"));
            json_array_append(texts, json_object_get(meta, "parameters"));
        }
        json_array_append(prompts, (json_t *)(uintptr_t)prompt);
        json_decref(meta);
    }
    loam_jobs_results_free(list, n);
    json_t *first = json_array_get(seeds, 0);
    return json_pack("{s:O?, s:O?, s:o, s:o, s:o, s:O?, s:i, s:i, s:i, s:s, s:s}", "prompt", prompt, "negative_prompt",
                     negative, "all_prompts", prompts, "all_seeds", seeds, "infotexts", texts, "seed", first, "width",
                     width, "height", height, "batch_size", n, "sd_model_name",
                     loam_pictures_model(x->service->pictures), "job", v->id);
}

static void reply_pictures(loam_http_exchange *x, const loam_jobs_view *v, const json_t *job, json_t *parameters)
{
    loam_buf *out = &x->reply.body;
    loam_err err = LOAM_ERR_INIT;
    json_t *info = info_of(x, v, job);
    char *info_text = info ? json_dumps(info, JSON_COMPACT) : NULL;
    loam_buf_deinit(out);
    loam_buf_init(out, (size_t)1 << 31);
    loam_buf_str(out, "{\"images\":[");
    for (int i = 0; i < v->n_results; i++) {
        loam_buf_str(out, i ? ",\"" : "\"");
        if (loam_pictures_result_base64(x->service->pictures, v->id, i, out, &err) != LOAM_OK) {
            loam_http_reply_failure(x, &err, NULL);
            goto done;
        }
        loam_buf_char(out, '"');
    }
    json_object_del(parameters, "init_images");
    json_object_del(parameters, "mask");
    loam_buf_str(out, "],\"parameters\":");
    loam_json_format(parameters, out);
    loam_buf_str(out, ",\"info\":");
    if (info_text)
        loam_json_format_str(info_text, strlen(info_text), out);
    else
        out->failed = true;
    loam_buf_char(out, '}');
    loam_http_reply_set(x, 200, "application/json");
done:
    json_decref(info);
    free(info_text);
}

static void make(loam_http_exchange *x, bool from_picture)
{
    char id[LOAM_JOBS_ID_LENGTH + 1], message[LOAM_ERR_MSG_MAX];
    loam_jobs_view v;
    json_t *body = loam_http_body_object(x), *job = NULL;
    if (!body)
        return;
    loam_http_body_drop(x);
    if (loam_http_sdapi_read(x, body, from_picture, &job) && loam_http_submit(x, "image", job, id)) {
        remember(x->service, id);
        json_object_del(job, "start"); /* not held while it waits */
        json_object_del(job, "mask");
        if (loam_http_await(x, id, &v)) {
            /* as in A1111, an interrupt is no error: what is done is answered */
            if (v.state == LOAM_JOBS_STATE_DONE || (v.state == LOAM_JOBS_STATE_CANCELLED && v.n_results > 0)) {
                reply_pictures(x, &v, job, body);
            } else {
                int status = loam_http_job_failure(x, &v, message);
                loam_http_reply_error(x, status, NULL, NULL, "%s", message);
            }
            loam_jobs_view_deinit(&v);
        }
    }
    json_decref(job);
    json_decref(body);
}

static void interrupt(loam_http_exchange *x)
{
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    if (current(x->service, &v)) {
        if (loam_jobs_cancel(loam_pictures_jobs(x->service->pictures), v.id, &err) != LOAM_OK)
            err = (loam_err)LOAM_ERR_INIT; /* it ended meanwhile */
        loam_jobs_view_deinit(&v);
    }
    loam_buf_str(&x->reply.body, "{}");
    loam_http_reply_set(x, 200, "application/json");
}

static int count(loam_http_exchange *x, loam_jobs_state state, loam_jobs_view *first)
{
    const loam_jobs_filter f = {.kind = "image", .state = state};
    loam_jobs_page page;
    loam_err err = LOAM_ERR_INIT;
    if (loam_jobs_list(loam_pictures_jobs(x->service->pictures), &f, LOAM_JOBS_LIST_MAX, 0, &page, &err) != LOAM_OK)
        return 0;
    int n = page.n;
    if (first && n) {
        *first = page.views[0];
        page.views[0] = (loam_jobs_view){0};
    }
    loam_jobs_page_deinit(&page);
    return n;
}

static json_t *preview_of(loam_http_exchange *x, const char *id)
{
    loam_buf text;
    loam_err err = LOAM_ERR_INIT;
    const char *skip = loam_http_query(x, "skip_current_image");
    json_t *v = NULL;
    loam_buf_init(&text, LOAM_JOBS_PREVIEW_MAX * 2);
    if ((!skip || (strcmp(skip, "true") != 0 && strcmp(skip, "1") != 0)) &&
        loam_pictures_preview_base64(x->service->pictures, id, &text, &err) == LOAM_OK)
        v = json_stringn_nocheck(loam_buf_text(&text), text.len);
    loam_buf_deinit(&text);
    return v ? v : json_null();
}

static void reply_progress(loam_http_exchange *x)
{
    loam_jobs_view v = {0};
    int queued = count(x, LOAM_JOBS_STATE_QUEUED, NULL), running = count(x, LOAM_JOBS_STATE_RUNNING, &v);
    bool steps = running && (strcmp(v.stage, "steps") == 0 || strcmp(v.stage, "hires") == 0);
    double share = steps && v.n_steps > 0                      ? 0.95 * v.step / v.n_steps
                   : running && strcmp(v.stage, "decode") == 0 ? 0.95
                                                               : 0;
    if (running && share <= 0)
        share = 0.001; /* 0 means that nothing is done */
    json_t *o = json_pack("{s:f, s:f, s:{s:b, s:b, s:b, s:s, s:i, s:s, s:i, s:i, s:i}, s:o, s:n}", "progress", share,
                          "eta_relative", steps && v.eta_s > 0 ? v.eta_s : 0.0, "state", "skipped", 0, "interrupted",
                          running && v.cancelling, "stopping_generation", 0, "job", running ? v.id : "", "job_count",
                          queued + running, "job_timestamp", "0", "job_no", 0, "sampling_step", steps ? v.step : 0,
                          "sampling_steps", steps ? v.n_steps : 0, "current_image",
                          running ? preview_of(x, v.id) : json_null(), "textinfo");
    loam_jobs_view_deinit(&v);
    loam_http_reply_json(x, 200, o);
}

/* ---- lists ---- */

static void reply_samplers(loam_http_exchange *x)
{
    json_t *list = json_array();
    for (const loam_http_sdapi_name *s = loam_http_sdapi_samplers; s->name; s++)
        json_array_append_new(list, json_pack("{s:s, s:[s], s:{}}", "name", s->name, "aliases", s->own, "options"));
    loam_http_reply_json(x, 200, list);
}

static void reply_schedulers(loam_http_exchange *x)
{
    json_t *list = json_array();
    for (const loam_http_sdapi_name *s = loam_http_sdapi_schedulers; s->name; s++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:n, s:f, s:b}", "name", s->own, "label", s->name, "aliases",
                                              "default_rho", -1.0, "need_inner_model", 0));
    loam_http_reply_json(x, 200, list);
}

static void reply_models(loam_http_exchange *x)
{
    const char *model = loam_pictures_model(x->service->pictures);
    loam_http_reply_json(x, 200,
                         json_pack("[{s:s, s:s, s:n, s:n, s:s, s:n}]", "title", model, "model_name", model, "hash",
                                   "sha256", "filename", model, "config"));
}

static void reply_loras(loam_http_exchange *x)
{
    json_t *names = loam_pictures_loras(x->service->pictures), *list = json_array(), *v;
    size_t i;
    json_array_foreach(names, i, v)
    {
        json_array_append_new(list, json_pack("{s:O, s:O, s:o, s:{}}", "name", v, "alias", v, "path",
                                              json_sprintf("%s.safetensors", json_string_value(v)), "metadata"));
    }
    json_decref(names);
    loam_http_reply_json(x, 200, list);
}

static void reply_options(loam_http_exchange *x)
{
    loam_http_reply_json(x, 200,
                         json_pack("{s:s, s:s, s:i, s:s, s:b, s:b}", "sd_model_checkpoint",
                                   loam_pictures_model(x->service->pictures), "sd_vae", "Automatic",
                                   "CLIP_stop_at_last_layers", 1, "samples_format", "png", "samples_save", 1,
                                   "live_previews_enable", 1));
}

/* Only what changes nothing can be set. */
static void set_options(loam_http_exchange *x)
{
    json_t *body = loam_http_body_object(x);
    if (!body)
        return;
    const json_t *v = json_object_get(body, "sd_model_checkpoint");
    const char *model = loam_pictures_model(x->service->pictures), *text = json_string_value(v);
    if (v && !json_is_null(v) && (!text || strcmp(text, model) != 0)) {
        loam_http_reply_error(x, 404, "model_not_found", "sd_model_checkpoint",
                              "the picture model '%.100s' is not loaded; this server has '%s'", text ? text : "?",
                              model);
    } else {
        loam_buf_str(&x->reply.body, "{}");
        loam_http_reply_set(x, 200, "application/json");
    }
    json_decref(body);
}

/* What there is none of, said in the shape that clients expect. */
static const struct {
    const char *path, *text;
} fixed[] = {
    {"upscalers", "[{\"name\":\"None\",\"model_name\":null,\"model_path\":null,\"model_url\":null,\"scale\":4},"
                  "{\"name\":\"Lanczos\",\"model_name\":null,\"model_path\":null,\"model_url\":null,\"scale\":4}]"},
    {"latent-upscale-modes", "[]"},
    {"sd-vae", "[]"},
    {"sd-modules", "[]"},
    {"hypernetworks", "[]"},
    {"face-restorers", "[]"},
    {"prompt-styles", "[]"},
    {"embeddings", "{\"loaded\":{},\"skipped\":{}}"},
    {"scripts", "{\"txt2img\":[],\"img2img\":[]}"},
    {"script-info", "[]"},
    {"cmd-flags", "{\"api\":true,\"nowebui\":true}"},
};

static const struct {
    const char *path;
    void (*answer)(loam_http_exchange *x);
} gets[] = {
    {"progress", reply_progress},     {"options", reply_options},  {"samplers", reply_samplers},
    {"schedulers", reply_schedulers}, {"sd-models", reply_models}, {"loras", reply_loras},
};

static const char *const posts[] = {
    "txt2img", "img2img", "interrupt", "skip", "options", "refresh-checkpoints", "refresh-loras", "refresh-vae"};

static void refuse_path(loam_http_exchange *x, const char *path)
{
    bool post = strcmp(x->method, "POST") == 0, known = false;
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++)
        known |= !post && strcmp(path, posts[i]) == 0;
    for (size_t i = 0; post && i < sizeof gets / sizeof *gets; i++)
        known |= strcmp(path, gets[i].path) == 0;
    if (known) {
        loam_http_reply_error(x, 405, "method_not_allowed", NULL, "this takes %s", post ? "GET" : "POST");
        loam_http_reply_header(x, "Allow", "%s", post ? "GET, HEAD" : "POST");
    } else {
        loam_http_reply_error(x, 404, "unknown_url", NULL, "there is nothing under this path of /sdapi/v1");
    }
}

static void answer_get(loam_http_exchange *x, const char *path)
{
    for (size_t i = 0; i < sizeof gets / sizeof *gets; i++)
        if (strcmp(gets[i].path, path) == 0) {
            gets[i].answer(x);
            return;
        }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(fixed[i].path, path) == 0) {
            loam_buf_str(&x->reply.body, fixed[i].text);
            loam_http_reply_set(x, 200, "application/json");
            return;
        }
    refuse_path(x, path);
}

void loam_http_sdapi_get(loam_http_exchange *x)
{
    if (loam_http_has_pictures(x, false))
        answer_get(x, x->path + strlen("/sdapi/v1/"));
    retell(x);
}

void loam_http_sdapi_post(loam_http_exchange *x)
{
    const char *path = x->path + strlen("/sdapi/v1/");
    if (!loam_http_has_pictures(x, false))
        ;
    else if (strcmp(path, "txt2img") == 0 || strcmp(path, "img2img") == 0)
        make(x, path[0] == 'i');
    else if (strcmp(path, "interrupt") == 0 || strcmp(path, "skip") == 0)
        interrupt(x);
    else if (strcmp(path, "options") == 0)
        set_options(x);
    else if (strncmp(path, "refresh-", 8) == 0)
        loam_http_reply_json(x, 200, json_null());
    else
        refuse_path(x, path);
    retell(x);
}
