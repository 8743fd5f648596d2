/* A picture model: opening it, checking what is asked of it, and the loop from noise to a picture. */
#include "gen/image_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/config.h"

double loam_image_clock(void)
{
    return loam_clock_s();
}

loam_status loam_image_check_cancelled(const loam_image_watch *w, loam_err *err)
{
    if (w && w->cancelled && w->cancelled(w->ctx))
        LOAM_FAIL(err, CANCELLED, "cancelled");
    return LOAM_OK;
}

void loam_image_tell(const loam_image_watch *w, const char *stage, int step, int n_steps)
{
    if (w && w->progress)
        w->progress(w->ctx, stage, step, n_steps);
}

loam_image_request loam_image_defaults(void)
{
    return (loam_image_request){.steps = 20,
                                .guidance = 7,
                                .n = 1,
                                .sampler = LOAM_DIFFUSE_EULER_A,
                                .schedule = LOAM_SCHEDULE_AUTO,
                                .eta = NAN,
                                .strength = 0.75f,
                                .hires_strength = 0.55f};
}

/* ---- opening ---- */

static loam_status read_levels(loam_image_model *m, loam_err *err)
{
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(m->weights, "scheduler", &c, err));
    const char *kind = loam_config_str(c, "prediction_type", "epsilon");
    const char *betas = loam_config_str(c, "beta_schedule", "scaled_linear");
    loam_prediction p = strcmp(kind, "v_prediction") == 0 ? LOAM_PREDICTION_V
                        : strcmp(kind, "sample") == 0     ? LOAM_PREDICTION_X0
                                                          : LOAM_PREDICTION_EPS;
    loam_levels_ddpm(&m->levels, p, strcmp(betas, "linear") == 0 ? LOAM_BETAS_LINEAR : LOAM_BETAS_SCALED_LINEAR,
                     loam_config_f64(c, "beta_start", 0), loam_config_f64(c, "beta_end", 0),
                     loam_config_bool(c, "rescale_betas_zero_snr", false));
    m->steps_offset = (int)loam_config_i64(c, "steps_offset", 1);
    loam_config_close(c);
    return LOAM_OK;
}

static loam_status open_tokenizer(loam_image_model *m, loam_err *err)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tokenizer", loam_weights_path(m->weights));
    loam_status st = loam_clip_bpe_open(path, &m->bpe, err);
    if (st == LOAM_STATUS_NOT_FOUND) /* single files have none: all CLIP models share the vocabulary */
        st = loam_clip_bpe_new(&m->bpe, err);
    return st;
}

static loam_status open_parts(loam_image_model *m, loam_err *err)
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
    LOAM_TRY(loam_unet_read(m->weights, &m->unet, err));
    if (m->unet.context != width)
        LOAM_FAIL(err, CORRUPT, "%s: the text encoders give %lld numbers a token, the UNet reads %lld",
                  loam_weights_path(m->weights), (long long)width, (long long)m->unet.context);
    if (m->unet.in_channels != m->unet.out_channels)
        LOAM_FAIL(err, UNSUPPORTED,
                  "the UNet reads %lld channels: inpainting models of their own are not run; use a plain "
                  "model with a mask",
                  (long long)m->unet.in_channels);
    m->has_vae = loam_weights_has(m->weights, "vae.");
    m->taesd = loam_taesd_is(m->weights, "taesd") ? "taesd" : NULL;
    if (m->has_vae || !m->taesd) {
        LOAM_TRY(loam_vae_read(m->weights, &m->vae, err));
        if (m->vae.latent != m->unet.out_channels)
            LOAM_FAIL(err, CORRUPT, "the VAE's latents have %lld channels, the UNet's %lld: the VAE is another model's",
                      (long long)m->vae.latent, (long long)m->unet.out_channels);
    } else {
        m->vae = (loam_vae_params){.latent = m->unet.out_channels, .factor = 8, .scale = 1};
    }
    LOAM_TRY(open_tokenizer(m, err));
    m->pad[0] = loam_clip_bpe_eos(m->bpe);
    m->pad[1] = 0;
    for (int i = 0; i < m->n_clips; i++)
        if ((int64_t)loam_clip_bpe_n_vocab(m->bpe) > m->clip[i].n_vocab)
            LOAM_FAIL(err, CORRUPT, "the tokenizer has %zu tokens, the text encoder knows %lld",
                      loam_clip_bpe_n_vocab(m->bpe), (long long)m->clip[i].n_vocab);
    return read_levels(m, err);
}

