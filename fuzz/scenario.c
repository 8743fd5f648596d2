/* Scenarios from a stranger: refused with a place, or such that all that a plan asks of them can be answered. Text
 * before a NUL is a change, "path=value", of the scenario after it. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_loads(const loam_scenario *s, int service, int origin, int month)
{
    double mean = 0, want = s->services[service].per_day[(size_t)month * s->n_origins + (size_t)origin];
    for (int b = 0; b < s->blocks; b++) {
        double load = loam_scenario_load(s, service, origin, month, b);
        double part = loam_scenario_load_mean(s, service, origin, month, b);
        if (!(part >= 0 && load >= part * (1 - 1e-9) && load < 1e16))
            abort();
        mean += part * 86400 / s->blocks;
    }
    if (!(fabs(mean - want) <= 1e-9 * want))
        abort();
}

static void check(const loam_scenario *s)
{
    const char *why;
    loam_ruling ruling;
    int last = s->months - 1;
    if (s->months < 1 || s->months > LOAM_FLEET_MAX_MONTHS || 24 % s->blocks || s->months % s->order_every)
        abort();
    for (int v = 0; v < (int)s->n_services; v++)
        for (int o = 0; o < (int)s->n_origins; o++) {
            check_loads(s, v, o, 0);
            check_loads(s, v, o, last);
            for (int r = 0; r < (int)s->n_regions; r++) {
                why = NULL;
                if (!loam_scenario_route(s, v, o, r, last, &why) && !why)
                    abort();
            }
        }
    for (int c = 0; c < (int)s->n_chips && c < 4; c++)
        for (int r = 0; r < (int)s->n_regions && r < 4; r++)
            loam_scenario_ruling(s, c, r, LOAM_GET_BUY, NULL, c % 2, last, &ruling);
    for (size_t i = 0; i < s->n_budgets; i++)
        if (s->budgets[i].from < 0 || s->budgets[i].until > s->months)
            abort();
    for (size_t i = 0; i < s->n_rents; i++)
        if (s->rents[i].from < 0 || s->rents[i].from >= s->months || s->rents[i].chip >= (int)s->n_chips ||
            s->rents[i].region >= (int)s->n_regions)
            abort();
    for (size_t i = 0; i < s->n_trainings; i++)
        if (s->trainings[i].start < 0 || s->trainings[i].deadline >= s->months)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    loam_err err = LOAM_ERR_INIT;
    loam_scenario *s;
    const char *text = (const char *)data, *end = size ? memchr(text, 0, size) : NULL;
    loam_change change = {0};
    if (size > 20000)
        return 0;
    char *path = NULL;
    size_t n = end ? (size_t)(end - text) : 0;
    if (end && (path = calloc(1, n + 1))) {
        memcpy(path, text, n);
        char *equals = strchr(path, '=');
        if (equals) {
            *equals = 0;
            change = (loam_change){path, equals + 1};
        }
    }
    size_t skip = end ? n + 1 : 0;
    if (loam_scenario_parse("text", text + skip, size - skip, &change, change.path != NULL, &s, &err) == LOAM_OK)
        check(s);
    else if (s || !err.msg[0])
        abort();
    loam_scenario_free(s);
    free(path);
    return 0;
}
