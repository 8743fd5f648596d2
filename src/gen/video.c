/* Clips: opening, checking, and the loop from noise to frames. */
#include "gen/video_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum { MAX_PLACES = 1 << 20 };

loam_status loam_video_model_open(const char *path, const loam_video_model_options *o, loam_video_model **out,
                                  loam_err *err)
{
    loam_dtype type;
    LOAM_TRY(loam_image_type_of(o->type, &type, err));
    loam_video_model *m = calloc(1, sizeof *m);
    if (!m)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a model");
    loam_weights *w = NULL;
    loam_status st = loam_weights_open(path, &w, err);
    if (st == LOAM_OK) {
        switch (loam_weights_get_family(w)) {
        case LOAM_WEIGHTS_WAN_T2V:
            st = loam_video_wan_open(w, o, type, m, err); /* takes w */
            w = NULL;
            break;
        case LOAM_WEIGHTS_SD15:
            loam_weights_close(w);
            w = NULL;
            st = loam_video_motion_open(path, o, m, err);
            break;
        default:
            loam_err_set(err, LOAM_STATUS_UNSUPPORTED, __FILE__, __LINE__,
                         "%s: it is no clip model; Loam runs Wan 2.1 text to video, and Stable Diffusion 1.5 with "
                         "motion modules",
                         path);
            st = LOAM_STATUS_UNSUPPORTED;
        }
    }
    loam_weights_close(w);
    if (st != LOAM_OK) {
        loam_video_model_close(m);
        return st;
    }
    *out = m;
    return LOAM_OK;
}

void loam_video_model_close(loam_video_model *m)
{
    if (!m)
        return;
    loam_net_free(&m->motion_net);
    loam_image_model_close(m->pictures);
    loam_video_wan_close(m->wan);
    free(m);
}

const loam_video_info *loam_video_model_get_info(const loam_video_model *m)
{
    return &m->info;
}

static loam_status settle(const loam_video_model *m, loam_video_request *r, loam_err *err)
{
    const loam_video_info *i = &m->info;
    r->width = r->width ? r->width : i->width;
    r->height = r->height ? r->height : i->height;
    r->frames = r->frames ? r->frames : i->frames;
    r->fps = r->fps ? r->fps : i->fps;
    r->steps = r->n_sigmas ? r->n_sigmas : r->steps ? r->steps : i->steps;
    r->guidance = r->guidance != 0 ? r->guidance : m->wan ? 5 : 7.5f;
    r->shift = r->shift != 0 ? r->shift : 3;
    if (!r->sampler_given)
        r->sampler = m->wan ? LOAM_DIFFUSE_UNIPC : LOAM_DIFFUSE_DDIM;
    const int sides[2] = {r->width, r->height};
    for (int k = 0; k < 2; k++)
        if (sides[k] < i->multiple || sides[k] > LOAM_IMAGE_MAX_SIDE || sides[k] % i->multiple)
            LOAM_FAIL(err, INVALID, "the %s of %d: it must be a multiple of %d between %d and %d",
                      k ? "height" : "width", sides[k], i->multiple, i->multiple, LOAM_IMAGE_MAX_SIDE);
    if (r->frames < 1 || r->frames > i->max_frames)
        LOAM_FAIL(err, INVALID, "%d frames: this model makes 1 to %d", r->frames, i->max_frames);
    if ((r->frames - 1) % i->frame_unit)
        LOAM_FAIL(err, INVALID, "%d frames: this model makes 1, %d, %d, %d, …; take %d", r->frames, 1 + i->frame_unit,
                  1 + 2 * i->frame_unit, 1 + 3 * i->frame_unit,
                  1 + (r->frames - 1 + i->frame_unit / 2) / i->frame_unit * i->frame_unit);
    /* attention's time grows with the square of this; beyond it a clip would take weeks */
    int64_t places = (int64_t)((r->frames - 1) / i->frame_unit + 1) * (r->width / 16) * (r->height / 16);
    if (places > MAX_PLACES)
        LOAM_FAIL(err, TOO_LARGE,
                  "a clip of %d frames of %d x %d is too much for any machine; take fewer frames or a "
                  "smaller size",
                  r->frames, r->width, r->height);
    if (r->fps < 1 || r->fps > 120)
        LOAM_FAIL(err, INVALID, "%d frames a second: it must be 1 to 120", r->fps);
    if (r->steps < 1 || r->steps > LOAM_LEVELS)
        LOAM_FAIL(err, INVALID, "%d steps: it must be 1 to %d", r->steps, LOAM_LEVELS);
    if (!(r->guidance >= 0 && r->guidance <= 100))
        LOAM_FAIL(err, INVALID, "a guidance of %g: it must be 0 to 100 (1: none)", (double)r->guidance);
    if (!(r->shift > 0 && r->shift <= 100))
        LOAM_FAIL(err, INVALID, "a shift of %g: it must be above 0, and at most 100", r->shift);
    if (r->tile < -1 || (r->tile > 0 && r->tile < LOAM_IMAGE_MIN_TILE))
        LOAM_FAIL(err, INVALID, "tiles of %d: it must be at least %d (0: where memory asks for it, -1: none)", r->tile,
                  LOAM_IMAGE_MIN_TILE);
    if (r->quick_decode && !i->has_quick)
        LOAM_FAIL(err, INVALID, "quick decoding wants %s; give its file with --quick-decoder",
                  m->wan ? "TAEHV" : "TAESD");
    return LOAM_OK;
}

