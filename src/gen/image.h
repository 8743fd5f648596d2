/* Text to image: a loaded picture model and the loops that make pictures with it. One thread uses a model at a time; it
 * runs on the pool that the model owns. Pictures are made by latent diffusion (Rombach et al. 2022): the prompt becomes
 * an embedding, noise becomes a latent in steps of the UNet, the VAE makes pixels of it. */
#ifndef LOAM_GEN_IMAGE_H
#define LOAM_GEN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "gen/schedule.h"

typedef struct loam_image_model loam_image_model;

typedef struct loam_image_options {
    int n_threads;      /* 0: one per processor */
    const char *type;   /* of the weights in memory: "f16", "q8_0", …; NULL: as in the file */
    const char *vae;    /* a file that replaces the model's VAE, or NULL */
    const char *taesd;  /* TAESD's decoder for previews and quick pictures, or NULL */
    const char *motion; /* AnimateDiff's motion modules, for clips (gen/video.h), or NULL */
} loam_image_options;

typedef struct loam_image_info {
    const char *family; /* "Stable Diffusion 1.5" */
    size_t weight_bytes;
    int size;         /* of a side, what the model was trained for */
    int max_side;     /* that may be asked for */
    int multiple;     /* sides must be multiples of this */
    bool has_encoder; /* pictures can be taken as a start */
    bool has_quick;   /* TAESD's decoder is there */
} loam_image_info;

LOAM_CHECK_RESULT loam_status loam_image_model_open(const char *path, const loam_image_options *o,
                                                    loam_image_model **out, loam_err *err);
void loam_image_model_close(loam_image_model *m);
const loam_image_info *loam_image_model_get_info(const loam_image_model *m);

/* RGB, 8 bits, rows from the top. */
typedef struct loam_image_rgb {
    int width, height;
    uint8_t *pixels; /* [height][width][3] */
} loam_image_rgb;

/* *out owned (free .pixels). */
LOAM_CHECK_RESULT loam_status loam_image_rgb_new(int width, int height, loam_image_rgb *out, loam_err *err);
/* Lanczos with three lobes; to smaller sizes the kernel is widened. out is new. */
LOAM_CHECK_RESULT loam_status loam_image_resize(const loam_image_rgb *in, int width, int height, loam_image_rgb *out,
                                                loam_err *err);

typedef struct loam_image_lora {
    const char *path;
    float strength;
} loam_image_lora;

typedef struct loam_image_request {
    const char *prompt;   /* A1111's syntax for weights (text/prompt.h); no <lora:…>, see loras */
    const char *negative; /* NULL: none (SDXL: zeros instead of an embedding, as diffusers has it) */
    int width, height;    /* 0: the model's own */
    int steps;
    float guidance; /* classifier-free (Ho & Salimans 2022); 0 and 1: none, half the work */
    uint64_t seed;
    bool noise_cuda; /* noise as torch's CUDA generator makes it, else as its CPU generator does */
    int n;           /* pictures, of seeds seed, seed + 1, … */
    int clip_skip;   /* 1: the last layer; 2: the one before; 0: the model's own */
    loam_diffuse_sampler sampler;
    loam_schedule schedule;
    double eta;           /* share of fresh noise; NaN: the sampler's own */
    const double *sigmas; /* [n_sigmas] instead of a schedule, falling, or NULL */
    int n_sigmas;
    const loam_image_lora *loras;
    int n_loras;
    const loam_image_rgb *start; /* image to image: scaled to the size asked for by the caller; NULL: noise alone */
    const uint8_t *mask;         /* [height][width] with a start: 255 is made anew, 0 stays; NULL: all is */
    float strength;              /* of the change, 0 to 1 */
    float hires;                 /* > 1: then made this much larger and worked over again; 0: no; not with a mask */
    float hires_strength;
    int hires_steps;   /* 0: as steps */
    bool quick_decode; /* pixels by TAESD */
    int tile;          /* VAE tiles of this many latent positions; 0: tiles where memory asks for it; -1: none */
} loam_image_request;
/* An empty prompt, 20 steps of Euler a, guidance 7, one picture, strength 0.75, the rest 0 or the model's own. */
loam_image_request loam_image_defaults(void);

/* What is told while it runs; all optional. They are called on the caller's thread, between evaluations of the model.
 */
typedef struct loam_image_watch {
    void *ctx;
    bool (*cancelled)(void *ctx);
    void (*progress)(void *ctx, const char *stage, int step, int n_steps);
    void (*preview)(void *ctx, const loam_image_rgb *picture, int index, int step); /* borrowed for the call */
    int preview_every;                                                              /* steps; 0: none */
} loam_image_watch;

typedef struct loam_image_result {
    int n;
    loam_image_rgb *pictures;         /* [n] */
    double text_s, steps_s, decode_s; /* seconds spent */
} loam_image_result;

/* Bytes that the request needs beside the weights. */
LOAM_CHECK_RESULT loam_status loam_image_estimate(loam_image_model *m, const loam_image_request *r, size_t *bytes,
                                                  loam_err *err);
/* Makes the pictures. INVALID names the value that is out of its range; TOO_LARGE, before work starts, when it cannot
 * fit in memory; CANCELLED. out is owned by the caller (loam_image_result_free). */
LOAM_CHECK_RESULT loam_status loam_image_generate(loam_image_model *m, const loam_image_request *r,
                                                  const loam_image_watch *watch, loam_image_result *out, loam_err *err);
void loam_image_result_free(loam_image_result *r);

#endif
