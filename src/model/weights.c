/* The named weights of a model: opening, adding, looking up. */
#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/weights_int.h"

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A file of a diffusers folder has its config beside it. */
static loam_status config_beside(loam_weights *w, const char *path, const char *part, loam_err *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!part || !(loam_starts(name, "diffusion_pytorch_model") || loam_starts(name, "model.")))
        return LOAM_OK;
    char *dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!dir)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", path);
    loam_status st = loam_weights_read_config(w, dir, "config.json", part, err);
    free(dir);
    return st;
}

static loam_status read_any(loam_weights *w, const char *path, const char *part, loam_err *err)
{
    const char *known = NULL;
    if (is_folder(path))
        return loam_weights_read_folder(w, path, part, err);
    LOAM_TRY(loam_weights_read_file(w, path, part, &known, err));
    return config_beside(w, path, known, err);
}

static void close_files(loam_weights *w, int from)
{
    for (int i = from; i < w->n_files; i++) {
        loam_safetensors_close(w->files[i].st);
        loam_gguf_close(w->files[i].gguf);
    }
    w->n_files = from;
}

loam_status loam_weights_add(loam_weights *w, const char *path, const char *part, loam_err *err)
{
    static const char *const parts[] = {"unet",        "vae",   "taesd",        "motion",
                                        "transformer", "taehv", "text_encoder", "text_encoder_2"};
    const char *known = NULL;
    for (size_t i = 0; part && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(part, parts[i]) == 0)
            known = parts[i];
    if (part && !known)
        LOAM_FAIL(err, INVALID, "'%s' is no part of a model (unet, vae, taesd, motion, transformer, text_encoder, …)",
                  part);
    /* on failure all is as before: entries that were replaced come back */
    int n_files = w->n_files, n_configs = w->n_configs;
    size_t n = w->n, n_unknown = w->n_unknown;
    const char *first_unknown = w->first_unknown;
    loam_weights_entry **before = malloc((n ? n : 1) * sizeof *before);
    if (!before)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", path);
    memcpy(before, w->entries ? w->entries : before, n * sizeof *before);
    loam_status st = read_any(w, path, known, err);
    if (st == LOAM_OK)
        st = loam_weights_check(w, err);
    if (st != LOAM_OK) {
        close_files(w, n_files);
        if (n)
            memcpy(w->entries, before, n * sizeof *before);
        w->n = n;
        w->n_configs = n_configs;
        w->n_unknown = n_unknown;
        w->first_unknown = first_unknown;
    }
    free(before);
    return st;
}

loam_status loam_weights_open(const char *path, loam_weights **out, loam_err *err)
{
    *out = NULL;
    loam_weights *w = calloc(1, sizeof *w);
    if (!w || !(w->arena = loam_arena_new(0)) || !(w->path = loam_arena_strndup(w->arena, path, strlen(path)))) {
        loam_weights_close(w);
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", path);
    }
    loam_status st = loam_weights_add(w, path, NULL, err);
    if (st != LOAM_OK) {
        loam_weights_close(w);
        return st;
    }
    *out = w;
    return LOAM_OK;
}

void loam_weights_close(loam_weights *w)
{
    if (!w)
        return;
    close_files(w, 0);
    free(w->files);
    free(w->entries);
    loam_arena_free(w->arena);
    free(w);
}

/* The first entry whose name is not before `name`. */
static size_t lower_bound(const loam_weights *w, const char *name)
{
    size_t lo = 0, hi = w->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(w->entries[mid]->view.name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const loam_weight_view *loam_weights_find(const loam_weights *w, const char *name)
{
    size_t i = lower_bound(w, name);
    return i < w->n && strcmp(w->entries[i]->view.name, name) == 0 ? &w->entries[i]->view : NULL;
}

bool loam_weights_has(const loam_weights *w, const char *prefix)
{
    size_t i = lower_bound(w, prefix);
    return i < w->n && loam_starts(w->entries[i]->view.name, prefix);
}

int loam_weights_count(const loam_weights *w, const char *prefix)
{
    char name[2 * LOAM_WEIGHT_NAME_MAX];
    for (int i = 0;; i++) {
        int len = snprintf(name, sizeof name, "%s.%d.", prefix, i);
        if (len < 0 || (size_t)len >= sizeof name || !loam_weights_has(w, name))
            return i;
    }
}

const char *loam_weights_config(const loam_weights *w, const char *part)
{
    for (int i = w->n_configs; i-- > 0;) /* the last one counts */
        if (strcmp(w->configs[i].part, part) == 0)
            return w->configs[i].text;
    return NULL;
}

const char *loam_weights_path(const loam_weights *w)
{
    return w->path;
}

bool loam_weights_marked(const loam_weights *w, const char *mark)
{
    return strcmp(mark, "v_pred") == 0 ? w->v_pred : strcmp(mark, "ztsnr") == 0 && w->ztsnr;
}

size_t loam_weights_n(const loam_weights *w)
{
    return w->n;
}

const loam_weight_view *loam_weights_at(const loam_weights *w, size_t i)
{
    return &w->entries[i]->view;
}

size_t loam_weights_n_unknown(const loam_weights *w, const char **first)
{
    *first = w->first_unknown;
    return w->n_unknown;
}

void loam_weights_release(const loam_weights *w, const loam_weight_view *v)
{
    const loam_weights_entry *e = (const loam_weights_entry *)v;
    const loam_file_map *map = w->files[e->file].map;
    loam_file_map_release(map, (size_t)(v->data - map->data), v->bytes);
}

bool loam_weights_damaged(const loam_weights *w)
{
    for (int i = 0; i < w->n_files; i++)
        if (loam_file_map_damaged(w->files[i].map))
            return true;
    return false;
}
