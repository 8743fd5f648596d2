/* Expressions of the template language, by precedence, after jinja2/parser.py: condition, or, and, not, comparison,
 * + -, ~, * / // %, **, sign, then subscripts, calls, filters and tests. */
#include "text/jinja_parse.h"

#include <string.h>

static bool parse_unary(jj_parser *p, bool with_filter, jj_node **out);

static jj_node *two(jj_parser *p, jj_kind kind, int line, jj_node *a, jj_node *b)
{
    jj_node *n = loam_jj_node(p, kind, line);
    if (n) {
        n->a = a;
        n->b = b;
    }
    return n;
}

static bool constant(jj_parser *p, jj_val v, int line, jj_node **out)
{
    *out = loam_jj_node(p, JJ_CONST, line);
    if (*out)
        (*out)->val = v;
    return *out != NULL;
}

static bool text_of(jj_parser *p, const char *name, jj_str **out)
{
    jj_val v;
    JJ_TRY(loam_jj_str_borrow(p->j, name, strlen(name), &v));
    *out = v.s;
    return true;
}

static bool parse_list(jj_parser *p, jj_node **out)
{
    *out = loam_jj_node(p, JJ_LIST_EXPR, p->t++->line);
    JJ_TRY(*out);
    while (!jj_is_op(p->t, "]")) {
        if ((*out)->list.n)
            JJ_TRY(loam_jj_expect_op(p, ","));
        if (jj_is_op(p->t, "]"))
            break;
        jj_node *item;
        JJ_TRY(loam_jj_parse_expr(p, true, &item) && loam_jj_nodes_push(p->j, &(*out)->list, item));
    }
    return loam_jj_expect_op(p, "]");
}

static bool parse_dict(jj_parser *p, jj_node **out)
{
    *out = loam_jj_node(p, JJ_DICT_EXPR, p->t++->line);
    JJ_TRY(*out);
    while (!jj_is_op(p->t, "}")) {
        if ((*out)->list.n)
            JJ_TRY(loam_jj_expect_op(p, ","));
        if (jj_is_op(p->t, "}"))
            break;
        jj_node *key, *value;
        JJ_TRY(loam_jj_parse_expr(p, true, &key) && loam_jj_expect_op(p, ":") && loam_jj_parse_expr(p, true, &value));
        JJ_TRY(loam_jj_nodes_push(p->j, &(*out)->list, key) && loam_jj_nodes_push(p->j, &(*out)->named, value));
    }
    return loam_jj_expect_op(p, "}");
}

static bool is_tuple_end(jj_parser *p, const char *end)
{
    return p->t->kind == JJ_T_VAR_END || p->t->kind == JJ_T_BLOCK_END || jj_is_op(p->t, ")") ||
           (end && loam_jj_is_name(p->t, end));
}

static bool parse_primary(jj_parser *p, bool with_ns, jj_node **out);

static bool parse_tuple(jj_parser *p, bool simple, bool with_cond, bool with_ns, bool parens, const char *end,
                        jj_node **out)
{
    int line = p->t->line;
    jj_nodes items = {0};
    bool is_tuple = false;
    for (;;) {
        if (items.n)
            JJ_TRY(loam_jj_expect_op(p, ","));
        if (is_tuple_end(p, end))
            break;
        jj_node *item;
        JJ_TRY(simple ? parse_primary(p, with_ns, &item) : loam_jj_parse_expr(p, with_cond, &item));
        JJ_TRY(loam_jj_nodes_push(p->j, &items, item));
        if (!jj_is_op(p->t, ","))
            break;
        is_tuple = true;
    }
    if (!is_tuple && items.n) {
        *out = items.at[0];
        return true;
    }
    if (!is_tuple && !parens) {
        p->j->line = p->t->line;
        return jj_error(p->j, "Expected an expression, got '%s'", loam_jj_describe(p->j, p->t));
    }
    *out = loam_jj_node(p, JJ_TUPLE_EXPR, line);
    JJ_TRY(*out);
    (*out)->list = items;
    return true;
}

bool loam_jj_parse_tuple(jj_parser *p, bool with_cond, const char *end, jj_node **out)
{
    return parse_tuple(p, false, with_cond, false, false, end, out);
}

