/* A plan as JSON, "loam-plan-1": every number with 17 digits, so that whoever reads it back (loam_plan_check) computes
 * with the very same doubles; names in place of indices, so that it can be read without the scenario. Keys keep their
 * order. Months count from 0 at the scenario's start. */
#include <math.h>
#include <string.h>

#include "fleet/doubt.h"
#include "fleet/plan_table.h"
#include "format/json.h"

static void put_text(const char *text, loam_buf *out)
{
    if (text)
        loam_json_format_str(text, strlen(text), out);
    else
        loam_buf_str(out, "null");
}

/* JSON knows neither infinities nor NaN: both are null. */
static void put_number(loam_buf *out, double x)
{
    if (isfinite(x))
        loam_buf_printf(out, "%.17g", x);
    else
        loam_buf_str(out, "null");
}

/* One row a line: long plans stay readable in an editor and in a diff. */
static void put_table(const loam_scenario *s, const loam_plan *p, const loam_plan_table *table, loam_buf *out)
{
    _Alignas(16) char row[LOAM_PLAN_ROW_BYTES];
    loam_buf_printf(out, ",\n\"%s\":[", table->name);
    bool first = true;
    for (size_t i = 0; loam_plan_row(s, p, table, &i, row); i++) {
        loam_buf_str(out, first ? "\n{" : ",\n{");
        first = false;
        for (const loam_column *c = table->columns; c->name; c++) {
            loam_buf_printf(out, "%s\"%s\":", c == table->columns ? "" : ",", c->name);
            loam_column_write(s, c, row, put_text, out);
        }
        loam_buf_char(out, '}');
    }
    loam_buf_char(out, ']');
}

typedef struct named_number {
    const char *name;
    double value;
} named_number;

static void put_numbers(const named_number *numbers, size_t n, loam_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        loam_buf_printf(out, "%s\"%s\":", i ? "," : "", numbers[i].name);
        put_number(out, numbers[i].value);
    }
}

static void put_head(const loam_scenario *s, const loam_plan *p, loam_buf *out)
{
    static const char *const status[] = {
        [LOAM_PLAN_OPTIMAL] = "optimal", [LOAM_PLAN_LIMIT] = "limit", [LOAM_PLAN_INFEASIBLE] = "infeasible"};
    const named_number head[] = {{"gap", p->gap},
                                 {"bound", p->bound},
                                 {"objective", p->objective},
                                 {"seconds", p->seconds},
                                 {"served_share", p->served_share},
                                 {"served_bound", p->served_bound}};
    const loam_plan_cost *c = &p->cost;
    const named_number cost[] = {{"capex", c->capex},       {"rent", c->rent},  {"energy", c->energy},
                                 {"colo", c->colo},         {"opex", c->opex},  {"duty", c->duty},
                                 {"residual", c->residual}, {"total", c->total}};
    loam_buf_str(out, "{\"format\":\"loam-plan-1\",\"scenario\":");
    put_text(s->name, out);
    loam_buf_printf(out, ",\"status\":\"%s\",", status[p->status]);
    put_numbers(head, sizeof head / sizeof *head, out);
    loam_buf_str(out, ",\n\"cost\":{");
    put_numbers(cost, sizeof cost / sizeof *cost, out);
    loam_buf_char(out, '}');
}

static void put_names(const char *key, const char *const *names, size_t n, loam_buf *out)
{
    loam_buf_printf(out, ",\n\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        loam_buf_str(out, i ? "," : "");
        put_text(names[i], out);
    }
    loam_buf_char(out, ']');
}

static void put_doubt(const loam_scenario *s, const loam_doubt_result *d, loam_buf *out)
{
    const named_number numbers[] = {
        {"served_mean", d->served_mean},   {"served_p5", d->served_p5},
        {"served_p50", d->served_p50},     {"served_p95", d->served_p95},
        {"cost_mean", d->cost_mean},       {"cost_p5", d->cost_p5},
        {"cost_p50", d->cost_p50},         {"cost_p95", d->cost_p95},
        {"regret_mean", d->regret_mean},   {"regret_p95", d->regret_p95},
        {"stranded_usd", d->stranded_usd}, {"all_served_probability", d->all_served_probability}};
    loam_buf_str(out, ",\n\"doubt\":{");
    put_numbers(numbers, sizeof numbers / sizeof *numbers, out);
    loam_buf_str(out, ",\n\"services\":[");
    for (size_t i = 0; i < d->n_services && d->n_futures; i++) {
        loam_buf_str(out, i ? "," : "");
        loam_buf_str(out, "{\"service\":");
        put_text(s->services[i].name, out);
        loam_buf_char(out, ',');
        put_numbers(&(named_number){"all_served_probability", d->service_ok[i]}, 1, out);
        loam_buf_char(out, '}');
    }
    loam_buf_str(out, "],\n\"flips\":[");
    for (size_t i = 0; i < d->n_flips; i++) {
        const loam_flip *f = &d->flips[i];
        loam_buf_str(out, i ? ",\n{\"what\":" : "\n{\"what\":");
        put_text(f->what, out);
        loam_buf_printf(out, ",\"feasible\":%s,", f->feasible ? "true" : "false");
        put_numbers((named_number[]){{"cost", f->cost}, {"served", f->served}, {"moved", f->moved}}, 3, out);
        loam_buf_char(out, '}');
    }
    loam_buf_str(out, "],\n\"futures\":[");
    for (size_t i = 0; i < d->n_futures; i++) {
        const loam_future *f = &d->futures[i];
        loam_buf_str(out, i ? ",\n{" : "\n{");
        put_numbers((named_number[]){{"demand", f->demand},
                                     {"price", f->price},
                                     {"served", f->served},
                                     {"cost", f->cost},
                                     {"best_cost", f->best_cost},
                                     {"best_served", f->best_served},
                                     {"regret", f->regret}},
                    7, out);
        loam_buf_char(out, '}');
    }
    loam_buf_str(out, "]}");
}

bool loam_plan_json(const loam_scenario *s, const loam_plan *p, const loam_doubt_result *d, loam_buf *out)
{
    put_head(s, p, out);
    for (const loam_plan_table *t = loam_plan_tables; t->name; t++)
        put_table(s, p, t, out);
    put_names("conflict", p->conflict, p->n_conflict, out);
    put_names("repairs", p->repairs, p->n_repairs, out);
    if (d)
        put_doubt(s, d, out);
    return loam_buf_str(out, "}\n") && !out->failed;
}
