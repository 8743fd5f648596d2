/* The one file that knows CBC and its simplex, Clp (COIN-OR, EPL-2.0), through their C interfaces.
 *
 * What is peculiar about them, and met here:
 * - both print to stdout by default, and would print a message before handing it to a callback: log level 0 and no
 *   message callbacks. What is left to hear from a running CBC is its call for cuts, once a node: there we ask whether
 *   to go on, and end the search by a cut that nothing satisfies;
 * - CBC keeps some of its state in variables of the process: one run at a time;
 * - infinity is DBL_MAX. */
#include <Cbc_C_Interface.h>
#include <Clp_C_Interface.h>
#include <float.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/lp_simplex.h"

struct loam_lp_simplex {
    Clp_Simplex *clp;
    int n_cols, n_rows;
    double *lower, *upper; /* room for the larger of columns and rows, with infinity as Clp has it */
};

/* Order of Clp_Solve's numbers. */
enum { SOLVE_DUAL = 0, SOLVE_PRIMAL = 1, PRESOLVE_ON = 0, PRESOLVE_OFF = 1 };
enum { CLP_OPTIMAL = 0, CLP_INFEASIBLE = 1, CLP_UNBOUNDED = 2, CLP_STOPPED = 3, CLP_ERRORS = 4 };

static double clp_number(double v)
{
    return v == INFINITY ? DBL_MAX : v == -INFINITY ? -DBL_MAX : v;
}

static void clp_numbers(const double *from, size_t n, double *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = clp_number(from[i]);
}

loam_lp_simplex *loam_lp_simplex_new(const loam_lp *p, const loam_lp_matrix *m)
{
    loam_lp_simplex *s = calloc(1, sizeof *s);
    size_t n_most = (size_t)(p->n_cols > p->n_rows ? p->n_cols : p->n_rows) + 1;
    if (!s)
        return NULL;
    s->n_cols = p->n_cols;
    s->n_rows = p->n_rows;
    s->lower = malloc(n_most * sizeof *s->lower);
    s->upper = malloc(n_most * sizeof *s->upper);
    if (!s->lower || !s->upper || !(s->clp = Clp_newModel())) {
        loam_lp_simplex_free(s);
        return NULL;
    }
    Clp_setLogLevel(s->clp, 0);
    Clp_loadProblem(s->clp, p->n_cols, p->n_rows, m->start, m->row, m->value, NULL, NULL, p->cost, NULL, NULL);
    loam_lp_simplex_bounds(s, p->col_lower, p->col_upper);
    loam_lp_simplex_row_bounds(s, p->row_lower, p->row_upper);
    return s;
}

void loam_lp_simplex_free(loam_lp_simplex *s)
{
    if (!s)
        return;
    if (s->clp)
        Clp_deleteModel(s->clp);
    free(s->lower);
    free(s->upper);
    free(s);
}

void loam_lp_simplex_bounds(loam_lp_simplex *s, const double *lower, const double *upper)
{
    clp_numbers(lower, (size_t)s->n_cols, s->lower);
    clp_numbers(upper, (size_t)s->n_cols, s->upper);
    Clp_chgColumnLower(s->clp, s->lower);
    Clp_chgColumnUpper(s->clp, s->upper);
}

void loam_lp_simplex_row_bounds(loam_lp_simplex *s, const double *lower, const double *upper)
{
    clp_numbers(lower, (size_t)s->n_rows, s->lower);
    clp_numbers(upper, (size_t)s->n_rows, s->upper);
    Clp_chgRowLower(s->clp, s->lower);
    Clp_chgRowUpper(s->clp, s->upper);
}

void loam_lp_simplex_cost(loam_lp_simplex *s, const double *cost)
{
    Clp_chgObjCoefficients(s->clp, cost);
}

/* Clp keeps columns first, then rows: cuts are at the end and keep the status they have. */
void loam_lp_simplex_basis_read(const loam_lp_simplex *s, unsigned char *basis)
{
    memcpy(basis, Clp_statusArray(s->clp), (size_t)s->n_cols + (size_t)s->n_rows);
}
void loam_lp_simplex_basis_write(loam_lp_simplex *s, const unsigned char *basis)
{
    for (int j = 0; j < s->n_cols; j++)
        Clp_setColumnStatus(s->clp, j, basis[j] & 7);
    for (int i = 0; i < s->n_rows; i++)
        Clp_setRowStatus(s->clp, i, basis[s->n_cols + i] & 7);
}

