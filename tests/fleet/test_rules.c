/* Export rules against the tables of the research page, written down here by hand: one row a chip, one cell a rule; and
 * what a chip may do in three places. Then the edges: thresholds, days, headquarters, what is known and what is
 * dropped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fleet/rules.h"

static loam_arena *arena;
static loam_chips chips;

static int open_catalogue(void **state)
{
    loam_err err = LOAM_ERR_INIT;
    arena = loam_arena_new((size_t)4 << 20);
    return loam_chips_builtin(arena, &chips, &err) == LOAM_OK ? 0 : -1;
}

static int close_catalogue(void **state)
{
    loam_arena_free(arena);
    return 0;
}

static const loam_chip *chip(const char *name)
{
    int i = loam_chips_find(&chips, name);
    if (i < 0)
        fail_msg("no chip %s", name);
    return &chips.chips[i];
}

static loam_day day(const char *text)
{
    loam_day d = 0;
    assert_true(loam_day_parse(text, &d));
    return d;
}

static const loam_rule_hit *find(const loam_ruling *r, const char *id)
{
    for (size_t i = 0; i < r->n_hits; i++)
        if (strcmp(r->hits[i].id, id) == 0)
            return &r->hits[i];
    return NULL;
}

/* A Chinese buyer, in a place, on a day; by default it buys. */
static loam_rule_case ask(const char *name, const char *to, const char *when)
{
    return (loam_rule_case){.chip = chip(name), .destination = to, .hq = "CN", .day = day(when)};
}

static loam_ruling judge(loam_rule_case c)
{
    loam_ruling r;
    loam_rules_judge(NULL, &c, &r);
    return r;
}

static void expect(loam_rule_case c, loam_verdict verdict)
{
    loam_ruling r = judge(c);
    char when[11];
    loam_day_format(c.day, when);
    if (r.verdict != verdict)
        fail_msg("%s to %s on %s: %s, not %s", c.chip->name, c.destination, when, loam_verdict_name(r.verdict),
                 loam_verdict_name(verdict));
    for (size_t i = 0; i < r.n_hits; i++)
        if (!r.hits[i].clause[0] || !r.hits[i].source)
            fail_msg("%s: hit %s has no clause or source", c.chip->name, r.hits[i].id);
}

