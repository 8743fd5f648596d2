/* Forms (multipart/form-data, RFC 7578), as clients send pictures. */
#ifndef LOAM_HTTP_FORM_H
#define LOAM_HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum { LOAM_HTTP_PARTS_MAX = 64, LOAM_HTTP_PART_NAME_MAX = 64 };

typedef struct loam_http_part {
    char name[LOAM_HTTP_PART_NAME_MAX];
    bool file;        /* it has a file name */
    const char *data; /* [n] in the body, not NUL-terminated */
    size_t n;
} loam_http_part;

typedef struct loam_http_form {
    loam_http_part parts[LOAM_HTTP_PARTS_MAX];
    int n;
} loam_http_form;

/* Finds the parts of body[0..len), which they point into. INVALID says what is wrong with it. */
LOAM_CHECK_RESULT loam_status loam_http_form_parse(const char *content_type, const char *body, size_t len,
                                                   loam_http_form *out, loam_err *err);

#endif
