/* A scenario and a plan made by hand: three regions, four chips, three services, twelve months, two blocks, one
 * training run. Nothing of it was solved; only its shape is that of a real plan. Everything lives in the scenario's
 * arena. */
#ifndef LOAM_TESTS_FLEET_FIXTURE_PLAN_H
#define LOAM_TESTS_FLEET_FIXTURE_PLAN_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fleet/doubt.h"
#include "fleet/plan.h"
#include "fleet/report.h"

enum { MAINLAND, JOHOR, OREGON };
enum { ASCEND, H20, H100, L20 };
enum { CHAT, IMAGE, VIDEO };
enum { FIXTURE_MONTHS = 12, FIXTURE_BLOCKS = 2 };

typedef struct fixture {
    loam_scenario scenario;
    loam_plan plan;
    loam_doubt_result doubt;
} fixture;

static void *fixture_alloc(fixture *f, size_t n, size_t size)
{
    void *p = loam_arena_alloc(f->scenario.arena, n * size);
    if (!p)
        fail_msg("no memory for the fixture");
    return p;
}

static void fixture_places(fixture *f)
{
    loam_scenario *s = &f->scenario;
    static const double rtt[3][3] = {{20, 80, 160}, {70, 10, 170}, {150, 180, 20}};
    s->n_regions = s->n_origins = 3;
    s->regions = fixture_alloc(f, 3, sizeof *s->regions);
    s->origins = fixture_alloc(f, 3, sizeof *s->origins);
    s->regions[MAINLAND] = (loam_region){.name = "mainland",
                                         .country = "CN",
                                         .owner = "self",
                                         .line = 10,
                                         .utc_offset_h = 8,
                                         .pue = 1.25,
                                         .usd_per_kwh = .085,
                                         .colo_usd_per_kw_month = 120,
                                         .carbon_kg_per_kwh = .55,
                                         .install_per_month = 900};
    s->regions[JOHOR] = (loam_region){.name = "johor",
                                      .country = "MY",
                                      .owner = "self",
                                      .line = 20,
                                      .utc_offset_h = 8,
                                      .pue = 1.35,
                                      .usd_per_kwh = .105,
                                      .colo_usd_per_kw_month = 160,
                                      .carbon_kg_per_kwh = .6,
                                      .install_per_month = 500};
    s->regions[OREGON] = (loam_region){.name = "oregon",
                                       .country = "US",
                                       .owner = "Cascade Cloud",
                                       .line = 30,
                                       .utc_offset_h = -8,
                                       .pue = 1.2,
                                       .usd_per_kwh = .07,
                                       .colo_usd_per_kw_month = 190,
                                       .carbon_kg_per_kwh = .2,
                                       .install_per_month = 0};
    for (int t = 0; t < FIXTURE_MONTHS; t++) {
        s->regions[MAINLAND].power_kw[t] = t < 6 ? 15000 : 22000;
        s->regions[JOHOR].power_kw[t] = t < 4 ? 3000 : 5800;
        s->regions[OREGON].power_kw[t] = 2500;
    }
    s->origins[0] = (loam_origin){"china", "CN", 40, 8, rtt[0]};
    s->origins[1] = (loam_origin){"asia", "SG", 44, 8, rtt[1]};
    s->origins[2] = (loam_origin){"america", "US", 48, -6, rtt[2]};
}

