/* A plan that is good in many futures. The two-stage program over all of them at once would be many times as large as
 * one plan's; instead candidates are planned, each for one view of the future, and every candidate's orders are tried
 * in all drawn futures (sample average). The orders with the least mean score win: cost, plus what is unserved at its
 * price. That is a choice among the candidates, not a proof that no better orders exist.
 *
 * Candidates: demand at the median (the scenario's own), 60 %, 75 % and 90 % of its distribution, each without and with
 * all rules that may come. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/doubt_int.h"

enum { MAX_CANDIDATES = 8, DEFAULT_FUTURES = 20 };

typedef struct candidate {
    loam_robust_candidate row;
    loam_plan *plan;
    double *score, *cost, *served; /* [futures]; NAN: the solver had no answer */
} candidate;

typedef struct candidates {
    const loam_scenario *s;
    const loam_doubt_options *o;
    int n_futures;
    double unserved_usd;
    candidate list[MAX_CANDIDATES];
    size_t n;
} candidates;

static const struct {
    const char *what;
    double z; /* quantile of the standard normal */
} views[] = {
    {"nominal", 0}, {"demand at 60 %", 0.2533471}, {"demand at 75 %", 0.6744898}, {"demand at 90 %", 1.2815516}};

/* Plans one candidate; one that has no plan is left out. */
static loam_status plan_candidate(candidates *k, int view, bool events, loam_err *err)
{
    const loam_doubt *doubt = &k->s->doubt;
    candidate *c = &k->list[k->n];
    loam_drawn d;
    loam_stage stage;
    snprintf(c->row.what, sizeof c->row.what, "%s%s", views[view].what, events ? ", with events" : "");
    loam_plan_options inner = loam_stage_begin(&stage, &k->o->plan, k->o->plan.relax, "candidate: %s", c->row.what);
    LOAM_TRY(loam_drawn_copy(k->s, &d, err));
    bool ok = true;
    for (size_t i = 0; ok && view && i < k->s->n_services; i++)
        ok = loam_drawn_demand(&d, (int)i, exp(doubt->demand_sigma * views[view].z));
    for (size_t e = 0; ok && events && e < doubt->n_events; e++)
        ok = loam_drawn_with_event(&d, (int)e);
    if (view || events)
        d.s.goal = LOAM_GOAL_MOST_SERVED; /* a worse world that cannot all be served still has best orders */
    loam_status status =
        ok ? loam_plan_solve(&d.s, &inner, &c->plan, err)
           : loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "out of memory for a candidate plan");
    loam_drawn_free(&d);
    LOAM_TRY(status);
    if (c->plan->status == LOAM_PLAN_INFEASIBLE && k->n) {
        loam_plan_free(c->plan);
        c->plan = NULL;
        return LOAM_OK;
    }
    c->score = calloc(3 * (size_t)k->n_futures, sizeof *c->score);
    c->cost = c->score ? c->score + k->n_futures : NULL;
    c->served = c->score ? c->cost + k->n_futures : NULL;
    k->n++; /* from here on it is freed with the others */
    if (!c->score)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the scores of %d futures", k->n_futures);
    return LOAM_OK;
}

static loam_status plan_candidates(candidates *k, loam_err *err)
{
    int n_views = k->s->doubt.demand_sigma > 0 ? (int)(sizeof views / sizeof *views) : 1;
    for (int events = 0; events <= (k->s->doubt.n_events > 0); events++) {
        for (int view = 0; view < n_views; view++) {
            LOAM_TRY(plan_candidate(k, view, events, err));
            if (k->list[0].plan->status == LOAM_PLAN_INFEASIBLE)
                return LOAM_OK; /* the scenario itself has no plan: that is the answer */
        }
    }
    return LOAM_OK;
}

static loam_status try_candidate(candidates *k, candidate *c, loam_err *err)
{
    for (int i = 0; i < k->n_futures; i++) {
        loam_drawn d;
        loam_stage stage;
        double served, cost, stranded;
        loam_plan_options inner =
            loam_stage_begin(&stage, &k->o->plan, true, "%s in future %d of %d", c->row.what, i + 1, k->n_futures);
        LOAM_TRY(loam_future_draw(k->s, k->o->seed, i, &d, err));
        loam_status status = loam_future_stress(&d, c->plan, &inner, &served, &cost, &stranded, NULL, err);
        loam_drawn_free(&d);
        if (loam_unanswered(status, err))
            cost = served = NAN;
        else
            LOAM_TRY(status);
        c->cost[i] = cost;
        c->served[i] = served;
        c->score[i] = cost + k->unserved_usd * (1 - served);
    }
    return LOAM_OK;
}

/* The orders of two candidates are often the same: then so is how they fare. */
static loam_status try_candidates(candidates *k, loam_err *err)
{
    for (size_t c = 0; c < k->n; c++) {
        candidate *same = NULL;
        for (size_t b = 0; b < c && !same; b++) {
            loam_plan x = *k->list[b].plan, y = *k->list[c].plan;
            double moved;
            x.n_rents = y.n_rents = 0;
            LOAM_TRY(loam_plan_moved(&x, &y, &moved, err));
            same = moved == 0 ? &k->list[b] : NULL;
        }
        if (!same) {
            LOAM_TRY(try_candidate(k, &k->list[c], err));
            continue;
        }
        memcpy(k->list[c].score, same->score, 3 * (size_t)k->n_futures * sizeof *same->score);
    }
    return LOAM_OK;
}

