/* The models folder: where it is, what is in it, and which file a name means. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "service/models_int.h"

loam_status loam_models_dir(char *out, size_t size, loam_err *err)
{
    const char *own = getenv("LOAM_MODELS"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n;
    if (own && *own)
        n = snprintf(out, size, "%s", own);
    else if (data && *data == '/') /* the specification says that relative paths are to be ignored */
        n = snprintf(out, size, "%s/loam/models", data);
    else if (home && *home)
        n = snprintf(out, size, "%s/.local/share/loam/models", home);
    else
        LOAM_FAIL(err, INVALID, "no place for models: set LOAM_MODELS (or HOME) to a folder");
    if (n < 0 || (size_t)n >= size)
        LOAM_FAIL(err, INVALID, "the path of the models folder is too long");
    LOAM_TRY(loam_dir_make(out, err));
    struct stat st;
    if (stat(out, &st) != 0 || !S_ISDIR(st.st_mode))
        LOAM_FAIL(err, INVALID, "'%s' is not a folder", out);
    return LOAM_OK;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool ends_with_gguf(const char *s)
{
    size_t n = strlen(s);
    return n > 5 && strcasecmp(s + n - 5, ".gguf") == 0;
}

static int model_file(const struct dirent *d)
{
    return d->d_name[0] != '.' && ends_with_gguf(d->d_name);
}

/* Names in the order of bytes, the same in every locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static loam_status not_found(const char *name, const char *dir, loam_err *err)
{
    loam_buf b;
    loam_buf_init(&b, 4096);
    struct dirent **names = NULL;
    int n = scandir(dir, &names, model_file, by_name), shown = 0;
    for (int i = 0; i < n; i++) {
        if (shown < 6) {
            loam_buf_str(&b, shown++ ? ", " : "");
            loam_plain_text(&b, names[i]->d_name, strlen(names[i]->d_name) - 5, 60);
        } else if (shown == 6) {
            loam_buf_str(&b, ", …");
            shown++;
        }
        free(names[i]);
    }
    free(names);
    loam_buf plain;
    loam_buf_init(&plain, 1024);
    loam_plain_text(&plain, name, strlen(name), 120);
    loam_err_set(err, LOAM_STATUS_NOT_FOUND, __FILE__, __LINE__,
                 "there is no model '%s': installed are %s; 'loam model pull %s' fetches one", loam_buf_text(&plain),
                 b.len ? loam_buf_text(&b) : "none", loam_index_find(name) ? name : loam_index_at(0)->name);
    loam_buf_deinit(&plain);
    loam_buf_deinit(&b);
    return LOAM_STATUS_NOT_FOUND;
}

loam_status loam_models_resolve(const char *path_or_name, char *out, size_t size, loam_err *err)
{
    char dir[PATH_MAX];
    if (!*path_or_name)
        LOAM_FAIL(err, INVALID, "the model's name is empty");
    if (is_file(path_or_name)) {
        if ((size_t)snprintf(out, size, "%s", path_or_name) >= size)
            LOAM_FAIL(err, INVALID, "the path of the model is too long");
        return LOAM_OK;
    }
    LOAM_TRY(loam_models_dir(dir, sizeof dir, err));
    if (!strchr(path_or_name, '/')) { /* so that no name leads out of the folder */
        const loam_index_entry *e = loam_index_find(path_or_name);
        const char *names[] = {path_or_name, path_or_name, e ? e->file : NULL};
        for (int i = 0; i < 3; i++) {
            if (!names[i])
                continue;
            if ((size_t)snprintf(out, size, "%s/%s%s", dir, names[i], i == 1 ? ".gguf" : "") >= size)
                LOAM_FAIL(err, INVALID, "the path of the model is too long");
            if (is_file(out))
                return LOAM_OK;
        }
    }
    return not_found(path_or_name, dir, err);
}

