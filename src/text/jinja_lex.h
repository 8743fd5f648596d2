/* Tokens of a chat template, as jinja2/lexer.py makes them. */
#ifndef LOAM_TEXT_JINJA_LEX_H
#define LOAM_TEXT_JINJA_LEX_H

#include "text/jinja_int.h"

typedef enum jj_token_kind {
    JJ_T_EOF,
    JJ_T_DATA,
    JJ_T_VAR_BEGIN,
    JJ_T_VAR_END,
    JJ_T_BLOCK_BEGIN,
    JJ_T_BLOCK_END,
    JJ_T_NAME,
    JJ_T_STRING,
    JJ_T_INT,
    JJ_T_FLOAT,
    JJ_T_OP,
} jj_token_kind;

typedef struct jj_token {
    jj_token_kind kind;
    int line;
    const char *text; /* NAME: interned, NUL-terminated. OP: its characters, a static string. */
    jj_val val;       /* DATA, STRING, INT, FLOAT */
} jj_token;

typedef struct jj_tokens {
    jj_token *at;
    size_t n, cap;
    const char **names; /* hash table of interned names */
    size_t n_names, names_cap;
} jj_tokens;

/* The last token is EOF. */
bool loam_jj_lex(jj *j, const char *source, size_t len, jj_tokens *out);
/* The one copy of a name. NULL when out of memory. */
const char *loam_jj_intern(jj *j, jj_tokens *t, const char *s, size_t n);

#endif
