/* Which part of a model a name of a file belongs to, and what diffusers calls it there. */
#include <stdio.h>
#include <string.h>

#include "model/weights_int.h"

/* Prefixes of whole checkpoints. The first that fits counts. */
typedef enum prefix_kind { DIT_OR_UNET, PART, CLIP, OPENCLIP, T5 } prefix_kind;
static const struct {
    const char *prefix, *part;
    prefix_kind kind;
} prefixes[] = {
    {"model.diffusion_model.", NULL, DIT_OR_UNET},
    {"first_stage_model.", "vae", PART},
    {"cond_stage_model.1.transformer.", "text_encoder_2", OPENCLIP},
    {"cond_stage_model.1.model.", "text_encoder_2", OPENCLIP},
    {"cond_stage_model.transformer.", "text_encoder", CLIP},
    {"cond_stage_model.0.transformer.", "text_encoder", CLIP},
    {"conditioner.embedders.0.transformer.", "text_encoder", CLIP},
    {"conditioner.embedders.1.transformer.", "text_encoder_2", OPENCLIP},
    {"conditioner.embedders.1.model.", "text_encoder_2", OPENCLIP},
    {"text_encoders.clip_l.transformer.", "text_encoder", CLIP},
    {"text_encoders.clip_g.transformer.", "text_encoder_2", OPENCLIP},
    {"text_encoders.umt5xxl.transformer.", "text_encoder", T5},
    {"text_encoders.t5xxl.transformer.", "text_encoder", T5},
    /* canonical names: one file for all parts */
    {"unet.", "unet", PART},
    {"text_encoder_2.", "text_encoder_2", OPENCLIP},
    {"text_encoder.encoder.block.", "text_encoder", PART},
    {"text_encoder.", "text_encoder", CLIP},
    {"vae.", "vae", PART},
    {"taesd.", "taesd", PART},
    {"taehv.", "taehv", PART},
    {"motion.", "motion", PART},
    {"transformer.", "transformer", PART},
};

/* Left over from training, or computed anew by the programs that use them. */
static const char *const extras[] = {
    "model_ema.",
    "ema.",
    "alphas_cumprod",
    "betas",
    "sqrt_",
    "log_one_minus_",
    "posterior_",
    "logvar",
    "lvlb_weights",
    "denoiser.",
    "loss.",
    "discriminator.",
    "embedding_manager.",
    "v_pred",
    "ztsnr",
    "edm_vpred",
    "scale_factor",
    "global_step",
    "first_stage_model.loss.",
    "first_stage_model.model_ema.",
    "cond_stage_model.logit_scale",
    "cond_stage_model.text_projection",
    "__index_timestep_zero__",
};
static const char *const extras_in[] = {"position_ids", "logit_scale", "num_batches_tracked",
                                        ".attention_blocks.1.pos_encoder."};

/* Which part a file without prefixes is: the first of these that a name starts with (or holds, with '*' in front). */
static const struct {
    const char *sign, *part;
} signs[] = {
    {"*motion_modules.", "motion"},
    {"input_blocks.0.0.", "unet"},
    {"down_blocks.0.resnets.", "unet"},
    {"time_embedding.linear_1.", "unet"},
    {"encoder.layers.0.", "taesd"},
    {"decoder.layers.0.", "taesd"},
    {"encoder.conv_in.", "vae"},
    {"decoder.conv_in.", "vae"},
    {"encoder.conv1.", "vae"},
    {"decoder.conv1.", "vae"},
    {"encoder.middle.", "vae"},
    {"decoder.middle.", "vae"},
    {"text_model.", "text_encoder"},
    {"transformer.resblocks.", "text_encoder_2"},
    {"encoder.block.0.", "text_encoder"},
    {"enc.blk.0.", "text_encoder"},
    {"blocks.0.attn.q.", "text_encoder"},
    {"blocks.0.self_attn.", "transformer"},
    {"blocks.0.attn1.", "transformer"},
};

