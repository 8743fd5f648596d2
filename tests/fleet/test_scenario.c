/* Scenarios: what is read against values worked out by hand, what is refused and with which words, changes of one line,
 * loads on the clocks of several countries, routes by month; and that the manual tells every key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "fleet/scenario_int.h"

/* Every section once; the refusals below change one place of it. */
static const char base[] =
    "name: base\n"
    "headquarters: CN\n"
    "start: 2025-01\n"
    "months: 12\n"
    "order_every: 3\n"
    "blocks: 24\n"
    "currency: {CNY: 7.25, EUR: 0.8}\n"
    "discount: 8%\n"
    "rules: {known_at: 2025-01-20, dropped: [R23], extra: DIFF, worst_allowed: case-by-case}\n"
    "regions:\n"
    "  - name: gansu\n"
    "    country: CN\n"
    "    power_mw: [{mw: 20}, {from: 2025-07, mw: 45}]\n"
    "    usd_per_kwh: 0.8 CNY\n"
    "    tariffs: {Huawei: 0.4 CNY}\n"
    "  - {name: johor, country: MY, power_mw: 10, owner: NewCo}\n"
    "origins:\n"
    "  - {name: china, country: CN, rtt_ms: {gansu: 30, johor: 70}}\n"
    "  - {name: india, country: IN, rtt_ms: {gansu: 90, johor: 60}}\n"
    "models:\n"
    "  - {name: big, like: DeepSeek-V3, weight_bits: 4}\n"
    "  - {name: own, params: 10 B, layers: 40, hidden: 5120, kv_heads: 8, head_dim: 128, kv_bits: 16}\n"
    "services:\n"
    "  - name: chat\n"
    "    model: big\n"
    "    tokens_in: 1200\n"
    "    tokens_out: 400\n"
    "    growth: 10%\n"
    "    demand:\n"
    "      china: 2 M\n"
    "      india: [{from: 2025-03, per_day: 1000, growth: 0}, {from: 2025-06, users: 500, per_user: 6}]\n"
    "  - name: clips\n"
    "    kind: video\n"
    "    model: Wan-2.1\n"
    "    latency_s: 600\n"
    "    max_rtt_ms: 80\n"
    "    demand: {china: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}\n"
    "trainings:\n"
    "  - {name: next, params: 400 B, active_params: 17 B, start: 2025-02, deadline: 2025-10-30}\n"
    "chips: [H20, H200, {name: Ascend-910B2, price_usd: 116k CNY}, {name: mine, like: L20, int8_tops: 300}]\n"
    "supplies:\n"
    "  - {chip: H20, per_quarter: [100, 200], regions: [gansu]}\n"
    "  - {name: huawei, chip: Ascend, lead_months: 4}\n"
    "rents:\n"
    "  - {region: johor, chip: H200, usd_per_chip_hour: 4, provider: Sun, provider_hq: SG, until: 2025-07}\n"
    "owned:\n"
    "  - {name: old, region: gansu, chip: mine, servers: 12, from: 2024-03}\n"
    "budgets:\n"
    "  - {name: china, usd: 40 bn CNY, regions: {country: CN}, spend: [capex, rent]}\n"
    "  - {name: abroad, usd: 1.2 M, regions: johor, each: quarter, from: 2025-04, until: 2025-10}\n"
    "shares:\n"
    "  - {name: domestic, group: {vendor: Huawei}, measure: spend, min: 60%, regions: gansu}\n"
    "data_rules:\n"
    "  - {name: separation, services: {kind: video}, origins: china, allow: {owner: NewCo}, from: 2025-03-19}\n"
    "  - {name: home, services: chat, allow: {country: MY}, origins: india, from: 2025-02, until: 2025-05-01}\n"
    "  - {name: corpus, trainings: all, deny: johor}\n"
    "doubt:\n"
    "  demand_sigma: 30%\n"
    "  events: [{rule: H20L, probability: 40%, from: 2025-04-09}]\n"
    "assumptions: [{what: yuan, value: 7.25, source: made up}]\n";

static loam_scenario *read_text(const char *text, const loam_change *changes, size_t n)
{
    loam_scenario *s;
    loam_err err = LOAM_ERR_INIT;
    if (loam_scenario_parse("dir/s.yaml", text, strlen(text), changes, n, &s, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return s;
}

static loam_scenario *changed(const char *path, const char *value)
{
    return read_text(base, &(loam_change){path, value}, 1);
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))))
        fail_msg("%.17g is not %.17g", got, want);
}

/* The base with `from` replaced by `to`. */
static char *with(const char *from, const char *to)
{
    const char *at = strstr(base, from);
    loam_buf b;
    if (!at || strstr(at + 1, from))
        fail_msg("'%s' is not in the base once", from);
    loam_buf_init(&b, 1 << 20);
    loam_buf_add(&b, base, (size_t)(at - base));
    loam_buf_str(&b, to);
    loam_buf_str(&b, at + strlen(from));
    return loam_buf_take(&b);
}

