/* Wan's latents to frames: by the VAE, in tiles where whole frames need too much memory, or by TAEHV. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "gen/video_int.h"

enum { FRAMES_AT_ONCE = 4 /* most that a step of a decoder makes */ };

static loam_status decode_quick(loam_video_wan *w, const loam_video_work *k, const float *latent, float *pixels,
                                loam_video_result *out, loam_err *err)
{
    loam_taehv v;
    const loam_image_tile whole = {.h = k->h, .w = k->w};
    LOAM_TRY(loam_taehv_begin(&v, w->store, &w->taehv, false, k->f, k->h, k->w, err));
    loam_status st = LOAM_OK;
    loam_image_rgb *frame = out->frames;
    for (int64_t i = 0; i < k->f && st == LOAM_OK; i++) {
        int64_t frames = loam_taehv_frames(&v), area = k->h * k->w * v.p.factor * v.p.factor;
        loam_image_tell(k->watch, "decode", (int)i, (int)k->f);
        st = loam_image_check_cancelled(k->watch, err);
        if (st == LOAM_OK)
            st = loam_taehv_decode_step(&v, latent, pixels, err);
        for (int64_t j = 0; j < frames && st == LOAM_OK; j++)
            st = loam_image_lay(frame++, &whole, v.p.factor, pixels + j * area * 3, 1, 0, err);
    }
    loam_taehv_end(&v);
    if (st == LOAM_OK)
        loam_image_tell(k->watch, "decode", (int)k->f, (int)k->f);
    return st;
}

/* All frames of one tile, from its part z [c][f][h][w] of the latent. */
static loam_status decode_tile(loam_video_wan *w, const loam_video_work *k, const loam_image_tiling *t, int64_t i,
                               const float *z, float *pixels, loam_video_result *out, loam_err *err)
{
    loam_wan_vae v;
    const loam_image_tile p = loam_image_tile_at(t, i);
    LOAM_TRY(loam_wan_vae_begin(&v, w->store, &w->vae, false, k->f, p.h, p.w, err));
    loam_status st = LOAM_OK;
    loam_image_rgb *frame = out->frames;
    for (int64_t f = 0; f < k->f && st == LOAM_OK; f++) {
        int64_t frames = loam_wan_vae_frames(&v), area = p.h * p.w * v.p.factor * v.p.factor;
        loam_image_tell(k->watch, "decode", (int)(i * k->f + f), (int)(t->ny * t->nx * k->f));
        st = loam_image_check_cancelled(k->watch, err);
        if (st == LOAM_OK)
            st = loam_wan_vae_decode_step(&v, z, pixels, err);
        for (int64_t j = 0; j < frames && st == LOAM_OK; j++)
            st = loam_image_lay(frame++, &p, v.p.factor, pixels + j * area * 3, 0.5f, 0.5f, err);
    }
    loam_wan_vae_end(&v);
    return st;
}

static loam_status decode_whole(loam_video_wan *w, const loam_video_work *k, const float *latent, float *pixels,
                                loam_video_result *out, loam_err *err)
{
    const loam_image_tiling t = loam_image_cut(k->h, k->w, w->tile);
    const int64_t planes = k->c * k->f;
    float *z = malloc(k->n * sizeof *z), *part = malloc((size_t)(planes * t.th * t.tw) * sizeof *part);
    loam_status st = LOAM_OK;
    if (!z || !part) {
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a latent");
        st = LOAM_STATUS_NO_MEMORY;
    } else {
        loam_wan_vae_denormalise(&w->vae, k->f * k->h * k->w, latent, z);
    }
    for (int64_t i = 0; i < t.ny * t.nx && st == LOAM_OK; i++) {
        const loam_image_tile p = loam_image_tile_at(&t, i);
        float *to = part;
        for (int64_t plane = 0; plane < planes; plane++)
            for (int64_t y = 0; y < p.h; y++, to += p.w)
                memcpy(to, z + (plane * k->h + p.y0 + y) * k->w + p.x0, (size_t)p.w * sizeof *to);
        st = decode_tile(w, k, &t, i, part, pixels, out, err);
    }
    free(z);
    free(part);
    if (st == LOAM_OK)
        loam_image_tell(k->watch, "decode", (int)(t.ny * t.nx * k->f), (int)(t.ny * t.nx * k->f));
    return st;
}

static bool is_quick(const loam_video_wan *w, const loam_video_request *r)
{
    return r->quick_decode || !w->has_vae;
}

