/* How sure the plan is: drawn futures, and what changes when one thing changes. */
#include <math.h>

#include "fleet/report_page.h"

static void put_risks(loam_page *g)
{
    const loam_doubt_result *d = g->d;
    if (!d->service_ok || !d->n_futures)
        return;
    loam_page_put(g, "<h3>How often each service is served in full</h3>");
    loam_page_begin_table(g, "service|w:share of the futures|n:");
    for (size_t v = 0; v < d->n_services && v < g->s->n_services; v++) {
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", g->s->services[v].name);
        loam_page_bar(g, &(loam_bar_part){d->service_ok[v], d->service_ok[v] < .9 ? "short" : "full", NULL}, 1);
        loam_page_cell(g, "n", "%s", loam_figure_share(d->service_ok[v]).text);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
}

/* The tornado: the flips, what changes most first. */
static void put_flips(loam_page *g)
{
    const loam_doubt_result *d = g->d;
    if (!d->n_flips)
        return;
    size_t *order = loam_arena_alloc(g->m->arena, d->n_flips * sizeof *order);
    if (!order) {
        g->out->failed = true;
        return;
    }
    size_t n = loam_doubt_top_flips(g->p, d, d->n_flips, order);
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (d->flips[i].feasible)
            most = fmax(most, fabs(d->flips[i].cost - g->p->cost.total));
    }
    loam_page_put(g, "<h3>When one thing changes</h3>");
    loam_page_begin_table(g, "change|w:cost, less or more|n:cost|n:served|n:servers that differ");
    for (size_t i = 0; i < n; i++) {
        const loam_flip *f = &d->flips[order[i]];
        double cost = f->cost - g->p->cost.total, served = f->served - g->p->served_share;
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", f->what);
        if (!f->feasible) {
            loam_page_put(
                g, "<td class=\"w\"></td><td class=\"n\" colspan=\"3\"><span class=\"verdict v4\">nothing fits</span>"
                   "</td></tr>\n");
            continue;
        }
        loam_page_put(g, "<td class=\"w\">");
        loam_bar_signed(g->out, most > 0 ? cost / most : 0, cost < 0 ? "less" : "more");
        loam_page_put(g, "</td>");
        bool same = fabs(cost) < 5e-5 * fabs(g->p->cost.total);
        loam_page_cell(g, "n", "%s", loam_figure_change(same ? 0 : cost, "USD").text);
        loam_page_cell(g, "n", "%s", loam_figure_change(fabs(served) < 5e-6 ? 0 : served, "share").text);
        loam_page_cell(g, "n", "%s", loam_figure_share(f->moved).text);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
    if (loam_words_noise(g->p, &g->line))
        loam_page_line(g, "<p class=\"small-text\">", "</p>\n");
}

void loam_page_doubt(loam_page *g)
{
    if (!g->d)
        return;
    loam_page_begin_section(g, "doubt", "How sure it is");
    if (g->d->n_futures) {
        loam_words_futures(g->s, g->d, &g->line);
        loam_page_line(g, "<p class=\"lead\">", "</p>\n");
        loam_plots_futures(g);
        put_risks(g);
    }
    put_flips(g);
    loam_page_end_section(g, "A future draws demand, prices, performance, late deliveries and the scenario's rule "
                             "events. The plan's orders stay; "
                             "routing, rent and what is left unserved adapt. Regret is cost, and what is unserved at a "
                             "price, less the same of "
                             "a plan made in knowledge of that future; it is never below 0. Each change in the table "
                             "is a plan made anew with "
                             "that one thing changed.");
}
