/* Convolution as a product: a block of rows × k of the input as the taps see it (im2col) is copied to scratch, which
 * costs little beside what is then done with it, and multiplied with the weights of one sliver of columns after the
 * other, widened to f32 once for all rows. Blocks of k are counted from 0 and summed from zero each. */
#ifndef LOAM_KERNEL_CONV_H
#define LOAM_KERNEL_CONV_H

#include "kernel/simd/gemm_f32.h"
#include "kernel/simd/winograd.h"

enum {
    CONV_ROWS = LOAM_CONV_TASK_ROWS, /* of a block */
    CONV_K = 384,                    /* most k of a block */
    CONV_STRIDE = CONV_K + 16,       /* rows of the block are not a power of two apart */
};
DEFINE_GEMMS(conv_tiles, CONV_STRIDE)

/* A run of channels of one tap. */
typedef struct conv_run {
    int32_t dt, dy, dx, n;
    int64_t channel;
} conv_run;

typedef struct conv_scratch {
    _Alignas(64) float a[CONV_ROWS * CONV_STRIDE];
    float b[TILE_GROUPS][CONV_K * 16];
    conv_run runs[CONV_K];
    int n_runs;
} conv_scratch;
_Static_assert(sizeof(conv_scratch) <= LOAM_CONV_SCRATCH, "LOAM_CONV_SCRATCH is too small");

static void conv_find_runs(const loam_conv *c, int64_t k0, int64_t n, conv_scratch *s)
{
    s->n_runs = 0;
    for (int64_t k = k0; k < k0 + n;) {
        int64_t tap = k / c->c;
        conv_run r = {.dt = (int32_t)(tap / (c->kh * c->kw)),
                      .dy = (int32_t)(tap / c->kw % c->kh),
                      .dx = (int32_t)(tap % c->kw),
                      .channel = k % c->c};
        int64_t left = k0 + n - k;
        r.n = (int32_t)(c->c - r.channel < left ? c->c - r.channel : left);
        s->runs[s->n_runs++] = r;
        k += r.n;
    }
}

/* What output rows [r0, r0 + m) see through the runs. */
static __attribute__((noinline)) void conv_gather(const loam_conv *c, const float *x, int64_t x_stride, int64_t r0,
                                                  int64_t m, conv_scratch *s)
{
    const int up = c->up ? 1 : 0;
    const int64_t h = c->h << up, w = c->w << up;
    int64_t ox = r0 % c->ow, oy = r0 / c->ow % c->oh, ot = r0 / (c->ow * c->oh) % c->of,
            i = r0 / (c->ow * c->oh * c->of);
    for (int64_t r = 0; r < m; r++) {
        float *to = s->a + r * CONV_STRIDE;
        for (int j = 0; j < s->n_runs; j++) {
            const conv_run *run = &s->runs[j];
            int64_t t = ot * c->stride_t + run->dt - c->pad_t, yy = oy * c->stride + run->dy - c->pad_top,
                    xx = ox * c->stride + run->dx - c->pad_left;
            if (t >= 0 && t < c->f && yy >= 0 && yy < h && xx >= 0 && xx < w)
                copy_floats(to,
                            x + (((i * c->f + t) * c->h + (yy >> up)) * c->w + (xx >> up)) * x_stride + run->channel,
                            run->n);
            else
                zero_floats(to, run->n);
            to += run->n;
        }
        if (++ox == c->ow) {
            ox = 0;
            if (++oy == c->oh) {
                oy = 0;
                if (++ot == c->of)
                    ot = 0, i++;
            }
        }
    }
}

/* One sliver of columns of a block of rows; n_cols of them exist. y = bias, or what it was, + the block's sums. */
INLINE void conv_sliver(const float *a, int64_t m, const float *b0, const float *b1, int n_groups, int64_t k,
                        int64_t n_cols, const float *bias, bool first, float *y, int64_t y_stride)
{
    static const float zeros[SLIVER];
    if (n_cols == n_groups * 16) {
        const float *add = !first ? y : bias ? bias : zeros;
        gemm_rows(conv_tiles, CONV_STRIDE, a, m, b0, b1, n_groups, k, add, first ? 0 : y_stride, y, y_stride);
        return;
    }
    for (int64_t r = 0; r < m; r += GEMM_ROWS) { /* the edge: by way of whole vectors */
        int64_t rows = m - r < GEMM_ROWS ? m - r : GEMM_ROWS;
        float tile[GEMM_ROWS * SLIVER];
        for (int64_t i = 0; i < rows; i++) {
            float *at = y + (r + i) * y_stride;
            zero_floats(tile + i * SLIVER, SLIVER);
            if (!first || bias)
                copy_floats(tile + i * SLIVER, first ? bias : at, n_cols);
        }
        gemm_rows(conv_tiles, CONV_STRIDE, a + r * CONV_STRIDE, rows, b0, b1, n_groups, k, tile, SLIVER, tile, SLIVER);
        for (int64_t i = 0; i < rows; i++)
            copy_floats(y + (r + i) * y_stride, tile + i * SLIVER, n_cols);
    }
}

static void conv(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t r0, int64_t m,
                 int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride, void *scratch)
{
    conv_scratch *s = scratch;
    const int64_t n_blocks = (w->k + CONV_K - 1) / CONV_K,
                  per_block = ((w->k + n_blocks - 1) / n_blocks + 31) / 32 * 32;
    for (int64_t r = 0; r < m; r += CONV_ROWS) {
        int64_t rows = m - r < CONV_ROWS ? m - r : CONV_ROWS;
        for (int64_t k = 0; k < w->k; k += per_block) {
            int64_t kb = w->k - k < per_block ? w->k - k : per_block;
            conv_find_runs(c, k, kb, s);
            conv_gather(c, x, x_stride, r0 + r, rows, s);
            for (int64_t g = 0; g < n_groups; g += TILE_GROUPS) {
                int ng = n_groups - g < TILE_GROUPS ? 1 : TILE_GROUPS;
                int64_t left = w->n - (g0 + g) * 16;
                const float *b[2] = {NULL, NULL};
                for (int i = 0; i < ng; i++)
                    b[i] = widen(w, g0 + g + i, k, kb, s->b[i]);
                conv_sliver(s->a, rows, b[0], b[1], ng, kb, left < ng * 16 ? left : ng * 16,
                            bias ? bias + g * 16 : NULL, k == 0, y + r * y_stride + g * 16, y_stride);
            }
        }
    }
}

#define CONV_TABLE .conv = conv, .winograd = winograd

#endif
