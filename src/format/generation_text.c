#define _GNU_SOURCE
#include "format/generation_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format_int.h"
#include "format/json.h"

static const char negative_mark[] = "Negative prompt:";
enum { MIN_SETTINGS = 3, MAX_DEPTH = 64 };

void loam_generation_text_deinit(loam_generation_text *g)
{
    for (size_t i = 0; i < g->n_settings; i++) {
        free(g->settings[i].key);
        free(g->settings[i].value);
    }
    free(g->settings);
    free(g->prompt);
    free(g->negative);
    *g = (loam_generation_text){0};
}

static loam_status no_memory(loam_err *err)
{
    LOAM_FAIL(err, NO_MEMORY, "no memory for the text of how a picture was made");
}

loam_status loam_generation_text_set_prompts(loam_generation_text *g, const char *prompt, const char *negative,
                                             loam_err *err)
{
    char *p = strdup(prompt ? prompt : ""), *n = strdup(negative ? negative : "");
    if (!p || !n) {
        free(p);
        free(n);
        return no_memory(err);
    }
    free(g->prompt);
    free(g->negative);
    g->prompt = p;
    g->negative = n;
    return LOAM_OK;
}

/* ---- settings ---- */

/* Letters beyond ASCII count; which of them are letters is not looked up. */
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}
static bool is_key_char(char c)
{
    return is_word(c) || c == ' ' || c == '-' || c == '/';
}
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes both, also on failure. */
static loam_status push(loam_generation_text *g, char *key, char *value, loam_err *err)
{
    loam_generation_setting *list =
        key && value ? realloc(g->settings, (g->n_settings + 1) * sizeof *g->settings) : NULL;
    if (!list) {
        free(key);
        free(value);
        return no_memory(err);
    }
    g->settings = list;
    list[g->n_settings++] = (loam_generation_setting){key, value};
    return LOAM_OK;
}

loam_status loam_generation_text_add(loam_generation_text *g, loam_err *err, const char *key, const char *value_fmt,
                                     ...)
{
    size_t n = strlen(key), i = 0;
    while (i < n && (i == 0 ? is_word(key[i]) : is_key_char(key[i])))
        i++;
    if (n < 2 || i < n || key[n - 1] == ' ')
        LOAM_FAIL(err, INVALID, "'%s' cannot be the name of a setting of a picture", loam_show_name(key, n).text);
    char *value;
    va_list ap;
    va_start(ap, value_fmt);
    int len = vasprintf(&value, value_fmt, ap);
    va_end(ap);
    return push(g, strdup(key), len < 0 ? NULL : value, err);
}

const char *loam_generation_text_get(const loam_generation_text *g, const char *key)
{
    for (size_t i = g->n_settings; i-- > 0;)
        if (strcmp(g->settings[i].key, key) == 0)
            return g->settings[i].value;
    return NULL;
}

/* ---- writing ---- */

/* More than the web UI puts in quotes, which reads all in quotes: what would not come back here without. */
static bool needs_quotes(const char *v)
{
    size_t n = strlen(v);
    if (n == 0 || v[0] == '"' || v[0] == '[' || v[0] == '{' || v[0] == ' ' || v[n - 1] == ' ')
        return true;
    for (size_t i = 0; i < n; i++)
        if (v[i] == ',' || v[i] == ':' || (unsigned char)v[i] < 32)
            return true;
    return false;
}

loam_status loam_generation_text_format(const loam_generation_text *g, loam_buf *out, loam_err *err)
{
    size_t had = out->len;
    loam_buf_str(out, g->prompt ? g->prompt : "");
    if (g->negative && g->negative[0])
        loam_buf_printf(out, "\n%s %s", negative_mark, g->negative);
    for (size_t i = 0; i < g->n_settings; i++) {
        const char *value = g->settings[i].value;
        loam_buf_printf(out, "%s%s: ", i ? ", " : "\n", g->settings[i].key);
        if (needs_quotes(value))
            loam_json_format_str(value, strlen(value), out);
        else
            loam_buf_str(out, value);
    }
    if (out->failed) {
        loam_buf_truncate(out, had);
        LOAM_FAIL(err, TOO_LARGE, "the text of how the picture was made does not fit into %zu bytes", out->max);
    }
    return LOAM_OK;
}

/* ---- reading ---- */

/* Where the JSON string that begins at s[at] ends (behind its quote), or 0. */
static size_t skip_string(const char *s, size_t n, size_t at)
{
    for (size_t i = at + 1; i < n; i++) {
        if (s[i] == '\\')
            i++;
        else if (s[i] == '"')
            return i + 1;
    }
    return 0;
}

/* Where the JSON list or object that begins at s[at] ends, by its brackets; 0 when they do not close. */
static size_t skip_brackets(const char *s, size_t n, size_t at)
{
    char open[MAX_DEPTH];
    int depth = 0;
    for (size_t i = at; i < n; i++) {
        if (s[i] == '"') {
            i = skip_string(s, n, i);
            if (i == 0)
                return 0;
            i--;
        } else if (s[i] == '[' || s[i] == '{') {
            if (depth == MAX_DEPTH)
                return 0;
            open[depth++] = s[i] == '[' ? ']' : '}';
        } else if (s[i] == ']' || s[i] == '}') {
            if (open[--depth] != s[i])
                return 0;
            if (depth == 0)
                return i + 1;
        }
    }
    return 0;
}

