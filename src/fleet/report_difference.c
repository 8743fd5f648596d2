/* Two plans side by side: what a change of one line changed. The scenarios may number their things differently, so
 * everything is matched by name. */
#include <math.h>
#include <string.h>

#include "fleet/report_int.h"

enum { WIDTH = 100, MAX_LINE = 1 << 16, MAX_CHANGES = 40 };

typedef struct side {
    const loam_scenario *s;
    const loam_plan *p;
    loam_fleet_sums m;
} side;

/* One thing that is bought or rented in one month. */
typedef struct deal {
    const char *what, *region;
    int month; /* since 1970: the scenarios may start in different months */
    int servers[2];
} deal;

typedef struct deals {
    deal *list;
    size_t n, max;
} deals;

static void add_deal(deals *d, const char *what, const char *region, int month, int which, int servers)
{
    for (size_t i = 0; i < d->n; i++) {
        deal *k = &d->list[i];
        if (k->month == month && !strcmp(k->what, what) && !strcmp(k->region, region)) {
            k->servers[which] += servers;
            return;
        }
    }
    if (d->n == d->max)
        return;
    d->list[d->n] = (deal){what, region, month, {0, 0}};
    d->list[d->n++].servers[which] = servers;
}

static bool collect(const side sides[2], bool rents, deals *d)
{
    const loam_plan *a = sides[0].p, *b = sides[1].p;
    d->n = 0;
    d->max = rents ? a->n_rents + b->n_rents : a->n_orders + b->n_orders;
    d->list = loam_arena_alloc(sides[0].m.arena, (d->max + 1) * sizeof *d->list);
    if (!d->list)
        return false;
    for (int which = 0; which < 2; which++) {
        const loam_scenario *s = sides[which].s;
        const loam_plan *p = sides[which].p;
        for (size_t i = 0; !rents && i < p->n_orders; i++) {
            const loam_plan_order *o = &p->orders[i];
            add_deal(d, s->supplies[o->supply].name, s->regions[o->region].name, s->start + o->month, which,
                     o->servers);
        }
        for (size_t i = 0; rents && i < p->n_rents; i++) {
            const loam_plan_rent *r = &p->rents[i];
            add_deal(d, s->rents[r->offer].name, s->regions[r->region].name, s->start + r->month, which, r->servers);
        }
    }
    return true;
}

/* The deals that differ, the largest difference first. */
static void put_deals(const side sides[2], bool rents, loam_buf *out)
{
    deals d;
    if (!collect(sides, rents, &d)) {
        out->failed = true;
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < d.n; i++) {
        deal k = d.list[i];
        int moved = k.servers[0] - k.servers[1];
        if (moved == 0)
            continue;
        size_t at = n++;
        for (; at > 0; at--) {
            int before = d.list[at - 1].servers[0] - d.list[at - 1].servers[1];
            if ((before < 0 ? -before : before) >= (moved < 0 ? -moved : moved))
                break;
            d.list[at] = d.list[at - 1];
        }
        d.list[at] = k;
    }
    if (!n) {
        loam_buf_printf(out, "\n%s\n", rents ? "The same rents." : "The same orders.");
        return;
    }
    loam_buf_printf(out, "\n%s that differ (servers)\n", rents ? "Rents" : "Orders");
    loam_columns t = loam_columns_begin(sides[0].m.arena, "lllrrr");
    loam_columns_row(&t, (const char *const[]){rents ? "offer" : "from", "region", "month", "before", "after", ""});
    for (size_t i = 0; i < n && i < MAX_CHANGES; i++) {
        const deal *k = &d.list[i];
        char month[8];
        loam_month_format(k->month, month);
        loam_figure before = loam_figure_count(k->servers[0]), after = loam_figure_count(k->servers[1]),
                    moved = loam_figure_change(k->servers[1] - k->servers[0], "");
        loam_columns_row(&t, (const char *const[]){k->what, k->region, month, before.text, after.text, moved.text});
    }
    loam_columns_end(&t, 2, WIDTH, out);
    if (n > MAX_CHANGES)
        loam_buf_printf(out, "  and %zu more\n", n - MAX_CHANGES);
}

static void put_row(loam_columns *t, const char *what, double before, double after, const char *unit)
{
    if (before == 0 && after == 0)
        return;
    loam_figure f[] = {loam_figure_of(before, unit), loam_figure_of(after, unit),
                       loam_figure_change(after - before, unit)};
    loam_columns_row(t, (const char *const[]){what, f[0].text, f[1].text, f[2].text});
}

static double peak_kw(const side *k)
{
    double peak = 0;
    for (int t = 0; t < k->m.months; t++) {
        double sum = 0;
        for (size_t r = 0; r < k->m.regions; r++)
            sum += k->m.power_kw[r * (size_t)k->m.months + (size_t)t];
        peak = fmax(peak, sum);
    }
    return peak;
}

