/* GET /v1/models, /v1/models/{id}, /health, /metrics: what is loaded and how it fares. */
#include "http/http_int.h"

#include <string.h>
#include <strings.h>

static bool is_name(const loam_http_service *s, const char *name)
{
    return !*name || strcmp(name, "default") == 0 || strcmp(name, loam_chat_model_id(s->chat)) == 0 ||
           (s->model_alias && strcmp(name, s->model_alias) == 0);
}

static void refuse_model(loam_http_exchange *x, const char *name)
{
    loam_http_reply_error(x, 404, "model_not_found", "model",
                          "the model '%.100s' is not loaded; this server runs '%s' (\"default\" is also its name)",
                          name, loam_chat_model_id(x->service->chat));
}

bool loam_http_model_is_known(loam_http_exchange *x, const json_t *name)
{
    if (!name || json_is_null(name))
        return true;
    if (!json_is_string(name)) {
        loam_http_reply_error(x, 400, "invalid_type", "model", "'model' must be a string");
        return false;
    }
    if (is_name(x->service, json_string_value(name)))
        return true;
    refuse_model(x, json_string_value(name));
    return false;
}

static json_t *describe(const loam_http_service *s)
{
    const loam_model_info *m = loam_engine_model_info(loam_chat_engine(s->chat));
    return json_pack("{s:s, s:s, s:I, s:s, s:{s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i}}", "id",
                     loam_chat_model_id(s->chat), "object", "model", "created", (json_int_t)s->started, "owned_by",
                     "loam", "meta", "arch", m->arch ? m->arch : "?", "type", m->type ? m->type : "?", "n_params",
                     (json_int_t)m->n_params, "size", (json_int_t)m->weight_bytes, "n_ctx", m->n_ctx, "n_ctx_train",
                     m->n_ctx_train, "n_vocab", m->n_vocab, "n_embd", m->n_embd);
}

void loam_http_models(loam_http_exchange *x)
{
    json_t *model = describe(x->service);
    loam_http_reply_json(x, 200, model ? json_pack("{s:s, s:[o]}", "object", "list", "data", model) : NULL);
}

void loam_http_model(loam_http_exchange *x)
{
    const char *name = x->path + strlen("/v1/models/");
    if (is_name(x->service, name))
        loam_http_reply_json(x, 200, describe(x->service));
    else
        refuse_model(x, name);
}

void loam_http_health(loam_http_exchange *x)
{
    loam_buf_str(&x->reply.body, "{\"status\":\"ok\"}");
    loam_http_reply_set(x, 200, "application/json");
}

void loam_http_metrics_text(loam_http_exchange *x)
{
    loam_http_service *s = x->service;
    loam_engine_stats stats = {0};
    loam_engine_get_stats(loam_chat_engine(s->chat), &stats);
    loam_http_metrics_format(s->metrics, &stats, atomic_load(&s->connections), &x->reply.body);
    loam_http_reply_set(x, 200, "text/plain; version=0.0.4");
}
