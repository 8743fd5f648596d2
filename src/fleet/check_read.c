/* Reads a printed plan ("loam-plan-1") back. A text that is not such a plan is an error; rows that name something that
 * the scenario does not have, or that count what cannot be counted so (half a server, a month past the end), are
 * violations and are left out or rounded, so that the rest can still be judged. */
#include <math.h>
#include <string.h>

#include "fleet/check_int.h"
#include "format/json.h"

enum { MAX_JSON_BYTES = 1 << 30 };

typedef enum kind { REGION, CHIP, SERVICE, ORIGIN, TRAINING, SUPPLY, OFFER } kind;

/* The row that is read. Missing fields and fields of a wrong type end the reading; ok false drops the row. */
typedef struct row {
    loam_check *k;
    const json_t *object;
    const char *table;
    size_t number;
    bool ok;
    loam_status status;
    loam_err *err;
} row;

static const char *name_of(const loam_scenario *s, kind what, size_t i)
{
    switch (what) {
    case REGION:
        return i < s->n_regions ? s->regions[i].name : NULL;
    case CHIP:
        return i < s->n_chips ? s->chips[i].chip.name : NULL;
    case SERVICE:
        return i < s->n_services ? s->services[i].name : NULL;
    case ORIGIN:
        return i < s->n_origins ? s->origins[i].name : NULL;
    case TRAINING:
        return i < s->n_trainings ? s->trainings[i].name : NULL;
    case SUPPLY:
        return i < s->n_supplies ? s->supplies[i].name : NULL;
    case OFFER:
        return i < s->n_rents ? s->rents[i].name : NULL;
    }
    return NULL;
}

static loam_status broken(row *r, const char *key, const char *expected)
{
    if (r->status == LOAM_OK)
        r->status = loam_err_set(r->err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                                 "the plan's %s[%zu] has no %s \"%s\": write the plan again with this program",
                                 r->table, r->number, expected, key);
    return r->status;
}

static int read_name(row *r, const char *key, kind what)
{
    const char *name = json_string_value(json_object_get(r->object, key));
    if (!name) {
        broken(r, key, "text");
        return 0;
    }
    const char *known;
    for (size_t i = 0; (known = name_of(r->k->s, what, i)); i++) {
        if (!strcmp(known, name))
            return (int)i;
    }
    r->ok = false;
    loam_check_say(r->k, "%s[%zu]: the scenario has no %s '%s'", r->table, r->number, key, name);
    return 0;
}

static double read_number(row *r, const char *key)
{
    const json_t *v = json_object_get(r->object, key);
    if (!json_is_number(v)) {
        broken(r, key, "number");
        return 0;
    }
    return json_number_value(v);
}

/* A whole number in [lowest, end); otherwise a violation that drops the row. */
static int read_index(row *r, const char *key, int lowest, int end)
{
    double v = read_number(r, key);
    if (v >= lowest && v < end && v == floor(v))
        return (int)v;
    if (r->status == LOAM_OK)
        loam_check_say(r->k, "%s[%zu]: %s is %.9g, it must be a whole number from %d to %d", r->table, r->number, key,
                       v, lowest, end - 1);
    r->ok = false;
    return lowest;
}

static int read_month(row *r)
{
    const loam_scenario *s = r->k->s;
    int month = read_index(r, "month", 0, s->months);
    const json_t *date = json_object_get(r->object, "date");
    if (r->ok && date && (!json_is_string(date) || strcmp(json_string_value(date), loam_check_date(s, month)) != 0))
        loam_check_say(r->k, "%s[%zu]: the date is printed as '%s', month %d is %s", r->table, r->number,
                       json_is_string(date) ? json_string_value(date) : "?", month, loam_check_date(s, month));
    return month;
}

static int read_servers(row *r)
{
    double servers = read_number(r, "servers");
    if (!(servers >= 0 && servers <= 1e9)) {
        if (r->status == LOAM_OK)
            loam_check_say(r->k, "%s[%zu]: %.9g servers: it must be 0 or more", r->table, r->number, servers);
        r->ok = false;
        return 0;
    }
    if (servers != floor(servers))
        loam_check_say(r->k, "%s[%zu]: %.9g servers: only whole servers can be had (%.0f)", r->table, r->number,
                       servers, round(servers));
    return (int)round(servers);
}

