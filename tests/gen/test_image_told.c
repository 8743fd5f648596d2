/* What a watcher is told, and being cancelled at any moment. */
#include "test_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    r.start = &start;
    r.n = 2;
    r.hires = 1.2f;
    loam_image_result whole = made_by(m, &r);
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
    /* before the text; each picture's encoding, 3 and 2 evaluations, pixels, in both passes */
    assert_true(moments >= 1 + 2 * (1 + 3 + 1) + 2 * (1 + 2 + 1));
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
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
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
        loam_image_result plain = made_by(m, &r);
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
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
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
