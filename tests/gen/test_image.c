/* Whole pictures against diffusers' pipelines, the web UI's prompts and Pillow's filter
 * (tests/golden/make/pictures_{sd,xl,lora,image}.py): the same seed gives the same picture. */
#include "test_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Latents may be off by this many times what a pipeline in f32 is off from one in f64. */
enum { TIMES = 12 };

void ok(loam_status st, const loam_err *err)
{
    if (st != LOAM_OK)
        fail_msg("%s", err->msg);
}

loam_safetensors *golden_open(const char *path)
{
    loam_err err = {0};
    loam_safetensors *st = NULL;
    ok(loam_safetensors_open(path, &st, &err), &err);
    return st;
}

loam_image_model *model_open(const char *path, int n_threads, const char *taesd)
{
    loam_err err = {0};
    loam_image_model *m = NULL;
    ok(loam_image_model_open(path, &(loam_image_options){.n_threads = n_threads, .taesd = taesd}, &m, &err), &err);
    return m;
}

/* ---- folders of parts ---- */

enum { MAX_FOLDERS = 32 };
static char folders[MAX_FOLDERS][64];
static int n_folders;
static const char *const parts[] = {"scheduler", "text_encoder", "tokenizer", "unet", "vae", "model_index.json"};
enum { N_PARTS = sizeof parts / sizeof *parts };

const char *folder_with(const char *part, const char *from)
{
    char *folder = folders[n_folders++];
    assert_true(n_folders <= MAX_FOLDERS);
    strcpy(folder, "/tmp/loam-test-image-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < N_PARTS; i++) {
        char target[512], link[128];
        snprintf(target, sizeof target, PICTURES "sd15/%s", parts[i]);
        snprintf(link, sizeof link, "%s/%s", folder, parts[i]);
        assert_int_equal(symlink(strcmp(parts[i], part) == 0 ? from : target, link), 0);
    }
    return folder;
}

int folders_remove(void **state)
{
    (void)state;
    while (n_folders > 0) {
        const char *folder = folders[--n_folders];
        for (int i = 0; i < N_PARTS; i++) {
            char link[128];
            snprintf(link, sizeof link, "%s/%s", folder, parts[i]);
            unlink(link);
        }
        rmdir(folder);
    }
    return 0;
}

/* ---- requests ---- */

loam_image_request request(void)
{
    loam_image_request r = loam_image_defaults();
    r.prompt = "a red cat on the mat";
    r.negative = "blue";
    r.width = WIDTH;
    r.height = HEIGHT;
    r.steps = 4;
    r.guidance = 7.5f;
    r.sampler = LOAM_DIFFUSE_DDIM;
    r.schedule = LOAM_SCHEDULE_LEADING;
    return r;
}

/* A tensor of bytes in f32, to be freed. */
static uint8_t *golden_bytes(const loam_safetensors *st, const char *name, int64_t *n)
{
    const float *from = golden_f32(st, name, n);
    uint8_t *bytes = malloc((size_t)*n);
    assert_non_null(bytes);
    for (int64_t i = 0; i < *n; i++)
        bytes[i] = (uint8_t)from[i];
    return bytes;
}

static uint8_t *bytes_of(const char *name, int64_t n_wanted)
{
    int64_t n;
    loam_safetensors *st = golden_open(PICTURES "image/golden.safetensors");
    uint8_t *bytes = golden_bytes(st, name, &n);
    assert_int_equal(n, n_wanted);
    loam_safetensors_close(st);
    return bytes;
}

loam_image_rgb start_picture(void)
{
    return (loam_image_rgb){WIDTH, HEIGHT, bytes_of("image", PIXELS * 3)};
}

uint8_t *start_mask(void)
{
    return bytes_of("mask", PIXELS);
}

loam_image_result make(loam_image_model *m, const loam_image_request *r, const loam_image_watch *watch)
{
    loam_err err = {0};
    loam_image_result out;
    ok(loam_image_generate(m, r, watch, &out, &err), &err);
    assert_int_equal(out.n, r->n);
    return out;
}

loam_image_result made_by(loam_image_model *m, const loam_image_request *r)
{
    return make(m, r, NULL);
}

float *latents(loam_image_model *m, const loam_image_request *r)
{
    loam_err err = {0};
    float *out;
    ok(loam_image_latents(m, r, &out, &err), &err);
    return out;
}

int difference(const loam_image_rgb *a, const loam_image_rgb *b)
{
    int most = 0;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (int64_t i = 0; i < (int64_t)a->width * a->height * 3; i++) {
        int d = abs(a->pixels[i] - b->pixels[i]);
        most = d > most ? d : most;
    }
    return most;
}

