/* Shared by the dequantising files: a function per block type. Each turns n_blocks consecutive blocks into f32, reads
 * src byte by byte (no alignment) and never fails: every bit pattern is a valid block. */
#ifndef LOAM_KERNEL_DEQUANT_INT_H
#define LOAM_KERNEL_DEQUANT_INT_H

#include "kernel/dtype.h"

static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t load_u32(const uint8_t *p)
{
    return load_u16(p) | (uint32_t)load_u16(p + 2) << 16;
}
static inline float load_f16(const uint8_t *p)
{
    return loam_f16_to_f32(load_u16(p));
}

void loam_dequant_q2_k(const uint8_t *src, float *dst, int64_t n_blocks);
void loam_dequant_q3_k(const uint8_t *src, float *dst, int64_t n_blocks);
void loam_dequant_q4_k(const uint8_t *src, float *dst, int64_t n_blocks);
void loam_dequant_q5_k(const uint8_t *src, float *dst, int64_t n_blocks);
void loam_dequant_q6_k(const uint8_t *src, float *dst, int64_t n_blocks);
void loam_dequant_iq4_nl(const uint8_t *src, float *dst, int64_t n_blocks);
void loam_dequant_iq4_xs(const uint8_t *src, float *dst, int64_t n_blocks);
void loam_dequant_mxfp4(const uint8_t *src, float *dst, int64_t n_blocks);

#endif
