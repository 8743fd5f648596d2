/* Fetching a file by HTTP with libcurl (the one file that knows it), going on after breaks (RFC 9110, section 14).
 *
 * "<name>.part" holds the first bytes of the file; "<name>.part.from" says of which one: hash of the address, total
 * size, ETag, Last-Modified. A later request asks for "bytes=<size>-" under If-Range, so that a server whose file has
 * changed sends the whole new one. Nothing that a server answers is believed without a check: a 206 must start where
 * we stopped and have the same total, else we start again from zero. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "service/models_int.h"

enum { MAX_REDIRECTS = 10, MAX_RESTARTS = 3, CONNECT_S = 30, MAX_TAG = 256 };

/* What the server said about the file; total 0: not said. */
typedef struct source {
    uint64_t total;
    char etag[MAX_TAG], modified[MAX_TAG];
} source;

typedef struct transfer {
    const char *url, *dir;
    char final[PATH_MAX], part[PATH_MAX + 8], from[PATH_MAX + 16];
    char url_hash[65];
    int fd; /* of part, locked */
    loam_progress_fn progress;
    void *arg;

    source known;  /* what part is the beginning of */
    uint64_t size; /* of part */
    int n_restarts;

    /* the answer to the current request */
    CURL *curl;
    source said;
    uint64_t length;                /* Content-Length; 0: not said */
    uint64_t range_from;            /* Content-Range */
    bool has_range, begun, restart; /* restart: the answer does not continue what we have */
    bool cancelled;
    loam_status failed; /* of the callbacks, with err */
    loam_err *err;
} transfer;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

loam_status loam_pull_url_name(const char *url, char *out, size_t size, loam_err *err)
{
    char *scheme = NULL, *host = NULL, *path = NULL;
    loam_status s = LOAM_OK;
    pthread_once(&once, init_curl);
    CURLU *u = curl_url();
    if (!u)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the address");
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        s = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "this is not an http or https address");
    const char *name = NULL;
    int decoded_len = 0;
    char *decoded = NULL;
    if (s == LOAM_OK) {
        name = strrchr(path, '/');
        decoded = curl_easy_unescape(NULL, name ? name + 1 : path, 0, &decoded_len);
        size_t o = 0;
        for (int i = 0; decoded && i < decoded_len && o < 200 && o + 6 < size; i++) {
            char c = decoded[i];
            bool fine =
                (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-_+.", c));
            if (o == 0 && c == '.')
                continue; /* hidden files, "..": no */
            out[o++] = fine ? c : '_';
        }
        out[o] = 0;
        if (o >= 5 && strcasecmp(out + o - 5, ".gguf") == 0)
            out[o -= 5] = 0;
        if (o == 0)
            s = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                             "the address does not end in the name of a file (….gguf)");
        else
            memcpy(out + o, ".gguf", 6);
    }
    curl_free(decoded);
    curl_free(scheme);
    curl_free(host);
    curl_free(path);
    curl_url_cleanup(u);
    return s;
}

/* --- The note beside the part. */

static loam_status write_note(transfer *t)
{
    char text[4 * MAX_TAG];
    loam_file_writer *w = NULL;
    int n = snprintf(text, sizeof text, "loam part 1\n%s\n%" PRIu64 "\n%s\n%s\n", t->url_hash, t->known.total,
                     t->known.etag, t->known.modified);
    LOAM_TRY(loam_file_writer_open(t->from, &w, t->err));
    loam_status s = loam_file_writer_write(w, text, (size_t)n, t->err);
    if (s == LOAM_OK)
        return loam_file_writer_commit(w, t->err);
    loam_file_writer_abort(w);
    return s;
}

/* Whether the note says that part is the beginning of what the same address gave. */
static bool read_note(transfer *t)
{
    char *text = NULL, *line[5], *p;
    loam_err ignored;
    if (loam_file_read(t->from, 4 * MAX_TAG, &text, NULL, &ignored) != LOAM_OK)
        return false;
    p = text;
    bool ok = true;
    for (int i = 0; i < 5 && ok; i++) {
        line[i] = p;
        char *end = strchr(p, '\n');
        ok = end != NULL;
        if (ok) {
            *end = 0;
            p = end + 1;
        }
    }
    ok = ok && strcmp(line[0], "loam part 1") == 0 && strcmp(line[1], t->url_hash) == 0;
    if (ok) {
        t->known.total = strtoull(line[2], NULL, 10);
        snprintf(t->known.etag, MAX_TAG, "%s", line[3]);
        snprintf(t->known.modified, MAX_TAG, "%s", line[4]);
    }
    free(text);
    return ok;
}

