#include "model/unet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/res_block.h"

static int64_t dim_of(const loam_weights *w, const char *name, int dim)
{
    const loam_weight_view *v = loam_weights_find(w, name);
    return v && v->n_dims > dim ? v->shape[dim] : 0;
}

/* Channels of level i's blocks. */
static int64_t level_width(const loam_weights *w, int i)
{
    char name[96];
    snprintf(name, sizeof name, "unet.down_blocks.%d.resnets.0.conv1.weight", i);
    return dim_of(w, name, 0);
}

loam_status loam_unet_read(const loam_weights *w, loam_unet_params *out, loam_err *err)
{
    enum { SDXL_HEAD = 64, SD15_HEADS = 8 };
    loam_unet_params p = {.groups = 32, .norm_eps = 1e-5f};
    p.n_levels = loam_weights_count(w, "unet.down_blocks");
    p.in_channels = dim_of(w, "unet.conv_in.weight", 1);
    p.time_width = dim_of(w, "unet.time_embedding.linear_1.weight", 1);
    p.out_channels = dim_of(w, "unet.conv_out.weight", 0);
    p.added = dim_of(w, "unet.add_embedding.linear_1.weight", 1);
    p.guidance = dim_of(w, "unet.time_embedding.cond_proj.weight", 1);
    if (p.n_levels < 1 || p.n_levels > LOAM_UNET_MAX_LEVELS || p.in_channels < 1 || p.time_width < 2 ||
        p.out_channels < 1)
        LOAM_FAIL(err, CORRUPT, "%s: the UNet is missing or incomplete", loam_weights_path(w));
    char name[128];
    for (int i = 0; i < p.n_levels && !p.context; i++) {
        snprintf(name, sizeof name, "unet.down_blocks.%d.attentions.0.transformer_blocks.0.attn2.to_k.weight", i);
        p.context = dim_of(w, name, 1);
    }
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(w, "unet", &c, err));
    const char *heads = loam_config_has(c, "num_attention_heads") ? "num_attention_heads" : "attention_head_dim";
    for (int i = 0; i < p.n_levels; i++)
        p.n_heads[i] = loam_config_item(c, heads, i, p.added ? level_width(w, i) / SDXL_HEAD : SD15_HEADS);
    p.groups = (int)loam_config_i64(c, "norm_num_groups", p.groups);
    p.norm_eps = (float)loam_config_f64(c, "norm_eps", (double)p.norm_eps);
    p.added_time = p.added ? loam_config_i64(c, "addition_time_embed_dim", 256) : 0;
    loam_config_close(c);
    LOAM_TRY(loam_motion_read(w, p.groups, &p.motion, err));
    if (p.guidance && p.guidance < 4)
        LOAM_FAIL(err, CORRUPT, "%s: the UNet's embedding of the guidance scale has the width %lld",
                  loam_weights_path(w), (long long)p.guidance);
    if (p.added && (p.added_time < 2 || p.added <= 6 * p.added_time))
        LOAM_FAIL(err, CORRUPT, "%s: the UNet's added embedding of %lld has no room for six sizes of %lld",
                  loam_weights_path(w), (long long)p.added, (long long)p.added_time);
    for (int i = 0; i < p.n_levels; i++)
        if (p.n_heads[i] < 1 || level_width(w, i) % p.n_heads[i])
            LOAM_FAIL(err, CORRUPT, "%s: the UNet's level %d has %lld channels and %lld heads", loam_weights_path(w), i,
                      (long long)level_width(w, i), (long long)p.n_heads[i]);
    *out = p;
    return LOAM_OK;
}

/* What the blocks share. */
typedef struct unet {
    const loam_unet_params *p;
    loam_net *net;
    int64_t n;           /* texts: pictures, or clips */
    int time;            /* silu of the time embedding */
    int text;            /* [n·n_text, context] */
    loam_motion *motion; /* NULL: none */
} unet;

static int attention(loam_build *b, int x, int kv, const char *name, int64_t n, int64_t n_heads)
{
    size_t scope = loam_build_enter(b, "%s", name);
    int64_t width = loam_graph_columns(b->g, x);
    int q = loam_build_linear(b, x, "to_q", width, LOAM_BIAS_NONE);
    int k = loam_build_linear(b, kv, "to_k", width, LOAM_BIAS_NONE);
    int v = loam_build_linear(b, kv, "to_v", width, LOAM_BIAS_NONE);
    float scale = 1.0f / sqrtf((float)width / (float)n_heads);
    x = loam_build_attend(b, q, k, v, n, (int)n_heads, scale);
    x = loam_build_linear(b, x, "to_out.0", width, LOAM_BIAS_YES);
    loam_build_leave(b, scope);
    return x;
}

