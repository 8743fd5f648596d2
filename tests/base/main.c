/* Tests of src/base. */
#include "base_test.h"

#include <string.h>

void assert_says(const loam_err *err, const char *text)
{
    if (!strstr(err->msg, text))
        fail_msg("the message is \"%s\", it should contain \"%s\"", err->msg, text);
}

int main(void)
{
    test_list lists[] = {status_tests(), memory_tests(), file_tests(), pool_tests(), rng_tests()};
    struct CMUnitTest all[128];
    size_t n = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < lists[i].n && n < sizeof all / sizeof *all; k++)
            all[n++] = lists[i].tests[k];
    return _cmocka_run_group_tests("base", all, n, NULL, NULL);
}
