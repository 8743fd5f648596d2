/* What is ordered and rented: may it be had there and then, is there so much of it, and can the sites take it? */
#include <stdio.h>

#include "fleet/check_int.h"

/* "order of 12 × H20 from 'nvidia' for 'beijing' in 2025-03" */
static void order_text(const loam_check *k, const loam_plan_order *o, char *out, size_t size)
{
    const loam_scenario *s = k->s;
    snprintf(out, size, "order of %d × %.60s from '%.60s' for '%.60s' in %s", o->servers, s->chips[o->chip].chip.name,
             s->supplies[o->supply].name, s->regions[o->region].name, loam_check_date(s, o->month));
}

static void check_order(loam_check *k, size_t number)
{
    const loam_scenario *s = k->s;
    const loam_plan_order *o = &k->plan.orders[number];
    const loam_supply *u = &s->supplies[o->supply];
    char what[320];
    order_text(k, o, what, sizeof what);
    if (s->order_every > 1 && o->month % s->order_every)
        loam_check_say(k, "%s: month %d is no order month, they come every %d months", what, o->month, s->order_every);
    if (o->arrives != o->month + u->lead_months)
        loam_check_say(k, "%s: arrives in month %d, with the lead time of %d months it is month %d", what, o->arrives,
                       u->lead_months, o->month + u->lead_months);
    if (o->chip != u->chip)
        loam_check_say(k, "%s: the supply sells %s", what, s->chips[u->chip].chip.name);
    if (!loam_check_in(u->regions, o->region))
        loam_check_say(k, "%s: the supply does not deliver there", what);
    loam_ruling ruling;
    loam_scenario_ruling(s, o->chip, o->region, LOAM_GET_BUY, NULL, false, o->arrives, &ruling);
    if (ruling.verdict > s->worst_allowed)
        loam_check_say(k, "%s: the export rules say '%s' at delivery in %s (%s), the worst allowed is '%s'", what,
                       loam_verdict_name(ruling.verdict), loam_check_date(s, o->arrives),
                       ruling.n_hits ? ruling.hits[0].id : "", loam_verdict_name(s->worst_allowed));
    if (ruling.verdict != o->verdict)
        loam_check_say(k, "%s: the verdict is printed as '%s', the export rules say '%s'", what,
                       loam_verdict_name(o->verdict), loam_verdict_name(ruling.verdict));
    if (loam_check_differ(o->usd, k->cash.order_usd[number], k->cash.order_usd[number]))
        loam_check_say(k, "%s: printed as %.9g USD, it costs %.9g", what, o->usd, k->cash.order_usd[number]);
}

/* Sums over the orders of a supply: by quarter, and by region and month. */
static void check_supply(loam_check *k, int supply)
{
    const loam_scenario *s = k->s;
    const loam_supply *u = &s->supplies[supply];
    double by_quarter[LOAM_FLEET_MAX_MONTHS / 3] = {0};
    for (size_t i = 0; i < k->plan.n_orders; i++) {
        const loam_plan_order *o = &k->plan.orders[i];
        if (o->supply != supply)
            continue;
        by_quarter[o->month / 3] += o->servers;
        double lot = 0; /* orders of one region and month are one lot, however many lines they are printed on */
        bool first = true;
        for (size_t j = 0; j < k->plan.n_orders; j++) {
            const loam_plan_order *other = &k->plan.orders[j];
            if (other->supply != supply || other->region != o->region || other->month != o->month)
                continue;
            first = first && j >= i;
            lot += other->servers;
        }
        if (first && lot > 0 && lot < u->min_order)
            loam_check_say(k, "supply '%s': an order of %.0f servers for '%s' in %s, the least is %d", u->name, lot,
                           s->regions[o->region].name, loam_check_date(s, o->month), u->min_order);
    }
    for (int q = 0; 3 * q < s->months; q++) {
        if (u->per_quarter[q] >= 0 && loam_check_over(by_quarter[q], u->per_quarter[q], by_quarter[q]))
            loam_check_say(k, "supply '%s': %.0f servers are ordered in the quarter from %s, there are %.9g", u->name,
                           by_quarter[q], loam_check_date(s, 3 * q), u->per_quarter[q]);
    }
}

void loam_check_orders(loam_check *k)
{
    for (size_t i = 0; i < k->plan.n_orders; i++)
        check_order(k, i);
    for (size_t u = 0; u < k->s->n_supplies; u++)
        check_supply(k, (int)u);
}

