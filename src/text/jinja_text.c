/* Pieces of Python's str that filters and methods share: case, strip, replace, lines, padding, HTML escapes, numbers.
 */
#include "text/jinja_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool take(jj *j, loam_buf *b, bool markup, jj_val *out)
{
    JJ_TRY(loam_jj_str_take(j, b, out));
    out->s->markup = markup;
    return true;
}

static void put(loam_buf *b, uint32_t c)
{
    char text[4];
    loam_buf_add(b, text, loam_jj_utf8_put(c, text));
}

/* A capital sigma becomes ς at the end of a word (Unicode 3.13, Final_Sigma). */
static bool is_final_sigma(const jj_str *s, size_t at, size_t after)
{
    bool before = false, behind = false;
    while (at > 0) {
        size_t i = at - 1;
        while (i > 0 && ((unsigned char)s->s[i] & 0xC0) == 0x80)
            i--;
        size_t next = at = i;
        uint32_t c = loam_jj_utf8_next(s->s, s->n, &next);
        if (loam_jj_is_case_ignorable(c))
            continue;
        before = loam_jj_is_cased(c);
        break;
    }
    while (before && after < s->n) {
        uint32_t c = loam_jj_utf8_next(s->s, s->n, &after);
        if (loam_jj_is_case_ignorable(c))
            continue;
        behind = loam_jj_is_cased(c);
        break;
    }
    return before && !behind;
}

bool loam_jj_str_case(jj *j, const jj_str *s, jj_case to, jj_val *out)
{
    loam_buf b;
    bool in_word = false;
    int sigmas = 0; /* each may look through the whole text: no more than a page of them */
    JJ_TRY(jj_charge(j, (int64_t)(s->n / 16)));
    loam_buf_init(&b, JJ_MAX_OUTPUT * 2);
    for (size_t i = 0; i < s->n;) {
        size_t at = i;
        uint32_t c = loam_jj_utf8_next(s->s, s->n, &i), mapped[3];
        jj_case how = to;
        if (to == JJ_CASE_TITLE || to == JJ_CASE_CAPITALIZE)
            how = in_word ? JJ_CASE_LOWER : JJ_CASE_TITLE;
        else if (to == JJ_CASE_SWAP)
            how = loam_jj_is_upper(c) ? JJ_CASE_LOWER : loam_jj_is_lower(c) ? JJ_CASE_UPPER : JJ_CASE_SWAP;
        in_word = to == JJ_CASE_CAPITALIZE || (to == JJ_CASE_TITLE && loam_jj_is_cased(c));
        if (how == JJ_CASE_SWAP) {
            put(&b, c);
            continue;
        }
        int n = loam_jj_map_case(c, how, mapped);
        if (c == 0x3A3 && how == JJ_CASE_LOWER && ++sigmas < 4000 && is_final_sigma(s, at, i))
            mapped[0] = 0x3C2;
        for (int k = 0; k < n; k++)
            put(&b, mapped[k]);
    }
    return take(j, &b, s->markup, out);
}

static bool has_char(const jj_str *chars, uint32_t c)
{
    if (!chars)
        return loam_jj_is_space(c);
    for (size_t i = 0; i < chars->n;)
        if (loam_jj_utf8_next(chars->s, chars->n, &i) == c)
            return true;
    return false;
}

bool loam_jj_str_strip(jj *j, jj_str *s, jj_val chars, bool left, bool right, jj_val *out)
{
    if (chars.tag != JJ_MISSING && chars.tag != JJ_NONE && chars.tag != JJ_STR)
        return jj_error(j, "strip arg must be None or str");
    const jj_str *set = chars.tag == JJ_STR ? chars.s : NULL;
    size_t from = 0, to = s->n;
    JJ_TRY(jj_charge_bytes(j, set && set->n > 64 ? s->n * set->n / 64 : s->n));
    while (left && from < to) {
        size_t i = from;
        if (!has_char(set, loam_jj_utf8_next(s->s, to, &i)))
            break;
        from = i;
    }
    while (right && to > from) {
        size_t start = to - 1, i;
        while (start > from && ((unsigned char)s->s[start] & 0xC0) == 0x80)
            start--;
        i = start;
        if (!has_char(set, loam_jj_utf8_next(s->s, to, &i)))
            break;
        to = start;
    }
    return loam_jj_sub(j, s, from, to, out);
}

bool loam_jj_str_replace(jj *j, jj_str *s, const jj_str *from, const jj_str *to, int64_t max, jj_val *out)
{
    loam_buf b;
    size_t at = 0;
    JJ_TRY(jj_charge_bytes(j, s->n));
    loam_buf_init(&b, JJ_MAX_ARENA);
    for (int64_t n = 0; max < 0 || n < max; n++) {
        size_t hit = loam_jj_str_find(s->s, s->n, from->s, from->n, at);
        if (hit == SIZE_MAX)
            break;
        if (!from->n) { /* between all characters */
            loam_buf_add(&b, to->s, to->n);
            if (at == s->n) {
                at = SIZE_MAX;
                break;
            }
            loam_jj_utf8_next(s->s, s->n, &hit);
            loam_buf_add(&b, s->s + at, hit - at);
            at = hit;
            continue;
        }
        loam_buf_add(&b, s->s + at, hit - at);
        loam_buf_add(&b, to->s, to->n);
        at = hit + from->n;
    }
    if (at != SIZE_MAX)
        loam_buf_add(&b, s->s + at, s->n - at);
    return take(j, &b, s->markup, out);
}

