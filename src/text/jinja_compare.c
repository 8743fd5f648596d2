/* Types and their names, truth, length, equality, order, membership; all as Python's. */
#include "text/jinja_int.h"

#include <stdio.h>
#include <string.h>

const char *loam_jj_type(jj_val v)
{
    static const char *const names[] = {
        [JJ_MISSING] = "missing",  [JJ_UNDEFINED] = "Undefined", [JJ_NONE] = "NoneType", [JJ_BOOL] = "bool",
        [JJ_INT] = "int",          [JJ_FLOAT] = "float",         [JJ_STR] = "str",       [JJ_LIST] = "list",
        [JJ_TUPLE] = "tuple",      [JJ_DICT] = "dict",           [JJ_RANGE] = "range",   [JJ_VIEW] = "dict_keys",
        [JJ_ITER] = "generator",   [JJ_NAMESPACE] = "Namespace", [JJ_MACRO] = "Macro",   [JJ_FUNC] = "function",
        [JJ_LOOP] = "LoopContext", [JJ_GADGET] = "Cycler"};
    if (v.tag == JJ_ITER)
        return v.it->type;
    if (v.tag == JJ_VIEW)
        return v.v->kind == JJ_VIEW_KEYS ? "dict_keys" : v.v->kind == JJ_VIEW_VALUES ? "dict_values" : "dict_items";
    if (v.tag == JJ_FUNC && v.fn->self.tag != JJ_MISSING)
        return "builtin_function_or_method";
    if (v.tag == JJ_STR && v.s->markup)
        return "Markup";
    return names[v.tag];
}

const char *loam_jj_type_object(jj *j, jj_val v)
{
    static const char *const foreign[] = {[JJ_NAMESPACE] = "jinja2.utils.Namespace object",
                                          [JJ_MACRO] = "jinja2.runtime.Macro object",
                                          [JJ_LOOP] = "jinja2.runtime.LoopContext object",
                                          [JJ_GADGET] = "jinja2.utils.Cycler object"};
    if (v.tag == JJ_NONE)
        return "None";
    if (v.tag >= JJ_NAMESPACE && v.tag != JJ_FUNC)
        return foreign[v.tag];
    const char *type = loam_jj_type(v);
    char text[64];
    int n = snprintf(text, sizeof text, "%s object", type);
    char *copy = loam_arena_strndup(j->arena, text, (size_t)n);
    return copy ? copy : type;
}

bool loam_jj_truth(jj_val v)
{
    switch (v.tag) {
    case JJ_MISSING:
    case JJ_UNDEFINED:
    case JJ_NONE:
        return false;
    case JJ_BOOL:
        return v.b;
    case JJ_INT:
        return v.i != 0;
    case JJ_FLOAT:
        return v.f != 0;
    default: {
        int64_t n = v.tag == JJ_LOOP ? 1 : loam_jj_len(v);
        return n != 0;
    }
    }
}

int64_t loam_jj_len(jj_val v)
{
    switch (v.tag) {
    case JJ_UNDEFINED:
        return 0;
    case JJ_STR:
        return (int64_t)v.s->len;
    case JJ_LIST:
    case JJ_TUPLE:
        return (int64_t)v.l->n;
    case JJ_DICT:
        return (int64_t)v.d->n;
    case JJ_RANGE:
        return v.r->n;
    case JJ_VIEW:
        return (int64_t)v.v->d->n;
    default:
        return -1;
    }
}

/* Python compares whole numbers and floats exactly. */
static int compare_numbers(jj_val a, jj_val b, bool *ordered)
{
    *ordered = true;
    if (jj_is_whole(a) && jj_is_whole(b)) {
        int64_t x = jj_whole(a), y = jj_whole(b);
        return x < y ? -1 : x > y;
    }
    if (a.tag == JJ_FLOAT && b.tag == JJ_FLOAT) {
        *ordered = a.f == a.f && b.f == b.f;
        return a.f < b.f ? -1 : a.f > b.f;
    }
    if (a.tag == JJ_FLOAT)
        return -compare_numbers(b, a, ordered);
    int64_t x = jj_whole(a);
    double y = b.f;
    *ordered = y == y;
    if (y >= 9223372036854775808.0)
        return -1;
    if (y < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)y;
    if (x != whole)
        return x < whole ? -1 : 1;
    double rest = y - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

bool loam_jj_same(jj_val a, jj_val b)
{
    if (a.tag != b.tag)
        return false;
    switch (a.tag) {
    case JJ_NONE:
        return true;
    case JJ_BOOL:
        return a.b == b.b;
    case JJ_INT: /* CPython has one object for each small number */
        return a.i == b.i && a.i >= -5 && a.i <= 256;
    case JJ_FLOAT:
        return false;
    case JJ_STR: /* and one for each text of at most one Latin-1 character, and for equal constants */
        return a.s == b.s || (a.s->n == b.s->n && !memcmp(a.s->s, b.s->s, a.s->n));
    case JJ_TUPLE:
        return a.l == b.l || (!a.l->n && !b.l->n);
    default:
        return a.ptr == b.ptr;
    }
}

static bool eq_dicts(jj *j, jj_dict *a, jj_dict *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; i < a->n && *out; i++) {
        jj_val v;
        bool found;
        JJ_TRY(loam_jj_dict_get(j, b, a->keys[i], &v, &found));
        *out = found;
        if (found)
            JJ_TRY(loam_jj_eq(j, a->vals[i], v, out));
    }
    return true;
}

