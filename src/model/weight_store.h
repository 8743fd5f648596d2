/* Weights of a picture or clip model on the device, each brought there once, when a graph first asks for it, and shared
 * by the graphs of all sizes. LoRA adapters lie beside and are applied at run time: merged into 4-bit weights they
 * would vanish. One thread at a time. */
#ifndef LOAM_MODEL_WEIGHT_STORE_H
#define LOAM_MODEL_WEIGHT_STORE_H

#include "graph/graph.h"
#include "model/model_int.h"
#include "model/weights.h"

typedef struct loam_weight_store loam_weight_store;

/* type: LOAM_DTYPE_COUNT keeps what the file has (f64 and f8 become f16); F32, F16, BF16 or Q8_0 ask for matrices in
 * that type where their shape allows it (k a multiple of the block); other types are UNSUPPORTED, since nothing makes
 * them at load time. Not changed are: what is quantised already, vectors and tables, convolutions asked for in less
 * than 8 bits, the first and the last convolution (patch embedding and output projection), and whatever the VAE has
 * (but for its convolutions in BF16, on a device with fast_half).
 * weights, api and device are borrowed until free. */
loam_status loam_weight_store_new(const loam_device_api *api, loam_device *device, const loam_weights *weights,
                                  loam_dtype type, loam_weight_store **out, loam_err *err);
void loam_weight_store_free(loam_weight_store *s);

typedef enum loam_weight_use {
    LOAM_WEIGHT_LINEAR, /* [n, c]; 1 × 1 convolutions [n, c, 1, 1] too */
    LOAM_WEIGHT_CONV,   /* [n, c, kt, kh, kw] or [n, c, kh, kw] or [n, c, k]: a matrix [n, kt·kh·kw·c], c fastest */
    LOAM_WEIGHT_VECTOR, /* c elements, of any shape */
    LOAM_WEIGHT_TABLE,  /* [n, c], rows looked up */
} loam_weight_use;

/* The weight `name`, checked against the shape. *out is NULL when it is absent and not `required`; else borrowed until
 * free. taps {kt, kh, kw} are of CONV, NULL otherwise. n ≤ 0 takes what the file has (out->n). */
loam_status loam_weight_store_get(loam_weight_store *s, const char *name, loam_weight_use use, int64_t n, int64_t c,
                                  const int taps[3], bool required, const loam_bound_weight **out, loam_err *err);
/* Rows [row0, row0 + n) of a LINEAR or VECTOR weight as a weight of its own (the halves of GEGLU). */
loam_status loam_weight_store_get_rows(loam_weight_store *s, const char *name, loam_weight_use use, int64_t row0,
                                       int64_t n, int64_t c, bool required, const loam_bound_weight **out,
                                       loam_err *err);
size_t loam_weight_store_bytes(const loam_weight_store *s);
/* What it was made of; borrowed. */
const loam_weights *loam_weight_store_weights(const loam_weight_store *s);
const loam_device_api *loam_weight_store_api(const loam_weight_store *s);
loam_device *loam_weight_store_device(const loam_weight_store *s);

/* Adds an adapter file; its names (kohya, original blocks, PEFT) are mapped to canonical ones. strength multiplies
 * alpha/rank. One without any fitting name is refused with a sentence, as are misshapen pairs and other kinds of
 * adapter (LoHa, LoKr, DoRA). Nets that were planned before run on without it: make them anew. Both functions free
 * vectors that an adapter changes (biases, norms): free the nets of that part first. */
loam_status loam_weight_store_add_lora(loam_weight_store *s, const char *path, float strength, loam_err *err);
void loam_weight_store_clear_loras(loam_weight_store *s);
typedef struct loam_lora_pair {
    const loam_bound_weight *down; /* [rank, k], with the taps of the layer */
    const loam_bound_weight *up;   /* [n, rank], already multiplied by strength · alpha / rank */
} loam_lora_pair;
/* The pairs for the layer `name` (without ".weight"); returns how many, at most cap, or -1 with an error. taps as in
 * get. */
int loam_weight_store_loras(loam_weight_store *s, const char *name, int64_t n, int64_t c, const int taps[3],
                            loam_lora_pair *out, int cap, loam_err *err);

#endif
