/* How wrong a plan may be: changes one at a time, and many futures drawn at once. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fleet/doubt_int.h"

/* The second goal may give up a ten-thousandth of what the first one reached; that much of a service is nothing. */
#define SERVED_IN_FULL 1e-4

static bool report_stage(void *arg, const char *inner, double incumbent, double bound)
{
    (void)inner;
    const loam_stage *stage = arg;
    return stage->outer->progress(stage->outer->arg, stage->text, incumbent, bound);
}

loam_plan_options loam_stage_begin(loam_stage *stage, const loam_plan_options *outer, bool relax, const char *fmt, ...)
{
    loam_plan_options o = *outer;
    va_list args;
    va_start(args, fmt);
    vsnprintf(stage->text, sizeof stage->text, fmt, args);
    va_end(args);
    stage->outer = outer;
    o.relax = relax;
    if (relax)
        o.gap = 1e-5; /* costs nothing, and is also what the second goal may take of the first */
    o.fixed_orders = NULL;
    o.progress = outer->progress ? report_stage : NULL;
    o.arg = stage;
    return o;
}

/* Of a service's demand over all months. */
static double missing_share(const loam_scenario *s, const loam_plan *p, int service)
{
    double asked = 0, missing = 0;
    for (int o = 0; o < (int)s->n_origins; o++) {
        for (int t = 0; t < s->months; t++) {
            for (int b = 0; b < s->blocks; b++)
                asked += loam_scenario_load(s, service, o, t, b);
        }
    }
    for (size_t i = 0; i < p->n_miss; i++)
        missing += p->miss[i].service == service ? p->miss[i].load : 0;
    return asked > 0 ? missing / asked : 0;
}

loam_status loam_future_stress(loam_drawn *d, const loam_plan *p, const loam_plan_options *o, double *served,
                               double *cost, double *stranded, bool *service_ok, loam_err *err)
{
    loam_carried carried;
    loam_plan *here = NULL;
    LOAM_TRY(loam_future_carry(d, p, &carried, err));
    LOAM_TRY(loam_plan_solve(&d->s, o, &here, err));
    bool fits = here->status != LOAM_PLAN_INFEASIBLE; /* a site that cannot even run what it has serves nothing */
    double usd = 0;
    loam_status status = fits ? loam_linear_cost(&d->s, here, &usd, err) : LOAM_OK;
    *served = fits ? here->served_share : 0;
    *cost = carried.usd + usd;
    *stranded = fits ? loam_future_stranded(d, &carried, here) : 0;
    for (int i = 0; service_ok && i < (int)d->s.n_services; i++)
        service_ok[i] = fits && missing_share(&d->s, here, i) <= SERVED_IN_FULL;
    loam_plan_free(here);
    return status;
}

/* What the plan's own orders and rents cost in a future, over what they cost in the plan. */
static double price_factor(const loam_drawn *d, const loam_plan *p)
{
    double before = 0, after = 0;
    for (size_t i = 0; i < p->n_orders; i++) {
        before += p->orders[i].usd;
        after += p->orders[i].usd * d->price[p->orders[i].chip];
    }
    for (size_t i = 0; i < p->n_rents; i++) {
        before += p->rents[i].usd;
        after += p->rents[i].usd * d->rent[p->rents[i].chip];
    }
    return before > 0 ? after / before : 1;
}

