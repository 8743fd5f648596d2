/* Noise levels and schedules against diffusers, k-diffusion and ComfyUI's lists (levels.bin, made by
 * tests/golden/make/diffuse.py), and the names under which people know them. */
#include "test_gen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/schedule.h"

enum { MAX_LIST = 1024 };

static void same_list(const char *name, const double *got, const double *want, uint32_t n, double tolerance)
{
    for (uint32_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * fabs(want[i])))
            fail_msg("%s: number %u of %u is %.9g, not %.9g", name, i, n, got[i], want[i]);
}

static void trained_levels(const char *name, const double *want, uint32_t n)
{
    loam_levels l;
    loam_betas betas = strcmp(name, "linear") == 0 ? LOAM_BETAS_LINEAR : LOAM_BETAS_SCALED_LINEAR;
    loam_levels_ddpm(&l, LOAM_PREDICTION_EPS, betas, 0, 0, strcmp(name, "zero_snr") == 0);
    double got[LOAM_LEVELS];
    for (uint32_t i = 0; i < n; i++)
        got[i] = l.sigma[i * 37];
    same_list(name, got, want, n, 1e-6);
}

static void timesteps_of_sigmas(const loam_levels *l, const double *want, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        double got = loam_levels_t_of_sigma(l, exp(-3 + 6.0 * i / (n - 1)) * 0.5);
        if (!(fabs(got - want[i]) <= 1e-3)) /* the reference divides small differences of f32 logarithms */
            fail_msg("sigma number %u is at timestep %.9g, not %.9g", i, got, want[i]);
    }
}

static void schedule_list(const char *name, const double *want, uint32_t n)
{
    char word[32];
    bool flow = strncmp(name, "flow ", 5) == 0;
    const char *kind = flow ? name + 5 : name;
    size_t len = strcspn(kind, " ");
    memcpy(word, kind, len);
    word[len] = 0;
    loam_sigmas_options o = {.n_steps = (int)strtol(kind + len, NULL, 10), .steps_offset = 1};
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_schedule_parse(word, &o.schedule, &err), LOAM_OK);
    loam_levels l;
    bool unshifted = o.schedule == LOAM_SCHEDULE_KARRAS || o.schedule == LOAM_SCHEDULE_EXPONENTIAL;
    if (flow)
        loam_levels_flow(&l, LOAM_PREDICTION_FLOW, unshifted ? 1 : 3);
    else
        loam_levels_ddpm(&l, LOAM_PREDICTION_EPS, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
    loam_sigmas s;
    if (loam_sigmas_new(&l, &o, &s, &err) != LOAM_OK)
        fail_msg("%s: %s", name, err.msg);
    if ((uint32_t)s.n_steps + 1 != n)
        fail_msg("%s: %d steps, not %u", name, s.n_steps, n - 1);
    same_list(name, s.sigma, want, n, 3e-6);
    loam_sigmas_free(&s);
}

