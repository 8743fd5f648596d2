#!/usr/bin/env python3
"""Makes tests/golden/pictures/names/*.txt: what the tensors of the real models are called in the files in which they were
published, and in diffusers.

    pip install torch diffusers==0.42.1 transformers==5.24.0 gguf==0.19.0
    python tests/golden/make/weight_names.py [FOLDER]      with a folder: whole lists there, instead of the short ones

A line is `shape <tab> name in the file <tab> canonical name`; three canonical names with | between them are thirds of the
rows; "-" is a tensor that is not needed; a T behind the shape says that the matrix lies transposed. Shapes are 1 where
their size says nothing about the kind of model. diffusers' own converters (loaders/single_file_utils.py) map from the
left to the right; the names on the left come from the classes of diffusers (real configs, without memory) through
pictures_names.py, Wan's published modules (wan/modules/model.py, vae.py, t5.py) and gguf's table of T5. Short lists leave
out biases beside weights and the inner ones of many equal blocks.
"""
import re
import sys
from pathlib import Path

import gguf
import torch
from diffusers import AutoencoderKL, AutoencoderKLWan, UNet2DConditionModel, WanTransformer3DModel
from diffusers.loaders import single_file_utils as sfu
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, UMT5Config, UMT5EncoderModel

import pictures_names as original

OUT = Path(__file__).resolve().parents[1] / "pictures" / "names"
FULL = Path(sys.argv[1]) if len(sys.argv) > 1 else None


def names_of(make):
    with torch.device("meta"):
        return {k: v for k, v in make().state_dict().items() if not k.endswith("position_ids")}


SD15_UNET = dict(cross_attention_dim=768)
SDXL_UNET = dict(
    block_out_channels=(320, 640, 1280), cross_attention_dim=2048, attention_head_dim=(5, 10, 20),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2, 10),
    use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816)  # fmt: skip
VAE = dict(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
           down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)  # fmt: skip
CLIP_L = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
CLIP_G = CLIPTextConfig(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
                        projection_dim=1280)  # fmt: skip
WAN = dict(num_attention_heads=12, attention_head_dim=128, num_layers=30, ffn_dim=8960)
UMT5 = UMT5Config(vocab_size=256384, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
                  feed_forward_proj="gated-gelu")  # fmt: skip


def text_model(names):
    return {(k if k.startswith(("text_model.", "text_projection")) else f"text_model.{k}"): v for k, v in names.items()}


class Token(str):
    """A name that goes through diffusers' converters in the place of a tensor."""

    ndim = 1
    shape = (1,)

    def __getitem__(self, i):
        if isinstance(i, tuple) or isinstance(i, slice):
            return self
        return super().__getitem__(i)


def tokens(names):
    return {k: Token(k) for k in names}


def through(converted, names):
    """original -> canonical, from a converter's canonical -> original; everything must arrive."""
    back = {str(v): k for k, v in converted.items()}
    left = set(names) - set(back)
    if left or len(back) != len(converted):
        raise ValueError(f"left over: {sorted(left)[:5]}")
    return back


def shape_of(canonical, x):
    shape = [1] * x.ndim
    if canonical.endswith(("conv_in.weight", "patch_embedding.weight")) or "attn2.to_k.weight" in canonical:
        shape[1] = x.shape[1]
    if canonical.endswith(("add_embedding.linear_1.weight", "token_embedding.weight")):
        shape[1] = x.shape[1]
    return "x".join(map(str, shape)) or "1"


def lines(mapping, tensors, prefix, part):
    return [(shape_of(c, tensors[o]), prefix + o, f"{part}.{c}") for o, c in mapping.items()]


def unet(config, prefix):
    made = original.unet(names_of(lambda: UNet2DConditionModel(**config)), 2)
    keys = {sfu.LDM_UNET_KEY + k: Token(k) for k in made}
    settings = {"layers_per_block": 2, "addition_embed_type": config.get("addition_embed_type")}
    back = through(sfu.convert_ldm_unet_checkpoint(keys, settings), made)
    return lines(back, made, prefix, "unet")


def vae(prefix):
    made = original.vae(names_of(lambda: AutoencoderKL(**VAE)))
    back = through(sfu.convert_ldm_vae_checkpoint(tokens(made), VAE), made)
    return lines(back, made, prefix, "vae")


