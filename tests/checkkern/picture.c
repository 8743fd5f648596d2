/* Norms and activations of pictures: checks against ref/ or the definition in double, and timings. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "checkkern.h"

static const double unit = FLT_EPSILON / 2; /* largest relative error of one rounding */

static void check_group_stats(const loam_kernels *ks)
{
    const loam_kernels *ref = loam_kernels_get(LOAM_CPU_LEVEL_REF);
    static const struct {
        int m, c, groups;
    } cases[] = {{1, 1, 1},     {3, 32, 32},   {7, 64, 32},  {33, 96, 32},  {64, 128, 32},
                 {5, 160, 32},  {16, 256, 8},  {50, 320, 2}, {40, 320, 32}, {9, 1280, 32},
                 {3, 2560, 32}, {6, 1920, 32}, {11, 69, 3},  {8, 45, 9},    {200, 20, 4}};
    char what[160], detail[200] = "";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < 3; kind++) { /* 1: the mean is 10^4 deviations; 2: with NaN and infinity */
            const int64_t m = cases[i].m, c = cases[i].c, stride = c + 5, per = c / cases[i].groups;
            float *x = aligned((size_t)(m * stride + 1) * 4);
            double *got = aligned((size_t)c * 16 + 64), *want = aligned((size_t)c * 16);
            for (int64_t j = 0; j <= m * stride; j++)
                x[j] = (j - 1) % stride < c && j ? rnd_float() + (kind == 1 ? 1e4f : (float)(j % 3)) : NAN;
            if (kind == 2)
                x[1] = NAN, x[1 + (m - 1) * stride + c - 1] = INFINITY;
            ref->group_stats(x + 1, stride, m, c, cases[i].groups, want);
            got[2 * cases[i].groups] = -3;
            ks->group_stats(x + 1, stride, m, c, cases[i].groups, got);
            int bad = got[2 * cases[i].groups] != -3;
            for (int g = 0; g < 2 * cases[i].groups && !bad; g++) {
                /* sums of m · per terms in double, and mean² against the mean of squares */
                double n = (double)(m * per), mean = want[g & ~1], all = want[g | 1] + n * mean * mean;
                double bound = n * 4 * DBL_EPSILON * (g % 2 ? all : sqrt(all / n) / n * n);
                bad = !(fabs(got[g] - want[g]) <= bound) && !(isnan(got[g]) && isnan(want[g])) && got[g] != want[g];
                if (bad)
                    snprintf(detail, sizeof detail, "group %d %s: got %.17g, want %.17g (allowed %g)", g / 2,
                             g % 2 ? "squares" : "mean", got[g], want[g], bound);
            }
            snprintf(what, sizeof what, "%s group_stats m=%d c=%d groups=%d%s", loam_cpu_level_name(ks->level),
                     cases[i].m, cases[i].c, cases[i].groups,
                     kind == 1   ? " far from zero"
                     : kind == 2 ? " with NaN"
                                 : "");
            report(what, bad, detail);
            free(x), free(got), free(want);
        }
}

/* f in double, and how far a kernel may be from it. */
static double unary_truth(loam_unary f, double x, double *bound)
{
    double z = 0, y = x;
    switch (f) {
    case LOAM_UNARY_SILU:
    case LOAM_UNARY_QUICK_GELU:
    case LOAM_UNARY_GELU_TANH:
        z = f == LOAM_UNARY_SILU         ? x
            : f == LOAM_UNARY_QUICK_GELU ? 1.702 * x
                                         : 1.5957691216057308 * (x + 0.044715 * x * x * x);
        y = x / (1 + exp(-z));
        /* z is rounded, which is an error of z·unit in e^-z; ref's 1 + tanh has one of unit */
        *bound = fabs(y) * (10 + 3 * fabs(z)) * unit + (f == LOAM_UNARY_GELU_TANH ? fabs(x) * 2 * unit : 0) + 1e-35;
        return y;
    case LOAM_UNARY_GELU:
        y = 0.5 * x * erfc(-x * M_SQRT1_2);
        *bound = fabs(x) * 1.15e-7 + 1e-35;
        return y;
    case LOAM_UNARY_RELU:
        *bound = 0;
        return x > 0 || x != x ? x : 0;
    case LOAM_UNARY_TANH:
        y = tanh(x);
        *bound = fabs(y) * 6 * unit + 2e-43;
        return y;
    default:
        *bound = 0;
        return x;
    }
}