/* Forgets what was fetched. */
static loam_status start_over(transfer *t)
{
    t->size = 0;
    t->known = (source){0};
    unlink(t->from);
    if (ftruncate(t->fd, 0) != 0)
        LOAM_FAIL(t->err, IO, "cannot empty '%s': %s", t->part, strerror(errno));
    return LOAM_OK;
}

/* Opens and locks the part. The loop: between open and lock another pull may have finished and renamed it. */
static loam_status open_part(transfer *t)
{
    for (int i = 0; i < 100; i++) {
        struct stat mine, there;
        t->fd = open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (t->fd < 0)
            LOAM_FAIL(t->err, IO, "cannot write '%s': %s", t->part, strerror(errno));
        if (flock(t->fd, LOCK_EX | LOCK_NB) != 0) {
            close(t->fd);
            LOAM_FAIL(t->err, BUSY, "'%s' is being downloaded already", t->final);
        }
        if (fstat(t->fd, &mine) == 0 && S_ISREG(mine.st_mode) && lstat(t->part, &there) == 0 &&
            mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) {
            t->size = (uint64_t)mine.st_size;
            return LOAM_OK;
        }
        close(t->fd);
    }
    t->fd = -1;
    LOAM_FAIL(t->err, IO, "cannot open '%s'", t->part);
}

/* --- Callbacks of one request. */

/* The value of a header line when it has this name, without the space around it. */
static bool header(const char *line, size_t len, const char *name, char out[MAX_TAG])
{
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return false;
    line += n + 1;
    len -= n + 1;
    while (len && strchr(" \t\r\n", line[0])) {
        line++;
        len--;
    }
    while (len && strchr(" \t\r\n", line[len - 1]))
        len--;
    out[0] = 0;
    if (len >= MAX_TAG) /* no tag that we could repeat */
        return true;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            return true;
    memcpy(out, line, len);
    out[len] = 0;
    return true;
}

static bool number(const char **p, uint64_t *out)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    errno = 0;
    *out = strtoull(*p, &end, 10);
    *p = end;
    return errno == 0 && *out <= INT64_MAX;
}

static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
    transfer *t = arg;
    char v[MAX_TAG];
    const char *p = v;
    uint64_t to;
    if (len >= 5 && strncmp(line, "HTTP/", 5) == 0) { /* a new answer, after a redirect */
        t->said = (source){0};
        t->length = 0;
        t->has_range = false;
    } else if (header(line, len, "etag", v)) {
        snprintf(t->said.etag, MAX_TAG, "%s", v);
    } else if (header(line, len, "last-modified", v)) {
        snprintf(t->said.modified, MAX_TAG, "%s", v);
    } else if (header(line, len, "content-length", v)) {
        if (!number(&p, &t->length))
            t->length = 0;
    } else if (header(line, len, "content-range", v)) { /* "bytes 5-99/100" or, with 416, "bytes *" "/100" */
        if (strncasecmp(p, "bytes ", 6) == 0)
            p += 6;
        if (*p == '*')
            p++;
        else if (number(&p, &t->range_from) && *p++ == '-' && number(&p, &to))
            t->has_range = true;
        if (*p != '/' || (p++, !number(&p, &t->said.total)))
            t->said.total = 0;
    }
    return len;
}

static long http_code(transfer *t)
{
    long code = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

/* At the first byte of the body (or at the end of an empty one): decides where it goes. False: stop. */
static bool begin_body(transfer *t)
{
    long code = http_code(t);
    t->begun = true;
    if (code == 206) {
        bool same = t->has_range && t->range_from == t->size && t->size > 0 &&
                    (t->known.total == 0 || t->said.total == 0 || t->said.total == t->known.total) &&
                    (!t->known.etag[0] || !t->said.etag[0] || strcmp(t->known.etag, t->said.etag) == 0);
        if (!same)
            t->restart = true;
        else if (t->known.total == 0)
            t->known.total = t->said.total;
        return same;
    }
    if (code != 200)
        return false;
    t->failed = start_over(t);
    t->known = t->said;
    t->known.total = t->length;
    if (t->failed == LOAM_OK)
        t->failed = loam_disk_check(t->dir, t->known.total, t->err);
    if (t->failed == LOAM_OK)
        t->failed = write_note(t);
    return t->failed == LOAM_OK;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *arg)
{
    transfer *t = arg;
    if (!t->begun && !begin_body(t))
        return 0;
    if (t->size == 0 && len >= 4 && memcmp(bytes, "GGUF", 4) != 0) { /* before gigabytes of something else */
        t->failed = loam_err_set(t->err, LOAM_STATUS_CORRUPT, __FILE__, __LINE__, "what it gives is not a GGUF file");
        return 0;
    }
    if (t->known.total && t->size + len > t->known.total) {
        t->restart = true;
        return 0;
    }
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(t->fd, bytes + done, len - done, (off_t)t->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            t->failed = loam_err_set(t->err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot write '%s': %s", t->part,
                                     n < 0 ? strerror(errno) : "nothing was written");
            return 0;
        }
        done += (size_t)n;
        t->size += (size_t)n;
    }
    return len;
}

