/* A model that one can talk to: messages are rendered with the model's own template, tokenised and given to the engine.
 */
#define _GNU_SOURCE
#include "service/chat.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "service/chat_int.h"
#include "service/models.h"
#include "text/chat_template.h"

enum { MAX_PROMPT_BYTES = 64 << 20 };

/* For models without a template of their own: ChatML, what most small models were tuned with. */
static const char chatml[] =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '') + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

struct loam_chat {
    loam_engine *engine;
    const loam_tokenizer *tokenizer; /* the engine's */
    loam_chat_template *template;    /* NULL: it could not be compiled, template_err says why */
    loam_err template_err;
    loam_guard *guard;
    char *id;
    bool wants_bos; /* the model's file asks for BOS before each text */
};

static char *id_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    if (n > 5 && strcasecmp(name + n - 5, ".gguf") == 0)
        n -= 5;
    return strndup(name, n);
}

static loam_status set_up(loam_chat *c, const char *path, loam_err *err)
{
    loam_gguf_str source = {chatml, sizeof chatml - 1};
    int32_t *ids = NULL;
    size_t n = 0;
    c->tokenizer = loam_engine_tokenizer(c->engine);
    c->id = id_of(path);
    c->guard = loam_guard_new(c->tokenizer);
    if (!c->id || !c->guard)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the model's vocabulary");
    if (!loam_gguf_get_str(loam_engine_gguf(c->engine), "tokenizer.chat_template", &source))
        LOAM_FAIL(err, CORRUPT, "'tokenizer.chat_template' is not a string");
    /* A template that cannot be read does not keep the model from completing text. */
    if (loam_chat_template_new(source.data, source.len, &c->template, &c->template_err) != LOAM_OK) {
        c->template = NULL;
        loam_err_prefix(&c->template_err, "the chat template of %s", c->id);
    }
    LOAM_TRY(loam_tokenizer_encode(c->tokenizer, "", 0, false, true, &ids, &n, err));
    c->wants_bos = n > 0 && ids[0] == loam_tokenizer_bos(c->tokenizer);
    free(ids);
    return LOAM_OK;
}

loam_status loam_chat_open(const char *path_or_name, const loam_engine_options *options, loam_chat **out, loam_err *err)
{
    char path[PATH_MAX];
    LOAM_TRY(loam_models_resolve(path_or_name, path, sizeof path, err));
    loam_chat *c = calloc(1, sizeof *c);
    if (!c)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", path);
    loam_status s = loam_engine_open(path, options, &c->engine, err);
    if (s == LOAM_OK)
        s = set_up(c, path, err);
    if (s != LOAM_OK) {
        loam_chat_close(c);
        return s;
    }
    *out = c;
    return LOAM_OK;
}

void loam_chat_close(loam_chat *c)
{
    if (!c)
        return;
    if (c->engine)
        loam_engine_close(c->engine);
    loam_chat_template_free(c->template);
    loam_guard_free(c->guard);
    free(c->id);
    free(c);
}

const char *loam_chat_model_id(const loam_chat *c)
{
    return c->id;
}
loam_engine *loam_chat_engine(loam_chat *c)
{
    return c->engine;
}

/* The variables of the template: the caller's, then ours, which win. */
static loam_status make_vars(loam_chat *c, const json_t *messages, const json_t *vars, json_t **out, loam_err *err)
{
    json_t *list = NULL;
    if (vars && !json_is_object(vars))
        LOAM_FAIL(err, INVALID, "the template's variables are not a JSON object");
    LOAM_TRY(loam_chat_messages(c->guard, messages, &list, err));
    json_t *all = vars ? loam_guard_json(c->guard, vars) : json_object();
    const char *bos = loam_tokenizer_text(c->tokenizer, loam_tokenizer_bos(c->tokenizer));
    const char *eos = loam_tokenizer_text(c->tokenizer, loam_tokenizer_eos(c->tokenizer));
    bool failed = !all || json_object_set_new(all, "messages", list) != 0;
    if (!all)
        json_decref(list);
    failed = failed || json_object_set_new(all, "bos_token", json_string(bos)) != 0 ||
             json_object_set_new(all, "eos_token", json_string(eos)) != 0 ||
             (!json_object_get(all, "add_generation_prompt") &&
              json_object_set_new(all, "add_generation_prompt", json_true()) != 0);
    /* templates are written for transformers, which always passes these, null when there are none */
    static const char *const optional[] = {"tools", "documents"};
    for (size_t i = 0; i < sizeof optional / sizeof *optional && !failed; i++)
        failed = !json_object_get(all, optional[i]) && json_object_set_new(all, optional[i], json_null()) != 0;
    if (failed) {
        json_decref(all);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the messages");
    }
    *out = all;
    return LOAM_OK;
}

