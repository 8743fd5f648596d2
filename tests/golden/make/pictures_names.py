"""From diffusers' names of weights to those of the files that models were first published in."""
import re

import torch

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
UNET = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "conv_norm_out": "out.0",
        "time_embedding.linear_2": "time_embed.2", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2"}  # fmt: skip


def resnet_of_unet(rest):
    part, kind = rest.rsplit(".", 1)
    return f"{RESNET[part]}.{kind}"


def unet(tensors, layers_per_block):
    """Latent Diffusion's UNet (without prefix)."""
    each = layers_per_block + 1
    attention = {int(m[1]) for k in tensors if (m := re.match(r"up_blocks\.(\d+)\.attentions", k))}
    out = {}
    for name, x in tensors.items():
        if m := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", name):
            way, block, kind, layer, rest = m[1], int(m[2]), m[3], int(m[4]), m[5]
            if way == "down":
                at = f"input_blocks.{1 + block * each + (layers_per_block if kind == 'downsamplers' else layer)}"
            else:
                at = f"output_blocks.{block * each + (layers_per_block if kind == 'upsamplers' else layer)}"
            if kind == "resnets":
                new = f"{at}.0.{resnet_of_unet(rest)}"
            elif kind == "attentions":
                new = f"{at}.1.{rest}"
            elif kind == "downsamplers":
                new = f"{at}.0.{rest.replace('conv', 'op')}"
            else:
                new = f"{at}.{2 if block in attention else 1}.{rest}"
        elif m := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", name):
            if m[1] == "resnets":
                new = f"middle_block.{2 * int(m[2])}.{resnet_of_unet(m[3])}"
            else:
                new = f"middle_block.1.{m[3]}"
        else:
            part, kind = name.rsplit(".", 1)
            new = f"{UNET[part]}.{kind}"
        out[new] = x
    return out


def vae(tensors):
    """Latent Diffusion's autoencoder (without prefix); attention as 1x1 convolutions."""
    last = max(int(m[1]) for k in tensors if (m := re.match(r"decoder\.up_blocks\.(\d+)", k)))
    out = {}
    for name, x in tensors.items():
        new = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        new = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", new)
        new = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", new)
        new = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{last - int(m[1])}.block.{m[2]}", new)
        new = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{last - int(m[1])}.upsample", new)
        new = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", new)
        if "mid_block.attentions.0" in new:
            new = new.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
            new = new.replace("to_out.0", "proj_out")
            new = re.sub(r"to_([qkv])", r"\1", new)
            if x.ndim == 2:
                x = x[:, :, None, None]
        out[new] = x
    return out


