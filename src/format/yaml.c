/* YAML text becomes a tree. libyaml gives events; the maps and lists that are still open keep their entries on one
 * stack, and a closed one is copied into the arena. */
#include "format/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "format/format_int.h"

enum { MAX_DEPTH = 32 };

typedef struct builder {
    const char *name, *text;
    size_t len;
    loam_arena *arena;
    loam_err *err;
    yaml_parser_t parser;
    loam_yaml_pair *open; /* entries of all open maps and lists; those of lists have no key */
    size_t n_open, cap_open;
} builder;

static const char no_memory[] = "no memory for the YAML text of %s";

/* The usual mistake behind messages that do not name it: a line indented with a tab. */
static bool begins_with_tab(const builder *b, size_t line)
{
    const char *p = b->text, *end = b->text + b->len;
    for (; line > 0 && p < end; line--) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        p = feed ? feed + 1 : end;
    }
    while (p < end && *p == ' ')
        p++;
    return p < end && *p == '\t';
}

static loam_status parser_failed(const builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR)
        LOAM_FAIL(b->err, NO_MEMORY, no_memory, b->name);
    const char *problem = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR) {
        size_t line = 1;
        for (size_t i = 0; i < p->problem_offset && i < b->len; i++)
            line += b->text[i] == '\n';
        LOAM_FAIL(b->err, INVALID, "%s:%zu: %s: the text must be UTF-8", b->name, line, problem);
    }
    size_t line = p->problem_mark.line;
    if (begins_with_tab(b, line))
        LOAM_FAIL(b->err, INVALID, "%s:%zu: YAML is indented with spaces, this line begins with a tab", b->name,
                  line + 1);
    if (p->context)
        LOAM_FAIL(b->err, INVALID, "%s:%zu:%zu: not YAML: %s (%s that began at line %zu)", b->name, line + 1,
                  p->problem_mark.column + 1, problem, p->context, p->context_mark.line + 1);
    LOAM_FAIL(b->err, INVALID, "%s:%zu:%zu: not YAML: %s", b->name, line + 1, p->problem_mark.column + 1, problem);
}

static loam_status next_event(builder *b, yaml_event_t *e)
{
    if (!yaml_parser_parse(&b->parser, e))
        return parser_failed(b);
    return LOAM_OK;
}

static loam_status push(builder *b, loam_yaml_pair entry)
{
    if (b->n_open == b->cap_open) {
        size_t cap = b->cap_open ? 2 * b->cap_open : 64; /* bounded by the bytes of the text */
        loam_yaml_pair *bigger = realloc(b->open, cap * sizeof *bigger);
        if (!bigger)
            LOAM_FAIL(b->err, NO_MEMORY, no_memory, b->name);
        b->open = bigger;
        b->cap_open = cap;
    }
    b->open[b->n_open++] = entry;
    return LOAM_OK;
}

/* Control characters come only from escapes; whoever prints a name later must not have to think of them. */
static bool is_plain_text(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7F)
            return false;
        if (c == 0xC2 && i + 1 < n && (unsigned char)s[i + 1] < 0xA0)
            return false;
    }
    return true;
}

static loam_status only_plain_data(const builder *b, const yaml_event_t *e)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    int line = (int)e->start_mark.line + 1;
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        if (!is_plain_text((const char *)e->data.scalar.value, e->data.scalar.length))
            LOAM_FAIL(b->err, INVALID, "%s:%d: a text holds a control character", b->name, line);
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    } else if (e->type == YAML_ALIAS_EVENT) {
        const char *alias = (const char *)e->data.alias.anchor;
        LOAM_FAIL(b->err, INVALID, "%s:%d: the alias *%s is not read here: write the value out", b->name, line,
                  loam_show_name(alias, strlen(alias)).text);
    }
    if (anchor)
        LOAM_FAIL(b->err, INVALID, "%s:%d: the anchor &%s is not read here: write the value out", b->name, line,
                  loam_show_name((const char *)anchor, strlen((const char *)anchor)).text);
    if (tag)
        LOAM_FAIL(b->err, INVALID, "%s:%d: the tag %s is not read here: leave it out", b->name, line,
                  loam_show_name((const char *)tag, strlen((const char *)tag)).text);
    return LOAM_OK;
}

