/* What the files of the Jinja engine share. The way of a template: jinja_lex.c makes tokens, jinja_parse*.c a tree,
 * jinja_scope.c gives every name a slot; jinja_exec.c then runs statements and jinja_eval.c expressions over values.
 * The specification is Python's Jinja2 3.1 (its lexer, parser, idtracking, compiler and runtime modules) under an
 * ImmutableSandboxedEnvironment: every value is immutable, but for namespaces, iterators and loops.
 *
 * Conventions: "jj" stands for Jinja; one `jj` is one compilation or one rendering. Functions that can fail return
 * false after they wrote the error; all memory comes from the arena of the jj, nothing is freed one by one. */
#ifndef LOAM_TEXT_JINJA_INT_H
#define LOAM_TEXT_JINJA_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

/* Limits of one compilation or rendering; the messages of the errors name them. */
enum {
    JJ_MAX_SOURCE = 1 << 20,  /* bytes of a template */
    JJ_MAX_NEST = 150,        /* brackets and blocks inside each other while parsing */
    JJ_MAX_VARS = 2000,       /* variables of a template, over all scopes */
    JJ_MAX_DEPTH = 1500,      /* expressions and statements inside each other while rendering, through macros */
    JJ_MAX_VALUE_DEPTH = 200, /* lists in lists */
    JJ_MAX_STEPS = 10 * 1000 * 1000,
    JJ_MAX_OUTPUT = 8 << 20,   /* bytes */
    JJ_MAX_ARENA = 64 << 20,   /* bytes */
    JJ_MAX_RANGE = 100 * 1000, /* as in Jinja's sandbox */
};

/* ---- values ---------------------------------------------------------------------------------------------------- */

typedef enum jj_tag {
    JJ_MISSING, /* no value at all: an unset variable, an argument not given; never seen by a template */
    JJ_UNDEFINED,
    JJ_NONE,
    JJ_BOOL,
    JJ_INT,
    JJ_FLOAT,
    JJ_STR,
    JJ_LIST,
    JJ_TUPLE,
    JJ_DICT,
    JJ_RANGE,
    JJ_VIEW, /* d.keys(), d.values(), d.items() */
    JJ_ITER, /* a generator: can be walked once */
    JJ_NAMESPACE,
    JJ_MACRO,
    JJ_FUNC,   /* a global function, or a method bound to its object */
    JJ_LOOP,   /* the `loop` variable */
    JJ_GADGET, /* cycler() and joiner() */
} jj_tag;

typedef struct jj jj;
typedef struct jj_str jj_str;
typedef struct jj_list jj_list;
typedef struct jj_dict jj_dict;
typedef struct jj_iter jj_iter;
typedef struct jj_node jj_node;
typedef struct jj_frame jj_frame;
typedef struct jj_scope jj_scope;
typedef struct jj_builtin jj_builtin;

typedef struct jj_val {
    jj_tag tag;
    union {
        bool b;
        int64_t i;
        double f;
        jj_str *s;
        jj_list *l;
        jj_dict *d; /* JJ_NAMESPACE too */
        struct jj_undefined *u;
        struct jj_range *r;
        struct jj_view *v;
        jj_iter *it;
        struct jj_macro *m;
        struct jj_func *fn;
        struct jj_loop *lp;
        struct jj_gadget *g;
        const void *ptr;
    };
} jj_val;

/* Immutable text. A string made by + or ~ keeps room behind it, so that building a long one piece by piece takes
 * linear memory: the bytes before `n` never change, a longer string may share them. */
struct jj_str {
    const char *s; /* UTF-8, not NUL-terminated */
    size_t n;      /* bytes */
    size_t len;    /* code points */
    bool markup;   /* went through `safe` or `escape` */
    struct jj_room {
        char *data;
        size_t used, cap;
    } * room;
};

struct jj_list { /* of JJ_LIST and JJ_TUPLE */
    jj_val *at;
    size_t n, cap;
};

