/* Shared inside the planner: the columns and rows of the program that plan_build.c makes, and the money of an order. */
#ifndef LOAM_FLEET_PLAN_INT_H
#define LOAM_FLEET_PLAN_INT_H

#include "fleet/plan.h"

#define LOAM_FLEET_HOURS_PER_MONTH 730.0
#define LOAM_FLEET_LOAD_FACTOR 0.8 /* of a server's power, over a month */
#define LOAM_FLEET_MONEY 1e-6      /* the program counts in millions, to keep its numbers near one */

typedef enum loam_group_kind {
    LOAM_GROUP_DEMAND,
    LOAM_GROUP_TRAINING,
    LOAM_GROUP_POWER,
    LOAM_GROUP_INSTALL,
    LOAM_GROUP_SUPPLY,
    LOAM_GROUP_RENT,
    LOAM_GROUP_BUDGET,
    LOAM_GROUP_SHARE,
    LOAM_GROUP_TYPES,
} loam_group_kind;

/* A named limit of the program. */
typedef struct loam_plan_group {
    loam_group_kind kind;
    int index; /* in the scenario's list of that kind */
    const char *name, *unit;
    double scale; /* unit of the rows × scale = unit of the report */
    int lp;       /* the program's group */
} loam_plan_group;

typedef struct loam_order_col {
    int supply, region, chip, month, arrives, col, used; /* used: binary of a minimum order, or -1 */
    loam_ruling ruling;
    double price_usd, duty_usd; /* of one server; repairs and staff (opex) are a share of the price without duty */
} loam_order_col;
typedef struct loam_rent_col {
    int offer, month, col;
} loam_rent_col;

typedef struct loam_program {
    const loam_scenario *s;
    const loam_plan_options *o;
    loam_arena *arena; /* of the plan */
    loam_lp *lp;
    loam_replica *replicas; /* [services][chips] */
    loam_run_perf *runs;    /* [trainings][chips] */
    size_t n_orders, n_rents, n_groups, max_orders, max_rents, max_groups;
    loam_order_col *orders;
    loam_rent_col *rents;
    loam_plan_group *groups;
    int *bought, *rented; /* [regions][chips][months]: columns of servers in operation, or -1 */
    int *owned;           /* [regions][chips][months]: servers that were there before */
    int *earliest;        /* [regions][chips]: first month with anything in operation; months: never */
    int *work;            /* [services][regions][chips][months][blocks] or -1 */
    int *flow;            /* [services][origins][regions][months][blocks] or -1 */
    int *miss;            /* [services][origins][months][blocks] or -1 */
    int *spare;           /* [services][regions][chips][months]: binary of N+1, or -1 */
    int *train;           /* [trainings][regions][chips][months] or -1 */
    int *place;           /* [trainings][regions][chips] or -1 */
    int *no_run;          /* [trainings]: 1 if the run does not happen; -1: it must */
    double *demand_total; /* [services]: Σ of load over months, origins and blocks */
    double weight_total;  /* Σ of priorities of services and runs */
    int served_row;       /* the row of all that is unserved, in shares of the weighted total; -1: none */
    size_t n_refusals, max_refusals;
    loam_plan_refusal *refusals;
} loam_program;

/* Builds everything but the objective. With serve_all nothing may stay unserved. *out lives in the arena, but for its
 * lp, which loam_program_deinit frees. */
LOAM_CHECK_RESULT loam_status loam_program_build(const loam_scenario *s, const loam_plan_options *o, bool serve_all,
                                                 loam_arena *arena, loam_program **out, loam_err *err);
void loam_program_deinit(loam_program *p);
/* plan_rows.c's part of the building: all rows, once the columns are there. */
LOAM_CHECK_RESULT loam_status loam_program_rows(loam_program *p, loam_err *err);
/* Sets the objective: what is unserved; or the cost (millions of USD at present value). */
void loam_program_goal_served(loam_program *p);
void loam_program_goal_cost(loam_program *p);
/* Fills the plan's lists from a solution. What limits are worth is told by the duals of the first goal, if something is
 * unserved (served_dual; else NULL), or of the second. */
LOAM_CHECK_RESULT loam_status loam_program_read(const loam_program *p, const loam_lp_result *r,
                                                const double *served_dual, loam_plan *plan, loam_err *err);

/* Money. A server of a chip as bought from a supply: without duty. */
double loam_plan_server_usd(const loam_scenario *s, int chip, const loam_supply *supply);
/* Cash of one ordered server: `share` of it in the order's month, the rest on arrival or, if that is later, in the last
 * month. */
int loam_plan_pay_month(const loam_scenario *s, int arrives);
double loam_plan_rent_usd(const loam_scenario *s, const loam_rent *rent);  /* a month */
double loam_plan_energy_usd(const loam_scenario *s, int region, int chip); /* a month of one server */
double loam_plan_colo_usd(const loam_scenario *s, int region, int chip);   /* a month of one server */
double loam_plan_discount(const loam_scenario *s, int month);
/* What a server that arrived then is worth when the scenario ends, per USD of its price, undiscounted. */
double loam_plan_residual(const loam_scenario *s, int arrives);

/* Chips that one request/s of service s keeps busy on chip c, with spare and the cap on utilisation. */
double loam_plan_chips_per_load(const loam_scenario *s, const loam_replica *r, int service);

static inline int loam_at_rct(const loam_scenario *s, int r, int c, int t)
{
    return (r * (int)s->n_chips + c) * s->months + t;
}
static inline int loam_at_work(const loam_scenario *s, int v, int r, int c, int t, int b)
{
    return (((v * (int)s->n_regions + r) * (int)s->n_chips + c) * s->months + t) * s->blocks + b;
}
static inline int loam_at_flow(const loam_scenario *s, int v, int o, int r, int t, int b)
{
    return (((v * (int)s->n_origins + o) * (int)s->n_regions + r) * s->months + t) * s->blocks + b;
}
static inline int loam_at_miss(const loam_scenario *s, int v, int o, int t, int b)
{
    return ((v * (int)s->n_origins + o) * s->months + t) * s->blocks + b;
}
static inline int loam_at_train(const loam_scenario *s, int j, int r, int c, int t)
{
    return ((j * (int)s->n_regions + r) * (int)s->n_chips + c) * s->months + t;
}

#endif
