/* Image to image: the latent of a picture to start from, and the mask that says what of it stays. */
#include <math.h>
#include <stdlib.h>

#include "gen/image_int.h"

loam_status loam_image_start(loam_image_model *m, loam_image_work *k, const loam_image_rgb *pictures, bool same,
                             loam_err *err)
{
    const int64_t n = (int64_t)k->n, c = m->vae.latent, hw = k->h * k->w;
    k->start = malloc((size_t)k->r->n * k->n * sizeof *k->start);
    float *moments = malloc((size_t)(2 * n) * sizeof *moments), *noise = malloc((size_t)n * sizeof *noise);
    loam_status st = LOAM_OK;
    if (!k->start || !moments || !noise)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a latent");
    for (int i = 0; i < k->r->n && st == LOAM_OK; i++) {
        st = loam_image_check_cancelled(k->watch, err);
        if (st == LOAM_OK && (i == 0 || !same))
            st = loam_image_encode(m, &pictures[i], moments, err);
        if (st != LOAM_OK)
            break;
        loam_noise_normal(&k->generators[i], noise, (size_t)n);
        for (int64_t j = 0; j < c * hw; j++) {
            float log_var = fminf(fmaxf(moments[n + j], -30.0f), 20.0f);
            k->start[i * n + j] = (moments[j] + expf(0.5f * log_var) * noise[j] - m->vae.shift) * m->vae.scale;
        }
    }
    free(noise);
    free(moments);
    loam_image_leave(m, LOAM_IMAGE_ENCODER);
    return st;
}

/* The pixel in the corner of each position decides, as in diffusers. */
loam_status loam_image_spread_mask(const loam_image_model *m, loam_image_work *k, loam_err *err)
{
    const loam_image_request *r = k->r;
    int64_t f = m->vae.factor, planes = r->n * m->unet.out_channels;
    k->mask = malloc((size_t)r->n * k->n * sizeof *k->mask);
    if (!k->mask)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a mask");
    for (int64_t p = 0; p < planes; p++)
        for (int64_t y = 0; y < k->h; y++)
            for (int64_t x = 0; x < k->w; x++)
                k->mask[(p * k->h + y) * k->w + x] = r->mask[y * f * r->width + x * f] >= 128 ? 1.0f : 0.0f;
    return LOAM_OK;
}

void loam_image_keep_outside(const loam_image_request *r, loam_image_rgb *picture)
{
    for (int64_t i = 0; i < (int64_t)r->width * r->height; i++)
        for (int j = 0; j < 3; j++) {
            int a = r->start->pixels[i * 3 + j], b = picture->pixels[i * 3 + j], share = r->mask[i];
            picture->pixels[i * 3 + j] = (uint8_t)((a * (255 - share) + b * share + 127) / 255);
        }
}
