/* The tests of this room, a list per file. */
#ifndef LOAM_TESTS_GEN_TEST_GEN_H
#define LOAM_TESTS_GEN_TEST_GEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct test_list {
    const struct CMUnitTest *tests;
    size_t n;
} test_list;

test_list sampler_tests(void);
test_list stops_tests(void);
test_list slots_tests(void);
test_list logprobs_tests(void);
test_list engine_tests(void);
test_list engine_threads_tests(void);
test_list noise_tests(void);
test_list diffuse_tests(void);
test_list diffuse_levels_tests(void);
test_list diffuse_ways_tests(void);

#endif
