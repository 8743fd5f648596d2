/* What the program says to the person at the terminal besides its results: errors, log lines, dim remarks. */
#ifndef LOAM_CLI_REPORT_H
#define LOAM_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/status.h"

/* "loam: sentence" on stderr; returns the exit code for it (INTERRUPTED for CANCELLED, else FAILURE). */
int loam_report_error(const loam_err *err);
/* Lets base/log.h write to stderr, lines of at least this level. */
void loam_report_log_begin(loam_log_level least);
/* Whether to colour what goes to `to`: a terminal, and NO_COLOR (no-color.org) is not set. */
bool loam_report_colours(FILE *to);
/* A number of bytes for people, "98.4 MB", in out[32]; returns out. */
const char *loam_report_bytes(uint64_t n, char out[32]);

#endif
