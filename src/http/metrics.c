/* Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/ : one HELP and TYPE line per
 * family, then its samples; a histogram's buckets are cumulative and end with +Inf. */
#include "http/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BOUNDS = 16, MAX_SERIES = 128 };

typedef struct series {
    loam_http_labels labels;
    uint64_t counts[MAX_BOUNDS + 1]; /* not cumulative; the last is what exceeds all bounds */
    uint64_t n;
    double sum;
} series;

typedef struct family {
    const char *name, *help;
    double bounds[MAX_BOUNDS]; /* upper, seconds; 0 ends the list */
} family;

static const family families[LOAM_HTTP_TIMING_COUNT] = {
    [LOAM_HTTP_TIMING_REQUEST] = {"loam_http_request_duration_seconds",
                                  "Time from a request's first byte to the end of its answer.",
                                  {.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}},
    [LOAM_HTTP_TIMING_FIRST_TOKEN] = {"loam_time_to_first_token_seconds",
                                      "Time from a request to the first text of its answer.",
                                      {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}},
    [LOAM_HTTP_TIMING_BETWEEN_TOKENS] = {"loam_inter_token_latency_seconds",
                                         "Time between pieces of text of one answer.",
                                         {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}},
};

struct loam_http_metrics {
    pthread_mutex_t mutex; /* guards the rest; innermost, nothing is called under it */
    series *series[LOAM_HTTP_TIMING_COUNT][MAX_SERIES];
    size_t n[LOAM_HTTP_TIMING_COUNT];
};

loam_http_metrics *loam_http_metrics_new(void)
{
    loam_http_metrics *m = calloc(1, sizeof *m);
    if (m && pthread_mutex_init(&m->mutex, NULL) != 0) {
        free(m);
        return NULL;
    }
    return m;
}

void loam_http_metrics_free(loam_http_metrics *m)
{
    if (!m)
        return;
    for (int t = 0; t < LOAM_HTTP_TIMING_COUNT; t++)
        for (size_t i = 0; i < m->n[t]; i++)
            free(m->series[t][i]);
    pthread_mutex_destroy(&m->mutex);
    free(m);
}

static bool equal(const loam_http_labels *a, const loam_http_labels *b)
{
    return a->status == b->status && strcmp(a->method, b->method) == 0 && strcmp(a->path, b->path) == 0 &&
           strcmp(a->model, b->model) == 0;
}

static series *find_series(loam_http_metrics *m, loam_http_timing what, const loam_http_labels *labels)
{
    for (size_t i = 0; i < m->n[what]; i++)
        if (equal(&m->series[what][i]->labels, labels))
            return m->series[what][i];
    if (m->n[what] == MAX_SERIES)
        return NULL;
    series *s = calloc(1, sizeof *s);
    if (s) {
        s->labels = *labels;
        m->series[what][m->n[what]++] = s;
    }
    return s;
}

void loam_http_metrics_add(loam_http_metrics *m, loam_http_timing what, loam_http_labels labels, double seconds)
{
    const double *bounds = families[what].bounds;
    int b = 0;
    while (b < MAX_BOUNDS && bounds[b] > 0 && seconds > bounds[b])
        b++;
    pthread_mutex_lock(&m->mutex);
    series *s = find_series(m, what, &labels);
    if (s) {
        s->counts[b]++;
        s->n++;
        s->sum += seconds;
    }
    pthread_mutex_unlock(&m->mutex);
}

static void format_label_text(loam_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            loam_buf_char(out, '\\');
        if (*text == '\n')
            loam_buf_str(out, "\\n");
        else
            loam_buf_char(out, *text);
    }
}

static void format_labels(loam_buf *out, const loam_http_labels *l)
{
    loam_buf_printf(out, "method=\"%s\",path=\"%s\",model=\"", l->method, l->path);
    format_label_text(out, l->model);
    loam_buf_printf(out, "\",status=\"%d\"", l->status);
}

