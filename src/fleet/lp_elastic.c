/* The elastic program: each row of a group that may be relaxed gets a column for what it falls short of and one for
 * what it goes over, both at the group's relax cost, and these costs are all that is minimised. Alternatives come from
 * solving again with the groups of earlier repairs held fast. */
#include "fleet/lp_elastic.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_REPAIRS = 3, MAX_TRIES = 8 };

/* Less than this, of the row's side, is the arithmetic's. */
static const double NOTHING = 1e-7;
/* Repairs are told to a hundredth: a proof of the last digit is not worth the wait. */
static const double GAP = 0.01;
static const double MOST_SECONDS = 10;

typedef struct loam_lp_repair repair;

typedef struct elastic {
    const loam_lp *p;
    const loam_lp_options *o;
    loam_lp *program;
    int n_slacks;
    int *slack_row; /* column n_cols + k of `program` relaxes this row */
    bool *held;     /* [groups] not to be relaxed in the next try */
    repair found[MAX_TRIES];
    double cost[MAX_TRIES];
    int n_found;
} elastic;

static bool can_relax(const elastic *e, int row)
{
    int group = e->p->row_group[row];
    return group >= 0 && e->p->groups[group].relax_cost < INFINITY;
}

static void add_slack(elastic *e, int row, double sign)
{
    double cost = e->p->groups[e->p->row_group[row]].relax_cost;
    int col = loam_lp_col(e->program, 0, INFINITY, false);
    loam_lp_add(e->program, row, col, sign);
    loam_lp_cost(e->program, col, cost > 1e-6 ? cost : 1e-6); /* free relaxing would take as much as it likes */
    e->slack_row[e->n_slacks++] = row;
}

static loam_status build(elastic *e, loam_err *err)
{
    const loam_lp *p = e->p;
    e->program = loam_lp_copy(p);
    e->slack_row = malloc((2 * (size_t)p->n_rows + 1) * sizeof *e->slack_row);
    e->held = calloc((size_t)p->n_groups + 1, sizeof *e->held);
    if (!e->program || !e->slack_row || !e->held)
        LOAM_FAIL(err, NO_MEMORY, "no memory to look for repairs of a program of %d rows", p->n_rows);
    loam_lp_cost_clear(e->program);
    for (int i = 0; i < p->n_rows; i++) {
        if (!can_relax(e, i))
            continue;
        if (p->row_lower[i] > -INFINITY)
            add_slack(e, i, 1);
        if (p->row_upper[i] < INFINITY)
            add_slack(e, i, -1);
    }
    return loam_lp_check(e->program, err);
}

static loam_status read_repair(elastic *e, const double *x, loam_err *err)
{
    const loam_lp *p = e->p;
    double *amount = calloc((size_t)p->n_groups + 1, sizeof *amount);
    repair *r = &e->found[e->n_found];
    *r = (repair){0};
    if (amount)
        r->relax = calloc((size_t)p->n_groups + 1, sizeof *r->relax);
    if (!amount || !r->relax) {
        free(amount);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a repair");
    }
    double cost = 0;
    for (int k = 0; k < e->n_slacks; k++) {
        int i = e->slack_row[k], group = p->row_group[i];
        double side = p->row_lower[i] > -INFINITY ? fabs(p->row_lower[i]) : fabs(p->row_upper[i]);
        if (x[p->n_cols + k] <= NOTHING * (side > 1 ? side : 1))
            continue;
        amount[group] += x[p->n_cols + k];
        cost += x[p->n_cols + k] * p->groups[group].relax_cost;
    }
    for (int g = 0; g < p->n_groups; g++)
        if (amount[g] > 0) {
            r->relax[r->n].group = g;
            r->relax[r->n++].amount = amount[g];
        }
    free(amount);
    e->cost[e->n_found] = cost;
    bool is_new = r->n > 0;
    for (int i = 0; i < e->n_found && is_new; i++) {
        bool same = e->found[i].n == r->n;
        for (size_t k = 0; k < r->n && same; k++)
            same = e->found[i].relax[k].group == r->relax[k].group;
        is_new = !same;
    }
    if (is_new)
        e->n_found++;
    else
        free(r->relax);
    return LOAM_OK;
}

