#include "test_gen.h"

int main(void)
{
    test_list lists[] = {sampler_tests(),        stops_tests(),          slots_tests(), logprobs_tests(),
                         engine_tests(),         engine_threads_tests(), noise_tests(), diffuse_tests(),
                         diffuse_levels_tests(), diffuse_ways_tests()};
    struct CMUnitTest all[128];
    size_t n = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < lists[i].n && n < sizeof all / sizeof *all; k++)
            all[n++] = lists[i].tests[k];
    return _cmocka_run_group_tests("gen", all, n, NULL, NULL);
}
