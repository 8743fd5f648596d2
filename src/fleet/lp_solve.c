/* Solving a program: the relaxation first; then a point of whole numbers by rounding it step by step; then, if the two
 * are further apart than the gap asked for, branch and cut that begins with both. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/lp_search.h"

/* A whole number that is met to this much counts as met: bounds such as 2.9999999999. */
static const double NEARLY = 1e-9;
/* Seconds between two calls of progress. */
static const double PROGRESS_S = 0.5;

static loam_status search_init(loam_lp_search *s, loam_err *err)
{
    const loam_lp *p = s->p;
    size_t n_cols = (size_t)p->n_cols + 1, n_rows = (size_t)p->n_rows + 1;
    LOAM_TRY(loam_lp_matrix_init(p, &s->m, err));
    double **columns[] = {&s->lower,    &s->upper,     &s->root_x,     &s->x,
                          &s->col_dual, &s->room_cols, &s->room_lower, &s->room_upper};
    bool have = true;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        have = (*columns[i] = calloc(n_cols, sizeof(double))) && have;
    have = (s->row_dual = calloc(n_rows, sizeof(double))) && have;
    have = (s->activity = calloc(n_rows, sizeof(double))) && have;
    have = (s->room_rows = calloc(2 * n_rows, sizeof(double))) && have;
    have = (s->basis = calloc(n_cols + n_rows, 1)) && have;
    have = have && (s->lp = loam_lp_simplex_new(p, &s->m));
    if (!have)
        LOAM_FAIL(err, NO_MEMORY, "no memory to solve a program of %d rows and %d columns", p->n_rows, p->n_cols);
    return LOAM_OK;
}

static void search_deinit(loam_lp_search *s)
{
    loam_lp_matrix_deinit(&s->m);
    loam_lp_simplex_free(s->lp);
    loam_lp_simplex_free(s->cut);
    double *arrays[] = {s->lower,      s->upper,      s->root_x,   s->x,        s->col_dual, s->room_cols,
                        s->room_lower, s->room_upper, s->row_dual, s->activity, s->room_rows};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(s->basis);
}

/* Bounds of integers become integers. False if some column or row has no room between its bounds. */
static bool draw_in(loam_lp_search *s)
{
    const loam_lp *p = s->p;
    bool room = true;
    for (int j = 0; j < p->n_cols; j++) {
        s->lower[j] = p->col_lower[j];
        s->upper[j] = p->col_upper[j];
        if (p->integer[j] && !s->o->relax) {
            s->n_integers++;
            s->lower[j] = ceil(s->lower[j] - NEARLY);
            s->upper[j] = floor(s->upper[j] + NEARLY);
        }
        room = room && s->lower[j] <= s->upper[j];
    }
    for (int i = 0; i < p->n_rows; i++)
        room = room && p->row_lower[i] <= p->row_upper[i];
    return room;
}

/* What no point within the bounds of the columns can beat: the bound before anything is solved. */
static double bound_of_columns(const loam_lp_search *s)
{
    double sum = 0;
    for (int j = 0; j < s->p->n_cols; j++)
        if (s->p->cost[j] != 0)
            sum += s->p->cost[j] * (s->p->cost[j] > 0 ? s->lower[j] : s->upper[j]);
    return sum;
}

static loam_status arithmetic_failed(const loam_lp_search *s, loam_err *err)
{
    LOAM_FAIL(err, INTERNAL,
              "the solver's arithmetic failed on a program of %d rows and %d columns: its numbers may lie too far "
              "apart",
              s->p->n_rows, s->p->n_cols);
}

