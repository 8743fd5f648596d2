/* Calls: binding arguments to parameters, and the global functions that a chat template may use. */
#include "text/jinja_int.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PARAMS = 8 };

/* The parameter names of a builtin: positions in its string. */
typedef struct param {
    const char *name;
    size_t n;
    bool optional;
} param;

static int split_params(const char *s, param out[MAX_PARAMS])
{
    int n = 0;
    bool optional = false;
    while (*s && n < MAX_PARAMS) {
        if (*s == '?') {
            optional = true;
            s++;
        }
        size_t len = strcspn(s, " ");
        out[n++] = (param){s, len, optional};
        s += len + (s[len] == ' ');
    }
    return n;
}

bool loam_jj_call_builtin(jj *j, const jj_builtin *b, jj_val self, const jj_args *a, jj_val *out)
{
    jj_val bound[MAX_PARAMS] = {0};
    param params[MAX_PARAMS];
    if (!b->params)
        return b->fn(j, self, NULL, a, out);
    int n = split_params(b->params, params);
    if (a->n > (size_t)n)
        return jj_error(j, "%s() takes at most %d argument%s (%zu given)", b->name, n, n == 1 ? "" : "s", a->n);
    for (size_t i = 0; i < a->n; i++)
        bound[i] = a->at[i];
    for (size_t k = 0; k < a->n_named; k++) {
        int i = 0;
        const jj_str *name = a->names[k];
        while (i < n && !(params[i].n == name->n && !memcmp(params[i].name, name->s, name->n)))
            i++;
        if (i == n)
            return jj_error(j, "%s() got an unexpected keyword argument %s", b->name,
                            loam_jj_show(j, jj_of_str(a->names[k])));
        if (bound[i].tag != JJ_MISSING)
            return jj_error(j, "%s() got multiple values for argument '%.*s'", b->name, (int)params[i].n,
                            params[i].name);
        bound[i] = a->named[k];
    }
    for (int i = 0; i < n; i++)
        if (!params[i].optional && bound[i].tag == JJ_MISSING)
            return jj_error(j, "%s() missing a required argument: '%.*s'", b->name, (int)params[i].n, params[i].name);
    return b->fn(j, self, bound, a, out);
}

static bool call_gadget(jj *j, struct jj_gadget *g, const jj_args *a, jj_val *out)
{
    if (!g->joiner)
        return jj_error(j, "'Cycler' object is not callable");
    bool first = !g->used;
    g->used = true;
    *out = g->items->at[0];
    return !first || loam_jj_str_borrow(j, "", 0, out);
}

bool loam_jj_call(jj *j, jj_val callee, const jj_args *a, jj_val *out)
{
    switch (callee.tag) {
    case JJ_FUNC:
        return loam_jj_call_builtin(j, callee.fn->def, callee.fn->self, a, out);
    case JJ_MACRO: {
        if (++j->depth > JJ_MAX_DEPTH)
            return loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "values or macros are nested more than %d deep",
                                JJ_MAX_DEPTH);
        JJ_TRY(loam_jj_call_macro(j, callee.m, a, out));
        j->depth--;
        return true;
    }
    case JJ_LOOP:
        return loam_jj_call_loop(j, callee.lp, a, out);
    case JJ_GADGET:
        return call_gadget(j, callee.g, a, out);
    case JJ_UNDEFINED:
        return loam_jj_undefined_fail(j, callee);
    default:
        return jj_error(j, "'%s' object is not callable", loam_jj_type(callee));
    }
}

const jj_builtin *loam_jj_find_in(const jj_builtin *table, const jj_str *name)
{
    for (; table->name; table++)
        if (loam_jj_str_is(name, table->name))
            return table;
    return NULL;
}

/* ---- global functions ---- */

static bool fn_raise(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_val text;
    JJ_TRY(loam_jj_to_str(j, arg[0], &text));
    size_t n = text.s->n < LOAM_ERR_MSG_MAX ? text.s->n : LOAM_ERR_MSG_MAX;
    j->status = loam_err_set(j->err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "%.*s", (int)n, text.s->s);
    return false;
}

