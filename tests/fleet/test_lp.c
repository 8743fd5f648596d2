/* The solver of programs, against HiGHS (tests/golden/fleet/lp.txt), against counting all points, against moved sides;
 * and the explanations of infeasible ones, against conflicts that were put there.
 * `test_fleet_lp bench` prints how long the planner's full size takes instead. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "fleet/lp_program.h"
#include "lp_instance.h"

static const lp_instance_size small = {3, 5, 6, 2, 3, 2, 2, 300, 2, 4, 0.5, 3};

static loam_lp_result solve_with(const loam_lp *p, const loam_lp_options *o)
{
    loam_lp_result r;
    loam_err err = LOAM_ERR_INIT;
    loam_status status = loam_lp_solve(p, o, &r, &err);
    if (status != LOAM_OK)
        fail_msg("solve: %s", err.msg);
    return r;
}

static loam_lp_result solve(const loam_lp *p)
{
    return solve_with(p, &(loam_lp_options){.gap = 1e-9});
}

static bool near(double a, double b, double tolerance)
{
    double size = fmax(fabs(a), fabs(b));
    return a == b || fabs(a - b) <= tolerance * (size > 1 ? size : 1);
}

/* Adds the rows up again from what was put in. */
static void check_point(const loam_lp *p, const loam_lp_result *r, bool relax)
{
    double *sum = calloc((size_t)p->n_rows + 1, sizeof *sum), *size = calloc((size_t)p->n_rows + 1, sizeof *size);
    double cost = 0;
    assert_true(r->has_x);
    for (int j = 0; j < p->n_cols; j++) {
        cost += p->cost[j] * r->x[j];
        assert_true(r->x[j] >= p->col_lower[j] && r->x[j] <= p->col_upper[j]);
        if (p->integer[j] && !relax)
            assert_true(r->x[j] == nearbyint(r->x[j]));
    }
    for (size_t k = 0; k < p->n_entries; k++) {
        double term = p->entry_value[k] * r->x[p->entry_col[k]];
        sum[p->entry_row[k]] += term;
        size[p->entry_row[k]] = fmax(size[p->entry_row[k]], fabs(term));
    }
    for (int i = 0; i < p->n_rows; i++) {
        double allowed = 1e-7 * fmax(1, size[i]) + 1e-9;
        assert_true(sum[i] >= p->row_lower[i] - allowed && sum[i] <= p->row_upper[i] + allowed);
        assert_true(near(sum[i], r->activity[i], 1e-9));
    }
    assert_true(near(cost, r->objective, 1e-9));
    assert_true(r->bound <= r->objective);
    free(sum);
    free(size);
}

/* Of the duals: costs are what rows and columns add up to, and a price is paid only for a side that is met. */
static void check_duals(const loam_lp *p, const loam_lp_result *r, bool integers_fixed)
{
    double *sum = calloc((size_t)p->n_cols + 1, sizeof *sum);
    for (size_t k = 0; k < p->n_entries; k++)
        sum[p->entry_col[k]] += p->entry_value[k] * r->row_dual[p->entry_row[k]];
    for (int j = 0; j < p->n_cols; j++) {
        assert_true(near(p->cost[j], sum[j] + r->col_dual[j], 1e-6));
        if (integers_fixed && p->integer[j])
            continue;
        if (r->col_dual[j] > 1e-5)
            assert_true(near(r->x[j], p->col_lower[j], 1e-6));
        if (r->col_dual[j] < -1e-5)
            assert_true(near(r->x[j], p->col_upper[j], 1e-6));
    }
    for (int i = 0; i < p->n_rows; i++) {
        if (r->row_dual[i] > 1e-5)
            assert_true(near(r->activity[i], p->row_lower[i], 1e-6));
        if (r->row_dual[i] < -1e-5)
            assert_true(near(r->activity[i], p->row_upper[i], 1e-6));
    }
    free(sum);
}

/* ---- golden programs ---- */

typedef struct golden {
    char name[64];
    loam_lp *p;
    loam_lp_status status;
    double objective;
    double *row_dual, *col_dual; /* NULL: not the only ones */
} golden;

static double *read_numbers(char *line, int n)
{
    double *v = calloc((size_t)n + 1, sizeof *v);
    for (int i = 0; i < n; i++)
        v[i] = strtod(line, &line);
    return v;
}

static void read_row(loam_lp *p, char *line)
{
    double lower = strtod(line, &line), upper = strtod(line, &line);
    int row = loam_lp_row(p, lower, upper, -1);
    while (*line == ' ') {
        long col = strtol(line, &line, 10);
        loam_lp_add(p, row, (int)col, strtod(line + 1, &line));
    }
}

