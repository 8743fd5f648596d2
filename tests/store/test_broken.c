/* Files and disks that are not as they should be: each must end in a sentence that says what to do, none in a crash,
 * and none may damage what was there. */
#define _GNU_SOURCE
#include "store_test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store_int.h"

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void refuses(loam_status code, const char *part)
{
    loam_store *s = NULL;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_store_open(database, &s, &err), code);
    assert_null(s);
    assert_int_equal(err.code, code);
    assert_says(err, part);
    assert_says(err, database);
}

static void garbage(void **state)
{
    char noise[5000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 7919 >> 3);
    write_bytes(database, noise, sizeof noise);
    refuses(LOAM_STATUS_CORRUPT, "move it away");
    char *now;
    size_t n;
    assert_int_equal(loam_file_read(database, 1 << 20, &now, &n, NULL), LOAM_OK);
    assert_int_equal(n, sizeof noise);
    assert_memory_equal(now, noise, n); /* it may be somebody's file */
    free(now);
}

static void somebody_elses(void **state)
{
    observe(database, "create table songs (title text)");
    refuses(LOAM_STATUS_INVALID, "another program");
    assert_string_equal(observe(database, "select group_concat(name) from sqlite_master"), "songs");
}

static void newer(void **state)
{
    loam_store *s;
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_store_open(database, &s, &err), err);
    loam_store_close(s);
    observe(database, "pragma user_version = 900");
    refuses(LOAM_STATUS_UNSUPPORTED, "newer Loam (its version is 900");
    assert_string_equal(observe(database, "pragma user_version"), "900");
}

static void folders_and_missing_folders(void **state)
{
    assert_int_equal(mkdir(database, 0700), 0);
    refuses(LOAM_STATUS_INVALID, "not a regular file");
    assert_int_equal(rmdir(database), 0);
    snprintf(database, sizeof database, "%s/no/loam.db", folder);
    refuses(LOAM_STATUS_IO, "No such file or directory");
}

/* Leaves a database of about 100 pages whose program died before it could fold the log into it. */
static int die_with_rows(void)
{
    loam_store *s;
    if (loam_store_open(database, &s, NULL) != LOAM_OK || loam_store_begin(s, LOAM_STORE_ACCESS_WRITE, NULL) != LOAM_OK)
        return 1;
    loam_status status =
        loam_store_exec(s,
                        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 400) insert into "
                        "jobs (id, kind, state, "
                        "owner, priority, created_ms, request) select printf('%024d', i), 'image', 'queued', '', 0, 0, "
                        "printf('%1000d', i) from n",
                        NULL);
    if (loam_store_end(s, status, NULL) != LOAM_OK)
        return 2;
    kill(getpid(), SIGKILL);
    return 3;
}

/* A commit that was reported is there after SIGKILL; and when the disk damaged a page meanwhile, opening says so
 * instead of serving wrong rows later. */
static void after_a_crash(void **state)
{
    loam_store *s;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(in_child(die_with_rows), 128 + SIGKILL);
    assert_ok(loam_store_open(database, &s, &err), err);
    loam_store_close(s);
    assert_string_equal(observe(database, "select count(*) from jobs"), "400");
    assert_string_equal(observe(database, "pragma integrity_check"), "ok");

    unlink(database);
    assert_int_equal(in_child(die_with_rows), 128 + SIGKILL);
    sqlite3 *db; /* folds the log, and leaves it standing */
    int on = 1;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    assert_int_equal(sqlite3_exec(db, "pragma wal_checkpoint(full)", NULL, NULL, NULL), SQLITE_OK);
    char log[600];
    snprintf(log, sizeof log, "%s-wal", database);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    int fd = open(database, O_RDWR | O_CLOEXEC);
    char junk[4096];
    memset(junk, 0xA5, sizeof junk);
    assert_true(fd >= 0 && lseek(fd, 0, SEEK_END) > 60 * 4096);
    for (int page = 20; page < 50; page++)
        assert_int_equal(pwrite(fd, junk, sizeof junk, page * 4096), sizeof junk);
    close(fd);
    write_bytes(log, "left", 4); /* not a valid log, so SQLite drops it; but a program died */
    refuses(LOAM_STATUS_CORRUPT, "damaged");
}

