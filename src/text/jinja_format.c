/* Formatting: the % operator of str, str.format and its format specifications. */
#include "text/jinja_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FORMAT_WIDTH = 100000, MAX_FORMAT_PRECISION = 400 };

/* [[fill]align][sign][#][0][width][grouping][.precision][type] */
typedef struct spec {
    uint32_t fill;
    char align, sign, grouping, type; /* 0: not given */
    bool alternate, zero;
    int64_t width, precision; /* precision -1: not given */
} spec;

static bool add_padded(jj *j, const spec *s, char align, const char *sign, const char *text, size_t n, loam_buf *out)
{
    char fill[4];
    size_t w = loam_jj_utf8_put(s->fill ? s->fill : ' ', fill);
    int64_t have = (int64_t)loam_jj_utf8_count(text, n) + (int64_t)strlen(sign);
    int64_t pad = s->width > have ? s->width - have : 0;
    int64_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    JJ_TRY(jj_charge(j, pad / 16));
    if (align == '=')
        loam_buf_str(out, sign);
    for (int64_t i = 0; i < (align == '=' ? pad : left); i++)
        loam_buf_add(out, fill, w);
    if (align != '=')
        loam_buf_str(out, sign);
    loam_buf_add(out, text, n);
    for (int64_t i = left; i < pad && align != '='; i++)
        loam_buf_add(out, fill, w);
    return true;
}

/* Puts separators between groups of digits of the whole part of text. */
static void group_digits(char *text, size_t cap, char sep, int group)
{
    size_t n = strlen(text), whole = strspn(text, "0123456789abcdefABCDEF");
    char out[1200];
    size_t k = 0;
    if (n + n / (size_t)group + 2 > cap || n + n / (size_t)group + 2 > sizeof out)
        return;
    for (size_t i = 0; i < n; i++) {
        if (i && i < whole && (whole - i) % (size_t)group == 0)
            out[k++] = sep;
        out[k++] = text[i];
    }
    out[k] = 0;
    memcpy(text, out, k + 1);
}

static const char *sign_text(const spec *s, bool negative)
{
    return negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
}

static bool add_number(jj *j, const spec *s, bool negative, const char *prefix, char *text, loam_buf *out)
{
    char sign[8];
    snprintf(sign, sizeof sign, "%s%s", sign_text(s, negative), prefix);
    if (s->zero && !s->align) { /* zeros between sign and digits */
        spec zero = *s;
        zero.fill = '0';
        return add_padded(j, &zero, '=', sign, text, strlen(text), out);
    }
    return add_padded(j, s, s->align ? s->align : '>', sign, text, strlen(text), out);
}