enum { N_POINTS = 3000 };
static const char *const unary_names[LOAM_UNARY_COUNT] = {"none",       "silu", "gelu", "gelu_tanh",
                                                          "quick_gelu", "relu", "tanh"};

/* Arguments of all sizes, and the special ones. */
static void unary_points(float x[N_POINTS])
{
    static const float special[] = {0,      -0.0f,  INFINITY, -INFINITY, NAN,    1e-41f,  -1e-41f, FLT_MAX, -FLT_MAX,
                                    88.4f,  -88.4f, 87.34f,   -87.34f,   -89.1f, -100.0f, 14.0f,   -14.0f,  -6.0f,
                                    -13.2f, 1e6f,   -1e6f,    FLT_MIN,   7.9f,   -7.9f,   1e-30f,  3e38f,   -3e38f};
    for (int i = 0; i < N_POINTS; i++)
        x[i] = i % 3 ? rnd_float() * 4 : ldexpf(rnd_float(), (int)(rnd() % 40) - 30);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        x[i * 7 + 3] = special[i];
}

static int points_wrong(loam_unary f, const float *x, const float *times, const float *got, char detail[200])
{
    for (int i = 0; i < N_POINTS; i++) {
        double bound, want = unary_truth(f, x[i], &bound), by = times ? times[i] : 1;
        bound = bound * fabs(by) + (times ? fabs(want * by) * unit : 0) + (double)FLT_TRUE_MIN;
        want *= by;
        bool limit = isnan(want) && isinf(x[i]) && got[i] == 0; /* -inf · 0: its limit will do too */
        if (!(fabs(got[i] - want) <= bound) && !(isnan(got[i]) && isnan(want)) && got[i] != (float)want && !limit) {
            snprintf(detail, 200, "f(%.9g) = %.9g, want %.9g (allowed %g)", (double)x[i], (double)got[i], want, bound);
            return 1;
        }
    }
    return 0;
}

/* What the first n of a longer range are must not depend on where the range ends, nor on being in place. */
static int tails_differ(const loam_kernels *ks, loam_unary f, const float *x, const float *up, const float *whole,
                        char detail[200])
{
    for (int64_t n = 1; n < 70; n += n < 40 ? 1 : 13) {
        float *y = with_red_zone(n);
        memcpy(y, x + 1, (size_t)n * 4);
        if (up)
            ks->gate(f, y, up + 1, n, y);
        else
            ks->unary(f, y, n, y);
        int bad = memcmp(y, whole + 1, (size_t)n * 4) != 0 || red_zone_hurt(y, n);
        free_red(y);
        if (bad) {
            snprintf(detail, 200, "the first %lld elements alone differ, or it wrote outside", (long long)n);
            return 1;
        }
    }
    return 0;
}

static void check_unary(const loam_kernels *ks)
{
    float *x = aligned(N_POINTS * 4), *up = aligned(N_POINTS * 4), *got = aligned(N_POINTS * 4);
    char what[100], detail[200] = "";
    for (loam_unary f = 0; f < LOAM_UNARY_COUNT; f++) {
        unary_points(x);
        for (int i = 0; i < N_POINTS; i++)
            up[i] = rnd_float();
        ks->unary(f, x, N_POINTS, got);
        snprintf(what, sizeof what, "%s unary %s", loam_cpu_level_name(ks->level), unary_names[f]);
        report(what, points_wrong(f, x, NULL, got, detail) || tails_differ(ks, f, x, NULL, got, detail), detail);
        ks->gate(f, x, up, N_POINTS, got);
        snprintf(what, sizeof what, "%s gate %s", loam_cpu_level_name(ks->level), unary_names[f]);
        report(what, points_wrong(f, x, up, got, detail) || tails_differ(ks, f, x, up, got, detail), detail);
    }
    free(x), free(up), free(got);
}

