/* Log-probabilities in the two shapes that OpenAI has: a list of objects for chat, four parallel lists for plain
 * completions. */
#ifndef LOAM_HTTP_LOGPROBS_H
#define LOAM_HTTP_LOGPROBS_H

#include "base/buf.h"
#include "service/chat.h"

/* Collects the tokens of one reply, or of one chunk of a stream. */
typedef struct loam_http_logprobs {
    const loam_tokenizer *tokenizer; /* borrowed */
    bool chat;
    int n_top;
    size_t n;
    size_t text_offset;                   /* in characters; goes on from chunk to chunk */
    loam_buf content;                     /* chat */
    loam_buf tokens, values, top, places; /* plain */
} loam_http_logprobs;

void loam_http_logprobs_init(loam_http_logprobs *l, const loam_tokenizer *t, bool chat, int n_top, size_t max_bytes);
void loam_http_logprobs_deinit(loam_http_logprobs *l);
void loam_http_logprobs_add(loam_http_logprobs *l, const loam_logprobs *entries, int n);
/* Appends the JSON value of what was added since the last call ("null" when nothing was) and empties the collection. */
void loam_http_logprobs_flush(loam_http_logprobs *l, loam_buf *out);

#endif
