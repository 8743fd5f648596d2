/* Statements: tokens -> the tree of a template, after jinja2/parser.py with the extensions that transformers turns on
 * (loop controls, {% generation %}). */
#include "text/jinja_parse.h"

#include <stdio.h>
#include <string.h>

static bool parse_body(jj_parser *p, const char *ends, jj_nodes *out);

jj_node *loam_jj_node(jj_parser *p, jj_kind kind, int line)
{
    jj_node *n = loam_jj_alloc(p->j, sizeof *n);
    if (n) {
        n->kind = kind;
        n->line = line;
        n->caller_slot = n->kwargs_slot = n->varargs_slot = -1;
    }
    return n;
}

bool loam_jj_nodes_push(jj *j, jj_nodes *l, jj_node *n)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        jj_node **at = loam_jj_alloc_n(j, cap, sizeof *at);
        JJ_TRY(at);
        if (l->n)
            memcpy(at, l->at, l->n * sizeof *at);
        l->at = at;
        l->cap = cap;
    }
    l->at[l->n++] = n;
    return true;
}

bool loam_jj_is_name(const jj_token *t, const char *name)
{
    return t->kind == JJ_T_NAME && !strcmp(t->text, name);
}

bool loam_jj_nest(jj_parser *p)
{
    if (++p->nest <= JJ_MAX_NEST)
        return true;
    p->j->line = p->t->line;
    return loam_jj_fail(p->j, LOAM_STATUS_TOO_LARGE, "blocks and brackets are nested more than %d deep", JJ_MAX_NEST);
}

const char *loam_jj_describe(jj *j, const jj_token *t)
{
    static const char *const kinds[] = {"end of template",
                                        "template data / text",
                                        "begin of print statement",
                                        "end of print statement",
                                        "begin of statement block",
                                        "end of statement block",
                                        "name",
                                        "string",
                                        "integer",
                                        "float",
                                        "operator"};
    if (t->kind == JJ_T_NAME || t->kind == JJ_T_OP)
        return t->text;
    if (t->kind == JJ_T_STRING) {
        const char *s = loam_arena_strndup(j->arena, t->val.s->s, t->val.s->n < 80 ? t->val.s->n : 80);
        return s ? s : "string";
    }
    return t->kind == JJ_T_INT || t->kind == JJ_T_FLOAT ? loam_jj_show(j, t->val) : kinds[t->kind];
}

bool loam_jj_parse_unexpected(jj_parser *p, const char *expected)
{
    p->j->line = p->t->line;
    if (p->t->kind == JJ_T_EOF)
        return jj_error(p->j, "unexpected end of template, expected '%s'.", expected);
    return jj_error(p->j, "expected token '%s', got '%s'", expected, loam_jj_describe(p->j, p->t));
}

bool loam_jj_expect_op(jj_parser *p, const char *op)
{
    return jj_skip_op(p, op) || loam_jj_parse_unexpected(p, op);
}

bool loam_jj_expect_name(jj_parser *p, const char **name)
{
    if (p->t->kind != JJ_T_NAME)
        return loam_jj_parse_unexpected(p, "name");
    *name = p->t++->text;
    return true;
}

static bool expect_block_end(jj_parser *p)
{
    if (p->t->kind != JJ_T_BLOCK_END)
        return loam_jj_parse_unexpected(p, "end of statement block");
    p->t++;
    return true;
}

/* Whether the current token is one of the names in `names`, which are separated by spaces. */
static bool is_one_of(const jj_token *t, const char *names)
{
    if (t->kind != JJ_T_NAME)
        return false;
    size_t n = strlen(t->text);
    for (const char *s = names; (s = strstr(s, t->text)); s += n)
        if ((s == names || s[-1] == ' ') && (s[n] == ' ' || !s[n]))
            return true;
    return false;
}

/* After a statement's head: its body up to one of the end tags, whose name is then the current token. */
static bool parse_block(jj_parser *p, const char *ends, jj_nodes *out)
{
    jj_skip_op(p, ":");
    return loam_jj_nest(p) && expect_block_end(p) && parse_body(p, ends, out) && (p->nest--, true);
}

static bool parse_for(jj_parser *p, jj_node *n)
{
    n->kind = JJ_FOR;
    JJ_TRY(loam_jj_parse_target(p, false, "in", &n->a));
    if (!jj_skip_name(p, "in"))
        return loam_jj_parse_unexpected(p, "in");
    JJ_TRY(loam_jj_parse_tuple(p, false, "recursive", &n->b));
    if (jj_skip_name(p, "if"))
        JJ_TRY(loam_jj_parse_expr(p, true, &n->c));
    n->recursive = jj_skip_name(p, "recursive");
    JJ_TRY(parse_block(p, "endfor else", &n->body));
    if (!jj_skip_name(p, "else"))
        return p->t++, true;
    JJ_TRY(parse_block(p, "endfor", &n->orelse));
    return p->t++, true;
}

