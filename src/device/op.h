/* What a device is asked to do: a list of coarse operations over tensors whose place in memory is already planned.
 * The graph makes this list (graph/graph.h); a device compiles it into a program and runs it many times. */
#ifndef LOAM_DEVICE_OP_H
#define LOAM_DEVICE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/dtype.h"
#include "kernel/ops.h"

enum {
    LOAM_MAX_DIMS = 6,
    LOAM_OP_MAX_IN = 6,
    LOAM_DIM_TOKENS = -1,  /* the first dimension: the tokens of this step */
    LOAM_DIM_OUTPUTS = -2, /* the first dimension: the tokens whose result is wanted */
};

/* Operations, with inputs in order. Shapes are in PyTorch's order; T is LOAM_DIM_TOKENS.
 *   EMBED       tokens [T] i32, table [V, C] weight -> [T, C]
 *   RMS_NORM    x [T, n·c], w [c] -> x's shape; each c elements are normalised alone (n > 1: per-head norm)
 *   MATMUL      x [T, K], w [N, K] weight, bias [N] or none, residual [T, N] or none -> [T, N]
 *   GATE        gate [T, N], up [T, N] -> f(gate)·up [T, N]
 *   GATED       x [T, K], gate weight [N, K], up weight [N, K], their biases [N] or none -> GATE of the two products
 *               (fused)
 *   ADD         a, b of one shape -> a + b
 *   ROPE_TABLE  positions [T] i32, factors [n_rot/2] or none -> [T, 2·n_rot]: cos, then sin with sign
 *   ROPE        x [T, n_heads·head_dim], table -> x rotated, in the same memory
 *   KV_WRITE    k [T, n_kv·head_dim], v likewise, cache state -> nothing; stores them at the tokens' positions
 *   ATTENTION   q [T, n_heads·head_dim], cache state -> [T, n_heads·head_dim]
 *   GATHER      x [T, C] -> [outputs, C]
 *   CONVERT     x [T, C] f32 -> the same in the layout of the output tensor (inserted by the planner)
 * Pictures and clips: tensors have a fixed number of rows R = n·f·h·w, channels last. A tensor of r rows that divide R
 * is spread: row i of R meets row i / (R/r) of it.
 *   CONV        x [R, C], w [N, kt·kh·kw·C] weight, bias [N] or none, residual [R', N] or none, spread [r, N] or none
 *               -> [R', N] (kernel/ops.h, loam_conv); all added
 *   GROUP_STATS x [R, C] -> [n·blocks, 4·groups]: per block of rows each group's mean and squared deviations, in f64
 *   GROUP_NORM  x [R, C], stats, gamma [C], beta [C] -> f(norm) (Wu & He 2018)
 *   LAYER_NORM  x, gamma [C] or none, beta [C] or none, spread scale or none, spread shift or none
 *               -> norm·gamma + beta, or norm·(1 + scale) + shift
 *   UNARY       x -> f(x)
 *   ADD_SPREAD  x [R, C], spread [r, C] -> x + it
 *   MUL_ADD     x [R, C], y [R, C], spread [r, C] -> x + y·it
 *   CONCAT      a [R, A], b [R, B] -> [R, A + B]
 *   STACK       a [R, C], b [R', C] -> [R + R', C]
 *   SLICE       x [R, C] -> rows and columns of it
 *   UPSAMPLE    x [n·h·w, C] -> [n·oh·ow, C], position (y, x) from (y/2, x/2); oh is 2h or 2h - 1, ow likewise (conv)
 *   SWAP_ROWS   x [n·a·b, C] -> [n·b·a, C] (frames and positions change places; n, n_q = a, n_k = b)
 *   ATTEND_PACK k [n·n_k, n_heads·head_dim], v likewise -> [n·n_heads, ..]: each head as the kernels want it
 *   ATTEND      q [n·n_q, n_heads·head_dim], packed, bias [n_heads·n_q, n_k] or none -> [n·n_q, n_heads·head_dim] */
/* clang-format off */
#define LOAM_OP_LIST(X) \
    X(EMBED) X(RMS_NORM) X(MATMUL) X(GATE) X(GATED) X(ADD) X(ROPE_TABLE) X(ROPE) X(KV_WRITE) X(ATTENTION) X(GATHER) \
    X(CONVERT) \
    X(CONV) X(GROUP_STATS) X(GROUP_NORM) X(LAYER_NORM) X(UNARY) X(ADD_SPREAD) X(MUL_ADD) X(CONCAT) X(STACK) X(SLICE) \
    X(UPSAMPLE) X(SWAP_ROWS) X(ATTEND_PACK) X(ATTEND)
