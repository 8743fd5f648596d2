#include "service/bench.h"

#include "service/models.h"

enum { MAX_PATH = 4096 };

loam_status loam_bench_model(const char *path_or_name, const loam_bench_options *options,
                             loam_bench_progress_fn progress, void *arg, loam_bench_result *out, loam_err *err)
{
    char path[MAX_PATH];
    LOAM_TRY(loam_models_resolve(path_or_name, path, sizeof path, err));
    return loam_bench_run(path, options, progress, arg, out, err);
}
