/* The groups of tests of this room; each returns the number of failures. */
#ifndef LOAM_TESTS_GEN_TEST_GEN_H
#define LOAM_TESTS_GEN_TEST_GEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int test_sampler(void);
int test_stops(void);
int test_slots(void);
int test_engine(void);
int test_engine_threads(void);

#endif
