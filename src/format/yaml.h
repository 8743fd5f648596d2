/* YAML through libyaml: recipes, scenarios, settings. The whole text becomes a tree of maps, lists and scalars that
 * remember their lines, so that whoever reads it can say where something is wrong. Only plain data: anchors, aliases,
 * tags and several documents are refused by name. */
#ifndef LOAM_FORMAT_YAML_H
#define LOAM_FORMAT_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

typedef enum loam_yaml_kind { LOAM_YAML_NULL, LOAM_YAML_TEXT, LOAM_YAML_LIST, LOAM_YAML_MAP } loam_yaml_kind;

typedef struct loam_yaml_node loam_yaml_node;
typedef struct loam_yaml_pair {
    const char *key;
    int line; /* of the key */
    const loam_yaml_node *value;
} loam_yaml_pair;

/* NULL is an empty value, `~` or `null` unquoted. Quoted text is never a number, a boolean or NULL. */
struct loam_yaml_node {
    loam_yaml_kind kind;
    int line, column;                   /* from 1 */
    const char *text;                   /* TEXT: NUL-terminated UTF-8 without inner NULs */
    bool quoted;                        /* TEXT */
    size_t n;                           /* of items or pairs */
    const loam_yaml_node *const *items; /* LIST */
    const loam_yaml_pair *pairs;        /* MAP, in the order of the file; no key twice */
};

/* Parses one document of at most max_bytes and depth 32; everything lives in the arena. `name` is what messages call
 * the text, usually its path: "plan.yaml:12: …". An empty document is a NULL node. */
LOAM_CHECK_RESULT loam_status loam_yaml_parse(const char *name, const char *text, size_t len, size_t max_bytes,
                                              loam_arena *arena, const loam_yaml_node **out, loam_err *err);
/* The value of a key, or NULL. Maps only; others have no keys. */
const loam_yaml_node *loam_yaml_get(const loam_yaml_node *map, const char *key);

/* Readers of one scalar: INVALID with `name`, line and what was expected. Numbers are finite; a suffix k, M, G, T (10^3
 * … 10^12), B, bn or billion (10^9), million, trillion, or % may follow ("60%" is 0.6, "671B" 671e9); _ may group
 * digits. */
LOAM_CHECK_RESULT loam_status loam_yaml_number(const char *name, const loam_yaml_node *v, double min, double max,
                                               double *out, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_yaml_int(const char *name, const loam_yaml_node *v, long min, long max, long *out,
                                            loam_err *err);
LOAM_CHECK_RESULT loam_status loam_yaml_bool(const char *name, const loam_yaml_node *v, bool *out, loam_err *err);
/* One of the n words; *out is its index. The message lists the words. */
LOAM_CHECK_RESULT loam_status loam_yaml_choice(const char *name, const loam_yaml_node *v, const char *const *words,
                                               size_t n, int *out, loam_err *err);
/* INVALID, with the line and the nearest known key ("did you mean …?"), if the map holds a key that is not among the n
 * known ones. */
LOAM_CHECK_RESULT loam_status loam_yaml_known(const char *name, const loam_yaml_node *map, const char *const *keys,
                                              size_t n, loam_err *err);

/* The number with its suffix that s starts with; returns the bytes read, 0 if there is none. For texts that go on after
 * it: "40 bn CNY". */
size_t loam_yaml_scan_number(const char *s, double *out);

#endif
