/* Weights on their way to the device: 8-bit floats and Q8_0 as torch and gguf make them, convolutions with their
 * channels last, fused and transposed matrices, GGUF files as two other programs write them; which types are followed
 * where; and what does not fit is said. Values on the device are read back through products with a unit matrix. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/safetensors.h"
#include "model/weight_convert.h"
#include "model/weight_store.h"
#include "tensor_file.h"
#include "weight_read.h"

#define GOLDEN LOAM_SOURCE_ROOT "/tests/golden/"
#define PICTURES GOLDEN "pictures/"

typedef struct bench {
    const loam_device_api *api;
    loam_device *d;
    loam_weights *w;
    loam_weight_store *s;
} bench;

static bench bench_open(const char *path, loam_dtype t)
{
    bench b = {.api = &loam_device_cpu};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(b.api->open(2, &b.d, &err), LOAM_OK);
    if (loam_weights_open(path, &b.w, &err) != LOAM_OK ||
        loam_weight_store_new(b.api, b.d, b.w, t, &b.s, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return b;
}

static void bench_close(bench *b)
{
    loam_weight_store_free(b->s);
    loam_weights_close(b->w);
    b->api->close(b->d);
}

static const loam_bound_weight *get(const bench *b, const char *name, loam_weight_use use, int64_t n, int64_t c,
                                    const int *taps)
{
    const loam_bound_weight *w = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (loam_weight_store_get(b->s, name, use, n, c, taps, true, &w, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return w;
}

static loam_weight_view view_of(const loam_safetensors_tensor *t)
{
    assert_non_null(t);
    loam_weight_view v = {.name = t->name, .n_dims = t->n_dims, .data = t->data, .bytes = t->bytes};
    memcpy(v.shape, t->shape, sizeof t->shape);
    v.dtype = t->dtype == LOAM_SAFETENSORS_DTYPE_F32   ? LOAM_DTYPE_F32
              : t->dtype == LOAM_SAFETENSORS_DTYPE_F16 ? LOAM_DTYPE_F16
                                                       : LOAM_DTYPE_BF16;
    if (t->dtype == LOAM_SAFETENSORS_DTYPE_F8_E4M3)
        v.kind = LOAM_WEIGHT_F8_E4M3;
    if (t->dtype == LOAM_SAFETENSORS_DTYPE_F8_E5M2)
        v.kind = LOAM_WEIGHT_F8_E5M2;
    return v;
}

static loam_safetensors *types_open(void)
{
    loam_safetensors *st = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (loam_safetensors_open(GOLDEN "weights/types.safetensors", &st, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return st;
}

/* All codes as f32, and through F16 as the device gets them: both formats fit into halves without loss. */
static void test_8_bit_floats(void **state)
{
    (void)state;
    loam_safetensors *st = types_open();
    const char *names[] = {"e4m3", "e5m2"};
    for (int i = 0; i < 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s.f32", names[i]);
        const loam_safetensors_tensor *want = loam_safetensors_find(st, name);
        loam_weight_view v = view_of(loam_safetensors_find(st, names[i]));
        float got[256];
        loam_converted m;
        loam_convert_f32(&v, 0, 256, got);
        assert_int_equal(loam_convert_matrix(&v, 0, 16, 16, 1, LOAM_DTYPE_COUNT, &m, NULL), LOAM_OK);
        assert_int_equal(m.dtype, LOAM_DTYPE_F16);
        for (int j = 0; j < 256; j++) {
            float w;
            uint16_t half;
            memcpy(&w, want->data + j * 4, 4);
            memcpy(&half, (const uint8_t *)m.data + j * 2, 2);
            bool same = isnan(w) ? isnan(got[j]) : memcmp(&w, &got[j], 4) == 0;
            if (!same || (isnan(w) ? !isnan(loam_f16_to_f32(half)) : loam_f16_to_f32(half) != w))
                fail_msg("%s code %d: %g, torch reads %g", names[i], j, got[j], w);
        }
        free(m.owned);
    }
    loam_safetensors_close(st);
}

