/* Regions, where servers stand, and origins, where users are. */
#include <math.h>
#include <string.h>

#include "fleet/scenario_int.h"

static const loam_field region_fields[] = {
    LOAM_FIELD(loam_region, name, NAME),
    LOAM_FIELD(loam_region, country, COUNTRY),
    LOAM_FIELD(loam_region, owner, NAME),
    {"utc_offset", LOAM_FIELD_NUMBER, offsetof(loam_region, utc_offset_h), -12, 14},
    LOAM_FIELD(loam_region, public_centre, BOOL),
    LOAM_FIELD(loam_region, state_funded, BOOL),
    LOAM_FIELD_IN(loam_region, pue, NUMBER, 1, 3),
    LOAM_FIELD_OWN("power_mw"),
    LOAM_FIELD_IN(loam_region, usd_per_kwh, USD, 0, 10),
    LOAM_FIELD_OWN("tariffs"),
    LOAM_FIELD_IN(loam_region, colo_usd_per_kw_month, USD, 0, 10000),
    LOAM_FIELD_IN(loam_region, carbon_kg_per_kwh, NUMBER, 0, 3),
    LOAM_FIELD_IN(loam_region, install_per_month, COUNT, 0, 1000000),
};
const loam_section loam_section_region = LOAM_SECTION("region", region_fields);

typedef struct power_step {
    double mw;
} power_step;
static const loam_field power_fields[] = {LOAM_FIELD_OWN("from"), LOAM_FIELD_IN(power_step, mw, NUMBER, 0, 100000)};
const loam_section loam_section_power = LOAM_SECTION("power step", power_fields);

static const loam_field origin_fields[] = {
    LOAM_FIELD(loam_origin, name, NAME),
    LOAM_FIELD(loam_origin, country, COUNTRY),
    {"utc_offset", LOAM_FIELD_NUMBER, offsetof(loam_origin, utc_offset_h), -12, 14},
    LOAM_FIELD_OWN("rtt_ms"),
};
const loam_section loam_section_origin = LOAM_SECTION("origin", origin_fields);

bool loam_country_offset(const char *country, double *hours)
{
    static const struct {
        char code[3];
        double hours;
    } one_zone[] = {
        {"AE", 4},   {"AT", 1}, {"BE", 1}, {"BG", 2}, {"CH", 1}, {"CN", 8}, {"CZ", 1}, {"DE", 1}, {"DK", 1},
        {"EG", 2},   {"FI", 2}, {"FR", 1}, {"GB", 0}, {"GR", 2}, {"HK", 8}, {"HU", 1}, {"IE", 0}, {"IL", 2},
        {"IN", 5.5}, {"IS", 0}, {"IT", 1}, {"JP", 9}, {"KE", 3}, {"KR", 9}, {"LU", 1}, {"MO", 8}, {"MY", 8},
        {"NG", 1},   {"NL", 1}, {"NO", 1}, {"PH", 8}, {"PK", 5}, {"PL", 1}, {"QA", 3}, {"RO", 2}, {"SA", 3},
        {"SE", 1},   {"SG", 8}, {"TH", 7}, {"TR", 3}, {"TW", 8}, {"VN", 7}, {"ZA", 2},
    };
    for (size_t i = 0; i < sizeof one_zone / sizeof *one_zone; i++)
        if (!strcmp(country, one_zone[i].code)) {
            *hours = one_zone[i].hours;
            return true;
        }
    return false;
}

static loam_status read_power_step(loam_reader *r, const loam_yaml_node *step, int from, void *arg)
{
    double *power_kw = arg;
    power_step p = {0};
    LOAM_TRY(loam_read_fields(r, step, &loam_section_power, &p));
    LOAM_TRY(loam_read_required(r, step, &loam_section_power, "mw"));
    for (int m = from; m < LOAM_FLEET_MAX_MONTHS; m++)
        power_kw[m] = p.mw * 1000;
    return LOAM_OK;
}

/* A constant, or steps; before the first there is none. */
static loam_status read_power(loam_reader *r, const loam_yaml_node *v, loam_region *region)
{
    double mw;
    if (v->kind == LOAM_YAML_LIST)
        return loam_read_steps(r, v, read_power_step, region->power_kw);
    LOAM_TRY(loam_read_number(r, v, 0, 100000, &mw));
    for (int m = 0; m < LOAM_FLEET_MAX_MONTHS; m++)
        region->power_kw[m] = mw * 1000;
    return LOAM_OK;
}

static bool is_vendor(const loam_reader *r, const char *name)
{
    for (size_t i = 0; i < r->s->n_chips; i++)
        if (!strcmp(r->s->chips[i].chip.vendor, name))
            return true;
    for (size_t i = 0; i < r->catalogue.n; i++)
        if (!strcmp(r->catalogue.chips[i].vendor, name))
            return true;
    return false;
}

static loam_status unknown_vendor(loam_reader *r, const loam_yaml_pair *p)
{
    const char **vendors;
    size_t n = 0;
    LOAM_TRY(loam_read_alloc(r, r->catalogue.n, sizeof *vendors, &vendors));
    for (size_t i = 0; i < r->catalogue.n; i++) {
        bool seen = false;
        for (size_t k = 0; k < n && !seen; k++)
            seen = !strcmp(vendors[k], r->catalogue.chips[i].vendor);
        if (!seen)
            vendors[n++] = r->catalogue.chips[i].vendor;
    }
    return loam_read_unknown(r, p->line, "vendor", p->key, vendors, n);
}