loam_status loam_image_type_of(const char *name, loam_dtype *out, loam_err *err)
{
    *out = LOAM_DTYPE_COUNT;
    for (loam_dtype t = 0; name && t < LOAM_DTYPE_COUNT; t++)
        if (strcasecmp(name, loam_dtype_name(t)) == 0)
            *out = t;
    if (name && *out == LOAM_DTYPE_COUNT)
        LOAM_FAIL(err, INVALID, "the type '%s' is not known; take f32, f16, bf16 or q8_0", name);
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
    loam_status st = loam_weights_open(path, &m->weights, err);
    if (st == LOAM_OK && o->vae)
        st = loam_weights_add(m->weights, o->vae, "vae", err);
    if (st == LOAM_OK && o->taesd)
        st = loam_weights_add(m->weights, o->taesd, "taesd", err);
    if (st == LOAM_OK && o->motion)
        st = loam_weights_add(m->weights, o->motion, "motion", err);
    if (st == LOAM_OK) {
        m->family = loam_weights_get_family(m->weights);
        if (m->family != LOAM_WEIGHTS_SD15 && m->family != LOAM_WEIGHTS_SDXL) {
            loam_err_set(err, LOAM_STATUS_UNSUPPORTED, __FILE__, __LINE__, "%s: %s", path,
                         m->family == LOAM_WEIGHTS_WAN_T2V
                             ? "this model makes clips: use `loam video`"
                             : "it is no whole picture model; Loam runs Stable Diffusion 1.5 and SDXL");
            st = LOAM_STATUS_UNSUPPORTED;
        }
    }
    if (st == LOAM_OK)
        st = m->api->open(o->n_threads, &m->device, err);
    if (st == LOAM_OK)
        st = loam_weight_store_new(m->api, m->device, m->weights, type, &m->store, err);
    if (st == LOAM_OK)
        st = open_parts(m, err);
    if (st != LOAM_OK) {
        loam_image_model_close(m);
        return st;
    }
    m->zero_negative = m->family == LOAM_WEIGHTS_SDXL;
    m->info = (loam_image_info){.family = m->family == LOAM_WEIGHTS_SDXL ? "SDXL" : "Stable Diffusion 1.5",
                                .size = m->family == LOAM_WEIGHTS_SDXL ? 1024 : 512,
                                .multiple = (int)m->vae.factor,
                                .has_encoder = m->has_vae && m->vae.has_encoder};
    *out = m;
    return LOAM_OK;
}

