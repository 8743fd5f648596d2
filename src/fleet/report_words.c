/* The sentences of the reports. What is said in the terminal and on the page is said in the same words. */
#include <math.h>
#include <string.h>

#include "fleet/report_int.h"

const char loam_words_no_advice[] =
    "Rulings on exports are facts for planning, not legal advice and no clearance: ask counsel before you order.";

/* "one server", "3,400 servers" */
static void put_things(double n, const char *one, const char *many, loam_buf *out)
{
    loam_buf_printf(out, "%s %s", loam_figure_count(n).text, n == 1 ? one : many);
}

const char *loam_words_conflict(const loam_plan *p)
{
    return p->n_conflict == 1
               ? "What is there, can be rented and can arrive in time is not enough for this, whatever the "
                 "other limits"
               : "These cannot hold together";
}

void loam_words_status(const loam_plan *p, loam_buf *out)
{
    if (p->status == LOAM_PLAN_INFEASIBLE) {
        loam_buf_str(out, "nothing fits: what is asked for below cannot be had");
        return;
    }
    double gap = fmax(0, p->gap);
    bool money = loam_plan_serves_all(p);
    if (!isfinite(gap))
        loam_buf_str(out,
                     "the best that was found in the time given; how far it is from the best possible is not known");
    else if (gap < 1e-6)
        loam_buf_str(out, "proven to be the best possible");
    else
        loam_buf_printf(out, "proven within %s of the best possible%s", loam_figure_share(gap).text,
                        p->status == LOAM_PLAN_LIMIT ? " (time was up before more could be proven)" : "");
    /* what no decision changes (servers that are owned) is in the cost, not in the program's objective */
    double bound = p->bound + (p->cost.total - p->objective);
    if (isfinite(bound) && bound > 0 && gap >= 1e-6)
        loam_buf_printf(out, ": no plan that serves as much costs less than %s", loam_figure_usd(bound).text);
    if (money || !isfinite(p->served_bound) || !(p->served_bound > 0))
        return;
    if (p->served_bound > p->served_share + 5e-4)
        loam_buf_printf(out, "; no plan serves more than %s", loam_figure_share(p->served_bound).text);
    else
        loam_buf_str(out, "; none serves noticeably more");
}

static void put_fleet(const loam_scenario *s, const loam_fleet_sums *m, loam_buf *out)
{
    if (m->servers_bought > 0) {
        loam_buf_str(out, "Buy ");
        put_things(m->servers_bought, "server", "servers", out);
        loam_buf_str(out, " (");
        put_things(m->chips_bought, "chip", "chips", out);
        loam_buf_str(out, ")");
    }
    if (m->servers_rented > 0) {
        loam_buf_str(out, m->servers_bought > 0 ? " and rent " : "Rent ");
        put_things(m->servers_rented, "server", "servers", out);
    }
    if (m->servers_bought + m->servers_rented <= 0)
        loam_buf_str(out, "Buy and rent nothing");
    loam_buf_printf(out, " between %s and %s", loam_figure_month(s, 0).text, loam_figure_month(s, s->months - 1).text);
}

/* The services that are not served in full, the worst first: at most three by name. */
static void put_shortfall(const loam_scenario *s, const loam_fleet_sums *m, loam_buf *out)
{
    double share[LOAM_FLEET_MAX_SERVICES];
    int order[LOAM_FLEET_MAX_SERVICES], n = 0;
    for (int v = 0; v < (int)m->services && v < LOAM_FLEET_MAX_SERVICES; v++) {
        double want = 0, get = 0;
        for (int t = 0; t < m->months; t++) {
            want += m->demand_day[v * m->months + t];
            get += m->served_day[v * m->months + t];
        }
        share[v] = want > 0 ? get / want : 1;
        if (share[v] > 1 - 1e-6)
            continue;
        int at = n++;
        for (; at > 0 && share[order[at - 1]] > share[v]; at--)
            order[at] = order[at - 1];
        order[at] = v;
    }
    for (int i = 0; i < n && i < 3; i++)
        loam_buf_printf(out, "%s%s gets %s", i ? ", " : ": ", s->services[order[i]].name,
                        loam_figure_share(share[order[i]]).text);
    if (n > 3)
        loam_buf_printf(out, " and %d more fall short", n - 3);
}