/* The next program of the text; false at its end. */
static bool read_golden(char **text, golden *g)
{
    char status[16], *line;
    int n_cols = 0, n_rows = 0;
    *g = (golden){0};
    while ((line = strsep(text, "\n")) && strcmp(line, "end") != 0) {
        if (sscanf(line, "program %63s %d %d %15s %lf", g->name, &n_cols, &n_rows, status, &g->objective) == 5) {
            g->p = loam_lp_new();
            g->status = status[0] == 'o' ? LOAM_LP_OPTIMAL : status[0] == 'i' ? LOAM_LP_INFEASIBLE : LOAM_LP_UNBOUNDED;
        } else if (line[0] == 'c') {
            char *rest = line + 1;
            double lower = strtod(rest, &rest), upper = strtod(rest, &rest);
            bool integer = strtol(rest, &rest, 10);
            loam_lp_cost(g->p, loam_lp_col(g->p, lower, upper, integer), strtod(rest, &rest));
        } else if (line[0] == 'r') {
            read_row(g->p, line + 1);
        } else if (line[0] == 'd') {
            g->row_dual = read_numbers(line + 1, n_rows);
        } else if (line[0] == 'e') {
            g->col_dual = read_numbers(line + 1, n_cols);
        }
    }
    if (g->p)
        assert_true(loam_lp_n_cols(g->p) == n_cols && loam_lp_n_rows(g->p) == n_rows);
    return g->p;
}

static void golden_free(golden *g)
{
    loam_lp_free(g->p);
    free(g->row_dual);
    free(g->col_dual);
}

static bool has_integers(const loam_lp *p)
{
    for (int j = 0; j < p->n_cols; j++)
        if (p->integer[j])
            return true;
    return false;
}

static void check_golden(const golden *g)
{
    loam_lp_result r = solve(g->p);
    if (r.status != g->status || (g->status == LOAM_LP_OPTIMAL && !near(r.objective, g->objective, 1e-6)))
        fail_msg("%s: status %d objective %.9g, HiGHS has %d and %.9g", g->name, r.status, r.objective, g->status,
                 g->objective);
    if (g->status == LOAM_LP_OPTIMAL) {
        check_point(g->p, &r, false);
        check_duals(g->p, &r, has_integers(g->p));
        assert_true(r.gap <= 1e-6);
    }
    for (int i = 0; g->row_dual && i < g->p->n_rows; i++)
        if (!near(r.row_dual[i], g->row_dual[i], 1e-6))
            fail_msg("%s: dual of row %d is %.9g, HiGHS has %.9g", g->name, i, r.row_dual[i], g->row_dual[i]);
    for (int j = 0; g->col_dual && j < g->p->n_cols; j++)
        if (!near(r.col_dual[j], g->col_dual[j], 1e-6))
            fail_msg("%s: dual of column %d is %.9g, HiGHS has %.9g", g->name, j, r.col_dual[j], g->col_dual[j]);
    loam_lp_result_deinit(&r);
}

