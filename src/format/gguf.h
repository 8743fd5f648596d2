/* GGUF reader (ggml-org/ggml docs/gguf.md, versions 2 and 3, little endian). The file stays memory-mapped read-only;
 * every count, length, offset and size in it is checked when it is opened, so that later reads cannot leave the map. */
#ifndef LOAM_FORMAT_GGUF_H
#define LOAM_FORMAT_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

enum { LOAM_GGUF_MAX_DIMS = 4 };

typedef enum loam_gguf_type { /* the file's numbers */
                              LOAM_GGUF_TYPE_U8,
                              LOAM_GGUF_TYPE_I8,
                              LOAM_GGUF_TYPE_U16,
                              LOAM_GGUF_TYPE_I16,
                              LOAM_GGUF_TYPE_U32,
                              LOAM_GGUF_TYPE_I32,
                              LOAM_GGUF_TYPE_F32,
                              LOAM_GGUF_TYPE_BOOL,
                              LOAM_GGUF_TYPE_STRING,
                              LOAM_GGUF_TYPE_ARRAY,
                              LOAM_GGUF_TYPE_U64,
                              LOAM_GGUF_TYPE_I64,
                              LOAM_GGUF_TYPE_F64,
                              LOAM_GGUF_TYPE_COUNT
} loam_gguf_type;

/* Bytes in the map; not NUL-terminated and not necessarily UTF-8. */
typedef struct loam_gguf_str {
    const char *data;
    size_t len;
} loam_gguf_str;

typedef struct loam_gguf_kv {
    loam_gguf_str key;
    loam_gguf_type type;          /* of the value */
    loam_gguf_type array_type;    /* of the elements, when type is ARRAY (arrays of arrays are refused) */
    uint64_t n;                   /* elements of the array, else 1 */
    const uint8_t *data;          /* the value or the first element, unaligned */
    const loam_gguf_str *strings; /* the n strings of a STRING array, or the one of a STRING; else NULL */
} loam_gguf_kv;

typedef struct loam_gguf_tensor {
    loam_gguf_str name;
    int n_dims; /* 1 to 4; a scalar has one dimension of 1 */
    int64_t
        shape[LOAM_GGUF_MAX_DIMS]; /* all > 0. PyTorch's order: the contiguous dimension LAST (the file has it first) */
    uint32_t ggml_type;            /* the file's number; any, also types that Loam does not compute with */
    const uint8_t *data;
    size_t offset; /* of data in the file */
    size_t bytes;  /* 0 when the type is unknown, else checked against the file */
} loam_gguf_tensor;

typedef struct loam_gguf loam_gguf;

/* Opens, maps and checks path. Owned by the caller; afterwards it never changes, so that any thread may read it.
 * Messages start with the path. Alignments are powers of two of at least 8 (32 by default), so that data is at an
 * 8-byte boundary or better. */
LOAM_CHECK_RESULT loam_status loam_gguf_open(const char *path, loam_gguf **out, loam_err *err);
/* The same over bytes in memory (tests, fuzzing); borrowed until close. */
LOAM_CHECK_RESULT loam_status loam_gguf_parse(const void *bytes, size_t size, loam_gguf **out, loam_err *err);
void loam_gguf_close(loam_gguf *g);

uint32_t loam_gguf_version(const loam_gguf *g);
size_t loam_gguf_n_kv(const loam_gguf *g);
const loam_gguf_kv *loam_gguf_kv_at(const loam_gguf *g, size_t i);
size_t loam_gguf_n_tensors(const loam_gguf *g);
const loam_gguf_tensor *loam_gguf_tensor_at(const loam_gguf *g, size_t i);
const loam_file_map *loam_gguf_map(const loam_gguf *g); /* the whole file */

/* By name (binary search); NULL when absent. */
const loam_gguf_kv *loam_gguf_find_kv(const loam_gguf *g, const char *key);
const loam_gguf_tensor *loam_gguf_find_tensor(const loam_gguf *g, const char *name);

/* Typed look-ups. When the key is absent they return true and leave *out as it was (the caller put the default there);
 * false when the value has another type or does not fit. Any integer type is taken for u32 and i64; any float for f32.
 */
bool loam_gguf_get_u32(const loam_gguf *g, const char *key, uint32_t *out);
bool loam_gguf_get_i64(const loam_gguf *g, const char *key, int64_t *out);
bool loam_gguf_get_f32(const loam_gguf *g, const char *key, float *out);
bool loam_gguf_get_bool(const loam_gguf *g, const char *key, bool *out);
bool loam_gguf_get_str(const loam_gguf *g, const char *key, loam_gguf_str *out);

/* Element i (< kv->n) of an array of numbers, or the value itself for a scalar. */
int64_t loam_gguf_kv_i64(const loam_gguf_kv *kv, uint64_t i);
double loam_gguf_kv_f64(const loam_gguf_kv *kv, uint64_t i);

const char *loam_gguf_type_name(loam_gguf_type t);

/* Every type number that ggml ever gave out, with the block that its bytes come in; NULL for other numbers. Removed
 * types (4, 5, 31-33, 36-38) have block_elems 0. */
typedef struct loam_ggml_type {
    const char *name; /* "Q4_K" */
    uint32_t block_elems, block_bytes;
} loam_ggml_type;
const loam_ggml_type *loam_ggml_type_get(uint32_t ggml_type);

#endif
