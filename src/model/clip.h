/* CLIP's text encoders (Radford et al. 2021): CLIP-L of Stable Diffusion 1.5 and SDXL, OpenCLIP-G of SDXL. */
#ifndef LOAM_MODEL_CLIP_H
#define LOAM_MODEL_CLIP_H

#include "model/build.h"

typedef struct loam_clip_params {
    const char *part;                          /* "text_encoder" or "text_encoder_2" */
    int64_t width, n_ctx, n_vocab, projection; /* projection 0: the model has none */
    int n_layers, n_heads;
    loam_unary act;
    float eps;
} loam_clip_params;

/* From the part's config.json, or from its weights. part stays borrowed. */
LOAM_CHECK_RESULT loam_status loam_clip_read(const loam_weights *w, const char *part, loam_clip_params *out,
                                             loam_err *err);

/* A net over n sequences of n_ctx tokens. Output 0: the hidden states [n·n_ctx, width] after all but `skip` layers
 * (0: the last), with the final norm when `norm`. Output 1, with `project`: the last layer's states after the final
 * norm, times the projection [n·n_ctx, projection] (the pooled embedding is its row at the end token). */
LOAM_CHECK_RESULT loam_status loam_clip_net(loam_weight_store *store, const loam_clip_params *p, int64_t n, int skip,
                                            bool norm, bool project, loam_net *out, loam_err *err);
/* tokens [n·n_ctx], each < n_vocab (INVALID otherwise). */
LOAM_CHECK_RESULT loam_status loam_clip_run(loam_net *net, const loam_clip_params *p, const int32_t *tokens,
                                            loam_err *err);
/* The place of the end token in a sequence of n_ctx tokens: where the pooled embedding stands. */
int64_t loam_clip_end(const loam_clip_params *p, const int32_t *tokens);

#endif
