/* Memory and the types of weights. */
#include "test_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    r.start = &start;
    loam_image_result plain = made_by(m, &r);
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

/* ---- allocations that fail ---- */

/* The linker puts these before Loam's own calls (meson.build). fail_at: the so many-th call from now on fails; 0: none
 * does. */
static long n_calls, fail_at;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
    return __atomic_add_fetch(&n_calls, 1, __ATOMIC_RELAXED) == fail_at;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

/* Opens a model and makes a picture in two passes with an adapter; allocation n fails. */
static loam_status with_failure(long n, const loam_image_request *r, long *calls)
{
    loam_err err = {0};
    loam_image_model *m = NULL;
    loam_image_result out = {0};
    n_calls = 0;
    fail_at = n;
    loam_status st = loam_image_model_open(PICTURES "sdxl", &(loam_image_options){.n_threads = 1}, &m, &err);
    if (st == LOAM_OK)
        st = loam_image_generate(m, r, NULL, &out, &err);
    *calls = n_calls;
    fail_at = 0;
    if (st != LOAM_OK && st != LOAM_STATUS_NO_MEMORY)
        fail_msg("allocation %ld fails: status %d '%s'", n, (int)st, err.msg);
    if (st != LOAM_OK && m) { /* the model goes on */
        assert_null(out.pictures);
        out = made_by(m, r);
    }
    loam_image_result_free(&out);
    loam_image_model_close(m);
    return st;
}

/* Whichever allocation fails, the request does, with its status; nothing leaks (ASan), and the next one succeeds. */
void no_memory(void **state)
{
    (void)state;
    enum { RUNS = 30 };
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    long calls, unused;
    r.steps = 2;
    r.start = &start;
    r.hires = 1.2f;
    r.loras = &(loam_image_lora){PICTURES "lora/sdxl.kohya.safetensors", 0.5f};
    r.n_loras = 1;
    assert_int_equal(with_failure(0, &r, &calls), LOAM_OK);
    int refusals = 0;
    for (long n = 1; n <= calls; n += n < 40 ? 3 : calls / RUNS + 1)
        refusals += with_failure(n, &r, &unused) == LOAM_STATUS_NO_MEMORY;
    assert_true(refusals > RUNS / 2);
    free(start.pixels);
}

/* Weights of other types make nearly the same latent: these have eight bits, so that only sums differ. */
void types(void **state)
{
    (void)state;
    static const char *const names[] = {"f32", "F16", "bf16", "q8_0"};
    loam_image_request r = request();
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
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
