/* The checks. Integer parts must agree exactly; for float sums the bound is c·eps·Σ|terms| with c said below. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkkern.h"

enum { RED = 32 };
float *with_red_zone(int64_t n)
{
    float *p = aligned((size_t)(n + 2 * RED) * sizeof(float));
    for (int64_t i = 0; i < n + 2 * RED; i++)
        p[i] = RED_VALUE;
    return p + RED;
}
int red_zone_hurt(const float *p, int64_t n)
{
    for (int i = 1; i <= RED; i++)
        if (p[-i] != RED_VALUE || p[n - 1 + i] != RED_VALUE)
            return 1;
    return 0;
}
void free_red(float *p)
{
    free(p - RED);
}

/* What the product means, from the file's own bytes through loam_dequantize, in double: knows nothing of packing. */
static void matmul_truth(loam_dtype t, const void *src, int64_t n, int64_t k, const float *x, double *y, double *mag)
{
    float *row = malloc((size_t)k * sizeof *row);
    for (int64_t c = 0; c < n; c++) {
        loam_dequantize(t, (const char *)src + (size_t)c * loam_dtype_row_bytes(t, k), row, k);
        y[c] = mag[c] = 0;
        for (int64_t i = 0; i < k; i++) {
            y[c] += (double)row[i] * x[i];
            mag[c] += fabs((double)row[i] * x[i]);
        }
    }
    free(row);
}

static void check_matmul(const loam_kernels *ks, loam_dtype t, int64_t n, int64_t k, int64_t m)
{
    loam_packed w;
    char what[160], detail[200] = "";
    snprintf(what, sizeof what, "%s%s matmul %s n=%lld k=%lld m=%lld", loam_cpu_level_name(ks->level),
             ks->amx        ? "+amx"
             : ks->bf16_dot ? "+bf16"
                            : "",
             loam_dtype_name(t), (long long)n, (long long)k, (long long)m);
    if (!loam_packed_init(&w, t, n, k)) {
        report(what, 1, "loam_packed_init refused it");
        return;
    }
    void *src = rnd_weights(t, n, k);
    uint8_t *packed = aligned(loam_packed_bytes(&w));
    loam_pack_groups(&w, src, packed, 0, w.n_groups);
    w.data = packed;
    loam_act act = loam_kernels_act(ks, t);
    bool quantised = act == LOAM_ACT_Q8 || act == LOAM_ACT_Q8K;
    size_t stride = loam_act_row_bytes(act, k) + 64;
    float *x = aligned((size_t)(m * k) * sizeof *x), *xr = aligned((size_t)(m * k) * sizeof *xr);
    char *a = aligned(stride * (size_t)m), *scratch = aligned(LOAM_MATMUL_SCRATCH);
    for (int64_t i = 0; i < m * k; i++)
        x[i] = rnd_float() * (i / k % 3 == 1 ? 1e-20f : 1.0f);
    if (act == LOAM_ACT_Q8)
        ks->quantize_q8(x, k, m, k, a, stride);
    else if (act == LOAM_ACT_Q8K)
        ks->quantize_q8k(x, k, m, k, a, stride);
    else if (act == LOAM_ACT_BF16)
        ks->to_bf16(x, k, m, k, a, stride);
    for (int64_t i = 0; i < m; i++) {
        if (act == LOAM_ACT_F32)
            memcpy(a + (size_t)i * stride, x + i * k, (size_t)k * sizeof *x);
        for (int64_t j = 0; j < k; j++) { /* the activations as the kernel sees them */
            loam_act_block *b = (loam_act_block *)(a + (size_t)i * stride) + j / 32;
            xr[i * k + j] = quantised              ? (float)b->q[j % 32] * b->scale
                            : act == LOAM_ACT_BF16 ? loam_bf16_to_f32(((uint16_t *)(a + (size_t)i * stride))[j])
                                                   : x[i * k + j];
        }
    }
    int64_t cols = w.n_groups * 16, ld = cols + 16;
    float *y = with_red_zone(m * ld), *alone = with_red_zone(cols), *bound = aligned((size_t)cols * sizeof *bound);
    double *truth = malloc((size_t)n * sizeof *truth), *mag = malloc((size_t)n * sizeof *mag);
    int bad = 0;
    for (int64_t g = 0; g < w.n_groups; g += LOAM_MATMUL_MAX_GROUPS)
        ks->matmul(&w, g, w.n_groups - g < LOAM_MATMUL_MAX_GROUPS ? w.n_groups - g : LOAM_MATMUL_MAX_GROUPS, a, stride,
                   m, y + g * 16, ld, scratch);
    for (int64_t i = 0; i < m && !bad; i++) {
        matmul_truth(t, src, n, k, xr + i * k, truth, mag);
        float *want = malloc((size_t)n * sizeof *want);
        for (int64_t c = 0; c < n; c++) {
            want[c] = (float)truth[c];
            /* the min and zero-point terms are of the size of scale·15·|a|, up to 16 times the weight's own: c = 16 per
             * block */
            bound[c] = (float)((16.0 + (double)k / 8) * FLT_EPSILON * (mag[c] + 1e-30) * (quantised ? 4 : 1));
        }
        bad = compare(y + i * ld, want, bound, n, detail);
        for (int64_t c = n; c < cols && !bad; c++)
            if (y[i * ld + c] != 0) {
                bad = 1;
                snprintf(detail, sizeof detail, "padding column %lld is %g, not 0", (long long)c,
                         (double)y[i * ld + c]);
            }
        /* a row's bits must not depend on the rows beside it, nor on how the columns are cut */
        for (int64_t g = 0; g < w.n_groups && !bad; g++)
            ks->matmul(&w, g, 1, a + (size_t)i * stride, stride, 1, alone + g * 16, ld, scratch);
        if (!bad && memcmp(alone, y + i * ld, (size_t)cols * sizeof *y) != 0) {
            bad = 1;
            for (int64_t c = 0; c < cols; c++)
                if (memcmp(&alone[c], &y[i * ld + c], 4) != 0) {
                    snprintf(detail, sizeof detail, "row %lld column %lld alone %.9g, in the batch %.9g", (long long)i,
                             (long long)c, (double)alone[c], (double)y[i * ld + c]);
                    break;
                }
        }
        free(want);
    }
    if (!bad && (red_zone_hurt(y, m * ld) || red_zone_hurt(alone, cols))) {
        bad = 1;
        snprintf(detail, sizeof detail, "wrote outside its output");
    }
    report(what, bad, detail);
    free(src), free(packed), free(x), free(xr), free(a), free(scratch), free(bound), free(truth), free(mag);
    free_red(y), free_red(alone);
}

