/* Why a program is infeasible: a deletion filter (Chinneck, "Feasibility and Infeasibility in Optimization", ch. 6)
 * over its named groups. Each is left out in turn and stays out while the rest is still infeasible: what remains cannot
 * hold together, and without any one of them it can. Done on the relaxation, where a Farkas ray says beforehand which
 * groups can matter; only if the relaxation is feasible, on the program with its whole numbers. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/lp_elastic.h"
#include "fleet/lp_simplex.h"

/* For one question about whole numbers. */
static const double MOST_SECONDS = 5;

typedef struct filter {
    const loam_lp *p;
    const loam_lp_options *o;
    loam_lp_simplex *lp;   /* of the relaxation, without costs */
    loam_lp *whole;        /* of whole numbers, without costs; NULL: the relaxation is what is filtered */
    bool *active;          /* [groups] */
    double *lower, *upper; /* [rows] */
    bool careful;
    double next; /* progress, of loam_clock_s */
} filter;

static loam_status filter_init(filter *f, loam_err *err)
{
    const loam_lp *p = f->p;
    size_t n_rows = (size_t)p->n_rows + 1;
    loam_lp_matrix m;
    LOAM_TRY(loam_lp_matrix_init(p, &m, err));
    f->lp = loam_lp_simplex_new(p, &m);
    loam_lp_matrix_deinit(&m);
    f->active = malloc((size_t)p->n_groups + 1);
    f->lower = malloc(n_rows * sizeof *f->lower);
    f->upper = malloc(n_rows * sizeof *f->upper);
    double *zero = calloc((size_t)p->n_cols + 1, sizeof *zero);
    bool have = f->lp && f->active && f->lower && f->upper && zero;
    if (have)
        loam_lp_simplex_cost(f->lp, zero);
    free(zero);
    if (!have)
        LOAM_FAIL(err, NO_MEMORY, "no memory to explain a program of %d rows and %d columns", p->n_rows, p->n_cols);
    memset(f->active, true, (size_t)p->n_groups);
    return LOAM_OK;
}

static void filter_deinit(filter *f)
{
    loam_lp_simplex_free(f->lp);
    loam_lp_free(f->whole);
    free(f->active);
    free(f->lower);
    free(f->upper);
}

/* Bounds of the rows; those of groups that are left out are free. */
static void set_rows(filter *f)
{
    const loam_lp *p = f->p;
    for (int i = 0; i < p->n_rows; i++) {
        bool in = p->row_group[i] < 0 || f->active[p->row_group[i]];
        f->lower[i] = in ? p->row_lower[i] : -INFINITY;
        f->upper[i] = in ? p->row_upper[i] : INFINITY;
        if (f->whole)
            loam_lp_row_bounds(f->whole, i, f->lower[i], f->upper[i]);
    }
}

static loam_status ask_progress(filter *f, loam_err *err)
{
    if (!f->o->progress || loam_clock_s() < f->next)
        return LOAM_OK;
    f->next = loam_clock_s() + 0.5;
    if (!f->o->progress(f->o->arg, NAN, -INFINITY))
        LOAM_FAIL(err, CANCELLED, "stopped while looking for what makes the program infeasible");
    return LOAM_OK;
}

static loam_status whole_is_infeasible(filter *f, bool *infeasible, loam_err *err)
{
    loam_lp_options o = *f->o;
    loam_lp_result r;
    o.start = NULL;
    o.relax = false;
    if (o.time_s <= 0 || o.time_s > MOST_SECONDS)
        o.time_s = MOST_SECONDS;
    LOAM_TRY(loam_lp_solve(f->whole, &o, &r, err));
    *infeasible = r.status == LOAM_LP_INFEASIBLE;
    loam_lp_result_deinit(&r);
    return LOAM_OK;
}

static bool has_room(const filter *f)
{
    for (int j = 0; j < f->p->n_cols; j++)
        if (f->p->col_lower[j] > f->p->col_upper[j])
            return false;
    for (int i = 0; i < f->p->n_rows; i++)
        if (f->lower[i] > f->upper[i])
            return false;
    return true;
}

/* Is what is active infeasible? What cannot be decided in time counts as feasible: the group stays in. */
static loam_status is_infeasible(filter *f, bool *infeasible, loam_err *err)
{
    LOAM_TRY(ask_progress(f, err));
    set_rows(f);
    *infeasible = true;
    if (!has_room(f))
        return LOAM_OK;
    if (f->whole)
        return whole_is_infeasible(f, infeasible, err);
    loam_lp_simplex_row_bounds(f->lp, f->lower, f->upper);
    loam_lp_outcome outcome =
        loam_lp_simplex_solve(f->lp, f->careful ? LOAM_LP_METHOD_CAREFUL : LOAM_LP_METHOD_AGAIN, INFINITY);
    if (outcome != LOAM_LP_OUTCOME_OPTIMAL && outcome != LOAM_LP_OUTCOME_INFEASIBLE)
        outcome = loam_lp_simplex_solve(f->lp, LOAM_LP_METHOD_CAREFUL, INFINITY);
    *infeasible = outcome == LOAM_LP_OUTCOME_INFEASIBLE;
    return LOAM_OK;
}

