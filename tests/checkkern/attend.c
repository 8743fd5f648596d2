/* Attention without a cache: checks against ref/, and timings over the shapes of picture and clip models. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "checkkern.h"

static const double unit = FLT_EPSILON / 2; /* largest relative error of one rounding */
static const double unit_bf16 = 1.0 / 256;  /* with half to even or half up */

typedef struct attend_case {
    int n_q, n_k, head_dim, causal;
    enum { PLAIN, BIAS, MASK } bias; /* MASK: a bias that hides whole blocks from some rows */
    float loud;                      /* 0, or a factor of q: maxima far apart */
} attend_case;

/* k and v of n_k rows, packed by `ks` in two small cuts and the rest. */
static void pack(const loam_kernels *ks, bool half, const float *k, const float *v, const attend_case *c, float *kp,
                 float *vp)
{
    int64_t cut[] = {0, half ? 32 : 16, half ? 96 : 48, c->n_k};
    for (int i = 0; i < 3; i++) {
        int64_t r0 = cut[i] < c->n_k ? cut[i] : c->n_k, r1 = cut[i + 1] < c->n_k ? cut[i + 1] : c->n_k;
        if (r1 > r0)
            (half ? ks->attend_pack_half : ks->attend_pack)(k, c->head_dim + 3, v, c->head_dim + 5, r0, r1 - r0, c->n_k,
                                                            c->head_dim, kp, vp);
    }
}

static size_t k_floats(bool half, int64_t n_k, int head_dim)
{
    return half ? loam_attend_k_half_floats(n_k, head_dim) : loam_attend_k_floats(n_k, head_dim);
}

static size_t v_floats(bool half, int64_t n_k, int head_dim)
{
    return half ? loam_attend_v_half_floats(n_k, head_dim) : loam_attend_v_floats(n_k, head_dim);
}

static void attend(const loam_kernels *ks, bool half, const loam_attend_task *t, void *scratch)
{
    (half ? ks->attend_half : ks->attend)(t, scratch);
}

/* How far rounding alone can move an output: the scores' errors change each weight by a factor of e^(2·error), and the
 * products with V are summed in n_k steps. `size` are the outputs for |V|. */
static void attend_bound(const attend_case *c, const loam_attend_task *t, const float *k, const float *size, bool half,
                         float *bound)
{
    const double weights = half ? 2 * (unit_bf16 + 1e-4) : 0; /* each alone, and their sum */
    for (int i = 0; i < c->n_q; i++) {
        double worst = 0;
        for (int j = 0; j < c->n_k; j++) {
            double s = 0;
            for (int d = 0; d < c->head_dim; d++)
                s += fabs((double)t->q[i * t->q_stride + d] * k[j * (c->head_dim + 3) + d] * t->scale);
            double b = t->bias && isfinite(t->bias[i * t->bias_stride + j]) ? t->bias[i * t->bias_stride + j] : 0;
            s = (c->head_dim + 6) * s + 6 * fabs(b);
            worst = s > worst ? s : worst;
        }
        for (int d = 0; d < c->head_dim; d++)
            bound[i * c->head_dim + d] = (float)(size[i * c->head_dim + d] *
                                                 (expm1(2 * (worst * unit + 4e-7)) + weights + (c->n_k + 20) * unit));
    }
}

/* In half precision the reference gets the rounded inputs, so that what is left to rounding is the weights: x in rows
 * of `stride`, each number times `by` when it is rounded. */
static void round_bf16(float *x, int64_t n, float by)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = loam_bf16_to_f32(loam_f32_to_bf16(x[i] * by)) / by;
}

