/* The diffusion transformer of Wan 2.1 (Wan Team 2025), text to video: patches of 1 × 2 × 2 latent positions,
 * self-attention over all of a clip with rotary positions in three dimensions, cross-attention to the text, and
 * scales, shifts and gates that depend on the time (adaLN, Peebles & Xie 2023) through one projection for all layers.
 * Keys and values of the text do not change from step to step: they are computed once a prompt. */
#ifndef LOAM_MODEL_WAN_H
#define LOAM_MODEL_WAN_H

#include "model/build.h"

typedef struct loam_wan_params {
    int64_t width, in_channels, out_channels; /* channels of a latent */
    int64_t text_width, time_width;           /* of the text encoder's states; of the sinusoid */
    int64_t n_text;                           /* rows that texts are padded to with zeros; they are attended to */
    int n_layers, n_heads;
    float eps;
} loam_wan_params;

LOAM_CHECK_RESULT loam_status loam_wan_read(const loam_weights *w, loam_wan_params *out, loam_err *err);

/* A net for n latents of f frames of h × w (even) at one time, with texts of n_text rows each. */
typedef struct loam_wan {
    loam_wan_params p;
    int64_t n, f, h, w, n_text;
    loam_net net;
} loam_wan;
LOAM_CHECK_RESULT loam_status loam_wan_init(loam_wan *m, loam_weight_store *store, const loam_wan_params *p, int64_t n,
                                            int64_t f, int64_t h, int64_t w, int64_t n_text, loam_err *err);
void loam_wan_deinit(loam_wan *m);

/* Keys and values of n texts [n][n_text][text_width] for every layer, in loam_wan_text_floats floats: for a net of n
 * latents with n_text rows. Rows of zeros at the end of all texts are computed once. */
size_t loam_wan_text_floats(const loam_wan_params *p, int64_t n, int64_t n_text);
LOAM_CHECK_RESULT loam_status loam_wan_text(loam_weight_store *store, const loam_wan_params *p, int64_t n,
                                            int64_t n_text, const float *text, float *out, loam_err *err);
/* Where the net keeps them from run to run, so that they can be computed in place. */
float *loam_wan_text_place(loam_wan *m);

typedef struct loam_wan_input {
    const float *latent; /* [n][in_channels][f][h][w] */
    double timestep;     /* 0 to 1000 */
    const float *text;   /* of loam_wan_text; NULL: what stands in the net */
} loam_wan_input;
/* out [n][out_channels][f][h][w]. */
LOAM_CHECK_RESULT loam_status loam_wan_run(loam_wan *m, const loam_wan_input *in, float *out, loam_err *err);

#endif
