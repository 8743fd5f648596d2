/* Quantised weights × 8-bit activations, over the vocabulary of vec_<level>.h (included before this file).
 *
 * A tile is R activation rows × 2 column vectors. Within a block of 32 it multiplies in integers; then one conversion
 * and one multiply-add per (row, column) put the block into the f32 sum:
 *     y += float(Σ (q - zero)·a) · (scale_w·scale_a)  [ + min_w · (scale_a·Σa) ]
 * Weights reach the tile in one of two ways, with the same bits in the result:
 *   many rows: the codes of KC k are first unpacked to bytes in scratch (a panel), once for all row tiles;
 *   few rows (generation): they are unpacked in registers on the way. */
#ifndef LOAM_KERNEL_MATMUL_Q8_H
#define LOAM_KERNEL_MATMUL_Q8_H

#include "kernel/ops.h"
#include "kernel/pack.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    NV = 16 / VW,   /* vectors in a group of 16 columns */
    KC_BLOCKS = 24, /* blocks of 32 k in a panel: with its scales it stays in the first-level cache */
    MAX_ROWS = 6,   /* of a tile */
    FEW_ROWS = 4,   /* rows that are multiplied without a panel */
};

/* Compile-time copy of loam_pack_format: each kernel below is expanded once per format. */
typedef struct qformat {
    int low_bits, high_bits, zero, max_q, n_sub;
    bool has_super, sub_signed, has_min, e8m0;
    loam_pack_book book;
} qformat;

#define QF_Q4_0 ((qformat){4, 0, 8, 15, 1, false, false, false, false, LOAM_PACK_BOOK_NONE})
#define QF_Q4_1 ((qformat){4, 0, 0, 15, 1, false, false, true, false, LOAM_PACK_BOOK_NONE})
#define QF_Q5_0 ((qformat){4, 1, 16, 31, 1, false, false, false, false, LOAM_PACK_BOOK_NONE})
#define QF_Q5_1 ((qformat){4, 1, 0, 31, 1, false, false, true, false, LOAM_PACK_BOOK_NONE})
#define QF_Q8_0 ((qformat){8, 0, 128, 255, 1, false, false, false, false, LOAM_PACK_BOOK_NONE})
#define QF_Q2_K ((qformat){4, 0, 0, 15, 2, true, false, true, false, LOAM_PACK_BOOK_NONE})
#define QF_Q3_K ((qformat){4, 0, 4, 15, 2, true, true, false, false, LOAM_PACK_BOOK_NONE})
#define QF_Q4_K ((qformat){4, 0, 0, 15, 1, true, false, true, false, LOAM_PACK_BOOK_NONE})
#define QF_Q5_K ((qformat){4, 1, 0, 31, 1, true, false, true, false, LOAM_PACK_BOOK_NONE})
#define QF_Q6_K ((qformat){4, 2, 32, 63, 2, true, true, false, false, LOAM_PACK_BOOK_NONE})
#define QF_IQ4_NL ((qformat){4, 0, 128, 255, 1, false, false, false, false, LOAM_PACK_BOOK_IQ4})
#define QF_IQ4_XS ((qformat){4, 0, 128, 255, 1, true, true, false, false, LOAM_PACK_BOOK_IQ4})
#define QF_MXFP4 ((qformat){4, 0, 12, 24, 1, false, false, false, true, LOAM_PACK_BOOK_MXFP4})

