/* The inside of an open GGUF file: gguf_parse.c fills it, gguf.c hands it out, gguf_names.c finds names in it. */
#ifndef LOAM_FORMAT_GGUF_INT_H
#define LOAM_FORMAT_GGUF_INT_H

#include "base/arena.h"
#include "format/gguf.h"

struct loam_gguf {
    loam_arena *arena;
    loam_file_map map;
    bool map_owned;
    uint32_t version;
    size_t n_kv, n_tensors;
    loam_gguf_kv *kv;
    loam_gguf_tensor *tensors;
    uint32_t *kv_by_name, *tensors_by_name; /* indices in the order of the names */
};

/* The names of an array of structs: `first` is the name inside the first struct, the next one lies `stride` bytes on.
 */
typedef struct loam_gguf_names {
    const void *first;
    size_t stride, n;
} loam_gguf_names;

loam_gguf_names loam_gguf_kv_names(const loam_gguf *g);
loam_gguf_names loam_gguf_tensor_names(const loam_gguf *g);

/* Sorts the indices of the names into *order (from the arena). A name that appears twice is CORRUPT; `what` says what
 * kind of thing it names. */
LOAM_CHECK_RESULT loam_status loam_gguf_names_sort(loam_gguf_names names, loam_arena *arena, const char *what,
                                                   uint32_t **order, loam_err *err);
/* The index of a name, or SIZE_MAX. */
size_t loam_gguf_names_find(loam_gguf_names names, const uint32_t *order, const char *name);

/* Reads g->map into the rest of g. On failure g holds what was read so far. */
LOAM_CHECK_RESULT loam_status loam_gguf_read(loam_gguf *g, loam_err *err);

#endif
