/* Forms (multipart/form-data, RFC 7578), as clients send pictures. */
#ifndef LOAM_HTTP_FORM_H
#define LOAM_HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http_int.h"

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
/* The text parts as an object: numbers and switches, as far as their names say so, else strings; "x[]" becomes an array
 * "x". Files are left out. INVALID for a name that comes twice, and for text that is no UTF-8. New reference. */
LOAM_CHECK_RESULT loam_status loam_http_form_object(const loam_http_form *form, json_t **out, loam_err *err);
/* routes.c: the body of x as an object: a form's or JSON's. form: its parts (n 0 for JSON), which point into x's body.
 * On failure the reply is set and NULL returned. New reference. */
json_t *loam_http_form_or_object(loam_http_exchange *x, loam_http_form *form);

#endif
