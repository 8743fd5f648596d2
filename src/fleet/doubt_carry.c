/* A plan's orders in a future. What is ordered stays ordered: each order is delivered with the future's lead time,
 * unless the rules of the day bar it (then it is neither delivered nor paid). Delivered servers wait until the site has
 * power and hands for them. In the program they then are owned servers, and there is nothing to order, so that only
 * rents, routing and what stays unserved are left to choose; what the orders cost is counted here.
 *
 * Budgets hold for what is still free: when the orders alone, at the future's prices, break one, it is taken to be as
 * large as they are. */
#include <math.h>
#include <string.h>

#include "fleet/doubt_int.h"

static int first_months(const loam_scenario *s, int month)
{
    return month < s->months ? month : s->months;
}

/* The orders that are delivered, with the months in which they are. */
static loam_status deliver(loam_drawn *d, const loam_plan *p, loam_plan *kept, loam_carried *out, loam_err *err)
{
    const loam_scenario *s = &d->s;
    size_t cells = s->n_regions * s->n_chips * (size_t)s->months, places = s->n_regions * s->n_chips;
    kept->orders = loam_arena_alloc(d->arena, p->n_orders * sizeof *kept->orders);
    out->delivered = loam_arena_alloc(d->arena, cells * sizeof(double));
    out->installed = loam_arena_alloc(d->arena, cells * sizeof(double));
    out->server_usd = loam_arena_alloc(d->arena, places * sizeof(double));
    double *servers = loam_arena_alloc(d->arena, places * sizeof(double));
    if (!kept->orders || !out->delivered || !out->installed || !out->server_usd || !servers)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the deliveries of a future");
    for (size_t i = 0; i < p->n_orders; i++) {
        loam_plan_order o = p->orders[i];
        loam_ruling ruling;
        o.arrives = o.month + s->supplies[o.supply].lead_months;
        loam_scenario_ruling(s, o.chip, o.region, LOAM_GET_BUY, NULL, false, o.arrives, &ruling);
        if (ruling.verdict > s->worst_allowed) {
            out->lost += o.servers;
            continue;
        }
        size_t place = (size_t)o.region * s->n_chips + (size_t)o.chip;
        servers[place] += o.servers;
        out->server_usd[place] += o.servers * loam_server_usd(s, &s->supplies[o.supply]);
        for (int t = first_months(s, o.arrives); t < s->months; t++)
            out->delivered[loam_check_at(s, o.region, o.chip, t)] += o.servers;
        kept->orders[kept->n_orders++] = o;
    }
    for (size_t i = 0; i < places; i++)
        out->server_usd[i] = servers[i] > 0 ? out->server_usd[i] / servers[i] : 0;
    return LOAM_OK;
}

static double drawn_kw(const loam_scenario *s, const loam_standing *owned, const loam_carried *out, int region,
                       int month)
{
    double kw = 0;
    for (int c = 0; c < (int)s->n_chips; c++) {
        size_t at = loam_check_at(s, region, c, month);
        kw += s->chips[c].chip.server_kw * (owned->owned[at] + out->installed[at]);
    }
    return kw;
}

/* Servers of one region go up as they arrive, in the order of the chips, while there is power for them from then on to
 * the end; the others wait for the next month. */
static void install(const loam_scenario *s, const loam_standing *owned, loam_carried *out, int region, loam_owned *list,
                    size_t *n_list)
{
    const loam_region *site = &s->regions[region];
    for (int t = 0; t < s->months; t++) {
        double hands = site->install_per_month > 0 ? site->install_per_month : INFINITY;
        for (int c = 0; c < (int)s->n_chips; c++) {
            size_t at = loam_check_at(s, region, c, t);
            double waits = out->delivered[at] - out->installed[at], kw = s->chips[c].chip.server_kw, room = INFINITY;
            if (waits < 1)
                continue;
            for (int u = t; u < s->months; u++)
                room = fmin(room, site->power_kw[u] - drawn_kw(s, owned, out, region, u));
            double n = fmin(fmin(waits, hands), kw > 0 ? floor(fmax(room, 0) / kw + 1e-9) : waits);
            if (n < 1)
                continue;
            hands -= n;
            for (int u = t; u < s->months; u++)
                out->installed[loam_check_at(s, region, c, u)] += n;
            list[(*n_list)++] = (loam_owned){0, region, c, (int)n, t, LOAM_FLEET_ALWAYS};
        }
    }
}

/* What a cash account holds of a budget's money. */
static double in_budget(const loam_scenario *s, const loam_cash *cash, const loam_budget *b)
{
    static const int bits[] = {LOAM_SPEND_CAPEX, LOAM_SPEND_RENT, LOAM_SPEND_RUNNING};
    double usd = 0;
    for (int r = 0; r < (int)s->n_regions; r++) {
        for (int c = 0; c < (int)s->n_chips; c++) {
            if (!loam_check_in(b->regions, r) || !loam_check_in(b->chips, c))
                continue;
            for (int t = b->from; t < b->until && t < s->months; t++) {
                for (int kind = 0; kind < LOAM_CASH_KINDS; kind++)
                    usd += b->spend & bits[kind] ? cash->by_kind[kind][loam_check_at(s, r, c, t)] : 0;
            }
        }
    }
    return usd;
}

