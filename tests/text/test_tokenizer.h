/* What the tests of the tokenizers share. Each file exports its list; test_tokenizer.c runs them all as one TAP plan.
 */
#ifndef TEST_TOKENIZER_H
#define TEST_TOKENIZER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "text/tokenizer.h"

typedef struct test_list {
    const struct CMUnitTest *tests;
    size_t n;
} test_list;

#define TEST_LIST(array) ((test_list){array, sizeof(array) / sizeof *(array)})

test_list pretok_tests(void);
test_list golden_tests(void);
test_list rule_tests(void);

/* Path of a file below the project's root; static buffer. */
const char *root_path(const char *below);
/* The vocabulary ../shared/data/tokenizers/ggml-vocab-NAME.gguf; skips the test when the folder is absent. */
loam_tokenizer *load_public(const char *name);
/* The whole file ../shared/data/tokenizers/ggml-vocab-NAME.gguf.SUFFIX, owned by the caller; skips likewise. */
char *read_public(const char *name, const char *suffix, size_t *len);
loam_tokenizer *load_file(const char *path);

/* One call of loam_tokenizer_encode that must succeed; owned by the caller. */
int32_t *encode(const loam_tokenizer *t, const char *s, size_t n, bool parse_special, bool add_bos_eos, size_t *n_ids);
/* Fails with the first difference and the text. */
void assert_ids(const char *what, const char *text, size_t len, const int32_t *got, size_t n_got, const int32_t *want,
                size_t n_want);

/* Walks the texts of an .inp file: the next text and its length, NULL at the end. *at starts as the file's bytes. */
const char *next_text(const char **at, const char *end, size_t *len);

/* The same numbers in every run. */
uint32_t random_below(uint64_t *state, uint32_t below);
/* A text of at most max_chars characters, out of all of Unicode with a leaning to what pre-tokenizers care for;
 * returns its length. out holds 4 bytes a character. */
size_t random_text(uint64_t *state, size_t max_chars, char *out);

#endif
