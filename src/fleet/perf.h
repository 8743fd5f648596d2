/* How much work a server does: a roofline with four constants, fitted on published measurements (docs/plan.md has the
 * equations and the error). */
#ifndef LOAM_FLEET_PERF_H
#define LOAM_FLEET_PERF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "fleet/scenario.h"

/* Efficiencies of the roofline: prefill, decode compute, decode bandwidth; fixed time of a decode step. */
typedef struct loam_perf_fit {
    double prefill, decode, bandwidth, overhead_s;
} loam_perf_fit;
extern const loam_perf_fit loam_perf_fitted; /* 0.56 0.40 0.89 1 ms */

/* How one replica of a model runs on a chip. */
typedef struct loam_replica {
    bool feasible;
    char why_not[200];                /* "weights of 1342 GB do not fit 8 × 64 GB", "…" */
    int chips;                        /* of the replica: 1, 2, 4, 8 or whole servers */
    double weight_bits, kv_bits;      /* as used: a chip without FP8 takes INT8 where it has it, or 16 */
    double weights_gb, kv_gb;         /* of the replica */
    double batch;                     /* concurrent requests at the latency targets */
    double batch_memory;              /* that memory alone would allow */
    double prefill_s, tpot_s, ttft_s; /* of one request at that batch; ttft without queueing */
    double latency_s;                 /* picture, clip */
    double requests_per_s;            /* of the replica, busy all the time */
    double output_per_s, input_per_s; /* tokens */
    const char *binds;                /* "memory", "bandwidth", "compute", "latency target" */
} loam_replica;

/* The best way to run a service on a chip: most requests per chip that meet the targets, over the sizes of a replica
 * and the precisions. */
void loam_perf_best(const loam_fleet_model *m, const loam_service *s, const loam_fleet_chip *c, loam_replica *out);
/* One given size, batch limited to batch_max (0: by memory and targets); total output tokens/s at full load as the
 * published tables give it. */
void loam_perf_replica(const loam_fleet_model *m, const loam_service *s, const loam_fleet_chip *c, int chips,
                       double batch_max, loam_replica *out);

typedef struct loam_run_perf {
    bool feasible;
    char why_not[200];
    double flop_per_token, flop; /* of the run */
    double mfu, goodput;
    double peak_flops;  /* of a chip at the run's precision */
    double chip_months; /* chips × months that the run takes */
    int min_chips;      /* that hold weights, gradients and optimiser */
} loam_run_perf;
void loam_perf_training(const loam_training *t, const loam_fleet_chip *c, int chips_hint, loam_run_perf *out);

/* One published row and what the equations say about it. */
typedef struct loam_perf_row {
    const char *group; /* "fitted", "other" (shown, not in the mean) */
    const char *what, *unit, *source;
    double published, computed;
} loam_perf_row;
/* All rows: 60 of TensorRT-LLM, the big mixtures, training. *out is owned by the caller (free). */
LOAM_CHECK_RESULT loam_status loam_perf_validate(loam_perf_row **out, size_t *n, loam_err *err);

#endif