void same_picture(const loam_image_rgb *a, const loam_image_rgb *b)
{
    assert_int_equal(difference(a, b), 0);
}

void expect_same(loam_image_model *m, const loam_image_request *r, const loam_image_result *wanted)
{
    loam_image_result got = made_by(m, r);
    assert_int_equal(got.n, wanted->n);
    for (int i = 0; i < got.n; i++)
        same_picture(&got.pictures[i], &wanted->pictures[i]);
    loam_image_result_free(&got);
}

void refused(loam_image_model *m, const loam_image_request *r, loam_status status, const char *words)
{
    loam_err err = {0};
    loam_image_result out;
    loam_status st = loam_image_generate(m, r, NULL, &out, &err);
    if (st != status || !strstr(err.msg, words) || strchr(err.msg, '\n'))
        fail_msg("status %d '%s'; wanted %d and '%s'", (int)st, err.msg, (int)status, words);
    assert_null(out.pictures);
}

/* ---- pipelines ---- */

typedef struct pipeline {
    const char *name;
    const char *of;     /* whose golden file has it: of sd15, sdxl, lcm or image */
    const char *tensor; /* the final latents there */
    loam_diffuse_sampler sampler;
    loam_schedule schedule;
    int steps;
    float guidance;
    bool sdxl, no_negative;
    bool start, mask;
    float strength;
    int clip_skip;
    const char *lora, *unet;
    int n;
    uint64_t seed;
    double eta;
} pipeline;

#define DDIM LOAM_DIFFUSE_DDIM
#define EULER LOAM_DIFFUSE_EULER
#define LCM LOAM_DIFFUSE_LCM
#define LEADING LOAM_SCHEDULE_LEADING
#define LINSPACE LOAM_SCHEDULE_LINSPACE
#define TRAILING LOAM_SCHEDULE_TRAILING

/* The settings here are those of docs/pictures.md. */
static const pipeline pipelines[] = {
    {"ddim", "sd15", "ddim.out.step.3", DDIM, LEADING, 4, 7.5f},
    {"euler", "sd15", "euler.out.step.3", EULER, LEADING, 4, 7.5f},
    {"euler_linspace", "sd15", "euler_linspace.out.step.3", EULER, LINSPACE, 4, 7.5f},
    {"euler_trailing", "sd15", "euler_trailing.out.step.3", EULER, TRAILING, 4, 7.5f},
    {"skip2", "image", "skip2.out.latents", DDIM, LEADING, 2, 7.5f, .clip_skip = 2},
    {"euler", "sdxl", "euler.out.step.2", EULER, LEADING, 3, 5, .sdxl = true},
    {"zeros", "sdxl", "zeros.out.step.1", EULER, LEADING, 2, 5, .sdxl = true, .no_negative = true},
    {"turbo", "sdxl", "turbo.out.step.1", EULER, TRAILING, 2, 0, .sdxl = true, .no_negative = true},
    {"lcm_plain", "lcm", "lcm_plain.out.step.3", LCM, LOAM_SCHEDULE_AUTO, 4, 1, .no_negative = true},
    {"lcm_guided", "lcm", "lcm_guided.out.step.2", LCM, LOAM_SCHEDULE_LCM, 3, 1.8f},
    {"lcm", "lcm", "lcm.out.step.3", LCM, LOAM_SCHEDULE_LCM, 4, 8, .no_negative = true, .unet = PICTURES "lcm/unet"},
    {"tcd", "lcm", "tcd.out.step.3", LOAM_DIFFUSE_TCD, LOAM_SCHEDULE_LCM, 4, 1, .no_negative = true, .eta = 0.3},
    {"img2img", "image", "img2img.out.latents", DDIM, LEADING, 4, 7.5f, .start = true, .strength = 0.75f},
    {"img2img_euler", "image", "img2img_euler.out.latents", EULER, LEADING, 10, 7.5f, .start = true, .strength = 0.7f},
    {"inpaint", "image", "inpaint.out.latents", DDIM, LEADING, 4, 7.5f, .start = true, .mask = true, .strength = 0.75f},
    {"inpaint_full", "image", "inpaint_full.out.latents", DDIM, LEADING, 3, 7.5f, .start = true, .mask = true,
     .strength = 1},
    {"inpaint_euler", "image", "inpaint_euler.out.latents", EULER, LEADING, 4, 7.5f, .start = true, .mask = true,
     .strength = 1},
    {"euler_a", "image", "euler_a.out.latents", LOAM_DIFFUSE_EULER_A, LINSPACE, 4, 7.5f, .n = 2, .seed = 5},
    {"unipc", "image", "unipc.out.latents", LOAM_DIFFUSE_UNIPC, LOAM_SCHEDULE_AUTO, 5, 7.5f},
    {"lora", "image", "lora.out.latents", DDIM, LEADING, 4, 7.5f, .lora = LORA},
    {"xl_img2img", "image", "xl_img2img.out.latents", EULER, LEADING, 5, 5, .sdxl = true, .start = true,
     .strength = 0.6f},
};
enum { N_PIPELINES = sizeof pipelines / sizeof *pipelines };

