/* What-if, one change at a time: each copy of the scenario has one other figure or one rule less and is planned again.
 * Changes that cannot matter are left out: prices of chips that the plan does not get, rules that bar nothing.
 *
 * Where whole plans are found to their gap, they are compared. Where the search ends before, a difference of two plans
 * is luck: there the linear programs without and with the change are compared, and their difference is added to the
 * plan's figures. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/doubt_int.h"

typedef enum change {
    PRICE,
    RENT,
    DEMAND,
    BUDGET,
    POWER,
    SHARE,
    DATA_RULE,
    RULE,
    ALL_RULES,
} change;

typedef struct flip {
    change kind;
    int item;
    double factor;
} flip;

typedef struct flips {
    const loam_scenario *s;
    const loam_plan *p;
    flip *list;
    size_t n;
    const char **rules; /* ids of the export rules that bar something, in the order in which they were met */
    size_t n_rules;
    loam_plan *base; /* the scenario's linear plan, once it is needed */
    double base_cost;
} flips;

enum { MAX_RULES = 64 };

static void add_pair(flips *f, change kind, int item, double step)
{
    f->list[f->n++] = (flip){kind, item, 1 + step};
    f->list[f->n++] = (flip){kind, item, 1 - step};
}

static void note_rules(flips *f, const loam_ruling *ruling)
{
    for (size_t h = 0; h < ruling->n_hits; h++) {
        if (ruling->hits[h].verdict <= f->s->worst_allowed)
            continue;
        size_t i = 0;
        while (i < f->n_rules && strcmp(f->rules[i], ruling->hits[h].id) != 0)
            i++;
        if (i == f->n_rules && i < MAX_RULES)
            f->rules[f->n_rules++] = ruling->hits[h].id;
    }
}

/* Rules that keep a supply from a region where it delivers, or an offer from being taken, in some month. */
static void find_rules(flips *f)
{
    const loam_scenario *s = f->s;
    loam_ruling ruling;
    for (size_t u = 0; u < s->n_supplies; u++) {
        const loam_supply *supply = &s->supplies[u];
        for (int r = 0; r < (int)s->n_regions; r++) {
            for (int t = 0; loam_check_in(supply->regions, r) && t < s->months; t++) {
                loam_scenario_ruling(s, supply->chip, r, LOAM_GET_BUY, NULL, false, t + supply->lead_months, &ruling);
                note_rules(f, &ruling);
            }
        }
    }
    for (size_t e = 0; e < s->n_rents; e++) {
        for (int t = 0; t < s->months; t++) {
            const loam_rent *offer = &s->rents[e];
            loam_scenario_ruling(s, offer->chip, offer->region, LOAM_GET_RENT, offer->provider_hq, false, t, &ruling);
            note_rules(f, &ruling);
        }
    }
}

static bool is_ordered(const loam_plan *p, int chip)
{
    for (size_t i = 0; i < p->n_orders; i++) {
        if (p->orders[i].chip == chip && p->orders[i].servers > 0)
            return true;
    }
    return false;
}

static bool is_rented(const loam_plan *p, int offer)
{
    for (size_t i = 0; i < p->n_rents; i++) {
        if (p->rents[i].offer == offer && p->rents[i].servers > 0)
            return true;
    }
    return false;
}

static void list_flips(flips *f)
{
    const loam_scenario *s = f->s;
    add_pair(f, DEMAND, -1, 0.2);
    for (size_t c = 0; c < s->n_chips; c++) {
        if (is_ordered(f->p, (int)c))
            add_pair(f, PRICE, (int)c, 0.25);
    }
    for (size_t e = 0; e < s->n_rents; e++) {
        if (is_rented(f->p, (int)e))
            add_pair(f, RENT, (int)e, 0.25);
    }
    for (size_t b = 0; b < s->n_budgets; b++)
        add_pair(f, BUDGET, (int)b, 0.1);
    add_pair(f, POWER, -1, 0.2);
    for (size_t i = 0; i < s->n_shares; i++)
        f->list[f->n++] = (flip){SHARE, (int)i, 0};
    for (size_t i = 0; i < s->n_data_rules; i++)
        f->list[f->n++] = (flip){DATA_RULE, (int)i, 0};
    for (size_t i = 0; i < f->n_rules; i++)
        f->list[f->n++] = (flip){RULE, (int)i, 0};
    if (f->n_rules > 1)
        f->list[f->n++] = (flip){ALL_RULES, 0, 0};
}

