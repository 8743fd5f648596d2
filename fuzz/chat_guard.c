/* Messages from strangers. The input is cut at each 0x01 into messages, whose texts a template may put side by side
 * with nothing between: their guarded forms must turn back into the texts, and their tokens must hold no control token
 * and stand for the same bytes. The first byte picks the vocabulary. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/text/test_tokenizer_vocab.h"
#include "service/chat_int.h"
#include "service/models_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static loam_tokenizer *load(int spm)
{
    static vocab_tables v;
    vocab_file f;
    loam_err err = LOAM_ERR_INIT;
    loam_gguf *g;
    loam_tokenizer *t;
    (spm ? vocab_spm : vocab_bpe)(&v);
    vocab_write(&f, &v, spm ? "llama" : "gpt2", spm ? NULL : "smollm");
    vocab_end(&f);
    if (loam_gguf_parse(loam_buf_text(&f.out), f.out.len, &g, &err) != LOAM_OK ||
        loam_tokenizer_new(g, &t, &err) != LOAM_OK)
        abort();
    loam_gguf_close(g);
    vocab_deinit(&f);
    return t;
}

static void check_tokens(const loam_tokenizer *t, int spm, const loam_buf *guarded, const loam_buf *plain)
{
    int32_t *ids = NULL;
    size_t n = 0;
    loam_err err = LOAM_ERR_INIT;
    loam_buf back;
    loam_buf_init(&back, 1 << 26);
    if (loam_guard_encode(t, loam_buf_text(guarded), guarded->len, &ids, &n, &err) != LOAM_OK)
        abort();
    for (size_t i = 0; i < n; i++)
        if (loam_tokenizer_is_control(t, ids[i]))
            abort();
    /* SentencePiece puts spaces before pieces, so that only byte-level vocabularies give the very bytes back. */
    if (!loam_tokenizer_decode(t, ids, n, false, &back) ||
        (!spm && (back.len != plain->len || memcmp(loam_buf_text(&back), loam_buf_text(plain), back.len) != 0)))
        abort();
    loam_buf_deinit(&back);
    free(ids);
}

/* What loam_plain_text gives for any bytes is UTF-8 without control characters. */
static void check_plain(const uint8_t *data, size_t size)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 26);
    if (!loam_plain_text(&b, (const char *)data, size, SIZE_MAX))
        abort();
    json_t *v = json_stringn(loam_buf_text(&b), b.len); /* refuses what is not UTF-8 */
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.data[i] < 0x20 || b.data[i] == 0x7F)
            abort();
    if (!v)
        abort();
    json_decref(v);
    loam_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static loam_tokenizer *tokenizers[2];
    static loam_guard *guards[2];
    if (size == 0)
        return 0;
    int spm = data[0] & 1;
    if (!guards[spm]) {
        tokenizers[spm] = load(spm);
        guards[spm] = loam_guard_new(tokenizers[spm]);
    }
    check_plain(data, size);
    loam_buf guarded, plain, back;
    loam_buf_init(&guarded, 1 << 26);
    loam_buf_init(&plain, 1 << 26);
    loam_buf_init(&back, 1 << 26);
    const char *s = (const char *)data + 1, *end = (const char *)data + size;
    while (s < end) {
        const char *cut = memchr(s, 1, (size_t)(end - s));
        size_t n = (size_t)((cut ? cut : end) - s);
        json_t *text = json_stringn(s, n); /* NULL where it is not UTF-8: such a message does not get in */
        json_t *v = text ? loam_guard_json(guards[spm], text) : NULL;
        if (text && !v)
            abort();
        if (v) {
            loam_buf_add(&guarded, json_string_value(v), json_string_length(v));
            loam_buf_add(&plain, s, n);
        }
        json_decref(v);
        json_decref(text);
        s = cut ? cut + 1 : end;
    }
    if (!loam_guard_reveal(loam_buf_text(&guarded), guarded.len, &back) || back.len != plain.len ||
        memcmp(loam_buf_text(&back), loam_buf_text(&plain), plain.len) != 0)
        abort();
    check_tokens(tokenizers[spm], spm, &guarded, &plain);
    loam_buf_deinit(&guarded);
    loam_buf_deinit(&plain);
    loam_buf_deinit(&back);
    return 0;
}
