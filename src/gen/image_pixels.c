/* Pixels: latents to pictures and back, in tiles where a whole picture needs too much memory, and resizing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "gen/image_int.h"

loam_status loam_image_rgb_new(int width, int height, loam_image_rgb *out, loam_err *err)
{
    *out = (loam_image_rgb){width, height, NULL};
    out->pixels = malloc((size_t)width * (size_t)height * 3);
    if (!out->pixels)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a picture of %d x %d", width, height);
    return LOAM_OK;
}

static uint8_t to_byte(float x)
{
    x = x * 255.0f;
    return !(x > 0) ? 0 : x >= 255.0f ? 255 : (uint8_t)lrintf(x);
}

/* Weight of position i in a tile of n that overlaps by `ramp` with its neighbours: rises and falls linearly. */
static float ramp(int64_t i, int64_t n, int64_t width, bool first, bool last)
{
    float w = 1;
    if (!first && i < width)
        w = ((float)i + 0.5f) / (float)width;
    if (!last && n - 1 - i < width)
        w = fminf(w, ((float)(n - 1 - i) + 0.5f) / (float)width);
    return w;
}

/* Runs the decoder over one tile: *pixels [th·f][tw·f][3], about -1 to 1, until the next run. */
static loam_status decode_tile(loam_image_model *m, const float *latent, int64_t h, int64_t w, int64_t y0, int64_t x0,
                               int64_t th, int64_t tw, const float **pixels, loam_err *err)
{
    loam_net *net = loam_image_net_of(m, LOAM_IMAGE_DECODER);
    float *rows = loam_net_in(net, 0);
    int64_t c = m->vae.latent;
    for (int64_t y = 0; y < th; y++)
        for (int64_t x = 0; x < tw; x++)
            for (int64_t j = 0; j < c; j++)
                rows[(y * tw + x) * c + j] = latent[(j * h + y0 + y) * w + x0 + x] / m->vae.scale + m->vae.shift;
    LOAM_TRY(loam_net_run(net, NULL, NULL, err));
    *pixels = loam_net_out(net, 0);
    return LOAM_OK;
}

/* Tiles of `tile` latent positions that overlap by a quarter, mixed by ramps; tile ≥ both sides: one, whole. sum
 * [h·f][w·f][4] of r, g, b and weight, zeroed. */
static loam_status sum_tiles(loam_image_model *m, const float *latent, int64_t h, int64_t w, int64_t tile,
                             const loam_image_watch *watch, float *sum, loam_err *err)
{
    const int64_t f = m->vae.factor, th = h < tile ? h : tile, tw = w < tile ? w : tile;
    const int64_t overlap = tile / 4 > 0 ? tile / 4 : 1, step = tile > overlap ? tile - overlap : 1;
    const int64_t ny = h > th ? (h - th + step - 1) / step + 1 : 1, nx = w > tw ? (w - tw + step - 1) / step + 1 : 1;
    LOAM_TRY(loam_image_want(m, LOAM_IMAGE_DECODER, (loam_image_key){1, th, tw, 0}, err));
    for (int64_t i = 0; i < ny * nx; i++) {
        /* the last tile of a row or column ends at the edge and overlaps more */
        int64_t ty = i / nx, tx = i % nx, y0 = ty * step < h - th ? ty * step : h - th;
        int64_t x0 = tx * step < w - tw ? tx * step : w - tw;
        const float *pixels = NULL;
        loam_image_tell(watch, "decode", (int)i, (int)(ny * nx));
        LOAM_TRY(loam_image_check_cancelled(watch, err));
        LOAM_TRY(decode_tile(m, latent, h, w, y0, x0, th, tw, &pixels, err));
        for (int64_t y = 0; y < th * f; y++) {
            float wy = ramp(y, th * f, overlap * f, y0 == 0, y0 + th == h);
            for (int64_t x = 0; x < tw * f; x++) {
                float weight = wy * ramp(x, tw * f, overlap * f, x0 == 0, x0 + tw == w);
                float *s = sum + ((y0 * f + y) * w * f + x0 * f + x) * 4;
                for (int j = 0; j < 3; j++)
                    s[j] += weight * pixels[(y * tw * f + x) * 3 + j];
                s[3] += weight;
            }
        }
    }
    loam_image_tell(watch, "decode", (int)(ny * nx), (int)(ny * nx));
    return LOAM_OK;
}

