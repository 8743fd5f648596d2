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

static loam_status decode_vae(loam_image_model *m, const float *latent, int64_t h, int64_t w, int64_t tile,
                              const loam_image_watch *watch, loam_image_rgb *out, loam_err *err)
{
    const loam_image_tiling t = loam_image_cut(h, w, tile);
    const int n = (int)(t.ny * t.nx);
    LOAM_TRY(loam_image_want(m, LOAM_IMAGE_DECODER, (loam_image_key){1, t.th, t.tw, 0}, err));
    for (int i = 0; i < n; i++) {
        const loam_image_tile p = loam_image_tile_at(&t, i);
        const float *pixels = NULL;
        loam_image_tell(watch, "decode", i, n);
        LOAM_TRY(loam_image_check_cancelled(watch, err));
        LOAM_TRY(decode_tile(m, latent, h, w, p.y0, p.x0, p.h, p.w, &pixels, err));
        LOAM_TRY(loam_image_lay(out, &p, m->vae.factor, pixels, 0.5f, 0.5f, err));
    }
    loam_image_tell(watch, "decode", n, n);
    return LOAM_OK;
}

static loam_status decode_quick(loam_image_model *m, const float *latent, int64_t h, int64_t w,
                                const loam_image_watch *watch, loam_image_rgb *out, loam_err *err)
{
    const float *pixels;
    loam_image_tell(watch, "decode", 0, 1);
    LOAM_TRY(loam_image_want(m, LOAM_IMAGE_QUICK, (loam_image_key){1, h, w, 0}, err));
    LOAM_TRY(loam_taesd_run(loam_image_net_of(m, LOAM_IMAGE_QUICK), latent, &pixels, err));
    LOAM_TRY(loam_image_lay(out, &(loam_image_tile){.h = h, .w = w}, out->width / w, pixels, 1, 0, err));
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
            out->pixels[i * 3 + j] = loam_image_byte(x * 0.5f + 0.5f);
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
                out[l * out_line + o * out_step + c] = loam_image_byte((float)(sum / total / 255));
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