static char *read_goldens(void)
{
    char *text;
    size_t len;
    loam_err err = LOAM_ERR_INIT;
    if (loam_file_read(LOAM_SOURCE_ROOT "/tests/golden/fleet/lp.txt", 1 << 20, &text, &len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return text;
}

static void test_like_highs(void **state)
{
    (void)state;
    char *text = read_goldens(), *at = text;
    int n = 0, n_duals = 0;
    golden g;
    for (; read_golden(&at, &g); n++) {
        n_duals += g.row_dual != NULL;
        check_golden(&g);
        golden_free(&g);
    }
    assert_true(n >= 40 && n_duals >= 8);
    free(text);
}

/* A dual lies between what is lost by a side moved one way and what is won the other way. */
static void check_slopes(const loam_lp *p, const char *name)
{
    const double step = 1e-3;
    loam_lp_result r = solve(p);
    for (int i = 0; i < p->n_rows; i++) {
        double slope[2] = {-INFINITY, INFINITY};
        for (int k = 0; k < 2; k++) {
            loam_lp *moved = loam_lp_copy(p);
            double by = k ? step : -step;
            /* the side that is met; both for an equality */
            bool low = near(r.activity[i], p->row_lower[i], 1e-7), high = near(r.activity[i], p->row_upper[i], 1e-7);
            loam_lp_row_bounds(moved, i, p->row_lower[i] + (low ? by : 0), p->row_upper[i] + (high ? by : 0));
            loam_lp_result m = solve(moved);
            if (m.status == LOAM_LP_OPTIMAL)
                slope[k] = (m.objective - r.objective) / by;
            loam_lp_result_deinit(&m);
            loam_lp_free(moved);
        }
        if (r.row_dual[i] < slope[0] - 1e-3 || r.row_dual[i] > slope[1] + 1e-3)
            fail_msg("%s: dual of row %d is %g, moving its side gives %g and %g", name, i, r.row_dual[i], slope[0],
                     slope[1]);
    }
    loam_lp_result_deinit(&r);
}

static void test_duals_are_slopes(void **state)
{
    (void)state;
    char *text = read_goldens(), *at = text;
    golden g;
    int n = 0;
    while (read_golden(&at, &g)) {
        if (g.status == LOAM_LP_OPTIMAL && !has_integers(g.p)) {
            check_slopes(g.p, g.name);
            n++;
        }
        golden_free(&g);
    }
    assert_true(n >= 10);
    free(text);
}

/* ---- counting all points ---- */

enum { TINY_COLS = 4, TINY_ROWS = 4, TINY_MOST = 4 };

/* Whole coefficients from -5 to 5, sides that cut through the box, sometimes an equality. */
static loam_lp *tiny_new(uint64_t seed)
{
    lp_instance_draw d = {seed, 0};
    loam_lp *p = loam_lp_new();
    for (int j = 0; j < TINY_COLS; j++)
        loam_lp_cost(p, loam_lp_col(p, -1, TINY_MOST - 1, true), floor(lp_draw(&d, -6, 7)));
    for (int i = 0; i < TINY_ROWS; i++) {
        double side = floor(lp_draw(&d, -8, 12));
        int kind = (int)lp_draw(&d, 0, 4);
        int row = loam_lp_row(p, kind == 0 ? -INFINITY : side, kind == 0 || kind == 2 ? side + 1 : INFINITY, -1);
        for (int j = 0; j < TINY_COLS; j++)
            loam_lp_add(p, row, j, floor(lp_draw(&d, -5, 6)));
    }
    return p;
}

/* The least cost over all points of the box, INFINITY when none fits. */
static double count_all(const loam_lp *p)
{
    double best = INFINITY, x[TINY_COLS];
    int n_points = 1;
    for (int j = 0; j < TINY_COLS; j++)
        n_points *= TINY_MOST + 1;
    for (int point = 0; point < n_points; point++) {
        double sum[TINY_ROWS] = {0}, cost = 0;
        int rest = point;
        for (int j = 0; j < TINY_COLS; j++, rest /= TINY_MOST + 1) {
            x[j] = rest % (TINY_MOST + 1) - 1;
            cost += p->cost[j] * x[j];
        }
        for (size_t k = 0; k < p->n_entries; k++)
            sum[p->entry_row[k]] += p->entry_value[k] * x[p->entry_col[k]];
        bool fits = true;
        for (int i = 0; i < TINY_ROWS; i++)
            fits = fits && sum[i] >= p->row_lower[i] && sum[i] <= p->row_upper[i];
        if (fits && cost < best)
            best = cost;
    }
    return best;
}

static void test_like_counting(void **state)
{
    (void)state;
    int n_infeasible = 0, n_feasible = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        loam_lp *p = tiny_new(seed);
        double best = count_all(p);
        loam_lp_result r = solve(p);
        if (best == INFINITY ? r.status != LOAM_LP_INFEASIBLE
                             : r.status != LOAM_LP_OPTIMAL || !near(r.objective, best, 1e-9))
            fail_msg("tiny program %d: status %d objective %g, counted %g", (int)seed, r.status, r.objective, best);
        n_infeasible += best == INFINITY;
        n_feasible += best < INFINITY;
        loam_lp_result_deinit(&r);
        loam_lp_free(p);
    }
    assert_true(n_infeasible >= 20 && n_feasible >= 50);
}

/* ---- programs like the planner's ---- */

static void test_fleet_program(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= 4; seed++) {
        lp_instance_size size = small;
        size.seed = seed;
        loam_lp *p = lp_instance_new(&size);
        loam_lp_result r = solve_with(p, &(loam_lp_options){.gap = 0.005, .time_s = 120});
        assert_int_equal(r.status, LOAM_LP_OPTIMAL);
        assert_true(r.gap <= 0.005 && r.objective - r.bound <= 0.005 * fabs(r.objective) + 1e-6);
        check_point(p, &r, false);
        check_duals(p, &r, true);

        /* duals and the rest belong to the integers: with these fixed, nothing better is left */
        loam_lp *fixed = loam_lp_copy(p);
        for (int j = 0; j < p->n_cols; j++)
            if (p->integer[j])
                loam_lp_bounds(fixed, j, r.x[j], r.x[j]);
        loam_lp_result rest = solve_with(fixed, &(loam_lp_options){.relax = true});
        if (!near(rest.objective, r.objective, 1e-6))
            fail_msg("seed %lu: with its integers fixed the program costs %.12g, not %.12g", seed, rest.objective,
                     r.objective);

        /* and the relaxation is below, the tighter gap no worse */
        loam_lp_result relaxed = solve_with(p, &(loam_lp_options){.relax = true});
        check_point(p, &relaxed, true);
        check_duals(p, &relaxed, false);
        assert_true(relaxed.objective <= r.bound + 1e-6 * fabs(r.bound));
        loam_lp_result_deinit(&relaxed);
        loam_lp_result_deinit(&rest);
        loam_lp_result_deinit(&r);
        loam_lp_free(fixed);
        loam_lp_free(p);
    }
}

