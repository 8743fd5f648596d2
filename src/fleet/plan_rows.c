/* The rows of the program: what must hold, each under the name of the limit that it belongs to; and the two goals. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/plan_int.h"

/* What one unit of breaking a limit costs when it is made elastic, so that breaking each limit by a hundredth of itself
 * weighs the same: what is asked for gives way before what others set. */
static double relax_cost(loam_group_kind kind, double size)
{
    double weight = kind == LOAM_GROUP_DEMAND || kind == LOAM_GROUP_TRAINING ? 1
                    : kind == LOAM_GROUP_BUDGET                              ? 1.2
                    : kind == LOAM_GROUP_SHARE || kind == LOAM_GROUP_TYPES   ? 1.5
                    : kind == LOAM_GROUP_POWER || kind == LOAM_GROUP_INSTALL ? 2
                                                                             : 3;
    return weight * 100 / (size > 1e-6 ? size : 1);
}

/* The program's group, or -1. */
static int group(loam_program *p, loam_group_kind kind, int index, const char *name, const char *unit, double scale,
                 double size)
{
    char *copy = loam_arena_strndup(p->arena, name, strlen(name));
    int lp = copy ? loam_lp_group(p->lp, copy, relax_cost(kind, size)) : -1;
    if (p->n_groups < p->max_groups)
        p->groups[p->n_groups++] = (loam_plan_group){kind, index, copy, unit, scale, lp};
    return lp;
}

/* Servers in operation. */
static void stock_rows(loam_program *p)
{
    const loam_scenario *s = p->s;
    int R = (int)s->n_regions, C = (int)s->n_chips;
    int *row = loam_arena_alloc(p->arena, (size_t)(R * C * s->months) * 2 * sizeof *row);
    if (!row)
        return;
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++)
            for (int t = p->earliest[r * C + c]; t < s->months; t++) {
                int at = loam_at_rct(s, r, c, t);
                row[at * 2] = loam_lp_row(p->lp, 0, 0, -1); /* bought[t] - bought[t-1] - arrivals[t] = 0 */
                loam_lp_add(p->lp, row[at * 2], p->bought[at], 1);
                if (t > p->earliest[r * C + c])
                    loam_lp_add(p->lp, row[at * 2], p->bought[at - 1], -1);
                row[at * 2 + 1] = loam_lp_row(p->lp, 0, 0, -1); /* rented[t] - running rents = 0 */
                loam_lp_add(p->lp, row[at * 2 + 1], p->rented[at], 1);
            }
    for (size_t i = 0; i < p->n_orders; i++) {
        const loam_order_col *o = &p->orders[i];
        loam_lp_add(p->lp, row[loam_at_rct(s, o->region, o->chip, o->arrives) * 2], o->col, -1);
    }
    for (size_t i = 0; i < p->n_rents; i++) {
        const loam_rent *e = &s->rents[p->rents[i].offer];
        for (int t = p->rents[i].month; t < p->rents[i].month + e->term_months && t < s->months; t++)
            loam_lp_add(p->lp, row[loam_at_rct(s, e->region, e->chip, t) * 2 + 1], p->rents[i].col, -1);
    }
}

static double most_power_mw(const loam_region *region, int months)
{
    double most = 0;
    for (int t = 0; t < months; t++)
        most = region->power_kw[t] > most ? region->power_kw[t] : most;
    return most / 1000;
}

