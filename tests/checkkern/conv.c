/* Convolutions: checks against the definition in double, made from the file's own bytes, and timings. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checkkern.h"

/* Convolutions with equal padding, as many output positions as it gives. */
static loam_conv conv_same(int64_t n, int64_t h, int64_t w, int64_t c, int taps)
{
    return (loam_conv){.n = n,
                       .f = 1,
                       .h = h,
                       .w = w,
                       .c = c,
                       .of = 1,
                       .oh = h,
                       .ow = w,
                       .kt = 1,
                       .kh = taps,
                       .kw = taps,
                       .stride_t = 1,
                       .stride = 1,
                       .pad_top = taps / 2,
                       .pad_left = taps / 2};
}

static loam_packed packed_weights(loam_dtype t, int64_t n, int64_t k, void **src)
{
    loam_packed w;
    if (!loam_packed_init(&w, t, n, k))
        abort();
    *src = rnd_weights(t, n, k);
    uint8_t *data = aligned(loam_packed_bytes(&w));
    loam_pack_groups(&w, *src, data, 0, w.n_groups);
    w.data = data;
    return w;
}

/* One case: a convolution, its weights, and where input and output lie. */
typedef struct conv_case {
    loam_conv c;
    int64_t n, k, rows, x_stride, y_stride;
    bool winograd, half;
    loam_packed w;
    float *dense;     /* the weights [n][k] as the file means them */
    uint16_t *x_half; /* x in bf16, which it has been rounded to */
    float *x_all, *x, *bias, *y_all, *y, *want, *bound;
    int64_t y_floats;
    void *src, *scratch;
} conv_case;

enum { RED = 37 };
static const float untouched = -12345.0f;

static const float *input_at(const conv_case *t, int64_t image, int64_t f, int64_t y, int64_t x)
{
    const loam_conv *c = &t->c;
    int up = c->up ? 2 : 1;
    if (f < 0 || f >= c->f || y < 0 || y >= c->h * up || x < 0 || x >= c->w * up)
        return NULL;
    return t->x + (((image * c->f + f) * c->h + y / up) * c->w + x / up) * t->x_stride;
}

/* Winograd's transforms as they bound the error: absolute values of the matrices for the points 0, ±5/8, ±3/2, ∞. */
#define NA 1.452636718750 /* |2a²(a² - b²)| */
#define NB 8.367187500    /* |2b²(b² - a²)| */
static const double abs_b[6][6] = {{0.87890625, 0, 2.640625, 0, 1, 0},  {0, 1.40625, 2.25, 0.625, 1, 0},
                                   {0, 1.40625, 2.25, 0.625, 1, 0},     {0, 0.5859375, 0.390625, 1.5, 1, 0},
                                   {0, 0.5859375, 0.390625, 1.5, 1, 0}, {0, 0.87890625, 0, 2.640625, 0, 1}};
static const double abs_g[6][3] = {
    {1 / 0.87890625, 0, 0},        {1 / NA, 0.625 / NA, 0.390625 / NA}, {1 / NA, 0.625 / NA, 0.390625 / NA},
    {1 / NB, 1.5 / NB, 2.25 / NB}, {1 / NB, 1.5 / NB, 2.25 / NB},       {0, 0, 1}};
static const double abs_a[4][6] = {{1, 1, 1, 1, 1, 0},
                                   {0, 0.625, 0.625, 1.5, 1.5, 0},
                                   {0, 0.390625, 0.390625, 2.25, 2.25, 0},
                                   {0, 0.244140625, 0.244140625, 3.375, 3.375, 1}};

/* |Aᵀ| [ Σ_c (|G| |g| |G|ᵀ) ⊙ (|Bᵀ| |d| |B|) ] |A| at every output: each rounding of F(4×4, 3×3) is a small multiple of
 * eps times a term of it. Channels of the taps along time follow one another. */
