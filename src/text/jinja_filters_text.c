/* Filters that make text or numbers of one value (jinja2/filters.py; tojson is transformers'). */
#define _GNU_SOURCE
#include "text/jinja_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER(name) static bool name(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)

static bool flag(jj_val v)
{
    return v.tag != JJ_MISSING && loam_jj_truth(v);
}

/* soft_str: Markup stays, everything else becomes a str. */
static bool soft(jj *j, jj_val *v)
{
    return v->tag == JJ_STR || loam_jj_to_str(j, *v, v);
}

FILTER(f_upper)
{
    return soft(j, &v) && loam_jj_str_case(j, v.s, JJ_CASE_UPPER, out);
}
FILTER(f_lower)
{
    return soft(j, &v) && loam_jj_str_case(j, v.s, JJ_CASE_LOWER, out);
}
FILTER(f_capitalize)
{
    return soft(j, &v) && loam_jj_str_case(j, v.s, JJ_CASE_CAPITALIZE, out);
}
FILTER(f_trim)
{
    return soft(j, &v) && loam_jj_str_strip(j, v.s, arg[0], true, true, out);
}
FILTER(f_string)
{
    return v.tag == JJ_STR ? (*out = v, true) : loam_jj_to_str(j, v, out);
}

/* Words begin after "-", white space, "(", "{", "[" and "<". */
FILTER(f_title)
{
    loam_buf b;
    bool in_word = false;
    JJ_TRY(soft(j, &v) && jj_charge(j, (int64_t)(v.s->n / 16)));
    loam_buf_init(&b, JJ_MAX_OUTPUT * 2);
    for (size_t i = 0; i < v.s->n;) {
        uint32_t c = loam_jj_utf8_next(v.s->s, v.s->n, &i), mapped[3];
        int n = loam_jj_map_case(c, in_word ? JJ_CASE_LOWER : JJ_CASE_UPPER, mapped);
        char text[4];
        in_word = !(c < 128 && strchr("-({[<", (int)c)) && !loam_jj_is_space(c);
        for (int k = 0; k < n; k++)
            loam_buf_add(&b, text, loam_jj_utf8_put(mapped[k], text));
    }
    return loam_jj_str_take(j, &b, out);
}

static bool whole_arg(jj *j, jj_val v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v.tag == JJ_MISSING || v.tag == JJ_NONE)
        return true;
    if (!jj_is_whole(v))
        return jj_error(j, "'%s' object cannot be interpreted as an integer", loam_jj_type(v));
    *out = jj_whole(v);
    return true;
}

FILTER(f_replace)
{
    jj_val from = arg[0], to = arg[1];
    int64_t max;
    JJ_TRY(loam_jj_to_str(j, v, &v) && loam_jj_to_str(j, from, &from) && loam_jj_to_str(j, to, &to));
    return whole_arg(j, arg[2], -1, &max) && loam_jj_str_replace(j, v.s, from.s, to.s, max, out);
}

FILTER(f_indent)
{
    int64_t width = 4;
    jj_list *lines;
    loam_buf b;
    jj_val newline, indent = arg[0];
    if (v.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, v);
    if (v.tag != JJ_STR)
        return jj_error(j, "indent() needs a str, not %s", loam_jj_type(v));
    if (indent.tag != JJ_STR) {
        JJ_TRY(whole_arg(j, indent, 4, &width) && loam_jj_str_borrow(j, " ", 1, &indent));
        JJ_TRY(loam_jj_binary(j, JJ_MUL, indent, jj_int(width), &indent));
    }
    JJ_TRY(loam_jj_str_borrow(j, "\n", 1, &newline) && loam_jj_str_concat(j, v.s, newline.s, &newline));
    JJ_TRY(loam_jj_str_lines(j, newline.s, false, &lines));
    loam_buf_init(&b, JJ_MAX_ARENA);
    for (size_t i = 0; i < lines->n; i++) {
        const jj_str *line = lines->at[i].s;
        if (i)
            loam_buf_char(&b, '\n');
        if (i ? line->n || flag(arg[2]) : flag(arg[1]))
            loam_buf_add(&b, indent.s->s, indent.s->n);
        loam_buf_add(&b, line->s, line->n);
    }
    return loam_jj_str_take(j, &b, out);
}

FILTER(f_escape)
{
    return loam_jj_escape(j, v, out);
}

