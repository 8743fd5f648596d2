#!/usr/bin/env python3
"""Golden files for tests/format, made by the reference implementations:

    pip install gguf==0.19.0 safetensors==0.8.0 numpy
    python3 tests/golden/make/format.py [DIRECTORY WITH ggml-vocab-*.gguf]     (default ../shared/data/tokenizers)

tests/golden/format/
  small.gguf       every value type, written by the gguf package; listing in small.txt, read back by its reader
  aligned.gguf     general.alignment 64; aligned.txt
  vocabs.txt       name, bytes, lines and FNV-1a-64 of the listing of each real vocabulary file
  ggml_types.txt   number, name, block elements, block bytes (GGML_QUANT_SIZES)
  small.safetensors, safetensors.txt   written and listed by the safetensors package
  safetensors.cases                    small files, good and bad, with the verdict of the safetensors package
"""
import json
import struct
import sys
from pathlib import Path

import gguf
import numpy as np
import safetensors
import safetensors.numpy
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType as T

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "tests/golden/format"
NAMES = {T.UINT8: "u8", T.INT8: "i8", T.UINT16: "u16", T.INT16: "i16", T.UINT32: "u32", T.INT32: "i32",
         T.FLOAT32: "f32", T.BOOL: "bool", T.STRING: "string", T.ARRAY: "array", T.UINT64: "u64", T.INT64: "i64",
         T.FLOAT64: "f64"}


def fnv(data: bytes) -> str:
    h = 0xCBF29CE484222325
    for b in data:
        h = (h ^ b) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def plain(b: bytes) -> str:
    return "".join(chr(c) if 32 < c < 127 and c != 92 else f"\\x{c:02x}" for c in b)


def value(v, t) -> str:
    if t in (T.FLOAT32, T.FLOAT64):
        return "%.17g" % float(v)
    return str(int(v))


def listing(path: Path) -> str:
    r = gguf.GGUFReader(path)
    lines = [f"version {int(r.fields['GGUF.version'].parts[0][0])}"]
    for name, f in r.fields.items():
        if name.startswith("GGUF."):
            continue
        t = f.types[0]
        head = f"kv {plain(name.encode())} {NAMES[t]}"
        elem = t
        if t == T.ARRAY:
            elem = T(int(f.parts[3][0]))  # parts: key length, key, type, element type, count, ...
            head += f" {NAMES[elem]} {int(f.parts[4][0])}"
        if elem == T.STRING:
            vals = [plain(bytes(f.parts[i])) for i in f.data]
        else:
            vals = [value(f.parts[i][0], elem) for i in f.data]
        lines.append(" ".join([head, *vals]))
    for t in r.tensors:
        shape = "x".join(str(int(d)) for d in reversed(t.shape))
        raw = r.data[t.data_offset:t.data_offset + t.n_bytes]
        lines.append(f"tensor {plain(t.name.encode())} {t.tensor_type.name} {shape} offset {t.data_offset} "
                     f"bytes {t.n_bytes} fnv {fnv(bytes(raw))}")
    return "\n".join(lines) + "\n"


