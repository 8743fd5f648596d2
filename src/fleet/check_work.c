/* What the fleet serves: all demand is accounted for, goes only where it may, and fits on the chips that stand there.
 */
#include <stdlib.h>
#include <string.h>

#include "fleet/check_int.h"

/* Sums of the rows of one (month, block). */
typedef struct slot {
    double *demand, *flowing, *missing; /* [services][origins] */
    double *arriving, *working;         /* [services][regions] */
    double *load;                       /* [services][regions][chips] */
    bool *works;                        /* the same, in any block of the month */
} slot;

static int by_when(int month_a, int block_a, int month_b, int block_b)
{
    return month_a != month_b ? (month_a > month_b) - (month_a < month_b) : (block_a > block_b) - (block_a < block_b);
}
static int by_when_work(const void *a, const void *b)
{
    const loam_plan_work *x = a, *y = b;
    return by_when(x->month, x->block, y->month, y->block);
}
static int by_when_flow(const void *a, const void *b)
{
    const loam_plan_flow *x = a, *y = b;
    return by_when(x->month, x->block, y->month, y->block);
}
static int by_when_miss(const void *a, const void *b)
{
    const loam_plan_miss *x = a, *y = b;
    return by_when(x->month, x->block, y->month, y->block);
}

static loam_status alloc_slot(loam_check *k, slot *out, loam_err *err)
{
    const loam_scenario *s = k->s;
    size_t so = s->n_services * s->n_origins, sr = s->n_services * s->n_regions;
    double **const tables[] = {&out->demand, &out->flowing, &out->missing, &out->arriving, &out->working, &out->load};
    const size_t sizes[] = {so, so, so, sr, sr, sr * s->n_chips};
    for (int i = 0; i < 6; i++) {
        *tables[i] = loam_arena_alloc(k->arena, sizes[i] * sizeof(double));
        if (!*tables[i])
            LOAM_FAIL(err, NO_MEMORY, "out of memory for the work of %zu services", s->n_services);
    }
    out->works = loam_arena_alloc(k->arena, sr * s->n_chips * sizeof *out->works);
    if (!out->works)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the work of %zu services", s->n_services);
    return LOAM_OK;
}

static double row_demand(const loam_scenario *s, const slot *m, int service)
{
    double sum = 0;
    for (size_t o = 0; o < s->n_origins; o++)
        sum += m->demand[(size_t)service * s->n_origins + o];
    return sum;
}

static void check_flow(loam_check *k, const loam_plan_flow *f)
{
    const loam_scenario *s = k->s;
    const loam_service *service = &s->services[f->service];
    const loam_origin *origin = &s->origins[f->origin];
    bool far = service->max_rtt_ms > 0 && origin->rtt_ms && origin->rtt_ms[f->region] > service->max_rtt_ms;
    if (far)
        loam_check_say(
            k, "flow: %.9g requests/s of '%s' from '%s' are served in '%s', %.9g ms away, at most %.9g may be", f->load,
            service->name, origin->name, s->regions[f->region].name, origin->rtt_ms[f->region], service->max_rtt_ms);
    const char *why = NULL;
    if (!loam_scenario_route(s, f->service, f->origin, f->region, f->month, &why) &&
        !(far && why && !strcmp(why, "max_rtt_ms"))) /* which was said */
        loam_check_say(k, "flow: %.9g requests/s of '%s' from '%s' are served in '%s' in %s, which %s forbids", f->load,
                       service->name, origin->name, s->regions[f->region].name, loam_check_date(s, f->month),
                       why ? why : "a data rule");
}

static void check_runs_on(loam_check *k, const loam_plan_work *w)
{
    const loam_scenario *s = k->s;
    const loam_replica *replica = &k->replicas[(size_t)w->service * s->n_chips + (size_t)w->chip];
    const char *service = s->services[w->service].name, *chip = s->chips[w->chip].chip.name;
    if (!loam_check_in(s->services[w->service].chips, w->chip))
        loam_check_say(k, "work: %.9g requests/s of '%s' on %s, which its software does not run on", w->load, service,
                       chip);
    else if (!replica->feasible)
        loam_check_say(k, "work: %.9g requests/s of '%s' on %s, which cannot serve it: %s", w->load, service, chip,
                       replica->why_not);
}

