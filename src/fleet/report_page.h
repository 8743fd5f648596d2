/* The parts of the HTML page (report_html*.c, report_plots*.c). */
#ifndef LOAM_FLEET_REPORT_PAGE_H
#define LOAM_FLEET_REPORT_PAGE_H

#include "fleet/report_int.h"
#include "fleet/report_svg.h"

typedef struct loam_page {
    const loam_scenario *s;
    const loam_plan *p;
    const loam_doubt_result *d; /* may be NULL */
    const loam_fleet_sums *m;
    loam_buf *out;
    loam_buf line; /* a sentence in the making */
    int pictures;
} loam_page;

/* Markup as it is; text from outside goes through the second, which escapes all of what it formats. */
void loam_page_put(loam_page *g, const char *markup);
void loam_page_say(loam_page *g, const char *fmt, ...) LOAM_PRINTF(2, 3);
/* The sentence in the making, escaped, between the two pieces of markup; then it is empty. */
void loam_page_line(loam_page *g, const char *before, const char *after);
void loam_page_begin_section(loam_page *g, const char *id, const char *title);
/* Ends a section with how its numbers come about (markup, may be NULL). */
void loam_page_end_section(loam_page *g, const char *how);
/* A cell of a table, closed, with what fmt says escaped; class may be NULL ("n": a number, "w": a bar, "why": prose).
 */
void loam_page_cell(loam_page *g, const char *class_name, const char *fmt, ...) LOAM_PRINTF(3, 4);
void loam_page_bar(loam_page *g, const loam_bar_part *parts, size_t n);
void loam_page_chip_cell(loam_page *g, int chip);
void loam_page_verdict(loam_page *g, loam_verdict v);
/* Columns as "service|n:asked a day|w:": a class may stand before each heading. */
void loam_page_begin_table(loam_page *g, const char *columns);
void loam_page_end_table(loam_page *g);
/* A part that can be folded; the caller closes </details>. */
void loam_page_begin_folded(loam_page *g, bool open, const char *what, size_t n);
/* "k3": the class of a chip's colour. */
const char *loam_page_chip_class(const loam_page *g, int chip, char out[16]);
/* What the colours of the chips mean, for those of the mask ([chips]; NULL: all that are used). */
void loam_page_chip_legend(loam_page *g, const bool *mask, bool rented, const char *line);

/* Plots. Wide ones are drawn twice, for a desk and for a phone; the style sheet shows one. */
void loam_plots_purchases(loam_page *g);
void loam_plots_fleet(loam_page *g);
void loam_plots_services(loam_page *g);
void loam_plots_spend(loam_page *g);
void loam_plots_power(loam_page *g);
void loam_plots_training(loam_page *g);
void loam_plots_futures(loam_page *g);

/* Sections, in the order of the page. */
void loam_page_answer(loam_page *g);
void loam_page_purchases(loam_page *g);
void loam_page_services(loam_page *g);
void loam_page_training(loam_page *g);
void loam_page_money(loam_page *g);
void loam_page_power(loam_page *g);
void loam_page_limits(loam_page *g);
void loam_page_doubt(loam_page *g);
void loam_page_rulings(loam_page *g);
void loam_page_replicas(loam_page *g);
void loam_page_refusals(loam_page *g);
void loam_page_assumptions(loam_page *g);

/* report.css and report.js, made part of the program by data/embed.c. */
extern const char loam_report_css[], loam_report_js[];

#endif
