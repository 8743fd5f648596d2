/* The same bits by any number of threads, alone and among others, after other sizes and adapters, whatever memory held
 * before. */
#include "test_image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The prompt, the walk, the encoder and the decoder, by one to three threads. */
void threads(void **state)
{
    (void)state;
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    r.sampler = LOAM_DIFFUSE_DPMPP_SDE;
    r.schedule = LOAM_SCHEDULE_AUTO;
    r.start = &start;
    loam_image_result first = {0};
    float *z = NULL;
    for (int n = 1; n <= 3; n++) {
        loam_image_model *m = model_open(PICTURES "sd15", n, NULL);
        loam_image_result got = made_by(m, &r);
        float *latent = latents(m, &r);
        if (n > 1) {
            same_picture(&got.pictures[0], &first.pictures[0]);
            assert_memory_equal(latent, z, LATENT * sizeof *z);
            loam_image_result_free(&got);
            free(latent);
        } else {
            first = got;
            z = latent;
        }
        loam_image_model_close(m);
    }
    loam_image_result_free(&first);
    free(z);
    free(start.pixels);
}

/* Picture i of several is the picture of seed + i. */
void batches(void **state)
{
    (void)state;
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
    loam_image_rgb start = start_picture();
    uint8_t *mask = start_mask();
    for (int kind = 0; kind < 4; kind++) {
        loam_image_request r = request(), one;
        r.sampler = LOAM_DIFFUSE_EULER_A;
        r.schedule = LOAM_SCHEDULE_KARRAS;
        r.seed = UINT64_C(0xfffffffe); /* the CPU generator's seeds wrap here, sums must not */
        r.n = 3;
        r.noise_cuda = kind == 1;
        if (kind == 2) {
            r.start = &start;
            r.mask = mask;
        }
        r.hires = kind == 3 ? 1.2f : 0;
        one = r;
        one.n = 1;
        loam_image_result all = made_by(m, &r);
        for (int i = 0; i < r.n; i++) {
            one.seed = r.seed + (uint64_t)i;
            loam_image_result single = made_by(m, &one);
            same_picture(&all.pictures[i], &single.pictures[0]);
            loam_image_result_free(&single);
        }
        assert_int_not_equal(difference(&all.pictures[0], &all.pictures[1]), 0);
        loam_image_result_free(&all);
    }
    loam_image_model_close(m);
    free(start.pixels);
    free(mask);
}

void sizes_between(void **state)
{
    (void)state;
    loam_image_model *m = model_open(PICTURES "sd15", 2, TAESD);
    loam_image_rgb start = start_picture();
    loam_image_request r = request(), other = request();
    r.start = &start;
    other.width = 24;
    other.height = 72;
    other.prompt = "a red cat BREAK a mat";
    loam_image_result before = made_by(m, &r);
    for (int kind = 0; kind < 3; kind++) {
        other.quick_decode = kind == 1;
        other.hires = kind == 2 ? 1.4f : 0;
        other.hires_strength = 0.5f;
        loam_image_result between = made_by(m, &other);
        assert_int_equal(between.pictures[0].width, kind == 2 ? 32 : 24);
        assert_int_equal(between.pictures[0].height, kind == 2 ? 104 : 72);
        loam_image_result_free(&between);
        expect_same(m, &r, &before);
    }
    loam_image_result_free(&before);
    loam_image_model_close(m);
    free(start.pixels);
}

