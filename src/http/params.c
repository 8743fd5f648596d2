/* The table of request fields: one reading function each. */
#include "http/params.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One request being read. */
typedef struct reader {
    loam_http_params *p;
    size_t n_vocab;
    bool chat;
    int64_t max_tokens, max_completion_tokens; /* -1: not given */
    int64_t top_logprobs;                      /* -1: not given */
    loam_http_fault *fault;
    loam_err *err;
} reader;

#define REFUSE(r, CODE_TEXT, ...)                  \
    do {                                           \
        (r)->fault->code = CODE_TEXT;              \
        LOAM_FAIL((r)->err, INVALID, __VA_ARGS__); \
    } while (0)

static loam_status read_number(reader *r, const char *name, const json_t *v, double least, double most, double *out)
{
    if (!json_is_number(v))
        REFUSE(r, "invalid_type", "'%s' must be a number", name);
    double x = json_number_value(v);
    if (!(x >= least && x <= most))
        REFUSE(r, "invalid_value", "'%s' must be between %g and %g", name, least, most);
    *out = x;
    return LOAM_OK;
}

/* Accepts 16.0 for 16: some clients know no integers. */
static loam_status read_integer(reader *r, const char *name, const json_t *v, int64_t least, int64_t most, int64_t *out)
{
    int64_t x = 0;
    if (json_is_integer(v))
        x = json_integer_value(v);
    else if (json_is_real(v) && fabs(json_real_value(v)) < 9e15 && floor(json_real_value(v)) == json_real_value(v))
        x = (int64_t)json_real_value(v);
    else
        REFUSE(r, "invalid_type", "'%s' must be an integer", name);
    if (x < least || x > most)
        REFUSE(r, "invalid_value", "'%s' must be between %lld and %lld", name, (long long)least, (long long)most);
    *out = x;
    return LOAM_OK;
}

static loam_status read_bool(reader *r, const char *name, const json_t *v, bool *out)
{
    if (!json_is_boolean(v))
        REFUSE(r, "invalid_type", "'%s' must be true or false", name);
    *out = json_is_true(v);
    return LOAM_OK;
}

static loam_status read_float(reader *r, const char *name, const json_t *v, double least, double most, float *out)
{
    double x = 0;
    LOAM_TRY(read_number(r, name, v, least, most, &x));
    *out = (float)x;
    return LOAM_OK;
}

static loam_status read_temperature(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, 0, 2, &r->p->job.sampler.temperature);
}

static loam_status read_top_p(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, 0, 1, &r->p->job.sampler.top_p);
}

static loam_status read_min_p(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, 0, 1, &r->p->job.sampler.min_p);
}

static loam_status read_top_k(reader *r, const char *name, const json_t *v)
{
    int64_t k = 0;
    LOAM_TRY(read_integer(r, name, v, -1, INT_MAX, &k));
    r->p->job.sampler.top_k = k < 0 ? 0 : (int)k;
    return LOAM_OK;
}

static loam_status read_repeat_penalty(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, 0.01, 100, &r->p->job.sampler.repeat_penalty);
}

static loam_status read_repeat_last_n(reader *r, const char *name, const json_t *v)
{
    int64_t n = 0;
    LOAM_TRY(read_integer(r, name, v, -1, INT_MAX, &n));
    r->p->job.sampler.repeat_last_n = (int)n;
    return LOAM_OK;
}

static loam_status read_presence(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, -2, 2, &r->p->job.sampler.presence_penalty);
}

static loam_status read_frequency(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, -2, 2, &r->p->job.sampler.frequency_penalty);
}

/* -1 asks for a random one, as in llama.cpp. */
static loam_status read_seed(reader *r, const char *name, const json_t *v)
{
    int64_t seed = 0;
    LOAM_TRY(read_integer(r, name, v, INT64_MIN, INT64_MAX, &seed));
    r->p->job.sampler.seed = (uint64_t)seed;
    r->p->random_seed = seed == -1;
    return LOAM_OK;
}

static loam_status read_max_tokens(reader *r, const char *name, const json_t *v)
{
    int64_t n = 0;
    LOAM_TRY(read_integer(r, name, v, -1, INT_MAX, &n));
    if (n == 0)
        REFUSE(r, "invalid_value", "'%s' must be at least 1 (or -1: as many as fit)", name);
    *(name[4] == 'c' ? &r->max_completion_tokens : &r->max_tokens) = n < 0 ? INT64_MAX : n;
    return LOAM_OK;
}