static void check_affine(const loam_kernels *ks)
{
    static const int sizes[] = {1, 3, 8, 15, 16, 17, 40, 320};
    char what[100], detail[200] = "";
    for (loam_unary f = 0; f < LOAM_UNARY_COUNT; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            const int64_t m = 3, c = sizes[s], stride = c + 3;
            float *x = with_red_zone(m * stride), *y = with_red_zone(m * stride), *mul = aligned((size_t)c * 4),
                  *add = aligned((size_t)c * 4);
            for (int64_t j = 0; j < c; j++)
                mul[j] = rnd_float(), add[j] = rnd_float();
            for (int64_t j = 0; j < m * stride; j++)
                x[j] = j % stride < c ? rnd_float() * 3 : RED_VALUE;
            ks->affine(x, stride, m, c, mul, add, f, y, stride);
            int bad = red_zone_hurt(y, m * stride);
            for (int64_t j = 0; j < m * stride && !bad; j++) {
                if (j % stride >= c) {
                    bad = y[j] != RED_VALUE;
                    continue;
                }
                double z = (double)x[j] * mul[j % stride] + add[j % stride], bound;
                double want = unary_truth(f, z, &bound);
                /* no f has a slope above 1.2 */
                bound += 2.4 * unit * (fabs((double)x[j] * mul[j % stride]) + fabs((double)add[j % stride]));
                bad = !(fabs(y[j] - want) <= bound + fabs(want) * unit);
                if (bad)
                    snprintf(detail, sizeof detail, "index %lld: got %.9g, want %.9g (allowed %g)", (long long)j,
                             (double)y[j], want, bound);
            }
            ks->affine(x, stride, m, c, mul, add, f, x, stride);
            if (!bad && memcmp(x, y, (size_t)(m * stride) * 4) != 0) {
                bad = 1;
                snprintf(detail, sizeof detail, "in place it differs");
            }
            snprintf(what, sizeof what, "%s affine %s c=%d", loam_cpu_level_name(ks->level), unary_names[f], sizes[s]);
            report(what, bad, detail);
            free_red(x), free_red(y), free(mul), free(add);
        }
}

static void check_layer_norm(const loam_kernels *ks)
{
    static const int sizes[] = {1, 2, 7, 16, 31, 32, 33, 64, 100, 320, 768, 1280, 5123};
    const loam_kernels *ref = loam_kernels_get(LOAM_CPU_LEVEL_REF);
    char what[100], detail[200] = "";
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int kind = 0; kind < 4; kind++) { /* bit 0: with mul and add; bit 1: far from zero */
            const int64_t m = 3, n = sizes[s], stride = n + 3;
            const float far = kind & 2 ? 300 : 0;
            float *x = with_red_zone(m * stride), *y = with_red_zone(m * stride), *mul = aligned((size_t)n * 4),
                  *add = aligned((size_t)n * 4), *want = aligned((size_t)(m * stride) * 4),
                  *bound = aligned((size_t)(m * stride) * 4);
            for (int64_t j = 0; j < n; j++)
                mul[j] = kind & 1 ? rnd_float() : 1, add[j] = kind & 1 ? rnd_float() : 0;
            for (int64_t j = 0; j < m * stride; j++)
                x[j] = want[j] = j % stride < n ? rnd_float() * 3 + far : RED_VALUE;
            if (n > 16)
                x[stride + 5] = NAN; /* the second row */
            ref->layer_norm(x, stride, m, n, 1e-5f, kind & 1 ? mul : NULL, kind & 1 ? add : NULL, want, stride);
            ks->layer_norm(x, stride, m, n, 1e-5f, kind & 1 ? mul : NULL, kind & 1 ? add : NULL, y, stride);
            for (int64_t i = 0; i < m; i++) {
                double mean = 0, squares = 0;
                for (int64_t j = 0; j < n; j++)
                    mean += x[i * stride + j] / (double)n;
                for (int64_t j = 0; j < n; j++)
                    squares += (x[i * stride + j] - mean) * (x[i * stride + j] - mean) / (double)n;
                double scale = 1 / sqrt(squares + 1e-5);
                for (int64_t j = 0; j < n; j++) {
                    double d = fabs(x[i * stride + j] - mean) + 2 * unit * fabs(mean), g = fabs(mul[j]) * scale;
                    bound[i * stride + j] = (float)(unit * ((12 + (double)n / 16) * d * g + 4 * fabs(mean) * g +
                                                            (4 + (double)n / 64) * fabs(mul[j]) + 2 * fabs(add[j])));
                }
            }
            int bad = compare(y, want, bound, m * stride, detail) || red_zone_hurt(y, m * stride);
            ks->layer_norm(x, stride, m, n, 1e-5f, kind & 1 ? mul : NULL, kind & 1 ? add : NULL, x, stride);
            if (!bad && memcmp(x, y, (size_t)(m * stride) * 4) != 0) {
                bad = 1;
                snprintf(detail, sizeof detail, "in place it differs");
            }
            snprintf(what, sizeof what, "%s layer_norm n=%d%s%s", loam_cpu_level_name(ks->level), sizes[s],
                     kind & 1 ? " with factors" : "", kind & 2 ? " far from zero" : "");
            report(what, bad, detail);
            free_red(x), free_red(y), free(mul), free(add), free(want), free(bound);
        }
}