static int attend_wrong(const loam_kernels *ks, bool half, const attend_case *c, char detail[200])
{
    const loam_kernels *ref = loam_kernels_get(LOAM_CPU_LEVEL_REF);
    const int hd = c->head_dim;
    const int64_t qs = hd + 7, os = hd + 9, bs = c->n_k + 1, n = (int64_t)c->n_q * hd;
    const int64_t kf = (int64_t)loam_attend_k_floats(c->n_k, hd), vf = (int64_t)loam_attend_v_floats(c->n_k, hd);
    const int64_t kh = half ? (int64_t)loam_attend_k_half_floats(c->n_k, hd) : kf,
                  vh = half ? (int64_t)loam_attend_v_half_floats(c->n_k, hd) : vf;
    float *q = aligned((size_t)(c->n_q * qs + 1) * 4), *k = aligned((size_t)(c->n_k * (hd + 3)) * 4),
          *v = aligned((size_t)(c->n_k * (hd + 5)) * 4), *bias = aligned((size_t)(c->n_q * bs) * 4);
    float *want = aligned((size_t)n * 4), *size = aligned((size_t)n * 4), *bound = aligned((size_t)n * 4),
          *dense = aligned((size_t)n * 4);
    float *kp = with_red_zone(kh > kf ? kh : kf), *vp = with_red_zone(vh > vf ? vh : vf),
          *got = with_red_zone(c->n_q * os), *again = with_red_zone(c->n_q * os);
    void *scratch = aligned(LOAM_ATTEND_SCRATCH);
    memset(scratch, 0xFF, LOAM_ATTEND_SCRATCH); /* NaNs of an earlier call */
    for (int64_t i = 0; i <= c->n_q * qs; i++)
        q[i] = (i - 1) % qs < hd ? rnd_float() * 1.5f * (c->loud > 0 ? c->loud : 1) : NAN;
    for (int64_t i = 0; i < c->n_k * (hd + 3); i++)
        k[i] = i % (hd + 3) < hd ? rnd_float() : NAN;
    for (int64_t i = 0; i < c->n_k * (hd + 5); i++)
        v[i] = i % (hd + 5) < hd ? rnd_float() : NAN;
    for (int64_t i = 0; i < c->n_q * bs; i++)
        bias[i] = c->bias == MASK && (i % bs < 300) == (i / bs % 2) && i % bs > 0 ? -INFINITY : rnd_float() * 2;
    loam_attend_task t = {.q = q + 1, /* not aligned */
                          .out = want,
                          .q_stride = qs,
                          .out_stride = hd,
                          .bias = c->bias ? bias : NULL,
                          .bias_stride = bs,
                          .n_k = c->n_k,
                          .n_q = c->n_q,
                          .head_dim = hd,
                          .causal = c->causal,
                          .scale = 1.0f / sqrtf((float)hd)};
    float *kr = aligned((size_t)(c->n_k * (hd + 3)) * 4), *vr = aligned((size_t)(c->n_k * (hd + 5)) * 4),
          *qr = aligned((size_t)(c->n_q * qs + 1) * 4);
    memcpy(kr, k, (size_t)(c->n_k * (hd + 3)) * 4);
    memcpy(vr, v, (size_t)(c->n_k * (hd + 5)) * 4);
    memcpy(qr, q, (size_t)(c->n_q * qs + 1) * 4);
    if (half) {
        round_bf16(kr, c->n_k * (hd + 3), 1);
        round_bf16(vr, c->n_k * (hd + 5), 1);
        round_bf16(qr, c->n_q * qs + 1, t.scale * 1.44269504088896341f);
    }
    t.k = kp, t.v = vp, t.q = qr + 1;
    pack(ref, false, kr, vr, c, kp, vp);
    ref->attend(&t, scratch);
    for (int64_t i = 0; i < vf; i++)
        vp[i] = fabsf(vp[i]);
    t.out = size;
    ref->attend(&t, scratch);
    attend_bound(c, &t, k, size, half, bound);
    memset(kp, 0xFF, (size_t)(kh > kf ? kh : kf) * 4);
    memset(vp, 0xFF, (size_t)(vh > vf ? vh : vf) * 4);
    t.q = q + 1;
    pack(ks, half, k, v, c, kp, vp);
    t.out = got, t.out_stride = os;
    attend(ks, half, &t, scratch);
    for (int64_t i = 0; i < c->n_q * os; i++)
        if (i % os < hd)
            dense[i / os * hd + i % os] = got[i];
    int bad = compare(dense, want, bound, n, detail);
    for (int64_t i = 0; i < c->n_q * os && !bad; i++)
        if (i % os >= hd && got[i] != RED_VALUE) {
            bad = 1;
            snprintf(detail, 200, "wrote behind row %lld", (long long)(i / os));
        }
    for (int i = 0; i < c->n_q && !bad;) { /* the same rows in other company: one, two, ... */
        loam_attend_task part = t;
        part.n_q = i % 11 < c->n_q - i ? i % 11 + 1 : c->n_q - i;
        part.n_q = part.n_q > c->n_q - i ? c->n_q - i : part.n_q;
        part.q += i * qs, part.out = again + i * os, part.causal += c->causal >= 0 ? i : 0;
        part.bias = c->bias ? bias + i * bs : NULL;
        attend(ks, half, &part, scratch);
        i += part.n_q;
    }
    if (!bad && memcmp(again, got, (size_t)(c->n_q * os) * 4) != 0) {
        bad = 1;
        snprintf(detail, 200, "a row's bits depend on the rows beside it");
    }
    if (!bad && (red_zone_hurt(kp, kh > kf ? kh : kf) || red_zone_hurt(vp, vh > vf ? vh : vf) ||
                 red_zone_hurt(got, c->n_q * os))) {
        bad = 1;
        snprintf(detail, 200, "wrote outside its output");
    }
    if (!bad) { /* in place */
        t.out = q + 1, t.out_stride = qs;
        attend(ks, half, &t, scratch);
        for (int64_t i = 0; i < n && !bad; i++)
            if (memcmp(&q[1 + i / hd * qs + i % hd], &dense[i], 4) != 0) {
                bad = 1;
                snprintf(detail, 200, "in place index %lld differs", (long long)i);
            }
    }
    free(q), free(k), free(v), free(bias), free(want), free(size), free(bound), free(dense), free(scratch);
    free(kr), free(vr), free(qr);
    free_red(kp), free_red(vp), free_red(got), free_red(again);
    return bad;
}

