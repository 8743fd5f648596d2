/* Values of GGUF metadata as C numbers. */
#include "format/gguf.h"

#include <float.h>
#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are read as they lie in the little-endian file");

static loam_gguf_type number_type(const loam_gguf_kv *kv)
{
    return kv->type == LOAM_GGUF_TYPE_ARRAY ? kv->array_type : kv->type;
}

/* The bytes of element i at any alignment. */
#define LOAD(T, kv, i)                                        \
    ({                                                        \
        T v_;                                                 \
        memcpy(&v_, (kv)->data + (i) * sizeof v_, sizeof v_); \
        v_;                                                   \
    })

int64_t loam_gguf_kv_i64(const loam_gguf_kv *kv, uint64_t i)
{
    switch (number_type(kv)) {
    case LOAM_GGUF_TYPE_U8:
    case LOAM_GGUF_TYPE_BOOL:
        return kv->data[i];
    case LOAM_GGUF_TYPE_I8:
        return (int8_t)kv->data[i];
    case LOAM_GGUF_TYPE_U16:
        return LOAD(uint16_t, kv, i);
    case LOAM_GGUF_TYPE_I16:
        return LOAD(int16_t, kv, i);
    case LOAM_GGUF_TYPE_U32:
        return LOAD(uint32_t, kv, i);
    case LOAM_GGUF_TYPE_I32:
        return LOAD(int32_t, kv, i);
    case LOAM_GGUF_TYPE_U64: {
        uint64_t v = LOAD(uint64_t, kv, i);
        return v > INT64_MAX ? INT64_MAX : (int64_t)v;
    }
    case LOAM_GGUF_TYPE_I64:
        return LOAD(int64_t, kv, i);
    case LOAM_GGUF_TYPE_F32:
    case LOAM_GGUF_TYPE_F64: {
        double v = loam_gguf_kv_f64(kv, i);
        return isnan(v) ? 0 : v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : (int64_t)v;
    }
    default:
        return 0;
    }
}

double loam_gguf_kv_f64(const loam_gguf_kv *kv, uint64_t i)
{
    switch (number_type(kv)) {
    case LOAM_GGUF_TYPE_F32:
        return LOAD(float, kv, i);
    case LOAM_GGUF_TYPE_F64:
        return LOAD(double, kv, i);
    case LOAM_GGUF_TYPE_U64:
        return (double)LOAD(uint64_t, kv, i);
    default:
        return (double)loam_gguf_kv_i64(kv, i);
    }
}

bool loam_gguf_get_i64(const loam_gguf *g, const char *key, int64_t *out)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, key);
    if (!kv)
        return true;
    switch (kv->type) {
    case LOAM_GGUF_TYPE_U64:
        if (LOAD(uint64_t, kv, 0) > INT64_MAX)
            return false;
        break;
    case LOAM_GGUF_TYPE_U8:
    case LOAM_GGUF_TYPE_I8:
    case LOAM_GGUF_TYPE_U16:
    case LOAM_GGUF_TYPE_I16:
    case LOAM_GGUF_TYPE_U32:
    case LOAM_GGUF_TYPE_I32:
    case LOAM_GGUF_TYPE_I64:
        break;
    default:
        return false;
    }
    *out = loam_gguf_kv_i64(kv, 0);
    return true;
}

bool loam_gguf_get_u32(const loam_gguf *g, const char *key, uint32_t *out)
{
    int64_t v = *out;
    if (!loam_gguf_get_i64(g, key, &v) || v < 0 || v > UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

bool loam_gguf_get_f32(const loam_gguf *g, const char *key, float *out)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, key);
    if (!kv)
        return true;
    if (kv->type != LOAM_GGUF_TYPE_F32 && kv->type != LOAM_GGUF_TYPE_F64)
        return false;
    double v = loam_gguf_kv_f64(kv, 0);
    if (isfinite(v) && fabs(v) > (double)FLT_MAX)
        return false;
    *out = (float)v;
    return true;
}

bool loam_gguf_get_bool(const loam_gguf *g, const char *key, bool *out)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, key);
    if (!kv)
        return true;
    if (kv->type != LOAM_GGUF_TYPE_BOOL)
        return false;
    *out = kv->data[0] != 0;
    return true;
}

bool loam_gguf_get_str(const loam_gguf *g, const char *key, loam_gguf_str *out)
{
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, key);
    if (!kv)
        return true;
    if (kv->type != LOAM_GGUF_TYPE_STRING)
        return false;
    *out = kv->strings[0];
    return true;
}
