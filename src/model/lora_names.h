/* From the names of an adapter's tensors to the layers of a model. */
#ifndef LOAM_MODEL_LORA_NAMES_H
#define LOAM_MODEL_LORA_NAMES_H

#include "model/weights_int.h"

typedef enum loam_lora_role {
    LOAM_LORA_OTHER,
    LOAM_LORA_DOWN,
    LOAM_LORA_UP,
    LOAM_LORA_ALPHA,
    LOAM_LORA_DIFF,      /* added to a weight as it is */
    LOAM_LORA_DIFF_BIAS, /* added to the layer's bias */
} loam_lora_role;

/* Cuts what a name ends with (".lora_down.weight", ".lora_A.weight", …) and says what it was; base is the rest. */
loam_lora_role loam_lora_role_of(const char *raw, loam_name *base);
/* The kind of adapter that Loam does not run ("LoHa"), if the name is of one; else NULL. */
const char *loam_lora_foreign(const char *raw);

/* The model's layers by flattened names, in which all dots are underscores, for names that come so. */
typedef struct loam_lora_layers loam_lora_layers;
LOAM_CHECK_RESULT loam_status loam_lora_layers_new(const loam_weights *model, loam_arena *arena, loam_lora_layers **out,
                                                   loam_err *err);
/* The layer (a weight's name without ".weight", borrowed from the arena) that base means, or NULL. */
const char *loam_lora_layer_of(const loam_lora_layers *l, const char *base);

#endif
