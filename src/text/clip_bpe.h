/* CLIP's tokenizer (Radford et al. 2021): Unicode's form NFC, lower case, words by CLIP's own pattern, byte-level BPE
 * whose words end in "</w>". The ids are those of Hugging Face's CLIPTokenizer, which diffusers uses.
 * Single-file checkpoints carry no vocabulary, so the one that all CLIP models share is part of the program
 * (data/clip_merges.py). Immutable after loading: any number of threads may use one at once. */
#ifndef LOAM_TEXT_CLIP_BPE_H
#define LOAM_TEXT_CLIP_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct loam_clip_bpe loam_clip_bpe;

/* The longest text that is tokenized. */
#define LOAM_CLIP_BPE_MAX_TEXT ((size_t)1 << 20)

/* The vocabulary of OpenAI's CLIP and of OpenCLIP: 49,408 tokens, BOS 49406, EOS 49407. *out is owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_clip_bpe_new(loam_clip_bpe **out, loam_err *err);
/* From the two files of a diffusers folder: vocab.json (token -> id) and merges.txt. Both texts are borrowed for the
 * call. The vocabulary must have "<|startoftext|>" and "<|endoftext|>". *out is owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_clip_bpe_parse(const char *vocab, size_t vocab_len, const char *merges,
                                                  size_t merges_len, loam_clip_bpe **out, loam_err *err);
/* From a tokenizer.json of Hugging Face's tokenizers. */
LOAM_CHECK_RESULT loam_status loam_clip_bpe_parse_json(const char *text, size_t len, loam_clip_bpe **out,
                                                       loam_err *err);
/* From a folder: vocab.json and merges.txt, or else tokenizer.json. NOT_FOUND when it has neither. */
LOAM_CHECK_RESULT loam_status loam_clip_bpe_open(const char *folder, loam_clip_bpe **out, loam_err *err);
/* NULL is allowed. */
void loam_clip_bpe_free(loam_clip_bpe *t);

/* Appends the ids of text[0..len), without BOS and EOS, to a malloc'd array: *ids (realloc'd, owned by the caller, may
 * start NULL) and *n_ids. Any bytes are allowed. "<|startoftext|>" and "<|endoftext|>" in the text become those tokens,
 * as they do in the reference. On failure both are as before. TOO_LARGE past LOAM_CLIP_BPE_MAX_TEXT. */
LOAM_CHECK_RESULT loam_status loam_clip_bpe_encode(const loam_clip_bpe *t, const char *text, size_t len, int32_t **ids,
                                                   size_t *n_ids, loam_err *err);
/* Fills ids[0..n), n ≥ 2, as diffusers does: BOS, at most n - 2 tokens of the text, EOS, and pad up to the end.
 * *n_used, which may be NULL, is the place after EOS. */
LOAM_CHECK_RESULT loam_status loam_clip_bpe_fill(const loam_clip_bpe *t, const char *text, size_t len, int32_t pad,
                                                 int32_t *ids, size_t n, size_t *n_used, loam_err *err);

size_t loam_clip_bpe_n_vocab(const loam_clip_bpe *t);
int32_t loam_clip_bpe_bos(const loam_clip_bpe *t);
int32_t loam_clip_bpe_eos(const loam_clip_bpe *t);
/* The token "," at the end of a word, or -1: where prompts longer than a chunk are cut. */
int32_t loam_clip_bpe_comma(const loam_clip_bpe *t);

#endif
