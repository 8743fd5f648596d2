#!/usr/bin/env python3
"""Golden files of the text side of pictures, for tests/text/test_clip_bpe.c, test_prompt.c and test_unigram.c.

    pip install transformers tokenizers sentencepiece protobuf ftfy diffusers torch
    python3 tests/golden/make/prompt.py clip open_clip/bpe_simple_vocab_16e6.txt.gz    (data/clip_merges.py)
    python3 tests/golden/make/prompt.py chunks bpe_simple_vocab_16e6.txt.gz PATH/TO/stable-diffusion-webui/modules
    python3 tests/golden/make/prompt.py unigram

Writes tests/golden/prompt/: clip.json by transformers' CLIPTokenizer, clip_small/ (a small vocabulary as the files of a
diffusers folder, in which the byte of "z" is missing) and its ids; chunks.json by AUTOMATIC1111's own prompt_parser.py
and sd_hijack_clip.py, of which only the two functions are run; unigram*.model by SentencePiece with the ids that it gives,
unigram.tokenizer.json with those of Hugging Face's tokenizers, and clean.json by diffusers' Wan pipeline and ftfy.
Random characters are ones whose properties have not changed since Unicode 3.2; texts for CLIP are in form NFC.
"""
import ast
import gzip
import io
import itertools
import json
import os
import random
import re
import sys
import types
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
OUT = os.path.join(ROOT, "tests", "golden", "prompt")
old = unicodedata.ucd_3_2_0


def stable(cp):
    c = chr(cp)
    same = unicodedata.category(c) == old.category(c) not in ("Cn", "Cs", "Co")
    return same and unicodedata.normalize("NFC", c) == c and c.lower().islower() == c.islower() or c.isalpha() and same


POOL = [cp for cp in range(1, 0x30000) if stable(cp) and cp != 0x180E]
COMMON = [" ", " ", ", ", "\n", "\t", "'s", "'LL", "'Ve", "n't", "\u00a0", "\u3000", "!", "...", "(", ")", "1girl",
          "4k",
          "masterpiece", "The", "HTTP", "é", "Ä", "İ", "中文", "カタ", "가나", "Жук", "😀", "👩‍🚀", "½", "٣", "&amp;", "#", "ß",
          "Σίσυφος ΣΑΣ", "<", ">", "_", "--"]
PLAIN = ["", " ", "\n\n", "a photo of an astronaut riding a horse on mars", "A PHOTO, of  a   Cat!!!",
         "it's they're I'LL 'tis 's",
         "masterpiece, best quality, (1girl:1.2), 8k uhd, dslr", "don't can't o'clock ''s '''", "x1234567890y 3.14 1/2",
         "café naïve Übergröße ÀÉÎÕÜ", "你好，世界。一只猫坐在月亮上", "これはテストです カタカナ", "안녕하세요 세계", "Привет, МИР!",
         "😀😃 👩‍🚀🚀 ❤️ flag 🇩🇪", "&lt;b&gt; &amp;amp; &eacute; &#39;",
         "tabs\tand\r\nlines \u2028 nbsp\u00a0wide\u3000end", "__init__ --flag #tag @me $5 50%",
         "<|endoftext|>", "a <|startoftext|> b<|endoftext|>c", "<|ENDOFTEXT|> x", "<|endoftext",
         "İstanbul ŞIĞ ǅ Ǆ ΑΣ Σ", "a" * 300, "ab " * 120,
         "supercalifragilisticexpialidocious " * 12, "\x01\x7f control", "....,,,,;;;;::::!!!!????", "-" * 100,
         "Ⅷ ² ¼ ① ㊿"]


def texts_for(rng, n, clean=lambda s: s):
    rows = list(PLAIN)
    for _ in range(n):
        rows.append("".join(rng.choice(COMMON) if rng.random() < 0.7 else chr(rng.choice(POOL))
                            for _ in range(rng.randint(1, 24))))
    return [clean(r) for r in rows]


def write(name, value):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with io.open(path, "w", encoding="utf-8", newline="") as f:
        f.write(value if isinstance(value, str)
                else json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


# ---- CLIP ----

def byte_characters():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(68)]