static loam_status new_node(builder *b, const yaml_event_t *e, loam_yaml_kind kind, loam_yaml_node **out)
{
    loam_yaml_node *v = *out = loam_arena_alloc(b->arena, sizeof *v);
    if (!v)
        LOAM_FAIL(b->err, NO_MEMORY, no_memory, b->name);
    v->kind = kind;
    v->line = (int)e->start_mark.line + 1;
    v->column = (int)e->start_mark.column + 1;
    return LOAM_OK;
}

static loam_status build_text(builder *b, const yaml_event_t *e, const loam_yaml_node **out)
{
    const char *s = (const char *)e->data.scalar.value;
    bool quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    bool null = !quoted && (!*s || !strcmp(s, "~") || !strcmp(s, "null"));
    loam_yaml_node *v;
    LOAM_TRY(new_node(b, e, null ? LOAM_YAML_NULL : LOAM_YAML_TEXT, &v));
    *out = v;
    if (null)
        return LOAM_OK;
    v->quoted = quoted;
    v->text = loam_arena_strndup(b->arena, s, e->data.scalar.length);
    if (!v->text)
        LOAM_FAIL(b->err, NO_MEMORY, no_memory, b->name);
    return LOAM_OK;
}

static int by_key(const void *a, const void *b)
{
    const loam_yaml_pair *p = a, *q = b;
    int order = strcmp(p->key, q->key);
    return order ? order : (p->line > q->line) - (p->line < q->line);
}

/* Sorts the entries, so they are looked at only after they were copied. */
static loam_status no_key_twice(const builder *b, loam_yaml_pair *entries, size_t n)
{
    qsort(entries, n, sizeof *entries, by_key);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(entries[i - 1].key, entries[i].key))
            LOAM_FAIL(b->err, INVALID, "%s:%d: the key '%s' is already at line %d", b->name, entries[i].line,
                      loam_show_name(entries[i].key, strlen(entries[i].key)).text, entries[i - 1].line);
    return LOAM_OK;
}

/* Moves the entries above `from` into the arena, as the pairs or items of v. */
static loam_status close_collection(builder *b, loam_yaml_node *v, size_t from)
{
    size_t n = b->n_open - from;
    loam_yaml_pair *entries = n ? b->open + from : NULL;
    v->n = n;
    if (v->kind == LOAM_YAML_MAP) {
        loam_yaml_pair *pairs = loam_arena_alloc(b->arena, n * sizeof *pairs);
        if (!pairs)
            LOAM_FAIL(b->err, NO_MEMORY, no_memory, b->name);
        if (n) {
            memcpy(pairs, entries, n * sizeof *pairs);
            LOAM_TRY(no_key_twice(b, entries, n));
        }
        v->pairs = pairs;
    } else {
        const loam_yaml_node **items = loam_arena_alloc(b->arena, n * sizeof *items);
        if (!items)
            LOAM_FAIL(b->err, NO_MEMORY, no_memory, b->name);
        for (size_t i = 0; i < n; i++)
            items[i] = entries[i].value;
        v->items = items;
    }
    b->n_open = from;
    return LOAM_OK;
}

