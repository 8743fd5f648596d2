/* A picture model from its files: which parts there are, whether they fit together, the noise levels it was trained
 * with. Weights are brought to the device when a net first asks for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/image_int.h"
#include "model/config.h"

/* A folder's scheduler says how the model was trained; single files carry a mark at most. */
static loam_status read_levels(loam_image_model *m, loam_err *err)
{
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(m->weights, "scheduler", &c, err));
    const char *kind =
        loam_config_str(c, "prediction_type", loam_weights_marked(m->weights, "v_pred") ? "v_prediction" : "epsilon");
    const char *betas = loam_config_str(c, "beta_schedule", "scaled_linear");
    const char *spacing = loam_config_str(c, "timestep_spacing", "leading");
    loam_prediction p = strcmp(kind, "v_prediction") == 0 ? LOAM_PREDICTION_V
                        : strcmp(kind, "sample") == 0     ? LOAM_PREDICTION_X0
                                                          : LOAM_PREDICTION_EPS;
    loam_levels_ddpm(&m->levels, p, strcmp(betas, "linear") == 0 ? LOAM_BETAS_LINEAR : LOAM_BETAS_SCALED_LINEAR,
                     loam_config_f64(c, "beta_start", 0), loam_config_f64(c, "beta_end", 0),
                     loam_config_bool(c, "rescale_betas_zero_snr", loam_weights_marked(m->weights, "ztsnr")));
    m->steps_offset = (int)loam_config_i64(c, "steps_offset", 1);
    m->original_steps = (int)loam_config_i64(c, "original_inference_steps", 0);
    m->trailing = strcmp(spacing, "trailing") == 0;
    m->end_at_first_level = !loam_config_bool(c, "set_alpha_to_one", false); /* as Stable Diffusion's own DDIM */
    loam_config_close(c);
    return LOAM_OK;
}

static loam_status open_tokenizer(loam_image_model *m, loam_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tokenizer", loam_weights_path(m->weights));
    loam_status st = loam_clip_bpe_open(path, &m->bpe, err);
    if (st == LOAM_STATUS_NOT_FOUND) /* single files have none: all CLIP models share the vocabulary */
        st = loam_clip_bpe_new(&m->bpe, err);
    LOAM_TRY(st);
    m->pad[0] = loam_clip_bpe_eos(m->bpe);
    m->pad[1] = 0;
    for (int i = 0; i < m->n_clips; i++)
        if ((int64_t)loam_clip_bpe_n_vocab(m->bpe) > m->clip[i].n_vocab)
            LOAM_FAIL(err, CORRUPT, "%s: the tokenizer has %zu tokens, the text encoder knows %lld",
                      loam_weights_path(m->weights), loam_clip_bpe_n_vocab(m->bpe), (long long)m->clip[i].n_vocab);
    return LOAM_OK;
}

static loam_status open_text(loam_image_model *m, loam_err *err)
{
    static const char *const encoders[] = {"text_encoder", "text_encoder_2"};
    m->n_clips = m->family == LOAM_WEIGHTS_SDXL ? 2 : 1;
    int64_t width = 0;
    for (int i = 0; i < m->n_clips; i++) {
        LOAM_TRY(loam_clip_read(m->weights, encoders[i], &m->clip[i], err));
        width += m->clip[i].width;
        if (m->clip[i].n_ctx != LOAM_PROMPT_CHUNK)
            LOAM_FAIL(err, UNSUPPORTED, "the text encoder reads %lld tokens at once, Loam's read %d",
                      (long long)m->clip[i].n_ctx, LOAM_PROMPT_CHUNK);
    }
    const char *path = loam_weights_path(m->weights);
    if (m->unet.context != width)
        LOAM_FAIL(err, CORRUPT, "%s: the text encoders give %lld numbers a token, the UNet reads %lld", path,
                  (long long)width, (long long)m->unet.context);
    if (m->n_clips == 2 && m->clip[1].projection != m->unet.added - 6 * m->unet.added_time)
        LOAM_FAIL(err, CORRUPT, "%s: the second text encoder's summary has %lld numbers, the UNet reads %lld", path,
                  (long long)m->clip[1].projection, (long long)(m->unet.added - 6 * m->unet.added_time));
    return open_tokenizer(m, err);
}

