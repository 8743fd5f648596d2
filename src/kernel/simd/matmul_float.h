/* F32, F16 and BF16 weights × f32 activations: tiles of R rows × 2 column vectors, the sum over k in registers and in
 * order, weights widened to f32 on the way. The caller's file includes vec_<level>.h and matmul_q8.h first. */
#ifndef LOAM_KERNEL_MATMUL_FLOAT_H
#define LOAM_KERNEL_MATMUL_FLOAT_H

enum { PAIRS = 2 }; /* column vectors of a tile */

/* Vector i of the tile that begins at group g: its k-th row of VW weights. */
INLINE const uint8_t *float_column(const loam_packed *w, int64_t g, int i, size_t size)
{
    int64_t group = g + i / NV;
    if (group >= w->n_groups)
        group = w->n_groups - 1; /* a lone last group is computed twice; the copy is dropped */
    return w->data + (size_t)group * w->group_bytes + (size_t)(i % NV) * VW * size;
}

INLINE void float_tile(loam_dtype t, const int R, const uint8_t *const col[PAIRS], int64_t k,
                       const float *const x[MAX_ROWS], vf sum[MAX_ROWS][PAIRS])
{
    for (int r = 0; r < R; r++)
        for (int v = 0; v < PAIRS; v++)
            sum[r][v] = vf_zero();
    if (t == LOAM_DTYPE_BF16) {
        for (int64_t i = 0; i < k / 2; i++) {
            vf w[PAIRS], w2[PAIRS];
            if (R <= FEW_ROWS)
                ask_ahead(col[0] + i * 64, 1);
            for (int v = 0; v < PAIRS; v++) {
                w[v] = vf_bf16_even((const uint16_t *)col[v] + i * 32);
                w2[v] = vf_bf16_odd((const uint16_t *)col[v] + i * 32);
            }
            for (int r = 0; r < R; r++) {
                vf a = vf_set1(x[r][2 * i]);
                for (int v = 0; v < PAIRS; v++)
                    sum[r][v] = vf_fma(a, w[v], sum[r][v]);
            }
            for (int r = 0; r < R; r++) {
                vf a = vf_set1(x[r][2 * i + 1]);
                for (int v = 0; v < PAIRS; v++)
                    sum[r][v] = vf_fma(a, w2[v], sum[r][v]);
            }
        }
        if (k % 2)
            for (int r = 0; r < R; r++)
                for (int v = 0; v < PAIRS; v++)
                    sum[r][v] =
                        vf_fma(vf_set1(x[r][k - 1]), vf_bf16_even((const uint16_t *)col[v] + k / 2 * 32), sum[r][v]);
        return;
    }
    for (int64_t i = 0; i < k; i++) {
        vf w[PAIRS];
        if (R <= FEW_ROWS)
            ask_ahead(col[0] + i * (t == LOAM_DTYPE_F32 ? 64 : 32), 1);
        for (int v = 0; v < PAIRS; v++)
            w[v] = t == LOAM_DTYPE_F32 ? vf_load((const float *)col[v] + i * 16)
                                       : vf_from_f16((const uint16_t *)col[v] + i * 16);
        for (int r = 0; r < R; r++) {
            vf a = vf_set1(x[r][i]);
            for (int v = 0; v < PAIRS; v++)
                sum[r][v] = vf_fma(a, w[v], sum[r][v]);
        }
    }
}

/* One row × 8 column vectors: generation reads the weights once and is bound by memory, so what counts is that enough
 * independent sums are in flight to hide the latency of the multiply-add. */
