/* Each limit is the best of several rounds in which all threads work at once. */
#include "device/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "kernel/ops.h"

enum { READ_BYTES = 256 << 20, ROUNDS = 6 };

typedef struct probe_job {
    const loam_kernels *kernels;
    const char *memory;
    int what; /* 0 read, 1 f32, 2 i8 */
    _Atomic uint64_t work;
} probe_job;

static void work(void *arg, int thread, int n_threads)
{
    probe_job *j = arg;
    size_t share = READ_BYTES / (size_t)n_threads / 4096 * 4096;
    if (j->what == 0) {
        volatile uint64_t sink = j->kernels->read(j->memory + (size_t)thread * share, share);
        (void)sink;
        j->work += share;
    } else {
        j->work += j->what == 1 ? j->kernels->peak_f32(1000000) : j->kernels->peak_i8(100000);
    }
}

loam_status loam_probe_run(int n_threads, loam_probe *out, loam_err *err)
{
    loam_pool *pool;
    probe_job j = {.kernels = loam_kernels_get(loam_cpu_best())};
    LOAM_TRY(loam_pool_new(n_threads, &pool, err));
    char *memory = aligned_alloc(2 << 20, READ_BYTES);
    if (!memory) {
        loam_pool_free(pool);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the bandwidth probe (%d MB)", READ_BYTES >> 20);
    }
    memset(memory, 1, READ_BYTES);
    j.memory = memory;
    double best[3] = {0};
    for (j.what = 0; j.what < 3; j.what++)
        for (int r = 0; r < ROUNDS; r++) {
            j.work = 0;
            double t = loam_clock_s();
            loam_pool_run(pool, work, &j);
            double rate = (double)j.work / (loam_clock_s() - t) * 1e-9;
            best[j.what] = rate > best[j.what] ? rate : best[j.what];
        }
    free(memory);
    *out = (loam_probe){best[0], best[1], best[2], loam_cpu_level_name(j.kernels->level), loam_pool_size(pool)};
    loam_pool_free(pool);
    return LOAM_OK;
}
