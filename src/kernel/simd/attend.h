/* Attention over all positions, without a cache, for up to 96 query rows of one head (Dao et al. 2022).
 *
 * Positions go in blocks of 256, counted from 0. The scores of a block are products of query rows (scaled to powers of
 * two) with K, the output grows by products of the weights with V; both run in tiles whose sums stay in registers,
 * 6 rows × 16 columns or 4 × 24 (AVX-512: 12 × 32 or 8 × 48). Each sum goes over its index in order, whatever rows
 * share the tile: a row has the same bits alone and among others. After a block the running maximum, sum and output are
 * rescaled. V lies in panels of 16 columns, [panel][n_k][16]. */
#ifndef LOAM_KERNEL_ATTEND_H
#define LOAM_KERNEL_ATTEND_H

#include <math.h>

#include "kernel/simd/functions.h"

enum {
    ATTEND_BLOCK = 256,
    ATTEND_Q = LOAM_MAX_HEAD_DIM + 16, /* of a row: the query, then the scores */
    ATTEND_STRIDE = ATTEND_Q + ATTEND_BLOCK + 16,
    ATTEND_ROWS = VW == 16 ? 12 : 6,  /* of a tile with up to two vectors of columns */
    ATTEND_ROWS_3 = VW == 16 ? 8 : 4, /* with three */
};

typedef struct attend_scratch {
    _Alignas(64) float rows[LOAM_ATTEND_ROWS * ATTEND_STRIDE];
    float out[LOAM_ATTEND_ROWS * LOAM_MAX_HEAD_DIM];
    float total[LOAM_ATTEND_ROWS * VW]; /* of the weights, by lanes */
    float top[LOAM_ATTEND_ROWS], shrink[LOAM_ATTEND_ROWS];
} attend_scratch;
#define ATTEND_SLACK 16.0f /* weights up to 2^16 do no harm */
_Static_assert(sizeof(attend_scratch) <= LOAM_ATTEND_SCRATCH, "LOAM_ATTEND_SCRATCH is too small");
_Static_assert(LOAM_ATTEND_ROWS % VW == 0, "shrink is computed in whole vectors");

/* y[r] = y[r] · shrink[r] (NULL: 0) + Σ_i a[r][i] · b[v][i] for R rows and V vectors of columns, i in order. */
INLINE void attend_tile(const int R, const int V, const float *a, const float *const b[3], int64_t n,
                        const float *shrink, float *y, int64_t y_stride)
{
    vf sum[ATTEND_ROWS][3];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            sum[r][v] = shrink ? vf_mul(vf_load(y + r * y_stride + v * VW), vf_set1(shrink[r])) : vf_zero();
    const float *b0 = b[0], *b1 = b[V > 1 ? 1 : 0], *b2 = b[V > 2 ? 2 : 0];
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++) {
        vf w[3] = {vf_load(b0 + i * 16), vf_load(b1 + i * 16), vf_load(b2 + i * 16)};
        for (int r = 0; r < R; r++) {
            vf x = vf_set1(a[r * ATTEND_STRIDE + i]);
            for (int v = 0; v < V; v++)
                sum[r][v] = vf_fma(x, w[v], sum[r][v]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            vf_store(y + r * y_stride + v * VW, sum[r][v]);
}

/* The last columns where they fill at most half a vector of 16: lanes are pairs, a column at one position and at the
 * next, for n pairs of positions. */
INLINE void attend_pair_tile(const int R, const float *a, const float *b, int64_t n, const float *shrink, float *y,
                             int64_t y_stride)
{
    vf sum[ATTEND_ROWS];
    for (int r = 0; r < R; r++)
        sum[r] = vf_zero();
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++) {
        vf w = vf_load(b + i * VW);
        for (int r = 0; r < R; r++)
            sum[r] = vf_fma(vf_set_pair(a + r * ATTEND_STRIDE + 2 * i), w, sum[r]);
    }
    for (int r = 0; r < R; r++) {
        vf v = vf_pair_sums(sum[r]);
        vf_store(y + r * y_stride, shrink ? vf_fma(vf_load(y + r * y_stride), vf_set1(shrink[r]), v) : v);
    }
}
INLINE int64_t attend_out_stride(const loam_attend_task *t)
{
    return (t->head_dim + VW - 1) / VW * VW;
}
INLINE bool attend_has_pairs(int head_dim)
{
    return VW == 16 && head_dim % 16 > 0 && head_dim % 16 <= 8;
}

/* V = 0: pairs. */
INLINE void attend_any(const int R, const int V, const float *a, const float *const b[3], int64_t n,
                       const float *shrink, float *y, int64_t y_stride)
{
    if (V == 0)
        attend_pair_tile(R, a, b[0], n, shrink, y, y_stride);
    else
        attend_tile(R, V, a, b, n, shrink, y, y_stride);
}

typedef void (*attend_fn)(const float *a, const float *const b[3], int64_t n, const float *shrink, float *y,
                          int64_t y_stride);
#define DEFINE_ATTEND(R, V)                                                                                    \
    static __attribute__((noinline)) void attend_##R##x##V(const float *a, const float *const b[3], int64_t n, \
                                                           const float *shrink, float *y, int64_t y_stride)    \
    {                                                                                                          \
        attend_any(R, V, a, b, n, shrink, y, y_stride);                                                        \
    }
