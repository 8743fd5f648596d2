/* Pictures as users ask for them, on the tiny model of tests/golden/pictures: words, files, and the text in the result
 * from which the same picture can be made again. What the numbers must be is tested in tests/gen/test_image.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/generation_text.h"
#include "service/images.h"
#include "service/images_int.h"

#define PICTURES LOAM_SOURCE_ROOT "/tests/golden/pictures/"

static char folder[64];

static const char *scratch(const char *name)
{
    static char path[4][128];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/loam-test-images-XXXXXX");
    return mkdtemp(folder) ? 0 : 1;
}

static int end(void **state)
{
    (void)state;
    static const char *const files[] = {"a.png",    "a.webp", "a.jpg",   "start.png", "mask.png",
                                        "half.png", "b.png",  "a-1.png", "a-2.png"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(scratch(files[i]));
    return rmdir(folder);
}

static void ok(loam_status st, const loam_err *err)
{
    if (st != LOAM_OK)
        fail_msg("%s", err->msg);
}

static loam_images *images_open(const char *lora_folder)
{
    loam_err err = {0};
    loam_images *s;
    ok(loam_images_open(&(loam_images_options){.model = PICTURES "sd15", .lora_folder = lora_folder, .n_threads = 2},
                        &s, &err),
       &err);
    return s;
}

static loam_images_request request(void)
{
    loam_images_request r = loam_images_defaults();
    r.prompt = "a (red:1.2) cat";
    r.width = 48;
    r.height = 32;
    r.steps = 3;
    r.seed = 11;
    return r;
}

static loam_images_made make(loam_images *s, const loam_images_request *r)
{
    loam_err err = {0};
    loam_images_made made;
    ok(loam_images_check(s, r, &err), &err);
    ok(loam_images_make(s, r, NULL, &made, &err), &err);
    assert_int_equal(made.n, r->n);
    return made;
}

static void refused(loam_images *s, const loam_images_request *r, loam_status status, const char *words)
{
    loam_err err = {0}, checked = {0};
    loam_images_made made;
    loam_status st = loam_images_make(s, r, NULL, &made, &err);
    if (st != status || !strstr(err.msg, words) || strchr(err.msg, '\n'))
        fail_msg("status %d '%s'; wanted %d and '%s'", (int)st, err.msg, (int)status, words);
    assert_int_equal(made.n, 0);
    assert_null(made.pictures);
    (void)!loam_images_check(s, r, &checked);
    if (checked.code != LOAM_OK) /* an adapter's file is looked at later */
        assert_string_equal(checked.msg, err.msg);
}

static bool same(const loam_picture *a, const loam_picture *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels &&
           memcmp(a->pixels, b->pixels, loam_picture_bytes(a)) == 0;
}

static bool same_result(loam_images *s, const loam_images_request *a, const loam_images_request *b)
{
    loam_images_made x = make(s, a), y = make(s, b);
    bool is = same(x.pictures[0], y.pictures[0]);
    loam_images_made_free(&x);
    loam_images_made_free(&y);
    return is;
}

static loam_picture *picture_of(int width, int height, int channels)
{
    loam_err err = {0};
    loam_picture *p;
    ok(loam_picture_new(width, height, channels, &p, &err), &err);
    for (size_t i = 0; i < loam_picture_bytes(p); i++)
        p->pixels[i] = (uint8_t)(i * 37 + i / 97);
    return p;
}

/* ---- the text in the file ---- */

/* A request from the text of a picture, as a user would paste it. */
static void read_back(const loam_generation_text *g, loam_images_request *r)
{
    const char *v;
    r->prompt = g->prompt;
    r->negative = g->negative && *g->negative ? g->negative : NULL;
    assert_int_equal(sscanf(loam_generation_text_get(g, "Size"), "%dx%d", &r->width, &r->height), 2);
    r->steps = atoi(loam_generation_text_get(g, "Steps"));
    r->guidance = strtof(loam_generation_text_get(g, "CFG scale"), NULL);
    r->seed = strtoull(loam_generation_text_get(g, "Seed"), NULL, 10);
    r->sampler = loam_generation_text_get(g, "Sampler");
    r->schedule = loam_generation_text_get(g, "Schedule type");
    r->sigmas = loam_generation_text_get(g, "Sigmas");
    r->rng = strcmp(loam_generation_text_get(g, "RNG"), "NV") == 0 ? "cuda" : "cpu";
    if ((v = loam_generation_text_get(g, "Clip skip")))
        r->clip_skip = atoi(v);
    if ((v = loam_generation_text_get(g, "Hires upscale"))) {
        r->hires = strtof(v, NULL);
        r->hires_strength = strtof(loam_generation_text_get(g, "Denoising strength"), NULL);
        if ((v = loam_generation_text_get(g, "Hires steps")))
            r->hires_steps = atoi(v);
    }
}

