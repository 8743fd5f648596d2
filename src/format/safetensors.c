/* Reading safetensors. The file:
 *
 *   header length u64, little endian
 *   header: {"__metadata__": {key: string, …}, name: {"dtype": "F32", "shape": […], "data_offsets": [begin, end]}, …}
 *   data; offsets count from its start
 *
 * The header goes through jansson once and is copied into an arena; the JSON tree is gone when the file is open. */
#define _GNU_SOURCE
#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "format/format_int.h"
#include "format/json.h"

enum { LENGTH_BYTES = 8, MAX_HEADER_BYTES = 100000000 /* the reference's limit */ };

struct loam_safetensors {
    loam_arena *arena;
    loam_file_map map;
    bool map_owned;
    size_t n_tensors, n_metadata;
    loam_safetensors_tensor *tensors; /* by offset */
    loam_safetensors_entry *metadata; /* by key */
    uint32_t *by_name;                /* indices into tensors in the order of the names */
};

static const struct {
    const char *name;
    int bits;
} dtypes[] = {
#define X(name, bits) {#name, bits},
    LOAM_SAFETENSORS_DTYPE_LIST(X)
#undef X
};

const char *loam_safetensors_dtype_name(loam_safetensors_dtype d)
{
    return (unsigned)d < LOAM_SAFETENSORS_DTYPE_COUNT ? dtypes[d].name : "unknown";
}

int loam_safetensors_dtype_bits(loam_safetensors_dtype d)
{
    return (unsigned)d < LOAM_SAFETENSORS_DTYPE_COUNT ? dtypes[d].bits : 0;
}

static loam_shown show(const char *s)
{
    return loam_show_name(s, strlen(s));
}

static loam_status no_memory(loam_err *err)
{
    LOAM_FAIL(err, NO_MEMORY, "no memory for the safetensors header");
}

static loam_status copy_string(loam_arena *arena, const char *s, const char **out, loam_err *err)
{
    *out = loam_arena_strndup(arena, s, strlen(s));
    return *out ? LOAM_OK : no_memory(err);
}

/* ---- one tensor ---- */

static loam_status read_dtype(const json_t *v, loam_safetensors_tensor *t, loam_err *err)
{
    const char *name = json_string_value(v);
    if (!name)
        LOAM_FAIL(err, CORRUPT, "tensor '%s': \"dtype\" is missing or not a string", show(t->name).text);
    for (int i = 0; i < LOAM_SAFETENSORS_DTYPE_COUNT; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            t->dtype = (loam_safetensors_dtype)i;
            return LOAM_OK;
        }
    LOAM_FAIL(err, UNSUPPORTED, "tensor '%s' has the unknown dtype '%s'", show(t->name).text, show(name).text);
}

static bool read_size(const json_t *v, size_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (size_t)json_integer_value(v);
    return true;
}

/* Fills the shape and the number of bytes that it stands for. */
static loam_status read_shape(const json_t *v, loam_safetensors_tensor *t, loam_err *err)
{
    if (!json_is_array(v))
        LOAM_FAIL(err, CORRUPT, "tensor '%s': \"shape\" is missing or not an array", show(t->name).text);
    if (json_array_size(v) > LOAM_SAFETENSORS_MAX_DIMS)
        LOAM_FAIL(err, UNSUPPORTED, "tensor '%s' has %zu dimensions, Loam reads up to %d", show(t->name).text,
                  json_array_size(v), LOAM_SAFETENSORS_MAX_DIMS);
    size_t elems = 1, bits;
    t->n_dims = (int)json_array_size(v);
    for (int i = 0; i < t->n_dims; i++) {
        size_t size;
        if (!read_size(json_array_get(v, (size_t)i), &size))
            LOAM_FAIL(err, CORRUPT, "tensor '%s': dimension %d is not a whole number of at least 0", show(t->name).text,
                      i);
        t->shape[i] = (int64_t)size;
        if (loam_mul_overflows(elems, size, &elems))
            LOAM_FAIL(err, CORRUPT, "tensor '%s' has more elements than memory has addresses", show(t->name).text);
    }
    if (loam_mul_overflows(elems, (size_t)dtypes[t->dtype].bits, &bits))
        LOAM_FAIL(err, CORRUPT, "tensor '%s' has more elements than memory has addresses", show(t->name).text);
    if (bits % 8)
        LOAM_FAIL(err, CORRUPT, "tensor '%s': %s elements of %s do not fill whole bytes", show(t->name).text,
                  loam_show_count(elems).text, dtypes[t->dtype].name);
    t->bytes = bits / 8;
    return LOAM_OK;
}

