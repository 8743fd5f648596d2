#!/usr/bin/env python3
"""Makes tests/golden/diffuse/{noise,levels,walks}.bin: noise, noise levels and whole walks of samplers.

    pip install torch diffusers==0.42.1 k-diffusion==0.1.1.post1 scipy && python tests/golden/make/diffuse.py

noise.bin   records of torch's CPU generator: u64 seed, u32 n_calls, then per call u32 kind (0 randn, 1 rand, 2 randint
            of i64 as two u32, low word first: low -5, range 1000 or, of odd n, 2^40), u32 n and n values of 4 or 8 bytes
levels.bin  lists: name [32], u32 n, n f64
walks.bin   name [32], u32 n_images, n, n_steps, n_evals; f64 level [n_steps], f64 t [n_evals]; f32 x after each step
            [n_steps][n_images][n]

Walks are made with a model in closed form (`fake`), which the test has as well. The names say who made them: k-diffusion
and diffusers themselves; "comfy" ones are ComfyUI's formulas (comfy/samplers.py, comfy/k_diffusion/sampling.py), written
again here since ComfyUI is not a package. k-diffusion is given the noise that diffusers' list of generators would draw.
"""
import pathlib
import struct
import sys
import types
import warnings

import diffusers as df
import numpy as np
import scipy.stats
import torch

# k_diffusion/__init__.py loads CLIP; the two modules needed here do not.
package = types.ModuleType("k_diffusion")
package.__path__ = [str(next(p for p in (pathlib.Path(d) / "k_diffusion" for d in sys.path) if p.is_dir()))]
sys.modules["k_diffusion"] = package
from k_diffusion import external as kx  # noqa: E402
from k_diffusion import sampling as ks  # noqa: E402

OUT = pathlib.Path(__file__).parent.parent / "diffuse"
SEED, SHAPE, SHORT = 7, (2, 4, 3, 5), (2, 1, 3, 4)
SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
LINEAR = dict(SD, beta_schedule="linear")
asked = []  # timesteps


def fake(x, t):
    """A model: any smooth function of x, the place and t."""
    asked.append(float(t))
    i = torch.arange(x[0].numel(), dtype=torch.float64).reshape(x.shape[1:])
    c = (i * 37) % 101 / 101 - 0.5
    x = x.double()
    return ((x + c) / (1 + x.abs()) * (0.5 + 0.4 * float(t) / 1000) + 0.1 * c).float()


def picture(shape):
    """The latent of a picture, for image to image, and a mask."""
    i = torch.arange(int(np.prod(shape)), dtype=torch.float64).reshape(shape)
    return ((i * 29) % 83 / 40 - 1).float(), ((i * 7) % 5 / 4).float()


class Draws:
    def __init__(self, shape):
        self.shape = shape
        self.generators = [torch.Generator().manual_seed(SEED + i) for i in range(shape[0])]

    def __call__(self, *_):
        return torch.cat([torch.randn((1, *self.shape[1:]), generator=g) for g in self.generators])


walks = open(OUT / "walks.bin", "wb")


def save(name, levels, states):
    assert len(name) < 32 and len(levels) == len(states), name
    shape = states[0].shape
    walks.write(name.encode().ljust(32, b"\0"))
    walks.write(struct.pack("<4I", shape[0], states[0][0].numel(), len(states), len(asked)))
    walks.write(np.array([float(v) for v in levels], "<f8").tobytes() + np.array(asked, "<f8").tobytes())
    for x in states:
        assert x.dtype == torch.float32 and x.isfinite().all() and x.abs().max() < 1e5, name
        walks.write(x.numpy().tobytes())


def alphas(**betas):
    return df.DDIMScheduler(**(betas or SD)).alphas_cumprod


def k_lists(wrapped, n):
    low, high = float(wrapped.sigma_min), float(wrapped.sigma_max)
    return {"normal": wrapped.get_sigmas(n), "karras": ks.get_sigmas_karras(n, low, high),
            "exponential": ks.get_sigmas_exponential(n, low, high)}  # fmt: skip


