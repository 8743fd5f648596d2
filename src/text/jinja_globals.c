/* The global functions that a chat template may use: Jinja's and those that transformers adds. */
#include "text/jinja_int.h"

#include <string.h>
#include <time.h>

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
