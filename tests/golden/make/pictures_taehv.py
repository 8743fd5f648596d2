#!/usr/bin/env python3
"""Makes tests/golden/pictures/taehv: a tiny TAEHV (github.com/madebyollin/taehv, taew2_1 for Wan 2.1) and its answers.

    pip install torch safetensors diffusers==0.42.1 transformers==5.24.0 && python tests/golden/make/pictures_taehv.py

The published network written down again, as a list of layers; widths 10, 8, 6, 6 in place of 256, 128, 64, 64 and 6 in
place of 64. taehv.safetensors has its names of weights: encoder.<n>, decoder.<n>. golden.safetensors:
  decode.*   3 latent frames (as the DiT has them, normalised) to 9 frames in [0, 1]: the first 3 of 12 are dropped
  decode1.*  one latent frame to one frame
  encode.*   9 frames in [0, 1], the last repeated to 12, to 3 latent frames
Stages are [frames, channels, height, width].
"""
import shutil

import torch
from torch.nn import functional as F

import pictures_io as io

WIDTHS, LATENT = (10, 8, 6, 6), 16
MEMORY = ["memory"] * 3
# conv: 3x3; conv/2 halves; grow and pool: 1x1 between one frame and n, then frames are unfolded or folded
DECODER = ["clamp", "conv b", "relu", *MEMORY, "up", "grow 1", "conv", *MEMORY, "up", "grow 2", "conv", *MEMORY, "up",
           "grow 2", "conv", "relu", "conv b"]  # fmt: skip
ENCODER = ["conv b", "relu", "pool 2", "conv/2", *MEMORY, "pool 2", "conv/2", *MEMORY, "pool 1", "conv/2", *MEMORY,
           "conv b"]  # fmt: skip


def weights(side, layers, widths):
    """widths: the channels after each "conv" in turn, before the first the input's."""
    shapes, now, rest = {}, widths[0], list(widths[1:])
    for i, layer in enumerate(layers):
        at = f"{side}.{i}"
        if layer.startswith("conv"):
            shapes[f"{at}.weight"] = (rest[0], now, 3, 3)
            if layer.endswith(" b"):
                shapes[f"{at}.bias"] = (rest[0],)
            now = rest.pop(0)
        elif layer == "memory":
            for j, inputs in ((0, 2 * now), (2, now), (4, now)):
                shapes[f"{at}.conv.{j}.weight"] = (now, inputs, 3, 3)
                shapes[f"{at}.conv.{j}.bias"] = (now,)
        elif layer[:4] in ("grow", "pool"):
            n = int(layer[-1])
            shapes[f"{at}.conv.weight"] = (now * n, now, 1, 1) if layer[:4] == "grow" else (now, now * n, 1, 1)
    out = {}
    for name, shape in shapes.items():
        x = io.draw(61, name, shape)
        out[name] = io.eight_bits(0.15 * x if len(shape) == 1 else 1.3 * x / x[0].numel() ** 0.5)
    return out


def run(side, layers, w, x, kept=None):
    """x [frames, channels, height, width]"""
    for i, layer in enumerate(layers):
        at = f"{side}.{i}"
        if layer == "clamp":
            x = 3 * torch.tanh(x / 3)
        elif layer == "relu":
            x = F.relu(x)
        elif layer == "up":
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        elif layer.startswith("conv"):
            x = F.conv2d(x, w[f"{at}.weight"], w.get(f"{at}.bias"), padding=1, stride=2 if "/2" in layer else 1)
        elif layer == "memory":
            y = torch.cat([x, torch.cat([torch.zeros_like(x[:1]), x[:-1]])], 1)  # beside the frame before
            for j in (0, 2, 4):
                y = F.conv2d(y, w[f"{at}.conv.{j}.weight"], w[f"{at}.conv.{j}.bias"], padding=1)
                y = F.relu(y) if j < 4 else y
            x = F.relu(y + x)
        elif layer[:4] == "grow":
            x = F.conv2d(x, w[f"{at}.conv.weight"])
            x = x.reshape(-1, x.shape[1] // int(layer[-1]), *x.shape[2:])
        else:
            n = int(layer[-1])
            x = F.conv2d(x.reshape(-1, x.shape[1] * n, *x.shape[2:]), w[f"{at}.conv.weight"])
        if kept is not None:
            kept[i] = x
    return x


def main():
    folder = io.OUT / "taehv"
    shutil.rmtree(folder, ignore_errors=True)
    w = {**weights("encoder", ENCODER, (3, 6, 6, 6, 6, LATENT)), **weights("decoder", DECODER, (LATENT, *WIDTHS, 3))}
    w["decoder.22.bias"] += 0.5
    io.save_original(folder / "taehv.safetensors", w)
    golden = io.Golden()
    for prefix, frames in (("decode", 3), ("decode1", 1)):
        z, kept = 1.2 * io.draw(62, prefix, (frames, LATENT, 3, 2)), {}
        golden.put(f"{prefix}.in.x", z)
        got = run("decoder", DECODER, w, z, kept)[3:].clamp(0, 1)
        golden.put(f"{prefix}.out.pixels", got)
        exact = run("decoder", DECODER, {k: v.double() for k, v in w.items()}, z.double())[3:].clamp(0, 1)
        golden.meta[f"f32_error.{prefix}.out.pixels"] = f"{(got - exact).abs().max():.2e}"
        if frames > 1:
            for i in (2, 5, 8, 14, 17):
                golden.put(f"{prefix}.out.{i}", kept[i])
    clip = torch.cat([io.picture(63 + i, 24, 16) for i in range(9)]) / 2 + 0.5
    golden.put("encode.in.x", clip)
    golden.put("encode.out.latent", run("encoder", ENCODER, w, torch.cat([clip, clip[-1:].repeat(3, 1, 1, 1)])))
    golden.save(folder)
    io.report(folder)


if __name__ == "__main__":
    main()
