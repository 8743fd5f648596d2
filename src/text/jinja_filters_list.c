/* Filters over sequences (jinja2/filters.py). Those that are generators in Python are iterators here too: they work
 * item by item and can be walked once. */
#include "text/jinja_int.h"

#include <string.h>

#define FILTER(name) static bool name(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)

static bool flag(jj_val v)
{
    return v.tag != JJ_MISSING && loam_jj_truth(v);
}

FILTER(f_length)
{
    int64_t n = loam_jj_len(v);
    *out = jj_int(n);
    return n >= 0 || jj_error(j, "object of type '%s' has no len()", loam_jj_type(v));
}

FILTER(f_default)
{
    *out = v;
    if (v.tag != JJ_UNDEFINED && !(flag(arg[1]) && !loam_jj_truth(v)))
        return true;
    *out = arg[0];
    return arg[0].tag != JJ_MISSING || loam_jj_str_borrow(j, "", 0, out);
}

/* ---- attributes: "a.b.0" looks up a, then b, then element 0 ---- */

static bool attribute_of(jj *j, jj_val v, jj_val path, jj_val otherwise, jj_val *out)
{
    *out = v;
    if (path.tag == JJ_MISSING || path.tag == JJ_NONE)
        return true;
    if (path.tag != JJ_STR)
        return loam_jj_getitem(j, v, path, out);
    for (size_t from = 0; from <= path.s->n;) {
        const char *dot = memchr(path.s->s + from, '.', path.s->n - from);
        size_t to = dot ? (size_t)(dot - path.s->s) : path.s->n;
        jj_val part;
        bool digits = to > from;
        int64_t index;
        JJ_TRY(loam_jj_sub(j, path.s, from, to, &part));
        for (size_t i = from; i < to; i++)
            digits = digits && path.s->s[i] >= '0' && path.s->s[i] <= '9';
        if (digits) {
            JJ_TRY(loam_jj_parse_int(j, part.s, 10, &index, &digits));
            part = jj_int(index);
        }
        JJ_TRY(loam_jj_getitem(j, *out, part, out));
        if (out->tag == JJ_UNDEFINED && otherwise.tag != JJ_MISSING && otherwise.tag != JJ_NONE)
            *out = otherwise;
        from = to + 1;
    }
    return true;
}

static bool fold_case(jj *j, bool case_sensitive, jj_val *v)
{
    return case_sensitive || v->tag != JJ_STR || loam_jj_str_case(j, v->s, JJ_CASE_LOWER, v);
}

/* The key that sort, unique, min and max compare. */
static bool key_of(jj *j, jj_val v, jj_val path, bool case_sensitive, jj_val *out)
{
    return attribute_of(j, v, path, (jj_val){0}, out) && fold_case(j, case_sensitive, out);
}

FILTER(f_join)
{
    jj_iter *it;
    loam_buf b;
    jj_val d = arg[0];
    if (d.tag == JJ_MISSING)
        JJ_TRY(loam_jj_str_borrow(j, "", 0, &d));
    JJ_TRY(loam_jj_to_str(j, d, &d) && loam_jj_iter(j, v, &it));
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    for (bool first = true;; first = false) {
        jj_val item;
        bool got;
        if (!loam_jj_next(j, it, &item, &got) || (got && !attribute_of(j, item, arg[1], (jj_val){0}, &item)))
            goto fail;
        if (!got)
            return loam_jj_str_take(j, &b, out);
        if (!first)
            loam_buf_add(&b, d.s->s, d.s->n);
        if (!loam_jj_print(j, item, &b))
            goto fail;
    }
fail:
    loam_buf_deinit(&b);
    return false;
}

FILTER(f_first)
{
    jj_iter *it;
    bool got;
    JJ_TRY(loam_jj_iter(j, v, &it) && loam_jj_next(j, it, out, &got));
    return got || loam_jj_undefined_hint(j, out, "No first item, sequence was empty.");
}

