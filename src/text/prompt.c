#include "text/prompt.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "text/jinja_int.h"
#include "text/unicode.h"

enum { COMMA_BACKTRACK = 20, MAX_LORAS = 64, MAX_NUMBER = 64 };

/* Reads s[0..n) as a number without exponent: digits with at most one point, a sign before. It is what Python's float()
 * takes of the characters that may stand there, whatever the locale. */
static bool read_number(const char *s, size_t n, double *out)
{
    char text[MAX_NUMBER + 2];
    size_t digits = 0, points = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] >= '0' && s[i] <= '9')
            digits++;
        else if (s[i] == '.')
            points++;
        else if (i > 0 || (s[i] != '+' && s[i] != '-'))
            return false;
    }
    if (digits == 0 || points > 1 || n > MAX_NUMBER)
        return false;
    memcpy(text, s, n);
    text[n] = 0;
    char *point = strchr(text, '.');
    if (point)
        *point = *localeconv()->decimal_point;
    *out = strtod(text, NULL);
    return isfinite(*out);
}

/* ---- <lora:NAME:WEIGHT> ---- */

void loam_prompt_loras_deinit(loam_prompt_loras *loras)
{
    for (size_t i = 0; i < loras->n; i++)
        free(loras->at[i].name);
    free(loras->at);
    *loras = (loam_prompt_loras){0};
}

static const char *trim(const char *s, size_t *n)
{
    while (*n && s[0] == ' ') {
        s++;
        --*n;
    }
    while (*n && s[*n - 1] == ' ')
        --*n;
    return s;
}

static bool is_word(uint32_t cp)
{
    return cp == '_' || loam_jj_is_alnum(cp);
}

/* args: NAME or NAME:WEIGHT or more, of which the rest is not read. */
static loam_status add_lora(loam_prompt_loras *l, const char *args, size_t n, loam_err *err)
{
    const char *colon = memchr(args, ':', n);
    size_t n_name = colon ? (size_t)(colon - args) : n;
    const char *name = trim(args, &n_name);
    double weight = 1;
    if (n_name == 0)
        LOAM_FAIL(err, INVALID, "'<lora:%.*s>' names no LoRA: write <lora:NAME:WEIGHT>", (int)(n < 80 ? n : 80), args);
    if (colon) {
        const char *w = colon + 1, *end = memchr(w, ':', (size_t)(args + n - w));
        size_t n_w = (size_t)((end ? end : args + n) - w);
        w = trim(w, &n_w);
        if (!read_number(w, n_w, &weight))
            LOAM_FAIL(err, INVALID, "the weight '%.*s' of the LoRA '%.*s' is not a number: write <lora:NAME:0.8>",
                      (int)(n_w < 40 ? n_w : 40), w, (int)(n_name < 80 ? n_name : 80), name);
    }
    if (l->n == MAX_LORAS)
        LOAM_FAIL(err, TOO_LARGE, "the prompt names more than %d LoRAs", MAX_LORAS);
    loam_prompt_lora *grown = realloc(l->at, (l->n + 1) * sizeof *grown);
    if (grown)
        l->at = grown;
    char *copy = grown ? strndup(name, n_name) : NULL;
    if (!copy)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the LoRAs of a prompt");
    l->at[l->n++] = (loam_prompt_lora){.name = copy, .weight = (float)weight};
    return LOAM_OK;
}

/* The length of <(\w+):([^>]+)> at the start of s[0..n), or 0; the network's kind in *kind bytes after "<". */
static size_t network_length(const char *s, size_t n, size_t *kind)
{
    size_t i = 1;
    while (i < n) {
        uint32_t cp;
        size_t len = loam_utf8_next(s + i, n - i, &cp);
        if (cp == LOAM_UTF8_INVALID || !is_word(cp))
            break;
        i += len;
    }
    if (i == 1 || i >= n || s[i] != ':')
        return 0;
    *kind = i - 1;
    const char *end = memchr(s + i, '>', n - i);
    return end && end > s + i + 1 ? (size_t)(end - s) + 1 : 0;
}