/* Renders; text from people is still guarded (chat_int.h). */
static loam_status render(loam_chat *c, const json_t *messages, const json_t *vars, loam_buf *out, loam_err *err)
{
    json_t *all = NULL;
    if (!c->template) {
        if (err)
            *err = c->template_err;
        return c->template_err.code;
    }
    LOAM_TRY(make_vars(c, messages, vars, &all, err));
    loam_status s = loam_chat_template_render(c->template, all, out, err);
    json_decref(all);
    return s;
}

loam_status loam_chat_render(loam_chat *c, const json_t *messages, const json_t *vars, loam_buf *out, loam_err *err)
{
    loam_buf guarded;
    loam_buf_init(&guarded, MAX_PROMPT_BYTES);
    loam_status s = render(c, messages, vars, &guarded, err);
    if (s == LOAM_OK && !loam_guard_reveal(loam_buf_text(&guarded), guarded.len, out))
        s = loam_err_set(err, LOAM_STATUS_TOO_LARGE, __FILE__, __LINE__,
                         "the rendered messages do not fit into %zu bytes", out->max);
    loam_buf_deinit(&guarded);
    return s;
}

/* Puts BOS before the prompt where the model wants one and the template gave none. */
static loam_status add_bos(const loam_chat *c, int32_t **ids, size_t *n, loam_err *err)
{
    int32_t bos = loam_tokenizer_bos(c->tokenizer);
    if (!c->wants_bos || (*n > 0 && (*ids)[0] == bos))
        return LOAM_OK;
    int32_t *grown = realloc(*ids, (*n + 1) * sizeof **ids);
    if (!grown)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a prompt of %zu tokens", *n + 1);
    memmove(grown + 1, grown, *n * sizeof *grown);
    grown[0] = bos;
    *ids = grown;
    ++*n;
    return LOAM_OK;
}

static loam_status submit(loam_chat *c, int32_t *ids, size_t n, const loam_job_request *r, loam_job **out,
                          loam_err *err)
{
    loam_job_request with_prompt = *r;
    with_prompt.prompt = ids;
    with_prompt.n_prompt = n;
    if (n == 0)
        LOAM_FAIL(err, INVALID, "the prompt is empty");
    return loam_engine_submit(c->engine, &with_prompt, out, err);
}

loam_status loam_chat_submit(loam_chat *c, const json_t *messages, const json_t *vars, const loam_job_request *r,
                             loam_job **out, loam_err *err)
{
    loam_buf guarded;
    int32_t *ids = NULL;
    size_t n = 0;
    loam_buf_init(&guarded, MAX_PROMPT_BYTES);
    loam_status s = render(c, messages, vars, &guarded, err);
    if (s == LOAM_OK)
        s = loam_guard_encode(c->tokenizer, loam_buf_text(&guarded), guarded.len, &ids, &n, err);
    if (s == LOAM_OK)
        s = add_bos(c, &ids, &n, err);
    if (s == LOAM_OK)
        s = submit(c, ids, n, r, out, err);
    free(ids);
    loam_buf_deinit(&guarded);
    return s;
}

loam_status loam_chat_complete(loam_chat *c, const char *text, size_t len, bool parse_special,
                               const loam_job_request *r, loam_job **out, loam_err *err)
{
    int32_t *ids = NULL;
    size_t n = 0;
    loam_status s = loam_tokenizer_encode(c->tokenizer, text, len, parse_special, false, &ids, &n, err);
    if (s == LOAM_OK)
        s = add_bos(c, &ids, &n, err);
    if (s == LOAM_OK)
        s = submit(c, ids, n, r, out, err);
    free(ids);
    return s;
}

uint64_t loam_chat_random_seed(void)
{
    uint64_t seed;
    ssize_t n;
    do
        n = getrandom(&seed, sizeof seed, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof seed ? seed : loam_clock_ns(); /* kernels older than 3.17 */
}
