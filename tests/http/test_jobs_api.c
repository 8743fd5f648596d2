/* /api/jobs over a fake model. */
#include "http_test.h"

static json_t *get(const bench *b, const char *path, int status)
{
    reply r = client_call(b->port, "GET", path, "", NULL);
    if (r.status != status)
        fail_msg("%s: %d %s", path, r.status, loam_buf_text(&r.body));
    json_t *v = reply_json(&r);
    reply_deinit(&r);
    return v;
}

/* Submits and returns the id; free with free(). */
static char *submit(const bench *b, const char *body)
{
    reply r = client_post(b->port, "/api/jobs", body);
    if (r.status != 202)
        fail_msg("%d %s", r.status, loam_buf_text(&r.body));
    json_t *v = reply_json(&r);
    char location[64], *id = strdup(json_text_at(v, "id"));
    snprintf(location, sizeof location, "/api/jobs/%s", id);
    assert_string_equal(reply_header(&r, "Location"), location);
    json_decref(v);
    reply_deinit(&r);
    return id;
}

static json_t *job(const bench *b, const char *id)
{
    char path[80];
    snprintf(path, sizeof path, "/api/jobs/%s", id);
    return get(b, path, 200);
}

static void await_state(const bench *b, const char *id, const char *state)
{
    for (int i = 0; i < 200; i++) {
        json_t *v = job(b, id);
        bool there = strcmp(json_text_at(v, "state"), state) == 0;
        json_decref(v);
        if (there)
            return;
        usleep(20000);
    }
    fail_msg("job %s does not become %s", id, state);
}

static reply act(const bench *b, const char *method, const char *id, const char *what)
{
    char path[80];
    snprintf(path, sizeof path, "/api/jobs/%s%s", id, what);
    return client_call(b->port, method, path, "", NULL);
}

static void expect_act(const bench *b, const char *method, const char *id, const char *what, int status)
{
    reply r = act(b, method, id, what);
    if (r.status != status)
        fail_msg("%s %s%s: wanted %d, got %d %s", method, id, what, status, r.status, loam_buf_text(&r.body));
    reply_deinit(&r);
}