static void fixture_chips(fixture *f)
{
    loam_scenario *s = &f->scenario;
    static const loam_chip chips[] = {{"Ascend-910B2",
                                       "Huawei",
                                       "CN",
                                       2023,
                                       354,
                                       708,
                                       0,
                                       0,
                                       64,
                                       1600,
                                       392,
                                       400,
                                       5.8,
                                       665,
                                       6016,
                                       9.05,
                                       15000,
                                       17000,
                                       8,
                                       8,
                                       true,
                                       false,
                                       "cores x 8192 x clock; price 110-120k CNY per card in the press",
                                       "medium; price low"},
                                      {"H20-SXM-96GB",
                                       "NVIDIA",
                                       "US",
                                       2024,
                                       148,
                                       296,
                                       296,
                                       0,
                                       96,
                                       4000,
                                       900,
                                       400,
                                       7.2,
                                       814,
                                       2368,
                                       2.91,
                                       12000,
                                       15000,
                                       8,
                                       8,
                                       true,
                                       false,
                                       "datasheet; price Reuters Feb 2024",
                                       "specs high; price medium"},
                                      {"H100-SXM5-80GB",
                                       "NVIDIA",
                                       "US",
                                       2022,
                                       989.5,
                                       1979,
                                       1979,
                                       0,
                                       80,
                                       3350,
                                       900,
                                       700,
                                       10.2,
                                       814,
                                       15832,
                                       19.45,
                                       25000,
                                       33000,
                                       8,
                                       8,
                                       true,
                                       true,
                                       "datasheet; server quotes 300-350k USD per 8",
                                       "specs high; price medium"},
                                      {"L20-48GB",
                                       "NVIDIA",
                                       "US",
                                       2023,
                                       119.5,
                                       239,
                                       239,
                                       0,
                                       48,
                                       864,
                                       64,
                                       275,
                                       3.6,
                                       609,
                                       1912,
                                       3.14,
                                       3500,
                                       5500,
                                       8,
                                       1,
                                       true,
                                       false,
                                       "datasheet; price from memory",
                                       "specs high; price unverified"}};
    s->n_chips = 4;
    s->chips = fixture_alloc(f, 4, sizeof *s->chips);
    for (size_t c = 0; c < 4; c++)
        s->chips[c] = (loam_fleet_chip){.chip = chips[c],
                                        .line = 60 + (int)c,
                                        .price_usd = (chips[c].price_low + chips[c].price_high) / 2,
                                        .server_share = .25,
                                        .network_share = .12,
                                        .install_share = .03,
                                        .spare_share = .03,
                                        .scale = 1,
                                        .yearly_failures = .17};
    s->n_supplies = 4;
    s->supplies = fixture_alloc(f, 4, sizeof *s->supplies);
    static const char *const names[] = {"huawei 910B2", "nvidia H20", "nvidia H100", "nvidia L20"};
    for (int u = 0; u < 4; u++) {
        s->supplies[u] = (loam_supply){.name = names[u],
                                       .line = 80 + u,
                                       .chip = u,
                                       .lead_months = u == H100 ? 3 : 2,
                                       .price_factor = 1,
                                       .pay_at_order = .3};
        for (int q = 0; q < 20; q++)
            s->supplies[u].per_quarter[q] = u == ASCEND ? 700 : -1;
    }
    s->n_rents = 1;
    s->rents = fixture_alloc(f, 1, sizeof *s->rents);
    s->rents[0] = (loam_rent){"cascade H100", "Cascade Cloud", "US", 90, OREGON, H100, 2.6, 12, 200, 0, 12, true};
    s->n_owned = 1;
    s->owned = fixture_alloc(f, 1, sizeof *s->owned);
    s->owned[0] = (loam_owned){95, MAINLAND, H20, 120, 0, LOAM_FLEET_ALWAYS};
}

