/* Small vocabularies as GGUF files in memory, whole or with lies in them, for tests and for fuzz/tokenizer.c. */
#ifndef TEST_TOKENIZER_VOCAB_H
#define TEST_TOKENIZER_VOCAB_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "text/utf8.h"

/* A file being written: init, add keys, then end gives the bytes in out. */
typedef struct vocab_file {
    loam_buf keys, out;
    uint64_t n_keys;
} vocab_file;

enum { VOCAB_U32 = 4, VOCAB_I32 = 5, VOCAB_F32 = 6, VOCAB_BOOL = 7, VOCAB_STR = 8, VOCAB_ARRAY = 9 };

static inline void vocab_init(vocab_file *f)
{
    loam_buf_init(&f->keys, 1 << 24);
    loam_buf_init(&f->out, 1 << 24);
    f->n_keys = 0;
}

static inline void vocab_deinit(vocab_file *f)
{
    loam_buf_deinit(&f->keys);
    loam_buf_deinit(&f->out);
}

static inline void vocab_str(loam_buf *b, const char *s, uint64_t n)
{
    loam_buf_add(b, &n, 8);
    loam_buf_add(b, s, n);
}

static inline void vocab_key(vocab_file *f, const char *key, uint32_t type)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", strchr(key, '.') ? "" : "tokenizer.ggml.", key);
    vocab_str(&f->keys, full, strlen(full));
    loam_buf_add(&f->keys, &type, 4);
    f->n_keys++;
}

static inline void vocab_add_str(vocab_file *f, const char *key, const char *value)
{
    vocab_key(f, key, VOCAB_STR);
    vocab_str(&f->keys, value, strlen(value));
}

static inline void vocab_add_u32(vocab_file *f, const char *key, uint32_t value)
{
    vocab_key(f, key, VOCAB_U32);
    loam_buf_add(&f->keys, &value, 4);
}

static inline void vocab_add_bool(vocab_file *f, const char *key, int value)
{
    vocab_key(f, key, VOCAB_BOOL);
    loam_buf_char(&f->keys, value ? 1 : 0);
}

static inline void vocab_array(vocab_file *f, const char *key, uint32_t type, uint64_t n)
{
    vocab_key(f, key, VOCAB_ARRAY);
    loam_buf_add(&f->keys, &type, 4);
    loam_buf_add(&f->keys, &n, 8);
}

static inline void vocab_add_strs(vocab_file *f, const char *key, const char *const *s, uint64_t n)
{
    vocab_array(f, key, VOCAB_STR, n);
    for (uint64_t i = 0; i < n; i++)
        vocab_str(&f->keys, s[i], strlen(s[i]));
}

static inline void vocab_add_i32s(vocab_file *f, const char *key, const int32_t *v, uint64_t n)
{
    vocab_array(f, key, VOCAB_I32, n);
    loam_buf_add(&f->keys, v, 4 * n);
}

static inline void vocab_add_f32s(vocab_file *f, const char *key, const float *v, uint64_t n)
{
    vocab_array(f, key, VOCAB_F32, n);
    loam_buf_add(&f->keys, v, 4 * n);
}

static inline void vocab_end(vocab_file *f)
{
    uint32_t version = 3;
    uint64_t n_tensors = 0;
    loam_buf_add(&f->out, "GGUF", 4);
    loam_buf_add(&f->out, &version, 4);
    loam_buf_add(&f->out, &n_tensors, 8);
    loam_buf_add(&f->out, &f->n_keys, 8);
    loam_buf_add(&f->out, loam_buf_text(&f->keys), f->keys.len);
}

/* ---- two vocabularies to build files from; a test changes what it wants to lie about ---- */

enum { VOCAB_MAX = 340 };

typedef struct vocab_tables {
    char text[VOCAB_MAX][16];
    const char *tokens[VOCAB_MAX];
    int32_t types[VOCAB_MAX];
    float scores[VOCAB_MAX];
    uint64_t n_tokens;
    const char *merges[64];
    uint64_t n_merges;
} vocab_tables;

static inline void vocab_token(vocab_tables *v, const char *text, int32_t type, float score)
{
    snprintf(v->text[v->n_tokens], sizeof v->text[0], "%s", text);
    v->tokens[v->n_tokens] = v->text[v->n_tokens];
    v->types[v->n_tokens] = type;
    v->scores[v->n_tokens++] = score;
}

/* Byte-level: the bytes are tokens 0 to 255, then merges, then special tokens. */
static inline void vocab_bpe(vocab_tables *v)
{
    *v = (vocab_tables){0};
    uint32_t other = 256;
    for (uint32_t b = 0; b < 256; b++) {
        char text[5] = {0};
        int itself = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        loam_utf8_put(text, itself ? b : other++);
        vocab_token(v, text, 1, 0);
    }
    static const char *const merges[] = {"a b", "Ġ a", "ab a", "b c", "Ġa b", "a a", "aa aa", "Ã ¤"};
    static const char *const merged[] = {"ab", "Ġa", "aba", "bc", "Ġab", "aa", "aaaa", "Ã¤"};
    for (v->n_merges = 0; v->n_merges < 8; v->n_merges++) {
        v->merges[v->n_merges] = merges[v->n_merges];
        vocab_token(v, merged[v->n_merges], 1, 0);
    }
    vocab_token(v, "<|im_start|>", 3, 0);
    vocab_token(v, "<|im_end|>", 3, 0);
    vocab_token(v, "<tool", 4, 0);
    vocab_token(v, "<tool>", 4, 0);
    vocab_token(v, "<tool>!", 3, 0);
}

/* SentencePiece: <unk> <s> </s>, the bytes at 3 to 258, then pieces, then a special token. */
static inline void vocab_spm(vocab_tables *v)
{
    *v = (vocab_tables){0};
    vocab_token(v, "<unk>", 2, 0);
    vocab_token(v, "<s>", 3, 0);
    vocab_token(v, "</s>", 3, 0);
    for (unsigned b = 0; b < 256; b++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", b);
        vocab_token(v, text, 6, 0);
    }
    static const char *const pieces[] = {"▁a", "ab", "▁ab", "▁▁", "ä", "▁", "a", "b", "<", "<s", "s", ">"};
    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++)
        vocab_token(v, pieces[i], 1, -(float)i);
    vocab_token(v, "<|user|>", 3, 0);
}

static inline void vocab_write(vocab_file *f, const vocab_tables *v, const char *model, const char *pre)
{
    vocab_init(f);
    vocab_add_str(f, "model", model);
    if (pre)
        vocab_add_str(f, "pre", pre);
    vocab_add_strs(f, "tokens", v->tokens, v->n_tokens);
    vocab_add_i32s(f, "token_type", v->types, v->n_tokens);
    if (strcmp(model, "llama") == 0)
        vocab_add_f32s(f, "scores", v->scores, v->n_tokens);
    else
        vocab_add_strs(f, "merges", v->merges, v->n_merges);
}

#endif
