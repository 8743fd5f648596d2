/* The way of a text: special tokens cut out, lower case, words, bytes, merges (bpe_merge.c). Merges are looked up by
 * the ids of two neighbours; a byte at the end of a word is another token than the same byte before. */
#include "text/clip_bpe.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "format/json.h"
#include "text/jinja_int.h"
#include "text/text_int.h"

extern const char loam_clip_merges[]; /* made from data/clip_merges.bin */
extern const size_t loam_clip_merges_len;

#define BOS_TEXT "<|startoftext|>"
#define EOS_TEXT "<|endoftext|>"
#define WORD_END "</w>"
enum { MAX_VOCAB = 1 << 20, MAX_FILE = 64 << 20, MAX_TOKEN = 4096 };

struct loam_clip_bpe {
    loam_pairs merges;                   /* left id << 32 | right id -> rank << 32 | merged id */
    int32_t byte_id[256], byte_end[256]; /* the token of each byte, inside and at the end of a word; -1 when none */
    int32_t bos, eos, unk, comma;
    size_t n_vocab;
};

/* The bytes in the order of the vocabulary: those that print in Latin-1, then the others. */
static void byte_order(uint8_t order[256])
{
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int b = 0; b < 256; b++) {
            bool prints = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
            if (prints == (pass == 0))
                order[n++] = (uint8_t)b;
        }
}

static loam_status new_empty(size_t n_merges, loam_clip_bpe **out, loam_err *err)
{
    loam_clip_bpe *t = calloc(1, sizeof *t);
    if (!t || !loam_pairs_init(&t->merges, n_merges, 0)) {
        free(t);
        LOAM_FAIL(err, NO_MEMORY, "no memory for %zu merges", n_merges);
    }
    *out = t;
    return LOAM_OK;
}

void loam_clip_bpe_free(loam_clip_bpe *t)
{
    if (!t)
        return;
    loam_pairs_deinit(&t->merges);
    free(t);
}

static void add_merge(loam_clip_bpe *t, int32_t left, int32_t right, size_t rank, int32_t merged)
{
    loam_pairs_add(&t->merges, (uint64_t)(uint32_t)left << 32 | (uint32_t)right,
                   (uint64_t)rank << 32 | (uint32_t)merged);
}

loam_status loam_clip_bpe_new(loam_clip_bpe **out, loam_err *err)
{
    size_t n = loam_clip_merges_len / 4;
    loam_clip_bpe *t;
    *out = NULL;
    LOAM_TRY(new_empty(n, &t, err));
    uint8_t order[256];
    byte_order(order);
    for (int i = 0; i < 256; i++) {
        t->byte_id[order[i]] = i;
        t->byte_end[order[i]] = 256 + i;
    }
    const unsigned char *m = (const unsigned char *)loam_clip_merges;
    for (size_t i = 0; i < n; i++, m += 4)
        add_merge(t, m[0] | m[1] << 8, m[2] | m[3] << 8, i, (int32_t)(512 + i));
    t->bos = (int32_t)(512 + n);
    t->eos = t->unk = t->bos + 1;
    t->comma = t->byte_end[','];
    t->n_vocab = (size_t)t->eos + 1;
    *out = t;
    return LOAM_OK;
}

/* ---- vocabularies of files ---- */

static int32_t id_of(const json_t *vocab, const char *text)
{
    const json_t *v = json_object_get(vocab, text);
    return json_is_integer(v) ? (int32_t)json_integer_value(v) : -1;
}

