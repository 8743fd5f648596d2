/* Activations with one scale for 256 values (LOAM_ACT_Q8K): who gets them, and that a gated result, whose super-blocks
 * are computed by several tasks, is the same however many rows and threads there are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

enum { VOCAB = 11, C = 32, C_SUPER = 256, FF = 2048, MAX_ROWS = 72, N_WEIGHTS = 5 };

/* Weights of any type; random bytes with scales that keep the values near 1. values: the same as f32. */
typedef struct weights {
    loam_dtype type;
    int64_t n, k;
    uint8_t *bytes;
    float *values;
} weights;

static uint32_t next_random(void)
{
    static uint64_t s = 1;
    s = s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(s >> 33);
}

static weights weights_new(loam_dtype t, int64_t n, int64_t k)
{
    size_t row = loam_dtype_row_bytes(t, k), block = loam_dtype_block_bytes(t);
    weights w = {t, n, k, calloc((size_t)n, row), calloc((size_t)(n * k), sizeof(float))};
    for (size_t i = 0; i < row * (size_t)n; i++)
        w.bytes[i] = (uint8_t)next_random();
    for (size_t b = 0; b < row * (size_t)n; b += block) {
        uint16_t small = loam_f32_to_f16(t == LOAM_DTYPE_Q8_0 ? 0.01f : 0.002f), min = loam_f32_to_f16(0.02f);
        if (t == LOAM_DTYPE_F32) {
            float f = (float)(next_random() % 200) / 100 - 1;
            memcpy(w.bytes + b, &f, 4);
        } else if (t == LOAM_DTYPE_Q6_K) {
            memcpy(w.bytes + b + 208, &small, 2);
        } else {
            memcpy(w.bytes + b, &small, 2);
            if (t == LOAM_DTYPE_Q4_K)
                memcpy(w.bytes + b + 2, &min, 2);
        }
    }
    for (int64_t i = 0; i < n; i++)
        loam_dequantize(t, w.bytes + (size_t)i * row, w.values + i * k, k);
    return w;
}

/* x -> silu(x·Gᵀ)·(x·Uᵀ) -> two products that read it, in 8 bits with one scale for 256 and for 32. */
typedef struct net {
    loam_device *d;
    loam_graph *g;
    loam_program *p;
    loam_weight *w[N_WEIGHTS];
    int out[2];
} net;
static const loam_device_api *const api = &loam_device_cpu;

