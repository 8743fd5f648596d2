/* Pre-norm layers: x += o(attention(norm(x))), scores without a scale but with a bias for each distance;
 * x += wo(gelu(wi_0(norm(x))) · wi_1(norm(x))). */
#include "model/umt5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/weight_convert.h"

enum {
    MAX_TOKENS = 4096,
    BIAS_BYTES = 64 * 1024 * 1024, /* of a net */
};

static const loam_weight_view *find(const loam_weights *w, const char *part, int layer, const char *leaf)
{
    char name[160];
    if (layer >= 0)
        snprintf(name, sizeof name, "%s.encoder.block.%d.%s", part, layer, leaf);
    else
        snprintf(name, sizeof name, "%s.%s", part, leaf);
    return loam_weights_find(w, name);
}

/* The table of biases [n_buckets, n_heads] of a layer. */
static const loam_weight_view *bias_table(const loam_weights *w, const char *part, int layer)
{
    return find(w, part, layer, "layer.0.SelfAttention.relative_attention_bias.weight");
}

loam_status loam_umt5_read(const loam_weights *w, const char *part, loam_umt5_params *out, loam_err *err)
{
    char name[96];
    loam_umt5_params p = {.part = part, .eps = 1e-6f, .max_distance = 128};
    const loam_weight_view *table = find(w, part, -1, "shared.weight"), *bias = bias_table(w, part, 0);
    const loam_weight_view *q = find(w, part, 0, "layer.0.SelfAttention.q.weight");
    if (!table || !bias || !q || table->n_dims != 2 || bias->n_dims != 2 || q->n_dims != 2)
        LOAM_FAIL(err, CORRUPT, "%s: the text encoder '%s' is missing or incomplete", loam_weights_path(w), part);
    p.n_vocab = table->shape[0];
    p.width = table->shape[1];
    p.inner = q->shape[0];
    p.n_buckets = bias->shape[0];
    p.n_heads = (int)bias->shape[1];
    snprintf(name, sizeof name, "%s.encoder.block", part);
    p.n_layers = loam_weights_count(w, name);
    p.shared_bias = true;
    for (int i = 1; i < p.n_layers; i++)
        p.shared_bias = p.shared_bias && !bias_table(w, part, i);
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(w, part, &c, err));
    p.eps = (float)loam_config_f64(c, "layer_norm_epsilon", (double)p.eps);
    p.max_distance = loam_config_i64(c, "relative_attention_max_distance", p.max_distance);
    loam_config_close(c);
    if (p.n_heads < 1 || p.n_heads > 1024 || p.inner % p.n_heads || p.n_buckets < 4 || p.n_buckets % 2 ||
        p.max_distance <= p.n_buckets / 4)
        LOAM_FAIL(err, CORRUPT,
                  "%s: the text encoder '%s' has %d heads of %lld columns together, %lld position buckets up to a "
                  "distance of %lld",
                  loam_weights_path(w), part, p.n_heads, (long long)p.inner, (long long)p.n_buckets,
                  (long long)p.max_distance);
    *out = p;
    return LOAM_OK;
}

int64_t loam_umt5_bucket(int64_t distance, int64_t n_buckets, int64_t max_distance)
{
    int64_t half = n_buckets / 2, exact = half / 2, base = distance > 0 ? half : 0;
    int64_t d = distance < 0 ? -distance : distance;
    if (d < exact)
        return base + d;
    /* in f32 as the reference, whose roundings decide at powers of two */
    float ratio = logf((float)d / (float)exact) / (float)log((double)max_distance / (double)exact);
    int64_t far = exact + (int64_t)(ratio * (float)(half - exact));
    return base + (far < half ? far : half - 1);
}

