/* Statements: output, assignments, branches, loops, macros. A statement ends normally or by break or continue. */
#include "text/jinja_int.h"

#include <string.h>

typedef enum flow { FLOW_NORMAL, FLOW_BREAK, FLOW_CONTINUE } flow;

static bool exec_body(jj *j, jj_scope *s, const jj_nodes *body, flow *f);

static jj_scope *new_scope(jj *j, jj_scope *outer, int n_slots)
{
    jj_scope *s = loam_jj_alloc(j, sizeof *s);
    if (!s)
        return NULL;
    s->outer = outer;
    s->slots = loam_jj_alloc_n(j, (size_t)n_slots, sizeof *s->slots); /* all MISSING */
    return s->slots ? s : NULL;
}

static jj_val lookup(jj *j, const char *name)
{
    jj_val v = {0};
    bool found = false;
    size_t n = strlen(name);
    if (!loam_jj_dict_get_str(j, j->vars, name, n, &v, &found) || found)
        return v;
    const jj_builtin *global = loam_jj_find_global(name, n);
    struct jj_func *f = global ? loam_jj_alloc(j, sizeof *f) : NULL;
    if (!f)
        return (jj_val){0};
    f->def = global;
    return (jj_val){.tag = JJ_FUNC, .fn = f};
}

void loam_jj_enter(jj *j, jj_scope *s, const jj_frame *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const jj_var *v = &f->vars[i];
        jj_scope *from = s;
        switch (v->load) {
        case JJ_LOAD_PARAM:
            break;
        case JJ_LOAD_RESOLVE:
            s->slots[v->slot] = lookup(j, v->name);
            break;
        case JJ_LOAD_ALIAS:
            for (int hops = v->alias_hops; hops > 0; hops--)
                from = from->outer;
            s->slots[v->slot] = from->slots[v->alias_slot];
            break;
        case JJ_LOAD_UNDEFINED:
            s->slots[v->slot] = (jj_val){0};
        }
    }
}

static void leave(jj_scope *s, const jj_frame *f)
{
    for (size_t i = 0; i < f->n; i++)
        s->slots[f->vars[i].slot] = (jj_val){0};
}

static bool check_output(jj *j)
{
    return (!j->out->failed && j->out->len <= JJ_MAX_OUTPUT) ||
           loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "the output grew beyond %d MiB", JJ_MAX_OUTPUT >> 20);
}

static bool exec_output(jj *j, jj_scope *s, const jj_node *n)
{
    for (size_t i = 0; i < n->list.n; i++) {
        jj_val v;
        JJ_TRY(loam_jj_eval(j, s, n->list.at[i], &v) && loam_jj_print(j, v, j->out));
    }
    return check_output(j);
}

/* Runs a body with its output going into a text. With break or continue *out stays unset. */
static bool capture(jj *j, jj_scope *s, const jj_nodes *body, flow *f, jj_val *out)
{
    loam_buf b, *before = j->out;
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    j->out = &b;
    bool ok = exec_body(j, s, body, f);
    j->out = before;
    if (ok && *f == FLOW_NORMAL)
        return loam_jj_str_take(j, &b, out);
    loam_buf_deinit(&b);
    return ok;
}

/* A filter chain whose innermost value is the captured text. */
static bool apply_filters(jj *j, jj_scope *s, const jj_node *filter, jj_val text, jj_val *out)
{
    if (!filter) {
        *out = text;
        return true;
    }
    jj_val self;
    jj_args args;
    JJ_TRY(apply_filters(j, s, filter->a, text, &self) && loam_jj_eval_args(j, s, filter, &args));
    j->line = filter->line;
    if (!filter->builtin)
        return jj_error(j, "No filter named %s found.", loam_jj_show(j, jj_of_str(filter->str)));
    return loam_jj_call_builtin(j, filter->builtin, self, &args, out);
}

static bool exec_captured(jj *j, jj_scope *s, const jj_node *n, flow *f)
{
    jj_val text;
    loam_jj_enter(j, s, n->frame);
    JJ_TRY(capture(j, s, &n->body, f, &text));
    if (*f != FLOW_NORMAL)
        return true;
    JJ_TRY(apply_filters(j, s, n->b, text, &text));
    JJ_TRY(n->a ? loam_jj_assign(j, s, n->a, text) : loam_jj_print(j, text, j->out) && check_output(j));
    leave(s, n->frame);
    return true;
}

