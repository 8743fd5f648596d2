/* The queue of long jobs, as callers see it; and the main function of its tests. Crashes: test_jobs_crash.c. */
#define _GNU_SOURCE
#include "jobs_test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

static fake world;

static int start(void **state)
{
    memset(&world, 0, sizeof world);
    return folder_make(state);
}

static loam_status get_status(loam_jobs *j, const char *id, loam_err *err)
{
    loam_jobs_view v;
    loam_status status = loam_jobs_get(j, id, &v, err);
    if (status == LOAM_OK)
        loam_jobs_view_deinit(&v);
    return status;
}

static int position_of(loam_jobs *j, const char *id)
{
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_jobs_get(j, id, &v, &err), err);
    int position = v.position;
    loam_jobs_view_deinit(&v);
    return position;
}

static void jobs_run_in_order(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    const char *a = submit(j, "image", NULL, 0, "seed 1 gate 1");
    wait_until_running(j, a);
    const char *b = submit(j, "image", NULL, 0, "seed 2");
    const char *c = submit(j, "image", NULL, 0, "seed 3");
    const char *d = submit(j, "image", NULL, 5, "seed 4");
    loam_jobs_new low = {.kind = "image", .request = "seed 5", .priority = -1};
    char id[LOAM_JOBS_ID_LENGTH + 1];
    int position = 0;
    assert_int_equal(loam_jobs_submit(j, &low, id, &position, NULL), LOAM_OK);
    assert_int_equal(position, 4);
    assert_int_equal(position_of(j, a), 0);
    assert_int_equal(position_of(j, d), 1);
    assert_int_equal(position_of(j, b), 2);
    assert_int_equal(position_of(j, c), 3);
    atomic_store(&world.gate, 1);
    assert_int_equal(ending(j, id, NULL), LOAM_JOBS_STATE_DONE);
    const int order[] = {1, 4, 2, 3, 5};
    assert_int_equal(atomic_load(&world.n_runs), 5);
    assert_memory_equal(world.order, order, sizeof order);
    loam_jobs_close(j);
    check_invariants(false);
}

static void results_are_kept(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    const char *id = submit(j, "image", "ann", 0, "seed 9 results 3 bytes 70000");
    assert_int_equal(ending(j, id, NULL), LOAM_JOBS_STATE_DONE);
    for (int round = 0; round < 2; round++) {
        loam_jobs_result *r;
        int n;
        assert_ok(loam_jobs_results(j, id, &r, &n, &err), err);
        assert_int_equal(n, 3);
        for (int i = 0; i < n; i++) {
            assert_int_equal(r[i].idx, i);
            assert_int_equal(r[i].bytes, 70000 + i);
            assert_true(r[i].width == 640 && r[i].height == 480);
            assert_string_equal(r[i].media, "image/png");
            assert_string_equal(r[i].path, in_folder("results/%s/%d.png", id, i));
            assert_string_equal(r[i].meta, i == 0 ? "" : i == 1 ? "{\"idx\": 1}" : "{\"idx\": 2}");
        }
        loam_jobs_results_free(r, n);
        loam_jobs_result one;
        assert_ok(loam_jobs_result_read(j, id, 2, &one, &err), err);
        assert_int_equal(one.idx, 2);
        loam_jobs_result_deinit(&one);
        assert_int_equal(loam_jobs_result_read(j, id, 3, &one, &err), LOAM_STATUS_NOT_FOUND);
        assert_says(err, "no result 3");
        loam_jobs_close(j); /* and after a restart they are the same */
        check_invariants(false);
        j = open_jobs(&world, 0);
    }
    loam_jobs_view v;
    assert_ok(loam_jobs_get(j, id, &v, &err), err);
    assert_string_equal(v.owner, "ann");
    assert_string_equal(v.kind, "image");
    assert_int_equal(v.n_results, 3);
    assert_true(v.created_ms > 1700000000000 && v.created_ms <= v.started_ms && v.started_ms <= v.finished_ms);
    loam_jobs_view_deinit(&v);
    unlink(in_folder("results/%s/1.png", id));
    loam_jobs_result one;
    assert_int_equal(loam_jobs_result_read(j, id, 1, &one, &err), LOAM_STATUS_NOT_FOUND);
    assert_says(err, "1.png");
    loam_jobs_close(j);
}

