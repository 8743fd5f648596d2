/* BF16 weights × bf16 activations on AMX: tiles of 16 rows × 64 bytes. A group of packed BF16 weights is [k/2][16][2],
 * so 32 k of it are one tile as they lie, and 16 activation rows are one with the row stride. Two by two result tiles
 * keep the loads at one a product. Sums run over k in order, each row and column alone, so that a row's bits do not
 * depend on the others. */
#define _GNU_SOURCE
#include <immintrin.h>
#include <string.h>

#include "kernel/avx512/bf16.h"
#include "kernel/avx512/tiles.h"
#include "kernel/kernel_int.h"

enum { BLOCK = 512 }; /* k of a block of weights */

/* The places of a call's scratch. */
typedef struct amx_scratch {
    _Alignas(64) float sums[4][ROWS][16];
    _Alignas(64) uint8_t tail_a[2][TILE], tail_b[8][TILE]; /* the last k, filled up with zeros */
    _Alignas(64) uint8_t few[ROWS * 2][BLOCK * 2];         /* rows that are too few for two tiles, k of a block */
} amx_scratch;
_Static_assert(sizeof(amx_scratch) <= LOAM_MATMUL_SCRATCH, "scratch");

/* Tiles 0 to 6, six of sums and one of activations, with m rows; the last, of weights, with all. */
static void configure_few(int m)
{
    tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = (uint8_t)(i < 7 ? m : ROWS);
    }
    _tile_loadconfig(&config);
}

/* The last k of a group, below a whole tile. */
static void copy_tail_b(const loam_packed *w, const uint8_t *group, uint8_t tail[TILE])
{
    int64_t whole = w->k / CHUNK, left = w->k % CHUNK;
    memset(tail, 0, TILE);
    memcpy(tail, group + whole * TILE, (size_t)(left + 1) / 2 * 64);
}

static void copy_tail_a(const loam_packed *w, const uint8_t *act, size_t act_stride, int64_t rows, uint8_t *tail)
{
    int64_t whole = w->k / CHUNK, left = w->k % CHUNK;
    for (int64_t i = 0; i < rows; i++) {
        memset(tail + i * 64, 0, 64);
        memcpy(tail + i * 64, act + (size_t)i * act_stride + (size_t)whole * 64, (size_t)(left + 1) / 2 * 4);
    }
}

/* Up to 16 rows: six groups at a time, for which the weights come from memory once, in order. */
static void few_rows(const loam_packed *w, int64_t g0, int64_t n_groups, const uint8_t *act, size_t act_stride,
                     int64_t m, float *y, int64_t y_stride, amx_scratch *s)
{
    enum { WIDE = 6, AHEAD = 4 };
    const int64_t whole = w->k / CHUNK, tail = w->k % CHUNK;
    configure_few((int)m);
    if (tail)
        copy_tail_a(w, act, act_stride, m, s->tail_a[0]);
    for (int64_t g = 0; g < n_groups; g += WIDE) {
        const uint8_t *b[WIDE];
        for (int j = 0; j < WIDE; j++) { /* groups past the end are computed from the last one and dropped */
            b[j] = w->data + (size_t)(g0 + (g + j < n_groups ? g + j : n_groups - 1)) * w->group_bytes;
            if (tail)
                copy_tail_b(w, b[j], s->tail_b[j]);
        }
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        _tile_zero(4);
        _tile_zero(5);
        for (int64_t i = 0; i < whole; i++) {
            for (int j = 0; j < WIDE; j++) /* the hardware's prefetcher stops at the end of each page */
                for (int l = 0; l < TILE; l += 64)
                    _mm_prefetch((const char *)b[j] + (i + AHEAD) * TILE + l, _MM_HINT_T0);
            _tile_loadd(6, act + i * 64, (long)act_stride);
#define STEP(j)                          \
    _tile_loadd(7, b[j] + i * TILE, 64); \
    _tile_dpbf16ps(j, 6, 7);
            STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5)
#undef STEP
        }
        if (tail) {
            _tile_loadd(6, s->tail_a[0], 64);
#define STEP(j)                       \
    _tile_loadd(7, s->tail_b[j], 64); \
    _tile_dpbf16ps(j, 6, 7);
            STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5)
#undef STEP
        }
#define STORE(j)          \
    if (g + j < n_groups) \
        _tile_stored(j, y + (g + j) * 16, (long)y_stride * 4);
        STORE(0) STORE(1) STORE(2) STORE(3) STORE(4) STORE(5)
#undef STORE
    }
}

