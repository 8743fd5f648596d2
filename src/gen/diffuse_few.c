/* DDIM (Song et al. 2021) and the samplers of models distilled to few steps: LCM (Luo et al. 2023) and TCD (Zheng et
 * al. 2024), as diffusers has them. */
#include <math.h>

#include "gen/diffuse_int.h"

/* x = alpha·x0 + sqrt(sigma² - deviation²)·(the noise predicted) + deviation·fresh noise, at the next point. */
bool loam_diffuse_ddim(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    double share = q->k / p->k, deviation = d->eta * q->sigma * sqrt(fmax(0, 1 - share * share)); /* eq. 16 */
    double c = sqrt(q->sigma * q->sigma - deviation * deviation) / p->sigma;
    if (deviation > 0) {
        loam_diffuse_draw(d);
        LOAM_DIFFUSE_SUM(d, d->x, {c, d->x}, {q->alpha - p->alpha * c, d->x0}, {d->s_noise * deviation, d->fresh});
    } else {
        LOAM_DIFFUSE_SUM(d, d->x, {c, d->x}, {q->alpha - p->alpha * c, d->x0});
    }
    return true;
}

/* All the way to x0 and back to the next level with fresh noise. The consistency function keeps a share of x that
 * vanishes for all but the smallest timesteps (sigma_data 0.5, timesteps times 10). */
bool loam_diffuse_lcm(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    const double data = 0.5;
    double scaled = p->t * 10, square = scaled * scaled + data * data;
    double skip = data * data / square, keep = scaled / sqrt(square);
    if (d->path == LOAM_DIFFUSE_PATH_FLOW)
        skip = 0, keep = 1;
    if (d->step + 1 < d->n_steps) {
        loam_diffuse_draw(d);
        LOAM_DIFFUSE_SUM(d, d->x, {q->alpha * skip, d->x}, {q->alpha * keep, d->x0}, {d->s_noise * q->sigma, d->fresh});
    } else {
        LOAM_DIFFUSE_SUM(d, d->x, {skip, d->x}, {keep, d->x0});
    }
    return true;
}

/* By the predicted noise down to a point below the next, by fresh noise up again: at (1 - gamma) of the next timestep.
 */
bool loam_diffuse_tcd(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    loam_diffuse_point s;
    if (d->path == LOAM_DIFFUSE_PATH_FLOW)
        s = loam_diffuse_point_at(d, (1 - d->eta) * q->level);
    else
        s = loam_diffuse_point_at(d, loam_levels_sigma_of_t(d->o.levels, floor((1 - d->eta) * q->t)));
    double c = s.sigma / p->sigma, grow = 1;
    if (d->eta > 0 && d->step + 1 < d->n_steps) {
        grow = q->alpha / s.alpha;
        double up = sqrt(fmax(0, q->sigma * q->sigma - grow * grow * s.sigma * s.sigma));
        loam_diffuse_draw(d);
        LOAM_DIFFUSE_SUM(d, d->x, {grow * c, d->x}, {grow * (s.alpha - p->alpha * c), d->x0},
                         {d->s_noise * up, d->fresh});
    } else {
        LOAM_DIFFUSE_SUM(d, d->x, {c, d->x}, {s.alpha - p->alpha * c, d->x0});
    }
    return true;
}