static bool mark_store(jj_parser *p, jj_node *n)
{
    n->store = true;
    if (n->kind == JJ_NAME || n->kind == JJ_NSREF)
        return true;
    static const char *const kinds[] = {"const", "name", "nsref", "tuple", "list", "dict"};
    if (n->kind != JJ_TUPLE_EXPR) {
        p->j->line = n->line;
        return jj_error(p->j, "can't assign to '%s'", n->kind <= JJ_DICT_EXPR ? kinds[n->kind] : "expression");
    }
    for (size_t i = 0; i < n->list.n; i++)
        JJ_TRY(mark_store(p, n->list.at[i]));
    return true;
}

bool loam_jj_parse_target(jj_parser *p, bool with_ns, const char *end, jj_node **out)
{
    return parse_tuple(p, true, true, with_ns, false, end, out) && mark_store(p, *out);
}

static bool parse_primary(jj_parser *p, bool with_ns, jj_node **out)
{
    jj_token *t = p->t;
    if (t->kind == JJ_T_NAME) {
        p->t++;
        bool is_true = !strcmp(t->text, "true") || !strcmp(t->text, "True");
        if (is_true || !strcmp(t->text, "false") || !strcmp(t->text, "False"))
            return constant(p, jj_bool(is_true), t->line, out);
        if (!strcmp(t->text, "none") || !strcmp(t->text, "None"))
            return constant(p, jj_none(), t->line, out);
        bool ns = with_ns && jj_skip_op(p, ".");
        *out = loam_jj_node(p, ns ? JJ_NSREF : JJ_NAME, t->line);
        JJ_TRY(*out);
        (*out)->name = t->text;
        const char *attr;
        return !ns || (loam_jj_expect_name(p, &attr) && text_of(p, attr, &(*out)->str));
    }
    if (t->kind == JJ_T_STRING) {
        jj_val v = t->val;
        for (p->t++; p->t->kind == JJ_T_STRING; p->t++)
            JJ_TRY(loam_jj_str_concat(p->j, v.s, p->t->val.s, &v));
        v.s->room = NULL; /* nothing may grow into a constant: threads share it */
        return constant(p, v, t->line, out);
    }
    if (t->kind == JJ_T_INT || t->kind == JJ_T_FLOAT) {
        p->t++;
        return constant(p, t->val, t->line, out);
    }
    if (jj_is_op(t, "(")) {
        p->t++;
        JJ_TRY(loam_jj_nest(p) && parse_tuple(p, false, true, false, true, NULL, out) && loam_jj_expect_op(p, ")"));
        p->nest--;
        return true;
    }
    if (jj_is_op(t, "[") || jj_is_op(t, "{")) {
        JJ_TRY(loam_jj_nest(p) && (jj_is_op(t, "[") ? parse_list(p, out) : parse_dict(p, out)));
        p->nest--;
        return true;
    }
    p->j->line = t->line;
    return jj_error(p->j, "unexpected '%s'", loam_jj_describe(p->j, t));
}

static bool invalid_call(jj_parser *p, const jj_token *t)
{
    p->j->line = t->line;
    return jj_error(p->j, "invalid syntax for function call expression");
}

/* "(…)" into args of n. */
static bool parse_args(jj_parser *p, jj_node *n)
{
    jj_token *open = p->t;
    JJ_TRY(loam_jj_expect_op(p, "(") && loam_jj_nest(p));
    bool comma = false;
    while (!jj_is_op(p->t, ")")) {
        if (comma) {
            JJ_TRY(loam_jj_expect_op(p, ","));
            if (jj_is_op(p->t, ")"))
                break;
        }
        if (jj_skip_op(p, "*")) {
            if (n->star || n->star2)
                return invalid_call(p, open);
            JJ_TRY(loam_jj_parse_expr(p, true, &n->star));
        } else if (jj_skip_op(p, "**")) {
            if (n->star2)
                return invalid_call(p, open);
            JJ_TRY(loam_jj_parse_expr(p, true, &n->star2));
        } else if (p->t->kind == JJ_T_NAME && jj_is_op(p->t + 1, "=")) {
            if (n->star2)
                return invalid_call(p, open);
            const char *key = p->t->text;
            p->t += 2;
            jj_node *value, *named = loam_jj_node(p, JJ_CONST, p->t->line); /* holds the name in str, the value in a */
            JJ_TRY(named && loam_jj_parse_expr(p, true, &value) && text_of(p, key, &named->str));
            named->a = value;
            JJ_TRY(loam_jj_nodes_push(p->j, &n->named, named));
        } else {
            if (n->star || n->star2 || n->named.n)
                return invalid_call(p, open);
            jj_node *value;
            JJ_TRY(loam_jj_parse_expr(p, true, &value) && loam_jj_nodes_push(p->j, &n->list, value));
        }
        comma = true;
    }
    p->nest--;
    return loam_jj_expect_op(p, ")");
}

