/* YAML from a stranger: either a tree that keeps its promises, or a message that names the text. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_scalar(const loam_yaml_node *v)
{
    static const char *const words[] = {"one", "two"};
    loam_err err = LOAM_ERR_INIT;
    double x;
    long n;
    bool on;
    int k;
    if (loam_yaml_number("t", v, -1e6, INFINITY, &x, &err) == LOAM_OK && !(x >= -1e6 && x < INFINITY))
        abort();
    if (loam_yaml_int("t", v, -5, 5, &n, &err) == LOAM_OK && (n < -5 || n > 5))
        abort();
    if (loam_yaml_bool("t", v, &on, &err) == LOAM_OK && v->quoted)
        abort();
    if (loam_yaml_choice("t", v, words, 2, &k, &err) == LOAM_OK && strcmp(v->text, words[k]))
        abort();
    if (v->kind == LOAM_YAML_TEXT && loam_yaml_scan_number(v->text, &x) > strlen(v->text))
        abort();
}

static void check(const loam_yaml_node *v, int depth)
{
    static const char *const keys[] = {"name", "demand"};
    loam_err err = LOAM_ERR_INIT;
    if (!v || depth > 32 || v->line < 1 || v->column < 1 || (v->kind == LOAM_YAML_TEXT) != (v->text != NULL))
        abort();
    check_scalar(v);
    if (v->kind == LOAM_YAML_LIST)
        for (size_t i = 0; i < v->n; i++)
            check(v->items[i], depth + 1);
    if (v->kind != LOAM_YAML_MAP)
        return;
    for (size_t i = 0; i < v->n; i++) {
        if (loam_yaml_get(v, v->pairs[i].key) != v->pairs[i].value) /* no key twice */
            abort();
        check(v->pairs[i].value, depth + 1);
    }
    if (loam_yaml_known("t", v, keys, 2, &err) != LOAM_OK && !err.msg[0])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    const loam_yaml_node *root;
    loam_arena *arena = loam_arena_new(16 << 20);
    if (!arena || size > 20000) { /* the check above looks keys up one by one */
        loam_arena_free(arena);
        return 0;
    }
    if (loam_yaml_parse("text", (const char *)data, size, 1 << 20, arena, &root, &err) == LOAM_OK)
        check(root, 0);
    else if (root || (err.code != LOAM_STATUS_NO_MEMORY && strncmp(err.msg, "text:", 5)))
        abort();
    loam_arena_free(arena);
    return 0;
}