static void test_same_twice(void **state)
{
    (void)state;
    loam_lp *p = lp_instance_new(&small), *copy = loam_lp_copy(p);
    loam_lp_result a = solve_with(p, &(loam_lp_options){.gap = 0.001});
    loam_lp_result b = solve_with(copy, &(loam_lp_options){.gap = 0.001});
    assert_memory_equal(a.x, b.x, (size_t)p->n_cols * sizeof *a.x);
    assert_memory_equal(a.row_dual, b.row_dual, (size_t)p->n_rows * sizeof *a.row_dual);
    assert_true(a.bound == b.bound && a.nodes == b.nodes);
    loam_lp_result_deinit(&a);
    loam_lp_result_deinit(&b);
    loam_lp_free(p);
    loam_lp_free(copy);
}

/* ---- start, time, progress ---- */

/* A market split (Cornuéjols and Dawande 1998) is hard for branch and bound however small: m equalities in n switches,
 * with what they miss as the cost. The planted point misses nothing. */
static loam_lp *market_new(int m, int n, double *planted)
{
    lp_instance_draw d = {5, 0};
    loam_lp *p = loam_lp_new();
    for (int j = 0; j < n; j++) {
        loam_lp_col(p, 0, 1, true);
        planted[j] = lp_draw(&d, 0, 1) < 0.5;
    }
    for (int i = 0; i < m; i++) {
        int row = loam_lp_row(p, 0, 0, -1);
        double side = 0;
        for (int j = 0; j < n; j++) {
            double a = floor(lp_draw(&d, 0, 100));
            side += a * planted[j];
            loam_lp_add(p, row, j, a);
        }
        loam_lp_row_bounds(p, row, side, side);
        for (int k = 0; k < 2; k++) {
            int miss = loam_lp_col(p, 0, INFINITY, false);
            loam_lp_add(p, row, miss, k ? 1 : -1);
            loam_lp_cost(p, miss, 1);
            planted[miss] = 0;
        }
    }
    return p;
}

enum { MARKET_ROWS = 5, MARKET_COLS = 40, MARKET_ALL = MARKET_COLS + 2 * MARKET_ROWS };

static void test_start(void **state)
{
    (void)state;
    double planted[MARKET_ALL];
    loam_lp *p = market_new(MARKET_ROWS, MARKET_COLS, planted);
    loam_lp_result r = solve_with(p, &(loam_lp_options){.gap = 1e-6, .start = planted, .time_s = 60});
    assert_int_equal(r.status, LOAM_LP_OPTIMAL);
    assert_true(fabs(r.objective) < 1e-6);
    loam_lp_result_deinit(&r);

    /* one that is not feasible is not believed */
    uint64_t seed = 0;
    loam_lp *tight = tiny_new(seed);
    double wrong[TINY_COLS] = {9, 9, 9, 9}, best;
    while ((best = count_all(tight)) == INFINITY) {
        loam_lp_free(tight);
        tight = tiny_new(++seed);
    }
    r = solve_with(tight, &(loam_lp_options){.gap = 1e-9, .start = wrong});
    assert_true(near(r.objective, best, 1e-9));
    loam_lp_result_deinit(&r);
    loam_lp_free(tight);
    loam_lp_free(p);
}

