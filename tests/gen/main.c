#include "test_gen.h"

int main(void)
{
    return test_sampler() + test_stops() + test_slots() + test_engine() + test_engine_threads();
}