/* Plans the largest net and refuses what cannot fit. */
static loam_status plan(loam_video_model *m, const loam_video_request *r, size_t *bytes, loam_err *err)
{
    LOAM_TRY(m->wan ? loam_video_wan_plan(m, r, bytes, err) : loam_video_motion_plan(m, r, bytes, err));
    size_t have = loam_memory_available();
    if (*bytes > have)
        LOAM_FAIL(err, TOO_LARGE,
                  "a clip of %d frames of %d x %d needs %.1f GB beside the model, and %.1f GB are free: take fewer "
                  "frames or a smaller size",
                  r->frames, r->width, r->height, (double)*bytes * 1e-9, (double)have * 1e-9);
    return LOAM_OK;
}

loam_status loam_video_estimate(loam_video_model *m, const loam_video_request *request, size_t *bytes, loam_err *err)
{
    loam_video_request r = *request;
    LOAM_TRY(settle(m, &r, err));
    return plan(m, &r, bytes, err);
}

static loam_status show_preview(loam_video_model *m, const loam_video_work *k, const float *latent, int step,
                                loam_err *err)
{
    loam_image_rgb picture = {0};
    if (!latent)
        return LOAM_OK;
    if (m->wan) {
        LOAM_TRY(loam_video_wan_preview(m, k, latent, &picture, err));
    } else { /* the frame in the middle, its channels together */
        float *frame = malloc((size_t)(k->c * k->h * k->w) * sizeof *frame);
        if (!frame)
            return LOAM_OK;
        for (int64_t c = 0; c < k->c; c++)
            memcpy(frame + c * k->h * k->w, latent + (c * k->f + k->f / 2) * k->h * k->w,
                   (size_t)(k->h * k->w) * sizeof *frame);
        loam_status st = loam_image_preview(m->pictures, frame, k->h, k->w, &picture, err);
        free(frame);
        if (st != LOAM_OK)
            return st;
    }
    if (picture.pixels)
        k->watch->preview(k->watch->ctx, &picture, 0, step);
    free(picture.pixels);
    return LOAM_OK;
}

static loam_status walk(loam_video_model *m, loam_video_work *k, loam_diffuse *d, loam_err *err)
{
    loam_diffuse_input in = {0};
    int shown = 0;
    while (loam_diffuse_next(d, &in)) {
        loam_image_tell(k->watch, "steps", in.n_evals, in.n_total);
        LOAM_TRY(loam_image_check_cancelled(k->watch, err));
        LOAM_TRY(k->evaluate(m, k, in.x, in.t, k->pair, err));
        if (k->guided)
            loam_diffuse_guide(k->pair, k->pair + k->n, (double)k->r->guidance, 0, 1, k->n, k->pair);
        LOAM_TRY(loam_diffuse_give(d, k->pair, err));
        const loam_image_watch *w = k->watch;
        if (w && w->preview && w->preview_every > 0 && in.step + 1 - shown >= w->preview_every &&
            in.step + 1 < in.n_steps) {
            LOAM_TRY(show_preview(m, k, loam_diffuse_denoised(d), in.step + 1, err));
            shown = in.step + 1;
        }
    }
    loam_image_tell(k->watch, "steps", in.n_total, in.n_total);
    return LOAM_OK;
}

