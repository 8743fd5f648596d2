/* A first point of whole numbers: the relaxation's values are rounded a batch at a time, what follows from each
 * decision is drawn for the others, and the relaxation is solved again. Switches (0 or 1) come first, and go up as long
 * as the rows allow, the largest first: in the planner's programs one is a chip type or a place, whose relaxed value is
 * small because its limit is large. Counts follow, to the nearest. */
#include <stdlib.h>
#include <string.h>

#include "fleet/lp_bounds.h"
#include "fleet/lp_search.h"

static const double WHOLE = 1e-6;

/* MAX_ROUNDS: relaxations of one dive. */
enum { MAX_ROUNDS = 200, MAX_FAILURES = 300, SMALL_BATCH = 4, MAX_ALONE = 12 };
/* A decision that costs this share of the gap is worth a look at the other way. */
static const double LOOK = 0.1;

typedef struct candidate {
    int col;
    double x, rank; /* the lower rank first */
} candidate;

typedef struct dive {
    loam_lp_search *s;
    loam_lp_simplex *lp;
    loam_lp_bounds_state b;
    candidate *found;
    int n_found;
    double *x;        /* [cols] of the last relaxation */
    double switch_up; /* switches from this value go up */
    bool looking;     /* one switch at a time, both ways */
    int n_failures;
} dive;

static int by_rank(const void *a, const void *b)
{
    const candidate *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return left->col < right->col ? -1 : left->col > right->col;
}

/* Integers that are not decided and not whole. Returns how many of them are switches; those come first. */
static int find_fractional(dive *d)
{
    int n_switches = 0;
    d->n_found = 0;
    for (int j = 0; j < d->s->p->n_cols; j++) {
        double x = d->x[j], away = fabs(x - nearbyint(x));
        if (!d->s->p->integer[j] || d->b.lower[j] == d->b.upper[j] || away <= WHOLE)
            continue;
        bool is_switch = d->s->upper[j] - d->s->lower[j] <= 1;
        n_switches += is_switch;
        d->found[d->n_found++] = (candidate){j, x, is_switch ? d->s->lower[j] - x : 1 + away};
    }
    qsort(d->found, (size_t)d->n_found, sizeof *d->found, by_rank);
    return n_switches;
}

static bool fix(dive *d, int col, double value)
{
    size_t mark = d->b.n_changes;
    if (value >= d->b.lower[col] && value <= d->b.upper[col] && loam_lp_bounds_narrow(&d->b, col, value, value))
        return true;
    loam_lp_bounds_undo(&d->b, mark);
    return false;
}

/* The preferred whole number, or the one on the other side. */
static bool decide(dive *d, const candidate *c, bool is_switch, bool contrary)
{
    double down = floor(c->x), up = ceil(c->x);
    bool go_up = is_switch ? c->x - down >= d->switch_up : c->x - down >= 0.5;
    if (go_up == contrary)
        return fix(d, c->col, down) || fix(d, c->col, up);
    return fix(d, c->col, up) || fix(d, c->col, down);
}

/* Decides the first n candidates; then the relaxation. OPTIMAL: d->x is new. */
static loam_lp_outcome decide_batch(dive *d, int n, int n_switches, bool contrary)
{
    for (int i = 0; i < n; i++) {
        const candidate *c = &d->found[i];
        if (d->b.lower[c->col] < d->b.upper[c->col] && !decide(d, c, i < n_switches, contrary))
            return LOAM_LP_OUTCOME_INFEASIBLE;
    }
    loam_lp_outcome outcome = loam_lp_search_relax(d->s, d->lp, d->b.lower, d->b.upper, LOAM_LP_METHOD_AGAIN);
    if (outcome == LOAM_LP_OUTCOME_OPTIMAL)
        memcpy(d->x, loam_lp_simplex_x(d->lp), (size_t)d->s->p->n_cols * sizeof *d->x);
    return outcome;
}

