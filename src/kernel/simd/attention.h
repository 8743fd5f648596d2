/* Causal attention for one KV head and the query heads that share it, so that K and V are read once for the group.
 *
 * Rows are (token, head) pairs. Positions go in blocks of 64 aligned to absolute positions; after each block the row's
 * running maximum, sum and output are rescaled. Scores: lanes are positions (K lies as [16 positions] vectors), the sum
 * runs over head_dim in order. Output: lanes are head_dim, the sum runs over positions in order. No horizontal sums and
 * no dependence on which rows share a tile: a row has the same bits alone and in any chunk. */
#ifndef LOAM_KERNEL_ATTENTION_H
#define LOAM_KERNEL_ATTENTION_H

#include <math.h>

enum { KV_BLOCK = LOAM_ATTENTION_BLOCK, ROW_TILE = 6, COL_TILE = 2 };

/* A vector of K or V as it lies in the cache (f16), or from the f32 copy of a block that many rows share. */
INLINE vf kv_load(const bool wide, const void *p, int64_t i)
{
    return wide ? vf_load((const float *)p + i) : vf_from_f16((const uint16_t *)p + i);
}

/* scores[r][0..2·VW) for R rows at positions whose K vectors start at k. */
INLINE void score_tile(const bool wide, const int R, const float *const q[ROW_TILE], int head_dim,
                       const void *const k[COL_TILE], float scale, float *scores, int64_t stride)
{
    vf s[ROW_TILE][COL_TILE];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < COL_TILE; c++)
            s[r][c] = vf_zero();
    for (int d = 0; d < head_dim; d++) {
        vf kv[COL_TILE];
        for (int c = 0; c < COL_TILE; c++)
            kv[c] = kv_load(wide, k[c], (int64_t)d * 16);
        for (int r = 0; r < R; r++) {
            vf a = vf_set1(q[r][d]);
            for (int c = 0; c < COL_TILE; c++)
                s[r][c] = vf_fma(a, kv[c], s[r][c]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < COL_TILE; c++)
            vf_store(scores + r * stride + c * VW, vf_mul(s[r][c], vf_set1(scale)));
}

/* out[r][0..n_cols·VW) = out·shrink[r] + Σ_p weight[r][p] · v[p]. */
INLINE void output_tile(const bool wide, const int R, const float *weights, int64_t stride, int n_pos,
                        const void *const v[COL_TILE], int64_t v_stride, const float *shrink, float *out,
                        int64_t out_stride, const int n_cols)
{
    vf o[ROW_TILE][COL_TILE];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < n_cols; c++)
            o[r][c] = vf_mul(vf_load(out + r * out_stride + c * VW), vf_set1(shrink[r]));
    for (int p = 0; p < n_pos; p++) {
        vf vv[COL_TILE];
        for (int c = 0; c < n_cols; c++)
            vv[c] = kv_load(wide, v[c], p * v_stride);
        for (int r = 0; r < R; r++) {
            vf a = vf_set1(weights[r * stride + p]);
            for (int c = 0; c < n_cols; c++)
                o[r][c] = vf_fma(a, vv[c], o[r][c]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < n_cols; c++)
            vf_store(out + r * out_stride + c * VW, o[r][c]);
}

#define ROWS_SWITCH(n, CALL) \
    switch (n) {             \
    case 1:                  \
        CALL(1);             \
        break;               \
    case 2:                  \
        CALL(2);             \
        break;               \
    case 3:                  \
        CALL(3);             \
        break;               \
    case 4:                  \
        CALL(4);             \
        break;               \
    case 5:                  \
        CALL(5);             \
        break;               \
    default:                 \
        CALL(6);             \
        break;               \
    }

/* 2^x for x ≤ 0 (Cephes exp2f, 1e-7): x = n + f with n integral, 2^f by a polynomial that is exactly 1 at 0, and n
 * added to the exponent bits. Whatever is below -127, -inf too, comes out as exactly 0. */
INLINE vf exp2_weight(vf x)
{
    const vf magic = vf_set1(12582912.0f); /* 1.5 · 2^23: adding it rounds to an integer, kept in the low bits */
    x = vf_max(x, vf_set1(-127.0f));
    vf t = vf_add(x, magic), f = vf_sub(x, vf_sub(t, magic));
    vf p = vf_set1(1.535336188319500e-4f);
    p = vf_fma(p, f, vf_set1(1.339887440266574e-3f));
    p = vf_fma(p, f, vf_set1(9.618437357674640e-3f));
    p = vf_fma(p, f, vf_set1(5.550332471162809e-2f));
    p = vf_fma(p, f, vf_set1(2.402264791363012e-1f));
    p = vf_fma(p, f, vf_set1(6.931472028550421e-1f));
    return vf_add_exponent(vf_fma(p, f, vf_set1(1.0f)), t);
}

/* Scratch: scores [rows][64], out [rows][v_stride], per row maximum, sum, shrink; f32 copies of a block of K and V. */
typedef struct attention_state {
    const loam_attention_task *t;
    int rows;
    int64_t v_stride;
    float scale; /* of the scores, which are powers of two */
    float *scores, *out, *largest, *total, *shrink, *k, *v;
} attention_state;

/* Where the K vectors of positions p0 + c0 .. begin; the cache holds whole blocks of 64, so reading past n_pos is in
 * bounds. */
INLINE void block_scores(const bool wide, const attention_state *a, int p0, int n_pos)
{
    const loam_attention_task *t = a->t;
    const int hd = t->head_dim;
    for (int r0 = 0; r0 < a->rows; r0 += ROW_TILE) {
        const int n = a->rows - r0 < ROW_TILE ? a->rows - r0 : ROW_TILE;
        const float *q[ROW_TILE];
        for (int r = 0; r < n; r++)
            q[r] = t->q + (r0 + r) / t->n_heads * t->q_stride + (int64_t)((r0 + r) % t->n_heads) * hd;
        for (int c0 = 0; c0 < n_pos; c0 += COL_TILE * VW) {
            const void *k[COL_TILE];
            for (int c = 0; c < COL_TILE; c++) {
                int p = c0 + c * VW;
                int64_t in_block = (int64_t)(p / 16) * 16 * hd + p % 16;
                k[c] = wide ? (const void *)(a->k + in_block) : (const void *)(t->k + (int64_t)p0 * hd + in_block);
            }
#define CALL(R) score_tile(wide, R, q, hd, k, a->scale, a->scores + r0 * KV_BLOCK + c0, KV_BLOCK)
            ROWS_SWITCH(n, CALL)
#undef CALL
        }
    }
}

/* Scores to weights, row by row; two passes, so that the rows' chains of dependent operations overlap. */
INLINE void block_weights(const attention_state *a, int p0)
{
    const loam_attention_task *t = a->t;
    float before[LOAM_ATTENTION_MAX_ROWS + VW];
    for (int r = 0; r < a->rows; r++) {
        float *s = a->scores + r * KV_BLOCK;
        int token_last = t->pos + r / t->n_heads;
        int from = t->window > 0 && token_last >= t->window ? token_last - t->window + 1 - p0 : 0;
        int to = token_last - p0 + 1;
        for (int i = 0; i < from && i < KV_BLOCK; i++)
            s[i] = -INFINITY;
        for (int i = to < 0 ? 0 : to; i < KV_BLOCK; i++)
            s[i] = -INFINITY;
        vf m = vf_load(s);
        for (int i = VW; i < KV_BLOCK; i += VW)
            m = vf_max(m, vf_load(s + i));
        float top = vf_hmax(m), now = top > a->largest[r] ? top : a->largest[r];
        /* nothing seen yet, neither here nor before: any finite maximum gives weights of 0 */
        before[r] = now > -INFINITY ? a->largest[r] - now : 0;
        a->largest[r] = now;
    }
    for (int r = 0; r < a->rows; r += VW) /* reads and writes up to VW - 1 rows too many: the arrays have room */
        vf_store(a->shrink + r, exp2_weight(vf_load(before + r)));
    for (int r = 0; r < a->rows; r++) {
        float *s = a->scores + r * KV_BLOCK;
        vf top = vf_set1(a->largest[r] > -INFINITY ? a->largest[r] : 0), sum = vf_zero();
        for (int i = 0; i < KV_BLOCK; i += VW) {
            vf w = exp2_weight(vf_sub(vf_load(s + i), top));
            vf_store(s + i, w);
            sum = vf_add(sum, w);
        }
        a->total[r] = a->total[r] * a->shrink[r] + vf_hsum(sum);
    }
}

INLINE void block_output(const bool wide, const attention_state *a, int p0, int n_pos)
{
    const int64_t stride = a->v_stride;
    for (int r0 = 0; r0 < a->rows; r0 += ROW_TILE) {
        const int n = a->rows - r0 < ROW_TILE ? a->rows - r0 : ROW_TILE;
        for (int d = 0; d < stride; d += COL_TILE * VW) {
            const void *v[COL_TILE];
            const bool whole = d + COL_TILE * VW <= stride;
            for (int c = 0; c < COL_TILE; c++) {
                int64_t at = d + (whole ? c : 0) * VW;
                v[c] = wide ? (const void *)(a->v + at) : (const void *)(a->t->v + p0 * stride + at);
            }
            float *o = a->out + r0 * stride + d;
            const float *s = a->scores + r0 * KV_BLOCK, *shrink = a->shrink + r0;
            if (whole) {
#define CALL(R) output_tile(wide, R, s, KV_BLOCK, n_pos, v, stride, shrink, o, stride, COL_TILE)
                ROWS_SWITCH(n, CALL)
#undef CALL
            } else {
#define CALL(R) output_tile(wide, R, s, KV_BLOCK, n_pos, v, stride, shrink, o, stride, 1)
                ROWS_SWITCH(n, CALL)
#undef CALL
            }
        }
    }
}

INLINE void to_f32(const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VW)
        vf_store(y + i, vf_from_f16(x + i));
}

/* Asks for the K and V of n positions from p0 on: in generation they come from memory, a few kilobytes here and there,
 * which the processor does not foresee by itself. */
INLINE void block_prefetch(const attention_state *a, int p0, int n)
{
    const char *k = (const char *)(a->t->k + (int64_t)p0 * a->t->head_dim);
    const char *v = (const char *)(a->t->v + p0 * a->v_stride);
    for (int64_t i = 0; i < (int64_t)n * a->t->head_dim * 2; i += 64)
        __builtin_prefetch(k + i);
    for (int64_t i = 0; i < n * a->v_stride * 2; i += 64)
        __builtin_prefetch(v + i);
}

static void attention(const loam_attention_task *t, void *scratch)
{
    enum { ROWS = LOAM_ATTENTION_MAX_ROWS };
    attention_state a = {.t = t, .rows = t->n_tokens * t->n_heads, .v_stride = loam_v_stride(t->head_dim)};
    a.scale = t->scale * 1.44269504088896341f;
    a.scores = scratch;
    a.out = a.scores + ROWS * KV_BLOCK;
    a.largest = a.out + ROWS * LOAM_MAX_HEAD_DIM;
    a.total = a.largest + ROWS + VW;
    a.shrink = a.total + ROWS + VW;
    a.k = a.scores + LOAM_ATTENTION_SCRATCH / 4 - 2 * KV_BLOCK * LOAM_MAX_HEAD_DIM;
    a.v = a.k + KV_BLOCK * LOAM_MAX_HEAD_DIM;
    memset(a.out, 0, (size_t)a.rows * (size_t)a.v_stride * sizeof *a.out);
    for (int r = 0; r < a.rows; r++) {
        a.largest[r] = -INFINITY;
        a.total[r] = 0;
    }
    const int last = t->pos + t->n_tokens - 1;
    const int first = t->window > 0 && t->pos >= t->window ? t->pos - t->window + 1 : 0;
    for (int p0 = first / KV_BLOCK * KV_BLOCK; p0 <= last; p0 += KV_BLOCK) {
        const int n_pos = last - p0 + 1 < KV_BLOCK ? last - p0 + 1 : KV_BLOCK, left = last - p0 + 1 - n_pos;
        block_prefetch(&a, p0 + KV_BLOCK, left < KV_BLOCK ? left : KV_BLOCK);
        if (a.rows > 2 * ROW_TILE) { /* one conversion for all row tiles; the same values, so the same bits */
            to_f32(t->k + (int64_t)p0 * t->head_dim, a.k, (int64_t)(n_pos + 15) / 16 * 16 * t->head_dim);
            to_f32(t->v + p0 * a.v_stride, a.v, n_pos * a.v_stride);
            block_scores(true, &a, p0, n_pos);
            block_weights(&a, p0);
            block_output(true, &a, p0, n_pos);
        } else {
            block_scores(false, &a, p0, n_pos);
            block_weights(&a, p0);
            block_output(false, &a, p0, n_pos);
        }
    }
    for (int r = 0; r < a.rows; r++) {
        float *dst = t->out + r / t->n_heads * t->out_stride + (int64_t)(r % t->n_heads) * t->head_dim;
        float inverse = 1.0f / a.total[r];
        for (int d = 0; d < t->head_dim; d++)
            dst[d] = a.out[r * a.v_stride + d] * inverse;
    }
}

#endif
