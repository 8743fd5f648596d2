/* The residual block and the attention that the UNet and the VAE of latent diffusion share (Rombach et al. 2022). */
#ifndef LOAM_MODEL_RES_BLOCK_H
#define LOAM_MODEL_RES_BLOCK_H

#include "model/build.h"

/* x + conv2(silu(norm2(conv1(silu(norm1(x))) + time))), below the current prefix; the shortcut is a 1 × 1 convolution
 * where the channels change. time: silu of the time embedding, [1 or n, width], or -1 (VAE). */
loam_map loam_res_block(loam_build *b, loam_map x, int time, int groups, float eps);
/* Doubles height and width to h × w (2h - 1 is possible), then convolves: "<leaf>" 3 × 3. */
loam_map loam_up_block(loam_build *b, loam_map x, const char *leaf, int64_t h, int64_t w);

#endif
