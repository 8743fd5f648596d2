/* The plots over time: what is bought, what stands, what is served, what is paid, what is drawn from the grid. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/report_page.h"

enum { WIDE = 1080, HALF = 530, SMALL = 344, WIDE_HEIGHT = 300, HALF_HEIGHT = 270, SMALL_HEIGHT = 210 };

/* A stack of layers over the months, and lines above it. */
typedef struct stack {
    const char *title, *desc, *caption;
    loam_plot_unit unit;
    double bar; /* share of a month's band that a bar takes: 1 makes an area of steps */
    size_t n_layers;
    struct layer {
        const char *name, *class_name;
        const double *y; /* [months] */
    } layers[2 * LOAM_FLEET_MAX_CHIPS];
    const double *line; /* [months] or NULL */
    const char *line_name;
    loam_figure (*figure)(double y);
} stack;

static double highest(const loam_page *g, const stack *k)
{
    double most = 0;
    for (int t = 0; t < g->m->months; t++) {
        double sum = 0;
        for (size_t i = 0; i < k->n_layers; i++)
            sum += k->layers[i].y[t];
        most = fmax(most, fmax(sum, k->line ? k->line[t] : 0));
    }
    return most;
}

static void draw(loam_page *g, const stack *k, int width, int height)
{
    loam_plot p = loam_plot_begin(g->out, &g->pictures, width, height, g->m->months, highest(g, k), k->unit, k->caption,
                                  k->title, k->desc);
    loam_page_put(g, k->bar < 1 ? "<g>" : "<g class=\"steps\">");
    for (int t = 0; t < g->m->months; t++) {
        double at = 0;
        for (size_t i = 0; i < k->n_layers; i++) {
            double y = k->layers[i].y[t];
            if (y <= 0)
                continue;
            char tip[256];
            snprintf(tip, sizeof tip, "%s · %.150s: %s", loam_figure_month(g->s, t).text, k->layers[i].name,
                     k->figure(y).text);
            loam_plot_bar(&p, t, k->bar, at, at + y, k->layers[i].class_name, tip);
            at += y;
        }
    }
    loam_page_put(g, "</g>");
    if (k->line)
        loam_plot_steps(&p, k->line, "line");
    loam_plot_months(&p, g->s->start);
    loam_plot_end(&p);
}

/* Drawn for a desk and again for a phone. */
static void draw_twice(loam_page *g, const stack *k, int width, int height)
{
    loam_page_put(g, "<div class=\"desk\">");
    draw(g, k, width, height);
    loam_page_put(g, "</div><div class=\"phone\">");
    draw(g, k, SMALL, SMALL_HEIGHT);
    loam_page_put(g, "</div>");
}

static void open_figure(loam_page *g, const char *class_name)
{
    loam_page_put(g, "<figure class=\"");
    loam_page_put(g, class_name);
    loam_page_put(g, "\"><figcaption><b>");
}

static double total(const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += y[i];
    return sum;
}

/* One layer a chip, of [chips][months]; the classes of the colours are kept in space. */
static void add_chips(const loam_page *g, stack *k, const double *by_chip, char space[][16], const char *more)
{
    for (size_t c = 0; c < g->m->chips && k->n_layers < 2 * LOAM_FLEET_MAX_CHIPS; c++) {
        const double *y = by_chip + c * (size_t)g->m->months;
        bool any = false;
        for (int t = 0; t < g->m->months; t++)
            any |= y[t] > 0;
        if (!any)
            continue;
        char colour[16];
        snprintf(space[k->n_layers], 16, "%.4s%.10s", loam_page_chip_class(g, (int)c, colour), more);
        k->layers[k->n_layers] = (struct layer){g->s->chips[c].chip.name, space[k->n_layers], y};
        k->n_layers++;
    }
}

static loam_figure servers(double n)
{
    loam_figure f;
    snprintf(f.text, sizeof f.text, "%.28s server%s", loam_figure_count(n).text, n == 1 ? "" : "s");
    return f;
}