/* {Huawei: 0.4 CNY, Cambricon: 0.4 CNY} */
static loam_status read_tariffs(loam_reader *r, const loam_yaml_node *v, loam_region *region)
{
    if (v->kind != LOAM_YAML_MAP)
        LOAM_REFUSE(r, v->line, "tariffs: expected vendors and what a kWh costs for their chips: {Huawei: 0.056}");
    LOAM_TRY(loam_read_alloc(r, v->n, sizeof *region->tariffs, &region->tariffs));
    region->n_tariffs = v->n;
    for (size_t i = 0; i < v->n; i++) {
        const loam_yaml_pair *p = &v->pairs[i];
        if (!is_vendor(r, p->key))
            return unknown_vendor(r, p);
        region->tariffs[i].vendor = p->key;
        LOAM_TRY(loam_read_named(r, p->key, loam_read_usd(r, p->value, 0, 10, &region->tariffs[i].usd_per_kwh)));
    }
    return LOAM_OK;
}

static loam_status read_region(loam_reader *r, const loam_yaml_node *item, void *into)
{
    loam_region *region = into;
    *region = (loam_region){.line = item->line,
                            .owner = "self",
                            .pue = 1.25,
                            .usd_per_kwh = 0.09,
                            .colo_usd_per_kw_month = 150,
                            .carbon_kg_per_kwh = 0.45};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_region, region));
    LOAM_TRY(loam_read_required(r, item, &loam_section_region, "name"));
    LOAM_TRY(loam_read_required(r, item, &loam_section_region, "country"));
    LOAM_TRY(loam_read_required(r, item, &loam_section_region, "power_mw"));
    if (!loam_read_given(item, "utc_offset") && !loam_country_offset(region->country, &region->utc_offset_h))
        region->utc_offset_h = 0; /* nothing is computed from a region's clock */
    const loam_yaml_node *power = loam_read_given(item, "power_mw"), *tariffs = loam_read_given(item, "tariffs");
    LOAM_TRY(loam_read_named(r, "power_mw", read_power(r, power, region)));
    return tariffs ? read_tariffs(r, tariffs, region) : LOAM_OK;
}

loam_status loam_read_regions(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "regions", LOAM_FLEET_MAX_REGIONS, sizeof *s->regions, read_region, &s->n_regions,
                            &items));
    s->regions = items;
    if (!s->n_regions)
        LOAM_REFUSE(r, root->line, "there are no 'regions': where could a server stand?");
    return loam_read_unique(r, "region", s->regions, s->n_regions, sizeof *s->regions, offsetof(loam_region, name),
                            offsetof(loam_region, line));
}

/* A round trip to every region. */
static loam_status read_rtt(loam_reader *r, const loam_yaml_node *v, loam_origin *origin)
{
    const loam_scenario *s = r->s;
    const char *names[LOAM_FLEET_MAX_REGIONS];
    double *rtt;
    for (size_t i = 0; i < s->n_regions; i++)
        names[i] = s->regions[i].name;
    LOAM_TRY(loam_read_named(r, "rtt_ms", loam_yaml_known(r->name, v, names, s->n_regions, r->err)));
    LOAM_TRY(loam_read_alloc(r, s->n_regions, sizeof *rtt, &rtt));
    for (size_t i = 0; i < s->n_regions; i++) {
        const loam_yaml_node *ms = loam_read_given(v, names[i]);
        if (!ms)
            LOAM_REFUSE(r, v->line, "rtt_ms of origin '%s' does not say how far region '%s' is", origin->name,
                        names[i]);
        LOAM_TRY(loam_read_named(r, names[i], loam_read_number(r, ms, 0, 10000, &rtt[i])));
    }
    origin->rtt_ms = rtt;
    return LOAM_OK;
}

static loam_status read_origin(loam_reader *r, const loam_yaml_node *item, void *into)
{
    loam_origin *origin = into;
    origin->line = item->line;
    LOAM_TRY(loam_read_fields(r, item, &loam_section_origin, origin));
    LOAM_TRY(loam_read_required(r, item, &loam_section_origin, "name"));
    LOAM_TRY(loam_read_required(r, item, &loam_section_origin, "country"));
    if (!loam_read_given(item, "utc_offset") && !loam_country_offset(origin->country, &origin->utc_offset_h))
        LOAM_REFUSE(r, item->line, "origin '%s' does not say 'utc_offset' (hours), and %s has more than one time zone",
                    origin->name, origin->country);
    const loam_yaml_node *rtt = loam_read_given(item, "rtt_ms");
    return rtt ? read_rtt(r, rtt, origin) : LOAM_OK;
}

loam_status loam_read_origins(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "origins", LOAM_SCENARIO_MAX_ORIGINS, sizeof *s->origins, read_origin,
                            &s->n_origins, &items));
    s->origins = items;
    return loam_read_unique(r, "origin", s->origins, s->n_origins, sizeof *s->origins, offsetof(loam_origin, name),
                            offsetof(loam_origin, line));
}
