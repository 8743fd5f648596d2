/* Quantised weights × 8-bit activations, over the vocabulary of vec_<level>.h (included before this file).
 *
 * A tile is R activation rows × 2 column vectors. Within a block of 32 it multiplies in integers; then one conversion
 * and one multiply-add per (row, column) put the block into the f32 sum:
 *     y += float(Σ (q - zero)·a) · (scale_w·scale_a)  [ + min_w · (scale_a·Σa) ]
 * (Formats in super-blocks of 256 do that once in eight blocks: matmul_sub.h.)
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

/* Few rows wait for memory, and the processor's own foresight ends with each page: lines of 64 bytes, half a page on.
 */
INLINE void ask_ahead(const uint8_t *p, int n_lines)
{
    for (int i = 0; i < n_lines; i++)
        __builtin_prefetch(p + i * 64 + 2048);
}

/* Where the parts of a panel begin for one column vector. */
typedef struct column {
    const uint8_t *codes, *values;
    const float *scale, *min;
    const uint8_t *sub, *pair;
} column;

#include "kernel/simd/matmul_sub.h"

/* Formats in super-blocks live in matmul_sub.h; here a block has one f32 scale and perhaps a min. */
INLINE vf block_scale(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int v)
{
    if (f.e8m0)
        return vf_from_e8m0(group + w->scale_at + b * 16 + v * VW);
    return vf_from_f16((const uint16_t *)(group + w->scale_at) + b * 16 + v * VW);
}

INLINE vf block_min(qformat f, const loam_packed *w, const uint8_t *group, int64_t b, int v)
{
    return f.has_min ? vf_from_f16((const uint16_t *)(group + w->min_at) + b * 16 + v * VW) : vf_zero();
}

/* Puts one block, multiplied in integers, into the f32 sums y of a row. */
INLINE vf block_sum(qformat f, vi products, const loam_act_block *a, vf scale, vf min, vf y)
{
    y = vf_fma(vf_from_i32(products), vf_mul(scale, vf_set1(a->scale)), y);
    return f.has_min ? vf_fma(min, vf_set1(a->scaled_sum), y) : y;
}

/* A panel: the codes of up to KC_BLOCKS blocks as bytes, and their scales and mins, for TILE_GROUPS groups. */
typedef struct panel {
    uint8_t codes[TILE_GROUPS][KC_BLOCKS][8][64];
    uint8_t values[SIGN_PLANES ? TILE_GROUPS : 1][SIGN_PLANES ? KC_BLOCKS : 1][8][64];
    float scale[TILE_GROUPS][KC_BLOCKS][16], min[TILE_GROUPS][KC_BLOCKS][16];     /* of blocks or super-blocks */
    uint8_t sub[TILE_GROUPS][KC_BLOCKS][2][64], pair[TILE_GROUPS][KC_BLOCKS][64]; /* see super_fill() */
    vk sums[MAX_ROWS][2];                                                         /* of a super-block, in the making */
} panel;
_Static_assert(sizeof(panel) + 64 <= LOAM_MATMUL_SCRATCH, "LOAM_MATMUL_SCRATCH is too small");

INLINE void put_code(qformat f, panel *p, int at, int b, int g, int v, vi q)
{
    idot_put(idot_depth(f.max_q), &p->codes[at][b][g][v * VB], SIGN_PLANES ? &p->values[at][b][g][v * VB] : NULL, q);
}

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
                put_code(f, p, at, b, j, v, lo);
                put_code(f, p, at, b, j + 4, v, hi);
            }
            for (int g = 0; f.low_bits == 8 && SIGN_PLANES && g < 8; g++)
                put_code(f, p, at, b, g, v, vb_load(low + g * 64 + v * VB));
            if (f.has_super) {
                super_fill(f, w, group, b0 + b, v, p->scale[at][b / SUPER_BLOCKS], p->min[at][b / SUPER_BLOCKS],
                           p->sub[at][b], &p->pair[at][b]);
                continue;
            }
            vf_store(&p->scale[at][b][v * VW], block_scale(f, w, group, b0 + b, v));
            if (f.has_min)
                vf_store(&p->min[at][b][v * VW], block_min(f, w, group, b0 + b, v));
        }
    }
}

