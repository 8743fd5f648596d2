/* The tables of the levels, and the reference functions that faster levels fall back on. */
#ifndef LOAM_KERNEL_INT_H
#define LOAM_KERNEL_INT_H

#include "kernel/ops.h"

extern const loam_kernels loam_kernels_ref, loam_kernels_avx2, loam_kernels_avx512, loam_kernels_avx512_bf16,
    loam_kernels_avx512_amx;

/* One block of 32 × 16 columns taken apart: q[k][column] after the code book, before the zero point is subtracted;
 * scale and min per half of the block (equal halves when the type has one scale a block). */
typedef struct loam_block_values {
    int32_t q[32][16];
    float scale[2][16], min[2][16];
} loam_block_values;
void loam_packed_block_ref(const loam_packed *w, const uint8_t *group, int64_t block, loam_block_values *out);

void loam_quantize_q8_ref(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride);
void loam_quantize_q8k_ref(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride);
void loam_to_bf16_ref(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride);

#endif
