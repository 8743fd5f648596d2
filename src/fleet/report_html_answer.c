/* The page begins: the answer, and what is bought and rented. */
#include <math.h>

#include "fleet/report_page.h"

enum { OPEN_ROWS = 24 }; /* longer tables are folded */

static void put_tile(loam_page *g, const char *figure, const char *what)
{
    loam_page_put(g, "<div class=\"tile\"><b>");
    loam_page_say(g, "%s", figure);
    loam_page_put(g, "</b><span>");
    loam_page_say(g, "%s", what);
    loam_page_put(g, "</span></div>");
}

static double peak_kw(const loam_fleet_sums *m)
{
    double peak = 0;
    for (size_t t = 0; t < (size_t)m->months; t++) {
        double sum = 0;
        for (size_t r = 0; r < m->regions; r++)
            sum += m->power_kw[r * (size_t)m->months + t];
        peak = fmax(peak, sum);
    }
    return peak;
}

static void put_list(loam_page *g, const char *tag, const char *heading, const char *const *items, size_t n)
{
    if (!n)
        return;
    loam_buf_printf(g->out, "<h3>%s</h3><%s class=\"reasons\">", heading, tag);
    for (size_t i = 0; i < n; i++) {
        loam_page_put(g, "<li>");
        loam_page_say(g, "%s", items[i]);
        loam_page_put(g, "</li>");
    }
    loam_buf_printf(g->out, "</%s>\n", tag);
}

void loam_page_answer(loam_page *g)
{
    const loam_plan *p = g->p;
    bool fits = p->status != LOAM_PLAN_INFEASIBLE;
    loam_page_put(g, fits ? "<section id=\"answer\">" : "<section id=\"answer\" class=\"alarm\">");
    loam_words_answer(g->s, p, g->m, &g->line);
    loam_page_line(g, "<p class=\"answer\">", "</p>\n");
    if (!fits) {
        put_list(g, "ul", loam_words_conflict(p), p->conflict, p->n_conflict);
        put_list(g, "ol", "Any one of these would do", p->repairs, p->n_repairs);
        loam_page_end_section(g, "The conflict is an irreducible set of named rules: leave out any one of them and the "
                                 "rest can hold. Each repair is a cheapest relaxation: the rules are made elastic, the "
                                 "least is broken, and the next repair may not use the same relaxation again.");
        return;
    }
    loam_page_put(g, "<div class=\"tiles\">");
    put_tile(g, loam_figure_usd(p->cost.total).text, "cost, present value");
    put_tile(g, loam_figure_usd(g->m->capex + g->m->rent + g->m->running).text, "paid over the horizon");
    put_tile(g, loam_figure_share(p->served_share).text, "of what is asked is served");
    put_tile(g, loam_figure_count(g->m->servers_bought).text, "servers bought");
    if (g->m->servers_rented > 0)
        put_tile(g, loam_figure_count(g->m->servers_rented).text, "servers rented");
    put_tile(g, loam_figure_kw(peak_kw(g->m)).text, "power at the peak (IT)");
    if (loam_plan_carbon_t(g->s, p) > 0)
        put_tile(g, loam_figure_count(round(loam_plan_carbon_t(g->s, p))).text, "t of CO2 for its electricity");
    put_tile(g, isfinite(p->gap) ? loam_figure_share(fmax(0, p->gap)).text : "unknown",
             "at most, from the best possible");
    loam_page_put(g, "</div>\n");
    loam_page_end_section(
        g,
        "Served is the mean over services and training runs, weighted by their priorities, of what is served over what "
        "is "
        "asked. The gap is (objective − bound) ÷ objective of the solver's last goal, which is cost: no plan that "
        "serves "
        "as much goes below the bound. What no decision changes (running what is owned already) is in the cost and not "
        "in the gap. Paid over the horizon: purchases, rent and running costs as they fall due, not discounted.");
}

