#!/usr/bin/env python3
"""Writes a Llama-shaped GGUF with random weights, for speed on shapes that no package ships.

    pip install gguf numpy && python bench/make-shape.py OUT.gguf [--shape 1b]

F16 matrices; requantise with the peer's llama-quantize. The vocabulary is plain ASCII words, so that any program can
print what comes out.
"""
import argparse

import gguf
import numpy as np

# layers, width, feed-forward, heads, key/value heads, head size, vocabulary
SHAPES = {"1b": (16, 2048, 8192, 32, 8, 64, 128256), "tiny": (2, 256, 512, 4, 2, 64, 512)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--shape", default="1b", choices=SHAPES)
    args = parser.parse_args()
    layers, width, ffn, heads, kv_heads, head, vocab = SHAPES[args.shape]
    rng = np.random.default_rng(1)
    w = gguf.GGUFWriter(args.out, "llama")
    w.add_name(f"random {args.shape}")
    w.add_block_count(layers)
    w.add_context_length(8192)
    w.add_embedding_length(width)
    w.add_feed_forward_length(ffn)
    w.add_head_count(heads)
    w.add_head_count_kv(kv_heads)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(head)
    w.add_rope_freq_base(500000.0)
    w.add_vocab_size(vocab)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(["<|endoftext|>"] + [f"w{i}" for i in range(1, vocab)])
    w.add_token_types([3] + [1] * (vocab - 1))
    w.add_token_merges(["w 1"])
    w.add_bos_token_id(0)
    w.add_eos_token_id(0)

    def matrix(name, n, k):
        w.add_tensor(name, (rng.standard_normal((n, k), dtype=np.float32) * (0.7 / k**0.5)).astype(np.float16))

    def ones(name):
        w.add_tensor(name, np.ones(width, np.float32))

    matrix("token_embd.weight", vocab, width)
    ones("output_norm.weight")
    for i in range(layers):
        b = f"blk.{i}."
        ones(b + "attn_norm.weight")
        matrix(b + "attn_q.weight", heads * head, width)
        matrix(b + "attn_k.weight", kv_heads * head, width)
        matrix(b + "attn_v.weight", kv_heads * head, width)
        matrix(b + "attn_output.weight", width, heads * head)
        ones(b + "ffn_norm.weight")
        matrix(b + "ffn_gate.weight", ffn, width)
        matrix(b + "ffn_up.weight", ffn, width)
        matrix(b + "ffn_down.weight", width, ffn)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
