#include "model/wan_vae.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/config.h"
#include "model/frames.h"

loam_status loam_wan_vae_read(const loam_weights *w, loam_wan_vae_params *out, loam_err *err)
{
    static const float mean[] = {-0.7571f, -0.7089f, -0.9113f, 0.1075f,  -0.1745f, 0.9653f,  -0.1517f, 1.5508f,
                                 0.4134f,  -0.0715f, 0.5517f,  -0.3632f, -0.1922f, -0.9497f, 0.2503f,  -0.2921f};
    static const float deviation[] = {2.8184f, 1.4541f, 2.3275f, 2.6558f, 1.2196f, 1.7708f, 2.6052f, 2.0743f,
                                      3.2687f, 2.1526f, 2.8652f, 1.5579f, 1.6382f, 1.1253f, 2.8251f, 1.9160f};
    enum { LATENT = sizeof mean / sizeof *mean };
    loam_wan_vae_params p = {.factor = 1, .factor_t = 1};
    char name[96];
    if (loam_weights_has(w, "vae.decoder.up_blocks.0.upsampler.") || loam_weights_has(w, "vae.decoder.up_blocks.0.avg"))
        LOAM_FAIL(err, UNSUPPORTED, "%s: this is the VAE of Wan 2.2 5B; Loam runs that of Wan 2.1",
                  loam_weights_path(w));
    const loam_weight_view *in = loam_weights_find(w, "vae.post_quant_conv.weight");
    int levels = loam_weights_count(w, "vae.decoder.up_blocks");
    if (!in || in->n_dims < 2 || levels < 1 || levels > 8 || !loam_weights_has(w, "vae.decoder.mid_block."))
        LOAM_FAIL(err, CORRUPT, "%s: the VAE of clips is missing or incomplete; give one with --vae",
                  loam_weights_path(w));
    p.latent = in->shape[0];
    for (int i = 0; i < levels; i++) {
        snprintf(name, sizeof name, "vae.decoder.up_blocks.%d.upsamplers.0.", i);
        p.factor *= loam_weights_has(w, name) ? 2 : 1;
        snprintf(name, sizeof name, "vae.decoder.up_blocks.%d.upsamplers.0.time_conv.", i);
        p.factor_t *= loam_weights_has(w, name) ? 2 : 1;
    }
    p.has_encoder = loam_weights_has(w, "vae.encoder.");
    if (p.latent < 1 || p.latent > LOAM_WAN_VAE_MAX_LATENT)
        LOAM_FAIL(err, UNSUPPORTED, "%s: the VAE's latents have %lld channels, Loam runs up to %d",
                  loam_weights_path(w), (long long)p.latent, LOAM_WAN_VAE_MAX_LATENT);
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(w, "vae", &c, err));
    for (int i = 0; i < p.latent; i++) {
        p.mean[i] = (float)loam_config_item_f64(c, "latents_mean", i, p.latent == LATENT ? (double)mean[i] : 0);
        p.deviation[i] =
            (float)loam_config_item_f64(c, "latents_std", i, p.latent == LATENT ? (double)deviation[i] : 1);
    }
    loam_config_close(c);
    for (int i = 0; i < p.latent; i++)
        if (!(p.deviation[i] > 0))
            LOAM_FAIL(err, CORRUPT, "%s: the VAE's latents_std has %g, which is not above zero", loam_weights_path(w),
                      (double)p.deviation[i]);
    *out = p;
    return LOAM_OK;
}

void loam_wan_vae_normalise(const loam_wan_vae_params *p, int64_t n, const float *z, float *latent)
{
    for (int64_t i = 0; i < p->latent * n; i++)
        latent[i] = (z[i] - p->mean[i / n]) / p->deviation[i / n];
}

void loam_wan_vae_denormalise(const loam_wan_vae_params *p, int64_t n, const float *latent, float *z)
{
    for (int64_t i = 0; i < p->latent * n; i++)
        z[i] = latent[i] * p->deviation[i / n] + p->mean[i / n];
}

/* What the blocks share. */
typedef struct clip {
    loam_build *b;
    loam_net *net;
    bool first; /* of the clip */
} clip;

