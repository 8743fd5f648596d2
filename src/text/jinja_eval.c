/* Expressions: a walk over the tree. */
#include "text/jinja_int.h"

#include <string.h>

static jj_val *slot_of(jj_scope *s, const jj_node *n)
{
    for (int i = n->hops; i > 0; i--)
        s = s->outer;
    return &s->slots[n->slot];
}

static bool eval_name(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    *out = *slot_of(s, n);
    if (out->tag != JJ_MISSING)
        return true;
    jj_val name;
    return loam_jj_str_borrow(j, n->name, strlen(n->name), &name) && loam_jj_undefined(j, NULL, NULL, name, out);
}

static bool eval_list(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_list *l = loam_jj_list_new(j, n->list.n);
    JJ_TRY(l);
    for (size_t i = 0; i < n->list.n; i++)
        JJ_TRY(loam_jj_eval(j, s, n->list.at[i], &l->at[i]));
    l->n = n->list.n;
    *out = (jj_val){.tag = n->kind == JJ_LIST_EXPR ? JJ_LIST : JJ_TUPLE, .l = l};
    return true;
}

static bool eval_dict(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_dict *d = loam_jj_dict_new(j);
    JJ_TRY(d);
    for (size_t i = 0; i < n->list.n; i++) {
        jj_val key, value;
        JJ_TRY(loam_jj_eval(j, s, n->list.at[i], &key) && loam_jj_eval(j, s, n->named.at[i], &value));
        JJ_TRY(loam_jj_dict_set(j, d, key, value));
    }
    *out = (jj_val){.tag = JJ_DICT, .d = d};
    return true;
}

static bool compare(jj *j, jj_op op, jj_val a, jj_val b, bool *out)
{
    switch (op) {
    case JJ_EQ:
        return loam_jj_eq(j, a, b, out);
    case JJ_NE:
        JJ_TRY(loam_jj_eq(j, a, b, out));
        *out = !*out;
        return true;
    case JJ_IN:
        return loam_jj_contains(j, a, b, out);
    case JJ_NOT_IN:
        JJ_TRY(loam_jj_contains(j, a, b, out));
        *out = !*out;
        return true;
    default:
        return loam_jj_order(j, op, a, b, out);
    }
}

static bool eval_compare(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_val left, right;
    bool yes = true;
    JJ_TRY(loam_jj_eval(j, s, n->a, &left));
    for (size_t i = 0; i < n->list.n && yes; i++) {
        JJ_TRY(loam_jj_eval(j, s, n->list.at[i]->b, &right));
        JJ_TRY(compare(j, n->list.at[i]->op, left, right, &yes));
        left = right;
    }
    *out = jj_bool(yes);
    return true;
}

static bool eval_concat(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_val whole, item;
    for (size_t i = 0; i < n->list.n; i++) {
        JJ_TRY(loam_jj_eval(j, s, n->list.at[i], &item) && loam_jj_to_str(j, item, &item));
        if (!i)
            whole = item;
        else
            JJ_TRY(loam_jj_str_concat(j, whole.s, item.s, &whole));
    }
    *out = whole;
    return true;
}

static bool eval_cond(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_val test;
    JJ_TRY(loam_jj_eval(j, s, n->b, &test));
    if (loam_jj_truth(test))
        return loam_jj_eval(j, s, n->a, out);
    if (n->c)
        return loam_jj_eval(j, s, n->c, out);
    return loam_jj_undefined_hint(
        j, out, "the inline if-expression on line %d evaluated to false and no else section was defined.", n->line);
}

static bool eval_item(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_val obj, key, part[3] = {0};
    JJ_TRY(loam_jj_eval(j, s, n->a, &obj));
    if (n->b->kind != JJ_SLICE)
        return loam_jj_eval(j, s, n->b, &key) && loam_jj_getitem(j, obj, key, out);
    const jj_node *parts[] = {n->b->a, n->b->b, n->b->c};
    for (int i = 0; i < 3; i++)
        if (parts[i])
            JJ_TRY(loam_jj_eval(j, s, parts[i], &part[i]));
    return loam_jj_getslice(j, obj, part[0], part[1], part[2], out);
}

