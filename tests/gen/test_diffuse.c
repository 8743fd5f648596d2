/* Samplers against whole walks of k-diffusion, diffusers and ComfyUI's formulas (walks.bin, made by
 * tests/golden/make/diffuse.py): timesteps asked, levels, and the state after every step, of two pictures. If this
 * fails, a sampler's name gives other pictures than elsewhere. */
#include "test_gen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_diffuse.h"

enum { SEED = 7, MAX_ALL = 128, MAX_STEPS = 64 };

typedef struct walk {
    const char *name;
    loam_diffuse_sampler sampler;
    loam_schedule schedule;
    int n_steps;
    loam_prediction prediction;
    double eta; /* 0 and `with_eta` false: the sampler's own */
    bool with_eta, mask;
    double s_noise;  /* 0: 1 */
    double strength; /* > 0: image to image */
    double shift;    /* of flows */
    bool linear, zero_snr, at_first_level;
    int offset;
    loam_timestep_rounding rounding;
    double tolerance; /* 0: TOLERANCE */
} walk;

#define EPS LOAM_PREDICTION_EPS
#define V LOAM_PREDICTION_V
#define FLOW LOAM_PREDICTION_FLOW
#define S(name) LOAM_DIFFUSE_##name
#define L(name) LOAM_SCHEDULE_##name

/* What f32 states in another order of operations may differ by, relative to the largest number of a step. */
#define TOLERANCE 2e-6

static const walk walks[] = {
    {"k euler", S(EULER), L(NORMAL), 6, EPS},
    {"k euler short", S(EULER), L(NORMAL), 4, EPS},
    {"k euler v", S(EULER), L(SGM_UNIFORM), 5, V},
    {"k euler image", S(EULER), L(KARRAS), 8, EPS, .strength = 0.625},
    {"k heun", S(HEUN), L(KARRAS), 5, EPS},
    {"k euler_a", S(EULER_A), L(NORMAL), 6, EPS},
    {"k euler_a eta", S(EULER_A), L(KARRAS), 5, EPS, .eta = 0.6, .with_eta = true, .s_noise = 1.003},
    {"k euler_a short", S(EULER_A), L(NORMAL), 5, EPS},
    {"k dpmpp_2m", S(DPMPP_2M), L(KARRAS), 8, EPS},
    {"k dpmpp_2m v", S(DPMPP_2M), L(EXPONENTIAL), 6, V},
    {"k dpmpp_2m_sde", S(DPMPP_2M_SDE), L(EXPONENTIAL), 8, EPS},
    {"k dpmpp_2m_sde eta", S(DPMPP_2M_SDE), L(KARRAS), 6, EPS, .eta = 0.4, .with_eta = true},
    {"k dpmpp_2m_sde_heun", S(DPMPP_2M_SDE_HEUN), L(EXPONENTIAL), 6, EPS},
    {"k dpmpp_sde", S(DPMPP_SDE), L(KARRAS), 5, EPS},
    {"k dpmpp_sde eta", S(DPMPP_SDE), L(KARRAS), 4, EPS, .eta = 0.5, .with_eta = true},
    {"diffusers euler trailing", S(EULER), L(TRAILING), 4, EPS},
    {"diffusers euler linear", S(EULER), L(TRAILING), 4, EPS, .linear = true},
    /* states of 4096·3 carry 1e-3 in f32, which the reference subtracts from each other */
    {"diffusers euler zero_snr v", S(EULER), L(TRAILING), 5, V, .zero_snr = true, .tolerance = 2e-4},
    {"diffusers euler_a trailing", S(EULER_A), L(TRAILING), 5, EPS},
    {"diffusers ddim", S(DDIM), L(LEADING), 10, EPS, .offset = 1, .at_first_level = true},
    {"diffusers ddim eta", S(DDIM), L(LEADING), 5, EPS, .eta = 0.7, .with_eta = true, .offset = 1,
     .at_first_level = true},
    {"diffusers ddim v", S(DDIM), L(TRAILING), 8, V, .eta = 1, .with_eta = true},
    {"diffusers ddim x0", S(DDIM), L(TRAILING), 5, LOAM_PREDICTION_X0},
    {"diffusers ddim image", S(DDIM), L(LEADING), 10, EPS, .offset = 1, .at_first_level = true, .strength = 0.6},
    {"diffusers ddim mask", S(DDIM), L(LEADING), 8, EPS, .offset = 1, .at_first_level = true, .strength = 1,
     .mask = true},
    {"diffusers euler mask", S(EULER), L(TRAILING), 6, EPS, .strength = 0.7, .mask = true},
    {"diffusers lcm", S(LCM), L(LCM), 4, EPS},
    {"diffusers lcm v", S(LCM), L(LCM), 3, V},
    {"diffusers lcm image", S(LCM), L(LCM), 4, EPS, .strength = 0.5},
    {"diffusers tcd", S(TCD), L(LCM), 4, EPS},
    {"diffusers tcd eta 0", S(TCD), L(LCM), 4, EPS, .with_eta = true},
    {"diffusers tcd eta 1", S(TCD), L(LCM), 5, V, .eta = 1, .with_eta = true},
    {"diffusers unipc", S(UNIPC), L(MULTISTEP), 10, EPS},
    {"diffusers unipc v karras", S(UNIPC), L(KARRAS), 6, V, .rounding = LOAM_TIMESTEPS_NEAREST},
    {"diffusers unipc image", S(UNIPC), L(MULTISTEP), 10, EPS, .strength = 0.5},
    {"diffusers flow unipc", S(UNIPC), L(FLOW_UNIPC), 8, FLOW, .shift = 3, .rounding = LOAM_TIMESTEPS_DOWN},
    {"diffusers flow unipc wan", S(UNIPC), L(WAN), 7, FLOW, .shift = 5, .rounding = LOAM_TIMESTEPS_DOWN},
    {"diffusers flow euler", S(EULER), L(NORMAL), 6, FLOW, .shift = 3},
    {"diffusers flow euler even", S(EULER), L(FLOW), 5, FLOW, .shift = 1},
    {"diffusers flow euler image", S(EULER), L(NORMAL), 6, FLOW, .shift = 3, .strength = 0.5},
    {"diffusers flow heun", S(HEUN), L(NORMAL), 5, FLOW, .shift = 2},
    {"diffusers flow dpmpp_2m", S(DPMPP_2M), L(WAN), 8, FLOW, .shift = 3, .rounding = LOAM_TIMESTEPS_DOWN},
    {"diffusers flow dpmpp_2m_sde", S(DPMPP_2M_SDE), L(WAN), 8, FLOW, .shift = 3, .rounding = LOAM_TIMESTEPS_DOWN},
    {"comfy flow euler_a", S(EULER_A), L(NORMAL), 6, FLOW, .shift = 3, .eta = 0.8, .with_eta = true},
};

