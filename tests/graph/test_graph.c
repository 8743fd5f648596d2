/* The planner: what it refuses, what it fuses and converts, and that nothing alive shares its memory. Small graphs run
 * on the CPU device and are compared with plain loops; the memory plans are those of the tiny models. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/model_int.h"

enum { VOCAB = 7, C = 64, FF = 96, T = 5 };

/* A graph on the CPU with the weights that it uses. */
typedef struct bench {
    const loam_device_api *api;
    loam_device *d;
    loam_graph *g;
    loam_program *p;
    loam_weight *weights[16];
    void *bytes[16];
    float *values[16]; /* the same weights as f32 */
    int n;
} bench;

static bench bench_new(void)
{
    bench b = {.api = &loam_device_cpu, .g = loam_graph_new()};
    assert_int_equal(b.api->open(2, &b.d, NULL), LOAM_OK);
    return b;
}

static void bench_free(bench *b)
{
    b->api->program_free(b->p);
    for (int i = 0; i < b->n; i++) {
        b->api->weight_free(b->d, b->weights[i]);
        free(b->bytes[i]);
        free(b->values[i]);
    }
    b->api->close(b->d);
    loam_graph_free(b->g);
}

/* A weight of small integers over 16, which F32, F16, BF16 and Q8_0 (scale 1/16) all hold exactly. */
static int weight(bench *b, loam_dtype t, int64_t n, int64_t k, bool vector, bool rows)
{
    size_t row_bytes = loam_dtype_row_bytes(t, k);
    uint8_t *bytes = calloc((size_t)n, row_bytes);
    float *values = calloc((size_t)(n * k), sizeof *values);
    for (int64_t i = 0; i < n * k; i++) {
        int q = (int)((i * 7919 + i / k * 31 + b->n * 17) % 31) - 15;
        values[i] = (float)q / 16;
        uint8_t *row = bytes + (size_t)(i / k) * row_bytes;
        int64_t j = i % k;
        uint16_t half = loam_f32_to_f16(t == LOAM_DTYPE_Q8_0 ? 1.0f / 16 : values[i]), bf = loam_f32_to_bf16(values[i]);
        if (t == LOAM_DTYPE_F32)
            memcpy(row + j * 4, &values[i], 4);
        else if (t == LOAM_DTYPE_F16)
            memcpy(row + j * 2, &half, 2);
        else if (t == LOAM_DTYPE_BF16)
            memcpy(row + j * 2, &bf, 2);
        else {
            memcpy(row + j / 32 * 34, &half, 2);
            row[j / 32 * 34 + 2 + j % 32] = (uint8_t)(int8_t)q;
        }
    }
    assert_int_equal(b->api->weight_new(b->d, t, n, k, bytes, !vector && !rows, rows, &b->weights[b->n], NULL),
                     LOAM_OK);
    b->bytes[b->n] = bytes;
    b->values[b->n] = values;
    char name[32];
    snprintf(name, sizeof name, "w%d", b->n);
    return loam_graph_weight(b->g, name, b->weights[b->n++], t, n, k, vector);
}

static const int32_t tokens[T] = {3, 0, 6, 3, 1}, positions[T] = {0, 1, 2, 3, 4}, all_rows[T] = {0, 1, 2, 3, 4};

static void run(bench *b)
{
    loam_err err = LOAM_ERR_INIT;
    if (loam_graph_plan(b->g, b->api, b->d, T, T, &b->p, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    loam_step_span span = {.n_rows = T};
    loam_step s = {T, T, tokens, positions, all_rows, &span, 1};
    assert_int_equal(b->api->program_run(b->p, &s, &err), LOAM_OK);
}

static int count(const bench *b, loam_op_kind k)
{
    const loam_plan *p = loam_graph_get_plan(b->g);
    int n = 0;
    for (int i = 0; i < p->n_ops; i++)
        n += p->ops[i].kind == k;
    return n;
}

/* y [T, n] = x [T, k] · Wᵀ in double. */
static void product(const double *x, int64_t k, const float *w, int64_t n, double *y)
{
    for (int t = 0; t < T; t++)
        for (int64_t i = 0; i < n; i++) {
            y[t * n + i] = 0;
            for (int64_t j = 0; j < k; j++)
                y[t * n + i] += x[t * k + j] * (double)w[i * k + j];
        }
}

static void embedding(const bench *b, int w, double *x)
{
    for (int t = 0; t < T; t++)
        for (int j = 0; j < C; j++)
            x[t * C + j] = (double)b->values[w][tokens[t] * C + j];
}

/* Activations in 8 bits carry 1/254 of their block's largest value as rounding, which sums of 64 keep below 2%. */
static void assert_close(const float *got, const double *want, int n)
{
    double worst = 0, largest = 0;
    for (int i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)got[i] - want[i]));
        largest = fmax(largest, fabs(want[i]));
        assert_true(isfinite(got[i]));
    }
    if (!(worst < 0.02 * largest))
        fail_msg("differs by %g where the largest is %g", worst, largest);
}