/* What the rows of any format must have: the quantiser's own sums, which the products rely on. */
static int block_wrong(const loam_act_block *b, int64_t n, int64_t span)
{
    for (int64_t i = 0; i < n; i++) {
        int half[2] = {0, 0}, next = 0;
        for (int j = 0; j < 32; j++)
            half[j / 16] += b[i].q[j];
        for (int j = 0; span == 8 && i % 2 == 0 && j < 32; j++)
            next += b[i + 1].q[j];
        if (b[i].half_sum[0] != half[0] || b[i].half_sum[1] != half[1] || b[i].sum[0] != half[0] + half[1] ||
            b[i].sum[1] != next || b[i].scale != b[i / span * span].scale)
            return 1;
    }
    return 0;
}

static void check_quantize(const loam_kernels *ks, bool super)
{
    const loam_kernels *ref = loam_kernels_get(LOAM_CPU_LEVEL_REF);
    char detail[200] = "";
    int bad = 0;
    for (int64_t k = super ? 256 : 32; k <= 1024 && !bad; k += super ? 256 : 96) {
        float *x = aligned((size_t)k * 3 * sizeof *x);
        for (int64_t i = 0; i < 3 * k; i++)
            x[i] = rnd_float() * (i / k == 1 ? 1e-31f : 1.0f); /* the second row counts as zeros */
        memset(x, 0, 32 * sizeof *x);
        x[40 % k] = 1e-41f;
        size_t stride = loam_act_row_bytes(LOAM_ACT_Q8, k);
        loam_act_block *got = aligned(3 * stride), *want = aligned(3 * stride);
        memset(got, 0xA5, 3 * stride);
        (super ? ks->quantize_q8k : ks->quantize_q8)(x, k, 3, k, got, stride);
        (super ? ref->quantize_q8k : ref->quantize_q8)(x, k, 3, k, want, stride);
        bad = memcmp(got, want, 3 * stride) != 0;
        if (bad)
            snprintf(detail, sizeof detail, "k=%lld: bytes differ from ref", (long long)k);
        else if (block_wrong(got, 3 * k / 32, super ? 8 : 1)) {
            bad = 1;
            snprintf(detail, sizeof detail, "k=%lld: a block's sums or scale are not those of its values",
                     (long long)k);
        }
        for (int64_t i = 0; i < 3 * k && !bad; i++) {
            const loam_act_block *b = got + i / 32;
            float back = b->scale * (float)b->q[i % 32];
            if (!(fabsf(back - x[i]) <= 0.501f * b->scale + 1e-30f)) {
                bad = 1;
                snprintf(detail, sizeof detail, "k=%lld: element %lld is %g and came back as %g", (long long)k,
                         (long long)i, (double)x[i], (double)back);
            }
        }
        free(x), free(got), free(want);
    }
    char what[100];
    snprintf(what, sizeof what, "%s quantize_q8%s equals ref bit by bit", loam_cpu_level_name(ks->level),
             super ? "k" : "");
    report(what, bad, detail);
}

