/* The AVX-512 + VNNI level: the sources of simd/ over 512-bit vectors. */
#include "kernel/simd/vec_avx512.h"

#include "kernel/simd/matmul_q8.h"

#include "kernel/simd/matmul_float.h"
#include "kernel/simd/rows.h"

#include "kernel/simd/attention.h"
#include "kernel/simd/attend.h"
#include "kernel/simd/conv.h"
#include "kernel/simd/peak.h"
#include "kernel/simd/picture.h"
#include "kernel/simd/table.h"

#include "kernel/avx512/bf16.h"

const loam_kernels loam_kernels_avx512 = {
    .level = LOAM_CPU_LEVEL_AVX512, .to_bf16 = loam_to_bf16_ref, .matmul = matmul, LEVEL_TABLE};

/* The same where the processor has AVX512_BF16 too. */
static void matmul_or_bf16(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride,
                           int64_t m, float *y, int64_t y_stride, void *scratch)
{
    if (w->dtype == LOAM_DTYPE_BF16)
        loam_matmul_bf16_avx512(w, g0, n_groups, act, act_stride, m, y, y_stride);
    else
        matmul(w, g0, n_groups, act, act_stride, m, y, y_stride, scratch);
}

const loam_kernels loam_kernels_avx512_bf16 = {.level = LOAM_CPU_LEVEL_AVX512,
                                               .bf16_dot = true,
                                               .to_bf16 = loam_to_bf16_avx512,
                                               .matmul = matmul_or_bf16,
                                               LEVEL_TABLE};

/* On AMX, in server processors of Intel: an order of magnitude above vdpbf16ps. */
static void matmul_or_amx(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride,
                          int64_t m, float *y, int64_t y_stride, void *scratch)
{
    if (w->dtype == LOAM_DTYPE_BF16)
        loam_matmul_bf16_amx(w, g0, n_groups, act, act_stride, m, y, y_stride, scratch);
    else
        matmul(w, g0, n_groups, act, act_stride, m, y, y_stride, scratch);
}

const loam_kernels loam_kernels_avx512_amx = {.level = LOAM_CPU_LEVEL_AVX512,
                                              .bf16_dot = true,
                                              .amx = true,
                                              .to_bf16 = loam_to_bf16_avx512,
                                              .matmul = matmul_or_amx,
                                              .conv_half = loam_conv_half_amx,
                                              .attend_pack_half = loam_attend_pack_bf16_amx,
                                              .attend_half = loam_attend_bf16_amx,
                                              LEVEL_TABLE};
