/* Nets of the wanted sizes, the adapters in them, and what they cost in memory. A net costs nothing until it runs (its
 * memory is reserved, not taken), so that it is planned first and refused when it would not fit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "gen/image_int.h"

static bool is_key(const loam_image_key *a, const loam_image_key *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->n_text == b->n_text;
}

static void drop(loam_image_model *m, loam_image_part part)
{
    loam_net_free(&m->nets[part].net);
    m->nets[part] = (loam_image_net){0};
}

loam_status loam_image_want(loam_image_model *m, loam_image_part part, loam_image_key k, loam_err *err)
{
    loam_image_net *to = &m->nets[part];
    if (is_key(&k, &to->key))
        return LOAM_OK;
    drop(m, part);
    switch (part) {
    case LOAM_IMAGE_UNET:
        LOAM_TRY(loam_unet_net(m->store, &m->unet, k.n, k.h, k.w, k.n_text, &to->net, err));
        break;
    case LOAM_IMAGE_DECODER:
        LOAM_TRY(loam_vae_decoder_net(m->store, &m->vae, k.n, k.h, k.w, &to->net, err));
        break;
    case LOAM_IMAGE_QUICK:
        LOAM_TRY(loam_taesd_net(m->store, m->taesd, k.n, k.h, k.w, &to->net, err));
        break;
    case LOAM_IMAGE_ENCODER:
        LOAM_TRY(loam_vae_encoder_net(m->store, &m->vae, k.n, k.h, k.w, &to->net, err));
        break;
    case LOAM_IMAGE_PARTS:
        break;
    }
    to->key = k;
    return LOAM_OK;
}

loam_net *loam_image_net_of(loam_image_model *m, loam_image_part part)
{
    m->nets[part].ran = true;
    return &m->nets[part].net;
}

void loam_image_leave(loam_image_model *m, loam_image_part part)
{
    if (m->lean)
        drop(m, part);
}

void loam_image_drop_nets(loam_image_model *m)
{
    for (int i = 0; i < LOAM_IMAGE_PARTS; i++)
        drop(m, (loam_image_part)i);
}

/* ---- adapters ---- */

loam_status loam_image_use_loras(loam_image_model *m, const loam_image_request *r, loam_err *err)
{
    size_t bytes = 1;
    for (int i = 0; i < r->n_loras; i++)
        bytes += strlen(r->loras[i].path) + 32;
    char *list = calloc(1, bytes);
    if (!list)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a list of adapters");
    for (int i = 0; i < r->n_loras; i++)
        snprintf(list + strlen(list), bytes - strlen(list), "%s:%.9g\n", r->loras[i].path,
                 (double)r->loras[i].strength);
    if (strcmp(list, m->loras ? m->loras : "") == 0) {
        free(list);
        return LOAM_OK;
    }
    loam_image_drop_nets(m);
    loam_weight_store_clear_loras(m->store);
    free(m->loras);
    m->loras = NULL;
    for (int i = 0; i < r->n_loras; i++) {
        loam_status st = loam_weight_store_add_lora(m->store, r->loras[i].path, r->loras[i].strength, err);
        if (st != LOAM_OK) {
            loam_weight_store_clear_loras(m->store);
            free(list);
            return st;
        }
    }
    m->loras = list;
    return LOAM_OK;
}

/* ---- memory ---- */

static size_t bytes_of(const loam_image_model *m, loam_image_part part)
{
    return loam_net_bytes(&m->nets[part].net);
}

/* What nets may take: what is free, and what those that ran have taken already. */
static size_t room(const loam_image_model *m)
{
    size_t have = loam_memory_available();
    if (m->most_bytes)
        return m->most_bytes;
    for (int i = 0; i < LOAM_IMAGE_PARTS; i++)
        if (m->nets[i].ran && have < SIZE_MAX / 2)
            have += bytes_of(m, (loam_image_part)i);
    return have;
}

/* Latents, the sampler's copies of them, pictures, and the one that is being put together. */
static size_t host_bytes(const loam_image_model *m, int n, int width, int height)
{
    enum { COPIES = 12, BYTES_A_PIXEL = 48 };
    size_t pixels = (size_t)width * (size_t)height, unit = (size_t)m->info.multiple;
    size_t latent = (size_t)m->unet.out_channels * (pixels / (unit * unit)) * sizeof(float);
    return (size_t)n * (COPIES * latent + 3 * pixels) + BYTES_A_PIXEL * pixels;
}

/* The VAE's decoder: whole when that fits, else in the largest tiles that do. */
static loam_status plan_decoder(loam_image_model *m, int64_t h, int64_t w, size_t have, int *tile, loam_err *err)
{
    int64_t side = *tile > 0 ? *tile : LOAM_IMAGE_MAX_SIDE;
    bool may_choose = *tile == 0;
    for (;;) {
        loam_image_key k = {1, h < side ? h : side, w < side ? w : side, 0};
        LOAM_TRY(loam_image_want(m, LOAM_IMAGE_DECODER, k, err));
        if (!may_choose || bytes_of(m, LOAM_IMAGE_DECODER) <= have || side <= LOAM_IMAGE_TILE / 2)
            return LOAM_OK;
        side = side > 4 * LOAM_IMAGE_TILE ? 4 * LOAM_IMAGE_TILE : side / 2;
        *tile = (int)side;
    }
}

loam_status loam_image_plan(loam_image_model *m, const loam_image_request *r, int width, int height, int64_t n_text,
                            bool encode, bool previews, int *tile, size_t *bytes, loam_err *err)
{
    int64_t h = height / m->info.multiple, w = width / m->info.multiple;
    const bool quick = r->quick_decode || !m->has_vae;
    loam_image_key unet = {loam_image_is_guided(m, r) ? 2 : 1, h, w, n_text}, whole = {1, h, w, 0};
    loam_image_key picture = {1, height, width, 0};
    size_t have = room(m), host = host_bytes(m, r->n, width, height), stages[3] = {0};
    *tile = r->tile;
    LOAM_TRY(loam_image_want(m, LOAM_IMAGE_UNET, unet, err));
    stages[0] = bytes_of(m, LOAM_IMAGE_UNET);
    if (quick || (previews && m->taesd)) {
        LOAM_TRY(loam_image_want(m, LOAM_IMAGE_QUICK, whole, err));
        stages[0] += previews ? bytes_of(m, LOAM_IMAGE_QUICK) : 0;
    }
    if (encode) {
        LOAM_TRY(loam_image_want(m, LOAM_IMAGE_ENCODER, picture, err));
        stages[1] = bytes_of(m, LOAM_IMAGE_ENCODER);
    }
    if (!quick)
        LOAM_TRY(plan_decoder(m, h, w, have > host ? have - host : 0, tile, err));
    stages[2] = bytes_of(m, quick ? LOAM_IMAGE_QUICK : LOAM_IMAGE_DECODER);
    size_t most = 0, all = host;
    for (int i = 0; i < 3; i++) {
        most = stages[i] > most ? stages[i] : most;
        all += stages[i];
    }
    m->lean = all > have;
    *bytes = m->lean ? host + most : all;
    if (*bytes > have)
        LOAM_FAIL(err, TOO_LARGE,
                  "%d picture%s of %d x %d needs %.1f GB beside the model, and %.1f GB are free: take a smaller size%s",
                  r->n, r->n == 1 ? "" : "s", width, height, (double)*bytes * 1e-9, (double)have * 1e-9,
                  r->n == 1 ? "" : " or fewer");
    return LOAM_OK;
}
