/* The types of tensor elements, with the sizes and names of ggml and GGUF. Quantised types come in blocks of 32 or 256
 * elements along the last dimension. */
#ifndef LOAM_KERNEL_DTYPE_H
#define LOAM_KERNEL_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, ggml's number, elements a block, bytes a block */
#define LOAM_DTYPE_LIST(X)  \
    X(F32, 0, 1, 4)         \
    X(F16, 1, 1, 2)         \
    X(BF16, 30, 1, 2)       \
    X(Q4_0, 2, 32, 18)      \
    X(Q4_1, 3, 32, 20)      \
    X(Q5_0, 6, 32, 22)      \
    X(Q5_1, 7, 32, 24)      \
    X(Q8_0, 8, 32, 34)      \
    X(Q2_K, 10, 256, 84)    \
    X(Q3_K, 11, 256, 110)   \
    X(Q4_K, 12, 256, 144)   \
    X(Q5_K, 13, 256, 176)   \
    X(Q6_K, 14, 256, 210)   \
    X(IQ4_NL, 20, 32, 18)   \
    X(IQ4_XS, 23, 256, 136) \
    X(MXFP4, 39, 32, 17)    \
    X(I32, 26, 1, 4)

typedef enum loam_dtype {
#define X(name, ggml, elems, bytes) LOAM_DTYPE_##name,
    LOAM_DTYPE_LIST(X)
#undef X
        LOAM_DTYPE_COUNT
} loam_dtype;

const char *loam_dtype_name(loam_dtype t);
size_t loam_dtype_block_elems(loam_dtype t);
size_t loam_dtype_block_bytes(loam_dtype t);
/* Bytes of a row of n elements; n is a multiple of the block (checked by the reader of the file). */
size_t loam_dtype_row_bytes(loam_dtype t, int64_t n);

/* The dtype of a ggml type number; false when Loam does not compute with that type (format/gguf.h has its name). */
bool loam_dtype_from_ggml(uint32_t ggml_type, loam_dtype *out);

/* Turns n elements (a multiple of the block) of any float or quantised type into f32, bit-exact with the `gguf` Python
 * package's reference. src needs no alignment. */
void loam_dequantize(loam_dtype t, const void *src, float *dst, int64_t n);

/* IEEE half and bfloat16 to f32 and back (round to nearest even), exact in plain C. */
float loam_f16_to_f32(uint16_t h);
uint16_t loam_f32_to_f16(float f);
static inline float loam_bf16_to_f32(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)h << 16};
    return v.f;
}
uint16_t loam_f32_to_bf16(float f);

#endif