static int norm(const clip *k, loam_map x, const char *leaf)
{
    /* x / max(‖x‖, 1e-12) · √C · gamma: the mean of squares has 1/C, the least norm is far below anything */
    return x.id < 0 ? -1 : loam_graph_rms_norm(k->b->g, x.id, loam_build_vector(k->b, leaf, x.c), 1e-24f);
}

/* A convolution over time that looks back: 3 × k × k taps; frames before the clip are zeros. n ≤ 0 as the file has. */
static loam_map causal_conv(const clip *k, loam_map x, const char *leaf, int64_t n, int side)
{
    enum { TAPS = 3 };
    int64_t f = x.f;
    x = loam_frames_carry_in(k->b, k->net, x, TAPS - 1, k->first);
    loam_conv c = {.of = f,
                   .oh = x.h,
                   .ow = x.w,
                   .kt = TAPS,
                   .kh = side,
                   .kw = side,
                   .stride_t = 1,
                   .stride = 1,
                   .pad_t = k->first ? TAPS - 1 : 0,
                   .pad_top = side / 2,
                   .pad_left = side / 2};
    return loam_build_conv_as(k->b, x, leaf, n, &c, true);
}

/* conv(silu(norm(x))) */
static loam_map norm_conv(const clip *k, loam_map x, const char *norm_leaf, const char *conv_leaf, int64_t n)
{
    x.id = norm(k, x, norm_leaf);
    x.id = x.id < 0 ? -1 : loam_graph_unary(k->b->g, LOAM_UNARY_SILU, x.id);
    return causal_conv(k, x, conv_leaf, n, 3);
}

/* Of the residual block below the current prefix. */
static loam_map res_block(const clip *k, loam_map x)
{
    loam_map h = norm_conv(k, x, "norm1.gamma", "conv1", 0);
    h = norm_conv(k, h, "norm2.gamma", "conv2", h.c);
    if (loam_build_has(k->b, "conv_shortcut."))
        x.id = loam_build_linear(k->b, x.id, "conv_shortcut", h.c, LOAM_BIAS_YES);
    h.id = loam_graph_add(k->b->g, h.id, x.id);
    return h;
}

/* One head over the positions of each frame. */
static loam_map attention(const clip *k, loam_map x)
{
    loam_graph *g = k->b->g;
    const int64_t rows = x.f * x.h * x.w;
    int qkv = loam_build_linear(k->b, norm(k, x, "norm.gamma"), "to_qkv", 3 * x.c, LOAM_BIAS_YES);
    if (qkv < 0)
        return (loam_map){.id = -1};
    int part[3];
    for (int i = 0; i < 3; i++)
        part[i] = loam_graph_slice(g, qkv, 0, rows, i * x.c, x.c);
    int h = loam_graph_attend(g, part[0], part[1], part[2], -1, x.f, 1, 1.0f / sqrtf((float)x.c), false);
    x.id = loam_graph_add(g, loam_build_linear(k->b, h, "proj", x.c, LOAM_BIAS_YES), x.id);
    return x;
}

static loam_map scoped(const clip *k, loam_map x, const char *scope_name, loam_map (*build)(const clip *, loam_map))
{
    size_t scope = loam_build_enter(k->b, "%s", scope_name);
    x = build(k, x);
    loam_build_leave(k->b, scope);
    return x;
}

static loam_map middle(const clip *k, loam_map x)
{
    x = scoped(k, x, "resnets.0", res_block);
    if (loam_build_has(k->b, "attentions.0."))
        x = scoped(k, x, "attentions.0", attention);
    return scoped(k, x, "resnets.1", res_block);
}

/* Twice the frames (but for the first frame of the clip, which stays one and which the convolution over time never
 * sees: it finds zeros before the second), then twice the height and width. */
static loam_map up(const clip *k, loam_map x)
{
    if (loam_build_has(k->b, "time_conv.") && k->first)
        loam_frames_carry_nothing(k->net);
    else if (loam_build_has(k->b, "time_conv."))
        x = loam_frames_unfold(k->b, causal_conv(k, x, "time_conv", 2 * x.c, 1), 2);
    return loam_build_conv(k->b, x, "resample.1", 0, 3, LOAM_CONV_UP, -1);
}

