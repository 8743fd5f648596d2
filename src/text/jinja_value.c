/* Values of the template language: making them, truth, equality, order, membership; all as Python's. */
#define _GNU_SOURCE
#include "text/jinja_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool loam_jj_fail(jj *j, loam_status status, const char *fmt, ...)
{
    char text[LOAM_ERR_MSG_MAX - 64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    j->status = loam_err_set(j->err, status, __FILE__, __LINE__, "line %d of the chat template: %s", j->line, text);
    return false;
}

bool loam_jj_no_memory(jj *j)
{
    return loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "the template needs more than %d MiB of memory", JJ_MAX_ARENA >> 20);
}

bool loam_jj_charge_slow(jj *j, int64_t n)
{
    return loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "the template ran for more than %d steps", JJ_MAX_STEPS);
}

void *loam_jj_alloc(jj *j, size_t n)
{
    void *p = loam_arena_alloc(j->arena, n);
    if (!p)
        loam_jj_no_memory(j);
    return p;
}

void *loam_jj_alloc_n(jj *j, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        loam_jj_no_memory(j);
        return NULL;
    }
    return loam_jj_alloc(j, bytes);
}

/* ---- text ---- */

static bool make_str(jj *j, const char *s, size_t n, size_t len, bool markup, jj_val *out)
{
    jj_str *t = loam_jj_alloc(j, sizeof *t);
    JJ_TRY(t);
    *t = (jj_str){.s = s, .n = n, .len = len, .markup = markup};
    *out = jj_of_str(t);
    return true;
}

bool loam_jj_str_borrow(jj *j, const char *s, size_t n, jj_val *out)
{
    return jj_charge_bytes(j, n) && make_str(j, s, n, loam_jj_utf8_count(s, n), false, out);
}

bool loam_jj_str_copy(jj *j, const char *s, size_t n, jj_val *out)
{
    char *copy = loam_jj_alloc(j, n);
    JJ_TRY(copy);
    if (n)
        memcpy(copy, s, n);
    return loam_jj_str_borrow(j, copy, n, out);
}

bool loam_jj_sub(jj *j, const jj_str *s, size_t from, size_t to, jj_val *out)
{
    return jj_charge_bytes(j, to - from) &&
           make_str(j, s->s + from, to - from, s->len == s->n ? to - from : loam_jj_utf8_count(s->s + from, to - from),
                    s->markup, out);
}

bool loam_jj_str_concat(jj *j, const jj_str *a, const jj_str *b, jj_val *out)
{
    JJ_TRY(jj_charge_bytes(j, b->n));
    struct jj_room *room = a->room;
    if (!room || a->s + a->n != room->data + room->used || room->cap - room->used < b->n) {
        size_t cap = a->n + b->n;
        cap += cap / 2 + 32;
        JJ_TRY(jj_charge_bytes(j, a->n));
        room = loam_jj_alloc(j, sizeof *room);
        JJ_TRY(room);
        room->data = loam_jj_alloc(j, cap);
        JJ_TRY(room->data);
        memcpy(room->data, a->s, a->n);
        room->used = a->n;
        room->cap = cap;
        JJ_TRY(make_str(j, room->data, a->n + b->n, a->len + b->len, a->markup || b->markup, out));
    } else {
        JJ_TRY(make_str(j, a->s, a->n + b->n, a->len + b->len, a->markup || b->markup, out));
    }
    memcpy(room->data + room->used, b->s, b->n);
    room->used += b->n;
    out->s->room = room;
    return true;
}

bool loam_jj_str_take(jj *j, loam_buf *b, jj_val *out)
{
    bool ok = b->failed ? loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "a text grew beyond %d MiB", JJ_MAX_OUTPUT >> 20)
                        : loam_jj_str_copy(j, loam_buf_text(b), b->len, out);
    loam_buf_deinit(b);
    return ok;
}

bool loam_jj_str_is(const jj_str *s, const char *text)
{
    return strlen(text) == s->n && !memcmp(s->s, text, s->n);
}

size_t loam_jj_str_offset(const jj_str *s, size_t i)
{
    if (s->len == s->n)
        return i;
    size_t at = 0;
    while (i > 0 && at < s->n) {
        at++;
        while (at < s->n && ((unsigned char)s->s[at] & 0xC0) == 0x80)
            at++;
        i--;
    }
    return at;
}

size_t loam_jj_str_find(const char *a, size_t na, const char *b, size_t nb, size_t from)
{
    if (from > na || nb > na - from)
        return SIZE_MAX;
    if (!nb)
        return from;
    const char *p = memmem(a + from, na - from, b, nb);
    return p ? (size_t)(p - a) : SIZE_MAX;
}

