/* YAML: the tree and its lines against PyYAML's own composer, numbers against values worked out by hand, and what is
 * refused with which words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/yaml.h"
#include "format_test.h"

static loam_arena *arena;

static int open_arena(void **state)
{
    arena = loam_arena_new(8 << 20);
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    loam_arena_free(arena);
    return 0;
}

static const loam_yaml_node *parsed(const char *text, size_t len)
{
    const loam_yaml_node *root = NULL;
    loam_err err = LOAM_ERR_INIT;
    char *exact = malloc(len ? len : 1); /* not NUL-terminated, and gone afterwards */
    memcpy(exact, text, len);
    if (loam_yaml_parse("t.yaml", exact, len, len, arena, &root, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    free(exact);
    return root;
}

/* A scalar by itself. */
static const loam_yaml_node *scalar(const char *text)
{
    return parsed(text, strlen(text));
}

static void refused(const char *text, const char *message)
{
    const loam_yaml_node *root = scalar("kept");
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_yaml_parse("t.yaml", text, strlen(text), 1 << 20, arena, &root, &err), LOAM_STATUS_INVALID);
    assert_null(root);
    assert_says(&err, message);
}

static void list_node(const loam_yaml_node *v, int depth, const loam_yaml_pair *pair, loam_buf *out)
{
    loam_buf_printf(out, "%*s%d:%d ", 2 * depth, "", v->line, v->column);
    if (pair)
        loam_buf_printf(out, "%s (line %d): ", pair->key, pair->line);
    if (v->kind == LOAM_YAML_NULL) {
        loam_buf_str(out, "null\n");
    } else if (v->kind == LOAM_YAML_TEXT) {
        loam_buf_str(out, v->quoted ? "quoted " : "plain ");
        add_plain(out, v->text, strlen(v->text));
        loam_buf_char(out, '\n');
    } else {
        loam_buf_printf(out, "%s of %zu\n", v->kind == LOAM_YAML_MAP ? "map" : "list", v->n);
        for (size_t i = 0; i < v->n; i++)
            list_node(v->kind == LOAM_YAML_MAP ? v->pairs[i].value : v->items[i], depth + 1,
                      v->kind == LOAM_YAML_MAP ? &v->pairs[i] : NULL, out);
    }
}

static void tree_is_what_another_reader_sees(void **state)
{
    size_t len, want_len;
    loam_buf got;
    char *text = read_root_file("tests/golden/yaml/tree.yaml", &len);
    char *want = read_root_file("tests/golden/yaml/tree.txt", &want_len);
    loam_buf_init(&got, 1 << 20);
    list_node(parsed(text, len), 0, NULL, &got);
    assert_string_equal(loam_buf_text(&got), want);
    loam_buf_deinit(&got);
    free(text);
    free(want);
}

