/* The columns of the program: what may be decided. What the rules forbid has no column, and leaves a refusal that says
 * why. The rows are in plan_rows.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/plan_int.h"

enum { MAX_REFUSALS = 2000 };

static void refuse(loam_program *p, const char *what, const char *why)
{
    if (p->n_refusals == p->max_refusals)
        return;
    char *a = loam_arena_strndup(p->arena, what, strlen(what)), *b = loam_arena_strndup(p->arena, why, strlen(why));
    if (a && b)
        p->refusals[p->n_refusals++] = (loam_plan_refusal){a, b};
}

static void refuse_ruling(loam_program *p, const char *how, int chip, int region, int month, const loam_ruling *g)
{
    char what[200], why[400], date[8];
    loam_month_format(p->s->start + month, date);
    snprintf(what, sizeof what, "%s %s in %s", how, p->s->chips[chip].chip.name, p->s->regions[region].name);
    snprintf(why, sizeof why, "%s at %s: %s %s", loam_verdict_name(g->verdict), date, g->n_hits ? g->hits[0].id : "",
             g->n_hits ? g->hits[0].clause : "");
    for (size_t i = 0; i < p->n_refusals; i++)
        if (strcmp(p->refusals[i].what, what) == 0)
            return; /* the first month tells it */
    refuse(p, what, why);
}

/* An array of n ints, all -1. */
static int *no_columns(loam_program *p, size_t n)
{
    int *a = loam_arena_alloc(p->arena, (n ? n : 1) * sizeof *a);
    for (size_t i = 0; a && i < n; i++)
        a[i] = -1;
    return a;
}

static bool allocate(loam_program *p)
{
    const loam_scenario *s = p->s;
    size_t R = s->n_regions, C = s->n_chips, T = (size_t)s->months, B = (size_t)s->blocks, S = s->n_services,
           O = s->n_origins, J = s->n_trainings;
    p->max_orders = s->n_supplies * R * T;
    p->max_rents = s->n_rents * T;
    p->max_groups = S + J + R * 2 + s->n_supplies + s->n_rents + s->n_budgets + s->n_shares + R;
    p->max_refusals = MAX_REFUSALS;
    p->orders = loam_arena_alloc(p->arena, (p->max_orders + 1) * sizeof *p->orders);
    p->rents = loam_arena_alloc(p->arena, (p->max_rents + 1) * sizeof *p->rents);
    p->groups = loam_arena_alloc(p->arena, (p->max_groups + 1) * sizeof *p->groups);
    p->refusals = loam_arena_alloc(p->arena, p->max_refusals * sizeof *p->refusals);
    p->replicas = loam_arena_alloc(p->arena, (S * C + 1) * sizeof *p->replicas);
    p->runs = loam_arena_alloc(p->arena, (J * C + 1) * sizeof *p->runs);
    p->demand_total = loam_arena_alloc(p->arena, (S + 1) * sizeof *p->demand_total);
    p->owned = loam_arena_alloc(p->arena, R * C * T * sizeof *p->owned);
    p->earliest = no_columns(p, R * C);
    p->bought = no_columns(p, R * C * T);
    p->rented = no_columns(p, R * C * T);
    p->work = no_columns(p, S * R * C * T * B);
    p->flow = no_columns(p, S * O * R * T * B);
    p->miss = no_columns(p, S * O * T * B);
    p->spare = no_columns(p, S * R * C * T);
    p->train = no_columns(p, J * R * C * T);
    p->place = no_columns(p, J * R * C);
    p->no_run = no_columns(p, J);
    return p->orders && p->rents && p->groups && p->refusals && p->replicas && p->runs && p->demand_total && p->owned &&
           p->earliest && p->bought && p->rented && p->work && p->flow && p->miss && p->spare && p->train && p->place &&
           p->no_run;
}

static void seen_from(loam_program *p, int region, int chip, int month)
{
    int *e = &p->earliest[region * (int)p->s->n_chips + chip];
    if (month < *e)
        *e = month < 0 ? 0 : month;
}

static void owned_servers(loam_program *p)
{
    const loam_scenario *s = p->s;
    for (size_t i = 0; i < s->n_owned; i++) {
        const loam_owned *w = &s->owned[i];
        for (int t = w->from > 0 ? w->from : 0; t < s->months && t < w->until; t++) {
            p->owned[loam_at_rct(s, w->region, w->chip, t)] += w->servers;
            seen_from(p, w->region, w->chip, t);
        }
    }
}