/* Written to a file, read from it, and made again by what stands in it. */
static void again(loam_images *s, const loam_images_request *r, const char *name, bool lossless)
{
    loam_err err = {0};
    loam_images_made made = make(s, r), repeated;
    for (int i = 0; i < made.n; i++) {
        loam_picture *p = NULL;
        loam_picture_texts texts = {0};
        loam_generation_text g = {0};
        loam_images_request back = loam_images_defaults();
        ok(loam_images_save(&made, i, scratch(name), &err), &err);
        ok(loam_picture_read_file(scratch(name), &p, &texts, &err), &err);
        const char *text = loam_picture_texts_get(&texts, LOAM_PICTURE_PARAMETERS);
        assert_string_equal(text, made.parameters[i]);
        assert_int_equal(p->width, made.width);
        if (lossless)
            assert_true(same(p, made.pictures[i]));
        ok(loam_generation_text_parse(text, strlen(text), &g, &err), &err);
        assert_string_equal(loam_generation_text_get(&g, "Model"), "sd15");
        assert_string_equal(loam_generation_text_get(&g, "Version"), "loam " LOAM_VERSION);
        read_back(&g, &back);
        repeated = make(s, &back);
        assert_true(same(repeated.pictures[0], made.pictures[i]));
        loam_images_made_free(&repeated);
        loam_generation_text_deinit(&g);
        loam_picture_texts_deinit(&texts);
        loam_picture_free(p);
    }
    loam_images_made_free(&made);
}

static void text_makes_the_picture(void **state)
{
    (void)state;
    loam_images *s = images_open(PICTURES "lora");
    loam_images_request r = request();
    again(s, &r, "a.png", true);
    r.n = 2;
    r.negative = "blue, \"quoted\"\nand a line";
    r.sampler = "DPM++ 2M Karras";
    r.guidance = 3.7f;
    r.rng = "cuda";
    r.clip_skip = 2;
    again(s, &r, "a.webp", true);
    r = request();
    r.prompt = "a cat <lora:sd15.kohya:0.7>";
    r.hires = 1.3f; /* 62.4 and 41.6 pixels: 64 and 40 */
    r.hires_steps = 4;
    r.hires_strength = 0.5f;
    r.sampler = "lcm";
    r.schedule = "trailing";
    again(s, &r, "a.jpg", false);
    r = request();
    r.sigmas = "14.6, 3,1,0.2";
    r.sampler = "heun";
    again(s, &r, "a.png", true);
    loam_images_close(s);
}

/* All names in the text are read back as what they stand for. */
static void names(void **state)
{
    (void)state;
    for (int i = 0; i < LOAM_DIFFUSE_SAMPLER_COUNT; i++)
        for (int k = 1; k < LOAM_SCHEDULE_COUNT; k++) {
            loam_err err = {0};
            loam_images_words w;
            const char *schedule = loam_images_schedule_word((loam_schedule)k);
            ok(loam_images_words_read(&w, NULL, "", NULL, 0, loam_images_sampler_word((loam_diffuse_sampler)i),
                                      schedule, NULL, NULL, &err),
               &err);
            assert_int_equal(w.sampler, i);
            assert_int_equal(w.schedule, k);
            loam_images_words_deinit(&w);
        }
}

static void numbered(void **state)
{
    (void)state;
    static const struct {
        const char *path, *want;
        int n;
    } cases[] = {{"a.png", "a.png", 1},
                 {"a.png", "a-2.png", 2},
                 {"dir.x/a", "dir.x/a-2", 3},
                 {"a.b.webp", "a.b-2.webp", 2},
                 {"/tmp/x.y/p.jpg", "/tmp/x.y/p-2.jpg", 9}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64];
        loam_images_numbered(out, sizeof out, cases[i].path, cases[i].n, 1);
        assert_string_equal(out, cases[i].want);
    }
    loam_err err = {0};
    loam_images *s = images_open(NULL);
    loam_images_request r = request();
    loam_images_made made = make(s, &r);
    assert_int_equal(loam_images_save(&made, 0, scratch("a.bmp"), &err), LOAM_STATUS_INVALID);
    assert_non_null(strstr(err.msg, "take .png, .jpg or .webp"));
    assert_int_not_equal(loam_images_save(&made, 0, scratch("no/a.png"), &err), LOAM_OK);
    loam_images_made_free(&made);
    loam_images_close(s);
}

/* ---- adapters ---- */

