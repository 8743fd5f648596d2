/* checkkern: every operation of every level that this processor has, against ref/, over awkward shapes.
 * checkkern --bench [NAME] times them instead. Levels that the processor lacks are reported as skipped. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkkern.h"

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
            w[b * block] = (uint8_t)(b % 97 == 0 ? b % 3 : 120 + rnd() % 12); /* also the denormal scales */
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
    int skipped = 0;
    if (bench)
        printf("%s\n", loam_cpu_model());
    for (loam_cpu_level l = LOAM_CPU_LEVEL_REF; l <= LOAM_CPU_LEVEL_AVX512; l++) {
        const loam_kernels *ks = loam_kernels_get(l);
        if (bench) {
            if (ks && l > LOAM_CPU_LEVEL_REF)
                bench_level(ks, argc > 2 ? argv[2] : NULL);
        } else if (!ks) {
            n_cases++;
            skipped++;
            printf("ok %d - %s # SKIP this processor has no %s\n", n_cases, loam_cpu_level_name(l),
                   loam_cpu_level_name(l));
        } else {
            check_level(ks);
        }
    }
    if (!bench) {
        if (!loam_cpu_has_avx512_bf16())
            printf("ok %d - avx512_bf16 # SKIP this processor has no AVX512_BF16\n", ++n_cases);
        printf("1..%d\n", n_cases);
    }
    return n_failed ? 1 : 0;
}
