/* obj.name, obj[key] and slices, with the rules of Jinja's sandbox: obj.name tries the attribute first, obj["name"] the
 * element; what is missing is undefined; what a sandbox hides is undefined too and says so when it is used. */
#include "text/jinja_int.h"

#include <string.h>

static bool bind_method(jj *j, jj_val obj, const jj_builtin *def, jj_val *out)
{
    struct jj_func *f = loam_jj_alloc(j, sizeof *f);
    JJ_TRY(f);
    *f = (struct jj_func){.def = def, .self = obj};
    *out = (jj_val){.tag = JJ_FUNC, .fn = f};
    return true;
}

/* Names that Python's objects have but a sandbox does not give away, and those that would change a list or dict. */
static bool is_unsafe(jj_val obj, const jj_str *name)
{
    static const char *const changers[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
    static const char *const dict_changers[] = {"clear", "pop", "popitem", "setdefault", "update"};
    static const char *const dunder[] = {"__class__",        "__init__",     "__doc__",
                                         "__eq__",           "__hash__",     "__dir__",
                                         "__getattribute__", "__len__",      "__iter__",
                                         "__getitem__",      "__contains__", "__add__",
                                         "__mul__",          "__str__",      "__repr__",
                                         "__format__",       "__reduce__",   "__ne__",
                                         "__lt__",           "__le__",       "__gt__",
                                         "__ge__",           "__new__",      "__setattr__",
                                         "__delattr__",      "__sizeof__",   "__init_subclass__",
                                         "__subclasshook__", "__reduce_ex__"};
    if (name->n > 4 && name->s[0] == '_' && name->s[1] == '_')
        for (size_t i = 0; i < sizeof dunder / sizeof *dunder; i++)
            if (loam_jj_str_is(name, dunder[i]))
                return true;
    for (size_t i = 0; obj.tag == JJ_LIST && i < sizeof changers / sizeof *changers; i++)
        if (loam_jj_str_is(name, changers[i]))
            return true;
    for (size_t i = 0; obj.tag == JJ_DICT && i < sizeof dict_changers / sizeof *dict_changers; i++)
        if (loam_jj_str_is(name, dict_changers[i]))
            return true;
    return false;
}

static bool range_attr(const struct jj_range *r, const jj_str *name, jj_val *out)
{
    if (loam_jj_str_is(name, "start"))
        *out = jj_int(r->start);
    else if (loam_jj_str_is(name, "stop"))
        *out = jj_int(r->stop);
    else if (loam_jj_str_is(name, "step"))
        *out = jj_int(r->step);
    else
        return false;
    return true;
}

static bool number_attr(jj_val v, const jj_str *name, jj_val *out)
{
    if (v.tag == JJ_BOOL)
        v = jj_int(v.b);
    if (loam_jj_str_is(name, "real") || (v.tag == JJ_INT && loam_jj_str_is(name, "numerator")))
        *out = v;
    else if (loam_jj_str_is(name, "imag"))
        *out = v.tag == JJ_INT ? jj_int(0) : jj_float(0);
    else if (v.tag == JJ_INT && loam_jj_str_is(name, "denominator"))
        *out = jj_int(1);
    else
        return false;
    return true;
}

static bool macro_attr(jj *j, const struct jj_macro *m, const jj_str *name, jj_val *out, bool *found)
{
    *found = true;
    if (loam_jj_str_is(name, "name")) {
        if (!m->node->name) {
            *out = jj_none();
            return true;
        }
        return loam_jj_str_borrow(j, m->node->name, strlen(m->node->name), out);
    }
    if (loam_jj_str_is(name, "caller")) {
        *out = jj_bool(m->node->caller_slot >= 0);
        return true;
    }
    if (loam_jj_str_is(name, "catch_kwargs") || loam_jj_str_is(name, "catch_varargs")) {
        *out = jj_bool((name->n == 12 ? m->node->kwargs_slot : m->node->varargs_slot) >= 0);
        return true;
    }
    *found = loam_jj_str_is(name, "arguments");
    if (!*found)
        return true;
    jj_list *l = loam_jj_list_new(j, m->node->list.n);
    JJ_TRY(l);
    for (size_t i = 0; i < m->node->list.n; i++)
        JJ_TRY(loam_jj_list_push(j, l, jj_of_str(m->node->list.at[i]->str)));
    *out = jj_of_tuple(l);
    return true;
}

/* Python's getattr: *found false when there is no such attribute. */
static bool attribute(jj *j, jj_val obj, const jj_str *name, jj_val *out, bool *found)
{
    *found = true;
    if (obj.tag == JJ_NAMESPACE) {
        JJ_TRY(loam_jj_dict_get_str(j, obj.d, name->s, name->n, out, found));
        return true;
    }
    if (obj.tag == JJ_LOOP)
        return loam_jj_loop_attr(j, obj.lp, name, out, found);
    if (is_unsafe(obj, name)) {
        JJ_TRY(loam_jj_undefined_hint(j, out, "access to attribute %s of '%s' object is unsafe.",
                                      loam_jj_show(j, jj_of_str((jj_str *)name)), loam_jj_type(obj)));
        out->u->security = true;
        return true;
    }
    const jj_builtin *method = loam_jj_find_method(obj, name);
    if (method)
        return bind_method(j, obj, method, out);
    if (obj.tag == JJ_MACRO)
        return macro_attr(j, obj.m, name, out, found);
    *found =
        (obj.tag == JJ_RANGE && range_attr(obj.r, name, out)) || (jj_is_number(obj) && number_attr(obj, name, out));
    return true;
}

/* obj[key]; *found false for Python's TypeError and LookupError. */
static bool element(jj *j, jj_val obj, jj_val key, jj_val *out, bool *found)
{
    *found = false;
    if (obj.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, obj);
    if (obj.tag == JJ_DICT)
        return !loam_jj_hashable(key) || loam_jj_dict_get(j, obj.d, key, out, found);
    if (!jj_is_whole(key) || (obj.tag != JJ_LIST && obj.tag != JJ_TUPLE && obj.tag != JJ_STR && obj.tag != JJ_RANGE))
        return true;
    int64_t n = loam_jj_len(obj), i = jj_whole(key);
    if (i < 0)
        i += n;
    if (i < 0 || i >= n)
        return true;
    *found = true;
    if (obj.tag == JJ_RANGE) {
        *out = loam_jj_range_at(obj.r, i);
        return true;
    }
    if (obj.tag == JJ_STR) {
        size_t from = loam_jj_str_offset(obj.s, (size_t)i), to = from;
        JJ_TRY(obj.s->n == obj.s->len || jj_charge_bytes(j, from));
        loam_jj_utf8_next(obj.s->s, obj.s->n, &to);
        return loam_jj_sub(j, obj.s, from, to, out);
    }
    *out = obj.l->at[i];
    return true;
}

bool loam_jj_getattr(jj *j, jj_val obj, jj_str *name, jj_val *out)
{
    bool found;
    if (obj.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, obj);
    JJ_TRY(attribute(j, obj, name, out, &found));
    if (!found)
        JJ_TRY(element(j, obj, jj_of_str(name), out, &found));
    return found || loam_jj_undefined(j, NULL, loam_jj_type_object(j, obj), jj_of_str(name), out);
}

bool loam_jj_getitem(jj *j, jj_val obj, jj_val key, jj_val *out)
{
    bool found;
    JJ_TRY(element(j, obj, key, out, &found));
    if (!found && key.tag == JJ_STR)
        JJ_TRY(attribute(j, obj, key.s, out, &found));
    return found || loam_jj_undefined(j, NULL, loam_jj_type_object(j, obj), key, out);
}

static bool slice_index(jj *j, jj_val v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v.tag == JJ_NONE || v.tag == JJ_MISSING)
        return true;
    if (!jj_is_whole(v))
        return jj_error(j, "slice indices must be integers or None or have an __index__ method");
    *out = jj_whole(v);
    return true;
}

