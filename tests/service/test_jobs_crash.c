/* Programs that die and disks that fill up while jobs are under way. Children work in the folder and are killed; then
 * an observer looks at what they left, before and after the next start. */
#define _GNU_SOURCE
#include "jobs_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"

enum { N_KILLS = 60 };

/* One job after the other, each deleted as soon as it is done: kills often hit a deletion. */
static void make_and_delete(loam_jobs *j)
{
    for (;;) {
        char id[LOAM_JOBS_ID_LENGTH + 1];
        loam_jobs_new n = {.kind = "image", .request = "seed 8 results 8 bytes 10"};
        loam_jobs_view v = {0};
        while (loam_jobs_submit(j, &n, id, NULL, NULL) != LOAM_OK)
            usleep(300);
        do {
            uint64_t version = v.version;
            loam_jobs_view_deinit(&v);
            if (loam_jobs_wait(j, id, version, 1000, &v, NULL) != LOAM_OK)
                _exit(8);
        } while (v.state != LOAM_JOBS_STATE_DONE);
        loam_jobs_view_deinit(&v);
        if (loam_jobs_delete(j, id, NULL) != LOAM_OK)
            _exit(9);
    }
}

/* Submits and cancels as fast as the queue lets it. */
static void make_and_cancel(loam_jobs *j, int round)
{
    for (int i = 0;; i++) {
        char id[LOAM_JOBS_ID_LENGTH + 1], request[96];
        loam_err err = LOAM_ERR_INIT;
        snprintf(request, sizeof request, "seed %d steps %d ms 1 results %d bytes %d", round * 1000 + i, i % 3, i % 4,
                 i % 2 ? 9000 : 1000);
        loam_jobs_new n = {.kind = "image", .request = request};
        while (loam_jobs_submit(j, &n, id, NULL, NULL) != LOAM_OK)
            usleep(300);
        if (i % 5 == 4 && loam_jobs_cancel(j, id, &err) != LOAM_OK && err.code != LOAM_STATUS_INVALID)
            _exit(5);
    }
}

/* Works without end; the parent kills it. Says on fd that the queue is open. */
static void live(int fd, int round)
{
    static fake f;
    loam_jobs *j;
    loam_err err = LOAM_ERR_INIT;
    loam_jobs_options o = {.run = fake_run, .ctx = &f, .max_queued = 4};
    if (loam_jobs_open(folder, &o, &j, &err) != LOAM_OK) {
        fprintf(stderr, "round %d: %s\n", round, err.msg);
        _exit(3);
    }
    if (write(fd, "o", 1) != 1)
        _exit(4);
    if (round % 2)
        make_and_delete(j);
    make_and_cancel(j, round);
}

static void kill_one(int round)
{
    int fds[2], status;
    char c;
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        live(fds[1], round);
    close(fds[1]);
    uint32_t random[4];
    loam_rng_philox(2026, (uint64_t)round, 0, random);
    bool opens = round % 5 != 4; /* every fifth dies early, perhaps while it opens */
    if (opens)
        assert_int_equal(read(fds[0], &c, 1), 1);
    usleep(random[0] % (opens ? 30000 : 15000));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(fds[0]);
    if (!WIFSIGNALED(status))
        fail_msg("the child ended by itself with status %d", WEXITSTATUS(status));
}

static void count(void *arg, char **columns)
{
    ++*(int *)arg;
}

/* In memory, where there are many more operations to a millisecond than on a disk: what counts is their order. */
static int folder_make_fast(void **state)
{
    snprintf(folder, sizeof folder, "/dev/shm/loam-jobs-XXXXXX");
    return mkdtemp(folder) ? 0 : folder_make(state);
}

static void killed_at_any_moment(void **state)
{
    static fake f;
    for (int round = 0; round < N_KILLS; round++) {
        kill_one(round);
        if (access(in_folder("loam.db"), F_OK) != 0 || observe("select name from sqlite_master")[0] == 0)
            continue; /* killed before there were tables */
        check_invariants(true);
        int n_running = 0, n_done = 0, n_done_after = 0;
        observe_all("select id from jobs where state = 'running'", count, &n_running);
        observe_all("select id from jobs where state = 'done'", count, &n_done);
        assert_true(n_running <= 1);
        if (round % 4 == 0) { /* else the next child finds what this one left */
            loam_jobs *j = open_jobs(&f, 0);
            loam_jobs_close(j);
            check_invariants(false);
            observe_all("select id from jobs where state = 'done'", count, &n_done_after);
            assert_true(n_done_after >= n_done);
        }
    }
    loam_jobs *j = open_jobs(&f, 0); /* an interrupted job gives, run again, what it should have given */
    char id[LOAM_JOBS_ID_LENGTH + 1], again[LOAM_JOBS_ID_LENGTH + 1];
    snprintf(id, sizeof id, "%s", observe("select id from jobs where state = 'interrupted'"));
    assert_int_equal(strlen(id), 24); /* of so many, one was killed in the middle */
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_jobs_retry(j, id, again, NULL, &err), err);
    assert_int_equal(ending(j, again, NULL), LOAM_JOBS_STATE_DONE);
    loam_jobs_close(j);
    check_invariants(false);
    print_message("# of %s jobs, ", observe("select count(*) from jobs"));
    print_message("%s\n",
                  observe("select group_concat(n || ' ' || state, ', ') from (select count(*) n, state from jobs "
                          "group by state)"));
}

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("half a pict", f);
    fclose(f);
}