/* out [n_heads·n, n]: row (head, query), column key. */
static loam_status write_bias(const loam_weights *w, const loam_umt5_params *p, int layer, int64_t n, float *out,
                              loam_err *err)
{
    const loam_weight_view *v = bias_table(w, p->part, p->shared_bias ? 0 : layer);
    if (!v || v->n_dims != 2 || v->shape[0] != p->n_buckets || v->shape[1] != p->n_heads || v->transposed)
        LOAM_FAIL(err, CORRUPT, "%s: the position biases of layer %d of '%s' are missing or not [%lld, %d]",
                  loam_weights_path(w), layer, p->part, (long long)p->n_buckets, p->n_heads);
    int64_t n_table = p->n_buckets * p->n_heads;
    float *table = malloc((size_t)n_table * sizeof *table);
    if (!table)
        LOAM_FAIL(err, NO_MEMORY, "no memory for position biases");
    loam_convert_f32(v, 0, n_table, table);
    for (int64_t d = 1 - n; d < n; d++) {
        const float *row = table + loam_umt5_bucket(d, p->n_buckets, p->max_distance) * p->n_heads;
        for (int64_t h = 0; h < p->n_heads; h++)
            for (int64_t i = d < 0 ? -d : 0; i < n && i + d < n; i++)
                out[(h * n + i) * n + i + d] = row[h];
    }
    free(table);
    return LOAM_OK;
}

static int layer_of(loam_build *b, int x, const loam_umt5_params *p, int bias)
{
    loam_graph *g = b->g;
    int h = loam_build_rms_norm(b, x, "layer.0.layer_norm", p->eps);
    int q = loam_build_linear(b, h, "layer.0.SelfAttention.q", p->inner, LOAM_BIAS_NONE);
    int k = loam_build_linear(b, h, "layer.0.SelfAttention.k", p->inner, LOAM_BIAS_NONE);
    int v = loam_build_linear(b, h, "layer.0.SelfAttention.v", p->inner, LOAM_BIAS_NONE);
    h = loam_graph_attend(g, q, k, v, bias, 1, p->n_heads, 1.0f, false);
    x = loam_graph_add(g, loam_build_linear(b, h, "layer.0.SelfAttention.o", p->width, LOAM_BIAS_NONE), x);
    h = loam_build_rms_norm(b, x, "layer.1.layer_norm", p->eps);
    int gate = loam_build_linear(b, h, "layer.1.DenseReluDense.wi_0", 0, LOAM_BIAS_NONE);
    int up = loam_build_linear(b, h, "layer.1.DenseReluDense.wi_1", 0, LOAM_BIAS_NONE);
    h = loam_graph_gate(g, LOAM_UNARY_GELU_TANH, gate, up);
    return loam_graph_add(g, loam_build_linear(b, h, "layer.1.DenseReluDense.wo", p->width, LOAM_BIAS_NONE), x);
}

loam_status loam_umt5_net(loam_weight_store *store, const loam_umt5_params *p, int64_t n, int first, int end,
                          loam_net *out, loam_err *err)
{
    loam_build b;
    *out = (loam_net){.n_pictures = 1};
    if (n < 1 || n > MAX_TOKENS)
        LOAM_FAIL(err, INVALID, "a prompt of %lld tokens: the text encoder takes 1 to %d", (long long)n, MAX_TOKENS);
    if (first < 0 || end <= first || end > p->n_layers || end - first >= LOAM_NET_MAX_ENDS)
        LOAM_FAIL(err, INVALID, "layers %d to %d of a text encoder of %d", first, end, p->n_layers);
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_build_enter(&b, "%s", p->part);
    int x;
    if (first == 0) {
        out->n_tokens = n;
        int tokens = loam_graph_fixed_tokens(b.g, n);
        x = loam_graph_embed(b.g, tokens, loam_build_table(&b, "shared.weight", p->n_vocab, p->width));
    } else {
        x = loam_net_input(&b, out, "hidden", n, p->width);
    }
    int n_given = out->n_in; /* the biases follow */
    for (int i = first; i < end; i++) {
        size_t scope = loam_build_enter(&b, "encoder.block.%d", i);
        x = layer_of(&b, x, p, loam_net_input(&b, out, "bias", p->n_heads * n, n));
        loam_build_leave(&b, scope);
    }
    if (end == p->n_layers)
        x = loam_build_rms_norm(&b, x, "encoder.final_layer_norm", p->eps);
    loam_net_output(&b, out, x);
    loam_status st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    const loam_weights *w = loam_weight_store_weights(store);
    for (int i = first; i < end && st == LOAM_OK; i++)
        st = write_bias(w, p, i, n, loam_net_in(out, n_given + i - first), err);
    if (st != LOAM_OK)
        loam_net_free(out);
    return st;
}