/* A NaN or an infinity spoils the rows that see it, and no others. */
static int attend_special_wrong(const loam_kernels *ks, bool half, char detail[200])
{
    enum { N_Q = 14, N_K = 300, HD = 40, BAD_ROW = 3, BAD_POS = 280, FIRST = 270 };
    const int seen = half ? N_K : FIRST; /* half knows no causal */
    const attend_case c = {N_Q, N_K, HD, half ? -1 : FIRST, PLAIN, 0};
    static float q[N_Q * HD], k[N_K * (HD + 3)], v[N_K * (HD + 5)], out[N_Q * HD], clean[N_Q * HD];
    float *kp = aligned(k_floats(half, N_K, HD) * 4), *vp = aligned(v_floats(half, N_K, HD) * 4);
    void *scratch = aligned(LOAM_ATTEND_SCRATCH);
    for (int i = 0; i < N_Q * HD; i++)
        q[i] = rnd_float();
    for (int i = 0; i < N_K * (HD + 3); i++)
        k[i] = rnd_float();
    for (int i = 0; i < N_K * (HD + 5); i++)
        v[i] = rnd_float();
    loam_attend_task t = {.q = q,
                          .out = clean,
                          .q_stride = HD,
                          .out_stride = HD,
                          .k = kp,
                          .v = vp,
                          .n_k = N_K,
                          .n_q = N_Q,
                          .head_dim = HD,
                          .causal = c.causal,
                          .scale = 0.15f};
    pack(ks, half, k, v, &c, kp, vp);
    attend(ks, half, &t, scratch);
    uint32_t odd_nan = 0x7F800055; /* with a payload */
    const float specials[] = {NAN, INFINITY, -INFINITY};
    int bad = 0;
    for (int s = 0; s < 4 && !bad; s++) {
        float special, keep = q[BAD_ROW * HD + 7];
        if (s == 3)
            memcpy(&special, &odd_nan, 4);
        else
            special = specials[s];
        t.out = out;
        pack(ks, half, k, v, &c, kp, vp);
        q[BAD_ROW * HD + 7] = special;
        attend(ks, half, &t, scratch);
        q[BAD_ROW * HD + 7] = keep;
        for (int i = 0; i < N_Q * HD && !bad; i++)
            bad = i / HD == BAD_ROW ? !isnan(out[i]) : memcmp(&out[i], &clean[i], 4) != 0;
        if (bad)
            snprintf(detail, 200, "%g in q: a row is not what it should be", (double)special);
        keep = k[BAD_POS * (HD + 3) + 5];
        k[BAD_POS * (HD + 3) + 5] = special;
        pack(ks, half, k, v, &c, kp, vp);
        attend(ks, half, &t, scratch);
        k[BAD_POS * (HD + 3) + 5] = keep;
        for (int i = 0; i < N_Q * HD && !bad && (s == 0 || s == 3); i++) {
            bad = seen + i / HD >= BAD_POS ? !isnan(out[i]) : memcmp(&out[i], &clean[i], 4) != 0;
            if (bad)
                snprintf(detail, 200, "NaN in k: row %d is %g", i / HD, (double)out[i]);
        }
    }
    /* scores so far apart that all but one weight vanish, and denormal ones */
    for (int i = 0; i < N_Q * HD; i++)
        q[i] *= 1e6f;
    pack(ks, half, k, v, &c, kp, vp);
    attend(ks, half, &t, scratch);
    for (int i = 0; i < N_Q * HD && !bad; i++)
        if (!isfinite(out[i])) {
            bad = 1;
            snprintf(detail, 200, "large scores: index %d is %g", i, (double)out[i]);
        }
    for (int i = 0; i < N_Q * HD; i++)
        q[i] = 1e-42f;
    attend(ks, half, &t, scratch);
    for (int i = 0; i < N_Q && !bad; i++) { /* all weights equal: the mean of V */
        double mean = 0;
        const int n = seen + i + 1 < N_K ? seen + i + 1 : N_K;
        for (int j = 0; j < n; j++)
            mean += v[j * (HD + 5)] / n;
        if (!(fabs(out[i * HD] - mean) < (half ? 2 * unit_bf16 : 1e-5))) {
            bad = 1;
            snprintf(detail, 200, "denormal q: %g, the mean is %g", (double)out[i * HD], mean);
        }
    }
    free(kp), free(vp), free(scratch);
    return bad;
}