void loam_image_drop_nets(loam_image_model *m)
{
    loam_net_free(&m->unet_net);
    loam_net_free(&m->vae_net);
    loam_net_free(&m->taesd_net);
    loam_net_free(&m->encoder_net);
    m->unet_key = m->vae_key = m->taesd_key = m->encoder_key = (loam_image_key){0};
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

/* ---- nets ---- */

static bool is_key(const loam_image_key *a, const loam_image_key *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->n_text == b->n_text;
}

loam_status loam_image_want_unet(loam_image_model *m, loam_image_key k, loam_err *err)
{
    if (is_key(&k, &m->unet_key))
        return LOAM_OK;
    loam_net_free(&m->unet_net);
    m->unet_key = (loam_image_key){0};
    LOAM_TRY(loam_unet_net(m->store, &m->unet, k.n, k.h, k.w, k.n_text, &m->unet_net, err));
    m->unet_key = k;
    return LOAM_OK;
}

loam_status loam_image_want_vae(loam_image_model *m, int64_t h, int64_t w, loam_err *err)
{
    loam_image_key k = {1, h, w, 0};
    if (is_key(&k, &m->vae_key))
        return LOAM_OK;
    loam_net_free(&m->vae_net);
    m->vae_key = (loam_image_key){0};
    LOAM_TRY(loam_vae_decoder_net(m->store, &m->vae, 1, h, w, &m->vae_net, err));
    m->vae_key = k;
    return LOAM_OK;
}

loam_status loam_image_want_taesd(loam_image_model *m, int64_t h, int64_t w, loam_err *err)
{
    loam_image_key k = {1, h, w, 0};
    if (is_key(&k, &m->taesd_key))
        return LOAM_OK;
    if (!m->taesd)
        LOAM_FAIL(err, INVALID, "quick decoding wants TAESD's decoder; give its file with --taesd");
    loam_net_free(&m->taesd_net);
    m->taesd_key = (loam_image_key){0};
    LOAM_TRY(loam_taesd_net(m->store, m->taesd, 1, h, w, &m->taesd_net, err));
    m->taesd_key = k;
    return LOAM_OK;
}

/* ---- checking ---- */

static loam_status check_side(const char *what, int side, int multiple, loam_err *err)
{
    if (side < multiple || side > LOAM_IMAGE_MAX_SIDE || side % multiple)
        LOAM_FAIL(err, INVALID, "the %s of %d: it must be a multiple of %d between %d and %d", what, side, multiple,
                  multiple, LOAM_IMAGE_MAX_SIDE);
    return LOAM_OK;
}

static int hires_side(const loam_image_model *m, int side, float factor)
{
    int unit = m->info.multiple;
    return (int)lroundf((float)side * factor / (float)unit) * unit;
}

/* Fills in what was left open and checks every value. */
static loam_status settle(const loam_image_model *m, loam_image_request *r, loam_err *err)
{
    r->width = r->width ? r->width : r->start ? r->start->width : m->info.size;
    r->height = r->height ? r->height : r->start ? r->start->height : m->info.size;
    LOAM_TRY(check_side("width", r->width, m->info.multiple, err));
    LOAM_TRY(check_side("height", r->height, m->info.multiple, err));
    if (r->steps < 1 || r->steps > LOAM_LEVELS)
        LOAM_FAIL(err, INVALID, "%d steps: it must be 1 to %d", r->steps, LOAM_LEVELS);
    if (r->n < 1 || r->n > LOAM_IMAGE_MAX_PICTURES)
        LOAM_FAIL(err, INVALID, "%d pictures at once: it must be 1 to %d", r->n, LOAM_IMAGE_MAX_PICTURES);
    if (!(r->guidance >= 0 && r->guidance <= 100))
        LOAM_FAIL(err, INVALID, "a guidance of %g: it must be 0 to 100 (1: none)", (double)r->guidance);
    if ((r->start || r->hires > 1) && !m->info.has_encoder)
        LOAM_FAIL(err, UNSUPPORTED,
                  "this model's VAE has no encoder, so that no picture can be taken as a start; give a whole VAE "
                  "with --vae");
    if (r->start && !(r->strength > 0 && r->strength <= 1))
        LOAM_FAIL(err, INVALID, "a strength of %g: it must be above 0, and at most 1", (double)r->strength);
    if (r->mask && !r->start)
        LOAM_FAIL(err, INVALID, "a mask without a picture that it is for");
    if (r->start && (r->start->width != r->width || r->start->height != r->height))
        LOAM_FAIL(err, INVALID, "the picture to start from is %d x %d, asked for are %d x %d", r->start->width,
                  r->start->height, r->width, r->height);
    if (r->hires != 0 && !(r->hires > 1 && r->hires <= 8))
        LOAM_FAIL(err, INVALID, "hires of %g: it must be above 1, and at most 8", (double)r->hires);
    if (r->hires > 1) {
        LOAM_TRY(check_side("enlarged width", hires_side(m, r->width, r->hires), m->info.multiple, err));
        LOAM_TRY(check_side("enlarged height", hires_side(m, r->height, r->hires), m->info.multiple, err));
    }
    return LOAM_OK;
}

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

/* A tile that the decoder needs no more memory for than there is. */
static loam_status fit_decoder(loam_image_model *m, const loam_image_request *r, int64_t h, int64_t w, int *tile,
                               size_t *bytes, loam_err *err)
{
    *tile = r->tile;
    *bytes = 0;
    if (r->quick_decode || !m->has_vae) {
        LOAM_TRY(loam_image_want_taesd(m, h, w, err));
        *bytes = loam_net_bytes(&m->taesd_net);
        return LOAM_OK;
    }
    int64_t side = r->tile > 0 ? r->tile : LOAM_IMAGE_MAX_SIDE, free_bytes = (int64_t)loam_memory_available();
    for (;;) {
        LOAM_TRY(loam_image_want_vae(m, h < side ? h : side, w < side ? w : side, err));
        *bytes = loam_net_bytes(&m->vae_net);
        if (r->tile != 0 || (int64_t)*bytes < free_bytes || side <= LOAM_IMAGE_TILE / 2)
            return LOAM_OK;
        side = side > 4 * LOAM_IMAGE_TILE ? 4 * LOAM_IMAGE_TILE : side / 2;
        *tile = (int)side;
    }
}

/* Plans what the request needs, and refuses it when that cannot fit. */
static loam_status plan(loam_image_model *m, const loam_image_request *r, int width, int height, int64_t n_text,
                        int *tile, size_t *bytes, loam_err *err)
{
    int64_t h = height / m->info.multiple, w = width / m->info.multiple;
    size_t decoder;
    loam_image_key k = {r->guidance != 1.0f ? 2 : 1, h, w, n_text};
    LOAM_TRY(loam_image_want_unet(m, k, err));
    LOAM_TRY(fit_decoder(m, r, h, w, tile, &decoder, err));
    size_t unet = loam_net_bytes(&m->unet_net), need = unet > decoder ? unet : decoder;
    size_t have = loam_memory_available();
    *bytes = unet + decoder;
    if (need > have)
        LOAM_FAIL(err, TOO_LARGE,
                  "a picture of %d x %d needs %.1f GB beside the model, and %.1f GB are free: take a smaller size",
                  width, height, (double)need * 1e-9, (double)have * 1e-9);
    return LOAM_OK;
}

loam_status loam_image_estimate(loam_image_model *m, const loam_image_request *request, size_t *bytes, loam_err *err)
{
    loam_image_request r = *request;
    int tile;
    LOAM_TRY(settle(m, &r, err));
    int width = r.hires > 1 ? hires_side(m, r.width, r.hires) : r.width;
    int height = r.hires > 1 ? hires_side(m, r.height, r.hires) : r.height;
    return plan(m, &r, width, height, LOAM_PROMPT_CHUNK, &tile, bytes, err);
}

/* ---- the loop ---- */

/* One pass from noise, or from a latent, to n latents. */
typedef struct pass {
    const loam_image_request *r;
    const loam_image_watch *watch;
    const loam_image_text *text;
    int64_t h, w;
    int steps;
    double strength;
    const float *start, *mask; /* [n][c][h][w], or NULL */
    loam_noise *generators;
    const char *stage;
} pass;

static loam_status evaluate(loam_image_model *m, const pass *p, const loam_diffuse_input *in, size_t n, float *pair,
                            float *out, loam_err *err)
{
    const bool guided = p->text->uncond != NULL;
    const size_t context = (size_t)(p->text->n_rows * m->unet.context), added = (size_t)m->unet.added;
    float *text = pair + 4 * n, *more = text + 2 * context; /* pair: inputs [2][n], outputs [2][n], text, added */
    memcpy(text, p->text->cond, context * sizeof *text);
    if (guided)
        memcpy(text + context, p->text->uncond, context * sizeof *text);
    if (p->text->cond_added)
        memcpy(more, p->text->cond_added, added * sizeof *more);
    if (guided && p->text->uncond_added)
        memcpy(more + added, p->text->uncond_added, added * sizeof *more);
    for (int i = 0; i < p->r->n; i++) {
        LOAM_TRY(loam_image_check_cancelled(p->watch, err));
        memcpy(pair, in->x + (size_t)i * n, n * sizeof *pair);
        memcpy(pair + n, in->x + (size_t)i * n, n * sizeof *pair);
        loam_unet_input input = {
            .latent = pair, .timestep = (float)in->t, .text = text, .added = more, .guidance = p->r->guidance - 1.0f};
        LOAM_TRY(loam_unet_run(&m->unet_net, &m->unet, &input, pair + 2 * n, err));
        float *cond = pair + 2 * n;
        if (guided)
            loam_diffuse_guide(cond, cond + n, (double)p->r->guidance, 0, 1, n, out + (size_t)i * n);
        else
            memcpy(out + (size_t)i * n, cond, n * sizeof *out);
    }
    return LOAM_OK;
}

static loam_status show_preview(loam_image_model *m, const pass *p, const loam_diffuse *d, size_t n, int step,
                                loam_err *err)
{
    const loam_image_watch *w = p->watch;
    const float *latent = loam_diffuse_denoised(d);
    for (int i = 0; i < p->r->n && latent; i++) {
        loam_image_rgb picture;
        LOAM_TRY(loam_image_preview(m, latent + (size_t)i * n, p->h, p->w, &picture, err));
        w->preview(w->ctx, &picture, i, step);
        free(picture.pixels);
    }
    return LOAM_OK;
}

static loam_status walk(loam_image_model *m, const pass *p, loam_diffuse *d, size_t n, float *buffer, loam_err *err)
{
    loam_diffuse_input in;
    float *out = buffer + 4 * n + 2 * (size_t)(p->text->n_rows * m->unet.context) + 2 * (size_t)m->unet.added;
    int shown = 0;
    while (loam_diffuse_next(d, &in)) {
        loam_image_tell(p->watch, p->stage, in.n_evals, in.n_total);
        LOAM_TRY(evaluate(m, p, &in, n, buffer, out, err));
        LOAM_TRY(loam_diffuse_give(d, out, err));
        const loam_image_watch *w = p->watch;
        if (w && w->preview && w->preview_every > 0 && in.step + 1 - shown >= w->preview_every &&
            in.step + 1 < in.n_steps) {
            LOAM_TRY(show_preview(m, p, d, n, in.step + 1, err));
            shown = in.step + 1;
        }
    }
    loam_image_tell(p->watch, p->stage, in.n_total, in.n_total);
    return LOAM_OK;
}

/* latents [n][c][h][w] get the result. */
static loam_status run_pass(loam_image_model *m, const pass *p, float *latents, loam_err *err)
{
    const loam_image_request *r = p->r;
    const size_t n = (size_t)(m->unet.out_channels * p->h * p->w);
    loam_sigmas sigmas = {0};
    loam_schedule schedule = r->n_sigmas                         ? LOAM_SCHEDULE_CUSTOM
                             : r->schedule == LOAM_SCHEDULE_AUTO ? loam_schedule_default(r->sampler, &m->levels)
                                                                 : r->schedule;
    loam_sigmas_options so = {.schedule = schedule,
                              .n_steps = r->n_sigmas ? r->n_sigmas : p->steps,
                              .strength = p->strength,
                              .steps_offset = m->steps_offset,
                              .sigmas = r->sigmas,
                              .n_custom = r->n_sigmas};
    LOAM_TRY(loam_sigmas_new(&m->levels, &so, &sigmas, err));
    loam_diffuse_options o = loam_diffuse_defaults();
    o.sampler = r->sampler;
    o.levels = &m->levels;
    o.sigmas = &sigmas;
    o.n_images = r->n;
    o.n = n;
    o.seed = r->seed;
    o.source = r->noise_cuda ? LOAM_NOISE_CUDA : LOAM_NOISE_CPU;
    o.generators = p->generators;
    o.eta = r->eta;
    o.start = p->start;
    o.mask = p->mask;
    o.known = p->mask ? p->start : NULL;
    loam_diffuse *d = NULL;
    float *buffer = NULL;
    loam_status st = loam_diffuse_new(&o, &d, err);
    if (st == LOAM_OK) {
        size_t floats =
            4 * n + 2 * (size_t)(p->text->n_rows * m->unet.context) + 2 * (size_t)m->unet.added + (size_t)r->n * n;
        buffer = malloc(floats * sizeof *buffer);
        if (!buffer) {
            loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %d latents", r->n);
            st = LOAM_STATUS_NO_MEMORY;
        }
    }
    if (st == LOAM_OK)
        st = walk(m, p, d, n, buffer, err);
    if (st == LOAM_OK)
        memcpy(latents, loam_diffuse_latent(d), (size_t)r->n * n * sizeof *latents);
    free(buffer);
    loam_diffuse_free(d);
    loam_sigmas_free(&sigmas);
    return st;
}

/* Latents of pictures to start from, drawn from what the encoder says with each picture's generator. pictures [n] (or
 * one for all when `same`). */
static loam_status start_latents(loam_image_model *m, const loam_image_rgb *pictures, bool same, int n_images,
                                 loam_noise *generators, float *out, loam_err *err)
{
    int64_t f = m->vae.factor, hw = pictures->height / f * (pictures->width / f), c = m->vae.latent;
    float *moments = malloc((size_t)(3 * c * hw) * sizeof *moments);
    if (!moments)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a latent");
    float *noise = moments + 2 * c * hw;
    loam_status st = LOAM_OK;
    for (int i = 0; i < n_images && st == LOAM_OK; i++) {
        if (i == 0 || !same)
            st = loam_image_encode(m, &pictures[same ? 0 : i], moments, err);
        if (st != LOAM_OK)
            break;
        loam_noise_normal(&generators[i], noise, (size_t)(c * hw));
        for (int64_t j = 0; j < c * hw; j++) {
            float log_var = fminf(fmaxf(moments[c * hw + j], -30.0f), 20.0f);
            out[i * c * hw + j] = (moments[j] + expf(0.5f * log_var) * noise[j] - m->vae.shift) * m->vae.scale;
        }
    }
    free(moments);
    return st;
}

/* The mask at the latent's size, [n][c][h][w]: the pixel in the corner of each position decides, as in diffusers. */
static void spread_mask(const loam_image_model *m, const loam_image_request *r, float *out)
{
    int64_t f = m->vae.factor, h = r->height / f, w = r->width / f, planes = r->n * m->unet.out_channels;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            float v = r->mask[y * f * r->width + x * f] >= 128 ? 1.0f : 0.0f;
            for (int64_t p = 0; p < planes; p++)
                out[(p * h + y) * w + x] = v;
        }
}

