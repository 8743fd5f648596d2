/* The store on SQLite: write-ahead log with a sync at each commit, so that a killed process or a power cut loses no
 * commit and leaves no half of one. PRAGMA user_version counts the migrations that a file has seen, application_id
 * tells our files from other programs'. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store_int.h"

enum {
    APPLICATION_ID = 0x4C6F616D, /* "Loam" */
    BUSY_MS = 5000,              /* how long another process's write is waited for */
};

struct loam_store {
    /* Held from begin to end: guards the connection. Last rank: whoever holds it takes no other lock. */
    pthread_mutex_t mutex;
    sqlite3 *db;
    char *path;
    bool writing; /* the open transaction may have changed something */
};

struct loam_store_query {
    loam_store *store;
    sqlite3_stmt *statement;
    int bound; /* the first failure of a bind */
};

/* One sentence for what SQLite answered. */
static loam_status failed(const loam_store *s, int rc, const char *doing, loam_err *err)
{
    const char *path = s->path;
    switch (rc & 0xFF) {
    case SQLITE_NOMEM:
        LOAM_FAIL(err, NO_MEMORY, "no memory to %s the database '%s'", doing, path);
    case SQLITE_FULL:
        LOAM_FAIL(err, IO, "the disk of '%s' is full: free some space and try again", path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        LOAM_FAIL(err, BUSY, "another program holds the database '%s': try again, or end that program", path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        LOAM_FAIL(err, IO, "the database '%s' or its folder cannot be written: check who owns them", path);
    case SQLITE_CANTOPEN:
        LOAM_FAIL(err, IO, "cannot open the database '%s': check that its folder exists and can be written", path);
    case SQLITE_NOTADB:
        LOAM_FAIL(err, CORRUPT, "'%s' is damaged or no database: put back a copy, or move it away to start empty",
                  path);
    case SQLITE_CORRUPT:
        LOAM_FAIL(err, CORRUPT, "the database '%s' is damaged: put back a copy, or move it away to start empty", path);
    case SQLITE_IOERR:
        LOAM_FAIL(err, IO, "cannot %s the database '%s': %s (%s)", doing, path, sqlite3_errmsg(s->db),
                  strerror(sqlite3_system_errno(s->db)));
    default:
        LOAM_FAIL(err, INTERNAL, "cannot %s the database '%s': %s", doing, path, sqlite3_errmsg(s->db));
    }
}

loam_status loam_store_exec(loam_store *s, const char *sql, loam_err *err)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? LOAM_OK : failed(s, rc, s->writing ? "write" : "read", err);
}

loam_status loam_store_query_open(loam_store *s, const char *sql, loam_store_query **out, loam_err *err)
{
    loam_store_query *q = calloc(1, sizeof *q);
    if (!q)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a database query");
    q->store = s;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q->statement, NULL);
    if (rc != SQLITE_OK) {
        free(q);
        return failed(s, rc, "read", err);
    }
    *out = q;
    return LOAM_OK;
}

void loam_store_query_close(loam_store_query *q)
{
    if (!q)
        return;
    sqlite3_finalize(q->statement);
    free(q);
}

static void keep_first(loam_store_query *q, int rc)
{
    if (q->bound == SQLITE_OK)
        q->bound = rc;
}

void loam_store_bind_int(loam_store_query *q, int i, int64_t value)
{
    keep_first(q, sqlite3_bind_int64(q->statement, i, value));
}

void loam_store_bind_text(loam_store_query *q, int i, const char *text)
{
    keep_first(q, text ? sqlite3_bind_text(q->statement, i, text, -1, SQLITE_TRANSIENT)
                       : sqlite3_bind_null(q->statement, i));
}

