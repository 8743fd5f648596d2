/* What kernels_bf16.c, compiled with AVX512_BF16, gives to the table in kernels.c, compiled without. */
#ifndef LOAM_KERNEL_BF16_H
#define LOAM_KERNEL_BF16_H

#include "kernel/ops.h"

void loam_to_bf16_avx512(const float *x, int64_t x_stride, int64_t m, int64_t k, void *y, size_t y_stride);
/* As loam_kernels.matmul, for BF16 weights and LOAM_ACT_BF16. */
void loam_matmul_bf16_avx512(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride,
                             int64_t m, float *y, int64_t y_stride);
/* The same on AMX (kernels_amx.c); scratch as in loam_kernels.matmul. */
void loam_matmul_bf16_amx(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride,
                          int64_t m, float *y, int64_t y_stride, void *scratch);
/* loam_kernels.conv_half (conv_amx.c). */
void loam_conv_half_amx(const loam_conv *c, const void *x, size_t x_stride, const loam_packed *w, int64_t l0,
                        int64_t n_lines, int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride,
                        void *scratch);
/* attend_pack_half and attend_half of loam_kernels (attend_amx.c). */
void loam_attend_pack_bf16_amx(const float *k, int64_t k_stride, const float *v, int64_t v_stride, int64_t r0,
                               int64_t m, int64_t n_k, int head_dim, float *kp, float *vp);
void loam_attend_bf16_amx(const loam_attend_task *t, void *scratch);

#endif
