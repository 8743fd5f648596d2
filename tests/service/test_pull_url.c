/* Pulling from a URL, against range_server.py on the loopback. */
#define _GNU_SOURCE
#include "gguf_writer.h"
#include "service_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "service/models_int.h"

static pid_t server;
static int server_stdin = -1;
static int port;

static const loam_pull_url_options quick = {.stall_s = 2, .n_attempts = 3, .pause_ms = 5};

static int begin(void **state)
{
    int out[2], in[2];
    char script[4096], data[1024], log[1024], text[16] = "";
    test_folder();
    snprintf(script, sizeof script, "%s/tests/service/range_server.py", LOAM_SOURCE_ROOT);
    snprintf(data, sizeof data, "%s", in_folder("data.gguf"));
    snprintf(log, sizeof log, "%s", in_folder("log"));
    write_gguf(data);
    setenv("no_proxy", "127.0.0.1", 1); /* the machine may have one */
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    server = fork();
    if (server == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execlp("python3", "python3", script, data, log, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    close(in[0]);
    server_stdin = in[1];
    if (read(out[0], text, sizeof text - 1) <= 0)
        fail_msg("the server did not start");
    close(out[0]);
    port = (int)strtol(text, NULL, 10);
    assert_true(port > 0);
    return 0;
}

static int end(void **state)
{
    close(server_stdin);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return test_folder_remove(state);
}

typedef struct watcher {
    uint64_t most, cancel_at, last_total;
} watcher;

static bool watch(void *arg, const char *stage, uint64_t done, uint64_t total)
{
    watcher *w = arg;
    w->most = done > w->most ? done : w->most;
    w->last_total = total;
    return !w->cancel_at || done < w->cancel_at;
}

static loam_status pull(const char *path, watcher *w, loam_err *err)
{
    char url[512], out[4096];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    loam_status s = loam_pull_url(url, in_folder("models"), &quick, w ? watch : NULL, w, out, sizeof out, err);
    if (s == LOAM_OK)
        assert_true(file_exists(out));
    return s;
}

/* The requests so far, one a line; to be freed. */
static char *requests(void)
{
    char *text;
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_file_read(in_folder("log"), 1 << 20, &text, NULL, &err), err);
    return text;
}

static int n_requests(void)
{
    char *text = requests();
    int n = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        n++;
    free(text);
    return n;
}

/* Whatever a server does on the way, the file under the final name is the right one and nothing else stays. */
static void good_and_recovering_servers(void **state)
{
    static const struct {
        const char *manners;
        int n_requests;
    } cases[] = {{"ok", 1},         {"drop", 4},       {"weak", 4},    {"untagged", 4}, {"norange", 2},
                 {"wrongrange", 3}, {"wrongtotal", 3}, {"chunked", 2}, {"redirect", 2}, {"busy", 3}};
    int before = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_err err = LOAM_ERR_INIT;
        char path[64], file[64];
        watcher w = {0};
        snprintf(path, sizeof path, "/%s/m%zu.gguf", cases[i].manners, i);
        snprintf(file, sizeof file, "m%zu.gguf", i);
        loam_status s = pull(path, &w, &err);
        if (s != LOAM_OK)
            fail_msg("%s: %s", cases[i].manners, err.msg);
        if (!same_files(in_models(file), in_folder("data.gguf")))
            fail_msg("%s: the file is wrong", cases[i].manners);
        assert_int_equal(n_in_models(), i + 1);
        assert_true(w.most > 80000);
        int n = n_requests();
        if (n - before != cases[i].n_requests)
            fail_msg("%s took %d requests, not %d", cases[i].manners, n - before, cases[i].n_requests);
        before = n;
    }
    char *log = requests();
    assert_non_null(strstr(log, "/drop/m1.gguf bytes="));
    assert_non_null(strstr(log, "- \"v1\"\n"));                        /* If-Range with the strong tag */
    assert_null(strstr(log, "W/"));                                    /* never with a weak one */
    assert_non_null(strstr(log, "- Mon, 01 Jan 2024 00:00:00 GMT\n")); /* but with the date then */
    free(log);
}

