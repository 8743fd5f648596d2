#define _GNU_SOURCE
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/report.h"

enum { BAR_CELLS = 24, LOG_STEP_PERCENT = 10 };
static const double TERMINAL_EVERY_S = 0.1, LOG_AT_LEAST_S = 1, LOG_EVERY_S = 15, RATE_AFTER_S = 0.5;

void loam_progress_begin(loam_progress *p)
{
    *p = (loam_progress){.terminal = isatty(STDERR_FILENO)};
}

void loam_progress_format(char *out, int size, const char *stage, uint64_t from, uint64_t done, uint64_t total,
                          double elapsed_s)
{
    char have[32], all[32], rate[32];
    int n = snprintf(out, (size_t)size, "%s  %s", stage, loam_report_bytes(done, have));
    if (total && n < size)
        n += snprintf(out + n, (size_t)(size - n), " of %s", loam_report_bytes(total, all));
    if (elapsed_s < RATE_AFTER_S || done <= from || n >= size)
        return;
    double per_s = (double)(done - from) / elapsed_s;
    n += snprintf(out + n, (size_t)(size - n), "  %s/s", loam_report_bytes((uint64_t)per_s, rate));
    if (total <= done || n >= size)
        return;
    double left = (double)(total - done) / per_s;
    if (left < 3600)
        snprintf(out + n, (size_t)(size - n), "  %d:%02d left", (int)(left + 0.5) / 60, (int)(left + 0.5) % 60);
    else if (left < 360000)
        snprintf(out + n, (size_t)(size - n), "  %d h %d min left", (int)left / 3600, (int)left % 3600 / 60);
}

static void show_bar(const char *line, int percent)
{
    char bar[BAR_CELLS + 1];
    int full = percent * BAR_CELLS / 100;
    memset(bar, '-', BAR_CELLS);
    memset(bar, '#', (size_t)full);
    bar[BAR_CELLS] = 0;
    if (percent >= 0)
        fprintf(stderr, "\r[%s] %3d%%  %s\x1b[K", bar, percent, line);
    else
        fprintf(stderr, "\r%s\x1b[K", line);
    fflush(stderr);
}

bool loam_progress_step(void *arg, const char *stage, uint64_t done, uint64_t total)
{
    loam_progress *p = arg;
    double now = loam_clock_s();
    bool fresh = strcmp(stage, p->stage) != 0;
    if (fresh) {
        if (p->terminal && p->stage[0])
            fputc('\n', stderr);
        snprintf(p->stage, sizeof p->stage, "%s", stage);
        p->stage_began_s = now;
        p->stage_began_done = done;
        p->shown_percent = 0;
    }
    int percent = total ? (int)((double)(done < total ? done : total) * 100 / (double)total) : -1;
    double since_s = now - p->shown_s;
    bool due = p->terminal ? since_s >= TERMINAL_EVERY_S
                           : since_s >= LOG_EVERY_S ||
                                 (since_s >= LOG_AT_LEAST_S && percent >= p->shown_percent + LOG_STEP_PERCENT);
    if (fresh || due || (total && done >= total && p->shown_percent < 100)) {
        char line[160];
        loam_progress_format(line, sizeof line, stage, p->stage_began_done, done, total, now - p->stage_began_s);
        if (p->terminal)
            show_bar(line, percent);
        else
            fprintf(stderr, "%s\n", line);
        p->shown_s = now;
        p->shown_percent = percent;
    }
    return !loam_interrupt_raised();
}

void loam_progress_end(loam_progress *p)
{
    if (p->terminal && p->stage[0])
        fputc('\n', stderr);
}
