/* A scenario small enough to plan by hand: two sites, three chips, two services, one training run, six months from
 * January 2024. Everything is static and can be changed by a test; tiny_init puts it back.
 *
 * The buyer's parent is in China, so that H100 is denied everywhere, H20 and 910B2 are free in that year. Demand is
 * flat over day and months. Loads are chosen by how much one chip does, so that server counts stay small whatever the
 * performance model says. */
#ifndef LOAM_TESTS_TINY_SCENARIO_H
#define LOAM_TESTS_TINY_SCENARIO_H

#include <string.h>

#include "fleet/perf.h"
#include "fleet/scenario.h"

enum { TINY_MONTHS = 6, NORTH = 0, SOUTH = 1, ASCEND = 0, H20 = 1, H100 = 2, CHAT = 0, CODE = 1, CN = 0, SG = 1 };

typedef struct tiny {
    loam_scenario s;
    loam_region regions[2];
    __typeof__(*((loam_region *)0)->tariffs) tariffs[1];
    loam_origin origins[2];
    loam_fleet_model models[1];
    loam_service services[2];
    loam_training trainings[1];
    loam_fleet_chip chips[3];
    loam_supply supplies[3];
    loam_rent rents[2];
    loam_owned owned[2];
    loam_budget budgets[2];
    loam_share shares[2];
    loam_data_rule data_rules[2];
    double rtt[2][2], per_day[2][TINY_MONTHS * 2];
    bool north_only[2], cn_only[2], ascend_only[3], h20_only[3], no_h20[3], no_services[2], all_runs[1];
} tiny;

static loam_chip tiny_chip(const char *name, const char *vendor, const char *origin, double bf16, double int8,
                           double fp8, double mem_gb, double mem_gbps, double link, double kw, double tpp, double pd)
{
    return (loam_chip){.name = name,
                       .vendor = vendor,
                       .origin = origin,
                       .year = 2023,
                       .bf16_tflops = bf16,
                       .int8_tops = int8,
                       .fp8_tflops = fp8,
                       .mem_gb = mem_gb,
                       .mem_gbps = mem_gbps,
                       .link_gbps = link,
                       .tdp_w = 400,
                       .server_kw = kw,
                       .die_mm2 = 800,
                       .tpp = tpp,
                       .pd = pd,
                       .per_server = 8,
                       .link_domain = 8,
                       .datacentre = true,
                       .us_sold = true,
                       .source = "test",
                       .certainty = "test"};
}

static loam_fleet_chip tiny_fleet_chip(loam_chip chip, double price)
{
    return (loam_fleet_chip){.chip = chip,
                             .price_usd = price,
                             .server_share = 0.25,
                             .network_share = 0.12,
                             .install_share = 0.03,
                             .spare_share = 0.03,
                             .scale = 1,
                             .mfu = 0.4};
}

/* Requests a day so that `chips` chips of one kind serve them, with nothing kept back. */
static double tiny_per_day(const tiny *k, int service, int chip, double chips)
{
    loam_replica r;
    loam_perf_best(&k->models[0], &k->services[service], &k->chips[chip], &r);
    return 86400 * chips * r.requests_per_s / r.chips;
}

static void tiny_places(tiny *k)
{
    k->regions[NORTH] = (loam_region){.name = "north",
                                      .country = "CN",
                                      .owner = "self",
                                      .utc_offset_h = 8,
                                      .pue = 1.2,
                                      .usd_per_kwh = 0.08,
                                      .colo_usd_per_kw_month = 150,
                                      .install_per_month = 20,
                                      .n_tariffs = 1};
    k->tariffs[0].vendor = "Huawei";
    k->tariffs[0].usd_per_kwh = 0.05;
    k->regions[NORTH].tariffs = (void *)k->tariffs;
    k->regions[SOUTH] = (loam_region){.name = "south",
                                      .country = "MY",
                                      .owner = "self",
                                      .utc_offset_h = 8,
                                      .pue = 1.4,
                                      .usd_per_kwh = 0.1,
                                      .colo_usd_per_kw_month = 180};
    for (int t = 0; t < LOAM_FLEET_MAX_MONTHS; t++)
        k->regions[NORTH].power_kw[t] = 400; /* the south has none of its own: only what is rented with power */
    k->rtt[CN][NORTH] = 20, k->rtt[CN][SOUTH] = 60, k->rtt[SG][NORTH] = 70, k->rtt[SG][SOUTH] = 10;
    k->origins[CN] = (loam_origin){.name = "cn", .country = "CN", .utc_offset_h = 8, .rtt_ms = k->rtt[CN]};
    k->origins[SG] = (loam_origin){.name = "sg", .country = "SG", .utc_offset_h = 8, .rtt_ms = k->rtt[SG]};
}