/* The program sees the owned servers' energy and colocation but not what the orders cost, nor their operations. */
static loam_status charge(loam_drawn *d, const loam_plan *kept, loam_carried *out, loam_err *err)
{
    loam_scenario *s = &d->s;
    const loam_plan nothing = {0};
    loam_standing stands, dark;
    loam_cash all, unseen;
    size_t cells = s->n_regions * s->n_chips * (size_t)s->months;
    LOAM_TRY(loam_standing_count(s, &nothing, d->arena, &stands, err));
    LOAM_TRY(loam_standing_count(s, &nothing, d->arena, &dark, err));
    memset(dark.drawing, 0, cells * sizeof(double));
    LOAM_TRY(loam_cash_count(s, kept, &stands, d->arena, &all, err));
    LOAM_TRY(loam_cash_count(s, kept, &dark, d->arena, &unseen, err));
    out->usd = unseen.present.total;
    loam_budget *budgets = loam_arena_alloc(d->arena, s->n_budgets * sizeof *budgets);
    if (!budgets)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the budgets of a future");
    for (size_t i = 0; i < s->n_budgets; i++) {
        budgets[i] = s->budgets[i];
        double bound = in_budget(s, &all, &budgets[i]);
        budgets[i].usd = fmax(budgets[i].usd, bound * (1 + 1e-9)) - in_budget(s, &unseen, &budgets[i]);
    }
    s->budgets = budgets;
    return LOAM_OK;
}

loam_status loam_linear_cost(const loam_scenario *s, const loam_plan *p, double *out, loam_err *err)
{
    const loam_plan nothing = {0};
    loam_standing owned;
    loam_cash cash = {0};
    loam_arena *arena = loam_arena_new(0);
    if (!arena)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the cost of owned servers");
    loam_status status = loam_standing_count(s, &nothing, arena, &owned, err);
    if (status == LOAM_OK)
        status = loam_cash_count(s, &nothing, &owned, arena, &cash, err);
    *out = p->objective + cash.present.total;
    loam_arena_free(arena);
    return status;
}

loam_status loam_future_carry(loam_drawn *d, const loam_plan *p, loam_carried *out, loam_err *err)
{
    loam_scenario *s = &d->s;
    loam_plan kept = {0};
    const loam_plan nothing = {0};
    loam_standing owned;
    memset(out, 0, sizeof *out);
    LOAM_TRY(deliver(d, p, &kept, out, err));
    LOAM_TRY(loam_standing_count(s, &nothing, d->arena, &owned, err));
    size_t most = s->n_owned + s->n_regions * s->n_chips * (size_t)s->months;
    loam_owned *list = loam_arena_alloc(d->arena, most * sizeof *list);
    loam_region *regions = loam_arena_alloc(d->arena, s->n_regions * sizeof *regions);
    if (!list || !regions)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the servers of a future");
    if (s->n_owned)
        memcpy(list, s->owned, s->n_owned * sizeof *list);
    size_t n_list = s->n_owned;
    if (s->n_regions)
        memcpy(regions, s->regions, s->n_regions * sizeof *regions);
    for (int r = 0; r < (int)s->n_regions; r++) {
        /* what was owned before has power: a site is not short of it for servers that run */
        for (int t = 0; t < s->months; t++)
            regions[r].power_kw[t] = fmax(regions[r].power_kw[t], drawn_kw(s, &owned, out, r, t));
    }
    s->regions = regions;
    for (int r = 0; r < (int)s->n_regions; r++)
        install(s, &owned, out, r, list, &n_list);
    s->owned = list;
    s->n_owned = n_list;
    s->n_supplies = 0;
    /* the supplies are still there for charge(), which looks orders' prices up by number */
    return charge(d, &kept, out, err);
}

double loam_future_stranded(const loam_drawn *d, const loam_carried *carried, const loam_plan *future)
{
    const loam_scenario *s = &d->s;
    size_t places = s->n_regions * s->n_chips, n_months = (size_t)s->months;
    double usd = 0;
    for (size_t i = 0; i < places * n_months; i++) { /* servers in boxes */
        double months = 0;
        for (size_t t = 0; t < n_months; t++)
            months += carried->delivered[i / n_months * n_months + t] > 0;
        if (months > 0)
            usd += carried->server_usd[i / n_months] * (carried->delivered[i] - carried->installed[i]) / months;
    }
    for (size_t i = 0; i < future->n_stock; i++) { /* servers without work */
        const loam_plan_stock *k = &future->stock[i];
        size_t place = (size_t)k->region * s->n_chips + (size_t)k->chip;
        double months = 0, idle = k->owned + k->rented - k->busy - k->spare - k->training;
        for (size_t t = 0; t < n_months; t++)
            months += carried->delivered[place * n_months + t] > 0;
        /* rented servers are there because they are needed; of the others, the bought ones rest first */
        idle = fmax(0, fmin(fmin(idle, k->owned), carried->installed[place * n_months + (size_t)k->month]));
        usd += months > 0 ? carried->server_usd[place] * idle / months : 0;
    }
    return usd;
}
