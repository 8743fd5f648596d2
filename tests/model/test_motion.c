/* AnimateDiff's motion modules on the tiny Stable Diffusion against diffusers (tests/golden/make/pictures_motion.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unet_case.h"

#define SD15 PICTURES "sd15"
#define MOTION PICTURES "animatediff/"
#define ADAPTER MOTION "motion_adapter/diffusion_pytorch_model.safetensors"

/* Its structure; of a single file without configuration heads and groups are known from here only. */
static loam_unet_params params(void)
{
    loam_err err = {0};
    loam_unet_params p;
    unet_case c = unet_case_new(SD15, MOTION "motion_adapter", MOTION "golden.safetensors", 1);
    ok(loam_unet_read(c.weights, &p, &err), &err);
    unet_case_free(&c);
    return p;
}

static void compare(const unet_case *c, const loam_unet_params *p, const char *prefix)
{
    char name[64];
    int64_t n;
    float *out = unet_case_run(c, p, prefix, 0, &n, NULL);
    snprintf(name, sizeof name, "%s.out.sample", prefix);
    golden_compare(c->golden, name, out, n, TIMES);
    free(out);
}

static void structure(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_unet_params p = params();
    assert_int_equal(p.motion.max_frames, 16);
    assert_int_equal(p.motion.n_heads, 2);
    unet_case c = unet_case_new(SD15, NULL, MOTION "golden.safetensors", 1);
    ok(loam_unet_read(c.weights, &p, &err), &err);
    assert_int_equal(p.motion.max_frames, 0);
    unet_case_free(&c);
}

/* Where the first difference to the reference comes in: the outputs of the net are in the order of these indices. */
static void stages(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int output;
        int64_t c, h, w;
    } at[] = {
        {"a.out.conv_in", 0, 6, 9, 7}, {"a.out.down.0.motion.0", 1, 6, 9, 7}, {"a.out.down.0", 3, 6, 5, 4},
        {"a.out.down.1", 6, 10, 3, 2}, {"a.out.down.3", 12, 10, 2, 1},        {"a.out.mid", 14, 10, 2, 1},
        {"a.out.up.0", 18, 10, 3, 2},  {"a.out.up.1", 22, 10, 5, 4},          {"a.out.up.3", 30, 6, 9, 7},
    };
    enum { FRAMES = 4, N_OUTPUTS = 32 };
    loam_unet_params p = params();
    p.stages = true;
    unet_case c = unet_case_new(SD15, MOTION "motion_adapter", MOTION "golden.safetensors", 2);
    loam_net net;
    int64_t n;
    float *out = unet_case_run(&c, &p, "a", 0, &n, &net);
    assert_int_equal(net.n_out, N_OUTPUTS);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        float planes[FRAMES * 6 * 9 * 7];
        const int64_t hw = at[i].h * at[i].w, size = FRAMES * at[i].c * hw;
        assert_true((size_t)size <= sizeof planes / sizeof *planes);
        loam_planes_from_rows(loam_net_out(&net, at[i].output), FRAMES, at[i].c, hw, planes);
        golden_compare(c.golden, at[i].name, planes, size, TIMES);
    }
    golden_compare(c.golden, "a.out.sample", out, n, TIMES);
    free(out);
    loam_net_free(&net);
    unet_case_free(&c);
}

/* One clip and two, from diffusers' names and from the original ones; one thread or two: the same bits. */
static void sources(void **state)
{
    (void)state;
    static const char *const base[] = {SD15, SD15 "/original.safetensors"};
    static const char *const motion[] = {MOTION "motion_adapter", MOTION "original.safetensors"};
    loam_unet_params p = params();
    float *first = NULL;
    for (int i = 0; i < 4; i++) {
        unet_case c = unet_case_new(base[i % 2], motion[i / 2], MOTION "golden.safetensors", 1 + i % 2);
        int64_t n;
        compare(&c, &p, "a");
        float *out = unet_case_run(&c, &p, "b", 0, &n, NULL);
        golden_compare(c.golden, "b.out.sample", out, n, TIMES);
        if (first)
            assert_memory_equal(first, out, (size_t)n * sizeof *out);
        else
            first = out;
        if (first != out)
            free(out);
        unet_case_free(&c);
    }
    free(first);
}

/* A file without tables: the positions are those that diffusers computes. */
static void computed_positions(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_unet_params p = params(), read;
    copy_tensors(ADAPTER, scratch_path(0), ".pe", NULL);
    unet_case c = unet_case_new(SD15, scratch_path(0), MOTION "golden.safetensors", 2);
    assert_false(loam_weights_has(c.weights, "motion.mid_block.motion_modules.0.transformer_blocks.0.pos_embed."));
    ok(loam_unet_read(c.weights, &read, &err), &err);
    assert_int_equal(read.motion.max_frames, 32);
    compare(&c, &p, "a");
    compare(&c, &p, "b");
    unet_case_free(&c);
}

