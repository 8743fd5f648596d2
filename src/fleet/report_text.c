/* The terminal's summary of a plan: what a person reads before opening the page. Plain text. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/report_int.h"

enum { LEAST_WIDTH = 50, MAX_TEXT = 1 << 20, MAX_PERIODS = 24, TOP_LIMITS = 6, TOP_REFUSALS = 8, TOP_FLIPS = 6 };

typedef struct view {
    const loam_scenario *s;
    const loam_plan *p;
    const loam_fleet_sums *m;
    int width;
    loam_buf *out;
    loam_buf line; /* a paragraph in the making */
} view;

static void put_heading(view *v, const char *text)
{
    loam_buf_char(v->out, '\n');
    loam_text_wrap(text, 0, 0, v->width, v->out);
}

/* The line in the making becomes a paragraph. */
static void put_line(view *v, int indent, int hang)
{
    loam_text_wrap(loam_buf_text(&v->line), indent, hang, v->width, v->out);
    loam_buf_truncate(&v->line, 0);
}

static void put_title(view *v)
{
    const loam_scenario *s = v->s;
    loam_text_wrap(s->title && *s->title ? s->title : s->name, 0, 0, v->width, v->out);
    for (int i = 0; i < v->width; i++)
        loam_buf_str(v->out, "═");
    loam_buf_char(v->out, '\n');
    loam_buf_printf(&v->line, "%s, %s to %s; %zu region%s, %zu chip%s, %zu service%s, %zu training run%s", s->name,
                    loam_figure_month(s, 0).text, loam_figure_month(s, s->months - 1).text, s->n_regions,
                    s->n_regions == 1 ? "" : "s", s->n_chips, s->n_chips == 1 ? "" : "s", s->n_services,
                    s->n_services == 1 ? "" : "s", s->n_trainings, s->n_trainings == 1 ? "" : "s");
    if (s->hq)
        loam_buf_printf(&v->line, "; the buyer's parent is in %s", s->hq);
    put_line(v, 0, 2);
    loam_buf_str(&v->line, "Status: ");
    loam_words_status(v->p, &v->line);
    loam_buf_printf(&v->line, ". Solved in %s.", loam_figure_seconds(v->p->seconds).text);
    put_line(v, 0, 2);
}

static void put_list(view *v, const char *heading, const char *const *items, size_t n, bool numbered)
{
    if (!n)
        return;
    put_heading(v, heading);
    for (size_t i = 0; i < n; i++) {
        if (numbered)
            loam_buf_printf(&v->line, "%zu. %s", i + 1, items[i]);
        else
            loam_buf_printf(&v->line, "- %s", items[i]);
        put_line(v, 2, numbered ? 3 : 2);
    }
}

/* Months are shown by the quarter while the columns fit the width, then by half years and years. */
typedef struct periods {
    int months, n, first;
} periods;

static periods choose_periods(const loam_scenario *s, int room)
{
    static const int steps[] = {3, 6, 12, 24, 1200};
    periods q = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        q = (periods){steps[i], (s->start + s->months - 1) / steps[i] - s->start / steps[i] + 1, s->start / steps[i]};
        if (q.n * 9 <= room && q.n <= 12)
            break;
    }
    return q;
}

static int period_of(const loam_scenario *s, periods q, int month)
{
    return (s->start + month) / q.months - q.first;
}

static void period_name(periods q, int i, char out[16])
{
    int month = (q.first + i) * q.months, year = 1970 + month / 12;
    if (q.months == 3)
        snprintf(out, 16, "%d Q%d", year, month % 12 / 3 + 1);
    else if (q.months == 6)
        snprintf(out, 16, "%d H%d", year, month % 12 / 6 + 1);
    else if (q.months == 12)
        snprintf(out, 16, "%d", year);
    else if (q.months == 24)
        snprintf(out, 16, "%d-%02d", year, (year + 1) % 100);
    else
        snprintf(out, 16, "servers");
}

/* One row of servers by period; true if there are any. */
static bool put_servers(view *v, loam_columns *t, const char *label, periods q, const double *by_month, double usd)
{
    double sums[MAX_PERIODS] = {0}, total = 0;
    for (int m = 0; m < v->s->months; m++) {
        sums[period_of(v->s, q, m)] += by_month[m];
        total += by_month[m];
    }
    if (total <= 0)
        return false;
    loam_figure figures[MAX_PERIODS + 2];
    const char *cells[MAX_PERIODS + 3] = {label};
    for (int i = 0; i < q.n; i++) {
        figures[i] = loam_figure_count(sums[i]);
        cells[i + 1] = sums[i] > 0 ? figures[i].text : "·";
    }
    figures[q.n] = loam_figure_count(total);
    figures[q.n + 1] = loam_figure_usd(usd);
    int n = q.n + 1;
    if (q.months < 1200)
        cells[n++] = figures[q.n].text;
    cells[n] = figures[q.n + 1].text;
    return loam_columns_row(t, cells);
}

