/* UniPC (Zhao et al. 2023) of order 2 with B(h) = e^h - 1 on predictions of x0, as diffusers and Wan have it. Each
 * evaluation serves twice: it corrects the state it was made at, then predicts the next one. Terms, of the step from s
 * to t with h = log(k_s/k_t) and m the predictions: x_t = sigma_t/sigma_s·x_s - alpha_t·(e^-h - 1)·(m_s + …). */
#include <math.h>
#include <string.h>

#include "gen/diffuse_int.h"

/* The state at point t again, now that x0 there is known: from x2 at the point before. */
static void correct(loam_diffuse *d, const loam_diffuse_point *t)
{
    const loam_diffuse_point *s = t - 1;
    double h = log(s->k / t->k), phi = expm1(-h), of_older = 0, of_newest = 0.5;
    if (d->order > 1) { /* the two linear conditions of the paper's eq. 5 */
        double r = log(s->k / s[-1].k) / h;
        double phi_2 = phi / -h - 1, phi_3 = phi_2 / -h - 0.5, b1 = phi_2 / phi, b2 = 2 * phi_3 / phi;
        double rho = (b1 - b2) / (1 - r);
        of_newest = b1 - rho;
        of_older = rho / r;
    }
    double gain = -t->alpha * phi;
    LOAM_DIFFUSE_SUM(d, d->x, {t->sigma / s->sigma, d->x2}, {gain * (1 - of_older - of_newest), d->x0_before},
                     {gain * of_older, d->x0_older}, {gain * of_newest, d->x0});
}

bool loam_diffuse_unipc(loam_diffuse *d)
{
    const loam_diffuse_point *p = &d->points[d->step], *q = p + 1;
    if (d->n_given > 0)
        correct(d, p);
    int left = d->n_steps - d->step;
    d->order = d->n_given == 0 || left < 2 ? 1 : 2;
    double h = log(p->k / q->k), gain = -q->alpha * expm1(-h), old = 0;
    if (d->order > 1)
        old = 0.5 * h / log(p->k / p[-1].k);
    memcpy(d->x2, d->x, d->n_all * sizeof *d->x2);
    LOAM_DIFFUSE_SUM(d, d->x, {q->sigma / p->sigma, d->x2}, {gain * (1 - old), d->x0}, {gain * old, d->x0_before});
    return true;
}
