/* safetensors from a stranger: what opens covers the data exactly and is found by its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* so that the reads are not optimised away */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_safetensors *st;
    if (loam_safetensors_parse(data, size, &st, &err) != LOAM_OK) {
        if (st || !err.msg[0] || err.code == LOAM_OK)
            abort();
        return 0;
    }
    size_t covered = 0;
    for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        if (loam_safetensors_find(st, t->name) != t || t->n_dims < 0 || t->n_dims > LOAM_SAFETENSORS_MAX_DIMS)
            abort();
        for (size_t k = 0; k < t->bytes; k++)
            sink += t->data[k];
        covered += t->bytes;
    }
    if (covered > size)
        abort();
    for (size_t i = 0; i < loam_safetensors_n_metadata(st); i++) {
        const loam_safetensors_entry *e = loam_safetensors_metadata_at(st, i);
        if (loam_safetensors_find_metadata(st, e->key) != e->value)
            abort();
        sink += strlen(e->value);
    }
    loam_safetensors_close(st);
    return 0;
}
