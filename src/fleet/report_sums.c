/* Sums over a plan that more than one report shows, so that all of them show the same numbers. */
#include <math.h>
#include <string.h>

#include "fleet/report_int.h"

static double *space(loam_fleet_sums *m, size_t n, bool *ok)
{
    double *d = n <= ((size_t)1 << 24) ? loam_arena_alloc(m->arena, n * sizeof *d) : NULL;
    *ok = *ok && d;
    return d;
}

/* The block of the day with most demand over all origins: a fleet is sized for it. */
static void sum_demand(loam_fleet_sums *m, const loam_scenario *s, int service, int month)
{
    size_t at = (size_t)service * (size_t)m->months + (size_t)month;
    for (int b = 0; b < s->blocks; b++) {
        double load = 0;
        for (int o = 0; o < (int)s->n_origins; o++) {
            load += loam_scenario_load(s, service, o, month, b);
            m->demand_day[at] += loam_scenario_load_mean(s, service, o, month, b) * 86400 / s->blocks;
        }
        if (load > m->demand[at]) {
            m->demand[at] = load;
            m->busiest[at] = b;
        }
    }
    m->served[at] = m->demand[at];
    m->served_day[at] = m->demand_day[at];
}

static void sum_misses(loam_fleet_sums *m, const loam_scenario *s, const loam_plan *p)
{
    for (size_t i = 0; i < p->n_miss; i++) {
        const loam_plan_miss *x = &p->miss[i];
        size_t at = (size_t)x->service * (size_t)m->months + (size_t)x->month;
        if (m->busiest[at] == x->block)
            m->served[at] -= x->load;
        if (x->demand > 0) {
            double mean = loam_scenario_load_mean(s, x->service, x->origin, x->month, x->block);
            m->served_day[at] -= mean * (x->load / x->demand) * 86400 / s->blocks;
        }
    }
    for (size_t i = 0; i < m->services * (size_t)m->months; i++) {
        m->served[i] = fmax(0, m->served[i]);
        m->served_day[i] = fmax(0, m->served_day[i]);
    }
}

static void sum_hardware(loam_fleet_sums *m, const loam_scenario *s, const loam_plan *p)
{
    size_t months = (size_t)m->months;
    for (size_t i = 0; i < p->n_orders; i++) {
        const loam_plan_order *o = &p->orders[i];
        m->bought[((size_t)o->region * m->chips + (size_t)o->chip) * months + (size_t)o->month] += o->servers;
        m->servers_bought += o->servers;
        m->chips_bought += (double)o->servers * s->chips[o->chip].chip.per_server;
        m->chip_used[o->chip] = true;
    }
    for (size_t i = 0; i < p->n_rents; i++) {
        const loam_plan_rent *r = &p->rents[i];
        m->rented[((size_t)r->region * m->chips + (size_t)r->chip) * months + (size_t)r->month] += r->servers;
        m->servers_rented += r->servers;
        m->chip_used[r->chip] = true;
    }
    for (size_t i = 0; i < p->n_stock; i++) {
        const loam_plan_stock *k = &p->stock[i];
        double all = k->owned + k->rented;
        m->power_kw[(size_t)k->region * months + (size_t)k->month] += k->power_kw;
        m->fleet[(size_t)k->chip * months + (size_t)k->month] += all;
        m->use[0][k->month] += k->busy;
        m->use[1][k->month] += k->training;
        m->use[2][k->month] += k->spare;
        m->use[3][k->month] += fmax(0, all - k->busy - k->training - k->spare);
        if (all > 0)
            m->chip_used[k->chip] = true;
    }
}

