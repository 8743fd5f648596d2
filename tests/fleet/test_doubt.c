/* Doubt about a plan: what is drawn has the distributions it says, orders are carried into a future as told, the
 * statistics are right, and the properties that every honest stress test has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "fleet/doubt_int.h"
#include "tiny_scenario.h"

#define ASCEND_USD (8 * 15000 * 1.25 * 1.12 * 1.03)
#define H20_USD (8 * 13000 * 1.1 * 1.25 * 1.12 * 1.03)

static void draw(const tiny *k, unsigned long seed, int future, loam_drawn *out)
{
    loam_err err = LOAM_ERR_INIT;
    if (loam_future_draw(&k->s, seed, future, out, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
}

/* Figures that a future can change, in one list. */
static size_t figures(const loam_scenario *s, double *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_services; i++)
        out[n++] = s->services[i].per_day[0];
    for (size_t c = 0; c < s->n_chips; c++)
        out[n++] = s->chips[c].price_usd, out[n++] = s->chips[c].scale;
    for (size_t e = 0; e < s->n_rents; e++)
        out[n++] = s->rents[e].usd_per_chip_hour;
    for (size_t r = 0; r < s->n_regions; r++)
        out[n++] = s->regions[r].power_kw[0], out[n++] = s->regions[r].usd_per_kwh;
    for (size_t u = 0; u < s->n_supplies; u++)
        out[n++] = s->supplies[u].lead_months;
    return n;
}

static const loam_doubt wild = {.demand_sigma = 0.3,
                                .demand_common = 0.25,
                                .price_sigma = 0.2,
                                .rent_sigma = 0.4,
                                .power_sigma = 0.1,
                                .perf_sigma = 0.05,
                                .late_probability = 0.3,
                                .late_months = 2};

static void same_seed_same_future(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    k.s.doubt = wild;
    loam_drawn a, b, c, d;
    double x[32], y[32], z[32], w[32];
    draw(&k, 7, 3, &a), draw(&k, 7, 2, &b), loam_drawn_free(&b), draw(&k, 7, 3, &b);
    draw(&k, 7, 4, &c), draw(&k, 8, 3, &d);
    size_t n = figures(&a.s, x);
    figures(&b.s, y), figures(&c.s, z), figures(&d.s, w);
    assert_memory_equal(x, y, n * sizeof *x);
    assert_memory_not_equal(x, z, n * sizeof *x);
    assert_memory_not_equal(x, w, n * sizeof *x);
    assert_true(a.s.arena == NULL);
    assert_int_equal(a.s.goal, LOAM_GOAL_MOST_SERVED);
    /* one supply, offer or service fewer leaves the others' figures alone */
    loam_drawn e;
    k.s.n_supplies = k.s.n_rents = k.s.n_services = 1;
    draw(&k, 7, 3, &e);
    assert_true(e.s.services[0].per_day[0] == a.s.services[0].per_day[0]);
    assert_true(e.s.rents[0].usd_per_chip_hour == a.s.rents[0].usd_per_chip_hour);
    assert_int_equal(e.s.supplies[0].lead_months, a.s.supplies[0].lead_months);
    /* the scenario itself is as it was */
    static tiny fresh;
    tiny_init(&fresh);
    fresh.s.n_supplies = fresh.s.n_rents = fresh.s.n_services = 1;
    n = figures(&k.s, x);
    figures(&fresh.s, y);
    assert_memory_equal(x, y, n * sizeof *x);
    loam_drawn_free(&a), loam_drawn_free(&b), loam_drawn_free(&c), loam_drawn_free(&d), loam_drawn_free(&e);
}

static void without_doubt_nothing_changes(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    loam_drawn d;
    double x[32], y[32];
    draw(&k, 1, 0, &d);
    size_t n = figures(&k.s, x);
    figures(&d.s, y);
    assert_memory_equal(x, y, n * sizeof *x);
    assert_true(d.demand == 1);
    loam_drawn_free(&d);
}

