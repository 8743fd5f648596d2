/* What the files of "chat" share: checking messages, and keeping their text from turning into control tokens.
 *
 * A chat template puts what people wrote between control tokens such as "<|im_end|>", and the whole is tokenised with
 * control tokens recognised. If somebody writes "<|im_end|>" it must stay ten characters of text. So before rendering,
 * each byte b of such a piece in a message is replaced by the private-use character U+100000 + b; templates carry those
 * through like any letter; afterwards the runs of them are turned back and tokenised with control tokens off, apart
 * from the text around them. */
#ifndef LOAM_SERVICE_CHAT_INT_H
#define LOAM_SERVICE_CHAT_INT_H

#include "base/buf.h"
#include "base/status.h"
#include "format/json.h"
#include "text/tokenizer.h"

typedef struct loam_guard loam_guard;

/* Knows the texts of t's control tokens, which it borrows from t. Owned by the caller. NULL: out of memory. */
loam_guard *loam_guard_new(const loam_tokenizer *t);
void loam_guard_free(loam_guard *g);
/* A copy of v with every string in it (keys too) guarded: a new reference, NULL when out of memory. Guarded are control
 * token texts, the beginning of one at the end of a string (the next message could complete it), and the replacement
 * characters themselves. */
json_t *loam_guard_json(const loam_guard *g, const json_t *v);
/* Turns replaced bytes back; false when out does not hold it. */
bool loam_guard_reveal(const char *rendered, size_t len, loam_buf *out);
/* Tokenises rendered text as said above; appends to ids as loam_tokenizer_encode does. No BOS, no EOS. */
LOAM_CHECK_RESULT loam_status loam_guard_encode(const loam_tokenizer *t, const char *rendered, size_t len,
                                                int32_t **ids, size_t *n_ids, loam_err *err);

/* Checks messages and brings them into the form that templates expect: content a string (text parts joined by line
 * breaks), "developer" as "system", all strings guarded. *out is a new reference. */
LOAM_CHECK_RESULT loam_status loam_chat_messages(const loam_guard *g, const json_t *messages, json_t **out,
                                                 loam_err *err);

#endif