bool loam_fleet_sums_init(loam_fleet_sums *m, const loam_scenario *s, const loam_plan *p)
{
    *m = (loam_fleet_sums){.arena = loam_arena_new(0),
                           .months = s->months,
                           .regions = s->n_regions,
                           .chips = s->n_chips,
                           .services = s->n_services};
    if (!m->arena || s->months < 1 || s->months > LOAM_FLEET_MAX_MONTHS)
        return false;
    bool ok = true;
    size_t months = (size_t)s->months, loads = m->services * months;
    m->busiest = loam_arena_alloc(m->arena, loads * sizeof *m->busiest);
    m->demand = space(m, loads, &ok);
    m->served = space(m, loads, &ok);
    m->demand_day = space(m, loads, &ok);
    m->served_day = space(m, loads, &ok);
    m->by_chip = space(m, loads * m->chips, &ok);
    m->bought = space(m, m->regions * m->chips * months, &ok);
    m->rented = space(m, m->regions * m->chips * months, &ok);
    m->power_kw = space(m, m->regions * months, &ok);
    m->fleet = space(m, m->chips * months, &ok);
    m->chip_used = loam_arena_alloc(m->arena, m->chips * sizeof *m->chip_used);
    m->colour = loam_arena_alloc(m->arena, m->chips * sizeof *m->colour);
    if (!ok || !m->busiest || !m->chip_used || !m->colour)
        return false;
    for (int v = 0; v < (int)m->services; v++)
        for (int t = 0; t < s->months; t++)
            sum_demand(m, s, v, t);
    if (p->status == LOAM_PLAN_INFEASIBLE && !p->n_work) {
        memset(m->served, 0, loads * sizeof *m->served);
        memset(m->served_day, 0, loads * sizeof *m->served_day);
    }
    sum_misses(m, s, p);
    for (size_t i = 0; i < p->n_work; i++) {
        const loam_plan_work *k = &p->work[i];
        if (k->block == m->busiest[(size_t)k->service * months + (size_t)k->month])
            m->by_chip[((size_t)k->service * m->chips + (size_t)k->chip) * months + (size_t)k->month] += k->load;
    }
    sum_hardware(m, s, p);
    for (size_t i = 0; p->spend && i < months * m->regions; i++) {
        m->capex += p->spend[3 * i];
        m->rent += p->spend[3 * i + 1];
        m->running += p->spend[3 * i + 2];
    }
    int colours = 0;
    for (size_t c = 0; c < m->chips; c++)
        m->colour[c] = m->chip_used[c] ? colours++ : -1;
    return true;
}

void loam_fleet_sums_deinit(loam_fleet_sums *m)
{
    loam_arena_free(m->arena);
    *m = (loam_fleet_sums){0};
}

double loam_limit_worth(const loam_plan_limit *l)
{
    double unit = isfinite(l->limit) && l->limit != 0 ? fabs(l->limit) / 100 : 1;
    return fabs(l->worth) * unit;
}

size_t loam_plan_binding(const loam_plan *p, size_t max, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_limits; i++) {
        if (!p->limits[i].binds)
            continue;
        size_t at = n;
        while (at > 0 && loam_limit_worth(&p->limits[out[at - 1]]) < loam_limit_worth(&p->limits[i]))
            at--;
        if (at >= max)
            continue;
        if (n < max)
            n++;
        memmove(out + at + 1, out + at, (n - 1 - at) * sizeof *out);
        out[at] = i;
    }
    return n;
}

bool loam_plan_serves_all(const loam_plan *p)
{
    return p->served_share >= 1 - 1e-7;
}

int loam_plan_run_done(const loam_scenario *s, const loam_plan *p, int training, int *region, int *chip, double *needed,
                       double *done)
{
    int last = -1;
    *region = *chip = -1;
    *needed = *done = 0;
    for (size_t i = 0; i < p->n_training; i++) {
        const loam_plan_training *t = &p->training[i];
        if (t->training != training || t->chip_months <= 0)
            continue;
        *done += t->chip_months;
        *region = t->region;
        *chip = t->chip;
        last = t->month > last ? t->month : last;
    }
    if (*chip >= 0 && p->runs)
        *needed = p->runs[(size_t)training * s->n_chips + (size_t)*chip].chip_months;
    return last;
}

/* How much a flip changes: the cost, as a share; what is served; a plan that no longer fits comes before all others. */
static double weight(const loam_plan *p, const loam_flip *f)
{
    if (!f->feasible)
        return INFINITY;
    return fabs(f->cost - p->cost.total) / fmax(1, fabs(p->cost.total)) + 2 * fabs(f->served - p->served_share) +
           1e-3 * f->moved;
}

size_t loam_doubt_top_flips(const loam_plan *p, const loam_doubt_result *d, size_t max, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_flips; i++) {
        size_t at = n;
        while (at > 0 && weight(p, &d->flips[out[at - 1]]) < weight(p, &d->flips[i]))
            at--;
        if (at >= max)
            continue;
        if (n < max)
            n++;
        memmove(out + at + 1, out + at, (n - 1 - at) * sizeof *out);
        out[at] = i;
    }
    return n;
}
