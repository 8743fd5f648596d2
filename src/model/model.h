/* A loaded language model: weights in the kernels' layout, the planned graph, and the KV cache of its sequences.
 * One thread uses a model at a time (the engine's); it runs on the pool that the model owns. */
#ifndef LOAM_MODEL_MODEL_H
#define LOAM_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "format/gguf.h"

typedef struct loam_model loam_model;

typedef struct loam_model_options {
    int n_threads;    /* 0: one per processor */
    int n_seqs;       /* sequences (slots) with a KV cache of their own, ≥ 1 */
    int n_ctx;        /* tokens each sequence may hold; 0: what the model was trained for, at most 8192 */
    int n_batch;      /* most tokens in one step, ≥ 1; 0: 512 */
    bool keep_hidden; /* loam_model_hidden works (tests) */
} loam_model_options;

typedef struct loam_model_info {
    const char *arch; /* "llama" */
    const char *name; /* general.name, or the file's name */
    const char *type; /* the quantisation that most weights have: "Q4_1" */
    int64_t n_params;
    size_t weight_bytes; /* of all weights in memory */
    size_t step_bytes;   /* weights read to generate one token */
    int n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_vocab;
    int n_ctx_train, n_ctx, n_seqs, n_batch, n_threads;
} loam_model_info;

/* Opens a GGUF file and brings its weights into the kernels' layout. Unknown architectures, types and missing or
 * misshapen tensors are errors that name them. Owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_model_open(const char *path, const loam_model_options *options, loam_model **out,
                                              loam_err *err);
void loam_model_close(loam_model *m);
/* Borrowed until close. */
const loam_model_info *loam_model_get_info(const loam_model *m);
const loam_gguf *loam_model_gguf(const loam_model *m);

/* Consecutive tokens of one sequence: they stand at positions pos, pos+1, … and see all earlier positions of seq, which
 * must have been computed (pos ≤ what seq holds). Writing at a position replaces it: going back to a shorter prefix
 * needs no call, just a smaller pos. */
typedef struct loam_model_span {
    int seq;
    int pos;
    int n_tokens;
    const int32_t *tokens;
    bool want_logits;     /* of the last token of the span */
    bool want_all_logits; /* of every token (perplexity); the rows follow one another */
} loam_model_span;

/* Runs one step over spans of different sequences, n_tokens in total ≤ n_batch. *logits is [rows, n_vocab] f32, one row
 * per wanted token in the order of the spans, borrowed until the next step. Each row has the same bits whatever else
 * is in the step and whatever the number of threads. INVALID for bad ids, positions or sizes. */
LOAM_CHECK_RESULT loam_status loam_model_step(loam_model *m, const loam_model_span *spans, int n_spans,
                                              const float **logits, loam_err *err);

/* With keep_hidden: the residual stream [n_tokens of the step, n_embd] after a layer, of the last step (after the last
 * layer: only the rows whose logits were wanted). Borrowed until the next step. */
const float *loam_model_hidden(loam_model *m, int layer);

/* Copies the first n positions of the KV cache of sequence `from` to `to`. */
void loam_model_copy_prefix(loam_model *m, int from, int to, int n);

#endif
