/* Keys, hosts, origins; sizes, times, numbers of connections; and bytes that are no HTTP. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http_test.h"

#define QUESTION "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static int status_of(int port, const char *method, const char *path, const char *headers, const char *body)
{
    reply r = client_call(port, method, path, headers, body);
    int status = r.status;
    reply_deinit(&r);
    return status;
}

void test_key_needed(void **state)
{
    const char *keys[] = {"alpha", "beta"};
    bench b = bench_begin(&(loam_server_options){.api_keys = keys, .n_api_keys = 2});
    static const char *const good[] = {"Authorization: Bearer alpha\r\n", "X-Api-Key: beta\r\n"};
    static const char *const bad[] = {"", "Authorization: Bearer gamma\r\n", "X-Api-Key:\r\n",
                                      "Authorization: Bearer\r\n"};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(status_of(b.port, "POST", "/v1/chat/completions", good[i], QUESTION), 200);
    static const struct {
        const char *method, *path, *body;
    } closed[] = {{"POST", "/v1/chat/completions", QUESTION},
                  {"GET", "/v1/models", NULL},
                  {"GET", "/metrics", NULL},
                  {"POST", "/v1/completions", "{}"},
                  {"POST", "/tokenize", "{}"}};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            reply r = client_call(b.port, closed[i].method, closed[i].path, bad[k], closed[i].body);
            assert_int_equal(r.status, 401);
            assert_string_equal(reply_header(&r, "WWW-Authenticate"), "Bearer");
            assert_non_null(strstr(loam_buf_text(&r.body), "authentication_error"));
            reply_deinit(&r);
        }
    bench_end(&b);
}

void test_key_open_paths(void **state)
{
    const char *keys[] = {"alpha"};
    bench b = bench_begin(&(loam_server_options){.api_keys = keys, .n_api_keys = 1});
    static const char *const open[] = {"/health", "/v1/health", "/", "/index.html"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_int_equal(status_of(b.port, "GET", open[i], "", NULL), 200);
    bench_end(&b);
}

static int status_with_host(int port, const char *host)
{
    int fd = client_connect(port);
    client_send(fd, "GET /v1/models HTTP/1.1\r\nHost: %s\r\nX-Api-Key: alpha\r\n\r\n", host);
    reply r = client_read(fd, false);
    int status = r.status;
    reply_deinit(&r);
    close(fd);
    return status;
}

void test_host_checked(void **state)
{
    bench b = bench_begin(NULL);
    assert_int_equal(status_with_host(b.port, "127.0.0.1:8080"), 200);
    assert_int_equal(status_with_host(b.port, "[::1]:1"), 200);
    assert_int_equal(status_with_host(b.port, "rebound.example"), 403);
    bench_end(&b);
    const char *keys[] = {"alpha"};
    b = bench_begin(&(loam_server_options){.api_keys = keys, .n_api_keys = 1});
    assert_int_equal(status_with_host(b.port, "loam.example"), 200);
    bench_end(&b);
    b = bench_begin(&(loam_server_options){.host = "0.0.0.0"});
    assert_int_equal(status_with_host(b.port, "loam.example"), 200);
    bench_end(&b);
}

void test_origin_checked(void **state)
{
    bench b = bench_begin(NULL);
    assert_int_equal(status_of(b.port, "POST", "/v1/chat/completions", "Origin: http://evil.example\r\n", QUESTION),
                     403);
    assert_int_equal(status_of(b.port, "POST", "/v1/chat/completions", "Origin: null\r\n", QUESTION), 403);
    assert_int_equal(status_of(b.port, "POST", "/v1/chat/completions", "Origin: http://localhost\r\n", QUESTION), 200);
    reply r = client_call(b.port, "GET", "/v1/models", "Origin: http://evil.example\r\n", NULL);
    assert_null(reply_header(&r, "Access-Control-Allow-Origin"));
    reply_deinit(&r);
    assert_int_equal(status_of(b.port, "OPTIONS", "/v1/chat/completions", "Origin: http://evil.example\r\n", NULL),
                     405);
    assert_true(bench_metric(&b, "loam_jobs_done_total") == 1);
    bench_end(&b);
}

void test_cors_open(void **state)
{
    const char *keys[] = {"alpha"};
    bench b =
        bench_begin(&(loam_server_options){.cors_origin = "http://app.example", .api_keys = keys, .n_api_keys = 1});
    reply r = client_call(b.port, "OPTIONS", "/v1/chat/completions",
                          "Origin: http://app.example\r\nAccess-Control-Request-Method: POST\r\n"
                          "Access-Control-Request-Headers: authorization,x-stainless-os\r\n",
                          NULL);
    assert_int_equal(r.status, 204);
    assert_string_equal(reply_header(&r, "Access-Control-Allow-Origin"), "http://app.example");
    assert_string_equal(reply_header(&r, "Access-Control-Allow-Headers"), "authorization,x-stainless-os");
    assert_string_equal(reply_header(&r, "Vary"), "Origin");
    reply_deinit(&r);
    r = client_call(b.port, "POST", "/v1/chat/completions", "Origin: http://app.example\r\nX-Api-Key: alpha\r\n",
                    QUESTION);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Access-Control-Allow-Origin"), "http://app.example");
    reply_deinit(&r);
    r = client_call(b.port, "POST", "/v1/chat/completions", "Origin: http://app.example\r\n", QUESTION);
    assert_int_equal(r.status, 401); /* readable for the page, so that it can ask for the key */
    assert_non_null(reply_header(&r, "Access-Control-Allow-Origin"));
    reply_deinit(&r);
    r = client_call(b.port, "POST", "/v1/chat/completions", "Origin: http://evil.example\r\nX-Api-Key: alpha\r\n",
                    QUESTION);
    assert_int_equal(r.status, 403);
    assert_null(reply_header(&r, "Access-Control-Allow-Origin"));
    reply_deinit(&r);
    bench_end(&b);
    b = bench_begin(&(loam_server_options){.cors_origin = "*"});
    r = client_call(b.port, "POST", "/v1/chat/completions", "Origin: http://any.example\r\n", QUESTION);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Access-Control-Allow-Origin"), "*");
    reply_deinit(&r);
    bench_end(&b);
}

