/* The stages of clips: AnimateDiff's are those of pictures; Wan's are UMT5, the keys of the text, the transformer, the
 * decoders with their first frame and the further ones. */
#include <stdlib.h>
#include <string.h>

#include "gen/bench_int.h"
#include "graph/work.h"
#include "model/taehv.h"
#include "model/umt5.h"
#include "model/wan.h"
#include "model/wan_vae.h"

static loam_status too_many(loam_err *err)
{
    LOAM_FAIL(err, INTERNAL, "too many stages");
}

/* ---- text ---- */

typedef struct text_run {
    const loam_bench_work *b;
    loam_umt5_params p;
    loam_umt5_prompt prompt;
} text_run;

static loam_status run_text(void *arg, loam_err *err)
{
    text_run *r = arg;
    return loam_umt5_encode_streamed(r->b->api, r->b->device, r->b->weights, r->b->type, &r->p, &r->prompt, 1,
                                     r->prompt.n, err);
}

/* Work of all layers, from that of the first and of another. */
static loam_status count_text(const loam_bench_work *b, const loam_umt5_params *p, int64_t n, loam_work *out,
                              loam_err *err)
{
    loam_weight_store *store;
    loam_net net;
    LOAM_TRY(loam_weight_store_new(b->api, b->device, b->weights, b->type, &store, err));
    *out = (loam_work){0};
    loam_status st = LOAM_OK;
    for (int layer = 0; layer < 2 && layer < p->n_layers && st == LOAM_OK; layer++) {
        st = loam_umt5_net(store, p, n, layer, layer + 1, &net, err);
        if (st != LOAM_OK)
            break;
        loam_work w = loam_work_total(loam_graph_get_plan(net.g), &(loam_step){.n_tokens = net.n_tokens});
        out->ops += w.ops * (layer ? p->n_layers - 1 : 1);
        out->bytes += w.bytes * (layer ? p->n_layers - 1 : 1);
        loam_net_free(&net);
    }
    loam_weight_store_free(store);
    return st;
}

static loam_status measure_text(loam_bench_work *b, loam_err *err)
{
    enum { TOKENS = 64 }; /* of a prompt of two sentences */
    text_run r = {.b = b};
    int32_t tokens[TOKENS];
    loam_work work;
    LOAM_TRY(loam_umt5_read(b->weights, "text_encoder", &r.p, err));
    loam_bench_stage *s =
        loam_bench_stage_add(b, "text", (int)b->n, "text encoder, %d tokens, a layer at a time", TOKENS);
    if (!s)
        return too_many(err);
    for (int i = 0; i < TOKENS; i++)
        tokens[i] = (int32_t)(i * 613 % r.p.n_vocab);
    r.prompt = (loam_umt5_prompt){.tokens = tokens, .n = TOKENS};
    r.prompt.out = loam_bench_noise((size_t)(TOKENS * r.p.width), err);
    if (!r.prompt.out)
        return LOAM_STATUS_NO_MEMORY;
    loam_status st = loam_bench_measure(b, NULL, run_text, &r, s, err);
    if (st == LOAM_OK)
        st = count_text(b, &r.p, TOKENS, &work, err);
    if (st == LOAM_OK)
        s->ops = work.ops, s->bytes = work.bytes;
    free(r.prompt.out);
    return st;
}

/* ---- transformer ---- */

typedef struct wan_run {
    loam_weight_store *store;
    loam_wan m;
    loam_wan_input in;
    float *text, *out;
} wan_run;

static loam_status run_keys(void *arg, loam_err *err)
{
    wan_run *r = arg;
    return loam_wan_text(r->store, &r->m.p, r->m.n, r->m.n_text, r->text, loam_wan_text_place(&r->m), err);
}

static loam_status run_wan(void *arg, loam_err *err)
{
    wan_run *r = arg;
    return loam_wan_run(&r->m, &r->in, r->out, err);
}

static loam_status measure_keys(loam_bench_work *b, wan_run *r, loam_err *err)
{
    enum { TOKENS = 64 };
    const loam_wan_params *p = &r->m.p;
    size_t one = (size_t)(p->n_text * p->text_width);
    int64_t given = p->n_text < TOKENS ? p->n_text : TOKENS, rows = b->n * (given < p->n_text ? given + 1 : given);
    loam_bench_stage *s = loam_bench_stage_add(b, "text", 1, "keys and values of the text");
    if (!s)
        return too_many(err);
    r->text = calloc((size_t)b->n * one, sizeof *r->text);
    if (!r->text)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a text");
    for (int64_t i = 0; i < b->n; i++)
        loam_bench_fill(r->text + (size_t)i * one, (size_t)(given * p->text_width));
    s->ops = 2.0 * (double)rows * (double)p->width *
             ((double)(p->text_width + p->width) + 2.0 * p->n_layers * (double)p->width);
    return loam_bench_measure(b, NULL, run_keys, r, s, err);
}

