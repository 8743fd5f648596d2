#!/usr/bin/env python3
"""Compares the answers of two programs on the same model: logits under teacher forcing, and the perplexity they give.

    quality.py llama MODEL.gguf TEXT --tokens 512 --out llama.npy     what llama.cpp computes
    quality.py compare WANT.npy GOT.npy [--ids llama.ids]             how far two sets of logits are apart

`llama` takes the first N tokens of a text (no BOS unless the model asks for one), in windows of --ctx tokens that each
start with an empty cache. OUT.npy is f32 [tokens, n_vocab]; beside it OUT.ids has the token ids, one a line, for the
other program. `compare` also takes headerless f32 files (any other ending than .npy) with as many rows as WANT.

Needs numpy and llama-cpp-python. With LLAMA_CPP_LIB_PATH=FOLDER its bindings use the libllama.so of FOLDER, which must
be of the version that the bindings were written for.
"""
import argparse
import ctypes
import importlib.util
import json
import pathlib
import sys
import types

import numpy as np

KV_TYPES = {"f32": 0, "f16": 1}
FLASH_ATTENTION_OFF, FLASH_ATTENTION_ON = 0, 1


def llama_bindings():
    """The low-level bindings alone: importing the package would also load libraries that we do not need."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None:
        sys.exit("llama_cpp not found: pip install llama-cpp-python, or put it on PYTHONPATH")
    package = types.ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["llama_cpp"] = package
    return importlib.import_module("llama_cpp.llama_cpp")


class Llama:
    """One model and one context in llama.cpp; frees nothing, as the process ends with it."""

    def __init__(self, path, n_ctx, threads, kv, flash):
        self.lib = lib = llama_bindings()

        def log(level, text, _):
            if level in (3, 4):  # warnings and errors
                sys.stderr.write(text.decode(errors="replace"))

        self.log = lib.llama_log_callback(log)  # kept as long as it may be called
        lib.llama_log_set(self.log, None)
        lib.llama_backend_init()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self.model:
            sys.exit(f"llama.cpp cannot load {path}")
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.n_vocab = lib.llama_vocab_n_tokens(self.vocab)
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, n_ctx, min(n_ctx, 512)
        params.n_threads = params.n_threads_batch = threads
        params.type_k = params.type_v = KV_TYPES[kv]
        params.flash_attn_type = FLASH_ATTENTION_ON if flash else FLASH_ATTENTION_OFF
        self.ctx = lib.llama_init_from_model(self.model, params)
        if not self.ctx:
            sys.exit("llama.cpp cannot make a context")

    def tokenize(self, text):
        ids = (self.lib.llama_token * (len(text) + 8))()
        n = self.lib.llama_tokenize(self.vocab, text, len(text), ids, len(ids), True, False)
        if n < 0:
            sys.exit("llama.cpp cannot tokenize the text")
        return np.array(ids[:n], dtype=np.int32)

    def logits(self, ids):
        """f32 [len(ids), n_vocab], from an empty cache."""
        lib, n = self.lib, len(ids)
        lib.llama_memory_clear(lib.llama_get_memory(self.ctx), True)
        batch = lib.llama_batch_init(n, 0, 1)
        batch.n_tokens = n
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i] = int(token), i
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, 0, 1
        status = lib.llama_decode(self.ctx, batch)
        if status != 0:
            sys.exit(f"llama_decode failed: {status}")
        lib.llama_batch_free(batch)
        rows = ctypes.cast(lib.llama_get_logits(self.ctx), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(rows, (n, self.n_vocab)).copy()


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def losses_of(log_p, ids):
    """-log p of each next token; the first token of the rows is only context."""
    return -log_p[np.arange(len(ids) - 1), ids[1:]]


def run_llama(args):
    ids_all = [int(x) for x in args.ids.read_text().split()] if args.ids else None
    llama = Llama(args.model, args.ctx, args.threads, args.kv, args.flash)
    if ids_all is None:
        ids_all = llama.tokenize(args.text.read_bytes())
    ids = np.array(ids_all[: args.tokens], dtype=np.int32)
    if len(ids) < 2:
        sys.exit("at least two tokens are needed")
    out = None
    if args.out:
        out = np.lib.format.open_memmap(args.out, "w+", np.float32, (len(ids), llama.n_vocab))
        args.out.with_suffix(".ids").write_text("".join(f"{i}\n" for i in ids))
    losses = []
    for start in range(0, len(ids), args.ctx):
        window = ids[start : start + args.ctx]
        logits = llama.logits(window)
        if out is not None:
            out[start : start + len(window)] = logits
        for row in range(0, len(window) - 1, 64):  # a few rows at a time: log_softmax is in double precision
            part = window[row : row + 65]
            losses.append(losses_of(log_softmax(logits[row : row + len(part)]), part))
    report(losses, n_tokens=len(ids), n_vocab=llama.n_vocab)


def report(losses, **more):
    losses = np.concatenate(losses)
    n = len(losses)
    stderr = float(losses.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    result = {"perplexity": float(np.exp(losses.mean())), "loss": float(losses.mean()), "loss_stderr": stderr, "scored": n}
    print(json.dumps(result | more))


def load(path, n_rows=None):
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r")
    flat = np.memmap(path, dtype="<f4", mode="r")
    if flat.size % n_rows:
        sys.exit(f"{path} does not hold {n_rows} rows of f32")
    return flat.reshape(n_rows, -1)


def run_compare(args):
    want = load(args.want)
    got = load(args.got, len(want))
    if want.shape != got.shape:
        sys.exit(f"{args.want} is {want.shape}, {args.got} is {got.shape}")
    ids = np.array(args.ids.read_text().split(), dtype=np.int64) if args.ids else None
    kl, same, greatest, squares, losses = [], 0, 0.0, 0.0, ([], [])
    for row in range(len(want)):
        a, b = np.asarray(want[row]), np.asarray(got[row])
        difference = a.astype(np.float64) - b
        greatest, squares = max(greatest, np.abs(difference).max()), squares + (difference**2).mean()
        same += a.argmax() == b.argmax()
        log_a, log_b = log_softmax(a), log_softmax(b)
        kl.append((np.exp(log_a) * (log_a - log_b)).sum())
        if ids is not None and row + 1 < len(ids) and (row + 1) % args.ctx:
            losses[0].append(-log_a[ids[row + 1]])
            losses[1].append(-log_b[ids[row + 1]])
    result = {
        "rows": len(want),
        "greatest_difference": float(greatest),
        "rms_difference": float(np.sqrt(squares / len(want))),
        "kl_mean": float(np.mean(kl)),
        "kl_p99": float(np.quantile(kl, 0.99)),
        "kl_max": float(np.max(kl)),
        "same_top_token": same / len(want),
    }
    if ids is not None:
        result["perplexity_want"] = float(np.exp(np.mean(losses[0])))
        result["perplexity_got"] = float(np.exp(np.mean(losses[1])))
    print(json.dumps({k: v if isinstance(v, int) else float(f"{v:.6g}") for k, v in result.items()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    p = verbs.add_parser("llama", help="logits and perplexity of llama.cpp")
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("text", type=pathlib.Path, nargs="?")
    p.add_argument("--ids", type=pathlib.Path, help="token ids instead of a text")
    p.add_argument("--tokens", type=int, default=512)
    p.add_argument("--ctx", type=int, default=512)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--kv", choices=KV_TYPES, default="f16", help="type of the KV cache")
    p.add_argument("--flash", action="store_true", help="flash attention (llama.cpp's default where it can)")
    p.add_argument("--out", type=pathlib.Path, help="write the logits here (.npy): 4 * tokens * n_vocab bytes")
    p.set_defaults(run=run_llama)
    p = verbs.add_parser("compare", help="differences of two sets of logits")
    p.add_argument("want", type=pathlib.Path)
    p.add_argument("got", type=pathlib.Path)
    p.add_argument("--ids", type=pathlib.Path, help="the token ids, for the perplexities")
    p.add_argument("--ctx", type=int, default=512, help="the windows that the logits were made in")
    p.set_defaults(run=run_compare)
    args = parser.parse_args()
    if args.run is run_llama and (args.text is None) == (args.ids is None):
        parser.error("give either a text or --ids")
    args.run(args)


if __name__ == "__main__":
    main()
