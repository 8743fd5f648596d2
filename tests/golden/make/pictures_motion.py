#!/usr/bin/env python3
"""Makes tests/golden/pictures/animatediff: motion modules for the model of sd15/.

    pip install torch diffusers==0.42.1 transformers==5.24.0 safetensors && python tests/golden/make/pictures_motion.py

motion_adapter/ by diffusers' names; original.safetensors by those of AnimateDiff's files, with tables of positions;
original_module.safetensors: a few of the same tensors as other files prefix them; golden.safetensors:
  a.*, b.*   UNet of sd15/ with the modules: [n, channels, frames, height, width], stages [n * frames, channels, ..],
             one text for all frames of a clip
  ddim.*     pipeline of 5 frames, 2 steps, guidance 7.5 (scheduler/: AnimateDiff's linear betas)
"""
import shutil

import torch
from diffusers import AnimateDiffPipeline, DDIMScheduler, MotionAdapter, UNetMotionModel
from diffusers.loaders import single_file_utils as official
from safetensors.torch import load_file

import pictures_io as io
import pictures_sd as sd

FRAMES = 5


def original(adapter, tensors):
    out = {}
    for name, x in tensors.items():
        if "pos_embed" in name:
            continue
        head, rest = name.split(".motion_modules.", 1)
        index, rest = rest.split(".", 1)
        rest = rest.replace(".attn1.", ".attention_blocks.0.").replace(".attn2.", ".attention_blocks.1.")
        for i, norm in (("1", "norms.0"), ("2", "norms.1"), ("3", "ff_norm")):
            rest = rest.replace(f".norm{i}.", f".{norm}.")
        out[f"{head}.motion_modules.{index}.temporal_transformer.{rest}"] = x
    for name, module in adapter.named_modules():
        if name.endswith(".pos_embed"):
            head, rest = name.removesuffix(".pos_embed").split(".motion_modules.", 1)
            index, rest = rest.split(".", 1)
            for i in range(2):
                at = f"{head}.motion_modules.{index}.temporal_transformer.{rest}.attention_blocks.{i}"
                out[f"{at}.pos_encoder.pe"] = module.pe
    return out


class PerFrame(torch.nn.Module):
    """The UNet with one text for all frames of a clip: it wants it repeated."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, sample, timestep, encoder_hidden_states):
        repeated = encoder_hidden_states.repeat_interleave(sample.shape[2], 0)
        return self.net(sample, timestep, repeated)


def main():
    folder = io.OUT / "animatediff"
    shutil.rmtree(folder, ignore_errors=True)
    modules = sd.sd15(io.OUT / "sd15")
    adapter = io.fill(MotionAdapter(block_out_channels=modules["unet"].config.block_out_channels,
                                    motion_layers_per_block=2, motion_num_attention_heads=2, motion_norm_num_groups=2,
                                    motion_max_seq_length=16), 41)  # fmt: skip
    tensors = io.save_model(folder / "motion_adapter", adapter)
    ours = original(adapter, tensors)
    back = official.convert_animatediff_checkpoint_to_diffusers(ours)
    sd.same({k: v for k, v in tensors.items() if "pos_embed" not in k}, back)
    io.save_original(folder / "original.safetensors", ours)
    io.save_original(folder / "original_module.safetensors", {
        f"module.{k}": v for k, v in ours.items() if k.startswith("mid_block.")})  # fmt: skip

    net = UNetMotionModel.from_unet2d(modules["unet"], adapter).eval()
    golden = io.Golden()
    golden.meta.update(prompt=sd.PROMPT, negative_prompt=sd.NEGATIVE)
    text = load_file(io.OUT / "sd15" / "golden.safetensors")["text.out.normed.3"]
    stages = {"conv_in": "conv_in", "down.0.motion.0": "down_blocks.0.motion_modules.0", "down.0": "down_blocks.0",
              "down.1": "down_blocks.1", "down.3": "down_blocks.3", "mid": "mid_block", "up.0": "up_blocks.0",
              "up.1": "up_blocks.1", "up.3": "up_blocks.3"}  # fmt: skip
    stages = {k: f"net.{v}" for k, v in stages.items()}
    for prefix, shape, context, t, kept in (("a", (1, 4, 4, 9, 7), text[:1], 801, stages),
                                            ("b", (2, 4, FRAMES, 4, 6), text, 1, {})):  # fmt: skip
        sd.golden_unet(golden, prefix, PerFrame(net), io.draw(10, prefix, shape), t, context, kept)

    ddim = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="linear", clip_sample=False, steps_offset=1,
                         timestep_spacing="leading")  # fmt: skip
    io.save_scheduler(folder, ddim)
    pipe = AnimateDiffPipeline(vae=modules["vae"], text_encoder=modules["text_encoder"], tokenizer=modules["tokenizer"],
                               unet=net, motion_adapter=adapter, scheduler=ddim)  # fmt: skip
    sd.golden_pipeline(golden, "ddim", pipe, ddim, pixels=False, steps=2, prompt=sd.PROMPT, negative_prompt=sd.NEGATIVE,
                       height=40, width=56, num_frames=FRAMES)  # fmt: skip
    golden.put("ddim.out.pixels.frame.1", pipe.decode_latents(golden.tensors["ddim.out.step.1"])[:, :, 1])
    golden.save(folder)
    io.report(folder)


if __name__ == "__main__":
    main()