/* Is there any point at all? Asked when the relaxation is unbounded: with whole numbers it may be infeasible. */
static loam_status solve_without_cost(const loam_lp_search *s, loam_lp_status *status, loam_err *err)
{
    loam_lp *copy = loam_lp_copy(s->p);
    if (!copy)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a copy of the program");
    loam_lp_cost_clear(copy);
    loam_lp_options o = *s->o;
    loam_lp_result r;
    o.start = NULL;
    o.progress = NULL;
    o.time_s = loam_lp_search_seconds_left(s);
    o.time_s = o.time_s < INFINITY ? (o.time_s > 0.01 ? o.time_s : 0.01) : 0;
    loam_status result = loam_lp_solve(copy, &o, &r, err);
    loam_lp_free(copy);
    if (result != LOAM_OK)
        return result;
    *status = r.status == LOAM_LP_OPTIMAL ? LOAM_LP_UNBOUNDED : r.status;
    loam_lp_result_deinit(&r);
    return LOAM_OK;
}

/* The relaxation. *go_on: it has an optimum. */
static loam_status solve_root(loam_lp_search *s, loam_lp_status *status, bool *go_on, loam_err *err)
{
    *go_on = false;
    switch (loam_lp_search_relax(s, s->lp, s->lower, s->upper, LOAM_LP_METHOD_FIRST)) {
    case LOAM_LP_OUTCOME_OPTIMAL:
        *go_on = true;
        memcpy(s->root_x, loam_lp_simplex_x(s->lp), (size_t)s->p->n_cols * sizeof *s->root_x);
        loam_lp_simplex_basis_read(s->lp, s->basis);
        loam_lp_search_raise_bound(s, loam_lp_simplex_objective(s->lp));
        return LOAM_OK;
    case LOAM_LP_OUTCOME_INFEASIBLE:
        *status = LOAM_LP_INFEASIBLE;
        return LOAM_OK;
    case LOAM_LP_OUTCOME_UNBOUNDED:
        *status = LOAM_LP_UNBOUNDED;
        return s->n_integers ? solve_without_cost(s, status, err) : LOAM_OK;
    case LOAM_LP_OUTCOME_STOPPED:
        *status = LOAM_LP_LIMIT;
        return LOAM_OK;
    default:
        return arithmetic_failed(s, err);
    }
}

static bool should_stop(void *arg, double bound)
{
    loam_lp_search *s = arg;
    if (!isnan(bound))
        loam_lp_search_raise_bound(s, s->has_best && bound > s->best ? s->best : bound);
    return loam_lp_search_over(s) || loam_lp_search_done(s);
}

/* The relaxation with cuts: a better bound, and a better point to round from. */
static loam_status add_cuts(loam_lp_search *s, double *x, loam_err *err)
{
    loam_lp_cuts cuts = {0};
    loam_lp_branch run = {.gap = s->o->gap,
                          .seconds = loam_lp_search_seconds_left(s),
                          .cutoff = s->has_best ? s->best + 1e-6 * fabs(s->best) : INFINITY,
                          .cuts = &cuts,
                          .stop = should_stop,
                          .arg = s};
    loam_lp_branch_run(s->p, &s->m, &run, x);
    if (run.has_x)
        loam_lp_search_try(s, x);
    if (cuts.has_x && !loam_lp_search_done(s) && !loam_lp_search_over(s)) {
        if ((s->cut = loam_lp_simplex_new(s->p, &s->m))) {
            loam_lp_simplex_basis_write(s->cut, s->basis);
            loam_lp_simplex_add_cuts(s->cut, &cuts);
        }
        if (s->cut &&
            loam_lp_search_relax(s, s->cut, s->lower, s->upper, LOAM_LP_METHOD_AGAIN) == LOAM_LP_OUTCOME_OPTIMAL)
            memcpy(s->root_x, loam_lp_simplex_x(s->cut), (size_t)s->p->n_cols * sizeof *x);
    }
    loam_lp_cuts_deinit(&cuts);
    return s->cut ? loam_lp_round(s, err) : LOAM_OK;
}

