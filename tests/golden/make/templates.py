"""Golden renderings of chat templates, made with Python's Jinja2 exactly as Hugging Face's transformers set it up
(transformers.utils.chat_template_utils, 5.24). Writes beside itself, in ../template/:
    cases.json    variables, small templates and what they print, or the message of the error
    models.json   conversations, and what the templates of released models make of them
    smollm2.jinja the template that the default model carries (with --gguf FILE)
The models' templates are read from a folder (../../../../shared/data/chat-templates) and not copied.

    python3 tests/golden/make/templates.py [--gguf model.gguf]        needs: jinja2 (3.1.6), gguf
"""
import argparse
import json
import os
import pathlib
import sys
from datetime import datetime, timezone

import jinja2
import jinja2.ext
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

sys.path.insert(0, os.path.dirname(__file__))
from template_cases import VARS, cases  # noqa: E402
from template_conversations import conversations  # noqa: E402

NOW = 1785067200  # 2026-07-26 12:00:00 UTC
HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / "template"
TEMPLATES = HERE.parents[3] / "shared" / "data" / "chat-templates"


def environment():
    class AssistantTracker(Extension):
        tags = {"generation"}

        def parse(self, parser):
            lineno = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_generation_support"), [], [], body).set_lineno(lineno)

        @jinja2.pass_eval_context
        def _generation_support(self, context, caller):
            return caller()

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def strftime_now(format):
        return datetime.fromtimestamp(NOW, timezone.utc).strftime(format)

    class TemplateDict:
        def __call__(self, *args, **kwargs):
            return dict(*args, **kwargs)

        def fromkeys(self, *args, **kwargs):
            return dict.fromkeys(*args, **kwargs)

    class TemplateNamespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            self, args = args[0], args[1:]
            attrs = dict(*args, **kwargs)
            for name in attrs:
                TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__init__(self, attrs)

        def __setitem__(self, name, value):
            TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def _check_name(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(
                    f"Chat templates cannot store underscore-prefixed attributes on a namespace, but got {name!r}. "
                    "Please rename the attribute."
                )

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[AssistantTracker, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    env.globals["dict"] = TemplateDict()
    env.globals["namespace"] = TemplateNamespace
    return env


ENV = environment()


def render(source, variables):
    """{"out": text} or {"error": message}; "plain" says that raise_exception made the message."""
    try:
        return {"out": ENV.from_string(source).render(**variables)}
    except Exception as e:
        return {"error": str(e), "plain": type(e) is jinja2.exceptions.TemplateError}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", help="a model file whose template is written to smollm2.jinja")
    args = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    if args.gguf:
        import gguf

        field = gguf.GGUFReader(args.gguf).get_field("tokenizer.chat_template")
        (OUT / "smollm2.jinja").write_text(field.contents(), encoding="utf-8", newline="")
    rows = [{"template": source, **render(source, VARS)} for source in cases()]
    rows = [r for r in rows if " at 0x" not in r.get("out", "") + r.get("error", "")]  # addresses
    with open(OUT / "cases.json", "w", encoding="utf-8") as f:
        f.write('{"now": %d,\n"vars": %s,\n"cases": [\n' % (NOW, json.dumps(VARS, ensure_ascii=False)))
        f.write(",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]}\n")
    errors = sum("error" in r for r in rows)
    print(f"{len(rows)} cases, {errors} of them errors")

    talks = conversations()
    sources = {"smollm2.jinja": OUT / "smollm2.jinja"}
    sources.update({p.name: p for p in sorted(TEMPLATES.glob("*.jinja"))})
    models = {}
    for name, path in sources.items():
        source = path.read_text(encoding="utf-8")
        results = [render(source, t["vars"]) for t in talks]
        models[name] = results
        print(f"{name}: {sum('out' in r for r in results)} rendered, {sum('error' in r for r in results)} errors")
    with open(OUT / "models.json", "w", encoding="utf-8") as f:
        f.write('{"now": %d,\n"conversations": [\n' % NOW)
        f.write(",\n".join(json.dumps(t, ensure_ascii=False) for t in talks))
        f.write('\n],\n"models": {\n')
        f.write(",\n".join(
            json.dumps(n) + ": [\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rs) + "\n]"
            for n, rs in models.items()))
        f.write("\n}}\n")


if __name__ == "__main__":
    main()
