/* One step: which tokens of which jobs the model computes next, and what becomes of the logits. Answers go first, one
 * token each, so that a long prompt never stops them; what is left of the step is shared among the prompts. */
#include "gen/gen_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

typedef struct step_plan {
    int n_spans, n_prompt, n_answer; /* spans; tokens of prompts and of answers in them */
} step_plan;

void loam_engine_leave(loam_engine *e, loam_slot *s, loam_finish finish, const loam_err *why)
{
    loam_job *j = s->job;
    s->job = NULL;
    s->n_tokens = s->n_computed;
    s->order = ++e->count;
    pthread_mutex_lock(&e->lock);
    e->n_busy--;
    uint64_t *counter = finish == LOAM_FINISH_ERROR       ? &e->stats.jobs_failed
                        : finish == LOAM_FINISH_CANCELLED ? &e->stats.jobs_cancelled
                                                          : &e->stats.jobs_done;
    ++*counter;
    pthread_mutex_unlock(&e->lock);
    loam_job_finish(j, finish, why);
    loam_job_unref(j);
}

void loam_engine_admit(loam_engine *e, loam_job *j)
{
    loam_slot_choice c;
    loam_slots_choose(e->slots, e->info->n_seqs, j->prompt, j->n_prompt, &c);
    loam_slot *s = &e->slots[c.to];
    if (c.to != c.from && c.n_shared > 0)
        loam_model_copy_prefix(e->model, c.from, c.to, c.n_shared);
    memcpy(s->tokens, j->prompt, (size_t)j->n_prompt * sizeof *s->tokens);
    s->job = j;
    s->n_tokens = j->n_prompt;
    s->n_computed = c.n_shared;
    s->n_generated = 0;
    s->order = ++e->count;
    j->admitted_s = loam_clock_s();
    j->usage.cached_tokens = c.n_shared;
    pthread_mutex_lock(&e->lock);
    e->stats.cached_tokens += (uint64_t)c.n_shared;
    if (e->stats.max_prompt_tokens < j->n_prompt)
        e->stats.max_prompt_tokens = j->n_prompt;
    pthread_mutex_unlock(&e->lock);
    j->sampler = loam_sampler_new(&j->params, (size_t)e->info->n_vocab);
    if (!j->sampler) {
        loam_err err = LOAM_ERR_INIT;
        loam_err_set(&err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a sampler");
        loam_engine_leave(e, s, LOAM_FINISH_ERROR, &err);
        return;
    }
    for (int i = 0; i < j->n_prompt; i++)
        loam_sampler_accept(j->sampler, j->prompt[i]);
}

static int left_to_read(const loam_slot *s)
{
    return s->n_tokens - s->n_computed;
}

static void add_span(loam_engine *e, step_plan *p, int slot, int n_tokens)
{
    loam_slot *s = &e->slots[slot];
    e->spans[p->n_spans++] = (loam_model_span){.seq = slot,
                                               .pos = s->n_computed,
                                               .n_tokens = n_tokens,
                                               .tokens = s->tokens + s->n_computed,
                                               .want_logits = n_tokens == left_to_read(s)};
    if (s->n_generated > 0)
        p->n_answer += n_tokens;
    else
        p->n_prompt += n_tokens;
}

/* Next tokens of answers, at most `room`. Where not all fit, they take turns. */
static void plan_answers(loam_engine *e, step_plan *p, int room)
{
    int n = e->info->n_seqs;
    int first = n > e->info->n_batch ? (int)(e->stats.n_steps * (uint64_t)e->info->n_batch % (uint64_t)n) : 0;
    for (int k = 0; k < n && room > 0; k++) {
        int i = (first + k) % n;
        if (!e->slots[i].job || e->slots[i].n_generated == 0)
            continue;
        add_span(e, p, i, 1);
        room--;
    }
}

/* Takes over what another slot has computed; false when it is better to wait for it. */
static bool ready_to_read(loam_engine *e, int i)
{
    loam_slot *s = &e->slots[i];
    loam_slot_wait w = loam_slots_follow(e->slots, e->info->n_seqs, i);
    if (w.wait)
        return false;
    if (w.from >= 0) {
        loam_model_copy_prefix(e->model, w.from, i, w.n_shared);
        int gained = w.n_shared - s->n_computed;
        s->n_computed = w.n_shared;
        s->job->usage.cached_tokens += gained;
        pthread_mutex_lock(&e->lock);
        e->stats.cached_tokens += (uint64_t)gained;
        pthread_mutex_unlock(&e->lock);
    }
    return true;
}

/* Prompt tokens, at most `room`, in equal shares; what short prompts leave over goes to the longer ones. */
static void plan_prompts(loam_engine *e, step_plan *p, int room)
{
    int n = 0;
    for (int i = 0; i < e->info->n_seqs; i++) {
        if (!e->slots[i].job || e->slots[i].n_generated > 0 || !ready_to_read(e, i))
            continue;
        int at = n++; /* by rising number of tokens to read; there are few slots */
        for (; at > 0 && left_to_read(&e->slots[e->order[at - 1]]) > left_to_read(&e->slots[i]); at--)
            e->order[at] = e->order[at - 1];
        e->order[at] = i;
    }
    for (int k = 0; k < n && room > 0; k++) {
        int share = room / (n - k), left = left_to_read(&e->slots[e->order[k]]);
        if (share == 0)
            share = 1;
        int take = left < share ? left : share;
        add_span(e, p, e->order[k], take);
        room -= take;
    }
}

static step_plan plan(loam_engine *e)
{
    step_plan p = {0};
    int n_batch = e->info->n_batch, n_answers = 0;
    for (int i = 0; i < e->info->n_seqs; i++)
        n_answers += e->slots[i].job && e->slots[i].n_generated > 0;
    if (n_answers >= n_batch && e->stats.n_steps % 2) /* a step has no room for all: prompts get each second one */
        plan_prompts(e, &p, e->chunk_tokens);
    plan_answers(e, &p, n_batch - p.n_prompt);
    int room = n_batch - p.n_prompt - p.n_answer;
    if (p.n_prompt == 0)
        plan_prompts(e, &p, room < e->chunk_tokens ? room : e->chunk_tokens);
    return p;
}

/* The next token of a slot's job from its logits. */
static void generate(loam_engine *e, loam_slot *s, const float *logits)
{
    loam_job *j = s->job;
    size_t n_vocab = (size_t)e->info->n_vocab;
    if (s->n_generated == 0)
        j->answering_s = loam_clock_s();
    if (j->max_tokens == 0) {
        loam_engine_leave(e, s, LOAM_FINISH_LENGTH, NULL);
        return;
    }
    int32_t id = loam_sampler_sample(j->sampler, logits, (uint64_t)s->n_generated);
    loam_sampler_accept(j->sampler, id);
    s->n_generated++;
    j->usage.completion_tokens++;
    if (!j->ignore_end && loam_tokenizer_is_end(e->tokenizer, id)) {
        loam_engine_leave(e, s, LOAM_FINISH_STOP, NULL);
        return;
    }
    s->tokens[s->n_tokens++] = id; /* max_tokens never goes past the context */
    size_t len;
    const char *piece = loam_tokenizer_piece(e->tokenizer, id, j->show_special, &len);
    loam_logprobs probs;
    if (j->n_logprobs > 0)
        loam_logprobs_get(logits, n_vocab, id, j->n_logprobs, &probs);
    loam_err err = LOAM_ERR_INIT;
    bool stopped;
    if (loam_job_push_token(j, piece, len, j->n_logprobs > 0 ? &probs : NULL, &stopped, &err) != LOAM_OK)
        loam_engine_leave(e, s, LOAM_FINISH_ERROR, &err);
    else if (stopped)
        loam_engine_leave(e, s, LOAM_FINISH_STOP, NULL);
    else if (s->n_generated >= j->max_tokens)
        loam_engine_leave(e, s, LOAM_FINISH_LENGTH, NULL);
}

static void count_step(loam_engine *e, const step_plan *p, double seconds)
{
    double prompt_part = (double)p->n_prompt / (p->n_prompt + p->n_answer);
    int rows = 0;
    for (int i = 0; i < p->n_spans; i++)
        rows += e->spans[i].want_logits && e->slots[e->spans[i].seq].job->max_tokens > 0;
    pthread_mutex_lock(&e->lock);
    loam_engine_stats *st = &e->stats;
    st->n_steps++;
    st->prompt_tokens += (uint64_t)p->n_prompt;
    st->completion_tokens += (uint64_t)rows;
    st->prompt_s += seconds * prompt_part;
    st->completion_s += seconds * (1 - prompt_part);
    st->slots_busy_sum += e->n_busy;
    pthread_mutex_unlock(&e->lock);
}

void loam_engine_step(loam_engine *e)
{
    for (int i = 0; i < e->info->n_seqs; i++)
        if (e->slots[i].job && atomic_load(&e->slots[i].job->cancelled))
            loam_engine_leave(e, &e->slots[i], LOAM_FINISH_CANCELLED, NULL);
    step_plan p = plan(e);
    if (p.n_spans == 0)
        return;
    const float *logits = NULL;
    loam_err err = LOAM_ERR_INIT;
    double begin = loam_clock_s();
    loam_status status = loam_model_step(e->model, e->spans, p.n_spans, &logits, &err);
    if (status != LOAM_OK) {
        for (int i = 0; i < p.n_spans; i++)
            loam_engine_leave(e, &e->slots[e->spans[i].seq], LOAM_FINISH_ERROR, &err);
        return;
    }
    count_step(e, &p, loam_clock_s() - begin);
    for (int i = 0; i < p.n_spans; i++) {
        const loam_model_span *span = &e->spans[i];
        loam_slot *s = &e->slots[span->seq];
        bool reading = s->n_generated == 0;
        s->n_computed += span->n_tokens;
        if (reading)
            loam_job_push_progress(s->job, s->n_computed);
        if (span->want_logits) {
            generate(e, s, logits);
            logits += e->info->n_vocab;
        }
    }
}
