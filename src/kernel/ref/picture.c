/* Norms, activations and attention of picture models, as plain loops with sums in f64. */
#include <math.h>
#include <string.h>

#include "kernel/ref/ref.h"

void loam_group_stats_ref(const float *x, int64_t x_stride, int64_t m, int64_t c, int groups, double *out)
{
    int64_t per = c / groups;
    for (int g = 0; g < groups; g++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = g * per; j < (g + 1) * per; j++)
                sum += x[i * x_stride + j];
        double mean = sum / (double)(m * per);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = g * per; j < (g + 1) * per; j++)
                squares += (x[i * x_stride + j] - mean) * (x[i * x_stride + j] - mean);
        out[2 * g] = mean;
        out[2 * g + 1] = squares;
    }
}

static float unary(loam_unary f, float x)
{
    switch (f) {
    case LOAM_UNARY_SILU:
        return x / (1.0f + expf(-x));
    case LOAM_UNARY_GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    case LOAM_UNARY_GELU_TANH:
        return 0.5f * x * (1.0f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    case LOAM_UNARY_QUICK_GELU:
        return x / (1.0f + expf(-1.702f * x));
    case LOAM_UNARY_RELU:
        return x > 0 ? x : x == x ? 0 : x;
    case LOAM_UNARY_TANH:
        return tanhf(x);
    default:
        return x;
    }
}

void loam_affine_ref(const float *x, int64_t x_stride, int64_t m, int64_t c, const float *mul, const float *add,
                     loam_unary f, float *y, int64_t y_stride)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < c; j++)
            y[i * y_stride + j] = unary(f, x[i * x_stride + j] * mul[j] + add[j]);
}

void loam_layer_norm_ref(const float *x, int64_t x_stride, int64_t m, int64_t n, float eps, const float *mul,
                         const float *add, float *y, int64_t y_stride)
{
    for (int64_t i = 0; i < m; i++) {
        const float *a = x + i * x_stride;
        double sum = 0, squares = 0;
        for (int64_t j = 0; j < n; j++)
            sum += a[j];
        double mean = sum / (double)n;
        for (int64_t j = 0; j < n; j++)
            squares += (a[j] - mean) * (a[j] - mean);
        double scale = 1.0 / sqrt(squares / (double)n + (double)eps);
        for (int64_t j = 0; j < n; j++)
            y[i * y_stride + j] = (float)((a[j] - mean) * scale) * (mul ? mul[j] : 1.0f) + (add ? add[j] : 0.0f);
    }
}

void loam_unary_ref(loam_unary f, const float *x, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = unary(f, x[i]);
}

void loam_gate_ref(loam_unary f, const float *gate, const float *up, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = unary(f, gate[i]) * up[i];
}

void loam_mul_add_ref(const float *a, const float *b, const float *c, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i] * c[i];
}

void loam_attend_pack_ref(const float *k, int64_t k_stride, const float *v, int64_t v_stride, int64_t r0, int64_t m,
                          int64_t n_k, int head_dim, float *kp, float *vp)
{
    int64_t v_cols = (head_dim + 15) / 16 * 16;
    for (int64_t r = r0; r < r0 + m; r++) {
        for (int d = 0; d < head_dim; d++)
            kp[(r / 16 * head_dim + d) * 16 + r % 16] = k[r * k_stride + d];
        for (int64_t d = 0; d < v_cols; d++)
            vp[r * v_cols + d] = d < head_dim ? v[r * v_stride + d] : 0;
    }
    for (int64_t r = r0 + m; r0 + m == n_k && r % 16; r++)
        for (int d = 0; d < head_dim; d++)
            kp[(r / 16 * head_dim + d) * 16 + r % 16] = 0;
}

void loam_attend_ref(const loam_attend_task *t, void *scratch)
{
    (void)scratch;
    int64_t v_cols = (t->head_dim + 15) / 16 * 16;
    for (int i = 0; i < t->n_q; i++) {
        int64_t n = t->causal >= 0 && t->causal + i + 1 < t->n_k ? t->causal + i + 1 : t->n_k;
        const float *q = t->q + i * t->q_stride;
        double top = -INFINITY, sum = 0, out[LOAM_MAX_HEAD_DIM] = {0};
        for (int pass = 0; pass < 2; pass++)
            for (int64_t j = 0; j < n; j++) {
                double s = 0;
                for (int d = 0; d < t->head_dim; d++)
                    s += (double)q[d] * t->k[(j / 16 * t->head_dim + d) * 16 + j % 16];
                s = s * t->scale + (t->bias ? t->bias[i * t->bias_stride + j] : 0);
                if (pass == 0) {
                    top = s > top ? s : top;
                    continue;
                }
                double e = exp(s - top);
                sum += e;
                for (int d = 0; d < t->head_dim; d++)
                    out[d] += e * t->v[j * v_cols + d];
            }
        for (int d = 0; d < t->head_dim; d++)
            t->out[i * t->out_stride + d] = (float)(out[d] / sum);
    }
}