def clip(config, prefix, part, projection=False):
    cls = CLIPTextModelWithProjection if projection else CLIPTextModel
    made = text_model(names_of(lambda: cls(config)))
    return lines({k: k for k in made}, made, prefix, part)


def open_clip(prefix):
    """Thirds and the transposed projection as convert_open_clip_checkpoint cuts them: q, k, v; .T"""
    tensors = text_model(names_of(lambda: CLIPTextModelWithProjection(CLIP_G)))
    made = original.open_clip(tensors)
    out = []
    inverse = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
               "attn.out_proj": "self_attn.out_proj"}  # fmt: skip
    table = {v: k for k, v in sfu.DIFFUSERS_TO_LDM_MAPPING["openclip"]["layers"].items()}
    for k, x in made.items():
        if k == "text_projection":
            out.append(("1x1T", prefix + k, "text_encoder_2." + table[k]))
        elif k in table:
            out.append((shape_of(table[k], x), prefix + k, "text_encoder_2." + table[k]))
        else:
            m = re.match(r"transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)$", k)
            at = f"text_encoder_2.text_model.encoder.layers.{m[1]}"
            if m[2] == "attn.in_proj":
                shape = "3x1" if m[3] == "weight" else "3"
                out.append((shape, prefix + k, "|".join(f"{at}.self_attn.{p}_proj.{m[3]}" for p in "qkv")))
            else:
                out.append((shape_of(k, x), prefix + k, f"{at}.{inverse[m[2]]}.{m[3]}"))
    return out


def extras(*names):
    return [("1", n, "-") for n in names]


def old_vae():
    """diffusers before 0.17: attention in the middle by other names (Attention's _convert_deprecated_attention_blocks)."""
    tensors = names_of(lambda: AutoencoderKL(**VAE))
    out = []
    for k, x in tensors.items():
        name = k
        if "mid_block.attentions.0" in k:
            for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
                name = name.replace(new, old)
        out.append((shape_of(k, x), name, "vae." + k))
    return out


def wan_original(k):
    for new, old in (
        ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
        ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
        ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
        ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
        ("condition_embedder.time_proj", "time_projection.1"), ("attn1", "self_attn"), ("attn2", "cross_attn"),
        ("to_out.0", "o"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("ffn.net.0.proj", "ffn.0"),
        ("ffn.net.2", "ffn.2"), (".norm2.", ".norm3."), ("proj_out", "head.head"),
    ):  # fmt: skip
        k = k.replace(new, old)
    return "head.modulation" if k == "scale_shift_table" else k.replace("scale_shift_table", "modulation")


def wan(prefix):
    made = {wan_original(k): v for k, v in names_of(lambda: WanTransformer3DModel(**WAN)).items()}
    converted = sfu.convert_wan_transformer_to_diffusers(tokens(made))
    return lines(through(converted, made), made, prefix, "transformer")


def wan_vae_original(k):
    k = re.sub(r"^decoder\.up_blocks\.(\d+)\.resnets\.(\d+)",
               lambda m: f"decoder.upsamples.{4 * int(m[1]) + int(m[2])}", k)  # fmt: skip
    k = re.sub(r"^decoder\.up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"decoder.upsamples.{4 * int(m[1]) + 3}", k)
    for new, old in (
        ("encoder.down_blocks.", "encoder.downsamples."), ("mid_block.resnets.0", "middle.0"),
        ("mid_block.attentions.0", "middle.1"), ("mid_block.resnets.1", "middle.2"), (".norm1.", ".residual.0."),
        (".conv1.", ".residual.2."), (".norm2.", ".residual.3."), (".conv2.", ".residual.6."),
        ("conv_shortcut", "shortcut"), ("post_quant_conv", "conv2"), ("quant_conv", "conv1"), ("conv_in", "conv1"),
        ("norm_out", "head.0"), ("conv_out", "head.2"),
    ):  # fmt: skip
        k = k.replace(new, old)
    return k


def wan_vae():
    tensors = names_of(AutoencoderKLWan)
    made = {wan_vae_original(k): v for k, v in tensors.items()}
    back = through(sfu.convert_wan_vae_to_diffusers(tokens(made)), made)
    if set(back.values()) != set(tensors):
        raise ValueError(sorted(set(back.values()) ^ set(tensors))[:6])
    return lines(back, made, "", "vae")


def umt5(rename, skip=()):
    tensors = names_of(lambda: UMT5EncoderModel(UMT5))
    return [(shape_of("", x), rename(k), f"text_encoder.{k}") for k, x in tensors.items() if k not in skip]


def t5_wan(k):
    k = re.sub(r"^encoder\.block\.(\d+)\.layer\.[01]\.", r"blocks.\1.", k)
    for new, old in (("SelfAttention.relative_attention_bias", "pos_embedding.embedding"), ("SelfAttention", "attn"),
                     ("DenseReluDense.wi_0", "ffn.gate.0"), ("DenseReluDense.wi_1", "ffn.fc1"),
                     ("DenseReluDense.wo", "ffn.fc2"), ("encoder.final_layer_norm", "norm"),
                     ("shared", "token_embedding")):  # fmt: skip
        k = k.replace(new, old)
    return k


def t5_wan_norms(lines):
    """layer.0's norm is norm1, layer.1's norm2"""
    out = []
    for shape, o, c in lines:
        m = re.match(r"text_encoder\.encoder\.block\.\d+\.layer\.([01])\.layer_norm", c)
        out.append((shape, o.replace("layer_norm", f"norm{int(m[1]) + 1}") if m else o, c))
    return out


def t5_gguf():
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5ENCODER, 24)
    return lambda k: table.get_name(k, try_suffixes=(".weight", ".bias"))


def short(rows):
    """Without biases beside weights, and of many equal blocks only the first two and the last."""
    names = {o for _, o, _ in rows}
    last = {}
    pattern = re.compile(r"^(.*(?:transformer_blocks|resblocks|encoder\.layers|encoder\.block|enc\.blk|(?<!\w)blocks))\.(\d+)\.")
    for _, o, _ in rows:
        if m := pattern.match(o):
            last[m[1]] = max(last.get(m[1], 0), int(m[2]))
    out = []
    for row in rows:
        o = row[1]
        if o.endswith(".bias") and o[:-5] + ".weight" in names:
            continue
        m = pattern.match(o)
        if m and 1 < int(m[2]) < last[m[1]]:
            continue
        out.append(row)
    return out


def write(name, family, rows):
    rows = rows if FULL else short(rows)
    path = (FULL or OUT) / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join([f"family {family}\n", *("\t".join(r) + "\n" for r in rows)]))
    print(f"{path.name}: {len(rows)} names, {path.stat().st_size} bytes")


