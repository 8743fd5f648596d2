/* The default model against llama.cpp on 4,096 tokens of a public-domain text, teacher-forced in windows of 512
 * (tests/golden/smollm2/llama.txt and the script that made it). Skipped without LOAM_TEST_MODEL. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/model.h"

enum { CTX = 512, MAX_TOKENS = 4096 };

typedef struct golden {
    int32_t id, top;
    double lead, log_prob;
} golden;

static int read_golden(golden *g)
{
    FILE *f = fopen(LOAM_SOURCE_ROOT "/tests/golden/smollm2/llama.txt", "r");
    char line[100];
    int n = 0;
    assert_non_null(f);
    for (; n < MAX_TOKENS && fgets(line, sizeof line, f); n++) {
        char *at = line;
        g[n].id = (int32_t)strtol(at, &at, 10);
        g[n].top = (int32_t)strtol(at, &at, 10);
        g[n].lead = strtod(at, &at);
        g[n].log_prob = strtod(at, &at);
    }
    fclose(f);
    return n;
}

static void as_llama_cpp(void **state)
{
    (void)state;
    const char *path = getenv("LOAM_TEST_MODEL");
    if (!path) {
        print_message("# SKIPPED: set LOAM_TEST_MODEL to SmolLM2-135M-Instruct.Q4_1.gguf\n");
        skip();
    }
    static golden g[MAX_TOKENS];
    static int32_t ids[MAX_TOKENS];
    int n = read_golden(g);
    assert_int_equal(n, MAX_TOKENS);
    for (int i = 0; i < n; i++)
        ids[i] = g[i].id;
    loam_err err = LOAM_ERR_INIT;
    loam_model *m = NULL;
    loam_model_options o = {.n_seqs = 1, .n_ctx = CTX, .n_batch = CTX};
    if (loam_model_open(path, &o, &m, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    int n_vocab = loam_model_get_info(m)->n_vocab, scored = 0;
    double ours = 0, theirs = 0;
    for (int w = 0; w < n; w += CTX) {
        const float *logits;
        loam_model_span span = {.n_tokens = CTX, .tokens = ids + w, .want_all_logits = true};
        assert_int_equal(loam_model_step(m, &span, 1, &logits, &err), LOAM_OK);
        for (int t = 0; t < CTX; t++) {
            const float *x = logits + (size_t)t * (size_t)n_vocab;
            int top = 0;
            for (int i = 1; i < n_vocab; i++)
                top = x[i] > x[top] ? i : top;
            /* 8-bit activations, here and there, leave a noise of about 0.1 nats: a lead of 0.5 is clear */
            if (g[w + t].lead > 0.5 && top != g[w + t].top)
                fail_msg("token %d: %d is most probable, llama.cpp says %d by %.2f nats", w + t, top, g[w + t].top,
                         g[w + t].lead);
            if (t == CTX - 1)
                continue;
            double sum = 0;
            for (int i = 0; i < n_vocab; i++)
                sum += (double)expf(x[i] - x[top]);
            ours += (double)x[ids[w + t + 1]] - (double)x[top] - log(sum);
            theirs += g[w + t].log_prob;
            scored++;
        }
    }
    double ratio = exp((theirs - ours) / scored);
    print_message("# perplexity %.4f, llama.cpp's %.4f\n", exp(-ours / scored), exp(-theirs / scored));
    if (!(ratio > 0.995 && ratio < 1.005))
        fail_msg("the perplexity is %.4f times llama.cpp's", ratio);
    loam_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_llama_cpp)};
    return cmocka_run_group_tests_name("the default model as llama.cpp", tests, NULL, NULL);
}
