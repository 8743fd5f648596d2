#include "model/wan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/unet.h"
#include "model/weight_convert.h"

/* Inputs of the net, in this order. */
enum { IN_LATENT, IN_TIME, IN_ROPE, IN_TABLES, IN_TEXT };
enum { MODULATIONS = 6, HEAD_MODULATIONS = 2, PATCH = 2, PATCH_AREA = PATCH * PATCH };

static int64_t dim_of(const loam_weights *w, const char *name, int dim)
{
    const loam_weight_view *v = loam_weights_find(w, name);
    return v && v->n_dims > dim ? v->shape[dim] : 0;
}

loam_status loam_wan_read(const loam_weights *w, loam_wan_params *out, loam_err *err)
{
    enum { HEAD_DIM = 128, TEXT_ROWS = 512 };
    loam_wan_params p = {.eps = 1e-6f, .n_text = TEXT_ROWS};
    const loam_weight_view *patch = loam_weights_find(w, "transformer.patch_embedding.weight");
    p.width = dim_of(w, "transformer.condition_embedder.time_embedder.linear_1.weight", 0);
    p.time_width = dim_of(w, "transformer.condition_embedder.time_embedder.linear_1.weight", 1);
    p.text_width = dim_of(w, "transformer.condition_embedder.text_embedder.linear_1.weight", 1);
    p.out_channels = dim_of(w, "transformer.proj_out.weight", 0) / PATCH_AREA;
    p.n_layers = loam_weights_count(w, "transformer.blocks");
    if (!patch || p.width < 2 || p.time_width < 2 || p.text_width < 1 || p.out_channels < 1 || p.n_layers < 1)
        LOAM_FAIL(err, CORRUPT, "%s: the transformer is missing or incomplete", loam_weights_path(w));
    int64_t elements = 1;
    for (int i = 0; i < patch->n_dims; i++)
        elements *= patch->shape[i];
    p.in_channels = elements / (p.width * PATCH_AREA);
    if (loam_weights_has(w, "transformer.blocks.0.attn2.add_k_proj.") ||
        loam_weights_has(w, "transformer.condition_embedder.image_embedder."))
        LOAM_FAIL(err, UNSUPPORTED, "%s: this is Wan image to video; Loam runs Wan 2.1 text to video",
                  loam_weights_path(w));
    if (patch->n_dims == 5 && (patch->shape[2] != 1 || patch->shape[3] != PATCH || patch->shape[4] != PATCH))
        LOAM_FAIL(err, UNSUPPORTED, "%s: the transformer's patches are %lld x %lld x %lld, Loam runs 1 x 2 x 2",
                  loam_weights_path(w), (long long)patch->shape[2], (long long)patch->shape[3],
                  (long long)patch->shape[4]);
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(w, "transformer", &c, err));
    int64_t head_dim = loam_config_i64(c, "attention_head_dim", HEAD_DIM);
    p.n_heads = (int)loam_config_i64(c, "num_attention_heads", head_dim > 0 ? p.width / head_dim : 0);
    p.eps = (float)loam_config_f64(c, "eps", (double)p.eps);
    loam_config_close(c);
    if (p.n_heads < 1 || p.width % p.n_heads || p.width / p.n_heads % 2 || p.in_channels < 1 ||
        p.width / p.n_heads > LOAM_MAX_HEAD_DIM)
        LOAM_FAIL(err, CORRUPT, "%s: the transformer has %lld columns in %d heads and %lld input channels",
                  loam_weights_path(w), (long long)p.width, p.n_heads, (long long)p.in_channels);
    *out = p;
    return LOAM_OK;
}

/* What the blocks share. */
typedef struct wan {
    const loam_wan_params *p;
    int64_t n, n_text;
    int rope, text, modulation;
} wan;

