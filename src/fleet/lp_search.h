/* One solve of a program: what its parts (root, rounding, branch and cut) share. */
#ifndef LOAM_FLEET_LP_SEARCH_H
#define LOAM_FLEET_LP_SEARCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "fleet/lp_simplex.h"

/* What the solving thread tells the one that asks for progress. */
typedef struct loam_lp_news {
    pthread_mutex_t mutex; /* guards incumbent, bound and finished; innermost */
    pthread_cond_t changed;
    double incumbent, bound; /* NAN: none yet */
    bool finished;
    atomic_bool stop; /* the other way: give up soon */
} loam_lp_news;

typedef struct loam_lp_search {
    const loam_lp *p;
    const loam_lp_options *o;
    loam_lp_matrix m;
    loam_lp_simplex *lp;   /* the relaxation */
    loam_lp_simplex *cut;  /* the same with cuts, once there are some; NULL before */
    double *lower, *upper; /* [cols] bounds, of integers drawn in to integers */
    double *root_x;        /* [cols] of the relaxation, with cuts once there are some */
    unsigned char *basis;  /* of the relaxation without cuts */
    int n_integers;
    double began, deadline; /* of loam_clock_s; INFINITY: none */
    /* the best point found, with the duals of the program whose integers are fixed there */
    bool has_best;
    double best;
    double *x, *col_dual, *row_dual, *activity;
    double *room_cols, *room_lower, *room_upper, *room_rows; /* scratch of loam_lp_search_try */
    double bound;
    int nodes;
    loam_lp_news *news;
} loam_lp_search;

/* Time is up, or somebody said stop. */
bool loam_lp_search_over(const loam_lp_search *s);
double loam_lp_search_seconds_left(const loam_lp_search *s);
/* (objective - bound) / |objective|, 0 when both are the same but for rounding. */
double loam_lp_gap(double objective, double bound);
/* Whether what is found and what is proven are as close as was asked for. */
bool loam_lp_search_done(const loam_lp_search *s);
/* Solves a relaxation (lp or cut) under these bounds, with care if it must be. */
loam_lp_outcome loam_lp_search_relax(loam_lp_search *s, loam_lp_simplex *lp, const double *lower, const double *upper,
                                     loam_lp_method method);
/* Rounds the integers of x, fixes them and solves for the rest; keeps the point if it is feasible and the best so far.
 * False if these integers lead to no feasible point. */
bool loam_lp_search_try(loam_lp_search *s, const double *x);
void loam_lp_search_raise_bound(loam_lp_search *s, double bound);

/* Looks for a good point by rounding root_x step by step (lp_round.c). */
LOAM_CHECK_RESULT loam_status loam_lp_round(loam_lp_search *s, loam_err *err);

#endif
