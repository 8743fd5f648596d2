#include "service_test.h"
const struct CMUnitTest chat_tests[] = {{0}};
const size_t n_chat_tests = 0;
