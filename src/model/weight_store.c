/* Finding, checking, converting and keeping the weights of the device. */
#include "model/weight_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "model/lora.h"
#include "model/weight_convert.h"

typedef struct held {
    loam_bound_weight bound; /* what callers borrow */
    loam_weight_use use;
    int64_t row0;
    void *rows; /* owned: a converted table that the device borrows */
} held;

struct loam_weight_store {
    const loam_device_api *api;
    loam_device *device;
    const loam_weights *weights;
    loam_dtype type;
    held **slots; /* open addressing; a power of two */
    held **spare; /* as many, for rebuilding */
    size_t n, cap;
    size_t bytes;
    loam_lora_set loras;
};

loam_status loam_weight_store_new(const loam_device_api *api, loam_device *device, const loam_weights *weights,
                                  loam_dtype type, loam_weight_store **out, loam_err *err)
{
    *out = NULL;
    if (type != LOAM_DTYPE_COUNT && !loam_convert_can_make(type))
        LOAM_FAIL(
            err, UNSUPPORTED,
            "Loam cannot turn weights into %s when it loads them; take F32, F16, BF16 or Q8_0, or a GGUF file that is "
            "in this type already",
            loam_dtype_name(type));
    loam_weight_store *s = calloc(1, sizeof *s);
    if (!s)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the weights");
    *s = (loam_weight_store){.api = api, .device = device, .weights = weights, .type = type};
    *out = s;
    return LOAM_OK;
}

static void free_held(loam_weight_store *s, held *h)
{
    if (!h)
        return;
    if (h->bound.w)
        s->api->weight_free(s->device, h->bound.w);
    free(h->rows);
    free(h);
}

void loam_weight_store_free(loam_weight_store *s)
{
    if (!s)
        return;
    loam_weight_store_clear_loras(s);
    for (size_t i = 0; i < s->cap; i++)
        free_held(s, s->slots[i]);
    free(s->slots);
    free(s->spare);
    free(s);
}

static uint64_t hash(const char *name, loam_weight_use use, int64_t row0)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 1099511628211u;
    return (h ^ (uint64_t)use ^ (uint64_t)row0 << 8) * 1099511628211u;
}

static held *lookup(const loam_weight_store *s, const char *name, loam_weight_use use, int64_t row0, int64_t n)
{
    for (size_t i = hash(name, use, row0); s->cap; i++) {
        held *h = s->slots[i & (s->cap - 1)];
        if (!h)
            return NULL;
        if (h->use == use && h->row0 == row0 &&
            (row0 < 0 || h->bound.n == n || (use == LOAM_WEIGHT_VECTOR && h->bound.k == n)) &&
            strcmp(h->bound.name, name) == 0)
            return h;
    }
    return NULL;
}

static void place(held **slots, size_t cap, held *h)
{
    size_t i = hash(h->bound.name, h->use, h->row0);
    while (slots[i & (cap - 1)])
        i++;
    slots[i & (cap - 1)] = h;
}

static bool insert(loam_weight_store *s, held *h)
{
    if ((s->n + 1) * 2 > s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        held **slots = calloc(cap, sizeof *slots), **spare = calloc(cap, sizeof *spare);
        if (!slots || !spare) {
            free(slots);
            free(spare);
            return false;
        }
        for (size_t i = 0; i < s->cap; i++)
            if (s->slots[i])
                place(slots, cap, s->slots[i]);
        free(s->slots);
        free(s->spare);
        s->slots = slots;
        s->spare = spare;
        s->cap = cap;
    }
    place(s->slots, s->cap, h);
    s->n++;
    return true;
}

static const char *shape_text(const loam_weight_view *v, char out[96])
{
    size_t at = 0;
    out[at++] = '[';
    for (int i = 0; i < v->n_dims && at < 80; i++)
        at += (size_t)snprintf(out + at, 96 - at, "%s%lld", i ? ", " : "", (long long)v->shape[i]);
    snprintf(out + at, 96 - at, "]");
    return out;
}

