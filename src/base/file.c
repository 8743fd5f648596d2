#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static loam_status open_regular(const char *path, int *fd, size_t *size, loam_err *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        if (errno == ENOENT)
            LOAM_FAIL(err, NOT_FOUND, "there is no file '%s'", path);
        LOAM_FAIL(err, IO, "cannot open '%s': %s", path, strerror(errno));
    }
    struct stat st;
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        LOAM_FAIL(err, INVALID, "'%s' is not a regular file", path);
    }
    *size = (size_t)st.st_size;
    return LOAM_OK;
}

/* A mapped file that somebody cuts short raises SIGBUS in whoever reads the missing part. For our maps the handler puts
 * zeros there and remembers it, so that the reader can end with an error instead of the whole program dying. The table
 * is only written under the mutex; the handler reads it without. */
enum { MAX_GUARDED = 256 };
static struct guarded {
    _Atomic(uintptr_t) from, to;
    atomic_bool damaged;
} guarded[MAX_GUARDED];
static pthread_mutex_t guarded_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction bus_before;

static void on_bus(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    for (struct guarded *g = guarded; g < guarded + MAX_GUARDED; g++) {
        uintptr_t from = atomic_load(&g->from), to = atomic_load(&g->to);
        if (at < from || at >= to)
            continue;
        uintptr_t page = at & ~(uintptr_t)4095;
        int saved = errno;
        void *zeros = mmap((void *)page, to - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        errno = saved;
        atomic_store(&g->damaged, true);
        if (zeros != MAP_FAILED)
            return;
    }
    if (bus_before.sa_flags & SA_SIGINFO)
        bus_before.sa_sigaction(signal_number, info, context);
    else
        signal(SIGBUS, SIG_DFL); /* and the same instruction raises it again */
}

static void guard(const loam_file_map *m)
{
    static bool installed;
    pthread_mutex_lock(&guarded_mutex);
    if (!installed) {
        struct sigaction a = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
        sigemptyset(&a.sa_mask);
        installed = sigaction(SIGBUS, &a, &bus_before) == 0;
    }
    for (struct guarded *g = guarded; g < guarded + MAX_GUARDED; g++)
        if (!atomic_load(&g->from)) {
            atomic_store(&g->damaged, false);
            atomic_store(&g->to, (uintptr_t)m->data + m->size);
            atomic_store(&g->from, (uintptr_t)m->data);
            break;
        }
    pthread_mutex_unlock(&guarded_mutex);
}

static struct guarded *guard_of(const loam_file_map *m)
{
    for (struct guarded *g = guarded; m->data && g < guarded + MAX_GUARDED; g++)
        if (atomic_load(&g->from) == (uintptr_t)m->data)
            return g;
    return NULL;
}

bool loam_file_map_damaged(const loam_file_map *m)
{
    const struct guarded *g = guard_of(m);
    return g && atomic_load(&g->damaged);
}

loam_status loam_file_map_open(const char *path, loam_file_map *out, loam_err *err)
{
    int fd;
    *out = (loam_file_map){0};
    LOAM_TRY(open_regular(path, &fd, &out->size, err));
    if (out->size) {
        void *p = mmap(NULL, out->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            int why = errno;
            close(fd);
            out->size = 0;
            LOAM_FAIL(err, IO, "cannot map '%s': %s", path, strerror(why));
        }
        out->data = p;
        guard(out);
    }
    close(fd);
    return LOAM_OK;
}

void loam_file_map_close(loam_file_map *m)
{
    pthread_mutex_lock(&guarded_mutex);
    struct guarded *g = guard_of(m);
    if (g)
        atomic_store(&g->from, 0);
    pthread_mutex_unlock(&guarded_mutex);
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    *m = (loam_file_map){0};
}

void loam_file_map_release(const loam_file_map *m, size_t offset, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = (offset + page - 1) / page * page, to = (offset + size) / page * page;
    if (to > from && to <= m->size)
        madvise((void *)(uintptr_t)(m->data + from), to - from, MADV_DONTNEED);
}

struct loam_file_writer {
    int fd;
    char *path, *part;
};

loam_status loam_file_writer_open(const char *path, loam_file_writer **out, loam_err *err)
{
    loam_file_writer *w = calloc(1, sizeof *w);
    if (!w || asprintf(&w->part, "%s.%ld.part", path, (long)getpid()) < 0) {
        free(w);
        LOAM_FAIL(err, NO_MEMORY, "no memory to write '%s'", path);
    }
    w->path = strdup(path);
    w->fd = w->path ? open(w->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (w->fd < 0) {
        loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot write '%s': %s", w->part, strerror(errno));
        free(w->path);
        free(w->part);
        free(w);
        return LOAM_STATUS_IO;
    }
    *out = w;
    return LOAM_OK;
}

loam_status loam_file_writer_write(loam_file_writer *w, const void *bytes, size_t n, loam_err *err)
{
    const char *p = bytes;
    while (n) {
        ssize_t done = write(w->fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            LOAM_FAIL(err, IO, "cannot write '%s': %s", w->part, done < 0 ? strerror(errno) : "nothing was written");
        p += done;
        n -= (size_t)done;
    }
    return LOAM_OK;
}

static void writer_free(loam_file_writer *w)
{
    free(w->path);
    free(w->part);
    free(w);
}

/* The rename is durable only once the directory is synced too. */
static void sync_parent(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(dir, sizeof dir, ".");
    else
        snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

loam_status loam_file_writer_commit(loam_file_writer *w, loam_err *err)
{
    const char *step = "sync";
    int bad = fsync(w->fd);
    if (close(w->fd) != 0)
        bad = -1;
    if (!bad) {
        step = "rename";
        bad = rename(w->part, w->path);
    }
    if (bad) {
        loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot %s '%s': %s", step, w->part, strerror(errno));
        unlink(w->part);
        writer_free(w);
        return LOAM_STATUS_IO;
    }
    sync_parent(w->path);
    writer_free(w);
    return LOAM_OK;
}

void loam_file_writer_abort(loam_file_writer *w)
{
    if (!w)
        return;
    close(w->fd);
    unlink(w->part);
    writer_free(w);
}

loam_status loam_file_read(const char *path, size_t max_bytes, char **out, size_t *out_len, loam_err *err)
{
    int fd;
    size_t size, len = 0;
    LOAM_TRY(open_regular(path, &fd, &size, err));
    if (size > max_bytes) {
        close(fd);
        LOAM_FAIL(err, TOO_LARGE, "'%s' has %zu bytes; at most %zu are allowed", path, size, max_bytes);
    }
    char *data = malloc(size + 1);
    if (!data) {
        close(fd);
        LOAM_FAIL(err, NO_MEMORY, "no memory to read '%s' (%zu bytes)", path, size);
    }
    while (len < size) {
        ssize_t n = read(fd, data + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int why = errno;
            close(fd);
            free(data);
            LOAM_FAIL(err, IO, "cannot read '%s': %s", path, strerror(why));
        }
        if (n == 0)
            break; /* the file shrank meanwhile */
        len += (size_t)n;
    }
    close(fd);
    data[len] = 0;
    *out = data;
    if (out_len)
        *out_len = len;
    return LOAM_OK;
}

loam_status loam_dir_make(const char *path, loam_err *err)
{
    char p[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof p)
        LOAM_FAIL(err, INVALID, "the directory name '%s' is empty or too long", path);
    memcpy(p, path, n + 1);
    for (char *s = p + 1;; s++) {
        char c = *s;
        if (c != '/' && c != 0)
            continue;
        *s = 0;
        struct stat st;
        if (mkdir(p, 0777) != 0 && (errno != EEXIST || stat(p, &st) != 0 || !S_ISDIR(st.st_mode)))
            LOAM_FAIL(err, IO, "cannot make the directory '%s': %s", p,
                      errno == EEXIST ? "a file has that name" : strerror(errno));
        *s = c;
        if (c == 0)
            return LOAM_OK;
    }
}