FILTER(f_last)
{
    jj_val reversed;
    if (v.tag == JJ_UNDEFINED)
        return loam_jj_undefined_hint(j, out, "No last item, sequence was empty.");
    JJ_TRY(loam_jj_reversed(j, v, &reversed));
    if (reversed.tag == JJ_MISSING)
        return jj_error(j, "'%s' object is not reversible", loam_jj_type(v));
    bool got;
    JJ_TRY(loam_jj_next(j, reversed.it, out, &got));
    return got || loam_jj_undefined_hint(j, out, "No last item, sequence was empty.");
}

FILTER(f_list)
{
    out->tag = JJ_LIST;
    return loam_jj_collect(j, v, &out->l);
}

FILTER(f_reverse)
{
    if (v.tag == JJ_STR)
        return loam_jj_getslice(j, v, (jj_val){0}, (jj_val){0}, jj_int(-1), out);
    JJ_TRY(loam_jj_reversed(j, v, out));
    if (out->tag != JJ_MISSING)
        return true;
    if (!loam_jj_iterable(v))
        return jj_error(j, "argument must be iterable");
    jj_list *l;
    JJ_TRY(loam_jj_collect(j, v, &l));
    for (size_t i = 0; i < l->n / 2; i++) {
        jj_val t = l->at[i];
        l->at[i] = l->at[l->n - 1 - i];
        l->at[l->n - 1 - i] = t;
    }
    *out = jj_of_list(l);
    return true;
}

static bool next_item(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    const jj_dict *d = it->over.d;
    *got = it->over.tag == JJ_DICT && it->pos < (int64_t)d->n;
    if (!*got)
        return true;
    it->pos++;
    return loam_jj_pair(j, d->keys[it->pos - 1], d->vals[it->pos - 1], out);
}

/* A generator over v, with its state. */
static bool generator(jj *j, jj_val v, bool (*next)(jj *, jj_iter *, jj_val *, bool *), jj_val *out)
{
    jj_iter *it = loam_jj_iter_new(j, next, "generator");
    JJ_TRY(it);
    it->over = v;
    *out = jj_of_iter(it);
    return true;
}

FILTER(f_items)
{
    if (v.tag != JJ_DICT && v.tag != JJ_UNDEFINED)
        return jj_error(j, "Can only get item pairs from a mapping.");
    return generator(j, v, next_item, out);
}

/* ---- sorting: stable, as Python's ---- */

typedef struct keyed {
    jj_val key, v;
} keyed;

static bool merge_sort(jj *j, keyed *at, keyed *spare, size_t n, bool reverse)
{
    if (n < 2)
        return true;
    size_t half = n / 2;
    JJ_TRY(merge_sort(j, at, spare, half, reverse) && merge_sort(j, at + half, spare, n - half, reverse));
    memcpy(spare, at, half * sizeof *at);
    for (size_t a = 0, b = half, k = 0; a < half; k++) {
        bool take_b = false;
        if (b < n) /* the later one goes first only if it is truly before the other */
            JJ_TRY(loam_jj_order(j, reverse ? JJ_GT : JJ_LT, at[b].key, spare[a].key, &take_b));
        at[k] = take_b ? at[b++] : spare[a++];
    }
    return true;
}

static bool sort_items(jj *j, const jj_list *keys, jj_list *l, bool reverse)
{
    keyed *at = loam_jj_alloc_n(j, l->n, sizeof *at), *spare = at ? loam_jj_alloc_n(j, l->n, sizeof *at) : NULL;
    JJ_TRY(spare);
    for (size_t i = 0; i < l->n; i++)
        at[i] = (keyed){keys->at[i], l->at[i]};
    JJ_TRY(merge_sort(j, at, spare, l->n, reverse));
    for (size_t i = 0; i < l->n; i++)
        l->at[i] = at[i].v;
    return true;
}