static void check_precision(const loam_kernels *ks, bool half)
{
    static const attend_case cases[] = {
        {1, 1, 1, -1, PLAIN, 0},     {1, 1, 1, 0, BIAS, 0},       {5, 15, 3, -1, PLAIN, 0},
        {7, 16, 8, -1, BIAS, 0},     {13, 17, 16, -1, PLAIN, 0},  {6, 31, 17, 5, PLAIN, 0},
        {64, 64, 160, -1, PLAIN, 0}, {96, 77, 40, -1, PLAIN, 0},  {95, 154, 80, -1, PLAIN, 0},
        {77, 77, 64, 0, PLAIN, 0},   {23, 255, 24, -1, BIAS, 0},  {24, 256, 20, 200, PLAIN, 0},
        {25, 257, 48, -1, PLAIN, 0}, {17, 600, 40, -1, PLAIN, 0}, {11, 600, 64, 580, BIAS, 0},
        {9, 533, 128, -1, MASK, 0},  {31, 700, 8, -1, MASK, 0},   {12, 530, 512, -1, BIAS, 0},
        {8, 90, 511, -1, PLAIN, 0},  {96, 40, 33, 0, BIAS, 0},    {2, 1100, 5, -1, PLAIN, 0},
        {96, 300, 72, -1, PLAIN, 0}, {16, 16, 40, -1, PLAIN, 0},  {40, 900, 40, -1, PLAIN, 200},
        {33, 5, 24, -1, PLAIN, 300},
    };
    char what[160], detail[200] = "";
    const char *in_half = half ? " bf16" : "";
    if (half && !ks->attend_half)
        return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const attend_case *c = &cases[i];
        if (half && (c->bias != PLAIN || c->causal >= 0))
            continue;
        snprintf(what, sizeof what, "%s attend%s n_q=%d n_k=%d head_dim=%d causal=%d%s", loam_cpu_level_name(ks->level),
                 in_half, c->n_q, c->n_k, c->head_dim, c->causal,
                 c->bias == BIAS ? " bias"
                 : c->bias       ? " mask"
                                 : "");
        report(what, attend_wrong(ks, half, c, detail), detail);
    }
    snprintf(what, sizeof what, "%s attend%s: NaN, infinities, large and denormal scores",
             loam_cpu_level_name(ks->level), in_half);
    report(what, attend_special_wrong(ks, half, detail), detail);
}

void check_attends(const loam_kernels *ks)
{
    check_precision(ks, false);
    check_precision(ks, true);
}

