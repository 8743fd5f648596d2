/* The checker of plans: a plan made by hand passes to the last cent, and each way in which it could be wrong is found
 * and named. Money is computed here with the scenario's figures written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "fleet/plan.h"
#include "format/json.h"
#include "tiny_scenario.h"

/* Prices of a server in north without duty, rent a month, energy of a kW in a month. */
#define ASCEND_USD (8 * 15000 * 1.25 * 1.12 * 1.03)
#define H20_USD (8 * 13000 * 1.1 * 1.25 * 1.12 * 1.03)
#define SOUTH_RENT_USD (3 * 8 * 2.0 * 730)
#define NORTH_RENT_USD (1 * 8 * 1.5 * 730)
#define ASCEND_KW_USD (1.2 * 0.05 * 730 * 0.8)
#define H20_KW_USD (1.2 * 0.08 * 730 * 0.8)

/* The plan: n Ascend servers in month 0 and six in month 3, four H20 in month 3, three rented in the south all along,
 * one in the north in month 0. Nothing runs `code` in month 0. */
typedef struct hand {
    tiny k;
    int n;       /* Ascend servers ordered first */
    double duty; /* on H20 */
    double spend[TINY_MONTHS][2][3];
    loam_plan_cost cost;
    json_t *json;
} hand;

static double chips_per_load(const tiny *k, int service, int chip)
{
    loam_replica r;
    loam_perf_best(&k->models[0], &k->services[service], &k->chips[chip], &r);
    return r.chips / r.requests_per_s;
}

static int replica_chips(const tiny *k, int service, int chip)
{
    loam_replica r;
    loam_perf_best(&k->models[0], &k->services[service], &k->chips[chip], &r);
    return r.chips;
}

static double load_of(const tiny *k, int service, int origin)
{
    return k->per_day[service][origin] / 86400; /* the day is flat */
}

/* Ascend chips that are busy in months 2 and 3, the fullest. */
static double fullest(const tiny *k)
{
    return load_of(k, CHAT, CN) * chips_per_load(k, CHAT, ASCEND) * 1.1 / 0.7 + replica_chips(k, CHAT, ASCEND) +
           12 / 0.7 + 8;
}

static json_t *row(json_t *list, const tiny *k, int month)
{
    char date[8];
    loam_month_format(k->s.start + month, date);
    json_t *r = json_pack("{s:i,s:s}", "month", month, "date", date);
    assert_int_equal(json_array_append_new(list, r), 0);
    return r;
}

static void text(json_t *r, const char *key, const char *value)
{
    assert_int_equal(json_object_set_new(r, key, json_string(value)), 0);
}
static void number(json_t *r, const char *key, double value)
{
    assert_int_equal(json_object_set_new(r, key, json_real(value)), 0);
}
static void integer(json_t *r, const char *key, int value)
{
    assert_int_equal(json_object_set_new(r, key, json_integer(value)), 0);
}

static void add_order(hand *h, json_t *list, const char *supply, const char *chip, int month, int arrives, int servers,
                      double usd, const char *verdict)
{
    json_t *r = row(list, &h->k, month);
    text(r, "supply", supply);
    text(r, "region", "north");
    text(r, "chip", chip);
    integer(r, "arrives", arrives);
    integer(r, "servers", servers);
    number(r, "usd", usd);
    text(r, "verdict", verdict);
}

static void add_rent(hand *h, json_t *list, const char *offer, const char *region, int month, int until, int servers,
                     double usd)
{
    json_t *r = row(list, &h->k, month);
    text(r, "offer", offer);
    text(r, "region", region);
    text(r, "chip", "H20-96G");
    integer(r, "until", until);
    integer(r, "servers", servers);
    number(r, "usd", usd);
}

static void add_stock(hand *h, json_t *list, const char *region, const char *chip, int month, int owned, int rented,
                      double kw)
{
    if (owned + rented == 0)
        return;
    json_t *r = row(list, &h->k, month);
    text(r, "region", region);
    text(r, "chip", chip);
    integer(r, "owned", owned);
    integer(r, "rented", rented);
    number(r, "busy", 0);
    number(r, "spare", 0);
    number(r, "training", 0);
    number(r, "power_kw", kw);
}

