/* Numbers as people read them. Three significant digits are more than any plan deserves. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/report_int.h"

/* 1.20 → 1.2, 12.0 → 12 */
static void trim_zeros(char *text)
{
    char *point = strchr(text, '.');
    if (!point)
        return;
    char *end = text + strlen(text);
    while (end > point + 1 && end[-1] == '0')
        end--;
    *(end == point + 1 ? point : end) = 0;
}

/* |x| < 1e15 with commas every three digits. */
static void put_commas(double x, char *out, size_t size)
{
    char plain[32];
    snprintf(plain, sizeof plain, "%.0f", fabs(x));
    size_t n = strlen(plain), at = 0;
    if (x < 0 && strcmp(plain, "0"))
        out[at++] = '-';
    for (size_t i = 0; i < n && at + 2 < size; i++) {
        if (i && (n - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = plain[i];
    }
    out[at] = 0;
}

/* Three significant digits. */
static double round_3(double x)
{
    if (x == 0)
        return 0;
    double step = pow(10, floor(log10(fabs(x))) - 2);
    return step > 0 ? round(x / step) * step : x;
}

static void put_3(double x, char *out, size_t size)
{
    double r = round_3(x), a = fabs(r);
    if (a >= 1000) {
        put_commas(r, out, size);
        return;
    }
    snprintf(out, size, "%.*f", a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : a >= .1 ? 3 : 4, r);
    trim_zeros(out);
    if (!strcmp(out, "-0"))
        memcpy(out, "0", 2);
}

static loam_figure not_a_number(double x)
{
    loam_figure f;
    snprintf(f.text, sizeof f.text, "%s", isnan(x) ? "unknown" : x > 0 ? "no limit" : "none");
    return f;
}

/* The largest of the steps that x reaches after rounding, so that 999,999,999 is 1 bn and not 1,000 M. */
static loam_figure with_steps(double x, const double *steps, const char *const *names, size_t n, const char *unit)
{
    loam_figure f;
    if (!isfinite(x))
        return not_a_number(x);
    double r = round_3(x);
    size_t i = n - 1;
    while (i > 0 && fabs(r) < steps[i] * (1 - 1e-9))
        i--;
    char number[28];
    put_3(r / steps[i], number, sizeof number);
    snprintf(f.text, sizeof f.text, "%s%s%s", number, names[i], unit);
    return f;
}

static const double thousands[] = {1, 1e6, 1e9, 1e12, 1e15};
static const char *const thousand_names[] = {"", " M", " bn", " tn", " thousand tn"};

loam_figure loam_figure_usd(double usd)
{
    return with_steps(usd, thousands, thousand_names, 4, " USD");
}

loam_figure loam_figure_scaled(double x)
{
    return with_steps(x, thousands, thousand_names, 5, "");
}

loam_figure loam_figure_count(double n)
{
    loam_figure f;
    if (!isfinite(n))
        return not_a_number(n);
    if (fabs(n) >= 1e12)
        return loam_figure_scaled(n);
    if (fabs(n) >= 100 || fabs(n - round(n)) < 1e-6)
        put_commas(n, f.text, sizeof f.text);
    else
        put_3(n, f.text, sizeof f.text);
    return f;
}

loam_figure loam_figure_share(double x)
{
    loam_figure f;
    if (!isfinite(x))
        return not_a_number(x);
    double percent = 100 * x;
    for (int digits = 1; digits <= 4; digits++) {
        snprintf(f.text, sizeof f.text - 2, "%.*f", digits, percent);
        trim_zeros(f.text);
        bool seems_all = percent < 100 - 1e-7 && !strcmp(f.text, "100");
        bool seems_none = fabs(percent) > 1e-7 && (!strcmp(f.text, "0") || !strcmp(f.text, "-0"));
        if (!seems_all && !seems_none)
            break;
    }
    if (!strcmp(f.text, "-0"))
        memcpy(f.text, "0", 2);
    memcpy(f.text + strlen(f.text), " %", 3);
    return f;
}

loam_figure loam_figure_kw(double kw)
{
    static const double steps[] = {1, 1e3, 1e6};
    static const char *const names[] = {" kW", " MW", " GW"};
    return with_steps(kw, steps, names, 3, "");
}

loam_figure loam_figure_seconds(double s)
{
    static const double steps[] = {1e-3, 1, 60, 3600};
    static const char *const names[] = {" ms", " s", " min", " h"};
    /* Up to two minutes in seconds: targets are. */
    return with_steps(s, steps, names, fabs(s) < 120 ? 2 : 4, "");
}

loam_figure loam_figure_month(const loam_scenario *s, int month)
{
    loam_figure f;
    char text[8];
    loam_month_format(s->start + month, text);
    memcpy(f.text, text, sizeof text);
    return f;
}

loam_figure loam_figure_of(double x, const char *unit)
{
    if (!strcmp(unit, "USD"))
        return loam_figure_usd(x);
    if (!strcmp(unit, "kW"))
        return loam_figure_kw(x);
    if (!strcmp(unit, "share"))
        return loam_figure_share(x);
    if (!*unit)
        return loam_figure_count(x);
    loam_figure n = fabs(x) >= 1e6 ? loam_figure_scaled(x) : loam_figure_count(x), f;
    snprintf(f.text, sizeof f.text, "%.20s %.18s", n.text, unit);
    return f;
}

loam_figure loam_figure_change(double x, const char *unit)
{
    loam_figure f = {"="}, n = loam_figure_of(x, unit);
    if (x == 0)
        return f;
    if (!strcmp(unit, "share"))
        memcpy(n.text + strlen(n.text) - 1, "points", 7); /* in place of "%": shares differ by points */
    snprintf(f.text, sizeof f.text, "%s%.38s", x > 0 ? "+" : "", n.text);
    return f;
}