static loam_status not_a_number(loam_err *err)
{
    LOAM_FAIL(err, CORRUPT, "the VAE's pixels are not numbers; another VAE may help");
}

static loam_status decode_vae(loam_image_model *m, const float *latent, int64_t h, int64_t w, int64_t tile,
                              const loam_image_watch *watch, loam_image_rgb *out, loam_err *err)
{
    const size_t n = (size_t)out->width * (size_t)out->height;
    float *sum = calloc(n * 4, sizeof *sum);
    if (!sum)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a picture of %d x %d", out->width, out->height);
    loam_status st = sum_tiles(m, latent, h, w, tile, watch, sum, err);
    for (size_t i = 0; st == LOAM_OK && i < n; i++) {
        const float *s = sum + i * 4;
        if (!isfinite(s[0] + s[1] + s[2]))
            st = not_a_number(err);
        for (size_t j = 0; j < 3; j++)
            out->pixels[i * 3 + j] = to_byte(s[j] / s[3] * 0.5f + 0.5f);
    }
    free(sum);
    return st;
}

static loam_status decode_quick(loam_image_model *m, const float *latent, int64_t h, int64_t w,
                                const loam_image_watch *watch, loam_image_rgb *out, loam_err *err)
{
    const float *pixels;
    loam_image_tell(watch, "decode", 0, 1);
    LOAM_TRY(loam_image_want(m, LOAM_IMAGE_QUICK, (loam_image_key){1, h, w, 0}, err));
    LOAM_TRY(loam_taesd_run(loam_image_net_of(m, LOAM_IMAGE_QUICK), latent, &pixels, err));
    for (size_t i = 0; i < (size_t)out->width * (size_t)out->height * 3; i++) {
        if (!isfinite(pixels[i]))
            return not_a_number(err);
        out->pixels[i] = to_byte(pixels[i]);
    }
    loam_image_tell(watch, "decode", 1, 1);
    return LOAM_OK;
}

loam_status loam_image_decode(loam_image_model *m, const float *latent, int64_t h, int64_t w, int tile, bool quick,
                              const loam_image_watch *watch, loam_image_rgb *out, loam_err *err)
{
    LOAM_TRY(loam_image_rgb_new((int)(w * m->info.multiple), (int)(h * m->info.multiple), out, err));
    loam_status st = quick || !m->has_vae ? decode_quick(m, latent, h, w, watch, out, err)
                                          : decode_vae(m, latent, h, w,
                                                       tile > 0 ? tile
                                                       : h > w  ? h
                                                                : w,
                                                       watch, out, err);
    if (st != LOAM_OK) {
        free(out->pixels);
        out->pixels = NULL;
    }
    return st;
}

loam_status loam_image_encode(loam_image_model *m, const loam_image_rgb *picture, float *moments, loam_err *err)
{
    int64_t h = picture->height, w = picture->width, f = m->vae.factor;
    LOAM_TRY(loam_image_want(m, LOAM_IMAGE_ENCODER, (loam_image_key){1, h, w, 0}, err));
    loam_net *net = loam_image_net_of(m, LOAM_IMAGE_ENCODER);
    float *rows = loam_net_in(net, 0);
    for (int64_t i = 0; i < h * w * 3; i++)
        rows[i] = (float)picture->pixels[i] / 127.5f - 1.0f;
    LOAM_TRY(loam_net_run(net, NULL, NULL, err));
    loam_planes_from_rows(loam_net_out(net, 0), 1, 2 * m->vae.latent, h / f * (w / f), moments);
    return LOAM_OK;
}

loam_status loam_image_rough(const float *latent, int64_t stride, int64_t h, int64_t w, int n_channels,
                             const float (*map)[3], const float bias[3], loam_image_rgb *out, loam_err *err)
{
    LOAM_TRY(loam_image_rgb_new((int)w, (int)h, out, err));
    for (int64_t i = 0; i < h * w; i++)
        for (int j = 0; j < 3; j++) {
            float x = bias[j];
            for (int c = 0; c < n_channels; c++)
                x += latent[c * stride + i] * map[c][j];
            out->pixels[i * 3 + j] = to_byte(x * 0.5f + 0.5f);
        }
    return LOAM_OK;
}