void loam_lp_simplex_add_cuts(loam_lp_simplex *s, const loam_lp_cuts *cuts)
{
    if (cuts->n > 0)
        Clp_addRows(s->clp, cuts->n, cuts->lower, cuts->upper, cuts->start, cuts->col, cuts->value);
}

static void solve_with(Clp_Simplex *clp, int type, int presolve)
{
    Clp_Solve *options = ClpSolve_new();
    ClpSolve_setSolveType(options, type, -1);
    ClpSolve_setPresolveType(options, presolve, -1);
    Clp_initialSolveWithOptions(clp, options);
    ClpSolve_delete(options);
}

loam_lp_outcome loam_lp_simplex_solve(loam_lp_simplex *s, loam_lp_method method, double seconds)
{
    Clp_setMaximumSeconds(s->clp, seconds < 1e9 ? (seconds > 0 ? seconds : 0) : -1);
    switch (method) {
    case LOAM_LP_METHOD_FIRST:
        solve_with(s->clp, SOLVE_DUAL, PRESOLVE_ON);
        break;
    case LOAM_LP_METHOD_AGAIN:
        Clp_dual(s->clp, 0);
        break;
    case LOAM_LP_METHOD_CAREFUL:
        solve_with(s->clp, SOLVE_PRIMAL, PRESOLVE_OFF);
        if (Clp_status(s->clp) == CLP_ERRORS) /* as it says of what is infeasible by little */
            Clp_dual(s->clp, 0);
        break;
    }
    switch (Clp_status(s->clp)) {
    case CLP_OPTIMAL:
        return LOAM_LP_OUTCOME_OPTIMAL;
    case CLP_INFEASIBLE:
        return LOAM_LP_OUTCOME_INFEASIBLE;
    case CLP_UNBOUNDED:
        return LOAM_LP_OUTCOME_UNBOUNDED;
    case CLP_STOPPED:
        return LOAM_LP_OUTCOME_STOPPED;
    default:
        return LOAM_LP_OUTCOME_FAILED;
    }
}

double loam_lp_simplex_objective(const loam_lp_simplex *s)
{
    return Clp_objectiveValue(s->clp);
}
const double *loam_lp_simplex_x(const loam_lp_simplex *s)
{
    return Clp_primalColumnSolution(s->clp);
}
const double *loam_lp_simplex_row_dual(const loam_lp_simplex *s)
{
    return Clp_dualRowSolution(s->clp);
}
const double *loam_lp_simplex_col_dual(const loam_lp_simplex *s)
{
    return Clp_dualColumnSolution(s->clp);
}

bool loam_lp_simplex_ray(const loam_lp_simplex *s, double *ray)
{
    double *weights = Clp_infeasibilityRay(s->clp);
    if (!weights)
        return false;
    memcpy(ray, weights, (size_t)s->n_rows * sizeof *ray);
    Clp_freeRay(s->clp, weights);
    return true;
}

/* Guards CBC's variables of the process; innermost: nothing else is locked while it is held. */
static pthread_mutex_t one_run = PTHREAD_MUTEX_INITIALIZER;

/* CBC's Cbc_status and Cbc_secondaryStatus. */
enum { CBC_FINISHED = 0, CBC_ABANDONED = 2, CBC_SEARCH_COMPLETED = 0 };

typedef struct watch {
    const loam_lp *p;
    const loam_lp_branch *run;
    bool stopped;
} watch;

void loam_lp_cuts_deinit(loam_lp_cuts *c)
{
    free(c->start);
    free(c->col);
    free(c->value);
    free(c->lower);
    free(c->upper);
    free(c->x);
    *c = (loam_lp_cuts){0};
}

