/* The independent checker's frame: reads, recomputes, reports. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "fleet/check_int.h"

void loam_check_say(loam_check *k, const char *fmt, ...)
{
    char line[640];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    loam_buf_printf(k->report, "%s\n", line);
    k->n_violations++;
}

bool loam_check_over(double used, double limit, double size)
{
    return !(used - limit <= LOAM_CHECK_SHARE * fabs(size) + LOAM_CHECK_FLOOR); /* NaN is over, too */
}

bool loam_check_differ(double a, double b, double size)
{
    return !(fabs(a - b) <= LOAM_CHECK_SHARE * fabs(size) + LOAM_CHECK_FLOOR);
}

const char *loam_check_date(const loam_scenario *s, int month)
{
    static _Thread_local char ring[4][8];
    static _Thread_local unsigned at;
    char *date = ring[at++ % 4];
    loam_month_format(s->start + month, date);
    return date;
}

static loam_status check_all(loam_check *k, const char *json, size_t len, loam_err *err)
{
    const loam_scenario *s = k->s;
    LOAM_TRY(loam_check_read(k, json, len, err));
    k->replicas = loam_arena_alloc(k->arena, s->n_services * s->n_chips * sizeof *k->replicas);
    if (!k->replicas)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for checking a plan");
    for (size_t i = 0; i < s->n_services; i++) {
        for (size_t c = 0; c < s->n_chips; c++)
            loam_perf_best(&s->models[s->services[i].model], &s->services[i], &s->chips[c],
                           &k->replicas[i * s->n_chips + c]);
    }
    LOAM_TRY(loam_standing_count(s, &k->plan, k->arena, &k->standing, err));
    LOAM_TRY(loam_cash_count(s, &k->plan, &k->standing, k->arena, &k->cash, err));
    loam_check_orders(k);
    loam_check_rents(k);
    LOAM_TRY(loam_check_sites(k, err));
    loam_check_shares(k);
    LOAM_TRY(loam_check_work(k, err));
    loam_check_money(k);
    return LOAM_OK;
}

loam_status loam_plan_check(const loam_scenario *s, const char *json, size_t len, loam_buf *report, int *n_violations,
                            loam_err *err)
{
    loam_check k = {.s = s, .report = report, .arena = loam_arena_new(0)};
    if (!k.arena)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for checking a plan");
    loam_status status = check_all(&k, json, len, err);
    *n_violations = k.n_violations;
    loam_arena_free(k.arena);
    if (status == LOAM_OK && report->failed)
        LOAM_FAIL(err, TOO_LARGE, "the checker's report does not fit in %zu bytes: %d violations so far", report->max,
                  k.n_violations);
    return status;
}
