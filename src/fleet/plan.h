/* The plan: what to buy and rent, where and when, what serves what, what it costs, what binds.
 *
 * The program that is solved (plan_build.c; docs/plan.md tells it in full): months t, blocks b of the UTC day, regions
 * r, origins o, chips c, services s, training runs j. order[r,u,t]   servers ordered from supply u in an order month
 * (integer); they arrive lead months later rent[e,t]      servers whose rent by offer e starts in month t (integer),
 * for its term have[r,c,t]    servers in operation: owned + arrived + rented flow[o,s,r,t,b], work[r,c,s,t,b]
 * requests/s by origin and by chip;  miss[o,s,t,b]  unserved train[j,r,c,t] chips × months of a run, in one place on
 * one chip (place[j,r,c] binary) Constraints: demand; flow = work; chips (work and spare and training within what is in
 * operation less broken ones); power; supply; installation; permission by rule at delivery (columns do not exist); data
 * rules (flows do not exist); budgets; shares; deadlines; chip types per region. Goals in order: least unserved
 * (weighted), then least cost. */
#ifndef LOAM_FLEET_PLAN_H
#define LOAM_FLEET_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"
#include "fleet/lp.h"
#include "fleet/perf.h"
#include "fleet/scenario.h"

struct loam_doubt_result;

typedef struct loam_plan_options {
    double gap;    /* 0: 0.005 */
    double time_s; /* 0: 120 */
    bool relax;    /* linear: for doubt and sensitivity */
    /* Orders as in this plan (of a scenario with the same supplies, regions and months); rents, routing and what is not
     * served are free. NULL: orders are free. */
    const struct loam_plan *fixed_orders;
    const char *mps; /* write the program of the last goal there as free MPS, for other solvers; NULL: no */
    bool (*progress)(void *arg, const char *stage, double incumbent, double bound);
    void *arg;
} loam_plan_options;

typedef enum loam_plan_status {
    LOAM_PLAN_OPTIMAL,    /* within the gap */
    LOAM_PLAN_LIMIT,      /* time was up: feasible, gap as printed */
    LOAM_PLAN_INFEASIBLE, /* see conflict */
} loam_plan_status;

typedef struct loam_plan_order {
    int supply, region, chip, month, arrives; /* months from the start; arrives ≥ months: after the horizon */
    int servers;
    double usd; /* all of it */
    loam_verdict verdict;
} loam_plan_order;

typedef struct loam_plan_rent {
    int offer, region, chip, month, until; /* [month, until) */
    int servers;
    double usd;
} loam_plan_rent;

/* One (region, chip, month). */
typedef struct loam_plan_stock {
    int region, chip, month;
    double owned, rented;         /* servers in operation */
    double busy, spare, training; /* servers' worth at the busiest block */
    double power_kw;
} loam_plan_stock;

/* One (service, region, chip, month, block): requests/s served. */
typedef struct loam_plan_work {
    int service, region, chip, month, block;
    double load;
} loam_plan_work;
/* One (service, origin, region, month, block). */
typedef struct loam_plan_flow {
    int service, origin, region, month, block;
    double load;
} loam_plan_flow;
/* One (service, origin, month, block) that is not served in full. */
typedef struct loam_plan_miss {
    int service, origin, month, block;
    double load, demand;
} loam_plan_miss;
/* One (run, region, chip, month). */
typedef struct loam_plan_training {
    int training, region, chip, month;
    double chip_months;
} loam_plan_training;

/* A named limit: a budget, a power cap, a supply, a share rule, … */
typedef struct loam_plan_limit {
    const char *name, *unit;
    double used, limit;
    bool binds;
    double
        worth; /* USD (or unserved share, if something is unserved) that one more unit saves; 0 if it does not bind */
} loam_plan_limit;

typedef struct loam_plan_cost {
    double capex, rent, energy, colo, opex, duty, residual; /* USD at present value; residual counts against the rest */
    double total;
} loam_plan_cost;

/* A (service, chip) pair or a (chip, region, month) that cannot be used, and why: for "reasons for every refused
 * option" */
typedef struct loam_plan_refusal {
    const char *what, *why;
} loam_plan_refusal;

typedef struct loam_plan {
    loam_arena *arena; /* owned; holds everything below but the conflict */
    loam_plan_status status;
    double gap, bound, objective, seconds; /* of the last goal */
    double served_share;                   /* weighted, 1: all */
    double served_bound;
    loam_plan_cost cost;
    double *spend;          /* [months][regions][3]: capex, rent, running costs as cash in that month */
    loam_replica *replicas; /* [services][chips] */
    loam_run_perf *runs;    /* [trainings][chips] */
    size_t n_orders, n_rents, n_stock, n_work, n_flow, n_miss, n_training, n_limits, n_refusals;
    loam_plan_order *orders;
    loam_plan_rent *rents;
    loam_plan_stock *stock;
    loam_plan_work *work;
    loam_plan_flow *flow;
    loam_plan_miss *miss;
    loam_plan_training *training;
    loam_plan_limit *limits;
    loam_plan_refusal *refusals;
    /* INFEASIBLE: names of the rules that conflict, and repairs in words */
    size_t n_conflict, n_repairs;
    const char **conflict, **repairs;
} loam_plan;

/* Solves. OK also when nothing fits (status INFEASIBLE). *out is owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_plan_solve(const loam_scenario *s, const loam_plan_options *o, loam_plan **out,
                                              loam_err *err);
void loam_plan_free(loam_plan *p);
/* Tonnes of CO2 that the electricity of all servers that we feed emits over the horizon (location-based: each region's
 * carbon_kg_per_kwh, its PUE, and the load factor of the energy's cost). */
double loam_plan_carbon_t(const loam_scenario *s, const loam_plan *p);

/* Everything of a plan as JSON, and of its doubt (fleet/doubt.h; NULL: none); the part that loam_plan_check needs back.
 */
bool loam_plan_json(const loam_scenario *s, const loam_plan *p, const struct loam_doubt_result *d, loam_buf *out);
/* Re-computes every constraint from the scenario and the printed JSON alone; knows nothing of the program that was
 * solved. Each violation is one line in *report. OK if the JSON could be read; *n_violations says the rest. */
LOAM_CHECK_RESULT loam_status loam_plan_check(const loam_scenario *s, const char *json, size_t len, loam_buf *report,
                                              int *n_violations, loam_err *err);

#endif
