/* What pictures and clips have in common (images_words.c). */
#ifndef LOAM_SERVICE_IMAGES_INT_H
#define LOAM_SERVICE_IMAGES_INT_H

#include "base/buf.h"
#include "gen/image.h"
#include "service/images.h"
#include "text/prompt.h"

enum { LOAM_IMAGES_MAX_LORAS = 16, LOAM_IMAGES_MAX_SIGMAS = 1000 };

/* The words of a request, understood. */
typedef struct loam_images_words {
    loam_buf prompt; /* without its <lora:…> */
    loam_image_lora loras[LOAM_IMAGES_MAX_LORAS];
    char *lora_paths[LOAM_IMAGES_MAX_LORAS];
    int n_loras;
    double sigmas[LOAM_IMAGES_MAX_SIGMAS];
    int n_sigmas;
    loam_diffuse_sampler sampler;
    loam_schedule schedule;
    bool noise_cuda;
} loam_images_words;

/* folder: where adapters named in the prompt lie; NULL: names are paths. Deinit also after a failure. */
LOAM_CHECK_RESULT loam_status loam_images_words_read(loam_images_words *y, const char *folder, const char *prompt,
                                                     const char *const *loras, int n_loras, const char *sampler,
                                                     const char *schedule, const char *sigmas, const char *rng,
                                                     loam_err *err);
void loam_images_words_deinit(loam_images_words *y);

/* The names that A1111 shows, which loam_diffuse_sampler_parse and loam_schedule_parse read; others as Loam has them.
 * Static. */
const char *loam_images_sampler_word(loam_diffuse_sampler s);
const char *loam_images_schedule_word(loam_schedule s);

/* The engine's watch that passes everything on to a user's. */
typedef struct loam_images_relay {
    const loam_images_watch *to;
    loam_image_watch from;
} loam_images_relay;
/* NULL when `to` is. r must stay as long as what is returned is used. */
const loam_image_watch *loam_images_relay_begin(loam_images_relay *r, const loam_images_watch *to);

LOAM_CHECK_RESULT loam_status loam_images_picture_of(const loam_image_rgb *rgb, loam_picture **out, loam_err *err);

#endif