loam_status loam_image_preview(loam_image_model *m, const float *latent, int64_t h, int64_t w, loam_image_rgb *out,
                               loam_err *err)
{
    /* least squares of pixels on latents, as ComfyUI's Latent2RGB has them */
    static const float sd15[4][3] = {{0.3512f, 0.2297f, 0.3227f},
                                     {0.3250f, 0.4974f, 0.2350f},
                                     {-0.2829f, 0.1762f, 0.2721f},
                                     {-0.2120f, -0.2616f, -0.7177f}};
    static const float sdxl[4][3] = {{0.3651f, 0.4232f, 0.4341f},
                                     {-0.2533f, -0.0042f, 0.1068f},
                                     {0.1076f, 0.1111f, -0.0362f},
                                     {-0.3165f, -0.2492f, -0.2188f}};
    static const float sd15_bias[3], sdxl_bias[3] = {0.1084f, -0.0175f, -0.0011f};
    const bool is_sdxl = m->family == LOAM_WEIGHTS_SDXL;
    if (m->taesd)
        return loam_image_decode(m, latent, h, w, 0, true, NULL, out, err);
    return loam_image_rough(latent, h * w, h, w, m->unet.out_channels < 4 ? (int)m->unet.out_channels : 4,
                            is_sdxl ? sdxl : sd15, is_sdxl ? sdxl_bias : sd15_bias, out, err);
}

static double lanczos(double x)
{
    const double pi = 3.14159265358979323846;
    x = fabs(x);
    return x < 1e-9 ? 1 : x >= 3 ? 0 : 3 * sin(pi * x) * sin(pi * x / 3) / (pi * pi * x * x);
}

/* One axis: n_in positions of 3 bytes, in_step apart, to n_out; the same for `lines` lines. weight has room for the
 * taps of one position. */
static void resize_axis(const uint8_t *in, int n_in, int64_t in_step, int64_t in_line, uint8_t *out, int n_out,
                        int64_t out_step, int64_t out_line, int64_t lines, double *weight)
{
    double scale = (double)n_in / n_out, widen = scale > 1 ? scale : 1;
    for (int o = 0; o < n_out; o++) {
        double center = (o + 0.5) * scale, total = 0;
        int first = (int)floor(center - 3 * widen), last = (int)ceil(center + 3 * widen);
        first = first < 0 ? 0 : first;
        last = last > n_in - 1 ? n_in - 1 : last;
        for (int i = first; i <= last; i++)
            total += weight[i - first] = lanczos((i + 0.5 - center) / widen);
        for (int64_t l = 0; l < lines; l++)
            for (int c = 0; c < 3; c++) {
                double sum = 0;
                for (int i = first; i <= last; i++)
                    sum += weight[i - first] * in[l * in_line + i * in_step + c];
                out[l * out_line + o * out_step + c] = to_byte((float)(sum / total / 255));
            }
    }
}

/* Between the axes there are bytes, as Pillow has it. */
loam_status loam_image_resize(const loam_image_rgb *in, int width, int height, loam_image_rgb *out, loam_err *err)
{
    const int longest = in->width > in->height ? in->width : in->height; /* no position has more taps */
    LOAM_TRY(loam_image_rgb_new(width, height, out, err));
    loam_image_rgb mid = {0};
    loam_status st = loam_image_rgb_new(width, in->height, &mid, err);
    double *weight = malloc((size_t)longest * sizeof *weight);
    if (st == LOAM_OK && !weight)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to resize a picture");
    if (st == LOAM_OK) {
        const int64_t from = 3 * (int64_t)in->width, to = 3 * (int64_t)width;
        resize_axis(in->pixels, in->width, 3, from, mid.pixels, width, 3, to, in->height, weight);
        resize_axis(mid.pixels, in->height, to, 3, out->pixels, height, to, 3, width, weight);
    } else {
        free(out->pixels);
        out->pixels = NULL;
    }
    free(weight);
    free(mid.pixels);
    return st;
}