static loam_status read_stop(reader *r, const char *name, const json_t *v)
{
    loam_job_request *job = &r->p->job;
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (n > LOAM_JOB_MAX_STOPS)
        REFUSE(r, "invalid_value", "'stop' has %zu strings; at most %d are supported", n, LOAM_JOB_MAX_STOPS);
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_string(s))
            REFUSE(r, "invalid_type", "'stop' must be a string or an array of strings");
        if (!json_string_length(s))
            REFUSE(r, "invalid_value", "'stop' must not hold an empty string");
        job->stops[job->n_stops++] = json_string_value(s);
    }
    return LOAM_OK;
}

static loam_status read_stream(reader *r, const char *name, const json_t *v)
{
    return read_bool(r, name, v, &r->p->stream);
}

static loam_status read_stream_options(reader *r, const char *name, const json_t *v)
{
    if (!json_is_object(v))
        REFUSE(r, "invalid_type", "'stream_options' must be an object");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)v, key, value)
    {
        bool ignored;
        if (strcmp(key, "include_usage") == 0) {
            LOAM_TRY(read_bool(r, "stream_options.include_usage", value, &r->p->include_usage));
        } else if (strcmp(key, "include_obfuscation") == 0) { /* random padding; its absence is harmless */
            LOAM_TRY(read_bool(r, "stream_options.include_obfuscation", value, &ignored));
        } else {
            REFUSE(r, "unknown_parameter", "'stream_options' has a field that this server does not know");
        }
    }
    return LOAM_OK;
}

/* A switch in chat, a count in plain completions. */
static loam_status read_logprobs(reader *r, const char *name, const json_t *v)
{
    if (r->chat)
        return read_bool(r, name, v, &r->p->want_logprobs);
    r->p->want_logprobs = true;
    return read_integer(r, name, v, 0, 20, &r->top_logprobs);
}

static loam_status read_top_logprobs(reader *r, const char *name, const json_t *v)
{
    return read_integer(r, name, v, 0, 20, &r->top_logprobs);
}

static loam_status read_logit_bias(reader *r, const char *name, const json_t *v)
{
    if (!json_is_object(v))
        REFUSE(r, "invalid_type", "'logit_bias' must be an object of token ids and numbers");
    size_t n = json_object_size(v);
    if (!n)
        return LOAM_OK;
    r->p->bias = malloc(n * sizeof *r->p->bias);
    if (!r->p->bias)
        LOAM_FAIL(r->err, NO_MEMORY, "out of memory for 'logit_bias'");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)v, key, value)
    {
        char *end;
        long long id = strtoll(key, &end, 10);
        double bias = 0;
        if (*key < '0' || *key > '9' || *end || id < 0 || (unsigned long long)id >= r->n_vocab)
            REFUSE(r, "invalid_value", "'logit_bias' has a key that is not a token id from 0 to %zu", r->n_vocab - 1);
        LOAM_TRY(read_number(r, "logit_bias", value, -100, 100, &bias));
        r->p->bias[r->p->job.sampler.n_bias++] = (loam_logit_bias){(int32_t)id, (float)bias};
    }
    r->p->job.sampler.bias = r->p->bias;
    return LOAM_OK;
}

static loam_status read_ignore_eos(reader *r, const char *name, const json_t *v)
{
    return read_bool(r, name, v, &r->p->job.ignore_end);
}

static loam_status read_return_progress(reader *r, const char *name, const json_t *v)
{
    return read_bool(r, name, v, &r->p->return_progress);
}

static loam_status read_echo(reader *r, const char *name, const json_t *v)
{
    return read_bool(r, name, v, &r->p->echo);
}

static loam_status only_one(reader *r, const char *name, const json_t *v)
{
    int64_t n = 0;
    LOAM_TRY(read_integer(r, name, v, 1, INT_MAX, &n));
    if (n != 1)
        REFUSE(r, "unsupported_value", "'%s' above 1 is not supported; send the request several times", name);
    return LOAM_OK;
}

