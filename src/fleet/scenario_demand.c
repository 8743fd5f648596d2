/* Demand: requests a day of each origin, month by month, and how they spread over the day. */
#include <math.h>
#include <string.h>

#include "fleet/scenario_int.h"

static const double most_a_day = 1e15;

typedef struct demand_step {
    double per_day, users, per_user, growth;
    int from, until;
} demand_step;
static const loam_field demand_fields[] = {
    LOAM_FIELD_IN(demand_step, per_day, NUMBER, 0, 1e15),
    LOAM_FIELD_IN(demand_step, users, NUMBER, 0, 1e11),
    LOAM_FIELD_IN(demand_step, per_user, NUMBER, 0, 1e6),
    LOAM_FIELD_IN(demand_step, growth, NUMBER, -0.99, 1),
    LOAM_FIELD(demand_step, from, MONTH),
    LOAM_FIELD(demand_step, until, MONTH),
};
const loam_section loam_section_demand = LOAM_SECTION("demand", demand_fields);

/* One origin's demand while it is read. */
typedef struct origin_demand {
    double *per_day; /* of month m at [m * stride] */
    size_t stride;
    double growth; /* of the service, where a step does not say its own */
} origin_demand;

/* From its first month on, v grows by its own rate; a step before the start has grown until then. */
static void fill(const loam_scenario *s, const origin_demand *d, const demand_step *step)
{
    for (int m = step->from < 0 ? 0 : step->from; m < s->months; m++) {
        double v = m < step->until ? step->per_day * pow(1 + step->growth, m - step->from) : 0;
        d->per_day[(size_t)m * d->stride] = v;
    }
}

static loam_status read_step(loam_reader *r, const loam_yaml_node *map, int from, void *arg)
{
    const origin_demand *d = arg;
    demand_step step = {
        .growth = d->growth, .per_day = -1, .users = -1, .per_user = 1, .from = from, .until = LOAM_FLEET_ALWAYS};
    LOAM_TRY(loam_read_fields(r, map, &loam_section_demand, &step));
    if ((step.per_day < 0) == (step.users < 0))
        LOAM_REFUSE(r, map->line,
                    "demand: say either 'per_day', or 'users' and how often each asks a day ('per_user')");
    if (step.per_day < 0)
        step.per_day = step.users * step.per_user;
    if (step.until <= step.from)
        LOAM_REFUSE(r, map->line, "demand: it ends before %s, when it begins (until: %s)",
                    loam_show_month(r->s, step.from).text, loam_show_month(r->s, step.until).text);
    fill(r->s, d, &step);
    return LOAM_OK;
}

/* A number for every month. */
static loam_status read_monthly(loam_reader *r, const loam_yaml_node *list, const origin_demand *d)
{
    const loam_scenario *s = r->s;
    if (list->n < (size_t)s->months)
        LOAM_REFUSE(r, list->line, "demand: the list has %zu numbers, the plan %d months", list->n, s->months);
    if (list->n > LOAM_FLEET_MAX_MONTHS)
        LOAM_REFUSE(r, list->line, "demand: the list has %zu numbers, a plan has at most %d months", list->n,
                    LOAM_FLEET_MAX_MONTHS);
    for (size_t m = 0; m < list->n; m++) {
        double v;
        LOAM_TRY(loam_read_number(r, list->items[m], 0, most_a_day, &v));
        if (m < (size_t)s->months)
            d->per_day[m * d->stride] = v;
    }
    return LOAM_OK;
}

static loam_status read_origin_demand(loam_reader *r, const loam_yaml_node *v, origin_demand *d)
{
    if (v->kind == LOAM_YAML_MAP) {
        const loam_yaml_node *from = loam_read_given(v, "from");
        int month = 0;
        if (from)
            LOAM_TRY(loam_read_named(r, "from", loam_read_month(r, from, &month)));
        return read_step(r, v, month, d);
    }
    if (v->kind == LOAM_YAML_LIST && v->n && v->items[0]->kind == LOAM_YAML_MAP)
        return loam_read_steps(r, v, read_step, d);
    if (v->kind == LOAM_YAML_LIST)
        return read_monthly(r, v, d);
    demand_step step = {.growth = d->growth, .until = LOAM_FLEET_ALWAYS};
    LOAM_TRY(loam_read_number(r, v, 0, most_a_day, &step.per_day));
    fill(r->s, d, &step);
    return LOAM_OK;
}

/* {china: …, malaysia: …}; of a scenario with one origin, its demand alone will do. */
static loam_status read_by_origin(loam_reader *r, const loam_yaml_node *v, double growth, double *per_day)
{
    const loam_scenario *s = r->s;
    const char *names[LOAM_SCENARIO_MAX_ORIGINS];
    for (size_t o = 0; o < s->n_origins; o++)
        names[o] = s->origins[o].name;
    if (v->kind != LOAM_YAML_MAP && s->n_origins != 1)
        LOAM_REFUSE(r, v->line, "demand: expected each origin's name with its demand: {%s: 2 M, ...}", names[0]);
    if (v->kind != LOAM_YAML_MAP)
        return loam_read_named(r, names[0], read_origin_demand(r, v, &(origin_demand){per_day, s->n_origins, growth}));
    LOAM_TRY(loam_read_named(r, "demand by origin", loam_yaml_known(r->name, v, names, s->n_origins, r->err)));
    for (size_t o = 0; o < s->n_origins; o++) {
        const loam_yaml_node *of_origin = loam_read_given(v, names[o]);
        origin_demand d = {per_day + o, s->n_origins, growth};
        if (of_origin)
            LOAM_TRY(loam_read_named(r, names[o], read_origin_demand(r, of_origin, &d)));
    }
    return LOAM_OK;
}