void test_jobs_done(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    char *id = submit(&b, "{\"kind\":\"image\",\"prompt\":\"p\",\"n\":2,\"steps\":3,\"width\":24,\"height\":16,"
                          "\"format\":\"jpeg\",\"seed\":40}");
    await_state(&b, id, "done");
    json_t *v = job(&b, id);
    assert_string_equal(json_text_at(v, "kind"), "image");
    assert_int_equal(json_integer_value(json_at(v, "n_results")), 2);
    assert_string_equal(json_text_at(v, "request.prompt"), "p");
    assert_null(json_at(v, "request.kind"));
    assert_int_equal(json_integer_value(json_at(v, "results.1.width")), 24);
    assert_int_equal(json_integer_value(json_at(v, "results.1.height")), 16);
    assert_int_equal(json_integer_value(json_at(v, "results.1.seed")), 41);
    assert_string_equal(json_text_at(v, "results.1.media"), "image/jpeg");
    assert_memory_equal(json_text_at(v, "results.1.parameters"), "p|", 2);
    assert_true(json_is_null(json_at(v, "error")) && json_is_null(json_at(v, "position")));
    reply r = client_call(b.port, "GET", json_text_at(v, "results.1.url"), "", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "image/jpeg");
    assert_int_equal(r.body.len, json_integer_value(json_at(v, "results.1.bytes")));
    assert_memory_equal(r.body.data, "\xff\xd8\xff", 3);
    reply_deinit(&r);
    r = client_call(b.port, "HEAD", json_text_at(v, "results.0.url"), "", NULL);
    assert_int_equal(r.status, 200);
    assert_int_equal(strtol(reply_header(&r, "Content-Length"), NULL, 10),
                     json_integer_value(json_at(v, "results.0.bytes")));
    reply_deinit(&r);
    json_decref(v);
    static const char *const nothing[] = {"/results/2", "/results/-1",      "/results/x", "/results/1x",
                                          "/results/",  "/results/../../x", "/preview",   "/nothing"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        expect_act(&b, "GET", id, nothing[i], 404);
    free(id);
    bench_end(&b);
}

/* A seed that the server drew is in the request, so that a job run again gives the same. */
void test_jobs_seed_and_retry(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    char *id = submit(&b, "{\"kind\":\"image\",\"prompt\":\"p\",\"steps\":1,\"seed\":-1}");
    await_state(&b, id, "done");
    json_t *v = job(&b, id);
    json_int_t seed = json_integer_value(json_at(v, "request.seed"));
    assert_true(seed > 0);
    assert_int_equal(json_integer_value(json_at(v, "results.0.seed")), seed);
    json_decref(v);
    reply r = act(&b, "POST", id, "/retry");
    assert_int_equal(r.status, 202);
    v = reply_json(&r);
    char *again = strdup(json_text_at(v, "id"));
    json_decref(v);
    reply_deinit(&r);
    assert_string_not_equal(id, again);
    await_state(&b, again, "done");
    v = job(&b, again);
    assert_int_equal(json_integer_value(json_at(v, "results.0.seed")), seed);
    json_decref(v);
    free(id);
    free(again);
    bench_end(&b);
}

void test_jobs_cancel(void **state)
{
    bench b = bench_begin_pictures(true, false, 3);
    char *running = submit(&b, "{\"kind\":\"image\",\"prompt\":\"delay:20\",\"steps\":500}");
    await_state(&b, running, "running");
    char *waiting = submit(&b, "{\"kind\":\"image\",\"prompt\":\"w\",\"steps\":1}");
    char *other = submit(&b, "{\"kind\":\"image\",\"prompt\":\"o\",\"steps\":1}");
    json_t *v = job(&b, other);
    assert_string_equal(json_text_at(v, "state"), "queued");
    assert_int_equal(json_integer_value(json_at(v, "position")), 2);
    json_decref(v);
    expect_act(&b, "POST", waiting, "/cancel", 200);
    expect_act(&b, "POST", waiting, "/cancel", 200);
    expect_act(&b, "DELETE", running, "", 409);
    expect_act(&b, "POST", running, "/retry", 409);
    expect_act(&b, "POST", running, "/cancel", 200);
    await_state(&b, running, "cancelled");
    await_state(&b, other, "done");
    expect_act(&b, "POST", other, "/cancel", 409);
    assert_int_equal(b.fake->n_made, 1);
    expect_act(&b, "DELETE", other, "", 200);
    expect_act(&b, "GET", other, "", 404);
    expect_act(&b, "GET", other, "/results/0", 404);
    expect_act(&b, "DELETE", other, "", 404);
    free(running);
    free(waiting);
    free(other);
    bench_end(&b);
}

/* What was made before a cancel stays. */
void test_jobs_cancel_keeps(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    char *id = submit(&b, "{\"kind\":\"image\",\"prompt\":\"delay:50\",\"steps\":4,\"n\":40}");
    for (int i = 0; i < 200 && b.fake->n_made < 1; i++)
        usleep(10000);
    expect_act(&b, "POST", id, "/cancel", 200);
    await_state(&b, id, "cancelled");
    json_t *v = job(&b, id);
    assert_true(json_integer_value(json_at(v, "n_results")) >= 1);
    json_decref(v);
    expect_act(&b, "GET", id, "/results/0", 200);
    free(id);
    bench_end(&b);
}

void test_jobs_list(void **state)
{
    bench b = bench_begin_pictures(true, true, 0);
    char *ids[5];
    for (int i = 0; i < 5; i++) {
        char body[120];
        snprintf(body, sizeof body, "{\"kind\":\"%s\",\"prompt\":\"%d%s\",\"steps\":1}", i == 2 ? "video" : "image", i,
                 i == 3 ? " fail" : "");
        if (i == 2)
            snprintf(body, sizeof body, "{\"kind\":\"video\",\"prompt\":\"2\"}");
        ids[i] = submit(&b, body);
        await_state(&b, ids[i], i == 3 ? "failed" : "done");
    }
    json_t *v = get(&b, "/api/jobs?limit=3", 200);
    assert_int_equal(json_array_size(json_at(v, "jobs")), 3);
    assert_string_equal(json_text_at(v, "jobs.0.id"), ids[4]);
    assert_string_equal(json_text_at(v, "jobs.1.request.prompt"), "3 fail");
    assert_non_null(strstr(json_text_at(v, "jobs.1.error"), "multiple of 8"));
    char path[80];
    snprintf(path, sizeof path, "/api/jobs?limit=3&cursor=%lld", (long long)json_integer_value(json_at(v, "next")));
    json_decref(v);
    v = get(&b, path, 200);
    assert_int_equal(json_array_size(json_at(v, "jobs")), 2);
    assert_string_equal(json_text_at(v, "jobs.1.id"), ids[0]);
    assert_true(json_is_null(json_at(v, "next")));
    json_decref(v);
    static const struct {
        const char *path;
        size_t n;
    } filters[] = {{"/api/jobs?kind=video", 1},
                   {"/api/jobs?kind=image", 4},
                   {"/api/jobs?state=failed", 1},
                   {"/api/jobs?state=queued", 0},
                   {"/api/jobs?kind=image&state=done", 3}};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        v = get(&b, filters[i].path, 200);
        assert_int_equal(json_array_size(json_at(v, "jobs")), filters[i].n);
        json_decref(v);
    }
    static const char *const bad[] = {"limit=0", "limit=201", "limit=x", "limit=", "cursor=-1", "state=sleeping"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, "/api/jobs?%s", bad[i]);
        json_decref(get(&b, path, 400));
    }
    for (int i = 0; i < 5; i++)
        free(ids[i]);
    bench_end(&b);
}