/* Marks of other models' own or diffusers' names. */
static const struct {
    const char *sign, *model;
} foreign[] = {
    {"txt_in.individual_token_refiner.", "HunyuanVideo"},
    {"distilled_guidance_layer.", "Chroma"},
    {"double_stream_modulation_img.", "FLUX.2"},
    {"double_blocks.0.img_attn.", "FLUX"},
    {"single_transformer_blocks.", "FLUX"},
    {"double_blocks.0.", "a FLUX-like model"},
    {"joint_blocks.0.", "Stable Diffusion 3"},
    {"transformer_blocks.0.norm1_context.", "Stable Diffusion 3"},
    {"transformer_blocks.0.img_mod.", "Qwen-Image"},
    {"context_refiner.0.", "Lumina or Z-Image"},
    {"double_layers.0.", "AuraFlow"},
    {"patchify_proj.", "LTX-Video"},
    {"scale_shift_table_a2v", "LTX-2"},
    {"blocks.0.attn.qkv_x.", "Mochi"},
    {"vace_blocks.", "Wan VACE"},
    {"img_emb.proj.", "Wan image to video"},
    {"condition_embedder.image_embedder.", "Wan image to video"},
    {"motion_encoder.", "Wan Animate"},
    {"t_embedder.mlp.0.", "another diffusion transformer"},
    {"adaln_single.", "PixArt"},
    {"cond_stage_model.model.", "Stable Diffusion 2"},
    {"conditioner.embedders.0.model.", "the SDXL refiner"},
    {"control_model.", "a ControlNet"},
    {"controlnet_cond_embedding.", "a ControlNet"},
    {"controlnet_down_blocks.", "a ControlNet"},
    {"clip_txt_mapper.", "Stable Cascade"},
    {"decoder.stages.", "a deep-compression autoencoder"},
    {"quantize.embedding.", "a VQ model"},
    {"blk.0.attn_q.", "a language model"},
    {"model.layers.0.self_attn.", "a language model"},
    {"lora_unet_", "a LoRA adapter, which is given beside a model"},
    {"lora_te", "a LoRA adapter, which is given beside a model"},
};
/* The same wherever in a name. */
static const struct {
    const char *sign, *model;
} foreign_in[] = {
    {".lora_A.", "a LoRA adapter, which is given beside a model"},
    {".lora_down.", "a LoRA adapter, which is given beside a model"},
    {".lora.down.", "a LoRA adapter, which is given beside a model"},
    {".scale_weight", "a file in scaled 8 bits"},
};

const char *loam_names_foreign(const loam_raw_names *r)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        for (size_t j = 0; j < r->n; j++) {
            const char *s = r->names[j];
            s += loam_starts(s, "model.diffusion_model.") ? strlen("model.diffusion_model.") : 0;
            s += loam_starts(s, "transformer.") ? strlen("transformer.") : 0;
            if (loam_starts(s, foreign[i].sign))
                return foreign[i].model;
        }
    for (size_t i = 0; i < sizeof foreign_in / sizeof *foreign_in; i++)
        if (loam_raw_any_in(r, foreign_in[i].sign))
            return foreign_in[i].model;
    return NULL;
}

/* TAESD and TAEHV: nothing but a sequence's numbers, perhaps behind "encoder." or "decoder.". */
static const char *numbered_part(const loam_raw_names *r)
{
    bool any = false, grows = false;
    for (size_t i = 0; i < r->n; i++) {
        int n;
        const char *s = r->names[i];
        s += loam_starts(s, "encoder.") || loam_starts(s, "decoder.") ? 8 : 0;
        const char *rest = loam_name_index(s, &n);
        if (!rest)
            continue;
        any = true;
        grows |= loam_starts(rest, "conv.weight"); /* TPool and TGrow; TAESD's blocks have conv.0, conv.2, conv.4 */
    }
    return !any ? NULL : grows ? "taehv" : "taesd";
}

/* The largest index behind head plus 1; with `rest`, the smallest index followed by it plus 1. */
static int levels(const loam_raw_names *r, const char *head, const char *rest)
{
    int out = 0;
    for (size_t i = 0; i < r->n; i++) {
        const char *p = strstr(r->names[i], head);
        int n;
        if (!p || !(p = loam_name_index(p + strlen(head), &n)))
            continue;
        if (!rest)
            out = n + 1 > out ? n + 1 : out;
        else if (loam_starts(p, rest) && (out == 0 || n + 1 < out))
            out = n + 1;
    }
    return out;
}

