/* What pictures and clips have in common: the words of a request and what they stand for. */
#define _GNU_SOURCE /* asprintf */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/images_int.h"

void loam_images_words_deinit(loam_images_words *y)
{
    loam_buf_deinit(&y->prompt);
    for (int i = 0; i < y->n_loras; i++)
        free(y->lora_paths[i]);
}

static loam_status add_lora(const char *folder, loam_images_words *y, const char *name, float strength, bool is_path,
                            loam_err *err)
{
    if (y->n_loras == LOAM_IMAGES_MAX_LORAS)
        LOAM_FAIL(err, INVALID, "more than %d adapters at once", LOAM_IMAGES_MAX_LORAS);
    bool ending = strlen(name) > 12 && strcmp(name + strlen(name) - 12, ".safetensors") == 0;
    if (!is_path && folder && (strchr(name, '/') || strstr(name, "..")))
        LOAM_FAIL(err, INVALID, "the adapter '%s': a name in a prompt may not be a path", name);
    const char *dot = is_path || ending ? "" : ".safetensors";
    char *path = NULL;
    int n = is_path || !folder ? asprintf(&path, "%s%s", name, dot) : asprintf(&path, "%s/%s%s", folder, name, dot);
    if (n < 0)
        LOAM_FAIL(err, NO_MEMORY, "no memory for an adapter");
    y->lora_paths[y->n_loras] = path;
    y->loras[y->n_loras++] = (loam_image_lora){path, strength};
    return LOAM_OK;
}

/* "file" or "file:strength". */
static loam_status add_lora_word(const char *folder, loam_images_words *y, const char *word, loam_err *err)
{
    const char *colon = strrchr(word, ':');
    char *end = NULL;
    float strength = colon ? strtof(colon + 1, &end) : 1;
    if (!colon || end == colon + 1 || *end)
        return add_lora(folder, y, word, 1, true, err);
    if (!isfinite(strength))
        LOAM_FAIL(err, INVALID, "the strength of the adapter '%s' is no number", word);
    char *path = strndup(word, (size_t)(colon - word));
    if (!path)
        LOAM_FAIL(err, NO_MEMORY, "no memory for an adapter");
    loam_status st = add_lora(folder, y, path, strength, true, err);
    free(path);
    return st;
}

static loam_status read_prompt(const char *folder, loam_images_words *y, const char *prompt, loam_err *err)
{
    loam_prompt_loras found = {0};
    loam_status st = loam_prompt_extract(prompt, strlen(prompt), &y->prompt, &found, err);
    for (size_t i = 0; st == LOAM_OK && i < found.n; i++)
        st = add_lora(folder, y, found.at[i].name, found.at[i].weight, false, err);
    loam_prompt_loras_deinit(&found);
    return st;
}

static loam_status read_sigmas(loam_images_words *y, const char *list, loam_err *err)
{
    int n = 0;
    for (const char *p = list; *p;) {
        char *end;
        double v = strtod(p, &end);
        if (end == p || !isfinite(v) || (*end && *end != ','))
            LOAM_FAIL(err, INVALID, "the noise levels '%s': numbers with commas between them are wanted", list);
        if (n == LOAM_IMAGES_MAX_SIGMAS)
            LOAM_FAIL(err, INVALID, "more than %d noise levels", LOAM_IMAGES_MAX_SIGMAS);
        y->sigmas[n++] = v;
        p = *end ? end + 1 : end;
    }
    y->n_sigmas = n;
    return LOAM_OK;
}

