/* Where models are, which file a name means, what list and inspect show. */
#define _GNU_SOURCE
#include "gguf_writer.h"
#include "service_test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/json.h"
#include "service/models_int.h"

static void dir_follows_the_environment(void **state)
{
    char dir[4096], want[4096];
    loam_err err = LOAM_ERR_INIT;
    test_folder();
    assert_ok(loam_models_dir(dir, sizeof dir, &err), err);
    assert_string_equal(dir, in_folder("models"));

    char *xdg = getenv("XDG_DATA_HOME") ? strdup(getenv("XDG_DATA_HOME")) : NULL;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    unsetenv("LOAM_MODELS");
    setenv("HOME", in_folder("home"), 1);
    setenv("XDG_DATA_HOME", in_folder("data"), 1);
    assert_ok(loam_models_dir(dir, sizeof dir, &err), err);
    assert_string_equal(dir, in_folder("data/loam/models"));
    setenv("XDG_DATA_HOME", "relative", 1); /* the XDG specification: to be ignored */
    assert_ok(loam_models_dir(dir, sizeof dir, &err), err);
    snprintf(want, sizeof want, "%s", in_folder("home/.local/share/loam/models"));
    assert_string_equal(dir, want);
    struct stat st;
    assert_int_equal(stat(want, &st), 0);
    unsetenv("HOME");
    unsetenv("XDG_DATA_HOME");
    assert_int_equal(loam_models_dir(dir, sizeof dir, &err), LOAM_STATUS_INVALID);
    if (xdg)
        setenv("XDG_DATA_HOME", xdg, 1);
    if (home)
        setenv("HOME", home, 1);
    free(xdg);
    free(home);

    test_folder();
    write_file(in_folder("file"), "", 0);
    setenv("LOAM_MODELS", in_folder("file"), 1);
    assert_int_not_equal(loam_models_dir(dir, sizeof dir, &err), LOAM_OK);
    assert_says(err, in_folder("file"));
}

static void names_resolve(void **state)
{
    char path[4096];
    loam_err err = LOAM_ERR_INIT;
    test_folder();
    write_gguf(in_models("Tiny.Q4_1.gguf"));
    const char *names[] = {"Tiny.Q4_1", "Tiny.Q4_1.gguf"};
    for (int i = 0; i < 2; i++) {
        assert_ok(loam_models_resolve(names[i], path, sizeof path, &err), err);
        assert_string_equal(path, in_models("Tiny.Q4_1.gguf"));
    }
    assert_ok(loam_models_resolve(in_models("Tiny.Q4_1.gguf"), path, sizeof path, &err), err);
    assert_string_equal(path, in_models("Tiny.Q4_1.gguf"));
    assert_int_equal(loam_models_resolve("smollm2", path, sizeof path, &err), LOAM_STATUS_NOT_FOUND);
    assert_says(err, "Tiny.Q4_1");
    assert_says(err, "loam model pull smollm2");
    write_gguf(in_models("SmolLM2-135M-Instruct.Q4_1.gguf"));
    assert_ok(loam_models_resolve("smollm2", path, sizeof path, &err), err);
    assert_string_equal(path, in_models("SmolLM2-135M-Instruct.Q4_1.gguf"));

    write_file(in_folder("secret.gguf"), "x", 1);
    assert_int_equal(loam_models_resolve("../secret", path, sizeof path, &err), LOAM_STATUS_NOT_FOUND);
    assert_int_equal(loam_models_resolve("", path, sizeof path, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_models_resolve("..", path, sizeof path, &err), LOAM_STATUS_NOT_FOUND);
    assert_int_equal(loam_models_resolve(in_folder("models"), path, sizeof path, &err), LOAM_STATUS_NOT_FOUND);
    assert_int_equal(loam_models_resolve("\x1b[2Jx", path, sizeof path, &err), LOAM_STATUS_NOT_FOUND);
    assert_null(strchr(err.msg, 0x1b));
    char small[8];
    assert_int_equal(loam_models_resolve("Tiny.Q4_1", small, sizeof small, &err), LOAM_STATUS_INVALID);
}

static void list_shows_good_and_broken_files(void **state)
{
    loam_model_entry *list;
    size_t n;
    loam_err err = LOAM_ERR_INIT;
    test_folder();
    assert_ok(loam_models_list(&list, &n, &err), err);
    assert_int_equal(n, 0);
    loam_models_list_free(list, n);
    write_gguf(in_models("b.gguf"));
    write_file(in_models("a.gguf"), "nonsense", 8);
    write_file(in_models("c.gguf.part"), "half", 4);
    write_file(in_models(".hidden.gguf"), "half", 4);
    assert_int_equal(mkdir(in_models("folder.gguf"), 0700), 0);
    assert_ok(loam_models_list(&list, &n, &err), err);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "a");
    assert_string_equal(list[0].arch, "?");
    assert_non_null(list[0].problem);
    assert_int_equal(list[0].bytes, 8);
    assert_string_equal(list[1].name, "b");
    assert_string_equal(list[1].path, in_models("b.gguf"));
    assert_string_equal(list[1].arch, "llama");
    assert_string_equal(list[1].type, "Q4_1");
    assert_int_equal(list[1].n_params, 64 * 2048 + 64);
    assert_int_equal(list[1].n_ctx_train, 2048);
    assert_null(list[1].problem);
    loam_models_list_free(list, n);
}