static bool format_whole(jj *j, const spec *s, int64_t i, loam_buf *out)
{
    char text[128], digits[65];
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    const char *prefix = "";
    char type = s->type ? s->type : 'd';
    if (type == 'c') {
        if (i < 0 || i > 0x10FFFF || (i >= 0xD800 && i < 0xE000))
            return jj_error(j, "%%c arg not in range(0x110000)");
        return add_padded(j, s, s->align ? s->align : '<', "", text, loam_jj_utf8_put((uint32_t)i, text), out);
    }
    int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    int n = 0;
    do
        digits[n++] = (type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[u % (uint64_t)base];
    while ((u /= (uint64_t)base));
    for (int k = 0; k < n; k++)
        text[k] = digits[n - 1 - k];
    text[n] = 0;
    if (s->alternate)
        prefix = type == 'x' ? "0x" : type == 'X' ? "0X" : type == 'o' ? "0o" : type == 'b' ? "0b" : "";
    if (s->grouping)
        group_digits(text, sizeof text, s->grouping, base == 10 ? 3 : 4);
    return add_number(j, s, i < 0, prefix, text, out);
}

/* format(f, "") with a precision: like g, but always with a digit after the point. */
static void general_with_point(double f, int precision, char *out, size_t cap)
{
    char e[64];
    if (precision < 1)
        precision = 1;
    snprintf(e, sizeof e, "%.*e", precision - 1 < 40 ? precision - 1 : 40, f);
    int exponent = (int)strtol(strchr(e, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent + 1 > precision - 1) {
        snprintf(out, cap, "%.*g", precision, f);
        if (!strchr(out, 'e')) { /* g would still write it plainly */
            char *mark = strchr(e, 'e'), *end = mark;
            while (end > e && end[-1] == '0' && memchr(e, '.', (size_t)(end - e)))
                end--;
            if (end > e && end[-1] == '.')
                end--;
            snprintf(out, cap, "%.*s%s", (int)(end - e), e, mark);
        }
        return;
    }
    snprintf(out, cap, "%.*g", precision, f);
    if (!strchr(out, '.') && strlen(out) + 3 < cap)
        snprintf(out + strlen(out), 3, ".0");
}

static bool format_real(jj *j, const spec *s, double f, loam_buf *out)
{
    char text[1000], form[16];
    char type = s->type;
    int precision = (int)s->precision;
    bool negative = signbit(f) && !isnan(f), percent = type == '%';
    if (precision > MAX_FORMAT_PRECISION)
        return jj_error(j, "precision too big");
    f = fabs(f);
    if (percent) {
        f *= 100;
        type = 'f';
    }
    if (!isfinite(f))
        snprintf(text, sizeof text,
                 isnan(f) ? (type >= 'A' && type <= 'Z' ? "NAN" : "nan")
                          : (type >= 'A' && type <= 'Z' ? "INF" : "inf"));
    else if (!type && precision < 0)
        loam_jj_float_repr(f, text);
    else if (!type)
        general_with_point(f, precision, text, sizeof text);
    else {
        if (type == 'n')
            type = 'g';
        snprintf(form, sizeof form, "%%%s.*%c", s->alternate ? "#" : "", type);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text - 2, form, precision < 0 ? 6 : precision, f);
#pragma GCC diagnostic pop
    }
    if (percent)
        snprintf(text + strlen(text), 2, "%%");
    if (s->grouping && isfinite(f))
        group_digits(text, sizeof text, s->grouping, 3);
    return add_number(j, s, negative, "", text, out);
}

static bool format_text(jj *j, const spec *s, const jj_str *text, loam_buf *out)
{
    size_t n = text->n;
    JJ_TRY(jj_charge_bytes(j, n));
    if (s->precision >= 0 && s->precision < (int64_t)text->len)
        n = loam_jj_str_offset(text, (size_t)s->precision);
    spec padded = *s;
    if (s->zero && !s->fill && !s->align)
        padded.fill = '0';
    return add_padded(j, &padded, s->align ? s->align : '<', "", text->s, n, out);
}

static bool too_wide(jj *j)
{
    return loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "a format's width or precision is too big");
}

static bool read_number(jj *j, const char *s, size_t n, size_t *i, int64_t *out)
{
    *out = 0;
    for (; *i < n && s[*i] >= '0' && s[*i] <= '9'; ++*i) {
        *out = *out * 10 + (s[*i] - '0');
        if (*out > MAX_FORMAT_WIDTH)
            return too_wide(j);
    }
    return true;
}

/* ---- the % operator ---- */

static bool percent_whole(jj *j, char type, jj_val v, int64_t *out)
{
    if (jj_is_whole(v))
        *out = jj_whole(v);
    else if (v.tag == JJ_FLOAT && type == 'd' && v.f > -9e18 && v.f < 9e18)
        *out = (int64_t)v.f;
    else
        return jj_error(j,
                        type == 'd' ? "%%%c format: a real number is required, not %s"
                                    : "%%%c format: an integer is required, not %s",
                        type, loam_jj_type(v));
    return true;
}