/* Leaves out all groups that have no weight in the ray, if what stays is still infeasible. */
static loam_status narrow_by_ray(filter *f, loam_err *err)
{
    const loam_lp *p = f->p;
    double *ray = malloc(((size_t)p->n_rows + 1) * sizeof *ray);
    if (!ray)
        LOAM_FAIL(err, NO_MEMORY, "no memory to explain a program of %d rows", p->n_rows);
    if (!f->whole && loam_lp_simplex_ray(f->lp, ray)) {
        memset(f->active, false, (size_t)p->n_groups);
        for (int i = 0; i < p->n_rows; i++)
            if (p->row_group[i] >= 0 && fabs(ray[i]) > 1e-9)
                f->active[p->row_group[i]] = true;
        bool infeasible;
        loam_status status = is_infeasible(f, &infeasible, err);
        if (status != LOAM_OK || !infeasible)
            memset(f->active, true, (size_t)p->n_groups);
        if (status != LOAM_OK) {
            free(ray);
            return status;
        }
    }
    free(ray);
    return LOAM_OK;
}

/* Groups in the order in which they were named: the last ones stay. */
static loam_status filter_run(filter *f, loam_err *err)
{
    for (int g = 0; g < f->p->n_groups; g++) {
        if (!f->active[g])
            continue;
        bool infeasible;
        f->active[g] = false;
        LOAM_TRY(is_infeasible(f, &infeasible, err));
        f->active[g] = !infeasible;
    }
    return LOAM_OK;
}

/* The whole filter; *infeasible: there was something to explain. */
static loam_status find_conflict(filter *f, bool *infeasible, loam_err *err)
{
    for (int careful = 0; careful < 2; careful++) {
        f->careful = careful;
        memset(f->active, true, (size_t)f->p->n_groups);
        LOAM_TRY(is_infeasible(f, infeasible, err));
        if (!*infeasible)
            return LOAM_OK;
        if (!careful)
            LOAM_TRY(narrow_by_ray(f, err));
        LOAM_TRY(filter_run(f, err));
        /* quick answers are checked by a careful one at the end */
        bool still;
        f->careful = true;
        LOAM_TRY(is_infeasible(f, &still, err));
        if (still)
            return LOAM_OK;
    }
    return LOAM_OK;
}

static loam_status keep_groups(const filter *f, loam_lp_conflict *out, loam_err *err)
{
    out->groups = malloc(((size_t)f->p->n_groups + 1) * sizeof *out->groups);
    if (!out->groups)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the names of what conflicts");
    for (int g = 0; g < f->p->n_groups; g++)
        if (f->active[g])
            out->groups[out->n_groups++] = g;
    return LOAM_OK;
}

static loam_status explain(filter *f, loam_lp_conflict *out, loam_err *err)
{
    bool infeasible;
    LOAM_TRY(loam_lp_check(f->p, err));
    LOAM_TRY(filter_init(f, err));
    LOAM_TRY(find_conflict(f, &infeasible, err));
    if (!infeasible) {
        out->integer_only = true;
        if (!(f->whole = loam_lp_copy(f->p)))
            LOAM_FAIL(err, NO_MEMORY, "no memory to explain a program of %d rows", f->p->n_rows);
        loam_lp_cost_clear(f->whole);
        LOAM_TRY(find_conflict(f, &infeasible, err));
    }
    if (!infeasible) {
        out->integer_only = false;
        return LOAM_OK; /* there is nothing to explain */
    }
    LOAM_TRY(keep_groups(f, out, err));
    return loam_lp_elastic_repairs(f->p, f->o, out, err);
}

loam_status loam_lp_explain(const loam_lp *p, const loam_lp_options *o, loam_lp_conflict *out, loam_err *err)
{
    filter f = {.p = p, .o = o};
    *out = (loam_lp_conflict){0};
    loam_status status = explain(&f, out, err);
    filter_deinit(&f);
    if (status != LOAM_OK)
        loam_lp_conflict_deinit(out);
    return status;
}

void loam_lp_conflict_deinit(loam_lp_conflict *c)
{
    for (size_t i = 0; i < c->n_repairs; i++)
        free(c->repairs[i].relax);
    free(c->repairs);
    free(c->groups);
    *c = (loam_lp_conflict){0};
}
