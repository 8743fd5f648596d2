/* Tests of src/http: pure functions first, then a server over a fake chat and raw sockets. */
#include "http_test.h"

bench bench_begin_with(const loam_server_options *options, fake_pictures *fake)
{
    bench b = {.chat = fake_chat_new(2, 2000, 4), .fake = fake};
    loam_err err = LOAM_ERR_INIT;
    loam_server_options o = options ? *options : (loam_server_options){0};
    o.pictures = fake ? fake->pictures : NULL;
    if (loam_server_start(&o, b.chat, &b.server, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    b.port = loam_server_port(b.server);
    return b;
}

bench bench_begin(const loam_server_options *options)
{
    return bench_begin_with(options, NULL);
}

bench bench_begin_pictures(bool images, bool videos, int max_queued)
{
    return bench_begin_with(NULL, fake_pictures_new(images, videos, max_queued));
}

void bench_end(bench *b)
{
    loam_server_stop(b->server);
    if (b->fake)
        fake_pictures_free(b->fake);
    assert_int_equal(fake_chat_n_held(b->chat), 0);
    fake_chat_free(b->chat);
}

/* -1 when the server does not say. */
static double metric(const bench *b, const char *name)
{
    reply r = client_call(b->port, "GET", "/metrics", "", NULL);
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(loam_buf_text(&r.body), line);
    double value = at ? strtod(at + strlen(line), NULL) : -1;
    reply_deinit(&r);
    return value;
}

double bench_metric(const bench *b, const char *name)
{
    double value = metric(b, name);
    if (value < 0)
        fail_msg("no metric %s", name);
    return value;
}

void bench_await(const bench *b, const char *name, double value)
{
    double got = -1;
    for (int i = 0; i < 150; i++) {
        got = metric(b, name);
        if (got == value)
            return;
        usleep(20000);
    }
    fail_msg("%s is %g, not %g", name, got, value);
}

int main(void)
{
#define X(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {HTTP_TESTS(X)};
#undef X
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