loam_status loam_store_query_step(loam_store_query *q, bool *row, loam_err *err)
{
    *row = false;
    if (q->bound != SQLITE_OK)
        return failed(q->store, q->bound, "bind a value for", err);
    int rc = sqlite3_step(q->statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return failed(q->store, rc, sqlite3_stmt_readonly(q->statement) ? "read" : "write", err);
    *row = rc == SQLITE_ROW;
    return LOAM_OK;
}

loam_status loam_store_query_run(loam_store_query *q, loam_err *err)
{
    for (bool row = true; row;)
        LOAM_TRY(loam_store_query_step(q, &row, err));
    return LOAM_OK;
}

int64_t loam_store_column_int(loam_store_query *q, int i)
{
    return sqlite3_column_int64(q->statement, i);
}

const char *loam_store_column_text(loam_store_query *q, int i)
{
    const unsigned char *text = sqlite3_column_text(q->statement, i);
    return text ? (const char *)text : "";
}

loam_status loam_store_begin(loam_store *s, loam_store_access access, loam_err *err)
{
    pthread_mutex_lock(&s->mutex);
    s->writing = access == LOAM_STORE_ACCESS_WRITE;
    loam_status status = loam_store_exec(s, s->writing ? "begin immediate" : "begin", err);
    if (status != LOAM_OK)
        pthread_mutex_unlock(&s->mutex);
    return status;
}

loam_status loam_store_end(loam_store *s, loam_status status, loam_err *err)
{
    if (status == LOAM_OK)
        status = loam_store_exec(s, "commit", err);
    if (!sqlite3_get_autocommit(s->db)) /* SQLite itself undoes a transaction after some failures */
        sqlite3_exec(s->db, "rollback", NULL, NULL, NULL);
    pthread_mutex_unlock(&s->mutex);
    return status;
}

/* The integer that a statement without parameters answers. */
static loam_status ask(loam_store *s, const char *sql, int64_t *value, loam_err *err)
{
    loam_store_query *q;
    bool row;
    LOAM_TRY(loam_store_query_open(s, sql, &q, err));
    loam_status status = loam_store_query_step(q, &row, err);
    if (status == LOAM_OK)
        *value = row ? loam_store_column_int(q, 0) : 0;
    loam_store_query_close(q);
    return status;
}

/* Reads every page; SQLite's own answer, when it is not "ok", goes to the log. */
static loam_status check_whole(loam_store *s, loam_err *err)
{
    loam_store_query *q;
    bool row;
    LOAM_TRY(loam_store_query_open(s, "pragma quick_check(1)", &q, err));
    loam_status status = loam_store_query_step(q, &row, err);
    if (status == LOAM_OK && (!row || strcmp(loam_store_column_text(q, 0), "ok") != 0)) {
        loam_log(LOAM_LOG_LEVEL_ERROR, "%s: %s", s->path, loam_store_column_text(q, 0));
        status = failed(s, SQLITE_CORRUPT, "read", err);
    }
    loam_store_query_close(q);
    return status;
}

static loam_status migrate_in(loam_store *s, const loam_store_migration *list, int n, loam_err *err)
{
    int64_t version, application, n_tables;
    LOAM_TRY(ask(s, "pragma user_version", &version, err));
    LOAM_TRY(ask(s, "pragma application_id", &application, err));
    LOAM_TRY(ask(s, "select count(*) from sqlite_master", &n_tables, err));
    if (application != APPLICATION_ID && (application || version || n_tables))
        LOAM_FAIL(err, INVALID, "'%s' is the database of another program: move it away, or take another data folder",
                  s->path);
    if (version > n)
        LOAM_FAIL(
            err, UNSUPPORTED,
            "the database '%s' was written by a newer Loam (its version is %lld, this program knows %d): run that "
            "Loam, or take another data folder",
            s->path, (long long)version, n);
    for (int at = (int)version; at < n; at++) {
        loam_status status = loam_store_exec(s, list[at].sql, err);
        if (status != LOAM_OK) {
            loam_err_prefix(err, "%s", list[at].name);
            return status;
        }
    }
    if (version == n)
        return LOAM_OK;
    char sql[96];
    snprintf(sql, sizeof sql, "pragma application_id = %d; pragma user_version = %d", APPLICATION_ID, n);
    return loam_store_exec(s, sql, err);
}

static loam_status set_up(loam_store *s, const loam_store_migration *list, int n, bool after_crash, loam_err *err)
{
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    LOAM_TRY(loam_store_exec(s,
                             "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;"
                             "pragma trusted_schema = off",
                             err));
    if (after_crash)
        LOAM_TRY(check_whole(s, err));
    LOAM_TRY(loam_store_begin(s, LOAM_STORE_ACCESS_WRITE, err));
    return loam_store_end(s, migrate_in(s, list, n, err), err);
}

/* Makes an empty file that only its owner reads, and whose log files SQLite gives the same permissions. A file that is
 * there is not opened: closing it would drop the locks that this process may have on it (POSIX). */
static loam_status make_file(const char *path, loam_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return LOAM_OK;
    }
    int why = errno;
    struct stat st;
    if (why != EEXIST || stat(path, &st) != 0)
        LOAM_FAIL(err, IO, "cannot make the database '%s': %s", path, strerror(why));
    if (!S_ISREG(st.st_mode))
        LOAM_FAIL(err, INVALID, "'%s' is not a regular file", path);
    return LOAM_OK;
}

/* The last connection to close removes the log, so one that is there has outlived its program. */
static bool log_left_behind(const char *path)
{
    char log[4096];
    struct stat st;
    int n = snprintf(log, sizeof log, "%s-wal", path);
    return n > 0 && n < (int)sizeof log && stat(log, &st) == 0 && st.st_size > 0;
}

loam_status loam_store_open_migrating(const char *path, const loam_store_migration *migrations, int n_migrations,
                                      loam_store **out, loam_err *err)
{
    LOAM_TRY(make_file(path, err));
    loam_store *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(path)) || pthread_mutex_init(&s->mutex, NULL) != 0) {
        if (s)
            free(s->path);
        free(s);
        LOAM_FAIL(err, NO_MEMORY, "no memory to open the database '%s'", path);
    }
    bool after_crash = log_left_behind(path);
    loam_status status;
    int rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        status = failed(s, rc, "open", err);
    else
        status = set_up(s, migrations, n_migrations, after_crash, err);
    if (status != LOAM_OK) {
        loam_store_close(s);
        return status;
    }
    *out = s;
    return LOAM_OK;
}

loam_status loam_store_open(const char *path, loam_store **out, loam_err *err)
{
    return loam_store_open_migrating(path, loam_store_migrations, loam_store_n_migrations, out, err);
}

void loam_store_close(loam_store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    pthread_mutex_destroy(&s->mutex);
    free(s->path);
    free(s);
}
