/* The chip catalogue: what data/chips.csv holds against figures of the research page, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fleet/chips.h"

#define HEADER                                                                                                      \
    "chip,vendor,origin,year,bf16_tflops,int8_tops,fp8_tflops,fp4_tflops,mem_gb,mem_gbps,link_gbps,tdp_w,"          \
    "server_kw,per_server,link_domain,die_mm2,tpp,pd,datacentre,us_sold,price_usd_low,price_usd_high,dense,source," \
    "certainty\n"

static loam_arena *arena;
static loam_chips chips;
static loam_err err;

static int begin(void **state)
{
    arena = loam_arena_new((size_t)4 << 20);
    err = (loam_err)LOAM_ERR_INIT;
    return arena ? 0 : -1;
}

static int end(void **state)
{
    loam_arena_free(arena);
    return 0;
}

static loam_status parse(const char *text)
{
    return loam_chips_parse("c.csv", text, strlen(text), arena, &chips, &err);
}

static void refused(const char *text, const char *why)
{
    if (parse(text) != LOAM_STATUS_INVALID || !strstr(err.msg, why))
        fail_msg("'%s' was expected, not '%s'", why, err.msg);
    assert_int_equal(chips.n, 0);
}

static void test_chips_builtin(void **state)
{
    assert_int_equal(loam_chips_builtin(arena, &chips, &err), LOAM_OK);
    assert_int_equal(chips.n, 21);
    const loam_chip *c = &chips.chips[loam_chips_find(&chips, "h20")];
    assert_string_equal(c->name, "H20-SXM-96GB");
    assert_float_equal(c->bf16_tflops, 148, 1e-9);
    assert_float_equal(c->mem_gbps, 4000, 1e-9);
    assert_false(c->us_sold);
    c = &chips.chips[loam_chips_find(&chips, "H100")];
    assert_float_equal(c->server_kw, 10.2, 1e-9);
    c = &chips.chips[loam_chips_find(&chips, "A100")];
    assert_float_equal(c->server_kw, 400 * 8 * 1.8 / 1000, 1e-9);
    assert_string_equal(chips.chips[loam_chips_find(&chips, "L2")].name, "L2");
    assert_string_equal(chips.chips[loam_chips_find(&chips, "RTX-4090")].name, "RTX-4090-24GB");
    assert_string_equal(chips.chips[loam_chips_find(&chips, "mlu59")].name, "MLU590-64GB");
    assert_int_equal(loam_chips_find(&chips, "Ascend-910B"), -1); /* four of them */
    assert_int_equal(loam_chips_find(&chips, "H"), -1);
    assert_int_equal(loam_chips_find(&chips, ""), -1);
    assert_int_equal(loam_chips_find(&chips, "H1000"), -1);
    for (size_t i = 0; i < chips.n; i++)
        assert_true(chips.chips[i].source[0] && chips.chips[i].certainty[0]);
}

static void test_chips_text(void **state)
{
    assert_int_equal(parse("\xef\xbb\xbf" HEADER "\r\nX,V,DE,2024,10,20,,,16,100,,50,,8,1,100,,,no,yes,1,2,,\"a, "
                           "\"\"b\"\"\nc\", low \r\n"),
                     LOAM_OK);
    assert_int_equal(chips.n, 1);
    assert_string_equal(chips.chips[0].source, "a, \"b\"\nc");
    assert_string_equal(chips.chips[0].certainty, "low");
    assert_float_equal(chips.chips[0].tpp, 160, 1e-9);
    assert_float_equal(chips.chips[0].pd, 1.6, 1e-9);
    assert_float_equal(chips.chips[0].server_kw, 0.72, 1e-9);
}