enum { WIDE = 8 };
INLINE void float_one_row(loam_dtype t, const loam_packed *w, int64_t g0, int64_t n_groups, const float *x, float *y)
{
    const size_t size = t == LOAM_DTYPE_F32 ? 4 : t == LOAM_DTYPE_BF16 ? 4 : 2;
    const int per_pass = WIDE / NV;
    for (int64_t g = 0; g < n_groups; g += per_pass) {
        const uint8_t *col[WIDE];
        vf sum[WIDE];
        for (int v = 0; v < WIDE; v++) {
            int64_t group = g + v / NV < n_groups ? g + v / NV : n_groups - 1;
            col[v] = w->data + (size_t)(g0 + group) * w->group_bytes + (size_t)(v % NV) * VW * size;
            sum[v] = vf_zero();
        }
        if (t == LOAM_DTYPE_BF16) {
            for (int64_t i = 0; i < w->k / 2; i++) {
                vf a = vf_set1(x[2 * i]), b = vf_set1(x[2 * i + 1]);
                for (int v = 0; v < WIDE; v += NV)
                    ask_ahead(col[v] + i * 64, 1);
                for (int v = 0; v < WIDE; v++)
                    sum[v] = vf_fma(a, vf_bf16_even((const uint16_t *)col[v] + i * 32), sum[v]);
                for (int v = 0; v < WIDE; v++)
                    sum[v] = vf_fma(b, vf_bf16_odd((const uint16_t *)col[v] + i * 32), sum[v]);
            }
            for (int v = 0; w->k % 2 && v < WIDE; v++)
                sum[v] = vf_fma(vf_set1(x[w->k - 1]), vf_bf16_even((const uint16_t *)col[v] + w->k / 2 * 32), sum[v]);
        } else {
            for (int64_t i = 0; i < w->k; i++) {
                vf a = vf_set1(x[i]);
                for (int v = 0; v < WIDE; v += NV)
                    ask_ahead(col[v] + i * (t == LOAM_DTYPE_F32 ? 64 : 32), 1);
                for (int v = 0; v < WIDE; v++)
                    sum[v] = vf_fma(a,
                                    t == LOAM_DTYPE_F32 ? vf_load((const float *)col[v] + i * 16)
                                                        : vf_from_f16((const uint16_t *)col[v] + i * 16),
                                    sum[v]);
            }
        }
        for (int v = 0; v < WIDE && g + v / NV < n_groups; v++)
            vf_store(y + (g * NV + v) * VW, sum[v]);
    }
}

INLINE void matmul_float(loam_dtype t, const loam_packed *w, int64_t g0, int64_t n_groups, const void *act,
                         size_t act_stride, int64_t m, float *y, int64_t y_stride)
{
    const size_t size = t == LOAM_DTYPE_F16 ? 2 : 4; /* a bf16 pair counts as one element of four bytes */
    if (m == 1) {
        float_one_row(t, w, g0, n_groups, act, y);
        return;
    }
    for (int64_t g = 0; g < n_groups; g += TILE_GROUPS)
        for (int64_t r0 = 0; r0 < m; r0 += MAX_ROWS) {
            int n_rows = m - r0 < MAX_ROWS ? (int)(m - r0) : MAX_ROWS;
            const uint8_t *col[PAIRS];
            const float *x[MAX_ROWS];
            vf sum[MAX_ROWS][PAIRS];
            for (int v = 0; v < PAIRS; v++)
                col[v] = float_column(w, g0 + g, v, size);
            for (int r = 0; r < MAX_ROWS; r++)
                x[r] = (const float *)((const char *)act + (size_t)(r0 + (r < n_rows ? r : 0)) * act_stride);
            switch (n_rows) {
            case 1:
                float_tile(t, 1, col, w->k, x, sum);
                break;
            case 2:
                float_tile(t, 2, col, w->k, x, sum);
                break;
            case 3:
                float_tile(t, 3, col, w->k, x, sum);
                break;
            case 4:
                float_tile(t, 4, col, w->k, x, sum);
                break;
            case 5:
                float_tile(t, 5, col, w->k, x, sum);
                break;
            default:
                float_tile(t, 6, col, w->k, x, sum);
                break;
            }
            for (int r = 0; r < n_rows; r++)
                for (int v = 0; v < PAIRS; v++)
                    if (g + v / NV < n_groups)
                        vf_store(y + (r0 + r) * y_stride + (g * NV + v) * VW, sum[r][v]);
        }
}

#define DEFINE_MATMUL_FLOAT(TYPE)                                                                                      \
    static __attribute__((noinline)) void matmul_##TYPE(const loam_packed *w, int64_t g0, int64_t ng, const void *act, \
                                                        size_t act_stride, int64_t m, float *y, int64_t y_stride)      \
    {                                                                                                                  \
        matmul_float(LOAM_DTYPE_##TYPE, w, g0, ng, act, act_stride, m, y, y_stride);                                   \
    }
DEFINE_MATMUL_FLOAT(F32)
DEFINE_MATMUL_FLOAT(F16)
DEFINE_MATMUL_FLOAT(BF16)

#endif
