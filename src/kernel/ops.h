/* The table of operations that every instruction set fills: ref/ (the specification, plain loops), avx2/, avx512/.
 * Kernels take pointers, strides, counts and ranges; they never allocate, lock, log or fail. Whoever calls them has
 * checked the shapes. Each output row (and column) is computed by the same sequence of float operations whatever the
 * other rows, the range or the batch are: results do not depend on how the work was cut. */
#ifndef LOAM_KERNEL_OPS_H
#define LOAM_KERNEL_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "kernel/dtype.h"
#include "kernel/pack.h"

/* Activations as the matmul of a weight type wants them. */
typedef enum loam_act {
    LOAM_ACT_F32,  /* [k] f32 */
    LOAM_ACT_BF16, /* [k padded to even] bf16 (AVX512_BF16 with BF16 weights) */
    LOAM_ACT_Q8,   /* [k/32] loam_act_block, with quantised weights */
    LOAM_ACT_Q8K,  /* the same with one scale for 256 activations, with weights in super-blocks; serves for Q8 too */
    LOAM_ACT_COUNT
} loam_act;

/* 32 activations in 8 bits: x ≈ scale·q, |q| ≤ 127. The sums pay for zero points and mins of the weights. In Q8K the
 * eight blocks of a super-block have the same scale, so that integer sums can run through all of them. */
typedef struct loam_act_block {
    int8_t q[32];
    float scale;
    float scaled_sum;    /* scale · Σq */
    int16_t sum[2];      /* Σq; in even blocks of Q8K also that of the next block, else 0 */
    int16_t half_sum[2]; /* Σ of q[0..15] and of q[16..31] */
} loam_act_block;
#define LOAM_ACT_TINY 1e-30f /* a block with no larger activation counts as zeros: 127/largest must stay finite */

enum {
    LOAM_MATMUL_MAX_GROUPS = 16,     /* column groups in one call */
    LOAM_MATMUL_SCRATCH = 96 * 1024, /* bytes that a call may use, 64-byte aligned */
    LOAM_ATTENTION_MAX_ROWS = 48,    /* query rows (tokens × heads of the group) in one call */
    LOAM_ATTENTION_BLOCK = 64,       /* positions between two rescalings; aligned to absolute positions */
    LOAM_MAX_HEAD_DIM = 512,
    LOAM_ATTENTION_SCRATCH = (LOAM_ATTENTION_MAX_ROWS * (LOAM_ATTENTION_BLOCK + LOAM_MAX_HEAD_DIM + 8) +
                              2 * LOAM_ATTENTION_BLOCK * LOAM_MAX_HEAD_DIM) *
                             4,
};

/* One KV head against the query heads that share it (grouped-query attention), for consecutive tokens of a sequence. */
typedef struct loam_attention_task {
    const float *q; /* token t, head h of the group at q + t·q_stride + h·head_dim */
    float *out;     /* laid out likewise with out_stride */
    int64_t q_stride, out_stride;
    const uint16_t *k;               /* f16 [positions/16][head_dim][16] */
    const uint16_t *v;               /* f16 [positions][v_stride], v_stride = head_dim rounded up to 16, padding zero */
    int n_tokens, n_heads, head_dim; /* n_tokens · n_heads ≤ LOAM_ATTENTION_MAX_ROWS */
    int pos;                         /* of the first token; token t sees positions 0..pos+t */
    int window;                      /* > 0: only the last `window` positions, itself included */
    float scale;                     /* of the scores, usually 1/√head_dim */
} loam_attention_task;

/* Functions of one element. */
typedef enum loam_unary {
    LOAM_UNARY_NONE,       /* x */
    LOAM_UNARY_SILU,       /* x / (1 + e^-x) */
    LOAM_UNARY_GELU,       /* x/2 · (1 + erf(x/√2)) */
    LOAM_UNARY_GELU_TANH,  /* x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))) */
    LOAM_UNARY_QUICK_GELU, /* x / (1 + e^(-1.702·x)), of CLIP */
    LOAM_UNARY_RELU,
    LOAM_UNARY_TANH,
    LOAM_UNARY_COUNT
} loam_unary;

