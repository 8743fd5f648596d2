/* What the tests of prompts share; each file is a program of its own. */
#ifndef TEST_PROMPT_H
#define TEST_PROMPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"

/* A path below tests/golden/prompt; static buffer. */
static inline const char *golden_path(const char *name)
{
    static char path[4096];
    const char *root = getenv("LOAM_ROOT");
    snprintf(path, sizeof path, "%s/tests/golden/prompt/%s", root ? root : LOAM_SOURCE_ROOT, name);
    return path;
}

/* A whole golden file, owned by the caller. */
static inline char *golden_bytes(const char *name, size_t *len)
{
    loam_err err = LOAM_ERR_INIT;
    char *text = NULL;
    if (loam_file_read(golden_path(name), 16 << 20, &text, len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return text;
}

static inline json_t *golden_json(const char *name)
{
    loam_err err = LOAM_ERR_INIT;
    size_t len;
    char *text = golden_bytes(name, &len);
    json_t *v = NULL;
    if (loam_json_parse(text, len, 16 << 20, &v, &err) != LOAM_OK)
        fail_msg("%s: %s", name, err.msg);
    free(text);
    return v;
}

/* Fails with the text and the first difference. */
static inline void assert_same_ids(const char *what, const char *text, const int32_t *got, size_t n, const json_t *want)
{
    size_t n_want = json_array_size(want);
    for (size_t i = 0; i < n && i < n_want; i++)
        if (got[i] != json_integer_value(json_array_get(want, i)))
            fail_msg("%s: '%s': token %zu is %d, want %d", what, text, i, (int)got[i],
                     (int)json_integer_value(json_array_get(want, i)));
    if (n != n_want)
        fail_msg("%s: '%s': %zu tokens, want %zu", what, text, n, n_want);
}

#endif
