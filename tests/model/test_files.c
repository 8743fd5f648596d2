/* Damaged and lying model files, each one mistake away from a model that opens (fuzz/corpus/model/yarn.gguf): the
 * sentence names the tensor or key, nothing is handed out, and under the address sanitizer nothing leaks at any stage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/model.h"

static loam_gguf *whole; /* the file as it should be */
static uint8_t *copy;
static size_t size;

static void fresh(void)
{
    const loam_file_map *map = loam_gguf_map(whole);
    size = map->size;
    copy = realloc(copy, size);
    assert_non_null(copy);
    memcpy(copy, map->data, size);
}

/* Where the description of a tensor lies: its name, u32 dimensions, u64 each, u32 type, u64 offset. */
static uint8_t *name_at(const loam_gguf_tensor *t)
{
    return copy + (t->name.data - (const char *)loam_gguf_map(whole)->data);
}
static uint8_t *dims_at(const loam_gguf_tensor *t)
{
    return name_at(t) + t->name.len + 4;
}
static uint8_t *type_at(const loam_gguf_tensor *t)
{
    return dims_at(t) + 8 * (size_t)t->n_dims;
}

/* Opens the copy; on failure the message must say `word`. */
static void expect(loam_status want, const char *word)
{
    char path[] = "/tmp/loam-model-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, copy, size), size);
    close(fd);
    loam_model_options o = {.n_threads = 1, .n_ctx = 64, .n_batch = 8};
    loam_model *m = NULL;
    loam_err err = LOAM_ERR_INIT;
    loam_status st = loam_model_open(path, &o, &m, &err);
    unlink(path);
    assert_true(want == LOAM_OK ? m != NULL : m == NULL);
    loam_model_close(m);
    if (st != want || (word && !strstr(err.msg, word)))
        fail_msg("status %d, '%s'; expected %d and '%s'", (int)st, err.msg, (int)want, word ? word : "");
}

/* A name of the file as a C string. */
static const char *text(loam_gguf_str s)
{
    static char buf[128];
    snprintf(buf, sizeof buf, "%.*s", (int)s.len, s.data);
    return buf;
}

static void as_it_is(void **state)
{
    (void)state;
    fresh();
    expect(LOAM_OK, NULL);
}

static void each_tensor_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < loam_gguf_n_tensors(whole); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(whole, i);
        fresh();
        name_at(t)[0] = 'x';
        expect(LOAM_STATUS_CORRUPT, text(t->name));
    }
}

static void each_tensor_of_a_type_not_computed_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < loam_gguf_n_tensors(whole); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(whole, i);
        static const uint8_t types[] = {24 /* I8 */, 26 /* I32 */, 4 /* removed */, 200 /* unknown */};
        for (size_t k = 0; k < sizeof types; k++) {
            fresh();
            type_at(t)[0] = types[k];
            expect(LOAM_STATUS_UNSUPPORTED, text(t->name));
        }
    }
}

static void each_tensor_misshapen(void **state)
{
    (void)state;
    for (size_t i = 0; i < loam_gguf_n_tensors(whole); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(whole, i);
        fresh();
        dims_at(t)[0]--; /* one column fewer */
        expect(LOAM_STATUS_CORRUPT, text(t->name));
    }
}

static void every_key_beyond_sense(void **state)
{
    (void)state;
    static const char *const keys[] = {"block_count",          "embedding_length",        "feed_forward_length",
                                       "attention.head_count", "attention.head_count_kv", "attention.key_length"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        for (int k = 0; k < 2; k++) {
            char key[64];
            snprintf(key, sizeof key, "llama.%s", keys[i]);
            const loam_gguf_kv *kv = loam_gguf_find_kv(whole, key);
            assert_non_null(kv);
            fresh();
            memset(copy + (kv->data - loam_gguf_map(whole)->data), k ? 0xFF : 0, 4);
            expect(LOAM_STATUS_CORRUPT, key);
        }
}

/* All tensors at one place in a file with room for the largest only. */
static void overlapping_tensors(void **state)
{
    (void)state;
    fresh();
    size_t start = size, largest = 0;
    for (size_t i = 0; i < loam_gguf_n_tensors(whole); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(whole, i);
        memset(type_at(t) + 4, 0, 8);
        start = t->offset < start ? t->offset : start;
        largest = t->bytes > largest ? t->bytes : largest;
    }
    size = start + largest;
    expect(LOAM_STATUS_CORRUPT, "overlap");
}

static void biases_that_would_be_ignored(void **state)
{
    (void)state;
    const loam_gguf_tensor *t = loam_gguf_find_tensor(whole, "blk.0.attn_norm.weight");
    assert_non_null(t);
    fresh();
    memcpy(name_at(t), "blk.0.attn_output.bias", t->name.len);
    expect(LOAM_STATUS_UNSUPPORTED, "blk.0.attn_output.bias");
}

static int open_whole(void **state)
{
    (void)state;
    return loam_gguf_open(LOAM_SOURCE_ROOT "/fuzz/corpus/model/yarn.gguf", &whole, NULL) == LOAM_OK ? 0 : -1;
}

static int close_whole(void **state)
{
    (void)state;
    free(copy);
    loam_gguf_close(whole);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_is),
        cmocka_unit_test(each_tensor_missing),
        cmocka_unit_test(each_tensor_of_a_type_not_computed_with),
        cmocka_unit_test(each_tensor_misshapen),
        cmocka_unit_test(every_key_beyond_sense),
        cmocka_unit_test(overlapping_tensors),
        cmocka_unit_test(biases_that_would_be_ignored),
    };
    return cmocka_run_group_tests(tests, open_whole, close_whole);
}
