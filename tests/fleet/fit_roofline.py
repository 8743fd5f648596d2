#!/usr/bin/env python3
"""Fits the four constants of src/fleet/perf.c on the 60 published rows (needs scipy) and prints the error, also of each
model when it is held out. The equations are written again here, independently of the C code; the lines under "golden"
are the expectations of test_perf.c.

    tests/fleet/fit_roofline.py
"""
import numpy as np
from scipy.optimize import minimize

MODELS = {  # parameters, layers, hidden, KV heads, head dimension
    "8B": (8.03e9, 32, 4096, 8, 128), "70B": (70.6e9, 80, 8192, 8, 128), "405B": (405.9e9, 126, 16384, 8, 128)}
CHIPS = {"H200": (1979e12, 141e9, 4800e9), "H100": (1979e12, 80e9, 3350e9)}  # FLOP/s (FP8), bytes, bytes/s
LINK = 450e9  # bytes/s in one direction
LENGTHS = [(128, 128), (128, 2048), (128, 4096), (500, 2000), (1000, 1000), (1000, 2000), (2048, 128), (2048, 2048),
           (5000, 500), (20000, 2000)]
TABLE = """8B H200 1 27911 26221 18027 20770 17744 16828 3538 12194 3902 1804
8B H100 1 28312 22714 14325 17660 15220 13899 3450 9305 3459 1351
70B H200 1 3803 4336 2872 3666 2909 2994 442 2003 566 283
70B H100 2 6378 6651 4199 5222 4205 4146 762 3082 898 437
405B H200 8 3814 5348 4741 4724 3330 3722 456 2948 650 505
405B H100 8 3627 4340 3116 3994 2919 2895 453 2296 610 345"""
ROWS = [(f[0], f[1], int(f[2]), i, o, float(v)) for f in map(str.split, TABLE.splitlines())
        for (i, o), v in zip(LENGTHS, f[3:])]


def throughput(row, constants, whole=True, usable=0.90):
    """Output tokens per second. whole: memory is set aside for all of a request's tokens, not for their mean."""
    model, chip, p, i, o, _ = row
    n, layers, hidden, kv_heads, head = MODELS[model]
    flops, memory, bandwidth = CHIPS[chip]
    e_p, e_d, e_b, t_0 = constants
    kv = 2 * layers * kv_heads * head
    context = i + o / 2
    room = usable * p * memory - 1.03 * n - 2e9 * p
    batch = int(min(room / (kv * (i + o if whole else context)), 2048))
    prefill = (2 * n * i + 2 * layers * hidden * i * i) / (e_p * flops * p)
    step = max(n / (e_b * bandwidth * p), 2 * n * batch / (e_d * flops * p)) + batch * kv * context / (
        e_b * bandwidth * p) + t_0
    if p > 1:
        reduce = 2 * layers * hidden * 2 * 2 * (p - 1) / p / LINK
        step += 2 * layers * 20e-6 + reduce * batch
        prefill += reduce * i
    return o * batch / (o * step + batch * prefill)


def errors(constants, rows=ROWS, **kw):
    return np.array([throughput(r, constants, **kw) / r[5] - 1 for r in rows])


def told(e):
    worst = e[np.argmax(abs(e))]
    return (f"mean {abs(e).mean():.1%} median {np.median(abs(e)):.1%} p90 {np.percentile(abs(e), 90):.1%} "
            f"worst {worst:+.0%}")


def fit(rows, **kw):
    def loss(x):
        c = (*x[:3], x[3] * 1e-3)
        return abs(errors(c, rows, **kw)).mean() + 10 * max(0, x[2] - 0.97) + 10 * max(0, -x[3])
    starts = ([0.55, 0.4, 0.9, 2.0], [0.6, 0.5, 0.85, 3.0], [0.7, 0.35, 0.8, 1.0])
    best = min((minimize(loss, s, method="Nelder-Mead", options={"maxiter": 4000}) for s in starts),
               key=lambda o: o.fun)
    return (*best.x[:3], best.x[3] * 1e-3)


def main():
    first = (0.55, 0.40, 0.90, 2e-3)
    print("memory for the mean context, 92 %:", told(errors(first, whole=False, usable=0.92)))
    print("memory for the whole request, 92 %:", told(errors(first, usable=0.92)))
    c = fit(ROWS)
    print("fitted, 90 %:", [round(float(x), 5) for x in c], told(errors(c)))
    used = (0.56, 0.40, 0.89, 1e-3)
    print("rounded, as used:", told(errors(used)))
    for model in MODELS:
        held = fit([r for r in ROWS if r[0] != model])
        print(f"held out {model}:", told(errors(held, [r for r in ROWS if r[0] == model])))
    print("golden:")
    for r in ROWS[::7]:
        print(r[:5], f"{throughput(r, used):.3f}")


if __name__ == "__main__":
    main()
