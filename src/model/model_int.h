/* Inside a loaded model: hyper-parameters read from the file, bound weights, the planned graph. */
#ifndef LOAM_MODEL_INT_H
#define LOAM_MODEL_INT_H

#include "graph/graph.h"
#include "model/model.h"

/* One decoder-only transformer of the llama family, as its GGUF keys describe it. */
typedef struct loam_hparams {
    char arch[32];
    int n_layers, n_embd, n_ff, n_heads, n_kv_heads, head_dim, n_vocab, n_ctx_train;
    float rms_eps;
    loam_rope_params rope;
} loam_hparams;

/* Reads and checks the keys of arch ("llama", "qwen2", "qwen3"); neox pairing is the architecture's. */
loam_status loam_hparams_read(const loam_gguf *g, const char *arch, bool neox, loam_hparams *out, loam_err *err);

/* One weight of the device with what the graph needs to know; w NULL: absent (optional ones). */
typedef struct loam_bound_weight {
    loam_weight *w;
    loam_dtype dtype;
    int64_t n, k;
    bool vector;
    char name[128];
} loam_bound_weight;

typedef struct loam_layer_weights {
    loam_bound_weight attn_norm, q, k, v, q_bias, k_bias, v_bias, q_norm, k_norm, o, ffn_norm, gate, up, down;
} loam_layer_weights;

struct loam_model {
    loam_gguf *gguf;
    loam_hparams hp;
    loam_model_info info;
    char *name; /* of info */
    const loam_device_api *api;
    loam_device *device;
    loam_bound_weight token_embd, output_norm, output, rope_factors;
    size_t bound_bytes; /* of the file, by all weights so far */
    bool tied;          /* output is token_embd */
    loam_layer_weights *layers;
    loam_kv **kv; /* per layer */
    loam_graph *graph;
    loam_program *program;
    int logits;  /* tensor */
    int *hidden; /* tensor per layer, with keep_hidden */
    int *held;   /* per sequence: positions computed so far */
    /* of the current step */
    int32_t *tokens, *positions, *output_rows;
    loam_step_span *spans;
};

/* Binds the weights of the llama family by name and shape. */
loam_status loam_llama_bind(loam_model *m, loam_err *err);
/* Builds the graph: m->graph, m->logits, m->hidden. */
loam_status loam_llama_build(loam_model *m, bool keep_hidden, loam_err *err);
void loam_llama_unbind(loam_model *m);

#endif
