/* Wan 2.1's parts against transformers and diffusers, on tiny models with its structure (tests/golden/make/
 * pictures_wan.py, pictures_taehv.py), from a diffusers folder and from files in the original layout. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "model/taehv.h"
#include "model/umt5.h"
#include "model/unet.h"
#include "model/wan.h"
#include "model/wan_vae.h"

#define WAN LOAM_SOURCE_ROOT "/tests/golden/pictures/wan"
#define TAEHV LOAM_SOURCE_ROOT "/tests/golden/pictures/taehv"
/* Sums run in another order than the reference's, and Winograd's transforms lose some bits more. */
enum { TIMES = 12 };

typedef struct bench {
    loam_weights *weights;
    loam_device *device;
    loam_weight_store *store;
    loam_safetensors *golden;
} bench;

static void ok(loam_status st, const loam_err *err)
{
    if (st != LOAM_OK)
        fail_msg("%s", err->msg);
}

/* source 0: the folder; 1: files of the original layout, whose names say which part they are. */
static bench bench_new(int source, int n_threads)
{
    loam_err err = {0};
    bench b = {0};
    ok(loam_weights_open(source ? WAN "/original_transformer.safetensors" : WAN, &b.weights, &err), &err);
    if (source) {
        ok(loam_weights_add(b.weights, WAN "/original_vae.safetensors", NULL, &err), &err);
        ok(loam_weights_add(b.weights, WAN "/original_text_encoder.safetensors", NULL, &err), &err);
    }
    ok(loam_device_cpu.open(n_threads, &b.device, &err), &err);
    ok(loam_weight_store_new(&loam_device_cpu, b.device, b.weights, LOAM_DTYPE_COUNT, &b.store, &err), &err);
    ok(loam_safetensors_open(WAN "/golden.safetensors", &b.golden, &err), &err);
    return b;
}

static void bench_free(bench *b)
{
    loam_weight_store_free(b->store);
    loam_device_cpu.close(b->device);
    loam_weights_close(b->weights);
    loam_safetensors_close(b->golden);
}

