/* The methods of str. */
#include "text/jinja_int.h"

#include <string.h>

static bool want_str(jj *j, jj_val v, const char *method)
{
    return v.tag == JJ_STR || jj_error(j, "%s() argument must be str, not %s", method, loam_jj_type(v));
}

static bool want_int(jj *j, jj_val v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v.tag == JJ_MISSING)
        return true;
    if (!jj_is_whole(v))
        return jj_error(j, "'%s' object cannot be interpreted as an integer", loam_jj_type(v));
    *out = jj_whole(v);
    return true;
}

#define METHOD(name) static bool name(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)

METHOD(m_upper)
{
    return loam_jj_str_case(j, self.s, JJ_CASE_UPPER, out);
}
METHOD(m_lower)
{
    return loam_jj_str_case(j, self.s, JJ_CASE_LOWER, out);
}
METHOD(m_title)
{
    return loam_jj_str_case(j, self.s, JJ_CASE_TITLE, out);
}
METHOD(m_capitalize)
{
    return loam_jj_str_case(j, self.s, JJ_CASE_CAPITALIZE, out);
}
METHOD(m_swapcase)
{
    return loam_jj_str_case(j, self.s, JJ_CASE_SWAP, out);
}
METHOD(m_strip)
{
    return loam_jj_str_strip(j, self.s, arg[0], true, true, out);
}
METHOD(m_lstrip)
{
    return loam_jj_str_strip(j, self.s, arg[0], true, false, out);
}
METHOD(m_rstrip)
{
    return loam_jj_str_strip(j, self.s, arg[0], false, true, out);
}

/* Optional start and end, in code points, as byte offsets; *empty when start lies behind the text. */
static bool bounds(jj *j, const jj_str *s, const jj_val *arg, size_t *from, size_t *to, bool *empty)
{
    int64_t n = (int64_t)s->len, v[2] = {0, n};
    for (int i = 0; i < 2; i++) {
        if (arg[i].tag == JJ_MISSING || arg[i].tag == JJ_NONE)
            continue;
        if (!jj_is_whole(arg[i]))
            return jj_error(j, "slice indices must be integers or None or have an __index__ method");
        v[i] = jj_whole(arg[i]);
        if (v[i] < 0)
            v[i] = v[i] + n < 0 ? 0 : v[i] + n;
    }
    *empty = v[0] > n || v[0] > v[1];
    if (v[1] > n)
        v[1] = n;
    *from = *to = 0;
    JJ_TRY(jj_charge_bytes(j, s->n));
    if (*empty)
        return true;
    *from = loam_jj_str_offset(s, (size_t)v[0]);
    *to = loam_jj_str_offset(s, (size_t)v[1]);
    return true;
}

static bool affix(jj *j, jj_val self, const jj_val *arg, bool end, jj_val *out)
{
    size_t from, to;
    bool empty;
    const char *method = end ? "endswith" : "startswith";
    JJ_TRY(bounds(j, self.s, arg + 1, &from, &to, &empty));
    const jj_val *options = arg[0].tag == JJ_TUPLE ? arg[0].l->at : arg;
    size_t n = arg[0].tag == JJ_TUPLE ? arg[0].l->n : 1;
    *out = jj_bool(false);
    for (size_t i = 0; i < n && !out->b; i++) {
        if (options[i].tag != JJ_STR)
            return jj_error(j, "%s first arg must be str or a tuple of str, not %s", method, loam_jj_type(options[i]));
        const jj_str *a = options[i].s;
        if (!empty && a->n <= to - from)
            out->b = !memcmp(self.s->s + (end ? to - a->n : from), a->s, a->n);
    }
    return true;
}

METHOD(m_startswith)
{
    return affix(j, self, arg, false, out);
}
METHOD(m_endswith)
{
    return affix(j, self, arg, true, out);
}

static bool find_in(jj *j, jj_val self, const jj_val *arg, bool last, int64_t *out)
{
    size_t from, to;
    bool empty;
    JJ_TRY(want_str(j, arg[0], last ? "rfind" : "find") && bounds(j, self.s, arg + 1, &from, &to, &empty));
    *out = -1;
    if (empty)
        return true;
    size_t hit = loam_jj_str_find(self.s->s, to, arg[0].s->s, arg[0].s->n, from);
    if (last && hit != SIZE_MAX) {
        hit = to - arg[0].s->n;
        JJ_TRY(jj_charge(j, (int64_t)((hit - from) / 16)));
        while (memcmp(self.s->s + hit, arg[0].s->s, arg[0].s->n))
            hit--;
    }
    if (hit != SIZE_MAX)
        *out = (int64_t)loam_jj_utf8_count(self.s->s, hit);
    return true;
}

