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
/* A weight of the device, [n, k], or [k] when n is 1 and `vector`. name is copied. */
int loam_graph_weight(loam_graph *g, const char *name, loam_weight *w, loam_dtype t, int64_t n, int64_t k, bool vector);
int loam_graph_kv(loam_graph *g, const char *name, loam_kv *kv, int n_kv_heads, int head_dim);

/* See device/op.h for shapes. Optional inputs: -1. */
int loam_graph_embed(loam_graph *g, int tokens, int table);
int loam_graph_rms_norm(loam_graph *g, int x, int w, float eps);
int loam_graph_matmul(loam_graph *g, int x, int w, int bias);
int loam_graph_add(loam_graph *g, int a, int b);
int loam_graph_swiglu(loam_graph *g, int gate, int up);
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
