/* Reading one file of weights, safetensors or GGUF, into views with canonical names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "model/weights_int.h"

/* A tensor as the file has it. */
typedef struct raw_tensor {
    const char *name;
    loam_weight_view view;
    bool usable;      /* of a type of numbers that Loam reads */
    const char *type; /* for messages */
} raw_tensor;

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool loam_weight_view_set_type(loam_safetensors_dtype d, loam_weight_view *v)
{
    v->kind = LOAM_WEIGHT_GGML;
    switch (d) {
    case LOAM_SAFETENSORS_DTYPE_F32:
        v->dtype = LOAM_DTYPE_F32;
        return true;
    case LOAM_SAFETENSORS_DTYPE_F16:
        v->dtype = LOAM_DTYPE_F16;
        return true;
    case LOAM_SAFETENSORS_DTYPE_BF16:
        v->dtype = LOAM_DTYPE_BF16;
        return true;
    case LOAM_SAFETENSORS_DTYPE_F64:
        v->kind = LOAM_WEIGHT_F64;
        return true;
    case LOAM_SAFETENSORS_DTYPE_F8_E4M3:
        v->kind = LOAM_WEIGHT_F8_E4M3;
        return true;
    case LOAM_SAFETENSORS_DTYPE_F8_E5M2:
        v->kind = LOAM_WEIGHT_F8_E5M2;
        return true;
    default:
        return false;
    }
}

static loam_status list_safetensors(const loam_safetensors *st, loam_arena *arena, raw_tensor **out, size_t *n,
                                    loam_err *err)
{
    *n = loam_safetensors_n_tensors(st);
    *out = loam_arena_alloc(arena, *n * sizeof **out);
    if (!*out)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the names of %zu tensors", *n);
    for (size_t i = 0; i < *n; i++) {
        const loam_safetensors_tensor *t = loam_safetensors_tensor_at(st, i);
        raw_tensor *r = &(*out)[i];
        r->name = t->name;
        r->type = loam_safetensors_dtype_name(t->dtype);
        r->usable = loam_weight_view_set_type(t->dtype, &r->view);
        r->view.n_dims = t->n_dims;
        memcpy(r->view.shape, t->shape, sizeof t->shape);
        r->view.data = t->data;
        r->view.bytes = t->bytes;
    }
    return LOAM_OK;
}

/* ComfyUI-GGUF keeps the shape of tensors of more than four dimensions, and of reshaped ones, in a key. */
static loam_status original_shape(const loam_gguf *g, const char *name, loam_weight_view *v, loam_err *err)
{
    static const char head[] = "comfy.gguf.orig_shape.";
    char key[sizeof head + LOAM_WEIGHT_NAME_MAX];
    size_t len = strlen(name);
    if (len >= LOAM_WEIGHT_NAME_MAX)
        return LOAM_OK;
    memcpy(key, head, sizeof head - 1);
    memcpy(key + sizeof head - 1, name, len + 1);
    const loam_gguf_kv *kv = loam_gguf_find_kv(g, key);
    if (!kv)
        return LOAM_OK;
    size_t have = 1, want = 1;
    for (int i = 0; i < v->n_dims; i++)
        have *= (size_t)v->shape[i]; /* the reader has checked the product */
    bool ints = kv->array_type == LOAM_GGUF_TYPE_I32 || kv->array_type == LOAM_GGUF_TYPE_U32 ||
                kv->array_type == LOAM_GGUF_TYPE_I64 || kv->array_type == LOAM_GGUF_TYPE_U64;
    bool good = kv->type == LOAM_GGUF_TYPE_ARRAY && ints && kv->n >= 1 && kv->n <= 6;
    int64_t shape[6] = {0};
    for (uint64_t i = 0; good && i < kv->n; i++) {
        shape[i] = loam_gguf_kv_i64(kv, i);
        good = shape[i] > 0 && !loam_mul_overflows(want, (size_t)shape[i], &want);
    }
    if (!good || want != have)
        LOAM_FAIL(err, CORRUPT, "the key '%s' does not fit its tensor", key);
    v->n_dims = (int)kv->n;
    memcpy(v->shape, shape, sizeof shape);
    return LOAM_OK;
}

