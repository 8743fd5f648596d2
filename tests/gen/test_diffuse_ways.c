/* What must hold of samplers whatever the reference: where they end with a model that knows the picture, that the same
 * method in other coordinates ends at the same place, and what the stepping object promises. */
#include "test_gen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test_diffuse.h"

enum { N = 48, IMAGES = 2, ALL = N * IMAGES };

static loam_sigmas list_of(const loam_levels *l, loam_schedule schedule, int n_steps)
{
    loam_sigmas s;
    loam_sigmas_options o = {.schedule = schedule, .n_steps = n_steps, .steps_offset = 1};
    loam_err err = LOAM_ERR_INIT;
    if (loam_sigmas_new(l, &o, &s, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return s;
}

static loam_diffuse_options options(loam_diffuse_sampler sampler, const loam_levels *l, const loam_sigmas *s)
{
    loam_diffuse_options o = loam_diffuse_defaults();
    o.sampler = sampler;
    o.levels = l;
    o.sigmas = s;
    o.n_images = IMAGES;
    o.n = N;
    o.seed = 11;
    return o;
}

static loam_diffuse *open_walk(const loam_diffuse_options *o)
{
    loam_diffuse *d;
    loam_err err = LOAM_ERR_INIT;
    if (loam_diffuse_new(o, &d, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return d;
}

/* Walks to the end with the fake model; the latent goes to out. */
static void walk(const loam_diffuse_options *o, float *out)
{
    loam_diffuse *d = open_walk(o);
    loam_diffuse_input in;
    size_t n_all = o->n * (size_t)o->n_images;
    float *output = malloc(n_all * sizeof *output);
    assert_non_null(output);
    while (loam_diffuse_next(d, &in)) {
        test_fake_model(in.x, in.t, o->n_images, o->n, output);
        assert_int_equal(loam_diffuse_give(d, output, NULL), LOAM_OK);
    }
    memcpy(out, loam_diffuse_latent(d), n_all * sizeof *out);
    free(output);
    loam_diffuse_free(d);
}

static void make_levels(loam_levels *l, loam_prediction p)
{
    if (p == LOAM_PREDICTION_FLOW || p == LOAM_PREDICTION_FLOW_X0)
        loam_levels_flow(l, p, 3);
    else
        loam_levels_ddpm(l, p, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
}

/* What a perfect model says of x, whose picture is x0: from the definitions of schedule.h. */
static double perfect(loam_prediction p, double level, double x, double x0)
{
    double a = 1 / sqrt(1 + level * level), s = level * a, noise = (x - a * x0) / s;
    switch (p) {
    case LOAM_PREDICTION_EPS:
        return noise;
    case LOAM_PREDICTION_V:
        return a * noise - s * x0;
    case LOAM_PREDICTION_FLOW:
        return (x - x0) / level; /* noise - x0, x = (1-s)·x0 + s·noise */
    default:
        return x0;
    }
}

static void a_model_that_knows_the_picture(void **state)
{
    (void)state;
    float output[ALL], x0[ALL];
    for (int i = 0; i < ALL; i++)
        x0[i] = (float)sin(i * 0.7);
    for (int p = LOAM_PREDICTION_EPS; p <= LOAM_PREDICTION_FLOW_X0; p++)
        for (int sampler = 0; sampler < LOAM_DIFFUSE_SAMPLER_COUNT; sampler++) {
            loam_levels l;
            make_levels(&l, (loam_prediction)p);
            loam_sigmas s = list_of(&l, loam_schedule_default((loam_diffuse_sampler)sampler, &l), 6);
            loam_diffuse_options o = options((loam_diffuse_sampler)sampler, &l, &s);
            loam_diffuse *d = open_walk(&o);
            loam_diffuse_input in;
            assert_null(loam_diffuse_denoised(d));
            while (loam_diffuse_next(d, &in)) {
                for (int i = 0; i < ALL; i++)
                    output[i] = (float)perfect((loam_prediction)p, in.sigma, (double)in.x[i], (double)x0[i]);
                assert_int_equal(loam_diffuse_give(d, output, NULL), LOAM_OK);
                for (int i = 0; i < ALL; i++)
                    assert_true(fabsf(loam_diffuse_denoised(d)[i] - x0[i]) < 1e-4f);
            }
            /* TCD stops at timestep 0, where some noise is left */
            float left = sampler == LOAM_DIFFUSE_TCD && !l.flow ? 0.2f : 1e-4f;
            for (int i = 0; i < ALL; i++)
                if (!(fabsf(loam_diffuse_latent(d)[i] - x0[i]) < left))
                    fail_msg("%s, prediction %d: number %d is %g, not %g", loam_diffuse_sampler_name(o.sampler), p, i,
                             (double)loam_diffuse_latent(d)[i], (double)x0[i]);
            loam_diffuse_free(d);
            loam_sigmas_free(&s);
        }
}

/* A model of x0 that depends on x/alpha and k = sigma/alpha only, so that it is one model in all coordinates. */
static void walk_known_model(const loam_diffuse_options *o, float *out)
{
    loam_diffuse *d = open_walk(o);
    loam_diffuse_input in;
    float output[ALL];
    while (loam_diffuse_next(d, &in)) {
        double alpha = o->levels->flow ? 1 - in.sigma : 1 / sqrt(1 + in.sigma * in.sigma);
        double k = o->levels->flow ? in.sigma / alpha : in.sigma;
        for (int i = 0; i < ALL; i++)
            output[i] = (float)tanh((double)in.x[i] / alpha / (1 + k) + 0.1 * (i % 7) - 0.2 * atan(k));
        assert_int_equal(loam_diffuse_give(d, output, NULL), LOAM_OK);
    }
    memcpy(out, loam_diffuse_latent(d), ALL * sizeof *out);
    loam_diffuse_free(d);
}

static void near(const float *a, const float *b, double tolerance, const char *what)
{
    for (int i = 0; i < ALL; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= tolerance))
            fail_msg("%s: number %d is %.9g and %.9g", what, i, (double)a[i], (double)b[i]);
}

/* Formulas of flows against those of trained timesteps, which the references check: a flow is a walk with k-diffusion's
 * sigma = s/(1-s) and states divided by 1-s. */
static void a_flow_is_the_same_walk(void **state)
{
    (void)state;
    static const struct {
        loam_diffuse_sampler sampler;
        double eta;
    } cases[] = {
        {LOAM_DIFFUSE_EULER, 0},
        {LOAM_DIFFUSE_DPMPP_2M, 0},
        {LOAM_DIFFUSE_DPMPP_2M_SDE, 1},
        {LOAM_DIFFUSE_DPMPP_2M_SDE, 0.3},
        {LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN, 1},
        {LOAM_DIFFUSE_DPMPP_SDE, 1},
        {LOAM_DIFFUSE_DPMPP_SDE, 0},
        {LOAM_DIFFUSE_DDIM, 0},
        {LOAM_DIFFUSE_DDIM, 0.8},
        {LOAM_DIFFUSE_UNIPC, 0},
    };
    static const float black[ALL];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_levels flow, trained;
        make_levels(&flow, LOAM_PREDICTION_FLOW_X0);
        make_levels(&trained, LOAM_PREDICTION_X0);
        loam_sigmas s = list_of(&flow, LOAM_SCHEDULE_WAN, 7), same;
        double k[7];
        for (int j = 0; j < 7; j++)
            k[j] = s.sigma[j] / (1 - s.sigma[j]);
        loam_sigmas_options so = {.schedule = LOAM_SCHEDULE_CUSTOM, .sigmas = k, .n_custom = 7};
        assert_int_equal(loam_sigmas_new(&trained, &so, &same, NULL), LOAM_OK);
        loam_diffuse_options a = options(cases[i].sampler, &flow, &s), b = options(cases[i].sampler, &trained, &same);
        a.eta = b.eta = cases[i].eta;
        a.start = b.start = black; /* with a start both begin at sigma times the same noise */
        float x[ALL], y[ALL];
        walk_known_model(&a, x);
        walk_known_model(&b, y);
        near(x, y, 2e-5, loam_diffuse_sampler_name(cases[i].sampler));
        loam_sigmas_free(&s);
        loam_sigmas_free(&same);
    }
}

/* DDIM without noise is Euler's method in k-diffusion's coordinates, with all noise it is the ancestral one. */
static void ddim_is_euler(void **state)
{
    (void)state;
    static const float black[ALL];
    loam_levels l;
    make_levels(&l, LOAM_PREDICTION_X0);
    loam_sigmas s = list_of(&l, LOAM_SCHEDULE_NORMAL, 9);
    for (int noisy = 0; noisy < 2; noisy++) {
        loam_diffuse_options a = options(LOAM_DIFFUSE_DDIM, &l, &s);
        loam_diffuse_options b = options(noisy ? LOAM_DIFFUSE_EULER_A : LOAM_DIFFUSE_EULER, &l, &s);
        a.eta = b.eta = noisy;
        a.start = b.start = black;
        float x[ALL], y[ALL];
        walk_known_model(&a, x);
        walk_known_model(&b, y);
        near(x, y, 1e-5, noisy ? "ancestral" : "plain");
    }
    loam_sigmas_free(&s);
}

/* Each picture of a batch is the picture of its own seed alone, bit by bit, and the same every time. */
static void a_batch_is_its_pictures(void **state)
{
    (void)state;
    loam_levels l;
    make_levels(&l, LOAM_PREDICTION_EPS);
    for (int sampler = 0; sampler < LOAM_DIFFUSE_SAMPLER_COUNT; sampler++)
        for (int source = 0; source < 2; source++) {
            loam_sigmas s = list_of(&l, loam_schedule_default((loam_diffuse_sampler)sampler, &l), 5);
            loam_diffuse_options o = options((loam_diffuse_sampler)sampler, &l, &s);
            o.source = (loam_noise_source)source;
            float both[ALL], again[ALL], one[N];
            walk(&o, both);
            walk(&o, again);
            assert_memory_equal(both, again, sizeof both);
            o.n_images = 1;
            for (int i = 0; i < IMAGES; i++, o.seed++) {
                walk(&o, one);
                assert_memory_equal(one, both + i * N, sizeof one);
            }
            o.seed = 77;
            walk(&o, one);
            assert_memory_not_equal(one, both, sizeof one);
            loam_sigmas_free(&s);
        }
}

static void generators_and_noise_may_be_given(void **state)
{
    (void)state;
    loam_levels l;
    make_levels(&l, LOAM_PREDICTION_V);
    loam_sigmas s = list_of(&l, LOAM_SCHEDULE_KARRAS, 4);
    loam_diffuse_options o = options(LOAM_DIFFUSE_EULER_A, &l, &s);
    float own[ALL], given[ALL], first[ALL];
    walk(&o, own);
    loam_noise g[IMAGES];
    for (int i = 0; i < IMAGES; i++) {
        loam_noise_init(&g[i], LOAM_NOISE_CPU, o.seed + (uint64_t)i);
        loam_noise_normal(&g[i], first + i * N, N);
    }
    loam_noise before = g[1];
    o.noise = first; /* the first draw made outside: the rest follows from the generators */
    o.generators = g;
    walk(&o, given);
    assert_memory_equal(own, given, sizeof own);
    assert_memory_not_equal(&before, &g[1], sizeof before);
    loam_sigmas_free(&s);
}

static void the_object_keeps_its_order(void **state)
{
    (void)state;
    loam_levels l;
    make_levels(&l, LOAM_PREDICTION_EPS);
    loam_sigmas s = list_of(&l, LOAM_SCHEDULE_KARRAS, 3);
    loam_diffuse_options o = options(LOAM_DIFFUSE_HEUN, &l, &s);
    float output[ALL], want[ALL];
    walk(&o, want);
    loam_diffuse *d = open_walk(&o);
    loam_sigmas_free(&s); /* copied */
    loam_err err = LOAM_ERR_INIT;
    loam_diffuse_input in, again;
    memset(output, 0, sizeof output);
    assert_int_equal(loam_diffuse_give(d, output, &err), LOAM_STATUS_INTERNAL);
    int n = 0;
    for (; loam_diffuse_next(d, &in); n++) {
        assert_true(loam_diffuse_next(d, &again));
        assert_memory_equal(&in, &again, sizeof in);
        assert_int_equal(in.n_evals, n);
        assert_int_equal(in.n_total, 5);
        assert_int_equal(in.step, n / 2);
        test_fake_model(in.x, in.t, IMAGES, N, output);
        float kept = output[5];
        output[5] = n % 2 ? NAN : INFINITY;
        assert_int_equal(loam_diffuse_give(d, output, &err), LOAM_STATUS_CORRUPT);
        assert_non_null(strstr(err.msg, "not a number"));
        output[5] = kept;
        assert_int_equal(loam_diffuse_give(d, output, &err), LOAM_OK);
        assert_int_equal(loam_diffuse_give(d, output, &err), LOAM_STATUS_INTERNAL);
    }
    assert_int_equal(n, 5);
    assert_false(loam_diffuse_next(d, &in));
    assert_memory_equal(loam_diffuse_latent(d), want, sizeof want);
    loam_diffuse_free(d);
    loam_diffuse_free(NULL);
}

/* Where the mask is 0 the finished latent is the known one, where it is 1 it is as without a mask. */
static void a_mask_keeps_the_known(void **state)
{
    (void)state;
    loam_levels l;
    float known[ALL], mask[ALL], x[ALL];
    for (int i = 0; i < ALL; i++)
        known[i] = (float)cos(i), mask[i] = i % N < N / 2;
    for (int p = LOAM_PREDICTION_EPS; p <= LOAM_PREDICTION_FLOW; p += LOAM_PREDICTION_FLOW - LOAM_PREDICTION_EPS)
        for (int sampler = 0; sampler < LOAM_DIFFUSE_SAMPLER_COUNT; sampler++) {
            make_levels(&l, (loam_prediction)p);
            loam_sigmas s = list_of(&l, loam_schedule_default((loam_diffuse_sampler)sampler, &l), 5);
            loam_diffuse_options o = options((loam_diffuse_sampler)sampler, &l, &s);
            float free_x[ALL];
            o.start = known;
            walk(&o, free_x);
            o.known = known;
            o.mask = mask;
            walk(&o, x);
            for (int i = 0; i < ALL; i++) /* the fake model looks at one place at a time */
                assert_true(x[i] == (mask[i] > 0 ? free_x[i] : known[i]));
            loam_sigmas_free(&s);
        }
}

static void wrong_options_are_said(void **state)
{
    (void)state;
    loam_levels l, mixed;
    make_levels(&l, LOAM_PREDICTION_EPS);
    mixed = l;
    mixed.prediction = LOAM_PREDICTION_FLOW;
    loam_sigmas s = list_of(&l, LOAM_SCHEDULE_KARRAS, 3), none = {0};
    static const float mask[ALL];
    loam_diffuse_options good = options(LOAM_DIFFUSE_EULER, &l, &s), bad[11];
    for (int i = 0; i < 11; i++)
        bad[i] = good;
    bad[0].levels = NULL;
    bad[1].sigmas = NULL;
    bad[2].sigmas = &none;
    bad[3].sampler = LOAM_DIFFUSE_SAMPLER_COUNT;
    bad[4].levels = &mixed;
    bad[5].n_images = 0;
    bad[6].n = 0;
    bad[7].eta = 1.5;
    bad[8].s_noise = -1;
    bad[9].mask = mask;
    bad[10].n = SIZE_MAX / 4;
    for (int i = 0; i < 11; i++) {
        loam_diffuse *d;
        loam_err err = LOAM_ERR_INIT;
        assert_int_equal(loam_diffuse_new(&bad[i], &d, &err), i < 10 ? LOAM_STATUS_INVALID : LOAM_STATUS_TOO_LARGE);
        assert_null(d);
        assert_true(strlen(err.msg) > 20);
    }
    loam_sigmas_free(&s);
}

static void guidance(void **state)
{
    (void)state;
    float cond[ALL], uncond[ALL], out[ALL];
    for (int i = 0; i < ALL; i++)
        cond[i] = (float)sin(i), uncond[i] = (float)cos(3 * i) * 0.5f;
    loam_diffuse_guide(cond, uncond, 7.5, 0, IMAGES, N, out);
    for (int i = 0; i < ALL; i++)
        assert_true(fabs((double)out[i] - (7.5 * (double)cond[i] - 6.5 * (double)uncond[i])) < 1e-6);
    /* rescaled in full, each picture deviates as cond does; by half, half way (both are the same direction) */
    float full[ALL], half[ALL];
    loam_diffuse_guide(cond, uncond, 7.5, 1, IMAGES, N, full);
    loam_diffuse_guide(cond, uncond, 7.5, 0.5, IMAGES, N, half);
    for (int k = 0; k < IMAGES; k++) {
        double sum[2] = {0}, squares[2] = {0};
        for (int i = k * N; i < (k + 1) * N; i++) {
            sum[0] += (double)cond[i], squares[0] += (double)cond[i] * (double)cond[i];
            sum[1] += (double)full[i], squares[1] += (double)full[i] * (double)full[i];
            assert_true(fabs((double)half[i] - ((double)full[i] + (double)out[i]) / 2) < 1e-5);
        }
        assert_true(fabs((squares[0] - sum[0] * sum[0] / N) / (squares[1] - sum[1] * sum[1] / N) - 1) < 1e-5);
    }
    loam_diffuse_guide(cond, uncond, 7.5, 1, IMAGES, N, cond); /* in place */
    assert_memory_equal(cond, full, sizeof full);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_model_that_knows_the_picture),
    cmocka_unit_test(a_flow_is_the_same_walk),
    cmocka_unit_test(ddim_is_euler),
    cmocka_unit_test(a_batch_is_its_pictures),
    cmocka_unit_test(generators_and_noise_may_be_given),
    cmocka_unit_test(the_object_keeps_its_order),
    cmocka_unit_test(a_mask_keeps_the_known),
    cmocka_unit_test(wrong_options_are_said),
    cmocka_unit_test(guidance),
};

test_list diffuse_ways_tests(void)
{
    return (test_list){tests, sizeof tests / sizeof *tests};
}
