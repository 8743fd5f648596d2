/* What Python's str knows about characters. Categories come from unicode.h, case mappings from a generated table. */
#include "text/jinja_int.h"

#include "text/jinja_unicode_tables.h"
#include "text/unicode.h"
#include "text/utf8.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

uint32_t loam_jj_utf8_next(const char *s, size_t n, size_t *i)
{
    uint32_t c;
    *i += loam_utf8_next(s + *i, n - *i, &c);
    return c == LOAM_UTF8_INVALID ? 0xFFFD : c;
}

size_t loam_jj_utf8_put(uint32_t c, char out[4])
{
    return loam_utf8_put(out, c);
}

size_t loam_jj_utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}

bool loam_jj_utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t c;
        i += loam_utf8_next(s + i, n - i, &c);
        if (c == LOAM_UTF8_INVALID)
            return false;
    }
    return true;
}

static bool in_ranges(const code_range *r, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > r[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && c >= r[low].first;
}

bool loam_jj_is_space(uint32_t c)
{
    if (c < 128)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return loam_unicode_class(c) & LOAM_CP_SPACE;
}

bool loam_jj_is_alpha(uint32_t c)
{
    return loam_unicode_class(c) & LOAM_CP_L;
}
bool loam_jj_is_alnum(uint32_t c)
{
    return loam_unicode_class(c) & (LOAM_CP_L | LOAM_CP_N);
}
bool loam_jj_is_numeric(uint32_t c)
{
    return loam_unicode_class(c) & LOAM_CP_N;
}

bool loam_jj_is_decimal(uint32_t c)
{
    return c < 128 ? c >= '0' && c <= '9' : in_ranges(decimals, COUNT(decimals), c);
}

bool loam_jj_is_digit(uint32_t c)
{
    return loam_jj_is_decimal(c) || in_ranges(digits, COUNT(digits), c);
}
bool loam_jj_is_title(uint32_t c)
{
    return in_ranges(titles, COUNT(titles), c);
}

bool loam_jj_is_upper(uint32_t c)
{
    return ((loam_unicode_class(c) & LOAM_CP_UPPER) && !loam_jj_is_title(c)) ||
           in_ranges(other_upper, COUNT(other_upper), c);
}

bool loam_jj_is_lower(uint32_t c)
{
    return (loam_unicode_class(c) & LOAM_CP_LOWER) || in_ranges(other_lower, COUNT(other_lower), c);
}

bool loam_jj_is_cased(uint32_t c)
{
    return (loam_unicode_class(c) & (LOAM_CP_UPPER | LOAM_CP_LOWER)) || loam_jj_is_lower(c) || loam_jj_is_upper(c);
}

/* Unicode 3.13 D136, without the rarer modifier letters and symbols. */
bool loam_jj_is_case_ignorable(uint32_t c)
{
    return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' || c == 0xA8 || c == 0xAD || c == 0xAF ||
           c == 0xB4 || c == 0xB7 || c == 0xB8 || c == 0x2019 || c == 0x2018 || c == 0x200D ||
           (c >= 0x2B0 && c <= 0x2FF) || (loam_unicode_class(c) & LOAM_CP_M);
}

bool loam_jj_is_printable(uint32_t c)
{
    return c == ' ' || (loam_unicode_class(c) & (LOAM_CP_L | LOAM_CP_N | LOAM_CP_P | LOAM_CP_S | LOAM_CP_M));
}

bool loam_jj_is_ident(uint32_t c)
{
    return c == '_' || (loam_unicode_class(c) & (LOAM_CP_L | LOAM_CP_N | LOAM_CP_M));
}

static bool map_one(const case_run *r, size_t n, uint32_t c, uint32_t *out)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > r[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == n || c < r[low].first || (c - r[low].first) % (uint32_t)r[low].step)
        return false;
    *out = (uint32_t)((int32_t)c + r[low].delta);
    return true;
}

static int map_special(const case_special *s, size_t n, uint32_t c, uint32_t out[3])
{
    for (size_t i = 0; i < n; i++) {
        if (s[i].from != c)
            continue;
        int k = 0;
        for (; k < 3 && s[i].to[k]; k++)
            out[k] = s[i].to[k];
        return k;
    }
    return 0;
}

int loam_jj_map_case(uint32_t c, jj_case to, uint32_t out[3])
{
    int n = 0;
    out[0] = c;
    if (c < 128) {
        if (to == JJ_CASE_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z')
            out[0] = c ^ 32;
        return 1;
    }
    if (to == JJ_CASE_LOWER) {
        n = map_special(lower_special, COUNT(lower_special), c, out);
        if (!n)
            map_one(lower_runs, COUNT(lower_runs), c, out);
        return n ? n : 1;
    }
    if (to == JJ_CASE_TITLE) {
        n = map_special(title_special, COUNT(title_special), c, out);
        if (n || map_one(title_runs, COUNT(title_runs), c, out))
            return n ? n : 1;
    }
    n = map_special(upper_special, COUNT(upper_special), c, out);
    if (!n)
        map_one(upper_runs, COUNT(upper_runs), c, out);
    return n ? n : 1;
}