/* Becomes nobody where the tests run as root, who may write everything. */
static int open_as_nobody(void)
{
    loam_store *s;
    loam_err err = LOAM_ERR_INIT;
    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
        return 77;
    loam_status status = loam_store_open(database, &s, &err);
    if (status == LOAM_OK)
        return 1;
    return status == LOAM_STATUS_IO && strstr(err.msg, database) ? 0 : 2;
}

static void read_only_folder(void **state)
{
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(in_child(open_as_nobody), 0); /* not there and cannot be made */
    assert_int_equal(chmod(folder, 0755), 0);
    loam_store *s;
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_store_open(database, &s, &err), err);
    loam_store_close(s);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(chmod(database, 0444), 0);
    assert_int_equal(in_child(open_as_nobody), 0); /* there, but only to be read */
    assert_int_equal(chmod(folder, 0755), 0);
}

static char why[LOAM_ERR_MSG_MAX];

/* Adds rows until one does not fit; then all that were reported must be there, and a smaller one may go in again once
 * there is space. 0: so it was. */
static int fill_up(const char *sentence)
{
    loam_store *s;
    loam_err err = LOAM_ERR_INIT;
    if (loam_store_open(database, &s, &err) != LOAM_OK)
        return 10;
    int n = 0;
    loam_status status = LOAM_OK;
    while (status == LOAM_OK && n < 10000) {
        char sql[400];
        snprintf(
            sql, sizeof sql,
            "insert into jobs (id, kind, state, owner, priority, created_ms, request) values (printf('%%024d', %d), "
            "'image', 'queued', '', 0, 0, printf('%%9000d', 1))",
            n);
        status = loam_store_begin(s, LOAM_STORE_ACCESS_WRITE, &err);
        if (status == LOAM_OK)
            status = loam_store_end(s, loam_store_exec(s, sql, &err), &err);
        n += status == LOAM_OK;
    }
    int code = status != LOAM_STATUS_IO ? 11 : n < 5 ? 12 : strstr(err.msg, sentence) ? 0 : 13;
    snprintf(why, sizeof why, "%s", err.msg);
    loam_store_query *q;
    bool row;
    if (loam_store_begin(s, LOAM_STORE_ACCESS_READ, &err) != LOAM_OK ||
        loam_store_query_open(s, "select count(*) from jobs", &q, &err) != LOAM_OK)
        return 14;
    if (loam_store_query_step(q, &row, &err) != LOAM_OK || loam_store_column_int(q, 0) != n)
        code = 15;
    loam_store_query_close(q);
    if (loam_store_end(s, LOAM_OK, &err) != LOAM_OK)
        code = 16;
    loam_store_close(s);
    if (code)
        fprintf(stderr, "%d rows, then: %s\n", n, why);
    return code;
}

static int fill_small_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=1m") != 0)
        return 77;
    return fill_up("is full");
}

static void full_disk(void **state)
{
    int status = in_child(fill_small_disk);
    if (status == 77)
        skip(); /* only root can mount one */
    assert_int_equal(status, 0);
}

static int fill_small_file(void)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 77;
    return fill_up("cannot write the database");
}

static void full_quota(void **state)
{
    assert_int_equal(in_child(fill_small_file), 0);
    assert_string_equal(observe(database, "pragma integrity_check"), "ok");
}

const struct CMUnitTest broken_tests[] = {
    cmocka_unit_test_setup_teardown(garbage, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(somebody_elses, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(newer, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(folders_and_missing_folders, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(after_a_crash, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(read_only_folder, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(full_disk, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(full_quota, folder_make, folder_remove),
};
const size_t n_broken_tests = sizeof broken_tests / sizeof *broken_tests;