loam_status loam_images_words_read(loam_images_words *y, const char *folder, const char *prompt,
                                   const char *const *loras, int n_loras, const char *sampler, const char *schedule,
                                   const char *sigmas, const char *rng, loam_err *err)
{
    *y = (loam_images_words){.sampler = LOAM_DIFFUSE_EULER_A, .schedule = LOAM_SCHEDULE_AUTO};
    loam_buf_init(&y->prompt, LOAM_PROMPT_MAX_TEXT);
    LOAM_TRY(read_prompt(folder, y, prompt ? prompt : "", err));
    for (int i = 0; i < n_loras; i++)
        LOAM_TRY(add_lora_word(folder, y, loras[i], err));
    if (rng && strcmp(rng, "cuda") == 0)
        y->noise_cuda = true;
    else if (rng && strcmp(rng, "cpu") != 0)
        LOAM_FAIL(err, INVALID, "the noise '%s': 'cpu' or 'cuda' is wanted", rng);
    if (sampler) /* "DPM++ 2M Karras" names both */
        LOAM_TRY(loam_diffuse_sampler_parse(sampler, &y->sampler, &y->schedule, err));
    if (schedule)
        LOAM_TRY(loam_schedule_parse(schedule, &y->schedule, err));
    if (sigmas)
        LOAM_TRY(read_sigmas(y, sigmas, err));
    return LOAM_OK;
}

const char *loam_images_sampler_word(loam_diffuse_sampler s)
{
    static const char *const words[LOAM_DIFFUSE_SAMPLER_COUNT] = {
        [LOAM_DIFFUSE_EULER] = "Euler",
        [LOAM_DIFFUSE_EULER_A] = "Euler a",
        [LOAM_DIFFUSE_HEUN] = "Heun",
        [LOAM_DIFFUSE_DPMPP_2M] = "DPM++ 2M",
        [LOAM_DIFFUSE_DPMPP_2M_SDE] = "DPM++ 2M SDE",
        [LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN] = "DPM++ 2M SDE Heun",
        [LOAM_DIFFUSE_DPMPP_SDE] = "DPM++ SDE",
        [LOAM_DIFFUSE_DDIM] = "DDIM",
        [LOAM_DIFFUSE_LCM] = "LCM",
        [LOAM_DIFFUSE_TCD] = "TCD",
        [LOAM_DIFFUSE_UNIPC] = "UniPC",
    };
    return words[s];
}

const char *loam_images_schedule_word(loam_schedule s)
{
    switch (s) {
    case LOAM_SCHEDULE_NORMAL:
        return "Normal";
    case LOAM_SCHEDULE_KARRAS:
        return "Karras";
    case LOAM_SCHEDULE_EXPONENTIAL:
        return "Exponential";
    case LOAM_SCHEDULE_SGM_UNIFORM:
        return "SGM Uniform";
    case LOAM_SCHEDULE_SIMPLE:
        return "Simple";
    case LOAM_SCHEDULE_BETA:
        return "Beta";
    case LOAM_SCHEDULE_DDIM_UNIFORM:
        return "DDIM";
    default:
        return loam_schedule_name(s);
    }
}

loam_status loam_images_picture_of(const loam_image_rgb *rgb, loam_picture **out, loam_err *err)
{
    LOAM_TRY(loam_picture_new(rgb->width, rgb->height, 3, out, err));
    memcpy((*out)->pixels, rgb->pixels, loam_picture_bytes(*out));
    return LOAM_OK;
}

static bool relay_cancelled(void *ctx)
{
    const loam_images_watch *w = ((loam_images_relay *)ctx)->to;
    return w->cancelled && w->cancelled(w->ctx);
}

static void relay_progress(void *ctx, const char *stage, int step, int n_steps)
{
    const loam_images_watch *w = ((loam_images_relay *)ctx)->to;
    if (w->progress)
        w->progress(w->ctx, stage, step, n_steps);
}

static void relay_preview(void *ctx, const loam_image_rgb *rgb, int index, int step)
{
    const loam_images_watch *w = ((loam_images_relay *)ctx)->to;
    loam_picture p = {rgb->width, rgb->height, 3, rgb->pixels};
    w->preview(w->ctx, &p, index, step);
}

const loam_image_watch *loam_images_relay_begin(loam_images_relay *r, const loam_images_watch *to)
{
    *r = (loam_images_relay){.to = to};
    if (!to)
        return NULL;
    r->from = (loam_image_watch){r, relay_cancelled, relay_progress, NULL, 0};
    if (to->preview) {
        r->from.preview = relay_preview;
        r->from.preview_every = to->preview_every;
    }
    return &r->from;
}
