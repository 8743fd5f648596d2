/* Tokenizers from a stranger. Bytes that begin as a GGUF file are a vocabulary: whatever it says, it is refused or
 * tokenizes. All others are a text for two small vocabularies: the first byte picks the pre-tokenizer, and the ids must
 * come back as the text, without a control token in them. */
#define _GNU_SOURCE /* memmem */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/text/test_tokenizer_vocab.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const pres[] = {"default",        "gpt-2",       "smollm", "llama-bpe", "qwen2",
                                   "qwen35",         "seed-coder",  "tekken", "gpt-4o",    "deepseek-llm",
                                   "deepseek-coder", "deepseek-v3", "falcon", "minicpm5"};
enum { N_PRES = sizeof pres / sizeof *pres };

static loam_tokenizer *load(const char *model, const char *pre)
{
    static vocab_tables v;
    vocab_file f;
    loam_err err = LOAM_ERR_INIT;
    loam_gguf *g;
    loam_tokenizer *t;
    (strcmp(model, "llama") == 0 ? vocab_spm : vocab_bpe)(&v);
    vocab_write(&f, &v, model, pre);
    vocab_end(&f);
    if (loam_gguf_parse(loam_buf_text(&f.out), f.out.len, &g, &err) != LOAM_OK ||
        loam_tokenizer_new(g, &t, &err) != LOAM_OK)
        abort();
    loam_gguf_close(g);
    vocab_deinit(&f);
    return t;
}

static void tokenize(const loam_tokenizer *t, const char *s, size_t n, int is_own)
{
    for (int trusted = 0; trusted < 2; trusted++) {
        loam_err err = LOAM_ERR_INIT;
        int32_t *ids = NULL;
        size_t n_ids = 0;
        loam_buf back;
        loam_buf_init(&back, 1 << 28);
        if (loam_tokenizer_encode(t, s, n, trusted, !is_own, &ids, &n_ids, &err) == LOAM_OK) {
            for (size_t i = 0; i < n_ids; i++) {
                if (ids[i] < 0 || (size_t)ids[i] >= loam_tokenizer_n_vocab(t))
                    abort();
                if (is_own && !trusted && loam_tokenizer_is_control(t, ids[i]))
                    abort();
            }
            /* A "▁" in the text of a SentencePiece vocabulary is a space from then on. */
            if (loam_tokenizer_decode(t, ids, n_ids, !trusted, &back) && is_own && !trusted &&
                !memmem(s, n, "\xE2\x96\x81", 3) && (back.len != n || memcmp(loam_buf_text(&back), s, n) != 0))
                abort();
        }
        loam_buf_deinit(&back);
        free(ids);
    }
}

static void read_vocabulary(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_gguf *g;
    if (loam_gguf_parse(data, size, &g, &err) != LOAM_OK)
        return;
    loam_tokenizer *t = NULL;
    if (loam_tokenizer_new(g, &t, &err) != LOAM_OK && (t || !err.msg[0]))
        abort();
    loam_gguf_close(g);
    if (!t)
        return;
    static const char text[] = "Hello,  world! <|im_start|>ab aba\r\n\n 123 <tool>\xC3\xA4\xE4\xB8\xAD\xFF'LL";
    tokenize(t, text, sizeof text - 1, 0);
    tokenize(t, (const char *)data, size < 4096 ? size : 4096, 0);
    size_t len;
    for (size_t i = 0; i < loam_tokenizer_n_vocab(t); i++) {
        loam_tokenizer_piece(t, (int32_t)i, true, &len);
        if (loam_tokenizer_find(t, loam_tokenizer_text(t, (int32_t)i)) > (int32_t)i)
            abort();
    }
    loam_tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static loam_tokenizer *bpe[N_PRES], *spm;
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) {
        read_vocabulary(data, size);
        return 0;
    }
    if (size == 0)
        return 0;
    size_t k = data[0] % (N_PRES + 1);
    loam_tokenizer **t = k == N_PRES ? &spm : &bpe[k];
    if (!*t)
        *t = k == N_PRES ? load("llama", NULL) : load("gpt2", pres[k]);
    tokenize(*t, (const char *)data + 1, size - 1, 1);
    return 0;
}
