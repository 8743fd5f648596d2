/* LoRA adapters and LCM's guidance on the tiny Stable Diffusions against diffusers
 * (tests/golden/make/pictures_lora.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/clip.h"
#include "unet_case.h"

#define LORA PICTURES "lora/"
#define STRENGTH 0.7f

static loam_safetensors *golden_open(const char *path)
{
    loam_err err = {0};
    loam_safetensors *st = NULL;
    ok(loam_safetensors_open(path, &st, &err), &err);
    return st;
}

/* The base models by the names of diffusers and by the original ones. */
typedef struct base {
    const char *name, *sources[2], *golden;
    const char *texts[2], *parts[2]; /* of the golden file; parts of the model */
    int n_texts;
} base;

static const base sd15 = {.name = "sd15",
                          .sources = {PICTURES "sd15", PICTURES "sd15/original.safetensors"},
                          .golden = PICTURES "sd15/golden.safetensors",
                          .texts = {"text"},
                          .parts = {"text_encoder"},
                          .n_texts = 1};
static const base sdxl = {.name = "sdxl",
                          .sources = {PICTURES "sdxl", PICTURES "sdxl/original.safetensors"},
                          .golden = PICTURES "sdxl/golden.safetensors",
                          .texts = {"text1", "text2"},
                          .parts = {"text_encoder", "text_encoder_2"},
                          .n_texts = 2};

typedef struct shape {
    loam_unet_params unet;
    loam_clip_params clip[2];
} shape;

static shape shape_of(const base *b)
{
    loam_err err = {0};
    shape s;
    unet_case c = unet_case_new(b->sources[0], NULL, b->golden, 1);
    ok(loam_unet_read(c.weights, &s.unet, &err), &err);
    for (int i = 0; i < b->n_texts; i++)
        ok(loam_clip_read(c.weights, b->parts[i], &s.clip[i], &err), &err);
    unet_case_free(&c);
    return s;
}

/* The last hidden states of text encoder i, to be freed. */
static float *encode(const unet_case *c, const base *b, const shape *s, int i, int64_t *n)
{
    loam_err err = {0};
    loam_net net;
    char name[64];
    int64_t n_ids;
    const loam_clip_params *p = &s->clip[i];
    snprintf(name, sizeof name, "%s.in.input_ids", b->texts[i]);
    int32_t *ids = golden_ids(c->golden, name, &n_ids);
    ok(loam_clip_net(c->store, p, n_ids / p->n_ctx, 0, false, false, &net, &err), &err);
    ok(loam_clip_run(&net, p, ids, &err), &err);
    *n = n_ids * p->width;
    float *out = malloc((size_t)*n * sizeof *out);
    assert_non_null(out);
    memcpy(out, loam_net_out(&net, 0), (size_t)*n * sizeof *out);
    loam_net_free(&net);
    free(ids);
    return out;
}

/* UNet and text encoders as the golden file has them with the adapter. */
static void compare(const unet_case *c, const base *b, const shape *s)
{
    loam_safetensors *want = golden_open(LORA "golden.safetensors");
    char name[64];
    int64_t n;
    float *out = unet_case_run(c, &s->unet, "b", 0, &n, NULL);
    snprintf(name, sizeof name, "%s.out.sample", b->name);
    golden_compare(want, name, out, n, 1);
    free(out);
    for (int i = 0; i < b->n_texts; i++) {
        out = encode(c, b, s, i, &n);
        snprintf(name, sizeof name, "%s.out.%s.hidden.%d", b->name, b->texts[i], s->clip[i].n_layers);
        golden_compare(want, name, out, n, 1);
        free(out);
    }
    loam_safetensors_close(want);
}

static void add(const unet_case *c, const char *path, float strength)
{
    loam_err err = {0};
    ok(loam_weight_store_add_lora(c->store, path, strength, &err), &err);
}

static void one_adapter(const base *b, const char *file)
{
    shape s = shape_of(b);
    for (int source = 0; source < 2; source++) {
        unet_case c = unet_case_new(b->sources[source], NULL, b->golden, 1 + source);
        add(&c, file, STRENGTH);
        compare(&c, b, &s);
        unet_case_free(&c);
    }
}

static void kohya(void **state)
{
    (void)state;
    one_adapter(&sd15, LORA "sd15.kohya.safetensors");
}

static void peft(void **state)
{
    (void)state;
    one_adapter(&sd15, LORA "sd15.peft.safetensors");
}

static void old_diffusers(void **state)
{
    (void)state;
    one_adapter(&sd15, LORA "sd15.old.safetensors");
}

static void original_blocks(void **state)
{
    (void)state;
    one_adapter(&sdxl, LORA "sdxl.kohya.safetensors");
}

/* Strengths add up, over adapters and namings. */
static void several(void **state)
{
    (void)state;
    shape s = shape_of(&sd15);
    unet_case c = unet_case_new(sd15.sources[0], NULL, sd15.golden, 2);
    add(&c, LORA "sd15.kohya.safetensors", 0.5f);
    add(&c, LORA "sd15.peft.safetensors", 0.4f);
    add(&c, LORA "sd15.old.safetensors", -0.2f);
    compare(&c, &sd15, &s);
    unet_case_free(&c);
}

