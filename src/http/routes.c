/* The table of routes, and the order of the checks that every request passes before its body is read. */
#include "http/form.h"
#include "http/http_int.h"

#include <stdio.h>
#include <string.h>

struct loam_http_route {
    const char *path;
    bool prefix; /* path ends in '/' and takes what follows as an argument */
    bool open;   /* answers without a key */
    void (*get)(loam_http_exchange *x);
    void (*post)(loam_http_exchange *x);
    void (*del)(loam_http_exchange *x);
    bool pictures; /* the body may hold pictures */
    bool form;     /* the body may be a form (multipart/form-data) */
};

static const loam_http_route routes[] = {
    {"/v1/chat/completions", .post = loam_http_chat_completions},
    {"/v1/completions", .post = loam_http_completions},
    {"/v1/models", .get = loam_http_models},
    {"/v1/models/", .prefix = true, .get = loam_http_model},
    {"/health", .open = true, .get = loam_http_health},
    {"/v1/health", .open = true, .get = loam_http_health},
    {"/metrics", .get = loam_http_metrics_text},
    {"/tokenize", .post = loam_http_tokenize},
    {"/detokenize", .post = loam_http_detokenize},
    {"/apply-template", .post = loam_http_apply_template},
    {"/v1/images/generations", .post = loam_http_images_generations},
    {"/v1/images/edits", .post = loam_http_images_edits, .pictures = true, .form = true},
    {"/v1/videos", .get = loam_http_videos, .post = loam_http_videos_create, .pictures = true, .form = true},
    {"/v1/videos/", .prefix = true, .get = loam_http_video_get, .post = loam_http_video_post,
     .del = loam_http_video_delete},
    {"/sdapi/v1/", .prefix = true, .get = loam_http_sdapi_get, .post = loam_http_sdapi_post, .pictures = true},
    {"/api/jobs", .get = loam_http_jobs, .post = loam_http_jobs_submit, .pictures = true},
    {"/api/jobs/", .prefix = true, .get = loam_http_job_get, .post = loam_http_job_post, .del = loam_http_job_delete},
    {"/api/images/info", .get = loam_http_images_info},
};

static const loam_http_route page_route = {"page", .open = true, .get = loam_http_page};

static const loam_http_route *find_route(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const loam_http_route *r = &routes[i];
        size_t n = strlen(r->path);
        if (r->prefix ? strncmp(path, r->path, n) == 0 && path[n] : strcmp(path, r->path) == 0)
            return r;
    }
    return loam_http_page_exists(path) ? &page_route : NULL;
}

static bool is_get(const loam_http_exchange *x)
{
    return strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0;
}

/* What answers this method, or NULL. */
static void (*answer_of(const loam_http_exchange *x))(loam_http_exchange *)
{
    const loam_http_route *r = x->route;
    return is_get(x)                          ? r->get
           : strcmp(x->method, "POST") == 0   ? r->post
           : strcmp(x->method, "DELETE") == 0 ? r->del
                                              : NULL;
}

/* Whether the request's origin is one that CORS is open for; then the headers that say so are in the reply. */
static bool allow_origin(loam_http_exchange *x, const char *origin)
{
    const char *open = x->service->cors_origin;
    if (!open || !origin)
        return false;
    if (strcmp(open, "*") != 0) {
        loam_http_reply_header(x, "Vary", "Origin");
        if (strcmp(open, origin) != 0)
            return false;
    }
    loam_http_reply_header(x, "Access-Control-Allow-Origin", "%s", open);
    return true;
}

static void answer_preflight(loam_http_exchange *x)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ";
    const char *wanted = loam_http_header(x, "Access-Control-Request-Headers");
    bool plain = wanted && wanted[strspn(wanted, token)] == 0;
    loam_http_reply_header(x, "Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
    loam_http_reply_header(x, "Access-Control-Allow-Headers", "%s", plain ? wanted : "Authorization, Content-Type");
    loam_http_reply_header(x, "Access-Control-Max-Age", "600");
    loam_http_reply_set(x, 204, NULL);
}

static void refuse_method(loam_http_exchange *x)
{
    const loam_http_route *r = x->route;
    char allow[64];
    snprintf(allow, sizeof allow, "%s%s%s%s%s", r->get ? "GET, HEAD" : "", r->get && r->post ? ", " : "",
             r->post ? "POST" : "", r->del ? ", DELETE" : "", x->service->cors_origin ? ", OPTIONS" : "");
    loam_http_reply_error(x, 405, "method_not_allowed", NULL, "%s does not take this method; use %s", r->path,
                          !r->post  ? "GET"
                          : !r->get ? "POST"
                                    : allow);
    loam_http_reply_header(x, "Allow", "%s", allow);
}

