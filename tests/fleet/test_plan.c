/* Plans: against enumeration of all whole numbers on tiny scenarios, properties that no plan may break, the independent
 * checker on everything, and sentences for what cannot be. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "fleet/plan.h"

static loam_scenario *scenario(const char *yaml, const loam_change *changes, size_t n)
{
    loam_err err = LOAM_ERR_INIT;
    loam_scenario *s = NULL;
    if (loam_scenario_parse("test.yaml", yaml, strlen(yaml), changes, n, &s, &err) != LOAM_OK)
        fail_msg("%s\n%s", err.msg, yaml);
    return s;
}

static loam_plan *solve(const loam_scenario *s, double gap)
{
    loam_err err = LOAM_ERR_INIT;
    loam_plan *p = NULL;
    if (loam_plan_solve(s, &(loam_plan_options){.gap = gap, .time_s = 100}, &p, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return p;
}

/* The checker knows nothing of the program that was solved. */
static void assert_checked(const loam_scenario *s, const loam_plan *p)
{
    loam_err err = LOAM_ERR_INIT;
    loam_buf json, report;
    int n = 0;
    loam_buf_init(&json, 1 << 28);
    loam_buf_init(&report, 1 << 20);
    assert_true(loam_plan_json(s, p, NULL, &json));
    assert_int_equal(loam_plan_check(s, json.data, json.len, &report, &n, &err), LOAM_OK);
    if (n)
        fail_msg("%d violations:\n%s", n, loam_buf_text(&report));
    loam_buf_deinit(&json);
    loam_buf_deinit(&report);
}

/* One region, two chips on sale, one service, demand that `per_day` says. */
static const char tiny[] =
    "name: tiny\n"
    "headquarters: DE\n"
    "goal: %s\n"
    "start: 2026-01\n"
    "months: 6\n"
    "order_every: 6\n"
    "blocks: 2\n"
    "regions:\n"
    "  - {name: here, country: DE, power_mw: %g}\n"
    "origins: [{name: people, country: DE}]\n"
    "services:\n"
    "  - {name: talk, model: Llama-3.1-8B, tokens_in: 1000, tokens_out: 200, ttft_s: 2, tpot_s: 0.05,\n"
    "     demand: {people: {from: 2026-03, per_day: %g}}, curve: office}\n"
    "chips: [H100, L40S]\n"
    "supplies:\n"
    "  - {name: big, chip: H100, lead_months: 2, pay_at_order: 50%%}\n"
    "  - {name: small, chip: L40S, lead_months: 1, per_quarter: %d}\n"
    "budgets: [{name: all, usd: %g}]\n";

static loam_scenario *tiny_scenario(const char *goal, double mw, double per_day, int small, double usd)
{
    char yaml[2000];
    snprintf(yaml, sizeof yaml, tiny, goal, mw, per_day, small, usd);
    return scenario(yaml, NULL, 0);
}

/* Present value of n servers from a supply, by docs/plan.md's formulas, written again. */
static double cost_of(const loam_scenario *s, int supply, int n)
{
    const loam_supply *u = &s->supplies[supply];
    const loam_fleet_chip *c = &s->chips[u->chip];
    const loam_region *r = &s->regions[0];
    double price = 8 * c->price_usd * 1.25 * 1.12 * 1.03, month = pow(1 + s->discount, -1 / 12.0);
    double usd = price * (u->pay_at_order + (1 - u->pay_at_order) * pow(month, u->lead_months));
    for (int t = u->lead_months; t < s->months; t++)
        usd += pow(month, t) * (c->chip.server_kw * (0.8 * r->pue * r->usd_per_kwh * 730 + r->colo_usd_per_kw_month) +
                                s->opex_share / 12 * price);
    double left = 1 - (1 - s->residual) * (s->months - u->lead_months) / s->life_months;
    return n * (usd - price * left * pow(month, s->months));
}

/* Do so many servers serve everything, in every month and block? */
static bool enough(const loam_scenario *s, const loam_replica *replicas, const int n[2])
{
    for (int t = 0; t < s->months; t++)
        for (int b = 0; b < s->blocks; b++) {
            double able = 0;
            for (int c = 0; c < 2; c++)
                if (replicas[c].feasible && t >= s->supplies[c].lead_months)
                    able +=
                        n[c] * 8 * (1 - s->chips[c].spare_share) * replicas[c].requests_per_s * 0.7 / replicas[c].chips;
            if (able < loam_scenario_load(s, 0, 0, t, b) * (1 - 1e-9))
                return false;
        }
    return true;
}