static void winograd_magnitude(const conv_case *t, double *mag)
{
    const loam_conv *c = &t->c;
    const int64_t k = c->kt * c->c;
    double *v = calloc((size_t)(k * 36), sizeof *v), *u = calloc((size_t)(t->n * k * 36), sizeof *u);
    for (int64_t j = 0; j < t->n * k; j++)
        for (int i = 0; i < 36; i++)
            for (int tap = 0; tap < 9; tap++)
                u[j * 36 + i] += abs_g[i / 6][tap / 3] * abs_g[i % 6][tap % 3] *
                                 fabs((double)t->dense[j / k * t->k + (j % k / c->c * 9 + tap) * c->c + j % c->c]);
    for (int64_t tile = 0; tile < loam_conv_tiles(c); tile++) {
        int64_t across = loam_conv_tiles_w(c), per = (c->oh + 3) / 4 * across, image = tile / per / c->of,
                f = tile / per % c->of, y0 = tile % per / across * 4, x0 = tile % across * 4;
        for (int64_t ch = 0; ch < k; ch++) {
            double d[6][6], bd[6][6];
            for (int i = 0; i < 36; i++) {
                const float *in = input_at(t, image, f + ch / c->c - c->pad_t, y0 + i / 6 - 1, x0 + i % 6 - 1);
                d[i / 6][i % 6] = in ? fabs((double)in[ch % c->c]) : 0;
            }
            for (int i = 0; i < 36; i++) {
                bd[i / 6][i % 6] = 0;
                for (int j = 0; j < 6; j++)
                    bd[i / 6][i % 6] += abs_b[i / 6][j] * d[j][i % 6];
            }
            for (int i = 0; i < 36; i++) {
                v[ch * 36 + i] = 0;
                for (int j = 0; j < 6; j++)
                    v[ch * 36 + i] += bd[i / 6][j] * abs_b[i % 6][j];
            }
        }
        for (int64_t col = 0; col < t->n; col++) {
            double m[36] = {0};
            for (int64_t ch = 0; ch < k; ch++)
                for (int i = 0; i < 36; i++)
                    m[i] += u[(col * k + ch) * 36 + i] * v[ch * 36 + i];
            for (int64_t y = y0; y < y0 + 4 && y < c->oh; y++)
                for (int64_t x = x0; x < x0 + 4 && x < c->ow; x++) {
                    double sum = 0;
                    for (int i = 0; i < 36; i++)
                        sum += abs_a[y - y0][i / 6] * abs_a[x - x0][i % 6] * m[i];
                    mag[((image * c->of + f) * c->oh * c->ow + y * c->ow + x) * t->n + col] = sum;
                }
        }
    }
    free(v), free(u);
}

/* want and bound, [rows][n], in double from the definition. */
static void conv_truth(const conv_case *t)
{
    const loam_conv *c = &t->c;
    double *mag = calloc((size_t)(t->rows * t->n), sizeof *mag);
    for (int64_t r = 0; r < t->rows; r++) {
        int64_t ox = r % c->ow, oy = r / c->ow % c->oh, ot = r / (c->ow * c->oh) % c->of,
                image = r / (c->ow * c->oh * c->of);
        for (int64_t j = 0; j < t->n; j++) {
            double sum = t->bias ? (double)t->bias[j] : 0, size = fabs(sum);
            const float *w = t->dense + j * t->k;
            for (int64_t tap = 0; tap < c->kt * c->kh * c->kw; tap++, w += c->c) {
                const float *in = input_at(t, image, ot * c->stride_t + tap / (c->kh * c->kw) - c->pad_t,
                                           oy * c->stride + tap / c->kw % c->kh - c->pad_top,
                                           ox * c->stride + tap % c->kw - c->pad_left);
                for (int64_t ch = 0; in && ch < c->c; ch++) {
                    sum += (double)w[ch] * (double)in[ch];
                    size += fabs((double)w[ch] * (double)in[ch]);
                }
            }
            t->want[r * t->n + j] = (float)sum;
            mag[r * t->n + j] = size;
        }
    }
    if (t->winograd)
        winograd_magnitude(t, mag);
    /* Winograd: 24 roundings in the transforms and c in the sum, which go in all directions: the square root of their
     * number (Higham & Mary 2019) is still several times what is seen. */
    double terms = t->winograd ? sqrt(24 + (double)(c->kt * c->c)) : 16 + (double)t->k / 8;
    for (int64_t i = 0; i < t->rows * t->n; i++)
        t->bound[i] = (float)(terms * FLT_EPSILON * (mag[i] + 1e-30));
    free(mag);
}

typedef enum conv_way { DIRECT, WINOGRAD, HALF } conv_way;

