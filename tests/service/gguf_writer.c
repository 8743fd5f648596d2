#include "gguf_writer.h"
#include "service_test.h"

#include <stdio.h>
#include <string.h>

static void put(loam_buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        loam_buf_char(b, (char)(v >> (8 * i)));
}

static void put_str(loam_buf *b, const char *s)
{
    put(b, strlen(s), 8);
    loam_buf_str(b, s);
}

static void put_key(loam_buf *b, const char *key, uint32_t type)
{
    put_str(b, key);
    put(b, type, 4);
}

void write_gguf(const char *path)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 22);
    loam_buf_str(&b, "GGUF");
    put(&b, 3, 4);
    put(&b, 2, 8); /* tensors */
    put(&b, 7, 8); /* keys */
    put_key(&b, "general.architecture", 8);
    put_str(&b, "llama");
    put_key(&b, "llama.context_length", 4);
    put(&b, 2048, 4);
    put_key(&b, "general.name", 8); /* escape sequence, line break, C1 control, right-to-left override, bad bytes */
    put_str(&b, "evil\x1b[31m\nname\xc2\x9b \xe2\x80\xae\xff\\ \xc3\xa9");
    put_key(&b, "test.big", 10);
    put(&b, UINT64_MAX, 8);
    put_key(&b, "test.nan", 6);
    put(&b, 0x7FC00000, 4);
    put_key(&b, "test.words", 9);
    put(&b, 8, 4);
    put(&b, 1000, 8);
    for (int i = 0; i < 1000; i++)
        put_str(&b, i == 1 ? "\x1b]0;title\x07" : "word");
    put_key(&b, "test.ok", 7);
    put(&b, 1, 1);
    put_str(&b, "blk.0.w");
    put(&b, 2, 4);
    put(&b, 64, 8); /* contiguous first in the file */
    put(&b, 2048, 8);
    put(&b, 3, 4); /* Q4_1: 32 elements in 20 bytes */
    put(&b, 0, 8);
    put_str(&b, "norm\x1b");
    put(&b, 1, 4);
    put(&b, 64, 8);
    put(&b, 0, 4); /* F32 */
    put(&b, 81920, 8);
    while (b.len % 32)
        loam_buf_char(&b, 0);
    for (uint32_t i = 0; i < 81920 + 256; i++)
        loam_buf_char(&b, (char)(i * 2654435761u >> 24));
    assert_false(b.failed);
    write_file(path, b.data, b.len);
    loam_buf_deinit(&b);
}

const char *const vocab_controls[3] = {"<s>", "<|im_start|>", "<|im_end|>"};

/* GPT-2's printable stand-in for a byte: itself where it can be seen, else the next unused character from U+0100. */
static void put_byte_token(loam_buf *b, int byte)
{
    int cp = byte, hidden = 0;
    for (int i = 0; i <= byte; i++) {
        bool seen = (i >= '!' && i <= '~') || (i >= 0xA1 && i <= 0xAC) || i >= 0xAE;
        if (i == byte && !seen)
            cp = 256 + hidden;
        hidden += !seen;
    }
    char s[3] = {(char)cp, 0, 0};
    if (cp >= 0x80) {
        s[0] = (char)(0xC0 | cp >> 6);
        s[1] = (char)(0x80 | (cp & 0x3F));
    }
    put_str(b, s);
}

void write_vocab_gguf(const char *path, const char *chat_template, bool add_bos)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    loam_buf_str(&b, "GGUF");
    put(&b, 3, 4);
    put(&b, 0, 8);
    put(&b, chat_template ? 10 : 9, 8);
    put_key(&b, "general.architecture", 8);
    put_str(&b, "llama");
    put_key(&b, "tokenizer.ggml.model", 8);
    put_str(&b, "gpt2");
    put_key(&b, "tokenizer.ggml.pre", 8);
    put_str(&b, "smollm");
    put_key(&b, "tokenizer.ggml.tokens", 9);
    put(&b, 8, 4);
    put(&b, VOCAB_COUNT, 8);
    for (int i = 0; i < 256; i++)
        put_byte_token(&b, i);
    for (int i = 0; i < 3; i++)
        put_str(&b, vocab_controls[i]);
    put_key(&b, "tokenizer.ggml.token_type", 9);
    put(&b, 5, 4);
    put(&b, VOCAB_COUNT, 8);
    for (int i = 0; i < VOCAB_COUNT; i++)
        put(&b, i < 256 ? 1 : 3, 4);
    put_key(&b, "tokenizer.ggml.merges", 9);
    put(&b, 8, 4);
    put(&b, 0, 8);
    put_key(&b, "tokenizer.ggml.bos_token_id", 4);
    put(&b, VOCAB_BOS, 4);
    put_key(&b, "tokenizer.ggml.eos_token_id", 4);
    put(&b, VOCAB_IM_END, 4);
    put_key(&b, "tokenizer.ggml.add_bos_token", 7);
    put(&b, add_bos, 1);
    if (chat_template) {
        put_key(&b, "tokenizer.chat_template", 8);
        put_str(&b, chat_template);
    }
    assert_false(b.failed);
    write_file(path, b.data, b.len);
    loam_buf_deinit(&b);
}