/* The keys of "a,b.c": a list of values. */
static bool multi_key(jj *j, jj_val v, jj_val path, bool case_sensitive, jj_val *out)
{
    jj_list *l = loam_jj_list_new(j, 1);
    jj_val key;
    JJ_TRY(l);
    *out = jj_of_list(l);
    if (path.tag != JJ_STR)
        return key_of(j, v, path, case_sensitive, &key) && loam_jj_list_push(j, l, key);
    for (size_t from = 0; from <= path.s->n;) {
        const char *comma = memchr(path.s->s + from, ',', path.s->n - from);
        size_t to = comma ? (size_t)(comma - path.s->s) : path.s->n;
        jj_val part;
        JJ_TRY(loam_jj_sub(j, path.s, from, to, &part) && key_of(j, v, part, case_sensitive, &key));
        JJ_TRY(loam_jj_list_push(j, l, key));
        from = to + 1;
    }
    return true;
}

FILTER(f_sort)
{
    jj_list *l, *keys;
    JJ_TRY(loam_jj_collect(j, v, &l));
    keys = loam_jj_list_new(j, l->n);
    JJ_TRY(keys);
    for (size_t i = 0; i < l->n; i++)
        JJ_TRY(multi_key(j, l->at[i], arg[2], flag(arg[1]), &keys->at[i]));
    *out = jj_of_list(l);
    return sort_items(j, keys, l, flag(arg[0]));
}

FILTER(f_dictsort)
{
    bool by_value = arg[1].tag == JJ_STR && loam_jj_str_is(arg[1].s, "value");
    if (!by_value && arg[1].tag != JJ_MISSING && !(arg[1].tag == JJ_STR && loam_jj_str_is(arg[1].s, "key")))
        return jj_error(j, "You can only sort by either \"key\" or \"value\"");
    if (v.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, v);
    if (v.tag != JJ_DICT)
        return jj_error(j, "'%s' object has no attribute 'items'", loam_jj_type(v));
    jj_list *l = loam_jj_list_new(j, v.d->n), *keys = loam_jj_list_new(j, v.d->n);
    JJ_TRY(l && keys);
    for (size_t i = 0; i < v.d->n; i++) {
        jj_val key = by_value ? v.d->vals[i] : v.d->keys[i], pair;
        JJ_TRY(fold_case(j, flag(arg[0]), &key) && loam_jj_pair(j, v.d->keys[i], v.d->vals[i], &pair));
        JJ_TRY(loam_jj_list_push(j, keys, key) && loam_jj_list_push(j, l, pair));
    }
    *out = jj_of_list(l);
    return sort_items(j, keys, l, flag(arg[2]));
}

FILTER(f_groupby)
{
    jj_list *l, *keys, *groups, *group = NULL;
    bool case_sensitive = flag(arg[2]);
    JJ_TRY(loam_jj_collect(j, v, &l));
    keys = loam_jj_list_new(j, l->n);
    groups = loam_jj_list_new(j, 4);
    JJ_TRY(keys && groups);
    for (int pass = 0; pass < 2; pass++) { /* the keys again, now in order */
        for (size_t i = 0; i < l->n; i++)
            JJ_TRY(attribute_of(j, l->at[i], arg[0], arg[1], &keys->at[i]) &&
                   fold_case(j, case_sensitive, &keys->at[i]));
        if (!pass)
            JJ_TRY(sort_items(j, keys, l, false));
    }
    for (size_t i = 0; i < l->n; i++) {
        bool same = false;
        jj_val key, pair;
        if (i)
            JJ_TRY(loam_jj_eq(j, keys->at[i - 1], keys->at[i], &same));
        if (!same) {
            group = loam_jj_list_new(j, 4);
            JJ_TRY(group && attribute_of(j, l->at[i], arg[0], arg[1], &key));
            JJ_TRY(loam_jj_pair(j, key, jj_of_list(group), &pair) && loam_jj_list_push(j, groups, pair));
        }
        JJ_TRY(loam_jj_list_push(j, group, l->at[i]));
    }
    *out = jj_of_list(groups);
    return true;
}

