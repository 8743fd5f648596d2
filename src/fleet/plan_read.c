/* From a solution of the program to the lists of a plan. */
#include <stdio.h>
#include <string.h>

#include "fleet/plan_int.h"

/* Loads below this share of a request per second are what a solver's tolerance leaves. */
static const double NOTHING = 1e-9;

static double at(const loam_lp_result *r, int col)
{
    return col < 0 ? 0 : r->x[col] < NOTHING ? 0 : r->x[col];
}

static int whole(const loam_program *p, double x)
{
    return p->o->relax ? (int)ceil(x - 1e-6) : (int)floor(x + 0.5);
}

static bool orders(const loam_program *p, const loam_lp_result *r, loam_plan *plan)
{
    plan->orders = loam_arena_alloc(p->arena, (p->n_orders + 1) * sizeof *plan->orders);
    plan->rents = loam_arena_alloc(p->arena, (p->n_rents + 1) * sizeof *plan->rents);
    if (!plan->orders || !plan->rents)
        return false;
    for (size_t i = 0; i < p->n_orders; i++) {
        const loam_order_col *o = &p->orders[i];
        int n = whole(p, at(r, o->col));
        if (n > 0)
            plan->orders[plan->n_orders++] = (loam_plan_order){.supply = o->supply,
                                                               .region = o->region,
                                                               .chip = o->chip,
                                                               .month = o->month,
                                                               .arrives = o->arrives,
                                                               .servers = n,
                                                               .usd = n * (o->price_usd + o->duty_usd),
                                                               .verdict = o->ruling.verdict};
    }
    for (size_t i = 0; i < p->n_rents; i++) {
        const loam_rent *e = &p->s->rents[p->rents[i].offer];
        int n = whole(p, at(r, p->rents[i].col)), month = p->rents[i].month, until = month + e->term_months;
        int paid = (until < p->s->months ? until : p->s->months) - month;
        if (n > 0)
            plan->rents[plan->n_rents++] = (loam_plan_rent){.offer = p->rents[i].offer,
                                                            .region = e->region,
                                                            .chip = e->chip,
                                                            .month = month,
                                                            .until = until,
                                                            .servers = n,
                                                            .usd = n * paid * loam_plan_rent_usd(p->s, e)};
    }
    return true;
}

/* Servers' worth of chips that work, spare and training take at (r, c, t), at the busiest block. */
static void use_of(const loam_program *p, const loam_lp_result *x, int r, int c, int t, loam_plan_stock *k)
{
    const loam_scenario *s = p->s;
    double per_server = s->chips[c].chip.per_server;
    for (int b = 0; b < s->blocks; b++) {
        double busy = 0, spare = 0;
        for (int v = 0; v < (int)s->n_services; v++) {
            const loam_replica *f = &p->replicas[v * (int)s->n_chips + c];
            double load = at(x, p->work[loam_at_work(s, v, r, c, t, b)]);
            if (!(load > 0))
                continue;
            double all = load * loam_plan_chips_per_load(s, f, v) / per_server;
            busy += all / (1 + s->services[v].spare);
            spare += all - all / (1 + s->services[v].spare);
            if (s->services[v].n_plus_1)
                spare += f->chips / per_server;
        }
        if (busy + spare > k->busy + k->spare) {
            k->busy = busy;
            k->spare = spare;
        }
    }
    for (int j = 0; j < (int)s->n_trainings; j++)
        k->training += at(x, p->train[loam_at_train(s, j, r, c, t)]) / per_server;
}

static bool stock(const loam_program *p, const loam_lp_result *x, loam_plan *plan)
{
    const loam_scenario *s = p->s;
    size_t n = s->n_regions * s->n_chips * (size_t)s->months;
    plan->stock = loam_arena_alloc(p->arena, (n + 1) * sizeof *plan->stock);
    if (!plan->stock)
        return false;
    for (int r = 0; r < (int)s->n_regions; r++)
        for (int c = 0; c < (int)s->n_chips; c++)
            for (int t = 0; t < s->months; t++) {
                loam_plan_stock k = {.region = r, .chip = c, .month = t, .owned = p->owned[loam_at_rct(s, r, c, t)]};
                double fed = 0;
                for (size_t i = 0; i < plan->n_orders; i++) {
                    const loam_plan_order *o = &plan->orders[i];
                    if (o->region == r && o->chip == c && o->arrives <= t)
                        k.owned += o->servers;
                }
                for (size_t i = 0; i < plan->n_rents; i++) {
                    const loam_plan_rent *e = &plan->rents[i];
                    if (e->region == r && e->chip == c && e->month <= t && t < e->until) {
                        k.rented += e->servers;
                        fed += s->rents[e->offer].with_power ? e->servers : 0;
                    }
                }
                if (k.owned + k.rented <= 0)
                    continue;
                k.power_kw = (k.owned + k.rented - fed) * s->chips[c].chip.server_kw;
                use_of(p, x, r, c, t, &k);
                plan->stock[plan->n_stock++] = k;
            }
    return true;
}

