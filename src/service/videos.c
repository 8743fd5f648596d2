#include "service/videos.h"

#include <stdlib.h>
#include <string.h>

#include "format/clip.h"
#include "format/generation_text.h"
#include "gen/video.h"
#include "service/images_int.h"

struct loam_videos {
    loam_video_model *model;
    loam_videos_info info;
    char *name, *lora_folder;
};

loam_status loam_videos_open(const loam_videos_options *o, loam_videos **out, loam_err *err)
{
    loam_videos *s = calloc(1, sizeof *s);
    const char *slash = strrchr(o->model, '/');
    if (s) {
        s->name = strdup(slash && slash[1] ? slash + 1 : o->model);
        s->lora_folder = o->lora_folder ? strdup(o->lora_folder) : NULL;
    }
    if (!s || !s->name || (o->lora_folder && !s->lora_folder)) {
        loam_videos_close(s);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a model");
    }
    loam_video_model_options vo = {.n_threads = o->n_threads,
                                   .type = o->type,
                                   .motion = o->motion,
                                   .vae = o->vae,
                                   .text_encoder = o->text_encoder,
                                   .tokenizer = o->tokenizer,
                                   .quick = o->quick};
    loam_status st = loam_video_model_open(o->model, &vo, &s->model, err);
    if (st != LOAM_OK) {
        loam_videos_close(s);
        return st;
    }
    const loam_video_info *i = loam_video_model_get_info(s->model);
    s->info = (loam_videos_info){s->name,  i->family,   i->width,      i->height,     i->frames,   i->fps,
                                 i->steps, i->multiple, i->frame_unit, i->max_frames, i->has_quick};
    *out = s;
    return LOAM_OK;
}

void loam_videos_close(loam_videos *s)
{
    if (!s)
        return;
    loam_video_model_close(s->model);
    free(s->name);
    free(s->lora_folder);
    free(s);
}

const loam_videos_info *loam_videos_get_info(const loam_videos *s)
{
    return &s->info;
}

static loam_status prepare(const loam_videos *s, const loam_videos_request *r, loam_images_words *words,
                           loam_video_request *out, loam_err *err)
{
    LOAM_TRY(loam_images_words_read(words, s->lora_folder, r->prompt, r->loras, r->n_loras, r->sampler, r->schedule,
                                    r->sigmas, r->rng, err));
    *out = (loam_video_request){.prompt = loam_buf_text(&words->prompt),
                                .negative = r->negative,
                                .width = r->width,
                                .height = r->height,
                                .frames = r->frames,
                                .fps = r->fps,
                                .steps = r->steps,
                                .guidance = r->guidance,
                                .seed = r->seed,
                                .noise_cuda = words->noise_cuda,
                                .sampler_given = r->sampler != NULL,
                                .sampler = words->sampler,
                                .schedule = words->schedule,
                                .shift = r->shift,
                                .sigmas = words->sigmas,
                                .n_sigmas = words->n_sigmas,
                                .clip_skip = r->clip_skip,
                                .loras = words->loras,
                                .n_loras = words->n_loras,
                                .quick_decode = r->quick_decode,
                                .tile = r->tile};
    return LOAM_OK;
}

loam_status loam_videos_check(loam_videos *s, const loam_videos_request *r, loam_err *err)
{
    loam_images_words words;
    loam_video_request ready;
    size_t bytes;
    loam_status st = prepare(s, r, &words, &ready, err);
    if (st == LOAM_OK)
        st = loam_video_estimate(s->model, &ready, &bytes, err);
    loam_images_words_deinit(&words);
    return st;
}