/* ---- lists and dicts ---- */

jj_list *loam_jj_list_new(jj *j, size_t cap)
{
    jj_list *l = loam_jj_alloc(j, sizeof *l);
    if (!l)
        return NULL;
    l->at = loam_jj_alloc_n(j, cap, sizeof *l->at);
    l->cap = cap;
    return l->at ? l : NULL;
}

bool loam_jj_list_push(jj *j, jj_list *l, jj_val v)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        jj_val *at = loam_jj_alloc_n(j, cap, sizeof *at);
        JJ_TRY(at);
        if (l->n)
            memcpy(at, l->at, l->n * sizeof *at);
        l->at = at;
        l->cap = cap;
    }
    l->at[l->n++] = v;
    return true;
}

bool loam_jj_pair(jj *j, jj_val a, jj_val b, jj_val *out)
{
    jj_list *l = loam_jj_list_new(j, 2);
    JJ_TRY(l);
    l->n = 2;
    l->at[0] = a;
    l->at[1] = b;
    *out = jj_of_tuple(l);
    return true;
}

jj_dict *loam_jj_dict_new(jj *j)
{
    return loam_jj_alloc(j, sizeof(jj_dict));
}

static bool hashable(jj_val v, int depth)
{
    if (v.tag == JJ_LIST || v.tag == JJ_DICT || depth > JJ_MAX_VALUE_DEPTH)
        return false;
    for (size_t i = 0; v.tag == JJ_TUPLE && i < v.l->n; i++)
        if (!hashable(v.l->at[i], depth + 1))
            return false;
    return true;
}

bool loam_jj_hashable(jj_val v)
{
    return hashable(v, 0);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ (h >> 29);
}

/* Equal values have equal hashes: 1, 1.0 and true. */
static uint64_t hash(jj_val v, const void *seed)
{
    uint64_t h = mix((uintptr_t)seed, 1);
    switch (v.tag) {
    case JJ_STR: {
        size_t i = 0;
        for (uint64_t w; i + 8 <= v.s->n; i += 8) {
            memcpy(&w, v.s->s + i, 8);
            h = mix(h, w);
        }
        for (; i < v.s->n; i++)
            h = mix(h, (unsigned char)v.s->s[i]);
        return mix(h, v.s->n);
    }
    case JJ_BOOL:
    case JJ_INT:
        return mix(h, (uint64_t)jj_whole(v));
    case JJ_FLOAT:
        if (v.f >= -9e18 && v.f <= 9e18 && v.f == floor(v.f))
            return mix(h, (uint64_t)(int64_t)v.f);
        uint64_t bits;
        memcpy(&bits, &v.f, sizeof bits);
        return mix(h, bits);
    case JJ_TUPLE:
        for (size_t i = 0; i < v.l->n; i++)
            h = mix(h, hash(v.l->at[i], seed));
        return h;
    case JJ_NONE:
    case JJ_UNDEFINED:
        return mix(h, v.tag);
    default:
        return mix(h, (uintptr_t)v.ptr);
    }
}

enum { SMALL_DICT = 8 };

static bool build_index(jj *j, jj_dict *d)
{
    size_t cap = 32;
    while (cap < d->n * 3)
        cap *= 2;
    if (d->index_cap < cap) {
        d->index = loam_jj_alloc_n(j, cap, sizeof *d->index);
        JJ_TRY(d->index);
        d->index_cap = cap;
        d->index_n = 0;
    }
    for (; d->index_n < d->n; d->index_n++) {
        size_t k = hash(d->keys[d->index_n], j) & (d->index_cap - 1);
        while (d->index[k])
            k = (k + 1) & (d->index_cap - 1);
        d->index[k] = (uint32_t)d->index_n + 1;
    }
    return true;
}

/* Position of key, or d->n. */
static bool find_key(jj *j, jj_dict *d, jj_val key, size_t *at)
{
    bool eq = false;
    if (!loam_jj_hashable(key))
        return jj_error(j, "unhashable type: '%s'", loam_jj_type(key));
    JJ_TRY(jj_charge_bytes(j, key.tag == JJ_STR ? key.s->n : 0));
    if (d->n <= SMALL_DICT) {
        for (*at = 0; *at < d->n; ++*at) {
            JJ_TRY(loam_jj_eq(j, d->keys[*at], key, &eq));
            if (eq)
                return true;
        }
        return true;
    }
    JJ_TRY(build_index(j, d));
    for (size_t k = hash(key, j) & (d->index_cap - 1); d->index[k]; k = (k + 1) & (d->index_cap - 1)) {
        *at = d->index[k] - 1;
        JJ_TRY(jj_charge(j, 1) && loam_jj_eq(j, d->keys[*at], key, &eq));
        if (eq)
            return true;
    }
    *at = d->n;
    return true;
}