METHOD(m_find)
{
    out->tag = JJ_INT;
    return find_in(j, self, arg, false, &out->i);
}

METHOD(m_rfind)
{
    out->tag = JJ_INT;
    return find_in(j, self, arg, true, &out->i);
}

METHOD(m_index)
{
    return m_find(j, self, arg, raw, out) && (out->i >= 0 || jj_error(j, "substring not found"));
}

METHOD(m_rindex)
{
    return m_rfind(j, self, arg, raw, out) && (out->i >= 0 || jj_error(j, "substring not found"));
}

METHOD(m_count)
{
    size_t from, to;
    bool empty;
    int64_t n = 0;
    JJ_TRY(want_str(j, arg[0], "count") && bounds(j, self.s, arg + 1, &from, &to, &empty));
    if (!empty && !arg[0].s->n) {
        n = (int64_t)loam_jj_utf8_count(self.s->s + from, to - from) + 1;
    } else if (!empty) {
        for (size_t hit; (hit = loam_jj_str_find(self.s->s, to, arg[0].s->s, arg[0].s->n, from)) != SIZE_MAX; n++)
            from = hit + arg[0].s->n;
    }
    *out = jj_int(n);
    return true;
}

/* split() and rsplit() at white space: runs of it count as one, and the ends are trimmed. */
static bool split_space(jj *j, const jj_str *s, int64_t max, bool right, jj_list *out)
{
    size_t *words = NULL, n = 0, cap = 0; /* start and end of each word */
    for (size_t i = 0; i < s->n;) {
        size_t at = i;
        if (loam_jj_is_space(loam_jj_utf8_next(s->s, s->n, &i)))
            continue;
        size_t start = at, end = i;
        while (end < s->n && !loam_jj_is_space(loam_jj_utf8_next(s->s, s->n, &i)))
            end = i;
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            size_t *more = loam_jj_alloc_n(j, cap, 2 * sizeof *more);
            JJ_TRY(more);
            if (n)
                memcpy(more, words, n * 2 * sizeof *more);
            words = more;
        }
        words[2 * n] = start;
        words[2 * n++ + 1] = end;
    }
    size_t pieces = max >= 0 && n > (size_t)max ? (size_t)max + 1 : n;
    for (size_t k = 0; k < pieces; k++) {
        size_t from, to;
        if (pieces == n) {
            from = words[2 * k];
            to = words[2 * k + 1];
        } else if (!right) { /* the rest of the text is the last piece, with the space at its end */
            from = words[2 * k];
            to = k + 1 < pieces ? words[2 * k + 1] : s->n;
        } else {
            size_t w = n - pieces + k;
            from = k ? words[2 * w] : 0;
            to = words[2 * w + 1];
        }
        jj_val v;
        JJ_TRY(loam_jj_sub(j, s, from, to, &v) && loam_jj_list_push(j, out, v));
    }
    return true;
}

static bool split_at(jj *j, const jj_str *s, const jj_str *sep, int64_t max, jj_list *out)
{
    size_t from = 0;
    jj_val v;
    for (int64_t n = 0; max < 0 || n < max; n++) {
        size_t hit = loam_jj_str_find(s->s, s->n, sep->s, sep->n, from);
        if (hit == SIZE_MAX)
            break;
        JJ_TRY(loam_jj_sub(j, s, from, hit, &v) && loam_jj_list_push(j, out, v));
        from = hit + sep->n;
    }
    return loam_jj_sub(j, s, from, s->n, &v) && loam_jj_list_push(j, out, v);
}

/* From the right; the pieces come out in order. */
static bool rsplit_at(jj *j, const jj_str *s, const jj_str *sep, int64_t max, jj_list *out)
{
    size_t to = s->n;
    jj_val v;
    for (size_t at = s->n; max != 0 && at-- > 0;) {
        if (at + sep->n > to || memcmp(s->s + at, sep->s, sep->n))
            continue;
        JJ_TRY(loam_jj_sub(j, s, at + sep->n, to, &v) && loam_jj_list_push(j, out, v));
        to = at;
        max -= max > 0;
    }
    JJ_TRY(loam_jj_sub(j, s, 0, to, &v) && loam_jj_list_push(j, out, v));
    for (size_t i = 0; i < out->n / 2; i++) {
        v = out->at[i];
        out->at[i] = out->at[out->n - 1 - i];
        out->at[out->n - 1 - i] = v;
    }
    return true;
}

