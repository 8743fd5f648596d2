/* Names to weights to operations. */
#include "model/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

loam_status loam_build_begin(loam_build *b, loam_weight_store *store, loam_err *err)
{
    *b = (loam_build){.g = loam_graph_new(), .store = store};
    if (!b->g)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a graph");
    return LOAM_OK;
}

void loam_build_end(loam_build *b)
{
    loam_graph_free(b->g);
    b->g = NULL;
}

size_t loam_build_enter(loam_build *b, const char *fmt, ...)
{
    size_t at = strlen(b->prefix);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(b->prefix + at, sizeof b->prefix - at, fmt, args);
    va_end(args);
    size_t end = at + (n < 0 ? 0 : (size_t)n);
    if (end + 2 > sizeof b->prefix)
        end = sizeof b->prefix - 2;
    b->prefix[end] = '.';
    b->prefix[end + 1] = '\0';
    return at;
}

void loam_build_leave(loam_build *b, size_t scope)
{
    b->prefix[scope] = '\0';
}

enum { MAX_NAME = 256, MAX_LORAS = 8 };

static void full_name(const loam_build *b, char out[MAX_NAME], const char *leaf, const char *suffix)
{
    snprintf(out, MAX_NAME, "%s%s%s", b->prefix, leaf, suffix);
}

bool loam_build_has(const loam_build *b, const char *leaf)
{
    char name[MAX_NAME];
    full_name(b, name, leaf, "");
    return loam_weights_has(loam_weight_store_weights(b->store), name);
}

/* The weight as a tensor of the graph; -1 when absent or wrong. */
static int weight(loam_build *b, const char *leaf, const char *suffix, loam_weight_use use, int64_t n, int64_t c,
                  const int taps[3], bool required, const loam_bound_weight **bound)
{
    char name[MAX_NAME];
    const loam_bound_weight *w = NULL;
    if (b->status != LOAM_OK || c < 0) /* c < 0: the graph has failed, and says why when it is planned */
        return -1;
    full_name(b, name, leaf, suffix);
    b->status = loam_weight_store_get(b->store, name, use, n, c, taps, required, &w, &b->err);
    if (b->status != LOAM_OK || !w)
        return -1;
    if (bound)
        *bound = w;
    return loam_graph_weight(b->g, w->name, w->w, w->dtype, w->n, w->k, w->vector);
}

int loam_build_vector(loam_build *b, const char *leaf, int64_t n)
{
    return weight(b, leaf, "", LOAM_WEIGHT_VECTOR, 0, n, NULL, true, NULL);
}

int loam_build_table(loam_build *b, const char *leaf, int64_t n, int64_t c)
{
    return weight(b, leaf, "", LOAM_WEIGHT_TABLE, n, c, NULL, true, NULL);
}

static int bias_of(loam_build *b, const char *leaf, int64_t n, loam_bias bias)
{
    return bias == LOAM_BIAS_NONE
               ? -1
               : weight(b, leaf, ".bias", LOAM_WEIGHT_VECTOR, 0, n, NULL, bias == LOAM_BIAS_YES, NULL);
}

static int bound_tensor(loam_build *b, const loam_bound_weight *w)
{
    return loam_graph_weight(b->g, w->name, w->w, w->dtype, w->n, w->k, w->vector);
}

static int loras(loam_build *b, const char *leaf, int64_t n, int64_t c, const int taps[3], loam_lora_pair *out)
{
    char name[MAX_NAME];
    full_name(b, name, leaf, "");
    loam_err err = {0};
    int k = loam_weight_store_loras(b->store, name, n, c, taps, out, MAX_LORAS, &err);
    if (k < 0) {
        b->status = err.code;
        b->err = err;
        return 0;
    }
    return k;
}