static void power_rows(loam_program *p, int r)
{
    const loam_scenario *s = p->s;
    const loam_region *region = &s->regions[r];
    char name[200];
    snprintf(name, sizeof name, "power in %s", region->name);
    int power = group(p, LOAM_GROUP_POWER, r, name, "kW", 1000, most_power_mw(region, s->months));
    for (int t = 0; t < s->months; t++) {
        int row = loam_lp_row(p->lp, -INFINITY, 0, power);
        double own = 0;
        for (int c = 0; c < (int)s->n_chips; c++) {
            int at = loam_at_rct(s, r, c, t);
            double mw = s->chips[c].chip.server_kw / 1000;
            own += p->owned[at] * mw;
            if (p->bought[at] >= 0)
                loam_lp_add(p->lp, row, p->bought[at], mw);
        }
        loam_lp_row_bounds(p->lp, row, -INFINITY, region->power_kw[t] / 1000 - own);
        for (size_t i = 0; i < p->n_rents; i++) {
            const loam_rent *e = &s->rents[p->rents[i].offer];
            int from = p->rents[i].month;
            if (e->region == r && !e->with_power && from <= t && t < from + e->term_months)
                loam_lp_add(p->lp, row, p->rents[i].col, s->chips[e->chip].chip.server_kw / 1000);
        }
    }
}

static void install_rows(loam_program *p, int r)
{
    const loam_region *region = &p->s->regions[r];
    char name[200];
    if (region->install_per_month <= 0)
        return;
    snprintf(name, sizeof name, "installation in %s", region->name);
    int install = group(p, LOAM_GROUP_INSTALL, r, name, "servers a month", 1, region->install_per_month);
    for (int t = 0; t < p->s->months; t++) {
        int row = -1;
        for (size_t i = 0; i < p->n_orders; i++)
            if (p->orders[i].region == r && p->orders[i].arrives == t) {
                row = row < 0 ? loam_lp_row(p->lp, -INFINITY, region->install_per_month, install) : row;
                loam_lp_add(p->lp, row, p->orders[i].col, 1);
            }
    }
}

/* n ≤ bound · used */
static void only_if_used(loam_program *p, int col, int used, double bound)
{
    int row = loam_lp_row(p->lp, -INFINITY, 0, -1);
    loam_lp_add(p->lp, row, col, 1);
    loam_lp_add(p->lp, row, used, -bound);
}

static void type_rows(loam_program *p, int r)
{
    const loam_scenario *s = p->s;
    char name[200];
    if (s->max_chip_types <= 0 || s->max_chip_types >= (int)s->n_chips)
        return;
    snprintf(name, sizeof name, "kinds of chips in %s", s->regions[r].name);
    int sum = loam_lp_row(p->lp, -INFINITY, s->max_chip_types,
                          group(p, LOAM_GROUP_TYPES, r, name, "kinds", 1, s->max_chip_types));
    for (int c = 0; c < (int)s->n_chips; c++) {
        int used = -1;
        double bound = most_power_mw(&s->regions[r], s->months) * 1000 / s->chips[c].chip.server_kw + 1;
        for (size_t i = 0; i < p->n_orders; i++)
            if (p->orders[i].region == r && p->orders[i].chip == c) {
                used = used < 0 ? loam_lp_col(p->lp, 0, 1, true) : used;
                only_if_used(p, p->orders[i].col, used, bound);
            }
        for (size_t i = 0; i < p->n_rents; i++) {
            const loam_rent *e = &s->rents[p->rents[i].offer];
            if (e->region != r || e->chip != c)
                continue;
            used = used < 0 ? loam_lp_col(p->lp, 0, 1, true) : used;
            only_if_used(p, p->rents[i].col, used, e->available >= 0 ? e->available : 1e5);
        }
        if (used >= 0)
            loam_lp_add(p->lp, sum, used, 1);
    }
}

