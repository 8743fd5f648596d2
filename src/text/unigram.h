/* SentencePiece's unigram tokenizer (Kudo 2018), as T5 and Wan's text encoder UMT5 use it: a text is normalised by a
 * table of the model's file, spaces become "▁", and of all ways to write it as pieces the one with the highest sum of
 * scores is taken. Immutable after loading: any number of threads may use one at once. */
#ifndef LOAM_TEXT_UNIGRAM_H
#define LOAM_TEXT_UNIGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct loam_unigram loam_unigram;

/* The longest text, before and after it is normalised, in bytes. */
#define LOAM_UNIGRAM_MAX_TEXT ((size_t)1 << 18)

/* A vocabulary as plain arrays, for files that other rooms read (GGUF: tokenizer.ggml.tokens, scores, token_type,
 * precompiled_charsmap, add_space_prefix, remove_extra_whitespaces). Start with LOAM_UNIGRAM_TABLES_INIT. */
typedef struct loam_unigram_tables {
    size_t n;                  /* pieces */
    const char *const *pieces; /* [n], need not end with a NUL */
    const size_t *lens;        /* [n] bytes */
    const double *scores;      /* [n] */
    const uint8_t *types; /* [n] 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; NULL: all normal */
    const void *charsmap; /* SentencePiece's precompiled map of characters; NULL: none */
    size_t charsmap_len;
    int32_t unk, bos, eos, pad; /* -1: none; unk is needed */
    bool add_dummy_prefix;      /* a space before the text */
    bool remove_extra_spaces;   /* at both ends, and runs become one */
    bool escape_spaces;         /* as "▁" */
    bool space_as_suffix;       /* the added space follows the text */
    bool byte_fallback;         /* unknown characters become the tokens of their bytes, "<0x41>" */
    bool double_scores;         /* sums as Hugging Face's tokenizers make them, not SentencePiece: ties may differ */
    bool last_wins;             /* the later of two equal pieces is taken; else they are CORRUPT */
} loam_unigram_tables;

#define LOAM_UNIGRAM_TABLES_INIT                                                                        \
    {                                                                                                   \
        .unk = 2, .bos = -1, .eos = 1, .pad = 0, .add_dummy_prefix = true, .remove_extra_spaces = true, \
        .escape_spaces = true                                                                           \
    }

/* Copies what it needs of the tables. *out is owned by the caller. Tables that lie are CORRUPT. */
LOAM_CHECK_RESULT loam_status loam_unigram_new(const loam_unigram_tables *tables, loam_unigram **out, loam_err *err);
/* From SentencePiece's own file (spiece.model, tokenizer.model: protobuf). UNSUPPORTED when it is not a unigram. */
LOAM_CHECK_RESULT loam_status loam_unigram_parse_model(const void *data, size_t len, loam_unigram **out, loam_err *err);
/* From a tokenizer.json of Hugging Face's tokenizers whose model is a Unigram. Normalisers that SentencePiece does not
 * know are UNSUPPORTED and named. */
LOAM_CHECK_RESULT loam_status loam_unigram_parse_json(const char *text, size_t len, loam_unigram **out, loam_err *err);
/* From a folder with spiece.model, tokenizer.model or tokenizer.json, in this order, or one of these files itself. */
LOAM_CHECK_RESULT loam_status loam_unigram_open(const char *path, loam_unigram **out, loam_err *err);
/* NULL is allowed. */
void loam_unigram_free(loam_unigram *t);

/* Appends the ids of text[0..len), without BOS and EOS, to a malloc'd array: *ids (realloc'd, owned by the caller, may
 * start NULL) and *n_ids. Any bytes are allowed: those that are not UTF-8 count as U+FFFD. Control tokens cannot be
 * written in a text. On failure *n_ids is as before. TOO_LARGE past LOAM_UNIGRAM_MAX_TEXT. */
LOAM_CHECK_RESULT loam_status loam_unigram_encode(const loam_unigram *t, const char *text, size_t len, int32_t **ids,
                                                  size_t *n_ids, loam_err *err);
/* Fills ids[0..n), n ≥ 1: at most n - 1 tokens of the text, EOS, and the pad token (0 when there is none) up to the
 * end. *n_used is the place after EOS: what the mask of the text encoder covers. */
LOAM_CHECK_RESULT loam_status loam_unigram_fill(const loam_unigram *t, const char *text, size_t len, int32_t *ids,
                                                size_t n, size_t *n_used, loam_err *err);

size_t loam_unigram_n_vocab(const loam_unigram *t);
/* -1 when there is none. */
int32_t loam_unigram_unk(const loam_unigram *t);
int32_t loam_unigram_bos(const loam_unigram *t);
int32_t loam_unigram_eos(const loam_unigram *t);
int32_t loam_unigram_pad(const loam_unigram *t);

/* Cleans a prompt as Wan does before it is tokenized: ftfy.fix_text, HTML entities twice, white space made single and
 * cut off at both ends. Of ftfy there are: entities in a text without "<", terminal escapes, straight quotes, line
 * breaks, control characters. Left out are the repair of wrongly decoded text, and ligatures, full-width characters and
 * form NFC, which the character map of UMT5 settles. Appends to out; TOO_LARGE when it does not fit. */
LOAM_CHECK_RESULT loam_status loam_unigram_clean(const char *text, size_t len, loam_buf *out, loam_err *err);

#endif
