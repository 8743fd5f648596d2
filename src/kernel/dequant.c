/* Elements of any type to f32: the specification that the fast kernels are compared with. The plain float types and
 * the blocks of 32 are here, dequant_k.c and dequant_iq.c have the others. Each function's comment is the format.
 *
 * All formats are little-endian. The order of the f32 operations is that of the reference (the `gguf` Python package),
 * so that results agree to the last bit; that needs -ffp-contract=off. */
#include "kernel/dequant_int.h"

#include <string.h>

#define BLOCK 32

/* 18 bytes: d (half); 16 bytes of nibbles. Byte i holds elements i (low) and i + 16 (high).
 * x = d * (q - 8), q in 0…15. */
static void dequant_q4_0(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 18, dst += BLOCK) {
        float d = load_f16(src);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)((src[2 + i] & 15) - 8);
            dst[i + 16] = d * (float)((src[2 + i] >> 4) - 8);
        }
    }
}

/* 20 bytes: d (half); m (half); 16 bytes of nibbles, paired as in Q4_0.
 * x = d * q + m, q in 0…15. */
static void dequant_q4_1(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 20, dst += BLOCK) {
        float d = load_f16(src), m = load_f16(src + 2);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)(src[4 + i] & 15) + m;
            dst[i + 16] = d * (float)(src[4 + i] >> 4) + m;
        }
    }
}

/* 22 bytes: d (half); a 32-bit word whose bit i is bit 4 of element i; 16 bytes of nibbles, paired as in Q4_0.
 * x = d * (q - 16), q in 0…31. */
static void dequant_q5_0(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 22, dst += BLOCK) {
        float d = load_f16(src);
        uint32_t high = load_u32(src + 2);
        for (int i = 0; i < 16; i++) {
            int lo = (src[6 + i] & 15) | (int)(high >> i & 1) << 4;
            int hi = src[6 + i] >> 4 | (int)(high >> (i + 16) & 1) << 4;
            dst[i] = d * (float)(lo - 16);
            dst[i + 16] = d * (float)(hi - 16);
        }
    }
}

/* 24 bytes: d (half); m (half); the word of high bits and the nibbles of Q5_0.
 * x = d * q + m, q in 0…31. */
static void dequant_q5_1(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 24, dst += BLOCK) {
        float d = load_f16(src), m = load_f16(src + 2);
        uint32_t high = load_u32(src + 4);
        for (int i = 0; i < 16; i++) {
            int lo = (src[8 + i] & 15) | (int)(high >> i & 1) << 4;
            int hi = src[8 + i] >> 4 | (int)(high >> (i + 16) & 1) << 4;
            dst[i] = d * (float)lo + m;
            dst[i + 16] = d * (float)hi + m;
        }
    }
}

/* 34 bytes: d (half); 32 signed bytes q.
 * x = q * d. */
static void dequant_q8_0(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 34, dst += BLOCK) {
        float d = load_f16(src);
        for (int i = 0; i < BLOCK; i++)
            dst[i] = (float)(int8_t)src[2 + i] * d;
    }
}

void loam_dequantize(loam_dtype t, const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    if (n <= 0)
        return;
    int64_t n_blocks = n / (int64_t)loam_dtype_block_elems(t);
    switch (t) {
    case LOAM_DTYPE_F32:
        memcpy(dst, p, (size_t)n * sizeof *dst);
        return;
    case LOAM_DTYPE_F16:
        for (int64_t i = 0; i < n; i++)
            dst[i] = load_f16(p + 2 * i);
        return;
    case LOAM_DTYPE_BF16:
        for (int64_t i = 0; i < n; i++)
            dst[i] = loam_bf16_to_f32(load_u16(p + 2 * i));
        return;
    case LOAM_DTYPE_I32:
        for (int64_t i = 0; i < n; i++)
            dst[i] = (float)(int32_t)load_u32(p + 4 * i);
        return;
    case LOAM_DTYPE_Q4_0:
        dequant_q4_0(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q4_1:
        dequant_q4_1(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q5_0:
        dequant_q5_0(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q5_1:
        dequant_q5_1(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q8_0:
        dequant_q8_0(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q2_K:
        loam_dequant_q2_k(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q3_K:
        loam_dequant_q3_k(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q4_K:
        loam_dequant_q4_k(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q5_K:
        loam_dequant_q5_k(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_Q6_K:
        loam_dequant_q6_k(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_IQ4_NL:
        loam_dequant_iq4_nl(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_IQ4_XS:
        loam_dequant_iq4_xs(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_MXFP4:
        loam_dequant_mxfp4(p, dst, n_blocks);
        return;
    case LOAM_DTYPE_COUNT:
        return;
    }
}
