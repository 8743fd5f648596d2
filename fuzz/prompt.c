/* Prompts and CLIP's files from a stranger. Bytes that begin with "{" are a tokenizer.json, or a vocab.json with a
 * merges.txt after the first NUL; all others are a prompt: whatever it is, its chunks are whole and its weights, but
 * for overflow, numbers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(loam_clip_bpe *t)
{
    static const char text[] = "a photo, it's <|endoftext|> zoo\xFF \xE4\xB8\xAD";
    loam_err err = LOAM_ERR_INIT;
    int32_t ids[20];
    if (t && loam_clip_bpe_fill(t, text, sizeof text - 1, 0, ids, 20, NULL, &err) == LOAM_OK)
        for (int i = 0; i < 20; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= loam_clip_bpe_n_vocab(t))
                abort();
    loam_clip_bpe_free(t);
}

static void read_vocabulary(const char *s, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_clip_bpe *t;
    const char *nul = memchr(s, 0, size);
    size_t n = nul ? (size_t)(nul - s) : size;
    if (loam_clip_bpe_parse_json(s, n, &t, &err) != LOAM_OK && (t || !err.msg[0]))
        abort();
    use(t);
    if (loam_clip_bpe_parse(s, n, nul ? nul + 1 : "", nul ? size - n - 1 : 0, &t, &err) != LOAM_OK && t)
        abort();
    use(t);
}

static void read_prompt(const loam_clip_bpe *t, const char *s, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_buf text;
    loam_prompt_loras loras = {0};
    loam_prompt_chunks c;
    loam_buf_init(&text, LOAM_PROMPT_MAX_TEXT);
    loam_status st = loam_prompt_extract(s, size, &text, &loras, &err);
    loam_prompt_loras_deinit(&loras);
    if (st == LOAM_OK && loam_prompt_encode(t, loam_buf_text(&text), text.len, &c, &err) == LOAM_OK) {
        if (c.n_chunks == 0 || c.n_tokens > c.n_chunks * LOAM_PROMPT_CHUNK_TEXT)
            abort();
        for (size_t i = 0; i < c.n_chunks * LOAM_PROMPT_CHUNK; i++)
            if (c.ids[i] < 0 || (size_t)c.ids[i] >= loam_clip_bpe_n_vocab(t) ||
                (i % LOAM_PROMPT_CHUNK == 0 && (c.ids[i] != c.bos || c.weights[i] != 1)))
                abort();
        if (loam_prompt_extend(&c, c.n_chunks + 1, &err) == LOAM_OK)
            loam_prompt_pad(&c, 0, c.ids);
        loam_prompt_chunks_deinit(&c);
    } else if (!err.msg[0]) {
        abort();
    }
    loam_buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static loam_clip_bpe *t;
    loam_err err = LOAM_ERR_INIT;
    if (!t && loam_clip_bpe_new(&t, &err) != LOAM_OK)
        abort();
    if (size && data[0] == '{')
        read_vocabulary((const char *)data, size);
    else
        read_prompt(t, (const char *)data, size);
    return 0;
}
