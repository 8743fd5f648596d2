/* What the plan asks of a scenario again and again: load, permitted routes, rulings. */
#include <math.h>
#include <string.h>

#include "fleet/scenario.h"

/* Requests/s in an hour of the UTC day. The local curve is constant within its hours; clocks that are off by part of an
 * hour see two of them in one hour of UTC, each for its part. */
static double hourly(const loam_scenario *s, int service, int origin, int month, int utc_hour)
{
    const loam_service *v = &s->services[service];
    double local = utc_hour + s->origins[origin].utc_offset_h, whole = floor(local), part = local - whole;
    int hour = ((int)whole % 24 + 24) % 24;
    double share = (1 - part) * v->curve[hour] + part * v->curve[(hour + 1) % 24];
    return v->per_day[(size_t)month * s->n_origins + (size_t)origin] * share / 3600;
}

double loam_scenario_load(const loam_scenario *s, int service, int origin, int month, int block)
{
    int hours = 24 / s->blocks;
    double busiest = 0;
    for (int h = block * hours; h < (block + 1) * hours; h++)
        busiest = fmax(busiest, hourly(s, service, origin, month, h));
    return busiest;
}

double loam_scenario_load_mean(const loam_scenario *s, int service, int origin, int month, int block)
{
    int hours = 24 / s->blocks;
    double sum = 0;
    for (int h = block * hours; h < (block + 1) * hours; h++)
        sum += hourly(s, service, origin, month, h);
    return sum / hours;
}

bool loam_scenario_route(const loam_scenario *s, int service, int origin, int region, int month, const char **why)
{
    const loam_service *v = &s->services[service];
    const double *rtt_ms = s->origins[origin].rtt_ms;
    for (size_t i = 0; i < s->n_data_rules; i++) {
        const loam_data_rule *d = &s->data_rules[i];
        bool binds = month >= d->from && month < d->until && (!d->services || d->services[service]) &&
                     (!d->origins || d->origins[origin]);
        if (binds && d->regions[region] != d->allow) {
            if (why)
                *why = d->name;
            return false;
        }
    }
    if (v->max_rtt_ms > 0 && rtt_ms && rtt_ms[region] > v->max_rtt_ms) {
        if (why)
            *why = "max_rtt_ms";
        return false;
    }
    return true;
}

void loam_scenario_ruling(const loam_scenario *s, int chip, int region, loam_get get, const char *provider_hq,
                          bool training, int month, loam_ruling *out)
{
    const loam_region *r = &s->regions[region];
    loam_rule_case c = {.chip = &s->chips[chip].chip,
                        .destination = r->country,
                        .hq = s->hq,
                        .provider_hq = get == LOAM_GET_RENT ? provider_hq : NULL,
                        .get = get,
                        .training = training,
                        .public_centre = r->public_centre,
                        .state_funded = r->state_funded};
    loam_rules_judge_month(&s->rules, c, s->start + month, out);
}
