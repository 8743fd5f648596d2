/* Tiles of the VAE, what a mask keeps, hires as two passes. */
#include "test_image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
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
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
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
        loam_image_result out = made_by(m, &r), all;
        int changed = 0;
        for (int i = 0; i < PIXELS; i++) {
            bool same = memcmp(out.pictures[0].pixels + i * 3, start.pixels + i * 3, 3) == 0;
            assert_true(mask[i] || same);
            changed += !same;
        }
        assert_true(changed > 100);
        loam_image_result_free(&out);
        r.mask = full;
        all = made_by(m, &r);
        if (kind != 1) /* at full strength a masked picture starts from noise alone */
            expect_same(m, &plain, &all);
        r.mask = soft;
        out = made_by(m, &r);
        for (int i = 0; i < PIXELS * 3; i++) {
            double mixed = (start.pixels[i] * 115 + all.pictures[0].pixels[i] * 140) / 255.0;
            assert_true(fabs(mixed - out.pictures[0].pixels[i]) <= 0.5);
        }
        loam_image_result_free(&all);
        loam_image_result_free(&out);
        r.mask = none;
        out = made_by(m, &r);
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
        loam_image_model *m = xl ? model_open(PICTURES "sdxl", 2, NULL) : model_open(PICTURES "sd15", 2, NULL);
        loam_image_request r = request(), first = request(), second = request();
        r.sampler = first.sampler = second.sampler = LOAM_DIFFUSE_EULER_A;
        r.seed = first.seed = second.seed = 77;
        r.hires = 1.5f; /* 10.5 and 7.5 latent positions: 11 and 8 */
        r.hires_strength = second.strength = 0.6f;
        r.hires_steps = second.steps = 5;
        loam_image_result out = made_by(m, &r), small = made_by(m, &first), again;
        loam_image_rgb large;
        assert_int_equal(out.pictures[0].width, 88);
        assert_int_equal(out.pictures[0].height, 64);
        ok(loam_image_resize(&small.pictures[0], 88, 64, &large, &err), &err);
        second.width = 0; /* the picture's own size */
        second.height = 0;
        second.start = &large;
        again = made_by(m, &second);
        same_picture(&out.pictures[0], &again.pictures[0]);
        free(large.pixels);
        loam_image_result_free(&out);
        loam_image_result_free(&small);
        loam_image_result_free(&again);
        loam_image_model_close(m);
    }
}

/* 0 and 1 are the same, whatever the negative prompt is. */
void guidance_of_none(void **state)
{
    (void)state;
    loam_image_model *m = model_open(PICTURES "sd15", 2, NULL);
    loam_image_request r = request();
    r.guidance = 1;
    loam_image_result none = made_by(m, &r);
    r.guidance = 0;
    expect_same(m, &r, &none);
    r.negative = "a red cat";
    expect_same(m, &r, &none);
    r.guidance = 1.5f;
    loam_image_result some = made_by(m, &r);
    assert_int_not_equal(difference(&some.pictures[0], &none.pictures[0]), 0);
    loam_image_result_free(&some);
    loam_image_result_free(&none);
    loam_image_model_close(m);
}
