#!/usr/bin/env python3
"""Makes tests/golden/pictures/sdxl: a tiny model with the structure of Stable Diffusion XL.

    pip install torch diffusers==0.42.1 transformers==5.24.0 safetensors && python tests/golden/make/pictures_xl.py

A folder of diffusers; original.safetensors (the same weights as its single file names them, OpenCLIP's names for the
second encoder); golden.safetensors:
  text1.*, text2.*   the encoders: hidden.<n> after n layers; text2's pooled is after the projection
  a.*, b.*           UNet (text_embeds, time_ids: original height and width, crop top and left, target height and width)
  vae.*              encode: moments = mean and log-variance; decode
  euler.*            pipeline with a negative prompt; zeros.*: without one (its embeddings are zeros, not encoded);
                     turbo.*: two steps without guidance, trailing
"""
import shutil

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
from diffusers.loaders import single_file_utils as official
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

import pictures_io as io
import pictures_names as names
import pictures_sd as sd


def encoders(vocab):
    ends = dict(vocab_size=vocab, max_position_embeddings=77, bos_token_id=vocab - 2, eos_token_id=vocab - 1)
    first = CLIPTextModel(CLIPTextConfig(hidden_size=12, intermediate_size=20, projection_dim=12, num_hidden_layers=3,
                                         num_attention_heads=2, hidden_act="quick_gelu", pad_token_id=vocab - 1,
                                         **ends))  # fmt: skip
    second = CLIPTextModelWithProjection(CLIPTextConfig(hidden_size=20, intermediate_size=28, projection_dim=20,
                                                        num_hidden_layers=4, num_attention_heads=4, hidden_act="gelu",
                                                        pad_token_id=0, **ends))  # fmt: skip
    return io.fill(first, 21), io.fill(second, 22)


def official_open_clip(tensors, model):
    got = official.convert_open_clip_checkpoint(model, {f"m.{k}": v for k, v in tensors.items()}, prefix="m.")
    return {k: v for k, v in got.items() if "position_ids" not in k}


def sdxl(folder):
    """The models of sdxl/, by their names in the pipeline; writes the tokenizers."""
    tok, vocab = sd.tokenizer(folder / "tokenizer")
    sd.tokenizer(folder / "tokenizer_2", pad="!")
    tok2 = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
    text1, text2 = encoders(vocab)
    net = io.fill(sd.unet(
        block_out_channels=(4, 6, 12), attention_head_dim=(1, 2, 4), cross_attention_dim=32, use_linear_projection=True,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2), addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=20 + 6 * 8), 23, [("conv_out.weight", 0.6)])  # fmt: skip
    vae = io.fill(sd.autoencoder(scaling_factor=0.13025), 24, [("decoder.conv_out.weight", 0.4)])
    euler = EulerDiscreteScheduler(**sd.BETAS, steps_offset=1, timestep_spacing="leading")
    return dict(vae=vae, text_encoder=text1, text_encoder_2=text2, tokenizer=tok, tokenizer_2=tok2, unet=net,
                scheduler=euler, add_watermarker=False)  # fmt: skip


def main():
    folder = io.OUT / "sdxl"
    shutil.rmtree(folder, ignore_errors=True)
    modules = sdxl(folder)
    text1, text2, tok, tok2, net, vae, euler = (modules[k] for k in (
        "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "vae", "scheduler"))  # fmt: skip
    parts = {"text_encoder": io.save_model(folder / "text_encoder", text1, "text_model."),
             "text_encoder_2": io.save_model(folder / "text_encoder_2", text2),
             "unet": io.save_model(folder / "unet", net), "vae": io.save_model(folder / "vae", vae)}  # fmt: skip
    io.save_scheduler(folder, euler)
    io.save_index(folder, "StableDiffusionXLPipeline", {
        "scheduler": ("diffusers", "EulerDiscreteScheduler"), "text_encoder": ("transformers", "CLIPTextModel"),
        "text_encoder_2": ("transformers", "CLIPTextModelWithProjection"),
        "tokenizer": ("transformers", "CLIPTokenizer"),
        "tokenizer_2": ("transformers", "CLIPTokenizer"), "unet": ("diffusers", "UNet2DConditionModel"),
        "vae": ("diffusers", "AutoencoderKL")}, force_zeros_for_empty_prompt=True)  # fmt: skip

    ldm_unet, ldm_vae = names.unet(parts["unet"], 2), names.vae(parts["vae"])
    second = names.open_clip(parts["text_encoder_2"])
    sd.same(parts["unet"], sd.official_unet(ldm_unet, net))
    sd.same(parts["text_encoder_2"], official_open_clip(second, text2))
    io.save_original(folder / "original.safetensors", {
        **{f"model.diffusion_model.{k}": v for k, v in ldm_unet.items()},
        **{f"first_stage_model.{k}": v for k, v in ldm_vae.items()},
        **{f"conditioner.embedders.0.transformer.{k}": v for k, v in parts["text_encoder"].items()},
        **{f"conditioner.embedders.1.model.{k}": v for k, v in second.items()},
        "conditioner.embedders.0.transformer.text_model.embeddings.position_ids": torch.arange(77)[None],
        "conditioner.embedders.1.model.logit_scale": torch.tensor(4.6),
        "denoiser.sigmas": torch.linspace(0.03, 14.6, 10)})  # fmt: skip

    golden = io.Golden()
    golden.meta.update(prompt=sd.PROMPT, negative_prompt=sd.NEGATIVE)
    both = [sd.PROMPT, sd.NEGATIVE]
    pad = dict(padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    sd.golden_text(golden, "text1", text1, tok(both, **pad).input_ids)
    sd.golden_text(golden, "text2", text2, tok2(both, **pad).input_ids)
    context = torch.cat([golden.tensors["text1.out.hidden.2"], golden.tensors["text2.out.hidden.3"]], 2)
    pooled = golden.tensors["text2.out.pooled"]
    for prefix, n, (h, w), t, sizes, stages in (("a", 2, (12, 20), 901, (1024, 768, 0, 16, 512, 640), None),
                                                ("b", 1, (9, 7), 1, (72, 56, 0, 0, 72, 56), {})):  # fmt: skip
        ids = torch.tensor([sizes] * n, dtype=torch.float32)
        golden.put(f"{prefix}.in.text_embeds", pooled[:n])
        golden.put(f"{prefix}.in.time_ids", ids)
        sd.golden_unet(golden, prefix, net, io.draw(6, prefix, (n, 4, h, w)), t, context[:n], stages,
                       added_cond_kwargs={"text_embeds": pooled[:n], "time_ids": ids})  # fmt: skip
    sd.golden_vae(golden, "vae", vae, io.picture(8, 24, 40), 2 * io.draw(8, "z", (1, 4, 3, 5)), fine=False)

    pipe = StableDiffusionXLPipeline(**modules)
    given = dict(prompt=sd.PROMPT, height=40, width=56)
    sd.golden_pipeline(golden, "euler", pipe, euler, steps=3, guidance=5.0, negative_prompt=sd.NEGATIVE, **given)
    sd.golden_pipeline(golden, "zeros", pipe, euler, pixels=False, steps=2, guidance=5.0, **given)
    turbo = EulerDiscreteScheduler(**sd.BETAS, steps_offset=1, timestep_spacing="trailing")
    sd.golden_pipeline(golden, "turbo", pipe, turbo, pixels=False, steps=2, guidance=0.0, **given)
    golden.save(folder)
    io.report(folder)


if __name__ == "__main__":
    main()