static void empty_documents(void **state)
{
    static const char *const texts[] = {"", "\n\n", "# nothing\n", "---\n", "---\n...\n", "~"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(scalar(texts[i])->kind, LOAM_YAML_NULL);
}

static void lookup(void **state)
{
    const loam_yaml_node *root = scalar("a: 1\nb: {c: 2}\nd:\n");
    assert_string_equal(loam_yaml_get(root, "a")->text, "1");
    assert_string_equal(loam_yaml_get(loam_yaml_get(root, "b"), "c")->text, "2");
    assert_int_equal(loam_yaml_get(root, "d")->kind, LOAM_YAML_NULL);
    assert_null(loam_yaml_get(root, "c"));
    assert_null(loam_yaml_get(loam_yaml_get(root, "a"), "a"));
    assert_null(loam_yaml_get(NULL, "a"));
}

static void only_plain_data(void **state)
{
    refused("a: &x 1\n", "t.yaml:1: the anchor &x");
    refused("a: 1\nb: *x\n", "t.yaml:2: the alias *x");
    refused("a:\n  - &x {b: 1}\n", "t.yaml:2: the anchor &x");
    refused("a: !!int 1\n", "t.yaml:1: the tag");
    refused("a: !python/object:os.system {}\n", "t.yaml:1: the tag");
    refused("&k a: 1\n", "t.yaml:1: the anchor &k");
    refused("a: 1\n---\nb: 2\n", "t.yaml:2: a second document");
    refused("%TAG ! tag:x,2000:\n---\na: 1\n", "%TAG is not read");
    refused("a: \"\\0\"\n", "t.yaml:1: a text holds a control character");
    refused("a: \"\\e[31m\"\n", "control character");
    refused("a: \"\\x9b31m\"\n", "control character");
    refused("\"\\0\": 1\n", "control character");
}

static void not_yaml(void **state)
{
    refused("a: 1\na: 2\n", "t.yaml:2: the key 'a' is already at line 1");
    refused("b: 1\nx:\n  z: 1\n  y: 1\n  'z': 2\n", "t.yaml:5: the key 'z' is already at line 3");
    refused("a: [1, 2\nb: 3\n", "t.yaml:2:");
    refused("a: b: c\n", "t.yaml:1:5: not YAML: mapping values are not allowed in this context");
    refused("a:\n\tb: 1\n", "t.yaml:2: YAML is indented with spaces");
    refused("a: 1\nb: \"x\n", "not YAML");
    refused("a: 1\nb: \xff\n", "t.yaml:2: ");
    refused("a: 1\nb: \x01\n", "t.yaml:2: ");
    refused("? [a]\n: 1\n", "t.yaml:1: a key must be one word");
    refused("?\n: 1\n", "t.yaml:1: there is a value without a key");
}

static void limits(void **state)
{
    const loam_yaml_node *root;
    for (int levels = 31; levels <= 34; levels++) {
        char text[80] = {0};
        loam_err err = LOAM_ERR_INIT;
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        loam_status s = loam_yaml_parse("t.yaml", text, strlen(text), 100, arena, &root, &err);
        assert_int_equal(s, levels <= 32 ? LOAM_OK : LOAM_STATUS_INVALID);
        if (s != LOAM_OK)
            assert_says(&err, "t.yaml:1: nested more than 32 levels deep");
    }
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_yaml_parse("t.yaml", "a: 1", 4, 3, arena, &root, &err), LOAM_STATUS_TOO_LARGE);
    assert_says(&err, "t.yaml: the text has 4 bytes, at most 3");
    loam_arena *small = loam_arena_new(100);
    assert_int_equal(loam_yaml_parse("t.yaml", "a: [1, 2, 3, 4, 5, 6]", 21, 100, small, &root, &err),
                     LOAM_STATUS_NO_MEMORY);
    assert_null(root);
    loam_arena_free(small);
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        double want;
    } good[] = {
        {"0", 0},
        {"-1.5", -1.5},
        {"+2", 2},
        {"1e3", 1000},
        {"1.5E-2", 0.015},
        {"60%", 0.6},
        {"0.5 %", 0.005},
        {"35k", 35000},
        {"1.2 M", 1.2e6},
        {"3G", 3e9},
        {"15 T", 15e12},
        {"671B", 671e9},
        {"40 bn", 40e9},
        {"2 million", 2e6},
        {"1 billion", 1e9},
        {"1_000_000", 1e6},
        {".5", 0.5},
        {"5.", 5},
        {"12_345.5 k", 12345500},
    };
    static const char *const bad[] = {"abc",  "1 x", "'1'", "\"60%\"", "[1]",  "{a: 1}", "~",     "1e999", "nan", "inf",
                                      "0x10", "1,5", "1_",  "_1",      "1__2", "5km",    "5 k k", "--1",   "1e"};
    loam_err err = LOAM_ERR_INIT;
    double x;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (loam_yaml_number("t.yaml", scalar(good[i].text), -INFINITY, INFINITY, &x, &err) != LOAM_OK)
            fail_msg("%s", err.msg);
        if (fabs(x - good[i].want) > 1e-12 * fabs(good[i].want))
            fail_msg("%s is read as %.17g", good[i].text, x);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (loam_yaml_number("t.yaml", scalar(bad[i]), -INFINITY, INFINITY, &x, &err) == LOAM_OK)
            fail_msg("%s is read as %.17g", bad[i], x);
    assert_int_equal(loam_yaml_number("t.yaml", scalar("\n\n1.5"), 0, 1, &x, &err), LOAM_STATUS_INVALID);
    assert_string_equal(err.msg, "t.yaml:3: expected a number from 0 to 1, this is '1.5'");
    assert_int_equal(loam_yaml_number("t.yaml", scalar("-1"), 0, INFINITY, &x, &err), LOAM_STATUS_INVALID);
    assert_says(&err, "expected a number of at least 0, this is '-1'");
    assert_int_equal(loam_yaml_number("t.yaml", scalar("'1'"), 0, 1, &x, &err), LOAM_STATUS_INVALID);
    assert_says(&err, "this is '1' in quotes");
}