static loam_status only_false(reader *r, const char *name, const json_t *v)
{
    if (!json_is_false(v))
        REFUSE(r, "unsupported_value", "'%s' is not supported by this server", name);
    return LOAM_OK;
}

static loam_status only_true(reader *r, const char *name, const json_t *v)
{
    if (!json_is_true(v))
        REFUSE(r, "unsupported_value", "'%s' cannot be switched off on this server", name);
    return LOAM_OK;
}

static loam_status only_empty(reader *r, const char *name, const json_t *v)
{
    if ((json_is_array(v) && !json_array_size(v)) || (json_is_string(v) && !json_string_length(v)))
        return LOAM_OK;
    REFUSE(r, "unsupported_parameter", "'%s' is not supported by this server", name);
}

static loam_status only_none(reader *r, const char *name, const json_t *v)
{
    if (json_is_string(v) && strcmp(json_string_value(v), "none") == 0)
        return LOAM_OK;
    REFUSE(r, "unsupported_parameter", "'%s' other than \"none\" is not supported by this server: it calls no tools",
           name);
}

static loam_status only_text_format(reader *r, const char *name, const json_t *v)
{
    const json_t *type = json_object_get(v, "type");
    if (json_is_string(type) && strcmp(json_string_value(type), "text") == 0)
        return LOAM_OK;
    REFUSE(r, "unsupported_parameter", "'%s' other than {\"type\": \"text\"} is not supported by this server", name);
}

static loam_status only_text_modality(reader *r, const char *name, const json_t *v)
{
    const json_t *first = json_array_get(v, 0);
    if (json_array_size(v) == 1 && json_is_string(first) && strcmp(json_string_value(first), "text") == 0)
        return LOAM_OK;
    REFUSE(r, "unsupported_parameter", "'%s' other than [\"text\"] is not supported by this server", name);
}

static loam_status refuse(reader *r, const char *name, const json_t *v)
{
    REFUSE(r, "unsupported_parameter", "'%s' is not supported by this server", name);
}

static loam_status harmless(reader *r, const char *name, const json_t *v)
{
    return LOAM_OK;
}

enum { IN_CHAT = 1, IN_TEXT = 2, IN_BOTH = 3 };

static const struct {
    const char *name;
    int where;
    loam_status (*read)(reader *r, const char *name, const json_t *v);
} fields[] = {
    /* read by the routes themselves */
    {"model", IN_BOTH, harmless},
    {"messages", IN_CHAT, harmless},
    {"chat_template_kwargs", IN_CHAT, harmless},
    {"prompt", IN_TEXT, harmless},
    /* read here */
    {"max_tokens", IN_BOTH, read_max_tokens},
    {"max_completion_tokens", IN_CHAT, read_max_tokens},
    {"temperature", IN_BOTH, read_temperature},
    {"top_p", IN_BOTH, read_top_p},
    {"top_k", IN_BOTH, read_top_k},
    {"min_p", IN_BOTH, read_min_p},
    {"repeat_penalty", IN_BOTH, read_repeat_penalty},
    {"repetition_penalty", IN_BOTH, read_repeat_penalty},
    {"repeat_last_n", IN_BOTH, read_repeat_last_n},
    {"presence_penalty", IN_BOTH, read_presence},
    {"frequency_penalty", IN_BOTH, read_frequency},
    {"seed", IN_BOTH, read_seed},
    {"stop", IN_BOTH, read_stop},
    {"stream", IN_BOTH, read_stream},
    {"stream_options", IN_BOTH, read_stream_options},
    {"logprobs", IN_BOTH, read_logprobs},
    {"top_logprobs", IN_CHAT, read_top_logprobs},
    {"logit_bias", IN_BOTH, read_logit_bias},
    {"ignore_eos", IN_BOTH, read_ignore_eos},
    {"return_progress", IN_BOTH, read_return_progress},
    {"echo", IN_TEXT, read_echo},
    /* in their neutral value only */
    {"n", IN_BOTH, only_one},
    {"best_of", IN_TEXT, only_one},
    {"store", IN_BOTH, only_false},
    {"cache_prompt", IN_BOTH, only_true},
    {"suffix", IN_TEXT, only_empty},
    {"tools", IN_CHAT, only_empty},
    {"functions", IN_CHAT, only_empty},
    {"tool_choice", IN_CHAT, only_none},
    {"function_call", IN_CHAT, only_none},
    {"response_format", IN_BOTH, only_text_format},
    {"modalities", IN_CHAT, only_text_modality},
    {"audio", IN_CHAT, refuse},
    {"prediction", IN_CHAT, refuse},
    {"web_search_options", IN_CHAT, refuse},
    {"verbosity", IN_CHAT, refuse},
    {"moderation", IN_CHAT, refuse},
    {"grammar", IN_BOTH, refuse},
    {"json_schema", IN_BOTH, refuse},
    /* without effect on what is answered */
    {"user", IN_BOTH, harmless},
    {"metadata", IN_BOTH, harmless},
    {"service_tier", IN_BOTH, harmless},
    {"parallel_tool_calls", IN_CHAT, harmless},
    {"reasoning_effort", IN_CHAT, harmless},
    {"safety_identifier", IN_CHAT, harmless},
    {"prompt_cache_key", IN_CHAT, harmless},
    {"prompt_cache_retention", IN_CHAT, harmless},
    {"timings_per_token", IN_BOTH, only_false},
};

