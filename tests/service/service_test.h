/* What the tests of this room share. */
#ifndef LOAM_TESTS_SERVICE_TEST_H
#define LOAM_TESTS_SERVICE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/status.h"

/* A folder of the test's own, made anew; LOAM_MODELS points at its "models". Returned path is static. */
const char *test_folder(void);
/* Removes it. Made for cmocka's teardown. */
int test_folder_remove(void **state);
/* Joins folder and name; static, valid until the fourth next call. */
const char *in_folder(const char *name);
/* The models folder's path of `name`. */
const char *in_models(const char *name);
void write_file(const char *path, const void *bytes, size_t n);
/* Whether both files hold the same bytes. */
bool same_files(const char *a, const char *b);
bool file_exists(const char *path);
/* Number of entries in the models folder, hidden ones too. */
int n_in_models(void);

/* The installed chat model, found before tests changed the environment; NULL: none here. */
extern const char *real_model;

extern const struct CMUnitTest models_tests[], pip_tests[], url_tests[], chat_tests[];
extern const size_t n_models_tests, n_pip_tests, n_url_tests, n_chat_tests;

/* Fails with the message that err holds when s is not OK. */
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
