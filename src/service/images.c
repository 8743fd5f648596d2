#include "service/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "format/generation_text.h"
#include "service/images_int.h"

struct loam_images {
    loam_image_model *model;
    loam_images_info info;
    char *name, *lora_folder;
};

loam_images_request loam_images_defaults(void)
{
    loam_image_request d = loam_image_defaults();
    return (loam_images_request){
        .steps = d.steps, .guidance = d.guidance, .n = d.n, .strength = d.strength, .hires_strength = d.hires_strength};
}

uint64_t loam_images_random_seed(void)
{
    uint32_t seed = 1; /* as short as the seeds that people pass on */
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint32_t)getpid();
    return seed;
}

loam_status loam_images_open(const loam_images_options *o, loam_images **out, loam_err *err)
{
    loam_images *s = calloc(1, sizeof *s);
    const char *slash = strrchr(o->model, '/');
    if (s) {
        s->name = strdup(slash && slash[1] ? slash + 1 : o->model);
        s->lora_folder = o->lora_folder ? strdup(o->lora_folder) : NULL;
    }
    if (!s || !s->name || (o->lora_folder && !s->lora_folder)) {
        loam_images_close(s);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a model");
    }
    loam_image_options io = {.n_threads = o->n_threads, .type = o->type, .vae = o->vae, .taesd = o->taesd};
    loam_status st = loam_image_model_open(o->model, &io, &s->model, err);
    if (st != LOAM_OK) {
        loam_images_close(s);
        return st;
    }
    const loam_image_info *i = loam_image_model_get_info(s->model);
    s->info = (loam_images_info){s->name, i->family, i->size, i->multiple, i->has_encoder, i->has_quick};
    *out = s;
    return LOAM_OK;
}

void loam_images_close(loam_images *s)
{
    if (!s)
        return;
    loam_image_model_close(s->model);
    free(s->name);
    free(s->lora_folder);
    free(s);
}

const loam_images_info *loam_images_get_info(const loam_images *s)
{
    return &s->info;
}

/* ---- from a request's words to what the engine takes ---- */

typedef struct ready {
    loam_image_request r;
    loam_images_words words;
    loam_image_rgb start;
    uint8_t *mask;
} ready;

static void ready_deinit(ready *y)
{
    loam_images_words_deinit(&y->words);
    free(y->start.pixels);
    free(y->mask);
}

/* RGB over black, of the size asked for; *out.pixels is owned. */
static loam_status fitted(const loam_picture *in, int width, int height, loam_image_rgb *out, loam_err *err)
{
    size_t n = (size_t)in->width * (size_t)in->height;
    loam_image_rgb rgb = {in->width, in->height, malloc(n * 3)};
    if (!rgb.pixels)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a picture of %d x %d", in->width, in->height);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < 3; j++) {
            const uint8_t *p = in->pixels + i * (size_t)in->channels;
            rgb.pixels[i * 3 + j] = in->channels == 4 ? (uint8_t)((p[j] * p[3] + 127) / 255) : p[j];
        }
    if (width == in->width && height == in->height) {
        *out = rgb;
        return LOAM_OK;
    }
    loam_status st = loam_image_resize(&rgb, width, height, out, err);
    free(rgb.pixels);
    return st;
}

static loam_status read_start(loam_images *s, const loam_images_request *r, ready *y, loam_err *err)
{
    loam_picture *start = NULL, *mask = NULL;
    loam_status st = LOAM_OK;
    const loam_picture *from = r->start, *over = r->mask;
    if (!from && r->start_path) {
        st = loam_picture_read_file(r->start_path, &start, NULL, err);
        from = start;
    }
    if (st == LOAM_OK && !over && r->mask_path) {
        st = loam_picture_read_file(r->mask_path, &mask, NULL, err);
        over = mask;
    }
    if (st == LOAM_OK && from) {
        int unit = s->info.multiple; /* the nearest size that the model can have */
        y->r.width = r->width ? r->width : (from->width + unit / 2) / unit * unit;
        y->r.height = r->height ? r->height : (from->height + unit / 2) / unit * unit;
        const int most = loam_image_model_get_info(s->model)->max_side;
        if (y->r.width < unit || y->r.height < unit || y->r.width > most || y->r.height > most)
            st = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                              "the picture to start from is %d x %d: sides of %d to %d are wanted", y->r.width,
                              y->r.height, unit, most);
        if (st == LOAM_OK)
            st = fitted(from, y->r.width, y->r.height, &y->start, err);
        y->r.start = &y->start;
    }
    if (st == LOAM_OK && over && from) {
        loam_image_rgb m;
        st = fitted(over, y->r.width, y->r.height, &m, err);
        if (st == LOAM_OK) {
            size_t n = (size_t)y->r.width * (size_t)y->r.height;
            for (size_t i = 0; i < n; i++) /* grey, in place */
                m.pixels[i] = (uint8_t)((m.pixels[i * 3] + m.pixels[i * 3 + 1] + m.pixels[i * 3 + 2]) / 3);
            y->mask = m.pixels;
            y->r.mask = y->mask;
        }
    } else if (st == LOAM_OK && over) {
        loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "a mask without a picture that it is for");
        st = LOAM_STATUS_INVALID;
    }
    loam_picture_free(start);
    loam_picture_free(mask);
    return st;
}

