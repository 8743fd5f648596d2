/* From YAML to a scenario: the tree, the changes, then the sections in the order in which they need each other, then
 * the questions about the whole. */
#include "fleet/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "fleet/scenario_int.h"

enum { MAX_TEXT_BYTES = 1 << 20, MAX_CATALOGUE_BYTES = 1 << 20, MAX_ARENA_BYTES = 64 << 20 };

static const loam_field top_fields[] = {
    LOAM_FIELD(loam_scenario, name, NAME),
    LOAM_FIELD(loam_scenario, title, TEXT),
    LOAM_FIELD(loam_scenario, note, TEXT),
    {"headquarters", LOAM_FIELD_COUNTRY, offsetof(loam_scenario, hq), 0, 0},
    LOAM_FIELD_OWN("goal"),
    LOAM_FIELD_OWN("start"),
    LOAM_FIELD_IN(loam_scenario, months, COUNT, 1, LOAM_FLEET_MAX_MONTHS),
    LOAM_FIELD_IN(loam_scenario, order_every, COUNT, 1, LOAM_FLEET_MAX_MONTHS),
    LOAM_FIELD_IN(loam_scenario, blocks, COUNT, 1, LOAM_FLEET_MAX_BLOCKS),
    LOAM_FIELD_OWN("currency"),
    LOAM_FIELD_IN(loam_scenario, discount, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_scenario, life_months, COUNT, 1, 240),
    LOAM_FIELD_IN(loam_scenario, residual, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_scenario, opex_share, NUMBER, 0, 1),
    LOAM_FIELD_IN(loam_scenario, max_chip_types, COUNT, 0, LOAM_FLEET_MAX_CHIPS),
    LOAM_FIELD_OWN("rules"),
    LOAM_FIELD_OWN("catalogue"),
    LOAM_FIELD_OWN("regions"),
    LOAM_FIELD_OWN("origins"),
    LOAM_FIELD_OWN("models"),
    LOAM_FIELD_OWN("services"),
    LOAM_FIELD_OWN("trainings"),
    LOAM_FIELD_OWN("chips"),
    LOAM_FIELD_OWN("supplies"),
    LOAM_FIELD_OWN("rents"),
    LOAM_FIELD_OWN("owned"),
    LOAM_FIELD_OWN("budgets"),
    LOAM_FIELD_OWN("shares"),
    LOAM_FIELD_OWN("data_rules"),
    LOAM_FIELD_OWN("doubt"),
    LOAM_FIELD_OWN("assumptions"),
};
const loam_section loam_section_top = LOAM_SECTION("scenario", top_fields);

const loam_section *const loam_sections[] = {
    &loam_section_top,       &loam_section_rules,   &loam_section_region, &loam_section_power,    &loam_section_origin,
    &loam_section_model,     &loam_section_service, &loam_section_demand, &loam_section_training, &loam_section_chip,
    &loam_section_supply,    &loam_section_rent,    &loam_section_owned,  &loam_section_budget,   &loam_section_share,
    &loam_section_data_rule, &loam_section_doubt,   &loam_section_event,  &loam_section_source,   NULL};

