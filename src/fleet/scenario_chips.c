/* Chips of the scenario: those of the catalogue by name, with the scenario's own figures over the catalogue's. */
#include <string.h>
#include <strings.h>

#include "fleet/scenario_int.h"

#define CHIP(member, kind, min, max)                                                 \
    {                                                                                \
#member, LOAM_FIELD_##kind, offsetof(loam_fleet_chip, chip.member), min, max \
    }

static const loam_field chip_fields[] = {
    LOAM_FIELD_OWN("name"),
    LOAM_FIELD_OWN("like"),
    CHIP(vendor, NAME, 0, 0),
    CHIP(origin, COUNTRY, 0, 0),
    CHIP(year, COUNT, 2000, 2199),
    CHIP(bf16_tflops, NUMBER, 0, 1e6),
    CHIP(int8_tops, NUMBER, 0, 1e6),
    CHIP(fp8_tflops, NUMBER, 0, 1e6),
    CHIP(fp4_tflops, NUMBER, 0, 1e6),
    CHIP(mem_gb, NUMBER, 0.1, 1e5),
    CHIP(mem_gbps, NUMBER, 1, 1e6),
    CHIP(link_gbps, NUMBER, 0, 1e6),
    CHIP(tdp_w, NUMBER, 1, 1e5),
    CHIP(server_kw, NUMBER, 0.01, 1e4),
    CHIP(die_mm2, NUMBER, 0, 1e5),
    CHIP(tpp, NUMBER, 0, 1e7),
    CHIP(pd, NUMBER, 0, 1e4),
    CHIP(per_server, COUNT, 1, 1024),
    CHIP(link_domain, COUNT, 1, 1024),
    CHIP(datacentre, BOOL, 0, 0),
    CHIP(us_sold, BOOL, 0, 0),
    CHIP(source, TEXT, 0, 0),
    CHIP(certainty, TEXT, 0, 0),
    LOAM_FIELD_IN(loam_fleet_chip, price_usd, USD, 0, 1e8),
    LOAM_FIELD_IN(loam_fleet_chip, server_share, NUMBER, 0, 10),
    LOAM_FIELD_IN(loam_fleet_chip, network_share, NUMBER, 0, 10),
    LOAM_FIELD_IN(loam_fleet_chip, install_share, NUMBER, 0, 10),
    LOAM_FIELD_IN(loam_fleet_chip, spare_share, NUMBER, 0, 0.9),
    LOAM_FIELD_IN(loam_fleet_chip, prefill, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_fleet_chip, decode, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_fleet_chip, bandwidth, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_fleet_chip, overhead_s, NUMBER, 0, 10),
    LOAM_FIELD_IN(loam_fleet_chip, scale, NUMBER, 0.01, 100),
    LOAM_FIELD_IN(loam_fleet_chip, mfu, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_fleet_chip, yearly_failures, NUMBER, 0, 100),
};
const loam_section loam_section_chip = LOAM_SECTION("chip", chip_fields);

static bool given(const loam_yaml_node *item, const char *key)
{
    return loam_read_given(item, key) != NULL;
}

/* The figures of the export rules and the server's power follow the figures that the scenario changed. */
static void derive(const loam_yaml_node *item, loam_chip *c)
{
    static const char *const peaks[] = {"bf16_tflops", "int8_tops", "fp8_tflops", "fp4_tflops"};
    bool other_peak = false;
    for (size_t i = 0; i < sizeof peaks / sizeof *peaks; i++)
        other_peak |= given(item, peaks[i]);
    if (other_peak && !given(item, "tpp")) { /* TOPS × bits, the largest counts */
        const double by_bits[] = {c->bf16_tflops * 16, c->int8_tops * 8, c->fp8_tflops * 8, c->fp4_tflops * 4};
        c->tpp = 0;
        for (size_t i = 0; i < sizeof by_bits / sizeof *by_bits; i++)
            if (by_bits[i] > c->tpp)
                c->tpp = by_bits[i];
    }
    if ((other_peak || given(item, "tpp") || given(item, "die_mm2")) && !given(item, "pd"))
        c->pd = c->die_mm2 > 0 ? c->tpp / c->die_mm2 : 0;
    if ((given(item, "tdp_w") || given(item, "per_server")) && !given(item, "server_kw"))
        c->server_kw = c->tdp_w * c->per_server * 1.8 / 1000;
    if (c->link_domain > c->per_server && !given(item, "link_domain") && given(item, "per_server"))
        c->link_domain = c->per_server;
}