/* A load or an amount of training, 0 or more. */
static double read_amount(row *r, const char *key)
{
    double v = read_number(r, key);
    if (r->status == LOAM_OK && v < -LOAM_CHECK_FLOOR)
        loam_check_say(r->k, "%s[%zu]: %s is %.9g: it must be 0 or more", r->table, r->number, key, v);
    return v > 0 ? v : 0;
}

static void read_order(row *r, void *out)
{
    loam_plan_order *o = out;
    o->supply = read_name(r, "supply", SUPPLY);
    o->region = read_name(r, "region", REGION);
    o->chip = read_name(r, "chip", CHIP);
    o->month = read_month(r);
    o->arrives = read_index(r, "arrives", 0, LOAM_FLEET_ALWAYS);
    o->servers = read_servers(r);
    o->usd = read_number(r, "usd");
    const char *verdict = json_string_value(json_object_get(r->object, "verdict"));
    int v = 0;
    while (verdict && v < LOAM_VERDICT_COUNT && strcmp(verdict, loam_verdict_name(v)) != 0)
        v++;
    if (!verdict || v == LOAM_VERDICT_COUNT)
        broken(r, "verdict", "verdict");
    o->verdict = (loam_verdict)v;
}

static void read_rent(row *r, void *out)
{
    loam_plan_rent *e = out;
    e->offer = read_name(r, "offer", OFFER);
    e->region = read_name(r, "region", REGION);
    e->chip = read_name(r, "chip", CHIP);
    e->month = read_month(r);
    e->until = read_index(r, "until", 0, LOAM_FLEET_ALWAYS);
    e->servers = read_servers(r);
    e->usd = read_number(r, "usd");
}

static void read_stock(row *r, void *out)
{
    loam_plan_stock *k = out;
    k->region = read_name(r, "region", REGION);
    k->chip = read_name(r, "chip", CHIP);
    k->month = read_month(r);
    k->owned = read_number(r, "owned");
    k->rented = read_number(r, "rented");
    k->busy = read_number(r, "busy");
    k->spare = read_number(r, "spare");
    k->training = read_number(r, "training");
    k->power_kw = read_number(r, "power_kw");
}

static void read_work(row *r, void *out)
{
    loam_plan_work *w = out;
    w->service = read_name(r, "service", SERVICE);
    w->region = read_name(r, "region", REGION);
    w->chip = read_name(r, "chip", CHIP);
    w->month = read_month(r);
    w->block = read_index(r, "block", 0, r->k->s->blocks);
    w->load = read_amount(r, "load");
}

static void read_flow(row *r, void *out)
{
    loam_plan_flow *f = out;
    f->service = read_name(r, "service", SERVICE);
    f->origin = read_name(r, "origin", ORIGIN);
    f->region = read_name(r, "region", REGION);
    f->month = read_month(r);
    f->block = read_index(r, "block", 0, r->k->s->blocks);
    f->load = read_amount(r, "load");
}

static void read_miss(row *r, void *out)
{
    loam_plan_miss *m = out;
    m->service = read_name(r, "service", SERVICE);
    m->origin = read_name(r, "origin", ORIGIN);
    m->month = read_month(r);
    m->block = read_index(r, "block", 0, r->k->s->blocks);
    m->load = read_amount(r, "load");
    m->demand = read_number(r, "demand");
}

static void read_training(row *r, void *out)
{
    loam_plan_training *t = out;
    t->training = read_name(r, "training", TRAINING);
    t->region = read_name(r, "region", REGION);
    t->chip = read_name(r, "chip", CHIP);
    t->month = read_month(r);
    t->chip_months = read_amount(r, "chip_months");
}

static void read_spend(row *r, void *out)
{
    (void)out; /* goes into the plan's own table */
    loam_check *k = r->k;
    int month = read_month(r), region = read_name(r, "region", REGION);
    const double usd[] = {read_number(r, "capex"), read_number(r, "rent"), read_number(r, "running")};
    if (!r->ok || r->status != LOAM_OK)
        return;
    for (int i = 0; i < LOAM_CASH_KINDS; i++)
        k->plan.spend[((size_t)month * k->s->n_regions + (size_t)region) * LOAM_CASH_KINDS + (size_t)i] += usd[i];
}

