/* Samplers: from noise to a latent in steps, with the model outside. The caller asks for the next input, runs the model
 * on it, gives the output back; between the two it may cancel, show a preview or report progress.
 *
 *     while (loam_diffuse_next(d, &in)) {
 *         run the model on in.x at timestep in.t for every picture (twice, and loam_diffuse_guide, with guidance)
 *         LOAM_TRY(loam_diffuse_give(d, output, err));
 *     }
 *     decode loam_diffuse_latent(d)
 *
 * Whose numbers. euler, euler_ancestral, heun, dpmpp_2m, dpmpp_2m_sde, dpmpp_sde are k-diffusion's: of models that give
 * eps, v or x0 they walk x = x0 + sigma·noise from sigma·noise. ddim, lcm, tcd, uni_pc are diffusers': they walk
 * x = sqrt(a)·x0 + sqrt(1-a)·noise from noise. Of flow models all walk x = (1-s)·x0 + s·noise from noise: euler, heun,
 * dpmpp_2m, uni_pc (order 2, bh2, corrector on, lower order at the end, alpha = 1 - s) are diffusers', euler_ancestral
 * is ComfyUI's; the others are theirs by the same formulas with alpha = 1 - s. Where diffusers' DDIM takes the level
 * t - 1000/n for the next one of the list (another level when n does not divide 1000), the list counts here.
 *
 * Noise of a picture comes from its own generator: first the start, then what a step adds, in the order of the steps,
 * as diffusers draws with a list of generators. k-diffusion's SDE samplers draw from a Brownian tree instead: with
 * their default noise they are the same method, not the same picture.
 *
 * The state is f32, coefficients and sums are f64; the same input gives the same bits. One thread at a time. */
#ifndef LOAM_GEN_DIFFUSE_H
#define LOAM_GEN_DIFFUSE_H

#include "base/status.h"
#include "gen/noise.h"
#include "gen/schedule.h"

typedef struct loam_diffuse loam_diffuse;

typedef struct loam_diffuse_options {
    loam_diffuse_sampler sampler;
    const loam_levels *levels; /* borrowed until free */
    const loam_sigmas *sigmas; /* copied */
    int n_images;              /* ≥ 1 */
    size_t n;                  /* numbers in the latent of one picture or clip, ≥ 1 */
    uint64_t seed;             /* of the first picture; the next ones have seed + 1, … */
    loam_noise_source source;
    loam_noise *generators; /* [n_images] used and advanced instead of new ones, borrowed until free; or NULL */
    double eta;     /* share of fresh noise: 0 none, 1 all; of tcd its gamma. NaN: 1 for euler_ancestral and SDE, 0 for
                       ddim, 0.3 for tcd; the others have none */
    double s_noise; /* scale of noise that steps add; NaN: 1 */
    /* Latents are [n_images][n], in any order of axes that the noise is meant in (PyTorch's to be comparable). */
    const float *noise; /* to start from instead of a draw; read by new only; or NULL */
    const float *start; /* image to image: takes on noise of the first level; read by new only; or NULL */
    /* Inpainting: after every step x = mask·x + (1-mask)·(known at the level reached, with the noise of the start), at
     * the end known itself. Both or neither; borrowed until free. */
    const float *mask;  /* 1: made anew, 0: stays */
    const float *known; /* mostly the same as start */
} loam_diffuse_options;

/* sampler euler, one image, eta and s_noise NaN, the rest 0. */
loam_diffuse_options loam_diffuse_defaults(void);

/* Draws the start. Owned by the caller. INVALID for values out of range, TOO_LARGE for sizes that overflow. */
LOAM_CHECK_RESULT loam_status loam_diffuse_new(const loam_diffuse_options *o, loam_diffuse **out, loam_err *err);
void loam_diffuse_free(loam_diffuse *d);

typedef struct loam_diffuse_input {
    const float *x;       /* [n_images][n] what the model gets, scaled; borrowed until give */
    double t;             /* its timestep */
    double sigma;         /* its level, in the terms of schedule.h */
    int step, n_steps;    /* from 0 */
    int n_evals, n_total; /* evaluations done, and in all */
} loam_diffuse_input;

/* False when the latent is finished. Asked again before give, it answers the same. */
bool loam_diffuse_next(loam_diffuse *d, loam_diffuse_input *in);
/* Takes the model's output [n_images][n], already guided, and goes on. CORRUPT when a number of it is not finite,
 * INTERNAL when no output is due; then nothing changes. */
LOAM_CHECK_RESULT loam_status loam_diffuse_give(loam_diffuse *d, const float *output, loam_err *err);
/* The state, [n_images][n]: the finished latent once next says false. Borrowed. */
const float *loam_diffuse_latent(const loam_diffuse *d);
/* The latest prediction of the finished latent, for previews; NULL before the first output. Borrowed until give. */
const float *loam_diffuse_denoised(const loam_diffuse *d);

/* Classifier-free guidance (Ho and Salimans 2022): out = uncond + scale·(cond - uncond). rescale > 0 mixes in, by this
 * share, the same scaled to cond's standard deviation, picture by picture (Lin et al. 2024, section 3.4). out may be
 * cond or uncond. */
void loam_diffuse_guide(const float *cond, const float *uncond, double scale, double rescale, int n_images, size_t n,
                        float *out);

#endif
