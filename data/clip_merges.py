#!/usr/bin/env python3
"""Makes data/clip_merges.bin, the vocabulary of CLIP's tokenizer, from OpenAI's list of merges.

    pip download --no-deps open-clip-torch && unzip open_clip_torch-*.whl open_clip/bpe_simple_vocab_16e6.txt.gz
    python3 data/clip_merges.py open_clip/bpe_simple_vocab_16e6.txt.gz

The list comes from CLIP (Radford et al. 2021), MIT licence, Copyright (c) 2021 OpenAI: data/clip_merges.licence.txt.
Of its 262,144 lines CLIP uses the first 48,894. Written are two little-endian u16 for each: the ids of the left and the
right token. Ids follow from the order: 256 bytes, the same with "</w>", then the merges (src/text/clip_bpe.h).
"""
import gzip
import os
import struct
import sys

N_MERGES = 49152 - 256 - 2


def byte_characters():
    """The character that the list writes for each byte, in the order of the vocabulary: printable bytes first."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def main():
    lines = gzip.open(sys.argv[1]).read().decode("utf-8").split("\n")[1 : N_MERGES + 1]
    tokens = byte_characters()
    tokens += [c + "</w>" for c in tokens]
    ids = {t: i for i, t in enumerate(tokens)}
    out = bytearray()
    for line in lines:
        left, right = line.split()
        out += struct.pack("<HH", ids[left], ids[right])
        assert left + right not in ids
        ids[left + right] = len(ids)
    assert len(ids) == 49406
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "clip_merges.bin"), "wb") as f:
        f.write(out)


main()
