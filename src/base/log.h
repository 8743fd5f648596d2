/* Log lines go to one function that main sets; by default nowhere, so that a library user hears nothing. */
#ifndef LOAM_BASE_LOG_H
#define LOAM_BASE_LOG_H

#include "base/status.h"

typedef enum loam_log_level {
    LOAM_LOG_LEVEL_DEBUG,
    LOAM_LOG_LEVEL_INFO,
    LOAM_LOG_LEVEL_WARN,
    LOAM_LOG_LEVEL_ERROR
} loam_log_level;

/* sink may be called from any thread at once; text is one line without newline, borrowed for the call. NULL: silence.
 */
void loam_log_set(void (*sink)(void *arg, loam_log_level level, const char *text), void *arg, loam_log_level least);
void loam_log(loam_log_level level, const char *fmt, ...) LOAM_PRINTF(2, 3);

#endif
