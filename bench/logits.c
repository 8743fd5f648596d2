/* logits MODEL.gguf IDS OUT.f32 [CTX [BATCH]]: teacher-forced logits of the token ids in IDS (one a line), in windows
 * of CTX tokens that each start with an empty cache, as f32 rows for bench/quality.py; prints the perplexity. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"

static double log_prob(const float *logits, int n, int id)
{
    double top = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        top = (double)logits[i] > top ? (double)logits[i] : top;
    for (int i = 0; i < n; i++)
        sum += exp((double)logits[i] - top);
    return (double)logits[id] - top - log(sum);
}

int main(int argc, char **argv)
{
    enum { MAX = 1 << 20 };
    static int32_t ids[MAX];
    loam_err err = LOAM_ERR_INIT;
    loam_model *m = NULL;
    int n = 0, ctx = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 512,
        batch = argc > 5 ? (int)strtol(argv[5], NULL, 10) : 512;
    if (argc < 4 || ctx < 1 || batch < 1) {
        fprintf(stderr, "usage: logits MODEL.gguf IDS OUT.f32 [CTX [BATCH]]\n");
        return 2;
    }
    FILE *in = fopen(argv[2], "r"), *out = fopen(argv[3], "wb");
    char line[32];
    while (in && n < MAX && fgets(line, sizeof line, in))
        ids[n++] = (int32_t)strtol(line, NULL, 10);
    loam_model_options o = {.n_seqs = 1, .n_ctx = ctx, .n_batch = batch};
    if (!in || !out || n == 0 || loam_model_open(argv[1], &o, &m, &err) != LOAM_OK) {
        fprintf(stderr, "logits: %s\n", err.msg[0] ? err.msg : "cannot read the ids or write the result");
        return 1;
    }
    int n_vocab = loam_model_get_info(m)->n_vocab, scored = 0;
    double nll = 0;
    for (int window = 0; window < n; window += ctx)
        for (int at = 0; at < ctx && window + at < n; at += batch) {
            int left = ctx - at < n - window - at ? ctx - at : n - window - at, k = left < batch ? left : batch;
            const float *logits;
            loam_model_span span = {.pos = at, .n_tokens = k, .tokens = ids + window + at, .want_all_logits = true};
            if (loam_model_step(m, &span, 1, &logits, &err) != LOAM_OK) {
                fprintf(stderr, "logits: %s\n", err.msg);
                return 1;
            }
            if (fwrite(logits, sizeof *logits * (size_t)n_vocab, (size_t)k, out) != (size_t)k)
                return 1;
            for (int i = 0; i < k; i++)
                if (at + i + 1 < ctx && window + at + i + 1 < n) {
                    nll -= log_prob(logits + (size_t)i * (size_t)n_vocab, n_vocab, ids[window + at + i + 1]);
                    scored++;
                }
        }
    printf("%d tokens scored, perplexity %.4f\n", scored, exp(nll / scored));
    loam_model_close(m);
    fclose(in);
    return fclose(out) != 0;
}
