/* What a plan's orders and rents cost, recomputed from the scenario.
 *
 *   server          chips · price · price_factor · (1+server)(1+network)(1+install), and the ruling's duty on top
 *   an order        pay_at_order of it in the order's month, the rest on arrival (after the end: in the last month)
 *   a rent          chips · USD per hour · 730 in each month that it runs
 *   running costs   energy: server_kw · PUE · tariff of the vendor · 730 · 0.8; colocation by kW (both for servers that
 *                   draw the site's power); operations: opex_share/12 of the price of bought servers
 *   present value   cash · (1 + discount)^(−month/12); what a server is still worth at the end counts against it */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "fleet/check_int.h"

#define HOURS_PER_MONTH 730.0
#define MEAN_LOAD 0.8 /* of a server's power, over a month */

double loam_server_usd(const loam_scenario *s, const loam_supply *u)
{
    const loam_fleet_chip *c = &s->chips[u->chip];
    return c->chip.per_server * c->price_usd * u->price_factor * (1 + c->server_share) * (1 + c->network_share) *
           (1 + c->install_share);
}

static double tariff(const loam_region *r, const char *vendor)
{
    for (size_t i = 0; i < r->n_tariffs; i++) {
        if (!strcasecmp(r->tariffs[i].vendor, vendor))
            return r->tariffs[i].usd_per_kwh;
    }
    return r->usd_per_kwh;
}

static double discount(const loam_scenario *s, int month)
{
    return pow(1 + s->discount, -month / 12.0);
}

static int earlier(int a, int b)
{
    return a < b ? a : b;
}

loam_status loam_standing_count(const loam_scenario *s, const loam_plan *p, loam_arena *arena, loam_standing *out,
                                loam_err *err)
{
    double **const counts[] = {&out->owned, &out->bought, &out->rented, &out->drawing};
    size_t cells = s->n_regions * s->n_chips * (size_t)s->months;
    for (int i = 0; i < 4; i++) {
        *counts[i] = loam_arena_alloc(arena, cells * sizeof(double));
        if (!*counts[i])
            LOAM_FAIL(err, NO_MEMORY, "out of memory for the servers of %zu places, chips and months", cells);
    }
    for (size_t i = 0; i < s->n_owned; i++) {
        const loam_owned *o = &s->owned[i];
        for (int t = o->from > 0 ? o->from : 0; t < earlier(o->until, s->months); t++) {
            out->owned[loam_check_at(s, o->region, o->chip, t)] += o->servers;
            out->drawing[loam_check_at(s, o->region, o->chip, t)] += o->servers;
        }
    }
    for (size_t i = 0; i < p->n_orders; i++) {
        const loam_plan_order *o = &p->orders[i];
        for (int t = o->arrives; t < s->months; t++) {
            out->bought[loam_check_at(s, o->region, o->chip, t)] += o->servers;
            out->drawing[loam_check_at(s, o->region, o->chip, t)] += o->servers;
        }
    }
    for (size_t i = 0; i < p->n_rents; i++) {
        const loam_plan_rent *e = &p->rents[i];
        for (int t = e->month; t < earlier(e->until, s->months); t++) {
            out->rented[loam_check_at(s, e->region, e->chip, t)] += e->servers;
            if (!s->rents[e->offer].with_power)
                out->drawing[loam_check_at(s, e->region, e->chip, t)] += e->servers;
        }
    }
    return LOAM_OK;
}

static void count_order(const loam_scenario *s, const loam_plan_order *o, loam_cash *cash, size_t number)
{
    const loam_supply *u = &s->supplies[o->supply];
    loam_ruling ruling;
    loam_scenario_ruling(s, o->chip, o->region, LOAM_GET_BUY, NULL, false, o->arrives, &ruling);
    double price = o->servers * loam_server_usd(s, u), duty = price * ruling.duty;
    cash->order_usd[number] = price + duty;
    cash->order_duty[number] = duty;
    const struct {
        int month;
        double share;
    } payments[] = {{o->month, u->pay_at_order}, {earlier(o->arrives, s->months - 1), 1 - u->pay_at_order}};
    for (int i = 0; i < 2; i++) {
        int month = payments[i].month;
        double share = payments[i].share;
        cash->by_kind[LOAM_CASH_CAPEX][loam_check_at(s, o->region, o->chip, month)] += share * (price + duty);
        cash->present.capex += share * price * discount(s, month);
        cash->present.duty += share * duty * discount(s, month);
    }
    for (int t = o->arrives; t < s->months; t++) {
        double opex = price * s->opex_share / 12;
        cash->by_kind[LOAM_CASH_RUNNING][loam_check_at(s, o->region, o->chip, t)] += opex;
        cash->present.opex += opex * discount(s, t);
    }
    int age = o->arrives < s->months ? s->months - o->arrives : 0;
    double left = 1 - (1 - s->residual) * age / s->life_months;
    cash->present.residual += price * (left > s->residual ? left : s->residual) * discount(s, s->months);
}

static void count_rent(const loam_scenario *s, const loam_plan_rent *e, loam_cash *cash, size_t number)
{
    double usd =
        e->servers * s->rents[e->offer].usd_per_chip_hour * s->chips[e->chip].chip.per_server * HOURS_PER_MONTH;
    for (int t = e->month; t < earlier(e->until, s->months); t++) {
        cash->rent_usd[number] += usd;
        cash->by_kind[LOAM_CASH_RENT][loam_check_at(s, e->region, e->chip, t)] += usd;
        cash->present.rent += usd * discount(s, t);
    }
}