static void progress_has_a_rate(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    const char *id = submit(j, "image", NULL, 0, "steps 20 ms 5");
    uint64_t version = 0;
    int last = -1, n_rates = 0;
    for (bool ended = false; !ended;) {
        loam_jobs_view v;
        assert_ok(loam_jobs_wait(j, id, version, 20000, &v, &err), err);
        assert_true(v.version != version);
        version = v.version;
        ended = v.state == LOAM_JOBS_STATE_DONE;
        if (v.stage[0]) {
            assert_string_equal(v.stage, "steps");
            assert_int_equal(v.n_steps, 20);
            assert_true(v.step >= last && v.step <= 20);
            last = v.step;
        }
        if (v.steps_per_s >= 0) {
            n_rates++;
            assert_true(v.step > 0 && v.steps_per_s > 0 && v.steps_per_s <= 200.1); /* a step sleeps 5 ms or longer */
            assert_true(v.eta_s >= 0 && v.eta_s <= (20 - v.step) / v.steps_per_s + 1e-9);
        } else {
            assert_true(v.eta_s == -1);
        }
        loam_jobs_view_deinit(&v);
    }
    assert_int_equal(last, 20);
    assert_true(n_rates > 0);
    loam_jobs_close(j);
    assert_string_equal(observe("select step || '/' || n_steps || ' ' || stage from jobs"), "20/20 steps");
}

typedef struct waiter {
    loam_jobs *jobs;
    const char *id;
    int n_seen;
    loam_jobs_state end;
    loam_status status;
} waiter;

static void *watch(void *arg)
{
    waiter *w = arg;
    uint64_t version = 0;
    for (int i = 0; i < 10000 && !loam_jobs_state_ended(w->end); i++) {
        loam_jobs_view v;
        w->status = loam_jobs_wait(w->jobs, w->id, version, 10000, &v, NULL);
        if (w->status != LOAM_OK)
            return NULL;
        w->n_seen += v.version != version;
        version = v.version;
        w->end = v.state;
        loam_jobs_view_deinit(&v);
    }
    return NULL;
}

/* Each watcher gets the changes and the end, though both wait on one job. */
static void two_wait_for_one(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    const char *id = submit(j, "image", NULL, 0, "gate 1 steps 10 ms 5");
    waiter w[2] = {{.jobs = j, .id = id}, {.jobs = j, .id = id}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch, &w[i]), 0);
    usleep(20000);
    atomic_store(&world.gate, 1);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(w[i].status, LOAM_OK);
        assert_int_equal(w[i].end, LOAM_JOBS_STATE_DONE);
        assert_true(w[i].n_seen >= 5); /* 10 steps of 5 ms; a slow machine may see several at once */
    }
    loam_jobs_close(j);
}

static void waiting_ends_in_time(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    const char *a = submit(j, "image", NULL, 0, "gate 1");
    wait_until_running(j, a);
    const char *b = submit(j, "image", NULL, 0, "seed 2");
    loam_jobs_view v, again;
    assert_ok(loam_jobs_wait(j, b, 0, 10000, &v, &err), err);
    assert_int_equal(v.position, 1);
    double begin = loam_clock_s();
    assert_ok(loam_jobs_wait(j, b, v.version, 60, &again, &err), err);
    double took = loam_clock_s() - begin;
    assert_true(took >= 0.059 && took < 5);
    assert_true(again.version == v.version);
    loam_jobs_view_deinit(&again);
    loam_jobs_view_deinit(&v);
    char unknown[] = "aaaaaaaaaaaaaaaaaaaaaaaa";
    assert_int_equal(loam_jobs_wait(j, unknown, 0, 10000, &v, &err), LOAM_STATUS_NOT_FOUND);
    assert_says(err, unknown);

    waiter w = {.jobs = j, .id = a}; /* closing does not leave it behind */
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
    usleep(20000);
    loam_jobs_close(j);
    pthread_join(thread, NULL);
    assert_int_equal(w.status, LOAM_STATUS_CANCELLED);
}