static void fixture_services(fixture *f)
{
    loam_scenario *s = &f->scenario;
    static const char *const names[] = {"chat", "image", "video"};
    static const double per_day[3][3] = {{9e6, 2e6, 3e6}, {6e5, 2e5, 4e5}, {12000, 4000, 15000}};
    static const double growth[] = {1.06, 1.03, 1.12};
    s->n_models = 3;
    s->models = fixture_alloc(f, 3, sizeof *s->models);
    s->models[0] = (loam_fleet_model){.name = "moe-671b",
                                      .params = 671e9,
                                      .active_params = 37e9,
                                      .experts = 256,
                                      .experts_used = 8,
                                      .layers = 61,
                                      .hidden = 7168,
                                      .kv_heads = 1,
                                      .head_dim = 576,
                                      .kv_elements_per_token = 61 * 576,
                                      .weight_bits = 8,
                                      .kv_bits = 8};
    s->models[1] = (loam_fleet_model){.name = "picture-12b",
                                      .params = 12e9,
                                      .active_params = 12e9,
                                      .layers = 57,
                                      .hidden = 3072,
                                      .weight_bits = 16,
                                      .kv_bits = 16,
                                      .tokens = 4096,
                                      .steps = 28,
                                      .guidance = 1,
                                      .is_diffusion = true};
    s->models[2] = (loam_fleet_model){.name = "clip-14b",
                                      .params = 14e9,
                                      .active_params = 14e9,
                                      .layers = 40,
                                      .hidden = 5120,
                                      .weight_bits = 16,
                                      .kv_bits = 16,
                                      .tokens = 32760,
                                      .steps = 30,
                                      .guidance = 2,
                                      .is_diffusion = true};
    s->n_services = 3;
    s->services = fixture_alloc(f, 3, sizeof *s->services);
    for (int v = 0; v < 3; v++) {
        loam_service *k = &s->services[v];
        *k = (loam_service){.name = names[v],
                            .line = 100 + 10 * v,
                            .kind = (loam_service_kind)v,
                            .model = v,
                            .utilisation = .7,
                            .priority = 1,
                            .n_plus_1 = true};
        if (v == CHAT)
            k->tokens_in = 900, k->tokens_out = 350, k->cache_hit = .5, k->ttft_s = 2, k->tpot_s = .05;
        else
            k->latency_s = v == IMAGE ? 12 : 240;
        k->per_day = fixture_alloc(f, FIXTURE_MONTHS * 3, sizeof *k->per_day);
        for (int t = 0; t < FIXTURE_MONTHS; t++)
            for (int o = 0; o < 3; o++)
                k->per_day[t * 3 + o] = per_day[v][o] * pow(growth[v], t);
        for (int h = 0; h < 24; h++)
            k->curve[h] = (1 + .5 * cos((h - 20) * 3.14159265358979 / 12)) / 24;
    }
    s->n_trainings = 1;
    s->trainings = fixture_alloc(f, 1, sizeof *s->trainings);
    s->trainings[0] = (loam_training){.name = "next model",
                                      .line = 140,
                                      .params = 671e9,
                                      .active_params = 37e9,
                                      .tokens = 14.8e12,
                                      .context = 4096,
                                      .layers = 61,
                                      .hidden = 7168,
                                      .start = 3,
                                      .deadline = 10,
                                      .bits = 16,
                                      .priority = 1,
                                      .min_link_gbps = 300};
    static const bool china[3] = {true};
    s->n_budgets = 1;
    s->budgets = fixture_alloc(f, 1, sizeof *s->budgets);
    s->budgets[0] = (loam_budget){"china", 150, china, NULL, LOAM_SPEND_ALL, 450e6, 0, 12};
    static struct loam_source sources[] = {
        {"electricity, mainland", "0.085 USD/kWh", "coastal tariff about 0.6 CNY/kWh, from memory; confirm"},
        {"chat requests a day", "14 M, +6 % a month", "the product team's forecast of December 2024"}};
    s->n_sources = 2;
    s->sources = sources;
}