loam_status loam_prompt_extract(const char *prompt, size_t len, loam_buf *text, loam_prompt_loras *loras, loam_err *err)
{
    for (size_t i = 0; i < len;) {
        size_t kind = 0, n = prompt[i] == '<' ? network_length(prompt + i, len - i, &kind) : 0;
        if (n == 0) {
            loam_buf_char(text, prompt[i++]);
            continue;
        }
        const char *name = prompt + i + 1;
        if (kind != 4 || (memcmp(name, "lora", 4) != 0 && memcmp(name, "lyco", 4) != 0))
            LOAM_FAIL(err, INVALID,
                      "the prompt asks for a '%.*s' with '%.*s', and Loam knows <lora:NAME:WEIGHT> only: take it out",
                      (int)(kind < 40 ? kind : 40), name, (int)(n < 80 ? n : 80), prompt + i);
        LOAM_TRY(add_lora(loras, name + kind + 1, n - kind - 3, err));
        i += n;
    }
    if (text->failed)
        LOAM_FAIL(err, TOO_LARGE, "the prompt does not fit into %zu bytes", text->max);
    return LOAM_OK;
}

/* ---- weights ---- */

static const double ROUND = 1.1, SQUARE = 1 / 1.1;

typedef struct parsing {
    loam_buf bytes;
    struct run {
        size_t from, len; /* in bytes */
        double weight;
    } * run;
    size_t n, cap;
    size_t *open[2]; /* of the round and the square brackets that are open: the run that follows */
    size_t n_open[2], open_cap[2];
} parsing;

static bool add_run(parsing *p, const char *s, size_t n, double weight)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 16;
        struct run *grown = realloc(p->run, cap * sizeof *grown);
        if (!grown)
            return false;
        p->run = grown;
        p->cap = cap;
    }
    p->run[p->n++] = (struct run){.from = p->bytes.len, .len = n, .weight = weight};
    return loam_buf_add(&p->bytes, s, n);
}

static bool open_bracket(parsing *p, int kind)
{
    if (p->n_open[kind] == p->open_cap[kind]) {
        size_t cap = p->open_cap[kind] ? 2 * p->open_cap[kind] : 16;
        size_t *grown = realloc(p->open[kind], cap * sizeof *grown);
        if (!grown)
            return false;
        p->open[kind] = grown;
        p->open_cap[kind] = cap;
    }
    p->open[kind][p->n_open[kind]++] = p->n;
    return true;
}

static void weigh(parsing *p, size_t from, double factor)
{
    for (size_t i = from; i < p->n; i++)
        p->run[i].weight *= factor;
}

static void close_bracket(parsing *p, int kind, double factor)
{
    weigh(p, p->open[kind][--p->n_open[kind]], factor);
}

/* Whether the character that ends just before s[at] is one of a word. */
static bool word_before(const char *s, size_t at)
{
    size_t from = at;
    while (from > 0 && at - from < 4) {
        from--;
        if (((unsigned char)s[from] & 0xC0) != 0x80)
            break;
    }
    if (from == at)
        return false;
    uint32_t cp;
    size_t len = loam_utf8_next(s + from, at - from, &cp);
    return cp != LOAM_UTF8_INVALID && from + len == at && is_word(cp);
}

static bool word_at(const char *s, size_t n, size_t at)
{
    if (at >= n)
        return false;
    uint32_t cp;
    loam_utf8_next(s + at, n - at, &cp);
    return cp != LOAM_UTF8_INVALID && is_word(cp);
}

/* White space of Python's \s: the length of the one that begins, or ends, at s[at]; 0 when there is none. */
static size_t space_at(const char *s, size_t n, size_t at)
{
    if (at >= n)
        return 0;
    uint32_t cp;
    size_t len = loam_utf8_next(s + at, n - at, &cp);
    return cp != LOAM_UTF8_INVALID && loam_jj_is_space(cp) ? len : 0;
}