static void places_and_time(void **state)
{
    loam_scenario *s = read_text(base, NULL, 0);
    assert_string_equal(s->hq, "CN");
    assert_int_equal(s->start, 55 * 12);
    assert_int_equal(s->goal, LOAM_GOAL_SERVE_ALL);
    near(s->discount, 0.08);
    near(s->opex_share, 0.04);
    assert_int_equal(s->n_regions, 2);
    near(s->regions[0].power_kw[5], 20000);
    near(s->regions[0].power_kw[6], 45000);
    near(s->regions[0].usd_per_kwh, 0.8 / 7.25);
    assert_string_equal(s->regions[0].tariffs[0].vendor, "Huawei");
    near(s->regions[0].tariffs[0].usd_per_kwh, 0.4 / 7.25);
    assert_string_equal(s->regions[0].owner, "self");
    assert_string_equal(s->regions[1].owner, "NewCo");
    near(s->origins[1].utc_offset_h, 5.5);
    near(s->origins[1].rtt_ms[1], 60);
    loam_day known;
    assert_true(loam_day_parse("2025-01-20", &known));
    assert_int_equal(s->rules.known_at, known);
    assert_string_equal(s->rules.extra[0], "DIFF");
    assert_string_equal(s->rules.dropped[0], "R23");
    assert_int_equal(s->worst_allowed, LOAM_VERDICT_CASE);
    loam_scenario_free(s);
}

static void models_and_chips(void **state)
{
    loam_scenario *s = read_text(base, NULL, 0);
    assert_int_equal(s->n_models, 3); /* the third by the service that names it */
    near(s->models[0].params, 671e9);
    near(s->models[0].kv_elements_per_token, 61 * 576);
    near(s->models[0].weight_bits, 4);
    near(s->models[0].kv_bits, 8);
    near(s->models[1].active_params, 10e9);
    near(s->models[1].kv_elements_per_token, 2 * 40 * 8 * 128);
    near(s->models[1].kv_bits, 16);
    assert_string_equal(s->models[2].name, "Wan-2.1-14B");
    assert_int_equal(s->services[1].model, 2);
    assert_int_equal(s->n_chips, 4);
    assert_string_equal(s->chips[0].chip.name, "H20-SXM-96GB");
    near(s->chips[0].price_usd, 13500);
    near(s->chips[2].price_usd, 16000);
    near(s->chips[2].server_share, 0.25);
    assert_string_equal(s->chips[3].chip.name, "mine");
    near(s->chips[3].chip.mem_gb, 48);
    near(s->chips[3].chip.tpp, 2400); /* 300 TOPS × 8 bits, over 239 TFLOPS of FP8 × 8 */
    near(s->chips[3].chip.pd, 2400.0 / 609);
    near(s->supplies[0].per_quarter[0], 100);
    near(s->supplies[0].per_quarter[1], 200);
    near(s->supplies[0].per_quarter[19], 200);
    assert_int_equal(s->supplies[0].lead_months, 6); /* a chip of 2024 in January 2025 */
    assert_true(s->supplies[0].regions[0] && !s->supplies[0].regions[1]);
    assert_string_equal(s->supplies[1].name, "huawei");
    assert_int_equal(s->supplies[1].chip, 2);
    assert_true(s->supplies[1].per_quarter[0] < 0);
    assert_string_equal(s->rents[0].name, "H200-SXM-141GB in johor from Sun");
    assert_int_equal(s->rents[0].until, 6);
    assert_true(s->rents[0].available < 0 && s->rents[0].with_power);
    assert_int_equal(s->owned[0].from, 0);
    assert_int_equal(s->owned[0].until, LOAM_FLEET_ALWAYS);
    loam_scenario_free(s);
}