loam_status loam_video_wan_plan_decoder(loam_video_wan *w, const loam_video_request *r, size_t host, size_t *bytes,
                                        loam_err *err)
{
    const int64_t f = (r->frames - 1) / 4 + 1, h = r->height / 8, wide = r->width / 8;
    if (is_quick(w, r)) {
        loam_taehv v;
        LOAM_TRY(loam_taehv_begin(&v, w->store, &w->taehv, false, f, h, wide, err));
        *bytes = loam_net_bytes(&v.net);
        loam_taehv_end(&v);
        return LOAM_OK;
    }
    size_t have = loam_memory_available();
    have = have > host ? have - host : 0;
    for (w->tile = r->tile > 0 ? r->tile : LOAM_IMAGE_MAX_SIDE;;) {
        const loam_image_tiling t = loam_image_cut(h, wide, w->tile);
        LOAM_TRY(loam_wan_vae_bytes(w->store, &w->vae, false, f, t.th, t.tw, bytes, err));
        if (r->tile != 0 || *bytes <= have || w->tile <= LOAM_IMAGE_TILE / 4)
            return LOAM_OK;
        w->tile = w->tile > 2 * LOAM_IMAGE_TILE ? 2 * LOAM_IMAGE_TILE : w->tile / 2;
    }
}

loam_status loam_video_wan_decode(loam_video_model *m, const loam_video_work *k, const float *latent,
                                  loam_video_result *out, loam_err *err)
{
    loam_video_wan *w = m->wan;
    float *pixels = malloc((size_t)out->width * (size_t)out->height * 3 * FRAMES_AT_ONCE * sizeof *pixels);
    if (!pixels)
        LOAM_FAIL(err, NO_MEMORY, "no memory for frames of %d x %d", out->width, out->height);
    loam_status st = LOAM_OK;
    for (int i = 0; i < out->n_frames && st == LOAM_OK; i++)
        st = loam_image_rgb_new(out->width, out->height, &out->frames[i], err);
    loam_video_wan_drop_net(w);
    if (st == LOAM_OK)
        st = is_quick(w, k->r) ? decode_quick(w, k, latent, pixels, out, err)
                               : decode_whole(w, k, latent, pixels, out, err);
    free(pixels);
    return st;
}

loam_status loam_video_wan_preview(loam_video_model *m, const loam_video_work *k, const float *latent,
                                   loam_image_rgb *out, loam_err *err)
{
    loam_video_wan *w = m->wan;
    /* least squares of pixels on latents, as ComfyUI's Latent2RGB has them */
    static const float map[16][3] = {
        {-0.1299f, -0.1692f, 0.2932f},  {0.0671f, 0.0406f, 0.0442f},  {0.3568f, 0.2548f, 0.1747f},
        {0.0372f, 0.2344f, 0.1420f},    {0.0313f, 0.0189f, -0.0328f}, {0.0296f, -0.0956f, -0.0665f},
        {-0.3477f, -0.4059f, -0.2925f}, {0.0166f, 0.1902f, 0.1975f},  {-0.0412f, 0.0267f, -0.1364f},
        {-0.1293f, 0.0740f, 0.1636f},   {0.0680f, 0.3019f, 0.1128f},  {0.0032f, 0.0581f, 0.0639f},
        {-0.1251f, 0.0927f, 0.1699f},   {0.0060f, -0.0633f, 0.0005f}, {0.3477f, 0.2275f, 0.2950f},
        {0.1984f, 0.0913f, 0.1861f}};
    static const float bias[3] = {-0.1835f, -0.0868f, -0.3360f};
    *out = (loam_image_rgb){0};
    if (!w->has_taehv)
        return loam_image_rough(latent + k->f / 2 * k->h * k->w, k->f * k->h * k->w, k->h, k->w,
                                k->c < 16 ? (int)k->c : 16, map, bias, out, err);
    /* one latent frame alone, from the middle */
    float *one = malloc((size_t)(k->c * k->h * k->w) * sizeof *one);
    float *pixels = malloc((size_t)k->r->width * (size_t)k->r->height * 3 * 4 * sizeof *pixels);
    loam_taehv v;
    loam_status st = LOAM_OK;
    if (one && pixels) {
        for (int64_t c = 0; c < k->c; c++)
            memcpy(one + c * k->h * k->w, latent + (c * k->f + k->f / 2) * k->h * k->w,
                   (size_t)(k->h * k->w) * sizeof *one);
        st = loam_taehv_begin(&v, w->store, &w->taehv, false, 1, k->h, k->w, err);
        if (st == LOAM_OK) {
            st = loam_taehv_decode_step(&v, one, pixels, err);
            loam_taehv_end(&v);
        }
        if (st == LOAM_OK)
            st = loam_image_rgb_new(k->r->width, k->r->height, out, err);
        const loam_image_tile whole = {.h = k->h, .w = k->w};
        if (st == LOAM_OK)
            st = loam_image_lay(out, &whole, w->taehv.factor, pixels, 1, 0, err);
    }
    free(one);
    free(pixels);
    if (st != LOAM_OK) {
        free(out->pixels);
        *out = (loam_image_rgb){0};
    }
    return st;
}
