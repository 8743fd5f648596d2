/* Streams, read as a client reads them: lines "data: …" and comments. */
#include "http_test.h"

enum { MAX_EVENTS = 256 };

typedef struct stream {
    int status, n, n_comments;
    bool done, whole; /* [DONE] seen; the connection ended properly */
    json_t *events[MAX_EVENTS];
    char text[4096]; /* of all deltas */
} stream;

static stream run(const bench *b, const char *path, const char *body)
{
    reply r = client_post(b->port, path, body);
    stream s = {.status = r.status, .whole = r.whole};
    assert_string_equal(reply_header(&r, "Content-Type"), "text/event-stream");
    for (char *line = r.body.data, *end; line && *line; line = end + 2) {
        end = strstr(line, "\n\n");
        if (!end)
            fail_msg("the stream ends within an event: %s", line);
        *end = 0;
        if (*line == ':') {
            s.n_comments++;
        } else if (strcmp(line, "data: [DONE]") == 0) {
            s.done = true;
        } else {
            assert_memory_equal(line, "data: ", 6);
            assert_false(s.done);
            json_t *v = json_loads(line + 6, 0, NULL);
            if (!v || s.n == MAX_EVENTS)
                fail_msg("not JSON: %s", line);
            const char *piece = json_string_value(json_at(v, "choices.0.delta.content"));
            piece = piece ? piece : json_string_value(json_at(v, "choices.0.text"));
            snprintf(s.text + strlen(s.text), sizeof s.text - strlen(s.text), "%s", piece ? piece : "");
            s.events[s.n++] = v;
        }
    }
    reply_deinit(&r);
    return s;
}

static void stream_deinit(stream *s)
{
    for (int i = 0; i < s->n; i++)
        json_decref(s->events[i]);
}

void test_stream_chat(void **state)
{
    bench b = bench_begin(NULL);
    stream s = run(&b, "/v1/chat/completions",
                   "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"words:4\"}],\"seed\":5}");
    assert_int_equal(s.status, 200);
    assert_true(s.done && s.whole);
    assert_string_equal(s.text, "w0 w1 w2 w3");
    assert_int_equal(s.n, 1 + 4 + 1);
    assert_string_equal(json_text_at(s.events[0], "choices.0.delta.role"), "assistant");
    for (int i = 0; i < s.n; i++) {
        assert_string_equal(json_text_at(s.events[i], "object"), "chat.completion.chunk");
        assert_string_equal(json_text_at(s.events[i], "id"), json_text_at(s.events[0], "id"));
        assert_null(json_at(s.events[i], "usage"));
        if (i < s.n - 1)
            assert_true(json_is_null(json_at(s.events[i], "choices.0.finish_reason")));
    }
    assert_string_equal(json_text_at(s.events[s.n - 1], "choices.0.finish_reason"), "stop");
    assert_int_equal(json_integer_value(json_at(s.events[s.n - 1], "loam.seed")), 5);
    assert_int_equal(json_integer_value(json_at(s.events[s.n - 1], "timings.predicted_n")), 4);
    stream_deinit(&s);
    bench_end(&b);
}

void test_stream_usage(void **state)
{
    bench b = bench_begin(NULL);
    stream s = run(&b, "/v1/chat/completions",
                   "{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":2,"
                   "\"messages\":[{\"role\":\"user\",\"content\":\"words:4\"}]}");
    json_t *last = s.events[s.n - 1];
    assert_true(s.done);
    assert_int_equal(json_array_size(json_at(last, "choices")), 0);
    assert_true(json_is_array(json_at(last, "choices")));
    assert_int_equal(json_integer_value(json_at(last, "usage.completion_tokens")), 2);
    assert_int_equal(json_integer_value(json_at(last, "usage.prompt_tokens")), 14);
    assert_string_equal(json_text_at(s.events[s.n - 2], "choices.0.finish_reason"), "length");
    for (int i = 0; i < s.n - 1; i++)
        assert_true(json_is_null(json_at(s.events[i], "usage")));
    stream_deinit(&s);
    bench_end(&b);
}

void test_stream_progress(void **state)
{
    bench b = bench_begin(NULL);
    stream s = run(&b, "/v1/chat/completions",
                   "{\"stream\":true,\"return_progress\":true,\"messages\":[{\"role\":\"user\",\"content\":\"a b\"}]}");
    int n = 0;
    long long processed = -1;
    for (int i = 0; i < s.n; i++) {
        json_t *p = json_at(s.events[i], "prompt_progress");
        if (!p)
            continue;
        n++;
        assert_int_equal(json_integer_value(json_at(p, "total")), 10);
        assert_int_equal(json_integer_value(json_at(p, "cache")), 3);
        assert_true(json_integer_value(json_at(p, "processed")) > processed);
        processed = json_integer_value(json_at(p, "processed"));
    }
    assert_int_equal(n, 2);
    assert_int_equal(processed, 10);
    stream_deinit(&s);
    bench_end(&b);
}

/* An answer that breaks off must not look like a whole one. */
void test_stream_fails(void **state)
{
    bench b = bench_begin(NULL);
    stream s = run(&b, "/v1/chat/completions",
                   "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"words:9 fail:2\"}]}");
    assert_false(s.done);
    assert_string_equal(s.text, "w0 w1");
    assert_string_equal(json_text_at(s.events[s.n - 1], "error.message"), "the fake model broke");
    assert_string_equal(json_text_at(s.events[s.n - 1], "error.type"), "server_error");
    stream_deinit(&s);
    reply r = client_post(b.port, "/v1/chat/completions",
                          "{\"messages\":[{\"role\":\"user\",\"content\":\"words:9 fail:2\"}]}");
    assert_int_equal(r.status, 500);
    reply_deinit(&r);
    /* what goes wrong before the first byte has its own status, also for streams */
    r = client_post(b.port, "/v1/chat/completions", "{\"stream\":true,\"messages\":[]}");
    assert_int_equal(r.status, 400);
    reply_deinit(&r);
    bench_end(&b);
}

void test_stream_text(void **state)
{
    bench b = bench_begin(NULL);
    stream s = run(&b, "/v1/completions", "{\"stream\":true,\"prompt\":\"words:3\",\"echo\":true}");
    assert_true(s.done && s.whole);
    assert_string_equal(s.text, "words:3w0 w1 w2");
    assert_string_equal(json_text_at(s.events[0], "object"), "text_completion");
    assert_string_equal(json_text_at(s.events[s.n - 1], "choices.0.finish_reason"), "stop");
    stream_deinit(&s);
    bench_end(&b);
}

void test_stream_logprobs(void **state)
{
    bench b = bench_begin(NULL);
    stream s = run(&b, "/v1/completions", "{\"stream\":true,\"prompt\":\"ab cd\",\"logprobs\":1}");
    assert_int_equal(s.n, 3);
    for (int i = 0; i < 2; i++)
        assert_int_equal(json_integer_value(json_at(s.events[i], "choices.0.logprobs.text_offset.0")), i);
    assert_true(json_is_null(json_at(s.events[2], "choices.0.logprobs")));
    stream_deinit(&s);
    bench_end(&b);
}

/* Proxies and clients give up on a silent connection; a long prompt is silent for long. */
void test_stream_ping(void **state)
{
    bench b = bench_begin(&(loam_server_options){.ping_s = 1});
    stream s = run(&b, "/v1/chat/completions",
                   "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi read:2500\"}]}");
    assert_true(s.done && s.whole);
    assert_true(s.n_comments >= 1); /* two, unless the machine is busy */
    assert_string_equal(s.text, "hi read:2500");
    stream_deinit(&s);
    bench_end(&b);
}