bool loam_jj_dict_set(jj *j, jj_dict *d, jj_val key, jj_val v)
{
    size_t at;
    JJ_TRY(find_key(j, d, key, &at));
    if (at < d->n) {
        d->vals[at] = v;
        return true;
    }
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 4;
        jj_val *keys = loam_jj_alloc_n(j, cap, sizeof *keys),
               *vals = keys ? loam_jj_alloc_n(j, cap, sizeof *vals) : NULL;
        JJ_TRY(vals);
        if (d->n) {
            memcpy(keys, d->keys, d->n * sizeof *keys);
            memcpy(vals, d->vals, d->n * sizeof *vals);
        }
        d->keys = keys;
        d->vals = vals;
        d->cap = cap;
    }
    d->keys[d->n] = key;
    d->vals[d->n++] = v;
    return true;
}

bool loam_jj_dict_get(jj *j, jj_dict *d, jj_val key, jj_val *out, bool *found)
{
    size_t at;
    JJ_TRY(find_key(j, d, key, &at));
    *found = at < d->n;
    if (*found)
        *out = d->vals[at];
    return true;
}

bool loam_jj_dict_get_str(jj *j, jj_dict *d, const char *s, size_t n, jj_val *out, bool *found)
{
    jj_str key = {.s = s, .n = n};
    return loam_jj_dict_get(j, d, jj_of_str(&key), out, found);
}

/* ---- undefined ---- */

bool loam_jj_undefined(jj *j, const char *hint, const char *of, jj_val name, jj_val *out)
{
    struct jj_undefined *u = loam_jj_alloc(j, sizeof *u);
    JJ_TRY(u);
    *u = (struct jj_undefined){.hint = hint, .of = of, .name = name};
    *out = (jj_val){.tag = JJ_UNDEFINED, .u = u};
    return true;
}

bool loam_jj_undefined_hint(jj *j, jj_val *out, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *hint = loam_arena_strndup(j->arena, text, strlen(text));
    return hint ? loam_jj_undefined(j, hint, NULL, jj_none(), out) : loam_jj_no_memory(j);
}

bool loam_jj_undefined_fail(jj *j, jj_val v)
{
    const struct jj_undefined *u = v.u;
    if (u->hint)
        return jj_error(j, "%s", u->hint);
    if (!u->of)
        return jj_error(j, "%s is undefined", loam_jj_show(j, u->name));
    if (u->name.tag != JJ_STR)
        return jj_error(j, "%s has no element %s", u->of, loam_jj_show(j, u->name));
    return jj_error(j, "'%s' has no attribute %s", u->of, loam_jj_show(j, u->name));
}

/* ---- truth, equality, order ---- */

const char *loam_jj_type(jj_val v)
{
    static const char *const names[] = {
        [JJ_MISSING] = "missing",  [JJ_UNDEFINED] = "Undefined", [JJ_NONE] = "NoneType", [JJ_BOOL] = "bool",
        [JJ_INT] = "int",          [JJ_FLOAT] = "float",         [JJ_STR] = "str",       [JJ_LIST] = "list",
        [JJ_TUPLE] = "tuple",      [JJ_DICT] = "dict",           [JJ_RANGE] = "range",   [JJ_VIEW] = "dict_keys",
        [JJ_ITER] = "generator",   [JJ_NAMESPACE] = "Namespace", [JJ_MACRO] = "Macro",   [JJ_FUNC] = "function",
        [JJ_LOOP] = "LoopContext", [JJ_GADGET] = "Cycler"};
    if (v.tag == JJ_ITER)
        return v.it->type;
    if (v.tag == JJ_VIEW)
        return v.v->kind == JJ_VIEW_KEYS ? "dict_keys" : v.v->kind == JJ_VIEW_VALUES ? "dict_values" : "dict_items";
    if (v.tag == JJ_FUNC && v.fn->self.tag != JJ_MISSING)
        return "builtin_function_or_method";
    if (v.tag == JJ_STR && v.s->markup)
        return "Markup";
    return names[v.tag];
}

