/* Capacity, training, power, and the limits that shape the plan. */
#include <math.h>

#include "fleet/plan_int.h"
#include "fleet/report_page.h"

/* What a chip carries a day, beside what one operator published: a plan that is far from it needs an explanation. */
static void put_tokens(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    size_t row = (size_t)m->months, last = row - 1;
    bool any = false;
    for (size_t v = 0; v < m->services && g->p->replicas; v++) {
        const loam_service *k = &g->s->services[v];
        double tokens = m->served_day[v * row + last] * (k->tokens_in + k->tokens_out), chips = 0;
        for (size_t c = 0; c < m->chips; c++) {
            const loam_replica *r = &g->p->replicas[v * m->chips + c];
            double load = m->by_chip[(v * m->chips + c) * row + last];
            if (r->feasible && r->requests_per_s > 0 && k->utilisation > 0)
                chips += load * loam_plan_chips_per_load(g->s, r, (int)v);
        }
        if (k->kind != LOAM_SERVICE_CHAT || tokens <= 0 || chips <= 0)
            continue;
        loam_buf_printf(&g->line, "%s carries %s tokens a day at the end on %s chips: %s a chip. ", k->name,
                        loam_figure_scaled(tokens).text, loam_figure_count(chips < 100 ? chips : round(chips)).text,
                        loam_figure_scaled(tokens / chips).text);
        any = true;
    }
    if (any) {
        loam_buf_str(
            &g->line,
            "For comparison: DeepSeek reported (1 March 2025) 776 bn tokens a day, 608 bn in and 168 bn out, on "
            "1,814 H800 on average and 2,224 at the peak, 428 M a chip, for a model with 37 bn active parameters.");
        loam_page_line(g, "<p class=\"lead\">", "</p>\n");
    }
}

