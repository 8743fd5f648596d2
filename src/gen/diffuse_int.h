/* What the files of the samplers share. All samplers walk x = alpha·x0 + sigma·noise; only alpha differs:
 *   free (k-diffusion)     alpha = 1
 *   variance preserving    alpha = 1/sqrt(1 + k²), sigma = k·alpha, k being the level of the list
 *   flow                   alpha = 1 - s, sigma = s
 * k = sigma/alpha is what formulas of k-diffusion mean by sigma; with the states divided by alpha they hold for all. A
 * step is a weighted sum of the state, predictions of x0 and fresh noise, so samplers are mostly their weights. */
#ifndef LOAM_GEN_DIFFUSE_INT_H
#define LOAM_GEN_DIFFUSE_INT_H

#include "gen/diffuse.h"

typedef enum loam_diffuse_path {
    LOAM_DIFFUSE_PATH_FREE,
    LOAM_DIFFUSE_PATH_PRESERVING,
    LOAM_DIFFUSE_PATH_FLOW
} loam_diffuse_path;

typedef struct loam_diffuse_point {
    double level; /* as in the list */
    double t;
    double alpha, sigma;
    double k; /* sigma/alpha, kept finite */
} loam_diffuse_point;

struct loam_diffuse {
    loam_diffuse_options o;
    double eta, s_noise; /* resolved */
    loam_diffuse_path path;
    int n_steps;
    size_t n_all; /* numbers of all pictures */
    bool (*advance)(loam_diffuse *d);
    loam_noise *generators, *own_generators;

    loam_diffuse_point *points; /* [n_steps + 1] */
    int step, n_evals, n_total;
    bool waiting; /* for an output */

    bool middle;           /* within a step of two evaluations */
    loam_diffuse_point at; /* where the model is asked */
    float *asked;          /* the state it is asked about: x or x2 */
    int n_given;           /* whole steps done since the start, for multistep methods */
    int order;             /* UniPC: of the step just made */

    float *memory; /* owned; what follows are parts of it, [n_all] each */
    float *x, *x2, *input, *x0, *x0_before, *x0_older, *fresh;
    float *first_noise; /* with a mask */
};

/* --- weighted sums: diffuse.c --- */

enum { LOAM_DIFFUSE_MAX_TERMS = 4 };

typedef struct loam_diffuse_term {
    double weight;
    const float *v;
} loam_diffuse_term;

/* out = the sum of n_terms terms, added in their order in f64 and rounded once; out may be one of them. */
void loam_diffuse_sum(float *out, size_t n, const loam_diffuse_term *terms, int n_terms);
#define LOAM_DIFFUSE_SUM(d, out, ...)                                             \
    loam_diffuse_sum((out), (d)->n_all, (const loam_diffuse_term[]){__VA_ARGS__}, \
                     (int)(sizeof((const loam_diffuse_term[]){__VA_ARGS__}) / sizeof(loam_diffuse_term)))

/* Fresh noise of all pictures into d->fresh. */
void loam_diffuse_draw(loam_diffuse *d);
/* The point of a level; t follows from it. */
loam_diffuse_point loam_diffuse_point_at(const loam_diffuse *d, double level);
/* The level whose sigma/alpha is k. */
double loam_diffuse_level_of_k(const loam_diffuse *d, double k);

/* --- one per sampler: takes d->x0, predicted at d->at; true when the step is complete and d->x at the next point ---
 */

bool loam_diffuse_euler(loam_diffuse *d);
bool loam_diffuse_euler_a(loam_diffuse *d);
bool loam_diffuse_heun(loam_diffuse *d);
bool loam_diffuse_dpmpp_2m(loam_diffuse *d);
bool loam_diffuse_dpmpp_2m_sde(loam_diffuse *d);
bool loam_diffuse_dpmpp_sde(loam_diffuse *d);
bool loam_diffuse_ddim(loam_diffuse *d);
bool loam_diffuse_lcm(loam_diffuse *d);
bool loam_diffuse_tcd(loam_diffuse *d);
bool loam_diffuse_unipc(loam_diffuse *d);

#endif
