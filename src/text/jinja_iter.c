/* Iteration over every kind of value, and the iterators that can be walked once, as Python's generators. */
#include "text/jinja_int.h"

jj_iter *loam_jj_iter_new(jj *j, bool (*next)(jj *, jj_iter *, jj_val *, bool *), const char *type)
{
    jj_iter *it = loam_jj_alloc(j, sizeof *it);
    if (it) {
        it->next = next;
        it->type = type;
    }
    return it;
}

bool loam_jj_next(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    JJ_TRY(jj_charge(j, 1));
    *got = false;
    if (it->ended)
        return true;
    JJ_TRY(loam_jj_deeper(j)); /* generators over generators */
    JJ_TRY(it->next(j, it, out, got));
    j->depth--;
    it->ended = !*got;
    return true;
}

static bool next_none(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    *got = false;
    return true;
}

static bool next_list(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    *got = it->pos < (int64_t)it->over.l->n;
    if (*got)
        *out = it->over.l->at[it->pos++];
    return true;
}

static bool next_char(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    jj_str *s = it->over.s;
    size_t from = (size_t)it->pos, to = from;
    *got = from < s->n;
    if (!*got)
        return true;
    loam_jj_utf8_next(s->s, s->n, &to);
    it->pos = (int64_t)to;
    JJ_TRY(loam_jj_sub(j, s, from, to, out));
    out->s->markup = false;
    return true;
}

static bool entry(jj *j, const jj_dict *d, jj_view_kind kind, size_t i, jj_val *out)
{
    if (kind == JJ_VIEW_ITEMS)
        return loam_jj_pair(j, d->keys[i], d->vals[i], out);
    *out = kind == JJ_VIEW_KEYS ? d->keys[i] : d->vals[i];
    return true;
}

static bool next_dict(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    const jj_dict *d = it->over.tag == JJ_DICT ? it->over.d : it->over.v->d;
    *got = it->pos < (int64_t)d->n;
    return !*got || entry(j, d, it->over.tag == JJ_DICT ? JJ_VIEW_KEYS : it->over.v->kind, (size_t)it->pos++, out);
}

jj_val loam_jj_range_at(const struct jj_range *r, int64_t i)
{
    return jj_int((int64_t)((uint64_t)r->start + (uint64_t)i * (uint64_t)r->step));
}

static bool next_range(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    *got = it->pos < it->over.r->n;
    if (*got)
        *out = loam_jj_range_at(it->over.r, it->pos++);
    return true;
}

bool loam_jj_iterable(jj_val v)
{
    return v.tag == JJ_UNDEFINED || v.tag == JJ_ITER || v.tag == JJ_LOOP || loam_jj_len(v) >= 0;
}

bool loam_jj_iter(jj *j, jj_val v, jj_iter **out)
{
    bool (*next)(jj *, jj_iter *, jj_val *, bool *) = NULL;
    switch (v.tag) {
    case JJ_ITER:
        *out = v.it;
        return true;
    case JJ_LOOP:
        *out = v.lp->it;
        return true;
    case JJ_UNDEFINED:
        next = next_none;
        break;
    case JJ_LIST:
    case JJ_TUPLE:
        next = next_list;
        break;
    case JJ_STR:
        next = next_char;
        break;
    case JJ_DICT:
    case JJ_VIEW:
        next = next_dict;
        break;
    case JJ_RANGE:
        next = next_range;
        break;
    default:
        return jj_error(j, "'%s' object is not iterable", loam_jj_type(v));
    }
    *out = loam_jj_iter_new(j, next, "iterator");
    JJ_TRY(*out);
    (*out)->over = v;
    return true;
}

bool loam_jj_collect(jj *j, jj_val v, jj_list **out)
{
    jj_iter *it;
    int64_t n = loam_jj_len(v);
    JJ_TRY(loam_jj_iter(j, v, &it));
    *out = loam_jj_list_new(j, n > 0 ? (size_t)n : 0);
    JJ_TRY(*out);
    for (;;) {
        jj_val item;
        bool got;
        JJ_TRY(loam_jj_next(j, it, &item, &got));
        if (!got)
            return true;
        JJ_TRY(loam_jj_list_push(j, *out, item));
    }
}

static bool next_back(jj *j, jj_iter *it, jj_val *out, bool *got)
{
    *got = it->pos > 0;
    if (!*got)
        return true;
    size_t i = (size_t)--it->pos;
    switch (it->over.tag) {
    case JJ_RANGE:
        *out = loam_jj_range_at(it->over.r, (int64_t)i);
        return true;
    case JJ_DICT:
        return entry(j, it->over.d, JJ_VIEW_KEYS, i, out);
    case JJ_VIEW:
        return entry(j, it->over.v->d, it->over.v->kind, i, out);
    default:
        *out = it->over.l->at[i];
        return true;
    }
}

/* reversed(v); *out MISSING when v cannot be walked backwards. */
bool loam_jj_reversed(jj *j, jj_val v, jj_val *out)
{
    *out = (jj_val){0};
    if (v.tag == JJ_STR) {
        jj_list *l;
        JJ_TRY(loam_jj_collect(j, v, &l));
        v = jj_of_list(l);
    }
    if (v.tag == JJ_UNDEFINED || v.tag == JJ_LOOP || loam_jj_len(v) < 0)
        return true;
    jj_iter *it = loam_jj_iter_new(j, next_back, v.tag == JJ_LIST ? "list_reverseiterator" : "reversed");
    JJ_TRY(it);
    it->over = v;
    it->pos = loam_jj_len(v);
    *out = jj_of_iter(it);
    return true;
}
