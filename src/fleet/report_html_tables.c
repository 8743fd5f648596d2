/* The evidence: how each model runs on each chip, what was refused, and what all of it rests on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/report_page.h"

enum { OPEN_REFUSALS = 12 };

/* Why the batch is what it is. */
static void say_binds(loam_page *g, const loam_service *v, const loam_replica *r)
{
    const char *binds = r->binds ? r->binds : "";
    loam_page_put(g, "<td class=\"why\">");
    if (!r->feasible)
        loam_page_say(g, "%s", r->why_not);
    else if (!strcmp(binds, "memory"))
        loam_page_say(g, "memory: %s GB of weights leave room for %s GB of cache",
                      loam_figure_count(r->weights_gb).text, loam_figure_count(r->kv_gb).text);
    else if (!strcmp(binds, "latency target") && r->batch_memory > r->batch && v->tpot_s > 0)
        loam_page_say(g, "latency target: memory would hold %s, but a token may take %s",
                      loam_figure_count(r->batch_memory).text, loam_figure_seconds(v->tpot_s).text);
    else
        loam_page_say(g, "%s", binds);
    loam_page_put(g, "</td>");
}

static void put_replica(loam_page *g, size_t service, size_t chip)
{
    const loam_fleet_sums *m = g->m;
    const loam_service *v = &g->s->services[service];
    const loam_replica *r = &g->p->replicas[service * g->s->n_chips + chip];
    size_t last = (size_t)m->months - 1, row = (size_t)m->months;
    double served = m->served[service * row + last], here = m->by_chip[(service * m->chips + chip) * row + last];
    loam_page_put(g, r->feasible ? "<tr>" : "<tr class=\"off\">");
    loam_page_chip_cell(g, (int)chip);
    if (!r->feasible) {
        for (int i = 0; i < 7; i++)
            loam_page_cell(g, "n", "–");
        say_binds(g, v, r);
        loam_page_put(g, "</tr>\n");
        return;
    }
    loam_page_cell(g, "n", "%d", r->chips);
    loam_page_cell(g, "n", "%s", loam_figure_count(r->weight_bits).text);
    loam_page_cell(g, "n", "%s", loam_figure_count(round(r->batch)).text);
    bool chat = v->kind == LOAM_SERVICE_CHAT;
    loam_page_cell(g, "n", "%s", loam_figure_seconds(chat ? r->ttft_s : r->latency_s).text);
    loam_page_cell(g, "n", "%s", chat ? loam_figure_seconds(r->tpot_s).text : "–");
    loam_page_cell(g, "n", "%s", loam_figure_count(r->requests_per_s).text);
    loam_page_cell(g, "n", "%s", here > 0 && served > 0 ? loam_figure_share(here / served).text : "–");
    say_binds(g, v, r);
    loam_page_put(g, "</tr>\n");
}

void loam_page_replicas(loam_page *g)
{
    const loam_scenario *s = g->s;
    if (!g->p->replicas || !s->n_services || !s->n_chips)
        return;
    loam_page_begin_section(g, "replicas", "How each model runs on each chip");
    for (size_t v = 0; v < s->n_services; v++) {
        const loam_service *k = &s->services[v];
        const loam_fleet_model *model = &s->models[k->model];
        bool chat = k->kind == LOAM_SERVICE_CHAT;
        loam_page_put(g, "<h3>");
        loam_page_say(g, "%s: %s", k->name, model->name);
        loam_page_put(g, "</h3><p class=\"small-text\">");
        loam_page_say(g, "%s parameters", loam_figure_scaled(model->params).text);
        if (model->active_params > 0 && model->active_params < model->params)
            loam_page_say(g, ", %s active", loam_figure_scaled(model->active_params).text);
        if (chat)
            loam_page_say(g, "; a mean request has %s tokens in (%s of them cached) and %s out",
                          loam_figure_count(k->tokens_in).text, loam_figure_share(k->cache_hit).text,
                          loam_figure_count(k->tokens_out).text);
        if (chat && k->ttft_s > 0)
            loam_page_say(g, "; first token within %s", loam_figure_seconds(k->ttft_s).text);
        if (chat && k->tpot_s > 0)
            loam_page_say(g, "; a token every %s", loam_figure_seconds(k->tpot_s).text);
        if (!chat && k->latency_s > 0)
            loam_page_say(g, "; done within %s", loam_figure_seconds(k->latency_s).text);
        loam_page_put(g, "</p>\n");
        loam_page_begin_table(
            g, chat ? "chip|n:chips of a replica|n:bits|n:batch|n:first token|n:each token|n:requests/s|n:carries"
                      "|why:what binds"
                    : "chip|n:chips of a replica|n:bits|n:batch|n:latency|n:each token|n:requests/s|n:carries"
                      "|why:what binds");
        for (size_t c = 0; c < s->n_chips; c++)
            put_replica(g, v, c);
        loam_page_end_table(g);
    }
    loam_page_end_section(
        g,
        "A roofline: each phase takes the longer of arithmetic and reading memory, at fitted efficiencies. The batch "
        "is the "
        "most concurrent requests that memory holds and the latency targets allow, over all sizes of a replica and "
        "precisions that the chip has. First token: without queueing. Carries: share of the service's load in the last "
        "month's busiest hours.");
}

