/* The lexer: template text -> tokens, with trim_blocks and lstrip_blocks on. Outside tags it looks for the next "{{",
 * "{%" or "{#"; which white space disappears around a tag is decided here and nowhere else. */
#include "text/jinja_lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct lexer {
    jj *j;
    jj_tokens *out;
    const char *s; /* newlines are "\n" */
    size_t n, i;
    int line;
    bool line_starting; /* the last thing matched ended with a newline */
    char brackets[JJ_MAX_NEST];
    int n_brackets;
} lexer;

static const char *operators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                  "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

static bool push(lexer *l, jj_token t)
{
    jj_tokens *o = l->out;
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 256;
        jj_token *at = loam_jj_alloc_n(l->j, cap, sizeof *at);
        if (!at)
            return false;
        if (o->n)
            memcpy(at, o->at, o->n * sizeof *at);
        o->at = at;
        o->cap = cap;
    }
    o->at[o->n++] = t;
    return true;
}

const char *loam_jj_intern(jj *j, jj_tokens *t, const char *s, size_t n)
{
    if (t->n_names * 2 >= t->names_cap) {
        size_t cap = t->names_cap ? t->names_cap * 2 : 256;
        const char **names = loam_jj_alloc_n(j, cap, sizeof *names);
        if (!names)
            return NULL;
        for (size_t i = 0; i < t->names_cap; i++) {
            if (!t->names[i])
                continue;
            uint64_t h = 14695981039346656037u;
            for (const char *p = t->names[i]; *p; p++)
                h = (h ^ (unsigned char)*p) * 1099511628211u;
            size_t k = h & (cap - 1);
            while (names[k])
                k = (k + 1) & (cap - 1);
            names[k] = t->names[i];
        }
        t->names = names;
        t->names_cap = cap;
    }
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    size_t k = h & (t->names_cap - 1);
    for (; t->names[k]; k = (k + 1) & (t->names_cap - 1))
        if (strlen(t->names[k]) == n && !memcmp(t->names[k], s, n))
            return t->names[k];
    char *copy = loam_arena_strndup(j->arena, s, n);
    if (!copy) {
        loam_jj_no_memory(j);
        return NULL;
    }
    t->names[k] = copy;
    t->n_names++;
    return copy;
}

static bool fail(lexer *l, const char *msg)
{
    l->j->line = l->line;
    return jj_error(l->j, "%s", msg);
}

static bool space_at(const lexer *l, size_t i, size_t *width)
{
    if (i >= l->n)
        return false;
    size_t k = i;
    bool yes = loam_jj_is_space(loam_jj_utf8_next(l->s, l->n, &k));
    *width = k - i;
    return yes;
}

/* Moves past `\s*`, counting lines. */
static void skip_space(lexer *l)
{
    size_t w;
    while (space_at(l, l->i, &w)) {
        if (l->s[l->i] == '\n')
            l->line++;
        l->i += w;
    }
}

static bool at(const lexer *l, size_t i, const char *text)
{
    size_t n = strlen(text);
    return i <= l->n && n <= l->n - i && !memcmp(l->s + i, text, n);
}

/* The end of a block tag: "-%}" and the white space after it, "+%}", or "%}" and one newline. 0: not here. */
static bool block_end(lexer *l, const char *end)
{
    bool minus = l->s[l->i] == '-', plus = l->s[l->i] == '+';
    if (!at(l, l->i + (minus || plus), end))
        return false;
    l->i += strlen(end) + (minus || plus);
    l->line_starting = false;
    if (minus) {
        size_t before = l->i;
        skip_space(l);
        l->line_starting = l->i > before && l->s[l->i - 1] == '\n';
    } else if (!plus && l->i < l->n && l->s[l->i] == '\n') {
        l->i++;
        l->line++;
        l->line_starting = true;
    }
    return true;
}

/* Emits the text before a tag. sign '-' strips all white space at its end; otherwise a block or comment tag that has
 * only white space before it on its line takes that away. */
