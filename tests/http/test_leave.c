/* Clients that leave, and a server that stops: their jobs end, at once, and no other does. */
#include <pthread.h>

#include "base/clock.h"
#include "http_test.h"

/* Sends a request that would run for minutes and returns its connection. */
static int begin(const bench *b, const char *message, const char *fields)
{
    char body[512];
    snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]%s}", message, fields);
    int fd = client_connect(b->port);
    client_send(fd, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
                strlen(body), body);
    return fd;
}

static void leave_and_check(bench *b, int fd)
{
    double start = loam_clock_s();
    close(fd);
    bench_await(b, "loam_jobs_cancelled_total", 1);
    assert_true(loam_clock_s() - start < 1.5);
    bench_await(b, "loam_requests_processing", 0);
    bench_await(b, "loam_http_connections", 1); /* the one that asks */
    bench_end(b);
}

void test_leave_stream(void **state)
{
    bench b = bench_begin(NULL);
    int fd = begin(&b, "words:4000 delay:30", ",\"stream\":true");
    bench_await(&b, "loam_requests_processing", 1);
    leave_and_check(&b, fd);
}

/* Nothing is written while a whole answer is made, so no write can fail. */
void test_leave_whole(void **state)
{
    bench b = bench_begin(NULL);
    int fd = begin(&b, "words:4000 delay:30", "");
    bench_await(&b, "loam_requests_processing", 1);
    leave_and_check(&b, fd);
}

void test_leave_reading(void **state)
{
    bench b = bench_begin(NULL);
    int fd = begin(&b, "x read:60000", ",\"stream\":true");
    bench_await(&b, "loam_requests_processing", 1);
    leave_and_check(&b, fd);
}

void test_leave_waiting(void **state)
{
    bench b = bench_begin(NULL);
    int first = begin(&b, "words:4000 delay:30", ""), second = begin(&b, "words:4000 delay:30", "");
    bench_await(&b, "loam_requests_processing", 2);
    int whole = begin(&b, "waits", ""), streamed = begin(&b, "waits", ",\"stream\":true");
    bench_await(&b, "loam_requests_deferred", 2);
    close(whole);
    close(streamed);
    bench_await(&b, "loam_requests_deferred", 0);
    assert_true(bench_metric(&b, "loam_jobs_cancelled_total") == 2);
    assert_true(bench_metric(&b, "loam_requests_processing") == 2);
    close(first);
    close(second);
    bench_await(&b, "loam_requests_processing", 0);
    bench_end(&b);
}

void test_leave_others_alone(void **state)
{
    bench b = bench_begin(NULL);
    int stays = begin(&b, "words:20 delay:25", ",\"stream\":true"), leaves = begin(&b, "words:4000 delay:25", "");
    bench_await(&b, "loam_requests_processing", 2);
    close(leaves);
    reply r = client_read(stays, false);
    assert_true(r.whole);
    assert_non_null(strstr(loam_buf_text(&r.body), " w19"));
    assert_non_null(strstr(loam_buf_text(&r.body), "[DONE]"));
    reply_deinit(&r);
    close(stays);
    bench_await(&b, "loam_jobs_cancelled_total", 1);
    assert_true(bench_metric(&b, "loam_jobs_done_total") == 1);
    bench_end(&b);
}

static void *stop(void *arg)
{
    loam_server_stop(((bench *)arg)->server);
    return NULL;
}

/* Streams get an error event, whole answers a 503, both at once. */
void test_stop_ends_streams(void **state)
{
    bench b = bench_begin(NULL);
    int streamed = begin(&b, "words:4000 delay:30", ",\"stream\":true"), whole = begin(&b, "words:4000 delay:30", "");
    bench_await(&b, "loam_requests_processing", 2);
    double start = loam_clock_s();
    pthread_t t;
    pthread_create(&t, NULL, stop, &b);
    reply r = client_read(streamed, false), w = client_read(whole, false);
    pthread_join(t, NULL);
    assert_true(loam_clock_s() - start < 2);
    assert_true(r.whole && w.whole);
    assert_non_null(strstr(loam_buf_text(&r.body), "unavailable_error"));
    assert_null(strstr(loam_buf_text(&r.body), "[DONE]"));
    assert_int_equal(w.status, 503);
    reply_deinit(&r);
    reply_deinit(&w);
    close(streamed);
    close(whole);
    assert_int_equal(fake_chat_n_held(b.chat), 0);
    fake_chat_free(b.chat);
}

/* Open connections without a request do not hold the server up. */
void test_stop_idle(void **state)
{
    bench b = bench_begin(NULL);
    int silent = client_connect(b.port), half = client_connect(b.port);
    client_send(half, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    bench_await(&b, "loam_http_connections", 3);
    double start = loam_clock_s();
    bench_end(&b);
    assert_true(loam_clock_s() - start < 3);
    close(silent);
    close(half);
}

void test_busy_queue(void **state)
{
    bench b = bench_begin(NULL);
    int fds[6];
    for (int i = 0; i < 2; i++)
        fds[i] = begin(&b, "words:4000 delay:30", "");
    bench_await(&b, "loam_requests_processing", 2);
    for (int i = 2; i < 6; i++)
        fds[i] = begin(&b, "x", "");
    bench_await(&b, "loam_requests_deferred", 4);
    reply r = client_post(b.port, "/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    assert_int_equal(r.status, 503);
    assert_non_null(reply_header(&r, "Retry-After"));
    assert_non_null(strstr(loam_buf_text(&r.body), "unavailable_error"));
    reply_deinit(&r);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    bench_end(&b);
}
