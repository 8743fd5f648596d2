/* A growing byte buffer with a maximum. Appending past the maximum, or without memory, sets `failed` and keeps what
 * was there, so that a long formatter checks once at its end. Always NUL-terminated once something was appended. */
#ifndef LOAM_BASE_BUF_H
#define LOAM_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct loam_buf {
    char *data; /* owned; NULL while empty */
    size_t len, cap, max;
    bool failed;
} loam_buf;

/* max_bytes > 0. Nothing is allocated yet. */
void loam_buf_init(loam_buf *b, size_t max_bytes);
/* Frees the bytes; the buffer may be initialised again. */
void loam_buf_deinit(loam_buf *b);
/* Each returns false, and sets failed, when the bytes did not fit; then nothing was appended. */
bool loam_buf_add(loam_buf *b, const void *bytes, size_t n);
bool loam_buf_str(loam_buf *b, const char *s);
bool loam_buf_char(loam_buf *b, char c);
bool loam_buf_printf(loam_buf *b, const char *fmt, ...) LOAM_PRINTF(2, 3);
/* Drops all but the first n bytes (n ≤ len). */
void loam_buf_truncate(loam_buf *b, size_t n);
/* The bytes, never NULL ("" while empty). Borrowed until the next change. */
const char *loam_buf_text(const loam_buf *b);
/* Gives the bytes to the caller (free with free()) and empties the buffer; NULL when out of memory. */
char *loam_buf_take(loam_buf *b);

#endif
