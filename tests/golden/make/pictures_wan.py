#!/usr/bin/env python3
"""Makes tests/golden/pictures/wan: a tiny model with the structure of Wan 2.1 text to video.

    pip install torch diffusers==0.42.1 transformers==5.24.0 tokenizers safetensors ftfy
    python tests/golden/make/pictures_wan.py

A folder of diffusers; original_{transformer,vae,text_encoder}.safetensors by the names of Wan's own files;
golden.safetensors:
  text.*          UMT5 on two prompts of 40 and 13 tokens (mask: 1 where a token is); rows past an end are zeroed
  a.*             DiT, 3 latent frames, the text's 9 rows zero-padded to 512; b.* two clips of one frame, 16 rows
  vae.encode.*    9 frames: moments = mean and log-variance (not normalised); vae.decode.* 3 latent frames, stages of
                  all frames joined; vae1.* one frame
  unipc.*, euler.* pipelines, guidance 6, flow shift 3 and 7: latents after each step, pixels in [-1, 1]
"""
import json
import shutil

import torch
from diffusers import (AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler, WanPipeline,
                       WanTransformer3DModel)  # fmt: skip
from diffusers.loaders import single_file_utils as official
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

import pictures_io as io
import pictures_names as names
import pictures_sd as sd

PROMPT, NEGATIVE = "a red ball rolls to the left", "blurry, dim"
TEXT_ROWS = 512


