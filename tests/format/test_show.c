/* Names from files in messages: nothing in them may reach a terminal as a command. */
#include <string.h>

#include "format/format_int.h"
#include "format_test.h"

static void names(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"blk.0.attn_q.weight", "blk.0.attn_q.weight"},
        {"", ""},
        {"\x1b[2J\n", "\\x1b[2J\\x0a"},
        {"\x7f\xc2\x9b", "\\x7f\\xc2\\x9b"},           /* DEL and the C1 form of ESC [ */
        {"\xe2\x80\xae evil", "\\xe2\\x80\\xae evil"}, /* right-to-left override */
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xff\xc3", "\\xff\\xc3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(loam_show_name(cases[i].in, strlen(cases[i].in)).text, cases[i].out);
    assert_string_equal(loam_show_name("a\0b", 3).text, "a\\x00b");
}

/* Cut before a character or an escape that does not fit, never inside it. */
static void long_names(void **state)
{
    char name[300];
    for (size_t lead = 90; lead < 120; lead++) {
        memset(name, 'x', sizeof name);
        memcpy(name + lead, "\xf0\x9f\x90\x8b\x01", 5);
        loam_shown s = loam_show_name(name, sizeof name);
        size_t n = strlen(s.text);
        assert_true(n > 100 && n < sizeof s.text);
        assert_string_equal(s.text + n - 3, "...");
        uint32_t cp;
        for (size_t i = 0; i < n;) {
            int step = loam_utf8_step(s.text + i, n - i, &cp);
            assert_true(step > 0);
            i += (size_t)step;
        }
    }
}

static void counts(void **state)
{
    assert_string_equal(loam_show_count(0).text, "0");
    assert_string_equal(loam_show_count(999).text, "999");
    assert_string_equal(loam_show_count(1000).text, "1,000");
    assert_string_equal(loam_show_count(2359296).text, "2,359,296");
    assert_string_equal(loam_show_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(long_names),
                                          cmocka_unit_test(counts)};

test_list show_tests(void)
{
    return TEST_LIST(tests);
}