/* Half the height and width, then half the frames: but for the first of the clip, each goes with the one before. */
static loam_map down(const clip *k, loam_map x)
{
    x = loam_build_conv(k->b, x, "resample.1", x.c, 3, LOAM_CONV_HALF_END, -1);
    if (!loam_build_has(k->b, "time_conv."))
        return x;
    x = loam_frames_carry_in(k->b, k->net, x, 1, k->first);
    if (k->first || x.id < 0)
        return x;
    loam_conv c = {
        .of = (x.f - 3) / 2 + 1, .oh = x.h, .ow = x.w, .kt = 3, .kh = 1, .kw = 1, .stride_t = 2, .stride = 1};
    return loam_build_conv_as(k->b, x, "time_conv", x.c, &c, true);
}

static bool has(const clip *k, const char *fmt, int i)
{
    char leaf[48];
    snprintf(leaf, sizeof leaf, fmt, i);
    return loam_build_has(k->b, leaf);
}

static loam_map up_level(const clip *k, loam_map x)
{
    char name[32];
    for (int i = 0; has(k, "resnets.%d.", i); i++) {
        snprintf(name, sizeof name, "resnets.%d", i);
        x = scoped(k, x, name, res_block);
    }
    return loam_build_has(k->b, "upsamplers.0.") ? scoped(k, x, "upsamplers.0", up) : x;
}

/* One step of the encoder's list: a residual block, or a halving. */
static loam_map down_step(const clip *k, loam_map x)
{
    return loam_build_has(k->b, "resample.") ? down(k, x) : res_block(k, x);
}

static loam_map decoder(const clip *k, loam_map x)
{
    char name[32];
    x.id = loam_build_linear(k->b, x.id, "post_quant_conv", x.c, LOAM_BIAS_YES);
    loam_build_enter(k->b, "decoder");
    x = causal_conv(k, x, "conv_in", 0, 3);
    x = scoped(k, x, "mid_block", middle);
    for (int i = 0; has(k, "up_blocks.%d.", i); i++) {
        snprintf(name, sizeof name, "up_blocks.%d", i);
        x = scoped(k, x, name, up_level);
    }
    return norm_conv(k, x, "norm_out.gamma", "conv_out", 3);
}

static loam_map encoder(const clip *k, loam_map x, int64_t latent)
{
    char name[32];
    size_t scope = loam_build_enter(k->b, "encoder");
    x = causal_conv(k, x, "conv_in", 0, 3);
    for (int i = 0; has(k, "down_blocks.%d.", i); i++) {
        snprintf(name, sizeof name, "down_blocks.%d", i);
        x = scoped(k, x, name, down_step);
    }
    x = scoped(k, x, "mid_block", middle);
    x = norm_conv(k, x, "norm_out.gamma", "conv_out", 2 * latent);
    loam_build_leave(k->b, scope);
    x.id = loam_build_linear(k->b, x.id, "quant_conv", 2 * latent, LOAM_BIAS_YES);
    return x;
}

/* For the next step. Output 0 is the result; the place is kept for it while what is carried gets the others. */
static loam_status net_for(const loam_wan_vae *v, loam_net *out, loam_err *err)
{
    loam_build b;
    bool first = v->done == 0;
    *out = (loam_net){.n_pictures = loam_wan_vae_frames(v)};
    LOAM_TRY(loam_build_begin(&b, v->store, err));
    loam_build_enter(&b, "vae");
    loam_map x = {.n = 1, .f = 1, .h = v->h, .w = v->w, .c = v->p.latent};
    if (v->encoder)
        x = (loam_map){.n = 1, .f = out->n_pictures, .h = v->h * v->p.factor, .w = v->w * v->p.factor, .c = 3};
    x.id = loam_net_input(&b, out, v->encoder ? "pixels" : "latent", x.f * x.h * x.w, x.c);
    out->out[out->n_out++] = -1;
    clip k = {.b = &b, .net = out, .first = first};
    x = v->encoder ? encoder(&k, x, v->p.latent) : decoder(&k, x);
    if (x.id >= 0)
        loam_graph_output(b.g, x.id);
    out->out[0] = x.id;
    loam_status st;
    if (out->n_in == LOAM_NET_MAX_ENDS || out->n_out == LOAM_NET_MAX_ENDS)
        st = loam_err_set(err, LOAM_STATUS_UNSUPPORTED, __FILE__, __LINE__, "the VAE has more than %d layers over time",
                          LOAM_NET_MAX_ENDS - 2);
    else
        st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    return st;
}

