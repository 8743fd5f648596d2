#include "run_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "fake.h"
#include "gen/stops.h"
#include "test_gen.h"

void run_read(loam_job *j, run_result *r)
{
    memset(r, 0, sizeof *r);
    r->progress_rises = true;
    int done = -1;
    double begin = loam_clock_s();
    for (;;) {
        loam_event ev;
        loam_job_next(j, 1000, &ev);
        if (loam_clock_s() - begin > 20)
            fail_msg("the job does not end");
        if (ev.kind == LOAM_EVENT_KIND_PROGRESS) {
            r->n_progress_events++;
            r->progress_rises &= ev.prompt_done > done && ev.prompt_done <= ev.usage.prompt_tokens;
            done = ev.prompt_done;
        } else if (ev.kind == LOAM_EVENT_KIND_TEXT) {
            r->n_text_events++;
            assert_int_equal(strlen(ev.text), ev.len);
            assert_true(r->len + ev.len < RUN_MAX);
            memcpy(r->text + r->len, ev.text, ev.len + 1);
            r->len += ev.len;
            for (int i = 0; i < ev.n_logprobs; i++) {
                r->tokens[r->n_tokens++] = ev.logprobs[i].chosen.id;
                r->n_entries_top += ev.logprobs[i].n_top;
            }
        } else if (ev.kind == LOAM_EVENT_KIND_FINISH) {
            r->finish = ev.finish;
            r->usage = ev.usage;
            r->error = ev.error;
            snprintf(r->stop, sizeof r->stop, "%s", ev.stop ? ev.stop : "");
            loam_job_next(j, 0, &ev);
            assert_int_equal(ev.kind, LOAM_EVENT_KIND_FINISH);
            return;
        }
    }
}

void run_job(loam_engine *e, const loam_job_request *q, run_result *r)
{
    loam_job *j;
    loam_err err = LOAM_ERR_INIT;
    if (loam_engine_submit(e, q, &j, &err) != LOAM_OK)
        fail_msg("submit: %s", err.msg);
    run_read(j, r);
    loam_job_free(j);
}

int run_expected(const loam_job_request *q, int most, int32_t *out, bool *ended)
{
    int n = (int)q->n_prompt, n_out = 0;
    int32_t *all = malloc(((size_t)n + (size_t)most + 1) * sizeof *all);
    memcpy(all, q->prompt, (size_t)n * sizeof *all);
    loam_sampler *s = loam_sampler_new(&q->sampler, FAKE_N_VOCAB);
    for (int i = 0; i < n; i++)
        loam_sampler_accept(s, all[i]);
    *ended = false;
    while (n_out < most && !*ended) {
        float logits[FAKE_N_VOCAB];
        fake_logits(all, n, logits);
        int32_t t = loam_sampler_sample(s, logits, (uint64_t)n_out);
        loam_sampler_accept(s, t);
        *ended = t == FAKE_END && !q->ignore_end;
        if (!*ended)
            out[n_out++] = all[n++] = t;
    }
    loam_sampler_free(s);
    free(all);
    return n_out;
}

size_t run_text(const int32_t *tokens, int n, char *out)
{
    loam_tokenizer *t;
    if (loam_tokenizer_new(NULL, &t, NULL) != LOAM_OK)
        fail();
    loam_stops *plain = loam_stops_new(NULL, 0);
    loam_buf text;
    loam_buf_init(&text, RUN_MAX);
    for (int i = 0; i < n; i++) {
        size_t len;
        const char *piece = loam_tokenizer_piece(t, tokens[i], false, &len);
        loam_stops_push(plain, piece, len, &text);
    }
    loam_stops_end(plain, &text);
    memcpy(out, loam_buf_text(&text), text.len + 1);
    size_t len = text.len;
    loam_buf_deinit(&text);
    loam_stops_free(plain);
    loam_tokenizer_free(t);
    return len;
}

loam_job_request run_request(int32_t *prompt, int n, uint64_t seed, int max_tokens)
{
    for (int i = 0; i < n; i++)
        prompt[i] = (int32_t)(loam_rng_uniform(seed + 1000, (uint64_t)i) * FAKE_N_VOCAB);
    loam_job_request q = {.prompt = prompt, .n_prompt = (size_t)n, .max_tokens = max_tokens, .n_logprobs = 1};
    q.sampler = loam_sampler_defaults();
    q.sampler.seed = seed;
    if (seed % 2 == 0)
        q.sampler.temperature = 0;
    if (seed % 3 == 0)
        q.sampler.repeat_penalty = 1.2f;
    return q;
}