static loam_status describe(const loam_videos *s, const loam_videos_request *r, const loam_videos_made *made,
                            char **out, loam_err *err)
{
    loam_generation_text g = {0};
    loam_buf text;
    loam_buf_init(&text, LOAM_GENERATION_TEXT_MAX);
    loam_status st = loam_generation_text_set_prompts(&g, r->prompt ? r->prompt : "", r->negative, err);
#define ADD(...)                                                 \
    do {                                                         \
        if (st == LOAM_OK)                                       \
            st = loam_generation_text_add(&g, err, __VA_ARGS__); \
    } while (0)
    ADD("Steps", "%d", r->steps ? r->steps : s->info.steps);
    if (r->sampler)
        ADD("Sampler", "%s", r->sampler);
    if (r->schedule)
        ADD("Schedule type", "%s", r->schedule);
    if (r->guidance != 0)
        ADD("CFG scale", "%g", (double)r->guidance);
    if (r->shift != 0)
        ADD("Shift", "%g", r->shift);
    ADD("Seed", "%llu", (unsigned long long)r->seed);
    ADD("Size", "%dx%d", made->width, made->height);
    ADD("Frames", "%d", made->n_frames);
    ADD("FPS", "%d", made->fps);
    ADD("Model", "%s", s->name);
    ADD("Version", "loam " LOAM_VERSION);
#undef ADD
    if (st == LOAM_OK)
        st = loam_generation_text_format(&g, &text, err);
    if (st == LOAM_OK && !(*out = strdup(loam_buf_text(&text)))) {
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a clip's text");
        st = LOAM_STATUS_NO_MEMORY;
    }
    loam_buf_deinit(&text);
    loam_generation_text_deinit(&g);
    return st;
}

loam_status loam_videos_make(loam_videos *s, const loam_videos_request *r, const loam_images_watch *watch,
                             loam_videos_made *made, loam_err *err)
{
    loam_images_words words;
    loam_video_request ready;
    loam_video_result result = {0};
    loam_images_relay relay;
    *made = (loam_videos_made){0};
    loam_status st = prepare(s, r, &words, &ready, err);
    if (st == LOAM_OK)
        st = loam_video_generate(s->model, &ready, loam_images_relay_begin(&relay, watch), &result, err);
    if (st == LOAM_OK) {
        made->frames = calloc((size_t)result.n_frames, sizeof(loam_picture *));
        if (!made->frames) {
            loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %d frames", result.n_frames);
            st = LOAM_STATUS_NO_MEMORY;
        }
    }
    if (st == LOAM_OK) {
        made->n_frames = result.n_frames;
        made->width = result.width;
        made->height = result.height;
        made->fps = result.fps;
        made->text_s = result.text_s;
        made->steps_s = result.steps_s;
        made->decode_s = result.decode_s;
    }
    for (int i = 0; st == LOAM_OK && i < made->n_frames; i++)
        st = loam_images_picture_of(&result.frames[i], &made->frames[i], err);
    if (st == LOAM_OK)
        st = describe(s, r, made, &made->parameters, err);
    loam_video_result_free(&result);
    loam_images_words_deinit(&words);
    if (st != LOAM_OK)
        loam_videos_made_free(made);
    return st;
}

void loam_videos_made_free(loam_videos_made *made)
{
    for (int i = 0; made->frames && i < made->n_frames; i++)
        loam_picture_free(made->frames[i]);
    free(made->frames);
    free(made->parameters);
    *made = (loam_videos_made){0};
}

loam_status loam_videos_check_path(const char *path, loam_err *err)
{
    return loam_clip_check_path(path, err);
}

loam_status loam_videos_save(const loam_videos_made *made, const char *path, bool av1, loam_err *err)
{
    loam_clip_options o = {.width = made->width,
                           .height = made->height,
                           .fps_num = made->fps,
                           .codec = av1 ? LOAM_VIDEO_AV1 : LOAM_VIDEO_H264,
                           .parameters = made->parameters};
    loam_clip *c = NULL;
    LOAM_TRY(loam_clip_open(path, &o, &c, err));
    for (int i = 0; i < made->n_frames; i++) {
        loam_status st = loam_clip_add(c, made->frames[i], err);
        if (st != LOAM_OK) {
            loam_clip_abort(c);
            return st;
        }
    }
    return loam_clip_close(c, err);
}
