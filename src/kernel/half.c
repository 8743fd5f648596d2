/* IEEE half precision and bfloat16, converted with integer arithmetic alone: the same bits on every processor and
 * compiler. NaNs follow the reference implementations (numpy for half, ggml for bfloat16), which differ. */
#include "kernel/dtype.h"

static float f32_of_bits(uint32_t u)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = u};
    return v.f;
}

static uint32_t bits_of_f32(float f)
{
    union {
        float f;
        uint32_t u;
    } v = {.f = f};
    return v.u;
}

/* Half: 1 sign bit, 5 exponent bits (bias 15), 10 mantissa bits. Every half is an f32; a NaN keeps its payload. */
float loam_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 0x1f, mantissa = h & 0x3ff;
    if (exponent == 0) /* zero or subnormal: mantissa * 2^-24, exact because f32 has the range */
        return f32_of_bits(sign | bits_of_f32((float)mantissa * 0x1p-24f));
    if (exponent == 0x1f)
        return f32_of_bits(sign | 0x7f800000 | mantissa << 13);
    return f32_of_bits(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

/* v / 2^shift to the nearest integer, ties to even; 1 ≤ shift ≤ 31. */
static uint32_t shift_round(uint32_t v, unsigned shift)
{
    uint32_t floor = v >> shift, rest = v & ((1u << shift) - 1), half = 1u << (shift - 1);
    return floor + (rest > half || (rest == half && (floor & 1)));
}

uint16_t loam_f32_to_f16(float f)
{
    uint32_t u = bits_of_f32(f), sign = u >> 16 & 0x8000, abs = u & 0x7fffffff, h;
    if (abs > 0x7f800000) { /* NaN: the payload's upper bits, never so few that it would read as infinity */
        uint32_t payload = (abs & 0x7fffff) >> 13;
        h = 0x7c00 | (payload ? payload : 1);
    } else if (abs >= 0x47800000) { /* 2^16 and more */
        h = 0x7c00;
    } else if (abs >= 0x38800000) { /* normal from 2^-14; rounding 65520 up carries into the exponent: infinity */
        h = shift_round(abs - ((127u - 15) << 23), 13);
    } else if (abs >= 0x33000000) { /* subnormal, in units of 2^-24; 2^-25 itself ties to zero */
        h = shift_round((abs & 0x7fffff) | 0x800000, 126 - (abs >> 23));
    } else {
        h = 0;
    }
    return (uint16_t)(sign | h);
}

/* bfloat16 is the upper half of an f32. A NaN keeps its upper payload and is made quiet, as ggml does. */
uint16_t loam_f32_to_bf16(float f)
{
    uint32_t u = bits_of_f32(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