/* A second pull goes on where the first was broken off, also in a new process (nothing is kept in memory). */
static void interrupted_pulls_go_on(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    watcher w = {.cancel_at = 20000};
    struct stat st;
    assert_int_equal(pull("/slow/m.gguf", &w, &err), LOAM_STATUS_CANCELLED);
    assert_false(file_exists(in_models("m.gguf")));
    assert_int_equal(stat(in_models("m.gguf.part"), &st), 0);
    assert_true(st.st_size >= 20000 && st.st_size < 80000);
    assert_true(w.last_total > 80000);
    assert_int_equal(pull("/short/n.gguf", NULL, &err), LOAM_STATUS_IO);
    assert_int_equal(pull("/short/n.gguf", NULL, &err), LOAM_STATUS_IO);
    char *log = requests(), want[64];
    struct stat all;
    assert_int_equal(stat(in_folder("data.gguf"), &all), 0);
    snprintf(want, sizeof want, "bytes=%ld- \"v1\"\n", (long)all.st_size - 100);
    assert_non_null(strstr(log, want));
    free(log);
    assert_int_equal(stat(in_models("n.gguf.part"), &st), 0);
    assert_int_equal(st.st_size, all.st_size - 100);
}

/* A .part of another address, or without its note, is not mixed in. */
static void foreign_parts_are_dropped(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(pull("/short/m.gguf", NULL, &err), LOAM_STATUS_IO);
    assert_ok(pull("/ok/m.gguf", NULL, &err), err);
    char *log = requests();
    assert_non_null(strstr(log, "/ok/m.gguf None None\n"));
    free(log);
    assert_true(same_files(in_models("m.gguf"), in_folder("data.gguf")));
    write_file(in_models("n.gguf.part"), "GGUFgarbage", 11);
    assert_ok(pull("/ok/n.gguf", NULL, &err), err);
    assert_true(same_files(in_models("n.gguf"), in_folder("data.gguf")));
    write_file(in_models("o.gguf.part"), "GGUFgarbage", 11);
    write_file(in_models("o.gguf.part.from"), "loam part 1\n", 12);
    assert_ok(pull("/ok/o.gguf", NULL, &err), err);
    assert_true(same_files(in_models("o.gguf"), in_folder("data.gguf")));
    assert_int_equal(n_in_models(), 3);
}

/* The file changed on the server meanwhile: the old half must not be kept. (The new one has a tail, which GGUF allows.)
 */
static void a_changed_file_starts_over(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    struct stat st, all;
    assert_ok(pull("/changed/m.gguf", NULL, &err), err);
    assert_int_equal(stat(in_models("m.gguf"), &st), 0);
    assert_int_equal(stat(in_folder("data.gguf"), &all), 0);
    assert_int_equal(st.st_size, all.st_size + 4);
}