def k_walk(name, sampler, schedule, n, v=False, start=0, shape=SHAPE, **kw):
    """With k-diffusion. start: steps left out, of image to image."""
    asked.clear()
    draws = Draws(shape)
    wrapped = (kx.DiscreteVDDPMDenoiser if v else kx.DiscreteEpsDDPMDenoiser)(lambda x, t: fake(x, t[0]), alphas(), False)
    sigmas = comfy_list(wrapped, schedule, n) if schedule == "sgm_uniform" else k_lists(wrapped, n)[schedule]
    sigmas = sigmas[start:]
    x = draws() * sigmas[0] + (picture(shape)[0] if start else 0)
    if sampler in ("euler_ancestral", "dpmpp_2m_sde", "dpmpp_sde"):
        kw["noise_sampler"] = draws
    befores = []
    x = getattr(ks, "sample_" + sampler)(wrapped, x, sigmas, disable=True, callback=lambda c: befores.append(c["x"]), **kw)
    save("k " + name, sigmas[:-1], befores[1:] + [x])


def d_walk(name, scheduler, n, strength=None, mask=False, shape=SHAPE, set_kw=None, **kw):
    """With a scheduler of diffusers, in the way of its pipelines."""
    asked.clear()
    draws = Draws(shape)
    scheduler.set_timesteps(**(set_kw or dict(num_inference_steps=n)))
    order = scheduler.order
    begin = 0 if strength is None else max(n - min(int(n * strength), n), 0) * order
    if begin and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    times = scheduler.timesteps[begin:]
    if hasattr(scheduler, "scale_noise"):
        def add(x, noise, t): return scheduler.scale_noise(x, t, noise)
    else:
        add = scheduler.add_noise
    noise, known = draws(), picture(shape)[0]
    x = noise * getattr(scheduler, "init_noise_sigma", 1.0) if strength is None else add(known, noise, times[:1])
    if isinstance(scheduler, (df.DDIMScheduler, df.LCMScheduler, df.TCDScheduler)):
        levels = [((1 - a) / a) ** 0.5 for a in scheduler.alphas_cumprod[times].double()]
    else:
        levels = scheduler.sigmas[begin:-1]
    random = not isinstance(scheduler, (df.UniPCMultistepScheduler, df.FlowMatchHeunDiscreteScheduler))
    states = []
    for i, t in enumerate(times):
        given = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        output = fake(given, t)
        x = scheduler.step(output, t, x, **(dict(generator=draws.generators) if random else {}), **kw).prev_sample
        if mask:
            m = picture(shape)[1]
            reached = add(known, noise, times[i + 1 : i + 2]) if i + 1 < len(times) else known
            x = (1 - m) * reached + m * x
        states.append(x)
    if order == 2:  # Heun: two entries of the list a step
        levels, states = levels[::2], states[1::2] + states[-1:]
    save("diffusers " + name, levels, states)