static void tiny_hardware(tiny *k)
{
    k->chips[ASCEND] =
        tiny_fleet_chip(tiny_chip("910B2", "Huawei", "CN", 354, 708, 0, 64, 1600, 392, 5.8, 5664, 7.1), 15000);
    k->chips[H20] =
        tiny_fleet_chip(tiny_chip("H20-96G", "NVIDIA", "US", 148, 296, 296, 96, 4000, 900, 6, 2368, 2.91), 13000);
    k->chips[H100] =
        tiny_fleet_chip(tiny_chip("H100", "NVIDIA", "US", 989.5, 1979, 1979, 80, 3350, 900, 10.2, 15832, 19.45), 30000);
    k->supplies[0] = (loam_supply){
        .name = "huawei", .chip = ASCEND, .lead_months = 1, .price_factor = 1, .pay_at_order = 0.25, .min_order = 4};
    k->supplies[1] =
        (loam_supply){.name = "nvidia", .chip = H20, .lead_months = 2, .price_factor = 1.1, .pay_at_order = 0.5};
    k->supplies[2] = (loam_supply){.name = "grey", .chip = H100, .lead_months = 1, .price_factor = 2};
    for (int q = 0; q < LOAM_FLEET_MAX_MONTHS / 3; q++)
        k->supplies[0].per_quarter[q] = 100, k->supplies[1].per_quarter[q] = 50, k->supplies[2].per_quarter[q] = -1;
    k->rents[0] = (loam_rent){.name = "cloud-south",
                              .provider = "cloud",
                              .provider_hq = "SG",
                              .region = SOUTH,
                              .chip = H20,
                              .usd_per_chip_hour = 2,
                              .term_months = 3,
                              .available = 30,
                              .from = 0,
                              .until = 6,
                              .with_power = true};
    k->rents[1] = (loam_rent){.name = "cloud-north",
                              .provider = "cloud",
                              .provider_hq = "CN",
                              .region = NORTH,
                              .chip = H20,
                              .usd_per_chip_hour = 1.5,
                              .term_months = 1,
                              .available = -1,
                              .from = 0,
                              .until = LOAM_FLEET_ALWAYS,
                              .with_power = false};
    k->owned[0] = (loam_owned){.region = NORTH, .chip = H20, .servers = 2, .from = 0, .until = 3};
}

static void tiny_work(tiny *k)
{
    k->models[0] = (loam_fleet_model){.name = "8b",
                                      .params = 8e9,
                                      .active_params = 8e9,
                                      .layers = 32,
                                      .hidden = 4096,
                                      .kv_heads = 8,
                                      .head_dim = 128,
                                      .kv_elements_per_token = 65536,
                                      .weight_bits = 16,
                                      .kv_bits = 16};
    loam_service chat = {.name = "chat",
                         .kind = LOAM_SERVICE_CHAT,
                         .tokens_in = 500,
                         .tokens_out = 300,
                         .utilisation = 0.7,
                         .spare = 0.1,
                         .n_plus_1 = true,
                         .priority = 2,
                         .max_rtt_ms = 50};
    for (int h = 0; h < 24; h++)
        chat.curve[h] = 1.0 / 24;
    k->services[CHAT] = chat;
    k->services[CODE] = chat;
    k->services[CODE].name = "code";
    k->services[CODE].spare = 0;
    k->services[CODE].n_plus_1 = false;
    k->services[CODE].priority = 1;
    k->services[CODE].chips = k->no_h20;
    for (int i = 0; i < 2; i++)
        k->services[i].per_day = k->per_day[i];
    for (int t = 0; t < TINY_MONTHS; t++) {
        k->per_day[CHAT][t * 2 + CN] = tiny_per_day(k, CHAT, H20, 3);
        k->per_day[CHAT][t * 2 + SG] = tiny_per_day(k, CHAT, H20, 5);
        k->per_day[CODE][t * 2 + CN] = tiny_per_day(k, CODE, ASCEND, 12);
    }
    k->trainings[0] = (loam_training){.name = "tune",
                                      .params = 8e9,
                                      .active_params = 8e9,
                                      .tokens = 1e9,
                                      .context = 4096,
                                      .layers = 32,
                                      .hidden = 4096,
                                      .start = 2,
                                      .deadline = 4,
                                      .goodput = 0.9,
                                      .min_link_gbps = 300,
                                      .bits = 16,
                                      .priority = 1};
    loam_run_perf run;
    loam_perf_training(&k->trainings[0], &k->chips[ASCEND], 0, &run);
    k->trainings[0].tokens *= 16 / run.chip_months;
}

