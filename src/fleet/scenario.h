/* What an infrastructure team asks: demand, training, places, chips, money and rules, read from YAML (docs/plan.md says
 * every field). Everything is in one arena. Money is USD (other currencies are converted while reading), months count
 * from the scenario's start, load is requests per second: one request is a chat turn, a picture or a clip. */
#ifndef LOAM_FLEET_SCENARIO_H
#define LOAM_FLEET_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "fleet/chips.h"
#include "fleet/date.h"
#include "fleet/rules.h"

enum {
    LOAM_FLEET_MAX_MONTHS = 60,
    LOAM_FLEET_MAX_REGIONS = 32,
    LOAM_FLEET_MAX_CHIPS = 40,
    LOAM_FLEET_MAX_SERVICES = 32,
    LOAM_FLEET_MAX_BLOCKS = 24,
    LOAM_FLEET_ALWAYS = 1 << 20, /* "until" of what has no end */
};

/* A place where servers stand. */
typedef struct loam_region {
    const char *name, *country, *owner; /* owner: who runs the site; "self" unless said */
    int line;
    double utc_offset_h;
    bool public_centre, state_funded;
    double pue;
    double power_kw[LOAM_FLEET_MAX_MONTHS]; /* IT power that may be drawn, by month */
    double usd_per_kwh;
    size_t n_tariffs; /* prices for the chips of certain vendors */
    struct {
        const char *vendor;
        double usd_per_kwh;
    } * tariffs;
    double colo_usd_per_kw_month, carbon_kg_per_kwh;
    int install_per_month; /* servers that can be put into operation a month; 0: no limit */
} loam_region;

/* Where users are. */
typedef struct loam_origin {
    const char *name, *country;
    int line;
    double utc_offset_h;
    const double *rtt_ms; /* [regions]; NULL: not considered */
} loam_origin;

typedef enum loam_service_kind { LOAM_SERVICE_CHAT, LOAM_SERVICE_IMAGE, LOAM_SERVICE_VIDEO } loam_service_kind;

/* A model as the performance equations see it. Language: params .. kv_bytes_per_token. Pictures and clips: params,
 * layers, hidden, tokens (latent tokens of one picture or clip), steps, guidance, vae_flop. */
typedef struct loam_fleet_model {
    const char *name;
    int line;
    double params, active_params; /* active: of a mixture of experts; else = params */
    double experts, experts_used; /* 0: dense */
    int layers, hidden, kv_heads, head_dim;
    double kv_elements_per_token; /* 2·layers·kv_heads·head_dim, or layers·(latent + rope) for MLA */
    double weight_bits, kv_bits;  /* as served: 16, 8, 4 */
    double tokens, steps, guidance, vae_flop;
    bool is_diffusion;
} loam_fleet_model;

typedef struct loam_service {
    const char *name;
    int line;
    loam_service_kind kind;
    int model;                               /* in scenario.models */
    double tokens_in, tokens_out, cache_hit; /* language: of a mean request; cache_hit: share of the input */
    double ttft_s, tpot_s;                   /* language: targets, 0: none */
    double latency_s;                        /* picture, clip: target, 0: none */
    double utilisation;                      /* cap on the busy share at the peak: 0.7 */
    double spare;                            /* capacity kept beyond the peak, as a fraction (N+1 is added on top): 0 */
    bool n_plus_1;                           /* one more replica wherever the service is served */
    double priority;                         /* weight of what is left unserved: 1 */
    double *per_day;                         /* [months][origins]: requests a day */
    double curve[24];                        /* share of the day by local hour, sums to 1 */
    double max_rtt_ms;                       /* 0: none */
    const bool *chips;                       /* [chips] that the service's software runs on; NULL: all */
} loam_service;

typedef struct loam_training {
    const char *name;
    int line;
    double params, active_params, tokens, context;
    int layers, hidden;
    int start, deadline;  /* months; done by the end of month deadline */
    double mfu;           /* 0: by chip, see perf.h */
    double goodput;       /* 0: by the formula of checkpoint losses */
    double min_link_gbps; /* of the chip */
    double bits;          /* 16 or 8 */
    double priority;
    const bool *regions, *chips; /* allowed; NULL: all */
} loam_training;

/* A chip of this scenario: the catalogue's, with the scenario's own figures over it. */
typedef struct loam_fleet_chip {
    loam_chip chip;
    int line;
    double price_usd; /* of a server's chips, each: middle of low and high unless said */
    double server_share, network_share, install_share; /* on top of the chips' price: 0.25, 0.12, 0.03 */
    double spare_share;                                /* of servers that are broken or kept as parts: 0.03 */
    double prefill, decode, bandwidth, overhead_s;     /* e_p e_d e_b t_0 of perf.h; 0: the fitted ones */
    double scale;                                      /* multiplier from an own measurement: 1 */
    double mfu;                                        /* for training; 0: the default */
    double yearly_failures;                            /* stops of a synchronous run per chip and year: 0.17 */
} loam_fleet_chip;

/* Who sells a chip. */
typedef struct loam_supply {
    const char *name; /* "huawei 910B" */
    int line, chip;
    int lead_months;
    const bool *regions;                           /* delivers to; NULL: all */
    double per_quarter[LOAM_FLEET_MAX_MONTHS / 3]; /* servers that can be ordered; < 0: no limit */
    double price_factor;                           /* on the chip's price: 1 */
    double pay_at_order;                           /* share; the rest at delivery */
    int min_order;                                 /* servers, 0 or 1: none */
} loam_supply;

