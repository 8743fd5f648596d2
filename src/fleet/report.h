/* What people get to see of a plan. */
#ifndef LOAM_FLEET_REPORT_H
#define LOAM_FLEET_REPORT_H

#include "base/buf.h"
#include "fleet/doubt.h"
#include "fleet/plan.h"

/* The terminal's summary: plain text, at most `width` columns. */
void loam_report_text(const loam_scenario *s, const loam_plan *p, const loam_doubt_result *d, int width, loam_buf *out);
/* One self-contained HTML page with SVG plots. d may be NULL. */
void loam_report_html(const loam_scenario *s, const loam_plan *p, const loam_doubt_result *d, loam_buf *out);
/* A table as CSV: "orders", "rents", "stock", "work", "flow", "unserved", "training", "limits", "spend", "refusals".
 * false: no such table. */
bool loam_report_csv(const loam_scenario *s, const loam_plan *p, const loam_doubt_result *d, const char *table,
                     loam_buf *out);
extern const char *const loam_report_tables[]; /* NULL-terminated */
/* Side by side: what a change of one line changed. */
void loam_report_difference(const loam_scenario *s0, const loam_plan *p0, const loam_scenario *s1, const loam_plan *p1,
                            const char *change, loam_buf *out);

#endif
