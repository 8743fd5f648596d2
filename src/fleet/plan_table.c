#include "fleet/plan_table.h"

#include <math.h>
#include <string.h>

/* Spend and replicas are matrices in the plan: these are their rows. */
typedef struct spend_row {
    int month, region;
    double capex, rent, running;
} spend_row;
typedef struct replica_row {
    int service, chip;
    loam_replica replica;
} replica_row;
_Static_assert(sizeof(replica_row) <= LOAM_PLAN_ROW_BYTES, "a row of replicas fits the space of a row");

#define COLUMN(type, field, KIND)                         \
    {                                                     \
#field, LOAM_COLUMN_##KIND, offsetof(type, field) \
    }
#define DATE(type)                                      \
    {                                                   \
        "date", LOAM_COLUMN_DATE, offsetof(type, month) \
    }
#define REPLICA(field, KIND)                                             \
    {                                                                    \
#field, LOAM_COLUMN_##KIND, offsetof(replica_row, replica.field) \
    }
#define END        \
    {              \
        NULL, 0, 0 \
    }

static const loam_column order_columns[] = {
    COLUMN(loam_plan_order, supply, SUPPLY),
    COLUMN(loam_plan_order, region, REGION),
    COLUMN(loam_plan_order, chip, CHIP),
    COLUMN(loam_plan_order, month, INT),
    DATE(loam_plan_order),
    COLUMN(loam_plan_order, arrives, INT),
    COLUMN(loam_plan_order, servers, INT),
    COLUMN(loam_plan_order, usd, NUMBER),
    COLUMN(loam_plan_order, verdict, VERDICT),
    END,
};
static const loam_column rent_columns[] = {
    COLUMN(loam_plan_rent, offer, OFFER),
    COLUMN(loam_plan_rent, region, REGION),
    COLUMN(loam_plan_rent, chip, CHIP),
    COLUMN(loam_plan_rent, month, INT),
    DATE(loam_plan_rent),
    COLUMN(loam_plan_rent, until, INT),
    COLUMN(loam_plan_rent, servers, INT),
    COLUMN(loam_plan_rent, usd, NUMBER),
    END,
};
static const loam_column stock_columns[] = {
    COLUMN(loam_plan_stock, region, REGION),
    COLUMN(loam_plan_stock, chip, CHIP),
    COLUMN(loam_plan_stock, month, INT),
    DATE(loam_plan_stock),
    COLUMN(loam_plan_stock, owned, NUMBER),
    COLUMN(loam_plan_stock, rented, NUMBER),
    COLUMN(loam_plan_stock, busy, NUMBER),
    COLUMN(loam_plan_stock, spare, NUMBER),
    COLUMN(loam_plan_stock, training, NUMBER),
    COLUMN(loam_plan_stock, power_kw, NUMBER),
    END,
};
static const loam_column work_columns[] = {
    COLUMN(loam_plan_work, service, SERVICE),
    COLUMN(loam_plan_work, region, REGION),
    COLUMN(loam_plan_work, chip, CHIP),
    COLUMN(loam_plan_work, month, INT),
    DATE(loam_plan_work),
    COLUMN(loam_plan_work, block, INT),
    COLUMN(loam_plan_work, load, NUMBER),
    END,
};
static const loam_column flow_columns[] = {
    COLUMN(loam_plan_flow, service, SERVICE),
    COLUMN(loam_plan_flow, origin, ORIGIN),
    COLUMN(loam_plan_flow, region, REGION),
    COLUMN(loam_plan_flow, month, INT),
    DATE(loam_plan_flow),
    COLUMN(loam_plan_flow, block, INT),
    COLUMN(loam_plan_flow, load, NUMBER),
    END,
};
static const loam_column miss_columns[] = {
    COLUMN(loam_plan_miss, service, SERVICE), COLUMN(loam_plan_miss, origin, ORIGIN),
    COLUMN(loam_plan_miss, month, INT),       DATE(loam_plan_miss),
    COLUMN(loam_plan_miss, block, INT),       COLUMN(loam_plan_miss, load, NUMBER),
    COLUMN(loam_plan_miss, demand, NUMBER),   END,
};
static const loam_column training_columns[] = {
    COLUMN(loam_plan_training, training, TRAINING),
    COLUMN(loam_plan_training, region, REGION),
    COLUMN(loam_plan_training, chip, CHIP),
    COLUMN(loam_plan_training, month, INT),
    DATE(loam_plan_training),
    COLUMN(loam_plan_training, chip_months, NUMBER),
    END,
};
static const loam_column limit_columns[] = {
    COLUMN(loam_plan_limit, name, TEXT),
    COLUMN(loam_plan_limit, unit, TEXT),
    COLUMN(loam_plan_limit, used, NUMBER),
    COLUMN(loam_plan_limit, limit, NUMBER),
    COLUMN(loam_plan_limit, binds, BOOL),
    COLUMN(loam_plan_limit, worth, NUMBER),
    END,
};
static const loam_column spend_columns[] = {
    COLUMN(spend_row, month, INT),
    DATE(spend_row),
    COLUMN(spend_row, region, REGION),
    COLUMN(spend_row, capex, NUMBER),
    COLUMN(spend_row, rent, NUMBER),
    COLUMN(spend_row, running, NUMBER),
    END,
};
static const loam_column replica_columns[] = {
    COLUMN(replica_row, service, SERVICE),
    COLUMN(replica_row, chip, CHIP),
    REPLICA(feasible, BOOL),
    REPLICA(why_not, CHARS),
    REPLICA(chips, INT),
    REPLICA(weight_bits, NUMBER),
    REPLICA(batch, NUMBER),
    REPLICA(ttft_s, NUMBER),
    REPLICA(tpot_s, NUMBER),
    REPLICA(latency_s, NUMBER),
    REPLICA(requests_per_s, NUMBER),
    REPLICA(binds, TEXT),
    END,
};
static const loam_column refusal_columns[] = {
    COLUMN(loam_plan_refusal, what, TEXT),
    COLUMN(loam_plan_refusal, why, TEXT),
    END,
};

