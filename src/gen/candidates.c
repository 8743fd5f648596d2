/* Filters over candidates, and the passes over whole logit rows. Loops that touch the whole vocabulary are written so
 * that compilers vectorise them without leave to reorder sums: fixed lanes, no branches. */
#include "gen/candidates.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, RADIX_BITS = 11, RADIX = 1 << RADIX_BITS, BLOCK = 64 };

/* exp(x) for x ≤ 0, within 2 ULP; below -700 exactly 0. x = k·ln2 + r, |r| ≤ ln2/2, Taylor series of exp(r), 2^k put
 * into the exponent bits (k + 1023 > 0 because x ≥ -700). Own code because libm's cannot be vectorised. */
static inline double exp_neg(double x)
{
    const double shift = 0x1.8p52; /* adding it rounds to an integer, which then stands in the low bits */
    double y = x < -700 ? -700 : x;
    double kd = y * 1.4426950408889634 + shift;
    uint64_t k;
    memcpy(&k, &kd, sizeof k);
    kd -= shift;
    double r = y - kd * 0x1.62e42fefa0000p-1;
    r = r - kd * 0x1.cf79abc9e3b3ap-40;
    double p = 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    uint64_t bits;
    memcpy(&bits, &p, sizeof bits);
    bits += k << 52;
    memcpy(&p, &bits, sizeof p);
    return x < -700 ? 0 : p;
}

static double sum(const double *x, size_t n)
{
    double lane[LANES] = {0}, total = 0;
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += x[i + j];
    for (size_t j = 0; j < LANES; j++)
        total += lane[j];
    for (size_t i = whole; i < n; i++)
        total += x[i];
    return total;
}

