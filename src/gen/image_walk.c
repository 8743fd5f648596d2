/* The walk from noise to latents: the sampler asks, the UNet answers, one picture at a time, so that a picture has the
 * same bits alone and among others. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gen/image_int.h"

/* What the UNet reads and writes in one evaluation: of a pair (with the prompt, with the negative one) or of one. */
typedef struct ends {
    int64_t n_sides;
    float *latent, *answer; /* [n_sides][n] */
    float *text;            /* [n_sides][n_rows][context] */
    float *added;           /* [n_sides][added] */
    float *outputs;         /* [pictures][n], guided */
} ends;

/* e->latent is the memory of all. */
static loam_status ends_init(const loam_image_model *m, const loam_image_work *k, ends *e, loam_err *err)
{
    const loam_image_text *t = &k->text;
    const size_t sides = t->uncond ? 2 : 1, text = (size_t)(t->n_rows * m->unet.context), added = (size_t)m->unet.added;
    float *p = malloc((sides * (2 * k->n + text + added) + (size_t)k->r->n * k->n) * sizeof *p);
    if (!p)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %d latents", k->r->n);
    *e = (ends){.n_sides = (int64_t)sides, .latent = p, .answer = p + sides * k->n, .text = p + 2 * sides * k->n};
    e->added = e->text + sides * text;
    e->outputs = e->added + sides * added;
    for (size_t i = 0; i < sides; i++) {
        memcpy(e->text + i * text, i ? t->uncond : t->cond, text * sizeof *p);
        if (added)
            memcpy(e->added + i * added, i ? t->uncond_added : t->cond_added, added * sizeof *p);
    }
    return LOAM_OK;
}

static loam_status evaluate(loam_image_model *m, const loam_image_work *k, const loam_diffuse_input *in, const ends *e,
                            loam_err *err)
{
    const double scale = (double)k->r->guidance;
    loam_unet_input input = {.latent = e->latent,
                             .timestep = (float)in->t,
                             .text = e->text,
                             .added = e->added,
                             .guidance = k->r->guidance - 1.0f};
    for (int i = 0; i < k->r->n; i++) {
        float *out = e->outputs + (size_t)i * k->n;
        LOAM_TRY(loam_image_check_cancelled(k->watch, err));
        for (int64_t j = 0; j < e->n_sides; j++)
            memcpy(e->latent + (size_t)j * k->n, in->x + (size_t)i * k->n, k->n * sizeof *e->latent);
        LOAM_TRY(loam_unet_run(loam_image_net_of(m, LOAM_IMAGE_UNET), &m->unet, &input, e->answer, err));
        if (e->n_sides == 2)
            loam_diffuse_guide(e->answer, e->answer + k->n, scale, 0, 1, k->n, out);
        else
            memcpy(out, e->answer, k->n * sizeof *out);
    }
    return LOAM_OK;
}

static loam_status show_preview(loam_image_model *m, const loam_image_work *k, const loam_diffuse *d, int step,
                                loam_err *err)
{
    const loam_image_watch *w = k->watch;
    const float *latent = loam_diffuse_denoised(d);
    for (int i = 0; i < k->r->n && latent; i++) {
        loam_image_rgb picture;
        LOAM_TRY(loam_image_preview(m, latent + (size_t)i * k->n, k->h, k->w, &picture, err));
        w->preview(w->ctx, &picture, i, step);
        free(picture.pixels);
    }
    return LOAM_OK;
}

static loam_status walk(loam_image_model *m, const loam_image_work *k, loam_diffuse *d, const ends *e, loam_err *err)
{
    const loam_image_watch *w = k->watch;
    loam_diffuse_input in = {0};
    int shown = 0;
    while (loam_diffuse_next(d, &in)) {
        loam_image_tell(w, k->stage, in.n_evals, in.n_total);
        LOAM_TRY(evaluate(m, k, &in, e, err));
        LOAM_TRY(loam_diffuse_give(d, e->outputs, err));
        int done = in.step + 1;
        if (w && w->preview && w->preview_every > 0 && done - shown >= w->preview_every && done < in.n_steps) {
            LOAM_TRY(show_preview(m, k, d, done, err));
            shown = done;
        }
    }
    loam_image_tell(w, k->stage, in.n_total, in.n_total);
    return LOAM_OK;
}

static bool is_k_diffusion(loam_diffuse_sampler s)
{
    return s != LOAM_DIFFUSE_DDIM && s != LOAM_DIFFUSE_LCM && s != LOAM_DIFFUSE_TCD && s != LOAM_DIFFUSE_UNIPC;
}

/* diffusers' Euler with its leading timesteps starts from sqrt(sigma² + 1)·noise where k-diffusion starts from
 * sigma·noise. What is missing is given as a picture to start from: (sqrt(sigma² + 1) - sigma)·noise.
 * both [pictures][n]. */
static void lift_start(const loam_image_work *k, double sigma, float *noise, float *start)
{
    const double missing = sqrt(sigma * sigma + 1) - sigma;
    for (int i = 0; i < k->r->n; i++)
        loam_noise_normal(&k->generators[i], noise + (size_t)i * k->n, k->n);
    for (size_t i = 0; i < (size_t)k->r->n * k->n; i++)
        start[i] = (float)(missing * (double)noise[i]);
}

static loam_status run(loam_image_model *m, loam_image_work *k, const loam_sigmas *sigmas, float *lifted, loam_err *err)
{
    const loam_image_request *r = k->r;
    /* with a mask and all of the noise nothing is left of the start, not even its faint mean, as in diffusers */
    const bool from_noise = !k->start || (k->mask && k->strength == 1);
    loam_diffuse_options o = loam_diffuse_defaults();
    o.sampler = r->sampler;
    o.levels = &m->levels;
    o.sigmas = sigmas;
    o.n_images = r->n;
    o.n = k->n;
    o.generators = k->generators;
    o.eta = r->eta;
    o.start = from_noise ? NULL : k->start;
    o.mask = k->mask;
    o.known = k->mask ? k->start : NULL;
    if (lifted && from_noise) {
        lift_start(k, sigmas->sigma[0], lifted, lifted + (size_t)r->n * k->n);
        o.noise = lifted;
        o.start = lifted + (size_t)r->n * k->n;
    }
    loam_diffuse *d = NULL;
    ends e = {0};
    loam_status st = loam_diffuse_new(&o, &d, err);
    if (st == LOAM_OK)
        st = ends_init(m, k, &e, err);
    if (st == LOAM_OK)
        st = walk(m, k, d, &e, err);
    if (st == LOAM_OK)
        memcpy(k->latents, loam_diffuse_latent(d), (size_t)r->n * k->n * sizeof *k->latents);
    free(e.latent);
    loam_diffuse_free(d);
    return st;
}

loam_status loam_image_walk(loam_image_model *m, loam_image_work *k, loam_err *err)
{
    const loam_image_request *r = k->r;
    loam_sigmas sigmas = {0};
    float *lifted = NULL;
    LOAM_TRY(loam_image_sigmas(m, r, k->steps, k->strength, &sigmas, err));
    loam_status st = LOAM_OK;
    if (r->schedule == LOAM_SCHEDULE_LEADING && !r->n_sigmas && is_k_diffusion(r->sampler)) {
        lifted = malloc(2 * (size_t)r->n * k->n * sizeof *lifted);
        if (!lifted)
            st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %d latents", r->n);
    }
    if (st == LOAM_OK)
        st = run(m, k, &sigmas, lifted, err);
    free(lifted);
    loam_sigmas_free(&sigmas);
    loam_image_leave(m, LOAM_IMAGE_UNET);
    return st;
}