const char *loam_jj_type_object(jj *j, jj_val v)
{
    static const char *const foreign[] = {[JJ_NAMESPACE] = "jinja2.utils.Namespace object",
                                          [JJ_MACRO] = "jinja2.runtime.Macro object",
                                          [JJ_LOOP] = "jinja2.runtime.LoopContext object",
                                          [JJ_GADGET] = "jinja2.utils.Cycler object"};
    if (v.tag == JJ_NONE)
        return "None";
    if (v.tag >= JJ_NAMESPACE && v.tag != JJ_FUNC)
        return foreign[v.tag];
    const char *type = loam_jj_type(v);
    char text[64];
    int n = snprintf(text, sizeof text, "%s object", type);
    char *copy = loam_arena_strndup(j->arena, text, (size_t)n);
    return copy ? copy : type;
}

bool loam_jj_truth(jj_val v)
{
    switch (v.tag) {
    case JJ_MISSING:
    case JJ_UNDEFINED:
    case JJ_NONE:
        return false;
    case JJ_BOOL:
        return v.b;
    case JJ_INT:
        return v.i != 0;
    case JJ_FLOAT:
        return v.f != 0;
    default: {
        int64_t n = v.tag == JJ_LOOP ? 1 : loam_jj_len(v);
        return n != 0;
    }
    }
}

int64_t loam_jj_len(jj_val v)
{
    switch (v.tag) {
    case JJ_UNDEFINED:
        return 0;
    case JJ_STR:
        return (int64_t)v.s->len;
    case JJ_LIST:
    case JJ_TUPLE:
        return (int64_t)v.l->n;
    case JJ_DICT:
        return (int64_t)v.d->n;
    case JJ_RANGE:
        return v.r->n;
    case JJ_VIEW:
        return (int64_t)v.v->d->n;
    default:
        return -1;
    }
}

/* Python compares whole numbers and floats exactly. */
static int compare_numbers(jj_val a, jj_val b, bool *ordered)
{
    *ordered = true;
    if (jj_is_whole(a) && jj_is_whole(b)) {
        int64_t x = jj_whole(a), y = jj_whole(b);
        return x < y ? -1 : x > y;
    }
    if (a.tag == JJ_FLOAT && b.tag == JJ_FLOAT) {
        *ordered = a.f == a.f && b.f == b.f;
        return a.f < b.f ? -1 : a.f > b.f;
    }
    if (a.tag == JJ_FLOAT)
        return -compare_numbers(b, a, ordered);
    int64_t x = jj_whole(a);
    double y = b.f;
    *ordered = y == y;
    if (y >= 9223372036854775808.0)
        return -1;
    if (y < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)y;
    if (x != whole)
        return x < whole ? -1 : 1;
    double rest = y - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

bool loam_jj_same(jj_val a, jj_val b)
{
    if (a.tag != b.tag)
        return false;
    switch (a.tag) {
    case JJ_NONE:
        return true;
    case JJ_BOOL:
        return a.b == b.b;
    case JJ_INT: /* CPython has one object for each small number */
        return a.i == b.i && a.i >= -5 && a.i <= 256;
    case JJ_FLOAT:
        return false;
    case JJ_STR: /* and one for each text of at most one Latin-1 character, and for equal constants */
        return a.s == b.s || (a.s->n == b.s->n && !memcmp(a.s->s, b.s->s, a.s->n));
    case JJ_TUPLE:
        return a.l == b.l || (!a.l->n && !b.l->n);
    default:
        return a.ptr == b.ptr;
    }
}

static bool eq_dicts(jj *j, jj_dict *a, jj_dict *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; i < a->n && *out; i++) {
        jj_val v;
        bool found;
        JJ_TRY(loam_jj_dict_get(j, b, a->keys[i], &v, &found));
        *out = found;
        if (found)
            JJ_TRY(loam_jj_eq(j, a->vals[i], v, out));
    }
    return true;
}

static bool deeper(jj *j)
{
    return ++j->depth <= JJ_MAX_DEPTH ||
           loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "values or macros are nested more than %d deep", JJ_MAX_DEPTH);
}

static bool is_sequence_of_items(jj_val v)
{
    return v.tag == JJ_LIST || v.tag == JJ_TUPLE;
}

