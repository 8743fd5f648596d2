/* The JSON door: limits, messages with a place, and text that any JSON reader takes. */
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "format_test.h"

static void refused(const char *text, size_t max, loam_status code, const char *message)
{
    json_t *v;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_json_parse(text, strlen(text), max, &v, &err), code);
    assert_null(v);
    assert_says(&err, message);
}

static json_t *parsed(const char *text, size_t len)
{
    json_t *v;
    loam_err err = LOAM_ERR_INIT;
    char *exact = malloc(len ? len : 1); /* not NUL-terminated */
    memcpy(exact, text, len);
    if (loam_json_parse(exact, len, len, &v, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    free(exact);
    return v;
}

/* Compact, keys in the order of the input, numbers and text unchanged. */
static void round_trips(void **state)
{
    static const char *const same[] = {"{}",
                                       "[]",
                                       "0",
                                       "-1",
                                       "true",
                                       "null",
                                       "\"\"",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "1.5",
                                       "-0.25",
                                       "{\"b\":[1,{\"c\":null}],\"a\":\"\u00fc \U0001F40B \\\" \\\\ \\n\"}"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        json_t *v = parsed(same[i], strlen(same[i]));
        loam_buf b;
        loam_buf_init(&b, 1000);
        loam_buf_str(&b, "> ");
        assert_true(loam_json_format(v, &b));
        assert_string_equal(b.data + 2, same[i]);
        loam_buf_deinit(&b);
        json_decref(v);
    }
}

static void not_json(void **state)
{
    refused("", 10, LOAM_STATUS_INVALID, "line 1");
    refused("{\"a\": 1,\n \"b\" 2}", 100, LOAM_STATUS_INVALID, "invalid JSON at line 2, column 6");
    refused("[1] x", 100, LOAM_STATUS_INVALID, "end of file expected");
    refused("{\"a\":1,\"a\":2}", 100, LOAM_STATUS_INVALID, "duplicate object key");
    refused("[1", 100, LOAM_STATUS_INVALID, "line 1");
    refused("\"\xff\"", 100, LOAM_STATUS_INVALID, "line 1");
    refused("\"\\ud800\"", 100, LOAM_STATUS_INVALID, "line 1");
    refused("NaN", 100, LOAM_STATUS_INVALID, "line 1");
    refused("1e999", 100, LOAM_STATUS_INVALID, "overflow");
    refused("9223372036854775808", 100, LOAM_STATUS_INVALID, "too big integer");
    refused("[1,]", 100, LOAM_STATUS_INVALID, "line 1");
    refused("\"\x1b[31m\"", 100, LOAM_STATUS_INVALID, "control character 0x1b"); /* named, not printed */
}

static void too_large(void **state)
{
    refused("[1,2]", 4, LOAM_STATUS_TOO_LARGE, "has 5 bytes, at most 4");
    json_t *v = parsed("[1,2]", 5);
    json_decref(v);
}

static void depth(void **state)
{
    for (int levels = 63; levels <= 66; levels++) {
        char text[200] = {0};
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        json_t *v;
        loam_err err = LOAM_ERR_INIT;
        loam_status s = loam_json_parse(text, strlen(text), 1000, &v, &err);
        assert_int_equal(s, levels <= 64 ? LOAM_OK : LOAM_STATUS_INVALID);
        if (s == LOAM_OK)
            json_decref(v);
        else
            assert_says(&err, "more than 64 levels");
    }
    char quoted[300] = "\"\\\""; /* brackets inside a string do not count, not after an escaped quote either */
    memset(quoted + 3, '{', 200);
    quoted[203] = '"';
    json_decref(parsed(quoted, strlen(quoted)));
    char *deep = malloc(1000000); /* would overflow the stack of a recursive reader */
    memset(deep, '[', 1000000);
    json_t *v;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_json_parse(deep, 1000000, 1000000, &v, &err), LOAM_STATUS_INVALID);
    free(deep);
}

static void format_respects_the_maximum(void **state)
{
    json_t *v = parsed("[1,2,3]", 7);
    loam_buf b;
    loam_buf_init(&b, 8);
    loam_buf_str(&b, "ab");
    assert_false(loam_json_format(v, &b));
    assert_true(b.failed);
    assert_string_equal(loam_buf_text(&b), "ab");
    loam_buf_deinit(&b);
    loam_buf_init(&b, 9);
    loam_buf_str(&b, "ab");
    assert_true(loam_json_format(v, &b));
    assert_string_equal(loam_buf_text(&b), "ab[1,2,3]");
    loam_buf_deinit(&b);
    json_decref(v);
}

static void strings(void **state)
{
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\n\t\r\x01\x1f\x00z", 7, "\"\\n\\t\\r\\u0001\\u001f\\u0000z\""},
        {"gr\xc3\xbc", 4, "\"gr\xc3\xbc\""},
        {"\xf0\x9f\x90\x8b", 4, "\"\xf0\x9f\x90\x8b\""},
        {"\xff", 1, "\"\xef\xbf\xbd\""},                                                   /* never a lead byte */
        {"a\xc3", 2, "\"a\xef\xbf\xbd\""},                                                 /* cut */
        {"\xc3(", 2, "\"\xef\xbf\xbd(\""},                                                 /* no continuation */
        {"\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                   /* overlong */
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                   /* surrogate */
        {"\xf4\x90\x80\x80x", 5, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\""}, /* over U+10FFFF */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_buf b;
        loam_buf_init(&b, 100);
        assert_true(loam_json_format_str(cases[i].in, cases[i].len, &b));
        assert_string_equal(loam_buf_text(&b), cases[i].out);
        loam_buf_deinit(&b);
        loam_buf_init(&b, strlen(cases[i].out) - 1);
        assert_false(loam_json_format_str(cases[i].in, cases[i].len, &b));
        assert_int_equal(b.len, 0);
        loam_buf_deinit(&b);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(round_trips),
    cmocka_unit_test(not_json),
    cmocka_unit_test(too_large),
    cmocka_unit_test(depth),
    cmocka_unit_test(format_respects_the_maximum),
    cmocka_unit_test(strings),
};

test_list json_tests(void)
{
    return TEST_LIST(tests);
}
