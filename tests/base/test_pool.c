/* The thread pool: every thread runs once per run, and a barrier separates what is before it from what is after. */
#include <stdlib.h>
#include <time.h>

#include "base/pool.h"
#include "base_test.h"

enum { MAX_THREADS = 8, STEPS = 50 };

typedef struct work {
    loam_pool *pool;
    int calls[MAX_THREADS]; /* plain ints: each thread writes its own; read after the run or behind a barrier */
    int cell[2][MAX_THREADS];
    atomic_int wrong;
    int n_threads_seen;
} work;

static void count_calls(void *arg, int thread, int n_threads)
{
    work *w = arg;
    w->calls[thread]++;
    if (thread == 0)
        w->n_threads_seen = n_threads;
}

/* Each thread writes step s into its cell, and after the barrier finds s in all cells. Two sets of cells, so that the
 * next step's writes do not race with this step's reads. */
static void step_together(void *arg, int thread, int n_threads)
{
    work *w = arg;
    for (int s = 1; s <= STEPS; s++) {
        w->cell[s % 2][thread] = s;
        loam_pool_barrier(w->pool);
        for (int t = 0; t < n_threads; t++)
            if (w->cell[s % 2][t] != s)
                atomic_fetch_add(&w->wrong, 1);
    }
}

static void with_threads(int n, int n_runs)
{
    work w = {0};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_pool_new(n, &w.pool, &err), LOAM_OK);
    assert_int_equal(loam_pool_size(w.pool), n);
    for (int run = 1; run <= n_runs; run++) {
        loam_pool_run(w.pool, count_calls, &w);
        for (int t = 0; t < MAX_THREADS; t++)
            assert_int_equal(w.calls[t], t < n ? run : 0);
        assert_int_equal(w.n_threads_seen, n);
    }
    for (int run = 0; run < 20; run++)
        loam_pool_run(w.pool, step_together, &w);
    assert_int_equal(w.wrong, 0);
    loam_pool_free(w.pool);
}

static void one_thread(void **state)
{
    with_threads(1, 1000);
}
static void two_threads(void **state)
{
    with_threads(2, 1000);
}
static void five_threads(void **state)
{
    with_threads(5, 200);
} /* more than this machine may have processors */

/* A run after a pause finds its workers asleep and must wake them. */
static void runs_after_a_pause(void **state)
{
    work w = {0};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_pool_new(3, &w.pool, &err), LOAM_OK);
    for (int run = 1; run <= 20; run++) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        loam_pool_run(w.pool, count_calls, &w);
        for (int t = 0; t < 3; t++)
            assert_int_equal(w.calls[t], run);
    }
    loam_pool_free(w.pool);
}

static void late_thread(void *arg, int thread, int n_threads)
{
    work *w = arg;
    if (thread == n_threads - 1)
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    w->cell[0][thread] = 1;
    loam_pool_barrier(w->pool);
    for (int t = 0; t < n_threads; t++)
        if (!w->cell[0][t])
            atomic_fetch_add(&w->wrong, 1);
}

/* The others go to sleep in the barrier, or at the end of the run, and come out only with the last one. */
static void a_late_thread_is_waited_for(void **state)
{
    work w = {0};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_pool_new(3, &w.pool, &err), LOAM_OK);
    for (int run = 0; run < 10; run++) {
        for (int t = 0; t < 3; t++)
            w.cell[0][t] = 0;
        loam_pool_run(w.pool, late_thread, &w);
    }
    assert_int_equal(w.wrong, 0);
    loam_pool_free(w.pool);
}

static void pools_that_never_run(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    for (int i = 0; i < 50; i++) {
        loam_pool *p;
        assert_int_equal(loam_pool_new(1 + i % 5, &p, &err), LOAM_OK);
        loam_pool_free(p);
    }
    loam_pool_free(NULL);
}

static void counts_of_threads(void **state)
{
    loam_pool *p = NULL;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_pool_new(-1, &p, &err), LOAM_STATUS_INVALID);
    assert_says(&err, "-1 threads");
    assert_int_equal(loam_pool_new(1025, &p, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_pool_new(0, &p, &err), LOAM_OK);
    assert_int_equal(loam_pool_size(p), loam_cpu_count());
    assert_true(loam_cpu_count() >= 1);
    loam_pool_free(p);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_thread),
    cmocka_unit_test(two_threads),
    cmocka_unit_test(five_threads),
    cmocka_unit_test(runs_after_a_pause),
    cmocka_unit_test(a_late_thread_is_waited_for),
    cmocka_unit_test(pools_that_never_run),
    cmocka_unit_test(counts_of_threads),
};

test_list pool_tests(void)
{
    return TEST_LIST(tests);
}
