/* GGUF files that are sound: what Loam reads equals what the gguf Python package reads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/gguf.h"
#include "format_test.h"
#include "gguf_listing.h"

static loam_gguf *open_root(const char *below)
{
    loam_gguf *g = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (loam_gguf_open(root_path(below), &g, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return g;
}

static void check_listing(const char *file, const char *want_file)
{
    char *want = read_root_file(want_file, NULL);
    loam_gguf *g = open_root(file);
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    list_gguf(g, &b);
    assert_string_equal(loam_buf_text(&b), want);
    loam_buf_deinit(&b);
    loam_gguf_close(g);
    free(want);
}

/* If it fails, some value type, shape, offset or tensor's bytes are read otherwise than the reference reads them. */
static void every_value_type_as_the_reference(void **state)
{
    check_listing("tests/golden/format/small.gguf", "tests/golden/format/small.txt");
}

static void other_alignment_as_the_reference(void **state)
{
    check_listing("tests/golden/format/aligned.gguf", "tests/golden/format/aligned.txt");
}

static void real_vocabularies_as_the_reference(void **state)
{
    char *golden = read_root_file("tests/golden/format/vocabs.txt", NULL), *rest = golden;
    int n = 0;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        char name[128], below[256];
        unsigned long long bytes, lines, hash;
        assert_int_equal(sscanf(line, "%127s %llu %llu %llx", name, &bytes, &lines, &hash), 4);
        snprintf(below, sizeof below, "../shared/data/tokenizers/%s", name);
        FILE *there = fopen(root_path(below), "rb");
        if (!there)
            continue;
        fclose(there);
        loam_gguf *g = open_root(below);
        loam_buf b;
        loam_buf_init(&b, 64 << 20);
        list_gguf(g, &b);
        assert_false(b.failed);
        assert_int_equal(loam_gguf_map(g)->size, bytes);
        assert_int_equal(1 + loam_gguf_n_kv(g) + loam_gguf_n_tensors(g), lines);
        if (fnv1a(b.data, b.len) != hash)
            fail_msg("%s is read otherwise than by the reference", name);
        loam_buf_deinit(&b);
        loam_gguf_close(g);
        n++;
    }
    free(golden);
    if (n == 0)
        skip();
}

static void version_2_has_the_same_layout(void **state)
{
    size_t len;
    char *bytes = read_root_file("tests/golden/format/small.gguf", &len);
    char *want = read_root_file("tests/golden/format/small.txt", NULL);
    bytes[4] = 2;
    want[strlen("version ")] = '2';
    loam_gguf *g;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_gguf_parse(bytes, len, &g, &err), LOAM_OK);
    loam_buf b;
    loam_buf_init(&b, 1 << 20);
    list_gguf(g, &b);
    assert_string_equal(loam_buf_text(&b), want);
    loam_buf_deinit(&b);
    loam_gguf_close(g);
    free(bytes);
    free(want);
}

static void look_ups_by_name(void **state)
{
    loam_gguf *g = open_root("tests/golden/format/small.gguf");
    for (size_t i = 0; i < loam_gguf_n_kv(g); i++) {
        const loam_gguf_kv *kv = loam_gguf_kv_at(g, i);
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)kv->key.len, kv->key.data);
        assert_ptr_equal(loam_gguf_find_kv(g, key), kv);
    }
    for (size_t i = 0; i < loam_gguf_n_tensors(g); i++) {
        const loam_gguf_tensor *t = loam_gguf_tensor_at(g, i);
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)t->name.len, t->name.data);
        assert_ptr_equal(loam_gguf_find_tensor(g, name), t);
    }
    const char *absent[] = {"", "v", "v.u", "v.u88", "zzz", "general.architecturf", "t.f3", "t.f322"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        assert_null(loam_gguf_find_kv(g, absent[i]));
        assert_null(loam_gguf_find_tensor(g, absent[i]));
    }
    loam_gguf_close(g);
}

