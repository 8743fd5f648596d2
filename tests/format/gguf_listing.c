#include "gguf_listing.h"

#include <inttypes.h>

#include "format_test.h"

static void add_number(loam_buf *b, const loam_gguf_kv *kv, uint64_t i)
{
    switch (kv->array_type) {
    case LOAM_GGUF_TYPE_F32:
    case LOAM_GGUF_TYPE_F64:
        loam_buf_printf(b, "%.17g", loam_gguf_kv_f64(kv, i));
        break;
    case LOAM_GGUF_TYPE_U64: { /* over INT64_MAX the accessor clamps: read the bytes */
        uint64_t v = 0;
        for (int k = 7; k >= 0; k--)
            v = v << 8 | kv->data[8 * i + (uint64_t)k];
        loam_buf_printf(b, "%" PRIu64, v);
        break;
    }
    default:
        loam_buf_printf(b, "%" PRId64, loam_gguf_kv_i64(kv, i));
    }
}

static void list_kv(const loam_gguf_kv *kv, loam_buf *b)
{
    loam_buf_str(b, "kv ");
    add_plain(b, kv->key.data, kv->key.len);
    loam_buf_printf(b, " %s", loam_gguf_type_name(kv->type));
    if (kv->type == LOAM_GGUF_TYPE_ARRAY)
        loam_buf_printf(b, " %s %" PRIu64, loam_gguf_type_name(kv->array_type), kv->n);
    for (uint64_t i = 0; i < kv->n; i++) {
        loam_buf_char(b, ' ');
        if (kv->strings)
            add_plain(b, kv->strings[i].data, kv->strings[i].len);
        else
            add_number(b, kv, i);
    }
    loam_buf_char(b, '\n');
}

static void list_tensor(const loam_gguf_tensor *t, loam_buf *b)
{
    const loam_ggml_type *type = loam_ggml_type_get(t->ggml_type);
    loam_buf_str(b, "tensor ");
    add_plain(b, t->name.data, t->name.len);
    if (type)
        loam_buf_printf(b, " %s ", type->name);
    else
        loam_buf_printf(b, " type%" PRIu32 " ", t->ggml_type);
    for (int i = 0; i < t->n_dims; i++)
        loam_buf_printf(b, "%s%" PRId64, i ? "x" : "", t->shape[i]);
    loam_buf_printf(b, " offset %zu bytes %zu fnv %016" PRIx64 "\n", t->offset, t->bytes, fnv1a(t->data, t->bytes));
}

void list_gguf(const loam_gguf *g, loam_buf *b)
{
    loam_buf_printf(b, "version %u\n", loam_gguf_version(g));
    for (size_t i = 0; i < loam_gguf_n_kv(g); i++)
        list_kv(loam_gguf_kv_at(g, i), b);
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++)
        list_tensor(loam_gguf_tensor_at(g, i), b);
}