static conv_case conv_case_new(loam_dtype type, const loam_conv *c, int64_t n, bool bias, conv_way way)
{
    conv_case t = {.c = *c,
                   .n = n,
                   .winograd = way == WINOGRAD,
                   .half = way == HALF,
                   .k = c->c * c->kt * c->kh * c->kw,
                   .rows = loam_conv_rows(c)};
    t.w = packed_weights(type, n, t.k, &t.src);
    t.dense = aligned((size_t)(n * t.k) * sizeof(float));
    for (int64_t j = 0; j < n; j++)
        loam_dequantize(type, (const char *)t.src + (size_t)j * loam_dtype_row_bytes(type, t.k), t.dense + j * t.k,
                        t.k);
    /* odd strides and an odd start; what lies between the rows must not be read */
    t.x_stride = c->c + 3;
    t.y_stride = n + 5;
    int64_t x_rows = c->n * c->f * c->h * c->w;
    t.x_all = aligned((size_t)(x_rows * t.x_stride + 1) * sizeof(float));
    t.x = t.x_all + 1;
    for (int64_t i = 0; i < x_rows * t.x_stride; i++)
        t.x[i] = i % t.x_stride < c->c ? rnd_float() * (i / t.x_stride % 7 == 3 ? 1e-20f : 1.0f) : (float)NAN;
    t.x_half = aligned((size_t)(x_rows * t.x_stride) * sizeof *t.x_half);
    for (int64_t i = 0; t.half && i < x_rows * t.x_stride; i++) {
        t.x_half[i] = loam_f32_to_bf16(t.x[i]);
        t.x[i] = loam_bf16_to_f32(t.x_half[i]);
    }
    t.bias = bias ? aligned((size_t)n * sizeof(float)) : NULL;
    for (int64_t j = 0; bias && j < n; j++)
        t.bias[j] = rnd_float();
    t.y_floats = t.rows * t.y_stride + 2 * RED;
    t.y_all = aligned((size_t)t.y_floats * sizeof(float));
    t.y = t.y_all + RED;
    t.want = aligned((size_t)(t.rows * n) * sizeof(float));
    t.bound = aligned((size_t)(t.rows * n) * sizeof(float));
    t.scratch = aligned(LOAM_CONV_SCRATCH);
    return t;
}

static void conv_case_free(conv_case *t)
{
    free(t->src), free((void *)(uintptr_t)t->w.data), free(t->dense), free(t->x_all), free(t->bias), free(t->y_all);
    free(t->want), free(t->bound), free(t->scratch), free(t->x_half);
}

/* Everything, in calls of `per` rows, tiles or lines × `groups` column groups. Scratch holds what other work left
 * there. */
static void conv_case_run(conv_case *t, const loam_kernels *ks, int64_t per, int64_t groups)
{
    memset(t->scratch, 0xFF, LOAM_CONV_SCRATCH);
    for (int64_t i = 0; i < t->y_floats; i++)
        t->y_all[i] = untouched;
    int64_t units = t->winograd ? loam_conv_tiles(&t->c) : t->half ? t->rows / t->c.ow : t->rows;
    for (int64_t u = 0; u < units; u += per)
        for (int64_t g = 0; g < t->w.n_groups; g += groups) {
            int64_t m = units - u < per ? units - u : per, ng = t->w.n_groups - g < groups ? t->w.n_groups - g : groups;
            const float *bias = t->bias ? t->bias + g * 16 : NULL;
            if (t->winograd)
                ks->winograd(&t->c, t->x, t->x_stride, &t->w, u, m, g, ng, bias, t->y + g * 16, t->y_stride,
                             t->scratch);
            else if (t->half)
                ks->conv_half(&t->c, t->x_half, (size_t)t->x_stride * 2, &t->w, u, m, g, ng, bias, t->y + g * 16,
                              t->y_stride, t->scratch);
            else
                ks->conv(&t->c, t->x, t->x_stride, &t->w, u, m, g, ng, bias, t->y + u * t->y_stride + g * 16,
                         t->y_stride, t->scratch);
        }
}

static int conv_gaps_hurt(const conv_case *t)
{
    for (int64_t i = 0; i < t->y_floats; i++) {
        int64_t at = i - RED, row = at / t->y_stride;
        bool inside = at >= 0 && row < t->rows && at % t->y_stride < t->n;
        if (!inside && memcmp(&t->y_all[i], &untouched, 4) != 0)
            return 1;
    }
    return 0;
}

/* An infinite input must reach the outputs that see it; and no other row's or (Winograd) tile's. y holds what was
 * before. */