static void money_shares_and_doubt(void **state)
{
    static const char *const names[] = {"china", "abroad 2025-04", "abroad 2025-07"};
    loam_scenario *s = read_text(base, NULL, 0);
    assert_int_equal(s->n_budgets, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(s->budgets[i].name, names[i]);
    near(s->budgets[0].usd, 40e9 / 7.25);
    assert_int_equal(s->budgets[0].spend, LOAM_SPEND_CAPEX | LOAM_SPEND_RENT);
    assert_true(s->budgets[0].regions[0] && !s->budgets[0].regions[1]);
    near(s->budgets[2].usd, 1.2e6);
    assert_int_equal(s->budgets[2].from, 6);
    assert_int_equal(s->budgets[2].until, 9);
    assert_true(s->shares[0].group[2] && !s->shares[0].group[0]);
    near(s->shares[0].min, 0.6);
    near(s->shares[0].max, 1);
    near(s->doubt.demand_sigma, 0.3);
    near(s->doubt.perf_sigma, 0.1);
    assert_int_equal(s->doubt.n_events, 1);
    assert_string_equal(s->doubt.events[0].name, "H20L");
    assert_int_equal(s->doubt.events[0].from, 3);
    assert_string_equal(s->sources[0].value, "7.25");
    near(s->trainings[0].tokens, 8e12);
    assert_int_equal(s->trainings[0].start, 1);
    assert_int_equal(s->trainings[0].deadline, 8); /* by 30 October: September is the last whole month */
    loam_scenario_free(s);
}

static void demand_by_month(void **state)
{
    loam_scenario *s = read_text(base, NULL, 0);
    const double *chat = s->services[0].per_day, *clips = s->services[1].per_day;
    for (int m = 0; m < 12; m++) {
        near(chat[m * 2], 2e6 * pow(1.1, m));
        near(clips[m * 2], m + 1);
        near(clips[m * 2 + 1], 0);
    }
    near(chat[1 * 2 + 1], 0);
    near(chat[2 * 2 + 1], 1000);
    near(chat[4 * 2 + 1], 1000);
    near(chat[5 * 2 + 1], 3000);
    near(chat[6 * 2 + 1], 3300);
    loam_scenario_free(s);
    s = changed("services.chat.demand.china", "{per_day: 100, from: 2024-11, until: 2025-03, growth: 50%}");
    near(s->services[0].per_day[0], 225); /* it has grown for two months before the start */
    near(s->services[0].per_day[2], 337.5);
    near(s->services[0].per_day[4], 0);
    loam_scenario_free(s);
    s = changed("services.chat.demand_factor", "3");
    near(s->services[0].per_day[0], 6e6);
    loam_scenario_free(s);
}

/* All of the day's requests come in one local hour, so that the clocks can be followed. */
static char *noon_only(void)
{
    return with("    growth: 10%\n",
                "    curve: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n");
}

static void loads_follow_the_clocks(void **state)
{
    char *text = noon_only();
    loam_scenario *s = read_text(text, NULL, 0);
    for (int block = 0; block < 24; block++) {
        near(loam_scenario_load(s, 0, 0, 0, block), block == 4 ? 2e6 / 3600 : 0); /* noon in China is 4 h UTC */
        bool indian_noon = block == 6 || block == 7;                              /* 6:30 to 7:30 UTC */
        near(loam_scenario_load(s, 0, 1, 2, block), indian_noon ? 1000 / 3600.0 / 2 : 0);
    }
    loam_scenario_free(s);
    s = read_text(text, &(loam_change){"blocks", "4"}, 1);
    near(loam_scenario_load(s, 0, 0, 0, 0), 2e6 / 3600);          /* the busiest hour of 0 to 6 h */
    near(loam_scenario_load_mean(s, 0, 0, 0, 0), 2e6 / 3600 / 6); /* and the mean */
    near(loam_scenario_load(s, 0, 0, 0, 1), 0);
    loam_scenario_free(s);
    s = read_text(text, &(loam_change){"origins.china.utc_offset", "-9.75"}, 1);
    near(loam_scenario_load(s, 0, 0, 0, 21), 2e6 / 3600 * 0.25); /* 11:15 to 12:15 on their clock */
    near(loam_scenario_load(s, 0, 0, 0, 22), 2e6 / 3600 * 0.75);
    loam_scenario_free(s);
    free(text);
}

/* Whatever the blocks, offsets and curves: the means hold all of the day's requests, and no block's load is below its
 * mean. */
static void no_request_is_lost(void **state)
{
    static const char *const curves[] = {"flat", "office", "evening", "consumer"},
                             *const offsets[] = {"0", "5.75", "-12", "14"}, *const blocks[] = {"1", "2",  "3", "6",
                                                                                               "8", "12", "24"};
    for (size_t c = 0; c < 4; c++)
        for (size_t o = 0; o < 4; o++)
            for (size_t b = 0; b < 7; b++) {
                const loam_change changes[] = {{"services.chat.curve", curves[c]},
                                               {"origins.china.utc_offset", offsets[o]},
                                               {"blocks", blocks[b]}};
                loam_scenario *s = read_text(base, changes, 3);
                double day = 0, greatest = 0;
                for (int k = 0; k < s->blocks; k++) {
                    double mean = loam_scenario_load_mean(s, 0, 0, 11, k), load = loam_scenario_load(s, 0, 0, 11, k);
                    day += mean * 86400 / s->blocks;
                    greatest = fmax(greatest, load);
                    assert_true(load >= mean * (1 - 1e-12));
                }
                near(day / s->services[0].per_day[22], 1);
                assert_true(greatest < s->services[0].per_day[22] / 86400 * 2.2);
                loam_scenario_free(s);
            }
}

static void routes(void **state)
{
    loam_scenario *s = read_text(base, NULL, 0);
    const char *why = NULL;
    /* The video service from China: until February anywhere within 80 ms, from March (the 19th) only in NewCo's region.
     */
    assert_true(loam_scenario_route(s, 1, 0, 0, 1, &why));
    assert_true(loam_scenario_route(s, 1, 0, 1, 1, &why));
    assert_false(loam_scenario_route(s, 1, 0, 0, 2, &why));
    assert_string_equal(why, "separation");
    assert_true(loam_scenario_route(s, 1, 0, 1, 11, NULL));
    /* From India the north is too far for video. */
    assert_false(loam_scenario_route(s, 1, 1, 0, 0, &why));
    assert_string_equal(why, "max_rtt_ms");
    /* Chat from India: in February, March and April only in Malaysia; the rule ends with April. */
    assert_true(loam_scenario_route(s, 0, 1, 0, 0, NULL));
    for (int m = 1; m <= 3; m++)
        assert_false(loam_scenario_route(s, 0, 1, 0, m, NULL));
    assert_true(loam_scenario_route(s, 0, 1, 0, 4, NULL));
    assert_true(loam_scenario_route(s, 0, 0, 0, 2, NULL));
    /* The rule of training data binds nobody's requests. */
    assert_true(loam_scenario_route(s, 0, 0, 1, 6, NULL));
    assert_true(s->data_rules[2].trainings[0]);
    assert_false(s->data_rules[2].allow);
    loam_scenario_free(s);
    s = changed("data_rules.home.until", "2025-05-02"); /* a day of May is left */
    assert_false(loam_scenario_route(s, 0, 1, 0, 4, NULL));
    loam_scenario_free(s);
}

static void same_country(void **state)
{
    const loam_change changes[] = {{"data_rules.home.allow", "same-country"}, {"data_rules.home.origins", "china"}};
    loam_scenario *s = read_text(base, changes, 2);
    assert_string_equal(s->data_rules[1].name, "home (china)");
    assert_false(loam_scenario_route(s, 0, 0, 1, 1, NULL));
    assert_true(loam_scenario_route(s, 0, 0, 0, 1, NULL));
    assert_true(loam_scenario_route(s, 0, 1, 1, 1, NULL));
    loam_scenario_free(s);
}

static void rulings_reach_the_rules(void **state)
{
    loam_scenario *s = changed("rules", "null");
    loam_ruling ruling;
    loam_scenario_ruling(s, 1, 1, LOAM_GET_BUY, NULL, false, 0, &ruling); /* H200 to a Chinese group's site abroad */
    assert_int_equal(ruling.verdict, LOAM_VERDICT_DENIED);
    loam_scenario_ruling(s, 0, 0, LOAM_GET_BUY, NULL, false, 2, &ruling); /* H20 to China in March 2025 */
    assert_int_equal(ruling.verdict, LOAM_VERDICT_FREE);
    loam_scenario_ruling(s, 0, 0, LOAM_GET_BUY, NULL, false, 3, &ruling); /* and in April, of which 22 days are bound */
    assert_int_equal(ruling.verdict, LOAM_VERDICT_CASE);
    loam_scenario_ruling(s, 1, 1, LOAM_GET_RENT, "SG", false, 0, &ruling); /* rented from a firm of Singapore */
    assert_int_equal(ruling.verdict, LOAM_VERDICT_FREE);
    loam_scenario_free(s);
}

static void defaults(void **state)
{
    loam_scenario *s =
        read_text("name: smallest\nheadquarters: DE\nstart: 2026-01\n"
                  "regions: [{name: frankfurt, country: DE, power_mw: 1}]\n"
                  "origins: [{name: germany, country: DE}]\n"
                  "services: [{name: chat, model: Llama-3.3, tokens_in: 1000, tokens_out: 300, demand: 2 M}]\n",
                  NULL, 0);
    assert_int_equal(s->months, 12);
    assert_int_equal(s->order_every, 3);
    assert_int_equal(s->blocks, 4);
    assert_int_equal(s->worst_allowed, LOAM_VERDICT_NOTIFY);
    near(s->services[0].per_day[11], 2e6);
    near(s->services[0].utilisation, 0.7);
    assert_null(s->services[0].chips);
    assert_true(s->n_chips > 15 && s->n_supplies > 15);
    for (size_t i = 0; i < s->n_supplies; i++)
        assert_true(s->chips[s->supplies[i].chip].price_usd > 0);
    for (size_t i = 0; i < s->n_chips; i++)
        assert_true(s->chips[i].chip.mem_gb > 0);
    loam_scenario_free(s);
}

static void changes_of_one_line(void **state)
{
    loam_scenario *s = changed("chips.H20.price_usd", "20k"); /* an item that is just a name */
    near(s->chips[0].price_usd, 20000);
    loam_scenario_free(s);
    s = changed("owned.0.servers", "7");
    assert_int_equal(s->owned[0].servers, 7);
    loam_scenario_free(s);
    s = changed("owned.old.servers", "8");
    assert_int_equal(s->owned[0].servers, 8);
    loam_scenario_free(s);
    s = changed("shares.domestic", "null");
    assert_int_equal(s->n_shares, 0);
    loam_scenario_free(s);
    s = changed("discount", "null");
    near(s->discount, 0.1);
    loam_scenario_free(s);
    s = changed("residual", "20%");
    near(s->residual, 0.2);
    loam_scenario_free(s);
    s = changed("regions.gansu.power_mw.1.mw", "50");
    near(s->regions[0].power_kw[6], 50000);
    loam_scenario_free(s);
    s = changed("budgets.china.chips", "[Ascend, H20]");
    assert_true(s->budgets[0].chips[0] && !s->budgets[0].chips[1] && s->budgets[0].chips[2]);
    loam_scenario_free(s);
    char *text = with("  - {name: own, ", "  - {name: own-1.5, ");
    s = read_text(text, &(loam_change){"models.own-1.5.params", "12 B"}, 1); /* a dot in a name */
    near(s->models[1].params, 12e9);
    loam_scenario_free(s);
    free(text);
}

static void changes_that_are_refused(void **state)
{
    static const struct {
        const char *path, *value, *message;
    } cases[] = {
        {"services.chta.growth", "5%", "the change of 'services.chta.growth' names nothing: services has chat, clips"},
        {"servcies.chat", "5%", "names nothing: the scenario has name, headquarters, start"},
        {"services.chat.grwoth", "5%",
         "with services.chat.grwoth=5%: dir/s.yaml:24: service: unknown key 'grwoth'; did you mean 'growth'?"},
        {"owned.1.servers", "5", "owned has old"},
        {"name.first", "5", "names nothing: name has no parts"},
        {"services.chat.growth", "120%",
         "dir/s.yaml:28: growth (a month, 5% or 0.05): expected a number from -0.99 to 1, this is '120%'"},
        {"services.chat.growth", "*x", "the change:1: the alias"},
        {"shares.domestic.min", "1.5", "with shares.domestic.min=1.5: dir/s.yaml"},
        {"", "5", "names nothing"},
        {".", "5", "names nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_scenario *s;
        loam_err err = LOAM_ERR_INIT;
        loam_change change = {cases[i].path, cases[i].value};
        assert_int_equal(loam_scenario_parse("dir/s.yaml", base, strlen(base), &change, 1, &s, &err),
                         LOAM_STATUS_INVALID);
        assert_null(s);
        if (!strstr(err.msg, cases[i].message))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].message);
    }
}