void loam_page_refusals(loam_page *g)
{
    const loam_plan *p = g->p;
    if (!p->n_refusals)
        return;
    loam_page_begin_section(g, "refusals", "Options that were refused, and why");
    loam_page_begin_folded(g, p->n_refusals <= OPEN_REFUSALS, "refusals", p->n_refusals);
    loam_page_begin_table(g, "option|why");
    for (size_t i = 0; i < p->n_refusals; i++) {
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", p->refusals[i].what);
        loam_page_cell(g, "why", "%s", p->refusals[i].why);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
    loam_page_put(g, "</details>\n");
    loam_page_end_section(g, NULL);
}

static void put_chips(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    bool any = false;
    for (size_t c = 0; c < m->chips; c++)
        any |= m->chip_used[c];
    loam_page_put(g, any ? "<h3>The chips that are used</h3>" : "<h3>The chips of the scenario</h3>");
    loam_page_begin_table(
        g, "chip|vendor|n:BF16 TFLOPS|n:8-bit TOPS|n:memory GB|n:GB/s|n:link GB/s|n:server kW|n:USD a chip|"
           "why:source|why:certainty");
    for (size_t c = 0; c < m->chips; c++) {
        const loam_fleet_chip *k = &g->s->chips[c];
        const loam_chip *chip = &k->chip;
        if (any && !m->chip_used[c])
            continue;
        double byte = chip->fp8_tflops > 0 ? chip->fp8_tflops : chip->int8_tops;
        loam_page_put(g, "<tr>");
        loam_page_chip_cell(g, (int)c);
        loam_page_cell(g, NULL, "%s", chip->vendor ? chip->vendor : "");
        loam_page_cell(g, "n", "%s", loam_figure_count(chip->bf16_tflops).text);
        loam_page_cell(g, "n", "%s", byte > 0 ? loam_figure_count(byte).text : "none");
        loam_page_cell(g, "n", "%s", loam_figure_count(chip->mem_gb).text);
        loam_page_cell(g, "n", "%s", loam_figure_count(chip->mem_gbps).text);
        loam_page_cell(g, "n", "%s", loam_figure_count(chip->link_gbps).text);
        loam_page_cell(g, "n", "%s", loam_figure_count(chip->server_kw).text);
        loam_page_cell(g, "n", "%s", loam_figure_count(k->price_usd).text);
        loam_page_cell(g, "why", "%s", chip->source ? chip->source : "not given");
        loam_page_cell(g, "why", "%s", chip->certainty ? chip->certainty : "not given");
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How far the equations are from what was published, computed now. */
static void put_errors(loam_page *g)
{
    loam_perf_row *rows = NULL;
    size_t n = 0, fitted = 0;
    loam_err err = LOAM_ERR_INIT;
    if (loam_perf_validate(&rows, &n, &err) != LOAM_OK || !n) {
        free(rows);
        return;
    }
    double *errors = loam_arena_alloc(g->m->arena, n * sizeof *errors), sum = 0;
    for (size_t i = 0; errors && i < n; i++) {
        if (rows[i].published <= 0 || strcmp(rows[i].group, "fitted"))
            continue;
        errors[fitted] = fabs(rows[i].computed / rows[i].published - 1);
        sum += errors[fitted++];
    }
    loam_page_put(g, "<h3>The performance equations</h3>");
    if (fitted) {
        qsort(errors, fitted, sizeof *errors, by_value);
        loam_page_put(g, "<p>");
        loam_page_say(
            g,
            "On the %zu published rows that their constants were fitted on, the equations are off by %s in the "
            "mean, %s in the median, %s at worst.",
            fitted, loam_figure_share(sum / (double)fitted).text, loam_figure_share(errors[fitted / 2]).text,
            loam_figure_share(errors[fitted - 1]).text);
        loam_page_put(g, "</p>\n");
    }
    loam_page_begin_folded(g, false, "published rows", n);
    loam_page_begin_table(g, "row|n:published|n:computed|unit|n:off by|used|why:source");
    for (size_t i = 0; i < n; i++) {
        const loam_perf_row *r = &rows[i];
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", r->what);
        loam_page_cell(g, "n", "%s", loam_figure_count(r->published).text);
        loam_page_cell(g, "n", "%s", loam_figure_count(r->computed).text);
        loam_page_cell(g, NULL, "%s", r->unit);
        loam_page_cell(g, "n", "%s", r->published > 0 ? loam_figure_share(r->computed / r->published - 1).text : "–");
        loam_page_cell(g, NULL, "%s", strcmp(r->group, "fitted") ? "shown only" : "in the mean");
        loam_page_cell(g, "why", "%s", r->source);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
    loam_page_put(g, "</details>\n");
    free(rows);
}

static void put_setting(loam_page *g, const char *what, const char *value, const char *source)
{
    loam_page_put(g, "<tr>");
    loam_page_cell(g, NULL, "%s", what);
    loam_page_cell(g, NULL, "%s", value);
    loam_page_cell(g, "why", "%s", source);
    loam_page_put(g, "</tr>\n");
}

void loam_page_assumptions(loam_page *g)
{
    const loam_scenario *s = g->s;
    loam_page_begin_section(g, "assumptions", "What it rests on");
    loam_page_begin_table(g, "assumption|value|why:source");
    for (size_t i = 0; i < s->n_sources; i++)
        put_setting(g, s->sources[i].what, s->sources[i].value, s->sources[i].source);
    put_setting(g, "discount rate", loam_figure_share(s->discount).text, "the scenario, a year");
    loam_figure life = loam_figure_count(s->life_months);
    put_setting(g, "life of a server, months", life.text, "the scenario");
    put_setting(g, "worth at the end of that life", loam_figure_share(s->residual).text, "the scenario, of its price");
    put_setting(g, "repairs and staff", loam_figure_share(s->opex_share).text, "the scenario, of the price a year");
    put_setting(g, "worst export verdict that is used", loam_verdict_name(s->worst_allowed), "the scenario");
    loam_page_end_table(g);
    put_chips(g);
    put_errors(g);
    loam_page_end_section(
        g, "Nothing here was measured by this program unless a source says so. The off-by column is computed ÷ "
           "published − 1, computed when this page was written.");
}
