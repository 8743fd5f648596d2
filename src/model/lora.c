#include "model/lora.h"

loam_status loam_lora_add(loam_lora_set *set, const loam_weights *model, const char *path, float strength,
                          loam_err *err)
{
    LOAM_FAIL(err, UNSUPPORTED, "LoRA is not there yet");
}

void loam_lora_clear(loam_lora_set *set, const loam_device_api *api, loam_device *device)
{
    set->first = NULL;
}

int loam_lora_pairs(loam_lora_set *set, const loam_device_api *api, loam_device *device, const char *name, int64_t n,
                    int64_t c, const int taps[3], loam_lora_pair *out, int cap, loam_err *err)
{
    return 0;
}
