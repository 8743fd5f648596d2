#include "model/vae.h"

#include <math.h>
#include <stdio.h>

#include "model/config.h"
#include "model/res_block.h"

static const float eps = 1e-6f;

loam_status loam_vae_read(const loam_weights *w, loam_vae_params *out, loam_err *err)
{
    loam_vae_params p = {.groups = 32, .scale = 0.18215f};
    const loam_weight_view *in = loam_weights_find(w, "vae.decoder.conv_in.weight");
    int levels = loam_weights_count(w, "vae.decoder.up_blocks");
    if (!in || in->n_dims != 4 || levels < 1 || levels > 8)
        LOAM_FAIL(err, CORRUPT, "%s: the VAE is missing or incomplete; give one with --vae", loam_weights_path(w));
    p.latent = in->shape[1];
    p.factor = 1 << (levels - 1);
    p.has_encoder = loam_weights_has(w, "vae.encoder.");
    if (loam_weights_has(w, "unet.add_embedding."))
        p.scale = 0.13025f;
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(w, "vae", &c, err));
    p.groups = (int)loam_config_i64(c, "norm_num_groups", p.groups);
    p.scale = (float)loam_config_f64(c, "scaling_factor", (double)p.scale);
    p.shift = (float)loam_config_f64(c, "shift_factor", 0);
    loam_config_close(c);
    *out = p;
    return LOAM_OK;
}

static loam_map res_block(loam_build *b, loam_map x, int groups, const char *fmt, int i)
{
    char name[32];
    snprintf(name, sizeof name, fmt, i);
    size_t scope = loam_build_enter(b, "%s", name);
    x = loam_res_block(b, x, -1, groups, eps);
    loam_build_leave(b, scope);
    return x;
}

/* One head over all positions. */
static loam_map attention(loam_build *b, loam_map x, int groups)
{
    size_t scope = loam_build_enter(b, "attentions.0");
    int h = loam_build_group_norm(b, x, "group_norm", groups, eps, LOAM_UNARY_NONE);
    int q = loam_build_linear(b, h, "to_q", x.c, LOAM_BIAS_YES),
        k = loam_build_linear(b, h, "to_k", x.c, LOAM_BIAS_YES);
    int v = loam_build_linear(b, h, "to_v", x.c, LOAM_BIAS_YES);
    h = loam_graph_attend(b->g, q, k, v, -1, x.n, 1, 1.0f / sqrtf((float)x.c), false);
    x.id = loam_graph_add(b->g, loam_build_linear(b, h, "to_out.0", x.c, LOAM_BIAS_YES), x.id);
    loam_build_leave(b, scope);
    return x;
}

static loam_map middle(loam_build *b, loam_map x, int groups)
{
    size_t scope = loam_build_enter(b, "mid_block");
    x = res_block(b, x, groups, "resnets.%d", 0);
    if (loam_build_has(b, "attentions.0."))
        x = attention(b, x, groups);
    x = res_block(b, x, groups, "resnets.%d", 1);
    loam_build_leave(b, scope);
    return x;
}

/* The residual blocks of the level below the current prefix. */
static loam_map level(loam_build *b, loam_map x, int groups)
{
    char leaf[32];
    for (int i = 0; snprintf(leaf, sizeof leaf, "resnets.%d.", i), loam_build_has(b, leaf); i++)
        x = res_block(b, x, groups, "resnets.%d", i);
    return x;
}

static bool has_level(const loam_build *b, const char *fmt, int i)
{
    char leaf[32];
    snprintf(leaf, sizeof leaf, fmt, i);
    return loam_build_has(b, leaf);
}

static loam_status finish(loam_build *b, loam_map x, int groups, loam_net *out, int64_t n_out, const char *then,
                          loam_err *err)
{
    x.id = loam_build_group_norm(b, x, "conv_norm_out", groups, eps, LOAM_UNARY_SILU);
    x = loam_build_conv(b, x, "conv_out", n_out, 3, 0, -1);
    if (then) {
        b->prefix[0] = '\0';
        loam_build_enter(b, "vae");
        char leaf[32];
        snprintf(leaf, sizeof leaf, "%s.", then);
        if (loam_build_has(b, leaf))
            x.id = loam_build_linear(b, x.id, then, n_out, LOAM_BIAS_YES);
    }
    loam_net_output(b, out, x.id);
    loam_status st = loam_net_plan(b, out, err);
    loam_build_end(b);
    return st;
}

loam_status loam_vae_decoder_net(loam_weight_store *store, const loam_vae_params *p, int64_t n, int64_t h, int64_t w,
                                 loam_net *out, loam_err *err)
{
    loam_build b;
    *out = (loam_net){.n_pictures = n};
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_map x = {.n = n, .f = 1, .h = h, .w = w, .c = p->latent};
    x.id = loam_net_input(&b, out, "latent", n * h * w, p->latent);
    size_t scope = loam_build_enter(&b, "vae");
    if (loam_build_has(&b, "post_quant_conv."))
        x.id = loam_build_linear(&b, x.id, "post_quant_conv", p->latent, LOAM_BIAS_YES);
    loam_build_leave(&b, scope);
    loam_build_enter(&b, "vae.decoder");
    x = loam_build_conv(&b, x, "conv_in", 0, 3, 0, -1);
    x = middle(&b, x, p->groups);
    for (int i = 0; has_level(&b, "up_blocks.%d.", i); i++) {
        scope = loam_build_enter(&b, "up_blocks.%d", i);
        x = level(&b, x, p->groups);
        if (loam_build_has(&b, "upsamplers.0."))
            x = loam_build_conv(&b, x, "upsamplers.0.conv", x.c, 3, LOAM_CONV_UP, -1);
        loam_build_leave(&b, scope);
    }
    return finish(&b, x, p->groups, out, 3, NULL, err);
}

loam_status loam_vae_encoder_net(loam_weight_store *store, const loam_vae_params *p, int64_t n, int64_t h, int64_t w,
                                 loam_net *out, loam_err *err)
{
    loam_build b;
    *out = (loam_net){.n_pictures = n};
    if (!p->has_encoder)
        LOAM_FAIL(err, UNSUPPORTED,
                  "the VAE has no encoder: pictures cannot be taken as a start; give a whole VAE with --vae");
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_map x = {.n = n, .f = 1, .h = h, .w = w, .c = 3};
    x.id = loam_net_input(&b, out, "picture", n * h * w, 3);
    loam_build_enter(&b, "vae.encoder");
    x = loam_build_conv(&b, x, "conv_in", 0, 3, 0, -1);
    for (int i = 0; has_level(&b, "down_blocks.%d.", i); i++) {
        size_t scope = loam_build_enter(&b, "down_blocks.%d", i);
        x = level(&b, x, p->groups);
        if (loam_build_has(&b, "downsamplers.0."))
            x = loam_build_conv(&b, x, "downsamplers.0.conv", x.c, 3, LOAM_CONV_HALF_END, -1);
        loam_build_leave(&b, scope);
    }
    x = middle(&b, x, p->groups);
    return finish(&b, x, p->groups, out, 2 * p->latent, "quant_conv", err);
}
