/* An open GGUF file: opening, closing and what it holds. */
#include "format/gguf_int.h"

#include <stdlib.h>

static const char *const type_names[LOAM_GGUF_TYPE_COUNT] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                             "bool", "string", "array", "u64", "i64", "f64"};

const char *loam_gguf_type_name(loam_gguf_type t)
{
    return (unsigned)t < LOAM_GGUF_TYPE_COUNT ? type_names[t] : "unknown";
}

/* Takes map, also on failure. */
static loam_status open_map(loam_file_map map, bool owned, loam_gguf **out, loam_err *err)
{
    loam_gguf *g = calloc(1, sizeof *g);
    loam_arena *arena = loam_arena_new(0);
    if (!g || !arena) {
        free(g);
        loam_arena_free(arena);
        if (owned)
            loam_file_map_close(&map);
        LOAM_FAIL(err, NO_MEMORY, "no memory to open a GGUF file");
    }
    g->arena = arena;
    g->map = map;
    g->map_owned = owned;
    loam_status s = loam_gguf_read(g, err);
    if (loam_file_map_damaged(&map))
        s = loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "the file became shorter while it was being read");
    if (s != LOAM_OK) {
        loam_gguf_close(g);
        return s;
    }
    *out = g;
    return LOAM_OK;
}

loam_status loam_gguf_parse(const void *bytes, size_t size, loam_gguf **out, loam_err *err)
{
    *out = NULL;
    return open_map((loam_file_map){bytes, size}, false, out, err);
}

loam_status loam_gguf_open(const char *path, loam_gguf **out, loam_err *err)
{
    loam_file_map map;
    *out = NULL;
    LOAM_TRY(loam_file_map_open(path, &map, err));
    loam_status s = open_map(map, true, out, err);
    if (s != LOAM_OK)
        loam_err_prefix(err, "%s", path);
    return s;
}

void loam_gguf_close(loam_gguf *g)
{
    if (!g)
        return;
    if (g->map_owned)
        loam_file_map_close(&g->map);
    loam_arena_free(g->arena);
    free(g);
}

uint32_t loam_gguf_version(const loam_gguf *g)
{
    return g->version;
}
size_t loam_gguf_n_kv(const loam_gguf *g)
{
    return g->n_kv;
}
const loam_gguf_kv *loam_gguf_kv_at(const loam_gguf *g, size_t i)
{
    return &g->kv[i];
}
size_t loam_gguf_n_tensors(const loam_gguf *g)
{
    return g->n_tensors;
}
const loam_gguf_tensor *loam_gguf_tensor_at(const loam_gguf *g, size_t i)
{
    return &g->tensors[i];
}
const loam_file_map *loam_gguf_map(const loam_gguf *g)
{
    return &g->map;
}

const loam_gguf_kv *loam_gguf_find_kv(const loam_gguf *g, const char *key)
{
    size_t i = loam_gguf_names_find(loam_gguf_kv_names(g), g->kv_by_name, key);
    return i == SIZE_MAX ? NULL : &g->kv[i];
}

const loam_gguf_tensor *loam_gguf_find_tensor(const loam_gguf *g, const char *name)
{
    size_t i = loam_gguf_names_find(loam_gguf_tensor_names(g), g->tensors_by_name, name);
    return i == SIZE_MAX ? NULL : &g->tensors[i];
}