static void refusals(void **state)
{
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        /* the top */
        {"name: base\n", "name: base\nstrat: 1\n", "s.yaml:2: scenario: unknown key 'strat'; did you mean 'start'?"},
        {"headquarters: CN\n", "", "does not say 'headquarters'"},
        {"headquarters: CN\n", "headquarters: China\n", "headquarters: expected a country as two capitals"},
        {"start: 2025-01\n", "start: 2025-01-01\n", "s.yaml:3: start: expected a month such as 2025-01"},
        {"months: 12\n", "months: 61\n", "s.yaml:4: months: expected a whole number from 1 to 60, this is '61'"},
        {"order_every: 3\n", "order_every: 5\n", "order_every: 5 months do not divide the plan's 12 months"},
        {"blocks: 24\n", "blocks: 5\n", "the 24 hours cannot be cut into 5 equal blocks"},
        {"CNY: 7.25", "CNY: 0", "CNY: expected a number from 1e-06"},
        {"EUR: 0.8", "EURO: 0.8", "expected three capitals"},
        {"dropped: [R23]", "dropped: [R99]", "dropped: unknown rule 'R99'"},
        {"extra: DIFF", "extra: DIFFF", "did you mean 'DIFF'?"},
        {"worst_allowed: case-by-case", "worst_allowed: case", "expected one of free, notify, case-by-case"},
        /* places */
        {"name: johor", "name: gansu", "there is already a region 'gansu' at line 11"},
        {"power_mw: 10, owner", "power_mw: -1, owner", "power_mw: expected a number from 0 to 100000, this is '-1'"},
        {"power_mw: 10, owner", "owner", "region 'johor' does not say 'power_mw'"},
        {"from: 2025-07, mw: 45", "from: 2025-01, mw: 45",
         "the step begins in 2025-01, not after the one before it (2025-01)"},
        {"{Huawei: 0.4 CNY}", "{Huwaei: 0.4 CNY}", "unknown vendor 'Huwaei'; did you mean 'Huawei'?"},
        {"0.8 CNY", "0.8 JPY", "what is a unit of 'JPY' worth?"},
        {"gansu: 30, johor: 70", "gansu: 30", "rtt_ms of origin 'china' does not say how far region 'johor' is"},
        {"name: india, country: IN", "name: india, country: US",
         "does not say 'utc_offset' (hours), and US has more than one"},
        /* models and services */
        {"like: DeepSeek-V3,", "like: DeepSeek-V9,", "like: unknown model 'DeepSeek-V9'"},
        {"params: 10 B, layers", "params: 10 B, active_params: 11 B, layers",
         "model 'own' has 11 B active parameters, more than its 10 B parameters"},
        {"params: 10 B, layers: 40,", "params: 10 B,", "model 'own' needs 'layers'"},
        {"    model: big\n", "    model: bgi\n", "model: unknown model 'bgi'; did you mean 'big'?"},
        {"    model: big\n", "    model: Llama\n", "model"},
        {"    model: big\n", "    model: SDXL\n", "service 'chat' is of kind chat, and SDXL makes pictures or clips"},
        {"    tokens_in: 1200\n", "", "service 'chat' does not say 'tokens_in'"},
        {"    latency_s: 600\n", "    tokens_in: 600\n", "service 'clips': 'tokens_in' is for services of kind chat"},
        {"china: 2 M", "china: -5", "china: expected a number from 0 to 1e+15, this is '-5'"},
        {"china: 2 M", "chnia: 2 M", "unknown key 'chnia'; did you mean 'china'?"},
        {"      china: 2 M\n      india: [{from: 2025-03, per_day: 1000, growth: 0}, {from: 2025-06, users: 500, "
         "per_user: 6}]\n",
         "      china: 0\n", "service 'chat' has no demand in any of the 12 months"},
        {"users: 500, per_user: 6", "users: 500, per_day: 6", "say either 'per_day', or 'users'"},
        {"11, 12]", "11]", "the list has 11 numbers, the plan 12 months"},
        {"    growth: 10%\n", "    curve: [0.5, 0.5]\n", "curve: expected 24 shares"},
        {"    growth: 10%\n",
         "    curve: [0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, "
         "0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04]\n",
         "sum to 0.96, they should sum to 1"},
        {"    growth: 10%\n", "    curve: evenings\n", "expected one of flat, office, evening, consumer"},
        {"rtt_ms: {gansu: 30, johor: 70}", "utc_offset: 8",
         "service 'clips' allows a round trip of 80 ms, but origin 'china' does not say its 'rtt_ms'"},
        /* training */
        {"deadline: 2025-10-30", "deadline: 2025-01-31",
         "'next' must be done by the end of 2025-01 and starts in 2025-02"},
        {"deadline: 2025-10-30", "deadline: 2026-01", "'next' may take until 2026-01, the plan ends with 2025-12"},
        {"start: 2025-02, deadline", "start: 2024-12, deadline", "starts in 2024-12, before the plan does (2025-01)"},
        {"active_params: 17 B", "active_params: 500 B", "has 500 B active parameters, more than its 400 B parameters"},
        /* chips and where they come from */
        {"chips: [H20, H200", "chips: [H20, H", "'H' may be H100-SXM5-80GB or H200-SXM-141GB: write more"},
        {"chips: [H20, H200", "chips: [H20, H20, H200", "there is already a chip 'H20-SXM-96GB'"},
        {"chips: [H20, H200", "chips: [H20, HX200", "unknown chip 'HX200'"},
        {"chips: [H20, H200", "chips: [L2, H20, H200", "nobody knows the mem_gb of chip 'L2'"},
        {"chips: [H20, H200", "chips: [{name: H100, per_server: 4, link_domain: 8}, H20, H200",
         "link_domain of 8 chips is larger than a server of 4"},
        {"{chip: H20, per_quarter: [100, 200], regions", "{chip: H20, per_quarter: [100, -200], regions",
         "per_quarter (servers): expected a number from 0"},
        {"{name: huawei, chip: Ascend,", "{name: huawei, chip: MLU590,",
         "chip: unknown chip 'MLU590'; there are H20-SXM-96GB"},
        {"price_usd: 116k CNY", "price_usd: 0", "supply 'huawei' sells Ascend-910B2-64GB, whose price nobody knows"},
        {"{region: johor, chip: H200", "{region: jhor, chip: H200",
         "region: unknown region 'jhor'; did you mean 'johor'?"},
        {"provider_hq: SG, until: 2025-07", "provider_hq: SG, from: 2026-07, until: 2026-09",
         "begins in 2026-07, after the plan's last month (2025-12)"},
        {"servers: 12, from: 2024-03", "servers: 12, until: 2024-03", "ends before 2024-03, but begins in 2025-01"},
        /* limits */
        {"from: 2025-04, until: 2025-10", "from: 2025-04, until: 2026-04",
         "budget 'abroad' lasts until 2026-04, but the plan ends before 2026-01"},
        {"from: 2025-04, until: 2025-10", "from: 2024-10, until: 2025-10",
         "budget 'abroad' begins in 2024-10, before the plan does (2025-01)"},
        {"from: 2025-04, until: 2025-10", "from: 2025-04, until: 2025-09",
         "is for every 3 months, which do not divide its 5 months"},
        {"measure: spend, ", "", "share 'domestic' does not say its 'measure'"},
        {"measure: spend, min: 60%", "measure: spend", "neither 'min' nor 'max'"},
        {"min: 60%, regions: gansu}\n",
         "min: 60%, regions: gansu}\n  - {name: american, group: {origin: US}, measure: spend, min: 45%, regions: "
         "gansu}\n",
         "shares 'domestic' and 'american' have no chip in common and ask for 105 % together"},
        {"min: 60%, regions: gansu}\n",
         "min: 60%, regions: gansu}\n  - {name: cap, group: [Ascend, H20], measure: spend, max: 50%, regions: gansu}\n",
         "at least 60 % of chips of which share 'cap' allows at most 50 %"},
        {"min: 60%, regions: gansu}\n",
         "max: 60%, regions: gansu}\n  - {name: cap, group: H20, measure: spend, max: 30%, regions: gansu}\n",
         "allow 90 % of all chips that are sold, under 100 %"},
        {"group: {vendor: Huawei}", "group: H200", "at least 60 % of chips that no supply sells"},
        {"group: {vendor: Huawei}", "group: {vendor: Huwaei}", "unknown vendor 'Huwaei'; did you mean 'Huawei'?"},
        {"group: {vendor: Huawei}", "group: {vendor: Huawei, origin: US}", "this names none of the 4 chips"},
        {"allow: {owner: NewCo}", "allow: {owner: NweCo}", "unknown owner 'NweCo'; did you mean 'NewCo'?"},
        {"deny: johor}", "deny: johor, allow: gansu}", "must say either 'allow' or 'deny'"},
        {"until: 2025-05-01}", "until: 2025-02-01}", "data rule 'home' ends before it begins"},
        {"allow: {country: MY}", "allow: same-country", "nobody could serve origin 'india', there is no region in IN"},
        {"rule: H20L", "rule: H21L", "rule: unknown rule 'H21L'; did you mean 'H20L'?"},
        {"source: made up", "sorce: made up", "did you mean 'source'?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_scenario *s;
        loam_err err = LOAM_ERR_INIT;
        char *text = with(cases[i].from, cases[i].to);
        loam_status status = loam_scenario_parse("dir/s.yaml", text, strlen(text), NULL, 0, &s, &err);
        if (status != LOAM_STATUS_INVALID || s)
            fail_msg("case %zu is not refused: %s", i, cases[i].to);
        if (!strstr(err.msg, cases[i].message) || strncmp(err.msg, "dir/s.yaml:", 11))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].message);
        free(text);
    }
}