static loam_status read_vocab(loam_clip_bpe *t, const json_t *vocab, loam_err *err)
{
    const char *text;
    json_t *v;
    int32_t last = -1;
    json_object_foreach((json_t *)vocab, text, v)
    {
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= MAX_VOCAB)
            LOAM_FAIL(err, CORRUPT, "the vocabulary gives '%.40s' no id from 0 to %d", text, MAX_VOCAB - 1);
        if (json_integer_value(v) > last)
            last = (int32_t)json_integer_value(v);
    }
    t->n_vocab = (size_t)last + 1;
    t->bos = id_of(vocab, BOS_TEXT);
    t->eos = t->unk = id_of(vocab, EOS_TEXT);
    if (t->bos < 0 || t->eos < 0)
        LOAM_FAIL(err, CORRUPT, "the vocabulary lacks " BOS_TEXT " or " EOS_TEXT ": it is not one of CLIP");
    uint8_t order[256];
    byte_order(order);
    for (int i = 0; i < 256; i++) {
        char name[16] = {0}; /* printable bytes are written as themselves, the others as U+0100 and on */
        size_t n = loam_utf8_put(name, i < 188 ? order[i] : (uint32_t)(256 + i - 188));
        t->byte_id[order[i]] = id_of(vocab, name);
        memcpy(name + n, WORD_END, sizeof WORD_END);
        t->byte_end[order[i]] = id_of(vocab, name);
    }
    t->comma = id_of(vocab, "," WORD_END);
    return LOAM_OK;
}

/* One merge "left right" of a file, by the texts of the tokens. */
static loam_status read_merge(loam_clip_bpe *t, const json_t *vocab, const char *left, size_t n_left, const char *right,
                              size_t n_right, size_t rank, loam_err *err)
{
    char text[MAX_TOKEN];
    if (n_left == 0 || n_right == 0 || n_left + n_right >= sizeof text)
        LOAM_FAIL(err, CORRUPT, "merge %zu is not two tokens of together at most %d bytes", rank, MAX_TOKEN - 1);
    memcpy(text, left, n_left);
    text[n_left] = 0;
    int32_t a = id_of(vocab, text);
    memcpy(text, right, n_right);
    text[n_right] = 0;
    int32_t b = id_of(vocab, text);
    memcpy(text, left, n_left);
    memcpy(text + n_left, right, n_right);
    text[n_left + n_right] = 0;
    int32_t merged = id_of(vocab, text);
    if (a < 0 || b < 0 || merged < 0)
        LOAM_FAIL(err, CORRUPT, "merge %zu makes '%.60s', and it or a part of it is no token of the vocabulary", rank,
                  text);
    add_merge(t, a, b, rank, merged);
    return LOAM_OK;
}

static loam_status read_merge_line(loam_clip_bpe *t, const json_t *vocab, const char *s, size_t n, size_t rank,
                                   loam_err *err)
{
    const char *space = memchr(s, ' ', n);
    if (!space || memchr(space + 1, ' ', (size_t)(s + n - space - 1)))
        LOAM_FAIL(err, CORRUPT, "merge %zu is not two tokens with a space between them", rank);
    size_t n_left = (size_t)(space - s);
    return read_merge(t, vocab, s, n_left, space + 1, n - n_left - 1, rank, err);
}

static loam_status read_merges_text(loam_clip_bpe *t, const json_t *vocab, const char *s, size_t n, loam_err *err)
{
    size_t rank = 0;
    for (size_t at = 0; at < n;) {
        const char *end = memchr(s + at, '\n', n - at);
        size_t len = end ? (size_t)(end - s) - at : n - at, next = at + len + 1;
        if (len && s[at + len - 1] == '\r')
            len--;
        if (len && !(len >= 8 && memcmp(s + at, "#version", 8) == 0)) {
            if (rank >= MAX_VOCAB)
                LOAM_FAIL(err, TOO_LARGE, "the list has more than %d merges", MAX_VOCAB);
            LOAM_TRY(read_merge_line(t, vocab, s + at, len, rank++, err));
        }
        at = next;
    }
    return LOAM_OK;
}

static size_t count_lines(const char *s, size_t n)
{
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += s[i] == '\n';
    return lines;
}

loam_status loam_clip_bpe_parse(const char *vocab, size_t vocab_len, const char *merges, size_t merges_len,
                                loam_clip_bpe **out, loam_err *err)
{
    json_t *v = NULL;
    loam_clip_bpe *t = NULL;
    *out = NULL;
    LOAM_TRY(loam_json_parse(vocab, vocab_len, MAX_FILE, &v, err));
    loam_status st = LOAM_OK;
    if (!json_is_object(v))
        st = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__,
                          "the vocabulary is not a JSON object of tokens and their ids");
    if (st == LOAM_OK)
        st = new_empty(count_lines(merges, merges_len), &t, err);
    if (st == LOAM_OK)
        st = read_vocab(t, v, err);
    if (st == LOAM_OK)
        st = read_merges_text(t, v, merges, merges_len, err);
    json_decref(v);
    if (st != LOAM_OK) {
        loam_clip_bpe_free(t);
        return st;
    }
    *out = t;
    return LOAM_OK;
}