/* Code books moved to unsigned: value + zero point. */
static const uint8_t book_iq4[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
static const uint8_t book_mxfp4[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

/* k-groups j (lo) and j+4 (hi) of a block, vector v of the group's NV. */
INLINE void codes_pair(qformat f, const uint8_t *low, const uint8_t *high, int j, int v, vi *lo, vi *hi)
{
    const vi nibble = vb_set1(15);
    vi w = vb_load(low + j * 64 + v * VB);
    *lo = vb_and(w, nibble);
    *hi = vb_and(vb_srl16(w, 4), nibble);
    if (f.high_bits == 1) {
        const vi bit = vb_set1(16);
        vi h = vb_load(high + v * VB);
        *lo = vb_or(*lo, vb_and(j == 0   ? vb_sll16(h, 4)
                                : j == 1 ? vb_sll16(h, 3)
                                : j == 2 ? vb_sll16(h, 2)
                                         : vb_sll16(h, 1),
                                bit));
        *hi = vb_or(*hi, vb_and(j == 0 ? h : j == 1 ? vb_srl16(h, 1) : j == 2 ? vb_srl16(h, 2) : vb_srl16(h, 3), bit));
    } else if (f.high_bits == 2) {
        const vi bits = vb_set1(0x30);
        vi h0 = vb_load(high + v * VB), h1 = vb_load(high + 64 + v * VB);
        *lo = vb_or(*lo, vb_and(j == 0   ? vb_sll16(h0, 4)
                                : j == 1 ? vb_sll16(h0, 2)
                                : j == 2 ? h0
                                         : vb_srl16(h0, 2),
                                bits));
        *hi = vb_or(*hi, vb_and(j == 0   ? vb_sll16(h1, 4)
                                : j == 1 ? vb_sll16(h1, 2)
                                : j == 2 ? h1
                                         : vb_srl16(h1, 2),
                                bits));
    }
    if (f.book == LOAM_PACK_BOOK_IQ4) {
        *lo = vb_lookup(book_iq4, *lo);
        *hi = vb_lookup(book_iq4, *hi);
    } else if (f.book == LOAM_PACK_BOOK_MXFP4) {
        *lo = vb_lookup(book_mxfp4, *lo);
        *hi = vb_lookup(book_mxfp4, *hi);
    }
}

/* Scale and min of (block, half of the block), vector v. */
INLINE vf block_scale(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int half, int v)
{
    if (f.e8m0)
        return vf_from_e8m0(group + w->scale_at + b * 16 + v * VW);
    const uint16_t *d = (const uint16_t *)(group + w->scale_at);
    if (!f.has_super)
        return vf_from_f16(d + b * 16 + v * VW);
    const uint8_t *s = group + w->sub_at + (b * f.n_sub + half) * 16 + v * VW;
    return vf_mul(vf_from_f16(d + b / 8 * 16 + v * VW), f.sub_signed ? vf_from_i8(s) : vf_from_u8(s));
}

INLINE vf block_min(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int half, int v)
{
    const uint16_t *d = (const uint16_t *)(group + w->min_at);
    if (!f.has_super)
        return vf_from_f16(d + b * 16 + v * VW);
    const uint8_t *s = group + w->sub_min_at + (b * f.n_sub + half) * 16 + v * VW;
    return vf_sub(vf_zero(), vf_mul(vf_from_f16(d + b / 8 * 16 + v * VW), vf_from_u8(s)));
}

/* Formats with two scales a block take their zero point as a min (zero·scale is exact), the others in integers. */
INLINE bool uses_min(qformat f)
{
    return f.has_min || (f.n_sub == 2 && f.zero);
}
INLINE int int_zero(qformat f)
{
    return f.n_sub == 2 ? 0 : f.zero;
}
INLINE vf tile_min(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int half, int v, vf scale)
{
    return f.has_min ? block_min(f, w, group, b, half, v) : vf_mul(scale, vf_set1((float)-f.zero));
}

/* Puts one (half) block into the f32 sums of row r. */
INLINE vf block_sum(qformat f, const idot *d, int depth, const loam_act_block *a, int half, vf scale, vf min, vf y)
{
    vf i = vf_from_i32(idot_end(d, depth, int_zero(f), a->sum));
    y = vf_fma(i, vf_mul(scale, vf_set1(a->scale)), y);
    if (uses_min(f))
        y = vf_fma(min, vf_set1(f.n_sub == 1 ? a->scaled_sum : a->scale * (float)a->half_sum[half]), y);
    return y;
}

/* A panel: the codes of up to KC_BLOCKS blocks as bytes, and their scales and mins as f32, for TILE_GROUPS groups. */
typedef struct panel {
    uint8_t codes[TILE_GROUPS][KC_BLOCKS][8][64];
    float scale[TILE_GROUPS][KC_BLOCKS][2][16], min[TILE_GROUPS][KC_BLOCKS][2][16];
} panel;
_Static_assert(sizeof(panel) + 64 <= LOAM_MATMUL_SCRATCH, "LOAM_MATMUL_SCRATCH is too small");

INLINE void panel_fill(qformat f, const loam_packed *w, const uint8_t *group, int64_t b0, int n_blocks, panel *p,
                       int at)
{
    for (int b = 0; b < n_blocks; b++) {
        const uint8_t *low = group + (b0 + b) * 64 * f.low_bits,
                      *high = group + w->high_at + (b0 + b) * 64 * f.high_bits;
        for (int v = 0; v < NV; v++) {
            for (int j = 0; f.low_bits == 4 && j < 4; j++) {
                vi lo, hi;
                codes_pair(f, low, high, j, v, &lo, &hi);
                vb_store(&p->codes[at][b][j][v * VB], lo);
                vb_store(&p->codes[at][b][j + 4][v * VB], hi);
            }
            for (int h = 0; h < f.n_sub; h++) {
                vf s = block_scale(f, w, group, b0 + b, h, v);
                vf_store(&p->scale[at][b][h][v * VW], s);
                if (uses_min(f))
                    vf_store(&p->min[at][b][h][v * VW], tile_min(f, w, group, b0 + b, h, v, s));
            }
        }
    }
}

/* R rows × 2 vectors over the panel. codes[i], scale[i], min[i]: where column vector i begins. */
INLINE void panel_tile(qformat f, const int R, const uint8_t *const codes[2], const float *const scale[2],
                       const float *const min[2], int n_blocks, const loam_act_block *const act[MAX_ROWS],
                       float *const y[2], int64_t y_stride, bool first)
{
    const int depth = idot_depth(f.max_q), steps = 8 / f.n_sub;
    if (first)
        for (int r = 0; r < R; r++)
            for (int v = 0; v < 2; v++)
                vf_store(y[v] + r * y_stride, vf_zero());
    for (int b = 0; b < n_blocks; b++)
        for (int h = 0; h < f.n_sub; h++) {
            idot d[MAX_ROWS][2];
            for (int r = 0; r < R; r++)
                for (int v = 0; v < 2; v++)
                    idot_begin(&d[r][v], int_zero(f), act[r][b].sum);
#pragma GCC unroll 8
            for (int g = 0; g < steps; g++) {
                vi w[2];
                for (int v = 0; v < 2; v++)
                    w[v] = idot_weights(depth, vb_load(codes[v] + (b * 8 + h * 4 + g) * 64));
                for (int r = 0; r < R; r++) {
                    vi a = vi_load_bcast(act[r][b].q + h * 16 + g * 4);
                    for (int v = 0; v < 2; v++) {
                        idot_step(&d[r][v], depth, g, steps, w[v], a);
                        idot_pin(&d[r][v], depth);
                    }
                }
            }
            for (int v = 0; v < 2; v++) {
                vf s = vf_load(scale[v] + (b * 2 + h) * 16),
                   m = uses_min(f) ? vf_load(min[v] + (b * 2 + h) * 16) : vf_zero();
                for (int r = 0; r < R; r++) {
                    float *out = y[v] + r * y_stride;
                    vf_store(out, block_sum(f, &d[r][v], depth, &act[r][b], h, s, m, vf_load(out)));
                }
            }
        }
}

/* R rows × one group straight from the packed weights. */
INLINE void direct_rows(qformat f, const int R, const loam_packed *w, const uint8_t *group,
                        const loam_act_block *const act[FEW_ROWS], float *y, int64_t y_stride)
{
    const int depth = idot_depth(f.max_q), steps = 8 / f.n_sub;
    vf sum[FEW_ROWS][NV];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < NV; v++)
            sum[r][v] = vf_zero();
    const int64_t n_blocks = w->k / 32;
    for (int64_t b = 0; b < n_blocks; b++) {
        const uint8_t *low = group + b * 64 * f.low_bits, *high = group + w->high_at + b * 64 * f.high_bits;
        for (int v = 0; v < NV; v++) {
            idot d[FEW_ROWS][2]; /* halves of the block; only [0] with one scale a block */
            for (int r = 0; r < R; r++)
                for (int h = 0; h < f.n_sub; h++)
                    idot_begin(&d[r][h], int_zero(f), act[r][b].sum);
#pragma GCC unroll 8
            for (int j = 0; j < 4; j++) {
                vi lo, hi;
                if (f.low_bits == 8) {
                    lo = vb_load(low + (2 * j) * 64 + v * VB);
                    hi = vb_load(low + (2 * j + 1) * 64 + v * VB);
                } else {
                    codes_pair(f, low, high, j, v, &lo, &hi);
                }
                lo = idot_weights(depth, lo);
                hi = idot_weights(depth, hi);
                int k_lo = f.low_bits == 8 ? 8 * j : 4 * j, k_hi = f.low_bits == 8 ? 8 * j + 4 : 16 + 4 * j;
                for (int r = 0; r < R; r++) {
                    vi a = vi_load_bcast(act[r][b].q + k_lo), c = vi_load_bcast(act[r][b].q + k_hi);
                    if (f.n_sub == 2) {
                        idot_step(&d[r][0], depth, j, steps, lo, a);
                        idot_step(&d[r][1], depth, j, steps, hi, c);
                    } else {
                        idot_step(&d[r][0], depth, 2 * j, steps, lo, a);
                        idot_step(&d[r][0], depth, 2 * j + 1, steps, hi, c);
                    }
                }
            }
            for (int h = 0; h < f.n_sub; h++) {
                vf s = block_scale(f, w, group, b, h, v),
                   m = uses_min(f) ? tile_min(f, w, group, b, h, v, s) : vf_zero();
                for (int r = 0; r < R; r++)
                    sum[r][v] = block_sum(f, &d[r][h], depth, &act[r][b], h, s, m, sum[r][v]);
            }
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < NV; v++)
            vf_store(y + r * y_stride + v * VW, sum[r][v]);
}

INLINE const loam_act_block *act_row(const void *act, size_t stride, int64_t row, int64_t block)
{
    return (const loam_act_block *)((const char *)act + (size_t)row * stride) + block;
}

INLINE void matmul_few(qformat f, const int R, const loam_packed *w, int64_t g0, int64_t n_groups, const void *act,
                       size_t act_stride, float *y, int64_t y_stride)
{
    const loam_act_block *rows[FEW_ROWS];
    for (int r = 0; r < R; r++)
        rows[r] = act_row(act, act_stride, r, 0);
    for (int64_t g = 0; g < n_groups; g++)
        direct_rows(f, R, w, w->data + (size_t)(g0 + g) * w->group_bytes, rows, y + g * 16, y_stride);
}

INLINE void matmul_many(qformat f, const loam_packed *w, int64_t g0, int64_t n_groups, const void *act,
                        size_t act_stride, int64_t m, float *y, int64_t y_stride, void *scratch)
{
    /* whole bytes need two more registers a column vector on AVX2 */
    const int rows_max = idot_depth(f.max_q) == 0 ? 4 : MAX_ROWS;
    const int64_t n_blocks = w->k / 32;
    panel *p = scratch;
    float spare[MAX_ROWS * 16]; /* where the second vector of a tile goes when the groups are odd in number */
    for (int64_t g = 0; g < n_groups; g += TILE_GROUPS) {
        bool lone = TILE_GROUPS == 2 && g + 1 == n_groups;
        for (int64_t b0 = 0; b0 < n_blocks; b0 += KC_BLOCKS) {
            int nb = n_blocks - b0 < KC_BLOCKS ? (int)(n_blocks - b0) : KC_BLOCKS;
            const uint8_t *codes[2];
            const float *scale[2], *min[2];
            for (int i = 0; i < TILE_GROUPS; i++) {
                const uint8_t *group = w->data + (size_t)(g0 + g + (lone ? 0 : i)) * w->group_bytes;
                panel_fill(f, w, group, b0, nb, p, i);
                for (int v = 0; v < NV; v++) {
                    int at = i * NV + v;
                    codes[at] = f.low_bits == 8 ? group + b0 * 512 + v * VB : &p->codes[i][0][0][v * VB];
                    scale[at] = &p->scale[i][0][0][v * VW];
                    min[at] = &p->min[i][0][0][v * VW];
                }
            }
            for (int64_t r0 = 0; r0 < m; r0 += rows_max) {
                int n_rows = m - r0 < rows_max ? (int)(m - r0) : rows_max;
                const loam_act_block *rows[MAX_ROWS];
                for (int r = 0; r < n_rows; r++)
                    rows[r] = act_row(act, act_stride, r0 + r, b0);
                float *out[2] = {y + r0 * y_stride + g * 16, y + r0 * y_stride + g * 16 + VW};
                int64_t stride = y_stride;
                float both[MAX_ROWS * 32];
                if (lone) { /* both vectors of the tile compute the same columns; only the first is kept */
                    out[0] = both;
                    out[1] = spare;
                    stride = 16;
                    for (int r = 0; r < n_rows; r++) {
                        memcpy(both + r * 16, y + (r0 + r) * y_stride + g * 16, 16 * sizeof(float));
                        memcpy(spare + r * 16, both + r * 16, 16 * sizeof(float));
                    }
                }
                switch (n_rows) {
                case 1:
                    panel_tile(f, 1, codes, scale, min, nb, rows, out, stride, b0 == 0);
                    break;
                case 2:
                    panel_tile(f, 2, codes, scale, min, nb, rows, out, stride, b0 == 0);
                    break;
                case 3:
                    panel_tile(f, 3, codes, scale, min, nb, rows, out, stride, b0 == 0);
                    break;
                case 4:
                    panel_tile(f, 4, codes, scale, min, nb, rows, out, stride, b0 == 0);
                    break;
                case 5:
                    panel_tile(f, 5, codes, scale, min, nb, rows, out, stride, b0 == 0);
                    break;
                default:
                    panel_tile(f, 6, codes, scale, min, nb, rows, out, stride, b0 == 0);
                    break;
                }
                for (int r = 0; lone && r < n_rows; r++)
                    memcpy(y + (r0 + r) * y_stride + g * 16, both + r * 16, 16 * sizeof(float));
            }
        }
    }
}

/* One function per type keeps each expansion a compile-time constant. */
#define DEFINE_MATMUL(TYPE)                                                                                            \
    static __attribute__((noinline)) void matmul_##TYPE(const loam_packed *w, int64_t g0, int64_t ng, const void *act, \
                                                        size_t act_stride, int64_t m, float *y, int64_t y_stride,      \
                                                        void *scratch)                                                 \
    {                                                                                                                  \
        switch (m) {                                                                                                   \
        case 1:                                                                                                        \
            matmul_few(QF_##TYPE, 1, w, g0, ng, act, act_stride, y, y_stride);                                         \
            break;                                                                                                     \
        case 2:                                                                                                        \
            matmul_few(QF_##TYPE, 2, w, g0, ng, act, act_stride, y, y_stride);                                         \
            break;                                                                                                     \
        case 3:                                                                                                        \
            matmul_few(QF_##TYPE, 3, w, g0, ng, act, act_stride, y, y_stride);                                         \
            break;                                                                                                     \
        case 4:                                                                                                        \
            matmul_few(QF_##TYPE, 4, w, g0, ng, act, act_stride, y, y_stride);                                         \
            break;                                                                                                     \
        default:                                                                                                       \
            matmul_many(QF_##TYPE, w, g0, ng, act, act_stride, m, y, y_stride, scratch);                               \
            break;                                                                                                     \
        }                                                                                                              \
    }

DEFINE_MATMUL(Q4_0)
DEFINE_MATMUL(Q4_1)
DEFINE_MATMUL(Q5_0)
DEFINE_MATMUL(Q5_1)
DEFINE_MATMUL(Q8_0)
DEFINE_MATMUL(Q2_K)
DEFINE_MATMUL(Q3_K)
DEFINE_MATMUL(Q4_K)
DEFINE_MATMUL(Q5_K)
DEFINE_MATMUL(Q6_K)
DEFINE_MATMUL(IQ4_NL)
DEFINE_MATMUL(IQ4_XS)
DEFINE_MATMUL(MXFP4)

#endif