int loam_build_linear(loam_build *b, int x, const char *leaf, int64_t n, loam_bias bias)
{
    const loam_bound_weight *bound = NULL;
    int64_t c = loam_graph_columns(b->g, x);
    int w = x < 0 ? -1 : weight(b, leaf, ".weight", LOAM_WEIGHT_LINEAR, n, c, NULL, true, &bound);
    if (w < 0)
        return -1;
    int y = loam_graph_matmul(b->g, x, w, bias_of(b, leaf, bound->n, bias));
    loam_lora_pair pairs[MAX_LORAS];
    int n_pairs = loras(b, leaf, bound->n, c, NULL, pairs);
    for (int i = 0; i < n_pairs; i++) {
        int low = loam_graph_matmul(b->g, x, bound_tensor(b, pairs[i].down), -1);
        y = loam_graph_add(b->g, loam_graph_matmul(b->g, low, bound_tensor(b, pairs[i].up), -1), y);
    }
    return y;
}

int loam_build_attend(loam_build *b, int q, int k, int v, int64_t n, int n_heads, float scale)
{
    char name[MAX_NAME];
    const loam_bound_weight *w = NULL;
    const loam_device_api *api = loam_weight_store_api(b->store);
    const loam_device *d = loam_weight_store_device(b->store);
    int64_t width = loam_graph_columns(b->g, q);
    if (b->status != LOAM_OK || width < 0)
        return -1;
    full_name(b, name, "to_q", ".weight");
    b->status = loam_weight_store_get(b->store, name, LOAM_WEIGHT_LINEAR, width, width, NULL, true, &w, &b->err);
    if (b->status != LOAM_OK)
        return -1;
    if (api->act(d, w->dtype) == LOAM_ACT_BF16 && api->fast_half(d))
        return loam_graph_attend_half(b->g, q, k, v, n, n_heads, scale);
    return loam_graph_attend(b->g, q, k, v, -1, n, n_heads, scale, false);
}

int loam_build_geglu(loam_build *b, int x, const char *leaf, int64_t n)
{
    char name[MAX_NAME];
    int half[2], bias[2];
    int64_t c = loam_graph_columns(b->g, x);
    loam_lora_pair pairs[MAX_LORAS];
    if (x < 0 || c < 0 || b->status != LOAM_OK)
        return -1;
    int n_pairs = loras(b, leaf, 2 * n, c, NULL, pairs);
    if (n_pairs > 0) { /* the adapter's rows belong to both halves */
        int y = loam_build_linear(b, x, leaf, 2 * n, LOAM_BIAS_YES);
        int64_t rows = loam_graph_rows(b->g, x);
        return y < 0 ? -1
                     : loam_graph_gate(b->g, LOAM_UNARY_GELU, loam_graph_slice(b->g, y, 0, rows, n, n),
                                       loam_graph_slice(b->g, y, 0, rows, 0, n));
    }
    for (int i = 0; i < 2; i++) {
        const loam_bound_weight *w = NULL, *v = NULL;
        full_name(b, name, leaf, ".weight");
        b->status = loam_weight_store_get_rows(b->store, name, LOAM_WEIGHT_LINEAR, i * n, n, c, true, &w, &b->err);
        if (b->status != LOAM_OK)
            return -1;
        full_name(b, name, leaf, ".bias");
        b->status = loam_weight_store_get_rows(b->store, name, LOAM_WEIGHT_VECTOR, i * n, n, n, true, &v, &b->err);
        if (b->status != LOAM_OK)
            return -1;
        half[i] = bound_tensor(b, w);
        bias[i] = bound_tensor(b, v);
    }
    int up = loam_graph_matmul(b->g, x, half[0], bias[0]), gate = loam_graph_matmul(b->g, x, half[1], bias[1]);
    return loam_graph_gate(b->g, LOAM_UNARY_GELU, gate, up);
}

