/* Convolution as its definition says it, one output position and column after the other. */
#include <string.h>

#include "kernel/kernel_int.h"
#include "kernel/ref/ref.h"

/* Weight k of column c of a packed matrix of a float type or Q8_0, as f32. */
static float weight_at(const loam_packed *w, int64_t column, int64_t k)
{
    const uint8_t *group = w->data + (size_t)(column / 16) * w->group_bytes;
    int64_t c = column % 16;
    switch (w->dtype) {
    case LOAM_DTYPE_F32:
        return ((const float *)group)[k * 16 + c];
    case LOAM_DTYPE_F16:
        return loam_f16_to_f32(((const uint16_t *)group)[k * 16 + c]);
    case LOAM_DTYPE_BF16:
        return loam_bf16_to_f32(((const uint16_t *)group)[(k / 2 * 16 + c) * 2 + k % 2]);
    default: { /* Q8_0: vectors of 16 columns × 4 k, sign bit flipped */
        uint16_t scale;
        memcpy(&scale, group + w->scale_at + (size_t)(k / 32 * 16 + c) * 2, 2);
        uint8_t q = group[(k / 4) * 64 + c * 4 + k % 4];
        return loam_f16_to_f32(scale) * (float)(int8_t)(q ^ 0x80);
    }
    }
}

/* Sum of one output position and column. */
static float conv_at(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t row,
                     int64_t column)
{
    int64_t ox = row % c->ow, oy = row / c->ow % c->oh, ot = row / (c->ow * c->oh) % c->of,
            i = row / (c->ow * c->oh * c->of), k = 0;
    float sum = 0;
    for (int dt = 0; dt < c->kt; dt++)
        for (int dy = 0; dy < c->kh; dy++)
            for (int dx = 0; dx < c->kw; dx++) {
                int64_t t = ot * c->stride_t + dt - c->pad_t, y = oy * c->stride + dy - c->pad_top;
                int64_t xx = ox * c->stride + dx - c->pad_left, up = c->up ? 2 : 1;
                bool inside = t >= 0 && t < c->f && y >= 0 && y < c->h * up && xx >= 0 && xx < c->w * up;
                const float *in = inside ? x + (((i * c->f + t) * c->h + y / up) * c->w + xx / up) * x_stride : NULL;
                for (int64_t ch = 0; ch < c->c; ch++, k++)
                    if (in)
                        sum += in[ch] * weight_at(w, column, k);
            }
    return sum;
}

static void conv_row(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t row,
                     int64_t g0, int64_t n_groups, const float *bias, float *y)
{
    for (int64_t j = 0; j < n_groups * 16 && g0 * 16 + j < w->n; j++)
        y[j] = conv_at(c, x, x_stride, w, row, g0 * 16 + j) + (bias ? bias[j] : 0);
}

void loam_conv_ref(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t r0, int64_t m,
                   int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride, void *scratch)
{
    (void)scratch;
    for (int64_t r = 0; r < m; r++)
        conv_row(c, x, x_stride, w, r0 + r, g0, n_groups, bias, y + r * y_stride);
}

void loam_winograd_ref(const loam_conv *c, const float *x, int64_t x_stride, const loam_packed *w, int64_t t0,
                       int64_t n_tiles, int64_t g0, int64_t n_groups, const float *bias, float *y, int64_t y_stride,
                       void *scratch)
{
    (void)scratch;
    int64_t across = loam_conv_tiles_w(c), per_picture = (c->oh + 3) / 4 * across;
    for (int64_t t = t0; t < t0 + n_tiles; t++) {
        int64_t picture = t / per_picture, y0 = t % per_picture / across * 4, x0 = t % across * 4;
        for (int64_t oy = y0; oy < y0 + 4 && oy < c->oh; oy++)
            for (int64_t ox = x0; ox < x0 + 4 && ox < c->ow; ox++) {
                int64_t row = (picture * c->oh + oy) * c->ow + ox;
                conv_row(c, x, x_stride, w, row, g0, n_groups, bias, y + row * y_stride);
            }
    }
}
