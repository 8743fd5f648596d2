/* The stages of pictures: text encoders, UNet, the VAE's decoder and TAESD. */
#include <stdlib.h>
#include <string.h>

#include "gen/bench_int.h"
#include "model/clip.h"
#include "model/taesd.h"
#include "model/vae.h"

enum { TEXT_ROWS = 77 };

/* ---- text encoders ---- */

typedef struct text_run {
    const loam_clip_params *p;
    loam_net net;
    int32_t *tokens;
} text_run;

static loam_status run_text(void *arg, loam_err *err)
{
    text_run *r = arg;
    return loam_clip_run(&r->net, r->p, r->tokens, err);
}

static loam_status measure_encoder(loam_bench_work *b, const char *part, bool xl, loam_err *err)
{
    loam_clip_params p;
    LOAM_TRY(loam_clip_read(b->weights, part, &p, err));
    loam_bench_stage *s = loam_bench_stage_add(b, "text", (int)b->n, "%s, %lld layers of %lld",
                                               strcmp(part, "text_encoder") == 0 ? "text encoder" : "text encoder 2",
                                               (long long)p.n_layers, (long long)p.width);
    text_run r = {.p = &p, .tokens = calloc((size_t)p.n_ctx, sizeof *r.tokens)};
    if (!s || !r.tokens) {
        free(r.tokens);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a prompt");
    }
    for (int64_t i = 0; i < p.n_ctx; i++)
        r.tokens[i] = (int32_t)(i * 613 % p.n_vocab);
    bool second = strcmp(part, "text_encoder_2") == 0;
    loam_status st = loam_clip_net(b->store, &p, 1, xl ? 1 : 0, !xl, second && p.projection > 0, &r.net, err);
    if (st == LOAM_OK) {
        st = loam_bench_measure(b, &r.net, run_text, &r, s, err);
        loam_net_free(&r.net);
    }
    free(r.tokens);
    return st;
}

loam_status loam_bench_clip_text(loam_bench_work *b, loam_err *err)
{
    bool xl = loam_weights_get_family(b->weights) == LOAM_WEIGHTS_SDXL;
    if (!loam_bench_wants(b, "text"))
        return LOAM_OK;
    LOAM_TRY(measure_encoder(b, "text_encoder", xl, err));
    return xl ? measure_encoder(b, "text_encoder_2", xl, err) : LOAM_OK;
}

/* ---- UNet ---- */

typedef struct unet_run {
    loam_unet_params p;
    loam_net net;
    loam_unet_input in;
    float *out;
} unet_run;

static loam_status run_unet(void *arg, loam_err *err)
{
    unet_run *r = arg;
    return loam_unet_run(&r->net, &r->p, &r->in, r->out, err);
}

/* Input and output numbers in one piece; *room is the caller's also after a failure. */
static loam_status ready_unet(const loam_bench_work *b, int64_t positions, unet_run *r, float **room, loam_err *err)
{
    const loam_unet_params *p = &r->p;
    size_t latent = (size_t)(b->n * positions * p->in_channels), out = (size_t)(b->n * positions * p->out_channels);
    size_t text = (size_t)(b->n * TEXT_ROWS * p->context), added = (size_t)(b->n * p->added);
    *room = loam_bench_noise(latent + text + added + out, err);
    if (!*room)
        return LOAM_STATUS_NO_MEMORY;
    r->in = (loam_unet_input){.latent = *room,
                              .timestep = 500,
                              .text = *room + latent,
                              .added = added ? *room + latent + text : NULL,
                              .guidance = 6};
    r->out = *room + latent + text + added;
    return LOAM_OK;
}

loam_status loam_bench_unet(loam_bench_work *b, int64_t frames, loam_err *err)
{
    unet_run r = {0};
    float *room = NULL;
    if (!loam_bench_wants(b, "step"))
        return LOAM_OK;
    const int64_t h = b->out->height / 8, w = b->out->width / 8;
    LOAM_TRY(loam_unet_read(b->weights, &r.p, err));
    loam_bench_stage *s = frames ? loam_bench_stage_add(b, "step", b->out->steps,
                                                        "UNet with motion modules, %d x %lld latents of %lld x %lld",
                                                        (int)b->n, (long long)frames, (long long)w, (long long)h)
                                 : loam_bench_stage_add(b, "step", b->out->steps, "UNet, %d latent%s of %lld x %lld",
                                                        (int)b->n, b->n == 1 ? "" : "s", (long long)w, (long long)h);
    if (!s)
        LOAM_FAIL(err, INTERNAL, "too many stages");
    loam_status st = frames ? loam_unet_motion_net(b->store, &r.p, b->n, frames, h, w, TEXT_ROWS, &r.net, err)
                            : loam_unet_net(b->store, &r.p, b->n, h, w, TEXT_ROWS, &r.net, err);
    if (st != LOAM_OK)
        return st;
    st = ready_unet(b, (frames ? frames : 1) * h * w, &r, &room, err);
    if (st == LOAM_OK)
        st = loam_bench_measure(b, &r.net, run_unet, &r, s, err);
    free(room);
    loam_net_free(&r.net);
    return st;
}