static bool loads(const loam_program *p, const loam_lp_result *x, loam_plan *plan)
{
    const loam_scenario *s = p->s;
    int S = (int)s->n_services, R = (int)s->n_regions, C = (int)s->n_chips, O = (int)s->n_origins, T = s->months,
        B = s->blocks;
    for (int pass = 0; pass < 2; pass++) { /* count, then fill */
        if (pass) {
            plan->work = loam_arena_alloc(p->arena, (plan->n_work + 1) * sizeof *plan->work);
            plan->flow = loam_arena_alloc(p->arena, (plan->n_flow + 1) * sizeof *plan->flow);
            plan->miss = loam_arena_alloc(p->arena, (plan->n_miss + 1) * sizeof *plan->miss);
            if (!plan->work || !plan->flow || !plan->miss)
                return false;
        }
        plan->n_work = plan->n_flow = plan->n_miss = 0;
        for (int v = 0; v < S; v++)
            for (int t = 0; t < T; t++)
                for (int b = 0; b < B; b++) {
                    for (int r = 0; r < R; r++)
                        for (int c = 0; c < C; c++) {
                            double load = at(x, p->work[loam_at_work(s, v, r, c, t, b)]);
                            if (!(load > 0))
                                continue;
                            if (pass)
                                plan->work[plan->n_work] = (loam_plan_work){v, r, c, t, b, load};
                            plan->n_work++;
                        }
                    for (int o = 0; o < O; o++) {
                        double miss = at(x, p->miss[loam_at_miss(s, v, o, t, b)]),
                               demand = loam_scenario_load(s, v, o, t, b);
                        if (miss > 1e-7 * demand) {
                            if (pass)
                                plan->miss[plan->n_miss] = (loam_plan_miss){v, o, t, b, miss, demand};
                            plan->n_miss++;
                        }
                        for (int r = 0; r < R; r++) {
                            double load = at(x, p->flow[loam_at_flow(s, v, o, r, t, b)]);
                            if (!(load > 0))
                                continue;
                            if (pass)
                                plan->flow[plan->n_flow] = (loam_plan_flow){v, o, r, t, b, load};
                            plan->n_flow++;
                        }
                    }
                }
    }
    return true;
}

static bool trainings(const loam_program *p, const loam_lp_result *x, loam_plan *plan)
{
    const loam_scenario *s = p->s;
    size_t n = s->n_trainings * (size_t)s->months * s->n_regions * s->n_chips;
    plan->training = loam_arena_alloc(p->arena, (n + 1) * sizeof *plan->training);
    if (!plan->training)
        return false;
    for (int j = 0; j < (int)s->n_trainings; j++)
        for (int t = 0; t < s->months; t++)
            for (int r = 0; r < (int)s->n_regions; r++)
                for (int c = 0; c < (int)s->n_chips; c++) {
                    double chip_months = at(x, p->train[loam_at_train(s, j, r, c, t)]);
                    if (chip_months > 1e-6)
                        plan->training[plan->n_training++] = (loam_plan_training){j, r, c, t, chip_months};
                }
    return true;
}

/* Cash by month and region, and the cost at present value. */
static bool money(const loam_program *p, loam_plan *plan)
{
    const loam_scenario *s = p->s;
    loam_plan_cost *cost = &plan->cost;
    plan->spend = loam_arena_alloc(p->arena, (size_t)s->months * s->n_regions * 3 * sizeof *plan->spend);
    if (!plan->spend)
        return false;
#define SPEND(t, r, k) plan->spend[((size_t)(t)*s->n_regions + (size_t)(r)) * 3 + (k)]
    for (size_t i = 0; i < plan->n_orders; i++) {
        const loam_plan_order *o = &plan->orders[i];
        const loam_supply *u = &s->supplies[o->supply];
        double price = o->servers * loam_plan_server_usd(s, o->chip, u), duty = o->usd - price;
        int pay[2] = {o->month, loam_plan_pay_month(s, o->arrives)};
        for (int k = 0; k < 2; k++) {
            double share = k ? 1 - u->pay_at_order : u->pay_at_order;
            SPEND(pay[k], o->region, 0) += share * o->usd;
            cost->capex += share * price * loam_plan_discount(s, pay[k]);
            cost->duty += share * duty * loam_plan_discount(s, pay[k]);
        }
        for (int t = o->arrives; t < s->months; t++) {
            SPEND(t, o->region, 2) += s->opex_share / 12 * price;
            cost->opex += s->opex_share / 12 * price * loam_plan_discount(s, t);
        }
        cost->residual += price * loam_plan_residual(s, o->arrives) * loam_plan_discount(s, s->months);
    }
    for (size_t i = 0; i < plan->n_rents; i++) {
        const loam_plan_rent *e = &plan->rents[i];
        double month = e->servers * loam_plan_rent_usd(s, &s->rents[e->offer]);
        for (int t = e->month; t < e->until && t < s->months; t++) {
            SPEND(t, e->region, 1) += month;
            cost->rent += month * loam_plan_discount(s, t);
        }
    }
    for (size_t i = 0; i < plan->n_stock; i++) {
        const loam_plan_stock *k = &plan->stock[i];
        double servers = k->power_kw / s->chips[k->chip].chip.server_kw; /* those that we feed */
        double energy = servers * loam_plan_energy_usd(s, k->region, k->chip),
               colo = servers * loam_plan_colo_usd(s, k->region, k->chip);
        SPEND(k->month, k->region, 2) += energy + colo;
        cost->energy += energy * loam_plan_discount(s, k->month);
        cost->colo += colo * loam_plan_discount(s, k->month);
    }
#undef SPEND
    cost->total = cost->capex + cost->duty + cost->rent + cost->energy + cost->colo + cost->opex - cost->residual;
    return true;
}

