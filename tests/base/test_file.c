/* Files: mapping, reading, and a writer that leaves either the whole new file or the old one. */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base_test.h"

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static int make_dir(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/loam-test-base-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static int n_entries(void)
{
    DIR *d = opendir(dir);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void assert_holds(const char *path, const char *text)
{
    char got[256] = {0};
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_true(fread(got, 1, sizeof got - 1, f) < sizeof got);
    fclose(f);
    assert_string_equal(got, text);
}

static void maps_and_reads(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    loam_file_map m;
    char bytes[10000], *text;
    size_t len;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    put(in_dir("a"), bytes, sizeof bytes);
    assert_int_equal(loam_file_map_open(in_dir("a"), &m, &err), LOAM_OK);
    assert_int_equal(m.size, sizeof bytes);
    assert_memory_equal(m.data, bytes, sizeof bytes);
    loam_file_map_release(&m, 1, sizeof bytes - 1); /* the bytes come back from the file */
    assert_memory_equal(m.data, bytes, sizeof bytes);
    loam_file_map_close(&m);
    assert_null(m.data);
    loam_file_map_close(&m);

    assert_int_equal(loam_file_read(in_dir("a"), sizeof bytes, &text, &len, &err), LOAM_OK);
    assert_int_equal(len, sizeof bytes);
    assert_memory_equal(text, bytes, len);
    assert_int_equal(text[len], 0);
    free(text);
    assert_int_equal(loam_file_read(in_dir("a"), sizeof bytes - 1, &text, &len, &err), LOAM_STATUS_TOO_LARGE);
    assert_says(&err, "10000 bytes; at most 9999");

    /* somebody makes the file shorter while it is mapped: zeros, and a remark, instead of SIGBUS */
    static char big[3 * 65536];
    memset(big, 'x', sizeof big);
    put(in_dir("cut"), big, sizeof big);
    assert_int_equal(loam_file_map_open(in_dir("cut"), &m, &err), LOAM_OK);
    assert_false(loam_file_map_damaged(&m));
    assert_int_equal(truncate(in_dir("cut"), 65536), 0);
    assert_int_equal(m.data[65535], 'x');
    assert_int_equal(m.data[2 * 65536], 0);
    assert_int_equal(m.data[65536], 0);
    assert_true(loam_file_map_damaged(&m));
    loam_file_map_close(&m);

    put(in_dir("empty"), "", 0);
    assert_int_equal(loam_file_map_open(in_dir("empty"), &m, &err), LOAM_OK);
    assert_int_equal(m.size, 0);
    assert_null(m.data);
    loam_file_map_close(&m);
    assert_int_equal(loam_file_read(in_dir("empty"), 0, &text, NULL, &err), LOAM_OK);
    assert_string_equal(text, "");
    free(text);
}

static void what_is_not_a_file(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    loam_file_map m;
    char *text;
    size_t len;
    assert_int_equal(loam_file_map_open(in_dir("none"), &m, &err), LOAM_STATUS_NOT_FOUND);
    assert_says(&err, in_dir("none"));
    assert_int_equal(loam_file_map_open(dir, &m, &err), LOAM_STATUS_INVALID);
    assert_says(&err, dir);
    assert_int_equal(loam_file_map_open("/dev/zero", &m, &err), LOAM_STATUS_INVALID);
    assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0); /* must not wait for a writer */
    assert_int_equal(loam_file_map_open(in_dir("fifo"), &m, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_file_read(in_dir("fifo"), 10, &text, &len, &err), LOAM_STATUS_INVALID);
}

static loam_file_writer *writer(const char *path)
{
    loam_err err = LOAM_ERR_INIT;
    loam_file_writer *w = NULL;
    if (loam_file_writer_open(path, &w, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return w;
}

static void commit_replaces_at_once(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    put(in_dir("a"), "old", 3);
    loam_file_writer *w = writer(in_dir("a"));
    assert_int_equal(loam_file_writer_write(w, "new ", 4, &err), LOAM_OK);
    assert_holds(in_dir("a"), "old"); /* until the commit */
    assert_int_equal(loam_file_writer_write(w, "text", 4, &err), LOAM_OK);
    assert_int_equal(loam_file_writer_commit(w, &err), LOAM_OK);
    assert_holds(in_dir("a"), "new text");
    assert_int_equal(n_entries(), 1);
}

static void abort_leaves_the_old_file(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    put(in_dir("a"), "old", 3);
    loam_file_writer *w = writer(in_dir("a"));
    assert_int_equal(loam_file_writer_write(w, "new", 3, &err), LOAM_OK);
    assert_int_equal(n_entries(), 2);
    loam_file_writer_abort(w);
    assert_holds(in_dir("a"), "old");
    assert_int_equal(n_entries(), 1);
    loam_file_writer_abort(NULL);
}

/* The limit on file sizes stands for a full disk: the write fails after a part went through. */
static void full_disk_leaves_the_old_file(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    struct rlimit was, small;
    put(in_dir("a"), "old", 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_IGN);
    loam_file_writer *w = writer(in_dir("a"));
    small = was;
    small.rlim_cur = 5000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char bytes[4000] = {0};
    loam_status first = loam_file_writer_write(w, bytes, sizeof bytes, &err);
    loam_status second = loam_file_writer_write(w, bytes, sizeof bytes, &err);
    setrlimit(RLIMIT_FSIZE, &was);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(first, LOAM_OK);
    assert_int_equal(second, LOAM_STATUS_IO);
    assert_says(&err, "cannot write '");
    loam_file_writer_abort(w);
    assert_holds(in_dir("a"), "old");
    assert_int_equal(n_entries(), 1);
}

static void commit_that_cannot_rename(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    loam_file_writer *w = writer(in_dir("a"));
    assert_int_equal(mkdir(in_dir("a"), 0700), 0); /* a directory took the name meanwhile */
    assert_int_equal(loam_file_writer_commit(w, &err), LOAM_STATUS_IO);
    assert_says(&err, "cannot rename");
    assert_int_equal(n_entries(), 1);
}

static void writer_without_a_directory(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    loam_file_writer *w = NULL;
    assert_int_equal(loam_file_writer_open(in_dir("no/dir/a"), &w, &err), LOAM_STATUS_IO);
    assert_says(&err, "no/dir/a");
    assert_null(w);
}

static void makes_directories(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    struct stat st;
    assert_int_equal(loam_dir_make(in_dir("x/y/z"), &err), LOAM_OK);
    assert_int_equal(stat(in_dir("x/y/z"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(loam_dir_make(in_dir("x/y/z"), &err), LOAM_OK); /* it may be there already */
    put(in_dir("f"), "", 0);
    assert_int_equal(loam_dir_make(in_dir("f/g"), &err), LOAM_STATUS_IO);
    assert_int_equal(loam_dir_make("", &err), LOAM_STATUS_INVALID);
    char deep[5000];
    memset(deep, 'd', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_int_equal(loam_dir_make(deep, &err), LOAM_STATUS_INVALID);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
static const struct CMUnitTest tests[] = {
    IN_DIR(maps_and_reads),
    IN_DIR(what_is_not_a_file),
    IN_DIR(commit_replaces_at_once),
    IN_DIR(abort_leaves_the_old_file),
    IN_DIR(full_disk_leaves_the_old_file),
    IN_DIR(commit_that_cannot_rename),
    IN_DIR(writer_without_a_directory),
    IN_DIR(makes_directories),
};

test_list file_tests(void)
{
    return TEST_LIST(tests);
}
