/* Which export rules count, how the future may differ, and where the scenario's figures are from. */
#include <string.h>
#include <strings.h>

#include "fleet/scenario_int.h"

static const loam_field rules_fields[] = {
    LOAM_FIELD_OWN("known_at"),      LOAM_FIELD_OWN("as_of"),
    LOAM_FIELD_OWN("extra"),         LOAM_FIELD_OWN("dropped"),
    LOAM_FIELD_OWN("worst_allowed"), LOAM_FIELD_IN(loam_scenario, case_probability, NUMBER, 0, 1),
};
const loam_section loam_section_rules = LOAM_SECTION("rules", rules_fields);

static const loam_field doubt_fields[] = {
    LOAM_FIELD_IN(loam_doubt, demand_sigma, NUMBER, 0, 3),
    LOAM_FIELD_IN(loam_doubt, demand_common, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_doubt, price_sigma, NUMBER, 0, 3),
    LOAM_FIELD_IN(loam_doubt, rent_sigma, NUMBER, 0, 3),
    LOAM_FIELD_IN(loam_doubt, power_sigma, NUMBER, 0, 3),
    LOAM_FIELD_IN(loam_doubt, perf_sigma, NUMBER, 0, 3),
    LOAM_FIELD_IN(loam_doubt, late_probability, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_doubt, late_months, COUNT, 0, 60),
    LOAM_FIELD_OWN("events"),
    LOAM_FIELD_IN(loam_doubt, samples, COUNT, 0, 100000),
    LOAM_FIELD_OWN("seed"),
};
const loam_section loam_section_doubt = LOAM_SECTION("doubt", doubt_fields);

typedef struct loam_rule_event rule_event;
static const loam_field event_fields[] = {
    LOAM_FIELD(rule_event, name, NAME),
    LOAM_FIELD_OWN("rule"),
    LOAM_FIELD_IN(rule_event, probability, NUMBER, 0, 1),
    LOAM_FIELD_OWN("from"),
    LOAM_FIELD_OWN("until"),
};
const loam_section loam_section_event = LOAM_SECTION("event", event_fields);

typedef struct loam_source source;
static const loam_field source_fields[] = {
    LOAM_FIELD(source, what, TEXT),
    LOAM_FIELD(source, value, TEXT),
    LOAM_FIELD(source, source, TEXT),
};
const loam_section loam_section_source = LOAM_SECTION("assumption", source_fields);

/* The id of a rule; with beginnings, also "R23" for all that begin so. */
static loam_status read_rule_id(loam_reader *r, const loam_yaml_node *v, bool beginnings, const char **out)
{
    size_t n, len;
    const loam_rule_info *rules = loam_rules_all(&n);
    const char **ids;
    LOAM_TRY(loam_read_text(r, v, out));
    LOAM_TRY(loam_read_alloc(r, n, sizeof *ids, &ids));
    len = strlen(*out);
    for (size_t i = 0; i < n; i++) {
        ids[i] = rules[i].id;
        if (!strcmp(ids[i], *out) || (beginnings && len && !strncmp(ids[i], *out, len)))
            return LOAM_OK;
    }
    return loam_read_unknown(r, v->line, "rule", *out, ids, n);
}

static loam_status read_rule_ids(loam_reader *r, const loam_yaml_node *map, const char *key, bool beginnings,
                                 const char *const **out, size_t *n)
{
    const loam_yaml_node *v = loam_read_given(map, key), *const *items = &v;
    const char **ids;
    if (!v)
        return LOAM_OK;
    *n = 1;
    if (v->kind == LOAM_YAML_LIST) {
        items = v->items;
        *n = v->n;
    }
    LOAM_TRY(loam_read_alloc(r, *n, sizeof *ids, &ids));
    for (size_t i = 0; i < *n; i++)
        LOAM_TRY(loam_read_named(r, key, read_rule_id(r, items[i], beginnings, &ids[i])));
    *out = ids;
    return LOAM_OK;
}

