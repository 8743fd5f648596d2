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

static void put(loam_buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        loam_buf_char(b, (char)(v >> (8 * i)));
}

static void put_str(loam_buf *b, const char *s)
{
    put(b, strlen(s), 8);
    loam_buf_str(b, s);
}

static void put_key(loam_buf *b, const char *key, uint32_t type)
{
    put_str(b, key);
    put(b, type, 4);
}

/* Laid out by hand after docs/gguf.md of ggml-org/ggml. */
void write_gguf(const char *path)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 22);
    loam_buf_str(&b, "GGUF");
    put(&b, 3, 4);
    put(&b, 2, 8); /* tensors */
    put(&b, 7, 8); /* keys */
    put_key(&b, "general.architecture", 8);
    put_str(&b, "llama");
    put_key(&b, "llama.context_length", 4);
    put(&b, 2048, 4);
    put_key(&b, "general.name", 8); /* escape sequence, line break, C1 control, right-to-left override, bad bytes */
    put_str(&b, "evil\x1b[31m\nname\xc2\x9b \xe2\x80\xae\xff\\ \xc3\xa9");
    put_key(&b, "test.big", 10);
    put(&b, UINT64_MAX, 8);
    put_key(&b, "test.nan", 6);
    put(&b, 0x7FC00000, 4);
    put_key(&b, "test.words", 9);
    put(&b, 8, 4);
    put(&b, 1000, 8);
    for (int i = 0; i < 1000; i++)
        put_str(&b, i == 1 ? "\x1b]0;title\x07" : "word");
    put_key(&b, "test.ok", 7);
    put(&b, 1, 1);
    put_str(&b, "blk.0.w");
    put(&b, 2, 4);
    put(&b, 64, 8); /* contiguous first in the file */
    put(&b, 2048, 8);
    put(&b, 3, 4); /* Q4_1: 32 elements in 20 bytes */
    put(&b, 0, 8);
    put_str(&b, "norm\x1b");
    put(&b, 1, 4);
    put(&b, 64, 8);
    put(&b, 0, 4); /* F32 */
    put(&b, 81920, 8);
    while (b.len % 32)
        loam_buf_char(&b, 0);
    for (uint32_t i = 0; i < 81920 + 256; i++)
        loam_buf_char(&b, (char)(i * 2654435761u >> 24));
    assert_false(b.failed);
    write_file(path, b.data, b.len);
    loam_buf_deinit(&b);
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