static int conv_infinity_lost(conv_case *t, const loam_kernels *ks, char detail[200])
{
    const loam_conv *c = &t->c;
    float *before = aligned((size_t)t->y_floats * sizeof *before);
    memcpy(before, t->y_all, (size_t)t->y_floats * sizeof *before);
    float *x = t->x + c->n * c->f * c->h * c->w / 2 * t->x_stride;
    float was = x[c->c / 2];
    uint16_t *half = t->x_half + (x - t->x) + c->c / 2, was_half = *half;
    x[c->c / 2] = INFINITY;
    *half = loam_f32_to_bf16(INFINITY);
    conv_case_run(t, ks, INT64_MAX / 2, t->w.n_groups);
    int bad = 0;
    for (int64_t r = 0; r < t->rows && !bad; r++) {
        int64_t ox = r % c->ow, oy = r / c->ow % c->oh, ot = r / (c->ow * c->oh) % c->of,
                image = r / (c->ow * c->oh * c->of);
        bool sees = false, near = false;
        for (int64_t tap = 0; tap < c->kt * c->kh * c->kw; tap++)
            sees |= input_at(t, image, ot * c->stride_t + tap / (c->kh * c->kw) - c->pad_t,
                             oy * c->stride + tap / c->kw % c->kh - c->pad_top,
                             ox * c->stride + tap % c->kw - c->pad_left) == x;
        for (int i = 0; t->winograd && i < 36 * c->kt; i++)
            near |=
                input_at(t, image, ot + i / 36 - c->pad_t, oy / 4 * 4 + i % 36 / 6 - 1, ox / 4 * 4 + i % 6 - 1) == x;
        const float *now = t->y + r * t->y_stride, *then = before + RED + r * t->y_stride;
        for (int64_t j = 0; j < t->n && !bad; j++)
            bad = (sees && isfinite(now[j]) && t->dense[j * t->k + c->c / 2] != 0) ||
                  (!sees && !near && memcmp(now + j, then + j, 4) != 0);
        if (bad)
            snprintf(detail, 200, "an infinity is lost in, or leaks into, row %lld", (long long)r);
    }
    x[c->c / 2] = was;
    *half = was_half;
    free(before);
    return bad;
}

static void check_conv(const loam_kernels *ks, loam_dtype type, const char *name, const loam_conv *c, int64_t n,
                       bool bias, conv_way way)
{
    static const char *const names[] = {"conv", "winograd", "half"};
    conv_case t = conv_case_new(type, c, n, bias, way);
    char what[200], detail[200] = "";
    snprintf(what, sizeof what, "%s%s %s %s %s %lldx%lldx%lldx%lld c=%lld -> %lldx%lldx%lld n=%lld",
             loam_cpu_level_name(ks->level), ks->bf16_dot ? "+bf16" : "", names[way], loam_dtype_name(type), name,
             (long long)c->n, (long long)c->f, (long long)c->h, (long long)c->w, (long long)c->c, (long long)c->of,
             (long long)c->oh, (long long)c->ow, (long long)n);
    conv_truth(&t);
    conv_case_run(&t, ks, INT64_MAX / 2, t.w.n_groups);
    int bad = 0;
    for (int64_t r = 0; r < t.rows && !bad; r++)
        bad = compare(t.y + r * t.y_stride, t.want + r * n, t.bound + r * n, n, detail);
    if (!bad && conv_gaps_hurt(&t)) {
        bad = 1;
        snprintf(detail, sizeof detail, "wrote outside its output");
    }
    float *whole = aligned((size_t)t.y_floats * sizeof *whole);
    memcpy(whole, t.y_all, (size_t)t.y_floats * sizeof *whole);
    static const int64_t cuts[][2] = {{1, 1}, {5, 3}, {LOAM_CONV_TASK_ROWS, 2}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts && !bad; i++) {
        conv_case_run(&t, ks, cuts[i][0], cuts[i][1]);
        if (memcmp(whole, t.y_all, (size_t)t.y_floats * sizeof *whole) != 0) {
            bad = 1;
            snprintf(detail, sizeof detail, "cut into %lld units x %lld groups the bits differ", (long long)cuts[i][0],
                     (long long)cuts[i][1]);
        }
    }
    bad = bad || conv_infinity_lost(&t, ks, detail);
    report(what, bad, detail);
    free(whole);
    conv_case_free(&t);
}

