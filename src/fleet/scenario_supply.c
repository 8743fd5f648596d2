/* Where servers come from: supplies that sell, offers to rent, and what is there already. */
#include <string.h>

#include "fleet/scenario_int.h"

static const loam_field supply_fields[] = {
    LOAM_FIELD(loam_supply, name, NAME),
    LOAM_FIELD(loam_supply, chip, CHIP),
    LOAM_FIELD_IN(loam_supply, lead_months, COUNT, 0, 120),
    LOAM_FIELD(loam_supply, regions, REGIONS),
    LOAM_FIELD_OWN("per_quarter"),
    LOAM_FIELD_IN(loam_supply, price_factor, NUMBER, 0, 100),
    LOAM_FIELD_IN(loam_supply, pay_at_order, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_supply, min_order, COUNT, 0, 10000000),
};
const loam_section loam_section_supply = LOAM_SECTION("supply", supply_fields);

static const loam_field rent_fields[] = {
    LOAM_FIELD(loam_rent, name, NAME),
    LOAM_FIELD(loam_rent, provider, NAME),
    LOAM_FIELD(loam_rent, provider_hq, COUNTRY),
    LOAM_FIELD(loam_rent, region, REGION),
    LOAM_FIELD(loam_rent, chip, CHIP),
    LOAM_FIELD_IN(loam_rent, usd_per_chip_hour, USD, 0, 10000),
    LOAM_FIELD_IN(loam_rent, term_months, COUNT, 1, 120),
    LOAM_FIELD_IN(loam_rent, available, NUMBER, 0, 1e8),
    LOAM_FIELD(loam_rent, from, MONTH),
    LOAM_FIELD(loam_rent, until, MONTH),
    LOAM_FIELD(loam_rent, with_power, BOOL),
};
const loam_section loam_section_rent = LOAM_SECTION("rent", rent_fields);

static const loam_field owned_fields[] = {
    LOAM_FIELD_OWN("name"), /* so that a change can name it */
    LOAM_FIELD(loam_owned, region, REGION),
    LOAM_FIELD(loam_owned, chip, CHIP),
    LOAM_FIELD_IN(loam_owned, servers, COUNT, 0, 10000000),
    LOAM_FIELD(loam_owned, from, MONTH),
    LOAM_FIELD(loam_owned, until, MONTH),
};
const loam_section loam_section_owned = LOAM_SECTION("owned", owned_fields);

enum { QUARTERS = LOAM_FLEET_MAX_MONTHS / 3 };
static const double most_servers = 1e8;

/* A number for every quarter; the last one goes on. */
static loam_status read_per_quarter(loam_reader *r, const loam_yaml_node *v, loam_supply *supply)
{
    if (v->kind == LOAM_YAML_LIST && (v->n == 0 || v->n > QUARTERS))
        LOAM_REFUSE(r, v->line, "per_quarter: expected 1 to %d numbers, there are %zu", QUARTERS, v->n);
    for (size_t q = 0; q < QUARTERS; q++) {
        const loam_yaml_node *x = v->kind != LOAM_YAML_LIST ? v : v->items[q < v->n ? q : v->n - 1];
        LOAM_TRY(loam_read_named(r, "per_quarter (servers)",
                                 loam_read_number(r, x, 0, most_servers, &supply->per_quarter[q])));
    }
    return LOAM_OK;
}

/* Parts of the last two years are still rationed. */
static int default_lead(const loam_scenario *s, const loam_fleet_chip *c)
{
    return c->chip.year >= 1970 + s->start / 12 - 1 ? 6 : 3;
}

static loam_supply supply_of(const loam_scenario *s, int chip, int line)
{
    loam_supply supply = {.name = s->chips[chip].chip.name,
                          .line = line,
                          .chip = chip,
                          .price_factor = 1,
                          .pay_at_order = 0.3,
                          .lead_months = default_lead(s, &s->chips[chip])};
    for (int q = 0; q < QUARTERS; q++)
        supply.per_quarter[q] = -1;
    return supply;
}

static loam_status read_supply(loam_reader *r, const loam_yaml_node *item, void *into)
{
    loam_supply *supply = into;
    int chip;
    LOAM_TRY(loam_read_required(r, item, &loam_section_supply, "chip"));
    const loam_yaml_node *of = loam_read_given(item, "chip"), *per_quarter = loam_read_given(item, "per_quarter");
    LOAM_TRY(loam_read_named(r, "chip", loam_read_name(r, of, LOAM_NAME_CHIP, &chip)));
    *supply = supply_of(r->s, chip, item->line);
    LOAM_TRY(loam_read_fields(r, item, &loam_section_supply, supply));
    if (per_quarter)
        LOAM_TRY(read_per_quarter(r, per_quarter, supply));
    if (!(r->s->chips[chip].price_usd * supply->price_factor > 0))
        LOAM_REFUSE(r, item->line, "supply '%s' sells %s, whose price nobody knows: say its price_usd under chips",
                    supply->name, r->s->chips[chip].chip.name);
    return LOAM_OK;
}

