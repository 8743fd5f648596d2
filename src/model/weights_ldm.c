/* Names of the original latent-diffusion code (Rombach et al. 2022) to those of diffusers: the UNet's numbered
 * input_blocks, middle_block and output_blocks, and the VAE's down, mid and up, of which the latter are counted from
 * the fine level upwards. */
#include <stdio.h>
#include <string.h>

#include "model/weights_int.h"

#define PAIRS(p) p, sizeof p / sizeof *p

static const char *const unet_ends[][2] = {
    {"time_embed.0.", "time_embedding.linear_1."},
    {"time_embed.2.", "time_embedding.linear_2."},
    {"label_emb.0.0.", "add_embedding.linear_1."},
    {"label_emb.0.2.", "add_embedding.linear_2."},
    {"input_blocks.0.0.", "conv_in."},
    {"out.0.", "conv_norm_out."},
    {"out.2.", "conv_out."},
};
static const char *const unet_resnet[][2] = {
    {"in_layers.0.", "norm1."},  {"in_layers.2.", "conv1."},          {"out_layers.0.", "norm2."},
    {"out_layers.3.", "conv2."}, {"emb_layers.1.", "time_emb_proj."}, {"skip_connection.", "conv_shortcut."},
};

/* The rest of a name behind its block: "<head>" + rest, with a resnet's layers renamed. */
static void put_block(loam_name *n, const char *head, const char *rest, bool resnet)
{
    loam_name tail;
    loam_name_set(&tail, rest);
    for (size_t i = 0; resnet && i < sizeof unet_resnet / sizeof *unet_resnet; i++)
        if (loam_name_swap_head(&tail, unet_resnet[i][0], unet_resnet[i][1]))
            break;
    n->failed |= tail.failed;
    loam_name_splice(n, 0, strlen(n->text), "");
    loam_name_splice(n, 0, 0, tail.text);
    loam_name_splice(n, 0, 0, head);
}

void loam_names_unet(const loam_names_facts *f, loam_name *n)
{
    for (size_t i = 0; i < sizeof unet_ends / sizeof *unet_ends; i++)
        if (loam_name_swap_head(n, unet_ends[i][0], unet_ends[i][1]))
            return;
    char head[64], rest[sizeof n->text];
    bool in = loam_starts(n->text, "input_blocks."), out = loam_starts(n->text, "output_blocks.");
    int block, sub, period = f->unet_period > 0 ? f->unet_period : 3;
    const char *p;
    if (in || out) {
        if (!(p = loam_name_index(strchr(n->text, '.') + 1, &block)) || !(p = loam_name_index(p, &sub)))
            return;
        if (in)
            block--; /* conv_in is the first */
        snprintf(rest, sizeof rest, "%s", p);
        const char *side = in ? "down" : "up", *what = sub == 0 ? "resnets" : "attentions";
        int level = block / period, index = block % period;
        if (in && sub == 0 && loam_starts(rest, "op.")) {
            snprintf(head, sizeof head, "down_blocks.%d.downsamplers.0.conv.", level);
            put_block(n, head, rest + 3, false);
        } else if (out && sub > 0 && loam_starts(rest, "conv.")) {
            snprintf(head, sizeof head, "up_blocks.%d.upsamplers.0.", level);
            put_block(n, head, rest, false);
        } else {
            snprintf(head, sizeof head, "%s_blocks.%d.%s.%d.", side, level, what, index);
            put_block(n, head, rest, sub == 0);
        }
    } else if (loam_starts(n->text, "middle_block.")) {
        if (!(p = loam_name_index(n->text + strlen("middle_block."), &sub)))
            return;
        snprintf(rest, sizeof rest, "%s", p);
        snprintf(head, sizeof head, "mid_block.%s.%d.", sub % 2 ? "attentions" : "resnets", sub / 2);
        put_block(n, head, rest, sub % 2 == 0);
    }
}

static const char *const vae_attention[][2] = {
    {".norm.", ".group_norm."},   {".q.", ".to_q."},   {".k.", ".to_k."},     {".v.", ".to_v."},
    {".query.", ".to_q."},        {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."},
    {".proj_out.", ".to_out.0."},
};

void loam_names_vae(const loam_names_facts *f, loam_name *n)
{
    char head[64];
    int level, used = 0;
    const char *at, *p;
    if (!loam_starts(n->text, "encoder.") && !loam_starts(n->text, "decoder."))
        return;
    loam_name_swap(n, ".nin_shortcut.", ".conv_shortcut.");
    const size_t start = strlen("encoder.");
    at = n->text + start;
    if (loam_starts(at, "down.") && (p = loam_name_index(at + 5, &level))) {
        snprintf(head, sizeof head, "down_blocks.%d.", level);
    } else if (loam_starts(at, "up.") && (p = loam_name_index(at + 3, &level)) && level < f->vae_levels) {
        snprintf(head, sizeof head, "up_blocks.%d.", f->vae_levels - 1 - level);
    } else if (loam_starts(at, "mid.block_") && (p = loam_name_index(at + 10, &level)) && level > 0) {
        snprintf(head, sizeof head, "mid_block.resnets.%d.", level - 1);
    } else if (loam_starts(at, "mid.attn_1.")) {
        snprintf(head, sizeof head, "mid_block.attentions.0.");
        p = at + 11;
    } else {
        if (loam_starts(at, "norm_out.") && !loam_ends(at, ".gamma"))
            loam_name_splice(n, start, 0, "conv_");
        else if (loam_starts(at, "mid_block.attentions.") && !strstr(at, ".to_") && !strstr(at, ".proj."))
            loam_name_swap_pairs(n, PAIRS(vae_attention)); /* diffusers before 0.17; Wan has to_qkv and proj */
        return;
    }
    used = (int)(p - at);
    loam_name_splice(n, start, (size_t)used, head);
    if (strstr(n->text, ".attentions."))
        loam_name_swap_pairs(n, PAIRS(vae_attention));
    loam_name_swap(n, ".block.", ".resnets.");
    loam_name_swap(n, ".downsample.", ".downsamplers.0.");
    loam_name_swap(n, ".upsample.", ".upsamplers.0.");
}