static void text_is_made_harmless(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain é 日本 🙂", "plain é 日本 🙂"},
        {"a\x1b[31m\n\t\r", "a\\x1B[31m\\n\\t\\r"},
        {"\\n", "\\\\n"},                                                  /* not to be taken for a line break */
        {"\xc2\x9b\xe2\x80\xae\xef\xbb\xbf", "\\u{9B}\\u{202E}\\u{FEFF}"}, /* C1 CSI, override, byte order mark */
        {"\xff\xc3", "\\xFF\\xC3"},
        {"\xc0\x80\xed\xa0\x80", "\\xC0\\x80\\xED\\xA0\\x80"}, /* overlong, surrogate */
        {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"},          /* over U+10FFFF */
        {"\x7f", "\\u{7F}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_buf b;
        loam_buf_init(&b, 1000);
        assert_true(loam_plain_text(&b, cases[i].in, strlen(cases[i].in), 100));
        assert_string_equal(loam_buf_text(&b), cases[i].out);
        loam_buf_deinit(&b);
    }
    loam_buf b;
    loam_buf_init(&b, 1000);
    loam_plain_text(&b, "éééé", 8, 3);
    assert_string_equal(loam_buf_text(&b), "ééé…");
    loam_buf_deinit(&b);
}

static void tables_are_aligned(void **state)
{
    loam_table t;
    loam_buf b;
    loam_buf_init(&b, 1000);
    loam_table_init(&t, "lrl");
    const char *cells[] = {"é", "1", "x", "long", "22,222", "y"};
    for (int i = 0; i < 6; i++)
        loam_table_add(&t, cells[i]);
    loam_table_format(&t, 2, &b);
    assert_string_equal(loam_buf_text(&b), "  é          1  x\n  long  22,222  y\n");
    loam_table_deinit(&t);
    loam_buf_deinit(&b);
    char s[32];
    loam_format_count(1234567, s);
    assert_string_equal(s, "1,234,567");
    loam_format_count(999, s);
    assert_string_equal(s, "999");
    loam_format_bytes(98362432, s);
    assert_string_equal(s, "98.4 MB");
    loam_format_bytes(999999, s);
    assert_string_equal(s, "1.0 MB");
}

static void inspect_shows_a_hostile_file(void **state)
{
    loam_buf b;
    loam_err err = LOAM_ERR_INIT;
    test_folder();
    write_gguf(in_folder("x.gguf"));
    loam_buf_init(&b, 1 << 20);
    assert_ok(loam_models_inspect(in_folder("x.gguf"), false, &b, &err), err);
    const char *text = loam_buf_text(&b);
    for (const char *p = text; *p; p++) /* no control character but the line ends of the table itself */
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
    assert_non_null(strstr(text, "evil\\x1B[31m\\nname\\u{9B} \\u{202E}\\xFF\\\\ é"));
    assert_non_null(strstr(text, "18446744073709551615"));
    assert_non_null(strstr(text, "[1000]"));
    assert_non_null(strstr(text, "2048 x 64")); /* PyTorch's order */
    assert_non_null(strstr(text, "81,920"));
    assert_non_null(strstr(text, "131,136"));
    assert_true(b.len < 4000); /* the thousand words are not all there */
    loam_buf_deinit(&b);

    json_t *v;
    loam_buf_init(&b, 1 << 20);
    assert_ok(loam_models_inspect(in_folder("x.gguf"), true, &b, &err), err);
    assert_ok(loam_json_parse(b.data, b.len, b.len, &v, &err), err);
    assert_string_equal(json_string_value(json_object_get(v, "format")), "gguf");
    json_t *meta = json_object_get(v, "metadata"), *tensor = json_array_get(json_object_get(v, "tensors"), 0);
    assert_int_equal(json_array_size(meta), 7);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(meta, 1), "value")), 2048);
    assert_string_equal(json_string_value(json_object_get(json_array_get(meta, 3), "value")), "18446744073709551615");
    assert_true(json_is_null(json_object_get(json_array_get(meta, 4), "value"))); /* NaN */
    assert_int_equal(json_integer_value(json_object_get(json_array_get(meta, 5), "n")), 1000);
    assert_true(json_array_size(json_object_get(json_array_get(meta, 5), "first")) < 10);
    assert_true(json_is_true(json_object_get(json_array_get(meta, 6), "value")));
    assert_string_equal(json_string_value(json_object_get(tensor, "type")), "Q4_1");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(tensor, "shape"), 0)), 2048);
    json_decref(v);
    loam_buf_deinit(&b);

    loam_buf_init(&b, 100);
    assert_int_equal(loam_models_inspect(in_folder("x.gguf"), false, &b, &err), LOAM_STATUS_TOO_LARGE);
    loam_buf_deinit(&b);
    loam_buf_init(&b, 100);
    assert_int_equal(loam_models_inspect(in_folder("absent"), false, &b, &err), LOAM_STATUS_NOT_FOUND);
    loam_buf_deinit(&b);
}

