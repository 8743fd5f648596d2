/* The sampler: logits -> a token. Deterministic: the n-th token of a job depends on its logits, parameters, history and
 * seed only. Order: repetition / presence / frequency penalties, top-k, top-p, min-p, temperature, draw. */
#ifndef LOAM_GEN_SAMPLER_H
#define LOAM_GEN_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct loam_logit_bias {
    int32_t token;
    float bias;
} loam_logit_bias;

typedef struct loam_sampler_params {
    float temperature;       /* 0: always the most probable token (ties: the lowest id) */
    int top_k;               /* 0: all */
    float top_p;             /* 1: all */
    float min_p;             /* 0: all */
    float repeat_penalty;    /* 1: none; llama.cpp's: positive logits divided, negative multiplied */
    int repeat_last_n;       /* tokens looked back at by the three penalties; -1: all, 0: none */
    float presence_penalty;  /* 0: none */
    float frequency_penalty; /* 0: none */
    uint64_t seed;           /* the caller draws one where the user gave none, and reports it */
    const loam_logit_bias *bias; /* copied by submit */
    size_t n_bias;
} loam_sampler_params;

/* temperature 0.8, top_k 40, top_p 0.95, min_p 0.05, penalties off, last_n 64, seed 0. */
loam_sampler_params loam_sampler_defaults(void);
/* INVALID, naming the parameter and its range, when one is outside or not a number. */
LOAM_CHECK_RESULT loam_status loam_sampler_check(const loam_sampler_params *p, loam_err *err);

typedef struct loam_sampler loam_sampler;

/* Copies params. Owned by the caller. NULL when out of memory. */
loam_sampler *loam_sampler_new(const loam_sampler_params *p, size_t n_vocab);
void loam_sampler_free(loam_sampler *s);
/* Tells the sampler of a token of the prompt or of the answer (for penalties). */
void loam_sampler_accept(loam_sampler *s, int32_t token);
/* Chooses the next token; logits [n_vocab] are read, not changed; NaNs count as -inf. index: number of tokens already
 * generated in this job (the counter of the random numbers). */
int32_t loam_sampler_sample(loam_sampler *s, const float *logits, uint64_t index);

#endif