/* The client must see the 413, not a broken connection: the body is read away first. */
void test_limit_body(void **state)
{
    bench b = bench_begin(&(loam_server_options){.max_body = 1000});
    size_t n = 3 << 20;
    char *body = malloc(n + 1);
    memset(body, ' ', n);
    body[n] = 0;
    reply r = client_post(b.port, "/v1/chat/completions", body);
    assert_int_equal(r.status, 413);
    assert_non_null(strstr(loam_buf_text(&r.body), "1000"));
    reply_deinit(&r);
    body[1000] = 0;
    assert_int_equal(status_of(b.port, "POST", "/v1/chat/completions", "", body), 400); /* fits, and is no JSON */
    free(body);
    int fd = client_connect(b.port); /* a client that asks first is answered before it sends */
    client_send(fd, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    "Content-Length: 2000\r\n\r\n");
    r = client_read(fd, false);
    assert_int_equal(r.status, 413);
    reply_deinit(&r);
    close(fd);
    fd = client_connect(b.port);
    client_send(fd, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n");
    r = client_read(fd, false);
    assert_int_equal(r.status, 413);
    reply_deinit(&r);
    close(fd);
    bench_end(&b);
}

void test_limit_body_chunked(void **state)
{
    bench b = bench_begin(&(loam_server_options){.max_body = 1000});
    int fd = client_connect(b.port);
    client_send(fd, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 30; i++)
        client_send(fd, "64\r\n%100s\r\n", "");
    client_send(fd, "0\r\n\r\n");
    reply r = client_read(fd, false);
    assert_int_equal(r.status, 413);
    reply_deinit(&r);
    close(fd);
    fd = client_connect(b.port);
    client_send(fd, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    client_send(fd, "8\r\n{\"prompt\r\n7\r\n\":\"hi\"}\r\n0\r\n\r\n");
    r = client_read(fd, false);
    assert_int_equal(r.status, 200);
    reply_deinit(&r);
    close(fd);
    bench_end(&b);
}

void test_limit_connections(void **state)
{
    bench b = bench_begin(&(loam_server_options){.max_connections = 3});
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(b.port);
        client_send(fds[i], "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        reply r = client_read(fds[i], false);
        assert_int_equal(r.status, 200);
        reply_deinit(&r);
    }
    reply r = client_call(b.port, "GET", "/health", "", NULL);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(loam_buf_text(&r.body), "unavailable_error"));
    assert_string_equal(reply_header(&r, "Connection"), "close");
    reply_deinit(&r);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    bench_await(&b, "loam_http_connections", 1);
    bench_end(&b);
}

/* How long the server lets a connection live to which a byte comes every 100 ms. */
static double drip(int fd)
{
    double start = loam_clock_s();
    while (loam_clock_s() - start < 8) {
        char c;
        if (send(fd, "a", 1, MSG_NOSIGNAL) < 0 || recv(fd, &c, 1, MSG_DONTWAIT) == 0)
            break;
        usleep(100000);
    }
    close(fd);
    return loam_clock_s() - start;
}

/* A byte now and then keeps a connection from being silent, but a request has to arrive as a whole in time. */
void test_limit_slow_header(void **state)
{
    bench b = bench_begin(&(loam_server_options){.io_timeout_s = 5, .request_timeout_s = 1});
    int fd = client_connect(b.port);
    client_send(fd, "GET /health HTTP/1.1\r\nX-Long: ");
    assert_true(drip(fd) < 4);
    bench_await(&b, "loam_http_connections", 1);
    bench_end(&b);
}

void test_limit_slow_body(void **state)
{
    bench b = bench_begin(&(loam_server_options){.io_timeout_s = 5, .request_timeout_s = 1});
    int fd = client_connect(b.port);
    client_send(fd, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
    assert_true(drip(fd) < 4);
    /* an answer may take longer than that */
    assert_int_equal(status_of(b.port, "POST", "/v1/chat/completions", "",
                               "{\"messages\":[{\"role\":\"user\",\"content\":\"x read:2500\"}]}"),
                     200);
    bench_end(&b);
}

void test_limit_header_size(void **state)
{
    bench b = bench_begin(NULL);
    int fd = client_connect(b.port);
    client_send(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: %0100000d\r\n\r\n", 1);
    reply r = client_read(fd, false);
    assert_true(r.status == 0 || r.status == 400 || r.status == 413 || r.status == 431);
    reply_deinit(&r);
    close(fd);
    assert_int_equal(status_of(b.port, "GET", "/health", "", NULL), 200);
    bench_end(&b);
}

void test_garbage(void **state)
{
    bench b = bench_begin(NULL);
    static const char *const all[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n: x\r\n\r\n"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int fd = client_connect(b.port);
        client_send(fd, "%s", all[i]);
        shutdown(fd, SHUT_WR);
        reply r = client_read(fd, false);
        assert_true(r.status == 0 || r.status == 200 || (r.status >= 400 && r.status <= 505));
        reply_deinit(&r);
        close(fd);
    }
    assert_int_equal(status_of(b.port, "POST", "/v1/chat/completions", "", QUESTION), 200);
    bench_end(&b);
}

void test_keep_alive(void **state)
{
    bench b = bench_begin(NULL);
    int fd = client_connect(b.port);
    static const struct {
        const char *path, *body;
        int status;
    } all[] = {{"/v1/chat/completions", QUESTION, 200},
               {"/v1/chat/completions", "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 200},
               {"/nothing", "{}", 404},
               {"/v1/chat/completions", "{oops", 400},
               {"/v1/completions", "{\"prompt\":\"x\"}", 200}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        client_send(fd, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", all[i].path,
                    strlen(all[i].body), all[i].body);
        reply r = client_read(fd, false);
        assert_int_equal(r.status, all[i].status);
        assert_true(r.whole);
        reply_deinit(&r);
    }
    close(fd);
    bench_end(&b);
}

void test_start_errors(void **state)
{
    bench b = bench_begin(NULL);
    loam_server *s = NULL;
    const char *empty[] = {""};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_server_start(&(loam_server_options){.port = b.port}, b.chat, &s, &err), LOAM_STATUS_IO);
    assert_non_null(strstr(err.msg, "another program"));
    assert_null(s);
    assert_int_equal(loam_server_start(&(loam_server_options){.port = 70000}, b.chat, &s, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_server_start(&(loam_server_options){.api_keys = empty, .n_api_keys = 1}, b.chat, &s, &err),
                     LOAM_STATUS_INVALID);
    assert_int_not_equal(loam_server_start(&(loam_server_options){.host = "no such host"}, b.chat, &s, &err), LOAM_OK);
    assert_null(s);
    loam_server_stop(NULL);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", b.port);
    assert_string_equal(loam_server_url(b.server), url);
    bench_end(&b);
}

void test_ipv6(void **state)
{
    loam_chat *chat = fake_chat_new(1, 100, 1);
    loam_server *s = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (loam_server_start(&(loam_server_options){.host = "::1"}, chat, &s, &err) != LOAM_OK) {
        fake_chat_free(chat);
        skip(); /* no IPv6 here */
    }
    struct sockaddr_in6 a = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)loam_server_port(s)), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    client_send(fd, "GET /health HTTP/1.1\r\nHost: [::1]:1\r\n\r\n");
    reply r = client_read(fd, false);
    assert_int_equal(r.status, 200);
    assert_memory_equal(loam_server_url(s), "http://[::1]:", 13);
    reply_deinit(&r);
    close(fd);
    loam_server_stop(s);
    fake_chat_free(chat);
}