#define DEFINE_ATTEND_4(V) DEFINE_ATTEND(1, V) DEFINE_ATTEND(2, V) DEFINE_ATTEND(3, V) DEFINE_ATTEND(4, V)
#define DEFINE_ATTEND_6(V) DEFINE_ATTEND_4(V) DEFINE_ATTEND(5, V) DEFINE_ATTEND(6, V)
#define DEFINE_ATTEND_8(V) DEFINE_ATTEND_6(V) DEFINE_ATTEND(7, V) DEFINE_ATTEND(8, V)
#define DEFINE_ATTEND_12(V) \
    DEFINE_ATTEND_8(V) DEFINE_ATTEND(9, V) DEFINE_ATTEND(10, V) DEFINE_ATTEND(11, V) DEFINE_ATTEND(12, V)
#define ATTEND_NAMES_4(V) attend_1x##V, attend_2x##V, attend_3x##V, attend_4x##V
#define ATTEND_NAMES_6(V) ATTEND_NAMES_4(V), attend_5x##V, attend_6x##V
#define ATTEND_NAMES_8(V) ATTEND_NAMES_6(V), attend_7x##V, attend_8x##V
#define ATTEND_NAMES_12(V) ATTEND_NAMES_8(V), attend_9x##V, attend_10x##V, attend_11x##V, attend_12x##V
#if defined(__AVX512F__)
DEFINE_ATTEND_12(0)
DEFINE_ATTEND_12(1)
DEFINE_ATTEND_12(2)
DEFINE_ATTEND_8(3)
static const attend_fn attend_tiles[4][ATTEND_ROWS] = {
    {ATTEND_NAMES_12(0)}, {ATTEND_NAMES_12(1)}, {ATTEND_NAMES_12(2)}, {ATTEND_NAMES_8(3)}};
#else
DEFINE_ATTEND_6(1)
DEFINE_ATTEND_6(2)
DEFINE_ATTEND_4(3)
static const attend_fn attend_tiles[4][ATTEND_ROWS] = {
    {NULL}, {ATTEND_NAMES_6(1)}, {ATTEND_NAMES_6(2)}, {ATTEND_NAMES_4(3)}};
#endif

/* All m rows against V vectors of columns, in tiles of almost the same height. */
INLINE void attend_rows(int V, const float *a, int64_t m, const float *const b[3], int64_t n, const float *shrink,
                        float *y, int64_t y_stride)
{
    const int64_t most = V == 3 ? ATTEND_ROWS_3 : ATTEND_ROWS;
    for (int64_t r = 0, left = (m + most - 1) / most; left > 0; left--) {
        const int64_t rows = (m - r + left - 1) / left;
        attend_tiles[V][rows - 1](a + r * ATTEND_STRIDE, b, n, shrink ? shrink + r : NULL, y + r * y_stride, y_stride);
        r += rows;
    }
}

/* How many vectors of columns to take next of those left: three where two would leave one alone. */
INLINE int attend_take(int64_t left)
{
    return left == 1 || left == 3 ? (int)left : 2;
}

