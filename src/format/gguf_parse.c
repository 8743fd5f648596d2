/* Reading GGUF. The file, all numbers little endian (ggml docs/gguf.md):
 *
 *   "GGUF"  version u32  n_tensors u64  n_kv u64
 *   n_kv ×       key string, type u32, value      (string: length u64, bytes; array: type u32, count u64, elements)
 *   n_tensors ×  name string, n_dims u32, n_dims × size u64 (contiguous first), ggml type u32, offset u64
 *   padding to general.alignment (default 32)
 *   tensor data; offsets count from here and are multiples of the alignment
 *
 * One pass over the metadata, one arena. Nothing is allocated for a count before the bytes that it stands for are known
 * to fit into the file. */
#include "format/gguf_int.h"

#include <string.h>

#include "base/checked.h"
#include "format/format_int.h"

enum {
    DEFAULT_ALIGNMENT = 32,
    MIN_KV_BYTES = 8 + 4 + 1,         /* empty key, type, one-byte value */
    MIN_TENSOR_BYTES = 8 + 4 + 4 + 8, /* empty name, no dimensions, type, offset */
    MAX_NAME_BYTES = 65535,           /* of the specification, for keys */
    MAX_ENTRIES = 1 << 20,            /* keys or tensors: a hundred times what the largest models have */
    MAX_STRINGS = 1 << 24,            /* in all arrays together */
};

typedef struct reader {
    const uint8_t *base;
    size_t size, pos;
    size_t strings_left;
    loam_err *err;
} reader;

