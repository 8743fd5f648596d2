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
#include "fake_pictures.h"
#include "http/server.h"

typedef struct bench {
    loam_chat *chat;
    fake_pictures *fake; /* owned; may be NULL */
    loam_server *server;
    int port;
} bench;

/* Two slots, a context of 2000 bytes, four waiting. options may be NULL. */
bench bench_begin(const loam_server_options *options);
/* The same with pictures, which it takes. */
bench bench_begin_with(const loam_server_options *options, fake_pictures *fake);
bench bench_begin_pictures(bool images, bool videos, int max_queued);
/* Fails the test when a job was not given back. */
void bench_end(bench *b);
/* The value of an unlabelled metric of b's server; fails when it is missing. */
double bench_metric(const bench *b, const char *name);
/* Waits up to 3 s for a metric to have a value; fails the test else. */
void bench_await(const bench *b, const char *name, double value);

/* Fails unless r is OpenAI's error with that status and param (NULL: none) and a message that holds words; frees r. */
void expect_refusal(reply *r, int status, const char *param, const char *words);
/* The picture in base64; texts may be NULL. */
loam_picture *picture_of(const char *base64, loam_picture_texts *texts);
/* The base64 of a file of these pixels; free with free(). */
char *base64_of(int width, int height, int channels, const uint8_t *pixels, loam_picture_kind kind);

/* clang-format off */
#define CHAT_TESTS(X) \
    X(door_host) X(door_origin) X(door_type) X(door_key) X(door_etag) X(params_defaults) X(params_fields) \
    X(params_nulls) X(params_refused) X(params_out_of_range) X(params_limits) X(params_harmless) \
    X(metrics_histogram) X(metrics_text) X(chat_whole) X(chat_params_reach_engine) X(chat_seed) \
    X(chat_stop_and_length) X(chat_logprobs) X(chat_too_long) X(chat_bad_bodies) X(chat_models_named) \
    X(text_prompts) X(text_echo) X(text_logprobs) X(models) X(tokens) X(template_applied) X(health_and_page) \
    X(head_and_methods) X(stream_chat) X(stream_usage) X(stream_progress) X(stream_fails) X(stream_text) \
    X(stream_logprobs) X(stream_ping) X(leave_stream) X(leave_whole) X(leave_waiting) X(leave_reading) \
    X(leave_others_alone) X(stop_ends_streams) X(stop_idle) X(busy_queue) X(key_needed) X(key_open_paths) \
    X(host_checked) X(origin_checked) X(cors_open) X(limit_body) X(limit_body_chunked) X(limit_connections) \
    X(limit_slow_header) X(limit_slow_body) X(limit_header_size) X(garbage) X(keep_alive) X(start_errors) \
    X(ipv6)
#define PICTURE_TESTS(X) \
    X(form_parts) X(form_shapes) X(form_refused) X(images_whole) X(images_fields) X(images_formats) \
    X(images_refused) X(images_load_fails) X(images_none) X(images_stream) X(images_left) X(edits_mask) \
    X(edits_refused) X(edits_bombs) X(images_body_limits) X(jobs_done) X(jobs_seed_and_retry) X(jobs_cancel) \
    X(jobs_cancel_keeps) X(jobs_list) X(jobs_events) X(jobs_preview) X(jobs_refused) X(jobs_door) X(jobs_info) \
    X(sdapi_sillytavern) X(sdapi_batch_and_hires) X(sdapi_img2img) X(sdapi_refused) X(sdapi_lists) \
    X(sdapi_progress_and_interrupt) X(sdapi_interrupt_spares_others) X(videos_made) X(videos_fail_and_delete) \
    X(videos_list) X(videos_refused)
/* clang-format on */
#define HTTP_TESTS(X) CHAT_TESTS(X) PICTURE_TESTS(X)

#define X(name) void test_##name(void **state);
HTTP_TESTS(X)
#undef X

#endif
