#include "gen/noise.h"

#include <math.h>

#include "base/rng.h"

enum { N = LOAM_NOISE_WORDS, M = 397, BLOCK = 16, HALF = BLOCK / 2 };

static const double two_pi = 6.283185307179586476925286766559;

void loam_noise_init(loam_noise *g, loam_noise_source source, uint64_t seed)
{
    *g = (loam_noise){.source = source, .seed = seed, .next = N};
    g->word[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < N; i++)
        g->word[i] = 1812433253u * (g->word[i - 1] ^ (g->word[i - 1] >> 30)) + i;
}

/* The next 624 words (Matsumoto and Nishimura 1998). */
static void renew(loam_noise *g)
{
    for (int i = 0; i < N; i++) {
        uint32_t y = (g->word[i] & 0x80000000u) | (g->word[(i + 1) % N] & 0x7fffffffu);
        g->word[i] = g->word[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    g->next = 0;
}

uint32_t loam_noise_u32(loam_noise *g)
{
    if (g->next == N)
        renew(g);
    uint32_t y = g->word[g->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint64_t loam_noise_u64(loam_noise *g)
{
    uint64_t high = loam_noise_u32(g);
    return high << 32 | loam_noise_u32(g);
}

static float uniform_f32(loam_noise *g)
{
    return (float)(loam_noise_u32(g) & 0xffffffu) * 0x1p-24f;
}

static double uniform_f64(loam_noise *g)
{
    return (double)(loam_noise_u64(g) & 0x1fffffffffffffu) * 0x1p-53;
}

void loam_noise_uniform(loam_noise *g, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = uniform_f32(g);
}

int64_t loam_noise_int(loam_noise *g, int64_t low, uint64_t range)
{
    uint64_t x = range >= (uint64_t)1 << 28 ? loam_noise_u64(g) : loam_noise_u32(g);
    return (int64_t)((uint64_t)low + x % range);
}

/* 16 uniforms into 16 normals, pairs (j, j + 8); the angle is rounded to f32 as torch's is. */
static void normal_block(float *x)
{
    for (int j = 0; j < HALF; j++) {
        float u = 1 - x[j], angle = (float)two_pi * x[j + HALF];
        double radius = sqrt(-2 * log(u));
        x[j] = (float)(radius * cos(angle));
        x[j + HALF] = (float)(radius * sin(angle));
    }
}

/* Tensors of at least one block: all uniforms first, then block by block; the numbers that do not fill a block are
 * replaced together with those before them by a block of new draws. */
static void normal_long(loam_noise *g, float *out, size_t n)
{
    loam_noise_uniform(g, out, n);
    for (size_t i = 0; i + BLOCK <= n; i += BLOCK)
        normal_block(out + i);
    if (n % BLOCK) {
        loam_noise_uniform(g, out + n - BLOCK, BLOCK);
        normal_block(out + n - BLOCK);
    }
}

/* Shorter ones: pairs in double, of which the generator keeps the second for the next short tensor. */
static void normal_short(loam_noise *g, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (g->has_cached) {
            g->has_cached = false;
            out[i] = (float)g->cached;
            continue;
        }
        double angle = two_pi * uniform_f64(g);
        double radius = sqrt(-2 * log1p(-uniform_f64(g)));
        g->cached = radius * sin(angle);
        g->has_cached = true;
        out[i] = (float)(radius * cos(angle));
    }
}

/* Counter: (tensors so far, 0, index, 0). The angle's unit is A1111's, 2π/2^32 rounded to f32. */
static void normal_cuda(loam_noise *g, float *out, size_t n)
{
    const double unit = 0x1p-32, angle_unit = (float)(6.2831855 * 0x1p-32);
    for (size_t i = 0; i < n; i++) {
        uint32_t w[4];
        loam_rng_philox(g->seed, g->n_tensors, i, w);
        double u = w[0] * unit + unit / 2, angle = w[1] * angle_unit + angle_unit / 2;
        out[i] = (float)(sqrt(-2 * log(u)) * sin(angle));
    }
    g->n_tensors++;
}

void loam_noise_normal(loam_noise *g, float *out, size_t n)
{
    if (g->source == LOAM_NOISE_CUDA)
        normal_cuda(g, out, n);
    else if (n >= BLOCK)
        normal_long(g, out, n);
    else
        normal_short(g, out, n);
}
