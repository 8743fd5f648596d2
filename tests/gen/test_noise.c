/* Noise against torch's own generator (noise.bin, made by tests/golden/make/diffuse.py) and against A1111's published
 * values. If this fails, a seed gives another picture than in other programs. */
#include "test_gen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/noise.h"

enum { MAX_NUMBERS = 1024 };

static uint32_t read_u32(FILE *f)
{
    uint32_t v = 0;
    assert_int_equal(fread(&v, sizeof v, 1, f), 1);
    return v;
}

static void check_normals(loam_noise *g, uint32_t n, FILE *f)
{
    float want[MAX_NUMBERS], got[MAX_NUMBERS];
    assert_int_equal(fread(want, sizeof *want, n, f), n);
    loam_noise_normal(g, got, n);
    for (uint32_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= 1e-6f * fmaxf(1, fabsf(want[i]))))
            fail_msg("number %u of %u is %.9g, torch has %.9g", i, n, got[i], want[i]);
}

static void torch_cpu_generator(void **state)
{
    (void)state;
    FILE *f = fopen(LOAM_SOURCE_ROOT "/tests/golden/diffuse/noise.bin", "rb");
    assert_non_null(f);
    uint64_t seed;
    int n_seeds = 0;
    for (; fread(&seed, sizeof seed, 1, f) == 1; n_seeds++) {
        loam_noise g;
        loam_noise_init(&g, LOAM_NOISE_CPU, seed);
        for (uint32_t calls = read_u32(f); calls > 0; calls--) {
            uint32_t kind = read_u32(f), n = read_u32(f);
            assert_true(n <= MAX_NUMBERS);
            if (kind == 0)
                check_normals(&g, n, f);
            for (uint32_t i = 0; kind == 1 && i < n; i++) {
                float want, got;
                assert_int_equal(fread(&want, sizeof want, 1, f), 1);
                loam_noise_uniform(&g, &got, 1);
                assert_memory_equal(&got, &want, sizeof got);
            }
            for (uint32_t i = 0; kind == 2 && i < n; i++) {
                int64_t want;
                assert_int_equal(fread(&want, sizeof want, 1, f), 1);
                assert_int_equal(loam_noise_int(&g, -5, n % 2 ? (uint64_t)1 << 40 : 1000), want);
            }
        }
    }
    assert_int_equal(n_seeds, 5);
    fclose(f);
}

/* What "Generator().manual_seed(5489)" would be: the reference program of Matsumoto and Nishimura, as in the C++
 * standard: the 10000th word of the default seed. */
static void mersenne_twister_standard_value(void **state)
{
    (void)state;
    loam_noise g;
    loam_noise_init(&g, LOAM_NOISE_CPU, 5489);
    uint32_t word = 0;
    for (int i = 0; i < 10000; i++)
        word = loam_noise_u32(&g);
    assert_int_equal(word, 4123659995u);
}

static void a1111_cuda_generator(void **state)
{
    (void)state;
    static const double want[2][5] = {{-0.9247, -0.4253, -2.6438, 0.1452, -0.1209},
                                      {-0.2963, 2.6764, -0.1408, -0.8441, 0.2905}};
    for (uint64_t seed = 0; seed < 2; seed++) {
        loam_noise g;
        float got[5], again[5];
        loam_noise_init(&g, LOAM_NOISE_CUDA, seed);
        loam_noise_normal(&g, got, 5);
        for (int i = 0; i < 5; i++)
            assert_true(fabs((double)got[i] - want[seed][i]) < 5.1e-5);
        loam_noise_normal(&g, again, 5); /* the next tensor is another one */
        assert_memory_not_equal(got, again, sizeof got);
    }
}

/* Mean, variance and the share beyond two deviations of many numbers: wrong pairs or angles show here. */
static void cuda_numbers_are_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    loam_noise g;
    loam_noise_init(&g, LOAM_NOISE_CUDA, 123456789012345u);
    loam_noise_normal(&g, x, N);
    double sum = 0, squares = 0, neighbours = 0;
    int far = 0;
    for (int i = 0; i < N; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        neighbours += i ? (double)x[i] * (double)x[i - 1] : 0;
        far += fabsf(x[i]) > 2;
    }
    free(x);
    assert_true(fabs(sum / N) < 0.01 && fabs(squares / N - 1) < 0.015 && fabs(neighbours / N) < 0.01);
    assert_true(fabs(far / (double)N - 0.0455) < 0.002);
}

static void a_copy_goes_on_alike(void **state)
{
    (void)state;
    loam_noise a;
    float x[40], y[40];
    loam_noise_init(&a, LOAM_NOISE_CPU, 3);
    loam_noise_normal(&a, x, 7);
    loam_noise b = a;
    loam_noise_normal(&a, NULL, 0);
    for (size_t n = 1; n <= 40; n += 13) {
        loam_noise_normal(&a, x, n);
        loam_noise_normal(&b, y, n);
        assert_memory_equal(x, y, n * sizeof *x);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(torch_cpu_generator),  cmocka_unit_test(mersenne_twister_standard_value),
    cmocka_unit_test(a1111_cuda_generator), cmocka_unit_test(cuda_numbers_are_normal),
    cmocka_unit_test(a_copy_goes_on_alike),
};

test_list noise_tests(void)
{
    return (test_list){tests, sizeof tests / sizeof *tests};
}
