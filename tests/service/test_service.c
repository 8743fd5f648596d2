/* The service room: the main function of its tests and what they share. */
#define _GNU_SOURCE
#include "service_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "service/models.h"

const char *real_model;
static char folder[256];

static void run_rm(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char p[1024];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(p, sizeof p, "%s/%s", path, e->d_name);
        if (e->d_type == DT_DIR)
            run_rm(p);
        else
            unlink(p);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

const char *test_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    if (folder[0])
        run_rm(folder);
    snprintf(folder, sizeof folder, "%s/loam-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
    setenv("LOAM_MODELS", in_folder("models"), 1);
    assert_int_equal(mkdir(in_folder("models"), 0700), 0);
    return folder;
}

int test_folder_remove(void **state)
{
    if (folder[0])
        run_rm(folder);
    folder[0] = 0;
    return 0;
}

const char *in_folder(const char *name)
{
    static char paths[4][1024];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

const char *in_models(const char *name)
{
    char p[512];
    snprintf(p, sizeof p, "models/%s", name);
    return in_folder(p);
}

void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

bool same_files(const char *a, const char *b)
{
    loam_file_map x, y;
    loam_err err = LOAM_ERR_INIT;
    assert_ok(loam_file_map_open(a, &x, &err), err);
    assert_ok(loam_file_map_open(b, &y, &err), err);
    bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    loam_file_map_close(&x);
    loam_file_map_close(&y);
    return same;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int n_in_models(void)
{
    int n = 0;
    DIR *d = opendir(in_models(""));
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

int main(void)
{
    static char model[4096];
    loam_err err = LOAM_ERR_INIT;
    if (loam_models_resolve("smollm2", model, sizeof model, &err) == LOAM_OK)
        real_model = model;
    struct CMUnitTest all[128];
    size_t n = 0;
    for (size_t i = 0; i < n_models_tests; i++)
        all[n++] = models_tests[i];
    for (size_t i = 0; i < n_pip_tests; i++)
        all[n++] = pip_tests[i];
    for (size_t i = 0; i < n_url_tests; i++)
        all[n++] = url_tests[i];
    for (size_t i = 0; i < n_chat_tests; i++)
        all[n++] = chat_tests[i];
    return _cmocka_run_group_tests("service", all, n, NULL, NULL);
}