static void adapters(void **state)
{
    (void)state;
    loam_images *by_name = images_open(PICTURES "lora"), *by_path = images_open(NULL);
    loam_images_request plain = request(), in_prompt = request(), in_list = request(), path_in_prompt = request();
    const char *list[] = {PICTURES "lora/sd15.kohya.safetensors:0.7"};
    const char *ones[] = {PICTURES "lora/sd15.kohya.safetensors"};
    in_prompt.prompt = "a (red:1.2) cat<lora:sd15.kohya:0.7>";
    path_in_prompt.prompt = "a (red:1.2) cat<lora:" PICTURES "lora/sd15.kohya.safetensors:0.7>";
    in_list.loras = list;
    in_list.n_loras = 1;
    assert_false(same_result(by_name, &plain, &in_prompt));
    assert_true(same_result(by_name, &in_prompt, &in_list));
    assert_true(same_result(by_path, &in_list, &path_in_prompt));
    in_list.loras = ones; /* strength 1 */
    in_prompt.prompt = "a (red:1.2) cat<lora:sd15.kohya.safetensors:1>";
    assert_true(same_result(by_name, &in_prompt, &in_list));
    loam_images_made made = make(by_name, &in_list); /* no folder of this machine goes out with the picture */
    assert_non_null(strstr(made.parameters[0], "Adapter: sd15.kohya.safetensors"));
    assert_null(strstr(made.parameters[0], "golden"));
    loam_images_made_free(&made);

    static const char *const outside[] = {"<lora:../lora/sd15.kohya:1>", "<lora:/etc/passwd:1>", "<lora:a/b:1>"};
    for (int i = 0; i < 3; i++) {
        plain.prompt = outside[i];
        refused(by_name, &plain, LOAM_STATUS_INVALID, "a name in a prompt may not be a path");
    }
    plain.prompt = "<lora:absent:1>";
    refused(by_name, &plain, LOAM_STATUS_NOT_FOUND, "absent.safetensors");
    plain.prompt = "<lora:sdxl.kohya:1>";
    refused(by_name, &plain, LOAM_STATUS_INVALID, "another model");
    plain.prompt = "<hypernet:x:1>";
    refused(by_name, &plain, LOAM_STATUS_INVALID, "hypernet");
    plain = request();
    const char *many[17];
    for (int i = 0; i < 17; i++)
        many[i] = "x";
    plain.loras = many;
    plain.n_loras = 17;
    refused(by_name, &plain, LOAM_STATUS_INVALID, "more than 16 adapters at once");
    many[0] = "x:nan";
    plain.n_loras = 1;
    refused(by_name, &plain, LOAM_STATUS_INVALID, "the strength of the adapter 'x:nan' is no number");
    loam_images_close(by_name);
    loam_images_close(by_path);
}

/* ---- pictures to start from ---- */

static void write_picture(const char *name, const loam_picture *p)
{
    loam_err err = {0};
    ok(loam_picture_write_file(scratch(name), p, NULL, 0, &err), &err);
}

static void starts(void **state)
{
    (void)state;
    loam_images *s = images_open(NULL);
    loam_picture *start = picture_of(48, 32, 3), *mask = picture_of(48, 32, 3), *clear = picture_of(48, 32, 4);
    loam_images_request given = request(), named = request();
    for (int i = 0; i < 48 * 32; i++)
        memset(mask->pixels + i * 3, i % 48 < 20 ? 0 : 255, 3);
    given.start = start;
    given.strength = named.strength = 0.6f;
    write_picture("start.png", start);
    named.start_path = scratch("start.png");
    assert_true(same_result(s, &given, &named));
    given.mask = mask;
    assert_false(same_result(s, &given, &named));
    write_picture("mask.png", mask);
    named.mask_path = scratch("mask.png");
    assert_true(same_result(s, &given, &named));
    loam_images_made made = make(s, &given); /* black stays */
    for (int i = 0; i < 48 * 32; i++)
        if (i % 48 < 20)
            assert_memory_equal(made.pictures[0]->pixels + i * 3, start->pixels + i * 3, 3);
    assert_non_null(strstr(made.parameters[0], "Denoising strength: 0.6"));
    loam_images_made_free(&made);
    given.mask = NULL;

    /* transparent is black */
    for (int i = 0; i < 48 * 32; i++) {
        memcpy(clear->pixels + i * 4, start->pixels + i * 3, 3);
        clear->pixels[i * 4 + 3] = i % 2 ? 255 : 0;
        if (i % 2 == 0)
            memset(start->pixels + i * 3, 0, 3);
    }
    named = given;
    named.start = clear;
    assert_true(same_result(s, &given, &named));
    loam_picture_free(start);

    /* without a size asked for it is the nearest that the model can have */
    start = picture_of(51, 28, 3);
    named.start = start;
    named.width = named.height = 0;
    made = make(s, &named);
    assert_int_equal(made.width, 48);
    assert_int_equal(made.height, 32);
    assert_non_null(strstr(made.parameters[0], "Size: 48x32"));
    loam_images_made_free(&made);

    named = request();
    named.mask = mask;
    refused(s, &named, LOAM_STATUS_INVALID, "a mask without a picture that it is for");
    named = request();
    named.start_path = scratch("absent.png");
    refused(s, &named, LOAM_STATUS_NOT_FOUND, "absent.png");
    named.start_path = PICTURES "sd15/model_index.json";
    refused(s, &named, LOAM_STATUS_UNSUPPORTED, "model_index.json");
    named.start_path = NULL;
    named.start = start;
    named.width = 8192;
    refused(s, &named, LOAM_STATUS_INVALID, "sides of 8 to 4096 are wanted");
    named.width = 52;
    refused(s, &named, LOAM_STATUS_INVALID, "the width of 52: it must be a multiple of 8");
    loam_picture_free(start);
    start = picture_of(3, 3, 3);
    named.start = start;
    named.width = named.height = 0;
    refused(s, &named, LOAM_STATUS_INVALID, "sides of 8 to 4096 are wanted");
    loam_picture_free(start);
    loam_picture_free(mask);
    loam_picture_free(clear);
    loam_images_close(s);
}

