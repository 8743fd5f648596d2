/* An engine without a model: it has the tokenizer of the file and remembers what was submitted. Linked before the real
 * one, so that tests of chats see exactly the tokens that a model would. */
#include "fake_engine.h"

#include <stdlib.h>
#include <string.h>

fake_prompt fake_submitted;

struct loam_engine {
    loam_gguf *gguf;
    loam_tokenizer *tokenizer;
};

loam_status loam_engine_open(const char *model_path, const loam_engine_options *options, loam_engine **out,
                             loam_err *err)
{
    loam_engine *e = calloc(1, sizeof *e);
    if (!e)
        LOAM_FAIL(err, NO_MEMORY, "no memory");
    loam_status s = loam_gguf_open(model_path, &e->gguf, err);
    if (s == LOAM_OK)
        s = loam_tokenizer_new(e->gguf, &e->tokenizer, err);
    if (s != LOAM_OK) {
        loam_engine_close(e);
        return s;
    }
    *out = e;
    return LOAM_OK;
}

void loam_engine_close(loam_engine *e)
{
    if (e->tokenizer)
        loam_tokenizer_free(e->tokenizer);
    if (e->gguf)
        loam_gguf_close(e->gguf);
    free(e);
}

const loam_tokenizer *loam_engine_tokenizer(const loam_engine *e)
{
    return e->tokenizer;
}
const loam_gguf *loam_engine_gguf(const loam_engine *e)
{
    return e->gguf;
}

loam_status loam_engine_submit(loam_engine *e, const loam_job_request *r, loam_job **out, loam_err *err)
{
    if (r->n_prompt > sizeof fake_submitted.ids / sizeof *fake_submitted.ids)
        LOAM_FAIL(err, INVALID, "too long for the test");
    fake_submitted.n = r->n_prompt;
    memcpy(fake_submitted.ids, r->prompt, r->n_prompt * sizeof *r->prompt);
    fake_submitted.max_tokens = r->max_tokens;
    *out = NULL;
    return LOAM_OK;
}
