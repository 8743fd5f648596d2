/* Types whose 4-bit values index a table instead of counting steps. */
#include "kernel/dequant_int.h"

/* The 16 levels of IQ4_NL and IQ4_XS: denser around zero, where weights are. */
static const int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* 18 bytes: d (half); 16 bytes of nibbles, byte i holding elements i (low) and i + 16 (high).
 * x = d * level[q]. */
void loam_dequant_iq4_nl(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 18, dst += 32) {
        float d = load_f16(src);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)iq4_levels[src[2 + i] & 15];
            dst[i + 16] = d * (float)iq4_levels[src[2 + i] >> 4];
        }
    }
}

/* 136 bytes: d (half); a 16-bit word with the high 2 bits of eight scales, from the lowest bits up; 4 bytes with their
 * low 4 bits (scale s: nibble s % 2 of byte s / 2); 128 bytes: 16 a sub-block of 32, laid out as in IQ4_NL.
 * x = (d * (scale - 32)) * level[q], scale in 0…63. */
void loam_dequant_iq4_xs(const uint8_t *src, float *dst, int64_t n_blocks)
{
    for (int64_t b = 0; b < n_blocks; b++, src += 136) {
        float d = load_f16(src);
        unsigned high = load_u16(src + 2);
        for (int s = 0; s < 8; s++, dst += 32) {
            const uint8_t *qs = src + 8 + 16 * s;
            int scale = (src[4 + s / 2] >> s % 2 * 4 & 15) | (int)(high >> 2 * s & 3) << 4;
            float ds = d * (float)(scale - 32);
            for (int i = 0; i < 16; i++) {
                dst[i] = ds * (float)iq4_levels[qs[i] & 15];
                dst[i + 16] = ds * (float)iq4_levels[qs[i] >> 4];
            }
        }
    }
}

/* 17 bytes: e, an exponent; 16 bytes of nibbles, laid out as in IQ4_NL, each a 4-bit float (OCP Microscaling Formats
 * 1.0: E2M1 elements, E8M0 scale).
 * x = 2^(e - 128) * level[q]; the levels are doubled, hence 128 and not 127. The formula also holds for e = 255, which
 * the specification calls NaN: so does the reference. */
void loam_dequant_mxfp4(const uint8_t *src, float *dst, int64_t n_blocks)
{
    static const int8_t levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    for (int64_t b = 0; b < n_blocks; b++, src += 17, dst += 32) {
        union {
            uint32_t u;
            float f;
        } d = {.u = src[0] < 2 ? 0x00200000u << src[0] : (uint32_t)(src[0] - 1) << 23}; /* subnormal for 0 and 1 */
        for (int i = 0; i < 16; i++) {
            dst[i] = d.f * (float)levels[src[1 + i] & 15];
            dst[i + 16] = d.f * (float)levels[src[1 + i] >> 4];
        }
    }
}