static void add_use(hand *h, json_t *work, json_t *flow, const char *service, const char *origin, const char *region,
                    const char *chip, int month, double load)
{
    for (int b = 0; b < 2; b++) {
        json_t *w = row(work, &h->k, month), *f = row(flow, &h->k, month);
        text(w, "service", service), text(f, "service", service);
        text(f, "origin", origin);
        text(w, "region", region), text(f, "region", region);
        text(w, "chip", chip);
        integer(w, "block", b), integer(f, "block", b);
        number(w, "load", load), number(f, "load", load);
    }
}

/* Cash and present value, month by month. */
static void count_money(hand *h)
{
    static const int h20[TINY_MONTHS] = {3, 2, 2, 0, 0, 4}; /* in the north, drawing its power */
    const int n = h->n, ascend[TINY_MONTHS] = {0, n, n, n, n + 6, n + 6};
    const double capex[TINY_MONTHS] = {
        0.25 * n * ASCEND_USD, 0.75 * n * ASCEND_USD, 0, 0.25 * 6 * ASCEND_USD + 0.5 * 4 * H20_USD,
        0.75 * 6 * ASCEND_USD, 0.5 * 4 * H20_USD};
    const double taxed[TINY_MONTHS] = {0, 0, 0, 0.5 * 4 * H20_USD, 0, 0.5 * 4 * H20_USD};
    memset(h->spend, 0, sizeof h->spend);
    memset(&h->cost, 0, sizeof h->cost);
    for (int t = 0; t < TINY_MONTHS; t++) {
        double now = pow(1.1, -t / 12.0), price = ascend[t] * ASCEND_USD + (t == 5 ? 4 * H20_USD : 0);
        double energy = ascend[t] * 5.8 * ASCEND_KW_USD + h20[t] * 6 * H20_KW_USD;
        double colo = (ascend[t] * 5.8 + h20[t] * 6) * 150, opex = price * 0.04 / 12;
        double north = t == 0 ? NORTH_RENT_USD : 0;
        h->spend[t][NORTH][0] = capex[t] + taxed[t] * h->duty;
        h->spend[t][NORTH][1] = north;
        h->spend[t][NORTH][2] = energy + colo + opex;
        h->spend[t][SOUTH][1] = SOUTH_RENT_USD;
        h->cost.capex += capex[t] * now;
        h->cost.duty += taxed[t] * h->duty * now;
        h->cost.rent += (north + SOUTH_RENT_USD) * now;
        h->cost.energy += energy * now;
        h->cost.colo += colo * now;
        h->cost.opex += opex * now;
    }
    double left =
        n * ASCEND_USD * (1 - 0.9 * 5 / 48) + 6 * ASCEND_USD * (1 - 0.9 * 2 / 48) + 4 * H20_USD * (1 - 0.9 * 1 / 48);
    h->cost.residual = left * pow(1.1, -0.5);
    h->cost.total =
        h->cost.capex + h->cost.duty + h->cost.rent + h->cost.energy + h->cost.colo + h->cost.opex - h->cost.residual;
}

static void add_hardware(hand *h)
{
    json_t *orders = json_object_get(h->json, "orders"), *rents = json_object_get(h->json, "rents");
    json_t *stock = json_object_get(h->json, "stock");
    int n = h->n;
    add_order(h, orders, "huawei", "910B2", 0, 1, n, n * ASCEND_USD, "free");
    add_order(h, orders, "huawei", "910B2", 3, 4, 6, 6 * ASCEND_USD, "free");
    add_order(h, orders, "nvidia", "H20-96G", 3, 5, 4, 4 * H20_USD * (1 + h->duty),
              h->duty > 0 ? "case-by-case" : "free");
    add_rent(h, rents, "cloud-south", "south", 0, 3, 3, 3 * SOUTH_RENT_USD);
    add_rent(h, rents, "cloud-south", "south", 3, 6, 3, 3 * SOUTH_RENT_USD);
    add_rent(h, rents, "cloud-north", "north", 0, 1, 1, NORTH_RENT_USD);
    for (int t = 0; t < TINY_MONTHS; t++) {
        int ascend = t == 0 ? 0 : t < 4 ? n : n + 6, h20 = t < 3 ? 2 : t == 5 ? 4 : 0;
        add_stock(h, stock, "north", "910B2", t, ascend, 0, ascend * 5.8);
        add_stock(h, stock, "north", "H20-96G", t, h20, t == 0, (h20 + (t == 0)) * 6);
        add_stock(h, stock, "south", "H20-96G", t, 0, 3, 0);
    }
}

