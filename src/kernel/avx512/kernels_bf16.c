/* BF16 weights × bf16 activations in vdpbf16ps, for processors with AVX512_BF16. */
#include <immintrin.h>
#include <string.h>

#include "kernel/avx512/bf16.h"
#include "kernel/kernel_int.h"

void loam_to_bf16_avx512(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride)
{
    for (int64_t i = 0; i < m; i++) {
        uint16_t *row = (uint16_t *)((char *)y + (size_t)i * y_stride);
        int64_t j = 0;
        for (; j + 16 <= k; j += 16)
            _mm256_storeu_si256((__m256i *)(row + j),
                                (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i * x_stride + j)));
        loam_to_bf16_ref(x + i * x_stride + j, 0, 1, k - j, row + j, 0);
    }
}

/* R rows × C vectors of 16 columns, written for n_cols of them; each vpdpbf16ps adds two products to each sum. */
static inline __attribute__((always_inline)) void bf16_tile(const int R, const int C, const uint8_t *const *col,
                                                            int64_t n_pairs, const char *const *x, float *y,
                                                            int64_t y_stride, int64_t n_cols)
{
    __m512 sum[64];
    for (int i = 0; i < R * C; i++)
        sum[i] = _mm512_setzero_ps();
    for (int64_t i = 0; i < n_pairs; i++) {
        __m512i w[8];
        for (int c = 0; c < C; c++)
            w[c] = _mm512_loadu_si512(col[c] + i * 64);
        for (int r = 0; r < R; r++) {
            int32_t pair;
            memcpy(&pair, x[r] + i * 4, 4);
            __m512i a = _mm512_set1_epi32(pair);
            for (int c = 0; c < C; c++)
                sum[r * C + c] = _mm512_dpbf16_ps(sum[r * C + c], (__m512bh)w[c], (__m512bh)a);
        }
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++)
            if (c < n_cols)
                _mm512_storeu_ps(y + r * y_stride + c * 16, sum[r * C + c]);
}

#define ROWS_CASE(n)                                                 \
    case n:                                                          \
        bf16_tile(n, 2, col, pairs, x, out, y_stride, n_groups - g); \
        break;

void loam_matmul_bf16_avx512(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride,
                             int64_t m, float *y, int64_t y_stride)
{
    enum { ROWS = 8, WIDE = 8 };
    const int64_t pairs = (w->k + 1) / 2;
    const int wide = m == 1 ? WIDE : 2; /* one row needs many columns in flight to hide the latency */
    for (int64_t g = 0; g < n_groups; g += wide)
        for (int64_t r0 = 0; r0 < m; r0 += ROWS) {
            int n = m - r0 < ROWS ? (int)(m - r0) : ROWS;
            const uint8_t *col[WIDE];
            const char *x[ROWS];
            float *out = y + r0 * y_stride + g * 16;
            for (int c = 0; c < wide; c++)
                col[c] = w->data + (size_t)(g0 + (g + c < n_groups ? g + c : n_groups - 1)) * w->group_bytes;
            for (int r = 0; r < ROWS; r++)
                x[r] = (const char *)act + (size_t)(r0 + (r < n ? r : 0)) * act_stride;
            if (m == 1) {
                bf16_tile(1, WIDE, col, pairs, x, out, y_stride, n_groups - g);
                continue;
            }
            switch (n) {
                ROWS_CASE(1)
                ROWS_CASE(2)
                ROWS_CASE(3)
                ROWS_CASE(4)
                ROWS_CASE(5)
                ROWS_CASE(6)
                ROWS_CASE(7)
            default:
                bf16_tile(8, 2, col, pairs, x, out, y_stride, n_groups - g);
                break;
            }
        }
}
