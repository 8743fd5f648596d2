#include "fake.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "model/model.h"

fake_record fake;

void fake_reset(void)
{
    memset((void *)&fake, 0, sizeof fake);
}

struct loam_model {
    loam_model_info info;
    uint64_t **kv; /* [n_seqs][n_ctx] */
    int *n_held;
    float *logits;
};

static uint64_t next_hash(uint64_t before, int32_t token)
{
    uint32_t w[4];
    loam_rng_philox(before, (uint64_t)token + 1, 77, w);
    return (uint64_t)w[0] << 32 | w[1];
}

static void logits_of(uint64_t hash, float *out)
{
    for (int i = 0; i < FAKE_N_VOCAB; i++)
        out[i] = (float)(loam_rng_uniform(hash, (uint64_t)i) * 8 - 4);
    int end_rate = atomic_load(&fake.end_rate);
    out[FAKE_END] = end_rate ? (float)end_rate : -50;
}

void fake_logits(const int32_t *tokens, int n, float logits[FAKE_N_VOCAB])
{
    uint64_t h = 1;
    for (int i = 0; i < n; i++)
        h = next_hash(h, tokens[i]);
    logits_of(h, logits);
}

loam_status loam_model_open(const char *path, const loam_model_options *o, loam_model **out, loam_err *err)
{
    if (strcmp(path, "fake") != 0)
        LOAM_FAIL(err, NOT_FOUND, "no model '%s'", path);
    loam_model *m = calloc(1, sizeof *m);
    m->info = (loam_model_info){.arch = "fake", .name = "fake", .n_vocab = FAKE_N_VOCAB, .n_seqs = o->n_seqs};
    m->info.n_ctx = o->n_ctx ? o->n_ctx : 256;
    m->info.n_batch = o->n_batch ? o->n_batch : 512;
    m->kv = calloc((size_t)o->n_seqs, sizeof *m->kv);
    for (int i = 0; i < o->n_seqs; i++)
        m->kv[i] = calloc((size_t)m->info.n_ctx, sizeof **m->kv);
    m->n_held = calloc((size_t)o->n_seqs, sizeof *m->n_held);
    m->logits = calloc((size_t)m->info.n_batch * FAKE_N_VOCAB, sizeof *m->logits);
    *out = m;
    return LOAM_OK;
}

void loam_model_close(loam_model *m)
{
    for (int i = 0; i < m->info.n_seqs; i++)
        free(m->kv[i]);
    free(m->kv);
    free(m->n_held);
    free(m->logits);
    free(m);
}

const loam_model_info *loam_model_get_info(const loam_model *m)
{
    return &m->info;
}
const loam_gguf *loam_model_gguf(const loam_model *m)
{
    return NULL;
}

static void raise_to(atomic_int *most, int v)
{
    if (atomic_load(most) < v)
        atomic_store(most, v);
}

static bool spans_fit(const loam_model *m, const loam_model_span *spans, int n)
{
    int total = 0;
    for (int i = 0; i < n; i++) {
        const loam_model_span *s = &spans[i];
        total += s->n_tokens;
        if (s->seq < 0 || s->seq >= m->info.n_seqs || s->n_tokens < 1 || s->pos < 0 || s->pos > m->n_held[s->seq] ||
            s->pos + s->n_tokens > m->info.n_ctx)
            return false;
        for (int k = 0; k < i; k++)
            if (spans[k].seq == s->seq)
                return false;
        for (int k = 0; k < s->n_tokens; k++)
            if (s->tokens[k] < 0 || s->tokens[k] >= FAKE_N_VOCAB)
                return false;
    }
    return n > 0 && total <= m->info.n_batch;
}

loam_status loam_model_step(loam_model *m, const loam_model_span *spans, int n_spans, const float **logits,
                            loam_err *err)
{
    while (atomic_load(&fake.gate))
        usleep(200);
    int number = atomic_fetch_add(&fake.steps, 1) + 1;
    if (!spans_fit(m, spans, n_spans)) {
        atomic_fetch_add(&fake.bad_steps, 1);
        LOAM_FAIL(err, INVALID, "bad spans");
    }
    if (atomic_load(&fake.fail_step) == number)
        LOAM_FAIL(err, INTERNAL, "this step fails");
    if (atomic_load(&fake.step_us))
        usleep((useconds_t)atomic_load(&fake.step_us));
    int total = 0, chunks = 0, singles = 0, row = 0;
    for (int i = 0; i < n_spans; i++) {
        const loam_model_span *s = &spans[i];
        uint64_t *kv = m->kv[s->seq];
        for (int k = 0; k < s->n_tokens; k++) {
            int pos = s->pos + k;
            kv[pos] = next_hash(pos ? kv[pos - 1] : 1, s->tokens[k]);
        }
        m->n_held[s->seq] = s->pos + s->n_tokens;
        total += s->n_tokens;
        *(s->n_tokens > 1 ? &chunks : &singles) += s->n_tokens;
        if (s->want_logits)
            logits_of(kv[s->pos + s->n_tokens - 1], m->logits + (size_t)row++ * FAKE_N_VOCAB);
    }
    atomic_fetch_add(&fake.computed_tokens, total);
    atomic_fetch_add(&fake.mixed_steps, chunks && singles);
    raise_to(&fake.most_tokens, total);
    raise_to(&fake.most_spans, n_spans);
    raise_to(&fake.most_prompt_tokens, chunks);
    *logits = m->logits;
    return LOAM_OK;
}

void loam_model_copy_prefix(loam_model *m, int from, int to, int n)
{
    atomic_fetch_add(&fake.copies, 1);
    if (from == to || n > m->n_held[from])
        atomic_fetch_add(&fake.bad_steps, 1);
    else
        memcpy(m->kv[to], m->kv[from], (size_t)n * sizeof **m->kv);
    m->n_held[to] = n;
}
