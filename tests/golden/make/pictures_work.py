#!/usr/bin/env python3
"""Prints how many operations PyTorch counts for the tiny models of tests/golden/pictures (tests/graph/test_work.c,
tests/cli/drive.py).

    pip install torch diffusers==0.42.1 && python tests/golden/make/pictures_work.py
"""
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

PICTURES = Path(__file__).resolve().parents[1] / "pictures"


def count(what, f):
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        f()
    print(what, counter.get_total_flops())


def main():
    unet = UNet2DConditionModel.from_pretrained(PICTURES / "sd15" / "unet")
    count("sd15 unet, 2 latents of 12 x 20, 77 rows of text",
          lambda: unet(torch.randn(2, 4, 12, 20), 500, torch.randn(2, 77, unet.config.cross_attention_dim)))
    count("sd15 unet, 1 latent of 9 x 7, 154 rows of text",
          lambda: unet(torch.randn(1, 4, 9, 7), 500, torch.randn(1, 154, unet.config.cross_attention_dim)))
    count("sd15 unet, 1 latent of 8 x 8, 77 rows of text",
          lambda: unet(torch.randn(1, 4, 8, 8), 500, torch.randn(1, 77, unet.config.cross_attention_dim)))
    vae = AutoencoderKL.from_pretrained(PICTURES / "sd15" / "vae")
    count("sd15 vae, decoding 6 x 5", lambda: vae.decode(torch.randn(1, 4, 6, 5)))
    count("sd15 vae, decoding 8 x 8", lambda: vae.decode(torch.randn(1, 4, 8, 8)))
    count("sd15 vae, encoding 48 x 40", lambda: vae.encode(torch.randn(1, 3, 48, 40)))


main()