static loam_status list_gguf(const loam_gguf *g, loam_arena *arena, raw_tensor **out, size_t *n, loam_err *err)
{
    size_t total = 0, n_tensors = loam_gguf_n_tensors(g);
    *n = 0;
    *out = loam_arena_alloc(arena, n_tensors * sizeof **out);
    if (!*out)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the names of %zu tensors", n_tensors);
    for (size_t i = 0; i < n_tensors; i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(g, i);
        raw_tensor *r = &(*out)[*n];
        if (memchr(t->name.data, '\0', t->name.len))
            continue;
        r->name = loam_arena_strndup(arena, t->name.data, t->name.len);
        if (!r->name)
            LOAM_FAIL(err, NO_MEMORY, "no memory for the names of %zu tensors", n_tensors);
        const loam_ggml_type *type = loam_ggml_type_get(t->ggml_type);
        r->type = type ? type->name : "unknown";
        r->usable = loam_dtype_from_ggml(t->ggml_type, &r->view.dtype) && r->view.dtype != LOAM_DTYPE_I32;
        r->view.n_dims = t->n_dims;
        memcpy(r->view.shape, t->shape, sizeof t->shape);
        r->view.data = t->data;
        r->view.bytes = t->bytes;
        /* without this a small file could claim the same bytes for thousands of weights, each packed anew */
        if (loam_add_overflows(total, t->bytes, &total) || total > loam_gguf_map(g)->size)
            LOAM_FAIL(err, CORRUPT,
                      "the tensor '%s' and those before it need more bytes than the file has: they overlap", r->name);
        LOAM_TRY(original_shape(g, r->name, &r->view, err));
        ++*n;
    }
    return LOAM_OK;
}

