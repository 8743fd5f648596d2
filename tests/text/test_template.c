/* Chat templates against Python's Jinja2: small templates for every construct, the templates of released models over
 * many conversations (tests/golden/make/templates.py made the expectations), and what has no counterpart in Python:
 * limits, threads, memory. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "test_template.h"
#include "text/chat_template.h"

#define GOLDEN LOAM_SOURCE_ROOT "/tests/golden/template/"
#define TEMPLATES LOAM_SOURCE_ROOT "/../shared/data/chat-templates/"

static json_t *read_json(const char *path)
{
    loam_err err = LOAM_ERR_INIT;
    char *text;
    size_t len;
    json_t *v = NULL;
    if (loam_file_read(path, 64 << 20, &text, &len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    json_error_t e;
    v = json_loadb(text, len, JSON_ALLOW_NUL, &e); /* texts here hold U+0000, which loam_json_parse refuses */
    free(text);
    if (!v)
        fail_msg("%s:%d: %s", path, e.line, e.text);
    return v;
}

/* Compiles and renders; false on any error. out is owned by the caller. */
static bool render(const char *source, size_t len, const json_t *vars, int64_t now, loam_buf *out, loam_err *err)
{
    loam_chat_template *t;
    if (loam_chat_template_new(source, len, &t, err) != LOAM_OK)
        return false;
    loam_status status = loam_chat_template_render_at(t, vars, now, out, err);
    loam_chat_template_free(t);
    return status == LOAM_OK;
}

/* Messages of Python's own machinery, or of things that Loam leaves out: ours say it differently. */
static bool own_words(const char *got)
{
    static const char *const ours[] = {"instances of 'float' and 'str'", /* sorted() compares in another order */
                                       "indent() needs a str",
                                       "missing a required argument",
                                       "'break' outside loop",
                                       "'continue' not properly in loop",
                                       "makes no sense in a chat template",
                                       "nested more than",
                                       "got multiple values for keyword argument"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strstr(got, ours[i]))
            return true;
    return false;
}

/* One golden row against what Loam makes of it; prints the difference and counts it. */
static void compare(const char *name, const char *source, size_t len, const json_t *vars, int64_t now,
                    const json_t *want, int *wrong)
{
    loam_buf out;
    loam_err err = LOAM_ERR_INIT;
    loam_buf_init(&out, 16 << 20);
    bool ok = render(source, len, vars, now, &out, &err);
    const json_t *text = json_object_get(want, "out"), *message = json_object_get(want, "error");
    if (text && !ok) {
        print_error("%s: failed: %s\n", name, err.msg);
        ++*wrong;
    } else if (text &&
               (out.len != json_string_length(text) || memcmp(loam_buf_text(&out), json_string_value(text), out.len))) {
        print_error("%s:\n  want |%s|\n  got  |%s|\n", name, json_string_value(text), loam_buf_text(&out));
        ++*wrong;
    } else if (message && ok) {
        print_error("%s: want the error '%s'\n  got  |%s|\n", name, json_string_value(message), loam_buf_text(&out));
        ++*wrong;
    } else if (message) {
        /* raise_exception gives its message as it is; other messages say the line first and then what Python says */
        const char *want_text = json_string_value(message), *got = err.msg;
        if (!json_is_true(json_object_get(want, "plain"))) {
            int skip = 0;
            if (sscanf(err.msg, "line %*d of the chat template: %n", &skip) == EOF || !skip)
                fail_msg("%s: no line in '%s'", name, err.msg);
            got += skip;
        }
        if (strcmp(got, want_text) && !own_words(got)) {
            print_error("%s: want the error '%s'\n  got '%s'\n", name, want_text, err.msg);
            ++*wrong;
        }
    }
    loam_buf_deinit(&out);
}

static void test_cases(void **state)
{
    json_t *doc = read_json(GOLDEN "cases.json"), *row;
    size_t i;
    int wrong = 0;
    int64_t now = json_integer_value(json_object_get(doc, "now"));
    json_array_foreach(json_object_get(doc, "cases"), i, row)
    {
        const json_t *t = json_object_get(row, "template");
        compare(json_string_value(t), json_string_value(t), json_string_length(t), json_object_get(doc, "vars"), now,
                row, &wrong);
    }
    assert_true(json_array_size(json_object_get(doc, "cases")) > 1000);
    json_decref(doc);
    if (wrong)
        fail_msg("%d of the cases differ", wrong);
}

static void compare_model(const json_t *doc, const char *file, const char *path, int *wrong)
{
    loam_err err = LOAM_ERR_INIT;
    char *source, name[256];
    size_t len, i;
    json_t *talk;
    const json_t *rows = json_object_get(json_object_get(doc, "models"), file);
    if (loam_file_read(path, 1 << 20, &source, &len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    json_array_foreach(json_object_get(doc, "conversations"), i, talk)
    {
        snprintf(name, sizeof name, "%s, '%s' (%zu)", file, json_string_value(json_object_get(talk, "name")), i);
        compare(name, source, len, json_object_get(talk, "vars"), json_integer_value(json_object_get(doc, "now")),
                json_array_get(rows, i), wrong);
    }
    free(source);
}

static void test_default_model(void **state)
{
    json_t *doc = read_json(GOLDEN "models.json");
    int wrong = 0;
    compare_model(doc, "smollm2.jinja", GOLDEN "smollm2.jinja", &wrong);
    json_decref(doc);
    assert_int_equal(wrong, 0);
}

static void test_released_models(void **state)
{
    FILE *there = fopen(TEMPLATES "Qwen-Qwen3-0.6B.jinja", "rb");
    if (!there)
        skip(); /* the folder of templates is not part of the project */
    fclose(there);
    json_t *doc = read_json(GOLDEN "models.json"), *rows;
    const char *file;
    char path[1024];
    int wrong = 0, n = 0;
    json_object_foreach(json_object_get(doc, "models"), file, rows)
    {
        if (!strcmp(file, "smollm2.jinja"))
            continue;
        snprintf(path, sizeof path, "%s%s", TEMPLATES, file);
        compare_model(doc, file, path, &wrong);
        n++;
    }
    json_decref(doc);
    assert_int_equal(n, 24);
    if (wrong)
        fail_msg("%d renderings differ", wrong);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_default_model),
        cmocka_unit_test(test_released_models),
        cmocka_unit_test(test_template_limits),
        cmocka_unit_test(test_template_deep_source),
        cmocka_unit_test(test_template_appending),
        cmocka_unit_test(test_template_long_conversation),
        cmocka_unit_test(test_template_threads),
        cmocka_unit_test(test_template_small_buffer),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
