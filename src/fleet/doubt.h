/* How wrong a plan may be. */
#ifndef LOAM_FLEET_DOUBT_H
#define LOAM_FLEET_DOUBT_H

#include "fleet/plan.h"

/* What happens to the plan when one thing changes, by solving again. */
typedef struct loam_flip {
    const char *what;    /* "price of H20 +25 %", "without rule share domestic" */
    double cost, served; /* of the new plan */
    double moved;        /* servers that differ from the plan, as a share of all: 0 the same fleet */
    bool feasible;
} loam_flip;

/* One drawn future, with the plan's purchases fixed (what was ordered stays; routing, rent and what is unserved adapt),
 * and with a plan made in knowledge of it. */
typedef struct loam_future {
    double demand, price, served, cost, best_cost, best_served, regret;
} loam_future;

typedef struct loam_doubt_result {
    size_t n_flips, n_futures;
    loam_flip *flips;
    loam_future *futures;
    double served_mean, served_p5, served_p50, served_p95;
    double cost_mean, cost_p5, cost_p50, cost_p95;
    double regret_mean, regret_p95;
    double all_served_probability;
    double stranded_usd; /* mean price of servers that stand idle */
    size_t n_services;
    double *service_ok; /* [services] probability that all of it is served */
} loam_doubt_result;

typedef struct loam_doubt_options {
    bool flips;  /* prices ± 25 %, each rule dropped, each budget ± 10 %, … */
    int samples; /* 0: no Monte-Carlo */
    unsigned long seed;
    loam_plan_options plan;
} loam_doubt_options;

/* *out is owned by the caller (loam_doubt_free). Progress over options.plan.progress. */
LOAM_CHECK_RESULT loam_status loam_doubt_run(const loam_scenario *s, const loam_plan *p, const loam_doubt_options *o,
                                             loam_doubt_result **out, loam_err *err);
void loam_doubt_free(loam_doubt_result *d);
/* A plan whose orders are good over all drawn futures: least expected cost plus penalty for what is unserved, over the
 * scenario's events and `samples` futures (two stages: orders now, the rest later). */
LOAM_CHECK_RESULT loam_status loam_plan_solve_robust(const loam_scenario *s, const loam_doubt_options *o,
                                                     loam_plan **out, loam_err *err);

#endif
