/* What is in a model file, as tables for people or as one JSON object. Everything printed comes from the file and is
 * treated as hostile: strings are escaped and cut, long arrays shortened. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "service/models_int.h"

enum { FIRST_ELEMS = 6, MAX_CHARS = 72, MAX_JSON_STRING = 1 << 20 };

/* One number or truth value. JSON has no infinities and no NaN: null. */
static void format_number(const loam_gguf_kv *kv, loam_gguf_type type, uint64_t i, bool json, loam_buf *out)
{
    switch (type) {
    case LOAM_GGUF_TYPE_BOOL:
        loam_buf_str(out, loam_gguf_kv_i64(kv, i) ? "true" : "false");
        break;
    case LOAM_GGUF_TYPE_U64: { /* kv_i64 would cap it; as JSON numbers most readers would refuse or round it */
        uint64_t v;
        memcpy(&v, kv->data + i * sizeof v, sizeof v);
        loam_buf_printf(out, json && v > INT64_MAX ? "\"%" PRIu64 "\"" : "%" PRIu64, v);
        break;
    }
    case LOAM_GGUF_TYPE_F32:
    case LOAM_GGUF_TYPE_F64: {
        double v = loam_gguf_kv_f64(kv, i);
        if (json && !isfinite(v))
            loam_buf_str(out, "null");
        else
            loam_buf_printf(out, "%.*g", type == LOAM_GGUF_TYPE_F32 ? (json ? 9 : 6) : 17, v);
        break;
    }
    default:
        loam_buf_printf(out, "%" PRId64, loam_gguf_kv_i64(kv, i));
    }
}

static void format_elem(const loam_gguf_kv *kv, loam_gguf_type type, uint64_t i, bool json, loam_buf *out)
{
    if (type != LOAM_GGUF_TYPE_STRING) {
        format_number(kv, type, i, json, out);
        return;
    }
    const loam_gguf_str *s = &kv->strings[i];
    if (json) {
        loam_json_format_str(s->data, s->len < MAX_JSON_STRING ? s->len : MAX_JSON_STRING, out);
        return;
    }
    bool array = kv->type == LOAM_GGUF_TYPE_ARRAY;
    loam_buf_str(out, array ? "\"" : "");
    loam_plain_text(out, s->data, s->len, array ? 16 : MAX_CHARS);
    loam_buf_str(out, array ? "\"" : "");
}

static void format_value(const loam_gguf_kv *kv, bool json, loam_buf *out)
{
    if (kv->type != LOAM_GGUF_TYPE_ARRAY) {
        format_elem(kv, kv->type, 0, json, out);
        return;
    }
    loam_buf_char(out, '[');
    for (uint64_t i = 0; i < kv->n && i < FIRST_ELEMS; i++) {
        loam_buf_str(out, i ? (json ? "," : ", ") : "");
        format_elem(kv, kv->array_type, i, json, out);
    }
    loam_buf_str(out, kv->n > FIRST_ELEMS && !json ? ", …]" : "]");
}

static const char *tensor_type(const loam_gguf_tensor *t, char buf[32])
{
    const loam_ggml_type *type = loam_ggml_type_get(t->ggml_type);
    if (type)
        return type->name;
    snprintf(buf, 32, "type %u", t->ggml_type);
    return buf;
}

static uint64_t n_elems(const loam_gguf_tensor *t)
{
    uint64_t n = 1;
    for (int d = 0; d < t->n_dims; d++)
        if (__builtin_mul_overflow(n, (uint64_t)t->shape[d], &n))
            return UINT64_MAX;
    return n;
}

static uint64_t all_elems(const loam_gguf *g)
{
    uint64_t n = 0;
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++)
        if (__builtin_add_overflow(n, n_elems(loam_gguf_tensor_at(g, i)), &n))
            return UINT64_MAX;
    return n;
}

static void add_plain(loam_table *t, const char *s, size_t len, size_t max_chars)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 16);
    loam_plain_text(&b, s, len, max_chars);
    loam_table_add(t, loam_buf_text(&b));
    loam_buf_deinit(&b);
}

static void text_summary(const char *path, const loam_gguf *g, loam_buf *out)
{
    char count[32], bytes[32];
    loam_table t;
    loam_table_init(&t, "ll");
    loam_table_add(&t, "file");
    add_plain(&t, path, strlen(path), 4096);
    loam_table_add(&t, "format");
    loam_table_addf(&t, "GGUF version %u", loam_gguf_version(g));
    loam_format_bytes(loam_gguf_map(g)->size, bytes);
    loam_format_count(loam_gguf_map(g)->size, count);
    loam_table_add(&t, "size");
    loam_table_addf(&t, "%s (%s bytes)", bytes, count);
    loam_format_count(all_elems(g), count);
    loam_table_add(&t, "parameters");
    loam_table_add(&t, count);
    loam_table_format(&t, 0, out);
    loam_table_deinit(&t);
}

