/* loam bench: tokens a second of a model, beside the machine's own limits and the share of them reached. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "cli/bench_making.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "service/bench.h"
#include "service/chat.h"

static int on_progress(void *arg, const char *what, int done, int total)
{
    if (*(bool *)arg)
        fprintf(stderr, "\r%s %d/%d\x1b[K", what, done, total);
    return !loam_interrupt_raised();
}

/* Types whose products are made of small integers; the others compute in floats. */
static bool is_quantised(const char *type)
{
    return !strchr("FB", type[0]);
}

static void print_rate(const char *what, const loam_bench_rate *r, const loam_bench_result *b)
{
    double gops = r->per_s * r->ops_per_token * 1e-9, gbs = r->per_s * r->bytes_per_token * 1e-9;
    bool integers = is_quantised(b->type);
    double limit = integers ? b->i8_gop_s : b->f32_gflop_s;
    printf("%-14s %9.1f ± %.1f tokens/s", what, r->per_s, r->per_s_sd);
    printf("   %.1f %s", gops, integers ? "GOP/s" : "GFLOP/s");
    if (limit > 0)
        printf(" (%.0f %%)", 100 * gops / limit);
    if (gbs > 0)
        printf("   %.1f GB/s of weights", gbs);
    if (gbs > 0 && b->read_gb_s > 0)
        printf(" (%.0f %%)", 100 * gbs / b->read_gb_s);
    putchar('\n');
}

static void print_text(const loam_bench_options *o, const loam_bench_result *b)
{
    char bytes[32], what[32];
    printf("%s, %s, %.1f M parameters, %s; loaded in %.2f s\n", b->model, b->type, b->n_params / 1e6,
           loam_report_bytes((uint64_t)b->weight_bytes, bytes), b->load_s);
    printf("%s, %d thread%s, %s kernels", loam_cpu_model(), b->n_threads, b->n_threads == 1 ? "" : "s",
           loam_cpu_level_name(loam_cpu_best()));
    if (o->n_depth)
        printf("; after %d tokens", o->n_depth);
    putchar('\n');
    if (b->read_gb_s > 0)
        printf("limits, measured now: %.1f GB/s read, %.0f GFLOP/s f32, %.0f GOP/s int8\n", b->read_gb_s,
               b->f32_gflop_s, b->i8_gop_s);
    putchar('\n');
    if (o->n_prompt) {
        snprintf(what, sizeof what, "prompt %d", o->n_prompt);
        print_rate(what, &b->prompt, b);
    }
    if (o->n_gen) {
        snprintf(what, sizeof what, o->n_streams > 1 ? "answer %d × %d" : "answer %d", o->n_gen, o->n_streams);
        print_rate(what, &b->gen, b);
    }
}

static json_t *rate_json(int n_tokens, const loam_bench_rate *r)
{
    return json_pack("{s:i, s:f, s:f, s:f, s:f, s:f}", "n_tokens", n_tokens, "tokens_per_s", r->per_s, "sd",
                     r->per_s_sd, "best", r->best_per_s, "gop_per_s", r->per_s * r->ops_per_token * 1e-9, "gb_per_s",
                     r->per_s * r->bytes_per_token * 1e-9);
}

static int print_json(const loam_bench_options *o, const loam_bench_result *b)
{
    json_t *all =
        json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:s, s:s, s:i, s:i, s:i, s:i}", "version", LOAM_VERSION, "model",
                  b->model, "type", b->type, "n_params", b->n_params, "weight_bytes", b->weight_bytes, "load_s",
                  b->load_s, "cpu", loam_cpu_model(), "kernels", loam_cpu_level_name(loam_cpu_best()), "n_threads",
                  b->n_threads, "n_depth", o->n_depth, "n_streams", o->n_streams, "repeats", o->repeats);
    if (o->n_prompt)
        json_object_set_new(all, "prompt", rate_json(o->n_prompt, &b->prompt));
    if (o->n_gen)
        json_object_set_new(all, "generation", rate_json(o->n_gen, &b->gen));
    if (b->read_gb_s > 0)
        json_object_set_new(all, "limits",
                            json_pack("{s:f, s:f, s:f}", "read_gb_per_s", b->read_gb_s, "f32_gflop_per_s",
                                      b->f32_gflop_s, "i8_gop_per_s", b->i8_gop_s));
    int bad = json_dumpf(all, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
    return bad ? LOAM_EXIT_FAILURE : LOAM_EXIT_OK;
}

int loam_verb_bench(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "image") == 0 || strcmp(argv[1], "video") == 0))
        return loam_bench_making_verb(argc - 1, argv + 1);
    if (argc == 3 && strcmp(argv[1], "help") == 0 &&
        (strcmp(argv[2], "image") == 0 || strcmp(argv[2], "video") == 0)) { /* loam help bench image */
        char option[] = "--help";
        char *asked[] = {argv[2], option, NULL};
        return loam_bench_making_verb(2, asked);
    }
    const char *model = "smollm2";
    bool json = false;
    loam_bench_options o = {.n_prompt = 512, .n_gen = 128, .n_streams = 1, .repeats = 5};
    const loam_option options[] = {
        {'m', "model", LOAM_OPTION_KIND_TEXT, "NAME|FILE", "the model (default: smollm2)", &model},
        {'p', "n-prompt", LOAM_OPTION_KIND_INT, "N", "tokens of the prompt (default: 512; 0: leave out)", &o.n_prompt,
         0, 1 << 24},
        {'n', "n-gen", LOAM_OPTION_KIND_INT, "N", "tokens of the answer (default: 128; 0: leave out)", &o.n_gen, 0,
         1 << 24},
        {'d', "n-depth", LOAM_OPTION_KIND_INT, "N", "tokens in the conversation before (default: 0)", &o.n_depth, 0,
         1 << 24},
        {'b', "batch-size", LOAM_OPTION_KIND_INT, "N", "prompt tokens in one step (default: 512)", &o.n_batch, 1,
         1 << 20},
        {0, "streams", LOAM_OPTION_KIND_INT, "N", "answers written at once (default: 1)", &o.n_streams, 1, 1024},
        {'t', "threads", LOAM_OPTION_KIND_INT, "N", "threads (default: one per processor)", &o.n_threads, 1, 1024},
        {'r', "repetitions", LOAM_OPTION_KIND_INT, "N", "measured runs, after one to warm up (default: 5)", &o.repeats,
         1, 10000},
        {0, "json", LOAM_OPTION_KIND_FLAG, NULL, "one JSON object", &json},
        {0},
    };
    static const loam_usage_text usage = {
        "bench",
        "",
        "Measures how fast a model reads a prompt and writes an answer.",
        "The letters are llama-bench's. Prints tokens a second (mean ± standard deviation) and, in brackets,\n"
        "the share of what this machine can do at all. Let nothing else run meanwhile.\n"
        "`loam bench image` and `loam bench video` measure models of pictures and clips.",
        0,
        0,
    };
    const char *args[1];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = LOAM_ERR_INIT;
    loam_bench_result result;
    bool terminal = isatty(STDERR_FILENO);
    loam_interrupt_begin();
    loam_status status = loam_bench_model(model, &o, on_progress, &terminal, &result, &err);
    if (terminal)
        fputs("\r\x1b[K", stderr);
    if (status != LOAM_OK)
        return loam_report_error(&err);
    if (json)
        return print_json(&o, &result);
    print_text(&o, &result);
    return LOAM_EXIT_OK;
}
