/* A long download seen from the terminal: a bar with rate and time left where there is a terminal, a line now and then
 * where the output is a log. */
#ifndef LOAM_CLI_PROGRESS_H
#define LOAM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct loam_progress {
    bool terminal;
    char stage[32];
    double stage_began_s, shown_s; /* clock */
    uint64_t stage_began_done;     /* a resumed download does not begin at 0 */
    int shown_percent;
} loam_progress;

void loam_progress_begin(loam_progress *p);
/* A loam_progress_fn (service/models.h) with a loam_progress behind arg: false once the user interrupts. */
bool loam_progress_step(void *arg, const char *stage, uint64_t done, uint64_t total);
/* Leaves the terminal on a fresh line. */
void loam_progress_end(loam_progress *p);
/* The line that step shows, without bar or newline: "downloading  43.2 MB of 92.9 MB  12.3 MB/s  0:04 left". The rate
 * counts what came within elapsed_s, since `from`. */
void loam_progress_format(char *out, int size, const char *stage, uint64_t from, uint64_t done, uint64_t total,
                          double elapsed_s);

#endif