/* t->offset still counts from the start of the data, which has data_bytes. */
static loam_status read_offsets(const json_t *v, size_t data_bytes, loam_safetensors_tensor *t, loam_err *err)
{
    size_t begin, end;
    if (json_array_size(v) != 2 || !read_size(json_array_get(v, 0), &begin) || !read_size(json_array_get(v, 1), &end))
        LOAM_FAIL(err, CORRUPT, "tensor '%s': \"data_offsets\" must be two whole numbers", show(t->name).text);
    if (begin > end || end - begin != t->bytes)
        LOAM_FAIL(err, CORRUPT, "tensor '%s' takes %s bytes by its shape, its data_offsets are %s and %s",
                  show(t->name).text, loam_show_count(t->bytes).text, loam_show_count(begin).text,
                  loam_show_count(end).text);
    if (end > data_bytes)
        LOAM_FAIL(err, CORRUPT,
                  "tensor '%s' needs %s bytes at offset %s of the data, which has only %s: the download is incomplete",
                  show(t->name).text, loam_show_count(t->bytes).text, loam_show_count(begin).text,
                  loam_show_count(data_bytes).text);
    t->offset = begin;
    return LOAM_OK;
}

static loam_status read_tensor(loam_safetensors *st, const char *name, const json_t *v, size_t data_bytes,
                               loam_safetensors_tensor *t, loam_err *err)
{
    LOAM_TRY(copy_string(st->arena, name, &t->name, err));
    if (!json_is_object(v))
        LOAM_FAIL(err, CORRUPT, "tensor '%s' is not described by an object", show(name).text);
    LOAM_TRY(read_dtype(json_object_get(v, "dtype"), t, err));
    LOAM_TRY(read_shape(json_object_get(v, "shape"), t, err));
    return read_offsets(json_object_get(v, "data_offsets"), data_bytes, t, err);
}

/* ---- the header ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const loam_safetensors_entry *)a)->key, ((const loam_safetensors_entry *)b)->key);
}

static loam_status read_metadata(loam_safetensors *st, const json_t *v, loam_err *err)
{
    if (json_is_null(v))
        return LOAM_OK;
    if (!json_is_object(v))
        LOAM_FAIL(err, CORRUPT, "\"__metadata__\" is not an object");
    st->metadata = loam_arena_alloc(st->arena, json_object_size(v) * sizeof *st->metadata);
    if (!st->metadata)
        return no_memory(err);
    for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
         it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        const char *key = json_object_iter_key(it), *value = json_string_value(json_object_iter_value(it));
        if (!value)
            LOAM_FAIL(err, CORRUPT, "\"__metadata__\": the value of '%s' is not a string", show(key).text);
        loam_safetensors_entry *e = &st->metadata[st->n_metadata];
        LOAM_TRY(copy_string(st->arena, key, &e->key, err));
        LOAM_TRY(copy_string(st->arena, value, &e->value, err));
        st->n_metadata++;
    }
    qsort(st->metadata, st->n_metadata, sizeof *st->metadata, by_key);
    return LOAM_OK;
}

static int by_place(const void *a, const void *b)
{
    const loam_safetensors_tensor *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1; /* empty ones first */
    return strcmp(x->name, y->name);
}

/* Sorts by place and checks that the tensors cover the data exactly. */
static loam_status place_tensors(loam_safetensors *st, size_t data_start, size_t data_bytes, loam_err *err)
{
    size_t pos = 0;
    qsort(st->tensors, st->n_tensors, sizeof *st->tensors, by_place);
    for (size_t i = 0; i < st->n_tensors; i++) {
        loam_safetensors_tensor *t = &st->tensors[i];
        if (t->offset != pos)
            LOAM_FAIL(err, CORRUPT, "tensor '%s' begins at offset %s of the data, the one before it ends at %s",
                      show(t->name).text, loam_show_count(t->offset).text, loam_show_count(pos).text);
        pos += t->bytes;
        t->offset += data_start;
        t->data = st->map.data + t->offset;
    }
    if (pos != data_bytes)
        LOAM_FAIL(err, CORRUPT, "the tensors take %s bytes, the file has %s bytes of data", loam_show_count(pos).text,
                  loam_show_count(data_bytes).text);
    return LOAM_OK;
}

static int by_name(const void *a, const void *b, void *tensors)
{
    const loam_safetensors_tensor *t = tensors;
    return strcmp(t[*(const uint32_t *)a].name, t[*(const uint32_t *)b].name);
}

static loam_status read_header(loam_safetensors *st, const json_t *header, size_t data_start, loam_err *err)
{
    size_t n = json_object_size(header), data_bytes = st->map.size - data_start;
    st->tensors = loam_arena_alloc(st->arena, n * sizeof *st->tensors);
    st->by_name = loam_arena_alloc(st->arena, n * sizeof *st->by_name);
    if (!st->tensors || !st->by_name)
        return no_memory(err);
    json_t *h = (json_t *)(uintptr_t)header; /* jansson iterates over mutable objects only */
    for (void *it = json_object_iter(h); it; it = json_object_iter_next(h, it)) {
        const char *name = json_object_iter_key(it);
        const json_t *v = json_object_iter_value(it);
        if (strcmp(name, "__metadata__") == 0) {
            LOAM_TRY(read_metadata(st, v, err));
        } else {
            LOAM_TRY(read_tensor(st, name, v, data_bytes, &st->tensors[st->n_tensors], err));
            st->n_tensors++;
        }
    }
    LOAM_TRY(place_tensors(st, data_start, data_bytes, err));
    for (size_t i = 0; i < st->n_tensors; i++)
        st->by_name[i] = (uint32_t)i;
    qsort_r(st->by_name, st->n_tensors, sizeof *st->by_name, by_name, st->tensors);
    return LOAM_OK;
}

