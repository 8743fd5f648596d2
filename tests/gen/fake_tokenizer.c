#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

struct loam_tokenizer {
    char bytes[256];
};

/* Tokens from 258 on: whole and cut characters, and what stop strings are made of. */
static const char *const pieces[] = {"é",  "日本", "\xE6\x97", "\xA5", "STOP", "ST",
                                     "OP", "\n\n", "ab",       "aba",  "  ",   "🙂"};
enum { N_PIECES = sizeof pieces / sizeof pieces[0] };

loam_status loam_tokenizer_new(const loam_gguf *g, loam_tokenizer **out, loam_err *err)
{
    loam_tokenizer *t = malloc(sizeof *t);
    for (int i = 0; i < 256; i++)
        t->bytes[i] = i ? (char)i : '0'; /* so that texts end at their NUL */
    *out = t;
    return LOAM_OK;
}

void loam_tokenizer_free(loam_tokenizer *t)
{
    free(t);
}
bool loam_tokenizer_is_end(const loam_tokenizer *t, int32_t id)
{
    return id == FAKE_END;
}

const char *loam_tokenizer_piece(const loam_tokenizer *t, int32_t id, bool show_special, size_t *len)
{
    const char *s = "";
    *len = 0;
    if (id >= 0 && id < 256) {
        *len = 1;
        return t->bytes + id;
    }
    if (id == FAKE_END || id == FAKE_CONTROL)
        s = show_special ? "<|special|>" : "";
    else if (id > FAKE_CONTROL && id < FAKE_N_VOCAB)
        s = pieces[(id - FAKE_CONTROL - 1) % N_PIECES];
    *len = strlen(s);
    return s;
}