struct jj_dict { /* in order of insertion */
    jj_val *keys, *vals;
    size_t n, cap;
    uint32_t *index; /* open addressing, entry + 1; made at the first look-up of a large dict */
    size_t index_cap, index_n;
};

struct jj_undefined {
    const char *hint; /* the whole message, or NULL */
    const char *of;   /* what the attribute was looked up in ("dict object"), or NULL for a variable */
    jj_val name;
    bool security;
};

struct jj_range {
    int64_t start, stop, step, n;
};

typedef enum jj_view_kind { JJ_VIEW_KEYS, JJ_VIEW_VALUES, JJ_VIEW_ITEMS } jj_view_kind;
struct jj_view {
    jj_dict *d;
    jj_view_kind kind;
};

/* next sets *got and, if true, *out. */
struct jj_iter {
    bool (*next)(jj *j, jj_iter *it, jj_val *out, bool *got);
    const char *type; /* "generator", for messages */
    jj_val over;
    jj_iter *src;
    int64_t pos, end;
    void *state;
    bool ended;
};

struct jj_macro {
    const jj_node *node; /* MACRO or CALL_BLOCK */
    jj_scope *outer;
};

struct jj_func {
    const jj_builtin *def;
    jj_val self; /* MISSING for a global */
};

struct jj_loop {
    const jj_node *node;
    jj_scope *scope; /* where the loop stands; recursion starts from there */
    jj_val over;
    jj_iter *it;
    int64_t index0, len; /* len < 0: not known yet */
    jj_val after, current, before, changed;
    int depth0;
};

struct jj_gadget {
    bool joiner, used;
    jj_list *items;
    size_t pos;
};

/* Arguments as written: positions, then names. */
typedef struct jj_args {
    jj_val *at;
    size_t n;
    jj_str **names;
    jj_val *named;
    size_t n_named;
} jj_args;

/* A filter, test, method or global function. params: names separated by spaces, those after the first "?name" may be
 * left out (MISSING then); NULL: the function reads the raw arguments. */
struct jj_builtin {
    const char *name, *params;
    bool (*fn)(jj *j, jj_val self, const jj_val *arg, const jj_args *raw, jj_val *out);
};

/* ---- the tree -------------------------------------------------------------------------------------------------- */

typedef enum jj_kind {
    /* expressions */
    JJ_CONST,
    JJ_NAME,
    JJ_NSREF,
    JJ_TUPLE_EXPR,
    JJ_LIST_EXPR,
    JJ_DICT_EXPR,
    JJ_BINARY,
    JJ_UNARY,
    JJ_AND,
    JJ_OR,
    JJ_NOT,
    JJ_CONCAT,
    JJ_COMPARE,
    JJ_COND,
    JJ_ATTR,
    JJ_ITEM,
    JJ_SLICE,
    JJ_CALL,
    JJ_FILTER,
    JJ_TEST,
    /* statements */
    JJ_DATA,
    JJ_OUTPUT,
    JJ_SET,
    JJ_SET_BLOCK,
    JJ_IF,
    JJ_FOR,
    JJ_MACRO_DEF,
    JJ_CALL_BLOCK,
    JJ_FILTER_BLOCK,
    JJ_WITH,
    JJ_SCOPE,
    JJ_BREAK,
    JJ_CONTINUE,
} jj_kind;

typedef enum jj_op {
    JJ_ADD,
    JJ_SUB,
    JJ_MUL,
    JJ_DIV,
    JJ_FLOORDIV,
    JJ_MOD,
    JJ_POW,
    JJ_EQ,
    JJ_NE,
    JJ_LT,
    JJ_LE,
    JJ_GT,
    JJ_GE,
    JJ_IN,
    JJ_NOT_IN,
    JJ_POS,
    JJ_NEG,
} jj_op;

typedef struct jj_nodes {
    jj_node **at;
    size_t n, cap;
} jj_nodes;