static bool emit_data(lexer *l, size_t from, size_t to, char sign, bool variable)
{
    int line = l->line;
    for (size_t i = from; i < to; i++)
        l->line += l->s[i] == '\n';
    size_t end = to;
    if (sign == '-') {
        size_t i = from;
        end = from;
        while (i < to)
            if (!loam_jj_is_space(loam_jj_utf8_next(l->s, to, &i)))
                end = i;
    } else if (sign != '+' && !variable) {
        size_t start = to;
        while (start > from && l->s[start - 1] != '\n')
            start--;
        bool blank = start < to && (start > from || l->line_starting);
        for (size_t i = start; blank && i < to;)
            blank = loam_jj_is_space(loam_jj_utf8_next(l->s, to, &i));
        if (blank)
            end = start;
    }
    if (end == from)
        return true;
    jj_token t = {.kind = JJ_T_DATA, .line = line};
    JJ_TRY(loam_jj_str_borrow(l->j, l->s + from, end - from, &t.val));
    return push(l, t);
}

/* "{% raw %}" at i? Then *after is behind it. */
static bool raw_begin(const lexer *l, size_t i, size_t *after)
{
    size_t w;
    i += 2;
    if (i < l->n && (l->s[i] == '-' || l->s[i] == '+'))
        i++;
    while (space_at(l, i, &w))
        i += w;
    if (!at(l, i, "raw"))
        return false;
    i += 3;
    while (space_at(l, i, &w))
        i += w;
    if (at(l, i, "-%}")) {
        i += 3;
        while (space_at(l, i, &w))
            i += w;
    } else if (at(l, i, "%}")) {
        i += 2;
    } else {
        return false;
    }
    *after = i;
    return true;
}

static bool lex_raw(lexer *l, size_t after)
{
    for (size_t i = l->i; i < after; i++)
        l->line += l->s[i] == '\n';
    l->line_starting = l->s[after - 1] == '\n';
    l->i = after;
    for (size_t k = after; k < l->n; k++) {
        if (!at(l, k, "{%"))
            continue;
        size_t i = k + 2, w;
        char sign = 0;
        if (i < l->n && (l->s[i] == '-' || l->s[i] == '+'))
            sign = l->s[i++];
        while (space_at(l, i, &w))
            i += w;
        if (!at(l, i, "endraw"))
            continue;
        i += 6;
        while (space_at(l, i, &w))
            i += w;
        if (!at(l, i, "%}") && !at(l, i, "-%}") && !at(l, i, "+%}"))
            continue;
        JJ_TRY(emit_data(l, after, k, sign, false));
        for (size_t c = k; c < i; c++)
            l->line += l->s[c] == '\n';
        l->i = i;
        return block_end(l, "%}");
    }
    return fail(l, "Missing end of raw directive");
}

