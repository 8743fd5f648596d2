/* The records themselves: United States rules and guidance on advanced computing chips and China's answers to them, as
 * public sources told them until November 2026. Data only; docs/plan.md tells how they are read. */
#include "fleet/rules_int.h"

#include <stddef.h>
#include <string.h>

/* Days since 1970-01-01 as a constant (days from civil; March is the first month). */
#define CIVIL_YEAR(y, m) ((y) - ((m) <= 2))
#define DAY(y, m, d)                                                                                   \
    (365 * CIVIL_YEAR(y, m) + CIVIL_YEAR(y, m) / 4 - CIVIL_YEAR(y, m) / 100 + CIVIL_YEAR(y, m) / 400 + \
     (153 * ((m) + ((m) > 2 ? -3 : 9)) + 2) / 5 + (d)-1 - 719468)

#define FEDERAL_REGISTER_2023 "88 FR 73458 (2023-10-25), 3A090 and 742.6(a)(6)"
#define FEDERAL_REGISTER_2026 "FR 2026-00789 (2026-01-15); Covington, Baker McKenzie notes"

const loam_rule_info loam_rule_infos[LOAM_RULE_COUNT] = {
    [LOAM_RULE_R22] = {"R22", "Advanced chips to China, first rule", "87 FR 62186 (2022-10-13), 3A090",
                       DAY(2022, 10, 7), DAY(2023, 11, 17), false},
    [LOAM_RULE_R23_A1] = {"R23.a1", "3A090.a by total performance", FEDERAL_REGISTER_2023, DAY(2023, 11, 17), 0, false},
    [LOAM_RULE_R23_A2] = {"R23.a2", "3A090.a by performance density", FEDERAL_REGISTER_2023, DAY(2023, 11, 17), 0,
                          false},
    [LOAM_RULE_R23_B1] = {"R23.b1", "3A090.b by total performance", FEDERAL_REGISTER_2023, DAY(2023, 11, 17), 0, false},
    [LOAM_RULE_R23_B2] = {"R23.b2", "3A090.b by performance density", FEDERAL_REGISTER_2023, DAY(2023, 11, 17), 0,
                          false},
    [LOAM_RULE_R23_C] = {"R23.c", "Strong chips that are not for data centres", FEDERAL_REGISTER_2023,
                         DAY(2023, 11, 17), 0, false},
    [LOAM_RULE_R23_HQ] = {"R23.hq", "Buyers whose ultimate parent sits in D:5 or Macau, anywhere",
                          FEDERAL_REGISTER_2023, DAY(2023, 11, 17), 0, false},
    [LOAM_RULE_DIFF] = {"DIFF",
                        "Diffusion rule: licences worldwide by tiers; published 2025-01-15 to apply from 2025-05-15, "
                        "never enforced",
                        "90 FR 4544 (2025-01-15); rescission announced 2025-05-13; GAO 2026-05-12", DAY(2025, 5, 15), 0,
                        true},
    [LOAM_RULE_H20L] = {"H20L", "Letters to makers: memory and link bandwidth",
                        "NVIDIA 8-K (2025-04-15); Intel's letter per Financial Times (2025-04)", DAY(2025, 4, 9), 0,
                        false},
    [LOAM_RULE_GP10] = {"GP10", "Guidance: use of Chinese chips that meet 3A090",
                        "BIS guidance 2025-05-13 (General Prohibition 10); Akin, Crowell, Wiley notes",
                        DAY(2025, 5, 13), 0, false},
    [LOAM_RULE_GP10_IAAS] = {"GP10.iaas", "Guidance: red flags for rented capacity that trains for D:5 tenants",
                             "BIS policy statement 2025-05-13; Akin, Crowell, Wiley notes", DAY(2025, 5, 13), 0, false},
    [LOAM_RULE_REV15] = {"REV15", "H20 licences against 15 % of the revenue (press; no rule text)",
                         "press, August 2025", DAY(2025, 8, 1), 0, true},
    [LOAM_RULE_R26] = {"R26", "Licences decided case by case for China and Macau", FEDERAL_REGISTER_2026,
                       DAY(2026, 1, 15), 0, false},
    [LOAM_RULE_G26] = {"G26", "Guidance: the headquarters rule restated",
                       "BIS guidance 2026-05-31; Hogan Lovells, Holland & Knight notes", DAY(2026, 5, 31), 0, false},
    [LOAM_RULE_RASA] = {"RASA", "Remote access bill: passed the House 2026-01-12, no law",
                        "Remote Access Security Act, House vote 369-22 (2026-01-12)", DAY(2026, 1, 12), 0, true},
    [LOAM_RULE_CN25A] = {"CN-25a", "China: public data centres, over half domestic chips",
                         "Manila Times, cloudnews (2025-08)", DAY(2025, 8, 1), 0, false},
    [LOAM_RULE_CN25B] = {"CN-25b", "China: state-funded projects, domestic chips only",
                         "Reuters via TechSpot (2025-11)", DAY(2025, 11, 1), 0, false},
    [LOAM_RULE_CN26] = {"CN-26", "China: customs told that H200 is not permitted", "Reuters via news.az (2026-01-14)",
                        DAY(2026, 1, 14), 0, false},
};

