/* Lines typed at the terminal, with editing and history; the one file that knows libedit is line.c. A paste of several
 * lines arrives as one: the terminal brackets it (xterm's mode 2004), and its line breaks show as ⏎ until Enter. */
#ifndef LOAM_CLI_LINE_H
#define LOAM_CLI_LINE_H

#include "base/buf.h"
#include "base/status.h"

typedef struct loam_line loam_line;

typedef enum loam_line_end { LOAM_LINE_END_ENTER, LOAM_LINE_END_EOF, LOAM_LINE_END_INTERRUPT } loam_line_end;

/* Takes over stdin and stdout, which are a terminal; interrupts (cli/interrupt.h) are begun by the caller. program
 * names the section of ~/.editrc. history_path: read now, written at close; NULL: none. Owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_line_open(const char *program, const char *history_path, loam_line **out,
                                             loam_err *err);
void loam_line_close(loam_line *l);
/* Shows prompt and puts what was typed into `out` (emptied first), without its last newline. A line that ends in a
 * backslash goes on in the next. INTERRUPT: Ctrl-C; what was typed so far is dropped. */
loam_line_end loam_line_read(loam_line *l, const char *prompt, loam_buf *out);

#endif