/* Elements of v; the readers of files have checked that the product fits. */
static int64_t elements(const loam_weight_view *v)
{
    int64_t n = 1;
    for (int i = 0; i < v->n_dims; i++)
        n *= v->shape[i];
    return n;
}

/* Whether v can be rows [n, c] with these taps behind each channel; n ≤ 0: *n becomes what it has. Trailing dimensions
 * of 1 count for nothing, nor do leading ones that GGUF drops; GGUF, which knows four dimensions, merges the first two
 * of five. */
static bool fits_matrix(const loam_weight_view *v, int64_t *n, int64_t c, const int taps[3])
{
    int64_t all = elements(v), k = c;
    for (int i = 0; taps && i < 3; i++)
        k *= taps[i];
    if (c <= 0 || k <= 0 || all % k != 0)
        return false;
    int64_t rows = all / k;
    if (*n > 0 && *n != rows)
        return false;
    *n = rows;
    const int64_t *d = v->shape;
    int dims = v->n_dims;
    if (taps) {
        int64_t want[5] = {rows, c, taps[0], taps[1], taps[2]};
        bool time = dims == 5 || taps[0] > 1;
        if (dims == 5)
            return memcmp(d, want, sizeof want) == 0;
        if (dims == 4 && d[0] == rows * c && d[1] == taps[0] && d[2] == taps[1] && d[3] == taps[2])
            return true; /* merged */
        if (dims == 4 && !time)
            return d[0] == rows && d[1] == c && d[2] == taps[1] && d[3] == taps[2];
        if (dims == 3) /* one dimension of taps; or leading ones dropped by GGUF */
            return (d[0] == rows && d[1] == c && d[2] == taps[0] * taps[1] * taps[2]);
        return dims == 2 && taps[0] * taps[1] * taps[2] == 1 && d[0] == rows && d[1] == c;
    }
    while (dims > 2 && d[dims - 1] == 1)
        dims--;
    return dims == 2   ? d[0] == rows && d[1] == c
           : dims == 1 ? rows == 1 || c == 1
                       : dims == 3 && d[0] == 1 && d[1] == rows;
}

/* Whether a VAE's weight follows an explicit BF16: its 3 × 3 convolutions and the shortcuts beside them, where the
 * device has a way for them that is far faster than f32. Everything else of a VAE stays as it is. */
static bool is_half_conv(const loam_weight_store *s, const loam_weight_view *v, loam_weight_use use)
{
    return strncmp(v->name, "vae.", 4) == 0 && s->type == LOAM_DTYPE_BF16 && s->api->fast_half(s->device) &&
           (use == LOAM_WEIGHT_CONV || strstr(v->name, ".conv_shortcut."));
}

/* The type asked for, where it is to be followed. */
static loam_dtype type_for(const loam_weight_store *s, const loam_weight_view *v, loam_weight_use use, int64_t k)
{
    const char *name = v->name;
    loam_dtype t = s->type;
    bool own = v->kind == LOAM_WEIGHT_GGML;
    if (own && loam_dtype_block_elems(v->dtype) > 1) /* quantised once is enough */
        return LOAM_DTYPE_COUNT;
    if (t == LOAM_DTYPE_COUNT || use == LOAM_WEIGHT_TABLE || use == LOAM_WEIGHT_VECTOR)
        return LOAM_DTYPE_COUNT;
    static const char *const whole[] = {"vae.", "taesd.", "taehv."};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strncmp(name, whole[i], strlen(whole[i])) == 0 && !is_half_conv(s, v, use))
            return LOAM_DTYPE_COUNT;
    if (strstr(name, ".conv_in.") || strstr(name, ".conv_out.") || strstr(name, ".patch_embedding.") ||
        strcmp(name, "transformer.proj_out.weight") == 0)
        return LOAM_DTYPE_COUNT;
    const int64_t elems = (int64_t)loam_dtype_block_elems(t);
    if (use == LOAM_WEIGHT_CONV && loam_dtype_block_bytes(t) < (size_t)elems)
        return LOAM_DTYPE_COUNT;
    return k % elems == 0 ? t : LOAM_DTYPE_COUNT;
}