static loam_status run(loam_video_model *m, loam_video_work *k, loam_video_result *out, loam_err *err)
{
    const loam_video_request *r = k->r;
    loam_sigmas sigmas = {0};
    loam_sigmas_options so = {.n_steps = r->steps, .steps_offset = 1, .sigmas = r->sigmas, .n_custom = r->n_sigmas};
    if (m->wan)
        loam_levels_flow(&m->levels, LOAM_PREDICTION_FLOW, r->shift);
    so.schedule = r->n_sigmas                         ? LOAM_SCHEDULE_CUSTOM
                  : r->schedule == LOAM_SCHEDULE_AUTO ? loam_schedule_default(r->sampler, &m->levels)
                                                      : r->schedule;
    if (m->wan && r->sampler == LOAM_DIFFUSE_UNIPC)
        so.rounding = LOAM_TIMESTEPS_DOWN;
    LOAM_TRY(loam_sigmas_new(&m->levels, &so, &sigmas, err));
    loam_diffuse_options o = loam_diffuse_defaults();
    o.sampler = r->sampler;
    o.levels = &m->levels;
    o.sigmas = &sigmas;
    o.n = k->n;
    o.seed = r->seed;
    o.source = r->noise_cuda ? LOAM_NOISE_CUDA : LOAM_NOISE_CPU;
    loam_diffuse *d = NULL;
    loam_status st = loam_diffuse_new(&o, &d, err);
    double t0 = loam_clock_s();
    if (st == LOAM_OK)
        st = walk(m, k, d, err);
    out->steps_s = loam_clock_s() - t0;
    t0 = loam_clock_s();
    if (st == LOAM_OK)
        st = m->wan ? loam_video_wan_decode(m, k, loam_diffuse_latent(d), out, err)
                    : loam_video_motion_decode(m, k, loam_diffuse_latent(d), out, err);
    out->decode_s = loam_clock_s() - t0;
    loam_diffuse_free(d);
    loam_sigmas_free(&sigmas);
    return st;
}

loam_status loam_video_generate(loam_video_model *m, const loam_video_request *request, const loam_image_watch *watch,
                                loam_video_result *out, loam_err *err)
{
    loam_video_request r = *request;
    size_t bytes;
    *out = (loam_video_result){0};
    LOAM_TRY(settle(m, &r, err));
    loam_video_work k = {.r = &r, .watch = watch, .guided = loam_video_is_guided(m, r.guidance)};
    k.h = r.height / (m->wan ? 8 : m->info.multiple);
    k.w = r.width / (m->wan ? 8 : m->info.multiple);
    k.f = m->wan ? (r.frames - 1) / m->info.frame_unit + 1 : r.frames;
    k.c = m->wan ? m->wan->dit.out_channels : m->pictures->unet.out_channels;
    k.n = (size_t)(k.c * k.f * k.h * k.w);
    double t0 = loam_clock_s();
    loam_image_tell(watch, "text", 0, 1);
    LOAM_TRY(plan(m, &r, &bytes, err));
    out->frames = calloc((size_t)r.frames, sizeof *out->frames);
    k.pair = malloc(4 * k.n * sizeof *k.pair);
    loam_status st = LOAM_OK;
    if (!out->frames || !k.pair) {
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a clip of %d frames", r.frames);
        st = LOAM_STATUS_NO_MEMORY;
    }
    out->width = r.width, out->height = r.height, out->fps = r.fps, out->n_frames = r.frames;
    if (st == LOAM_OK)
        st = m->wan ? loam_video_wan_begin(m, &k, err) : loam_video_motion_begin(m, &k, err);
    out->text_s = loam_clock_s() - t0;
    if (st == LOAM_OK)
        st = run(m, &k, out, err);
    free(k.text);
    free(k.pair);
    loam_image_text_free(&k.prompt);
    if (st != LOAM_OK)
        loam_video_result_free(out);
    return st;
}

void loam_video_result_free(loam_video_result *r)
{
    for (int i = 0; r->frames && i < r->n_frames; i++)
        free(r->frames[i].pixels);
    free(r->frames);
    *r = (loam_video_result){0};
}
