/* Gives every name its variable before anything runs, with the rules of jinja2/idtracking.py and compiler.py: a scope
 * (template, loop, macro, …) is first read through for the names that it loads and stores; a name that it stores is its
 * own and starts as a copy of the outer one (or as what the caller passed under that name, or unset); a name that it
 * only loads is the nearest outer one. So `set` inside a loop never reaches out of it, and a name can be unset where a
 * search at run time would have found something. Scopes of one function share its array of slots. */
#include "text/jinja_int.h"

#include <string.h>

typedef struct jj_fn {
    struct jj_fn *outer;
    int n_slots;
    int in_loop; /* how many loops are open: break and continue are allowed */
} jj_fn;

typedef struct resolver {
    jj *j;
    int n_vars;
    int *journal; /* indices of variables of the frame being read, in the order in which they were first stored */
    size_t n_journal, journal_cap;
} resolver;

static bool walk_body(resolver *r, jj_frame *f, const jj_nodes *body, bool soft);
static bool walk(resolver *r, jj_frame *f, jj_node *n, bool soft);
static bool read_node(resolver *r, jj_frame *f, const jj_node *n);

static jj_var *own_var(const jj_frame *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->vars[i].name == name)
            return &f->vars[i];
    return NULL;
}

/* The variable that a name means in f; hops counts the functions between. */
static jj_var *find_var(const jj_frame *f, const char *name, int *hops)
{
    *hops = 0;
    for (; f; f = f->parent) {
        jj_var *v = own_var(f, name);
        if (v)
            return v;
        if (f->parent && f->parent->fn != f->fn)
            ++*hops;
    }
    return NULL;
}

static jj_var *add_var(resolver *r, jj_frame *f, const char *name, jj_load_kind load)
{
    if (++r->n_vars > JJ_MAX_VARS) {
        loam_jj_fail(r->j, LOAM_STATUS_TOO_LARGE, "the template has more than %d variables", JJ_MAX_VARS);
        return NULL;
    }
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 8;
        jj_var *vars = loam_jj_alloc_n(r->j, cap, sizeof *vars);
        if (!vars)
            return NULL;
        if (f->n)
            memcpy(vars, f->vars, f->n * sizeof *vars);
        f->vars = vars;
        f->cap = cap;
    }
    f->vars[f->n] = (jj_var){.name = name, .slot = f->fn->n_slots++, .load = load};
    return &f->vars[f->n++];
}

/* How a stored variable starts: as the outer one of that name, else as `otherwise`. */
static void set_outer_load(jj_frame *f, jj_var *v, jj_load_kind otherwise)
{
    int hops = 0;
    jj_var *outer = f->parent ? find_var(f->parent, v->name, &hops) : NULL;
    v->load = outer ? JJ_LOAD_ALIAS : otherwise;
    if (outer) {
        v->alias_slot = outer->slot;
        v->alias_hops = hops + (f->parent->fn != f->fn);
    }
}

static bool mark_stored(resolver *r, jj_frame *f, jj_var *v)
{
    if (v->stored)
        return true;
    v->stored = true;
    if (r->n_journal == r->journal_cap) {
        size_t cap = r->journal_cap ? r->journal_cap * 2 : 64;
        int *journal = loam_jj_alloc_n(r->j, cap, sizeof *journal);
        JJ_TRY(journal);
        if (r->n_journal)
            memcpy(journal, r->journal, r->n_journal * sizeof *journal);
        r->journal = journal;
        r->journal_cap = cap;
    }
    r->journal[r->n_journal++] = (int)(v - f->vars);
    return true;
}

static bool store(resolver *r, jj_frame *f, const char *name)
{
    jj_var *v = own_var(f, name);
    if (!v) {
        v = add_var(r, f, name, JJ_LOAD_UNDEFINED);
        JJ_TRY(v);
        set_outer_load(f, v, JJ_LOAD_UNDEFINED);
    }
    return mark_stored(r, f, v);
}

static bool declare(resolver *r, jj_frame *f, const char *name, int *slot)
{
    jj_var *v = own_var(f, name);
    if (!v)
        v = add_var(r, f, name, JJ_LOAD_PARAM);
    JJ_TRY(v);
    v->load = JJ_LOAD_PARAM;
    if (slot)
        *slot = v->slot;
    return mark_stored(r, f, v);
}

