/* Calls: what can be called, and binding arguments to parameters. */
#include "text/jinja_int.h"

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
        JJ_TRY(loam_jj_deeper(j));
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
