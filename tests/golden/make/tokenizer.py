#!/usr/bin/env python3
"""Golden ids for tests/text/test_tokenizer_golden.c, by Hugging Face's `tokenizers` and by SentencePiece itself.

    pip install gguf tokenizers sentencepiece protobuf
    python3 tests/golden/make/tokenizer.py ../shared/data/tokenizers SmolLM2-135M-Instruct.Q4_1.gguf

Writes tests/golden/tokenizer/: families.json (GPT-2's vocabulary under the published pre-tokenizer of each family),
spm.json (Llama 2's vocabulary, by SentencePiece; special tokens in the text, which it
does not read, by `tokenizers`) and smollm2.json (the default chat model's; special tokens in the text are read).
Random characters are ones whose category has not changed since Unicode 3.2, so that the age of nobody's tables shows.
"""
import json
import os
import random
import sys
import unicodedata

import gguf
from sentencepiece import SentencePieceProcessor
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tokenizer")
old = unicodedata.ucd_3_2_0


def stable(cp):
    c = chr(cp)
    return unicodedata.category(c) == old.category(c) not in ("Cn", "Cs", "Co") and cp != 0x180E


POOL = [cp for cp in range(1, 0x30000) if stable(cp)]
COMMON = [" ", " ", " ", "\n", "\r\n", "\t", "'s", "'LL", "'Ve", "n't", "\u00a0", "\u3000", "\u0301", "!", "...", "+", "`",
          "$", "12345", "7", "\u00bd", "\u0663", "ing", "The", "HTTP", "camelCase", "\u4e2d\u6587", "\u30ab\u30bf", "\uac00",
          "\u0416\u0443\u043a", "\u0e01\u0e33", "\u01c5", "\u02b0a", "\u00aaB", "//", "/\n", "\U0001f600", "e\u0301", "\u200d"]


def random_text(rng):
    return "".join(rng.choice(COMMON) if rng.random() < 0.7 else chr(rng.choice(POOL)) for _ in range(rng.randint(1, 30)))


PLAIN = [
    "", " ", "  ", "\n", " \n ", "\t\t", "Hello, world!", " Hello", "Hello  world", "I'll say we're DONE, aren't WE'RE?",
    "don't DON'T 'tis it's O'Reilly's", "3.14159 and 1,234,567 or 0x1F2e 12ab34", "x = [i**2 for i in range(10)]  # squares\n",
    "def f(a, b):\n    return a + b\n\n\n    # end", "if (a&&b) {\r\n\tcall();\r\n}\r\n", "https://example.com/a?b=c&d=%20#frag",
    "Der Äpfel fällt nicht weit vom Stamm — „sagt“ man.", "¿Dónde está la niña? ¡Aquí!", "Привет, мир! Как дела?",
    "你好，世界。今天是2024年。", "これはテストです。カタカナ", "안녕하세요 세계", "สวัสดีชาวโลก", "مرحبا بالعالم ١٢٣", "नमस्ते दुनिया १२३",
    "🚀 (normal) 😶‍🌫️ (multiple emojis concatenated) ✅ 🦙🦙", "a\u0301e\u0301 combining \u0301 alone", "!!!???...,,,;;;", "<<>>==!=<=>=",
    "CamelCaseXMLHttpRequest iOS IDs", "end of line   \n   next line  ", "tabs\tand\u00a0nbsp\u3000wide", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﬁ ½ Ⅷ ²",
    "\x01\x02 controls \x7f", "ſ long 'ſ s", "A's 'Sound' 'LLama 'dude", "\n\n\n\n", "   leading", "trailing   ", "$100 + 20% = ^_^ ~/`x`",
]

CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{%s}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
CASES = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s|[^\r\n\p{L}\p{N}]?"
         r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
             r"\s*[\r\n]+|\s+(?!\S)|\s+")

BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def splits(*regexes):
    return [pre_tokenizers.Split(Regex(r), "isolated") for r in regexes]


