/* Cleaning a prompt as Wan's own code does: ftfy.fix_text (a part of it), html.unescape twice, white space. */
#include <stdlib.h>
#include <string.h>

#include "text/jinja_int.h"
#include "text/unigram_int.h"
#include "text/utf8.h"

/* ---- character references, as Python's html.unescape reads them ---- */

static bool add_char(loam_buf *out, uint32_t cp)
{
    char c[4];
    return loam_buf_add(out, c, loam_utf8_put(c, cp));
}

/* A number from 0x80 to 0x9F means what Windows-1252 has there. */
static const uint16_t windows[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                     0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                     0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                     0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

static void add_number(loam_buf *out, uint32_t n)
{
    if (n >= 0x80 && n <= 0x9F)
        add_char(out, windows[n - 0x80]);
    else if (n == 0 || (n >= 0xD800 && n <= 0xDFFF) || n > 0x10FFFF)
        add_char(out, 0xFFFD);
    else if (n == '\t' || n == '\n' || n == '\f' || n == '\r' ||
             !(n < 0x20 || n == 0x7F || (n >= 0xFDD0 && n <= 0xFDEF) || (n & 0xFFFE) == 0xFFFE))
        add_char(out, n);
}

/* &#123; &#x7b; with or without ";": the length of what is at s[0..n), or 0. */
static size_t read_number(const char *s, size_t n, uint32_t *value)
{
    bool hex = n > 2 && (s[2] == 'x' || s[2] == 'X');
    size_t at = hex ? 3 : 2, first = at;
    *value = 0;
    for (; at < n; at++) {
        int d = s[at] >= '0' && s[at] <= '9'          ? s[at] - '0'
                : hex && s[at] >= 'a' && s[at] <= 'f' ? s[at] - 'a' + 10
                : hex && s[at] >= 'A' && s[at] <= 'F' ? s[at] - 'A' + 10
                                                      : -1;
        if (d < 0)
            break;
        if (*value <= 0x110000)
            *value = *value * (hex ? 16 : 10) + (uint32_t)d;
    }
    return at == first ? 0 : at < n && s[at] == ';' ? at + 1 : at;
}

typedef struct name_key {
    const char *s;
    size_t n;
} name_key;

static int compare_name(const void *key, const void *entry)
{
    const name_key *k = key;
    const char *name = ((const loam_html_entity *)entry)->name;
    int c = strncmp(k->s, name, k->n);
    return c ? c : name[k->n] ? -1 : 0;
}

static const loam_html_entity *find_entity(const char *s, size_t n)
{
    name_key k = {s, n};
    return n && !memchr(s, 0, n)
               ? bsearch(&k, loam_html_entities, loam_html_n_entities, sizeof *loam_html_entities, compare_name)
               : NULL;
}

/* Appends what the "&" at s[0..n) begins and returns how much of s that was. strict, ftfy's way: only whole references
 * with their ";" count, and others stay. */
static size_t unescape_one(const char *s, size_t n, bool strict, loam_buf *out)
{
    uint32_t value;
    size_t len = n > 1 && s[1] == '#' ? read_number(s, n, &value) : 0;
    if (len) {
        if (strict && (s[len - 1] != ';' || len > 1 + 25 + 1))
            loam_buf_add(out, s, len);
        else
            add_number(out, value);
        return len;
    }
    size_t end = 1; /* the name: up to 32 characters other than \t\n\f <&#; */
    for (int k = 0; k < 32 && end < n && !(strchr("\t\n\f <&#;", s[end]) && s[end]); k++) {
        uint32_t cp;
        end += loam_utf8_next(s + end, n - end, &cp);
    }
    bool closed = end < n && s[end] == ';';
    const loam_html_entity *e = closed ? find_entity(s + 1, end - 1) : NULL;
    if (e) {
        loam_buf_str(out, e->text);
        return end + 1;
    }
    for (size_t x = end; !strict && x > 2; x--) {
        e = find_entity(s + 1, x - 1);
        if (e && e->bare) {
            loam_buf_str(out, e->text);
            return x;
        }
    }
    loam_buf_add(out, s, end);
    return end;
}

static void unescape(const char *s, size_t n, bool strict, loam_buf *out)
{
    for (size_t i = 0; i < n && !out->failed;) {
        const char *amp = memchr(s + i, '&', n - i);
        size_t plain = amp ? (size_t)(amp - s) - i : n - i;
        loam_buf_add(out, s + i, plain);
        i += plain;
        if (amp)
            i += unescape_one(s + i, n - i, strict, out);
    }
}

/* ---- ftfy ---- */

/* ESC [ numbers letter: the length of one at s[0..n), or 0. */
static size_t terminal_escape(const char *s, size_t n)
{
    size_t i = 2;
    if (n < 3 || s[0] != 0x1B || s[1] != '[')
        return 0;
    while (i < n && ((s[i] >= '0' && s[i] <= '9') || s[i] == ';'))
        i++;
    return i < n && ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z')) ? i + 1 : 0;
}

static bool is_dropped(uint32_t c)
{
    return c < 9 || c == 0x0B || (c >= 0x0E && c < 0x20) || c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xFFF9 && c <= 0xFFFC);
}

