#include "cli/making.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "service/thumbnail.h"

void loam_making_begin(loam_making *m)
{
    *m = (loam_making){.terminal = isatty(STDERR_FILENO)};
}

static bool cancelled(void *ctx)
{
    (void)ctx;
    return loam_interrupt_raised();
}

static void show_time(char *out, size_t size, double s)
{
    if (s < 60)
        snprintf(out, size, "%.0f s", s);
    else
        snprintf(out, size, "%d:%02d", (int)(s / 60), (int)s % 60);
}

/* A bar on a terminal; in a log a line at each quarter of a stage. */
static void progress(void *ctx, const char *stage, int step, int n_steps)
{
    enum { WIDTH = 24 };
    loam_making *v = ctx;
    double now = loam_clock_s();
    if (strcmp(stage, v->stage) != 0) {
        snprintf(v->stage, sizeof v->stage, "%s", stage);
        v->began_s = now;
        v->shown = -1;
    }
    double per = step > 0 ? (now - v->began_s) / step : 0;
    char left[32] = "";
    if (per > 0 && step < n_steps) {
        char t[24];
        show_time(t, sizeof t, per * (n_steps - step));
        snprintf(left, sizeof left, "  %.2f s each  %s left", per, t);
    }
    if (v->terminal) {
        int full = n_steps > 0 ? WIDTH * step / n_steps : 0;
        char bar[WIDTH + 1];
        for (int i = 0; i < WIDTH; i++)
            bar[i] = i < full ? '#' : '.';
        bar[WIDTH] = '\0';
        fprintf(stderr, "\r%-7s [%s] %d/%d%s\x1b[K", stage, bar, step, n_steps, left);
    } else if (n_steps > 0 && (v->shown < 0 || step == n_steps || step * 4 / n_steps > v->shown)) {
        fprintf(stderr, "%s %d/%d%s\n", stage, step, n_steps, left);
        v->shown = step * 4 / n_steps;
    }
}

int loam_making_failed(const loam_err *err)
{
    fprintf(stderr, "loam: %s\n", err->msg);
    return err->code == LOAM_STATUS_CANCELLED ? LOAM_EXIT_INTERRUPTED : LOAM_EXIT_FAILURE;
}

loam_images_watch loam_making_watch(loam_making *m)
{
    return (loam_images_watch){m, cancelled, progress, NULL, 0};
}

void loam_making_end(loam_making *m)
{
    if (m->terminal)
        fprintf(stderr, "\r\x1b[K");
}

void loam_making_show(const loam_picture *p)
{
    enum { COLUMNS = 48, MAX_BYTES = 32 << 20 };
    loam_buf text;
    loam_err err;
    if (!isatty(STDOUT_FILENO))
        return;
    loam_buf_init(&text, MAX_BYTES);
    loam_terminal_kind kind = loam_terminal_kind_of(getenv("TERM"), getenv("TERM_PROGRAM"), getenv("COLORTERM"));
    if (loam_thumbnail_format(p, kind, COLUMNS, &text, &err) == LOAM_OK) /* a picture that is not shown is no error */
        fwrite(loam_buf_text(&text), 1, text.len, stdout);
    fflush(stdout);
    loam_buf_deinit(&text);
}