/* 32 rows × 32 columns, k of one block. */
static inline __attribute__((always_inline)) void block_32x32(const uint8_t *a0, const uint8_t *a1, size_t a_stride,
                                                              const uint8_t *b0, const uint8_t *b1, int64_t n_chunks)
{
    for (int64_t i = 0; i < n_chunks; i++) {
        _tile_loadd(4, a0 + i * 64, (long)a_stride);
        _tile_loadd(6, b0 + i * TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b1 + i * TILE, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a1 + i * 64, (long)a_stride);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
}

/* The four sums from and to out, 16 · stride floats from one half of the rows to the other. second: whether there is a
 * second group. */
static inline __attribute__((always_inline)) void load_sums(const float *out, int64_t stride, bool second)
{
    _tile_loadd(0, out, stride * 4);
    _tile_loadd(2, out + ROWS * stride, stride * 4);
    if (second) {
        _tile_loadd(1, out + 16, stride * 4);
        _tile_loadd(3, out + ROWS * stride + 16, stride * 4);
    }
}

static inline __attribute__((always_inline)) void store_sums(float *out, int64_t stride, bool second)
{
    _tile_stored(0, out, stride * 4);
    _tile_stored(2, out + ROWS * stride, stride * 4);
    if (second) {
        _tile_stored(1, out + 16, stride * 4);
        _tile_stored(3, out + ROWS * stride + 16, stride * 4);
    }
}

/* k chunks [c0, c0 + n) of the products of m rows with the groups b[0] and, unless NULL, b[1]; y += or, at the first
 * chunk, =. */
static void block_of_k(const loam_packed *w, const uint8_t *const b[2], const uint8_t *act, size_t act_stride,
                       int64_t m, int64_t c0, int64_t n, float *y, int64_t y_stride, amx_scratch *s)
{
    const bool second = b[1] != NULL, last = c0 + n >= w->k / CHUNK && w->k % CHUNK;
    const uint8_t *b0 = b[0] + c0 * TILE, *b1 = second ? b[1] + c0 * TILE : b0;
    for (int j = 0; last && j < 2; j++)
        copy_tail_b(w, second ? b[j] : b[0], s->tail_b[j]);
    for (int64_t r = 0; r < m; r += 2 * ROWS) {
        const int64_t rows = m - r < 2 * ROWS ? m - r : 2 * ROWS;
        const uint8_t *row = act + (size_t)r * act_stride, *a = row + (size_t)c0 * 64;
        size_t stride = act_stride;
        float *out = y + r * y_stride;
        int64_t out_stride = y_stride;
        if (rows < 2 * ROWS) { /* copied, so that no tile reads or writes behind the last row */
            stride = sizeof s->few[0];
            for (int64_t i = 0; i < 2 * ROWS; i++)
                memcpy(s->few[i], a + (size_t)(i < rows ? i : 0) * act_stride, (size_t)n * 64);
            a = s->few[0];
            out_stride = 32;
            for (int64_t i = 0; c0 && i < rows; i++)
                memcpy((float *)s->sums + i * 32, out + i * y_stride, second ? 128 : 64);
            out = (float *)s->sums;
        }
        if (c0 == 0) {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
        } else {
            load_sums(out, out_stride, second);
        }
        block_32x32(a, a + ROWS * stride, stride, b0, b1, n);
        if (last) {
            copy_tail_a(w, row, act_stride, rows, s->tail_a[0]);
            block_32x32(s->tail_a[0], s->tail_a[1], 64, s->tail_b[0], s->tail_b[1], 1);
        }
        store_sums(out, out_stride, second);
        if (rows < 2 * ROWS)
            for (int64_t i = 0; i < rows; i++)
                memcpy(y + (r + i) * y_stride, out + i * 32, second ? 128 : 64);
    }
}

/* Blocks of k in turn for all groups: the rows' part of a block stays in the second-level cache meanwhile. */
void loam_matmul_bf16_amx(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride,
                          int64_t m, float *y, int64_t y_stride, void *scratch)
{
    amx_scratch *s = scratch;
    if (m <= ROWS) {
        few_rows(w, g0, n_groups, act, act_stride, m, y, y_stride, s);
        _tile_release();
        return;
    }
    configure_whole_tiles();
    const int64_t whole = w->k / CHUNK, step = BLOCK / CHUNK;
    for (int64_t c0 = 0; c0 < whole || c0 == 0; c0 += step)
        for (int64_t g = 0; g < n_groups; g += 2) {
            const uint8_t *b[2] = {w->data + (size_t)(g0 + g) * w->group_bytes, NULL};
            if (g + 1 < n_groups)
                b[1] = b[0] + w->group_bytes;
            block_of_k(w, b, act, act_stride, m, c0, whole - c0 < step ? whole - c0 : step, y + g * 16, y_stride, s);
        }
    _tile_release();
}