/* Fills the sums of (month, block) from the rows [*w, …), [*f, …), [*m, …), which are in that order. */
static void gather(loam_check *k, slot *m, int month, int block, size_t *w, size_t *f, size_t *u)
{
    const loam_scenario *s = k->s;
    const loam_plan *p = &k->plan;
    size_t so = s->n_services * s->n_origins, sr = s->n_services * s->n_regions;
    memset(m->flowing, 0, so * sizeof(double));
    memset(m->missing, 0, so * sizeof(double));
    memset(m->arriving, 0, sr * sizeof(double));
    memset(m->working, 0, sr * sizeof(double));
    memset(m->load, 0, sr * s->n_chips * sizeof(double));
    for (int i = 0; i < (int)s->n_services; i++) {
        for (int o = 0; o < (int)s->n_origins; o++)
            m->demand[(size_t)i * s->n_origins + (size_t)o] = loam_scenario_load(s, i, o, month, block);
    }
    for (; *f < p->n_flow && p->flow[*f].month == month && p->flow[*f].block == block; ++*f) {
        const loam_plan_flow *row = &p->flow[*f];
        m->flowing[(size_t)row->service * s->n_origins + (size_t)row->origin] += row->load;
        m->arriving[(size_t)row->service * s->n_regions + (size_t)row->region] += row->load;
    }
    for (; *u < p->n_miss && p->miss[*u].month == month && p->miss[*u].block == block; ++*u) {
        const loam_plan_miss *row = &p->miss[*u];
        m->missing[(size_t)row->service * s->n_origins + (size_t)row->origin] += row->load;
    }
    for (; *w < p->n_work && p->work[*w].month == month && p->work[*w].block == block; ++*w) {
        const loam_plan_work *row = &p->work[*w];
        size_t place = (size_t)row->service * s->n_regions + (size_t)row->region;
        m->working[place] += row->load;
        m->load[place * s->n_chips + (size_t)row->chip] += row->load;
    }
}

static void check_demand(loam_check *k, const slot *m, int month, int block)
{
    const loam_scenario *s = k->s;
    for (size_t i = 0; i < s->n_services; i++) {
        for (size_t o = 0; o < s->n_origins; o++) {
            size_t at = i * s->n_origins + o;
            double accounted = m->flowing[at] + m->missing[at];
            if (loam_check_differ(accounted, m->demand[at], m->demand[at]))
                loam_check_say(k,
                               "demand: of '%s' from '%s' in %s, block %d, %.9g requests/s are served and %.9g not, "
                               "%.9g are asked for",
                               s->services[i].name, s->origins[o].name, loam_check_date(s, month), block,
                               m->flowing[at], m->missing[at], m->demand[at]);
        }
        for (size_t r = 0; r < s->n_regions; r++) {
            size_t at = i * s->n_regions + r;
            if (loam_check_differ(m->arriving[at], m->working[at], m->arriving[at] + m->working[at]))
                loam_check_say(k, "work: of '%s' in '%s' in %s, block %d, %.9g requests/s arrive and chips do %.9g",
                               s->services[i].name, s->regions[r].name, loam_check_date(s, month), block,
                               m->arriving[at], m->working[at]);
        }
    }
}

/* Chips that stand by: one replica of each service with n_plus_1 that has work there in the month. */
static double standby(const loam_check *k, const slot *m, int region, int chip)
{
    const loam_scenario *s = k->s;
    double chips = 0;
    for (size_t i = 0; i < s->n_services; i++) {
        if (s->services[i].n_plus_1 && m->works[(i * s->n_regions + (size_t)region) * s->n_chips + (size_t)chip])
            chips += k->replicas[i * s->n_chips + (size_t)chip].chips;
    }
    return chips;
}

static void check_chips(loam_check *k, const slot *m, const double *training, int month, int block)
{
    const loam_scenario *s = k->s;
    for (int r = 0; r < (int)s->n_regions; r++) {
        for (int c = 0; c < (int)s->n_chips; c++) {
            size_t at = loam_check_at(s, r, c, month);
            double serving = 0;
            for (size_t i = 0; i < s->n_services; i++) {
                const loam_service *v = &s->services[i];
                const loam_replica *replica = &k->replicas[i * s->n_chips + (size_t)c];
                double load = m->load[(i * s->n_regions + (size_t)r) * s->n_chips + (size_t)c];
                if (load > 0 && replica->feasible)
                    serving += load * (1 + v->spare) / (replica->requests_per_s * v->utilisation) * replica->chips;
            }
            double spare = standby(k, m, r, c), used = serving + training[at] + spare;
            double servers = k->standing.owned[at] + k->standing.bought[at] + k->standing.rented[at];
            double sound = servers * s->chips[c].chip.per_server * (1 - s->chips[c].spare_share);
            if (loam_check_over(used, sound, used))
                loam_check_say(k,
                               "chips: %s in '%s' in %s, block %d: %.9g are needed (%.9g serve, %.9g train, %.9g stand "
                               "by), %.9g work",
                               s->chips[c].chip.name, s->regions[r].name, loam_check_date(s, month), block, used,
                               serving, training[at], spare, sound);
        }
    }
}