typedef struct golden {
    uint32_t n_images, n, n_steps, n_evals;
    double level[MAX_STEPS], t[MAX_STEPS];
    float x[MAX_STEPS * MAX_ALL];
} golden;

/* The record of that name; false at the end of the file. */
static bool next_golden(FILE *f, char name[32], golden *g)
{
    if (fread(name, 32, 1, f) != 1)
        return false;
    assert_int_equal(fread(g, 4, 4, f), 4);
    size_t n_all = g->n_images * g->n;
    assert_true(n_all <= MAX_ALL && g->n_evals <= MAX_STEPS && g->n_steps <= g->n_evals);
    assert_int_equal(fread(g->level, sizeof(double), g->n_steps, f), g->n_steps);
    assert_int_equal(fread(g->t, sizeof(double), g->n_evals, f), g->n_evals);
    assert_int_equal(fread(g->x, sizeof(float), g->n_steps * n_all, f), g->n_steps * n_all);
    return true;
}

void test_fake_model(const float *x, double t, int n_images, size_t n, float *out)
{
    for (size_t i = 0; i < n * (size_t)n_images; i++) {
        double c = (double)(i % n * 37 % 101) / 101 - 0.5, v = (double)x[i];
        out[i] = (float)((v + c) / (1 + fabs(v)) * (0.5 + 0.4 * t / 1000) + 0.1 * c);
    }
}

static loam_diffuse *open_walk(const walk *w, const golden *g, const loam_levels *l, const float *picture,
                               const float *mask)
{
    loam_err err = LOAM_ERR_INIT;
    loam_sigmas sigmas;
    loam_sigmas_options so = {.schedule = w->schedule,
                              .n_steps = w->n_steps,
                              .strength = w->strength,
                              .steps_offset = w->offset,
                              .end_at_first_level = w->at_first_level,
                              .rounding = w->rounding};
    if (loam_sigmas_new(l, &so, &sigmas, &err) != LOAM_OK)
        fail_msg("%s: %s", w->name, err.msg);
    assert_int_equal(sigmas.n_steps, g->n_steps);
    for (uint32_t i = 0; i < g->n_steps; i++)
        if (!(fabs(sigmas.sigma[i] - g->level[i]) <= 3e-6 * g->level[i]))
            fail_msg("%s: level %u is %.9g, not %.9g", w->name, i, sigmas.sigma[i], g->level[i]);
    loam_diffuse_options o = loam_diffuse_defaults();
    o.sampler = w->sampler;
    o.levels = l;
    o.sigmas = &sigmas;
    o.n_images = (int)g->n_images;
    o.n = g->n;
    o.seed = SEED;
    o.eta = w->with_eta ? w->eta : NAN;
    o.s_noise = w->s_noise > 0 ? w->s_noise : NAN;
    o.start = w->strength > 0 ? picture : NULL;
    o.mask = w->mask ? mask : NULL;
    o.known = w->mask ? picture : NULL;
    loam_diffuse *d;
    if (loam_diffuse_new(&o, &d, &err) != LOAM_OK)
        fail_msg("%s: %s", w->name, err.msg);
    loam_sigmas_free(&sigmas);
    return d;
}

