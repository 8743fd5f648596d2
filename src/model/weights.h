/* The named weights of a picture or clip model, wherever they lie: a diffusers folder, a single file in the original
 * layout (safetensors), GGUF, or several of these together (a separate VAE, TAESD, a motion module). Names are those of
 * diffusers with the folder in front: "unet.down_blocks.0.resnets.0.conv1.weight", "text_encoder.text_model…",
 * "text_encoder_2.…", "vae.…", "taesd.…", "motion.…" (motion modules), "transformer.…", "taehv.…". Other layouts are
 * mapped to these names when a file is added. The files stay memory-mapped. */
#ifndef LOAM_MODEL_WEIGHTS_H
#define LOAM_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "graph/graph.h"

typedef struct loam_weights loam_weights;

/* Opens a folder with model_index.json (its parts' safetensors, sharded ones too, and configs), a folder of one part
 * (config.json and safetensors) or one file. Owned by the caller. A file of another kind of model (UNSUPPORTED), a
 * broken or incomplete one: one sentence that names it. */
LOAM_CHECK_RESULT loam_status loam_weights_open(const char *path, loam_weights **out, loam_err *err);
/* Adds a file, or a folder of one part, whose tensors take precedence over what is there. part: "vae", "taesd",
 * "motion", "text_encoder", …; NULL: known from its names. On failure w is as before. */
LOAM_CHECK_RESULT loam_status loam_weights_add(loam_weights *w, const char *path, const char *part, loam_err *err);
void loam_weights_close(loam_weights *w);

/* One tensor as it lies in a file, in PyTorch's order. A view can be some rows of a larger tensor (q, k, v of a fused
 * projection). */
typedef struct loam_weight_view {
    const char *name; /* canonical */
    const char *file; /* for messages */
    enum { LOAM_WEIGHT_GGML, LOAM_WEIGHT_F64, LOAM_WEIGHT_F8_E4M3, LOAM_WEIGHT_F8_E5M2 } kind;
    loam_dtype dtype; /* with LOAM_WEIGHT_GGML */
    int n_dims;
    int64_t shape[6];
    const uint8_t *data;
    size_t bytes;
    bool transposed; /* a matrix [n, k] that lies as [k, n]; shape is [n, k] */
} loam_weight_view;

/* NULL when absent. Borrowed until close (or until a file with this name is added). */
const loam_weight_view *loam_weights_find(const loam_weights *w, const char *name);
/* Whether any name starts with prefix. */
bool loam_weights_has(const loam_weights *w, const char *prefix);
/* Numbers of blocks and the like: the smallest i for which no name starts with "<prefix>.<i>." */
int loam_weights_count(const loam_weights *w, const char *prefix);
/* The text of <part>/config.json of a diffusers folder (also "scheduler": its scheduler_config.json), NUL-terminated;
 * NULL: there is none. */
const char *loam_weights_config(const loam_weights *w, const char *part);
/* The folder, or the file's path (tokenizer files lie beside). */
const char *loam_weights_path(const loam_weights *w);

/* What is there, by names and shapes. Other models are refused when they are opened. */
typedef enum loam_weights_family {
    LOAM_WEIGHTS_UNKNOWN, /* single parts: a VAE, a text encoder, a motion module */
    LOAM_WEIGHTS_SD15,    /* Stable Diffusion 1.x: a UNet with one text encoder */
    LOAM_WEIGHTS_SDXL,
    LOAM_WEIGHTS_WAN_T2V, /* Wan 2.1, text to video */
} loam_weights_family;
loam_weights_family loam_weights_get_family(const loam_weights *w);

/* Whether a single file holds an empty tensor of this name, by which its makers say how it was trained: "v_pred" (it
 * predicts v), "ztsnr" (down to pure noise). Folders say it in the scheduler's config. */
bool loam_weights_marked(const loam_weights *w, const char *mark);

/* All tensors in the order of their names (inspection, tests), and how many of the files no rule knows: neither a part
 * of a model nor one of the harmless extras of training; *first is the first of these names, or NULL. */
size_t loam_weights_n(const loam_weights *w);
const loam_weight_view *loam_weights_at(const loam_weights *w, size_t i);
size_t loam_weights_n_unknown(const loam_weights *w, const char **first);

/* Lets go of the pages of the file that hold this tensor; they are read again when needed. */
void loam_weights_release(const loam_weights *w, const loam_weight_view *v);
/* Whether a file was made shorter since it was opened: what was missing read as zeros. */
bool loam_weights_damaged(const loam_weights *w);

#endif
