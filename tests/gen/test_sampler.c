/* The sampler against draws that an independent NumPy program made (tests/golden/make/sampler.py), and against the
 * probabilities that it should have. If this fails, users get other answers than the parameters they set mean. */
#include "test_gen.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "gen/sampler.h"

typedef struct reader {
    const char *at;
} reader;

static void take(reader *r, void *out, size_t n)
{
    memcpy(out, r->at, n);
    r->at += n;
}

static int32_t take_i32(reader *r)
{
    int32_t v;
    take(r, &v, sizeof v);
    return v;
}

static float take_f32(reader *r)
{
    float v;
    take(r, &v, sizeof v);
    return v;
}

static void check_case(reader *r, int number)
{
    int n_vocab = take_i32(r);
    loam_sampler_params p = {.temperature = take_f32(r)};
    p.top_p = take_f32(r);
    p.min_p = take_f32(r);
    p.repeat_penalty = take_f32(r);
    take_f32(r);
    p.repeat_last_n = take_i32(r);
    p.presence_penalty = take_f32(r);
    p.frequency_penalty = take_f32(r);
    take(r, &p.seed, sizeof p.seed);
    p.top_k = take_i32(r);
    p.n_bias = (size_t)take_i32(r);
    int n_history = take_i32(r), n_draws = take_i32(r);
    loam_logit_bias bias[4];
    for (size_t i = 0; i < p.n_bias; i++) {
        bias[i].token = take_i32(r);
        bias[i].bias = take_f32(r);
    }
    p.bias = bias;
    reader draws = {r->at + 4 * n_history};
    float *logits = malloc((size_t)n_vocab * sizeof *logits);
    memcpy(logits, draws.at + 4 * n_draws, (size_t)n_vocab * sizeof *logits);
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_sampler_check(&p, &err), LOAM_OK);
    loam_sampler *s = loam_sampler_new(&p, (size_t)n_vocab);
    for (int i = 0; i < n_history; i++)
        loam_sampler_accept(s, take_i32(r));
    for (int i = 0; i < n_draws; i++) {
        int32_t want = take_i32(&draws), got = loam_sampler_sample(s, logits, (uint64_t)i);
        if (got != want)
            fail_msg("case %d, draw %d: token %d, the reference draws %d", number, i, (int)got, (int)want);
        loam_sampler_accept(s, got);
    }
    loam_sampler_free(s);
    free(logits);
    r->at = draws.at + 4 * n_vocab;
}

static void draws_equal_the_reference(void **state)
{
    char *bytes;
    size_t len;
    loam_err err = LOAM_ERR_INIT;
    if (loam_file_read(LOAM_SOURCE_ROOT "/tests/golden/sampler/cases.bin", 1 << 24, &bytes, &len, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    reader r = {bytes};
    int n = take_i32(&r);
    assert_true(n > 100);
    for (int i = 0; i < n; i++)
        check_case(&r, i);
    assert_ptr_equal(r.at, bytes + len);
    free(bytes);
}

/* Pearson's test: 30,000 draws from twelve tokens; the seeds are fixed, so the outcome is too. The bound is the 0.999
 * quantile of chi-square with 11 degrees of freedom. */
static void frequencies_are_the_probabilities(void **state)
{
    enum { N = 12, DRAWS = 30000 };
    static const float logits[N] = {0, 1, -1, 2, 0.5f, -0.5f, 1.5f, -2, 0, 0.25f, 1, -1.5f};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        float temperature = seed % 2 ? 1 : 0.7f;
        loam_sampler_params p = {.temperature = temperature, .top_p = 1, .repeat_penalty = 1, .seed = seed};
        loam_sampler *s = loam_sampler_new(&p, N);
        int count[N] = {0};
        for (uint64_t i = 0; i < DRAWS; i++)
            count[loam_sampler_sample(s, logits, i)]++;
        double z = 0, chi2 = 0;
        for (int i = 0; i < N; i++)
            z += exp(logits[i] / (double)temperature);
        for (int i = 0; i < N; i++) {
            double want = DRAWS * exp(logits[i] / (double)temperature) / z;
            chi2 += (count[i] - want) * (count[i] - want) / want;
        }
        assert_true(chi2 < 31.3);
        assert_true(chi2 > 0.5); /* nor too good to be drawn */
        loam_sampler_free(s);
    }
}

/* Over a large vocabulary every draw must come from the k highest, and over many draws all of them must come. */
static void top_k_of_a_large_vocabulary(void **state)
{
    enum { N = 150000, K = 40, DRAWS = 300 };
    float *logits = malloc(N * sizeof *logits);
    for (uint64_t i = 0; i < N; i++)
        logits[i] = (float)(loam_rng_uniform(5, i) * 20 - 10);
    for (int i = 0; i < K; i++)
        logits[i * 3701 + 11] = 12.0f + 0.001f * (float)i;
    loam_sampler_params p = {.temperature = 1, .top_k = K, .top_p = 1, .repeat_penalty = 1, .seed = 9};
    loam_sampler *s = loam_sampler_new(&p, N);
    bool seen[K] = {0};
    int n_seen = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        int32_t t = loam_sampler_sample(s, logits, i);
        assert_int_equal((t - 11) % 3701, 0);
        assert_in_range(t / 3701, 0, K - 1);
        n_seen += !seen[t / 3701];
        seen[t / 3701] = true;
    }
    assert_int_equal(n_seen, K);
    loam_sampler_free(s);
    free(logits);
}

