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

/* scores[r][0..2·VW) for R rows at positions whose K vectors start at k (vector i at k + i·VW within each 16). */
INLINE void score_tile(const int R, const float *const q[ROW_TILE], int head_dim, const uint16_t *const k[COL_TILE],
                       float scale, float *scores, int64_t stride)
{
    vf s[ROW_TILE][COL_TILE];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < COL_TILE; c++)
            s[r][c] = vf_zero();
    for (int d = 0; d < head_dim; d++) {
        vf kv[COL_TILE];
        for (int c = 0; c < COL_TILE; c++)
            kv[c] = vf_from_f16(k[c] + d * 16);
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

/* out[r][0..2·VW) = out·shrink[r] + Σ_p weight[r][p] · v[p]. */
INLINE void output_tile(const int R, const float *weights, int64_t stride, int n_pos, const uint16_t *const v[COL_TILE],
                        int64_t v_stride, const float *shrink, float *out, int64_t out_stride, const int n_cols)
{
    vf o[ROW_TILE][COL_TILE];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < n_cols; c++)
            o[r][c] = vf_mul(vf_load(out + r * out_stride + c * VW), vf_set1(shrink[r]));
    for (int p = 0; p < n_pos; p++) {
        vf vv[COL_TILE];
        for (int c = 0; c < n_cols; c++)
            vv[c] = vf_from_f16(v[c] + p * v_stride);
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

static void attention(const loam_attention_task *t, void *scratch)
{
    const int rows = t->n_tokens * t->n_heads, hd = t->head_dim;
    const int64_t v_stride = loam_v_stride(hd), o_stride = v_stride;
    float *scores = scratch;                                            /* [rows][64] */
    float *out = scores + LOAM_ATTENTION_MAX_ROWS * KV_BLOCK;           /* [rows][o_stride] */
    float *largest = out + LOAM_ATTENTION_MAX_ROWS * LOAM_MAX_HEAD_DIM; /* [rows] each */
    float *total = largest + LOAM_ATTENTION_MAX_ROWS, *shrink = total + LOAM_ATTENTION_MAX_ROWS;
    memset(out, 0, (size_t)rows * (size_t)o_stride * sizeof *out);
    for (int r = 0; r < rows; r++) {
        largest[r] = -INFINITY;
        total[r] = 0;
    }
    const int last = t->pos + t->n_tokens - 1;
    const int first = t->window > 0 && t->pos >= t->window ? t->pos - t->window + 1 : 0;
    for (int p0 = first / KV_BLOCK * KV_BLOCK; p0 <= last; p0 += KV_BLOCK) {
        const int n_pos = last - p0 + 1 < KV_BLOCK ? last - p0 + 1 : KV_BLOCK;
        for (int r0 = 0; r0 < rows; r0 += ROW_TILE) {
            const int n = rows - r0 < ROW_TILE ? rows - r0 : ROW_TILE;
            const float *q[ROW_TILE];
            for (int r = 0; r < n; r++)
                q[r] = t->q + (r0 + r) / t->n_heads * t->q_stride + (int64_t)((r0 + r) % t->n_heads) * hd;
            for (int c0 = 0; c0 < n_pos; c0 += COL_TILE * VW) {
                const uint16_t *k[COL_TILE];
                for (int c = 0; c < COL_TILE; c++) {
                    int p = p0 + c0 + c * VW; /* the cache holds whole blocks of 64: reading past n_pos is in bounds */
                    k[c] = t->k + (int64_t)(p / 16) * 16 * hd + p % 16;
                }
#define CALL(R) score_tile(R, q, hd, k, t->scale, scores + r0 * KV_BLOCK + c0, KV_BLOCK)
                ROWS_SWITCH(n, CALL)
#undef CALL
            }
        }
        for (int r = 0; r < rows; r++) {
            float *s = scores + r * KV_BLOCK;
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
            float top = vf_hmax(m);
            if (!(top > -INFINITY)) { /* no position of this block is seen (or all scores are NaN or -inf) */
                memset(s, 0, KV_BLOCK * sizeof *s);
                shrink[r] = 1;
                continue;
            }
            float now = top > largest[r] ? top : largest[r];
            shrink[r] = largest[r] == -INFINITY ? 0 : expf(largest[r] - now);
            largest[r] = now;
            vf sum = vf_zero();
            for (int i = 0; i < KV_BLOCK; i += VW) {
                vf masked = vf_load(s + i);
                vf w = vf_exp(vf_sub(masked, vf_set1(now)));
                w = vf_zero_where_neg_inf(w, masked);
                vf_store(s + i, w);
                sum = vf_add(sum, w);
            }
            total[r] = total[r] * shrink[r] + vf_hsum(sum);
        }
        for (int r0 = 0; r0 < rows; r0 += ROW_TILE) {
            const int n = rows - r0 < ROW_TILE ? rows - r0 : ROW_TILE;
            for (int d = 0; d < v_stride; d += COL_TILE * VW) {
                const uint16_t *v[COL_TILE];
                const bool whole = d + COL_TILE * VW <= v_stride;
                for (int c = 0; c < COL_TILE; c++)
                    v[c] = t->v + p0 * v_stride + (d + (whole ? c : 0) * VW);
                float *o = out + r0 * o_stride + d;
                const float *s = scores + r0 * KV_BLOCK;
                if (whole) {
#define CALL(R) output_tile(R, s, KV_BLOCK, n_pos, v, v_stride, shrink + r0, o, o_stride, COL_TILE)
                    ROWS_SWITCH(n, CALL)
#undef CALL
                } else {
#define CALL(R) output_tile(R, s, KV_BLOCK, n_pos, v, v_stride, shrink + r0, o, o_stride, 1)
                    ROWS_SWITCH(n, CALL)
#undef CALL
                }
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        float *dst = t->out + r / t->n_heads * t->out_stride + (int64_t)(r % t->n_heads) * hd;
        float inverse = 1.0f / total[r];
        for (int d = 0; d < hd; d++)
            dst[d] = out[r * o_stride + d] * inverse;
    }
}

#endif