static size_t space_before(const char *s, size_t least, size_t at)
{
    for (size_t len = 1; len <= 3 && len <= at - least; len++)
        if (space_at(s, at, at - len) == len)
            return len;
    return 0;
}

/* Text without brackets: cut at \s*\bBREAK\b\s* */
static bool add_text(parsing *p, const char *s, size_t n)
{
    static const char word[] = "BREAK";
    const size_t n_word = sizeof word - 1;
    size_t from = 0;
    for (size_t i = 0; i + n_word <= n;) {
        if (memcmp(s + i, word, n_word) != 0 || word_before(s, i) || word_at(s, n, i + n_word)) {
            i++;
            continue;
        }
        size_t end = i, len;
        while ((len = space_before(s, from, end)))
            end -= len;
        if (!add_run(p, s + from, end - from, 1) || !add_run(p, word, n_word, -1))
            return false;
        i += n_word;
        while ((len = space_at(s, n, i)))
            i += len;
        from = i;
    }
    return add_run(p, s + from, n - from, 1);
}

/* The length of :([+-]?[.\d]+)\) at the start of s[0..n), or 0. */
static size_t weight_length(const char *s, size_t n)
{
    size_t i = 1, digits;
    if (i < n && (s[i] == '+' || s[i] == '-'))
        i++;
    for (digits = i; i < n && (s[i] == '.' || (s[i] >= '0' && s[i] <= '9'));)
        i++;
    return i > digits && i < n && s[i] == ')' ? i + 1 : 0;
}

static loam_status parse(parsing *p, const char *s, size_t n, loam_err *err)
{
    bool ok = true;
    for (size_t i = 0; i < n && ok;) {
        size_t len = 1;
        if (s[i] == '\\') {
            len += i + 1 < n && strchr("()[]\\", s[i + 1]) && s[i + 1];
            ok = add_run(p, s + i + 1, len - 1, 1);
        } else if (s[i] == '(') {
            ok = open_bracket(p, 0);
        } else if (s[i] == '[') {
            ok = open_bracket(p, 1);
        } else if (s[i] == ':' && (len = weight_length(s + i, n - i)) && p->n_open[0]) {
            double weight;
            if (!read_number(s + i + 1, len - 2, &weight))
                LOAM_FAIL(err, INVALID, "'%.*s' in the prompt is no weight: write (words:1.2)",
                          (int)(len < 40 ? len : 40), s + i);
            close_bracket(p, 0, weight);
        } else if (s[i] == ')' && p->n_open[0]) {
            close_bracket(p, 0, ROUND);
        } else if (s[i] == ']' && p->n_open[1]) {
            close_bracket(p, 1, SQUARE);
        } else if (strchr(":)]", s[i]) && s[i]) {
            len = len ? len : 1;
            ok = add_text(p, s + i, len);
        } else {
            while (i + len < n && (!s[i + len] || !strchr("\\()[]:", s[i + len])))
                len++;
            ok = add_text(p, s + i, len);
        }
        i += len;
    }
    for (size_t i = 0; i < p->n_open[0]; i++)
        weigh(p, p->open[0][i], ROUND);
    for (size_t i = 0; i < p->n_open[1]; i++)
        weigh(p, p->open[1][i], SQUARE);
    if (p->n == 0)
        ok = ok && add_run(p, "", 0, 1);
    if (!ok)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a prompt of %zu bytes", n);
    return LOAM_OK;
}