static void supply_rows(loam_program *p)
{
    const loam_scenario *s = p->s;
    char name[200];
    int n_quarters = (s->months + 2) / 3;
    for (size_t u = 0; u < s->n_supplies; u++) {
        const loam_supply *supply = &s->supplies[u];
        double most = 0;
        for (int q = 0; q < n_quarters; q++)
            most = supply->per_quarter[q] > most ? supply->per_quarter[q] : most;
        snprintf(name, sizeof name, "supply of %s", supply->name);
        int g = most > 0 ? group(p, LOAM_GROUP_SUPPLY, (int)u, name, "servers", 1, most) : -1;
        for (int q = 0; q < n_quarters; q++) {
            int row = -1;
            for (size_t i = 0; i < p->n_orders; i++) {
                const loam_order_col *o = &p->orders[i];
                if (o->supply != (int)u || o->month / 3 != q || supply->per_quarter[q] < 0)
                    continue;
                row = row < 0 ? loam_lp_row(p->lp, -INFINITY, supply->per_quarter[q], g) : row;
                loam_lp_add(p->lp, row, o->col, 1);
            }
        }
        for (size_t i = 0; supply->min_order > 1 && i < p->n_orders; i++) {
            loam_order_col *o = &p->orders[i];
            if (o->supply != (int)u)
                continue;
            double limit = supply->per_quarter[o->month / 3];
            o->used = loam_lp_col(p->lp, 0, 1, true);
            int least = loam_lp_row(p->lp, 0, INFINITY, -1);
            loam_lp_add(p->lp, least, o->col, 1);
            loam_lp_add(p->lp, least, o->used, -supply->min_order);
            only_if_used(p, o->col, o->used, limit >= 0 ? limit : 1e5);
        }
    }
}

static void rent_rows(loam_program *p)
{
    const loam_scenario *s = p->s;
    char name[200];
    for (size_t e = 0; e < s->n_rents; e++) {
        const loam_rent *rent = &s->rents[e];
        if (rent->available < 0)
            continue;
        snprintf(name, sizeof name, "offer of %s", rent->name);
        int g = group(p, LOAM_GROUP_RENT, (int)e, name, "servers", 1, rent->available);
        for (int t = 0; t < s->months; t++) {
            int row = -1;
            for (size_t i = 0; i < p->n_rents; i++) {
                int from = p->rents[i].month;
                if (p->rents[i].offer != (int)e || from > t || t >= from + rent->term_months)
                    continue;
                row = row < 0 ? loam_lp_row(p->lp, -INFINITY, rent->available, g) : row;
                loam_lp_add(p->lp, row, p->rents[i].col, 1);
            }
        }
    }
}

/* Of one service: Σ flow + miss = load; and Σ flow = Σ work. */
static void demand_rows(loam_program *p, int v)
{
    const loam_scenario *s = p->s;
    int R = (int)s->n_regions, C = (int)s->n_chips, O = (int)s->n_origins;
    char name[200];
    snprintf(name, sizeof name, "demand for %s", s->services[v].name);
    /* broken by so many hundredths of all that is asked for */
    int g = group(p, LOAM_GROUP_DEMAND, v, name, "%", 100 / fmax(p->demand_total[v], 1e-9), p->demand_total[v]);
    for (int t = 0; t < s->months; t++)
        for (int b = 0; b < s->blocks; b++) {
            for (int o = 0; o < O; o++) {
                double load = loam_scenario_load(s, v, o, t, b);
                if (!(load > 0))
                    continue;
                int row = loam_lp_row(p->lp, load, load, g);
                for (int r = 0; r < R; r++)
                    if (p->flow[loam_at_flow(s, v, o, r, t, b)] >= 0)
                        loam_lp_add(p->lp, row, p->flow[loam_at_flow(s, v, o, r, t, b)], 1);
                if (p->miss[loam_at_miss(s, v, o, t, b)] >= 0)
                    loam_lp_add(p->lp, row, p->miss[loam_at_miss(s, v, o, t, b)], 1);
            }
            for (int r = 0; r < R; r++) {
                int row = -1;
                for (int o = 0; o < O; o++)
                    if (p->flow[loam_at_flow(s, v, o, r, t, b)] >= 0) {
                        row = row < 0 ? loam_lp_row(p->lp, 0, 0, -1) : row;
                        loam_lp_add(p->lp, row, p->flow[loam_at_flow(s, v, o, r, t, b)], 1);
                    }
                for (int c = 0; row >= 0 && c < C; c++)
                    if (p->work[loam_at_work(s, v, r, c, t, b)] >= 0)
                        loam_lp_add(p->lp, row, p->work[loam_at_work(s, v, r, c, t, b)], -1);
            }
        }
}