static bool parse_call(jj_parser *p, jj_node *callee, jj_node **out)
{
    *out = two(p, JJ_CALL, p->t->line, callee, NULL);
    return *out && parse_args(p, *out);
}

/* One index or slice inside [ ]. */
static bool parse_subscribed(jj_parser *p, jj_node **out)
{
    int line = p->t->line;
    jj_node *part[3] = {0};
    if (!jj_is_op(p->t, ":")) {
        JJ_TRY(loam_jj_parse_expr(p, true, &part[0]));
        if (!jj_is_op(p->t, ":")) {
            *out = part[0];
            return true;
        }
    }
    p->t++;
    if (!jj_is_op(p->t, ":") && !jj_is_op(p->t, "]") && !jj_is_op(p->t, ","))
        JJ_TRY(loam_jj_parse_expr(p, true, &part[1]));
    if (jj_skip_op(p, ":") && !jj_is_op(p->t, "]") && !jj_is_op(p->t, ","))
        JJ_TRY(loam_jj_parse_expr(p, true, &part[2]));
    *out = two(p, JJ_SLICE, line, part[0], part[1]);
    if (*out)
        (*out)->c = part[2];
    return *out != NULL;
}

static bool parse_subscript(jj_parser *p, jj_node *of, jj_node **out)
{
    jj_token *t = p->t++;
    if (t->text[0] == '.') {
        jj_token *attr = p->t++;
        if (attr->kind == JJ_T_NAME) {
            *out = two(p, JJ_ATTR, t->line, of, NULL);
            return *out && text_of(p, attr->text, &(*out)->str);
        }
        if (attr->kind != JJ_T_INT) {
            p->t--;
            p->j->line = attr->line;
            return jj_error(p->j, "expected name or number");
        }
        jj_node *index;
        JJ_TRY(constant(p, attr->val, attr->line, &index));
        *out = two(p, JJ_ITEM, t->line, of, index);
        return *out != NULL;
    }
    jj_nodes items = {0};
    JJ_TRY(loam_jj_nest(p));
    while (!jj_is_op(p->t, "]")) {
        if (items.n)
            JJ_TRY(loam_jj_expect_op(p, ","));
        jj_node *item;
        JJ_TRY(parse_subscribed(p, &item) && loam_jj_nodes_push(p->j, &items, item));
    }
    p->nest--;
    p->t++;
    jj_node *index = items.n == 1 ? items.at[0] : loam_jj_node(p, JJ_TUPLE_EXPR, t->line);
    JJ_TRY(index);
    if (items.n != 1)
        index->list = items;
    *out = two(p, JJ_ITEM, t->line, of, index);
    return *out != NULL;
}

static bool parse_postfix(jj_parser *p, jj_node *n, jj_node **out)
{
    int chain = 0;
    while (jj_is_op(p->t, ".") || jj_is_op(p->t, "[") || jj_is_op(p->t, "(")) {
        if (++chain > JJ_MAX_NEST * 4) {
            p->j->line = p->t->line;
            return loam_jj_fail(p->j, LOAM_STATUS_TOO_LARGE, "an expression has more than %d subscripts in a row",
                                JJ_MAX_NEST * 4);
        }
        JJ_TRY(p->t->text[0] == '(' ? parse_call(p, n, &n) : parse_subscript(p, n, &n));
    }
    *out = n;
    return true;
}

/* Filter or test names may have dots. */
static bool dotted_name(jj_parser *p, jj_node *n)
{
    const char *name;
    JJ_TRY(loam_jj_expect_name(p, &name) && text_of(p, name, &n->str));
    while (jj_skip_op(p, ".")) {
        jj_val whole, part;
        JJ_TRY(loam_jj_expect_name(p, &name) && loam_jj_str_borrow(p->j, name, strlen(name), &part));
        jj_str dot = {.s = ".", .n = 1, .len = 1};
        JJ_TRY(loam_jj_str_concat(p->j, n->str, &dot, &whole) && loam_jj_str_concat(p->j, whole.s, part.s, &whole));
        whole.s->room = NULL;
        n->str = whole.s;
    }
    return true;
}

