#include "gen/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { T = LOAM_LEVELS, ORIGINAL_STEPS = 50 };

/* --- levels of training --- */

static void rescale_zero_snr(float *beta)
{
    static const float one = 1;
    double product = 1;
    float root[T];
    for (int i = 0; i < T; i++) {
        product *= (double)(one - beta[i]);
        root[i] = sqrtf((float)product);
    }
    float first = root[0], last = root[T - 1], before = 1;
    for (int i = 0; i < T; i++) {
        float r = (root[i] - last) * (first / (first - last)), bar = r * r;
        beta[i] = one - bar / before;
        before = bar;
    }
}

void loam_levels_ddpm(loam_levels *l, loam_prediction prediction, loam_betas betas, double beta_start, double beta_end,
                      bool zero_snr)
{
    bool squared = betas == LOAM_BETAS_SCALED_LINEAR;
    double start = beta_start > 0 ? beta_start : 0.00085, end = beta_end > 0 ? beta_end : 0.012, product = 1;
    float a = (float)(squared ? sqrt(start) : start), b = (float)(squared ? sqrt(end) : end), beta[T];
    float step = (b - a) / (T - 1);
    for (int i = 0; i < T; i++) { /* torch.linspace counts from the nearer end */
        float v = i < T / 2 ? a + step * (float)i : b - step * (float)(T - 1 - i);
        beta[i] = squared ? v * v : v;
    }
    if (zero_snr)
        rescale_zero_snr(beta);
    *l = (loam_levels){.prediction = prediction, .shift = 1};
    for (int i = 0; i < T; i++) {
        product *= (double)(1 - beta[i]);
        float bar = zero_snr && i == T - 1 ? 0x1p-24f : (float)product;
        l->sigma[i] = sqrt((double)(1 - bar) / (double)bar);
        l->log_sigma[i] = log(l->sigma[i]);
    }
}

static double shifted(const loam_levels *l, double s)
{
    return l->shift * s / (1 + (l->shift - 1) * s);
}

void loam_levels_flow(loam_levels *l, loam_prediction prediction, double shift)
{
    *l = (loam_levels){.prediction = prediction, .flow = true, .shift = shift};
    for (int i = 0; i < T; i++) {
        l->sigma[i] = shifted(l, (double)(i + 1) / T);
        l->log_sigma[i] = log(l->sigma[i]);
    }
}

double loam_levels_sigma_of_t(const loam_levels *l, double t)
{
    if (l->flow)
        return shifted(l, t / T);
    if (!(t > 0))
        return l->sigma[0];
    if (t >= T - 1)
        return l->sigma[T - 1];
    int low = (int)t;
    double w = t - low;
    return w > 0 ? exp((1 - w) * l->log_sigma[low] + w * l->log_sigma[low + 1]) : l->sigma[low];
}

double loam_levels_t_of_sigma(const loam_levels *l, double sigma)
{
    if (l->flow)
        return T * sigma;
    if (!(sigma > l->sigma[0]))
        return 0;
    if (sigma >= l->sigma[T - 1])
        return T - 1;
    int low = 0, high = T - 1; /* sigma[low] ≤ sigma < sigma[high] */
    while (high - low > 1) {
        int middle = (low + high) / 2;
        *(l->sigma[middle] <= sigma ? &low : &high) = middle;
    }
    return low + (log(sigma) - l->log_sigma[low]) / (l->log_sigma[high] - l->log_sigma[low]);
}

/* --- quantiles of the beta distribution --- */