/* One node for all kinds; a field that a kind does not name below is unused.
 *   CONST val | NAME name | NSREF name, str (attribute) | TUPLE/LIST_EXPR list | DICT_EXPR list (keys), named (values)
 *   BINARY a op b | UNARY op a | AND, OR a b | NOT a | CONCAT list | COMPARE a, list of BINARY (op, b)
 *   COND a if b else c | ATTR a.str | ITEM a[b] | SLICE a:b:c | CALL a(args) | FILTER a|str(args) | TEST a is str(args)
 *   args: list, named (their names in val), star (*b), star2 (**c)
 *   DATA val | OUTPUT list | SET a = b | SET_BLOCK a, filter b, body | IF a, body, list of elif IFs, orelse
 *   FOR a in b if c, body, orelse | MACRO_DEF name, params list (NAMEs), named (defaults of the last), body
 *   CALL_BLOCK as MACRO_DEF, and the call a | FILTER_BLOCK filter b, body | WITH list = named, body | SCOPE body */
struct jj_node {
    jj_kind kind;
    int line;
    jj_op op;
    bool store, recursive, parens;
    const char *name; /* interned: equal names have equal pointers */
    jj_val val;
    jj_str *str;
    jj_node *a, *b, *c, *star, *star2;
    jj_nodes list, named, body, orelse;
    const jj_builtin *builtin; /* FILTER, TEST; NULL: found unknown only when reached (Jinja allows that inside if) */
    /* set by jinja_scope.c */
    int hops, slot;                             /* NAME, NSREF, MACRO_DEF: how many functions out, and where there */
    jj_frame *frame, *else_frame, *test_frame;  /* the scopes that the statement opens */
    int n_slots;                                /* MACRO_DEF, CALL_BLOCK, recursive FOR: a function's own slots */
    int loop_slot;                              /* FOR; in the loop's function */
    int caller_slot, kwargs_slot, varargs_slot; /* MACRO_DEF, CALL_BLOCK; -1: not used in the body */
};

typedef enum jj_load_kind { JJ_LOAD_PARAM, JJ_LOAD_RESOLVE, JJ_LOAD_ALIAS, JJ_LOAD_UNDEFINED } jj_load_kind;

/* One variable of a scope: where it is and what it starts with when the scope is entered (idtracking.py). */
typedef struct jj_var {
    const char *name;
    int slot;
    bool stored;
    jj_load_kind load;
    int alias_hops, alias_slot;
} jj_var;

struct jj_frame {
    jj_frame *parent;
    struct jj_fn *fn; /* jinja_scope.c */
    jj_var *vars;
    size_t n, cap;
};

/* The variables of one running function: the template itself, a macro, a recursive loop. */
struct jj_scope {
    jj_scope *outer;
    jj_val *slots;
};

typedef struct jj_template {
    jj_nodes body;
    jj_frame *frame;
    int n_slots;
} jj_template;

/* ---- the state of one compilation or rendering ------------------------------------------------------------------- */

struct jj {
    loam_arena *arena;
    loam_err *err;
    loam_status status; /* of the failure */
    int line;           /* of what is being parsed or run */
    int depth;
    int64_t steps; /* left */
    /* rendering */
    jj_dict *vars;
    loam_buf *out;
    time_t now;
};

#define JJ_TRY(expr)      \
    do {                  \
        if (!(expr))      \
            return false; \
    } while (0)

/* Write "line N of the chat template: …" and return false. */
bool loam_jj_fail(jj *j, loam_status status, const char *fmt, ...) LOAM_PRINTF(3, 4);
#define jj_error(j, ...) loam_jj_fail((j), LOAM_STATUS_INVALID, __VA_ARGS__)
bool loam_jj_no_memory(jj *j);

/* Takes n steps from the allowance. */
bool loam_jj_charge_slow(jj *j, int64_t n);
static inline bool jj_charge(jj *j, int64_t n)
{
    return (j->steps -= n) >= 0 || loam_jj_charge_slow(j, n);
}
/* For work over n bytes. */
static inline bool jj_charge_bytes(jj *j, size_t n)
{
    return jj_charge(j, (int64_t)(n / 64));
}