static int attend(loam_build *b, int q, int k, int v, const wan *w)
{
    float scale = 1.0f / sqrtf((float)(w->p->width / w->p->n_heads));
    int h = loam_build_attend(b, q, k, v, w->n, w->p->n_heads, scale);
    return loam_build_linear(b, h, "to_out.0", w->p->width, LOAM_BIAS_YES);
}

/* A linear layer, its RMS norm over all heads together, and the rotation when rope ≥ 0. */
static int query(loam_build *b, int x, const char *linear, const char *norm, const wan *w, int rope)
{
    int head_dim = (int)(w->p->width / w->p->n_heads);
    x = loam_build_linear(b, x, linear, w->p->width, LOAM_BIAS_YES);
    x = loam_build_rms_norm(b, x, norm, w->p->eps);
    return rope < 0 ? x : loam_graph_rope(b->g, x, rope, w->p->n_heads, head_dim, head_dim, false);
}

static int self_attention(loam_build *b, int x, const wan *w)
{
    size_t scope = loam_build_enter(b, "attn1");
    int q = query(b, x, "to_q", "norm_q", w, w->rope), k = query(b, x, "to_k", "norm_k", w, w->rope);
    x = attend(b, q, k, loam_build_linear(b, x, "to_v", w->p->width, LOAM_BIAS_YES), w);
    loam_build_leave(b, scope);
    return x;
}

static int cross_attention(loam_build *b, int x, const wan *w, int layer)
{
    const int64_t rows = w->n * w->n_text, width = w->p->width;
    size_t scope = loam_build_enter(b, "attn2");
    int q = query(b, x, "to_q", "norm_q", w, -1);
    int k = loam_graph_slice(b->g, w->text, layer * rows, rows, 0, width);
    int v = loam_graph_slice(b->g, w->text, layer * rows, rows, width, width);
    x = attend(b, q, k, v, w);
    loam_build_leave(b, scope);
    return x;
}

/* Vector i of a layer's: shift, scale and gate of self-attention, then of the feed-forward net. */
static int modulation(loam_build *b, const wan *w, int layer, int i)
{
    return loam_graph_slice(b->g, w->modulation, layer, 1, i * w->p->width, w->p->width);
}

static int block(loam_build *b, int x, const wan *w, int layer)
{
    loam_graph *g = b->g;
    int m[MODULATIONS];
    for (int i = 0; i < MODULATIONS; i++)
        m[i] = modulation(b, w, layer, i);
    int h = loam_graph_layer_norm(g, x, -1, -1, m[1], m[0], w->p->eps);
    x = loam_graph_mul_add(g, x, self_attention(b, h, w), m[2]);
    h = loam_build_has(b, "norm2.") ? loam_build_layer_norm(b, x, "norm2", w->p->eps) : x;
    x = loam_graph_add(g, cross_attention(b, h, w, layer), x);
    h = loam_graph_layer_norm(g, x, -1, -1, m[4], m[3], w->p->eps);
    h = loam_graph_unary(g, LOAM_UNARY_GELU_TANH, loam_build_linear(b, h, "ffn.net.0.proj", 0, LOAM_BIAS_YES));
    return loam_graph_mul_add(g, x, loam_build_linear(b, h, "ffn.net.2", w->p->width, LOAM_BIAS_YES), m[5]);
}

/* cos, then sin with its sign, of head_dim columns each: frame, row and column turn their own share of the pairs. */
static void write_rope(const loam_wan_params *p, int64_t f, int64_t h, int64_t w, float *out)
{
    int64_t head_dim = p->width / p->n_heads, side = head_dim / 6 * 2;
    const int64_t dims[3] = {head_dim - 2 * side, side, side};
    for (int64_t row = 0; row < f * h * w; row++) {
        const int64_t at[3] = {row / (h * w), row / w % h, row % w};
        float *cs = out + row * 2 * head_dim, *sn = cs + head_dim;
        for (int axis = 0; axis < 3; axis++)
            for (int64_t i = 0; i < dims[axis]; i += 2, cs += 2, sn += 2) {
                double angle = (double)at[axis] * pow(10000.0, -(double)i / (double)dims[axis]);
                cs[0] = cs[1] = (float)cos(angle);
                sn[1] = (float)sin(angle);
                sn[0] = -sn[1];
            }
    }
}