FILTER(f_forceescape)
{
    return loam_jj_to_str(j, v, &v) && loam_jj_escape(j, v, out);
}

FILTER(f_safe)
{
    JJ_TRY(loam_jj_to_str(j, v, &v) && loam_jj_sub(j, v.s, 0, v.s->n, out));
    out->s->markup = true;
    return true;
}

FILTER(f_format)
{
    JJ_TRY(soft(j, &v));
    if (raw->n && raw->n_named)
        return jj_error(j, "can't handle positional and keyword arguments at the same time");
    jj_val args;
    if (raw->n_named) {
        jj_dict *d = loam_jj_dict_new(j);
        JJ_TRY(d);
        for (size_t i = 0; i < raw->n_named; i++)
            JJ_TRY(loam_jj_dict_set(j, d, jj_of_str(raw->names[i]), raw->named[i]));
        args = (jj_val){.tag = JJ_DICT, .d = d};
    } else {
        jj_list *l = loam_jj_list_new(j, raw->n);
        JJ_TRY(l);
        for (size_t i = 0; i < raw->n; i++)
            JJ_TRY(loam_jj_list_push(j, l, raw->at[i]));
        args = jj_of_tuple(l);
    }
    return loam_jj_percent(j, v.s, args, out);
}

FILTER(f_wordcount)
{
    int64_t n = 0;
    bool in_word = false;
    JJ_TRY(soft(j, &v) && jj_charge_bytes(j, v.s->n));
    for (size_t i = 0; i < v.s->n;) {
        uint32_t c = loam_jj_utf8_next(v.s->s, v.s->n, &i);
        bool word = c == '_' || loam_jj_is_alnum(c);
        n += word && !in_word;
        in_word = word;
    }
    *out = jj_int(n);
    return true;
}

FILTER(f_center)
{
    int64_t width;
    return soft(j, &v) && whole_arg(j, arg[0], 80, &width) && loam_jj_str_pad(j, v.s, width, " ", 0, out);
}

FILTER(f_truncate)
{
    int64_t length, leeway;
    jj_val end = arg[2];
    if (v.tag != JJ_STR)
        return jj_error(j, "truncate() needs a str, not %s", loam_jj_type(v));
    if (end.tag != JJ_STR)
        JJ_TRY(loam_jj_str_borrow(j, "...", 3, &end));
    JJ_TRY(whole_arg(j, arg[0], 255, &length) && whole_arg(j, arg[3], 5, &leeway));
    if (length < (int64_t)end.s->len)
        return jj_error(j, "expected length >= %zu, got %lld", end.s->len, (long long)length);
    if (leeway < 0)
        return jj_error(j, "expected leeway >= 0, got %lld", (long long)leeway);
    *out = v;
    if ((int64_t)v.s->len <= length || (int64_t)v.s->len - length <= leeway)
        return true;
    size_t cut = loam_jj_str_offset(v.s, (size_t)(length - (int64_t)end.s->len));
    if (!flag(arg[1])) {
        const char *space = memrchr(v.s->s, ' ', cut);
        cut = space ? (size_t)(space - v.s->s) : cut;
    }
    return loam_jj_sub(j, v.s, 0, cut, out) && loam_jj_str_concat(j, out->s, end.s, out);
}

static bool text_option(jj *j, jj_val v, const char *otherwise, const jj_str **out)
{
    if (v.tag != JJ_STR)
        JJ_TRY(loam_jj_str_borrow(j, otherwise, strlen(otherwise), &v));
    *out = v.s;
    return true;
}

/* tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False) */
FILTER(f_tojson)
{
    jj_json_options o = {.ascii = flag(arg[0]), .sort_keys = flag(arg[3])};
    jj_val indent = arg[1], sep = {0}, key_sep = {0};
    if (jj_is_whole(indent)) {
        int64_t n = jj_whole(indent);
        if (n > 1000)
            return jj_error(j, "an indent of %lld is too wide", (long long)n);
        JJ_TRY(loam_jj_str_borrow(j, " ", 1, &indent) && loam_jj_binary(j, JJ_MUL, indent, jj_int(n), &indent));
    }
    o.indent = indent.tag == JJ_STR ? indent.s : NULL;
    if (arg[2].tag != JJ_MISSING && arg[2].tag != JJ_NONE) {
        jj_list *pair;
        JJ_TRY(loam_jj_collect(j, arg[2], &pair));
        if (pair->n != 2 || pair->at[0].tag != JJ_STR || pair->at[1].tag != JJ_STR)
            return jj_error(j, "separators must be a pair of strings");
        sep = pair->at[0];
        key_sep = pair->at[1];
    }
    JJ_TRY(text_option(j, sep, o.indent ? "," : ", ", &o.item_sep) && text_option(j, key_sep, ": ", &o.key_sep));
    loam_buf b;
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    if (loam_jj_json(j, v, &o, &b))
        return loam_jj_str_take(j, &b, out);
    loam_buf_deinit(&b);
    return false;
}

