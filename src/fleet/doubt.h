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
    loam_future *futures; /* in the order in which they were drawn; the numbers below are over these */
    size_t n_unanswered;  /* futures that were drawn but left out: the solver had no answer in time, or gave up */
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
    double unserved_usd; /* what leaving everything unserved is taken to cost; 0: ten times what the plan costs */
    loam_plan_options plan;
} loam_doubt_options;

/* *out is owned by the caller (loam_doubt_free). Progress over options.plan.progress. */
LOAM_CHECK_RESULT loam_status loam_doubt_run(const loam_scenario *s, const loam_plan *p, const loam_doubt_options *o,
                                             loam_doubt_result **out, loam_err *err);
void loam_doubt_free(loam_doubt_result *d);
/* One candidate of the robust choice, over the futures: cost, plus what is unserved at its price, is the score. */
typedef struct loam_robust_candidate {
    char what[64]; /* "nominal", "demand at 75 %, with events" */
    double cost_mean, served_mean, score_mean, score_p95;
    double regret_max; /* most that another candidate's score was better in one future */
    bool chosen;
} loam_robust_candidate;

/* A plan whose orders are good over all drawn futures: least expected cost plus penalty for what is unserved, over the
 * scenario's events and `samples` futures (two stages: orders now, the rest later). */
LOAM_CHECK_RESULT loam_status loam_plan_solve_robust(const loam_scenario *s, const loam_doubt_options *o,
                                                     loam_plan **out, loam_err *err);
/* The same, and how the candidates did: *table is owned by the caller (free). */
LOAM_CHECK_RESULT loam_status loam_plan_compare_robust(const loam_scenario *s, const loam_doubt_options *o,
                                                       loam_plan **out, loam_robust_candidate **table, size_t *n_table,
                                                       loam_err *err);

#endif