static void order_columns(loam_program *p)
{
    const loam_scenario *s = p->s;
    for (size_t i = 0; i < s->n_supplies; i++)
        for (size_t r = 0; r < s->n_regions; r++) {
            const loam_supply *u = &s->supplies[i];
            if (u->regions && !u->regions[r])
                continue;
            for (int t = 0; t < s->months; t += s->order_every) {
                int arrives = t + u->lead_months;
                if (arrives >= s->months)
                    continue; /* it would only cost */
                loam_order_col *o = &p->orders[p->n_orders];
                *o = (loam_order_col){
                    .supply = (int)i, .region = (int)r, .chip = u->chip, .month = t, .arrives = arrives, .used = -1};
                loam_scenario_ruling(s, u->chip, (int)r, LOAM_GET_BUY, NULL, false, arrives, &o->ruling);
                if (o->ruling.verdict > s->worst_allowed) {
                    refuse_ruling(p, "buying", u->chip, (int)r, arrives, &o->ruling);
                    continue;
                }
                o->price_usd = loam_plan_server_usd(s, u->chip, u);
                o->duty_usd = o->price_usd * o->ruling.duty;
                double most = u->per_quarter[t / 3];
                o->col = loam_lp_col(p->lp, 0, most >= 0 ? most : INFINITY, true);
                seen_from(p, (int)r, u->chip, arrives);
                p->n_orders++;
            }
        }
}

static void rent_columns(loam_program *p)
{
    const loam_scenario *s = p->s;
    for (size_t i = 0; i < s->n_rents; i++) {
        const loam_rent *e = &s->rents[i];
        for (int t = e->from > 0 ? e->from : 0; t < s->months && t < e->until; t++) {
            loam_ruling g = {0};
            bool ok = true;
            for (int k = t; ok && k < t + e->term_months && k < s->months; k++) {
                loam_scenario_ruling(s, e->chip, e->region, LOAM_GET_RENT, e->provider_hq, false, k, &g);
                ok = g.verdict <= s->worst_allowed;
                if (!ok)
                    refuse_ruling(p, "renting", e->chip, e->region, k, &g);
            }
            if (!ok)
                continue;
            double most = e->available >= 0 ? e->available : INFINITY;
            p->rents[p->n_rents++] =
                (loam_rent_col){.offer = (int)i, .month = t, .col = loam_lp_col(p->lp, 0, most, true)};
            seen_from(p, e->region, e->chip, t);
        }
    }
}

static void stock_columns(loam_program *p)
{
    const loam_scenario *s = p->s;
    for (size_t r = 0; r < s->n_regions; r++)
        for (size_t c = 0; c < s->n_chips; c++)
            for (int t = p->earliest[r * s->n_chips + c]; t < s->months; t++) {
                p->bought[loam_at_rct(s, (int)r, (int)c, t)] = loam_lp_col(p->lp, 0, INFINITY, false);
                p->rented[loam_at_rct(s, (int)r, (int)c, t)] = loam_lp_col(p->lp, 0, INFINITY, false);
            }
}

static bool route(const loam_scenario *s, int v, int o, int r, int t)
{
    const char *why;
    const loam_origin *origin = &s->origins[o];
    if (s->services[v].max_rtt_ms > 0 && origin->rtt_ms && origin->rtt_ms[r] > s->services[v].max_rtt_ms)
        return false;
    return loam_scenario_route(s, v, o, r, t, &why);
}

/* flow, work and miss of one service. */
static loam_status service_columns(loam_program *p, int v, bool serve_all, loam_err *err)
{
    const loam_scenario *s = p->s;
    const loam_service *service = &s->services[v];
    int R = (int)s->n_regions, C = (int)s->n_chips, O = (int)s->n_origins;
    bool chip_ok[LOAM_FLEET_MAX_CHIPS], any = false;
    for (int c = 0; c < C; c++) {
        loam_replica *k = &p->replicas[v * C + c];
        loam_perf_best(&s->models[service->model], service, &s->chips[c], k);
        chip_ok[c] = k->feasible && (!service->chips || service->chips[c]);
        char what[200];
        snprintf(what, sizeof what, "%s on %s", service->name, s->chips[c].chip.name);
        if (!k->feasible)
            refuse(p, what, k->why_not);
        else if (!chip_ok[c])
            refuse(p, what, "the scenario does not list this chip for the service");
        any |= chip_ok[c];
    }
    /* a mistake of the scenario, unless a drawn future made the chips slow */
    if (!any && !p->o->relax)
        LOAM_FAIL(err, INVALID, "%s:%d: service '%s' can run on no chip of this scenario: on %s, %s",
                  s->path ? s->path : "", service->line, service->name, s->chips[C - 1].chip.name,
                  p->replicas[v * C + C - 1].feasible ? "the service does not allow it"
                                                      : p->replicas[v * C + C - 1].why_not);
    for (int t = 0; t < s->months; t++) {
        bool region_ok[LOAM_FLEET_MAX_REGIONS];
        for (int r = 0; r < R; r++) {
            region_ok[r] = false;
            for (int c = 0; c < C; c++)
                region_ok[r] |= chip_ok[c] && p->earliest[r * C + c] <= t;
        }
        for (int b = 0; b < s->blocks; b++) {
            bool used[LOAM_FLEET_MAX_REGIONS] = {false};
            for (int o = 0; o < O; o++) {
                double load = loam_scenario_load(s, v, o, t, b);
                p->demand_total[v] += load;
                if (!(load > 0))
                    continue;
                for (int r = 0; r < R; r++)
                    if (region_ok[r] && route(s, v, o, r, t)) {
                        p->flow[loam_at_flow(s, v, o, r, t, b)] = loam_lp_col(p->lp, 0, INFINITY, false);
                        used[r] = true;
                    }
                if (!serve_all)
                    p->miss[loam_at_miss(s, v, o, t, b)] = loam_lp_col(p->lp, 0, load, false);
            }
            for (int r = 0; r < R; r++)
                for (int c = 0; used[r] && c < C; c++) {
                    if (!chip_ok[c] || p->earliest[r * C + c] > t)
                        continue;
                    p->work[loam_at_work(s, v, r, c, t, b)] = loam_lp_col(p->lp, 0, INFINITY, false);
                    int *y = &p->spare[loam_at_train(s, v, r, c, t)];
                    if (service->n_plus_1 && *y < 0)
                        *y = loam_lp_col(p->lp, 0, 1, true);
                }
        }
    }
    return LOAM_OK;
}

