/* Chat templates: Jinja source from a model's file + messages -> the prompt, byte-equal with Python's Jinja2 under the
 * settings that Hugging Face's transformers uses (trim_blocks, lstrip_blocks, loop controls, raise_exception,
 * strftime_now, its own tojson). A template is hostile input: steps, depth and output are limited. */
#ifndef LOAM_TEXT_CHAT_TEMPLATE_H
#define LOAM_TEXT_CHAT_TEMPLATE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "format/json.h"

typedef struct loam_chat_template loam_chat_template;

/* Compiles source[0..len). Errors carry the template's line. Owned by the caller; immutable, usable from any thread. */
LOAM_CHECK_RESULT loam_status loam_chat_template_new(const char *source, size_t len, loam_chat_template **out,
                                                     loam_err *err);
void loam_chat_template_free(loam_chat_template *t);

/* Renders with the variables of the JSON object vars (borrowed): messages, add_generation_prompt, bos_token, eos_token,
 * tools, … Appends to out. raise_exception() in the template gives INVALID with its message. */
LOAM_CHECK_RESULT loam_status loam_chat_template_render(const loam_chat_template *t, const json_t *vars, loam_buf *out,
                                                        loam_err *err);

/* The same as if the clock showed `now` (seconds since 1970), which strftime_now() prints in local time: for prompts
 * that must come out the same tomorrow. */
LOAM_CHECK_RESULT loam_status loam_chat_template_render_at(const loam_chat_template *t, const json_t *vars, int64_t now,
                                                           loam_buf *out, loam_err *err);

#endif
