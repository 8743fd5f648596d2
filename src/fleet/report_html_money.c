/* What the plan costs, and who is paid. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/report_page.h"

static void put_cost_row(loam_page *g, const char *what, double usd, double of, const char *class_name)
{
    if (usd == 0)
        return;
    loam_page_put(g, "<tr>");
    loam_page_cell(g, NULL, "%s", what);
    loam_page_bar(g, &(loam_bar_part){of > 0 ? fabs(usd) / of : 0, class_name, NULL}, 1);
    loam_page_cell(g, "n", "%s", loam_figure_usd(usd).text);
    loam_page_cell(g, "n", "%s", usd > 0 && of > 0 ? loam_figure_share(usd / of).text : "");
    loam_page_put(g, "</tr>\n");
}

static void put_cost(loam_page *g)
{
    const loam_plan_cost *c = &g->p->cost;
    double paid = c->total + c->residual;
    loam_page_put(g, "<div><h3>Cost at present value</h3><table class=\"bars\"><tbody>");
    put_cost_row(g, "servers, network", c->capex, paid, "m0");
    put_cost_row(g, "duties, fees", c->duty, paid, "m0");
    put_cost_row(g, "rent", c->rent, paid, "m1");
    put_cost_row(g, "energy", c->energy, paid, "m2");
    put_cost_row(g, "space", c->colo, paid, "m2");
    put_cost_row(g, "repairs, staff", c->opex, paid, "m2");
    put_cost_row(g, "worth at the end", -c->residual, paid, "m3");
    loam_page_put(g, "</tbody><tfoot><tr><td>total</td><td></td>");
    loam_page_cell(g, "n", "%s", loam_figure_usd(c->total).text);
    loam_page_put(g, "<td></td></tr></tfoot></table></div>\n");
}

/* Who is paid: suppliers for servers, providers for rent. Those of one name are one row. */
static void put_suppliers(loam_page *g)
{
    const loam_scenario *s = g->s;
    struct {
        const char *name;
        double usd, servers;
        bool rent;
    } rows[128];
    size_t n = 0;
    double all = 0;
    for (size_t i = 0; i < g->p->n_orders + g->p->n_rents; i++) {
        bool rent = i >= g->p->n_orders;
        const loam_plan_order *o = rent ? NULL : &g->p->orders[i];
        const loam_plan_rent *r = rent ? &g->p->rents[i - g->p->n_orders] : NULL;
        const char *name = rent ? s->rents[r->offer].name : s->supplies[o->supply].name;
        size_t at = 0;
        while (at < n && (rows[at].rent != rent || strcmp(rows[at].name, name)))
            at++;
        if (at == sizeof rows / sizeof *rows)
            continue;
        if (at == n) {
            rows[n].name = name;
            rows[n].usd = rows[n].servers = 0;
            rows[n++].rent = rent;
        }
        rows[at].usd += rent ? r->usd : o->usd;
        rows[at].servers += rent ? r->servers : o->servers;
        all += rent ? r->usd : o->usd;
    }
    loam_page_put(g, "<div><h3>By supplier</h3><table class=\"bars\"><tbody>");
    for (size_t done = 0; done < n; done++) {
        size_t best = done;
        for (size_t i = done; i < n; i++)
            best = rows[i].usd > rows[best].usd ? i : best;
        __typeof__(rows[0]) row = rows[best];
        rows[best] = rows[done];
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s%s", row.name, row.rent ? " (rent)" : "");
        loam_page_bar(g, &(loam_bar_part){all > 0 ? row.usd / all : 0, row.rent ? "m1" : "m0", NULL}, 1);
        loam_page_cell(g, "n", "%s", loam_figure_usd(row.usd).text);
        loam_page_cell(g, "n", "%s", loam_figure_share(all > 0 ? row.usd / all : 0).text);
        loam_page_put(g, "</tr>\n");
        rows[done] = row;
    }
    loam_page_put(g, "</tbody></table></div>\n");
}

static void put_region_spend(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    double most = 0;
    double sums[LOAM_FLEET_MAX_REGIONS][3] = {{0}};
    for (size_t i = 0; g->p->spend && i < (size_t)m->months * m->regions; i++)
        for (int k = 0; k < 3; k++)
            sums[i % m->regions][k] += g->p->spend[3 * i + (size_t)k];
    for (size_t r = 0; r < m->regions; r++)
        most = fmax(most, sums[r][0] + sums[r][1] + sums[r][2]);
    loam_page_put(g, "<div><h3>Paid by region</h3><table class=\"bars\"><tbody>");
    for (size_t r = 0; r < m->regions; r++) {
        double all = sums[r][0] + sums[r][1] + sums[r][2];
        if (all <= 0)
            continue;
        static const char *const names[] = {"purchases", "rent", "running costs"};
        loam_bar_part parts[3];
        char tips[3][80];
        for (int k = 0; k < 3; k++) {
            static const char *const classes[] = {"m0", "m1", "m2"};
            snprintf(tips[k], sizeof tips[k], "%s: %s", names[k], loam_figure_usd(sums[r][k]).text);
            parts[k] = (loam_bar_part){most > 0 ? sums[r][k] / most : 0, classes[k], tips[k]};
        }
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", g->s->regions[r].name);
        loam_page_bar(g, parts, 3);
        loam_page_cell(g, "n", "%s", loam_figure_usd(all).text);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_put(
        g, "</tbody></table><ul class=\"legend\"><li><i class=\"m0\"></i>purchases</li><li><i class=\"m1\"></i>rent"
           "</li><li><i class=\"m2\"></i>running costs</li></ul></div>\n");
}

void loam_page_money(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    loam_page_begin_section(g, "money", "What it costs, and who is paid");
    loam_page_put(g, "<p class=\"lead\">");
    loam_page_say(
        g,
        "%s leave the house: %s for servers, %s for rent, %s to run them. At present value, and less what the "
        "servers are worth at the end, that is %s.",
        loam_figure_usd(m->capex + m->rent + m->running).text, loam_figure_usd(m->capex).text,
        loam_figure_usd(m->rent).text, loam_figure_usd(m->running).text, loam_figure_usd(g->p->cost.total).text);
    loam_page_put(g, "</p>\n");
    loam_plots_spend(g);
    loam_page_put(g, "<div class=\"three\">");
    put_cost(g);
    put_suppliers(g);
    put_region_spend(g);
    loam_page_put(g, "</div>\n");
    char how[900];
    snprintf(
        how, sizeof how,
        "Present value divides what is paid in month t by (1 + %s)<sup>t/12</sup>. Purchases are paid in part at the "
        "order, the rest at delivery. Energy = IT power × 0.8 mean load × PUE × tariff × 730 hours; space = IT power × "
        "the colocation price; repairs and staff = %s of the price a year. A server's worth falls in a straight line "
        "over %d months to %s of its price; what is left at the end of the horizon counts against the cost. Shares "
        "are of what is paid, before that worth. By supplier: prices as ordered, not discounted.",
        loam_figure_share(g->s->discount).text, loam_figure_share(g->s->opex_share).text, g->s->life_months,
        loam_figure_share(g->s->residual).text);
    loam_page_end_section(g, how);
}