static bool cuts_reserve(loam_lp_cuts *c, int n, int n_entries, int n_cols)
{
    if (!c->x && !(c->x = malloc(((size_t)n_cols + 1) * sizeof *c->x)))
        return false;
    if (n + 1 > c->cap_n) {
        size_t cap = 2 * (size_t)n + 64;
        int *start = reallocarray(c->start, cap, sizeof *start);
        c->start = start ? start : c->start;
        double *lower = reallocarray(c->lower, cap, sizeof *lower);
        c->lower = lower ? lower : c->lower;
        double *upper = reallocarray(c->upper, cap, sizeof *upper);
        c->upper = upper ? upper : c->upper;
        if (!start || !lower || !upper)
            return false;
        c->cap_n = (int)cap;
    }
    if (n_entries > c->cap_entries) {
        size_t cap = 2 * (size_t)n_entries;
        int *col = reallocarray(c->col, cap, sizeof *col);
        c->col = col ? col : c->col;
        double *value = reallocarray(c->value, cap, sizeof *value);
        c->value = value ? value : c->value;
        if (!col || !value)
            return false;
        c->cap_entries = (int)cap;
    }
    return true;
}

/* The rows that CBC has put below ours, and its solution: those of the last round replace the earlier ones. */
static void take_cuts(const watch *w, void *solver)
{
    loam_lp_cuts *c = w->run->cuts;
    int n_rows = Osi_getNumRows(solver);
    c->n = c->n_entries = 0;
    c->has_x = false;
    if (!cuts_reserve(c, n_rows - w->p->n_rows, 0, w->p->n_cols))
        return;
    c->start[0] = 0;
    for (int i = w->p->n_rows; i < n_rows; i++) {
        int n = Osi_getRowNz(solver, i);
        char sense = Osi_getRowSense(solver, i);
        if ((sense != 'L' && sense != 'G' && sense != 'E') || c->n_entries > INT_MAX / 4 - n)
            continue;
        if (!cuts_reserve(c, c->n + 1, c->n_entries + n, w->p->n_cols))
            return;
        double side = Osi_getRowRHS(solver, i);
        memcpy(c->col + c->n_entries, Osi_getRowIndices(solver, i), (size_t)n * sizeof *c->col);
        memcpy(c->value + c->n_entries, Osi_getRowCoeffs(solver, i), (size_t)n * sizeof *c->value);
        c->lower[c->n] = sense == 'L' ? -DBL_MAX : side;
        c->upper[c->n] = sense == 'G' ? DBL_MAX : side;
        c->n_entries += n;
        c->start[++c->n] = c->n_entries;
    }
    memcpy(c->x, Osi_getColSolution(solver), (size_t)w->p->n_cols * sizeof *c->x);
    c->has_x = true;
}

/* CBC asks for cuts. Once told to stop, each node that is left gets x ≥ 1 and x ≤ 0 and closes, which empties the tree.
 * (Of a row without columns it would take no notice.) */
static void on_cuts(void *solver, void *cuts, void *arg)
{
    watch *w = arg;
    double bound = NAN;
    if (!w->stopped && w->run->cuts && Osi_getNumCols(solver) == w->p->n_cols) {
        const double *x = Osi_getColSolution(solver);
        bound = 0;
        for (int j = 0; j < w->p->n_cols; j++)
            bound += w->p->cost[j] * x[j];
        take_cuts(w, solver);
    }
    if (!w->stopped && w->run->stop)
        w->stopped = w->run->stop(w->run->arg, bound);
    if (w->stopped) {
        const int first = 0;
        const double one = 1;
        OsiCuts_addRowCut(cuts, 1, &first, &one, 'G', 1);
        OsiCuts_addRowCut(cuts, 1, &first, &one, 'L', 0);
    }
}

static void set_number(Cbc_Model *cbc, const char *name, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.12g", value);
    Cbc_setParameter(cbc, name, text);
}