/* Every number of servers that could be ordered. */
static void test_enumeration(void **state)
{
    for (uint64_t k = 0; k < 12; k++) {
        double per_day = 1e6 + 4e7 * loam_rng_uniform(5, 2 * k);
        int few = (int)(6 * loam_rng_uniform(5, 2 * k + 1)), best_n[2] = {0, 0};
        loam_scenario *s = tiny_scenario("serve-all", 20, per_day, few, 1e9);
        loam_plan *p = solve(s, 1e-9);
        assert_int_equal(p->status, LOAM_PLAN_OPTIMAL);
        assert_checked(s, p);
        double best = INFINITY;
        for (int big = 0; big <= 200; big++)
            for (int small = 0; small <= few; small++) {
                double cost = cost_of(s, 0, big) + cost_of(s, 1, small);
                if (cost >= best || !enough(s, p->replicas, (int[2]){big, small}))
                    continue;
                best = cost;
                best_n[0] = big, best_n[1] = small;
            }
        int n[2] = {0, 0};
        for (size_t i = 0; i < p->n_orders; i++)
            n[p->orders[i].supply] += p->orders[i].servers;
        assert_int_equal(n[0], best_n[0]);
        assert_int_equal(n[1], best_n[1]);
        assert_true(fabs(p->cost.total - best) <= 1e-9 * best);
        loam_plan_free(p);
        loam_scenario_free(s);
    }
}

static void test_more_budget_never_serves_less(void **state)
{
    double before = -1;
    for (double usd = 0; usd <= 4e6; usd += 5e5) {
        loam_scenario *s = tiny_scenario("most-served", 20, 3e7, 3, usd);
        loam_plan *p = solve(s, 1e-6);
        assert_int_not_equal(p->status, LOAM_PLAN_INFEASIBLE);
        assert_checked(s, p);
        assert_true(p->served_share >= before - 1e-6);
        assert_true(p->served_share <= p->served_bound + 1e-6);
        before = p->served_share;
        loam_plan_free(p);
        loam_scenario_free(s);
    }
    assert_true(before > 0.5);
}

/* Three regions, two of them abroad, a share rule, a data rule, power that is short. */
static const char several[] =
    "name: several\n"
    "headquarters: CN\n"
    "goal: serve-all\n"
    "start: 2025-01\n"
    "months: 12\n"
    "blocks: 2\n"
    "rules: {as_of: 2025-01-31}\n"
    "regions:\n"
    "  - {name: cn, country: CN, power_mw: 8, usd_per_kwh: 0.08}\n"
    "  - {name: my, country: MY, power_mw: 6, usd_per_kwh: 0.11}\n"
    "  - {name: no, country: 'NO', power_mw: 6, usd_per_kwh: 0.05}\n"
    "origins:\n"
    "  - {name: china, country: CN}\n"
    "  - {name: world, country: MY}\n"
    "services:\n"
    "  - {name: talk, model: Llama-3.3-70B, tokens_in: 1500, tokens_out: 300, demand: {china: {from: 2025-06, per_day: "
    "20 M}, world: {from: 2025-06, per_day: 8 M}}, n_plus_1: true, curve: evening}\n"
    "  - {name: pictures, kind: image, model: SDXL, latency_s: 30, demand: {china: {from: 2025-06, per_day: 1 M}, "
    "world: {from: 2025-06, per_day: 1 M}}}\n"
    "chips: [H20, L20, Ascend-910B2]\n"
    "supplies:\n"
    "  - {name: h20, chip: H20, lead_months: 3}\n"
    "  - {name: l20, chip: L20, lead_months: 2}\n"
    "  - {name: ascend, chip: Ascend-910B2, lead_months: 3, regions: [cn]}\n"
    "shares:\n"
    "  - {name: domestic, group: {vendor: [Huawei]}, regions: [cn], measure: spend, min: 50%}\n"
    "data_rules:\n"
    "  - {name: stays, origins: [china], allow: [cn]}\n"
    "budgets: [{name: all, usd: 2 bn}]\n";