static int on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    transfer *t = arg;
    t->cancelled |= t->progress && !t->progress(t->arg, "downloading", t->size, t->known.total);
    return t->cancelled;
}

/* --- One request. */

typedef enum outcome { DONE, AGAIN, FAILED } outcome;

static outcome give_up(transfer *t, loam_status code, const char *what, const char *detail)
{
    t->failed = loam_err_set(t->err, code, __FILE__, __LINE__, "%s%s%s", what, *detail ? ": " : "", detail);
    return FAILED;
}

/* What came of a request, in which curl returned r. AGAIN leaves a message too, in case it was the last attempt. */
static outcome judge(transfer *t, CURLcode r, const char *curl_says, int stall_s)
{
    long code = http_code(t);
    char text[96];
    if (t->cancelled)
        return give_up(t, LOAM_STATUS_CANCELLED, "cancelled", "");
    if (t->failed != LOAM_OK)
        return FAILED;
    if (r == CURLE_OK && !t->begun && (code == 200 || code == 206))
        begin_body(t);
    if (t->failed != LOAM_OK)
        return FAILED;
    if (code == 416 && t->size > 0) {
        if (t->said.total == t->size && t->known.total == t->size)
            return DONE;
        t->restart = true;
    }
    if (t->restart) {
        if ((t->failed = start_over(t)) != LOAM_OK)
            return FAILED;
        give_up(t, LOAM_STATUS_IO, "the server sends other parts of the file than were asked for", "");
        return ++t->n_restarts < MAX_RESTARTS ? AGAIN : FAILED;
    }
    if (r == CURLE_OK && (code == 200 || code == 206)) {
        if (t->known.total == 0 || t->size == t->known.total)
            return DONE;
        give_up(t, LOAM_STATUS_IO, "the server sent too little", "");
        return AGAIN;
    }
    if (code >= 300 && (r == CURLE_OK || r == CURLE_WRITE_ERROR)) {
        snprintf(text, sizeof text, "the server answered with status %ld", code);
        if (code == 404 || code == 410)
            return give_up(t, LOAM_STATUS_NOT_FOUND, text, "there is no such file");
        if (code == 401 || code == 403)
            return give_up(t, LOAM_STATUS_UNAUTHORIZED, text, "it may want a login");
        give_up(t, LOAM_STATUS_IO, text, "");
        return code == 408 || code == 429 || code >= 500 ? AGAIN : FAILED;
    }
    switch (r) {
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(text, sizeof text, "nothing came for %d seconds: pull again to go on", stall_s);
        return give_up(t, LOAM_STATUS_TIMEOUT, text, "");
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        give_up(t, LOAM_STATUS_IO, "the connection failed", curl_says);
        return AGAIN;
    case CURLE_TOO_MANY_REDIRECTS:
        return give_up(t, LOAM_STATUS_IO, "the server redirects for ever", "");
    case CURLE_OUT_OF_MEMORY:
        return give_up(t, LOAM_STATUS_NO_MEMORY, "no memory to download", "");
    default:
        return give_up(t, LOAM_STATUS_IO, "the download failed", curl_says);
    }
}

static outcome request(transfer *t, const loam_pull_url_options *o)
{
    char curl_says[CURL_ERROR_SIZE] = "", range[32], if_range[MAX_TAG + 16];
    const char *schemes = strncasecmp(t->url, "https:", 6) == 0 ? "https" : "http,https"; /* never down to plain http */
    struct curl_slist *headers = NULL;
    CURL *c = t->curl;
    t->begun = t->restart = t->has_range = false;
    t->said = (source){0};
    t->length = 0;
    t->failed = LOAM_OK;
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, t->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "loam/" LOAM_VERSION);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)(o->stall_s < CONNECT_S ? o->stall_s : CONNECT_S));
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)o->stall_s);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, curl_says);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    if (t->size > 0) {
        snprintf(range, sizeof range, "%" PRIu64 "-", t->size);
        curl_easy_setopt(c, CURLOPT_RANGE, range);
        /* Only a strong tag or a date may stand in If-Range (RFC 9110, 13.1.5). */
        bool strong = t->known.etag[0] == '"';
        if (strong || t->known.modified[0]) {
            snprintf(if_range, sizeof if_range, "If-Range: %s", strong ? t->known.etag : t->known.modified);
            headers = curl_slist_append(NULL, if_range);
            curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
        }
    }
    CURLcode r = curl_easy_perform(c);
    outcome result = judge(t, r, curl_says, o->stall_s);
    curl_slist_free_all(headers);
    return result;
}