loam_status loam_prompt_parse(const char *text, size_t len, loam_prompt_parts *out, loam_err *err)
{
    *out = (loam_prompt_parts){0};
    if (len > LOAM_PROMPT_MAX_TEXT)
        LOAM_FAIL(err, TOO_LARGE, "the prompt has %zu bytes, at most %zu are allowed", len, LOAM_PROMPT_MAX_TEXT);
    parsing p = {0};
    loam_buf_init(&p.bytes, LOAM_PROMPT_MAX_TEXT + 1);
    loam_status st = parse(&p, text, len, err);
    if (st == LOAM_OK) {
        loam_buf_add(&p.bytes, "", 1); /* so that there are bytes at all */
        out->at = malloc(p.n * sizeof *out->at);
        out->bytes = loam_buf_take(&p.bytes);
        if (!out->at || !out->bytes)
            st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the parts of a prompt");
    }
    for (size_t i = 0; st == LOAM_OK && i < p.n; i++) {
        const struct run *r = &p.run[i];
        if (out->n && out->at[out->n - 1].weight == r->weight) /* runs lie one after the other in bytes */
            out->at[out->n - 1].len += r->len;
        else
            out->at[out->n++] = (loam_prompt_part){.text = out->bytes + r->from, .len = r->len, .weight = r->weight};
    }
    loam_buf_deinit(&p.bytes);
    free(p.run);
    free(p.open[0]);
    free(p.open[1]);
    if (st != LOAM_OK)
        loam_prompt_parts_deinit(out);
    return st;
}

void loam_prompt_parts_deinit(loam_prompt_parts *p)
{
    free(p->at);
    free(p->bytes);
    *p = (loam_prompt_parts){0};
}

bool loam_prompt_is_break(const loam_prompt_part *part)
{
    return part->weight == -1 && part->len == 5 && memcmp(part->text, "BREAK", 5) == 0;
}

/* ---- chunks ---- */

/* The chunk that is being filled. */
typedef struct filling {
    loam_prompt_chunks *out;
    int32_t ids[LOAM_PROMPT_CHUNK_TEXT];
    float weights[LOAM_PROMPT_CHUNK_TEXT];
    size_t n;
    size_t after_comma; /* the place after its last comma, or 0 */
} filling;

/* Makes room for one more chunk and fills it with BOS and EOS. */
static loam_status add_chunk(loam_prompt_chunks *c, loam_err *err)
{
    if (c->n_chunks == LOAM_PROMPT_MAX_CHUNKS)
        LOAM_FAIL(err, TOO_LARGE, "the prompt is longer than %d tokens",
                  LOAM_PROMPT_MAX_CHUNKS * LOAM_PROMPT_CHUNK_TEXT);
    size_t n = (c->n_chunks + 1) * LOAM_PROMPT_CHUNK;
    int32_t *ids = realloc(c->ids, n * sizeof *ids);
    if (ids)
        c->ids = ids;
    float *weights = realloc(c->weights, n * sizeof *weights);
    if (weights)
        c->weights = weights;
    if (!ids || !weights)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the tokens of a prompt");
    for (size_t i = n - LOAM_PROMPT_CHUNK; i < n; i++) {
        c->ids[i] = i == n - LOAM_PROMPT_CHUNK ? c->bos : c->eos;
        c->weights[i] = 1;
    }
    c->n_chunks++;
    return LOAM_OK;
}

/* Ends the chunk after its first n tokens; the others begin the next one. */
static loam_status end_chunk(filling *f, size_t n, loam_err *err)
{
    LOAM_TRY(add_chunk(f->out, err));
    size_t at = (f->out->n_chunks - 1) * LOAM_PROMPT_CHUNK + 1;
    memcpy(f->out->ids + at, f->ids, n * sizeof *f->ids);
    memcpy(f->out->weights + at, f->weights, n * sizeof *f->weights);
    f->n -= n;
    memmove(f->ids, f->ids + n, f->n * sizeof *f->ids);
    memmove(f->weights, f->weights + n, f->n * sizeof *f->weights);
    f->after_comma = 0;
    f->out->n_tokens += LOAM_PROMPT_CHUNK_TEXT;
    return LOAM_OK;
}

