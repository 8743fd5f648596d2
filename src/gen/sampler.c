/* Sampler parameters, the history that penalties look at, and the order of the steps; the filters themselves are in
 * candidates.c. */
#include "gen/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "gen/candidates.h"

/* The last tokens (all of them with repeat_last_n -1), as a count per token of the vocabulary. */
typedef struct history {
    bool on;         /* whether any penalty is */
    int32_t *ring;   /* [last_n] what leaves the window next; NULL with -1 */
    size_t n_ring;   /* in the ring */
    size_t at;       /* the oldest, once it is full */
    uint32_t *count; /* [n_vocab] */
    bool *listed;    /* [n_vocab] in list */
    int32_t *list;   /* [n_vocab] each token whose count was not 0 when it was last looked at */
    size_t n_list;
} history;

struct loam_sampler {
    loam_sampler_params params;
    loam_logit_bias *bias; /* owned; what params.bias points to */
    size_t n_vocab;
    history past;
    loam_candidates cands; /* room for the whole vocabulary; not allocated while plain argmax is enough */
};

loam_sampler_params loam_sampler_defaults(void)
{
    return (loam_sampler_params){
        .temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .repeat_penalty = 1, .repeat_last_n = 64};
}

static loam_status check_range(const char *name, double v, double least, double most, loam_err *err)
{
    if (!(v >= least && v <= most))
        LOAM_FAIL(err, INVALID, "%s is %g, it must be a number from %g to %g", name, v, least, most);
    return LOAM_OK;
}

loam_status loam_sampler_check(const loam_sampler_params *p, loam_err *err)
{
    LOAM_TRY(check_range("temperature", p->temperature, 0, 100, err));
    LOAM_TRY(check_range("top_p", p->top_p, 0, 1, err));
    LOAM_TRY(check_range("min_p", p->min_p, 0, 1, err));
    LOAM_TRY(check_range("repeat_penalty", p->repeat_penalty, 0.01, 100, err));
    LOAM_TRY(check_range("presence_penalty", p->presence_penalty, -100, 100, err));
    LOAM_TRY(check_range("frequency_penalty", p->frequency_penalty, -100, 100, err));
    if (p->top_k < 0)
        LOAM_FAIL(err, INVALID, "top_k is %d, it must be 0 (all) or more", p->top_k);
    if (p->repeat_last_n < -1)
        LOAM_FAIL(err, INVALID, "repeat_last_n is %d, it must be -1 (all), 0 (none) or more", p->repeat_last_n);
    for (size_t i = 0; i < p->n_bias; i++) {
        if (p->bias[i].token < 0)
            LOAM_FAIL(err, INVALID, "logit_bias names token %d, ids begin at 0", (int)p->bias[i].token);
        if (isnan(p->bias[i].bias))
            LOAM_FAIL(err, INVALID, "logit_bias of token %d is not a number", (int)p->bias[i].token);
    }
    return LOAM_OK;
}

static bool history_init(history *h, const loam_sampler_params *p, size_t n_vocab)
{
    h->on = p->repeat_last_n != 0 && (p->repeat_penalty != 1 || p->presence_penalty != 0 || p->frequency_penalty != 0);
    if (!h->on)
        return true;
    if (p->repeat_last_n > 0)
        h->ring = calloc((size_t)p->repeat_last_n, sizeof *h->ring);
    h->count = calloc(n_vocab, sizeof *h->count);
    h->listed = calloc(n_vocab, sizeof *h->listed);
    h->list = calloc(n_vocab, sizeof *h->list);
    return h->count && h->listed && h->list && (h->ring || p->repeat_last_n < 0);
}

static void history_deinit(history *h)
{
    free(h->ring);
    free(h->count);
    free(h->listed);
    free(h->list);
}

loam_sampler *loam_sampler_new(const loam_sampler_params *p, size_t n_vocab)
{
    loam_sampler *s = calloc(1, sizeof *s);
    if (!s || n_vocab == 0)
        goto fail;
    s->params = *p;
    s->n_vocab = n_vocab;
    s->params.bias = NULL;
    if (p->n_bias) {
        s->bias = calloc(p->n_bias, sizeof *s->bias);
        if (!s->bias)
            goto fail;
        memcpy(s->bias, p->bias, p->n_bias * sizeof *s->bias);
        s->params.bias = s->bias;
    }
    if (!history_init(&s->past, p, n_vocab))
        goto fail;
    if ((p->temperature > 0 || p->n_bias || s->past.on) && !loam_candidates_init(&s->cands, n_vocab))
        goto fail;
    return s;
fail:
    loam_sampler_free(s);
    return NULL;
}

void loam_sampler_free(loam_sampler *s)
{
    if (!s)
        return;
    free(s->bias);
    history_deinit(&s->past);
    loam_candidates_deinit(&s->cands);
    free(s);
}

void loam_sampler_accept(loam_sampler *s, int32_t token)
{
    history *h = &s->past;
    if (!h->on || token < 0 || (size_t)token >= s->n_vocab)
        return;
    if (h->ring) {
        size_t size = (size_t)s->params.repeat_last_n;
        if (h->n_ring < size) {
            h->ring[h->n_ring++] = token;
        } else {
            h->count[h->ring[h->at]]--;
            h->ring[h->at] = token;
            h->at = (h->at + 1) % size;
        }
    }
    h->count[token]++;
    if (!h->listed[token]) {
        h->listed[token] = true;
        h->list[h->n_list++] = token;
    }
}

/* Keskar et al. 2019 (section 4.1) for the repetition penalty, with the sign rule of llama.cpp; OpenAI's presence and
 * frequency penalties. */
static void penalise(loam_sampler *s, float *logits)
{
    history *h = &s->past;
    const loam_sampler_params *p = &s->params;
    size_t kept = 0;
    for (size_t i = 0; i < h->n_list; i++) {
        int32_t t = h->list[i];
        uint32_t n = h->count[t];
        if (n == 0) {
            h->listed[t] = false;
            continue;
        }
        h->list[kept++] = t;
        float l = logits[t];
        l = l <= 0 ? l * p->repeat_penalty : l / p->repeat_penalty;
        logits[t] = l - ((float)n * p->frequency_penalty + p->presence_penalty);
    }
    h->n_list = kept;
}

int32_t loam_sampler_sample(loam_sampler *s, const float *logits, uint64_t index)
{
    const loam_sampler_params *p = &s->params;
    loam_candidates *c = &s->cands;
    if (!c->logit)
        return loam_logits_argmax(logits, s->n_vocab);
    memcpy(c->logit, logits, s->n_vocab * sizeof *logits);
    for (size_t i = 0; i < p->n_bias; i++)
        if (p->bias[i].token >= 0 && (size_t)p->bias[i].token < s->n_vocab)
            c->logit[p->bias[i].token] += p->bias[i].bias;
    if (s->past.on)
        penalise(s, c->logit);
    if (p->temperature <= 0)
        return loam_logits_argmax(c->logit, s->n_vocab);
    loam_candidates_begin(c);
    if (p->top_k > 0)
        loam_candidates_top_k(c, (size_t)p->top_k);
    if (p->top_p < 1)
        loam_candidates_top_p(c, p->top_p);
    if (p->min_p > 0)
        loam_candidates_min_p(c, p->min_p);
    return loam_candidates_draw(c, p->temperature, loam_rng_uniform(p->seed, index));
}