/* Requests until the file is whole: attempts that brought bytes do not count. */
static loam_status fetch(transfer *t, const loam_pull_url_options *o)
{
    int idle = 0;
    long pause_ms = o->pause_ms;
    for (;;) {
        uint64_t before = t->size;
        outcome r = request(t, o);
        if (r == DONE)
            return LOAM_OK;
        if (r == FAILED)
            return t->failed;
        if (t->size > before) {
            idle = 0;
            pause_ms = o->pause_ms;
        } else if (++idle >= o->n_attempts) {
            return t->failed;
        }
        struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};
        if (!t->restart)
            nanosleep(&pause, NULL);
        pause_ms *= 2;
        if (t->progress && !t->progress(t->arg, "downloading", t->size, t->known.total))
            LOAM_FAIL(t->err, CANCELLED, "cancelled");
    }
}

static loam_status finish(transfer *t)
{
    if (t->progress && !t->progress(t->arg, "checking", t->size, t->size))
        LOAM_FAIL(t->err, CANCELLED, "cancelled");
    if (fsync(t->fd) != 0)
        LOAM_FAIL(t->err, IO, "cannot write '%s': %s", t->part, strerror(errno));
    loam_status s = loam_pull_check_gguf(t->part, t->err);
    if (s == LOAM_OK)
        s = loam_pull_install(t->part, t->final, t->err);
    else if (s == LOAM_STATUS_CORRUPT || s == LOAM_STATUS_UNSUPPORTED || s == LOAM_STATUS_INVALID)
        unlink(t->part); /* going on with it would fail for ever */
    if (s == LOAM_OK || access(t->part, F_OK) != 0)
        unlink(t->from);
    return s;
}

static bool already_there(const transfer *t)
{
    loam_err ignored;
    return access(t->final, F_OK) == 0 && loam_pull_check_gguf(t->final, &ignored) == LOAM_OK;
}

static loam_status pull(transfer *t, const loam_pull_url_options *o)
{
    if (already_there(t))
        return LOAM_OK;
    LOAM_TRY(open_part(t));
    loam_status s = LOAM_OK;
    if (already_there(t)) { /* another pull was faster */
        unlink(t->part);
        unlink(t->from);
    } else {
        if (t->size > 0 && !read_note(t))
            s = start_over(t);
        t->curl = s == LOAM_OK ? curl_easy_init() : NULL;
        if (s == LOAM_OK && !t->curl)
            s = loam_err_set(t->err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to download");
        if (s == LOAM_OK)
            s = fetch(t, o);
        if (t->curl)
            curl_easy_cleanup(t->curl);
        if (s == LOAM_OK)
            s = finish(t);
        else if (t->size == 0) { /* nothing to go on from */
            unlink(t->part);
            unlink(t->from);
        }
    }
    close(t->fd);
    return s;
}

loam_status loam_pull_url(const char *url, const char *models_dir, const loam_pull_url_options *o,
                          loam_progress_fn progress, void *arg, char *out_path, size_t size, loam_err *err)
{
    char name[256];
    LOAM_TRY(loam_pull_url_name(url, name, sizeof name, err));
    transfer *t = calloc(1, sizeof *t);
    loam_sha256 *h = t ? loam_sha256_new() : NULL;
    if (!h) {
        free(t);
        LOAM_FAIL(err, NO_MEMORY, "no memory to download");
    }
    loam_sha256_add(h, url, strlen(url));
    loam_sha256_end(h, t->url_hash);
    t->url = url;
    t->dir = models_dir;
    t->progress = progress;
    t->arg = arg;
    t->err = err;
    snprintf(t->part, sizeof t->part, "%s/%s.part", models_dir, name);
    snprintf(t->from, sizeof t->from, "%s.from", t->part);
    loam_status s;
    if ((size_t)snprintf(t->final, sizeof t->final, "%s/%s", models_dir, name) >= sizeof t->final ||
        (size_t)snprintf(out_path, size, "%s", t->final) >= size)
        s = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "the path of the models folder is too long");
    else
        s = pull(t, o);
    if (s != LOAM_OK)
        loam_err_prefix(err, "pulling %s", name);
    free(t);
    return s;
}