/* The page's section 2.3. An empty cell: not judged there (Chinese chips), "free": the rule does not fire. */
static void test_rules_table(void **state)
{
    static const struct {
        const char *chip, *r22, *r23, *h20l, *r26;
        double tpp, pd; /* 0: the page gives none */
    } rows[] = {
        {"A100", "caught", "R23.a1", "caught", "case", 4992, 6.04},
        {"A800", "free", "R23.a1", "caught", "denied", 4992, 6.04},
        {"H100", "caught", "R23.a1", "caught", "case", 15832, 19.45},
        {"H800", "free", "R23.a1", "caught", "denied", 15832, 19.45},
        {"H200", "caught", "R23.a1", "caught", "case", 15832, 19.45},
        {"H20", "free", "free", "caught", "none", 2368, 2.91},
        {"B200", "caught", "R23.a1", "caught", "denied", 36000, 22.5},
        {"L40S", "free", "R23.a1", "free", "case", 5864, 9.63},
        {"L20", "free", "free", "free", "none", 1912, 3.14},
        {"L2", "free", "free", "free", "none", 1544, 0},
        {"RTX-4090", "free", "R23.c", "free", "none", 5285, 8.68},
        {"RTX-4090D", "free", "free", "free", "none", 4707, 7.73},
        {"MI300X", "caught", "R23.a1", "caught", "case", 20919, 8.7},
        {"MI325X", "caught", "R23.a1", "caught", "case", 20919, 0},
        {"Ascend-910B4", "free", "free", "free", "none", 4480, 6.7},
        {"Ascend-910B3", "free", "free", "free", "none", 5008, 7.5},
        {"Ascend-910B2", "free", "free", "free", "none", 6016, 9.1},
        {"Ascend-910C", "free", "free", "free", "none", 12032, 9.1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *name = rows[i].chip;
        assert_float_equal(chip(name)->tpp, rows[i].tpp, 0.5);
        assert_float_equal(chip(name)->pd, rows[i].pd, 0.06);
        loam_ruling r = judge(ask(name, "CN", "2023-01-15"));
        if ((r.verdict == LOAM_VERDICT_DENIED && find(&r, "R22")) != (strcmp(rows[i].r22, "caught") == 0))
            fail_msg("R22 on %s", name);
        r = judge(ask(name, "CN", "2024-06-01"));
        if (strcmp(rows[i].r23, "free") == 0 ? r.n_hits != 0 : !find(&r, rows[i].r23) || r.n_hits != 1)
            fail_msg("R23 on %s: %s", name, r.n_hits ? r.hits[0].id : "free");
        r = judge(ask(name, "CN", "2025-04-09"));
        if (!!find(&r, "H20L") != (strcmp(rows[i].h20l, "caught") == 0))
            fail_msg("H20L on %s", name);
        r = judge(ask(name, "CN", "2026-01-20"));
        const loam_rule_hit *h = find(&r, "R26");
        const char *got = !h ? "none" : h->verdict == LOAM_VERDICT_CASE ? "case" : "denied";
        if (strcmp(got, rows[i].r26) != 0)
            fail_msg("R26 on %s: %s, not %s", name, got, rows[i].r26);
        if (h && strcmp(name, "H200") != 0) /* H200 is barred by China's customs */
            expect(ask(name, "CN", "2026-01-20"), h->verdict);
    }
}

/* The page's section 1.3: a Chinese buyer in the middle of 2026. */
static void test_rules_places(void **state)
{
    static const struct {
        const char *chip;
        loam_verdict china, malaysia, rented, rented_training;
    } rows[] = {
        {"B200", LOAM_VERDICT_DENIED, LOAM_VERDICT_DENIED, LOAM_VERDICT_FREE, LOAM_VERDICT_RISK},
        {"H100", LOAM_VERDICT_CASE, LOAM_VERDICT_DENIED, LOAM_VERDICT_FREE, LOAM_VERDICT_RISK},
        {"MI300X", LOAM_VERDICT_CASE, LOAM_VERDICT_DENIED, LOAM_VERDICT_FREE, LOAM_VERDICT_RISK},
        {"H200", LOAM_VERDICT_BARRED, LOAM_VERDICT_DENIED, LOAM_VERDICT_FREE, LOAM_VERDICT_RISK},
        {"H20", LOAM_VERDICT_CASE, LOAM_VERDICT_CASE, LOAM_VERDICT_FREE, LOAM_VERDICT_FREE},
        {"L20", LOAM_VERDICT_FREE, LOAM_VERDICT_FREE, LOAM_VERDICT_FREE, LOAM_VERDICT_FREE},
        {"RTX-4090D", LOAM_VERDICT_FREE, LOAM_VERDICT_FREE, LOAM_VERDICT_FREE, LOAM_VERDICT_FREE},
        {"Ascend-910B2", LOAM_VERDICT_FREE, LOAM_VERDICT_RISK, LOAM_VERDICT_RISK, LOAM_VERDICT_RISK},
        {"Ascend-910C", LOAM_VERDICT_FREE, LOAM_VERDICT_RISK, LOAM_VERDICT_RISK, LOAM_VERDICT_RISK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        loam_rule_case c = ask(rows[i].chip, "CN", "2026-06-15");
        expect(c, rows[i].china);
        c.destination = "MY";
        expect(c, rows[i].malaysia);
        c.get = LOAM_GET_RENT;
        c.provider_hq = "US";
        expect(c, rows[i].rented);
        c.training = true;
        expect(c, rows[i].rented_training);
        c.get = LOAM_GET_OWNED; /* what stands there already stays usable, but for Chinese chips outside China */
        c.provider_hq = NULL;
        expect(c, strncmp(rows[i].chip, "Ascend", 6) == 0 ? LOAM_VERDICT_RISK : LOAM_VERDICT_FREE);
        c.destination = "CN";
        expect(c, LOAM_VERDICT_FREE);
    }
}

/* A chip that no rule knows by name. */
static loam_chip made_up(double tpp, double pd)
{
    return (loam_chip){.name = "X1",
                       .vendor = "X",
                       .origin = "US",
                       .year = 2024,
                       .tpp = tpp,
                       .pd = pd,
                       .mem_gbps = 800,
                       .link_gbps = 64,
                       .datacentre = true,
                       .us_sold = true};
}

static loam_verdict verdict_of(const loam_chip *c, const char *to, const char *when)
{
    loam_rule_case q = {.chip = c, .destination = to, .hq = "CN", .day = day(when)};
    return judge(q).verdict;
}

static void test_rules_thresholds(void **state)
{
    static const struct {
        double tpp, pd;
        loam_verdict verdict;
    } rows[] = {
        {2399, 2.9, LOAM_VERDICT_FREE},   {2400, 2.9, LOAM_VERDICT_NOTIFY},  {2400, 1.59, LOAM_VERDICT_FREE},
        {2400, 1.6, LOAM_VERDICT_NOTIFY}, {1599, 5.91, LOAM_VERDICT_FREE},   {1600, 3.19, LOAM_VERDICT_FREE},
        {1600, 3.2, LOAM_VERDICT_NOTIFY}, {1600, 5.91, LOAM_VERDICT_NOTIFY}, {1600, 5.92, LOAM_VERDICT_DENIED},
        {1599, 50, LOAM_VERDICT_FREE},    {4799, 5.91, LOAM_VERDICT_NOTIFY}, {4800, 0.1, LOAM_VERDICT_DENIED},
        {4799, 1.5, LOAM_VERDICT_FREE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        loam_chip c = made_up(rows[i].tpp, rows[i].pd);
        if (verdict_of(&c, "CN", "2024-01-01") != rows[i].verdict)
            fail_msg("TPP %g, PD %g: %s", rows[i].tpp, rows[i].pd,
                     loam_verdict_name(verdict_of(&c, "CN", "2024-01-01")));
    }
    loam_chip c = made_up(1000, 1);
    c.mem_gbps = 1399;
    c.link_gbps = 300;
    assert_int_equal(verdict_of(&c, "CN", "2025-05-01"), LOAM_VERDICT_FREE);
    c.link_gbps = 301; /* together 1700 */
    assert_int_equal(verdict_of(&c, "CN", "2025-05-01"), LOAM_VERDICT_CASE);
    c.mem_gbps = 1400;
    c.link_gbps = 0;
    assert_int_equal(verdict_of(&c, "CN", "2025-05-01"), LOAM_VERDICT_CASE);
    c.mem_gbps = 100;
    c.link_gbps = 1100;
    assert_int_equal(verdict_of(&c, "CN", "2025-05-01"), LOAM_VERDICT_CASE);
    c = made_up(20999, 30);
    c.mem_gbps = 6499;
    assert_int_equal(verdict_of(&c, "CN", "2026-02-01"), LOAM_VERDICT_CASE);
    c.mem_gbps = 6500;
    assert_int_equal(verdict_of(&c, "CN", "2026-02-01"), LOAM_VERDICT_DENIED);
    c.mem_gbps = 6499;
    c.tpp = 21000;
    assert_int_equal(verdict_of(&c, "CN", "2026-02-01"), LOAM_VERDICT_DENIED);
}

/* Each rule from its day on, and not a day earlier. */
static void test_rules_days(void **state)
{
    static const struct {
        const char *chip, *to, *before, *on, *id;
        loam_get get;
        const char *extra;
    } rows[] = {
        {"H100", "CN", "2022-10-06", "2022-10-07", "R22", LOAM_GET_BUY, ""},
        {"H800", "CN", "2023-11-16", "2023-11-17", "R23.a1", LOAM_GET_BUY, ""},
        {"RTX-4090", "CN", "2023-11-16", "2023-11-17", "R23.c", LOAM_GET_BUY, ""},
        {"H100", "MY", "2023-11-16", "2023-11-17", "R23.hq", LOAM_GET_BUY, ""},
        {"H20", "CN", "2025-04-08", "2025-04-09", "H20L", LOAM_GET_BUY, ""},
        {"Ascend-910B2", "MY", "2025-05-12", "2025-05-13", "GP10", LOAM_GET_BUY, ""},
        {"B200", "US", "2025-05-12", "2025-05-13", "GP10.iaas", LOAM_GET_RENT, ""},
        {"B200", "BR", "2025-05-14", "2025-05-15", "DIFF", LOAM_GET_BUY, "diff"},
        {"H20", "CN", "2025-07-31", "2025-08-01", "REV15", LOAM_GET_BUY, "REV15"},
        {"L20", "CN", "2025-07-31", "2025-08-01", "CN-25a", LOAM_GET_BUY, ""},
        {"L20", "CN", "2025-10-31", "2025-11-01", "CN-25b", LOAM_GET_BUY, ""},
        {"B200", "US", "2026-01-11", "2026-01-12", "RASA", LOAM_GET_RENT, "RASA"},
        {"H200", "CN", "2026-01-13", "2026-01-14", "CN-26", LOAM_GET_BUY, ""},
        {"H100", "CN", "2026-01-14", "2026-01-15", "R26", LOAM_GET_BUY, ""},
        {"H100", "MY", "2026-05-30", "2026-05-31", "G26", LOAM_GET_BUY, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const extra[] = {rows[i].extra};
        loam_rule_book book = {.extra = extra, .n_extra = 1};
        loam_rule_case c = ask(rows[i].chip, rows[i].to, rows[i].before);
        loam_ruling r;
        c.get = rows[i].get;
        c.provider_hq = c.get == LOAM_GET_RENT ? "US" : NULL;
        c.training = c.public_centre = c.state_funded = true;
        loam_rules_judge(&book, &c, &r);
        if (find(&r, rows[i].id))
            fail_msg("%s is there on %s", rows[i].id, rows[i].before);
        c.day = day(rows[i].on);
        loam_rules_judge(&book, &c, &r);
        if (!find(&r, rows[i].id))
            fail_msg("%s is not there on %s", rows[i].id, rows[i].on);
    }
    loam_ruling r = judge(ask("H100", "CN", "2023-11-16"));
    assert_non_null(find(&r, "R22"));
    r = judge(ask("H100", "CN", "2023-11-17")); /* R22 ends as R23 begins */
    assert_null(find(&r, "R22"));
    assert_int_equal(r.verdict, LOAM_VERDICT_DENIED);
}

static void test_rules_headquarters(void **state)
{
    loam_rule_case c = ask("H100", "MY", "2025-01-15");
    loam_ruling r = judge(c);
    assert_int_equal(r.verdict, LOAM_VERDICT_DENIED);
    assert_string_equal(r.hits[0].id, "R23.hq");
    assert_non_null(strstr(r.hits[0].clause, "CN in MY as R23.a1: TPP 15832 >= 4800 (3.3 x)"));
    c.hq = "US";
    expect(c, LOAM_VERDICT_FREE);
    c.destination = "CN"; /* the destination counts whoever buys */
    expect(c, LOAM_VERDICT_DENIED);
    c.destination = "MO";
    expect(c, LOAM_VERDICT_DENIED);
    c.destination = "US";
    expect(c, LOAM_VERDICT_FREE);
    c = ask("H100", "MY", "2025-01-15");
    c.get = LOAM_GET_RENT;
    c.provider_hq = "CN"; /* a Chinese provider abroad has the same difficulty */
    expect(c, LOAM_VERDICT_DENIED);
    c.provider_hq = "SG";
    expect(c, LOAM_VERDICT_FREE);
    c.provider_hq = NULL; /* of its own group */
    expect(c, LOAM_VERDICT_DENIED);
    c = ask("H20", "MY", "2025-05-01"); /* the letters follow headquarters, too */
    expect(c, LOAM_VERDICT_CASE);
    c = ask("Ascend-910C", "DE", "2025-06-01");
    c.hq = "DE"; /* whoever uses it */
    expect(c, LOAM_VERDICT_RISK);
    c = ask("H100", "KH", "2026-02-02"); /* Cambodia left D:5 on the next day */
    c.hq = "US";
    expect(c, LOAM_VERDICT_DENIED);
    c.day++;
    expect(c, LOAM_VERDICT_FREE);
}

static void test_rules_chinese_side(void **state)
{
    loam_rule_case c = ask("L20", "CN", "2026-06-01");
    expect(c, LOAM_VERDICT_FREE);
    c.state_funded = true;
    expect(c, LOAM_VERDICT_BARRED);
    c.chip = chip("Ascend-910B2");
    expect(c, LOAM_VERDICT_FREE);
    c = ask("L20", "CN", "2026-06-01");
    c.public_centre = true;
    loam_ruling r = judge(c);
    assert_int_equal(r.verdict, LOAM_VERDICT_FREE); /* a share of the site, not a ban on the chip */
    assert_non_null(find(&r, "CN-25a"));
    c.destination = "MY";
    c.state_funded = true;
    expect(c, LOAM_VERDICT_FREE);
}

static void test_rules_books(void **state)
{
    static const char *const hq[] = {"r23.hq"}, *const all_2023[] = {"R23"}, *const customs[] = {"CN-26"};
    loam_ruling r;
    loam_rule_case c = ask("H20", "CN", "2026-02-01");
    loam_rule_book book = {.known_at = day("2025-01-15")};
    loam_rules_judge(&book, &c, &r); /* who plans in January 2025 does not know of April */
    assert_int_equal(r.verdict, LOAM_VERDICT_FREE);
    book = (loam_rule_book){.as_of = day("2025-04-08")};
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_FREE);
    book.as_of = day("2025-04-09");
    c.day = day("2024-01-01");
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_CASE);
    c = ask("H100", "CN", "2024-06-01");
    book = (loam_rule_book){.known_at = day("2023-06-01")};
    loam_rules_judge(&book, &c, &r); /* nobody knew then that R22 would end */
    assert_non_null(find(&r, "R22"));
    c = ask("H100", "MY", "2025-01-15");
    book = (loam_rule_book){.dropped = hq, .n_dropped = 1};
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_FREE);
    c.destination = "CN";
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_DENIED);
    book.dropped = all_2023;
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_FREE);
    c = ask("H200", "CN", "2026-06-01");
    book.dropped = customs;
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_CASE);
    assert_float_equal(r.duty, 0.25, 1e-12);
    /* dropping the first clause shows the second, that binds as well */
    static const char *const a1[] = {"R23.a1"};
    c = ask("H100", "CN", "2024-06-01");
    book.dropped = a1;
    loam_rules_judge(&book, &c, &r);
    assert_string_equal(r.hits[0].id, "R23.a2");
}

