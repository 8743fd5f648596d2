/* AnimateDiff's motion modules (Guo et al. 2023): transformers over the frames of a clip, one behind each layer of a
 * Stable Diffusion UNet, in which every position attends to itself in the other frames. Weights are named
 * "motion.<block of the UNet>.motion_modules.<i>…". */
#ifndef LOAM_MODEL_MOTION_H
#define LOAM_MODEL_MOTION_H

#include "model/build.h"

typedef struct loam_motion_params {
    int64_t max_frames; /* that a clip can have; 0: there are no modules */
    int n_heads;
    int groups; /* of the group norms: the UNet's */
} loam_motion_params;

/* What the weights hold of them: heads by the config "motion", frames by the table of positions. */
LOAM_CHECK_RESULT loam_status loam_motion_read(const loam_weights *w, int groups, loam_motion_params *out,
                                               loam_err *err);

/* What the modules of a net share. */
typedef struct loam_motion {
    const loam_motion_params *p;
    loam_net *net;
    int64_t clips, frames;
    int numbers;  /* of the frames, [clips·frames] */
    int first_in; /* the net's first input of computed positions */
} loam_motion;

/* Adds the numbers of the frames as the net's tokens: net->n_tokens = clips · frames. Comes after the other inputs. */
void loam_motion_begin(loam_build *b, loam_net *net, const loam_motion_params *p, int64_t clips, int64_t frames,
                       loam_motion *out);
/* Module i of the block whose other weights are below the current prefix ("unet.<block>."). x: clips · frames pictures.
 */
loam_map loam_motion_module(loam_build *b, loam_map x, const loam_motion *m, int i);
/* Whether that block has a module i. */
bool loam_motion_has(const loam_build *b, int i);

/* Before a run: numbers [net->n_tokens], and the net's inputs from `first` on: positions of modules whose file has no
 * table of them. */
void loam_motion_write(loam_net *net, int first, int32_t *numbers);

#endif