/* ---- decoders ---- */

static loam_status measure_decoder(loam_bench_work *b, loam_net *net, int64_t numbers, loam_bench_stage *s,
                                   loam_err *err)
{
    loam_bench_fill(loam_net_in(net, 0), (size_t)numbers);
    loam_status st = loam_bench_measure_net(b, net, s, err);
    loam_net_free(net);
    return st;
}

loam_status loam_bench_pixels(loam_bench_work *b, loam_err *err)
{
    const int times = b->out->frames ? b->out->frames : 1;
    const int64_t h = b->out->height / 8, w = b->out->width / 8;
    bool tiny = loam_taesd_is(b->weights, "vae");
    const char *quick = loam_taesd_is(b->weights, "taesd") ? "taesd" : tiny ? "vae" : NULL;
    loam_vae_params vae;
    loam_net net;
    if (loam_bench_wants(b, "pixels") && !tiny) {
        LOAM_TRY(loam_vae_read(b->weights, &vae, err));
        loam_bench_stage *s =
            loam_bench_stage_add(b, "pixels", times, "VAE decoder, %d x %d pixels", b->out->width, b->out->height);
        if (!s)
            LOAM_FAIL(err, INTERNAL, "too many stages");
        LOAM_TRY(loam_vae_decoder_net(b->store, &vae, 1, h, w, &net, err));
        LOAM_TRY(measure_decoder(b, &net, h * w * vae.latent, s, err));
    }
    if (!loam_bench_wants(b, "quick") || !quick)
        return LOAM_OK;
    loam_bench_stage *s =
        loam_bench_stage_add(b, "quick", times, "TAESD, %d x %d pixels", b->out->width, b->out->height);
    if (!s)
        LOAM_FAIL(err, INTERNAL, "too many stages");
    LOAM_TRY(loam_taesd_net(b->store, quick, 1, h, w, &net, err));
    return measure_decoder(b, &net, h * w * 4, s, err);
}

/* ---- all ---- */

static loam_status measure(loam_bench_work *b, loam_err *err)
{
    const loam_bench_making_options *o = b->o;
    loam_weights_family family = loam_weights_get_family(b->weights);
    if (family != LOAM_WEIGHTS_SD15 && family != LOAM_WEIGHTS_SDXL)
        LOAM_FAIL(err, UNSUPPORTED, "%s: %s", o->model,
                  family == LOAM_WEIGHTS_WAN_T2V ? "this model makes clips: use `loam bench video`"
                                                 : "it is no whole picture model");
    int side = family == LOAM_WEIGHTS_SDXL ? 1024 : 512;
    b->out->family = family == LOAM_WEIGHTS_SDXL ? "SDXL" : "Stable Diffusion 1.5";
    b->out->steps = o->steps ? o->steps : 20;
    b->out->width = o->width ? o->width : side;
    b->out->height = o->height ? o->height : side;
    if (b->out->width < 8 || b->out->height < 8 || b->out->width % 8 || b->out->height % 8)
        LOAM_FAIL(err, INVALID, "%d x %d: sides are multiples of 8", b->out->width, b->out->height);
    LOAM_TRY(loam_bench_clip_text(b, err));
    LOAM_TRY(loam_bench_unet(b, 0, err));
    return loam_bench_pixels(b, err);
}

loam_status loam_bench_image(const loam_bench_making_options *o, loam_bench_progress_fn progress, void *arg,
                             loam_bench_making *out, loam_err *err)
{
    *out = (loam_bench_making){0};
    loam_bench_work b = {.o = o, .progress = progress, .arg = arg, .out = out};
    loam_status st = loam_bench_work_open(&b, err);
    if (st == LOAM_OK)
        st = measure(&b, err);
    loam_bench_work_close(&b);
    return st;
}
