/* A Unigram in the tokenizer.json of Hugging Face's tokenizers. Its normalisers and pre-tokenizers are steps of their
 * own there; those that were made from a SentencePiece file say together what that file's normaliser did, and are read
 * as that: Precompiled is its map of characters, replacing " {2,}", Strip and WhitespaceSplit are
 * remove_extra_whitespaces, Metaspace and Prepend are add_dummy_prefix. */
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "text/unigram_int.h"

typedef struct reading {
    loam_unigram_tables tables;
    const char **pieces;
    size_t *lens;
    double *scores;
    uint8_t *types;
    unsigned char *charsmap;
} reading;

static bool is(const json_t *v, const char *text)
{
    return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

/* ---- base64 (RFC 4648) ---- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static loam_status read_charsmap(reading *r, const json_t *v, loam_err *err)
{
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    if (!s || r->charsmap)
        LOAM_FAIL(err, CORRUPT, "the tokenizer must have one map of characters, in base64");
    while (n && s[n - 1] == '=')
        n--;
    if (n == 0)
        return LOAM_OK;
    r->charsmap = malloc(n);
    if (!r->charsmap)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the map of characters of a tokenizer");
    uint32_t bits = 0;
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        int d = base64_digit(s[i]);
        if (d < 0)
            LOAM_FAIL(err, CORRUPT, "the map of characters of the tokenizer is not base64 at character %zu", i);
        bits = bits << 6 | (uint32_t)d;
        if (i % 4)
            r->charsmap[len++] = (unsigned char)(bits >> (6 - i % 4 * 2));
    }
    r->tables.charsmap = r->charsmap;
    r->tables.charsmap_len = len;
    return LOAM_OK;
}

/* ---- the steps before the model ---- */

static loam_status read_step(reading *r, const json_t *step, int depth, loam_err *err);

static loam_status read_steps(reading *r, const json_t *list, int depth, loam_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        LOAM_TRY(read_step(r, json_array_get(list, i), depth, err));
    return LOAM_OK;
}

/* Spaces by spaces or "▁". */
static loam_status read_replace(reading *r, const json_t *step, loam_err *err)
{
    const json_t *pattern = json_object_get(step, "pattern"), *regex = json_object_get(pattern, "Regex"),
                 *content = json_object_get(step, "content");
    bool runs = is(regex, " {2,}") || is(regex, "\\A +| +\\z"), one = is(json_object_get(pattern, "String"), " "),
         first = is(regex, "\\A" LOAM_UNIGRAM_SPACE);
    if (!runs && !one && !first)
        LOAM_FAIL(err, UNSUPPORTED,
                  "the tokenizer replaces '%.40s' by '%.40s', and replacing spaces is all that is known",
                  json_is_string(regex) ? json_string_value(regex) : "a text",
                  json_is_string(content) ? json_string_value(content) : "something");
    r->tables.remove_extra_spaces |= runs;
    return LOAM_OK;
}

static loam_status read_step(reading *r, const json_t *step, int depth, loam_err *err)
{
    const json_t *type = json_object_get(step, "type"), *scheme = json_object_get(step, "prepend_scheme");
    if (!step || json_is_null(step))
        return LOAM_OK;
    if (depth > 8 || !json_is_string(type))
        LOAM_FAIL(err, CORRUPT,
                  "a step of the tokenizer is no object with a type, or they lie deeper than 8 in each other");
    if (is(type, "Sequence")) {
        LOAM_TRY(read_steps(r, json_object_get(step, "normalizers"), depth + 1, err));
        return read_steps(r, json_object_get(step, "pretokenizers"), depth + 1, err);
    }
    if (is(type, "Precompiled"))
        return read_charsmap(r, json_object_get(step, "precompiled_charsmap"), err);
    if (is(type, "Replace"))
        return read_replace(r, step, err);
    if (is(type, "Strip") || is(type, "WhitespaceSplit"))
        r->tables.remove_extra_spaces = true;
    else if (is(type, "Metaspace"))
        r->tables.add_dummy_prefix =
            scheme ? !is(scheme, "never") : !json_is_false(json_object_get(step, "add_prefix_space"));
    else if (is(type, "Prepend"))
        r->tables.add_dummy_prefix = true;
    else
        LOAM_FAIL(err, UNSUPPORTED, "the tokenizer has a step '%.40s', which Loam does not know for unigrams",
                  json_string_value(type));
    return LOAM_OK;
}

/* ---- the vocabulary ---- */

static loam_status read_vocab(reading *r, const json_t *vocab, loam_err *err)
{
    for (size_t i = 0; i < r->tables.n; i++) {
        const json_t *entry = json_array_get(vocab, i), *piece = json_array_get(entry, 0),
                     *score = json_array_get(entry, 1);
        if (!json_is_string(piece) || !json_is_number(score))
            LOAM_FAIL(err, CORRUPT, "piece %zu of the tokenizer is not a text and a score", i);
        r->pieces[i] = json_string_value(piece);
        r->lens[i] = json_string_length(piece);
        r->scores[i] = json_number_value(score);
        unsigned byte;
        bool is_byte = r->tables.byte_fallback && r->lens[i] == 6 && memcmp(r->pieces[i], "<0x", 3) == 0 &&
                       strspn(r->pieces[i] + 3, "0123456789ABCDEF") == 2 && r->pieces[i][5] == '>';
        byte = is_byte ? LOAM_UNIGRAM_BYTE : LOAM_UNIGRAM_NORMAL;
        r->types[i] = (uint8_t)(r->lens[i] == 0 ? LOAM_UNIGRAM_CONTROL : byte);
    }
    return LOAM_OK;
}

/* Special tokens are cut out of a text there before the model sees it, so the model never makes them. */
static loam_status read_added(reading *r, const json_t *added, loam_err *err)
{
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i), *id = json_object_get(token, "id"),
                     *text = json_object_get(token, "content");
        if (!json_is_integer(id) || json_integer_value(id) < 0 || !json_is_string(text))
            LOAM_FAIL(err, CORRUPT, "added token %zu of the tokenizer has no id or no text", i);
        if (json_integer_value(id) >= (json_int_t)r->tables.n)
            continue; /* beyond the model's vocabulary */
        int32_t at = (int32_t)json_integer_value(id);
        if (json_is_true(json_object_get(token, "special")))
            r->types[at] = LOAM_UNIGRAM_CONTROL;
        if (is(text, "<s>"))
            r->tables.bos = at;
        else if (is(text, "</s>"))
            r->tables.eos = at;
        else if (is(text, "<pad>"))
            r->tables.pad = at;
    }
    return LOAM_OK;
}

