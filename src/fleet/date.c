/* Days and months of the proleptic Gregorian calendar (days from civil after Howard Hinnant's chrono algorithms). */
#include "fleet/date.h"

#include <stdio.h>
#include <string.h>

static int days_from_civil(int y, int m, int d)
{
    y -= m <= 2;
    int era = y / 400, yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int days, int *y, int *m, int *d)
{
    days += 719468;
    int era = days / 146097, doe = days - era * 146097;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = yoe + era * 400 + (*m <= 2);
}

/* n digits at s, or -1. */
static int digits(const char *s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + s[i] - '0';
    }
    return v;
}

bool loam_month_parse(const char *s, loam_month *out)
{
    if (strlen(s) != 7 || s[4] != '-')
        return false;
    int y = digits(s, 4), m = digits(s + 5, 2);
    if (y < 1970 || y > 2199 || m < 1 || m > 12)
        return false;
    *out = (y - 1970) * 12 + m - 1;
    return true;
}

bool loam_day_parse(const char *s, loam_day *out)
{
    loam_month month;
    if (loam_month_parse(s, &month)) {
        *out = loam_month_first(month);
        return true;
    }
    char head[8];
    if (strlen(s) != 10 || s[7] != '-')
        return false;
    memcpy(head, s, 7);
    head[7] = 0;
    int d = digits(s + 8, 2);
    if (!loam_month_parse(head, &month) || d < 1 || loam_month_first(month) + d - 1 > loam_month_last(month))
        return false;
    *out = loam_month_first(month) + d - 1;
    return true;
}

loam_month loam_day_month(loam_day day)
{
    int y, m, d;
    civil_from_days(day, &y, &m, &d);
    return (y - 1970) * 12 + m - 1;
}

loam_day loam_month_first(loam_month m)
{
    return days_from_civil(1970 + m / 12, m % 12 + 1, 1);
}

loam_day loam_month_last(loam_month m)
{
    return loam_month_first(m + 1) - 1;
}

void loam_day_format(loam_day day, char out[11])
{
    int y, m, d;
    civil_from_days(day, &y, &m, &d);
    snprintf(out, 11, "%04u-%02u-%02u", (unsigned)y % 10000, (unsigned)m % 100, (unsigned)d % 100);
}

void loam_month_format(loam_month m, char out[8])
{
    snprintf(out, 8, "%04u-%02u", (unsigned)(1970 + m / 12) % 10000, (unsigned)(m % 12 + 1) % 100);
}