/* got [n_got] is a tensor within TIMES of the pipeline's own error in f32. */
static void compare_latents(const loam_safetensors *golden, const pipeline *p, const float *got, int64_t n_got)
{
    loam_safetensors *errors = golden_open(PICTURES "image/golden.safetensors");
    char key[64];
    snprintf(key, sizeof key, "f32_error.%s.%s", p->of, p->name);
    const char *error = loam_safetensors_find_metadata(errors, key);
    assert_non_null(error);
    int64_t n;
    const float *want = golden_f32(golden, p->tensor, &n);
    assert_int_equal(n, n_got);
    double most = 0, worst = 0, tolerance = TIMES * fmax(atof(error), 5e-7);
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)want[i]));
        worst = fmax(worst, isfinite(got[i]) ? fabs((double)got[i] - (double)want[i]) : INFINITY);
    }
    if (getenv("LOAM_TEST_SHOW"))
        print_message("%s: %.2g of the largest, %.1f times diffusers' own error\n", p->name, worst / most,
                      worst / most / fmax(atof(error), 5e-7));
    if (!(worst <= tolerance * most))
        fail_msg("%s: off by %.3g of the largest (%.4g), allowed %.3g", p->name, worst / most, most, tolerance);
    loam_safetensors_close(errors);
}

static void one_pipeline(void **state)
{
    const pipeline *p = *state;
    char path[512];
    snprintf(path, sizeof path, PICTURES "%s/golden.safetensors", p->of);
    loam_safetensors *golden = golden_open(path);
    loam_image_model *m = model_open(p->unet   ? folder_with("unet", p->unet)
                                     : p->sdxl ? PICTURES "sdxl"
                                               : PICTURES "sd15",
                                     2, NULL);
    loam_image_request r = request();
    loam_image_rgb start = start_picture();
    uint8_t *mask = start_mask();
    r.sampler = p->sampler;
    r.schedule = p->schedule;
    r.steps = p->steps;
    r.guidance = p->guidance;
    r.clip_skip = p->clip_skip;
    r.seed = p->seed;
    r.n = p->n ? p->n : 1;
    r.eta = p->eta > 0 ? p->eta : NAN;
    if (p->no_negative)
        r.negative = NULL;
    if (p->start) {
        r.start = &start;
        r.strength = p->strength;
        r.mask = p->mask ? mask : NULL;
    }
    if (p->lora) {
        r.loras = &(loam_image_lora){p->lora, 0.7f};
        r.n_loras = 1;
    }
    float *got = latents(m, &r);
    compare_latents(golden, p, got, (int64_t)r.n * LATENT);
    free(got);
    free(start.pixels);
    free(mask);
    loam_image_model_close(m);
    loam_safetensors_close(golden);
}

/* Bytes of pictures against planes of -1 … 1: a byte may be the other neighbour where the value is close to a half. */
static void same_pixels(const loam_safetensors *golden, const char *name, const loam_image_rgb *got)
{
    int64_t n, hw = (int64_t)got->width * got->height;
    const float *planes = golden_f32(golden, name, &n);
    assert_int_equal(n, 3 * hw);
    for (int64_t i = 0; i < n; i++) {
        float want = fminf(fmaxf((planes[i] * 0.5f + 0.5f) * 255.0f, 0), 255);
        int have = got->pixels[i % hw * 3 + i / hw];
        if (fabsf(want - (float)have) > 0.502f)
            fail_msg("%s: number %lld is %d, wanted %.4f", name, (long long)i, have, (double)want);
    }
}

