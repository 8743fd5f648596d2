/* The walk itself: start, input, output to prediction, masks. What a step does is in diffuse_k.c (k-diffusion's),
 * diffuse_few.c (DDIM and what few-step models use) and diffuse_unipc.c. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "gen/diffuse_int.h"

static const struct {
    bool (*advance)(loam_diffuse *d);
    bool preserving; /* diffusers' path for models that are not flows */
    int n_evals;     /* of a step that does not end at 0 */
    double eta;      /* where nobody says */
} samplers[LOAM_DIFFUSE_SAMPLER_COUNT] = {
    [LOAM_DIFFUSE_EULER] = {loam_diffuse_euler, .n_evals = 1},
    [LOAM_DIFFUSE_EULER_A] = {loam_diffuse_euler_a, .n_evals = 1, .eta = 1},
    [LOAM_DIFFUSE_HEUN] = {loam_diffuse_heun, .n_evals = 2},
    [LOAM_DIFFUSE_DPMPP_2M] = {loam_diffuse_dpmpp_2m, .n_evals = 1},
    [LOAM_DIFFUSE_DPMPP_2M_SDE] = {loam_diffuse_dpmpp_2m_sde, .n_evals = 1, .eta = 1},
    [LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN] = {loam_diffuse_dpmpp_2m_sde, .n_evals = 1, .eta = 1},
    [LOAM_DIFFUSE_DPMPP_SDE] = {loam_diffuse_dpmpp_sde, .n_evals = 2, .eta = 1},
    [LOAM_DIFFUSE_DDIM] = {loam_diffuse_ddim, .preserving = true, .n_evals = 1},
    [LOAM_DIFFUSE_LCM] = {loam_diffuse_lcm, .preserving = true, .n_evals = 1},
    [LOAM_DIFFUSE_TCD] = {loam_diffuse_tcd, .preserving = true, .n_evals = 1, .eta = 0.3},
    [LOAM_DIFFUSE_UNIPC] = {loam_diffuse_unipc, .preserving = true, .n_evals = 1},
};

loam_diffuse_options loam_diffuse_defaults(void)
{
    return (loam_diffuse_options){.n_images = 1, .eta = NAN, .s_noise = NAN};
}

void loam_diffuse_sum(float *out, size_t n, const loam_diffuse_term *terms, int n_terms)
{
    loam_diffuse_term t[LOAM_DIFFUSE_MAX_TERMS];
    for (int k = 0; k < LOAM_DIFFUSE_MAX_TERMS; k++) /* unused ones count zero times what is there anyway */
        t[k] = k < n_terms ? terms[k] : (loam_diffuse_term){0, terms[0].v};
    for (size_t i = 0; i < n; i++) {
        double s = t[0].weight * (double)t[0].v[i] + t[1].weight * (double)t[1].v[i];
        out[i] = (float)(s + t[2].weight * (double)t[2].v[i] + t[3].weight * (double)t[3].v[i]);
    }
}

void loam_diffuse_draw(loam_diffuse *d)
{
    for (int i = 0; i < d->o.n_images; i++)
        loam_noise_normal(&d->generators[i], d->fresh + (size_t)i * d->o.n, d->o.n);
}

loam_diffuse_point loam_diffuse_point_at(const loam_diffuse *d, double level)
{
    loam_diffuse_point p = {.level = level, .t = loam_levels_t_of_sigma(d->o.levels, level)};
    switch (d->path) {
    case LOAM_DIFFUSE_PATH_FREE:
        p.alpha = 1, p.sigma = p.k = level;
        break;
    case LOAM_DIFFUSE_PATH_PRESERVING:
        p.alpha = 1 / sqrt(1 + level * level), p.sigma = level * p.alpha, p.k = level;
        break;
    case LOAM_DIFFUSE_PATH_FLOW: /* pure noise has no k: the nearest that UniPC allows */
        p.alpha = 1 - level, p.sigma = level, p.k = level / fmax(p.alpha, 1e-6);
        break;
    }
    return p;
}

double loam_diffuse_level_of_k(const loam_diffuse *d, double k)
{
    return d->path == LOAM_DIFFUSE_PATH_FLOW ? k / (1 + k) : k;
}

/* --- the start --- */