/* One level deeper into values or calls; the caller takes it back with j->depth--. */
bool loam_jj_deeper(jj *j);

/* Zeroed memory of the arena; NULL after writing the error. */
void *loam_jj_alloc(jj *j, size_t n);
void *loam_jj_alloc_n(jj *j, size_t n, size_t size);

/* jinja_lex.c, jinja_parse.c, jinja_scope.c */
bool loam_jj_parse(jj *j, const char *source, size_t len, jj_template *out);
bool loam_jj_resolve(jj *j, jj_template *t);
bool loam_jj_nodes_push(jj *j, jj_nodes *l, jj_node *n);

/* jinja_value.c, jinja_compare.c */
static inline jj_val jj_none(void)
{
    return (jj_val){.tag = JJ_NONE};
}
static inline jj_val jj_bool(bool b)
{
    return (jj_val){.tag = JJ_BOOL, .b = b};
}
static inline jj_val jj_int(int64_t i)
{
    return (jj_val){.tag = JJ_INT, .i = i};
}
static inline jj_val jj_float(double f)
{
    return (jj_val){.tag = JJ_FLOAT, .f = f};
}
static inline jj_val jj_of_str(jj_str *s)
{
    return (jj_val){.tag = JJ_STR, .s = s};
}
static inline jj_val jj_of_list(jj_list *l)
{
    return (jj_val){.tag = JJ_LIST, .l = l};
}
static inline jj_val jj_of_tuple(jj_list *l)
{
    return (jj_val){.tag = JJ_TUPLE, .l = l};
}
static inline jj_val jj_of_iter(jj_iter *it)
{
    return (jj_val){.tag = JJ_ITER, .it = it};
}
static inline bool jj_is_str(jj_val v)
{
    return v.tag == JJ_STR;
}
static inline bool jj_is_number(jj_val v)
{
    return v.tag == JJ_INT || v.tag == JJ_FLOAT || v.tag == JJ_BOOL;
}
static inline bool jj_is_whole(jj_val v)
{
    return v.tag == JJ_INT || v.tag == JJ_BOOL;
}
static inline int64_t jj_whole(jj_val v)
{
    return v.tag == JJ_BOOL ? v.b : v.i;
}
static inline double jj_number(jj_val v)
{
    return v.tag == JJ_FLOAT ? v.f : (double)jj_whole(v);
}

/* Borrow: s stays valid as long as the value. Copy: into the arena. */
bool loam_jj_str_borrow(jj *j, const char *s, size_t n, jj_val *out);
bool loam_jj_str_copy(jj *j, const char *s, size_t n, jj_val *out);
bool loam_jj_str_concat(jj *j, const jj_str *a, const jj_str *b, jj_val *out);
/* Takes the bytes of b and empties it; checks that b did not overflow. */
bool loam_jj_str_take(jj *j, loam_buf *b, jj_val *out);
bool loam_jj_str_is(const jj_str *s, const char *text);
/* Byte offset of code point i (0 ≤ i ≤ len). */
size_t loam_jj_str_offset(const jj_str *s, size_t i);
/* First occurrence of b in a at or after byte `from`; SIZE_MAX when there is none. */
size_t loam_jj_str_find(const char *a, size_t na, const char *b, size_t nb, size_t from);

jj_list *loam_jj_list_new(jj *j, size_t cap);
bool loam_jj_list_push(jj *j, jj_list *l, jj_val v);
bool loam_jj_pair(jj *j, jj_val a, jj_val b, jj_val *out);
jj_dict *loam_jj_dict_new(jj *j);
/* Unhashable keys are errors. Found: *at; get says so by *found. */
bool loam_jj_dict_set(jj *j, jj_dict *d, jj_val key, jj_val v);
bool loam_jj_dict_get(jj *j, jj_dict *d, jj_val key, jj_val *out, bool *found);
bool loam_jj_dict_get_str(jj *j, jj_dict *d, const char *s, size_t n, jj_val *out, bool *found);
bool loam_jj_hashable(jj_val v);

