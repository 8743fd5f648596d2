#!/usr/bin/env python3
"""Makes tests/golden/tiny/*: small language models with seeded random weights, and what transformers computes with them.

    pip install torch==2.15.0 transformers==5.24.0 gguf==0.19.0 && python tests/golden/make/tiny_models.py

<name>.gguf          the model in f32, with the tensors and keys that llama.cpp's convert_hf_to_gguf.py writes, and a
                     byte-level BPE vocabulary: 3 control tokens, 256 bytes, then merges.
<name>.golden.gguf   teacher-forced results (f32, row a token):
    tokens           [40] i32
    embd             [40, n_embd]   the residual stream before block 0
    hidden.<i>       [40, n_embd]   the residual stream after block i
    norm             [40, n_embd]   after the final norm
    logits           [40, n_vocab]
    golden.noise     (key, f32) the greatest difference of these logits from the same model with matrices in double
                     precision (transformers keeps norms and angles in f32): about what rounding explains.

The weights are larger than a trained model's, so that attention is far from uniform and a wrong rotation, head
grouping or scale shows.
"""
import math
import pathlib

import gguf
import numpy as np
import torch
import transformers as hf

OUT = pathlib.Path(__file__).parent.parent / "tiny"
N_TOKENS = 40
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# A space is "Ġ" in this alphabet.
MERGES = """Ġ t|Ġ a|i n|h e|r e|o n|e r|Ġt he|a t|Ġ s|Ġ o|e n|Ġ c|i t|i s|n d|o r|Ġ w|e s|Ġ b|Ġ f|o u|in g|a n|a l|Ġ p|a r
Ġo f|e d|Ġa nd|Ġ in|Ġ d|Ġt o|i c|Ġ m|l e|i on|o m|Ġ h|a s|l l|Ġ re|Ġ n|en t|Ġ l""".replace("\n", "|").split("|")
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SHARED = dict(max_position_embeddings=1024, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, attn_implementation="eager")
DEFAULT_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 512}  # fmt: skip
LINEAR_ROPE = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}


def sizes(vocab, hidden, ffn, layers, heads, kv_heads, head_dim=None):
    s = dict(vocab_size=vocab, hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers,
             num_attention_heads=heads, num_key_value_heads=kv_heads)  # fmt: skip
    return s if head_dim is None else s | dict(head_dim=head_dim)


# name: configuration class, sizes, rope, tied embeddings
MODELS = {
    "llama": (hf.LlamaConfig, sizes(288, 64, 96, 2, 4, 2, 32), DEFAULT_ROPE, False),
    "llama-tied": (hf.LlamaConfig, sizes(301, 32, 96, 3, 4, 2, 32), DEFAULT_ROPE, True),
    "llama-rope3": (hf.LlamaConfig, sizes(288, 32, 96, 2, 4, 2, 32), LLAMA3_ROPE | {"rope_theta": 500000.0}, True),
    "llama-linear": (hf.LlamaConfig, sizes(288, 32, 96, 2, 4, 2, 32), LINEAR_ROPE, True),
    "mistral": (hf.MistralConfig, sizes(288, 64, 96, 2, 4, 1), DEFAULT_ROPE | {"rope_theta": 1000000.0}, False),
    "qwen2": (hf.Qwen2Config, sizes(288, 64, 96, 2, 4, 2), DEFAULT_ROPE | {"rope_theta": 1000000.0}, True),
    "qwen3": (hf.Qwen3Config, sizes(288, 32, 96, 3, 4, 2, 32), DEFAULT_ROPE | {"rope_theta": 1000000.0}, True),
}


def make_model(name):
    config_class, shape, rope, tied = MODELS[name]
    extra = dict(sliding_window=None) if config_class is hf.MistralConfig else {}
    config = config_class(**shape, **SHARED, **extra, rope_parameters=dict(rope), tie_word_embeddings=tied)
    torch.manual_seed(sum(name.encode()))
    model = hf.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            if key.endswith("norm.weight"):
                p.copy_(1 + 0.3 * torch.randn(p.shape))
            elif key.endswith(".bias"):
                p.copy_(0.5 * torch.randn(p.shape))
            elif "embed_tokens" in key:
                p.copy_(torch.randn(p.shape))
            else:
                gain = 1.5 if "q_proj" in key or "k_proj" in key else 1.0
                p.copy_(gain / math.sqrt(p.shape[1]) * torch.randn(p.shape))
    return model