bool loam_jj_parse_filters(jj_parser *p, jj_node *n, bool started, jj_node **out)
{
    for (int chain = 0; started || jj_is_op(p->t, "|"); started = false) {
        if (!started)
            p->t++;
        if (++chain > JJ_MAX_NEST * 4) {
            p->j->line = p->t->line;
            return loam_jj_fail(p->j, LOAM_STATUS_TOO_LARGE, "an expression has more than %d filters in a row",
                                JJ_MAX_NEST * 4);
        }
        jj_node *f = two(p, JJ_FILTER, p->t->line, n, NULL);
        JJ_TRY(f && dotted_name(p, f));
        if (jj_is_op(p->t, "("))
            JJ_TRY(parse_args(p, f));
        n = f;
    }
    *out = n;
    return true;
}

static bool parse_test(jj_parser *p, jj_node *n, jj_node **out)
{
    jj_token *t = p->t++;
    bool negated = jj_skip_name(p, "not");
    jj_node *test = two(p, JJ_TEST, t->line, n, NULL);
    JJ_TRY(test && dotted_name(p, test));
    jj_token *next = p->t;
    bool value = next->kind == JJ_T_STRING || next->kind == JJ_T_INT || next->kind == JJ_T_FLOAT ||
                 jj_is_op(next, "[") || jj_is_op(next, "{");
    if (jj_is_op(next, "(")) {
        JJ_TRY(parse_args(p, test));
    } else if (value || (next->kind == JJ_T_NAME && strcmp(next->text, "else") && strcmp(next->text, "or") &&
                         strcmp(next->text, "and"))) {
        if (loam_jj_is_name(next, "is")) {
            p->j->line = next->line;
            return jj_error(p->j, "You cannot chain multiple tests with is");
        }
        jj_node *arg;
        JJ_TRY(parse_primary(p, false, &arg) && parse_postfix(p, arg, &arg));
        JJ_TRY(loam_jj_nodes_push(p->j, &test->list, arg));
    }
    *out = negated ? two(p, JJ_NOT, t->line, test, NULL) : test;
    return *out != NULL;
}

static bool parse_filter_expr(jj_parser *p, jj_node *n, jj_node **out)
{
    for (int chain = 0;; chain++) {
        if (chain > JJ_MAX_NEST * 4) {
            p->j->line = p->t->line;
            return loam_jj_fail(p->j, LOAM_STATUS_TOO_LARGE, "an expression has more than %d tests in a row",
                                JJ_MAX_NEST * 4);
        }
        if (jj_is_op(p->t, "|"))
            JJ_TRY(loam_jj_parse_filters(p, n, false, &n));
        else if (loam_jj_is_name(p->t, "is"))
            JJ_TRY(parse_test(p, n, &n));
        else if (jj_is_op(p->t, "("))
            JJ_TRY(parse_call(p, n, &n));
        else
            break;
    }
    *out = n;
    return true;
}

static bool parse_unary(jj_parser *p, bool with_filter, jj_node **out)
{
    int line = p->t->line;
    if (jj_is_op(p->t, "-") || jj_is_op(p->t, "+")) {
        jj_op op = p->t++->text[0] == '-' ? JJ_NEG : JJ_POS;
        jj_node *of;
        JJ_TRY(loam_jj_nest(p) && parse_unary(p, false, &of));
        p->nest--;
        *out = two(p, JJ_UNARY, line, of, NULL);
        JJ_TRY(*out);
        (*out)->op = op;
    } else {
        JJ_TRY(parse_primary(p, false, out));
    }
    JJ_TRY(parse_postfix(p, *out, out));
    return !with_filter || parse_filter_expr(p, *out, out);
}

/* The left-associative levels. Each entry: the operators of a level, weakest level first. */
typedef struct level {
    const char *ops[5];
    jj_op op[4];
} level;
static const level levels[] = {
    {{"+", "-"}, {JJ_ADD, JJ_SUB}},
    {{"~"}, {0}},
    {{"*", "/", "//", "%"}, {JJ_MUL, JJ_DIV, JJ_FLOORDIV, JJ_MOD}},
    {{"**"}, {JJ_POW}},
};

static bool deep_chain(jj_parser *p)
{
    p->j->line = p->t->line;
    return loam_jj_fail(p->j, LOAM_STATUS_TOO_LARGE, "an expression has more than %d operators in a row",
                        JJ_MAX_NEST * 4);
}