void loam_words_answer(const loam_scenario *s, const loam_plan *p, const loam_fleet_sums *m, loam_buf *out)
{
    if (p->status == LOAM_PLAN_INFEASIBLE) {
        loam_buf_str(out, "No plan keeps all the rules. ");
        if (p->n_conflict) {
            loam_buf_printf(out, "%s: ", loam_words_conflict(p));
            for (size_t i = 0; i < p->n_conflict; i++)
                loam_buf_printf(out, "%s%s", i ? i + 1 < p->n_conflict ? ", " : " and " : "", p->conflict[i]);
            loam_buf_str(out, ". ");
        }
        if (p->n_repairs)
            loam_buf_printf(out, "The smallest change that would do: %s.", p->repairs[0]);
        return;
    }
    put_fleet(s, m, out);
    loam_buf_printf(out, ", at a cost of %s in present value", loam_figure_usd(p->cost.total).text);
    if (p->cost.residual > 0)
        loam_buf_printf(out, " (after %s that the servers are still worth at the end)",
                        loam_figure_usd(p->cost.residual).text);
    if (loam_plan_serves_all(p)) {
        loam_buf_str(out, ". This serves all of the demand");
    } else {
        loam_buf_printf(out, ". This serves %s of what is asked", loam_figure_share(p->served_share).text);
        put_shortfall(s, m, out);
    }
    loam_buf_str(out, ". The plan is ");
    loam_words_status(p, out);
    loam_buf_str(out, ".");
    size_t first;
    if (loam_plan_binding(p, 1, &first)) {
        loam_buf_str(out, " What limits it most is ");
        loam_words_limit(p, &p->limits[first], out);
        loam_buf_str(out, ".");
    }
}

/* One more of a unit, in the size that people buy it: a kW is nothing, a MW is. */
static const char *step_of(const loam_plan_limit *l, double *units)
{
    *units = 1;
    if (!strcmp(l->unit, "kW") && fabs(l->limit) >= 1000) {
        *units = 1000;
        return "MW";
    }
    if (!strcmp(l->unit, "USD")) {
        *units = 1e6;
        return "million USD";
    }
    if (!strcmp(l->unit, "share")) {
        *units = .01;
        return "point";
    }
    if (!strcmp(l->unit, "servers"))
        return "server";
    if (!strcmp(l->unit, "chips"))
        return "chip";
    return l->unit;
}

void loam_words_limit(const loam_plan *p, const loam_plan_limit *l, loam_buf *out)
{
    static const char *const own[] = {"USD", "kW", "share"}; /* figures with a unit in them; others say it once */
    bool once = true;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        once &= strcmp(l->unit, own[i]) != 0;
    loam_figure used = once && isfinite(l->limit) ? loam_figure_count(l->used) : loam_figure_of(l->used, l->unit);
    loam_buf_printf(out, "%s (%s", l->name, used.text);
    if (isfinite(l->limit))
        loam_buf_printf(out, " of %s", loam_figure_of(l->limit, l->unit).text);
    loam_buf_str(out, ")");
    if (l->worth == 0 || !isfinite(l->worth))
        return;
    double units;
    const char *step = step_of(l, &units);
    double worth = fabs(l->worth) * units;
    if (loam_plan_serves_all(p))
        loam_buf_printf(out, ": one more %s saves %s", step, loam_figure_usd(worth).text);
    else
        loam_buf_printf(out, ": one more %s serves %s more of the demand", step, loam_figure_share(worth).text);
}

