/* Names of Wan's own code (Wan-Video/Wan2.1) to those of diffusers: the diffusion transformer and the causal VAE. */
#include <stdio.h>
#include <string.h>

#include "model/weights_int.h"

static const char *const ends[][2] = {
    {"time_embedding.0.", "condition_embedder.time_embedder.linear_1."},
    {"time_embedding.2.", "condition_embedder.time_embedder.linear_2."},
    {"text_embedding.0.", "condition_embedder.text_embedder.linear_1."},
    {"text_embedding.2.", "condition_embedder.text_embedder.linear_2."},
    {"time_projection.1.", "condition_embedder.time_proj."},
    {"head.modulation", "scale_shift_table"},
    {"head.head.", "proj_out."},
};
static const char *const block[][2] = {
    {".self_attn.", ".attn1."},
    {".cross_attn.", ".attn2."},
    {".q.", ".to_q."},
    {".k.", ".to_k."},
    {".v.", ".to_v."},
    {".o.", ".to_out.0."},
    {".ffn.0.", ".ffn.net.0.proj."},
    {".ffn.2.", ".ffn.net.2."},
    {".modulation", ".scale_shift_table"},
    {".norm3.", ".norm2."}, /* the only norm of a block with weights */
};

void loam_names_wan(loam_name *n)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (loam_name_swap_head(n, ends[i][0], ends[i][1]))
            return;
    if (loam_starts(n->text, "blocks."))
        loam_name_swap_pairs(n, block, sizeof block / sizeof *block);
}

static const char *const vae_ends[][2] = {
    {"encoder.conv1.", "encoder.conv_in."},
    {"decoder.conv1.", "decoder.conv_in."},
    {"encoder.head.0.", "encoder.norm_out."},
    {"encoder.head.2.", "encoder.conv_out."},
    {"decoder.head.0.", "decoder.norm_out."},
    {"decoder.head.2.", "decoder.conv_out."},
    {"conv1.", "quant_conv."},
    {"conv2.", "post_quant_conv."},
    {"encoder.middle.0.", "encoder.mid_block.resnets.0."},
    {"decoder.middle.0.", "decoder.mid_block.resnets.0."},
    {"encoder.middle.1.", "encoder.mid_block.attentions.0."},
    {"decoder.middle.1.", "decoder.mid_block.attentions.0."},
    {"encoder.middle.2.", "encoder.mid_block.resnets.1."},
    {"decoder.middle.2.", "decoder.mid_block.resnets.1."},
    {"encoder.downsamples.", "encoder.down_blocks."},
};
static const char *const vae_resnet[][2] = {
    {".residual.0.", ".norm1."}, {".residual.2.", ".conv1."},       {".residual.3.", ".norm2."},
    {".residual.6.", ".conv2."}, {".shortcut.", ".conv_shortcut."},
};

void loam_names_wan_vae(const loam_names_facts *f, loam_name *n)
{
    const size_t head = strlen("decoder.upsamples.");
    int i, period = f->wan_period > 1 ? f->wan_period : 4;
    char with[64];
    const char *rest;
    if (loam_starts(n->text, "decoder.upsamples.") && (rest = loam_name_index(n->text + head, &i))) {
        if (loam_starts(rest, "resample.") || loam_starts(rest, "time_conv."))
            snprintf(with, sizeof with, "decoder.up_blocks.%d.upsamplers.0.", i / period);
        else
            snprintf(with, sizeof with, "decoder.up_blocks.%d.resnets.%d.", i / period, i % period);
        loam_name_splice(n, 0, (size_t)(rest - n->text), with);
    } else {
        for (size_t j = 0; j < sizeof vae_ends / sizeof *vae_ends; j++)
            if (loam_name_swap_head(n, vae_ends[j][0], vae_ends[j][1]))
                break;
    }
    for (size_t j = 0; j < sizeof vae_resnet / sizeof *vae_resnet; j++)
        if (loam_name_swap(n, vae_resnet[j][0], vae_resnet[j][1]))
            break;
}
