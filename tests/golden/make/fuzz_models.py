#!/usr/bin/env python3
"""Makes fuzz/corpus/model/*: models of a few kilobytes with seeded random weights, shaped to reach every corner of
opening and running one: types mixed within a layer, widths that are no multiple of a vector, one token, K-quants.

    pip install gguf==0.19.0 numpy && python tests/golden/make/fuzz_models.py
"""
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

OUT = Path(__file__).resolve().parents[3] / "fuzz/corpus/model"


class Tiny:
    def __init__(self, name, arch, vocab, embd, ffn, layers, heads, kv_heads, head_dim, **keys):
        self.w = gguf.GGUFWriter(OUT / name, arch)
        self.random = np.random.default_rng(len(name) + embd)
        self.shape = vocab, embd, ffn, layers, heads, kv_heads, head_dim
        self.w.add_block_count(layers)
        self.w.add_context_length(64)
        self.w.add_embedding_length(embd)
        self.w.add_feed_forward_length(ffn)
        self.w.add_head_count(heads)
        self.w.add_head_count_kv(kv_heads)
        self.w.add_key_length(head_dim)
        self.w.add_layer_norm_rms_eps(1e-5)
        for key, value in keys.items():
            key = f"{arch}.{key.replace('__', '.')}"
            (self.w.add_string if isinstance(value, str) else self.w.add_float32)(key, value)

    def put(self, name, t, *shape):
        if t in (T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0):
            x = (self.random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
            self.w.add_tensor(name, gguf.quants.quantize(x, t), raw_dtype=t)
            return
        block, size = gguf.GGML_QUANT_SIZES[t]  # the package cannot make these: any bytes are some weights
        self.w.add_tensor(name, self.random.integers(0, 60, (*shape[:-1], shape[-1] // block * size), np.uint8),
                          raw_dtype=t)  # fmt: skip

    def fill(self, norm=T.F32, embd=T.F32, output=None, bias=None, head_norm=None, q=T.F32, k=T.F32, v=T.F32, o=T.F32,
             gate=T.F32, up=T.F32, down=T.F32, factors=None):  # fmt: skip
        vocab, c, ffn, layers, heads, kv_heads, hd = self.shape
        self.put("token_embd.weight", embd, vocab, c)
        self.put("output_norm.weight", norm, c)
        if output is not None:
            self.put("output.weight", output, vocab, c)
        if factors is not None:
            self.put("rope_freqs.weight", factors, hd // 2)
        for i in range(layers):
            b = f"blk.{i}."
            self.put(b + "attn_norm.weight", norm, c)
            self.put(b + "ffn_norm.weight", norm, c)
            for name, t, n in ("q", q, heads * hd), ("k", k, kv_heads * hd), ("v", v, kv_heads * hd):
                self.put(f"{b}attn_{name}.weight", t, n, c)
                if bias is not None:
                    self.put(f"{b}attn_{name}.bias", bias, n)
            if head_norm is not None:
                self.put(b + "attn_q_norm.weight", head_norm, hd)
                self.put(b + "attn_k_norm.weight", head_norm, hd)
            self.put(b + "attn_output.weight", o, c, heads * hd)
            self.put(b + "ffn_gate.weight", gate, ffn, c)
            self.put(b + "ffn_up.weight", up, ffn, c)
            self.put(b + "ffn_down.weight", down, c, ffn)
        self.w.write_header_to_file()
        self.w.write_kv_data_to_file()
        self.w.write_tensors_to_file()
        self.w.close()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    Tiny("mixed.gguf", "llama", 40, 32, 32, 1, 2, 1, 16).fill(
        T.F16, T.F32, T.Q4_0, q=T.Q8_0, k=T.F32, v=T.BF16, o=T.Q5_1, gate=T.Q8_0, up=T.F32, down=T.Q4_1)  # fmt: skip
    Tiny("mixed2.gguf", "llama", 24, 32, 64, 1, 2, 2, 8, rope__freq_base=5e5).fill(
        T.Q8_0, T.Q4_1, None, q=T.F16, k=T.Q5_0, v=T.Q4_0, o=T.F16, gate=T.F16, up=T.BF16, down=T.Q8_0, factors=T.F16)  # fmt: skip
    Tiny("odd.gguf", "qwen2", 1, 33, 47, 1, 3, 1, 10).fill(
        T.BF16, T.BF16, bias=T.F16, q=T.BF16, k=T.BF16, v=T.F16, o=T.BF16, gate=T.BF16, up=T.BF16, down=T.BF16)  # fmt: skip
    Tiny("kquants.gguf", "qwen3", 3, 256, 32, 1, 1, 1, 8).fill(
        T.F16, T.Q6_K, T.Q3_K, head_norm=T.F32, q=T.Q2_K, k=T.Q4_K, v=T.Q5_K, o=T.F16, gate=T.IQ4_XS, up=T.Q3_K,
        down=T.IQ4_NL)  # fmt: skip
    Tiny("yarn.gguf", "llama", 5, 8, 7, 2, 2, 1, 4, rope__scaling__type="yarn", rope__scaling__factor=4.0).fill(
        gate=T.F16)  # fmt: skip


if __name__ == "__main__":
    main()