/* Outside the mask the picture stays as it was, to the byte. */
static void keep_outside(const loam_image_request *r, loam_image_rgb *picture)
{
    for (int64_t i = 0; i < (int64_t)r->width * r->height; i++)
        for (int j = 0; j < 3; j++) {
            int a = r->start->pixels[i * 3 + j], b = picture->pixels[i * 3 + j], k = r->mask[i];
            picture->pixels[i * 3 + j] = (uint8_t)((a * (255 - k) + b * k + 127) / 255);
        }
}

static loam_status decode_all(loam_image_model *m, const loam_image_request *r, const loam_image_watch *watch,
                              const float *latents, int64_t h, int64_t w, int tile, loam_image_rgb *pictures,
                              loam_err *err)
{
    size_t n = (size_t)(m->unet.out_channels * h * w);
    for (int i = 0; i < r->n; i++) {
        loam_image_tell(watch, "decode", i, r->n);
        LOAM_TRY(loam_image_check_cancelled(watch, err));
        LOAM_TRY(loam_image_decode(m, latents + (size_t)i * n, h, w, tile, r->quick_decode, NULL, &pictures[i], err));
    }
    loam_image_tell(watch, "decode", r->n, r->n);
    return LOAM_OK;
}

/* Pictures of the first pass, enlarged and worked over. */
static loam_status enlarge(loam_image_model *m, const loam_image_request *r, pass *p, loam_image_rgb *pictures,
                           float **latents, int *tile, loam_err *err)
{
    int width = hires_side(m, r->width, r->hires), height = hires_side(m, r->height, r->hires);
    size_t bytes;
    for (int i = 0; i < r->n; i++) {
        loam_image_rgb large;
        LOAM_TRY(loam_image_resize(&pictures[i], width, height, &large, err));
        free(pictures[i].pixels);
        pictures[i] = large;
        loam_noise_init(&p->generators[i], r->noise_cuda ? LOAM_NOISE_CUDA : LOAM_NOISE_CPU, r->seed + (uint64_t)i);
    }
    p->h = height / m->info.multiple;
    p->w = width / m->info.multiple;
    size_t n = (size_t)(m->unet.out_channels * p->h * p->w);
    float *more = realloc(*latents, 2 * (size_t)r->n * n * sizeof *more);
    if (!more)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %d latents", r->n);
    *latents = more;
    float *start = more + (size_t)r->n * n;
    LOAM_TRY(start_latents(m, pictures, false, r->n, p->generators, start, err));
    LOAM_TRY(plan(m, r, width, height, p->text->n_rows, tile, &bytes, err));
    p->start = start;
    p->mask = NULL;
    p->steps = r->hires_steps > 0 ? r->hires_steps : r->steps;
    p->strength = (double)r->hires_strength;
    p->stage = "hires";
    LOAM_TRY(run_pass(m, p, more, err));
    for (int i = 0; i < r->n; i++) {
        free(pictures[i].pixels);
        pictures[i].pixels = NULL;
    }
    return LOAM_OK;
}

