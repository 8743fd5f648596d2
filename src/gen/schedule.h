/* Noise levels: what a model was trained with, and the falling list that a sampler walks down.
 *
 * A level is one number. Of models trained by DDPM (Ho et al. 2020; eps, v, x0) it is k-diffusion's
 * sigma = sqrt((1 - a) / a), a being the cumulative product of alphas, with timesteps 0 … 999. Of flow models (Lipman
 * et al. 2023) it is s in [0, 1], x = (1 - s)·x0 + s·noise, with timestep 1000·s.
 *
 * Whose numbers: the lists named normal … ddim_uniform are k-diffusion's and ComfyUI's; linspace, leading, trailing,
 * multistep, lcm, flow_unipc are diffusers'; wan is Wan's own code's. */
#ifndef LOAM_GEN_SCHEDULE_H
#define LOAM_GEN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* What the model's output means. */
typedef enum loam_prediction {
    LOAM_PREDICTION_EPS,     /* the noise */
    LOAM_PREDICTION_V,       /* sqrt(a)·noise - sqrt(1-a)·x0 (Salimans and Ho 2022) */
    LOAM_PREDICTION_X0,      /* the picture; diffusers' "sample" */
    LOAM_PREDICTION_FLOW,    /* noise - x0, on a straight path */
    LOAM_PREDICTION_FLOW_X0, /* the picture, on a straight path */
} loam_prediction;

typedef enum loam_betas {
    LOAM_BETAS_SCALED_LINEAR, /* linear in sqrt(beta): SD 1.5, SDXL */
    LOAM_BETAS_LINEAR,        /* AnimateDiff-Lightning */
} loam_betas;

enum { LOAM_LEVELS = 1000 };

/* The levels of training. Plain data. */
typedef struct loam_levels {
    loam_prediction prediction;
    bool flow;
    double shift;                  /* of a flow: s' = shift·s / (1 + (shift - 1)·s) */
    double sigma[LOAM_LEVELS];     /* rising; of a flow: of t = 1, 2, … 1000, shifted */
    double log_sigma[LOAM_LEVELS]; /* natural logarithms */
} loam_levels;

/* DDPM levels in the f32 steps of diffusers (their smallest sigma is 3e-5 off the exact one). zero_snr: rescaled to
 * zero signal at the end (Lin et al. 2024, algorithm 1), the last alpha 2^-24 as diffusers' Euler has it, so that the
 * largest sigma is 4096. beta_start and beta_end 0: 0.00085 and 0.012. */
void loam_levels_ddpm(loam_levels *l, loam_prediction prediction, loam_betas betas, double beta_start, double beta_end,
                      bool zero_snr);
/* Flow levels. shift > 0; 1: none. */
void loam_levels_flow(loam_levels *l, loam_prediction prediction, double shift);
/* Sigma of a timestep, DDPM: interpolated linearly in its logarithm, t clipped to the table; flow: shifted t/1000. */
double loam_levels_sigma_of_t(const loam_levels *l, double t);
/* The timestep of a sigma, DDPM: the inverse of that; flow: 1000·s. */
double loam_levels_t_of_sigma(const loam_levels *l, double sigma);

typedef enum loam_schedule {
    LOAM_SCHEDULE_AUTO,         /* loam_schedule_default of the sampler */
    LOAM_SCHEDULE_NORMAL,       /* even timesteps, both ends included. Of a flow: diffusers' FlowMatchEuler */
    LOAM_SCHEDULE_KARRAS,       /* Karras et al. 2022, eq. 5, rho 7 */
    LOAM_SCHEDULE_EXPONENTIAL,  /* even in log sigma */
    LOAM_SCHEDULE_SGM_UNIFORM,  /* even timesteps, the last end left out */
    LOAM_SCHEDULE_SIMPLE,       /* every so many-th level of training from the top */
    LOAM_SCHEDULE_BETA,         /* quantiles of Beta(0.6, 0.6) (Lee et al. 2024); repeated levels are left out, so that
                                   there may be fewer steps than asked for */
    LOAM_SCHEDULE_DDIM_UNIFORM, /* as leading with offset 1 */
    LOAM_SCHEDULE_LINSPACE,     /* whole timesteps of Lin et al. 2024, table 2: 999 … 0 */
    LOAM_SCHEDULE_LEADING,      /* multiples of 1000/n, plus steps_offset: Stable Diffusion's DDIM (offset 1) */
    LOAM_SCHEDULE_TRAILING,     /* 999 down by 1000/n: Lightning and other few-step models */
    LOAM_SCHEDULE_MULTISTEP,    /* linspace of n + 1 without the last: diffusers' UniPC and DPM-Solver */
    LOAM_SCHEDULE_LCM,          /* a subset of `original_steps` distilled timesteps: LCM and TCD */
    LOAM_SCHEDULE_FLOW,         /* flow: 1 - i/n, shifted: Flux */
    LOAM_SCHEDULE_FLOW_UNIPC,   /* flow: diffusers' UniPC: linspace(1, 1/1000, n + 1) without the last, shifted; a first
                                   1 becomes 1 - 1e-6 */
    LOAM_SCHEDULE_WAN,          /* flow: Wan's own: linspace(0.999, 0, n + 1) without the last, shifted */
    LOAM_SCHEDULE_CUSTOM,       /* the list given */
    LOAM_SCHEDULE_COUNT
} loam_schedule;