def write_gguf(path: Path, alignment):
    rng = np.random.default_rng(7)
    w = gguf.GGUFWriter(path, "test")
    if alignment:
        w.add_custom_alignment(alignment)
    w.add_uint8("v.u8", 255)
    w.add_int8("v.i8", -128)
    w.add_uint16("v.u16", 65535)
    w.add_int16("v.i16", -32768)
    w.add_uint32("v.u32", 0xFFFFFFFF)
    w.add_int32("v.i32", -(1 << 31))
    w.add_float32("v.f32", 1e-6)
    w.add_bool("v.bool", True)
    w.add_bool("v.bool_no", False)
    w.add_string("v.string", "grüße\n\x7f \U0001F40B")
    w.add_string("v.empty", " ")
    w.add_uint64("v.u64", (1 << 64) - 1)
    w.add_int64("v.i64", -(1 << 63))
    w.add_float64("v.f64", 1e300)
    w.add_uint64("v.small_u64", 4096)
    arrays = {T.UINT8: [0, 255], T.INT8: [-128, 127], T.UINT16: [0, 65535, 7], T.INT16: [-32768, 32767],
              T.UINT32: [0, 0xFFFFFFFF], T.INT32: [-(1 << 31), 5], T.FLOAT32: [0.1, -0.0, float("inf")],
              T.BOOL: [True, False, True], T.STRING: ["a", "", "longer text", "\u00e9"],
              T.UINT64: [1, (1 << 64) - 1], T.INT64: [-(1 << 63), (1 << 63) - 1], T.FLOAT64: [0.1, 5e-324]}
    for t, vals in arrays.items():
        w.add_key_value(f"a.{NAMES[t]}", vals, T.ARRAY, sub_type=t)
    w.add_tensor("t.f32", rng.standard_normal((3, 5), dtype=np.float32))
    w.add_tensor("t.f16.4d", rng.standard_normal((2, 3, 1, 4)).astype(np.float16))
    w.add_tensor("t.i8", np.arange(7, dtype=np.int8))
    w.add_tensor("t.i64", np.array([1 << 40, -1], dtype=np.int64))
    for q, rows in ((GGMLQuantizationType.Q8_0, 2), (GGMLQuantizationType.Q4_1, 3)):
        x = rng.standard_normal((rows, 64), dtype=np.float32)
        w.add_tensor(f"t.{q.name.lower()}", gguf.quants.quantize(x, q), raw_dtype=q)
    w.add_tensor("t.one", np.array([42.0], dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def make_gguf(vocab_dir: Path):
    for name, alignment in (("small", None), ("aligned", 64)):
        write_gguf(OUT / f"{name}.gguf", alignment)
        (OUT / f"{name}.txt").write_text(listing(OUT / f"{name}.gguf"))
    vocabs = []
    for f in sorted(vocab_dir.glob("*.gguf")):
        text = listing(f)
        vocabs.append(f"{f.name} {f.stat().st_size} {text.count(chr(10))} {fnv(text.encode())}\n")
    if vocabs:
        (OUT / "vocabs.txt").write_text("".join(vocabs))
    (OUT / "ggml_types.txt").write_text("".join(
        f"{int(t)} {t.name} {GGML_QUANT_SIZES[t][0]} {GGML_QUANT_SIZES[t][1]}\n"
        for t in GGMLQuantizationType if t in GGML_QUANT_SIZES))


def st_file(header, data=b"", raw=None):
    h = raw if raw is not None else json.dumps(header).encode()
    return struct.pack("<Q", len(h)) + h + data


def st_tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def st_cases():
    t = st_tensor
    one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    yield "one tensor", st_file({"a": t("F32", [2], 0, 8)}, b"x" * 8)
    yield "bytes after the last tensor", st_file({"a": t("F32", [2], 0, 8)}, b"x" * 9)
    yield "hole before", st_file({"a": t("F32", [2], 4, 12)}, b"x" * 12)
    yield "hole between", st_file({"a": t("F32", [1], 0, 4), "b": t("F32", [1], 8, 12)}, b"x" * 12)
    yield "same place twice", st_file({"a": t("F32", [1], 0, 4), "b": t("F32", [1], 0, 4)}, b"x" * 4)
    yield "overlap", st_file({"a": t("F32", [2], 0, 8), "b": t("F32", [2], 4, 12)}, b"x" * 12)
    yield "missing data", st_file({"a": t("F32", [2], 0, 8)}, b"x" * 7)
    yield "no data at all", st_file({"a": t("F32", [2], 0, 8)})
    yield "empty tensor", st_file({"a": t("F32", [0, 3], 0, 0)})
    yield "empty tensors between", st_file({"a": t("F32", [0], 4, 4), "b": t("F32", [], 0, 4), "c": t("U8", [2], 4, 6)},
                                           b"123456")
    yield "empty tensor with a huge size", st_file({"a": t("F32", [0, 1 << 62, 1 << 62], 0, 0)})
    yield "no tensors", st_file({})
    yield "no tensors but data", st_file({}, b"1")
    yield "empty name", st_file({"": t("F32", [1], 0, 4)}, b"x" * 4)
    yield "begin after end", st_file({"a": t("F32", [1], 4, 0)}, b"x" * 4)
    yield "shape larger than bytes", st_file({"a": t("F32", [2], 0, 4)}, b"x" * 4)
    yield "shape smaller than bytes", st_file({"a": t("F32", [1], 0, 8)}, b"x" * 8)
    yield "out of order", st_file({"b": t("F32", [1], 4, 8), "a": t("F32", [1], 0, 4)}, b"x" * 8)
    yield "metadata", st_file({"__metadata__": {"format": "pt", "é": ""}})
    yield "metadata null", st_file({"__metadata__": None})
    yield "metadata with a number", st_file({"__metadata__": {"a": 1}})
    yield "metadata an array", st_file({"__metadata__": ["a"]})
    yield "unknown field", st_file({"a": {**t("F32", [1], 0, 4), "x": 1}}, b"x" * 4)
    yield "field missing", st_file({"a": {"dtype": "F32", "shape": [1]}}, b"x" * 4)
    yield "three offsets", st_file({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]}}, b"x" * 4)
    yield "negative size", st_file({"a": t("F32", [-1], 0, 4)}, b"x" * 4)
    yield "fractional size", st_file({"a": t("F32", [1.0], 0, 4)}, b"x" * 4)
    yield "negative offset", st_file({"a": t("F32", [1], -4, 0)}, b"x" * 4)
    yield "product overflows", st_file({"a": t("F32", [1 << 40, 1 << 40], 0, 4)}, b"x" * 4)
    yield "bits overflow", st_file({"a": t("F32", [1 << 61], 0, 4)}, b"x" * 4)
    yield "unknown dtype", st_file({"a": t("U4", [2], 0, 1)}, b"x")
    yield "dtype in lower case", st_file({"a": t("f32", [1], 0, 4)}, b"x" * 4)
    yield "half a byte", st_file({"a": t("F4", [3], 0, 2)}, b"x" * 2)
    yield "space before", st_file(None, b"x" * 4, b' {"a":' + one.encode() + b"}")
    yield "space after", st_file(None, b"x" * 4, b'{"a":' + one.encode() + b"}    ")
    yield "text after", st_file(None, b"x" * 4, b'{"a":' + one.encode() + b"} x")
    yield "header an array", st_file(None, raw=b"[]")
    yield "header a number", st_file(None, raw=b"1")
    yield "header empty", struct.pack("<Q", 0)
    yield "header cut", st_file(None, raw=b'{"a":{"dtype"')
    yield "header not UTF-8", st_file(None, raw=b'{"\xff":1}')
    yield "shorter than its length", b"1234567"
    yield "header beyond the end", struct.pack("<Q", 100) + b"{}"
    yield "header length huge", struct.pack("<Q", 1 << 60) + b"{}"
    yield "header length all ones", b"\xff" * 8 + b"{}"
    for dtype, bits in (("BOOL", 8), ("U8", 8), ("I8", 8), ("F8_E5M2", 8), ("F8_E4M3", 8), ("F8_E8M0", 8),
                        ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("I16", 16), ("U16", 16), ("F16", 16), ("BF16", 16),
                        ("I32", 32), ("U32", 32), ("F32", 32), ("C64", 64), ("F64", 64), ("I64", 64), ("U64", 64),
                        ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6)):
        n = bits * 4 // 8
        yield f"{dtype} 4 elements", st_file({"a": t(dtype, [4], 0, n)}, b"x" * n)
        yield f"{dtype} a byte too many", st_file({"a": t(dtype, [4], 0, n + 1)}, b"x" * (n + 1))