static loam_status check(const loam_diffuse_options *o, loam_err *err)
{
    const loam_levels *l = o->levels;
    if (!l || !o->sigmas || o->sigmas->n_steps < 1)
        LOAM_FAIL(err, INVALID, "a sampler needs noise levels and at least one step");
    if ((unsigned)o->sampler >= LOAM_DIFFUSE_SAMPLER_COUNT)
        LOAM_FAIL(err, INVALID, "sampler number %d is none; choose one by name", (int)o->sampler);
    if (l->flow != (l->prediction == LOAM_PREDICTION_FLOW || l->prediction == LOAM_PREDICTION_FLOW_X0))
        LOAM_FAIL(err, INVALID, "the model's prediction does not fit its noise levels");
    if (o->n_images < 1 || o->n < 1)
        LOAM_FAIL(err, INVALID, "%d pictures of %zu numbers; at least one is needed", o->n_images, o->n);
    if (!isnan(o->eta) && !(o->eta >= 0 && o->eta <= 1))
        LOAM_FAIL(err, INVALID, "eta %g is not between 0 and 1", o->eta);
    if (!isnan(o->s_noise) && !(o->s_noise >= 0 && isfinite(o->s_noise)))
        LOAM_FAIL(err, INVALID, "scale of noise %g is not a number from 0", o->s_noise);
    if (!o->mask != !o->known)
        LOAM_FAIL(err, INVALID, "a mask needs the known latent, and the latent a mask");
    return LOAM_OK;
}

static void set_points(loam_diffuse *d)
{
    const loam_sigmas *s = d->o.sigmas;
    for (int i = 0; i <= d->n_steps; i++) {
        d->points[i] = loam_diffuse_point_at(d, s->sigma[i]);
        if (i < d->n_steps)
            d->points[i].t = s->t[i];
    }
    /* TCD ends at timestep 0, not at no noise (Zheng et al. 2024, as diffusers has it). */
    if (d->o.sampler == LOAM_DIFFUSE_TCD && d->path != LOAM_DIFFUSE_PATH_FLOW)
        d->points[d->n_steps] = loam_diffuse_point_at(d, d->o.levels->sigma[0]);
    int evals = samplers[d->o.sampler].n_evals;
    d->n_total = d->n_steps * evals - (evals - 1) * (d->points[d->n_steps].level == 0);
}

/* x at the first point: noise alone, or the start image with noise. first_noise is kept where a mask needs it. */
static void begin(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[0];
    if (d->o.noise)
        memcpy(d->fresh, d->o.noise, d->n_all * sizeof *d->fresh);
    else
        loam_diffuse_draw(d);
    if (d->first_noise)
        memcpy(d->first_noise, d->fresh, d->n_all * sizeof *d->fresh);
    if (d->o.start)
        LOAM_DIFFUSE_SUM(d, d->x, {p->alpha, d->o.start}, {p->sigma, d->fresh});
    else
        LOAM_DIFFUSE_SUM(d, d->x, {d->path == LOAM_DIFFUSE_PATH_FREE ? p->sigma : 1, d->fresh});
    d->at = *p;
    d->asked = d->x;
}

loam_status loam_diffuse_new(const loam_diffuse_options *o, loam_diffuse **out, loam_err *err)
{
    *out = NULL;
    LOAM_TRY(check(o, err));
    size_t n_all, n_floats, bytes, n_parts = o->mask ? 8 : 7;
    if (loam_mul_overflows(o->n, (size_t)o->n_images, &n_all) || loam_mul_overflows(n_all, n_parts, &n_floats) ||
        loam_mul_overflows(n_floats, sizeof(float), &bytes))
        LOAM_FAIL(err, TOO_LARGE, "%d pictures of %zu numbers are too large", o->n_images, o->n);
    loam_diffuse *d = calloc(1, sizeof *d);
    if (!d)
        goto fail;
    d->o = *o;
    d->n_all = n_all;
    d->n_steps = o->sigmas->n_steps;
    d->advance = samplers[o->sampler].advance;
    d->eta = isnan(o->eta) ? samplers[o->sampler].eta : o->eta;
    d->s_noise = isnan(o->s_noise) ? 1 : o->s_noise;
    d->path = o->levels->flow                   ? LOAM_DIFFUSE_PATH_FLOW
              : samplers[o->sampler].preserving ? LOAM_DIFFUSE_PATH_PRESERVING
                                                : LOAM_DIFFUSE_PATH_FREE;
    d->points = calloc((size_t)d->n_steps + 1, sizeof *d->points);
    d->memory = calloc(1, bytes); /* predictions that there are not yet are weighed with 0 */
    if (!o->generators)
        d->own_generators = malloc((size_t)o->n_images * sizeof *d->own_generators);
    if (!d->points || !d->memory || (!o->generators && !d->own_generators))
        goto fail;
    float **parts[] = {&d->x, &d->x2, &d->input, &d->x0, &d->x0_before, &d->x0_older, &d->fresh, &d->first_noise};
    for (size_t i = 0; i < n_parts; i++)
        *parts[i] = d->memory + i * n_all;
    for (int i = 0; i < o->n_images && d->own_generators; i++)
        loam_noise_init(&d->own_generators[i], o->source, o->seed + (uint64_t)i);
    d->generators = o->generators ? o->generators : d->own_generators;
    set_points(d);
    begin(d);
    d->o.sigmas = NULL;
    d->o.noise = d->o.start = NULL;
    *out = d;
    return LOAM_OK;
fail:
    loam_diffuse_free(d);
    LOAM_FAIL(err, NO_MEMORY, "no memory for %d latents of %zu numbers", o->n_images, o->n);
}