static void test_q8_0(void **state)
{
    (void)state;
    loam_safetensors *st = types_open();
    const char *names[] = {"m.f32", "m.f16", "m.bf16"};
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s.q8_0", names[i]);
        const loam_safetensors_tensor *want = loam_safetensors_find(st, name);
        loam_weight_view v = view_of(loam_safetensors_find(st, names[i]));
        loam_converted m;
        assert_non_null(want);
        assert_int_equal(want->bytes, 5 * 3 * 34);
        assert_int_equal(loam_convert_matrix(&v, 0, 5, 96, 1, LOAM_DTYPE_Q8_0, &m, NULL), LOAM_OK);
        assert_memory_equal(m.data, want->data, want->bytes);
        free(m.owned);
    }
    loam_safetensors_close(st);
}

/* Numbers that tell where they came from. */
static float at(size_t i)
{
    return (float)((i * 7919) % 509) - 250;
}

static char scratch[128];

static void write_numbers(const char *name, const char *dtype, const char *shape, size_t n)
{
    uint8_t *bytes = calloc(n, 8);
    for (size_t i = 0; i < n; i++) {
        float f = at(i);
        double d = f;
        uint16_t half = loam_f32_to_f16(f), bf = loam_f32_to_bf16(f);
        if (strcmp(dtype, "F32") == 0)
            memcpy(bytes + i * 4, &f, 4);
        else if (strcmp(dtype, "F64") == 0)
            memcpy(bytes + i * 8, &d, 8);
        else
            memcpy(bytes + i * 2, strcmp(dtype, "F16") == 0 ? &half : &bf, 2);
    }
    tensor_file *f = tensor_file_new();
    size_t size = strcmp(dtype, "F32") == 0 ? 4 : strcmp(dtype, "F64") == 0 ? 8 : 2;
    tensor_file_add(f, name, dtype, shape, bytes, n * size);
    tensor_file_write(f, scratch);
    free(bytes);
}

