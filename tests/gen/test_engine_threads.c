/* Many threads that submit, read, cancel and walk away at random, for the sanitizers' sake; every answer that was read
 * to its end is still the plain loop's. */
#include "test_gen.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "fake.h"
#include "run_job.h"

enum { THREADS = 6, JOBS = 60 };

typedef struct user {
    loam_engine *engine;
    uint64_t seed;
    int n_right, n_wrong, n_cancelled, n_busy;
} user;

static void read_all(loam_job *j, const loam_job_request *q, bool cancelled, user *u)
{
    int32_t tokens[64], want[64];
    int n = 0;
    for (loam_event ev = {0}; ev.kind != LOAM_EVENT_KIND_FINISH;) {
        loam_job_next(j, 1000, &ev);
        for (int i = 0; i < ev.n_logprobs; i++)
            tokens[n++] = ev.logprobs[i].chosen.id;
        if (ev.kind == LOAM_EVENT_KIND_FINISH && ev.finish == LOAM_FINISH_CANCELLED)
            u->n_cancelled++;
        if (ev.kind == LOAM_EVENT_KIND_FINISH && ev.finish == LOAM_FINISH_CANCELLED && !cancelled)
            u->n_wrong++;
    }
    bool ended;
    int n_want = run_expected(q, q->max_tokens, want, &ended); /* a cancelled answer is a beginning of it */
    if (n <= n_want && (cancelled || n == n_want) && memcmp(tokens, want, (size_t)n * sizeof *want) == 0)
        u->n_right++;
    else
        u->n_wrong++;
}

static void *be_user(void *arg)
{
    user *u = arg;
    int32_t prompt[40];
    uint64_t at = 0;
    for (int i = 0; i < JOBS; i++) {
        double r = loam_rng_uniform(u->seed, at++);
        int n_prompt = 1 + (int)(loam_rng_uniform(u->seed, at++) * 38);
        int max_tokens = 1 + (int)(loam_rng_uniform(u->seed, at++) * 30);
        loam_job_request q = run_request(prompt, n_prompt, 1 + (uint64_t)(i % 5), max_tokens);
        loam_job *j;
        if (loam_engine_submit(u->engine, &q, &j, NULL) != LOAM_OK) {
            u->n_busy++;
            usleep(500);
            continue;
        }
        if (r < 0.15) {
            loam_job_free(j);
            continue;
        }
        bool cancel = r < 0.4;
        if (cancel) {
            usleep((useconds_t)(loam_rng_uniform(u->seed, at++) * 3000));
            loam_job_cancel(j);
        }
        if (r > 0.9)
            usleep(2000);
        loam_engine_stats st;
        loam_engine_get_stats(u->engine, &st);
        read_all(j, &q, cancel, u);
        loam_job_free(j);
    }
    return NULL;
}

static void many_users_at_random(void **state)
{
    fake_reset();
    atomic_store(&fake.end_rate, 2);
    atomic_store(&fake.step_us, 50);
    loam_engine_options o = {.model = {.n_seqs = 4, .n_ctx = 128, .n_batch = 16}, .chunk_tokens = 6, .max_queue = 3};
    loam_engine *e;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_engine_open("fake", &o, &e, &err), LOAM_OK);
    pthread_t threads[THREADS];
    user users[THREADS];
    for (int i = 0; i < THREADS; i++) {
        users[i] = (user){.engine = e, .seed = (uint64_t)i + 100};
        pthread_create(&threads[i], NULL, be_user, &users[i]);
    }
    int right = 0, wrong = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        right += users[i].n_right;
        wrong += users[i].n_wrong;
    }
    loam_engine_close(e);
    assert_int_equal(wrong, 0);
    assert_true(right > THREADS * JOBS / 4);
    assert_int_equal(atomic_load(&fake.bad_steps), 0);
}

/* Engines closed under load: every job that is held gets its end. */
static void closing_under_load(void **state)
{
    int32_t prompt[30];
    for (uint64_t round = 0; round < 20; round++) {
        fake_reset();
        atomic_store(&fake.step_us, 100);
        loam_engine_options o = {.model = {.n_seqs = 2, .n_ctx = 128, .n_batch = 16}, .chunk_tokens = 6};
        loam_engine *e;
        loam_err err = LOAM_ERR_INIT;
        assert_int_equal(loam_engine_open("fake", &o, &e, &err), LOAM_OK);
        loam_job *jobs[6];
        for (int i = 0; i < 6; i++) {
            loam_job_request q = run_request(prompt, 30, (uint64_t)i, 50);
            assert_int_equal(loam_engine_submit(e, &q, &jobs[i], &err), LOAM_OK);
        }
        usleep((useconds_t)(round * 300));
        loam_engine_close(e);
        for (int i = 0; i < 6; i++) {
            run_result r;
            run_read(jobs[i], &r);
            loam_job_free(jobs[i]);
        }
    }
}

test_list engine_threads_tests(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(many_users_at_random),
                                              cmocka_unit_test(closing_under_load)};
    return (test_list){tests, sizeof tests / sizeof tests[0]};
}
