/* POST /tokenize, /detokenize and /apply-template, as llama.cpp's server has them. */
#include "http/http_int.h"

#include <stdlib.h>
#include <string.h>

static const loam_tokenizer *tokenizer_of(const loam_http_exchange *x)
{
    return loam_engine_tokenizer(loam_chat_engine(x->service->chat));
}

/* An optional switch; false when it is there and not a boolean (then the reply is set). */
static bool read_switch(loam_http_exchange *x, const json_t *body, const char *name, bool *value)
{
    const json_t *v = json_object_get(body, name);
    if (v && !json_is_boolean(v)) {
        loam_http_reply_error(x, 400, "invalid_type", name, "'%s' must be true or false", name);
        return false;
    }
    if (v)
        *value = json_is_true(v);
    return true;
}

/* A piece is text where it is text, else an array of its bytes. */
static json_t *piece_value(const loam_tokenizer *t, int32_t id)
{
    size_t len;
    const char *piece = loam_tokenizer_piece(t, id, true, &len);
    json_t *v = json_stringn(piece, len);
    if (v)
        return v;
    v = json_array();
    for (size_t i = 0; i < len; i++)
        json_array_append_new(v, json_integer((unsigned char)piece[i]));
    return v;
}

void loam_http_tokenize(loam_http_exchange *x)
{
    json_t *body = loam_http_body_object(x);
    if (!body)
        return;
    const json_t *content = json_object_get(body, "content");
    bool add_special = false, parse_special = true, with_pieces = false;
    int32_t *ids = NULL;
    size_t n = 0;
    loam_err err = LOAM_ERR_INIT;
    if (!json_is_string(content)) {
        loam_http_reply_error(x, 400, "invalid_type", "content", "'content' must be a string");
    } else if (!read_switch(x, body, "add_special", &add_special) ||
               !read_switch(x, body, "parse_special", &parse_special) ||
               !read_switch(x, body, "with_pieces", &with_pieces)) {
        /* the reply is set */
    } else if (loam_tokenizer_encode(tokenizer_of(x), json_string_value(content), json_string_length(content),
                                     parse_special, add_special, &ids, &n, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, "content");
    } else {
        json_t *tokens = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(tokens, !with_pieces ? json_integer(ids[i])
                                                       : json_pack("{s:i, s:o}", "id", (int)ids[i], "piece",
                                                                   piece_value(tokenizer_of(x), ids[i])));
        loam_http_reply_json(x, 200, json_pack("{s:o}", "tokens", tokens));
    }
    free(ids);
    json_decref(body);
}

void loam_http_detokenize(loam_http_exchange *x)
{
    json_t *body = loam_http_body_object(x);
    if (!body)
        return;
    const json_t *tokens = json_object_get(body, "tokens");
    size_t n = json_array_size(tokens), n_vocab = loam_tokenizer_n_vocab(tokenizer_of(x)), i = 0;
    int32_t *ids = malloc((n ? n : 1) * sizeof *ids);
    for (; ids && i < n; i++) {
        const json_t *v = json_array_get(tokens, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || (size_t)json_integer_value(v) >= n_vocab)
            break;
        ids[i] = (int32_t)json_integer_value(v);
    }
    loam_buf text;
    loam_buf_init(&text, LOAM_HTTP_REPLY_MAX);
    if (!json_is_array(tokens)) {
        loam_http_reply_error(x, 400, "invalid_type", "tokens", "'tokens' must be an array of token ids");
    } else if (ids && i < n) {
        loam_http_reply_error(x, 400, "invalid_value", "tokens", "'tokens' item %zu is not a token id from 0 to %zu", i,
                              n_vocab - 1);
    } else if (!ids || !loam_tokenizer_decode(tokenizer_of(x), ids, n, true, &text)) {
        loam_http_reply_error(x, 507, NULL, NULL, "out of memory for the text");
    } else {
        loam_buf_str(&x->reply.body, "{\"content\":");
        loam_json_format_str(loam_buf_text(&text), text.len, &x->reply.body);
        loam_buf_char(&x->reply.body, '}');
        loam_http_reply_set(x, 200, "application/json");
    }
    loam_buf_deinit(&text);
    free(ids);
    json_decref(body);
}

void loam_http_apply_template(loam_http_exchange *x)
{
    json_t *body = loam_http_body_object(x);
    if (!body)
        return;
    const json_t *messages = json_object_get(body, "messages"), *vars = json_object_get(body, "chat_template_kwargs");
    loam_err err = LOAM_ERR_INIT;
    loam_buf prompt;
    loam_buf_init(&prompt, LOAM_HTTP_REPLY_MAX);
    if (json_is_null(vars))
        vars = NULL;
    if (!json_is_array(messages) || !json_array_size(messages)) {
        loam_http_reply_error(x, 400, "invalid_type", "messages",
                              "'messages' must be an array with at least one message");
    } else if (vars && !json_is_object(vars)) {
        loam_http_reply_error(x, 400, "invalid_type", "chat_template_kwargs",
                              "'chat_template_kwargs' must be an object");
    } else if (loam_chat_render(x->service->chat, messages, vars, &prompt, &err) != LOAM_OK) {
        loam_http_reply_failure(x, &err, "messages");
    } else {
        loam_buf_str(&x->reply.body, "{\"prompt\":");
        loam_json_format_str(loam_buf_text(&prompt), prompt.len, &x->reply.body);
        loam_buf_char(&x->reply.body, '}');
        loam_http_reply_set(x, 200, "application/json");
    }
    loam_buf_deinit(&prompt);
    json_decref(body);
}
