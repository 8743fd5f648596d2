/* Noise of latents, the same numbers as the programs that people compare seeds with.
 *   LOAM_NOISE_CPU   torch's CPU generator (mt19937), what diffusers, ComfyUI and sd.cpp's "cpu" use
 *   LOAM_NOISE_CUDA  torch's CUDA generator (Philox4x32-10) as A1111's "NV" source and sd.cpp's "cuda" have it: one
 *                    number a counter, which is torch.randn(device="cuda") for tensors that fit one grid of the GPU
 * Uniform numbers and integers are torch's to the bit. Normal numbers of the CPU generator are computed in double and
 * rounded once, while torch takes short float polynomials of log, sin and cos where the machine has AVX2: they agree
 * within 1e-6 · max(1, |x|) (tests/gen/test_noise.c; a few units in the last place). */
#ifndef LOAM_GEN_NOISE_H
#define LOAM_GEN_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum loam_noise_source { LOAM_NOISE_CPU, LOAM_NOISE_CUDA } loam_noise_source;

enum { LOAM_NOISE_WORDS = 624 };

/* A generator; plain data that may be copied (a copy goes on from the same place). One thread at a time. */
typedef struct loam_noise {
    loam_noise_source source;
    uint64_t seed;
    uint32_t word[LOAM_NOISE_WORDS]; /* CPU: the state of mt19937 */
    int next;                        /* CPU: the next word; LOAM_NOISE_WORDS: make new ones */
    bool has_cached;                 /* CPU: the second half of a pair that a short tensor drew */
    double cached;
    uint32_t n_tensors; /* CUDA: tensors drawn so far */
} loam_noise;

/* torch.Generator().manual_seed(seed). The CPU generator keeps the low 32 bits, as torch does. */
void loam_noise_init(loam_noise *g, loam_noise_source source, uint64_t seed);

/* torch.randn(n): the numbers of one contiguous f32 tensor. A tensor of 16 or more is not the beginning of a longer
 * one, nor are two calls one longer call: draw each tensor whole. n may be 0. */
void loam_noise_normal(loam_noise *g, float *out, size_t n);

/* The CPU generator's other draws (of a CUDA generator: not torch's, but as good): 32 bits; 64 bits, high word first;
 * torch.rand (24 bits, in [0, 1)); torch.randint(low, low + range) with range ≥ 1. */
uint32_t loam_noise_u32(loam_noise *g);
uint64_t loam_noise_u64(loam_noise *g);
void loam_noise_uniform(loam_noise *g, float *out, size_t n);
int64_t loam_noise_int(loam_noise *g, int64_t low, uint64_t range);

#endif
