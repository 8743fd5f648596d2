/* The fields of a completion request, from JSON to a job. A field is read, known to be harmless, accepted in its
 * neutral value only, or refused by name: nothing that would change the answer is ignored. */
#ifndef LOAM_HTTP_PARAMS_H
#define LOAM_HTTP_PARAMS_H

#include "base/status.h"
#include "service/chat.h"

typedef struct loam_http_params {
    loam_job_request job; /* prompt left empty; its strings point into the JSON body */
    loam_logit_bias *bias;
    bool stream, include_usage, return_progress;
    bool want_logprobs;
    int n_top;        /* alternatives to report per token; the job may compute one more */
    bool echo;        /* plain completions: the prompt comes first */
    bool random_seed; /* the client gave none: the caller draws one into job.sampler.seed */
} loam_http_params;

/* What to tell the client beside the message: OpenAI's `param` and `code`. */
typedef struct loam_http_fault {
    char param[64]; /* "" for none */
    const char *code;
} loam_http_fault;

/* Reads all fields of body (borrowed; must outlive p) but model, messages and prompt. chat: the fields of
 * /v1/chat/completions, else of /v1/completions. INVALID says which field and why, also in *fault.
 * On success free with loam_http_params_deinit. */
LOAM_CHECK_RESULT loam_status loam_http_params_parse(const json_t *body, bool chat, size_t n_vocab, loam_http_params *p,
                                                     loam_http_fault *fault, loam_err *err);
void loam_http_params_deinit(loam_http_params *p);

#endif