static const uint8_t scalar_bytes[LOAM_GGUF_TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static loam_shown show(loam_gguf_str s)
{
    return loam_show_name(s.data, s.len);
}

/* ---- bytes ---- */

static loam_status take(reader *r, uint64_t n, const char *what, const uint8_t **out)
{
    if (n > r->size - r->pos)
        LOAM_FAIL(r->err, CORRUPT, "%s needs %s bytes at offset %s, the file ends at %s: it is incomplete or damaged",
                  what, loam_show_count(n).text, loam_show_count(r->pos).text, loam_show_count(r->size).text);
    *out = r->base + r->pos;
    r->pos += (size_t)n;
    return LOAM_OK;
}

static loam_status take_u32(reader *r, const char *what, uint32_t *out)
{
    const uint8_t *p;
    LOAM_TRY(take(r, sizeof *out, what, &p));
    memcpy(out, p, sizeof *out);
    return LOAM_OK;
}

static loam_status take_u64(reader *r, const char *what, uint64_t *out)
{
    const uint8_t *p;
    LOAM_TRY(take(r, sizeof *out, what, &p));
    memcpy(out, p, sizeof *out);
    return LOAM_OK;
}

static loam_status take_str(reader *r, const char *what, loam_gguf_str *out)
{
    uint64_t len;
    const uint8_t *p;
    LOAM_TRY(take_u64(r, what, &len));
    LOAM_TRY(take(r, len, what, &p));
    *out = (loam_gguf_str){(const char *)p, (size_t)len};
    return LOAM_OK;
}

static loam_status take_name(reader *r, const char *what, loam_gguf_str *out)
{
    LOAM_TRY(take_str(r, what, out));
    if (out->len > MAX_NAME_BYTES)
        LOAM_FAIL(r->err, CORRUPT, "%s has %s bytes, at most %d are allowed: the file is damaged", what,
                  loam_show_count(out->len).text, MAX_NAME_BYTES);
    return LOAM_OK;
}

static loam_status no_memory(loam_err *err)
{
    LOAM_FAIL(err, NO_MEMORY, "no memory for the list of what the file holds");
}

/* ---- metadata ---- */

static loam_status check_bools(const loam_gguf_kv *kv, loam_err *err)
{
    for (uint64_t i = 0; i < kv->n; i++)
        if (kv->data[i] > 1)
            LOAM_FAIL(err, CORRUPT, "'%s' holds the bool %d, it may only be 0 or 1: the file is damaged",
                      show(kv->key).text, kv->data[i]);
    return LOAM_OK;
}

/* n strings from the reader's position: walked once to know that all of them are there, then listed. */
static loam_status read_strings(reader *r, loam_arena *arena, loam_gguf_kv *kv)
{
    if (kv->n > r->strings_left)
        LOAM_FAIL(r->err, UNSUPPORTED, "'%s' has %s strings; a file may have at most %s", show(kv->key).text,
                  loam_show_count(kv->n).text, loam_show_count(MAX_STRINGS).text);
    r->strings_left -= (size_t)kv->n;
    reader walk = *r;
    loam_gguf_str s;
    for (uint64_t i = 0; i < kv->n; i++)
        LOAM_TRY(take_str(&walk, "a string", &s));
    loam_gguf_str *list = loam_arena_alloc(arena, (size_t)kv->n * sizeof *list);
    if (!list)
        return no_memory(r->err);
    for (uint64_t i = 0; i < kv->n; i++)
        LOAM_TRY(take_str(r, "a string", &list[i]));
    kv->strings = list;
    return LOAM_OK;
}

static loam_status read_value(reader *r, loam_arena *arena, loam_gguf_kv *kv)
{
    uint32_t type;
    LOAM_TRY(take_u32(r, "a value's type", &type));
    if (type >= LOAM_GGUF_TYPE_COUNT)
        LOAM_FAIL(r->err, CORRUPT, "its type is %u, known are 0 to %d: the file is damaged or newer than this program",
                  type, LOAM_GGUF_TYPE_COUNT - 1);
    kv->type = kv->array_type = (loam_gguf_type)type;
    kv->n = 1;
    if (kv->type == LOAM_GGUF_TYPE_ARRAY) {
        LOAM_TRY(take_u32(r, "an array's type", &type));
        if (type == LOAM_GGUF_TYPE_ARRAY)
            LOAM_FAIL(r->err, UNSUPPORTED, "it is an array of arrays, which Loam does not read");
        if (type >= LOAM_GGUF_TYPE_COUNT)
            LOAM_FAIL(r->err, CORRUPT,
                      "its elements have type %u, known are 0 to %d: the file is damaged or newer than this program",
                      type, LOAM_GGUF_TYPE_COUNT - 1);
        kv->array_type = (loam_gguf_type)type;
        LOAM_TRY(take_u64(r, "an array's count", &kv->n));
    }
    kv->data = r->base + r->pos;
    if (kv->array_type == LOAM_GGUF_TYPE_STRING)
        return read_strings(r, arena, kv);
    size_t bytes;
    if (kv->n > SIZE_MAX || loam_mul_overflows((size_t)kv->n, scalar_bytes[kv->array_type], &bytes))
        LOAM_FAIL(r->err, CORRUPT, "it claims %s elements: the file is damaged", loam_show_count(kv->n).text);
    LOAM_TRY(take(r, bytes, "the value", &kv->data));
    return kv->array_type == LOAM_GGUF_TYPE_BOOL ? check_bools(kv, r->err) : LOAM_OK;
}

static loam_status read_kv(reader *r, loam_arena *arena, loam_gguf_kv *kv)
{
    LOAM_TRY(take_name(r, "a key", &kv->key));
    loam_status s = read_value(r, arena, kv);
    if (s != LOAM_OK)
        loam_err_prefix(r->err, "key '%s'", show(kv->key).text);
    return s;
}

/* ---- tensors ---- */

/* Shape, type and offset as the file has them; t->offset still counts from the start of the data. */
static loam_status read_tensor(reader *r, loam_gguf_tensor *t)
{
    uint32_t n_dims;
    uint64_t sizes[LOAM_GGUF_MAX_DIMS] = {1}, offset;
    LOAM_TRY(take_name(r, "a tensor's name", &t->name));
    LOAM_TRY(take_u32(r, "a tensor's number of dimensions", &n_dims));
    if (n_dims > LOAM_GGUF_MAX_DIMS)
        LOAM_FAIL(r->err, CORRUPT, "tensor '%s' has %u dimensions, at most %d are allowed: the file is damaged",
                  show(t->name).text, n_dims, LOAM_GGUF_MAX_DIMS);
    for (uint32_t i = 0; i < n_dims; i++)
        LOAM_TRY(take_u64(r, "a tensor's shape", &sizes[i]));
    LOAM_TRY(take_u32(r, "a tensor's type", &t->ggml_type));
    LOAM_TRY(take_u64(r, "a tensor's offset", &offset));

    t->n_dims = n_dims ? (int)n_dims : 1; /* a scalar is a vector of one */
    size_t elems = 1;
    for (int i = 0; i < t->n_dims; i++) {
        if (sizes[i] == 0 || sizes[i] > INT64_MAX || loam_mul_overflows(elems, (size_t)sizes[i], &elems) ||
            elems > INT64_MAX)
            LOAM_FAIL(r->err, CORRUPT,
                      "tensor '%s': dimension %d has %s elements, which cannot be: the file is damaged",
                      show(t->name).text, i, loam_show_count(sizes[i]).text);
        t->shape[t->n_dims - 1 - i] = (int64_t)sizes[i];
    }
    const loam_ggml_type *type = loam_ggml_type_get(t->ggml_type);
    if (type && type->block_elems) {
        if (sizes[0] % type->block_elems)
            LOAM_FAIL(r->err, CORRUPT,
                      "tensor '%s' has rows of %s elements, %s needs a multiple of %u: the file is damaged",
                      show(t->name).text, loam_show_count(sizes[0]).text, type->name, type->block_elems);
        if (loam_mul_overflows(elems / type->block_elems, type->block_bytes, &t->bytes))
            LOAM_FAIL(r->err, CORRUPT, "tensor '%s' has %s elements, which cannot be: the file is damaged",
                      show(t->name).text, loam_show_count(elems).text);
    }
    if (offset > SIZE_MAX)
        LOAM_FAIL(r->err, CORRUPT, "tensor '%s' starts at %s: the file is damaged", show(t->name).text,
                  loam_show_count(offset).text);
    t->offset = (size_t)offset;
    return LOAM_OK;
}

static loam_status place_tensor(const loam_file_map *map, size_t data_start, size_t alignment, loam_gguf_tensor *t,
                                loam_err *err)
{
    size_t from_data = t->offset;
    if (from_data % alignment)
        LOAM_FAIL(err, CORRUPT,
                  "tensor '%s' starts at %s, which is not a multiple of the alignment %zu: the file is damaged",
                  show(t->name).text, loam_show_count(from_data).text, alignment);
    bool over = loam_add_overflows(data_start, from_data, &t->offset);
    if (over || t->offset > map->size || t->bytes > map->size - t->offset)
        LOAM_FAIL(err, CORRUPT,
                  "tensor '%s' needs %s bytes at offset %s, the file ends at %s: the download is incomplete",
                  show(t->name).text, loam_show_count(t->bytes).text, loam_show_count(over ? SIZE_MAX : t->offset).text,
                  loam_show_count(map->size).text);
    t->data = map->data + t->offset;
    return LOAM_OK;
}

static loam_status find_alignment(const loam_gguf *g, size_t *out, loam_err *err)
{
    *out = DEFAULT_ALIGNMENT;
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, "general.alignment");
    if (!kv)
        return LOAM_OK;
    if (kv->type != LOAM_GGUF_TYPE_U32)
        LOAM_FAIL(err, CORRUPT, "general.alignment is %s, it must be u32: the file is damaged",
                  loam_gguf_type_name(kv->type));
    uint32_t v = (uint32_t)loam_gguf_kv_i64(kv, 0);
    if (v < 8 || (v & (v - 1)) != 0)
        LOAM_FAIL(err, CORRUPT, "general.alignment is %u, it must be a power of two of at least 8: the file is damaged",
                  v);
    *out = v;
    return LOAM_OK;
}

