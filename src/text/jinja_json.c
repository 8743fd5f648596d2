/* json.dumps() as transformers' tojson calls it. */
#include "text/jinja_int.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void json_str(const jj_str *s, bool ascii, loam_buf *out)
{
    loam_buf_char(out, '"');
    for (size_t i = 0; i < s->n;) {
        size_t from = i;
        uint32_t c = loam_jj_utf8_next(s->s, s->n, &i);
        static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
        const char *p = c && c < 0x80 ? strchr(plain, (int)c) : NULL;
        if (p)
            loam_buf_printf(out, "\\%c", escaped[p - plain]);
        else if (c < 32 || (ascii && c >= 127 && c < 0x10000 && c != 127))
            loam_buf_printf(out, "\\u%04x", c);
        else if (ascii && c >= 0x10000)
            loam_buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
        else
            loam_buf_add(out, s->s + from, i - from);
    }
    loam_buf_char(out, '"');
}

static void json_float(double f, loam_buf *out)
{
    char number[40];
    if (isfinite(f))
        loam_buf_add(out, number, loam_jj_float_repr(f, number));
    else
        loam_buf_str(out, isnan(f) ? "NaN" : f > 0 ? "Infinity" : "-Infinity");
}

static void json_newline(const jj_json_options *o, int depth, loam_buf *out)
{
    if (!o->indent)
        return;
    loam_buf_char(out, '\n');
    for (int i = 0; i < depth; i++)
        loam_buf_add(out, o->indent->s, o->indent->n);
}

static bool json_any(jj *j, jj_val v, const jj_json_options *o, int depth, loam_buf *out);

static bool json_list(jj *j, const jj_list *l, const jj_json_options *o, int depth, loam_buf *out)
{
    if (!l->n)
        return loam_buf_str(out, "[]") || loam_jj_check_text(j, out);
    loam_buf_char(out, '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            loam_buf_add(out, o->item_sep->s, o->item_sep->n);
        json_newline(o, depth + 1, out);
        JJ_TRY(json_any(j, l->at[i], o, depth + 1, out));
    }
    json_newline(o, depth, out);
    loam_buf_char(out, ']');
    return true;
}

static bool json_key(jj *j, jj_val key, const jj_json_options *o, loam_buf *out)
{
    if (key.tag == JJ_STR) {
        json_str(key.s, o->ascii, out);
        return true;
    }
    if (key.tag != JJ_NONE && !jj_is_number(key))
        return jj_error(j, "keys must be str, int, float, bool or None, not %s", loam_jj_type(key));
    loam_buf_char(out, '"');
    JJ_TRY(json_any(j, key, o, 0, out));
    loam_buf_char(out, '"');
    return true;
}

static bool json_dict(jj *j, const jj_dict *d, const jj_json_options *o, int depth, loam_buf *out)
{
    if (!d->n)
        return loam_buf_str(out, "{}") || loam_jj_check_text(j, out);
    size_t *order = loam_jj_alloc_n(j, d->n, sizeof *order);
    JJ_TRY(order);
    for (size_t i = 0; i < d->n; i++)
        order[i] = i;
    if (o->sort_keys) /* insertion sort: rare and small; each comparison is a step */
        for (size_t i = 1; i < d->n; i++)
            for (size_t k = i; k > 0; k--) {
                bool less;
                JJ_TRY(loam_jj_order(j, JJ_LT, d->keys[order[k]], d->keys[order[k - 1]], &less));
                if (!less)
                    break;
                size_t t = order[k];
                order[k] = order[k - 1];
                order[k - 1] = t;
            }
    loam_buf_char(out, '{');
    for (size_t i = 0; i < d->n; i++) {
        if (i)
            loam_buf_add(out, o->item_sep->s, o->item_sep->n);
        json_newline(o, depth + 1, out);
        JJ_TRY(json_key(j, d->keys[order[i]], o, out));
        loam_buf_add(out, o->key_sep->s, o->key_sep->n);
        JJ_TRY(json_any(j, d->vals[order[i]], o, depth + 1, out));
    }
    json_newline(o, depth, out);
    loam_buf_char(out, '}');
    return true;
}

static bool json_any(jj *j, jj_val v, const jj_json_options *o, int depth, loam_buf *out)
{
    JJ_TRY(jj_charge(j, 1) && loam_jj_deeper(j));
    bool ok = true;
    switch (v.tag) {
    case JJ_NONE:
        loam_buf_str(out, "null");
        break;
    case JJ_BOOL:
        loam_buf_str(out, v.b ? "true" : "false");
        break;
    case JJ_INT:
        loam_buf_printf(out, "%" PRId64, v.i);
        break;
    case JJ_FLOAT:
        json_float(v.f, out);
        break;
    case JJ_STR:
        ok = jj_charge_bytes(j, v.s->n);
        json_str(v.s, o->ascii, out);
        break;
    case JJ_LIST:
    case JJ_TUPLE:
        ok = json_list(j, v.l, o, depth, out);
        break;
    case JJ_DICT:
        ok = json_dict(j, v.d, o, depth, out);
        break;
    default:
        return jj_error(j, "Object of type %s is not JSON serializable", loam_jj_type(v));
    }
    JJ_TRY(ok && loam_jj_check_text(j, out));
    j->depth--;
    return true;
}

bool loam_jj_json(jj *j, jj_val v, const jj_json_options *o, loam_buf *out)
{
    return json_any(j, v, o, 0, out);
}
