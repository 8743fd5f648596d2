/* Errors as values: codes, messages, prefixes, and messages cut at a character. */
#include <string.h>

#include "base_test.h"

static loam_status fails(loam_err *err)
{
    LOAM_FAIL(err, TOO_LARGE, "%d apples, at most %d", 5, 3);
}
static loam_status passes_on(loam_err *err)
{
    LOAM_TRY(LOAM_OK);
    LOAM_TRY(fails(err));
    return LOAM_OK;
}

static void failing_fills_the_error(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(passes_on(&err), LOAM_STATUS_TOO_LARGE);
    assert_int_equal(err.code, LOAM_STATUS_TOO_LARGE);
    assert_string_equal(err.msg, "5 apples, at most 3");
    assert_non_null(strstr(err.file, "test_status.c"));
    assert_true(err.line > 0);
    assert_int_equal(passes_on(NULL), LOAM_STATUS_TOO_LARGE); /* a caller that does not care */
}

static void prefixes_go_before(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(fails(&err), LOAM_STATUS_TOO_LARGE);
    loam_err_prefix(&err, "basket %d", 2);
    loam_err_prefix(&err, "shop");
    assert_string_equal(err.msg, "shop: basket 2: 5 apples, at most 3");
    loam_err_prefix(NULL, "x");
}

static void message_may_hold_the_old_message(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(fails(&err), LOAM_STATUS_TOO_LARGE);
    assert_int_equal(loam_err_set(&err, LOAM_STATUS_IO, "f", 1, "again: %s", err.msg), LOAM_STATUS_IO);
    assert_string_equal(err.msg, "again: 5 apples, at most 3");
}

/* With 1, 2, 3 and 4 byte characters at every distance from the end, what is left is whole characters. */
static void long_messages_are_cut_at_a_character(void **state)
{
    static const char *const chars[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\x8b"};
    for (size_t c = 0; c < 4; c++) {
        size_t width = strlen(chars[c]);
        for (size_t lead = 0; lead < 4; lead++) {
            char text[2 * LOAM_ERR_MSG_MAX + 8] = {0};
            memset(text, '.', lead);
            for (size_t n = lead; n < LOAM_ERR_MSG_MAX + 8; n += width)
                memcpy(text + n, chars[c], width);
            size_t want = lead + (LOAM_ERR_MSG_MAX - 1 - lead) / width * width;
            loam_err err = LOAM_ERR_INIT;
            (void)!loam_err_set(&err, LOAM_STATUS_IO, "f", 1, "%s", text);
            assert_int_equal(strlen(err.msg), want);
            assert_memory_equal(err.msg, text, want);
            loam_err_prefix(&err, "p"); /* 3 bytes more at the front */
            want = lead + (LOAM_ERR_MSG_MAX - 1 - 3 - lead) / width * width;
            assert_int_equal(strlen(err.msg), want + 3);
        }
    }
}

static void codes_have_names_and_http_statuses(void **state)
{
    for (int i = 0; i < LOAM_STATUS_COUNT; i++) {
        assert_true(strlen(loam_status_name((loam_status)i)) > 0);
        assert_true(strlen(loam_status_text((loam_status)i)) > 0);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(loam_status_name((loam_status)i), loam_status_name((loam_status)k));
    }
    assert_int_equal(loam_status_http(LOAM_OK), 200);
    assert_int_equal(loam_status_http(LOAM_STATUS_NOT_FOUND), 404);
    assert_int_equal(loam_status_http((loam_status)12345), 500);
    assert_string_equal(loam_status_name((loam_status)-1), "INTERNAL");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(failing_fills_the_error),
    cmocka_unit_test(prefixes_go_before),
    cmocka_unit_test(message_may_hold_the_old_message),
    cmocka_unit_test(long_messages_are_cut_at_a_character),
    cmocka_unit_test(codes_have_names_and_http_statuses),
};

test_list status_tests(void)
{
    return TEST_LIST(tests);
}
