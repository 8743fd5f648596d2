/* BF16 weights × bf16 activations on AMX: tiles of 16 rows × 64 bytes. A group of packed BF16 weights is [k/2][16][2],
 * so 32 k of it are one tile as they lie, and 16 activation rows are one with the row stride. Two by two result tiles
 * keep the loads at one a product. Sums run over k in order, each row and column alone, so that a row's bits do not
 * depend on the others. */
#define _GNU_SOURCE
#include <immintrin.h>
#include <string.h>

#include "kernel/avx512/bf16.h"
#include "kernel/kernel_int.h"

enum { TILE = 1024, ROWS = 16, CHUNK = 32, BLOCK = 512 }; /* bytes of a tile; k of a tile; k of a block of weights */

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* The places of a call's scratch. */
typedef struct amx_scratch {
    _Alignas(64) float sums[2][2][ROWS][16];
    _Alignas(64) uint8_t tail_a[2][TILE], tail_b[2][TILE]; /* the last k, filled up with zeros */
    _Alignas(64) uint8_t few[ROWS * 2][BLOCK * 2];         /* rows that are too few for two tiles, k of a block */
} amx_scratch;
_Static_assert(sizeof(amx_scratch) <= LOAM_MATMUL_SCRATCH, "scratch");

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

void loam_matmul_bf16_amx(const loam_packed *w, int64_t g0, int64_t n_groups, const void *act, size_t act_stride,
                          int64_t m, float *y, int64_t y_stride, void *scratch)
{
    tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = ROWS;
    }
    amx_scratch *s = scratch;
    _tile_loadconfig(&config);
    const int64_t whole = w->k / CHUNK, tail = w->k % CHUNK;
    for (int64_t g = 0; g < n_groups; g += 2) {
        const uint8_t *b[2];
        for (int j = 0; j < 2; j++)
            b[j] = w->data + (size_t)(g0 + (g + j < n_groups ? g + j : g)) * w->group_bytes;
        if (tail) {
            memset(s->tail_b, 0, sizeof s->tail_b);
            for (int j = 0; j < 2; j++)
                memcpy(s->tail_b[j], b[j] + whole * TILE, (size_t)(tail + 1) / 2 * 64);
        }
        for (int64_t k0 = 0; k0 < whole || (k0 == 0 && tail); k0 += BLOCK / CHUNK) {
            int64_t n = whole - k0 < BLOCK / CHUNK ? whole - k0 : BLOCK / CHUNK;
            bool last = k0 + n >= whole;
            for (int64_t r = 0; r < m; r += 2 * ROWS) {
                const int64_t rows = m - r < 2 * ROWS ? m - r : 2 * ROWS;
                const uint8_t *a[2];
                size_t stride = act_stride;
                const uint8_t *row = (const uint8_t *)act + (size_t)r * act_stride + (size_t)k0 * 64;
                a[0] = row;
                a[1] = row + ROWS * act_stride;
                if (rows < 2 * ROWS) { /* copied, so that no tile reads behind the last row */
                    stride = sizeof s->few[0];
                    for (int64_t i = 0; i < 2 * ROWS; i++)
                        memcpy(s->few[i], row + (size_t)(i < rows ? i : 0) * act_stride, (size_t)n * 64);
                    a[0] = s->few[0];
                    a[1] = s->few[ROWS];
                }
                if (k0 == 0) {
                    _tile_zero(0);
                    _tile_zero(1);
                    _tile_zero(2);
                    _tile_zero(3);
                } else {
                    for (int i = 0; i < 2 * ROWS; i++)
                        for (int j = 0; j < 2; j++)
                            if (i < rows && g + j < n_groups)
                                _mm512_store_ps(s->sums[i / ROWS][j][i % ROWS],
                                                _mm512_loadu_ps(y + (r + i) * y_stride + (g + j) * 16));
                    _tile_loadd(0, s->sums[0][0], 64);
                    _tile_loadd(1, s->sums[0][1], 64);
                    _tile_loadd(2, s->sums[1][0], 64);
                    _tile_loadd(3, s->sums[1][1], 64);
                }
                block_32x32(a[0], a[1], stride, b[0] + k0 * TILE, b[1] + k0 * TILE, n);
                if (last && tail) {
                    memset(s->tail_a, 0, sizeof s->tail_a);
                    for (int64_t i = 0; i < rows; i++)
                        memcpy(s->tail_a[i / ROWS] + i % ROWS * 64,
                               (const uint8_t *)act + (size_t)(r + i) * act_stride + (size_t)whole * 64,
                               (size_t)(tail + 1) / 2 * 4);
                    block_32x32(s->tail_a[0], s->tail_a[1], 64, s->tail_b[0], s->tail_b[1], 1);
                }
                _tile_stored(0, s->sums[0][0], 64);
                _tile_stored(1, s->sums[0][1], 64);
                _tile_stored(2, s->sums[1][0], 64);
                _tile_stored(3, s->sums[1][1], 64);
                for (int64_t i = 0; i < rows; i++)
                    for (int j = 0; j < 2; j++)
                        if (g + j < n_groups)
                            _mm512_storeu_ps(y + (r + i) * y_stride + (g + j) * 16,
                                             _mm512_load_ps(s->sums[i / ROWS][j][i % ROWS]));
            }
        }
    }
    _tile_release();
}
