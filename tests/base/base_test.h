/* What the tests of this room share. Each file exports its list; main.c runs them all as one TAP plan. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/status.h"

typedef struct test_list {
    const struct CMUnitTest *tests;
    size_t n;
} test_list;

#define TEST_LIST(array) ((test_list){array, sizeof(array) / sizeof *(array)})

test_list memory_tests(void);
test_list file_tests(void);
test_list pool_tests(void);
test_list rng_tests(void);
test_list status_tests(void);

/* Fails unless the message holds the text. */
void assert_says(const loam_err *err, const char *text);

#endif
