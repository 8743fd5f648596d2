/* Time: monotonic for durations, wall clock for timestamps. */
#ifndef LOAM_BASE_CLOCK_H
#define LOAM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since an arbitrary start; never goes back. */
static inline uint64_t loam_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline double loam_clock_s(void)
{
    return (double)loam_clock_ns() * 1e-9;
}

#endif