static void check_rent(loam_check *k, size_t number)
{
    const loam_scenario *s = k->s;
    const loam_plan_rent *e = &k->plan.rents[number];
    const loam_rent *offer = &s->rents[e->offer];
    char what[320];
    snprintf(what, sizeof what, "rent of %d × %.60s by '%.60s' in '%.60s' from %s", e->servers,
             s->chips[e->chip].chip.name, offer->name, s->regions[e->region].name, loam_check_date(s, e->month));
    if (e->region != offer->region || e->chip != offer->chip)
        loam_check_say(k, "%s: the offer is %s in '%s'", what, s->chips[offer->chip].chip.name,
                       s->regions[offer->region].name);
    if (e->month < offer->from || e->month >= offer->until)
        loam_check_say(k, "%s: starts in month %d, the offer is for months %d to %d", what, e->month, offer->from,
                       offer->until - 1);
    int until = e->month + offer->term_months;
    /* past the end of the horizon it is all the same */
    if (e->until != until && (e->until < s->months || until < s->months))
        loam_check_say(k, "%s: ends before month %d, with its term of %d months it ends before month %d", what,
                       e->until, offer->term_months, until);
    for (int t = e->month; t < e->until && t < s->months; t++) {
        loam_ruling ruling;
        loam_scenario_ruling(s, e->chip, e->region, LOAM_GET_RENT, offer->provider_hq, false, t, &ruling);
        if (ruling.verdict > s->worst_allowed) {
            loam_check_say(k, "%s: the export rules say '%s' in %s (%s), the worst allowed is '%s'", what,
                           loam_verdict_name(ruling.verdict), loam_check_date(s, t),
                           ruling.n_hits ? ruling.hits[0].id : "", loam_verdict_name(s->worst_allowed));
            break;
        }
    }
    if (loam_check_differ(e->usd, k->cash.rent_usd[number], k->cash.rent_usd[number]))
        loam_check_say(k, "%s: printed as %.9g USD, it costs %.9g", what, e->usd, k->cash.rent_usd[number]);
}

void loam_check_rents(loam_check *k)
{
    const loam_scenario *s = k->s;
    for (size_t i = 0; i < k->plan.n_rents; i++)
        check_rent(k, i);
    for (size_t e = 0; e < s->n_rents; e++) {
        for (int t = 0; t < s->months && s->rents[e].available >= 0; t++) {
            double running = 0;
            for (size_t i = 0; i < k->plan.n_rents; i++) {
                const loam_plan_rent *p = &k->plan.rents[i];
                if (p->offer == (int)e && p->month <= t && t < p->until)
                    running += p->servers;
            }
            if (loam_check_over(running, s->rents[e].available, running))
                loam_check_say(k, "offer '%s': %.0f servers are rented in %s, there are %.9g", s->rents[e].name,
                               running, loam_check_date(s, t), s->rents[e].available);
        }
    }
}

static void check_power(loam_check *k, int region, int month)
{
    const loam_scenario *s = k->s;
    double kw = 0, arriving = 0;
    for (size_t c = 0; c < s->n_chips; c++)
        kw += s->chips[c].chip.server_kw * k->standing.drawing[loam_check_at(s, region, (int)c, month)];
    for (size_t i = 0; i < k->plan.n_orders; i++) {
        const loam_plan_order *o = &k->plan.orders[i];
        arriving += o->region == region && o->arrives == month ? o->servers : 0;
    }
    const loam_region *r = &s->regions[region];
    if (loam_check_over(kw, r->power_kw[month], kw))
        loam_check_say(k, "power: region '%s' draws %.9g kW in %s, it has %.9g", r->name, kw, loam_check_date(s, month),
                       r->power_kw[month]);
    if (r->install_per_month > 0 && arriving > r->install_per_month)
        loam_check_say(k, "installation: %.0f servers arrive in region '%s' in %s, %d can be put up in a month",
                       arriving, r->name, loam_check_date(s, month), r->install_per_month);
}

static void check_chip_types(loam_check *k, int region)
{
    const loam_scenario *s = k->s;
    bool seen[LOAM_FLEET_MAX_CHIPS] = {false};
    int n = 0;
    for (size_t i = 0; i < k->plan.n_orders + k->plan.n_rents; i++) {
        bool is_order = i < k->plan.n_orders;
        const loam_plan_order *o = &k->plan.orders[is_order ? i : 0];
        const loam_plan_rent *e = &k->plan.rents[is_order ? 0 : i - k->plan.n_orders];
        int chip = is_order ? o->chip : e->chip;
        if ((is_order ? o->region : e->region) != region || (is_order ? o->servers : e->servers) <= 0 || seen[chip])
            continue;
        seen[chip] = true;
        n++;
    }
    if (s->max_chip_types > 0 && n > s->max_chip_types)
        loam_check_say(k, "chip types: region '%s' gets %d, at most %d are wanted", s->regions[region].name, n,
                       s->max_chip_types);
}

