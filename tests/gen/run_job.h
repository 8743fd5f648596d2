/* Running one job to its end and keeping what it gave; and what it should give, computed without the engine. */
#ifndef LOAM_TESTS_GEN_RUN_JOB_H
#define LOAM_TESTS_GEN_RUN_JOB_H

#include <stdbool.h>

#include "gen/engine.h"

enum { RUN_MAX = 4096 };

typedef struct run_result {
    int32_t
        tokens[RUN_MAX]; /* from the log-probabilities, which the request must ask for; end tokens are not among them */
    int n_tokens;
    char text[RUN_MAX];
    size_t len;
    loam_finish finish;
    char stop[64];
    loam_usage usage;
    loam_err error;
    int n_text_events, n_progress_events, n_entries_top;
    bool progress_rises;
} run_result;

/* Reads events until FINISH; fails the test when none comes for 20 s. */
void run_read(loam_job *j, run_result *r);
/* Submits, reads to the end, frees. */
void run_job(loam_engine *e, const loam_job_request *q, run_result *r);

/* The tokens that a plain loop over the fake model draws: at most `most`; *ended: an end token came (not among them).
 */
int run_expected(const loam_job_request *q, int most, int32_t *out, bool *ended);
/* The text of fake tokens, whole and untouched by stops. Returns its length. */
size_t run_text(const int32_t *tokens, int n, char *out);
/* A request of n prompt tokens drawn from seed, greedy for even seeds; prompt [n] is written. */
loam_job_request run_request(int32_t *prompt, int n, uint64_t seed, int max_tokens);

#endif