static bool least(jj *j, jj_val v, const jj_val *arg, jj_op op, jj_val *out)
{
    jj_iter *it;
    jj_val best_key = {0};
    JJ_TRY(loam_jj_iter(j, v, &it));
    for (;;) {
        jj_val item, key;
        bool got, better = true;
        JJ_TRY(loam_jj_next(j, it, &item, &got));
        if (!got)
            break;
        JJ_TRY(key_of(j, item, arg[1], flag(arg[0]), &key));
        if (best_key.tag != JJ_MISSING)
            JJ_TRY(loam_jj_order(j, op, key, best_key, &better));
        if (better) {
            best_key = key;
            *out = item;
        }
    }
    return best_key.tag != JJ_MISSING || loam_jj_undefined_hint(j, out, "No aggregated item, sequence was empty.");
}

FILTER(f_min)
{
    return least(j, v, arg, JJ_LT, out);
}
FILTER(f_max)
{
    return least(j, v, arg, JJ_GT, out);
}

FILTER(f_sum)
{
    jj_iter *it;
    jj_val total = arg[1].tag == JJ_MISSING ? jj_int(0) : arg[1];
    if (total.tag == JJ_STR)
        return jj_error(j, "sum() can't sum strings [use ''.join(seq) instead]");
    JJ_TRY(loam_jj_iter(j, v, &it));
    for (;;) {
        jj_val item;
        bool got;
        JJ_TRY(loam_jj_next(j, it, &item, &got));
        if (!got)
            break;
        JJ_TRY(attribute_of(j, item, arg[0], (jj_val){0}, &item) && loam_jj_binary(j, JJ_ADD, total, item, &total));
    }
    *out = total;
    return true;
}

/* ---- generators ---- */

typedef struct unique_state {
    jj_dict *seen;
    jj_val path;
    bool case_sensitive;
} unique_state;

static bool next_unique(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    unique_state *u = it->state;
    for (;;) {
        jj_val key, old;
        bool found;
        JJ_TRY(loam_jj_next(j, it->src, out, got));
        if (!*got)
            return true;
        JJ_TRY(key_of(j, *out, u->path, u->case_sensitive, &key) && loam_jj_dict_get(j, u->seen, key, &old, &found));
        if (!found)
            return loam_jj_dict_set(j, u->seen, key, jj_none());
    }
}

FILTER(f_unique)
{
    unique_state *u = loam_jj_alloc(j, sizeof *u);
    JJ_TRY(u && generator(j, v, next_unique, out) && loam_jj_iter(j, v, &out->it->src));
    *u = (unique_state){loam_jj_dict_new(j), arg[1], flag(arg[0])};
    out->it->state = u;
    return u->seen != NULL;
}

static bool next_batch(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    const jj_val *fill = it->state;
    jj_list *l = loam_jj_list_new(j, 4);
    JJ_TRY(l);
    while ((int64_t)l->n < it->end) {
        jj_val item;
        JJ_TRY(loam_jj_next(j, it->src, &item, got));
        if (!*got)
            break;
        JJ_TRY(loam_jj_list_push(j, l, item));
    }
    *got = l->n > 0;
    while (*got && fill->tag != JJ_MISSING && fill->tag != JJ_NONE && (int64_t)l->n < it->end)
        JJ_TRY(jj_charge(j, 1) && loam_jj_list_push(j, l, *fill));
    *out = jj_of_list(l);
    return true;
}

static bool with_fill(jj *j, jj_val fill, jj_iter *it)
{
    jj_val *state = loam_jj_alloc(j, sizeof *state);
    JJ_TRY(state);
    *state = fill;
    it->state = state;
    return true;
}

FILTER(f_batch)
{
    if (!jj_is_whole(arg[0]) || jj_whole(arg[0]) < 1)
        return jj_error(j, "batch() needs a whole number above 0");
    JJ_TRY(generator(j, v, next_batch, out) && loam_jj_iter(j, v, &out->it->src) && with_fill(j, arg[1], out->it));
    out->it->end = jj_whole(arg[0]);
    return true;
}