static bool fn_range(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    int64_t v[3] = {0, 0, 1};
    for (int i = 0; i < 3 && arg[i].tag != JJ_MISSING; i++) {
        if (arg[i].tag == JJ_UNDEFINED || !jj_is_whole(arg[i]))
            return jj_error(j, "'%s' object cannot be interpreted as an integer", loam_jj_type(arg[i]));
        v[i] = jj_whole(arg[i]);
    }
    if (arg[1].tag == JJ_MISSING) {
        v[1] = v[0];
        v[0] = 0;
    }
    if (!v[2])
        return jj_error(j, "range() arg 3 must not be zero");
    __int128 span = v[2] > 0 ? (__int128)v[1] - v[0] : (__int128)v[0] - v[1], by = v[2] > 0 ? v[2] : -(__int128)v[2];
    __int128 n = span > 0 ? (span - 1) / by + 1 : 0;
    if (n > JJ_MAX_RANGE)
        return loam_jj_fail(j, LOAM_STATUS_TOO_LARGE,
                            "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", JJ_MAX_RANGE);
    struct jj_range *r = loam_jj_alloc(j, sizeof *r);
    JJ_TRY(r);
    *r = (struct jj_range){v[0], v[1], v[2], (int64_t)n};
    *out = (jj_val){.tag = JJ_RANGE, .r = r};
    return true;
}

/* dict(mapping or pairs, **names), also for namespace(). */
static bool build_dict(jj *j, const char *name, const jj_args *a, jj_dict **out)
{
    jj_dict *d = *out = loam_jj_dict_new(j);
    JJ_TRY(d);
    if (a->n > 1)
        return jj_error(j, "%s expected at most 1 argument, got %zu", name, a->n);
    if (a->n && a->at[0].tag == JJ_DICT) {
        for (size_t i = 0; i < a->at[0].d->n; i++)
            JJ_TRY(loam_jj_dict_set(j, d, a->at[0].d->keys[i], a->at[0].d->vals[i]));
    } else if (a->n) {
        jj_list *items, *pair;
        JJ_TRY(loam_jj_collect(j, a->at[0], &items));
        for (size_t i = 0; i < items->n; i++) {
            if (!loam_jj_iterable(items->at[i]))
                return jj_error(j, "cannot convert dictionary update sequence element #%zu to a sequence", i);
            JJ_TRY(loam_jj_collect(j, items->at[i], &pair));
            if (pair->n != 2)
                return jj_error(j, "dictionary update sequence element #%zu has length %zu; 2 is required", i, pair->n);
            JJ_TRY(loam_jj_dict_set(j, d, pair->at[0], pair->at[1]));
        }
    }
    for (size_t i = 0; i < a->n_named; i++)
        JJ_TRY(loam_jj_dict_set(j, d, jj_of_str(a->names[i]), a->named[i]));
    return true;
}

static bool fn_dict(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    out->tag = JJ_DICT;
    return build_dict(j, "dict", raw, &out->d);
}

static bool fn_namespace(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_dict *d;
    JJ_TRY(build_dict(j, "dict", raw, &d));
    for (size_t i = 0; i < d->n; i++)
        if (d->keys[i].tag == JJ_STR && d->keys[i].s->n && d->keys[i].s->s[0] == '_')
            return jj_error(j,
                            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got %s. "
                            "Please rename the attribute.",
                            loam_jj_show(j, d->keys[i]));
    *out = (jj_val){.tag = JJ_NAMESPACE, .d = d};
    return true;
}

static bool fn_strftime_now(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    if (!jj_is_str(arg[0]))
        return jj_error(j, "strftime() argument 1 must be str, not %s", loam_jj_type(arg[0]));
    struct tm now;
    char *format = loam_arena_strndup(j->arena, arg[0].s->s, arg[0].s->n), text[1024];
    if (!format)
        return loam_jj_no_memory(j);
    if (!localtime_r(&j->now, &now))
        return jj_error(j, "the clock shows no valid time");
    size_t n = strftime(text, sizeof text, format, &now);
    if (!n && arg[0].s->n > 256)
        return jj_error(j, "the format of strftime_now is too long");
    return loam_jj_str_copy(j, text, n, out);
}

static bool make_gadget(jj *j, bool joiner, jj_list *items, jj_val *out)
{
    struct jj_gadget *g = loam_jj_alloc(j, sizeof *g);
    JJ_TRY(g && items);
    g->joiner = joiner;
    g->items = items;
    *out = (jj_val){.tag = JJ_GADGET, .g = g};
    return true;
}