static void cancelling(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    const char *a = submit(j, "image", NULL, 0, "seed 1 results 2 hold 1");
    const char *b = submit(j, "image", NULL, 0, "seed 2");
    const char *c = submit(j, "image", NULL, 0, "seed 3 results 1");
    wait_until_running(j, a);
    assert_ok(loam_jobs_cancel(j, b, &err), err);
    assert_int_equal(state_of(j, b), LOAM_JOBS_STATE_CANCELLED);
    assert_int_equal(position_of(j, c), 1);
    loam_jobs_result *r = NULL;
    int n = 0;
    for (int i = 0; i < 10000 && n < 2; i++) { /* results show as soon as they are there */
        loam_jobs_results_free(r, n);
        usleep(1000);
        assert_ok(loam_jobs_results(j, a, &r, &n, &err), err);
    }
    loam_jobs_results_free(r, n);
    assert_int_equal(n, 2);
    assert_int_equal(state_of(j, a), LOAM_JOBS_STATE_RUNNING);
    assert_ok(loam_jobs_cancel(j, a, &err), err);
    assert_int_equal(ending(j, a, NULL), LOAM_JOBS_STATE_CANCELLED);
    assert_int_equal(ending(j, c, NULL), LOAM_JOBS_STATE_DONE);
    assert_ok(loam_jobs_cancel(j, a, &err), err);
    assert_int_equal(loam_jobs_cancel(j, c, &err), LOAM_STATUS_INVALID);
    assert_says(err, "is done");
    assert_int_equal(loam_jobs_cancel(j, "nothing", &err), LOAM_STATUS_NOT_FOUND);
    loam_jobs_close(j);
    assert_int_equal(atomic_load(&world.n_runs), 2);
    check_invariants(false);
}

enum { N_RACES = 60 };
static char race_ids[N_RACES][LOAM_JOBS_ID_LENGTH + 1];
static loam_status race_answers[N_RACES];

static void *cancel_all(void *arg)
{
    for (int i = 0; i < N_RACES; i++) {
        usleep((useconds_t)(i * 7919 % 5) * 200);
        race_answers[i] = loam_jobs_cancel(arg, race_ids[i], NULL);
    }
    return NULL;
}

/* Cancelled while it waits, starts, runs or ends: each job ends in one way, and fits what its canceller was told. */
static void cancel_races(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    for (int i = 0; i < N_RACES; i++)
        memcpy(race_ids[i], submit(j, "image", NULL, 0, "seed %d steps 1 results 1", i), sizeof race_ids[i]);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_all, j), 0);
    pthread_join(thread, NULL);
    int n_done = 0;
    for (int i = 0; i < N_RACES; i++) {
        loam_jobs_state end = ending(j, race_ids[i], NULL);
        assert_true(end == LOAM_JOBS_STATE_DONE || end == LOAM_JOBS_STATE_CANCELLED);
        assert_true(race_answers[i] == LOAM_OK ||
                    (race_answers[i] == LOAM_STATUS_INVALID && end == LOAM_JOBS_STATE_DONE));
        n_done += end == LOAM_JOBS_STATE_DONE;
    }
    loam_jobs_close(j);
    check_invariants(false);
    char sql[128];
    snprintf(sql, sizeof sql, "select count(*) = %d from jobs where state = 'done'", n_done);
    assert_string_equal(observe(sql), "1");
}

static void a_full_queue_says_so(void **state)
{
    loam_jobs *j = open_jobs(&world, 3);
    loam_err err = LOAM_ERR_INIT;
    char id[LOAM_JOBS_ID_LENGTH + 1];
    loam_jobs_new n = {.kind = "video", .request = "seed 5"};
    wait_until_running(j, submit(j, "image", NULL, 0, "gate 1"));
    const char *b = submit(j, "image", NULL, 0, "seed 2");
    submit(j, "image", NULL, 0, "seed 3");
    submit(j, "image", NULL, 0, "seed 4");
    assert_int_equal(loam_jobs_submit(j, &n, id, NULL, &err), LOAM_STATUS_BUSY);
    assert_says(err, "3 jobs are waiting");
    assert_ok(loam_jobs_cancel(j, b, &err), err);
    assert_ok(loam_jobs_submit(j, &n, id, NULL, &err), err);
    loam_jobs_close(j);
    assert_string_equal(observe("select count(*) from jobs"), "5");
}

