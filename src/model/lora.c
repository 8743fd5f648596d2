/* An adapter's file: pairs of factors by layer, differences by vector. */
#include "model/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/lora_names.h"
#include "model/weight_convert.h"
#include "model/weights_int.h"

typedef struct pair {
    const char *layer;
    const loam_safetensors_tensor *down, *up, *alpha;
    loam_bound_weight bound_down, bound_up; /* .w NULL: not on the device yet */
} pair;

typedef struct difference {
    const char *name; /* of the vector */
    const loam_safetensors_tensor *t;
} difference;

struct loam_lora {
    loam_lora *next;
    loam_arena *arena;
    loam_safetensors *file;
    const char *name;
    float strength;
    pair *pairs; /* in the order of their layers */
    size_t n_pairs;
    difference *differences;
    size_t n_differences;
    json_t *peft; /* PEFT's settings in the file's metadata, or NULL */
};

static void free_lora(loam_lora *l)
{
    if (!l)
        return;
    loam_safetensors_close(l->file);
    json_decref(l->peft);
    loam_arena_free(l->arena);
    free(l);
}

static bool as_view(const loam_safetensors_tensor *t, loam_weight_view *v)
{
    *v = (loam_weight_view){.name = t->name, .n_dims = t->n_dims, .data = t->data, .bytes = t->bytes};
    memcpy(v->shape, t->shape, sizeof t->shape);
    return loam_weight_view_set_type(t->dtype, v);
}

static int64_t elements(const loam_safetensors_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= t->shape[i]; /* the reader has checked the product */
    return n;
}

/* Of a matrix with or without taps: rows, and elements of a row. */
static int64_t rows_of(const loam_safetensors_tensor *t)
{
    return t->n_dims > 0 ? t->shape[0] : 1;
}

static int64_t row_elements(const loam_safetensors_tensor *t)
{
    int64_t rows = rows_of(t);
    return rows > 0 ? elements(t) / rows : 0;
}

static pair *pair_of(loam_lora *l, const char *layer)
{
    for (size_t i = l->n_pairs; i-- > 0;) /* a layer's tensors mostly follow one another */
        if (strcmp(l->pairs[i].layer, layer) == 0)
            return &l->pairs[i];
    l->pairs[l->n_pairs] = (pair){.layer = layer};
    return &l->pairs[l->n_pairs++];
}

/* A difference must be of a vector that the model has, with as many elements. */
static loam_status put_difference(loam_lora *l, const loam_weights *model, const char *layer,
                                  const loam_safetensors_tensor *t, bool bias, loam_err *err)
{
    char name[2 * LOAM_WEIGHT_NAME_MAX];
    snprintf(name, sizeof name, "%s.%s", layer, bias ? "bias" : "weight");
    const loam_weight_view *v = loam_weights_find(model, name);
    int64_t n = 1;
    for (int i = 0; v && i < v->n_dims; i++)
        n *= v->shape[i];
    if (v && v->n_dims > 1 && n != v->shape[v->n_dims - 1])
        LOAM_FAIL(err, UNSUPPORTED, "'%s' is the whole difference of a matrix; Loam runs adapters of low rank only",
                  t->name);
    if (!v || n != elements(t))
        LOAM_FAIL(err, CORRUPT, "'%s' has %lld elements, the model's '%s' %lld", t->name, (long long)elements(t), name,
                  v ? (long long)n : 0LL);
    l->differences[l->n_differences].name = loam_arena_strndup(l->arena, name, strlen(name));
    if (!l->differences[l->n_differences].name)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the adapter");
    l->differences[l->n_differences++].t = t;
    return LOAM_OK;
}

