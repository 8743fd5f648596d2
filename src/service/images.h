/* Pictures as users ask for them: names instead of enums, files instead of pixels, and results that carry the prompt
 * and the settings they were made with. One thread at a time. */
#ifndef LOAM_SERVICE_IMAGES_H
#define LOAM_SERVICE_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "format/picture.h"

typedef struct loam_images loam_images;

typedef struct loam_images_options {
    const char *model;              /* a diffusers folder or a file */
    const char *vae, *taesd, *type; /* gen/image.h; NULL: none, the file's */
    const char *lora_folder;        /* where <lora:name:x> looks for name.safetensors; NULL: names are paths */
    int n_threads;
} loam_images_options;

LOAM_CHECK_RESULT loam_status loam_images_open(const loam_images_options *o, loam_images **out, loam_err *err);
void loam_images_close(loam_images *s);
typedef struct loam_images_info {
    const char *name;   /* of the model: the last part of its path */
    const char *family; /* "Stable Diffusion 1.5" */
    int size, multiple;
    bool has_encoder, has_quick;
} loam_images_info;
/* Borrowed until close. */
const loam_images_info *loam_images_get_info(const loam_images *s);

typedef struct loam_images_request {
    const char *prompt, *negative; /* negative NULL: none */
    int width, height;             /* 0: the model's own, or the start's */
    int steps;
    float guidance;
    uint64_t seed;
    const char *rng; /* "cpu", "cuda"; NULL: cpu */
    int n, clip_skip;
    const char *sampler, *schedule; /* names (gen/schedule.h); NULL: Euler a, the sampler's own */
    const char *sigmas;             /* "14.6,7.1,…", or NULL */
    const char *const *loras;       /* [n_loras] "file" or "file:strength", besides those in the prompt */
    int n_loras;
    const char *start_path, *mask_path; /* pictures, or NULL */
    const loam_picture *start, *mask;   /* instead of paths */
    float strength, hires, hires_strength;
    int hires_steps, tile;
    bool quick_decode;
} loam_images_request;
loam_images_request loam_images_defaults(void);
uint64_t loam_images_random_seed(void);

typedef struct loam_images_watch {
    void *ctx;
    bool (*cancelled)(void *ctx);
    void (*progress)(void *ctx, const char *stage, int step, int n_steps);
    void (*preview)(void *ctx, const loam_picture *picture, int index, int step); /* borrowed for the call */
    int preview_every;
} loam_images_watch;

typedef struct loam_images_made {
    int n, width, height;
    loam_picture **pictures; /* [n], owned */
    char **parameters;       /* [n] A1111's text for each */
    double text_s, steps_s, decode_s;
} loam_images_made;

/* Errors are sentences for whoever asked. made is owned by the caller (loam_images_made_free). watch may be NULL. */
LOAM_CHECK_RESULT loam_status loam_images_make(loam_images *s, const loam_images_request *r,
                                               const loam_images_watch *watch, loam_images_made *made, loam_err *err);
void loam_images_made_free(loam_images_made *made);
/* Only the checks of make that need no work: names, numbers, sizes, memory. */
LOAM_CHECK_RESULT loam_status loam_images_check(loam_images *s, const loam_images_request *r, loam_err *err);
/* Whether the path's ending names a format; to be asked before the work. */
LOAM_CHECK_RESULT loam_status loam_images_check_path(const char *path, loam_err *err);
/* Writes picture i with its parameters, in the format that the path's ending names. */
LOAM_CHECK_RESULT loam_status loam_images_save(const loam_images_made *made, int i, const char *path, loam_err *err);
/* "out.png" for one picture, "out-1.png", "out-2.png" for several. */
void loam_images_numbered(char *out, size_t size, const char *path, int n, int i);

#endif