bool loam_jj_undefined(jj *j, const char *hint, const char *of, jj_val name, jj_val *out);
bool loam_jj_undefined_hint(jj *j, jj_val *out, const char *fmt, ...) LOAM_PRINTF(3, 4);
bool loam_jj_undefined_fail(jj *j, jj_val v);

bool loam_jj_truth(jj_val v);
/* Python's type name: "str", "NoneType", "list". */
const char *loam_jj_type(jj_val v);
/* "dict object", as Jinja's messages say. */
const char *loam_jj_type_object(jj *j, jj_val v);
bool loam_jj_eq(jj *j, jj_val a, jj_val b, bool *out);
bool loam_jj_same(jj_val a, jj_val b);
bool loam_jj_order(jj *j, jj_op op, jj_val a, jj_val b, bool *out);
bool loam_jj_contains(jj *j, jj_val item, jj_val in, bool *out);
/* Number of items, or -1 when the value has no len(). */
int64_t loam_jj_len(jj_val v);

/* jinja_print.c, jinja_json.c: str(), repr() and json.dumps() of Python. */
bool loam_jj_print(jj *j, jj_val v, loam_buf *out);
bool loam_jj_repr(jj *j, jj_val v, loam_buf *out);
bool loam_jj_to_str(jj *j, jj_val v, jj_val *out);
size_t loam_jj_float_repr(double f, char out[40]);
/* repr of v cut to a message's size; never fails. */
const char *loam_jj_show(jj *j, jj_val v);
/* The error of a buffer that overflowed, if it did. */
bool loam_jj_check_text(jj *j, const loam_buf *out);
typedef struct jj_json_options {
    bool ascii, sort_keys;
    const jj_str *indent, *item_sep, *key_sep; /* indent NULL: one line */
} jj_json_options;
bool loam_jj_json(jj *j, jj_val v, const jj_json_options *o, loam_buf *out);

/* jinja_iter.c */
bool loam_jj_iter(jj *j, jj_val v, jj_iter **out);
bool loam_jj_iterable(jj_val v);
bool loam_jj_next(jj *j, jj_iter *it, jj_val *out, bool *got);
/* All (remaining) items as a new list. */
bool loam_jj_collect(jj *j, jj_val v, jj_list **out);
jj_iter *loam_jj_iter_new(jj *j, bool (*next)(jj *, jj_iter *, jj_val *, bool *), const char *type);
bool loam_jj_reversed(jj *j, jj_val v, jj_val *out);
jj_val loam_jj_range_at(const struct jj_range *r, int64_t i);

/* jinja_ops.c, jinja_subscript.c */
bool loam_jj_binary(jj *j, jj_op op, jj_val a, jj_val b, jj_val *out);
bool loam_jj_unary(jj *j, jj_op op, jj_val a, jj_val *out);
bool loam_jj_getattr(jj *j, jj_val obj, jj_str *name, jj_val *out);
bool loam_jj_getitem(jj *j, jj_val obj, jj_val key, jj_val *out);
bool loam_jj_getslice(jj *j, jj_val obj, jj_val start, jj_val stop, jj_val step, jj_val *out);

/* jinja_eval.c, jinja_exec.c */
bool loam_jj_eval(jj *j, jj_scope *s, const jj_node *n, jj_val *out);
bool loam_jj_eval_args(jj *j, jj_scope *s, const jj_node *n, jj_args *out);
bool loam_jj_add_named(jj *j, jj_args *a, jj_str *name, jj_val v);
bool loam_jj_assign(jj *j, jj_scope *s, const jj_node *target, jj_val v);
bool loam_jj_call(jj *j, jj_val callee, const jj_args *a, jj_val *out);
bool loam_jj_call_builtin(jj *j, const jj_builtin *b, jj_val self, const jj_args *a, jj_val *out);
bool loam_jj_call_macro(jj *j, const struct jj_macro *m, const jj_args *a, jj_val *out);
bool loam_jj_call_loop(jj *j, struct jj_loop *lp, const jj_args *a, jj_val *out);
bool loam_jj_run(jj *j, const jj_template *t);
void loam_jj_enter(jj *j, jj_scope *s, const jj_frame *f);
bool loam_jj_loop_attr(jj *j, struct jj_loop *lp, const jj_str *name, jj_val *out, bool *found);

