#define _GNU_SOURCE
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"

int loam_report_error(const loam_err *err)
{
    fflush(stdout);
    fprintf(stderr, "loam: %s\n", err->msg[0] ? err->msg : loam_status_text(err->code));
    return err->code == LOAM_STATUS_CANCELLED ? LOAM_EXIT_INTERRUPTED : LOAM_EXIT_FAILURE;
}

static void write_line(void *arg, loam_log_level level, const char *text)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)arg;
    char when[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(when, sizeof when, "%H:%M:%S", localtime_r(&now, &local));
    fprintf(stderr, "%s %s: %s\n", when, names[level], text); /* one call: lines of threads do not mix */
}

void loam_report_log_begin(loam_log_level least)
{
    loam_log_set(write_line, NULL, least);
}

bool loam_report_colours(FILE *to)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(to)) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

const char *loam_report_bytes(uint64_t n, char out[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)n;
    int unit = 0;
    while (v >= 999.95 && unit < 4) {
        v /= 1000;
        unit++;
    }
    snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", v, units[unit]);
    return out;
}
