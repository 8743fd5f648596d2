/* Tests of a chip's figures against a record's thresholds, told in words. */
#include "fleet/rules_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

double loam_figure_value(const loam_chip *c, loam_figure f)
{
    switch (f) {
    case LOAM_FIGURE_TPP:
        return c->tpp;
    case LOAM_FIGURE_PD:
        return c->pd;
    case LOAM_FIGURE_IO:
        return c->link_gbps;
    case LOAM_FIGURE_DRAM:
        return c->mem_gbps;
    case LOAM_FIGURE_DRAM_IO:
        return c->mem_gbps + c->link_gbps;
    default:
        return 0;
    }
}

static const char *figure_name(loam_figure f)
{
    static const char *const names[] = {"", "TPP", "PD", "IO", "DRAM", "DRAM + IO"};
    return names[f];
}

static bool is_right(loam_either wanted, bool is)
{
    return wanted == LOAM_ANY || (wanted == LOAM_YES) == is;
}

/* What no uplift of a figure would change. */
static bool kind_fits(const loam_rule_test *t, const loam_chip *c)
{
    return is_right(t->datacentre, c->datacentre) && is_right(t->chinese, strcmp(c->origin, "CN") == 0) &&
           is_right(t->us_sold, c->us_sold) && (!t->name || strncasecmp(c->name, t->name, strlen(t->name)) == 0);
}

static bool is_met(const loam_threshold *th, double v)
{
    return v >= th->at_least && (th->below == 0 || v < th->below);
}

static size_t count(const loam_threshold *alternative)
{
    size_t n = 0;
    while (n < LOAM_TEST_THRESHOLDS && alternative[n].figure != LOAM_FIGURE_NONE)
        n++;
    return n;
}

/* Appends to a string that may be full; a cut text stays a text. */
static void add(char *out, size_t size, const char *text)
{
    size_t len = strlen(out), n = strlen(text);
    if (len + 1 >= size)
        return;
    n = n < size - len - 1 ? n : size - len - 1;
    memcpy(out + len, text, n);
    out[len + n] = 0;
}

/* "TPP 15832 >= 4800 (3.3 x)", "PD 2.91 >= 1.6 and < 5.92". */
static void tell(const loam_threshold *th, double v, char *out, size_t size)
{
    char word[96];
    snprintf(word, sizeof word, "%s%s %.6g", *out ? ", " : "", figure_name(th->figure), v);
    add(out, size, word);
    if (th->at_least > 0) {
        if (v >= 2 * th->at_least)
            snprintf(word, sizeof word, " >= %g (%.1f x)", th->at_least, v / th->at_least);
        else
            snprintf(word, sizeof word, " >= %g (+%.1f %%)", th->at_least, (v / th->at_least - 1) * 100);
        add(out, size, word);
    }
    if (th->below > 0) {
        snprintf(word, sizeof word, "%s < %g (%.1f %% under)", th->at_least > 0 ? " and" : "", th->below,
                 (1 - v / th->below) * 100);
        add(out, size, word);
    }
}

bool loam_rule_test_holds(const loam_rule_test *t, const loam_chip *c, char *clause, size_t size)
{
    if (size)
        clause[0] = 0;
    if (!kind_fits(t, c))
        return false;
    for (int a = 0; a < LOAM_TEST_ALTERNATIVES; a++) {
        size_t n = count(t->any_of[a]), met = 0;
        while (met < n && is_met(&t->any_of[a][met], loam_figure_value(c, t->any_of[a][met].figure)))
            met++;
        if (n == 0 || met < n) {
            if (n == 0)
                return a == 0;
            continue;
        }
        for (size_t i = 0; i < n; i++)
            tell(&t->any_of[a][i], loam_figure_value(c, t->any_of[a][i].figure), clause, size);
        return true;
    }
    return false;
}

/* Of a threshold that is not met: the share of it that is missing or too much. A figure that nobody knows cannot be
 * near. */
static double gap(const loam_threshold *th, double v)
{
    if (v == 0)
        return INFINITY;
    return v < th->at_least ? 1 - v / th->at_least : v / th->below - 1;
}

double loam_rule_test_distance(const loam_rule_test *t, const loam_chip *c, char *words, size_t size)
{
    double best = INFINITY;
    if (!kind_fits(t, c))
        return INFINITY;
    for (int a = 0; a < LOAM_TEST_ALTERNATIVES && count(t->any_of[a]); a++) {
        double worst = 0;
        const loam_threshold *which = NULL;
        for (size_t i = 0; i < count(t->any_of[a]); i++) {
            const loam_threshold *th = &t->any_of[a][i];
            double v = loam_figure_value(c, th->figure), g = is_met(th, v) ? 0 : gap(th, v);
            if (g > worst) {
                worst = g;
                which = th;
            }
        }
        if (!which || worst >= best)
            continue;
        best = worst;
        double v = loam_figure_value(c, which->figure);
        bool under = v < which->at_least;
        snprintf(words, size, "%s %.6g is %.1f %% %s %g", figure_name(which->figure), v, worst * 100,
                 under ? "under" : "over", under ? which->at_least : which->below);
    }
    return best;
}
