#!/usr/bin/env python3
"""Loam beside PyTorch (diffusers) and stable-diffusion.cpp on the same weights, in one run: A/B/C/A/B/C, so that a noisy
machine is noisy for all.

    bench/pictures.py --model FOLDER [--single FILE --sdcpp FOLDER] [--torch PYTHON] [--sizes 256,512] [--parts unet,vae]
    bench/pictures.py --model FOLDER [--single FILE …] --parts wan --frames 9 --sizes 256
    bench/pictures.py --same --single FILE --sdcpp FOLDER --torch PYTHON

FOLDER is a diffusers folder, as bench/pictures_random.py writes it (sd15, wan), FILE the same in one file. PYTHON has
torch and diffusers (PyPI). --sdcpp FOLDER is where `pip install --target FOLDER stable-diffusion-cpp-python` built it.

Each program gets the same number of threads and the same shapes: one evaluation of the UNet (77 rows of text), one
decoding by the VAE, or one evaluation of Wan's transformer. PyTorch runs diffusers' models as they are (eager), channels
last, held to AVX2 or to AVX-512 with bf16 by the variables of oneDNN, ATen and MKL; Loam is held by LOAM_CPU. Every
round starts every program anew: it loads, warms up, and its fastest of --runs runs counts. Prints a Markdown table:
seconds as the median over the rounds, and the median of the rounds' ratios to Loam with the same instructions and
precision; peak memory is the whole process', with mapped files.

--same makes pictures of one and two Euler steps from the same noise with Loam and stable-diffusion.cpp and compares them;
the second computes in f16, so its pictures are allowed to be 1 % apart.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

TORCH_ENV = {
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16", "ATEN_CPU_CAPABILITY": "avx512",
               "MKL_ENABLE_INSTRUCTIONS": "AVX512_E1"},
    "all": {},
}
# program, instructions, precision; a peer is compared with the first Loam that has its group
WHO = {
    "Loam AVX2": ("loam", "avx2", "f32", "AVX2"),
    "PyTorch AVX2": ("torch", "avx2", "f32", "AVX2"),
    "Loam AVX-512": ("loam", "avx512", "f32", "AVX-512"),
    "PyTorch AVX-512": ("torch", "avx512", "f32", "AVX-512"),
    "PyTorch AVX-512 bf16": ("torch", "avx512", "bf16", "AVX-512"),
    "stable-diffusion.cpp f16": ("sdcpp", "native", "f16", "AVX-512"),
    "Loam all, bf16": ("loam", "all", "bf16", "all"),
    "PyTorch all, bf16": ("torch", "all", "bf16", "all"),
    "PyTorch all, f32": ("torch", "all", "f32", "all"),
}


# ---- what runs inside the peers' Python; prints one JSON line -------------------------------------------------------


def worker_torch(folder, part, size, frames, dtype, threads, runs):
    import torch
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    side = size // 8
    if part == "unet":
        from diffusers import UNet2DConditionModel
        model = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", torch_dtype=dtype)
        model = model.to(memory_format=torch.channels_last)
        x = torch.randn(1, 4, side, side, dtype=dtype).to(memory_format=torch.channels_last)
        text = torch.randn(1, 77, model.config.cross_attention_dim, dtype=dtype)
        added = {"text_embeds": torch.randn(1, 1280, dtype=dtype), "time_ids": torch.zeros(1, 6)}
        extra = {"added_cond_kwargs": added} if model.config.addition_embed_type else {}

        def run():
            model(x, 500, text, **extra)
    elif part == "vae":
        from diffusers import AutoencoderKL
        model = AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=dtype)
        model = model.to(memory_format=torch.channels_last)
        x = torch.randn(1, 4, side, side, dtype=dtype).to(memory_format=torch.channels_last)

        def run():
            model.decode(x)
    else:
        from diffusers import WanTransformer3DModel
        model = WanTransformer3DModel.from_pretrained(folder, subfolder="transformer", torch_dtype=dtype)
        x = torch.randn(1, 16, (frames - 1) // 4 + 1, side, side, dtype=dtype)
        text = torch.randn(1, 512, 4096, dtype=dtype)

        def run():
            model(x, torch.tensor([500]), text)
    seconds = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    print(json.dumps({part: seconds[1:], "version": torch.__version__}))


def sdcpp_model(folder, file, threads, **more):
    sys.path.insert(0, folder)
    import stable_diffusion_cpp
    return stable_diffusion_cpp.StableDiffusion(model_path=file, n_threads=threads, vae_decode_only=True, verbose=True,
                                                rng_type="cuda", sampler_rng_type="cuda", vae_conv_direct=True, **more)


def worker_sdcpp(folder, file, size, threads, runs):
    """Steps one after another, the first to warm up; two pictures, since the VAE decodes once a picture."""
    model = sdcpp_model(folder, file, threads)
    steps = []
    for n in (runs + 1, 1):
        last = [time.perf_counter()]

        def step(at, n_steps, _):
            now = time.perf_counter()
            steps.append((at, now - last[0]))
            last[0] = now

        model.generate_image(prompt="a cat", width=size, height=size, cfg_scale=1.0, sample_steps=n, seed=42,
                             sample_method="euler", progress_callback=step)
    print(json.dumps({"unet": [s for at, s in steps if at > 1]}))


def worker_sdcpp_wan(folder, file, size, frames, threads, runs):
    """Without a text encoder: 512 rows of text are zeros, which takes as long."""
    sys.path.insert(0, folder)
    import stable_diffusion_cpp
    vae = str(pathlib.Path(file).with_suffix(".vae.safetensors"))
    model = stable_diffusion_cpp.StableDiffusion(diffusion_model_path=file, vae_path=vae, n_threads=threads,
                                                 diffusion_flash_attn=True, verbose=True)
    steps, last = [], [0.0]

    def step(at, n_steps, _):
        now = time.perf_counter()
        if at > 1:
            steps.append(now - last[0])
        last[0] = now
        if at == n_steps:  # the VAE is not measured
            print(json.dumps({"wan": steps}), flush=True)
            os._exit(0)

    model.generate_video(prompt="a cat", width=size, height=size, video_frames=frames, cfg_scale=1.0,
                         sample_steps=runs + 1, seed=42, sample_method="euler", flow_shift=3.0, progress_callback=step)


def worker_sdcpp_picture(folder, file, size, threads, sigmas, out):
    model = sdcpp_model(folder, file, threads)
    model.generate_image(prompt="a cat", width=size, height=size, cfg_scale=1.0, sample_steps=len(sigmas.split(",")),
                         seed=42, sample_method="euler", sigmas=sigmas + ",0")[0].save(out)


def worker_compare(a, b):
    import numpy
    from PIL import Image
    a, b = (numpy.asarray(Image.open(p).convert("RGB")).astype(float) for p in (a, b))
    off = abs(a - b)
    print(json.dumps({"relative": float((off**2).mean() ** 0.5 / a.std()), "most": float(off.max()),
                      "same": float((off == 0).mean())}))


# ---- running them ---------------------------------------------------------------------------------------------------


def run(cmd, env, limit=3600):
    """stdout, stderr, peak memory of the process in bytes."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        child = subprocess.Popen(cmd, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        end = time.monotonic() + limit
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                child.kill()
            time.sleep(0.05)
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for f in (out, log):
            f.seek(0)
            texts.append(f.read().decode(errors="replace"))
        if status:
            sys.exit(f"{' '.join(cmd)} failed: {texts[1].strip()[-800:]}")
        return *texts, usage.ru_maxrss * 1024