def vocabulary(path, n):
    merges = [tuple(l.split()) for l in gzip.open(path).read().decode("utf-8").split("\n")[1:n + 1]]
    tokens = byte_characters()
    tokens += [c + "</w>" for c in tokens] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return {t: i for i, t in enumerate(tokens)}, merges


def clip_tokenizer(vocab, merges):
    from transformers import CLIPTokenizer
    return CLIPTokenizer(vocab=vocab, merges=merges)


def make_clip(path):
    rng = random.Random(6)
    texts = texts_for(rng, 120, lambda s: unicodedata.normalize("NFC", s))
    t = clip_tokenizer(*vocabulary(path, 48894))
    assert (t.bos_token_id, t.eos_token_id, len(t)) == (49406, 49407, 49408)
    fill = t(texts, padding="max_length", max_length=77, truncation=True)["input_ids"]
    write("clip.json", {"texts": texts, "ids": [t(s, add_special_tokens=False)["input_ids"] for s in texts],
                        "fill": [[i, f] for i, f in enumerate(fill) if i < len(PLAIN)]})
    vocab, merges = vocabulary(path, 160)
    vocab = {k: 3 * v + 1 for k, v in vocab.items() if k not in ("z", "z</w>")}
    merges = [m for m in merges if "z" not in "".join(m)]
    t = clip_tokenizer(vocab, merges)
    write("clip_small/vocab.json", vocab)
    write("clip_small/merges.txt", "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    t.backend_tokenizer.save(os.path.join(OUT, "clip_small", "tokenizer.json"), pretty=False)
    texts = texts[:40] + ["zoo", "fuzz pizza z zz", "the dizzy"]
    write("clip_small/ids.json", {"texts": texts, "ids": [t(s, add_special_tokens=False)["input_ids"] for s in texts]})


# ---- the web UI ----

def cut(path, names):
    """The top-level statements of a file that define one of the names."""
    tree = ast.parse(open(path, encoding="utf-8").read())
    keep = []
    for node in tree.body:
        targets = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        if getattr(node, "name", None) in names or set(targets) & set(names):
            keep.append(node)
    return compile(ast.Module(keep, []), path, "exec")


def make_chunks(path, modules):
    parser = types.ModuleType("prompt_parser")
    parser.re = re
    exec(cut(os.path.join(modules, "prompt_parser.py"), {"re_attention", "re_break", "parse_prompt_attention"}),
         parser.__dict__)
    tree = ast.parse(open(os.path.join(modules, "sd_hijack_clip.py"), encoding="utf-8").read())
    functions = [f for c in tree.body if getattr(c, "name", "") == "FrozenCLIPEmbedderWithCustomWordsBase"
                 for f in c.body if getattr(f, "name", "") == "tokenize_line"]
    chunk = [c for c in tree.body if getattr(c, "name", "") == "PromptChunk"]
    space = {"prompt_parser": parser, "opts": types.SimpleNamespace(emphasis="Original", comma_padding_backtrack=20)}
    exec(compile(ast.Module(chunk + functions, []), "sd_hijack_clip.py", "exec"), space)
    t = clip_tokenizer(*vocabulary(path, 48894))
    db = types.SimpleNamespace(find_embedding_at_position=lambda tokens, at: (None, None))
    none = types.SimpleNamespace(embedding_db=db)
    me = types.SimpleNamespace(chunk_length=75, id_start=49406, id_end=49407, comma_token=t.get_vocab()[",</w>"],
                               hijack=none,
                               tokenize=lambda texts: [t(s, add_special_tokens=False)["input_ids"] for s in texts])
    rng = random.Random(7)
    marks = ["(", ")", "[", "]", ":1.3)", ":0.5)", ":.5)", ":-1)", ":+2.)", ":", ":1.2", "\\(", "\\)", "\\[", "\\]",
             "\\\\", "\\", "\\a", "BREAK",
             " BREAK ", "BREAKS", "_BREAK", "éBREAK", "\u3000BREAK\n", "((", "))", "a", "cat", " ", ", ", "中"]
    parse = ["", "normal text", "an (important) word", "(unbalanced", "\\(literal\\]", "(unnecessary)(parens)",
             "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", "a)b]c", "[[x]", "([x)]", "(a:1.2) (b:1.2)",
             "()", "a:b (c:d:1.1)",
             "x BREAK y", "BREAK", "BREAK BREAK", "(a BREAK b:1.2)", "(a BREAK b)", "[a\n\nBREAK\n\nb]",
             "trailing\\", "(x:1.5", "a:1.2)", "(a:-0.5)", "((((a))))"]
    parse += ["".join(rng.choice(marks) for _ in range(rng.randint(1, 14))) for _ in range(200)]
    words = ["cat", "red hair", "best quality", "supercalifragilistic", "1girl", "(sharp:1.4)", "[blurry]",
             "oil painting", "x", "very very long thing"]
    lines = list(parse[:24])
    for n in (30, 60, 74, 75, 76, 120, 151):
        lines += ["cat " * n, "cat, " * n, ",".join(["cat dog bird"] * n)[:4 * n], "cat " * (n - 1) + "," + " dog" * 12]
        lines += [", ".join(rng.choice(words) for _ in range(n // 2)),
                  " ".join(rng.choice(words + [","]) for _ in range(n)) + " BREAK " + "tail, " * (n % 7)]
    rows = []
    for line in lines:
        chunks, count = space["tokenize_line"](me, line)
        rows.append([line, count, [c.tokens for c in chunks], [c.multipliers for c in chunks]])
    # Runs of equal ids and weights are written as [value, times], so that the file stays small.
    pack = lambda row: [[v, len(list(g))] for v, g in itertools.groupby(row)]
    write("chunks.json", {"parse": [[s, parser.parse_prompt_attention(s)] for s in parse],
                          "lines": [[l, n, [pack(i) for i in ids], [pack(w) for w in weights]]
                                    for l, n, ids, weights in rows]})


# ---- unigram ----

RULES = {"ﬁ": "fi", "ﬀ": "ff", "½": "1⁄2", "…": "...", "\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ",
         "\r": " ", "\u200b": "", "㌔": "キロ", "カ\u3099": "ガ",
         "e\u0301": "é", "a\u0308": "ä", "１２": "twelve", "％": "%", "ﷺ": "صلى الله عليه وسلم",
         **{chr(c): chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)}}


def corpus():
    rng = random.Random(8)
    words = re.findall(r"\w+|[^\w\s]", open(os.path.join(ROOT, "LICENSE"), encoding="utf-8").read())[:1500]
    words += ["猫", "月亮", "一只猫", "坐在", "これは", "テスト", "Привет", "мир", "Größe", "café", "a photo of", "astronaut",
              "riding"] * 12
    return [" ".join(rng.choice(words) for _ in range(12)) for _ in range(700)]


def train(name, **options):
    import sentencepiece as spm
    out = io.BytesIO()
    args = dict(model_type="unigram", vocab_size=300, character_coverage=0.995, hard_vocab_limit=False,
                minloglevel=2, num_threads=1, pad_id=0,
                eos_id=1, bos_id=2, unk_id=3, max_sentence_length=4096)
    args.update(options)
    spm.SentencePieceTrainer.train(sentence_iterator=iter(corpus()), model_writer=out, **args)
    from sentencepiece import sentencepiece_model_pb2 as pb
    m = pb.ModelProto.FromString(out.getvalue())
    m.trainer_spec.ClearField("input")
    if name == "ties":  # all equal scores, so that every choice is one between equals
        for p in m.pieces:
            if p.type == 1:
                p.score = round(p.score / 2) * 1.1 if len(p.piece) > 1 else -4.4
    if name == "unused":
        for p in m.pieces[40:80:2]:
            p.type = 5 if p.type == 1 else p.type
    data = m.SerializeToString()
    with open(os.path.join(OUT, f"unigram_{name}.model"), "wb") as f:
        f.write(data)
    return spm.SentencePieceProcessor(model_proto=data), m


def make_unigram():
    rng = random.Random(9)
    with open("/tmp/rules.tsv", "w", encoding="utf-8") as f:
        for k, v in sorted(RULES.items()):
            f.write(" ".join(f"{ord(c):X}" for c in k) + "\t" + " ".join(f"{ord(c):X}" for c in v) + "\n")
    texts = [s for s in texts_for(rng, 40) if len(s) < 200]
    keys, lines = list(RULES), corpus()[:40]
    texts += ["".join(rng.choice([rng.choice(keys), rng.choice(lines)[:rng.randint(1, 30)], " ", "  ", "▁", "aaaa",
                                  "<unk>", "</s>", "<s>", "<ctl>", "<usr>", "uno dos"])
                      for _ in range(rng.randint(1, 12))) for _ in range(70)]
    rules = dict(normalization_rule_tsv="/tmp/rules.tsv")
    variants = {"rules": rules, "identity": dict(normalization_rule_name="identity"),
                "bytes": dict(rules, byte_fallback=True, vocab_size=520),
                "spaces": dict(rules, remove_extra_whitespaces=False, add_dummy_prefix=False),
                "suffix": dict(rules, treat_whitespace_as_suffix=True),
                "symbols": dict(rules, user_defined_symbols="<usr>,uno dos,１２x,aa", control_symbols="<ctl>"),
                "ties": dict(normalization_rule_name="identity"), "unused": rules}
    ids = {}
    for name, options in variants.items():
        sp, model = train(name, **options)
        ids[name] = [sp.encode(s) for s in texts]
        if name == "bytes":
            make_tokenizer_json(model, texts)
    bad = [[list(b), ids_of_bytes(b)] for b in (b"a\xffb", b"\xe4\xb8", b"caf\xc3", b"\xed\xa0\x80x", b"\xc0\xafa")]
    write("unigram.json", {"texts": texts, "ids": ids, "bytes": bad})


def ids_of_bytes(data):
    import sentencepiece as spm
    return spm.SentencePieceProcessor(model_file=os.path.join(OUT, "unigram_bytes.model")).encode(data)


def make_tokenizer_json(m, texts):
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in m.pieces], unk_id=3, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(m.normalizer_spec.precompiled_charsmap),
                                         normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in ("<pad>", "</s>", "<s>", "<unk>")])
    t.save(os.path.join(OUT, "unigram.tokenizer.json"), pretty=False)
    # Graphemes are normalised one by one there, special tokens are cut out, and a "▁" is taken for an added space:
    # only texts without these say what the model does.
    plain = [s for s in texts if not re.search("[\u0300-\u036f\u3099▁１]|</?s>|<unk>", s) and "\u200b" not in s]
    write("unigram_hf.json", {"texts": plain, "ids": [t.encode(s).ids for s in plain]})