static double price_of(const view *v, int region, int chip, bool rent)
{
    double usd = 0;
    for (size_t i = 0; !rent && i < v->p->n_orders; i++)
        usd += v->p->orders[i].region == region && v->p->orders[i].chip == chip ? v->p->orders[i].usd : 0;
    for (size_t i = 0; rent && i < v->p->n_rents; i++)
        usd += v->p->rents[i].region == region && v->p->rents[i].chip == chip ? v->p->rents[i].usd : 0;
    return usd;
}

static void put_verdicts(view *v)
{
    double servers[LOAM_VERDICT_COUNT] = {0};
    for (size_t i = 0; i < v->p->n_orders; i++)
        servers[v->p->orders[i].verdict] += v->p->orders[i].servers;
    for (int k = LOAM_VERDICT_FREE + 1; k < LOAM_VERDICT_COUNT; k++) {
        if (servers[k] > 0) {
            loam_buf_printf(&v->line, "%s of the bought servers fall under the verdict \"%s\" at delivery.",
                            loam_figure_count(servers[k]).text, loam_verdict_name((loam_verdict)k));
            put_line(v, 2, 2);
        }
    }
}

static void put_purchases(view *v)
{
    const loam_scenario *s = v->s;
    const loam_fleet_sums *m = v->m;
    put_heading(v, "What to buy and rent (servers, by the date of the order)");
    if (m->servers_bought + m->servers_rented <= 0) {
        loam_text_wrap("Nothing.", 2, 0, v->width, v->out);
        return;
    }
    periods q = choose_periods(s, v->width - 46);
    char align[MAX_PERIODS + 4] = "l", names[MAX_PERIODS][16];
    const char *cells[MAX_PERIODS + 3] = {""};
    for (int i = 0; i < q.n; i++) {
        period_name(q, i, names[i]);
        cells[i + 1] = names[i];
    }
    int n = q.n + 1;
    if (q.months < 1200)
        cells[n++] = "total";
    cells[n++] = "price";
    memset(align + 1, 'r', (size_t)n - 1);
    align[n] = 0;
    loam_columns t = loam_columns_begin(m->arena, align);
    loam_columns_row(&t, cells);
    double *all = loam_arena_alloc(m->arena, (size_t)s->months * sizeof *all), usd = 0;
    if (!all)
        return;
    for (size_t r = 0; r < m->regions; r++) {
        bool named = false;
        for (size_t k = 0; k < 2 * m->chips; k++) {
            bool rent = k >= m->chips;
            size_t c = k % m->chips, at = (r * m->chips + c) * (size_t)s->months;
            const double *by_month = (rent ? m->rented : m->bought) + at;
            double any = 0, price = price_of(v, (int)r, (int)c, rent);
            for (int i = 0; i < s->months; i++) {
                any += by_month[i];
                all[i] += by_month[i];
            }
            if (any <= 0)
                continue;
            if (!named) {
                const char *blank[MAX_PERIODS + 3] = {s->regions[r].name};
                for (int i = 1; i < n; i++)
                    blank[i] = "";
                loam_columns_row(&t, blank);
                named = true;
            }
            char label[96];
            snprintf(label, sizeof label, "  %s%.80s", rent ? "rent " : "", s->chips[c].chip.name);
            put_servers(v, &t, label, q, by_month, price);
            usd += price;
        }
    }
    loam_columns_row(&t, (const char *const[MAX_PERIODS + 3]){NULL});
    put_servers(v, &t, "all", q, all, usd);
    loam_columns_end(&t, 2, v->width, v->out);
    put_verdicts(v);
}

static void put_services(view *v)
{
    const loam_scenario *s = v->s;
    const loam_fleet_sums *m = v->m;
    if (!m->services)
        return;
    put_heading(v, "What it serves (requests a day in the last month; shares of requests)");
    loam_columns t = loam_columns_begin(m->arena, "lrrrr");
    loam_columns_row(&t, (const char *const[]){"service", "demand", "served", "at the end", "all months"});
    for (size_t k = 0; k < m->services; k++) {
        const double *want = m->demand_day + k * (size_t)s->months, *get = m->served_day + k * (size_t)s->months;
        double want_all = 0, get_all = 0;
        for (int i = 0; i < s->months; i++) {
            want_all += want[i];
            get_all += get[i];
        }
        int last = s->months - 1;
        loam_figure f[] = {loam_figure_scaled(want[last]), loam_figure_scaled(get[last]),
                           loam_figure_share(want[last] > 0 ? get[last] / want[last] : 1),
                           loam_figure_share(want_all > 0 ? get_all / want_all : 1)};
        loam_columns_row(&t, (const char *const[]){s->services[k].name, f[0].text, f[1].text, f[2].text, f[3].text});
    }
    loam_columns_end(&t, 2, v->width, v->out);
    if (s->n_trainings)
        put_heading(v, "Training runs");
    for (int j = 0; j < (int)s->n_trainings; j++) {
        loam_words_training(s, v->p, j, &v->line);
        put_line(v, 2, 2);
    }
}

