#!/usr/bin/env python3
"""Loam beside llama.cpp on the same files, in one run: A/B/A/B, so that a noisy machine is noisy for both.

    bench/compare.py --peer FOLDER [--loam build/loam] [--level avx2] [--rounds 3] [--streams 4,16] MODEL.gguf ...

FOLDER holds llama-bench and llama-batched-bench with their libraries. To get it, by name from PyPI:

    pip download --no-deps --no-binary :all: llama-cpp-python==0.3.36     # its archive holds all of llama.cpp
    cmake -B B -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF -DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON \\
          -DGGML_F16C=ON -DGGML_BMI2=ON vendor/llama.cpp && cmake --build B -t llama-bench llama-batched-bench

(for AVX-512 add -DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON -DGGML_AVX512_BF16=ON). Both programs get two threads, flash
attention on, the same prompt and answer lengths. Prints a Markdown table: tokens a second as the median over the
rounds, and the median of the rounds' ratios. --level lowers Loam's instruction set; take a peer built for the same.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys


def run(cmd, env):
    done = subprocess.run(cmd, env=env, capture_output=True, text=True, timeout=900)
    if done.returncode:
        sys.exit(f"{cmd[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


def loam(args, model, env, streams=1):
    cmd = [args.loam, "bench", "-m", model, "-t", str(args.threads), "-r", "2", "--json"]
    if streams > 1:
        out = json.loads(run(cmd + ["-p", "0", "-n", "32", "--streams", str(streams)], env))
        return {f"{streams} streams": out["generation"]["tokens_per_s"]}
    out = json.loads(run(cmd + ["-p", str(args.prompt), "-n", str(args.answer)], env))
    return {"prompt": out["prompt"]["tokens_per_s"], "answer": out["generation"]["tokens_per_s"]}


def peer(args, model, env, streams=1):
    if streams > 1:
        out = run([f"{args.peer}/llama-batched-bench", "-m", model, "-t", str(args.threads), "-fa", "on", "-b", "512",
                   "-c", "4096", "-npp", "16", "-ntg", "32", "-npl", f"1,{streams}"], env)  # fmt: skip
        rows = [re.split(r"\s*\|\s*", line) for line in out.splitlines() if re.match(r"^\|\s+16 ", line)]
        return {f"{streams} streams": float(rows[-1][8])}
    out = run([f"{args.peer}/llama-bench", "-m", model, "-t", str(args.threads), "-fa", "1", "-r", "2", "-o", "json",
               "-p", str(args.prompt), "-n", str(args.answer)], env)  # fmt: skip
    rows = json.loads(out)
    return {("prompt" if r["n_prompt"] else "answer"): r["avg_ts"] for r in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--peer", required=True)
    parser.add_argument("--loam", default="build/loam")
    parser.add_argument("--level")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--answer", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", default="", help="also so many answers at once, as 4,16")
    args = parser.parse_args()
    ours = dict(os.environ, **({"LOAM_CPU": args.level} if args.level else {}))
    theirs = dict(os.environ, LD_LIBRARY_PATH=args.peer)
    counts = [1] + [int(s) for s in args.streams.split(",") if s]
    print(f"| model | | Loam{' ' + args.level if args.level else ''} | llama.cpp | ratio |\n| --- | --- | --- | --- | --- |")
    for model in args.models:
        a, b = {}, {}
        for _ in range(args.rounds):
            for n in counts:
                for into, what in ((a, loam(args, model, ours, n)), (b, peer(args, model, theirs, n))):
                    for key, value in what.items():
                        into.setdefault(key, []).append(value)
        name = os.path.basename(model).removesuffix(".gguf")
        for key in a:
            ratio = statistics.median(x / y for x, y in zip(a[key], b[key]))
            print(f"| {name} | {key} | {statistics.median(a[key]):.0f} | {statistics.median(b[key]):.0f} | {ratio:.2f} × |", flush=True)


if __name__ == "__main__":
    main()