void test_jobs_events(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    char *first = submit(&b, "{\"kind\":\"image\",\"prompt\":\"delay:30\",\"steps\":10}");
    char *id = submit(&b, "{\"kind\":\"image\",\"prompt\":\"delay:40\",\"steps\":8,\"preview_every\":1}");
    reply r = act(&b, "GET", id, "/events");
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "text/event-stream");
    assert_true(r.whole);
    char waits[100], *text = (char *)(uintptr_t)loam_buf_text(&r.body);
    snprintf(waits, sizeof waits, "event: progress\ndata: {\"id\":\"%s\",\"kind\":\"image\",\"state\":\"queued\"", id);
    assert_memory_equal(text, waits, strlen(waits));
    assert_non_null(strstr(text, "\"position\":1"));
    assert_non_null(strstr(text, "\"stage\":\"steps\",\"step\":5,\"n_steps\":8"));
    assert_non_null(strstr(text, "event: preview\n"));
    const char *end = strstr(text, "event: end\ndata: ");
    assert_non_null(end);
    json_t *v = json_loadb(end + 17, strcspn(end + 17, "\n"), 0, NULL);
    assert_string_equal(json_text_at(v, "state"), "done");
    assert_int_equal(json_array_size(json_at(v, "results")), 1);
    json_decref(v);
    reply_deinit(&r);
    r = act(&b, "GET", id, "/events"); /* of one that has ended: its end */
    assert_memory_equal(loam_buf_text(&r.body), "event: end\n", 11);
    reply_deinit(&r);
    free(first);
    free(id);
    bench_end(&b);
}

void test_jobs_preview(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    char *id = submit(&b, "{\"kind\":\"image\",\"prompt\":\"delay:20\",\"steps\":400}");
    for (int i = 0; i < 100; i++) {
        json_t *v = job(&b, id);
        bool there = json_integer_value(json_at(v, "preview")) > 0;
        json_decref(v);
        if (there)
            break;
        usleep(20000);
    }
    reply r = act(&b, "GET", id, "/preview");
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "image/jpeg");
    assert_memory_equal(r.body.data, "\xff\xd8\xff", 3);
    reply_deinit(&r);
    expect_act(&b, "POST", id, "/cancel", 200);
    free(id);
    bench_end(&b);
}

void test_jobs_refused(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *param, *words;
    } all[] = {
        {"{\"prompt\":\"x\"}", 400, "kind", "image"},
        {"{\"kind\":7,\"prompt\":\"x\"}", 400, "kind", "image"},
        {"{\"kind\":\"song\",\"prompt\":\"x\"}", 400, "kind", "song"},
        {"{\"kind\":\"video\",\"prompt\":\"x\"}", 501, NULL, "clips"},
        {"{\"kind\":\"image\"}", 400, "prompt", "missing"},
        {"{\"kind\":\"image\",\"prompt\":\"x\",\"n\":65}", 400, "n", "64"},
        {"{\"kind\":\"image\",\"prompt\":\"x\",\"format\":\"gif\"}", 400, "format", "webp"},
        {"{\"kind\":\"image\",\"prompt\":\"x\",\"quality\":101}", 400, "quality", "100"},
        {"{\"kind\":\"image\",\"prompt\":\"x\",\"size\":\"8x8\"}", 400, "size", "unknown field"},
    };
    bench b = bench_begin_pictures(true, false, 2);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        reply r = client_post(b.port, "/api/jobs", all[i].body);
        expect_refusal(&r, all[i].status, all[i].param, all[i].words);
    }
    static const char *const ids[] = {"x",          "aaaaaaaaaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAAAAAA", "..",
                                      "%2e%2e%2fx", "aaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        expect_act(&b, "GET", ids[i], "", 404);
        expect_act(&b, "GET", ids[i], "/results/0", 404);
        expect_act(&b, "POST", ids[i], "/cancel", 404);
        expect_act(&b, "DELETE", ids[i], "", 404);
    }
    char *id = submit(&b, "{\"kind\":\"image\",\"prompt\":\"delay:20\",\"steps\":400}");
    expect_act(&b, "POST", id, "", 405);
    expect_act(&b, "GET", id, "/cancel", 405);
    expect_act(&b, "POST", id, "/events", 405);
    expect_act(&b, "DELETE", id, "/results/0", 405);
    await_state(&b, id, "running");
    free(submit(&b, "{\"kind\":\"image\",\"prompt\":\"x\"}"));
    free(submit(&b, "{\"kind\":\"image\",\"prompt\":\"x\"}"));
    reply r = client_post(b.port, "/api/jobs", "{\"kind\":\"image\",\"prompt\":\"x\"}");
    assert_string_equal(reply_header(&r, "Retry-After"), "1");
    expect_refusal(&r, 503, NULL, "waiting");
    free(id);
    bench_end(&b);
}

