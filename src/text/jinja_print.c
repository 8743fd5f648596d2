/* Values as text: Python's str() and repr(). */
#include "text/jinja_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t loam_jj_float_repr(double f, char out[40])
{
    if (isnan(f))
        return (size_t)snprintf(out, 40, "nan");
    if (isinf(f))
        return (size_t)snprintf(out, 40, f > 0 ? "inf" : "-inf");
    char digits[40];
    int precision = 0;
    do /* the fewest digits that read back as the same number */
        snprintf(digits, sizeof digits, "%.*e", precision, f);
    while (strtod(digits, NULL) != f && ++precision < 17);
    char *e = strchr(digits, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        *e = 0;
        return (size_t)snprintf(out, 40, "%se%c%02d", digits, exponent < 0 ? '-' : '+', abs(exponent));
    }
    int decimals = precision - exponent;
    return (size_t)snprintf(out, 40, "%.*f", decimals > 0 ? decimals : 1, f);
}

bool loam_jj_deeper(jj *j)
{
    return ++j->depth <= JJ_MAX_DEPTH ||
           loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "values or macros are nested more than %d deep", JJ_MAX_DEPTH);
}

static bool print_str_repr(jj *j, const jj_str *s, loam_buf *out)
{
    JJ_TRY(jj_charge_bytes(j, s->n));
    bool single = memchr(s->s, '\'', s->n) != NULL, twice = memchr(s->s, '"', s->n) != NULL;
    char quote = single && !twice ? '"' : '\'';
    loam_buf_char(out, quote);
    for (size_t i = 0; i < s->n;) {
        size_t from = i;
        uint32_t c = loam_jj_utf8_next(s->s, s->n, &i);
        if (c == (unsigned char)quote || c == '\\')
            loam_buf_printf(out, "\\%c", (char)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            loam_buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x80 ? c >= 32 && c < 127 : loam_jj_is_printable(c))
            loam_buf_add(out, s->s + from, i - from);
        else
            loam_buf_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
    loam_buf_char(out, quote);
    return true;
}

static bool print_items(jj *j, const jj_val *at, size_t n, loam_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            loam_buf_str(out, ", ");
        JJ_TRY(loam_jj_repr(j, at[i], out));
    }
    return true;
}

static bool print_pairs(jj *j, const jj_dict *d, const char *between, const char *open, const char *close,
                        loam_buf *out)
{
    for (size_t i = 0; i < d->n; i++) {
        loam_buf_str(out, i ? ", " : "");
        loam_buf_str(out, open);
        JJ_TRY(loam_jj_repr(j, d->keys[i], out));
        loam_buf_str(out, between);
        JJ_TRY(loam_jj_repr(j, d->vals[i], out));
        loam_buf_str(out, close);
    }
    return true;
}

static bool print_view(jj *j, const struct jj_view *v, loam_buf *out)
{
    static const char *const names[] = {"dict_keys([", "dict_values([", "dict_items(["};
    loam_buf_str(out, names[v->kind]);
    if (v->kind == JJ_VIEW_ITEMS)
        JJ_TRY(print_pairs(j, v->d, ", ", "(", ")", out));
    else
        JJ_TRY(print_items(j, v->kind == JJ_VIEW_KEYS ? v->d->keys : v->d->vals, v->d->n, out));
    loam_buf_str(out, "])");
    return true;
}