/* ---- the file ---- */

static loam_status read_version(reader *r, uint32_t *version)
{
    static const char lfs[] = "version https://git-lfs";
    const uint8_t *magic;
    if (r->size >= sizeof lfs - 1 && memcmp(r->base, lfs, sizeof lfs - 1) == 0)
        LOAM_FAIL(r->err, INVALID, "this is a Git LFS pointer, not the model itself: fetch it with `git lfs pull`");
    LOAM_TRY(take(r, 4, "a GGUF file", &magic));
    if (memcmp(magic, "GGUF", 4) != 0)
        LOAM_FAIL(r->err, INVALID, "this is not a GGUF file: it starts with '%s' instead of 'GGUF'",
                  loam_show_name((const char *)magic, 4).text);
    LOAM_TRY(take_u32(r, "the version", version));
    if (*version == 2 || *version == 3)
        return LOAM_OK;
    if (*version == 1)
        LOAM_FAIL(r->err, UNSUPPORTED, "this is GGUF version 1 of August 2023; convert the model again (version 3)");
    if (*version && (*version & 0xFFFF) == 0)
        LOAM_FAIL(r->err, UNSUPPORTED, "this GGUF file is big endian; get the little-endian one");
    LOAM_FAIL(r->err, UNSUPPORTED, "this is GGUF version %u; this program reads versions 2 and 3", *version);
}