/* Work, training and one more replica within what is in operation at (r, c, t) in block b, in servers. */
static void chip_row(loam_program *p, int r, int c, int t, int b)
{
    const loam_scenario *s = p->s;
    const loam_fleet_chip *chip = &s->chips[c];
    int at = loam_at_rct(s, r, c, t);
    double whole = 1 - chip->spare_share, per_server = chip->chip.per_server;
    int row = loam_lp_row(p->lp, -INFINITY, whole * p->owned[at], -1);
    loam_lp_add(p->lp, row, p->bought[at], -whole);
    loam_lp_add(p->lp, row, p->rented[at], -whole);
    for (int v = 0; v < (int)s->n_services; v++) {
        int work = p->work[loam_at_work(s, v, r, c, t, b)], spare = p->spare[loam_at_train(s, v, r, c, t)];
        if (work < 0)
            continue;
        const loam_replica *k = &p->replicas[v * (int)s->n_chips + c];
        loam_lp_add(p->lp, row, work, loam_plan_chips_per_load(s, k, v) / per_server);
        if (spare >= 0) {
            double most = 0;
            for (int o = 0; o < (int)s->n_origins; o++)
                most += loam_scenario_load(s, v, o, t, b);
            loam_lp_add(p->lp, row, spare, k->chips / per_server);
            only_if_used(p, work, spare, most);
        }
    }
    for (int j = 0; j < (int)s->n_trainings; j++)
        if (p->train[loam_at_train(s, j, r, c, t)] >= 0)
            loam_lp_add(p->lp, row, p->train[loam_at_train(s, j, r, c, t)], 1 / per_server);
}

static void chip_rows(loam_program *p)
{
    const loam_scenario *s = p->s;
    for (int r = 0; r < (int)s->n_regions; r++)
        for (int c = 0; c < (int)s->n_chips; c++)
            for (int t = p->earliest[r * (int)s->n_chips + c]; t < s->months; t++)
                for (int b = 0; b < s->blocks; b++)
                    chip_row(p, r, c, t, b);
}

static void training_rows(loam_program *p, int j)
{
    const loam_scenario *s = p->s;
    int R = (int)s->n_regions, C = (int)s->n_chips;
    char name[200];
    snprintf(name, sizeof name, "training of %s", s->trainings[j].name);
    int once = loam_lp_row(p->lp, 1, 1, group(p, LOAM_GROUP_TRAINING, j, name, "run", 1, 1));
    if (p->no_run[j] >= 0)
        loam_lp_add(p->lp, once, p->no_run[j], 1);
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) {
            int place = p->place[(j * R + r) * C + c];
            if (place < 0)
                continue;
            const loam_run_perf *f = &p->runs[j * C + c];
            double per_server = s->chips[c].chip.per_server;
            loam_lp_add(p->lp, once, place, 1);
            int sum = loam_lp_row(p->lp, 0, 0, -1);
            loam_lp_add(p->lp, sum, place, -f->chip_months / per_server);
            for (int t = 0; t < s->months; t++) {
                int train = p->train[loam_at_train(s, j, r, c, t)], at = loam_at_rct(s, r, c, t);
                if (train < 0)
                    continue;
                loam_lp_add(p->lp, sum, train, 1 / per_server);
                int floor = loam_lp_row(p->lp, -p->owned[at], INFINITY, -1);
                loam_lp_add(p->lp, floor, p->bought[at], 1);
                loam_lp_add(p->lp, floor, p->rented[at], 1);
                loam_lp_add(p->lp, floor, place, -f->min_chips / per_server);
            }
        }
}

