/* Comma-separated values as RFC 4180 has them, one record at a time. */
#include "fleet/chips_int.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A field in quotes: c->at stands behind the opening one. A doubled quote is one quote. */
static loam_status quoted(loam_csv *c, const char **out, loam_err *err)
{
    const char *from = c->at;
    size_t doubled = 0;
    while (c->at < c->end && (*c->at != '"' || (c->at + 1 < c->end && c->at[1] == '"'))) {
        if (*c->at == '\n')
            c->line++;
        doubled += *c->at == '"';
        c->at += *c->at == '"' ? 2 : 1;
    }
    if (c->at >= c->end)
        LOAM_FAIL(err, INVALID, "%s:%d: a quoted field does not end: close it with \"", c->name, c->record_line);
    size_t len = (size_t)(c->at - from);
    char *text = loam_arena_strndup(c->arena, from, len);
    if (!text)
        LOAM_FAIL(err, NO_MEMORY, "%s: no memory for the table", c->name);
    c->at++;
    size_t to = 0;
    for (size_t i = 0; doubled && i < len; i++) {
        text[to++] = text[i];
        i += text[i] == '"';
    }
    if (doubled)
        text[to] = 0;
    *out = text;
    return LOAM_OK;
}

static loam_status plain(loam_csv *c, const char **out, loam_err *err)
{
    const char *from = c->at;
    while (c->at < c->end && *c->at != ',' && *c->at != '\n' && *c->at != '"')
        c->at++;
    if (c->at < c->end && *c->at == '"')
        LOAM_FAIL(err, INVALID, "%s:%d: a quote inside a field: put the whole field in quotes and double the quote",
                  c->name, c->record_line);
    const char *end = c->at;
    while (end > from && (is_blank(end[-1]) || end[-1] == '\r'))
        end--;
    *out = loam_arena_strndup(c->arena, from, (size_t)(end - from));
    if (!*out)
        LOAM_FAIL(err, NO_MEMORY, "%s: no memory for the table", c->name);
    return LOAM_OK;
}

static void skip_blanks(loam_csv *c)
{
    while (c->at < c->end && is_blank(*c->at))
        c->at++;
}

static loam_status field(loam_csv *c, loam_err *err)
{
    if (c->n == LOAM_CSV_MAX_FIELDS)
        LOAM_FAIL(err, INVALID, "%s:%d: more than %d fields", c->name, c->record_line, (int)LOAM_CSV_MAX_FIELDS);
    skip_blanks(c);
    const char **out = &c->fields[c->n++];
    if (c->at == c->end || *c->at != '"')
        return plain(c, out, err);
    c->at++;
    LOAM_TRY(quoted(c, out, err));
    skip_blanks(c);
    if (c->at < c->end && *c->at == '\r')
        c->at++;
    if (c->at < c->end && *c->at != ',' && *c->at != '\n')
        LOAM_FAIL(err, INVALID, "%s:%d: text after a quoted field: a comma or the end of the line was expected",
                  c->name, c->record_line);
    return LOAM_OK;
}

loam_status loam_csv_next(loam_csv *c, bool *more, loam_err *err)
{
    c->n = 0;
    for (; c->at < c->end && (is_blank(*c->at) || *c->at == '\r' || *c->at == '\n'); c->at++)
        c->line += *c->at == '\n';
    *more = c->at < c->end;
    c->record_line = c->line;
    if (!*more)
        return LOAM_OK;
    for (;;) {
        LOAM_TRY(field(c, err));
        if (c->at == c->end)
            return LOAM_OK;
        bool ends = *c->at++ == '\n';
        c->line += ends;
        if (ends)
            return LOAM_OK;
    }
}