/* Servers for rent. */
typedef struct loam_rent {
    const char *name, *provider, *provider_hq;
    int line, region, chip;
    double usd_per_chip_hour;
    int term_months;  /* 1: by the month */
    double available; /* servers at any time; < 0: no limit */
    int from, until;  /* months in which a rent may start: [from, until) */
    bool with_power;  /* the price holds power and colocation: true */
} loam_rent;

typedef struct loam_owned {
    int line, region, chip, servers, from, until;
} loam_owned;

typedef enum loam_spend {
    LOAM_SPEND_CAPEX = 1,
    LOAM_SPEND_RENT = 2,
    LOAM_SPEND_RUNNING = 4,
    LOAM_SPEND_ALL = 7
} loam_spend;
typedef struct loam_budget {
    const char *name;
    int line;
    const bool *regions; /* NULL: all */
    const bool *chips;   /* NULL: all */
    int spend;           /* of loam_spend */
    double usd;
    int from, until; /* months [from, until) in which the money flows */
} loam_budget;

typedef enum loam_measure { LOAM_MEASURE_SPEND, LOAM_MEASURE_UNITS, LOAM_MEASURE_TPP, LOAM_MEASURE_POWER } loam_measure;
/* Of what is bought in the regions, the group's chips are at least min and at most max, by the measure. */
typedef struct loam_share {
    const char *name;
    int line;
    const bool *regions, *group; /* group: chips; regions NULL: all */
    loam_measure measure;
    double min, max;
    bool each_period; /* every order month by itself, not only the total */
} loam_share;

/* From `from` on, until before `until`: requests of these services by users of these origins may only be served (allow)
 * / may not be served (deny) in these regions. A deadline for separating a service from its owner is an allow rule
 * whose regions are the new owner's. Training data: origins NULL and training true bind training runs. */
typedef struct loam_data_rule {
    const char *name;
    int line;
    const bool *services, *origins, *trainings; /* NULL: all (trainings NULL: none) */
    const bool *regions;
    bool allow;
    int from, until; /* the month that holds the day counts as a whole */
} loam_data_rule;

/* A way the future may differ, for Monte-Carlo. */
typedef struct loam_doubt {
    double demand_sigma, demand_common; /* log-normal spread per service, and its share common to all */
    double price_sigma, rent_sigma, power_sigma;
    double perf_sigma;       /* of the performance model: 0.1 */
    double late_probability; /* of a delivery; */
    int late_months;
    size_t n_events; /* rules that may come */
    struct loam_rule_event {
        const char *name, *rule;
        double probability;
        int from, until;
        int line;
    } * events;
    int samples;
    unsigned long seed;
} loam_doubt;

typedef enum loam_goal { LOAM_GOAL_SERVE_ALL, LOAM_GOAL_MOST_SERVED } loam_goal;

typedef struct loam_scenario {
    loam_arena *arena; /* owned */
    const char *name, *title, *note, *path;
    const char *hq; /* country of the buyer's ultimate parent */
    loam_goal goal;
    loam_month start;
    int months, order_every, blocks;
    double discount; /* a year */
    int life_months; /* of a server; its value falls in a straight line to residual over it, which counts at the end */
    double residual;
    double opex_share;  /* of the price, a year */
    int max_chip_types; /* per region; 0: any number */
    loam_rule_book rules;
    loam_verdict worst_allowed; /* buying and renting up to this verdict */
    double case_probability;    /* how likely a case-by-case licence is granted, for reports and doubt */

    size_t n_regions, n_origins, n_models, n_services, n_trainings, n_chips, n_supplies, n_rents, n_owned, n_budgets,
        n_shares, n_data_rules;
    loam_region *regions;
    loam_origin *origins;
    loam_fleet_model *models;
    loam_service *services;
    loam_training *trainings;
    loam_fleet_chip *chips;
    loam_supply *supplies;
    loam_rent *rents;
    loam_owned *owned;
    loam_budget *budgets;
    loam_share *shares;
    loam_data_rule *data_rules;
    loam_doubt doubt;
    size_t n_sources; /* "assumptions: - {what, value, source}" */
    struct loam_source {
        const char *what, *value, *source;
    } * sources;
} loam_scenario;

/* One change of one line: "services.chat.growth=20%", "budgets.china.usd=6e9". The path names keys, and items of lists
 * by their name or their number from 0. */
typedef struct loam_change {
    const char *path, *value; /* value: YAML, one scalar */
} loam_change;

/* Reads a scenario, applies the changes, checks that it makes sense (each refusal one sentence with file and line).
 * *out is owned by the caller (loam_scenario_free). */
LOAM_CHECK_RESULT loam_status loam_scenario_parse(const char *path, const char *text, size_t len,
                                                  const loam_change *changes, size_t n_changes, loam_scenario **out,
                                                  loam_err *err);
/* The same from a file. A chip catalogue that it names ("catalogue: my-chips.csv") is found beside it. */
LOAM_CHECK_RESULT loam_status loam_scenario_open(const char *path, const loam_change *changes, size_t n_changes,
                                                 loam_scenario **out, loam_err *err);
void loam_scenario_free(loam_scenario *s);

/* Requests per second of service s by users of origin o in month m during block b of the UTC day: the busiest hour of
 * the block, so that capacity for it suffices; _mean: the block's mean, for energy and totals. */
double loam_scenario_load(const loam_scenario *s, int service, int origin, int month, int block);
double loam_scenario_load_mean(const loam_scenario *s, int service, int origin, int month, int block);
/* May users of this origin be served by that service in that region in that month? *why is the rule that forbids it. */
bool loam_scenario_route(const loam_scenario *s, int service, int origin, int region, int month, const char **why);
/* Verdict on getting this chip into this region, in this month. */
void loam_scenario_ruling(const loam_scenario *s, int chip, int region, loam_get get, const char *provider_hq,
                          bool training, int month, loam_ruling *out);

#endif
