/* Futures. Every number comes from Philox with a counter that names what it is for, so that adding a service or a chip
 * leaves the draws of the others as they were.
 *
 *   demand   exp(σ·(√c·z + √(1−c)·z_i)) for service i: the scenario's figure is the median, c the common part
 *   prices   exp(σ·z_c) for chip c, for what is bought; another for all offers that rent it
 *   power    exp(σ·z_r) on the price of electricity in region r, all its tariffs
 *   speed    exp(σ·z_c) on what chip c does
 *   supply   each supply is late by late_months with late_probability, in all its deliveries
 *   rules    each event happens with its own probability; then its rule counts in its months */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "fleet/doubt_int.h"

enum stream { DEMAND, PRICE, RENT, POWER, SPEED, LATE, EVENT, N_STREAMS };
enum { COMMON = 1 << 20 }; /* item number of what all share */

double loam_draw_normal(unsigned long seed, unsigned long stream, unsigned long item)
{
    uint32_t w[4];
    loam_rng_philox(seed, item, stream, w);
    double u = ((double)((((uint64_t)w[0] << 32) | w[1]) >> 11) + 0.5) * 0x1p-53; /* never 0 */
    double v = (double)((((uint64_t)w[2] << 32) | w[3]) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static bool happens(double probability, unsigned long seed, unsigned long stream, unsigned long item)
{
    uint32_t w[4];
    loam_rng_philox(seed, item, stream, w);
    return ((double)w[0] + 0.5) * 0x1p-32 < probability;
}

loam_status loam_drawn_copy(const loam_scenario *s, loam_drawn *out, loam_err *err)
{
    memset(out, 0, sizeof *out);
    out->s = *s;
    out->s.arena = NULL;
    out->demand = 1;
    out->arena = loam_arena_new(0);
    out->price = out->arena ? loam_arena_alloc(out->arena, s->n_chips * sizeof(double)) : NULL;
    out->rent = out->price ? loam_arena_alloc(out->arena, s->n_chips * sizeof(double)) : NULL;
    if (!out->rent) {
        loam_arena_free(out->arena);
        out->arena = NULL;
        LOAM_FAIL(err, NO_MEMORY, "out of memory for a changed copy of the scenario");
    }
    for (size_t c = 0; c < s->n_chips; c++)
        out->price[c] = out->rent[c] = 1;
    return LOAM_OK;
}

void loam_drawn_free(loam_drawn *d)
{
    loam_arena_free(d->arena);
    d->arena = NULL;
}

/* A copy of n items, to be changed. Copying a copy again costs memory and nothing else. */
static void *own(loam_drawn *d, const void *items, size_t n, size_t size)
{
    void *copy = loam_arena_alloc(d->arena, n * size);
    if (copy && n)
        memcpy(copy, items, n * size);
    return copy;
}

bool loam_drawn_demand(loam_drawn *d, int service, double factor)
{
    size_t n = (size_t)d->s.months * d->s.n_origins;
    loam_service *services = own(d, d->s.services, d->s.n_services, sizeof *services);
    double *per_day = services ? own(d, services[service].per_day, n, sizeof *per_day) : NULL;
    if (!per_day)
        return false;
    for (size_t i = 0; i < n; i++)
        per_day[i] *= factor;
    services[service].per_day = per_day;
    d->s.services = services;
    return true;
}

bool loam_drawn_chip(loam_drawn *d, int chip, double price_factor, double scale_factor)
{
    loam_fleet_chip *chips = own(d, d->s.chips, d->s.n_chips, sizeof *chips);
    if (!chips)
        return false;
    chips[chip].price_usd *= price_factor;
    chips[chip].scale *= scale_factor;
    d->s.chips = chips;
    return true;
}

bool loam_drawn_rent(loam_drawn *d, int offer, double factor)
{
    loam_rent *rents = own(d, d->s.rents, d->s.n_rents, sizeof *rents);
    if (!rents)
        return false;
    rents[offer].usd_per_chip_hour *= factor;
    d->s.rents = rents;
    return true;
}

bool loam_drawn_power(loam_drawn *d, int region, double factor)
{
    loam_region *regions = own(d, d->s.regions, d->s.n_regions, sizeof *regions);
    if (!regions)
        return false;
    for (int t = 0; t < LOAM_FLEET_MAX_MONTHS; t++)
        regions[region].power_kw[t] *= factor;
    d->s.regions = regions;
    return true;
}

bool loam_drawn_tariff(loam_drawn *d, int region, double factor)
{
    loam_region *regions = own(d, d->s.regions, d->s.n_regions, sizeof *regions);
    if (!regions)
        return false;
    loam_region *r = &regions[region];
    r->usd_per_kwh *= factor;
    r->tariffs = own(d, r->tariffs, r->n_tariffs, sizeof *r->tariffs);
    if (!r->tariffs)
        return false;
    for (size_t i = 0; i < r->n_tariffs; i++)
        r->tariffs[i].usd_per_kwh *= factor;
    d->s.regions = regions;
    return true;
}

bool loam_drawn_budget(loam_drawn *d, int budget, double factor)
{
    loam_budget *budgets = own(d, d->s.budgets, d->s.n_budgets, sizeof *budgets);
    if (!budgets)
        return false;
    budgets[budget].usd *= factor;
    d->s.budgets = budgets;
    return true;
}

bool loam_drawn_late(loam_drawn *d, int supply, int months)
{
    loam_supply *supplies = own(d, d->s.supplies, d->s.n_supplies, sizeof *supplies);
    if (!supplies)
        return false;
    supplies[supply].lead_months += months;
    d->s.supplies = supplies;
    return true;
}

bool loam_drawn_without_share(loam_drawn *d, int share)
{
    loam_share *shares = own(d, d->s.shares, d->s.n_shares, sizeof *shares);
    if (!shares)
        return false;
    memmove(shares + share, shares + share + 1, (d->s.n_shares - (size_t)share - 1) * sizeof *shares);
    d->s.shares = shares;
    d->s.n_shares--;
    return true;
}

bool loam_drawn_without_data_rule(loam_drawn *d, int rule)
{
    loam_data_rule *rules = own(d, d->s.data_rules, d->s.n_data_rules, sizeof *rules);
    if (!rules)
        return false;
    memmove(rules + rule, rules + rule + 1, (d->s.n_data_rules - (size_t)rule - 1) * sizeof *rules);
    d->s.data_rules = rules;
    d->s.n_data_rules--;
    return true;
}

bool loam_drawn_without_rules(loam_drawn *d, const char *const *ids, size_t n)
{
    size_t before = d->s.rules.n_dropped;
    const char **longer = loam_arena_alloc(d->arena, (before + n) * sizeof *longer);
    if (!longer)
        return false;
    if (before)
        memcpy(longer, d->s.rules.dropped, before * sizeof *longer);
    if (n)
        memcpy(longer + before, ids, n * sizeof *longer);
    d->s.rules.dropped = longer;
    d->s.rules.n_dropped += n;
    return true;
}

bool loam_drawn_with_event(loam_drawn *d, int event)
{
    const struct loam_rule_event *e = &d->s.doubt.events[event];
    struct loam_rule_span *spans = loam_arena_alloc(d->arena, (d->s.rules.n_spans + 1) * sizeof *spans);
    if (!spans)
        return false;
    if (d->s.rules.n_spans)
        memcpy(spans, d->s.rules.spans, d->s.rules.n_spans * sizeof *spans);
    int until = e->until < 12000 ? e->until : 12000; /* a thousand years are for ever */
    spans[d->s.rules.n_spans++] =
        (struct loam_rule_span){e->rule, loam_month_first(d->s.start + e->from), loam_month_first(d->s.start + until)};
    d->s.rules.spans = spans;
    return true;
}

static bool draw_demand(loam_drawn *d, const loam_doubt *doubt, unsigned long seed, unsigned long first)
{
    double all = loam_draw_normal(seed, first + DEMAND, COMMON), sum = 0;
    for (size_t i = 0; i < d->s.n_services; i++) {
        double own_part = loam_draw_normal(seed, first + DEMAND, i);
        double z = sqrt(doubt->demand_common) * all + sqrt(1 - doubt->demand_common) * own_part;
        double factor = exp(doubt->demand_sigma * z);
        sum += factor;
        if (!loam_drawn_demand(d, (int)i, factor))
            return false;
    }
    d->demand = d->s.n_services ? sum / (double)d->s.n_services : 1;
    return true;
}

static bool draw_chips(loam_drawn *d, const loam_doubt *doubt, unsigned long seed, unsigned long first)
{
    for (size_t c = 0; c < d->s.n_chips; c++) {
        d->price[c] = exp(doubt->price_sigma * loam_draw_normal(seed, first + PRICE, c));
        d->rent[c] = exp(doubt->rent_sigma * loam_draw_normal(seed, first + RENT, c));
        double speed = exp(doubt->perf_sigma * loam_draw_normal(seed, first + SPEED, c));
        if (!loam_drawn_chip(d, (int)c, d->price[c], speed))
            return false;
    }
    for (size_t e = 0; e < d->s.n_rents; e++) {
        if (!loam_drawn_rent(d, (int)e, d->rent[d->s.rents[e].chip]))
            return false;
    }
    return true;
}

static bool draw_rest(loam_drawn *d, const loam_doubt *doubt, unsigned long seed, unsigned long first)
{
    for (size_t r = 0; r < d->s.n_regions; r++) {
        if (!loam_drawn_tariff(d, (int)r, exp(doubt->power_sigma * loam_draw_normal(seed, first + POWER, r))))
            return false;
    }
    for (size_t u = 0; u < d->s.n_supplies; u++) {
        if (happens(doubt->late_probability, seed, first + LATE, u) && !loam_drawn_late(d, (int)u, doubt->late_months))
            return false;
    }
    for (size_t e = 0; e < doubt->n_events; e++) {
        if (!happens(doubt->events[e].probability, seed, first + EVENT, e))
            continue;
        d->n_events++;
        if (!loam_drawn_with_event(d, (int)e))
            return false;
    }
    return true;
}

loam_status loam_future_draw(const loam_scenario *s, unsigned long seed, int future, loam_drawn *out, loam_err *err)
{
    unsigned long first = (unsigned long)future * N_STREAMS;
    LOAM_TRY(loam_drawn_copy(s, out, err));
    if (!draw_demand(out, &s->doubt, seed, first) || !draw_chips(out, &s->doubt, seed, first) ||
        !draw_rest(out, &s->doubt, seed, first)) {
        loam_drawn_free(out);
        LOAM_FAIL(err, NO_MEMORY, "out of memory for future %d", future);
    }
    out->s.goal = LOAM_GOAL_MOST_SERVED; /* a future that cannot all be served is still a future */
    return LOAM_OK;
}