/* Where a service has work in any block of the month. Amounts within the tolerance are none. */
static void mark_work(loam_check *k, slot *m, int month, size_t from)
{
    const loam_scenario *s = k->s;
    const loam_plan *p = &k->plan;
    memset(m->works, 0, s->n_services * s->n_regions * s->n_chips * sizeof *m->works);
    for (size_t w = from; w < p->n_work && p->work[w].month == month; w++) {
        const loam_plan_work *row = &p->work[w];
        double demand = 0;
        for (int o = 0; o < (int)s->n_origins; o++)
            demand += loam_scenario_load(s, row->service, o, month, row->block);
        size_t place = (size_t)row->service * s->n_regions + (size_t)row->region;
        if (loam_check_over(row->load, 0, demand))
            m->works[place * s->n_chips + (size_t)row->chip] = true;
    }
}

/* 1 − what is served: the mean over services and runs of their own shares, by priority. */
static void check_served(loam_check *k, const double *served, const double *asked, const bool *done)
{
    const loam_scenario *s = k->s;
    double sum = 0, weights = 0;
    for (size_t i = 0; i < s->n_services; i++) {
        if (asked[i] <= 0)
            continue;
        sum += s->services[i].priority * served[i] / asked[i];
        weights += s->services[i].priority;
    }
    for (size_t j = 0; j < s->n_trainings; j++) {
        sum += done[j] ? s->trainings[j].priority : 0;
        weights += s->trainings[j].priority;
    }
    double share = weights > 0 ? sum / weights : 1;
    if (loam_check_differ(share, k->plan.served_share, 1))
        loam_check_say(k, "served share: printed as %.9g, the flows and runs come to %.9g", k->plan.served_share,
                       share);
}

loam_status loam_check_work(loam_check *k, loam_err *err)
{
    const loam_scenario *s = k->s;
    loam_plan *p = &k->plan;
    slot m;
    LOAM_TRY(alloc_slot(k, &m, err));
    double *training = loam_arena_alloc(k->arena, s->n_regions * s->n_chips * (size_t)s->months * sizeof *training);
    double *served = loam_arena_alloc(k->arena, s->n_services * sizeof *served);
    double *asked = loam_arena_alloc(k->arena, s->n_services * sizeof *asked);
    bool *done = loam_arena_alloc(k->arena, s->n_trainings * sizeof *done);
    if (!training || !served || !asked || !done)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the work of %zu services", s->n_services);
    LOAM_TRY(loam_check_training(k, training, done, err));
    for (size_t i = 0; i < p->n_flow; i++)
        check_flow(k, &p->flow[i]);
    for (size_t i = 0; i < p->n_work; i++)
        check_runs_on(k, &p->work[i]);
    for (size_t i = 0; i < p->n_miss; i++) {
        const loam_plan_miss *u = &p->miss[i];
        double demand = loam_scenario_load(s, u->service, u->origin, u->month, u->block);
        if (loam_check_differ(u->demand, demand, demand))
            loam_check_say(k, "unserved: the demand for '%s' from '%s' in %s, block %d, is printed as %.9g, it is %.9g",
                           s->services[u->service].name, s->origins[u->origin].name, loam_check_date(s, u->month),
                           u->block, u->demand, demand);
    }
    qsort(p->work, p->n_work, sizeof *p->work, by_when_work);
    qsort(p->flow, p->n_flow, sizeof *p->flow, by_when_flow);
    qsort(p->miss, p->n_miss, sizeof *p->miss, by_when_miss);
    size_t w = 0, f = 0, u = 0;
    for (int t = 0; t < s->months; t++) {
        mark_work(k, &m, t, w);
        for (int b = 0; b < s->blocks; b++) {
            gather(k, &m, t, b, &w, &f, &u);
            check_demand(k, &m, t, b);
            check_chips(k, &m, training, t, b);
            for (size_t i = 0; i < s->n_services; i++) {
                for (size_t o = 0; o < s->n_origins; o++)
                    served[i] += m.flowing[i * s->n_origins + o];
                asked[i] += row_demand(s, &m, (int)i);
            }
        }
    }
    check_served(k, served, asked, done);
    return LOAM_OK;
}