static void pixels(void **state)
{
    (void)state;
    loam_safetensors *sd15 = golden_open(PICTURES "sd15/golden.safetensors");
    loam_safetensors *more = golden_open(PICTURES "image/golden.safetensors");
    loam_image_model *m = model_open(PICTURES "sd15", 2, TAESD);
    loam_image_request r = request();
    loam_image_result made = make(m, &r, NULL);
    same_pixels(sd15, "ddim.out.pixels", &made.pictures[0]);
    loam_image_result_free(&made);
    r.quick_decode = true;
    made = make(m, &r, NULL);
    same_pixels(more, "taesd.out.pixels", &made.pictures[0]);
    loam_image_result_free(&made);
    loam_image_rgb start = start_picture();
    r.quick_decode = false;
    r.start = &start;
    made = make(m, &r, NULL);
    same_pixels(more, "img2img.out.pixels", &made.pictures[0]);
    loam_image_result_free(&made);
    free(start.pixels);
    loam_image_model_close(m);
    m = model_open(PICTURES "sdxl", 2, NULL);
    loam_safetensors *sdxl = golden_open(PICTURES "sdxl/golden.safetensors");
    r = request();
    r.sampler = LOAM_DIFFUSE_EULER;
    r.steps = 3;
    r.guidance = 5;
    made = make(m, &r, NULL);
    same_pixels(sdxl, "euler.out.pixels", &made.pictures[0]);
    loam_image_result_free(&made);
    loam_image_model_close(m);
    loam_safetensors_close(sdxl);
    loam_safetensors_close(sd15);
    loam_safetensors_close(more);
}

/* A folder whose VAE is a TAESD has no other decoder. */
static void tiny_vae(void **state)
{
    (void)state;
    loam_safetensors *more = golden_open(PICTURES "image/golden.safetensors");
    loam_image_model *m = model_open(folder_with("vae", PICTURES "taesd/vae"), 2, NULL);
    loam_image_request r = request();
    assert_false(loam_image_model_get_info(m)->has_encoder);
    assert_true(loam_image_model_get_info(m)->has_quick);
    loam_image_result made = make(m, &r, NULL);
    same_pixels(more, "taesd.out.pixels", &made.pictures[0]);
    loam_image_result_free(&made);
    loam_image_model_close(m);
    loam_safetensors_close(more);
}

/* A folder of a scheduler with these lines in its config; static. */
static const char *scheduler_folder(const char *lines)
{
    static char folder[64], file[128];
    strcpy(folder, "/tmp/loam-test-scheduler-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/scheduler_config.json", folder);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fprintf(f, "{%s}", lines);
    fclose(f);
    return folder;
}

/* The latent of a model with such a scheduler. */
static float *latents_with(const char *lines, const loam_image_request *r)
{
    const char *scheduler = scheduler_folder(lines);
    char file[128];
    loam_image_model *m = model_open(folder_with("scheduler", scheduler), 2, NULL);
    float *z = latents(m, r);
    loam_image_model_close(m);
    snprintf(file, sizeof file, "%s/scheduler_config.json", scheduler);
    unlink(file);
    rmdir(scheduler);
    return z;
}

static void expect_latents(const char *lines, const loam_image_request *r, const float *want, bool same)
{
    float *z = latents_with(lines, r);
    assert_true((memcmp(z, want, LATENT * sizeof *z) == 0) == same);
    free(z);
}

/* What the model's scheduler says holds where the request leaves it open. */
static void schedulers(void **state)
{
    (void)state;
    loam_image_request r = request(), open = request();
    float *z = latents_with("\"set_alpha_to_one\": false, \"steps_offset\": 1", &r);
    expect_latents("", &r, z, true);
    expect_latents("\"set_alpha_to_one\": true", &r, z, false);
    expect_latents("\"steps_offset\": 0", &r, z, false);
    expect_latents("\"prediction_type\": \"v_prediction\"", &r, z, false);
    expect_latents("\"rescale_betas_zero_snr\": true", &r, z, false);
    expect_latents("\"beta_schedule\": \"linear\"", &r, z, false);
    free(z);
    r.schedule = LOAM_SCHEDULE_TRAILING;
    open.schedule = LOAM_SCHEDULE_AUTO;
    r.sampler = open.sampler = LOAM_DIFFUSE_EULER_A;
    z = latents_with("", &r);
    expect_latents("\"timestep_spacing\": \"trailing\"", &open, z, true);
    expect_latents("\"timestep_spacing\": \"leading\"", &open, z, false);
    free(z);
    r.sampler = LOAM_DIFFUSE_LCM;
    r.schedule = LOAM_SCHEDULE_LCM;
    z = latents_with("\"original_inference_steps\": 50", &r);
    expect_latents("", &r, z, true);
    expect_latents("\"original_inference_steps\": 20", &r, z, false);
    free(z);
}

/* ---- prompts ---- */

static const char *meta(const loam_safetensors *st, int i, const char *what)
{
    char key[64];
    snprintf(key, sizeof key, "text.%d.%s", i, what);
    const char *text = loam_safetensors_find_metadata(st, key);
    assert_non_null(text);
    return text;
}

