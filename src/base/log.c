#include "base/log.h"

#include <stdio.h>

static void (*sink_fn)(void *, loam_log_level, const char *);
static void *sink_arg;
static loam_log_level least_level = LOAM_LOG_LEVEL_INFO;

void loam_log_set(void (*sink)(void *arg, loam_log_level level, const char *text), void *arg, loam_log_level least)
{
    sink_fn = sink;
    sink_arg = arg;
    least_level = least;
}

void loam_log(loam_log_level level, const char *fmt, ...)
{
    if (!sink_fn || level < least_level)
        return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sink_fn(sink_arg, level, text);
}
