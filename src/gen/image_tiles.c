/* Pixels of a decoder to pictures and frames, whole or in tiles whose seams are mixed. */
#include <math.h>

#include "gen/image_int.h"

loam_image_tiling loam_image_cut(int64_t h, int64_t w, int64_t side)
{
    loam_image_tiling t = {.h = h, .w = w, .th = h < side ? h : side, .tw = w < side ? w : side};
    t.step = side - side / 4;
    t.ny = h > t.th ? (h - t.th + t.step - 1) / t.step + 1 : 1;
    t.nx = w > t.tw ? (w - t.tw + t.step - 1) / t.step + 1 : 1;
    return t;
}

/* The last tile of a row or column ends at the edge and overlaps more. */
static int64_t start(int64_t i, int64_t step, int64_t whole, int64_t side)
{
    return i * step < whole - side ? i * step : whole - side;
}

loam_image_tile loam_image_tile_at(const loam_image_tiling *t, int64_t i)
{
    const int64_t ty = i / t->nx, tx = i % t->nx;
    loam_image_tile p = {start(ty, t->step, t->h, t->th), start(tx, t->step, t->w, t->tw), t->th, t->tw, 0, 0};
    p.above = ty ? start(ty - 1, t->step, t->h, t->th) + t->th - p.y0 : 0;
    p.left = tx ? start(tx - 1, t->step, t->w, t->tw) + t->tw - p.x0 : 0;
    return p;
}

uint8_t loam_image_byte(float x)
{
    x = x * 255.0f;
    return !(x > 0) ? 0 : x >= 255.0f ? 255 : (uint8_t)lrintf(x);
}

/* From 0 to 1 over the first n positions. */
static float rise(int64_t i, int64_t n)
{
    return i < n ? ((float)i + 0.5f) / (float)n : 1;
}

loam_status loam_image_lay(loam_image_rgb *picture, const loam_image_tile *p, int64_t factor, const float *pixels,
                           float mul, float add, loam_err *err)
{
    bool finite = true;
    for (int64_t y = 0; y < p->h * factor; y++) {
        const float down = rise(y, p->above * factor);
        uint8_t *row = picture->pixels + ((p->y0 * factor + y) * picture->width + p->x0 * factor) * 3;
        for (int64_t x = 0; x < p->w * factor; x++) {
            const float share = down * rise(x, p->left * factor);
            for (int64_t j = x * 3; j < x * 3 + 3; j++, pixels++) {
                const uint8_t new = loam_image_byte(*pixels * mul + add);
                finite &= isfinite(*pixels);
                row[j] = share < 1 ? (uint8_t)lrintf((float)row[j] + share * ((float)new - (float)row[j])) : new;
            }
        }
    }
    if (!finite)
        LOAM_FAIL(err, CORRUPT, "the VAE's pixels are not numbers; another VAE may help");
    return LOAM_OK;
}
