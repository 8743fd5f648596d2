/* The tokenizer that the rest of the program sees: encoding cuts special tokens out of a text and gives what lies
 * between to BPE or SentencePiece; decoding joins the bytes of the tokens. */
#include "text/text_int.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 28 };

static loam_status encode_plain(loam_encoder *e, const char *s, size_t n, loam_err *err)
{
    if (n == 0)
        return LOAM_OK;
    return e->t->is_spm ? loam_spm_encode(e, s, n, err) : loam_bpe_encode(e, s, n, err);
}

static loam_status encode(loam_encoder *e, const char *s, size_t n, bool parse_special, loam_err *err)
{
    const loam_tokenizer *t = e->t;
    size_t from = 0;
    for (size_t at = 0; at < n;) {
        size_t len = 0;
        int32_t id =
            t->trie_first[(unsigned char)s[at]] ? loam_special_match(t, s + at, n - at, parse_special, &len) : -1;
        if (id < 0) {
            at++;
            continue;
        }
        LOAM_TRY(encode_plain(e, s + from, at - from, err));
        LOAM_TRY(loam_encoder_push(e, id, err));
        at += len;
        if (t->tokens[id].strips_right)
            for (loam_char c; (c = loam_char_at(s, n, at)).set & LOAM_CP_SPACE;)
                at += c.len;
        from = at;
    }
    return encode_plain(e, s + from, n - from, err);
}

/* The caller's array grows once, at the end, so that a failure leaves it as it was. */
static loam_status give(const loam_encoder *e, int32_t **ids, size_t *n_ids, loam_err *err)
{
    if (e->n_ids == 0)
        return LOAM_OK;
    int32_t *grown = NULL;
    if (*n_ids <= SIZE_MAX / sizeof **ids - e->n_ids)
        grown = realloc(*ids, (*n_ids + e->n_ids) * sizeof **ids);
    if (!grown)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %zu tokens", e->n_ids);
    memcpy(grown + *n_ids, e->ids, e->n_ids * sizeof *e->ids);
    *ids = grown;
    *n_ids += e->n_ids;
    return LOAM_OK;
}

loam_status loam_tokenizer_encode(const loam_tokenizer *t, const char *text, size_t len, bool parse_special,
                                  bool add_bos_eos, int32_t **ids, size_t *n_ids, loam_err *err)
{
    if (len > MAX_TEXT)
        LOAM_FAIL(err, TOO_LARGE, "the text has %zu bytes, a tokenizer takes at most %d at once", len, MAX_TEXT);
    loam_encoder e = {.t = t};
    loam_status st = LOAM_OK;
    if (add_bos_eos && t->add_bos && t->bos >= 0)
        st = loam_encoder_push(&e, t->bos, err);
    if (st == LOAM_OK)
        st = encode(&e, text, len, parse_special, err);
    if (st == LOAM_OK && add_bos_eos && t->add_eos && t->eos >= 0)
        st = loam_encoder_push(&e, t->eos, err);
    if (st == LOAM_OK)
        st = give(&e, ids, n_ids, err);
    free(e.ids);
    free(e.syms);
    free(e.heap);
    free(e.text);
    return st;
}

static const loam_token *token_at(const loam_tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->n_tokens ? &t->tokens[id] : NULL;
}

const char *loam_tokenizer_piece(const loam_tokenizer *t, int32_t id, bool show_special, size_t *len)
{
    const loam_token *k = token_at(t, id);
    if (!k || (!show_special && loam_token_is_hidden(k))) {
        *len = 0;
        return "";
    }
    *len = k->piece_len;
    return t->bytes + k->piece;
}

bool loam_tokenizer_decode(const loam_tokenizer *t, const int32_t *ids, size_t n, bool show_special, loam_buf *out)
{
    bool at_start = t->is_spm && t->add_space_prefix; /* the space that encoding put there */
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *piece = loam_tokenizer_piece(t, ids[i], show_special, &len);
        if (len == 0)
            continue;
        size_t skip = at_start && piece[0] == ' ';
        at_start = false;
        if (!loam_buf_add(out, piece + skip, len - skip))
            return false;
    }
    return true;
}

size_t loam_tokenizer_n_vocab(const loam_tokenizer *t)
{
    return t->n_tokens;
}
int32_t loam_tokenizer_bos(const loam_tokenizer *t)
{
    return t->bos;
}
int32_t loam_tokenizer_eos(const loam_tokenizer *t)
{
    return t->eos;
}

bool loam_tokenizer_is_end(const loam_tokenizer *t, int32_t id)
{
    const loam_token *k = token_at(t, id);
    return k && k->is_end;
}

bool loam_tokenizer_is_control(const loam_tokenizer *t, int32_t id)
{
    const loam_token *k = token_at(t, id);
    return k && loam_token_is_hidden(k);
}

int32_t loam_tokenizer_find(const loam_tokenizer *t, const char *text)
{
    return loam_tokenizer_find_text(t, text, strlen(text));
}

const char *loam_tokenizer_text(const loam_tokenizer *t, int32_t id)
{
    const loam_token *k = token_at(t, id);
    return k ? t->bytes + k->text : "";
}