static loam_fleet_chip with_defaults(const loam_chip *chip, int line)
{
    bool both = chip->price_low > 0 && chip->price_high > 0;
    return (loam_fleet_chip){.chip = *chip,
                             .line = line,
                             .price_usd = (chip->price_low + chip->price_high) / (both ? 2 : 1),
                             .server_share = 0.25,
                             .network_share = 0.12,
                             .install_share = 0.03,
                             .spare_share = 0.03,
                             .scale = 1,
                             .yearly_failures = 0.17};
}

/* What a chip must have for a plan; the catalogue has chips of which only the rules' figures are known. */
static const char *missing_figure(const loam_chip *c)
{
    return c->bf16_tflops <= 0 ? "bf16_tflops"
           : c->mem_gb <= 0    ? "mem_gb"
           : c->mem_gbps <= 0  ? "mem_gbps"
           : c->server_kw <= 0 ? "tdp_w"
                               : NULL;
}

static loam_status check_chip(loam_reader *r, const loam_fleet_chip *c)
{
    const char *missing = missing_figure(&c->chip);
    if (missing)
        LOAM_REFUSE(r, c->line, "nobody knows the %s of chip '%s': say it, as {name: %s, %s: ...}", missing,
                    c->chip.name, c->chip.name, missing);
    if (c->chip.link_domain > c->chip.per_server)
        LOAM_REFUSE(r, c->line, "chip '%s': its link_domain of %d chips is larger than a server of %d (per_server)",
                    c->chip.name, c->chip.link_domain, c->chip.per_server);
    return LOAM_OK;
}

/* Just a name of the catalogue, or a map with a name and figures; `like` makes a chip of one's own from another. */
static loam_status read_chip(loam_reader *r, const loam_yaml_node *item, void *into)
{
    loam_fleet_chip *c = into;
    int known;
    if (item->kind == LOAM_YAML_TEXT) {
        LOAM_TRY(loam_read_name(r, item, LOAM_NAME_CATALOGUE, &known));
        *c = with_defaults(&r->catalogue.chips[known], item->line);
        return check_chip(r, c);
    }
    const loam_yaml_node *name = loam_read_given(item, "name"), *like = loam_read_given(item, "like");
    if (item->kind == LOAM_YAML_MAP)
        LOAM_TRY(loam_read_required(r, item, &loam_section_chip, "name"));
    if (name) {
        const loam_yaml_node *v = like ? like : name;
        LOAM_TRY(loam_read_named(r, like ? "like" : "name", loam_read_name(r, v, LOAM_NAME_CATALOGUE, &known)));
        *c = with_defaults(&r->catalogue.chips[known], item->line);
    }
    LOAM_TRY(loam_read_fields(r, item, &loam_section_chip, c));
    if (like) {
        LOAM_TRY(loam_read_named(r, "name", loam_read_text(r, name, &c->chip.name)));
        if (!*c->chip.name || strlen(c->chip.name) > 100 || strpbrk(c->chip.name, "\r\n\t"))
            LOAM_REFUSE(r, name->line, "a chip's name has 1 to 100 bytes on one line");
    }
    derive(item, &c->chip);
    return check_chip(r, c);
}

/* Every chip of which enough is known. */
static loam_status whole_catalogue(loam_reader *r, int line)
{
    loam_scenario *s = r->s;
    if (r->catalogue.n > LOAM_FLEET_MAX_CHIPS)
        LOAM_REFUSE(r, line, "the catalogue has %zu chips, a scenario at most %d: list the 'chips' that matter",
                    r->catalogue.n, LOAM_FLEET_MAX_CHIPS);
    LOAM_TRY(loam_read_alloc(r, r->catalogue.n, sizeof *s->chips, &s->chips));
    for (size_t i = 0; i < r->catalogue.n; i++)
        if (!missing_figure(&r->catalogue.chips[i]))
            s->chips[s->n_chips++] = with_defaults(&r->catalogue.chips[i], line);
    return LOAM_OK;
}

loam_status loam_read_chips(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    if (!loam_read_given(root, "chips"))
        return whole_catalogue(r, root->line);
    LOAM_TRY(loam_read_list(r, root, "chips", LOAM_FLEET_MAX_CHIPS, sizeof *s->chips, read_chip, &s->n_chips, &items));
    s->chips = items;
    if (!s->n_chips)
        LOAM_REFUSE(r, root->line, "'chips' is empty: leave it out to take the whole catalogue");
    return loam_read_unique(r, "chip", s->chips, s->n_chips, sizeof *s->chips, offsetof(loam_fleet_chip, chip.name),
                            offsetof(loam_fleet_chip, line));
}