def measure(args, who, part, size):
    """Seconds of the fastest run of each part that this start of the program measured, and its peak memory."""
    program, level, dtype, _ = WHO[who]
    if program == "loam":
        kind = "video" if part == "wan" else "image"
        cmd = [args.loam, "bench", kind, "-m", args.model, "-W", str(size), "-H", str(size), "-t", str(args.threads),
               "-r", str(args.runs), "--json", "--stage", "pixels" if part == "vae" else "step"]
        cmd += ["-f", str(args.frames)] if part == "wan" else []
        weights = dtype if dtype == "bf16" else args.type
        cmd += ["--type", weights] if weights else []
        out, _, memory = run(cmd, {} if level == "all" else {"LOAM_CPU": level})
        found = json.loads(out)
        return {part: found["stages"][0]["best"]}, memory, found["stages"][0]["gflop"]
    worker = [args.torch, str(pathlib.Path(__file__).resolve()), "--worker"]
    if program == "torch":
        given = [args.model, part, size, args.frames, dtype, args.threads, args.runs]
        out, _, memory = run([*worker, "torch", json.dumps(given)],
                             {**TORCH_ENV[level], "OMP_NUM_THREADS": str(args.threads)})
        return {part: min(json.loads(out.splitlines()[-1])[part])}, memory, None
    if part == "wan":
        given = [args.sdcpp, args.single, size, args.frames, args.threads, args.runs]
        out, _, memory = run([*worker, "sdcpp_wan", json.dumps(given)], {})
        return {part: min(json.loads(next(x for x in out.splitlines() if x.startswith('{"wan"')))[part])}, memory, None
    given = [args.sdcpp, args.single, size, args.threads, args.runs]
    out, log, memory = run([*worker, "sdcpp", json.dumps(given)], {})
    line = next(x for x in out.splitlines() if x.startswith('{"unet"'))
    decodes = [float(s) for s in re.findall(r"latent \d+ decoded, taking ([\d.]+)s", log + out)]
    return {"unet": min(json.loads(line)["unet"]), "vae": min(decodes)}, memory, None


