/* Names that stand for regions, chips and so on: one of them, or a set. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "fleet/scenario_int.h"

enum { MAX_SHOWN = 240, MAX_ATTRIBUTES = 4 };

static const char *const services_by_kind[] = {"chat", "image", "video"};

/* One kind of thing: what messages call it, how many there are, and what is known of each. */
typedef struct name_space {
    const char *what, *plural;
    bool beginnings; /* a beginning of a name will do */
    size_t n;
    const char *attributes[MAX_ATTRIBUTES];
} name_space;

static name_space space_of(const loam_reader *r, loam_name_kind kind)
{
    const loam_scenario *s = r->s;
    switch (kind) {
    case LOAM_NAME_REGION:
        return (name_space){"region", "regions", false, s->n_regions, {"country", "owner"}};
    case LOAM_NAME_ORIGIN:
        return (name_space){"origin", "origins", false, s->n_origins, {"country"}};
    case LOAM_NAME_MODEL:
        return (name_space){"model", "models", false, s->n_models, {0}};
    case LOAM_NAME_SERVICE:
        return (name_space){"service", "services", false, s->n_services, {"kind"}};
    case LOAM_NAME_TRAINING:
        return (name_space){"training run", "training runs", false, s->n_trainings, {0}};
    case LOAM_NAME_CHIP:
        return (name_space){"chip", "chips of the scenario", true, s->n_chips, {"vendor", "origin"}};
    case LOAM_NAME_CATALOGUE:
        return (name_space){"chip", "chips of the catalogue", true, r->catalogue.n, {0}};
    case LOAM_NAME_BUILTIN:
        return (name_space){"model", "models that are known", true, loam_n_builtin_models, {0}};
    }
    return (name_space){0};
}

/* The name of the i-th, or what it has under an attribute's key. */
static const char *attribute(const loam_reader *r, loam_name_kind kind, size_t i, const char *key)
{
    const loam_scenario *s = r->s;
    bool name = !strcmp(key, "name");
    switch (kind) {
    case LOAM_NAME_REGION:
        return name ? s->regions[i].name : !strcmp(key, "country") ? s->regions[i].country : s->regions[i].owner;
    case LOAM_NAME_ORIGIN:
        return name ? s->origins[i].name : s->origins[i].country;
    case LOAM_NAME_MODEL:
        return s->models[i].name;
    case LOAM_NAME_SERVICE:
        return name ? s->services[i].name : services_by_kind[s->services[i].kind];
    case LOAM_NAME_TRAINING:
        return s->trainings[i].name;
    case LOAM_NAME_CHIP:
        return name                     ? s->chips[i].chip.name
               : !strcmp(key, "vendor") ? s->chips[i].chip.vendor
                                        : s->chips[i].chip.origin;
    case LOAM_NAME_CATALOGUE:
        return r->catalogue.chips[i].name;
    case LOAM_NAME_BUILTIN:
        return loam_builtin_models[i].name;
    }
    return "";
}

loam_status loam_read_unknown(loam_reader *r, int line, const char *what, const char *word, const char *const *words,
                              size_t n)
{
    const char *nearest = loam_nearest(word, words, n);
    if (nearest)
        LOAM_REFUSE(r, line, "unknown %s '%s'; did you mean '%s'?", what, loam_show_text(word).text, nearest);
    char all[MAX_SHOWN] = "";
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        int more = snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", words[i]);
        if (more < 0 || (size_t)more + 6 >= sizeof all - len) {
            snprintf(all + len, sizeof all - len, ", ...");
            break;
        }
        len += (size_t)more;
    }
    if (!n)
        LOAM_REFUSE(r, line, "unknown %s '%s': there are none", what, loam_show_text(word).text);
    LOAM_REFUSE(r, line, "unknown %s '%s'; there are %s", what, loam_show_text(word).text, all);
}

static loam_status unknown_name(loam_reader *r, int line, loam_name_kind kind, const char *what, const char *key,
                                const char *word)
{
    name_space space = space_of(r, kind);
    const char **words;
    size_t n = 0;
    LOAM_TRY(loam_read_alloc(r, space.n, sizeof *words, &words));
    for (size_t i = 0; i < space.n; i++) {
        const char *w = attribute(r, kind, i, key);
        bool seen = false;
        for (size_t k = 0; k < n && !seen; k++)
            seen = !strcmp(words[k], w);
        if (!seen)
            words[n++] = w;
    }
    return loam_read_unknown(r, line, what, word, words, n);
}

/* How well a word names something: 3 it is the name, 2 the beginning up to a hyphen, 1 any beginning, 0 not. */
static int match(const char *word, const char *name, bool beginnings)
{
    if (!beginnings)
        return strcmp(word, name) ? 0 : 3;
    size_t n = strlen(word);
    if (!n || strncasecmp(word, name, n))
        return 0;
    return !name[n] ? 3 : name[n] == '-' ? 2 : 1;
}