static loam_status read_field(reader *r, const char *name, const json_t *v)
{
    snprintf(r->fault->param, sizeof r->fault->param, "%s", name);
    if (json_is_null(v)) /* OpenAI's clients send null for "not given" */
        return LOAM_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, name) == 0 && fields[i].where & (r->chat ? IN_CHAT : IN_TEXT))
            return fields[i].read(r, name, v);
    REFUSE(r, "unknown_parameter", "unknown field '%.60s': it is not ignored, because it might matter to you", name);
}

/* What depends on several fields. */
static loam_status finish(reader *r)
{
    loam_http_params *p = r->p;
    int64_t max = r->max_completion_tokens >= 0 ? r->max_completion_tokens : r->max_tokens;
    if (r->max_completion_tokens >= 0 && r->max_tokens >= 0 && r->max_tokens != r->max_completion_tokens) {
        snprintf(r->fault->param, sizeof r->fault->param, "max_tokens");
        REFUSE(r, "invalid_value", "'max_tokens' and 'max_completion_tokens' differ; send one of them");
    }
    if (max >= 0)
        p->job.max_tokens = max > INT_MAX ? -1 : (int)max;
    if (r->top_logprobs >= 0 && !p->want_logprobs) {
        snprintf(r->fault->param, sizeof r->fault->param, "top_logprobs");
        REFUSE(r, "invalid_value", "'top_logprobs' needs 'logprobs': true");
    }
    p->n_top = r->top_logprobs > 0 ? (int)r->top_logprobs : 0;
    p->job.n_logprobs = !p->want_logprobs ? 0 : p->n_top ? p->n_top : 1;
    if (p->echo && p->want_logprobs) {
        snprintf(r->fault->param, sizeof r->fault->param, "echo");
        REFUSE(r, "unsupported_value", "'echo' together with 'logprobs' is not supported by this server");
    }
    r->fault->param[0] = 0;
    return loam_sampler_check(&p->job.sampler, r->err);
}

loam_status loam_http_params_parse(const json_t *body, bool chat, size_t n_vocab, loam_http_params *p,
                                   loam_http_fault *fault, loam_err *err)
{
    *fault = (loam_http_fault){.code = "invalid_value"};
    *p = (loam_http_params){.random_seed = true};
    p->job.sampler = loam_sampler_defaults();
    p->job.max_tokens = chat ? -1 : 16; /* OpenAI's default for plain completions */
    reader r = {.p = p,
                .n_vocab = n_vocab,
                .chat = chat,
                .max_tokens = -1,
                .max_completion_tokens = -1,
                .top_logprobs = -1,
                .fault = fault,
                .err = err};

    loam_status status = LOAM_OK;
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)body, name, v)
    {
        status = read_field(&r, name, v);
        if (status != LOAM_OK)
            break;
    }
    if (status == LOAM_OK)
        status = finish(&r);
    if (status != LOAM_OK)
        loam_http_params_deinit(p);
    return status;
}

void loam_http_params_deinit(loam_http_params *p)
{
    free(p->bias);
    *p = (loam_http_params){0};
}
