/* Bound propagation over integers: a row's least sum with one column left out says how large that column can be. */
#include "fleet/lp_bounds.h"

#include <stdlib.h>
#include <string.h>

static const double SLACK = 1e-6; /* of a row's side, before it counts as broken */

/* How far one decision is followed. A row is looked at again when something in it changed; this ends it where changes
 * would get ever smaller. */
enum { MAX_LOOKS = 20000 };

static void reach_add(loam_lp_reach *r, double term, int sign)
{
    if (isinf(term))
        r->n_infinite += sign;
    else
        r->sum += sign * term;
}

/* Adds (sign 1) or takes away (-1) column j's part of the reach of its rows. */
static void count_column(loam_lp_bounds_state *b, int j, int sign)
{
    for (int k = b->m->start[j]; k < b->m->start[j + 1]; k++) {
        double a = b->m->value[k];
        int i = b->m->row[k];
        reach_add(&b->least[i], a * (a > 0 ? b->lower[j] : b->upper[j]), sign);
        reach_add(&b->most[i], a * (a > 0 ? b->upper[j] : b->lower[j]), sign);
    }
}

static void transpose(loam_lp_bounds_state *b)
{
    const loam_lp *p = b->p;
    const loam_lp_matrix *m = b->m;
    for (int k = 0; k < m->start[p->n_cols]; k++)
        b->row_start[m->row[k] + 2]++;
    for (int i = 0; i < p->n_rows; i++)
        b->row_start[i + 2] += b->row_start[i + 1];
    for (int j = 0; j < p->n_cols; j++)
        for (int k = m->start[j]; k < m->start[j + 1]; k++) {
            int place = b->row_start[m->row[k] + 1]++;
            b->row_col[place] = j;
            b->row_value[place] = m->value[k];
        }
}

loam_status loam_lp_bounds_init(loam_lp_bounds_state *b, const loam_lp *p, const loam_lp_matrix *m, const double *lower,
                                const double *upper, loam_err *err)
{
    size_t n_cols = (size_t)p->n_cols + 1, n_rows = (size_t)p->n_rows + 2, n = (size_t)m->start[p->n_cols] + 1;
    *b = (loam_lp_bounds_state){.p = p,
                                .m = m,
                                .row_start = calloc(n_rows + 1, sizeof(int)),
                                .row_col = malloc(n * sizeof(int)),
                                .row_value = malloc(n * sizeof(double)),
                                .lower = malloc(n_cols * sizeof(double)),
                                .upper = malloc(n_cols * sizeof(double)),
                                .least = calloc(n_rows, sizeof(loam_lp_reach)),
                                .most = calloc(n_rows, sizeof(loam_lp_reach)),
                                .queue = malloc(n_rows * sizeof(int)),
                                .queued = calloc(n_rows, sizeof(bool))};
    if (!b->row_start || !b->row_col || !b->row_value || !b->lower || !b->upper || !b->least || !b->most || !b->queue ||
        !b->queued) {
        loam_lp_bounds_deinit(b);
        LOAM_FAIL(err, NO_MEMORY, "no memory to round a program of %d rows and %d columns", p->n_rows, p->n_cols);
    }
    memcpy(b->lower, lower, (size_t)p->n_cols * sizeof *lower);
    memcpy(b->upper, upper, (size_t)p->n_cols * sizeof *upper);
    transpose(b);
    for (int j = 0; j < p->n_cols; j++)
        count_column(b, j, 1);
    return LOAM_OK;
}

void loam_lp_bounds_deinit(loam_lp_bounds_state *b)
{
    void *arrays[] = {b->row_start, b->row_col, b->row_value, b->lower, b->upper,
                      b->least,     b->most,    b->changes,   b->queue, b->queued};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    *b = (loam_lp_bounds_state){0};
}

static bool remember(loam_lp_bounds_state *b, int col)
{
    if (b->n_changes == b->cap_changes) {
        size_t cap = b->cap_changes ? 2 * b->cap_changes : 256;
        loam_lp_bounds_change *more = reallocarray(b->changes, cap, sizeof *more);
        if (!more)
            return false;
        b->changes = more;
        b->cap_changes = cap;
    }
    b->changes[b->n_changes++] = (loam_lp_bounds_change){col, b->lower[col], b->upper[col]};
    return true;
}

