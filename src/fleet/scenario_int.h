/* Shared by the files that read a scenario: tables that say which key goes into which member, values with units, and
 * names that become indices. Every refusal names the file and the line. */
#ifndef LOAM_FLEET_SCENARIO_INT_H
#define LOAM_FLEET_SCENARIO_INT_H

#include <stddef.h>

#include "fleet/scenario.h"
#include "format/yaml.h"

enum {
    LOAM_SCENARIO_MAX_ORIGINS = 64,
    LOAM_SCENARIO_MAX_ITEMS = 400, /* of any other list */
    LOAM_SCENARIO_HOURS = 24,
};

typedef struct loam_currency {
    const char *code;
    double per_usd;
} loam_currency;

typedef struct loam_reader {
    const char *name;  /* of the file, for messages */
    loam_arena *arena; /* of the scenario */
    loam_err *err;
    loam_scenario *s;
    loam_chips catalogue;
    const loam_currency *currencies;
    size_t n_currencies;
} loam_reader;

#define LOAM_REFUSE(r, at_line, fmt, ...) \
    LOAM_FAIL((r)->err, INVALID, "%s:%d: " fmt, (r)->name, (at_line)__VA_OPT__(, ) __VA_ARGS__)

/* What names stand for. */
typedef enum loam_name_kind {
    LOAM_NAME_REGION,
    LOAM_NAME_ORIGIN,
    LOAM_NAME_MODEL,
    LOAM_NAME_SERVICE,
    LOAM_NAME_TRAINING,
    LOAM_NAME_CHIP,
    LOAM_NAME_CATALOGUE, /* a chip of the catalogue */
    LOAM_NAME_BUILTIN,   /* a model of the built-in table */
} loam_name_kind;

/* How a key's value is read, and the type of the member that it goes into. */
typedef enum loam_field_kind {
    LOAM_FIELD_HAND,    /* a known key that the section reads by itself */
    LOAM_FIELD_TEXT,    /* const char *, any text */
    LOAM_FIELD_NAME,    /* const char *, one line that is not empty */
    LOAM_FIELD_COUNTRY, /* const char *, "CN" */
    LOAM_FIELD_NUMBER,  /* double in [min, max] */
    LOAM_FIELD_COUNT,   /* int in [min, max] */
    LOAM_FIELD_BITS,    /* double: 4, 8 or 16 */
    LOAM_FIELD_BOOL,    /* bool */
    LOAM_FIELD_USD,     /* double in [min, max] after conversion */
    LOAM_FIELD_MONTH,   /* int, months from the start; "2025-03" */
    LOAM_FIELD_REGION,  /* int */
    LOAM_FIELD_CHIP,    /* int */
    LOAM_FIELD_REGIONS, /* const bool *, one for each region */
    LOAM_FIELD_ORIGINS,
    LOAM_FIELD_SERVICES,
    LOAM_FIELD_TRAININGS,
    LOAM_FIELD_CHIPS,
} loam_field_kind;

typedef struct loam_field {
    const char *key;
    loam_field_kind kind;
    size_t at; /* offset of the member */
    double min, max;
} loam_field;

#define LOAM_FIELD(type, member, kind)                           \
    {                                                            \
#member, LOAM_FIELD_##kind, offsetof(type, member), 0, 0 \
    }
#define LOAM_FIELD_IN(type, member, kind, min, max)                  \
    {                                                                \
#member, LOAM_FIELD_##kind, offsetof(type, member), min, max \
    }
#define LOAM_FIELD_OWN(key)           \
    {                                 \
        key, LOAM_FIELD_HAND, 0, 0, 0 \
    }

/* A section of the file and its keys: what docs/plan.md must tell. */
typedef struct loam_section {
    const char *name;
    const loam_field *fields;
    size_t n;
} loam_section;
#define LOAM_SECTION(title, array)                    \
    {                                                 \
        title, array, sizeof(array) / sizeof *(array) \
    }
extern const loam_section loam_section_top, loam_section_rules, loam_section_region, loam_section_power,
    loam_section_origin, loam_section_model, loam_section_service, loam_section_demand, loam_section_training,
    loam_section_chip, loam_section_supply, loam_section_rent, loam_section_owned, loam_section_budget,
    loam_section_share, loam_section_data_rule, loam_section_doubt, loam_section_event, loam_section_source;
/* All of them, NULL-terminated. */
extern const loam_section *const loam_sections[];

/* Refuses keys that the section does not have, and reads those that are there; others keep what `into` holds. */
LOAM_CHECK_RESULT loam_status loam_read_fields(loam_reader *r, const loam_yaml_node *map, const loam_section *section,
                                               void *into);
/* Refuses a map that lacks a key. */
LOAM_CHECK_RESULT loam_status loam_read_required(loam_reader *r, const loam_yaml_node *map, const loam_section *section,
                                                 const char *key);
/* A value that is there: not missing, not null. */
const loam_yaml_node *loam_read_given(const loam_yaml_node *map, const char *key);
/* Puts "key: " after the place that begins the message of a failure, which is returned. */
loam_status loam_read_named(loam_reader *r, const char *key, loam_status failure);