/* All rows of one table. *out has room for every row; *n counts those that are kept. */
static loam_status read_table(loam_check *k, const json_t *plan, const char *table, size_t size,
                              void (*read)(row *r, void *out), void *rows_out, size_t *n, loam_err *err)
{
    const json_t *list = json_object_get(plan, table);
    if (!json_is_array(list))
        LOAM_FAIL(err, INVALID, "the plan has no list \"%s\": write the plan again with this program", table);
    char *rows = loam_arena_alloc(k->arena, (json_array_size(list) + 1) * size);
    if (!rows)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the plan's %zu %s", json_array_size(list), table);
    *n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        row r = {k, json_array_get(list, i), table, i, true, LOAM_OK, err};
        if (!json_is_object(r.object))
            LOAM_FAIL(err, INVALID, "the plan's %s[%zu] is not an object", table, i);
        read(&r, rows + *n * size);
        LOAM_TRY(r.status);
        *n += r.ok;
    }
    memcpy(rows_out, &rows, sizeof rows); /* whatever the rows are, it is a pointer to them */
    return LOAM_OK;
}

static loam_status read_head(loam_check *k, const json_t *plan, loam_err *err)
{
    const char *format = json_string_value(json_object_get(plan, "format"));
    if (!format || strcmp(format, "loam-plan-1") != 0)
        LOAM_FAIL(err, INVALID, "this is no plan of loam: its \"format\" is '%s', expected 'loam-plan-1'",
                  format ? format : "(none)");
    static const char *const statuses[] = {"optimal", "limit", "infeasible"};
    const char *status = json_string_value(json_object_get(plan, "status"));
    int i = 0;
    while (status && i < 3 && strcmp(status, statuses[i]) != 0)
        i++;
    if (!status || i == 3)
        LOAM_FAIL(err, INVALID, "the plan's \"status\" is '%s', expected optimal, limit or infeasible",
                  status ? status : "(none)");
    k->plan.status = (loam_plan_status)i;
    if (k->plan.status == LOAM_PLAN_INFEASIBLE)
        return LOAM_OK; /* nothing is claimed */
    row r = {k, plan, "head", 0, true, LOAM_OK, err};
    k->plan.served_share = read_number(&r, "served_share");
    r.object = json_object_get(plan, "cost");
    r.table = "cost";
    loam_plan_cost *c = &k->plan.cost;
    const struct {
        const char *key;
        double *to;
    } parts[] = {{"capex", &c->capex}, {"rent", &c->rent}, {"energy", &c->energy},     {"colo", &c->colo},
                 {"opex", &c->opex},   {"duty", &c->duty}, {"residual", &c->residual}, {"total", &c->total}};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        *parts[p].to = read_number(&r, parts[p].key);
    return r.status;
}

static loam_status read_plan(loam_check *k, const json_t *j, loam_err *err)
{
    loam_plan *p = &k->plan;
    size_t cells = (size_t)k->s->months * k->s->n_regions * LOAM_CASH_KINDS, n_spend;
    void *unused;
    LOAM_TRY(read_head(k, j, err));
    p->spend = loam_arena_alloc(k->arena, cells * sizeof *p->spend);
    if (!p->spend)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the plan's spending");
    LOAM_TRY(read_table(k, j, "orders", sizeof *p->orders, read_order, &p->orders, &p->n_orders, err));
    LOAM_TRY(read_table(k, j, "rents", sizeof *p->rents, read_rent, &p->rents, &p->n_rents, err));
    LOAM_TRY(read_table(k, j, "stock", sizeof *p->stock, read_stock, &p->stock, &p->n_stock, err));
    LOAM_TRY(read_table(k, j, "work", sizeof *p->work, read_work, &p->work, &p->n_work, err));
    LOAM_TRY(read_table(k, j, "flow", sizeof *p->flow, read_flow, &p->flow, &p->n_flow, err));
    LOAM_TRY(read_table(k, j, "unserved", sizeof *p->miss, read_miss, &p->miss, &p->n_miss, err));
    LOAM_TRY(read_table(k, j, "training", sizeof *p->training, read_training, &p->training, &p->n_training, err));
    return read_table(k, j, "spend", 1, read_spend, &unused, &n_spend, err);
}

loam_status loam_check_read(loam_check *k, const char *json, size_t len, loam_err *err)
{
    json_t *j = NULL;
    LOAM_TRY(loam_json_parse(json, len, MAX_JSON_BYTES, &j, err));
    loam_status status = read_plan(k, j, err);
    json_decref(j);
    return status;
}