static loam_status measure_step(loam_bench_work *b, wan_run *r, loam_err *err)
{
    const loam_wan *m = &r->m;
    size_t positions = (size_t)(m->n * m->f * m->h * m->w), in = positions * (size_t)m->p.in_channels;
    loam_bench_stage *s =
        loam_bench_stage_add(b, "step", b->out->steps, "transformer, %d x %lld latents of %lld x %lld", (int)b->n,
                             (long long)m->f, (long long)m->w, (long long)m->h);
    if (!s)
        return too_many(err);
    float *room = loam_bench_noise(in + positions * (size_t)m->p.out_channels, err);
    if (!room)
        return LOAM_STATUS_NO_MEMORY;
    loam_bench_fill(loam_wan_text_place(&r->m), loam_wan_text_floats(&m->p, m->n, m->n_text));
    r->in = (loam_wan_input){.latent = room, .timestep = 500};
    r->out = room + in;
    loam_status st = loam_bench_measure(b, &r->m.net, run_wan, r, s, err);
    free(room);
    return st;
}

static loam_status measure_transformer(loam_bench_work *b, int64_t f, int64_t h, int64_t w, loam_err *err)
{
    wan_run r = {.store = b->store};
    loam_wan_params p;
    LOAM_TRY(loam_wan_read(b->weights, &p, err));
    LOAM_TRY(loam_wan_init(&r.m, b->store, &p, b->n, f, h, w, p.n_text, err));
    loam_status st = loam_bench_wants(b, "text") ? measure_keys(b, &r, err) : LOAM_OK;
    if (st == LOAM_OK && loam_bench_wants(b, "step"))
        st = measure_step(b, &r, err);
    free(r.text);
    loam_wan_deinit(&r.m);
    return st;
}

/* ---- decoders ---- */

typedef struct decode_run {
    loam_wan_vae *vae; /* or */
    loam_taehv *taehv;
    float *latent, *pixels;
} decode_run;

static loam_status run_vae(void *arg, loam_err *err)
{
    decode_run *r = arg;
    return loam_wan_vae_decode_step(r->vae, r->latent, r->pixels, err);
}

static loam_status run_taehv(void *arg, loam_err *err)
{
    decode_run *r = arg;
    return loam_taehv_decode_step(r->taehv, r->latent, r->pixels, err);
}

/* Numbers for `steps` frames of latents and the frames that one step makes. */
static loam_status ready_decode(decode_run *r, int64_t channels, int64_t steps, int64_t positions, int64_t pixels,
                                float **room, loam_err *err)
{
    size_t latent = (size_t)(channels * steps * positions);
    *room = loam_bench_noise(latent + (size_t)pixels, err);
    if (!*room)
        return LOAM_STATUS_NO_MEMORY;
    r->latent = *room;
    r->pixels = *room + latent;
    return LOAM_OK;
}

static loam_status measure_vae(loam_bench_work *b, int64_t f, int64_t h, int64_t w, loam_err *err)
{
    const int64_t steps = b->o->repeats + 2; /* the first makes the net of the others */
    loam_wan_vae_params p;
    loam_wan_vae v;
    float *room = NULL;
    LOAM_TRY(loam_wan_vae_read(b->weights, &p, err));
    LOAM_TRY(loam_wan_vae_begin(&v, b->store, &p, false, steps, h, w, err));
    decode_run r = {.vae = &v};
    loam_status st = ready_decode(&r, p.latent, steps, h * w, h * w * p.factor * p.factor * p.factor_t * 3, &room, err);
    loam_bench_stage *s =
        loam_bench_stage_add(b, "pixels", 1, "VAE decoder, first frame of %d x %d", b->out->width, b->out->height);
    if (!s)
        st = too_many(err);
    if (st == LOAM_OK) {
        loam_bench_fill(loam_net_in(&v.net, 0), (size_t)(h * w * p.latent));
        st = loam_bench_measure_net(b, &v.net, s, err);
    }
    if (st == LOAM_OK && f > 1) {
        s = loam_bench_stage_add(b, "pixels", (int)f - 1, "VAE decoder, %d further frames", (int)p.factor_t);
        st = s ? run_vae(&r, err) : too_many(err);
        if (st == LOAM_OK)
            st = loam_bench_measure(b, &v.net, run_vae, &r, s, err);
    }
    free(room);
    loam_wan_vae_end(&v);
    return st;
}