/* Branch and cut, which sees what was found so far. "Infeasible" is asked again without what could have erred. */
static loam_status branch(loam_lp_search *s, loam_lp_status *status, loam_err *err)
{
    double *x = malloc(((size_t)s->p->n_cols + 1) * sizeof *x);
    if (!x)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a point of %d columns", s->p->n_cols);
    loam_lp_outcome outcome = LOAM_LP_OUTCOME_FAILED;
    loam_status cut = add_cuts(s, x, err);
    if (cut != LOAM_OK || loam_lp_search_done(s)) {
        free(x);
        *status = LOAM_LP_OPTIMAL;
        return cut;
    }
    for (int careful = 0; careful < 2 && !loam_lp_search_over(s); careful++) {
        loam_lp_branch run = {.gap = s->o->gap,
                              .seconds = loam_lp_search_seconds_left(s),
                              .cutoff = INFINITY,
                              .start = s->has_best ? s->x : NULL,
                              .careful = careful,
                              .stop = should_stop,
                              .arg = s};
        loam_lp_branch_run(s->p, &s->m, &run, x);
        s->nodes += run.nodes;
        outcome = run.outcome;
        bool kept = run.has_x && loam_lp_search_try(s, x);
        /* a bound above what is known to be possible is as false as an "infeasible" would be */
        bool sane = !s->has_best || run.bound <= s->best + 1e-6 * fabs(s->best) + 1e-9;
        if (sane && outcome != LOAM_LP_OUTCOME_INFEASIBLE)
            loam_lp_search_raise_bound(s, run.bound);
        if ((outcome == LOAM_LP_OUTCOME_OPTIMAL && kept && sane) || outcome == LOAM_LP_OUTCOME_STOPPED)
            break;
    }
    free(x);
    if (s->has_best)
        *status = loam_lp_search_done(s) ? LOAM_LP_OPTIMAL : LOAM_LP_LIMIT;
    else if (outcome == LOAM_LP_OUTCOME_INFEASIBLE && !loam_lp_search_over(s))
        *status = LOAM_LP_INFEASIBLE;
    else if (loam_lp_search_over(s) || outcome == LOAM_LP_OUTCOME_STOPPED)
        *status = LOAM_LP_LIMIT;
    else
        return arithmetic_failed(s, err);
    return LOAM_OK;
}

static loam_status search_run(loam_lp_search *s, loam_lp_status *status, loam_err *err)
{
    bool go_on;
    *status = LOAM_LP_INFEASIBLE;
    if (!draw_in(s))
        return LOAM_OK;
    loam_lp_search_raise_bound(s, bound_of_columns(s));
    LOAM_TRY(solve_root(s, status, &go_on, err));
    if (!go_on)
        return LOAM_OK;
    *status = LOAM_LP_OPTIMAL;
    if (s->n_integers == 0) {
        if (loam_lp_search_try(s, s->root_x))
            return LOAM_OK;
        if (!loam_lp_search_over(s))
            return arithmetic_failed(s, err);
        *status = LOAM_LP_LIMIT;
        return LOAM_OK;
    }
    if (s->o->start)
        loam_lp_search_try(s, s->o->start);
    if (!loam_lp_search_done(s))
        LOAM_TRY(loam_lp_round(s, err));
    if (loam_lp_search_done(s))
        return LOAM_OK;
    *status = LOAM_LP_LIMIT;
    return loam_lp_search_over(s) ? LOAM_OK : branch(s, status, err);
}

typedef struct job {
    loam_lp_search *s;
    loam_lp_status status;
    loam_status result;
    loam_err *err;
} job;

static void *job_run(void *arg)
{
    job *j = arg;
    j->result = search_run(j->s, &j->status, j->err);
    pthread_mutex_lock(&j->s->news->mutex);
    j->s->news->finished = true;
    pthread_cond_signal(&j->s->news->changed);
    pthread_mutex_unlock(&j->s->news->mutex);
    return NULL;
}

