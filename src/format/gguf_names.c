/* Names in a GGUF file: an array of indices in the order of the names, searched by halving. A hash table would be as
 * fast, but a hostile file could choose names that collide. */
#define _GNU_SOURCE
#include "format/gguf_int.h"

#include <stdlib.h>
#include <string.h>

#include "format/format_int.h"

loam_gguf_names loam_gguf_kv_names(const loam_gguf *g)
{
    return (loam_gguf_names){(const char *)g->kv + offsetof(loam_gguf_kv, key), sizeof *g->kv, g->n_kv};
}

loam_gguf_names loam_gguf_tensor_names(const loam_gguf *g)
{
    return (loam_gguf_names){(const char *)g->tensors + offsetof(loam_gguf_tensor, name), sizeof *g->tensors,
                             g->n_tensors};
}

static loam_gguf_str name_at(loam_gguf_names names, size_t i)
{
    return *(const loam_gguf_str *)(const void *)((const char *)names.first + i * names.stride);
}

static int compare(loam_gguf_str a, loam_gguf_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.data, b.data, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b, void *names)
{
    const loam_gguf_names *of = names;
    return compare(name_at(*of, *(const uint32_t *)a), name_at(*of, *(const uint32_t *)b));
}

loam_status loam_gguf_names_sort(loam_gguf_names names, loam_arena *arena, const char *what, uint32_t **order,
                                 loam_err *err)
{
    uint32_t *sorted = loam_arena_alloc(arena, names.n * sizeof *sorted);
    if (!sorted)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the order of %zu names", names.n);
    for (size_t i = 0; i < names.n; i++)
        sorted[i] = (uint32_t)i;
    qsort_r(sorted, names.n, sizeof *sorted, by_name, &names);
    for (size_t i = 1; i < names.n; i++) {
        loam_gguf_str name = name_at(names, sorted[i]);
        if (compare(name_at(names, sorted[i - 1]), name) == 0)
            LOAM_FAIL(err, CORRUPT, "the %s '%s' appears twice: the file is damaged", what,
                      loam_show_name(name.data, name.len).text);
    }
    *order = sorted;
    return LOAM_OK;
}

size_t loam_gguf_names_find(loam_gguf_names names, const uint32_t *order, const char *name)
{
    loam_gguf_str want = {name, strlen(name)};
    size_t lo = 0, hi = names.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare(name_at(names, order[mid]), want);
        if (c == 0)
            return order[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return SIZE_MAX;
}