void adapters_between(void **state)
{
    (void)state;
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
    loam_image_request plain = request(), with = request(), half = request(), broken = request();
    loam_image_lora lora = {LORA, 0.7f}, weak = {LORA, 0.35f};
    loam_image_lora two[2] = {{LORA, 0.7f}, {PICTURES "lora/absent.safetensors", 1}};
    with.loras = &lora;
    half.loras = &weak;
    broken.loras = two;
    with.n_loras = half.n_loras = 1;
    broken.n_loras = 2;
    loam_image_result a = made_by(m, &plain), b = made_by(m, &with), c = made_by(m, &half);
    loam_image_model *other = model_open(PICTURES "sd15", 2, NULL); /* that never made one without */
    expect_same(other, &with, &b);
    loam_image_model_close(other);
    assert_int_not_equal(difference(&a.pictures[0], &b.pictures[0]), 0);
    assert_int_not_equal(difference(&b.pictures[0], &c.pictures[0]), 0);
    expect_same(m, &plain, &a);
    expect_same(m, &with, &b);
    refused(m, &broken, LOAM_STATUS_NOT_FOUND, "absent.safetensors");
    expect_same(m, &with, &b); /* not without the adapter, though none is left in the store */
    refused(m, &broken, LOAM_STATUS_NOT_FOUND, "absent.safetensors");
    expect_same(m, &plain, &a);
    loam_image_result_free(&a);
    loam_image_result_free(&b);
    loam_image_result_free(&c);
    loam_image_model_close(m);
}

static double correlation(const float *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

/* The walk starts from the noise of the generator asked for: one step of this model leaves most of it in the latent. */
void cuda_noise(void **state)
{
    (void)state;
    static const double sigma = 14.6;
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
    for (int cuda = 0; cuda < 2; cuda++) {
        loam_image_request r = request();
        r.noise_cuda = cuda;
        r.seed = 3;
        r.sampler = LOAM_DIFFUSE_EULER;
        r.sigmas = &sigma;
        r.n_sigmas = 1;
        r.guidance = 1;
        float *z = latents(m, &r), noise[LATENT];
        for (int other = 0; other < 2; other++) {
            loam_noise g;
            loam_noise_init(&g, other ? LOAM_NOISE_CUDA : LOAM_NOISE_CPU, 3);
            loam_noise_normal(&g, noise, LATENT);
            double c = correlation(z, noise, LATENT);
            assert_true(other == cuda ? c > 0.8 : fabs(c) < 0.4);
        }
        free(z);
    }
    loam_image_model_close(m);
}

/* What memory held before does not matter: multistep samplers weigh predictions that there are not yet with 0, which
 * makes no number of what is none. */
void memory_before(void **state)
{
    (void)state;
    enum { N = 140 };
    static const loam_diffuse_sampler all[] = {LOAM_DIFFUSE_UNIPC, LOAM_DIFFUSE_DPMPP_2M, LOAM_DIFFUSE_DPMPP_2M_SDE,
                                               LOAM_DIFFUSE_HEUN};
    static loam_levels levels;
    float output[N];
    loam_levels_ddpm(&levels, LOAM_PREDICTION_EPS, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        loam_err err = {0};
        loam_sigmas sigmas;
        loam_diffuse_input in;
        loam_diffuse *d;
        loam_sigmas_options so = {.schedule = LOAM_SCHEDULE_MULTISTEP, .n_steps = 4};
        ok(loam_sigmas_new(&levels, &so, &sigmas, &err), &err);
        loam_diffuse_options o = loam_diffuse_defaults();
        o.sampler = all[k];
        o.levels = &levels;
        o.sigmas = &sigmas;
        o.n = N;
        for (int parts = 7; parts <= 8; parts++) { /* where the sampler's memory will be */
            float *poison = malloc((size_t)parts * N * sizeof *poison);
            assert_non_null(poison);
            memset(poison, 0xff, (size_t)parts * N * sizeof *poison);
            free(poison);
        }
        ok(loam_diffuse_new(&o, &d, &err), &err);
        while (loam_diffuse_next(d, &in)) {
            memcpy(output, in.x, sizeof output);
            ok(loam_diffuse_give(d, output, &err), &err);
        }
        for (int i = 0; i < N; i++)
            assert_true(isfinite(loam_diffuse_latent(d)[i]));
        loam_diffuse_free(d);
        loam_sigmas_free(&sigmas);
    }
}