static void test_time_limit(void **state)
{
    (void)state;
    double planted[MARKET_ALL];
    loam_lp *p = market_new(MARKET_ROWS, MARKET_COLS, planted);
    loam_lp_result r = solve_with(p, &(loam_lp_options){.gap = 1e-6, .time_s = 1.5});
    assert_int_equal(r.status, LOAM_LP_LIMIT);
    assert_true(r.has_x && isfinite(r.bound) && r.bound <= r.objective && r.gap > 1e-6 && r.nodes > 0);
    assert_true(r.seconds < 30); /* a search that goes on to the end takes hours */
    check_point(p, &r, false);
    loam_lp_result_deinit(&r);
    loam_lp_free(p);
}

typedef struct watcher {
    int n, stop_at;
    double incumbent, bound;
    bool rises, right_handler;
} watcher;

static void on_interrupt(int signal)
{
    (void)signal;
}

static bool watch(void *arg, double incumbent, double bound)
{
    watcher *w = arg;
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    w->right_handler = w->right_handler && now.sa_handler == on_interrupt;
    w->rises = w->rises && bound >= w->bound && !(incumbent > w->incumbent);
    w->bound = bound;
    w->incumbent = incumbent;
    return ++w->n != w->stop_at;
}

static void test_progress_and_stop(void **state)
{
    (void)state;
    double planted[MARKET_ALL];
    loam_lp *p = market_new(MARKET_ROWS, MARKET_COLS, planted);
    struct sigaction ours = {.sa_handler = on_interrupt}, old;
    sigaction(SIGINT, &ours, &old);
    watcher w = {.stop_at = 4, .incumbent = INFINITY, .bound = -INFINITY, .rises = true, .right_handler = true};
    loam_lp_result r = solve_with(p, &(loam_lp_options){.gap = 1e-6, .time_s = 200, .progress = watch, .arg = &w});
    assert_int_equal(r.status, LOAM_LP_LIMIT);
    assert_true(r.has_x && r.seconds < 60 && w.n == 4 && w.rises && isfinite(w.incumbent));
    check_point(p, &r, false);
    loam_lp_result_deinit(&r);
    sigaction(SIGINT, &old, &ours);
    assert_true(w.right_handler && ours.sa_handler == on_interrupt); /* Ctrl-C was left to us */

    /* stopped before anything was found */
    loam_err err = LOAM_ERR_INIT;
    loam_lp *big = lp_instance_new(&lp_instance_full);
    w = (watcher){.stop_at = 1, .incumbent = INFINITY, .bound = -INFINITY};
    assert_int_equal(loam_lp_solve(big, &(loam_lp_options){.gap = 1e-6, .progress = watch, .arg = &w}, &r, &err),
                     LOAM_STATUS_CANCELLED);
    assert_null(r.x);
    loam_lp_free(big);
    loam_lp_free(p);
}

static void test_nothing_printed(void **state)
{
    (void)state;
    char path[] = "/tmp/loam-lp-XXXXXX";
    int file = mkstemp(path), out = dup(1), err = dup(2);
    assert_true(file >= 0);
    fflush(NULL);
    dup2(file, 1);
    dup2(file, 2);
    double planted[MARKET_ALL];
    loam_lp *programs[] = {lp_instance_new(&small), tiny_new(1), tiny_new(2), tiny_new(4),
                           market_new(MARKET_ROWS, MARKET_COLS, planted)};
    bool solved = true;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        loam_lp_result r;
        loam_lp_conflict c;
        loam_lp_options o = {.gap = 1e-6, .time_s = 1};
        solved = solved && loam_lp_solve(programs[i], &o, &r, NULL) == LOAM_OK;
        if (r.status == LOAM_LP_INFEASIBLE) {
            solved = solved && loam_lp_explain(programs[i], &o, &c, NULL) == LOAM_OK;
            loam_lp_conflict_deinit(&c);
        }
        loam_lp_result_deinit(&r);
        loam_lp_free(programs[i]);
    }
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    off_t n = lseek(file, 0, SEEK_END);
    close(file);
    unlink(path);
    assert_true(solved);
    assert_int_equal(n, 0);
}

/* ---- building ---- */

