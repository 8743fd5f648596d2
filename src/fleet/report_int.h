/* What the reports share: numbers for people, sums over a plan, and sentences. Private to src/fleet/report_*.c. */
#ifndef LOAM_FLEET_REPORT_INT_H
#define LOAM_FLEET_REPORT_INT_H

#include <stdint.h>

#include "base/arena.h"
#include "fleet/report.h"

/* A number as people read it: three significant digits, a unit in words. By value, so that several fit one printf. */
typedef struct loam_figure {
    char text[40];
} loam_figure;
loam_figure loam_figure_usd(double usd);   /* "1.2 bn USD", "12,300 USD"; "no limit" for an infinity */
loam_figure loam_figure_count(double n);   /* "3,400", "0.42" */
loam_figure loam_figure_scaled(double x);  /* "776 bn", "1.2 M", "940" */
loam_figure loam_figure_share(double x);   /* "99.6 %"; never rounded up to 100 % or down to 0 % */
loam_figure loam_figure_kw(double kw);     /* "12.4 MW", "380 kW" */
loam_figure loam_figure_seconds(double s); /* "28 ms", "1.4 s", "14 min" */
loam_figure loam_figure_month(const loam_scenario *s, int month); /* "2025-03"; month counts from the start */
loam_figure loam_figure_of(double x, const char *unit);     /* by the unit: USD, kW, share, else a count and the unit */
loam_figure loam_figure_change(double x, const char *unit); /* with its sign: "+42 M USD", "-120"; "=" for none */

/* A flow of load at each service's busiest block, what was bought where, and other sums that more than one report
 * needs. Zeroed arrays where the plan has nothing (it may be infeasible and empty). */
typedef struct loam_fleet_sums {
    loam_arena *arena; /* owned */
    int months;
    size_t regions, chips, services;
    int *busiest;       /* [services][months] block of the day with most demand */
    double *demand;     /* [services][months] requests/s in that block, over all origins */
    double *served;     /* [services][months] of them */
    double *by_chip;    /* [services][chips][months] requests/s that each chip serves in that block */
    double *demand_day; /* [services][months] requests a day */
    double *served_day; /* [services][months] */
    double *bought;     /* [regions][chips][months] servers, by month of the order */
    double *rented;     /* [regions][chips][months] servers whose rent starts */
    double *power_kw;   /* [regions][months] */
    double *fleet;      /* [chips][months] servers in operation */
    double use[4][60];  /* [busy, training, spare, idle][months] servers */
    double servers_bought, servers_rented, chips_bought;
    double capex, rent, running; /* cash over the horizon */
    bool *chip_used;             /* [chips] bought, rented or in operation */
    int *colour;                 /* [chips] number of its colour among the used ones; -1: not used */
} loam_fleet_sums;
/* False when out of memory. Free with loam_fleet_sums_deinit either way. */
bool loam_fleet_sums_init(loam_fleet_sums *m, const loam_scenario *s, const loam_plan *p);
void loam_fleet_sums_deinit(loam_fleet_sums *m);

/* Limits that bind, what one per cent more of them is worth first; at most max indices into p->limits. */
size_t loam_plan_binding(const loam_plan *p, size_t max, size_t *out);
/* What one per cent more of a limit is worth (one unit of a limit that is 0). */
double loam_limit_worth(const loam_plan_limit *l);
/* Whether everything is served: worth is then money, else share of demand. */
bool loam_plan_serves_all(const loam_plan *p);
/* The month in which a run's last work is done, or -1; *needed and *done are chips × months; *region and *chip where
 * it runs, or -1. */
int loam_plan_run_done(const loam_scenario *s, const loam_plan *p, int training, int *region, int *chip, double *needed,
                       double *done);

/* The flips that change most, first. */
size_t loam_doubt_top_flips(const loam_plan *p, const loam_doubt_result *d, size_t max, size_t *out);

/* Sentences, without an end of line. */
/* What stands over the names of a conflict, without a colon. */
const char *loam_words_conflict(const loam_plan *p);
void loam_words_status(const loam_plan *p, loam_buf *out);
void loam_words_answer(const loam_scenario *s, const loam_plan *p, const loam_fleet_sums *m, loam_buf *out);
void loam_words_limit(const loam_plan *p, const loam_plan_limit *l, loam_buf *out);
void loam_words_training(const loam_scenario *s, const loam_plan *p, int training, loam_buf *out);
void loam_words_flip(const loam_plan *p, const loam_flip *f, loam_buf *out);
void loam_words_futures(const loam_scenario *s, const loam_doubt_result *d, loam_buf *out);
/* From which difference on two plans differ by more than their gaps; false if there is none. */
bool loam_words_noise(const loam_plan *p, loam_buf *out);
extern const char loam_words_no_advice[];

/* Plain text in columns (report_columns.c). Names come from outside: control characters are shown as "?", so that none
 * of them can steer a terminal. Width is counted in cells: wide characters take two. */
typedef struct loam_columns {
    loam_arena *arena; /* borrowed */
    const char *align; /* "lrr": left, right, right */
    struct loam_columns_row *first, *last;
} loam_columns;
loam_columns loam_columns_begin(loam_arena *arena, const char *align);
/* As many cells as columns; copied. A NULL first cell is a rule. False when out of memory. */
bool loam_columns_row(loam_columns *t, const char *const *cells);
/* Left columns shrink, with an ellipsis, until all fits. */
void loam_columns_end(const loam_columns *t, int indent, int width, loam_buf *out);
/* One paragraph of at most width columns; lines after the first are indented by `hang` more. */
void loam_text_wrap(const char *text, int indent, int hang, int width, loam_buf *out);
int loam_text_cells(const char *text);
/* The bytes of the next character, and the character; U+FFFD for a byte that begins none. */
size_t loam_text_step(const char *s, uint32_t *c);
/* Controls, and what changes the direction of text. */
bool loam_text_steers(uint32_t c);

#endif
