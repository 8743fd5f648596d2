#!/usr/bin/env python3
"""Random weights in the real shapes of picture and clip models, for measuring speed: a diffusers folder.

    bench/pictures_random.py sd15|sdxl|wan FOLDER       needs torch, diffusers, transformers (PyPI)
    bench/pictures_random.py single FOLDER FILE         the folder of an sd15 as one .safetensors in the original layout,
                                                        or that of a wan as X.safetensors and X.vae.safetensors

sd15 and sdxl are in f16; wan is the transformer of the 1.3B model in bf16 and its VAE in f32, without a text encoder.
"""
import json
import pathlib
import sys

import torch
from diffusers import AutoencoderKL, AutoencoderKLWan, UNet2DConditionModel, WanTransformer3DModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/golden/make"))
import pictures_names as names  # noqa: E402

CLIP_L = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
              hidden_act="quick_gelu", projection_dim=768, vocab_size=49408)
CLIP_G = dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
              hidden_act="gelu", projection_dim=1280, vocab_size=49408)
VAE = dict(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
           down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
UNET = {
    "sd15": dict(block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=768, attention_head_dim=8),
    "sdxl": dict(block_out_channels=(320, 640, 1280), cross_attention_dim=2048, attention_head_dim=(5, 10, 20),
                 down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                 up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                 transformer_layers_per_block=(1, 2, 10), use_linear_projection=True,
                 addition_embed_type="text_time", addition_time_embed_dim=256,
                 projection_class_embeddings_input_dim=2816, sample_size=128),
}
WAN = dict(num_attention_heads=12, attention_head_dim=128, num_layers=30, ffn_dim=8960, in_channels=16, out_channels=16,
           text_dim=4096, freq_dim=256)
WEIGHTS = "diffusion_pytorch_model.safetensors"


def write_index(folder, index):
    (folder / "model_index.json").write_text(json.dumps(index))


def stable_diffusion(kind, folder):
    torch.set_default_dtype(torch.float32)
    index = {"_class_name": "StableDiffusion" + ("XL" if kind == "sdxl" else "") + "Pipeline",
             "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
             "text_encoder": ["transformers", "CLIPTextModel"]}
    if kind == "sdxl":
        index["text_encoder_2"] = ["transformers", "CLIPTextModelWithProjection"]
    UNet2DConditionModel(**UNET[kind]).half().save_pretrained(folder / "unet")
    AutoencoderKL(**VAE).half().save_pretrained(folder / "vae")
    CLIPTextModel(CLIPTextConfig(**CLIP_L)).half().save_pretrained(folder / "text_encoder")
    if kind == "sdxl":
        CLIPTextModelWithProjection(CLIPTextConfig(**CLIP_G)).half().save_pretrained(folder / "text_encoder_2")
    write_index(folder, index)


def wan(folder):
    AutoencoderKLWan().save_pretrained(folder / "vae")
    torch.set_default_dtype(torch.bfloat16)
    WanTransformer3DModel(**WAN).to(torch.bfloat16).save_pretrained(folder / "transformer")
    write_index(folder, {"_class_name": "WanPipeline", "transformer": ["diffusers", "WanTransformer3DModel"],
                         "vae": ["diffusers", "AutoencoderKLWan"]})


def single(folder, file):
    """As the files of Stable Diffusion 1.5 were published."""
    text = load_file(folder / "text_encoder/model.safetensors")
    parts = {"model.diffusion_model.": names.unet(load_file(folder / "unet" / WEIGHTS), 2),
             "first_stage_model.": names.vae(load_file(folder / "vae" / WEIGHTS)),
             "cond_stage_model.transformer.": {k if k.startswith("text_model.") else f"text_model.{k}": x
                                               for k, x in text.items()}}
    save_file({prefix + k: x.contiguous() for prefix, part in parts.items() for k, x in part.items()}, file)


def single_wan(folder, file):
    """As Wan's files were published: the transformer and the VAE."""
    for part, name, to in (("transformer", names.wan_transformer, file), ("vae", names.wan_vae, str(pathlib.Path(file).with_suffix(".vae.safetensors")))):
        save_file({k: x.contiguous() for k, x in name(load_file(folder / part / WEIGHTS)).items()}, to)


def main():
    kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    torch.manual_seed(0)
    if kind == "single":
        (single_wan if (folder / "transformer").exists() else single)(folder, sys.argv[3])
    elif kind == "wan":
        wan(folder)
    else:
        stable_diffusion(kind, folder)


main()
