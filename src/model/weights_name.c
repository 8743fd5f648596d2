/* Rewriting of one name: the tools of the maps. */
#include <stdlib.h>
#include <string.h>

#include "model/weights_int.h"

void loam_name_set(loam_name *n, const char *text)
{
    size_t len = strlen(text);
    n->failed = len >= LOAM_WEIGHT_NAME_MAX;
    memcpy(n->text, n->failed ? "" : text, n->failed ? 1 : len + 1);
}

void loam_name_splice(loam_name *n, size_t at, size_t drop, const char *with)
{
    size_t len = strlen(n->text), add = strlen(with);
    if (len - drop + add >= sizeof n->text) {
        n->failed = true;
        return;
    }
    memmove(n->text + at + add, n->text + at + drop, len - at - drop + 1);
    memcpy(n->text + at, with, add);
}

bool loam_name_swap(loam_name *n, const char *from, const char *to)
{
    const char *at = strstr(n->text, from);
    if (at)
        loam_name_splice(n, (size_t)(at - n->text), strlen(from), to);
    return at;
}

bool loam_name_swap_all(loam_name *n, const char *from, const char *to)
{
    bool any = false;
    size_t at = 0;
    for (const char *p; !n->failed && (p = strstr(n->text + at, from)); any = true) {
        at = (size_t)(p - n->text);
        loam_name_splice(n, at, strlen(from), to);
        at += strlen(to);
    }
    return any;
}

bool loam_name_swap_head(loam_name *n, const char *head, const char *to)
{
    bool yes = loam_starts(n->text, head);
    if (yes)
        loam_name_splice(n, 0, strlen(head), to);
    return yes;
}

void loam_name_swap_pairs(loam_name *n, const char *const pairs[][2], size_t n_pairs)
{
    for (size_t i = 0; i < n_pairs; i++)
        loam_name_swap(n, pairs[i][0], pairs[i][1]);
}

bool loam_starts(const char *s, const char *head)
{
    return strncmp(s, head, strlen(head)) == 0;
}

bool loam_ends(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

const char *loam_name_index(const char *s, int *out)
{
    int v = 0, digits = 0;
    for (; *s >= '0' && *s <= '9' && digits < 5; s++, digits++)
        v = v * 10 + (*s - '0');
    *out = v;
    return digits > 0 && digits < 5 && *s == '.' ? s + 1 : NULL;
}

bool loam_raw_any(const loam_raw_names *r, const char *head)
{
    for (size_t i = 0; i < r->n; i++)
        if (loam_starts(r->names[i], head))
            return true;
    return false;
}

bool loam_raw_any_in(const loam_raw_names *r, const char *part)
{
    for (size_t i = 0; i < r->n; i++)
        if (strstr(r->names[i], part))
            return true;
    return false;
}
