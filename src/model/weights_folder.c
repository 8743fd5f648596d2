/* Folders as diffusers writes them: model_index.json names the parts, each a folder with config.json and safetensors,
 * whole or in shards that an index lists. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/json.h"
#include "model/weights_int.h"

enum { MAX_JSON = 16 << 20, MAX_PATH_BYTES = 4096 };

static loam_status join(char out[MAX_PATH_BYTES], const char *dir, const char *name, loam_err *err)
{
    int n = snprintf(out, MAX_PATH_BYTES, "%s/%s", dir, name);
    if (n < 0 || n >= MAX_PATH_BYTES)
        LOAM_FAIL(err, INVALID, "the path '%.200s…' is too long", dir);
    return LOAM_OK;
}

static bool is_there(const char *dir, const char *name, bool folder)
{
    char path[MAX_PATH_BYTES];
    struct stat st;
    return join(path, dir, name, NULL) == LOAM_OK && stat(path, &st) == 0 &&
           (folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
}

loam_status loam_weights_read_config(loam_weights *w, const char *dir, const char *file, const char *part,
                                     loam_err *err)
{
    char path[MAX_PATH_BYTES], *text = NULL;
    size_t len = 0;
    if (!is_there(dir, file, false) || w->n_configs == LOAM_WEIGHTS_MAX_CONFIGS)
        return LOAM_OK;
    LOAM_TRY(join(path, dir, file, err));
    LOAM_TRY(loam_file_read(path, MAX_JSON, &text, &len, err));
    w->configs[w->n_configs].text = loam_arena_strndup(w->arena, text, strlen(text));
    w->configs[w->n_configs].part = loam_arena_strndup(w->arena, part, strlen(part));
    free(text);
    if (!w->configs[w->n_configs].text || !w->configs[w->n_configs].part)
        LOAM_FAIL(err, NO_MEMORY, "no memory for '%s'", path);
    w->n_configs++;
    return LOAM_OK;
}

static loam_status read_json(const char *dir, const char *name, json_t **out, loam_err *err)
{
    char path[MAX_PATH_BYTES], *text = NULL;
    size_t len = 0;
    LOAM_TRY(join(path, dir, name, err));
    LOAM_TRY(loam_file_read(path, MAX_JSON, &text, &len, err));
    loam_status st = loam_json_parse(text, len, MAX_JSON, out, err);
    free(text);
    if (st == LOAM_OK && !json_is_object(*out)) {
        json_decref(*out);
        st = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "no JSON object");
    }
    if (st != LOAM_OK)
        loam_err_prefix(err, "%s", path);
    return st;
}

/* The shards that an index names, each once. */
static loam_status read_shards(loam_weights *w, const char *dir, const char *index, const char *part, loam_err *err)
{
    json_t *root = NULL;
    LOAM_TRY(read_json(dir, index, &root, err));
    loam_status st = LOAM_OK;
    const char *key;
    json_t *value, *seen = json_object(), *map = json_object_get(root, "weight_map");
    if (!seen || !json_is_object(map) || json_object_size(map) == 0)
        st = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "%s/%s has no weight_map", dir, index);
    else
        json_object_foreach(map, key, value)
        {
            const char *file = json_string_value(value), *known;
            char path[MAX_PATH_BYTES];
            if (!file || strchr(file, '/') || file[0] == '.') {
                st = loam_err_set(err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__,
                                  "%s/%s: the file of '%.100s' is no name of a file beside it", dir, index, key);
                break;
            }
            if (json_object_get(seen, file))
                continue;
            if (json_object_set_new(seen, file, json_true()) != 0)
                st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for '%s'", index);
            if (st == LOAM_OK && (st = join(path, dir, file, err)) == LOAM_OK)
                st = loam_weights_read_file(w, path, part, &known, err);
            if (st != LOAM_OK)
                break;
        }
    json_decref(seen);
    json_decref(root);
    return st;
}

/* Whether the folder holds a file whose name ends so. */
static bool any_ends(const char *dir, const char *tail)
{
    DIR *d = opendir(dir);
    bool found = false;
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = loam_ends(e->d_name, tail);
    if (d)
        closedir(d);
    return found;
}