/* Futures in which every candidate has an answer come first; their number is what is left. */
static void keep_answered(candidates *k)
{
    int kept = 0;
    for (int i = 0; i < k->n_futures; i++) {
        bool answered = true;
        for (size_t c = 0; c < k->n; c++)
            answered = answered && !isnan(k->list[c].score[i]);
        for (size_t c = 0; answered && c < k->n; c++) {
            k->list[c].score[kept] = k->list[c].score[i];
            k->list[c].cost[kept] = k->list[c].cost[i];
            k->list[c].served[kept] = k->list[c].served[i];
        }
        kept += answered;
    }
    k->n_futures = kept;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Means, regret against the other candidates, and the tail. Sorts the scores at the end. */
static void compare(candidates *k)
{
    for (int i = 0; i < k->n_futures; i++) {
        double best = INFINITY;
        for (size_t c = 0; c < k->n; c++)
            best = fmin(best, k->list[c].score[i]);
        for (size_t c = 0; c < k->n; c++) {
            loam_robust_candidate *row = &k->list[c].row;
            row->cost_mean += k->list[c].cost[i] / k->n_futures;
            row->served_mean += k->list[c].served[i] / k->n_futures;
            row->score_mean += k->list[c].score[i] / k->n_futures;
            row->regret_max = fmax(row->regret_max, k->list[c].score[i] - best);
        }
    }
    for (size_t c = 0; c < k->n; c++) {
        qsort(k->list[c].score, (size_t)k->n_futures, sizeof(double), by_value);
        k->list[c].row.score_p95 = loam_quantile(k->list[c].score, (size_t)k->n_futures, 0.95);
    }
}

/* The plan of the scenario itself with the orders of the best candidate for which there is one. */
static loam_status choose(candidates *k, loam_plan **out, loam_err *err)
{
    bool tried[MAX_CANDIDATES] = {false};
    for (size_t round = 0; round < k->n; round++) {
        size_t best = 0;
        while (tried[best])
            best++;
        for (size_t c = best + 1; c < k->n; c++) {
            if (!tried[c] && k->list[c].row.score_mean < k->list[best].row.score_mean)
                best = c;
        }
        tried[best] = true;
        loam_stage stage;
        loam_plan_options inner =
            loam_stage_begin(&stage, &k->o->plan, k->o->plan.relax, "the chosen orders: %s", k->list[best].row.what);
        inner.fixed_orders = k->list[best].plan;
        LOAM_TRY(loam_plan_solve(k->s, &inner, out, err));
        if ((*out)->status != LOAM_PLAN_INFEASIBLE) {
            k->list[best].row.chosen = true;
            return LOAM_OK;
        }
        loam_plan_free(*out);
        *out = NULL;
    }
    LOAM_FAIL(err, INTERNAL, "none of %zu candidates has a plan for the scenario it was made for", k->n);
}

static loam_status run(candidates *k, loam_plan **out, loam_err *err)
{
    LOAM_TRY(plan_candidates(k, err));
    if (k->list[0].plan->status == LOAM_PLAN_INFEASIBLE) {
        *out = k->list[0].plan;
        k->list[0].plan = NULL;
        return LOAM_OK;
    }
    k->unserved_usd = loam_unserved_usd(k->o, k->list[0].plan);
    LOAM_TRY(try_candidates(k, err));
    keep_answered(k);
    if (!k->n_futures)
        LOAM_FAIL(err, TIMEOUT, "no future was answered in time: give the plan more of it (--time)");
    compare(k);
    return choose(k, out, err);
}

loam_status loam_plan_compare_robust(const loam_scenario *s, const loam_doubt_options *o, loam_plan **out,
                                     loam_robust_candidate **table, size_t *n_table, loam_err *err)
{
    candidates k = {.s = s, .o = o, .n_futures = o->samples > 0 ? o->samples : DEFAULT_FUTURES};
    *out = NULL;
    *table = NULL;
    *n_table = 0;
    loam_status status = run(&k, out, err);
    loam_robust_candidate *rows = status == LOAM_OK ? calloc(k.n + 1, sizeof *rows) : NULL;
    if (status == LOAM_OK && !rows) {
        loam_plan_free(*out);
        *out = NULL;
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "out of memory for %zu candidates", k.n);
    }
    for (size_t c = 0; c < k.n; c++) {
        if (rows)
            rows[c] = k.list[c].row;
        loam_plan_free(k.list[c].plan);
        free(k.list[c].score);
    }
    *table = rows;
    *n_table = rows ? k.n : 0;
    return status;
}

loam_status loam_plan_solve_robust(const loam_scenario *s, const loam_doubt_options *o, loam_plan **out, loam_err *err)
{
    loam_robust_candidate *table = NULL;
    size_t n_table;
    loam_status status = loam_plan_compare_robust(s, o, out, &table, &n_table, err);
    free(table);
    return status;
}