def comfy_list(wrapped, kind, n):
    """comfy/samplers.py; wrapped: sigmas, t_to_sigma, sigma_to_t as k-diffusion has them."""
    s = wrapped.sigmas
    if kind == "simple":
        out = [s[-(1 + int(x * (len(s) / n)))] for x in range(n)]
    elif kind == "beta":
        ts = np.rint(scipy.stats.beta.ppf(1 - np.linspace(0, 1, n, endpoint=False), 0.6, 0.6) * (len(s) - 1))
        out = [s[int(t)] for i, t in enumerate(ts) if i == 0 or t != ts[i - 1]]
    elif kind == "ddim_uniform":
        out = list(s[1 :: max(len(s) // n, 1)].flip(0))
    elif kind == "sgm_uniform":
        ends = [float(wrapped.sigma_to_t(v)) for v in (s[-1:], s[:1])]
        out = list(wrapped.t_to_sigma(torch.linspace(*ends, n + 1)[:-1]))
    return torch.tensor([float(v) for v in out] + [0.0])


def comfy_euler_a_flow(n, shift, eta):
    asked.clear()
    draws = Draws(SHAPE)
    scheduler = df.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(n)
    s, x, states = scheduler.sigmas, draws(), []
    for i in range(n):
        denoised = x - s[i] * fake(x, scheduler.timesteps[i])
        if s[i + 1] == 0:
            x = denoised
        else:
            down = s[i + 1] * (1 + (s[i + 1] / s[i] - 1) * eta)
            up = (s[i + 1] ** 2 - down**2 * (1 - s[i + 1]) ** 2 / (1 - down) ** 2) ** 0.5
            x = down / s[i] * x + (1 - down / s[i]) * denoised
            x = (1 - s[i + 1]) / (1 - down) * x + draws() * up
        states.append(x)
    save("comfy flow euler_a", s[:-1], states)


def make_walks():
    k_walk("euler", "euler", "normal", 6)
    k_walk("euler short", "euler", "normal", 4, shape=SHORT)
    k_walk("euler v", "euler", "sgm_uniform", 5, v=True)
    k_walk("euler image", "euler", "karras", 8, start=3)
    k_walk("heun", "heun", "karras", 5)
    k_walk("euler_a", "euler_ancestral", "normal", 6)
    k_walk("euler_a eta", "euler_ancestral", "karras", 5, eta=0.6, s_noise=1.003)
    k_walk("euler_a short", "euler_ancestral", "normal", 5, shape=SHORT)
    k_walk("dpmpp_2m", "dpmpp_2m", "karras", 8)
    k_walk("dpmpp_2m v", "dpmpp_2m", "exponential", 6, v=True)
    k_walk("dpmpp_2m_sde", "dpmpp_2m_sde", "exponential", 8)
    k_walk("dpmpp_2m_sde eta", "dpmpp_2m_sde", "karras", 6, eta=0.4)
    k_walk("dpmpp_2m_sde_heun", "dpmpp_2m_sde", "exponential", 6, solver_type="heun")
    k_walk("dpmpp_sde", "dpmpp_sde", "karras", 5)
    k_walk("dpmpp_sde eta", "dpmpp_sde", "karras", 4, eta=0.5)

    trailing = dict(timestep_spacing="trailing")
    d_walk("euler trailing", df.EulerDiscreteScheduler(**SD, **trailing), 4)
    d_walk("euler linear", df.EulerDiscreteScheduler(**LINEAR, **trailing), 4)
    d_walk("euler zero_snr v", df.EulerDiscreteScheduler(
        **SD, **trailing, rescale_betas_zero_snr=True, prediction_type="v_prediction"), 5)  # fmt: skip
    d_walk("euler_a trailing", df.EulerAncestralDiscreteScheduler(**SD, **trailing), 5)
    d_walk("dpmpp_2m", df.DPMSolverMultistepScheduler(**SD), 10)
    d_walk("dpmpp_2m_sde", df.DPMSolverMultistepScheduler(**SD, algorithm_type="sde-dpmsolver++"), 10)
    plain = dict(clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    d_walk("ddim", df.DDIMScheduler(**SD, **plain), 10)
    d_walk("ddim eta", df.DDIMScheduler(**SD, **plain), 5, eta=0.7)
    d_walk("ddim v", df.DDIMScheduler(**SD, clip_sample=False, prediction_type="v_prediction", **trailing), 8, eta=1.0)
    d_walk("ddim x0", df.DDIMScheduler(**SD, clip_sample=False, prediction_type="sample", **trailing), 5)
    d_walk("ddim image", df.DDIMScheduler(**SD, **plain), 10, strength=0.6)
    d_walk("ddim mask", df.DDIMScheduler(**SD, **plain), 8, strength=1.0, mask=True)
    d_walk("euler mask", df.EulerDiscreteScheduler(**SD, **trailing), 6, strength=0.7, mask=True)
    d_walk("lcm", df.LCMScheduler(**SD), 4)
    d_walk("lcm v", df.LCMScheduler(**SD, prediction_type="v_prediction"), 3)
    d_walk("lcm image", df.LCMScheduler(**SD), 4, set_kw=dict(num_inference_steps=4, strength=0.5), strength=1.0)
    d_walk("tcd", df.TCDScheduler(**SD), 4)
    d_walk("tcd eta 0", df.TCDScheduler(**SD), 4, eta=0.0)
    d_walk("tcd eta 1", df.TCDScheduler(**SD, prediction_type="v_prediction"), 5, eta=1.0)
    d_walk("unipc", df.UniPCMultistepScheduler(**SD), 10)
    d_walk("unipc v karras", df.UniPCMultistepScheduler(**SD, prediction_type="v_prediction", use_karras_sigmas=True), 6)
    d_walk("unipc image", df.UniPCMultistepScheduler(**SD), 10, strength=0.5)

    flow = dict(prediction_type="flow_prediction", use_flow_sigmas=True)
    d_walk("flow unipc", df.UniPCMultistepScheduler(**flow, flow_shift=3.0), 8)
    d_walk("flow unipc wan", df.UniPCMultistepScheduler(**flow, flow_shift=5.0), 7,
           set_kw=dict(sigmas=np.linspace(0.999, 0, 8)[:-1]))  # fmt: skip
    d_walk("flow euler", df.FlowMatchEulerDiscreteScheduler(shift=3.0), 6)
    d_walk("flow euler even", df.FlowMatchEulerDiscreteScheduler(shift=1.0), 5, set_kw=dict(sigmas=np.linspace(1, 0.2, 5)))
    d_walk("flow euler image", df.FlowMatchEulerDiscreteScheduler(shift=3.0), 6, strength=0.5)
    d_walk("flow heun", df.FlowMatchHeunDiscreteScheduler(shift=2.0), 5)
    d_walk("flow dpmpp_2m", df.DPMSolverMultistepScheduler(**flow, flow_shift=3.0), 8)
    d_walk("flow dpmpp_2m_sde", df.DPMSolverMultistepScheduler(
        **flow, flow_shift=3.0, algorithm_type="sde-dpmsolver++"), 8)  # fmt: skip
    comfy_euler_a_flow(6, 3.0, 0.8)


def make_levels():
    with open(OUT / "levels.bin", "wb") as f:
        def add(name, values):
            f.write(name.encode().ljust(32, b"\0") + struct.pack("<I", len(values)))
            f.write(np.array([float(v) for v in values], "<f8").tobytes())

        zero = df.EulerDiscreteScheduler(**SD, rescale_betas_zero_snr=True)
        for name, bar in (("sd", alphas()), ("linear", alphas(**LINEAR)), ("zero_snr", zero.alphas_cumprod)):
            add(name, (((1 - bar) / bar) ** 0.5)[::37])
        wrapped = kx.DiscreteEpsDDPMDenoiser(None, alphas(), False)
        at = torch.linspace(-3, 3, 41).exp() * 0.5
        add("t of sigma", wrapped.sigma_to_t(at))
        for n in (1, 2, 7, 20, 30, 200):
            for kind, values in k_lists(wrapped, n).items():
                add(f"{kind} {n}", values)
            for kind in ("simple", "beta", "sgm_uniform"):
                add(f"{kind} {n}", comfy_list(wrapped, kind, n))
        for n in (1, 10, 20, 50):  # of others ComfyUI makes more steps than asked for
            add(f"ddim_uniform {n}", comfy_list(wrapped, "ddim_uniform", n))
        sigma = ((1 - alphas()) / alphas()) ** 0.5
        for n in (1, 3, 7, 8, 30):
            for kind in ("linspace", "leading", "trailing"):
                s = df.DDIMScheduler(**SD, timestep_spacing=kind, steps_offset=1)
                s.set_timesteps(n)
                add(f"{kind} {n}", [*sigma[s.timesteps], 0])
            s = df.UniPCMultistepScheduler(**SD)
            s.set_timesteps(n)
            add(f"multistep {n}", s.sigmas)
            s = df.LCMScheduler(**SD)
            s.set_timesteps(n)
            add(f"lcm {n}", [*sigma[s.timesteps], 0])
            s = df.FlowMatchEulerDiscreteScheduler(shift=3.0)
            s.set_timesteps(n)
            add(f"flow normal {n}", s.sigmas)
            for kind in ("karras", "exponential"):
                s = df.FlowMatchEulerDiscreteScheduler(shift=1.0, **{f"use_{kind}_sigmas": True})
                s.set_timesteps(n)
                add(f"flow {kind} {n}", s.sigmas)
            s = df.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
            s.set_timesteps(n)
            add(f"flow flow_unipc {n}", s.sigmas)


def make_noise():
    with open(OUT / "noise.bin", "wb") as f:
        for seed, calls in ((0, [(0, 5)]), (0, [(0, 16)]), (42, [(0, n) for n in (5, 16, 1, 17, 100, 3, 700, 7, 31, 1)]),
                            (2**32 + 5, [(0, 15), (1, 9), (0, 20), (2, 6), (2, 7), (0, 1)]),
                            (0xFFFFFFFF, [(1, 700), (0, 64)])):  # fmt: skip
            g = torch.Generator().manual_seed(seed)
            f.write(struct.pack("<QI", seed, len(calls)))
            for kind, n in calls:
                high = 2**40 if n % 2 else 1000
                v = (torch.randn(n, generator=g) if kind == 0 else torch.rand(n, generator=g) if kind == 1
                     else torch.randint(-5, high - 5, (n,), generator=g))  # fmt: skip
                f.write(struct.pack("<2I", kind, n) + v.numpy().tobytes())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    make_noise()
    make_levels()
    make_walks()
    walks.close()
