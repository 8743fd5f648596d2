/* Norms and activations of picture models. Ends of rows are loaded and stored in part, so that an element's bits do not
 * depend on where the range ends. */
#ifndef LOAM_KERNEL_PICTURE_H
#define LOAM_KERNEL_PICTURE_H

#include <math.h>

#include "kernel/simd/functions.h"

enum {
    STATS_COLS = 2560, /* channels whose sums are kept at a time */
    STATS_ROWS = 8,    /* read before the next channels: few enough streams for the prefetcher */
};

/* sums[2][STATS_COLS] += Σ x and Σ x² over m rows of 2 · VW channels, in doubles. */
INLINE void stats_strip(const float *x, int64_t x_stride, int64_t m, double *sums)
{
    enum { N = 4, H = VW / 2 };
    vd s[N], q[N];
    for (int v = 0; v < N; v++)
        s[v] = vd_load(sums + v * H), q[v] = vd_load(sums + STATS_COLS + v * H);
    for (int64_t i = 0; i < m; i++) {
        for (int j = 0; j < 2 * VW; j += 16)
            __builtin_prefetch(x + (i + STATS_ROWS) * x_stride + j); /* the rows after these: no pattern to foresee */
        for (int v = 0; v < N; v++) {
            vd a = vd_from_f32(x + i * x_stride + v * H);
            s[v] = vd_add(s[v], a);
            q[v] = vd_fma(a, a, q[v]);
        }
    }
    for (int v = 0; v < N; v++)
        vd_store(sums + v * H, s[v]), vd_store(sums + STATS_COLS + v * H, q[v]);
}

/* Plain sums in doubles: what cancels, mean² against the variance, costs digits that f32 inputs do not have until the
 * mean is 10^6 deviations. */
static void group_stats(const float *x, int64_t x_stride, int64_t m, int64_t c, int groups, double *out)
{
    const int64_t per = c / groups;
    double sums[2 * STATS_COLS];
    for (int g = 0; g < 2 * groups; g++)
        out[g] = 0;
    for (int64_t c0 = 0; c0 < c; c0 += STATS_COLS) {
        const int64_t n = c - c0 < STATS_COLS ? c - c0 : STATS_COLS, whole = n / (2 * VW) * (2 * VW);
        memset(sums, 0, (size_t)n * sizeof *sums);
        memset(sums + STATS_COLS, 0, (size_t)n * sizeof *sums);
        for (int64_t r = 0; r < m; r += STATS_ROWS) {
            const float *a = x + r * x_stride + c0;
            const int64_t rows = m - r < STATS_ROWS ? m - r : STATS_ROWS;
            for (int64_t j = 0; j < whole; j += 2 * VW)
                stats_strip(a + j, x_stride, rows, sums + j);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = whole; j < n; j++) {
                    double e = a[i * x_stride + j];
                    sums[j] += e;
                    sums[STATS_COLS + j] += e * e;
                }
        }
        for (int64_t j = 0, g = c0 / per, left = per - c0 % per; j < n; j++) {
            out[2 * g] += sums[j];
            out[2 * g + 1] += sums[STATS_COLS + j];
            if (--left == 0)
                g++, left = per;
        }
    }
    for (int g = 0; g < groups; g++) {
        double mean = out[2 * g] / (double)(m * per), squares = out[2 * g + 1] - out[2 * g] * mean;
        out[2 * g] = mean;
        out[2 * g + 1] = squares < 0 ? 0 : squares;
    }
}

INLINE void affine_rows(const loam_unary f, const float *x, int64_t x_stride, int64_t m, int64_t c, const float *mul,
                        const float *add, float *y, int64_t y_stride)
{
    for (int64_t i = 0; i < m; i++) {
        const float *a = x + i * x_stride;
        float *o = y + i * y_stride;
        int64_t j = 0;
        for (; j + VW <= c; j += VW)
            vf_store(o + j, vf_unary(f, vf_fma(vf_load(a + j), vf_load(mul + j), vf_load(add + j))));
        if (j < c) {
            vf v = vf_fma(vf_load_part(a + j, c - j), vf_load_part(mul + j, c - j), vf_load_part(add + j, c - j));
            vf_store_part(o + j, c - j, vf_unary(f, v));
        }
    }
}

static void affine(const float *x, int64_t x_stride, int64_t m, int64_t c, const float *mul, const float *add,
                   loam_unary f, float *y, int64_t y_stride){
#define CALL(F) affine_rows(F, x, x_stride, m, c, mul, add, y, y_stride)
    UNARY_SWITCH(f, CALL)
#undef CALL
}