/* The row of each group that is used the most, and what relaxing all its rows by one unit saves. */
static bool limits(const loam_program *p, const loam_lp_result *x, const double *served_dual, loam_plan *plan)
{
    plan->limits = loam_arena_alloc(p->arena, (p->n_groups + 1) * sizeof *plan->limits);
    if (!plan->limits)
        return false;
    const loam_scenario *s = p->s;
    for (size_t i = 0; i < p->n_groups; i++) {
        const loam_plan_group *g = &p->groups[i];
        if (g->kind == LOAM_GROUP_DEMAND || g->kind == LOAM_GROUP_TRAINING)
            continue;
        loam_plan_limit l = {.name = g->name, .unit = g->unit};
        double tightest = -1;
        for (int row = 0; row < loam_lp_n_rows(p->lp); row++) {
            if (loam_lp_row_group(p->lp, row) != g->lp)
                continue;
            double lower, upper;
            loam_lp_row_range(p->lp, row, &lower, &upper);
            double bound = isfinite(upper) ? upper : lower, used = x->activity[row];
            double ratio = bound > 0 ? used / bound : fabs(used - bound) < 1e-6 ? 1 : 0;
            if (ratio > tightest) {
                tightest = ratio;
                l.used = used * g->scale;
                l.limit = bound * g->scale;
            }
            if (served_dual) /* hundredths of what is asked for */
                l.worth += fabs(served_dual[row]) / 100 / g->scale;
            else if (x->row_dual)
                l.worth += fabs(x->row_dual[row]) / LOAM_FLEET_MONEY / g->scale;
        }
        if (tightest < 0)
            continue;
        if (g->kind == LOAM_GROUP_POWER || g->kind == LOAM_GROUP_BUDGET) { /* what is there already uses its part */
            double whole_limit = g->kind == LOAM_GROUP_BUDGET ? s->budgets[g->index].usd : 0;
            for (int t = 0; g->kind == LOAM_GROUP_POWER && t < s->months; t++)
                whole_limit = fmax(whole_limit, s->regions[g->index].power_kw[t]);
            l.used += whole_limit > l.limit ? whole_limit - l.limit : 0;
            l.limit = fmax(whole_limit, l.limit);
        }
        l.binds = tightest > 1 - 1e-6 || l.worth > 1e-12;
        plan->limits[plan->n_limits++] = l;
    }
    return true;
}

/* Shares that are served: the weighted mean over services and runs. */
static void served(const loam_program *p, const loam_lp_result *x, loam_plan *plan)
{
    const loam_scenario *s = p->s;
    double sum = 0;
    for (int v = 0; v < (int)s->n_services; v++) {
        double flow = 0;
        for (size_t i = 0; i < plan->n_flow; i++)
            flow += plan->flow[i].service == v ? plan->flow[i].load : 0;
        sum += s->services[v].priority * (p->demand_total[v] > 0 ? fmin(1, flow / p->demand_total[v]) : 1);
    }
    for (int j = 0; j < (int)s->n_trainings; j++)
        sum += s->trainings[j].priority * (p->no_run[j] >= 0 ? 1 - at(x, p->no_run[j]) : 1);
    plan->served_share = p->weight_total > 0 ? sum / p->weight_total : 1;
}

loam_status loam_program_read(const loam_program *p, const loam_lp_result *r, const double *served_dual,
                              loam_plan *plan, loam_err *err)
{
    if (!orders(p, r, plan) || !stock(p, r, plan) || !loads(p, r, plan) || !trainings(p, r, plan) || !money(p, plan) ||
        !limits(p, r, served_dual, plan))
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the plan");
    served(p, r, plan);
    return LOAM_OK;
}