static bool lex_comment(lexer *l)
{
    for (size_t k = l->i; k < l->n; k++) {
        bool sign = l->s[k] == '-' || l->s[k] == '+';
        if (!at(l, k + sign, "#}"))
            continue;
        for (size_t i = l->i; i < k; i++)
            l->line += l->s[i] == '\n';
        l->i = k;
        return block_end(l, "#}");
    }
    return fail(l, "Missing end of comment tag");
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One escape of a string literal, the backslash at *i: Python's "unicode-escape". Returns its length in out, -1 when it
 * is malformed. */
static int unescape(const char *s, size_t n, size_t *i, char out[8])
{
    char c = s[*i + 1];
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        *i += 2;
        out[0] = to[simple - from];
        return 1;
    }
    if (c == '\n') {
        *i += 2;
        return 0;
    }
    uint32_t code = 0;
    if (c >= '0' && c <= '7') {
        size_t k = *i + 1;
        for (int d = 0; d < 3 && k < n && s[k] >= '0' && s[k] <= '7'; d++, k++)
            code = code * 8 + (uint32_t)(s[k] - '0');
        *i = k;
        return (int)loam_jj_utf8_put(code, out);
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (c == 'N')
        return -1;
    if (!digits) { /* unknown escapes stay as they are */
        out[0] = '\\';
        *i += 1;
        return 1;
    }
    for (int d = 0; d < digits; d++) {
        size_t k = *i + 2 + (size_t)d;
        int h = k < n ? hex_digit(s[k]) : -1;
        if (h < 0)
            return -1;
        code = code * 16 + (uint32_t)h;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return -1;
    *i += 2 + (size_t)digits;
    return (int)loam_jj_utf8_put(code, out);
}

static bool lex_string(lexer *l)
{
    char quote = l->s[l->i];
    size_t start = l->i + 1, end = start;
    while (end < l->n && l->s[end] != quote)
        end += l->s[end] == '\\' ? 2 : 1;
    if (end >= l->n) {
        l->j->line = l->line;
        return jj_error(l->j, "unexpected char %s at %zu", quote == '"' ? "'\"'" : "\"'\"",
                        loam_jj_utf8_count(l->s, l->i));
    }
    jj_token t = {.kind = JJ_T_STRING, .line = l->line};
    char *text = loam_jj_alloc(l->j, end - start + 1), piece[8];
    if (!text)
        return false;
    size_t n = 0;
    for (size_t i = start; i < end;) {
        if (l->s[i] != '\\') {
            text[n++] = l->s[i++];
            continue;
        }
        int w = unescape(l->s, end, &i, piece);
        if (w < 0)
            return fail(l, "malformed or unsupported \\x, \\u, \\U or \\N escape in a string");
        memcpy(text + n, piece, (size_t)w);
        n += (size_t)w;
    }
    for (size_t i = start; i < end; i++)
        l->line += l->s[i] == '\n';
    l->i = end + 1;
    JJ_TRY(loam_jj_str_borrow(l->j, text, n, &t.val));
    return push(l, t);
}

static bool digit(const lexer *l, size_t i)
{
    return i < l->n && l->s[i] >= '0' && l->s[i] <= '9';
}

/* Digits with single underscores between them; returns the end. */
static size_t digits(const lexer *l, size_t i)
{
    while (digit(l, i) || (i < l->n && l->s[i] == '_' && digit(l, i + 1) && digit(l, i - 1)))
        i++;
    return i;
}

static size_t based_digits(const lexer *l, size_t i, int base)
{
    for (;;) {
        size_t k = i + (i < l->n && l->s[i] == '_');
        int d = k < l->n ? hex_digit(l->s[k]) : -1;
        if (d < 0 || d >= base)
            return i;
        i = k + 1;
    }
}

static bool lex_number(lexer *l)
{
    char text[64];
    size_t start = l->i, end = digits(l, start);
    jj_token t = {.kind = JJ_T_FLOAT, .line = l->line};
    bool after_dot = start > 0 && l->s[start - 1] == '.', is_float = false;
    if (!after_dot) {
        if (end < l->n && l->s[end] == '.' && digit(l, end + 1)) {
            end = digits(l, end + 1);
            is_float = true;
        }
        if (end < l->n && (l->s[end] == 'e' || l->s[end] == 'E')) {
            size_t k = end + 1;
            k += k < l->n && (l->s[k] == '+' || l->s[k] == '-');
            if (digit(l, k)) {
                end = digits(l, k);
                is_float = true;
            }
        }
    }
    int base = 10;
    if (!is_float) {
        char c = l->s[start] == '0' && start + 1 < l->n ? (char)(l->s[start + 1] | 32) : 0;
        int b = c == 'b' ? 2 : c == 'o' ? 8 : c == 'x' ? 16 : 0;
        size_t e = b ? based_digits(l, start + 2, b) : 0;
        if (b && e > start + 2) {
            base = b;
            start += 2;
            end = e;
        } else if (l->s[start] == '0') { /* only zeros: "007" is 00 and 7 */
            end = start + 1;
            while (end < l->n && (l->s[end] == '0' || (l->s[end] == '_' && at(l, end + 1, "0"))))
                end++;
        }
    }
    size_t n = 0;
    for (size_t i = start; i < end; i++) {
        if (l->s[i] == '_')
            continue;
        if (n + 1 >= sizeof text)
            return fail(l, "a number has too many digits");
        text[n++] = l->s[i];
    }
    text[n] = 0;
    l->i = end;
    if (is_float) {
        t.val = jj_float(strtod(text, NULL));
        return push(l, t);
    }
    errno = 0;
    t.kind = JJ_T_INT;
    t.val = jj_int(strtoll(text, NULL, base));
    if (errno)
        return fail(l, "a whole number does not fit into 64 bits");
    return push(l, t);
}

static bool lex_operator(lexer *l)
{
    for (size_t k = 0; k < sizeof operators / sizeof *operators; k++) {
        const char *op = operators[k];
        if (!at(l, l->i, op))
            continue;
        char c = op[0];
        if (c == '{' || c == '(' || c == '[') {
            if (l->n_brackets == JJ_MAX_NEST)
                return fail(l, "brackets are nested too deeply");
            l->brackets[l->n_brackets++] = c == '{' ? '}' : c == '(' ? ')' : ']';
        } else if (c == '}' || c == ')' || c == ']') {
            char want = l->n_brackets ? l->brackets[--l->n_brackets] : 0;
            if (want != c) {
                l->j->line = l->line;
                if (!want)
                    return jj_error(l->j, "unexpected '%c'", c);
                return jj_error(l->j, "unexpected '%c', expected '%c'", c, want);
            }
        }
        l->i += strlen(op);
        return push(l, (jj_token){.kind = JJ_T_OP, .line = l->line, .text = op});
    }
    l->j->line = l->line;
    size_t k = l->i;
    jj_val c;
    loam_jj_utf8_next(l->s, l->n, &k);
    JJ_TRY(loam_jj_str_borrow(l->j, l->s + l->i, k - l->i, &c));
    return jj_error(l->j, "unexpected char %s at %zu", loam_jj_show(l->j, c), loam_jj_utf8_count(l->s, l->i));
}

/* The inside of a tag, up to and with its end. */
static bool lex_tag(lexer *l, bool variable)
{
    l->n_brackets = 0;
    for (;;) {
        if (l->i >= l->n)
            return true; /* the parser says what is missing */
        if (!l->n_brackets) {
            jj_token end = {.kind = variable ? JJ_T_VAR_END : JJ_T_BLOCK_END, .line = l->line};
            if (!variable && block_end(l, "%}"))
                return push(l, end);
            if (variable && (at(l, l->i, "-}}") || at(l, l->i, "}}"))) {
                bool minus = l->s[l->i] == '-';
                size_t after = l->i += 2 + minus;
                if (minus)
                    skip_space(l);
                l->line_starting = l->i > after && l->s[l->i - 1] == '\n';
                return push(l, end);
            }
        }
        size_t w, k = l->i;
        char c = l->s[l->i];
        if (space_at(l, l->i, &w)) {
            skip_space(l);
        } else if (c >= '0' && c <= '9') {
            JJ_TRY(lex_number(l));
        } else if (c == '"' || c == '\'') {
            JJ_TRY(lex_string(l));
        } else if (loam_jj_is_ident(loam_jj_utf8_next(l->s, l->n, &k))) {
            size_t end = k;
            while (end < l->n && loam_jj_is_ident(loam_jj_utf8_next(l->s, l->n, &k)))
                end = k;
            const char *name = loam_jj_intern(l->j, l->out, l->s + l->i, end - l->i);
            if (!name)
                return false;
            l->i = end;
            JJ_TRY(push(l, (jj_token){.kind = JJ_T_NAME, .line = l->line, .text = name}));
        } else {
            JJ_TRY(lex_operator(l));
        }
    }
}

static bool lex_root(lexer *l)
{
    while (l->i < l->n) {
        size_t k = l->i;
        while (k < l->n && !(l->s[k] == '{' && k + 1 < l->n && strchr("{%#", l->s[k + 1]) && l->s[k + 1]))
            k++;
        if (k == l->n)
            return emit_data(l, l->i, l->n, '+', true);
        char kind = l->s[k + 1], sign = 0;
        if (k + 2 < l->n && (l->s[k + 2] == '-' || l->s[k + 2] == '+'))
            sign = l->s[k + 2];
        JJ_TRY(emit_data(l, l->i, k, sign, kind == '{'));
        size_t after;
        l->i = k;
        if (kind == '%' && raw_begin(l, k, &after)) {
            JJ_TRY(lex_raw(l, after));
            continue;
        }
        l->i = k + 2 + (sign != 0);
        l->line_starting = false;
        if (kind == '#') {
            JJ_TRY(lex_comment(l));
            continue;
        }
        jj_token_kind begin = kind == '{' ? JJ_T_VAR_BEGIN : JJ_T_BLOCK_BEGIN;
        JJ_TRY(push(l, (jj_token){.kind = begin, .line = l->line}));
        JJ_TRY(lex_tag(l, kind == '{'));
    }
    return true;
}

bool loam_jj_lex(jj *j, const char *source, size_t len, jj_tokens *out)
{
    char *s = loam_jj_alloc(j, len + 1);
    if (!s)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) { /* "\r\n" and "\r" become "\n" */
        if (source[i] == '\r' && i + 1 < len && source[i + 1] == '\n')
            continue;
        s[n++] = source[i] == '\r' ? '\n' : source[i];
    }
    if (n && s[n - 1] == '\n') /* keep_trailing_newline is off */
        n--;
    lexer l = {.j = j, .out = out, .s = s, .n = n, .line = 1, .line_starting = true};
    if (!loam_jj_utf8_valid(s, n))
        return fail(&l, "the text is not valid UTF-8");
    JJ_TRY(lex_root(&l));
    return push(&l, (jj_token){.kind = JJ_T_EOF, .line = l.line});
}
