/* The command line's parts that need no model: options, suggestions, progress. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"

typedef struct values {
    bool flag, other, given;
    int number;
    uint64_t seed;
    float x;
    const char *text;
    loam_option_list list;
    const char *args[3];
    loam_err err;
} values;

enum { MAX_ARGV = 24 };

/* Parses a line whose words are parted by single spaces; "" gives no words. */
static loam_parsed parse(values *v, const char *line)
{
    static char text[512];
    char *argv[MAX_ARGV] = {(char *)"loam"};
    int argc = 1;
    *v = (values){.number = 5, .x = 0.5f};
    snprintf(text, sizeof text, "%s", line);
    char *rest = text;
    for (char *word; *line && argc < MAX_ARGV - 1 && (word = strsep(&rest, " "));)
        argv[argc++] = word;
    const loam_option options[] = {
        {'f', "flag", LOAM_OPTION_KIND_FLAG, NULL, "a flag", &v->flag},
        {'o', NULL, LOAM_OPTION_KIND_FLAG, NULL, "another", &v->other},
        {'n', "number", LOAM_OPTION_KIND_INT, "N", "a number", &v->number, -10, 10, &v->given},
        {0, "seed", LOAM_OPTION_KIND_SEED, "N", "a seed", &v->seed},
        {'x', "x-value", LOAM_OPTION_KIND_FLOAT, "X", "a real", &v->x, 0, 1},
        {0, "text", LOAM_OPTION_KIND_TEXT, "TEXT", "a text", &v->text},
        {0, "item", LOAM_OPTION_KIND_LIST, "TEXT", "an item", &v->list},
        {0},
    };
    static const loam_usage_text usage = {"verb", "[A [B]]", "Does.", NULL, 0, 2};
    return loam_options_parse(&usage, options, argc, argv, v->args, &v->err);
}

static void every_form_of_a_value(void **state)
{
    static const char *const lines[] = {"-n 7", "-n7", "-n=7", "--number 7", "--number=7", "-fn7", "-f -n 7"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        values v;
        assert_int_equal(parse(&v, lines[i]), LOAM_PARSED_RUN);
        assert_int_equal(v.number, 7);
        assert_true(v.given);
        assert_int_equal(v.flag, strstr(lines[i], "-f") != NULL);
    }
}

static void defaults_stay(void **state)
{
    values v;
    assert_int_equal(parse(&v, ""), LOAM_PARSED_RUN);
    assert_int_equal(v.number, 5);
    assert_false(v.given);
    assert_null(v.text);
    assert_null(v.args[0]);
}

static void arguments_mix_with_options(void **state)
{
    values v;
    assert_int_equal(parse(&v, "a -f - --text=t"), LOAM_PARSED_RUN);
    assert_string_equal(v.args[0], "a");
    assert_string_equal(v.args[1], "-");
    assert_null(v.args[2]);
    assert_string_equal(v.text, "t");
    assert_int_equal(parse(&v, "-- -f --flag"), LOAM_PARSED_RUN);
    assert_string_equal(v.args[0], "-f");
    assert_string_equal(v.args[1], "--flag");
    assert_false(v.flag);
    assert_int_equal(parse(&v, "a b c"), LOAM_PARSED_WRONG);
    assert_non_null(strstr(v.err.msg, "'c'"));
}

static void values_at_their_limits(void **state)
{
    values v;
    assert_int_equal(parse(&v, "-n -10 --seed 18446744073709551615 -x 1"), LOAM_PARSED_RUN);
    assert_int_equal(v.number, -10);
    assert_true(v.seed == UINT64_MAX);
    assert_true(v.x == 1.0f);
    assert_int_equal(parse(&v, "--seed 0xff --text= --item a --item b"), LOAM_PARSED_RUN);
    assert_true(v.seed == 255);
    assert_string_equal(v.text, "");
    assert_int_equal(v.list.n, 2);
    assert_string_equal(v.list.items[1], "b");
}

