/* The product of f32 rows and widened weights that conv.h and winograd.h are made of: tiles of up to GEMM_ROWS rows ×
 * 32 columns (AVX2: 16), whose sums over a block of k stay in registers. Rows lie a compile-time constant apart, so
 * that all operands have fixed distances from one pointer; weights lie as [k][16] a group. */
#ifndef LOAM_KERNEL_GEMM_F32_H
#define LOAM_KERNEL_GEMM_F32_H

#include "kernel/ops.h"

enum { SLIVER = TILE_GROUPS * 16 /* columns of a tile */ };

/* y[r] = add[r] + Σ_k a[r][k] · b[k] over R rows and V vectors of columns (V < 2: only a group alone, AVX-512). */
INLINE void gemm_tile(const int R, const int V, const int a_stride, const float *a, const float *b0, const float *b1,
                      int64_t k, const float *add, int64_t add_stride, float *y, int64_t y_stride)
{
    vf sum[GEMM_ROWS][2];
    for (int r = 0; r < R; r++) {
        __builtin_prefetch(y + r * y_stride, 1);
        if (V == 2 && VW == 16)
            __builtin_prefetch(y + r * y_stride + 16, 1);
        for (int v = 0; v < V; v++)
            sum[r][v] = vf_zero();
    }
#pragma GCC unroll 4
    for (int64_t i = 0; i < k; i++) {
        vf w0 = vf_load(b0 + i * 16), w1 = V == 2 ? vf_load(b1 + i * 16) : w0;
        for (int r = 0; r < R; r++) {
            vf x = vf_set1(a[r * a_stride + i]);
            sum[r][0] = vf_fma(x, w0, sum[r][0]);
            if (V == 2)
                sum[r][1] = vf_fma(x, w1, sum[r][1]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            vf_store(y + r * y_stride + v * VW, vf_add(sum[r][v], vf_load(add + r * add_stride + v * VW)));
}

typedef void (*gemm_fn)(const float *a, const float *b0, const float *b1, int64_t k, const float *add,
                        int64_t add_stride, float *y, int64_t y_stride);

#define DEFINE_GEMM(NAME, STRIDE, R, V)                                                                               \
    static __attribute__((noinline)) void NAME##_##V##_##R(const float *a, const float *b0, const float *b1,          \
                                                           int64_t k, const float *add, int64_t add_stride, float *y, \
                                                           int64_t y_stride)                                          \
    {                                                                                                                 \
        gemm_tile(R, V, STRIDE, a, b0, b1, k, add, add_stride, y, y_stride);                                          \
    }
#define DEFINE_GEMM_6(NAME, STRIDE, V) \
    DEFINE_GEMM(NAME, STRIDE, 1, V)    \
    DEFINE_GEMM(NAME, STRIDE, 2, V)    \
    DEFINE_GEMM(NAME, STRIDE, 3, V)    \
    DEFINE_GEMM(NAME, STRIDE, 4, V) DEFINE_GEMM(NAME, STRIDE, 5, V) DEFINE_GEMM(NAME, STRIDE, 6, V)
#define GEMM_NAMES_6(NAME, V) \
    NAME##_##V##_1, NAME##_##V##_2, NAME##_##V##_3, NAME##_##V##_4, NAME##_##V##_5, NAME##_##V##_6
#if defined(__AVX512F__)
#define DEFINE_GEMM_12(NAME, STRIDE, V) \
    DEFINE_GEMM_6(NAME, STRIDE, V)      \
    DEFINE_GEMM(NAME, STRIDE, 7, V)     \
    DEFINE_GEMM(NAME, STRIDE, 8, V)     \
    DEFINE_GEMM(NAME, STRIDE, 9, V)     \
    DEFINE_GEMM(NAME, STRIDE, 10, V) DEFINE_GEMM(NAME, STRIDE, 11, V) DEFINE_GEMM(NAME, STRIDE, 12, V)
#define GEMM_NAMES_12(NAME, V)                                                                               \
    GEMM_NAMES_6(NAME, V), NAME##_##V##_7, NAME##_##V##_8, NAME##_##V##_9, NAME##_##V##_10, NAME##_##V##_11, \
        NAME##_##V##_12
/* The tiles of one distance between rows: NAME[V - 1][R - 1]. */
#define DEFINE_GEMMS(NAME, STRIDE)  \
    DEFINE_GEMM_12(NAME, STRIDE, 1) \
    DEFINE_GEMM_12(NAME, STRIDE, 2) \
    static const gemm_fn NAME[2][GEMM_ROWS] = {{GEMM_NAMES_12(NAME, 1)}, {GEMM_NAMES_12(NAME, 2)}};
#else
#define DEFINE_GEMMS(NAME, STRIDE) \
    DEFINE_GEMM_6(NAME, STRIDE, 2) \
    static const gemm_fn NAME[2][GEMM_ROWS] = {{NULL}, {GEMM_NAMES_6(NAME, 2)}};
#endif

/* m rows × n_groups (1, or 2 where a tile has two) column groups, in row tiles of almost the same height. b1 is the
 * second group. */
INLINE void gemm_rows(const gemm_fn tiles[2][GEMM_ROWS], int64_t a_stride, const float *a, int64_t m, const float *b0,
                      const float *b1, int n_groups, int64_t k, const float *add, int64_t add_stride, float *y,
                      int64_t y_stride)
{
    const gemm_fn *fn = tiles[VW == 16 ? n_groups - 1 : 1];
    if (VW == 8)
        b1 = b0 + VW;
    for (int64_t r = 0, left = (m + GEMM_ROWS - 1) / GEMM_ROWS; left > 0; left--) {
        int64_t rows = (m - r + left - 1) / left;
        fn[rows - 1](a + r * a_stride, b0, b1, k, add + r * add_stride, add_stride, y + r * y_stride, y_stride);
        r += rows;
    }
}

INLINE void copy_floats(float *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        vf_store(dst + i, vf_load(src + i));
    if (i < n)
        vf_store_part(dst + i, n - i, vf_load_part(src + i, n - i));
}
INLINE void zero_floats(float *dst, int64_t n)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        vf_store(dst + i, vf_zero());
    if (i < n)
        vf_store_part(dst + i, n - i, vf_zero());
}

/* dst [n][16] = rows [k0, k0 + n) of a group of weights. */
INLINE void widen_q8(const loam_packed *w, const uint8_t *group, int64_t k0, int64_t n, float *dst)
{
    for (int64_t k = k0; k < k0 + n;) {
        const int64_t end = (k / 32 + 1) * 32 < k0 + n ? (k / 32 + 1) * 32 : k0 + n;
        vf scale[NV];
        for (int v = 0; v < NV; v++)
            scale[v] = vf_from_f16((const uint16_t *)(group + w->scale_at) + k / 32 * 16 + v * VW);
        for (; k < end && k % 4; k++)
            for (int v = 0; v < NV; v++)
                vf_store(dst + (k - k0) * 16 + v * VW,
                         vf_mul(scale[v], vf_from_lane_byte(vb_load(group + k / 4 * 64 + v * VB), (int)(k % 4))));
        for (; k + 4 <= end; k += 4)
            for (int v = 0; v < NV; v++) {
                vi q = vb_load(group + k / 4 * 64 + v * VB);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++)
                    vf_store(dst + (k + j - k0) * 16 + v * VW, vf_mul(scale[v], vf_from_lane_byte(q, j)));
            }
        for (; k < end; k++)
            for (int v = 0; v < NV; v++)
                vf_store(dst + (k - k0) * 16 + v * VW,
                         vf_mul(scale[v], vf_from_lane_byte(vb_load(group + k / 4 * 64 + v * VB), (int)(k % 4))));
    }
}