static void inspect_shows_safetensors(void **state)
{
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\\u001b\"},"
                                 "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}";
    char file[8 + sizeof header - 1 + 24] = {0};
    loam_buf b;
    loam_err err = LOAM_ERR_INIT;
    json_t *v;
    test_folder();
    file[0] = sizeof header - 1;
    memcpy(file + 8, header, sizeof header - 1);
    write_file(in_folder("x.safetensors"), file, sizeof file);
    loam_buf_init(&b, 1 << 16);
    assert_ok(loam_models_inspect(in_folder("x.safetensors"), false, &b, &err), err);
    assert_non_null(strstr(loam_buf_text(&b), "2 x 3"));
    assert_non_null(strstr(loam_buf_text(&b), "pt\\x1B"));
    loam_buf_truncate(&b, 0);
    assert_ok(loam_models_inspect(in_folder("x.safetensors"), true, &b, &err), err);
    assert_ok(loam_json_parse(b.data, b.len, b.len, &v, &err), err);
    assert_int_equal(json_integer_value(json_object_get(v, "parameters")), 6);
    json_decref(v);
    loam_buf_deinit(&b);
    loam_buf_init(&b, 1 << 16);
    write_file(in_folder("x.safetensors"), file, sizeof file - 1);
    assert_int_not_equal(loam_models_inspect(in_folder("x.safetensors"), false, &b, &err), LOAM_OK);
    assert_int_equal(b.len, 0);
    loam_buf_deinit(&b);
}

const struct CMUnitTest models_tests[] = {
    cmocka_unit_test_teardown(dir_follows_the_environment, test_folder_remove),
    cmocka_unit_test_teardown(names_resolve, test_folder_remove),
    cmocka_unit_test_teardown(list_shows_good_and_broken_files, test_folder_remove),
    cmocka_unit_test(text_is_made_harmless),
    cmocka_unit_test(tables_are_aligned),
    cmocka_unit_test_teardown(inspect_shows_a_hostile_file, test_folder_remove),
    cmocka_unit_test_teardown(inspect_shows_safetensors, test_folder_remove),
};
const size_t n_models_tests = sizeof models_tests / sizeof *models_tests;
