#!/usr/bin/env python3
"""Makes tests/golden/smollm2/llama.txt: what llama.cpp says of a public-domain text with the default model.

    bench/perplexity-text.sh FOLDER
    bench/quality.py llama SmolLM2-135M-Instruct.Q4_1.gguf FOLDER/text.txt --tokens 4096 --ctx 512 --kv f16 --out L.npy
    tests/golden/make/smollm2.py L.npy            (llama-cpp-python 0.3.36)

A line a token: its id, the most probable next id, that one's lead over the second in nats, and the log-probability of
the text's own next token (0 where a window of 512 ends).
"""
import pathlib
import sys

import numpy as np

CTX = 512
logits = np.load(sys.argv[1], mmap_mode="r")
ids = [int(x) for x in pathlib.Path(sys.argv[1]).with_suffix(".ids").read_text().split()]
out = pathlib.Path(__file__).parent.parent / "smollm2" / "llama.txt"
out.parent.mkdir(exist_ok=True)
with out.open("w") as f:
    for i, token in enumerate(ids):
        x = logits[i].astype("f8")
        x -= x.max()
        x -= np.log(np.exp(x).sum())
        second, first = np.sort(x)[-2:]
        last = (i + 1) % CTX == 0 or i + 1 == len(ids)
        f.write(f"{token} {int(x.argmax())} {first - second:.3f} {0 if last else x[ids[i + 1]]:.4f}\n")