/* Mean and spread of logarithms over many futures; the bounds are over six standard errors wide. */
static void distributions(void **state)
{
    (void)state;
    enum { N = 4000 };
    static tiny k;
    tiny_init(&k);
    k.s.doubt = wild;
    double sum[5] = {0}, squares[5] = {0}, both = 0;
    int late = 0;
    for (int i = 0; i < N; i++) {
        loam_drawn d;
        draw(&k, 42, i, &d);
        const double logs[5] = {log(d.s.services[CHAT].per_day[0] / k.per_day[CHAT][0]),
                                log(d.s.services[CODE].per_day[0] / k.per_day[CODE][0]),
                                log(d.s.chips[H20].price_usd / 13000), log(d.s.rents[0].usd_per_chip_hour / 2),
                                log(d.s.regions[NORTH].usd_per_kwh / 0.08)};
        for (int j = 0; j < 5; j++)
            sum[j] += logs[j], squares[j] += logs[j] * logs[j];
        both += logs[0] * logs[1];
        late += d.s.supplies[1].lead_months == 4;
        assert_true(d.s.regions[NORTH].power_kw[0] == 400);
        assert_true(fabs(d.s.regions[NORTH].tariffs[0].usd_per_kwh / 0.05 - d.s.regions[NORTH].usd_per_kwh / 0.08) <
                    1e-12);
        assert_true(d.s.rents[0].usd_per_chip_hour / 2 == d.rent[H20]);
        assert_true(fabs(d.s.rents[1].usd_per_chip_hour / 1.5 / d.rent[H20] - 1) < 1e-12); /* one market for a chip */
        assert_true(d.s.supplies[0].lead_months == 1 || d.s.supplies[0].lead_months == 3);
        loam_drawn_free(&d);
    }
    const double sigma[5] = {0.3, 0.3, 0.2, 0.4, 0.1};
    for (int j = 0; j < 5; j++) {
        assert_true(fabs(sum[j] / N) < 0.1 * sigma[j]);
        assert_true(fabs(squares[j] / N / (sigma[j] * sigma[j]) - 1) < 0.14);
    }
    assert_true(fabs(both / N / (0.3 * 0.3) - 0.25) < 0.1); /* the common part is the correlation */
    assert_true(fabs((double)late / N - 0.3) < 0.045);
}

/* A normal variable: shares below some limits, from a table. */
static void normals(void **state)
{
    (void)state;
    static const struct {
        double z, below;
    } table[] = {{-1.959964, 0.025}, {-1, 0.1586553}, {0, 0.5}, {0.6744898, 0.75}, {1.2815516, 0.9}, {2.326348, 0.99}};
    enum { N = 40000 };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int below = 0;
        for (unsigned long j = 0; j < N; j++)
            below += loam_draw_normal(3, 5, j) < table[i].z;
        assert_true(fabs((double)below / N - table[i].below) < 6 * sqrt(table[i].below * (1 - table[i].below) / N));
    }
}

/* H20's letter of April 2025, planned in January 2025 by somebody who cannot know it: it counts in the drawn future's
 * months and in no other, and not in a book that drops it. */
static void events(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    struct loam_rule_event letter = {.name = "letter", .rule = "H20L", .probability = 1, .from = 2, .until = 4};
    k.s.start = (2025 - 1970) * 12;
    loam_day_parse("2025-01-31", &k.s.rules.known_at);
    k.s.doubt.n_events = 1;
    k.s.doubt.events = &letter;
    loam_drawn d;
    loam_ruling ruling;
    draw(&k, 1, 0, &d);
    for (int t = 0; t < TINY_MONTHS; t++) {
        loam_scenario_ruling(&k.s, H20, NORTH, LOAM_GET_BUY, NULL, false, t, &ruling);
        assert_int_equal(ruling.verdict, LOAM_VERDICT_FREE);
        loam_scenario_ruling(&d.s, H20, NORTH, LOAM_GET_BUY, NULL, false, t, &ruling);
        assert_int_equal(ruling.verdict, t == 2 || t == 3 ? LOAM_VERDICT_CASE : LOAM_VERDICT_FREE);
    }
    static const char *const ids[] = {"H20L"};
    assert_true(loam_drawn_without_rules(&d, ids, 1));
    loam_scenario_ruling(&d.s, H20, NORTH, LOAM_GET_BUY, NULL, false, 2, &ruling);
    assert_int_equal(ruling.verdict, LOAM_VERDICT_FREE);
    loam_drawn_free(&d);
    int n = 0;
    letter.probability = 0.3;
    for (int i = 0; i < 2000; i++) {
        draw(&k, 1, i, &d);
        n += d.n_events;
        loam_drawn_free(&d);
    }
    assert_in_range(n, 600 - 130, 600 + 130);
}

