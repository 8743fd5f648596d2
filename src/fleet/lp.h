/* Linear and mixed-integer programs: built column by column, solved by CBC (lp_cbc.c, the one file that knows it).
 * Every row and column may belong to a named group (a budget, a rule, a supplier), so that conflicts and prices can be
 * told by name. */
#ifndef LOAM_FLEET_LP_H
#define LOAM_FLEET_LP_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct loam_lp loam_lp;

/* NULL when out of memory. Building never fails by itself: the first failure is reported by the solve. */
loam_lp *loam_lp_new(void);
void loam_lp_free(loam_lp *p);
loam_lp *loam_lp_copy(const loam_lp *p);

/* A group's index. `relax_cost`: what one unit of breaking one of its rows costs when it is made elastic (∞: never). */
int loam_lp_group(loam_lp *p, const char *name, double relax_cost);
/* lower ≤ x ≤ upper (±INFINITY). Costs are zero until set. */
int loam_lp_col(loam_lp *p, double lower, double upper, bool integer);
/* lower ≤ Σ a·x ≤ upper; group -1: none. */
int loam_lp_row(loam_lp *p, double lower, double upper, int group);
/* Adds to a[row][col]. */
void loam_lp_add(loam_lp *p, int row, int col, double a);
void loam_lp_cost(loam_lp *p, int col, double cost);
void loam_lp_cost_clear(loam_lp *p);
void loam_lp_bounds(loam_lp *p, int col, double lower, double upper);
void loam_lp_row_bounds(loam_lp *p, int row, double lower, double upper);
int loam_lp_n_cols(const loam_lp *p);
int loam_lp_n_rows(const loam_lp *p);
const char *loam_lp_group_name(const loam_lp *p, int group);
int loam_lp_row_group(const loam_lp *p, int row);
void loam_lp_row_range(const loam_lp *p, int row, double *lower, double *upper);

typedef enum loam_lp_status {
    LOAM_LP_OPTIMAL,    /* to the gap asked for */
    LOAM_LP_LIMIT,      /* time is up: x is the best found, if has_x */
    LOAM_LP_INFEASIBLE, /* checked again without preprocessing and cuts */
    LOAM_LP_UNBOUNDED,
} loam_lp_status;

typedef struct loam_lp_options {
    double gap;          /* relative: 0.005 */
    double time_s;       /* 0: no limit */
    bool relax;          /* integers as continuous */
    const double *start; /* a solution to begin with, or NULL */
    /* Called now and then with the incumbent (or NAN) and the bound; false stops the search. May be NULL. */
    bool (*progress)(void *arg, double incumbent, double bound);
    void *arg;
} loam_lp_options;

typedef struct loam_lp_result {
    loam_lp_status status;
    bool has_x;
    double objective, bound, gap, seconds;
    int nodes;
    double *x; /* [cols] */
    double
        *row_dual; /* [rows], of the program with the integers fixed at x: what one more unit of the bound is worth */
    double *col_dual; /* [cols] */
    double *activity; /* [rows] */
} loam_lp_result;

/* Minimises. OK for every status of the program itself; errors are NO_MEMORY, CANCELLED and INTERNAL. */
LOAM_CHECK_RESULT loam_status loam_lp_solve(const loam_lp *p, const loam_lp_options *o, loam_lp_result *out,
                                            loam_err *err);
void loam_lp_result_deinit(loam_lp_result *r);

/* Why is it infeasible? */
typedef struct loam_lp_conflict {
    bool integer_only; /* the relaxation is feasible: whole units are the cause */
    size_t n_groups;
    int *groups;      /* an irreducible set of named groups that cannot hold together */
    size_t n_repairs; /* alternatives, the cheapest first; at most 3 */
    struct loam_lp_repair {
        size_t n;
        struct {
            int group;
            double amount;
        } * relax; /* by how much the group's rows are broken in all */
    } * repairs;
} loam_lp_conflict;
LOAM_CHECK_RESULT loam_status loam_lp_explain(const loam_lp *p, const loam_lp_options *o, loam_lp_conflict *out,
                                              loam_err *err);
void loam_lp_conflict_deinit(loam_lp_conflict *c);

/* Writes free MPS, for other solvers. */
LOAM_CHECK_RESULT loam_status loam_lp_write_mps(const loam_lp *p, const char *path, loam_err *err);

#endif