/* A future twice: with the orders as they are, and planned in knowledge of it. */
static loam_status live_future(const loam_scenario *s, const loam_plan *p, const loam_doubt_options *o, int number,
                               loam_doubt_result *out, bool *service_ok, loam_err *err)
{
    loam_future *f = &out->futures[out->n_futures];
    loam_drawn d;
    loam_stage stage;
    loam_plan *best = NULL;
    double stranded;
    loam_plan_options inner =
        loam_stage_begin(&stage, &o->plan, true, "future %d of %d: planned in knowledge of it", number + 1, o->samples);
    LOAM_TRY(loam_future_draw(s, o->seed, number, &d, err));
    f->demand = d.demand;
    f->price = price_factor(&d, p);
    loam_status status = loam_plan_solve(&d.s, &inner, &best, err);
    if (status == LOAM_OK) {
        bool fits = best->status != LOAM_PLAN_INFEASIBLE;
        f->best_served = fits ? best->served_share : 0;
        status = fits ? loam_linear_cost(&d.s, best, &f->best_cost, err) : LOAM_OK;
        loam_plan_free(best);
    }
    if (status == LOAM_OK) {
        inner =
            loam_stage_begin(&stage, &o->plan, true, "future %d of %d: with the plan's orders", number + 1, o->samples);
        status = loam_future_stress(&d, p, &inner, &f->served, &f->cost, &stranded, service_ok, err);
    }
    loam_drawn_free(&d);
    LOAM_TRY(status);
    double unserved_usd = loam_unserved_usd(o, p);
    double here = f->cost + unserved_usd * (1 - f->served);
    double there = f->best_cost + unserved_usd * (1 - f->best_served);
    f->regret = fmax(0, here - there); /* serving the most at any cost may be worse than to serve a little less */
    out->stranded_usd += stranded;     /* a sum until all are met */
    for (size_t i = 0; i < out->n_services; i++)
        out->service_ok[i] += service_ok[i];
    return LOAM_OK;
}

static loam_status live_futures(const loam_scenario *s, const loam_plan *p, const loam_doubt_options *o,
                                loam_doubt_result *out, loam_err *err)
{
    bool *service_ok = malloc(s->n_services + 1);
    out->futures = calloc((size_t)o->samples, sizeof *out->futures);
    out->service_ok = calloc(s->n_services + 1, sizeof *out->service_ok);
    out->n_services = s->n_services;
    loam_status status = LOAM_OK;
    if (!service_ok || !out->futures || !out->service_ok)
        status =
            loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "out of memory for %d futures", o->samples);
    for (int i = 0; status == LOAM_OK && i < o->samples; i++) {
        status = live_future(s, p, o, i, out, service_ok, err);
        if (status == LOAM_OK) {
            out->n_futures++;
        } else if (loam_unanswered(status, err)) {
            out->n_unanswered++;
            status = LOAM_OK;
        } else {
            loam_err_prefix(err, "future %d", i + 1);
        }
    }
    free(service_ok);
    LOAM_TRY(status);
    if (!out->n_futures)
        LOAM_FAIL(err, TIMEOUT, "none of %d futures was answered in time: give the plan more of it (--time)",
                  o->samples);
    out->stranded_usd /= (double)out->n_futures;
    for (size_t i = 0; i < out->n_services; i++)
        out->service_ok[i] /= (double)out->n_futures;
    return LOAM_OK;
}

loam_status loam_doubt_run(const loam_scenario *s, const loam_plan *p, const loam_doubt_options *o,
                           loam_doubt_result **out, loam_err *err)
{
    *out = NULL;
    if (p->status == LOAM_PLAN_INFEASIBLE)
        LOAM_FAIL(err, INVALID, "there is no plan to doubt: the rules of '%s' conflict", s->name);
    if (o->samples < 0 || o->samples > 100000)
        LOAM_FAIL(err, INVALID, "%d futures: give a number from 0 to 100000", o->samples);
    loam_doubt_result *d = calloc(1, sizeof *d);
    if (!d)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for doubting a plan");
    loam_status status = o->flips ? loam_doubt_flips(s, p, o, d, err) : LOAM_OK;
    if (status == LOAM_OK && o->samples)
        status = live_futures(s, p, o, d, err);
    if (status == LOAM_OK)
        status = loam_doubt_summarise(d, err);
    if (status != LOAM_OK) {
        loam_doubt_free(d);
        return status;
    }
    *out = d;
    return LOAM_OK;
}

void loam_doubt_free(loam_doubt_result *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n_flips; i++)
        free((char *)d->flips[i].what);
    free(d->flips);
    free(d->futures);
    free(d->service_ok);
    free(d);
}
