/* What the files of doubt share: drawn futures (doubt_draw.c), purchases carried into one (doubt_carry.c), statistics
 * (doubt_statistics.c), changes one at a time (doubt_flips.c), and the robust choice (robust.c). */
#ifndef LOAM_FLEET_DOUBT_INT_H
#define LOAM_FLEET_DOUBT_INT_H

#include "fleet/check_int.h"
#include "fleet/doubt.h"

/* A scenario with other figures: a copy whose changed tables are in `arena`; the rest is the original's. Its own arena
 * is NULL: it is never given to loam_scenario_free. */
typedef struct loam_drawn {
    loam_scenario s;
    loam_arena *arena; /* owned */
    double demand;     /* mean factor of the services */
    double *price;     /* [chips] factors */
    double *rent;      /* [chips] */
    int n_events;
} loam_drawn;

/* Draws number `future` of `seed`: the same pair gives the same future, whatever was drawn before. */
LOAM_CHECK_RESULT loam_status loam_future_draw(const loam_scenario *s, unsigned long seed, int future, loam_drawn *out,
                                               loam_err *err);
/* The scenario itself, with room for changes. */
LOAM_CHECK_RESULT loam_status loam_drawn_copy(const loam_scenario *s, loam_drawn *out, loam_err *err);
void loam_drawn_free(loam_drawn *d);
/* Changes of a copy. Each gives the table that is changed a copy of its own. */
bool loam_drawn_demand(loam_drawn *d, int service, double factor);
bool loam_drawn_chip(loam_drawn *d, int chip, double price_factor, double scale_factor);
bool loam_drawn_rent(loam_drawn *d, int offer, double factor);
bool loam_drawn_power(loam_drawn *d, int region, double factor);
bool loam_drawn_tariff(loam_drawn *d, int region, double factor);
bool loam_drawn_budget(loam_drawn *d, int budget, double factor);
bool loam_drawn_late(loam_drawn *d, int supply, int months);
bool loam_drawn_without_share(loam_drawn *d, int share);
bool loam_drawn_without_data_rule(loam_drawn *d, int rule);
bool loam_drawn_without_rules(loam_drawn *d, const char *const *ids, size_t n);
bool loam_drawn_with_event(loam_drawn *d, int event);
/* Standard normal number of (seed, stream, item). */
double loam_draw_normal(unsigned long seed, unsigned long stream, unsigned long item);

/* Orders carried into a future: servers that are delivered there become owned ones, and nothing more can be ordered. */
typedef struct loam_carried {
    double usd;         /* present value of the orders: capex, duty and opex, less the residual value */
    double *delivered;  /* [regions][chips][months] bought servers that were delivered */
    double *installed;  /* of these, with power and installation */
    double *server_usd; /* [regions][chips] mean price of a delivered server */
    int lost;           /* servers that the future's rules keep from being delivered; they are not paid */
} loam_carried;
/* What a linear plan costs: its printed cost is that of whole servers. The program leaves out what nothing in it can
 * change, energy and colocation of owned servers. */
LOAM_CHECK_RESULT loam_status loam_linear_cost(const loam_scenario *s, const loam_plan *p, double *out, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_future_carry(loam_drawn *d, const loam_plan *p, loam_carried *out, loam_err *err);
/* Price of bought servers that stand idle in the future's plan, in the mean of the months after their arrival. */
double loam_future_stranded(const loam_drawn *d, const loam_carried *carried, const loam_plan *future);

/* One future of a plan: what it serves and costs there, what stands idle (USD), and which services it serves in full
 * ([services], may be NULL). The future is spent. */
LOAM_CHECK_RESULT loam_status loam_future_stress(loam_drawn *d, const loam_plan *p, const loam_plan_options *o,
                                                 double *served, double *cost, double *stranded, bool *service_ok,
                                                 loam_err *err);

/* Value at share q of n sorted numbers, between neighbours in a straight line; NAN of none. */
double loam_quantile(const double *sorted, size_t n, double q);
/* Means and quantiles from the futures. */
LOAM_CHECK_RESULT loam_status loam_doubt_summarise(loam_doubt_result *d, loam_err *err);
/* What leaving everything unserved is taken to cost. */
double loam_unserved_usd(const loam_doubt_options *o, const loam_plan *p);
/* Servers, bought and rented, that differ by place, chip and month, as a share of the larger count of each: 0 the same
 * fleet, 1 nothing in common. */
LOAM_CHECK_RESULT loam_status loam_plan_moved(const loam_plan *a, const loam_plan *b, double *out, loam_err *err);

LOAM_CHECK_RESULT loam_status loam_doubt_flips(const loam_scenario *s, const loam_plan *p, const loam_doubt_options *o,
                                               loam_doubt_result *d, loam_err *err);

/* No answer in time, or the solver gave up: the question is left out, the others go on. Then err is empty again. */
static inline bool loam_unanswered(loam_status status, loam_err *err)
{
    bool none = status == LOAM_STATUS_TIMEOUT || status == LOAM_STATUS_INTERNAL;
    if (none && err)
        *err = (loam_err)LOAM_ERR_INIT;
    return none;
}

/* A solve within: reports progress as a stage of its own name, without time of its own if the outer has none. */
typedef struct loam_stage {
    const loam_plan_options *outer;
    char text[160];
} loam_stage;
loam_plan_options loam_stage_begin(loam_stage *stage, const loam_plan_options *outer, bool relax, const char *fmt, ...)
    LOAM_PRINTF(4, 5);

#endif