def run(model, tokens):
    """The tensors of the golden file, by name."""
    seen = {}
    hooks = [model.model.embed_tokens.register_forward_hook(lambda m, i, o: seen.update(embd=o))]
    for n, layer in enumerate(model.model.layers):
        keep = lambda m, i, o, n=n: seen.update({f"hidden.{n}": o[0] if isinstance(o, tuple) else o})
        hooks.append(layer.register_forward_hook(keep))
    hooks.append(model.model.norm.register_forward_hook(lambda m, i, o: seen.update(norm=o)))
    with torch.no_grad():
        seen["logits"] = model(tokens.unsqueeze(0), use_cache=False).logits
    for hook in hooks:
        hook.remove()
    return {k: v[0].clone() for k, v in seen.items()}


def interleave(weights, n_head):
    """Rows of Q and K in llama.cpp's order: it rotates neighbours, transformers rotates i with i + head_dim/2."""
    return weights.reshape(n_head, 2, weights.shape[0] // n_head // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def rope_factors(config):
    """What each frequency is divided by under Llama 3's scaling (convert_hf_to_gguf.py, generate_extra_tensors)."""
    rope, dim = config.rope_parameters, config.head_dim
    low = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    factors = []
    for freq in 1.0 / (rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)):
        length = 2 * math.pi / freq
        if length < high:
            factors.append(1)
        elif length > low:
            factors.append(rope["factor"])
        else:
            smooth = (rope["original_max_position_embeddings"] / length - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"]
            )
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def byte_alphabet():
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(spare)) for b in range(256)]


def add_tokenizer(w, n_vocab):
    merges = MERGES[: n_vocab - 256 - len(CONTROL)]
    tokens = CONTROL + byte_alphabet() + [m.replace(" ", "") for m in merges]
    assert len(tokens) == n_vocab == len(set(tokens))
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL] * len(CONTROL) + [gguf.TokenType.NORMAL] * (n_vocab - len(CONTROL)))
    w.add_token_merges(merges)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    w.add_pad_token_id(2)
    w.add_add_bos_token(False)
    w.add_chat_template(CHAT_TEMPLATE)


def save(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_model(path, name, model):
    config, shape = model.config, MODELS[name][1]
    arch = {"mistral": "llama"}.get(config.model_type, config.model_type)
    w = gguf.GGUFWriter(path, arch)
    w.add_type("model")
    w.add_name(f"Tiny random {name}")
    w.add_block_count(config.num_hidden_layers)
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    w.add_head_count_kv(config.num_key_value_heads)
    rope = config.rope_parameters
    if rope["rope_type"] == "linear":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(rope["factor"])
    w.add_rope_freq_base(rope["rope_theta"])
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    if "head_dim" in shape:  # as in a config.json that says it; else readers take n_embd / n_head
        w.add_key_length(config.head_dim)
        w.add_value_length(config.head_dim)
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    if arch == "llama":
        w.add_vocab_size(config.vocab_size)
        w.add_rope_dimension_count(shape.get("head_dim", config.hidden_size // config.num_attention_heads))
    add_tokenizer(w, config.vocab_size)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)

    arch_number = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch)
    names = gguf.get_tensor_name_map(arch_number, config.num_hidden_layers)
    if rope["rope_type"] == "llama3":
        w.add_tensor("rope_freqs.weight", rope_factors(config))
    for key, p in model.named_parameters():  # a tied output matrix is not among them
        data = p.detach().numpy()
        if arch == "llama" and "q_proj" in key:
            data = interleave(data, config.num_attention_heads)
        if arch == "llama" and "k_proj" in key:
            data = interleave(data, config.num_key_value_heads)
        w.add_tensor(names.get_name(key, (".weight", ".bias")), np.ascontiguousarray(data))
    save(w)


def write_golden(path, tokens, got, noise):
    w = gguf.GGUFWriter(path, "golden")
    w.add_float32("golden.noise", noise)
    w.add_tensor("tokens", tokens.numpy().astype(np.int32))
    for key, value in got.items():
        w.add_tensor(key, value.numpy())
    save(w)


def main():
    OUT.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for name in MODELS:
        model = make_model(name)
        n_vocab = model.config.vocab_size
        tokens = torch.tensor(np.random.default_rng(7).integers(0, n_vocab, N_TOKENS))
        tokens[-5:] = tokens[:5]  # some tokens return, at other positions
        write_model(OUT / f"{name}.gguf", name, model)
        got = run(model, tokens)
        exact = run(model.double(), tokens)["logits"]
        noise = (got["logits"].double() - exact).abs().max().item()
        write_golden(OUT / f"{name}.golden.gguf", tokens, got, noise)
        print(f"{name}: logits std {got['logits'].std():.3f}, noise {noise:.2e}")


if __name__ == "__main__":
    main()