static bool split(jj *j, jj_val self, const jj_val *arg, bool right, jj_val *out)
{
    int64_t max;
    jj_list *l = loam_jj_list_new(j, 4);
    JJ_TRY(l && want_int(j, arg[1], -1, &max) && jj_charge(j, (int64_t)(self.s->n / 16)));
    *out = jj_of_list(l);
    if (arg[0].tag == JJ_MISSING || arg[0].tag == JJ_NONE)
        return split_space(j, self.s, max, right, l);
    JJ_TRY(want_str(j, arg[0], "split"));
    if (!arg[0].s->n)
        return jj_error(j, "empty separator");
    return right ? rsplit_at(j, self.s, arg[0].s, max, l) : split_at(j, self.s, arg[0].s, max, l);
}

METHOD(m_split)
{
    return split(j, self, arg, false, out);
}
METHOD(m_rsplit)
{
    return split(j, self, arg, true, out);
}

static bool partition(jj *j, jj_val self, jj_val sep, bool right, jj_val *out)
{
    jj_val v[3];
    jj_list *l = loam_jj_list_new(j, 3), *parts = loam_jj_list_new(j, 2);
    JJ_TRY(l && parts && want_str(j, sep, "partition"));
    if (!sep.s->n)
        return jj_error(j, "empty separator");
    JJ_TRY(right ? rsplit_at(j, self.s, sep.s, 1, parts) : split_at(j, self.s, sep.s, 1, parts));
    JJ_TRY(loam_jj_sub(j, self.s, 0, 0, &v[1]));
    v[0] = v[2] = v[1];
    if (parts->n == 2) {
        v[0] = parts->at[0];
        v[1] = sep;
        v[2] = parts->at[1];
    } else {
        v[right ? 2 : 0] = parts->at[0];
    }
    for (int i = 0; i < 3; i++)
        JJ_TRY(loam_jj_list_push(j, l, v[i]));
    *out = jj_of_tuple(l);
    return true;
}

METHOD(m_partition)
{
    return partition(j, self, arg[0], false, out);
}
METHOD(m_rpartition)
{
    return partition(j, self, arg[0], true, out);
}

METHOD(m_splitlines)
{
    out->tag = JJ_LIST;
    return loam_jj_str_lines(j, self.s, arg[0].tag != JJ_MISSING && loam_jj_truth(arg[0]), &out->l);
}

METHOD(m_join)
{
    jj_list *l;
    loam_buf b;
    bool markup = self.s->markup;
    JJ_TRY(loam_jj_collect(j, arg[0], &l));
    for (size_t i = 0; i < l->n; i++) {
        if (l->at[i].tag != JJ_STR && !markup)
            return jj_error(j, "sequence item %zu: expected str instance, %s found", i, loam_jj_type(l->at[i]));
        if (markup)
            JJ_TRY(loam_jj_escape(j, l->at[i], &l->at[i]));
    }
    loam_buf_init(&b, JJ_MAX_ARENA);
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            loam_buf_add(&b, self.s->s, self.s->n);
        loam_buf_add(&b, l->at[i].s->s, l->at[i].s->n);
    }
    JJ_TRY(loam_jj_str_take(j, &b, out));
    out->s->markup = markup;
    return true;
}

METHOD(m_replace)
{
    int64_t max;
    jj_val to = arg[1];
    JJ_TRY(want_str(j, arg[0], "replace") && want_str(j, to, "replace") && want_int(j, arg[2], -1, &max));
    if (self.s->markup)
        JJ_TRY(loam_jj_escape(j, to, &to));
    return loam_jj_str_replace(j, self.s, arg[0].s, to.s, max, out);
}

METHOD(m_removeprefix)
{
    JJ_TRY(want_str(j, arg[0], "removeprefix"));
    const jj_str *a = arg[0].s;
    bool has = a->n <= self.s->n && !memcmp(self.s->s, a->s, a->n);
    return loam_jj_sub(j, self.s, has ? a->n : 0, self.s->n, out);
}