/* R rows × 2 column vectors over the panel. */
INLINE void panel_tile(qformat f, const int R, const column col[2], int n_blocks,
                       const loam_act_block *const act[MAX_ROWS], float *const y[2], int64_t y_stride)
{
    const int depth = idot_depth(f.max_q);
    vf sum[MAX_ROWS][2];
    for (int i = 0; SUMS_ASIDE && i < R * 2; i++)
        sum[i / 2][i % 2] = vf_load(y[i % 2] + i / 2 * y_stride);
    for (int b = 0; b < n_blocks; b++) {
        idot d[MAX_ROWS][2];
        for (int r = 0; r < R; r++)
            for (int v = 0; v < 2; v++)
                idot_begin(&d[r][v], f.zero, act[r][b].sum[0]);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) {
            idot_w w[2];
            for (int v = 0; v < 2; v++)
                w[v] = idot_get(depth, col[v].codes + (b * 8 + g) * 64, col[v].values + (b * 8 + g) * 64);
            for (int r = 0; r < R; r++) {
                vi a = vi_load_bcast(act[r][b].q + g * 4);
                for (int v = 0; v < 2; v++) {
                    idot_step(&d[r][v], depth, g, 8, w[v], a);
                    idot_pin(&d[r][v], depth);
                }
            }
        }
        for (int v = 0; v < 2; v++) {
            vf s = vf_load(col[v].scale + b * 16), m = f.has_min ? vf_load(col[v].min + b * 16) : vf_zero();
            for (int r = 0; r < R; r++) {
                float *out = SUMS_ASIDE ? (float *)&sum[r][v] : y[v] + r * y_stride;
                vi i = idot_end(&d[r][v], depth, f.zero, act[r][b].sum[0]);
                vf_store(out, block_sum(f, i, &act[r][b], s, m, vf_load(out)));
                tile_row_end();
            }
        }
    }
    for (int i = 0; SUMS_ASIDE && i < R * 2; i++)
        vf_store(y[i % 2] + i / 2 * y_stride, sum[i / 2][i % 2]);
}