/* Largest difference of a step, relative to its largest number (at least 1). */
static double difference(const golden *g, uint32_t step, const float *got)
{
    size_t n_all = g->n_images * g->n;
    const float *want = g->x + step * n_all;
    double largest = 1, worst = 0;
    for (size_t i = 0; i < n_all; i++) {
        double off = fabs((double)got[i] - (double)want[i]);
        largest = fmax(largest, fabs((double)want[i]));
        worst = off <= worst ? worst : isnan(off) ? INFINITY : off;
    }
    return worst / largest;
}

/* False, having said where, when a step is off. */
static bool check_walk(const walk *w, const golden *g)
{
    size_t n_all = g->n_images * g->n;
    float picture[MAX_ALL], mask[MAX_ALL], output[MAX_ALL];
    for (size_t i = 0; i < n_all; i++) {
        picture[i] = (float)((double)(i * 29 % 83) / 40 - 1);
        mask[i] = (float)((double)(i * 7 % 5) / 4);
    }
    loam_levels l;
    if (w->shift > 0)
        loam_levels_flow(&l, w->prediction, w->shift);
    else
        loam_levels_ddpm(&l, w->prediction, w->linear ? LOAM_BETAS_LINEAR : LOAM_BETAS_SCALED_LINEAR, 0, 0,
                         w->zero_snr);
    loam_diffuse *d = open_walk(w, g, &l, picture, mask);
    loam_diffuse_input in;
    loam_err err = LOAM_ERR_INIT;
    uint32_t evals = 0, step = 0, worst_step = 0;
    double worst = 0;
    for (bool more = true; more;) {
        more = loam_diffuse_next(d, &in);
        if (!more || (uint32_t)in.step > step) {
            double off = difference(g, step++, loam_diffuse_latent(d));
            worst_step = off > worst ? step : worst_step;
            worst = fmax(off, worst);
        }
        if (!more)
            break;
        assert_true(evals < g->n_evals);
        assert_int_equal(in.n_total, g->n_evals);
        if (!(fabs(in.t - g->t[evals]) <= 2e-3))
            fail_msg("%s: evaluation %u is at timestep %.9g, not %.9g", w->name, evals, in.t, g->t[evals]);
        test_fake_model(in.x, in.t, (int)g->n_images, g->n, output);
        assert_int_equal(loam_diffuse_give(d, output, &err), LOAM_OK);
        evals++;
    }
    assert_int_equal(step, g->n_steps);
    assert_int_equal(evals, g->n_evals);
    loam_diffuse_free(d);
    bool good = worst <= (w->tolerance > 0 ? w->tolerance : TOLERANCE);
    if (getenv("LOAM_TEST_SHOW") || !good)
        print_message("# %s: off by %.2g of the largest after step %u of %u\n", w->name, worst, worst_step, g->n_steps);
    return good;
}

static void walks_of_the_references(void **state)
{
    (void)state;
    FILE *f = fopen(LOAM_SOURCE_ROOT "/tests/golden/diffuse/walks.bin", "rb");
    assert_non_null(f);
    golden *g = malloc(sizeof *g);
    assert_non_null(g);
    char name[32];
    size_t n_checked = 0, n_bad = 0;
    while (next_golden(f, name, g))
        for (size_t i = 0; i < sizeof walks / sizeof *walks; i++)
            if (strcmp(walks[i].name, name) == 0) {
                n_bad += !check_walk(&walks[i], g);
                n_checked++;
            }
    assert_int_equal(n_checked, sizeof walks / sizeof *walks);
    assert_int_equal(n_bad, 0);
    free(g);
    fclose(f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(walks_of_the_references),
};

test_list diffuse_tests(void)
{
    return (test_list){tests, sizeof tests / sizeof *tests};
}