/* x + x·Wᵀ and (x·Wᵀ)·Vᵀ + that: sums become part of the product, also where the residual is the factor too. */
static void residual(void **state)
{
    (void)state;
    bench b = bench_new();
    int table = weight(&b, LOAM_DTYPE_F32, VOCAB, C, false, true), w = weight(&b, LOAM_DTYPE_F32, C, C, false, false),
        v = weight(&b, LOAM_DTYPE_Q8_0, C, C, false, false);
    int x = loam_graph_embed(b.g, loam_graph_tokens(b.g), table);
    int y = loam_graph_add(b.g, x, loam_graph_matmul(b.g, x, w, -1));
    int z = loam_graph_add(b.g, loam_graph_matmul(b.g, y, v, -1), y);
    loam_graph_output(b.g, z);
    run(&b);
    assert_int_equal(count(&b, LOAM_OP_ADD), 0);
    assert_int_equal(count(&b, LOAM_OP_MATMUL), 2);
    double in[T * C], first[T * C], second[T * C];
    embedding(&b, 0, in);
    product(in, C, b.values[1], C, first);
    for (int i = 0; i < T * C; i++)
        first[i] += in[i];
    product(first, C, b.values[2], C, second);
    for (int i = 0; i < T * C; i++)
        second[i] += first[i];
    assert_close(b.api->program_output(b.p, z), second, T * C);
    bench_free(&b);
}

/* Results that stay readable keep their values when a later product adds to them. */
static void kept(void **state)
{
    (void)state;
    bench b = bench_new();
    int table = weight(&b, LOAM_DTYPE_F32, VOCAB, C, false, true), w = weight(&b, LOAM_DTYPE_F32, C, C, false, false),
        scale = weight(&b, LOAM_DTYPE_F32, 1, C, true, false);
    int x = loam_graph_embed(b.g, loam_graph_tokens(b.g), table);
    int y = loam_graph_add(b.g, x, loam_graph_matmul(b.g, loam_graph_rms_norm(b.g, x, scale, 1e-5f), w, -1));
    loam_graph_output(b.g, x);
    loam_graph_output(b.g, y);
    run(&b);
    double in[T * C];
    embedding(&b, 0, in);
    const float *got = b.api->program_output(b.p, x);
    for (int i = 0; i < T * C; i++)
        assert_true((double)got[i] == in[i]);
    bench_free(&b);
}

/* silu(x·Gᵀ)·(x·Uᵀ)·Dᵀ with each pair of types: one GATED where both read x in the same layout, never a wrong one. */
static void gated(void **state)
{
    (void)state;
    static const loam_dtype types[] = {LOAM_DTYPE_F32, LOAM_DTYPE_F16, LOAM_DTYPE_BF16, LOAM_DTYPE_Q8_0};
    for (int gt = 0; gt < 4; gt++)
        for (int ut = 0; ut < 4; ut++) {
            bench b = bench_new();
            int table = weight(&b, LOAM_DTYPE_F32, VOCAB, C, false, true),
                gate = weight(&b, types[gt], FF, C, false, false), up = weight(&b, types[ut], FF, C, false, false),
                down = weight(&b, LOAM_DTYPE_Q8_0, C, FF, false, false);
            int x = loam_graph_embed(b.g, loam_graph_tokens(b.g), table);
            int h = loam_graph_gate(b.g, LOAM_UNARY_SILU, loam_graph_matmul(b.g, x, gate, -1),
                                    loam_graph_matmul(b.g, x, up, -1));
            int y = loam_graph_matmul(b.g, h, down, -1);
            loam_graph_output(b.g, y);
            run(&b);
            if (gt == ut) {
                assert_int_equal(count(&b, LOAM_OP_GATED), 1);
                assert_int_equal(count(&b, LOAM_OP_MATMUL), 1);
            }
            if (types[gt] == LOAM_DTYPE_Q8_0 && types[ut] == LOAM_DTYPE_F32)
                assert_int_equal(count(&b, LOAM_OP_GATE), 1);
            assert_int_equal(count(&b, LOAM_OP_GATED) + count(&b, LOAM_OP_GATE), 1);
            double in[T * C], a[T * FF], u[T * FF], want[T * C];
            embedding(&b, 0, in);
            product(in, C, b.values[1], FF, a);
            product(in, C, b.values[2], FF, u);
            for (int i = 0; i < T * FF; i++)
                a[i] = a[i] / (1 + exp(-a[i])) * u[i];
            product(a, FF, b.values[3], C, want);
            assert_close(b.api->program_output(b.p, y), want, T * C);
            bench_free(&b);
        }
}