static void test_building(void **state)
{
    (void)state;
    loam_lp *p = loam_lp_new();
    int budget = loam_lp_group(p, "budget", 2), x = loam_lp_col(p, 0, 10, false), y = loam_lp_col(p, 0, 3, true);
    int row = loam_lp_row(p, -INFINITY, 12, budget);
    loam_lp_add(p, row, x, 1);
    loam_lp_add(p, row, y, 2);
    loam_lp_add(p, row, x, 1); /* 2x + 2y ≤ 12 */
    loam_lp_cost(p, x, -1);
    loam_lp_cost(p, y, -3);
    loam_lp *copy = loam_lp_copy(p);
    loam_lp_bounds(p, y, 0, 1); /* does not reach the copy */
    assert_string_equal(loam_lp_group_name(copy, budget), "budget");
    assert_int_equal(loam_lp_row_group(copy, row), budget);
    loam_lp_result a = solve(p), b = solve(copy);
    assert_true(near(a.objective, -8, 1e-9) && near(b.objective, -12, 1e-9));
    assert_true(near(b.row_dual[row], -0.5, 1e-9)); /* one more unit of the budget is half an x */
    loam_lp_result_deinit(&a);
    loam_lp_result_deinit(&b);

    /* the first mistake is what the solve tells */
    loam_err err = LOAM_ERR_INIT;
    loam_lp_add(copy, 7, x, 1);
    loam_lp_add(copy, row, 9, 1);
    assert_int_equal(loam_lp_solve(copy, &(loam_lp_options){0}, &a, &err), LOAM_STATUS_INTERNAL);
    assert_non_null(strstr(err.msg, "row 7 of 1"));
    loam_lp_cost(p, x, NAN);
    assert_int_equal(loam_lp_solve(p, &(loam_lp_options){0}, &a, &err), LOAM_STATUS_INTERNAL);
    assert_non_null(strstr(err.msg, "cost of column 0"));
    loam_lp_free(p);
    loam_lp_free(copy);
}

static void test_mps(void **state)
{
    (void)state;
    loam_lp *p = loam_lp_new();
    int x = loam_lp_col(p, -INFINITY, INFINITY, false), y = loam_lp_col(p, 1, INFINITY, true),
        z = loam_lp_col(p, 2, 2, false), w = loam_lp_col(p, -INFINITY, 4, false);
    int a = loam_lp_row(p, 1, 5, -1), b = loam_lp_row(p, 3, 3, -1), c = loam_lp_row(p, -INFINITY, 0.1, -1);
    loam_lp_cost(p, y, 1.5);
    loam_lp_add(p, a, x, 1);
    loam_lp_add(p, a, y, -2);
    loam_lp_add(p, b, z, 1);
    loam_lp_add(p, c, w, 1);
    char path[] = "/tmp/loam-lp-XXXXXX", *text;
    size_t len;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_lp_write_mps(p, path, &err), LOAM_OK);
    assert_int_equal(loam_file_read(path, 10000, &text, &len, &err), LOAM_OK);
    unlink(path);
    assert_string_equal(text, "NAME loam FREE\n"
                              "ROWS\n N cost\n G r0\n E r1\n L r2\n"
                              "COLUMNS\n c0 cost 0\n c0 r0 1\n m0 'MARKER' 'INTORG'\n c1 cost 1.5\n c1 r0 -2\n"
                              " m1 'MARKER' 'INTEND'\n c2 cost 0\n c2 r1 1\n c3 cost 0\n c3 r2 1\n"
                              "RHS\n rhs r0 1\n rhs r1 3\n rhs r2 0.10000000000000001\n"
                              "RANGES\n range r0 4\n"
                              "BOUNDS\n FR bound c0\n LO bound c1 1\n PL bound c1\n FX bound c2 2\n MI bound c3\n"
                              " UP bound c3 4\n"
                              "ENDATA\n");
    free(text);
    loam_lp_free(p);
}

/* ---- explanations ---- */

enum { EXPLAIN_GROUPS = 12, EXPLAIN_COLS = 10 };