static void test_rules_optional(void **state)
{
    static const char *const extra[] = {"RASA", "REV15", "DIFF"};
    loam_rule_book book = {.extra = extra, .n_extra = 3};
    loam_ruling r;
    loam_rule_case c = ask("H20", "CN", "2025-09-01");
    loam_rules_judge(&book, &c, &r);
    assert_float_equal(r.duty, 0.15, 1e-12);
    assert_float_equal(judge(c).duty, 0, 1e-12);
    c = ask("B200", "MY", "2026-06-01");
    c.get = LOAM_GET_RENT;
    c.provider_hq = "US";
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_DENIED);
    c = ask("H100", "BR", "2025-06-01");
    c.hq = "BR";
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_CASE);
    c.destination = c.hq = "DE"; /* the first tier */
    loam_rules_judge(&book, &c, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_FREE);
}

static void test_rules_months(void **state)
{
    loam_month month = 0;
    loam_ruling r;
    assert_true(loam_month_parse("2025-04", &month));
    loam_rules_judge_month(NULL, ask("H20", "CN", "2020-01-01"), month - 1, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_FREE);
    loam_rules_judge_month(NULL, ask("H20", "CN", "2020-01-01"), month,
                           &r); /* free until the 8th: the worst day counts */
    assert_int_equal(r.verdict, LOAM_VERDICT_CASE);
    assert_true(loam_month_parse("2026-01", &month));
    loam_rules_judge_month(NULL, ask("H100", "CN", "2020-01-01"), month, &r); /* denied until the 14th */
    assert_int_equal(r.verdict, LOAM_VERDICT_DENIED);
    loam_rules_judge_month(NULL, ask("H100", "CN", "2020-01-01"), month + 1, &r);
    assert_int_equal(r.verdict, LOAM_VERDICT_CASE);
}