/* The scores of positions [p0, p0 + n), n rounded up to 16. */
INLINE void attend_scores(const loam_attend_task *t, attend_scratch *s, int64_t p0, int64_t n)
{
    const int64_t n_vectors = (n + 15) / 16 * (16 / VW);
    const int per_panel = 16 / VW;
    for (int64_t c = 0; c < n_vectors;) {
        const int take = attend_take(n_vectors - c);
        const float *b[3] = {NULL, NULL, NULL};
        for (int v = 0; v < take; v++)
            b[v] = t->k + (p0 / 16 + (c + v) / per_panel) * 16 * t->head_dim + (c + v) % per_panel * VW;
        attend_rows(take, s->rows, t->n_q, b, t->head_dim, NULL, s->rows + ATTEND_Q + c * VW, ATTEND_STRIDE);
        c += take;
    }
}

/* Adds the bias, and hides the positions that row r does not see, among columns [0, n) of block p0. */
INLINE void attend_mask(const loam_attend_task *t, int r, float *w, int64_t p0, int64_t n)
{
    if (t->bias) {
        const float *bias = t->bias + r * t->bias_stride + p0;
        const vf log2e = vf_set1(1.44269504088896341f);
        for (int64_t i = 0; i < n; i += VW) {
            vf b = n - i < VW ? vf_load_part(bias + i, n - i) : vf_load(bias + i);
            vf_store(w + i, vf_fma(b, log2e, vf_load(w + i)));
        }
    }
    const int64_t visible = t->causal >= 0 && t->causal + r + 1 - p0 < n ? t->causal + r + 1 - p0 : n;
    for (int64_t i = visible < 0 ? 0 : visible / VW * VW; i < (n + 15) / 16 * 16; i += VW)
        vf_store(w + i, vf_first(visible - i, vf_load(w + i), vf_set1(-INFINITY)));
}

/* What row r subtracts from its scores. Any number near the maximum will do, so it follows the maximum only when that
 * is far above it; then sums and output so far shrink. */
INLINE void attend_rescale(attend_scratch *s, int r, const float *w, int64_t cols)
{
    vf m0 = vf_load(w), m1 = m0, m2 = m0, m3 = m0;
    int64_t i = 0;
    for (; i + 4 * VW <= cols; i += 4 * VW) {
        m0 = vf_max(m0, vf_load(w + i));
        m1 = vf_max(m1, vf_load(w + i + VW));
        m2 = vf_max(m2, vf_load(w + i + 2 * VW));
        m3 = vf_max(m3, vf_load(w + i + 3 * VW));
    }
    for (; i < cols; i += VW)
        m0 = vf_max(m0, vf_load(w + i));
    m0 = vf_max(vf_max(m0, m1), vf_max(m2, m3));
    s->shrink[r] = 0; /* as a power of two */
    if (vf_any_gt(m0, vf_set1(s->top[r] + ATTEND_SLACK))) {
        const float top = vf_hmax(m0);
        s->shrink[r] = s->top[r] - top;
        s->top[r] = top;
    }
}

/* Scores to weights, in two passes, so that the rows' chains of dependent operations overlap. */
static __attribute__((noinline)) void attend_weights(const loam_attend_task *t, attend_scratch *s, int64_t p0,
                                                     int64_t n)
{
    const int64_t cols = (n + 15) / 16 * 16;
    for (int r = 0; r < t->n_q; r++) {
        float *w = s->rows + r * ATTEND_STRIDE + ATTEND_Q;
        if (t->bias || t->causal >= 0 || n != cols)
            attend_mask(t, r, w, p0, n);
        attend_rescale(s, r, w, cols);
    }
    for (int r = 0; r < t->n_q; r += VW)
        vf_store(s->shrink + r, vf_exp2(vf_load(s->shrink + r)));
    for (int r = 0; r < t->n_q; r++) {
        float *w = s->rows + r * ATTEND_STRIDE + ATTEND_Q;
        /* nothing seen yet: any finite number gives weights of 0 */
        const vf top = vf_set1(s->top[r] > -INFINITY ? s->top[r] : 0);
        vf sum = vf_mul(vf_load(s->total + r * VW), vf_set1(s->shrink[r]));
        for (int64_t i = 0; i < cols; i += VW) {
            vf e = vf_exp2(vf_sub(vf_load(w + i), top));
            vf_store(w + i, e);
            sum = vf_add(sum, e);
        }
        vf_store(s->total + r * VW, sum);
    }
}

