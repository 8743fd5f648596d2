/* A model that one can talk to: engine + chat template. What http and cli use; it brings the engine's jobs and JSON
 * values with it. Usable from any thread. */
#ifndef LOAM_SERVICE_CHAT_H
#define LOAM_SERVICE_CHAT_H

#include "base/buf.h"
#include "base/status.h"
#include "format/json.h"
#include "gen/engine.h"

typedef struct loam_chat loam_chat;

/* Opens a model by path, or by the name of an installed one ("smollm2"). Owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_chat_open(const char *path_or_name, const loam_engine_options *options,
                                             loam_chat **out, loam_err *err);
/* No job may be held by then. */
void loam_chat_close(loam_chat *c);
/* The id under /v1/models, e.g. "SmolLM2-135M-Instruct.Q4_1". Borrowed. */
const char *loam_chat_model_id(const loam_chat *c);
loam_engine *loam_chat_engine(loam_chat *c);

/* Renders messages (JSON array of {role, content}; content a string or OpenAI's array of text parts) with the model's
 * template, generation prompt added; vars (object or NULL) adds template variables. Unknown roles and shapes are
 * INVALID. */
LOAM_CHECK_RESULT loam_status loam_chat_render(loam_chat *c, const json_t *messages, const json_t *vars, loam_buf *out,
                                               loam_err *err);
/* Renders, tokenises and queues. r's prompt fields are ignored. Too long a prompt: INVALID, with both numbers. */
LOAM_CHECK_RESULT loam_status loam_chat_submit(loam_chat *c, const json_t *messages, const json_t *vars,
                                               const loam_job_request *r, loam_job **out, loam_err *err);
/* Plain completion of text; BOS where the model wants it. parse_special as in the tokenizer. */
LOAM_CHECK_RESULT loam_status loam_chat_complete(loam_chat *c, const char *text, size_t len, bool parse_special,
                                                 const loam_job_request *r, loam_job **out, loam_err *err);
/* A seed for users who gave none, from the system's random numbers. */
uint64_t loam_chat_random_seed(void);

#endif