static void test_chips_refused(void **state)
{
    refused("", "c.csv: the catalogue is empty");
    refused("chip,colour\n", "c.csv:1: unknown column 'colour'");
    refused("chip,chip\n", "comes twice");
    refused("chip,vendor\n", "c.csv:1: column 'origin' is missing");
    refused(HEADER "X,V,US\n", "c.csv:2: 3 fields, the header has 25");
    refused(HEADER "\n\nX,V,US,2024,10,20,,,,,,,,8,1,,,,no,maybe,,,,s,low\n", "c.csv:4: column 'us_sold' is 'maybe'");
    refused(HEADER "X,V,USA,2024,10,20,,,,,,,,8,1,,,,no,no,,,,s,low\n", "two capital letters");
    refused(HEADER "X,V,US,2024,-10,20,,,,,,,,8,1,,,,no,no,,,,s,low\n", "column 'bf16_tflops' is '-10'");
    refused(HEADER "X,V,US,2024,0x10,20,,,,,,,,8,1,,,,no,no,,,,s,low\n", "a number");
    refused(HEADER "X,V,US,2024,inf,20,,,,,,,,8,1,,,,no,no,,,,s,low\n", "a number");
    refused(HEADER "X,V,US,2024,10,20,,,,,,,,0,1,,,,no,no,,,,s,low\n", "column 'per_server'");
    refused(HEADER "X,V,US,2024,10,20,,,,,,,,8,1,,,,no,no,,,,,low\n", "column 'source' may not be empty");
    refused(HEADER "X,V,US,2024,10,20,,,,,,,,8,1,,,,no,no,3,2,,s,low\n", "above price_usd_high");
    refused(HEADER "X,V,US,2024,10,20,,,,,,,,8,1,,100,,no,no,,,,s,low\n", "tpp 100 is under its own");
    refused(HEADER "X,V,US,2024,10,20,,,,,,,,8,1,100,160,9,no,no,,,,s,low\n", "pd 9 is not tpp / die_mm2, 1.60");
    refused(HEADER "X,V,US,2024,10,20,,,,,,,,8,1,,,,no,no,,,,\"s,low\n", "does not end");
    refused(HEADER "X,V,US,2024,10,20,,,,,,,,8,1,,,,no,no,,,,s,low\nx,V,US,2024,10,20,,,,,,,,8,1,,,,no,no,,,,s,low\n",
            "c.csv:3: x is already in line 2");
}

/* The traps of public tables: H100 with its sparse 1979, L40S with its sparse 1466. */
static void test_chips_sparse(void **state)
{
    refused(HEADER "H100,NVIDIA,US,2022,1979,1979,1979,,80,3350,900,700,,8,8,814,,,yes,yes,,,,s,high\n",
            "int8_tops is 1.00 times bf16_tflops, not 2");
    refused(HEADER "L40S,NVIDIA,US,2023,362,733,1466,,48,864,64,350,,8,1,609,,,yes,yes,,,,s,high\n",
            "fp8_tflops is 4.05 times");
    static const char peers[] = HEADER "A,V,US,2022,312,624,,,80,2039,600,400,,8,8,,,,yes,yes,,,,s,high\n"
                                       "B,V,US,2023,360,720,,,80,2039,600,400,,8,8,,,,yes,yes,,,,s,high\n"
                                       "C,V,US,2023,350,700,,,80,2039,600,400,,8,8,,,,yes,yes,,,,s,high\n";
    char text[2048];
    assert_int_equal(parse(peers), LOAM_OK);
    snprintf(text, sizeof text, "%sD,V,US,2022,1979,3958,,,80,3350,900,700,,8,8,,,,yes,yes,,,,s,high\n", peers);
    refused(text, "c.csv:5: D: 2.83 TFLOPS per watt is over twice that of its year's peers (0.88)");
    snprintf(text, sizeof text, "%sD,V,US,2022,1979,3958,,,80,3350,900,700,,8,8,,,,yes,yes,,,checked,s,high\n", peers);
    assert_int_equal(parse(text), LOAM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chips_builtin, begin, end),
        cmocka_unit_test_setup_teardown(test_chips_text, begin, end),
        cmocka_unit_test_setup_teardown(test_chips_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_chips_sparse, begin, end),
    };
    return cmocka_run_group_tests_name("fleet chips", tests, NULL, NULL);
}
