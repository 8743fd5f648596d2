/* A static graph of coarse operations: built once per model by its builder, checked, fused, given a memory plan, and
 * run many times. Builders return tensor ids; the first mistake is remembered with a sentence, later calls return -1,
 * and loam_graph_plan reports it, so that a builder reads as the model does. */
#ifndef LOAM_GRAPH_GRAPH_H
#define LOAM_GRAPH_GRAPH_H

#include "base/status.h"
#include "device/device.h"

typedef struct loam_graph loam_graph;

/* NULL when out of memory. Owned by the caller. */
loam_graph *loam_graph_new(void);
void loam_graph_free(loam_graph *g);

int loam_graph_tokens(loam_graph *g);    /* [T] i32 */
int loam_graph_positions(loam_graph *g); /* [T] i32 */
/* The same for a graph whose every step has n tokens. */
int loam_graph_fixed_tokens(loam_graph *g, int64_t n);
int loam_graph_fixed_positions(loam_graph *g, int64_t n);
/* Activations that the caller writes before a run: [rows, columns] f32, rows > 0. */
int loam_graph_input(loam_graph *g, const char *name, int64_t rows, int64_t columns);
/* A weight of the device, [n, k], or [k] when n is 1 and `vector`. name is copied. */
int loam_graph_weight(loam_graph *g, const char *name, loam_weight *w, loam_dtype t, int64_t n, int64_t k, bool vector);
int loam_graph_kv(loam_graph *g, const char *name, loam_kv *kv, int n_kv_heads, int head_dim);

/* See device/op.h for shapes. Optional inputs: -1. */
int loam_graph_embed(loam_graph *g, int tokens, int table);
int loam_graph_rms_norm(loam_graph *g, int x, int w, float eps);
int loam_graph_matmul(loam_graph *g, int x, int w, int bias);
int loam_graph_add(loam_graph *g, int a, int b);
int loam_graph_gate(loam_graph *g, loam_unary f, int gate, int up); /* f(gate)·up */
int loam_graph_gather(loam_graph *g, int x);

typedef struct loam_rope_params {
    float base, scale; /* angle = position · scale / base^(2i/n_rot) */
    int n_rot;
    bool neox;
    float ext_factor, attn_factor, beta_fast, beta_slow; /* YaRN; ext_factor 0: none */
    int n_ctx_orig;
} loam_rope_params;
int loam_graph_rope_table(loam_graph *g, int positions, int factors, const loam_rope_params *p);
int loam_graph_rope(loam_graph *g, int x, int table, int n_heads, int head_dim, int n_rot, bool neox);
void loam_graph_kv_write(loam_graph *g, int k, int v, int kv);
int loam_graph_attention(loam_graph *g, int q, int kv, int n_heads, float scale, int window);

/* Pictures and clips: tensors with a fixed number of rows. A spread tensor's rows divide those of its partner. */
int loam_graph_conv(loam_graph *g, int x, int w, int bias, int spread, const loam_conv *c);
/* f(group norm) of n pictures. */
int loam_graph_group_norm(loam_graph *g, int x, int gamma, int beta, int64_t n, int groups, float eps, loam_unary f);
/* gamma and beta weights [C], or -1; or spread tensors scale and shift, or -1. */
int loam_graph_layer_norm(loam_graph *g, int x, int gamma, int beta, int scale, int shift, float eps);
int loam_graph_unary(loam_graph *g, loam_unary f, int x);
int loam_graph_add_spread(loam_graph *g, int x, int spread);
int loam_graph_mul_add(loam_graph *g, int x, int y, int spread); /* x + y·spread */
int loam_graph_concat(loam_graph *g, int a, int b);              /* columns of a, then of b */
int loam_graph_stack(loam_graph *g, int a, int b);               /* rows of a, then of b */
int loam_graph_slice(loam_graph *g, int x, int64_t row0, int64_t n_rows, int64_t col0, int64_t n_cols);
/* n pictures of h × w doubled to oh × ow (2h or 2h - 1, and so on); loam_conv.up does it without a copy when whole. */
int loam_graph_upsample(loam_graph *g, int x, int64_t n, int64_t h, int64_t w, int64_t oh, int64_t ow);
int loam_graph_swap_rows(loam_graph *g, int x, int64_t n, int64_t a, int64_t b); /* [n·a·b, C] -> [n·b·a, C] */
/* n sequences: q [n·n_q, ..], k and v [n·n_k, ..]; bias [n_heads·n_q, n_k] or -1, the same for all sequences. */
int loam_graph_attend(loam_graph *g, int q, int k, int v, int bias, int64_t n, int n_heads, float scale, bool causal);
/* The same, neither biased nor causal, in bf16 with f32 sums; for devices that can (loam_device_api.fast_half). */
int loam_graph_attend_half(loam_graph *g, int q, int k, int v, int64_t n, int n_heads, float scale);
int64_t loam_graph_rows(const loam_graph *g, int x);
int64_t loam_graph_columns(const loam_graph *g, int x);

/* Marks a tensor as a result that stays readable after a step. */
void loam_graph_output(loam_graph *g, int x);

/* Checks, fuses, orders into stages, plans the memory for steps of up to max_tokens tokens and max_outputs outputs, and
 * compiles for the device. Owned by the caller (api->program_free); the graph must outlive the program. */
LOAM_CHECK_RESULT loam_status loam_graph_plan(loam_graph *g, const loam_device_api *api, loam_device *d,
                                              int64_t max_tokens, int64_t max_outputs, loam_program **out,
                                              loam_err *err);
/* The plan after loam_graph_plan (tests, inspection). */
const loam_plan *loam_graph_get_plan(const loam_graph *g);

#endif
