/* Builds a tokenizer from the tokenizer.ggml.* keys of a GGUF file. The file may lie about everything: each table is
 * checked against the number of tokens, and each id against the vocabulary, before anything is taken from it. */
#include "text/text_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { MAX_TOKENS = 1 << 24 };

size_t loam_tokenizer_keep(loam_tokenizer *t, const char *s, size_t n)
{
    if (n >= UINT32_MAX - t->bytes_len)
        return SIZE_MAX;
    size_t need = t->bytes_len + n + 1; /* and a NUL, which texts are promised */
    if (need > t->bytes_cap) {
        size_t cap = t->bytes_cap * 2 > need ? t->bytes_cap * 2 : need;
        char *grown = realloc(t->bytes, cap);
        if (!grown)
            return SIZE_MAX;
        t->bytes = grown;
        t->bytes_cap = cap;
    }
    size_t at = t->bytes_len;
    if (n > 0)
        memcpy(t->bytes + at, s, n);
    t->bytes[at + n] = 0;
    t->bytes_len = need;
    return at;
}

int32_t loam_tokenizer_find_text(const loam_tokenizer *t, const char *s, size_t n)
{
    for (size_t i = loam_hash_bytes(s, n, t->seed) & t->by_text_mask; t->by_text[i]; i = (i + 1) & t->by_text_mask) {
        const loam_token *k = &t->tokens[t->by_text[i] - 1];
        if (k->text_len == n && memcmp(t->bytes + k->text, s, n) == 0)
            return (int32_t)(t->by_text[i] - 1);
    }
    return -1;
}

/* The first token of a text keeps it; an empty text belongs to nobody. */
static void add_text(loam_tokenizer *t, uint32_t id)
{
    const loam_token *k = &t->tokens[id];
    const char *s = t->bytes + k->text;
    if (k->text_len == 0 || loam_tokenizer_find_text(t, s, k->text_len) >= 0)
        return;
    size_t i = loam_hash_bytes(s, k->text_len, t->seed) & t->by_text_mask;
    while (t->by_text[i])
        i = (i + 1) & t->by_text_mask;
    t->by_text[i] = id + 1;
}

static loam_status load_types(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, "tokenizer.ggml.token_type");
    if (!kv) {
        for (size_t i = 0; i < t->n_tokens; i++)
            t->tokens[i].type = LOAM_TOKEN_NORMAL;
        return LOAM_OK;
    }
    if (kv->type != LOAM_GGUF_TYPE_ARRAY ||
        (kv->array_type != LOAM_GGUF_TYPE_I32 && kv->array_type != LOAM_GGUF_TYPE_U32))
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.token_type is not an array of i32");
    if (kv->n < t->n_tokens)
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.token_type has %llu entries for %zu tokens", (unsigned long long)kv->n,
                  t->n_tokens);
    for (size_t i = 0; i < t->n_tokens; i++) {
        int64_t type = loam_gguf_kv_i64(kv, i);
        if (type < 0 || type > LOAM_TOKEN_BYTE)
            LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.token_type: entry %zu is %lld, types are 1 to %d", i,
                      (long long)type, LOAM_TOKEN_BYTE);
        t->tokens[i].type = type == 0 ? LOAM_TOKEN_NORMAL : (uint8_t)type;
    }
    return LOAM_OK;
}

static loam_status load_tokens(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, "tokenizer.ggml.tokens");
    if (!kv || kv->type != LOAM_GGUF_TYPE_ARRAY || kv->array_type != LOAM_GGUF_TYPE_STRING)
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.tokens is missing or not an array of strings");
    if (kv->n == 0 || kv->n > MAX_TOKENS)
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.tokens has %llu entries; a vocabulary has 1 to %d",
                  (unsigned long long)kv->n, MAX_TOKENS);
    t->n_tokens = (size_t)kv->n;
    size_t slots = 16;
    while (slots < t->n_tokens * 2)
        slots *= 2;
    t->by_text_mask = slots - 1;
    t->tokens = calloc(t->n_tokens, sizeof *t->tokens);
    t->by_text = calloc(slots, sizeof *t->by_text);
    if (!t->tokens || !t->by_text)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %zu tokens", t->n_tokens);
    for (size_t i = 0; i < t->n_tokens; i++) {
        loam_token *k = &t->tokens[i];
        size_t at = loam_tokenizer_keep(t, kv->strings[i].data, kv->strings[i].len);
        if (at == SIZE_MAX)
            LOAM_FAIL(err, NO_MEMORY, "no memory for the text of %zu tokens", t->n_tokens);
        k->text = k->piece = (uint32_t)at;
        k->text_len = k->piece_len = (uint32_t)kv->strings[i].len;
        if (k->text_len > t->longest_text)
            t->longest_text = k->text_len;
        add_text(t, (uint32_t)i);
    }
    return load_types(t, g, err);
}

