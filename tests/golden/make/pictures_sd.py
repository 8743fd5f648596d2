#!/usr/bin/env python3
"""Makes tests/golden/pictures/{sd15,unet32,taesd}: tiny models with the structure of Stable Diffusion 1.5 and of TAESD.

    pip install torch diffusers==0.42.1 transformers==5.24.0 safetensors && python tests/golden/make/pictures_sd.py

sd15/    a folder of diffusers; original.safetensors (the same weights by Latent Diffusion's names, with tensors that
         carry nothing for use); golden.safetensors:
  text.*   CLIP: hidden.<n> after n layers, normed.<n> with the final norm (clip skip 1: n = layers, 2: one less)
  a.*      UNet, 2 latents of 12x20, stage by stage;  b.*  one of 9x7 (uneven halves), 154 rows of text
  vae.*    encode: moments = mean and log-variance; decode, stage by stage;  vae7.* uneven sizes
  ddim.*, euler.*, euler_trailing.*, img2img.*, inpaint.*   pipelines: noise in, latents after each step, pixels
unet32/  UNet alone in F16, widths 32, weights that Q8_0 holds exactly (blocks of 32 input channels); golden a.*
taesd/   AutoencoderTiny; original_encoder.safetensors, original_decoder.safetensors; golden
"""
import shutil
from unittest import mock

import torch
from diffusers import (AutoencoderKL, AutoencoderTiny, DDIMScheduler, EulerDiscreteScheduler,
                       StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline,
                       UNet2DConditionModel)  # fmt: skip
from diffusers.loaders import single_file_utils as official
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import pictures_io as io
import pictures_names as names

PROMPT, NEGATIVE = "a red cat on the mat", "blue"
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
MERGES = ["a t</w>", "c at</w>", "m at</w>", "r e", "re d</w>", "t h", "th e</w>", "o n</w>", "b l", "u e</w>",
          "bl ue</w>"]  # fmt: skip