/* Servers that their rule lets serve but not train: at (r, c, t) only the others train. */
static void permission_row(loam_program *p, int r, int c, int t)
{
    const loam_scenario *s = p->s;
    double whole = 1 - s->chips[c].spare_share;
    int row = -1, at = loam_at_rct(s, r, c, t);
    loam_ruling owned;
    loam_scenario_ruling(s, c, r, LOAM_GET_OWNED, NULL, true, t, &owned);
    double those = owned.verdict <= s->worst_allowed ? whole * p->owned[at] : 0;
    if (those < whole * p->owned[at])
        row = loam_lp_row(p->lp, -INFINITY, those, -1);
    for (size_t i = 0; i < p->n_rents; i++) {
        const loam_rent *e = &s->rents[p->rents[i].offer];
        loam_ruling g;
        if (e->region != r || e->chip != c || p->rents[i].month > t || t >= p->rents[i].month + e->term_months)
            continue;
        loam_scenario_ruling(s, c, r, LOAM_GET_RENT, e->provider_hq, true, t, &g);
        if (g.verdict <= s->worst_allowed)
            continue;
        row = row < 0 ? loam_lp_row(p->lp, -INFINITY, those, -1) : row;
        loam_lp_add(p->lp, row, p->rents[i].col, whole);
    }
    if (row < 0)
        return;
    loam_lp_add(p->lp, row, p->bought[at], -whole);
    loam_lp_add(p->lp, row, p->rented[at], -whole);
    for (int j = 0; j < (int)s->n_trainings; j++)
        if (p->train[loam_at_train(s, j, r, c, t)] >= 0)
            loam_lp_add(p->lp, row, p->train[loam_at_train(s, j, r, c, t)], 1.0 / s->chips[c].chip.per_server);
}

static bool trains(const loam_program *p, int r, int c, int t)
{
    for (int j = 0; j < (int)p->s->n_trainings; j++)
        if (p->train[loam_at_train(p->s, j, r, c, t)] >= 0)
            return true;
    return false;
}

static void permission_rows(loam_program *p)
{
    for (int r = 0; r < (int)p->s->n_regions; r++)
        for (int c = 0; c < (int)p->s->n_chips; c++)
            for (int t = 0; t < p->s->months; t++)
                if (trains(p, r, c, t))
                    permission_row(p, r, c, t);
}

/* Adds a month's money if it falls into [from, until), discounted if asked. */
typedef struct purse {
    const loam_scenario *s;
    int from, until;
    bool discount;
    double usd;
} purse;
static void pay(purse *b, int month, double usd)
{
    if (month >= b->from && month < b->until)
        b->usd += usd * (b->discount ? loam_plan_discount(b->s, month) : 1);
}

/* What one server of an order costs in millions in the purse's months, of the kinds in `spend`. */
static double order_money(const loam_program *p, const loam_order_col *o, int spend, purse b)
{
    const loam_scenario *s = p->s;
    const loam_supply *u = &s->supplies[o->supply];
    if (spend & LOAM_SPEND_CAPEX) {
        double all = o->price_usd + o->duty_usd;
        pay(&b, o->month, all * u->pay_at_order);
        pay(&b, loam_plan_pay_month(s, o->arrives), all * (1 - u->pay_at_order));
    }
    if (spend & LOAM_SPEND_RUNNING) {
        double month = loam_plan_energy_usd(s, o->region, o->chip) + loam_plan_colo_usd(s, o->region, o->chip) +
                       s->opex_share / 12 * o->price_usd;
        for (int t = o->arrives; t < s->months; t++)
            pay(&b, t, month);
    }
    return b.usd * LOAM_FLEET_MONEY;
}

static double rent_money(const loam_program *p, const loam_rent_col *c, int spend, purse b)
{
    const loam_scenario *s = p->s;
    const loam_rent *e = &s->rents[c->offer];
    for (int t = c->month; t < c->month + e->term_months && t < s->months; t++) {
        if (spend & LOAM_SPEND_RENT)
            pay(&b, t, loam_plan_rent_usd(s, e));
        if (spend & LOAM_SPEND_RUNNING && !e->with_power)
            pay(&b, t, loam_plan_energy_usd(s, e->region, e->chip) + loam_plan_colo_usd(s, e->region, e->chip));
    }
    return b.usd * LOAM_FLEET_MONEY;
}

