/* The engine on a fake model whose every token depends on the whole history of its sequence. If this fails, answers
 * depend on what else is running, jobs disturb each other, or ends are reported wrong. */
#include "test_gen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "run_job.h"

static loam_engine *open_engine(int n_seqs, int n_ctx, int n_batch, int chunk, int max_queue)
{
    fake_reset();
    loam_engine_options o = {
        .model = {.n_seqs = n_seqs, .n_ctx = n_ctx, .n_batch = n_batch}, .chunk_tokens = chunk, .max_queue = max_queue};
    loam_engine *e;
    loam_err err = LOAM_ERR_INIT;
    if (loam_engine_open("fake", &o, &e, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return e;
}

static void close_engine(loam_engine *e)
{
    loam_engine_close(e);
    assert_int_equal(atomic_load(&fake.bad_steps), 0);
}

static loam_job *submit(loam_engine *e, const loam_job_request *q)
{
    loam_job *j;
    loam_err err = LOAM_ERR_INIT;
    if (loam_engine_submit(e, q, &j, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return j;
}

static void expect_tokens(const loam_job_request *q, const run_result *r)
{
    int32_t want[RUN_MAX];
    bool ended;
    char text[RUN_MAX];
    int n = run_expected(q, q->max_tokens, want, &ended);
    assert_int_equal(r->n_tokens, n);
    assert_memory_equal(r->tokens, want, (size_t)n * sizeof *want);
    assert_int_equal(r->len, run_text(want, n, text));
    assert_string_equal(r->text, text);
    assert_int_equal(r->finish, ended ? LOAM_FINISH_STOP : LOAM_FINISH_LENGTH);
    assert_int_equal(r->usage.completion_tokens, n + ended);
    assert_int_equal(r->usage.prompt_tokens, q->n_prompt);
    assert_true(r->progress_rises);
}

/* Twelve jobs, some sharing beginnings, on engines of many shapes: always the tokens of the plain loop. */
static void same_tokens_in_every_batch(void **state)
{
    static const int shapes[][4] = {/* slots, batch, chunk, n_ctx */ {1, 512, 512, 256},
                                    {1, 1, 1, 256},
                                    {3, 16, 7, 256},
                                    {4, 512, 3, 200},
                                    {16, 512, 512, 256},
                                    {16, 4, 64, 256},
                                    {5, 5, 5, 150},
                                    {2, 1, 1, 256}};
    enum { JOBS = 12 };
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        loam_engine *e = open_engine(shapes[k][0], shapes[k][3], shapes[k][1], shapes[k][2], 0);
        atomic_store(&fake.end_rate, 4);
        int32_t prompts[JOBS][64];
        loam_job_request q[JOBS];
        loam_job *jobs[JOBS];
        for (int i = 0; i < JOBS; i++) {
            q[i] = run_request(prompts[i], 1 + i * 5, (uint64_t)i, 30);
            q[i].ignore_end = i % 4 == 1;
            if (i >= 6)
                memcpy(prompts[i], prompts[5], 26 * sizeof(int32_t));
            jobs[i] = submit(e, &q[i]);
        }
        for (int i = 0; i < JOBS; i++) {
            run_result r;
            run_read(jobs[i], &r);
            expect_tokens(&q[i], &r);
            loam_job_free(jobs[i]);
        }
        loam_engine_stats st;
        loam_engine_get_stats(e, &st);
        assert_int_equal(st.jobs_done, JOBS);
        assert_int_equal(st.jobs_running + st.jobs_waiting, 0);
        assert_int_equal(st.max_prompt_tokens, 56);
        assert_true(atomic_load(&fake.most_tokens) <= shapes[k][1]);
        assert_true(atomic_load(&fake.most_prompt_tokens) <= shapes[k][2]);
        close_engine(e);
    }
}

static void a_conversation_goes_on_without_reading_again(void **state)
{
    loam_engine *e = open_engine(3, 256, 64, 16, 0);
    int32_t prompt[200];
    run_result r;
    loam_job_request q = run_request(prompt, 60, 2, 20);
    run_job(e, &q, &r);
    expect_tokens(&q, &r);
    assert_int_equal(r.usage.cached_tokens, 0);
    /* the same again: all but the last token is there */
    run_job(e, &q, &r);
    expect_tokens(&q, &r);
    assert_int_equal(r.usage.cached_tokens, 59);
    /* the answer and a new question: the answer's last token was never computed */
    memcpy(prompt + 60, r.tokens, 20 * sizeof *prompt);
    int before = atomic_load(&fake.computed_tokens);
    for (int i = 80; i < 100; i++)
        prompt[i] = i;
    q.n_prompt = 100;
    run_job(e, &q, &r);
    expect_tokens(&q, &r);
    assert_int_equal(r.usage.cached_tokens, 79);
    assert_int_equal(atomic_load(&fake.computed_tokens) - before, 100 - 79 + 19);
    /* another question in its place: back to the common beginning */
    prompt[70] = (prompt[70] + 1) % 256;
    run_job(e, &q, &r);
    expect_tokens(&q, &r);
    assert_int_equal(r.usage.cached_tokens, 70);
    loam_engine_stats st;
    loam_engine_get_stats(e, &st);
    assert_int_equal(st.cached_tokens, 59 + 79 + 70);
    assert_int_equal(st.prompt_tokens, 60 + 1 + 21 + 30);
    assert_int_equal(st.completion_tokens, 80);
    close_engine(e);
}

/* Four at once with one long prompt: it is read once and copied. */
static void equal_prompts_are_read_once(void **state)
{
    loam_engine *e = open_engine(4, 256, 64, 16, 0);
    int32_t prompt[4][100];
    loam_job_request q[4];
    loam_job *j[4];
    atomic_store(&fake.gate, 1);
    for (int i = 0; i < 4; i++) {
        q[i] = run_request(prompt[i], 100, 7, 5);
        q[i].sampler.seed = (uint64_t)i;
        j[i] = submit(e, &q[i]);
    }
    atomic_store(&fake.gate, 0);
    for (int i = 0; i < 4; i++) {
        run_result r;
        run_read(j[i], &r);
        expect_tokens(&q[i], &r);
        loam_job_free(j[i]);
        if (i > 0)
            assert_int_equal(r.usage.cached_tokens, 99);
    }
    assert_int_equal(atomic_load(&fake.computed_tokens), 100 + 3 + 4 * 4);
    close_engine(e);
}

static void answers_go_on_while_a_prompt_is_read(void **state)
{
    loam_engine *e = open_engine(2, 600, 64, 4, 0);
    int32_t a[8], b[400];
    loam_job_request qa = run_request(a, 8, 1, 200), qb = run_request(b, 400, 3, 2);
    atomic_store(&fake.step_us, 300);
    loam_job *ja = submit(e, &qa), *jb;
    loam_event ev;
    do
        loam_job_next(ja, 1000, &ev);
    while (ev.kind != LOAM_EVENT_KIND_TEXT);
    jb = submit(e, &qb);
    run_result ra, rb;
    run_read(jb, &rb);
    expect_tokens(&qb, &rb);
    run_read(ja, &ra);
    assert_int_equal(ra.usage.completion_tokens, 200);
    /* 100 steps read the prompt, nearly every one of them wrote a token too */
    assert_in_range(atomic_load(&fake.mixed_steps), 90, 100);
    assert_int_equal(atomic_load(&fake.most_prompt_tokens), 4);
    assert_true(rb.n_progress_events > 5);
    loam_job_free(ja);
    loam_job_free(jb);
    close_engine(e);
}

static void a_full_queue_is_busy(void **state)
{
    loam_engine *e = open_engine(2, 64, 64, 16, 3);
    int32_t prompt[8];
    loam_job_request q = run_request(prompt, 8, 1, 4);
    loam_job *j[5], *more;
    atomic_store(&fake.gate, 1);
    for (int i = 0; i < 5; i++)
        j[i] = submit(e, &q);
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_engine_submit(e, &q, &more, &err), LOAM_STATUS_BUSY);
    atomic_store(&fake.gate, 0);
    for (int i = 0; i < 5; i++) {
        run_result r;
        run_read(j[i], &r);
        expect_tokens(&q, &r);
        loam_job_free(j[i]);
    }
    run_result r;
    run_job(e, &q, &r);
    expect_tokens(&q, &r);
    close_engine(e);
}

static void bad_requests_are_refused(void **state)
{
    loam_engine *e = open_engine(1, 64, 64, 16, 0);
    int32_t prompt[100];
    loam_job_request good = run_request(prompt, 63, 1, 4), q = good;
    loam_job *j;
    loam_err err = LOAM_ERR_INIT;
    q.n_prompt = 64;
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    q.n_prompt = 77;
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    assert_non_null(strstr(err.msg, "77"));
    assert_non_null(strstr(err.msg, "64"));
    q.n_prompt = 0;
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    int32_t outside[] = {1, FAKE_N_VOCAB};
    q = good, q.prompt = outside, q.n_prompt = 2;
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    q = good, q.sampler.top_p = 2;
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    q = good, q.n_stops = 1, q.stops[0] = "";
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    q.stops[0] = "\xFF";
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    q = good, q.n_logprobs = 21;
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    loam_logit_bias bias = {FAKE_N_VOCAB, 1};
    q = good, q.sampler.bias = &bias, q.sampler.n_bias = 1;
    assert_int_equal(loam_engine_submit(e, &q, &j, &err), LOAM_STATUS_INVALID);
    run_result r; /* a prompt that leaves room for exactly one token */
    run_job(e, &good, &r);
    assert_int_equal(r.finish, LOAM_FINISH_LENGTH);
    assert_int_equal(r.usage.completion_tokens, 1);
    close_engine(e);
}

static void ends_by_length_and_end_token(void **state)
{
    loam_engine *e = open_engine(1, 64, 64, 16, 0);
    int32_t prompt[60], want[RUN_MAX];
    run_result r;
    bool ended;
    loam_job_request q = run_request(prompt, 20, 1, -1);
    run_job(e, &q, &r); /* fills the context */
    assert_int_equal(r.finish, LOAM_FINISH_LENGTH);
    assert_int_equal(r.usage.completion_tokens, 44);
    q.max_tokens = 0;
    run_job(e, &q, &r);
    assert_int_equal(r.finish, LOAM_FINISH_LENGTH);
    assert_int_equal(r.usage.completion_tokens, 0);
    assert_int_equal(r.len, 0);
    atomic_store(&fake.end_rate, 6);
    q.max_tokens = 40;
    q.sampler.temperature = 1;
    q.sampler.top_k = 0;
    int n = run_expected(&q, 40, want, &ended);
    assert_true(ended && n > 0);
    run_job(e, &q, &r);
    assert_int_equal(r.finish, LOAM_FINISH_STOP);
    assert_string_equal(r.stop, "");
    expect_tokens(&q, &r);
    q.ignore_end = true;
    run_job(e, &q, &r);
    assert_int_equal(r.finish, LOAM_FINISH_LENGTH);
    assert_int_equal(r.n_tokens, 40);
    assert_null(strstr(r.text, "<|special|>"));
    q.show_special = true;
    run_job(e, &q, &r);
    assert_non_null(strstr(r.text, "<|special|>"));
    close_engine(e);
}

/* A piece from the middle of the whole answer as stop string: all before it comes out, nothing of it. */
static void ends_by_stop_string(void **state)
{
    loam_engine *e = open_engine(2, 256, 64, 16, 0);
    int32_t prompt[16], tokens[RUN_MAX];
    for (uint64_t seed = 1; seed < 12; seed++) {
        loam_job_request q = run_request(prompt, 16, seed, 60);
        char text[RUN_MAX], stop[64];
        bool ended;
        int n = run_expected(&q, 60, tokens, &ended);
        size_t len = run_text(tokens, n, text), from = len / 2, to;
        while (((unsigned char)text[from] & 0xC0) == 0x80)
            from++;
        for (to = from + 1; to < from + 7 || ((unsigned char)text[to] & 0xC0) == 0x80; to++)
            ;
        memcpy(stop, text + from, to - from);
        stop[to - from] = 0;
        q.n_stops = 2;
        q.stops[0] = "no such text";
        q.stops[1] = stop;
        run_result r;
        run_job(e, &q, &r);
        assert_int_equal(r.finish, LOAM_FINISH_STOP);
        assert_string_equal(r.stop, stop);
        *strstr(text, stop) = 0;
        assert_string_equal(r.text, text);
        assert_in_range(r.usage.completion_tokens, r.n_tokens, n);
        assert_memory_equal(r.tokens, tokens, (size_t)r.n_tokens * sizeof *tokens);
        char shown[RUN_MAX]; /* log-probabilities came for tokens that show, the last perhaps only in part */
        size_t with = run_text(r.tokens, r.n_tokens, shown);
        assert_true(with >= r.len && memcmp(shown, r.text, r.len) == 0);
        assert_true(r.n_tokens == 0 || run_text(r.tokens, r.n_tokens - 1, shown) <= r.len + 2);
    }
    close_engine(e);
}

static void cancelled_while_the_prompt_is_read(void **state)
{
    loam_engine *e = open_engine(2, 1000, 64, 8, 0);
    int32_t a[900], b[8];
    loam_job_request qa = run_request(a, 900, 1, 4), qb = run_request(b, 8, 2, 150);
    atomic_store(&fake.step_us, 500);
    loam_job *ja = submit(e, &qa), *jb = submit(e, &qb);
    loam_event ev;
    do
        loam_job_next(ja, 1000, &ev);
    while (ev.kind != LOAM_EVENT_KIND_PROGRESS || ev.prompt_done < 40);
    loam_job_cancel(ja);
    loam_job_cancel(ja);
    run_result r;
    run_read(ja, &r);
    assert_int_equal(r.finish, LOAM_FINISH_CANCELLED);
    assert_int_equal(r.usage.completion_tokens, 0);
    loam_job_free(ja);
    run_read(jb, &r); /* the other one noticed nothing */
    expect_tokens(&qb, &r);
    loam_job_free(jb);
    atomic_store(&fake.step_us, 0);
    run_job(e, &qa, &r); /* and what was read is still there */
    expect_tokens(&qa, &r);
    assert_in_range(r.usage.cached_tokens, 40, 899);
    loam_engine_stats st;
    loam_engine_get_stats(e, &st);
    assert_int_equal(st.jobs_cancelled, 1);
    assert_int_equal(st.jobs_done, 2);
    close_engine(e);
}

static void cancelled_while_waiting(void **state)
{
    loam_engine *e = open_engine(1, 256, 64, 8, 0);
    int32_t prompt[8];
    loam_job_request q = run_request(prompt, 8, 1, 50);
    atomic_store(&fake.step_us, 300);
    loam_job *first = submit(e, &q), *waiting = submit(e, &q), *last = submit(e, &q);
    loam_job_cancel(waiting);
    run_result r;
    run_read(waiting, &r);
    assert_int_equal(r.finish, LOAM_FINISH_CANCELLED);
    assert_int_equal(r.n_text_events, 0);
    run_read(last, &r);
    expect_tokens(&q, &r);
    run_read(first, &r);
    expect_tokens(&q, &r);
    loam_job_free(first);
    loam_job_free(waiting);
    loam_job_free(last);
    close_engine(e);
}

static void a_failed_step_fails_its_jobs_only(void **state)
{
    loam_engine *e = open_engine(2, 256, 64, 64, 0);
    int32_t prompt[3][8];
    loam_job_request q[3];
    loam_job *j[3];
    run_result r;
    atomic_store(&fake.gate, 1);
    atomic_store(&fake.fail_step, 5);
    for (int i = 0; i < 3; i++) {
        q[i] = run_request(prompt[i], 8, (uint64_t)i, 20);
        j[i] = submit(e, &q[i]);
    }
    usleep(20000);
    atomic_store(&fake.gate, 0);
    for (int i = 0; i < 2; i++) {
        run_read(j[i], &r);
        assert_int_equal(r.finish, LOAM_FINISH_ERROR);
        assert_int_equal(r.error.code, LOAM_STATUS_INTERNAL);
        assert_string_equal(r.error.msg, "this step fails");
        loam_job_free(j[i]);
    }
    run_read(j[2], &r); /* it was waiting */
    expect_tokens(&q[2], &r);
    loam_job_free(j[2]);
    run_job(e, &q[0], &r);
    expect_tokens(&q[0], &r);
    loam_engine_stats st;
    loam_engine_get_stats(e, &st);
    assert_int_equal(st.jobs_failed, 2);
    close_engine(e);
}

static void closing_cancels_and_jobs_stay_valid(void **state)
{
    loam_engine *e = open_engine(1, 1000, 64, 64, 0);
    int32_t prompt[8];
    loam_job_request q = run_request(prompt, 8, 1, 900);
    atomic_store(&fake.step_us, 200);
    loam_job *running = submit(e, &q), *waiting = submit(e, &q);
    loam_event ev;
    do
        loam_job_next(running, 1000, &ev);
    while (ev.kind != LOAM_EVENT_KIND_TEXT);
    close_engine(e);
    run_result r;
    run_read(waiting, &r);
    assert_int_equal(r.finish, LOAM_FINISH_CANCELLED);
    run_read(running, &r);
    assert_int_equal(r.finish, LOAM_FINISH_CANCELLED);
    assert_true(r.usage.completion_tokens > 0);
    loam_job_cancel(running);
    loam_job_free(running);
    loam_job_free(waiting);
}

static void a_reader_that_sleeps_finds_one_piece(void **state)
{
    loam_engine *e = open_engine(1, 256, 64, 64, 0);
    int32_t prompt[8];
    loam_job_request q = run_request(prompt, 8, 1, 100);
    loam_job *j = submit(e, &q);
    loam_engine_stats st;
    do {
        usleep(1000);
        loam_engine_get_stats(e, &st);
    } while (st.jobs_done == 0);
    usleep(20000);
    run_result r;
    run_read(j, &r);
    expect_tokens(&q, &r);
    assert_int_equal(r.n_text_events, 1);
    assert_int_equal(r.n_progress_events, 1);
    loam_job_free(j);
    close_engine(e);
}

static void a_wait_ends_by_its_time(void **state)
{
    loam_engine *e = open_engine(1, 256, 64, 64, 0);
    int32_t prompt[8];
    loam_job_request q = run_request(prompt, 8, 1, 5);
    atomic_store(&fake.gate, 1);
    loam_job *j = submit(e, &q);
    loam_event ev;
    loam_job_next(j, 0, &ev);
    assert_int_equal(ev.kind, LOAM_EVENT_KIND_NONE);
    loam_job_next(j, 20, &ev);
    assert_int_equal(ev.kind, LOAM_EVENT_KIND_NONE);
    atomic_store(&fake.gate, 0);
    loam_job_next(j, -1, &ev);
    assert_int_not_equal(ev.kind, LOAM_EVENT_KIND_NONE);
    loam_job_free(j); /* with events unread, perhaps still running */
    close_engine(e);
}

static int by_logit(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return x[0] > y[0] ? -1 : x[0] < y[0] ? 1 : x[1] < y[1] ? -1 : 1;
}

static void logprobs_are_the_log_softmax(void **state)
{
    loam_engine *e = open_engine(1, 256, 64, 64, 0);
    int32_t prompt[40];
    loam_job_request q = run_request(prompt, 8, 1, 20);
    q.n_logprobs = 20;
    q.sampler.repeat_penalty = 1.5f; /* which must not show */
    loam_job *j = submit(e, &q);
    int n = 8, n_seen = 0;
    for (loam_event ev = {0}; ev.kind != LOAM_EVENT_KIND_FINISH;) {
        loam_job_next(j, 1000, &ev);
        for (int k = 0; k < ev.n_logprobs; k++, n_seen++) {
            const loam_logprobs *p = &ev.logprobs[k];
            float logits[FAKE_N_VOCAB];
            double sorted[FAKE_N_VOCAB][2], z = 0;
            fake_logits(prompt, n, logits);
            for (int i = 0; i < FAKE_N_VOCAB; i++) {
                z += exp((double)logits[i]);
                sorted[i][0] = (double)logits[i];
                sorted[i][1] = i;
            }
            qsort(sorted, FAKE_N_VOCAB, sizeof sorted[0], by_logit);
            assert_int_equal(p->n_top, 20);
            for (int i = 0; i < 20; i++) {
                assert_int_equal(p->top[i].id, (int)sorted[i][1]);
                assert_true(fabs((double)p->top[i].logprob - (sorted[i][0] - log(z))) < 1e-6);
            }
            assert_true(fabs((double)p->chosen.logprob - ((double)logits[p->chosen.id] - log(z))) < 1e-6);
            prompt[n++] = p->chosen.id;
        }
    }
    assert_int_equal(n_seen, 20);
    loam_job_free(j);
    close_engine(e);
}

static void no_model_no_engine(void **state)
{
    loam_engine *e;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_engine_open("absent", NULL, &e, &err), LOAM_STATUS_NOT_FOUND);
    loam_engine_close(NULL);
    loam_job_free(NULL);
}

test_list engine_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_tokens_in_every_batch),
        cmocka_unit_test(a_conversation_goes_on_without_reading_again),
        cmocka_unit_test(equal_prompts_are_read_once),
        cmocka_unit_test(answers_go_on_while_a_prompt_is_read),
        cmocka_unit_test(a_full_queue_is_busy),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(ends_by_length_and_end_token),
        cmocka_unit_test(ends_by_stop_string),
        cmocka_unit_test(cancelled_while_the_prompt_is_read),
        cmocka_unit_test(cancelled_while_waiting),
        cmocka_unit_test(a_failed_step_fails_its_jobs_only),
        cmocka_unit_test(closing_cancels_and_jobs_stay_valid),
        cmocka_unit_test(a_reader_that_sleeps_finds_one_piece),
        cmocka_unit_test(a_wait_ends_by_its_time),
        cmocka_unit_test(logprobs_are_the_log_softmax),
        cmocka_unit_test(no_model_no_engine),
    };
    return (test_list){tests, sizeof tests / sizeof tests[0]};
}