static bool percent_one(jj *j, spec *s, jj_val v, bool left, bool markup, size_t at, loam_buf *out)
{
    jj_val text;
    int64_t i = 0;
    char type = s->type;
    s->align = left ? '<' : 0;
    switch (type) {
    case 's':
    case 'r':
    case 'a':
        if (type == 's') {
            JJ_TRY(loam_jj_to_str(j, v, &text));
        } else {
            loam_buf b;
            loam_buf_init(&b, JJ_MAX_OUTPUT);
            if (!loam_jj_repr(j, v, &b)) {
                loam_buf_deinit(&b);
                return false;
            }
            JJ_TRY(loam_jj_str_take(j, &b, &text));
        }
        if (markup)
            JJ_TRY(loam_jj_escape(j, type == 's' ? v : text, &text));
        s->zero = false;
        s->align = left ? '<' : '>';
        return format_text(j, s, text.s, out);
    case 'c':
        s->align = left ? '<' : '>';
        if (v.tag == JJ_STR && v.s->len == 1)
            return format_text(j, s, v.s, out);
        if (!jj_is_whole(v))
            return jj_error(j, "%%c requires int or char");
        return format_whole(j, s, jj_whole(v), out);
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        s->type = type == 'i' || type == 'u' ? 'd' : type;
        s->zero = s->zero && !left;
        return percent_whole(j, s->type, v, &i) && format_whole(j, s, i, out);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        if (!jj_is_number(v))
            return jj_error(j, "must be real number, not %s", loam_jj_type(v));
        s->zero = s->zero && !left;
        return format_real(j, s, jj_number(v), out);
    default:
        return jj_error(j, "unsupported format character '%c' (0x%x) at index %zu",
                        type >= 32 && type < 127 ? type : '?', (unsigned)(unsigned char)type, at);
    }
}

typedef struct arguments {
    jj_val all;
    size_t next;
    bool by_name;
} arguments;

static bool next_argument(jj *j, arguments *a, jj_val *out)
{
    size_t n = a->all.tag == JJ_TUPLE ? a->all.l->n : 1;
    if (a->next >= n)
        return jj_error(j, "not enough arguments for format string");
    *out = a->all.tag == JJ_TUPLE ? a->all.l->at[a->next] : a->all;
    a->next++;
    return true;
}

static bool percent_field(jj *j, const jj_str *f, size_t *i, arguments *a, loam_buf *out)
{
    spec s = {.precision = -1};
    bool left = false, named = false;
    jj_val v = {0};
    if (*i < f->n && f->s[*i] == '(') {
        size_t from = ++*i;
        int depth = 1;
        for (; *i < f->n && depth; ++*i)
            depth += f->s[*i] == '(' ? 1 : f->s[*i] == ')' ? -1 : 0;
        if (depth)
            return jj_error(j, "incomplete format key");
        if (a->all.tag != JJ_DICT)
            return jj_error(j, "format requires a mapping");
        bool found;
        jj_val key;
        JJ_TRY(loam_jj_sub(j, f, from, *i - 1, &key) && loam_jj_dict_get(j, a->all.d, key, &v, &found));
        if (!found)
            return jj_error(j, "%s", loam_jj_show(j, key));
        named = a->by_name = true;
    }
    for (; *i < f->n && f->s[*i] && strchr("#0- +", f->s[*i]); ++*i) {
        char c = f->s[*i];
        s.alternate = s.alternate || c == '#';
        s.zero = s.zero || c == '0';
        left = left || c == '-';
        if (c == '+' || (c == ' ' && s.sign != '+'))
            s.sign = c;
    }
    for (int part = 0; part < 2; part++) {
        int64_t *number = part ? &s.precision : &s.width;
        if (part && (*i >= f->n || f->s[*i] != '.'))
            break;
        *i += (size_t)part;
        if (*i < f->n && f->s[*i] == '*') {
            jj_val w;
            JJ_TRY(next_argument(j, a, &w));
            if (!jj_is_whole(w))
                return jj_error(j, "* wants int");
            *number = jj_whole(w);
            if (*number > MAX_FORMAT_WIDTH || *number < -MAX_FORMAT_WIDTH)
                return too_wide(j);
            if (*number < 0) {
                left = left || !part;
                *number = part ? 0 : -*number;
            }
            ++*i;
        } else {
            JJ_TRY(read_number(j, f->s, f->n, i, number));
        }
    }
    while (*i < f->n && strchr("hlL", f->s[*i]) && f->s[*i])
        ++*i;
    if (*i >= f->n)
        return jj_error(j, "incomplete format");
    s.type = f->s[(*i)++];
    if (s.type == '%') {
        loam_buf_char(out, '%');
        return true;
    }
    if (!named)
        JJ_TRY(next_argument(j, a, &v));
    return percent_one(j, &s, v, left, f->markup, loam_jj_utf8_count(f->s, *i - 1), out);
}

