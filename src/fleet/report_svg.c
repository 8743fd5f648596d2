#include "fleet/report_svg.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/report_int.h"

/* Whether a space between `before` and text stands between a number and its unit: "391 M USD", "99.7 %". */
static bool is_unit(char before, const char *text)
{
    if (!(before >= '0' && before <= '9') && before != 'M' && before != 'n')
        return false;
    static const char *const units[] = {"M ", "bn ", "tn ", "%", "USD", "kW", "MW", "GW"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!strncmp(text, units[i], strlen(units[i])))
            return true;
    }
    return false;
}

static void put_text(loam_buf *out, const char *text, bool glue)
{
    uint32_t c;
    char before = 0;
    for (; *text;) {
        size_t n = loam_text_step(text, &c);
        if (glue && c == ' ' && is_unit(before, text + 1))
            loam_buf_str(out, "&nbsp;");
        else if (c == '\n' || c == '\t')
            loam_buf_char(out, ' ');
        else if (loam_text_steers(c))
            loam_buf_str(out, "\xEF\xBF\xBD");
        else if (c == '&')
            loam_buf_str(out, "&amp;");
        else if (c == '<')
            loam_buf_str(out, "&lt;");
        else if (c == '>')
            loam_buf_str(out, "&gt;");
        else if (c == '"')
            loam_buf_str(out, "&quot;");
        else if (c == '\'')
            loam_buf_str(out, "&#39;");
        else
            loam_buf_add(out, text, n);
        before = *text;
        text += n;
    }
}

void loam_html_text(loam_buf *out, const char *text)
{
    put_text(out, text, false);
}

void loam_html_sentence(loam_buf *out, const char *text)
{
    put_text(out, text, true);
}

void loam_html_vprintf(loam_buf *out, const char *fmt, va_list ap)
{
    char small[512], *text = small;
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n >= (int)sizeof small) {
        text = malloc((size_t)n + 1);
        if (text)
            vsnprintf(text, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    if (n < 0 || !text)
        out->failed = true;
    else
        loam_html_text(out, text);
    if (text != small)
        free(text);
}

double loam_nice_step(double most, int n)
{
    static const double nice[] = {5, 2.5, 2, 1};
    if (!(most > 0) || !isfinite(most))
        return 1;
    double ten = pow(10, floor(log10(most / n)));
    for (size_t i = 0; i < sizeof nice / sizeof *nice; i++) {
        if (nice[i] * ten * n <= most * (1 + 1e-9))
            return nice[i] * ten;
    }
    return ten;
}

/* One decimal of a pixel is finer than any screen. */
static void put_xy(loam_buf *out, const char *name, double v)
{
    loam_buf_printf(out, " %s=\"%.1f\"", name, v);
}

static void put_label(loam_buf *out, double x, double y, const char *anchor, const char *text)
{
    loam_buf_str(out, "<text");
    put_xy(out, "x", x);
    put_xy(out, "y", y);
    loam_buf_printf(out, " text-anchor=\"%s\">", anchor);
    loam_html_text(out, text);
    loam_buf_str(out, "</text>");
}

static double plot_x(const loam_plot *p, double band)
{
    return p->left + (p->width - p->left - p->right) * band / p->bands;
}

double loam_plot_y(const loam_plot *p, double y)
{
    double room = p->height - p->top - p->bottom;
    return p->height - p->bottom - room * (p->y_max > 0 ? y / p->y_max : 0);
}

static loam_figure scale_figure(double y, loam_plot_unit unit)
{
    return unit == LOAM_PLOT_KW ? loam_figure_kw(y) : loam_figure_scaled(y);
}

static void put_scale(loam_plot *p, double step, loam_plot_unit unit, const char *caption)
{
    for (int i = 0; step * i <= p->y_max * (1 + 1e-9); i++) {
        double y = loam_plot_y(p, step * i);
        loam_figure f = scale_figure(step * i, unit);
        loam_buf_printf(p->out, "<path class=\"%s\" d=\"M%d %.1fH%d\"/>", i ? "grid" : "base", p->left, y,
                        p->width - p->right);
        put_label(p->out, p->left - 6, y + 4, "end", i ? f.text : "0");
    }
    if (*caption)
        put_label(p->out, 0, 11, "start", caption);
}

loam_plot loam_plot_begin(loam_buf *out, int *id, int width, int height, int bands, double y_most, loam_plot_unit unit,
                          const char *caption, const char *title, const char *desc)
{
    loam_plot p = {out, width, height, 50, 2, 22, 34, bands > 0 ? bands : 1, 1};
    double step = loam_nice_step(y_most > 0 ? y_most : 1, 3);
    if (unit == LOAM_PLOT_WHOLE && step < 10)
        step = step < 1 ? 1 : ceil(step); /* 2.5 is no number of servers */
    p.y_max = step * ceil((y_most > 0 ? y_most : 1) / step * (1 - 1e-9));
    for (int i = 1; step * i <= p.y_max * (1 + 1e-9); i++) { /* a digit is 6.6 pixels wide */
        int room = 14 + (int)(6.6 * loam_text_cells(scale_figure(step * i, unit).text));
        p.left = room > p.left ? room : p.left;
    }
    int n = ++*id;
    loam_buf_printf(out,
                    "<svg class=\"plot\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
                    "aria-labelledby=\"t%d d%d\"><title id=\"t%d\">",
                    width, height, width, height, n, n, n);
    loam_html_text(out, title);
    loam_buf_printf(out, "</title><desc id=\"d%d\">", n);
    loam_html_text(out, desc);
    loam_buf_str(out, "</desc>");
    put_scale(&p, step, unit, caption);
    return p;
}

void loam_plot_end(loam_plot *p)
{
    loam_buf_printf(p->out, "<path class=\"base\" d=\"M%d %dH%d\"/></svg>\n", p->left, p->height - p->bottom,
                    p->width - p->right);
}

void loam_plot_months(loam_plot *p, int month)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const int strides[] = {1, 2, 3, 6, 12, 24};
    double band = (double)(p->width - p->left - p->right) / p->bands;
    size_t s = 0;
    while (s + 1 < sizeof strides / sizeof *strides && strides[s] * band < 30)
        s++;
    int y = p->height - p->bottom + 14, last_year = -1;
    for (int i = 0; i < p->bands; i++) {
        int in_year = (month + i) % 12, year = 1970 + (month + i) / 12;
        if (strides[s] < 12 ? in_year % strides[s] : in_year || year % (strides[s] / 12))
            continue;
        double x = plot_x(p, i + .5);
        if (strides[s] < 12)
            put_label(p->out, x, y, "middle", names[in_year]);
        if (year != last_year) {
            char text[8];
            snprintf(text, sizeof text, "%d", year);
            put_label(p->out, x, strides[s] < 12 ? y + 14 : y, "middle", text);
        }
        last_year = year;
    }
}