/* Shares of different measures, regions or chips have nothing to do with each other. */
static void shares_that_fit(void **state)
{
    static const char *const more[] = {
        "{name: b, group: {origin: US}, measure: units, min: 45%, regions: gansu}",
        "{name: b, group: {origin: US}, measure: spend, min: 40%, regions: gansu}",
        "{name: b, group: [Ascend, H20], measure: spend, min: 70%, regions: gansu}",
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        char line[300];
        snprintf(line, sizeof line, "min: 60%%, regions: gansu}\n  - %s\n", more[i]);
        char *text = with("min: 60%, regions: gansu}\n", line);
        loam_scenario *s = read_text(text, NULL, 0);
        assert_int_equal(s->n_shares, 2);
        loam_scenario_free(s);
        free(text);
    }
}

static void a_curve_that_is_nearly_whole_is_made_whole(void **state)
{
    char curve[300] = "[0.045";
    for (int h = 1; h < 24; h++)
        strncat(curve, ", 0.0415", sizeof curve - strlen(curve) - 1); /* 0.9995 in all */
    strncat(curve, "]", sizeof curve - strlen(curve) - 1);
    loam_scenario *s = changed("services.chat.curve", curve);
    double sum = 0;
    for (int h = 0; h < 24; h++)
        sum += s->services[0].curve[h];
    near(sum, 1);
    near(s->services[0].curve[0], 0.045 / (0.045 + 23 * 0.0415));
    loam_scenario_free(s);
}