static loam_status parse(loam_safetensors *st, loam_err *err)
{
    uint64_t header_bytes;
    if (st->map.size < LENGTH_BYTES)
        LOAM_FAIL(err, CORRUPT, "a safetensors file starts with 8 bytes of header length, this one has %zu bytes",
                  st->map.size);
    memcpy(&header_bytes, st->map.data, sizeof header_bytes);
    if (header_bytes > MAX_HEADER_BYTES)
        LOAM_FAIL(err, CORRUPT, "the header has %s bytes, at most %s are allowed: this is not a safetensors file",
                  loam_show_count(header_bytes).text, loam_show_count(MAX_HEADER_BYTES).text);
    if (header_bytes > st->map.size - LENGTH_BYTES)
        LOAM_FAIL(err, CORRUPT, "the header needs %s bytes, the file ends at %s: the download is incomplete",
                  loam_show_count(header_bytes).text, loam_show_count(st->map.size).text);
    json_t *header;
    loam_status s = loam_json_parse((const char *)st->map.data + LENGTH_BYTES, (size_t)header_bytes, MAX_HEADER_BYTES,
                                    &header, err);
    if (s != LOAM_OK) {
        loam_err_prefix(err, "the safetensors header");
        return s;
    }
    if (json_is_object(header))
        s = read_header(st, header, LENGTH_BYTES + (size_t)header_bytes, err);
    else
        s = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "the safetensors header is not a JSON object");
    json_decref(header);
    return s;
}

/* Takes map, also on failure. */
static loam_status open_map(loam_file_map map, bool owned, loam_safetensors **out, loam_err *err)
{
    loam_safetensors *st = calloc(1, sizeof *st);
    loam_arena *arena = loam_arena_new(0);
    if (!st || !arena) {
        free(st);
        loam_arena_free(arena);
        if (owned)
            loam_file_map_close(&map);
        return no_memory(err);
    }
    st->arena = arena;
    st->map = map;
    st->map_owned = owned;
    loam_status s = parse(st, err);
    if (loam_file_map_damaged(&map))
        s = loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "the file became shorter while it was being read");
    if (s != LOAM_OK) {
        loam_safetensors_close(st);
        return s;
    }
    *out = st;
    return LOAM_OK;
}

loam_status loam_safetensors_parse(const void *bytes, size_t size, loam_safetensors **out, loam_err *err)
{
    *out = NULL;
    return open_map((loam_file_map){bytes, size}, false, out, err);
}

loam_status loam_safetensors_open(const char *path, loam_safetensors **out, loam_err *err)
{
    loam_file_map map;
    *out = NULL;
    LOAM_TRY(loam_file_map_open(path, &map, err));
    loam_status s = open_map(map, true, out, err);
    if (s != LOAM_OK)
        loam_err_prefix(err, "%s", path);
    return s;
}

void loam_safetensors_close(loam_safetensors *st)
{
    if (!st)
        return;
    if (st->map_owned)
        loam_file_map_close(&st->map);
    loam_arena_free(st->arena);
    free(st);
}

size_t loam_safetensors_n_tensors(const loam_safetensors *st)
{
    return st->n_tensors;
}
const loam_safetensors_tensor *loam_safetensors_tensor_at(const loam_safetensors *st, size_t i)
{
    return &st->tensors[i];
}
size_t loam_safetensors_n_metadata(const loam_safetensors *st)
{
    return st->n_metadata;
}
const loam_safetensors_entry *loam_safetensors_metadata_at(const loam_safetensors *st, size_t i)
{
    return &st->metadata[i];
}
const loam_file_map *loam_safetensors_map(const loam_safetensors *st)
{
    return &st->map;
}

const loam_safetensors_tensor *loam_safetensors_find(const loam_safetensors *st, const char *name)
{
    size_t lo = 0, hi = st->n_tensors;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const loam_safetensors_tensor *t = &st->tensors[st->by_name[mid]];
        int c = strcmp(t->name, name);
        if (c == 0)
            return t;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const char *loam_safetensors_find_metadata(const loam_safetensors *st, const char *key)
{
    loam_safetensors_entry want = {key, NULL};
    const loam_safetensors_entry *e =
        st->n_metadata ? bsearch(&want, st->metadata, st->n_metadata, sizeof want, by_key) : NULL;
    return e ? e->value : NULL;
}
