#!/usr/bin/env python3
"""Makes tests/golden/weights/: how other programs convert and store weights.

    pip install torch gguf==0.19.0 safetensors
    python tests/golden/make/weight_types.py

types.safetensors   e4m3, e5m2: all 256 codes of the 8-bit floats, e4m3.f32, e5m2.f32: torch's reading of them;
                    m.f32, m.f16, m.bf16 [5, 96]: matrices, and *.q8_0: gguf's Q8_0 of them as bytes
wan-comfy.gguf      a few tensors of a Wan transformer by its own names, as ComfyUI-GGUF writes them: five dimensions
                    reshaped, their shape in a key; a matrix in Q8_0
wan-merged.gguf     the same as stable-diffusion.cpp writes it: the first two of five dimensions merged
t5.gguf             a few tensors of a T5 encoder by llama.cpp's names
Element i of a tensor is ((7919 i) mod 31 - 15) / 16, which all types hold; t5's token table times 2.
"""
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

OUT = Path(__file__).resolve().parents[1] / "weights"


def pattern(*shape):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((7919 * i) % 31 - 15) / 16).astype(np.float32).reshape(shape)


def types():
    out = {}
    codes = torch.arange(256, dtype=torch.uint8)
    for name, dtype in (("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)):
        out[name] = codes.clone().view(dtype)
        out[f"{name}.f32"] = codes.view(dtype).float()
    torch.manual_seed(4)
    m = torch.randn(5, 96) * torch.logspace(-6, 4, 5)[:, None]
    m[1, 32:64] = 0
    m[2, 5] = -300
    for name, dtype in (("f32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16)):
        x = m.to(dtype)
        if name == "f16":
            x = x.clamp(-60000, 60000)
        out[f"m.{name}"] = x
        q = gguf.quants.quantize(x.float().numpy(), gguf.GGMLQuantizationType.Q8_0)
        out[f"m.{name}.q8_0"] = torch.from_numpy(q.copy())
    save_file(out, OUT / "types.safetensors")


def wan(name, merged):
    w = gguf.GGUFWriter(OUT / name, "wan")
    conv = pattern(32, 16, 1, 2, 2).astype(np.float16)
    if merged:
        w.add_tensor("model.diffusion_model.patch_embedding.weight", conv.reshape(32 * 16, 1, 2, 2))
    else:
        w.add_array("comfy.gguf.orig_shape.patch_embedding.weight", tuple(int(i) for i in conv.shape))
        w.add_tensor("patch_embedding.weight", conv.reshape(32, -1))
    head = "model.diffusion_model." if merged else ""
    q8 = gguf.GGMLQuantizationType.Q8_0
    w.add_tensor(head + "blocks.0.self_attn.q.weight", gguf.quants.quantize(pattern(32, 64), q8), raw_dtype=q8)
    w.add_tensor(head + "blocks.0.self_attn.q.bias", pattern(32))
    w.add_tensor(head + "blocks.0.modulation", pattern(1, 6, 32))
    finish(w)


def t5():
    w = gguf.GGUFWriter(OUT / "t5.gguf", "t5encoder")
    q8 = gguf.GGMLQuantizationType.Q8_0
    w.add_tensor("token_embd.weight", gguf.quants.quantize(2 * pattern(40, 32), q8), raw_dtype=q8)
    w.add_tensor("enc.blk.0.attn_rel_b.weight", pattern(8, 4).astype(np.float16))
    w.add_tensor("enc.blk.0.ffn_gate.weight", pattern(64, 32).astype(np.float16))
    w.add_tensor("enc.output_norm.weight", pattern(32))
    finish(w)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    types()
    wan("wan-comfy.gguf", False)
    wan("wan-merged.gguf", True)
    t5()