/* The solver is silent for seconds at a time, so it runs in a thread of its own while this one asks and tells. */
static loam_status run_watched(job *j)
{
    pthread_t thread;
    loam_lp_news *news = j->s->news;
    const loam_lp_options *o = j->s->o;
    if (!o->progress || pthread_create(&thread, NULL, job_run, j) != 0) {
        job_run(j);
        return j->result;
    }
    double next = loam_clock_s();
    pthread_mutex_lock(&news->mutex);
    while (!news->finished) {
        double now = loam_clock_s();
        if (now >= next) {
            double incumbent = news->incumbent, bound = news->bound;
            pthread_mutex_unlock(&news->mutex);
            if (!atomic_load(&news->stop) && !o->progress(o->arg, incumbent, bound))
                atomic_store(&news->stop, true);
            pthread_mutex_lock(&news->mutex);
            next = loam_clock_s() + PROGRESS_S;
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        long ns = until.tv_nsec + (long)((next - now) * 1e9);
        until.tv_sec += ns / 1000000000;
        until.tv_nsec = ns % 1000000000;
        pthread_cond_timedwait(&news->changed, &news->mutex, &until);
    }
    pthread_mutex_unlock(&news->mutex);
    pthread_join(thread, NULL);
    return j->result;
}

static void news_init(loam_lp_news *news)
{
    pthread_condattr_t clock;
    *news = (loam_lp_news){.incumbent = NAN, .bound = -INFINITY};
    pthread_mutex_init(&news->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&news->changed, &clock);
    pthread_condattr_destroy(&clock);
}

static void give(loam_lp_search *s, loam_lp_status status, loam_lp_result *out)
{
    out->status = status;
    out->nodes = s->nodes;
    out->seconds = loam_clock_s() - s->began;
    out->has_x = s->has_best && (status == LOAM_LP_OPTIMAL || status == LOAM_LP_LIMIT);
    switch (status) {
    case LOAM_LP_INFEASIBLE:
        out->objective = out->bound = INFINITY;
        return;
    case LOAM_LP_UNBOUNDED:
        out->objective = out->bound = -INFINITY;
        return;
    default:
        break;
    }
    out->objective = s->has_best ? s->best : INFINITY;
    out->bound = s->has_best && s->bound > s->best ? s->best : s->bound; /* they meet but for rounding */
    out->gap = s->has_best ? loam_lp_gap(out->objective, out->bound) : INFINITY;
    if (!out->has_x)
        return;
    out->x = s->x;
    out->col_dual = s->col_dual;
    out->row_dual = s->row_dual;
    out->activity = s->activity;
    s->x = s->col_dual = s->row_dual = s->activity = NULL;
}

loam_status loam_lp_solve(const loam_lp *p, const loam_lp_options *o, loam_lp_result *out, loam_err *err)
{
    *out = (loam_lp_result){0};
    LOAM_TRY(loam_lp_check(p, err));
    loam_lp_news news;
    news_init(&news);
    double began = loam_clock_s();
    loam_lp_search s = {.p = p,
                        .o = o,
                        .began = began,
                        .deadline = o->time_s > 0 ? began + o->time_s : INFINITY,
                        .bound = -INFINITY,
                        .news = &news};
    loam_status result = search_init(&s, err);
    if (result == LOAM_OK) {
        job j = {.s = &s, .err = err};
        result = run_watched(&j);
        if (result == LOAM_OK && atomic_load(&news.stop) && j.status == LOAM_LP_LIMIT && !s.has_best)
            result = loam_err_set(err, LOAM_STATUS_CANCELLED, __FILE__, __LINE__,
                                  "stopped before a first solution was found");
        if (result == LOAM_OK)
            give(&s, j.status, out);
    }
    search_deinit(&s);
    pthread_cond_destroy(&news.changed);
    pthread_mutex_destroy(&news.mutex);
    return result;
}

void loam_lp_result_deinit(loam_lp_result *r)
{
    free(r->x);
    free(r->row_dual);
    free(r->col_dual);
    free(r->activity);
    *r = (loam_lp_result){0};
}