static loam_figure per_second(double n)
{
    loam_figure f;
    snprintf(f.text, sizeof f.text, "%.28s /s", loam_figure_count(n).text);
    return f;
}

void loam_plots_purchases(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    size_t row = (size_t)m->months, block = m->chips * row;
    double *all = loam_arena_alloc(m->arena, 2 * block * sizeof *all);
    if (!all) {
        g->out->failed = true;
        return;
    }
    for (size_t r = 0; r < m->regions; r++) {
        for (size_t i = 0; i < block; i++) {
            all[i] += m->bought[r * block + i];
            all[block + i] += m->rented[r * block + i];
        }
    }
    char space[2 * LOAM_FLEET_MAX_CHIPS][16];
    stack k = {.title = "Servers ordered and rented by month, all regions",
               .desc = "Stacked bars by chip, by the month of the order",
               .caption = "servers",
               .unit = LOAM_PLOT_WHOLE,
               .bar = .72,
               .figure = servers};
    add_chips(g, &k, all, space, "");
    add_chips(g, &k, all + block, space, " rented");
    bool mask[LOAM_FLEET_MAX_CHIPS];
    for (size_t c = 0; c < m->chips && c < LOAM_FLEET_MAX_CHIPS; c++)
        mask[c] = total(all + c * row, row) + total(all + block + c * row, row) > 0;
    loam_page_chip_legend(g, mask, m->servers_rented > 0, NULL);
    open_figure(g, "wide");
    loam_page_put(g, "All regions</b></figcaption>");
    draw_twice(g, &k, WIDE, WIDE_HEIGHT);
    loam_page_put(g, "</figure>\n<div class=\"many\">");
    for (size_t r = 0; r < m->regions; r++) {
        double bought = total(m->bought + r * block, block), rented = total(m->rented + r * block, block);
        if (bought + rented <= 0)
            continue;
        char title[160];
        snprintf(title, sizeof title, "Servers ordered and rented by month in %.100s", g->s->regions[r].name);
        k.n_layers = 0;
        k.title = title;
        add_chips(g, &k, m->bought + r * block, space, "");
        add_chips(g, &k, m->rented + r * block, space, " rented");
        open_figure(g, "small");
        loam_page_say(g, "%s", g->s->regions[r].name);
        loam_page_put(g, "</b> ");
        if (bought > 0)
            loam_page_say(g, "%s bought%s", servers(bought).text, rented > 0 ? ", " : "");
        if (rented > 0)
            loam_page_say(g, "%s rented", servers(rented).text);
        loam_page_put(g, "</figcaption>");
        draw(g, &k, SMALL, SMALL_HEIGHT);
        loam_page_put(g, "</figure>");
    }
    loam_page_put(g, "</div>\n");
}

/* What stands, and what it does. */
void loam_plots_fleet(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    char space[2 * LOAM_FLEET_MAX_CHIPS][16];
    stack k = {.title = "Servers in operation by chip",
               .desc = "Steps by month, stacked by chip: owned, delivered and rented servers",
               .caption = "servers",
               .unit = LOAM_PLOT_WHOLE,
               .bar = 1,
               .figure = servers};
    add_chips(g, &k, m->fleet, space, "");
    loam_page_put(g, "<div class=\"pair\">");
    open_figure(g, "half");
    loam_page_put(g, "Servers in operation</b> by chip</figcaption>");
    draw_twice(g, &k, HALF, HALF_HEIGHT);
    loam_page_put(g, "</figure>");
    static const char *const names[] = {"serving", "training", "kept spare (N+1 and reserve)", "idle"};
    static const char *const classes[] = {"u0", "u1", "u2", "u3"};
    k = (stack){.title = "What the servers do at the busiest hour",
                .desc = "Steps by month: serving, training, spare and idle servers",
                .caption = "servers",
                .unit = LOAM_PLOT_WHOLE,
                .bar = 1,
                .n_layers = 4,
                .figure = servers};
    for (int i = 0; i < 4; i++)
        k.layers[i] = (struct layer){names[i], classes[i], m->use[i]};
    open_figure(g, "half");
    loam_page_put(g, "What they do</b> at the busiest hour</figcaption>");
    draw_twice(g, &k, HALF, HALF_HEIGHT);
    loam_page_put(g, "<ul class=\"legend\">");
    for (int i = 0; i < 4; i++) {
        if (total(m->use[i], (size_t)m->months) <= 0)
            continue;
        loam_buf_printf(g->out, "<li><i class=\"%s\"></i>%s</li>", classes[i], names[i]);
    }
    loam_page_put(g, "</ul></figure></div>\n");
}