/* The printed table of what stands where. Rows that are left out say that nothing does. */
static loam_status check_stock(loam_check *k, loam_err *err)
{
    const loam_scenario *s = k->s;
    size_t cells = s->n_regions * s->n_chips * (size_t)s->months;
    double(*printed)[3] = loam_arena_alloc(k->arena, cells * sizeof *printed);
    if (!printed)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the servers of %zu places, chips and months", cells);
    for (size_t i = 0; i < k->plan.n_stock; i++) {
        const loam_plan_stock *row = &k->plan.stock[i];
        double *cell = printed[loam_check_at(s, row->region, row->chip, row->month)];
        cell[0] += row->owned;
        cell[1] += row->rented;
        cell[2] += row->power_kw;
    }
    static const char *const what[] = {"owned servers", "rented servers", "kW"};
    for (size_t at = 0; at < cells; at++) {
        int month = (int)(at % (size_t)s->months), chip = (int)(at / (size_t)s->months % s->n_chips);
        int region = (int)(at / (size_t)s->months / s->n_chips);
        const double stands[] = {k->standing.owned[at] + k->standing.bought[at], k->standing.rented[at],
                                 k->standing.drawing[at] * s->chips[chip].chip.server_kw};
        for (int i = 0; i < 3; i++) {
            if (loam_check_differ(printed[at][i], stands[i], stands[i]))
                loam_check_say(k, "stock: %.9g %s of %s are printed for '%s' in %s, there are %.9g", printed[at][i],
                               what[i], s->chips[chip].chip.name, s->regions[region].name, loam_check_date(s, month),
                               stands[i]);
        }
    }
    return LOAM_OK;
}

loam_status loam_check_sites(loam_check *k, loam_err *err)
{
    for (size_t r = 0; r < k->s->n_regions; r++) {
        for (int t = 0; t < k->s->months; t++)
            check_power(k, (int)r, t);
        check_chip_types(k, (int)r);
    }
    return check_stock(k, err);
}

/* month −1: all of them. */
static void check_share(loam_check *k, const loam_share *share, int month)
{
    static const char *const measures[] = {"spend (USD)", "units (chips)", "TPP", "power (kW)"};
    const loam_scenario *s = k->s;
    double group = 0, all = 0;
    for (size_t i = 0; i < k->plan.n_orders; i++) {
        const loam_plan_order *o = &k->plan.orders[i];
        if (!loam_check_in(share->regions, o->region) || (month >= 0 && o->month != month))
            continue;
        const loam_chip *chip = &s->chips[o->chip].chip;
        double amount = 0;
        switch (share->measure) {
        case LOAM_MEASURE_SPEND:
            amount = loam_server_usd(s, &s->supplies[o->supply]);
            break;
        case LOAM_MEASURE_UNITS:
            amount = chip->per_server;
            break;
        case LOAM_MEASURE_TPP:
            amount = chip->tpp * chip->per_server;
            break;
        case LOAM_MEASURE_POWER:
            amount = chip->server_kw;
            break;
        }
        all += amount * o->servers;
        group += loam_check_in(share->group, o->chip) ? amount * o->servers : 0;
    }
    if (all <= 0)
        return;
    const char *when = month < 0 ? "all" : loam_check_date(s, month);
    if (loam_check_over(share->min * all, group, all))
        loam_check_say(k, "share '%s': the group has %.9g of %.9g %s in %s, at least %.9g must be its", share->name,
                       group, all, measures[share->measure], when, share->min * all);
    if (loam_check_over(group, share->max * all, all))
        loam_check_say(k, "share '%s': the group has %.9g of %.9g %s in %s, at most %.9g may be its", share->name,
                       group, all, measures[share->measure], when, share->max * all);
}

void loam_check_shares(loam_check *k)
{
    for (size_t i = 0; i < k->s->n_shares; i++) {
        const loam_share *share = &k->s->shares[i];
        if (!share->each_period)
            check_share(k, share, -1);
        for (int t = 0; share->each_period && t < k->s->months; t++)
            check_share(k, share, t);
    }
}
