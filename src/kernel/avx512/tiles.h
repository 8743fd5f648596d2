/* The tile registers of AMX: eight of 16 rows × 64 bytes. A tile of bf16 activations has 16 rows × 32 k, one of weights
 * 16 pairs of k × 16 columns × 2, as they lie packed. */
#ifndef LOAM_KERNEL_AVX512_TILES_H
#define LOAM_KERNEL_AVX512_TILES_H

#include <immintrin.h>
#include <stdint.h>

enum {
    TILE = 1024, /* bytes */
    ROWS = 16,
    CHUNK = 32, /* k of a tile */
};

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* All eight with all their rows; _tile_release() gives them back. */
static inline void configure_whole_tiles(void)
{
    tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = ROWS;
    }
    _tile_loadconfig(&config);
}

#endif