static void number_in_a_longer_text(void **state)
{
    double x = 0;
    assert_int_equal(loam_yaml_scan_number("40 bn CNY", &x), 5);
    assert_true(x == 40e9);
    assert_int_equal(loam_yaml_scan_number("12 Months", &x), 2);
    assert_true(x == 12);
    assert_int_equal(loam_yaml_scan_number("CNY 5", &x), 0);
    assert_int_equal(loam_yaml_scan_number("", &x), 0);
}

static void whole_numbers_words_and_switches(void **state)
{
    static const char *const words[] = {"buy", "rent"};
    loam_err err = LOAM_ERR_INIT;
    long n = 7;
    int k = 7;
    bool on = false;
    assert_int_equal(loam_yaml_int("t.yaml", scalar("2k"), 0, 5000, &n, &err), LOAM_OK);
    assert_int_equal(n, 2000);
    assert_int_equal(loam_yaml_int("t.yaml", scalar("1.5"), 0, 5000, &n, &err), LOAM_STATUS_INVALID);
    assert_says(&err, "t.yaml:1: expected a whole number from 0 to 5000, this is '1.5'");
    assert_int_equal(loam_yaml_int("t.yaml", scalar("1e300"), 0, 5000, &n, &err), LOAM_STATUS_INVALID);
    assert_int_equal(n, 2000);
    assert_int_equal(loam_yaml_bool("t.yaml", scalar("yes"), &on, &err), LOAM_OK);
    assert_true(on);
    assert_int_equal(loam_yaml_bool("t.yaml", scalar("off"), &on, &err), LOAM_OK);
    assert_false(on);
    assert_int_equal(loam_yaml_bool("t.yaml", scalar("'yes'"), &on, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_yaml_choice("t.yaml", scalar("rent"), words, 2, &k, &err), LOAM_OK);
    assert_int_equal(k, 1);
    assert_int_equal(loam_yaml_choice("t.yaml", scalar("[rent]"), words, 2, &k, &err), LOAM_STATUS_INVALID);
    assert_says(&err, "expected one of buy, rent, this is a list");
}

static void unknown_keys(void **state)
{
    static const char *const keys[] = {"growth", "demand", "curve"};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_yaml_known("t.yaml", scalar("{growth: 1, curve: 2}"), keys, 3, &err), LOAM_OK);
    assert_int_equal(loam_yaml_known("t.yaml", scalar("growth: 1\ngrwoth: 1"), keys, 3, &err), LOAM_STATUS_INVALID);
    assert_string_equal(err.msg, "t.yaml:2: unknown key 'grwoth'; did you mean 'growth'?");
    assert_int_equal(loam_yaml_known("t.yaml", scalar("zzzzz: 1"), keys, 3, &err), LOAM_STATUS_INVALID);
    assert_string_equal(err.msg, "t.yaml:1: unknown key 'zzzzz'; the keys here are growth, demand, curve");
    assert_int_equal(loam_yaml_known("t.yaml", scalar("[1]"), keys, 3, &err), LOAM_STATUS_INVALID);
    assert_says(&err, "expected a map of keys and values, this is a list");
}

test_list yaml_tests(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)
    static const struct CMUnitTest tests[] = {
        TEST(tree_is_what_another_reader_sees),
        TEST(empty_documents),
        TEST(lookup),
        TEST(only_plain_data),
        TEST(not_yaml),
        TEST(limits),
        TEST(numbers),
        TEST(number_in_a_longer_text),
        TEST(whole_numbers_words_and_switches),
        TEST(unknown_keys),
    };
#undef TEST
    return TEST_LIST(tests);
}