/* A convolution as chance has it: odd sizes, all kinds of padding and stride. Q8_0 needs blocks of 32 k. */
static loam_conv conv_random(bool whole_blocks)
{
    loam_conv c = {.n = 1 + rnd() % 2,
                   .f = 1 + rnd() % 4,
                   .h = 1 + rnd() % 9,
                   .w = 1 + rnd() % 9,
                   .c = whole_blocks ? 32 : 1 + rnd() % 40,
                   .kt = 1 + (int)(rnd() % 3),
                   .kh = 1 + (int)(rnd() % 4),
                   .kw = 1 + (int)(rnd() % 4),
                   .stride_t = 1 + (int)(rnd() % 2),
                   .stride = 1 + (int)(rnd() % 2),
                   .up = rnd() % 4 == 0};
    c.pad_t = (int)(rnd() % (uint32_t)c.kt);
    c.pad_top = (int)(rnd() % (uint32_t)c.kh);
    c.pad_left = (int)(rnd() % (uint32_t)c.kw);
    c.of = 1 + rnd() % 4;
    c.oh = 1 + rnd() % 9;
    c.ow = 1 + rnd() % 9;
    return c;
}

/* Convolutions in bf16 with all kinds of taps, padding and frames; blocks that are cut along both sides. */
static void check_half_convs(const loam_kernels *ks)
{
    loam_conv c = conv_same(1, 12, 70, 32, 3);
    check_conv(ks, LOAM_DTYPE_BF16, "3x3", &c, 33, true, HALF);
    c = conv_same(2, 6, 5, 96, 3);
    check_conv(ks, LOAM_DTYPE_BF16, "3x3", &c, 48, false, HALF);
    c = conv_same(1, 3, 66, 640, 3); /* the patch is too small for all lines, and there are many blocks of k */
    check_conv(ks, LOAM_DTYPE_BF16, "3x3", &c, 17, true, HALF);
    c = conv_same(1, 40, 60, 32, 1); /* more positions than a block has sums */
    check_conv(ks, LOAM_DTYPE_BF16, "1x1", &c, 32, true, HALF);
    for (int j = 0; j < 60; j++) {
        c = conv_random(true);
        c.c = 32 * (1 + rnd() % 3);
        c.stride = 1;
        check_conv(ks, LOAM_DTYPE_BF16, c.up ? "random up" : "random", &c, 1 + rnd() % 70, rnd() % 2, HALF);
    }
}