static bool is_sequence_of_items(jj_val v)
{
    return v.tag == JJ_LIST || v.tag == JJ_TUPLE;
}

bool loam_jj_eq(jj *j, jj_val a, jj_val b, bool *out)
{
    JJ_TRY(jj_charge(j, 1));
    if (jj_is_number(a) && jj_is_number(b)) {
        bool ordered;
        *out = compare_numbers(a, b, &ordered) == 0 && ordered;
        return true;
    }
    *out = false;
    if (a.tag != b.tag)
        return true;
    switch (a.tag) {
    case JJ_NONE:
    case JJ_UNDEFINED:
        *out = true;
        return true;
    case JJ_STR:
        *out = a.s->n == b.s->n;
        if (!*out)
            return true;
        *out = a.s->s == b.s->s || !memcmp(a.s->s, b.s->s, a.s->n);
        return jj_charge_bytes(j, a.s->n);
    case JJ_LIST:
    case JJ_TUPLE:
        *out = a.l->n == b.l->n;
        JJ_TRY(loam_jj_deeper(j));
        for (size_t i = 0; i < a.l->n && *out; i++)
            JJ_TRY(loam_jj_eq(j, a.l->at[i], b.l->at[i], out));
        j->depth--;
        return true;
    case JJ_DICT:
        JJ_TRY(loam_jj_deeper(j) && eq_dicts(j, a.d, b.d, out));
        j->depth--;
        return true;
    case JJ_RANGE:
        *out = a.r->n == b.r->n && (!a.r->n || (a.r->start == b.r->start && (a.r->n == 1 || a.r->step == b.r->step)));
        return true;
    default:
        *out = a.ptr == b.ptr;
        return true;
    }
}

bool loam_jj_order(jj *j, jj_op op, jj_val a, jj_val b, bool *out)
{
    static const char *const names[] = {[JJ_LT] = "<", [JJ_LE] = "<=", [JJ_GT] = ">", [JJ_GE] = ">="};
    int c;
    JJ_TRY(jj_charge(j, 1));
    if (a.tag == JJ_UNDEFINED || b.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, a.tag == JJ_UNDEFINED ? a : b);
    if (jj_is_number(a) && jj_is_number(b)) {
        bool ordered;
        c = compare_numbers(a, b, &ordered);
        if (!ordered) {
            *out = false;
            return true;
        }
    } else if (jj_is_str(a) && jj_is_str(b)) { /* UTF-8 sorts as code points do */
        size_t n = a.s->n < b.s->n ? a.s->n : b.s->n;
        JJ_TRY(jj_charge_bytes(j, n));
        c = memcmp(a.s->s, b.s->s, n);
        if (!c)
            c = a.s->n < b.s->n ? -1 : a.s->n > b.s->n;
    } else if (a.tag == b.tag && is_sequence_of_items(a)) {
        size_t n = a.l->n < b.l->n ? a.l->n : b.l->n;
        for (size_t i = 0; i < n; i++) {
            bool eq;
            JJ_TRY(loam_jj_eq(j, a.l->at[i], b.l->at[i], &eq));
            if (!eq) {
                JJ_TRY(loam_jj_deeper(j) && loam_jj_order(j, op, a.l->at[i], b.l->at[i], out));
                j->depth--;
                return true;
            }
        }
        c = a.l->n < b.l->n ? -1 : a.l->n > b.l->n;
    } else {
        return jj_error(j, "'%s' not supported between instances of '%s' and '%s'", names[op], loam_jj_type(a),
                        loam_jj_type(b));
    }
    *out = op == JJ_LT ? c < 0 : op == JJ_LE ? c <= 0 : op == JJ_GT ? c > 0 : c >= 0;
    return true;
}

bool loam_jj_contains(jj *j, jj_val item, jj_val in, bool *out)
{
    *out = false;
    if (in.tag == JJ_STR) {
        if (item.tag == JJ_UNDEFINED || item.tag != JJ_STR)
            return jj_error(j, "'in <string>' requires string as left operand, not %s", loam_jj_type(item));
        JJ_TRY(jj_charge_bytes(j, in.s->n));
        *out = loam_jj_str_find(in.s->s, in.s->n, item.s->s, item.s->n, 0) != SIZE_MAX;
        return true;
    }
    if (in.tag == JJ_DICT || (in.tag == JJ_VIEW && in.v->kind == JJ_VIEW_KEYS)) {
        jj_val v;
        return loam_jj_dict_get(j, in.tag == JJ_DICT ? in.d : in.v->d, item, &v, out);
    }
    if (in.tag == JJ_RANGE && jj_is_whole(item)) {
        int64_t i = jj_whole(item), first = in.r->start, last = first + (in.r->n - 1) * in.r->step;
        *out = in.r->n && i >= (first < last ? first : last) && i <= (first < last ? last : first) &&
               (i - first) % in.r->step == 0;
        return true;
    }
    if (!loam_jj_iterable(in))
        return jj_error(j, "argument of type '%s' is not iterable", loam_jj_type(in));
    jj_iter *it;
    JJ_TRY(loam_jj_iter(j, in, &it));
    for (bool got = true; got && !*out;) {
        jj_val v;
        JJ_TRY(loam_jj_next(j, it, &v, &got));
        if (got)
            JJ_TRY(loam_jj_eq(j, v, item, out));
    }
    return true;
}
