/* Values with units: money in any currency that the scenario names, days and months, steps in time. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fleet/scenario_int.h"

static const char *const kinds[] = {"empty", "a text", "a list", "a map"};

loam_text_shown loam_show_text(const char *s)
{
    loam_text_shown out;
    size_t n = strlen(s), max = sizeof out.text - 4;
    bool cut = n > max;
    if (cut)
        for (n = max; n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80;)
            n--;
    memcpy(out.text, s, n);
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\n' || s[i] == '\r' || s[i] == '\t')
            out.text[i] = ' ';
    memcpy(out.text + n, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

loam_text_shown loam_show_figure(double v)
{
    static const struct {
        double from;
        const char *suffix;
    } units[] = {{1e12, " T"}, {1e9, " B"}, {1e6, " M"}};
    loam_text_shown out;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (fabs(v) >= units[i].from) {
            snprintf(out.text, sizeof out.text, "%.4g%s", v / units[i].from, units[i].suffix);
            return out;
        }
    snprintf(out.text, sizeof out.text, "%.6g", v);
    return out;
}

static loam_text_shown show_value(const loam_yaml_node *v)
{
    return loam_show_text(v->kind == LOAM_YAML_TEXT ? v->text : kinds[v->kind]);
}

loam_status loam_read_text(loam_reader *r, const loam_yaml_node *v, const char **out)
{
    if (v->kind != LOAM_YAML_TEXT)
        LOAM_REFUSE(r, v->line, "expected a text, this is %s", kinds[v->kind]);
    *out = v->text;
    return LOAM_OK;
}

loam_status loam_read_number(loam_reader *r, const loam_yaml_node *v, double min, double max, double *out)
{
    return loam_yaml_number(r->name, v, min, max, out, r->err);
}

/* USD per unit of a currency. */
static loam_status exchange(loam_reader *r, int line, const char *code, double *usd)
{
    *usd = 1;
    if (!strcmp(code, "USD"))
        return LOAM_OK;
    for (size_t i = 0; i < r->n_currencies; i++)
        if (!strcmp(code, r->currencies[i].code)) {
            *usd = 1 / r->currencies[i].per_usd;
            return LOAM_OK;
        }
    LOAM_REFUSE(r, line, "what is a unit of '%s' worth? Say how many make a dollar, at the top: currency: {CNY: 7.2}",
                loam_show_text(code).text);
}

loam_status loam_read_usd(loam_reader *r, const loam_yaml_node *v, double min, double max, double *out)
{
    double amount, usd;
    size_t len = v->kind == LOAM_YAML_TEXT ? loam_yaml_scan_number(v->text, &amount) : 0;
    if (!len)
        LOAM_REFUSE(r, v->line, "expected money, as a number of USD or like '40 bn CNY', this is %s",
                    show_value(v).text);
    const char *code = v->text + len + strspn(v->text + len, " ");
    LOAM_TRY(exchange(r, v->line, *code ? code : "USD", &usd));
    if (amount * usd < min || amount * usd > max)
        LOAM_REFUSE(r, v->line, "expected money from %s to %s USD, this is %s", loam_show_figure(min).text,
                    loam_show_figure(max).text, loam_show_figure(amount * usd).text);
    *out = amount * usd;
    return LOAM_OK;
}

loam_status loam_read_day(loam_reader *r, const loam_yaml_node *v, loam_day *out)
{
    if (v->kind != LOAM_YAML_TEXT || !loam_day_parse(v->text, out))
        LOAM_REFUSE(r, v->line, "expected a day such as 2025-01-19, or a month such as 2025-01, this is %s",
                    show_value(v).text);
    return LOAM_OK;
}

loam_status loam_read_month(loam_reader *r, const loam_yaml_node *v, int *out)
{
    loam_month m;
    if (v->kind != LOAM_YAML_TEXT || !loam_month_parse(v->text, &m))
        LOAM_REFUSE(r, v->line, "expected a month such as 2025-01, this is %s", show_value(v).text);
    *out = m - r->s->start;
    return LOAM_OK;
}

loam_month_text loam_show_month(const loam_scenario *s, int month)
{
    loam_month_text out;
    loam_month_format(s->start + month, out.text);
    return out;
}

loam_status loam_read_steps(loam_reader *r, const loam_yaml_node *list, loam_read_step read, void *arg)
{
    int before = 0;
    for (size_t i = 0; i < list->n; i++) {
        const loam_yaml_node *step = list->items[i], *v = loam_read_given(step, "from");
        int from = 0;
        if (step->kind != LOAM_YAML_MAP)
            LOAM_REFUSE(r, step->line, "expected a step such as {from: 2025-03, ...}, this is %s", kinds[step->kind]);
        if (v)
            LOAM_TRY(loam_read_named(r, "from", loam_read_month(r, v, &from)));
        if (!v && i)
            LOAM_REFUSE(r, step->line, "the step does not say 'from': only the first may leave it out");
        if (i && from <= before)
            LOAM_REFUSE(r, step->line, "the step begins in %s, not after the one before it (%s)",
                        loam_show_month(r->s, from).text, loam_show_month(r->s, before).text);
        before = from;
        LOAM_TRY(read(r, step, from < 0 ? 0 : from, arg));
    }
    return LOAM_OK;
}