METHOD(m_removesuffix)
{
    JJ_TRY(want_str(j, arg[0], "removesuffix"));
    const jj_str *a = arg[0].s;
    bool has = a->n <= self.s->n && !memcmp(self.s->s + self.s->n - a->n, a->s, a->n);
    return loam_jj_sub(j, self.s, 0, self.s->n - (has ? a->n : 0), out);
}

/* True for texts of at least one character of which all pass. */
static bool every(jj *j, const jj_str *s, bool (*pass)(uint32_t), jj_val *out)
{
    bool ok = s->n > 0;
    JJ_TRY(jj_charge_bytes(j, s->n));
    for (size_t i = 0; i < s->n && ok;)
        ok = pass(loam_jj_utf8_next(s->s, s->n, &i));
    *out = jj_bool(ok);
    return true;
}

static bool is_ascii(uint32_t c)
{
    return c < 128;
}

METHOD(m_isdigit)
{
    return every(j, self.s, loam_jj_is_digit, out);
}
METHOD(m_isdecimal)
{
    return every(j, self.s, loam_jj_is_decimal, out);
}
METHOD(m_isnumeric)
{
    return every(j, self.s, loam_jj_is_numeric, out);
}
METHOD(m_isalpha)
{
    return every(j, self.s, loam_jj_is_alpha, out);
}
METHOD(m_isalnum)
{
    return every(j, self.s, loam_jj_is_alnum, out);
}
METHOD(m_isspace)
{
    return every(j, self.s, loam_jj_is_space, out);
}

METHOD(m_isascii)
{
    JJ_TRY(every(j, self.s, is_ascii, out));
    out->b = out->b || !self.s->n;
    return true;
}

METHOD(m_isprintable)
{
    JJ_TRY(every(j, self.s, loam_jj_is_printable, out));
    out->b = out->b || !self.s->n;
    return true;
}

static bool is_test(jj *j, jj_val self, const char *name, jj_val *out)
{
    jj_str s = {.s = name, .n = strlen(name)};
    return loam_jj_find_test(&s)->fn(j, self, NULL, NULL, out);
}

METHOD(m_islower)
{
    return is_test(j, self, "lower", out);
}
METHOD(m_isupper)
{
    return is_test(j, self, "upper", out);
}

METHOD(m_istitle)
{
    bool in_word = false, any = false, ok = true;
    JJ_TRY(jj_charge_bytes(j, self.s->n));
    for (size_t i = 0; i < self.s->n && ok;) {
        uint32_t c = loam_jj_utf8_next(self.s->s, self.s->n, &i);
        bool upper = loam_jj_is_upper(c) || loam_jj_is_title(c), lower = loam_jj_is_lower(c);
        ok = !(upper && in_word) && !(lower && !in_word);
        in_word = upper || lower;
        any = any || in_word;
    }
    *out = jj_bool(any && ok);
    return true;
}

METHOD(m_isidentifier)
{
    size_t i = 0;
    uint32_t first = self.s->n ? loam_jj_utf8_next(self.s->s, self.s->n, &i) : '0';
    JJ_TRY(every(j, self.s, loam_jj_is_ident, out));
    out->b = out->b && (first == '_' || loam_jj_is_alpha(first));
    return true;
}

METHOD(m_zfill)
{
    int64_t width;
    jj_val rest;
    JJ_TRY(want_int(j, arg[0], 0, &width));
    bool sign = self.s->n && (self.s->s[0] == '-' || self.s->s[0] == '+');
    if (!sign)
        return loam_jj_str_pad(j, self.s, width, "0", 1, out);
    if (width < 1)
        width = 1;
    JJ_TRY(loam_jj_sub(j, self.s, 1, self.s->n, &rest) && loam_jj_str_pad(j, rest.s, width - 1, "0", 1, &rest));
    JJ_TRY(loam_jj_sub(j, self.s, 0, 1, out));
    return loam_jj_str_concat(j, out->s, rest.s, out);
}

static bool pad(jj *j, jj_val self, const jj_val *arg, int where, jj_val *out)
{
    int64_t width;
    char fill[5] = " ";
    JJ_TRY(want_int(j, arg[0], 0, &width));
    if (arg[1].tag != JJ_MISSING) {
        if (arg[1].tag != JJ_STR || arg[1].s->len != 1)
            return jj_error(j, "The fill character must be exactly one character long");
        memcpy(fill, arg[1].s->s, arg[1].s->n < 4 ? arg[1].s->n : 4);
        fill[arg[1].s->n < 4 ? arg[1].s->n : 4] = 0;
        if (!fill[0])
            return jj_error(j, "a NUL cannot be a fill character");
    }
    return loam_jj_str_pad(j, self.s, width, fill, where, out);
}