bool loam_jj_eq(jj *j, jj_val a, jj_val b, bool *out)
{
    JJ_TRY(jj_charge(j, 1));
    if (jj_is_number(a) && jj_is_number(b)) {
        bool ordered;
        *out = compare_numbers(a, b, &ordered) == 0 && ordered;
        return true;
    }
    *out = false;
    if (a.tag != b.tag)
        return true;
    switch (a.tag) {
    case JJ_NONE:
    case JJ_UNDEFINED:
        *out = true;
        return true;
    case JJ_STR:
        *out = a.s->n == b.s->n;
        if (!*out)
            return true;
        *out = a.s->s == b.s->s || !memcmp(a.s->s, b.s->s, a.s->n);
        return jj_charge_bytes(j, a.s->n);
    case JJ_LIST:
    case JJ_TUPLE:
        *out = a.l->n == b.l->n;
        JJ_TRY(deeper(j));
        for (size_t i = 0; i < a.l->n && *out; i++)
            JJ_TRY(loam_jj_eq(j, a.l->at[i], b.l->at[i], out));
        j->depth--;
        return true;
    case JJ_DICT:
        JJ_TRY(deeper(j) && eq_dicts(j, a.d, b.d, out));
        j->depth--;
        return true;
    case JJ_RANGE:
        *out = a.r->n == b.r->n && (!a.r->n || (a.r->start == b.r->start && (a.r->n == 1 || a.r->step == b.r->step)));
        return true;
    default:
        *out = a.ptr == b.ptr;
        return true;
    }
}

bool loam_jj_order(jj *j, jj_op op, jj_val a, jj_val b, bool *out)
{
    static const char *const names[] = {[JJ_LT] = "<", [JJ_LE] = "<=", [JJ_GT] = ">", [JJ_GE] = ">="};
    int c;
    JJ_TRY(jj_charge(j, 1));
    if (a.tag == JJ_UNDEFINED || b.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, a.tag == JJ_UNDEFINED ? a : b);
    if (jj_is_number(a) && jj_is_number(b)) {
        bool ordered;
        c = compare_numbers(a, b, &ordered);
        if (!ordered) {
            *out = false;
            return true;
        }
    } else if (jj_is_str(a) && jj_is_str(b)) { /* UTF-8 sorts as code points do */
        size_t n = a.s->n < b.s->n ? a.s->n : b.s->n;
        JJ_TRY(jj_charge_bytes(j, n));
        c = memcmp(a.s->s, b.s->s, n);
        if (!c)
            c = a.s->n < b.s->n ? -1 : a.s->n > b.s->n;
    } else if (a.tag == b.tag && is_sequence_of_items(a)) {
        size_t n = a.l->n < b.l->n ? a.l->n : b.l->n;
        for (size_t i = 0; i < n; i++) {
            bool eq;
            JJ_TRY(loam_jj_eq(j, a.l->at[i], b.l->at[i], &eq));
            if (!eq) {
                JJ_TRY(deeper(j) && loam_jj_order(j, op, a.l->at[i], b.l->at[i], out));
                j->depth--;
                return true;
            }
        }
        c = a.l->n < b.l->n ? -1 : a.l->n > b.l->n;
    } else {
        return jj_error(j, "'%s' not supported between instances of '%s' and '%s'", names[op], loam_jj_type(a),
                        loam_jj_type(b));
    }
    *out = op == JJ_LT ? c < 0 : op == JJ_LE ? c <= 0 : op == JJ_GT ? c > 0 : c >= 0;
    return true;
}

bool loam_jj_contains(jj *j, jj_val item, jj_val in, bool *out)
{
    *out = false;
    if (in.tag == JJ_STR) {
        if (item.tag == JJ_UNDEFINED || item.tag != JJ_STR)
            return jj_error(j, "'in <string>' requires string as left operand, not %s", loam_jj_type(item));
        JJ_TRY(jj_charge_bytes(j, in.s->n));
        *out = loam_jj_str_find(in.s->s, in.s->n, item.s->s, item.s->n, 0) != SIZE_MAX;
        return true;
    }
    if (in.tag == JJ_DICT || (in.tag == JJ_VIEW && in.v->kind == JJ_VIEW_KEYS)) {
        jj_val v;
        return loam_jj_dict_get(j, in.tag == JJ_DICT ? in.d : in.v->d, item, &v, out);
    }
    if (in.tag == JJ_RANGE && jj_is_whole(item)) {
        int64_t i = jj_whole(item), first = in.r->start, last = first + (in.r->n - 1) * in.r->step;
        *out = in.r->n && i >= (first < last ? first : last) && i <= (first < last ? last : first) &&
               (i - first) % in.r->step == 0;
        return true;
    }
    if (!loam_jj_iterable(in))
        return jj_error(j, "argument of type '%s' is not iterable", loam_jj_type(in));
    jj_iter *it;
    JJ_TRY(loam_jj_iter(j, in, &it));
    for (bool got = true; got && !*out;) {
        jj_val v;
        JJ_TRY(loam_jj_next(j, it, &v, &got));
        if (got)
            JJ_TRY(loam_jj_eq(j, v, item, out));
    }
    return true;
}
