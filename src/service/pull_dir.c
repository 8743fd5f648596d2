/* The temporary folder of a pull: "<models>/.pull-<pid>-<n>". Whoever uses one holds a lock (flock) on it, which the
 * system drops with the process; so a folder that can be locked belongs to a killed pull and is removed by the next
 * one. (A process number alone does not tell: in containers it is always the same.) */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "service/models_int.h"

static const char prefix[] = ".pull-";
enum { MAX_DEPTH = 24 };

/* Removes name (at folder `at`) and all below it; never follows a link. */
static void remove_tree(int at, const char *name, int depth)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        unlinkat(at, name, 0);
        return;
    }
    DIR *d = depth < MAX_DEPTH ? fdopendir(fd) : NULL;
    if (!d) {
        close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_tree(dirfd(d), e->d_name, depth + 1);
    closedir(d);
    unlinkat(at, name, AT_REMOVEDIR);
}

static void remove_stale(const char *models_dir)
{
    DIR *d = opendir(models_dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_tree(dirfd(d), e->d_name, 0);
        close(fd);
    }
    closedir(d);
}

loam_status loam_pull_dir_begin(const char *models_dir, loam_pull_dir *out, loam_err *err)
{
    static atomic_uint counter;
    remove_stale(models_dir);
    for (int i = 0; i < 100; i++) {
        int n = snprintf(out->path, sizeof out->path, "%s/%s%ld-%u", models_dir, prefix, (long)getpid(),
                         atomic_fetch_add(&counter, 1));
        if (n < 0 || (size_t)n >= sizeof out->path)
            LOAM_FAIL(err, INVALID, "the path of the models folder is too long");
        if (mkdir(out->path, 0700) != 0) {
            if (errno == EEXIST)
                continue;
            LOAM_FAIL(err, IO, "cannot make the folder '%s': %s", out->path, strerror(errno));
        }
        out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        /* Between mkdir and the lock another pull may have taken it for a stale one: then try again. */
        if (out->fd >= 0 && flock(out->fd, LOCK_EX | LOCK_NB) == 0 && fstat(out->fd, &st) == 0 && st.st_nlink > 0)
            return LOAM_OK;
        if (out->fd >= 0)
            close(out->fd);
    }
    LOAM_FAIL(err, IO, "cannot make a temporary folder in '%s'", models_dir);
}

void loam_pull_dir_end(loam_pull_dir *d)
{
    remove_tree(AT_FDCWD, d->path, 0);
    close(d->fd);
}

static uint64_t biggest(int at, const char *name, int depth)
{
    uint64_t most = 0;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 && depth < MAX_DEPTH ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        uint64_t size = 0;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            size = (uint64_t)st.st_size;
        else if (S_ISDIR(st.st_mode))
            size = biggest(dirfd(d), e->d_name, depth + 1);
        most = size > most ? size : most;
    }
    closedir(d);
    return most;
}

uint64_t loam_pull_dir_biggest(const loam_pull_dir *d)
{
    return biggest(AT_FDCWD, d->path, 0);
}

loam_status loam_disk_check(const char *dir, uint64_t need, loam_err *err)
{
    struct statvfs v;
    if (statvfs(dir, &v) != 0)
        return LOAM_OK; /* writing will tell */
    uint64_t have = (uint64_t)v.f_bavail * v.f_frsize;
    if (have >= need)
        return LOAM_OK;
    char need_text[32], have_text[32];
    loam_format_bytes(need, need_text);
    loam_format_bytes(have, have_text);
    LOAM_FAIL(err, IO, "the disk is too full: '%s' has %s left, %s are needed; free some space or set LOAM_MODELS", dir,
              have_text, need_text);
}
