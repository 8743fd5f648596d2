"""What AUTOMATIC1111's web UI reads out of texts of how a picture was made, and how it writes settings.

    python generation_text.py stable-diffusion-webui/modules/infotext_utils.py

Writes ../picture/generation_text.json: cases of {"text", "prompt", "negative", "settings"} and "written", settings
with the line that its quoting makes of them. Only the reference's own parser and quoting run here: its file is given
by path and not part of this tree.
"""
import ast
import json
import os
import re
import sys
import types

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "picture", "generation_text.json")

TEXTS = [
    # the web UI, plain
    "girl with an artist's beret, determined, blue eyes, ((eyeshadow)), (coquettish:1.2), detailed\n"
    "Negative prompt: ugly, (((deformed))), [blurry], bad anatomy\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512, Model hash: 45dee52b",
    # 1.10, with what hires and adapters add
    "a lighthouse at dusk <lora:add_detail:0.6>\nNegative prompt: lowres\nSteps: 28, Sampler: DPM++ 2M, Schedule type: "
    "Karras, CFG scale: 6.5, Seed: 12345, Size: 832x1216, Model hash: 31e35c80fc, Model: sd_xl_base_1.0, Denoising "
    "strength: 0.45, Clip skip: 2, Hires Module 1: Use same choices, Hires upscale: 1.5, Hires steps: 10, Hires "
    'upscaler: 4x-UltraSharp, Lora hashes: "add_detail: 7c6bad76eb54, other: 0123456789ab", TI hashes: '
    '"EasyNegative: c74b4e810b03", Version: v1.10.1',
    # Forge
    "ein Wal über den Wolken, 雲の上\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG "
    "Scale: 3.5, Seed: 1, Size: 896x1152, Model hash: bea01d51bd, Model: flux1-dev-bnb-nf4-v2, Version: "
    "f2.0.1v1.10.1-previous-313-g8a042934, Module 1: ae, Module 2: clip_l, Module 3: t5xxl_fp16",
    # many lines, and quoted line breaks
    "first line,\n  second line  \n\nfourth line\nNegative prompt: one,\ntwo\n\nSteps: 4, Sampler: LCM, CFG scale: 1.5, "
    'Seed: 7, Size: 64x64, Hires prompt: "a, b\\nc: \\"d\\"", Hires negative prompt: "x: y", Version: v1.9.4',
    # wildcards and styles
    'a cat\nSteps: 9, Sampler: DDIM, CFG scale: 7, Seed: 3, Size: 512x768, Template: "a {cat|dog}, sitting", Negative '
    "Template: bad, Version: 1.6.0",
    # Windows line ends, blanks around
    "\r\n  a dog  \r\nNegative prompt:   cat  \r\nSteps: 5, Sampler: UniPC, CFG scale: 3, Seed: 9, Size: 512x512\r\n",
    # no settings
    "just a prompt, nothing else",
    "a prompt\nNegative prompt: and what not",
    "a prompt: with colon, and a second: one\nlast line: has, only two: here",
    "",
    "\n\n",
    # only settings; no prompt
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512",
    "Negative prompt: only this\nSteps: 20, Sampler: Euler a, CFG scale: 7",
    # the mark again, the mark inside a line
    "a\nNegative prompt: b\nNegative prompt: c\nSteps: 1, Sampler: x, Seed: 2",
    "a, Negative prompt: not at the start\nSteps: 1, Sampler: x, Seed: 2",
    # quoting that goes wrong
    'a\nSteps: 1, Sampler: "open, Seed: 2, Size: 8x8, Model: "a" b, Version: "x\\"y"',
    'a\nSteps: 1, Empty: , Sampler: "", Seed: 2, Path: C:/x/y, Time: 12:30:00, Note: "a\\u00e9\\ud83d\\udc0b"',
    'a\nSteps: 1, Odd: "\\q", Tail: "a",x: 1, yy: 2,Seed:3,Size:   9x9  , Model : m',
    # a prompt whose last line looks like settings
    "a menu: soup, main: fish, dessert: ice, tea: green",
    "Steps taken: none, and the sun: low, the sea: calm",
    # slashes and dashes in names, names with digits
    "a\nSteps: 1, Model/VAE: q, Eta-DDIM: 0.5, ControlNet 0: \"Module: canny, Model: control_v11p, Weight: 1\", RP "
    "Active: True, NGMS: 0.2",
    # ComfyUI savers, other capitals
    "a photo\nNegative prompt: \nSteps: 24, Sampler: Euler_a karras, CFG Scale: 4.0, Seed: 2366756367, Size: 640x980, "
    "Model hash: abc, Model: Generic, Lora hashes: \"\", Version: ComfyUI",
    # sd.cpp
    "a lovely cat\nNegative prompt: dog\nSteps: 20, CFG scale: 7.000000, Guidance: 3.500000, Eta: 0.000000, Seed: 42, "
    "Size: 512x512, Model: sd-v1-4.ckpt, RNG: cuda, Sampler: euler_a karras, Clip skip: 2, Version: "
    "stable-diffusion.cpp",
]

WRITTEN = [
    [("Steps", "20"), ("Sampler", "Euler a"), ("Schedule type", "Karras"), ("CFG scale", "7"), ("Seed", "1"),
     ("Size", "512x512"), ("Model", "x"), ("Version", "loam 1")],
    [("Lora hashes", "a: 1, b: 2"), ("Hires prompt", "one\ntwo"), ("Path", "C:\\models\\x"), ("Name", "größe, 雲 🐋")],
    [("Note", 'say "hi", twice'), ("Plain quote", 'it\'s "x"'), ("Tab", "a\tb, c")],
]


def reference(path):
    """quote and parse_generation_parameters up to the loop over the settings, without what the web UI adds then."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read())
    keep = []
    for node in tree.body:
        named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in (
            "re_param_code", "re_param", "re_imagesize")
        if named or isinstance(node, ast.FunctionDef) and node.name in ("quote", "unquote"):
            keep.append(node)
        if isinstance(node, ast.FunctionDef) and node.name == "parse_generation_parameters":
            last = next(i for i, s in enumerate(node.body)
                        if isinstance(s, ast.For) and "re_param.findall" in ast.unparse(s.iter))
            node.body = node.body[:last + 1] + [ast.Return(ast.Name("res", ast.Load()))]
            keep.append(node)
    module = ast.fix_missing_locations(ast.Module(keep, []))
    space = {"re": re, "json": json, "print": lambda *a: None,
             "shared": types.SimpleNamespace(opts=types.SimpleNamespace(infotext_styles="Ignore"))}
    exec(compile(module, path, "exec"), space)
    return space["parse_generation_parameters"], space["quote"]


def case(parse, text):
    found = parse(text)
    out = {"text": text, "prompt": found.pop("Prompt"), "negative": found.pop("Negative prompt"), "settings": {}}
    for key, value in found.items():
        if key.endswith("-1") and key[:-2] + "-2" in found:
            out["settings"][key[:-2]] = value + "x" + found[key[:-2] + "-2"]
        elif not (key.endswith("-2") and key[:-2] + "-1" in found):
            out["settings"][key] = value
    return out


def main():
    parse, quote = reference(sys.argv[1])
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    written = [{"settings": s, "line": ", ".join(f"{k}: {quote(v)}" for k, v in s)} for s in WRITTEN]
    with open(OUT, "w", encoding="utf-8") as f:
        json.dump({"read": [case(parse, t) for t in TEXTS], "written": written}, f, ensure_ascii=False, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
