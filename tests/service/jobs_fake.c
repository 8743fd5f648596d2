/* The fake job function and the observer: see jobs_test.h. */
#define _GNU_SOURCE
#include "jobs_test.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

long number_after(const char *request, const char *word, long otherwise)
{
    char key[32];
    snprintf(key, sizeof key, "%s ", word);
    const char *at = strstr(request, key);
    return at ? strtol(at + strlen(key), NULL, 10) : otherwise;
}

unsigned char content(long seed, int idx, size_t i)
{
    return (unsigned char)((unsigned long)seed * 31 + (unsigned long)idx * 7 + i * (i >> 8) + i);
}

size_t content_size(const char *request, int idx)
{
    return (size_t)number_after(request, "bytes", 100) + (size_t)idx;
}

static loam_status make_result(loam_jobs_run *run, const char *request, int idx, loam_err *err)
{
    size_t n = content_size(request, idx);
    unsigned char *bytes = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = content(number_after(request, "seed", 0), idx, i);
    char meta[64];
    snprintf(meta, sizeof meta, "{\"idx\": %d}", idx);
    loam_status status = loam_jobs_run_result(run, "image/png", bytes, n, 640, 480, idx ? meta : NULL, err);
    free(bytes);
    return status;
}

loam_status fake_run(void *ctx, loam_jobs_run *run, const char *kind, const char *request, loam_err *err)
{
    fake *f = ctx;
    int at = atomic_fetch_add(&f->n_runs, 1);
    if (at < (int)(sizeof f->order / sizeof *f->order))
        f->order[at] = (int)number_after(request, "seed", 0);
    long gate = number_after(request, "gate", 0), n = number_after(request, "steps", 0);
    long ms = number_after(request, "ms", 0), fails = number_after(request, "fail", 0);
    while (atomic_load(&f->gate) < gate && !loam_jobs_run_cancelled(run))
        usleep(500);
    for (int step = 0; step <= n; step++) {
        if (loam_jobs_run_cancelled(run))
            LOAM_FAIL(err, CANCELLED, "stopped");
        loam_jobs_run_progress(run, "steps", step, (int)n);
        char preview[32];
        snprintf(preview, sizeof preview, "preview %d", step);
        loam_jobs_run_preview(run, "image/jpeg", preview, strlen(preview));
        if (step < n)
            usleep((useconds_t)ms * 1000);
    }
    for (int idx = 0; idx < number_after(request, "results", 0); idx++)
        LOAM_TRY(make_result(run, request, idx, err));
    if (number_after(request, "hold", 0))
        while (atomic_load(&f->gate) < number_after(request, "hold", 0) && !loam_jobs_run_cancelled(run))
            usleep(500);
    if (number_after(request, "hold", 0) && loam_jobs_run_cancelled(run))
        LOAM_FAIL(err, CANCELLED, "stopped");
    if (fails == 2)
        LOAM_FAIL(err, CANCELLED, "nobody asked for it");
    if (fails)
        LOAM_FAIL(err, UNSUPPORTED, "the sampler 'magic' is not known");
    return LOAM_OK;
}

char folder[256];

int folder_make(void **state)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/loam-jobs-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char p[1024];
        snprintf(p, sizeof p, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (e->d_type == DT_DIR)
            remove_tree(p);
        else
            unlink(p);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

int folder_remove(void **state)
{
    remove_tree(folder);
    return 0;
}

const char *in_folder(const char *fmt, ...)
{
    static char paths[4][1024];
    static int next;
    char *p = paths[next++ % 4];
    int n = snprintf(p, sizeof paths[0], "%s/", folder);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p + n, sizeof paths[0] - (size_t)n, fmt, ap);
    va_end(ap);
    return p;
}

void observe_all(const char *sql, void (*row)(void *arg, char **columns), void *arg)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open_v2(in_folder("loam.db"), &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        char *columns[16];
        int n = sqlite3_column_count(q);
        for (int i = 0; i < n && i < 16; i++) {
            const unsigned char *text = sqlite3_column_text(q, i);
            columns[i] = strdup(text ? (const char *)text : "");
        }
        row(arg, columns);
        for (int i = 0; i < n && i < 16; i++)
            free(columns[i]);
    }
    assert_int_equal(rc, SQLITE_DONE);
    sqlite3_finalize(q);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static char first[4096];
static void keep_first(void *arg, char **columns)
{
    if (!first[0])
        snprintf(first, sizeof first, "%s", columns[0]);
}

const char *observe(const char *sql)
{
    first[0] = 0;
    observe_all(sql, keep_first, NULL);
    return first;
}

loam_jobs *open_jobs(fake *f, int max_queued)
{
    loam_jobs *j = NULL;
    loam_err err = LOAM_ERR_INIT;
    loam_jobs_options o = {.run = fake_run, .ctx = f, .max_queued = max_queued};
    assert_ok(loam_jobs_open(folder, &o, &j, &err), err);
    return j;
}