/* A tensor whose readers disagree stays f32; those who want 8 bits share one CONVERT. */
static void convert(void **state)
{
    (void)state;
    bench b = bench_new();
    int table = weight(&b, LOAM_DTYPE_Q8_0, VOCAB, C, false, true), w = weight(&b, LOAM_DTYPE_Q8_0, C, C, false, false),
        v = weight(&b, LOAM_DTYPE_F32, C, C, false, false), u = weight(&b, LOAM_DTYPE_Q8_0, C, C, false, false);
    int x = loam_graph_embed(b.g, loam_graph_tokens(b.g), table);
    int y[3] = {loam_graph_matmul(b.g, x, w, -1), loam_graph_matmul(b.g, x, v, -1), loam_graph_matmul(b.g, x, u, -1)};
    for (int i = 0; i < 3; i++)
        loam_graph_output(b.g, y[i]);
    run(&b);
    assert_int_equal(count(&b, LOAM_OP_CONVERT), 1);
    double in[T * C], want[T * C];
    embedding(&b, 0, in);
    for (int i = 0; i < 3; i++) {
        product(in, C, b.values[i + 1], C, want);
        assert_close(b.api->program_output(b.p, y[i]), want, T * C);
    }
    bench_free(&b);
}

/* Each graph has one mistake; the sentence names the weight or says which numbers do not fit. */
enum { BAD_PRODUCT, BAD_BIAS, BAD_NORM, BAD_ADD, BAD_HEADS, BAD_ROPE, BAD_FACTORS, N_BAD };
static const char *const said[N_BAD] = {
    [BAD_PRODUCT] = "weight 'some.weight' is [8, 48]; its input has 64 columns",
    [BAD_BIAS] = "bias 'some.weight' has 9 elements where 8 are needed",
    [BAD_NORM] = "norm weight 'some.weight' has 48 elements, which do not divide the 64 columns",
    [BAD_ADD] = "ADD of [.., 8] and [.., 64]: the shapes differ",
    [BAD_HEADS] = "4 attention heads cannot share 3 key/value heads",
    [BAD_ROPE] = "rotary embedding of 15 dimensions",
    [BAD_FACTORS] = "rotary factors 'some.weight' has 9 elements where 8 are needed",
};

static void refused(void **state)
{
    (void)state;
    for (int bad = 0; bad < N_BAD; bad++) {
        loam_graph *g = loam_graph_new();
        const char *name = "some.weight";
        int table = loam_graph_weight(g, "table", NULL, LOAM_DTYPE_F32, VOCAB, C, false);
        int x = loam_graph_embed(g, loam_graph_tokens(g), table);
        int w = loam_graph_weight(g, "w", NULL, LOAM_DTYPE_F32, 8, C, false), y = x;
        loam_rope_params rope = {.base = 10000, .scale = 1, .n_rot = 16};
        switch (bad) {
        case BAD_PRODUCT:
            y = loam_graph_matmul(g, x, loam_graph_weight(g, name, NULL, LOAM_DTYPE_F32, 8, 48, false), -1);
            break;
        case BAD_BIAS:
            y = loam_graph_matmul(g, x, w, loam_graph_weight(g, name, NULL, LOAM_DTYPE_F32, 1, 9, true));
            break;
        case BAD_NORM:
            y = loam_graph_rms_norm(g, x, loam_graph_weight(g, name, NULL, LOAM_DTYPE_F32, 1, 48, true), 0);
            break;
        case BAD_ADD:
            y = loam_graph_add(g, loam_graph_matmul(g, x, w, -1), x);
            break;
        case BAD_HEADS:
            y = loam_graph_attention(g, x, loam_graph_kv(g, "kv", NULL, 3, 16), 4, 1, 0);
            break;
        case BAD_ROPE:
            rope.n_rot = 15;
            y = loam_graph_rope_table(g, loam_graph_positions(g), -1, &rope);
            break;
        case BAD_FACTORS:
            y = loam_graph_rope_table(g, loam_graph_positions(g),
                                      loam_graph_weight(g, name, NULL, LOAM_DTYPE_F32, 1, 9, true), &rope);
            break;
        }
        assert_int_equal(y, -1);
        loam_graph_output(g, loam_graph_add(g, y, x)); /* a builder goes on */
        loam_err err = LOAM_ERR_INIT;
        loam_program *p = NULL;
        assert_int_equal(loam_graph_plan(g, &loam_device_cpu, NULL, 1, 1, &p, &err), LOAM_STATUS_INVALID);
        if (!strstr(err.msg, said[bad]))
            fail_msg("'%s' does not say '%s'", err.msg, said[bad]);
        assert_null(p);
        loam_graph_free(g);
    }
}