static void lists_of_the_references(void **state)
{
    (void)state;
    FILE *f = fopen(LOAM_SOURCE_ROOT "/tests/golden/diffuse/levels.bin", "rb");
    assert_non_null(f);
    loam_levels sd;
    loam_levels_ddpm(&sd, LOAM_PREDICTION_EPS, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
    char name[32];
    uint32_t n;
    double want[MAX_LIST];
    int n_lists = 0;
    for (; fread(name, sizeof name, 1, f) == 1; n_lists++) {
        assert_int_equal(fread(&n, sizeof n, 1, f), 1);
        assert_true(n <= MAX_LIST);
        assert_int_equal(fread(want, sizeof *want, n, f), n);
        if (strcmp(name, "t of sigma") == 0)
            timesteps_of_sigmas(&sd, want, n);
        else if (strpbrk(name, "0123456789"))
            schedule_list(name, want, n);
        else
            trained_levels(name, want, n);
    }
    assert_int_equal(n_lists, 4 + 6 * 6 + 4 + 5 * 9);
    fclose(f);
}

static void timestep_and_sigma_are_inverse(void **state)
{
    (void)state;
    for (int flow = 0; flow < 2; flow++) {
        loam_levels l;
        if (flow)
            loam_levels_flow(&l, LOAM_PREDICTION_FLOW, 1);
        else
            loam_levels_ddpm(&l, LOAM_PREDICTION_V, LOAM_BETAS_LINEAR, 0, 0, true);
        for (double t = 0.25; t < LOAM_LEVELS - 1; t += 0.71)
            assert_true(fabs(loam_levels_t_of_sigma(&l, loam_levels_sigma_of_t(&l, t)) - t) < 1e-8);
    }
}

/* Shared by image to image, in the numbers of diffusers' get_timesteps. */
static void strength_leaves_the_last_steps(void **state)
{
    (void)state;
    static const struct {
        int n_steps;
        double strength;
        int left;
    } cases[] = {{20, 0.75, 15}, {10, 0.7, 7}, {100, 0.29, 28}, {4, 1, 4}, {3, 0.34, 1}};
    loam_levels l;
    loam_levels_ddpm(&l, LOAM_PREDICTION_EPS, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_sigmas_options o = {.schedule = LOAM_SCHEDULE_KARRAS, .n_steps = cases[i].n_steps};
        loam_sigmas all, part;
        assert_int_equal(loam_sigmas_new(&l, &o, &all, NULL), LOAM_OK);
        o.strength = cases[i].strength;
        assert_int_equal(loam_sigmas_new(&l, &o, &part, NULL), LOAM_OK);
        assert_int_equal(part.n_steps, cases[i].left);
        size_t left_out = (size_t)(all.n_steps - part.n_steps);
        assert_memory_equal(part.sigma, all.sigma + left_out, (size_t)(part.n_steps + 1) * sizeof(double));
        assert_memory_equal(part.t, all.t + left_out, (size_t)part.n_steps * sizeof(double));
        loam_sigmas_free(&all);
        loam_sigmas_free(&part);
    }
}

static void custom_lists(void **state)
{
    (void)state;
    loam_levels sd, flow;
    loam_levels_ddpm(&sd, LOAM_PREDICTION_EPS, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
    loam_levels_flow(&flow, LOAM_PREDICTION_FLOW, 5);
    static const double sigmas[] = {14.6, 3, 0.5, 0}, timesteps[] = {999, 749, 499, 249}, of_flow[] = {1000, 750, 500};
    loam_sigmas s;
    loam_sigmas_options o = {.schedule = LOAM_SCHEDULE_CUSTOM, .sigmas = sigmas, .n_custom = 4};
    assert_int_equal(loam_sigmas_new(&sd, &o, &s, NULL), LOAM_OK);
    assert_int_equal(s.n_steps, 3);
    assert_memory_equal(s.sigma, sigmas, sizeof sigmas);
    loam_sigmas_free(&s);
    o.n_custom = 3; /* the last 0 may be left out */
    assert_int_equal(loam_sigmas_new(&sd, &o, &s, NULL), LOAM_OK);
    assert_int_equal(s.n_steps, 3);
    assert_memory_equal(s.sigma, sigmas, sizeof sigmas);
    loam_sigmas_free(&s);
    o.sigmas = NULL, o.timesteps = timesteps, o.n_custom = 4;
    assert_int_equal(loam_sigmas_new(&sd, &o, &s, NULL), LOAM_OK);
    assert_memory_equal(s.t, timesteps, sizeof timesteps);
    loam_sigmas_free(&s);
    o.timesteps = of_flow, o.n_custom = 3;
    assert_int_equal(loam_sigmas_new(&flow, &o, &s, NULL), LOAM_OK);
    assert_true(s.sigma[0] == 1 && fabs(s.sigma[1] - 0.9375) < 1e-15 && fabs(s.t[1] - 937.5) < 1e-12);
    loam_sigmas_free(&s);
}

static void wrong_options_are_said(void **state)
{
    (void)state;
    static const double rising[] = {1, 2}, nan[] = {3, NAN}, above[] = {1.5, 0.5};
    static const struct {
        loam_sigmas_options o;
        bool flow;
        const char *says;
    } cases[] = {
        {{.schedule = LOAM_SCHEDULE_AUTO, .n_steps = 4}, false, "schedule"},
        {{.schedule = LOAM_SCHEDULE_KARRAS, .n_steps = 0}, false, "0 steps"},
        {{.schedule = LOAM_SCHEDULE_KARRAS, .n_steps = 1001}, false, "1001 steps"},
        {{.schedule = LOAM_SCHEDULE_KARRAS, .n_steps = 4, .strength = 1.1}, false, "strength 1.1"},
        {{.schedule = LOAM_SCHEDULE_KARRAS, .n_steps = 4, .strength = 0.2}, false, "leaves none"},
        {{.schedule = LOAM_SCHEDULE_KARRAS, .n_steps = 4, .sigma_max = NAN}, false, "sigmas from"},
        {{.schedule = LOAM_SCHEDULE_KARRAS, .n_steps = 4, .sigma_min = 20}, false, "must fall"},
        {{.schedule = LOAM_SCHEDULE_LEADING, .n_steps = 4}, true, "trained timesteps"},
        {{.schedule = LOAM_SCHEDULE_WAN, .n_steps = 4}, false, "flow models"},
        {{.schedule = LOAM_SCHEDULE_LCM, .n_steps = 51}, false, "distilled"},
        {{.schedule = LOAM_SCHEDULE_CUSTOM, .n_custom = 4}, false, "needs a list"},
        {{.schedule = LOAM_SCHEDULE_CUSTOM, .sigmas = rising, .n_custom = 2}, false, "must fall"},
        {{.schedule = LOAM_SCHEDULE_CUSTOM, .sigmas = nan, .n_custom = 2}, false, "must fall"},
        {{.schedule = LOAM_SCHEDULE_CUSTOM, .sigmas = above, .n_custom = 2}, true, "from 1"},
        {{.schedule = LOAM_SCHEDULE_LEADING, .n_steps = 4, .steps_offset = -1}, false, "steps_offset"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_levels l;
        if (cases[i].flow)
            loam_levels_flow(&l, LOAM_PREDICTION_FLOW, 3);
        else
            loam_levels_ddpm(&l, LOAM_PREDICTION_EPS, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
        loam_err err = LOAM_ERR_INIT;
        loam_sigmas s;
        assert_int_equal(loam_sigmas_new(&l, &cases[i].o, &s, &err), LOAM_STATUS_INVALID);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("case %zu: '%s' does not say '%s'", i, err.msg, cases[i].says);
        assert_null(s.sigma);
    }
}

/* Every number of steps of every schedule gives a falling list or says why not. */
static void all_lists_fall(void **state)
{
    (void)state;
    for (int flow = 0; flow < 2; flow++) {
        loam_levels l;
        if (flow)
            loam_levels_flow(&l, LOAM_PREDICTION_FLOW, 8);
        else
            loam_levels_ddpm(&l, LOAM_PREDICTION_EPS, LOAM_BETAS_SCALED_LINEAR, 0, 0, false);
        for (int kind = 1; kind < LOAM_SCHEDULE_CUSTOM; kind++)
            for (int n = 1; n <= LOAM_LEVELS; n += n < 60 ? 1 : 47) {
                loam_sigmas_options o = {.schedule = (loam_schedule)kind, .n_steps = n, .steps_offset = 1};
                loam_sigmas s;
                loam_err err = LOAM_ERR_INIT;
                if (loam_sigmas_new(&l, &o, &s, &err) != LOAM_OK) {
                    assert_true(err.code == LOAM_STATUS_INVALID && (strstr(err.msg, "models") || n > 50));
                    continue;
                }
                assert_true(s.n_steps == n || (kind == LOAM_SCHEDULE_BETA && s.n_steps < n));
                for (int i = 0; i < s.n_steps; i++)
                    assert_true(s.sigma[i] > s.sigma[i + 1] && s.t[i] >= 0 && s.t[i] <= LOAM_LEVELS);
                assert_true(s.sigma[s.n_steps] == 0);
                loam_sigmas_free(&s);
            }
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        loam_diffuse_sampler sampler;
        loam_schedule schedule;
    } cases[] = {
        {"euler", LOAM_DIFFUSE_EULER, LOAM_SCHEDULE_AUTO},
        {"Euler a", LOAM_DIFFUSE_EULER_A, LOAM_SCHEDULE_AUTO},
        {"euler_a", LOAM_DIFFUSE_EULER_A, LOAM_SCHEDULE_AUTO},
        {"k_euler_ancestral", LOAM_DIFFUSE_EULER_A, LOAM_SCHEDULE_AUTO},
        {"Euler a Karras", LOAM_DIFFUSE_EULER_A, LOAM_SCHEDULE_KARRAS},
        {"Euler SGM Uniform", LOAM_DIFFUSE_EULER, LOAM_SCHEDULE_SGM_UNIFORM},
        {"Heun", LOAM_DIFFUSE_HEUN, LOAM_SCHEDULE_AUTO},
        {"DPM++ 2M", LOAM_DIFFUSE_DPMPP_2M, LOAM_SCHEDULE_AUTO},
        {"DPM++ 2M Karras", LOAM_DIFFUSE_DPMPP_2M, LOAM_SCHEDULE_KARRAS},
        {"dpm++2m", LOAM_DIFFUSE_DPMPP_2M, LOAM_SCHEDULE_AUTO},
        {"DPM++ SDE Karras", LOAM_DIFFUSE_DPMPP_SDE, LOAM_SCHEDULE_KARRAS},
        {"DPM++ 2M SDE Exponential", LOAM_DIFFUSE_DPMPP_2M_SDE, LOAM_SCHEDULE_EXPONENTIAL},
        {"DPM++ 2M SDE Heun Karras", LOAM_DIFFUSE_DPMPP_2M_SDE_HEUN, LOAM_SCHEDULE_KARRAS},
        {"dpmpp_2m_sde", LOAM_DIFFUSE_DPMPP_2M_SDE, LOAM_SCHEDULE_AUTO},
        {"ddim_trailing", LOAM_DIFFUSE_DDIM, LOAM_SCHEDULE_TRAILING},
        {"DDIM", LOAM_DIFFUSE_DDIM, LOAM_SCHEDULE_AUTO},
        {"LCM", LOAM_DIFFUSE_LCM, LOAM_SCHEDULE_AUTO},
        {"tcd", LOAM_DIFFUSE_TCD, LOAM_SCHEDULE_AUTO},
        {"UniPC", LOAM_DIFFUSE_UNIPC, LOAM_SCHEDULE_AUTO},
        {"uni_pc_bh2", LOAM_DIFFUSE_UNIPC, LOAM_SCHEDULE_AUTO},
        {"EulerAncestralDiscreteScheduler", LOAM_DIFFUSE_EULER_A, LOAM_SCHEDULE_AUTO},
        {"FlowMatchEulerDiscreteScheduler", LOAM_DIFFUSE_EULER, LOAM_SCHEDULE_AUTO},
        {"UniPCMultistepScheduler", LOAM_DIFFUSE_UNIPC, LOAM_SCHEDULE_AUTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loam_diffuse_sampler sampler;
        loam_schedule schedule;
        loam_err err = LOAM_ERR_INIT;
        if (loam_diffuse_sampler_parse(cases[i].text, &sampler, &schedule, &err) != LOAM_OK)
            fail_msg("%s", err.msg);
        if (sampler != cases[i].sampler || schedule != cases[i].schedule)
            fail_msg("'%s' is read as %s with %s", cases[i].text, loam_diffuse_sampler_name(sampler),
                     loam_schedule_name(schedule));
    }
    for (int i = 0; i < LOAM_DIFFUSE_SAMPLER_COUNT; i++) {
        loam_diffuse_sampler back;
        assert_int_equal(
            loam_diffuse_sampler_parse(loam_diffuse_sampler_name((loam_diffuse_sampler)i), &back, NULL, NULL), LOAM_OK);
        assert_int_equal(back, i);
    }
    for (int i = 0; i < LOAM_SCHEDULE_COUNT; i++) {
        loam_schedule back;
        assert_int_equal(loam_schedule_parse(loam_schedule_name((loam_schedule)i), &back, NULL), LOAM_OK);
        assert_int_equal(back, i);
    }
}

static void unknown_names_list_the_known(void **state)
{
    (void)state;
    loam_diffuse_sampler sampler;
    loam_schedule schedule;
    loam_err err = LOAM_ERR_INIT;
    assert_int_equal(loam_diffuse_sampler_parse("dpmp_2m", &sampler, &schedule, &err), LOAM_STATUS_INVALID);
    assert_non_null(strstr(err.msg, "did you mean 'dpmpp_2m'?"));
    assert_non_null(strstr(err.msg, "uni_pc"));
    assert_int_equal(loam_schedule_parse("karas", &schedule, &err), LOAM_STATUS_INVALID);
    assert_non_null(strstr(err.msg, "did you mean 'karras'?"));
    assert_non_null(strstr(err.msg, "sgm_uniform"));
    static const char *const none[] = {
        "",
        " ",
        "k",
        "karras",
        "Euler b",
        "DPM++ 2S a",
        "euler karras karras",
        "euler euler euler euler euler euler euler euler euler euler euler euler euler euler euler"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(loam_diffuse_sampler_parse(none[i], &sampler, &schedule, &err), LOAM_STATUS_INVALID);
    assert_int_equal(loam_diffuse_sampler_parse("Euler Karras", &sampler, NULL, &err), LOAM_STATUS_INVALID);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lists_of_the_references),
    cmocka_unit_test(timestep_and_sigma_are_inverse),
    cmocka_unit_test(strength_leaves_the_last_steps),
    cmocka_unit_test(custom_lists),
    cmocka_unit_test(wrong_options_are_said),
    cmocka_unit_test(all_lists_fall),
    cmocka_unit_test(names),
    cmocka_unit_test(unknown_names_list_the_known),
};

test_list diffuse_levels_tests(void)
{
    return (test_list){tests, sizeof tests / sizeof *tests};
}