static void count_power(const loam_scenario *s, const loam_standing *standing, loam_cash *cash)
{
    for (size_t r = 0; r < s->n_regions; r++) {
        for (size_t c = 0; c < s->n_chips; c++) {
            const loam_region *region = &s->regions[r];
            const loam_chip *chip = &s->chips[c].chip;
            double usd_per_kw = region->pue * tariff(region, chip->vendor) * HOURS_PER_MONTH * MEAN_LOAD;
            for (int t = 0; t < s->months; t++) {
                size_t at = loam_check_at(s, (int)r, (int)c, t);
                double kw = chip->server_kw * standing->drawing[at];
                cash->by_kind[LOAM_CASH_RUNNING][at] += kw * (usd_per_kw + region->colo_usd_per_kw_month);
                cash->present.energy += kw * usd_per_kw * discount(s, t);
                cash->present.colo += kw * region->colo_usd_per_kw_month * discount(s, t);
            }
        }
    }
}

loam_status loam_cash_count(const loam_scenario *s, const loam_plan *p, const loam_standing *standing,
                            loam_arena *arena, loam_cash *out, loam_err *err)
{
    memset(out, 0, sizeof *out);
    size_t cells = s->n_regions * s->n_chips * (size_t)s->months;
    const struct {
        double **to;
        size_t n;
    } tables[] = {{&out->by_kind[LOAM_CASH_CAPEX], cells},   {&out->by_kind[LOAM_CASH_RENT], cells},
                  {&out->by_kind[LOAM_CASH_RUNNING], cells}, {&out->order_usd, p->n_orders},
                  {&out->order_duty, p->n_orders},           {&out->rent_usd, p->n_rents}};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        *tables[i].to = loam_arena_alloc(arena, tables[i].n * sizeof(double));
        if (!*tables[i].to)
            LOAM_FAIL(err, NO_MEMORY, "out of memory for the money of %zu places, chips and months", cells);
    }
    for (size_t i = 0; i < p->n_orders; i++)
        count_order(s, &p->orders[i], out, i);
    for (size_t i = 0; i < p->n_rents; i++)
        count_rent(s, &p->rents[i], out, i);
    count_power(s, standing, out);
    loam_plan_cost *c = &out->present;
    out->gross = c->capex + c->rent + c->energy + c->colo + c->opex + c->duty;
    c->total = out->gross - c->residual;
    return LOAM_OK;
}

static void check_cost(loam_check *k)
{
    const loam_plan_cost *a = &k->plan.cost, *b = &k->cash.present;
    const struct {
        const char *what;
        double printed, computed;
    } parts[] = {{"capex", a->capex, b->capex},
                 {"rent", a->rent, b->rent},
                 {"energy", a->energy, b->energy},
                 {"colo", a->colo, b->colo},
                 {"opex", a->opex, b->opex},
                 {"duty", a->duty, b->duty},
                 {"residual", a->residual, b->residual},
                 {"total", a->total, b->total}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (loam_check_differ(parts[i].printed, parts[i].computed, k->cash.gross))
            loam_check_say(k, "cost: %s is printed as %.9g USD, orders, rents and sites come to %.9g", parts[i].what,
                           parts[i].printed, parts[i].computed);
    }
}

static void check_spend(loam_check *k)
{
    static const char *const kinds[] = {"capex", "rent", "running"};
    const loam_scenario *s = k->s;
    for (int t = 0; t < s->months; t++) {
        for (size_t r = 0; r < s->n_regions; r++) {
            for (int kind = 0; kind < LOAM_CASH_KINDS; kind++) {
                double computed = 0;
                for (size_t c = 0; c < s->n_chips; c++)
                    computed += k->cash.by_kind[kind][loam_check_at(s, (int)r, (int)c, t)];
                double printed = k->plan.spend[((size_t)t * s->n_regions + r) * LOAM_CASH_KINDS + (size_t)kind];
                if (loam_check_differ(printed, computed, fabs(printed) + computed))
                    loam_check_say(k, "spend: %s of region '%s' in %s is printed as %.9g USD, it comes to %.9g",
                                   kinds[kind], s->regions[r].name, loam_check_date(s, t), printed, computed);
            }
        }
    }
}

static void check_budget(loam_check *k, const loam_budget *b)
{
    static const int bits[] = {LOAM_SPEND_CAPEX, LOAM_SPEND_RENT, LOAM_SPEND_RUNNING};
    const loam_scenario *s = k->s;
    double used = 0;
    for (int kind = 0; kind < LOAM_CASH_KINDS; kind++) {
        for (int r = 0; b->spend & bits[kind] && r < (int)s->n_regions; r++) {
            for (int c = 0; loam_check_in(b->regions, r) && c < (int)s->n_chips; c++) {
                for (int t = b->from; loam_check_in(b->chips, c) && t < earlier(b->until, s->months); t++)
                    used += k->cash.by_kind[kind][loam_check_at(s, r, c, t)];
            }
        }
    }
    if (loam_check_over(used, b->usd, used))
        loam_check_say(k, "budget '%s': %.9g USD are spent, the budget is %.9g", b->name, used, b->usd);
}

void loam_check_money(loam_check *k)
{
    for (size_t i = 0; i < k->s->n_budgets; i++)
        check_budget(k, &k->s->budgets[i]);
    check_spend(k);
    check_cost(k);
}