enum { ORDERS, RENTS, STOCK, WORK, FLOW, UNSERVED, TRAINING, LIMITS, SPEND, REPLICAS, REFUSALS };
const loam_plan_table loam_plan_tables[] = {
    [ORDERS] = {"orders", order_columns, sizeof(loam_plan_order), -1},
    [RENTS] = {"rents", rent_columns, sizeof(loam_plan_rent), -1},
    [STOCK] = {"stock", stock_columns, sizeof(loam_plan_stock), -1},
    [WORK] = {"work", work_columns, sizeof(loam_plan_work), offsetof(loam_plan_work, load)},
    [FLOW] = {"flow", flow_columns, sizeof(loam_plan_flow), offsetof(loam_plan_flow, load)},
    [UNSERVED] = {"unserved", miss_columns, sizeof(loam_plan_miss), offsetof(loam_plan_miss, load)},
    [TRAINING] = {"training", training_columns, sizeof(loam_plan_training), offsetof(loam_plan_training, chip_months)},
    [LIMITS] = {"limits", limit_columns, sizeof(loam_plan_limit), -1},
    [SPEND] = {"spend", spend_columns, sizeof(spend_row), -1},
    [REPLICAS] = {"replicas", replica_columns, sizeof(replica_row), -1},
    [REFUSALS] = {"refusals", refusal_columns, sizeof(loam_plan_refusal), -1},
    {NULL, NULL, 0, -1},
};

/* The array of a table whose rows are the plan's own structs. */
static const void *rows_of(const loam_plan *p, ptrdiff_t table, size_t *n)
{
    switch (table) {
    case ORDERS:
        *n = p->n_orders;
        return p->orders;
    case RENTS:
        *n = p->n_rents;
        return p->rents;
    case STOCK:
        *n = p->n_stock;
        return p->stock;
    case WORK:
        *n = p->n_work;
        return p->work;
    case FLOW:
        *n = p->n_flow;
        return p->flow;
    case UNSERVED:
        *n = p->n_miss;
        return p->miss;
    case TRAINING:
        *n = p->n_training;
        return p->training;
    case LIMITS:
        *n = p->n_limits;
        return p->limits;
    default:
        *n = p->n_refusals;
        return p->refusals;
    }
}