INLINE void widen_bf16(const uint16_t *group, int64_t k0, int64_t n, float *dst)
{
    int64_t k = k0;
    const uint16_t *pair = group + k / 2 * 32;
    if (k % 2 && n > 0) {
        for (int v = 0; v < NV; v++)
            vf_store(dst + v * VW, vf_bf16_odd(pair + v * VW * 2));
        pair += 32, dst += 16, k++;
    }
    for (; k + 2 <= k0 + n; k += 2, pair += 32, dst += 32)
        for (int v = 0; v < NV; v++) {
            vf_store(dst + v * VW, vf_bf16_even(pair + v * VW * 2));
            vf_store(dst + 16 + v * VW, vf_bf16_odd(pair + v * VW * 2));
        }
    for (int v = 0; k < k0 + n && v < NV; v++)
        vf_store(dst + v * VW, vf_bf16_even(pair + v * VW * 2));
}

/* Rows [k0, k0 + n) of a group as f32 [n][16]: where they lie if they are, else widened into dst. */
static __attribute__((noinline)) const float *widen(const loam_packed *w, int64_t g, int64_t k0, int64_t n, float *dst)
{
    const uint8_t *group = w->data + (size_t)g * w->group_bytes;
    switch (w->dtype) {
    case LOAM_DTYPE_F32:
        return (const float *)group + k0 * 16;
    case LOAM_DTYPE_F16:
        for (int64_t k = 0; k < n; k++) {
            const uint16_t *row = (const uint16_t *)group + (k0 + k) * 16;
            ask_ahead((const uint8_t *)row, 1);
            for (int v = 0; v < NV; v++)
                vf_store(dst + k * 16 + v * VW, vf_from_f16(row + v * VW));
        }
        return dst;
    case LOAM_DTYPE_BF16:
        widen_bf16((const uint16_t *)group, k0, n, dst);
        return dst;
    default:
        widen_q8(w, group, k0, n, dst);
        return dst;
    }
}

#endif
