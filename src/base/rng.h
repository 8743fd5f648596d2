/* Counter-based random numbers, Philox4x32-10 (Salmon et al., SC 2011): the same seed and counter give the same number
 * on every machine, with any number of threads, without state that has to be saved. */
#ifndef LOAM_BASE_RNG_H
#define LOAM_BASE_RNG_H

#include <stdint.h>

/* Four 32-bit words for key (seed) and counter. */
void loam_rng_philox(uint64_t seed, uint64_t counter_lo, uint64_t counter_hi, uint32_t out[4]);

/* Uniform in [0, 1) with 53 bits. */
static inline double loam_rng_uniform(uint64_t seed, uint64_t counter)
{
    uint32_t w[4];
    loam_rng_philox(seed, counter, 0, w);
    return (double)((((uint64_t)w[0] << 32) | w[1]) >> 11) * 0x1p-53;
}

#endif
