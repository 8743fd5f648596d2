/* Which table belongs to which level, and the few facts about activations that all levels share. */
#include "kernel/kernel_int.h"

const loam_kernels *loam_kernels_get(loam_cpu_level level)
{
    if (!loam_cpu_has(level))
        return NULL;
    switch (level) {
#if defined(__x86_64__)
    case LOAM_CPU_LEVEL_AVX512:
        if (loam_cpu_has_amx_bf16())
            return &loam_kernels_avx512_amx;
        return loam_cpu_has_fast_bf16() ? &loam_kernels_avx512_bf16 : &loam_kernels_avx512;
    case LOAM_CPU_LEVEL_AVX2:
        return &loam_kernels_avx2;
#endif
    default:
        return &loam_kernels_ref;
    }
}

loam_act loam_kernels_act(const loam_kernels *ks, loam_dtype weight)
{
    const loam_pack_format *f = loam_pack_format_get(weight);
    if (f)
        return f->has_super ? LOAM_ACT_Q8K : LOAM_ACT_Q8;
    return weight == LOAM_DTYPE_BF16 && ks->bf16_dot ? LOAM_ACT_BF16 : LOAM_ACT_F32;
}

size_t loam_act_row_bytes(loam_act a, int64_t k)
{
    size_t n = (size_t)k;
    switch (a) {
    case LOAM_ACT_Q8:
    case LOAM_ACT_Q8K:
        return (n + 31) / 32 * sizeof(loam_act_block);
    case LOAM_ACT_BF16:
        return (n + 1) / 2 * 4;
    default:
        return n * 4;
    }
}