static void put_order_row(loam_page *g, const loam_plan_order *o)
{
    const loam_scenario *s = g->s;
    loam_page_put(g, "<tr>");
    loam_page_cell(g, NULL, "%s", loam_figure_month(s, o->month).text);
    loam_page_cell(g, NULL, "%s%s", loam_figure_month(s, o->arrives).text,
                   o->arrives >= s->months ? " (after the end)" : "");
    loam_page_cell(g, NULL, "%s", s->regions[o->region].name);
    loam_page_chip_cell(g, o->chip);
    loam_page_cell(g, NULL, "%s", s->supplies[o->supply].name);
    loam_page_cell(g, "n", "%s", loam_figure_count(o->servers).text);
    loam_page_cell(g, "n", "%s", loam_figure_usd(o->usd).text);
    loam_page_put(g, "<td>");
    loam_page_verdict(g, o->verdict);
    loam_page_put(g, "</td></tr>\n");
}

static void put_orders(loam_page *g)
{
    if (g->p->n_orders) {
        loam_page_begin_folded(g, g->p->n_orders <= OPEN_ROWS, "orders", g->p->n_orders);
        loam_page_begin_table(g, "order|in operation|region|chip|from|n:servers|n:price|export verdict at delivery");
        for (size_t i = 0; i < g->p->n_orders; i++)
            put_order_row(g, &g->p->orders[i]);
        loam_page_end_table(g);
        loam_page_put(g, "</details>\n");
    }
    if (!g->p->n_rents)
        return;
    loam_page_begin_folded(g, g->p->n_rents <= OPEN_ROWS, "rents", g->p->n_rents);
    loam_page_begin_table(g, "from|until|region|chip|offer|n:servers|n:rent");
    for (size_t i = 0; i < g->p->n_rents; i++) {
        const loam_plan_rent *r = &g->p->rents[i];
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", loam_figure_month(g->s, r->month).text);
        loam_page_cell(g, NULL, "%s", loam_figure_month(g->s, r->until).text);
        loam_page_cell(g, NULL, "%s", g->s->regions[r->region].name);
        loam_page_chip_cell(g, r->chip);
        loam_page_cell(g, NULL, "%s", g->s->rents[r->offer].name);
        loam_page_cell(g, "n", "%s", loam_figure_count(r->servers).text);
        loam_page_cell(g, "n", "%s", loam_figure_usd(r->usd).text);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
    loam_page_put(g, "</details>\n");
}

void loam_page_purchases(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    loam_page_begin_section(g, "purchases", "What to buy and rent, and when");
    if (m->servers_bought + m->servers_rented <= 0) {
        loam_page_put(g, "<p class=\"lead\">Nothing is bought or rented.</p>");
        loam_page_end_section(g, NULL);
        return;
    }
    size_t most = 0;
    double usd[LOAM_FLEET_MAX_CHIPS] = {0}, all = 0;
    for (size_t i = 0; i < g->p->n_orders; i++) {
        usd[g->p->orders[i].chip] += g->p->orders[i].usd;
        all += g->p->orders[i].usd;
    }
    for (size_t c = 1; c < m->chips; c++)
        most = usd[c] > usd[most] ? c : most;
    if (all > 0) {
        loam_page_put(g, "<p class=\"lead\">");
        loam_page_say(g, "%s for %s servers; %s of it goes to %s.", loam_figure_usd(all).text,
                      loam_figure_count(m->servers_bought).text,
                      usd[most] < all ? loam_figure_share(usd[most] / all).text : "all", g->s->chips[most].chip.name);
        loam_page_put(g, "</p>\n");
    }
    loam_plots_purchases(g);
    put_orders(g);
    loam_page_end_section(
        g,
        "An order counts in the month in which it is placed; it is in operation a lead time later. The price of a "
        "server "
        "is chips × price × (1 + server) × (1 + network) × (1 + installation) × the supplier's factor, and a duty "
        "where "
        "a rule adds one. Rent is servers × chips × USD per chip-hour × 730 hours a month, to the end of the horizon. "
        "Each region has its own scale.");
}