static bool is_line_end(uint32_t c)
{
    return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool loam_jj_str_lines(jj *j, const jj_str *s, bool keep_ends, jj_list **out)
{
    *out = loam_jj_list_new(j, 4);
    JJ_TRY(*out);
    for (size_t from = 0; from < s->n;) {
        size_t end = from, next = from;
        uint32_t c = 0;
        while (next < s->n && !is_line_end(c)) {
            end = next;
            c = loam_jj_utf8_next(s->s, s->n, &next);
        }
        if (!is_line_end(c))
            end = next;
        else if (c == '\r' && next < s->n && s->s[next] == '\n')
            next++;
        jj_val line;
        JJ_TRY(loam_jj_sub(j, s, from, keep_ends ? next : end, &line) && loam_jj_list_push(j, *out, line));
        from = next;
    }
    return true;
}

bool loam_jj_str_pad(jj *j, jj_str *s, int64_t width, const char *fill, int where, jj_val *out)
{
    *out = jj_of_str(s);
    if (width <= (int64_t)s->len)
        return true;
    if (width > JJ_MAX_OUTPUT)
        return loam_jj_no_memory(j);
    int64_t pad = width - (int64_t)s->len, left = where > 0 ? pad : where < 0 ? 0 : pad / 2 + (pad & width & 1);
    loam_buf b;
    JJ_TRY(jj_charge(j, pad / 16));
    loam_buf_init(&b, JJ_MAX_ARENA);
    for (int64_t i = 0; i < left; i++)
        loam_buf_str(&b, fill);
    loam_buf_add(&b, s->s, s->n);
    for (int64_t i = left; i < pad; i++)
        loam_buf_str(&b, fill);
    return take(j, &b, s->markup, out);
}

bool loam_jj_escape(jj *j, jj_val v, jj_val *out)
{
    if (v.tag == JJ_STR && v.s->markup) {
        *out = v;
        return true;
    }
    loam_buf b;
    JJ_TRY(loam_jj_to_str(j, v, &v) && jj_charge_bytes(j, v.s->n));
    loam_buf_init(&b, JJ_MAX_OUTPUT * 2);
    for (size_t i = 0; i < v.s->n; i++) {
        char c = v.s->s[i];
        const char *text = c == '&'    ? "&amp;"
                           : c == '<'  ? "&lt;"
                           : c == '>'  ? "&gt;"
                           : c == '"'  ? "&#34;"
                           : c == '\'' ? "&#39;"
                                       : NULL;
        if (text)
            loam_buf_str(&b, text);
        else
            loam_buf_char(&b, c);
    }
    return take(j, &b, true, out);
}

/* Copies s without white space around it and without single underscores between digits; 0 when it does not fit. */
static size_t number_text(const jj_str *s, char *out, size_t cap)
{
    size_t from = 0, to = s->n, n = 0;
    for (size_t i = from; i < to && loam_jj_is_space(loam_jj_utf8_next(s->s, to, &i)); from = i)
        ;
    for (size_t i = from; i < s->n;) {
        uint32_t c = loam_jj_utf8_next(s->s, s->n, &i);
        if (!loam_jj_is_space(c))
            to = i;
    }
    while (to > from && (s->s[to - 1] == ' ' || s->s[to - 1] == '\n' || s->s[to - 1] == '\t'))
        to--;
    for (size_t i = from; i < to; i++) {
        if (s->s[i] == '_' && i > from && i + 1 < to && s->s[i - 1] != '_' && s->s[i + 1] != '_')
            continue;
        if (n + 1 >= cap)
            return 0;
        out[n++] = s->s[i];
    }
    out[n] = 0;
    return n;
}

bool loam_jj_parse_int(jj *j, const jj_str *s, int base, int64_t *out, bool *ok)
{
    char text[128], *p = text, *end;
    *ok = false;
    if (!number_text(s, text, sizeof text))
        return true;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (p[0] == '0' && p[1]) {
        char c = (char)(p[1] | 32);
        int prefix = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
        if (prefix && (base == prefix || base == 0)) {
            base = prefix;
            p += 2;
        }
    }
    if (base == 0)
        base = 10;
    if (!((*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z')) || base < 2 || base > 36)
        return true;
    if (base == 16 && p[0] == '0' && (p[1] | 32) == 'x') /* strtoull would take a second prefix */
        return true;
    errno = 0;
    unsigned long long u = strtoull(p, &end, base);
    if (*end)
        return true;
    if (errno || u > (unsigned long long)INT64_MAX + negative)
        return jj_error(j, "a whole number does not fit into 64 bits");
    *out = negative ? (int64_t)(0 - u) : (int64_t)u;
    *ok = true;
    return true;
}

bool loam_jj_parse_float(const jj_str *s, double *out)
{
    char text[512], *end;
    if (!number_text(s, text, sizeof text) || strpbrk(text, "xXpP()"))
        return false;
    *out = strtod(text, &end);
    return !*end;
}