/* A spatial transformer: self-attention over positions, cross-attention to the text, GEGLU. All frames of a clip attend
 * to its text as one sequence. */
static loam_map transformer(loam_build *b, loam_map x, const unet *u, int64_t n_heads)
{
    loam_graph *g = b->g;
    int h = loam_build_group_norm(b, x, "norm", u->p->groups, 1e-6f, LOAM_UNARY_NONE);
    h = loam_build_linear(b, h, "proj_in", x.c, LOAM_BIAS_YES);
    char leaf[48];
    for (int i = 0; snprintf(leaf, sizeof leaf, "transformer_blocks.%d.", i), loam_build_has(b, leaf); i++) {
        size_t scope = loam_build_enter(b, "transformer_blocks.%d", i);
        int a = loam_build_layer_norm(b, h, "norm1", 1e-5f);
        h = loam_graph_add(g, attention(b, a, a, "attn1", x.n, n_heads), h);
        a = loam_build_layer_norm(b, h, "norm2", 1e-5f);
        h = loam_graph_add(g, attention(b, a, u->text, "attn2", u->n, n_heads), h);
        a = loam_build_layer_norm(b, h, "norm3", 1e-5f);
        a = loam_build_geglu(b, a, "ff.net.0.proj", 4 * x.c);
        h = loam_graph_add(g, loam_build_linear(b, a, "ff.net.2", x.c, LOAM_BIAS_YES), h);
        loam_build_leave(b, scope);
    }
    x.id = loam_graph_add(g, loam_build_linear(b, h, "proj_out", x.c, LOAM_BIAS_YES), x.id);
    return x;
}

static void stage(loam_build *b, const unet *u, loam_map x)
{
    if (u->p->stages)
        loam_net_output(b, u->net, x.id);
}

/* "resnets.<i>", then "attentions.<i>" if the level has them, then the motion module. */
static loam_map layer(loam_build *b, loam_map x, const unet *u, int i, int64_t n_heads)
{
    size_t scope = loam_build_enter(b, "resnets.%d", i);
    x = loam_res_block(b, x, u->time, u->p->groups, u->p->norm_eps);
    loam_build_leave(b, scope);
    char leaf[32];
    snprintf(leaf, sizeof leaf, "attentions.%d.", i);
    if (loam_build_has(b, leaf)) {
        scope = loam_build_enter(b, "attentions.%d", i);
        x = transformer(b, x, u, n_heads);
        loam_build_leave(b, scope);
    }
    /* files of the first generation have none in the middle */
    if (u->motion && (loam_motion_has(b, i) || strcmp(b->prefix, "unet.mid_block.") != 0)) {
        x = loam_motion_module(b, x, u->motion, i);
        stage(b, u, x);
    }
    return x;
}

/* Inputs of the net, in this order; those that the model lacks are left out. */
enum { IN_LATENT, IN_TIME, IN_TEXT, IN_MORE };

static int time_embedding(loam_build *b, loam_net *net, const loam_unet_params *p, int64_t n)
{
    loam_graph *g = b->g;
    int t = net->in[IN_TIME];
    if (p->guidance) {
        int w = loam_net_input(b, net, "guidance", 1, p->guidance);
        t = loam_graph_add(g, t, loam_build_linear(b, w, "time_embedding.cond_proj", p->time_width, LOAM_BIAS_NONE));
    }
    t = loam_graph_unary(g, LOAM_UNARY_SILU, loam_build_linear(b, t, "time_embedding.linear_1", 0, LOAM_BIAS_YES));
    t = loam_build_linear(b, t, "time_embedding.linear_2", 0, LOAM_BIAS_YES);
    if (p->added) {
        int a = loam_net_input(b, net, "added", n, p->added);
        a = loam_graph_unary(g, LOAM_UNARY_SILU, loam_build_linear(b, a, "add_embedding.linear_1", 0, LOAM_BIAS_YES));
        a = loam_build_linear(b, a, "add_embedding.linear_2", 0, LOAM_BIAS_YES);
        t = loam_graph_add_spread(g, a, t);
    }
    return loam_graph_unary(g, LOAM_UNARY_SILU, t);
}

static int count_below(const loam_build *b, const char *fmt)
{
    char leaf[48];
    int n = 0;
    while (snprintf(leaf, sizeof leaf, fmt, n), loam_build_has(b, leaf))
        n++;
    return n;
}