static loam_status read_part(loam_weights *w, const char *dir, const char *part, loam_err *err)
{
    static const char *const files[] = {
        "diffusion_pytorch_model.safetensors",      "model.safetensors",
        "diffusion_pytorch_model.fp16.safetensors", "model.fp16.safetensors",
        "diffusion_pytorch_model.bf16.safetensors", "model.bf16.safetensors",
    };
    static const char *const indices[] = {
        "diffusion_pytorch_model.safetensors.index.json",      "model.safetensors.index.json",
        "diffusion_pytorch_model.safetensors.index.fp16.json", "model.safetensors.index.fp16.json",
        "diffusion_pytorch_model.fp16.safetensors.index.json", "model.fp16.safetensors.index.json",
    };
    const char *known = part;
    bool read = false;
    for (size_t i = 0; !read && i < sizeof files / sizeof *files; i++) {
        char path[MAX_PATH_BYTES];
        if (!is_there(dir, files[i], false))
            continue;
        LOAM_TRY(join(path, dir, files[i], err));
        LOAM_TRY(loam_weights_read_file(w, path, part, &known, err));
        read = true;
    }
    for (size_t i = 0; !read && i < sizeof indices / sizeof *indices; i++) {
        if (!is_there(dir, indices[i], false))
            continue;
        LOAM_TRY(read_shards(w, dir, indices[i], part, err));
        read = true;
    }
    if (!read && any_ends(dir, ".bin"))
        LOAM_FAIL(err, UNSUPPORTED, "%s holds pickled weights (.bin) only; take the safetensors files of the model",
                  dir);
    if (!read)
        LOAM_FAIL(err, NOT_FOUND, "%s holds no weights (diffusion_pytorch_model.safetensors or model.safetensors)",
                  dir);
    return known ? loam_weights_read_config(w, dir, "config.json", known, err) : LOAM_OK;
}

/* What the parts of a pipeline are called here; NULL: not needed. */
static const char *part_of(const char *key, const char *class)
{
    static const char *const same[] = {"unet", "vae", "text_encoder", "text_encoder_2", "transformer"};
    if (strcmp(key, "motion_adapter") == 0)
        return "motion";
    if (strcmp(key, "vae") == 0 && class && strcmp(class, "AutoencoderTiny") == 0)
        return "taesd";
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(key, same[i]) == 0)
            return same[i];
    return NULL;
}

static loam_status read_pipeline(loam_weights *w, const char *path, const json_t *index, loam_err *err)
{
    const char *key, *class = json_string_value(json_object_get(index, "_class_name"));
    json_t *value;
    snprintf(w->index_class, sizeof w->index_class, "%s", class ? class : "");
    if (json_is_array(json_object_get(index, "transformer_2")) &&
        json_string_value(json_array_get(json_object_get(index, "transformer_2"), 1)))
        LOAM_FAIL(err, UNSUPPORTED, "this is Wan 2.2, with two transformers; " LOAM_WEIGHTS_RUNS);
    json_object_foreach((json_t *)(uintptr_t)index, key, value)
    {
        const char *what = json_string_value(json_array_get(value, 1)), *part = part_of(key, what);
        char dir[MAX_PATH_BYTES];
        if (!what) /* null: the pipeline does without; or a setting */
            continue;
        LOAM_TRY(join(dir, path, key, err));
        if (strcmp(key, "scheduler") == 0)
            LOAM_TRY(loam_weights_read_config(w, dir, "scheduler_config.json", "scheduler", err));
        else if (part)
            LOAM_TRY(read_part(w, dir, part, err));
    }
    if (w->n == 0)
        LOAM_FAIL(err, UNSUPPORTED, "this is a %s, of which Loam knows no part; " LOAM_WEIGHTS_RUNS, w->index_class);
    return LOAM_OK;
}

loam_status loam_weights_read_folder(loam_weights *w, const char *path, const char *part, loam_err *err)
{
    if (!is_there(path, "model_index.json", false)) {
        if (is_there(path, "unet", true) || is_there(path, "transformer", true))
            LOAM_FAIL(err, CORRUPT, "%s has no model_index.json: the download is incomplete", path);
        return read_part(w, path, part, err);
    }
    json_t *index = NULL;
    LOAM_TRY(read_json(path, "model_index.json", &index, err));
    loam_status st = read_pipeline(w, path, index, err);
    if (st != LOAM_OK && st != LOAM_STATUS_NO_MEMORY && !strstr(err ? err->msg : "", path))
        loam_err_prefix(err, "%s", path);
    json_decref(index);
    return st;
}