static void test_rules_margins(void **state)
{
    loam_ruling r = judge(ask("H20", "CN", "2024-06-01"));
    assert_string_equal(r.nearest, "TPP 2368 is 1.3 % under 2400 (R23.b1)");
    r = judge(ask("L20", "CN", "2024-06-01"));
    assert_string_equal(r.nearest, "PD 3.14 is 1.9 % under 3.2 (R23.b2)");
    r = judge(ask("RTX-4090D", "CN", "2024-06-01"));
    assert_string_equal(r.nearest, "TPP 4707 is 1.9 % under 4800 (R23.c)");
    r = judge(ask("MI300X", "CN", "2026-06-01"));
    assert_non_null(strstr(find(&r, "R26")->clause, "TPP 20919 < 21000 (0.4 % under)"));
    r = judge(ask("A800", "CN", "2026-06-01"));
    assert_non_null(strstr(find(&r, "R26")->clause, "not a product that is sold in the United States"));
    r = judge(ask("H20", "CN", "2025-06-01"));
    assert_non_null(strstr(r.hits[0].clause, "DRAM 4000 >= 1400 (2.9 x)"));
}

/* The dates of the records are those that the page names; they are made by a macro, so here they are read as text. */
static void test_rules_records(void **state)
{
    static const struct {
        const char *id, *from, *to;
        bool optional;
    } rows[] = {
        {"R22", "2022-10-07", "2023-11-17", false}, {"R23.a1", "2023-11-17", "", false},
        {"R23.a2", "2023-11-17", "", false},        {"R23.b1", "2023-11-17", "", false},
        {"R23.b2", "2023-11-17", "", false},        {"R23.c", "2023-11-17", "", false},
        {"R23.hq", "2023-11-17", "", false},        {"DIFF", "2025-05-15", "", true},
        {"H20L", "2025-04-09", "", false},          {"GP10", "2025-05-13", "", false},
        {"GP10.iaas", "2025-05-13", "", false},     {"REV15", "2025-08-01", "", true},
        {"R26", "2026-01-15", "", false},           {"G26", "2026-05-31", "", false},
        {"RASA", "2026-01-12", "", true},           {"CN-25a", "2025-08-01", "", false},
        {"CN-25b", "2025-11-01", "", false},        {"CN-26", "2026-01-14", "", false},
    };
    size_t n;
    const loam_rule_info *all = loam_rules_all(&n);
    assert_int_equal(n, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(all[i].id, rows[i].id);
        assert_int_equal(all[i].from, day(rows[i].from));
        assert_int_equal(all[i].to, *rows[i].to ? day(rows[i].to) : 0);
        assert_int_equal(all[i].optional, rows[i].optional);
        assert_true(all[i].title && all[i].source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_table),        cmocka_unit_test(test_rules_places),
        cmocka_unit_test(test_rules_thresholds),   cmocka_unit_test(test_rules_days),
        cmocka_unit_test(test_rules_headquarters), cmocka_unit_test(test_rules_chinese_side),
        cmocka_unit_test(test_rules_books),        cmocka_unit_test(test_rules_optional),
        cmocka_unit_test(test_rules_months),       cmocka_unit_test(test_rules_margins),
        cmocka_unit_test(test_rules_records),
    };
    return cmocka_run_group_tests_name("fleet rules", tests, open_catalogue, close_catalogue);
}