def tokenizer(folder, pad="<|endoftext|>"):
    """The tokenizer of CLIP with a vocabulary of bytes and a few words; the end token is the highest."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    chars = [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]
    words = chars + [c + "</w>" for c in chars] + [m.replace(" ", "") for m in MERGES]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    io.save_json(folder / "vocab.json", {w: i for i, w in enumerate(words)})
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")
    io.save_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": pad})  # fmt: skip
    return CLIPTokenizer.from_pretrained(folder), len(words)


def text_model(vocab):
    return io.fill(CLIPTextModel(CLIPTextConfig(
        vocab_size=vocab, hidden_size=16, intermediate_size=24, projection_dim=16, num_hidden_layers=3,
        num_attention_heads=2, max_position_embeddings=77, hidden_act="quick_gelu", layer_norm_eps=1e-5,
        bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=vocab - 1)), 11)  # fmt: skip


def golden_text(golden, prefix, model, ids):
    """Hidden states after each number of layers, plain and with the final norm."""
    def states(out):
        inner = getattr(model, "text_model", model)
        got = {f"hidden.{i}": x for i, x in enumerate(out.hidden_states) if i}
        for i in list(got)[-2:]:
            got[i.replace("hidden", "normed")] = inner.final_layer_norm(got[i])
        got["pooled"] = out.text_embeds if "text_embeds" in out else out.pooler_output
        return got
    return golden.run(prefix, model, {}, {"input_ids": ids, "output_hidden_states": True}, states)


def unet(**changes):
    return UNet2DConditionModel(**{**dict(
        sample_size=12, block_out_channels=(6, 10, 10, 10), layers_per_block=2, norm_num_groups=2,
        cross_attention_dim=16, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3), **changes})  # fmt: skip


def unet_stages(model):
    stages = {"time": "time_embedding", "conv_in": "conv_in", "mid": "mid_block", "conv_norm_out": "conv_norm_out"}
    for way in ("down", "up"):
        for i, block in enumerate(getattr(model, f"{way}_blocks")):
            stages[f"{way}.{i}"] = f"{way}_blocks.{i}"
            if (way, i) in (("down", 0), ("up", 1)):
                for kind in ("resnets", "attentions"):
                    for j in range(len(getattr(block, kind, ()))):
                        stages[f"{way}.{i}.{kind}.{j}"] = f"{way}_blocks.{i}.{kind}.{j}"
    return stages


def golden_unet(golden, prefix, model, latent, timestep, context, stages=None, **more):
    inputs = {"sample": latent, "timestep": torch.tensor(float(timestep)), "encoder_hidden_states": context, **more}
    return golden.run(prefix, model, unet_stages(model) if stages is None else stages, inputs,
                      lambda out: {"sample": out.sample}).sample  # fmt: skip


def autoencoder(**changes):
    return AutoencoderKL(**{**dict(
        block_out_channels=(4, 6, 6, 6), layers_per_block=2, norm_num_groups=2, latent_channels=4, sample_size=96,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.18215), **changes})  # fmt: skip


class Half(torch.nn.Module):
    """One direction of an autoencoder as a module, for Golden.run."""

    def __init__(self, vae, what):
        super().__init__()
        self.vae, self.what = vae, what

    def forward(self, x):
        return self.vae.encode(x).latent_dist.parameters if self.what == "encode" else self.vae.decode(x).sample


def golden_vae(golden, prefix, vae, pixels, latent, fine=True):
    blocks = range(len(vae.decoder.up_blocks))
    encode = {"conv_in": "vae.encoder.conv_in", "mid": "vae.encoder.mid_block", "conv_out": "vae.encoder.conv_out",
              **{f"down.{i}": f"vae.encoder.down_blocks.{i}" for i in blocks}}  # fmt: skip
    decode = {"conv_in": "vae.decoder.conv_in", "mid": "vae.decoder.mid_block",
              "mid.attention": "vae.decoder.mid_block.attentions.0",
              **{f"up.{i}": f"vae.decoder.up_blocks.{i}" for i in blocks[:-2]}}  # fmt: skip
    if not fine:
        encode, decode = {}, {}
    golden.run(f"{prefix}.encode", Half(vae, "encode"), encode, {"x": pixels}, lambda x: {"moments": x})
    golden.run(f"{prefix}.decode", Half(vae, "decode"), decode, {"x": latent}, lambda x: {"pixels": x})


def golden_pipeline(golden, prefix, pipe, scheduler, pixels=True, seed=0, steps=4, guidance=7.5, **inputs):
    """Keeps the draws of the generator in their order (noise.<n>), the latents after each step and the picture."""
    pipe.scheduler = scheduler
    pipe.set_progress_bar_config(disable=True)
    draws = []
    real = torch.randn

    def listening(*args, **kwargs):
        x = real(*args, **kwargs)
        if kwargs.get("generator") is not None:
            draws.append(x)
        return x

    def after(_pipe, i, t, kept):
        golden.put(f"{prefix}.out.step.{i}", kept["latents"])
        return {}

    with mock.patch("torch.randn", listening):
        got = pipe(generator=io.generator(seed), num_inference_steps=steps, guidance_scale=guidance,
                   output_type="latent", callback_on_step_end=after,
                   callback_on_step_end_tensor_inputs=["latents"], **inputs)  # fmt: skip
    for i, x in enumerate(draws):
        golden.put(f"{prefix}.in.noise.{i}", x)
    golden.put(f"{prefix}.out.timesteps", scheduler.timesteps.to(torch.float32))
    if hasattr(scheduler, "sigmas"):
        golden.put(f"{prefix}.out.sigmas", scheduler.sigmas)
    latents = got[0]
    if pixels:
        golden.put(f"{prefix}.out.pixels", pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample)
    return latents


def official_unet(tensors, unet):
    return official.convert_ldm_unet_checkpoint({official.LDM_UNET_KEY + k: v for k, v in tensors.items()}, unet.config)


def same(want, got):
    if want.keys() != got.keys() or not all(torch.equal(want[k], got[k]) for k in want):
        raise ValueError(f"names differ: {sorted(want.keys() ^ got.keys())[:6]}")


def sd15(folder):
    """The models of sd15/, by their names in pipelines; writes the tokenizer."""
    tok, vocab = tokenizer(folder / "tokenizer")
    text = text_model(vocab)
    text.__dict__["text_model"] = text  # where the pipelines look for the final norm
    ddim = DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    return dict(vae=io.fill(autoencoder(), 13, [("decoder.conv_out.weight", 0.4)]), text_encoder=text, tokenizer=tok,
                unet=io.fill(unet(), 12, [("conv_out.weight", 0.6)]), scheduler=ddim, safety_checker=None,
                feature_extractor=None, requires_safety_checker=False)  # fmt: skip


def make_sd15():
    folder = io.OUT / "sd15"
    shutil.rmtree(folder, ignore_errors=True)
    modules = sd15(folder)
    tok, text, net, vae, ddim = (modules[k] for k in ("tokenizer", "text_encoder", "unet", "vae", "scheduler"))
    parts = {"text_encoder": io.save_model(folder / "text_encoder", text, "text_model."),
             "unet": io.save_model(folder / "unet", net), "vae": io.save_model(folder / "vae", vae)}  # fmt: skip
    io.save_scheduler(folder, ddim)
    io.save_index(folder, "StableDiffusionPipeline", {
        "scheduler": ("diffusers", "DDIMScheduler"), "text_encoder": ("transformers", "CLIPTextModel"),
        "tokenizer": ("transformers", "CLIPTokenizer"), "unet": ("diffusers", "UNet2DConditionModel"),
        "vae": ("diffusers", "AutoencoderKL"), "feature_extractor": (None, None),
        "safety_checker": (None, None)})  # fmt: skip

    ldm_unet, ldm_vae = names.unet(parts["unet"], 2), names.vae(parts["vae"])
    same(parts["unet"], official_unet(ldm_unet, net))
    same(parts["vae"], official.convert_ldm_vae_checkpoint(
        {"first_stage_model." + k: v for k, v in ldm_vae.items()}, vae.config))  # fmt: skip
    io.save_original(folder / "original.safetensors", {
        **{f"model.diffusion_model.{k}": v for k, v in ldm_unet.items()},
        **{f"first_stage_model.{k}": v for k, v in ldm_vae.items()},
        **{f"cond_stage_model.transformer.{k}": v for k, v in parts["text_encoder"].items()},
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None],
        "alphas_cumprod": ddim.alphas_cumprod, "betas": ddim.betas,
        "model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(5)})  # fmt: skip

    golden = io.Golden()
    golden.meta.update(prompt=PROMPT, negative_prompt=NEGATIVE)
    ids = tok([PROMPT, NEGATIVE], padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    context = golden_text(golden, "text", text, ids).last_hidden_state
    golden_unet(golden, "a", net, io.draw(1, "a", (2, 4, 12, 20)), 981, context)
    golden_unet(golden, "b", net, io.draw(1, "b", (1, 4, 9, 7)), 1, torch.cat([context[:1], context[1:]], 1),
                {})
    golden_vae(golden, "vae", vae, io.picture(2, 40, 56), 2 * io.draw(1, "z", (1, 4, 5, 7)))
    golden_vae(golden, "vae7", vae, io.picture(3, 8, 24), 2 * io.draw(1, "z7", (2, 4, 3, 1)), fine=False)

    given = dict(prompt=PROMPT, negative_prompt=NEGATIVE)
    pipe = StableDiffusionPipeline(**modules)
    size = dict(height=40, width=56)
    golden_pipeline(golden, "ddim", pipe, ddim, **given, **size)
    euler = {spacing: EulerDiscreteScheduler(**BETAS, steps_offset=1, timestep_spacing=spacing)
             for spacing in ("linspace", "leading", "trailing")}  # fmt: skip
    golden_pipeline(golden, "euler", pipe, euler["leading"], pixels=False, **given, **size)
    golden_pipeline(golden, "euler_linspace", pipe, euler["linspace"], pixels=False, **given, **size)
    golden_pipeline(golden, "euler_trailing", pipe, euler["trailing"], pixels=False, **given, **size)
    golden_pipeline(golden, "skip2", pipe, ddim, pixels=False, clip_skip=1, steps=2, **given, **size)

    image = io.picture(4, 40, 56)
    golden.put("image", image)
    pipe = StableDiffusionImg2ImgPipeline(**modules)
    golden_pipeline(golden, "img2img", pipe, ddim, image=image, strength=0.75, **given)
    golden_pipeline(golden, "img2img_euler", pipe, euler["leading"], pixels=False, image=image, strength=0.75, **given)
    mask = torch.zeros(1, 1, 40, 56)
    mask[:, :, 8:27, 20:] = 1
    golden.put("mask", mask)
    pipe = StableDiffusionInpaintPipeline(**modules)
    golden_pipeline(golden, "inpaint", pipe, ddim, pixels=False, image=image, mask_image=mask, strength=0.75,
                    height=40, width=56, **given)  # fmt: skip
    golden_pipeline(golden, "inpaint_full", pipe, ddim, pixels=False, image=image, mask_image=mask, strength=1.0,
                    height=40, width=56, steps=3, **given)  # fmt: skip
    golden.save(folder)
    io.report(folder)


def in_q8_0(x):
    """x with every 32 input channels of an output channel (and tap) as Q8_0 holds them: -127 to 127, one of them
    reached, times a power of two."""
    moved = x.movedim(1, -1)
    blocks = moved.reshape(-1, 32)
    scale = torch.exp2((blocks.abs().amax(1, keepdim=True) / 127).log2().round())
    whole = (blocks / scale).round().clamp(-127, 127)
    top = blocks.abs().argmax(1, keepdim=True)
    whole.scatter_(1, top, blocks.gather(1, top).sign() * 127)
    return (whole * scale).reshape(moved.shape).movedim(-1, 1).contiguous()


def make_unet32():
    folder = io.OUT / "unet32"
    shutil.rmtree(folder, ignore_errors=True)
    net = io.fill(unet(block_out_channels=(32, 32), layers_per_block=1, norm_num_groups=8, cross_attention_dim=32,
                       down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), attention_head_dim=4,
                       up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")), 14)  # fmt: skip
    for p in net.parameters():
        if p.ndim > 1 and p.shape[1] % 32 == 0:
            p.data.copy_(in_q8_0(p.data))
    io.save_model(folder / "unet", net, dtype=torch.float16)
    io.save_index(folder, "StableDiffusionPipeline", {"unet": ("diffusers", "UNet2DConditionModel")})
    golden = io.Golden()
    golden_unet(golden, "a", net, io.draw(5, "a", (1, 4, 6, 10)), 500, io.draw(5, "text", (1, 13, 32)))
    golden.save(folder)
    io.report(folder)


def make_taesd():
    folder = io.OUT / "taesd"
    shutil.rmtree(folder, ignore_errors=True)
    vae = io.fill(AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4), 15,
                  [("decoder.layers.18", 0.5)])  # fmt: skip
    tensors = io.save_model(folder / "vae", vae)
    encoder, decoder = names.taesd(tensors)
    io.save_original(folder / "original_encoder.safetensors", encoder)
    io.save_original(folder / "original_decoder.safetensors", decoder)
    io.save_index(folder, "StableDiffusionPipeline", {"vae": ("diffusers", "AutoencoderTiny")})
    golden = io.Golden()
    stages = lambda side, at: {f"layers.{i}": f"{side}.layers.{i}" for i in at}  # noqa: E731
    golden.run("encode", vae.encoder, {k: v.split(".", 1)[1] for k, v in stages("encoder", (2, 5, 6)).items()},
               {"x": io.picture(6, 40, 56)}, lambda x: {"latent": x})  # fmt: skip
    golden.run("decode", vae.decoder, {k: v.split(".", 1)[1] for k, v in stages("decoder", (1, 2, 4, 5, 6)).items()},
               {"x": 2 * io.draw(7, "z", (1, 4, 5, 7))}, lambda x: {"pixels": x})  # fmt: skip
    golden.save(folder)
    io.report(folder)


if __name__ == "__main__":
    make_sd15()
    make_unet32()
    make_taesd()
