#!/bin/sh
# Puts a public-domain English text for perplexity comparisons at FOLDER/text.txt: "The Adventures of Sherlock Holmes"
# (1892), about 150,000 SmolLM2 tokens. It comes out of a Debian package that has it as test data, so that no other
# source than the package mirror is needed; nothing is installed. Needs apt-get and dpkg-deb.
#
#     bench/perplexity-text.sh FOLDER
set -eu

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
package=golang-github-pierrec-lz4-dev
member=usr/share/gocode/src/github.com/pierrec/lz4/testdata/pg1661.txt

mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # as root, apt-get downloads as the user _apt where it can
(cd "$work" && apt-get -q download "$package" && dpkg-deb -x ./*.deb tree) >&2

# Only the book: without the distributor's notes before and after it, and with plain line ends.
tr -d '\r' <"$work/tree/$member" |
    sed -n '/^THE ADVENTURES OF SHERLOCK HOLMES/,/^End of the Project Gutenberg/p' | sed '$d' |
    sed 's/[ \t]*$//' >"$work/text.txt"
words=$(wc -w <"$work/text.txt")
if [ "$words" -lt 90000 ]; then
    echo "$0: $package no longer holds the whole text ($words words)" >&2
    exit 1
fi
cp "$work/text.txt" "$folder/text.txt"
echo "$folder/text.txt"