/* Twelve groups of two rows each, all of which hold at a point, but for three whose sum says 0 ≥ 1. */
static loam_lp *planted_new(uint64_t seed, int planted[3], bool with_laws)
{
    lp_instance_draw d = {1000 + seed, 0};
    double point[EXPLAIN_COLS], a[2][EXPLAIN_COLS];
    loam_lp *p = loam_lp_new();
    for (int j = 0; j < EXPLAIN_COLS; j++) {
        point[j] = lp_draw(&d, 1, 9);
        loam_lp_col(p, 0, 10, j < 3);
        a[0][j] = lp_draw(&d, -2, 2);
        a[1][j] = lp_draw(&d, -2, 2);
        loam_lp_cost(p, j, lp_draw(&d, 0, 1));
        if (j < 3)
            point[j] = floor(point[j]);
    }
    for (int k = 0; k < 3; k++)
        do
            planted[k] = (int)lp_draw(&d, 0, EXPLAIN_GROUPS);
        while ((k > 0 && planted[k] <= planted[k - 1]) || planted[k] > EXPLAIN_GROUPS - 3 + k);
    for (int g = 0; g < EXPLAIN_GROUPS; g++) {
        char name[32];
        snprintf(name, sizeof name, "rule %d", g);
        bool law = with_laws && g == planted[1];
        int group = loam_lp_group(p, name, law ? INFINITY : 1 + (g * 7) % 5);
        for (int i = 0; i < 2; i++) {
            double sum = 0;
            int row = loam_lp_row(p, 0, 0, group);
            for (int j = 0; j < EXPLAIN_COLS; j++) {
                double v = lp_draw(&d, -1, 3);
                sum += v * point[j];
                loam_lp_add(p, row, j, v);
            }
            loam_lp_row_bounds(p, row, sum - lp_draw(&d, 1, 4), i ? INFINITY : sum + 4);
        }
    }
    for (int k = 0; k < 3; k++) { /* a·x ≥ s, b·x ≥ t, (a + b)·x ≤ s + t - 1: any two hold at the point */
        double sum = 0;
        int row = loam_lp_row(p, 0, 0, planted[k]);
        for (int j = 0; j < EXPLAIN_COLS; j++) {
            double v = k < 2 ? a[k][j] : a[0][j] + a[1][j];
            sum += v * point[j];
            loam_lp_add(p, row, j, v);
        }
        if (k < 2)
            loam_lp_row_bounds(p, row, sum + 0.2, INFINITY);
        else
            loam_lp_row_bounds(p, row, -INFINITY, sum - 0.6);
    }
    return p;
}

static loam_lp_status status_without(const loam_lp *p, int group)
{
    loam_lp *c = loam_lp_copy(p);
    for (int i = 0; i < loam_lp_n_rows(c); i++)
        if (loam_lp_row_group(c, i) == group)
            loam_lp_row_bounds(c, i, -INFINITY, INFINITY);
    loam_lp_result r = solve_with(c, &(loam_lp_options){.gap = 1});
    loam_lp_status status = r.status;
    loam_lp_result_deinit(&r);
    loam_lp_free(c);
    return status;
}

/* With each group's rows widened by its amount, the program has a solution. */
static void check_repair(const loam_lp *p, const struct loam_lp_repair *repair)
{
    loam_lp *c = loam_lp_copy(p);
    for (size_t k = 0; k < repair->n; k++) {
        assert_true(p->groups[repair->relax[k].group].relax_cost < INFINITY);
        assert_true(repair->relax[k].amount > 0);
        for (int i = 0; i < loam_lp_n_rows(c); i++)
            if (loam_lp_row_group(c, i) == repair->relax[k].group)
                loam_lp_row_bounds(c, i, p->row_lower[i] - repair->relax[k].amount,
                                   p->row_upper[i] + repair->relax[k].amount);
    }
    loam_lp_result r = solve_with(c, &(loam_lp_options){.gap = 1});
    assert_int_equal(r.status, LOAM_LP_OPTIMAL);
    loam_lp_result_deinit(&r);
    loam_lp_free(c);
}

static double repair_cost(const loam_lp *p, const struct loam_lp_repair *r)
{
    double sum = 0;
    for (size_t k = 0; k < r->n; k++)
        sum += p->groups[r->relax[k].group].relax_cost * r->relax[k].amount;
    return sum;
}

static loam_lp_conflict explain(const loam_lp *p)
{
    loam_lp_conflict c;
    loam_err err = LOAM_ERR_INIT;
    if (loam_lp_explain(p, &(loam_lp_options){.gap = 0.001}, &c, &err) != LOAM_OK)
        fail_msg("explain: %s", err.msg);
    return c;
}

static void test_planted_conflicts(void **state)
{
    (void)state;
    int n_exact = 0, n_alternatives = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        int planted[3];
        loam_lp *p = planted_new(seed, planted, seed % 2);
        for (int k = 0; k < 3;
             k++) /* dropping any one of the planted three makes it feasible: the set is the only one */
            if (status_without(p, planted[k]) != LOAM_LP_OPTIMAL)
                fail_msg("seed %d: the test's own program is not what it should be", (int)seed);
        loam_lp_conflict c = explain(p);
        assert_false(c.integer_only);
        if (c.n_groups == 3 && memcmp(c.groups, planted, sizeof planted) == 0)
            n_exact++;
        else
            fail_msg("seed %d: %d groups, the first %d, planted %d %d %d", (int)seed, (int)c.n_groups, c.groups[0],
                     planted[0], planted[1], planted[2]);
        assert_true(c.n_repairs >= 1 && c.n_repairs <= 3);
        for (size_t i = 0; i < c.n_repairs; i++) {
            check_repair(p, &c.repairs[i]);
            if (i)
                assert_true(repair_cost(p, &c.repairs[i]) >= repair_cost(p, &c.repairs[i - 1]) * (1 - 0.011));
        }
        n_alternatives += c.n_repairs > 1;
        loam_lp_conflict_deinit(&c);
        loam_lp_free(p);
    }
    assert_int_equal(n_exact, 20);
    assert_true(n_alternatives >= 15);
}