/* What a killed program left goes; what people put there stays. */
static void stray_files_go(void **state)
{
    static fake f;
    loam_jobs *j = open_jobs(&f, 0);
    const char *id = submit(j, "image", NULL, 0, "seed 4 results 1");
    assert_int_equal(ending(j, id, NULL), LOAM_JOBS_STATE_DONE);
    loam_jobs_close(j);
    assert_int_equal(mkdir(in_folder("results/abcdefghijklmnopqrstuv12"), 0700), 0);
    touch(in_folder("results/abcdefghijklmnopqrstuv12/0.mp4"));
    touch(in_folder("results/%s/1.png", id));
    touch(in_folder("results/%s/1.png.4711.part", id));
    touch(in_folder("results/%s/notes.txt", id));
    assert_int_equal(mkdir(in_folder("results/mine"), 0700), 0);
    touch(in_folder("results/mine/0.png"));
    loam_jobs_close(open_jobs(&f, 0));
    assert_int_equal(access(in_folder("results/abcdefghijklmnopqrstuv12"), F_OK), -1);
    assert_int_equal(access(in_folder("results/%s/1.png", id), F_OK), -1);
    assert_int_equal(access(in_folder("results/%s/1.png.4711.part", id), F_OK), -1);
    assert_int_equal(access(in_folder("results/%s/0.png", id), F_OK), 0);
    assert_int_equal(access(in_folder("results/%s/notes.txt", id), F_OK), 0);
    assert_int_equal(access(in_folder("results/mine/0.png"), F_OK), 0);
}

/* --- A full disk: in a child, since a mount and a limit stay with the process. */

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                       \
        }                                                                   \
    } while (0)

static loam_jobs_state end_of(loam_jobs *j, const char *id, char error[LOAM_ERR_MSG_MAX])
{
    loam_jobs_view v;
    uint64_t version = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK(loam_jobs_wait(j, id, version, 10000, &v, NULL) == LOAM_OK);
        version = v.version;
        loam_jobs_state s = v.state;
        snprintf(error, LOAM_ERR_MSG_MAX, "%s", v.error);
        loam_jobs_view_deinit(&v);
        if (loam_jobs_state_ended(s))
            return s;
    }
    return LOAM_JOBS_STATE_COUNT;
}

static loam_status add(loam_jobs *j, const char *request, char id[LOAM_JOBS_ID_LENGTH + 1], loam_err *err)
{
    loam_jobs_new n = {.kind = "image", .request = request};
    return loam_jobs_submit(j, &n, id, NULL, err);
}

static bool saved_as(const char *id, const char *state)
{
    char sql[128];
    snprintf(sql, sizeof sql, "select state from jobs where id = '%s'", id);
    return strcmp(observe(sql), state) == 0;
}

/* Fills what is left of the disk. */
static void fill(const char *path)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0)
        ;
    CHECK(errno == ENOSPC);
    close(fd);
}