static void fixture_loads(fixture *f)
{
    loam_scenario *s = &f->scenario;
    loam_plan *p = &f->plan;
    /* where each origin is served, and on what */
    static const int region[3] = {MAINLAND, JOHOR, OREGON};
    static const double chips[3][4] = {{.55, .35, 0, .1}, {0, .3, .7, 0}, {0, 0, 1, 0}};
    size_t n = 3 * 3 * FIXTURE_MONTHS * FIXTURE_BLOCKS;
    p->flow = fixture_alloc(f, n, sizeof *p->flow);
    p->work = fixture_alloc(f, n * 4, sizeof *p->work);
    p->miss = fixture_alloc(f, n, sizeof *p->miss);
    for (int v = 0; v < 3; v++)
        for (int o = 0; o < 3; o++)
            for (int t = 0; t < FIXTURE_MONTHS; t++)
                for (int b = 0; b < FIXTURE_BLOCKS; b++) {
                    double demand = loam_scenario_load(s, v, o, t, b);
                    double missed = v == VIDEO && o == 2 && t >= 8 ? (t - 7) * .05 * demand : 0;
                    p->flow[p->n_flow++] = (loam_plan_flow){v, o, region[o], t, b, demand - missed};
                    if (missed > 0)
                        p->miss[p->n_miss++] = (loam_plan_miss){v, o, t, b, missed, demand};
                    for (int c = 0; c < 4; c++)
                        if (chips[o][c] > 0)
                            p->work[p->n_work++] =
                                (loam_plan_work){v, region[o], c, t, b, chips[o][c] * (demand - missed)};
                }
    p->work[p->n_work++] = (loam_plan_work){CHAT, MAINLAND, H100, 0, 0, 0}; /* says nothing */
}

static void fixture_hardware(fixture *f)
{
    loam_plan *p = &f->plan;
    static const loam_plan_order orders[] = {{ASCEND, MAINLAND, ASCEND, 0, 2, 420, 420 * 179200.0, LOAM_VERDICT_FREE},
                                             {H20, MAINLAND, H20, 0, 2, 260, 260 * 151200.0, LOAM_VERDICT_FREE},
                                             {L20, MAINLAND, L20, 0, 2, 90, 90 * 50400.0, LOAM_VERDICT_FREE},
                                             {H100, JOHOR, H100, 0, 3, 180, 180 * 324800.0, LOAM_VERDICT_FREE},
                                             {ASCEND, MAINLAND, ASCEND, 3, 5, 510, 510 * 179200.0, LOAM_VERDICT_FREE},
                                             {H20, JOHOR, H20, 3, 5, 110, 110 * 151200.0, LOAM_VERDICT_CASE},
                                             {H100, JOHOR, H100, 3, 6, 240, 240 * 324800.0, LOAM_VERDICT_FREE},
                                             {ASCEND, MAINLAND, ASCEND, 6, 8, 640, 640 * 179200.0, LOAM_VERDICT_FREE},
                                             {H100, JOHOR, H100, 6, 9, 70, 70 * 324800.0, LOAM_VERDICT_FREE},
                                             {ASCEND, MAINLAND, ASCEND, 9, 11, 300, 300 * 179200.0, LOAM_VERDICT_FREE}};
    static const loam_plan_rent rents[] = {{0, OREGON, H100, 0, 12, 60, 60 * 8 * 2.6 * 730 * 12.0},
                                           {0, OREGON, H100, 5, 12, 45, 45 * 8 * 2.6 * 730 * 7.0}};
    p->n_orders = sizeof orders / sizeof *orders;
    p->orders = fixture_alloc(f, p->n_orders, sizeof *p->orders);
    memcpy(p->orders, orders, sizeof orders);
    p->n_rents = 2;
    p->rents = fixture_alloc(f, 2, sizeof *p->rents);
    memcpy(p->rents, rents, sizeof rents);
    p->stock = fixture_alloc(f, 3 * 4 * FIXTURE_MONTHS, sizeof *p->stock);
    p->spend = fixture_alloc(f, FIXTURE_MONTHS * 3 * 3, sizeof *p->spend);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++)
            for (int t = 0; t < FIXTURE_MONTHS; t++) {
                loam_plan_stock k = {r, c, t, r == MAINLAND && c == H20 ? 120 : 0, 0, 0, 0, 0, 0};
                for (size_t i = 0; i < p->n_orders; i++)
                    if (orders[i].region == r && orders[i].chip == c && orders[i].arrives <= t)
                        k.owned += orders[i].servers;
                for (size_t i = 0; i < 2; i++)
                    if (rents[i].region == r && rents[i].chip == c && rents[i].month <= t)
                        k.rented += rents[i].servers;
                if (k.owned + k.rented <= 0)
                    continue;
                k.power_kw = k.owned * f->scenario.chips[c].chip.server_kw;
                k.training = r == JOHOR && c == H100 && t >= 4 && t <= 9 ? .6 * k.owned : 0;
                k.spare = .06 * (k.owned + k.rented);
                k.busy = fmin(.5 + .03 * t, .9) * (k.owned + k.rented - k.training - k.spare);
                p->stock[p->n_stock++] = k;
                double *usd = p->spend + (t * 3 + r) * 3;
                usd[1] += k.rented * 8 * 2.6 * 730;
                usd[2] += k.power_kw * (730 * 1.25 * .09 + 140) + k.owned * 600;
            }
    for (size_t i = 0; i < p->n_orders; i++) {
        p->spend[(orders[i].month * 3 + orders[i].region) * 3] += .3 * orders[i].usd;
        p->spend[(orders[i].arrives * 3 + orders[i].region) * 3] += .7 * orders[i].usd;
    }
    p->training = fixture_alloc(f, 8, sizeof *p->training);
    for (int t = 4; t <= 9; t++)
        p->training[p->n_training++] = (loam_plan_training){0, JOHOR, H100, t, t < 6 ? 864 : 2016};
    p->runs = fixture_alloc(f, 4, sizeof *p->runs);
    p->runs[H100] = (loam_run_perf){.feasible = true,
                                    .flop_per_token = 2.3e11,
                                    .flop = 3.4e24,
                                    .mfu = .4,
                                    .goodput = .93,
                                    .peak_flops = 989.5e12,
                                    .chip_months = 9792,
                                    .min_chips = 160};
    for (int c = 0; c < 4; c++)
        if (c != H100)
            snprintf(p->runs[c].why_not, sizeof p->runs[c].why_not,
                     "%g GB of memory a chip is less than the run was set up for", f->scenario.chips[c].chip.mem_gb);
}

