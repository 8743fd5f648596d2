/* One answer of the model: asked with the conversation so far, shown as it comes, ended by Ctrl-C. */
#ifndef LOAM_CLI_ANSWER_H
#define LOAM_CLI_ANSWER_H

#include <stdio.h>

#include "service/chat.h"

typedef struct loam_answer {
    loam_buf text; /* owned: loam_answer_deinit */
    loam_finish finish;
    loam_usage usage;
} loam_answer;

/* messages is borrowed. Each piece goes to `to` at once (NULL: nowhere); on a terminal control characters that the
 * model makes up are left out. An interrupt (cli/interrupt.h) ends it: that is LOAM_OK with LOAM_FINISH_CANCELLED. out
 * is initialised here, also on failure. */
LOAM_CHECK_RESULT loam_status loam_answer_run(loam_chat *chat, const json_t *messages, const loam_job_request *request,
                                              FILE *to, loam_answer *out, loam_err *err);
void loam_answer_deinit(loam_answer *a);
/* "stop", "length", "cancelled", "error". */
const char *loam_answer_finish_name(loam_finish f);

#endif
