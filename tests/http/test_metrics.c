#include "http/metrics.h"
#include "http_test.h"

static double sample(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    if (!at)
        fail_msg("no '%s' in:\n%s", line, text);
    return strtod(at + strlen(line), NULL);
}

/* Prometheus computes quantiles from cumulative buckets: counts that are not cumulative give nonsense silently. */
void test_metrics_histogram(void **state)
{
    loam_http_metrics *m = loam_http_metrics_new();
    loam_http_labels l = {"POST", "/v1/x", "a\"b\\c\nd", 200};
    const double measured[] = {0.0004, 0.001, 0.002, 0.3, 1000};
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        loam_http_metrics_add(m, LOAM_HTTP_TIMING_REQUEST, l, measured[i]);
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    loam_engine_stats none = {0};
    loam_http_metrics_format(m, &none, 0, &b);
    const char *t = loam_buf_text(&b);
#define LABELS "method=\"POST\",path=\"/v1/x\",model=\"a\\\"b\\\\c\\nd\",status=\"200\""
#define BUCKET(le) sample(t, "\nloam_http_request_duration_seconds_bucket{" LABELS ",le=\"" le "\"} ")
    assert_true(BUCKET("0.001") == 2 && BUCKET("0.005") == 3 && BUCKET("0.25") == 3 && BUCKET("0.5") == 4);
    assert_true(BUCKET("300") == 4 && BUCKET("+Inf") == 5);
    assert_true(sample(t, "\nloam_http_request_duration_seconds_count{" LABELS "} ") == 5);
    double sum = sample(t, "\nloam_http_request_duration_seconds_sum{" LABELS "} ");
    assert_true(sum > 1000.3033 && sum < 1000.3035);
    loam_buf_deinit(&b);
    loam_http_metrics_free(m);
}

/* Every line is a comment or "name{labels} number", every family is announced once, and llama.cpp's names are there. */
void test_metrics_text(void **state)
{
    loam_http_metrics *m = loam_http_metrics_new();
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    loam_engine_stats e = {.prompt_tokens = 30,
                           .prompt_s = 2,
                           .completion_tokens = 9,
                           .completion_s = 3,
                           .n_steps = 4,
                           .slots_busy_sum = 6,
                           .jobs_running = 2,
                           .jobs_waiting = 1,
                           .max_prompt_tokens = 20};
    loam_http_metrics_format(m, &e, 7, &b);
    const char *t = loam_buf_text(&b);
    static const struct {
        const char *line;
        double value;
    } all[] = {
        {"\nloam_prompt_tokens_total ", 30},
        {"\nloam_prompt_seconds_total ", 2},
        {"\nloam_prompt_tokens_seconds ", 15},
        {"\nloam_tokens_predicted_total ", 9},
        {"\nloam_tokens_predicted_seconds_total ", 3},
        {"\nloam_predicted_tokens_seconds ", 3},
        {"\nloam_requests_processing ", 2},
        {"\nloam_requests_deferred ", 1},
        {"\nloam_n_tokens_max ", 20},
        {"\nloam_n_decode_total ", 4},
        {"\nloam_n_busy_slots_per_decode ", 1.5},
        {"\nloam_http_connections ", 7},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_true(sample(t, all[i].line) == all[i].value);
    for (const char *line = t; *line; line = strchr(line, '\n') + 1) {
        size_t n = strcspn(line, "\n");
        bool comment = strncmp(line, "# HELP loam_", 12) == 0 || strncmp(line, "# TYPE loam_", 12) == 0;
        if (!comment && strncmp(line, "loam_", 5) != 0)
            fail_msg("not in Prometheus' format: %.*s", (int)n, line);
    }
    loam_buf_deinit(&b);
    loam_http_metrics_free(m);
}
