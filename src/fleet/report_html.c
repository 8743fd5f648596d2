/* One page that holds all of a plan: no script is needed to read it, nothing is fetched, every name is escaped. The
 * order is that of a meeting: the answer, what is bought, what it carries, what it costs, what stands in the way, how
 * sure it is, and then the evidence. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fleet/report_page.h"

enum { MAX_LINE = 1 << 20 };

void loam_page_put(loam_page *g, const char *markup)
{
    loam_buf_str(g->out, markup);
}

void loam_page_say(loam_page *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    loam_html_vprintf(g->out, fmt, ap);
    va_end(ap);
}

void loam_page_line(loam_page *g, const char *before, const char *after)
{
    loam_page_put(g, before);
    loam_html_sentence(g->out, loam_buf_text(&g->line));
    loam_page_put(g, after);
    g->out->failed |= g->line.failed;
    loam_buf_truncate(&g->line, 0);
}

void loam_page_begin_section(loam_page *g, const char *id, const char *title)
{
    loam_buf_printf(g->out, "<section id=\"%s\"><h2>", id);
    loam_html_text(g->out, title);
    loam_page_put(g, "</h2>\n");
}

void loam_page_end_section(loam_page *g, const char *how)
{
    if (how) {
        loam_page_put(g, "<p class=\"how\"><b>How computed.</b> ");
        loam_page_put(g, how);
        loam_page_put(g, "</p>");
    }
    loam_page_put(g, "</section>\n");
}

void loam_page_cell(loam_page *g, const char *class_name, const char *fmt, ...)
{
    if (class_name)
        loam_buf_printf(g->out, "<td class=\"%s\">", class_name);
    else
        loam_page_put(g, "<td>");
    va_list ap;
    va_start(ap, fmt);
    loam_html_vprintf(g->out, fmt, ap);
    va_end(ap);
    loam_page_put(g, "</td>");
}

void loam_page_bar(loam_page *g, const loam_bar_part *parts, size_t n)
{
    loam_page_put(g, "<td class=\"w\">");
    if (n)
        loam_bar(g->out, parts, n);
    loam_page_put(g, "</td>");
}

void loam_page_chip_cell(loam_page *g, int chip)
{
    char k[16];
    loam_page_put(g, "<td class=\"name\">");
    if (g->m->chip_used[chip])
        loam_buf_printf(g->out, "<i class=\"dot %s\"></i>", loam_page_chip_class(g, chip, k));
    loam_page_say(g, "%s", g->s->chips[chip].chip.name);
    loam_page_put(g, "</td>");
}

void loam_page_verdict(loam_page *g, loam_verdict v)
{
    loam_buf_printf(g->out, "<span class=\"verdict v%d\">%s</span>", (int)v, loam_verdict_name(v));
}

void loam_page_begin_table(loam_page *g, const char *columns)
{
    loam_page_put(g, "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for (const char *at = columns; at;) {
        const char *end = strchr(at, '|'), *colon = strchr(at, ':');
        size_t n = end ? (size_t)(end - at) : strlen(at);
        if (colon && colon < at + n) {
            loam_buf_printf(g->out, "<th class=\"%.*s\">", (int)(colon - at), at);
            n -= (size_t)(colon + 1 - at);
            at = colon + 1;
        } else {
            loam_page_put(g, "<th>");
        }
        loam_buf_add(g->out, at, n);
        loam_page_put(g, "</th>");
        at = end ? end + 1 : NULL;
    }
    loam_page_put(g, "</tr></thead><tbody>\n");
}

void loam_page_end_table(loam_page *g)
{
    loam_page_put(g, "</tbody></table></div>\n");
}

void loam_page_begin_folded(loam_page *g, bool open, const char *what, size_t n)
{
    loam_buf_printf(g->out, "<details%s><summary>All %zu %s</summary>", open ? " open" : "", n, what);
}

const char *loam_page_chip_class(const loam_page *g, int chip, char out[16])
{
    int k = g->m->colour[chip];
    snprintf(out, 16, "k%d", k < 0 ? 0 : k % LOAM_PALETTE);
    return out;
}

void loam_page_chip_legend(loam_page *g, const bool *mask, bool rented, const char *line)
{
    char k[16];
    loam_page_put(g, "<ul class=\"legend\">");
    for (size_t c = 0; c < g->m->chips; c++) {
        if (!g->m->chip_used[c] || (mask && !mask[c]))
            continue;
        loam_buf_printf(g->out, "<li><i class=\"%s\"></i>", loam_page_chip_class(g, (int)c, k));
        loam_page_say(g, "%s", g->s->chips[c].chip.name);
        loam_page_put(g, "</li>");
    }
    if (rented)
        loam_page_put(g, "<li><i class=\"rented\"></i>outlined: rented</li>");
    if (line)
        loam_buf_printf(g->out, "<li><i class=\"stroke\"></i>%s</li>", line);
    loam_page_put(g, "</ul>\n");
}

static void put_head(loam_page *g)
{
    const loam_scenario *s = g->s;
    const char *title = s->title && *s->title ? s->title : s->name;
    loam_page_put(g, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                     "<meta name=\"color-scheme\" content=\"light dark\"><title>");
    loam_page_say(g, "%s: fleet plan", title);
    loam_page_put(g, "</title>\n<style>\n");
    loam_page_put(g, loam_report_css);
    loam_page_put(g,
                  "</style></head>\n<body>\n<header><p class=\"brand\">"
                  "<svg viewBox=\"0 0 32 32\" width=\"22\" height=\"22\" aria-hidden=\"true\"><clipPath id=\"disc\">"
                  "<circle cx=\"16\" cy=\"16\" r=\"15\"/></clipPath><g clip-path=\"url(#disc)\"><path fill=\"#7f9150\" "
                  "d=\"M0 0h32v8.6c-5 2.4-9.4-1.8-15.4.2S6.6 12.6 0 9.8z\"/><path fill=\"#c0683a\" d=\"M0 12.2c6.6 2.8 "
                  "11-.8 17-2.8s10.4 1.8 15-.4v8.4c-5.4 3-9.6.2-15.6 1.8S5.600 22.200 0 19.600z\"/><path "
                  "fill=\"#5a3a28\" d=\"M0 22c6 2.6 11.4-.4 17-2.2s10 1 15-1.6V32H0z\"/></g></svg>"
                  "Loam fleet plan</p>\n<h1>");
    loam_page_say(g, "%s", title);
    loam_page_put(g, "</h1>\n<p class=\"under\">");
    loam_page_say(g, "%s, %s to %s", s->name, loam_figure_month(s, 0).text, loam_figure_month(s, s->months - 1).text);
    if (s->hq)
        loam_page_say(g, " · buyer's parent in %s", s->hq);
    loam_page_say(g, " · %s",
                  s->goal == LOAM_GOAL_SERVE_ALL ? "goal: serve all demand at least cost"
                                                 : "goal: serve the most within the budgets, then least cost");
    loam_page_put(g, "</p>\n");
    if (s->note && *s->note) {
        loam_page_put(g, "<p class=\"note\">");
        loam_page_say(g, "%s", s->note);
        loam_page_put(g, "</p>\n");
    }
    loam_page_put(g, "</header>\n");
}

static void put_contents(loam_page *g, bool fits)
{
    const struct {
        const char *id, *name;
        bool there;
    } parts[] = {{"answer", "Answer", true},
                 {"purchases", "Purchases", fits},
                 {"services", "Services", fits && g->s->n_services},
                 {"training", "Training", fits && g->s->n_trainings},
                 {"money", "Money", fits},
                 {"power", "Power", fits},
                 {"limits", "What binds", fits},
                 {"doubt", "Doubt", g->d},
                 {"rulings", "Export rules", true},
                 {"replicas", "Performance", g->p->replicas},
                 {"refusals", "Refused", g->p->n_refusals},
                 {"assumptions", "Assumptions", true}};
    loam_page_put(g, "<nav aria-label=\"Sections\">");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].there)
            loam_buf_printf(g->out, "<a href=\"#%s\">%s</a>", parts[i].id, parts[i].name);
    }
    loam_page_put(g, "</nav>\n<main>\n");
}

static void put_page(loam_page *g)
{
    bool fits = g->p->status != LOAM_PLAN_INFEASIBLE;
    put_head(g);
    put_contents(g, fits);
    loam_page_answer(g);
    if (fits) {
        loam_page_purchases(g);
        loam_page_services(g);
        loam_page_training(g);
        loam_page_money(g);
        loam_page_power(g);
        loam_page_limits(g);
    }
    loam_page_doubt(g);
    loam_page_rulings(g);
    loam_page_replicas(g);
    loam_page_refusals(g);
    loam_page_assumptions(g);
    loam_page_put(g, "</main>\n<footer><p>");
    loam_page_say(g, "%s", loam_words_no_advice);
    loam_page_put(g, "</p></footer>\n<script>\n");
    loam_page_put(g, loam_report_js);
    loam_page_put(g, "</script>\n</body></html>\n");
}

void loam_report_html(const loam_scenario *s, const loam_plan *p, const loam_doubt_result *d, loam_buf *out)
{
    loam_fleet_sums m;
    if (d && !d->n_flips && !d->n_futures)
        d = NULL;
    loam_page g = {.s = s, .p = p, .d = d, .m = &m, .out = out};
    loam_buf_init(&g.line, MAX_LINE);
    if (loam_fleet_sums_init(&m, s, p))
        put_page(&g);
    else
        out->failed = true;
    loam_buf_deinit(&g.line);
    loam_fleet_sums_deinit(&m);
}
