/* Unigram vocabularies from a stranger: "{" begins a tokenizer.json, "&" a prompt to clean, all else is a SentencePiece
 * file. Whatever it says, it is refused or tokenizes, and every id is one of the vocabulary. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/unigram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tokenize(const loam_unigram *t, const char *s, size_t n)
{
    loam_err err = LOAM_ERR_INIT;
    int32_t *ids = NULL;
    size_t n_ids = 0;
    if (loam_unigram_encode(t, s, n, &ids, &n_ids, &err) == LOAM_OK)
        for (size_t i = 0; i < n_ids; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= loam_unigram_n_vocab(t))
                abort();
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] =
        "  a photo of  an astronaut <usr>\n\xEF\xBC\x91\xEF\xBC\x92 \xE4\xB8\xAD\xFF\xEF\xAC\x81 aaaa ";
    const char *s = (const char *)data;
    loam_err err = LOAM_ERR_INIT;
    loam_unigram *t;
    if (size && s[0] == '&') {
        loam_buf out;
        loam_buf_init(&out, 1 << 22);
        if (loam_unigram_clean(s, size, &out, &err) == LOAM_OK && out.len && out.data[0] == ' ')
            abort();
        loam_buf_deinit(&out);
        return 0;
    }
    loam_status st =
        size && s[0] == '{' ? loam_unigram_parse_json(s, size, &t, &err) : loam_unigram_parse_model(s, size, &t, &err);
    if (st != LOAM_OK && (t || !err.msg[0]))
        abort();
    if (!t)
        return 0;
    tokenize(t, text, sizeof text - 1);
    tokenize(t, s, size < 2048 ? size : 2048);
    loam_unigram_free(t);
    return 0;
}
