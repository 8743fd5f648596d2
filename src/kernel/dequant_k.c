/* The "K" types: super-blocks of 256 elements whose sub-blocks of 16 or 32 have small integer scales of their own,
 * scaled in turn by one or two halves of the super-block. */
#include "kernel/dequant_int.h"

#define BLOCK 256

/* Crumbs (2-bit fields) as Q2_K and Q3_K keep them: 32 bytes cover 128 elements, byte i holding elements i, i + 32,
 * i + 64 and i + 96 from its lowest bits up. */
static int crumb(const uint8_t *qs, int e)
{
    return qs[e / 128 * 32 + e % 32] >> e % 128 / 32 * 2 & 3;
}

/* 84 bytes: 16 bytes, one a sub-block of 16 elements: scale in the low nibble, minimum in the high one; 64 bytes of
 * crumbs; d (half); dmin (half).
 * x = (d * scale) * q - (dmin * min), q in 0…3. */
void loam_dequant_q2_k(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 84, dst += BLOCK) {
        const uint8_t *scales = src, *qs = src + 16;
        float d = load_f16(src + 80), dmin = load_f16(src + 82);
        for (int s = 0; s < 16; s++) {
            float scale = d * (float)(scales[s] & 15), min = dmin * (float)(scales[s] >> 4);
            for (int e = 16 * s; e < 16 * s + 16; e++)
                dst[e] = scale * (float)crumb(qs, e) - min;
        }
    }
}

/* 110 bytes: 32 bytes of mask, bit j of byte i for element 32 * j + i, set where 4 is NOT subtracted; 64 bytes of
 * crumbs; 12 bytes with sixteen 6-bit scales; d (half). Scale s has its low 4 bits in byte s % 8 (nibble s / 8), its
 * high 2 in byte 8 + s % 4 (crumb s / 4).
 * x = (d * (scale - 32)) * (q - (mask ? 0 : 4)), q in 0…3. */
void loam_dequant_q3_k(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 110, dst += BLOCK) {
        const uint8_t *mask = src, *qs = src + 32, *scales = src + 96;
        float d = load_f16(src + 108);
        for (int s = 0; s < 16; s++) {
            int low = scales[s % 8] >> s / 8 * 4 & 15, high = scales[8 + s % 4] >> s / 4 * 2 & 3;
            float scale = d * (float)((low | high << 4) - 32);
            for (int e = 16 * s; e < 16 * s + 16; e++)
                dst[e] = scale * (float)(crumb(qs, e) - (mask[e % 32] >> e / 32 & 1 ? 0 : 4));
        }
    }
}

/* The 12 bytes of Q4_K and Q5_K with a 6-bit scale and a 6-bit minimum for each of 8 sub-blocks. For s < 4 they are
 * the low 6 bits of bytes s and s + 4; for s ≥ 4 their low 4 bits are the nibbles of byte s + 4 and their high 2 bits
 * the ones left in bytes s - 4 and s. */
static void scale_and_min(const uint8_t *p, int s, int *scale, int *min)
{
    if (s < 4) {
        *scale = p[s] & 63;
        *min = p[s + 4] & 63;
    } else {
        *scale = (p[s + 4] & 15) | p[s - 4] >> 6 << 4;
        *min = p[s + 4] >> 4 | p[s] >> 6 << 4;
    }
}

/* 144 bytes: d (half); dmin (half); 12 bytes of scales and minima; 128 bytes of nibbles, 32 bytes for two sub-blocks
 * of 32: the even one in the low nibbles, the odd one in the high.
 * x = (d * scale) * q - (dmin * min), q in 0…15. */
void loam_dequant_q4_k(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 144, dst += BLOCK) {
        float d = load_f16(src), dmin = load_f16(src + 2);
        for (int s = 0; s < 8; s++) {
            const uint8_t *qs = src + 16 + s / 2 * 32;
            int scale, min;
            scale_and_min(src + 4, s, &scale, &min);
            float ds = d * (float)scale, dm = dmin * (float)min;
            for (int i = 0; i < 32; i++)
                dst[32 * s + i] = ds * (float)(qs[i] >> s % 2 * 4 & 15) - dm;
        }
    }
}

/* 176 bytes: d (half); dmin (half); 12 bytes of scales and minima; 32 bytes whose bit s of byte i is bit 4 of element
 * 32 * s + i; 128 bytes of nibbles as in Q4_K.
 * x = (d * scale) * q - (dmin * min), q in 0…31. */
void loam_dequant_q5_k(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 176, dst += BLOCK) {
        const uint8_t *high = src + 16;
        float d = load_f16(src), dmin = load_f16(src + 2);
        for (int s = 0; s < 8; s++) {
            const uint8_t *qs = src + 48 + s / 2 * 32;
            int scale, min;
            scale_and_min(src + 4, s, &scale, &min);
            float ds = d * (float)scale, dm = dmin * (float)min;
            for (int i = 0; i < 32; i++)
                dst[32 * s + i] = ds * (float)((qs[i] >> s % 2 * 4 & 15) | (high[i] >> s & 1) << 4) - dm;
        }
    }
}

/* 210 bytes: 128 bytes of nibbles (bits 0…3): 64 bytes cover 128 elements, byte i holding elements i (low) and i + 64
 * (high); 64 bytes of crumbs (bits 4…5), laid out as in Q2_K; 16 signed scales of one byte; d (half).
 * x = (d * scale) * (q - 32), q in 0…63. */
void loam_dequant_q6_k(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 210, dst += BLOCK) {
        const uint8_t *low = src, *high = src + 128, *scales = src + 192;
        float d = load_f16(src + 208);
        for (int s = 0; s < 16; s++) {
            float scale = d * (float)(int8_t)scales[s];
            for (int e = 16 * s; e < 16 * s + 16; e++) {
                int nibble = low[e / 128 * 64 + e % 64] >> e % 128 / 64 * 4 & 15;
                dst[e] = scale * (float)((nibble | crumb(high, e) << 4) - 32);
            }
        }
    }
}