/* Results on the way down, which the way up takes in turn. */
enum { MAX_SKIPS = 64 };
typedef struct skips {
    loam_map at[MAX_SKIPS];
    int n;
} skips;

static loam_map down(loam_build *b, loam_map x, const unet *u, int i, skips *s)
{
    size_t scope = loam_build_enter(b, "down_blocks.%d", i);
    int layers = count_below(b, "resnets.%d.");
    for (int j = 0; j < layers; j++)
        s->at[s->n++] = x = layer(b, x, u, j, u->p->n_heads[i]);
    if (loam_build_has(b, "downsamplers.0."))
        s->at[s->n++] = x = loam_build_conv(b, x, "downsamplers.0.conv", x.c, 3, LOAM_CONV_HALF, -1);
    loam_build_leave(b, scope);
    stage(b, u, x);
    return x;
}

static loam_map middle(loam_build *b, loam_map x, const unet *u)
{
    size_t scope = loam_build_enter(b, "mid_block");
    x = layer(b, x, u, 0, u->p->n_heads[u->p->n_levels - 1]);
    size_t last = loam_build_enter(b, "resnets.1");
    x = loam_res_block(b, x, u->time, u->p->groups, u->p->norm_eps);
    loam_build_leave(b, last);
    loam_build_leave(b, scope);
    stage(b, u, x);
    return x;
}

static loam_map up(loam_build *b, loam_map x, const unet *u, int i, skips *s)
{
    size_t scope = loam_build_enter(b, "up_blocks.%d", i);
    int layers = count_below(b, "resnets.%d.");
    for (int j = 0; j < layers && s->n > 0; j++) {
        loam_map skip = s->at[--s->n];
        x.id = loam_graph_concat(b->g, x.id, skip.id);
        x.c += skip.c;
        x = layer(b, x, u, j, u->p->n_heads[u->p->n_levels - 1 - i]);
    }
    if (loam_build_has(b, "upsamplers.0.") && s->n > 0)
        x = loam_up_block(b, x, "upsamplers.0.conv", s->at[s->n - 1].h, s->at[s->n - 1].w);
    loam_build_leave(b, scope);
    stage(b, u, x);
    return x;
}

/* frames 0: pictures without motion modules. */
static loam_status make_net(loam_weight_store *store, const loam_unet_params *p, int64_t n, int64_t frames, int64_t h,
                            int64_t w, int64_t n_text, loam_net *out, loam_err *err)
{
    loam_build b;
    skips s = {.n = 0};
    int n_layers = 0;
    *out = (loam_net){.n_pictures = n};
    for (int i = 0; i < p->n_levels; i++) {
        char name[64];
        snprintf(name, sizeof name, "unet.down_blocks.%d.resnets", i);
        n_layers += loam_weights_count(loam_weight_store_weights(store), name) + 1;
    }
    if (n_layers >= MAX_SKIPS)
        LOAM_FAIL(err, UNSUPPORTED, "the UNet has %d layers, Loam runs at most %d", n_layers, MAX_SKIPS - 1);
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_build_enter(&b, "unet");
    loam_map x = {.n = frames ? n * frames : n, .f = 1, .h = h, .w = w, .c = p->in_channels};
    x.id = loam_net_input(&b, out, "latent", x.n * h * w, p->in_channels);
    loam_net_input(&b, out, "time", 1, p->time_width);
    unet u = {.p = p, .net = out, .n = n};
    u.text = loam_net_input(&b, out, "text", n * n_text, p->context ? p->context : 1);
    u.time = time_embedding(&b, out, p, n);
    loam_motion motion;
    if (frames) {
        loam_motion_begin(&b, out, &p->motion, n, frames, &motion);
        u.motion = &motion;
    }
    x = loam_build_conv(&b, x, "conv_in", 0, 3, 0, -1);
    s.at[s.n++] = x;
    stage(&b, &u, x);
    for (int i = 0; i < p->n_levels; i++)
        x = down(&b, x, &u, i, &s);
    x = middle(&b, x, &u);
    for (int i = 0; i < p->n_levels; i++)
        x = up(&b, x, &u, i, &s);
    x.id = loam_build_group_norm(&b, x, "conv_norm_out", p->groups, p->norm_eps, LOAM_UNARY_SILU);
    x = loam_build_conv(&b, x, "conv_out", p->out_channels, 3, 0, -1);
    loam_net_output(&b, out, x.id);
    loam_status st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    return st;
}

