/* POST /v1/chat/completions and POST /v1/completions. */
#include "http/answer.h"
#include "http/http_int.h"
#include "http/params.h"

#include <stdlib.h>
#include <string.h>

static const loam_tokenizer *tokenizer_of(const loam_http_exchange *x)
{
    return loam_engine_tokenizer(loam_chat_engine(x->service->chat));
}

/* What both routes begin with. On failure the reply is set. */
static bool parse_request(loam_http_exchange *x, bool chat, json_t **body, loam_http_params *p)
{
    *body = loam_http_body_object(x);
    if (!*body)
        return false;
    loam_http_fault fault;
    loam_err err = LOAM_ERR_INIT;
    if (!loam_http_model_is_known(x, json_object_get(*body, "model"))) {
        json_decref(*body);
        return false;
    }
    if (loam_http_params_parse(*body, chat, loam_tokenizer_n_vocab(tokenizer_of(x)), p, &fault, &err) != LOAM_OK) {
        if (err.code == LOAM_STATUS_INVALID)
            loam_http_reply_error(x, 400, fault.code, fault.param[0] ? fault.param : NULL, "%s", err.msg);
        else
            loam_http_reply_failure(x, &err, NULL);
        json_decref(*body);
        return false;
    }
    if (p->random_seed) /* 53 bits: every JSON reader keeps them, so the client can send the seed back */
        p->job.sampler.seed = loam_chat_random_seed() & ((UINT64_C(1) << 53) - 1);
    return true;
}

/* Whether a prompt that the engine refused was too long for it: clients look for this code to shorten it. Control
 * tokens count as their letters here, so that this errs on the side of yes. */
static bool is_too_long(loam_http_exchange *x, const char *text, size_t len)
{
    int32_t *ids = NULL;
    size_t n = 0;
    loam_err err = LOAM_ERR_INIT;
    bool yes = loam_tokenizer_encode(tokenizer_of(x), text, len, false, true, &ids, &n, &err) == LOAM_OK &&
               n + 1 > (size_t)loam_engine_model_info(loam_chat_engine(x->service->chat))->n_ctx;
    free(ids);
    return yes;
}

static void refuse_submit(loam_http_exchange *x, const loam_err *err, const char *param, bool too_long)
{
    if (too_long)
        loam_http_reply_error(x, 400, "context_length_exceeded", param, "%s", err->msg);
    else
        loam_http_reply_failure(x, err, err->code == LOAM_STATUS_INVALID ? param : NULL);
}

void loam_http_chat_completions(loam_http_exchange *x)
{
    json_t *body;
    loam_http_params p;
    if (!parse_request(x, true, &body, &p))
        return;
    const json_t *messages = json_object_get(body, "messages"), *vars = json_object_get(body, "chat_template_kwargs");
    loam_chat *chat = x->service->chat;
    loam_err err = LOAM_ERR_INIT;
    loam_job *job = NULL;
    if (json_is_null(vars))
        vars = NULL;
    if (!messages) {
        loam_http_reply_error(x, 400, "missing_required_parameter", "messages", "'messages' is missing");
    } else if (!json_is_array(messages) || !json_array_size(messages)) {
        loam_http_reply_error(x, 400, "invalid_type", "messages",
                              "'messages' must be an array with at least one message");
    } else if (vars && !json_is_object(vars)) {
        loam_http_reply_error(x, 400, "invalid_type", "chat_template_kwargs",
                              "'chat_template_kwargs' must be an object");
    } else if (loam_chat_submit(chat, messages, vars, &p.job, &job, &err) == LOAM_OK) {
        loam_http_answer(x, job, &p, true, NULL, 0);
    } else {
        loam_buf prompt;
        loam_err ignored = LOAM_ERR_INIT;
        loam_buf_init(&prompt, LOAM_HTTP_REPLY_MAX);
        bool too_long = err.code == LOAM_STATUS_INVALID &&
                        loam_chat_render(chat, messages, vars, &prompt, &ignored) == LOAM_OK &&
                        is_too_long(x, loam_buf_text(&prompt), prompt.len);
        loam_buf_deinit(&prompt);
        refuse_submit(x, &err, "messages", too_long);
    }
    loam_http_params_deinit(&p);
    json_decref(body);
}

