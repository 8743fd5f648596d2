/* Clips by loam_videos: the same fields, the same queue and thread as pictures. */
#define _GNU_SOURCE
#include "service/pictures_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { PREVIEW_EVERY = 2, PATH_BYTES = 4096 };

static loam_status check(void *ctx, const json_t *request, json_t **settled, char *param, loam_err *err)
{
    loam_pictures_wish w;
    LOAM_TRY(loam_pictures_wish_parse(ctx, request, true, &w, param, err));
    bool seeded = w.seeded;
    loam_pictures_wish_deinit(&w);
    return loam_pictures_settle(request, seeded, settled, err);
}

loam_status loam_pictures_open_videos(loam_pictures *p, loam_err *err)
{
    if (p->video_service)
        return LOAM_OK;
    LOAM_TRY(loam_videos_open(&p->video, &p->video_service, err));
    pthread_mutex_lock(&p->mutex);
    p->video_info = *loam_videos_get_info(p->video_service);
    p->video_known = true;
    pthread_mutex_unlock(&p->mutex);
    return LOAM_OK;
}

/* The number of frames that is nearest to so many seconds, of those that the model can make. */
static loam_status frames_of(const loam_videos_info *info, const loam_pictures_wish *w, int *frames, loam_err *err)
{
    int fps = w->fps ? w->fps : info->fps, unit = info->frame_unit > 0 ? info->frame_unit : 1;
    *frames = w->frames;
    if (!(w->seconds > 0))
        return LOAM_OK;
    double wanted = w->seconds * fps, whole = 1 + unit * round((wanted - 1) / unit);
    if (whole > info->max_frames)
        LOAM_FAIL(err, INVALID,
                  "%g seconds are %.0f frames of %d a second; this model makes %d at most, which are %.1f seconds",
                  w->seconds, wanted, fps, info->max_frames, (double)info->max_frames / fps);
    *frames = whole < 1 ? 1 : (int)whole;
    return LOAM_OK;
}

/* The clip's file is written whole before it becomes a result; only one is made at a time. */
static loam_status keep(loam_pictures *p, loam_jobs_run *run, const loam_pictures_wish *w, const loam_videos_made *made,
                        loam_err *err)
{
    char path[PATH_BYTES], *bytes = NULL, *meta_text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s.%s", p->clip_path, w->webp ? "webp" : "mp4");
    json_t *meta = json_pack("{s:I, s:s, s:i, s:i}", "seed", (json_int_t)w->r.seed, "parameters", made->parameters,
                             "frames", made->n_frames, "fps", made->fps);
    meta_text = meta ? json_dumps(meta, JSON_COMPACT) : NULL;
    json_decref(meta);
    loam_status st = LOAM_OK;
    if (!meta_text)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a clip's text");
    if (st == LOAM_OK)
        st = loam_videos_save(made, path, false, err);
    if (st == LOAM_OK)
        st = loam_file_read(path, LOAM_PICTURES_RESULT_MAX, &bytes, &n, err);
    unlink(path);
    if (st == LOAM_OK)
        st = loam_jobs_run_result(run, w->webp ? "image/webp" : "video/mp4", bytes, n, made->width, made->height,
                                  meta_text, err);
    free(bytes);
    free(meta_text);
    return st;
}

static loam_status make(void *ctx, loam_jobs_run *run, const json_t *request, loam_err *err)
{
    loam_pictures *p = ctx;
    loam_pictures_wish w;
    loam_videos_made made = {0};
    char param[LOAM_PICTURES_PARAM_MAX];
    int frames = 0;
    loam_jobs_run_progress(run, "load", 0, 1);
    LOAM_TRY(loam_pictures_open_videos(p, err));
    LOAM_TRY(loam_pictures_wish_parse(p, request, true, &w, param, err));
    loam_status st = frames_of(&p->video_info, &w, &frames, err);
    loam_pictures_work at = {run, 0, 1};
    const loam_images_watch watch = loam_pictures_watch(&at, w.preview_every >= 0 ? w.preview_every : PREVIEW_EVERY);
    const loam_videos_request r = {.prompt = w.r.prompt,
                                   .negative = w.r.negative,
                                   .width = w.r.width,
                                   .height = w.r.height,
                                   .frames = frames,
                                   .fps = w.fps,
                                   .steps = w.r.steps,
                                   .guidance = w.r.guidance,
                                   .shift = w.shift,
                                   .seed = w.r.seed,
                                   .rng = w.r.rng,
                                   .sampler = w.r.sampler,
                                   .schedule = w.r.schedule,
                                   .sigmas = w.r.sigmas,
                                   .clip_skip = w.r.clip_skip,
                                   .quick_decode = w.r.quick_decode,
                                   .tile = w.r.tile};
    if (st == LOAM_OK)
        st = loam_videos_make(p->video_service, &r, &watch, &made, err);
    if (st == LOAM_OK)
        st = keep(p, run, &w, &made, err);
    loam_videos_made_free(&made);
    loam_pictures_wish_deinit(&w);
    return st;
}

static json_t *describe(void *ctx)
{
    loam_pictures *p = ctx;
    pthread_mutex_lock(&p->mutex);
    const loam_videos_info *i = &p->video_info;
    json_t *v = p->video_known
                    ? json_pack("{s:b, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b}", "loaded", 1, "family",
                                i->family, "width", i->width, "height", i->height, "frames", i->frames, "fps", i->fps,
                                "steps", i->steps, "multiple", i->multiple, "frame_unit", i->frame_unit, "max_frames",
                                i->max_frames, "has_quick", i->has_quick)
                    : json_pack("{s:b, s:b}", "loaded", 0, "has_quick", p->video.quick != NULL);
    pthread_mutex_unlock(&p->mutex);
    return v;
}

static void close_model(void *ctx)
{
    loam_videos_close(((loam_pictures *)ctx)->video_service);
}

loam_pictures_videos loam_pictures_own_videos(loam_pictures *p)
{
    return (loam_pictures_videos){
        .ctx = p, .model = p->video_model, .check = check, .make = make, .describe = describe, .close = close_model};
}