loam_status loam_unet_net(loam_weight_store *store, const loam_unet_params *p, int64_t n, int64_t h, int64_t w,
                          int64_t n_text, loam_net *out, loam_err *err)
{
    return make_net(store, p, n, 0, h, w, n_text, out, err);
}

loam_status loam_unet_motion_net(loam_weight_store *store, const loam_unet_params *p, int64_t n, int64_t frames,
                                 int64_t h, int64_t w, int64_t n_text, loam_net *out, loam_err *err)
{
    *out = (loam_net){0};
    if (p->motion.max_frames == 0)
        LOAM_FAIL(err, INVALID, "a clip needs motion modules: add an AnimateDiff motion module to the model");
    if (frames < 1 || frames > p->motion.max_frames)
        LOAM_FAIL(err, INVALID, "%lld frames: the motion module makes clips of 1 to %lld", (long long)frames,
                  (long long)p->motion.max_frames);
    return make_net(store, p, n, frames, h, w, n_text, out, err);
}

void loam_time_sinusoid(double t, int64_t width, float *out)
{
    int64_t half = width / 2;
    for (int64_t i = 0; i < half; i++) {
        double angle = t * exp(-log(10000.0) * (double)i / (double)half);
        out[i] = (float)cos(angle);
        out[half + i] = (float)sin(angle);
    }
    if (width % 2)
        out[width - 1] = 0;
}

void loam_rows_from_planes(const float *planes, int64_t n, int64_t c, int64_t hw, float *rows)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = 0; p < hw; p++)
            for (int64_t j = 0; j < c; j++)
                rows[(i * hw + p) * c + j] = planes[(i * c + j) * hw + p];
}

void loam_planes_from_rows(const float *rows, int64_t n, int64_t c, int64_t hw, float *planes)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = 0; p < hw; p++)
            for (int64_t j = 0; j < c; j++)
                planes[(i * c + j) * hw + p] = rows[(i * hw + p) * c + j];
}

void loam_unet_added(const loam_unet_params *p, const float *pooled, const float sizes[6], float *out)
{
    int64_t width = p->added - 6 * p->added_time;
    memcpy(out, pooled, (size_t)width * sizeof *out);
    for (int i = 0; i < 6; i++)
        loam_time_sinusoid((double)sizes[i], p->added_time, out + width + i * p->added_time);
}

/* LCM's embedding of the guidance scale: sines first, and exponents over half - 1. In single precision, as the models
 * have learnt it: angles of thousands are rounded by more than a hundred-thousandth. */
static void write_guidance(float guidance, int64_t width, float *out)
{
    int64_t half = width / 2;
    const float step = (float)log(10000.0) / (float)(half - 1);
    for (int64_t i = 0; i < half; i++) {
        float angle = guidance * 1000.0f * (float)exp((double)((float)i * -step));
        out[i] = (float)sin((double)angle);
        out[half + i] = (float)cos((double)angle);
    }
    if (width % 2)
        out[width - 1] = 0;
}

loam_status loam_unet_run(loam_net *net, const loam_unet_params *p, const loam_unet_input *in, float *out,
                          loam_err *err)
{
    const loam_tensor *x = &loam_graph_get_plan(net->g)->tensors[net->in[IN_LATENT]];
    const loam_tensor *text = &loam_graph_get_plan(net->g)->tensors[net->in[IN_TEXT]];
    int more = IN_MORE;
    int64_t rows = x->shape[0], n = net->n_pictures, hw = rows / n;
    loam_rows_from_planes(in->latent, n, p->in_channels, hw, loam_net_in(net, IN_LATENT));
    loam_time_sinusoid((double)in->timestep, p->time_width, loam_net_in(net, IN_TIME));
    memcpy(loam_net_in(net, IN_TEXT), in->text, (size_t)(text->shape[0] * text->shape[1]) * sizeof(float));
    if (p->guidance)
        write_guidance(in->guidance, p->guidance, loam_net_in(net, more++));
    if (p->added)
        memcpy(loam_net_in(net, more++), in->added, (size_t)(n * p->added) * sizeof(float));
    int32_t *numbers = NULL;
    if (net->n_tokens) {
        if (!(numbers = malloc((size_t)net->n_tokens * sizeof *numbers)))
            LOAM_FAIL(err, NO_MEMORY, "no memory for the numbers of %lld frames", (long long)net->n_tokens);
        loam_motion_write(net, more, numbers);
    }
    loam_status st = loam_net_run(net, numbers, NULL, err);
    free(numbers);
    if (st == LOAM_OK)
        loam_planes_from_rows(loam_net_out(net, net->n_out - 1), n, p->out_channels, hw, out);
    return st;
}