/* A convolution over pictures or clips that lie as rows [n·f·h·w][c], channels last: output position (i, t, y, x) sums
 * over (dt, dy, dx, channel) W[cout][dt][dy][dx][c] · in[i][t·stride_t + dt - pad_t][y·stride + dy - pad_top]
 * [x·stride + dx - pad_left][c]; what lies outside is zero. With `up` the input is read as if every pixel stood 2 × 2
 * times (nearest neighbour): y and x above go over 2h × 2w positions. Weights are a matrix [cout, kt·kh·kw·c]. */
typedef struct loam_conv {
    int64_t n, f, h, w, c;        /* input */
    int64_t of, oh, ow;           /* output */
    int kt, kh, kw;               /* taps */
    int stride_t, stride;         /* along frames; along height and width */
    int pad_t, pad_top, pad_left; /* in front; what is behind follows from the output's size */
    bool up;
} loam_conv;
static inline int64_t loam_conv_rows(const loam_conv *c)
{
    return c->n * c->of * c->oh * c->ow;
}
/* Whether Winograd's F(4×4, 3×3) can compute it: over height and width; along time it is a plain sum, in which every
 * output frame must see one of the input. */
static inline bool loam_conv_is_winograd(const loam_conv *c)
{
    return c->kh == 3 && c->kw == 3 && c->stride == 1 && c->stride_t == 1 && c->pad_t >= 0 && c->pad_t < c->kt &&
           c->of <= c->f + c->pad_t && c->pad_top == 1 && c->pad_left == 1;
}
/* Output tiles of 4 × 4 positions; those at the right and lower edge may stand out. Tile t of a picture is at
 * (t / tiles_w, t % tiles_w); pictures follow one another. */
static inline int64_t loam_conv_tiles_w(const loam_conv *c)
{
    return (c->ow + 3) / 4;
}
static inline int64_t loam_conv_tiles(const loam_conv *c)
{
    return c->n * c->of * ((c->oh + 3) / 4) * loam_conv_tiles_w(c);
}
/* Whether it is the faster way, from timings: a tile costs 2.6 times less than its 16 positions, plus, for making the
 * weights' transforms, as much as six tiles. From 8 channels on; how many columns there are matters little. */
static inline bool loam_conv_prefers_winograd(const loam_conv *c)
{
    return loam_conv_is_winograd(c) && c->c >= 8 && loam_conv_rows(c) * 13 > (loam_conv_tiles(c) + 6) * 80;
}

/* One head of attention without a cache: n_q rows of q against all n_k positions. */
typedef struct loam_attend_task {
    const float *q; /* row i at q + i·q_stride */
    float *out;     /* row i at out + i·out_stride */
    int64_t q_stride, out_stride;
    const float *k, *v; /* as attend_pack of the same level made them */
    const float *bias;  /* NULL, or added to the scores: row i at bias + i·bias_stride, n_k columns */
    int64_t bias_stride, n_k;
    int n_q, head_dim; /* n_q ≤ LOAM_ATTEND_ROWS */
    int64_t causal;    /* ≥ 0: row i sees positions 0..causal+i only; -1: all */
    float scale;
} loam_attend_task;
enum {
    LOAM_ATTEND_ROWS = 96,              /* most query rows in one call */
    LOAM_ATTEND_SCRATCH = 512 * 1024,   /* bytes that attend may use, 64-byte aligned */
    LOAM_CONV_SCRATCH = 1664 * 1024,    /* bytes that conv, winograd and conv_half may use, 64-byte aligned */
    LOAM_CONV_HALF_PATCH = 1280 * 1024, /* of it: the input that a block of conv_half's outputs sees */
    LOAM_CONV_HALF_MAX_K = 1 << 18,
    /* A call is best when it has so many rows or tiles (the weights are widened or transformed once for all of them)
     * and column groups (the input is gathered or transformed once for all of them); it may have more or fewer. */
    LOAM_CONV_TASK_ROWS = 256,
    LOAM_CONV_TASK_GROUPS = 32,
    LOAM_WINOGRAD_TASK_TILES = 32,
};