void loam_page_services(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    const loam_scenario *s = g->s;
    if (!m->services)
        return;
    loam_page_begin_section(g, "services", "Capacity against demand");
    put_tokens(g);
    loam_plots_services(g);
    loam_plots_fleet(g);
    loam_page_begin_table(g,
                          "service|model|n:asked a day, at the end|n:served a day, at the end|n:tokens a day, at the "
                          "end|n:share at the end|n:share, all months|w:");
    for (size_t v = 0; v < m->services; v++) {
        const loam_service *k = &s->services[v];
        const double *want = m->demand_day + v * (size_t)s->months, *get = m->served_day + v * (size_t)s->months;
        double want_all = 0, get_all = 0;
        for (int t = 0; t < s->months; t++) {
            want_all += want[t];
            get_all += get[t];
        }
        int last = s->months - 1;
        double share = want_all > 0 ? get_all / want_all : 1;
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", k->name);
        loam_page_cell(g, "name", "%s", s->models[k->model].name);
        loam_page_cell(g, "n", "%s", loam_figure_scaled(want[last]).text);
        loam_page_cell(g, "n", "%s", loam_figure_scaled(get[last]).text);
        double tokens = k->kind == LOAM_SERVICE_CHAT ? get[last] * (k->tokens_in + k->tokens_out) : 0;
        loam_page_cell(g, "n", "%s", tokens > 0 ? loam_figure_scaled(tokens).text : "–");
        loam_page_cell(g, "n", "%s", loam_figure_share(want[last] > 0 ? get[last] / want[last] : 1).text);
        loam_page_cell(g, "n", "%s", loam_figure_share(share).text);
        loam_page_bar(g, &(loam_bar_part){share, share < .999 ? "short" : "full", NULL}, 1);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
    loam_page_end_section(
        g,
        "Each month shows the block of the UTC day in which the service is asked for most, at its busiest hour, summed "
        "over all origins. Requests a day are the mean load of each block × its length, less the share that is not "
        "served. Tokens are requests × (mean input + mean output), cached input included. The chips that a load takes "
        "are load × chips of a replica ÷ (its requests a second × the cap on utilisation).");
}

void loam_page_training(loam_page *g)
{
    const loam_scenario *s = g->s;
    if (!s->n_trainings)
        return;
    loam_page_begin_section(g, "training", "Training runs");
    loam_page_put(g, "<ul class=\"sentences\">");
    for (int j = 0; j < (int)s->n_trainings; j++) {
        loam_words_training(s, g->p, j, &g->line);
        loam_page_line(g, "<li>", "</li>");
    }
    loam_page_put(g, "</ul>\n");
    loam_plots_training(g);
    if (g->p->runs) {
        loam_page_begin_table(g, "run|chip|n:FLOP|n:share of peak (MFU)|n:goodput|n:chip-months|n:least chips|why not");
        for (size_t i = 0; i < s->n_trainings * s->n_chips; i++) {
            const loam_run_perf *r = &g->p->runs[i];
            loam_page_put(g, r->feasible ? "<tr>" : "<tr class=\"off\">");
            loam_page_cell(g, "name", "%s", s->trainings[i / s->n_chips].name);
            loam_page_chip_cell(g, (int)(i % s->n_chips));
            if (r->feasible) {
                loam_page_cell(g, "n", "%.3g", r->flop);
                loam_page_cell(g, "n", "%s", loam_figure_share(r->mfu).text);
                loam_page_cell(g, "n", "%s", loam_figure_share(r->goodput).text);
                loam_page_cell(g, "n", "%s", loam_figure_count(r->chip_months).text);
                loam_page_cell(g, "n", "%d", r->min_chips);
            }
            for (int k = 0; k < 5 && !r->feasible; k++)
                loam_page_cell(g, "n", "–");
            loam_page_cell(g, "why", "%s", r->feasible ? "" : r->why_not);
            loam_page_put(g, "</tr>\n");
        }
        loam_page_end_table(g);
    }
    loam_page_end_section(
        g,
        "FLOP of a run = tokens × (6 × active parameters + 6 × layers × hidden × context). Chip-months = FLOP ÷ (peak "
        "of the chip × MFU × goodput × seconds of a month of 730 hours). A run stays on one chip in one place.");
}

void loam_page_power(loam_page *g)
{
    loam_page_begin_section(g, "power", "Power drawn against power available");
    loam_plots_power(g);
    loam_page_end_section(
        g, "IT power = servers in operation × the power of a whole server (from its source, or TDP × chips × "
           "1.8). Rented servers whose price holds power do not count. What the meter shows is × PUE.");
}

static void put_limit_row(loam_page *g, const loam_plan_limit *l, double most)
{
    bool money = loam_plan_serves_all(g->p);
    double worth = loam_limit_worth(l);
    double share = isfinite(l->limit) && l->limit > 0 ? l->used / l->limit : l->binds;
    bool priced = l->binds && worth > 0;
    loam_page_put(g, l->binds ? "<tr>" : "<tr class=\"off\">");
    loam_page_cell(g, NULL, "%s", l->name);
    loam_page_cell(g, "n", "%s", loam_figure_of(l->used, l->unit).text);
    loam_page_cell(g, "n", "%s", loam_figure_of(l->limit, l->unit).text);
    loam_page_bar(g, &(loam_bar_part){share, l->binds ? "tight" : "loose", NULL}, 1);
    loam_page_bar(g, &(loam_bar_part){most > 0 ? worth / most : 0, "worth", NULL}, priced ? 1 : 0);
    loam_page_cell(g, "n", "%s", !priced ? "" : money ? loam_figure_usd(worth).text : loam_figure_share(worth).text);
    loam_page_put(g, "</tr>\n");
}

void loam_page_limits(loam_page *g)
{
    const loam_plan *p = g->p;
    size_t *order = loam_arena_alloc(g->m->arena, (p->n_limits + 1) * sizeof *order);
    if (!order) {
        g->out->failed = true;
        return;
    }
    size_t n = loam_plan_binding(p, p->n_limits, order);
    bool money = loam_plan_serves_all(p);
    loam_page_begin_section(g, "limits", "What binds, and what more of it is worth");
    if (n) {
        loam_page_put(g, "<ul class=\"sentences\">");
        for (size_t i = 0; i < n && i < 4; i++) {
            loam_words_limit(p, &p->limits[order[i]], &g->line);
            loam_page_line(g, "<li>", "</li>");
        }
        loam_page_put(g, "</ul>\n");
    } else {
        loam_page_put(g,
                      "<p class=\"lead\">No limit of the scenario binds: only demand and prices shape the plan.</p>");
    }
    if (p->n_limits) {
        double most = n ? loam_limit_worth(&p->limits[order[0]]) : 0;
        loam_page_begin_table(g, money ? "limit|n:used|n:of|w:how full|w:one per cent more saves|n:"
                                       : "limit|n:used|n:of|w:how full|w:one per cent more serves|n:");
        for (size_t i = 0; i < n; i++)
            put_limit_row(g, &p->limits[order[i]], most);
        for (size_t i = 0; i < p->n_limits; i++) {
            if (!p->limits[i].binds)
                put_limit_row(g, &p->limits[i], most);
        }
        loam_page_end_table(g);
    }
    loam_page_end_section(
        g,
        money
            ? "Worth is the dual value of the limit in the linear program, with all whole numbers fixed as they are in "
              "this plan: what one more unit saves at present value. It is a local price: it holds for small changes. "
              "One per cent of the limit makes limits of different units comparable."
            : "Something is left unserved, so worth is a share of what is asked: the dual value of the limit in the "
              "linear program, with all whole numbers fixed as they are in this plan. It is a local price: it holds "
              "for small changes. One per cent of the limit makes limits of different units comparable.");
}
