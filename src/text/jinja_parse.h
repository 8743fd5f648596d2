/* The parser's state, shared by jinja_parse.c (statements) and jinja_parse_expr.c (expressions). */
#ifndef LOAM_TEXT_JINJA_PARSE_H
#define LOAM_TEXT_JINJA_PARSE_H

#include "text/jinja_lex.h"

typedef struct jj_parser {
    jj *j;
    jj_tokens tokens;
    jj_token *t; /* the current token */
    int nest;
    const char *tag; /* of the innermost open statement */
} jj_parser;

jj_node *loam_jj_node(jj_parser *p, jj_kind kind, int line);
bool loam_jj_expect_op(jj_parser *p, const char *op);
bool loam_jj_expect_name(jj_parser *p, const char **name);
/* "expected token …, got …" */
bool loam_jj_parse_unexpected(jj_parser *p, const char *expected);
/* What the parser's messages call a token. */
const char *loam_jj_describe(jj *j, const jj_token *t);
bool loam_jj_nest(jj_parser *p);

static inline bool jj_is_op(const jj_token *t, const char *op)
{
    return t->kind == JJ_T_OP && t->text[0] == op[0] && t->text[1] == op[1];
}
bool loam_jj_is_name(const jj_token *t, const char *name);
static inline bool jj_skip_op(jj_parser *p, const char *op)
{
    bool yes = jj_is_op(p->t, op);
    p->t += yes;
    return yes;
}
static inline bool jj_skip_name(jj_parser *p, const char *name)
{
    bool yes = loam_jj_is_name(p->t, name);
    p->t += yes;
    return yes;
}

bool loam_jj_parse_expr(jj_parser *p, bool with_cond, jj_node **out);
/* An expression, or a tuple without brackets; end: a name that ends it ("in", "recursive"), or NULL. */
bool loam_jj_parse_tuple(jj_parser *p, bool with_cond, const char *end, jj_node **out);
/* What may stand left of "=": names, tuples of them, and ns.name if with_ns. */
bool loam_jj_parse_target(jj_parser *p, bool with_ns, const char *end, jj_node **out);
/* "| name(…)" chains on n (NULL in filter blocks); started: the "|" is not there before the first. */
bool loam_jj_parse_filters(jj_parser *p, jj_node *n, bool started, jj_node **out);

#endif
