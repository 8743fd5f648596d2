/* Export rules as dated records, evaluated for a chip, a destination, the buyer's headquarters, the way of getting it
 * and the day of delivery. Facts for planning, never legal clearance. */
#ifndef LOAM_FLEET_RULES_H
#define LOAM_FLEET_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "fleet/chips.h"
#include "fleet/date.h"

/* From the least to the most severe. */
typedef enum loam_verdict {
    LOAM_VERDICT_FREE,
    LOAM_VERDICT_NOTIFY, /* notified advanced classification: a notice some weeks before */
    LOAM_VERDICT_CASE,   /* licence, decided case by case */
    LOAM_VERDICT_RISK,   /* guidance says that use risks a violation (General Prohibition 10) */
    LOAM_VERDICT_DENIED, /* licence, presumption of denial */
    LOAM_VERDICT_BARRED, /* barred by the importing country */
    LOAM_VERDICT_COUNT
} loam_verdict;
const char *loam_verdict_name(loam_verdict v); /* "free", "notify", "case-by-case", "risk", "denied", "barred" */

typedef enum loam_get { LOAM_GET_BUY, LOAM_GET_RENT, LOAM_GET_OWNED, LOAM_GET_COUNT } loam_get;

/* What a question is asked about. Countries are ISO 3166 alpha-2 ("CN", "MO", "MY", "US"). */
typedef struct loam_rule_case {
    const loam_chip *chip;
    const char *destination, *hq; /* hq: of the buyer's ultimate parent */
    const char *provider_hq;      /* RENT: of whoever owns the servers; NULL otherwise */
    loam_get get;
    bool training;                    /* it will train (red-flag policy for rented capacity) */
    bool public_centre, state_funded; /* the site, for the rules of China's side */
    loam_day day;                     /* delivery, or the day of use */
} loam_rule_case;

/* One rule that applied. */
typedef struct loam_rule_hit {
    const char *id; /* "R23.a1" */
    loam_verdict verdict;
    char clause[160]; /* what fired, with the chip's figures and the margin: "TPP 15832 >= 4800 (3.3 x)" */
    const char *source;
} loam_rule_hit;

typedef struct loam_ruling {
    loam_verdict verdict; /* the worst of the hits; FREE without */
    double duty; /* price uplift as a fraction: 0.25 for the duty of January 2026, 0.15 for the revenue share */
    size_t n_hits;
    loam_rule_hit hits[8];
    char nearest[160]; /* FREE: the threshold that it is closest to, and by how much it stays under: "" if none */
} loam_ruling;

/* Which rules count. Rules that were never enforced or are not law (DIFF, RASA, REV15) are off unless named in extra.
 */
typedef struct loam_rule_book {
    loam_day known_at; /* rules that became effective later are not known; 0: all */
    loam_day as_of;    /* every question is answered as if asked on this day; 0: on the day of the case */
    const char *const *extra;
    size_t n_extra;
    const char *const *dropped; /* ids (or beginnings of ids) that do not count: what-if */
    size_t n_dropped;
    /* Rules that may come, as drawn futures have them: each counts on its days [from, until) of the case, whatever is
     * known and though it is optional; on other days as it would without. */
    const struct loam_rule_span {
        const char *id;
        loam_day from, until;
    } * spans;
    size_t n_spans;
} loam_rule_book;

typedef struct loam_rule_info {
    const char *id, *title, *source;
    loam_day from, to; /* to 0: still in force */
    bool optional;
} loam_rule_info;
/* All records, for tables; *n of them. */
const loam_rule_info *loam_rules_all(size_t *n);

void loam_rules_judge(const loam_rule_book *book, const loam_rule_case *c, loam_ruling *out);
/* The worst ruling of any day of the month: rules and their ends are taken on their own days. */
void loam_rules_judge_month(const loam_rule_book *book, loam_rule_case c, loam_month month, loam_ruling *out);

#endif