/* The tables: NULL when there is none of that name. */
const jj_builtin *loam_jj_find_filter(const jj_str *name);
const jj_builtin *loam_jj_find_test(const jj_str *name);
const jj_builtin *loam_jj_find_global(const char *name, size_t n);
const jj_builtin *loam_jj_find_method(jj_val obj, const jj_str *name);
const jj_builtin *loam_jj_find_in(const jj_builtin *table, const jj_str *name);
extern const jj_builtin loam_jj_filters_text[], loam_jj_filters_list[], loam_jj_str_methods[], loam_jj_tests[];

/* jinja_format.c: the % operator and str.format. */
bool loam_jj_percent(jj *j, const jj_str *fmt, jj_val args, jj_val *out);
bool loam_jj_format(jj *j, const jj_str *fmt, const jj_args *a, jj_val *out);

/* jinja_text.c: pieces of Python's str that filters and methods share. */
typedef enum jj_case { JJ_CASE_UPPER, JJ_CASE_LOWER, JJ_CASE_TITLE, JJ_CASE_CAPITALIZE, JJ_CASE_SWAP } jj_case;
bool loam_jj_str_case(jj *j, const jj_str *s, jj_case to, jj_val *out);
bool loam_jj_str_strip(jj *j, jj_str *s, jj_val chars, bool left, bool right, jj_val *out);
bool loam_jj_str_replace(jj *j, jj_str *s, const jj_str *from, const jj_str *to, int64_t max, jj_val *out);
bool loam_jj_str_lines(jj *j, const jj_str *s, bool keep_ends, jj_list **out);
bool loam_jj_str_pad(jj *j, jj_str *s, int64_t width, const char *fill, int where,
                     jj_val *out); /* -1, 0, 1: text left, middle, right */
bool loam_jj_escape(jj *j, jj_val v, jj_val *out);
bool loam_jj_sub(jj *j, const jj_str *s, size_t from, size_t to, jj_val *out); /* bytes; keeps markup */
bool loam_jj_parse_int(jj *j, const jj_str *s, int base, int64_t *out, bool *ok);
bool loam_jj_parse_float(const jj_str *s, double *out);

/* jinja_unicode.c. Characters are code points. */
uint32_t loam_jj_utf8_next(const char *s, size_t n, size_t *i);
size_t loam_jj_utf8_put(uint32_t c, char out[4]);
size_t loam_jj_utf8_count(const char *s, size_t n);
bool loam_jj_utf8_valid(const char *s, size_t n);
bool loam_jj_is_space(uint32_t c);
bool loam_jj_is_alpha(uint32_t c);
bool loam_jj_is_alnum(uint32_t c);
bool loam_jj_is_decimal(uint32_t c);
bool loam_jj_is_digit(uint32_t c);
bool loam_jj_is_numeric(uint32_t c);
bool loam_jj_is_upper(uint32_t c);
bool loam_jj_is_lower(uint32_t c);
bool loam_jj_is_title(uint32_t c);
bool loam_jj_is_printable(uint32_t c);
bool loam_jj_is_ident(uint32_t c);
bool loam_jj_is_cased(uint32_t c);
bool loam_jj_is_case_ignorable(uint32_t c);
/* Full mappings: 1 to 3 code points. to: UPPER, LOWER or TITLE. */
int loam_jj_map_case(uint32_t c, jj_case to, uint32_t out[3]);

#endif