static void set_parameters(Cbc_Model *cbc, const loam_lp_branch *run)
{
    Cbc_setLogLevel(cbc, 0);
    Cbc_setParameter(cbc, "timeMode", "elapsed");
    if (run->seconds < 1e9)
        set_number(cbc, "seconds", run->seconds > 0.01 ? run->seconds : 0.01);
    set_number(cbc, "ratioGap", run->gap);
    set_number(cbc, "integerTolerance", 1e-7);
    Cbc_setParameter(cbc, "preprocess", "off");
    Cbc_setParameter(cbc, "depthMiniBab", "-999");
    if (run->cuts) {
        Cbc_setParameter(cbc, "maxNodes", "0");
        Cbc_setParameter(cbc, "heuristicsOnOff", "off");
    }
    if (run->careful) {
        Cbc_setParameter(cbc, "presolve", "off");
        Cbc_setParameter(cbc, "cutsOnOff", "off");
        Cbc_setParameter(cbc, "heuristicsOnOff", "off");
    }
}

static Cbc_Model *load(const loam_lp *p, const loam_lp_matrix *m)
{
    size_t n_cols = (size_t)p->n_cols, n_rows = (size_t)p->n_rows;
    double *ends = malloc((2 * n_cols + 2 * n_rows + 1) * sizeof *ends);
    Cbc_Model *cbc = ends ? Cbc_newModel() : NULL;
    if (!cbc) {
        free(ends);
        return NULL;
    }
    clp_numbers(p->col_lower, n_cols, ends);
    clp_numbers(p->col_upper, n_cols, ends + n_cols);
    clp_numbers(p->row_lower, n_rows, ends + 2 * n_cols);
    clp_numbers(p->row_upper, n_rows, ends + 2 * n_cols + n_rows);
    Cbc_loadProblem(cbc, p->n_cols, p->n_rows, m->start, m->row, m->value, ends, ends + n_cols, p->cost,
                    ends + 2 * n_cols, ends + 2 * n_cols + n_rows);
    for (int j = 0; j < p->n_cols; j++)
        if (p->integer[j])
            Cbc_setInteger(cbc, j);
    free(ends);
    return cbc;
}

void loam_lp_branch_run(const loam_lp *p, const loam_lp_matrix *m, loam_lp_branch *run, double *x)
{
    watch w = {p, run, false};
    run->has_x = false;
    run->bound = -INFINITY;
    run->nodes = 0;
    run->outcome = LOAM_LP_OUTCOME_FAILED;
    Cbc_Model *cbc = load(p, m);
    if (!cbc)
        return;
    set_parameters(cbc, run);
    if (run->cutoff < INFINITY)
        Cbc_setCutoff(cbc, run->cutoff);
    if (run->start)
        Cbc_setInitialSolution(cbc, run->start);
    Cbc_addCutCallback(cbc, on_cuts, "watch", &w);
    pthread_mutex_lock(&one_run);
    Cbc_solve(cbc);
    pthread_mutex_unlock(&one_run);

    run->nodes = Cbc_getNodeCount(cbc);
    const double *best = Cbc_bestSolution(cbc);
    if (best) {
        run->has_x = true;
        memcpy(x, best, (size_t)p->n_cols * sizeof *x);
    }
    double bound = Cbc_getBestPossibleObjValue(cbc);
    if (!w.stopped && isfinite(bound) && fabs(bound) < 1e40)
        run->bound = bound;
    if (w.stopped || (Cbc_status(cbc) != CBC_FINISHED && Cbc_status(cbc) != CBC_ABANDONED))
        run->outcome = LOAM_LP_OUTCOME_STOPPED;
    else if (Cbc_status(cbc) == CBC_ABANDONED || Cbc_isAbandoned(cbc))
        run->outcome = LOAM_LP_OUTCOME_FAILED;
    else if (best) {
        /* its own bound is not brought up to date when the tree is empty */
        double objective = Cbc_getObjValue(cbc);
        bool completed = Cbc_secondaryStatus(cbc) == CBC_SEARCH_COMPLETED;
        run->bound = fmax(run->bound, completed ? objective : objective - run->gap * fabs(objective));
        run->outcome = LOAM_LP_OUTCOME_OPTIMAL;
    } else
        run->outcome = Cbc_isContinuousUnbounded(cbc) ? LOAM_LP_OUTCOME_UNBOUNDED : LOAM_LP_OUTCOME_INFEASIBLE;
    Cbc_deleteModel(cbc);
}