/* Quotes, line breaks, escapes and control characters. */
static void straighten(const char *s, size_t n, loam_buf *out)
{
    for (size_t i = 0; i < n && !out->failed;) {
        size_t escape = terminal_escape(s + i, n - i);
        uint32_t cp;
        size_t len = escape ? escape : loam_utf8_next(s + i, n - i, &cp);
        if (escape) {
            i += len;
            continue;
        }
        if (cp == 0x2BC || (cp >= 0x2018 && cp <= 0x201B))
            loam_buf_char(out, '\'');
        else if (cp >= 0x201C && cp <= 0x201F)
            loam_buf_char(out, '"');
        else if (cp == '\r' || cp == 0x2028 || cp == 0x2029 || cp == 0x85)
            loam_buf_char(out, '\n');
        else if (cp == LOAM_UTF8_INVALID)
            add_char(out, 0xFFFD);
        else if (!is_dropped(cp))
            loam_buf_add(out, s + i, len);
        i += len;
    }
}

static void collapse(const char *s, size_t n, loam_buf *out)
{
    size_t start = out->len;
    bool space = false;
    for (size_t i = 0; i < n && !out->failed;) {
        uint32_t cp;
        size_t len = loam_utf8_next(s + i, n - i, &cp);
        if (cp != LOAM_UTF8_INVALID && loam_jj_is_space(cp)) {
            space = true;
        } else {
            if (space && out->len > start)
                loam_buf_char(out, ' ');
            space = false;
            loam_buf_add(out, s + i, len);
        }
        i += len;
    }
}

loam_status loam_unigram_clean(const char *text, size_t len, loam_buf *out, loam_err *err)
{
    loam_buf a, b;
    if (len > LOAM_UNIGRAM_MAX_TEXT)
        LOAM_FAIL(err, TOO_LARGE, "the prompt has %zu bytes, at most %zu are allowed", len, LOAM_UNIGRAM_MAX_TEXT);
    loam_buf_init(&a, 4 * LOAM_UNIGRAM_MAX_TEXT);
    loam_buf_init(&b, 4 * LOAM_UNIGRAM_MAX_TEXT);
    if (len && memchr(text, '<', len))
        loam_buf_add(&a, text, len);
    else
        unescape(text, len, true, &a);
    straighten(loam_buf_text(&a), a.len, &b);
    loam_buf_truncate(&a, 0);
    unescape(loam_buf_text(&b), b.len, false, &a);
    loam_buf_truncate(&b, 0);
    unescape(loam_buf_text(&a), a.len, false, &b);
    collapse(loam_buf_text(&b), b.len, out);
    bool failed = a.failed || b.failed || out->failed;
    loam_buf_deinit(&a);
    loam_buf_deinit(&b);
    if (failed)
        LOAM_FAIL(err, TOO_LARGE, "the prompt is too long after it was cleaned");
    return LOAM_OK;
}
