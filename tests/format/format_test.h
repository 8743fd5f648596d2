/* What the tests of this room share. Each file exports its list; main.c runs them all as one TAP plan. */
#ifndef FORMAT_TEST_H
#define FORMAT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

typedef struct test_list {
    const struct CMUnitTest *tests;
    size_t n;
} test_list;

#define TEST_LIST(array) ((test_list){array, sizeof(array) / sizeof *(array)})

test_list generation_text_tests(void);
test_list gguf_tests(void);
test_list gguf_damage_tests(void);
test_list json_tests(void);
test_list picture_tests(void);
test_list safetensors_tests(void);
test_list show_tests(void);
test_list video_tests(void);
test_list yaml_tests(void);

/* Path of a file below the project's root; static buffer. */
const char *root_path(const char *below);
/* A file's bytes, owned by the caller (free); fails the test when there is none. */
char *read_root_file(const char *below, size_t *len);

uint64_t fnv1a(const void *bytes, size_t n);
/* The listing format of tests/golden/make/format.py: bytes other than visible ASCII and '\' as \xNN. */
void add_plain(loam_buf *b, const char *s, size_t n);
/* Fails unless the message holds the text. */
void assert_says(const loam_err *err, const char *text);

#endif