bool loam_jj_add_named(jj *j, jj_args *a, jj_str *name, jj_val v)
{
    for (size_t i = 0; i < a->n_named; i++)
        if (a->names[i]->n == name->n && !memcmp(a->names[i]->s, name->s, name->n))
            return jj_error(j, "got multiple values for keyword argument '%.*s'", (int)(name->n < 80 ? name->n : 80),
                            name->s);
    jj_str **names = loam_jj_alloc_n(j, a->n_named + 1, sizeof *names);
    jj_val *named = names ? loam_jj_alloc_n(j, a->n_named + 1, sizeof *named) : NULL;
    JJ_TRY(named && jj_charge(j, (int64_t)a->n_named));
    if (a->n_named) {
        memcpy(names, a->names, a->n_named * sizeof *names);
        memcpy(named, a->named, a->n_named * sizeof *named);
    }
    a->names = names;
    a->named = named;
    a->names[a->n_named] = name;
    a->named[a->n_named++] = v;
    return true;
}

bool loam_jj_eval_args(jj *j, jj_scope *s, const jj_node *n, jj_args *out)
{
    *out = (jj_args){0};
    jj_list *l = loam_jj_list_new(j, n->list.n);
    JJ_TRY(l);
    for (size_t i = 0; i < n->list.n; i++) {
        jj_val v;
        JJ_TRY(loam_jj_eval(j, s, n->list.at[i], &v) && loam_jj_list_push(j, l, v));
    }
    if (n->star) {
        jj_val v;
        jj_list *more;
        JJ_TRY(loam_jj_eval(j, s, n->star, &v) && loam_jj_collect(j, v, &more));
        for (size_t i = 0; i < more->n; i++)
            JJ_TRY(loam_jj_list_push(j, l, more->at[i]));
    }
    out->at = l->at;
    out->n = l->n;
    for (size_t i = 0; i < n->named.n; i++) {
        jj_val v;
        JJ_TRY(loam_jj_eval(j, s, n->named.at[i]->a, &v) && loam_jj_add_named(j, out, n->named.at[i]->str, v));
    }
    if (n->star2) {
        jj_val v;
        JJ_TRY(loam_jj_eval(j, s, n->star2, &v));
        if (v.tag != JJ_DICT)
            return jj_error(j, "argument after ** must be a mapping, not %s", loam_jj_type(v));
        for (size_t i = 0; i < v.d->n; i++) {
            if (v.d->keys[i].tag != JJ_STR)
                return jj_error(j, "keywords must be strings");
            JJ_TRY(loam_jj_add_named(j, out, v.d->keys[i].s, v.d->vals[i]));
        }
    }
    return true;
}

static bool eval_call(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_val callee;
    jj_args args;
    JJ_TRY(loam_jj_eval(j, s, n->a, &callee) && loam_jj_eval_args(j, s, n, &args));
    j->line = n->line;
    return loam_jj_call(j, callee, &args, out);
}

static bool eval_builtin(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_val self;
    jj_args args;
    if (!n->builtin)
        return jj_error(j, "No %s named %s found.", n->kind == JJ_FILTER ? "filter" : "test",
                        loam_jj_show(j, jj_of_str(n->str)));
    JJ_TRY(loam_jj_eval(j, s, n->a, &self) && loam_jj_eval_args(j, s, n, &args));
    j->line = n->line;
    return loam_jj_call_builtin(j, n->builtin, self, &args, out);
}