/* R rows × one group straight from the packed weights. */
INLINE void direct_rows(qformat f, const int R, const loam_packed *w, const uint8_t *group,
                        const loam_act_block *const act[FEW_ROWS], float *y, int64_t y_stride)
{
    const int depth = idot_depth(f.max_q);
    vf sum[FEW_ROWS][NV];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < NV; v++)
            sum[r][v] = vf_zero();
    const int64_t n_blocks = w->k / 32;
    for (int64_t b = 0; b < n_blocks; b++) {
        const uint8_t *low = group + b * 64 * f.low_bits, *high = group + w->high_at + b * 64 * f.high_bits;
        ask_ahead(low, f.low_bits);
        ask_ahead(high, f.high_bits);
        for (int v = 0; v < NV; v++) {
            idot d[FEW_ROWS];
            for (int r = 0; r < R; r++)
                idot_begin(&d[r], f.zero, act[r][b].sum[0]);
#pragma GCC unroll 8
            for (int j = 0; j < 4; j++) {
                vi lo, hi;
                if (f.low_bits == 8) {
                    lo = vb_load(low + (2 * j) * 64 + v * VB);
                    hi = vb_load(low + (2 * j + 1) * 64 + v * VB);
                } else {
                    codes_pair(f, low, high, j, v, &lo, &hi);
                }
                idot_w w_lo = idot_weights(depth, lo), w_hi = idot_weights(depth, hi);
                int k_lo = f.low_bits == 8 ? 8 * j : 4 * j, k_hi = f.low_bits == 8 ? 8 * j + 4 : 16 + 4 * j;
                for (int r = 0; r < R; r++) {
                    idot_step(&d[r], depth, 2 * j, 8, w_lo, vi_load_bcast(act[r][b].q + k_lo));
                    idot_step(&d[r], depth, 2 * j + 1, 8, w_hi, vi_load_bcast(act[r][b].q + k_hi));
                }
            }
            vf s = block_scale(f, w, group, b, v), m = block_min(f, w, group, b, v);
            for (int r = 0; r < R; r++)
                sum[r][v] = block_sum(f, idot_end(&d[r], depth, f.zero, act[r][b].sum[0]), &act[r][b], s, m, sum[r][v]);
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
    for (int64_t g = 0; g < n_groups; g++) {
        const uint8_t *group = w->data + (size_t)(g0 + g) * w->group_bytes;
        if (f.has_super)
            super_direct_rows(f, R, w, group, rows, y + g * 16, y_stride);
        else
            direct_rows(f, R, w, group, rows, y + g * 16, y_stride);
    }
}

/* One tile of n_rows rows; the sums so far are in y. */
INLINE void tile_rows(qformat f, const int R, const column col[2], int n_blocks,
                      const loam_act_block *const act[MAX_ROWS], panel *p, float *const y[2], int64_t y_stride)
{
    if (f.has_super)
        super_panel_tile(f, R, col, n_blocks, act, p->sums, y, y_stride);
    else
        panel_tile(f, R, col, n_blocks, act, y, y_stride);
}

INLINE void matmul_many(qformat f, const loam_packed *w, int64_t g0, int64_t n_groups, const void *act,
                        size_t act_stride, int64_t m, float *y, int64_t y_stride, void *scratch)
{
    const int rows_max = tile_max_rows(idot_depth(f.max_q));
    const int64_t n_blocks = w->k / 32;
    panel *p = scratch;
    for (int64_t g = 0; g < n_groups; g += TILE_GROUPS) {
        bool lone = TILE_GROUPS == 2 && g + 1 == n_groups;
        for (int64_t r = 0; r < m; r++)
            memset(y + r * y_stride + g * 16, 0, (lone || TILE_GROUPS == 1 ? 16 : 32) * sizeof *y);
        for (int64_t b0 = 0; b0 < n_blocks; b0 += KC_BLOCKS) {
            int nb = n_blocks - b0 < KC_BLOCKS ? (int)(n_blocks - b0) : KC_BLOCKS;
            column col[2];
            for (int i = 0; i < TILE_GROUPS; i++) {
                const uint8_t *group = w->data + (size_t)(g0 + g + (lone ? 0 : i)) * w->group_bytes;
                panel_fill(f, w, group, b0, nb, p, i);
                for (int v = 0; v < NV; v++)
                    col[i * NV + v] = (column){
                        .codes =
                            f.low_bits == 8 && !SIGN_PLANES ? group + b0 * 512 + v * VB : &p->codes[i][0][0][v * VB],
                        .values = SIGN_PLANES ? &p->values[i][0][0][v * VB] : NULL,
                        .scale = &p->scale[i][0][v * VW],
                        .min = &p->min[i][0][v * VW],
                        .sub = &p->sub[i][0][0][v * VB],
                        .pair = &p->pair[i][0][v * VB],
                    };
            }
            for (int64_t r0 = 0; r0 < m; r0 += rows_max) {
                int n_rows = m - r0 < rows_max ? (int)(m - r0) : rows_max;
                const loam_act_block *rows[MAX_ROWS];
                for (int r = 0; r < n_rows; r++)
                    rows[r] = act_row(act, act_stride, r0 + r, b0);
                float spare[MAX_ROWS * 16]; /* for the second vector of a tile when the groups are odd in number */
                float *out[2] = {y + r0 * y_stride + g * 16, y + r0 * y_stride + g * 16 + VW};
                int64_t stride = y_stride;
                float both[MAX_ROWS * 16];
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
                    tile_rows(f, 1, col, nb, rows, p, out, stride);
                    break;
                case 2:
                    tile_rows(f, 2, col, nb, rows, p, out, stride);
                    break;
                case 3:
                    tile_rows(f, 3, col, nb, rows, p, out, stride);
                    break;
                case 4:
                    tile_rows(f, 4, col, nb, rows, p, out, stride);
                    break;
                case 5:
                    tile_rows(f, 5, col, nb, rows, p, out, stride);
                    break;
                default:
                    tile_rows(f, 6, col, nb, rows, p, out, stride);
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
