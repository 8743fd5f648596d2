/* The tests of chat templates, over two files; main is in test_template.c. */
#ifndef LOAM_TESTS_TEXT_TEST_TEMPLATE_H
#define LOAM_TESTS_TEXT_TEST_TEMPLATE_H

void test_template_limits(void **state);
void test_template_deep_source(void **state);
void test_template_appending(void **state);
void test_template_long_conversation(void **state);
void test_template_threads(void **state);
void test_template_small_buffer(void **state);

#endif