FAMILIES = {  # by a name that GGUF files use; the second: whether a whole word that is a token goes before merges
    "gpt-2": ([GPT2], False),
    "smollm": ([pre_tokenizers.Digits(individual_digits=True), GPT2], False),
    "llama-bpe": (splits(CL100K % "1,3") + [BYTES], True),
    "qwen2": (splits(CL100K % "1") + [BYTES], False),
    "qwen35": (splits(QWEN35) + [BYTES], False),
    "gpt-4o": (splits(CASES % (SHORT, SHORT, "{1,3}")) + [BYTES], False),
    "tekken": (splits(CASES % ("", "", "")) + [BYTES], True),
    "deepseek-v3": (splits(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3) + [BYTES], False),
    "deepseek-coder": (splits(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")
                       + [pre_tokenizers.Digits(individual_digits=True), BYTES], False),
}


def read(path):
    r = gguf.GGUFReader(path)
    get = lambda k: r.fields["tokenizer.ggml." + k].contents() if "tokenizer.ggml." + k in r.fields else None
    return get("tokens"), get("merges"), get("token_type"), get("scores")


def bpe(tokens, merges, types, parts, ignore_merges):
    vocab = {t: i for i, t in enumerate(tokens)}
    t = Tokenizer(models.BPE(vocab, [tuple(m.split(" ")) for m in merges], ignore_merges=ignore_merges))
    t.pre_tokenizer = pre_tokenizers.Sequence(parts)
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s, k in zip(tokens, types) if k == 3])
    return t


def sentencepiece(tokens, types, scores):
    m = model_pb2.ModelProto()
    m.trainer_spec.model_type = model_pb2.TrainerSpec.BPE
    m.trainer_spec.byte_fallback = True
    m.trainer_spec.vocab_size = len(tokens)
    m.normalizer_spec.name = "identity"
    m.normalizer_spec.remove_extra_whitespaces = False
    for t, k, s in zip(tokens, types, scores):
        m.pieces.add(piece=t, score=s, type=k)  # the types have the numbers of GGUF
    p = SentencePieceProcessor()
    p.LoadFromSerializedProto(m.SerializeToString())
    return p


def spm_with_special(tokens, types, scores):
    """As transformers converts a sentencepiece model: every way to cut a token into two tokens is a merge."""
    vocab = {t: i for i, t in enumerate(tokens)}
    normal = {t for t, k in zip(tokens, types) if k == 1}
    merges = []
    for t in normal:
        cuts = [(t[:i], t[i:]) for i in range(1, len(t)) if t[:i] in normal and t[i:] in normal]
        cuts.sort(key=lambda c: (vocab[c[0]], vocab[c[1]]))
        merges += [(scores[vocab[t]], c) for c in cuts]
    merges.sort(key=lambda m: m[0], reverse=True)
    t = Tokenizer(models.BPE(vocab, [m for _, m in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in ("<unk>", "<s>", "</s>")])
    return t


def ids(t, texts):
    return [t.encode(x, add_special_tokens=False).ids for x in texts]


def write(name, value):
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, separators=(",", ":"), indent=None)
        f.write("\n")


def main():
    folder, smollm2 = sys.argv[1], sys.argv[2]
    rng = random.Random(20240601)
    texts = PLAIN + [random_text(rng) for _ in range(30)]
    tokens, merges, types, _ = read(os.path.join(folder, "ggml-vocab-gpt-2.gguf"))
    write("families.json", {"texts": texts, "ids": {name: ids(bpe(tokens, merges, types, *f), texts)
                                                    for name, f in FAMILIES.items()}})
    tokens, _, types, scores = read(os.path.join(folder, "ggml-vocab-llama-spm.gguf"))
    texts = PLAIN + [" " * n + "x" for n in range(3, 40)] + [random_text(rng) for _ in range(80)] + ["a<s>b</s>", "<unk>"]
    special = ["<s>[INST] Hi [/INST] Hello</s>", "a<s>b</s> c", "<unk>", "<s>", "</s> \n<s>"]
    write("spm.json", {"texts": texts, "ids": sentencepiece(tokens, types, scores).encode(texts), "special_texts": special,
                       "special_ids": ids(spm_with_special(tokens, types, scores), special)})
    tokens, merges, types, _ = read(smollm2)
    texts = PLAIN + [random_text(rng) for _ in range(180)] + [
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n"
        "What is 12 + 30?<|im_end|>\n<|im_start|>assistant\n",
        "a<|im_end|>b", "<|im_end|><|im_end|>", "<|im_end", "<|im_start|> \n", "<repo_name><file_sep>x", "<reponame>", "<|endoftext|>",
        "a\x04b \x06\x13x", "\U00040404\U00080808z", "\x04",  # bytes that this vocabulary lacks
    ]
    write("smollm2.json", {"texts": texts, "ids": ids(bpe(tokens, merges, types, *FAMILIES["smollm"]), texts)})


main()
