/* Training runs: whole or not at all, in one place on one chip, in time, on enough chips that may train. */
#include "fleet/check_int.h"

typedef struct run {
    int training, region, chip; /* of the first row */
    int busiest;                /* month with most chips */
    double chip_months, peak;   /* in all, and in the busiest month */
    double *by_month;           /* [months] */
} run;

/* Chips in operation that the rules let train: owned ones by the day of use, bought ones by the day of delivery, rented
 * ones by the day of use. */
static double may_train(const loam_check *k, int region, int chip, int month)
{
    const loam_scenario *s = k->s;
    double servers = 0;
    loam_ruling ruling;
    loam_scenario_ruling(s, chip, region, LOAM_GET_OWNED, NULL, true, month, &ruling);
    if (ruling.verdict <= s->worst_allowed)
        servers += k->standing.owned[loam_check_at(s, region, chip, month)];
    for (size_t i = 0; i < k->plan.n_orders; i++) {
        const loam_plan_order *o = &k->plan.orders[i];
        if (o->region != region || o->chip != chip || o->arrives > month)
            continue;
        loam_scenario_ruling(s, chip, region, LOAM_GET_BUY, NULL, true, o->arrives, &ruling);
        servers += ruling.verdict <= s->worst_allowed ? o->servers : 0;
    }
    for (size_t i = 0; i < k->plan.n_rents; i++) {
        const loam_plan_rent *e = &k->plan.rents[i];
        if (e->region != region || e->chip != chip || month < e->month || month >= e->until)
            continue;
        loam_scenario_ruling(s, chip, region, LOAM_GET_RENT, s->rents[e->offer].provider_hq, true, month, &ruling);
        servers += ruling.verdict <= s->worst_allowed ? e->servers : 0;
    }
    return servers * s->chips[chip].chip.per_server * (1 - s->chips[chip].spare_share);
}

static void check_data_rules(loam_check *k, const loam_plan_training *row)
{
    const loam_scenario *s = k->s;
    for (size_t i = 0; i < s->n_data_rules; i++) {
        const loam_data_rule *rule = &s->data_rules[i];
        if (!rule->trainings || !rule->trainings[row->training] || row->month < rule->from || row->month >= rule->until)
            continue;
        if (loam_check_in(rule->regions, row->region) != rule->allow)
            loam_check_say(k, "training '%s': %.9g chip-months in '%s' in %s, which data rule '%s' forbids",
                           s->trainings[row->training].name, row->chip_months, s->regions[row->region].name,
                           loam_check_date(s, row->month), rule->name);
    }
}

static void check_row(loam_check *k, const run *first, const loam_plan_training *row)
{
    const loam_scenario *s = k->s;
    const loam_training *t = &s->trainings[row->training];
    if (row->region != first->region || row->chip != first->chip)
        loam_check_say(k, "training '%s': runs on %s in '%s' and on %s in '%s', it must stay in one place on one chip",
                       t->name, s->chips[first->chip].chip.name, s->regions[first->region].name,
                       s->chips[row->chip].chip.name, s->regions[row->region].name);
    if (row->month < t->start || row->month > t->deadline)
        loam_check_say(k, "training '%s': %.9g chip-months in %s (month %d), it may run in months %d to %d", t->name,
                       row->chip_months, loam_check_date(s, row->month), row->month, t->start, t->deadline);
    if (!loam_check_in(t->regions, row->region))
        loam_check_say(k, "training '%s': runs in '%s', which is not among its regions", t->name,
                       s->regions[row->region].name);
    if (!loam_check_in(t->chips, row->chip))
        loam_check_say(k, "training '%s': runs on %s, which is not among its chips", t->name,
                       s->chips[row->chip].chip.name);
    check_data_rules(k, row);
}

static void check_run(loam_check *k, const run *r)
{
    const loam_scenario *s = k->s;
    const loam_training *t = &s->trainings[r->training];
    const loam_fleet_chip *chip = &s->chips[r->chip];
    const char *chip_name = chip->chip.name, *region_name = s->regions[r->region].name;
    if (chip->chip.link_gbps < t->min_link_gbps)
        loam_check_say(k, "training '%s': %s has links of %.9g GB/s, it needs %.9g", t->name, chip_name,
                       chip->chip.link_gbps, t->min_link_gbps);
    loam_run_perf perf;
    loam_perf_training(t, chip, 0, &perf);
    if (!perf.feasible) {
        loam_check_say(k, "training '%s': cannot run on %s: %s", t->name, chip_name, perf.why_not);
        return;
    }
    if (loam_check_differ(r->chip_months, perf.chip_months, perf.chip_months))
        loam_check_say(k, "training '%s': gets %.9g chip-months of %s, it takes %.9g", t->name, r->chip_months,
                       chip_name, perf.chip_months);
    size_t at = loam_check_at(s, r->region, r->chip, r->busiest);
    double servers = k->standing.owned[at] + k->standing.bought[at] + k->standing.rented[at];
    if (loam_check_over(perf.min_chips, servers * chip->chip.per_server, perf.min_chips))
        loam_check_say(k, "training '%s': %.9g chips of %s stand in '%s' in its busiest month %s, it needs %d at once",
                       t->name, servers * chip->chip.per_server, chip_name, region_name, loam_check_date(s, r->busiest),
                       perf.min_chips);
}

static void check_permission(loam_check *k, const double *chips_by_month)
{
    const loam_scenario *s = k->s;
    for (int r = 0; r < (int)s->n_regions; r++) {
        for (int c = 0; c < (int)s->n_chips; c++) {
            for (int t = 0; t < s->months; t++) {
                double used = chips_by_month[loam_check_at(s, r, c, t)];
                if (used <= LOAM_CHECK_FLOOR)
                    continue;
                double may = may_train(k, r, c, t);
                if (loam_check_over(used, may, used))
                    loam_check_say(k,
                                   "training: %.9g chips of %s train in '%s' in %s, the export rules let %.9g of those "
                                   "that stand there",
                                   used, s->chips[c].chip.name, s->regions[r].name, loam_check_date(s, t), may);
            }
        }
    }
}

loam_status loam_check_training(loam_check *k, double *chips_by_month, bool *done, loam_err *err)
{
    const loam_scenario *s = k->s;
    const loam_plan *p = &k->plan;
    for (size_t j = 0; j < s->n_trainings; j++) {
        run r = {.training = (int)j, .region = -1};
        r.by_month = loam_arena_alloc(k->arena, (size_t)s->months * sizeof *r.by_month);
        if (!r.by_month)
            LOAM_FAIL(err, NO_MEMORY, "out of memory for the months of training '%s'", s->trainings[j].name);
        for (size_t i = 0; i < p->n_training; i++) {
            const loam_plan_training *row = &p->training[i];
            if (row->training != (int)j || row->chip_months <= LOAM_CHECK_FLOOR)
                continue;
            if (r.region < 0)
                r.region = row->region, r.chip = row->chip, r.busiest = row->month;
            chips_by_month[loam_check_at(s, row->region, row->chip, row->month)] += row->chip_months;
            r.chip_months += row->chip_months;
            r.by_month[row->month] += row->chip_months;
            if (r.by_month[row->month] > r.by_month[r.busiest])
                r.busiest = row->month;
            check_row(k, &r, row);
        }
        done[j] = r.region >= 0;
        if (done[j])
            check_run(k, &r);
    }
    check_permission(k, chips_by_month);
    return LOAM_OK;
}