static void flip_text(const flips *f, const flip *x, char *out, size_t size)
{
    const loam_scenario *s = f->s;
    double percent = 100 * (x->factor - 1);
    switch (x->kind) {
    case PRICE:
        snprintf(out, size, "price of %s %+.0f %%", s->chips[x->item].chip.name, percent);
        break;
    case RENT:
        snprintf(out, size, "rent of %s %+.0f %%", s->rents[x->item].name, percent);
        break;
    case DEMAND:
        snprintf(out, size, "demand %+.0f %%", percent);
        break;
    case BUDGET:
        snprintf(out, size, "budget %s %+.0f %%", s->budgets[x->item].name, percent);
        break;
    case POWER:
        snprintf(out, size, "power of all sites %+.0f %%", percent);
        break;
    case SHARE:
        snprintf(out, size, "without share rule %s", s->shares[x->item].name);
        break;
    case DATA_RULE:
        snprintf(out, size, "without data rule %s", s->data_rules[x->item].name);
        break;
    case RULE:
        snprintf(out, size, "without export rule %s", f->rules[x->item]);
        break;
    case ALL_RULES:
        snprintf(out, size, "without any of the %zu export rules that bar something", f->n_rules);
        break;
    }
}

static bool apply(const flips *f, const flip *x, loam_drawn *d)
{
    bool ok = true;
    switch (x->kind) {
    case PRICE:
        return loam_drawn_chip(d, x->item, x->factor, 1);
    case RENT:
        return loam_drawn_rent(d, x->item, x->factor);
    case BUDGET:
        return loam_drawn_budget(d, x->item, x->factor);
    case SHARE:
        return loam_drawn_without_share(d, x->item);
    case DATA_RULE:
        return loam_drawn_without_data_rule(d, x->item);
    case RULE:
        return loam_drawn_without_rules(d, &f->rules[x->item], 1);
    case ALL_RULES:
        return loam_drawn_without_rules(d, f->rules, f->n_rules);
    case DEMAND:
        for (size_t i = 0; ok && i < f->s->n_services; i++)
            ok = loam_drawn_demand(d, (int)i, x->factor);
        return ok;
    case POWER:
        for (size_t r = 0; ok && r < f->s->n_regions; r++)
            ok = loam_drawn_power(d, (int)r, x->factor);
        return ok;
    }
    return false;
}

/* A plan of a changed scenario, or NULL without an error when there was no answer in time. */
static loam_status solve_changed(const flips *f, const flip *x, const loam_plan_options *o, loam_drawn *changed,
                                 loam_plan **plan, loam_err *err)
{
    *plan = NULL;
    LOAM_TRY(loam_drawn_copy(f->s, changed, err));
    loam_status status = LOAM_OK;
    if (x && !apply(f, x, changed))
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "out of memory for a changed scenario");
    if (status == LOAM_OK)
        status = loam_plan_solve(&changed->s, o, plan, err);
    if (loam_unanswered(status, err))
        status = LOAM_OK;
    if (status != LOAM_OK)
        loam_drawn_free(changed);
    return status;
}

