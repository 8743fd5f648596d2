/* The matrix product as it is meant: quantised weights and activations meet in integers, block by block; the float sum
 * runs over the blocks in order. */
#include <math.h>
#include <string.h>

#include "kernel/kernel_int.h"
#include "kernel/ref/ref.h"

/* n elements, up to eight blocks that share one scale; a last block that is not full is filled with zeros. */
static void quantize_span(const float *x, int64_t n, loam_act_block *y)
{
    float largest = 0;
    for (int64_t j = 0; j < n; j++)
        largest = fabsf(x[j]) > largest ? fabsf(x[j]) : largest;
    float inverse = largest > LOAM_ACT_TINY ? 127.0f / largest : 0;
    for (int64_t b = 0; b * 32 < n; b++) {
        loam_act_block o = {.scale = largest / 127.0f};
        for (int64_t j = b * 32; j < b * 32 + 32 && j < n; j++) {
            float q = rintf(x[j] * inverse);
            int8_t i = (int8_t)(q > 127 ? 127 : q >= -127 ? q : -127); /* a NaN becomes -127: garbage in, no trap */
            o.q[j % 32] = i;
            o.half_sum[j % 32 / 16] = (int16_t)(o.half_sum[j % 32 / 16] + i);
        }
        o.sum[0] = (int16_t)(o.half_sum[0] + o.half_sum[1]);
        o.scaled_sum = o.scale * (float)o.sum[0];
        y[b] = o;
        if (b % 2)
            y[b - 1].sum[1] = o.sum[0];
    }
}

static void quantize(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride, int64_t span)
{
    for (int64_t i = 0; i < m; i++) {
        loam_act_block *row = (loam_act_block *)((char *)y + (size_t)i * y_stride);
        for (int64_t j = 0; j < k; j += span)
            quantize_span(x + i * x_stride + j, k - j < span ? k - j : span, row + j / 32);
    }
}

void loam_quantize_q8_ref(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride)
{
    quantize(x, x_stride, m, k, y, y_stride, 32);
}

void loam_quantize_q8k_ref(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride)
{
    quantize(x, x_stride, m, k, y, y_stride, 256);
}

void loam_to_bf16_ref(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride)
{
    for (int64_t i = 0; i < m; i++) {
        uint16_t *row = (uint16_t *)((char *)y + (size_t)i * y_stride);
        for (int64_t j = 0; j < k; j++)
            row[j] = loam_f32_to_bf16(x[i * x_stride + j]);
        if (k % 2)
            row[k] = 0;
    }
}

static float f16_at(const uint8_t *p, int64_t i)
{
    uint16_t h;
    memcpy(&h, p + i * 2, 2);
    return loam_f16_to_f32(h);
}

static int book_value(loam_pack_book book, int q)
{
    return book == LOAM_PACK_BOOK_IQ4     ? loam_book_iq4[q] + 128
           : book == LOAM_PACK_BOOK_MXFP4 ? loam_book_mxfp4[q] + 12
                                          : q;
}

void loam_packed_block_ref(const loam_packed *w, const uint8_t *group, int64_t block, loam_block_values *out)
{
    const loam_pack_format *f = loam_pack_format_get(w->dtype);
    for (int c = 0; c < 16; c++) {
        for (int k = 0; k < 32; k++) {
            int g = k / 4, lane = c * 4 + k % 4, q;
            if (f->low_bits == 8)
                q = group[block * 512 + g * 64 + lane];
            else
                q = group[block * 256 + g % 4 * 64 + lane] >> (g / 4 * 4) & 15;
            const uint8_t *high = group + w->high_at;
            if (f->high_bits == 1)
                q |= (high[block * 64 + lane] >> g & 1) << 4;
            else if (f->high_bits == 2)
                q |= (high[block * 128 + g / 4 * 64 + lane] >> (g % 4 * 2) & 3) << 4;
            out->q[k][c] = book_value(f->book, q);
        }
        for (int h = 0; h < 2; h++) {
            int64_t at = f->has_super ? block / 8 * 16 + c : block * 16 + c;
            float scale, min = 0;
            if (w->dtype == LOAM_DTYPE_MXFP4)
                scale = ldexpf(1.0f, group[w->scale_at + (size_t)at] - 128);
            else
                scale = f16_at(group + w->scale_at, at);
            if (f->has_min)
                min = f16_at(group + w->min_at, at);
            if (f->has_super) {
                size_t sub = (size_t)((f->n_sub == 2 ? block * 2 + h : block) * 16 + c);
                uint8_t s = group[w->sub_at + sub];
                scale *= f->sub_signed ? (float)(int8_t)s : (float)s;
                min *= f->has_min ? -(float)group[w->sub_min_at + sub] : 0;
            }
            out->scale[h][c] = scale;
            out->min[h][c] = min;
        }
    }
}

static void matmul_quantised(const loam_packed *w, const uint8_t *group, const loam_act_block *x, float *y)
{
    const loam_pack_format *f = loam_pack_format_get(w->dtype);
    memset(y, 0, 16 * sizeof *y);
    for (int64_t b = 0; b < w->k / 32; b++) {
        loam_block_values v;
        loam_packed_block_ref(w, group, b, &v);
        for (int c = 0; c < 16; c++)
            for (int h = 0; h < 2; h++) {
                int32_t sum = -f->zero * x[b].half_sum[h];
                for (int k = h * 16; k < h * 16 + 16; k++)
                    sum += v.q[k][c] * x[b].q[k];
                y[c] += (float)sum * (v.scale[h][c] * x[b].scale);
                y[c] += v.min[h][c] * (x[b].scale * (float)x[b].half_sum[h]);
            }
    }
}

static float weight_at(const loam_packed *w, const uint8_t *group, int64_t k, int c)
{
    float v;
    switch (w->dtype) {
    case LOAM_DTYPE_F32:
        memcpy(&v, group + (k * 16 + c) * 4, 4);
        return v;
    case LOAM_DTYPE_F16:
        return f16_at(group, k * 16 + c);
    default: {
        uint16_t h;
        memcpy(&h, group + ((k / 2 * 16 + c) * 2 + k % 2) * 2, 2);
        return loam_bf16_to_f32(h);
    }
    }
}

void loam_matmul_ref(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride, int64_t m,
                     float *y, int64_t y_stride, void *scratch)
{
    (void)scratch;
    for (int64_t i = 0; i < m; i++)
        for (int64_t g = 0; g < n_groups; g++) {
            const uint8_t *group = w->data + (size_t)(g0 + g) * w->group_bytes;
            const void *x = (const char *)act + (size_t)i * act_stride;
            float *out = y + i * y_stride + g * 16;
            if (loam_pack_format_get(w->dtype)) {
                matmul_quantised(w, group, x, out);
                continue;
            }
            memset(out, 0, 16 * sizeof *out);
            for (int64_t k = 0; k < w->k; k++)
                for (int c = 0; c < 16; c++)
                    out[c] += ((const float *)x)[k] * weight_at(w, group, k, c);
        }
}