static loam_status bring_vector(loam_weight_store *s, held *h, const loam_weight_view *v, int64_t at, loam_err *err)
{
    loam_bound_weight *b = &h->bound;
    b->vector = true;
    b->dtype = LOAM_DTYPE_F32;
    if (v->kind == LOAM_WEIGHT_GGML &&
        (at % (int64_t)loam_dtype_block_elems(v->dtype) != 0 || b->k % (int64_t)loam_dtype_block_elems(v->dtype) != 0))
        LOAM_FAIL(err, UNSUPPORTED, "the tensor '%s' is of type %s and cannot be cut at element %lld", v->name,
                  loam_dtype_name(v->dtype), (long long)at);
    float *x = malloc((size_t)b->k * sizeof *x);
    if (!x)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the tensor '%s'", v->name);
    loam_convert_f32(v, at, b->k, x);
    loam_lora_add_to_vector(&s->loras, v->name, at, b->k, x);
    loam_status st = s->api->weight_new(s->device, LOAM_DTYPE_F32, 1, b->k, x, false, false, &b->w, err);
    free(x);
    return st;
}

static loam_status bring_matrix(loam_weight_store *s, held *h, const loam_weight_view *v, int64_t row0, int64_t c,
                                int64_t taps, loam_err *err)
{
    loam_bound_weight *b = &h->bound;
    loam_converted m;
    bool table = h->use == LOAM_WEIGHT_TABLE;
    LOAM_TRY(loam_convert_matrix(v, row0, b->n, c, taps, type_for(s, v, h->use, b->k), &m, err));
    b->dtype = m.dtype;
    loam_status st = s->api->weight_new(s->device, m.dtype, b->n, b->k, m.data, !table, table, &b->w, err);
    if (table && st == LOAM_OK)
        h->rows = m.owned;
    else
        free(m.owned);
    if (!table || m.owned) /* what was packed or converted is read no more */
        loam_weights_release(s->weights, v);
    return st;
}

/* row0 < 0: all of it. */
static loam_status get(loam_weight_store *s, const char *name, loam_weight_use use, int64_t row0, int64_t n, int64_t c,
                       const int taps[3], bool required, const loam_bound_weight **out, loam_err *err)
{
    char text[96];
    *out = NULL;
    const int64_t most = INT64_C(1) << 32;
    if (c <= 0 || c > most || n > most || row0 > most || (taps && (taps[0] > 64 || taps[1] > 64 || taps[2] > 64)))
        LOAM_FAIL(err, CORRUPT, "the tensor '%s': no weight has the size that is asked for", name);
    const bool vector = use == LOAM_WEIGHT_VECTOR, part = row0 >= 0;
    held *h = lookup(s, name, use, row0, n);
    const int64_t n_taps = taps ? (int64_t)taps[0] * taps[1] * taps[2] : 1;
    if (h) {
        if (vector ? h->bound.k != c : h->bound.k != c * n_taps || (n > 0 && h->bound.n != n))
            LOAM_FAIL(err, CORRUPT, "the tensor '%s' is [%lld, %lld]; [%lld, %lld] is asked for as well", name,
                      (long long)h->bound.n, (long long)h->bound.k, (long long)n, (long long)(c * n_taps));
        *out = &h->bound;
        return LOAM_OK;
    }
    const loam_weight_view *v = loam_weights_find(s->weights, name);
    if (!v) {
        if (required)
            LOAM_FAIL(err, CORRUPT, "%s: the tensor '%s' is missing: the model is incomplete or of another kind",
                      loam_weights_path(s->weights), name);
        return LOAM_OK;
    }
    int64_t rows = part ? 0 : n;
    bool fits = vector ? (part ? elements(v) >= row0 + c : elements(v) == c)
                       : fits_matrix(v, &rows, c, taps) && (!part || (n > 0 && row0 <= rows - n));
    if (!fits || strlen(name) >= sizeof h->bound.name)
        LOAM_FAIL(err, CORRUPT, "%s: the tensor '%s' has the shape %s; %s[%lld, %lld]%s is asked for", v->file, name,
                  shape_text(v, text), part ? "at least " : "", (long long)(part ? row0 + n : n), (long long)c,
                  taps && n_taps > 1 ? " with taps" : "");
    h = calloc(1, sizeof *h);
    if (!h)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the tensor '%s'", name);
    h->use = use;
    h->row0 = row0;
    memcpy(h->bound.name, name, strlen(name) + 1);
    h->bound.n = vector ? 1 : part ? n : rows;
    h->bound.k = c * n_taps;
    loam_status st =
        vector ? bring_vector(s, h, v, part ? row0 : 0, err) : bring_matrix(s, h, v, part ? row0 : 0, c, n_taps, err);
    if (st == LOAM_OK && loam_weights_damaged(s->weights))
        st = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__,
                          "a file of the model became shorter while it was read; open the model again");
    if (st == LOAM_OK && !insert(s, h))
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the tensor '%s'", name);
    if (st != LOAM_OK) {
        free_held(s, h);
        return st;
    }
    s->bytes += s->api->weight_bytes(h->bound.w);
    *out = &h->bound;
    return LOAM_OK;
}

