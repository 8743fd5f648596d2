/* From a running job to OpenAI's answer, whole or as a stream of events. Chat and plain completions differ only in how
 * an answer is written down. */
#ifndef LOAM_HTTP_ANSWER_H
#define LOAM_HTTP_ANSWER_H

#include "http/http_int.h"
#include "http/params.h"

/* Answers x with the job's text: waits for its end, or leaves a stream in the reply. Takes the job in every case.
 * echo: text that comes first, or NULL (borrowed). */
void loam_http_answer(loam_http_exchange *x, loam_job *job, const loam_http_params *p, bool chat, const char *echo,
                      size_t echo_len);

#endif