static void limits_of_lists(void **state)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    loam_buf_str(&b, "name: many\nheadquarters: DE\nstart: 2026-01\nregions:\n");
    for (int i = 0; i < 33; i++)
        loam_buf_printf(&b, "  - {name: r%d, country: DE, power_mw: 1}\n", i);
    loam_scenario *s;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_scenario_parse("s.yaml", b.data, b.len, NULL, 0, &s, &err), LOAM_STATUS_INVALID);
    assert_string_equal(err.msg, "s.yaml:5: regions: there are 33, at most 32 are read");
    loam_buf_deinit(&b);
    static const char nothing[] =
        "name: n\nheadquarters: DE\nstart: 2026-01\nregions: [{name: r, country: DE, power_mw: 1}]\n";
    assert_int_equal(loam_scenario_parse("s.yaml", nothing, strlen(nothing), NULL, 0, &s, &err), LOAM_STATUS_INVALID);
    assert_non_null(strstr(err.msg, "there is nothing to plan for"));
    assert_int_equal(loam_scenario_parse("s.yaml", "", 0, NULL, 0, &s, NULL),
                     LOAM_STATUS_INVALID); /* err may be NULL */
}

static const char *root_path(const char *below)
{
    static char path[4096];
    const char *root = getenv("LOAM_ROOT");
    snprintf(path, sizeof path, "%s/%s", root ? root : LOAM_SOURCE_ROOT, below);
    return path;
}