static void on_small_disk(void)
{
    static fake f;
    loam_err err = LOAM_ERR_INIT;
    char a[32], b[32], c[32], d[32], error[LOAM_ERR_MSG_MAX];
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=2m") != 0)
        _exit(77);
    loam_jobs *j;
    loam_jobs_options o = {.run = fake_run, .ctx = &f};
    CHECK(loam_jobs_open(folder, &o, &j, &err) == LOAM_OK);
    CHECK(add(j, "seed 1 results 2 bytes 1000", a, &err) == LOAM_OK);
    CHECK(end_of(j, a, error) == LOAM_JOBS_STATE_DONE);
    CHECK(add(j, "seed 2 results 3 bytes 1200000", b, &err) == LOAM_OK); /* the second does not fit */
    CHECK(end_of(j, b, error) == LOAM_JOBS_STATE_FAILED);
    CHECK(strstr(error, "No space left on device"));
    CHECK(loam_jobs_delete(j, b, &err) == LOAM_OK);
    CHECK(add(j, "seed 3 results 1 bytes 1200000", b, &err) == LOAM_OK); /* and there is space again */
    CHECK(end_of(j, b, error) == LOAM_JOBS_STATE_DONE);

    CHECK(add(j, "seed 4 results 1 bytes 1000 hold 1", c, &err) == LOAM_OK);
    for (int i = 0; i < 1000 && access(in_folder("results/%s/0.png", c), F_OK) != 0; i++)
        usleep(1000);
    usleep(20000);
    fill(in_folder("filler"));
    loam_status status = LOAM_OK; /* the log has some room of its own */
    for (int i = 0; i < 10000 && status == LOAM_OK; i++) {
        char request[8200];
        memset(request, ' ', sizeof request);
        request[sizeof request - 1] = 0;
        status = add(j, request, d, &err);
        if (status == LOAM_OK)
            CHECK(loam_jobs_delete(j, d, NULL) == LOAM_OK || i > 0);
    }
    CHECK(status == LOAM_STATUS_IO || status == LOAM_STATUS_BUSY);
    if (status == LOAM_STATUS_IO)
        CHECK(strstr(err.msg, "is full"));
    atomic_store(&f.gate, 1);
    CHECK(end_of(j, c, error) == LOAM_JOBS_STATE_DONE); /* though its end may not be on the disk yet */
    CHECK(unlink(in_folder("filler")) == 0);
    for (int i = 0; i < 5000 && !saved_as(c, "done"); i++)
        usleep(1000);
    CHECK(saved_as(c, "done"));
    CHECK(add(j, "seed 5 results 1", d, &err) == LOAM_OK);
    CHECK(end_of(j, d, error) == LOAM_JOBS_STATE_DONE);
    loam_jobs_close(j);
    CHECK(loam_jobs_open(folder, &o, &j, &err) == LOAM_OK);
    CHECK(end_of(j, a, error) == LOAM_JOBS_STATE_DONE);
    loam_jobs_close(j);
    CHECK(strcmp(observe("pragma integrity_check"), "ok") == 0);
    _exit(0);
}

static int status_of_child(void (*run)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void full_disk(void **state)
{
    int status = status_of_child(on_small_disk);
    if (status == 77)
        skip(); /* only root can mount one */
    assert_int_equal(status, 0);
}

static void with_small_files(void)
{
    static fake f;
    loam_err err = LOAM_ERR_INIT;
    char a[32], error[LOAM_ERR_MSG_MAX];
    struct rlimit limit = {1 << 20, 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    loam_jobs *j;
    loam_jobs_options o = {.run = fake_run, .ctx = &f};
    CHECK(loam_jobs_open(folder, &o, &j, &err) == LOAM_OK);
    CHECK(add(j, "seed 1 results 1 bytes 1500000", a, &err) == LOAM_OK);
    CHECK(end_of(j, a, error) == LOAM_JOBS_STATE_FAILED);
    CHECK(strstr(error, "File too large"));
    CHECK(add(j, "seed 2 results 1 bytes 15000", a, &err) == LOAM_OK);
    CHECK(end_of(j, a, error) == LOAM_JOBS_STATE_DONE);
    loam_jobs_close(j);
    _exit(0);
}

static void file_limit(void **state)
{
    assert_int_equal(status_of_child(with_small_files), 0);
    check_invariants(false);
}

/* The command that people would use to look at the file agrees with the library. */
static void the_tool_agrees(void **state)
{
    static fake f;
    kill_one(0);
    if (system("command -v sqlite3 > /dev/null 2>&1") != 0)
        skip();
    char command[1200], line[64] = "";
    snprintf(command, sizeof command, "sqlite3 -readonly '%s' 'pragma integrity_check'", in_folder("loam.db"));
    for (int i = 0; i < 2; i++) {
        FILE *p = popen(command, "r");
        assert_non_null(p);
        assert_non_null(fgets(line, sizeof line, p));
        assert_int_equal(pclose(p), 0);
        assert_string_equal(line, "ok\n");
        loam_jobs_close(open_jobs(&f, 0));
    }
}

const struct CMUnitTest crash_tests[] = {
    cmocka_unit_test_setup_teardown(killed_at_any_moment, folder_make_fast, folder_remove),
    cmocka_unit_test_setup_teardown(stray_files_go, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(full_disk, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(file_limit, folder_make, folder_remove),
    cmocka_unit_test_setup_teardown(the_tool_agrees, folder_make, folder_remove),
};
const size_t n_crash_tests = sizeof crash_tests / sizeof *crash_tests;