/* Without the key, every chip with a price can be bought. */
static loam_status all_supplies(loam_reader *r, int line)
{
    loam_scenario *s = r->s;
    LOAM_TRY(loam_read_alloc(r, s->n_chips, sizeof *s->supplies, &s->supplies));
    for (size_t c = 0; c < s->n_chips; c++)
        if (s->chips[c].price_usd > 0)
            s->supplies[s->n_supplies++] = supply_of(s, (int)c, line);
    return LOAM_OK;
}

loam_status loam_read_supplies(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    if (!loam_read_given(root, "supplies"))
        return all_supplies(r, root->line);
    LOAM_TRY(loam_read_list(r, root, "supplies", LOAM_SCENARIO_MAX_ITEMS, sizeof *s->supplies, read_supply,
                            &s->n_supplies, &items));
    s->supplies = items;
    return loam_read_unique(r, "supply", s->supplies, s->n_supplies, sizeof *s->supplies, offsetof(loam_supply, name),
                            offsetof(loam_supply, line));
}

/* A window of months that lies at least partly in the plan. */
static loam_status check_window(loam_reader *r, int line, const char *what, const char *name, int from, int until)
{
    const loam_scenario *s = r->s;
    if (until <= from)
        LOAM_REFUSE(r, line, "%s '%s' ends before %s, but begins in %s", what, name, loam_show_month(s, until).text,
                    loam_show_month(s, from).text);
    if (from >= s->months)
        LOAM_REFUSE(r, line, "%s '%s' begins in %s, after the plan's last month (%s)", what, name,
                    loam_show_month(s, from).text, loam_show_month(s, s->months - 1).text);
    if (until <= 0)
        LOAM_REFUSE(r, line, "%s '%s' ends before %s, when the plan has not begun (%s)", what, name,
                    loam_show_month(s, until).text, loam_show_month(s, 0).text);
    return LOAM_OK;
}

static loam_status read_rent(loam_reader *r, const loam_yaml_node *item, void *into)
{
    static const char *const required[] = {"region", "chip", "usd_per_chip_hour"};
    loam_rent *rent = into;
    const loam_scenario *s = r->s;
    *rent = (loam_rent){.line = item->line, .term_months = 1, .available = -1, .until = s->months, .with_power = true};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_rent, rent));
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        LOAM_TRY(loam_read_required(r, item, &loam_section_rent, required[i]));
    if (!rent->provider)
        rent->provider = "a provider";
    if (!rent->provider_hq)
        rent->provider_hq = s->regions[rent->region].country;
    if (!rent->name)
        LOAM_TRY(loam_read_format(r, &rent->name, "%s in %s from %s", s->chips[rent->chip].chip.name,
                                  s->regions[rent->region].name, rent->provider));
    LOAM_TRY(check_window(r, item->line, "rent", rent->name, rent->from, rent->until));
    rent->from = rent->from < 0 ? 0 : rent->from;
    rent->until = rent->until > s->months ? s->months : rent->until;
    return LOAM_OK;
}

loam_status loam_read_rents(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    LOAM_TRY(
        loam_read_list(r, root, "rents", LOAM_SCENARIO_MAX_ITEMS, sizeof *s->rents, read_rent, &s->n_rents, &items));
    s->rents = items;
    return loam_read_unique(r, "rent", s->rents, s->n_rents, sizeof *s->rents, offsetof(loam_rent, name),
                            offsetof(loam_rent, line));
}

static loam_status read_owned(loam_reader *r, const loam_yaml_node *item, void *into)
{
    static const char *const required[] = {"region", "chip", "servers"};
    loam_owned *owned = into;
    *owned = (loam_owned){.line = item->line, .until = LOAM_FLEET_ALWAYS};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_owned, owned));
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        LOAM_TRY(loam_read_required(r, item, &loam_section_owned, required[i]));
    LOAM_TRY(check_window(r, item->line, "owned", r->s->chips[owned->chip].chip.name, owned->from, owned->until));
    owned->from = owned->from < 0 ? 0 : owned->from;
    return LOAM_OK;
}

loam_status loam_read_owned(loam_reader *r, const loam_yaml_node *root)
{
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "owned", LOAM_SCENARIO_MAX_ITEMS, sizeof *r->s->owned, read_owned, &r->s->n_owned,
                            &items));
    r->s->owned = items;
    return LOAM_OK;
}