static bool fn_cycler(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_list *items = loam_jj_list_new(j, raw->n);
    JJ_TRY(items);
    if (!raw->n)
        return jj_error(j, "at least one item has to be provided");
    for (size_t i = 0; i < raw->n; i++)
        JJ_TRY(loam_jj_list_push(j, items, raw->at[i]));
    return make_gadget(j, false, items, out);
}

static bool fn_joiner(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_list *items = loam_jj_list_new(j, 1);
    jj_val sep = arg[0];
    JJ_TRY(items);
    if (sep.tag == JJ_MISSING)
        JJ_TRY(loam_jj_str_borrow(j, ", ", 2, &sep));
    JJ_TRY(loam_jj_list_push(j, items, sep));
    return make_gadget(j, true, items, out);
}

static bool cycler_next(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    struct jj_gadget *g = self.g;
    *out = g->items->at[g->pos];
    g->pos = (g->pos + 1) % g->items->n;
    return true;
}

static bool cycler_reset(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    self.g->pos = 0;
    *out = jj_none();
    return true;
}

static bool fn_lipsum(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return loam_jj_fail(j, LOAM_STATUS_UNSUPPORTED, "lipsum() is not supported");
}

static const jj_builtin globals[] = {{"raise_exception", "message", fn_raise},
                                     {"range", "start ?stop step", fn_range},
                                     {"dict", NULL, fn_dict},
                                     {"namespace", NULL, fn_namespace},
                                     {"strftime_now", "format", fn_strftime_now},
                                     {"cycler", NULL, fn_cycler},
                                     {"joiner", "?sep", fn_joiner},
                                     {"lipsum", NULL, fn_lipsum},
                                     {0}};

const jj_builtin *loam_jj_find_global(const char *name, size_t n)
{
    jj_str s = {.s = name, .n = n};
    return loam_jj_find_in(globals, &s);
}

/* ---- methods of everything but str ---- */

static bool make_view(jj *j, jj_val self, jj_view_kind kind, jj_val *out)
{
    struct jj_view *v = loam_jj_alloc(j, sizeof *v);
    JJ_TRY(v);
    *v = (struct jj_view){self.d, kind};
    *out = (jj_val){.tag = JJ_VIEW, .v = v};
    return true;
}

static bool dict_keys(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return make_view(j, self, JJ_VIEW_KEYS, out);
}

static bool dict_values(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return make_view(j, self, JJ_VIEW_VALUES, out);
}

static bool dict_items(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return make_view(j, self, JJ_VIEW_ITEMS, out);
}

static bool dict_get(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    bool found;
    JJ_TRY(loam_jj_dict_get(j, self.d, arg[0], out, &found));
    if (!found)
        *out = arg[1].tag == JJ_MISSING ? jj_none() : arg[1];
    return true;
}

static bool same_copy(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    *out = self; /* nothing can change it */
    return true;
}

static bool seq_count(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_iter *it;
    int64_t n = 0;
    JJ_TRY(loam_jj_iter(j, self, &it));
    for (bool got = true, eq; got;) {
        jj_val v;
        JJ_TRY(loam_jj_next(j, it, &v, &got));
        if (!got)
            break;
        JJ_TRY(loam_jj_eq(j, v, arg[0], &eq));
        n += eq;
    }
    *out = jj_int(n);
    return true;
}

static bool seq_index(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_list *l;
    int64_t bounds[2] = {0, INT64_MAX};
    JJ_TRY(loam_jj_collect(j, self, &l));
    for (int i = 0; i < 2 && arg[i + 1].tag != JJ_MISSING; i++) {
        if (!jj_is_whole(arg[i + 1]))
            return jj_error(j, "slice indices must be integers or have an __index__ method");
        bounds[i] = jj_whole(arg[i + 1]);
        if (bounds[i] < 0)
            bounds[i] = bounds[i] + (int64_t)l->n < 0 ? 0 : bounds[i] + (int64_t)l->n;
    }
    for (int64_t i = bounds[0]; i < (int64_t)l->n && i < bounds[1]; i++) {
        bool eq;
        JJ_TRY(loam_jj_eq(j, l->at[i], arg[0], &eq));
        if (eq) {
            *out = jj_int(i);
            return true;
        }
    }
    if (self.tag == JJ_TUPLE)
        return jj_error(j, "tuple.index(x): x not in tuple");
    return jj_error(j, "%s is not in %s", loam_jj_show(j, arg[0]), loam_jj_type(self));
}