static bool run_allowed(const loam_program *p, int j, int r, int t)
{
    const loam_scenario *s = p->s;
    for (size_t i = 0; i < s->n_data_rules; i++) {
        const loam_data_rule *d = &s->data_rules[i];
        if (d->trainings && d->trainings[j] && t >= d->from && t < d->until && d->regions[r] != d->allow)
            return false;
    }
    return true;
}

/* A run stands in one place, on one chip; so that its memory floor is linear, it runs in the last months before its
 * deadline that can hold it at that floor, or in all of them if it needs more than the floor. */
static int first_month(const loam_training *j, const loam_run_perf *run)
{
    int window = j->deadline - j->start + 1;
    double months = run->min_chips > 0 ? run->chip_months / run->min_chips : window;
    int k = months >= window ? window : (int)ceil(months);
    return j->deadline - (k < 1 ? 1 : k) + 1;
}

static void training_columns(loam_program *p, int j, bool serve_all)
{
    const loam_scenario *s = p->s;
    const loam_training *run = &s->trainings[j];
    int R = (int)s->n_regions, C = (int)s->n_chips;
    for (int c = 0; c < C; c++) {
        loam_run_perf *f = &p->runs[j * C + c];
        loam_perf_training(run, &s->chips[c], 0, f);
        char what[200];
        snprintf(what, sizeof what, "%s on %s", run->name, s->chips[c].chip.name);
        if (!f->feasible) {
            refuse(p, what, f->why_not);
            continue;
        }
        if ((run->chips && !run->chips[c]) || s->chips[c].chip.link_gbps < run->min_link_gbps)
            continue;
        for (int r = 0; r < R; r++) {
            if (run->regions && !run->regions[r])
                continue;
            int first = first_month(run, f);
            if (p->earliest[r * C + c] > first)
                first = p->earliest[r * C + c];
            bool any = false;
            for (int t = first; t <= run->deadline && t < s->months; t++)
                if (run_allowed(p, j, r, t)) {
                    p->train[loam_at_train(s, j, r, c, t)] = loam_lp_col(p->lp, 0, INFINITY, false);
                    any = true;
                }
            if (any)
                p->place[(j * R + r) * C + c] = loam_lp_col(p->lp, 0, 1, true);
        }
    }
    if (!serve_all)
        p->no_run[j] = loam_lp_col(p->lp, 0, 1, true);
}

loam_status loam_program_build(const loam_scenario *s, const loam_plan_options *o, bool serve_all, loam_arena *arena,
                               loam_program **out, loam_err *err)
{
    loam_program *p = loam_arena_alloc(arena, sizeof *p);
    *out = NULL;
    if (!p)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the plan");
    *p = (loam_program){.s = s, .o = o, .arena = arena, .served_row = -1};
    p->lp = loam_lp_new();
    *out = p;
    if (!p->lp || !allocate(p))
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the plan's program");
    for (size_t i = 0; i < s->n_regions * s->n_chips; i++)
        p->earliest[i] = s->months;
    owned_servers(p);
    order_columns(p);
    rent_columns(p);
    stock_columns(p);
    for (size_t v = 0; v < s->n_services; v++) {
        LOAM_TRY(service_columns(p, (int)v, serve_all, err));
        p->weight_total += s->services[v].priority;
    }
    for (size_t j = 0; j < s->n_trainings; j++) {
        training_columns(p, (int)j, serve_all);
        p->weight_total += s->trainings[j].priority;
    }
    return loam_program_rows(p, err);
}

void loam_program_deinit(loam_program *p)
{
    if (p)
        loam_lp_free(p->lp);
}