static void check_mul_add(const loam_kernels *ks)
{
    static const int sizes[] = {1, 7, 8, 9, 16, 31, 320};
    char what[100], detail[200] = "";
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t n = sizes[s];
        float *a = aligned((size_t)n * 4), *b = aligned((size_t)n * 4), *c = aligned((size_t)n * 4),
              *want = aligned((size_t)n * 4), *bound = aligned((size_t)n * 4);
        float *y = with_red_zone(n);
        for (int64_t i = 0; i < n; i++) {
            a[i] = i == 5 ? NAN : rnd_float(), b[i] = rnd_float(), c[i] = i == 6 ? INFINITY : rnd_float();
            want[i] = (float)(a[i] + (double)b[i] * c[i]);
            bound[i] = FLT_EPSILON * (fabsf(a[i]) + fabsf(b[i] * c[i]));
        }
        ks->mul_add(a, b, c, n, y);
        int bad = compare(y, want, bound, n, detail) || red_zone_hurt(y, n);
        ks->mul_add(a, b, c, n, c);
        snprintf(what, sizeof what, "%s mul_add n=%d", loam_cpu_level_name(ks->level), sizes[s]);
        report(what, bad || memcmp(c, y, (size_t)n * 4) != 0, bad ? detail : "in place it differs");
        free(a), free(b), free(c), free(want), free(bound);
        free_red(y);
    }
}

void check_pictures(const loam_kernels *ks)
{
    check_group_stats(ks);
    check_unary(ks);
    check_affine(ks);
    check_layer_norm(ks);
    check_mul_add(ks);
}

/* One timing of a row operation over m × c; passes: how often an element crosses between memory and core. */
#define BENCH_ROWS(NAME, PASSES, CALL)                                                                      \
    do {                                                                                                    \
        double best = 1e9, spent = 0;                                                                       \
        for (int i = 0; i < 3 || spent < 0.05; i++) {                                                       \
            double t0 = loam_clock_s();                                                                     \
            CALL;                                                                                           \
            double dt = loam_clock_s() - t0;                                                                \
            spent += dt;                                                                                    \
            best = dt < best ? dt : best;                                                                   \
        }                                                                                                   \
        printf("%-7s %-22s m=%-5lld c=%-5lld %11.0f ns %8.2f GB/s\n", loam_cpu_level_name(ks->level), NAME, \
               (long long)m, (long long)c, best * 1e9, (PASSES)*4e-9 * (double)(m * c) / best);             \
    } while (0)

static void bench_rows(const loam_kernels *ks, int64_t m, int64_t c)
{
    float *x = aligned((size_t)(m * c) * 4), *y = aligned((size_t)(m * c) * 4), *mul = aligned((size_t)c * 4);
    double stats[64];
    for (int64_t i = 0; i < m * c; i++)
        x[i] = y[i] = (float)(rnd() % 4001) * 1e-3f - 2;
    BENCH_ROWS("read", 1, ks->read(x, (size_t)(m * c / 64 * 64) * 4));
    BENCH_ROWS("group_stats", 1, ks->group_stats(x, c, m, c, 32, stats));
    BENCH_ROWS("affine", 2, ks->affine(x, c, m, c, mul, mul, LOAM_UNARY_NONE, y, c));
    BENCH_ROWS("affine silu", 2, ks->affine(x, c, m, c, mul, mul, LOAM_UNARY_SILU, y, c));
    BENCH_ROWS("layer_norm", 2, ks->layer_norm(x, c, m, c, 1e-5f, mul, mul, y, c));
    BENCH_ROWS("mul_add", 3, ks->mul_add(y, x, x, m * c, y));
    for (loam_unary f = LOAM_UNARY_SILU; f < LOAM_UNARY_COUNT; f++) {
        char name[40];
        snprintf(name, sizeof name, "unary %s", unary_names[f]);
        BENCH_ROWS(name, 2, ks->unary(f, x, m * c, y));
    }
    BENCH_ROWS("gate gelu", 3, ks->gate(LOAM_UNARY_GELU, x, x, m * c, y));
    BENCH_ROWS("gate silu", 3, ks->gate(LOAM_UNARY_SILU, x, x, m * c, y));
    free(x), free(y), free(mul);
}

void bench_pictures(const loam_kernels *ks)
{
    bench_rows(ks, 64, 320);
    bench_rows(ks, 256, 1280);
    bench_rows(ks, 16384, 640);
}
