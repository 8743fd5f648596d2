/* Byte-level BPE, the tokenizer model "gpt2" (Radford et al. 2019, after Sennrich et al. 2016): each word of the
 * pre-tokenizer is a list of bytes, and merges join neighbours, the earliest merge of the file first.
 *
 * The vocabulary writes each byte as a printable character: those of Latin-1 as themselves, the other 68 as U+0100 and
 * on, in order. A space is therefore "Ġ" there. */
#include "text/text_int.h"

#include <stdlib.h>
#include <string.h>

static bool is_written_as_itself(unsigned b)
{
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
}

/* The character that stands for each byte, and back; index 0..0x143. */
typedef struct alphabet {
    uint16_t of_byte[256];
    int16_t byte_of[0x144];
} alphabet;

static void alphabet_init(alphabet *a)
{
    for (int i = 0; i < 0x144; i++)
        a->byte_of[i] = -1;
    uint16_t next = 0x100;
    for (unsigned b = 0; b < 256; b++) {
        a->of_byte[b] = is_written_as_itself(b) ? (uint16_t)b : next++;
        a->byte_of[a->of_byte[b]] = (int16_t)b;
    }
}

/* The bytes that a token's text stands for, into out (as large as the text); false when the text is not in the
 * alphabet, as that of an added token. */
static bool decode_text(const alphabet *a, const char *s, size_t n, char *out, size_t *out_len)
{
    size_t len = 0;
    for (size_t at = 0; at < n;) {
        uint32_t cp;
        at += loam_utf8_next(s + at, n - at, &cp);
        if (cp >= 0x144 || a->byte_of[cp] < 0)
            return false;
        out[len++] = (char)a->byte_of[cp];
    }
    *out_len = len;
    return true;
}

static loam_status load_pieces(loam_tokenizer *t, const alphabet *a, loam_err *err)
{
    char *scratch = malloc(t->longest_text + 1);
    if (!scratch)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a token of %zu bytes", t->longest_text);
    loam_status st = LOAM_OK;
    for (size_t i = 0; i < t->n_tokens && st == LOAM_OK; i++) {
        loam_token *k = &t->tokens[i];
        size_t len;
        if (loam_token_is_hidden(k) || k->type == LOAM_TOKEN_USER ||
            !decode_text(a, t->bytes + k->text, k->text_len, scratch, &len))
            continue; /* the piece is the text */
        size_t at = loam_tokenizer_keep(t, scratch, len);
        if (at == SIZE_MAX)
            st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the vocabulary");
        k->piece = (uint32_t)at;
        k->piece_len = (uint32_t)len;
    }
    free(scratch);
    return st;
}

/* Messages quote a merge only so far. */
static int shown(size_t len)
{
    return len > 80 ? 80 : (int)len;
}

static loam_status load_merge(loam_tokenizer *t, uint64_t rank, loam_gguf_str m, char *scratch, loam_err *err)
{
    const char *space = m.len > 1 ? memchr(m.data + 1, ' ', m.len - 1) : NULL;
    if (!space)
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.merges: entry %llu '%.*s' is not two tokens with a space between them",
                  (unsigned long long)rank, shown(m.len), m.data);
    size_t left_len = (size_t)(space - m.data), right_len = m.len - left_len - 1;
    int32_t left = loam_tokenizer_find_text(t, m.data, left_len);
    int32_t right = loam_tokenizer_find_text(t, space + 1, right_len), merged = -1;
    if (left >= 0 && right >= 0 && left_len + right_len <= t->longest_text) {
        memcpy(scratch, m.data, left_len);
        memcpy(scratch + left_len, space + 1, right_len);
        merged = loam_tokenizer_find_text(t, scratch, left_len + right_len);
    }
    if (merged < 0)
        LOAM_FAIL(err, CORRUPT,
                  "tokenizer.ggml.merges: entry %llu '%.*s' names a token that the vocabulary does not have",
                  (unsigned long long)rank, shown(m.len), m.data);
    if (!loam_token_is_hidden(&t->tokens[merged])) /* plain text never makes a control token */
        loam_pairs_add(&t->merges, (uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank << 32 | (uint32_t)merged);
    return LOAM_OK;
}