/* {CNY: 7.27}: so many of them make a dollar. */
static loam_status read_currencies(loam_reader *r, const loam_yaml_node *root)
{
    const loam_yaml_node *map = loam_read_given(root, "currency");
    loam_currency *currencies;
    if (!map)
        return LOAM_OK;
    if (map->kind != LOAM_YAML_MAP)
        LOAM_REFUSE(r, map->line, "currency: expected how many of each make a dollar, like {CNY: 7.27}");
    LOAM_TRY(loam_read_alloc(r, map->n, sizeof *currencies, &currencies));
    for (size_t i = 0; i < map->n; i++) {
        const loam_yaml_pair *p = &map->pairs[i];
        if (strlen(p->key) != 3 || strspn(p->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3 || !strcmp(p->key, "USD"))
            LOAM_REFUSE(r, p->line, "currency: expected three capitals other than USD, this is '%s'",
                        loam_show_text(p->key).text);
        currencies[i].code = p->key;
        LOAM_TRY(loam_read_named(r, p->key, loam_read_number(r, p->value, 1e-6, 1e9, &currencies[i].per_usd)));
    }
    r->currencies = currencies;
    r->n_currencies = map->n;
    return LOAM_OK;
}

/* How the plan's time is cut. */
static loam_status check_time(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    if (!loam_read_given(root, "order_every"))
        s->order_every = s->months % 3 ? 1 : 3;
    if (s->months % s->order_every)
        LOAM_REFUSE(r, loam_read_given(root, "order_every")->line,
                    "order_every: %d months do not divide the plan's %d months", s->order_every, s->months);
    if (LOAM_SCENARIO_HOURS % s->blocks)
        LOAM_REFUSE(r, loam_read_given(root, "blocks")->line, "blocks: the 24 hours cannot be cut into %d equal blocks",
                    s->blocks);
    return LOAM_OK;
}

loam_status loam_read_top(loam_reader *r, const loam_yaml_node *root)
{
    static const char *const goals[] = {"serve-all", "most-served"};
    loam_scenario *s = r->s;
    const loam_yaml_node *goal = loam_read_given(root, "goal"), *start = loam_read_given(root, "start");
    s->title = s->note = "";
    s->months = 12;
    s->blocks = 4;
    s->discount = 0.1;
    s->life_months = 60;
    s->opex_share = 0.04;
    LOAM_TRY(loam_read_fields(r, root, &loam_section_top, s));
    LOAM_TRY(loam_read_required(r, root, &loam_section_top, "name"));
    LOAM_TRY(loam_read_required(r, root, &loam_section_top, "headquarters"));
    LOAM_TRY(loam_read_required(r, root, &loam_section_top, "start"));
    LOAM_TRY(loam_read_named(r, "start", loam_read_month(r, start, &s->start))); /* start is still 0 */
    if (s->start < 360 || s->start > 2700)
        LOAM_REFUSE(r, start->line, "start: expected a month from 2000-01 to 2194-12, this is %s", start->text);
    if (goal) {
        int k;
        LOAM_TRY(loam_read_named(r, "goal", loam_yaml_choice(r->name, goal, goals, 2, &k, r->err)));
        s->goal = (loam_goal)k;
    }
    LOAM_TRY(check_time(r, root));
    return read_currencies(r, root);
}

/* The catalogue beside the scenario's file, or the built-in one. */
static loam_status read_catalogue(loam_reader *r, const loam_yaml_node *root)
{
    const loam_yaml_node *v = loam_read_given(root, "catalogue");
    const char *file, *path, *slash = strrchr(r->name, '/');
    char *text;
    size_t len;
    if (!v)
        return loam_chips_builtin(r->arena, &r->catalogue, r->err);
    LOAM_TRY(loam_read_named(r, "catalogue", loam_read_text(r, v, &file)));
    if (!*file || strchr(file, '/'))
        LOAM_REFUSE(r, v->line, "catalogue: expected the name of a CSV file beside the scenario, without a folder");
    LOAM_TRY(loam_read_format(r, &path, "%.*s%s", slash ? (int)(slash - r->name) + 1 : 0, r->name, file));
    loam_status status = loam_file_read(path, MAX_CATALOGUE_BYTES, &text, &len, r->err);
    if (status == LOAM_OK) {
        status = loam_chips_parse(path, text, len, r->arena, &r->catalogue, r->err);
        free(text);
    }
    if (status != LOAM_OK)
        loam_err_prefix(r->err, "%s:%d: catalogue", r->name, v->line);
    return status;
}

static loam_status read_sections(loam_reader *r, const loam_yaml_node *root)
{
    static loam_status (*const sections[])(loam_reader *, const loam_yaml_node *) = {
        loam_read_top,     read_catalogue,   loam_read_rules,    loam_read_chips,     loam_read_regions,
        loam_read_origins, loam_read_models, loam_read_services, loam_read_trainings, loam_read_supplies,
        loam_read_rents,   loam_read_owned,  loam_read_budgets,  loam_read_shares,    loam_read_data_rules,
        loam_read_doubt,   loam_read_sources};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        LOAM_TRY(sections[i](r, root));
    return loam_scenario_check(r);
}

static loam_status parse(loam_reader *r, const char *text, size_t len, const loam_change *changes, size_t n_changes)
{
    const loam_yaml_node *root;
    LOAM_TRY(loam_yaml_parse(r->name, text, len, MAX_TEXT_BYTES, r->arena, &root, r->err));
    if (root->kind != LOAM_YAML_MAP)
        LOAM_REFUSE(r, root->line, "a scenario is a map that begins with name, headquarters and start");
    for (size_t i = 0; i < n_changes; i++)
        LOAM_TRY(loam_scenario_change_tree(r, root, &changes[i], &root));
    loam_status status = read_sections(r, root);
    if (status != LOAM_OK && n_changes == 1)
        loam_err_prefix(r->err, "with %s=%s", loam_show_text(changes[0].path).text,
                        loam_show_text(changes[0].value).text);
    else if (status != LOAM_OK && n_changes)
        loam_err_prefix(r->err, "with %s=%s and %zu more", loam_show_text(changes[0].path).text,
                        loam_show_text(changes[0].value).text, n_changes - 1);
    return status;
}

loam_status loam_scenario_parse(const char *path, const char *text, size_t len, const loam_change *changes,
                                size_t n_changes, loam_scenario **out, loam_err *err)
{
    loam_err unseen = LOAM_ERR_INIT;
    *out = NULL;
    loam_arena *arena = loam_arena_new(MAX_ARENA_BYTES);
    loam_scenario *s = arena ? loam_arena_alloc(arena, sizeof *s) : NULL;
    const char *name = arena ? loam_arena_strndup(arena, path, strlen(path)) : NULL;
    if (!s || !name) {
        loam_arena_free(arena);
        LOAM_FAIL(err, NO_MEMORY, "%s: no memory for a scenario", path);
    }
    s->arena = arena;
    s->path = name;
    loam_reader r = {.name = name, .arena = arena, .err = err ? err : &unseen, .s = s};
    loam_status status = parse(&r, text, len, changes, n_changes);
    if (status != LOAM_OK) {
        loam_arena_free(arena);
        return status;
    }
    *out = s;
    return LOAM_OK;
}

loam_status loam_scenario_open(const char *path, const loam_change *changes, size_t n_changes, loam_scenario **out,
                               loam_err *err)
{
    char *text;
    size_t len;
    *out = NULL;
    LOAM_TRY(loam_file_read(path, MAX_TEXT_BYTES, &text, &len, err));
    loam_status status = loam_scenario_parse(path, text, len, changes, n_changes, out, err);
    free(text);
    return status;
}

void loam_scenario_free(loam_scenario *s)
{
    if (s)
        loam_arena_free(s->arena);
}
