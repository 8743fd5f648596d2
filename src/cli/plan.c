/* loam plan: the hardware to buy. This file solves and reports; plan_tables.c has `validate`, `rules` and `check`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/plan_tables.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "fleet/report.h"

enum { REPORT_MAX = 256 << 20, TEXT_WIDTH = 110, MAX_PATH = 4096 };

/* What the command line asks for. */
typedef struct request {
    const char *path, *html, *json, *csv, *what_if;
    loam_change changes[LOAM_OPTION_LIST_MAX];
    size_t n_changes;
    bool robust, flips, quiet;
    int samples;
    uint64_t seed;
    loam_plan_options plan;
} request;

/* The stage, the best found and the bound, on one line of a terminal; a line for each stage in a log. */
typedef struct watch {
    bool terminal, quiet;
    double began_s;
    char stage[64];
} watch;

static bool on_progress(void *arg, const char *stage, double incumbent, double bound)
{
    watch *w = arg;
    bool fresh = strcmp(w->stage, stage) != 0;
    snprintf(w->stage, sizeof w->stage, "%s", stage);
    if (w->quiet)
        return !loam_interrupt_raised();
    if (w->terminal) {
        fprintf(stderr, "\r%s  %.1f s", stage, loam_clock_s() - w->began_s);
        if (isfinite(incumbent))
            fprintf(stderr, "  best %.6g", incumbent);
        if (isfinite(bound))
            fprintf(stderr, "  bound %.6g", bound);
        fputs("\x1b[K", stderr);
    } else if (fresh) {
        fprintf(stderr, "%s …\n", stage);
    }
    return !loam_interrupt_raised();
}

static void watch_end(const watch *w)
{
    if (w->terminal && !w->quiet && w->stage[0])
        fputs("\r\x1b[K", stderr);
}

static loam_status write_file(const char *path, const loam_buf *text, loam_err *err)
{
    if (text->failed)
        LOAM_FAIL(err, NO_MEMORY, "%s: the report is too large for the memory", path);
    loam_file_writer *w;
    LOAM_TRY(loam_file_writer_open(path, &w, err));
    loam_status status = loam_file_writer_write(w, text->data, text->len, err);
    if (status != LOAM_OK) {
        loam_file_writer_abort(w);
        return status;
    }
    return loam_file_writer_commit(w, err);
}

static loam_status write_reports(const request *q, const loam_scenario *s, const loam_plan *p,
                                 const loam_doubt_result *d, loam_err *err)
{
    loam_buf text;
    loam_status status = LOAM_OK;
    loam_buf_init(&text, REPORT_MAX);
    if (q->html) {
        loam_report_html(s, p, d, &text);
        status = write_file(q->html, &text, err);
    }
    if (status == LOAM_OK && q->json) {
        loam_buf_truncate(&text, 0);
        loam_plan_json(s, p, d, &text);
        status = write_file(q->json, &text, err);
    }
    if (status == LOAM_OK && q->csv)
        status = loam_dir_make(q->csv, err);
    for (int i = 0; status == LOAM_OK && q->csv && loam_report_tables[i]; i++) {
        char path[MAX_PATH];
        loam_buf_truncate(&text, 0);
        if (snprintf(path, sizeof path, "%s/%s.csv", q->csv, loam_report_tables[i]) >= (int)sizeof path)
            status = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "%s: the path is too long", q->csv);
        else if (loam_report_csv(s, p, d, loam_report_tables[i], &text))
            status = write_file(path, &text, err);
    }
    loam_buf_deinit(&text);
    return status;
}

