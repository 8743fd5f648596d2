/* Stable Diffusion's parts against diffusers and transformers, on tiny models with its structure
 * (tests/golden/make/pictures_sd.py), from a diffusers folder and from a single file in the original layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "model/clip.h"
#include "model/taesd.h"
#include "model/unet.h"
#include "model/vae.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"
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

static bench bench_new(const char *weights, const char *golden, int n_threads, loam_dtype type)
{
    loam_err err = {0};
    bench b = {0};
    ok(loam_weights_open(weights, &b.weights, &err), &err);
    ok(loam_device_cpu.open(n_threads, &b.device, &err), &err);
    ok(loam_weight_store_new(&loam_device_cpu, b.device, b.weights, type, &b.store, &err), &err);
    ok(loam_safetensors_open(golden, &b.golden, &err), &err);
    return b;
}

static void bench_free(bench *b)
{
    loam_weight_store_free(b->store);
    loam_device_cpu.close(b->device);
    loam_weights_close(b->weights);
    loam_safetensors_close(b->golden);
}

/* Heads and groups of a tiny model in a single file can only be known from the folder. */
static const char *const sources[] = {PICTURES "sd15", PICTURES "sd15/original.safetensors"};

static void text_encoder(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_clip_params p;
    for (int s = 0; s < 2; s++) {
        bench b = bench_new(sources[s], PICTURES "sd15/golden.safetensors", 2, LOAM_DTYPE_COUNT);
        if (s == 0)
            ok(loam_clip_read(b.weights, "text_encoder", &p, &err), &err);
        int64_t n_ids;
        int32_t *ids = golden_ids(b.golden, "text.in.input_ids", &n_ids);
        for (int skip = 0; skip < 2; skip++)
            for (int norm = 0; norm < 2; norm++) {
                loam_net net;
                char name[32];
                ok(loam_clip_net(b.store, &p, 2, skip, norm, false, &net, &err), &err);
                ok(loam_clip_run(&net, &p, ids, &err), &err);
                snprintf(name, sizeof name, "text.out.%s.%d", norm ? "normed" : "hidden", p.n_layers - skip);
                golden_compare(b.golden, name, loam_net_out(&net, 0), n_ids * p.width, TIMES);
                loam_net_free(&net);
            }
        free(ids);
        bench_free(&b);
    }
}

static void unet_once(bench *b, const loam_unet_params *p, const char *prefix, double times, float *copy)
{
    loam_err err = {0};
    loam_net net;
    char name[64];
    snprintf(name, sizeof name, "%s.in.sample", prefix);
    int64_t n = golden_dim(b->golden, name, 0), h = golden_dim(b->golden, name, 2), w = golden_dim(b->golden, name, 3);
    loam_unet_input in = {.latent = golden_f32(b->golden, name, NULL)};
    snprintf(name, sizeof name, "%s.in.timestep", prefix);
    in.timestep = *golden_f32(b->golden, name, NULL);
    snprintf(name, sizeof name, "%s.in.encoder_hidden_states", prefix);
    in.text = golden_f32(b->golden, name, NULL);
    float added[2 * 128];
    if (p->added) {
        char ids[64];
        snprintf(name, sizeof name, "%s.in.text_embeds", prefix);
        snprintf(ids, sizeof ids, "%s.in.time_ids", prefix);
        int64_t pooled = golden_dim(b->golden, name, 1);
        assert_true(p->added <= 128 && pooled == p->added - 6 * p->added_time);
        for (int64_t i = 0; i < n; i++)
            loam_unet_added(p, golden_f32(b->golden, name, NULL) + i * pooled, golden_f32(b->golden, ids, NULL) + i * 6,
                            added + i * p->added);
        in.added = added;
        snprintf(name, sizeof name, "%s.in.encoder_hidden_states", prefix);
    }
    ok(loam_unet_net(b->store, p, n, h, w, golden_dim(b->golden, name, 1), &net, &err), &err);
    float *out = calloc((size_t)(n * p->out_channels * h * w), sizeof *out);
    snprintf(name, sizeof name, "%s.out.sample", prefix);
    for (int run = 0; run < 2; run++) { /* the second run finds its inputs' memory as the first left it */
        ok(loam_unet_run(&net, p, &in, out, &err), &err);
        golden_compare(b->golden, name, out, n * p->out_channels * h * w, times);
    }
    if (copy)
        memcpy(copy, out, (size_t)(n * p->out_channels * h * w) * sizeof *out);
    free(out);
    loam_net_free(&net);
}