static bool check_namespaces(jj *j, jj_scope *s, const jj_node *target)
{
    if (target->kind == JJ_NSREF) {
        jj_scope *at = s;
        for (int hops = target->hops; hops > 0; hops--)
            at = at->outer;
        if (at->slots[target->slot].tag != JJ_NAMESPACE)
            return jj_error(j, "cannot assign attribute on non-namespace object");
    }
    for (size_t i = 0; target->kind == JJ_TUPLE_EXPR && i < target->list.n; i++)
        JJ_TRY(check_namespaces(j, s, target->list.at[i]));
    return true;
}

static bool exec_if(jj *j, jj_scope *s, const jj_node *n, flow *f)
{
    jj_val test;
    for (size_t i = 0; i <= n->list.n; i++) {
        const jj_node *branch = i ? n->list.at[i - 1] : n;
        JJ_TRY(loam_jj_eval(j, s, branch->a, &test));
        if (loam_jj_truth(test))
            return exec_body(j, s, &branch->body, f);
    }
    return exec_body(j, s, &n->orelse, f);
}

static bool exec_with(jj *j, jj_scope *s, const jj_node *n, flow *f)
{
    loam_jj_enter(j, s, n->frame);
    for (size_t i = 0; i < n->list.n; i++) {
        jj_val v;
        JJ_TRY(loam_jj_eval(j, s, n->named.at[i], &v) && loam_jj_assign(j, s, n->list.at[i], v));
    }
    JJ_TRY(exec_body(j, s, &n->body, f));
    leave(s, n->frame);
    return true;
}

/* ---- loops ---- */

typedef struct filtered {
    jj_scope *scope;
    const jj_node *node;
} filtered;

/* `for … if test`: the items of src that pass, tested when they are reached. */
static bool next_filtered(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    const filtered *f = it->state;
    for (;;) {
        jj_val yes;
        JJ_TRY(loam_jj_next(j, it->src, out, got));
        if (!*got)
            return true;
        JJ_TRY(loam_jj_assign(j, f->scope, f->node->a, *out) && loam_jj_eval(j, f->scope, f->node->c, &yes));
        if (loam_jj_truth(yes))
            return true;
    }
}