static int64_t clamp(int64_t i, int64_t n, int64_t least, int64_t most)
{
    if (i < 0)
        i += n;
    return i < least ? least : i > most ? most : i;
}

bool loam_jj_getslice(jj *j, jj_val obj, jj_val start, jj_val stop, jj_val step, jj_val *out)
{
    int64_t n = loam_jj_len(obj), by, from, to;
    if (obj.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, obj);
    if (obj.tag == JJ_DICT)
        return jj_error(j, "unhashable type: 'slice'");
    if (obj.tag != JJ_STR && obj.tag != JJ_LIST && obj.tag != JJ_TUPLE && obj.tag != JJ_RANGE)
        return jj_error(j, "'%s' object is not subscriptable", loam_jj_type(obj));
    JJ_TRY(slice_index(j, step, 1, &by));
    if (!by)
        return jj_error(j, "slice step cannot be zero");
    if (by < -INT64_MAX)
        by = -INT64_MAX;
    int64_t least = by > 0 ? 0 : -1, most = by > 0 ? n : n - 1;
    JJ_TRY(slice_index(j, start, by > 0 ? 0 : INT64_MAX, &from) &&
           slice_index(j, stop, by > 0 ? INT64_MAX : INT64_MIN, &to));
    from = clamp(from, n, least, most);
    to = clamp(to, n, least, most);
    int64_t count = by > 0 ? (to > from ? (to - from - 1) / by + 1 : 0) : (from > to ? (from - to - 1) / -by + 1 : 0);
    JJ_TRY(jj_charge(j, count / 16));
    if (obj.tag == JJ_RANGE) {
        struct jj_range *r = loam_jj_alloc(j, sizeof *r);
        JJ_TRY(r);
        int64_t scaled;
        if (__builtin_mul_overflow(obj.r->step, by, &scaled))
            scaled = by > 0 ? INT64_MAX : -INT64_MAX;
        *r = (struct jj_range){loam_jj_range_at(obj.r, from).i, loam_jj_range_at(obj.r, to).i, scaled, count};
        *out = (jj_val){.tag = JJ_RANGE, .r = r};
        return true;
    }
    if (obj.tag == JJ_STR && by == 1) {
        size_t a = loam_jj_str_offset(obj.s, (size_t)from), b = count ? loam_jj_str_offset(obj.s, (size_t)to) : a;
        return jj_charge_bytes(j, obj.s->n) && loam_jj_sub(j, obj.s, a, b, out);
    }
    if (obj.tag == JJ_STR) { /* by characters: collect them first */
        jj_list *chars;
        bool markup = obj.s->markup;
        loam_buf b;
        JJ_TRY(loam_jj_collect(j, obj, &chars));
        loam_buf_init(&b, JJ_MAX_ARENA);
        for (int64_t i = 0; i < count; i++)
            loam_buf_add(&b, chars->at[from + i * by].s->s, chars->at[from + i * by].s->n);
        JJ_TRY(loam_jj_str_take(j, &b, out));
        out->s->markup = markup;
        return true;
    }
    jj_list *l = loam_jj_list_new(j, (size_t)count);
    JJ_TRY(l);
    for (int64_t i = 0; i < count; i++)
        l->at[l->n++] = obj.l->at[from + i * by];
    *out = (jj_val){.tag = obj.tag, .l = l};
    return true;
}
