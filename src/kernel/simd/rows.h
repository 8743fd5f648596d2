/* Row-wise operations over the vector vocabulary: quantising, norms, RoPE, KV writes. Sums run over vectors in
 * order and end in one horizontal sum, so a row's bits do not depend on anything but the row. */
#ifndef LOAM_KERNEL_ROWS_H
#define LOAM_KERNEL_ROWS_H

#include <math.h>

#include "kernel/kernel_int.h"
#include "kernel/ref/ref.h"

/* n_blocks blocks of 32 that share one scale. */
INLINE void quantize_span(const float *x, const int n_blocks, loam_act_block *y)
{
    vf largest = vf_abs(vf_load(x));
    for (int j = VW; j < n_blocks * 32; j += VW)
        largest = vf_max(largest, vf_abs(vf_load(x + j)));
    float top = vf_hmax(largest);
    vf inverse = vf_set1(top > LOAM_ACT_TINY ? 127.0f / top : 0);
    for (int b = 0; b < n_blocks; b++, x += 32) {
        vf half[2] = {vf_zero(), vf_zero()};
        for (int j = 0; j < 32; j += VW) {
            vf q = vf_round(vf_mul(vf_load(x + j), inverse));
            q = vf_max(vf_min(q, vf_set1(127)), vf_set1(-127));
            vf_to_i8(y[b].q + j, q);
            half[j / 16] = vf_add(half[j / 16], q);
        }
        int32_t s0 = (int32_t)vf_hsum(half[0]), s1 = (int32_t)vf_hsum(half[1]); /* exact: small integers */
        y[b].scale = top / 127.0f;
        y[b].half_sum[0] = (int16_t)s0;
        y[b].half_sum[1] = (int16_t)s1;
        y[b].sum[0] = (int16_t)(s0 + s1);
        y[b].sum[1] = 0;
        if (b % 2)
            y[b - 1].sum[1] = y[b].sum[0];
        y[b].scaled_sum = y[b].scale * (float)(s0 + s1);
    }
}

static void quantize_q8(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride)
{
    if (k % 32) {
        loam_quantize_q8_ref(x, x_stride, m, k, y, y_stride);
        return;
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t b = 0; b < k / 32; b++)
            quantize_span(x + i * x_stride + b * 32, 1, (loam_act_block *)((char *)y + (size_t)i * y_stride) + b);
}

static void quantize_q8k(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t b = 0; b < k / 32; b += 8)
            quantize_span(x + i * x_stride + b * 32, 8, (loam_act_block *)((char *)y + (size_t)i * y_stride) + b);
}

static void rms_norm(const float *x, int64_t x_stride, const float *w, float eps, int64_t m, int64_t n, float *y,
                     int64_t y_stride)
{
    for (int64_t i = 0; i < m; i++) {
        const float *a = x + i * x_stride;
        float *o = y + i * y_stride;
        vf s0 = vf_zero(), s1 = vf_zero();
        int64_t j = 0;
        for (; j + 2 * VW <= n; j += 2 * VW) {
            vf v0 = vf_load(a + j), v1 = vf_load(a + j + VW);
            s0 = vf_fma(v0, v0, s0);
            s1 = vf_fma(v1, v1, s1);
        }
        float sum = vf_hsum(vf_add(s0, s1));
        for (; j < n; j++)
            sum += a[j] * a[j];
        float scale = 1.0f / sqrtf(sum / (float)n + eps);
        vf vs = vf_set1(scale);
        for (j = 0; j + VW <= n; j += VW)
            vf_store(o + j, vf_mul(vf_mul(vf_load(a + j), vs), vf_load(w + j)));
        for (; j < n; j++)
            o[j] = a[j] * scale * w[j];
    }
}

static void add(const float *a, const float *b, int64_t n, float *y)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        vf_store(y + i, vf_add(vf_load(a + i), vf_load(b + i)));
    for (; i < n; i++)
        y[i] = a[i] + b[i];
}

static void rope(float *x, int64_t n_heads, int64_t head_dim, int64_t n_rot, bool neox, const float *cos,
                 const float *sin)
{
    int64_t half = n_rot / 2;
    if (n_rot % VW || (neox && half % VW)) {
        loam_rope_ref(x, n_heads, head_dim, n_rot, neox, cos, sin);
        return;
    }
    for (int64_t h = 0; h < n_heads; h++, x += head_dim) {
        if (neox) {
            for (int64_t i = 0; i < half; i += VW) {
                vf a = vf_load(x + i), b = vf_load(x + i + half);
                vf_store(x + i, vf_fma(b, vf_load(sin + i), vf_mul(a, vf_load(cos + i))));
                vf_store(x + i + half, vf_fma(a, vf_load(sin + i + half), vf_mul(b, vf_load(cos + i + half))));
            }
        } else {
            for (int64_t i = 0; i < n_rot; i += VW) {
                vf a = vf_load(x + i);
                vf_store(x + i, vf_fma(vf_swap_pairs(a), vf_load(sin + i), vf_mul(a, vf_load(cos + i))));
            }
        }
    }
}

/* Into the finite range of f16: an infinity in the cache would turn into NaN where attention gives it the weight 0. */
INLINE vf f16_range(vf x)
{
    return vf_min(vf_max(x, vf_set1(-65504.0f)), vf_set1(65504.0f));
}

static void kv_write(const float *k, const float *v, int64_t head_dim, int64_t pos, uint16_t *k_cache,
                     uint16_t *v_cache)
{
    if (head_dim % VW) {
        loam_kv_write_ref(k, v, head_dim, pos, k_cache, v_cache);
        return;
    }
    uint16_t *kc = k_cache + pos / 16 * 16 * head_dim + pos % 16, *vc = v_cache + pos * loam_v_stride(head_dim);
    for (int64_t d = 0; d < head_dim; d += VW) {
        uint16_t half[VW];
        vf_to_f16(half, f16_range(vf_load(k + d)));
        for (int i = 0; i < VW; i++)
            kc[(d + i) * 16] = half[i];
        vf_to_f16(vc + d, f16_range(vf_load(v + d)));
    }
}

#endif
