/* Tokenizers: text <-> token ids, from the tokenizer.ggml.* keys of a GGUF file. Byte-level BPE ("gpt2") with the
 * pre-tokenizers of gpt-2, llama-3 (llama-bpe), qwen2, smollm, deepseek-coder, mpt … and SentencePiece BPE ("llama").
 * A tokenizer is immutable after loading: any number of threads may use it at once. */
#ifndef LOAM_TEXT_TOKENIZER_H
#define LOAM_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "format/gguf.h"

typedef struct loam_tokenizer loam_tokenizer;

/* Builds the tokenizer that g describes; copies what it needs, g may be closed afterwards. Owned by the caller.
 * Unknown tokenizer models or pre-tokenizers are UNSUPPORTED and named; lying tables are CORRUPT. */
LOAM_CHECK_RESULT loam_status loam_tokenizer_new(const loam_gguf *g, loam_tokenizer **out, loam_err *err);
void loam_tokenizer_free(loam_tokenizer *t);

/* Appends the ids of text[0..len) (any bytes; invalid UTF-8 falls back to bytes) to a malloc'd array: *ids (realloc'd,
 * owned by the caller, may start NULL) and *n_ids.
 * parse_special: text such as "<|im_start|>" becomes the control token (for rendered chat templates); without it, user
 * text can never make a control token. add_bos_eos: add BOS/EOS where the model's file asks for it. */
LOAM_CHECK_RESULT loam_status loam_tokenizer_encode(const loam_tokenizer *t, const char *text, size_t len,
                                                    bool parse_special, bool add_bos_eos, int32_t **ids, size_t *n_ids,
                                                    loam_err *err);

/* The bytes that a token stands for, as generation appends them (a SentencePiece "▁" is a space; a byte token is its
 * byte; control tokens give nothing unless show_special). Borrowed from t; *len may be 0. An id out of range gives 0.
 */
const char *loam_tokenizer_piece(const loam_tokenizer *t, int32_t id, bool show_special, size_t *len);

/* Decodes ids to text as Hugging Face's decode would with special tokens kept or dropped, but for bytes that are not
 * UTF-8, which stay as they are. False when out of memory. */
bool loam_tokenizer_decode(const loam_tokenizer *t, const int32_t *ids, size_t n, bool show_special, loam_buf *out);

size_t loam_tokenizer_n_vocab(const loam_tokenizer *t);
/* -1 when the model has none. */
int32_t loam_tokenizer_bos(const loam_tokenizer *t);
int32_t loam_tokenizer_eos(const loam_tokenizer *t);
/* Whether generation ends at this token: EOS, EOT, and the turn-end tokens of known chat formats (<|im_end|>,
 * <|eot_id|>, <end_of_turn> …). */
bool loam_tokenizer_is_end(const loam_tokenizer *t, int32_t id);
/* Control (special) token. */
bool loam_tokenizer_is_control(const loam_tokenizer *t, int32_t id);
/* The id whose exact text is `text`, or -1. */
int32_t loam_tokenizer_find(const loam_tokenizer *t, const char *text);
/* The vocabulary's own text of BOS / EOS ("<|im_end|>"), for chat templates; "" when there is none. Borrowed. */
const char *loam_tokenizer_text(const loam_tokenizer *t, int32_t id);

#endif