/* "merges" is a list of "left right" in old files and of ["left", "right"] in new ones. */
static loam_status read_merges_list(loam_clip_bpe *t, const json_t *vocab, const json_t *list, loam_err *err)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        const json_t *m = json_array_get(list, i), *a = json_array_get(m, 0), *b = json_array_get(m, 1);
        if (json_is_string(m))
            LOAM_TRY(read_merge_line(t, vocab, json_string_value(m), json_string_length(m), i, err));
        else if (json_is_string(a) && json_is_string(b))
            LOAM_TRY(read_merge(t, vocab, json_string_value(a), json_string_length(a), json_string_value(b),
                                json_string_length(b), i, err));
        else
            LOAM_FAIL(err, CORRUPT, "merge %zu of the tokenizer is not two tokens", i);
    }
    return LOAM_OK;
}

static loam_status read_tokenizer(const json_t *root, loam_clip_bpe **out, loam_err *err)
{
    const json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab"),
                 *merges = json_object_get(model, "merges"), *suffix = json_object_get(model, "end_of_word_suffix");
    if (!json_is_object(vocab) || !json_is_array(merges))
        LOAM_FAIL(err, CORRUPT, "the tokenizer has no model with a vocabulary and merges: it is not one of CLIP");
    if (!json_is_string(suffix) || strcmp(json_string_value(suffix), WORD_END) != 0)
        LOAM_FAIL(err, UNSUPPORTED, "the tokenizer does not end words with " WORD_END ": it is not one of CLIP");
    if (json_array_size(merges) > MAX_VOCAB)
        LOAM_FAIL(err, TOO_LARGE, "the list has more than %d merges", MAX_VOCAB);
    loam_clip_bpe *t;
    LOAM_TRY(new_empty(json_array_size(merges), &t, err));
    loam_status st = read_vocab(t, vocab, err);
    if (st == LOAM_OK)
        st = read_merges_list(t, vocab, merges, err);
    if (st != LOAM_OK) {
        loam_clip_bpe_free(t);
        return st;
    }
    *out = t;
    return LOAM_OK;
}

loam_status loam_clip_bpe_parse_json(const char *text, size_t len, loam_clip_bpe **out, loam_err *err)
{
    json_t *root = NULL;
    *out = NULL;
    LOAM_TRY(loam_json_parse(text, len, MAX_FILE, &root, err));
    loam_status st = read_tokenizer(root, out, err);
    json_decref(root);
    return st;
}

/* Joins folder and name; false when that is too long. */
static bool join(char *path, size_t size, const char *folder, const char *name)
{
    int n = snprintf(path, size, "%s/%s", folder, name);
    return n > 0 && (size_t)n < size;
}

loam_status loam_clip_bpe_open(const char *folder, loam_clip_bpe **out, loam_err *err)
{
    char vocab[4096], merges[4096], whole[4096];
    char *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    *out = NULL;
    if (!join(vocab, sizeof vocab, folder, "vocab.json") || !join(merges, sizeof merges, folder, "merges.txt") ||
        !join(whole, sizeof whole, folder, "tokenizer.json"))
        LOAM_FAIL(err, INVALID, "the name of the tokenizer's folder is longer than this system allows");
    loam_status st;
    if (access(vocab, F_OK) == 0 && access(merges, F_OK) == 0) {
        st = loam_file_read(vocab, MAX_FILE, &a, &n_a, err);
        if (st == LOAM_OK)
            st = loam_file_read(merges, MAX_FILE, &b, &n_b, err);
        if (st == LOAM_OK)
            st = loam_clip_bpe_parse(a, n_a, b, n_b, out, err);
    } else if (access(whole, F_OK) == 0) {
        st = loam_file_read(whole, MAX_FILE, &a, &n_a, err);
        if (st == LOAM_OK)
            st = loam_clip_bpe_parse_json(a, n_a, out, err);
    } else {
        LOAM_FAIL(err, NOT_FOUND, "'%s' has no vocab.json with a merges.txt, nor a tokenizer.json", folder);
    }
    free(a);
    free(b);
    if (st != LOAM_OK)
        loam_err_prefix(err, "tokenizer in '%s'", folder);
    return st;
}