static void check_rows(const loam_kernels *ks)
{
    const loam_kernels *ref = loam_kernels_get(LOAM_CPU_LEVEL_REF);
    static const int64_t sizes[] = {1, 2, 7, 16, 31, 64, 576, 577, 1536};
    char what[100], detail[200] = "";
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t n = sizes[s];
        float *a = aligned((size_t)n * 4), *b = aligned((size_t)n * 4), *want = aligned((size_t)n * 4),
              *bound = aligned((size_t)n * 4);
        float *got = with_red_zone(n);
        for (int64_t i = 0; i < n; i++) {
            a[i] = rnd_float() * (i % 5 ? 1 : 60);
            b[i] = rnd_float();
        }
        ref->rms_norm(a, n, b, 1e-5f, 1, n, want, n);
        ks->rms_norm(a, n, b, 1e-5f, 1, n, got, n);
        for (int64_t i = 0; i < n; i++)
            bound[i] = fabsf(want[i]) * (float)(n + 16) * FLT_EPSILON;
        snprintf(what, sizeof what, "%s rms_norm n=%lld", loam_cpu_level_name(ks->level), (long long)n);
        report(what, compare(got, want, bound, n, detail) || red_zone_hurt(got, n), detail);
        ks->add(a, b, n, got);
        ref->add(a, b, n, want);
        snprintf(what, sizeof what, "%s add n=%lld equals ref", loam_cpu_level_name(ks->level), (long long)n);
        report(what, memcmp(got, want, (size_t)n * 4) != 0 || red_zone_hurt(got, n), "bits differ");
        free(a), free(b), free(want), free(bound);
        free_red(got);
    }
    for (int neox = 0; neox < 2; neox++)
        for (int64_t hd = 32; hd <= 128; hd += 16)
            for (int64_t rot = hd; rot >= hd / 2; rot -= hd / 2) {
                int64_t n = hd * 3;
                float *x = aligned((size_t)n * 4), *cs = aligned((size_t)hd * 4), *sn = aligned((size_t)hd * 4),
                      *bound = aligned((size_t)n * 4);
                float *got = with_red_zone(n), *want = aligned((size_t)n * 4);
                for (int64_t i = 0; i < n; i++) {
                    x[i] = want[i] = got[i] = rnd_float();
                    bound[i] = 8 * FLT_EPSILON * 4;
                }
                for (int64_t i = 0; i < hd; i++) {
                    cs[i] = cosf((float)i);
                    sn[i] = sinf((float)i);
                }
                ref->rope(want, 3, hd, rot, neox, cs, sn);
                ks->rope(got, 3, hd, rot, neox, cs, sn);
                snprintf(what, sizeof what, "%s rope neox=%d head_dim=%lld n_rot=%lld", loam_cpu_level_name(ks->level),
                         neox, (long long)hd, (long long)rot);
                report(what, compare(got, want, bound, n, detail) || red_zone_hurt(got, n), detail);
                free(x), free(cs), free(sn), free(bound), free(want);
                free_red(got);
            }
}