void loam_plots_services(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    size_t row = (size_t)m->months;
    char space[2 * LOAM_FLEET_MAX_CHIPS][16], title[160];
    loam_page_chip_legend(g, NULL, false, "demand");
    loam_page_put(g, "<div class=\"many\">");
    for (size_t v = 0; v < m->services; v++) {
        snprintf(title, sizeof title, "Load of %.100s in its busiest hours", g->s->services[v].name);
        stack k = {.title = title,
                   .desc = "Steps by month: requests a second that each chip serves; the line is the demand",
                   .caption = "requests a second",
                   .bar = 1,
                   .line = m->demand + v * row,
                   .figure = per_second};
        add_chips(g, &k, m->by_chip + v * m->chips * row, space, "");
        double want = total(m->demand_day + v * row, row), get = total(m->served_day + v * row, row);
        open_figure(g, "small");
        loam_page_say(g, "%s", g->s->services[v].name);
        loam_page_put(g, "</b> ");
        loam_page_say(g, "%s of its requests served", loam_figure_share(want > 0 ? get / want : 1).text);
        loam_page_put(g, "</figcaption>");
        draw(g, &k, SMALL, SMALL_HEIGHT);
        loam_page_put(g, "</figure>");
    }
    loam_page_put(g, "</div>\n");
}

void loam_plots_spend(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    size_t row = (size_t)m->months;
    double *by_region = loam_arena_alloc(m->arena, m->regions * row * sizeof *by_region);
    if (!by_region) {
        g->out->failed = true;
        return;
    }
    stack k = {.title = "Money paid by month and region",
               .desc = "Stacked bars by region: purchases, rent and running costs as they are paid",
               .caption = "USD",
               .bar = .72,
               .figure = loam_figure_usd};
    char space[LOAM_FLEET_MAX_REGIONS][16];
    loam_page_put(g, "<ul class=\"legend\">");
    for (size_t r = 0; r < m->regions && r < LOAM_FLEET_MAX_REGIONS; r++) {
        for (size_t t = 0; g->p->spend && t < row; t++)
            for (int i = 0; i < 3; i++)
                by_region[r * row + t] += g->p->spend[(t * m->regions + r) * 3 + (size_t)i];
        if (total(by_region + r * row, row) <= 0)
            continue;
        snprintf(space[r], sizeof space[r], "r%zu", r % LOAM_PALETTE);
        k.layers[k.n_layers++] = (struct layer){g->s->regions[r].name, space[r], by_region + r * row};
        loam_buf_printf(g->out, "<li><i class=\"%s\"></i>", space[r]);
        loam_page_say(g, "%s", g->s->regions[r].name);
        loam_page_put(g, "</li>");
    }
    loam_page_put(g, "</ul>");
    open_figure(g, "wide");
    loam_page_put(g, "Paid by month</b> by region, as the money flows</figcaption>");
    draw_twice(g, &k, WIDE, WIDE_HEIGHT);
    loam_page_put(g, "</figure>\n");
}

