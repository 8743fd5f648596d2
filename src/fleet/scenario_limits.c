/* Budgets and share rules. */
#include <string.h>

#include "fleet/scenario_int.h"

/* A budget as it is written: with `each` it becomes one for every month, quarter or year of its time. */
typedef struct budget_item {
    loam_budget budget;
    int each; /* months; 0: one budget */
} budget_item;

static const loam_field budget_fields[] = {
    LOAM_FIELD(loam_budget, name, NAME),
    LOAM_FIELD_IN(loam_budget, usd, USD, 0, 1e15),
    LOAM_FIELD(loam_budget, regions, REGIONS),
    LOAM_FIELD(loam_budget, chips, CHIPS),
    LOAM_FIELD_OWN("spend"),
    LOAM_FIELD(loam_budget, from, MONTH),
    LOAM_FIELD(loam_budget, until, MONTH),
    LOAM_FIELD_OWN("each"),
};
const loam_section loam_section_budget = LOAM_SECTION("budget", budget_fields);

static const loam_field share_fields[] = {
    LOAM_FIELD(loam_share, name, NAME),           LOAM_FIELD(loam_share, regions, REGIONS),
    LOAM_FIELD(loam_share, group, CHIPS),         LOAM_FIELD_OWN("measure"),
    LOAM_FIELD_IN(loam_share, min, NUMBER, 0, 1), LOAM_FIELD_IN(loam_share, max, NUMBER, 0, 1),
    LOAM_FIELD(loam_share, each_period, BOOL),
};
const loam_section loam_section_share = LOAM_SECTION("share", share_fields);

/* "all", "rent", or a list of kinds. */
static loam_status read_spend(loam_reader *r, const loam_yaml_node *v, int *out)
{
    static const char *const words[] = {"capex", "rent", "running", "all"};
    static const int bits[] = {LOAM_SPEND_CAPEX, LOAM_SPEND_RENT, LOAM_SPEND_RUNNING, LOAM_SPEND_ALL};
    size_t n = v->kind == LOAM_YAML_LIST ? v->n : 1;
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        int k;
        LOAM_TRY(loam_yaml_choice(r->name, v->kind == LOAM_YAML_LIST ? v->items[i] : v, words, 4, &k, r->err));
        *out |= bits[k];
    }
    if (!*out)
        LOAM_REFUSE(r, v->line, "expected capex, rent, running or all");
    return LOAM_OK;
}

static loam_status check_budget(loam_reader *r, const budget_item *item)
{
    const loam_scenario *s = r->s;
    const loam_budget *b = &item->budget;
    if (b->until <= b->from)
        LOAM_REFUSE(r, b->line, "budget '%s' ends before %s, but begins in %s", b->name,
                    loam_show_month(s, b->until).text, loam_show_month(s, b->from).text);
    if (b->from < 0)
        LOAM_REFUSE(r, b->line, "budget '%s' begins in %s, before the plan does (%s): what is spent by then is not its",
                    b->name, loam_show_month(s, b->from).text, loam_show_month(s, 0).text);
    if (b->until > s->months)
        LOAM_REFUSE(r, b->line, "budget '%s' lasts until %s, but the plan ends before %s: make one of them fit",
                    b->name, loam_show_month(s, b->until).text, loam_show_month(s, s->months).text);
    if (item->each && (b->until - b->from) % item->each)
        LOAM_REFUSE(r, b->line, "budget '%s' is for every %d months, which do not divide its %d months", b->name,
                    item->each, b->until - b->from);
    return LOAM_OK;
}

static loam_status read_budget(loam_reader *r, const loam_yaml_node *item, void *into)
{
    static const char *const periods[] = {"month", "quarter", "year"};
    static const int months[] = {1, 3, 12};
    budget_item *out = into;
    loam_budget *b = &out->budget;
    const loam_yaml_node *spend = loam_read_given(item, "spend"), *each = loam_read_given(item, "each");
    *b = (loam_budget){.line = item->line, .spend = LOAM_SPEND_ALL, .until = r->s->months};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_budget, b));
    LOAM_TRY(loam_read_required(r, item, &loam_section_budget, "name"));
    LOAM_TRY(loam_read_required(r, item, &loam_section_budget, "usd"));
    if (spend)
        LOAM_TRY(loam_read_named(r, "spend", read_spend(r, spend, &b->spend)));
    if (each) {
        int k;
        LOAM_TRY(loam_read_named(r, "each", loam_yaml_choice(r->name, each, periods, 3, &k, r->err)));
        out->each = months[k];
    }
    return check_budget(r, out);
}

loam_status loam_read_budgets(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    size_t n_items, n = 0;
    LOAM_TRY(loam_read_list(r, root, "budgets", LOAM_SCENARIO_MAX_ITEMS, sizeof(budget_item), read_budget, &n_items,
                            &items));
    const budget_item *item = items;
    for (size_t i = 0; i < n_items; i++)
        n += item[i].each ? (size_t)((item[i].budget.until - item[i].budget.from) / item[i].each) : 1;
    LOAM_TRY(loam_read_alloc(r, n, sizeof *s->budgets, &s->budgets));
    for (size_t i = 0; i < n_items; i++) {
        loam_budget b = item[i].budget;
        int end = b.until, step = item[i].each ? item[i].each : end - b.from;
        for (; b.from < end; b.from += step) {
            b.until = b.from + step;
            if (item[i].each)
                LOAM_TRY(loam_read_format(r, &b.name, "%s %s", item[i].budget.name, loam_show_month(s, b.from).text));
            s->budgets[s->n_budgets++] = b;
        }
    }
    return loam_read_unique(r, "budget", s->budgets, s->n_budgets, sizeof *s->budgets, offsetof(loam_budget, name),
                            offsetof(loam_budget, line));
}

static loam_status read_share(loam_reader *r, const loam_yaml_node *item, void *into)
{
    static const char *const measures[] = {"spend", "units", "tpp", "power"};
    loam_share *share = into;
    int measure;
    *share = (loam_share){.line = item->line, .max = 1};
    LOAM_TRY(loam_read_fields(r, item, &loam_section_share, share));
    LOAM_TRY(loam_read_required(r, item, &loam_section_share, "name"));
    LOAM_TRY(loam_read_required(r, item, &loam_section_share, "group"));
    const loam_yaml_node *v = loam_read_given(item, "measure");
    if (!v)
        LOAM_REFUSE(r, item->line, "share '%s' does not say its 'measure': a share of spend, units, tpp or power?",
                    share->name);
    LOAM_TRY(loam_read_named(r, "measure", loam_yaml_choice(r->name, v, measures, 4, &measure, r->err)));
    share->measure = (loam_measure)measure;
    if (!loam_read_given(item, "min") && !loam_read_given(item, "max"))
        LOAM_REFUSE(r, item->line, "share '%s' says neither 'min' nor 'max'", share->name);
    if (share->min > share->max)
        LOAM_REFUSE(r, item->line, "share '%s': its min of %g is over its max of %g", share->name, share->min,
                    share->max);
    return LOAM_OK;
}

loam_status loam_read_shares(loam_reader *r, const loam_yaml_node *root)
{
    loam_scenario *s = r->s;
    void *items = NULL;
    LOAM_TRY(loam_read_list(r, root, "shares", LOAM_SCENARIO_MAX_ITEMS, sizeof *s->shares, read_share, &s->n_shares,
                            &items));
    s->shares = items;
    return loam_read_unique(r, "share", s->shares, s->n_shares, sizeof *s->shares, offsetof(loam_share, name),
                            offsetof(loam_share, line));
}
