/* Prompts of pictures in the syntax of AUTOMATIC1111's web UI, so that a prompt copied with a picture gives the same
 * tokens here: weights in brackets, BREAK, <lora:NAME:WEIGHT>, and texts longer than the 75 tokens that CLIP reads.
 *
 *   prompt ── loam_prompt_extract ── text without <…> ── loam_prompt_encode ── chunks of 77 ids with weights
 *                     └ the LoRAs                            (loam_prompt_parse: runs of one weight)
 *
 *   (x) ×1.1   [x] /1.1   (x:1.3) ×1.3   \( \) \[ \] \\ the character itself   BREAK fills the chunk up
 */
#ifndef LOAM_TEXT_PROMPT_H
#define LOAM_TEXT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "text/clip_bpe.h"

/* CLIP reads 77 tokens at once: BOS, 75 of the prompt, EOS. */
#define LOAM_PROMPT_CHUNK 77
#define LOAM_PROMPT_CHUNK_TEXT 75
/* More than any prompt that people write; each chunk costs a run of the text encoder. */
#define LOAM_PROMPT_MAX_CHUNKS 64
/* Bytes of a prompt. */
#define LOAM_PROMPT_MAX_TEXT ((size_t)1 << 16)

/* ---- <lora:NAME:WEIGHT> ---- */

typedef struct loam_prompt_lora {
    char *name;   /* owned by the list */
    float weight; /* 1 when the prompt gives none; of <lora:NAME:TEXT:UNET> the first */
} loam_prompt_lora;

typedef struct loam_prompt_loras {
    loam_prompt_lora *at;
    size_t n;
} loam_prompt_loras;

/* Appends the prompt without its <…> to text and its LoRAs, in their order, to loras ({0} to begin with; free with
 * loam_prompt_loras_deinit, also after a failure). "<lyco:" means the same as "<lora:". INVALID, with a sentence for
 * the user, for other networks (<hypernet:…>) and weights that are no numbers. */
LOAM_CHECK_RESULT loam_status loam_prompt_extract(const char *prompt, size_t len, loam_buf *text,
                                                  loam_prompt_loras *loras, loam_err *err);
void loam_prompt_loras_deinit(loam_prompt_loras *loras);

/* ---- weights ---- */

/* A run of one weight. */
typedef struct loam_prompt_part {
    const char *text; /* in loam_prompt_parts.bytes; not NUL-terminated */
    size_t len;
    double weight;
} loam_prompt_part;

typedef struct loam_prompt_parts {
    loam_prompt_part *at; /* owned */
    size_t n;             /* at least 1 */
    char *bytes;          /* owned */
} loam_prompt_parts;

/* What the web UI's parse_prompt_attention gives, to the last bit of the weights: brackets that are not closed weigh up
 * to the end, ones that were not opened are text, a backslash before anything else vanishes. BREAK is a part of weight
 * -1 (loam_prompt_is_break); inside brackets it gets another weight and is a word like others, as it is there.
 * INVALID when the weight of (x:1.2.3) is no number, TOO_LARGE past LOAM_PROMPT_MAX_TEXT. Free with
 * loam_prompt_parts_deinit. */
LOAM_CHECK_RESULT loam_status loam_prompt_parse(const char *text, size_t len, loam_prompt_parts *out, loam_err *err);
void loam_prompt_parts_deinit(loam_prompt_parts *p);
bool loam_prompt_is_break(const loam_prompt_part *part);

/* ---- chunks ---- */

typedef struct loam_prompt_chunks {
    size_t n_chunks;
    int32_t *ids;    /* [n_chunks, LOAM_PROMPT_CHUNK], owned */
    float *weights;  /* [n_chunks, LOAM_PROMPT_CHUNK], owned; 1 for BOS, EOS and padding */
    size_t n_tokens; /* of the prompt, as the web UI counts them: whole chunks but for the last one */
    int32_t bos, eos;
} loam_prompt_chunks;

/* Parses and tokenizes text[0..len) and cuts it into chunks of 75 tokens, each within BOS and EOS and filled up with
 * EOS; at least one chunk. Where a chunk is full and one of its last 20 tokens is a comma, what follows that comma
 * moves into the next chunk. TOO_LARGE past LOAM_PROMPT_MAX_CHUNKS. Free with loam_prompt_chunks_deinit. */
LOAM_CHECK_RESULT loam_status loam_prompt_encode(const loam_clip_bpe *t, const char *text, size_t len,
                                                 loam_prompt_chunks *out, loam_err *err);
void loam_prompt_chunks_deinit(loam_prompt_chunks *c);

/* Appends empty chunks to c until it has n_chunks (which may be fewer than it has: then nothing happens): the positive
 * and the negative prompt must be of equal length. Call before loam_prompt_pad. */
LOAM_CHECK_RESULT loam_status loam_prompt_extend(loam_prompt_chunks *c, size_t n_chunks, loam_err *err);

/* Replaces what follows the first EOS of each chunk by pad: EOS itself for CLIP-L, 0 for OpenCLIP's encoders. Writes to
 * ids[n_chunks * LOAM_PROMPT_CHUNK], which may be c->ids; two encoders may take their own copies. Never fails. */
void loam_prompt_pad(const loam_prompt_chunks *c, int32_t pad, int32_t *ids);

/* Weighs what the text encoder made of one chunk, in place: emb[i, :] *= weights[i], then everything by one factor so
 * that the mean over all of it is as before (the web UI's "original" emphasis). Does nothing when all weights are 1,
 * and leaves the factor out when the new mean is 0. emb      [n_tokens, dim] f32 weights  [n_tokens] Never fails. */
void loam_prompt_weight(float *emb, const float *weights, size_t n_tokens, size_t dim);

#endif