/* An id by its key: absent leaves *out, all ones means none. */
static loam_status load_id(const loam_tokenizer *t, const loam_gguf *g, const char *key, int32_t *out, loam_err *err)
{
    int64_t id = *out;
    if (!loam_gguf_get_i64(g, key, &id))
        LOAM_FAIL(err, CORRUPT, "%s is not an integer", key);
    if (id == UINT32_MAX)
        id = -1;
    if (id < -1 || (id >= 0 && (uint64_t)id >= t->n_tokens))
        LOAM_FAIL(err, CORRUPT, "%s is %lld, the vocabulary has %zu tokens", key, (long long)id, t->n_tokens);
    *out = (int32_t)id;
    return LOAM_OK;
}

static loam_status load_flag(const loam_gguf *g, const char *key, bool *out, loam_err *err)
{
    if (!loam_gguf_get_bool(g, key, out))
        LOAM_FAIL(err, CORRUPT, "%s is not true or false", key);
    return LOAM_OK;
}

static void mark_end(loam_tokenizer *t, int32_t id)
{
    if (id >= 0)
        t->tokens[id].is_end = true;
}

/* The texts at which the chat formats of the field end a turn. Files name one or two of them by key and leave the
 * others to be known; many models were released with an EOS that their own chat template never writes. */
static const char *const end_texts[] = {
    "<|im_end|>",    "<|eot_id|>", "<|eom_id|>", "<|end|>",   "<|endoftext|>",      "<|end_of_text|>",
    "<end_of_turn>", "<|return|>", "<|call|>",   "<|calls|>", "<|flush|>",          "<EOT>",
    "_<EOT>",        "[EOT]",      "[EOS]",      "[e~[",      "<end_of_utterance>", "<｜end▁of▁sentence｜>",
    "<|EOT|>",       "</s>",       "<eos>",      "<turn|>",   "<|fim_pad|>",        "<|repo_name|>",
    "<|file_sep|>",
};

static loam_status load_ends(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
    mark_end(t, t->eos);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int32_t id = -1;
        LOAM_TRY(load_id(t, g, keys[i], &id, err));
        mark_end(t, id);
    }
    for (size_t i = 0; i < sizeof end_texts / sizeof *end_texts; i++) {
        int32_t id = loam_tokenizer_find(t, end_texts[i]);
        if (id < 0)
            continue;
        loam_token *k = &t->tokens[id];
        /* Some conversions leave "<|im_end|>" an ordinary token, which no text would then become. "</s>" and "<eos>"
         * are ordinary for good in some vocabularies. */
        if (k->type == LOAM_TOKEN_NORMAL && strcmp(end_texts[i], "</s>") != 0 && strcmp(end_texts[i], "<eos>") != 0)
            k->type = LOAM_TOKEN_CONTROL;
        if (k->type != LOAM_TOKEN_NORMAL)
            k->is_end = true;
    }
    /* In the Harmony format and Solar's, <|end|> only ends a message, and the turn goes on. */
    int32_t end = loam_tokenizer_find(t, "<|end|>");
    if (end >= 0 && end != t->eos &&
        ((loam_tokenizer_find(t, "<|return|>") >= 0 && loam_tokenizer_find(t, "<|call|>") >= 0) ||
         (loam_tokenizer_find(t, "<|flush|>") >= 0 && loam_tokenizer_find(t, "<|calls|>") >= 0)))
        t->tokens[end].is_end = false;
    return LOAM_OK;
}