static loam_status sort_tensors(loam_lora *l, const loam_weights *model, const loam_lora_layers *layers, loam_err *err)
{
    const size_t n = loam_safetensors_n_tensors(l->file);
    const char *odd = NULL;
    for (size_t i = 0; i < n; i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(l->file, i);
        const char *kind = loam_lora_foreign(t->name);
        loam_name base;
        loam_weight_view v;
        if (kind)
            LOAM_FAIL(err, UNSUPPORTED, "the adapter is of another kind than LoRA: '%.100s' is %s", t->name, kind);
        loam_lora_role role = loam_lora_role_of(t->name, &base);
        if (role == LOAM_LORA_OTHER)
            LOAM_FAIL(err, UNSUPPORTED, "'%.100s' is no part of a LoRA adapter that Loam knows", t->name);
        if (!as_view(t, &v) && role != LOAM_LORA_ALPHA)
            LOAM_FAIL(err, UNSUPPORTED, "'%.100s' is of type %s, which Loam does not compute with", t->name,
                      loam_safetensors_dtype_name(t->dtype));
        const char *layer = loam_lora_layer_of(layers, base.text);
        if (!layer) { /* of a part that this model has not: it stays without */
            odd = odd ? odd : t->name;
            continue;
        }
        if (role == LOAM_LORA_DIFF || role == LOAM_LORA_DIFF_BIAS) {
            LOAM_TRY(put_difference(l, model, layer, t, role == LOAM_LORA_DIFF_BIAS, err));
            continue;
        }
        pair *p = pair_of(l, layer);
        const loam_safetensors_tensor **slot = role == LOAM_LORA_DOWN ? &p->down
                                               : role == LOAM_LORA_UP ? &p->up
                                                                      : &p->alpha;
        if (*slot)
            LOAM_FAIL(err, CORRUPT, "'%.100s' and '%.100s' are of the same layer", (*slot)->name, t->name);
        *slot = t;
    }
    if (l->n_pairs == 0 && l->n_differences == 0)
        LOAM_FAIL(err, INVALID, "the adapter fits no layer of this model: it was made for another one ('%.100s')",
                  odd ? odd : "no tensors");
    return LOAM_OK;
}

static loam_status check_pairs(loam_lora *l, const loam_weights *model, loam_err *err)
{
    for (size_t i = 0; i < l->n_pairs; i++) {
        const pair *p = &l->pairs[i];
        char name[2 * LOAM_WEIGHT_NAME_MAX];
        snprintf(name, sizeof name, "%s.weight", p->layer);
        const loam_weight_view *v = loam_weights_find(model, name);
        if (!p->down || !p->up)
            LOAM_FAIL(err, CORRUPT, "the adapter's pair for '%s' is incomplete", p->layer);
        int64_t n = 1;
        for (int d = 0; v && d < v->n_dims; d++)
            n *= v->shape[d];
        const int64_t rank = rows_of(p->down), rows = rows_of(p->up), k = row_elements(p->down);
        if (!v || v->n_dims < 2 || rank < 1 || rows < 1 || k < 1 || row_elements(p->up) != rank || n % rows != 0 ||
            n / rows != k || (v->n_dims < 5 && v->shape[0] % rows != 0))
            LOAM_FAIL(
                err, INVALID,
                "the adapter's factors for '%s' are [%lld, %lld] and [%lld, %lld], which does not fit the layer: it "
                "was made for another model",
                p->layer, (long long)rows, (long long)row_elements(p->up), (long long)rank, (long long)k);
        if (p->alpha && (elements(p->alpha) != 1 || !as_view(p->alpha, &(loam_weight_view){0})))
            LOAM_FAIL(err, CORRUPT, "'%s' is no single number", p->alpha->name);
    }
    return LOAM_OK;
}

/* PEFT's settings are JSON: diffusers keeps them in the metadata ("unet.lora_alpha", "unet.use_dora", …), PEFT itself
 * in adapter_config.json beside adapter_model.safetensors ("lora_alpha", …). */
static loam_status read_peft(loam_lora *l, loam_err *err)
{
    static const char *const dora[] = {"use_dora", "unet.use_dora", "transformer.use_dora", "text_encoder.use_dora",
                                       "text_encoder_2.use_dora"};
    static const char own[] = "adapter_model.safetensors";
    const char *text = loam_safetensors_find_metadata(l->file, "lora_adapter_metadata");
    if (text) {
        LOAM_TRY(loam_json_parse(text, strlen(text), 1 << 20, &l->peft, err));
    } else if (loam_ends(l->name, own)) {
        char path[4096], *config = NULL;
        size_t len = 0;
        int n = snprintf(path, sizeof path, "%.*sadapter_config.json", (int)(strlen(l->name) - strlen(own)), l->name);
        loam_err absent = LOAM_ERR_INIT;
        if (n > 0 && (size_t)n < sizeof path && loam_file_read(path, 1 << 20, &config, &len, &absent) == LOAM_OK) {
            loam_status st = loam_json_parse(config, len, 1 << 20, &l->peft, err);
            free(config);
            LOAM_TRY(st);
        }
    }
    for (size_t i = 0; i < sizeof dora / sizeof *dora; i++)
        if (json_is_true(json_object_get(l->peft, dora[i])))
            LOAM_FAIL(err, UNSUPPORTED, "the adapter is of another kind than LoRA: DoRA");
    return LOAM_OK;
}

