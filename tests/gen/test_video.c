/* Clips from prompt to frames against diffusers' pipelines, on the tiny models of tests/golden/pictures: the same seed
 * gives the same frames. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../model/golden.h"
#include "gen/video.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"

static void ok(loam_status st, const loam_err *err)
{
    if (st != LOAM_OK)
        fail_msg("%s", err->msg);
}

/* got against planes [3][frames][height][width] of -1 … 1: bytes may differ by a rounding. */
static void same_frames(const float *planes, const loam_image_rgb *got, int n_frames, int frame, int n_got)
{
    int64_t hw = (int64_t)got->width * got->height;
    for (int f = 0; f < n_got; f++)
        for (int64_t i = 0; i < hw; i++)
            for (int c = 0; c < 3; c++) {
                float want = (planes[(c * n_frames + frame + f) * hw + i] * 0.5f + 0.5f) * 255.0f;
                want = fminf(fmaxf(want, 0), 255);
                if (fabsf(want - (float)got[f].pixels[i * 3 + c]) > 0.52f)
                    fail_msg("frame %d, position %lld, channel %d: %d, wanted %.3f", f, (long long)i, c,
                             got[f].pixels[i * 3 + c], (double)want);
            }
}

typedef struct told {
    int calls, last, previews, cancel_at;
} told;

static bool cancelled(void *ctx)
{
    told *t = ctx;
    return t->cancel_at && t->last >= t->cancel_at;
}

static void progress(void *ctx, const char *stage, int step, int n_steps)
{
    told *t = ctx;
    assert_true(step >= 0 && step <= n_steps);
    t->calls++;
    if (strcmp(stage, "steps") == 0)
        t->last = step;
}

static void preview(void *ctx, const loam_image_rgb *picture, int index, int step)
{
    told *t = ctx;
    assert_true(picture->width > 0 && picture->pixels && index == 0 && step > 0);
    t->previews++;
}

static void wan(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_safetensors *golden;
    loam_video_model *m;
    ok(loam_safetensors_open(PICTURES "wan/golden.safetensors", &golden, &err), &err);
    for (int threads = 1; threads <= 2; threads++) {
        loam_video_model_options o = {.n_threads = threads};
        ok(loam_video_model_open(PICTURES "wan", &o, &m, &err), &err);
        loam_video_request r = {.prompt = loam_safetensors_find_metadata(golden, "prompt"),
                                .negative = loam_safetensors_find_metadata(golden, "negative_prompt"),
                                .width = 32,
                                .height = 16,
                                .frames = 9,
                                .steps = 5,
                                .guidance = 6,
                                .shift = 3};
        loam_video_result made;
        told t = {0};
        loam_image_watch w = {&t, cancelled, progress, preview, 2};
        ok(loam_video_generate(m, &r, &w, &made, &err), &err);
        assert_int_equal(t.previews, 2); /* after the second and the fourth of five steps */
        assert_int_equal(made.n_frames, 9);
        same_frames(golden_f32(golden, "unipc.out.pixels", NULL), made.frames, 9, 0, 9);
        loam_video_result_free(&made);
        loam_video_model_close(m);
    }
    loam_safetensors_close(golden);
}

/* In tiles a clip is the same but for a little near the seams (here the VAE's attention sees less, too). */
static void tiles(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_video_model *m;
    loam_video_result made[3];
    ok(loam_video_model_open(PICTURES "wan", &(loam_video_model_options){.n_threads = 1}, &m, &err), &err);
    for (int i = 0; i < 3; i++) {
        loam_video_request r = {.prompt = "a red kite", .width = 160, .height = 96, .frames = 5, .steps = 1};
        r.tile = i == 1 ? 8 : -1;
        r.seed = i == 2;
        ok(loam_video_generate(m, &r, NULL, &made[i], &err), &err);
    }
    const size_t n = (size_t)made[0].width * (size_t)made[0].height * 3;
    double off[3] = {0};
    for (int f = 0; f < 5; f++)
        for (int i = 1; i < 3; i++)
            for (size_t j = 0; j < n; j++)
                off[i] += abs(made[0].frames[f].pixels[j] - made[i].frames[f].pixels[j]);
    if (!(off[1] > 0 && off[1] * 4 < off[2]))
        fail_msg("in tiles %g apart, with another seed %g", off[1] / (double)(5 * n), off[2] / (double)(5 * n));
    for (int i = 0; i < 3; i++)
        loam_video_result_free(&made[i]);
    loam_video_model_close(m);
}