static double cost_with(const char *path, const char *value)
{
    loam_change change = {path, value};
    loam_scenario *s = scenario(several, &change, path ? 1 : 0);
    loam_plan *p = solve(s, 1e-4);
    assert_int_not_equal(p->status, LOAM_PLAN_INFEASIBLE);
    assert_checked(s, p);
    double cost = p->cost.total;
    loam_plan_free(p);
    loam_scenario_free(s);
    return cost;
}

static void test_dropping_a_rule_never_costs_more(void **state)
{
    double all = cost_with(NULL, NULL), slack = 1 + 2e-4;
    assert_true(cost_with("shares.domestic.min", "0") <= all * slack);
    assert_true(cost_with("data_rules.stays.until", "2025-02-01") <= all * slack);
    assert_true(cost_with("budgets.all.usd", "4 bn") <= all * slack);
    assert_true(cost_with("regions.no.power_mw", "20") <= all * slack);
    assert_true(cost_with("services.talk.n_plus_1", "false") <= all * slack);
    /* and what costs more, does */
    assert_true(cost_with("shares.domestic.min", "80%") * slack >= all);
    assert_true(cost_with("services.talk.demand_factor", "1.1") > all);
}

static bool names(const char *const *list, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(list[i], word))
            return true;
    return false;
}

static void test_nothing_fits(void **state)
{
    /* too little money for the demand */
    loam_scenario *s = tiny_scenario("serve-all", 20, 3e7, 3, 4e5);
    loam_plan *p = solve(s, 0.005);
    assert_int_equal(p->status, LOAM_PLAN_INFEASIBLE);
    assert_true(names(p->conflict, p->n_conflict, "budget all"));
    assert_true(names(p->conflict, p->n_conflict, "demand for talk"));
    assert_false(names(p->conflict, p->n_conflict, "power in here"));
    assert_true(p->n_repairs >= 1);
    assert_true(names(p->repairs, p->n_repairs, "budget all"));
    loam_plan_free(p);
    loam_scenario_free(s);
    /* too little power */
    s = tiny_scenario("serve-all", 0.005, 3e7, 3, 1e9);
    p = solve(s, 0.005);
    assert_int_equal(p->status, LOAM_PLAN_INFEASIBLE);
    assert_true(names(p->conflict, p->n_conflict, "power in here"));
    assert_false(names(p->conflict, p->n_conflict, "budget all"));
    loam_plan_free(p);
    loam_scenario_free(s);
    /* the same with "most served" is no conflict: some of it is served, or nothing */
    s = tiny_scenario("most-served", 0.005, 3e7, 3, 1e9);
    p = solve(s, 0.005);
    assert_int_not_equal(p->status, LOAM_PLAN_INFEASIBLE);
    assert_true(p->served_share < 1e-9 && p->n_orders == 0);
    assert_checked(s, p);
    loam_plan_free(p);
    loam_scenario_free(s);
}

static void test_refusals_say_why(void **state)
{
    loam_change change = {"services.talk.model", "Llama-3.1-405B"};
    char yaml[2000];
    snprintf(yaml, sizeof yaml, tiny, "most-served", 20.0, 1e6, 3, 1e9);
    loam_scenario *s = scenario(yaml, &change, 1);
    loam_plan *p = solve(s, 0.005);
    bool said = false;
    for (size_t i = 0; i < p->n_refusals; i++)
        said |= strstr(p->refusals[i].what, "talk on L40S") != NULL;
    assert_true(said);
    loam_plan_free(p);
    loam_scenario_free(s);
    /* under the rules of the time the headquarters decide, wherever the servers stand */
    loam_change china = {"headquarters", "CN"};
    s = scenario(yaml, &china, 1);
    p = solve(s, 0.005);
    said = false;
    for (size_t i = 0; i < p->n_refusals; i++)
        said |= strstr(p->refusals[i].what, "buying H100") && strstr(p->refusals[i].why, "R23.hq");
    assert_true(said);
    for (size_t i = 0; i < p->n_orders; i++)
        assert_int_not_equal(p->orders[i].chip, 0);
    loam_plan_free(p);
    loam_scenario_free(s);
}

