/* Operators: arithmetic with 64-bit whole numbers (Python's have no limit; going over is an error here) and
 * sequences added and repeated. */
#include "text/jinja_int.h"

#include <math.h>
#include <string.h>

static bool overflow(jj *j)
{
    return jj_error(j, "a whole number does not fit into 64 bits");
}

static bool whole_power(jj *j, int64_t a, int64_t b, jj_val *out)
{
    if (b < 0) {
        if (!a)
            return jj_error(j, "0.0 cannot be raised to a negative power");
        *out = jj_float(pow((double)a, (double)b));
        return true;
    }
    int64_t r = 1;
    while (b > 0) {
        if ((b & 1) && __builtin_mul_overflow(r, a, &r))
            return overflow(j);
        b >>= 1;
        if (b && __builtin_mul_overflow(a, a, &a))
            return overflow(j);
    }
    *out = jj_int(r);
    return true;
}

static bool whole(jj *j, jj_op op, int64_t a, int64_t b, jj_val *out)
{
    int64_t r = 0;
    switch (op) {
    case JJ_ADD:
        if (__builtin_add_overflow(a, b, &r))
            return overflow(j);
        break;
    case JJ_SUB:
        if (__builtin_sub_overflow(a, b, &r))
            return overflow(j);
        break;
    case JJ_MUL:
        if (__builtin_mul_overflow(a, b, &r))
            return overflow(j);
        break;
    case JJ_DIV:
        if (!b)
            return jj_error(j, "division by zero");
        *out = jj_float((double)a / (double)b);
        return true;
    case JJ_POW:
        return whole_power(j, a, b, out);
    default:
        if (!b)
            return jj_error(j, op == JJ_MOD ? "integer modulo by zero" : "integer division or modulo by zero");
        if (b == -1) {
            if (op == JJ_FLOORDIV && __builtin_sub_overflow((int64_t)0, a, &r))
                return overflow(j);
            break;
        }
        r = op == JJ_MOD ? a % b : a / b;
        if (a % b != 0 && (a % b < 0) != (b < 0)) /* Python rounds down */
            r += op == JJ_MOD ? b : -1;
    }
    *out = jj_int(r);
    return true;
}

static bool real(jj *j, jj_op op, double a, double b, jj_val *out)
{
    double r;
    switch (op) {
    case JJ_ADD:
        r = a + b;
        break;
    case JJ_SUB:
        r = a - b;
        break;
    case JJ_MUL:
        r = a * b;
        break;
    case JJ_POW:
        if (a == 0 && b < 0)
            return jj_error(j, "0.0 cannot be raised to a negative power");
        if (a < 0 && b != floor(b) && isfinite(b))
            return jj_error(j, "complex numbers are not supported");
        r = pow(a, b);
        if (isinf(r) && isfinite(a) && isfinite(b))
            return jj_error(j, "(34, 'Numerical result out of range')");
        break;
    default:
        if (b == 0)
            return jj_error(j, op == JJ_MOD   ? "float modulo"
                               : op == JJ_DIV ? "float division by zero"
                                              : "float floor division by zero");
        if (op == JJ_DIV) {
            r = a / b;
            break;
        }
        double mod = fmod(a, b); /* as CPython's float_divmod */
        double div = (a - mod) / b;
        if (mod) {
            if ((b < 0) != (mod < 0)) {
                mod += b;
                div -= 1;
            }
        } else {
            mod = copysign(0, b);
        }
        if (op == JJ_MOD) {
            r = mod;
        } else if (div) {
            r = floor(div);
            if (div - r > 0.5)
                r += 1;
        } else {
            r = copysign(0, a / b);
        }
    }
    *out = jj_float(r);
    return true;
}

