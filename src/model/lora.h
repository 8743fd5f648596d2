/* LoRA adapters (Hu et al. 2021): y += up · down · x · strength · alpha / rank, beside the weights. A file's names are
 * mapped to those of the model's layers when it is added; its matrices go to the device when a layer first asks. Some
 * adapters also hold differences of biases and norms, which are added to these vectors. */
#ifndef LOAM_MODEL_LORA_H
#define LOAM_MODEL_LORA_H

#include "model/weight_store.h"

typedef struct loam_lora loam_lora;
typedef struct loam_lora_set {
    loam_lora *first; /* in the order in which they were added */
} loam_lora_set;

/* See weight_store.h. On failure the set is as before. */
LOAM_CHECK_RESULT loam_status loam_lora_add(loam_lora_set *set, const loam_weights *model, const char *path,
                                            float strength, loam_err *err);
void loam_lora_clear(loam_lora_set *set, const loam_device_api *api, loam_device *device);
int loam_lora_pairs(loam_lora_set *set, const loam_device_api *api, loam_device *device, const char *name, int64_t n,
                    int64_t c, const int taps[3], loam_lora_pair *out, int cap, loam_err *err);
/* Adds the adapters' differences of elements [at, at + n) of the vector `name` to x. */
void loam_lora_add_to_vector(const loam_lora_set *set, const char *name, int64_t at, int64_t n, float *x);
/* Whether an adapter has differences of this vector. */
bool loam_lora_has_vector(const loam_lora_set *set, const char *name);

#endif
