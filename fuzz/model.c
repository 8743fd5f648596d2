/* A model file from a stranger: it opens or is refused in a sentence, and what opens runs. Whatever the numbers come
 * out as, they are the same whether the tokens came in one step or in two. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 6 };

static void run(loam_model *m)
{
    loam_err err = LOAM_ERR_INIT;
    size_t n_vocab = (size_t)loam_model_get_info(m)->n_vocab;
    int32_t tokens[N];
    for (int i = 0; i < N; i++)
        tokens[i] = (int32_t)((size_t)i * 5 % n_vocab);
    const float *logits;
    loam_model_span all = {.n_tokens = N, .tokens = tokens, .want_logits = true};
    if (loam_model_step(m, &all, 1, &logits, &err) != LOAM_OK)
        abort();
    float *want = malloc(n_vocab * sizeof *want);
    if (!want)
        return;
    memcpy(want, logits, n_vocab * sizeof *want);
    loam_model_span last = {.pos = N - 1, .n_tokens = 1, .tokens = tokens + N - 1, .want_logits = true};
    if (loam_model_step(m, &last, 1, &logits, &err) != LOAM_OK)
        abort();
    bool finite = true; /* where a value overflowed, masked positions may turn others into NaN */
    for (size_t i = 0; i < n_vocab; i++)
        finite = finite && want[i] - want[i] == 0 && logits[i] - logits[i] == 0;
    if (finite && memcmp(want, logits, n_vocab * sizeof *want) != 0)
        abort();
    free(want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("model", MFD_CLOEXEC);
    char path[64];
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    loam_err err = LOAM_ERR_INIT;
    loam_model *m = NULL;
    loam_model_options o = {.n_threads = 1, .n_seqs = 1, .n_ctx = 64, .n_batch = 8};
    if (loam_model_open(path, &o, &m, &err) == LOAM_OK)
        run(m);
    else if (m || !err.msg[0] || err.code == LOAM_OK)
        abort(); /* a failure must say something and hand out nothing */
    loam_model_close(m);
    close(fd);
    return 0;
}
