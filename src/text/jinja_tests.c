/* The tests of `is` (jinja2/tests.py). */
#include "text/jinja_int.h"

static bool remainder_is(jj *j, jj_val v, jj_val by, int64_t want, jj_val *out)
{
    jj_val r;
    bool eq;
    JJ_TRY(loam_jj_binary(j, JJ_MOD, v, by, &r) && loam_jj_eq(j, r, jj_int(want), &eq));
    *out = jj_bool(eq);
    return true;
}

static bool is_odd(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return remainder_is(j, v, jj_int(2), 1, out);
}

static bool is_even(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return remainder_is(j, v, jj_int(2), 0, out);
}

static bool is_divisible_by(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return remainder_is(j, v, arg[0], 0, out);
}

#define SIMPLE(name, expr)                                                                \
    static bool name(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out) \
    {                                                                                     \
        *out = jj_bool(expr);                                                             \
        return true;                                                                      \
    }
SIMPLE(is_defined, v.tag != JJ_UNDEFINED)
SIMPLE(is_undefined, v.tag == JJ_UNDEFINED)
SIMPLE(is_filter, v.tag == JJ_STR && loam_jj_find_filter(v.s) != NULL)
SIMPLE(is_test, v.tag == JJ_STR && loam_jj_find_test(v.s) != NULL)
SIMPLE(is_none, v.tag == JJ_NONE)
SIMPLE(is_boolean, v.tag == JJ_BOOL)
SIMPLE(is_false, v.tag == JJ_BOOL && !v.b)
SIMPLE(is_true, v.tag == JJ_BOOL && v.b)
SIMPLE(is_integer, v.tag == JJ_INT)
SIMPLE(is_float, v.tag == JJ_FLOAT)
SIMPLE(is_string, v.tag == JJ_STR)
SIMPLE(is_mapping, v.tag == JJ_DICT)
SIMPLE(is_number, jj_is_number(v))
SIMPLE(is_sequence, v.tag == JJ_UNDEFINED || v.tag == JJ_STR || v.tag == JJ_LIST || v.tag == JJ_TUPLE ||
                        v.tag == JJ_DICT || v.tag == JJ_RANGE)
SIMPLE(is_sameas, loam_jj_same(v, arg[0]))
SIMPLE(is_iterable, loam_jj_iterable(v))
SIMPLE(is_escaped, v.tag == JJ_STR && v.s->markup)
/* Python's Undefined has __call__ too */
SIMPLE(is_callable, v.tag == JJ_FUNC || v.tag == JJ_MACRO || v.tag == JJ_LOOP || v.tag == JJ_UNDEFINED ||
                        (v.tag == JJ_GADGET && v.g->joiner))

/* str.islower and isupper: some cased character, and none of the other case. */
static bool all_cased(jj *j, jj_val v, bool upper, jj_val *out)
{
    bool any = false, ok = true;
    JJ_TRY(loam_jj_to_str(j, v, &v) && jj_charge_bytes(j, v.s->n));
    for (size_t i = 0; i < v.s->n && ok;) {
        uint32_t c = loam_jj_utf8_next(v.s->s, v.s->n, &i);
        ok = !(upper ? loam_jj_is_lower(c) : loam_jj_is_upper(c)) && !loam_jj_is_title(c);
        any = any || (upper ? loam_jj_is_upper(c) : loam_jj_is_lower(c));
    }
    *out = jj_bool(any && ok);
    return true;
}

static bool is_lower(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return all_cased(j, v, false, out);
}

static bool is_upper(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    return all_cased(j, v, true, out);
}

static bool is_in(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    bool yes;
    JJ_TRY(loam_jj_contains(j, v, arg[0], &yes));
    *out = jj_bool(yes);
    return true;
}

static bool is_eq(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    bool yes;
    JJ_TRY(loam_jj_eq(j, v, arg[0], &yes));
    *out = jj_bool(yes);
    return true;
}

static bool is_ne(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out)
{
    JJ_TRY(is_eq(j, v, arg, raw, out));
    out->b = !out->b;
    return true;
}

#define ORDER(name, op)                                                                   \
    static bool name(jj *j, jj_val v, const jj_val *arg, const jj_args *raw, jj_val *out) \
    {                                                                                     \
        bool yes;                                                                         \
        JJ_TRY(loam_jj_order(j, op, v, arg[0], &yes));                                    \
        *out = jj_bool(yes);                                                              \
        return true;                                                                      \
    }
ORDER(is_gt, JJ_GT)
ORDER(is_ge, JJ_GE)
ORDER(is_lt, JJ_LT)
ORDER(is_le, JJ_LE)

const jj_builtin loam_jj_tests[] = {
    {"odd", "", is_odd},
    {"even", "", is_even},
    {"divisibleby", "num", is_divisible_by},
    {"defined", "", is_defined},
    {"undefined", "", is_undefined},
    {"filter", "", is_filter},
    {"test", "", is_test},
    {"none", "", is_none},
    {"boolean", "", is_boolean},
    {"false", "", is_false},
    {"true", "", is_true},
    {"integer", "", is_integer},
    {"float", "", is_float},
    {"lower", "", is_lower},
    {"upper", "", is_upper},
    {"string", "", is_string},
    {"mapping", "", is_mapping},
    {"number", "", is_number},
    {"sequence", "", is_sequence},
    {"iterable", "", is_iterable},
    {"callable", "", is_callable},
    {"sameas", "other", is_sameas},
    {"escaped", "", is_escaped},
    {"in", "seq", is_in},
    {"==", "other", is_eq},
    {"eq", "other", is_eq},
    {"equalto", "other", is_eq},
    {"!=", "other", is_ne},
    {"ne", "other", is_ne},
    {">", "other", is_gt},
    {"gt", "other", is_gt},
    {"greaterthan", "other", is_gt},
    {">=", "other", is_ge},
    {"ge", "other", is_ge},
    {"<", "other", is_lt},
    {"lt", "other", is_lt},
    {"lessthan", "other", is_lt},
    {"<=", "other", is_le},
    {"le", "other", is_le},
    {0},
};

const jj_builtin *loam_jj_find_test(const jj_str *name)
{
    return loam_jj_find_in(loam_jj_tests, name);
}
