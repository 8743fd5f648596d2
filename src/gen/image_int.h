/* Inside a picture model: its parts, the nets planned for the last sizes, and what the files of image_*.c share. */
#ifndef LOAM_GEN_IMAGE_INT_H
#define LOAM_GEN_IMAGE_INT_H

#include "device/device.h"
#include "gen/diffuse.h"
#include "gen/image.h"
#include "model/clip.h"
#include "model/taesd.h"
#include "model/unet.h"
#include "model/vae.h"
#include "text/prompt.h"

enum { LOAM_IMAGE_MAX_SIDE = 4096, LOAM_IMAGE_MAX_PICTURES = 64, LOAM_IMAGE_TILE = 64 };

typedef struct loam_image_key {
    int64_t n, h, w, n_text;
} loam_image_key;

struct loam_image_model {
    loam_image_info info;
    const loam_device_api *api;
    loam_device *device;
    loam_weights *weights;
    loam_weight_store *store;
    loam_weights_family family;
    loam_clip_bpe *bpe;
    loam_clip_params clip[2]; /* the second of SDXL */
    int n_clips;
    int32_t pad[2]; /* token that fills up what an encoder reads */
    bool zero_negative;
    loam_unet_params unet;
    loam_vae_params vae;
    const char *taesd; /* the part, or NULL */
    bool has_vae;      /* else pixels come from TAESD alone */
    loam_levels levels;
    int steps_offset;
    char *loras; /* which are in the store: "path:strength\n" each */
    /* planned nets; those of another size are replaced */
    loam_net unet_net, vae_net, taesd_net, encoder_net;
    loam_image_key unet_key, vae_key, taesd_key, encoder_key;
};

/* Seconds of a clock that only rises. */
double loam_image_clock(void);
LOAM_CHECK_RESULT loam_status loam_image_check_cancelled(const loam_image_watch *w, loam_err *err);
void loam_image_tell(const loam_image_watch *w, const char *stage, int step, int n_steps);

/* The text embeddings of both prompts. */
typedef struct loam_image_text {
    int64_t n_rows;                   /* of one prompt */
    float *cond, *uncond;             /* [n_rows, context]; uncond NULL without guidance */
    float *cond_added, *uncond_added; /* SDXL: [added], or NULL */
} loam_image_text;
LOAM_CHECK_RESULT loam_status loam_image_encode_text(loam_image_model *m, const loam_image_request *r, int width,
                                                     int height, loam_image_text *out, loam_err *err);
void loam_image_text_free(loam_image_text *t);

/* Nets of the wanted size, planned when they are not there yet. */
LOAM_CHECK_RESULT loam_status loam_image_want_unet(loam_image_model *m, loam_image_key k, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_image_want_vae(loam_image_model *m, int64_t h, int64_t w, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_image_want_taesd(loam_image_model *m, int64_t h, int64_t w, loam_err *err);
void loam_image_drop_nets(loam_image_model *m);

/* latent [c][h][w] as the UNet has it -> RGB of factor·h × factor·w. tile: see the request. */
LOAM_CHECK_RESULT loam_status loam_image_decode(loam_image_model *m, const float *latent, int64_t h, int64_t w,
                                                int tile, bool quick, const loam_image_watch *watch,
                                                loam_image_rgb *out, loam_err *err);
/* A picture whose sides are multiples of the factor -> moments [2·c][h][w]: mean and log-variance, not scaled. */
LOAM_CHECK_RESULT loam_status loam_image_encode(loam_image_model *m, const loam_image_rgb *picture, float *moments,
                                                loam_err *err);
/* A small picture of a latent, for previews: by TAESD where there is one, else a linear map. */
LOAM_CHECK_RESULT loam_status loam_image_preview(loam_image_model *m, const float *latent, int64_t h, int64_t w,
                                                 loam_image_rgb *out, loam_err *err);

#endif