static void wrong_values_are_named(void **state)
{
    static const struct {
        const char *line, *part;
    } cases[] = {
        {"-n 11", "between -10 and 10"},
        {"-n 1.5", "'1.5'"},
        {"-n 99999999999999999999", "whole number"},
        {"--number=", "whole number"},
        {"--number", "needs a value"},
        {"-n", "needs a value"},
        {"-x nan", "'nan'"},
        {"-x 1.01", "between 0 and 1"},
        {"-x 0.5z", "'0.5z'"},
        {"--seed -1", "'-1'"},
        {"--seed 18446744073709551616", "2^64"},
        {"--flag=yes", "takes no value"},
        {"-z", "-z"},
        {"--flagg", "did you mean --flag?"},
        {"--nmuber 3", "did you mean --number?"},
        {"--entirely-else", "unknown option --entirely-else"},
        {"--hepl", "did you mean --help?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        values v;
        assert_int_equal(parse(&v, cases[i].line), LOAM_PARSED_WRONG);
        assert_int_equal(v.err.code, LOAM_STATUS_INVALID);
        if (!strstr(v.err.msg, cases[i].part))
            fail_msg("'%s' gave: %s", cases[i].line, v.err.msg);
    }
}

static void too_many_items_are_refused(void **state)
{
    char line[512] = "";
    size_t n = 0;
    for (int i = 0; i < LOAM_OPTION_LIST_MAX + 1; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s--item=%d", i ? " " : "", i);
    values v;
    assert_int_equal(parse(&v, line), LOAM_PARSED_WRONG);
    assert_non_null(strstr(v.err.msg, "16 times"));
}

static void help_wins(void **state)
{
    values v;
    assert_int_equal(parse(&v, "--help"), LOAM_PARSED_HELP);
    assert_int_equal(parse(&v, "a -fh"), LOAM_PARSED_HELP);
    assert_int_equal(parse(&v, "-- --help"), LOAM_PARSED_RUN);
}

static void nearest_word(void **state)
{
    static const char *const words[] = {"serve", "chat", "model", "bench", NULL};
    assert_string_equal(loam_options_nearest("chta", words), "chat");
    assert_string_equal(loam_options_nearest("modle", words), "model");
    assert_string_equal(loam_options_nearest("server", words), "serve");
    assert_null(loam_options_nearest("inspect", words));
    assert_null(loam_options_nearest("", words));
}

static void progress_says_rate_and_time(void **state)
{
    char line[160];
    loam_progress_format(line, sizeof line, "downloading", 0, 50000000, 100000000, 10);
    assert_string_equal(line, "downloading  50.0 MB of 100.0 MB  5.0 MB/s  0:10 left");
    /* what an earlier try brought counts as done, not as speed */
    loam_progress_format(line, sizeof line, "downloading", 40000000, 50000000, 100000000, 10);
    assert_string_equal(line, "downloading  50.0 MB of 100.0 MB  1.0 MB/s  0:50 left");
    loam_progress_format(line, sizeof line, "downloading", 0, 1000, 0, 1);
    assert_string_equal(line, "downloading  1.0 kB  1.0 kB/s");
    loam_progress_format(line, sizeof line, "downloading", 0, 1000000, 50000000000, 1);
    assert_string_equal(line, "downloading  1.0 MB of 50.0 GB  1.0 MB/s  13 h 53 min left");
    loam_progress_format(line, sizeof line, "checking", 0, 0, 999, 0);
    assert_string_equal(line, "checking  0 B of 999 B");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_value),
        cmocka_unit_test(defaults_stay),
        cmocka_unit_test(arguments_mix_with_options),
        cmocka_unit_test(values_at_their_limits),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(too_many_items_are_refused),
        cmocka_unit_test(help_wins),
        cmocka_unit_test(nearest_word),
        cmocka_unit_test(progress_says_rate_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
