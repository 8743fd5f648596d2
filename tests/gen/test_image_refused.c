/* What is refused, each with a sentence that names the value, before any work. */
#include "test_image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INVALID LOAM_STATUS_INVALID

void refused_values(void **state)
{
    (void)state;
    loam_image_model *m = model_open(PICTURES "sd15", 1, NULL);
    loam_image_rgb start = start_picture();
    uint8_t *mask = start_mask();
    loam_image_request r;
#define REFUSE(change, words)           \
    do {                                \
        r = request();                  \
        change;                         \
        refused(m, &r, INVALID, words); \
    } while (0)
    REFUSE(r.steps = 0, "0 steps: it must be 1 to 1000");
    REFUSE(r.steps = 1001, "1001 steps");
    REFUSE(r.steps = -3, "-3 steps");
    REFUSE(r.n = 0, "0 pictures at once: it must be 1 to 64");
    REFUSE(r.n = 65, "65 pictures");
    REFUSE(r.guidance = -0.5f, "a guidance of -0.5: it must be 0 to 100");
    REFUSE(r.guidance = NAN, "a guidance of nan");
    REFUSE(r.guidance = 101, "a guidance of 101");
    REFUSE(r.eta = 1.5, "an eta of 1.5: it must be 0 to 1");
    REFUSE(r.eta = -INFINITY, "an eta of -inf");
    REFUSE(r.clip_skip = 4, "a clip skip of 4: it must be 1 to 3");
    REFUSE(r.clip_skip = -1, "a clip skip of -1");
    REFUSE(r.sampler = LOAM_DIFFUSE_SAMPLER_COUNT, "sampler number");
    REFUSE(r.sampler = (loam_diffuse_sampler)-1, "sampler number -1");
    REFUSE(r.schedule = LOAM_SCHEDULE_COUNT, "schedule number");
    REFUSE(r.schedule = LOAM_SCHEDULE_FLOW, "is for flow models");
    REFUSE(r.tile = 7, "tiles of 7: it must be at least 8");
    REFUSE(r.quick_decode = true, "quick decoding wants TAESD's decoder; give its file with --taesd");
    REFUSE(r.mask = mask, "a mask without a picture");
    REFUSE((r.start = &start, r.strength = 0), "a strength of 0: it must be above 0");
    REFUSE((r.start = &start, r.strength = 1.01f), "a strength of 1.01");
    REFUSE((r.start = &start, r.strength = NAN), "a strength of nan");
    REFUSE((r.start = &start, r.strength = 0.2f), "strength 0.2 of 4 steps leaves none");
    REFUSE((r.start = &start, r.width = 64), "the picture to start from is 56 x 40, asked for are 64 x 40");
    REFUSE((r.start = &start, r.mask = mask, r.hires = 2), "hires with a mask");
    REFUSE(r.hires = 1, "hires of 1: it must be above 1");
    REFUSE(r.hires = 8.5f, "hires of 8.5");
    REFUSE(r.hires = -2, "hires of -2");
    REFUSE(r.hires = NAN, "hires of nan");
    REFUSE((r.hires = 2, r.hires_strength = 0), "a strength for hires of 0");
    REFUSE((r.hires = 2, r.hires_strength = 2), "a strength for hires of 2");
    REFUSE((r.hires = 2, r.hires_steps = -1), "-1 steps for hires");
    REFUSE((r.hires = 2, r.hires_steps = 2000), "2000 steps for hires");
    REFUSE((r.hires = 2, r.hires_steps = 1), "of 1 steps leaves none");
    REFUSE((r.hires = 8, r.width = 1024), "the enlarged width of 8192");
    start.width = 41; /* its own size counts where none is asked for */
    REFUSE((r.start = &start, r.width = 0), "the width of 41: it must be a multiple of 8 between 8 and 4096");
    /* the model is as it was */
    r = request();
    loam_image_result out = make(m, &r, NULL);
    loam_image_result_free(&out);
    loam_image_model_close(m);
    free(start.pixels);
    free(mask);
}

void refused_sizes(void **state)
{
    (void)state;
    loam_image_model *m = model_open(PICTURES "sd15", 1, NULL);
    static const int sides[] = {-8, 7, 57, 4104, 2147483647};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        loam_image_request r = request();
        r.width = sides[i];
        refused(m, &r, INVALID, "it must be a multiple of 8 between 8 and 4096");
        r = request();
        r.height = sides[i];
        refused(m, &r, INVALID, "the height of ");
    }
    loam_image_request r = request();
    size_t bytes;
    loam_err err = {0};
    r.width = r.height = 4096;
    r.n = 64;
    m->most_bytes = (size_t)1 << 30;
    assert_int_equal(loam_image_estimate(m, &r, &bytes, &err), LOAM_STATUS_TOO_LARGE);
    refused(m, &r, LOAM_STATUS_TOO_LARGE, "64 pictures of 4096 x 4096 needs");
    assert_non_null(strstr(err.msg, "1.1 GB are free: take a smaller size or fewer"));
    /* the size of the second pass counts, before the first begins */
    r = request();
    r.width = r.height = 512;
    r.hires = 8;
    refused(m, &r, LOAM_STATUS_TOO_LARGE, "1 picture of 4096 x 4096 needs");
    loam_image_model_close(m);
}