INLINE void attend_output(const loam_attend_task *t, attend_scratch *s, int64_t p0, int64_t n)
{
    const bool pairs = attend_has_pairs(t->head_dim);
    const int64_t n_vectors = pairs ? t->head_dim / VW : (t->head_dim + VW - 1) / VW, per_panel = 16 / VW,
                  stride = attend_out_stride(t);
    const float *shrink = p0 ? s->shrink : NULL;
    for (int64_t c = 0; c < n_vectors;) {
        const int take = attend_take(n_vectors - c);
        const float *b[3] = {NULL, NULL, NULL};
        for (int v = 0; v < take; v++)
            b[v] = t->v + ((c + v) / per_panel * t->n_k + p0) * 16 + (c + v) % per_panel * VW;
        attend_rows(take, s->rows + ATTEND_Q, t->n_q, b, n, shrink, s->out + c * VW, stride);
        c += take;
    }
    if (pairs) {
        const float *b[3] = {t->v + n_vectors * t->n_k * 16 + p0 * 8, NULL, NULL};
        attend_rows(0, s->rows + ATTEND_Q, t->n_q, b, (n + 1) / 2, shrink, s->out + n_vectors * VW, stride);
    }
}

static void attend(const loam_attend_task *t, void *scratch)
{
    attend_scratch *s = scratch;
    const vf scale = vf_set1(t->scale * 1.44269504088896341f);
    for (int r = 0; r < t->n_q; r++) {
        const float *q = t->q + r * t->q_stride;
        float *to = s->rows + r * ATTEND_STRIDE;
        int d = 0;
        for (; d + VW <= t->head_dim; d += VW)
            vf_store(to + d, vf_mul(vf_load(q + d), scale));
        if (d < t->head_dim)
            vf_store(to + d, vf_mul(vf_load_part(q + d, t->head_dim - d), scale));
        vf_store(s->total + r * VW, vf_zero());
        s->top[r] = -INFINITY;
    }
    const int64_t end = t->causal >= 0 && t->causal + t->n_q < t->n_k ? t->causal + t->n_q : t->n_k;
    for (int64_t p0 = 0; p0 < end; p0 += ATTEND_BLOCK) {
        const int64_t n = end - p0 < ATTEND_BLOCK ? end - p0 : ATTEND_BLOCK;
        attend_scores(t, s, p0, n);
        attend_weights(t, s, p0, n);
        attend_output(t, s, p0, n);
    }
    for (int r = 0; r < t->n_q; r++) {
        const float *from = s->out + r * attend_out_stride(t);
        float *out = t->out + r * t->out_stride;
        const vf inverse = vf_set1(1.0f / vf_hsum(vf_load(s->total + r * VW)));
        int d = 0;
        for (; d + VW <= t->head_dim; d += VW)
            vf_store(out + d, vf_mul(vf_load(from + d), inverse));
        if (d < t->head_dim)
            vf_store_part(out + d, t->head_dim - d, vf_mul(vf_load(from + d), inverse));
    }
}

static void attend_pack(const float *k, int64_t k_stride, const float *v, int64_t v_stride, int64_t r0, int64_t m,
                        int64_t n_k, int head_dim, float *kp, float *vp)
{
    const int64_t end = r0 + m == n_k ? (n_k + 15) / 16 * 16 : r0 + m;
    for (int64_t r = r0; r < end; r++) {
        float *to = kp + r / 16 * 16 * head_dim + r % 16;
        for (int d = 0; d < head_dim; d++)
            to[d * 16] = r < n_k ? k[r * k_stride + d] : 0;
    }
    const int whole = attend_has_pairs(head_dim) ? head_dim / 16 * 16 : head_dim;
    for (int64_t r = r0; r < r0 + m; r++)
        for (int d = 0; d < whole; d += VW) {
            const float *from = v + r * v_stride + d;
            float *to = vp + (d / 16 * n_k + r) * 16 + d % 16;
            const bool part = head_dim - d < VW;
            vf_store(to, part ? vf_load_part(from, head_dim - d) : vf_load(from));
        }
    for (int64_t r = r0; whole < head_dim && r < r0 + m; r += 2)
        for (int d = 0; d < 8; d++) {
            float *to = vp + whole * n_k + r * 8 + d * 2;
            to[0] = whole + d < head_dim ? v[r * v_stride + whole + d] : 0;
            to[1] = whole + d < head_dim && r + 1 < n_k ? v[(r + 1) * v_stride + whole + d] : 0;
        }
}

#define ATTEND_TABLE .attend_pack = attend_pack, .attend = attend

#endif