static void test_convolutions(void **state)
{
    (void)state;
    static const struct {
        const char *dtype, *shape;
        int taps[3];
        loam_dtype t;
    } cases[] = {
        {"F32", "[3,5,3,3]", {1, 3, 3}, LOAM_DTYPE_F32},   {"F16", "[3,5,3,3]", {1, 3, 3}, LOAM_DTYPE_F16},
        {"BF16", "[3,5,3,3]", {1, 3, 3}, LOAM_DTYPE_BF16}, {"F64", "[3,5,3,3]", {1, 3, 3}, LOAM_DTYPE_F16},
        {"F32", "[3,5,2,3,1]", {2, 3, 1}, LOAM_DTYPE_F32}, {"F32", "[15,2,3,1]", {2, 3, 1}, LOAM_DTYPE_F32},
        {"F32", "[3,5,3]", {3, 1, 1}, LOAM_DTYPE_F32},     {"F32", "[3,5,1,1]", {1, 1, 1}, LOAM_DTYPE_F32},
        {"F32", "[3,5]", {1, 1, 1}, LOAM_DTYPE_F32},       {"F16", "[3,5,3,1,1]", {3, 1, 1}, LOAM_DTYPE_F16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int *taps = cases[i].taps;
        size_t n_taps = (size_t)(taps[0] * taps[1] * taps[2]);
        write_numbers("unet.some.conv.weight", cases[i].dtype, cases[i].shape, 15 * n_taps);
        bench b = bench_open(scratch, LOAM_DTYPE_COUNT);
        const loam_bound_weight *w = get(&b, "unet.some.conv.weight", LOAM_WEIGHT_CONV, 0, 5, taps);
        assert_int_equal(w->n, 3);
        assert_int_equal(w->k, 5 * n_taps);
        assert_int_equal(w->dtype, cases[i].t);
        assert_ptr_equal(get(&b, "unet.some.conv.weight", LOAM_WEIGHT_CONV, 3, 5, taps), w);
        float *m = weight_read(b.api, b.d, w);
        for (size_t n = 0; n < 3; n++)
            for (size_t t = 0; t < n_taps; t++)
                for (size_t c = 0; c < 5; c++)
                    if (m[n * 5 * n_taps + t * 5 + c] != at((n * 5 + c) * n_taps + t))
                        fail_msg("case %zu: [%zu, %zu, %zu]", i, n, t, c);
        free(m);
        bench_close(&b);
    }
}

static void test_rows_and_vectors(void **state)
{
    (void)state;
    write_numbers("unet.some.proj.weight", "F16", "[8,6]", 48);
    bench b = bench_open(scratch, LOAM_DTYPE_COUNT);
    loam_err err = LOAM_ERR_INIT;
    const loam_bound_weight *half[2] = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(loam_weight_store_get_rows(b.s, "unet.some.proj.weight", LOAM_WEIGHT_LINEAR, i * 4, 4, 6, true,
                                                    &half[i], &err),
                         LOAM_OK);
        float *m = weight_read(b.api, b.d, half[i]);
        for (size_t j = 0; j < 24; j++)
            assert_true(m[j] == at((size_t)i * 24 + j));
        free(m);
    }
    assert_ptr_not_equal(half[0], half[1]);
    const loam_bound_weight *w = NULL;
    assert_int_equal(
        loam_weight_store_get_rows(b.s, "unet.some.proj.weight", LOAM_WEIGHT_LINEAR, 5, 4, 6, true, &w, &err),
        LOAM_STATUS_CORRUPT);
    assert_int_equal(loam_weight_store_get_rows(b.s, "unet.some.proj.weight", LOAM_WEIGHT_LINEAR, INT64_MAX - 2, 4, 6,
                                                true, &w, &err),
                     LOAM_STATUS_CORRUPT);
    assert_int_equal(
        loam_weight_store_get_rows(b.s, "unet.some.proj.weight", LOAM_WEIGHT_VECTOR, 40, 9, 9, true, &w, &err),
        LOAM_STATUS_CORRUPT);
    /* a vector of any shape, and rows of it */
    assert_int_equal(get(&b, "unet.some.proj.weight", LOAM_WEIGHT_VECTOR, 0, 48, NULL)->vector, true);
    assert_int_equal(
        loam_weight_store_get_rows(b.s, "unet.some.proj.weight", LOAM_WEIGHT_VECTOR, 40, 8, 8, true, &w, &err),
        LOAM_OK);
    assert_int_equal(w->k, 8);
    bench_close(&b);
}

/* OpenCLIP's fused and transposed matrices reach the device as those of the folder do. */
static void test_same_as_folder(void **state)
{
    (void)state;
    bench a = bench_open(PICTURES "sdxl", LOAM_DTYPE_COUNT);
    bench b = bench_open(PICTURES "sdxl/original.safetensors", LOAM_DTYPE_COUNT);
    static const char *const names[] = {
        "text_encoder_2.text_projection.weight",
        "text_encoder_2.text_model.encoder.layers.1.self_attn.k_proj.weight",
        "vae.encoder.mid_block.attentions.0.to_v.weight",
        "unet.down_blocks.1.attentions.0.proj_in.weight",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const loam_weight_view *v = loam_weights_find(a.w, names[i]);
        assert_non_null(v);
        const loam_bound_weight *x = get(&a, names[i], LOAM_WEIGHT_LINEAR, v->shape[0], v->shape[1], NULL);
        const loam_bound_weight *y = get(&b, names[i], LOAM_WEIGHT_LINEAR, v->shape[0], v->shape[1], NULL);
        float *m = weight_read(a.api, a.d, x), *n = weight_read(b.api, b.d, y);
        assert_memory_equal(m, n, (size_t)(x->n * x->k) * sizeof *m);
        free(m);
        free(n);
    }
    bench_close(&a);
    bench_close(&b);
}