static loam_status load_merges(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, "tokenizer.ggml.merges");
    if (!kv || kv->type != LOAM_GGUF_TYPE_ARRAY || kv->array_type != LOAM_GGUF_TYPE_STRING)
        LOAM_FAIL(err, CORRUPT,
                  "tokenizer.ggml.merges is missing or not an array of strings: a byte-level BPE "
                  "vocabulary cannot be used without it; convert the model again");
    if (kv->n >= LOAM_SYM_NONE)
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.merges has %llu entries", (unsigned long long)kv->n);
    char *scratch = malloc(t->longest_text + 1);
    if (!scratch || !loam_pairs_init(&t->merges, (size_t)kv->n, t->seed)) {
        free(scratch);
        LOAM_FAIL(err, NO_MEMORY, "no memory for %llu merges", (unsigned long long)kv->n);
    }
    loam_status st = LOAM_OK;
    for (uint64_t i = 0; i < kv->n && st == LOAM_OK; i++)
        st = load_merge(t, i, kv->strings[i], scratch, err);
    free(scratch);
    return st;
}

loam_status loam_bpe_load(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    alphabet a;
    alphabet_init(&a);
    LOAM_TRY(load_pieces(t, &a, err));
    for (unsigned b = 0; b < 256; b++) {
        char text[4];
        t->byte_char[b] = a.of_byte[b];
        int32_t id = loam_tokenizer_find_text(t, text, loam_utf8_put(text, a.of_byte[b]));
        t->byte_id[b] = id >= 0 && !loam_token_is_hidden(&t->tokens[id]) ? id : -1;
    }
    return load_merges(t, g, err);
}

static uint32_t find_merge(const loam_encoder *e, const loam_sym *left, const loam_sym *right, int32_t *merged)
{
    const struct loam_pair *p =
        loam_pairs_find(&e->t->merges, (uint64_t)(uint32_t)left->id << 32 | (uint32_t)right->id);
    if (!p)
        return LOAM_SYM_NONE;
    *merged = (int32_t)(uint32_t)p->value;
    return (uint32_t)(p->value >> 32);
}

/* The token that is the word, or -1. */
static int32_t find_word(const loam_tokenizer *t, const char *s, size_t n)
{
    char text[512]; /* longer tokens of one word do not occur, and would be merged all the same */
    if (n > t->longest_text || n > sizeof text / 2)
        return -1;
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += loam_utf8_put(text + len, t->byte_char[(unsigned char)s[i]]);
    int32_t id = loam_tokenizer_find_text(t, text, len);
    return id >= 0 && !loam_token_is_hidden(&t->tokens[id]) ? id : -1;
}

static loam_status encode_word(void *arg, const char *s, size_t n, loam_err *err)
{
    loam_encoder *e = arg;
    const loam_tokenizer *t = e->t;
    if (n == 1) {
        int32_t id = t->byte_id[(unsigned char)s[0]];
        return id >= 0 ? loam_encoder_push(e, id, err) : LOAM_OK;
    }
    if (t->pretok->ignore_merges) {
        int32_t id = find_word(t, s, n);
        if (id >= 0)
            return loam_encoder_push(e, id, err);
    }
    LOAM_TRY(loam_encoder_reserve(e, n, err));
    size_t n_syms = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t id = t->byte_id[(unsigned char)s[i]];
        if (id >= 0) /* a byte without a token disappears, as with Hugging Face's tokenizers */
            e->syms[n_syms++] = (loam_sym){.id = id, .len = 1};
    }
    if (n_syms == 0)
        return LOAM_OK;
    LOAM_TRY(loam_merge_run(e, n_syms, find_merge, err));
    for (uint32_t i = 0; i != LOAM_SYM_NONE; i = e->syms[i].next)
        LOAM_TRY(loam_encoder_push(e, e->syms[i].id, err));
    return LOAM_OK;
}

loam_status loam_bpe_encode(loam_encoder *e, const char *s, size_t n, loam_err *err)
{
    return loam_pretok_run(e->t->pretok, s, n, encode_word, e, err);
}