/* Σ x over n elements, or Σ (x - mean) and Σ (x - mean)². */
INLINE float row_sum(const float *x, int64_t n)
{
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    int64_t j = 0;
    for (; j + 4 * VW <= n; j += 4 * VW)
        for (int v = 0; v < 4; v++)
            s[v] = vf_add(s[v], vf_load(x + j + v * VW));
    for (; j + VW <= n; j += VW)
        s[0] = vf_add(s[0], vf_load(x + j));
    if (j < n)
        s[1] = vf_add(s[1], vf_load_part(x + j, n - j));
    return vf_hsum(vf_add(vf_add(s[0], s[1]), vf_add(s[2], s[3])));
}
INLINE void row_deviations(const float *x, int64_t n, float mean, float *sum, float *squares)
{
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()}, q[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    const vf vm = vf_set1(mean);
    int64_t j = 0;
    for (; j + 4 * VW <= n; j += 4 * VW)
        for (int v = 0; v < 4; v++) {
            if (v * VW % 16 == 0)
                __builtin_prefetch(x + n + j + v * VW);
            vf d = vf_sub(vf_load(x + j + v * VW), vm);
            s[v] = vf_add(s[v], d);
            q[v] = vf_fma(d, d, q[v]);
        }
    for (; j < n; j += VW) {
        float end[VW];
        vf_store(end, vm);
        memcpy(end, x + j, (size_t)(n - j < VW ? n - j : VW) * sizeof *end);
        vf d = vf_sub(vf_load(end), vm);
        s[0] = vf_add(s[0], d);
        q[0] = vf_fma(d, d, q[0]);
    }
    *sum = vf_hsum(vf_add(vf_add(s[0], s[1]), vf_add(s[2], s[3])));
    *squares = vf_hsum(vf_add(vf_add(q[0], q[1]), vf_add(q[2], q[3])));
}

/* y = ((x - shift) · scale + rest) · mul + add */
INLINE void norm_row(const bool has_mul, const bool has_add, const float *x, int64_t n, float shift, float scale,
                     float rest, const float *mul, const float *add, float *y)
{
    const vf one = vf_set1(1.0f), zero = vf_zero();
    int64_t j = 0;
    for (; j + VW <= n; j += VW) {
        vf v = vf_fma(vf_sub(vf_load(x + j), vf_set1(shift)), vf_set1(scale), vf_set1(rest));
        vf_store(y + j, vf_fma(v, has_mul ? vf_load(mul + j) : one, has_add ? vf_load(add + j) : zero));
    }
    if (j < n) {
        vf v = vf_fma(vf_sub(vf_load_part(x + j, n - j), vf_set1(shift)), vf_set1(scale), vf_set1(rest));
        v = vf_fma(v, has_mul ? vf_load_part(mul + j, n - j) : one, has_add ? vf_load_part(add + j, n - j) : zero);
        vf_store_part(y + j, n - j, v);
    }
}

/* Two passes over a row that the cache holds, and the second corrects what the first's mean lacks (Chan et al. 1983,
 * eq. 1.7). */
static void layer_norm(const float *x, int64_t x_stride, int64_t m, int64_t n, float eps, const float *mul,
                       const float *add, float *y, int64_t y_stride)
{
    for (int64_t i = 0; i < m; i++) {
        const float *a = x + i * x_stride;
        float *o = y + i * y_stride;
        float mean = row_sum(a, n) / (float)n, rest, squares;
        row_deviations(a, n, mean, &rest, &squares);
        rest /= (float)n;
        float variance = squares / (float)n - rest * rest;
        float scale = 1.0f / sqrtf((variance < 0 ? 0 : variance) + eps);
        if (mul && add)
            norm_row(true, true, a, n, mean, scale, -rest * scale, mul, add, o);
        else if (mul)
            norm_row(true, false, a, n, mean, scale, -rest * scale, mul, add, o);
        else if (add)
            norm_row(false, true, a, n, mean, scale, -rest * scale, mul, add, o);
        else
            norm_row(false, false, a, n, mean, scale, -rest * scale, mul, add, o);
    }
}

INLINE void unary_range(const loam_unary f, const float *x, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        vf_store(y + i, vf_unary(f, vf_load(x + i)));
    if (i < n)
        vf_store_part(y + i, n - i, vf_unary(f, vf_load_part(x + i, n - i)));
}
static void unary(loam_unary f, const float *x, int64_t n, float *y){
#define CALL(F) unary_range(F, x, n, y)
    UNARY_SWITCH(f, CALL)
#undef CALL
}

INLINE void gate_range(const loam_unary f, const float *a, const float *b, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        vf_store(y + i, vf_mul(vf_unary(f, vf_load(a + i)), vf_load(b + i)));
    if (i < n)
        vf_store_part(y + i, n - i, vf_mul(vf_unary(f, vf_load_part(a + i, n - i)), vf_load_part(b + i, n - i)));
}
static void gate(loam_unary f, const float *gates, const float *up, int64_t n, float *y)
{
#define CALL(F) gate_range(F, gates, up, n, y)
    UNARY_SWITCH(f, CALL)
#undef CALL
}

static void mul_add(const float *a, const float *b, const float *c, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        vf_store(y + i, vf_fma(vf_load(b + i), vf_load(c + i), vf_load(a + i)));
    if (i < n)
        vf_store_part(y + i, n - i,
                      vf_fma(vf_load_part(b + i, n - i), vf_load_part(c + i, n - i), vf_load_part(a + i, n - i)));
}

#define PICTURE_TABLE                                                                                     \
    .group_stats = group_stats, .affine = affine, .layer_norm = layer_norm, .unary = unary, .gate = gate, \
    .mul_add = mul_add

#endif
