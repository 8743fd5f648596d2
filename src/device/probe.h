/* What this machine can do at all, measured on the spot with the kernels' own instruction set. */
#ifndef LOAM_DEVICE_PROBE_H
#define LOAM_DEVICE_PROBE_H

#include "base/status.h"

typedef struct loam_probe {
    double read_gbs;   /* bytes read from memory, 1e9 a second, all threads */
    double f32_gflops; /* multiply-adds on registers, two operations each */
    double i8_gops;    /* the integer step of a 4-bit product, on registers */
    const char *level; /* "avx2"; static */
    int n_threads;
} loam_probe;

/* Takes about a second and 256 MB. n_threads 0: one per processor. */
LOAM_CHECK_RESULT loam_status loam_probe_run(int n_threads, loam_probe *out, loam_err *err);

#endif