void loam_diffuse_free(loam_diffuse *d)
{
    if (!d)
        return;
    free(d->points);
    free(d->memory);
    free(d->own_generators);
    free(d);
}

/* --- the walk --- */

bool loam_diffuse_next(loam_diffuse *d, loam_diffuse_input *in)
{
    if (d->step == d->n_steps)
        return false;
    const float *x = d->asked;
    if (d->path == LOAM_DIFFUSE_PATH_FREE) {
        if (!d->waiting)
            LOAM_DIFFUSE_SUM(d, d->input, {1 / sqrt(1 + d->at.k * d->at.k), d->asked});
        x = d->input;
    }
    d->waiting = true;
    *in = (loam_diffuse_input){.x = x,
                               .t = d->at.t,
                               .sigma = d->at.level,
                               .step = d->step,
                               .n_steps = d->n_steps,
                               .n_evals = d->n_evals,
                               .n_total = d->n_total};
    return true;
}

/* x0 from what the model said of d->asked at d->at; the earlier predictions move on. */
static void predict(loam_diffuse *d, const float *output)
{
    double a = d->at.alpha, s = d->at.sigma, k = d->at.k, of_x = 0, of_output = 1;
    bool is_free = d->path == LOAM_DIFFUSE_PATH_FREE;
    switch (d->o.levels->prediction) {
    case LOAM_PREDICTION_EPS:
        of_x = 1 / a, of_output = -k;
        break;
    case LOAM_PREDICTION_V:
        of_x = is_free ? 1 / (1 + k * k) : a, of_output = is_free ? -k / sqrt(1 + k * k) : -s;
        break;
    case LOAM_PREDICTION_FLOW:
        of_x = 1, of_output = -s;
        break;
    case LOAM_PREDICTION_X0:
    case LOAM_PREDICTION_FLOW_X0:
        break;
    }
    float *older = d->x0_older;
    d->x0_older = d->x0_before;
    d->x0_before = d->x0;
    d->x0 = older;
    LOAM_DIFFUSE_SUM(d, d->x0, {of_x, d->asked}, {of_output, output});
}

/* Puts the known part back, at the level reached; in the finished latent as it is. */
static void keep_known(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step];
    double alpha = d->step < d->n_steps ? p->alpha : 1, sigma = d->step < d->n_steps ? p->sigma : 0;
    for (size_t i = 0; i < d->n_all; i++) {
        double known = alpha * (double)d->o.known[i] + sigma * (double)d->first_noise[i], m = (double)d->o.mask[i];
        d->x[i] = (float)(m * (double)d->x[i] + (1 - m) * known);
    }
}

loam_status loam_diffuse_give(loam_diffuse *d, const float *output, loam_err *err)
{
    if (!d->waiting)
        LOAM_FAIL(err, INTERNAL, "the sampler was given an output that it did not ask for");
    for (size_t i = 0; i < d->n_all; i++)
        if (!isfinite(output[i]))
            LOAM_FAIL(err, CORRUPT,
                      "the model's output is not a number in step %d of %d; weights in more bits may help", d->step + 1,
                      d->n_steps);
    predict(d, output);
    d->waiting = false;
    d->n_evals++;
    if (!d->advance(d)) {
        d->middle = true;
        return LOAM_OK;
    }
    d->middle = false;
    d->n_given++;
    d->step++;
    d->at = d->points[d->step];
    d->asked = d->x;
    if (d->o.mask)
        keep_known(d);
    return LOAM_OK;
}

const float *loam_diffuse_latent(const loam_diffuse *d)
{
    return d->x;
}

const float *loam_diffuse_denoised(const loam_diffuse *d)
{
    return d->n_evals ? d->x0 : NULL;
}

/* --- guidance --- */

static double deviation(const float *x, size_t n)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    return sqrt(squares / (double)(n > 1 ? n - 1 : 1));
}

void loam_diffuse_guide(const float *cond, const float *uncond, double scale, double rescale, int n_images, size_t n,
                        float *out)
{
    for (int k = 0; k < n_images; k++, cond += n, uncond += n, out += n) {
        double wanted = rescale > 0 ? deviation(cond, n) : 0;
        for (size_t i = 0; i < n; i++)
            out[i] = (float)((double)uncond[i] + scale * ((double)cond[i] - (double)uncond[i]));
        double got = rescale > 0 ? deviation(out, n) : 0;
        if (!(got > 0))
            continue;
        double factor = rescale * wanted / got + 1 - rescale;
        for (size_t i = 0; i < n; i++)
            out[i] = (float)(factor * (double)out[i]);
    }
}