loam_status loam_wan_vae_begin(loam_wan_vae *v, loam_weight_store *store, const loam_wan_vae_params *p, bool encoder,
                               int64_t f, int64_t h, int64_t w, loam_err *err)
{
    enum { MAX_SIDE = 4096 };
    *v = (loam_wan_vae){.store = store, .p = *p, .encoder = encoder, .h = h, .w = w, .f = f};
    if (f < 1 || h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE)
        LOAM_FAIL(err, INVALID, "a clip of %lld latent frames of %lld x %lld: sizes are at least 1, sides at most %d",
                  (long long)f, (long long)w, (long long)h, MAX_SIDE);
    if (encoder && !p->has_encoder)
        LOAM_FAIL(err, UNSUPPORTED,
                  "the VAE has no encoder: clips cannot be taken as a start; give a whole VAE with --vae");
    return net_for(v, &v->net, err);
}

loam_status loam_wan_vae_bytes(loam_weight_store *store, const loam_wan_vae_params *p, bool encoder, int64_t f,
                               int64_t h, int64_t w, size_t *bytes, loam_err *err)
{
    loam_wan_vae v;
    loam_net further;
    LOAM_TRY(loam_wan_vae_begin(&v, store, p, encoder, f, h, w, err));
    *bytes = loam_net_bytes(&v.net);
    loam_wan_vae_end(&v);
    if (f < 2)
        return LOAM_OK;
    v.done = 1;
    LOAM_TRY(net_for(&v, &further, err));
    *bytes += loam_net_bytes(&further); /* both stand while what is carried goes from one to the other */
    loam_net_free(&further);
    return LOAM_OK;
}

void loam_wan_vae_end(loam_wan_vae *v)
{
    loam_net_free(&v->net);
}

int64_t loam_wan_vae_frames(const loam_wan_vae *v)
{
    return v->done == 0 ? 1 : v->p.factor_t;
}

static loam_status step(loam_wan_vae *v, loam_err *err)
{
    if (v->done >= v->f)
        LOAM_FAIL(err, INVALID, "all %lld latent frames are done", (long long)v->f);
    return loam_net_run(&v->net, NULL, NULL, err);
}

/* Readies the next step: the second takes another net, with what the first left. */
static loam_status advance(loam_wan_vae *v, loam_err *err)
{
    v->done++;
    if (v->done == v->f)
        return LOAM_OK;
    if (v->done > 1) {
        loam_frames_carry(&v->net, &v->net);
        return LOAM_OK;
    }
    loam_net next;
    LOAM_TRY(net_for(v, &next, err));
    loam_frames_carry(&v->net, &next);
    loam_net_free(&v->net);
    v->net = next;
    return LOAM_OK;
}

loam_status loam_wan_vae_decode_step(loam_wan_vae *v, const float *z, float *pixels, loam_err *err)
{
    const int64_t hw = v->h * v->w, c = v->p.latent, n = loam_wan_vae_frames(v) * hw * v->p.factor * v->p.factor * 3;
    float *in = loam_net_in(&v->net, 0);
    for (int64_t p = 0; p < hw && v->done < v->f; p++)
        for (int64_t j = 0; j < c; j++)
            in[p * c + j] = z[(j * v->f + v->done) * hw + p];
    LOAM_TRY(step(v, err));
    const float *out = loam_net_out(&v->net, 0);
    for (int64_t i = 0; i < n; i++)
        pixels[i] = out[i] < -1 ? -1 : out[i] > 1 ? 1 : out[i];
    return advance(v, err);
}

loam_status loam_wan_vae_encode_step(loam_wan_vae *v, const float *pixels, float *moments, loam_err *err)
{
    const int64_t hw = v->h * v->w, c = 2 * v->p.latent, n = loam_wan_vae_frames(v) * hw * v->p.factor * v->p.factor;
    if (v->done < v->f)
        memcpy(loam_net_in(&v->net, 0), pixels, (size_t)(n * 3) * sizeof *pixels);
    LOAM_TRY(step(v, err));
    const float *out = loam_net_out(&v->net, 0);
    for (int64_t p = 0; p < hw; p++)
        for (int64_t j = 0; j < c; j++)
            moments[(j * v->f + v->done) * hw + p] = out[p * c + j];
    return advance(v, err);
}