static bool load(resolver *r, jj_frame *f, const char *name)
{
    int hops;
    return find_var(f, name, &hops) || add_var(r, f, name, JJ_LOAD_RESOLVE);
}

/* The targets of a loop and the parameters of a macro. */
static bool declare_target(resolver *r, jj_frame *f, const jj_node *n)
{
    if (n->kind == JJ_NAME)
        return declare(r, f, n->name, NULL);
    for (size_t i = 0; i < n->list.n; i++)
        JJ_TRY(declare_target(r, f, n->list.at[i]));
    return true;
}

static bool read_nodes(resolver *r, jj_frame *f, const jj_nodes *l)
{
    for (size_t i = 0; i < l->n; i++)
        JJ_TRY(read_node(r, f, l->at[i]));
    return true;
}

/* First pass over what belongs to the scope f itself: which names are loaded and stored. */
static bool read_node(resolver *r, jj_frame *f, const jj_node *n)
{
    if (!n)
        return true;
    r->j->line = n->line;
    switch (n->kind) {
    case JJ_NAME:
        return n->store ? store(r, f, n->name) : load(r, f, n->name);
    case JJ_NSREF:
        return load(r, f, n->name);
    case JJ_IF: {
        JJ_TRY(read_node(r, f, n->a));
        size_t mark = r->n_journal;
        JJ_TRY(read_nodes(r, f, &n->body) && read_nodes(r, f, &n->list) && read_nodes(r, f, &n->orelse));
        /* stored in a branch that may not run: it must start with a value */
        for (size_t i = mark; i < r->n_journal; i++)
            set_outer_load(f, &f->vars[r->journal[i]], JJ_LOAD_RESOLVE);
        return true;
    }
    case JJ_FOR:
        return read_node(r, f, n->b);
    case JJ_MACRO_DEF:
        return store(r, f, n->name);
    case JJ_CALL_BLOCK:
        return read_node(r, f, n->a);
    case JJ_FILTER_BLOCK:
        return read_node(r, f, n->b);
    case JJ_WITH:
        return read_nodes(r, f, &n->named);
    case JJ_SET:
        return read_node(r, f, n->b) && read_node(r, f, n->a);
    case JJ_SET_BLOCK:
        return read_node(r, f, n->a);
    case JJ_SCOPE:
    case JJ_DATA:
    case JJ_BREAK:
    case JJ_CONTINUE:
        return true;
    default:
        return read_node(r, f, n->a) && read_node(r, f, n->b) && read_node(r, f, n->c) && read_nodes(r, f, &n->list) &&
               read_nodes(r, f, &n->named) && read_node(r, f, n->star) && read_node(r, f, n->star2);
    }
}

static jj_frame *inner_frame(resolver *r, jj_frame *parent, jj_fn *fn)
{
    jj_frame *f = loam_jj_alloc(r->j, sizeof *f);
    if (f) {
        f->parent = parent;
        f->fn = fn;
        r->n_journal = 0;
    }
    return f;
}

/* The first mention of a name in a body, inner scopes included; NULL: none. */
static const jj_node *first_mention(const jj_nodes *l, const char *name);

static const jj_node *first_mention_in(const jj_node *n, const char *name)
{
    if (!n)
        return NULL;
    if ((n->kind == JJ_NAME || n->kind == JJ_NSREF) && !strcmp(n->name, name))
        return n;
    const jj_node *parts[] = {n->a, n->b, n->c, n->star, n->star2}, *found = NULL;
    for (size_t i = 0; i < 5 && !found; i++)
        found = first_mention_in(parts[i], name);
    const jj_nodes *lists[] = {&n->list, &n->named, &n->body, &n->orelse};
    for (size_t i = 0; i < 4 && !found; i++)
        found = first_mention(lists[i], name);
    return found;
}

static const jj_node *first_mention(const jj_nodes *l, const char *name)
{
    const jj_node *found = NULL;
    for (size_t i = 0; i < l->n && !found; i++)
        found = first_mention_in(l->at[i], name);
    return found;
}