/* Whether conv_half can compute it: whole tiles of channels, and the smallest block's input fits. */
static inline bool loam_conv_is_half(const loam_conv *c)
{
    return c->stride == 1 && c->c % 32 == 0 && c->kw <= 64 &&
           (int64_t)c->kt * c->kh * c->kw * c->c <= LOAM_CONV_HALF_MAX_K &&
           (int64_t)c->kt * c->kh * c->kw * 2 * c->c + 16 * 64 <= LOAM_CONV_HALF_PATCH;
}

typedef struct loam_kernels {
    loam_cpu_level level;
    bool bf16_dot; /* BF16 weights take LOAM_ACT_BF16 */
    bool amx;      /* in AMX tiles */

    /* y[i][0..k/32) = quantised x[i], m rows; strides in elements of x and bytes of y. k of q8k is a multiple of 256.
     */
    void (*quantize_q8)(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride);
    void (*quantize_q8k)(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride);
    void (*to_bf16)(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride);

    /* y[i][c] = Σ_k x[i][k] · W[16·g0 + c][k] for m rows and 16·n_groups columns (n_groups ≤ LOAM_MATMUL_MAX_GROUPS;
     * columns past n come out as zero). act serves for loam_kernels_act(w->dtype); rows act_stride bytes apart. */
    void (*matmul)(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride, int64_t m,
                   float *y, int64_t y_stride, void *scratch);

    /* y[i] = w · x[i] / √(mean(x[i]²) + eps) (Zhang & Sennrich 2019); x and y [m, n], w [n]. y may be x. */
    void (*rms_norm)(const float *x, int64_t x_stride, const float *w, float eps, int64_t m, int64_t n, float *y,
                     int64_t y_stride);
    /* y[i] = a[i] + b[i]. */
    void (*add)(const float *a, const float *b, int64_t n, float *y);

    /* Rotary position embedding in place (Su et al. 2021) on n_heads heads of one token: x' = x·cos + swap(x)·sin,
     * where cos and sin are [n_rot] with the sign in sin; swap exchanges neighbours, or with `neox` the two halves of
     * the first n_rot elements. Elements past n_rot stay. */
    void (*rope)(float *x, int64_t n_heads, int64_t head_dim, int64_t n_rot, bool neox, const float *cos,
                 const float *sin);
    /* Stores one token's K head (head_dim f32) at position pos of the blocked K layout, and its V head. */
    void (*kv_write)(const float *k, const float *v, int64_t head_dim, int64_t pos, uint16_t *k_cache,
                     uint16_t *v_cache);
    /* Causal softmax attention with running maximum (Milakov & Gimelshein 2018; Dao et al. 2022). scratch has
     * LOAM_ATTENTION_SCRATCH bytes, 64-byte aligned. */
    void (*attention)(const loam_attention_task *t, void *scratch);

    /* Pictures and clips. Weights of conv and winograd are F32, F16, BF16 or Q8_0 (widened to f32 on the way), inputs
     * f32 rows x_stride apart. conv computes output rows [r0, r0 + m) × columns of groups [g0, g0 + n_groups), y at row
     * r0 and group g0; sums over k in fixed blocks, so that a result does not depend on how rows and columns were cut.
     * With 1 × 1 taps it is a product of many rows. winograd (Lavin & Gray 2016, F(4×4, 3×3)) computes the tiles
     * [t0, t0 + n_tiles); y is the whole output, from column 16·g0 on. Both add bias [columns from 16·g0 on] unless
     * NULL and write only columns below w->n. */
    void (*conv)(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t r0, int64_t m,
                 int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride, void *scratch);
    void (*winograd)(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t t0,
                     int64_t n_tiles, int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride,
                     void *scratch);
    /* The same for BF16 weights and rows in LOAM_ACT_BF16, x_stride bytes apart, where loam_conv_is_half says so; NULL
     * without AMX. Computes lines [l0, l0 + n_lines) of ow outputs, counted through all frames; y as winograd's. */
    void (*conv_half)(const loam_conv *c, const void *x, size_t x_stride, const loam_packed *w, int64_t l0,
                      int64_t n_lines, int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride,
                      void *scratch);
    /* Mean and sum of squared deviations of each group of c/groups channels over m rows: out [groups][2]. */
    void (*group_stats)(const float *x, int64_t x_stride, int64_t m, int64_t c, int groups, double *out);
    /* y = f(x · mul[channel] + add[channel]) for m rows. y may be x. */
    void (*affine)(const float *x, int64_t x_stride, int64_t m, int64_t c, const float *mul, const float *add,
                   loam_unary f, float *y, int64_t y_stride);
    /* y = (x - mean)/√(var + eps) · mul + add over each row of n; mul and add [n], NULL: 1 and 0. y may be x. */
    void (*layer_norm)(const float *x, int64_t x_stride, int64_t m, int64_t n, float eps, const float *mul,
                       const float *add, float *y, int64_t y_stride);
    /* y = f(x); y = f(gate) · up (Shazeer 2020); y = a + b·c. y may be any of the inputs. */
    void (*unary)(loam_unary f, const float *x, int64_t n, float *y);
    void (*gate)(loam_unary f, const float *gate, const float *up, int64_t n, float *y);
    void (*mul_add)(const float *a, const float *b, const float *c, int64_t n, float *y);
    /* Brings rows [r0, r0 + m), r0 a multiple of 16, of one head's k and v into the layout of loam_attend_task; n_k is
     * the number of all rows. kp and vp are the whole packed buffers, of loam_attend_k_floats and loam_attend_v_floats;
     * how they lie inside is the level's own affair. */
    void (*attend_pack)(const float *k, int64_t k_stride, const float *v, int64_t v_stride, int64_t r0, int64_t m,
                        int64_t n_k, int head_dim, float *kp, float *vp);
    /* softmax(q·Kᵀ·scale + bias)·V with a running maximum. */
    void (*attend)(const loam_attend_task *t, void *scratch);
    /* The same with q, k, v and the weights rounded to bf16 and sums in f32; NULL where bf16 would not be faster. No
     * bias, no causal; r0 is a multiple of 32, the buffers are of loam_attend_k_half_floats and .._v_half_floats. */
    void (*attend_pack_half)(const float *k, int64_t k_stride, const float *v, int64_t v_stride, int64_t r0, int64_t m,
                             int64_t n_k, int head_dim, float *kp, float *vp);
    void (*attend_half)(const loam_attend_task *t, void *scratch);

    /* What this level can do at all, for `loam bench` (device/probe.h): n rounds of multiply-adds on registers; both
     * return the number of operations (a multiply-add counts two). read sums n bytes (a multiple of 256) and returns
     * the sum. */
    uint64_t (*peak_f32)(int64_t n);
    uint64_t (*peak_i8)(int64_t n);
    uint64_t (*read)(const void *p, size_t n);
} loam_kernels;

