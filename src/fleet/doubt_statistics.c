/* Numbers over the futures. */
#include <math.h>
#include <stdlib.h>

#include "fleet/doubt_int.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double loam_quantile(const double *sorted, size_t n, double q)
{
    if (!n)
        return NAN;
    double at = q * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static double mean(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return n ? sum / (double)n : NAN;
}

loam_status loam_doubt_summarise(loam_doubt_result *d, loam_err *err)
{
    size_t n = d->n_futures;
    double *served = malloc((3 * n + 1) * sizeof *served);
    if (!served)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the numbers of %zu futures", n);
    double *cost = served + n, *regret = cost + n;
    size_t all = 0;
    for (size_t i = 0; i < n; i++) {
        served[i] = d->futures[i].served;
        cost[i] = d->futures[i].cost;
        regret[i] = d->futures[i].regret;
        all += served[i] >= 1 - LOAM_CHECK_SHARE;
    }
    d->served_mean = mean(served, n); /* before sorting: the sum of a future's numbers keeps its order */
    d->cost_mean = mean(cost, n);
    d->regret_mean = mean(regret, n);
    qsort(served, n, sizeof *served, by_value);
    qsort(cost, n, sizeof *cost, by_value);
    qsort(regret, n, sizeof *regret, by_value);
    d->served_p5 = loam_quantile(served, n, 0.05);
    d->served_p50 = loam_quantile(served, n, 0.5);
    d->served_p95 = loam_quantile(served, n, 0.95);
    d->cost_p5 = loam_quantile(cost, n, 0.05);
    d->cost_p50 = loam_quantile(cost, n, 0.5);
    d->cost_p95 = loam_quantile(cost, n, 0.95);
    d->regret_p95 = loam_quantile(regret, n, 0.95);
    d->all_served_probability = n ? (double)all / (double)n : NAN;
    free(served);
    return LOAM_OK;
}

double loam_unserved_usd(const loam_doubt_options *o, const loam_plan *p)
{
    if (o->unserved_usd > 0)
        return o->unserved_usd;
    const loam_plan_cost *c = &p->cost;
    return 10 * (c->capex + c->rent + c->energy + c->colo + c->opex + c->duty);
}

/* Servers of one kind that both plans get in one place and month. */
typedef struct got {
    int rented, region, chip, month;
    double a, b;
} got;

static int by_place(const void *x, const void *y)
{
    const got *p = x, *q = y;
    const int keys[][2] = {{p->rented, q->rented}, {p->region, q->region}, {p->chip, q->chip}, {p->month, q->month}};
    for (int i = 0; i < 4; i++) {
        if (keys[i][0] != keys[i][1])
            return keys[i][0] < keys[i][1] ? -1 : 1;
    }
    return 0;
}

static size_t list_servers(const loam_plan *p, bool is_b, got *out)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_orders; i++) {
        const loam_plan_order *o = &p->orders[i];
        out[n++] = (got){0, o->region, o->chip, o->month, is_b ? 0 : o->servers, is_b ? o->servers : 0};
    }
    for (size_t i = 0; i < p->n_rents; i++) {
        const loam_plan_rent *e = &p->rents[i];
        out[n++] = (got){1, e->region, e->chip, e->month, is_b ? 0 : e->servers, is_b ? e->servers : 0};
    }
    return n;
}

loam_status loam_plan_moved(const loam_plan *a, const loam_plan *b, double *out, loam_err *err)
{
    got *all = malloc((a->n_orders + a->n_rents + b->n_orders + b->n_rents + 1) * sizeof *all);
    if (!all)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for comparing two plans");
    size_t n = list_servers(a, false, all);
    n += list_servers(b, true, all + n);
    qsort(all, n, sizeof *all, by_place);
    double differ = 0, most = 0;
    for (size_t i = 0, end; i < n; i = end) {
        double in_a = 0, in_b = 0;
        for (end = i; end < n && !by_place(&all[i], &all[end]); end++)
            in_a += all[end].a, in_b += all[end].b;
        differ += fabs(in_a - in_b);
        most += fmax(in_a, in_b);
    }
    free(all);
    *out = most > 0 ? differ / most : 0;
    return LOAM_OK;
}
