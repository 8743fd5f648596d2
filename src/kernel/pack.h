/* Weights in the kernels' layout. A matrix W [n, k] (PyTorch's Linear: y = x Wᵀ) is cut into groups of 16 output
 * columns; inside a group the bytes that one step of the inner loop multiplies lie next to each other:
 *
 *   group = [ low plane | high plane | scales | sub-scales | mins ]     (planes that the type lacks are absent)
 *
 * Quantised types: k is cut into blocks of 32. One vector of 64 bytes holds 16 columns × 4 consecutive k, so that a
 * column's four products meet in one 32-bit lane (vpmaddubsw/vpdpbusd); a block has 8 such vectors ("k-groups").
 *   low plane   4 vectors a block: vector j has k-group j in its low nibbles and k-group j+4 in its high ones;
 *               8 vectors of whole bytes for Q8_0 (stored with the sign bit flipped: unsigned, zero point 128)
 *   high plane  fifth bit: 1 vector a block, bit g of each byte belongs to k-group g (Q5_0 Q5_1 Q5_K);
 *               bits five and six: 2 vectors, k-group g at bits 2(g%4) of vector g/4 (Q6_K)
 *   scales      16 f16 a block, or 16 e8m0 bytes (MXFP4), or 16 f16 a super-block of 256 (K-quants, IQ4_XS)
 *   sub-scales  16 bytes a block of 32 (Q4_K Q5_K IQ4_XS) or of 16 (Q2_K Q3_K Q6_K), signed where the type's are
 *   mins        16 f16 a block (Q4_1 Q5_1), or the f16 of a super-block and then bytes like the sub-scales (Q2_K Q4_K
 * Q5_K) The value of a weight is scale·(q - zero) + min, with q after the code book for IQ4_NL, IQ4_XS and MXFP4.
 *
 * Float types: F32 and F16 [k][16]; BF16 [k/2][16][2], k padded with a zero to even (vdpbf16ps wants pairs).
 * Columns past n are zero. The layout is the same for all instruction sets. */
#ifndef LOAM_KERNEL_PACK_H
#define LOAM_KERNEL_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/dtype.h"

enum { LOAM_PACK_COLS = 16, LOAM_PACK_BLOCK = 32, LOAM_PACK_VEC = 64 };

typedef enum loam_pack_book { LOAM_PACK_BOOK_NONE, LOAM_PACK_BOOK_IQ4, LOAM_PACK_BOOK_MXFP4 } loam_pack_book;

/* What a quantised type is made of; everything that a kernel needs to know about it. */
typedef struct loam_pack_format {
    int low_bits;   /* 4 or 8 */
    int high_bits;  /* 0, 1, 2 */
    int zero;       /* subtracted from q (after the code book) */
    int max_q;      /* largest unsigned q: how many products fit in 16 bits */
    int n_sub;      /* scales per block of 32: 1 or 2 */
    bool has_super; /* scale = f16 of 256 × byte, else one f16 (or e8m0) a block */
    bool sub_signed;
    bool has_min;
    loam_pack_book book;
} loam_pack_format;

/* NULL for float types. */
const loam_pack_format *loam_pack_format_get(loam_dtype t);

typedef struct loam_packed {
    loam_dtype dtype;
    int64_t n, k;                                         /* columns (outputs), summed dimension */
    int64_t n_groups;                                     /* of 16 columns */
    size_t group_bytes;                                   /* a multiple of 64 */
    size_t high_at, scale_at, sub_at, min_at, sub_min_at; /* planes within a group */
    const uint8_t *data;                                  /* n_groups × group_bytes, 64-byte aligned; borrowed */
} loam_packed;

/* Fills in all but data. False when the type cannot be multiplied with (I32) or k is no multiple of its block. */
bool loam_packed_init(loam_packed *p, loam_dtype t, int64_t n, int64_t k);
static inline size_t loam_packed_bytes(const loam_packed *p)
{
    return (size_t)p->n_groups * p->group_bytes;
}

/* Packs groups [g0, g1) of src, n rows of k elements as in the file, into dst (the start of the whole matrix).
 * Never fails; splits over groups. */
void loam_pack_groups(const loam_packed *p, const void *src, uint8_t *dst, int64_t g0, int64_t g1);

/* The values of IQ4_NL's and MXFP4's (doubled e2m1) sixteen codes. */
extern const int8_t loam_book_iq4[16];
extern const int8_t loam_book_mxfp4[16];

#endif