/* The learned part of the modulation: a row for each layer, and one for the head. */
static loam_status write_tables(const loam_weights *w, const loam_wan_params *p, float *out, loam_err *err)
{
    char name[96];
    for (int i = 0; i <= p->n_layers; i++, out += MODULATIONS * p->width) {
        int64_t n = p->width * (i < p->n_layers ? MODULATIONS : HEAD_MODULATIONS), have = 1;
        if (i < p->n_layers)
            snprintf(name, sizeof name, "transformer.blocks.%d.scale_shift_table", i);
        else
            snprintf(name, sizeof name, "transformer.scale_shift_table");
        const loam_weight_view *v = loam_weights_find(w, name);
        for (int j = 0; v && j < v->n_dims; j++)
            have *= v->shape[j];
        if (!v || have != n)
            LOAM_FAIL(err, CORRUPT, "%s: the tensor '%s' is missing or has not %lld elements", loam_weights_path(w),
                      name, (long long)n);
        loam_convert_f32(v, 0, n, out);
    }
    return LOAM_OK;
}

/* The time embedding [1, width] and its projection for all layers [1, 6·width]. */
static int time_embedding(loam_build *b, int time, const loam_wan_params *p, int *projected)
{
    size_t scope = loam_build_enter(b, "condition_embedder");
    int e = loam_build_linear(b, time, "time_embedder.linear_1", p->width, LOAM_BIAS_YES);
    e = loam_build_linear(b, loam_graph_unary(b->g, LOAM_UNARY_SILU, e), "time_embedder.linear_2", p->width,
                          LOAM_BIAS_YES);
    *projected = loam_build_linear(b, loam_graph_unary(b->g, LOAM_UNARY_SILU, e), "time_proj", MODULATIONS * p->width,
                                   LOAM_BIAS_YES);
    loam_build_leave(b, scope);
    return e;
}

static bool overflows(int64_t n, int64_t f, int64_t h, int64_t w)
{
    const int64_t most = (int64_t)1 << 28; /* positions */
    return n < 1 || f < 1 || h < 1 || w < 1 || n > most || f > most || h > most || w > most || n * f > most ||
           h * w > most || n * f > most / (h * w);
}