void check_convs(const loam_kernels *ks)
{
    static const loam_kernels *last; /* levels that differ in other things share these kernels */
    if (ks->conv_half)
        check_half_convs(ks);
    if (last && last->conv == ks->conv && last->winograd == ks->winograd)
        return;
    last = ks;
    static const loam_dtype types[] = {LOAM_DTYPE_F32, LOAM_DTYPE_F16, LOAM_DTYPE_BF16, LOAM_DTYPE_Q8_0};
    for (size_t i = 0; i < 4; i++) {
        bool q8 = types[i] == LOAM_DTYPE_Q8_0;
        loam_conv c = conv_same(1, 7, 5, q8 ? 32 : 33, 3);
        check_conv(ks, types[i], "3x3", &c, 20, true, DIRECT);
        c = conv_same(2, 3, 5, q8 ? 128 : 130, 3); /* more than one block of k */
        check_conv(ks, types[i], "long", &c, 49, true, DIRECT);
        c = conv_same(1, 1, 79, q8 ? 64 : 67, 1);
        check_conv(ks, types[i], "linear", &c, 48, false, DIRECT);
        c = conv_same(1, 17, 31, 32, 1); /* more than one block of rows */
        check_conv(ks, types[i], "linear", &c, 40, true, DIRECT);
        c = conv_same(1, 1, 1, q8 ? 416 : 415, 1);
        check_conv(ks, types[i], "one row", &c, 3, true, DIRECT);
        for (int j = 0; j < 25; j++) {
            c = conv_random(q8);
            check_conv(ks, types[i], "random", &c, 1 + rnd() % 70, rnd() % 2, DIRECT);
        }
    }
    for (size_t i = 0; i < 4; i++) { /* whole tiles and whole vectors, and more than one block of channels */
        loam_conv c = conv_same(1, 12, 16, types[i] == LOAM_DTYPE_Q8_0 ? 96 : 72, 3);
        check_conv(ks, types[i], "3x3", &c, 33, true, WINOGRAD);
        c = conv_same(2, 9, 21, 16 << (i == 3), 3); /* more than one block of tiles, both ends cut */
        check_conv(ks, types[i], "3x3", &c, 7, false, WINOGRAD);
    }
    /* the specification is slow, and wrong sums would show against double in the first few */
    for (int j = 0; j < (ks->level == LOAM_CPU_LEVEL_REF ? 4 : 40); j++) {
        loam_dtype type = types[j % 4];
        loam_conv c = conv_same(1 + rnd() % 2, 1 + rnd() % 18, 1 + rnd() % 18, 1 + rnd() % 70, 3);
        if (type == LOAM_DTYPE_Q8_0)
            c.c = 32 + rnd() % 2 * 32;
        c.f = c.of = 1 + rnd() % 2;
        if (rnd() % 2) { /* taps along time; frames may be cut off or stand out at both ends */
            c.kt = 1 + (int)(rnd() % 3), c.pad_t = (int)(rnd() % (uint32_t)c.kt);
            c.f = 1 + rnd() % 3, c.of = 1 + rnd() % (uint32_t)(c.f + c.pad_t);
        }
        if (rnd() % 4 == 0)
            c.up = true, c.oh *= 2, c.ow *= 2;
        if (rnd() % 4 == 0)
            c.oh += 1 + rnd() % 3, c.ow -= c.ow > 1; /* more padding behind, or less */
        check_conv(ks, type, c.up ? "random up" : "random", &c, 1 + rnd() % 100, rnd() % 2, WINOGRAD);
    }
    for (int64_t ch = 1; ch <= 7; ch++) {
        loam_conv c = conv_same(1, 5, 6, ch, 3);
        check_conv(ks, LOAM_DTYPE_F16, "few channels", &c, 17, true, DIRECT);
    }
    loam_conv down = conv_same(1, 8, 6, 20, 3); /* of VAE encoders: padded at the right and lower edge only */
    down.stride = 2, down.pad_top = down.pad_left = 0, down.oh = 4, down.ow = 3;
    check_conv(ks, LOAM_DTYPE_BF16, "down", &down, 20, true, DIRECT);
    loam_conv clip = conv_same(1, 4, 3, 20, 3); /* of causal video VAEs: padded by two frames in front */
    clip.f = clip.of = 3, clip.kt = 3, clip.pad_t = 2;
    check_conv(ks, LOAM_DTYPE_F16, "causal", &clip, 20, true, DIRECT);
    check_conv(ks, LOAM_DTYPE_F16, "causal", &clip, 20, true, WINOGRAD);
    clip.f = 5, clip.pad_t = 0, clip.h = clip.oh = 9, clip.w = clip.ow = 22; /* with two frames carried over */
    check_conv(ks, LOAM_DTYPE_F32, "carried", &clip, 20, true, WINOGRAD);
}