void loam_http_begin(loam_http_exchange *x)
{
    loam_http_service *s = x->service;
    const char *host = loam_http_header(x, "Host"), *origin = loam_http_header(x, "Origin");
    bool same_origin = !origin || loam_http_origin_is_host(origin, host);
    bool cors = allow_origin(x, origin);
    x->route = find_route(x->path);

    if (atomic_load(&s->stopping)) {
        loam_http_reply_error(x, 503, "server_stopping", NULL, "the server is shutting down");
    } else if (s->loopback && !s->n_api_keys && host && !loam_http_host_is_local(host)) {
        loam_http_reply_error(
            x, 403, "host_not_allowed", NULL,
            "this server answers to the names localhost, 127.0.0.1 and [::1] only, so that no web page "
            "can reach it under a name of its own; start it with an API key to use another name");
    } else if (strcmp(x->method, "OPTIONS") == 0 && cors) {
        answer_preflight(x);
    } else if (!x->route) {
        loam_http_reply_error(x, 404, "unknown_url", NULL,
                              "there is nothing under this path; the API begins with /v1/");
    } else if (!answer_of(x)) {
        refuse_method(x);
    } else if (!is_get(x) && !same_origin && !cors) {
        loam_http_reply_error(x, 403, "origin_not_allowed", NULL,
                              "a page of another origin may not use this server; open CORS for it to allow that");
    } else if (s->n_api_keys && !x->route->open &&
               !loam_http_key_is_known(loam_http_header(x, "Authorization"), loam_http_header(x, "X-Api-Key"),
                                       s->api_keys, s->n_api_keys)) {
        loam_http_reply_error(x, 401, "invalid_api_key", NULL,
                              "this server asks for an API key: send it as 'Authorization: Bearer KEY' or 'X-Api-Key'");
    } else if (!is_get(x)) {
        const char *type = loam_http_header(x, "Content-Type");
        if (type && !loam_http_type_is_json(type) && !(x->route->form && loam_http_type_is_form(type)))
            loam_http_reply_error(x, 415, "unsupported_media_type", NULL,
                                  x->route->form
                                      ? "the body must be a form (multipart/form-data) or JSON (application/json)"
                                      : "the body must be JSON: send 'Content-Type: application/json'");
    }
}

void loam_http_handle(loam_http_exchange *x)
{
    answer_of(x)(x);
    if (!x->reply.status)
        loam_http_reply_error(x, 500, NULL, NULL, "no answer was made");
}

size_t loam_http_body_limit(const loam_http_exchange *x)
{
    size_t limit = x->service->max_body;
    return x->route && x->route->pictures && limit < LOAM_HTTP_PICTURE_BODY ? LOAM_HTTP_PICTURE_BODY : limit;
}

void loam_http_body_drop(loam_http_exchange *x)
{
    loam_buf_deinit(&x->body);
    if (x->large)
        atomic_fetch_sub(&x->service->large_bodies, 1);
    x->large = false;
}

loam_http_labels loam_http_exchange_labels(const loam_http_exchange *x)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "HEAD", "OPTIONS"};
    loam_http_labels labels = {.method = "other", .path = "other", .model = "", .status = x->reply.status};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i], x->method) == 0)
            labels.method = methods[i];
    if (x->route) {
        labels.path = x->route->path;
        if (x->route->post)
            labels.model = loam_chat_model_id(x->service->chat);
    }
    return labels;
}

json_t *loam_http_body_object(loam_http_exchange *x)
{
    json_t *body = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (!x->body.len) {
        loam_http_reply_error(x, 400, "invalid_json", NULL, "the request has no body; a JSON object was expected");
        return NULL;
    }
    if (loam_json_parse(x->body.data, x->body.len, loam_http_body_limit(x), &body, &err) != LOAM_OK) {
        loam_http_reply_error(x, err.code == LOAM_STATUS_NO_MEMORY ? 507 : 400, "invalid_json", NULL, "the body: %s",
                              err.msg);
        return NULL;
    }
    if (!json_is_object(body)) {
        loam_http_reply_error(x, 400, "invalid_type", NULL, "the body must be a JSON object");
        json_decref(body);
        return NULL;
    }
    return body;
}

json_t *loam_http_form_or_object(loam_http_exchange *x, loam_http_form *form)
{
    const char *type = loam_http_header(x, "Content-Type");
    json_t *o = NULL;
    loam_err err = LOAM_ERR_INIT;
    form->n = 0;
    if (!type || !loam_http_type_is_form(type))
        return loam_http_body_object(x);
    loam_status st = loam_http_form_parse(type, loam_buf_text(&x->body), x->body.len, form, &err);
    if (st == LOAM_OK)
        st = loam_http_form_object(form, &o, &err);
    if (st != LOAM_OK)
        loam_http_reply_failure(x, &err, NULL);
    return o;
}