void loam_names_look(const loam_raw_names *r, const char *part, loam_names_facts *out)
{
    *out = (loam_names_facts){.part = part};
    for (size_t i = 0; !out->part && i < sizeof signs / sizeof *signs; i++)
        if (signs[i].sign[0] == '*' ? loam_raw_any_in(r, signs[i].sign + 1) : loam_raw_any(r, signs[i].sign))
            out->part = signs[i].part;
    if (!out->part)
        out->part = numbered_part(r);
    out->dit = loam_raw_any(r, "model.diffusion_model.blocks.0.") ? "transformer" : "unet";
    /* the level's down-sampling is its last input block; a UNet of one level has none */
    out->unet_period = levels(r, "input_blocks.", "0.op.") - 1;
    if (out->unet_period < 1)
        out->unet_period = levels(r, "input_blocks.", NULL);
    out->vae_levels = levels(r, "decoder.up.", NULL);
    out->wan_vae = loam_raw_any_in(r, "residual.0.gamma") || loam_raw_any_in(r, "resnets.0.norm1.gamma");
    out->wan_period = levels(r, "decoder.upsamples.", "resample.");
    out->tiny_decoder_only = !loam_raw_any(r, "0.") && loam_raw_any(r, "1.");
}

static void map_in_part(const loam_names_facts *f, const char *part, prefix_kind kind, loam_name *n, bool *thirds,
                        bool *transposed)
{
    if (kind == CLIP)
        loam_names_clip(n, transposed);
    else if (kind == OPENCLIP)
        loam_names_openclip(n, thirds, transposed);
    else if (kind == T5)
        loam_names_t5(n);
    else if (strcmp(part, "unet") == 0)
        loam_names_unet(f, n);
    else if (strcmp(part, "vae") == 0)
        f->wan_vae ? loam_names_wan_vae(f, n) : loam_names_vae(f, n);
    else if (strcmp(part, "taesd") == 0)
        loam_names_tiny(f, n);
    else if (strcmp(part, "motion") == 0)
        loam_names_motion(n);
    else if (strcmp(part, "transformer") == 0)
        loam_names_wan(n);
}

/* The kind of text encoder that a bare name belongs to. */
static prefix_kind text_kind(const char *name)
{
    if (loam_starts(name, "text_") || loam_starts(name, "encoder.layers.") || loam_starts(name, "embeddings.") ||
        loam_starts(name, "final_layer_norm."))
        return CLIP;
    return loam_starts(name, "transformer.") || loam_starts(name, "positional_") || loam_starts(name, "ln_final.")
               ? OPENCLIP
               : T5;
}

void loam_names_map(const loam_names_facts *f, const char *raw, loam_name_target *out)
{
    *out = (loam_name_target){.kind = LOAM_NAME_UNKNOWN};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        if (loam_starts(raw, extras[i]))
            out->kind = LOAM_NAME_EXTRA;
    for (size_t i = 0; i < sizeof extras_in / sizeof *extras_in; i++)
        if (strstr(raw, extras_in[i]))
            out->kind = LOAM_NAME_EXTRA;
    if (out->kind == LOAM_NAME_EXTRA)
        return;
    const char *part = NULL, *rest = raw;
    prefix_kind kind = PART;
    const size_t n_prefixes = sizeof prefixes / sizeof *prefixes;
    for (size_t i = 0; i < n_prefixes && !part; i++) {
        /* a bare OpenCLIP's "transformer.resblocks." is no diffusion transformer */
        if (!loam_starts(raw, prefixes[i].prefix) || loam_starts(raw, "transformer.resblocks."))
            continue;
        kind = prefixes[i].kind;
        part = kind == DIT_OR_UNET ? f->dit : prefixes[i].part;
        rest = raw + strlen(prefixes[i].prefix);
        if (strcmp(prefixes[i].prefix, "text_encoder.encoder.block.") == 0)
            rest = raw + strlen("text_encoder.");
        kind = kind == DIT_OR_UNET ? PART : kind;
    }
    if (!part && f->part) {
        part = f->part;
        kind = strcmp(part, "text_encoder") == 0 || strcmp(part, "text_encoder_2") == 0 ? text_kind(raw) : PART;
    }
    if (!part)
        return;
    bool thirds = false, transposed = false;
    loam_name name;
    loam_name_set(&name, rest);
    map_in_part(f, part, kind, &name, &thirds, &transposed);
    loam_name_splice(&name, 0, 0, ".");
    loam_name_splice(&name, 0, 0, part);
    if (name.failed || strlen(name.text) >= LOAM_WEIGHT_NAME_MAX)
        return;
    *out = (loam_name_target){.kind = LOAM_NAME_MAPPED, .n = thirds ? 3 : 1, .transposed = transposed};
    for (int i = 0; i < out->n; i++) {
        const char letter[2] = {"qkv"[i], '\0'};
        out->names[i] = name;
        if (thirds)
            loam_name_swap(&out->names[i], "?", letter);
    }
}