bool loam_jj_percent(jj *j, const jj_str *f, jj_val args, jj_val *out)
{
    loam_buf b;
    arguments a = {.all = args};
    JJ_TRY(jj_charge_bytes(j, f->n));
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    for (size_t i = 0; i < f->n;) {
        const char *mark = memchr(f->s + i, '%', f->n - i);
        size_t to = mark ? (size_t)(mark - f->s) : f->n;
        loam_buf_add(&b, f->s + i, to - i);
        i = to + 1;
        if (mark && (!jj_charge(j, 1) || !percent_field(j, f, &i, &a, &b)))
            goto fail;
    }
    if (!a.by_name && args.tag != JJ_DICT && a.next < (args.tag == JJ_TUPLE ? args.l->n : 1)) {
        /* only a lone value that is no mapping must be used */
        jj_error(j, "not all arguments converted during string formatting");
        goto fail;
    }
    JJ_TRY(loam_jj_str_take(j, &b, out));
    out->s->markup = f->markup;
    return true;
fail:
    loam_buf_deinit(&b);
    return false;
}

/* ---- str.format ---- */

static bool parse_spec(jj *j, const jj_str *t, spec *s)
{
    size_t i = 0, second = 0;
    *s = (spec){.precision = -1};
    uint32_t first = t->n ? loam_jj_utf8_next(t->s, t->n, &second) : 0;
    if (second && second < t->n && strchr("<>=^", t->s[second])) {
        s->fill = first;
        s->align = t->s[second];
        i = second + 1;
    } else if (t->n && t->s[0] && strchr("<>=^", t->s[0])) {
        s->align = t->s[0];
        i = 1;
    }
    if (i < t->n && t->s[i] && strchr("+- ", t->s[i]))
        s->sign = t->s[i++];
    if (i < t->n && t->s[i] == '#') {
        s->alternate = true;
        i++;
    }
    if (i < t->n && t->s[i] == '0') {
        s->zero = true;
        i++;
    }
    JJ_TRY(read_number(j, t->s, t->n, &i, &s->width));
    if (i < t->n && (t->s[i] == ',' || t->s[i] == '_'))
        s->grouping = t->s[i++];
    if (i < t->n && t->s[i] == '.') {
        size_t from = ++i;
        JJ_TRY(read_number(j, t->s, t->n, &i, &s->precision));
        if (i == from)
            return jj_error(j, "Format specifier missing precision");
    }
    if (i < t->n)
        s->type = t->s[i++];
    if (i < t->n)
        return jj_error(j, "Invalid format specifier");
    if (s->zero && s->align && !s->fill)
        s->fill = '0';
    return true;
}

static bool unknown_code(jj *j, const spec *s, jj_val v)
{
    return jj_error(j, "Unknown format code '%c' for object of type '%s'",
                    s->type >= 32 && s->type < 127 ? s->type : '?', loam_jj_type(v));
}