static void fixture_replicas(fixture *f)
{
    loam_plan *p = &f->plan;
    static const loam_replica chat[4] = {
        {.feasible = true,
         .chips = 16,
         .weight_bits = 8,
         .kv_bits = 8,
         .weights_gb = 671,
         .kv_gb = 240,
         .batch = 310,
         .batch_memory = 620,
         .prefill_s = .21,
         .tpot_s = .049,
         .ttft_s = .4,
         .requests_per_s = 16,
         .binds = "latency target"},
        {.feasible = true,
         .chips = 8,
         .weight_bits = 8,
         .kv_bits = 8,
         .weights_gb = 671,
         .kv_gb = 30,
         .batch = 92,
         .batch_memory = 92,
         .prefill_s = .3,
         .tpot_s = .031,
         .ttft_s = .5,
         .requests_per_s = 8.2,
         .binds = "memory"},
        {.feasible = true,
         .chips = 16,
         .weight_bits = 8,
         .kv_bits = 8,
         .weights_gb = 671,
         .kv_gb = 480,
         .batch = 610,
         .batch_memory = 1440,
         .prefill_s = .07,
         .tpot_s = .0487,
         .ttft_s = .2,
         .requests_per_s = 35,
         .binds = "compute"},
        {.why_not = "weights of 691 GB do not fit 1 × 48 GB, and the chip has no link to span more"}};
    p->replicas = fixture_alloc(f, 12, sizeof *p->replicas);
    memcpy(p->replicas, chat, sizeof chat);
    for (int v = 1; v < 3; v++)
        for (int c = 0; c < 4; c++)
            p->replicas[v * 4 + c] =
                (loam_replica){.feasible = true,
                               .chips = v == IMAGE ? 1 : 8,
                               .weight_bits = 16,
                               .kv_bits = 16,
                               .weights_gb = v == IMAGE ? 24 : 28,
                               .batch = 1,
                               .batch_memory = 1,
                               .latency_s = (v == IMAGE ? 1500 : 26000) / f->scenario.chips[c].chip.bf16_tflops,
                               .requests_per_s = f->scenario.chips[c].chip.bf16_tflops / (v == IMAGE ? 1500 : 26000),
                               .binds = "compute"};
    p->replicas[VIDEO * 4 + L20] = (loam_replica){.why_not = "a clip takes 218 s on one chip, 240 s with its queue"};
}

