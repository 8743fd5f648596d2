/* What the files of the checker share. The checker reads a printed plan back (check_read.c) and then asks the scenario,
 * row by row, whether each sentence of the program holds: what is bought and rented (check_fleet.c), what it serves and
 * trains (check_work.c), what it costs (check_money.c). It shares no code with the program that was solved. */
#ifndef LOAM_FLEET_CHECK_INT_H
#define LOAM_FLEET_CHECK_INT_H

#include "fleet/plan.h"

/* Rows may be off by this share of their size, and by that much in any case (servers, chips, kW, requests/s). */
#define LOAM_CHECK_SHARE 1e-6
#define LOAM_CHECK_FLOOR 1e-9

enum { LOAM_CASH_CAPEX, LOAM_CASH_RENT, LOAM_CASH_RUNNING, LOAM_CASH_KINDS };

/* Servers in operation, [regions][chips][months] each. Rented ones whose price holds power and colocation draw none of
 * the site's. */
typedef struct loam_standing {
    double *owned, *bought, *rented, *drawing;
} loam_standing;

/* Where the money goes. Cash is undiscounted, [regions][chips][months] for each kind; the parts are present values. */
typedef struct loam_cash {
    double *by_kind[LOAM_CASH_KINDS];
    loam_plan_cost present;
    double gross;                   /* the parts without the residual value */
    double *order_usd, *order_duty; /* [orders]: all of an order, duty included; the duty in it */
    double *rent_usd;               /* [rents], within the horizon */
} loam_cash;

typedef struct loam_check {
    const loam_scenario *s;
    loam_arena *arena;
    loam_buf *report;
    int n_violations;
    loam_plan plan; /* as printed; rows that name what does not exist are said and left out */
    loam_standing standing;
    loam_cash cash;
    loam_replica *replicas; /* [services][chips] */
} loam_check;

/* One violation, one line. */
void loam_check_say(loam_check *k, const char *fmt, ...) LOAM_PRINTF(2, 3);
/* used > limit, or a ≠ b, by more than the tolerance for a row whose terms add up to `size`. */
bool loam_check_over(double used, double limit, double size);
bool loam_check_differ(double a, double b, double size);
/* Index into [regions][chips][months]. */
static inline size_t loam_check_at(const loam_scenario *s, int region, int chip, int month)
{
    return ((size_t)region * s->n_chips + (size_t)chip) * (size_t)s->months + (size_t)month;
}
/* Masks of the scenario: NULL holds everything. */
static inline bool loam_check_in(const bool *mask, int i)
{
    return !mask || mask[i];
}
/* "2025-03" of a month from the scenario's start, into a ring of a few buffers: good for one sentence. */
const char *loam_check_date(const loam_scenario *s, int month);

LOAM_CHECK_RESULT loam_status loam_check_read(loam_check *k, const char *json, size_t len, loam_err *err);

/* Both work on any plan of the scenario, printed or not: loam_doubt_run counts money with them as well. */
LOAM_CHECK_RESULT loam_status loam_standing_count(const loam_scenario *s, const loam_plan *p, loam_arena *arena,
                                                  loam_standing *out, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_cash_count(const loam_scenario *s, const loam_plan *p, const loam_standing *standing,
                                              loam_arena *arena, loam_cash *out, loam_err *err);
/* A server's price without duty: chips, server, network, installation. */
double loam_server_usd(const loam_scenario *s, const loam_supply *u);

void loam_check_orders(loam_check *k);
void loam_check_rents(loam_check *k);
LOAM_CHECK_RESULT loam_status loam_check_sites(loam_check *k, loam_err *err);
void loam_check_shares(loam_check *k);
LOAM_CHECK_RESULT loam_status loam_check_work(loam_check *k, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_check_training(loam_check *k, double *chips_by_month, bool *done, loam_err *err);
void loam_check_money(loam_check *k);

#endif
