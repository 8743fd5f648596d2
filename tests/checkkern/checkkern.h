/* Random data and comparison shared by the checks and the benchmarks of kernels. */
#ifndef LOAM_CHECKKERN_H
#define LOAM_CHECKKERN_H

#include "kernel/ops.h"

uint32_t rnd(void);    /* deterministic */
float rnd_float(void); /* roughly normal */
/* Random weights of any type, n rows of k, as they lie in a file; scales are finite and of both signs. malloc'd. */
void *rnd_weights(loam_dtype t, int64_t n, int64_t k);
void *aligned(size_t bytes); /* 64-byte aligned, zeroed; free() */

/* n floats of RED_VALUE with red zones around them, which nobody may touch; free_red(). */
#define RED_VALUE (-12345.0f)
float *with_red_zone(int64_t n);
int red_zone_hurt(const float *p, int64_t n);
void free_red(float *p);

/* One test case: names it, compares m × n floats; bound[i] is the largest allowed |got - want|. Prints TAP. */
void report(const char *what, int bad, const char *detail);
int compare(const float *got, const float *want, const float *bound, int64_t n, char detail[200]);

void check_level(const loam_kernels *ks);
void check_convs(const loam_kernels *ks);
void bench_convs(const loam_kernels *ks, double peak_f32);
void check_attends(const loam_kernels *ks); /* attention without a cache */
void bench_attends(const loam_kernels *ks, double peak_f32);
void check_pictures(const loam_kernels *ks); /* norms and activations */
void bench_pictures(const loam_kernels *ks);
void bench_level(const loam_kernels *ks, const char *only);

#endif