static void words(void **state)
{
    (void)state;
    loam_images *s = images_open(NULL);
    loam_images_request r = request();
    r.sampler = "eulr";
    refused(s, &r, LOAM_STATUS_INVALID, "unknown sampler 'eulr', did you mean 'euler'?");
    r = request();
    r.schedule = "karass";
    refused(s, &r, LOAM_STATUS_INVALID, "unknown schedule 'karass', did you mean 'karras'?");
    r = request();
    r.rng = "gpu";
    refused(s, &r, LOAM_STATUS_INVALID, "the noise 'gpu': 'cpu' or 'cuda' is wanted");
    static const char *const lists[] = {"1,", "x", "3;2", "nan", "3,,2", ""};
    for (int i = 1; i < 5; i++) {
        r = request();
        r.sigmas = lists[i];
        refused(s, &r, LOAM_STATUS_INVALID, "numbers with commas between them are wanted");
    }
    r = request();
    r.prompt = NULL; /* an empty one */
    loam_images_made made = make(s, &r);
    loam_images_made_free(&made);
    loam_images_close(s);
    loam_err err = {0};
    assert_int_equal(loam_images_open(&(loam_images_options){.model = "/nowhere/model"}, &s, &err),
                     LOAM_STATUS_NOT_FOUND);
}

/* ---- watching ---- */

typedef struct seen {
    int n_progress, n_previews, n_asked, cancel_at;
} seen;

static bool cancelled(void *ctx)
{
    seen *x = ctx;
    return ++x->n_asked == x->cancel_at;
}

static void progress(void *ctx, const char *stage, int step, int n_steps)
{
    assert_true(strlen(stage) > 0 && step >= 0 && step <= n_steps);
    ((seen *)ctx)->n_progress++;
}

static void preview(void *ctx, const loam_picture *p, int index, int step)
{
    assert_int_equal(p->width, 6);
    assert_int_equal(p->channels, 3);
    assert_in_range(index, 0, 1);
    assert_in_range(step, 1, 2);
    ((seen *)ctx)->n_previews++;
}

static void watched(void **state)
{
    (void)state;
    loam_err err = {0};
    loam_images *s = images_open(NULL);
    loam_images_request r = request();
    loam_images_made made;
    seen x = {0};
    r.n = 2;
    ok(loam_images_make(s, &r, &(loam_images_watch){&x, cancelled, progress, preview, 1}, &made, &err), &err);
    loam_images_made_free(&made);
    assert_true(x.n_progress > 5 && x.n_asked > 5);
    assert_int_equal(x.n_previews, 4);
    x = (seen){.cancel_at = 3};
    assert_int_equal(loam_images_make(s, &r, &(loam_images_watch){.ctx = &x, .cancelled = cancelled}, &made, &err),
                     LOAM_STATUS_CANCELLED);
    assert_null(made.pictures);
    x = (seen){0};
    ok(loam_images_make(s, &r, &(loam_images_watch){.ctx = &x}, &made, &err), &err); /* nobody listens */
    loam_images_made_free(&made);
    loam_images_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_makes_the_picture),
        cmocka_unit_test(names),
        cmocka_unit_test(numbered),
        cmocka_unit_test(adapters),
        cmocka_unit_test(starts),
        cmocka_unit_test(words),
        cmocka_unit_test(watched),
    };
    return cmocka_run_group_tests_name("images", tests, begin, end);
}