static void test_whole_units_conflict(void **state)
{
    (void)state;
    loam_lp *p = loam_lp_new();
    int budget = loam_lp_group(p, "budget", 1), demand = loam_lp_group(p, "demand", 10),
        other = loam_lp_group(p, "other", 1);
    int x = loam_lp_col(p, 0, 100, true);
    int pays = loam_lp_row(p, -INFINITY, 10, budget), serves = loam_lp_row(p, 5, INFINITY, demand),
        holds = loam_lp_row(p, 0, 1000, other);
    loam_lp_add(p, pays, x, 4); /* two and a half servers can be paid, two and a quarter are needed */
    loam_lp_add(p, serves, x, 20.0 / 9);
    loam_lp_add(p, holds, x, 1);
    loam_lp_conflict c = explain(p);
    assert_true(c.integer_only);
    assert_int_equal(c.n_groups, 2);
    assert_true(c.groups[0] == budget && c.groups[1] == demand);
    assert_int_equal(c.n_repairs, 2); /* 2 more for the third server; or 0.56 less demand, at ten times the price */
    assert_true(c.repairs[0].relax[0].group == budget && near(c.repairs[0].relax[0].amount, 2, 1e-6));
    assert_true(c.repairs[1].relax[0].group == demand && near(c.repairs[1].relax[0].amount, 5 - 40.0 / 9, 1e-6));
    loam_lp_conflict_deinit(&c);

    /* and where there is nothing to explain, nothing is */
    loam_lp_row_bounds(p, pays, -INFINITY, 12);
    c = explain(p);
    assert_true(c.n_groups == 0 && c.n_repairs == 0 && !c.integer_only);
    loam_lp_conflict_deinit(&c);
    loam_lp_free(p);
}

/* ---- measuring ---- */

static int bench(void)
{
    static const struct {
        const char *what;
        double servers, lot;
        int types, regions, chips, blocks;
    } cases[] = {{"full, 4 types a region", 40000, 0, 4, 8, 15, 4},
                 {"full, any types", 40000, 0, 0, 8, 15, 4},
                 {"full, 4 types, lots of 64", 40000, 64, 4, 8, 15, 4},
                 {"full, 4000 servers, lots of 10", 4000, 10, 3, 8, 15, 4},
                 {"two regions, 40 servers", 40, 0, 2, 2, 6, 4},
                 {"three regions, 200 servers, lots of 4", 200, 4, 2, 3, 8, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned long seed = 1; seed <= 3; seed++) {
            lp_instance_size size = lp_instance_full;
            size.servers = cases[i].servers;
            size.min_lot = cases[i].lot;
            size.chip_types = cases[i].types;
            size.regions = cases[i].regions;
            size.chips = cases[i].chips;
            size.blocks = cases[i].blocks;
            size.seed = seed;
            loam_lp *p = lp_instance_new(&size);
            loam_lp_result r = solve_with(p, &(loam_lp_options){.gap = 0.005, .time_s = 120});
            printf("%-40s seed %lu  %5d cols %5d rows  objective %.4f gap %.4f %%  nodes %d  %.2f s\n", cases[i].what,
                   seed, p->n_cols, p->n_rows, r.objective, 100 * r.gap, r.nodes, r.seconds);
            fflush(stdout);
            loam_lp_result_deinit(&r);
            loam_lp_free(p);
        }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_highs),
        cmocka_unit_test(test_duals_are_slopes),
        cmocka_unit_test(test_like_counting),
        cmocka_unit_test(test_fleet_program),
        cmocka_unit_test(test_same_twice),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_progress_and_stop),
        cmocka_unit_test(test_nothing_printed),
        cmocka_unit_test(test_building),
        cmocka_unit_test(test_mps),
        cmocka_unit_test(test_planted_conflicts),
        cmocka_unit_test(test_whole_units_conflict),
    };
    if (argc > 1 && strcmp(argv[1], "bench") == 0)
        return bench();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