def table(args):
    sizes, parts = [int(s) for s in args.sizes.split(",")], args.parts.split(",")
    names = [w for w in WHO if re.search(args.only, w) and (WHO[w][0] != "torch" or args.torch) and
             (WHO[w][0] != "sdcpp" or (args.torch and args.sdcpp and args.single))]
    print("| part | who | s | least-most | GFLOP/s | ratio to Loam | peak memory |\n| --- | --- | --- | --- | --- | --- | --- |")
    everything = []
    for size in sizes:
        seconds, memory, gflop = {}, {}, {}
        for _ in range(args.rounds):
            for who in names:
                both = WHO[who][0] == "sdcpp"
                for part in parts[:1] if both else parts:
                    print(f"{size} {'' if both else part} {who}", file=sys.stderr, flush=True)
                    found, peak, work = measure(args, who, part, size)
                    for p, s in found.items():
                        seconds.setdefault((p, who), []).append(s)
                        memory[p, who] = max(memory.get((p, who), 0), peak)
                    if work:
                        gflop[part] = work
        for part in parts:
            for who in names:
                s = seconds.get((part, who))
                if not s:
                    continue
                ours = seconds.get((part, next((n for n in names if WHO[n][0] == "loam" and WHO[n][3] == WHO[who][3]), "")))
                ratio = statistics.median(t / o for t, o in zip(s, ours)) if ours and WHO[who][0] != "loam" else None
                middle = statistics.median(s)
                rate = f"{gflop[part] / middle:.0f}" if part in gflop else ""
                print(f"| {part} {size} | {who} | {middle:.2f} | {min(s):.2f}-{max(s):.2f} | {rate} | "
                      f"{f'{ratio:.2f} ×' if ratio else ''} | {memory[part, who] / 1e9:.2f} GB |", flush=True)
                everything.append({"part": part, "size": size, "who": who, "seconds": s, "ratio": ratio,
                                   "gflop": gflop.get(part), "peak_bytes": memory[part, who]})
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(everything, indent=1) + "\n")


def same(args):
    """Loam and stable-diffusion.cpp from the same noise: exit status 1 when their pictures are more than 1 % apart."""
    size, bad = int(args.sizes.split(",")[0]), False
    worker = [args.torch, str(pathlib.Path(__file__).resolve()), "--worker"]
    with tempfile.TemporaryDirectory() as folder:
        for sigmas in ("14.6", "14.6,2"):
            ours, other, theirs = (os.path.join(folder, f) for f in ("a.png", "b.png", "c.png"))
            for seed, out in ((42, ours), (43, other)):
                run([args.loam, "image", "a cat", "-m", args.single, "-W", str(size), "-H", str(size), "--sampler", "euler",
                     "--sigmas", sigmas, "-g", "1", "-s", str(seed), "--rng", "cuda", "-o", out], {})  # fmt: skip
            run([*worker, "sdcpp_picture", json.dumps([args.sdcpp, args.single, size, args.threads, sigmas, theirs])], {})
            got, control = (json.loads(run([*worker, "compare", json.dumps([theirs, x])], {})[0]) for x in (ours, other))
            n = len(sigmas.split(","))
            print(f"{n} Euler step{'s' if n > 1 else ''} at {size} x {size}: {got['relative']:.2%} apart (root mean square "
                  f"over the picture's deviation), {got['same']:.1%} of the bytes are the same, the most is "
                  f"{got['most']:.0f} of 255; with another seed {control['relative']:.0%}")
            bad |= got["relative"] > 0.01
    return 1 if bad else 0


def main():
    if sys.argv[1:2] == ["--worker"]:
        return globals()[f"worker_{sys.argv[2]}"](*json.loads(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loam", default="build/loam")
    parser.add_argument("--model", help="a diffusers folder")
    parser.add_argument("--single", help="the same weights in one file, for stable-diffusion.cpp")
    parser.add_argument("--torch", help="a Python with torch and diffusers")
    parser.add_argument("--sdcpp", help="where stable-diffusion-cpp-python was installed")
    parser.add_argument("--sizes", default="256,512")
    parser.add_argument("--parts", default="unet,vae")
    parser.add_argument("--frames", type=int, default=9, help="of wan")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=2, help="of a started program, after one to warm up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="a pattern of names, as 'AVX2|cpp'")
    parser.add_argument("--type", help="of Loam's weights, as q8_0, where the table does not say bf16 (the file's)")
    parser.add_argument("--json", help="also writes everything here")
    parser.add_argument("--same", action="store_true", help="compares pictures, not speed")
    args = parser.parse_args()
    missing = [x for x in (("single", "sdcpp", "torch") if args.same else ("model",)) if not getattr(args, x)]
    if missing:
        parser.error(f"--{missing[0]} is needed")
    return same(args) if args.same else table(args)


if __name__ == "__main__":
    sys.exit(main())
