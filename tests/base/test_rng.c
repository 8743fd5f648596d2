/* Philox4x32-10 against the known answers that its authors publish (Random123, tests/kat_vectors). */
#include "base/rng.h"
#include "base_test.h"

static void known_answers(void **state)
{
    static const struct {
        uint64_t counter_lo, counter_hi, seed;
        uint32_t want[4];
    } vectors[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        /* counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0: digits of pi */
        {0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t got[4];
        loam_rng_philox(vectors[i].seed, vectors[i].counter_lo, vectors[i].counter_hi, got);
        assert_memory_equal(got, vectors[i].want, sizeof got);
    }
}

/* From the first vector: (0x6627e8d5e169c58d >> 11) / 2^53, the product taken as an exact fraction. */
static void uniform_takes_the_top_bits(void **state)
{
    assert_true(loam_rng_uniform(0, 0) == (double)(0x6627e8d5e169c58dull >> 11) / 9007199254740992.0);
}

/* Mean, variance and each of 16 bins of 2^16 draws stay within five standard deviations. */
static void uniform_is_uniform(void **state)
{
    enum { N = 1 << 16, BINS = 16 };
    double sum = 0, squares = 0;
    int bins[BINS] = {0};
    for (uint64_t i = 0; i < N; i++) {
        double u = loam_rng_uniform(20260821, i);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += (u - 0.5) * (u - 0.5);
        bins[(int)(u * BINS)]++;
    }
    assert_true(sum / N > 0.5 - 0.0057 && sum / N < 0.5 + 0.0057);                   /* sd 1/sqrt(12 N) = 0.00113 */
    assert_true(squares / N > 1.0 / 12 - 0.0015 && squares / N < 1.0 / 12 + 0.0015); /* sd sqrt(1/180 N) = 0.00029 */
    for (int b = 0; b < BINS; b++)
        assert_true(bins[b] > N / BINS - 310 && bins[b] < N / BINS + 310); /* sd 62 */
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(uniform_takes_the_top_bits),
                                          cmocka_unit_test(uniform_is_uniform)};

test_list rng_tests(void)
{
    return TEST_LIST(tests);
}