static loam_status generate(loam_image_model *m, const loam_image_request *r, const loam_image_watch *watch,
                            loam_image_text *text, loam_noise *generators, float **latents, loam_image_result *out,
                            loam_err *err)
{
    double t0 = loam_clock_s();
    int tile = 0;
    size_t bytes;
    loam_image_tell(watch, "text", 0, 1);
    LOAM_TRY(loam_image_use_loras(m, r, err));
    LOAM_TRY(loam_image_encode_text(m, r, r->width, r->height, text, err));
    LOAM_TRY(plan(m, r, r->width, r->height, text->n_rows, &tile, &bytes, err));
    out->text_s = loam_clock_s() - t0;
    pass p = {.r = r,
              .watch = watch,
              .text = text,
              .h = r->height / m->info.multiple,
              .w = r->width / m->info.multiple,
              .steps = r->steps,
              .generators = generators,
              .stage = "steps"};
    const size_t n = (size_t)(m->unet.out_channels * p.h * p.w), all = (size_t)r->n * n;
    *latents = malloc(3 * all * sizeof **latents); /* the result, the start, the mask */
    if (!*latents)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %d latents", r->n);
    for (int i = 0; i < r->n; i++)
        loam_noise_init(&generators[i], r->noise_cuda ? LOAM_NOISE_CUDA : LOAM_NOISE_CPU, r->seed + (uint64_t)i);
    if (r->start) {
        p.start = *latents + all;
        p.strength = (double)r->strength;
        LOAM_TRY(start_latents(m, r->start, true, r->n, generators, *latents + all, err));
        if (r->mask) {
            p.mask = *latents + 2 * all;
            spread_mask(m, r, *latents + 2 * all);
        }
    }
    t0 = loam_clock_s();
    LOAM_TRY(run_pass(m, &p, *latents, err));
    out->steps_s = loam_clock_s() - t0;
    t0 = loam_clock_s();
    LOAM_TRY(decode_all(m, r, watch, *latents, p.h, p.w, tile, out->pictures, err));
    if (r->hires > 1) {
        double t1 = loam_clock_s();
        LOAM_TRY(enlarge(m, r, &p, out->pictures, latents, &tile, err));
        out->steps_s += loam_clock_s() - t1;
        t0 = loam_clock_s();
        LOAM_TRY(decode_all(m, r, watch, *latents, p.h, p.w, tile, out->pictures, err));
    } else if (r->mask) {
        for (int i = 0; i < r->n; i++)
            keep_outside(r, &out->pictures[i]);
    }
    out->decode_s = loam_clock_s() - t0;
    return LOAM_OK;
}

loam_status loam_image_generate(loam_image_model *m, const loam_image_request *request, const loam_image_watch *watch,
                                loam_image_result *out, loam_err *err)
{
    loam_image_request r = *request;
    loam_image_text text = {0};
    float *latents = NULL;
    *out = (loam_image_result){0};
    LOAM_TRY(settle(m, &r, err));
    loam_noise *generators = calloc((size_t)r.n, sizeof *generators);
    out->pictures = calloc((size_t)r.n, sizeof *out->pictures);
    out->n = r.n;
    loam_status st;
    if (generators && out->pictures) {
        st = generate(m, &r, watch, &text, generators, &latents, out, err);
    } else {
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for %d pictures", r.n);
        st = LOAM_STATUS_NO_MEMORY;
    }
    m->info.weight_bytes = loam_weight_store_bytes(m->store);
    loam_image_text_free(&text);
    free(latents);
    free(generators);
    if (st != LOAM_OK)
        loam_image_result_free(out);
    return st;
}

void loam_image_result_free(loam_image_result *r)
{
    for (int i = 0; r->pictures && i < r->n; i++)
        free(r->pictures[i].pixels);
    free(r->pictures);
    *r = (loam_image_result){0};
}