static void text_metadata(const loam_gguf *g, loam_buf *out)
{
    loam_table t;
    loam_table_init(&t, "lll");
    for (size_t i = 0; i < loam_gguf_n_kv(g); i++) {
        const loam_gguf_kv *kv = loam_gguf_kv_at(g, i);
        loam_buf value;
        loam_buf_init(&value, 1 << 16);
        format_value(kv, false, &value);
        add_plain(&t, kv->key.data, kv->key.len, MAX_CHARS);
        if (kv->type == LOAM_GGUF_TYPE_ARRAY)
            loam_table_addf(&t, "%s[%" PRIu64 "]", loam_gguf_type_name(kv->array_type), kv->n);
        else
            loam_table_add(&t, loam_gguf_type_name(kv->type));
        loam_table_add(&t, loam_buf_text(&value));
        loam_buf_deinit(&value);
    }
    loam_buf_printf(out, "\nmetadata (%zu)\n", loam_gguf_n_kv(g));
    loam_table_format(&t, 2, out);
    loam_table_deinit(&t);
}

static void text_tensors(const loam_gguf *g, loam_buf *out)
{
    loam_table t;
    loam_table_init(&t, "llrr");
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *x = loam_gguf_tensor_at(g, i);
        char type[32], count[32], shape[128];
        int n = 0;
        for (int d = 0; d < x->n_dims; d++)
            n += snprintf(shape + n, sizeof shape - (size_t)n, "%s%" PRId64, d ? " x " : "", x->shape[d]);
        shape[n] = 0;
        add_plain(&t, x->name.data, x->name.len, MAX_CHARS);
        loam_table_add(&t, tensor_type(x, type));
        loam_table_add(&t, shape);
        loam_format_count(x->bytes, count);
        loam_table_add(&t, count);
    }
    loam_buf_printf(out, "\ntensors (%zu): name, type, shape, bytes\n", loam_gguf_n_tensors(g));
    loam_table_format(&t, 2, out);
    loam_table_deinit(&t);
}

static void json_gguf(const char *path, const loam_gguf *g, loam_buf *out)
{
    loam_buf_str(out, "{\"file\":");
    loam_json_format_str(path, strlen(path), out);
    loam_buf_printf(out, ",\"format\":\"gguf\",\"version\":%u,\"bytes\":%zu,\"parameters\":%" PRIu64 ",\"metadata\":[",
                    loam_gguf_version(g), loam_gguf_map(g)->size, all_elems(g));
    for (size_t i = 0; i < loam_gguf_n_kv(g); i++) {
        const loam_gguf_kv *kv = loam_gguf_kv_at(g, i);
        bool array = kv->type == LOAM_GGUF_TYPE_ARRAY;
        loam_buf_str(out, i ? ",{\"key\":" : "{\"key\":");
        loam_json_format_str(kv->key.data, kv->key.len, out);
        loam_buf_printf(out, ",\"type\":\"%s\"", loam_gguf_type_name(kv->type));
        if (array)
            loam_buf_printf(out, ",\"of\":\"%s\",\"n\":%" PRIu64 ",\"first\":", loam_gguf_type_name(kv->array_type),
                            kv->n);
        else
            loam_buf_str(out, ",\"value\":");
        format_value(kv, true, out);
        loam_buf_char(out, '}');
    }
    loam_buf_str(out, "],\"tensors\":[");
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(g, i);
        char type[32];
        loam_buf_str(out, i ? ",{\"name\":" : "{\"name\":");
        loam_json_format_str(t->name.data, t->name.len, out);
        loam_buf_printf(out, ",\"type\":\"%s\",\"shape\":[", tensor_type(t, type));
        for (int d = 0; d < t->n_dims; d++)
            loam_buf_printf(out, "%s%" PRId64, d ? "," : "", t->shape[d]);
        loam_buf_printf(out, "],\"offset\":%zu,\"bytes\":%zu}", t->offset, t->bytes);
    }
    loam_buf_str(out, "]}\n");
}

loam_status loam_models_inspect(const char *path, bool json, loam_buf *out, loam_err *err)
{
    size_t n = strlen(path);
    if (n > 12 && strcasecmp(path + n - 12, ".safetensors") == 0) {
        LOAM_TRY(loam_inspect_safetensors(path, json, out, err));
    } else {
        loam_gguf *g = NULL;
        LOAM_TRY(loam_gguf_open(path, &g, err));
        if (json) {
            json_gguf(path, g, out);
        } else {
            text_summary(path, g, out);
            text_metadata(g, out);
            text_tensors(g, out);
        }
        loam_gguf_close(g);
    }
    if (out->failed)
        LOAM_FAIL(err, TOO_LARGE, "the tables of '%s' do not fit into %zu bytes", path, out->max);
    return LOAM_OK;
}