/* Solves with the held groups fast. *found: there was a repair, new or not. */
static loam_status try_repair(elastic *e, bool *found, loam_err *err)
{
    *found = false;
    for (int k = 0; k < e->n_slacks; k++)
        loam_lp_bounds(e->program, e->p->n_cols + k, 0, e->held[e->p->row_group[e->slack_row[k]]] ? 0 : INFINITY);
    for (int relax = 0; relax < 2 && !*found; relax++) {
        loam_lp_options o = *e->o;
        loam_lp_result r;
        o.relax = relax;
        o.gap = GAP;
        o.start = NULL;
        if (o.time_s <= 0 || o.time_s > MOST_SECONDS)
            o.time_s = MOST_SECONDS;
        loam_status status = loam_lp_solve(e->program, &o, &r, err);
        if (status != LOAM_OK)
            return status;
        *found = r.has_x;
        bool hopeless = r.status == LOAM_LP_INFEASIBLE;
        if (r.has_x)
            status = read_repair(e, r.x, err);
        loam_lp_result_deinit(&r);
        if (status != LOAM_OK || hopeless)
            return status;
    }
    return LOAM_OK;
}

static void hold(elastic *e, const repair *r)
{
    for (size_t k = 0; k < r->n; k++)
        e->held[r->relax[k].group] = true;
}

static void hold_none(elastic *e)
{
    memset(e->held, 0, (size_t)e->p->n_groups * sizeof *e->held);
}

/* The cheapest; then without any of its groups; then without each of them by itself. */
static loam_status find_repairs(elastic *e, loam_err *err)
{
    bool found;
    LOAM_TRY(try_repair(e, &found, err));
    if (e->n_found == 0)
        return LOAM_OK;
    while (found && e->n_found < MAX_REPAIRS) {
        int before = e->n_found;
        hold(e, &e->found[e->n_found - 1]);
        LOAM_TRY(try_repair(e, &found, err));
        if (e->n_found == before)
            break;
    }
    for (size_t k = 0; k < e->found[0].n && e->n_found < MAX_REPAIRS && e->found[0].n > 1; k++) {
        hold_none(e);
        e->held[e->found[0].relax[k].group] = true;
        LOAM_TRY(try_repair(e, &found, err));
    }
    return LOAM_OK;
}

/* The cheapest first; equal ones in the order in which they were found. */
static void sort_repairs(elastic *e)
{
    for (int i = 1; i < e->n_found; i++)
        for (int k = i; k > 0 && e->cost[k] < e->cost[k - 1]; k--) {
            repair r = e->found[k];
            double cost = e->cost[k];
            e->found[k] = e->found[k - 1];
            e->cost[k] = e->cost[k - 1];
            e->found[k - 1] = r;
            e->cost[k - 1] = cost;
        }
}

loam_status loam_lp_elastic_repairs(const loam_lp *p, const loam_lp_options *o, loam_lp_conflict *c, loam_err *err)
{
    elastic e = {.p = p, .o = o};
    loam_status status = build(&e, err);
    if (status == LOAM_OK)
        status = find_repairs(&e, err);
    sort_repairs(&e);
    if (status == LOAM_OK && e.n_found > 0) {
        c->repairs = malloc((size_t)e.n_found * sizeof *c->repairs);
        if (c->repairs) {
            memcpy(c->repairs, e.found, (size_t)e.n_found * sizeof *c->repairs);
            c->n_repairs = (size_t)e.n_found;
            e.n_found = 0;
        } else {
            status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for repairs");
        }
    }
    for (int i = 0; i < e.n_found; i++)
        free(e.found[i].relax);
    loam_lp_free(e.program);
    free(e.slack_row);
    free(e.held);
    return status;
}
