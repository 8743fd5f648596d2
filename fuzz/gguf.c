/* GGUF from a stranger: whatever opens must be readable to its last byte through every accessor. */
#include <stdint.h>
#include <stdlib.h>

#include "format/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* so that the reads are not optimised away */

static void touch(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sink += ((const uint8_t *)p)[i];
}

static void read_kv(const loam_gguf *g, const loam_gguf_kv *kv)
{
    char key[64];
    size_t n = kv->key.len < sizeof key - 1 ? kv->key.len : sizeof key - 1;
    for (size_t i = 0; i < n; i++)
        key[i] = kv->key.data[i];
    key[n] = 0;
    uint32_t u32 = 0;
    int64_t i64 = 0;
    float f32 = 0;
    bool b = false;
    loam_gguf_str s = {"", 0};
    sink += loam_gguf_get_u32(g, key, &u32) + loam_gguf_get_i64(g, key, &i64) + loam_gguf_get_f32(g, key, &f32) +
            loam_gguf_get_bool(g, key, &b) + loam_gguf_get_str(g, key, &s);
    touch(s.data, s.len);
    for (uint64_t i = 0; i < kv->n; i++) {
        if (kv->strings)
            touch(kv->strings[i].data, kv->strings[i].len);
        else
            sink += (uint64_t)loam_gguf_kv_i64(kv, i) + (loam_gguf_kv_f64(kv, i) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_gguf *g;
    if (loam_gguf_parse(data, size, &g, &err) != LOAM_OK) {
        if (g || !err.msg[0] || err.code == LOAM_OK)
            abort(); /* a failure must say something and hand out nothing */
        return 0;
    }
    for (size_t i = 0; i < loam_gguf_n_kv(g); i++)
        read_kv(g, loam_gguf_kv_at(g, i));
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(g, i);
        touch(t->name.data, t->name.len);
        touch(t->data, t->bytes);
        if (t->data < data || (size_t)(t->data - data) != t->offset || t->n_dims < 1 || t->n_dims > LOAM_GGUF_MAX_DIMS)
            abort();
    }
    loam_gguf_close(g);
    return 0;
}