/* clang-format on */

typedef enum loam_op_kind {
#define X(name) LOAM_OP_##name,
    LOAM_OP_LIST(X)
#undef X
        LOAM_OP_COUNT
} loam_op_kind;
const char *loam_op_name(loam_op_kind k);

typedef struct loam_weight loam_weight; /* of the device */
typedef struct loam_kv loam_kv;         /* KV cache of one layer, of the device */

typedef enum loam_tensor_kind {
    LOAM_TENSOR_INPUT,  /* tokens and positions: bound anew at each step; f32: written by the caller, kept till then */
    LOAM_TENSOR_WEIGHT, /* a device weight */
    LOAM_TENSOR_STATE,  /* a KV cache */
    LOAM_TENSOR_TEMP,   /* computed; lives in the program's arena */
    LOAM_TENSOR_OUTPUT, /* computed and kept until the next step */
} loam_tensor_kind;

typedef struct loam_tensor {
    const char *name; /* static or owned by the graph; for messages */
    loam_tensor_kind kind;
    loam_dtype dtype; /* F32 or I32 for all but weights */
    int n_dims;
    int64_t shape[LOAM_MAX_DIMS];
    loam_act layout;     /* how the rows of a TEMP are stored */
    loam_weight *weight; /* borrowed */
    loam_kv *kv;         /* borrowed */
    /* filled in by the planner */
    size_t offset, row_bytes; /* in the arena; rows of the first dimension */
    int storage;              /* tensor that owns the memory (itself, or what it overwrites) */
} loam_tensor;

typedef struct loam_op {
    loam_op_kind kind;
    int in[LOAM_OP_MAX_IN]; /* tensor ids; -1: none */
    int out;                /* -1: none */
    int stage;              /* operations of one stage are independent; a barrier stands between stages */
    float eps;              /* norms */
    loam_unary f;           /* GATE, GATED, GROUP_NORM, UNARY */
    bool by_position;       /* EMBED: looks up the positions of the step, not its tokens */
    loam_conv conv;         /* CONV */
    bool winograd;          /* CONV: the planner's choice */
    int groups;             /* GROUP_*: of channels */
    int64_t n;              /* GROUP_*, ATTEND*: pictures or sequences */
    int64_t block_rows;     /* GROUP_*: rows of a block, a picture has whole blocks but for its last */
    int64_t n_q, n_k;       /* ATTEND*: rows of a sequence */
    bool causal;            /* ATTEND: row i sees i and those before */
    bool half;              /* ATTEND*: in bf16 (kernels' attend_half) */
    int64_t row0, col0;     /* SLICE */
    int n_heads, n_kv_heads, head_dim, n_rot; /* ROPE, KV_WRITE, ATTENTION */
    bool neox;                                /* ROPE: pairs (i, i+n_rot/2), else (2i, 2i+1) */
    float scale;                              /* ATTENTION: of the scores */
    int window;                               /* ATTENTION: 0, or how many positions are seen */
    /* ROPE_TABLE: base frequency; position interpolation; YaRN (Peng et al. 2023) when ext_factor > 0 */
    float rope_base, rope_scale, rope_ext_factor, rope_attn_factor, rope_beta_fast, rope_beta_slow;
    int rope_n_ctx_orig;
} loam_op;

typedef struct loam_plan {
    const loam_tensor *tensors;
    const loam_op *ops;
    int n_tensors, n_ops;
    int64_t max_tokens; /* of a step */
    int64_t max_outputs;
    size_t arena_bytes;
} loam_plan;

/* Consecutive tokens of one sequence in a step. */
typedef struct loam_step_span {
    int seq, pos, first_row, n_rows;
} loam_step_span;

/* What changes from step to step. Borrowed for the run. */
typedef struct loam_step {
    int64_t n_tokens, n_outputs;
    const int32_t *tokens, *positions; /* [n_tokens] */
    const int32_t *output_rows;        /* [n_outputs] */
    const loam_step_span *spans;
    int n_spans;
} loam_step;

#endif