/* T5's buckets as transformers has them for 32 buckets up to 128: where each begins, in either direction. */
static void buckets(void **state)
{
    (void)state;
    static const int64_t begins[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
    for (int64_t d = 0; d < 600; d++) {
        int64_t want = 15;
        while (begins[want] > d)
            want--;
        assert_int_equal(loam_umt5_bucket(-d, 32, 128), want);
        assert_int_equal(loam_umt5_bucket(d, 32, 128), d == 0 ? 0 : 16 + want);
    }
}

static void text_encoder(void **state)
{
    (void)state;
    loam_err err = {0};
    enum { ROWS = 40, LENGTHS = 2 };
    static const int64_t lengths[LENGTHS] = {40, 13};
    for (int s = 0; s < 3; s++) {
        bench b = bench_new(s % 2, 2);
        loam_umt5_params p;
        ok(loam_umt5_read(b.weights, "text_encoder", &p, &err), &err);
        int64_t n_ids;
        int32_t *ids = golden_ids(b.golden, "text.in.input_ids", &n_ids);
        assert_int_equal(n_ids, LENGTHS * ROWS);
        float *out = malloc((size_t)(LENGTHS * ROWS * p.width) * sizeof *out);
        loam_umt5_prompt prompts[LENGTHS];
        for (int i = 0; i < LENGTHS; i++)
            prompts[i] = (loam_umt5_prompt){ids + i * ROWS, lengths[i], out + i * ROWS * p.width};
        ok(s == 2 ? loam_umt5_encode_streamed(&loam_device_cpu, b.device, b.weights, LOAM_DTYPE_COUNT, &p, prompts,
                                              LENGTHS, ROWS, &err)
                  : loam_umt5_encode(b.store, &p, prompts, LENGTHS, ROWS, &err),
           &err);
        golden_compare(b.golden, "text.out.hidden", out, LENGTHS * ROWS * p.width, TIMES);
        if (s == 0) { /* the first layer alone, and prompts that are refused */
            loam_net net;
            ok(loam_umt5_net(b.store, &p, ROWS, 0, 1, &net, &err), &err);
            ok(loam_net_run(&net, ids, NULL, &err), &err);
            const float *want = golden_f32(b.golden, "text.out.block.0", NULL), *got = loam_net_out(&net, 0);
            for (int64_t i = 0; i < ROWS * p.width; i++)
                assert_float_equal(got[i], want[i], 1e-4);
            loam_net_free(&net);
            ids[3] = (int32_t)p.n_vocab;
            assert_int_equal(loam_umt5_encode(b.store, &p, prompts, 1, ROWS, &err), LOAM_STATUS_INVALID);
            ids[3] = 3;
            assert_int_equal(loam_umt5_encode(b.store, &p, prompts, 1, ROWS - 1, &err), LOAM_STATUS_INVALID);
            assert_non_null(strstr(err.msg, "40 tokens"));
        }
        free(out);
        free(ids);
        bench_free(&b);
    }
}

/* The reference turns the time's angles in f32, where Loam and Wan's own code take f64: they differ by up to about
 * 2·t·2^-24 = 1e-4 in single elements. */
static void reference_time(double t, int64_t width, float *out)
{
    int64_t half = width / 2;
    for (int64_t i = 0; i < half; i++) {
        float exponent = -(float)log(10000.0) * (float)i / (float)half, angle = (float)t * expf(exponent);
        out[i] = cosf(angle);
        out[half + i] = sinf(angle);
    }
}

static void transformer_once(bench *b, const loam_wan_params *p, const char *prefix, int64_t n_text, float *copy)
{
    loam_err err = {0};
    loam_wan m;
    char name[64];
    snprintf(name, sizeof name, "%s.in.sample", prefix);
    int64_t n = golden_dim(b->golden, name, 0), f = golden_dim(b->golden, name, 2), h = golden_dim(b->golden, name, 3),
            w = golden_dim(b->golden, name, 4), total;
    loam_wan_input in = {.latent = golden_f32(b->golden, name, &total)};
    snprintf(name, sizeof name, "%s.in.timestep", prefix);
    in.timestep = (double)*golden_f32(b->golden, name, NULL);
    snprintf(name, sizeof name, "%s.in.encoder_hidden_states", prefix);
    int64_t rows = golden_dim(b->golden, name, 1);
    const float *states = golden_f32(b->golden, name, NULL);
    float *text = calloc((size_t)(n * n_text * p->text_width), sizeof *text);
    for (int64_t i = 0; i < n; i++)
        memcpy(text + i * n_text * p->text_width, states + i * rows * p->text_width,
               (size_t)(rows * p->text_width) * sizeof *text);
    ok(loam_wan_init(&m, b->store, p, n, f, h, w, n_text, &err), &err);
    ok(loam_wan_text(b->store, p, n, n_text, text, loam_wan_text_place(&m), &err), &err);
    float *out = calloc((size_t)total, sizeof *out);
    snprintf(name, sizeof name, "%s.out.sample", prefix);
    const float *want = golden_f32(b->golden, name, NULL);
    for (int run = 0; run < 2; run++) { /* the second run finds its inputs' memory as the first left it */
        ok(loam_wan_run(&m, &in, out, &err), &err);
        for (int64_t i = 0; i < total; i++)
            assert_float_equal(out[i], want[i], 5e-5);
    }
    if (copy)
        memcpy(copy, out, (size_t)total * sizeof *out);
    /* with the reference's time */
    reference_time(in.timestep, p->time_width, loam_net_in(&m.net, 1));
    ok(loam_net_run(&m.net, NULL, NULL, &err), &err);
    if (strcmp(prefix, "a") == 0)
        golden_compare(b->golden, "a.out.proj_out", loam_net_out(&m.net, 0), total, TIMES);
    free(out);
    free(text);
    loam_wan_deinit(&m);
}

static void transformer(void **state)
{
    (void)state;
    loam_err err = {0};
    float first[16 * 3 * 8 * 10], again[16 * 3 * 8 * 10];
    for (int s = 0; s < 2; s++) {
        bench b = bench_new(s, s + 1);
        loam_wan_params p;
        loam_status st = loam_wan_read(b.weights, &p, &err);
        assert_int_equal(s ? LOAM_STATUS_CORRUPT : LOAM_OK, st); /* real heads have 128 columns */
        p = (loam_wan_params){28, 16, 16, 24, 32, 512, 2, 2, 1e-6f};
        transformer_once(&b, &p, "a", 512, s ? again : first);
        transformer_once(&b, &p, "b", 16, NULL);
        bench_free(&b);
    }
    assert_memory_equal(first, again, sizeof first); /* one thread or two: the same bits */
}

/* [frames][h·w][3], as the steps make and take them, and PyTorch's [3][frames][h·w]. */
static void to_planes(const float *pixels, int64_t frames, int64_t hw, float *planes)
{
    loam_planes_from_rows(pixels, 1, 3, frames * hw, planes);
}

static void autoencoder(void **state)
{
    (void)state;
    loam_err err = {0};
    enum { LATENT = 16, H = 2, W = 3, PIXELS = 16 * 24 };
    static const struct {
        const char *name;
        int64_t f, frames;
    } cases[] = {{"vae", 3, 9}, {"vae1", 1, 1}};
    for (int s = 0; s < 4; s++) {
        bench b = bench_new(s % 2, s / 2 + 1);
        const int64_t f = cases[s / 2].f, frames = cases[s / 2].frames;
        char name[64];
        loam_wan_vae_params p;
        loam_wan_vae v;
        ok(loam_wan_vae_read(b.weights, &p, &err), &err);
        assert_int_equal(p.factor, 8);
        assert_int_equal(p.factor_t, 4);
        assert_float_equal(p.mean[7], 1.5508, 0);
        assert_float_equal(p.deviation[15], 1.9160, 1e-7);
        snprintf(name, sizeof name, "%s.decode.in.x", cases[s / 2].name);
        const float *z = golden_f32(b.golden, name, NULL);
        ok(loam_wan_vae_begin(&v, b.store, &p, false, f, H, W, &err), &err);
        float *pixels = malloc((size_t)(frames * PIXELS * 3) * sizeof *pixels), *at = pixels;
        float *planes = malloc((size_t)(frames * PIXELS * 3) * sizeof *planes);
        for (int64_t i = 0; i < f; i++) {
            int64_t made = loam_wan_vae_frames(&v);
            ok(loam_wan_vae_decode_step(&v, z, at, &err), &err);
            at += made * PIXELS * 3;
        }
        assert_int_equal(at - pixels, frames * PIXELS * 3);
        assert_int_equal(loam_wan_vae_decode_step(&v, z, pixels, &err), LOAM_STATUS_INVALID);
        loam_wan_vae_end(&v);
        to_planes(pixels, frames, PIXELS, planes);
        snprintf(name, sizeof name, "%s.decode.out.pixels", cases[s / 2].name);
        golden_compare(b.golden, name, planes, frames * PIXELS * 3, TIMES);

        snprintf(name, sizeof name, "%s.encode.in.x", cases[s / 2].name);
        loam_rows_from_planes(golden_f32(b.golden, name, NULL), 1, 3, frames * PIXELS, pixels);
        ok(loam_wan_vae_begin(&v, b.store, &p, true, f, H, W, &err), &err);
        float *moments = malloc((size_t)(2 * LATENT * f * H * W) * sizeof *moments);
        at = pixels;
        for (int64_t i = 0; i < f; i++) {
            int64_t taken = loam_wan_vae_frames(&v);
            ok(loam_wan_vae_encode_step(&v, at, moments, &err), &err);
            at += taken * PIXELS * 3;
        }
        loam_wan_vae_end(&v);
        snprintf(name, sizeof name, "%s.encode.out.moments", cases[s / 2].name);
        golden_compare(b.golden, name, moments, 2 * LATENT * f * H * W, TIMES);
        free(moments);
        free(planes);
        free(pixels);
        bench_free(&b);
    }
}

/* The last latents of a pipeline, decoded: denormalising comes before the decoder. */
static void pipeline_pixels(void **state)
{
    (void)state;
    loam_err err = {0};
    enum { LATENT = 16, F = 3, H = 2, W = 4, FRAMES = 9, PIXELS = 16 * 32 };
    bench b = bench_new(0, 2);
    loam_wan_vae_params p;
    loam_wan_vae v;
    float z[LATENT * F * H * W], back[LATENT * F * H * W];
    float *pixels = malloc(FRAMES * PIXELS * 3 * sizeof *pixels),
          *planes = malloc(FRAMES * PIXELS * 3 * sizeof *planes);
    ok(loam_wan_vae_read(b.weights, &p, &err), &err);
    const float *latent = golden_f32(b.golden, "unipc.out.step.4", NULL);
    loam_wan_vae_denormalise(&p, F * H * W, latent, z);
    loam_wan_vae_normalise(&p, F * H * W, z, back);
    for (int i = 0; i < LATENT * F * H * W; i++)
        assert_float_equal(back[i], latent[i], 1e-5);
    ok(loam_wan_vae_begin(&v, b.store, &p, false, F, H, W, &err), &err);
    int64_t at = 0;
    for (int i = 0; i < F; i++) {
        int64_t made = loam_wan_vae_frames(&v);
        ok(loam_wan_vae_decode_step(&v, z, pixels + at * PIXELS * 3, &err), &err);
        at += made;
    }
    loam_wan_vae_end(&v);
    to_planes(pixels, FRAMES, PIXELS, planes);
    golden_compare(b.golden, "unipc.out.pixels", planes, FRAMES * PIXELS * 3, TIMES);
    free(planes);
    free(pixels);
    bench_free(&b);
}

static void small_autoencoder(void **state)
{
    (void)state;
    loam_err err = {0};
    enum { LATENT = 16, H = 3, W = 2, PIXELS = 24 * 16, FRAME = PIXELS * 3, MOST = 12 };
    bench b = {0};
    loam_taehv_params p;
    loam_taehv v;
    float *rows = malloc(MOST * FRAME * sizeof *rows), *planes = malloc(MOST * FRAME * sizeof *planes);
    float latent[LATENT * 3 * H * W], z[LATENT * 3 * H * W];
    ok(loam_weights_open(TAEHV "/taehv.safetensors", &b.weights, &err), &err);
    ok(loam_device_cpu.open(2, &b.device, &err), &err);
    ok(loam_weight_store_new(&loam_device_cpu, b.device, b.weights, LOAM_DTYPE_COUNT, &b.store, &err), &err);
    ok(loam_safetensors_open(TAEHV "/golden.safetensors", &b.golden, &err), &err);
    assert_true(loam_taehv_is(b.weights));
    ok(loam_taehv_read(b.weights, &p, &err), &err);
    assert_int_equal(p.factor, 8);
    assert_int_equal(p.factor_t, 4);
    for (int c = 0; c < 2; c++) {
        const int64_t f = c ? 1 : 3, frames = 4 * f - 3;
        /* the file has [f][c][h·w] */
        const float *x = golden_f32(b.golden, c ? "decode1.in.x" : "decode.in.x", NULL);
        for (int64_t t = 0; t < f; t++)
            for (int64_t j = 0; j < LATENT; j++)
                memcpy(z + (j * f + t) * H * W, x + (t * LATENT + j) * H * W, H * W * sizeof *z);
        ok(loam_taehv_begin(&v, b.store, &p, false, f, H, W, &err), &err);
        for (int again = 0; again < 2; again++) {
            float *at = rows;
            for (int64_t i = 0; i < f; i++) {
                int64_t made = loam_taehv_frames(&v);
                ok(loam_taehv_decode_step(&v, z, at, &err), &err);
                at += made * FRAME;
            }
            loam_planes_from_rows(rows, frames, 3, PIXELS, planes);
            golden_compare(b.golden, c ? "decode1.out.pixels" : "decode.out.pixels", planes, frames * FRAME, TIMES);
            loam_taehv_restart(&v);
        }
        loam_taehv_end(&v);
    }
    loam_rows_from_planes(golden_f32(b.golden, "encode.in.x", NULL), 9, 3, PIXELS, rows);
    for (int i = 9; i < MOST; i++)
        memcpy(rows + i * FRAME, rows + 8 * FRAME, FRAME * sizeof *rows);
    ok(loam_taehv_begin(&v, b.store, &p, true, 3, H, W, &err), &err);
    for (int i = 0; i < 3; i++)
        ok(loam_taehv_encode_step(&v, rows + i * 4 * FRAME, z, &err), &err);
    loam_taehv_end(&v);
    for (int t = 0; t < 3; t++)
        for (int j = 0; j < LATENT; j++)
            memcpy(latent + (t * LATENT + j) * H * W, z + (j * 3 + t) * H * W, H * W * sizeof *z);
    golden_compare(b.golden, "encode.out.latent", latent, LATENT * 3 * H * W, TIMES);
    free(rows);
    free(planes);
    bench_free(&b);
}

/* What cannot be is said in a sentence. */
static void refusals(void **state)
{
    (void)state;
    loam_err err = {0};
    bench b = bench_new(0, 1);
    loam_wan_params p;
    loam_wan m;
    ok(loam_wan_read(b.weights, &p, &err), &err);
    assert_int_equal(p.n_heads, 2);
    assert_int_equal(p.out_channels, 16);
    assert_int_equal(loam_wan_init(&m, b.store, &p, 1, 1, 3, 4, 8, &err), LOAM_STATUS_INVALID);
    assert_non_null(strstr(err.msg, "even"));
    assert_int_equal(loam_wan_init(&m, b.store, &p, 1, 0, 4, 4, 8, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_wan_init(&m, b.store, &p, 1, INT64_MAX / 2, 4, 4, 8, &err), LOAM_STATUS_INVALID);
    p.n_layers = 3;
    assert_int_equal(loam_wan_init(&m, b.store, &p, 1, 1, 4, 4, 8, &err), LOAM_STATUS_CORRUPT);
    assert_non_null(strstr(err.msg, "transformer.blocks.2."));
    p.n_layers = 2;
    p.in_channels = 8;
    assert_int_equal(loam_wan_init(&m, b.store, &p, 1, 1, 4, 4, 8, &err), LOAM_STATUS_CORRUPT);
    assert_non_null(strstr(err.msg, "transformer.patch_embedding.weight"));
    loam_wan_vae_params vp;
    loam_wan_vae v;
    ok(loam_wan_vae_read(b.weights, &vp, &err), &err);
    assert_int_equal(loam_wan_vae_begin(&v, b.store, &vp, false, 0, 2, 2, &err), LOAM_STATUS_INVALID);
    vp.latent = 8;
    assert_int_equal(loam_wan_vae_begin(&v, b.store, &vp, false, 1, 2, 2, &err), LOAM_STATUS_CORRUPT);
    assert_non_null(strstr(err.msg, "vae.post_quant_conv"));
    vp.has_encoder = false;
    assert_int_equal(loam_wan_vae_begin(&v, b.store, &vp, true, 1, 2, 2, &err), LOAM_STATUS_UNSUPPORTED);
    loam_taehv_params tp;
    assert_int_equal(loam_taehv_read(b.weights, &tp, &err), LOAM_STATUS_CORRUPT);
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets),     cmocka_unit_test(text_encoder),    cmocka_unit_test(transformer),
        cmocka_unit_test(autoencoder), cmocka_unit_test(pipeline_pixels), cmocka_unit_test(small_autoencoder),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("Wan", tests, NULL, NULL);
}