static void bad_submissions(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    char id[LOAM_JOBS_ID_LENGTH + 1], owner[300];
    memset(owner, 'o', sizeof owner);
    owner[299] = 0;
    const loam_jobs_new bad[] = {
        {.kind = NULL, .request = "{}"},    {.kind = "", .request = "{}"},
        {.kind = "Image", .request = "{}"}, {.kind = "a_kind_that_has_more_than_32_letters", .request = "{}"},
        {.kind = "image", .request = NULL}, {.kind = "image", .request = "{}", .owner = owner},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(loam_jobs_submit(j, &bad[i], id, NULL, &err), LOAM_STATUS_INVALID);
    size_t size = (size_t)LOAM_JOBS_REQUEST_MAX + 2;
    char *big = malloc(size);
    memset(big, ' ', size);
    big[size - 1] = 0;
    loam_jobs_new n = {.kind = "image", .request = big};
    assert_int_equal(loam_jobs_submit(j, &n, id, NULL, &err), LOAM_STATUS_TOO_LARGE);
    free(big);
    loam_jobs_close(j);
    assert_string_equal(observe("select count(*) from jobs"), "0");
}

static void failures_say_why(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    char error[LOAM_ERR_MSG_MAX];
    const char *a = submit(j, "image", NULL, 0, "seed 1 results 1 fail 1");
    const char *b = submit(j, "image", NULL, 0, "seed 2 fail 2");
    assert_int_equal(ending(j, a, error), LOAM_JOBS_STATE_FAILED);
    assert_string_equal(error, "the sampler 'magic' is not known");
    assert_int_equal(ending(j, b, error), LOAM_JOBS_STATE_FAILED);
    assert_string_equal(error, "nobody asked for it");
    loam_jobs_close(j);
    assert_string_equal(observe("select group_concat(error, '; ') from jobs"),
                        "the sampler 'magic' is not known; nobody asked for it");
    check_invariants(false);
}

static void again_gives_the_same(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    char id[LOAM_JOBS_ID_LENGTH + 1], *request;
    const char *a = submit(j, "video", "ann", 3, "{\"prompt\": \"l\xC3\xA4mmer\", \"seed 77 results 2\"}");
    assert_int_equal(ending(j, a, NULL), LOAM_JOBS_STATE_DONE);
    assert_ok(loam_jobs_retry(j, a, id, NULL, &err), err);
    assert_string_not_equal(a, id);
    assert_int_equal(ending(j, id, NULL), LOAM_JOBS_STATE_DONE);
    assert_ok(loam_jobs_request(j, id, &request, &err), err);
    assert_string_equal(request, "{\"prompt\": \"l\xC3\xA4mmer\", \"seed 77 results 2\"}");
    free(request);
    const char *c = submit(j, "image", NULL, 0, "gate 1");
    wait_until_running(j, c);
    assert_int_equal(loam_jobs_retry(j, c, id, NULL, &err), LOAM_STATUS_INVALID);
    assert_says(err, "running");
    assert_int_equal(loam_jobs_retry(j, "nothing", id, NULL, &err), LOAM_STATUS_NOT_FOUND);
    loam_jobs_close(j);
    assert_string_equal(
        observe("select count(distinct kind || owner || priority || request) || ' of ' || count(*) from "
                "jobs where kind = 'video'"),
        "1 of 2");
    check_invariants(false); /* compares both results with the formula */
}

static void deleting(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    const char *a = submit(j, "image", NULL, 0, "seed 1 results 2");
    const char *b = submit(j, "image", NULL, 0, "seed 2 results 1");
    assert_int_equal(ending(j, b, NULL), LOAM_JOBS_STATE_DONE);
    assert_ok(loam_jobs_delete(j, a, &err), err);
    assert_int_equal(access(in_folder("results/%s", a), F_OK), -1);
    assert_int_equal(access(in_folder("results/%s/0.png", b), F_OK), 0);
    assert_int_equal(get_status(j, a, &err), LOAM_STATUS_NOT_FOUND);
    assert_int_equal(loam_jobs_delete(j, a, &err), LOAM_STATUS_NOT_FOUND);
    const char *c = submit(j, "image", NULL, 0, "seed 3 gate 1");
    const char *d = submit(j, "image", NULL, 0, "seed 4");
    const char *e = submit(j, "image", NULL, 0, "seed 5");
    wait_until_running(j, c);
    assert_int_equal(loam_jobs_delete(j, c, &err), LOAM_STATUS_INVALID);
    assert_says(err, "cancel it first");
    waiter w = {.jobs = j, .id = d};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
    usleep(10000);
    assert_ok(loam_jobs_delete(j, d, &err), err);
    pthread_join(thread, NULL);
    assert_int_equal(w.status, LOAM_STATUS_NOT_FOUND);
    atomic_store(&world.gate, 1);
    assert_int_equal(ending(j, e, NULL), LOAM_JOBS_STATE_DONE);
    loam_jobs_close(j);
    const int order[] = {1, 2, 3, 5};
    assert_memory_equal(world.order, order, sizeof order);
    assert_string_equal(observe("select count(*) from job_results"), "1");
    check_invariants(false);
}

static int count_pages(loam_jobs *j, loam_jobs_filter f, int limit, char seen[][LOAM_JOBS_ID_LENGTH + 1], bool deletes)
{
    loam_err err = LOAM_ERR_INIT;
    int64_t before = 0;
    int n = 0;
    do {
        loam_jobs_page p;
        assert_ok(loam_jobs_list(j, &f, limit, before, &p, &err), err);
        assert_true(p.n <= limit && (p.n == limit || p.next == 0));
        for (int i = 0; i < p.n; i++)
            memcpy(seen[n++], p.views[i].id, sizeof seen[0]);
        before = p.next;
        loam_jobs_page_deinit(&p);
        if (deletes) /* the cursor does not depend on the job it came from */
            assert_ok(loam_jobs_delete(j, seen[n - 1], &err), err);
    } while (before);
    return n;
}

static void lists_go_from_new_to_old(void **state)
{
    enum { N = 25 };
    loam_jobs *j = open_jobs(&world, 0);
    const char *ids[N];
    static char seen[64][LOAM_JOBS_ID_LENGTH + 1];
    for (int i = 0; i < N; i++)
        ids[i] = submit(j, i % 3 ? "image" : "video", i % 2 ? "ann" : "bob", 0, "seed %d fail %d", i, i == 7);
    assert_int_equal(ending(j, ids[N - 1], NULL), LOAM_JOBS_STATE_DONE);
    const loam_jobs_filter any = {.state = LOAM_JOBS_STATE_COUNT};
    for (int limit = 1; limit <= 26; limit += 4) {
        assert_int_equal(count_pages(j, any, limit, seen, false), N);
        for (int i = 0; i < N; i++)
            assert_string_equal(seen[i], ids[N - 1 - i]);
    }
    assert_int_equal(
        count_pages(j, (loam_jobs_filter){.kind = "video", .state = LOAM_JOBS_STATE_COUNT}, 4, seen, false), 9);
    assert_int_equal(count_pages(j, (loam_jobs_filter){.owner = "ann", .kind = "image", .state = LOAM_JOBS_STATE_COUNT},
                                 4, seen, false),
                     8);
    assert_int_equal(count_pages(j, (loam_jobs_filter){.state = LOAM_JOBS_STATE_FAILED}, 4, seen, false), 1);
    assert_string_equal(seen[0], ids[7]);
    assert_int_equal(count_pages(j, (loam_jobs_filter){.state = LOAM_JOBS_STATE_QUEUED}, 4, seen, false), 0);
    assert_int_equal(count_pages(j, any, 5, seen, true), N);
    assert_int_equal(count_pages(j, any, 5, seen, false), N - 5);
    loam_jobs_page p;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_jobs_list(j, &any, 0, 0, &p, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_jobs_list(j, &any, 1000, 0, &p, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_jobs_list(j, &any, 5, -1, &p, &err), LOAM_STATUS_INVALID);
    loam_jobs_close(j);
}

static void previews_are_of_now(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    loam_buf b;
    char media[64];
    uint64_t version = 0;
    const char *id = submit(j, "image", NULL, 0, "steps 3 hold 1");
    loam_buf_init(&b, 1 << 20);
    for (int i = 0; i < 10000 && version < 4; i++) {
        usleep(1000);
        loam_buf_deinit(&b);
        if (loam_jobs_preview(j, id, &b, media, &version, &err) != LOAM_OK)
            assert_int_equal(err.code, LOAM_STATUS_NOT_FOUND);
    }
    assert_string_equal(loam_buf_text(&b), "preview 3");
    assert_string_equal(media, "image/jpeg");
    loam_jobs_view v;
    assert_ok(loam_jobs_get(j, id, &v, &err), err);
    assert_true(v.preview_version == 4);
    loam_jobs_view_deinit(&v);
    atomic_store(&world.gate, 1);
    assert_int_equal(ending(j, id, NULL), LOAM_JOBS_STATE_DONE);
    assert_int_equal(loam_jobs_preview(j, id, &b, media, &version, &err), LOAM_STATUS_NOT_FOUND);
    loam_buf_deinit(&b);
    loam_jobs_close(j);
}

static void a_stop_interrupts(void **state)
{
    loam_jobs *j = open_jobs(&world, 0);
    loam_err err = LOAM_ERR_INIT;
    char error[LOAM_ERR_MSG_MAX], id[LOAM_JOBS_ID_LENGTH + 1], *request;
    const char *a = submit(j, "image", NULL, 0, "seed 1 results 1");
    const char *b = submit(j, "image", NULL, 0, "seed 2 results 1 hold 1");
    const char *c = submit(j, "image", NULL, 0, "seed 3");
    const char *d = submit(j, "image", NULL, 9, "seed 4");
    wait_until_running(j, b);
    loam_jobs_close(j);
    check_invariants(false);
    memset(world.order, 0, sizeof world.order);
    atomic_store(&world.n_runs, 0);
    j = open_jobs(&world, 0);
    assert_int_equal(state_of(j, a), LOAM_JOBS_STATE_DONE);
    assert_int_equal(ending(j, b, error), LOAM_JOBS_STATE_INTERRUPTED);
    assert_non_null(strstr(error, "can be run again"));
    assert_int_equal(ending(j, c, NULL), LOAM_JOBS_STATE_DONE);
    assert_int_equal(ending(j, d, NULL), LOAM_JOBS_STATE_DONE);
    atomic_store(&world.gate, 1);
    assert_ok(loam_jobs_retry(j, b, id, NULL, &err), err);
    assert_int_equal(ending(j, id, NULL), LOAM_JOBS_STATE_DONE);
    assert_ok(loam_jobs_request(j, id, &request, &err), err);
    assert_string_equal(request, "seed 2 results 1 hold 1");
    free(request);
    loam_jobs_close(j);
    assert_int_equal(world.order[world.order[0] == 4 ? 1 : 0], 3); /* d may have run before the stop */
    check_invariants(false);
}

static void one_program_at_a_time(void **state)
{
    loam_jobs *j = open_jobs(&world, 0), *second = NULL;
    loam_err err = LOAM_ERR_INIT;
    loam_jobs_options o = {.run = fake_run, .ctx = &world};
    const char *id = submit(j, "image", NULL, 0, "gate 1");
    wait_until_running(j, id);
    assert_int_equal(loam_jobs_open(folder, &o, &second, &err), LOAM_STATUS_BUSY);
    assert_says(err, "another Loam");
    assert_null(second);
    assert_int_equal(state_of(j, id), LOAM_JOBS_STATE_RUNNING);
    loam_jobs_close(j);
    loam_jobs_close(open_jobs(&world, 0));
}

static void bad_folders(void **state)
{
    loam_jobs *j = NULL;
    loam_err err = LOAM_ERR_INIT;
    loam_jobs_options o = {.run = fake_run, .ctx = &world};
    FILE *f = fopen(in_folder("file"), "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(loam_jobs_open(in_folder("file/below"), &o, &j, &err), LOAM_STATUS_IO);
    assert_says(err, "a file has that name");
    f = fopen(in_folder("loam.db"), "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fputs("not a database ", f);
    fclose(f);
    assert_int_equal(loam_jobs_open(folder, &o, &j, &err), LOAM_STATUS_CORRUPT);
    assert_null(j);
}

static void ids_are_unique(void **state)
{
    enum { N = 300 };
    loam_jobs *j = open_jobs(&world, 2 * N);
    int letters[256] = {0}, n_letters = 0;
    for (int i = 0; i < N; i++) {
        const char *id = submit(j, "image", NULL, 0, "seed %d gate 1", i);
        assert_int_equal(strlen(id), 24);
        for (const char *c = id; *c; c++)
            letters[(unsigned char)*c]++;
    }
    loam_jobs_close(j);
    assert_string_equal(observe("select count(distinct id) from jobs"), "300");
    for (int c = 0; c < 256; c++) {
        bool may = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        assert_true(may || letters[c] == 0);
        n_letters += letters[c] > 0;
        assert_true(letters[c] < 2 * N * 24 / 36); /* 200 expected of each; 400 is 14 sigma away */
    }
    assert_int_equal(n_letters, 36);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(jobs_run_in_order),
        TEST(results_are_kept),
        TEST(progress_has_a_rate),
        TEST(two_wait_for_one),
        TEST(waiting_ends_in_time),
        TEST(cancelling),
        TEST(cancel_races),
        TEST(a_full_queue_says_so),
        TEST(bad_submissions),
        TEST(failures_say_why),
        TEST(again_gives_the_same),
        TEST(deleting),
        TEST(lists_go_from_new_to_old),
        TEST(previews_are_of_now),
        TEST(a_stop_interrupts),
        TEST(one_program_at_a_time),
        TEST(bad_folders),
        TEST(ids_are_unique),
    };
    struct CMUnitTest all[64];
    size_t n = 0;
    for (size_t i = 0; i < n_crash_tests; i++) /* first: they fork, and the others start threads */
        all[n++] = crash_tests[i];
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        all[n++] = tests[i];
    return _cmocka_run_group_tests("jobs", all, n, NULL, NULL);
}
