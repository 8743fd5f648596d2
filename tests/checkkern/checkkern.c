/* checkkern: every operation of every level that this processor has, against ref/, over awkward shapes.
 * checkkern --bench [NAME] times them instead. Levels that the processor lacks are reported as skipped. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkkern.h"
#include "kernel/kernel_int.h"

static int n_cases;
static int n_failed;

uint32_t rnd(void)
{
    static uint64_t s = 0x9E3779B97F4A7C15u;
    s = s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(s >> 32);
}

float rnd_float(void)
{
    float v = 0;
    for (int i = 0; i < 4; i++)
        v += (float)rnd() * 0x1p-32f - 0.5f;
    return v * 1.7f;
}

void *aligned(size_t bytes)
{
    bytes = (bytes + 127) / 64 * 64;
    void *p = aligned_alloc(64, bytes);
    if (!p)
        abort();
    return memset(p, 0, bytes);
}

/* Where the f16 scales stand in a block of each type; -1 ends the list. */
static const int *scale_offsets(loam_dtype t)
{
    static const int at0[] = {0, -1}, at02[] = {0, 2, -1}, q2[] = {80, 82, -1}, q3[] = {108, -1}, q6[] = {208, -1},
                     none[] = {-1};
    switch (t) {
    case LOAM_DTYPE_Q4_1:
    case LOAM_DTYPE_Q5_1:
    case LOAM_DTYPE_Q4_K:
    case LOAM_DTYPE_Q5_K:
        return at02;
    case LOAM_DTYPE_Q2_K:
        return q2;
    case LOAM_DTYPE_Q3_K:
        return q3;
    case LOAM_DTYPE_Q6_K:
        return q6;
    case LOAM_DTYPE_MXFP4:
        return none;
    default:
        return at0;
    }
}

void *rnd_weights(loam_dtype t, int64_t n, int64_t k)
{
    size_t bytes = loam_dtype_row_bytes(t, k) * (size_t)n;
    uint8_t *w = aligned(bytes);
    if (t == LOAM_DTYPE_F32 || t == LOAM_DTYPE_F16 || t == LOAM_DTYPE_BF16) {
        for (int64_t i = 0; i < n * k; i++) {
            float f = rnd_float();
            uint16_t h = t == LOAM_DTYPE_F16 ? loam_f32_to_f16(f) : loam_f32_to_bf16(f);
            memcpy(w + i * (t == LOAM_DTYPE_F32 ? 4 : 2), t == LOAM_DTYPE_F32 ? (void *)&f : (void *)&h,
                   t == LOAM_DTYPE_F32 ? 4 : 2);
        }
        return w;
    }
    for (size_t i = 0; i < bytes; i++)
        w[i] = (uint8_t)rnd();
    size_t block = loam_dtype_block_bytes(t);
    for (size_t b = 0; b < bytes / block; b++) {
        for (const int *o = scale_offsets(t); *o >= 0; o++) {
            uint16_t h = loam_f32_to_f16(rnd_float() * 0.1f);
            memcpy(w + b * block + *o, &h, 2);
        }
        if (t == LOAM_DTYPE_MXFP4)
            w[b * block] = (uint8_t)(b == 5 ? 1 : 120 + rnd() % 12); /* also a denormal scale */
    }
    return w;
}

void report(const char *what, int bad, const char *detail)
{
    n_cases++;
    n_failed += bad != 0;
    printf("%s %d - %s%s%s\n", bad ? "not ok" : "ok", n_cases, what, bad ? ": " : "", bad ? detail : "");
}

static int32_t ordered(float f)
{
    int32_t i;
    memcpy(&i, &f, 4);
    return i < 0 ? (int32_t)(0x80000000u - (uint32_t)i) : i;
}

int compare(const float *got, const float *want, const float *bound, int64_t n, char detail[200])
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= bound[i]) && !(isnan(got[i]) && isnan(want[i])) && !(got[i] == want[i])) {
            snprintf(detail, 200, "index %lld: got %.9g, want %.9g (allowed %.3g, %lld ULP apart)", (long long)i,
                     (double)got[i], (double)want[i], (double)bound[i],
                     llabs((long long)ordered(got[i]) - ordered(want[i])));
            return 1;
        }
    return 0;
}

int main(int argc, char **argv)
{
    int bench = argc > 1 && strcmp(argv[1], "--bench") == 0;
    if (bench)
        printf("%s\n", loam_cpu_model());
    /* the tables themselves, not what loam_kernels_get would choose: each must be right where it can run */
    const struct {
        const loam_kernels *kernels;
        int runs;
        const char *name;
    } levels[] = {
        {&loam_kernels_ref, 1, "ref"},
#if defined(__x86_64__)
        {&loam_kernels_avx2, loam_cpu_has(LOAM_CPU_LEVEL_AVX2), "AVX2"},
        {&loam_kernels_avx512, loam_cpu_has(LOAM_CPU_LEVEL_AVX512), "AVX-512 VNNI"},
        {&loam_kernels_avx512_bf16, loam_cpu_has_avx512_bf16(), "AVX512_BF16"},
        {&loam_kernels_avx512_amx, loam_cpu_has_amx_bf16(), "AMX_BF16"},
#endif
    };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (bench) {
            if (levels[i].runs && i > 0)
                bench_level(levels[i].kernels, argc > 2 ? argv[2] : NULL);
        } else if (!levels[i].runs) {
            printf("ok %d - %s # SKIP this processor has no %s\n", ++n_cases, levels[i].name, levels[i].name);
        } else {
            check_level(levels[i].kernels);
            check_convs(levels[i].kernels);
        }
    }
    if (!bench)
        printf("1..%d\n", n_cases);
    return n_failed ? 1 : 0;
}