def open_clip(tensors):
    """OpenCLIP's text model (without prefix): fused q, k, v; the projection the other way round."""
    out = {}
    for name, x in tensors.items():
        rest = name.replace("text_model.", "", 1)
        if name == "text_projection.weight":
            out["text_projection"] = x.T
        elif rest == "embeddings.token_embedding.weight":
            out["token_embedding.weight"] = x
        elif rest == "embeddings.position_embedding.weight":
            out["positional_embedding"] = x
        elif rest.startswith("final_layer_norm."):
            out[rest.replace("final_layer_norm", "ln_final")] = x
        else:
            m = re.match(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", rest)
            at, part, kind = f"transformer.resblocks.{m[1]}", m[2], m[3]
            if part == "self_attn.q_proj":
                whole = [tensors[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
                out[f"{at}.attn.in_proj_{kind}"] = torch.cat(whole)
            elif part not in ("self_attn.k_proj", "self_attn.v_proj"):
                new = {"self_attn.out_proj": "attn.out_proj", "layer_norm1": "ln_1", "layer_norm2": "ln_2",
                       "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}[part]  # fmt: skip
                out[f"{at}.{new}.{kind}"] = x
    return out


def taesd(tensors):
    """(encoder, decoder) as the two files of TAESD; the decoder's number 0 is its clamp, without weights."""
    encoder, decoder = {}, {}
    for name, x in tensors.items():
        side, _, index, rest = name.split(".", 3)
        if side == "encoder":
            encoder[f"{index}.{rest}"] = x
        else:
            decoder[f"{int(index) + 1}.{rest}"] = x
    return encoder, decoder


def wan_transformer(tensors):
    """Wan's DiT: norm2 and norm3 change places, its modulation tables have the same name everywhere."""
    head = {"condition_embedder.time_embedder.linear_1": "time_embedding.0", "scale_shift_table": "head.modulation",
            "condition_embedder.time_embedder.linear_2": "time_embedding.2", "proj_out": "head.head",
            "condition_embedder.text_embedder.linear_1": "text_embedding.0",
            "condition_embedder.text_embedder.linear_2": "text_embedding.2",
            "condition_embedder.time_proj": "time_projection.1", "patch_embedding": "patch_embedding"}  # fmt: skip
    inner = {"attn1": "self_attn", "attn2": "cross_attn", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "o",
             "ffn.net.0.proj": "ffn.0", "ffn.net.2": "ffn.2", "scale_shift_table": "modulation"}  # fmt: skip
    out = {}
    for name, x in tensors.items():
        if m := re.match(r"(blocks\.\d+)\.(.+)", name):
            rest = m[2]
            if rest.startswith(("norm2.", "norm3.")):
                rest = ("norm3" if rest[4] == "2" else "norm2") + rest[5:]
            for old, new in inner.items():
                rest = re.sub(rf"(^|\.){re.escape(old)}(?=\.|$)", rf"\g<1>{new}", rest)
            out[f"{m[1]}.{rest}"] = x
        elif name in head:
            out[head[name]] = x
        else:
            part, kind = name.rsplit(".", 1)
            out[f"{head[part]}.{kind}"] = x
    return out


def wan_vae(tensors):
    """Wan's autoencoder: flat lists of blocks, four to a level of the decoder."""
    block = {"norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6",
             "conv_shortcut": "shortcut"}  # fmt: skip
    ends = {"conv_in": "conv1", "norm_out": "head.0", "conv_out": "head.2"}
    out = {}
    for name, x in tensors.items():
        part, kind = name.rsplit(".", 1)
        side, rest = part.split(".", 1) if "." in part else (part, "")
        if side in ("quant_conv", "post_quant_conv"):
            new = {"quant_conv": "conv1", "post_quant_conv": "conv2"}[side]
        elif m := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", rest):
            at = f"{side}.middle.{2 * int(m[2]) if m[1] == 'resnets' else 1}"
            new = f"{at}.{block[m[3]] if m[1] == 'resnets' else m[3]}"
        elif m := re.match(r"down_blocks\.(\d+)\.(.+)", rest):
            new = f"{side}.downsamples.{m[1]}.{block.get(m[2], m[2])}"
        elif m := re.match(r"up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d)\.(.+)", rest):
            index = 4 * int(m[1]) + (int(m[3]) if m[2] == "resnets" else 3)
            new = f"{side}.upsamples.{index}.{block.get(m[4], m[4])}"
        else:
            new = f"{side}.{ends[rest]}"
        out[f"{new}.{kind}"] = x
    return out


def umt5(tensors):
    """The encoder as Wan's own file names it."""
    names = {"SelfAttention.relative_attention_bias": "pos_embedding.embedding", "DenseReluDense.wi_0": "ffn.gate.0",
             "DenseReluDense.wi_1": "ffn.fc1", "DenseReluDense.wo": "ffn.fc2",
             **{f"SelfAttention.{p}": f"attn.{p}" for p in "qkvo"}}  # fmt: skip
    out = {}
    for name, x in tensors.items():
        if m := re.match(r"encoder\.block\.(\d+)\.layer\.(\d)\.(.+)\.weight", name):
            rest = f"norm{int(m[2]) + 1}" if m[3] == "layer_norm" else names[m[3]]
            out[f"blocks.{m[1]}.{rest}.weight"] = x
        else:
            out[{"shared.weight": "token_embedding.weight", "encoder.final_layer_norm.weight": "norm.weight"}[name]] = x
    return out