static bool loop_cycle(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    if (!raw->n)
        return jj_error(j, "no items for cycling given");
    *out = raw->at[self.lp->index0 % (int64_t)raw->n];
    return true;
}

static bool loop_changed(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_list *l = loam_jj_list_new(j, raw->n);
    bool same = false;
    JJ_TRY(l);
    for (size_t i = 0; i < raw->n; i++)
        JJ_TRY(loam_jj_list_push(j, l, raw->at[i]));
    jj_val now = jj_of_tuple(l);
    if (self.lp->changed.tag != JJ_MISSING)
        JJ_TRY(loam_jj_eq(j, self.lp->changed, now, &same));
    self.lp->changed = now;
    *out = jj_bool(!same);
    return true;
}

static bool float_is_integer(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    *out = jj_bool(self.f - self.f == 0 && self.f == __builtin_floor(self.f));
    return true;
}

static bool int_bit_length(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    int64_t i = jj_whole(self);
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    *out = jj_int(u ? 64 - __builtin_clzll(u) : 0);
    return true;
}

static bool dict_fromkeys(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    jj_list *keys;
    jj_dict *d = loam_jj_dict_new(j);
    JJ_TRY(d && loam_jj_collect(j, arg[0], &keys));
    for (size_t i = 0; i < keys->n; i++)
        JJ_TRY(loam_jj_dict_set(j, d, keys->at[i], arg[1].tag == JJ_MISSING ? jj_none() : arg[1]));
    *out = (jj_val){.tag = JJ_DICT, .d = d};
    return true;
}

const jj_builtin *loam_jj_find_method(jj_val obj, const jj_str *name)
{
    static const jj_builtin dicts[] = {{"get", "key ?default", dict_get},
                                       {"keys", "", dict_keys},
                                       {"values", "", dict_values},
                                       {"items", "", dict_items},
                                       {"copy", "", same_copy},
                                       {"fromkeys", "iterable ?value", dict_fromkeys},
                                       {0}};
    static const jj_builtin lists[] = {
        {"index", "value ?start stop", seq_index}, {"count", "value", seq_count}, {"copy", "", same_copy}, {0}};
    static const jj_builtin sequences[] = {
        {"index", "value ?start stop", seq_index}, {"count", "value", seq_count}, {0}};
    static const jj_builtin loops[] = {{"cycle", NULL, loop_cycle}, {"changed", NULL, loop_changed}, {0}};
    static const jj_builtin gadgets[] = {{"next", "", cycler_next}, {"reset", "", cycler_reset}, {0}};
    static const jj_builtin floats[] = {{"is_integer", "", float_is_integer}, {"conjugate", "", same_copy}, {0}};
    static const jj_builtin ints[] = {{"bit_length", "", int_bit_length}, {"conjugate", "", same_copy}, {0}};
    static const jj_builtin functions[] = {{"fromkeys", "iterable ?value", dict_fromkeys}, {0}};
    switch (obj.tag) {
    case JJ_STR:
        return loam_jj_find_in(loam_jj_str_methods, name);
    case JJ_DICT:
        return loam_jj_find_in(dicts, name);
    case JJ_LIST:
        return loam_jj_find_in(lists, name);
    case JJ_TUPLE:
    case JJ_RANGE:
        return loam_jj_find_in(sequences, name);
    case JJ_LOOP:
        return loam_jj_find_in(loops, name);
    case JJ_GADGET:
        return obj.g->joiner ? NULL : loam_jj_find_in(gadgets, name);
    case JJ_FLOAT:
        return loam_jj_find_in(floats, name);
    case JJ_INT:
    case JJ_BOOL:
        return loam_jj_find_in(ints, name);
    case JJ_FUNC:
        return obj.fn->def->fn == fn_dict ? loam_jj_find_in(functions, name) : NULL;
    default:
        return NULL;
    }
}