/* int(value): floats are cut. *ok false for Python's TypeError and ValueError. */
static bool to_int(jj *j, jj_val v, int base, int64_t *out, bool *ok)
{
    double f;
    *ok = false;
    if (jj_is_whole(v)) {
        *out = jj_whole(v);
        *ok = true;
        return true;
    }
    if (v.tag == JJ_STR) {
        JJ_TRY(loam_jj_parse_int(j, v.s, base, out, ok));
        if (*ok || !loam_jj_parse_float(v.s, &f))
            return true;
    } else if (v.tag == JJ_FLOAT) {
        f = v.f;
    } else {
        return true;
    }
    if (!isfinite(f)) {
        if (v.tag == JJ_FLOAT && isinf(f))
            return jj_error(j, "cannot convert float infinity to integer");
        return true;
    }
    if (f >= 9223372036854775808.0 || f < -9223372036854775808.0)
        return jj_error(j, "a whole number does not fit into 64 bits");
    *out = (int64_t)f;
    *ok = true;
    return true;
}

FILTER(f_int)
{
    int64_t i, base;
    bool ok;
    if (v.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, v);
    JJ_TRY(whole_arg(j, arg[1], 10, &base) && to_int(j, v, base > 36 || base < 0 ? 37 : (int)base, &i, &ok));
    *out = ok ? jj_int(i) : arg[0].tag == JJ_MISSING ? jj_int(0) : arg[0];
    return true;
}

FILTER(f_float)
{
    double f;
    if (v.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, v);
    if (jj_is_number(v))
        *out = jj_float(jj_number(v));
    else if (v.tag == JJ_STR && loam_jj_parse_float(v.s, &f))
        *out = jj_float(f);
    else
        *out = arg[0].tag == JJ_MISSING ? jj_float(0) : arg[0];
    return true;
}

FILTER(f_abs)
{
    if (v.tag == JJ_UNDEFINED || !jj_is_number(v))
        return jj_error(j, "bad operand type for abs(): '%s'", loam_jj_type(v));
    if (v.tag == JJ_FLOAT) {
        *out = jj_float(fabs(v.f));
        return true;
    }
    *out = jj_int(jj_whole(v));
    return jj_whole(v) >= 0 || loam_jj_unary(j, JJ_NEG, v, out);
}

/* Python's round(): half to even, decided on the exact decimal value. */
static double round_to(double f, int64_t digits)
{
    char text[400 + 64];
    if (!isfinite(f) || digits > 323)
        return f;
    if (digits < -308)
        return copysign(0, f);
    if (digits >= 0) {
        snprintf(text, sizeof text, "%.*f", (int)(digits > 60 ? 60 : digits), f);
        return strtod(text, NULL);
    }
    double unit = pow(10, (double)-digits);
    return nearbyint(f / unit) * unit;
}

static int64_t round_whole(int64_t i, int64_t digits)
{
    int64_t unit = 1;
    for (; digits < 0; digits++)
        if (__builtin_mul_overflow(unit, (int64_t)10, &unit))
            return 0;
    int64_t rest = i % unit, down = i - rest, twice = 2 * (rest < 0 ? -rest : rest);
    if (unit > INT64_MAX / 2)
        return down;
    if (twice > unit || (twice == unit && (down / unit) % 2))
        down += rest < 0 ? -unit : unit;
    return down;
}