/* The setting `key` of the layer's part. */
static const json_t *peft_setting(const loam_lora *l, const char *layer, const char *key)
{
    char name[64];
    const char *dot = strchr(layer, '.');
    snprintf(name, sizeof name, "%.*s.%s", dot && dot - layer < 32 ? (int)(dot - layer) : 0, layer, key);
    const json_t *v = json_object_get(l->peft, name);
    return v ? v : json_object_get(l->peft, key);
}

static double peft_alpha(const loam_lora *l, const char *layer, double rank)
{
    const char *dot = strchr(layer, '.');
    const json_t *alpha = json_object_get(peft_setting(l, layer, "alpha_pattern"), dot ? dot + 1 : layer);
    alpha = json_is_number(alpha) ? alpha : peft_setting(l, layer, "lora_alpha");
    double out = json_is_number(alpha) ? json_number_value(alpha) : rank;
    return json_is_true(peft_setting(l, layer, "use_rslora")) ? out * sqrt(rank) : out;
}

loam_status loam_lora_add(loam_lora_set *set, const loam_weights *model, const char *path, float strength,
                          loam_err *err)
{
    loam_lora *l = calloc(1, sizeof *l);
    loam_lora_layers *layers = NULL;
    if (!l || !(l->arena = loam_arena_new(0)) || !(l->name = loam_arena_strndup(l->arena, path, strlen(path)))) {
        free_lora(l);
        LOAM_FAIL(err, NO_MEMORY, "no memory for the adapter");
    }
    l->strength = strength;
    loam_status st = !isfinite(strength) ? loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                                                        "the adapter's strength is no finite number")
                                         : loam_safetensors_open(path, &l->file, err);
    if (st != LOAM_OK) {
        free_lora(l);
        return st;
    }
    const size_t n = loam_safetensors_n_tensors(l->file);
    l->pairs = loam_arena_alloc(l->arena, n * sizeof *l->pairs);
    l->differences = loam_arena_alloc(l->arena, n * sizeof *l->differences);
    if (!l->pairs || !l->differences)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the adapter");
    if (st == LOAM_OK)
        st = read_peft(l, err);
    if (st == LOAM_OK)
        st = loam_lora_layers_new(model, l->arena, &layers, err);
    if (st == LOAM_OK)
        st = sort_tensors(l, model, layers, err);
    if (st == LOAM_OK)
        st = check_pairs(l, model, err);
    if (st != LOAM_OK) {
        loam_err_prefix(err, "%s", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
        free_lora(l);
        return st;
    }
    loam_lora **end = &set->first;
    while (*end)
        end = &(*end)->next;
    *end = l;
    return LOAM_OK;
}

void loam_lora_clear(loam_lora_set *set, const loam_device_api *api, loam_device *device)
{
    while (set->first) {
        loam_lora *l = set->first;
        set->first = l->next;
        for (size_t i = 0; i < l->n_pairs; i++) {
            if (l->pairs[i].bound_down.w)
                api->weight_free(device, l->pairs[i].bound_down.w);
            if (l->pairs[i].bound_up.w)
                api->weight_free(device, l->pairs[i].bound_up.w);
        }
        free_lora(l);
    }
}

