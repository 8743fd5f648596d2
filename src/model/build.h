/* Building blocks of picture and clip models: the names of weights go in, tensors come out, so that a builder reads as
 * the model in its paper does. The first mistake (a missing or misshapen weight) is remembered; what follows returns
 * -1 and loam_net_plan reports it. */
#ifndef LOAM_MODEL_BUILD_H
#define LOAM_MODEL_BUILD_H

#include "graph/graph.h"
#include "model/weight_store.h"

typedef struct loam_build {
    loam_graph *g; /* owned until loam_net_plan takes it */
    loam_weight_store *store;
    char prefix[192]; /* of weight names: the scopes entered so far, each with its dot */
    loam_status status;
    loam_err err;
} loam_build;

LOAM_CHECK_RESULT loam_status loam_build_begin(loam_build *b, loam_weight_store *store, loam_err *err);
/* Gives back what begin made, unless loam_net_plan took it. */
void loam_build_end(loam_build *b);

/* Enters "<fmt>." below the current prefix; leave takes what enter returned. */
size_t loam_build_enter(loam_build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void loam_build_leave(loam_build *b, size_t scope);
/* Whether a weight below the current prefix starts with `leaf`. */
bool loam_build_has(const loam_build *b, const char *leaf);

/* Activations with the positions they stand for: rows n·f·h·w, c channels. */
typedef struct loam_map {
    int id;
    int64_t n, f, h, w, c;
} loam_map;

typedef enum loam_bias { LOAM_BIAS_NONE, LOAM_BIAS_YES, LOAM_BIAS_IF_THERE } loam_bias;

/* Weight tensors of the graph, below the current prefix; n ≤ 0: as many rows as the file has. */
int loam_build_vector(loam_build *b, const char *leaf, int64_t n);
int loam_build_table(loam_build *b, const char *leaf, int64_t n, int64_t c);

/* x [rows, c] · Wᵀ + bias, with "<leaf>.weight" [n, c] and "<leaf>.bias", and the LoRA pairs of this layer. */
int loam_build_linear(loam_build *b, int x, const char *leaf, int64_t n, loam_bias bias);
/* f(x·Gᵀ + g) · (x·Uᵀ + u) where "<leaf>.weight" holds U in rows [0, n) and G in rows [n, 2n) (GEGLU, Shazeer 2020). */
int loam_build_geglu(loam_build *b, int x, const char *leaf, int64_t n);
/* The same stride and "same" padding for odd taps k × k; flags below. spread: -1, or [n, channels] added per picture.
 */
enum {
    LOAM_CONV_UP = 1,       /* the input is doubled first (nearest) */
    LOAM_CONV_HALF = 2,     /* stride 2, padding as for stride 1 */
    LOAM_CONV_HALF_END = 4, /* stride 2, padded by one at the right and lower edge only (VAE encoders) */
    LOAM_CONV_NO_BIAS = 8,
};
loam_map loam_build_conv(loam_build *b, loam_map x, const char *leaf, int64_t n, int k, int flags, int spread);
/* Any geometry: c's taps, strides, paddings and output sizes are given, its input is x's. */
loam_map loam_build_conv_as(loam_build *b, loam_map x, const char *leaf, int64_t n, const loam_conv *c, bool bias);
int loam_build_group_norm(loam_build *b, loam_map x, const char *leaf, int groups, float eps, loam_unary f);
int loam_build_layer_norm(loam_build *b, int x, const char *leaf, float eps);
int loam_build_rms_norm(loam_build *b, int x, const char *leaf, float eps);

/* Attention over all positions of n sequences (loam_graph_attend), in bf16 where the products around it are: where the
 * layer's "to_q" is a bf16 weight that the device multiplies in bf16. */
int loam_build_attend(loam_build *b, int q, int k, int v, int64_t n, int n_heads, float scale);

/* A planned graph with its inputs and outputs in the builder's order. */
enum { LOAM_NET_MAX_ENDS = 48 };
typedef struct loam_net {
    const loam_device_api *api;
    loam_graph *g;
    loam_program *program;
    int in[LOAM_NET_MAX_ENDS], out[LOAM_NET_MAX_ENDS];
    int n_in, n_out;
    int64_t n_tokens;   /* of a run; 0: the graph reads none */
    int64_t n_pictures; /* that a run works on, for whoever made the net */
} loam_net;

/* Adds an input [rows, columns] that is written before a run, or marks an output. */
int loam_net_input(loam_build *b, loam_net *net, const char *name, int64_t rows, int64_t columns);
void loam_net_output(loam_build *b, loam_net *net, int x);
/* Plans what b holds and takes its graph. On failure net holds nothing. */
LOAM_CHECK_RESULT loam_status loam_net_plan(loam_build *b, loam_net *net, loam_err *err);
void loam_net_free(loam_net *net);
/* Bytes that a run needs beside the weights. */
size_t loam_net_bytes(const loam_net *net);
/* Input i to be written [rows][columns]; output i of the last run. */
float *loam_net_in(loam_net *net, int i);
const float *loam_net_out(loam_net *net, int i);
/* tokens and positions [n_tokens], or NULL when the graph has none. */
LOAM_CHECK_RESULT loam_status loam_net_run(loam_net *net, const int32_t *tokens, const int32_t *positions,
                                           loam_err *err);

#endif
