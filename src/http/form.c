/* The body of a form is taken apart in place:
 *
 *     --BOUNDARY CRLF  headers CRLF CRLF  data  CRLF--BOUNDARY CRLF  …  CRLF--BOUNDARY--
 */
#define _GNU_SOURCE /* memmem */
#include "http/form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { BOUNDARY_MAX = 70, HEADERS_MAX = 4096 };

/* A parameter ("; name=value" or "; name=\"value\"") of a header's value [0..n). False: it is not there. A value that
 * does not fit is cut. */
static bool read_parameter(const char *s, size_t n, const char *name, char *out, size_t size)
{
    size_t k = strlen(name), at = 0;
    while (at < n) {
        const char *semicolon = memchr(s + at, ';', n - at);
        if (!semicolon)
            return false;
        at = (size_t)(semicolon - s) + 1;
        while (at < n && (s[at] == ' ' || s[at] == '\t'))
            at++;
        bool found = n - at > k && strncasecmp(s + at, name, k) == 0 && s[at + k] == '=';
        size_t used = 0;
        while (at < n && s[at] != '=' && s[at] != ';')
            at++;
        if (at >= n || s[at] != '=')
            continue;
        at++;
        bool quoted = at < n && s[at] == '"';
        for (at += quoted; at < n && s[at] != (quoted ? '"' : ';'); at++) {
            if (quoted && s[at] == '\\' && at + 1 < n && (s[at + 1] == '"' || s[at + 1] == '\\'))
                at++;
            if (found && used + 1 < size)
                out[used++] = s[at];
        }
        at += quoted && at < n;
        while (found && !quoted && used && (out[used - 1] == ' ' || out[used - 1] == '\t'))
            used--;
        if (found) {
            out[used] = 0;
            return true;
        }
    }
    return false;
}

/* The headers of a part: its name, and whether it is a file. */
static loam_status read_headers(const char *s, size_t n, loam_http_part *part, loam_err *err)
{
    static const char disposition[] = "content-disposition:";
    char ignored[8];
    while (n) {
        const char *end = memmem(s, n, "\r\n", 2);
        size_t line = end ? (size_t)(end - s) : n, k = sizeof disposition - 1;
        if (line > k && strncasecmp(s, disposition, k) == 0) {
            if (!read_parameter(s + k, line - k, "name", part->name, sizeof part->name) || !part->name[0])
                LOAM_FAIL(err, INVALID, "a part of the form has no name");
            part->file = read_parameter(s + k, line - k, "filename", ignored, sizeof ignored) ||
                         read_parameter(s + k, line - k, "filename*", ignored, sizeof ignored);
            return LOAM_OK;
        }
        s += end ? line + 2 : line;
        n -= end ? line + 2 : line;
    }
    LOAM_FAIL(err, INVALID, "a part of the form has no Content-Disposition");
}

loam_status loam_http_form_parse(const char *type, const char *body, size_t len, loam_http_form *out, loam_err *err)
{
    char mark[BOUNDARY_MAX + 8] = "\r\n--";
    out->n = 0;
    if (!read_parameter(type, strlen(type), "boundary", mark + 4, sizeof mark - 4) || !mark[4] ||
        strlen(mark) > BOUNDARY_MAX + 4)
        LOAM_FAIL(err, INVALID, "the form's Content-Type names no boundary");
    size_t k = strlen(mark);
    /* the first boundary has no line before it, unless there is a preamble */
    const char *end = body + len,
               *at = len >= k - 2 && memcmp(body, mark + 2, k - 2) == 0 ? body + k - 2 : memmem(body, len, mark, k);
    if (!at)
        LOAM_FAIL(err, INVALID, "the form does not begin with its boundary");
    if (at != body + k - 2)
        at += k;
    for (;;) {
        if (end - at >= 2 && memcmp(at, "--", 2) == 0)
            return LOAM_OK;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
            LOAM_FAIL(err, INVALID, "the form ends in the middle of a boundary");
        at += 2;
        const char *head = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
        if (!head || head - at > HEADERS_MAX)
            LOAM_FAIL(err, INVALID, "a part of the form has headers without an end");
        const char *next = memmem(head + 2, (size_t)(end - head - 2), mark, k);
        if (!next)
            LOAM_FAIL(err, INVALID, "the form ends before its last boundary: it was cut off");
        if (out->n == LOAM_HTTP_PARTS_MAX)
            LOAM_FAIL(err, INVALID, "the form has more than %d parts", LOAM_HTTP_PARTS_MAX);
        loam_http_part *part = &out->parts[out->n];
        *part = (loam_http_part){.data = head + 4, .n = next > head + 4 ? (size_t)(next - head - 4) : 0};
        LOAM_TRY(read_headers(at, (size_t)(head - at), part, err));
        out->n++;
        at = next + k;
    }
}

/* Fields that are numbers or switches in JSON; a form has text only. */
static bool is_number_name(const char *name)
{
    static const char *const names[] = {"n",
                                        "seed",
                                        "steps",
                                        "guidance",
                                        "strength",
                                        "clip_skip",
                                        "hires",
                                        "hires_strength",
                                        "hires_steps",
                                        "tile",
                                        "width",
                                        "height",
                                        "fps",
                                        "shift",
                                        "partial_images",
                                        "output_compression",
                                        "preview_every",
                                        "frames"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static json_t *value_of(const char *name, const loam_http_part *part)
{
    bool is_switch = strcmp(name, "stream") == 0 || strcmp(name, "quick_decode") == 0;
    json_t *v = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (is_switch && part->n == 4 && strncasecmp(part->data, "true", 4) == 0)
        return json_true();
    if (is_switch && part->n == 5 && strncasecmp(part->data, "false", 5) == 0)
        return json_false();
    if (is_number_name(name) && loam_json_parse(part->data, part->n, 64, &v, &err) == LOAM_OK && json_is_number(v))
        return v;
    json_decref(v);
    return json_stringn(part->data, part->n);
}

loam_status loam_http_form_object(const loam_http_form *form, json_t **out, loam_err *err)
{
    json_t *o = json_object();
    *out = NULL;
    for (int i = 0; i < form->n; i++) {
        const loam_http_part *part = &form->parts[i];
        char name[LOAM_HTTP_PART_NAME_MAX];
        size_t n = strlen(part->name);
        bool list = n > 2 && strcmp(part->name + n - 2, "[]") == 0;
        if (part->file)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(list ? n - 2 : n), part->name);
        json_t *v = value_of(name, part), *old = json_object_get(o, name);
        bool twice = old && !(list && json_is_array(old));
        if (!v || twice) {
            json_decref(v);
            json_decref(o);
            LOAM_FAIL(err, INVALID, twice ? "'%s' comes twice" : "'%s' is no UTF-8 text", name);
        }
        if (list && !old)
            json_object_set_new(o, name, old = json_array());
        if (list)
            json_array_append_new(old, v);
        else
            json_object_set_new(o, name, v);
    }
    *out = o;
    return o ? LOAM_OK : loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for a form");
}