static void tiny_rules(tiny *k)
{
    k->north_only[NORTH] = k->cn_only[CN] = k->ascend_only[ASCEND] = k->h20_only[H20] = k->all_runs[0] = true;
    k->no_h20[ASCEND] = k->no_h20[H100] = true;
    k->budgets[0] = (loam_budget){.name = "china",
                                  .regions = k->north_only,
                                  .spend = LOAM_SPEND_ALL,
                                  .usd = 50e6,
                                  .from = 0,
                                  .until = LOAM_FLEET_ALWAYS};
    k->budgets[1] =
        (loam_budget){.name = "first quarter", .spend = LOAM_SPEND_CAPEX, .usd = 20e6, .from = 0, .until = 3};
    k->shares[0] = (loam_share){.name = "domestic",
                                .regions = k->north_only,
                                .group = k->ascend_only,
                                .measure = LOAM_MEASURE_SPEND,
                                .min = 0.5,
                                .max = 1};
    k->shares[1] = (loam_share){.name = "not too many H20",
                                .group = k->h20_only,
                                .measure = LOAM_MEASURE_UNITS,
                                .min = 0,
                                .max = 0.5,
                                .each_period = true};
    k->data_rules[0] = (loam_data_rule){.name = "at home",
                                        .origins = k->cn_only,
                                        .regions = k->north_only,
                                        .allow = true,
                                        .from = 0,
                                        .until = LOAM_FLEET_ALWAYS};
    k->data_rules[1] = (loam_data_rule){.name = "weights at home",
                                        .services = k->no_services,
                                        .trainings = k->all_runs,
                                        .regions = k->north_only,
                                        .allow = true,
                                        .from = 0,
                                        .until = LOAM_FLEET_ALWAYS};
}

static void tiny_init(tiny *k)
{
    memset(k, 0, sizeof *k);
    tiny_rules(k);
    tiny_places(k);
    tiny_hardware(k);
    tiny_work(k);
    k->s = (loam_scenario){.name = "tiny",
                           .hq = "CN",
                           .goal = LOAM_GOAL_MOST_SERVED,
                           .start = (2024 - 1970) * 12,
                           .months = TINY_MONTHS,
                           .order_every = 3,
                           .blocks = 2,
                           .discount = 0.1,
                           .life_months = 48,
                           .residual = 0.1,
                           .opex_share = 0.04,
                           .max_chip_types = 2,
                           .worst_allowed = LOAM_VERDICT_NOTIFY,
                           .case_probability = 0.5,
                           .n_regions = 2,
                           .n_origins = 2,
                           .n_models = 1,
                           .n_services = 2,
                           .n_trainings = 1,
                           .n_chips = 3,
                           .n_supplies = 3,
                           .n_rents = 2,
                           .n_owned = 1,
                           .n_budgets = 2,
                           .n_shares = 2,
                           .n_data_rules = 2,
                           .regions = k->regions,
                           .origins = k->origins,
                           .models = k->models,
                           .services = k->services,
                           .trainings = k->trainings,
                           .chips = k->chips,
                           .supplies = k->supplies,
                           .rents = k->rents,
                           .owned = k->owned,
                           .budgets = k->budgets,
                           .shares = k->shares,
                           .data_rules = k->data_rules};
}

#endif