/* Running costs of what is owned already are paid whatever the plan is. */
static double owned_money(const loam_program *p, const loam_budget *b)
{
    const loam_scenario *s = p->s;
    double usd = 0;
    if (!(b->spend & LOAM_SPEND_RUNNING))
        return 0;
    for (int r = 0; r < (int)s->n_regions; r++)
        for (int c = 0; c < (int)s->n_chips; c++)
            for (int t = b->from > 0 ? b->from : 0; t < b->until && t < s->months; t++)
                if ((!b->regions || b->regions[r]) && (!b->chips || b->chips[c]))
                    usd += p->owned[loam_at_rct(s, r, c, t)] *
                           (loam_plan_energy_usd(s, r, c) + loam_plan_colo_usd(s, r, c));
    return usd * LOAM_FLEET_MONEY;
}

static void budget_rows(loam_program *p)
{
    const loam_scenario *s = p->s;
    for (size_t i = 0; i < s->n_budgets; i++) {
        const loam_budget *b = &s->budgets[i];
        const purse months = {s, b->from, b->until, false, 0};
        char name[200];
        snprintf(name, sizeof name, "budget %s", b->name);
        int g = group(p, LOAM_GROUP_BUDGET, (int)i, name, "USD", 1 / LOAM_FLEET_MONEY, b->usd * LOAM_FLEET_MONEY);
        int row = loam_lp_row(p->lp, -INFINITY, b->usd * LOAM_FLEET_MONEY - owned_money(p, b), g);
        for (size_t k = 0; k < p->n_orders; k++) {
            const loam_order_col *o = &p->orders[k];
            if ((!b->regions || b->regions[o->region]) && (!b->chips || b->chips[o->chip]))
                loam_lp_add(p->lp, row, o->col, order_money(p, o, b->spend, months));
        }
        for (size_t k = 0; k < p->n_rents; k++) {
            const loam_rent *e = &s->rents[p->rents[k].offer];
            if ((!b->regions || b->regions[e->region]) && (!b->chips || b->chips[e->chip]))
                loam_lp_add(p->lp, row, p->rents[k].col, rent_money(p, &p->rents[k], b->spend, months));
        }
    }
}

static double measure(const loam_scenario *s, loam_measure m, const loam_order_col *o)
{
    const loam_chip *c = &s->chips[o->chip].chip;
    return m == LOAM_MEASURE_SPEND   ? o->price_usd * LOAM_FLEET_MONEY
           : m == LOAM_MEASURE_UNITS ? c->per_server
           : m == LOAM_MEASURE_TPP   ? c->tpp * c->per_server / 1000
                                     : c->server_kw;
}

static void share_rows(loam_program *p)
{
    static const struct {
        const char *unit;
        double scale;
    } units[] = {{"USD", 1 / LOAM_FLEET_MONEY}, {"chips", 1}, {"TPP", 1000}, {"kW", 1}};
    const loam_scenario *s = p->s;
    for (size_t i = 0; i < s->n_shares; i++) {
        const loam_share *h = &s->shares[i];
        char name[200];
        snprintf(name, sizeof name, "share rule %s", h->name);
        int g = group(p, LOAM_GROUP_SHARE, (int)i, name, units[h->measure].unit, units[h->measure].scale, 1000);
        for (int t = 0; t < s->months; t += h->each_period ? s->order_every : s->months) {
            int least = h->min > 0 ? loam_lp_row(p->lp, 0, INFINITY, g) : -1;
            int most = h->max < 1 ? loam_lp_row(p->lp, -INFINITY, 0, g) : -1;
            for (size_t k = 0; k < p->n_orders; k++) {
                const loam_order_col *o = &p->orders[k];
                if ((h->regions && !h->regions[o->region]) || (h->each_period && o->month != t))
                    continue;
                double m = measure(s, h->measure, o), in = h->group[o->chip] ? 1 : 0;
                if (least >= 0)
                    loam_lp_add(p->lp, least, o->col, m * (in - h->min));
                if (most >= 0)
                    loam_lp_add(p->lp, most, o->col, m * (in - h->max));
            }
        }
    }
}