typedef struct span {
    size_t from, to; /* to is behind the last */
} span;

/* The next "name: value" at or behind *at, in s[0..n), one line; *at moves behind it and its comma. */
static bool next_setting(const char *s, size_t n, size_t *at, span *key, span *value)
{
    size_t i = *at;
    for (;;) {
        while (i < n && !is_word(s[i]))
            i++;
        key->from = i;
        while (i < n && is_key_char(s[i]))
            i++;
        key->to = i;
        if (i >= n)
            return false;
        if (s[i] == ':' && key->to - key->from >= 2)
            break;
    }
    i++;
    while (i < n && is_blank(s[i]))
        i++;
    size_t end = 0;
    if (i < n && s[i] == '"')
        end = skip_string(s, n, i);
    else if (i < n && (s[i] == '[' || s[i] == '{'))
        end = skip_brackets(s, n, i);
    if (end == 0 || end > n || (end < n && s[end] != ',')) {
        const char *comma = memchr(s + i, ',', n - i);
        end = comma ? (size_t)(comma - s) : n;
    }
    *value = (span){i, end};
    *at = end < n ? end + 1 : n;
    return true;
}

/* A value as it stands, or what it says as a JSON string. NULL when out of memory. */
static char *unquote(const char *s, size_t n)
{
    loam_err ignored = LOAM_ERR_INIT;
    json_t *v;
    if (n >= 2 && s[0] == '"' && s[n - 1] == '"' &&
        loam_json_parse(s, n, LOAM_GENERATION_TEXT_MAX, &v, &ignored) == LOAM_OK) {
        char *text = json_is_string(v) ? strdup(json_string_value(v)) : NULL;
        bool is_text = json_is_string(v);
        json_decref(v);
        if (is_text)
            return text;
    }
    return strndup(s, n);
}

static bool is_settings_line(const char *s, size_t n)
{
    span key, value;
    size_t at = 0;
    int found = 0;
    if (n > 7 && memcmp(s, "Steps: ", 7) == 0 && s[7] >= '0' && s[7] <= '9')
        return true;
    while (found < MIN_SETTINGS && next_setting(s, n, &at, &key, &value))
        found++;
    return found == MIN_SETTINGS;
}

static loam_status read_settings(const char *s, size_t n, loam_generation_text *g, loam_err *err)
{
    span key, value;
    for (size_t at = 0; next_setting(s, n, &at, &key, &value);)
        if (value.to > value.from) /* one without a value says nothing */
            LOAM_TRY(
                push(g, strndup(s + key.from, key.to - key.from), unquote(s + value.from, value.to - value.from), err));
    return LOAM_OK;
}

static span trim(const char *s, size_t from, size_t to)
{
    while (from < to && is_blank(s[from]))
        from++;
    while (to > from && is_blank(s[to - 1]))
        to--;
    return (span){from, to};
}

/* Empty lines before the first that is not are dropped. */
static void add_line(loam_buf *b, const char *s, size_t n)
{
    if (b->len)
        loam_buf_char(b, '\n');
    loam_buf_add(b, s, n);
}

static loam_status parse(const char *text, size_t n, loam_buf *prompt, loam_buf *negative, loam_generation_text *g,
                         loam_err *err)
{
    span all = trim(text, 0, n);
    const char *s = text + all.from;
    n = all.to - all.from;
    size_t last = n;
    while (last > 0 && s[last - 1] != '\n')
        last--;
    bool settings = is_settings_line(s + last, n - last);
    loam_buf *into = prompt;
    /* without settings the last line is one of a prompt */
    for (size_t at = 0, end; at < (settings ? last : n); at = end + 1) {
        const char *feed = memchr(s + at, '\n', n - at);
        end = feed ? (size_t)(feed - s) : n;
        span line = trim(s, at, end);
        size_t mark = sizeof negative_mark - 1;
        if (line.to - line.from >= mark && memcmp(s + line.from, negative_mark, mark) == 0) {
            into = negative;
            line = trim(s, line.from + mark, line.to);
        }
        add_line(into, s + line.from, line.to - line.from);
    }
    if (settings)
        LOAM_TRY(read_settings(s + last, n - last, g, err));
    if (prompt->failed || negative->failed)
        return no_memory(err);
    return loam_generation_text_set_prompts(g, loam_buf_text(prompt), loam_buf_text(negative), err);
}

loam_status loam_generation_text_parse(const char *text, size_t n, loam_generation_text *g, loam_err *err)
{
    loam_buf prompt, negative;
    *g = (loam_generation_text){0};
    n = strnlen(text, n);
    if (n > LOAM_GENERATION_TEXT_MAX)
        LOAM_FAIL(err, TOO_LARGE, "a text of how a picture was made has at most %d bytes, this one %zu",
                  LOAM_GENERATION_TEXT_MAX, n);
    loam_buf_init(&prompt, n + 1);
    loam_buf_init(&negative, n + 1);
    loam_status s = parse(text, n, &prompt, &negative, g, err);
    loam_buf_deinit(&prompt);
    loam_buf_deinit(&negative);
    if (s != LOAM_OK)
        loam_generation_text_deinit(g);
    return s;
}