static bool parse_if(jj_parser *p, jj_node *n)
{
    n->kind = JJ_IF;
    for (jj_node *branch = n;;) {
        JJ_TRY(loam_jj_parse_tuple(p, false, NULL, &branch->a));
        JJ_TRY(parse_block(p, "elif else endif", &branch->body));
        if (jj_skip_name(p, "elif")) {
            branch = loam_jj_node(p, JJ_IF, p->t->line);
            JJ_TRY(branch && loam_jj_nodes_push(p->j, &n->list, branch));
            continue;
        }
        if (jj_skip_name(p, "else"))
            JJ_TRY(parse_block(p, "endif", &n->orelse));
        return p->t++, true;
    }
}

static bool parse_set(jj_parser *p, jj_node *n)
{
    JJ_TRY(loam_jj_parse_target(p, true, NULL, &n->a));
    n->kind = JJ_SET;
    if (jj_skip_op(p, "="))
        return loam_jj_parse_tuple(p, true, NULL, &n->b);
    n->kind = JJ_SET_BLOCK;
    if (jj_is_op(p->t, "|"))
        JJ_TRY(loam_jj_parse_filters(p, NULL, false, &n->b));
    JJ_TRY(parse_block(p, "endset", &n->body));
    return p->t++, true;
}

/* "(a, b=1)" of a macro or call block. */
static bool parse_signature(jj_parser *p, jj_node *n)
{
    JJ_TRY(loam_jj_expect_op(p, "("));
    while (!jj_is_op(p->t, ")")) {
        if (n->list.n)
            JJ_TRY(loam_jj_expect_op(p, ","));
        jj_node *param = loam_jj_node(p, JJ_NAME, p->t->line), *value;
        JJ_TRY(param && loam_jj_expect_name(p, &param->name));
        param->store = true;
        jj_val text;
        JJ_TRY(loam_jj_str_borrow(p->j, param->name, strlen(param->name), &text));
        param->str = text.s;
        if (jj_skip_op(p, "=")) {
            JJ_TRY(loam_jj_parse_expr(p, true, &value) && loam_jj_nodes_push(p->j, &n->named, value));
        } else if (n->named.n) {
            p->j->line = p->t->line;
            return jj_error(p->j, "non-default argument follows default argument");
        }
        JJ_TRY(loam_jj_nodes_push(p->j, &n->list, param));
    }
    return p->t++, true;
}

static bool parse_macro(jj_parser *p, jj_node *n)
{
    n->kind = JJ_MACRO_DEF;
    JJ_TRY(loam_jj_expect_name(p, &n->name) && parse_signature(p, n) && parse_block(p, "endmacro", &n->body));
    return p->t++, true;
}

static bool parse_call_block(jj_parser *p, jj_node *n)
{
    n->kind = JJ_CALL_BLOCK;
    if (jj_is_op(p->t, "("))
        JJ_TRY(parse_signature(p, n));
    JJ_TRY(loam_jj_parse_expr(p, true, &n->a));
    if (n->a->kind != JJ_CALL) {
        p->j->line = n->line;
        return jj_error(p->j, "expected call");
    }
    JJ_TRY(parse_block(p, "endcall", &n->body));
    return p->t++, true;
}

static bool parse_with(jj_parser *p, jj_node *n)
{
    n->kind = JJ_WITH;
    while (p->t->kind != JJ_T_BLOCK_END) {
        jj_node *target, *value;
        if (n->list.n)
            JJ_TRY(loam_jj_expect_op(p, ","));
        JJ_TRY(loam_jj_parse_target(p, false, NULL, &target) && loam_jj_expect_op(p, "="));
        JJ_TRY(loam_jj_parse_expr(p, true, &value) && loam_jj_nodes_push(p->j, &n->named, value));
        JJ_TRY(loam_jj_nodes_push(p->j, &n->list, target));
    }
    JJ_TRY(parse_block(p, "endwith", &n->body));
    return p->t++, true;
}

static bool parse_print(jj_parser *p, jj_node *n)
{
    n->kind = JJ_OUTPUT;
    while (p->t->kind != JJ_T_BLOCK_END) {
        jj_node *item;
        if (n->list.n)
            JJ_TRY(loam_jj_expect_op(p, ","));
        JJ_TRY(loam_jj_parse_expr(p, true, &item) && loam_jj_nodes_push(p->j, &n->list, item));
    }
    return true;
}

/* "elif else endif" -> 'elif' or 'else' or 'endif' */
static bool missing_tag(jj_parser *p, const char *found, const char *ends)
{
    char list[96] = "", open[96] = "";
    size_t n = 0;
    for (const char *s = ends; s && *s && n < sizeof list - 16;) {
        size_t w = strcspn(s, " ");
        n += (size_t)snprintf(list + n, sizeof list - n, "%s'%.*s'", n ? " or " : "", (int)w, s);
        s += w + (s[w] == ' ');
    }
    if (p->tag)
        snprintf(open, sizeof open, " The innermost block that needs to be closed is '%s'.", p->tag);
    if (!ends)
        return jj_error(p->j, "%s%s", found, open);
    return jj_error(p->j, "%s Jinja was looking for the following tags: %s.%s", found, list, open);
}

