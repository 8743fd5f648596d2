/* The llama family: Llama 1-3, SmolLM2, Mistral, TinyLlama ("llama"), Qwen2 (biases on q, k, v) and Qwen3 (a norm on
 * each head of q and k). Pre-norm decoder (Touvron et al. 2023): x += O·attention(norm(x)); x += D·swiglu(norm(x)). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_int.h"

/* Looks a tensor up, checks its shape [n, k] (n 0: a vector of k) and brings it to the device. */
static loam_status bind(loam_model *m, loam_bound_weight *b, int64_t n, int64_t k, bool required, bool products,
                        bool rows, const char *fmt, int layer, loam_err *err)
{
    snprintf(b->name, sizeof b->name, fmt, layer);
    const loam_gguf_tensor *t = loam_gguf_find_tensor(m->gguf, b->name);
    b->n = n ? n : 1;
    b->k = k;
    b->vector = n == 0;
    if (!t) {
        if (required)
            LOAM_FAIL(err, CORRUPT, "the tensor '%s' is missing: the file is not a complete %s model", b->name,
                      m->hp.arch);
        return LOAM_OK;
    }
    bool fits = n == 0 ? t->n_dims == 1 && t->shape[0] == k : t->n_dims == 2 && t->shape[0] == n && t->shape[1] == k;
    if (!fits)
        LOAM_FAIL(err, CORRUPT, "the tensor '%s' has the shape [%lld, %lld]; the model's keys ask for [%lld, %lld]",
                  b->name, t->n_dims > 1 ? (long long)t->shape[0] : 1LL, (long long)t->shape[t->n_dims - 1],
                  (long long)b->n, (long long)k);
    if (!loam_dtype_from_ggml(t->ggml_type, &b->dtype) || b->dtype == LOAM_DTYPE_I32) {
        const loam_ggml_type *type = loam_ggml_type_get(t->ggml_type);
        LOAM_FAIL(err, UNSUPPORTED,
                  "the tensor '%s' is of type %s, which Loam does not compute with; use Q4_0, Q4_K, Q8_0 or another of "
                  "the types in `loam model inspect --help`",
                  b->name, type ? type->name : "unknown");
    }
    /* without this a small file could claim the same bytes for thousands of weights, each packed anew */
    m->bound_bytes += t->bytes;
    if (m->bound_bytes > loam_gguf_map(m->gguf)->size)
        LOAM_FAIL(err, CORRUPT, "the tensor '%s' and those before it need more bytes than the file has: they overlap",
                  b->name);
    loam_status st = m->api->weight_new(m->device, b->dtype, b->n, k, t->data, products, rows, &b->w, err);
    if (st != LOAM_OK) {
        loam_err_prefix(err, "tensor '%s'", b->name);
        return st;
    }
    if (products) /* the packed copy is what is read from now on */
        loam_file_map_release(loam_gguf_map(m->gguf), t->offset, t->bytes);
    size_t bytes = m->api->weight_bytes(b->w);
    m->info.weight_bytes += bytes + (rows && !products ? t->bytes : 0);
    m->info.step_bytes += bytes;
    m->info.n_params += b->n * k;
    return LOAM_OK;
}

/* Tensors that the graph has no place for, but without which the answers would be wrong. */
static loam_status refuse_other_biases(const loam_model *m, int layer, loam_err *err)
{
    static const char *const others[] = {"attn_output", "ffn_gate", "ffn_up", "ffn_down", "attn_norm", "ffn_norm"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%d.%s.bias", layer, others[i]);
        if (loam_gguf_find_tensor(m->gguf, name))
            LOAM_FAIL(err, UNSUPPORTED, "the tensor '%s': Loam runs %s models without this bias only", name,
                      m->hp.arch);
    }
    return LOAM_OK;
}

#define MATRIX(field, n, k, name) \
    LOAM_TRY(bind(m, &w->field, n, k, true, true, false, "blk.%d." name ".weight", i, err))
#define VECTOR(field, k, required, name) \
    LOAM_TRY(bind(m, &w->field, 0, k, required, false, false, "blk.%d." name, i, err))

loam_status loam_llama_bind(loam_model *m, loam_err *err)
{
    loam_hparams *hp = &m->hp;
    int64_t c = hp->n_embd, q = (int64_t)hp->n_heads * hp->head_dim, kv = (int64_t)hp->n_kv_heads * hp->head_dim;
    const loam_gguf_tensor *embd = loam_gguf_find_tensor(m->gguf, "token_embd.weight");
    if (!embd || embd->n_dims != 2 || embd->shape[0] > 1 << 24)
        LOAM_FAIL(err, CORRUPT,
                  "the tensor 'token_embd.weight' is missing or no matrix: the file is not a complete %s model",
                  hp->arch);
    hp->n_vocab = (int)embd->shape[0];
    m->tied = !loam_gguf_find_tensor(m->gguf, "output.weight");
    LOAM_TRY(bind(m, &m->token_embd, hp->n_vocab, c, true, m->tied, true, "token_embd.weight", 0, err));
    LOAM_TRY(bind(m, &m->output_norm, 0, c, true, false, false, "output_norm.weight", 0, err));
    if (!m->tied)
        LOAM_TRY(bind(m, &m->output, hp->n_vocab, c, true, true, false, "output.weight", 0, err));
    LOAM_TRY(bind(m, &m->rope_factors, 0, hp->rope.n_rot / 2, false, false, false, "rope_freqs.weight", 0, err));
    m->layers = calloc((size_t)hp->n_layers, sizeof *m->layers);
    if (!m->layers)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %d layers", hp->n_layers);
    bool biases = strcmp(hp->arch, "qwen2") == 0, norms = strcmp(hp->arch, "qwen3") == 0;
    for (int i = 0; i < hp->n_layers; i++) {
        loam_layer_weights *w = &m->layers[i];
        LOAM_TRY(refuse_other_biases(m, i, err));
        VECTOR(attn_norm, c, true, "attn_norm.weight");
        MATRIX(q, q, c, "attn_q");
        MATRIX(k, kv, c, "attn_k");
        MATRIX(v, kv, c, "attn_v");
        VECTOR(q_bias, q, biases, "attn_q.bias");
        VECTOR(k_bias, kv, biases, "attn_k.bias");
        VECTOR(v_bias, kv, biases, "attn_v.bias");
        VECTOR(q_norm, hp->head_dim, norms, "attn_q_norm.weight");
        VECTOR(k_norm, hp->head_dim, norms, "attn_k_norm.weight");
        MATRIX(o, c, q, "attn_output");
        VECTOR(ffn_norm, c, true, "ffn_norm.weight");
        MATRIX(gate, hp->n_ff, c, "ffn_gate");
        MATRIX(up, hp->n_ff, c, "ffn_up");
        MATRIX(down, c, hp->n_ff, "ffn_down");
    }
    return LOAM_OK;
}