def make_clean():
    from diffusers.pipelines.wan import pipeline_wan
    prompt_clean, fix_text = pipeline_wan.prompt_clean, pipeline_wan.ftfy.fix_text

    def repairs(s):  # whether ftfy takes a text for a wrongly decoded one, which Loam leaves alone
        pipeline_wan.ftfy.fix_text = lambda text: fix_text(text, fix_encoding=False)
        plain = prompt_clean(s)
        pipeline_wan.ftfy.fix_text = fix_text
        return plain != prompt_clean(s)

    rng = random.Random(10)
    marks = ["&amp;", "&lt;", "&gt;", "&amp;lt;", "&amp;amp;amp;", "&eacute;", "&eacute", "&notit;", "&notin;", "&",
             "&;", "&#", "&#x;", "&#65", "&#x41;", "&#0;", "&#128;",
             "&#x110000;", "&#55296;", "&#99999999999;", "&#1;", "&#xfffe;", "&#13;",
             "&CounterClockwiseContourIntegral;", "&ldquo;hi&rdquo;", "&nbsp;", "&NotAnEntity;",
             "“x”", "‘y’", " ", "\n", "\r\n", "\t", "\u2028", "\u3000", "word", "\x1b[31m", "\x07", "\x7f",
             "\ufeff", "1 < 2", "&ampx", "&hellip", "&fjlig;", "中文", "😀"]
    texts = ["", "  ", "plain", " a  b \n c "] + ["".join(rng.choice(marks) for _ in range(rng.randint(1, 9)))
                                                  for _ in range(300)]
    write("clean.json", [[s, prompt_clean(s)] for s in texts if not repairs(s)])


what, *rest = sys.argv[1:]
if what == "clip":
    make_clip(*rest)
elif what == "chunks":
    make_chunks(*rest)
else:
    make_unigram()
    make_clean()