/* The target has variables both in the test and in the body: the test's are marked in a copy of the tree's target. */
static jj_node *retarget(jj *j, const jj_node *target, const jj_frame *f)
{
    jj_node *copy = loam_jj_alloc(j, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *target;
    if (target->kind == JJ_NAME) {
        copy->hops = 0;
        for (size_t i = 0; i < f->n; i++)
            if (f->vars[i].name == target->name)
                copy->slot = f->vars[i].slot;
        return copy;
    }
    copy->list = (jj_nodes){0};
    for (size_t i = 0; i < target->list.n; i++) {
        jj_node *item = retarget(j, target->list.at[i], f);
        if (!item || !loam_jj_nodes_push(j, &copy->list, item))
            return NULL;
    }
    return copy;
}

static bool add_test(jj *j, jj_scope *s, const jj_node *n, jj_iter **it)
{
    jj_iter *filter = loam_jj_iter_new(j, next_filtered, "generator");
    filtered *state = loam_jj_alloc(j, sizeof *state);
    jj_node *test = loam_jj_alloc(j, sizeof *test);
    JJ_TRY(filter && state && test);
    loam_jj_enter(j, s, n->test_frame);
    *test = *n;
    test->a = retarget(j, n->a, n->test_frame);
    JJ_TRY(test->a);
    *state = (filtered){s, test};
    filter->src = *it;
    filter->state = state;
    *it = filter;
    return true;
}

static bool advance(jj *j, struct jj_loop *lp, bool *got)
{
    jj_val v = lp->after;
    *got = v.tag != JJ_MISSING;
    lp->after = (jj_val){0};
    if (!*got)
        JJ_TRY(loam_jj_next(j, lp->it, &v, got));
    if (*got) {
        lp->index0++;
        lp->before = lp->current;
        lp->current = v;
    }
    return true;
}

/* Runs the loop n over the values of v in scope s (the function's own scope for a recursive loop). */
static bool run_loop(jj *j, jj_scope *s, const jj_node *n, jj_val v, int depth0, flow *outer)
{
    struct jj_loop *lp = loam_jj_alloc(j, sizeof *lp);
    bool any = false, got;
    JJ_TRY(lp);
    *lp = (struct jj_loop){
        .node = n, .scope = n->recursive ? s->outer : s, .over = v, .index0 = -1, .len = -1, .depth0 = depth0};
    JJ_TRY(loam_jj_iter(j, v, &lp->it));
    if (n->c) {
        JJ_TRY(add_test(j, s, n, &lp->it));
        lp->over = jj_of_iter(lp->it);
    }
    for (;;) {
        JJ_TRY(advance(j, lp, &got));
        if (!got)
            break;
        JJ_TRY(loam_jj_assign(j, s, n->a, lp->current));
        if (n->loop_slot >= 0)
            s->slots[n->loop_slot] = (jj_val){.tag = JJ_LOOP, .lp = lp};
        loam_jj_enter(j, s, n->frame);
        flow f = FLOW_NORMAL;
        JJ_TRY(exec_body(j, s, &n->body, &f));
        if (f == FLOW_BREAK)
            break;
        any = any || f == FLOW_NORMAL; /* Jinja's else runs when no iteration came to its end */
    }
    leave(s, n->frame);
    if (any || !n->orelse.n)
        return true;
    loam_jj_enter(j, s, n->else_frame);
    JJ_TRY(exec_body(j, s, &n->orelse, outer));
    leave(s, n->else_frame);
    return true;
}

/* A recursive loop is a function that gives back its output. */
static bool run_recursive(jj *j, jj_scope *outer, const jj_node *n, jj_val v, int depth0, jj_val *out)
{
    jj_scope *s = new_scope(j, outer, n->n_slots);
    loam_buf b, *before = j->out;
    flow f = FLOW_NORMAL;
    JJ_TRY(s);
    JJ_TRY(loam_jj_deeper(j));
    loam_buf_init(&b, JJ_MAX_OUTPUT);
    j->out = &b;
    bool ok = run_loop(j, s, n, v, depth0, &f);
    j->out = before;
    j->depth--;
    if (ok)
        return loam_jj_str_take(j, &b, out);
    loam_buf_deinit(&b);
    return false;
}

bool loam_jj_call_loop(jj *j, struct jj_loop *lp, const jj_args *a, jj_val *out)
{
    if (!lp->node->recursive)
        return jj_error(j, "The loop must have the 'recursive' marker to be called recursively.");
    if (a->n != 1 || a->n_named)
        return jj_error(j, "loop() takes one argument, what to loop over");
    return run_recursive(j, lp->scope, lp->node, a->at[0], lp->depth0 + 1, out);
}

static bool exec_for(jj *j, jj_scope *s, const jj_node *n, flow *f)
{
    jj_val v;
    JJ_TRY(loam_jj_eval(j, s, n->b, &v));
    j->line = n->line;
    if (!n->recursive)
        return run_loop(j, s, n, v, 0, f);
    return run_recursive(j, s, n, v, 0, &v) && loam_jj_print(j, v, j->out) && check_output(j);
}

static bool peek(jj *j, struct jj_loop *lp)
{
    bool got;
    if (lp->after.tag != JJ_MISSING)
        return true;
    jj_val v;
    JJ_TRY(loam_jj_next(j, lp->it, &v, &got));
    if (got)
        lp->after = v;
    return true;
}

static bool loop_length(jj *j, struct jj_loop *lp, int64_t *out)
{
    if (lp->len < 0)
        lp->len = loam_jj_len(lp->over);
    if (lp->len < 0) { /* a generator: take the rest of it */
        jj_list *rest;
        JJ_TRY(loam_jj_collect(j, jj_of_iter(lp->it), &rest));
        lp->len = (int64_t)rest->n + lp->index0 + 1 + (lp->after.tag != JJ_MISSING);
        JJ_TRY(loam_jj_iter(j, jj_of_list(rest), &lp->it));
    }
    *out = lp->len;
    return true;
}

bool loam_jj_loop_attr(jj *j, struct jj_loop *lp, const jj_str *name, jj_val *out, bool *found)
{
    static const char *const names[] = {"index0",    "index",    "first",    "last",  "length", "revindex",
                                        "revindex0", "previtem", "nextitem", "depth", "depth0"};
    size_t k = 0;
    int64_t n;
    while (k < sizeof names / sizeof *names && !loam_jj_str_is(name, names[k]))
        k++;
    *found = true;
    switch (k) {
    case 0:
    case 1:
        *out = jj_int(lp->index0 + (int64_t)k);
        return true;
    case 2:
        *out = jj_bool(lp->index0 == 0);
        return true;
    case 3:
        JJ_TRY(peek(j, lp));
        *out = jj_bool(lp->after.tag == JJ_MISSING);
        return true;
    case 4:
    case 5:
    case 6:
        JJ_TRY(loop_length(j, lp, &n));
        *out = jj_int(k == 4 ? n : k == 5 ? n - lp->index0 : n - lp->index0 - 1);
        return true;
    case 7:
        *out = lp->before;
        return lp->index0 > 0 || loam_jj_undefined_hint(j, out, "there is no previous item");
    case 8:
        JJ_TRY(peek(j, lp));
        *out = lp->after;
        return lp->after.tag != JJ_MISSING || loam_jj_undefined_hint(j, out, "there is no next item");
    case 9:
    case 10:
        *out = jj_int(lp->depth0 + (k == 9));
        return true;
    default: {
        const jj_builtin *method = loam_jj_find_method((jj_val){.tag = JJ_LOOP, .lp = lp}, name);
        struct jj_func *f = method ? loam_jj_alloc(j, sizeof *f) : NULL;
        *found = method != NULL;
        if (!method)
            return true;
        JJ_TRY(f);
        *f = (struct jj_func){.def = method, .self = {.tag = JJ_LOOP, .lp = lp}};
        *out = (jj_val){.tag = JJ_FUNC, .fn = f};
        return true;
    }
    }
}

/* ---- macros ---- */

static bool make_macro(jj *j, jj_scope *s, const jj_node *n, jj_val *out)
{
    struct jj_macro *m = loam_jj_alloc(j, sizeof *m);
    JJ_TRY(m);
    *m = (struct jj_macro){n, s};
    *out = (jj_val){.tag = JJ_MACRO, .m = m};
    return true;
}

static bool named_argument(const jj_args *a, const jj_str *name, bool *taken, jj_val *out)
{
    for (size_t i = 0; i < a->n_named; i++)
        if (a->names[i]->n == name->n && !memcmp(a->names[i]->s, name->s, name->n)) {
            taken[i] = true;
            *out = a->named[i];
            return true;
        }
    return false;
}

static const char *macro_name(jj *j, const jj_node *n)
{
    jj_val name = jj_none();
    if (n->name && !loam_jj_str_borrow(j, n->name, strlen(n->name), &name))
        return "?";
    return loam_jj_show(j, name);
}

static bool bind_rest(jj *j, jj_scope *s, const jj_node *n, const jj_args *a, bool *taken, bool found_caller)
{
    jj_val v = {0};
    static const jj_str caller = {.s = "caller", .n = 6, .len = 6};
    if (n->caller_slot >= 0 && !found_caller) {
        if (!named_argument(a, &caller, taken, &v) || v.tag == JJ_NONE)
            JJ_TRY(loam_jj_undefined_hint(j, &v, "No caller defined"));
        s->slots[n->caller_slot] = v;
    }
    jj_dict *kwargs = loam_jj_dict_new(j);
    JJ_TRY(kwargs);
    for (size_t i = 0; i < a->n_named; i++) {
        if (taken[i])
            continue;
        if (n->kwargs_slot < 0 && loam_jj_str_is(a->names[i], "caller"))
            return jj_error(j,
                            "macro %s was invoked with two values for the special caller argument. This is most "
                            "likely a bug.",
                            macro_name(j, n));
        if (n->kwargs_slot < 0)
            return jj_error(j, "macro %s takes no keyword argument %s", macro_name(j, n),
                            loam_jj_show(j, jj_of_str(a->names[i])));
        JJ_TRY(loam_jj_dict_set(j, kwargs, jj_of_str(a->names[i]), a->named[i]));
    }
    if (n->kwargs_slot >= 0)
        s->slots[n->kwargs_slot] = (jj_val){.tag = JJ_DICT, .d = kwargs};
    if (n->varargs_slot >= 0) {
        jj_list *l = loam_jj_list_new(j, 0);
        JJ_TRY(l);
        for (size_t i = n->list.n; i < a->n; i++)
            JJ_TRY(loam_jj_list_push(j, l, a->at[i]));
        s->slots[n->varargs_slot] = jj_of_tuple(l);
    } else if (a->n > n->list.n) {
        return jj_error(j, "macro %s takes not more than %zu argument(s)", macro_name(j, n), n->list.n);
    }
    return true;
}

bool loam_jj_call_macro(jj *j, const struct jj_macro *m, const jj_args *a, jj_val *out)
{
    const jj_node *n = m->node;
    int line = j->line;
    jj_scope *s = new_scope(j, m->outer, n->n_slots);
    bool *taken = loam_jj_alloc(j, a->n_named), found_caller = false;
    JJ_TRY(s && taken);
    for (size_t i = 0; i < n->list.n; i++) {
        jj_val v = {0};
        if (i < a->n)
            v = a->at[i];
        else
            named_argument(a, n->list.at[i]->str, taken, &v);
        found_caller = found_caller || !strcmp(n->list.at[i]->name, "caller");
        s->slots[n->list.at[i]->slot] = v;
    }
    JJ_TRY(bind_rest(j, s, n, a, taken, found_caller));
    loam_jj_enter(j, s, n->frame);
    for (size_t i = 0; i < n->list.n; i++) {
        const jj_node *param = n->list.at[i];
        jj_val *slot = &s->slots[param->slot];
        size_t first_default = n->list.n - n->named.n;
        if (slot->tag != JJ_MISSING)
            continue;
        if (i >= first_default)
            JJ_TRY(loam_jj_eval(j, s, n->named.at[i - first_default], slot));
        else
            JJ_TRY(loam_jj_undefined_hint(j, slot, "parameter '%s' was not provided", param->name));
    }
    flow f = FLOW_NORMAL;
    JJ_TRY(capture(j, s, &n->body, &f, out));
    j->line = line;
    return true;
}

static bool exec_call_block(jj *j, jj_scope *s, const jj_node *n)
{
    static jj_str name = {.s = "caller", .n = 6, .len = 6};
    jj_val caller, callee, v;
    jj_args args;
    JJ_TRY(make_macro(j, s, n, &caller) && loam_jj_eval(j, s, n->a->a, &callee));
    JJ_TRY(loam_jj_eval_args(j, s, n->a, &args) && loam_jj_add_named(j, &args, &name, caller));
    j->line = n->line;
    return loam_jj_call(j, callee, &args, &v) && loam_jj_print(j, v, j->out) && check_output(j);
}

static bool exec(jj *j, jj_scope *s, const jj_node *n, flow *f)
{
    jj_val v;
    switch (n->kind) {
    case JJ_OUTPUT:
        return exec_output(j, s, n);
    case JJ_SET:
        return check_namespaces(j, s, n->a) && loam_jj_eval(j, s, n->b, &v) && loam_jj_assign(j, s, n->a, v);
    case JJ_SET_BLOCK:
    case JJ_FILTER_BLOCK:
        return exec_captured(j, s, n, f);
    case JJ_IF:
        return exec_if(j, s, n, f);
    case JJ_FOR:
        return exec_for(j, s, n, f);
    case JJ_MACRO_DEF:
        JJ_TRY(make_macro(j, s, n, &v));
        for (int hops = n->hops; hops > 0; hops--)
            s = s->outer;
        s->slots[n->slot] = v;
        return true;
    case JJ_CALL_BLOCK:
        return exec_call_block(j, s, n);
    case JJ_WITH:
        return exec_with(j, s, n, f);
    case JJ_SCOPE:
        loam_jj_enter(j, s, n->frame);
        JJ_TRY(exec_body(j, s, &n->body, f));
        leave(s, n->frame);
        return true;
    case JJ_BREAK:
        *f = FLOW_BREAK;
        return true;
    case JJ_CONTINUE:
        *f = FLOW_CONTINUE;
        return true;
    default:
        return jj_error(j, "internal: not a statement");
    }
}

static bool exec_body(jj *j, jj_scope *s, const jj_nodes *body, flow *f)
{
    JJ_TRY(loam_jj_deeper(j));
    for (size_t i = 0; i < body->n && *f == FLOW_NORMAL; i++) {
        JJ_TRY(jj_charge(j, 1));
        j->line = body->at[i]->line;
        JJ_TRY(exec(j, s, body->at[i], f));
    }
    j->depth--;
    return true;
}

bool loam_jj_run(jj *j, const jj_template *t)
{
    jj_scope *s = new_scope(j, NULL, t->n_slots);
    flow f = FLOW_NORMAL;
    JJ_TRY(s);
    loam_jj_enter(j, s, t->frame);
    return exec_body(j, s, &t->body, &f);
}