static void failures_are_clear(void **state)
{
    static const struct {
        const char *manners, *says;
        loam_status status;
        int left; /* files that stay: part and note */
    } cases[] = {
        {"404", "status 404", LOAM_STATUS_NOT_FOUND, 0},
        {"410", "status 410", LOAM_STATUS_NOT_FOUND, 0},
        {"401", "status 401", LOAM_STATUS_UNAUTHORIZED, 0},
        {"403", "login", LOAM_STATUS_UNAUTHORIZED, 0},
        {"500", "status 500", LOAM_STATUS_IO, 0},
        {"418", "status 418", LOAM_STATUS_IO, 0},
        {"html", "not a GGUF file", LOAM_STATUS_CORRUPT, 0},
        {"loop", "redirects", LOAM_STATUS_IO, 0},
        {"to-file", "", LOAM_STATUS_IO, 0},
        {"416", "status 416", LOAM_STATUS_IO, 0},
        {"enormous", "too full", LOAM_STATUS_IO, 0},
        {"mad", "other parts", LOAM_STATUS_IO, 0},
        {"broken-gguf", "", LOAM_STATUS_CORRUPT, 0},
        {"empty", "", LOAM_STATUS_CORRUPT, 0},
        {"short", "connection failed", LOAM_STATUS_IO, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_err err = LOAM_ERR_INIT;
        char path[64];
        snprintf(path, sizeof path, "/%s/m.gguf", cases[i].manners);
        loam_status s = pull(path, NULL, &err);
        if (s != cases[i].status)
            fail_msg("%s: status %s: %s", cases[i].manners, loam_status_name(s), err.msg);
        assert_says(err, cases[i].says);
        assert_says(err, "m.gguf");
        if (n_in_models() != cases[i].left)
            fail_msg("%s left %d files", cases[i].manners, n_in_models());
    }
}

/* A server that falls silent: the pull ends, and what came is kept. */
static void silence_times_out(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    struct stat st;
    assert_int_equal(pull("/stall/m.gguf", NULL, &err), LOAM_STATUS_TIMEOUT);
    assert_says(err, "nothing came for 2 seconds");
    assert_int_equal(stat(in_models("m.gguf.part"), &st), 0);
    assert_true(st.st_size > 30000);
}

/* A length that ends nowhere: HTTP/1.0 cannot tell a broken connection from the end; the parser can. */
static void half_a_file_without_length_is_noticed(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(pull("/eof/m.gguf", NULL, &err), LOAM_STATUS_CORRUPT);
    assert_int_equal(n_in_models(), 0);
    assert_ok(pull("/eof/m.gguf", NULL, &err), err);
    assert_true(same_files(in_models("m.gguf"), in_folder("data.gguf")));
}

static void what_is_there_is_not_fetched_again(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    assert_ok(pull("/ok/m.gguf", NULL, &err), err);
    assert_ok(pull("/ok/m.gguf", NULL, &err), err);
    assert_int_equal(n_requests(), 1);
    write_file(in_models("m.gguf"), "broken", 6); /* but a broken one is */
    assert_ok(pull("/ok/m.gguf", NULL, &err), err);
    assert_true(same_files(in_models("m.gguf"), in_folder("data.gguf")));
}

/* Two at once would write over each other. */
static void a_running_pull_locks_its_file(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    int fd = open(in_models("m.gguf.part"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(pull("/ok/m.gguf", NULL, &err), LOAM_STATUS_BUSY);
    close(fd);
    assert_ok(pull("/ok/m.gguf", NULL, &err), err);
    assert_int_equal(symlink(in_folder("elsewhere"), in_models("n.gguf.part")), 0);
    assert_int_equal(pull("/ok/n.gguf", NULL, &err), LOAM_STATUS_IO);
    assert_false(file_exists(in_folder("elsewhere")));
}

static void names_come_from_the_path(void **state)
{
    static const struct {
        const char *url, *name; /* NULL: refused */
    } cases[] = {
        {"https://example.org/a/b/Model-1.Q4_K.gguf?download=true#x", "Model-1.Q4_K.gguf"},
        {"http://example.org/model", "model.gguf"},
        {"http://example.org/M.GGUF", "M.gguf"},
        {"http://example.org/a%2F..%2F..%2Fetc%20x%00.gguf", "a_.._.._etc_x_.gguf"},
        {"http://example.org/.hidden.gguf", "hidden.gguf"},
        {"http://example.org/%1b%5b2J.gguf", "__2J.gguf"},
        {"http://example.org/..", NULL},
        {"http://example.org/", NULL},
        {"http://example.org", NULL},
        {"http://example.org/.gguf", "gguf.gguf"},
        {"ftp://example.org/a.gguf", NULL},
        {"file:///etc/passwd", NULL},
        {"gopher://x/y.gguf", NULL},
        {"http://", NULL},
        {"://", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[256];
        loam_err err = LOAM_ERR_INIT;
        loam_status s = loam_pull_url_name(cases[i].url, name, sizeof name, &err);
        if ((s == LOAM_OK) != (cases[i].name != NULL) || (cases[i].name && strcmp(name, cases[i].name) != 0))
            fail_msg("%s gave %s (%s)", cases[i].url, s == LOAM_OK ? name : "an error", err.msg);
    }
    char url[2000] = "http://example.org/", name[256];
    memset(url + strlen(url), 'x', 1000);
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_pull_url_name(url, name, sizeof name, &err), err);
    assert_int_equal(strlen(name), 205);
}

const struct CMUnitTest url_tests[] = {
    cmocka_unit_test_setup_teardown(good_and_recovering_servers, begin, end),
    cmocka_unit_test_setup_teardown(interrupted_pulls_go_on, begin, end),
    cmocka_unit_test_setup_teardown(foreign_parts_are_dropped, begin, end),
    cmocka_unit_test_setup_teardown(a_changed_file_starts_over, begin, end),
    cmocka_unit_test_setup_teardown(failures_are_clear, begin, end),
    cmocka_unit_test_setup_teardown(silence_times_out, begin, end),
    cmocka_unit_test_setup_teardown(half_a_file_without_length_is_noticed, begin, end),
    cmocka_unit_test_setup_teardown(what_is_there_is_not_fetched_again, begin, end),
    cmocka_unit_test_setup_teardown(a_running_pull_locks_its_file, begin, end),
    cmocka_unit_test(names_come_from_the_path),
};
const size_t n_url_tests = sizeof url_tests / sizeof *url_tests;