static void examples_are_read(void **state)
{
    static const char *const files[] = {"examples/plan/hospital.yaml", "examples/plan/startup.yaml"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        loam_scenario *s;
        loam_err err = LOAM_ERR_INIT;
        if (loam_scenario_open(root_path(files[i]), NULL, 0, &s, &err) != LOAM_OK)
            fail_msg("%s", err.msg);
        assert_true(s->n_sources >= 5);
        int servers = 0;
        for (size_t k = 0; k < s->n_owned; k++)
            servers += s->owned[k].servers;
        assert_int_equal(servers, i == 0 ? 40 : 0);
        loam_scenario_free(s);
    }
}

static void a_catalogue_beside_the_scenario(void **state)
{
    char dir[] = "/tmp/loam-scenario-XXXXXX", path[200], csv[200];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s.yaml", dir);
    snprintf(csv, sizeof csv, "%s/mine.csv", dir);
    char *text = with("name: base\n", "name: base\ncatalogue: mine.csv\n"), *catalogue;
    size_t len;
    loam_err err = LOAM_ERR_INIT;
    loam_scenario *s;
    assert_int_equal(loam_scenario_parse(path, text, strlen(text), NULL, 0, &s, &err), LOAM_STATUS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "s.yaml:2: catalogue"));
    assert_int_equal(loam_file_read(root_path("data/chips.csv"), 1 << 20, &catalogue, &len, &err), LOAM_OK);
    char *memory = strstr(catalogue, ",96,4000,"); /* H20 with other memory */
    assert_non_null(memory);
    memcpy(memory, ",77", 3);
    FILE *f = fopen(csv, "w");
    fwrite(catalogue, 1, len, f);
    fclose(f);
    if (loam_scenario_parse(path, text, strlen(text), NULL, 0, &s, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    near(s->chips[0].chip.mem_gb, 77);
    loam_scenario_free(s);
    remove(csv);
    rmdir(dir);
    free(catalogue);
    free(text);
}

/* Every key of every section is in the page, in code quotes. */
static void the_manual_tells_every_key(void **state)
{
    char *page;
    size_t len;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_file_read(root_path("docs/plan.md"), 1 << 20, &page, &len, &err), LOAM_OK);
    for (const loam_section *const *section = loam_sections; *section; section++)
        for (size_t i = 0; i < (*section)->n; i++) {
            char quoted[80];
            snprintf(quoted, sizeof quoted, "`%s`", (*section)->fields[i].key);
            if (!strstr(page, quoted))
                fail_msg("docs/plan.md does not tell the key '%s' of a %s", (*section)->fields[i].key,
                         (*section)->name);
        }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_time),
        cmocka_unit_test(models_and_chips),
        cmocka_unit_test(money_shares_and_doubt),
        cmocka_unit_test(demand_by_month),
        cmocka_unit_test(loads_follow_the_clocks),
        cmocka_unit_test(no_request_is_lost),
        cmocka_unit_test(routes),
        cmocka_unit_test(same_country),
        cmocka_unit_test(rulings_reach_the_rules),
        cmocka_unit_test(defaults),
        cmocka_unit_test(changes_of_one_line),
        cmocka_unit_test(changes_that_are_refused),
        cmocka_unit_test(refusals),
        cmocka_unit_test(shares_that_fit),
        cmocka_unit_test(a_curve_that_is_nearly_whole_is_made_whole),
        cmocka_unit_test(limits_of_lists),
        cmocka_unit_test(examples_are_read),
        cmocka_unit_test(a_catalogue_beside_the_scenario),
        cmocka_unit_test(the_manual_tells_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