/* One candidate alone, the preferred way and then the other; then the next candidate. */
static bool step_alone(dive *d, int n_switches)
{
    size_t mark = d->b.n_changes;
    int n = n_switches ? n_switches : d->n_found;
    for (int i = 0; i < n && i < MAX_ALONE; i++)
        for (int contrary = 0; contrary < 2; contrary++) {
            const candidate *c = &d->found[i];
            if (loam_lp_search_over(d->s) || ++d->n_failures > MAX_FAILURES)
                return false;
            if (decide(d, c, i < n_switches, contrary) && decide_batch(d, 0, 0, false) == LOAM_LP_OUTCOME_OPTIMAL)
                return true;
            loam_lp_bounds_undo(&d->b, mark);
        }
    return false;
}

/* One step down: a batch is decided, smaller after each failure. False: this way leads nowhere. */
static bool step(dive *d, int batch, int n_switches)
{
    size_t mark = d->b.n_changes;
    for (; batch > 1; batch = batch > 4 ? batch / 4 : 1) {
        loam_lp_outcome outcome = decide_batch(d, batch, n_switches, false);
        if (outcome == LOAM_LP_OUTCOME_OPTIMAL)
            return true;
        loam_lp_bounds_undo(&d->b, mark);
        if (outcome != LOAM_LP_OUTCOME_INFEASIBLE || ++d->n_failures > MAX_FAILURES || loam_lp_search_over(d->s))
            return false;
    }
    return step_alone(d, n_switches);
}

/* One switch, looked at both ways when the first costs much. */
static bool step_looking(dive *d, int n_switches)
{
    double before = loam_lp_simplex_objective(d->lp), first = INFINITY, second = INFINITY;
    size_t mark = d->b.n_changes;
    if (decide_batch(d, 1, n_switches, false) == LOAM_LP_OUTCOME_OPTIMAL)
        first = loam_lp_simplex_objective(d->lp);
    if (first - before <= LOOK * d->s->o->gap * fabs(before) + 1e-9)
        return true;
    loam_lp_bounds_undo(&d->b, mark);
    if (decide_batch(d, 1, n_switches, true) == LOAM_LP_OUTCOME_OPTIMAL)
        second = loam_lp_simplex_objective(d->lp);
    if (second <= first && second < INFINITY)
        return true;
    loam_lp_bounds_undo(&d->b, mark);
    return decide_batch(d, 1, n_switches, false) == LOAM_LP_OUTCOME_OPTIMAL;
}

/* Goes down until all is whole. True if it ended at a point. */
static bool dive_down(dive *d)
{
    d->n_failures = 0;
    for (int round = 0; round < MAX_ROUNDS && !loam_lp_search_over(d->s); round++) {
        int n_switches = find_fractional(d);
        if (d->n_found == 0)
            return loam_lp_search_try(d->s, d->x);
        /* what is left cannot lead to anything better */
        if (d->s->has_best && loam_lp_simplex_objective(d->lp) >= d->s->best)
            return false;
        int n = n_switches ? n_switches : d->n_found;
        bool looking = d->looking && n_switches;
        if (!(looking ? step_looking(d, n_switches) : step(d, n <= SMALL_BATCH ? n : (n + 1) / 2, n_switches)))
            return false;
    }
    return false;
}

loam_status loam_lp_round(loam_lp_search *s, loam_err *err)
{
    /* Switches go up from here; the second is the usual rounding. */
    static const double switch_up[] = {0, 0.5};
    dive d = {.s = s, .lp = s->cut ? s->cut : s->lp};
    loam_status status = loam_lp_bounds_init(&d.b, s->p, &s->m, s->lower, s->upper, err);
    if (status != LOAM_OK)
        return status;
    d.found = malloc(((size_t)s->n_integers + 1) * sizeof *d.found);
    d.x = malloc(((size_t)s->p->n_cols + 1) * sizeof *d.x);
    if (!d.found || !d.x)
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to round %d integers",
                              s->n_integers);
    d.looking = s->cut != NULL;
    for (size_t i = 0; status == LOAM_OK && i < sizeof switch_up / sizeof *switch_up; i++) {
        if (loam_lp_search_done(s) || loam_lp_search_over(s) || (i > 0 && s->has_best && !s->cut))
            break;
        loam_lp_bounds_undo(&d.b, 0);
        d.switch_up = switch_up[i];
        if (decide_batch(&d, 0, 0, false) == LOAM_LP_OUTCOME_OPTIMAL)
            dive_down(&d);
    }
    free(d.found);
    free(d.x);
    loam_lp_bounds_deinit(&d.b);
    return status;
}