static void put_cost(view *v)
{
    const loam_plan_cost *c = &v->p->cost;
    const struct {
        const char *what;
        double usd;
    } parts[] = {{"servers and network", c->capex},
                 {"duties and fees", c->duty},
                 {"rent", c->rent},
                 {"energy", c->energy},
                 {"space (colocation)", c->colo},
                 {"repairs and staff", c->opex},
                 {"worth at the end", -c->residual}};
    put_heading(v, "What it costs (present value; shares of what is paid)");
    loam_columns t = loam_columns_begin(v->m->arena, "lrr");
    double paid = c->total + c->residual;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        loam_figure usd = loam_figure_usd(parts[i].usd), share = loam_figure_share(paid > 0 ? parts[i].usd / paid : 0);
        if (parts[i].usd != 0)
            loam_columns_row(&t, (const char *const[]){parts[i].what, usd.text, parts[i].usd > 0 ? share.text : ""});
    }
    loam_columns_row(&t, (const char *const[]){NULL});
    loam_figure usd = loam_figure_usd(c->total);
    loam_columns_row(&t, (const char *const[]){"total", usd.text, ""});
    loam_columns_end(&t, 2, v->width, v->out);
    double tonnes = loam_plan_carbon_t(v->s, v->p);
    if (tonnes > 0) {
        loam_buf_printf(&v->line,
                        "Electricity for it emits %s t of CO2 over the horizon, by the regions' yearly means.",
                        loam_figure_count(tonnes >= 100 ? round(tonnes) : tonnes).text);
        loam_text_wrap(loam_buf_text(&v->line), 2, 0, v->width, v->out);
        loam_buf_truncate(&v->line, 0);
    }
}

static void put_limits(view *v)
{
    size_t top[TOP_LIMITS], n = loam_plan_binding(v->p, TOP_LIMITS, top), all = 0;
    put_heading(v, "What binds (what one per cent more is worth most, first)");
    for (size_t i = 0; i < n; i++) {
        loam_buf_str(&v->line, "- ");
        loam_words_limit(v->p, &v->p->limits[top[i]], &v->line);
        put_line(v, 2, 2);
    }
    for (size_t i = 0; i < v->p->n_limits; i++)
        all += v->p->limits[i].binds;
    if (all > n)
        loam_buf_printf(&v->line, "and %zu more", all - n);
    else if (!n)
        loam_buf_str(&v->line, "No limit of the scenario binds: only demand and prices shape the plan.");
    if (v->line.len)
        put_line(v, 2, 0);
}

static void put_refusals(view *v)
{
    if (!v->p->n_refusals)
        return;
    put_heading(v, "Options that were refused");
    for (size_t i = 0; i < v->p->n_refusals && i < TOP_REFUSALS; i++) {
        loam_buf_printf(&v->line, "- %s: %s", v->p->refusals[i].what, v->p->refusals[i].why);
        put_line(v, 2, 2);
    }
    if (v->p->n_refusals > TOP_REFUSALS) {
        loam_buf_printf(&v->line, "and %zu more: the page and the table \"refusals\" have all of them",
                        v->p->n_refusals - TOP_REFUSALS);
        put_line(v, 2, 0);
    }
}

static void put_doubt(view *v, const loam_doubt_result *d)
{
    put_heading(v, "How sure it is");
    if (d->n_futures) {
        loam_words_futures(v->s, d, &v->line);
        put_line(v, 2, 0);
    }
    size_t top[TOP_FLIPS], n = loam_doubt_top_flips(v->p, d, TOP_FLIPS, top);
    for (size_t i = 0; i < n; i++) {
        loam_buf_str(&v->line, "- ");
        loam_words_flip(v->p, &d->flips[top[i]], &v->line);
        put_line(v, 2, 2);
    }
    if (n && loam_words_noise(v->p, &v->line))
        put_line(v, 2, 0);
}

void loam_report_text(const loam_scenario *s, const loam_plan *p, const loam_doubt_result *d, int width, loam_buf *out)
{
    loam_fleet_sums m;
    view v = {s, p, &m, width < LEAST_WIDTH ? LEAST_WIDTH : width, out, {0}};
    loam_buf_init(&v.line, MAX_TEXT);
    if (!loam_fleet_sums_init(&m, s, p)) {
        out->failed = true;
        loam_fleet_sums_deinit(&m);
        return;
    }
    put_title(&v);
    if (p->status == LOAM_PLAN_INFEASIBLE) {
        char head[160];
        snprintf(head, sizeof head, "%s:", loam_words_conflict(p));
        put_list(&v, head, p->conflict, p->n_conflict, false);
        put_list(&v, "Any one of these would do:", p->repairs, p->n_repairs, true);
    } else {
        put_purchases(&v);
        put_services(&v);
        put_cost(&v);
        put_limits(&v);
    }
    put_refusals(&v);
    if (d && (d->n_flips || d->n_futures))
        put_doubt(&v, d);
    loam_buf_char(out, '\n');
    loam_text_wrap(loam_words_no_advice, 0, 0, v.width, out);
    out->failed |= v.line.failed;
    loam_buf_deinit(&v.line);
    loam_fleet_sums_deinit(&m);
}