static loam_status measure_taehv(loam_bench_work *b, int64_t f, int64_t h, int64_t w, loam_err *err)
{
    const int64_t steps = b->o->repeats + 1;
    loam_taehv_params p;
    loam_taehv v;
    float *room = NULL;
    LOAM_TRY(loam_taehv_read(b->weights, &p, err));
    LOAM_TRY(loam_taehv_begin(&v, b->store, &p, false, steps, h, w, err));
    decode_run r = {.taehv = &v};
    loam_status st = ready_decode(&r, p.latent, steps, h * w, h * w * p.factor * p.factor * p.factor_t * 3, &room, err);
    loam_bench_stage *s = loam_bench_stage_add(b, "quick", (int)f, "TAEHV, %d frames of %d x %d", (int)p.factor_t,
                                               b->out->width, b->out->height);
    if (!s)
        st = too_many(err);
    if (st == LOAM_OK)
        st = loam_bench_measure(b, &v.net, run_taehv, &r, s, err);
    free(room);
    loam_taehv_end(&v);
    return st;
}

/* ---- all ---- */

static loam_status measure_wan(loam_bench_work *b, loam_err *err)
{
    loam_bench_making *out = b->out;
    out->family = "Wan 2.1";
    out->steps = b->o->steps ? b->o->steps : 30;
    out->frames = b->o->frames ? b->o->frames : 33;
    out->width = b->o->width ? b->o->width : 832;
    out->height = b->o->height ? b->o->height : 480;
    if (out->width % 16 || out->height % 16 || out->width < 16 || out->height < 16 || out->frames < 1 ||
        out->frames % 4 != 1)
        LOAM_FAIL(err, INVALID, "%d frames of %d x %d: Wan's sides are multiples of 16, its frames 1, 5, 9, …",
                  out->frames, out->width, out->height);
    const int64_t f = (out->frames - 1) / 4 + 1, h = out->height / 8, w = out->width / 8;
    if (loam_weights_has(b->weights, "text_encoder.") && loam_bench_wants(b, "text"))
        LOAM_TRY(measure_text(b, err));
    if (loam_bench_wants(b, "text") || loam_bench_wants(b, "step"))
        LOAM_TRY(measure_transformer(b, f, h, w, err));
    if (loam_weights_has(b->weights, "vae.") && loam_bench_wants(b, "pixels"))
        LOAM_TRY(measure_vae(b, f, h, w, err));
    if (loam_taehv_is(b->weights) && loam_bench_wants(b, "quick"))
        LOAM_TRY(measure_taehv(b, f, h, w, err));
    return LOAM_OK;
}

static loam_status measure_motion(loam_bench_work *b, loam_err *err)
{
    loam_bench_making *out = b->out;
    if (!loam_weights_has(b->weights, "motion."))
        LOAM_FAIL(err, INVALID,
                  "%s makes pictures; to make clips it wants AnimateDiff's motion modules: give their file "
                  "with --motion, or use `loam bench image`",
                  b->o->model);
    out->family = "AnimateDiff on Stable Diffusion 1.5";
    out->steps = b->o->steps ? b->o->steps : 25;
    out->frames = b->o->frames ? b->o->frames : 16;
    out->width = b->o->width ? b->o->width : 512;
    out->height = b->o->height ? b->o->height : 512;
    if (out->width < 8 || out->height < 8 || out->width % 8 || out->height % 8)
        LOAM_FAIL(err, INVALID, "%d x %d: sides are multiples of 8", out->width, out->height);
    LOAM_TRY(loam_bench_clip_text(b, err));
    LOAM_TRY(loam_bench_unet(b, out->frames, err));
    return loam_bench_pixels(b, err);
}

static loam_status measure(loam_bench_work *b, loam_err *err)
{
    switch (loam_weights_get_family(b->weights)) {
    case LOAM_WEIGHTS_WAN_T2V:
        return measure_wan(b, err);
    case LOAM_WEIGHTS_SD15:
        return measure_motion(b, err);
    default:
        LOAM_FAIL(err, UNSUPPORTED,
                  "%s: it is no clip model; Loam runs Wan 2.1 text to video, and Stable Diffusion 1.5 "
                  "with motion modules",
                  b->o->model);
    }
}

loam_status loam_bench_video(const loam_bench_making_options *o, loam_bench_progress_fn progress, void *arg,
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
