#!/usr/bin/env python3
"""Random weights in the real shapes of a picture model, for measuring speed: a diffusers folder in f16.

    bench/pictures_random.py sd15|sdxl FOLDER        needs torch, diffusers, transformers (PyPI)
"""
import json
import pathlib
import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

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


def main():
    kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    torch.manual_seed(0)
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
    (folder / "model_index.json").write_text(json.dumps(index))


main()
