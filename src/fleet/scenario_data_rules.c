/* Whose requests may be served where, from when. */
#include <string.h>

#include "fleet/scenario_int.h"

/* A rule as it is written: "allow: same-country" becomes one for every origin. */
typedef struct rule_item {
    loam_data_rule rule;
    bool same_country;
} rule_item;

static const loam_field data_rule_fields[] = {
    LOAM_FIELD(loam_data_rule, name, NAME),
    LOAM_FIELD(loam_data_rule, services, SERVICES),
    LOAM_FIELD(loam_data_rule, origins, ORIGINS),
    LOAM_FIELD(loam_data_rule, trainings, TRAININGS),
    LOAM_FIELD_OWN("allow"),
    LOAM_FIELD_OWN("deny"),
    LOAM_FIELD_OWN("from"),
    LOAM_FIELD_OWN("until"),
};
const loam_section loam_section_data_rule = LOAM_SECTION("data rule", data_rule_fields);

static loam_status read_where(loam_reader *r, const loam_yaml_node *item, rule_item *out)
{
    const loam_yaml_node *allow = loam_read_given(item, "allow"), *deny = loam_read_given(item, "deny");
    if (!allow == !deny)
        LOAM_REFUSE(r, item->line, "data rule '%s' must say either 'allow' or 'deny', with regions", out->rule.name);
    const loam_yaml_node *v = allow ? allow : deny;
    out->rule.allow = allow != NULL;
    out->same_country = allow && allow->kind == LOAM_YAML_TEXT && !strcmp(allow->text, "same-country");
    if (out->same_country && out->rule.trainings)
        LOAM_REFUSE(r, v->line, "data rule '%s': a training run has no country: name the regions", out->rule.name);
    if (out->same_country)
        return LOAM_OK;
    return loam_read_named(r, allow ? "allow" : "deny", loam_read_set(r, v, LOAM_NAME_REGION, &out->rule.regions));
}

/* Days become months so that the rule holds in every month of which it holds for a day. */
static loam_status read_when(loam_reader *r, const loam_yaml_node *item, loam_data_rule *rule)
{
    const loam_scenario *s = r->s;
    const loam_yaml_node *from = loam_read_given(item, "from"), *until = loam_read_given(item, "until");
    loam_day first = 0, end = 0;
    if (from) {
        LOAM_TRY(loam_read_named(r, "from", loam_read_day(r, from, &first)));
        rule->from = loam_day_month(first) - s->start;
    }
    if (until) {
        LOAM_TRY(loam_read_named(r, "until", loam_read_day(r, until, &end)));
        rule->until = loam_day_month(end - 1) + 1 - s->start;
    }
    if (from && until && end <= first)
        LOAM_REFUSE(r, item->line, "data rule '%s' ends before it begins: until %s, from %s", rule->name, until->text,
                    from->text);
    rule->from = rule->from < 0 ? 0 : rule->from;
    return LOAM_OK;
}

static loam_status read_data_rule(loam_reader *r, const loam_yaml_node *item, void *into)
{
    rule_item *out = into;
    loam_data_rule *rule = &out->rule;
    *rule = (loam_data_rule){.line = item->line, .until = LOAM_FLEET_ALWAYS};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_data_rule, rule));
    LOAM_TRY(loam_read_required(r, item, &loam_section_data_rule, "name"));
    /* A rule that names only training runs does not bind what users ask. */
    if (rule->trainings && !rule->services && !rule->origins) {
        bool *none;
        LOAM_TRY(loam_read_alloc(r, r->s->n_services, sizeof *none, &none));
        rule->services = none;
    }
    LOAM_TRY(read_where(r, item, out));
    return read_when(r, item, rule);
}

/* The rule of one origin: its country's regions. */
static loam_status in_own_country(loam_reader *r, const loam_data_rule *rule, size_t origin, loam_data_rule *out)
{
    const loam_scenario *s = r->s;
    bool *regions, *origins, any = false;
    LOAM_TRY(loam_read_alloc(r, s->n_regions, sizeof *regions, &regions));
    LOAM_TRY(loam_read_alloc(r, s->n_origins, sizeof *origins, &origins));
    origins[origin] = true;
    for (size_t i = 0; i < s->n_regions; i++)
        any |= regions[i] = !strcmp(s->regions[i].country, s->origins[origin].country);
    if (!any)
        LOAM_REFUSE(r, rule->line, "data rule '%s': nobody could serve origin '%s', there is no region in %s",
                    rule->name, s->origins[origin].name, s->origins[origin].country);
    *out = *rule;
    out->regions = regions;
    out->origins = origins;
    return loam_read_format(r, &out->name, "%s (%s)", rule->name, s->origins[origin].name);
}

loam_status loam_read_data_rules(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    size_t n_items, n = 0;
    LOAM_TRY(loam_read_list(r, root, "data_rules", LOAM_SCENARIO_MAX_ITEMS, sizeof(rule_item), read_data_rule, &n_items,
                            &items));
    const rule_item *item = items;
    for (size_t i = 0; i < n_items; i++)
        n += item[i].same_country ? s->n_origins : 1;
    LOAM_TRY(loam_read_alloc(r, n, sizeof *s->data_rules, &s->data_rules));
    for (size_t i = 0; i < n_items; i++) {
        const loam_data_rule *rule = &item[i].rule;
        if (!item[i].same_country) {
            s->data_rules[s->n_data_rules++] = *rule;
            continue;
        }
        for (size_t o = 0; o < s->n_origins; o++)
            if (!rule->origins || rule->origins[o])
                LOAM_TRY(in_own_country(r, rule, o, &s->data_rules[s->n_data_rules++]));
    }
    return loam_read_unique(r, "data rule", s->data_rules, s->n_data_rules, sizeof *s->data_rules,
                            offsetof(loam_data_rule, name), offsetof(loam_data_rule, line));
}