static loam_status take_count(reader *r, const char *what, uint64_t *out)
{
    LOAM_TRY(take_u64(r, what, out));
    if (*out > MAX_ENTRIES)
        LOAM_FAIL(r->err, CORRUPT, "the file claims %s %s, at most %s are possible: it is damaged",
                  loam_show_count(*out).text, what, loam_show_count(MAX_ENTRIES).text);
    return LOAM_OK;
}

/* Every one of n things takes at least `least` bytes. */
static loam_status check_room(const reader *r, uint64_t n, size_t least, const char *what)
{
    if (n > (r->size - r->pos) / least)
        LOAM_FAIL(r->err, CORRUPT, "the file claims %s %s but ends at %s bytes: it is incomplete or damaged",
                  loam_show_count(n).text, what, loam_show_count(r->size).text);
    return LOAM_OK;
}

loam_status loam_gguf_read(loam_gguf *g, loam_err *err)
{
    reader r = {.base = g->map.data, .size = g->map.size, .strings_left = MAX_STRINGS, .err = err};
    uint64_t n_tensors, n_kv;
    if (g->map.size == 0)
        LOAM_FAIL(err, CORRUPT, "the file is empty");
    LOAM_TRY(read_version(&r, &g->version));
    LOAM_TRY(take_count(&r, "tensors", &n_tensors));
    LOAM_TRY(take_count(&r, "keys", &n_kv));

    LOAM_TRY(check_room(&r, n_kv, MIN_KV_BYTES, "keys"));
    g->kv = loam_arena_alloc(g->arena, (size_t)n_kv * sizeof *g->kv);
    if (!g->kv)
        return no_memory(err);
    for (; g->n_kv < n_kv; g->n_kv++)
        LOAM_TRY(read_kv(&r, g->arena, &g->kv[g->n_kv]));
    LOAM_TRY(loam_gguf_names_sort(loam_gguf_kv_names(g), g->arena, "key", &g->kv_by_name, err));

    LOAM_TRY(check_room(&r, n_tensors, MIN_TENSOR_BYTES, "tensors"));
    g->tensors = loam_arena_alloc(g->arena, (size_t)n_tensors * sizeof *g->tensors);
    if (!g->tensors)
        return no_memory(err);
    for (; g->n_tensors < n_tensors; g->n_tensors++)
        LOAM_TRY(read_tensor(&r, &g->tensors[g->n_tensors]));
    LOAM_TRY(loam_gguf_names_sort(loam_gguf_tensor_names(g), g->arena, "tensor", &g->tensors_by_name, err));

    size_t alignment, data_start;
    LOAM_TRY(find_alignment(g, &alignment, err));
    if (loam_add_overflows(r.pos, alignment - 1, &data_start))
        LOAM_FAIL(err, CORRUPT, "general.alignment is %zu, which cannot be", alignment);
    data_start &= ~(alignment - 1);
    for (size_t i = 0; i < g->n_tensors; i++)
        LOAM_TRY(place_tensor(&g->map, data_start, alignment, &g->tensors[i], err));
    return LOAM_OK;
}