static loam_status read_root(reading *r, const json_t *root, loam_unigram **out, loam_err *err)
{
    const json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab"),
                 *unk = json_object_get(model, "unk_id"), *type = json_object_get(model, "type");
    size_t n = json_array_size(vocab);
    if (!json_is_array(vocab) || (type && !is(type, "Unigram")))
        LOAM_FAIL(err, UNSUPPORTED, "the model of the tokenizer is not a Unigram with a list of pieces and scores");
    if (n == 0 || n > LOAM_UNIGRAM_MAX_VOCAB)
        LOAM_FAIL(err, CORRUPT, "the tokenizer has %zu pieces; 1 to %d are allowed", n, LOAM_UNIGRAM_MAX_VOCAB);
    if (!json_is_integer(unk) || json_integer_value(unk) < 0 || json_integer_value(unk) >= (json_int_t)n)
        LOAM_FAIL(err, CORRUPT, "the tokenizer has no piece for unknown characters (unk_id)");
    r->tables = (loam_unigram_tables){.n = n,
                                      .unk = (int32_t)json_integer_value(unk),
                                      .bos = -1,
                                      .eos = -1,
                                      .pad = -1,
                                      .escape_spaces = true,
                                      .byte_fallback = json_is_true(json_object_get(model, "byte_fallback")),
                                      .double_scores = true,
                                      .last_wins = true};
    r->tables.pieces = r->pieces = malloc(n * sizeof *r->pieces);
    r->tables.lens = r->lens = malloc(n * sizeof *r->lens);
    r->tables.scores = r->scores = malloc(n * sizeof *r->scores);
    r->tables.types = r->types = malloc(n);
    if (!r->pieces || !r->lens || !r->scores || !r->types)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %zu pieces", n);
    LOAM_TRY(read_vocab(r, vocab, err));
    LOAM_TRY(read_added(r, json_object_get(root, "added_tokens"), err));
    LOAM_TRY(read_step(r, json_object_get(root, "normalizer"), 0, err));
    LOAM_TRY(read_step(r, json_object_get(root, "pre_tokenizer"), 0, err));
    return loam_unigram_new(&r->tables, out, err);
}

loam_status loam_unigram_parse_json(const char *text, size_t len, loam_unigram **out, loam_err *err)
{
    json_t *root = NULL;
    *out = NULL;
    LOAM_TRY(loam_json_parse(text, len, LOAM_UNIGRAM_MAX_FILE, &root, err));
    reading r = {0};
    loam_status st = read_root(&r, root, out, err);
    free(r.pieces);
    free(r.lens);
    free(r.scores);
    free(r.types);
    free(r.charsmap);
    json_decref(root);
    return st;
}
