/* Everything but the matrix product, in plain loops. */
#include <math.h>
#include <string.h>

#include "kernel/kernel_int.h"
#include "kernel/ref/ref.h"

void loam_rms_norm_ref(const float *x, int64_t x_stride, const float *w, float eps, int64_t m, int64_t n, float *y,
                       int64_t y_stride)
{
    for (int64_t i = 0; i < m; i++) {
        float sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += x[i * x_stride + j] * x[i * x_stride + j];
        float scale = 1.0f / sqrtf(sum / (float)n + eps);
        for (int64_t j = 0; j < n; j++)
            y[i * y_stride + j] = x[i * x_stride + j] * scale * w[j];
    }
}

void loam_add_ref(const float *a, const float *b, int64_t n, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

void loam_rope_ref(float *x, int64_t n_heads, int64_t head_dim, int64_t n_rot, bool neox, const float *cos,
                   const float *sin)
{
    int64_t half = n_rot / 2;
    for (int64_t h = 0; h < n_heads; h++, x += head_dim)
        for (int64_t i = 0; i < half; i++) {
            int64_t a = neox ? i : 2 * i, b = neox ? i + half : 2 * i + 1;
            float xa = x[a], xb = x[b];
            x[a] = xa * cos[a] + xb * sin[a];
            x[b] = xb * cos[b] + xa * sin[b];
        }
}

/* Into the finite range of f16: an infinity in the cache would turn into NaN where attention gives it the weight 0. */
static float f16_range(float x)
{
    return !(x >= -65504.0f) ? -65504.0f : x > 65504.0f ? 65504.0f : x;
}

void loam_kv_write_ref(const float *k, const float *v, int64_t head_dim, int64_t pos, uint16_t *k_cache,
                       uint16_t *v_cache)
{
    uint16_t *kc = k_cache + pos / 16 * 16 * head_dim + pos % 16, *vc = v_cache + pos * loam_v_stride(head_dim);
    for (int64_t d = 0; d < head_dim; d++) {
        kc[d * 16] = loam_f32_to_f16(f16_range(k[d]));
        vc[d] = loam_f32_to_f16(f16_range(v[d]));
    }
}

void loam_attention_ref(const loam_attention_task *t, void *scratch)
{
    (void)scratch;
    float out[LOAM_MAX_HEAD_DIM];
    int64_t v_stride = loam_v_stride(t->head_dim);
    for (int row = 0; row < t->n_tokens * t->n_heads; row++) {
        int token = row / t->n_heads, head = row % t->n_heads, last = t->pos + token;
        int first = t->window > 0 && last >= t->window ? last - t->window + 1 : 0;
        const float *q = t->q + token * t->q_stride + (int64_t)head * t->head_dim;
        float largest = -INFINITY, total = 0;
        memset(out, 0, sizeof out);
        for (int p = first; p <= last; p++) {
            const uint16_t *k = t->k + (int64_t)(p / 16) * 16 * t->head_dim + p % 16, *v = t->v + p * v_stride;
            float score = 0;
            for (int d = 0; d < t->head_dim; d++)
                score += q[d] * loam_f16_to_f32(k[d * 16]);
            score *= t->scale;
            if (score > largest) {
                float shrink = expf(largest - score);
                total *= shrink;
                for (int d = 0; d < t->head_dim; d++)
                    out[d] *= shrink;
                largest = score;
            }
            float weight = expf(score - largest);
            total += weight;
            for (int d = 0; d < t->head_dim; d++)
                out[d] += weight * loam_f16_to_f32(v[d]);
        }
        float *dst = t->out + token * t->out_stride + (int64_t)head * t->head_dim;
        for (int d = 0; d < t->head_dim; d++)
            dst[d] = out[d] / total;
    }
}

uint64_t loam_peak_f32_ref(int64_t n)
{
    float s[8] = {0};
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < 8; j++)
            s[j] = s[j] * 0.999f + 1.0f;
    volatile float sink = s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
    (void)sink;
    return (uint64_t)n * 16;
}

uint64_t loam_peak_i8_ref(int64_t n)
{
    volatile int8_t seed = 3;
    int8_t a = seed;
    int32_t s[8] = {0};
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < 8; j++)
            s[j] += a * (int8_t)(i + j);
    volatile int32_t sink = s[0] ^ s[1] ^ s[2] ^ s[3] ^ s[4] ^ s[5] ^ s[6] ^ s[7];
    (void)sink;
    return (uint64_t)n * 16;
}

uint64_t loam_read_ref(const void *p, size_t n)
{
    const char *c = p;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v;
        memcpy(&v, c + i, 8);
        sum += v;
    }
    return sum;
}

const loam_kernels loam_kernels_ref = {
    .level = LOAM_CPU_LEVEL_REF,
    .quantize_q8 = loam_quantize_q8_ref,
    .quantize_q8k = loam_quantize_q8k_ref,
    .to_bf16 = loam_to_bf16_ref,
    .matmul = loam_matmul_ref,
    .rms_norm = loam_rms_norm_ref,
    .add = loam_add_ref,
    .rope = loam_rope_ref,
    .kv_write = loam_kv_write_ref,
    .attention = loam_attention_ref,
    .conv = loam_conv_ref,
    .winograd = loam_winograd_ref,
    .group_stats = loam_group_stats_ref,
    .affine = loam_affine_ref,
    .layer_norm = loam_layer_norm_ref,
    .unary = loam_unary_ref,
    .gate = loam_gate_ref,
    .mul_add = loam_mul_add_ref,
    .attend_pack = loam_attend_pack_ref,
    .attend = loam_attend_ref,
    .peak_f32 = loam_peak_f32_ref,
    .peak_i8 = loam_peak_i8_ref,
    .read = loam_read_ref,
};
