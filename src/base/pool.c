#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/* Spinning pays while the other side is a few microseconds away; past this the thread sleeps on a futex. The start of
 * a run spins longer than one token's host work (sampling), so that generation finds its workers awake. */
enum { SPIN_RUN_NS = 300 * 1000, SPIN_BARRIER_NS = 200 * 1000, RELAX_PER_CLOCK = 64, CACHE_LINE = 64 };

typedef struct waitable {
    _Alignas(CACHE_LINE) atomic_uint value;
    atomic_int sleepers;
} waitable;

struct loam_pool {
    int n_threads;
    pthread_t *threads; /* n_threads - 1 */
    /* The current job, written while start.value is odd, so that a late thread never sees half of it. */
    _Atomic(loam_pool_fn) fn;
    _Atomic(void *) arg;
    atomic_bool wait_all; /* a run: the threads meet at a barrier at its end */
    atomic_bool quit;
    waitable start;   /* twice the number of jobs so far, odd while one is being written */
    waitable barrier; /* barriers passed so far */
    _Alignas(CACHE_LINE) atomic_int arrived;
};

typedef struct worker_arg {
    loam_pool *pool;
    int thread;
} worker_arg;

static void futex_wait(atomic_uint *at, unsigned seen)
{
    syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

/* Blocks until w->value differs from seen. */
static void wait_change(waitable *w, unsigned seen, uint64_t spin_ns)
{
    uint64_t until = 0;
    for (;;) {
        for (int i = 0; i < RELAX_PER_CLOCK; i++) {
            if (atomic_load_explicit(&w->value, memory_order_acquire) != seen)
                return;
            loam_cpu_relax();
        }
        uint64_t now = loam_clock_ns();
        if (!until)
            until = now + spin_ns;
        else if (now > until)
            break;
    }
    atomic_fetch_add(&w->sleepers, 1);
    while (atomic_load(&w->value) == seen)
        futex_wait(&w->value, seen);
    atomic_fetch_sub(&w->sleepers, 1);
}

static void change(waitable *w)
{
    atomic_fetch_add(&w->value, 1);
    if (atomic_load(&w->sleepers) > 0)
        syscall(SYS_futex, &w->value, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void loam_pool_barrier(loam_pool *p)
{
    if (p->n_threads == 1)
        return;
    unsigned seen = atomic_load_explicit(&p->barrier.value, memory_order_relaxed);
    if (atomic_fetch_add(&p->arrived, 1) == p->n_threads - 1) {
        atomic_store(&p->arrived, 0);
        change(&p->barrier);
    } else {
        wait_change(&p->barrier, seen, SPIN_BARRIER_NS);
    }
}

static void *work(void *arg)
{
    worker_arg wa = *(worker_arg *)arg;
    free(arg);
    loam_pool *p = wa.pool;
    unsigned seen = 0;
    for (;;) {
        wait_change(&p->start, seen, SPIN_RUN_NS);
        unsigned now = atomic_load(&p->start.value);
        if (now & 1) {
            loam_cpu_relax();
            continue;
        }
        loam_pool_fn fn = atomic_load(&p->fn);
        void *fn_arg = atomic_load(&p->arg);
        bool wait_all = atomic_load(&p->wait_all), quit = atomic_load(&p->quit);
        if (atomic_load(&p->start.value) != now)
            continue; /* the next job is being written */
        seen = now;
        if (quit)
            return NULL;
        fn(fn_arg, wa.thread, p->n_threads);
        if (wait_all)
            loam_pool_barrier(p);
    }
}

static void start_job(loam_pool *p, loam_pool_fn fn, void *arg, bool wait_all)
{
    atomic_fetch_add(&p->start.value, 1);
    atomic_store(&p->fn, fn);
    atomic_store(&p->arg, arg);
    atomic_store(&p->wait_all, wait_all);
    change(&p->start);
}

void loam_pool_run(loam_pool *p, loam_pool_fn fn, void *arg)
{
    if (p->n_threads > 1)
        start_job(p, fn, arg, true);
    fn(arg, 0, p->n_threads);
    loam_pool_barrier(p);
}

void loam_pool_kick(loam_pool *p, loam_pool_fn fn, void *arg)
{
    if (p->n_threads > 1)
        start_job(p, fn, arg, false);
    fn(arg, 0, p->n_threads);
}

int loam_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int loam_pool_size(const loam_pool *p)
{
    return p->n_threads;
}

static void stop_workers(loam_pool *p, int n_started)
{
    atomic_fetch_add(&p->start.value, 1);
    atomic_store(&p->quit, true);
    change(&p->start);
    for (int i = 0; i < n_started; i++)
        pthread_join(p->threads[i], NULL);
}

loam_status loam_pool_new(int n_threads, loam_pool **out, loam_err *err)
{
    if (n_threads == 0)
        n_threads = loam_cpu_count();
    if (n_threads < 1 || n_threads > 1024)
        LOAM_FAIL(err, INVALID, "%d threads asked for; give 1 to 1024, or 0 for one per processor", n_threads);
    loam_pool *p = aligned_alloc(CACHE_LINE, sizeof *p);
    if (!p)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the thread pool");
    memset(p, 0, sizeof *p);
    p->n_threads = n_threads;
    p->threads = calloc((size_t)n_threads, sizeof *p->threads);
    int started = 0;
    for (; p->threads && started < n_threads - 1; started++) {
        worker_arg *wa = malloc(sizeof *wa);
        if (!wa)
            break;
        *wa = (worker_arg){p, started + 1};
        if (pthread_create(&p->threads[started], NULL, work, wa) != 0) {
            free(wa);
            break;
        }
    }
    if (!p->threads || started < n_threads - 1) {
        stop_workers(p, started);
        free(p->threads);
        free(p);
        LOAM_FAIL(err, NO_MEMORY, "could start only %d of %d threads; lower the number of threads", started + 1,
                  n_threads);
    }
    *out = p;
    return LOAM_OK;
}

void loam_pool_free(loam_pool *p)
{
    if (!p)
        return;
    stop_workers(p, p->n_threads - 1);
    free(p->threads);
    free(p);
}
