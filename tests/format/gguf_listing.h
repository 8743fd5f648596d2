/* A whole GGUF file as text, the same as tests/golden/make/format.py makes with the reference reader. */
#ifndef GGUF_LISTING_H
#define GGUF_LISTING_H

#include "base/buf.h"
#include "format/gguf.h"

void list_gguf(const loam_gguf *g, loam_buf *b);

#endif