static void bench_attend(const loam_kernels *ks, bool half, const char *what, int64_t n_q, int64_t n_k, int hd,
                         bool biased, int causal, double peak)
{
    if (n_q > 4 * LOAM_ATTEND_ROWS)
        n_q = 4 * LOAM_ATTEND_ROWS;
    float *q = aligned((size_t)(n_q * hd) * 4), *k = aligned((size_t)(n_k * hd) * 4),
          *out = aligned((size_t)(n_q * hd) * 4), *bias = aligned((size_t)(n_q * n_k) * 4);
    float *kp = aligned(k_floats(half, n_k, hd) * 4), *vp = aligned(v_floats(half, n_k, hd) * 4);
    void *scratch = aligned(LOAM_ATTEND_SCRATCH);
    for (int64_t i = 0; i < n_q * hd; i++)
        q[i] = rnd_float();
    for (int64_t i = 0; i < n_k * hd; i++)
        k[i] = rnd_float();
    double best = 1e9, best_pack = 1e9, spent = 0;
    for (int i = 0; i < 3 || spent < 0.2; i++) {
        double t0 = loam_clock_s();
        (half ? ks->attend_pack_half : ks->attend_pack)(k, hd, k, hd, 0, n_k, n_k, hd, kp, vp);
        double t1 = loam_clock_s();
        for (int64_t r = 0; r < n_q; r += LOAM_ATTEND_ROWS) {
            loam_attend_task t = {.q = q + r * hd,
                                  .out = out + r * hd,
                                  .q_stride = hd,
                                  .out_stride = hd,
                                  .k = kp,
                                  .v = vp,
                                  .bias = biased ? bias + r * n_k : NULL,
                                  .bias_stride = n_k,
                                  .n_k = n_k,
                                  .n_q = (int)(n_q - r < LOAM_ATTEND_ROWS ? n_q - r : LOAM_ATTEND_ROWS),
                                  .head_dim = hd,
                                  .causal = causal >= 0 ? causal + r : -1,
                                  .scale = 0.125f};
            attend(ks, half, &t, scratch);
        }
        double t2 = loam_clock_s();
        spent += t2 - t0;
        best_pack = t1 - t0 < best_pack ? t1 - t0 : best_pack;
        best = t2 - t1 < best ? t2 - t1 : best;
    }
    double rate = 4e-9 * (double)(n_q * n_k * hd) * (causal >= 0 ? (1 + (double)n_k) / 2 / (double)n_k : 1) / best;
    printf(
        "%-7s attend%s %-22s n_q=%-4lld n_k=%-5lld head_dim=%-3d %11.0f ns %8.1f GFLOP/s (%3.0f %%), packing %.0f ns\n",
        loam_cpu_level_name(ks->level), half ? " bf16" : "     ", what, (long long)n_q, (long long)n_k, hd, best * 1e9,
        rate, 100 * rate / peak, best_pack * 1e9);
    free(q), free(k), free(out), free(bias), free(kp), free(vp), free(scratch);
}

/* The shapes of nets that may run in bf16. */
static void bench_nets(const loam_kernels *ks, bool half, double peak)
{
    bench_attend(ks, half, "SD 64x64", 4096, 4096, 40, false, -1, peak);
    bench_attend(ks, half, "SD 32x32", 1024, 1024, 80, false, -1, peak);
    bench_attend(ks, half, "SD 16x16", 256, 256, 160, false, -1, peak);
    bench_attend(ks, half, "SD 8x8", 64, 64, 160, false, -1, peak);
    bench_attend(ks, half, "SD 64x64 prompt", 4096, 77, 40, false, -1, peak);
    bench_attend(ks, half, "SD 32x32 prompt", 1024, 77, 80, false, -1, peak);
    bench_attend(ks, half, "SDXL 64x64", 4096, 4096, 64, false, -1, peak);
    bench_attend(ks, half, "SDXL 64x64 prompt", 4096, 154, 64, false, -1, peak);
    bench_attend(ks, half, "Wan", 8192, 8192, 128, false, -1, peak);
    bench_attend(ks, half, "Wan prompt", 8192, 512, 128, false, -1, peak);
    bench_attend(ks, half, "SD motion", 16, 16, 80, false, -1, peak);
}

void bench_attends(const loam_kernels *ks, double peak)
{
    bench_nets(ks, false, peak);
    bench_attend(ks, false, "VAE", 4096, 4096, 512, false, -1, peak);
    bench_attend(ks, false, "T5", 512, 512, 64, true, -1, peak);
    bench_attend(ks, false, "CLIP", 77, 77, 64, false, 0, peak);
    if (ks->attend_half)
        bench_nets(ks, true, peak);
}
