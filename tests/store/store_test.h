/* What the tests of this room share: a folder of their own, and an observer that asks SQLite directly. */
#ifndef LOAM_TESTS_STORE_TEST_H
#define LOAM_TESTS_STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

/* The path of the test's database, in a folder made anew by setup. */
extern char database[512], folder[256];
int folder_make(void **state);
int folder_remove(void **state);
/* What a statement answers in the first column of its first row ("" for none), over a connection of its own. Static. */
const char *observe(const char *path, const char *sql);
/* Runs a child and returns its exit status; inside, no cmocka assertions. */
int in_child(int (*run)(void));

extern const struct CMUnitTest broken_tests[];
extern const size_t n_broken_tests;

#define assert_ok(s, err)              \
    do {                               \
        if ((s) != LOAM_OK)            \
            fail_msg("%s", (err).msg); \
    } while (0)
#define assert_says(err, part)                                              \
    do {                                                                    \
        if (!strstr((err).msg, part))                                       \
            fail_msg("the message does not say '%s': %s", part, (err).msg); \
    } while (0)

#endif
