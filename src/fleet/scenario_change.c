/* One change of one line, made to the tree before it is read, so that what is changed goes through the same checks as
 * what is written. A path names keys, and items of lists by their name or their number; since names may hold dots, at
 * each place the longest name counts that the rest of the path begins with. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "fleet/scenario_int.h"

enum { MAX_VALUE_BYTES = 64 << 10, MAX_SHOWN = 200 };

/* Where a change is going. */
typedef struct walk {
    loam_reader *r;
    const loam_change *change;
    const loam_yaml_node *value;
} walk;

static loam_status too_large(const walk *w)
{
    LOAM_FAIL(w->r->err, NO_MEMORY, "no memory for the change of '%s'", loam_show_text(w->change->path).text);
}

/* Gives a value the line of what it replaces, for messages. */
static void move_to_line(const loam_yaml_node *v, int line)
{
    loam_yaml_node *mine = (loam_yaml_node *)v; /* parsed for this change alone */
    mine->line = line;
    for (size_t i = 0; i < v->n && v->kind == LOAM_YAML_LIST; i++)
        move_to_line(v->items[i], line);
    for (size_t i = 0; i < v->n && v->kind == LOAM_YAML_MAP; i++) {
        ((loam_yaml_pair *)v->pairs)[i].line = line;
        move_to_line(v->pairs[i].value, line);
    }
}

/* What an item of a list is called: its name, or the item itself. NULL: only by number. */
static const char *item_name(const loam_yaml_node *item)
{
    const loam_yaml_node *name = item->kind == LOAM_YAML_TEXT ? item : loam_read_given(item, "name");
    return name && name->kind == LOAM_YAML_TEXT ? name->text : NULL;
}

static size_t n_parts(const loam_yaml_node *v)
{
    return v->kind == LOAM_YAML_MAP || v->kind == LOAM_YAML_LIST ? v->n : 0;
}

static const char *part_name(const loam_yaml_node *v, size_t i)
{
    return v->kind == LOAM_YAML_MAP ? v->pairs[i].key : item_name(v->items[i]);
}

/* The part of v that the path begins with, and how many bytes of the path name it; 0: none. */
static size_t find_part(const loam_yaml_node *v, const char *path, size_t *part)
{
    size_t longest = 0;
    for (size_t i = 0; i < n_parts(v); i++) {
        const char *name = part_name(v, i);
        size_t len = name ? strlen(name) : 0;
        if (len > longest && !strncmp(path, name, len) && (path[len] == '.' || !path[len])) {
            longest = len;
            *part = i;
        }
    }
    if (longest || v->kind != LOAM_YAML_LIST)
        return longest;
    size_t digits = strspn(path, "0123456789"), number = 0;
    if (!digits || digits > 6 || (path[digits] && path[digits] != '.'))
        return 0;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (size_t)(path[i] - '0');
    *part = number;
    return number < v->n ? digits : 0;
}

static loam_status names_nothing(const walk *w, const loam_yaml_node *v, const char *path)
{
    char all[MAX_SHOWN] = "";
    size_t len = 0, before = (size_t)(path - w->change->path);
    for (size_t i = 0; i < n_parts(v); i++) {
        const char *name = part_name(v, i);
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        int more = snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", name ? name : number);
        if (more < 0 || (size_t)more + 6 >= sizeof all - len) {
            snprintf(all + len, sizeof all - len, "%s...", i ? ", " : "");
            break;
        }
        len += (size_t)more;
    }
    const char *path_text = w->change->path;
    int n = before ? (int)(before - 1) : 0;
    if (!n)
        LOAM_FAIL(w->r->err, INVALID, "the change of '%s' names nothing: the scenario has %s",
                  loam_show_text(path_text).text, all);
    LOAM_FAIL(w->r->err, INVALID, "the change of '%s' names nothing: %.*s has %s", loam_show_text(path_text).text, n,
              path_text, *all ? all : "no parts");
}

