/* The tokens that may still be drawn, in the order of their ids, and the three filters that narrow them. "Order" below
 * means by falling logit, equal logits by rising id. Nothing is ever sorted: a filter finds the last member that stays
 * by radix selection on the logit's bits, three passes whatever the distribution, and keeps what stands before it. */
#ifndef LOAM_GEN_CANDIDATES_H
#define LOAM_GEN_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct loam_candidates {
    size_t n, cap;
    float *logit;   /* [cap] finite, no -0 */
    int32_t *id;    /* [cap] rising */
    double *weight; /* [cap] exp((logit - max) / temperature), where it was asked for */
    double *hist;   /* radix buckets */
    float max;      /* the highest logit; every filter keeps it */
} loam_candidates;

/* False when out of memory; then nothing is held. */
bool loam_candidates_init(loam_candidates *c, size_t cap);
void loam_candidates_deinit(loam_candidates *c);

/* Makes logit[0..cap) the candidates 0..cap-1: NaN and -inf become the lowest finite number, +inf the highest; finds
 * max. */
void loam_candidates_begin(loam_candidates *c);
/* Keeps the first k in order. k ≥ 1. */
void loam_candidates_top_k(loam_candidates *c, size_t k);
/* Keeps the shortest beginning in order whose probabilities (softmax over the candidates) sum to p, at least one. */
void loam_candidates_top_p(loam_candidates *c, double p);
/* Keeps those whose probability is at least p times the highest one's. p > 0. */
void loam_candidates_min_p(loam_candidates *c, double p);
/* Draws at a temperature > 0: u in [0, 1) picks by the running sum of probabilities in the order of ids. */
int32_t loam_candidates_draw(loam_candidates *c, double temperature, double u);

/* The id of the highest of x[0..n), ties by lowest id; NaN is lower than anything. n ≥ 1. */
int32_t loam_logits_argmax(const float *x, size_t n);
/* log(sum(exp(x))) in double, NaN left out; the same bits every time. n ≥ 1. */
double loam_logits_log_sum_exp(const float *x, size_t n);

#endif
