#!/usr/bin/env python3
"""Golden draws for tests/gen/test_sampler.c: a plain reading of src/gen/sampler.h in NumPy, with full sorts and 64-bit
floats, and Philox4x32-10 written from the paper (Salmon et al., SC 2011).

    python3 tests/golden/make/sampler.py      writes tests/golden/sampler/cases.bin
"""
import os
import struct

import numpy as np

OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sampler", "cases.bin")


def philox4x32(key, counter):
    m0, m1, w0, w1, low = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85, 0xFFFFFFFF
    k0, k1 = key & low, key >> 32
    c = [counter & low, counter >> 32, 0, 0]
    for _ in range(10):
        a, b = m0 * c[0], m1 * c[2]
        c = [(b >> 32) ^ c[1] ^ k0, b & low, (a >> 32) ^ c[3] ^ k1, a & low]
        k0, k1 = (k0 + w0) & low, (k1 + w1) & low
    return c


def uniform(seed, index):
    w = philox4x32(seed, index)
    return ((w[0] << 32 | w[1]) >> 11) * 2.0**-53


# Known answer of the Random123 distribution (kat_vectors): philox4x32 10, counter and key 0.
assert philox4x32(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def sample(logits, p, history, index):
    l = np.where(np.isnan(logits), np.float32(-np.inf), logits)  # bias and penalties are 32-bit, as in llama.cpp
    for token, bias in p["bias"]:
        l[token] += np.float32(bias)
    window = history if p["last_n"] < 0 else history[len(history) - min(p["last_n"], len(history)):]
    for token in set(window):
        n = window.count(token)
        repeat, frequency, presence = (np.float32(p[k]) for k in ("repeat", "frequency", "presence"))
        l[token] = l[token] * repeat if l[token] <= 0 else l[token] / repeat
        l[token] -= np.float32(n) * frequency + presence
    l = l.astype(np.float64)
    order = sorted(range(len(l)), key=lambda i: (-l[i], i))
    if p["temperature"] == 0:
        return order[0]
    if p["top_k"] > 0:
        order = order[:p["top_k"]]
    top = l[order[0]]
    prob = np.exp(l[order] - top)
    prob /= prob.sum()
    if p["top_p"] < 1:
        keep = int(np.searchsorted(np.cumsum(prob), p["top_p"])) + 1
        order, prob = order[:keep], prob[:keep]
    if p["min_p"] > 0:
        keep = int(np.sum(prob >= p["min_p"] * prob[0]))
        order = order[:keep]
    order = sorted(order)
    weight = np.exp((l[order] - top) / p["temperature"])
    cumulative = np.cumsum(weight / weight.sum())
    u = uniform(p["seed"], index)
    assert np.abs(cumulative[:-1] - u).min(initial=1) > 1e-9, "a draw too close to an edge: take another seed"
    return order[min(int(np.searchsorted(cumulative, u, side="right")), len(order) - 1)]


def f32(x):
    return float(np.float32(x))


def main():
    rng = np.random.default_rng(20240)
    cases = []
    for number in range(120):
        n = int(rng.choice([1, 2, 7, 64, 65, 300, 700] if number < 116 else [4000]))
        logits = (rng.standard_normal(n) * rng.choice([0.5, 2, 5])).astype(np.float32)
        if number % 5 == 1:  # ties
            logits = np.round(logits)
        if number % 17 == 3:
            logits[rng.integers(n)] = np.nan if n > 1 else 0
            logits[rng.integers(n)] = -np.inf if n > 2 else 0
        p = {
            "temperature": f32(rng.choice([0, 0.1, 0.8, 1, 1.7], p=[0.15, 0.1, 0.35, 0.3, 0.1])),
            "top_k": int(rng.choice([0, 1, 2, 5, 40, 1000])),
            "top_p": f32(rng.choice([1, 0.95, 0.5, 0.05, 0.999, 0])),
            "min_p": f32(rng.choice([0, 0.05, 0.3, 1])) if number % 2 else 0,
            "repeat": f32(rng.choice([1, 1, 1.1, 1.5, 0.8])),
            "last_n": int(rng.choice([-1, 0, 1, 4, 64])),
            "presence": f32(rng.choice([0, 0, 0.5, -0.5])),
            "frequency": f32(rng.choice([0, 0, 0.25, 1.5])),
            "seed": int(rng.integers(0, 2**64, dtype=np.uint64)),
            "bias": [(int(rng.integers(n)), f32(rng.choice([-100, -1, 2.5]))) for _ in range(rng.integers(0, 3))],
        }
        history = [int(t) for t in rng.integers(0, n, rng.integers(0, 12))]
        known, draws = list(history), []
        for index in range(24):
            draws.append(int(sample(logits, p, known, index)))
            known.append(draws[-1])
        case = struct.pack("<i5fi2fQ", n, p["temperature"], p["top_p"], p["min_p"], p["repeat"], 0, p["last_n"],
                           p["presence"], p["frequency"], p["seed"])
        case += struct.pack("<iiii", p["top_k"], len(p["bias"]), len(history), len(draws))
        for token, bias in p["bias"]:
            case += struct.pack("<if", token, bias)
        case += np.array(history + draws, "<i4").tobytes() + logits.astype("<f4").tobytes()
        cases.append(case)
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "wb") as f:
        f.write(struct.pack("<i", len(cases)) + b"".join(cases))


if __name__ == "__main__":
    main()
