/* The methods of everything but str. Those that would change a list or dict are not there: a sandbox refuses them. */
#include "text/jinja_int.h"

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
        return obj.fn->def == loam_jj_find_global("dict", 4) ? loam_jj_find_in(functions, name) : NULL;
    default:
        return NULL;
    }
}