static void test_types_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        loam_weight_use use;
        loam_dtype type; /* COUNT: the file's */
    } cases[] = {
        {"unet.conv_in.weight", LOAM_WEIGHT_CONV, LOAM_DTYPE_COUNT},
        {"unet.conv_out.weight", LOAM_WEIGHT_CONV, LOAM_DTYPE_COUNT},
        {"unet.mid_block.resnets.0.conv1.weight", LOAM_WEIGHT_CONV, LOAM_DTYPE_Q8_0},
        {"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight", LOAM_WEIGHT_LINEAR, LOAM_DTYPE_Q8_0},
        {"unet.mid_block.resnets.0.conv1.bias", LOAM_WEIGHT_VECTOR, LOAM_DTYPE_F32},
    };
    bench b = bench_open(PICTURES "unet32", LOAM_DTYPE_Q8_0);
    size_t before = loam_weight_store_bytes(b.s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const loam_weight_view *v = loam_weights_find(b.w, cases[i].name);
        if (!v)
            fail_msg("%s", cases[i].name);
        int taps[3] = {1, v->n_dims > 2 ? (int)v->shape[2] : 1, v->n_dims > 3 ? (int)v->shape[3] : 1};
        const loam_bound_weight *w =
            get(&b, cases[i].name, cases[i].use, 0, v->n_dims > 1 ? v->shape[1] : v->shape[0], taps);
        if (w->dtype != (cases[i].type == LOAM_DTYPE_COUNT ? v->dtype : cases[i].type))
            fail_msg("%s became %s", cases[i].name, loam_dtype_name(w->dtype));
        assert_true(loam_weight_store_bytes(b.s) > before);
        before = loam_weight_store_bytes(b.s);
    }
    bench_close(&b);
    b = bench_open(PICTURES "sd15", LOAM_DTYPE_BF16);
    static const char *const vae = "vae.decoder.mid_block.attentions.0.to_q.weight";
    const loam_weight_view *v = loam_weights_find(b.w, vae);
    assert_int_not_equal(v->dtype, LOAM_DTYPE_BF16);
    assert_int_equal(get(&b, vae, LOAM_WEIGHT_LINEAR, v->shape[0], v->shape[1], NULL)->dtype, v->dtype);
    assert_int_equal(get(&b, "vae.decoder.conv_in.bias", LOAM_WEIGHT_VECTOR, 0,
                         loam_weights_find(b.w, "vae.decoder.conv_in.bias")->shape[0], NULL)
                         ->dtype,
                     LOAM_DTYPE_F32);
    loam_weight_store *s = NULL;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_weight_store_new(b.api, b.d, b.w, LOAM_DTYPE_Q4_0, &s, &err), LOAM_STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "Q4_0"));
    bench_close(&b);
}

static void test_complaints(void **state)
{
    (void)state;
    bench b = bench_open(PICTURES "sd15", LOAM_DTYPE_COUNT);
    loam_err err = LOAM_ERR_INIT;
    const loam_bound_weight *w = NULL;
    const int taps[3] = {1, 3, 3};
    assert_int_equal(loam_weight_store_get(b.s, "unet.no.weight", LOAM_WEIGHT_LINEAR, 4, 4, NULL, true, &w, &err),
                     LOAM_STATUS_CORRUPT);
    assert_non_null(strstr(err.msg, "unet.no.weight"));
    assert_int_equal(loam_weight_store_get(b.s, "unet.no.weight", LOAM_WEIGHT_LINEAR, 4, 4, NULL, false, &w, &err),
                     LOAM_OK);
    assert_null(w);
    assert_int_equal(loam_weight_store_get(b.s, "unet.conv_in.weight", LOAM_WEIGHT_CONV, 0, 5, taps, true, &w, &err),
                     LOAM_STATUS_CORRUPT);
    assert_non_null(strstr(err.msg, "unet.conv_in.weight"));
    assert_int_equal(loam_weight_store_get(b.s, "unet.conv_in.bias", LOAM_WEIGHT_VECTOR, 0, 3, NULL, true, &w, &err),
                     LOAM_STATUS_CORRUPT);
    assert_int_equal(
        loam_weight_store_get(b.s, "unet.conv_in.weight", LOAM_WEIGHT_CONV, 0, INT64_MAX / 2, taps, true, &w, &err),
        LOAM_STATUS_CORRUPT);
    bench_close(&b);
}

