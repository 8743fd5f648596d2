/* JSON through jansson, the one header that knows it. Everything that parses input from outside goes through
 * loam_json_parse, which limits size and depth. Values are jansson's own (json_t, reference-counted). */
#ifndef LOAM_FORMAT_JSON_H
#define LOAM_FORMAT_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

/* Parses one JSON value (any kind) of at most max_bytes and depth 64; duplicate keys are refused. The message has line
 * and column. *out is a new reference owned by the caller (json_decref). */
LOAM_CHECK_RESULT loam_status loam_json_parse(const char *text, size_t len, size_t max_bytes, json_t **out,
                                              loam_err *err);
/* Appends compact JSON; false when it does not fit. */
bool loam_json_format(const json_t *v, loam_buf *out);
/* Appends s[0..len) as a quoted JSON string; invalid UTF-8 becomes U+FFFD. */
bool loam_json_format_str(const char *s, size_t len, loam_buf *out);

#endif
