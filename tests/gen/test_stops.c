/* The hold-back stream against a plain reading of its header over the whole text, with the text cut at every place.
 * If this fails, readers see parts of stop strings or broken characters. */
#include "test_gen.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "gen/stops.h"

enum { MAX = 1 << 16 };

/* What of text (valid UTF-8) is shown in the end, and the stop that cut it. */
static size_t naive_cut(const char *text, size_t n, const char *const *stops, int n_stops, const char **found)
{
    *found = NULL;
    for (size_t end = 1; end <= n; end++) {
        size_t longest = 0;
        for (int i = 0; i < n_stops; i++) {
            size_t len = strlen(stops[i]);
            if (len <= end && len > longest && memcmp(text + end - len, stops[i], len) == 0) {
                longest = len;
                *found = stops[i];
            }
        }
        if (longest)
            return end - longest;
    }
    return n;
}

/* The longest end of text that begins a stop string: what must be held back, and no more. */
static size_t naive_held(const char *text, size_t n, const char *const *stops, int n_stops)
{
    size_t held = 0;
    for (int i = 0; i < n_stops; i++)
        for (size_t k = 1; k <= strlen(stops[i]) && k <= n; k++)
            if (k > held && memcmp(text + n - k, stops[i], k) == 0)
                held = k;
    return held;
}

static bool whole_characters(const char *s, size_t n)
{
    return n == 0 ||
           (((unsigned char)s[0] & 0xC0) != 0x80); /* pieces are cut from valid text: looking at cuts is enough */
}

/* Feeds text in the pieces that cuts (rising, within 0..n) make and checks what comes out after each. */
static void feed(const char *text, size_t n, const size_t *cuts, int n_cuts, const char *const *stops, int n_stops)
{
    const char *want_stop;
    size_t want = naive_cut(text, n, stops, n_stops, &want_stop), at = 0;
    loam_stops *s = loam_stops_new(stops, n_stops);
    loam_buf out;
    loam_buf_init(&out, MAX);
    bool hit = false;
    for (int i = 0; i <= n_cuts; i++) {
        size_t next = i < n_cuts ? cuts[i] : n, before = out.len;
        hit = loam_stops_push(s, text + at, next - at, &out);
        at = next;
        size_t whole = at; /* up to the last whole character */
        while (whole > 0 && whole < n && ((unsigned char)text[whole] & 0xC0) == 0x80)
            whole--;
        const char *stop;
        size_t certain = naive_cut(text, whole, stops, n_stops, &stop);
        if (!stop)
            certain -= naive_held(text, whole, stops, n_stops);
        assert_int_equal(out.len, certain);
        assert_int_equal(hit, stop != NULL);
        assert_true(whole_characters(text + before, out.len - before));
    }
    assert_int_equal(loam_stops_end(s, &out), hit);
    assert_int_equal(out.len, want);
    assert_memory_equal(loam_buf_text(&out), text, want);
    if (want_stop)
        assert_string_equal(loam_stops_found(s), want_stop);
    else
        assert_null(loam_stops_found(s));
    loam_buf_deinit(&out);
    loam_stops_free(s);
}

static void every_cut(void **state)
{
    static const struct {
        const char *text;
        const char *stops[4];
    } cases[] = {
        {"Hello, wörld! 日本語 🙂 end", {NULL}},
        {"Hello, wörld! 日本語 🙂 end", {"本語"}},
        {"Hello, wörld! 日本語 🙂 end", {"🙂🙂", "語 🙂 x", "日日"}},
        {"aaaaaaaab and aab", {"aaab"}},
        {"abababac", {"ababac", "bac"}},
        {"abcabcabd-", {"abcabd"}},
        {"xabcy", {"abcd", "bc"}},
        {"xabcy", {"b", "abc"}},
        {"abc", {"c", "bc", "abc"}},
        {"one\n\nUser: two", {"\nUser:", "\n\nAssistant:"}},
        {"ends with the beginning of a st", {"stop", "a stone"}},
        {"é è ê è", {"è", "ê è"}},
        {"stop", {"stop"}},
        {"", {"stop"}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const char *text = cases[c].text;
        size_t n = strlen(text), all[64];
        int n_stops = 0;
        while (n_stops < 4 && cases[c].stops[n_stops])
            n_stops++;
        for (size_t a = 0; a <= n; a++)
            for (size_t b = a; b <= n; b++)
                feed(text, n, (size_t[]){a, b}, 2, cases[c].stops, n_stops);
        for (size_t i = 0; i < n; i++)
            all[i] = i;
        feed(text, n, all, (int)n, cases[c].stops, n_stops);
    }
}

/* Texts and stops over two letters, where stops overlap themselves and each other in every way. */
static void random_overlaps(void **state)
{
    for (uint64_t round = 0; round < 3000; round++) {
        char text[40] = {0}, stop[3][8] = {{0}};
        uint64_t at = 0;
        for (int i = 0; i < 39; i++)
            text[i] = loam_rng_uniform(round, at++) < 0.6 ? 'a' : 'b';
        const char *stops[3] = {stop[0], stop[1], stop[2]};
        for (int k = 0; k < 3; k++)
            for (int i = 0, n = 2 + (int)(loam_rng_uniform(round, at++) * 5.9); i < n; i++)
                stop[k][i] = loam_rng_uniform(round, at++) < 0.6 ? 'a' : 'b';
        size_t cuts[3] = {3, 10, 11};
        feed(text, 39, cuts, 3, stops, 1 + (int)(round % 3));
    }
}

static void expect_text(const char *bytes, size_t n, const char *want)
{
    for (size_t cut = 0; cut <= n; cut++) {
        loam_stops *s = loam_stops_new(NULL, 0);
        loam_buf out;
        loam_buf_init(&out, MAX);
        loam_stops_push(s, bytes, cut, &out);
        loam_stops_push(s, bytes + cut, n - cut, &out);
        loam_stops_end(s, &out);
        assert_string_equal(loam_buf_text(&out), want);
        assert_int_equal(loam_stops_n_text(s), strlen(want));
        loam_buf_deinit(&out);
        loam_stops_free(s);
    }
}

#define R "\xEF\xBF\xBD"

/* The examples of The Unicode Standard 15.0, section 3.9, tables 3-8 to 3-11. */
static void broken_utf8_as_unicode_recommends(void **state)
{
    expect_text("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9, R R R R R R R R "A");
    expect_text("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9, R R R R R R R R "A");
    expect_text("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9, R R R R R "A" R R "B");
    expect_text("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, R R R R "A");
    expect_text("a\xF0\x9F\x99", 4, "a" R);
    expect_text("a\xF0\x9F\x99\xE6\x97\xA5", 7, "a" R "日");
    expect_text("\xC3", 1, R);
}

static void a_stop_may_contain_the_replacement_character(void **state)
{
    const char *stops[] = {"x" R};
    loam_stops *s = loam_stops_new(stops, 1);
    loam_buf out;
    loam_buf_init(&out, MAX);
    assert_false(loam_stops_push(s, "ax\xE6\x97", 4, &out));
    assert_true(loam_stops_end(s, &out));
    assert_string_equal(loam_buf_text(&out), "a");
    loam_buf_deinit(&out);
    loam_stops_free(s);
}

test_list stops_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut),
        cmocka_unit_test(random_overlaps),
        cmocka_unit_test(broken_utf8_as_unicode_recommends),
        cmocka_unit_test(a_stop_may_contain_the_replacement_character),
    };
    return (test_list){tests, sizeof tests / sizeof tests[0]};
}
