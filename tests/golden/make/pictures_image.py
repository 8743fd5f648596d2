#!/usr/bin/env python3
"""Makes tests/golden/pictures/image: what tests/gen/test_image.c compares whole pictures with, on the models of sd15/,
sdxl/, lcm/, lora/ and taesd/.

    pip install torch diffusers==0.42.1 transformers==5.24.0 peft==0.21.2 safetensors pillow
    python tests/golden/make/pictures_image.py PATH/TO/stable-diffusion-webui/modules

golden.safetensors:
  <pipeline>.out.latents   pipelines that start from a picture of bytes (image, mask), two pictures with generators of
                           their own (euler_a), an adapter (lora), UniPC, both prompts without the last layer (skip2); <pipeline>.out.pixels their decoded pictures
  text.<n>.*               rows and pooled embedding of prompts with weights, BREAK and more than 75 tokens, by the web
                           UI's tokenize_line and its formulas around transformers' encoders
  resize.<n>               the picture in other sizes, by Pillow's Lanczos filter
  taesd.out.pixels         ddim's latents of sd15/ decoded by AutoencoderTiny
Metadata f32_error.<golden>.<pipeline> is the largest difference between runs of that pipeline in f32 and f64, as a
share of the largest latent, also for the pipelines of the other golden files.
"""
import ast
import os
import re
import sys
import types
from unittest import mock

import numpy
import torch
from diffusers import (AutoencoderTiny, DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       LCMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline,
                       TCDScheduler, UNet2DConditionModel, UniPCMultistepScheduler)  # fmt: skip
from PIL import Image
from safetensors.torch import load_file

import pictures_io as io
import pictures_lora as lora
import pictures_sd as sd
import pictures_xl as xl
import prompt as webui

GIVEN = dict(prompt=sd.PROMPT, negative_prompt=sd.NEGATIVE)
SIZE = dict(height=40, width=56)
golden = io.Golden()


