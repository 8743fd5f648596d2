/* The door for JSON from outside: size and depth are limited before jansson sees the text. */
#include "format/json.h"

#include <string.h>

#include "format/format_int.h"

enum { MAX_DEPTH = 64 };

/* jansson's own limit is 2048 levels, fixed when it was built; this counts brackets outside strings. Text that is not
 * JSON may be counted wrongly, jansson refuses it afterwards. */
static bool too_deep(const char *text, size_t len)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > MAX_DEPTH)
                return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

loam_status loam_json_parse(const char *text, size_t len, size_t max_bytes, json_t **out, loam_err *err)
{
    *out = NULL;
    if (len > max_bytes)
        LOAM_FAIL(err, TOO_LARGE, "the JSON text has %s bytes, at most %s are allowed", loam_show_count(len).text,
                  loam_show_count(max_bytes).text);
    if (too_deep(text, len))
        LOAM_FAIL(err, INVALID, "the JSON text is nested more than %d levels deep", MAX_DEPTH);
    json_error_t e = {0};
    json_t *v = json_loadb(len ? text : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!v) {
        if (json_error_code(&e) == json_error_out_of_memory)
            LOAM_FAIL(err, NO_MEMORY, "no memory for JSON of %s bytes", loam_show_count(len).text);
        LOAM_FAIL(err, INVALID, "invalid JSON at line %d, column %d: %s", e.line, e.column,
                  loam_show_name(e.text, strlen(e.text)).text);
    }
    *out = v;
    return LOAM_OK;
}

static int add_to_buf(const char *bytes, size_t n, void *buf)
{
    return loam_buf_add(buf, bytes, n) ? 0 : -1;
}

bool loam_json_format(const json_t *v, loam_buf *out)
{
    size_t before = out->len;
    if (!out->failed && json_dump_callback(v, add_to_buf, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
        return true;
    loam_buf_truncate(out, before);
    out->failed = true;
    return false;
}

bool loam_json_format_str(const char *s, size_t len, loam_buf *out)
{
    size_t before = out->len, plain = 0; /* s[plain..i) needs no escape and was not appended yet */
    loam_buf_char(out, '"');
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        int step = loam_utf8_step(s + i, len - i, &cp);
        if (step > 0 && cp >= 0x20 && cp != '"' && cp != '\\' && cp != 0x7F) {
            i += (size_t)step;
            continue;
        }
        loam_buf_add(out, s + plain, i - plain);
        if (step == 0)
            loam_buf_str(out, "\xEF\xBF\xBD");
        else if (cp == '"' || cp == '\\')
            loam_buf_printf(out, "\\%c", (char)cp);
        else if (cp == '\n')
            loam_buf_str(out, "\\n");
        else if (cp == '\t')
            loam_buf_str(out, "\\t");
        else if (cp == '\r')
            loam_buf_str(out, "\\r");
        else
            loam_buf_printf(out, "\\u%04x", cp);
        plain = i += step > 0 ? (size_t)step : 1;
    }
    loam_buf_add(out, s + plain, len - plain);
    if (loam_buf_char(out, '"'))
        return true;
    loam_buf_truncate(out, before);
    return false;
}
