/* A job's work, on the queue's thread. The pictures of a job are made one after the other, so that the first is there
 * while the others are made, and stays when the job is cancelled: seeds and results are the same as of one batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/pictures_int.h"

enum {
    PREVIEW_QUALITY = 80,
    PREVIEW_EVERY_QUICK = 4, /* TAESD: about a second each */
    PREVIEW_EVERY = 1,       /* a product of four numbers a pixel */
};

static bool is_cancelled(void *ctx)
{
    return loam_jobs_run_cancelled(((loam_pictures_work *)ctx)->run);
}

/* Of several pictures, each stage counts on from one to the next. */
static void tell(void *ctx, const char *stage, int step, int n_steps)
{
    const loam_pictures_work *w = ctx;
    loam_jobs_run_progress(w->run, stage, w->done * n_steps + step, w->n * n_steps);
}

static void show(void *ctx, const loam_picture *picture, int index, int step)
{
    loam_buf bytes;
    loam_err err = LOAM_ERR_INIT;
    loam_buf_init(&bytes, LOAM_JOBS_PREVIEW_MAX);
    if (loam_picture_write(picture, NULL, LOAM_PICTURE_JPEG, PREVIEW_QUALITY, &bytes, &err) == LOAM_OK)
        loam_jobs_run_preview(((loam_pictures_work *)ctx)->run, "image/jpeg", bytes.data, bytes.len);
    loam_buf_deinit(&bytes);
}

loam_images_watch loam_pictures_watch(loam_pictures_work *w, int preview_every)
{
    return (loam_images_watch){w, is_cancelled, tell, preview_every ? show : NULL, preview_every};
}

loam_status loam_pictures_open_maker(loam_pictures *p, loam_err *err)
{
    if (p->opened)
        return LOAM_OK;
    const loam_images_info *info;
    LOAM_TRY(p->maker.open(p->maker.ctx, &info, err));
    p->opened = true;
    pthread_mutex_lock(&p->mutex);
    snprintf(p->family, sizeof p->family, "%s", info->family);
    p->size = info->size;
    p->multiple = info->multiple > 0 ? info->multiple : 1;
    p->has_encoder = info->has_encoder;
    p->has_quick = info->has_quick;
    p->known = true;
    pthread_mutex_unlock(&p->mutex);
    return LOAM_OK;
}

static loam_status keep(const loam_pictures_wish *w, loam_jobs_run *run, const loam_images_made *made, uint64_t seed,
                        loam_err *err)
{
    const char *text = made->parameters[0];
    loam_picture_texts texts = {0};
    loam_buf bytes;
    loam_buf_init(&bytes, LOAM_PICTURE_MAX_BYTES);
    json_t *meta = json_pack("{s:I, s:s}", "seed", (json_int_t)seed, "parameters", text);
    char *meta_text = meta ? json_dumps(meta, JSON_COMPACT) : NULL;
    loam_status st = LOAM_OK;
    if (!meta_text)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a picture's text");
    if (st == LOAM_OK)
        st = loam_picture_texts_add(&texts, LOAM_PICTURE_PARAMETERS, text, strlen(text), err);
    if (st == LOAM_OK)
        st = loam_picture_write(made->pictures[0], &texts, w->format, w->quality, &bytes, err);
    if (st == LOAM_OK)
        st = loam_jobs_run_result(run, loam_picture_media_type(w->format), bytes.data, bytes.len, made->width,
                                  made->height, meta_text, err);
    free(meta_text);
    json_decref(meta);
    loam_picture_texts_deinit(&texts);
    loam_buf_deinit(&bytes);
    return st;
}

static loam_status make_all(loam_pictures *p, loam_jobs_run *run, loam_pictures_wish *w, loam_err *err)
{
    loam_pictures_work at = {run, 0, w->r.n};
    int every = w->preview_every >= 0 ? w->preview_every : p->has_quick ? PREVIEW_EVERY_QUICK : PREVIEW_EVERY;
    const loam_images_watch watch = loam_pictures_watch(&at, every);
    uint64_t first = w->r.seed;
    w->r.n = 1;
    for (; at.done < at.n; at.done++) {
        loam_images_made made = {0};
        if (loam_jobs_run_cancelled(run))
            LOAM_FAIL(err, CANCELLED, "cancelled");
        w->r.seed = first + (uint64_t)at.done;
        LOAM_TRY(p->maker.make(p->maker.ctx, &w->r, &watch, &made, err));
        loam_status st = keep(w, run, &made, w->r.seed, err);
        loam_images_made_free(&made);
        LOAM_TRY(st);
    }
    return LOAM_OK;
}

static loam_status run_images(loam_pictures *p, loam_jobs_run *run, const json_t *request, loam_err *err)
{
    if (!p->maker.make)
        LOAM_FAIL(err, UNSUPPORTED, "this server has no picture model now; start it with --image-model");
    loam_jobs_run_progress(run, "load", 0, 1);
    LOAM_TRY(loam_pictures_open_maker(p, err));
    loam_pictures_wish w;
    char param[LOAM_PICTURES_PARAM_MAX];
    LOAM_TRY(loam_pictures_wish_parse(p, request, false, &w, param, err));
    loam_status st = make_all(p, run, &w, err);
    loam_pictures_wish_deinit(&w);
    return st;
}

static loam_status run_videos(loam_pictures *p, loam_jobs_run *run, const json_t *request, loam_err *err)
{
    if (!p->videos.make)
        LOAM_FAIL(err, UNSUPPORTED, "this server has no video model now");
    return p->videos.make(p->videos.ctx, run, request, err);
}

static void remember_failure(loam_pictures *p, const char *id, loam_status code)
{
    pthread_mutex_lock(&p->mutex);
    int at = p->n_failures++ % LOAM_PICTURES_FAILURES;
    snprintf(p->failures[at].id, sizeof p->failures[at].id, "%s", id);
    p->failures[at].code = code;
    pthread_mutex_unlock(&p->mutex);
}

loam_status loam_pictures_run(void *ctx, loam_jobs_run *run, const char *kind, const char *request, loam_err *err)
{
    loam_pictures *p = ctx;
    json_t *v = NULL;
    loam_status st = loam_json_parse(request, strlen(request), LOAM_JOBS_REQUEST_MAX, &v, err);
    if (st == LOAM_OK && strcmp(kind, "image") == 0)
        st = run_images(p, run, v, err);
    else if (st == LOAM_OK && strcmp(kind, "video") == 0)
        st = run_videos(p, run, v, err);
    else if (st == LOAM_OK)
        st =
            loam_err_set(err, LOAM_STATUS_UNSUPPORTED, __FILE__, __LINE__, "jobs of the kind '%s' are not known", kind);
    json_decref(v);
    if (st != LOAM_OK && st != LOAM_STATUS_CANCELLED)
        remember_failure(p, loam_jobs_run_id(run), st);
    return st;
}