static bool next_slice(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    const jj_val *fill = it->state;
    int64_t k = it->pos++, n = (int64_t)it->over.l->n, each = n / it->end, extra = n % it->end;
    *got = k < it->end;
    if (!*got)
        return true;
    int64_t from = k * each + (k < extra ? k : extra), to = from + each + (k < extra);
    jj_list *l = loam_jj_list_new(j, (size_t)(to - from) + 1);
    JJ_TRY(l);
    for (int64_t i = from; i < to; i++)
        l->at[l->n++] = it->over.l->at[i];
    if (fill->tag != JJ_MISSING && fill->tag != JJ_NONE && k >= extra)
        l->at[l->n++] = *fill;
    *out = jj_of_list(l);
    return true;
}

FILTER(f_slice)
{
    jj_list *l;
    if (!jj_is_whole(arg[0]) || jj_whole(arg[0]) < 1)
        return jj_error(j, "slice() needs a whole number above 0");
    JJ_TRY(loam_jj_collect(j, v, &l) && generator(j, jj_of_list(l), next_slice, out));
    out->it->end = jj_whole(arg[0]);
    return with_fill(j, arg[1], out->it);
}

/* map, select, reject, selectattr, rejectattr: what to do with each item. */
typedef struct each {
    const jj_builtin *call; /* a filter (map) or a test; NULL: the attribute, or its truth */
    jj_args args;
    jj_val path, otherwise;
    bool by_attribute, reject;
} each;

static bool next_mapped(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    const each *e = it->state;
    jj_val item;
    JJ_TRY(loam_jj_next(j, it->src, &item, got));
    if (!*got)
        return true;
    return e->call ? loam_jj_call_builtin(j, e->call, item, &e->args, out)
                   : attribute_of(j, item, e->path, e->otherwise, out);
}

static bool next_selected(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    const each *e = it->state;
    for (;;) {
        jj_val v, yes;
        JJ_TRY(loam_jj_next(j, it->src, out, got));
        if (!*got)
            return true;
        v = *out;
        if (e->by_attribute)
            JJ_TRY(attribute_of(j, v, e->path, (jj_val){0}, &v));
        yes = v;
        if (e->call)
            JJ_TRY(loam_jj_call_builtin(j, e->call, v, &e->args, &yes));
        if (loam_jj_truth(yes) != e->reject)
            return true;
    }
}

/* Nothing of a generator runs before its first item is wanted: errors of its arguments too come then. */
static bool next_failing(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    return jj_error(j, "%s", (const char *)it->state);
}

static bool failing(jj *j, jj_val *out, const char *before, const char *name, const char *after)
{
    loam_buf b;
    jj_val text;
    loam_buf_init(&b, 512);
    loam_buf_printf(&b, "%s%s%s", before, name, after);
    JJ_TRY(loam_jj_str_take(j, &b, &text) && generator(j, jj_none(), next_failing, out));
    out->it->state = loam_arena_strndup(j->arena, text.s->s, text.s->n);
    return out->it->state || loam_jj_no_memory(j);
}

static bool make_each(jj *j, jj_val v, each e, bool (*next)(jj *, jj_iter *, jj_val *, bool *), jj_val *out)
{
    each *state = loam_jj_alloc(j, sizeof *state);
    JJ_TRY(state && generator(j, v, next, out));
    *state = e;
    out->it->state = state;
    return loam_jj_iter(j, v, &out->it->src);
}

static bool no_items(jj *j, jj_val *out)
{
    return generator(j, jj_none(), next_item, out);
}

