/* Tiny random models against what transformers computed with them (tests/golden/make/tiny_models.py), layer by layer,
 * and the promise that a row's bits depend on nothing but the row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"

enum { N = 40 };
static const char *const names[] = {"llama", "llama-tied", "llama-rope3", "llama-linear", "mistral", "qwen2", "qwen3"};

static void path_of(const char *name, const char *end, char out[512])
{
    snprintf(out, 512, "%s/tests/golden/tiny/%s%s", LOAM_SOURCE_ROOT, name, end);
}

static loam_model *open_model(const char *name, int threads, int n_batch)
{
    char path[512];
    loam_err err = LOAM_ERR_INIT;
    loam_model *m = NULL;
    path_of(name, ".gguf", path);
    loam_model_options o = {.n_threads = threads, .n_seqs = 4, .n_ctx = 128, .n_batch = n_batch, .keep_hidden = true};
    if (loam_model_open(path, &o, &m, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return m;
}

static const float *golden(const loam_gguf *g, const char *name, int64_t cols)
{
    const loam_gguf_tensor *t = loam_gguf_find_tensor(g, name);
    assert_non_null(t);
    assert_int_equal(t->shape[0], N);
    assert_int_equal(t->shape[t->n_dims - 1], cols);
    return (const float *)(const void *)t->data;
}

/* Largest difference relative to the largest value. */
static double difference(const float *a, const float *b, int64_t n)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        worst = d > worst || isnan(d) ? d : worst;
        largest = fabs((double)b[i]) > largest ? fabs((double)b[i]) : largest;
    }
    return worst / largest;
}

/* The KV cache is f16, the reference's f32: its rounding (2^-11 of each key and value) bounds the agreement. A wrong
 * rotation, grouping or scale shifts logits by more than their own size. */
static const double tolerance = 3e-3;