typedef enum loam_diffuse_sampler {
    LOAM_DIFFUSE_EULER,
    LOAM_DIFFUSE_EULER_A,
    LOAM_DIFFUSE_HEUN,
    LOAM_DIFFUSE_DPMPP_2M,
    LOAM_DIFFUSE_DPMPP_2M_SDE,
    LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN,
    LOAM_DIFFUSE_DPMPP_SDE,
    LOAM_DIFFUSE_DDIM,
    LOAM_DIFFUSE_LCM,
    LOAM_DIFFUSE_TCD,
    LOAM_DIFFUSE_UNIPC,
    LOAM_DIFFUSE_SAMPLER_COUNT
} loam_diffuse_sampler;

/* Names: those of ComfyUI ("dpmpp_2m", "sgm_uniform"), A1111 ("DPM++ 2M Karras", "Euler a"), sd.cpp ("dpm++2m",
 * "discrete") and diffusers' classes ("UniPCMultistepScheduler") are understood; case, spaces, '_', '-' and '.' do not
 * matter. INVALID lists the known names, with the nearest one. */
LOAM_CHECK_RESULT loam_status loam_schedule_parse(const char *name, loam_schedule *out, loam_err *err);
/* A sampler's name may end with a schedule's; *schedule is AUTO where it does not. schedule may be NULL: then such an
 * ending is an error. */
LOAM_CHECK_RESULT loam_status loam_diffuse_sampler_parse(const char *name, loam_diffuse_sampler *out,
                                                         loam_schedule *schedule, loam_err *err);
/* The canonical names, ComfyUI's where it has one; "?" for no such value. Static. */
const char *loam_schedule_name(loam_schedule s);
const char *loam_diffuse_sampler_name(loam_diffuse_sampler s);
/* Never AUTO. */
loam_schedule loam_schedule_default(loam_diffuse_sampler s, const loam_levels *l);

typedef enum loam_timestep_rounding {
    LOAM_TIMESTEPS_EXACT,   /* fractions are given to the model */
    LOAM_TIMESTEPS_NEAREST, /* A1111's "quantize", diffusers' UniPC with Karras sigmas */
    LOAM_TIMESTEPS_DOWN,    /* Wan's own code and diffusers' UniPC of flows */
} loam_timestep_rounding;

typedef struct loam_sigmas_options {
    loam_schedule schedule;
    int n_steps;                 /* 1 … 1000 */
    double strength;             /* image to image, 0 … 1: int(n_steps·strength) last steps are walked (diffusers'
                                    rule); 0 counts as 1. lcm: of its original timesteps instead */
    double sigma_min, sigma_max; /* ends of karras and exponential; 0: the model's */
    int steps_offset;            /* of leading; Stable Diffusion: 1 */
    int original_steps;          /* of lcm; 0: 50 */
    bool end_at_first_level;     /* end at the smallest level of training instead of at 0: diffusers'
                                    set_alpha_to_one=false, final_sigmas_type="sigma_min" */
    loam_timestep_rounding rounding; /* of timesteps that follow from sigmas */
    const double *sigmas;            /* custom: [n_custom] falling levels; a last 0 may be left out */
    const double *timesteps;         /* custom, instead: [n_custom] falling timesteps, shifted for a flow */
    int n_custom;
} loam_sigmas_options;

typedef struct loam_sigmas {
    int n_steps;
    double *sigma; /* [n_steps + 1] falling, mostly to 0 */
    double *t;     /* [n_steps] what the model is told */
} loam_sigmas;

/* Makes the list; owned by the caller (loam_sigmas_free). AUTO is INVALID here; so are steps out of range, a schedule
 * that is not one of such a model, a strength that leaves no step, and lists that do not fall. */
LOAM_CHECK_RESULT loam_status loam_sigmas_new(const loam_levels *l, const loam_sigmas_options *o, loam_sigmas *out,
                                              loam_err *err);
void loam_sigmas_free(loam_sigmas *s);

#endif
