/* The table behind dtype.h: name, block and ggml number of each element type. */
#include "kernel/dtype.h"

typedef struct dtype_info {
    const char *name;
    uint32_t ggml;
    uint32_t block_elems, block_bytes;
} dtype_info;

static const dtype_info infos[LOAM_DTYPE_COUNT] = {
#define X(name, ggml, elems, bytes) [LOAM_DTYPE_##name] = {#name, ggml, elems, bytes},
    LOAM_DTYPE_LIST(X)
#undef X
};

const char *loam_dtype_name(loam_dtype t)
{
    return (unsigned)t < LOAM_DTYPE_COUNT ? infos[t].name : "unknown";
}

size_t loam_dtype_block_elems(loam_dtype t)
{
    return infos[t].block_elems;
}

size_t loam_dtype_block_bytes(loam_dtype t)
{
    return infos[t].block_bytes;
}

size_t loam_dtype_row_bytes(loam_dtype t, int64_t n)
{
    return (size_t)n / infos[t].block_elems * infos[t].block_bytes;
}

bool loam_dtype_from_ggml(uint32_t ggml_type, loam_dtype *out)
{
    for (int t = 0; t < LOAM_DTYPE_COUNT; t++)
        if (infos[t].ggml == ggml_type) {
            *out = (loam_dtype)t;
            return true;
        }
    return false;
}