/* One item of a list into zeroed memory. */
typedef loam_status (*loam_read_item)(loam_reader *r, const loam_yaml_node *item, void *into);
/* The list under a key, none if it is missing; *items is in the arena. *n counts those that were read, also while the
 * next is being read. */
LOAM_CHECK_RESULT loam_status loam_read_list(loam_reader *r, const loam_yaml_node *root, const char *key, size_t max,
                                             size_t item_bytes, loam_read_item read, size_t *n, void **items);
/* Zeroed memory of the scenario. */
LOAM_CHECK_RESULT loam_status loam_read_alloc(loam_reader *r, size_t n, size_t bytes, void *out);
/* printf into the arena. */
LOAM_CHECK_RESULT loam_status loam_read_format(loam_reader *r, const char **out, const char *fmt, ...)
    LOAM_PRINTF(3, 4);

/* Money: a number of USD, or "40 bn CNY". */
LOAM_CHECK_RESULT loam_status loam_read_usd(loam_reader *r, const loam_yaml_node *v, double min, double max,
                                            double *out);
LOAM_CHECK_RESULT loam_status loam_read_number(loam_reader *r, const loam_yaml_node *v, double min, double max,
                                               double *out);
LOAM_CHECK_RESULT loam_status loam_read_day(loam_reader *r, const loam_yaml_node *v, loam_day *out);
/* "2025-03" as months from the scenario's start, negative before it. */
LOAM_CHECK_RESULT loam_status loam_read_month(loam_reader *r, const loam_yaml_node *v, int *out);
LOAM_CHECK_RESULT loam_status loam_read_text(loam_reader *r, const loam_yaml_node *v, const char **out);
/* Text from the file for a message: one line of at most 80 bytes, cut at a character. */
typedef struct loam_text_shown {
    char text[84];
} loam_text_shown;
loam_text_shown loam_show_text(const char *s);
/* 671e9 as "671 B". */
loam_text_shown loam_show_figure(double v);
/* Month `month` of the scenario as "2025-03". */
typedef struct loam_month_text {
    char text[8];
} loam_month_text;
loam_month_text loam_show_month(const loam_scenario *s, int month);

/* A list of maps that begin at a month: {from: 2025-03, …}, ascending. Calls `read` for each with the month, clipped at
 * 0, and the index of the step. */
typedef loam_status (*loam_read_step)(loam_reader *r, const loam_yaml_node *step, int from, void *arg);
LOAM_CHECK_RESULT loam_status loam_read_steps(loam_reader *r, const loam_yaml_node *list, loam_read_step read,
                                              void *arg);

/* Names. The index of the one that a text means; chips and built-in models also by an unambiguous beginning. */
LOAM_CHECK_RESULT loam_status loam_read_name(loam_reader *r, const loam_yaml_node *v, loam_name_kind kind, int *out);
/* A set: "all", a name, a list of names, or a map of what its members have in common ({vendor: Huawei}). For chips a
 * beginning means all that begin so. Never empty. */
LOAM_CHECK_RESULT loam_status loam_read_set(loam_reader *r, const loam_yaml_node *v, loam_name_kind kind,
                                            const bool **out);
/* Refuses names that appear twice. */
LOAM_CHECK_RESULT loam_status loam_read_unique(loam_reader *r, const char *what, const void *items, size_t n,
                                               size_t item_bytes, size_t name_at, size_t line_at);
/* Fails with what `word` may have meant among the n words; `what` is "region", "chip", … */
LOAM_CHECK_RESULT loam_status loam_read_unknown(loam_reader *r, int line, const char *what, const char *word,
                                                const char *const *words, size_t n);

/* Models that everybody knows, as published. */
extern const loam_fleet_model loam_builtin_models[];
extern const size_t loam_n_builtin_models;
/* Hours that the clocks of a country with one time zone are ahead of UTC; false for others. */
bool loam_country_offset(const char *country, double *hours);

/* The sections, in the order in which they need each other. */
LOAM_CHECK_RESULT loam_status loam_read_top(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_rules(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_chips(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_regions(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_origins(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_models(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_services(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_demand(loam_reader *r, const loam_yaml_node *item, loam_service *v);
LOAM_CHECK_RESULT loam_status loam_read_curve(loam_reader *r, const loam_yaml_node *v, double curve[24]);
LOAM_CHECK_RESULT loam_status loam_read_trainings(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_supplies(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_rents(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_owned(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_budgets(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_shares(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_data_rules(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_doubt(loam_reader *r, const loam_yaml_node *root);
LOAM_CHECK_RESULT loam_status loam_read_sources(loam_reader *r, const loam_yaml_node *root);
/* Model of a service: of the list, or of the built-in table, which is added to the list then. */
LOAM_CHECK_RESULT loam_status loam_read_model_ref(loam_reader *r, const loam_yaml_node *v, int *out);

/* The tree with one change made; parts that did not change are shared. */
LOAM_CHECK_RESULT loam_status loam_scenario_change_tree(loam_reader *r, const loam_yaml_node *root,
                                                        const loam_change *change, const loam_yaml_node **out);
/* Does what was read make sense as a whole? */
LOAM_CHECK_RESULT loam_status loam_scenario_check(loam_reader *r);

#endif