static bool format_value(jj *j, jj_val v, const jj_str *text, loam_buf *out)
{
    spec s;
    if (!text->n)
        return loam_jj_print(j, v, out);
    if (v.tag != JJ_STR && !jj_is_number(v))
        return jj_error(j, "unsupported format string passed to %s.__format__", loam_jj_type(v));
    JJ_TRY(parse_spec(j, text, &s));
    if (v.tag == JJ_STR) {
        if (s.type && s.type != 's')
            return unknown_code(j, &s, v);
        if (s.sign)
            return jj_error(j, "Sign not allowed in string format specifier");
        if (s.align == '=')
            return jj_error(j, "'=' alignment not allowed in string format specifier");
        return format_text(j, &s, v.s, out);
    }
    bool whole = jj_is_whole(v) && (!s.type || strchr("bcdoxXn", s.type));
    if (whole && s.precision >= 0)
        return jj_error(j, "Precision not allowed in integer format specifier");
    if (s.type == 'n')
        s.type = whole ? 'd' : 'g';
    if (whole)
        return format_whole(j, &s, jj_whole(v), out);
    if (!s.type || strchr("eEfFgG%", s.type))
        return format_real(j, &s, jj_number(v), out);
    return unknown_code(j, &s, v);
}

typedef struct fields {
    const jj_args *a;
    int64_t next; /* automatic numbering; -1: numbers were given */
} fields;

/* name[.attr|[key]]* */
static bool field_value(jj *j, const jj_str *f, size_t from, size_t to, fields *fs, jj_val *out)
{
    size_t i = from;
    int64_t index;
    bool number, found = false;
    jj_val part;
    while (i < to && f->s[i] != '.' && f->s[i] != '[')
        i++;
    JJ_TRY(loam_jj_sub(j, f, from, i, &part));
    number = i == from && i == to; /* "{.a}" is no automatic number in Python's Formatter */
    if (number) {
        if (fs->next < 0)
            return jj_error(j, "cannot switch from manual field specification to automatic field numbering");
        index = fs->next++;
    } else if (i > from && f->s[from] >= '0' && f->s[from] <= '9') {
        JJ_TRY(loam_jj_parse_int(j, part.s, 10, &index, &number));
        if (number && fs->next > 0)
            return jj_error(j, "cannot switch from automatic field numbering to manual field specification");
        fs->next = -1;
    }
    if (number) {
        if (index < 0 || (size_t)index >= fs->a->n)
            return jj_error(j, "tuple index out of range");
        *out = fs->a->at[index];
    } else {
        for (size_t k = 0; k < fs->a->n_named && !found; k++) {
            found = fs->a->names[k]->n == part.s->n && !memcmp(fs->a->names[k]->s, part.s->s, part.s->n);
            if (found)
                *out = fs->a->named[k];
        }
        if (!found)
            return jj_error(j, "%s", loam_jj_show(j, part));
    }
    while (i < to) {
        bool item = f->s[i++] == '[';
        size_t start = i;
        while (i < to && (item ? f->s[i] != ']' : f->s[i] != '.' && f->s[i] != '['))
            i++;
        if (i == start || (item && i == to))
            return jj_error(j, item && i == to ? "Missing ']' in format string" : "Empty attribute in format string");
        JJ_TRY(jj_charge(j, 1) && loam_jj_sub(j, f, start, i, &part));
        if (item) {
            i++;
            JJ_TRY(loam_jj_parse_int(j, part.s, 10, &index, &number));
            if (number && f->s[start] >= '0' && f->s[start] <= '9')
                part = jj_int(index);
            JJ_TRY(loam_jj_getitem(j, *out, part, out));
        } else {
            JJ_TRY(loam_jj_getattr(j, *out, part.s, out));
        }
    }
    return true;
}

static bool format_into(jj *j, const jj_str *f, size_t from, size_t to, fields *fs, int depth, loam_buf *out);

