/* TAEHV (Bohan 2025; github.com/madebyollin/taehv): a small stand-in for the VAE of clips, for previews and for clips
 * of few steps. 3 × 3 convolutions on each frame, with memory blocks that see the frame before as well. */
#ifndef LOAM_MODEL_TAEHV_H
#define LOAM_MODEL_TAEHV_H

#include "model/build.h"

typedef struct loam_taehv_params {
    int64_t latent;           /* channels */
    int64_t factor, factor_t; /* pixels along each side, and frames, that a latent position stands for */
    bool has_encoder;
} loam_taehv_params;

/* Whether there is one. */
bool loam_taehv_is(const loam_weights *w);
LOAM_CHECK_RESULT loam_status loam_taehv_read(const loam_weights *w, loam_taehv_params *out, loam_err *err);

/* One clip on its way through the decoder or the encoder, a latent frame at a time. */
typedef struct loam_taehv {
    loam_taehv_params p;
    bool encoder;
    int64_t h, w, f, done; /* of latents; latent frames in all and so far */
    loam_net net;
} loam_taehv;

/* For f latent frames of h × w. Latents are those of the transformer (normalised). */
LOAM_CHECK_RESULT loam_status loam_taehv_begin(loam_taehv *v, loam_weight_store *store, const loam_taehv_params *p,
                                               bool encoder, int64_t f, int64_t h, int64_t w, loam_err *err);
void loam_taehv_end(loam_taehv *v);
/* To the clip's first frame again. */
void loam_taehv_restart(loam_taehv *v);
/* Frames that the next step of the decoder makes: 1, then factor_t. */
int64_t loam_taehv_frames(const loam_taehv *v);
/* Decodes the next frame of latent [latent][f][h][w] to pixels [frames][factor·h][factor·w][3], 0 to 1. */
LOAM_CHECK_RESULT loam_status loam_taehv_decode_step(loam_taehv *v, const float *latent, float *pixels, loam_err *err);
/* Encodes the next factor_t frames [factor_t][factor·h][factor·w][3], 0 to 1, to the next frame of latent
 * [latent][f][h][w]. Who has fewer frames at the end repeats the last. */
LOAM_CHECK_RESULT loam_status loam_taehv_encode_step(loam_taehv *v, const float *pixels, float *latent, loam_err *err);

#endif