static void motion(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_safetensors *golden;
    loam_video_model *m;
    ok(loam_safetensors_open(PICTURES "animatediff/golden.safetensors", &golden, &err), &err);
    static const char *const modules[] = {PICTURES "animatediff/motion_adapter",
                                          PICTURES "animatediff/original.safetensors"};
    for (int i = 0; i < 1; i++) {
        loam_video_model_options o = {.n_threads = 2, .motion = modules[i]};
        ok(loam_video_model_open(PICTURES "sd15", &o, &m, &err), &err);
        loam_video_request r = {.prompt = loam_safetensors_find_metadata(golden, "prompt"),
                                .negative = loam_safetensors_find_metadata(golden, "negative_prompt"),
                                .width = 56,
                                .height = 40,
                                .frames = 5,
                                .steps = 2,
                                .guidance = 7.5f,
                                .sampler_given = true,
                                .sampler = LOAM_DIFFUSE_DDIM,
                                .schedule = LOAM_SCHEDULE_LEADING};
        loam_video_result made;
        told t = {0};
        loam_image_watch w = {&t, cancelled, progress, preview, 1};
        ok(loam_video_generate(m, &r, &w, &made, &err), &err);
        assert_int_equal(made.n_frames, 5);
        assert_int_equal(t.previews, 1); /* after the first of two steps */
        same_frames(golden_f32(golden, "ddim.out.pixels.frame.1", NULL), &made.frames[1], 1, 0, 1);
        loam_video_result_free(&made);
        /* cancelled after a step: an error, and the model goes on working */
        r.steps = 6;
        t = (told){.cancel_at = 2};
        assert_int_equal(loam_video_generate(m, &r, &w, &made, &err), LOAM_STATUS_CANCELLED);
        assert_int_equal(t.last, 2);
        r.steps = 2;
        ok(loam_video_generate(m, &r, NULL, &made, &err), &err);
        same_frames(golden_f32(golden, "ddim.out.pixels.frame.1", NULL), &made.frames[1], 1, 0, 1);
        loam_video_result_free(&made);
        loam_video_model_close(m);
    }
    loam_safetensors_close(golden);
}

/* What cannot be made is refused before any work, with a sentence. */
static void refusals(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_video_model *m;
    loam_video_result made;
    ok(loam_video_model_open(PICTURES "wan", &(loam_video_model_options){.n_threads = 1}, &m, &err), &err);
    static const struct {
        loam_video_request r;
        const char *says;
    } cases[] = {
        {{.width = 24, .height = 16}, "the width of 24: it must be a multiple of 16"},
        {{.width = 32, .height = 8192}, "the height of 8192"},
        {{.width = 32, .height = 16, .frames = 8}, "8 frames: this model makes 1, 5, 9, 13, …; take 9"},
        {{.width = 32, .height = 16, .frames = 4001}, "4001 frames: this model makes 1 to"},
        {{.width = 32, .height = 16, .frames = 9, .fps = 999}, "999 frames a second"},
        {{.width = 32, .height = 16, .frames = 9, .steps = 2000}, "2000 steps"},
        {{.width = 32, .height = 16, .frames = 9, .guidance = -1}, "a guidance of -1"},
        {{.width = 32, .height = 16, .frames = 9, .shift = -2}, "a shift of -2"},
        {{.width = 32, .height = 16, .frames = 9, .quick_decode = true}, "quick decoding wants TAEHV"},
        {{.width = 32, .height = 16, .frames = 9, .tile = 3}, "tiles of 3: it must be at least 8"},
        {{.width = 4096, .height = 4096, .frames = 257}, "take fewer frames or a smaller size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_not_equal(loam_video_generate(m, &cases[i].r, NULL, &made, &err), LOAM_OK);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
    }
    loam_video_model_close(m);
    assert_int_not_equal(loam_video_model_open(PICTURES "sd15", &(loam_video_model_options){0}, &m, &err), LOAM_OK);
    assert_non_null(strstr(err.msg, "--motion"));
    assert_int_not_equal(loam_video_model_open(PICTURES "sdxl", &(loam_video_model_options){0}, &m, &err), LOAM_OK);
    assert_non_null(strstr(err.msg, "no clip model"));
    assert_int_not_equal(loam_video_model_open(PICTURES "nowhere", &(loam_video_model_options){0}, &m, &err), LOAM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wan), cmocka_unit_test(tiles), cmocka_unit_test(motion),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests_name("clips", tests, NULL, NULL);
}