loam_status loam_weight_store_get(loam_weight_store *s, const char *name, loam_weight_use use, int64_t n, int64_t c,
                                  const int taps[3], bool required, const loam_bound_weight **out, loam_err *err)
{
    return get(s, name, use, -1, n, c, use == LOAM_WEIGHT_CONV ? taps : NULL, required, out, err);
}

loam_status loam_weight_store_get_rows(loam_weight_store *s, const char *name, loam_weight_use use, int64_t row0,
                                       int64_t n, int64_t c, bool required, const loam_bound_weight **out,
                                       loam_err *err)
{
    *out = NULL;
    if (row0 < 0 || n <= 0)
        LOAM_FAIL(err, INVALID, "rows %lld to %lld of '%s'", (long long)row0, (long long)(row0 + n), name);
    return get(s, name, use, row0, n, use == LOAM_WEIGHT_VECTOR ? n : c, NULL, required, out, err);
}

size_t loam_weight_store_bytes(const loam_weight_store *s)
{
    return s->bytes;
}

const loam_weights *loam_weight_store_weights(const loam_weight_store *s)
{
    return s->weights;
}

const loam_device_api *loam_weight_store_api(const loam_weight_store *s)
{
    return s->api;
}

loam_device *loam_weight_store_device(const loam_weight_store *s)
{
    return s->device;
}

/* Vectors that adapters change are made anew when they are next asked for. */
static void drop_changed(loam_weight_store *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->cap; i++) { /* takes all out, puts those back that stay */
        held *h = s->slots[i];
        s->slots[i] = NULL;
        if (h && h->use == LOAM_WEIGHT_VECTOR && loam_lora_has_vector(&s->loras, h->bound.name)) {
            s->bytes -= s->api->weight_bytes(h->bound.w);
            free_held(s, h);
        } else if (h) {
            s->spare[n++] = h;
        }
    }
    for (size_t i = 0; i < n; i++)
        place(s->slots, s->cap, s->spare[i]);
    s->n = n;
}

loam_status loam_weight_store_add_lora(loam_weight_store *s, const char *path, float strength, loam_err *err)
{
    LOAM_TRY(loam_lora_add(&s->loras, s->weights, path, strength, err));
    drop_changed(s);
    return LOAM_OK;
}

void loam_weight_store_clear_loras(loam_weight_store *s)
{
    drop_changed(s);
    loam_lora_clear(&s->loras, s->api, s->device);
}

int loam_weight_store_loras(loam_weight_store *s, const char *name, int64_t n, int64_t c, const int taps[3],
                            loam_lora_pair *out, int cap, loam_err *err)
{
    return loam_lora_pairs(&s->loras, s->api, s->device, name, n, c, taps, out, cap, err);
}