def run(pipe, scheduler, dtype, seeds, **inputs):
    """The latents. Noise is drawn in f32 whatever the models compute in."""
    real = torch.randn

    def in_f32(*args, **kwargs):
        return real(*args, **{**kwargs, "dtype": torch.float32}).to(kwargs.get("dtype") or torch.float32)

    pipe.scheduler = type(scheduler).from_config(scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    pipe.to(dtype)
    generators = [io.generator(s) for s in seeds]
    inputs = {k: x.to(dtype) if k.endswith("_embeds") else x for k, x in inputs.items()}
    with mock.patch("torch.randn", in_f32):
        out = pipe(generator=generators if len(seeds) > 1 else generators[0], output_type="latent", **inputs)[0]
    return out


def pipeline(name, pipe, scheduler, seeds=(0,), steps=4, guidance=7.5, of="image", keep=True, pixels=False, **inputs):
    given = dict(num_inference_steps=steps, guidance_scale=guidance, num_images_per_prompt=len(seeds), **inputs)
    exact = run(pipe, scheduler, torch.float64, seeds, **given)
    latents = run(pipe, scheduler, torch.float32, seeds, **given)
    error = ((latents - exact).abs().max() / latents.abs().max()).item()
    golden.meta[f"f32_error.{of}.{name}"] = f"{error:.2e}"
    print(f"{of}.{name}: f32 differs from f64 by {error:.1e} of {latents.abs().max():.2f}")
    if keep:
        golden.put(f"{name}.out.latents", latents)
    if pixels:
        golden.put(f"{name}.out.pixels", pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample)
    return latents


def euler(spacing):
    return EulerDiscreteScheduler(**sd.BETAS, steps_offset=1, timestep_spacing=spacing)


def picture():
    """Bytes [40, 56, 3], and as the pipelines take it."""
    image = ((io.picture(4, 40, 56) / 2 + 0.5) * 255).round()
    mask = torch.zeros(1, 1, 40, 56)
    mask[:, :, 8:27, 20:] = 1
    golden.put("image", image[0].permute(1, 2, 0))
    golden.put("mask", mask[0, 0] * 255)
    return image, image / 127.5 - 1, mask


def plain(modules, ddim, pipe):
    given = dict(of="sd15", keep=False, **GIVEN, **SIZE)
    pipeline("ddim", pipe, ddim, **given)
    pipeline("euler", pipe, euler("leading"), **given)
    pipeline("euler_linspace", pipe, euler("linspace"), **given)
    pipeline("euler_trailing", pipe, euler("trailing"), **given)
    config = {k: v for k, v in ddim.config.items() if not k.startswith("_")}
    few = dict(of="lcm", keep=False, prompt=sd.PROMPT, **SIZE)
    lcm = LCMScheduler.from_config(config)
    pipeline("lcm_plain", pipe, lcm, guidance=1.0, **few)
    pipeline("lcm_guided", pipe, lcm, guidance=1.8, steps=3, negative_prompt=sd.NEGATIVE, **few)
    pipeline("tcd", pipe, TCDScheduler.from_config(config), guidance=1.0, eta=0.3, **few)
    net = UNet2DConditionModel.from_pretrained(io.OUT / "lcm" / "unet")
    pipeline("lcm", StableDiffusionPipeline(**{**modules, "unet": net}), lcm, guidance=8.0, **few)


def started(modules, ddim, image, mask):
    given = dict(image=image, **GIVEN)
    pipe = StableDiffusionImg2ImgPipeline(**modules)
    pipeline("img2img", pipe, ddim, strength=0.75, pixels=True, **given)
    pipeline("img2img_euler", pipe, euler("leading"), strength=0.7, steps=10, **given)
    pipe = StableDiffusionInpaintPipeline(**modules)
    given.update(mask_image=mask, **SIZE)
    pipeline("inpaint", pipe, ddim, strength=0.75, **given)
    pipeline("inpaint_full", pipe, ddim, strength=1.0, steps=3, **given)
    pipeline("inpaint_euler", pipe, euler("leading"), strength=1.0, **given)


def skipping(modules, layers):
    """Embeddings of both prompts without the last layers. diffusers' clip_skip leaves the negative prompt as it is."""
    tok, text = modules["tokenizer"], modules["text_encoder"]
    norm = getattr(text, "text_model", text).final_layer_norm
    pad = dict(padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    rows = [norm(text(tok(p, **pad).input_ids, output_hidden_states=True).hidden_states[-1 - layers])
            for p in (sd.PROMPT, sd.NEGATIVE)]  # fmt: skip
    return dict(prompt_embeds=rows[0], negative_prompt_embeds=rows[1])


def more(modules, ddim, pipe):
    pipeline("skip2", pipe, ddim, steps=2, **skipping(modules, 1), **SIZE)
    ancestral = EulerAncestralDiscreteScheduler(**sd.BETAS, timestep_spacing="linspace")
    pipeline("euler_a", pipe, ancestral, seeds=(5, 6), **GIVEN, **SIZE)
    pipeline("unipc", pipe, UniPCMultistepScheduler(**sd.BETAS), steps=5, **GIVEN, **SIZE)
    changed = sd.sd15(io.OUT / "sd15")
    lora.merge(changed, lora.adapter(modules, lora.SD15, 31))
    pipeline("lora", StableDiffusionPipeline(**changed), ddim, **GIVEN, **SIZE)


def large(image):
    modules = xl.sdxl(io.OUT / "sdxl")
    pipe = StableDiffusionXLPipeline(**modules)
    given = dict(of="sdxl", keep=False, prompt=sd.PROMPT, **SIZE)
    pipeline("euler", pipe, modules["scheduler"], steps=3, guidance=5.0, negative_prompt=sd.NEGATIVE, **given)
    pipeline("zeros", pipe, modules["scheduler"], steps=2, guidance=5.0, **given)
    pipeline("turbo", pipe, euler("trailing"), steps=2, guidance=0.0, **given)
    pipe = StableDiffusionXLImg2ImgPipeline(**modules)
    pipeline("xl_img2img", pipe, modules["scheduler"], steps=5, guidance=5.0, image=image, strength=0.6, **GIVEN)


# ---- prompts ----

LONG = " ".join(["a red cat on the mat", "the blue mat"] * 5)
TEXTS = [  # prompt, negative, clip skip as the web UI counts it
    ("a (red cat:1.4) on [the] mat, ((blue)) z", "blue", 1),
    ("red BREAK (blue mat:0.6) cat", "", 2),
    (LONG + ", a (red:1.3) cat, " + LONG, "(mat:1.2)", 1),
    (LONG + " " + LONG, LONG, 3),
    ("(zq:0) cat", "a BREAK b BREAK (c:-0.5)", 1),
]


def line_tokenizer(modules, tok):
    """The web UI's own tokenize_line."""
    parser = types.ModuleType("prompt_parser")
    parser.re = re
    exec(webui.cut(os.path.join(modules, "prompt_parser.py"), {"re_attention", "re_break", "parse_prompt_attention"}),
         parser.__dict__)  # fmt: skip
    path = os.path.join(modules, "sd_hijack_clip.py")
    tree = ast.parse(open(path, encoding="utf-8").read())
    body = [c for c in tree.body if getattr(c, "name", "") == "PromptChunk"]
    body += [f for c in tree.body if getattr(c, "name", "") == "FrozenCLIPEmbedderWithCustomWordsBase"
             for f in c.body if getattr(f, "name", "") == "tokenize_line"]  # fmt: skip
    space = {"prompt_parser": parser, "opts": types.SimpleNamespace(emphasis="Original", comma_padding_backtrack=20)}
    exec(compile(ast.Module(body, []), path, "exec"), space)
    db = types.SimpleNamespace(find_embedding_at_position=lambda tokens, at: (None, None))
    me = types.SimpleNamespace(
        chunk_length=75, id_start=tok.bos_token_id, id_end=tok.eos_token_id, comma_token=tok.get_vocab().get(",</w>"),
        hijack=types.SimpleNamespace(embedding_db=db),
        tokenize=lambda texts: [tok(s, add_special_tokens=False)["input_ids"] for s in texts])  # fmt: skip

    def chunks(text):
        return [(c.tokens, c.multipliers) for c in space["tokenize_line"](me, text)[0]]

    return chunks


def process(tokens, multipliers, model, pad, end, states):
    """sd_hijack_clip's process_tokens for one chunk, with its emphasis "Original"."""
    if end != pad:
        at = tokens.index(end)
        tokens = tokens[: at + 1] + [pad] * (len(tokens) - at - 1)
    out = model(torch.tensor([tokens]), output_hidden_states=True)
    z = states(out)
    before = z.mean()
    z = z * torch.tensor(multipliers)[None, :, None]
    return z[0] * (before / z.mean()), out.text_embeds[0] if "text_embeds" in out else None


def encode(chunks, n_chunks, encoders, end):
    """Chunks side by side over the encoders (model, pad, states), one behind the other; pooled is the first chunk's."""
    empty = ([chunks[0][0][0]] + [end] * 76, [1.0] * 77)
    chunks = chunks + [empty] * (n_chunks - len(chunks))
    rows = [[process(t, w, model, pad, end, states) for model, pad, states in encoders] for t, w in chunks]
    return torch.cat([torch.cat([z for z, _ in row], 1) for row in rows]), rows[0][-1][1]


def texts(modules):
    for base, made in (("sd15", sd.sd15(io.OUT / "sd15")), ("sdxl", xl.sdxl(io.OUT / "sdxl"))):
        tok = made["tokenizer"]
        chunks = line_tokenizer(modules, tok)
        first, second = made["text_encoder"], made.get("text_encoder_2")
        for i, (positive, negative, skip) in enumerate(TEXTS):
            if second and i not in (0, 2):
                continue
            if second is None:
                norm = getattr(first, "text_model", first).final_layer_norm
                encoders = [(first, tok.eos_token_id, lambda out: norm(out.hidden_states[-skip]))]
            else:  # the web UI always takes the state before the last
                encoders = [(m, pad, lambda out: out.hidden_states[-2])
                            for m, pad in ((first, tok.eos_token_id), (second, 0))]  # fmt: skip
            lines = [chunks(positive), chunks(negative)]
            n = max(len(c) for c in lines)
            for what, c in zip(("cond", "uncond"), lines):
                rows, pooled = encode(c, n, encoders, tok.eos_token_id)
                golden.put(f"text.{base}.{i}.{what}", rows)
                if pooled is not None:
                    golden.put(f"text.{base}.{i}.{what}_pooled", pooled)
            golden.meta.update({f"text.{i}.prompt": positive, f"text.{i}.negative": negative,
                                f"text.{i}.clip_skip": str(skip)})  # fmt: skip


def resized(image):
    from_bytes = Image.fromarray(image[0].permute(1, 2, 0).to(torch.uint8).numpy())
    for width, height in ((112, 80), (72, 40), (24, 16), (8, 104)):
        got = from_bytes.resize((width, height), Image.Resampling.LANCZOS)
        golden.put(f"resize.{width}x{height}", torch.from_numpy(numpy.array(got)).to(torch.float32))


def main(modules_of_webui):
    modules = sd.sd15(io.OUT / "sd15")
    ddim = modules["scheduler"]
    pipe = StableDiffusionPipeline(**modules)
    image, between, mask = picture()
    plain(modules, ddim, pipe)
    started(modules, ddim, between, mask)
    more(modules, ddim, pipe)
    large(between)
    texts(modules_of_webui)
    resized(image)
    tiny = AutoencoderTiny.from_pretrained(io.OUT / "taesd" / "vae")
    steps = load_file(io.OUT / "sd15" / "golden.safetensors")
    golden.put("taesd.out.pixels", tiny.decode(steps["ddim.out.step.3"]).sample)
    golden.save(io.OUT / "image")
    io.report(io.OUT / "image")


if __name__ == "__main__":
    main(sys.argv[1])