static void add_work(hand *h)
{
    json_t *work = json_object_get(h->json, "work"), *flow = json_object_get(h->json, "flow");
    json_t *unserved = json_object_get(h->json, "unserved"), *training = json_object_get(h->json, "training");
    for (int t = 0; t < TINY_MONTHS; t++) {
        add_use(h, work, flow, "chat", "cn", "north", t ? "910B2" : "H20-96G", t, load_of(&h->k, CHAT, CN));
        add_use(h, work, flow, "chat", "sg", "south", "H20-96G", t, load_of(&h->k, CHAT, SG));
        if (t)
            add_use(h, work, flow, "code", "cn", "north", "910B2", t, load_of(&h->k, CODE, CN));
    }
    for (int b = 0; b < 2; b++) {
        json_t *r = row(unserved, &h->k, 0);
        text(r, "service", "code");
        text(r, "origin", "cn");
        integer(r, "block", b);
        number(r, "load", load_of(&h->k, CODE, CN));
        number(r, "demand", load_of(&h->k, CODE, CN));
    }
    for (int t = 2; t <= 3; t++) {
        json_t *r = row(training, &h->k, t);
        text(r, "training", "tune");
        text(r, "region", "north");
        text(r, "chip", "910B2");
        number(r, "chip_months", 8);
    }
}

/* Writes the plan anew for the scenario as it is. */
static void write_plan(hand *h)
{
    static const char *const tables[] = {"orders", "rents", "stock", "work", "flow", "unserved", "training", "spend"};
    json_decref(h->json);
    h->json = json_pack("{s:s,s:s}", "format", "loam-plan-1", "status", "optimal");
    number(h->json, "served_share", (2 * 1 + 1 * 5.0 / 6 + 1 * 1) / 4); /* chat, five months of code, the run */
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        assert_int_equal(json_object_set_new(h->json, tables[i], json_array()), 0);
    count_money(h);
    loam_plan_cost *c = &h->cost;
    json_object_set_new(h->json, "cost",
                        json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "capex", c->capex, "rent", c->rent, "energy",
                                  c->energy, "colo", c->colo, "opex", c->opex, "duty", c->duty, "residual", c->residual,
                                  "total", c->total));
    for (int t = 0; t < TINY_MONTHS; t++) {
        for (int r = 0; r < 2; r++) {
            json_t *s = row(json_object_get(h->json, "spend"), &h->k, t);
            text(s, "region", r == NORTH ? "north" : "south");
            number(s, "capex", h->spend[t][r][0]);
            number(s, "rent", h->spend[t][r][1]);
            number(s, "running", h->spend[t][r][2]);
        }
    }
    add_hardware(h);
    add_work(h);
}

static void hand_init(hand *h)
{
    memset(h, 0, sizeof *h);
    tiny_init(&h->k);
    h->n = (int)ceil(fullest(&h->k) / (8 * 0.97));
    assert_in_range(h->n, 4, 18); /* else the scenario's loads are not what this plan was made for */
    write_plan(h);
}

static void hand_deinit(hand *h)
{
    json_decref(h->json);
    h->json = NULL;
}

