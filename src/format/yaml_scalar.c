/* Numbers, words and keys of a YAML tree, and what to say when one of them is not what was expected. */
#include "format/yaml.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "format/format_int.h"

enum { MAX_NUMBER = 64 }; /* bytes */

/* "a, b, c" of the words, cut where the room ends. */
static void list_words(const char *const *words, size_t n, char *out, size_t size)
{
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < n && len + 1 < size; i++) {
        int more = snprintf(out + len, size - len, "%s%s", i ? ", " : "", words[i]);
        if (more < 0 || (size_t)more >= size - len) {
            out[len] = 0;
            if (len + 5 < size)
                snprintf(out + len, size - len, ", ...");
            return;
        }
        len += (size_t)more;
    }
}

/* What a value is, for "expected …, this is …". */
static loam_shown show_value(const loam_yaml_node *v)
{
    static const char *const kinds[] = {"empty", "text", "a list", "a map"};
    if (v->kind == LOAM_YAML_TEXT)
        return loam_show_name(v->text, strlen(v->text));
    return loam_show_name(kinds[v->kind], strlen(kinds[v->kind]));
}

static loam_status expected(const char *name, const loam_yaml_node *v, const char *what, loam_err *err)
{
    const char *mark = v->kind == LOAM_YAML_TEXT ? "'" : "";
    LOAM_FAIL(err, INVALID, "%s:%d: expected %s, this is %s%s%s%s", name, v->line, what, mark, show_value(v).text, mark,
              v->kind == LOAM_YAML_TEXT && v->quoted ? " in quotes" : "");
}

size_t loam_yaml_scan_number(const char *s, double *out)
{
    char digits[MAX_NUMBER + 1]; /* without the _ between digits; came_from: where each was in s */
    size_t came_from[MAX_NUMBER + 1], n = 0;
    for (size_t k = 0; s[k] && strchr("0123456789.eE+-_", s[k]) && n < MAX_NUMBER; k++) {
        if (s[k] == '_' && k && isdigit((unsigned char)s[k - 1]) && isdigit((unsigned char)s[k + 1]))
            continue;
        came_from[n] = k;
        digits[n++] = s[k];
    }
    char *end;
    digits[n] = 0;
    *out = strtod(digits, &end);
    if (end == digits)
        return 0;
    size_t i = came_from[end - digits - 1] + 1;

    static const struct {
        const char *word;
        double factor;
    } suffixes[] = {{"k", 1e3},  {"M", 1e6},  {"G", 1e9},       {"T", 1e12},      {"B", 1e9},
                    {"bn", 1e9}, {"%", 0.01}, {"million", 1e6}, {"billion", 1e9}, {"trillion", 1e12}};
    size_t space = strspn(s + i, " ");
    for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
        size_t len = strlen(suffixes[k].word);
        if (strncmp(s + i + space, suffixes[k].word, len) || isalnum((unsigned char)s[i + space + len]))
            continue;
        *out *= suffixes[k].factor;
        i += space + len;
        break;
    }
    return isfinite(*out) ? i : 0;
}

loam_status loam_yaml_number(const char *name, const loam_yaml_node *v, double min, double max, double *out,
                             loam_err *err)
{
    char what[120];
    if (isfinite(min) && isfinite(max))
        snprintf(what, sizeof what, "a number from %.10g to %.10g", min, max);
    else if (isfinite(min))
        snprintf(what, sizeof what, "a number of at least %.10g", min);
    else if (isfinite(max))
        snprintf(what, sizeof what, "a number of at most %.10g", max);
    else
        snprintf(what, sizeof what, "a number");
    double x;
    size_t len;
    if (v->kind != LOAM_YAML_TEXT || v->quoted || !(len = loam_yaml_scan_number(v->text, &x)) || v->text[len] ||
        x < min || x > max)
        return expected(name, v, what, err);
    *out = x;
    return LOAM_OK;
}

loam_status loam_yaml_int(const char *name, const loam_yaml_node *v, long min, long max, long *out, loam_err *err)
{
    double x;
    char what[120];
    size_t len;
    snprintf(what, sizeof what, "a whole number from %ld to %ld", min, max);
    if (v->kind != LOAM_YAML_TEXT || v->quoted || !(len = loam_yaml_scan_number(v->text, &x)) || v->text[len] ||
        fabs(x) > 9007199254740992.0 || x != floor(x) || (long)x < min || (long)x > max)
        return expected(name, v, what, err);
    *out = (long)x;
    return LOAM_OK;
}

loam_status loam_yaml_bool(const char *name, const loam_yaml_node *v, bool *out, loam_err *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    if (v->kind == LOAM_YAML_TEXT && !v->quoted)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (!strcmp(v->text, words[i])) {
                *out = i % 2;
                return LOAM_OK;
            }
    return expected(name, v, "yes or no", err);
}

loam_status loam_yaml_choice(const char *name, const loam_yaml_node *v, const char *const *words, size_t n, int *out,
                             loam_err *err)
{
    if (v->kind == LOAM_YAML_TEXT)
        for (size_t i = 0; i < n; i++)
            if (!strcmp(v->text, words[i])) {
                *out = (int)i;
                return LOAM_OK;
            }
    char what[200] = "one of ";
    list_words(words, n, what + strlen(what), sizeof what - strlen(what));
    return expected(name, v, what, err);
}

loam_status loam_yaml_known(const char *name, const loam_yaml_node *map, const char *const *keys, size_t n,
                            loam_err *err)
{
    if (map->kind != LOAM_YAML_MAP)
        return expected(name, map, "a map of keys and values", err);
    for (size_t i = 0; i < map->n; i++) {
        const loam_yaml_pair *p = &map->pairs[i];
        bool known = false;
        for (size_t k = 0; k < n && !known; k++)
            known = !strcmp(p->key, keys[k]);
        if (known)
            continue;
        const char *nearest = loam_nearest(p->key, keys, n);
        if (nearest)
            LOAM_FAIL(err, INVALID, "%s:%d: unknown key '%s'; did you mean '%s'?", name, p->line,
                      loam_show_name(p->key, strlen(p->key)).text, nearest);
        char all[300];
        list_words(keys, n, all, sizeof all);
        LOAM_FAIL(err, INVALID, "%s:%d: unknown key '%s'; the keys here are %s", name, p->line,
                  loam_show_name(p->key, strlen(p->key)).text, all);
    }
    return LOAM_OK;
}