#define FOREIGN .chinese = LOAM_NO
#define THRESHOLD_TPP(from, under)   \
    {                                \
        LOAM_FIGURE_TPP, from, under \
    }
#define THRESHOLD_PD(from, under)   \
    {                               \
        LOAM_FIGURE_PD, from, under \
    }

const loam_rule_record loam_rule_records[LOAM_RULE_COUNT] = {
    [LOAM_RULE_R22] = {LOAM_GROUP_CHINA, LOAM_BUY | LOAM_RENT,
                       .test = {FOREIGN, .any_of = {{THRESHOLD_TPP(4800, 0), {LOAM_FIGURE_IO, 600, 0}}}},
                       .verdict = LOAM_VERDICT_DENIED},
    [LOAM_RULE_R23_A1] = {LOAM_GROUP_D5, LOAM_BUY | LOAM_RENT,
                          .test = {LOAM_YES, FOREIGN, .any_of = {{THRESHOLD_TPP(4800, 0)}}},
                          .verdict = LOAM_VERDICT_DENIED},
    [LOAM_RULE_R23_A2] = {LOAM_GROUP_D5, LOAM_BUY | LOAM_RENT,
                          .test = {LOAM_YES, FOREIGN, .any_of = {{THRESHOLD_TPP(1600, 0), THRESHOLD_PD(5.92, 0)}}},
                          .verdict = LOAM_VERDICT_DENIED},
    [LOAM_RULE_R23_B1] = {LOAM_GROUP_D5, LOAM_BUY | LOAM_RENT,
                          .test = {LOAM_YES, FOREIGN, .any_of = {{THRESHOLD_TPP(2400, 4800), THRESHOLD_PD(1.6, 5.92)}}},
                          .verdict = LOAM_VERDICT_NOTIFY, .says = "notify 25 days before"},
    [LOAM_RULE_R23_B2] = {LOAM_GROUP_D5, LOAM_BUY | LOAM_RENT,
                          .test = {LOAM_YES, FOREIGN, .any_of = {{THRESHOLD_TPP(1600, 0), THRESHOLD_PD(3.2, 5.92)}}},
                          .verdict = LOAM_VERDICT_NOTIFY, .says = "notify 25 days before"},
    [LOAM_RULE_R23_C] = {LOAM_GROUP_D5, LOAM_BUY | LOAM_RENT,
                         .test = {LOAM_NO, FOREIGN, .any_of = {{THRESHOLD_TPP(4800, 0)}}},
                         .verdict = LOAM_VERDICT_NOTIFY, .says = "notify 25 days before"},
    /* carries no test of its own: rules.c asks R23.a1 to R23.c as if the destination were D:5 */
    [LOAM_RULE_R23_HQ] = {LOAM_GROUP_HQ, LOAM_BUY | LOAM_RENT},
    [LOAM_RULE_DIFF] = {LOAM_GROUP_TIERS, LOAM_BUY | LOAM_RENT,
                        .test = {LOAM_YES, FOREIGN,
                                 .any_of = {{THRESHOLD_TPP(4800, 0)}, {THRESHOLD_TPP(1600, 0), THRESHOLD_PD(5.92, 0)}}},
                        .verdict = LOAM_VERDICT_CASE, .says = "licence within the country's quota"},
    [LOAM_RULE_H20L] = {LOAM_GROUP_D5_OR_HQ, LOAM_BUY | LOAM_RENT,
                        .test = {FOREIGN, .any_of = {{{LOAM_FIGURE_DRAM, 1400, 0}},
                                                     {{LOAM_FIGURE_IO, 1100, 0}},
                                                     {{LOAM_FIGURE_DRAM_IO, 1700, 0}}}},
                        .verdict = LOAM_VERDICT_CASE, .says = "licence needed"},
    [LOAM_RULE_GP10] = {LOAM_GROUP_NOT_CHINA, LOAM_BUY | LOAM_RENT | LOAM_OWN,
                        .test = {LOAM_YES, .chinese = LOAM_YES,
                                 .any_of = {{THRESHOLD_TPP(4800, 0)},
                                            {THRESHOLD_TPP(1600, 0), THRESHOLD_PD(5.92, 0)},
                                            {THRESHOLD_TPP(2400, 4800), THRESHOLD_PD(1.6, 5.92)},
                                            {THRESHOLD_TPP(1600, 0), THRESHOLD_PD(3.2, 5.92)}}},
                        .verdict = LOAM_VERDICT_RISK, .says = "use risks violating General Prohibition 10"},
    [LOAM_RULE_GP10_IAAS] = {LOAM_GROUP_REMOTE, LOAM_RENT, .training_only = true,
                             .test = {LOAM_YES, FOREIGN,
                                      .any_of = {{THRESHOLD_TPP(4800, 0)},
                                                 {THRESHOLD_TPP(1600, 0), THRESHOLD_PD(5.92, 0)}}},
                             .verdict = LOAM_VERDICT_RISK, .says = "red flag: the provider may refuse training"},
    [LOAM_RULE_REV15] = {LOAM_GROUP_CHINA, LOAM_BUY,
                         .test = {FOREIGN, .name = "H20-", .any_of = {{{LOAM_FIGURE_DRAM, 1400, 0}}}},
                         .verdict = LOAM_VERDICT_CASE, .duty = 0.15, .says = "15 % on the price"},
    [LOAM_RULE_R26] = {LOAM_GROUP_CHINA, LOAM_BUY | LOAM_RENT,
                       .test = {LOAM_YES, FOREIGN, .us_sold = LOAM_YES,
                                .any_of = {{THRESHOLD_TPP(0, 21000), {LOAM_FIGURE_DRAM, 0, 6500}}}},
                       .verdict = LOAM_VERDICT_CASE, .duty = 0.25, .says = "from the US, after a test there"},
    [LOAM_RULE_G26] = {LOAM_GROUP_HQ, LOAM_BUY | LOAM_RENT | LOAM_OWN,
                       .test = {LOAM_YES, FOREIGN,
                                .any_of = {{THRESHOLD_TPP(4800, 0)}, {THRESHOLD_TPP(1600, 0), THRESHOLD_PD(3.2, 0)}}},
                       .verdict = LOAM_VERDICT_FREE, .says = "restates R23.hq; what is in use may stay in use"},
    [LOAM_RULE_RASA] = {LOAM_GROUP_REMOTE, LOAM_RENT,
                        .test = {LOAM_YES, FOREIGN,
                                 .any_of = {{THRESHOLD_TPP(4800, 0)}, {THRESHOLD_TPP(1600, 0), THRESHOLD_PD(5.92, 0)}}},
                        .verdict = LOAM_VERDICT_DENIED, .says = "remote access would need a licence"},
    [LOAM_RULE_CN25A] = {LOAM_GROUP_CN, LOAM_BUY | LOAM_RENT, .public_only = true, .test = {FOREIGN},
                         .verdict = LOAM_VERDICT_FREE,
                         .says = "over half of the site's chips must be domestic: a share rule"},
    [LOAM_RULE_CN25B] = {LOAM_GROUP_CN, LOAM_BUY | LOAM_RENT, .state_only = true, .test = {FOREIGN},
                         .verdict = LOAM_VERDICT_BARRED, .says = "foreign chip in a state-funded project"},
    [LOAM_RULE_CN26] = {LOAM_GROUP_CN, LOAM_BUY | LOAM_RENT, .test = {FOREIGN, .name = "H200"},
                        .verdict = LOAM_VERDICT_BARRED, .says = "H200 is not let through customs"},
};

