/* Pre-norm transformer with a causal mask: x += out(attention(norm(x))); x += fc2(act(fc1(norm(x)))). */
#include "model/clip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"

loam_status loam_clip_read(const loam_weights *w, const char *part, loam_clip_params *out, loam_err *err)
{
    char name[160];
    *out = (loam_clip_params){.part = part, .eps = 1e-5f};
    snprintf(name, sizeof name, "%s.text_model.embeddings.token_embedding.weight", part);
    const loam_weight_view *table = loam_weights_find(w, name);
    snprintf(name, sizeof name, "%s.text_model.embeddings.position_embedding.weight", part);
    const loam_weight_view *positions = loam_weights_find(w, name);
    if (!table || !positions || table->n_dims != 2 || positions->n_dims != 2)
        LOAM_FAIL(err, CORRUPT, "%s: the text encoder '%s' is missing or incomplete", loam_weights_path(w), part);
    out->n_vocab = table->shape[0];
    out->width = table->shape[1];
    out->n_ctx = positions->shape[0];
    snprintf(name, sizeof name, "%s.text_model.encoder.layers", part);
    out->n_layers = loam_weights_count(w, name);
    snprintf(name, sizeof name, "%s.text_projection.weight", part);
    const loam_weight_view *projection = loam_weights_find(w, name);
    out->projection = projection && projection->n_dims == 2 ? projection->shape[0] : 0;
    out->n_heads = (int)(out->width / 64);
    out->act = out->width > 768 ? LOAM_UNARY_GELU : LOAM_UNARY_QUICK_GELU;
    loam_config *c = NULL;
    LOAM_TRY(loam_config_open(w, part, &c, err));
    out->n_heads = (int)loam_config_i64(c, "num_attention_heads", out->n_heads);
    out->eps = (float)loam_config_f64(c, "layer_norm_eps", out->eps);
    const char *act = loam_config_str(c, "hidden_act", NULL);
    if (act)
        out->act = strcmp(act, "quick_gelu") == 0 ? LOAM_UNARY_QUICK_GELU : LOAM_UNARY_GELU;
    loam_config_close(c);
    if (out->n_layers < 1 || out->n_heads < 1 || out->width % out->n_heads || out->n_ctx < 3 || out->n_ctx > 4096)
        LOAM_FAIL(err, CORRUPT, "%s: the text encoder '%s' has %d layers, width %lld and %d heads",
                  loam_weights_path(w), part, out->n_layers, (long long)out->width, out->n_heads);
    return LOAM_OK;
}

static int layer(loam_build *b, int x, const loam_clip_params *p, int64_t n)
{
    loam_graph *g = b->g;
    const float scale = 1.0f / sqrtf((float)(p->width / p->n_heads));
    int h = loam_build_layer_norm(b, x, "layer_norm1", p->eps);
    int q = loam_build_linear(b, h, "self_attn.q_proj", p->width, LOAM_BIAS_YES);
    int k = loam_build_linear(b, h, "self_attn.k_proj", p->width, LOAM_BIAS_YES);
    int v = loam_build_linear(b, h, "self_attn.v_proj", p->width, LOAM_BIAS_YES);
    h = loam_graph_attend(g, q, k, v, -1, n, p->n_heads, scale, true);
    x = loam_graph_add(g, loam_build_linear(b, h, "self_attn.out_proj", p->width, LOAM_BIAS_YES), x);
    h = loam_build_layer_norm(b, x, "layer_norm2", p->eps);
    h = loam_graph_unary(g, p->act, loam_build_linear(b, h, "mlp.fc1", 0, LOAM_BIAS_YES));
    return loam_graph_add(g, loam_build_linear(b, h, "mlp.fc2", p->width, LOAM_BIAS_YES), x);
}

loam_status loam_clip_net(loam_weight_store *store, const loam_clip_params *p, int64_t n, int skip, bool norm,
                          bool project, loam_net *out, loam_err *err)
{
    loam_build b;
    *out = (loam_net){.n_tokens = n * p->n_ctx};
    if (skip < 0 || skip >= p->n_layers)
        LOAM_FAIL(err, INVALID, "clip skip of %d: the text encoder has %d layers", skip + 1, p->n_layers);
    LOAM_TRY(loam_build_begin(&b, store, err));
    loam_graph *g = b.g;
    loam_build_enter(&b, "%s.text_model", p->part);
    int tokens = loam_graph_fixed_tokens(g, out->n_tokens), positions = loam_graph_fixed_positions(g, out->n_tokens);
    int x =
        loam_graph_embed(g, tokens, loam_build_table(&b, "embeddings.token_embedding.weight", p->n_vocab, p->width));
    int at = loam_graph_embed(g, positions,
                              loam_build_table(&b, "embeddings.position_embedding.weight", p->n_ctx, p->width));
    x = loam_graph_add(g, x, at);
    int last = project ? p->n_layers : p->n_layers - skip, hidden = -1;
    for (int i = 0; i < last; i++) {
        size_t scope = loam_build_enter(&b, "encoder.layers.%d", i);
        x = layer(&b, x, p, n);
        loam_build_leave(&b, scope);
        if (i + 1 == p->n_layers - skip)
            hidden = x;
    }
    loam_net_output(&b, out, norm ? loam_build_layer_norm(&b, hidden, "final_layer_norm", p->eps) : hidden);
    if (project) {
        x = loam_build_layer_norm(&b, x, "final_layer_norm", p->eps);
        b.prefix[0] = '\0';
        loam_build_enter(&b, "%s", p->part);
        loam_net_output(&b, out, loam_build_linear(&b, x, "text_projection", p->projection, LOAM_BIAS_NONE));
    }
    loam_status st = loam_net_plan(&b, out, err);
    loam_build_end(&b);
    return st;
}

loam_status loam_clip_run(loam_net *net, const loam_clip_params *p, const int32_t *tokens, loam_err *err)
{
    for (int64_t i = 0; i < net->n_tokens; i++)
        if (tokens[i] < 0 || tokens[i] >= p->n_vocab)
            LOAM_FAIL(err, INVALID, "token %d: the text encoder knows %lld; its tokenizer belongs to another model",
                      (int)tokens[i], (long long)p->n_vocab);
    int32_t *positions = malloc((size_t)net->n_tokens * sizeof *positions);
    if (!positions)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the prompt");
    for (int64_t i = 0; i < net->n_tokens; i++)
        positions[i] = (int32_t)(i % p->n_ctx);
    loam_status st = loam_net_run(net, tokens, positions, err);
    free(positions);
    return st;
}

int64_t loam_clip_end(const loam_clip_params *p, const int32_t *tokens)
{
    int64_t end = 0; /* it has the highest id; the first of them counts, padding may repeat it */
    for (int64_t i = 1; i < p->n_ctx; i++)
        if (tokens[i] > tokens[end])
            end = i;
    return end;
}