/* Element i of the files that weight_types.py makes. */
static float pattern(size_t i)
{
    return (float)((int)((7919 * i) % 31) - 15) / 16;
}

static void test_gguf(void **state)
{
    (void)state;
    const char *files[] = {GOLDEN "weights/wan-comfy.gguf", GOLDEN "weights/wan-merged.gguf"};
    for (int i = 0; i < 2; i++) {
        bench b = bench_open(files[i], LOAM_DTYPE_COUNT);
        const char *first = NULL;
        assert_int_equal(loam_weights_n_unknown(b.w, &first), 0);
        assert_int_equal(loam_weights_get_family(b.w), LOAM_WEIGHTS_WAN_T2V);
        const int taps[3] = {1, 2, 2};
        const loam_bound_weight *w = get(&b, "transformer.patch_embedding.weight", LOAM_WEIGHT_CONV, 0, 16, taps);
        assert_int_equal(w->n, 32);
        assert_int_equal(w->dtype, LOAM_DTYPE_F16);
        float *m = weight_read(b.api, b.d, w);
        for (size_t n = 0; n < 32; n++)
            for (size_t t = 0; t < 4; t++)
                for (size_t c = 0; c < 16; c++)
                    assert_true(m[n * 64 + t * 16 + c] == pattern((n * 16 + c) * 4 + t));
        free(m);
        w = get(&b, "transformer.blocks.0.attn1.to_q.weight", LOAM_WEIGHT_LINEAR, 32, 64, NULL);
        assert_int_equal(w->dtype, LOAM_DTYPE_Q8_0);
        m = weight_read(b.api, b.d, w);
        for (size_t j = 0; j < 32 * 64; j++)
            if (!(fabsf(m[j] - pattern(j)) < 0.03f)) /* activations are in 8 bits as well */
                fail_msg("element %zu: %g, not %g", j, m[j], pattern(j));
        free(m);
        assert_true(get(&b, "transformer.blocks.0.scale_shift_table", LOAM_WEIGHT_VECTOR, 0, 6 * 32, NULL)->vector);
        bench_close(&b);
    }
    bench b = bench_open(GOLDEN "weights/t5.gguf", LOAM_DTYPE_COUNT);
    const loam_bound_weight *w = get(&b, "text_encoder.shared.weight", LOAM_WEIGHT_TABLE, 0, 32, NULL);
    assert_int_equal(w->n, 40);
    assert_int_equal(w->dtype, LOAM_DTYPE_Q8_0);
    w = get(&b, "text_encoder.encoder.block.0.layer.1.DenseReluDense.wi_0.weight", LOAM_WEIGHT_LINEAR, 64, 32, NULL);
    float *m = weight_read(b.api, b.d, w);
    for (size_t j = 0; j < 64 * 32; j++)
        assert_true(m[j] == pattern(j));
    free(m);
    get(&b, "text_encoder.encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", LOAM_WEIGHT_TABLE, 8,
        4, NULL);
    bench_close(&b);
}

static int set_up(void **state)
{
    (void)state;
    const char *dir = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/loam-test-store-%ld.safetensors", dir ? dir : "/tmp", (long)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_8_bit_floats),   cmocka_unit_test(test_q8_0),
        cmocka_unit_test(test_convolutions),   cmocka_unit_test(test_rows_and_vectors),
        cmocka_unit_test(test_same_as_folder), cmocka_unit_test(test_types_asked_for),
        cmocka_unit_test(test_complaints),     cmocka_unit_test(test_gguf),
    };
    return cmocka_run_group_tests_name("weight store", tests, set_up, tear_down);
}