/* Solves the scenario with one more change and prints what it changed. */
static loam_status what_if(const request *q, const loam_scenario *s, const loam_plan *p, loam_err *err)
{
    loam_change changes[LOAM_OPTION_LIST_MAX + 1];
    char path[300];
    memcpy(changes, q->changes, q->n_changes * sizeof *changes);
    const char *value = strchr(q->what_if, '=');
    if (!value || value == q->what_if || value - q->what_if >= (long)sizeof path)
        LOAM_FAIL(err, INVALID, "--what-if takes PATH=VALUE, not '%s'", q->what_if);
    snprintf(path, sizeof path, "%.*s", (int)(value - q->what_if), q->what_if);
    changes[q->n_changes] = (loam_change){path, value + 1};
    loam_scenario *s1;
    loam_plan *p1 = NULL;
    LOAM_TRY(loam_scenario_open(q->path, changes, q->n_changes + 1, &s1, err));
    loam_status status = loam_plan_solve(s1, &q->plan, &p1, err);
    if (status == LOAM_OK) {
        loam_buf text;
        loam_buf_init(&text, REPORT_MAX);
        loam_report_difference(s, p, s1, p1, q->what_if, &text);
        fwrite(loam_buf_text(&text), 1, text.len, stdout);
        loam_buf_deinit(&text);
    }
    loam_plan_free(p1);
    loam_scenario_free(s1);
    return status;
}

/* Whose orders were tried, and how they did over the drawn futures. */
static void print_candidates(const loam_robust_candidate *c, size_t n)
{
    if (n)
        printf("\nOrders that were tried over the drawn futures (M USD; the chosen ones are marked)\n"
               "  %-34s %10s %8s %12s %12s\n",
               "planned for", "mean cost", "served", "mean score", "worst regret");
    for (size_t i = 0; i < n; i++)
        printf("%s %-34s %10.4g %7.2f%% %12.4g %12.4g\n", c[i].chosen ? " *" : "  ", c[i].what, c[i].cost_mean * 1e-6,
               100 * c[i].served_mean, c[i].score_mean * 1e-6, c[i].regret_max * 1e-6);
}

static int run(request *q, const loam_scenario *s, watch *w, loam_err *err)
{
    loam_plan *p = NULL;
    loam_doubt_result *d = NULL;
    loam_doubt_options doubt = {.flips = q->flips, .samples = q->samples, .seed = q->seed, .plan = q->plan};
    if (q->robust && !doubt.samples)
        doubt.samples = s->doubt.samples;
    loam_robust_candidate *candidates = NULL;
    size_t n_candidates = 0;
    loam_status status = q->robust ? loam_plan_compare_robust(s, &doubt, &p, &candidates, &n_candidates, err)
                                   : loam_plan_solve(s, &q->plan, &p, err);
    if (status == LOAM_OK && p->status != LOAM_PLAN_INFEASIBLE && (q->flips || q->samples))
        status = loam_doubt_run(s, p, &doubt, &d, err);
    watch_end(w);
    if (status == LOAM_OK) {
        loam_buf text;
        loam_buf_init(&text, REPORT_MAX);
        loam_report_text(s, p, d, TEXT_WIDTH, &text);
        fwrite(loam_buf_text(&text), 1, text.len, stdout);
        loam_buf_deinit(&text);
        print_candidates(candidates, n_candidates);
        status = write_reports(q, s, p, d, err);
    }
    if (status == LOAM_OK && q->what_if) {
        fflush(stdout);
        status = what_if(q, s, p, err);
        watch_end(w);
    }
    int code = status != LOAM_OK                   ? loam_report_error(err)
               : p->status == LOAM_PLAN_INFEASIBLE ? LOAM_EXIT_NOTHING_FITS
                                                   : LOAM_EXIT_OK;
    free(candidates);
    loam_doubt_free(d);
    loam_plan_free(p);
    return code;
}

