/* A stand-in for the model: the functions of service/chat.h, gen/engine.h, gen/sampler.h and text/tokenizer.h that
 * http/ uses, without weights. A token is a byte. The answer follows from the last user message:
 *
 *     "seed"                the seed, in decimal
 *     "params"              the request's parameters as "name=value" words
 *     "words:N"             N words "w0 w1 …"
 *     anything else         the message itself
 *
 * One word is one event and one token. Later words of the message steer: "delay:MS" before each word, "read:MS" for
 * reading the prompt, "fail:K" to fail after K words. Jobs advance while they are waited for, which is enough for a
 * server. */
#ifndef LOAM_TESTS_HTTP_FAKE_CHAT_H
#define LOAM_TESTS_HTTP_FAKE_CHAT_H

#include "service/chat.h"

loam_chat *fake_chat_new(int n_slots, int n_ctx, int max_queue);
void fake_chat_free(loam_chat *c);
/* Jobs that were submitted and not given back. */
int fake_chat_n_held(loam_chat *c);

#endif