loam_status loam_read_demand(loam_reader *r, const loam_yaml_node *item, loam_service *v)
{
    const loam_scenario *s = r->s;
    const loam_yaml_node *demand = loam_read_given(item, "demand"), *growth = loam_read_given(item, "growth"),
                         *factor = loam_read_given(item, "demand_factor");
    double g = 0, f = 1, sum = 0;
    size_t n = (size_t)s->months * s->n_origins;
    if (!s->n_origins)
        LOAM_REFUSE(r, item->line, "service '%s' has no users: the scenario says no 'origins'", v->name);
    LOAM_TRY(loam_read_required(r, item, &loam_section_service, "demand"));
    if (growth)
        LOAM_TRY(loam_read_named(r, "growth (a month, 5% or 0.05)", loam_read_number(r, growth, -0.99, 1, &g)));
    if (factor)
        LOAM_TRY(loam_read_named(r, "demand_factor", loam_read_number(r, factor, 0, 1e6, &f)));
    LOAM_TRY(loam_read_alloc(r, n, sizeof *v->per_day, &v->per_day));
    LOAM_TRY(read_by_origin(r, demand, g, v->per_day));
    for (size_t i = 0; i < n; i++) {
        v->per_day[i] *= f;
        sum += v->per_day[i];
        if (!(v->per_day[i] <= most_a_day))
            LOAM_REFUSE(r, demand->line, "service '%s': in %s it grows to %s requests a day, at most %s make sense",
                        v->name, loam_show_month(s, (int)(i / s->n_origins)).text, loam_show_figure(v->per_day[i]).text,
                        loam_show_figure(most_a_day).text);
    }
    if (!(sum > 0))
        LOAM_REFUSE(r, demand->line, "service '%s' has no demand in any of the %d months: leave it out or say some",
                    v->name, s->months);
    return LOAM_OK;
}

/* Shapes of our own, as weights by local hour: work (peak 2.1 times the mean, 9 to 17 h), evenings at home (2.0 times,
 * 20 to 23 h), and a consumer app with a long day (1.6 times). docs/plan.md prints them. */
static const struct {
    const char *name;
    double weights[LOAM_SCENARIO_HOURS];
} shapes[] = {
    {"flat", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"office", {1, 1, 1, 1, 1, 1, 2, 4, 8, 11, 12, 11, 9, 11, 12, 12, 11, 9, 6, 4, 3, 2, 2, 1}},
    {"evening", {6, 4, 2, 1, 1, 1, 1, 2, 3, 3, 4, 4, 5, 5, 5, 5, 5, 6, 8, 9, 10, 10, 10, 8}},
    {"consumer", {35, 22, 15, 11, 10, 11, 16, 26, 36, 44, 49, 52, 53, 52, 51, 51, 51, 52, 54, 58, 62, 64, 60, 48}},
};

static loam_status read_shares(loam_reader *r, const loam_yaml_node *v, double curve[24])
{
    double sum = 0;
    if (v->n != LOAM_SCENARIO_HOURS)
        LOAM_REFUSE(r, v->line, "expected %d shares, one for each hour of the day from 0 to 23 h, there are %zu",
                    LOAM_SCENARIO_HOURS, v->n);
    for (int h = 0; h < LOAM_SCENARIO_HOURS; h++) {
        LOAM_TRY(loam_read_number(r, v->items[h], 0, 1, &curve[h]));
        sum += curve[h];
    }
    if (fabs(sum - 1) > 0.01)
        LOAM_REFUSE(r, v->line, "the shares of the day sum to %.4g, they should sum to 1 (within 0.01)", sum);
    for (int h = 0; h < LOAM_SCENARIO_HOURS; h++)
        curve[h] /= sum;
    return LOAM_OK;
}

loam_status loam_read_curve(loam_reader *r, const loam_yaml_node *v, double curve[24])
{
    enum { N = sizeof shapes / sizeof *shapes };
    const char *names[N];
    int k;
    double sum = 0;
    if (v->kind == LOAM_YAML_LIST)
        return read_shares(r, v, curve);
    for (size_t i = 0; i < N; i++)
        names[i] = shapes[i].name;
    LOAM_TRY(loam_yaml_choice(r->name, v, names, N, &k, r->err));
    for (int h = 0; h < LOAM_SCENARIO_HOURS; h++)
        sum += shapes[k].weights[h];
    for (int h = 0; h < LOAM_SCENARIO_HOURS; h++)
        curve[h] = shapes[k].weights[h] / sum;
    return LOAM_OK;
}