static loam_status add_token(filling *f, int32_t id, float weight, bool is_comma, loam_err *err)
{
    const size_t full = LOAM_PROMPT_CHUNK_TEXT;
    if (is_comma)
        f->after_comma = f->n + 1;
    else if (f->n == full && f->after_comma && full + 1 - f->after_comma <= COMMA_BACKTRACK)
        LOAM_TRY(end_chunk(f, f->after_comma, err));
    if (f->n == full)
        LOAM_TRY(end_chunk(f, full, err));
    f->ids[f->n] = id;
    f->weights[f->n++] = weight;
    return LOAM_OK;
}

static loam_status add_part(filling *f, const loam_clip_bpe *t, const loam_prompt_part *part, loam_err *err)
{
    if (loam_prompt_is_break(part))
        return end_chunk(f, f->n, err);
    int32_t *ids = NULL, comma = loam_clip_bpe_comma(t);
    size_t n = 0;
    loam_status st = loam_clip_bpe_encode(t, part->text, part->len, &ids, &n, err);
    for (size_t i = 0; st == LOAM_OK && i < n; i++)
        st = add_token(f, ids[i], (float)part->weight, ids[i] == comma, err);
    free(ids);
    return st;
}

loam_status loam_prompt_encode(const loam_clip_bpe *t, const char *text, size_t len, loam_prompt_chunks *out,
                               loam_err *err)
{
    *out = (loam_prompt_chunks){.bos = loam_clip_bpe_bos(t), .eos = loam_clip_bpe_eos(t)};
    loam_prompt_parts parts;
    LOAM_TRY(loam_prompt_parse(text, len, &parts, err));
    filling f = {.out = out};
    loam_status st = LOAM_OK;
    for (size_t i = 0; st == LOAM_OK && i < parts.n; i++)
        st = add_part(&f, t, &parts.at[i], err);
    loam_prompt_parts_deinit(&parts);
    if (st == LOAM_OK && (f.n || out->n_chunks == 0)) {
        size_t last = f.n;
        st = end_chunk(&f, last, err);
        out->n_tokens -= LOAM_PROMPT_CHUNK_TEXT - last;
    }
    if (st != LOAM_OK)
        loam_prompt_chunks_deinit(out);
    return st;
}

void loam_prompt_chunks_deinit(loam_prompt_chunks *c)
{
    free(c->ids);
    free(c->weights);
    *c = (loam_prompt_chunks){0};
}

loam_status loam_prompt_extend(loam_prompt_chunks *c, size_t n_chunks, loam_err *err)
{
    while (c->n_chunks < n_chunks)
        LOAM_TRY(add_chunk(c, err));
    return LOAM_OK;
}

void loam_prompt_pad(const loam_prompt_chunks *c, int32_t pad, int32_t *ids)
{
    for (size_t k = 0; k < c->n_chunks; k++) {
        const int32_t *from = c->ids + k * LOAM_PROMPT_CHUNK;
        int32_t *to = ids + k * LOAM_PROMPT_CHUNK;
        bool ended = false;
        for (size_t i = 0; i < LOAM_PROMPT_CHUNK; i++) {
            int32_t id = from[i];
            to[i] = ended ? pad : id;
            ended |= id == c->eos;
        }
    }
}

static double mean(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

void loam_prompt_weight(float *emb, const float *weights, size_t n_tokens, size_t dim)
{
    bool all_one = true;
    for (size_t i = 0; i < n_tokens; i++)
        all_one &= weights[i] == 1;
    if (all_one || dim == 0)
        return;
    double before = mean(emb, n_tokens * dim);
    for (size_t i = 0; i < n_tokens; i++)
        for (size_t k = 0; k < dim; k++)
            emb[i * dim + k] *= weights[i];
    float factor = (float)(before / mean(emb, n_tokens * dim));
    if (isfinite(factor))
        for (size_t i = 0; i < n_tokens * dim; i++)
            emb[i] *= factor;
}
