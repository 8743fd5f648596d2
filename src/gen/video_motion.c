/* AnimateDiff: a picture model whose UNet sees all frames of a clip at once. */
#include <stdlib.h>
#include <string.h>

#include "gen/video_int.h"

loam_status loam_video_motion_open(const char *path, const loam_video_model_options *o, loam_video_model *m,
                                   loam_err *err)
{
    loam_image_options io = {
        .n_threads = o->n_threads, .type = o->type, .vae = o->vae, .taesd = o->quick, .motion = o->motion};
    LOAM_TRY(loam_image_model_open(path, &io, &m->pictures, err));
    const loam_motion_params *p = &m->pictures->unet.motion;
    if (p->max_frames < 1)
        LOAM_FAIL(
            err, INVALID,
            "%s makes pictures; to make clips it wants AnimateDiff's motion modules: give their file with --motion",
            path);
    /* the modules were trained with these levels, whatever the picture model was */
    loam_levels_ddpm(&m->levels, LOAM_PREDICTION_EPS, LOAM_BETAS_LINEAR, 0, 0, false);
    m->info = (loam_video_info){.family = "AnimateDiff on Stable Diffusion 1.5",
                                .width = 512,
                                .height = 512,
                                .frames = p->max_frames < 16 ? (int)p->max_frames : 16,
                                .fps = 8,
                                .steps = 25,
                                .multiple = m->pictures->info.multiple,
                                .frame_unit = 1,
                                .max_frames = (int)p->max_frames,
                                .has_quick = m->pictures->taesd != NULL};
    return LOAM_OK;
}

static loam_status want_net(loam_video_model *m, int64_t n, int64_t f, int64_t h, int64_t w, int64_t n_text,
                            loam_err *err)
{
    loam_image_key k = {n, h, w, n_text * 1024 + f};
    if (memcmp(&k, &m->motion_key, sizeof k) == 0)
        return LOAM_OK;
    loam_net_free(&m->motion_net);
    m->motion_key = (loam_image_key){0};
    LOAM_TRY(loam_unet_motion_net(m->pictures->store, &m->pictures->unet, n, f, h, w, n_text, &m->motion_net, err));
    m->motion_key = k;
    return LOAM_OK;
}

loam_status loam_video_motion_plan(loam_video_model *m, const loam_video_request *r, size_t *bytes, loam_err *err)
{
    int64_t unit = m->info.multiple, h = r->height / unit, w = r->width / unit;
    LOAM_TRY(want_net(m, loam_video_is_guided(m, r->guidance) ? 2 : 1, r->frames, h, w, LOAM_PROMPT_CHUNK, err));
    *bytes = loam_net_bytes(&m->motion_net);
    return LOAM_OK;
}

static loam_status evaluate(loam_video_model *m, loam_video_work *k, const float *x, double t, float *out,
                            loam_err *err)
{
    float *in = k->pair + 2 * k->n; /* both predictions see the same */
    memcpy(in, x, k->n * sizeof *in);
    memcpy(in + k->n, x, k->n * sizeof *in);
    loam_unet_input input = {.latent = in, .timestep = (float)t, .text = k->text, .guidance = k->r->guidance - 1.0f};
    return loam_unet_run(&m->motion_net, &m->pictures->unet, &input, out, err);
}

loam_status loam_video_motion_begin(loam_video_model *m, loam_video_work *k, loam_err *err)
{
    loam_image_request r = loam_image_defaults();
    r.prompt = k->r->prompt;
    r.negative = k->r->negative;
    r.guidance = k->r->guidance;
    r.clip_skip = k->r->clip_skip;
    r.loras = k->r->loras;
    r.n_loras = k->r->n_loras;
    loam_image_model *p = m->pictures;
    char *before = p->loras;
    loam_status st = loam_image_use_loras(p, &r, err);
    if (st != LOAM_OK || p->loras != before) { /* the net was planned with other adapters, whose weights are gone */
        loam_net_free(&m->motion_net);
        m->motion_key = (loam_image_key){0};
    }
    if (st != LOAM_OK)
        return st;
    LOAM_TRY(loam_image_encode_text(p, &r, k->r->width, k->r->height, &k->prompt, err));
    LOAM_TRY(want_net(m, k->guided ? 2 : 1, k->f, k->h, k->w, k->prompt.n_rows, err));
    size_t floats = (size_t)(k->prompt.n_rows * p->unet.context);
    k->text = malloc(2 * floats * sizeof *k->text);
    if (!k->text)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the prompt");
    memcpy(k->text, k->prompt.cond, floats * sizeof *k->text);
    if (k->guided)
        memcpy(k->text + floats, k->prompt.uncond, floats * sizeof *k->text);
    k->evaluate = evaluate;
    return LOAM_OK;
}

loam_status loam_video_motion_decode(loam_video_model *m, const loam_video_work *k, const float *latent,
                                     loam_video_result *out, loam_err *err)
{
    int64_t hw = k->h * k->w;
    float *frame = malloc((size_t)(k->c * hw) * sizeof *frame);
    if (!frame)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a frame");
    loam_status st = LOAM_OK;
    for (int64_t i = 0; i < k->f && st == LOAM_OK; i++) {
        loam_image_tell(k->watch, "decode", (int)i, (int)k->f);
        st = loam_image_check_cancelled(k->watch, err);
        for (int64_t c = 0; c < k->c; c++)
            memcpy(frame + c * hw, latent + (c * k->f + i) * hw, (size_t)hw * sizeof *frame);
        if (st == LOAM_OK)
            st = loam_image_decode(m->pictures, frame, k->h, k->w, k->r->tile > 0 ? k->r->tile : 0, k->r->quick_decode,
                                   NULL, &out->frames[i], err);
    }
    free(frame);
    loam_image_tell(k->watch, "decode", (int)k->f, (int)k->f);
    return st;
}
