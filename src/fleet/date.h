/* Days and months of the proleptic Gregorian calendar, without time zones. */
#ifndef LOAM_FLEET_DATE_H
#define LOAM_FLEET_DATE_H

#include <stdbool.h>

typedef int loam_day;   /* days since 1970-01-01 */
typedef int loam_month; /* months since 1970-01 */

/* "2025-01-19", or "2025-01" (its first day); false if it is not a date between 1970 and 2199. */
bool loam_day_parse(const char *s, loam_day *out);
/* "2025-01"; a full date is refused. */
bool loam_month_parse(const char *s, loam_month *out);
loam_month loam_day_month(loam_day d);
loam_day loam_month_first(loam_month m);
loam_day loam_month_last(loam_month m);
/* "2025-01-19" and "2025-01" into out. */
void loam_day_format(loam_day d, char out[11]);
void loam_month_format(loam_month m, char out[8]);

#endif