METHOD(m_ljust)
{
    return pad(j, self, arg, -1, out);
}
METHOD(m_center)
{
    return pad(j, self, arg, 0, out);
}
METHOD(m_rjust)
{
    return pad(j, self, arg, 1, out);
}

METHOD(m_expandtabs)
{
    int64_t size, column = 0;
    loam_buf b;
    JJ_TRY(want_int(j, arg[0], 8, &size) && jj_charge_bytes(j, self.s->n));
    if (size > 1000)
        return loam_jj_no_memory(j);
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    for (size_t i = 0; i < self.s->n;) {
        size_t at = i;
        uint32_t c = loam_jj_utf8_next(self.s->s, self.s->n, &i);
        if (c == '\t') {
            int64_t fill = size > 0 ? size - column % size : 0;
            column += fill;
            while (fill-- > 0)
                loam_buf_char(&b, ' ');
            continue;
        }
        column = c == '\n' || c == '\r' ? 0 : column + 1;
        loam_buf_add(&b, self.s->s + at, i - at);
    }
    return loam_jj_str_take(j, &b, out);
}

METHOD(m_format)
{
    return loam_jj_format(j, self.s, raw, out);
}

METHOD(m_format_map)
{
    jj_args a = {0};
    if (arg[0].tag != JJ_DICT)
        return jj_error(j, "format_map() takes a mapping, not %s", loam_jj_type(arg[0]));
    for (size_t i = 0; i < arg[0].d->n; i++)
        if (arg[0].d->keys[i].tag == JJ_STR)
            JJ_TRY(loam_jj_add_named(j, &a, arg[0].d->keys[i].s, arg[0].d->vals[i]));
    return loam_jj_format(j, self.s, &a, out);
}

METHOD(m_unsupported)
{
    return loam_jj_fail(j, LOAM_STATUS_UNSUPPORTED, "the method str.encode, translate or maketrans is not supported");
}

const jj_builtin loam_jj_str_methods[] = {
    {"upper", "", m_upper},
    {"lower", "", m_lower},
    {"casefold", "", m_lower},
    {"title", "", m_title},
    {"capitalize", "", m_capitalize},
    {"swapcase", "", m_swapcase},
    {"strip", "?chars", m_strip},
    {"lstrip", "?chars", m_lstrip},
    {"rstrip", "?chars", m_rstrip},
    {"startswith", "prefix ?start end", m_startswith},
    {"endswith", "suffix ?start end", m_endswith},
    {"find", "sub ?start end", m_find},
    {"rfind", "sub ?start end", m_rfind},
    {"index", "sub ?start end", m_index},
    {"rindex", "sub ?start end", m_rindex},
    {"count", "sub ?start end", m_count},
    {"split", "?sep maxsplit", m_split},
    {"rsplit", "?sep maxsplit", m_rsplit},
    {"partition", "sep", m_partition},
    {"rpartition", "sep", m_rpartition},
    {"splitlines", "?keepends", m_splitlines},
    {"join", "iterable", m_join},
    {"replace", "old new ?count", m_replace},
    {"removeprefix", "prefix", m_removeprefix},
    {"removesuffix", "suffix", m_removesuffix},
    {"isdigit", "", m_isdigit},
    {"isdecimal", "", m_isdecimal},
    {"isnumeric", "", m_isnumeric},
    {"isalpha", "", m_isalpha},
    {"isalnum", "", m_isalnum},
    {"isspace", "", m_isspace},
    {"isascii", "", m_isascii},
    {"isprintable", "", m_isprintable},
    {"islower", "", m_islower},
    {"isupper", "", m_isupper},
    {"istitle", "", m_istitle},
    {"isidentifier", "", m_isidentifier},
    {"zfill", "width", m_zfill},
    {"ljust", "width ?fillchar", m_ljust},
    {"center", "width ?fillchar", m_center},
    {"rjust", "width ?fillchar", m_rjust},
    {"expandtabs", "?tabsize", m_expandtabs},
    {"format", NULL, m_format},
    {"format_map", "mapping", m_format_map},
    {"encode", NULL, m_unsupported},
    {"translate", NULL, m_unsupported},
    {"maketrans", NULL, m_unsupported},
    {0},
};