/* 65 chunks of BREAK; a prompt that is no list of weights; bytes without end. */
static void refused_prompts(loam_image_model *m)
{
    enum { N = 70000 };
    char *text = malloc(N);
    assert_non_null(text);
    loam_image_request r = request();
    text[0] = 0;
    for (int i = 0; i < 70; i++)
        strcat(text, "a BREAK ");
    r.prompt = text;
    refused(m, &r, LOAM_STATUS_TOO_LARGE, "prompt: the prompt is longer than 4800 tokens");
    r = request();
    r.negative = text;
    refused(m, &r, LOAM_STATUS_TOO_LARGE, "negative prompt: ");
    memset(text, 'a', N - 1);
    text[N - 1] = 0;
    r.negative = NULL;
    r.prompt = text;
    refused(m, &r, LOAM_STATUS_TOO_LARGE, "prompt: ");
    r.prompt = "a (cat:1.2.3)";
    refused(m, &r, INVALID, "is no weight");
    free(text);
}

void refused_adapters(void **state)
{
    (void)state;
    loam_image_model *m = model_open(PICTURES "sd15", 1, NULL);
    static const struct {
        const char *path, *words;
        loam_status status;
    } cases[] = {
        {PICTURES "lora/absent.safetensors", "absent.safetensors", LOAM_STATUS_NOT_FOUND},
        {PICTURES "lora/sdxl.kohya.safetensors", "another model", LOAM_STATUS_INVALID},
        {PICTURES "sd15/model_index.json", "model_index.json", LOAM_STATUS_CORRUPT},
        {TAESD, "is no part of a LoRA adapter", LOAM_STATUS_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_image_request r = request();
        r.loras = &(loam_image_lora){cases[i].path, 1};
        r.n_loras = 1;
        refused(m, &r, cases[i].status, cases[i].words);
    }
    refused_prompts(m);
    loam_image_model_close(m);
}

static void not_opened(const char *path, const loam_image_options *o, loam_status status, const char *words)
{
    loam_err err = {0};
    loam_image_model *m = NULL;
    loam_status st = loam_image_model_open(path, o, &m, &err);
    if (st != status || !strstr(err.msg, words) || strchr(err.msg, '\n'))
        fail_msg("%s: status %d '%s'; wanted %d and '%s'", path, (int)st, err.msg, (int)status, words);
    assert_null(m);
}

void refused_models(void **state)
{
    (void)state;
    const loam_image_options plain = {.n_threads = 1};
    const char *sd15 = PICTURES "sd15";
    not_opened(PICTURES "absent", &plain, LOAM_STATUS_NOT_FOUND, "absent");
    not_opened(sd15, &(loam_image_options){.type = "q3_z"}, INVALID, "the type 'q3_z' is not known; take f32");
    not_opened(PICTURES "wan", &plain, LOAM_STATUS_UNSUPPORTED, "this model makes clips: use `loam video`");
    not_opened(PICTURES "taesd", &plain, LOAM_STATUS_UNSUPPORTED, "it is no whole picture model");
    not_opened(PICTURES "lcm", &plain, LOAM_STATUS_CORRUPT, "text_encoder");
    not_opened(PICTURES "sd15/original.safetensors", &plain, LOAM_STATUS_CORRUPT, "6 channels and 8 heads");
    /* without a tokenizer it is the vocabulary of all CLIP models, which is larger than this one's */
    not_opened(folder_with("tokenizer", PICTURES "absent"), &plain, LOAM_STATUS_CORRUPT, "tokenizer has 49408 tokens");
    not_opened(folder_with("tokenizer", LOAM_SOURCE_ROOT "/tests/golden/prompt/clip_small"), &plain,
               LOAM_STATUS_CORRUPT, "tokens, the text encoder knows 525");
    not_opened(folder_with("text_encoder", PICTURES "sdxl/text_encoder"), &plain, LOAM_STATUS_CORRUPT,
               "give 12 numbers a token, the UNet reads 16");
    not_opened(sd15, &(loam_image_options){.vae = PICTURES "wan/vae"}, LOAM_STATUS_CORRUPT, "");
    not_opened(sd15, &(loam_image_options){.vae = PICTURES "absent.safetensors"}, LOAM_STATUS_NOT_FOUND, "absent");
    not_opened(sd15, &(loam_image_options){.taesd = PICTURES "sd15/vae"}, INVALID, "it is no decoder of a TAESD");
    /* half a VAE: no start, no hires */
    loam_image_model *m = model_open(folder_with("vae", PICTURES "taesd/vae"), 1, NULL);
    loam_image_rgb start = start_picture();
    loam_image_request r = request();
    r.start = &start;
    refused(m, &r, LOAM_STATUS_UNSUPPORTED, "this model's VAE has no encoder");
    r.start = NULL;
    r.hires = 2;
    refused(m, &r, LOAM_STATUS_UNSUPPORTED, "give a whole VAE with --vae");
    loam_image_model_close(m);
    free(start.pixels);
}

void refused_schedules(void **state)
{
    (void)state;
    static const double rising[] = {1, 2, 3}, none[] = {0}, unknown[] = {14, NAN, 1}, fine[] = {14, 3, 1, 0};
    loam_image_model *m = model_open(PICTURES "sd15", 1, NULL);
    loam_image_request r = request();
    r.sampler = LOAM_DIFFUSE_EULER;
    r.sigmas = rising;
    r.n_sigmas = 3;
    refused(m, &r, INVALID, "levels must fall");
    r.sigmas = none;
    r.n_sigmas = 1;
    refused(m, &r, INVALID, "stay above 0");
    r.sigmas = unknown;
    r.n_sigmas = 3;
    refused(m, &r, INVALID, "noise level 2");
    r.n_sigmas = 2000;
    refused(m, &r, INVALID, "2000 steps");
    r.sigmas = fine;
    r.n_sigmas = 4;
    loam_image_result out = make(m, &r, NULL);
    loam_image_result_free(&out);
    r = request();
    r.sampler = LOAM_DIFFUSE_LCM;
    r.schedule = LOAM_SCHEDULE_LCM;
    r.steps = 51;
    refused(m, &r, INVALID, "51 steps are more than the distilled timesteps");
    loam_image_model_close(m);
}