/* Phi-3's added tokens take the white space after them, all but these three; GGUF files do not say so. */
static void load_strips(loam_tokenizer *t, const loam_gguf *g)
{
    loam_gguf_str arch = {"", 0};
    if (!t->is_spm || !loam_gguf_get_str(g, "general.architecture", &arch) || arch.len != 4 ||
        memcmp(arch.data, "phi3", 4) != 0)
        return;
    for (size_t i = 0; i < t->n_tokens; i++) {
        loam_token *k = &t->tokens[i];
        const char *text = t->bytes + k->text;
        k->strips_right = (loam_token_is_hidden(k) || k->type == LOAM_TOKEN_USER) && strcmp(text, "<unk>") != 0 &&
                          strcmp(text, "<s>") != 0 && strcmp(text, "<|endoftext|>") != 0;
    }
}

static loam_status load_model(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    loam_gguf_str model = {"", 0}, pre = {"", 0};
    if (!loam_gguf_get_str(g, "tokenizer.ggml.model", &model) || !loam_gguf_get_str(g, "tokenizer.ggml.pre", &pre))
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.model or tokenizer.ggml.pre is not a string");
    if (model.len == 0)
        LOAM_FAIL(err, CORRUPT, "tokenizer.ggml.model is missing: the file has no tokenizer");
    t->is_spm = model.len == 5 && memcmp(model.data, "llama", 5) == 0;
    if (!t->is_spm && !(model.len == 4 && memcmp(model.data, "gpt2", 4) == 0))
        LOAM_FAIL(err, UNSUPPORTED, "tokenizer model '%.*s' is not supported; known are gpt2 and llama",
                  model.len > 80 ? 80 : (int)model.len, model.data);
    if (!t->is_spm && !(t->pretok = loam_pretok_get(pre.data, pre.len)))
        LOAM_FAIL(err, UNSUPPORTED, "pre-tokenizer '%.*s' is not supported", pre.len > 80 ? 80 : (int)pre.len,
                  pre.data);
    return LOAM_OK;
}

static loam_status load(loam_tokenizer *t, const loam_gguf *g, loam_err *err)
{
    LOAM_TRY(load_model(t, g, err));
    LOAM_TRY(load_tokens(t, g, err));
    t->bos = t->is_spm && t->n_tokens > 1 ? 1 : -1; /* SentencePiece's own */
    t->eos = t->is_spm && t->n_tokens > 2 ? 2 : -1;
    t->unk = t->is_spm ? 0 : -1;
    LOAM_TRY(load_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err));
    LOAM_TRY(load_id(t, g, "tokenizer.ggml.eos_token_id", &t->eos, err));
    LOAM_TRY(load_id(t, g, "tokenizer.ggml.unknown_token_id", &t->unk, err));
    t->add_bos = t->is_spm || t->pretok->add_bos;
    t->add_space_prefix = t->is_spm;
    LOAM_TRY(load_flag(g, "tokenizer.ggml.add_bos_token", &t->add_bos, err));
    LOAM_TRY(load_flag(g, "tokenizer.ggml.add_eos_token", &t->add_eos, err));
    if (t->is_spm)
        LOAM_TRY(load_flag(g, "tokenizer.ggml.add_space_prefix", &t->add_space_prefix, err));
    LOAM_TRY(load_ends(t, g, err));
    load_strips(t, g);
    LOAM_TRY(loam_special_build(t, err));
    return t->is_spm ? loam_spm_load(t, g, err) : loam_bpe_load(t, g, err);
}

loam_status loam_tokenizer_new(const loam_gguf *g, loam_tokenizer **out, loam_err *err)
{
    *out = NULL;
    loam_tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a tokenizer");
    t->seed = loam_mix64(loam_clock_ns() ^ (uintptr_t)t);
    memset(t->byte_id, 0xFF, sizeof t->byte_id);
    loam_status st = load(t, g, err);
    if (st != LOAM_OK) {
        loam_tokenizer_free(t);
        return st;
    }
    *out = t;
    return LOAM_OK;
}

void loam_tokenizer_free(loam_tokenizer *t)
{
    if (!t)
        return;
    loam_pairs_deinit(&t->merges);
    loam_pairs_deinit(&t->trie);
    free(t->trie_end);
    free(t->by_text);
    free(t->tokens);
    free(t->bytes);
    free(t);
}