static bool print_any(jj *j, jj_val v, loam_buf *out)
{
    char number[40];
    switch (v.tag) {
    case JJ_MISSING:
        loam_buf_str(out, "missing");
        return true;
    case JJ_UNDEFINED:
        loam_buf_str(out, "Undefined");
        return true;
    case JJ_NONE:
        loam_buf_str(out, "None");
        return true;
    case JJ_BOOL:
        loam_buf_str(out, v.b ? "True" : "False");
        return true;
    case JJ_INT:
        loam_buf_printf(out, "%" PRId64, v.i);
        return true;
    case JJ_FLOAT:
        loam_buf_add(out, number, loam_jj_float_repr(v.f, number));
        return true;
    case JJ_STR:
        if (!v.s->markup)
            return print_str_repr(j, v.s, out);
        loam_buf_str(out, "Markup(");
        JJ_TRY(print_str_repr(j, v.s, out));
        loam_buf_char(out, ')');
        return true;
    case JJ_LIST:
        loam_buf_char(out, '[');
        JJ_TRY(print_items(j, v.l->at, v.l->n, out));
        loam_buf_char(out, ']');
        return true;
    case JJ_TUPLE:
        loam_buf_char(out, '(');
        JJ_TRY(print_items(j, v.l->at, v.l->n, out));
        loam_buf_str(out, v.l->n == 1 ? ",)" : ")");
        return true;
    case JJ_DICT:
    case JJ_NAMESPACE:
        loam_buf_str(out, v.tag == JJ_DICT ? "{" : "<Namespace {");
        JJ_TRY(print_pairs(j, v.d, ": ", "", "", out));
        loam_buf_str(out, v.tag == JJ_DICT ? "}" : "}>");
        return true;
    case JJ_RANGE:
        loam_buf_printf(
            out, v.r->step == 1 ? "range(%" PRId64 ", %" PRId64 ")" : "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")",
            v.r->start, v.r->stop, v.r->step);
        return true;
    case JJ_VIEW:
        return print_view(j, v.v, out);
    case JJ_MACRO:
        loam_buf_printf(out, v.m->node->name ? "<Macro '%s'>" : "<Macro anonymous>", v.m->node->name);
        return true;
    case JJ_LOOP: {
        static const jj_str length = {.s = "length", .n = 6, .len = 6};
        jj_val n;
        bool found;
        JJ_TRY(loam_jj_loop_attr(j, v.lp, &length, &n, &found));
        loam_buf_printf(out, "<LoopContext %" PRId64 "/%" PRId64 ">", v.lp->index0 + 1, n.i);
        return true;
    }
    default: /* Python prints addresses here */
        loam_buf_printf(out, "<%s object>", loam_jj_type(v));
        return true;
    }
}

bool loam_jj_check_text(jj *j, const loam_buf *out)
{
    return !out->failed || loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "%s grew beyond %d MiB",
                                        out == j->out ? "the output" : "a text", JJ_MAX_OUTPUT >> 20);
}

bool loam_jj_repr(jj *j, jj_val v, loam_buf *out)
{
    JJ_TRY(loam_jj_deeper(j) && jj_charge(j, 1) && print_any(j, v, out) && loam_jj_check_text(j, out));
    j->depth--;
    return true;
}

bool loam_jj_print(jj *j, jj_val v, loam_buf *out)
{
    if (v.tag == JJ_UNDEFINED)
        return true;
    if (v.tag != JJ_STR)
        return loam_jj_repr(j, v, out);
    JJ_TRY(jj_charge_bytes(j, v.s->n));
    loam_buf_add(out, v.s->s, v.s->n);
    return loam_jj_check_text(j, out);
}

bool loam_jj_to_str(jj *j, jj_val v, jj_val *out)
{
    if (v.tag == JJ_STR) {
        *out = v;
        return !v.s->markup || (loam_jj_sub(j, v.s, 0, v.s->n, out) && (out->s->markup = false, true));
    }
    loam_buf b;
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    if (loam_jj_print(j, v, &b))
        return loam_jj_str_take(j, &b, out);
    loam_buf_deinit(&b);
    return false;
}

const char *loam_jj_show(jj *j, jj_val v)
{
    loam_err *err = j->err, scratch = LOAM_ERR_INIT;
    int depth = j->depth;
    int64_t steps = j->steps;
    loam_buf b;
    loam_buf_init(&b, 200);
    j->err = &scratch;
    j->steps = 1000;
    loam_jj_repr(j, v, &b);
    j->err = err;
    j->depth = depth;
    j->steps = steps;
    char *s = loam_arena_strndup(j->arena, loam_buf_text(&b), b.len);
    loam_buf_deinit(&b);
    return s ? s : "?";
}
