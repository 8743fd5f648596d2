/* What lp_cbc.c gives to the planner's solver: linear programs that are solved again under other bounds, and one run of
 * branch and cut. Nothing of CBC's own is seen outside it. */
#ifndef LOAM_FLEET_LP_SIMPLEX_H
#define LOAM_FLEET_LP_SIMPLEX_H

#include "fleet/lp_program.h"

typedef enum loam_lp_outcome {
    LOAM_LP_OUTCOME_OPTIMAL,
    LOAM_LP_OUTCOME_INFEASIBLE,
    LOAM_LP_OUTCOME_UNBOUNDED,
    LOAM_LP_OUTCOME_STOPPED, /* by the time */
    LOAM_LP_OUTCOME_FAILED,  /* by its arithmetic */
} loam_lp_outcome;

typedef enum loam_lp_method {
    LOAM_LP_METHOD_FIRST,   /* presolve, then dual simplex from nothing: the fastest on the planner's programs */
    LOAM_LP_METHOD_AGAIN,   /* dual simplex from the last basis: after bounds changed */
    LOAM_LP_METHOD_CAREFUL, /* primal simplex on the whole program, without presolve: its "infeasible" and
                             * "unbounded" are believed */
} loam_lp_method;

/* The relaxation of a program: integers are continuous. Keeps nothing of p and m. */
typedef struct loam_lp_simplex loam_lp_simplex;
/* NULL when out of memory. */
loam_lp_simplex *loam_lp_simplex_new(const loam_lp *p, const loam_lp_matrix *m);
void loam_lp_simplex_free(loam_lp_simplex *s);
/* All at once; each holds one number a column, or a row. */
void loam_lp_simplex_bounds(loam_lp_simplex *s, const double *lower, const double *upper);
void loam_lp_simplex_row_bounds(loam_lp_simplex *s, const double *lower, const double *upper);
void loam_lp_simplex_cost(loam_lp_simplex *s, const double *cost);
/* Where the last solve ended, to begin again from there: of the program without cuts, cols + rows bytes. */
void loam_lp_simplex_basis_read(const loam_lp_simplex *s, unsigned char *basis);
void loam_lp_simplex_basis_write(loam_lp_simplex *s, const unsigned char *basis);
/* Rows that are added below those of the program, and stay. */
struct loam_lp_cuts;
void loam_lp_simplex_add_cuts(loam_lp_simplex *s, const struct loam_lp_cuts *cuts);
/* Seconds of this thread, INFINITY: no limit. */
loam_lp_outcome loam_lp_simplex_solve(loam_lp_simplex *s, loam_lp_method method, double seconds);
/* Of the last solve, borrowed until the next. Duals are d objective / d bound. */
double loam_lp_simplex_objective(const loam_lp_simplex *s);
const double *loam_lp_simplex_x(const loam_lp_simplex *s);
const double *loam_lp_simplex_row_dual(const loam_lp_simplex *s);
const double *loam_lp_simplex_col_dual(const loam_lp_simplex *s);
/* After INFEASIBLE by METHOD_AGAIN: weights of the rows whose weighted sum cannot hold (Farkas), into ray [rows]. False
 * if there are none to be had. */
bool loam_lp_simplex_ray(const loam_lp_simplex *s, double *ray);

/* Rows that hold at every point of whole numbers, but not everywhere in the relaxation; and the relaxation's optimum
 * with them. */
typedef struct loam_lp_cuts {
    int n, cap_n, n_entries, cap_entries;
    int *start, *col; /* of cut i: start[i] … start[i + 1] */
    double *value, *lower, *upper;
    bool has_x;
    double *x; /* [cols] */
} loam_lp_cuts;
void loam_lp_cuts_deinit(loam_lp_cuts *c);

/* One run of branch and cut. */
typedef struct loam_lp_branch {
    double gap, seconds; /* relative; wall clock */
    double cutoff;       /* only what is better is looked for; INFINITY: none */
    const double *start; /* a feasible point, or NULL */
    bool careful;        /* no preprocessing, no cuts, no heuristics: its "infeasible" is believed */
    loam_lp_cuts *cuts;  /* not NULL: no branching; receives the cuts of the root */
    /* Asked now and then, from the calling thread; true ends the run early. `bound` is that of the root with its cuts
     * so far, when these are what was asked for, or NAN. */
    bool (*stop)(void *arg, double bound);
    void *arg;
    /* results */
    loam_lp_outcome outcome; /* OPTIMAL: to the gap; STOPPED: by time or by stop */
    bool has_x;
    double bound; /* -INFINITY when nothing is known */
    int nodes;
} loam_lp_branch;
/* x [cols] receives what was found, if has_x: integers are so to 1e-7 only. */
void loam_lp_branch_run(const loam_lp *p, const loam_lp_matrix *m, loam_lp_branch *run, double *x);

#endif