static void test_a_model_that_fits_nowhere(void **state)
{
    loam_change change[] = {{"services.talk.tpot_s", "0.0005"}};
    char yaml[2000];
    loam_err err = LOAM_ERR_INIT;
    loam_plan *p;
    snprintf(yaml, sizeof yaml, tiny, "most-served", 20.0, 1e6, 3, 1e9);
    char *h100 = strstr(yaml, "chips: [H100, L40S]"), *big = strstr(yaml, "chip: H100");
    memcpy(h100, "chips: [L20 , L40S]", 19);
    memcpy(big, "chip: L20 ", 10);
    loam_scenario *s = scenario(yaml, change, 1);
    assert_int_equal(loam_plan_solve(s, &(loam_plan_options){0}, &p, &err), LOAM_STATUS_INVALID);
    assert_non_null(strstr(err.msg, "service 'talk' can run on no chip"));
    assert_non_null(strstr(err.msg, "test.yaml:12"));
    loam_scenario_free(s);
}

/* Rented abroad it may serve but not train, for a company of this headquarters; what is owned there may do both, and
 * the run takes that, not the rent. */
static void test_training_counts_only_what_may_train(void **state)
{
    static const char yaml[] =
        "name: trains\nheadquarters: CN\ngoal: most-served\nstart: 2026-02\nmonths: 6\nblocks: 1\n"
        "regions: [{name: my, country: MY, power_mw: 9}]\n"
        "origins: [{name: people, country: MY}]\n"
        "services: [{name: talk, model: Llama-3.1-8B, tokens_in: 900, tokens_out: 200, demand: 200 M}]\n"
        "trainings: [{name: run, params: 8G, tokens: 40G, context: 2048, layers: 32, hidden: 4096, start: 2026-03,"
        " deadline: 2026-06}]\n"
        "chips: [H100]\n"
        "rents: [{name: cloud, provider: x, provider_hq: US, region: my, chip: H100, usd_per_chip_hour: 3,"
        " available: 90}]\n"
        "owned: [{region: my, chip: H100, servers: %d}]\n"
        "budgets: [{name: all, usd: 1 bn}]\n";
    for (int owned = 0; owned <= 8; owned += 8) {
        char text[2000];
        snprintf(text, sizeof text, yaml, owned);
        loam_scenario *s = scenario(text, NULL, 0);
        loam_plan *p = solve(s, 0.005);
        assert_int_not_equal(p->status, LOAM_PLAN_INFEASIBLE);
        assert_checked(s, p);
        assert_true(p->n_rents > 0); /* it serves on them */
        assert_int_equal(p->n_training > 0, owned > 0);
        loam_plan_free(p);
        loam_scenario_free(s);
    }
}

static bool never(void *arg, const char *stage, double incumbent, double bound)
{
    return false;
}

static void test_cancel(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    loam_scenario *s = scenario(several, NULL, 0);
    loam_plan *p = NULL;
    assert_int_equal(loam_plan_solve(s, &(loam_plan_options){.progress = never}, &p, &err), LOAM_STATUS_CANCELLED);
    assert_null(p);
    loam_scenario_free(s);
}

/* Everything of the examples holds, and the same scenario gives the same plan. */
static void test_examples(void **state)
{
    static const char *const files[] = {"hospital.yaml", "2025-12bn.yaml"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4096];
        loam_err err = LOAM_ERR_INIT;
        loam_scenario *s;
        snprintf(path, sizeof path, "%s/examples/plan/%s", LOAM_SOURCE_ROOT, files[i]);
        if (loam_scenario_open(path, NULL, 0, &s, &err) != LOAM_OK)
            fail_msg("%s", err.msg);
        loam_plan *p = solve(s, 0.02);
        assert_int_not_equal(p->status, LOAM_PLAN_INFEASIBLE);
        assert_checked(s, p);
        if (i == 0) {
            loam_plan *again = solve(s, 0.02);
            p->seconds = again->seconds = 0;
            loam_buf a, b;
            loam_buf_init(&a, 1 << 28);
            loam_buf_init(&b, 1 << 28);
            assert_true(loam_plan_json(s, p, NULL, &a) && loam_plan_json(s, again, NULL, &b));
            assert_string_equal(loam_buf_text(&a), loam_buf_text(&b));
            loam_buf_deinit(&a);
            loam_buf_deinit(&b);
            loam_plan_free(again);
        }
        loam_plan_free(p);
        loam_scenario_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enumeration),
        cmocka_unit_test(test_more_budget_never_serves_less),
        cmocka_unit_test(test_dropping_a_rule_never_costs_more),
        cmocka_unit_test(test_nothing_fits),
        cmocka_unit_test(test_refusals_say_why),
        cmocka_unit_test(test_a_model_that_fits_nowhere),
        cmocka_unit_test(test_training_counts_only_what_may_train),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
