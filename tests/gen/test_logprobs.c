/* Log-probabilities of logits that real models do not give but broken or biased ones may; the usual case is in
 * test_engine.c. */
#include "test_gen.h"

#include <math.h>
#include <stdbool.h>

#include "gen/gen_int.h"

static void ties_go_to_the_lowest_id(void **state)
{
    const float logits[] = {0, 1, 0, 1, 1, 0, 2, 1, 0, 0, 1};
    loam_logprobs p;
    loam_logprobs_get(logits, 11, 4, 3, &p);
    assert_int_equal(p.n_top, 3);
    assert_int_equal(p.top[0].id, 6);
    assert_int_equal(p.top[1].id, 1);
    assert_int_equal(p.top[2].id, 3);
    assert_int_equal(p.chosen.id, 4);
    double z = exp(2) + 5 * exp(1) + 5;
    assert_true(fabs((double)p.chosen.logprob - (1 - log(z))) < 1e-6);
}

static void more_asked_for_than_there_are(void **state)
{
    const float logits[] = {1, 2};
    loam_logprobs p;
    loam_logprobs_get(logits, 2, 0, 20, &p);
    assert_int_equal(p.n_top, 2);
    loam_logprobs_get(logits, 2, 0, 0, &p);
    assert_int_equal(p.n_top, 0);
    assert_true(fabs((double)p.chosen.logprob + log1p(exp(1))) < 1e-6);
}

static void infinities_and_nans(void **state)
{
    const float odd[] = {NAN, 1, -INFINITY, 1, NAN, NAN, NAN, NAN, NAN, NAN};
    loam_logprobs p;
    loam_logprobs_get(odd, 10, 1, 5, &p);
    assert_int_equal(p.n_top, 3);
    assert_true(fabs((double)p.chosen.logprob - log(0.5)) < 1e-6);
    assert_true(isinf(p.top[2].logprob) && p.top[2].id == 2);
    const float high[] = {1, INFINITY, 2};
    loam_logprobs_get(high, 3, 1, 2, &p);
    assert_true(p.chosen.logprob == 0 && p.top[0].id == 1);
    assert_true(isinf(p.top[1].logprob));
    const float none[] = {NAN, NAN};
    loam_logprobs_get(none, 2, 0, 2, &p);
    assert_int_equal(p.n_top, 0);
    assert_false(isnan(p.chosen.logprob));
}

test_list logprobs_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_go_to_the_lowest_id),
        cmocka_unit_test(more_asked_for_than_there_are),
        cmocka_unit_test(infinities_and_nans),
    };
    return (test_list){tests, sizeof tests / sizeof tests[0]};
}
