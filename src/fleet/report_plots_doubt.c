/* Histograms of the drawn futures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/report_page.h"

enum { BINS = 20, WIDTH = 344, HEIGHT = 210 };

typedef struct histogram {
    const char *title, *name;
    size_t at;   /* offset of the number in a future */
    double plan; /* the plan's own value, marked; NAN: none */
    const char *class_name;
    void (*write)(double x, char out[40]);
} histogram;

static void write_usd(double x, char out[40])
{
    loam_figure f = loam_figure_usd(x);
    size_t n = strlen(f.text);
    if (n > 4 && !strcmp(f.text + n - 4, " USD"))
        f.text[n - 4] = 0;
    memcpy(out, f.text, sizeof f.text);
}

static void write_share(double x, char out[40])
{
    loam_figure f = loam_figure_share(x);
    memcpy(out, f.text, sizeof f.text);
}

static double value_of(const loam_future *f, size_t at)
{
    double x;
    memcpy(&x, (const char *)f + at, sizeof x);
    return x;
}

/* Borders of the bins are round numbers, so that what stands under them says exactly where a bin ends. */
static int choose_bins(double *low, double *high, double most)
{
    double step = loam_nice_step(*high - *low, BINS / 2);
    *low = floor(*low / step + 1e-9) * step;
    *high = fmin(ceil(*high / step - 1e-9) * step, most);
    if (!(*high > *low))
        *high = *low + step;
    int n = (int)ceil((*high - *low) / step - 1e-9);
    return n < 1 ? 1 : n > 60 ? 60 : n;
}

static void draw(loam_page *g, const histogram *h)
{
    const loam_doubt_result *d = g->d;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < d->n_futures; i++) {
        double x = value_of(&d->futures[i], h->at);
        if (isfinite(x)) {
            low = fmin(low, x);
            high = fmax(high, x);
        }
    }
    if (!isfinite(low))
        return;
    int n = choose_bins(&low, &high, h->write == write_share ? 1 : INFINITY);
    double counts[64] = {0}, most = 0;
    for (size_t i = 0; i < d->n_futures; i++) {
        double x = value_of(&d->futures[i], h->at);
        if (!isfinite(x))
            continue;
        int b = (int)((x - low) / (high - low) * n);
        counts[b < 0 ? 0 : b >= n ? n - 1 : b]++;
    }
    for (int b = 0; b < n; b++)
        most = fmax(most, counts[b]);
    loam_page_put(g, "<figure class=\"small\"><figcaption><b>");
    loam_page_say(g, "%s", h->title);
    loam_page_put(g, "</b></figcaption>");
    loam_plot p = loam_plot_begin(g->out, &g->pictures, WIDTH, HEIGHT, n, most, LOAM_PLOT_WHOLE, "futures", h->title,
                                  "Histogram over the drawn futures");
    for (int b = 0; b < n; b++) {
        char tip[160], from[40], to[40];
        h->write(low + (high - low) * b / n, from);
        h->write(low + (high - low) * (b + 1) / n, to);
        snprintf(tip, sizeof tip, "%s %s to %s: %.0f of %zu futures", h->name, from, to, counts[b], d->n_futures);
        loam_plot_bar(&p, b, .92, 0, counts[b], h->class_name, tip);
    }
    if (h->plan >= low && h->plan <= high)
        loam_plot_mark(&p, (h->plan - low) / (high - low), "the plan");
    loam_plot_borders(&p, low, high, h->write);
    loam_plot_end(&p);
    loam_page_put(g, "</figure>");
}

void loam_plots_futures(loam_page *g)
{
    const histogram all[] = {
        {"What it costs", "cost", offsetof(loam_future, cost), g->p->cost.total, "k0", write_usd},
        {"What it serves", "served", offsetof(loam_future, served), g->p->served_share, "k2", write_share},
        {"Regret in cost", "regret", offsetof(loam_future, regret), NAN, "k1", write_usd}};
    loam_page_put(g, "<div class=\"many\">");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        draw(g, &all[i]);
    loam_page_put(g, "</div>\n");
}