void loam_plots_power(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    size_t row = (size_t)m->months, block = m->chips * row;
    double *by_chip = loam_arena_alloc(m->arena, m->regions * block * sizeof *by_chip);
    if (!by_chip) {
        g->out->failed = true;
        return;
    }
    for (size_t i = 0; i < g->p->n_stock; i++) {
        const loam_plan_stock *k = &g->p->stock[i];
        by_chip[(size_t)k->region * block + (size_t)k->chip * row + (size_t)k->month] += k->power_kw;
    }
    char space[2 * LOAM_FLEET_MAX_CHIPS][16], title[160];
    loam_page_chip_legend(g, NULL, false, "available");
    loam_page_put(g, "<div class=\"many\">");
    for (size_t r = 0; r < m->regions; r++) {
        const double *used = m->power_kw + r * row, *limit = g->s->regions[r].power_kw;
        if (total(used, row) + total(limit, row) <= 0)
            continue;
        double peak = 0, of = 0;
        for (size_t t = 0; t < row; t++) {
            if (used[t] >= peak) {
                peak = used[t];
                of = limit[t];
            }
        }
        snprintf(title, sizeof title, "Power drawn in %.100s", g->s->regions[r].name);
        stack k = {.title = title,
                   .desc = "Steps by month: power of the servers by chip; the line is what is available",
                   .caption = "",
                   .unit = LOAM_PLOT_KW,
                   .bar = 1,
                   .line = limit,
                   .figure = loam_figure_kw};
        for (size_t t = 0; t < row; t++)
            k.line = isfinite(limit[t]) ? k.line : NULL;
        add_chips(g, &k, by_chip + r * block, space, "");
        open_figure(g, "small");
        loam_page_say(g, "%s", g->s->regions[r].name);
        loam_page_put(g, "</b> ");
        if (peak > 0)
            loam_page_say(g, "at most %s of %s", loam_figure_kw(peak).text, loam_figure_kw(of).text);
        else
            loam_page_say(g, "nothing drawn of %s", loam_figure_kw(of).text);
        loam_page_put(g, "</figcaption>");
        draw(g, &k, SMALL, SMALL_HEIGHT);
        loam_page_put(g, "</figure>");
    }
    loam_page_put(g, "</div>\n");
}

static loam_figure chip_months(double n)
{
    loam_figure f;
    snprintf(f.text, sizeof f.text, "%.28s chips", loam_figure_count(n).text);
    return f;
}

void loam_plots_training(loam_page *g)
{
    const loam_fleet_sums *m = g->m;
    size_t row = (size_t)m->months;
    char space[2 * LOAM_FLEET_MAX_CHIPS][16], title[160];
    loam_page_put(g, "<div class=\"many\">");
    for (int j = 0; j < (int)g->s->n_trainings; j++) {
        double *by_chip = loam_arena_alloc(m->arena, m->chips * row * sizeof *by_chip), done = 0;
        if (!by_chip) {
            g->out->failed = true;
            return;
        }
        for (size_t i = 0; i < g->p->n_training; i++) {
            const loam_plan_training *t = &g->p->training[i];
            if (t->training != j)
                continue;
            by_chip[(size_t)t->chip * row + (size_t)t->month] += t->chip_months;
            done += t->chip_months;
        }
        if (done <= 0)
            continue;
        snprintf(title, sizeof title, "Chips that train %.100s by month", g->s->trainings[j].name);
        stack k = {.title = title,
                   .desc = "Bars by month: chips at work on the run",
                   .caption = "chips at work",
                   .bar = .72,
                   .figure = chip_months};
        add_chips(g, &k, by_chip, space, "");
        open_figure(g, "small");
        loam_page_say(g, "%s", g->s->trainings[j].name);
        loam_page_put(g, "</b> ");
        loam_page_say(g, "%s chip-months", loam_figure_count(done).text);
        loam_page_put(g, "</figcaption>");
        draw(g, &k, SMALL, SMALL_HEIGHT);
        loam_page_put(g, "</figure>");
    }
    loam_page_put(g, "</div>\n");
}