void loam_plot_borders(loam_plot *p, double x0, double x1, void (*write)(double x, char out[40]))
{
    int stride = (p->bands + 3) / 4;
    for (int i = 0; i <= p->bands; i += stride) {
        char text[40];
        write(x0 + (x1 - x0) * i / p->bands, text);
        put_label(p->out, plot_x(p, i), p->height - p->bottom + 16,
                  i == 0          ? "start"
                  : i == p->bands ? "end"
                                  : "middle",
                  text);
    }
}

void loam_plot_bar(loam_plot *p, int band, double share, double y0, double y1, const char *class_name,
                   const char *tooltip)
{
    double x0 = plot_x(p, band + (1 - share) / 2), x1 = plot_x(p, band + (1 + share) / 2);
    double top = loam_plot_y(p, y1), bottom = loam_plot_y(p, y0);
    if (!(bottom > top))
        return;
    loam_buf_printf(p->out, "<rect class=\"%s\"", class_name);
    put_xy(p->out, "x", x0);
    put_xy(p->out, "y", top);
    put_xy(p->out, "width", x1 - x0);
    put_xy(p->out, "height", bottom - top);
    loam_buf_str(p->out, "><title>");
    loam_html_text(p->out, tooltip);
    loam_buf_str(p->out, "</title></rect>");
}

void loam_plot_steps(loam_plot *p, const double *y, const char *class_name)
{
    loam_buf_printf(p->out, "<path class=\"%s\" d=\"M%.1f %.1f", class_name, plot_x(p, 0), loam_plot_y(p, y[0]));
    for (int i = 0; i < p->bands; i++) {
        if (i)
            loam_buf_printf(p->out, "V%.1f", loam_plot_y(p, y[i]));
        loam_buf_printf(p->out, "H%.1f", plot_x(p, i + 1));
    }
    loam_buf_str(p->out, "\"/>");
}

void loam_plot_mark(loam_plot *p, double x, const char *word)
{
    double at = p->left + (p->width - p->left - p->right) * x;
    loam_buf_printf(p->out, "<path class=\"mark\" d=\"M%.1f %dV%d\"/>", at, p->top - 4, p->height - p->bottom);
    put_label(p->out, at + (x > .7 ? -4 : 4), p->top + 4, x > .7 ? "end" : "start", word);
}

void loam_bar(loam_buf *out, const loam_bar_part *parts, size_t n)
{
    loam_buf_str(out, "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                      "<rect class=\"track\" width=\"1000\" height=\"10\"/>");
    double at = 0;
    for (size_t i = 0; i < n; i++) {
        double w = 1000 * fmin(fmax(parts[i].share, 0), 1);
        if (w <= 0)
            continue;
        loam_buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" width=\"%.1f\" height=\"10\">", parts[i].class_name, at, w);
        if (parts[i].tooltip) {
            loam_buf_str(out, "<title>");
            loam_html_text(out, parts[i].tooltip);
            loam_buf_str(out, "</title>");
        }
        loam_buf_str(out, "</rect>");
        at += w;
    }
    loam_buf_str(out, "</svg>");
}

void loam_bar_signed(loam_buf *out, double x, const char *class_name)
{
    x = fmin(fmax(x, -1), 1);
    loam_buf_printf(out,
                    "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                    "<rect class=\"%s\" x=\"%.1f\" width=\"%.1f\" height=\"10\"/><rect class=\"zero\" x=\"499\" "
                    "width=\"2\" height=\"10\"/></svg>",
                    class_name, x < 0 ? 500 + 500 * x : 500, 500 * fabs(x));
}