void loam_words_training(const loam_scenario *s, const loam_plan *p, int training, loam_buf *out)
{
    const loam_training *t = &s->trainings[training];
    int region, chip;
    double needed, done;
    int last = loam_plan_run_done(s, p, training, &region, &chip, &needed, &done);
    if (last < 0) {
        loam_buf_printf(out, "%s: not run (due by the end of %s)", t->name, loam_figure_month(s, t->deadline).text);
        return;
    }
    loam_buf_printf(out, "%s: on %s in %s, ", t->name, s->chips[chip].chip.name, s->regions[region].name);
    if (needed > 0 && done < needed * (1 - 1e-4))
        loam_buf_printf(out, "%s done by the end of %s", loam_figure_share(done / needed).text,
                        loam_figure_month(s, last).text);
    else
        loam_buf_printf(out, "done in %s", loam_figure_month(s, last).text);
    loam_buf_printf(out, " (due by the end of %s), %s chip-months", loam_figure_month(s, t->deadline).text,
                    loam_figure_count(done).text);
}

/* "costs 42 M USD more and serves the same with 3.1 % other servers" */
void loam_words_flip(const loam_plan *p, const loam_flip *f, loam_buf *out)
{
    loam_buf_printf(out, "%s: ", f->what);
    if (!f->feasible) {
        loam_buf_str(out, "nothing fits any more");
        return;
    }
    double cost = f->cost - p->cost.total, served = f->served - p->served_share;
    if (fabs(cost) < 5e-5 * fabs(p->cost.total))
        loam_buf_str(out, "the same cost");
    else
        loam_buf_printf(out, "%s %s", loam_figure_usd(fabs(cost)).text, cost > 0 ? "more" : "less");
    if (fabs(served) >= 5e-5)
        loam_buf_printf(out, ", serves %s points %s", loam_figure_count(100 * fabs(served)).text,
                        served > 0 ? "more" : "less");
    if (f->moved > 5e-4)
        loam_buf_printf(out, ", %s of the servers are others", loam_figure_share(f->moved).text);
    else
        loam_buf_str(out, ", the same servers");
}

void loam_words_futures(const loam_scenario *s, const loam_doubt_result *d, loam_buf *out)
{
    loam_buf_printf(out, "In %s drawn futures the ordered fleet serves ", loam_figure_count((double)d->n_futures).text);
    if (d->all_served_probability >= 1)
        loam_buf_str(out, "all of the demand, every time.");
    else
        loam_buf_printf(out, "%s on average (in one of twenty less than %s) and all of it in %s of them.",
                        loam_figure_share(d->served_mean).text, loam_figure_share(d->served_p5).text,
                        loam_figure_share(d->all_served_probability).text);
    loam_buf_printf(out, " It costs between %s and %s in nine of ten.", loam_figure_usd(d->cost_p5).text,
                    loam_figure_usd(d->cost_p95).text);
    loam_buf_printf(out, " Regret, against a plan made in knowledge of the future: %s on average, %s in one of twenty.",
                    loam_figure_usd(d->regret_mean).text, loam_figure_usd(d->regret_p95).text);
    if (d->stranded_usd > 0)
        loam_buf_printf(out, " Servers worth %s stand idle on average.", loam_figure_usd(d->stranded_usd).text);
    size_t worst = 0;
    for (size_t v = 1; d->service_ok && v < d->n_services; v++)
        worst = d->service_ok[v] < d->service_ok[worst] ? v : worst;
    if (d->service_ok && d->n_services > 0 && worst < s->n_services && d->service_ok[worst] < 1)
        loam_buf_printf(out, " The service most at risk is %s: it is served in full in %s of the futures.",
                        s->services[worst].name, loam_figure_share(d->service_ok[worst]).text);
}

bool loam_words_noise(const loam_plan *p, loam_buf *out)
{
    if (!isfinite(p->gap) || p->gap < 1e-6)
        return false;
    loam_buf_printf(out, "Differences in cost under %s are within the gap of these plans and say nothing.",
                    loam_figure_usd(p->gap * fabs(p->objective)).text);
    return true;
}