static loam_status bring_down(const loam_device_api *api, loam_device *device, pair *p, int64_t c, int64_t taps,
                              loam_err *err)
{
    loam_weight_view v;
    loam_converted m;
    loam_bound_weight *b = &p->bound_down;
    as_view(p->down, &v);
    /* the small factor stays exact: bf16 products would round the activations */
    loam_dtype t = v.kind == LOAM_WEIGHT_GGML && v.dtype == LOAM_DTYPE_F16 ? LOAM_DTYPE_F16 : LOAM_DTYPE_F32;
    b->n = rows_of(p->down);
    b->k = c * taps;
    b->dtype = t;
    snprintf(b->name, sizeof b->name, "%.100s.lora_down", p->layer);
    LOAM_TRY(loam_convert_matrix(&v, 0, b->n, c, taps, t, &m, err));
    loam_status st = api->weight_new(device, t, b->n, b->k, m.data, true, false, &b->w, err);
    free(m.owned);
    return st;
}

static loam_status bring_up(const loam_lora *l, const loam_device_api *api, loam_device *device, pair *p, loam_err *err)
{
    loam_weight_view v;
    loam_bound_weight *b = &p->bound_up;
    const int64_t rank = rows_of(p->down);
    float alpha = 0;
    as_view(p->up, &v);
    b->n = rows_of(p->up);
    b->k = rank;
    b->dtype = LOAM_DTYPE_F32;
    snprintf(b->name, sizeof b->name, "%.100s.lora_up", p->layer);
    float *x = malloc((size_t)(b->n * rank) * sizeof *x);
    if (!x)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the adapter");
    loam_convert_f32(&v, 0, b->n * rank, x);
    if (p->alpha) {
        as_view(p->alpha, &v);
        loam_convert_f32(&v, 0, 1, &alpha);
    } else {
        alpha = (float)peft_alpha(l, p->layer, (double)rank);
    }
    const float scale = l->strength * alpha / (float)rank;
    for (int64_t i = 0; i < b->n * rank; i++)
        x[i] *= scale;
    loam_status st = api->weight_new(device, LOAM_DTYPE_F32, b->n, b->k, x, true, false, &b->w, err);
    free(x);
    return st;
}

int loam_lora_pairs(loam_lora_set *set, const loam_device_api *api, loam_device *device, const char *name, int64_t n,
                    int64_t c, const int taps[3], loam_lora_pair *out, int cap, loam_err *err)
{
    int found = 0;
    const int64_t n_taps = taps ? (int64_t)taps[0] * taps[1] * taps[2] : 1;
    for (loam_lora *l = set->first; l; l = l->next)
        for (size_t i = 0; i < l->n_pairs; i++) {
            pair *p = &l->pairs[i];
            if (strcmp(p->layer, name) != 0)
                continue;
            if (found == cap) {
                loam_err_set(err, LOAM_STATUS_UNSUPPORTED, __FILE__, __LINE__,
                             "more than %d adapters for the layer '%s'", cap, name);
                return -1;
            }
            if (rows_of(p->up) != n || row_elements(p->down) != c * n_taps) {
                loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                             "%s: the factors for '%s' do not fit [%lld, %lld]", l->name, name, (long long)n,
                             (long long)(c * n_taps));
                return -1;
            }
            if ((!p->bound_down.w && bring_down(api, device, p, c, n_taps, err) != LOAM_OK) ||
                (!p->bound_up.w && bring_up(l, api, device, p, err) != LOAM_OK))
                return -1;
            if (loam_file_map_damaged(loam_safetensors_map(l->file))) {
                loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__,
                             "%s became shorter while it was read; add the adapter again", l->name);
                return -1;
            }
            out[found++] = (loam_lora_pair){.down = &p->bound_down, .up = &p->bound_up};
        }
    return found;
}

void loam_lora_add_to_vector(const loam_lora_set *set, const char *name, int64_t at, int64_t n, float *x)
{
    for (const loam_lora *l = set->first; l; l = l->next)
        for (size_t i = 0; i < l->n_differences; i++) {
            loam_weight_view v;
            if (strcmp(l->differences[i].name, name) != 0 || !as_view(l->differences[i].t, &v))
                continue;
            for (int64_t j = 0; j < n; j++) {
                float d;
                loam_convert_f32(&v, at + j, 1, &d);
                x[j] += l->strength * d;
            }
        }
}

bool loam_lora_has_vector(const loam_lora_set *set, const char *name)
{
    for (const loam_lora *l = set->first; l; l = l->next)
        for (size_t i = 0; i < l->n_differences; i++)
            if (strcmp(l->differences[i].name, name) == 0)
                return true;
    return false;
}
