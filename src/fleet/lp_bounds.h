/* Bounds of a program's columns under decisions: what follows from one for the other whole numbers, and taking it back.
 */
#ifndef LOAM_FLEET_LP_BOUNDS_H
#define LOAM_FLEET_LP_BOUNDS_H

#include "fleet/lp_program.h"

typedef struct loam_lp_bounds_change {
    int col;
    double lower, upper; /* as they were */
} loam_lp_bounds_change;

/* The least (or most) that a row's sum can be: a finite part, and how many columns add an infinity. */
typedef struct loam_lp_reach {
    double sum;
    int n_infinite;
} loam_lp_reach;

typedef struct loam_lp_bounds_state {
    const loam_lp *p;
    const loam_lp_matrix *m;        /* by column, borrowed */
    int *row_start, *row_col;       /* the same by row */
    double *row_value;              /* */
    double *lower, *upper;          /* [cols] now */
    loam_lp_reach *least, *most;    /* [rows] */
    loam_lp_bounds_change *changes; /* what to take back, the latest last */
    size_t n_changes, cap_changes;
    int *queue; /* rows to look at */
    bool *queued;
    int n_queue;
} loam_lp_bounds_state;

/* Begins with these bounds (copied). On failure *b is empty. */
LOAM_CHECK_RESULT loam_status loam_lp_bounds_init(loam_lp_bounds_state *b, const loam_lp *p, const loam_lp_matrix *m,
                                                  const double *lower, const double *upper, loam_err *err);
void loam_lp_bounds_deinit(loam_lp_bounds_state *b);
/* Narrows a column to [lower, upper] and draws in the integers that share rows with it. False if some row or column is
 * left without room (or memory ran out); then take it back. */
bool loam_lp_bounds_narrow(loam_lp_bounds_state *b, int col, double lower, double upper);
/* Back to when n_changes was `mark`. */
void loam_lp_bounds_undo(loam_lp_bounds_state *b, size_t mark);

#endif
