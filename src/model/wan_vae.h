/* The VAE of Wan 2.1 (Wan Team 2025; AutoencoderKLWan in diffusers): clips to latents of an eighth of the width and
 * height and a quarter of the frames, and back. Its convolutions over time look only at frames before, so that a clip
 * is worked on one latent frame at a time: the first stands for one frame, the others for four each. */
#ifndef LOAM_MODEL_WAN_VAE_H
#define LOAM_MODEL_WAN_VAE_H

#include "model/build.h"

enum { LOAM_WAN_VAE_MAX_LATENT = 64 };

typedef struct loam_wan_vae_params {
    int64_t latent;           /* channels */
    int64_t factor, factor_t; /* pixels along each side, and frames, that a latent position stands for */
    float mean[LOAM_WAN_VAE_MAX_LATENT], deviation[LOAM_WAN_VAE_MAX_LATENT]; /* of z, by channel */
    bool has_encoder;
} loam_wan_vae_params;

LOAM_CHECK_RESULT loam_status loam_wan_vae_read(const loam_weights *w, loam_wan_vae_params *out, loam_err *err);
/* z [c][n] to the transformer's latents (z - mean) / deviation, or back. n: positions of all frames. */
void loam_wan_vae_normalise(const loam_wan_vae_params *p, int64_t n, const float *z, float *latent);
void loam_wan_vae_denormalise(const loam_wan_vae_params *p, int64_t n, const float *latent, float *z);

/* One clip on its way through the decoder or the encoder. */
typedef struct loam_wan_vae {
    loam_weight_store *store; /* borrowed */
    loam_wan_vae_params p;
    bool encoder;
    int64_t h, w;    /* of latents */
    int64_t f, done; /* latent frames in all and so far */
    loam_net net;
} loam_wan_vae;

/* For f latent frames of h × w. */
LOAM_CHECK_RESULT loam_status loam_wan_vae_begin(loam_wan_vae *v, loam_weight_store *store,
                                                 const loam_wan_vae_params *p, bool encoder, int64_t f, int64_t h,
                                                 int64_t w, loam_err *err);
/* Bytes that such a clip needs beside the weights. */
LOAM_CHECK_RESULT loam_status loam_wan_vae_bytes(loam_weight_store *store, const loam_wan_vae_params *p, bool encoder,
                                                 int64_t f, int64_t h, int64_t w, size_t *bytes, loam_err *err);
void loam_wan_vae_end(loam_wan_vae *v);
/* Frames that the next step makes or takes: 1, then factor_t. */
int64_t loam_wan_vae_frames(const loam_wan_vae *v);
/* Decodes the next frame of z [latent][f][h][w] to pixels [frames][factor·h][factor·w][3], -1 to 1. */
LOAM_CHECK_RESULT loam_status loam_wan_vae_decode_step(loam_wan_vae *v, const float *z, float *pixels, loam_err *err);
/* Encodes the next frames, pixels as above, to the next frame of moments [2·latent][f][h][w]: mean, log-variance. */
LOAM_CHECK_RESULT loam_status loam_wan_vae_encode_step(loam_wan_vae *v, const float *pixels, float *moments,
                                                       loam_err *err);

#endif
