/* Adapters: three namings of one adapter give the same factors at the same layers, those of the original blocks find
 * theirs, alpha and strength count as PEFT counts them, and what is no LoRA of this model is refused by name. The
 * answers of whole models with adapters are compared in test_sd.c. */
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
#include "model/weight_store.h"
#include "tensor_file.h"
#include "weight_read.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"

typedef struct bench {
    const loam_device_api *api;
    loam_device *d;
    loam_weights *w;
    loam_weight_store *s;
} bench;

static void bench_open(bench *b, const char *path)
{
    loam_err err = LOAM_ERR_INIT;
    b->api = &loam_device_cpu;
    assert_int_equal(b->api->open(1, &b->d, &err), LOAM_OK);
    if (loam_weights_open(path, &b->w, &err) != LOAM_OK ||
        loam_weight_store_new(b->api, b->d, b->w, LOAM_DTYPE_COUNT, &b->s, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
}

static void bench_close(bench *b)
{
    loam_weight_store_free(b->s);
    loam_weights_close(b->w);
    b->api->close(b->d);
}

/* Rows, channels and taps of the layer's weight. */
static void shape_of(const loam_weight_view *v, int64_t *n, int64_t *c, int taps[3])
{
    *n = v->shape[0];
    *c = v->shape[1];
    taps[0] = 1;
    taps[1] = v->n_dims > 2 ? (int)v->shape[2] : 1;
    taps[2] = v->n_dims > 3 ? (int)v->shape[3] : 1;
}

/* up · down of the layer's only pair [n, taps · c], NULL when there is none. Freed by the caller. */
static float *delta_of(const bench *b, const char *layer, size_t *n_out)
{
    char name[160];
    loam_err err = LOAM_ERR_INIT;
    snprintf(name, sizeof name, "%s.weight", layer);
    const loam_weight_view *v = loam_weights_find(b->w, name);
    assert_non_null(v);
    int64_t n, c;
    int taps[3];
    shape_of(v, &n, &c, taps);
    loam_lora_pair pair;
    int found = loam_weight_store_loras(b->s, layer, n, c, taps, &pair, 1, &err);
    if (found < 0)
        fail_msg("%s", err.msg);
    if (found == 0)
        return NULL;
    float *up = weight_read(b->api, b->d, pair.up), *down = weight_read(b->api, b->d, pair.down);
    int64_t k = pair.down->k, rank = pair.down->n;
    assert_int_equal(pair.up->n, n);
    assert_int_equal(pair.up->k, rank);
    float *out = calloc((size_t)(n * k), sizeof *out);
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < rank; r++)
            for (int64_t j = 0; j < k; j++)
                out[i * k + j] += up[i * rank + r] * down[r * k + j];
    free(up);
    free(down);
    *n_out = (size_t)(n * k);
    return out;
}

static float f32_at(const loam_safetensors_tensor *t, size_t i)
{
    float f;
    uint16_t h;
    if (t->dtype == LOAM_SAFETENSORS_DTYPE_F32) {
        memcpy(&f, t->data + i * 4, 4);
        return f;
    }
    assert_true(t->dtype == LOAM_SAFETENSORS_DTYPE_F16 || t->dtype == LOAM_SAFETENSORS_DTYPE_BF16);
    memcpy(&h, t->data + i * 2, 2);
    return t->dtype == LOAM_SAFETENSORS_DTYPE_F16 ? loam_f16_to_f32(h) : loam_bf16_to_f32(h);
}

/* strength · alpha / rank · up · down by plain loops over the file's tensors, channels fastest. */
static void check_layer(const bench *b, const char *file, const char *layer, const char *raw, float strength)
{
    loam_err err = LOAM_ERR_INIT;
    loam_safetensors *st = NULL;
    char name[256];
    if (loam_safetensors_open(file, &st, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    snprintf(name, sizeof name, "%s.lora_down.weight", raw);
    const loam_safetensors_tensor *down = loam_safetensors_find(st, name);
    snprintf(name, sizeof name, "%s.lora_up.weight", raw);
    const loam_safetensors_tensor *up = loam_safetensors_find(st, name);
    snprintf(name, sizeof name, "%s.alpha", raw);
    const loam_safetensors_tensor *alpha = loam_safetensors_find(st, name);
    if (!down || !up || !alpha)
        fail_msg("%s is not in the file", raw);
    size_t n = 0;
    float *got = delta_of(b, layer, &n);
    if (!got)
        fail_msg("%s has no pair", layer);
    int64_t rank = down->shape[0], c = down->shape[1], taps = 1, rows = up->shape[0];
    for (int i = 2; i < down->n_dims; i++)
        taps *= down->shape[i];
    assert_int_equal(n, rows * c * taps);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t t = 0; t < taps; t++)
            for (int64_t j = 0; j < c; j++) {
                double want = 0;
                for (int64_t r = 0; r < rank; r++)
                    want += (double)f32_at(up, (size_t)(i * rank + r)) * f32_at(down, (size_t)((r * c + j) * taps + t));
                want *= (double)strength * f32_at(alpha, 0) / (double)rank;
                double off = fabs(got[i * c * taps + t * c + j] - want);
                if (!(off <= 1e-6 + 1e-6 * fabs(want)))
                    fail_msg("%s [%lld, %lld, %lld] is off by %g", layer, (long long)i, (long long)t, (long long)j,
                             off);
            }
    free(got);
    loam_safetensors_close(st);
}

/* How many layers of the model the adapters reach. */
static int reached(const bench *b)
{
    int n_layers = 0;
    loam_err err = LOAM_ERR_INIT;
    for (size_t i = 0; i < loam_weights_n(b->w); i++) {
        const loam_weight_view *v = loam_weights_at(b->w, i);
        char layer[160];
        size_t len = strlen(v->name);
        if (v->n_dims < 2 || len < 8 || strcmp(v->name + len - 7, ".weight") != 0)
            continue;
        snprintf(layer, sizeof layer, "%.*s", (int)(len - 7), v->name);
        int64_t n, c;
        int taps[3];
        loam_lora_pair pair;
        shape_of(v, &n, &c, taps);
        int found = loam_weight_store_loras(b->s, layer, n, c, taps, &pair, 1, &err);
        if (found < 0)
            fail_msg("%s", err.msg);
        n_layers += found;
    }
    return n_layers;
}

static void add_ok(bench *b, const char *path, float strength)
{
    loam_err err = LOAM_ERR_INIT;
    if (loam_weight_store_add_lora(b->s, path, strength, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
}

static const char *const sd15_layers[][2] = {
    {"unet.down_blocks.0.attentions.0.proj_in", "lora_unet_down_blocks_0_attentions_0_proj_in"},
    {"unet.down_blocks.1.attentions.1.transformer_blocks.0.attn2.to_out.0",
     "lora_unet_down_blocks_1_attentions_1_transformer_blocks_0_attn2_to_out_0"},
    {"unet.down_blocks.1.resnets.0.conv1", "lora_unet_down_blocks_1_resnets_0_conv1"},
    {"unet.down_blocks.2.downsamplers.0.conv", "lora_unet_down_blocks_2_downsamplers_0_conv"},
    {"unet.mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
     "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj"},
    {"text_encoder.text_model.encoder.layers.2.mlp.fc1", "lora_te_text_model_encoder_layers_2_mlp_fc1"},
};

static void test_kohya(void **state)
{
    (void)state;
    bench b;
    bench_open(&b, PICTURES "sd15");
    add_ok(&b, PICTURES "lora/sd15.kohya.safetensors", 0.7f);
    assert_int_equal(reached(&b), 18);
    for (size_t i = 0; i < sizeof sd15_layers / sizeof *sd15_layers; i++)
        check_layer(&b, PICTURES "lora/sd15.kohya.safetensors", sd15_layers[i][0], sd15_layers[i][1], 0.7f);
    loam_weight_store_clear_loras(b.s);
    assert_int_equal(reached(&b), 0);
    bench_close(&b);
}

static void test_namings_agree(void **state)
{
    (void)state;
    const char *files[] = {PICTURES "lora/sd15.kohya.safetensors", PICTURES "lora/sd15.peft.safetensors",
                           PICTURES "lora/sd15.old.safetensors"};
    bench b[3];
    for (int i = 0; i < 3; i++) {
        bench_open(&b[i], i == 2 ? PICTURES "sd15/original.safetensors" : PICTURES "sd15");
        add_ok(&b[i], files[i], 0.7f);
        assert_int_equal(reached(&b[i]), 18);
    }
    for (size_t l = 0; l < sizeof sd15_layers / sizeof *sd15_layers; l++) {
        size_t n = 0, m = 0;
        float *want = delta_of(&b[0], sd15_layers[l][0], &n);
        assert_non_null(want);
        for (int i = 1; i < 3; i++) {
            float *got = delta_of(&b[i], sd15_layers[l][0], &m);
            assert_non_null(got);
            assert_int_equal(m, n);
            for (size_t j = 0; j < n; j++)
                if (!(fabsf(got[j] - want[j]) <= 1e-6f))
                    fail_msg("%s in %s: element %zu is %g, not %g", sd15_layers[l][0], files[i], j, got[j], want[j]);
            free(got);
        }
        free(want);
    }
    for (int i = 0; i < 3; i++)
        bench_close(&b[i]);
}

static void test_original_blocks(void **state)
{
    (void)state;
    static const char *const layers[][2] = {
        {"unet.down_blocks.0.resnets.1.conv1", "lora_unet_input_blocks_2_0_in_layers_2"},
        {"unet.down_blocks.0.downsamplers.0.conv", "lora_unet_input_blocks_3_0_op"},
        {"unet.down_blocks.1.attentions.0.proj_in", "lora_unet_input_blocks_4_1_proj_in"},
        {"unet.down_blocks.2.resnets.0.time_emb_proj", "lora_unet_input_blocks_7_0_emb_layers_1"},
        {"unet.mid_block.attentions.0.transformer_blocks.1.ff.net.2",
         "lora_unet_middle_block_1_transformer_blocks_1_ff_net_2"},
        {"unet.mid_block.resnets.0.conv2", "lora_unet_middle_block_0_out_layers_3"},
        {"unet.up_blocks.0.upsamplers.0.conv", "lora_unet_output_blocks_2_2_conv"},
        {"unet.up_blocks.2.resnets.0.conv_shortcut", "lora_unet_output_blocks_6_0_skip_connection"},
        {"text_encoder.text_model.encoder.layers.1.mlp.fc2", "lora_te1_text_model_encoder_layers_1_mlp_fc2"},
        {"text_encoder_2.text_model.encoder.layers.3.self_attn.q_proj",
         "lora_te2_text_model_encoder_layers_3_self_attn_q_proj"},
    };
    bench b;
    bench_open(&b, PICTURES "sdxl");
    add_ok(&b, PICTURES "lora/sdxl.kohya.safetensors", -1.25f);
    assert_int_equal(reached(&b), 16);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        check_layer(&b, PICTURES "lora/sdxl.kohya.safetensors", layers[i][0], layers[i][1], -1.25f);
    bench_close(&b);
}

static void refused(bench *b, const char *path, const char *why)
{
    loam_err err = LOAM_ERR_INIT;
    assert_int_not_equal(loam_weight_store_add_lora(b->s, path, 1, &err), LOAM_OK);
    if (!strstr(err.msg, why))
        fail_msg("'%s' does not say '%s'", err.msg, why);
    assert_int_equal(reached(b), 0);
}

static char path[128];

static const char *one_tensor(const char *name, const char *shape, size_t n)
{
    float zero[64] = {0};
    tensor_file *f = tensor_file_new();
    tensor_file_add(f, name, "F32", shape, zero, n * 4);
    tensor_file_write(f, path);
    return path;
}

static const char *one_pair(const char *layer, const char *down, size_t n_down, const char *up, size_t n_up)
{
    float zero[4096] = {0};
    char name[200];
    tensor_file *f = tensor_file_new();
    snprintf(name, sizeof name, "%s.lora_A.weight", layer);
    tensor_file_add(f, name, "F32", down, zero, n_down * 4);
    snprintf(name, sizeof name, "%s.lora_B.weight", layer);
    if (up)
        tensor_file_add(f, name, "F32", up, zero, n_up * 4);
    tensor_file_write(f, path);
    return path;
}

static void test_refusals(void **state)
{
    (void)state;
    bench b;
    bench_open(&b, PICTURES "sd15");
    refused(&b, one_tensor("lora_unet_mid_block_attentions_0_proj_in.hada_w1_a", "[2]", 2), "LoHa");
    refused(&b, one_tensor("lora_unet_mid_block_attentions_0_proj_in.lokr_w1", "[2]", 2), "LoKr");
    refused(&b, one_tensor("lora_unet_mid_block_attentions_0_proj_in.dora_scale", "[2]", 2), "DoRA");
    refused(&b, one_tensor("unet.mid_block.attentions.0.proj_in.lora_magnitude_vector", "[2]", 2), "DoRA");
    refused(&b, one_tensor("something.weight", "[2]", 2), "something.weight");
    refused(&b, one_pair("unet.mid_block.no_such", "[1,4]", 4, "[4,1]", 4), "made for another");
    refused(&b, one_pair("unet.conv_out", "[1,3]", 3, "[4,1]", 4), "another model");
    refused(&b, one_pair("unet.conv_out", "[1,3]", 3, NULL, 0), "incomplete");
    refused(&b, PICTURES "sd15/unet/diffusion_pytorch_model.safetensors", "no part of a LoRA");
    bench_close(&b);
}

/* alpha of PEFT's settings: rank 2, alpha 6: three times up · down; with rslora alpha / sqrt(rank). */
static void test_peft_alpha(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        double scale;
    } cases[] = {
        {NULL, 1},
        {"{\"lora_adapter_metadata\":\"{\\\"unet.lora_alpha\\\": 6, \\\"unet.r\\\": 2}\"}", 3},
        {"{\"lora_adapter_metadata\":\"{\\\"unet.lora_alpha\\\": 6, \\\"unet.use_rslora\\\": true}\"}", 4.2426406871},
        {"{\"lora_adapter_metadata\":\"{\\\"unet.lora_alpha\\\": 6, \\\"unet.alpha_pattern\\\": "
         "{\\\"time_embedding.linear_1\\\": 1}}\"}",
         0.5},
    };
    bench b;
    bench_open(&b, PICTURES "sd15");
    const loam_weight_view *v = loam_weights_find(b.w, "unet.time_embedding.linear_1.weight");
    assert_non_null(v);
    size_t k = (size_t)v->shape[1], rows = (size_t)v->shape[0];
    float *x = malloc((k > rows ? k : rows) * 2 * sizeof *x);
    for (size_t i = 0; i < 2 * (k > rows ? k : rows); i++)
        x[i] = i % 7 == 3 ? 0.5f : 0.25f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char shape[64];
        tensor_file *f = tensor_file_new();
        if (cases[i].json)
            tensor_file_metadata(f, cases[i].json);
        snprintf(shape, sizeof shape, "[2,%zu]", k);
        tensor_file_add(f, "unet.time_embedding.linear_1.lora_A.weight", "F32", shape, x, 2 * k * 4);
        snprintf(shape, sizeof shape, "[%zu,2]", rows);
        tensor_file_add(f, "unet.time_embedding.linear_1.lora_B.weight", "F32", shape, x, 2 * rows * 4);
        tensor_file_write(f, path);
        add_ok(&b, path, 2);
        size_t n = 0;
        float *got = delta_of(&b, "unet.time_embedding.linear_1", &n);
        assert_non_null(got);
        for (size_t j = 0; j < n; j++) {
            double want = 2 * cases[i].scale * (x[j / k * 2] * x[j % k] + x[j / k * 2 + 1] * x[k + j % k]);
            if (!(fabs(got[j] - want) <= 1e-5))
                fail_msg("case %zu, element %zu: %g, not %g", i, j, got[j], want);
        }
        free(got);
        loam_weight_store_clear_loras(b.s);
    }
    free(x);
    bench_close(&b);
}

/* bias + what the adapter says, and the old bias after it is taken away. */
static void test_differences(void **state)
{
    (void)state;
    bench b;
    loam_err err = LOAM_ERR_INIT;
    const loam_bound_weight *bias = NULL;
    bench_open(&b, PICTURES "sd15");
    const char *name = "unet.conv_out.bias";
    const float d[4] = {1, -2, 0.5f, 4};
    const loam_weight_view *v = loam_weights_find(b.w, name);
    assert_non_null(v);
    assert_int_equal(v->shape[0], 4);
    tensor_file *f = tensor_file_new();
    tensor_file_add(f, "diffusion_model.out.2.diff_b", "F32", "[4]", d, sizeof d);
    tensor_file_write(f, path);
    float seen[3][4];
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            add_ok(&b, path, 0.5f);
        if (i == 2)
            loam_weight_store_clear_loras(b.s);
        assert_int_equal(loam_weight_store_get(b.s, name, LOAM_WEIGHT_VECTOR, 0, 4, NULL, true, &bias, &err), LOAM_OK);
        /* read it as the bias of a product with zeros */
        loam_graph *g = loam_graph_new();
        loam_program *p = NULL;
        const loam_bound_weight *w = NULL;
        assert_int_equal(loam_weight_store_get(b.s, "unet.conv_out.weight", LOAM_WEIGHT_CONV, 4, 0, (int[]){1, 3, 3},
                                               true, &w, &err),
                         LOAM_STATUS_CORRUPT);
        const loam_weight_view *m = loam_weights_find(b.w, "unet.conv_out.weight");
        assert_int_equal(loam_weight_store_get(b.s, "unet.conv_out.weight", LOAM_WEIGHT_CONV, 4, m->shape[1],
                                               (int[]){1, 3, 3}, true, &w, &err),
                         LOAM_OK);
        int x = loam_graph_input(g, "x", 1, w->k);
        int y = loam_graph_matmul(g, x, loam_graph_weight(g, w->name, w->w, w->dtype, w->n, w->k, false),
                                  loam_graph_weight(g, bias->name, bias->w, bias->dtype, bias->n, bias->k, true));
        loam_graph_output(g, y);
        assert_int_equal(loam_graph_plan(g, b.api, b.d, 0, 0, &p, &err), LOAM_OK);
        memset(b.api->program_input(p, x), 0, (size_t)w->k * sizeof(float));
        loam_step step = {0};
        assert_int_equal(b.api->program_run(p, &step, &err), LOAM_OK);
        memcpy(seen[i], b.api->program_output(p, y), sizeof seen[i]);
        b.api->program_free(p);
        loam_graph_free(g);
    }
    for (int j = 0; j < 4; j++) {
        assert_true(fabsf(seen[1][j] - seen[0][j] - d[j] / 2) < 1e-6f);
        assert_true(seen[2][j] == seen[0][j]);
    }
    refused(&b, one_tensor("diffusion_model.out.2.diff_b", "[5]", 5), "5 elements");
    refused(&b, one_tensor("diffusion_model.out.2.diff", "[8]", 8), "matrix");
    bench_close(&b);
}

static int set_up(void **state)
{
    (void)state;
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/loam-test-lora-%ld.safetensors", dir ? dir : "/tmp", (long)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kohya),    cmocka_unit_test(test_namings_agree), cmocka_unit_test(test_original_blocks),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_peft_alpha),    cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests_name("lora", tests, set_up, tear_down);
}
