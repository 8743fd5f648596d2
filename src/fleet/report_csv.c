/* A plan's tables as CSV (RFC 4180: CRLF, a header line, quotes only where they are needed). */
#include <string.h>

#include "fleet/plan_table.h"
#include "fleet/report.h"

const char *const loam_report_tables[] = {"orders", "rents", "stock",    "work",     "flow",  "unserved", "training",
                                          "limits", "spend", "replicas", "refusals", "flips", "futures",  NULL};

static void put_field(const char *text, loam_buf *out)
{
    if (!text)
        return; /* no such figure: an empty field */
    if (!strpbrk(text, ",\"\r\n") && *text != ' ' && !(*text && text[strlen(text) - 1] == ' ')) {
        loam_buf_str(out, text);
        return;
    }
    loam_buf_char(out, '"');
    for (; *text; text++) {
        if (*text == '"')
            loam_buf_char(out, '"');
        loam_buf_char(out, *text);
    }
    loam_buf_char(out, '"');
}

static void put_flips(const loam_doubt_result *d, loam_buf *out)
{
    loam_buf_str(out, "what,feasible,cost,served,moved\r\n");
    for (size_t i = 0; d && i < d->n_flips; i++) {
        const loam_flip *f = &d->flips[i];
        put_field(f->what, out);
        loam_buf_printf(out, ",%s,%.17g,%.17g,%.17g\r\n", f->feasible ? "true" : "false", f->cost, f->served, f->moved);
    }
}

static void put_futures(const loam_doubt_result *d, loam_buf *out)
{
    loam_buf_str(out, "demand,price,served,cost,best_cost,best_served,regret\r\n");
    for (size_t i = 0; d && i < d->n_futures; i++) {
        const loam_future *f = &d->futures[i];
        loam_buf_printf(out, "%.17g,%.17g,%.17g,%.17g,%.17g,%.17g,%.17g\r\n", f->demand, f->price, f->served, f->cost,
                        f->best_cost, f->best_served, f->regret);
    }
}

bool loam_report_csv(const loam_scenario *s, const loam_plan *p, const loam_doubt_result *d, const char *table,
                     loam_buf *out)
{
    if (!strcmp(table, "flips") || !strcmp(table, "futures")) {
        (*table == 'f' && table[1] == 'l' ? put_flips : put_futures)(d, out);
        return true;
    }
    const loam_plan_table *t = loam_plan_tables;
    while (t->name && strcmp(t->name, table))
        t++;
    if (!t->name)
        return false;
    for (const loam_column *c = t->columns; c->name; c++)
        loam_buf_printf(out, "%s%s", c == t->columns ? "" : ",", c->name);
    loam_buf_str(out, "\r\n");
    _Alignas(16) char row[LOAM_PLAN_ROW_BYTES];
    for (size_t i = 0; loam_plan_row(s, p, t, &i, row); i++) {
        for (const loam_column *c = t->columns; c->name; c++) {
            loam_buf_str(out, c == t->columns ? "" : ",");
            loam_column_write(s, c, row, put_field, out);
        }
        loam_buf_str(out, "\r\n");
    }
    return true;
}
