/* Writes GGUF files for tests, laid out by hand after docs/gguf.md of ggml-org/ggml. */
#ifndef LOAM_TESTS_SERVICE_GGUF_WRITER_H
#define LOAM_TESTS_SERVICE_GGUF_WRITER_H

#include <stdbool.h>

/* A small valid file with awkward metadata and two tensors. */
void write_gguf(const char *path);

/* A vocabulary of bytes (id = byte; no merges, so that ids can be told by hand) and these control tokens. */
enum { VOCAB_BOS = 256, VOCAB_IM_START, VOCAB_IM_END, VOCAB_COUNT };
/* "<s>", "<|im_start|>", "<|im_end|>" */
extern const char *const vocab_controls[3];
/* template NULL: none. */
void write_vocab_gguf(const char *path, const char *chat_template, bool add_bos);

#endif
