/* Other programs as judges: run, with what they print. */
#ifndef FORMAT_TOOL_H
#define FORMAT_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Whether a program of that name can be run. */
bool tool_exists(const char *name);
/* What the shell command prints on its standard output, NUL-terminated, owned by the caller (free); its exit status
 * must be 0, or the test fails with the command's text. */
char *tool_output(size_t *n, const char *fmt, ...) LOAM_PRINTF(2, 3);
/* A fresh folder; static buffer. tool_folder_remove deletes it with the files in it. */
const char *tool_folder(void);
void tool_folder_remove(void);
/* Path of a file in it; static buffer. */
const char *tool_path(const char *name);

#endif