/* What is unserved, in hundredths of the weighted total. */
static void served_coefs(const loam_program *p, void (*put)(loam_lp *, int, int, double), int row)
{
    const loam_scenario *s = p->s;
    for (int v = 0; v < (int)s->n_services; v++)
        for (int o = 0; o < (int)s->n_origins; o++)
            for (int t = 0; t < s->months; t++)
                for (int b = 0; b < s->blocks; b++) {
                    int col = p->miss[loam_at_miss(s, v, o, t, b)];
                    if (col >= 0 && p->demand_total[v] > 0)
                        put(p->lp, row, col, 100 * s->services[v].priority / p->weight_total / p->demand_total[v]);
                }
    for (int j = 0; j < (int)s->n_trainings; j++)
        if (p->no_run[j] >= 0)
            put(p->lp, row, p->no_run[j], 100 * s->trainings[j].priority / p->weight_total);
}

static void put_cost(loam_lp *lp, int row, int col, double a)
{
    (void)row;
    loam_lp_cost(lp, col, a);
}

void loam_program_goal_served(loam_program *p)
{
    loam_lp_cost_clear(p->lp);
    served_coefs(p, put_cost, -1);
}

void loam_program_goal_cost(loam_program *p)
{
    const loam_scenario *s = p->s;
    const purse all = {s, 0, s->months, true, 0};
    loam_lp_cost_clear(p->lp);
    for (size_t k = 0; k < p->n_orders; k++) {
        const loam_order_col *o = &p->orders[k];
        double residual = o->price_usd * loam_plan_residual(s, o->arrives) * loam_plan_discount(s, s->months);
        loam_lp_cost(p->lp, o->col, order_money(p, o, LOAM_SPEND_ALL, all) - residual * LOAM_FLEET_MONEY);
    }
    for (size_t k = 0; k < p->n_rents; k++)
        loam_lp_cost(p->lp, p->rents[k].col, rent_money(p, &p->rents[k], LOAM_SPEND_ALL, all));
}

/* Orders as in another plan: what it ordered and this program may not, is not there. */
static void fix_orders(loam_program *p, const loam_plan *fixed)
{
    for (size_t k = 0; k < p->n_orders; k++) {
        const loam_order_col *o = &p->orders[k];
        double n = 0;
        for (size_t i = 0; i < fixed->n_orders; i++) {
            const loam_plan_order *f = &fixed->orders[i];
            if (f->supply == o->supply && f->region == o->region && f->month == o->month)
                n = f->servers;
        }
        loam_lp_bounds(p->lp, o->col, n, n);
    }
}

loam_status loam_program_rows(loam_program *p, loam_err *err)
{
    const loam_scenario *s = p->s;
    stock_rows(p);
    for (size_t v = 0; v < s->n_services; v++)
        demand_rows(p, (int)v);
    for (size_t j = 0; j < s->n_trainings; j++)
        training_rows(p, (int)j);
    permission_rows(p);
    chip_rows(p);
    for (size_t r = 0; r < s->n_regions; r++) {
        power_rows(p, (int)r);
        install_rows(p, (int)r);
        type_rows(p, (int)r);
    }
    supply_rows(p);
    rent_rows(p);
    budget_rows(p);
    share_rows(p);
    p->served_row = loam_lp_row(p->lp, -INFINITY, INFINITY, -1);
    served_coefs(p, loam_lp_add, p->served_row);
    if (p->o->fixed_orders)
        fix_orders(p, p->o->fixed_orders);
    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].lp < 0)
            LOAM_FAIL(err, NO_MEMORY, "out of memory for the plan's program");
    return LOAM_OK;
}