FILTER(f_round)
{
    int64_t digits;
    jj_val method = arg[1];
    bool ceiling = method.tag == JJ_STR && loam_jj_str_is(method.s, "ceil");
    bool common = method.tag == JJ_MISSING || (method.tag == JJ_STR && loam_jj_str_is(method.s, "common"));
    JJ_TRY(whole_arg(j, arg[0], 0, &digits));
    if (!common && !ceiling && !(method.tag == JJ_STR && loam_jj_str_is(method.s, "floor")))
        return jj_error(j, "method must be common, ceil or floor");
    if (v.tag == JJ_UNDEFINED || !jj_is_number(v))
        return jj_error(j, "type %s doesn't define __round__ method", loam_jj_type(v));
    if (common) {
        *out = v.tag == JJ_FLOAT ? jj_float(round_to(v.f, digits))
               : digits >= 0     ? jj_int(jj_whole(v))
                                 : jj_int(round_whole(jj_whole(v), digits));
        return true;
    }
    double unit = pow(10, (double)digits), scaled = jj_number(v) * unit;
    *out = jj_float((ceiling ? ceil(scaled) : floor(scaled)) / unit);
    return isfinite(scaled) || jj_error(j, "cannot convert float to integer");
}

FILTER(f_filesizeformat)
{
    static const char *const prefixes[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
    jj_val f;
    JJ_TRY(f_float(j, v, (jj_val[]){{.tag = JJ_NONE}}, NULL, &f));
    if (f.tag != JJ_FLOAT)
        return jj_error(j, "could not convert %s to float", loam_jj_show(j, v));
    bool binary = flag(arg[0]);
    double base = binary ? 1024 : 1000, unit = base;
    char text[64];
    if (f.f == 1)
        return loam_jj_str_copy(j, "1 Byte", 6, out);
    if (f.f < base)
        return loam_jj_str_copy(j, text, (size_t)snprintf(text, sizeof text, "%.0f Bytes", trunc(f.f)), out);
    for (int i = 0;; i++) {
        unit *= base;
        if (f.f < unit || i == 7) {
            int n = snprintf(text, sizeof text, "%.1f %s%s", base * f.f / unit, binary && !i ? "K" : prefixes[i],
                             binary ? "iB" : "B");
            return loam_jj_str_copy(j, text, (size_t)(n < 63 ? n : 63), out);
        }
    }
}

FILTER(f_urlencode)
{
    loam_buf b;
    if (v.tag == JJ_DICT || v.tag == JJ_LIST || v.tag == JJ_TUPLE)
        return loam_jj_fail(j, LOAM_STATUS_UNSUPPORTED, "urlencode of a %s is not supported", loam_jj_type(v));
    JJ_TRY(loam_jj_to_str(j, v, &v) && jj_charge_bytes(j, v.s->n));
    loam_buf_init(&b, JJ_MAX_OUTPUT * 2);
    for (size_t i = 0; i < v.s->n; i++) {
        unsigned char c = (unsigned char)v.s->s[i];
        if (c && c < 128 && (loam_jj_is_alnum(c) || strchr("_.-~/", c)))
            loam_buf_char(&b, (char)c);
        else
            loam_buf_printf(&b, "%%%02X", c);
    }
    return loam_jj_str_take(j, &b, out);
}

FILTER(f_unsupported)
{
    return loam_jj_fail(j, LOAM_STATUS_UNSUPPORTED,
                        "the filters pprint, random, striptags, urlize, wordwrap and xmlattr are not supported");
}

const jj_builtin loam_jj_filters_text[] = {
    {"trim", "?chars", f_trim},
    {"upper", "", f_upper},
    {"lower", "", f_lower},
    {"title", "", f_title},
    {"capitalize", "", f_capitalize},
    {"replace", "old new ?count", f_replace},
    {"indent", "?width first blank", f_indent},
    {"escape", "", f_escape},
    {"e", "", f_escape},
    {"forceescape", "", f_forceescape},
    {"safe", "", f_safe},
    {"string", "", f_string},
    {"format", NULL, f_format},
    {"wordcount", "", f_wordcount},
    {"center", "?width", f_center},
    {"truncate", "?length killwords end leeway", f_truncate},
    {"tojson", "?ensure_ascii indent separators sort_keys", f_tojson},
    {"int", "?default base", f_int},
    {"float", "?default", f_float},
    {"abs", "", f_abs},
    {"round", "?precision method", f_round},
    {"filesizeformat", "?binary", f_filesizeformat},
    {"urlencode", "", f_urlencode},
    {"pprint", NULL, f_unsupported},
    {"random", NULL, f_unsupported},
    {"striptags", NULL, f_unsupported},
    {"urlize", NULL, f_unsupported},
    {"wordwrap", NULL, f_unsupported},
    {"xmlattr", NULL, f_unsupported},
    {0},
};
