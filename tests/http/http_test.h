/* What the tests of src/http share: a server over a fake chat, and the list of the tests. */
#ifndef LOAM_TESTS_HTTP_HTTP_TEST_H
#define LOAM_TESTS_HTTP_HTTP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "fake_chat.h"
#include "http/server.h"

typedef struct bench {
    loam_chat *chat;
    loam_server *server;
    int port;
} bench;

/* Two slots, a context of 2000 bytes, four waiting. options may be NULL. */
bench bench_begin(const loam_server_options *options);
/* Fails the test when a job was not given back. */
void bench_end(bench *b);
/* The value of an unlabelled metric of b's server; fails when it is missing. */
double bench_metric(const bench *b, const char *name);
/* Waits up to 3 s for a metric to have a value; fails the test else. */
void bench_await(const bench *b, const char *name, double value);

#define HTTP_TESTS(X)                                                                                                  \
    X(door_host)                                                                                                       \
    X(door_origin) X(door_type) X(door_key) X(door_etag) X(params_defaults) X(params_fields) X(params_nulls)           \
        X(params_refused) X(params_out_of_range) X(params_limits) X(params_harmless) X(metrics_histogram)              \
            X(metrics_text) X(chat_whole) X(chat_params_reach_engine) X(chat_seed) X(chat_stop_and_length)             \
                X(chat_logprobs) X(chat_too_long) X(chat_bad_bodies) X(chat_models_named) X(text_prompts) X(text_echo) \
                    X(text_logprobs) X(models) X(tokens) X(template_applied) X(health_and_page) X(head_and_methods)    \
                        X(stream_chat) X(stream_usage) X(stream_progress) X(stream_fails) X(stream_text)               \
                            X(stream_logprobs) X(stream_ping) X(leave_stream) X(leave_whole) X(leave_waiting)          \
                                X(leave_reading) X(leave_others_alone) X(stop_ends_streams) X(stop_idle) X(busy_queue) \
                                    X(key_needed) X(key_open_paths) X(host_checked) X(origin_checked) X(cors_open)     \
                                        X(limit_body) X(limit_body_chunked) X(limit_connections) X(limit_slow_header)  \
                                            X(limit_slow_body) X(limit_header_size) X(garbage) X(keep_alive)           \
                                                X(start_errors) X(ipv6)

#define X(name) void test_##name(void **state);
HTTP_TESTS(X)
#undef X

#endif