/* The checker's report of the plan as it is now; *n violations. */
static loam_buf check(hand *h, int *n)
{
    loam_buf report;
    loam_err err = LOAM_ERR_INIT;
    char *json = json_dumps(h->json, JSON_REAL_PRECISION(17));
    assert_non_null(json);
    loam_buf_init(&report, 1 << 20);
    if (loam_plan_check(&h->k.s, json, strlen(json), &report, n, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    free(json);
    return report;
}

static void expect_clean(hand *h)
{
    int n;
    loam_buf report = check(h, &n);
    if (n)
        fail_msg("%d violations in a plan without any:\n%s", n, loam_buf_text(&report));
    loam_buf_deinit(&report);
}

/* There are violations, and one of them says this. */
static void expect(hand *h, const char *what)
{
    int n;
    loam_buf report = check(h, &n);
    if (!n || !strstr(loam_buf_text(&report), what))
        fail_msg("expected '%s', got %d violations:\n%s", what, n, loam_buf_text(&report));
    loam_buf_deinit(&report);
}

/* All violations say this. */
static void expect_only(hand *h, const char *what)
{
    int n, lines = 0;
    loam_buf report = check(h, &n);
    for (const char *line = loam_buf_text(&report); *line; line = strchr(line, '\n') + 1) {
        size_t len = strcspn(line, "\n"), at = 0;
        while (at < len && strncmp(line + at, what, strlen(what)) != 0)
            at++;
        if (at == len)
            fail_msg("expected nothing but '%s', got:\n%s", what, loam_buf_text(&report));
        lines++;
    }
    if (!n || lines != n)
        fail_msg("expected '%s', got %d violations in %d lines", what, n, lines);
    loam_buf_deinit(&report);
}

static json_t *item(hand *h, const char *table, size_t i)
{
    json_t *r = json_array_get(json_object_get(h->json, table), i);
    assert_non_null(r);
    return r;
}

static void scale(json_t *r, const char *key, double factor)
{
    number(r, key, json_number_value(json_object_get(r, key)) * factor);
}

/* One corruption, in the plan or in the scenario, that the checker must name; `only`: and nothing else. */
#define CASE(name, only, what, ...)              \
    static void name(void **state)               \
    {                                            \
        (void)state;                             \
        hand h;                                  \
        hand_init(&h);                           \
        __VA_ARGS__;                             \
        (only ? expect_only : expect)(&h, what); \
        hand_deinit(&h);                         \
    }

static void right_plan(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    expect_clean(&h);
    hand_deinit(&h);
}

/* ---- orders */
CASE(half_server, false, "only whole servers", number(item(&h, "orders", 0), "servers", h.n + 0.5))
CASE(negative_servers, false, "it must be 0 or more", integer(item(&h, "orders", 0), "servers", -1))
CASE(order_month, false, "is no order month", h.k.s.order_every = 2)
CASE(arrival, false, "arrives in month 1, with the lead time of 2 months it is month 2",
     h.k.supplies[0].lead_months = 2)
CASE(delivery_region, true, "does not deliver there", static const bool south[2] = {false, true};
     h.k.supplies[1].regions = south)
CASE(other_chip, false, "the supply sells H20-96G", text(item(&h, "orders", 0), "supply", "nvidia"))
CASE(denied_chip, false, "the export rules say 'denied' at delivery in 2024-02 (R23.",
     add_order(&h, json_object_get(h.json, "orders"), "grey", "H100", 0, 1, 1, 1, "denied"))
CASE(printed_verdict, true, "the verdict is printed as 'notify', the export rules say 'free'",
     text(item(&h, "orders", 0), "verdict", "notify"))
CASE(order_usd, true, "order of 4 × H20-96G from 'nvidia' for 'north' in 2024-04: printed as",
     scale(item(&h, "orders", 2), "usd", 1.00001))
CASE(least_order, true, "servers for 'north' in 2024-0", h.k.supplies[0].min_order = 7)
CASE(quarter_supply, true, "supply 'huawei': 6 servers are ordered in the quarter from 2024-04, there are 5",
     h.k.supplies[0].per_quarter[1] = 5)
CASE(installation, true, "can be put up in a month", h.k.regions[NORTH].install_per_month = h.n - 1)

/* ---- rents */
CASE(rent_term, false, "with its term of 3 months it ends before month 3", integer(item(&h, "rents", 0), "until", 4))
CASE(rent_window, true, "starts in month 3, the offer is for months 0 to 2", h.k.rents[0].until = 3)
CASE(rent_window_begin, true, "starts in month 0, the offer is for months 1 to 5", h.k.rents[0].from = 1)
CASE(rent_place, false, "the offer is H20-96G in 'south'", text(item(&h, "rents", 0), "region", "north"))
CASE(rent_available, true, "offer 'cloud-south': 3 servers are rented in 2024-0", h.k.rents[0].available = 2)
CASE(rent_denied, false, "by 'cloud-south' in 'south' from 2024-01: the export rules say 'denied' in 2024-01",
     h.k.rents[0].chip = H100;
     h.k.rents[0].provider_hq = "CN"; text(item(&h, "rents", 0), "chip", "H100"))
CASE(rent_usd, true, "rent of 3 × H20-96G by 'cloud-south'", scale(item(&h, "rents", 1), "usd", 0.999))

/* ---- sites */
CASE(power, true, "power: region 'north' draws 18 kW in 2024-01, it has 17.9", h.k.regions[NORTH].power_kw[0] = 17.9)
CASE(power_of_rented, false, "power: region 'south' draws 18 kW", h.k.rents[0].with_power = false)
CASE(chip_types, true, "chip types: region 'north' gets 2, at most 1 are wanted", h.k.s.max_chip_types = 1)
CASE(stock_owned, true, "owned servers of 910B2 are printed for 'north' in 2024-02",
     scale(item(&h, "stock", 2), "owned", 2))
CASE(stock_left_out, true, "rented servers of H20-96G are printed for 'south' in 2024-06, there are 3",
     json_array_remove(json_object_get(h.json, "stock"), json_array_size(json_object_get(h.json, "stock")) - 1))
CASE(owned_until, false, "stock: 2 owned servers of H20-96G are printed for 'north' in 2024-03, there are 0",
     h.k.owned[0].until = 2)

/* ---- shares of what is bought */
CASE(share_total, true, "share 'domestic': the group has", h.k.shares[0].min = 0.99)
CASE(share_period, true, "the group has 32 of 80 units (chips) in 2024-04, at most 31.2", h.k.shares[1].max = 0.39;
     h.k.shares[1].regions = h.k.north_only)

static void share_measures(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    double a = h.n + 6, b = 4;
    const double shares[] = {a * ASCEND_USD / (a * ASCEND_USD + b * H20_USD), a / (a + b),
                             a * 5664 / (a * 5664 + b * 2368), a * 5.8 / (a * 5.8 + b * 6)};
    for (int m = 0; m < 4; m++) {
        h.k.shares[0].measure = (loam_measure)m;
        h.k.shares[0].min = shares[m] - 1e-5;
        expect_clean(&h);
        h.k.shares[0].min = shares[m] + 1e-5;
        expect_only(&h, "share 'domestic'");
    }
    hand_deinit(&h);
}

/* ---- work */
CASE(lost_demand, false, "demand: of 'chat' from 'cn' in 2024-01, block 0,", scale(item(&h, "flow", 0), "load", 0.9))
CASE(negative_load, false, "load is -", scale(item(&h, "flow", 0), "load", -1))
CASE(forbidden_route, false, "which at home forbids", text(item(&h, "flow", 0), "region", "south"))
CASE(far_away, true, "are served in 'north', 20 ms away, at most 15 may be", h.k.services[CHAT].max_rtt_ms = 15)
CASE(more_work_than_flow, false, "requests/s arrive and chips do", scale(item(&h, "work", 0), "load", 0.5))
CASE(wrong_software, true, "which its software does not run on", h.k.services[CODE].chips = h.k.h20_only)
CASE(does_not_fit, false, "on 910B2, which cannot serve it", h.k.chips[ASCEND].chip.mem_gb = 1)
CASE(unserved_demand, true, "the demand for 'code' from 'cn' in 2024-01, block 0, is printed as",
     scale(item(&h, "unserved", 0), "demand", 2))
CASE(served_share, true, "served share: printed as", scale(h.json, "served_share", 1.001))

/* The chips of months 2 and 3 are full to the last when the share of broken servers is chosen so. Then anything more
 * does not fit: this tells that the checker's sum has each part, and in the right size. */
static void full_chips(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    double tight = 1 - fullest(&h.k) / (8 * h.n);
    h.k.chips[ASCEND].spare_share = tight - 1e-5;
    expect_clean(&h);
    h.k.chips[ASCEND].spare_share = tight + 1e-5;
    expect_only(&h, "chips: 910B2 in 'north' in 2024-0");
    h.k.chips[ASCEND].spare_share = tight - 1e-5;
    h.k.services[CHAT].spare = 0.101;
    expect_only(&h, "chips: 910B2 in 'north' in 2024-0");
    h.k.services[CHAT].spare = 0.1;
    h.k.services[CODE].utilisation = 0.69;
    expect_only(&h, "chips: 910B2 in 'north' in 2024-0");
    h.k.services[CODE].utilisation = 0.7;
    h.k.services[CODE].n_plus_1 = true;
    expect_only(&h, "chips: 910B2 in 'north' in 2024-0");
    hand_deinit(&h);
}

/* ---- training */
CASE(two_places, false, "it must stay in one place on one chip", text(item(&h, "training", 1), "chip", "H20-96G"))
CASE(too_late, true, "it may run in months 2 to 2", h.k.trainings[0].deadline = 2)
CASE(too_early, true, "it may run in months 3 to 4", h.k.trainings[0].start = 3)
CASE(part_of_a_run, true, "training 'tune': gets 14 chip-months of 910B2, it takes 16",
     number(item(&h, "training", 1), "chip_months", 6))
CASE(slow_links, false, "910B2 has links of 392 GB/s, it needs 500", h.k.trainings[0].min_link_gbps = 500)
CASE(too_few_at_once, false, "chips of 910B2 stand in 'north' in its busiest month", h.k.trainings[0].params = 8e11)
CASE(run_region, true, "which is not among its regions", static const bool south[2] = {false, true};
     h.k.trainings[0].regions = south)
CASE(run_chip, true, "runs on 910B2, which is not among its chips", h.k.trainings[0].chips = h.k.h20_only)
CASE(run_data_rule, true, "which data rule 'weights at home' forbids", static const bool south[2] = {false, true};
     h.k.data_rules[1].regions = south)
CASE(run_data_rule_deny, true, "which data rule 'weights at home' forbids", h.k.data_rules[1].allow = false)

/* Chinese chips abroad: owning them is one thing, the guidance of May 2025 calls their use a risk. */
static void training_ruling(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    h.k.owned[1] = (loam_owned){.region = SOUTH, .chip = ASCEND, .servers = 10, .from = 0, .until = LOAM_FLEET_ALWAYS};
    h.k.s.n_owned = 2;
    h.k.s.start = (2025 - 1970) * 12 + 4;
    for (size_t i = 0; i < 2; i++)
        text(item(&h, "training", i), "region", "south");
    expect(&h, "training: 8 chips of 910B2 train in 'south' in 2025-07, the export rules let 0 of those");
    hand_deinit(&h);
}

/* ---- money */
CASE(unknown_money, true, "cost: total is printed as", scale(json_object_get(h.json, "cost"), "total", 1.0001))
CASE(spend_row, true, "spend: running of region 'north' in 2024-02 is printed as",
     scale(item(&h, "spend", 2), "running", 1.01))
CASE(spend_left_out, true, "spend: rent of region 'south' in 2024-06 is printed as 0",
     json_array_remove(json_object_get(h.json, "spend"), 11))

static void cost_parts(void **state)
{
    (void)state;
    static const char *const parts[] = {"capex", "rent", "energy", "colo", "opex", "residual"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        hand h;
        hand_init(&h);
        scale(json_object_get(h.json, "cost"), parts[i], 1.01);
        expect_only(&h, parts[i]);
        hand_deinit(&h);
    }
}

/* A budget of exactly what is spent holds, one dollar less does not: for each kind of money, place, chip and time. */
static void budgets(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    static const struct {
        int spend, from, until;
        bool south;
    } kinds[] = {{LOAM_SPEND_CAPEX, 0, 6, false},   {LOAM_SPEND_RENT, 0, 6, false}, {LOAM_SPEND_RUNNING, 0, 6, false},
                 {LOAM_SPEND_ALL, 0, 6, false},     {LOAM_SPEND_ALL, 2, 4, false},  {LOAM_SPEND_RENT, 0, 6, true},
                 {LOAM_SPEND_CAPEX, 1, 100, false}, {LOAM_SPEND_ALL, 0, 6, true}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        double usd = 0;
        for (int t = kinds[i].from; t < kinds[i].until && t < TINY_MONTHS; t++) {
            for (int r = 0; r <= kinds[i].south; r++)
                usd += (kinds[i].spend & LOAM_SPEND_CAPEX ? h.spend[t][r][0] : 0) +
                       (kinds[i].spend & LOAM_SPEND_RENT ? h.spend[t][r][1] : 0) +
                       (kinds[i].spend & LOAM_SPEND_RUNNING ? h.spend[t][r][2] : 0);
        }
        h.k.budgets[1] = (loam_budget){.name = "test",
                                       .regions = kinds[i].south ? NULL : h.k.north_only,
                                       .spend = kinds[i].spend,
                                       .usd = usd * (1 + 1e-7),
                                       .from = kinds[i].from,
                                       .until = kinds[i].until};
        expect_clean(&h);
        h.k.budgets[1].usd = usd * (1 - 1e-5);
        expect_only(&h, "budget 'test'");
    }
    h.k.budgets[1] = (loam_budget){.name = "test",
                                   .chips = h.k.h20_only,
                                   .spend = LOAM_SPEND_CAPEX,
                                   .usd = 4 * H20_USD + 1,
                                   .from = 0,
                                   .until = 6};
    expect_clean(&h);
    h.k.budgets[1].usd = 4 * H20_USD - 1;
    expect_only(&h, "budget 'test'");
    hand_deinit(&h);
}

/* The revenue share of August 2025 makes H20 dearer by 15 %; budgets and cost must have it, the share rule's spend not.
 */
static void duty(void **state)
{
    (void)state;
    static const char *const extra[] = {"REV15"};
    hand h;
    hand_init(&h);
    h.k.s.start = (2025 - 1970) * 12 + 6;
    h.k.s.rules.extra = extra;
    h.k.s.rules.n_extra = 1;
    h.k.s.worst_allowed = LOAM_VERDICT_CASE;
    h.duty = 0.15;
    write_plan(&h);
    h.k.shares[0].min = (h.n + 6) * ASCEND_USD / ((h.n + 6) * ASCEND_USD + 4 * H20_USD) - 1e-6;
    expect_clean(&h);
    h.k.s.worst_allowed = LOAM_VERDICT_NOTIFY;
    expect(
        &h,
        "order of 4 × H20-96G from 'nvidia' for 'north' in 2025-10: the export rules say 'case-by-case' at delivery");
    h.k.s.worst_allowed = LOAM_VERDICT_CASE;
    h.k.s.rules.n_extra = 0;
    expect(&h, "cost: duty is printed as");
    hand_deinit(&h);
}

/* What arrives after the end serves nothing, is paid in the last month and is worth its full price. */
static void after_the_end(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    h.k.supplies[1].lead_months = 9;
    json_t *order = item(&h, "orders", 2);
    integer(order, "arrives", 12);
    json_t *stock = json_object_get(h.json, "stock");
    for (size_t i = 0; i < json_array_size(stock); i++) { /* the four never stand there */
        json_t *r = json_array_get(stock, i);
        if (json_integer_value(json_object_get(r, "month")) == 5 &&
            !strcmp(json_string_value(json_object_get(r, "chip")), "H20-96G") &&
            !strcmp(json_string_value(json_object_get(r, "region")), "north"))
            json_array_remove(stock, i);
    }
    double last = pow(1.1, -5 / 12.0), end = pow(1.1, -0.5), kw = 4 * 6;
    json_t *cost = json_object_get(h.json, "cost");
    double energy = kw * H20_KW_USD, colo = kw * 150, opex = 4 * H20_USD * 0.04 / 12, aged = 4 * H20_USD * 0.9 / 48;
    number(cost, "energy", h.cost.energy - energy * last);
    number(cost, "colo", h.cost.colo - colo * last);
    number(cost, "opex", h.cost.opex - opex * last);
    number(cost, "residual", h.cost.residual + aged * end);
    number(cost, "total", h.cost.total - (energy + colo + opex) * last - aged * end);
    number(item(&h, "spend", 10), "running", h.spend[5][NORTH][2] - energy - colo - opex);
    expect_clean(&h);
    hand_deinit(&h);
}

/* ---- what is printed */
CASE(unknown_region, false, "stock[0]: the scenario has no region 'moon'", text(item(&h, "stock", 0), "region", "moon"))
CASE(unknown_month, false, "flow[0]: month is 6, it must be a whole number from 0 to 5",
     integer(item(&h, "flow", 0), "month", 6))
CASE(wrong_date, true, "orders[0]: the date is printed as '2024-02', month 0 is 2024-01",
     text(item(&h, "orders", 0), "date", "2024-02"))

static void unreadable(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    static const struct {
        const char *json, *says;
    } texts[] = {{"", ""},
                 {"[]", "no plan of loam"},
                 {"{\"format\":\"other\"}", "expected 'loam-plan-1'"},
                 {"{\"format\":\"loam-plan-1\",\"status\":\"perfect\"}", "'perfect'"},
                 {"{\"format\":\"loam-plan-1\",\"status\":\"optimal\"}", "no number \"served_share\""}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        loam_buf report;
        loam_err err = LOAM_ERR_INIT;
        int n;
        loam_buf_init(&report, 1000);
        assert_int_not_equal(loam_plan_check(&h.k.s, texts[i].json, strlen(texts[i].json), &report, &n, &err), LOAM_OK);
        assert_non_null(strstr(err.msg, texts[i].says));
        loam_buf_deinit(&report);
    }
    static const char *const tables[] = {"orders", "rents", "stock", "work", "flow", "unserved", "training", "spend"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (int field = 0; field < 2; field++) { /* a table is missing; a month is missing */
            write_plan(&h);
            json_object_del(field ? item(&h, tables[i], 0) : h.json, field ? "month" : tables[i]);
            char *json = json_dumps(h.json, 0);
            loam_buf report;
            loam_err err = LOAM_ERR_INIT;
            int n;
            loam_buf_init(&report, 100000);
            assert_int_equal(loam_plan_check(&h.k.s, json, strlen(json), &report, &n, &err), LOAM_STATUS_INVALID);
            assert_non_null(strstr(err.msg, tables[i]));
            loam_buf_deinit(&report);
            free(json);
        }
    }
    hand_deinit(&h);
}

/* The solver, by its own words, agrees: its plan of the same scenario has nothing to complain about. */
static void solved_plan(void **state)
{
    (void)state;
    hand h;
    hand_init(&h);
    loam_err err = LOAM_ERR_INIT;
    loam_plan *p = NULL;
    if (loam_plan_solve(&h.k.s, &(loam_plan_options){.time_s = 60}, &p, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    assert_true(p->n_orders > 0 && p->n_rents > 0 && p->n_training > 0 && p->n_miss > 0);
    loam_buf json;
    loam_buf_init(&json, 1 << 24);
    assert_true(loam_plan_json(&h.k.s, p, NULL, &json));
    json_decref(h.json);
    h.json = json_loadb(json.data, json.len, 0, NULL);
    assert_non_null(h.json);
    expect_clean(&h);
    /* and it is no worse than the plan made by hand, which serves as much */
    assert_true(p->served_share >= (2 * 1 + 1 * 5.0 / 6 + 1 * 1) / 4 - 1e-3);
    assert_true(p->cost.total <= h.cost.total);
    loam_buf_deinit(&json);
    loam_plan_free(p);
    hand_deinit(&h);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(right_plan),
        TEST(half_server),
        TEST(negative_servers),
        TEST(order_month),
        TEST(arrival),
        TEST(delivery_region),
        TEST(other_chip),
        TEST(denied_chip),
        TEST(printed_verdict),
        TEST(order_usd),
        TEST(least_order),
        TEST(quarter_supply),
        TEST(installation),
        TEST(rent_term),
        TEST(rent_window),
        TEST(rent_window_begin),
        TEST(rent_place),
        TEST(rent_available),
        TEST(rent_denied),
        TEST(rent_usd),
        TEST(power),
        TEST(power_of_rented),
        TEST(chip_types),
        TEST(stock_owned),
        TEST(stock_left_out),
        TEST(owned_until),
        TEST(share_total),
        TEST(share_period),
        TEST(share_measures),
        TEST(lost_demand),
        TEST(negative_load),
        TEST(forbidden_route),
        TEST(far_away),
        TEST(wrong_software),
        TEST(more_work_than_flow),
        TEST(does_not_fit),
        TEST(unserved_demand),
        TEST(served_share),
        TEST(full_chips),
        TEST(two_places),
        TEST(too_late),
        TEST(too_early),
        TEST(part_of_a_run),
        TEST(slow_links),
        TEST(too_few_at_once),
        TEST(run_region),
        TEST(run_chip),
        TEST(run_data_rule),
        TEST(run_data_rule_deny),
        TEST(training_ruling),
        TEST(unknown_money),
        TEST(spend_row),
        TEST(spend_left_out),
        TEST(cost_parts),
        TEST(budgets),
        TEST(duty),
        TEST(after_the_end),
        TEST(unknown_region),
        TEST(unknown_month),
        TEST(wrong_date),
        TEST(unreadable),
        TEST(solved_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