def main():
    ldm, first = "model.diffusion_model.", "first_stage_model."
    write("sd15", "SD15",
          unet(SD15_UNET, ldm) + vae(first) + clip(CLIP_L, "cond_stage_model.transformer.", "text_encoder")
          + extras("alphas_cumprod", "alphas_cumprod_prev", "betas", "log_one_minus_alphas_cumprod", "logvar",
                   "model_ema.decay", "model_ema.num_updates", "model_ema.diffusion_modelinput_blocks00weight",
                   "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_variance",
                   "sqrt_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod",
                   "first_stage_model.loss.discriminator.main.0.weight", "first_stage_model.loss.logvar",
                   "cond_stage_model.transformer.text_model.embeddings.position_ids"))  # fmt: skip
    write("sdxl", "SDXL",
          unet(SDXL_UNET, ldm) + (vae(first) if FULL else []) + clip(CLIP_L, "conditioner.embedders.0.transformer.", "text_encoder")
          + open_clip("conditioner.embedders.1.model.")
          + extras("denoiser.sigmas", "conditioner.embedders.1.model.logit_scale",
                   "conditioner.embedders.0.transformer.text_model.embeddings.position_ids"))  # fmt: skip
    write("vae", "UNKNOWN", vae("") + extras("loss.logvar", "model_ema.decay"))
    write("vae-old", "UNKNOWN", old_vae())
    write("clip-g", "UNKNOWN", clip(CLIP_G, "", "text_encoder_2", True) + extras("logit_scale"))
    write("wan", "WAN_T2V", wan(""))
    write("wan-prefixed", "WAN_T2V", wan(ldm))
    write("wan-vae", "UNKNOWN", wan_vae())
    tied = ("encoder.embed_tokens.weight",)
    write("umt5-wan", "UNKNOWN", t5_wan_norms(umt5(t5_wan, tied)))
    write("umt5-gguf", "UNKNOWN", umt5(t5_gguf(), tied))
    write("umt5", "UNKNOWN", umt5(lambda k: k, tied))


if __name__ == "__main__":
    main()
