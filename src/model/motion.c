#include "model/motion.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/config.h"

static const char unet_head[] = "unet.";

loam_status loam_motion_read(const loam_weights *w, int groups, loam_motion_params *out, loam_err *err)
{
    enum { HEADS = 8, FRAMES = 32, MOST_FRAMES = 4096 };
    *out = (loam_motion_params){0};
    if (!loam_weights_has(w, "motion.down_blocks."))
        return LOAM_OK;
    const loam_weight_view *table =
        loam_weights_find(w, "motion.down_blocks.0.motion_modules.0.transformer_blocks.0.pos_embed.pe");
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(w, "motion", &c, err));
    out->n_heads = (int)loam_config_i64(c, "motion_num_attention_heads", HEADS);
    out->max_frames = table && table->n_dims >= 2 ? table->shape[table->n_dims - 2]
                                                  : loam_config_i64(c, "motion_max_seq_length", FRAMES);
    out->groups = groups;
    loam_config_close(c);
    if (out->n_heads < 1 || out->max_frames < 1 || out->max_frames > MOST_FRAMES) {
        LOAM_FAIL(err, CORRUPT, "%s: the motion modules have %d heads and %lld frames", loam_weights_path(w),
                  out->n_heads, (long long)out->max_frames);
    }
    return LOAM_OK;
}

void loam_motion_begin(loam_build *b, loam_net *net, const loam_motion_params *p, int64_t clips, int64_t frames,
                       loam_motion *out)
{
    net->n_tokens = clips * frames;
    *out = (loam_motion){.p = p,
                         .net = net,
                         .clips = clips,
                         .frames = frames,
                         .first_in = net->n_in,
                         .numbers = loam_graph_fixed_tokens(b->g, net->n_tokens)};
}

bool loam_motion_has(const loam_build *b, int i)
{
    char name[sizeof b->prefix + 64];
    snprintf(name, sizeof name, "motion.%smotion_modules.%d.", b->prefix + strlen(unet_head), i);
    return loam_weights_has(loam_weight_store_weights(b->store), name);
}

/* [clips·frames, width]: rows of the file's table or, where it has none, an input that is computed before each run and
 * serves all modules of this width. */
static int positions(loam_build *b, const loam_motion *m, int64_t width)
{
    static const char leaf[] = "pos_embed.pe";
    if (loam_build_has(b, leaf))
        return loam_graph_embed(b->g, m->numbers, loam_build_table(b, leaf, m->p->max_frames, width));
    for (int i = m->first_in; i < m->net->n_in; i++)
        if (loam_graph_columns(b->g, m->net->in[i]) == width)
            return m->net->in[i];
    return loam_net_input(b, m->net, "positions", m->clips * m->frames, width);
}

/* x [clips·frames·hw, width] with the frames outside, as all else needs them; between, each position is a sequence. */
static int attention(loam_build *b, int x, const char *name, const loam_motion *m, int64_t hw)
{
    loam_graph *g = b->g;
    size_t scope = loam_build_enter(b, "%s", name);
    int64_t width = loam_graph_columns(g, x);
    x = loam_graph_swap_rows(g, x, m->clips, m->frames, hw);
    int q = loam_build_linear(b, x, "to_q", width, LOAM_BIAS_NONE);
    int k = loam_build_linear(b, x, "to_k", width, LOAM_BIAS_NONE);
    int v = loam_build_linear(b, x, "to_v", width, LOAM_BIAS_NONE);
    float scale = 1.0f / sqrtf((float)width / (float)m->p->n_heads);
    x = loam_build_attend(b, q, k, v, m->clips * hw, m->p->n_heads, scale);
    x = loam_graph_swap_rows(g, x, m->clips, hw, m->frames);
    x = loam_build_linear(b, x, "to_out.0", width, LOAM_BIAS_YES);
    loam_build_leave(b, scope);
    return x;
}

static loam_map transformer(loam_build *b, loam_map x, const loam_motion *m)
{
    loam_graph *g = b->g;
    const int64_t hw = x.h * x.w;
    loam_map clips = x;
    clips.n = m->clips, clips.f = m->frames; /* the norm is over all frames of a clip */
    int h = loam_build_group_norm(b, clips, "norm", m->p->groups, 1e-6f, LOAM_UNARY_NONE);
    h = loam_build_linear(b, h, "proj_in", x.c, LOAM_BIAS_YES);
    char leaf[48];
    for (int i = 0; snprintf(leaf, sizeof leaf, "transformer_blocks.%d.", i), loam_build_has(b, leaf); i++) {
        size_t scope = loam_build_enter(b, "transformer_blocks.%d", i);
        int at = positions(b, m, x.c);
        for (int j = 1; j <= 2; j++) {
            snprintf(leaf, sizeof leaf, "norm%d", j);
            int a = loam_graph_add_spread(g, loam_build_layer_norm(b, h, leaf, 1e-5f), at);
            h = loam_graph_add(g, attention(b, a, j == 1 ? "attn1" : "attn2", m, hw), h);
        }
        int a = loam_build_geglu(b, loam_build_layer_norm(b, h, "norm3", 1e-5f), "ff.net.0.proj", 4 * x.c);
        h = loam_graph_add(g, loam_build_linear(b, a, "ff.net.2", x.c, LOAM_BIAS_YES), h);
        loam_build_leave(b, scope);
    }
    x.id = loam_graph_add(g, loam_build_linear(b, h, "proj_out", x.c, LOAM_BIAS_YES), x.id);
    return x;
}

loam_map loam_motion_module(loam_build *b, loam_map x, const loam_motion *m, int i)
{
    char outer[sizeof b->prefix];
    memcpy(outer, b->prefix, sizeof outer);
    b->prefix[0] = '\0';
    loam_build_enter(b, "motion.%smotion_modules.%d", outer + strlen(unet_head), i);
    x = transformer(b, x, m);
    memcpy(b->prefix, outer, sizeof outer);
    return x;
}

/* Positions as Vaswani et al. 2017 have them, sines and cosines in turn. */
static void write_positions(float *out, int64_t rows, int64_t frames, int64_t width)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) {
            double angle = (double)(r % frames) * exp(-log(10000.0) * (double)(i - i % 2) / (double)width);
            out[r * width + i] = (float)(i % 2 ? cos(angle) : sin(angle));
        }
}

void loam_motion_write(loam_net *net, int first, int32_t *numbers)
{
    const int64_t frames = net->n_tokens / net->n_pictures;
    for (int64_t i = 0; i < net->n_tokens; i++)
        numbers[i] = (int32_t)(i % frames);
    for (int i = first; i < net->n_in; i++)
        write_positions(loam_net_in(net, i), net->n_tokens, frames,
                        loam_graph_get_plan(net->g)->tensors[net->in[i]].shape[1]);
}