static void unet(void **state)
{
    (void)state;
    loam_err err = {0};
    float first[2 * 4 * 12 * 20], again[2 * 4 * 12 * 20];
    loam_unet_params p;
    for (int s = 0; s < 2; s++) {
        bench b = bench_new(sources[s], PICTURES "sd15/golden.safetensors", s + 1, LOAM_DTYPE_COUNT);
        if (s == 0)
            ok(loam_unet_read(b.weights, &p, &err), &err);
        unet_once(&b, &p, "a", TIMES, s ? again : first);
        unet_once(&b, &p, "b", TIMES, NULL);
        bench_free(&b);
    }
    assert_memory_equal(first, again, sizeof first); /* one thread or two: the same bits */
}

static void vae(void **state)
{
    (void)state;
    loam_err err = {0};
    static const char *const cases[] = {"vae", "vae7"};
    for (int s = 0; s < 4; s++) {
        bench b = bench_new(sources[s % 2], PICTURES "sd15/golden.safetensors", 2, LOAM_DTYPE_COUNT);
        loam_vae_params p;
        loam_net net;
        char name[64];
        ok(loam_vae_read(b.weights, &p, &err), &err);
        p.groups = 2; /* as the folder's configuration has it */
        snprintf(name, sizeof name, "%s.decode.in.x", cases[s / 2]);
        int64_t n = golden_dim(b.golden, name, 0), h = golden_dim(b.golden, name, 2), w = golden_dim(b.golden, name, 3);
        int64_t hw = h * w * p.factor * p.factor;
        ok(loam_vae_decoder_net(b.store, &p, n, h, w, &net, &err), &err);
        loam_rows_from_planes(golden_f32(b.golden, name, NULL), n, p.latent, h * w, loam_net_in(&net, 0));
        ok(loam_net_run(&net, NULL, NULL, &err), &err);
        float *planes = calloc((size_t)(n * 3 * hw), sizeof *planes);
        loam_planes_from_rows(loam_net_out(&net, 0), n, 3, hw, planes);
        snprintf(name, sizeof name, "%s.decode.out.pixels", cases[s / 2]);
        golden_compare(b.golden, name, planes, n * 3 * hw, TIMES);
        free(planes);
        loam_net_free(&net);

        snprintf(name, sizeof name, "%s.encode.in.x", cases[s / 2]);
        n = golden_dim(b.golden, name, 0), h = golden_dim(b.golden, name, 2), w = golden_dim(b.golden, name, 3);
        ok(loam_vae_encoder_net(b.store, &p, n, h, w, &net, &err), &err);
        loam_rows_from_planes(golden_f32(b.golden, name, NULL), n, 3, h * w, loam_net_in(&net, 0));
        ok(loam_net_run(&net, NULL, NULL, &err), &err);
        hw = h / p.factor * (w / p.factor);
        planes = calloc((size_t)(n * 2 * p.latent * hw), sizeof *planes);
        loam_planes_from_rows(loam_net_out(&net, 0), n, 2 * p.latent, hw, planes);
        snprintf(name, sizeof name, "%s.encode.out.moments", cases[s / 2]);
        golden_compare(b.golden, name, planes, n * 2 * p.latent * hw, TIMES);
        free(planes);
        loam_net_free(&net);
        bench_free(&b);
    }
}

