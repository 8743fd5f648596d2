/* TAESD (Bohan 2023; AutoencoderTiny in diffusers): a small stand-in for the VAE, for previews and for pictures of few
 * steps, where the VAE would take longer than the UNet. */
#ifndef LOAM_MODEL_TAESD_H
#define LOAM_MODEL_TAESD_H

#include "model/build.h"

/* part: "taesd", or "vae" of a folder whose VAE it is. Decoder for n latents of h × w as the UNet has them (scaled):
 * input 0 [n·h·w, latent], output 0 [n·64·h·w, 3]. loam_taesd_run writes and reads them. */
LOAM_CHECK_RESULT loam_status loam_taesd_net(loam_weight_store *store, const char *part, int64_t n, int64_t h,
                                             int64_t w, loam_net *out, loam_err *err);
/* latent [n][c][h][w]; *pixels [n·8h·8w][3], 0 to 1 but for overshoots, borrowed until the next run. */
LOAM_CHECK_RESULT loam_status loam_taesd_run(loam_net *net, const float *latent, const float **pixels, loam_err *err);
/* Whether a part is one. */
bool loam_taesd_is(const loam_weights *w, const char *part);

#endif
