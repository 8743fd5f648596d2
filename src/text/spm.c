/* SentencePiece BPE, the tokenizer model "llama" (Kudo and Richardson 2018): spaces become "▁", one is put in front,
 * and neighbours merge when their joined text is a token, the token with the highest score first. Characters that are
 * no token become the tokens of their bytes, "<0x0A>". There is no pre-tokenizer, so a merge may look at the whole
 * text; but where no token has "▁" after another character, none can cross a word's beginning, and words go one by one.
 */
#include "text/text_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPACE "\xE2\x96\x81" /* ▁, U+2581 */
enum { SPACE_LEN = 3 };

static bool is_space_mark(const char *s, size_t n)
{
    return n >= SPACE_LEN && memcmp(s, SPACE, SPACE_LEN) == 0;
}

/* Only these are made from text; control, unknown and byte tokens are not. */
static bool is_made_from_text(const loam_token *k)
{
    return k->type == LOAM_TOKEN_NORMAL || k->type == LOAM_TOKEN_USER || k->type == LOAM_TOKEN_UNUSED;
}

/* Floats in the order of unsigned numbers, the highest score lowest. */
static uint32_t priority_of(float score)
{
    score += 0.0f; /* -0 is 0 */
    uint32_t u;
    memcpy(&u, &score, sizeof u);
    return ~(u >> 31 ? ~u : u | 0x80000000u);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "<0x0A>" -> 10, else -1. */
static int byte_of_text(const char *s, size_t n)
{
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    int high = hex_digit(s[3]), low = hex_digit(s[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Whether "▁" follows another character. */
static bool has_late_mark(const char *s, size_t n)
{
    size_t i = 0;
    while (is_space_mark(s + i, n - i))
        i += SPACE_LEN;
    for (; i < n; i++)
        if (is_space_mark(s + i, n - i))
            return true;
    return false;
}

static loam_status load_piece(loam_tokenizer *t, int32_t id, char *scratch, loam_err *err)
{
    loam_token *k = &t->tokens[id];
    const char *text = t->bytes + k->text;
    size_t len = 0;
    if (k->type == LOAM_TOKEN_BYTE) {
        int b = byte_of_text(text, k->text_len);
        if (b < 0)
            LOAM_FAIL(err, CORRUPT, "token %d is of type byte, and its text is not of the form <0x41>", (int)id);
        scratch[len++] = (char)b;
        if (t->byte_id[b] < 0)
            t->byte_id[b] = id;
    } else if (k->type == LOAM_TOKEN_NORMAL || k->type == LOAM_TOKEN_UNUSED) {
        for (size_t i = 0; i < k->text_len;) {
            bool mark = is_space_mark(text + i, k->text_len - i);
            scratch[len++] = mark ? ' ' : text[i];
            i += mark ? SPACE_LEN : 1;
        }
        if (len == k->text_len) /* no mark: the piece is the text */
            return LOAM_OK;
    } else {
        return LOAM_OK;
    }
    size_t at = loam_tokenizer_keep(t, scratch, len);
    if (at == SIZE_MAX)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the vocabulary");
    k->piece = (uint32_t)at;
    k->piece_len = (uint32_t)len;
    return LOAM_OK;
}

loam_status loam_spm_load(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, "tokenizer.ggml.scores");
    if (!kv || kv->type != LOAM_GGUF_TYPE_ARRAY ||
        (kv->array_type != LOAM_GGUF_TYPE_F32 && kv->array_type != LOAM_GGUF_TYPE_I32))
        LOAM_FAIL(err, CORRUPT,
                  "tokenizer.ggml.scores is missing or not an array of f32: a SentencePiece vocabulary "
                  "cannot be used without it; convert the model again");
    if (kv->n < t->n_tokens)
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.scores has %llu entries for %zu tokens", (unsigned long long)kv->n,
                  t->n_tokens);
    char *scratch = malloc(t->longest_text + 1);
    if (!scratch)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a token of %zu bytes", t->longest_text);
    t->words_apart = true;
    loam_status st = LOAM_OK;
    for (size_t i = 0; i < t->n_tokens && st == LOAM_OK; i++) {
        float score =
            kv->array_type == LOAM_GGUF_TYPE_F32 ? (float)loam_gguf_kv_f64(kv, i) : (float)loam_gguf_kv_i64(kv, i);
        if (isnan(score))
            st = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__,
                              "tokenizer.ggml.scores: entry %zu is not a number", i);
        else
            st = load_piece(t, (int32_t)i, scratch, err);
        loam_token *k = &t->tokens[i];
        k->priority = priority_of(score);
        if (is_made_from_text(k) && has_late_mark(t->bytes + k->text, k->text_len))
            t->words_apart = false;
    }
    free(scratch);
    return st;
}

/* The token that s[0..n) becomes, or -1. */
static int32_t find_made(const loam_tokenizer *t, const char *s, size_t n)
{
    int32_t id = n <= t->longest_text ? loam_tokenizer_find_text(t, s, n) : -1;
    return id >= 0 && is_made_from_text(&t->tokens[id]) ? id : -1;
}

static uint32_t find_merge(const loam_encoder *e, const loam_sym *left, const loam_sym *right, int32_t *merged)
{
    int32_t id = find_made(e->t, e->text + left->start, (size_t)left->len + right->len);
    if (id < 0)
        return LOAM_SYM_NONE;
    *merged = id;
    return e->t->tokens[id].priority;
}

/* A character that is no token: its bytes when all of them are tokens, else the unknown token. */
static loam_status push_bytes(loam_encoder *e, const char *s, size_t n, loam_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (e->t->byte_id[(unsigned char)s[i]] < 0)
            return e->t->unk >= 0 ? loam_encoder_push(e, e->t->unk, err) : LOAM_OK;
    for (size_t i = 0; i < n; i++)
        LOAM_TRY(loam_encoder_push(e, e->t->byte_id[(unsigned char)s[i]], err));
    return LOAM_OK;
}

/* Merges text[from..to) of the encoder, not empty. */
static loam_status encode_span(loam_encoder *e, size_t from, size_t to, loam_err *err)
{
    LOAM_TRY(loam_encoder_reserve(e, to - from, err));
    size_t n = 0;
    for (size_t at = from; at < to;) {
        uint32_t cp;
        size_t len = loam_utf8_next(e->text + at, to - at, &cp);
        e->syms[n++] =
            (loam_sym){.start = (uint32_t)at, .len = (uint32_t)len, .id = find_made(e->t, e->text + at, len)};
        at += len;
    }
    LOAM_TRY(loam_merge_run(e, n, find_merge, err));
    for (uint32_t i = 0; i != LOAM_SYM_NONE; i = e->syms[i].next) {
        const loam_sym *s = &e->syms[i];
        LOAM_TRY(s->id >= 0 ? loam_encoder_push(e, s->id, err) : push_bytes(e, e->text + s->start, s->len, err));
    }
    return LOAM_OK;
}

loam_status loam_spm_encode(loam_encoder *e, const char *s, size_t n, loam_err *err)
{
    size_t need = SPACE_LEN * (n + 1), len = 0;
    if (need > e->text_cap) {
        free(e->text);
        e->text_cap = 0;
        e->text = malloc(need);
        if (!e->text)
            LOAM_FAIL(err, NO_MEMORY, "no memory to tokenize a text of %zu bytes", n);
        e->text_cap = need;
    }
    if (e->t->add_space_prefix) {
        memcpy(e->text, SPACE, SPACE_LEN);
        len = SPACE_LEN;
    }
    for (size_t i = 0; i < n; i++) {
        if (s[i] == ' ') {
            memcpy(e->text + len, SPACE, SPACE_LEN);
            len += SPACE_LEN;
        } else {
            e->text[len++] = s[i];
        }
    }
    size_t from = 0;
    for (size_t at = 0; e->t->words_apart && at + SPACE_LEN <= len;) {
        if (!is_space_mark(e->text + at, len - at)) {
            at++;
            continue;
        }
        if (at > from)
            LOAM_TRY(encode_span(e, from, at, err));
        from = at;
        while (is_space_mark(e->text + at, len - at))
            at += SPACE_LEN;
    }
    return from < len ? encode_span(e, from, len, err) : LOAM_OK;
}