def make_safetensors():
    rng = np.random.default_rng(8)
    tensors = {"w.b": rng.standard_normal((2, 3, 4), dtype=np.float32),
               "w.a": rng.standard_normal((5,)).astype(np.float16), "six": np.arange(12, dtype=np.int64).reshape(
                   1, 2, 1, 3, 1, 2), "flags": np.array([True, False]), "scalar": np.array(3.5, dtype=np.float64)}
    path = OUT / "small.safetensors"
    safetensors.numpy.save_file(tensors, path, metadata={"format": "np", "who": "grüße"})
    lines = []
    with safetensors.safe_open(path, framework="np") as f:
        lines += [f"metadata {plain(k.encode())} {plain(v.encode())}" for k, v in sorted(f.metadata().items())]
        for name in sorted(f.keys()):
            s = f.get_slice(name)
            lines.append(f"tensor {plain(name.encode())} {s.get_dtype()} {'x'.join(map(str, s.get_shape()))} "
                         f"fnv {fnv(np.ascontiguousarray(f.get_tensor(name)).tobytes())}")
    (OUT / "safetensors.txt").write_text("\n".join(lines) + "\n")
    with open(OUT / "safetensors.cases", "wb") as out:  # name length u8, name, verdict u8, length u32, file
        for name, data in st_cases():
            try:
                safetensors.deserialize(data)
                verdict = 1
            except safetensors.SafetensorError:
                verdict = 0
            n = name.encode()
            out.write(struct.pack("<B", len(n)) + n + struct.pack("<BI", verdict, len(data)) + data)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    make_gguf(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "../shared/data/tokenizers")
    make_safetensors()