/* Country Group D:5 (supplement 1 to part 740 of the EAR). Cambodia left it on 2026-02-03 (91 FR 5091). */
bool loam_country_is_d5(const char *country, loam_day day)
{
    static const char group[] = "AF BY MM CF CN CD CU ER HT IR IQ KP LB LY NI RU SO SS SD SY VE ZW " /* D:5 */ "MO HK";
    if (strlen(country) != 2)
        return false;
    if (strcmp(country, "KH") == 0)
        return day < DAY(2026, 2, 3);
    for (const char *p = group; *p; p += p[2] ? 3 : 2)
        if (strncmp(p, country, 2) == 0)
            return true;
    return false;
}

bool loam_country_is_china(const char *country)
{
    return strcmp(country, "CN") == 0 || strcmp(country, "MO") == 0 || strcmp(country, "HK") == 0;
}

/* The United States and 18 allies. */
bool loam_country_is_first_tier(const char *country)
{
    static const char *const tier[] = {"US", "AU", "BE", "CA", "DK", "FI", "FR", "DE", "IE", "IT",
                                       "JP", "KR", "NL", "NZ", "NO", "ES", "SE", "TW", "GB"};
    for (size_t i = 0; i < sizeof tier / sizeof *tier; i++)
        if (strcmp(tier[i], country) == 0)
            return true;
    return false;
}
