/* What the parts of a solve share: time, gap, the relaxation under given bounds, and the best point so far. A point is
 * believed only when its rows were added up again here. */
#include "fleet/lp_search.h"

#include <string.h>

#include "base/clock.h"

/* A row may be missed by this share of its largest term, or of its bound. */
static const double TOLERANCE = 1e-7;
static const double FIRST_SLICE_S = 4;

double loam_lp_search_seconds_left(const loam_lp_search *s)
{
    return s->deadline < INFINITY ? s->deadline - loam_clock_s() : INFINITY;
}

bool loam_lp_search_over(const loam_lp_search *s)
{
    return atomic_load(&s->news->stop) || loam_lp_search_seconds_left(s) <= 0;
}

double loam_lp_gap(double objective, double bound)
{
    double apart = objective - bound, size = fabs(objective);
    if (apart <= TOLERANCE * (size > 1 ? size : 1))
        return 0;
    return size > 0 ? apart / size : INFINITY;
}

bool loam_lp_search_done(const loam_lp_search *s)
{
    return s->has_best && loam_lp_gap(s->best, s->bound) <= s->o->gap;
}

static void tell(loam_lp_search *s)
{
    pthread_mutex_lock(&s->news->mutex);
    s->news->incumbent = s->has_best ? s->best : NAN;
    s->news->bound = s->bound;
    pthread_mutex_unlock(&s->news->mutex);
}

void loam_lp_search_raise_bound(loam_lp_search *s, double bound)
{
    if (!(bound > s->bound))
        return;
    s->bound = bound;
    tell(s);
}

/* Nothing can stop the simplex from outside, so it gets a slice of time after another, each longer, and is asked to go
 * on from where it was. (Its clock also counts other threads: "stopped" does not mean that our time is up.) */
static loam_lp_outcome solve_in_slices(loam_lp_search *s, loam_lp_simplex *lp, loam_lp_method method)
{
    for (double slice = FIRST_SLICE_S;; slice *= 2) {
        double left = loam_lp_search_seconds_left(s);
        if (loam_lp_search_over(s))
            return LOAM_LP_OUTCOME_STOPPED;
        loam_lp_outcome outcome = loam_lp_simplex_solve(lp, method, left < slice ? left : slice);
        if (outcome != LOAM_LP_OUTCOME_STOPPED)
            return outcome;
        if (method == LOAM_LP_METHOD_FIRST)
            method = LOAM_LP_METHOD_AGAIN;
    }
}

loam_lp_outcome loam_lp_search_relax(loam_lp_search *s, loam_lp_simplex *lp, const double *lower, const double *upper,
                                     loam_lp_method method)
{
    loam_lp_simplex_bounds(lp, lower, upper);
    loam_lp_outcome outcome = solve_in_slices(s, lp, method);
    /* Presolve cannot always tell infeasible from unbounded, nor dual simplex hard from hopeless. */
    bool doubtful = outcome != LOAM_LP_OUTCOME_OPTIMAL && outcome != LOAM_LP_OUTCOME_STOPPED;
    if (doubtful && (method == LOAM_LP_METHOD_FIRST || outcome == LOAM_LP_OUTCOME_FAILED))
        outcome = solve_in_slices(s, lp, LOAM_LP_METHOD_CAREFUL);
    return outcome;
}

static bool holds(double v, double lower, double upper, double size)
{
    double allowed = TOLERANCE * (size > 1 ? size : 1);
    return v >= lower - allowed && v <= upper + allowed;
}

/* Draws x into its bounds, adds up the rows, and says whether each holds. */
static bool settle(loam_lp_search *s, const double *lower, const double *upper, double *x)
{
    const loam_lp *p = s->p;
    for (int j = 0; j < p->n_cols; j++) {
        if (!holds(x[j], lower[j], upper[j], fabs(x[j])))
            return false;
        x[j] = x[j] < lower[j] ? lower[j] : x[j] > upper[j] ? upper[j] : x[j];
    }
    double *activity = s->room_rows, *size = s->room_rows + p->n_rows;
    loam_lp_matrix_times(p, &s->m, x, activity, size);
    for (int i = 0; i < p->n_rows; i++)
        if (!holds(activity[i], p->row_lower[i], p->row_upper[i], size[i]))
            return false;
    return true;
}

static bool solve_rest(loam_lp_search *s, const double *lower, const double *upper, double *x)
{
    for (int careful = 0; careful < 2; careful++) {
        if (loam_lp_search_relax(s, s->lp, lower, upper, careful ? LOAM_LP_METHOD_CAREFUL : LOAM_LP_METHOD_AGAIN) !=
            LOAM_LP_OUTCOME_OPTIMAL)
            return false;
        memcpy(x, loam_lp_simplex_x(s->lp), (size_t)s->p->n_cols * sizeof *x);
        if (settle(s, lower, upper, x))
            return true;
    }
    return false;
}

bool loam_lp_search_try(loam_lp_search *s, const double *from)
{
    const loam_lp *p = s->p;
    size_t n_cols = (size_t)p->n_cols, n_rows = (size_t)p->n_rows;
    double *lower = s->room_lower, *upper = s->room_upper, *x = s->room_cols;
    memcpy(lower, s->lower, n_cols * sizeof *lower);
    memcpy(upper, s->upper, n_cols * sizeof *upper);
    for (int j = 0; j < p->n_cols; j++) {
        if (!p->integer[j] || s->o->relax)
            continue;
        double whole = nearbyint(from[j]);
        if (!(whole >= s->lower[j] && whole <= s->upper[j]))
            return false;
        lower[j] = upper[j] = whole;
    }
    if (!solve_rest(s, lower, upper, x))
        return false;
    double objective = 0;
    for (int j = 0; j < p->n_cols; j++)
        objective += p->cost[j] * x[j];
    if (s->has_best && objective >= s->best)
        return true;
    s->has_best = true;
    s->best = objective;
    memcpy(s->x, x, n_cols * sizeof *x);
    memcpy(s->activity, s->room_rows, n_rows * sizeof *s->activity);
    memcpy(s->row_dual, loam_lp_simplex_row_dual(s->lp), n_rows * sizeof *s->row_dual);
    memcpy(s->col_dual, loam_lp_simplex_col_dual(s->lp), n_cols * sizeof *s->col_dual);
    tell(s);
    return true;
}
