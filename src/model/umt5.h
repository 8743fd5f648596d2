/* The encoder of UMT5 (Chung et al. 2023), Wan's text encoder: T5 (Raffel et al. 2020) with a table of relative
 * position biases in every layer. Only true tokens are computed; padding is zeros that the caller of encode gets. */
#ifndef LOAM_MODEL_UMT5_H
#define LOAM_MODEL_UMT5_H

#include "model/build.h"

typedef struct loam_umt5_params {
    const char *part; /* "text_encoder" */
    int64_t width, inner, n_vocab, n_buckets, max_distance;
    int n_layers, n_heads;
    bool shared_bias; /* plain T5: the first layer's biases serve for all */
    float eps;
} loam_umt5_params;

/* From the part's config.json, or from its weights. part stays borrowed. */
LOAM_CHECK_RESULT loam_status loam_umt5_read(const loam_weights *w, const char *part, loam_umt5_params *out,
                                             loam_err *err);

/* A net of layers [first, end) over one sequence of n tokens. The first layer of all reads tokens, others have input 0:
 * the hidden states [n, width]; output 0: the hidden states, after the final norm when end is the last. Its biases are
 * written. */
LOAM_CHECK_RESULT loam_status loam_umt5_net(loam_weight_store *store, const loam_umt5_params *p, int64_t n, int first,
                                            int end, loam_net *out, loam_err *err);

typedef struct loam_umt5_prompt {
    const int32_t *tokens; /* [n] with the end token, < n_vocab each (INVALID otherwise) */
    int64_t n;
    float *out; /* [n_rows][width]: hidden states, zeros behind the n-th */
} loam_umt5_prompt;
/* Encodes prompts of up to n_rows tokens; longer ones are an error (INVALID). The weights stay in the store. */
LOAM_CHECK_RESULT loam_status loam_umt5_encode(loam_weight_store *store, const loam_umt5_params *p,
                                               const loam_umt5_prompt *prompts, int n_prompts, int64_t n_rows,
                                               loam_err *err);
/* The same, with one layer's weights at a time in memory: the whole encoder, larger than Wan's transformer, is needed
 * once a prompt. type as for loam_weight_store_new. Adapters are not applied. */
LOAM_CHECK_RESULT loam_status loam_umt5_encode_streamed(const loam_device_api *api, loam_device *device,
                                                        const loam_weights *w, loam_dtype type,
                                                        const loam_umt5_params *p, const loam_umt5_prompt *prompts,
                                                        int n_prompts, int64_t n_rows, loam_err *err);
/* One layer of it; for callers that look up between layers: 0 to n_layers - 1, one after another. */
LOAM_CHECK_RESULT loam_status loam_umt5_encode_layer(const loam_device_api *api, loam_device *device,
                                                     const loam_weights *w, loam_dtype type, const loam_umt5_params *p,
                                                     const loam_umt5_prompt *prompts, int n_prompts, int64_t n_rows,
                                                     int layer, loam_err *err);

/* T5's bucket of a key that stands `distance` behind the query (negative: in front). */
int64_t loam_umt5_bucket(int64_t distance, int64_t n_buckets, int64_t max_distance);

#endif