/* Sets a column's bounds and puts its rows into the queue. */
static bool set(loam_lp_bounds_state *b, int col, double lower, double upper)
{
    if (lower > upper || !remember(b, col))
        return false;
    count_column(b, col, -1);
    b->lower[col] = lower;
    b->upper[col] = upper;
    count_column(b, col, 1);
    for (int k = b->m->start[col]; k < b->m->start[col + 1]; k++) {
        int i = b->m->row[k];
        if (!b->queued[i]) {
            b->queued[i] = true;
            b->queue[b->n_queue++] = i;
        }
    }
    return true;
}

/* The largest a·x that the column may have when the row's sum is to stay ≤ side and all others are least; INFINITY: no
 * limit. */
static double room_in(double side, loam_lp_reach least, double own)
{
    if (side == INFINITY || least.n_infinite > (isinf(own) ? 1 : 0))
        return INFINITY;
    return side - (isinf(own) ? least.sum : least.sum - own);
}

/* Draws in integer column j as far as row i (coefficient a) says. */
static bool draw_in_column(loam_lp_bounds_state *b, int i, int j, double a)
{
    double lower = b->lower[j], upper = b->upper[j];
    double allowed = SLACK * (1 + fabs(b->least[i].sum) + fabs(b->most[i].sum)) / (1 + fabs(a));
    double most = room_in(b->p->row_upper[i], b->least[i], a * (a > 0 ? lower : upper));
    double least = -room_in(-b->p->row_lower[i], (loam_lp_reach){-b->most[i].sum, b->most[i].n_infinite},
                            -a * (a > 0 ? upper : lower));
    double high = a > 0 ? most / a : least / a, low = a > 0 ? least / a : most / a;
    if (allowed > 0.1)
        return true; /* too large a sum to tell whole numbers apart */
    if (high < upper - 0.5 || low > lower + 0.5) {
        double new_lower = fmax(lower, ceil(low - allowed)), new_upper = fmin(upper, floor(high + allowed));
        if (new_lower > lower || new_upper < upper)
            return set(b, j, new_lower, new_upper);
    }
    return true;
}

static bool look_at_row(loam_lp_bounds_state *b, int i)
{
    const loam_lp *p = b->p;
    double allowed = SLACK * (1 + fabs(b->least[i].sum) + fabs(b->most[i].sum));
    if ((b->least[i].n_infinite == 0 && b->least[i].sum > p->row_upper[i] + allowed) ||
        (b->most[i].n_infinite == 0 && b->most[i].sum < p->row_lower[i] - allowed))
        return false;
    if ((b->least[i].n_infinite > 1 || p->row_upper[i] == INFINITY) &&
        (b->most[i].n_infinite > 1 || p->row_lower[i] == -INFINITY))
        return true; /* nothing follows for any column */
    for (int k = b->row_start[i]; k < b->row_start[i + 1]; k++) {
        int j = b->row_col[k];
        if (p->integer[j] && b->lower[j] < b->upper[j] && !draw_in_column(b, i, j, b->row_value[k]))
            return false;
    }
    return true;
}

bool loam_lp_bounds_narrow(loam_lp_bounds_state *b, int col, double lower, double upper)
{
    bool holds = set(b, col, lower, upper);
    for (int looks = 0; holds && b->n_queue > 0 && looks < MAX_LOOKS; looks++) {
        int i = b->queue[--b->n_queue];
        b->queued[i] = false;
        holds = look_at_row(b, i);
    }
    while (b->n_queue > 0)
        b->queued[b->queue[--b->n_queue]] = false;
    return holds;
}

void loam_lp_bounds_undo(loam_lp_bounds_state *b, size_t mark)
{
    while (b->n_changes > mark) {
        loam_lp_bounds_change c = b->changes[--b->n_changes];
        count_column(b, c.col, -1);
        b->lower[c.col] = c.lower;
        b->upper[c.col] = c.upper;
        count_column(b, c.col, 1);
    }
}
