/* Small pieces of SVG and HTML that the page is made of. Coordinates are pixels of the picture; a plot has one band per
 * month (or bin, or item) along x and a scale from 0 along y. Colours are classes of the page's style sheet (k0 … k9).
 */
#ifndef LOAM_FLEET_REPORT_SVG_H
#define LOAM_FLEET_REPORT_SVG_H

#include <stdarg.h>

#include "base/buf.h"

/* Text from outside as HTML text or as an attribute's value: nothing of it is ever markup. */
void loam_html_text(loam_buf *out, const char *text);
/* The same, with numbers kept on one line with their units. */
void loam_html_sentence(loam_buf *out, const char *text);
/* What fmt formats, as text. */
void loam_html_vprintf(loam_buf *out, const char *fmt, va_list ap) LOAM_PRINTF(2, 0);

enum { LOAM_PALETTE = 10 };

typedef struct loam_plot {
    loam_buf *out;
    int width, height;
    int left, right, top, bottom; /* margins */
    int bands;
    double y_max; /* of the scale: a round number, at least the highest value */
} loam_plot;

/* How numbers along y are written. */
typedef enum loam_plot_unit { LOAM_PLOT_PLAIN, LOAM_PLOT_WHOLE, LOAM_PLOT_KW } loam_plot_unit; /* WHOLE: no halves */

/* Begins a picture with its title and description (for those who cannot see it), draws the scale from 0 to at least
 * y_most with its lines; `caption` stands above the scale. *id counts the page's pictures. */
loam_plot loam_plot_begin(loam_buf *out, int *id, int width, int height, int bands, double y_most, loam_plot_unit unit,
                          const char *caption, const char *title, const char *desc);
void loam_plot_end(loam_plot *p);
/* Names of months under the bands, the first one `month` months after 1970-01; as many as there is room for. */
void loam_plot_months(loam_plot *p, int month);
/* Numbers under the borders of the bands, from x0 at the left end to x1 at the right, written by f. */
void loam_plot_borders(loam_plot *p, double x0, double x1, void (*write)(double x, char out[40]));
/* A bar in a band from y0 to y1, taking `share` of the band's width; the tooltip is text. */
void loam_plot_bar(loam_plot *p, int band, double share, double y0, double y1, const char *class_name,
                   const char *tooltip);
/* A line that is level within each band: what holds for a month holds for all of it. */
void loam_plot_steps(loam_plot *p, const double *y, const char *class_name);
/* A vertical mark at x between 0 and 1 of the scale, with a word at its top. */
void loam_plot_mark(loam_plot *p, double x, const char *word);
double loam_plot_y(const loam_plot *p, double y);

/* A bar that fills its cell: parts from left to right, as shares of the cell's width. */
typedef struct loam_bar_part {
    double share;
    const char *class_name, *tooltip;
} loam_bar_part;
void loam_bar(loam_buf *out, const loam_bar_part *parts, size_t n);
/* A bar to the left or the right of the middle; x between -1 and 1. */
void loam_bar_signed(loam_buf *out, double x, const char *class_name);

/* The largest of 1, 2, 2.5, 5 × 10^k that gives at least n steps up to most. */
double loam_nice_step(double most, int n);

#endif
