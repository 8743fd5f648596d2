/* One pool of threads for all number crunching. A run starts the same function on every thread, the caller's included;
 * inside, threads meet at barriers and draw tasks from counters. Waiting spins for a short while (an operation takes
 * microseconds) and then sleeps, so that an idle server uses no processor time. */
#ifndef LOAM_BASE_POOL_H
#define LOAM_BASE_POOL_H

#include <stdatomic.h>

#include "base/status.h"

typedef struct loam_pool loam_pool;
typedef void (*loam_pool_fn)(void *arg, int thread, int n_threads);

/* n_threads ≥ 1 counts the caller; 0 takes one per processor that this process may use. Owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_pool_new(int n_threads, loam_pool **out, loam_err *err);
/* Joins the threads. NULL is allowed. Not during a run. */
void loam_pool_free(loam_pool *p);
int loam_pool_size(const loam_pool *p);

/* Calls fn(arg, thread, n_threads) on all threads at once and returns when all have returned. One run at a time: the
 * pool belongs to one engine thread. */
void loam_pool_run(loam_pool *p, loam_pool_fn fn, void *arg);
/* The same without waiting: returns as soon as fn has returned on the calling thread. Threads that were not scheduled
 * in time may still be about to enter fn, or inside it, until the next loam_pool_run or loam_pool_free returns; so fn
 * and arg must stay valid until then, and fn must notice by itself that it comes too late. */
void loam_pool_kick(loam_pool *p, loam_pool_fn fn, void *arg);
/* Inside a run: returns when every thread of the run has arrived; what they wrote before is then visible to all. */
void loam_pool_barrier(loam_pool *p);

/* Tells the processor that this thread spins. */
static inline void loam_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* How many processors this process may use. */
int loam_cpu_count(void);

#endif