static loam_status check(const loam_umt5_params *p, const loam_umt5_prompt *prompt, int64_t n_rows, loam_err *err)
{
    if (prompt->n < 1 || prompt->n > n_rows)
        LOAM_FAIL(err, INVALID, "a prompt of %lld tokens: 1 to %lld are possible", (long long)prompt->n,
                  (long long)n_rows);
    for (int64_t i = 0; i < prompt->n; i++)
        if (prompt->tokens[i] < 0 || prompt->tokens[i] >= p->n_vocab)
            LOAM_FAIL(err, INVALID, "token %d: the text encoder knows %lld; its tokenizer belongs to another model",
                      (int)prompt->tokens[i], (long long)p->n_vocab);
    return LOAM_OK;
}

/* Takes one prompt through layers [first, end); its hidden states are in prompt->out. */
static loam_status run_layers(loam_weight_store *store, const loam_umt5_params *p, const loam_umt5_prompt *prompt,
                              int first, int end, loam_err *err)
{
    loam_net net;
    size_t bytes = (size_t)(prompt->n * p->width) * sizeof(float);
    LOAM_TRY(loam_umt5_net(store, p, prompt->n, first, end, &net, err));
    if (first > 0)
        memcpy(loam_net_in(&net, 0), prompt->out, bytes);
    loam_status st = loam_net_run(&net, first == 0 ? prompt->tokens : NULL, NULL, err);
    if (st == LOAM_OK)
        memcpy(prompt->out, loam_net_out(&net, 0), bytes);
    loam_net_free(&net);
    return st;
}

/* How many layers have room for their biases in one net. */
static int layers_at_once(const loam_umt5_params *p, int64_t n)
{
    int64_t bytes = p->n_heads * n * n * (int64_t)sizeof(float), k = BIAS_BYTES / bytes;
    return k < 1 ? 1 : k >= LOAM_NET_MAX_ENDS ? LOAM_NET_MAX_ENDS - 1 : (int)k;
}

static loam_status encode_layers(loam_weight_store *store, const loam_umt5_params *p, const loam_umt5_prompt *prompts,
                                 int n_prompts, int first, int end, loam_err *err)
{
    for (int j = 0; j < n_prompts; j++) {
        int step = layers_at_once(p, prompts[j].n);
        for (int i = first; i < end; i += step)
            LOAM_TRY(run_layers(store, p, &prompts[j], i, i + step < end ? i + step : end, err));
    }
    return LOAM_OK;
}

static loam_status begin(const loam_umt5_params *p, const loam_umt5_prompt *prompts, int n_prompts, int64_t n_rows,
                         loam_err *err)
{
    for (int j = 0; j < n_prompts; j++)
        LOAM_TRY(check(p, &prompts[j], n_rows, err));
    for (int j = 0; j < n_prompts; j++)
        memset(prompts[j].out, 0, (size_t)(n_rows * p->width) * sizeof(float));
    return LOAM_OK;
}

loam_status loam_umt5_encode(loam_weight_store *store, const loam_umt5_params *p, const loam_umt5_prompt *prompts,
                             int n_prompts, int64_t n_rows, loam_err *err)
{
    LOAM_TRY(begin(p, prompts, n_prompts, n_rows, err));
    return encode_layers(store, p, prompts, n_prompts, 0, p->n_layers, err);
}

loam_status loam_umt5_encode_layer(const loam_device_api *api, loam_device *device, const loam_weights *w,
                                   loam_dtype type, const loam_umt5_params *p, const loam_umt5_prompt *prompts,
                                   int n_prompts, int64_t n_rows, int layer, loam_err *err)
{
    loam_weight_store *store = NULL;
    if (layer == 0)
        LOAM_TRY(begin(p, prompts, n_prompts, n_rows, err));
    LOAM_TRY(loam_weight_store_new(api, device, w, type, &store, err));
    loam_status st = encode_layers(store, p, prompts, n_prompts, layer, layer + 1, err);
    loam_weight_store_free(store);
    return st;
}

loam_status loam_umt5_encode_streamed(const loam_device_api *api, loam_device *device, const loam_weights *w,
                                      loam_dtype type, const loam_umt5_params *p, const loam_umt5_prompt *prompts,
                                      int n_prompts, int64_t n_rows, loam_err *err)
{
    for (int i = 0; i < p->n_layers; i++)
        LOAM_TRY(loam_umt5_encode_layer(api, device, w, type, p, prompts, n_prompts, n_rows, i, err));
    return LOAM_OK;
}
