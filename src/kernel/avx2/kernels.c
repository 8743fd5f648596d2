/* The AVX2 + FMA + F16C level: the sources of simd/ over 256-bit vectors. */
#include "kernel/simd/vec_avx2.h"

#include "kernel/simd/matmul_q8.h"

#include "kernel/simd/matmul_float.h"
#include "kernel/simd/rows.h"

#include "kernel/simd/attention.h"
#include "kernel/simd/attend.h"
#include "kernel/simd/conv.h"
#include "kernel/simd/peak.h"
#include "kernel/simd/picture.h"
#include "kernel/simd/table.h"

const loam_kernels loam_kernels_avx2 = {
    .level = LOAM_CPU_LEVEL_AVX2, .to_bf16 = loam_to_bf16_ref, .matmul = matmul, LEVEL_TABLE};