/* Whether a name is assigned anywhere in n. */
static bool stores(const jj_node *n, const char *name)
{
    if (!n)
        return false;
    if (n->kind == JJ_NAME && n->store && !strcmp(n->name, name))
        return true;
    const jj_nodes *lists[] = {&n->list, &n->named, &n->body, &n->orelse};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < lists[i]->n; k++)
            if (stores(lists[i]->at[k], name))
                return true;
    return stores(n->a, name);
}

/* caller, kwargs and varargs are parameters of a macro that mentions them. */
static bool declare_special(resolver *r, jj_frame *f, const jj_node *n, const char *name, int *slot)
{
    *slot = -1;
    for (size_t i = 0; i < n->list.n; i++)
        if (!strcmp(n->list.at[i]->name, name))
            return true;
    const jj_node *use = first_mention(&n->body, name);
    return !use || use->store || declare(r, f, use->name, slot);
}

static bool walk_macro(resolver *r, jj_frame *parent, jj_node *n)
{
    jj_fn *fn = loam_jj_alloc(r->j, sizeof *fn);
    JJ_TRY(fn);
    fn->outer = parent->fn;
    jj_frame *f = n->frame = inner_frame(r, parent, fn);
    JJ_TRY(f);
    for (size_t i = 0; i < n->list.n; i++)
        JJ_TRY(declare_target(r, f, n->list.at[i]));
    JJ_TRY(read_nodes(r, f, &n->named) && read_nodes(r, f, &n->body));
    JJ_TRY(declare_special(r, f, n, "caller", &n->caller_slot));
    JJ_TRY(declare_special(r, f, n, "kwargs", &n->kwargs_slot));
    JJ_TRY(declare_special(r, f, n, "varargs", &n->varargs_slot));
    for (size_t i = 0; i < n->list.n; i++)
        JJ_TRY(walk(r, f, n->list.at[i], false));
    for (size_t i = 0; i < n->named.n; i++)
        JJ_TRY(walk(r, f, n->named.at[i], false));
    JJ_TRY(walk_body(r, f, &n->body, false));
    n->n_slots = fn->n_slots;
    return true;
}

static bool walk_for(resolver *r, jj_frame *parent, jj_node *n, bool soft)
{
    JJ_TRY(walk(r, parent, n->b, soft));
    jj_fn *fn = parent->fn;
    if (n->recursive) {
        fn = loam_jj_alloc(r->j, sizeof *fn);
        JJ_TRY(fn);
        fn->outer = parent->fn;
    }
    n->loop_slot = -1;
    jj_frame *f = n->frame = inner_frame(r, parent, fn);
    JJ_TRY(f);
    const jj_node *loop = first_mention(&n->body, "loop");
    if (stores(n, "loop"))
        return jj_error(r->j, "Can't assign to special loop variable in for-loop target");
    if (loop)
        JJ_TRY(declare(r, f, loop->name, &n->loop_slot));
    JJ_TRY(declare_target(r, f, n->a) && read_nodes(r, f, &n->body));
    if (n->orelse.n) {
        n->else_frame = inner_frame(r, parent, fn);
        JJ_TRY(n->else_frame && read_nodes(r, n->else_frame, &n->orelse));
    }
    JJ_TRY(walk(r, f, n->a, false));
    fn->in_loop++;
    JJ_TRY(walk_body(r, f, &n->body, false));
    fn->in_loop--;
    if (n->c) { /* the test runs with the target in variables of its own, before the body gets the item */
        n->test_frame = inner_frame(r, parent, fn);
        JJ_TRY(n->test_frame && declare_target(r, n->test_frame, n->a) && read_node(r, n->test_frame, n->c));
        JJ_TRY(walk(r, n->test_frame, n->c, false));
    }
    if (n->orelse.n)
        JJ_TRY(walk_body(r, n->else_frame, &n->orelse, false));
    if (n->recursive)
        n->n_slots = fn->n_slots;
    return true;
}

static bool walk_nodes(resolver *r, jj_frame *f, const jj_nodes *l, bool soft)
{
    for (size_t i = 0; i < l->n; i++)
        JJ_TRY(walk(r, f, l->at[i], soft));
    return true;
}