static char *plain(const char *s, size_t len)
{
    loam_buf b;
    loam_buf_init(&b, 4096);
    loam_plain_text(&b, s, len, 64);
    return loam_buf_take(&b);
}

/* The type in which most of the weights are: norms and biases stay in f32 in every file. */
static const char *main_type(const loam_gguf *g, int64_t *n_params)
{
    enum { MAX_TYPES = 64 };
    int64_t elems[MAX_TYPES] = {0}, best = 0;
    const char *name = "?";
    *n_params = 0;
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(g, i);
        int64_t n = 1;
        for (int d = 0; d < t->n_dims; d++)
            if (__builtin_mul_overflow(n, t->shape[d], &n))
                n = 0;
        if (__builtin_add_overflow(*n_params, n, n_params))
            *n_params = INT64_MAX;
        const loam_ggml_type *type = loam_ggml_type_get(t->ggml_type);
        if (!type || t->ggml_type >= MAX_TYPES)
            continue;
        elems[t->ggml_type] += n;
        if (elems[t->ggml_type] > best) {
            best = elems[t->ggml_type];
            name = type->name;
        }
    }
    return name;
}

/* False when out of memory. */
static bool fill_entry(loam_model_entry *e)
{
    loam_err why = LOAM_ERR_INIT;
    loam_gguf *g = NULL;
    struct stat st;
    if (stat(e->path, &st) == 0)
        e->bytes = (uint64_t)st.st_size;
    if (loam_gguf_open(e->path, &g, &why) != LOAM_OK) {
        e->arch = strdup("?");
        e->type = strdup("?");
        e->problem = plain(why.msg, strlen(why.msg));
        return e->arch && e->type && e->problem;
    }
    loam_gguf_str arch = {"?", 1};
    char key[256];
    (void)loam_gguf_get_str(g, "general.architecture", &arch);
    int n = snprintf(key, sizeof key, "%.*s.context_length", (int)(arch.len < 200 ? arch.len : 200), arch.data);
    if (n > 0)
        (void)loam_gguf_get_i64(g, key, &e->n_ctx_train);
    e->arch = plain(arch.data, arch.len);
    e->type = strdup(main_type(g, &e->n_params));
    loam_gguf_close(g);
    return e->arch && e->type;
}

loam_status loam_models_list(loam_model_entry **out, size_t *n_out, loam_err *err)
{
    char dir[PATH_MAX];
    *out = NULL;
    *n_out = 0;
    LOAM_TRY(loam_models_dir(dir, sizeof dir, err));
    struct dirent **names = NULL;
    int n = scandir(dir, &names, model_file, by_name);
    if (n < 0)
        LOAM_FAIL(err, IO, "cannot read the folder '%s': %s", dir, strerror(errno));
    loam_model_entry *list = calloc((size_t)n + 1, sizeof *list);
    size_t count = 0;
    bool ok = list != NULL;
    for (int i = 0; i < n; i++) {
        const char *file = names[i]->d_name;
        if (ok) {
            loam_model_entry *e = &list[count];
            if (asprintf(&e->path, "%s/%s", dir, file) < 0)
                e->path = NULL;
            if (e->path && !is_file(e->path)) {
                free(e->path);
                e->path = NULL;
            } else {
                e->name = strndup(file, strlen(file) - 5);
                count++;
                ok = e->path && e->name && fill_entry(e);
            }
        }
        free(names[i]);
    }
    free(names);
    if (!ok) {
        loam_models_list_free(list, count);
        LOAM_FAIL(err, NO_MEMORY, "no memory to list the models");
    }
    *out = list;
    *n_out = count;
    return LOAM_OK;
}

void loam_models_list_free(loam_model_entry *list, size_t n)
{
    if (!list)
        return;
    for (size_t i = 0; i < n; i++) {
        free(list[i].name);
        free(list[i].path);
        free(list[i].arch);
        free(list[i].type);
        free(list[i].problem);
    }
    free(list);
}