static void put_sums(side sides[2], loam_buf *out)
{
    const loam_plan_cost *a = &sides[0].p->cost, *b = &sides[1].p->cost;
    loam_columns t = loam_columns_begin(sides[0].m.arena, "lrrr");
    loam_columns_row(&t, (const char *const[]){"", "before", "after", "change"});
    put_row(&t, "served", sides[0].p->served_share, sides[1].p->served_share, "share");
    put_row(&t, "total cost (present value)", a->total, b->total, "USD");
    put_row(&t, "  servers and network", a->capex, b->capex, "USD");
    put_row(&t, "  duties and fees", a->duty, b->duty, "USD");
    put_row(&t, "  rent", a->rent, b->rent, "USD");
    put_row(&t, "  energy", a->energy, b->energy, "USD");
    put_row(&t, "  space (colocation)", a->colo, b->colo, "USD");
    put_row(&t, "  repairs and staff", a->opex, b->opex, "USD");
    put_row(&t, "  worth at the end", -a->residual, -b->residual, "USD");
    put_row(&t, "servers bought", sides[0].m.servers_bought, sides[1].m.servers_bought, "");
    put_row(&t, "servers rented", sides[0].m.servers_rented, sides[1].m.servers_rented, "");
    put_row(&t, "power at the peak", peak_kw(&sides[0]), peak_kw(&sides[1]), "kW");
    loam_columns_end(&t, 2, WIDTH, out);
}

static bool binds(const loam_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_limits; i++) {
        if (p->limits[i].binds && !strcmp(p->limits[i].name, name))
            return true;
    }
    return false;
}

static void put_limits(const side sides[2], loam_buf *line, loam_buf *out)
{
    for (int now = 1; now >= 0; now--) {
        const loam_plan *p = sides[now].p, *other = sides[!now].p;
        bool first = true;
        for (size_t i = 0; i < p->n_limits; i++) {
            if (!p->limits[i].binds || binds(other, p->limits[i].name))
                continue;
            if (first)
                loam_buf_printf(out, "\n%s\n", now ? "Binds now, and did not before" : "Binds no longer");
            first = false;
            loam_buf_str(line, "- ");
            if (now)
                loam_words_limit(p, &p->limits[i], line);
            else
                loam_buf_str(line, p->limits[i].name);
            loam_text_wrap(loam_buf_text(line), 2, 2, WIDTH, out);
            loam_buf_truncate(line, 0);
        }
    }
}

static void put_conflict(const loam_plan *p, const char *when, loam_buf *line, loam_buf *out)
{
    loam_buf_printf(line, "%s nothing fits", when);
    for (size_t i = 0; i < p->n_conflict; i++)
        loam_buf_printf(line, "%s%s", i ? ", " : ": these cannot hold together: ", p->conflict[i]);
    for (size_t i = 0; i < p->n_repairs; i++)
        loam_buf_printf(line, "%s%s", i ? "; or " : ". What would do: ", p->repairs[i]);
    loam_buf_str(line, ".");
    loam_text_wrap(loam_buf_text(line), 0, 2, WIDTH, out);
    loam_buf_truncate(line, 0);
}

void loam_report_difference(const loam_scenario *s0, const loam_plan *p0, const loam_scenario *s1, const loam_plan *p1,
                            const char *change, loam_buf *out)
{
    side sides[2] = {{.s = s0, .p = p0}, {.s = s1, .p = p1}};
    bool ok = loam_fleet_sums_init(&sides[0].m, s0, p0);
    ok = loam_fleet_sums_init(&sides[1].m, s1, p1) && ok;
    loam_buf line;
    loam_buf_init(&line, MAX_LINE);
    loam_buf_printf(&line, "What changes with %s", change);
    loam_text_wrap(loam_buf_text(&line), 0, 2, WIDTH, out);
    loam_buf_truncate(&line, 0);
    bool fits[2] = {p0->status != LOAM_PLAN_INFEASIBLE, p1->status != LOAM_PLAN_INFEASIBLE};
    if (!fits[0])
        put_conflict(p0, "Before,", &line, out);
    if (!fits[1])
        put_conflict(p1, "Now", &line, out);
    if (ok && fits[0] && fits[1]) {
        put_sums(sides, out);
        put_deals(sides, false, out);
        if (p0->n_rents + p1->n_rents)
            put_deals(sides, true, out);
        put_limits(sides, &line, out);
    } else if (fits[1] && !fits[0]) {
        loam_words_status(p1, &line);
        loam_buf_printf(out, "Now a plan fits. ");
        loam_text_wrap(loam_buf_text(&line), 0, 0, WIDTH, out);
    }
    out->failed |= !ok || line.failed;
    loam_buf_deinit(&line);
    loam_fleet_sums_deinit(&sides[0].m);
    loam_fleet_sums_deinit(&sides[1].m);
}