static bool known_builtin(resolver *r, jj_node *n, bool soft)
{
    bool filter = n->kind == JJ_FILTER;
    n->builtin = filter ? loam_jj_find_filter(n->str) : loam_jj_find_test(n->str);
    r->j->line = n->line;
    jj_val name = jj_of_str(n->str);
    return n->builtin || soft ||
           jj_error(r->j, "No %s named %s.", filter ? "filter" : "test", loam_jj_show(r->j, name));
}

/* Second pass: every name gets its slot, inner scopes are opened. soft: inside if, where an unknown filter is an error
 * only when it is reached. */
static bool walk(resolver *r, jj_frame *f, jj_node *n, bool soft)
{
    if (!n)
        return true;
    r->j->line = n->line;
    switch (n->kind) {
    case JJ_NAME:
    case JJ_NSREF: {
        jj_var *v = find_var(f, n->name, &n->hops);
        if (!v) { /* only names in the filter of a set block, which Jinja itself fails on */
            JJ_TRY(load(r, f, n->name));
            v = find_var(f, n->name, &n->hops);
        }
        n->slot = v->slot;
        return true;
    }
    case JJ_FOR:
        return walk_for(r, f, n, soft);
    case JJ_MACRO_DEF: {
        jj_var *v = find_var(f, n->name, &n->hops);
        n->slot = v->slot;
        return walk_macro(r, f, n);
    }
    case JJ_CALL_BLOCK:
        return walk(r, f, n->a, soft) && walk_macro(r, f, n);
    case JJ_IF:
        return walk(r, f, n->a, true) && walk_body(r, f, &n->body, true) && walk_nodes(r, f, &n->list, true) &&
               walk_body(r, f, &n->orelse, true);
    case JJ_WITH:
        JJ_TRY(walk_nodes(r, f, &n->named, soft));
        n->frame = inner_frame(r, f, f->fn);
        JJ_TRY(n->frame);
        for (size_t i = 0; i < n->list.n; i++)
            JJ_TRY(declare_target(r, n->frame, n->list.at[i]));
        return read_nodes(r, n->frame, &n->body) && walk_nodes(r, n->frame, &n->list, false) &&
               walk_body(r, n->frame, &n->body, false);
    case JJ_SET_BLOCK:
    case JJ_FILTER_BLOCK:
    case JJ_SCOPE:
        JJ_TRY(walk(r, f, n->a, soft));
        n->frame = inner_frame(r, f, f->fn);
        JJ_TRY(n->frame && read_nodes(r, n->frame, &n->body) && read_node(r, n->frame, n->b));
        return walk_body(r, n->frame, &n->body, false) && walk(r, n->frame, n->b, false);
    case JJ_BREAK:
    case JJ_CONTINUE:
        return f->fn->in_loop ||
               jj_error(r->j, n->kind == JJ_BREAK ? "'break' outside loop" : "'continue' not properly in loop");
    case JJ_COND:
        soft = true;
        break;
    case JJ_FILTER:
    case JJ_TEST:
        JJ_TRY(known_builtin(r, n, soft));
        break;
    default:
        break;
    }
    return walk(r, f, n->a, soft) && walk(r, f, n->b, soft) && walk(r, f, n->c, soft) &&
           walk_nodes(r, f, &n->list, soft) && walk_nodes(r, f, &n->named, soft) && walk(r, f, n->star, soft) &&
           walk(r, f, n->star2, soft);
}

static bool walk_body(resolver *r, jj_frame *f, const jj_nodes *body, bool soft)
{
    return walk_nodes(r, f, body, soft);
}

bool loam_jj_resolve(jj *j, jj_template *t)
{
    resolver r = {.j = j};
    jj_fn *fn = loam_jj_alloc(j, sizeof *fn);
    JJ_TRY(fn);
    t->frame = inner_frame(&r, NULL, fn);
    JJ_TRY(t->frame && read_nodes(&r, t->frame, &t->body) && walk_body(&r, t->frame, &t->body, false));
    t->n_slots = fn->n_slots;
    return true;
}
