/* k-diffusion's samplers (Karras et al. 2022; Lu et al. 2022, DPM-Solver++), in weights of the state divided by alpha:
 * k is sigma there. Back in the state itself each weight takes the alphas that its term crossed. */
#include <math.h>

#include "gen/diffuse_int.h"

/* Ancestral step from k to k_next: down to `down`, then noise `up`. */
typedef struct ancestral {
    double down, up;
} ancestral;

static ancestral ancestral_step(double k, double k_next, double eta)
{
    double up = fmin(k_next, eta * sqrt(k_next * k_next * (k * k - k_next * k_next) / (k * k)));
    return (ancestral){sqrt(k_next * k_next - up * up), up};
}

/* out = the state at q, from x at p: by the direction of x0 to a.down, then a.up of noise. */
static void move(loam_diffuse *d, float *out, const loam_diffuse_point *p, const loam_diffuse_point *q, ancestral a)
{
    double of_x = q->alpha * a.down / p->sigma, of_x0 = q->alpha * (1 - a.down * p->alpha / p->sigma);
    double up = q->alpha * a.up * d->s_noise;
    if (a.up > 0) {
        loam_diffuse_draw(d);
        LOAM_DIFFUSE_SUM(d, out, {of_x, d->x}, {of_x0, d->x0}, {up, d->fresh});
    } else {
        LOAM_DIFFUSE_SUM(d, out, {of_x, d->x}, {of_x0, d->x0});
    }
}

bool loam_diffuse_euler(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    double c = q->sigma / p->sigma;
    LOAM_DIFFUSE_SUM(d, d->x, {c, d->x}, {q->alpha - p->alpha * c, d->x0});
    return true;
}

/* Of a flow, ComfyUI's: the step goes down to s_next·(1 + (s_next/s - 1)·eta), then alpha and noise are restored. */
static void euler_a_flow(loam_diffuse *d, const loam_diffuse_point *p, const loam_diffuse_point *q)
{
    double down = q->sigma * (1 + (q->sigma / p->sigma - 1) * d->eta), c = down / p->sigma;
    double grow = q->alpha / (1 - down), up = sqrt(fmax(0, q->sigma * q->sigma - down * down * grow * grow));
    if (d->eta > 0) {
        loam_diffuse_draw(d);
        LOAM_DIFFUSE_SUM(d, d->x, {grow * c, d->x}, {grow * (1 - c), d->x0}, {d->s_noise * up, d->fresh});
    } else {
        LOAM_DIFFUSE_SUM(d, d->x, {c, d->x}, {1 - c, d->x0});
    }
}

bool loam_diffuse_euler_a(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    if (d->path == LOAM_DIFFUSE_PATH_FLOW && q->sigma > 0)
        euler_a_flow(d, p, q);
    else
        move(d, d->x, p, q, ancestral_step(p->k, q->k, d->eta));
    return true;
}

/* Heun's second half takes the mean of the slopes (x - x0)/sigma at both ends. */
bool loam_diffuse_heun(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    double dt = q->sigma - p->sigma;
    if (q->sigma == 0)
        return loam_diffuse_euler(d);
    if (!d->middle) {
        LOAM_DIFFUSE_SUM(d, d->x2, {1 + dt / p->sigma, d->x}, {-dt / p->sigma, d->x0});
        d->at = *q;
        d->asked = d->x2;
        return false;
    }
    double half = dt / 2;
    LOAM_DIFFUSE_SUM(d, d->x, {1 + half / p->sigma, d->x}, {-half / p->sigma, d->x0_before}, {half / q->sigma, d->x2},
                     {-half / q->sigma, d->x0});
    return true;
}

bool loam_diffuse_dpmpp_2m(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    double c = q->sigma / p->sigma, h = log(p->k / q->k), gain = -q->alpha * expm1(-h), old = 0;
    if (d->n_given > 0 && q->k > 0)
        old = h / (2 * log(p[-1].k / p->k)); /* 1/(2r) */
    LOAM_DIFFUSE_SUM(d, d->x, {c, d->x}, {gain * (1 + old), d->x0}, {-gain * old, d->x0_before});
    return true;
}

bool loam_diffuse_dpmpp_2m_sde(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    if (q->k == 0) {
        LOAM_DIFFUSE_SUM(d, d->x, {q->alpha, d->x0});
        return true;
    }
    double h = log(p->k / q->k), grown = h + d->eta * h, gain = -expm1(-grown), old = 0;
    if (!(h > 0))
        return true;
    if (d->n_given > 0) {
        double r = log(p[-1].k / p->k) / h;
        old = (d->o.sampler == LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN ? 1 - gain / grown : gain / 2) / r;
    }
    double up = q->sigma * sqrt(-expm1(-2 * d->eta * h)) * d->s_noise;
    if (d->eta > 0)
        loam_diffuse_draw(d);
    LOAM_DIFFUSE_SUM(d, d->x, {q->sigma / p->sigma * exp(-d->eta * h), d->x}, {q->alpha * (gain + old), d->x0},
                     {-q->alpha * old, d->x0_before}, {up, d->eta > 0 ? d->fresh : d->x0});
    return true;
}

/* r = 1/2: the second evaluation, in the middle of log k, alone makes the step. */
bool loam_diffuse_dpmpp_sde(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    if (q->k == 0)
        return loam_diffuse_euler(d);
    if (!d->middle) {
        d->at = loam_diffuse_point_at(d, loam_diffuse_level_of_k(d, sqrt(p->k * q->k)));
        move(d, d->x2, p, &d->at, ancestral_step(p->k, d->at.k, d->eta));
        d->asked = d->x2;
        return false;
    }
    move(d, d->x, p, q, ancestral_step(p->k, q->k, d->eta));
    return true;
}
