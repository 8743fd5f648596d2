/* Inside a program: what lp.c builds and the solver's files read. Not for the rest of the planner. */
#ifndef LOAM_FLEET_LP_PROGRAM_H
#define LOAM_FLEET_LP_PROGRAM_H

#include "fleet/lp.h"

typedef struct loam_lp_named {
    char *name; /* owned */
    double relax_cost;
} loam_lp_named;

struct loam_lp {
    int n_cols, cap_cols, n_rows, cap_rows, n_groups, cap_groups;
    double *col_lower, *col_upper, *cost;
    bool *integer;
    double *row_lower, *row_upper;
    int *row_group;
    loam_lp_named *groups;
    size_t n_entries, cap_entries; /* in the order of loam_lp_add; a place may come more than once */
    int *entry_row, *entry_col;
    double *entry_value;
    loam_err failure; /* the first that happened while building; code OK: none */
};

/* The coefficients by column: of column j, start[j] … start[j + 1], rows rising, no zeros, no place twice. */
typedef struct loam_lp_matrix {
    int *start, *row;
    double *value;
} loam_lp_matrix;

LOAM_CHECK_RESULT loam_status loam_lp_matrix_init(const loam_lp *p, loam_lp_matrix *out, loam_err *err);
void loam_lp_matrix_deinit(loam_lp_matrix *m);
/* activity[i] = Σ a·x over row i; size[i] = the largest |a·x| in it, against which rounding is judged (may be NULL). */
void loam_lp_matrix_times(const loam_lp *p, const loam_lp_matrix *m, const double *x, double *activity, double *size);

/* The failure of building, if there was one. */
LOAM_CHECK_RESULT loam_status loam_lp_check(const loam_lp *p, loam_err *err);

#endif
