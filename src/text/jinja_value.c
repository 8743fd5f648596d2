/* Making values: texts, lists, dicts, undefined; and the errors and limits of the engine. */
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
