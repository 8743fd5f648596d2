/* Histograms for /metrics: how long requests take, how long until the first token, and between tokens. The counters
 * about tokens come from the engine itself. Locks inside; any thread. */
#ifndef LOAM_HTTP_METRICS_H
#define LOAM_HTTP_METRICS_H

#include "base/buf.h"
#include "service/chat.h"

typedef struct loam_http_metrics loam_http_metrics;

/* All strings are static or outlive the metrics; few different ones, since each combination is a series of its own. */
typedef struct loam_http_labels {
    const char *method, *path, *model;
    int status;
} loam_http_labels;

typedef enum loam_http_timing {
    LOAM_HTTP_TIMING_REQUEST,
    LOAM_HTTP_TIMING_FIRST_TOKEN,
    LOAM_HTTP_TIMING_BETWEEN_TOKENS,
    LOAM_HTTP_TIMING_COUNT
} loam_http_timing;

/* NULL when out of memory. */
loam_http_metrics *loam_http_metrics_new(void);
void loam_http_metrics_free(loam_http_metrics *m);
/* Counts one measurement. A series too many is dropped, never an error. */
void loam_http_metrics_add(loam_http_metrics *m, loam_http_timing what, loam_http_labels labels, double seconds);
/* Appends the text of all metrics in Prometheus' format 0.0.4: the engine's counters under llama.cpp's names with the
 * prefix "loam_", then the histograms. */
void loam_http_metrics_format(loam_http_metrics *m, const loam_engine_stats *engine, int connections, loam_buf *out);

#endif