/* A prompt given as token ids. */
static void complete_tokens(loam_http_exchange *x, const json_t *prompt, loam_http_params *p)
{
    loam_engine *engine = loam_chat_engine(x->service->chat);
    size_t n = json_array_size(prompt), n_vocab = loam_tokenizer_n_vocab(tokenizer_of(x));
    int32_t *ids = malloc(n * sizeof *ids);
    loam_buf echo;
    loam_buf_init(&echo, LOAM_HTTP_REPLY_MAX);
    loam_err err = LOAM_ERR_INIT;
    loam_job *job = NULL;
    if (!ids) {
        loam_http_reply_error(x, 507, NULL, NULL, "out of memory for the prompt");
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(prompt, i);
        json_int_t id = json_integer_value(v);
        if (!json_is_integer(v) || id < 0 || (size_t)id >= n_vocab) {
            loam_http_reply_error(x, 400, "invalid_value", "prompt",
                                  "'prompt' item %zu is not a token id from 0 to %zu", i, n_vocab - 1);
            goto done;
        }
        ids[i] = (int32_t)id;
    }
    p->job.prompt = ids;
    p->job.n_prompt = n;
    if (p->echo && !loam_tokenizer_decode(tokenizer_of(x), ids, n, true, &echo)) {
        loam_http_reply_error(x, 507, NULL, NULL, "out of memory for the prompt");
        goto done;
    }
    if (loam_engine_submit(engine, &p->job, &job, &err) == LOAM_OK)
        loam_http_answer(x, job, p, false, loam_buf_text(&echo), echo.len);
    else
        refuse_submit(x, &err, "prompt",
                      err.code == LOAM_STATUS_INVALID && n + 1 > (size_t)loam_engine_model_info(engine)->n_ctx);
done:
    free(ids);
    loam_buf_deinit(&echo);
}

static void complete_text(loam_http_exchange *x, const json_t *prompt, const loam_http_params *p)
{
    const char *text = json_string_value(prompt);
    size_t len = json_string_length(prompt);
    loam_err err = LOAM_ERR_INIT;
    loam_job *job = NULL;
    if (loam_chat_complete(x->service->chat, text, len, true, &p->job, &job, &err) == LOAM_OK)
        loam_http_answer(x, job, p, false, p->echo ? text : NULL, len);
    else
        refuse_submit(x, &err, "prompt", err.code == LOAM_STATUS_INVALID && is_too_long(x, text, len));
}

/* OpenAI takes a string, strings, ids, or lists of ids; several prompts would be several choices, which need n > 1. */
void loam_http_completions(loam_http_exchange *x)
{
    json_t *body;
    loam_http_params p;
    if (!parse_request(x, false, &body, &p))
        return;
    const json_t *prompt = json_object_get(body, "prompt"), *first = json_array_get(prompt, 0);
    if (json_array_size(prompt) == 1 && (json_is_string(first) || json_is_array(first)))
        prompt = first;
    if (!prompt || json_is_null(prompt))
        loam_http_reply_error(x, 400, "missing_required_parameter", "prompt", "'prompt' is missing");
    else if (json_is_string(prompt))
        complete_text(x, prompt, &p);
    else if (json_array_size(prompt) && json_is_integer(json_array_get(prompt, 0)))
        complete_tokens(x, prompt, &p);
    else if (json_array_size(prompt) > 1)
        loam_http_reply_error(x, 400, "unsupported_value", "prompt",
                              "several prompts in one request are not supported; send one request each");
    else
        loam_http_reply_error(x, 400, "invalid_type", "prompt", "'prompt' must be a string or an array of token ids");
    loam_http_params_deinit(&p);
    json_decref(body);
}