/* The change of the linear programs' answers, put on top of the plan's own. */
static loam_status compare_linear(flips *f, const flip *x, const loam_plan_options *outer, const char *text,
                                  loam_flip *out, bool *answered, loam_err *err)
{
    loam_stage stage;
    loam_drawn changed;
    loam_plan *plan;
    loam_plan_options inner = loam_stage_begin(&stage, outer, true, "%s", text);
    if (!f->base) {
        LOAM_TRY(solve_changed(f, NULL, &inner, &changed, &f->base, err));
        loam_drawn_free(&changed);
        if (f->base && f->base->status != LOAM_PLAN_INFEASIBLE)
            LOAM_TRY(loam_linear_cost(f->s, f->base, &f->base_cost, err));
    }
    *answered = false;
    if (!f->base || f->base->status == LOAM_PLAN_INFEASIBLE)
        return LOAM_OK;
    LOAM_TRY(solve_changed(f, x, &inner, &changed, &plan, err));
    loam_status status = LOAM_OK;
    if (plan) {
        double cost = 0;
        *answered = true;
        *out = (loam_flip){.feasible = plan->status != LOAM_PLAN_INFEASIBLE, .cost = NAN, .served = NAN, .moved = NAN};
        if (out->feasible) {
            status = loam_linear_cost(&changed.s, plan, &cost, err);
            out->cost = f->p->cost.total + cost - f->base_cost;
            out->served = fmin(1, f->p->served_share + plan->served_share - f->base->served_share);
        }
        if (out->feasible && status == LOAM_OK)
            status = loam_plan_moved(f->base, plan, &out->moved, err);
    }
    loam_plan_free(plan);
    loam_drawn_free(&changed);
    return status;
}

/* Whole servers against whole servers. Not answered when either search ended before its gap: the difference of two
 * such plans is mostly luck. */
static loam_status compare_whole(flips *f, const flip *x, const loam_plan_options *outer, const char *text,
                                 loam_flip *out, bool *answered, loam_err *err)
{
    loam_stage stage;
    loam_drawn changed;
    loam_plan *plan;
    *answered = false;
    if (outer->relax || f->p->status != LOAM_PLAN_OPTIMAL)
        return LOAM_OK;
    loam_plan_options inner = loam_stage_begin(&stage, outer, false, "%s", text);
    LOAM_TRY(solve_changed(f, x, &inner, &changed, &plan, err));
    loam_status status = LOAM_OK;
    if (plan && plan->status != LOAM_PLAN_LIMIT) {
        *answered = true;
        *out = (loam_flip){.feasible = plan->status == LOAM_PLAN_OPTIMAL, .cost = NAN, .served = NAN, .moved = NAN};
        if (out->feasible) {
            out->cost = plan->cost.total;
            out->served = plan->served_share;
            status = loam_plan_moved(f->p, plan, &out->moved, err);
        }
    }
    loam_plan_free(plan);
    loam_drawn_free(&changed);
    return status;
}

static loam_status try_flip(flips *f, size_t number, const loam_doubt_options *o, loam_doubt_result *d, loam_err *err)
{
    char what[160], text[200];
    loam_flip out = {0};
    bool answered;
    flip_text(f, &f->list[number], what, sizeof what);
    snprintf(text, sizeof text, "change %zu of %zu: %s", number + 1, f->n, what);
    LOAM_TRY(compare_whole(f, &f->list[number], &o->plan, text, &out, &answered, err));
    if (!answered)
        LOAM_TRY(compare_linear(f, &f->list[number], &o->plan, text, &out, &answered, err));
    if (!answered)
        return LOAM_OK;
    out.what = strdup(what);
    if (!out.what)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the name of a change");
    d->flips[d->n_flips++] = out;
    return LOAM_OK;
}

loam_status loam_doubt_flips(const loam_scenario *s, const loam_plan *p, const loam_doubt_options *o,
                             loam_doubt_result *d, loam_err *err)
{
    size_t most = 4 + 2 * (s->n_chips + s->n_rents + s->n_budgets) + s->n_shares + s->n_data_rules + MAX_RULES + 1;
    loam_arena *arena = loam_arena_new(0);
    flips f = {.s = s, .p = p};
    f.list = arena ? loam_arena_alloc(arena, most * sizeof *f.list) : NULL;
    f.rules = f.list ? loam_arena_alloc(arena, MAX_RULES * sizeof *f.rules) : NULL;
    d->flips = calloc(most, sizeof *d->flips);
    if (!f.rules || !d->flips) {
        loam_arena_free(arena);
        LOAM_FAIL(err, NO_MEMORY, "out of memory for %zu changes", most);
    }
    find_rules(&f);
    list_flips(&f);
    loam_status status = LOAM_OK;
    for (size_t i = 0; status == LOAM_OK && i < f.n; i++)
        status = try_flip(&f, i, o, d, err);
    loam_plan_free(f.base);
    loam_arena_free(arena);
    return status;
}
