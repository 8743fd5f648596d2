/* The tables of a plan, described once by column: JSON and CSV are both written from this. References are names. */
#ifndef LOAM_FLEET_PLAN_TABLE_H
#define LOAM_FLEET_PLAN_TABLE_H

#include "fleet/plan.h"

typedef enum loam_column_kind {
    LOAM_COLUMN_NUMBER, /* double */
    LOAM_COLUMN_INT,
    LOAM_COLUMN_BOOL,
    LOAM_COLUMN_TEXT,  /* const char * */
    LOAM_COLUMN_CHARS, /* char[] */
    LOAM_COLUMN_DATE,  /* int, months from the start, as "2025-03" */
    LOAM_COLUMN_VERDICT,
    /* int, an index into the scenario, as the name of what it points at */
    LOAM_COLUMN_REGION,
    LOAM_COLUMN_CHIP,
    LOAM_COLUMN_SUPPLY,
    LOAM_COLUMN_OFFER,
    LOAM_COLUMN_SERVICE,
    LOAM_COLUMN_ORIGIN,
    LOAM_COLUMN_TRAINING,
} loam_column_kind;

typedef struct loam_column {
    const char *name; /* NULL: after the last */
    loam_column_kind kind;
    size_t at; /* offset in the row */
} loam_column;

typedef struct loam_plan_table {
    const char *name;
    const loam_column *columns;
    size_t row_bytes;
    long zero_at; /* offset of a double: rows where it is 0 say nothing and are left out; -1: all rows */
} loam_plan_table;

/* In the order of the JSON; the last has no name. */
extern const loam_plan_table loam_plan_tables[];

/* Row i of a table, into space of at least LOAM_PLAN_ROW_BYTES; false after the last. A row that says nothing is
 * skipped: *i is moved past it. */
enum { LOAM_PLAN_ROW_BYTES = 512 };
bool loam_plan_row(const loam_scenario *s, const loam_plan *p, const loam_plan_table *table, size_t *i, void *row);
/* The text of a column that is not a number: borrowed, or in scratch. */
const char *loam_column_text(const loam_scenario *s, const loam_column *column, const void *row, char scratch[16]);
/* Appends a column's value: numbers with 17 digits, true, false; texts by put_text, which gets NULL for a number that
 * is not finite. */
void loam_column_write(const loam_scenario *s, const loam_column *column, const void *row,
                       void (*put_text)(const char *text, loam_buf *out), loam_buf *out);

#endif
