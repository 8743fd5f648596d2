/* safetensors reader (huggingface/safetensors, format as of 0.8). The file stays memory-mapped read-only; header,
 * shapes and offsets are checked when it is opened, as the reference does: the tensors cover the data without gaps and
 * overlaps, and each has exactly the bytes of its shape. Stricter than the reference: duplicate names, NUL in a name
 * and more than six dimensions are refused. */
#ifndef LOAM_FORMAT_SAFETENSORS_H
#define LOAM_FORMAT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

enum { LOAM_SAFETENSORS_MAX_DIMS = 6 };

/* name in the file, bits of one element */
#define LOAM_SAFETENSORS_DTYPE_LIST(X) \
    X(BOOL, 8)                         \
    X(F4, 4)                           \
    X(F6_E2M3, 6)                      \
    X(F6_E3M2, 6)                      \
    X(U8, 8)                           \
    X(I8, 8)                           \
    X(F8_E5M2, 8)                      \
    X(F8_E4M3, 8)                      \
    X(F8_E8M0, 8)                      \
    X(F8_E4M3FNUZ, 8)                  \
    X(F8_E5M2FNUZ, 8)                  \
    X(I16, 16)                         \
    X(U16, 16)                         \
    X(F16, 16)                         \
    X(BF16, 16)                        \
    X(I32, 32)                         \
    X(U32, 32)                         \
    X(F32, 32)                         \
    X(C64, 64)                         \
    X(F64, 64)                         \
    X(I64, 64)                         \
    X(U64, 64)

typedef enum loam_safetensors_dtype {
#define X(name, bits) LOAM_SAFETENSORS_DTYPE_##name,
    LOAM_SAFETENSORS_DTYPE_LIST(X)
#undef X
        LOAM_SAFETENSORS_DTYPE_COUNT
} loam_safetensors_dtype;

typedef struct loam_safetensors_tensor {
    const char *name; /* UTF-8, NUL-terminated, lives until close */
    loam_safetensors_dtype dtype;
    int n_dims;                               /* 0 (one element) to 6 */
    int64_t shape[LOAM_SAFETENSORS_MAX_DIMS]; /* PyTorch's order: the contiguous dimension last; sizes may be 0 */
    const uint8_t *data; /* in the map; any alignment, although today's writers align to the element */
    size_t offset;       /* of data in the file */
    size_t bytes;
} loam_safetensors_tensor;

typedef struct loam_safetensors_entry {
    const char *key, *value;
} loam_safetensors_entry;

typedef struct loam_safetensors loam_safetensors;

/* Opens, maps and checks path. Owned by the caller; afterwards it never changes, so that any thread may read it.
 * Messages start with the path. */
LOAM_CHECK_RESULT loam_status loam_safetensors_open(const char *path, loam_safetensors **out, loam_err *err);
/* The same over bytes in memory (tests, fuzzing); borrowed until close. */
LOAM_CHECK_RESULT loam_status loam_safetensors_parse(const void *bytes, size_t size, loam_safetensors **out,
                                                     loam_err *err);
/* NULL is allowed. */
void loam_safetensors_close(loam_safetensors *st);

/* Tensors lie in the order of their data, i < count; the find functions return NULL when the name is absent. */
size_t loam_safetensors_n_tensors(const loam_safetensors *st);
const loam_safetensors_tensor *loam_safetensors_tensor_at(const loam_safetensors *st, size_t i);
const loam_safetensors_tensor *loam_safetensors_find(const loam_safetensors *st, const char *name);

/* The strings of "__metadata__", sorted by key. */
size_t loam_safetensors_n_metadata(const loam_safetensors *st);
const loam_safetensors_entry *loam_safetensors_metadata_at(const loam_safetensors *st, size_t i);
const char *loam_safetensors_find_metadata(const loam_safetensors *st, const char *key);

const loam_file_map *loam_safetensors_map(const loam_safetensors *st); /* the whole file */

/* "F8_E4M3" and 8; for a value outside the list "unknown" and 0. */
const char *loam_safetensors_dtype_name(loam_safetensors_dtype d);
int loam_safetensors_dtype_bits(loam_safetensors_dtype d);

#endif
