/* Inside of the export rules: a record is data (rules_book.c), a test of a chip's figures is data, and rules.c applies
 * them. */
#ifndef LOAM_FLEET_RULES_INT_H
#define LOAM_FLEET_RULES_INT_H

#include "fleet/rules.h"

/* The records, in the order in which they are asked. */
typedef enum loam_rule {
    LOAM_RULE_R22,
    LOAM_RULE_R23_A1,
    LOAM_RULE_R23_A2,
    LOAM_RULE_R23_B1,
    LOAM_RULE_R23_B2,
    LOAM_RULE_R23_C,
    LOAM_RULE_R23_HQ,
    LOAM_RULE_DIFF,
    LOAM_RULE_H20L,
    LOAM_RULE_GP10,
    LOAM_RULE_GP10_IAAS,
    LOAM_RULE_REV15,
    LOAM_RULE_R26,
    LOAM_RULE_G26,
    LOAM_RULE_RASA,
    LOAM_RULE_CN25A,
    LOAM_RULE_CN25B,
    LOAM_RULE_CN26,
    LOAM_RULE_COUNT
} loam_rule;

typedef enum loam_figure {
    LOAM_FIGURE_NONE,
    LOAM_FIGURE_TPP,
    LOAM_FIGURE_PD,
    LOAM_FIGURE_IO,
    LOAM_FIGURE_DRAM,
    LOAM_FIGURE_DRAM_IO, /* their sum */
} loam_figure;

/* at_least ≤ figure, or figure < below; 0: that side is open. */
typedef struct loam_threshold {
    loam_figure figure;
    double at_least, below;
} loam_threshold;

typedef enum loam_either { LOAM_ANY, LOAM_YES, LOAM_NO } loam_either;

/* Alternatives of which one must hold; in each, all thresholds. No alternative: every chip. */
enum { LOAM_TEST_ALTERNATIVES = 4, LOAM_TEST_THRESHOLDS = 3 };
typedef struct loam_rule_test {
    loam_either datacentre, chinese, us_sold; /* chinese: origin CN */
    const char *name;                         /* how the chip's name begins; NULL: any */
    loam_threshold any_of[LOAM_TEST_ALTERNATIVES][LOAM_TEST_THRESHOLDS];
} loam_rule_test;

typedef enum loam_group {
    LOAM_GROUP_CHINA,     /* CN, HK, MO: the destination */
    LOAM_GROUP_CN,        /* CN: the destination, for China's own rules */
    LOAM_GROUP_D5,        /* D:5 and Macau: the destination */
    LOAM_GROUP_D5_OR_HQ,  /* … or whoever gets the chip has its headquarters there */
    LOAM_GROUP_HQ,        /* only the headquarters, the destination is elsewhere */
    LOAM_GROUP_REMOTE,    /* rented elsewhere, from a provider of elsewhere, by a tenant of D:5 */
    LOAM_GROUP_TIERS,     /* neither destination nor headquarters in the first tier of the diffusion rule */
    LOAM_GROUP_NOT_CHINA, /* any destination but China */
    LOAM_GROUP_ANY,
} loam_group;

enum { LOAM_BUY = 1 << LOAM_GET_BUY, LOAM_RENT = 1 << LOAM_GET_RENT, LOAM_OWN = 1 << LOAM_GET_OWNED };

typedef struct loam_rule_record {
    loam_group group;
    int gets; /* of LOAM_BUY, LOAM_RENT, LOAM_OWN */
    bool training_only, public_only, state_only;
    loam_rule_test test;
    loam_verdict verdict;
    double duty;
    const char *says; /* what follows, put behind the test's clause: "notify 25 days before" */
} loam_rule_record;

extern const loam_rule_info loam_rule_infos[LOAM_RULE_COUNT];
extern const loam_rule_record loam_rule_records[LOAM_RULE_COUNT];

/* Country Group D:5 and Macau, and Hong Kong, which the regulations treat as China, on a day. */
bool loam_country_is_d5(const char *country, loam_day day);
bool loam_country_is_china(const char *country);
bool loam_country_is_first_tier(const char *country);

double loam_figure_value(const loam_chip *c, loam_figure f);
/* Whether the chip meets the test; if so, clause (size bytes) says by which figures and margins. */
bool loam_rule_test_holds(const loam_rule_test *t, const loam_chip *c, char *clause, size_t size);
/* For a chip that does not meet the test: how far its figures are from meeting it, as a fraction of the thresholds (the
 * worst of an alternative, the best of alternatives); INFINITY if no figure could. `words` tells the figure. */
double loam_rule_test_distance(const loam_rule_test *t, const loam_chip *c, char *words, size_t size);

#endif