static bool spend_at(const loam_scenario *s, const loam_plan *p, size_t i, spend_row *row)
{
    if (!p->spend || i >= (size_t)s->months * s->n_regions)
        return false;
    const double *usd = p->spend + 3 * i;
    *row = (spend_row){(int)(i / s->n_regions), (int)(i % s->n_regions), usd[0], usd[1], usd[2]};
    return true;
}

static bool replica_at(const loam_scenario *s, const loam_plan *p, size_t i, replica_row *row)
{
    if (!p->replicas || i >= s->n_services * s->n_chips)
        return false;
    *row = (replica_row){(int)(i / s->n_chips), (int)(i % s->n_chips), p->replicas[i]};
    return true;
}

bool loam_plan_row(const loam_scenario *s, const loam_plan *p, const loam_plan_table *table, size_t *i, void *row)
{
    if (table == &loam_plan_tables[SPEND])
        return spend_at(s, p, *i, row);
    if (table == &loam_plan_tables[REPLICAS])
        return replica_at(s, p, *i, row);
    size_t n;
    const char *rows = rows_of(p, table - loam_plan_tables, &n);
    for (; *i < n; ++*i) {
        const char *r = rows + *i * table->row_bytes;
        double value = 1;
        if (table->zero_at >= 0)
            memcpy(&value, r + table->zero_at, sizeof value);
        if (value != 0) {
            memcpy(row, r, table->row_bytes);
            return true;
        }
    }
    return false;
}

static const char *name_at(const loam_scenario *s, loam_column_kind kind, int i)
{
    switch (kind) {
    case LOAM_COLUMN_REGION:
        return s->regions[i].name;
    case LOAM_COLUMN_CHIP:
        return s->chips[i].chip.name;
    case LOAM_COLUMN_SUPPLY:
        return s->supplies[i].name;
    case LOAM_COLUMN_OFFER:
        return s->rents[i].name;
    case LOAM_COLUMN_SERVICE:
        return s->services[i].name;
    case LOAM_COLUMN_ORIGIN:
        return s->origins[i].name;
    case LOAM_COLUMN_TRAINING:
        return s->trainings[i].name;
    default:
        return loam_verdict_name((loam_verdict)i);
    }
}

const char *loam_column_text(const loam_scenario *s, const loam_column *column, const void *row, char scratch[16])
{
    const char *at = (const char *)row + column->at;
    if (column->kind == LOAM_COLUMN_CHARS)
        return at;
    if (column->kind == LOAM_COLUMN_TEXT) {
        const char *text;
        memcpy(&text, at, sizeof text);
        return text ? text : "";
    }
    int i;
    memcpy(&i, at, sizeof i);
    if (column->kind == LOAM_COLUMN_DATE) {
        loam_month_format(s->start + i, scratch);
        return scratch;
    }
    const char *name = name_at(s, column->kind, i);
    return name ? name : "";
}

void loam_column_write(const loam_scenario *s, const loam_column *column, const void *row,
                       void (*put_text)(const char *text, loam_buf *out), loam_buf *out)
{
    const char *at = (const char *)row + column->at;
    double number;
    int whole;
    bool yes;
    char scratch[16];
    switch (column->kind) {
    case LOAM_COLUMN_NUMBER:
        memcpy(&number, at, sizeof number);
        if (isfinite(number))
            loam_buf_printf(out, "%.17g", number);
        else
            put_text(NULL, out);
        break;
    case LOAM_COLUMN_INT:
        memcpy(&whole, at, sizeof whole);
        loam_buf_printf(out, "%d", whole);
        break;
    case LOAM_COLUMN_BOOL:
        memcpy(&yes, at, sizeof yes);
        loam_buf_str(out, yes ? "true" : "false");
        break;
    default:
        put_text(loam_column_text(s, column, row, scratch), out);
    }
}