/* Changing needs a key and the right origin, as everywhere. */
void test_jobs_door(void **state)
{
    bench b = bench_begin_pictures(true, false, 0);
    reply r =
        client_call(b.port, "DELETE", "/api/jobs/aaaaaaaaaaaaaaaaaaaaaaaa", "Origin: http://evil.example\r\n", NULL);
    assert_int_equal(r.status, 403);
    reply_deinit(&r);
    r = client_call(b.port, "POST", "/sdapi/v1/interrupt", "Origin: http://evil.example\r\n", NULL);
    assert_int_equal(r.status, 403);
    reply_deinit(&r);
    bench_end(&b);
    const char *keys[] = {"alpha"};
    b = bench_begin_with(&(loam_server_options){.api_keys = keys, .n_api_keys = 1}, fake_pictures_new(true, false, 0));
    static const char *const paths[] = {"/api/jobs", "/api/images/info", "/sdapi/v1/options", "/v1/videos"};
    for (size_t i = 0; i < 4; i++) {
        r = client_call(b.port, "GET", paths[i], "", NULL);
        assert_int_equal(r.status, 401);
        reply_deinit(&r);
    }
    r = client_call(b.port, "GET", "/api/jobs", "X-Api-Key: alpha\r\n", NULL);
    assert_int_equal(r.status, 200);
    reply_deinit(&r);
    /* SillyTavern knows user:password only: "x:alpha", "x:wrong" */
    r = client_call(b.port, "GET", "/sdapi/v1/options", "Authorization: Basic eDphbHBoYQ==\r\n", NULL);
    assert_int_equal(r.status, 200);
    reply_deinit(&r);
    r = client_call(b.port, "GET", "/sdapi/v1/options", "Authorization: Basic eDp3cm9uZw==\r\n", NULL);
    assert_int_equal(r.status, 401);
    reply_deinit(&r);
    bench_end(&b);
}

void test_jobs_info(void **state)
{
    bench b = bench_begin_pictures(true, true, 0);
    json_t *v = get(&b, "/api/images/info", 200);
    assert_string_equal(json_text_at(v, "model"), "fake");
    assert_true(json_is_false(json_at(v, "loaded")));
    assert_string_equal(json_text_at(v, "video_model"), "fake-video");
    assert_int_equal(json_array_size(json_at(v, "loras")), 2);
    assert_string_equal(json_text_at(v, "loras.1"), "pastel");
    assert_int_equal(json_integer_value(json_at(v, "defaults.steps")), 20);
    /* every name that is told is taken */
    static const char *const lists[] = {"sampler", "schedule"};
    for (size_t i = 0; i < 2; i++) {
        char at[20], body[100];
        size_t k;
        json_t *name;
        snprintf(at, sizeof at, "%ss", lists[i]);
        assert_true(json_array_size(json_at(v, at)) > 5);
        json_array_foreach(json_at(v, at), k, name)
        {
            snprintf(body, sizeof body, "{\"kind\":\"image\",\"prompt\":\"x\",\"steps\":1,\"%s\":\"%s\"}", lists[i],
                     json_string_value(name));
            free(submit(&b, body));
        }
    }
    json_decref(v);
    bench_end(&b);
}