static bool grow(loam_weights *w, size_t add)
{
    size_t need = w->n + add;
    if (need > w->cap) {
        size_t cap = w->cap * 2 > need ? w->cap * 2 : need;
        loam_weights_entry **p = realloc(w->entries, cap * sizeof *p);
        if (!p)
            return false;
        w->entries = p;
        w->cap = cap;
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    const loam_weights_entry *x = *(loam_weights_entry *const *)a, *y = *(loam_weights_entry *const *)b;
    int c = strcmp(x->view.name, y->view.name);
    if (c != 0)
        return c;
    if (x->file != y->file) /* later files win */
        return x->file > y->file ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* The projections of attention in the VAE are 1 × 1 convolutions in old files and matrices in canonical ones. */
static void drop_taps(loam_weight_view *v)
{
    if (strstr(v->name, ".attentions.") &&
        (loam_starts(v->name, "vae.encoder.mid_block.") || loam_starts(v->name, "vae.decoder.mid_block.")) &&
        strstr(v->name, ".to_") && !strstr(v->name, ".to_qkv."))
        while (v->n_dims > 2 && v->shape[v->n_dims - 1] == 1)
            v->n_dims--;
}

/* Adds the views of one tensor behind the w->n that are there; *n_new counts. */
static loam_status put(loam_weights *w, const raw_tensor *r, const loam_name_target *target, const char *file,
                       size_t *n_new, loam_err *err)
{
    for (int i = 0; i < target->n; i++) {
        loam_weights_entry *e = loam_arena_alloc(w->arena, sizeof *e);
        char *name = e ? loam_arena_strndup(w->arena, target->names[i].text, strlen(target->names[i].text)) : NULL;
        if (!name || !grow(w, *n_new + 1))
            LOAM_FAIL(err, NO_MEMORY, "no memory for the names of the tensors");
        e->view = r->view;
        e->view.name = name;
        e->view.file = file;
        e->file = w->n_files - 1;
        e->order = *n_new;
        if (target->n > 1) {
            if (e->view.n_dims < 1 || e->view.shape[0] % target->n != 0)
                LOAM_FAIL(err, CORRUPT, "the tensor '%s' holds q, k and v, yet %lld rows are not three times as many",
                          r->name, e->view.n_dims ? (long long)e->view.shape[0] : 1LL);
            e->view.shape[0] /= target->n;
            e->view.bytes /= (size_t)target->n;
            e->view.data += e->view.bytes * (size_t)i;
        }
        if (target->transposed && e->view.n_dims == 2) {
            int64_t k = e->view.shape[0];
            e->view.transposed = true;
            e->view.shape[0] = e->view.shape[1];
            e->view.shape[1] = k;
        }
        drop_taps(&e->view);
        w->entries[w->n + (*n_new)++] = e;
    }
    return LOAM_OK;
}

static void merge(loam_weights *w, size_t n_new)
{
    size_t n = w->n + n_new, kept = 0;
    qsort(w->entries, n, sizeof *w->entries, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(w->entries[kept - 1]->view.name, w->entries[i]->view.name) != 0)
            w->entries[kept++] = w->entries[i];
    w->n = kept;
}

/* A bare CLIP is the first text encoder or, when it is wider than CLIP-L, SDXL's second. */
static const char *which_clip(const raw_tensor *raw, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(raw[i].name, "text_model.embeddings.token_embedding.weight") == 0)
            return raw[i].view.n_dims == 2 && raw[i].view.shape[1] >= 1280 ? "text_encoder_2" : "text_encoder";
    return "text_encoder";
}

static loam_status name_all(loam_weights *w, const raw_tensor *raw, size_t n, const char *part, const char **known,
                            const char *file, size_t *n_new, loam_err *err)
{
    const char **names = loam_arena_alloc(w->arena, n * sizeof *names);
    if (!names)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the names of the tensors");
    for (size_t i = 0; i < n; i++)
        names[i] = raw[i].name;
    loam_raw_names all = {names, n};
    const char *other = loam_names_foreign(&all);
    if (other)
        LOAM_FAIL(err, UNSUPPORTED, "this is %s; " LOAM_WEIGHTS_RUNS, other);
    loam_names_facts facts;
    loam_names_look(&all, part, &facts);
    if (!part && facts.part && strcmp(facts.part, "text_encoder") == 0)
        facts.part = which_clip(raw, n);
    *known = facts.part;
    for (size_t i = 0; i < n; i++) {
        loam_name_target target;
        loam_names_map(&facts, raw[i].name, &target);
        if (target.kind == LOAM_NAME_UNKNOWN && w->n_unknown++ == 0)
            w->first_unknown = loam_arena_strndup(w->arena, raw[i].name, strlen(raw[i].name));
        w->v_pred |= strcmp(raw[i].name, "v_pred") == 0;
        w->ztsnr |= strcmp(raw[i].name, "ztsnr") == 0;
        bool empty = raw[i].view.bytes == 0;
        if (target.kind != LOAM_NAME_MAPPED || (empty && raw[i].usable))
            continue;
        if (!raw[i].usable)
            LOAM_FAIL(err, UNSUPPORTED, "the tensor '%s' is of type %s, which Loam does not compute with", raw[i].name,
                      raw[i].type);
        LOAM_TRY(put(w, &raw[i], &target, file, n_new, err));
    }
    return LOAM_OK;
}

/* By the first bytes: names of files lie. */
static bool is_gguf(const char *path)
{
    char magic[4] = {0};
    FILE *f = fopen(path, "rb");
    bool yes = f && fread(magic, 1, 4, f) == 4 && memcmp(magic, "GGUF", 4) == 0;
    if (f)
        fclose(f);
    return yes || (!f && loam_ends(path, ".gguf"));
}

loam_status loam_weights_read_file(loam_weights *w, const char *path, const char *part, const char **known,
                                   loam_err *err)
{
    static const char *const pickles[] = {".ckpt", ".bin", ".pt", ".pth"};
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++)
        if (loam_ends(path, pickles[i]))
            LOAM_FAIL(err, UNSUPPORTED,
                      "%s: Loam reads safetensors and GGUF; a pickled file (%s) can run any program, so "
                      "take or make the safetensors file of the model",
                      path, pickles[i]);
    if (w->n_files == w->cap_files) {
        int cap = w->cap_files ? w->cap_files * 2 : 8;
        loam_weights_file *p = realloc(w->files, (size_t)cap * sizeof *p);
        if (!p)
            LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", path);
        w->files = p;
        w->cap_files = cap;
    }
    loam_weights_file *f = &w->files[w->n_files];
    *f = (loam_weights_file){.path = loam_arena_strndup(w->arena, path, strlen(path))};
    if (!f->path)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", path);
    if (is_gguf(path)) {
        LOAM_TRY(loam_gguf_open(path, &f->gguf, err));
        f->map = loam_gguf_map(f->gguf);
    } else {
        LOAM_TRY(loam_safetensors_open(path, &f->st, err));
        f->map = loam_safetensors_map(f->st);
    }
    w->n_files++;
    raw_tensor *raw = NULL;
    size_t n = 0, n_new = 0;
    loam_status st =
        f->gguf ? list_gguf(f->gguf, w->arena, &raw, &n, err) : list_safetensors(f->st, w->arena, &raw, &n, err);
    if (st == LOAM_OK)
        st = name_all(w, raw, n, part, known, f->path, &n_new, err);
    if (st == LOAM_OK && n_new == 0)
        st = loam_err_set(err, LOAM_STATUS_UNSUPPORTED, __FILE__, __LINE__,
                          "no tensor of a model that Loam knows (of %zu, the first is '%s'); " LOAM_WEIGHTS_RUNS, n,
                          n ? raw[0].name : "");
    if (st != LOAM_OK) {
        loam_err_prefix(err, "%s", base_name(path));
        return st;
    }
    merge(w, n_new);
    return LOAM_OK;
}