static bool format_field(jj *j, const jj_str *f, size_t from, size_t to, fields *fs, int depth, loam_buf *out)
{
    size_t name_end = from, i;
    char conversion = 0;
    jj_val v, text;
    for (int brackets = 0; name_end < to && (brackets || (f->s[name_end] != '!' && f->s[name_end] != ':')); name_end++)
        brackets += f->s[name_end] == '[' ? 1 : f->s[name_end] == ']' && brackets ? -1 : 0;
    JJ_TRY(field_value(j, f, from, name_end, fs, &v));
    i = name_end;
    if (i < to && f->s[i] == '!') {
        if (i + 1 >= to)
            return jj_error(j, "end of string while looking for conversion specifier");
        conversion = f->s[i + 1];
        i += 2;
        if (i < to && f->s[i] != ':')
            return jj_error(j, "expected ':' after conversion specifier");
    }
    i += i < to;
    if (conversion == 's') {
        JJ_TRY(loam_jj_to_str(j, v, &v));
    } else if (conversion == 'r' || conversion == 'a') {
        loam_buf b;
        loam_buf_init(&b, JJ_MAX_OUTPUT);
        if (!loam_jj_repr(j, v, &b)) {
            loam_buf_deinit(&b);
            return false;
        }
        JJ_TRY(loam_jj_str_take(j, &b, &v));
    } else if (conversion) {
        return jj_error(j, "Unknown conversion specifier %c", conversion >= 32 && conversion < 127 ? conversion : '?');
    }
    loam_buf b;
    loam_buf_init(&b, 4096);
    if (!format_into(j, f, i < to ? i : to, to, fs, depth + 1, &b)) {
        loam_buf_deinit(&b);
        return false;
    }
    JJ_TRY(loam_jj_str_take(j, &b, &text));
    if (!f->markup)
        return format_value(j, v, text.s, out);
    loam_buf_init(&b, JJ_MAX_OUTPUT); /* Markup.format escapes what it puts in */
    if (!format_value(j, v, text.s, &b)) {
        loam_buf_deinit(&b);
        return false;
    }
    JJ_TRY(loam_jj_str_take(j, &b, &text));
    text.s->markup = v.tag == JJ_STR && v.s->markup;
    return loam_jj_escape(j, text, &text) && loam_jj_print(j, text, out);
}

static bool format_into(jj *j, const jj_str *f, size_t from, size_t to, fields *fs, int depth, loam_buf *out)
{
    if (depth > 2)
        return jj_error(j, "Max string recursion exceeded");
    for (size_t i = from; i < to; i++) {
        char c = f->s[i];
        bool twice = i + 1 < to && f->s[i + 1] == c;
        if (c != '{' && c != '}') {
            loam_buf_char(out, c);
            continue;
        }
        if (twice && depth == 0) {
            loam_buf_char(out, c);
            i++;
            continue;
        }
        if (c == '}')
            return jj_error(j, "Single '}' encountered in format string");
        size_t end = i + 1;
        for (int braces = 1; end < to; end++) {
            braces += f->s[end] == '{' ? 1 : f->s[end] == '}' ? -1 : 0;
            if (!braces)
                break;
        }
        if (end >= to)
            return jj_error(j, i + 1 >= to ? "Single '{' encountered in format string"
                                           : "expected '}' before end of string");
        JJ_TRY(jj_charge(j, 1) && format_field(j, f, i + 1, end, fs, depth, out));
        i = end;
    }
    return true;
}

bool loam_jj_format(jj *j, const jj_str *f, const jj_args *a, jj_val *out)
{
    loam_buf b;
    fields fs = {.a = a};
    JJ_TRY(jj_charge_bytes(j, f->n));
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    if (!format_into(j, f, 0, f->n, &fs, 0, &b)) {
        loam_buf_deinit(&b);
        return false;
    }
    JJ_TRY(loam_jj_str_take(j, &b, out));
    out->s->markup = f->markup;
    return true;
}