/* `chips: [H20]` and `chips: [{name: H20}]` are the same. */
static loam_status as_map(const walk *w, const loam_yaml_node *item, const loam_yaml_node **out)
{
    loam_yaml_node *map = loam_arena_alloc(w->r->arena, sizeof *map);
    loam_yaml_pair *pair = loam_arena_alloc(w->r->arena, sizeof *pair);
    if (!map || !pair)
        return too_large(w);
    *pair = (loam_yaml_pair){"name", item->line, item};
    *map = (loam_yaml_node){.kind = LOAM_YAML_MAP, .line = item->line, .column = item->column, .n = 1, .pairs = pair};
    *out = map;
    return LOAM_OK;
}

static loam_status change(const walk *w, const loam_yaml_node *v, const char *path, const loam_yaml_node **out);

/* A copy of a map with one pair replaced, or added when at is its size. */
static loam_status with_pair(const walk *w, const loam_yaml_node *map, size_t at, loam_yaml_pair pair,
                             const loam_yaml_node **out)
{
    size_t n = at == map->n ? at + 1 : map->n;
    loam_yaml_node *copy = loam_arena_alloc(w->r->arena, sizeof *copy);
    loam_yaml_pair *pairs = loam_arena_alloc(w->r->arena, n * sizeof *pairs);
    if (!copy || !pairs)
        return too_large(w);
    *copy = *map;
    if (map->n)
        memcpy(pairs, map->pairs, map->n * sizeof *pairs);
    pairs[at] = pair;
    copy->n = n;
    copy->pairs = pairs;
    *out = copy;
    return LOAM_OK;
}

/* A copy of a list with one item replaced, or left out when it becomes null. */
static loam_status with_item(const walk *w, const loam_yaml_node *list, size_t at, const loam_yaml_node *item,
                             const loam_yaml_node **out)
{
    loam_yaml_node *copy = loam_arena_alloc(w->r->arena, sizeof *copy);
    const loam_yaml_node **items = loam_arena_alloc(w->r->arena, list->n * sizeof *items);
    if (!copy || !items)
        return too_large(w);
    *copy = *list;
    copy->n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const loam_yaml_node *here = i == at ? item : list->items[i];
        if (i != at || here->kind != LOAM_YAML_NULL)
            items[copy->n++] = here;
    }
    copy->items = items;
    *out = copy;
    return LOAM_OK;
}

/* A last key that is not there yet: its default is changed. Whether it may be there is found when it is read. */
static loam_status add_key(const walk *w, const loam_yaml_node *map, const char *key, const loam_yaml_node **out)
{
    loam_yaml_pair pair = {loam_arena_strndup(w->r->arena, key, strlen(key)), map->line, w->value};
    if (!pair.key)
        return too_large(w);
    move_to_line(w->value, map->line);
    return with_pair(w, map, map->n, pair, out);
}

static loam_status change(const walk *w, const loam_yaml_node *v, const char *path, const loam_yaml_node **out)
{
    size_t part = 0, len = find_part(v, path, &part);
    bool is_list = v->kind == LOAM_YAML_LIST;
    if (!len && v->kind == LOAM_YAML_MAP && *path && !strchr(path, '.'))
        return add_key(w, v, path, out);
    if (!len)
        return names_nothing(w, v, path);
    const loam_yaml_node *old = is_list ? v->items[part] : v->pairs[part].value, *changed = w->value;
    if (!path[len]) {
        move_to_line(changed, old->line);
    } else {
        if (is_list && old->kind == LOAM_YAML_TEXT)
            LOAM_TRY(as_map(w, old, &old));
        LOAM_TRY(change(w, old, path + len + 1, &changed));
    }
    if (is_list)
        return with_item(w, v, part, changed, out);
    return with_pair(w, v, part, (loam_yaml_pair){v->pairs[part].key, v->pairs[part].line, changed}, out);
}

loam_status loam_scenario_change_tree(loam_reader *r, const loam_yaml_node *root, const loam_change *c,
                                      const loam_yaml_node **out)
{
    walk w = {.r = r, .change = c};
    LOAM_TRY(loam_yaml_parse("the change", c->value, strlen(c->value), MAX_VALUE_BYTES, r->arena, &w.value, r->err));
    return change(&w, root, c->path, out);
}