static bool parse_statement(jj_parser *p, const char *ends, jj_node *n)
{
    jj_token *tag = p->t++;
    const char *name = tag->text, *outer = p->tag;
    p->tag = name; /* restored by the caller */
    if (!strcmp(name, "for"))
        return parse_for(p, n);
    if (!strcmp(name, "if"))
        return parse_if(p, n);
    if (!strcmp(name, "set"))
        return parse_set(p, n);
    if (!strcmp(name, "macro"))
        return parse_macro(p, n);
    if (!strcmp(name, "call"))
        return parse_call_block(p, n);
    if (!strcmp(name, "with"))
        return parse_with(p, n);
    if (!strcmp(name, "print"))
        return parse_print(p, n);
    if (!strcmp(name, "filter")) {
        n->kind = JJ_FILTER_BLOCK;
        JJ_TRY(loam_jj_parse_filters(p, NULL, true, &n->b) && parse_block(p, "endfilter", &n->body));
        return p->t++, true;
    }
    if (!strcmp(name, "generation")) { /* marks what a model wrote, for training; renders as its body */
        n->kind = JJ_SCOPE;
        JJ_TRY(parse_block(p, "endgeneration", &n->body));
        return p->t++, true;
    }
    if (!strcmp(name, "break") || !strcmp(name, "continue")) {
        n->kind = name[0] == 'b' ? JJ_BREAK : JJ_CONTINUE;
        return true;
    }
    p->tag = outer;
    p->j->line = tag->line;
    if (is_one_of(tag, "block extends include import from autoescape"))
        return loam_jj_fail(p->j, LOAM_STATUS_UNSUPPORTED, "the tag '%s' makes no sense in a chat template", name);
    char found[128];
    snprintf(found, sizeof found, "Encountered unknown tag '%s'.", name);
    return missing_tag(p, found, ends);
}

/* Adds to the run of text and {{ }} before it, so that one OUTPUT node has them all. */
static bool add_output(jj_parser *p, jj_nodes *body, jj_node *item)
{
    jj_node *last = body->n ? body->at[body->n - 1] : NULL;
    if (!last || last->kind != JJ_OUTPUT || last->parens) {
        last = loam_jj_node(p, JJ_OUTPUT, item->line);
        JJ_TRY(last && loam_jj_nodes_push(p->j, body, last));
    }
    return loam_jj_nodes_push(p->j, &last->list, item);
}

static bool parse_body(jj_parser *p, const char *ends, jj_nodes *out)
{
    for (;;) {
        jj_token *t = p->t;
        if (t->kind == JJ_T_DATA) {
            jj_node *data = loam_jj_node(p, JJ_DATA, t->line);
            JJ_TRY(data);
            data->val = t->val;
            p->t++;
            JJ_TRY(add_output(p, out, data));
        } else if (t->kind == JJ_T_VAR_BEGIN) {
            jj_node *item;
            p->t++;
            JJ_TRY(loam_jj_parse_tuple(p, true, NULL, &item));
            if (p->t->kind != JJ_T_VAR_END)
                return loam_jj_parse_unexpected(p, "end of print statement");
            p->t++;
            JJ_TRY(add_output(p, out, item));
        } else if (t->kind == JJ_T_BLOCK_BEGIN) {
            p->t++;
            if (ends && is_one_of(p->t, ends))
                return true;
            if (p->t->kind != JJ_T_NAME) {
                p->j->line = p->t->line;
                return jj_error(p->j, "tag name expected");
            }
            jj_node *n = loam_jj_node(p, JJ_DATA, p->t->line);
            const char *tag = p->tag;
            JJ_TRY(n && parse_statement(p, ends, n) && expect_block_end(p));
            p->tag = tag;
            n->parens = n->kind == JJ_OUTPUT; /* a {% print %} stays by itself */
            JJ_TRY(loam_jj_nodes_push(p->j, out, n));
        } else if (ends) {
            p->j->line = t->line;
            return missing_tag(p, "Unexpected end of template.", ends);
        } else {
            return true;
        }
    }
}

bool loam_jj_parse(jj *j, const char *source, size_t len, jj_template *out)
{
    jj_parser p = {.j = j};
    if (len > JJ_MAX_SOURCE) {
        j->line = 1;
        return loam_jj_fail(j, LOAM_STATUS_TOO_LARGE, "the template has %zu bytes, the limit is %d", len,
                            JJ_MAX_SOURCE);
    }
    JJ_TRY(loam_jj_lex(j, source, len, &p.tokens));
    p.t = p.tokens.at;
    return parse_body(&p, NULL, &out->body);
}
