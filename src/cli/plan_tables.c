/* loam plan validate | rules | check */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "cli/options.h"
#include "cli/plan_tables.h"
#include "cli/report.h"
#include "fleet/plan.h"

enum { MAX_PLAN_BYTES = 1 << 30, CLAUSE_COLUMN = 50 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_errors(const char *group, const loam_perf_row *rows, size_t n)
{
    double *error = malloc((n + 1) * sizeof *error), sum = 0;
    size_t k = 0;
    for (size_t i = 0; error && i < n; i++)
        if (strcmp(rows[i].group, group) == 0 && rows[i].published > 0)
            sum += error[k++] = fabs(rows[i].computed / rows[i].published - 1);
    if (k) {
        qsort(error, k, sizeof *error, ascending);
        printf("%zu rows in the fit: mean error %.1f %%, median %.1f %%, 90 %% of them within %.1f %%, worst %.1f %%\n",
               k, 100 * sum / (double)k, 100 * error[k / 2], 100 * error[(size_t)(0.9 * (double)(k - 1) + 0.5)],
               100 * error[k - 1]);
    }
    free(error);
}

int loam_plan_validate(int argc, char **argv)
{
    static const loam_usage_text usage = {
        "plan validate", "", "Compares the performance equations with published measurements, row by row.", NULL, 0, 0};
    const loam_option options[] = {{0}};
    const char *args[1];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    loam_perf_row *rows;
    size_t n;
    if (loam_perf_validate(&rows, &n, &err) != LOAM_OK)
        return loam_report_error(&err);
    int width = 4;
    for (size_t i = 0; i < n; i++)
        width = (int)strlen(rows[i].what) > width ? (int)strlen(rows[i].what) : width;
    printf("%-*s  %12s  %12s  %8s  %s\n", width, "row", "published", "computed", "error", "unit");
    for (size_t i = 0; i < n; i++) {
        const loam_perf_row *r = &rows[i];
        if (i && strcmp(r->group, rows[i - 1].group) != 0)
            printf("\nnot in the fit, shown for what the equations are worth elsewhere:\n");
        printf("%-*s  %12.5g  %12.5g  %+7.1f%%  %s\n", width, r->what, r->published, r->computed,
               100 * (r->computed / r->published - 1), r->unit);
    }
    putchar('\n');
    print_errors("fitted", rows, n);
    puts("Sources: docs/plan.md. A plan should allow for a band of about 20 %, or be scaled by your own measurement.");
    free(rows);
    return LOAM_EXIT_OK;
}

static loam_day today(void)
{
    return (loam_day)(time(NULL) / 86400);
}

int loam_plan_rules(int argc, char **argv)
{
    const char *date = NULL, *hq = "CN", *to = "CN", *chip = NULL;
    bool rent = false, list = false;
    const loam_option options[] = {
        {0, "date", LOAM_OPTION_KIND_TEXT, "YYYY-MM-DD", "the day of delivery (default: today)", &date},
        {0, "hq", LOAM_OPTION_KIND_TEXT, "COUNTRY", "headquarters of the buyer's parent (default: CN)", &hq},
        {0, "to", LOAM_OPTION_KIND_TEXT, "COUNTRY", "where the servers go (default: CN)", &to},
        {0, "chip", LOAM_OPTION_KIND_TEXT, "NAME", "only this chip, with every clause", &chip},
        {0, "rent", LOAM_OPTION_KIND_FLAG, NULL, "rented from a provider with headquarters in the US, not bought",
         &rent},
        {0, "list", LOAM_OPTION_KIND_FLAG, NULL, "the rules themselves, with dates and sources", &list},
        {0},
    };
    static const loam_usage_text usage = {
        "plan rules",
        "",
        "Which chip may go where, when, and which clause says so.",
        "Planning facts from public texts (docs/plan.md), not legal advice.",
        0,
        0,
    };
    const char *args[1];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    loam_day day = today();
    char text[11];
    if (date && !loam_day_parse(date, &day)) {
        fprintf(stderr, "loam plan rules: --date takes a day such as 2025-04-09, not '%s'\n", date);
        return LOAM_EXIT_USAGE;
    }
    if (list) {
        size_t n;
        const loam_rule_info *all = loam_rules_all(&n);
        for (size_t i = 0; i < n; i++) {
            char to_day[11] = "";
            loam_day_format(all[i].from, text);
            if (all[i].to)
                loam_day_format(all[i].to, to_day);
            printf("%-8s %s .. %-10s %s%s\n         %s\n", all[i].id, text, to_day, all[i].title,
                   all[i].optional ? " (off unless a scenario names it)" : "", all[i].source);
        }
        return LOAM_EXIT_OK;
    }
    loam_arena *arena = loam_arena_new(0);
    loam_chips chips;
    if (!arena || loam_chips_builtin(arena, &chips, &err) != LOAM_OK) {
        loam_arena_free(arena);
        return loam_report_error(&err);
    }
    int only = chip ? loam_chips_find(&chips, chip) : -1;
    if (chip && only < 0) {
        fprintf(stderr, "loam plan rules: no chip '%s' in the catalogue\n", chip);
        loam_arena_free(arena);
        return LOAM_EXIT_FAILURE;
    }
    loam_day_format(day, text);
    printf("%s to %s on %s, headquarters %s\n\n", rent ? "rented" : "bought", to, text, hq);
    for (size_t i = 0; i < chips.n; i++) {
        if (chip && (int)i != only)
            continue;
        loam_rule_case c = {.chip = &chips.chips[i],
                            .destination = to,
                            .hq = hq,
                            .provider_hq = rent ? "US" : NULL,
                            .get = rent ? LOAM_GET_RENT : LOAM_GET_BUY,
                            .day = day};
        loam_ruling r;
        loam_rules_judge(&(loam_rule_book){0}, &c, &r);
        printf("%-20s %-13s %s %s\n", chips.chips[i].name, loam_verdict_name(r.verdict), r.n_hits ? r.hits[0].id : "",
               r.n_hits ? r.hits[0].clause : r.nearest);
        for (size_t k = 1; chip && k < r.n_hits; k++)
            printf("%-20s %-13s %s %s\n", "", loam_verdict_name(r.hits[k].verdict), r.hits[k].id, r.hits[k].clause);
        for (size_t k = 0; chip && k < r.n_hits; k++)
            printf("  %s: %s\n", r.hits[k].id, r.hits[k].source);
    }
    puts("\nPlanning facts from public texts, not legal advice.");
    loam_arena_free(arena);
    return LOAM_EXIT_OK;
}

int loam_plan_check_file(int argc, char **argv)
{
    static const loam_usage_text usage = {
        "plan check",
        "SCENARIO.yaml PLAN.json",
        "Verifies a plan written by `loam plan --json`: computes every constraint again from the scenario alone.",
        "Exit status: 0 everything holds, 3 something does not.",
        2,
        2,
    };
    loam_option_list set = {0};
    const loam_option options[] = {
        {0, "set", LOAM_OPTION_KIND_LIST, "PATH=VALUE", "the changes that the plan was made with", &set},
        {0},
    };
    const char *args[3];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    loam_scenario *s = NULL;
    char *json = NULL;
    size_t len = 0;
    int n = 0;
    loam_buf report;
    loam_buf_init(&report, MAX_PLAN_BYTES);
    loam_change changes[LOAM_OPTION_LIST_MAX];
    char paths[LOAM_OPTION_LIST_MAX][300];
    for (int i = 0; i < set.n; i++) {
        const char *value = strchr(set.items[i], '=');
        snprintf(paths[i], sizeof paths[i], "%.*s", value ? (int)(value - set.items[i]) : 0, set.items[i]);
        changes[i] = (loam_change){paths[i], value ? value + 1 : ""};
    }
    loam_status status = loam_scenario_open(args[0], changes, (size_t)set.n, &s, &err);
    if (status == LOAM_OK)
        status = loam_file_read(args[1], MAX_PLAN_BYTES, &json, &len, &err);
    if (status == LOAM_OK)
        status = loam_plan_check(s, json, len, &report, &n, &err);
    if (status != LOAM_OK)
        code = loam_report_error(&err);
    else if (n) {
        printf("%s%d violation%s\n", loam_buf_text(&report), n, n == 1 ? "" : "s");
        code = LOAM_EXIT_NOTHING_FITS;
    } else {
        puts("every constraint holds");
        code = LOAM_EXIT_OK;
    }
    loam_buf_deinit(&report);
    free(json);
    loam_scenario_free(s);
    return code;
}