static loam_status prepare(loam_images *s, const loam_images_request *r, ready *y, loam_err *err)
{
    *y = (ready){.r = loam_image_defaults()};
    LOAM_TRY(loam_images_words_read(&y->words, s->lora_folder, r->prompt, r->loras, r->n_loras, r->sampler, r->schedule,
                                    r->sigmas, r->rng, err));
    y->r.prompt = loam_buf_text(&y->words.prompt);
    y->r.negative = r->negative;
    y->r.width = r->width;
    y->r.height = r->height;
    y->r.steps = r->steps;
    y->r.guidance = r->guidance;
    y->r.seed = r->seed;
    y->r.n = r->n;
    y->r.clip_skip = r->clip_skip;
    y->r.strength = r->strength;
    y->r.hires = r->hires;
    y->r.hires_strength = r->hires_strength;
    y->r.hires_steps = r->hires_steps;
    y->r.tile = r->tile;
    y->r.quick_decode = r->quick_decode;
    y->r.loras = y->words.loras;
    y->r.n_loras = y->words.n_loras;
    y->r.noise_cuda = y->words.noise_cuda;
    y->r.sampler = y->words.sampler;
    y->r.schedule = y->words.schedule;
    y->r.sigmas = y->words.sigmas;
    y->r.n_sigmas = y->words.n_sigmas;
    return read_start(s, r, y, err);
}

loam_status loam_images_check(loam_images *s, const loam_images_request *r, loam_err *err)
{
    ready y;
    size_t bytes;
    loam_status st = prepare(s, r, &y, err);
    if (st == LOAM_OK)
        st = loam_image_estimate(s->model, &y.r, &bytes, err);
    ready_deinit(&y);
    return st;
}

/* ---- results ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A1111's text. width and height are the picture's; those of the first pass stand in it. */
static loam_status describe(const loam_images *s, const loam_images_request *r, const loam_image_request *made_as,
                            int i, int width, int height, char **out, loam_err *err)
{
    loam_generation_text g = {0};
    loam_buf text;
    loam_buf_init(&text, LOAM_GENERATION_TEXT_MAX);
    loam_status st = loam_generation_text_set_prompts(&g, r->prompt ? r->prompt : "", r->negative, err);
    if (made_as->hires > 1 && !made_as->start) {
        width = made_as->width ? made_as->width : s->info.size;
        height = made_as->height ? made_as->height : s->info.size;
    } else if (made_as->start) {
        width = made_as->start->width;
        height = made_as->start->height;
    }
#define ADD(...)                                                 \
    do {                                                         \
        if (st == LOAM_OK)                                       \
            st = loam_generation_text_add(&g, err, __VA_ARGS__); \
    } while (0)
    ADD("Steps", "%d", made_as->n_sigmas ? made_as->n_sigmas : made_as->steps);
    ADD("Sampler", "%s", loam_images_sampler_word(made_as->sampler));
    if (made_as->n_sigmas)
        ADD("Sigmas", "%s", r->sigmas);
    else if (made_as->schedule != LOAM_SCHEDULE_AUTO)
        ADD("Schedule type", "%s", loam_images_schedule_word(made_as->schedule));
    ADD("CFG scale", "%g", (double)made_as->guidance);
    ADD("Seed", "%llu", (unsigned long long)(made_as->seed + (uint64_t)i));
    ADD("Size", "%dx%d", width, height);
    ADD("Model", "%s", s->name);
    ADD("RNG", "%s", made_as->noise_cuda ? "NV" : "CPU");
    if (made_as->clip_skip > 0)
        ADD("Clip skip", "%d", made_as->clip_skip);
    if (made_as->start)
        ADD("Denoising strength", "%g", (double)made_as->strength);
    if (made_as->hires > 1) {
        ADD(made_as->start ? "Hires strength" : "Denoising strength", "%g", (double)made_as->hires_strength);
        ADD("Hires upscale", "%g", (double)made_as->hires);
        ADD("Hires upscaler", "Lanczos");
        if (made_as->hires_steps > 0)
            ADD("Hires steps", "%d", made_as->hires_steps);
    }
    for (int k = 0; k < r->n_loras; k++)
        ADD("Adapter", "%s", base_name(r->loras[k]));
    ADD("Version", "loam " LOAM_VERSION);
#undef ADD
    if (st == LOAM_OK)
        st = loam_generation_text_format(&g, &text, err);
    if (st == LOAM_OK) {
        *out = strdup(loam_buf_text(&text));
        if (!*out) {
            loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a picture's text");
            st = LOAM_STATUS_NO_MEMORY;
        }
    }
    loam_buf_deinit(&text);
    loam_generation_text_deinit(&g);
    return st;
}