static loam_map conv(loam_build *b, loam_map x, const char *leaf, int64_t n, const loam_conv *c, loam_bias bias,
                     int spread)
{
    const loam_map none = {.id = -1};
    const loam_bound_weight *bound = NULL;
    const int taps[3] = {c->kt, c->kh, c->kw};
    int w = x.id < 0 ? -1 : weight(b, leaf, ".weight", LOAM_WEIGHT_CONV, n, x.c, taps, true, &bound);
    if (w < 0)
        return none;
    loam_conv full = *c;
    full.n = x.n, full.f = x.f, full.h = x.h, full.w = x.w, full.c = x.c;
    loam_map y = {.n = x.n, .f = c->of, .h = c->oh, .w = c->ow, .c = bound->n};
    y.id = loam_graph_conv(b->g, x.id, w, bias_of(b, leaf, bound->n, bias), spread, &full);
    loam_lora_pair pairs[MAX_LORAS];
    int n_pairs = loras(b, leaf, bound->n, x.c, taps, pairs);
    for (int i = 0; i < n_pairs; i++) {
        int low = loam_graph_conv(b->g, x.id, bound_tensor(b, pairs[i].down), -1, -1, &full);
        y.id = loam_graph_add(b->g, loam_graph_matmul(b->g, low, bound_tensor(b, pairs[i].up), -1), y.id);
    }
    return y.id < 0 ? none : y;
}

loam_map loam_build_conv(loam_build *b, loam_map x, const char *leaf, int64_t n, int k, int flags, int spread)
{
    loam_conv c = {.of = x.f,
                   .oh = x.h,
                   .ow = x.w,
                   .kt = 1,
                   .kh = k,
                   .kw = k,
                   .stride_t = 1,
                   .stride = 1,
                   .pad_top = k / 2,
                   .pad_left = k / 2};
    if (flags & LOAM_CONV_UP) {
        c.up = true;
        c.oh *= 2;
        c.ow *= 2;
    } else if (flags & LOAM_CONV_HALF) {
        c.stride = 2;
        c.oh = (x.h + 1) / 2;
        c.ow = (x.w + 1) / 2;
    } else if (flags & LOAM_CONV_HALF_END) {
        c.stride = 2;
        c.pad_top = c.pad_left = 0;
        c.oh = x.h / 2;
        c.ow = x.w / 2;
    }
    return conv(b, x, leaf, n, &c, flags & LOAM_CONV_NO_BIAS ? LOAM_BIAS_NONE : LOAM_BIAS_YES, spread);
}

loam_map loam_build_conv_as(loam_build *b, loam_map x, const char *leaf, int64_t n, const loam_conv *c, bool bias)
{
    return conv(b, x, leaf, n, c, bias ? LOAM_BIAS_YES : LOAM_BIAS_NONE, -1);
}

int loam_build_group_norm(loam_build *b, loam_map x, const char *leaf, int groups, float eps, loam_unary f)
{
    if (x.id < 0)
        return -1;
    int gamma = weight(b, leaf, ".weight", LOAM_WEIGHT_VECTOR, 0, x.c, NULL, true, NULL);
    int beta = weight(b, leaf, ".bias", LOAM_WEIGHT_VECTOR, 0, x.c, NULL, true, NULL);
    return b->status == LOAM_OK ? loam_graph_group_norm(b->g, x.id, gamma, beta, x.n, groups, eps, f) : -1;
}

int loam_build_layer_norm(loam_build *b, int x, const char *leaf, float eps)
{
    if (x < 0)
        return -1;
    int64_t c = loam_graph_columns(b->g, x);
    int gamma = weight(b, leaf, ".weight", LOAM_WEIGHT_VECTOR, 0, c, NULL, true, NULL);
    int beta = weight(b, leaf, ".bias", LOAM_WEIGHT_VECTOR, 0, c, NULL, true, NULL);
    return b->status == LOAM_OK ? loam_graph_layer_norm(b->g, x, gamma, beta, -1, -1, eps) : -1;
}

int loam_build_rms_norm(loam_build *b, int x, const char *leaf, float eps)
{
    if (x < 0)
        return -1;
    int w = weight(b, leaf, ".weight", LOAM_WEIGHT_VECTOR, 0, loam_graph_columns(b->g, x), NULL, true, NULL);
    return b->status == LOAM_OK ? loam_graph_rms_norm(b->g, x, w, eps) : -1;
}