/* Pictures of the same store know nothing of motion. */
static void pictures(void **state)
{
    (void)state;
    loam_unet_params p = params();
    unet_case c = unet_case_new(SD15, MOTION "motion_adapter", SD15 "/golden.safetensors", 2);
    compare(&c, &p, "a");
    unet_case_free(&c);
}

static void mute_middle(const char *name, char *shape, float *x, size_t n)
{
    (void)shape;
    if (strstr(name, "mid_block.motion_modules.0.proj_out."))
        memset(x, 0, n * sizeof *x);
}

/* The first and the third generation have no module in the middle: the same as one that adds nothing. */
static void no_middle(void **state)
{
    (void)state;
    loam_unet_params p = params();
    float *out[2];
    int64_t n;
    copy_tensors(ADAPTER, scratch_path(0), NULL, mute_middle);
    copy_tensors(ADAPTER, scratch_path(1), "mid_block.", NULL);
    for (int i = 0; i < 2; i++) {
        unet_case c = unet_case_new(SD15, scratch_path(i), MOTION "golden.safetensors", 2);
        out[i] = unet_case_run(&c, &p, "a", 0, &n, NULL);
        unet_case_free(&c);
    }
    const double most = 1e-5;
    for (int64_t i = 0; i < n; i++)
        assert_true(out[0][i] - out[1][i] <= most && out[1][i] - out[0][i] <= most);
    unet_case c = unet_case_new(SD15, MOTION "motion_adapter", MOTION "golden.safetensors", 2);
    float *with = unet_case_run(&c, &p, "a", 0, &n, NULL), apart = 0;
    for (int64_t i = 0; i < n; i++)
        apart = with[i] - out[0][i] > apart ? with[i] - out[0][i] : apart;
    assert_true(apart > 1e-3f); /* else the module in the middle does nothing anyway */
    unet_case_free(&c);
    free(with);
    free(out[0]);
    free(out[1]);
}

static void misshape(const char *name, char *shape, float *x, size_t n)
{
    (void)x;
    if (strcmp(name, "up_blocks.2.motion_modules.1.transformer_blocks.0.attn2.to_v.weight") == 0)
        sprintf(shape, "[%zu,5]", n / 5);
}

static void refused(const char *motion, int64_t frames, const char *const says[2])
{
    loam_err err = {0};
    loam_net net;
    loam_unet_params p = params();
    unet_case c = unet_case_new(SD15, motion, MOTION "golden.safetensors", 1);
    if (!motion)
        p.motion.max_frames = 0;
    assert_int_not_equal(loam_unet_motion_net(c.store, &p, 1, frames, 8, 8, 77, &net, &err), LOAM_OK);
    for (int i = 0; i < 2; i++)
        if (!strstr(err.msg, says[i]))
            fail_msg("'%s' does not say '%s'", err.msg, says[i]);
    assert_null(net.program);
    unet_case_free(&c);
}

static void refusals(void **state)
{
    (void)state;
    refused(NULL, 4, (const char *const[]){"motion module", "AnimateDiff"});
    refused(MOTION "motion_adapter", 17, (const char *const[]){"17 frames", "16"});
    refused(MOTION "motion_adapter", 0, (const char *const[]){"0 frames", "16"});
    copy_tensors(ADAPTER, scratch_path(0), "down_blocks.1.motion_modules.1.transformer_blocks.0.attn1.to_k.weight",
                 NULL);
    refused(scratch_path(0), 4,
            (const char *const[]){"motion.down_blocks.1.motion_modules.1.transformer_blocks.0.attn1.to_k.weight",
                                  "missing"});
    copy_tensors(ADAPTER, scratch_path(0), NULL, misshape);
    refused(scratch_path(0), 4,
            (const char *const[]){"motion.up_blocks.2.motion_modules.1.transformer_blocks.0.attn2.to_v.weight",
                                  "shape [20, 5]"});
    /* a module for a UNet of fewer levels (SDXL's) */
    copy_tensors(ADAPTER, scratch_path(0), "down_blocks.3.", NULL);
    refused(scratch_path(0), 4, (const char *const[]){"motion.down_blocks.3.motion_modules.0.", "missing"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure),          cmocka_unit_test(stages),   cmocka_unit_test(sources),
        cmocka_unit_test(computed_positions), cmocka_unit_test(pictures), cmocka_unit_test(no_middle),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("motion modules", tests, NULL, scratch_remove);
}