FILTER(f_map)
{
    each e = {0};
    if (!loam_jj_truth(v))
        return no_items(j, out);
    if (!raw->n) {
        bool by_attribute = false;
        for (size_t i = 0; i < raw->n_named; i++) {
            if (loam_jj_str_is(raw->names[i], "attribute")) {
                e.path = raw->named[i];
                by_attribute = true;
            } else if (loam_jj_str_is(raw->names[i], "default")) {
                e.otherwise = raw->named[i];
            }
        }
        if (!by_attribute)
            return failing(j, out, "map requires a filter argument", "", "");
        for (size_t i = 0; i < raw->n_named; i++)
            if (!loam_jj_str_is(raw->names[i], "attribute") && !loam_jj_str_is(raw->names[i], "default"))
                return failing(j, out, "Unexpected keyword argument ", loam_jj_show(j, jj_of_str(raw->names[i])), "");
        return make_each(j, v, e, next_mapped, out);
    }
    if (raw->at[0].tag != JJ_STR)
        return failing(j, out, "map needs the name of a filter", "", "");
    e.call = loam_jj_find_filter(raw->at[0].s);
    if (!e.call)
        return failing(j, out, "No filter named ", loam_jj_show(j, raw->at[0]), ".");
    e.args = *raw;
    e.args.at++;
    e.args.n--;
    return make_each(j, v, e, next_mapped, out);
}

static bool select_items(jj *j, jj_val v, const jj_args *raw, bool by_attribute, bool reject, jj_val *out)
{
    each e = {.by_attribute = by_attribute, .reject = reject, .args = *raw};
    if (!loam_jj_truth(v))
        return no_items(j, out);
    if (by_attribute) {
        if (!raw->n)
            return failing(j, out, "Missing parameter for attribute name", "", "");
        e.path = raw->at[0];
        e.args.at++;
        e.args.n--;
    }
    if (e.args.n) {
        if (e.args.at[0].tag == JJ_STR)
            e.call = loam_jj_find_test(e.args.at[0].s);
        if (!e.call)
            return failing(j, out, "No test named ", loam_jj_show(j, e.args.at[0]), ".");
        e.args.at++;
        e.args.n--;
    }
    return make_each(j, v, e, next_selected, out);
}

FILTER(f_select)
{
    return select_items(j, v, raw, false, false, out);
}
FILTER(f_reject)
{
    return select_items(j, v, raw, false, true, out);
}
FILTER(f_selectattr)
{
    return select_items(j, v, raw, true, false, out);
}
FILTER(f_rejectattr)
{
    return select_items(j, v, raw, true, true, out);
}

FILTER(f_attr)
{
    bool found;
    jj_val name = arg[0];
    JJ_TRY(loam_jj_to_str(j, name, &name));
    if (v.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, v);
    if (v.tag == JJ_NAMESPACE) {
        JJ_TRY(loam_jj_dict_get(j, v.d, name, out, &found));
        if (found)
            return true;
    }
    if (v.tag == JJ_LOOP || loam_jj_find_method(v, name.s))
        return loam_jj_getattr(j, v, name.s, out);
    return loam_jj_undefined(j, NULL, loam_jj_type_object(j, v), name, out);
}

const jj_builtin loam_jj_filters_list[] = {
    {"length", "", f_length},
    {"count", "", f_length},
    {"default", "?default_value boolean", f_default},
    {"d", "?default_value boolean", f_default},
    {"join", "?d attribute", f_join},
    {"first", "", f_first},
    {"last", "", f_last},
    {"list", "", f_list},
    {"reverse", "", f_reverse},
    {"items", "", f_items},
    {"sort", "?reverse case_sensitive attribute", f_sort},
    {"dictsort", "?case_sensitive by reverse", f_dictsort},
    {"groupby", "attribute ?default case_sensitive", f_groupby},
    {"min", "?case_sensitive attribute", f_min},
    {"max", "?case_sensitive attribute", f_max},
    {"sum", "?attribute start", f_sum},
    {"unique", "?case_sensitive attribute", f_unique},
    {"batch", "linecount ?fill_with", f_batch},
    {"slice", "slices ?fill_with", f_slice},
    {"map", NULL, f_map},
    {"select", NULL, f_select},
    {"reject", NULL, f_reject},
    {"selectattr", NULL, f_selectattr},
    {"rejectattr", NULL, f_rejectattr},
    {"attr", "name", f_attr},
    {0},
};

const jj_builtin *loam_jj_find_filter(const jj_str *name)
{
    const jj_builtin *b = loam_jj_find_in(loam_jj_filters_list, name);
    return b ? b : loam_jj_find_in(loam_jj_filters_text, name);
}
