/* The public face of the template engine: compile once, render with the variables of a JSON object. */
#include "text/chat_template.h"

#include <stdlib.h>
#include <string.h>

#include "text/jinja_int.h"

enum { MAX_JSON_DEPTH = 100 };

struct loam_chat_template {
    loam_arena *arena; /* the source and the tree */
    jj_template t;
};

loam_status loam_chat_template_new(const char *source, size_t len, loam_chat_template **out, loam_err *err)
{
    *out = NULL;
    loam_chat_template *t = calloc(1, sizeof *t);
    if (t)
        t->arena = loam_arena_new(JJ_MAX_ARENA);
    if (!t || !t->arena) {
        free(t);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a chat template");
    }
    jj j = {.arena = t->arena, .err = err, .line = 1, .steps = JJ_MAX_STEPS};
    if (!loam_jj_parse(&j, source, len, &t->t) || !loam_jj_resolve(&j, &t->t)) {
        loam_chat_template_free(t);
        return j.status;
    }
    *out = t;
    return LOAM_OK;
}

void loam_chat_template_free(loam_chat_template *t)
{
    if (!t)
        return;
    loam_arena_free(t->arena);
    free(t);
}

/* Texts are borrowed: the JSON outlives the rendering. */
static bool from_json(jj *j, const json_t *v, int depth, jj_val *out)
{
    if (depth > MAX_JSON_DEPTH)
        return loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "the variables are nested more than %d deep", MAX_JSON_DEPTH);
    switch (json_typeof(v)) {
    case JSON_OBJECT: {
        const char *key;
        json_t *item;
        jj_dict *d = loam_jj_dict_new(j);
        JJ_TRY(d);
        *out = (jj_val){.tag = JJ_DICT, .d = d};
        d->cap = json_object_size(v);
        d->keys = loam_jj_alloc_n(j, d->cap, sizeof *d->keys);
        d->vals = d->keys ? loam_jj_alloc_n(j, d->cap, sizeof *d->vals) : NULL;
        JJ_TRY(d->vals);
        json_object_foreach((json_t *)v, key, item)
        {
            JJ_TRY(loam_jj_str_borrow(j, key, strlen(key), &d->keys[d->n]) &&
                   from_json(j, item, depth + 1, &d->vals[d->n]));
            d->n++;
        }
        return true;
    }
    case JSON_ARRAY: {
        jj_list *l = loam_jj_list_new(j, json_array_size(v));
        JJ_TRY(l);
        *out = jj_of_list(l);
        for (; l->n < l->cap; l->n++)
            JJ_TRY(from_json(j, json_array_get(v, l->n), depth + 1, &l->at[l->n]));
        return true;
    }
    case JSON_STRING:
        return loam_jj_str_borrow(j, json_string_value(v), json_string_length(v), out);
    case JSON_INTEGER:
        *out = jj_int(json_integer_value(v));
        return true;
    case JSON_REAL:
        *out = jj_float(json_real_value(v));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = jj_bool(json_is_true(v));
        return true;
    default:
        *out = jj_none();
        return true;
    }
}

loam_status loam_chat_template_render_at(const loam_chat_template *t, const json_t *vars, int64_t now, loam_buf *out,
                                         loam_err *err)
{
    loam_buf text;
    jj_val v = {0};
    jj j = {.err = err, .line = 1, .steps = JJ_MAX_STEPS, .now = (time_t)now, .arena = loam_arena_new(JJ_MAX_ARENA)};
    if (!j.arena)
        LOAM_FAIL(err, NO_MEMORY, "no memory to render a chat template");
    if (!json_is_object(vars)) {
        loam_arena_free(j.arena);
        LOAM_FAIL(err, INTERNAL, "the variables of a chat template must be a JSON object");
    }
    loam_buf_init(&text, JJ_MAX_OUTPUT + 1);
    j.out = &text;
    bool ok = from_json(&j, vars, 0, &v);
    j.vars = v.d;
    ok = ok && loam_jj_run(&j, &t->t);
    if (ok && !loam_buf_add(out, loam_buf_text(&text), text.len)) {
        ok = false;
        j.status = loam_err_set(err, LOAM_STATUS_TOO_LARGE, __FILE__, __LINE__,
                                "the rendered chat template has %zu bytes: more than fit", text.len);
    }
    loam_buf_deinit(&text);
    loam_arena_free(j.arena);
    return ok ? LOAM_OK : j.status;
}

loam_status loam_chat_template_render(const loam_chat_template *t, const json_t *vars, loam_buf *out, loam_err *err)
{
    return loam_chat_template_render_at(t, vars, (int64_t)time(NULL), out, err);
}
