#!/usr/bin/env python3
"""Makes tests/golden/pictures/{lcm,lora}: few-step sampling and low-rank adapters on the models of sd15/ and sdxl/.

    pip install torch diffusers==0.42.1 transformers==5.24.0 peft==0.21.2 safetensors
    python tests/golden/make/pictures_lora.py

lcm/   unet/: a UNet with the guidance embedding of latent consistency models (the other parts are sd15's);
       golden.safetensors: a.* that UNet (timestep_cond is the embedding of guidance 8 - 1); lcm.* its pipeline with 8;
       lcm_plain.*, lcm_guided.* sd15 by LCM's scheduler without and with guidance; tcd.* sd15 by TCD with eta 0.3
lora/  sd15.kohya, sd15.peft, sd15.old: one adapter of sd15 in three namings; sdxl.kohya: one of sdxl by the names of
       the original blocks; golden.safetensors: sd15.*, sdxl.*: the text encoders and the UNet on input b of sd15/ and
       sdxl/ with the adapter at 0.7 (UNet and text encoders). Rank 2 or 3, alpha 1.5; 3x3 convolutions among them.
"""
import shutil

import torch
from diffusers import LCMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline, TCDScheduler
from safetensors.torch import load_file

import pictures_io as io
import pictures_names as names
import pictures_sd as sd
import pictures_xl as xl

ALPHA, STRENGTH = 1.5, 0.7
SD15 = {
    "unet": ["down_blocks.0.attentions.0.proj_in", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
             "down_blocks.1.attentions.1.transformer_blocks.0.attn2.to_k",
             "down_blocks.1.attentions.1.transformer_blocks.0.attn2.to_out.0", "down_blocks.1.resnets.0.conv1",
             "down_blocks.1.resnets.0.conv_shortcut", "down_blocks.1.resnets.1.time_emb_proj",
             "down_blocks.2.downsamplers.0.conv", "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
             "mid_block.resnets.1.conv2", "up_blocks.1.attentions.2.transformer_blocks.0.ff.net.2",
             "up_blocks.1.attentions.2.proj_out", "up_blocks.2.upsamplers.0.conv", "up_blocks.3.resnets.2.conv1",
             "up_blocks.3.attentions.0.transformer_blocks.0.attn1.to_v"],
    "text_encoder": ["text_model.encoder.layers.0.self_attn.q_proj", "text_model.encoder.layers.1.self_attn.out_proj",
                     "text_model.encoder.layers.2.mlp.fc1"],
}  # fmt: skip
SDXL = {
    "unet": ["down_blocks.0.resnets.1.conv1", "down_blocks.0.downsamplers.0.conv", "down_blocks.1.attentions.0.proj_in",
             "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v",
             "down_blocks.2.attentions.1.transformer_blocks.1.attn1.to_q", "down_blocks.2.resnets.0.time_emb_proj",
             "mid_block.attentions.0.transformer_blocks.1.ff.net.2", "mid_block.resnets.0.conv2",
             "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k", "up_blocks.0.upsamplers.0.conv",
             "up_blocks.1.attentions.2.transformer_blocks.0.ff.net.0.proj", "up_blocks.2.resnets.0.conv_shortcut"],
    "text_encoder": ["text_model.encoder.layers.0.self_attn.v_proj", "text_model.encoder.layers.1.mlp.fc2"],
    "text_encoder_2": ["text_model.encoder.layers.3.self_attn.q_proj", "text_model.encoder.layers.2.mlp.fc1"],
}  # fmt: skip


def adapter(modules, targets, seed):
    """part -> module -> (down, up)"""
    made = {}
    for part, paths in targets.items():
        made[part] = {}
        for i, path in enumerate(paths):
            weight = weight_of(modules[part], path)
            rank = 2 + (i % 2)
            down = io.draw(seed, path + ".down", (rank, *weight.shape[1:]))
            up = io.draw(seed, path + ".up", (weight.shape[0], rank, *[1] * (weight.ndim - 2)))
            made[part][path] = (io.eight_bits(down / weight[0].numel() ** 0.5), io.eight_bits(up / rank**0.5))
    return made


def weight_of(model, path):
    at = path.replace("text_model.", "", 1) if not hasattr(model, "text_projection") and "text_model" in path else path
    return model.get_submodule(at).weight


def merge(modules, made):
    for part, layers in made.items():
        for path, (down, up) in layers.items():
            weight = weight_of(modules[part], path)
            delta = (up.double().flatten(1) @ down.double().flatten(1)).reshape(weight.shape)
            weight.data += (STRENGTH * ALPHA / down.shape[0] * delta).float()


def kohya(made, prefixes, rename=lambda part, path: path):
    out = {}
    for part, layers in made.items():
        for path, (down, up) in layers.items():
            name = f"{prefixes[part]}_{rename(part, path).replace('.', '_')}"
            out[f"{name}.lora_down.weight"], out[f"{name}.lora_up.weight"] = down, up
            out[f"{name}.alpha"] = torch.tensor(ALPHA)
    return out


def dotted(made, down_name, up_name):
    """Namings without alpha: it goes into the second factor."""
    out = {}
    for part, layers in made.items():
        for path, (down, up) in layers.items():
            out[f"{part}.{path}.{down_name}.weight"] = down
            out[f"{part}.{path}.{up_name}.weight"] = up * (ALPHA / down.shape[0])
    return out