static loam_status read_key(const builder *b, const yaml_event_t *e, loam_yaml_pair *entry)
{
    entry->line = (int)e->start_mark.line + 1;
    if (e->type != YAML_SCALAR_EVENT)
        LOAM_FAIL(b->err, INVALID, "%s:%d: a key must be one word, not a map or a list", b->name, entry->line);
    if (!e->data.scalar.length)
        LOAM_FAIL(b->err, INVALID, "%s:%d: there is a value without a key", b->name, entry->line);
    entry->key = loam_arena_strndup(b->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
    if (!entry->key)
        LOAM_FAIL(b->err, NO_MEMORY, no_memory, b->name);
    return LOAM_OK;
}

static loam_status build_collection(builder *b, const yaml_event_t *start, int depth, const loam_yaml_node **out);

/* The value that an event begins; the event stays the caller's. */
static loam_status build(builder *b, const yaml_event_t *e, int depth, const loam_yaml_node **out)
{
    LOAM_TRY(only_plain_data(b, e));
    if (e->type == YAML_SCALAR_EVENT)
        return build_text(b, e, out);
    if (depth == MAX_DEPTH)
        LOAM_FAIL(b->err, INVALID, "%s:%zu: nested more than %d levels deep", b->name, e->start_mark.line + 1,
                  MAX_DEPTH);
    return build_collection(b, e, depth, out);
}

static loam_status add_entry(builder *b, const yaml_event_t *e, bool is_map, int depth)
{
    loam_yaml_pair entry = {0};
    if (!is_map) {
        LOAM_TRY(build(b, e, depth + 1, &entry.value));
        return push(b, entry);
    }
    LOAM_TRY(only_plain_data(b, e));
    LOAM_TRY(read_key(b, e, &entry));
    yaml_event_t value;
    LOAM_TRY(next_event(b, &value));
    loam_status status = build(b, &value, depth + 1, &entry.value);
    yaml_event_delete(&value);
    return status == LOAM_OK ? push(b, entry) : status;
}

static loam_status build_collection(builder *b, const yaml_event_t *start, int depth, const loam_yaml_node **out)
{
    bool is_map = start->type == YAML_MAPPING_START_EVENT;
    yaml_event_type_t end = is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    size_t from = b->n_open;
    loam_yaml_node *v;
    LOAM_TRY(new_node(b, start, is_map ? LOAM_YAML_MAP : LOAM_YAML_LIST, &v));
    *out = v;
    for (;;) {
        yaml_event_t e;
        LOAM_TRY(next_event(b, &e));
        bool ended = e.type == end;
        loam_status status = ended ? close_collection(b, v, from) : add_entry(b, &e, is_map, depth);
        yaml_event_delete(&e);
        if (ended || status != LOAM_OK)
            return status;
    }
}

/* Stream start, document start, the value, document end, stream end. */
static loam_status build_document(builder *b, const loam_yaml_node **out)
{
    bool seen = false;
    for (;;) {
        yaml_event_t e;
        loam_status status = LOAM_OK;
        LOAM_TRY(next_event(b, &e));
        bool ended = e.type == YAML_STREAM_END_EVENT;
        if (ended && !seen) {
            loam_yaml_node *v;
            status = new_node(b, &e, LOAM_YAML_NULL, &v);
            *out = v;
        } else if (e.type == YAML_DOCUMENT_START_EVENT) {
            if (seen)
                status =
                    loam_err_set(b->err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                                 "%s:%zu: a second document begins here; one is read", b->name, e.start_mark.line + 1);
            else if (e.data.document_start.tag_directives.start != e.data.document_start.tag_directives.end)
                status = loam_err_set(b->err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                                      "%s:%zu: %%TAG is not read here: leave it out", b->name, e.start_mark.line + 1);
        } else if (!ended && e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_END_EVENT) {
            seen = true;
            status = build(b, &e, 0, out);
        }
        yaml_event_delete(&e);
        if (ended || status != LOAM_OK)
            return status;
    }
}

loam_status loam_yaml_parse(const char *name, const char *text, size_t len, size_t max_bytes, loam_arena *arena,
                            const loam_yaml_node **out, loam_err *err)
{
    *out = NULL;
    if (len > max_bytes)
        LOAM_FAIL(err, TOO_LARGE, "%s: the text has %s bytes, at most %s are allowed", name, loam_show_count(len).text,
                  loam_show_count(max_bytes).text);
    builder b = {.name = name, .text = len ? text : "", .len = len, .arena = arena, .err = err};
    if (!yaml_parser_initialize(&b.parser))
        LOAM_FAIL(err, NO_MEMORY, no_memory, name);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)b.text, len);
    loam_status status = build_document(&b, out);
    yaml_parser_delete(&b.parser);
    free(b.open);
    if (status != LOAM_OK)
        *out = NULL;
    return status;
}

const loam_yaml_node *loam_yaml_get(const loam_yaml_node *map, const char *key)
{
    if (map && map->kind == LOAM_YAML_MAP)
        for (size_t i = 0; i < map->n; i++)
            if (!strcmp(map->pairs[i].key, key))
                return map->pairs[i].value;
    return NULL;
}
