/* A picture as text that a terminal shows as a picture. */
#ifndef LOAM_SERVICE_THUMBNAIL_H
#define LOAM_SERVICE_THUMBNAIL_H

#include "base/buf.h"
#include "format/picture.h"

typedef enum loam_terminal_kind {
    LOAM_TERMINAL_PLAIN,  /* shows no pictures */
    LOAM_TERMINAL_BLOCKS, /* 24-bit colours: two pixels a character */
    LOAM_TERMINAL_KITTY,  /* kitty's graphics protocol */
    LOAM_TERMINAL_ITERM,  /* iTerm2's inline images */
} loam_terminal_kind;

/* What a terminal can, by the variables of its environment (NULL: not set). */
loam_terminal_kind loam_terminal_kind_of(const char *term, const char *term_program, const char *colorterm);
/* Appends the picture, `columns` characters wide at most, and a line break. PLAIN appends nothing. */
LOAM_CHECK_RESULT loam_status loam_thumbnail_format(const loam_picture *p, loam_terminal_kind kind, int columns,
                                                    loam_buf *out, loam_err *err);

#endif
