/* From the types of files (f64, f8, floats, quantised) to those that the device multiplies with. */
#include "model/weight_convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { Q8_0_ELEMS = 32 };

/* 8-bit floats of the OCP specification (2023): E4M3 has bias 7, no infinity and one NaN; E5M2 is the upper byte of a
 * half. */
static float f8_e4m3(uint8_t b)
{
    int exponent = b >> 3 & 15, mantissa = b & 7;
    float v = exponent == 15 && mantissa == 7 ? NAN
              : exponent == 0                 ? (float)mantissa * 0x1p-9f
                                              : ldexpf((float)(8 + mantissa), exponent - 10);
    return b & 0x80 ? -v : v;
}

static float f8_e5m2(uint8_t b)
{
    return loam_f16_to_f32((uint16_t)(b << 8));
}

void loam_convert_f32(const loam_weight_view *v, int64_t at, int64_t n, float *dst)
{
    switch (v->kind) {
    case LOAM_WEIGHT_GGML:
        loam_dequantize(v->dtype, v->data + loam_dtype_row_bytes(v->dtype, at), dst, n);
        break;
    case LOAM_WEIGHT_F64:
        for (int64_t i = 0; i < n; i++) {
            double d;
            memcpy(&d, v->data + (at + i) * 8, sizeof d);
            dst[i] = (float)d;
        }
        break;
    case LOAM_WEIGHT_F8_E4M3:
        for (int64_t i = 0; i < n; i++)
            dst[i] = f8_e4m3(v->data[at + i]);
        break;
    case LOAM_WEIGHT_F8_E5M2:
        for (int64_t i = 0; i < n; i++)
            dst[i] = f8_e5m2(v->data[at + i]);
        break;
    }
}

bool loam_convert_can_make(loam_dtype t)
{
    return t == LOAM_DTYPE_F32 || t == LOAM_DTYPE_F16 || t == LOAM_DTYPE_BF16 || t == LOAM_DTYPE_Q8_0;
}

/* ggml's rounding (quantize_row_q8_0_ref): d = max|x| / 127 as f16, q = round(x · (1/d)) with d before its rounding. */
static void make_q8_0(const float *x, uint8_t *dst, int64_t n)
{
    for (int64_t b = 0; b < n; b += Q8_0_ELEMS, x += Q8_0_ELEMS, dst += 2 + Q8_0_ELEMS) {
        float most = 0;
        for (int i = 0; i < Q8_0_ELEMS; i++)
            most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
        float d = most / 127, inverse = d != 0 ? 1 / d : 0;
        uint16_t half = loam_f32_to_f16(d);
        memcpy(dst, &half, 2);
        for (int i = 0; i < Q8_0_ELEMS; i++) {
            float q = roundf(x[i] * inverse);
            dst[2 + i] = (uint8_t)(int8_t)(q > 127 ? 127 : q < -127 ? -127 : q == q ? q : 0);
        }
    }
}

static void make_row(const float *x, loam_dtype t, uint8_t *dst, int64_t n)
{
    switch (t) {
    case LOAM_DTYPE_F32:
        memcpy(dst, x, (size_t)n * sizeof *x);
        break;
    case LOAM_DTYPE_F16:
    case LOAM_DTYPE_BF16:
        for (int64_t i = 0; i < n; i++) {
            uint16_t h = t == LOAM_DTYPE_F16 ? loam_f32_to_f16(x[i]) : loam_f32_to_bf16(x[i]);
            memcpy(dst + i * 2, &h, 2);
        }
        break;
    default:
        make_q8_0(x, dst, n);
    }
}

/* Floats of one size are moved as they are: no way through f32. src may lie anywhere, dst is the allocator's. */
static void permute_row(const uint8_t *src, uint8_t *dst, int64_t c, int64_t taps, size_t size)
{
    for (int64_t t = 0; t < taps; t++)
        for (int64_t i = 0; i < c; i++, dst += size) {
            if (size == 2)
                memcpy(dst, src + (i * taps + t) * 2, 2);
            else
                memcpy(dst, src + (i * taps + t) * 4, 4);
        }
}

static void permute_f32(const float *src, float *dst, int64_t c, int64_t taps)
{
    for (int64_t t = 0; t < taps; t++)
        for (int64_t i = 0; i < c; i++)
            *dst++ = src[i * taps + t];
}

/* Row `row` of v as f32, in v's own order; of a transposed one it is a column of the file. */
static void row_f32(const loam_weight_view *v, int64_t row, int64_t k, float *dst)
{
    if (!v->transposed) {
        loam_convert_f32(v, row * k, k, dst);
        return;
    }
    for (int64_t i = 0; i < k; i++)
        loam_convert_f32(v, i * v->shape[0] + row, 1, dst + i);
}

loam_status loam_convert_matrix(const loam_weight_view *v, int64_t row0, int64_t n, int64_t c, int64_t taps,
                                loam_dtype want, loam_converted *out, loam_err *err)
{
    const int64_t k = c * taps;
    const bool plain = v->kind == LOAM_WEIGHT_GGML, blocks = plain && loam_dtype_block_elems(v->dtype) > 1;
    *out = (loam_converted){.dtype = want};
    if (want == LOAM_DTYPE_COUNT) /* a block of several taps cannot be cut apart */
        out->dtype = plain && !(blocks && (taps > 1 || v->transposed)) ? v->dtype : LOAM_DTYPE_F16;
    if (blocks && (v->transposed || k % (int64_t)loam_dtype_block_elems(v->dtype) != 0))
        LOAM_FAIL(err, UNSUPPORTED, "the tensor '%s' is of type %s, whose blocks do not fit rows of %lld", v->name,
                  loam_dtype_name(v->dtype), (long long)k);
    const bool same = plain && v->dtype == out->dtype && !v->transposed;
    if (same && taps == 1) {
        out->data = v->data + loam_dtype_row_bytes(v->dtype, row0 * k);
        return LOAM_OK;
    }
    const size_t row_bytes = loam_dtype_row_bytes(out->dtype, k);
    size_t bytes;
    float *row = malloc((size_t)k * sizeof *row), *order = malloc((size_t)k * sizeof *order);
    if (!row || !order || loam_mul_overflows((size_t)n, row_bytes, &bytes) || !(out->owned = malloc(bytes))) {
        free(row);
        free(order);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the tensor '%s' [%lld, %lld]", v->name, (long long)n, (long long)k);
    }
    uint8_t *dst = out->owned;
    for (int64_t r = 0; r < n; r++, dst += row_bytes) {
        if (same) { /* floats, with taps */
            permute_row(v->data + loam_dtype_row_bytes(v->dtype, (row0 + r) * k), dst, c, taps,
                        loam_dtype_block_bytes(v->dtype));
            continue;
        }
        row_f32(v, row0 + r, k, row);
        if (taps > 1)
            permute_f32(row, order, c, taps);
        make_row(taps > 1 ? order : row, out->dtype, dst, k);
    }
    free(row);
    free(order);
    out->data = out->owned;
    return LOAM_OK;
}