void loam_llama_unbind(loam_model *m)
{
    loam_bound_weight *own[] = {&m->token_embd, &m->output_norm, &m->output, &m->rope_factors};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        m->api->weight_free(m->device, own[i]->w);
    for (int i = 0; m->layers && i < m->hp.n_layers; i++) {
        loam_layer_weights *l = &m->layers[i];
        loam_bound_weight *all[] = {&l->attn_norm, &l->q,      &l->k, &l->v,        &l->q_bias, &l->k_bias, &l->v_bias,
                                    &l->q_norm,    &l->k_norm, &l->o, &l->ffn_norm, &l->gate,   &l->up,     &l->down};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            m->api->weight_free(m->device, all[j]->w);
    }
    free(m->layers);
    m->layers = NULL;
}

/* -1 for an absent weight. */
static int put(loam_graph *g, const loam_bound_weight *b)
{
    return b->w ? loam_graph_weight(g, b->name, b->w, b->dtype, b->n, b->k, b->vector) : -1;
}

loam_status loam_llama_build(loam_model *m, bool keep_hidden, loam_err *err)
{
    const loam_hparams *hp = &m->hp;
    loam_graph *g = m->graph = loam_graph_new();
    m->hidden = keep_hidden ? calloc((size_t)hp->n_layers, sizeof *m->hidden) : NULL;
    if (!g || (keep_hidden && !m->hidden))
        LOAM_FAIL(err, NO_MEMORY, "no memory for the model's graph");
    const float scale = 1.0f / sqrtf((float)hp->head_dim), eps = hp->rms_eps;
    int tokens = loam_graph_tokens(g), positions = loam_graph_positions(g), table = put(g, &m->token_embd);
    int angles = loam_graph_rope_table(g, positions, put(g, &m->rope_factors), &hp->rope);
    int x = loam_graph_embed(g, tokens, table);
    for (int i = 0; i < hp->n_layers; i++) {
        const loam_layer_weights *w = &m->layers[i];
        bool last = i == hp->n_layers - 1;
        char name[32];
        snprintf(name, sizeof name, "kv.%d", i);
        int kv = loam_graph_kv(g, name, m->kv[i], hp->n_kv_heads, hp->head_dim);

        int h = loam_graph_rms_norm(g, x, put(g, &w->attn_norm), eps);
        int q = loam_graph_matmul(g, h, put(g, &w->q), put(g, &w->q_bias));
        int k = loam_graph_matmul(g, h, put(g, &w->k), put(g, &w->k_bias));
        int v = loam_graph_matmul(g, h, put(g, &w->v), put(g, &w->v_bias));
        if (w->q_norm.w)
            q = loam_graph_rms_norm(g, q, put(g, &w->q_norm), eps);
        if (w->k_norm.w)
            k = loam_graph_rms_norm(g, k, put(g, &w->k_norm), eps);
        q = loam_graph_rope(g, q, angles, hp->n_heads, hp->head_dim, hp->rope.n_rot, hp->rope.neox);
        k = loam_graph_rope(g, k, angles, hp->n_kv_heads, hp->head_dim, hp->rope.n_rot, hp->rope.neox);
        loam_graph_kv_write(g, k, v, kv);
        int a = loam_graph_attention(g, q, kv, hp->n_heads, scale, 0);
        if (last) { /* from here on only the rows whose logits are wanted count */
            a = loam_graph_gather(g, a);
            x = loam_graph_gather(g, x);
        }
        x = loam_graph_add(g, x, loam_graph_matmul(g, a, put(g, &w->o), -1));
        h = loam_graph_rms_norm(g, x, put(g, &w->ffn_norm), eps);
        int gate = loam_graph_matmul(g, h, put(g, &w->gate), -1), up = loam_graph_matmul(g, h, put(g, &w->up), -1);
        x = loam_graph_add(g, x,
                           loam_graph_matmul(g, loam_graph_gate(g, LOAM_UNARY_SILU, gate, up), put(g, &w->down), -1));
        if (keep_hidden) {
            loam_graph_output(g, x);
            m->hidden[i] = x;
        }
    }
    x = loam_graph_rms_norm(g, x, put(g, &m->output_norm), eps);
    m->logits = loam_graph_matmul(g, x, m->tied ? table : put(g, &m->output), -1);
    loam_graph_output(g, m->logits);
    return LOAM_OK;
}