static void check_attention(const loam_kernels *ks, int hd, int heads, int pos, int tokens, int window)
{
    const loam_kernels *ref = loam_kernels_get(LOAM_CPU_LEVEL_REF);
    int64_t n_ctx = (pos + tokens + 63) / 64 * 64, vs = loam_v_stride(hd), n = (int64_t)tokens * heads * hd;
    uint16_t *k = aligned((size_t)(n_ctx * hd) * 2), *v = aligned((size_t)(n_ctx * vs) * 2);
    uint16_t *k2 = aligned((size_t)(n_ctx * hd) * 2), *v2 = aligned((size_t)(n_ctx * vs) * 2);
    /* what lies past the last position is another conversation's rest: NaNs must not reach the result */
    memset(v, 0xFF, (size_t)(n_ctx * vs) * 2);
    float *row = aligned((size_t)hd * 8), *q = aligned((size_t)n * 4), *want = aligned((size_t)n * 4),
          *bound = aligned((size_t)n * 4);
    float *got = with_red_zone(n), *alone = with_red_zone(n);
    void *scratch = aligned(LOAM_ATTENTION_SCRATCH);
    for (int p = 0; p < pos + tokens; p++) {
        for (int i = 0; i < 2 * hd; i++)
            row[i] = rnd_float();
        memset(v + p * vs, 0, (size_t)vs * 2);
        ks->kv_write(row, row + hd, hd, p, k, v);
        ref->kv_write(row, row + hd, hd, p, k2, v2);
    }
    int bad = memcmp(k, k2, (size_t)(n_ctx * hd) * 2) != 0;
    char what[160], detail[200] = "kv_write differs from ref";
    for (int64_t i = 0; i < n; i++) {
        q[i] = rnd_float() * 2;
        bound[i] = 2e-5f; /* outputs are averages of values of size 1; the scores differ by rounding only */
    }
    loam_attention_task t = {q,      want, (int64_t)heads * hd, (int64_t)heads * hd, k, v, tokens, heads, hd, pos,
                             window, 0.17f};
    ref->attention(&t, scratch);
    t.out = got;
    ks->attention(&t, scratch);
    bad = bad || compare(got, want, bound, n, detail);
    for (int i = 0; i < tokens && !bad; i++) { /* token by token: the same bits */
        loam_attention_task one = t;
        one.q = q + (int64_t)i * heads * hd;
        one.out = alone + (int64_t)i * heads * hd;
        one.n_tokens = 1;
        one.pos = pos + i;
        ks->attention(&one, scratch);
    }
    if (!bad && memcmp(alone, got, (size_t)n * 4) != 0) {
        bad = 1;
        snprintf(detail, sizeof detail, "a token alone differs in bits from the same token in a chunk");
    }
    if (!bad && red_zone_hurt(got, n)) {
        bad = 1;
        snprintf(detail, sizeof detail, "wrote outside its output");
    }
    snprintf(what, sizeof what, "%s attention head_dim=%d heads=%d pos=%d tokens=%d window=%d",
             loam_cpu_level_name(ks->level), hd, heads, pos, tokens, window);
    report(what, bad, detail);
    free(k), free(v), free(k2), free(v2), free(row), free(q), free(want), free(bound), free(scratch);
    free_red(got), free_red(alone);
}

void check_level(const loam_kernels *ks)
{
    static const int64_t rows[] = {1, 2, 3, 4, 5, 6, 7, 13};
    for (loam_dtype t = 0; t < LOAM_DTYPE_COUNT; t++) {
        if (t == LOAM_DTYPE_I32)
            continue;
        int64_t block = (int64_t)loam_dtype_block_elems(t);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            check_matmul(ks, t, 48, block * 3, rows[i]);
        check_matmul(ks, t, 1, block, 1);
        check_matmul(ks, t, 33, block == 1 ? 577 : block == 32 ? 576 : 256, 6);
        check_matmul(ks, t, 100, block == 1 ? 1 : block * 5, 9);
        check_matmul(ks, t, 288, block == 1 ? 61 : 1536, 5); /* more than one panel, more than one call */
    }
    check_quantize(ks, false);
    check_quantize(ks, true);
    check_rows(ks);
    static const int dims[] = {16, 32, 64, 80, 96, 128, 40, 20};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        check_attention(ks, dims[i], 3, 0, 1, 0);
        check_attention(ks, dims[i], 3, 0, 16, 0);
        check_attention(ks, dims[i], 1, 63, 2, 0);
        check_attention(ks, dims[i], 4, 130, 7, 0);
        check_attention(ks, dims[i], 2, 200, 5, 50);
        check_attention(ks, dims[i], 2, 3, 20, 4);
    }
    check_attends(ks);
    check_pictures(ks);
}