/* The best match of any name, and how many match so. */
static int best_match(const loam_reader *r, loam_name_kind kind, const char *word, size_t *first, size_t *count)
{
    name_space space = space_of(r, kind);
    int best = 0;
    *first = *count = 0;
    for (size_t i = 0; i < space.n; i++) {
        int m = match(word, attribute(r, kind, i, "name"), space.beginnings);
        if (m && m == best)
            ++*count;
        if (m <= best)
            continue;
        best = m;
        *first = i;
        *count = 1;
    }
    return best;
}

loam_status loam_read_name(loam_reader *r, const loam_yaml_node *v, loam_name_kind kind, int *out)
{
    const char *word;
    size_t first, count;
    LOAM_TRY(loam_read_text(r, v, &word));
    name_space space = space_of(r, kind);
    int best = best_match(r, kind, word, &first, &count);
    if (!best)
        return unknown_name(r, v->line, kind, space.what, "name", word);
    if (count > 1) {
        size_t second = first + 1;
        while (match(word, attribute(r, kind, second, "name"), space.beginnings) != best)
            second++;
        LOAM_REFUSE(r, v->line, "'%s' may be %s or %s: write more of the name", loam_show_text(word).text,
                    attribute(r, kind, first, "name"), attribute(r, kind, second, "name"));
    }
    *out = (int)first;
    return LOAM_OK;
}

static loam_status add_named(loam_reader *r, const loam_yaml_node *v, loam_name_kind kind, bool *set)
{
    const char *word;
    size_t first, count;
    LOAM_TRY(loam_read_text(r, v, &word));
    name_space space = space_of(r, kind);
    int best = best_match(r, kind, word, &first, &count);
    if (!best)
        return unknown_name(r, v->line, kind, space.what, "name", word);
    for (size_t i = first; i < space.n; i++)
        if (match(word, attribute(r, kind, i, "name"), space.beginnings) == best)
            set[i] = true;
    return LOAM_OK;
}

/* Keeps in the set only what has one of the values under the key. */
static loam_status keep_with(loam_reader *r, const loam_yaml_pair *p, loam_name_kind kind, size_t n, bool *set)
{
    const loam_yaml_node *one = p->value, *const *values = &one;
    size_t n_values = 1;
    bool *having;
    LOAM_TRY(loam_read_alloc(r, n, sizeof *having, &having));
    if (p->value->kind == LOAM_YAML_LIST) {
        values = p->value->items;
        n_values = p->value->n;
    }
    for (size_t k = 0; k < n_values; k++) {
        const char *word;
        bool any = false;
        LOAM_TRY(loam_read_text(r, values[k], &word));
        for (size_t i = 0; i < n; i++)
            if (!strcasecmp(attribute(r, kind, i, p->key), word))
                any = having[i] = true;
        if (!any)
            return unknown_name(r, values[k]->line, kind, p->key, p->key, word);
    }
    for (size_t i = 0; i < n; i++)
        set[i] &= having[i];
    return LOAM_OK;
}

loam_status loam_read_set(loam_reader *r, const loam_yaml_node *v, loam_name_kind kind, const bool **out)
{
    name_space space = space_of(r, kind);
    bool *set, any = false;
    bool all = v->kind == LOAM_YAML_MAP || (v->kind == LOAM_YAML_TEXT && !v->quoted && !strcmp(v->text, "all"));
    LOAM_TRY(loam_read_alloc(r, space.n, sizeof *set, &set));
    for (size_t i = 0; i < space.n; i++)
        set[i] = all;
    if (v->kind == LOAM_YAML_MAP) {
        size_t n_keys = 0;
        while (n_keys < MAX_ATTRIBUTES && space.attributes[n_keys])
            n_keys++;
        LOAM_TRY(loam_yaml_known(r->name, v, space.attributes, n_keys, r->err));
        for (size_t i = 0; i < v->n; i++)
            LOAM_TRY(keep_with(r, &v->pairs[i], kind, space.n, set));
    } else if (v->kind == LOAM_YAML_LIST) {
        for (size_t i = 0; i < v->n; i++)
            LOAM_TRY(add_named(r, v->items[i], kind, set));
    } else if (!all) {
        LOAM_TRY(add_named(r, v, kind, set));
    }
    for (size_t i = 0; i < space.n; i++)
        any |= set[i];
    if (!any)
        LOAM_REFUSE(r, v->line, "this names none of the %zu %s", space.n, space.plural);
    *out = set;
    return LOAM_OK;
}

loam_status loam_read_unique(loam_reader *r, const char *what, const void *items, size_t n, size_t item_bytes,
                             size_t name_at, size_t line_at)
{
    const char *bytes = items;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            const char *a, *b;
            int line, line_before;
            memcpy(&a, bytes + i * item_bytes + name_at, sizeof a);
            memcpy(&b, bytes + k * item_bytes + name_at, sizeof b);
            memcpy(&line, bytes + i * item_bytes + line_at, sizeof line);
            memcpy(&line_before, bytes + k * item_bytes + line_at, sizeof line_before);
            if (!strcmp(a, b))
                LOAM_REFUSE(r, line, "there is already a %s '%s' at line %d", what, a, line_before);
        }
    return LOAM_OK;
}