size_t loam_clip_bpe_n_vocab(const loam_clip_bpe *t)
{
    return t->n_vocab;
}
int32_t loam_clip_bpe_bos(const loam_clip_bpe *t)
{
    return t->bos;
}
int32_t loam_clip_bpe_eos(const loam_clip_bpe *t)
{
    return t->eos;
}
int32_t loam_clip_bpe_comma(const loam_clip_bpe *t)
{
    return t->comma;
}

/* ---- encoding ---- */

typedef struct encoding {
    loam_encoder e; /* first: find_merge() sees only this */
    const loam_clip_bpe *t;
} encoding;

static uint32_t find_merge(const loam_encoder *e, const loam_sym *left, const loam_sym *right, int32_t *merged)
{
    const loam_clip_bpe *t = ((const encoding *)e)->t;
    if (left->id < 0 || right->id < 0)
        return LOAM_SYM_NONE;
    const struct loam_pair *p = loam_pairs_find(&t->merges, (uint64_t)(uint32_t)left->id << 32 | (uint32_t)right->id);
    if (!p)
        return LOAM_SYM_NONE;
    *merged = (int32_t)(uint32_t)p->value;
    return (uint32_t)(p->value >> 32);
}

static loam_status encode_word(encoding *c, const char *s, size_t n, loam_err *err)
{
    LOAM_TRY(loam_encoder_reserve(&c->e, n, err));
    for (size_t i = 0; i < n; i++) {
        unsigned char b = (unsigned char)s[i];
        c->e.syms[i] = (loam_sym){.id = i + 1 < n ? c->t->byte_id[b] : c->t->byte_end[b]};
    }
    LOAM_TRY(loam_merge_run(&c->e, n, find_merge, err));
    for (uint32_t i = 0; i != LOAM_SYM_NONE; i = c->e.syms[i].next)
        LOAM_TRY(loam_encoder_push(&c->e, c->e.syms[i].id >= 0 ? c->e.syms[i].id : c->t->unk, err));
    return LOAM_OK;
}

static size_t contraction(const char *s, size_t n)
{
    static const char *const all[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (n >= strlen(all[i]) && memcmp(s, all[i], strlen(all[i])) == 0)
            return strlen(all[i]);
    return 0;
}

/* The length of the word at the start of s[0..n), which is no white space:
 * 's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+ */
static size_t word_length(const char *s, size_t n)
{
    size_t len = s[0] == '\'' ? contraction(s, n) : 0;
    if (len)
        return len;
    loam_char c = loam_char_at(s, n, 0);
    if (c.set & LOAM_CP_N)
        return c.len;
    bool letters = c.set & LOAM_CP_L;
    do {
        len += c.len;
        c = loam_char_at(s, n, len);
    } while (c.len && (letters ? (c.set & LOAM_CP_L) != 0 : !(c.set & (LOAM_CP_L | LOAM_CP_N | LOAM_CP_SPACE))));
    return len;
}

static bool to_lower(const char *s, size_t n, loam_buf *out)
{
    out->len = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp, lower[3];
        size_t len = loam_utf8_next(s + i, n - i, &cp);
        if (cp == LOAM_UTF8_INVALID) {
            loam_buf_add(out, s + i, len);
        } else {
            int k = loam_jj_map_case(cp, JJ_CASE_LOWER, lower);
            for (int j = 0; j < k; j++) {
                char c[4];
                loam_buf_add(out, c, loam_utf8_put(c, lower[j]));
            }
        }
        i += len;
    }
    return !out->failed;
}