static bool parse_level(jj_parser *p, size_t l, jj_node **out)
{
    if (l == sizeof levels / sizeof *levels)
        return parse_unary(p, true, out);
    int line = p->t->line, chain = 0;
    JJ_TRY(parse_level(p, l + 1, out));
    if (levels[l].ops[0][0] == '~') {
        if (!jj_is_op(p->t, "~"))
            return true;
        jj_node *concat = loam_jj_node(p, JJ_CONCAT, line), *item = *out;
        JJ_TRY(concat && loam_jj_nodes_push(p->j, &concat->list, item));
        while (jj_skip_op(p, "~"))
            JJ_TRY(parse_level(p, l + 1, &item) && loam_jj_nodes_push(p->j, &concat->list, item));
        *out = concat;
        return true;
    }
    for (;;) {
        size_t k = 0;
        while (levels[l].ops[k] && !jj_is_op(p->t, levels[l].ops[k]))
            k++;
        if (!levels[l].ops[k])
            return true;
        if (++chain > JJ_MAX_NEST * 4)
            return deep_chain(p);
        p->t++;
        jj_node *right, *node;
        JJ_TRY(parse_level(p, l + 1, &right));
        node = two(p, JJ_BINARY, line, *out, right);
        JJ_TRY(node);
        node->op = levels[l].op[k];
        *out = node;
        line = p->t->line;
    }
}

static bool parse_compare(jj_parser *p, jj_node **out)
{
    static const struct {
        const char *text;
        jj_op op;
    } ops[] = {{"==", JJ_EQ}, {"!=", JJ_NE}, {"<=", JJ_LE}, {">=", JJ_GE}, {"<", JJ_LT}, {">", JJ_GT}};
    int line = p->t->line;
    JJ_TRY(parse_level(p, 0, out));
    jj_node *compare = NULL;
    for (;;) {
        jj_op op = JJ_ADD;
        for (size_t k = 0; k < sizeof ops / sizeof *ops; k++)
            if (jj_is_op(p->t, ops[k].text))
                op = ops[k].op;
        if (op != JJ_ADD) {
            p->t++;
        } else if (jj_skip_name(p, "in")) {
            op = JJ_IN;
        } else if (loam_jj_is_name(p->t, "not") && loam_jj_is_name(p->t + 1, "in")) {
            p->t += 2;
            op = JJ_NOT_IN;
        } else {
            break;
        }
        if (!compare) {
            compare = two(p, JJ_COMPARE, line, *out, NULL);
            JJ_TRY(compare);
        }
        jj_node *right, *operand;
        JJ_TRY(parse_level(p, 0, &right));
        operand = two(p, JJ_BINARY, line, NULL, right);
        JJ_TRY(operand && loam_jj_nodes_push(p->j, &compare->list, operand));
        operand->op = op;
    }
    if (compare)
        *out = compare;
    return true;
}

static bool parse_not(jj_parser *p, jj_node **out)
{
    if (!loam_jj_is_name(p->t, "not"))
        return parse_compare(p, out);
    int line = p->t++->line;
    jj_node *of;
    JJ_TRY(loam_jj_nest(p) && parse_not(p, &of));
    p->nest--;
    *out = two(p, JJ_NOT, line, of, NULL);
    return *out != NULL;
}

static bool parse_bool(jj_parser *p, bool is_or, jj_node **out)
{
    int line = p->t->line, chain = 0;
    JJ_TRY(is_or ? parse_bool(p, false, out) : parse_not(p, out));
    while (jj_skip_name(p, is_or ? "or" : "and")) {
        if (++chain > JJ_MAX_NEST * 4)
            return deep_chain(p);
        jj_node *right;
        JJ_TRY(is_or ? parse_bool(p, false, &right) : parse_not(p, &right));
        *out = two(p, is_or ? JJ_OR : JJ_AND, line, *out, right);
        JJ_TRY(*out);
        line = p->t->line;
    }
    return true;
}

bool loam_jj_parse_expr(jj_parser *p, bool with_cond, jj_node **out)
{
    int line = p->t->line;
    JJ_TRY(loam_jj_nest(p) && parse_bool(p, true, out));
    while (with_cond && jj_skip_name(p, "if")) {
        jj_node *test, *orelse = NULL;
        JJ_TRY(parse_bool(p, true, &test));
        if (jj_skip_name(p, "else"))
            JJ_TRY(loam_jj_parse_expr(p, true, &orelse));
        jj_node *cond = two(p, JJ_COND, line, *out, test);
        JJ_TRY(cond);
        cond->c = orelse;
        *out = cond;
        line = p->t->line;
    }
    p->nest--;
    return true;
}