static void taesd(void **state)
{
    (void)state;
    loam_err err = {0};
    static const char *const files[] = {PICTURES "taesd", PICTURES "taesd/original_decoder.safetensors"};
    static const char *const parts[] = {"taesd", "taesd"};
    for (int s = 0; s < 2; s++) {
        bench b = bench_new(files[s], PICTURES "taesd/golden.safetensors", 2, LOAM_DTYPE_COUNT);
        loam_net net;
        const float *pixels;
        assert_true(loam_taesd_is(b.weights, parts[s]));
        ok(loam_taesd_net(b.store, parts[s], 1, 5, 7, &net, &err), &err);
        ok(loam_taesd_run(&net, golden_f32(b.golden, "decode.in.x", NULL), &pixels, &err), &err);
        float planes[3 * 40 * 56];
        loam_planes_from_rows(pixels, 1, 3, 40 * 56, planes);
        for (int i = 0; i < 3 * 40 * 56; i++) /* the golden file has them from -1 to 1 */
            planes[i] = planes[i] * 2 - 1;
        golden_compare(b.golden, "decode.out.pixels", planes, 3 * 40 * 56, TIMES);
        loam_net_free(&net);
        bench_free(&b);
    }
}

static void sdxl(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_unet_params p;
    loam_clip_params clip[2];
    static const char *const parts[] = {"text_encoder", "text_encoder_2"};
    static const char *const files[] = {PICTURES "sdxl", PICTURES "sdxl/original.safetensors"};
    for (int s = 0; s < 2; s++) {
        bench b = bench_new(files[s], PICTURES "sdxl/golden.safetensors", 2, LOAM_DTYPE_COUNT);
        for (int e = 0; e < 2; e++) {
            loam_net net;
            char name[64];
            int64_t n_ids;
            if (s == 0)
                ok(loam_clip_read(b.weights, parts[e], &clip[e], &err), &err);
            snprintf(name, sizeof name, "text%d.in.input_ids", e + 1);
            int32_t *ids = golden_ids(b.golden, name, &n_ids);
            ok(loam_clip_net(b.store, &clip[e], n_ids / 77, 1, false, e == 1, &net, &err), &err);
            ok(loam_clip_run(&net, &clip[e], ids, &err), &err);
            snprintf(name, sizeof name, "text%d.out.hidden.%d", e + 1, clip[e].n_layers - 1);
            golden_compare(b.golden, name, loam_net_out(&net, 0), n_ids * clip[e].width, TIMES);
            if (e == 1) {
                float pooled[2 * 20];
                for (int i = 0; i < 2; i++)
                    memcpy(pooled + i * 20,
                           loam_net_out(&net, 1) + (i * 77 + loam_clip_end(&clip[e], ids + i * 77)) * 20, 80);
                golden_compare(b.golden, "text2.out.pooled", pooled, 2 * 20, TIMES);
            }
            free(ids);
            loam_net_free(&net);
        }
        if (s == 0)
            ok(loam_unet_read(b.weights, &p, &err), &err);
        unet_once(&b, &p, "a", TIMES, NULL);
        unet_once(&b, &p, "b", TIMES, NULL);
        bench_free(&b);
    }
}

/* 8-bit weights that hold the model's values exactly: what remains is the rounding of activations; and bf16. */
static void eight_bits(void **state)
{
    (void)state;
    loam_err err = {0};
    static const struct {
        loam_dtype type;
        double times;
    } cases[] = {{LOAM_DTYPE_COUNT, TIMES}, {LOAM_DTYPE_F32, TIMES}, {LOAM_DTYPE_Q8_0, 3e4}, {LOAM_DTYPE_BF16, 3e4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b = bench_new(PICTURES "unet32", PICTURES "unet32/golden.safetensors", 2, cases[i].type);
        loam_unet_params p;
        ok(loam_unet_read(b.weights, &p, &err), &err);
        unet_once(&b, &p, "a", cases[i].times, NULL);
        bench_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_encoder), cmocka_unit_test(unet),
                                       cmocka_unit_test(vae),          cmocka_unit_test(taesd),
                                       cmocka_unit_test(sdxl),         cmocka_unit_test(eight_bits)};
    return cmocka_run_group_tests_name("Stable Diffusion", tests, NULL, NULL);
}