static void each_layer(void **state)
{
    const char *name = *state;
    char path[512];
    loam_err err = LOAM_ERR_INIT;
    loam_gguf *g = NULL;
    path_of(name, ".golden.gguf", path);
    if (loam_gguf_open(path, &g, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    const int32_t *tokens = (const int32_t *)(const void *)loam_gguf_find_tensor(g, "tokens")->data;
    loam_model *m = open_model(name, 1, 64);
    const loam_model_info *info = loam_model_get_info(m);
    const float *logits;
    loam_model_span span = {.seq = 1, .n_tokens = N, .tokens = tokens, .want_all_logits = true};
    assert_int_equal(loam_model_step(m, &span, 1, &logits, &err), LOAM_OK);
    for (int l = 0; l < info->n_layers; l++) {
        char key[32];
        snprintf(key, sizeof key, "hidden.%d", l);
        double d = difference(loam_model_hidden(m, l), golden(g, key, info->n_embd), (int64_t)N * info->n_embd);
        if (!(d < tolerance))
            fail_msg("%s layer %d differs by %g of the largest value", name, l, d);
    }
    const float *want = golden(g, "logits", info->n_vocab);
    for (int t = 0; t < N; t++) {
        double d = difference(logits + (size_t)t * (size_t)info->n_vocab, want + (size_t)t * (size_t)info->n_vocab,
                              info->n_vocab);
        if (!(d < tolerance))
            fail_msg("%s logits of token %d differ by %g of the largest", name, t, d);
    }
    loam_model_close(m);
    loam_gguf_close(g);
}

/* Logits of all tokens, read in chunks of `chunk`, with `threads` threads, beside `others` other sequences. */
static float *run(const char *name, const int32_t *tokens, int threads, int chunk, int others)
{
    loam_model *m = open_model(name, threads, 256);
    size_t v = (size_t)loam_model_get_info(m)->n_vocab;
    float *all = malloc(N * v * sizeof *all);
    for (int at = 0; at < N; at += chunk) {
        loam_err err = LOAM_ERR_INIT;
        loam_model_span spans[4];
        const float *logits;
        int n = N - at < chunk ? N - at : chunk, k = 0;
        for (int i = 0; i < others; i++) /* other conversations, other lengths, before and after ours */
            if (i != 1)
                spans[k++] = (loam_model_span){
                    .seq = i == 0 ? 0 : i, .n_tokens = 3 + i, .tokens = tokens + i, .want_logits = i == 0};
        int before = others > 0;
        spans[k++] =
            (loam_model_span){.seq = 1, .pos = at, .n_tokens = n, .tokens = tokens + at, .want_all_logits = true};
        assert_int_equal(loam_model_step(m, spans, k, &logits, &err), LOAM_OK);
        for (int t = 0; t < n; t++)
            memcpy(all + (size_t)(at + t) * v, logits + (size_t)(before + t) * v, v * sizeof *all);
    }
    loam_model_close(m);
    return all;
}

static void same_bits(void **state)
{
    const char *name = *state;
    int32_t tokens[N];
    for (int i = 0; i < N; i++)
        tokens[i] = (i * 7919 + 13) % 280;
    float *want = run(name, tokens, 1, N, 0);
    static const int cases[][3] = {{2, N, 0}, {1, 1, 0}, {2, 1, 0}, {2, 7, 0}, {1, 16, 3}, {2, 13, 4}, {3, 5, 4}};
    char path[512];
    loam_gguf *g = NULL;
    path_of(name, ".gguf", path);
    assert_int_equal(loam_gguf_open(path, &g, NULL), LOAM_OK);
    size_t v = (size_t)loam_gguf_find_tensor(g, "token_embd.weight")->shape[0];
    loam_gguf_close(g);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        float *got = run(name, tokens, cases[c][0], cases[c][1], cases[c][2]);
        if (memcmp(got, want, N * v * sizeof *got) != 0)
            fail_msg("%s: other bits with %d threads, chunks of %d, %d other sequences", name, cases[c][0], cases[c][1],
                     cases[c][2]);
        free(got);
    }
    free(want);
}

static void going_back(void **state)
{
    (void)state;
    int32_t tokens[N];
    for (int i = 0; i < N; i++)
        tokens[i] = (i * 31 + 5) % 280;
    loam_err err = LOAM_ERR_INIT;
    loam_model *m = open_model("llama", 1, 64);
    size_t v = (size_t)loam_model_get_info(m)->n_vocab;
    const float *logits;
    loam_model_span all = {.n_tokens = N, .tokens = tokens, .want_logits = true};
    assert_int_equal(loam_model_step(m, &all, 1, &logits, &err), LOAM_OK);
    float *want = malloc(v * sizeof *want);
    memcpy(want, logits, v * sizeof *want);
    /* another ending, then back to the first one from position 20 */
    loam_model_span other = {.pos = 20, .n_tokens = 9, .tokens = tokens, .want_logits = true};
    assert_int_equal(loam_model_step(m, &other, 1, &logits, &err), LOAM_OK);
    assert_memory_not_equal(logits, want, v * sizeof *want);
    loam_model_copy_prefix(m, 0, 3, 20);
    for (int seq = 0; seq < 4; seq += 3) {
        loam_model_span back = {.seq = seq, .pos = 20, .n_tokens = N - 20, .tokens = tokens + 20, .want_logits = true};
        assert_int_equal(loam_model_step(m, &back, 1, &logits, &err), LOAM_OK);
        assert_memory_equal(logits, want, v * sizeof *want);
    }
    free(want);
    loam_model_close(m);
}

static void bad_steps(void **state)
{
    (void)state;
    loam_err err = LOAM_ERR_INIT;
    loam_model *m = open_model("llama", 1, 8);
    const int32_t good[16] = {1, 2, 3}, bad[] = {1, 288}, negative[] = {-1};
    const loam_model_span cases[] = {
        {.seq = 4, .n_tokens = 1, .tokens = good},
        {.seq = -1, .n_tokens = 1, .tokens = good},
        {.n_tokens = 0, .tokens = good},
        {.n_tokens = 9, .tokens = good},
        {.pos = 1, .n_tokens = 1, .tokens = good},
        {.pos = -1, .n_tokens = 1, .tokens = good},
        {.n_tokens = 2, .tokens = bad},
        {.n_tokens = 1, .tokens = negative},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err.msg[0] = 0;
        assert_int_equal(loam_model_step(m, &cases[i], 1, NULL, &err), LOAM_STATUS_INVALID);
        assert_true(err.msg[0] != 0);
    }
    loam_model_span twice[2] = {{.n_tokens = 1, .tokens = good}, {.n_tokens = 1, .tokens = good}};
    assert_int_equal(loam_model_step(m, twice, 2, NULL, &err), LOAM_STATUS_INVALID);
    loam_model_span fine = {.n_tokens = 3, .tokens = good, .want_logits = true};
    const float *logits;
    assert_int_equal(loam_model_step(m, &fine, 1, &logits, &err), LOAM_OK);
    loam_model_close(m);
}

/* Files that are no usable model: one sentence that names the trouble. */
static void refused(void **state)
{
    (void)state;
    loam_err err = LOAM_ERR_INIT;
    loam_model *m = NULL;
    loam_model_options o = {.n_seqs = 1};
    char path[512];
    path_of("llama", ".golden.gguf", path);
    assert_int_not_equal(loam_model_open(path, &o, &m, &err), LOAM_OK);
    assert_non_null(strstr(err.msg, "golden.gguf"));
    assert_int_equal(loam_model_open("/nonexistent/model.gguf", &o, &m, &err), LOAM_STATUS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "/nonexistent/model.gguf"));
    path_of("llama", ".gguf", path);
    o.n_ctx = -5;
    assert_int_equal(loam_model_open(path, &o, &m, &err), LOAM_STATUS_INVALID);
    assert_null(m);
}

int main(void)
{
    struct CMUnitTest tests[2 * 7 + 3];
    static char titles[2 * 7][64];
    int n = 0;
    for (int i = 0; i < 7; i++) {
        snprintf(titles[n], sizeof titles[n], "%s: hidden states and logits as in transformers", names[i]);
        tests[n] = (struct CMUnitTest){titles[n], each_layer, NULL, NULL, (void *)(uintptr_t)names[i]};
        n++;
        snprintf(titles[n], sizeof titles[n], "%s: the same bits with any threads, chunks and company", names[i]);
        tests[n] = (struct CMUnitTest){titles[n], same_bits, NULL, NULL, (void *)(uintptr_t)names[i]};
        n++;
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(going_back);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(bad_steps);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(refused);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