static void compare_text(const loam_safetensors *st, const char *base, int i, const char *what, const float *got,
                         int64_t n)
{
    char name[64];
    snprintf(name, sizeof name, "text.%s.%d.%s", base, i, what);
    golden_compare(st, name, got, n, 1); /* 1e-5 of the largest */
}

/* Weights, BREAK, prompts of several chunks and clip skip change the embeddings as they do in the web UI. */
static void prompts(void **state)
{
    (void)state;
    static const char *const bases[] = {"sd15", "sdxl"};
    loam_safetensors *st = golden_open(PICTURES "image/golden.safetensors");
    for (int b = 0; b < 2; b++) {
        loam_image_model *m = model_open(b ? PICTURES "sdxl" : PICTURES "sd15", 2, NULL);
        for (int i = 0; i < 5; i += b ? 2 : 1) {
            if (b && i > 2)
                break;
            loam_err err = {0};
            loam_image_text t;
            loam_image_request r = request();
            r.prompt = meta(st, i, "prompt");
            r.negative = meta(st, i, "negative");
            r.clip_skip = b ? 0 : atoi(meta(st, i, "clip_skip")); /* of SDXL the web UI heeds none */
            ok(loam_image_encode_text(m, &r, WIDTH, HEIGHT, &t, &err), &err);
            int64_t n = t.n_rows * m->unet.context, pooled = m->clip[1].projection;
            compare_text(st, bases[b], i, "cond", t.cond, n);
            compare_text(st, bases[b], i, "uncond", t.uncond, n);
            if (b) {
                compare_text(st, bases[b], i, "cond_pooled", t.cond_pooled, pooled);
                compare_text(st, bases[b], i, "uncond_pooled", t.uncond_pooled, pooled);
                assert_memory_equal(t.cond_added, t.cond_pooled, (size_t)pooled * sizeof(float));
            }
            loam_image_text_free(&t);
        }
        loam_image_model_close(m);
    }
    loam_safetensors_close(st);
}

/* Pillow's weights are rounded to 22 bits: a byte may be the neighbour. */
static void resizing(void **state)
{
    (void)state;
    static const int sizes[][2] = {{112, 80}, {72, 40}, {24, 16}, {8, 104}};
    loam_safetensors *st = golden_open(PICTURES "image/golden.safetensors");
    loam_image_rgb start = start_picture();
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        loam_err err = {0};
        loam_image_rgb got, want = {sizes[k][0], sizes[k][1], NULL};
        char name[32];
        int64_t n;
        snprintf(name, sizeof name, "resize.%dx%d", want.width, want.height);
        want.pixels = golden_bytes(st, name, &n);
        assert_int_equal(n, (int64_t)want.width * want.height * 3);
        ok(loam_image_resize(&start, want.width, want.height, &got, &err), &err);
        assert_in_range(difference(&got, &want), 0, 1);
        free(got.pixels);
        free(want.pixels);
    }
    free(start.pixels);
    loam_safetensors_close(st);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(pixels),
        cmocka_unit_test(tiny_vae),
        cmocka_unit_test(schedulers),
        cmocka_unit_test(prompts),
        cmocka_unit_test(resizing),
        cmocka_unit_test(threads),
        cmocka_unit_test(batches),
        cmocka_unit_test(sizes_between),
        cmocka_unit_test(adapters_between),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(progress_told),
        cmocka_unit_test(previews),
        cmocka_unit_test(tiles),
        cmocka_unit_test(masks),
        cmocka_unit_test(hires_is_image_to_image),
        cmocka_unit_test(strengths),
        cmocka_unit_test(guidance_of_none),
        cmocka_unit_test(cuda_noise),
        cmocka_unit_test(memory_before),
        cmocka_unit_test(lean_memory),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(types),
        cmocka_unit_test(refused_values),
        cmocka_unit_test(refused_adapters),
        cmocka_unit_test(refused_sizes),
        cmocka_unit_test(refused_models),
        cmocka_unit_test(refused_schedules),
    };
    enum { N_OTHERS = sizeof others / sizeof *others };
    struct CMUnitTest tests[N_PIPELINES + N_OTHERS];
    for (int i = 0; i < N_PIPELINES; i++)
        tests[i] = (struct CMUnitTest){pipelines[i].name, one_pipeline, NULL, NULL, (void *)(uintptr_t)&pipelines[i]};
    memcpy(tests + N_PIPELINES, others, sizeof others);
    return cmocka_run_group_tests_name("pictures", tests, NULL, folders_remove);
}