static int solve(int argc, char **argv)
{
    request q = {.seed = 1, .plan = {.gap = 0.005, .time_s = 120}};
    loam_option_list set = {0};
    float gap = 0.5f;
    int time_s = 120;
    const loam_option options[] = {
        {0, "set", LOAM_OPTION_KIND_LIST, "PATH=VALUE", "change one line of the scenario (may be repeated)", &set},
        {0, "what-if", LOAM_OPTION_KIND_TEXT, "PATH=VALUE", "also solve with this change, and show what it changed",
         &q.what_if},
        {0, "html", LOAM_OPTION_KIND_TEXT, "FILE", "write the report as one self-contained page", &q.html},
        {0, "json", LOAM_OPTION_KIND_TEXT, "FILE", "write everything as JSON (`loam plan check` reads it)", &q.json},
        {0, "csv", LOAM_OPTION_KIND_TEXT, "FOLDER", "write every table as CSV", &q.csv},
        {0, "mps", LOAM_OPTION_KIND_TEXT, "FILE", "write the mixed-integer program as MPS, for other solvers",
         &q.plan.mps},
        {0, "sensitivity", LOAM_OPTION_KIND_FLAG, NULL,
         "which price, budget or rule changes the plan (solves again for each)", &q.flips},
        {0, "futures", LOAM_OPTION_KIND_INT, "N", "try the plan on N drawn futures (default: none)", &q.samples, 1,
         100000},
        {0, "robust", LOAM_OPTION_KIND_FLAG, NULL, "choose the orders that do best over the drawn futures", &q.robust},
        {0, "seed", LOAM_OPTION_KIND_SEED, "N", "of the drawn futures (default: 1)", &q.seed},
        {0, "gap", LOAM_OPTION_KIND_FLOAT, "PERCENT", "how near to the best possible is near enough (default: 0.5)",
         &gap, 0.0001, 50},
        {0, "time", LOAM_OPTION_KIND_INT, "SECONDS", "limit for one solve (default: 120)", &time_s, 1, 86400},
        {'q', "quiet", LOAM_OPTION_KIND_FLAG, NULL, "no progress on the terminal", &q.quiet},
        {0},
    };
    static const loam_usage_text usage = {
        "plan",
        "SCENARIO.yaml",
        "Plans the hardware to buy or rent: where, when, what it serves, what it costs, what binds.",
        "Other uses:  loam plan validate              how far the performance equations are from published figures\n"
        "             loam plan rules [--help]        which chip may go where, when, and which clause says so\n"
        "             loam plan check SCENARIO.yaml PLAN.json   verify a written plan independently\n"
        "docs/plan.md explains every field; examples/plan/ has scenarios to begin with.\n"
        "Exit status: 0 a plan was found, 3 nothing fits (the report says why), 1 an error, 2 a wrong command line.",
        1,
        1,
    };
    const char *args[2];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    char paths[LOAM_OPTION_LIST_MAX][300];
    for (int i = 0; i < set.n; i++) {
        const char *value = strchr(set.items[i], '=');
        if (!value || value == set.items[i] || value - set.items[i] >= (long)sizeof paths[i]) {
            fprintf(stderr, "loam plan: --set takes PATH=VALUE, not '%s'\n", set.items[i]);
            return LOAM_EXIT_USAGE;
        }
        snprintf(paths[i], sizeof paths[i], "%.*s", (int)(value - set.items[i]), set.items[i]);
        q.changes[q.n_changes++] = (loam_change){paths[i], value + 1};
    }
    q.path = args[0];
    loam_scenario *s;
    if (loam_scenario_open(q.path, q.changes, q.n_changes, &s, &err) != LOAM_OK)
        return loam_report_error(&err);
    watch w = {.terminal = isatty(STDERR_FILENO), .quiet = q.quiet, .began_s = loam_clock_s()};
    loam_interrupt_begin();
    q.plan.gap = gap / 100;
    q.plan.time_s = time_s;
    q.plan.progress = on_progress;
    q.plan.arg = &w;
    code = run(&q, s, &w, &err);
    loam_scenario_free(s);
    return loam_interrupt_raised() ? LOAM_EXIT_INTERRUPTED : code;
}

int loam_verb_plan(int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*run)(int argc, char **argv);
    } words[] = {{"validate", loam_plan_validate}, {"rules", loam_plan_rules}, {"check", loam_plan_check_file}};
    for (size_t i = 0; argc > 1 && i < sizeof words / sizeof *words; i++) {
        if (strcmp(argv[1], words[i].word) == 0)
            return words[i].run(argc - 1, argv + 1);
        if (argc == 3 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], words[i].word) == 0) { /* "help plan rules" */
            char option[] = "--help";
            return words[i].run(2, (char *[]){argv[2], option, NULL});
        }
    }
    return solve(argc, argv);
}