/* ---- orders in a future */

static loam_plan_order orders[] = {
    {.supply = 0, .region = NORTH, .chip = ASCEND, .month = 0, .arrives = 1, .servers = 10},
    {.supply = 1, .region = NORTH, .chip = H20, .month = 3, .arrives = 5, .servers = 4}};
static const loam_plan bought = {.n_orders = 2, .orders = orders};

static loam_carried carry(loam_drawn *d)
{
    loam_err err = LOAM_ERR_INIT;
    loam_carried c;
    if (loam_future_carry(d, &bought, &c, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return c;
}

static double at(const loam_drawn *d, const double *table, int chip, int month)
{
    return table[loam_check_at(&d->s, NORTH, chip, month)];
}

static void carried_as_planned(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    loam_drawn d;
    draw(&k, 1, 0, &d);
    loam_carried c = carry(&d);
    for (int t = 0; t < TINY_MONTHS; t++) {
        assert_true(at(&d, c.delivered, ASCEND, t) == (t >= 1 ? 10 : 0));
        assert_true(at(&d, c.installed, ASCEND, t) == (t >= 1 ? 10 : 0));
        assert_true(at(&d, c.delivered, H20, t) == (t >= 5 ? 4 : 0));
    }
    assert_int_equal(d.s.n_supplies, 0);
    assert_int_equal(d.s.n_owned, 3); /* the scenario's and one of each order */
    assert_int_equal(c.lost, 0);
    double usd = 0, opex = 0, first = 0;
    const double price[TINY_MONTHS] = {
        0, 10 * ASCEND_USD, 10 * ASCEND_USD, 10 * ASCEND_USD, 10 * ASCEND_USD, 10 * ASCEND_USD + 4 * H20_USD};
    for (int t = 0; t < TINY_MONTHS; t++) {
        usd += price[t] * 0.04 / 12 * pow(1.1, -t / 12.0);
        opex += price[t] * 0.04 / 12;
    }
    usd += 10 * ASCEND_USD * (0.25 + 0.75 * pow(1.1, -1 / 12.0)) +
           4 * H20_USD * 0.5 * (pow(1.1, -0.25) + pow(1.1, -5 / 12.0));
    usd -= (10 * ASCEND_USD * (1 - 0.9 * 5 / 48) + 4 * H20_USD * (1 - 0.9 / 48)) * pow(1.1, -0.5);
    assert_true(fabs(c.usd / usd - 1) < 1e-12);
    /* budgets: what the orders take of them is gone */
    assert_true(fabs(d.s.budgets[0].usd - (50e6 - 10 * ASCEND_USD - 4 * H20_USD - opex)) < 1);
    first = 10 * ASCEND_USD;
    assert_true(fabs(d.s.budgets[1].usd - (20e6 - first)) < 1);
    loam_drawn_free(&d);
}

/* A budget that the orders alone break is as large as they are, and nothing is left of it. */
static void carried_over_budget(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    k.budgets[1].usd = 1e6;
    loam_drawn d;
    draw(&k, 1, 0, &d);
    carry(&d);
    assert_true(fabs(d.s.budgets[1].usd) < 1);
    assert_true(d.s.budgets[1].usd >= 0);
    loam_drawn_free(&d);
}

/* 40 kW in the north: twelve for what is owned until month 3, so that four Ascend servers (23.2 kW) go up in month 1
 * and two more in month 3; then there is room for nothing else. */
static void carried_without_power(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    for (int t = 0; t < LOAM_FLEET_MAX_MONTHS; t++)
        k.regions[NORTH].power_kw[t] = 40;
    loam_drawn d;
    draw(&k, 1, 0, &d);
    loam_carried c = carry(&d);
    static const int up[TINY_MONTHS] = {0, 4, 4, 6, 6, 6};
    for (int t = 0; t < TINY_MONTHS; t++) {
        assert_true(at(&d, c.delivered, ASCEND, t) == (t >= 1 ? 10 : 0));
        assert_true(at(&d, c.installed, ASCEND, t) == up[t]);
        assert_true(at(&d, c.installed, H20, t) == 0);
    }
    /* in boxes: 6 6 4 4 4 of five months, and all four H20 in the one month in which they are there; nothing is idle
     * besides when the plan of the future has no stock */
    const loam_plan empty = {0};
    double boxed = ASCEND_USD * (6 + 6 + 4 + 4 + 4) / 5.0 + H20_USD * 4;
    assert_true(fabs(loam_future_stranded(&d, &c, &empty) / boxed - 1) < 1e-12);
    /* of the six in month 4 two and a half have work: three and a half rest in one month of five */
    loam_plan_stock stock = {.region = NORTH, .chip = ASCEND, .month = 4, .owned = 6, .busy = 2, .training = 0.5};
    const loam_plan used = {.n_stock = 1, .stock = &stock};
    assert_true(fabs(loam_future_stranded(&d, &c, &used) / (boxed + ASCEND_USD * 3.5 / 5) - 1) < 1e-12);
    loam_drawn_free(&d);
}

static void carried_slowly(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    k.regions[NORTH].install_per_month = 3;
    loam_drawn d;
    draw(&k, 1, 0, &d);
    loam_carried c = carry(&d);
    static const int up[TINY_MONTHS] = {0, 3, 6, 9, 10, 10}, h20[TINY_MONTHS] = {0, 0, 0, 0, 0, 3};
    for (int t = 0; t < TINY_MONTHS; t++) {
        assert_true(at(&d, c.installed, ASCEND, t) == up[t]);
        assert_true(at(&d, c.installed, H20, t) == h20[t]);
    }
    loam_drawn_free(&d);
}

static void carried_late(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    k.s.doubt.late_probability = 1;
    k.s.doubt.late_months = 2;
    loam_drawn d;
    draw(&k, 1, 0, &d);
    loam_carried c = carry(&d);
    for (int t = 0; t < TINY_MONTHS; t++) {
        assert_true(at(&d, c.delivered, ASCEND, t) == (t >= 3 ? 10 : 0));
        assert_true(at(&d, c.delivered, H20, t) == 0); /* month 7 */
    }
    loam_drawn_free(&d);
}

/* A rule that comes before delivery takes the order away, and it is not paid. */
static void carried_barred(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    struct loam_rule_event letter = {
        .name = "letter", .rule = "H20L", .probability = 1, .from = 4, .until = LOAM_FLEET_ALWAYS};
    k.s.doubt.n_events = 1;
    k.s.doubt.events = &letter;
    loam_drawn d;
    draw(&k, 1, 0, &d);
    loam_carried c = carry(&d);
    assert_int_equal(c.lost, 4);
    assert_true(at(&d, c.delivered, H20, 5) == 0);
    assert_true(at(&d, c.delivered, ASCEND, 5) == 10);
    assert_true(c.usd < 10 * ASCEND_USD);
    loam_drawn_free(&d);
}

/* ---- statistics */

/* numpy.quantile of the same numbers, its default method */
static void quantiles(void **state)
{
    (void)state;
    static const double v[] = {1, 2, 4, 8, 16};
    assert_true(fabs(loam_quantile(v, 5, 0.05) - 1.2) < 1e-12);
    assert_true(fabs(loam_quantile(v, 5, 0.5) - 4) < 1e-12);
    assert_true(fabs(loam_quantile(v, 5, 0.6) - 5.6) < 1e-12);
    assert_true(fabs(loam_quantile(v, 5, 0.95) - 14.4) < 1e-12);
    assert_true(loam_quantile(v, 5, 1) == 16);
    assert_true(loam_quantile(v, 1, 0.3) == 1);
    assert_true(isnan(loam_quantile(v, 0, 0.5)));
}

static void summary(void **state)
{
    (void)state;
    loam_future futures[] = {{.served = 1, .cost = 10, .regret = 0},
                             {.served = 0.5, .cost = 30, .regret = 4},
                             {.served = 0.9, .cost = 20, .regret = 2},
                             {.served = 1 - 1e-9, .cost = 20, .regret = 0}};
    loam_doubt_result d = {.n_futures = 4, .futures = futures};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_doubt_summarise(&d, &err), LOAM_OK);
    assert_true(fabs(d.served_mean - 0.85) < 1e-8);
    assert_true(fabs(d.served_p50 - 0.95) < 1e-8);
    assert_true(fabs(d.served_p5 - 0.56) < 1e-8);
    assert_true(d.cost_mean == 20 && d.cost_p50 == 20 && fabs(d.cost_p95 - 28.5) < 1e-12);
    assert_true(d.regret_mean == 1.5 && fabs(d.regret_p95 - 3.7) < 1e-12);
    assert_true(d.all_served_probability == 0.5);
}

static void moved(void **state)
{
    (void)state;
    loam_err err = LOAM_ERR_INIT;
    loam_plan_order a_orders[] = {{.region = 0, .chip = 0, .month = 0, .servers = 10},
                                  {.region = 1, .chip = 0, .month = 0, .servers = 5},
                                  {.region = 1, .chip = 0, .month = 0, .servers = 5}};
    loam_plan_order b_orders[] = {{.region = 1, .chip = 0, .month = 0, .servers = 10},
                                  {.region = 0, .chip = 0, .month = 0, .servers = 4},
                                  {.region = 0, .chip = 1, .month = 0, .servers = 6}};
    loam_plan_rent rent = {.region = 0, .chip = 0, .month = 0, .servers = 4};
    loam_plan a = {.n_orders = 3, .orders = a_orders}, b = {.n_orders = 3, .orders = b_orders}, none = {0};
    double share;
    assert_int_equal(loam_plan_moved(&a, &a, &share, &err), LOAM_OK);
    assert_true(share == 0);
    assert_int_equal(loam_plan_moved(&a, &b, &share, &err), LOAM_OK);
    assert_true(fabs(share - 12.0 / 26) < 1e-12); /* six of ten moved to another chip: 6 fewer here, 6 more there */
    b.n_rents = 1;
    b.rents = &rent;
    assert_int_equal(loam_plan_moved(&a, &b, &share, &err), LOAM_OK);
    assert_true(fabs(share - 16.0 / 30) < 1e-12);
    assert_int_equal(loam_plan_moved(&a, &none, &share, &err), LOAM_OK);
    assert_true(share == 1);
    assert_int_equal(loam_plan_moved(&none, &none, &share, &err), LOAM_OK);
    assert_true(share == 0);
}

/* ---- with the solver */

static loam_plan *solve(const loam_scenario *s, bool relax)
{
    loam_err err = LOAM_ERR_INIT;
    loam_plan *p = NULL;
    loam_plan_options o = {.relax = relax, .gap = 1e-6};
    if (loam_plan_solve(s, &o, &p, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(p->status, LOAM_PLAN_OPTIMAL);
    return p;
}

/* What a linear plan costs by its objective is what a whole plan costs by its printed cost: the same money, counted by
 * the program and by the checker. */
static void objective_is_cost(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    loam_err err = LOAM_ERR_INIT;
    loam_plan *p = solve(&k.s, false), *linear = solve(&k.s, true);
    double usd;
    assert_true(p->n_orders > 0);
    assert_int_equal(loam_linear_cost(&k.s, p, &usd, &err), LOAM_OK);
    assert_true(fabs(usd / p->cost.total - 1) < 1e-6);
    assert_int_equal(loam_linear_cost(&k.s, linear, &usd, &err), LOAM_OK);
    assert_true(usd < p->cost.total);
    loam_plan_free(p), loam_plan_free(linear);
}

/* In a future that is the scenario itself, the orders fare as the plan says; with rents free to be parts of servers it
 * costs at most as much. */
static void same_future_same_plan(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    loam_err err = LOAM_ERR_INIT;
    loam_plan *p = solve(&k.s, false);
    loam_plan_options o = {.relax = true, .gap = 1e-6};
    loam_drawn d;
    double served, cost, stranded;
    bool ok[2];
    draw(&k, 1, 0, &d);
    assert_int_equal(loam_future_stress(&d, p, &o, &served, &cost, &stranded, ok, &err), LOAM_OK);
    assert_true(served >= p->served_share - 1e-6);
    assert_true(cost <= p->cost.total * (1 + 1e-6));
    assert_true(cost > 0.5 * p->cost.total);
    assert_true(ok[CHAT] && !ok[CODE]); /* nothing runs `code` in the first month */
    assert_true(stranded >= 0 && stranded < 8 * ASCEND_USD);
    loam_drawn_free(&d);
    loam_plan_free(p);
}

static loam_doubt_result *doubt(const tiny *k, const loam_plan *p, loam_doubt_options o)
{
    loam_err err = LOAM_ERR_INIT;
    loam_doubt_result *d = NULL;
    if (loam_doubt_run(&k->s, p, &o, &d, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return d;
}

/* Whoever knows the future serves no less, and pays no more for it; twice the same seed gives the same bytes. */
static void futures(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    k.s.doubt = wild;
    loam_plan *p = solve(&k.s, false);
    const loam_doubt_options o = {.samples = 12, .seed = 5};
    loam_doubt_result *a = doubt(&k, p, o), *b = doubt(&k, p, o);
    assert_int_equal(a->n_futures + a->n_unanswered, 12);
    assert_true(a->n_futures >= 10);
    assert_memory_equal(a->futures, b->futures, a->n_futures * sizeof *a->futures);
    bool differ = false;
    for (size_t i = 0; i < a->n_futures; i++) {
        const loam_future *f = &a->futures[i];
        assert_true(f->best_served >= f->served - 1e-6);
        assert_true(f->served > 0 && f->served <= 1 + 1e-9);
        assert_true(f->regret >= 0);
        if (f->best_served < f->served + 1e-6)
            assert_true(f->best_cost <= f->cost * (1 + 1e-4));
        differ = differ || f->served != a->futures[0].served;
    }
    assert_true(differ);
    assert_true(a->served_p5 <= a->served_p50 && a->served_p50 <= a->served_p95);
    assert_true(a->n_services == 2 && a->service_ok[CODE] == 0 && a->service_ok[CHAT] > 0);
    assert_true(a->n_flips == 0);
    loam_doubt_free(a), loam_doubt_free(b);
    loam_plan_free(p);
}

static const loam_flip *flip_of(const loam_doubt_result *d, const char *what)
{
    for (size_t i = 0; i < d->n_flips; i++) {
        if (!strcmp(d->flips[i].what, what))
            return &d->flips[i];
    }
    fail_msg("no change '%s' was tried", what);
    return NULL;
}

/* More money never serves less, a rule that is dropped never costs more, dearer is not cheaper. */
static void flips(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    k.budgets[1].usd = 3.5 * ASCEND_USD; /* of three servers and a half: it binds */
    k.supplies[0].min_order = 3;
    loam_plan *p = solve(&k.s, false);
    loam_doubt_result *d = doubt(&k, p, (loam_doubt_options){.flips = true, .plan = {.gap = 1e-3}});
    double slack = 2e-3 * p->cost.total, little = 1e-3 * (1 - p->served_share) + 1e-6; /* the gaps */
    assert_true(flip_of(d, "price of 910B2 +25 %")->served <= p->served_share + little);
    assert_true(flip_of(d, "price of 910B2 -25 %")->served >= p->served_share - little);
    assert_true(flip_of(d, "budget first quarter +10 %")->served >= p->served_share - little);
    assert_true(flip_of(d, "budget first quarter -10 %")->served <= p->served_share + little);
    assert_true(flip_of(d, "rent of cloud-south +25 %")->cost >= p->cost.total - slack);
    assert_true(flip_of(d, "rent of cloud-south -25 %")->cost <= p->cost.total + slack);
    assert_true(flip_of(d, "power of all sites +20 %")->served >= p->served_share - little);
    static const char *const dropped[] = {"without share rule domestic", "without share rule not too many H20",
                                          "without data rule at home", "without data rule weights at home",
                                          "without export rule R23.a1"};
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        const loam_flip *f = flip_of(d, dropped[i]);
        assert_true(f->feasible && f->served >= p->served_share - little);
        assert_true(f->served > p->served_share + little || f->cost <= p->cost.total + slack);
    }
    for (size_t i = 0; i < d->n_flips; i++)
        assert_true(d->flips[i].moved >= 0 && d->flips[i].moved <= 1);
    assert_true(flip_of(d, "demand -20 %")->cost < p->cost.total);
    loam_doubt_free(d);
    loam_plan_free(p);
}

/* Linear changes tell the same story about a plan whose search had ended early. */
static void flips_by_linear_programs(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    loam_plan *p = solve(&k.s, false);
    p->status = LOAM_PLAN_LIMIT;
    loam_doubt_result *d = doubt(&k, p, (loam_doubt_options){.flips = true});
    assert_true(flip_of(d, "demand -20 %")->cost < p->cost.total);
    assert_true(flip_of(d, "demand +20 %")->cost > p->cost.total);
    assert_true(flip_of(d, "price of 910B2 +25 %")->cost > p->cost.total);
    assert_true(fabs(flip_of(d, "without data rule weights at home")->cost / p->cost.total - 1) < 1e-3);
    loam_doubt_free(d);
    loam_plan_free(p);
}

/* Demand that may double, and what is unserved very dear: the orders are not those of the median. What comes out is a
 * plan of the scenario that the checker accepts. */
static void robust(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    k.s.doubt.demand_sigma = 0.6;
    k.s.doubt.demand_common = 1;
    k.s.n_rents = 1; /* in the north there is nothing to rent: too little is too little */
    loam_err err = LOAM_ERR_INIT;
    loam_plan *p = NULL;
    loam_robust_candidate *table = NULL;
    size_t n;
    loam_doubt_options o = {.samples = 5, .seed = 2};
    if (loam_plan_compare_robust(&k.s, &o, &p, &table, &n, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(n, 4);
    const loam_robust_candidate *chosen = NULL;
    for (size_t i = 0; i < n; i++) {
        if (table[i].chosen)
            chosen = &table[i];
    }
    assert_non_null(chosen);
    for (size_t i = 0; i < n; i++) {
        assert_true(chosen->score_mean <= table[i].score_mean);
        assert_true(table[i].regret_max >= 0 && table[i].served_mean <= 1 + 1e-9);
    }
    assert_true(chosen->served_mean >= table[0].served_mean - 1e-9);
    assert_string_equal(table[0].what, "nominal");
    loam_buf json, report;
    int violations = -1;
    loam_buf_init(&json, 1 << 24), loam_buf_init(&report, 1 << 20);
    assert_true(loam_plan_json(&k.s, p, NULL, &json));
    assert_int_equal(loam_plan_check(&k.s, json.data, json.len, &report, &violations, &err), LOAM_OK);
    if (violations)
        fail_msg("%s", loam_buf_text(&report));
    loam_buf_deinit(&json), loam_buf_deinit(&report);
    loam_plan_free(p);
    free(table);
}

static bool stop(void *arg, const char *stage, double incumbent, double bound)
{
    (void)incumbent, (void)bound;
    *(bool *)arg = strstr(stage, "future 1 of 3") != NULL;
    return false;
}

static void wrong_questions(void **state)
{
    (void)state;
    static tiny k;
    tiny_init(&k);
    loam_err err = LOAM_ERR_INIT;
    loam_doubt_result *d = NULL;
    loam_plan none = {.status = LOAM_PLAN_INFEASIBLE};
    assert_int_equal(loam_doubt_run(&k.s, &none, &(loam_doubt_options){.samples = 1}, &d, &err), LOAM_STATUS_INVALID);
    none.status = LOAM_PLAN_OPTIMAL;
    assert_int_equal(loam_doubt_run(&k.s, &none, &(loam_doubt_options){.samples = -1}, &d, &err), LOAM_STATUS_INVALID);
    assert_null(d);
    /* whoever says stop gets no half of an answer */
    bool told = false;
    loam_plan *p = solve(&k.s, false);
    loam_doubt_options o = {.samples = 3, .plan = {.progress = stop, .arg = &told}};
    loam_status status = loam_doubt_run(&k.s, p, &o, &d, &err);
    assert_true(status == LOAM_STATUS_CANCELLED || (status == LOAM_OK && !told)); /* too fast to be stopped */
    loam_doubt_free(d);
    loam_plan_free(p);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_seed_same_future),
        TEST(without_doubt_nothing_changes),
        TEST(distributions),
        TEST(normals),
        TEST(events),
        TEST(carried_as_planned),
        TEST(carried_over_budget),
        TEST(carried_without_power),
        TEST(carried_slowly),
        TEST(carried_late),
        TEST(carried_barred),
        TEST(quantiles),
        TEST(summary),
        TEST(objective_is_cost),
        TEST(same_future_same_plan),
        TEST(futures),
        TEST(flips),
        TEST(flips_by_linear_programs),
        TEST(robust),
        TEST(wrong_questions),
        TEST(moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