static void fixture_money(fixture *f)
{
    loam_plan *p = &f->plan;
    static const loam_plan_limit limits[] = {{"power johor", "kW", 5790, 5800, true, 2.1e-7},
                                             {"supply huawei 910B2", "servers", 700, 700, true, 1.1e-5},
                                             {"budget china", "USD", 4.4999e8, 4.5e8, true, 3e-11},
                                             {"power mainland", "kW", 13906, 22000, false, 0},
                                             {"share domestic", "share", .62, .6, false, 0},
                                             {"power oregon", "kW", 0, 2500, false, 0}};
    static const loam_plan_refusal refusals[] = {
        {"buy H100-SXM5-80GB in mainland", "denied at 2025-01: R23.a1, TPP 15832 >= 4800 (3.3 x)"},
        {"chat on L20-48GB", "weights of 691 GB do not fit 1 × 48 GB, and the chip has no link to span more"},
        {"video on L20-48GB", "a clip takes 218 s on one chip, 240 s with its queue"},
        {"next model on L20-48GB", "48 GB of memory a chip is less than the run was set up for"},
        {"buy Ascend-910B2 in johor", "risk at 2025-05: GP10, use anywhere risks a violation"}};
    p->limits = fixture_alloc(f, p->n_limits = 6, sizeof *limits);
    memcpy(p->limits, limits, sizeof limits);
    p->refusals = fixture_alloc(f, p->n_refusals = 5, sizeof *refusals);
    memcpy(p->refusals, refusals, sizeof refusals);
    p->cost = (loam_plan_cost){.capex = 5.62e8,
                               .rent = 1.27e7,
                               .energy = 1.9e7,
                               .colo = 2.96e7,
                               .opex = 1.47e7,
                               .duty = 2.1e6,
                               .residual = 2.49e8};
    loam_plan_cost *c = &p->cost;
    c->total = c->capex + c->rent + c->energy + c->colo + c->opex + c->duty - c->residual;
    p->objective = c->total;
    p->gap = .003;
    p->bound = c->total * (1 - p->gap);
    p->seconds = 7.42;
    p->served_share = .9971;
    p->served_bound = .9974;
    p->status = LOAM_PLAN_OPTIMAL;
}

