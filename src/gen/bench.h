/* How fast a model is: reading prompts and writing answers, measured on model steps alone (no sampling, no text), next
 * to what the machine could do at all. The letters and the method are llama-bench's: a warm-up, then `repeats` runs. */
#ifndef LOAM_GEN_BENCH_H
#define LOAM_GEN_BENCH_H

#include <stddef.h>

#include "base/status.h"

typedef struct loam_bench_options {
    int n_prompt;  /* tokens of a prompt; 0: do not measure prompts */
    int n_gen;     /* tokens written one by one; 0: do not measure generation */
    int n_depth;   /* tokens already in the conversation before either begins */
    int n_streams; /* conversations that write at once, ≥ 1 */
    int n_batch;   /* most tokens in one step; 0: 512 */
    int n_threads; /* 0: one per processor */
    int repeats;   /* ≥ 1 */
} loam_bench_options;

enum { LOAM_BENCH_TEXT = 128 };

/* One measured rate. All zero when it was not asked for. */
typedef struct loam_bench_rate {
    double per_s, per_s_sd; /* tokens a second: mean and standard deviation over the repeats */
    double best_per_s;
    double bytes_per_token; /* weights read for one token (generation; all streams share one reading) */
    double ops_per_token;   /* multiplications and additions of weights and attention */
} loam_bench_rate;

typedef struct loam_bench_result {
    char model[LOAM_BENCH_TEXT], type[LOAM_BENCH_TEXT]; /* general.name, "Q4_1" */
    double n_params, weight_bytes;
    int n_threads;
    double load_s;
    loam_bench_rate prompt, gen;
    double read_gb_s, f32_gflop_s, i8_gop_s; /* what the machine does at most, measured just before */
} loam_bench_result;

/* Called after each repeat with what it is doing; returns 0 to stop (CANCELLED). */
typedef int (*loam_bench_progress_fn)(void *arg, const char *what, int done, int total);

/* Loads path and measures. Takes as long as it takes; the caller's thread. progress may be NULL. */
LOAM_CHECK_RESULT loam_status loam_bench_run(const char *path, const loam_bench_options *options,
                                             loam_bench_progress_fn progress, void *arg, loam_bench_result *out,
                                             loam_err *err);

#endif
