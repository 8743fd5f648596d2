/* Tokens are bytes and JSON strings are text: a token that is not UTF-8 by itself shows as U+FFFD in chat, with its
 * exact bytes beside it, and as "bytes:\xe4\xbd" in plain completions, as OpenAI does it. */
#include "http/logprobs.h"

#include <math.h>
#include <string.h>

void loam_http_logprobs_init(loam_http_logprobs *l, const loam_tokenizer *t, bool chat, int n_top, size_t max_bytes)
{
    *l = (loam_http_logprobs){.tokenizer = t, .chat = chat, .n_top = n_top};
    loam_buf *all[] = {&l->content, &l->tokens, &l->values, &l->top, &l->places};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        loam_buf_init(all[i], max_bytes);
}

void loam_http_logprobs_deinit(loam_http_logprobs *l)
{
    loam_buf *all[] = {&l->content, &l->tokens, &l->values, &l->top, &l->places};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        loam_buf_deinit(all[i]);
}

static void format_value(loam_buf *out, float v)
{
    loam_buf_printf(out, "%.9g", isfinite(v) ? (double)v : -9999.0); /* JSON has no infinity */
}

static void format_token(loam_buf *out, const char *piece, size_t len, bool spell_bytes)
{
    json_t *text = spell_bytes ? json_stringn(piece, len) : NULL; /* NULL: not UTF-8 */
    if (text || !spell_bytes) {
        loam_json_format_str(piece, len, out);
    } else {
        loam_buf_str(out, "\"bytes:");
        for (size_t i = 0; i < len; i++)
            loam_buf_printf(out, "\\\\x%02x", (unsigned char)piece[i]);
        loam_buf_char(out, '"');
    }
    json_decref(text);
}

static void format_entry(const loam_http_logprobs *l, loam_buf *out, loam_token_logprob e)
{
    size_t len;
    const char *piece = loam_tokenizer_piece(l->tokenizer, e.id, true, &len);
    loam_buf_str(out, "{\"token\":");
    format_token(out, piece, len, false);
    loam_buf_str(out, ",\"logprob\":");
    format_value(out, e.logprob);
    loam_buf_str(out, ",\"bytes\":[");
    for (size_t i = 0; i < len; i++)
        loam_buf_printf(out, i ? ",%d" : "%d", (unsigned char)piece[i]);
    loam_buf_char(out, ']');
}

static void add_chat(loam_http_logprobs *l, const loam_logprobs *e)
{
    loam_buf *out = &l->content;
    if (l->n)
        loam_buf_char(out, ',');
    format_entry(l, out, e->chosen);
    loam_buf_str(out, ",\"top_logprobs\":[");
    for (int i = 0; i < e->n_top && i < l->n_top; i++) {
        if (i)
            loam_buf_char(out, ',');
        format_entry(l, out, e->top[i]);
        loam_buf_char(out, '}');
    }
    loam_buf_str(out, "]}");
}

static size_t count_characters(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

static void add_plain(loam_http_logprobs *l, const loam_logprobs *e)
{
    const char *comma = l->n ? "," : "";
    size_t len;
    const char *piece = loam_tokenizer_piece(l->tokenizer, e->chosen.id, true, &len);
    loam_buf_str(&l->tokens, comma);
    format_token(&l->tokens, piece, len, true);
    loam_buf_str(&l->values, comma);
    format_value(&l->values, e->chosen.logprob);
    loam_buf_printf(&l->places, "%s%zu", comma, l->text_offset);
    l->text_offset += count_characters(piece, len);

    loam_buf_printf(&l->top, "%s{", comma);
    for (int i = 0; i < e->n_top && i < l->n_top; i++) {
        piece = loam_tokenizer_piece(l->tokenizer, e->top[i].id, true, &len);
        if (i)
            loam_buf_char(&l->top, ',');
        format_token(&l->top, piece, len, true);
        loam_buf_char(&l->top, ':');
        format_value(&l->top, e->top[i].logprob);
    }
    loam_buf_char(&l->top, '}');
}

void loam_http_logprobs_add(loam_http_logprobs *l, const loam_logprobs *entries, int n)
{
    for (int i = 0; i < n; i++) {
        (l->chat ? add_chat : add_plain)(l, &entries[i]);
        l->n++;
    }
}

void loam_http_logprobs_flush(loam_http_logprobs *l, loam_buf *out)
{
    if (!l->n) {
        loam_buf_str(out, "null");
        return;
    }
    if (l->chat) {
        loam_buf_printf(out, "{\"content\":[%s],\"refusal\":null}", loam_buf_text(&l->content));
    } else {
        loam_buf_printf(out, "{\"tokens\":[%s],\"token_logprobs\":[%s],\"top_logprobs\":", loam_buf_text(&l->tokens),
                        loam_buf_text(&l->values));
        if (l->n_top)
            loam_buf_printf(out, "[%s]", loam_buf_text(&l->top));
        else
            loam_buf_str(out, "null");
        loam_buf_printf(out, ",\"text_offset\":[%s]}", loam_buf_text(&l->places));
    }
    loam_buf *all[] = {&l->content, &l->tokens, &l->values, &l->top, &l->places};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        out->failed |= all[i]->failed;
        loam_buf_truncate(all[i], 0);
    }
    l->n = 0;
}