def tokenizer(folder):
    """A Unigram vocabulary: pad, end, unknown, bytes, letters and a few words."""
    words = ["▁a", "▁red", "▁ball", "▁roll", "▁to", "▁the", "▁left", "▁b", "lu", "rr", "▁dim", "s", "▁"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(f"<0x{i:02X}>", -20.0) for i in range(256)]
    pieces += [(w, -4.0 - 0.25 * i) for i, w in enumerate(words)]
    pieces += [(c, -9.0 - 0.125 * i) for i, c in enumerate("abcdefghijklmnopqrtuvwxyz,.")]
    t = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    t.decoder = decoders.Metaspace()
    t.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    t.add_special_tokens([AddedToken(x, special=True) for x in ("<pad>", "</s>", "<unk>")])
    folder.mkdir(parents=True)
    io.save_json(folder / "tokenizer.json", json.loads(t.to_str()))
    io.save_json(folder / "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", "model_max_length": TEXT_ROWS,
                                                    "eos_token": "</s>", "pad_token": "<pad>",
                                                    "unk_token": "<unk>"})  # fmt: skip
    tok = PreTrainedTokenizerFast(tokenizer_object=t, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    return tok, len(pieces)


class Padded(torch.nn.Module):
    """The DiT with the text's rows zero-padded."""

    def __init__(self, net, rows):
        super().__init__()
        self.net, self.rows = net, rows

    def forward(self, sample, timestep, encoder_hidden_states):
        missing = max(0, self.rows - encoder_hidden_states.shape[1])
        padded = torch.nn.functional.pad(encoder_hidden_states, (0, 0, 0, missing))
        return self.net(sample, timestep, padded).sample


def golden_vae(golden, vae):
    encode = {"mid": "vae.encoder.mid_block", "conv_out": "vae.encoder.conv_out",
              **{f"down.{i}": f"vae.encoder.down_blocks.{i}" for i in (2, 5, 8, 10)}}  # fmt: skip
    decode = {"conv_in": "vae.decoder.conv_in", "mid": "vae.decoder.mid_block",
              **{f"up.{i}": f"vae.decoder.up_blocks.{i}" for i in (0, 1)}}  # fmt: skip
    clip = torch.stack([io.picture(50 + i, 16, 24)[0] for i in range(9)], 1)[None]
    for prefix, frames, latents in (("vae", 9, 3), ("vae1", 1, 1)):
        z = 2 * io.draw(54, f"z{latents}", (1, 16, latents, 2, 3))
        stages = (encode, decode) if latents > 1 else ({}, {})
        x = clip[:, :, :frames]
        golden.run(f"{prefix}.encode", sd.Half(vae, "encode"), stages[0], {"x": x}, lambda x: {"moments": x})
        golden.run(f"{prefix}.decode", sd.Half(vae, "decode"), stages[1], {"x": z}, lambda x: {"pixels": x})


def main():
    folder = io.OUT / "wan"
    shutil.rmtree(folder, ignore_errors=True)
    tok, vocab = tokenizer(folder / "tokenizer")
    config = UMT5Config(vocab_size=vocab, d_model=24, d_kv=6, num_heads=3, d_ff=40, num_layers=2)
    text = io.fill(UMT5EncoderModel(config), 51, [("relative", 1.5), ("shared", 4)])
    net = io.fill(WanTransformer3DModel(num_attention_heads=2, attention_head_dim=14, text_dim=24, freq_dim=32,
                                        ffn_dim=40, num_layers=2, rope_max_seq_len=64), 52,
                  [("scale_shift_table", 2), ("time_proj", 0.5), ("proj_out", 0.7)])  # fmt: skip
    vae = io.fill(AutoencoderKLWan(base_dim=3), 53, [("decoder.conv_out.weight", 0.8)])
    parts = {"text_encoder": io.save_model(folder / "text_encoder", text, leave=("encoder.embed_tokens.weight",),
                                           layer_norm_epsilon=1e-6, relative_attention_num_buckets=32,
                                           relative_attention_max_distance=128, feed_forward_proj="gated-gelu"),
             "transformer": io.save_model(folder / "transformer", net), "vae": io.save_model(folder / "vae", vae)}
    unipc = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    io.save_scheduler(folder, unipc)
    io.save_index(folder, "WanPipeline", {
        "scheduler": ("diffusers", "UniPCMultistepScheduler"), "text_encoder": ("transformers", "UMT5EncoderModel"),
        "tokenizer": ("transformers", "T5TokenizerFast"), "transformer": ("diffusers", "WanTransformer3DModel"),
        "transformer_2": (None, None), "vae": ("diffusers", "AutoencoderKLWan")}, boundary_ratio=None,
        expand_timesteps=False)  # fmt: skip
    dit, autoencoder = names.wan_transformer(parts["transformer"]), names.wan_vae(parts["vae"])
    sd.same(parts["transformer"], official.convert_wan_transformer_to_diffusers(dict(dit)))
    sd.same(parts["vae"], official.convert_wan_vae_to_diffusers(dict(autoencoder)))
    io.save_original(folder / "original_transformer.safetensors", dit)
    io.save_original(folder / "original_vae.safetensors", autoencoder)
    io.save_original(folder / "original_text_encoder.safetensors", names.umt5(parts["text_encoder"]))

    golden = io.Golden()
    golden.meta.update(prompt=PROMPT, negative_prompt=NEGATIVE)
    ids = torch.randint(3, vocab, (2, 40), generator=io.generator(55))
    mask = (torch.arange(40)[None] < torch.tensor([[40], [13]])).long()
    ids = torch.where(mask == 1, ids, 0)
    ids[0, 39] = ids[1, 12] = 1
    golden.put("text.prompt_ids", tok([PROMPT], return_tensors="pt").input_ids)
    golden.run("text", text, {"block.0": "encoder.block.0"}, {"input_ids": ids, "attention_mask": mask},
               lambda out: {"hidden": out.last_hidden_state * mask[:, :, None]})  # fmt: skip
    golden.tensors["text.out.block.0"] *= mask[:, :, None]

    stages = {"patch": "patch_embedding", "time": "condition_embedder.time_embedder",
              "time_proj": "condition_embedder.time_proj", "block.0": "blocks.0", "block.0.attn1": "blocks.0.attn1",
              "block.0.attn2": "blocks.0.attn2", "block.0.ffn": "blocks.0.ffn", "block.1": "blocks.1",
              "proj_out": "proj_out"}  # fmt: skip
    text_stage = {"text": "condition_embedder.text_embedder"}
    hidden = golden.tensors["text.out.hidden"]
    for prefix, shape, context, t, kept, rows in (
            ("a", (1, 16, 3, 8, 10), hidden[:1, :9], 875.25, stages, TEXT_ROWS),
            ("b", (2, 16, 1, 4, 6), hidden[:, :16], 999.0, text_stage, 16)):  # fmt: skip
        inputs = {"sample": io.draw(56, prefix, shape), "timestep": torch.tensor([t] * shape[0]),
                  "encoder_hidden_states": context}  # fmt: skip
        golden.run(prefix, Padded(net, rows), {k: f"net.{v}" for k, v in kept.items()}, inputs, lambda x: {"sample": x})
    golden_vae(golden, vae)

    pipe = WanPipeline(tokenizer=tok, text_encoder=text, vae=vae, scheduler=unipc, transformer=net)
    mean, std = (torch.tensor(x).reshape(1, 16, 1, 1, 1) for x in (vae.config.latents_mean, vae.config.latents_std))
    euler = FlowMatchEulerDiscreteScheduler(shift=7.0)
    for prefix, scheduler, steps in (("unipc", unipc, 5), ("euler", euler, 3)):
        latents = sd.golden_pipeline(golden, prefix, pipe, scheduler, pixels=False, steps=steps, guidance=6.0,
                                     height=16, width=32, num_frames=9, prompt=PROMPT, negative_prompt=NEGATIVE,
                                     max_sequence_length=TEXT_ROWS)  # fmt: skip
        if prefix == "unipc":
            golden.put("unipc.out.pixels", vae.decode(latents * std + mean).sample)
    golden.save(folder)
    io.report(folder)


if __name__ == "__main__":
    main()
