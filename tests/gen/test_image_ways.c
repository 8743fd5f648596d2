/* What holds of pictures whatever the weights are: the same bits by any number of threads, alone and among others,
 * after anything else; what a mask keeps; hires as two passes; being cancelled at any moment. */
#include "test_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static loam_image_model *sd15(void)
{
    return model_open(PICTURES "sd15", 2, NULL);
}

static loam_image_result once(loam_image_model *m, const loam_image_request *r)
{
    return make(m, r, NULL);
}

static void expect_same(loam_image_model *m, const loam_image_request *r, const loam_image_result *wanted)
{
    loam_image_result got = once(m, r);
    assert_int_equal(got.n, wanted->n);
    for (int i = 0; i < got.n; i++)
        same_picture(&got.pictures[i], &wanted->pictures[i]);
    loam_image_result_free(&got);
}

static float *wave(int64_t h, int64_t w)
{
    float *z = malloc((size_t)(4 * h * w) * sizeof *z);
    assert_non_null(z);
    for (int64_t c = 0; c < 4; c++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++)
                z[(c * h + y) * w + x] = sinf(0.11f * (float)x + 0.07f * (float)((c + 1) * y) + (float)c) * 0.3f;
    return z;
}

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
        loam_image_result got = once(m, &r);
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
    loam_image_model *m = sd15();
    loam_image_rgb start = start_picture();
    uint8_t *mask = start_mask();
    for (int kind = 0; kind < 3; kind++) {
        loam_image_request r = request(), one;
        r.sampler = LOAM_DIFFUSE_EULER_A;
        r.schedule = LOAM_SCHEDULE_KARRAS;
        r.seed = UINT64_C(0xfffffffe); /* the CPU generator's seeds wrap here, sums must not */
        r.n = 3;
        r.noise_cuda = kind == 1;
        if (kind == 2) {
            r.start = &start;
            r.mask = mask;
            r.hires = 0;
        }
        one = r;
        one.n = 1;
        loam_image_result all = once(m, &r);
        for (int i = 0; i < r.n; i++) {
            one.seed = r.seed + (uint64_t)i;
            loam_image_result single = once(m, &one);
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
    loam_image_result before = once(m, &r);
    for (int kind = 0; kind < 3; kind++) {
        other.quick_decode = kind == 1;
        other.hires = kind == 2 ? 1.4f : 0;
        other.hires_strength = 0.5f;
        loam_image_result between = once(m, &other);
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
    loam_image_model *m = sd15();
    loam_image_request plain = request(), with = request(), half = request(), broken = request();
    loam_image_lora lora = {LORA, 0.7f}, weak = {LORA, 0.35f};
    loam_image_lora two[2] = {{LORA, 0.7f}, {PICTURES "lora/absent.safetensors", 1}};
    with.loras = &lora;
    half.loras = &weak;
    broken.loras = two;
    with.n_loras = half.n_loras = 1;
    broken.n_loras = 2;
    loam_image_result a = once(m, &plain), b = once(m, &with), c = once(m, &half);
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

/* ---- what is told ---- */

typedef struct told {
    int asked, cancel_at; /* cancelled when asked for the so many-th time */
    char stage[8][16];
    int first[8], last[8], total[8], n_stages;
    int n_previews, step_of[64], index_of[64], width, height;
} told;

static bool told_cancelled(void *ctx)
{
    told *t = ctx;
    return ++t->asked == t->cancel_at;
}

static void told_progress(void *ctx, const char *stage, int step, int n_steps)
{
    told *t = ctx;
    int i = t->n_stages - 1;
    if (i < 0 || strcmp(t->stage[i], stage) != 0) {
        i = t->n_stages++;
        assert_true(i < 8);
        snprintf(t->stage[i], sizeof t->stage[i], "%s", stage);
        t->first[i] = step;
        t->total[i] = n_steps;
    } else {
        assert_true(step == t->last[i] || step == t->last[i] + 1);
        assert_int_equal(n_steps, t->total[i]);
    }
    t->last[i] = step;
}

static void told_preview(void *ctx, const loam_image_rgb *picture, int index, int step)
{
    told *t = ctx;
    assert_true(t->n_previews < 64);
    t->index_of[t->n_previews] = index;
    t->step_of[t->n_previews++] = step;
    t->width = picture->width;
    t->height = picture->height;
    int sum = 0;
    for (int i = 0; i < picture->width * picture->height * 3; i++)
        sum += picture->pixels[i];
    assert_true(sum >= 0);
}

static loam_image_watch watch_of(told *t)
{
    return (loam_image_watch){.ctx = t, .cancelled = told_cancelled, .progress = told_progress};
}

/* Cancelled at every moment at which it asks: the status says so, nothing is left, and the model goes on. */
void cancelling(void **state)
{
    (void)state;
    loam_image_model *m = sd15();
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    r.start = &start;
    r.n = 2;
    r.hires = 1.2f;
    loam_image_result whole = once(m, &r);
    int moments = 0;
    for (;; moments++) {
        loam_err err = {0};
        loam_image_result out;
        told t = {.cancel_at = moments + 1};
        loam_image_watch w = watch_of(&t);
        loam_status st = loam_image_generate(m, &r, &w, &out, &err);
        if (st == LOAM_OK) {
            loam_image_result_free(&out);
            break;
        }
        assert_int_equal(st, LOAM_STATUS_CANCELLED);
        assert_null(out.pictures);
        assert_int_equal(out.n, 0);
    }
    assert_true(moments > 2 * 3 + 2 * 2); /* each evaluation of each picture, and around them */
    expect_same(m, &r, &whole);
    loam_image_result_free(&whole);
    loam_image_model_close(m);
    free(start.pixels);
}

static void expect_stage(const told *t, int i, const char *stage, int total)
{
    assert_string_equal(t->stage[i], stage);
    assert_int_equal(t->first[i], 0);
    assert_int_equal(t->last[i], total);
    assert_int_equal(t->total[i], total);
}

void progress_told(void **state)
{
    (void)state;
    loam_image_model *m = sd15();
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    told t = {0};
    loam_image_watch w = watch_of(&t);
    r.sampler = LOAM_DIFFUSE_HEUN; /* two evaluations a step, one in the last */
    r.n = 2;
    r.hires = 2;
    loam_image_result out = make(m, &r, &w);
    loam_image_result_free(&out);
    assert_int_equal(t.n_stages, 5);
    expect_stage(&t, 0, "text", 1);
    expect_stage(&t, 1, "steps", 7);
    expect_stage(&t, 2, "decode", 2);
    expect_stage(&t, 3, "hires", 3); /* int(4 · 0.55) = 2 steps */
    expect_stage(&t, 4, "decode", 2);
    t = (told){0};
    r = request();
    r.start = &start;
    r.steps = 10;
    r.strength = 0.7f; /* 7 steps, though 10 · 0.7f is less */
    out = make(m, &r, &w);
    loam_image_result_free(&out);
    assert_int_equal(t.n_stages, 3);
    expect_stage(&t, 1, "steps", 7);
    expect_stage(&t, 2, "decode", 1);
    t = (told){0};
    r = request();
    r.width = r.height = 128;
    r.steps = 1;
    r.tile = 8; /* 16 by steps of 6: three along each side */
    out = make(m, &r, &w);
    loam_image_result_free(&out);
    expect_stage(&t, 2, "decode", 9);
    loam_image_model_close(m);
    free(start.pixels);
}

void previews(void **state)
{
    (void)state;
    for (int quick = 0; quick < 2; quick++) {
        loam_image_model *m = model_open(PICTURES "sd15", 2, quick ? TAESD : NULL);
        loam_image_request r = request();
        r.n = 2;
        loam_image_result plain = once(m, &r);
        for (int every = 1; every <= 3; every++) {
            told t = {0};
            loam_image_watch w = watch_of(&t);
            w.preview = told_preview;
            w.preview_every = every;
            loam_image_result out = make(m, &r, &w);
            for (int i = 0; i < 2; i++)
                same_picture(&out.pictures[i], &plain.pictures[i]); /* looking changes nothing */
            loam_image_result_free(&out);
            assert_int_equal(t.n_previews, every == 1 ? 6 : 2);
            for (int i = 0; i < t.n_previews; i++) {
                assert_int_equal(t.index_of[i], i % 2);
                assert_int_equal(t.step_of[i], every * (i / 2 + 1));
            }
            assert_int_equal(t.width, quick ? WIDTH : WIDTH / 8);
            assert_int_equal(t.height, quick ? HEIGHT : HEIGHT / 8);
        }
        loam_image_result_free(&plain);
        loam_image_model_close(m);
    }
}

/* ---- pixels ---- */

static loam_image_rgb decoded(loam_image_model *m, const float *z, int64_t h, int64_t w, int tile)
{
    loam_err err = {0};
    loam_image_rgb out;
    ok(loam_image_decode(m, z, h, w, tile, false, NULL, &out, &err), &err);
    return out;
}

/* Columns [x0, x0 + n) of a latent [4][h][w], decoded by themselves. */
static loam_image_rgb decoded_columns(loam_image_model *m, const float *z, int64_t h, int64_t w, int64_t x0, int64_t n)
{
    float *part = malloc((size_t)(4 * h * n) * sizeof *part);
    assert_non_null(part);
    for (int64_t i = 0; i < 4 * h; i++)
        memcpy(part + i * n, z + i * w + x0, (size_t)n * sizeof *part);
    loam_image_rgb out = decoded(m, part, h, n, 0);
    free(part);
    return out;
}

/* The picture of a row of tiles is each tile decoded by itself where no other lies, and goes over from one to the next
 * in a straight line where two do, so that there is no seam: a step from pixel to pixel is no larger than the tiles'
 * own, and their difference by the width of the ramp. A tile that holds all is the whole picture. */
void tiles(void **state)
{
    (void)state;
    enum { TILE = 16, STEP = 12, N = 3, H = 16, W = TILE + (N - 1) * STEP, RAMP = (TILE - STEP) * 8 };
    loam_image_model *m = sd15();
    float *z = wave(H, W);
    loam_image_rgb whole = decoded(m, z, H, W, 0), same = decoded(m, z, H, W, W), tiled = decoded(m, z, H, W, TILE);
    loam_image_rgb part[N];
    same_picture(&whole, &same);
    assert_int_not_equal(difference(&whole, &tiled), 0);
    for (int k = 0; k < N; k++)
        part[k] = decoded_columns(m, z, H, W, k * STEP, TILE);
    int n_mixed = 0;
    for (int y = 0; y < H * 8; y++)
        for (int x = 0; x < W * 8; x++) {
            int k = x / (STEP * 8) < N - 1 ? x / (STEP * 8) : N - 1, at = x - k * STEP * 8;
            const uint8_t *got = tiled.pixels + (y * W * 8 + x) * 3, *b = part[k].pixels + (y * TILE * 8 + at) * 3;
            if (k == 0 || at >= RAMP) {
                assert_memory_equal(got, b, 3);
                continue;
            }
            const uint8_t *a = part[k - 1].pixels + (y * TILE * 8 + at + STEP * 8) * 3;
            double share = (at + 0.5) / RAMP;
            for (int c = 0; c < 3; c++) {
                if (a[c] == 0 || a[c] == 255 || b[c] == 0 || b[c] == 255) /* cut off before they were mixed */
                    continue;
                n_mixed++;
                assert_true(fabs((1 - share) * a[c] + share * b[c] - got[c]) <= 1);
            }
        }
    assert_true(n_mixed > (N - 1) * H * 8 * RAMP); /* a third of them */
    for (int k = 0; k < N; k++)
        free(part[k].pixels);
    free(whole.pixels);
    free(same.pixels);
    free(tiled.pixels);
    free(z);

    /* sides that tiles do not divide, in both directions: the last ones overlap more, and nothing is left out */
    z = wave(23, 37);
    for (int tile = 8; tile <= 32; tile += 8) {
        tiled = decoded(m, z, 23, 37, tile);
        int64_t black = 0;
        for (int64_t i = 0; i < 23 * 37 * 64; i++)
            black += !tiled.pixels[i * 3] && !tiled.pixels[i * 3 + 1] && !tiled.pixels[i * 3 + 2];
        assert_true(black < 23 * 37 * 64 / 20);
        free(tiled.pixels);
    }
    free(z);
    loam_image_model_close(m);
}

void masks(void **state)
{
    (void)state;
    loam_image_model *m = sd15();
    loam_image_rgb start = start_picture();
    uint8_t *mask = start_mask(), full[PIXELS], none[PIXELS] = {0}, soft[PIXELS];
    loam_image_request r = request(), plain = request();
    memset(full, 255, sizeof full);
    memset(soft, 140, sizeof soft);
    r.start = plain.start = &start;
    for (int kind = 0; kind < 3; kind++) { /* some strength, all of it, and by a sampler with noise of its own */
        r.strength = plain.strength = kind == 1 ? 1 : 0.5f;
        r.sampler = plain.sampler = kind == 2 ? LOAM_DIFFUSE_DPMPP_2M_SDE : LOAM_DIFFUSE_DDIM;
        r.mask = mask;
        loam_image_result out = once(m, &r), all;
        int changed = 0;
        for (int i = 0; i < PIXELS; i++) {
            bool same = memcmp(out.pictures[0].pixels + i * 3, start.pixels + i * 3, 3) == 0;
            assert_true(mask[i] || same);
            changed += !same;
        }
        assert_true(changed > 100);
        loam_image_result_free(&out);
        r.mask = full;
        all = once(m, &r);
        if (kind != 1) /* at full strength a masked picture starts from noise alone */
            expect_same(m, &plain, &all);
        r.mask = soft;
        out = once(m, &r);
        for (int i = 0; i < PIXELS * 3; i++) {
            double mixed = (start.pixels[i] * 115 + all.pictures[0].pixels[i] * 140) / 255.0;
            assert_true(fabs(mixed - out.pictures[0].pixels[i]) <= 0.5);
        }
        loam_image_result_free(&all);
        loam_image_result_free(&out);
        r.mask = none;
        out = once(m, &r);
        same_picture(&out.pictures[0], &start);
        loam_image_result_free(&out);
    }
    loam_image_model_close(m);
    free(start.pixels);
    free(mask);
}

/* The second pass is image to image of the first picture, enlarged; SDXL is told the new size. */
void hires_is_image_to_image(void **state)
{
    (void)state;
    for (int xl = 0; xl < 2; xl++) {
        loam_err err = {0};
        loam_image_model *m = xl ? model_open(PICTURES "sdxl", 2, NULL) : sd15();
        loam_image_request r = request(), first = request(), second = request();
        r.sampler = first.sampler = second.sampler = LOAM_DIFFUSE_EULER_A;
        r.seed = first.seed = second.seed = 77;
        r.hires = 1.5f; /* 10.5 and 7.5 latent positions: 11 and 8 */
        r.hires_strength = second.strength = 0.6f;
        r.hires_steps = second.steps = 5;
        loam_image_result out = once(m, &r), small = once(m, &first), again;
        loam_image_rgb large;
        assert_int_equal(out.pictures[0].width, 88);
        assert_int_equal(out.pictures[0].height, 64);
        ok(loam_image_resize(&small.pictures[0], 88, 64, &large, &err), &err);
        second.width = 0; /* the picture's own size */
        second.height = 0;
        second.start = &large;
        again = once(m, &second);
        same_picture(&out.pictures[0], &again.pictures[0]);
        free(large.pixels);
        loam_image_result_free(&out);
        loam_image_result_free(&small);
        loam_image_result_free(&again);
        loam_image_model_close(m);
    }
}

static double distance(const loam_image_rgb *a, const loam_image_rgb *b)
{
    double sum = 0;
    for (int i = 0; i < PIXELS * 3; i++)
        sum += abs(a->pixels[i] - b->pixels[i]);
    return sum / (PIXELS * 3);
}

/* From one step to all of them: more strength leaves less. */
void strengths(void **state)
{
    (void)state;
    static const float values[] = {0.01f, 0.5f, 1};
    loam_image_model *m = sd15();
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    r.start = &start;
    r.steps = 100;
    r.guidance = 1;
    double before = 0;
    loam_image_result out;
    for (int i = 0; i < 3; i++) {
        told t = {0};
        loam_image_watch w = watch_of(&t);
        r.strength = values[i];
        out = make(m, &r, &w);
        assert_int_equal(t.total[1], (int)lround(100 * (double)values[i]));
        double d = distance(&out.pictures[0], &start);
        assert_true(d > before);
        before = d;
        loam_image_result_free(&out);
    }
    loam_image_model_close(m);
    free(start.pixels);
}

/* 0 and 1 are the same, whatever the negative prompt is. */
void guidance_of_none(void **state)
{
    (void)state;
    loam_image_model *m = sd15();
    loam_image_request r = request();
    r.guidance = 1;
    loam_image_result none = once(m, &r);
    r.guidance = 0;
    expect_same(m, &r, &none);
    r.negative = "a red cat";
    expect_same(m, &r, &none);
    r.guidance = 1.5f;
    loam_image_result some = once(m, &r);
    assert_int_not_equal(difference(&some.pictures[0], &none.pictures[0]), 0);
    loam_image_result_free(&some);
    loam_image_result_free(&none);
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
    loam_image_model *m = sd15();
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

/* ---- memory ---- */

static size_t estimate(loam_image_model *m, const loam_image_request *r)
{
    loam_err err = {0};
    size_t bytes;
    ok(loam_image_estimate(m, r, &bytes, &err), &err);
    return bytes;
}

static long resident_pages(void)
{
    long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident;
}

/* Less memory than all nets at once: they go when their work is done. Less than the decoder: tiles. Less than that: a
 * sentence. The picture is the same, but for the tiles. */
void lean_memory(void **state)
{
    (void)state;
    loam_image_model *m = sd15();
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    r.start = &start;
    loam_image_result plain = once(m, &r);
    size_t all = estimate(m, &r);
    assert_true(all > 1000000);
    m->most_bytes = all;
    expect_same(m, &r, &plain);
    assert_false(m->lean);
    assert_non_null(m->nets[LOAM_IMAGE_UNET].net.program);
    m->most_bytes = all - 1;
    expect_same(m, &r, &plain);
    assert_true(m->lean);
    for (int i = 0; i < LOAM_IMAGE_PARTS; i++)
        assert_null(m->nets[i].net.program);
    size_t lean = estimate(m, &r);
    assert_true(lean < all);
    m->most_bytes = lean;
    expect_same(m, &r, &plain);
    m->most_bytes = lean - 1;
    refused(m, &r, LOAM_STATUS_TOO_LARGE, "1 picture of 56 x 40 needs 0.0 GB");
    m->most_bytes = 0;
    expect_same(m, &r, &plain);
    loam_image_result_free(&plain);

    r = request();
    r.width = 64 * 8;
    r.height = 40 * 8;
    r.steps = 1;
    size_t whole = estimate(m, &r);
    r.tile = 32;
    m->most_bytes = 1; /* lean: the decoder's alone */
    loam_err err = {0};
    size_t bytes;
    int tile;
    assert_int_equal(loam_image_plan(m, &r, r.width, r.height, 77, false, false, &tile, &bytes, &err),
                     LOAM_STATUS_TOO_LARGE);
    assert_true(bytes < whole);
    r.tile = 0;
    m->most_bytes = bytes;
    ok(loam_image_plan(m, &r, r.width, r.height, 77, false, false, &tile, &bytes, &err), &err);
    assert_int_equal(tile, 32);
    r.tile = -1;
    refused(m, &r, LOAM_STATUS_TOO_LARGE, "take a smaller size");

    /* an estimate takes none of it */
    m->most_bytes = 0;
    r = request();
    r.width = r.height = 4096;
    r.n = 64;
    r.tile = -1;
    long before = resident_pages();
    if (loam_image_estimate(m, &r, &bytes, &err) == LOAM_OK)
        assert_true(bytes > (size_t)1 << 30);
    assert_true((resident_pages() - before) * sysconf(_SC_PAGESIZE) < 64 << 20);
    loam_image_model_close(m);
    free(start.pixels);
}

/* Weights of other types make nearly the same latent: these have eight bits, so that only sums differ. */
void types(void **state)
{
    (void)state;
    static const char *const names[] = {"f32", "F16", "bf16", "q8_0"};
    loam_image_request r = request();
    loam_image_model *m = sd15();
    float *want = latents(m, &r);
    loam_image_model_close(m);
    for (int k = 0; k < 4; k++) {
        loam_err err = {0};
        ok(loam_image_model_open(PICTURES "sd15", &(loam_image_options){.n_threads = 2, .type = names[k]}, &m, &err),
           &err);
        float *got = latents(m, &r);
        double worst = 0, most = 0;
        for (int i = 0; i < LATENT; i++) {
            worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
            most = fmax(most, fabs((double)want[i]));
        }
        if (!(worst <= (k == 0 ? 0 : 0.03) * most))
            fail_msg("%s: off by %.2g of the largest", names[k], worst / most);
        free(got);
        loam_image_model_close(m);
    }
    free(want);
}