static void format_series(loam_buf *out, const family *f, const series *s)
{
    uint64_t so_far = 0;
    for (int b = 0; b < MAX_BOUNDS && f->bounds[b] > 0; b++) {
        so_far += s->counts[b];
        loam_buf_printf(out, "%s_bucket{", f->name);
        format_labels(out, &s->labels);
        loam_buf_printf(out, ",le=\"%g\"} %llu\n", f->bounds[b], (unsigned long long)so_far);
    }
    loam_buf_printf(out, "%s_bucket{", f->name);
    format_labels(out, &s->labels);
    loam_buf_printf(out, ",le=\"+Inf\"} %llu\n%s_sum{", (unsigned long long)s->n, f->name);
    format_labels(out, &s->labels);
    loam_buf_printf(out, "} %.6f\n%s_count{", s->sum, f->name);
    format_labels(out, &s->labels);
    loam_buf_printf(out, "} %llu\n", (unsigned long long)s->n);
}

static void format_one(loam_buf *out, const char *name, const char *type, const char *help, double value)
{
    loam_buf_printf(out, "# HELP loam_%s %s\n# TYPE loam_%s %s\nloam_%s %.15g\n", name, help, name, type, name, value);
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void format_engine(loam_buf *out, const loam_engine_stats *e)
{
    const struct {
        const char *name, *type, *help;
        double value;
    } all[] = {
        {"prompt_tokens_total", "counter", "Prompt tokens read.", (double)e->prompt_tokens},
        {"prompt_tokens_cached_total", "counter", "Prompt tokens that an earlier prompt's work was reused for.",
         (double)e->cached_tokens},
        {"prompt_seconds_total", "counter", "Time spent reading prompts.", e->prompt_s},
        {"tokens_predicted_total", "counter", "Tokens generated.", (double)e->completion_tokens},
        {"tokens_predicted_seconds_total", "counter", "Time spent generating.", e->completion_s},
        {"n_decode_total", "counter", "Steps of the engine.", (double)e->n_steps},
        {"n_tokens_max", "counter", "Most tokens of a prompt so far.", e->max_prompt_tokens},
        {"jobs_done_total", "counter", "Answers that reached their end.", (double)e->jobs_done},
        {"jobs_cancelled_total", "counter", "Answers cancelled, by a client that left or by the server's end.",
         (double)e->jobs_cancelled},
        {"jobs_failed_total", "counter", "Answers that failed.", (double)e->jobs_failed},
        {"prompt_tokens_seconds", "gauge", "Prompt tokens read per second, on average.",
         ratio((double)e->prompt_tokens, e->prompt_s)},
        {"predicted_tokens_seconds", "gauge", "Tokens generated per second, on average.",
         ratio((double)e->completion_tokens, e->completion_s)},
        {"n_busy_slots_per_decode", "gauge", "Answers advanced per step, on average.",
         ratio(e->slots_busy_sum, (double)e->n_steps)},
        {"requests_processing", "gauge", "Answers under way.", e->jobs_running},
        {"requests_deferred", "gauge", "Answers waiting for a slot.", e->jobs_waiting},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        format_one(out, all[i].name, all[i].type, all[i].help, all[i].value);
}

void loam_http_metrics_format(loam_http_metrics *m, const loam_engine_stats *engine, int connections, loam_buf *out)
{
    format_engine(out, engine);
    format_one(out, "http_connections", "gauge", "Open connections.", connections);
    pthread_mutex_lock(&m->mutex);
    for (int t = 0; t < LOAM_HTTP_TIMING_COUNT; t++) {
        const family *f = &families[t];
        loam_buf_printf(out, "# HELP %s %s\n# TYPE %s histogram\n", f->name, f->help, f->name);
        for (size_t i = 0; i < m->n[t]; i++)
            format_series(out, f, m->series[t][i]);
    }
    pthread_mutex_unlock(&m->mutex);
}
