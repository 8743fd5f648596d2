/* Measuring models for `loam bench`: gen/bench.h does it for text, here by path or name; gen/bench_making.h for
 * pictures and clips. */
#ifndef LOAM_SERVICE_BENCH_H
#define LOAM_SERVICE_BENCH_H

#include "gen/bench.h"
#include "gen/bench_making.h"

/* As loam_bench_run, for a path or the name of an installed model ("smollm2"). */
LOAM_CHECK_RESULT loam_status loam_bench_model(const char *path_or_name, const loam_bench_options *options,
                                               loam_bench_progress_fn progress, void *arg, loam_bench_result *out,
                                               loam_err *err);

#endif
