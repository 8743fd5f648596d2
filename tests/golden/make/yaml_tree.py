#!/usr/bin/env python3
"""Writes what PyYAML's own (pure Python) composer makes of a YAML file, a line for each node: the golden file of
tests/format/test_yaml.c.

    python3 tests/golden/make/yaml_tree.py tests/golden/yaml/tree.yaml > tests/golden/yaml/tree.txt
"""
import sys

import yaml


def show(node, depth, key=None):
    mark = f"{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    name = f"{key.value} (line {key.start_mark.line + 1}): " if key is not None else ""
    head = f"{'  ' * depth}{mark} {name}"
    if isinstance(node, yaml.ScalarNode):
        quoted = node.style is not None
        if not quoted and node.value in ("", "~", "null"):
            print(head + "null")
        else:
            text = "".join(c if 32 < ord(c) < 127 and c != "\\" else "".join(f"\\x{b:02x}" for b in c.encode())
                           for c in node.value)
            print(head + ("quoted " if quoted else "plain ") + text)
    elif isinstance(node, yaml.SequenceNode):
        print(f"{head}list of {len(node.value)}")
        for item in node.value:
            show(item, depth + 1)
    else:
        print(f"{head}map of {len(node.value)}")
        for k, v in node.value:
            show(v, depth + 1, k)


with open(sys.argv[1], encoding="utf-8") as f:
    show(yaml.compose(f, Loader=yaml.SafeLoader), 0)