loam_status loam_wan_init(loam_wan *m, loam_weight_store *store, const loam_wan_params *p, int64_t n, int64_t f,
                          int64_t h, int64_t w, int64_t n_text, loam_err *err)
{
    loam_build b;
    *m = (loam_wan){.p = *p, .n = n, .f = f, .h = h, .w = w, .n_text = n_text, .net = {.n_pictures = n}};
    loam_net *out = &m->net;
    if (overflows(n, f, h, w) || h % PATCH || w % PATCH || n_text < 1 || n_text > 1 << 16)
        LOAM_FAIL(err, INVALID,
                  "%lld clips of %lld frames of %lld x %lld latent positions, %lld rows of text: width and height must "
                  "be even, and all sizes at least 1",
                  (long long)n, (long long)f, (long long)w, (long long)h, (long long)n_text);
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_graph *g = b.g;
    loam_build_enter(&b, "transformer");
    const int64_t oh = h / PATCH, ow = w / PATCH, head_dim = p->width / p->n_heads;
    loam_map x = {.n = n, .f = f, .h = h, .w = w, .c = p->in_channels};
    x.id = loam_net_input(&b, out, "latent", n * f * h * w, p->in_channels);
    int time = loam_net_input(&b, out, "time", 1, p->time_width);
    wan shared = {.p = p, .n = n, .n_text = n_text};
    shared.rope = loam_net_input(&b, out, "rope", f * oh * ow, 2 * head_dim);
    int tables = loam_net_input(&b, out, "modulation", p->n_layers + 1, MODULATIONS * p->width);
    shared.text = loam_net_input(&b, out, "text", p->n_layers * n * n_text, 2 * p->width);
    int projected, e = time_embedding(&b, time, p, &projected);
    shared.modulation =
        loam_graph_add_spread(g, loam_graph_slice(g, tables, 0, p->n_layers, 0, MODULATIONS * p->width), projected);
    loam_conv patch = {.of = f, .oh = oh, .ow = ow, .kt = 1, .kh = PATCH, .kw = PATCH, .stride_t = 1, .stride = PATCH};
    int t = loam_build_conv_as(&b, x, "patch_embedding", p->width, &patch, true).id;
    for (int i = 0; i < p->n_layers; i++) {
        size_t scope = loam_build_enter(&b, "blocks.%d", i);
        t = block(&b, t, &shared, i);
        loam_build_leave(&b, scope);
    }
    int shift = loam_graph_add(g, loam_graph_slice(g, tables, p->n_layers, 1, 0, p->width), e);
    int scale = loam_graph_add(g, loam_graph_slice(g, tables, p->n_layers, 1, p->width, p->width), e);
    t = loam_graph_layer_norm(g, t, -1, -1, scale, shift, p->eps);
    loam_net_output(&b, out, loam_build_linear(&b, t, "proj_out", PATCH_AREA * p->out_channels, LOAM_BIAS_YES));
    loam_status st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    if (st == LOAM_OK) {
        write_rope(p, f, oh, ow, loam_net_in(out, IN_ROPE));
        st = write_tables(loam_weight_store_weights(store), p, loam_net_in(out, IN_TABLES), err);
    }
    if (st != LOAM_OK)
        loam_net_free(out);
    return st;
}

void loam_wan_deinit(loam_wan *m)
{
    loam_net_free(&m->net);
}

size_t loam_wan_text_floats(const loam_wan_params *p, int64_t n, int64_t n_text)
{
    return (size_t)(p->n_layers * n * n_text * 2 * p->width);
}

float *loam_wan_text_place(loam_wan *m)
{
    return loam_net_in(&m->net, IN_TEXT);
}

/* Rows of each text with something in them, and one of zeros if there is any. */
static int64_t distinct_rows(const float *text, int64_t n, int64_t n_text, int64_t width)
{
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t row = n_text - 1; row >= most; row--) {
            const float *x = text + (i * n_text + row) * width;
            for (int64_t j = 0; j < width && most <= row; j++)
                if (x[j] != 0)
                    most = row + 1;
        }
    return most < n_text ? most + 1 : n_text;
}

/* The text's own layers: [rows, text_width] -> [rows, width]. */
static loam_status embedder_net(loam_weight_store *store, const loam_wan_params *p, int64_t rows, loam_net *out,
                                loam_err *err)
{
    loam_build b;
    *out = (loam_net){0};
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_build_enter(&b, "transformer.condition_embedder.text_embedder");
    int x = loam_net_input(&b, out, "text", rows, p->text_width);
    x = loam_graph_unary(b.g, LOAM_UNARY_GELU_TANH, loam_build_linear(&b, x, "linear_1", p->width, LOAM_BIAS_YES));
    loam_net_output(&b, out, loam_build_linear(&b, x, "linear_2", p->width, LOAM_BIAS_YES));
    loam_status st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    return st;
}

/* Keys and values of one layer: [rows, width] -> [rows, 2·width]. */
static loam_status keys_net(loam_weight_store *store, const loam_wan_params *p, int64_t rows, int layer, loam_net *out,
                            loam_err *err)
{
    loam_build b;
    *out = (loam_net){0};
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_build_enter(&b, "transformer.blocks.%d.attn2", layer);
    int x = loam_net_input(&b, out, "text", rows, p->width);
    int k = query(&b, x, "to_k", "norm_k", &(wan){.p = p}, -1);
    loam_net_output(&b, out, loam_graph_concat(b.g, k, loam_build_linear(&b, x, "to_v", p->width, LOAM_BIAS_YES)));
    loam_status st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    return st;
}