/* Time of this thread: other programs on the machine count less. */
static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One timing: all rows or tiles in calls of the size that ops.h recommends. */
static void bench_conv(const loam_kernels *ks, loam_dtype t, const char *what, const loam_conv *c, int64_t n,
                       conv_way way, double peak)
{
    const bool winograd = way == WINOGRAD;
    int64_t k = c->c * c->kt * c->kh * c->kw, rows = loam_conv_rows(c);
    int64_t units = winograd ? loam_conv_tiles(c) : rows,
            per = winograd ? LOAM_WINOGRAD_TASK_TILES : LOAM_CONV_TASK_ROWS;
    if (way == HALF)
        units = rows / c->ow, per = 32;
    if (units > 8 * per)
        units = 8 * per; /* of a large picture a part is enough */
    void *src;
    loam_packed w = packed_weights(t, n, k, &src);
    int64_t xn = c->n * c->f * c->h * c->w * c->c;
    float *x = aligned((size_t)xn * 4), *y = aligned((size_t)(rows * n) * 4), *bias = aligned((size_t)n * 4);
    void *scratch = aligned(LOAM_CONV_SCRATCH);
    uint16_t *x_half = aligned((size_t)xn * 2);
    for (int64_t i = 0; i < xn; i++)
        x[i] = (float)(rnd() % 2001) * 1e-3f - 1;
    for (int64_t i = 0; i < xn; i++)
        x_half[i] = loam_f32_to_bf16(x[i]);
    int64_t g_per = way != DIRECT ? w.n_groups : LOAM_CONV_TASK_GROUPS;
    int64_t g_parts = (w.n_groups + g_per - 1) / g_per;
    g_per = (w.n_groups + g_parts - 1) / g_parts;
    double best = 1e9, spent = 0;
    for (int i = 0; i < 3 || spent < 0.15; i++) {
        double t0 = cpu_s();
        for (int64_t u = 0; u < units; u += per)
            for (int64_t g = 0; g < w.n_groups; g += g_per) {
                int64_t m = units - u < per ? units - u : per, ng = w.n_groups - g < g_per ? w.n_groups - g : g_per;
                if (winograd)
                    ks->winograd(c, x, c->c, &w, u, m, g, ng, bias + g * 16, y + g * 16, n, scratch);
                else if (way == HALF)
                    ks->conv_half(c, x_half, (size_t)c->c * 2, &w, u, m, g, ng, bias + g * 16, y + g * 16, n, scratch);
                else
                    ks->conv(c, x, c->c, &w, u, m, g, ng, bias + g * 16, y + u * n + g * 16, n, scratch);
            }
        double dt = cpu_s() - t0;
        spent += dt;
        best = dt < best ? dt : best;
    }
    double share = (double)units / (double)(winograd ? loam_conv_tiles(c) : way == HALF ? rows / c->ow : rows);
    double rate = 2e-9 * (double)(rows * n * k) * share / best;
    printf("%-7s %-8s %-5s %-22s rows=%-6lld k=%-5lld n=%-5lld %11.0f ns %8.1f GFLOP/s (%3.0f %%)\n",
           loam_cpu_level_name(ks->level),
           way == HALF ? "half"
           : winograd  ? "winograd"
                       : "conv",
           loam_dtype_name(t), what, (long long)rows, (long long)k, (long long)n, best * 1e9, rate, 100 * rate / peak);
    free(src), free((void *)(uintptr_t)w.data), free(x), free(y), free(bias), free(scratch), free(x_half);
}

void bench_convs(const loam_kernels *ks, double peak)
{
    static const struct {
        const char *what;
        int h, w, c, n, taps;
    } shapes[] = {
        {"UNet 64x64", 64, 64, 320, 320, 3},      {"UNet 64x64", 64, 64, 640, 320, 3},
        {"UNet 64x64", 64, 64, 960, 320, 3},      {"UNet 32x32", 32, 32, 640, 640, 3},
        {"UNet 16x16", 16, 16, 1280, 1280, 3},    {"UNet 16x16", 16, 16, 2560, 1280, 3},
        {"UNet 8x8", 8, 8, 1280, 1280, 3},        {"UNet 8x8", 8, 8, 2560, 1280, 3},
        {"VAE 64x64", 64, 64, 512, 512, 3},       {"VAE 256x256", 256, 256, 512, 256, 3},
        {"VAE 512x512", 512, 512, 256, 128, 3},   {"VAE 512x512", 512, 512, 128, 128, 3},
        {"VAE conv_out", 512, 512, 128, 3, 3},    {"UNet conv_in", 64, 64, 4, 320, 3},
        {"4x4 latent", 4, 4, 1280, 1280, 3},      {"linear", 64, 64, 320, 320, 1},
        {"linear", 64, 64, 320, 2560, 1},         {"linear", 32, 32, 640, 640, 1},
        {"linear", 16, 16, 1280, 1280, 1},        {"linear", 1, 77, 768, 320, 1},
        {"linear few rows", 1, 4, 1280, 1280, 1}, {"linear one row", 1, 1, 1280, 1280, 1},
    };
    static const loam_dtype types[] = {LOAM_DTYPE_F16, LOAM_DTYPE_F32, LOAM_DTYPE_BF16, LOAM_DTYPE_Q8_0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        loam_conv c = conv_same(1, shapes[i].h, shapes[i].w, shapes[i].c, shapes[i].taps);
        for (size_t t = 0; t < (i == 0 || i > 19 ? 4 : 1); t++)
            bench_conv(ks, types[t], shapes[i].what, &c, shapes[i].n, DIRECT, peak);
        for (size_t t = 0; loam_conv_is_winograd(&c) && c.c >= 8 && t < (i == 0 ? 4 : 1); t++)
            bench_conv(ks, types[t], shapes[i].what, &c, shapes[i].n, WINOGRAD, peak);
        if (ks->conv_half && loam_conv_is_half(&c))
            bench_conv(ks, LOAM_DTYPE_BF16, shapes[i].what, &c, shapes[i].n, HALF, peak);
    }
}
