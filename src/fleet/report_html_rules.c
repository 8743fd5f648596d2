/* What the export rules say of every chip in every region, month by month, and which clause says it. */
#include <stdio.h>
#include <string.h>

#include "fleet/report_page.h"

enum { MAX_RULES = 64, CLAUSE = 160 };

/* A stretch of months with one verdict for one reason. */
typedef struct stretch {
    int from, until;
    loam_verdict verdict;
    double duty;
    char id[32], clause[CLAUSE], nearest[CLAUSE];
} stretch;

typedef struct question {
    int chip, region;
    loam_get get;
    const char *provider_hq;
    bool training;
} question;

/* The rules that fired anywhere on the page. */
typedef struct fired {
    const char *ids[MAX_RULES];
    size_t n;
} fired;

static void remember(fired *f, const char *id)
{
    for (size_t i = 0; i < f->n; i++) {
        if (!strcmp(f->ids[i], id))
            return;
    }
    if (f->n < MAX_RULES)
        f->ids[f->n++] = id;
}

static size_t judge(const loam_scenario *s, const question *q, fired *f, stretch *out)
{
    size_t n = 0;
    for (int t = 0; t < s->months; t++) {
        loam_ruling g;
        loam_scenario_ruling(s, q->chip, q->region, q->get, q->provider_hq, q->training, t, &g);
        const loam_rule_hit *worst = NULL;
        for (size_t i = 0; i < g.n_hits && i < sizeof g.hits / sizeof *g.hits; i++) {
            if (g.hits[i].id)
                remember(f, g.hits[i].id);
            if (!worst || g.hits[i].verdict > worst->verdict)
                worst = &g.hits[i];
        }
        stretch k = {t, t + 1, g.verdict, g.duty, "", "", ""};
        if (worst) {
            snprintf(k.id, sizeof k.id, "%s", worst->id ? worst->id : "");
            snprintf(k.clause, sizeof k.clause, "%s", worst->clause);
        }
        snprintf(k.nearest, sizeof k.nearest, "%s", g.nearest);
        stretch *last = n ? &out[n - 1] : NULL;
        if (last && last->verdict == k.verdict && last->duty == k.duty && !strcmp(last->id, k.id) &&
            !strcmp(last->clause, k.clause))
            last->until = t + 1;
        else
            out[n++] = k;
    }
    return n;
}

static void put_stretches(loam_page *g, const stretch *all, size_t n)
{
    const loam_scenario *s = g->s;
    if (n > 1) {
        loam_buf_printf(g->out,
                        "<svg class=\"strip\" viewBox=\"0 0 %d 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
                        s->months);
        for (size_t i = 0; i < n; i++) {
            loam_buf_printf(g->out, "<rect class=\"v%d\" x=\"%d\" width=\"%d\" height=\"1\"><title>",
                            (int)all[i].verdict, all[i].from, all[i].until - all[i].from);
            loam_page_say(g, "%s to %s: %s", loam_figure_month(s, all[i].from).text,
                          loam_figure_month(s, all[i].until - 1).text, loam_verdict_name(all[i].verdict));
            loam_page_put(g, "</title></rect>");
        }
        loam_page_put(g, "</svg>");
    }
    for (size_t i = 0; i < n; i++) {
        loam_page_put(g, "<p class=\"stretch\">");
        loam_page_verdict(g, all[i].verdict);
        if (n > 1)
            loam_page_say(g, i ? " from %s" : " to %s", loam_figure_month(s, i ? all[i].from : all[i].until - 1).text);
        if (all[i].duty > 0)
            loam_page_say(g, ", +%s duty", loam_figure_share(all[i].duty).text);
        loam_page_put(g, "<small>");
        if (*all[i].id)
            loam_page_say(g, "%s: %s", all[i].id, all[i].clause);
        else if (*all[i].nearest)
            loam_page_say(g, "%s", all[i].nearest);
        loam_page_put(g, "</small></p>");
    }
}

