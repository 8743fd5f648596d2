/* The text that says how a picture was made, in the form that AUTOMATIC1111's web UI began and the programs of the
 * field write and read (PNG's "parameters", EXIF's UserComment, a clip's comment):
 *
 *     a prompt, of one line or more
 *     Negative prompt: what should not be seen, of one line or more
 *     Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model: x, Version: …
 *
 * The last line is one of settings when it holds three "name: value" or begins with "Steps: " and a digit. Values that
 * hold a comma, a colon or a line break are JSON strings; a value that begins as a JSON list or object and is closed
 * before the line ends (Civitai resources, skipped layers, sd.cpp's SDCPP) is taken whole. Lines lose the blanks at
 * their ends; a text without any of this is all prompt. */
#ifndef LOAM_FORMAT_GENERATION_TEXT_H
#define LOAM_FORMAT_GENERATION_TEXT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

enum { LOAM_GENERATION_TEXT_MAX = 4 << 20 }; /* bytes */

typedef struct loam_generation_setting {
    char *key, *value;
} loam_generation_setting;

/* Start it with {0}; NULL prompts are empty ones. All owned. */
typedef struct loam_generation_text {
    char *prompt, *negative;
    loam_generation_setting *settings; /* in the text's order; a name may come twice */
    size_t n_settings;
} loam_generation_text;

void loam_generation_text_deinit(loam_generation_text *g);

/* Copies the two prompts; NULL stands for "". */
LOAM_CHECK_RESULT loam_status loam_generation_text_set_prompts(loam_generation_text *g, const char *prompt,
                                                               const char *negative, loam_err *err);
/* Adds a setting behind the others. Names begin with a letter or a digit and go on with letters, digits, blanks, '_',
 * '-' and '/'; they have two characters at least. */
LOAM_CHECK_RESULT loam_status loam_generation_text_add(loam_generation_text *g, loam_err *err, const char *key,
                                                       const char *value_fmt, ...) LOAM_PRINTF(4, 5);
/* The last value of that name, borrowed, or NULL. */
const char *loam_generation_text_get(const loam_generation_text *g, const char *key);

/* Appends the text to out; fails only when it does not fit. */
LOAM_CHECK_RESULT loam_status loam_generation_text_format(const loam_generation_text *g, loam_buf *out, loam_err *err);
/* Every text of at most LOAM_GENERATION_TEXT_MAX bytes parses; bytes after a NUL are dropped. *g is filled from {0},
 * owned by the caller (deinit), and {0} on failure. */
LOAM_CHECK_RESULT loam_status loam_generation_text_parse(const char *text, size_t n, loam_generation_text *g,
                                                         loam_err *err);

#endif