/* The highest of x, -inf when there is none but NaN. */
static float highest(const float *x, size_t n)
{
    float lane[LANES], m = -INFINITY;
    for (size_t j = 0; j < LANES; j++)
        lane[j] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    for (size_t j = 0; j < LANES; j++)
        m = lane[j] > m ? lane[j] : m;
    for (; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

int32_t loam_logits_argmax(const float *x, size_t n)
{
    float m = highest(x, n);
    for (size_t i = 0; i < n; i++)
        if (x[i] == m)
            return (int32_t)i;
    return 0;
}

double loam_logits_log_sum_exp(const float *x, size_t n)
{
    float m = highest(x, n);
    if (isinf(m))
        return m;
    double lane[LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            double d = (double)x[i + j] - m;
            lane[j] += exp_neg(d <= 0 ? d : -INFINITY);
        }
    for (size_t j = 0; j < LANES; j++)
        total += lane[j];
    for (; i < n; i++)
        total += exp_neg(x[i] <= m ? (double)x[i] - m : -INFINITY);
    return m + log(total);
}

bool loam_candidates_init(loam_candidates *c, size_t cap)
{
    *c = (loam_candidates){.cap = cap};
    c->logit = calloc(cap ? cap : 1, sizeof *c->logit);
    c->id = calloc(cap ? cap : 1, sizeof *c->id);
    c->weight = calloc(cap ? cap : 1, sizeof *c->weight);
    c->hist = calloc(RADIX, sizeof *c->hist);
    if (c->logit && c->id && c->weight && c->hist)
        return true;
    loam_candidates_deinit(c);
    return false;
}

void loam_candidates_deinit(loam_candidates *c)
{
    free(c->logit);
    free(c->id);
    free(c->weight);
    free(c->hist);
    *c = (loam_candidates){0};
}

void loam_candidates_begin(loam_candidates *c)
{
    c->n = c->cap;
    for (size_t i = 0; i < c->n; i++) {
        float l = c->logit[i] + 0.0f; /* -0 becomes 0, whose bits sort with it */
        l = l > -FLT_MAX ? l : -FLT_MAX;
        c->logit[i] = l < FLT_MAX ? l : FLT_MAX;
        c->id[i] = (int32_t)i;
    }
    c->max = highest(c->logit, c->n);
}

static void weigh(loam_candidates *c, double temperature)
{
    double max = c->max, scale = 1 / temperature;
    if (scale > DBL_MAX)
        scale = DBL_MAX;
    const float *logit = c->logit;
    double *weight = c->weight;
    for (size_t i = 0, n = c->n; i < n; i++)
        weight[i] = exp_neg(((double)logit[i] - max) * scale);
}

/* The bits of a float as a number that rises as the float does. */
static inline uint32_t sort_key(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u ^ ((uint32_t)((int32_t)u >> 31) | 0x80000000u);
}

/* Keeps the shortest beginning in order whose masses sum to target (> 0); all when they never do. mass: [n], or NULL
 * for 1 each. Each round narrows the key of the last member to stay by eleven bits; `above` is the mass that stands
 * before everything still in question. */
static void keep_mass(loam_candidates *c, const double *mass, double target)
{
    static const int shifts[] = {21, 10, 0};
    uint32_t prefix = 0, mask = 0;
    double above = 0;
    for (int round = 0; round < 3; round++) {
        int shift = shifts[round];
        uint32_t digits = round < 2 ? RADIX - 1 : RADIX / 2 - 1;
        memset(c->hist, 0, RADIX * sizeof *c->hist);
        for (size_t i = 0; i < c->n; i++) {
            uint32_t key = sort_key(c->logit[i]);
            if ((key & mask) == prefix)
                c->hist[key >> shift & digits] += mass ? mass[i] : 1;
        }
        uint32_t b = digits, last = RADIX; /* the bucket of the last member to stay, and the mass before it */
        double before = above;
        bool reached = false;
        for (;; b--) {
            if (c->hist[b] > 0) {
                last = b;
                before = above;
                above += c->hist[b];
                reached = above >= target;
            }
            if (reached || b == 0)
                break;
        }
        /* In later rounds the same masses, summed in smaller groups, may miss the target by a rounding: then the last
         * bucket that has any is the one. */
        if (last == RADIX || (round == 0 && !reached))
            return;
        above = before;
        prefix |= last << shift;
        mask |= digits << shift;
    }
    size_t kept = 0;
    bool open = true;
    for (size_t i = 0; i < c->n; i++) {
        uint32_t key = sort_key(c->logit[i]);
        if (key < prefix || (key == prefix && !open))
            continue;
        if (key == prefix) {
            above += mass ? mass[i] : 1;
            open = above < target;
        }
        c->logit[kept] = c->logit[i];
        c->id[kept] = c->id[i];
        kept++;
    }
    c->n = kept;
}

/* Keeps those with at least this logit, and the highest in any case. */
static void keep_at_least(loam_candidates *c, double least)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++)
        if ((double)c->logit[i] >= least || c->logit[i] == c->max) {
            c->logit[kept] = c->logit[i];
            c->weight[kept] = c->weight[i];
            c->id[kept] = c->id[i];
            kept++;
        }
    c->n = kept;
}

void loam_candidates_top_k(loam_candidates *c, size_t k)
{
    if (k < c->n)
        keep_mass(c, NULL, (double)k);
}

void loam_candidates_top_p(loam_candidates *c, double p)
{
    weigh(c, 1);
    double total = sum(c->weight, c->n), target = p * total;
    /* All that weigh less than (1 - p)·total/n sum to less than what may go, so they may go at once; half of that
     * leaves room for roundings. Mostly this is nearly the whole vocabulary. */
    keep_at_least(c, (double)c->max + log(0.5 * (1 - p) * total / (double)c->n));
    keep_mass(c, c->weight, target > DBL_MIN ? target : DBL_MIN);
}

void loam_candidates_min_p(loam_candidates *c, double p)
{
    keep_at_least(c, (double)c->max + log(p));
}

int32_t loam_candidates_draw(loam_candidates *c, double temperature, double u)
{
    weigh(c, temperature);
    double rest = u * sum(c->weight, c->n);
    size_t at = 0;
    for (; at + BLOCK < c->n; at += BLOCK) { /* whole blocks that end before the point drawn */
        double m = sum(c->weight + at, BLOCK);
        if (m > rest)
            break;
        rest -= m;
    }
    for (; at < c->n; at++) {
        rest -= c->weight[at];
        if (rest < 0)
            return c->id[at];
    }
    /* Sums in another order may leave the point behind the end by a rounding: then the last that can be drawn is it. */
    while (c->weight[--at] <= 0)
        ;
    return c->id[at];
}