/* After clearing, the base model's bits are back, and an adapter works again. */
static void cleared(void **state)
{
    (void)state;
    static const base *const bases[] = {&sd15, &sdxl};
    static const char *const files[] = {LORA "sd15.kohya.safetensors", LORA "sdxl.kohya.safetensors"};
    for (int i = 0; i < 2; i++) {
        const base *b = bases[i];
        shape s = shape_of(b);
        unet_case c = unet_case_new(b->sources[0], NULL, b->golden, 2);
        int64_t n, n_text;
        float *plain = unet_case_run(&c, &s.unet, "b", 0, &n, NULL), *text = encode(&c, b, &s, 0, &n_text);
        golden_compare(c.golden, "b.out.sample", plain, n, TIMES);
        add(&c, files[i], STRENGTH);
        compare(&c, b, &s);
        loam_weight_store_clear_loras(c.store);
        float *again = unet_case_run(&c, &s.unet, "b", 0, &n, NULL), *text_again = encode(&c, b, &s, 0, &n_text);
        assert_memory_equal(plain, again, (size_t)n * sizeof *plain);
        assert_memory_equal(text, text_again, (size_t)n_text * sizeof *text);
        add(&c, files[i], STRENGTH);
        compare(&c, b, &s);
        unet_case_free(&c);
        free(plain);
        free(again);
        free(text);
        free(text_again);
    }
}

/* An adapter of another model is refused with a sentence that names its file, and nothing changes. */
static void other_models(void **state)
{
    (void)state;
    static const struct {
        const base *b;
        const char *file;
    } cases[] = {{&sd15, "sdxl.kohya.safetensors"},
                 {&sdxl, "sd15.kohya.safetensors"},
                 {&sdxl, "sd15.peft.safetensors"},
                 {&sdxl, "sd15.old.safetensors"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_err err = {0};
        const base *b = cases[i].b;
        char path[256];
        int64_t n;
        shape s = shape_of(b);
        unet_case c = unet_case_new(b->sources[0], NULL, b->golden, 2);
        snprintf(path, sizeof path, LORA "%s", cases[i].file);
        assert_int_not_equal(loam_weight_store_add_lora(c.store, path, 1, &err), LOAM_OK);
        if (!strstr(err.msg, cases[i].file) || !strstr(err.msg, "another model"))
            fail_msg("%s on %s: '%s'", cases[i].file, b->name, err.msg);
        float *out = unet_case_run(&c, &s.unet, "b", 0, &n, NULL);
        golden_compare(c.golden, "b.out.sample", out, n, TIMES);
        free(out);
        unet_case_free(&c);
    }
}

/* A UNet that is distilled with the guidance scale as an input. */
static void guidance(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_unet_params p;
    int64_t n;
    unet_case c = unet_case_new(PICTURES "lcm", NULL, PICTURES "lcm/golden.safetensors", 2);
    ok(loam_unet_read(c.weights, &p, &err), &err);
    assert_int_equal(p.guidance, 16);
    float *out = unet_case_run(&c, &p, "a", 8 - 1, &n, NULL);
    golden_compare(c.golden, "a.out.sample", out, n, TIMES);
    free(out);
    unet_case_free(&c);
}

static void misshape(const char *name, char *text, float *x, size_t n)
{
    (void)x;
    if (strcmp(name, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight") == 0)
        sprintf(text, "[2,%zu]", n / 2);
}

/* A UNet with a tensor missing or of another shape: one sentence names it. */
static void damaged(void **state)
{
    (void)state;
    static const struct {
        const char *without, *named, *why;
    } cases[] = {
        {"down_blocks.1.resnets.1.time_emb_proj.weight", "unet.down_blocks.1.resnets.1.time_emb_proj.weight",
         "missing"},
        {"conv_norm_out.bias", "unet.conv_norm_out.bias", "missing"},
        {"mid_block.resnets.1.", "unet.mid_block.resnets.1.norm1.weight", "missing"},
        {NULL, "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", "[2, "},
    };
    static const char *const bases[] = {PICTURES "sd15", PICTURES "sdxl"};
    for (int b = 0; b < 2; b++) {
        const shape s = shape_of(b ? &sdxl : &sd15);
        char from[256];
        snprintf(from, sizeof from, "%s/unet/diffusion_pytorch_model.safetensors", bases[b]);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            loam_err err = {0};
            loam_net net;
            loam_unet_params p = s.unet;
            copy_tensors(from, scratch_path(0), cases[i].without, cases[i].without ? NULL : misshape);
            unet_case c = unet_case_new(scratch_path(0), NULL, (b ? &sdxl : &sd15)->golden, 1);
            assert_int_not_equal(loam_unet_net(c.store, &p, 1, 8, 8, 77, &net, &err), LOAM_OK);
            if (!strstr(err.msg, cases[i].named) || !strstr(err.msg, cases[i].why) || strchr(err.msg, '\n'))
                fail_msg("'%s' should name '%s' and say '%s'", err.msg, cases[i].named, cases[i].why);
            assert_null(net.program);
            unet_case_free(&c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kohya),           cmocka_unit_test(peft),     cmocka_unit_test(old_diffusers),
        cmocka_unit_test(original_blocks), cmocka_unit_test(several),  cmocka_unit_test(cleared),
        cmocka_unit_test(other_models),    cmocka_unit_test(guidance), cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests_name("adapters", tests, NULL, scratch_remove);
}
