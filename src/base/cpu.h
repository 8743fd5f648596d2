/* What the processor can do. LOAM_CPU=ref|avx2|avx512 in the environment lowers it (avx512: no
 * AMX), to test and time each level. */
#ifndef LOAM_BASE_CPU_H
#define LOAM_BASE_CPU_H

#include <stdbool.h>

typedef enum loam_cpu_level {
    LOAM_CPU_LEVEL_REF,    /* plain C */
    LOAM_CPU_LEVEL_AVX2,   /* AVX2, FMA, F16C */
    LOAM_CPU_LEVEL_AVX512, /* AVX-512 F, BW, DQ, VL and VNNI */
} loam_cpu_level;

/* The highest level that this processor and the environment allow; the same answer for the life of the process. */
loam_cpu_level loam_cpu_best(void);
/* Whether the processor itself (whatever the environment says) can run a level. */
bool loam_cpu_has(loam_cpu_level level);
/* AVX512_BF16, used within LOAM_CPU_LEVEL_AVX512. */
bool loam_cpu_has_avx512_bf16(void);
/* The same, where its dot product beats widening to f32: on AMD's processors; Intel's run vdpbf16ps at a fraction of
 * the rate of the f32 multiply-add (119 against 160 GFLOP/s a core on Sapphire Rapids). */
bool loam_cpu_has_fast_bf16(void);
/* AMX tiles with bf16 products, and the system lets this process use them; not when LOAM_CPU lowers the level. */
bool loam_cpu_has_amx_bf16(void);
/* "ref", "avx2", "avx512". */
const char *loam_cpu_level_name(loam_cpu_level level);
/* The processor's own name, e.g. "AMD EPYC 9R14"; static. */
const char *loam_cpu_model(void);

#endif
