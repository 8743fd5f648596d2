/* The files that jobs make. A file is complete under its name before the row that names it is written, and a row is
 * gone before its file is removed; so files without a row are the only thing a killed program can leave behind. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "service/jobs_int.h"

bool loam_jobs_id_is_valid(const char *id)
{
    return id && strlen(id) == LOAM_JOBS_ID_LENGTH &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") == LOAM_JOBS_ID_LENGTH;
}

static const char *extension_of(const char *media)
{
    static const char *const known[][2] = {
        {"image/png", "png"}, {"image/jpeg", "jpg"},  {"image/webp", "webp"},       {"image/gif", "gif"},
        {"video/mp4", "mp4"}, {"video/webm", "webm"}, {"application/json", "json"}, {"text/plain", "txt"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(media, known[i][0]) == 0)
            return known[i][1];
    return "bin";
}

void loam_jobs_file_name(int idx, const char *media, char out[32])
{
    snprintf(out, 32, "%d.%s", idx, extension_of(media));
}

char *loam_jobs_file_path(const char *dir, const char *id, const char *file)
{
    char *path = NULL;
    int n = file ? asprintf(&path, "%s/results/%s/%s", dir, id, file) : asprintf(&path, "%s/results/%s", dir, id);
    return n < 0 ? NULL : path;
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* Makes the job's folder; its name is on the disk before a row counts on it. */
static loam_status make_folder(const char *dir, const char *id, loam_err *err)
{
    loam_status status = LOAM_OK;
    char *folder = loam_jobs_file_path(dir, id, NULL);
    char *results = loam_jobs_file_path(dir, "", NULL);
    if (!folder || !results)
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to keep a result");
    else if (mkdir(folder, 0700) == 0)
        sync_folder(results);
    else if (errno != EEXIST)
        status = loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot make the folder '%s': %s", folder,
                              strerror(errno));
    free(folder);
    free(results);
    return status;
}

loam_status loam_jobs_file_write(const char *dir, const char *id, const char *file, const void *bytes, size_t n,
                                 loam_err *err)
{
    LOAM_TRY(make_folder(dir, id, err));
    char *path = loam_jobs_file_path(dir, id, file);
    if (!path)
        LOAM_FAIL(err, NO_MEMORY, "no memory to keep a result");
    loam_file_writer *w = NULL;
    loam_status status = loam_file_writer_open(path, &w, err);
    if (status == LOAM_OK) {
        status = loam_file_writer_write(w, bytes, n, err);
        if (status == LOAM_OK)
            status = loam_file_writer_commit(w, err);
        else
            loam_file_writer_abort(w);
    }
    free(path);
    if (status != LOAM_OK)
        loam_jobs_file_remove(dir, id, NULL);
    return status;
}

void loam_jobs_file_remove(const char *dir, const char *id, const char *file)
{
    char *path = file ? loam_jobs_file_path(dir, id, file) : NULL;
    char *folder = loam_jobs_file_path(dir, id, NULL);
    if (path)
        unlink(path);
    if (folder)
        rmdir(folder); /* stays while there is something in it */
    free(path);
    free(folder);
}

/* Whether a name can be one of ours: digits, dot, extension, and perhaps ".<pid>.part". What people put there stays. */
static bool is_ours(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || name[digits] != '.')
        return false;
    const char *extension = name + digits + 1;
    size_t n = strspn(extension, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (n == 0 || extension[n] == 0)
        return n > 0;
    const char *pid = extension + n + 1;
    digits = strspn(pid, "0123456789");
    return extension[n] == '.' && digits > 0 && strcmp(pid + digits, ".part") == 0;
}

static loam_status sweep_one(const char *dir, const char *id, loam_store *s, loam_err *err)
{
    char *folder = loam_jobs_file_path(dir, id, NULL);
    DIR *d = folder ? opendir(folder) : NULL;
    loam_status status = LOAM_OK;
    free(folder);
    if (!d)
        return LOAM_OK; /* no folder of ours */
    int n = 0;
    for (struct dirent *e; status == LOAM_OK && (e = readdir(d));) {
        bool has = true;
        if (is_ours(e->d_name))
            status = loam_jobs_rows_has_file(s, id, e->d_name, &has, err);
        if (status == LOAM_OK && !has)
            n += unlinkat(dirfd(d), e->d_name, 0) == 0;
    }
    closedir(d);
    loam_jobs_file_remove(dir, id, NULL);
    if (n)
        loam_log(LOAM_LOG_LEVEL_INFO, "removed %d unfinished file%s of job %s", n, n == 1 ? "" : "s", id);
    return status;
}

loam_status loam_jobs_files_sweep(const char *dir, loam_store *s, loam_err *err)
{
    char *results = loam_jobs_file_path(dir, "", NULL);
    if (!results)
        LOAM_FAIL(err, NO_MEMORY, "no memory to open '%s'", dir);
    DIR *d = opendir(results);
    if (!d)
        loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot read the folder '%s': %s", results,
                     strerror(errno));
    free(results);
    if (!d)
        return LOAM_STATUS_IO;
    loam_status status = LOAM_OK;
    for (struct dirent *e; status == LOAM_OK && (e = readdir(d));)
        if (loam_jobs_id_is_valid(e->d_name))
            status = sweep_one(dir, e->d_name, s, err);
    closedir(d);
    return status;
}