/* The regularised incomplete beta function I_x(p, p), x ≤ 1/2: the continued fraction of DLMF 8.17.22 by Lentz. */
static double beta_cdf(double p, double x)
{
    if (!(x > 0))
        return 0;
    const double tiny = 1e-300;
    double c = 1, d = 1 - 2 * p * x / (p + 1), f;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    f = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (p - m) * x / ((p + 2 * m - 1) * (p + 2 * m));
        double odd = -(p + m) * (2 * p + m) * x / ((p + 2 * m) * (p + 2 * m + 1));
        for (int k = 0; k < 2; k++) {
            double q = k ? odd : even;
            d = 1 + q * d, c = 1 + q / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            f *= c * d;
        }
        if (fabs(c * d - 1) < 1e-15)
            break;
    }
    return exp(p * log(x * (1 - x)) + lgamma(2 * p) - 2 * lgamma(p)) * f / p;
}

/* The x at which I_x(p, p) is u. Symmetry keeps x where the fraction is quick; halving gives the same bits anywhere. */
static double beta_quantile(double p, double u)
{
    if (u > 0.5)
        return 1 - beta_quantile(p, 1 - u);
    double low = 0, high = 0.5;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        *(beta_cdf(p, middle) < u ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

/* --- lists --- */

/* Each fills list[0..n) with falling levels (or whole timesteps) and returns how many; n ≥ 1. */
typedef int list_fn(const loam_levels *l, const loam_sigmas_options *o, int n, double *list);

/* Number i of n even ones from a to b, in numpy's steps (linspace): roundings to whole timesteps hang on them. */
static double between(double a, double b, int i, int n)
{
    return n < 2 ? a : i == n - 1 ? b : a + i * ((b - a) / (n - 1));
}

static int list_normal(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    double top = loam_levels_t_of_sigma(l, l->sigma[T - 1]), bottom = loam_levels_t_of_sigma(l, l->sigma[0]);
    for (int i = 0; i < n; i++)
        list[i] = loam_levels_sigma_of_t(l, between(top, bottom, i, n));
    return n;
}

static int list_sgm_uniform(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    double top = loam_levels_t_of_sigma(l, l->sigma[T - 1]), bottom = loam_levels_t_of_sigma(l, l->sigma[0]);
    for (int i = 0; i < n; i++)
        list[i] = loam_levels_sigma_of_t(l, between(top, bottom, i, n + 1));
    return n;
}

static int list_karras(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    const double rho = 7;
    double top = pow(o->sigma_max > 0 ? o->sigma_max : l->sigma[T - 1], 1 / rho);
    double bottom = pow(o->sigma_min > 0 ? o->sigma_min : l->sigma[0], 1 / rho);
    for (int i = 0; i < n; i++)
        list[i] = pow(between(top, bottom, i, n), rho);
    return n;
}

static int list_exponential(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    double top = o->sigma_max > 0 ? log(o->sigma_max) : l->log_sigma[T - 1];
    double bottom = o->sigma_min > 0 ? log(o->sigma_min) : l->log_sigma[0];
    for (int i = 0; i < n; i++)
        list[i] = exp(between(top, bottom, i, n));
    return n;
}

static int list_simple(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    for (int i = 0; i < n; i++)
        list[i] = l->sigma[T - 1 - (int)(i * ((double)T / n))];
    return n;
}

static int list_beta(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    int count = 0, last = -1;
    for (int i = 0; i < n; i++) {
        int t = (int)nearbyint(beta_quantile(0.6, 1 - (double)i / n) * (T - 1));
        if (t != last)
            list[count++] = l->sigma[t];
        last = t;
    }
    return count;
}

static int list_linspace(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    for (int i = 0; i < n; i++)
        list[i] = nearbyint(between(0, T - 1, n - 1 - i, n));
    return n;
}

static int list_multistep(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    for (int i = 0; i < n; i++)
        list[i] = nearbyint(between(0, T - 1, n - i, n + 1));
    return n;
}

static int list_leading(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    int offset = o->schedule == LOAM_SCHEDULE_DDIM_UNIFORM ? 1 : o->steps_offset;
    for (int i = 0; i < n; i++)
        list[i] = fmin((n - 1 - i) * (T / n) + offset, T - 1);
    return n;
}

static int list_trailing(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    double second = T - (double)T / n; /* numpy.arange goes on by the difference of its first two */
    for (int i = 0; i < n; i++)
        list[i] = nearbyint(T + i * (second - T)) - 1;
    return n;
}

/* 0 when there are fewer distilled timesteps than steps. */
static int list_lcm(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    int original = o->original_steps > 0 ? o->original_steps : ORIGINAL_STEPS;
    int kept = (int)(original * (o->strength > 0 ? o->strength : 1.0)), every = T / original;
    if (n > kept)
        return 0;
    for (int i = 0; i < n; i++)
        list[i] = (kept - (int)floor(i * ((double)kept / n))) * every - 1;
    return n;
}

static int list_flow(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    double top = o->schedule == LOAM_SCHEDULE_WAN ? 1 - 1.0 / T : 1;
    double bottom = o->schedule == LOAM_SCHEDULE_FLOW_UNIPC ? 1.0 / T : 0;
    for (int i = 0; i < n; i++)
        list[i] = shifted(l, between(top, bottom, i, n + 1));
    if (o->schedule == LOAM_SCHEDULE_FLOW_UNIPC && fabs(list[0] - 1) < 1e-6)
        list[0] -= 1e-6;
    return n;
}

static int list_custom(const loam_levels *l, const loam_sigmas_options *o, int n, double *list)
{
    for (int i = 0; i < n; i++)
        list[i] = o->sigmas ? o->sigmas[i] : loam_levels_sigma_of_t(l, o->timesteps[i]);
    return n;
}

static const struct {
    list_fn *fill;
    bool timesteps; /* the list is of whole timesteps, of DDPM models only */
    bool of_flows;  /* of flow models only */
} lists[LOAM_SCHEDULE_COUNT] = {
    [LOAM_SCHEDULE_NORMAL] = {list_normal},
    [LOAM_SCHEDULE_KARRAS] = {list_karras},
    [LOAM_SCHEDULE_EXPONENTIAL] = {list_exponential},
    [LOAM_SCHEDULE_SGM_UNIFORM] = {list_sgm_uniform},
    [LOAM_SCHEDULE_SIMPLE] = {list_simple},
    [LOAM_SCHEDULE_BETA] = {list_beta},
    [LOAM_SCHEDULE_DDIM_UNIFORM] = {list_leading, .timesteps = true},
    [LOAM_SCHEDULE_LINSPACE] = {list_linspace, .timesteps = true},
    [LOAM_SCHEDULE_LEADING] = {list_leading, .timesteps = true},
    [LOAM_SCHEDULE_TRAILING] = {list_trailing, .timesteps = true},
    [LOAM_SCHEDULE_MULTISTEP] = {list_multistep, .timesteps = true},
    [LOAM_SCHEDULE_LCM] = {list_lcm, .timesteps = true},
    [LOAM_SCHEDULE_FLOW] = {list_flow, .of_flows = true},
    [LOAM_SCHEDULE_FLOW_UNIPC] = {list_flow, .of_flows = true},
    [LOAM_SCHEDULE_WAN] = {list_flow, .of_flows = true},
    [LOAM_SCHEDULE_CUSTOM] = {list_custom},
};

static double rounded(double t, loam_timestep_rounding how)
{
    return how == LOAM_TIMESTEPS_DOWN ? floor(t) : how == LOAM_TIMESTEPS_NEAREST ? nearbyint(t) : t;
}

static loam_status check(const loam_levels *l, const loam_sigmas_options *o, int n, loam_err *err)
{
    if ((int)o->schedule <= LOAM_SCHEDULE_AUTO || o->schedule >= LOAM_SCHEDULE_COUNT)
        LOAM_FAIL(err, INVALID, "schedule number %d is none; choose one by name", (int)o->schedule);
    if (n < 1 || n > T)
        LOAM_FAIL(err, INVALID, "%d steps; between 1 and %d are possible", n, T);
    if (!(o->strength >= 0 && o->strength <= 1))
        LOAM_FAIL(err, INVALID, "strength %g is not between 0 and 1", o->strength);
    if (lists[o->schedule].timesteps && l->flow)
        LOAM_FAIL(err, INVALID, "schedule '%s' is for models with trained timesteps, this one is a flow model",
                  loam_schedule_name(o->schedule));
    if (lists[o->schedule].of_flows && !l->flow)
        LOAM_FAIL(err, INVALID, "schedule '%s' is for flow models, this one has trained timesteps",
                  loam_schedule_name(o->schedule));
    if (o->schedule == LOAM_SCHEDULE_CUSTOM && !o->sigmas == !o->timesteps)
        LOAM_FAIL(err, INVALID, "a custom schedule needs a list of sigmas or one of timesteps");
    if (!(o->sigma_min >= 0 && o->sigma_max >= 0 && isfinite(o->sigma_min) && isfinite(o->sigma_max)))
        LOAM_FAIL(err, INVALID, "sigmas from %g to %g; both must be positive numbers", o->sigma_min, o->sigma_max);
    if (o->original_steps < 0 || o->original_steps > T || o->steps_offset < 0 || o->steps_offset >= T)
        LOAM_FAIL(err, INVALID, "original_steps %d and steps_offset %d must be between 0 and %d", o->original_steps,
                  o->steps_offset, T);
    return LOAM_OK;
}

loam_status loam_sigmas_new(const loam_levels *l, const loam_sigmas_options *o, loam_sigmas *out, loam_err *err)
{
    bool custom = o->schedule == LOAM_SCHEDULE_CUSTOM;
    int n = custom ? o->n_custom : o->n_steps, first = 0;
    *out = (loam_sigmas){0};
    if (custom && n > 1 && o->sigmas && o->sigmas[n - 1] == 0)
        n--;
    LOAM_TRY(check(l, o, n, err));
    double sigma[T + 1], t[T];
    bool whole = lists[o->schedule].timesteps;
    n = lists[o->schedule].fill(l, o, n, whole ? t : sigma);
    if (n == 0)
        LOAM_FAIL(err, INVALID, "%d steps are more than the distilled timesteps: %d of strength %g", o->n_steps,
                  o->original_steps ? o->original_steps : ORIGINAL_STEPS, o->strength ? o->strength : 1.0);
    if (o->schedule != LOAM_SCHEDULE_LCM && o->strength > 0)
        first = n - (int)(n * o->strength);
    if (first == n)
        LOAM_FAIL(err, INVALID, "strength %g of %d steps leaves none; raise one of them", o->strength, n);
    for (int i = 0; i < n; i++) {
        if (whole)
            sigma[i] = loam_levels_sigma_of_t(l, t[i]);
        else
            t[i] = rounded(loam_levels_t_of_sigma(l, sigma[i]), o->rounding);
        if (!isfinite(sigma[i]) || !(sigma[i] > 0) || (i && !(sigma[i] < sigma[i - 1])) || (l->flow && sigma[i] > 1))
            LOAM_FAIL(err, INVALID,
                      "noise level %d of schedule '%s' is %g after %g; levels must fall and stay above 0%s", i + 1,
                      loam_schedule_name(o->schedule), sigma[i], i ? sigma[i - 1] : INFINITY,
                      l->flow ? ", from 1 at most" : "");
    }
    sigma[n] = o->end_at_first_level ? fmin(l->sigma[0], sigma[n - 1]) : 0;
    n -= first;
    out->sigma = malloc((2 * (size_t)n + 1) * sizeof *out->sigma);
    if (!out->sigma)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a schedule of %d steps", n);
    out->t = out->sigma + n + 1;
    out->n_steps = n;
    memcpy(out->sigma, sigma + first, ((size_t)n + 1) * sizeof *sigma);
    memcpy(out->t, t + first, (size_t)n * sizeof *t);
    return LOAM_OK;
}

void loam_sigmas_free(loam_sigmas *s)
{
    free(s->sigma);
    *s = (loam_sigmas){0};
}