loam_status loam_read_rules(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    loam_rule_book *book = &s->rules;
    const char *verdicts[LOAM_VERDICT_COUNT];
    const loam_yaml_node *map = loam_read_given(root, "rules");
    s->worst_allowed = LOAM_VERDICT_NOTIFY;
    s->case_probability = 0.5;
    if (!map)
        return LOAM_OK;
    LOAM_TRY(loam_read_fields(r, map, &loam_section_rules, s));
    const loam_yaml_node *known_at = loam_read_given(map, "known_at"), *as_of = loam_read_given(map, "as_of"),
                         *worst = loam_read_given(map, "worst_allowed");
    if (known_at)
        LOAM_TRY(loam_read_named(r, "known_at", loam_read_day(r, known_at, &book->known_at)));
    if (as_of)
        LOAM_TRY(loam_read_named(r, "as_of", loam_read_day(r, as_of, &book->as_of)));
    LOAM_TRY(read_rule_ids(r, map, "extra", false, &book->extra, &book->n_extra));
    LOAM_TRY(read_rule_ids(r, map, "dropped", true, &book->dropped, &book->n_dropped));
    if (worst) {
        int k;
        for (int i = 0; i < LOAM_VERDICT_COUNT; i++)
            verdicts[i] = loam_verdict_name((loam_verdict)i);
        LOAM_TRY(loam_read_named(r, "worst_allowed",
                                 loam_yaml_choice(r->name, worst, verdicts, LOAM_VERDICT_COUNT, &k, r->err)));
        s->worst_allowed = (loam_verdict)k;
    }
    return LOAM_OK;
}

static loam_status read_event(loam_reader *r, const loam_yaml_node *item, void *into)
{
    rule_event *e = into;
    const loam_scenario *s = r->s;
    loam_day day;
    *e = (rule_event){.line = item->line, .probability = 0.5, .until = LOAM_FLEET_ALWAYS};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_event, e));
    LOAM_TRY(loam_read_required(r, item, &loam_section_event, "rule"));
    const loam_yaml_node *rule = loam_read_given(item, "rule"), *from = loam_read_given(item, "from"),
                         *until = loam_read_given(item, "until");
    LOAM_TRY(loam_read_named(r, "rule", read_rule_id(r, rule, false, &e->rule)));
    if (!e->name)
        e->name = e->rule;
    if (from) {
        LOAM_TRY(loam_read_named(r, "from", loam_read_day(r, from, &day)));
        e->from = loam_day_month(day) - s->start;
    }
    if (until) {
        LOAM_TRY(loam_read_named(r, "until", loam_read_day(r, until, &day)));
        e->until = loam_day_month(day - 1) + 1 - s->start;
    }
    if (e->until <= e->from)
        LOAM_REFUSE(r, item->line, "event '%s' ends before it begins: until %s, from %s", e->name, until->text,
                    from ? from->text : loam_show_month(s, 0).text);
    e->from = e->from < 0 ? 0 : e->from;
    return LOAM_OK;
}

loam_status loam_read_doubt(loam_reader *r, const loam_yaml_node *root)
{
    loam_doubt *d = &r->s->doubt;
    const loam_yaml_node *map = loam_read_given(root, "doubt");
    void *items = NULL;
    *d = (loam_doubt){.demand_sigma = 0.2,
                      .demand_common = 0.5,
                      .price_sigma = 0.1,
                      .rent_sigma = 0.2,
                      .power_sigma = 0.1,
                      .perf_sigma = 0.1,
                      .late_probability = 0.2,
                      .late_months = 2,
                      .samples = 200,
                      .seed = 1};
    if (!map)
        return LOAM_OK;
    LOAM_TRY(loam_read_fields(r, map, &loam_section_doubt, d));
    const loam_yaml_node *seed = loam_read_given(map, "seed");
    if (seed) {
        long n;
        LOAM_TRY(loam_read_named(r, "seed", loam_yaml_int(r->name, seed, 0, 1L << 52, &n, r->err)));
        d->seed = (unsigned long)n;
    }
    LOAM_TRY(
        loam_read_list(r, map, "events", LOAM_SCENARIO_MAX_ITEMS, sizeof *d->events, read_event, &d->n_events, &items));
    d->events = items;
    return LOAM_OK;
}

static loam_status read_source(loam_reader *r, const loam_yaml_node *item, void *into)
{
    source *out = into;
    *out = (source){"", "", ""};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_source, out));
    LOAM_TRY(loam_read_required(r, item, &loam_section_source, "what"));
    return loam_read_required(r, item, &loam_section_source, "source");
}

loam_status loam_read_sources(loam_reader *r, const loam_yaml_node *root)
{
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "assumptions", LOAM_SCENARIO_MAX_ITEMS, sizeof *r->s->sources, read_source,
                            &r->s->n_sources, &items));
    r->s->sources = items;
    return LOAM_OK;
}