static net net_new(const weights w[N_WEIGHTS], int n_threads)
{
    net m = {.g = loam_graph_new()};
    int id[N_WEIGHTS];
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(api->open(n_threads, &m.d, NULL), LOAM_OK);
    for (int i = 0; i < N_WEIGHTS; i++) {
        assert_int_equal(api->weight_new(m.d, w[i].type, w[i].n, w[i].k, w[i].bytes, i > 0, i == 0, &m.w[i], NULL),
                         LOAM_OK);
        id[i] = loam_graph_weight(m.g, "w", m.w[i], w[i].type, w[i].n, w[i].k, false);
    }
    int x = loam_graph_embed(m.g, loam_graph_tokens(m.g), id[0]);
    int h = loam_graph_gate(m.g, LOAM_UNARY_SILU, loam_graph_matmul(m.g, x, id[1], -1),
                            loam_graph_matmul(m.g, x, id[2], -1));
    for (int i = 0; i < 2; i++) {
        m.out[i] = loam_graph_matmul(m.g, h, id[3 + i], -1);
        loam_graph_output(m.g, m.out[i]);
    }
    if (loam_graph_plan(m.g, api, m.d, MAX_ROWS, MAX_ROWS, &m.p, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return m;
}

static void net_free(net *m)
{
    api->program_free(m->p);
    for (int i = 0; i < N_WEIGHTS; i++)
        api->weight_free(m->d, m->w[i]);
    api->close(m->d);
    loam_graph_free(m->g);
}

/* Tokens first, first + 1, ... */
static void net_run(net *m, int first, int n)
{
    int32_t tokens[MAX_ROWS], positions[MAX_ROWS];
    for (int i = 0; i < n; i++) {
        tokens[i] = (first + i) % VOCAB;
        positions[i] = i;
    }
    loam_step_span span = {.n_rows = n};
    loam_step s = {n, n, tokens, positions, positions, &span, 1};
    assert_int_equal(api->program_run(m->p, &s, NULL), LOAM_OK);
}

static void dot(const double *x, const weights *w, double *y)
{
    for (int64_t i = 0; i < w->n; i++) {
        y[i] = 0;
        for (int64_t j = 0; j < w->k; j++)
            y[i] += x[j] * (double)w->values[i * w->k + j];
    }
}

/* The answers for each token: what the formula says within the rounding of 8 bits, and the same bits in every step,
 * alone or among others, in steps of few and of many rows, by one thread or by many. */
static void gated_super_blocks(void **state)
{
    (void)state;
    weights w[N_WEIGHTS] = {weights_new(LOAM_DTYPE_F32, VOCAB, C), weights_new(LOAM_DTYPE_Q8_0, FF, C),
                            weights_new(LOAM_DTYPE_Q8_0, FF, C), weights_new(LOAM_DTYPE_Q6_K, 48, FF),
                            weights_new(LOAM_DTYPE_Q8_0, 32, FF)};
    static const int n_threads[] = {1, 3, 16}, rows[] = {1, 17, 16, 72, 2, 20, 64, 1, 65, 2};
    static float alone[VOCAB][2][48];
    for (size_t t = 0; t < sizeof n_threads / sizeof *n_threads; t++) {
        net m = net_new(w, n_threads[t]);
        if (t == 0)
            for (int v = 0; v < VOCAB; v++) {
                static double x[C], gate[FF], up[FF], want[48];
                net_run(&m, v, 1);
                for (int j = 0; j < C; j++)
                    x[j] = (double)w[0].values[v * C + j];
                dot(x, &w[1], gate);
                dot(x, &w[2], up);
                for (int j = 0; j < FF; j++)
                    gate[j] = gate[j] / (1 + exp(-gate[j])) * up[j];
                for (int o = 0; o < 2; o++) {
                    double size = 0;
                    dot(gate, &w[3 + o], want);
                    memcpy(alone[v][o], api->program_output(m.p, m.out[o]), (size_t)w[3 + o].n * sizeof(float));
                    for (int64_t j = 0; j < w[3 + o].n; j++)
                        size += want[j] * want[j] / (double)w[3 + o].n;
                    for (int64_t j = 0; j < w[3 + o].n; j++)
                        if (!(fabs((double)alone[v][o][j] - want[j]) < 0.06 * sqrt(size)))
                            fail_msg("token %d, product %d, column %d: %g, not %g", v, o, (int)j,
                                     (double)alone[v][o][j], want[j]);
                }
            }
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            net_run(&m, (int)r, rows[r]);
            for (int i = 0; i < rows[r]; i++)
                for (int o = 0; o < 2; o++)
                    if (memcmp(api->program_output(m.p, m.out[o]) + i * w[3 + o].n, alone[((int)r + i) % VOCAB][o],
                               (size_t)w[3 + o].n * sizeof(float)) != 0)
                        fail_msg("%d threads: row %d of %d has other bits than alone, product %d", n_threads[t], i,
                                 rows[r], o);
        }
        net_free(&m);
    }
    for (int i = 0; i < N_WEIGHTS; i++) {
        free(w[i].bytes);
        free(w[i].values);
    }
}

/* Readers that want a scale for 32 take one for 256 as well: no CONVERT between, and still one GATED. The embedding
 * writes f32 alone: one CONVERT stands behind it. */
static void layouts(void **state)
{
    (void)state;
    weights w[N_WEIGHTS] = {weights_new(LOAM_DTYPE_F32, VOCAB, C_SUPER), weights_new(LOAM_DTYPE_Q8_0, FF, C_SUPER),
                            weights_new(LOAM_DTYPE_Q4_K, FF, C_SUPER), weights_new(LOAM_DTYPE_Q8_0, 32, FF),
                            weights_new(LOAM_DTYPE_Q4_K, 32, FF)};
    net m = net_new(w, 1);
    const loam_plan *p = loam_graph_get_plan(m.g);
    int n_convert = 0, n_gated = 0;
    for (int i = 0; i < p->n_ops; i++) {
        const loam_op *o = &p->ops[i];
        n_convert += o->kind == LOAM_OP_CONVERT;
        n_gated += o->kind == LOAM_OP_GATED;
        if (o->kind == LOAM_OP_CONVERT || o->kind == LOAM_OP_GATED)
            assert_int_equal(p->tensors[o->out].layout, LOAM_ACT_Q8K);
    }
    assert_int_equal(n_convert, 1);
    assert_int_equal(n_gated, 1);
    net_free(&m);
    for (int i = 0; i < N_WEIGHTS; i++) {
        free(w[i].bytes);
        free(w[i].values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gated_super_blocks), cmocka_unit_test(layouts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
