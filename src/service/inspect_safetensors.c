/* The tables of a safetensors file, like those of a GGUF file in inspect.c. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "format/safetensors.h"
#include "service/models_int.h"

enum { MAX_CHARS = 72 };

static uint64_t all_elems(const loam_safetensors *st)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        uint64_t n = 1; /* cannot overflow: the reader has checked the bytes of each shape */
        for (int d = 0; d < t->n_dims; d++)
            n *= (uint64_t)t->shape[d];
        sum += n;
    }
    return sum;
}

static void add_plain(loam_table *t, const char *s, size_t max_chars)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 16);
    loam_plain_text(&b, s, strlen(s), max_chars);
    loam_table_add(t, loam_buf_text(&b));
    loam_buf_deinit(&b);
}

static void text_tables(const char *path, const loam_safetensors *st, loam_buf *out)
{
    char count[32], bytes[32];
    loam_table head, meta, tensors;
    loam_table_init(&head, "ll");
    loam_table_init(&meta, "ll");
    loam_table_init(&tensors, "llrr");
    loam_format_bytes(loam_safetensors_map(st)->size, bytes);
    loam_format_count(loam_safetensors_map(st)->size, count);
    loam_table_add(&head, "file");
    add_plain(&head, path, 4096);
    loam_table_add(&head, "format");
    loam_table_add(&head, "safetensors");
    loam_table_add(&head, "size");
    loam_table_addf(&head, "%s (%s bytes)", bytes, count);
    loam_format_count(all_elems(st), count);
    loam_table_add(&head, "parameters");
    loam_table_add(&head, count);
    for (size_t i = 0; i < loam_safetensors_n_metadata(st); i++) {
        const loam_safetensors_entry *e = loam_safetensors_metadata_at(st, i);
        add_plain(&meta, e->key, MAX_CHARS);
        add_plain(&meta, e->value, MAX_CHARS);
    }
    for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        char shape[192] = "";
        int n = 0;
        for (int d = 0; d < t->n_dims; d++)
            n += snprintf(shape + n, sizeof shape - (size_t)n, "%s%" PRId64, d ? " x " : "", t->shape[d]);
        add_plain(&tensors, t->name, MAX_CHARS);
        loam_table_add(&tensors, loam_safetensors_dtype_name(t->dtype));
        loam_table_add(&tensors, shape);
        loam_format_count(t->bytes, count);
        loam_table_add(&tensors, count);
    }
    loam_table_format(&head, 0, out);
    loam_buf_printf(out, "\nmetadata (%zu)\n", loam_safetensors_n_metadata(st));
    loam_table_format(&meta, 2, out);
    loam_buf_printf(out, "\ntensors (%zu): name, type, shape, bytes\n", loam_safetensors_n_tensors(st));
    loam_table_format(&tensors, 2, out);
    loam_table_deinit(&head);
    loam_table_deinit(&meta);
    loam_table_deinit(&tensors);
}

static void json_safetensors(const char *path, const loam_safetensors *st, loam_buf *out)
{
    loam_buf_str(out, "{\"file\":");
    loam_json_format_str(path, strlen(path), out);
    loam_buf_printf(out, ",\"format\":\"safetensors\",\"bytes\":%zu,\"parameters\":%" PRIu64 ",\"metadata\":[",
                    loam_safetensors_map(st)->size, all_elems(st));
    for (size_t i = 0; i < loam_safetensors_n_metadata(st); i++) {
        const loam_safetensors_entry *e = loam_safetensors_metadata_at(st, i);
        loam_buf_str(out, i ? ",{\"key\":" : "{\"key\":");
        loam_json_format_str(e->key, strlen(e->key), out);
        loam_buf_str(out, ",\"type\":\"string\",\"value\":");
        loam_json_format_str(e->value, strlen(e->value), out);
        loam_buf_char(out, '}');
    }
    loam_buf_str(out, "],\"tensors\":[");
    for (size_t i = 0; i < loam_safetensors_n_tensors(st); i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        loam_buf_str(out, i ? ",{\"name\":" : "{\"name\":");
        loam_json_format_str(t->name, strlen(t->name), out);
        loam_buf_printf(out, ",\"type\":\"%s\",\"shape\":[", loam_safetensors_dtype_name(t->dtype));
        for (int d = 0; d < t->n_dims; d++)
            loam_buf_printf(out, "%s%" PRId64, d ? "," : "", t->shape[d]);
        loam_buf_printf(out, "],\"offset\":%zu,\"bytes\":%zu}", t->offset, t->bytes);
    }
    loam_buf_str(out, "]}\n");
}

loam_status loam_inspect_safetensors(const char *path, bool json, loam_buf *out, loam_err *err)
{
    loam_safetensors *st = NULL;
    LOAM_TRY(loam_safetensors_open(path, &st, err));
    if (json)
        json_safetensors(path, st, out);
    else
        text_tables(path, st, out);
    loam_safetensors_close(st);
    return LOAM_OK;
}