static void put_matrix(loam_page *g, fired *f, stretch *space)
{
    const loam_scenario *s = g->s;
    loam_page_put(
        g, "<h3>To buy, by the month of delivery</h3><div class=\"scroll\" tabindex=\"0\"><table class=\"rulings\">"
           "<thead><tr><th>chip</th>");
    for (size_t r = 0; r < s->n_regions; r++) {
        loam_page_put(g, "<th>");
        loam_page_say(g, "%s", s->regions[r].name);
        loam_page_put(g, " <small>");
        loam_page_say(g, "%s", s->regions[r].country ? s->regions[r].country : "");
        loam_page_put(g, "</small></th>");
    }
    loam_page_put(g, "</tr></thead><tbody>\n");
    for (int c = 0; c < (int)s->n_chips; c++) {
        const loam_chip *chip = &s->chips[c].chip;
        loam_page_put(g, "<tr><th scope=\"row\">");
        loam_page_say(g, "%s", chip->name);
        loam_page_put(g, "<small>");
        loam_page_say(g, "TPP %.0f · PD %.3g · %.0f GB/s", chip->tpp, chip->pd, chip->mem_gbps);
        loam_page_put(g, "</small></th>");
        for (int r = 0; r < (int)s->n_regions; r++) {
            question q = {c, r, LOAM_GET_BUY, NULL, false};
            size_t n = judge(s, &q, f, space);
            loam_page_put(g, "<td>");
            put_stretches(g, space, n);
            loam_page_put(g, "</td>");
        }
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
}

static void put_rents(loam_page *g, fired *f, stretch *space)
{
    const loam_scenario *s = g->s;
    if (!s->n_rents)
        return;
    loam_page_put(g, "<h3>To rent, by the month of use</h3>");
    loam_page_begin_table(g, "offer|provider|region|chip|to serve|to train");
    for (size_t i = 0; i < s->n_rents; i++) {
        const loam_rent *e = &s->rents[i];
        loam_page_put(g, "<tr>");
        loam_page_cell(g, NULL, "%s", e->name);
        loam_page_cell(g, NULL, "%s%s%s%s", e->provider ? e->provider : "", e->provider_hq ? " (" : "",
                       e->provider_hq ? e->provider_hq : "", e->provider_hq ? ")" : "");
        loam_page_cell(g, NULL, "%s", s->regions[e->region].name);
        loam_page_chip_cell(g, e->chip);
        for (int training = 0; training < 2; training++) {
            question q = {e->chip, e->region, LOAM_GET_RENT, e->provider_hq, training};
            size_t n = judge(s, &q, f, space);
            loam_page_put(g, "<td>");
            put_stretches(g, space, n);
            loam_page_put(g, "</td>");
        }
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
}

static void put_records(loam_page *g, const fired *f)
{
    size_t n;
    const loam_rule_info *all = loam_rules_all(&n);
    if (!f->n)
        return;
    loam_page_put(g, "<h3>The rules that apply</h3>");
    loam_page_begin_table(g, "rule|what it is|from|to|source");
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < f->n; k++)
            seen |= !strcmp(f->ids[k], all[i].id);
        if (!seen)
            continue;
        char from[11], to[11] = "in force";
        loam_day_format(all[i].from, from);
        if (all[i].to)
            loam_day_format(all[i].to, to);
        loam_page_put(g, "<tr>");
        loam_page_cell(g, "name", "%s", all[i].id);
        loam_page_cell(g, NULL, "%s", all[i].title);
        loam_page_cell(g, "name", "%s", from);
        loam_page_cell(g, "name", "%s", to);
        loam_page_cell(g, NULL, "%s", all[i].source);
        loam_page_put(g, "</tr>\n");
    }
    loam_page_end_table(g);
}

void loam_page_rulings(loam_page *g)
{
    const loam_scenario *s = g->s;
    if (!s->n_chips || !s->n_regions)
        return;
    stretch *space = loam_arena_alloc(g->m->arena, (size_t)s->months * sizeof *space);
    if (!space) {
        g->out->failed = true;
        return;
    }
    fired f = {.n = 0};
    loam_page_begin_section(g, "rulings", "What the export rules say");
    loam_page_put(g, "<p class=\"lead\">");
    loam_page_say(g, "The plan uses what is ruled \"%s\" or better. %s", loam_verdict_name(s->worst_allowed),
                  loam_words_no_advice);
    loam_page_put(g, "</p>\n");
    put_matrix(g, &f, space);
    put_rents(g, &f, space);
    put_records(g, &f);
    loam_page_end_section(g, "Every dated rule is tested on the chip's figures (TPP = the most of dense TOPS × bits, "
                             "PD = TPP per mm² of die, "
                             "memory and link bandwidth), the destination, the headquarters of the buyer and of the "
                             "provider, and the way of "
                             "getting it; the worst day of the month counts, and the worst rule wins. Under a verdict "
                             "stands the clause that "
                             "fired, or the threshold that is nearest.");
}