/* The kernels of a level, NULL when this processor cannot run it; static. */
const loam_kernels *loam_kernels_get(loam_cpu_level level);
/* What the matmul of a weight type takes, and the bytes of a row of k. */
loam_act loam_kernels_act(const loam_kernels *ks, loam_dtype weight);
size_t loam_act_row_bytes(loam_act a, int64_t k);
/* Whether a product that takes `want` can read rows of `have`. */
static inline bool loam_act_serves(loam_act have, loam_act want)
{
    return have == want || (have == LOAM_ACT_Q8K && want == LOAM_ACT_Q8);
}

static inline size_t loam_attend_k_floats(int64_t n_k, int head_dim)
{
    return (size_t)((n_k + 15) / 16 * 16) * (size_t)head_dim;
}
static inline size_t loam_attend_v_floats(int64_t n_k, int head_dim)
{
    return (size_t)n_k * (size_t)((head_dim + 15) / 16 * 16);
}

/* Of the packed bf16 of attend_pack_half, in floats: tiles of 32 keys, 32 columns of k, 16 of v and
 * one more column. */
static inline size_t loam_attend_k_half_floats(int64_t n_k, int head_dim)
{
    return (size_t)((n_k + 31) / 32 * 32) * (size_t)((head_dim + 31) / 32 * 16);
}
static inline size_t loam_attend_v_half_floats(int64_t n_k, int head_dim)
{
    return (size_t)((n_k + 31) / 32 * 32) * (size_t)((head_dim / 16 + 1) * 8);
}

/* Rounds head_dim up to V's row length in the cache. */
static inline int64_t loam_v_stride(int64_t head_dim)
{
    return (head_dim + 15) / 16 * 16;
}

#endif