static int32_t once(loam_sampler_params p, const float *logits, size_t n)
{
    loam_sampler *s = loam_sampler_new(&p, n);
    int32_t t = loam_sampler_sample(s, logits, 0);
    loam_sampler_free(s);
    return t;
}

static void odd_logits(void **state)
{
    loam_sampler_params greedy = {.top_p = 1, .repeat_penalty = 1},
                        draw = {.temperature = 1, .top_p = 1, .repeat_penalty = 1};
    loam_sampler_params narrow = loam_sampler_defaults();
    const float ties[] = {1, 3, 3, 2, 3, -0.0f, 0, 1, 1, 3, 3};
    assert_int_equal(once(greedy, ties, 11), 1);
    draw.top_k = 1;
    assert_int_equal(once(draw, ties, 11), 1);
    draw.top_k = 0;
    const float nans[] = {NAN, -INFINITY, NAN, 2, NAN, -INFINITY, NAN, NAN, NAN, NAN, NAN};
    for (size_t n = 4; n <= 11; n++) {
        assert_int_equal(once(greedy, nans, n), 3);
        assert_int_equal(once(draw, nans, n), 3);
        assert_int_equal(once(narrow, nans, n), 3);
    }
    const float inf[] = {1, 2, INFINITY, 3, FLT_MAX / 2};
    assert_int_equal(once(greedy, inf, 5), 2);
    assert_int_equal(once(draw, inf, 5), 2);
    assert_int_equal(once(narrow, inf, 5), 2);
    const float none[] = {NAN, NAN, -INFINITY};
    assert_in_range(once(greedy, none, 3), 0, 2);
    assert_in_range(once(draw, none, 3), 0, 2);
    assert_in_range(once(narrow, none, 3), 0, 2);
    draw.temperature = FLT_MIN; /* nearly greedy, no overflow */
    assert_true(once(draw, ties, 11) == 1 || once(draw, ties, 11) == 2 || once(draw, ties, 11) == 4 ||
                once(draw, ties, 11) >= 9);
}

/* The number of a draw is its index, so a job that is resumed goes on as it would have. */
static void a_draw_depends_on_its_index_only(void **state)
{
    float logits[64];
    for (uint64_t i = 0; i < 64; i++)
        logits[i] = (float)loam_rng_uniform(3, i);
    loam_sampler_params p = {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 42};
    loam_sampler *a = loam_sampler_new(&p, 64), *b = loam_sampler_new(&p, 64);
    int32_t first[32];
    int differ = 0;
    for (uint64_t i = 0; i < 32; i++)
        first[i] = loam_sampler_sample(a, logits, i);
    for (int i = 31; i >= 0; i--)
        assert_int_equal(loam_sampler_sample(b, logits, (uint64_t)i), first[i]);
    p.seed = 43;
    loam_sampler *c = loam_sampler_new(&p, 64);
    for (uint64_t i = 0; i < 32; i++)
        differ += loam_sampler_sample(c, logits, i) != first[i];
    assert_true(differ > 16);
    loam_sampler_free(a);
    loam_sampler_free(b);
    loam_sampler_free(c);
}

static void bad_parameters_are_named(void **state)
{
    loam_logit_bias bias = {-1, 0};
    struct {
        const char *name;
        loam_sampler_params p;
    } bad[12];
    for (int i = 0; i < 12; i++)
        bad[i].p = loam_sampler_defaults();
    bad[0].name = "temperature", bad[0].p.temperature = -0.1f;
    bad[1].name = "temperature", bad[1].p.temperature = NAN;
    bad[2].name = "top_p", bad[2].p.top_p = 1.01f;
    bad[3].name = "top_p", bad[3].p.top_p = -1;
    bad[4].name = "min_p", bad[4].p.min_p = NAN;
    bad[5].name = "repeat_penalty", bad[5].p.repeat_penalty = 0;
    bad[6].name = "presence_penalty", bad[6].p.presence_penalty = INFINITY;
    bad[7].name = "frequency_penalty", bad[7].p.frequency_penalty = NAN;
    bad[8].name = "top_k", bad[8].p.top_k = -1;
    bad[9].name = "repeat_last_n", bad[9].p.repeat_last_n = -2;
    bad[10].name = "logit_bias", bad[10].p.bias = &bias, bad[10].p.n_bias = 1;
    loam_logit_bias nan = {3, NAN};
    bad[11].name = "logit_bias", bad[11].p.bias = &nan, bad[11].p.n_bias = 1;
    for (int i = 0; i < 12; i++) {
        loam_err err = LOAM_ERR_INIT;
        assert_int_equal(loam_sampler_check(&bad[i].p, &err), LOAM_STATUS_INVALID);
        assert_non_null(strstr(err.msg, bad[i].name));
    }
}

test_list sampler_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_equal_the_reference),        cmocka_unit_test(frequencies_are_the_probabilities),
        cmocka_unit_test(top_k_of_a_large_vocabulary),      cmocka_unit_test(odd_logits),
        cmocka_unit_test(a_draw_depends_on_its_index_only), cmocka_unit_test(bad_parameters_are_named),
    };
    return (test_list){tests, sizeof tests / sizeof tests[0]};
}