static bool eval_node(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    jj_val a, b;
    switch (n->kind) {
    case JJ_CONST:
    case JJ_DATA:
        *out = n->val;
        return true;
    case JJ_NAME:
        return eval_name(j, s, n, out);
    case JJ_TUPLE_EXPR:
    case JJ_LIST_EXPR:
        return eval_list(j, s, n, out);
    case JJ_DICT_EXPR:
        return eval_dict(j, s, n, out);
    case JJ_BINARY:
        JJ_TRY(loam_jj_eval(j, s, n->a, &a) && loam_jj_eval(j, s, n->b, &b));
        j->line = n->line;
        return loam_jj_binary(j, n->op, a, b, out);
    case JJ_UNARY:
        return loam_jj_eval(j, s, n->a, &a) && loam_jj_unary(j, n->op, a, out);
    case JJ_AND:
    case JJ_OR:
        JJ_TRY(loam_jj_eval(j, s, n->a, out));
        return loam_jj_truth(*out) == (n->kind == JJ_OR) || loam_jj_eval(j, s, n->b, out);
    case JJ_NOT:
        JJ_TRY(loam_jj_eval(j, s, n->a, &a));
        *out = jj_bool(!loam_jj_truth(a));
        return true;
    case JJ_CONCAT:
        return eval_concat(j, s, n, out);
    case JJ_COMPARE:
        return eval_compare(j, s, n, out);
    case JJ_COND:
        return eval_cond(j, s, n, out);
    case JJ_ATTR:
        JJ_TRY(loam_jj_eval(j, s, n->a, &a));
        j->line = n->line;
        return loam_jj_getattr(j, a, n->str, out);
    case JJ_ITEM:
        return eval_item(j, s, n, out);
    case JJ_CALL:
        return eval_call(j, s, n, out);
    case JJ_FILTER:
    case JJ_TEST:
        return eval_builtin(j, s, n, out);
    default:
        return jj_error(j, "a slice may only stand directly in a subscript");
    }
}

bool loam_jj_eval(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    JJ_TRY(jj_charge(j, 1));
    JJ_TRY(loam_jj_deeper(j));
    j->line = n->line;
    JJ_TRY(eval_node(j, s, n, out));
    j->depth--;
    return true;
}

/* ---- assignment ---- */

static bool assign_tuple(jj *j, jj_scope *s, const jj_node *target, jj_val v)
{
    if (!loam_jj_iterable(v))
        return jj_error(j, "cannot unpack non-iterable %s object", loam_jj_type(v));
    jj_iter *it;
    jj_list *l = loam_jj_list_new(j, target->list.n);
    JJ_TRY(l && loam_jj_iter(j, v, &it));
    for (bool got = true; got && l->n <= target->list.n;) {
        jj_val item;
        JJ_TRY(loam_jj_next(j, it, &item, &got));
        if (got)
            JJ_TRY(loam_jj_list_push(j, l, item));
    }
    if (l->n > target->list.n)
        return jj_error(j, "too many values to unpack (expected %zu)", target->list.n);
    if (l->n < target->list.n)
        return jj_error(j, "not enough values to unpack (expected %zu, got %zu)", target->list.n, l->n);
    for (size_t i = 0; i < l->n; i++)
        JJ_TRY(loam_jj_assign(j, s, target->list.at[i], l->at[i]));
    return true;
}

bool loam_jj_assign(jj *j, jj_scope *s, const jj_node *target, jj_val v)
{
    if (target->kind == JJ_TUPLE_EXPR)
        return assign_tuple(j, s, target, v);
    jj_val *slot = slot_of(s, target);
    if (target->kind == JJ_NAME) {
        *slot = v;
        return true;
    }
    if (slot->tag != JJ_NAMESPACE)
        return jj_error(j, "cannot assign attribute on non-namespace object");
    if (target->str->n && target->str->s[0] == '_')
        return jj_error(j,
                        "Chat templates cannot store underscore-prefixed attributes on a namespace, but got %s. "
                        "Please rename the attribute.",
                        loam_jj_show(j, jj_of_str(target->str)));
    return loam_jj_dict_set(j, slot->d, jj_of_str(target->str), v);
}