static void fixture_doubt(fixture *f)
{
    loam_doubt_result *d = &f->doubt;
    const loam_plan *p = &f->plan;
    static const struct {
        const char *what;
        double cost, served, moved;
        bool feasible;
    } flips[] = {{"price of H100 +25 %", .06, 0, .02, true},
                 {"price of H100 -25 %", -.07, 0, .11, true},
                 {"price of Ascend-910B2 +25 %", .11, -.0004, .21, true},
                 {"price of Ascend-910B2 -25 %", -.12, 0, .04, true},
                 {"without rule share domestic", -.015, 0, .34, true},
                 {"budget china +10 %", .02, .002, .03, true},
                 {"budget china -10 %", -.03, -.011, .08, true},
                 {"demand +25 %", .19, -.062, .3, true},
                 {"demand -25 %", -.2, .0029, .26, true},
                 {"without H20", 0, 0, 0, false}};
    d->n_flips = sizeof flips / sizeof *flips;
    d->flips = fixture_alloc(f, d->n_flips, sizeof *d->flips);
    for (size_t i = 0; i < d->n_flips; i++)
        d->flips[i] = (loam_flip){flips[i].what, p->cost.total * (1 + flips[i].cost), p->served_share + flips[i].served,
                                  flips[i].moved, flips[i].feasible};
    d->n_futures = 200;
    d->futures = fixture_alloc(f, d->n_futures, sizeof *d->futures);
    for (int i = 0; i < 200; i++) { /* the quantiles of something like a normal draw, in a fixed order */
        double u = ((i * 37) % 200 + .5) / 200, z = log(u / (1 - u)) / 1.7, demand = exp(.15 * z);
        loam_future *k = &d->futures[i];
        k->demand = demand;
        k->price = exp(.1 * sin(i));
        k->served = fmin(1, .9971 - fmax(0, demand - 1.05) * .5);
        k->cost = p->cost.total * (1 + .12 * z + .02 * sin(i * 1.3));
        k->best_served = fmin(1, k->served + .4 * (1 - k->served));
        k->best_cost = k->cost * (1 - .015 - .02 * fabs(z));
        k->regret = k->cost - k->best_cost;
    }
    d->served_mean = .985, d->served_p5 = .93, d->served_p50 = .9971, d->served_p95 = .9971;
    d->cost_mean = p->cost.total * 1.002, d->cost_p5 = p->cost.total * .79, d->cost_p50 = p->cost.total,
    d->cost_p95 = p->cost.total * 1.22;
    d->regret_mean = 1.1e7, d->regret_p95 = 2.4e7;
    d->all_served_probability = .64;
    d->stranded_usd = 1.8e7;
    d->n_services = 3;
    d->service_ok = fixture_alloc(f, 3, sizeof(double));
    d->service_ok[0] = .97, d->service_ok[1] = .99, d->service_ok[2] = .66;
}

static void fixture_init(fixture *f)
{
    *f = (fixture){0};
    loam_scenario *s = &f->scenario;
    *s = (loam_scenario){.arena = loam_arena_new(0),
                         .name = "three-regions",
                         .title = "Hardware for 2025 in three regions",
                         .note = "Made by hand for the tests of the reports.",
                         .path = "three-regions.yaml",
                         .hq = "CN",
                         .goal = LOAM_GOAL_MOST_SERVED,
                         .months = FIXTURE_MONTHS,
                         .order_every = 3,
                         .blocks = FIXTURE_BLOCKS,
                         .discount = .08,
                         .life_months = 60,
                         .residual = .1,
                         .opex_share = .04,
                         .worst_allowed = LOAM_VERDICT_CASE,
                         .case_probability = .5};
    if (!s->arena || !loam_month_parse("2025-01", &s->start))
        fail_msg("no fixture");
    fixture_places(f);
    fixture_chips(f);
    fixture_services(f);
    f->plan.arena = s->arena;
    fixture_loads(f);
    fixture_hardware(f);
    fixture_replicas(f);
    fixture_money(f);
    fixture_doubt(f);
}

/* The same scenario, with a plan that found nothing. */
static void fixture_infeasible(fixture *f)
{
    static const char *conflict[] = {"budget china", "share domestic", "demand of chat by china"};
    static const char *repairs[] = {"raise budget china by 38 M USD", "lower share domestic from 60 % to 41 %",
                                    "leave 6 % of chat by china unserved and raise supply huawei 910B2 by 80 servers"};
    loam_plan *p = &f->plan;
    *p = (loam_plan){.arena = f->scenario.arena,
                     .status = LOAM_PLAN_INFEASIBLE,
                     .gap = NAN,
                     .bound = INFINITY,
                     .objective = NAN,
                     .seconds = 3.1,
                     .replicas = p->replicas,
                     .runs = p->runs,
                     .refusals = p->refusals,
                     .n_refusals = p->n_refusals,
                     .conflict = conflict,
                     .n_conflict = 3,
                     .repairs = repairs,
                     .n_repairs = 3};
}

static void fixture_deinit(fixture *f)
{
    loam_arena_free(f->scenario.arena);
}

#endif