static loam_status open_pixels(loam_image_model *m, loam_err *err)
{
    bool tiny = loam_taesd_is(m->weights, "vae"); /* a folder whose VAE is a TAESD */
    m->has_vae = !tiny && loam_weights_has(m->weights, "vae.");
    m->taesd = loam_taesd_is(m->weights, "taesd") ? "taesd" : tiny ? "vae" : NULL;
    if (!m->has_vae && m->taesd) {
        m->vae = (loam_vae_params){.latent = m->unet.out_channels, .factor = 8, .scale = 1};
        return LOAM_OK;
    }
    LOAM_TRY(loam_vae_read(m->weights, &m->vae, err));
    if (m->vae.latent != m->unet.out_channels)
        LOAM_FAIL(err, CORRUPT, "the VAE's latents have %lld channels, the UNet's %lld: the VAE is another model's",
                  (long long)m->vae.latent, (long long)m->unet.out_channels);
    return LOAM_OK;
}

static loam_status open_parts(loam_image_model *m, const loam_image_options *o, loam_err *err)
{
    LOAM_TRY(loam_unet_read(m->weights, &m->unet, err));
    if (m->unet.in_channels != m->unet.out_channels)
        LOAM_FAIL(err, UNSUPPORTED,
                  "the UNet reads %lld channels: inpainting models of their own are not run; use a plain model with "
                  "a mask",
                  (long long)m->unet.in_channels);
    LOAM_TRY(open_text(m, err));
    LOAM_TRY(open_pixels(m, err));
    if (o->taesd && !loam_taesd_is(m->weights, "taesd"))
        LOAM_FAIL(err, INVALID, "%s: it is no decoder of a TAESD", o->taesd);
    return read_levels(m, err);
}

static loam_status open_files(loam_image_model *m, const char *path, const loam_image_options *o, loam_err *err)
{
    LOAM_TRY(loam_weights_open(path, &m->weights, err));
    if (o->vae)
        LOAM_TRY(loam_weights_add(m->weights, o->vae, "vae", err));
    if (o->taesd)
        LOAM_TRY(loam_weights_add(m->weights, o->taesd, "taesd", err));
    if (o->motion)
        LOAM_TRY(loam_weights_add(m->weights, o->motion, "motion", err));
    m->family = loam_weights_get_family(m->weights);
    if (m->family != LOAM_WEIGHTS_SD15 && m->family != LOAM_WEIGHTS_SDXL)
        LOAM_FAIL(err, UNSUPPORTED, "%s: %s", path,
                  m->family == LOAM_WEIGHTS_WAN_T2V
                      ? "this model makes clips: use `loam video`"
                      : "it is no whole picture model; Loam runs Stable Diffusion 1.5 and SDXL");
    return LOAM_OK;
}

loam_status loam_image_model_open(const char *path, const loam_image_options *o, loam_image_model **out, loam_err *err)
{
    loam_dtype type;
    LOAM_TRY(loam_image_type_of(o->type, &type, err));
    loam_image_model *m = calloc(1, sizeof *m);
    if (!m)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a model");
    m->api = &loam_device_cpu;
    loam_status st = open_files(m, path, o, err);
    if (st == LOAM_OK)
        st = m->api->open(o->n_threads, &m->device, err);
    if (st == LOAM_OK)
        st = loam_weight_store_new(m->api, m->device, m->weights, type, &m->store, err);
    if (st == LOAM_OK)
        st = open_parts(m, o, err);
    if (st != LOAM_OK) {
        loam_image_model_close(m);
        return st;
    }
    m->zero_negative = m->family == LOAM_WEIGHTS_SDXL;
    m->info = (loam_image_info){.family = m->family == LOAM_WEIGHTS_SDXL ? "SDXL" : "Stable Diffusion 1.5",
                                .size = m->family == LOAM_WEIGHTS_SDXL ? 1024 : 512,
                                .max_side = LOAM_IMAGE_MAX_SIDE,
                                .multiple = (int)m->vae.factor,
                                .has_encoder = m->has_vae && m->vae.has_encoder,
                                .has_quick = m->taesd != NULL};
    *out = m;
    return LOAM_OK;
}

void loam_image_model_close(loam_image_model *m)
{
    if (!m)
        return;
    if (m->device)
        loam_image_drop_nets(m);
    loam_weight_store_free(m->store);
    if (m->device)
        m->api->close(m->device);
    loam_clip_bpe_free(m->bpe);
    loam_weights_close(m->weights);
    free(m->loras);
    free(m);
}

const loam_image_info *loam_image_model_get_info(const loam_image_model *m)
{
    return &m->info;
}
