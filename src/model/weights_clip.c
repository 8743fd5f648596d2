/* Text encoders: CLIP as transformers names it, OpenCLIP's own names (fused q, k, v; a projection that lies
 * transposed), T5 and UMT5 as Wan, transformers and llama.cpp name them. */
#include <stdio.h>
#include <string.h>

#include "model/weights_int.h"

void loam_names_clip(loam_name *n, bool *transposed)
{
    if (loam_starts(n->text, "encoder.layers.") || loam_starts(n->text, "embeddings.") ||
        loam_starts(n->text, "final_layer_norm."))
        loam_name_splice(n, 0, 0, "text_model.");
    /* stable-diffusion.cpp keeps OpenCLIP's projection under this name */
    if (strcmp(n->text, "text_model.text_projection") == 0 || strcmp(n->text, "text_projection") == 0) {
        loam_name_set(n, "text_projection.weight");
        *transposed = true;
    }
}

static const char *const openclip_ends[][2] = {
    {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
    {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
    {"ln_final.", "text_model.final_layer_norm."},
    {"text_projection", "text_projection.weight"},
};
static const char *const openclip_layer[][2] = {
    {".ln_1.", ".layer_norm1."},   {".ln_2.", ".layer_norm2."}, {".mlp.c_fc.", ".mlp.fc1."},
    {".mlp.c_proj.", ".mlp.fc2."}, {".attn.", ".self_attn."},
};

void loam_names_openclip(loam_name *n, bool *thirds, bool *transposed)
{
    if (loam_starts(n->text, "text_model.") || strcmp(n->text, "text_projection.weight") == 0) {
        loam_names_clip(n, transposed);
        return;
    }
    *transposed = strcmp(n->text, "text_projection") == 0;
    for (size_t i = 0; i < sizeof openclip_ends / sizeof *openclip_ends; i++)
        if (loam_name_swap_head(n, openclip_ends[i][0], openclip_ends[i][1]))
            return;
    if (!loam_name_swap_head(n, "transformer.resblocks.", "text_model.encoder.layers."))
        return;
    loam_name_swap_pairs(n, openclip_layer, sizeof openclip_layer / sizeof *openclip_layer);
    *thirds =
        loam_name_swap(n, ".in_proj_weight", ".?_proj.weight") || loam_name_swap(n, ".in_proj_bias", ".?_proj.bias");
}

/* Wan's own names, then llama.cpp's. */
static const char *const t5_ends[][2] = {
    {"token_embedding.weight", "shared.weight"},      {"norm.weight", "encoder.final_layer_norm.weight"},
    {"token_embd.weight", "shared.weight"},           {"enc.output_norm.weight", "encoder.final_layer_norm.weight"},
    {"encoder.embed_tokens.weight", "shared.weight"},
};
static const char *const t5_layer[][2] = {
    {"attn.q.", "layer.0.SelfAttention.q."},
    {"attn.k.", "layer.0.SelfAttention.k."},
    {"attn.v.", "layer.0.SelfAttention.v."},
    {"attn.o.", "layer.0.SelfAttention.o."},
    {"pos_embedding.embedding.", "layer.0.SelfAttention.relative_attention_bias."},
    {"norm1.", "layer.0.layer_norm."},
    {"norm2.", "layer.1.layer_norm."},
    {"ffn.gate.0.", "layer.1.DenseReluDense.wi_0."},
    {"ffn.fc1.", "layer.1.DenseReluDense.wi_1."},
    {"ffn.fc2.", "layer.1.DenseReluDense.wo."},
    {"attn_q.", "layer.0.SelfAttention.q."},
    {"attn_k.", "layer.0.SelfAttention.k."},
    {"attn_v.", "layer.0.SelfAttention.v."},
    {"attn_o.", "layer.0.SelfAttention.o."},
    {"attn_rel_b.", "layer.0.SelfAttention.relative_attention_bias."},
    {"attn_norm.", "layer.0.layer_norm."},
    {"ffn_norm.", "layer.1.layer_norm."},
    {"ffn_gate.", "layer.1.DenseReluDense.wi_0."},
    {"ffn_up.", "layer.1.DenseReluDense.wi_1."},
    {"ffn_down.", "layer.1.DenseReluDense.wo."},
};

void loam_names_t5(loam_name *n)
{
    for (size_t i = 0; i < sizeof t5_ends / sizeof *t5_ends; i++)
        if (strcmp(n->text, t5_ends[i][0]) == 0) {
            loam_name_set(n, t5_ends[i][1]);
            return;
        }
    size_t head = loam_starts(n->text, "blocks.") ? 7 : loam_starts(n->text, "enc.blk.") ? 8 : 0;
    int block;
    const char *rest = head ? loam_name_index(n->text + head, &block) : NULL;
    if (!rest)
        return;
    size_t at = (size_t)(rest - n->text);
    for (size_t i = 0; i < sizeof t5_layer / sizeof *t5_layer; i++)
        if (loam_starts(n->text + at, t5_layer[i][0])) {
            loam_name_splice(n, at, strlen(t5_layer[i][0]), t5_layer[i][1]);
            loam_name_splice(n, 0, head, "encoder.block.");
            return;
        }
}