def original_blocks(part, path):
    return next(iter(names.unet({f"{path}.weight": 0, "up_blocks.0.attentions.0.x": 0, "up_blocks.1.attentions.0.x": 0},
                                2))).removesuffix(".weight") if part == "unet" else path  # fmt: skip


def official(pipe_class, modules, path, run):
    """The UNet's answer with the adapter as diffusers loads it (text encoders only where it can)."""
    pipe = pipe_class(**modules)
    unet_only = {k: v for k, v in load_file(path).items() if k.startswith(("unet.", "lora_unet"))}
    pipe.load_lora_weights(unet_only, adapter_name="tiny")
    pipe.set_adapters("tiny", STRENGTH)
    return run(pipe.unet)


def inputs_b(folder):
    g = load_file(folder / "golden.safetensors")
    more = {k: g[f"b.in.{k}"] for k in ("text_embeds", "time_ids") if f"b.in.{k}" in g}
    given = {k: g[f"b.in.{k}"] for k in ("sample", "timestep", "encoder_hidden_states")}
    return {**given, "added_cond_kwargs": more} if more else given


def make_lora():
    folder = io.OUT / "lora"
    shutil.rmtree(folder, ignore_errors=True)
    golden = io.Golden()
    golden.meta.update(strength=str(STRENGTH))
    prefixes = {"unet": "lora_unet", "text_encoder": "lora_te"}
    modules = sd.sd15(io.OUT / "sd15")
    made = adapter(modules, SD15, 31)
    files = {"sd15.kohya": kohya(made, prefixes), "sd15.peft": dotted(made, "lora_A", "lora_B"),
             "sd15.old": dotted(made, "lora.down", "lora.up")}  # fmt: skip
    modules_xl = xl.sdxl(io.OUT / "sdxl")
    made_xl = adapter(modules_xl, SDXL, 32)
    prefixes = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}
    files["sdxl.kohya"] = kohya(made_xl, prefixes, original_blocks)
    for name, tensors in files.items():
        io.save_original(folder / f"{name}.safetensors", tensors)

    for base, mods, made, make, cls, part, n in (
            ("sd15", modules, made, sd.sd15, StableDiffusionPipeline, "text", ""),
            ("sdxl", modules_xl, made_xl, xl.sdxl, StableDiffusionXLPipeline, "text1", "1")):  # fmt: skip
        given = inputs_b(io.OUT / base)
        plain = mods["unet"](**given).sample
        merge(mods, made)
        sample = mods["unet"](**given).sample
        golden.put(f"{base}.out.sample", sample)
        ids = load_file(io.OUT / base / "golden.safetensors")
        for i, key in enumerate([f"text{n}", "text2"][: 2 if n else 1]):
            model = mods["text_encoder_2" if i else "text_encoder"]
            hidden = model(ids[f"{key}.in.input_ids"], output_hidden_states=True).hidden_states
            golden.put(f"{base}.out.{key}.hidden.{len(hidden) - 1}", hidden[-1])
        for name in files:
            if name.startswith(base + "."):
                path = folder / f"{name}.safetensors"
                got = official(cls, make(io.OUT / base), path, lambda unet: unet(**given).sample)
                off, size = (got - sample).abs().max().item(), (plain - sample).abs().max().item()
                print(f"{name}: the adapter changes {size:.3f}, diffusers' reading differs by {off:.1e}")
                if off > 1e-5 * sample.abs().max():
                    raise ValueError(name)
    golden.save(folder)
    io.report(folder)


def make_lcm():
    folder = io.OUT / "lcm"
    shutil.rmtree(folder, ignore_errors=True)
    net = io.fill(sd.unet(block_out_channels=(8, 12), layers_per_block=1, time_cond_proj_dim=16,
                          down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                          up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")), 33,
                  [("conv_out.weight", 0.6), ("cond_proj", 2)])  # fmt: skip
    io.save_model(folder / "unet", net)
    io.save_index(folder, "StableDiffusionPipeline", {"unet": ("diffusers", "UNet2DConditionModel")})
    modules = sd.sd15(io.OUT / "sd15")
    config = {k: v for k, v in modules["scheduler"].config.items() if not k.startswith("_")}
    lcm = LCMScheduler.from_config(config)
    io.save_scheduler(folder, lcm)
    pipe = StableDiffusionPipeline(**modules)
    golden = io.Golden()
    golden.meta.update(prompt=sd.PROMPT)
    given = dict(prompt=sd.PROMPT, height=40, width=56)
    sd.golden_pipeline(golden, "lcm_plain", pipe, lcm, pixels=False, guidance=1.0, **given)
    sd.golden_pipeline(golden, "lcm_guided", pipe, lcm, pixels=False, guidance=1.8, steps=3,
                       negative_prompt=sd.NEGATIVE, **given)  # fmt: skip
    tcd = TCDScheduler.from_config(config)
    sd.golden_pipeline(golden, "tcd", pipe, tcd, pixels=False, guidance=1.0, eta=0.3, **given)
    pipe.unet = net
    sd.golden_pipeline(golden, "lcm", pipe, lcm, pixels=False, guidance=8.0, **given)
    condition = pipe.get_guidance_scale_embedding(torch.tensor([7.0]), embedding_dim=16)
    context = load_file(io.OUT / "sd15" / "golden.safetensors")["text.out.normed.3"][:1]
    sd.golden_unet(golden, "a", net, io.draw(9, "a", (1, 4, 9, 7)), 259, context, timestep_cond=condition)
    golden.save(folder)
    io.report(folder)


if __name__ == "__main__":
    make_lcm()
    make_lora()
