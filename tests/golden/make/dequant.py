#!/usr/bin/env python3
"""Makes tests/golden/dequant/*: random blocks of every type with what the reference makes of them.

    pip install gguf==0.19.0 numpy && python tests/golden/make/dequant.py

<type>.bin: u32 ggml type number, u32 elements a block, u32 bytes a block, u32 n_blocks, the blocks, the f32 values.
half.bin:   three runs of 256 hashes (u64) of results for all 16-bit patterns, 256 patterns a hash:
            half to f32 (numpy); f32 to half (numpy); f32 to bfloat16 (gguf).
            The f32 inputs of a hash are, for each `low` of LOWS in turn, (pattern << 16) + low of its patterns.
Everything is little-endian.
"""
import pathlib
import struct

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

OUT = pathlib.Path(__file__).parent.parent / "dequant"

# type -> byte offsets of its half-precision scales
TYPES = {
    T.F32: [], T.F16: [0], T.BF16: [],
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
    T.IQ4_NL: [0], T.IQ4_XS: [0], T.MXFP4: [],
}  # fmt: skip
# zero, negative zero, the least and greatest subnormal, the least normal, negative ones of each, one, the greatest, its negative
SPECIAL = [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x8001, 0x83FF, 0x8400, 0x3C00, 0x7BFF, 0xFBFF]
LOWS = [0x0000, 0x0001, 0x0FFF, 0x1000, 0x1001, 0x2FFF, 0x3000, 0x3001, 0x7000, 0x7FFF, 0x8000, 0x8001, 0xB000, 0xFFFF]


def blocks_of(t, rng):
    elems, size = gguf.GGML_QUANT_SIZES[t]
    n = 256 if elems == 1 else 16 if elems == 256 else 24
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    if t == T.F32:
        blocks = rng.integers(0, 2**32, (n, 1), dtype=np.uint32)
        blocks[np.isnan(blocks.view(np.float32))] = 0
        return blocks.view(np.uint8)
    if t == T.MXFP4:  # exponents over the whole range
        blocks[:, 0] = np.linspace(0, 255, n).astype(np.uint8)
        blocks[1, 0], blocks[-2, 0] = 1, 254
    for k, at in enumerate(TYPES[t]):
        scales = rng.normal(0, 0.1, n).astype(np.float16).view(np.uint16)
        scales[: len(SPECIAL)] = np.roll(SPECIAL, 3 * k)
        blocks[:, at : at + 2] = scales.reshape(n, 1).view(np.uint8)
    return blocks


def hashes(results):
    """One 64-bit FNV-1a, a result (not a byte) a step, for each row."""
    h = np.full(len(results), 0xCBF29CE484222325, dtype=np.uint64)
    for column in results.T.astype(np.uint64):
        h = (h ^ column) * np.uint64(0x100000001B3)
    return h


def main():
    OUT.mkdir(exist_ok=True)
    for t in TYPES:
        blocks = blocks_of(t, np.random.default_rng(int(t)))
        with np.errstate(over="ignore"):
            values = gguf.quants.dequantize(blocks, t).astype(np.float32, copy=False)
        assert not np.isnan(values).any() or t in (T.BF16,), t.name
        head = struct.pack("<IIII", int(t), *gguf.GGML_QUANT_SIZES[t], len(blocks))
        (OUT / f"{t.name.lower()}.bin").write_bytes(head + blocks.tobytes() + values.tobytes())

    patterns = np.arange(65536, dtype=np.uint32).reshape(256, 256)
    to_f32 = patterns.astype(np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    inputs = np.concatenate([(patterns << 16) + np.uint32(low) for low in LOWS], axis=1)
    with np.errstate(over="ignore"):
        to_f16 = inputs.view(np.float32).astype(np.float16).view(np.uint16)
    to_bf16 = gguf.quants.quantize(inputs.view(np.float32), T.BF16).view(np.uint16)
    (OUT / "half.bin").write_bytes(b"".join(hashes(r).tobytes() for r in (to_f32, to_f16, to_bf16)))


if __name__ == "__main__":
    main()