static bool repeat(jj *j, jj_val v, int64_t times, jj_val *out)
{
    if (times < 0)
        times = 0;
    size_t n = v.tag == JJ_STR ? v.s->n : v.l->n, total;
    if (__builtin_mul_overflow(n, (size_t)times, &total) || total > JJ_MAX_ARENA)
        return loam_jj_no_memory(j);
    JJ_TRY(jj_charge(j, (int64_t)(total / 16)));
    if (v.tag == JJ_STR) {
        char *s = loam_jj_alloc(j, total);
        JJ_TRY(s);
        for (int64_t i = 0; n && i < times; i++)
            memcpy(s + (size_t)i * n, v.s->s, n);
        JJ_TRY(loam_jj_str_borrow(j, s, total, out));
        out->s->markup = v.s->markup;
        return true;
    }
    jj_list *l = loam_jj_list_new(j, total);
    JJ_TRY(l);
    l->n = total;
    for (int64_t i = 0; n && i < times; i++)
        memcpy(l->at + (size_t)i * n, v.l->at, n * sizeof *l->at);
    *out = (jj_val){.tag = v.tag, .l = l};
    return true;
}

static bool concat_lists(jj *j, jj_val a, jj_val b, jj_val *out)
{
    JJ_TRY(jj_charge(j, (int64_t)((a.l->n + b.l->n) / 16)));
    jj_list *l = loam_jj_list_new(j, a.l->n + b.l->n);
    JJ_TRY(l);
    l->n = l->cap;
    if (a.l->n)
        memcpy(l->at, a.l->at, a.l->n * sizeof *l->at);
    if (b.l->n)
        memcpy(l->at + a.l->n, b.l->at, b.l->n * sizeof *l->at);
    *out = (jj_val){.tag = a.tag, .l = l};
    return true;
}

bool loam_jj_binary(jj *j, jj_op op, jj_val a, jj_val b, jj_val *out)
{
    static const char *const names[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
    if (jj_is_whole(a) && jj_is_whole(b))
        return whole(j, op, jj_whole(a), jj_whole(b), out);
    if (jj_is_number(a) && jj_is_number(b))
        return real(j, op, jj_number(a), jj_number(b), out);
    if (op == JJ_MOD && a.tag == JJ_STR)
        return loam_jj_percent(j, a.s, b, out);
    if (a.tag == JJ_UNDEFINED || b.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, a.tag == JJ_UNDEFINED ? a : b);
    if (op == JJ_ADD && a.tag == JJ_STR && b.tag == JJ_STR) {
        if (a.s->markup != b.s->markup) /* Markup + str escapes the str */
            JJ_TRY(a.s->markup ? loam_jj_escape(j, b, &b) : loam_jj_escape(j, a, &a));
        return loam_jj_str_concat(j, a.s, b.s, out);
    }
    bool list_a = a.tag == JJ_LIST || a.tag == JJ_TUPLE, list_b = b.tag == JJ_LIST || b.tag == JJ_TUPLE;
    if (op == JJ_ADD && list_a && a.tag == b.tag)
        return concat_lists(j, a, b, out);
    if (op == JJ_MUL && (list_a || a.tag == JJ_STR) && jj_is_whole(b))
        return repeat(j, a, jj_whole(b), out);
    if (op == JJ_MUL && (list_b || b.tag == JJ_STR) && jj_is_whole(a))
        return repeat(j, b, jj_whole(a), out);
    if (op == JJ_ADD && (list_a || a.tag == JJ_STR))
        return jj_error(j, "can only concatenate %s (not \"%s\") to %s", loam_jj_type(a), loam_jj_type(b),
                        loam_jj_type(a));
    if (op == JJ_MUL && (list_a || a.tag == JJ_STR || list_b || b.tag == JJ_STR))
        return jj_error(j, "can't multiply sequence by non-int of type '%s'",
                        loam_jj_type(list_a || a.tag == JJ_STR ? b : a));
    return jj_error(j, "unsupported operand type(s) for %s: '%s' and '%s'", names[op], loam_jj_type(a),
                    loam_jj_type(b));
}

bool loam_jj_unary(jj *j, jj_op op, jj_val a, jj_val *out)
{
    if (a.tag == JJ_UNDEFINED)
        return loam_jj_undefined_fail(j, a);
    if (!jj_is_number(a))
        return jj_error(j, "bad operand type for unary %s: '%s'", op == JJ_NEG ? "-" : "+", loam_jj_type(a));
    if (a.tag == JJ_FLOAT)
        *out = jj_float(op == JJ_NEG ? -a.f : a.f);
    else if (op == JJ_NEG && jj_whole(a) == INT64_MIN)
        return overflow(j);
    else
        *out = jj_int(op == JJ_NEG ? -jj_whole(a) : jj_whole(a));
    return true;
}
