/* AutoencoderKL, the VAE of Stable Diffusion 1.5 and SDXL: pictures to latents of an eighth of the size and back. */
#ifndef LOAM_MODEL_VAE_H
#define LOAM_MODEL_VAE_H

#include "model/build.h"

typedef struct loam_vae_params {
    int64_t latent; /* channels */
    int64_t factor; /* pixels a latent position stands for, along each side */
    int groups;
    float scale, shift; /* a model's latent is (z - shift) · scale */
    bool has_encoder;
} loam_vae_params;

LOAM_CHECK_RESULT loam_status loam_vae_read(const loam_weights *w, loam_vae_params *out, loam_err *err);

/* Decoder for n latents of h × w: input 0 [n·h·w, latent] (z, not scaled), output 0 [n·factor²·h·w, 3], about -1 to 1.
 * Encoder for n pictures of h × w pixels, multiples of factor: input 0 [n·h·w, 3], output 0 rows [.., 2·latent]: mean,
 * then log-variance. */
LOAM_CHECK_RESULT loam_status loam_vae_decoder_net(loam_weight_store *store, const loam_vae_params *p, int64_t n,
                                                   int64_t h, int64_t w, loam_net *out, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_vae_encoder_net(loam_weight_store *store, const loam_vae_params *p, int64_t n,
                                                   int64_t h, int64_t w, loam_net *out, loam_err *err);

#endif