/* First and last stage in which tensor t is written or read; false when it has no place in the arena. */
static bool life_of(const loam_plan *p, int t, int *birth, int *death)
{
    if (p->tensors[t].kind != LOAM_TENSOR_TEMP && p->tensors[t].kind != LOAM_TENSOR_OUTPUT)
        return false;
    *birth = -1;
    for (int i = 0; i < p->n_ops; i++) {
        if (p->ops[i].out == t)
            *birth = *death = p->ops[i].stage;
        for (int j = 0; j < LOAM_OP_MAX_IN; j++)
            if (p->ops[i].in[j] == t)
                *death = p->ops[i].stage;
    }
    if (p->tensors[t].kind == LOAM_TENSOR_OUTPUT)
        *death = INT32_MAX;
    return *birth >= 0;
}

static void check_memory(const loam_plan *p)
{
    int pairs = 0;
    for (int a = 0; a < p->n_tensors; a++)
        for (int b = 0; b < p->n_tensors; b++) {
            int a0 = 0, a1 = 0, b0 = 0, b1 = 0;
            if (a == b || !life_of(p, a, &a0, &a1) || !life_of(p, b, &b0, &b1))
                continue;
            const loam_tensor *x = &p->tensors[a], *y = &p->tensors[b];
            size_t x_end = x->offset + x->row_bytes * (size_t)p->max_tokens,
                   y_end = y->offset + y->row_bytes * (size_t)p->max_tokens;
            assert_true(x_end <= p->arena_bytes);
            if (a1 < b0 || b1 < a0)
                continue;
            if (x->storage == y->storage) { /* overwritten in place: one dies where the other is born */
                assert_true(a1 == b0 || b1 == a0);
                assert_true(x->kind == LOAM_TENSOR_TEMP && y->kind == LOAM_TENSOR_TEMP);
                continue;
            }
            if (x->offset < y_end && y->offset < x_end)
                fail_msg("tensors %d and %d share memory in stages %d-%d and %d-%d", a, b, a0, a1, b0, b1);
            pairs++;
        }
    assert_true(pairs > 10);
    for (int i = 0; i < p->n_ops; i++) /* who reads comes in a later stage than who wrote */
        for (int j = 0; j < LOAM_OP_MAX_IN; j++)
            for (int w = 0; p->ops[i].in[j] >= 0 && w < p->n_ops; w++)
                if (p->ops[w].out == p->ops[i].in[j])
                    assert_true(p->ops[w].stage < p->ops[i].stage);
}

static void memory(void **state)
{
    (void)state;
    static const char *const files[] = {
        "golden/tiny/llama",          "golden/tiny/llama-tied",      "golden/tiny/llama-rope3",
        "golden/tiny/mistral",        "golden/tiny/qwen2",           "golden/tiny/qwen3",
        "../fuzz/corpus/model/mixed", "../fuzz/corpus/model/mixed2", "../fuzz/corpus/model/odd"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int keep = 0; keep < 2; keep++) {
            char path[512];
            snprintf(path, sizeof path, "%s/tests/%s.gguf", LOAM_SOURCE_ROOT, files[i]);
            loam_model_options o = {.n_threads = 1, .n_ctx = 64, .n_batch = 9, .keep_hidden = keep};
            loam_model *m = NULL;
            loam_err err = LOAM_ERR_INIT;
            if (loam_model_open(path, &o, &m, &err) != LOAM_OK)
                fail_msg("%s", err.msg);
            check_memory(loam_graph_get_plan(m->graph));
            loam_model_close(m);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residual), cmocka_unit_test(kept),    cmocka_unit_test(gated),
        cmocka_unit_test(convert),  cmocka_unit_test(refused), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
