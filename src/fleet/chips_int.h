/* Inside of the catalogue's reader. */
#ifndef LOAM_FLEET_CHIPS_INT_H
#define LOAM_FLEET_CHIPS_INT_H

#include "fleet/chips.h"

/* One record of a CSV text (RFC 4180: fields in double quotes may hold commas, line ends and doubled quotes). */
enum { LOAM_CSV_MAX_FIELDS = 64 };
typedef struct loam_csv {
    const char *name, *at, *end;
    int line; /* of the record that comes next, from 1 */
    loam_arena *arena;
    size_t n;
    const char *fields[LOAM_CSV_MAX_FIELDS]; /* NUL-terminated, without blanks around them */
    int record_line;
} loam_csv;

/* Reads the next record that is not an empty line into c->fields; *more is false at the end. */
LOAM_CHECK_RESULT loam_status loam_csv_next(loam_csv *c, bool *more, loam_err *err);

/* Refuses a row that cannot be, or whose figures look like sparse peaks, given all others (chips_check.c).
 * `checked[i]`: the row says that its peaks are dense ("checked" in the column `dense`). */
LOAM_CHECK_RESULT loam_status loam_chips_check(const char *name, const loam_chip *chips, const int *lines,
                                               const bool *checked, size_t n, loam_err *err);

/* data/chips.csv, embedded by the build. */
extern const char loam_chips_csv[];
extern const size_t loam_chips_csv_len;

#endif