loam_status loam_images_make(loam_images *s, const loam_images_request *r, const loam_images_watch *watch,
                             loam_images_made *made, loam_err *err)
{
    ready y;
    loam_image_result result = {0};
    *made = (loam_images_made){0};
    loam_images_relay relay;
    loam_status st = prepare(s, r, &y, err);
    if (st == LOAM_OK)
        st = loam_image_generate(s->model, &y.r, loam_images_relay_begin(&relay, watch), &result, err);
    if (st == LOAM_OK) {
        made->pictures = calloc((size_t)result.n, sizeof(loam_picture *));
        made->parameters = calloc((size_t)result.n, sizeof(char *));
        if (!made->pictures || !made->parameters) {
            loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %d pictures", result.n);
            st = LOAM_STATUS_NO_MEMORY;
        } else {
            made->n = result.n;
            made->width = result.pictures[0].width;
            made->height = result.pictures[0].height;
        }
    }
    for (int i = 0; st == LOAM_OK && i < made->n; i++) {
        st = loam_images_picture_of(&result.pictures[i], &made->pictures[i], err);
        if (st == LOAM_OK)
            st = describe(s, r, &y.r, i, made->width, made->height, &made->parameters[i], err);
    }
    made->text_s = result.text_s;
    made->steps_s = result.steps_s;
    made->decode_s = result.decode_s;
    loam_image_result_free(&result);
    ready_deinit(&y);
    if (st != LOAM_OK)
        loam_images_made_free(made);
    return st;
}

void loam_images_made_free(loam_images_made *made)
{
    for (int i = 0; i < made->n; i++) {
        if (made->pictures)
            loam_picture_free(made->pictures[i]);
        if (made->parameters)
            free(made->parameters[i]);
    }
    free(made->pictures);
    free(made->parameters);
    *made = (loam_images_made){0};
}

loam_status loam_images_check_path(const char *path, loam_err *err)
{
    if (loam_picture_kind_of_path(path) == LOAM_PICTURE_UNKNOWN)
        LOAM_FAIL(err, INVALID, "%s: the ending says which format; take .png, .jpg or .webp", path);
    return LOAM_OK;
}

loam_status loam_images_save(const loam_images_made *made, int i, const char *path, loam_err *err)
{
    loam_picture_texts texts = {0};
    LOAM_TRY(loam_images_check_path(path, err));
    loam_status st =
        loam_picture_texts_add(&texts, LOAM_PICTURE_PARAMETERS, made->parameters[i], strlen(made->parameters[i]), err);
    if (st == LOAM_OK)
        st = loam_picture_write_file(path, made->pictures[i], &texts, 0, err);
    loam_picture_texts_deinit(&texts);
    return st;
}

void loam_images_numbered(char *out, size_t size, const char *path, int n, int i)
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    int stem = (int)(dot && (!slash || dot > slash) ? dot - path : (long)strlen(path));
    if (n == 1)
        snprintf(out, size, "%s", path);
    else
        snprintf(out, size, "%.*s-%d%s", stem, path, i + 1, path + stem);
}