/* Runs a net on in and frees it. */
static loam_status run_once(loam_net *net, const float *in, size_t n_in, float *out, size_t n_out, loam_err *err)
{
    memcpy(loam_net_in(net, 0), in, n_in * sizeof *in);
    loam_status st = loam_net_run(net, NULL, NULL, err);
    if (st == LOAM_OK)
        memcpy(out, loam_net_out(net, 0), n_out * sizeof *out);
    loam_net_free(net);
    return st;
}

loam_status loam_wan_text(loam_weight_store *store, const loam_wan_params *p, int64_t n, int64_t n_text,
                          const float *text, float *out, loam_err *err)
{
    if (n < 1 || n_text < 1)
        LOAM_FAIL(err, INVALID, "%lld texts of %lld rows", (long long)n, (long long)n_text);
    const int64_t rows = distinct_rows(text, n, n_text, p->text_width), width = 2 * p->width;
    loam_status st;
    loam_net net;
    float *in = malloc((size_t)(n * rows * p->text_width) * sizeof *in);
    float *embedded = malloc((size_t)(n * rows * p->width) * sizeof *embedded);
    float *keys = malloc((size_t)(n * rows * width) * sizeof *keys);
    if (!in || !embedded || !keys) {
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the text's keys");
        goto end;
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(in + i * rows * p->text_width, text + i * n_text * p->text_width,
               (size_t)(rows * p->text_width) * sizeof *in);
    st = embedder_net(store, p, n * rows, &net, err);
    if (st == LOAM_OK)
        st = run_once(&net, in, (size_t)(n * rows * p->text_width), embedded, (size_t)(n * rows * p->width), err);
    for (int layer = 0; layer < p->n_layers && st == LOAM_OK; layer++) {
        st = keys_net(store, p, n * rows, layer, &net, err);
        if (st == LOAM_OK)
            st = run_once(&net, embedded, (size_t)(n * rows * p->width), keys, (size_t)(n * rows * width), err);
        for (int64_t i = 0; i < n && st == LOAM_OK; i++)
            for (int64_t row = 0; row < n_text; row++, out += width) /* those behind are all as the last */
                memcpy(out, keys + (i * rows + (row < rows ? row : rows - 1)) * width, (size_t)width * sizeof *out);
    }
end:
    free(in);
    free(embedded);
    free(keys);
    return st;
}

/* Rows [n·f·h/2·w/2] of patches (row, column, channel) to [n][c][f][h][w]. */
static void unpatchify(const float *rows, const loam_wan *m, float *out)
{
    const int64_t oh = m->h / PATCH, ow = m->w / PATCH, c = m->p.out_channels;
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t j = 0; j < c; j++)
            for (int64_t f = 0; f < m->f; f++)
                for (int64_t y = 0; y < m->h; y++)
                    for (int64_t x = 0; x < m->w; x++) {
                        int64_t row = ((i * m->f + f) * oh + y / PATCH) * ow + x / PATCH;
                        *out++ = rows[(row * PATCH_AREA + y % PATCH * PATCH + x % PATCH) * c + j];
                    }
}

loam_status loam_wan_run(loam_wan *m, const loam_wan_input *in, float *out, loam_err *err)
{
    loam_rows_from_planes(in->latent, m->n, m->p.in_channels, m->f * m->h * m->w, loam_net_in(&m->net, IN_LATENT));
    loam_time_sinusoid(in->timestep, m->p.time_width, loam_net_in(&m->net, IN_TIME));
    if (in->text && in->text != loam_wan_text_place(m))
        memcpy(loam_wan_text_place(m), in->text, loam_wan_text_floats(&m->p, m->n, m->n_text) * sizeof(float));
    LOAM_TRY(loam_net_run(&m->net, NULL, NULL, err));
    unpatchify(loam_net_out(&m->net, 0), m, out);
    return LOAM_OK;
}