/* The caller's default stays when the key is absent, and also when the value is refused. */
static void typed_look_ups(void **state)
{
    loam_gguf *g = open_root("tests/golden/format/small.gguf");
    static const struct {
        const char *key;
        bool u32_ok, i64_ok, f32_ok, bool_ok, str_ok;
        uint32_t u32;
        int64_t i64;
    } cases[] = {
        {"absent", true, true, true, true, true, 7, 7},
        {"v.u8", true, true, false, false, false, 255, 255},
        {"v.i8", false, true, false, false, false, 7, -128},
        {"v.u16", true, true, false, false, false, 65535, 65535},
        {"v.i16", false, true, false, false, false, 7, -32768},
        {"v.u32", true, true, false, false, false, UINT32_MAX, UINT32_MAX},
        {"v.i32", false, true, false, false, false, 7, INT32_MIN},
        {"v.u64", false, false, false, false, false, 7, 7},
        {"v.small_u64", true, true, false, false, false, 4096, 4096},
        {"v.i64", false, true, false, false, false, 7, INT64_MIN},
        {"v.f32", false, false, true, false, false, 7, 7},
        {"v.f64", false, false, false, false, false, 7, 7}, /* 1e300 does not fit a float */
        {"v.bool", false, false, false, true, false, 7, 7},
        {"v.string", false, false, false, false, true, 7, 7},
        {"a.u8", false, false, false, false, false, 7, 7},
        {"a.string", false, false, false, false, false, 7, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t u32 = 7;
        int64_t i64 = 7;
        float f32 = 7;
        bool flag = false;
        loam_gguf_str str = {"default", 7};
        const char *key = cases[i].key;
        assert_int_equal(loam_gguf_get_u32(g, key, &u32), cases[i].u32_ok);
        assert_int_equal(loam_gguf_get_i64(g, key, &i64), cases[i].i64_ok);
        assert_int_equal(loam_gguf_get_f32(g, key, &f32), cases[i].f32_ok);
        assert_int_equal(loam_gguf_get_bool(g, key, &flag), cases[i].bool_ok);
        assert_int_equal(loam_gguf_get_str(g, key, &str), cases[i].str_ok);
        assert_int_equal(u32, cases[i].u32);
        assert_int_equal(i64, cases[i].i64);
        assert_true(f32 == (strcmp(key, "v.f32") == 0 ? 1e-6f : 7));
        assert_int_equal(flag, strcmp(key, "v.bool") == 0);
        assert_int_equal(str.len, strcmp(key, "v.string") == 0 ? strlen("grüße\n\x7f \U0001F40B") : 7);
    }
    loam_gguf_close(g);
}

static void numbers_clamp(void **state)
{
    loam_gguf *g = open_root("tests/golden/format/small.gguf");
    assert_int_equal(loam_gguf_kv_i64(loam_gguf_find_kv(g, "v.u64"), 0), INT64_MAX);
    assert_int_equal(loam_gguf_kv_i64(loam_gguf_find_kv(g, "v.f64"), 0), INT64_MAX);
    assert_int_equal(loam_gguf_kv_i64(loam_gguf_find_kv(g, "a.f32"), 2), INT64_MAX); /* inf */
    assert_true(loam_gguf_kv_f64(loam_gguf_find_kv(g, "v.u64"), 0) == 0x1p64);
    assert_true(loam_gguf_kv_f64(loam_gguf_find_kv(g, "a.i64"), 0) == -0x1p63);
    assert_true(signbit(loam_gguf_kv_f64(loam_gguf_find_kv(g, "a.f32"), 1)));
    loam_gguf_close(g);
}

static void type_table_as_the_reference(void **state)
{
    char *golden = read_root_file("tests/golden/format/ggml_types.txt", NULL), *rest = golden;
    bool listed[64] = {false};
    int n = 0;
    for (char *line; (line = strsep(&rest, "\n")) && *line; n++) {
        char name[32];
        unsigned number, elems, bytes;
        assert_int_equal(sscanf(line, "%u %31s %u %u", &number, name, &elems, &bytes), 4);
        const loam_ggml_type *t = loam_ggml_type_get(number);
        assert_non_null(t);
        assert_string_equal(t->name, name);
        assert_int_equal(t->block_elems, elems);
        assert_int_equal(t->block_bytes, bytes);
        listed[number] = true;
    }
    assert_true(n > 30);
    free(golden);
    /* Q2_0 is newer than the package: QK2_0 64, half + 64 / 4 bytes (ggml-common.h). The rest was removed. */
    for (uint32_t i = 0; i < 64; i++) {
        const loam_ggml_type *t = loam_ggml_type_get(i);
        if (listed[i])
            continue;
        if (i == 42) {
            assert_int_equal(t->block_elems, 64);
            assert_int_equal(t->block_bytes, 18);
        } else if (i < 42) {
            assert_int_equal(t->block_elems, 0);
        } else {
            assert_null(t);
        }
    }
    assert_null(loam_ggml_type_get(UINT32_MAX));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_value_type_as_the_reference),
    cmocka_unit_test(other_alignment_as_the_reference),
    cmocka_unit_test(real_vocabularies_as_the_reference),
    cmocka_unit_test(version_2_has_the_same_layout),
    cmocka_unit_test(look_ups_by_name),
    cmocka_unit_test(typed_look_ups),
    cmocka_unit_test(numbers_clamp),
    cmocka_unit_test(type_table_as_the_reference),
};

test_list gguf_tests(void)
{
    return TEST_LIST(tests);
}
