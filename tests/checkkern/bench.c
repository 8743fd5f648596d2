/* checkkern --bench: one thread; ns a call, GOP/s with the share of what this level reaches on registers, GB/s. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "checkkern.h"

/* GOP/s of multiply-adds on registers: f32, and the integer step of 4-bit products. */
static double peak_f32, peak_i8;

static double measure_peak(uint64_t (*loop)(int64_t), int64_t n)
{
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double t0 = loam_clock_s();
        double rate = (double)loop(n) / (loam_clock_s() - t0) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

static void bench_matmul(const loam_kernels *ks, loam_dtype t, int64_t n, int64_t k, int64_t m)
{
    loam_packed w;
    if (!loam_packed_init(&w, t, n, k))
        return;
    void *src = rnd_weights(t, n, k);
    uint8_t *packed = aligned(loam_packed_bytes(&w));
    loam_pack_groups(&w, src, packed, 0, w.n_groups);
    w.data = packed;
    loam_act act = loam_kernels_act(ks, t);
    size_t stride = loam_act_row_bytes(act, k);
    float *x = aligned((size_t)(m * k) * 4), *y = aligned((size_t)(m * 16 * LOAM_MATMUL_MAX_GROUPS) * 4);
    char *a = aligned(stride * (size_t)m), *scratch = aligned(LOAM_MATMUL_SCRATCH);
    for (int64_t i = 0; i < m * k; i++)
        x[i] = rnd_float();
    if (act == LOAM_ACT_Q8)
        ks->quantize_q8(x, k, m, k, a, stride);
    else if (act == LOAM_ACT_Q8K)
        ks->quantize_q8k(x, k, m, k, a, stride);
    else if (act == LOAM_ACT_BF16)
        ks->to_bf16(x, k, m, k, a, stride);
    else
        memcpy(a, x, (size_t)(m * k) * 4);
    int64_t per_call = m > 8 ? 2 : LOAM_MATMUL_MAX_GROUPS;
    double best = 1e9, spent = 0;
    while (spent < 0.25) {
        double t0 = loam_clock_s();
        for (int64_t g = 0; g < w.n_groups; g += per_call)
            ks->matmul(&w, g, w.n_groups - g < per_call ? w.n_groups - g : per_call, a, stride, m, y, per_call * 16,
                       scratch);
        double dt = loam_clock_s() - t0;
        spent += dt;
        best = dt < best ? dt : best;
    }
    double rate = 2e-9 * (double)(m * n * k) / best;
    printf("%-7s matmul %-7s m=%-4lld n=%-5lld k=%-5lld %10.0f ns %8.1f GOP/s (%2.0f %%) %7.2f GB/s of weights\n",
           loam_cpu_level_name(ks->level), loam_dtype_name(t), (long long)m, (long long)n, (long long)k, best * 1e9,
           rate, 100 * rate / (loam_pack_format_get(t) ? peak_i8 : peak_f32),
           1e-9 * (double)loam_packed_bytes(&w) / best);
    free(src), free(packed), free(x), free(y), free(a), free(scratch);
}

static void bench_attention(const loam_kernels *ks, int hd, int heads, int pos, int tokens)
{
    int64_t n_ctx = (pos + tokens + 63) / 64 * 64, n = (int64_t)tokens * heads * hd;
    uint16_t *k = aligned((size_t)(n_ctx * hd) * 2), *v = aligned((size_t)(n_ctx * loam_v_stride(hd)) * 2);
    float *q = aligned((size_t)n * 4), *out = aligned((size_t)n * 4);
    void *scratch = aligned(LOAM_ATTENTION_SCRATCH);
    loam_attention_task t = {q, out, (int64_t)heads * hd, (int64_t)heads * hd, k, v, tokens, heads, hd, pos, 0, 0.125f};
    double best = 1e9, spent = 0;
    while (spent < 0.1) {
        double t0 = loam_clock_s();
        ks->attention(&t, scratch);
        double dt = loam_clock_s() - t0;
        spent += dt;
        best = dt < best ? dt : best;
    }
    double rate = 4e-9 * (double)n * (pos + tokens / 2.0) / best;
    printf("%-7s attention head_dim=%d heads=%d pos=%d tokens=%d %10.0f ns %8.1f GFLOP/s (%2.0f %%)\n",
           loam_cpu_level_name(ks->level), hd, heads, pos, tokens, best * 1e9, rate, 100 * rate / peak_f32);
    free(k), free(v), free(q), free(out), free(scratch);
}

void bench_level(const loam_kernels *ks, const char *only)
{
    peak_f32 = measure_peak(ks->peak_f32, 500000);
    peak_i8 = measure_peak(ks->peak_i8, 50000);
    printf("%-7s on registers: %.0f GFLOP/s f32, %.0f GOP/s 4-bit products\n", loam_cpu_level_name(ks->level), peak_f32,
           peak_i8);
    for (loam_dtype t = 0; t < LOAM_DTYPE_COUNT; t++) {
        if (t == LOAM_DTYPE_I32 || (only && strcmp(only, loam_dtype_name(t)) != 0))
            continue;
        bench_matmul(ks, t, 1536, 1536, 510);
        bench_matmul(ks, t, 1536, 768, 16);
        bench_matmul(ks, t, 1536, 1536, 4);
        bench_matmul(ks, t, 1536, 768, 1);
    }
    if (!only || strcmp(only, "attention") == 0) {
        bench_attention(ks, 64, 3, 256, 16);
        bench_attention(ks, 64, 3, 1024, 1);
        bench_attention(ks, 128, 4, 1024, 8);
    }
    if (!only || strcmp(only, "conv") == 0)
        bench_convs(ks, peak_f32);
    if (!only || strcmp(only, "attend") == 0)
        bench_attends(ks, peak_f32);
    if (!only || strcmp(only, "rows") == 0)
        bench_pictures(ks);
}