static loam_status encode_plain(encoding *c, const char *s, size_t n, loam_buf *lower, loam_err *err)
{
    loam_buf composed;
    loam_buf_init(&composed, 3 * LOAM_CLIP_BPE_MAX_TEXT);
    bool fits = loam_unicode_nfc(s, n, &composed) && to_lower(loam_buf_text(&composed), composed.len, lower);
    loam_buf_deinit(&composed);
    if (!fits)
        LOAM_FAIL(err, NO_MEMORY, "no memory to tokenize a text of %zu bytes", n);
    const char *text = loam_buf_text(lower);
    for (size_t i = 0; i < lower->len;) {
        loam_char first = loam_char_at(text, lower->len, i);
        size_t len = first.len;
        if (!(first.set & LOAM_CP_SPACE)) {
            len = word_length(text + i, lower->len - i);
            LOAM_TRY(encode_word(c, text + i, len, err));
        }
        i += len;
    }
    return LOAM_OK;
}

/* The special token that s[0..n) begins with, or -1; its length in *len. */
static int32_t special_at(const loam_clip_bpe *t, const char *s, size_t n, size_t *len)
{
    if (n >= strlen(BOS_TEXT) && memcmp(s, BOS_TEXT, strlen(BOS_TEXT)) == 0) {
        *len = strlen(BOS_TEXT);
        return t->bos;
    }
    if (n >= strlen(EOS_TEXT) && memcmp(s, EOS_TEXT, strlen(EOS_TEXT)) == 0) {
        *len = strlen(EOS_TEXT);
        return t->eos;
    }
    return -1;
}

static loam_status encode_all(encoding *c, const char *s, size_t n, loam_buf *lower, loam_err *err)
{
    size_t from = 0;
    for (size_t i = 0; i < n;) {
        size_t len;
        int32_t id = s[i] == '<' ? special_at(c->t, s + i, n - i, &len) : -1;
        if (id < 0) {
            i++;
            continue;
        }
        LOAM_TRY(encode_plain(c, s + from, i - from, lower, err));
        LOAM_TRY(loam_encoder_push(&c->e, id, err));
        from = i += len;
    }
    return encode_plain(c, s + from, n - from, lower, err);
}

loam_status loam_clip_bpe_encode(const loam_clip_bpe *t, const char *text, size_t len, int32_t **ids, size_t *n_ids,
                                 loam_err *err)
{
    if (len > LOAM_CLIP_BPE_MAX_TEXT)
        LOAM_FAIL(err, TOO_LARGE, "the prompt has %zu bytes, at most %zu are allowed", len, LOAM_CLIP_BPE_MAX_TEXT);
    encoding c = {.e = {.ids = *ids, .n_ids = *n_ids, .ids_cap = *n_ids}, .t = t};
    loam_buf lower;
    loam_buf_init(&lower, 3 * LOAM_CLIP_BPE_MAX_TEXT);
    loam_status st = encode_all(&c, text, len, &lower, err);
    loam_buf_deinit(&lower);
    free(c.e.syms);
    free(c.e.heap);
    *ids = c.e.ids; /* realloc may have moved it, also when something failed later */
    if (st == LOAM_OK)
        *n_ids = c.e.n_ids;
    return st;
}

loam_status loam_clip_bpe_fill(const loam_clip_bpe *t, const char *text, size_t len, int32_t pad, int32_t *ids,
                               size_t n, size_t *n_used, loam_err *err)
{
    if (n < 2)
        LOAM_FAIL(err, INTERNAL, "%zu places cannot hold the first and the last token", n);
    int32_t *found = NULL;
    size_t n_found = 0, at = 0;
    loam_status st = loam_clip_bpe_encode(t, text, len, &found, &n_found, err);
    if (st == LOAM_OK) {
        ids[at++] = t->bos;
        for (size_t i = 0; i < n_found && at < n - 1; i++)
            ids[at++] = found[i];
        ids[at++] = t->eos;
        if (n_used)
            *n_used = at;
        while (at < n)
            ids[at++] = pad;
    }
    free(found);
    return st;
}