const char *submit(loam_jobs *j, const char *kind, const char *owner, int priority, const char *fmt, ...)
{
    static char ids[1024][LOAM_JOBS_ID_LENGTH + 1];
    static int next;
    char *id = ids[next++ % 1024], request[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(request, sizeof request, fmt, ap);
    va_end(ap);
    loam_err err = LOAM_ERR_INIT;
    loam_jobs_new n = {.kind = kind, .request = request, .owner = owner, .priority = priority};
    assert_ok(loam_jobs_submit(j, &n, id, NULL, &err), err);
    return id;
}

loam_jobs_state ending(loam_jobs *j, const char *id, char error[LOAM_ERR_MSG_MAX])
{
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    uint64_t version = 0;
    for (int i = 0; i < 20000; i++) {
        assert_ok(loam_jobs_wait(j, id, version, 1000, &v, &err), err);
        bool unchanged = v.version == version;
        version = v.version;
        loam_jobs_state state = v.state;
        if (error)
            snprintf(error, LOAM_ERR_MSG_MAX, "%s", v.error);
        loam_jobs_view_deinit(&v);
        if (loam_jobs_state_ended(state)) {
            assert_true(version == LOAM_JOBS_VERSION_ENDED);
            return state;
        }
        i += unchanged ? 999 : 0;
    }
    fail_msg("the job %s does not end", id);
    return LOAM_JOBS_STATE_COUNT;
}

loam_jobs_state state_of(loam_jobs *j, const char *id)
{
    loam_jobs_view v;
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_jobs_get(j, id, &v, &err), err);
    loam_jobs_state state = v.state;
    loam_jobs_view_deinit(&v);
    return state;
}

void wait_until_running(loam_jobs *j, const char *id)
{
    for (int i = 0; i < 20000 && state_of(j, id) == LOAM_JOBS_STATE_QUEUED; i++)
        usleep(1000);
    assert_int_equal(state_of(j, id), LOAM_JOBS_STATE_RUNNING);
}

/* Columns: job, idx, file, bytes, request, media, width, height. */
static void check_result(void *arg, char **c)
{
    loam_file_map m;
    loam_err err = LOAM_ERR_INIT;
    int idx = (int)strtol(c[1], NULL, 10);
    assert_ok(loam_file_map_open(in_folder("results/%s/%s", c[0], c[2]), &m, &err), err);
    assert_int_equal(m.size, content_size(c[4], idx));
    assert_int_equal(m.size, strtol(c[3], NULL, 10));
    for (size_t i = 0; i < m.size; i++)
        if (m.data[i] != content(number_after(c[4], "seed", 0), idx, i))
            fail_msg("byte %zu of %s/%s is wrong", i, c[0], c[2]);
    assert_string_equal(c[5], "image/png");
    loam_file_map_close(&m);
    ++*(long *)arg;
}

/* Columns: id, state, request, n_results, started_ms, finished_ms, idx of the last result. */
static void check_job(void *arg, char **c)
{
    bool after_kill = *(bool *)arg;
    long n = strtol(c[3], NULL, 10), asked = number_after(c[2], "results", 0);
    assert_true(n == 0 || strtol(c[6], NULL, 10) == n - 1); /* without gaps */
    if (strcmp(c[1], "done") == 0)
        assert_int_equal(n, asked);
    if (strcmp(c[1], "queued") == 0)
        assert_true(n == 0 && !c[4][0] && !c[5][0]);
    if (!after_kill)
        assert_string_not_equal(c[1], "running");
    bool ended = strcmp(c[1], "queued") != 0 && strcmp(c[1], "running") != 0;
    assert_true(ended == (c[5][0] != 0));
}

/* Files below results/; folders of jobs without any file count too. */
static long count_files(void)
{
    long n = 0;
    DIR *d = opendir(in_folder("results"));
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        long here = 0;
        DIR *job = opendir(in_folder("results/%s", e->d_name));
        assert_non_null(job);
        for (struct dirent *f; (f = readdir(job));)
            here += f->d_name[0] != '.';
        closedir(job);
        n += here ? here : 1;
    }
    closedir(d);
    return n;
}

void check_invariants(bool after_kill)
{
    long n = 0;
    assert_string_equal(observe("pragma integrity_check"), "ok");
    assert_string_equal(observe("pragma foreign_key_check"), "");
    observe_all("select job, idx, file, bytes, request, media from job_results join jobs on id = job", check_result,
                &n);
    observe_all("select id, state, request, count(job), started_ms, finished_ms, max(idx) from jobs left join "
                "job_results on id = job group by id",
                check_job, &after_kill);
    if (after_kill)
        assert_true(count_files() >= n);
    else
        assert_int_equal(count_files(), n);
}
