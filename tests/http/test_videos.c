/* /v1/videos over a fake maker of clips. */
#include "http_test.h"

static json_t *call(const bench *b, const char *method, const char *rest, const char *body, int status)
{
    char path[120];
    snprintf(path, sizeof path, "/v1/videos%s", rest);
    reply r = client_call(b->port, method, path, "Content-Type: application/json\r\n", body);
    if (r.status != status)
        fail_msg("%s %s: %d %s", method, path, r.status, loam_buf_text(&r.body));
    json_t *v = reply_json(&r);
    reply_deinit(&r);
    return v;
}

static char *create(const bench *b, const char *body)
{
    json_t *v = call(b, "POST", "", body, 200);
    char *id = strdup(json_text_at(v, "id"));
    json_decref(v);
    return id;
}

static void await_status(const bench *b, const char *id, const char *status)
{
    char rest[60];
    snprintf(rest, sizeof rest, "/%s", id);
    for (int i = 0; i < 200; i++) {
        json_t *v = call(b, "GET", rest, NULL, 200);
        bool there = strcmp(json_text_at(v, "status"), status) == 0;
        json_decref(v);
        if (there)
            return;
        usleep(20000);
    }
    fail_msg("clip %s does not become %s", id, status);
}

void test_videos_made(void **state)
{
    bench b = bench_begin_pictures(false, true, 0);
    int fd = client_connect(b.port);
    static const char form[] = "--X\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na fox runs\r\n"
                               "--X\r\nContent-Disposition: form-data; name=\"seconds\"\r\n\r\n4\r\n"
                               "--X\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n64x32\r\n"
                               "--X\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nfake-video\r\n--X--\r\n";
    client_send(fd,
                "POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=X\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                sizeof form - 1, form);
    reply r = client_read(fd, false);
    close(fd);
    json_t *v = reply_json(&r);
    if (r.status != 200)
        fail_msg("%s", loam_buf_text(&r.body));
    assert_string_equal(json_text_at(v, "object"), "video");
    assert_string_equal(json_text_at(v, "model"), "fake-video");
    assert_string_equal(json_text_at(v, "seconds"), "4");
    assert_string_equal(json_text_at(v, "size"), "64x32");
    assert_string_equal(json_text_at(v, "prompt"), "a fox runs");
    assert_true(json_is_integer(json_at(v, "created_at")) && json_is_integer(json_at(v, "progress")));
    char rest[80], *id = strdup(json_text_at(v, "id"));
    json_decref(v);
    reply_deinit(&r);
    await_status(&b, id, "completed");
    snprintf(rest, sizeof rest, "/v1/videos/%s/content", id);
    r = client_call(b.port, "GET", rest, "", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "video/mp4");
    assert_string_equal(loam_buf_text(&r.body), "a clip");
    reply_deinit(&r);
    snprintf(rest, sizeof rest, "/%s", id);
    v = call(&b, "GET", rest, NULL, 200);
    assert_int_equal(json_integer_value(json_at(v, "progress")), 100);
    assert_true(json_is_integer(json_at(v, "completed_at")));
    json_decref(v);
    snprintf(rest, sizeof rest, "/%s/content?variant=thumbnail", id);
    json_decref(call(&b, "GET", rest, NULL, 400));
    snprintf(rest, sizeof rest, "/%s", id);
    v = call(&b, "DELETE", rest, NULL, 200);
    assert_string_equal(json_text_at(v, "object"), "video.deleted");
    json_decref(v);
    json_decref(call(&b, "GET", rest, NULL, 404));
    free(id);
    bench_end(&b);
}

void test_videos_fail_and_delete(void **state)
{
    char rest[80];
    bench b = bench_begin_pictures(true, true, 0);
    char *failed = create(&b, "{\"prompt\":\"fail\"}");
    await_status(&b, failed, "failed");
    snprintf(rest, sizeof rest, "/%s", failed);
    json_t *v = call(&b, "GET", rest, NULL, 200);
    assert_string_equal(json_text_at(v, "error.message"), "no such clip");
    json_decref(v);
    char *running = create(&b, "{\"prompt\":\"delay:100\",\"seconds\":2.5}");
    await_status(&b, running, "in_progress");
    snprintf(rest, sizeof rest, "/%s/content", running);
    v = call(&b, "GET", rest, NULL, 400);
    assert_string_equal(json_text_at(v, "error.code"), "video_not_ready");
    json_decref(v);
    snprintf(rest, sizeof rest, "/%s", running);
    json_decref(call(&b, "DELETE", rest, NULL, 200)); /* stopped, then deleted */
    json_decref(call(&b, "GET", rest, NULL, 404));
    /* a picture is no clip */
    reply r = client_post(b.port, "/api/jobs", "{\"kind\":\"image\",\"prompt\":\"x\",\"steps\":1}");
    v = reply_json(&r);
    snprintf(rest, sizeof rest, "/%s", json_text_at(v, "id"));
    json_decref(v);
    reply_deinit(&r);
    json_decref(call(&b, "GET", rest, NULL, 404));
    json_decref(call(&b, "DELETE", rest, NULL, 404));
    free(failed);
    free(running);
    bench_end(&b);
}

void test_videos_list(void **state)
{
    char *ids[5], rest[100];
    bench b = bench_begin_pictures(true, true, 0);
    for (int i = 0; i < 5; i++)
        ids[i] = create(&b, "{\"prompt\":\"x\"}");
    json_t *v = call(&b, "GET", "?limit=2", NULL, 200);
    assert_string_equal(json_text_at(v, "object"), "list");
    assert_string_equal(json_text_at(v, "first_id"), ids[4]);
    assert_string_equal(json_text_at(v, "last_id"), ids[3]);
    assert_true(json_is_true(json_at(v, "has_more")));
    json_decref(v);
    snprintf(rest, sizeof rest, "?after=%s", ids[3]);
    v = call(&b, "GET", rest, NULL, 200);
    assert_int_equal(json_array_size(json_at(v, "data")), 3);
    assert_string_equal(json_text_at(v, "data.0.id"), ids[2]);
    assert_true(json_is_false(json_at(v, "has_more")));
    json_decref(v);
    snprintf(rest, sizeof rest, "?order=asc&limit=2&after=%s", ids[0]);
    v = call(&b, "GET", rest, NULL, 200);
    assert_string_equal(json_text_at(v, "data.0.id"), ids[1]);
    assert_string_equal(json_text_at(v, "data.1.id"), ids[2]);
    json_decref(v);
    v = call(&b, "GET", "?after=aaaaaaaaaaaaaaaaaaaaaaaa", NULL, 200);
    assert_int_equal(json_array_size(json_at(v, "data")), 0);
    assert_true(json_is_null(json_at(v, "first_id")));
    json_decref(v);
    json_decref(call(&b, "GET", "?limit=0", NULL, 400));
    json_decref(call(&b, "GET", "?limit=101", NULL, 400));
    json_decref(call(&b, "GET", "?order=up", NULL, 400));
    for (int i = 0; i < 5; i++)
        free(ids[i]);
    bench_end(&b);
}

void test_videos_refused(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *param, *words;
    } all[] = {
        {"{}", 400, "prompt", "sentence"},
        {"{\"prompt\":7}", 400, "prompt", "sentence"},
        {"{\"prompt\":\"x\",\"seconds\":\"four\"}", 400, "seconds", "number"},
        {"{\"prompt\":\"x\",\"seconds\":\"\"}", 400, "seconds", "number"},
        {"{\"prompt\":\"x\",\"seconds\":\"nan\"}", 400, "seconds", "number"},
        {"{\"prompt\":\"x\",\"seconds\":-1}", 400, "seconds", "above 0"},
        {"{\"prompt\":\"x\",\"seconds\":[]}", 400, "seconds", "above 0"},
        {"{\"prompt\":\"x\",\"size\":\"720p\"}", 400, "size", "832x480"},
        {"{\"prompt\":\"x\",\"size\":\"8x8\"}", 400, "width", "multiple of 16"},
        {"{\"prompt\":\"x\",\"model\":\"sora-2\"}", 404, "model", "fake-video"},
        {"{\"prompt\":\"x\",\"model\":2}", 400, "model", "string"},
    };
    bench b = bench_begin_pictures(false, true, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        reply r = client_post(b.port, "/v1/videos", all[i].body);
        expect_refusal(&r, all[i].status, all[i].param, all[i].words);
    }
    static const char *const ids[] = {"/x", "/aaaaaaaaaaaaaaaaaaaaaaaa", "/aaaaaaaaaaaaaaaaaaaaaaaa/content", "//"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        json_decref(call(&b, "GET", ids[i], NULL, 404));
    json_decref(call(&b, "POST", "/aaaaaaaaaaaaaaaaaaaaaaaa/remix", "{}", 501));
    reply r = client_post(b.port, "/v1/images/generations", "{\"prompt\":\"x\"}"); /* clips, but no pictures */
    expect_refusal(&r, 501, NULL, "--image-model");
    bench_end(&b);
}
