/* loam bench image, loam bench video: seconds of each stage, the share of the machine's limit, and what takes the time.
 */
#include "cli/bench_making.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/report.h"
#include "service/bench.h"
#include "service/chat.h"

static int on_progress(void *arg, const char *what, int done, int total)
{
    if (*(bool *)arg)
        fprintf(stderr, "\r%s %d/%d\x1b[K", what, done, total);
    return !loam_interrupt_raised();
}

static double rate(double work, double seconds)
{
    return seconds > 0 ? work / seconds * 1e-9 : 0;
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void print_stage(const loam_bench_making *b, const loam_bench_stage *s, int most)
{
    char bytes[32];
    printf("\n%s: %.3f s ± %.3f", s->name, s->s, s->s_sd);
    if (s->ops > 0)
        printf(", %.1f GFLOP, %.1f GFLOP/s (%.0f %%)", s->ops * 1e-9, rate(s->ops, s->s),
               percent(rate(s->ops, s->s), b->f32_gflop_s));
    if (s->net_bytes > 0)
        printf("; %s beside the weights", loam_report_bytes((uint64_t)s->net_bytes, bytes));
    putchar('\n');
    for (int i = 0; i < s->n_parts && i < most; i++) {
        const loam_bench_part *p = &s->parts[i];
        printf("  %-20s %4d %6.1f %%", p->name, p->n, percent(p->seconds, s->s));
        if (p->ops > 0)
            printf(" %8.1f GFLOP/s (%.0f %%)", rate(p->ops, p->seconds),
                   percent(rate(p->ops, p->seconds), b->f32_gflop_s));
        else
            printf(" %8.1f GB/s", rate(p->bytes, p->seconds));
        putchar('\n');
    }
    if (s->n_parts)
        printf("  %-20s      %6.1f %%\n", "waiting and the rest", percent(s->waiting_s, s->s));
}

static double whole(const loam_bench_making *b, const char *pixels)
{
    double sum = 0;
    bool found = false;
    for (int i = 0; i < b->n_stages; i++) {
        bool decodes = strcmp(b->stages[i].key, "pixels") == 0 || strcmp(b->stages[i].key, "quick") == 0;
        if (decodes && strcmp(b->stages[i].key, pixels) != 0)
            continue;
        found = found || decodes;
        sum += b->stages[i].s * b->stages[i].times;
    }
    return found ? sum : 0;
}

static void print_text(const loam_bench_making *b, int most, bool all)
{
    char bytes[32];
    printf("%s, weights %s (%s in memory), %d x %d", b->family, b->type,
           loam_report_bytes((uint64_t)b->weight_bytes, bytes), b->width, b->height);
    if (b->frames)
        printf(", %d frames", b->frames);
    printf("\n%s, %d thread%s, %s kernels%s\n", loam_cpu_model(), b->n_threads, b->n_threads == 1 ? "" : "s",
           loam_cpu_level_name(loam_cpu_best()), loam_cpu_has_amx_bf16() ? ", AMX for bf16" : "");
    printf("limits, measured now: %.1f GB/s read, %.0f GFLOP/s f32 (convolutions count as direct ones, whichever way "
           "they go)\n",
           b->read_gb_s, b->f32_gflop_s);
    for (int i = 0; i < b->n_stages; i++)
        print_stage(b, &b->stages[i], most);
    double slow = whole(b, "pixels"), quick = whole(b, "quick");
    if (!all || (slow <= 0 && quick <= 0))
        return;
    printf("\na %s of %d steps takes", b->frames ? "clip" : "picture", b->steps);
    if (slow > 0)
        printf(" %.1f s%s", slow, quick > 0 ? "," : "\n");
    if (quick > 0)
        printf(" %.1f s by the quick decoder\n", quick);
}

static json_t *stage_json(const loam_bench_stage *s)
{
    json_t *parts = json_array();
    for (int i = 0; i < s->n_parts; i++) {
        const loam_bench_part *p = &s->parts[i];
        json_array_append_new(parts, json_pack("{s:s, s:i, s:f, s:f, s:f}", "operation", p->name, "n", p->n, "s",
                                               p->seconds, "gflop", p->ops * 1e-9, "gb", p->bytes * 1e-9));
    }
    return json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "stage", s->key, "name", s->name,
                     "times", s->times, "s", s->s, "sd", s->s_sd, "best", s->best_s, "gflop", s->ops * 1e-9, "gb",
                     s->bytes * 1e-9, "net_bytes", s->net_bytes, "waiting_s", s->waiting_s, "operations", parts);
}

static int print_json(const loam_bench_making *b, const char *model)
{
    json_t *stages = json_array();
    for (int i = 0; i < b->n_stages; i++)
        json_array_append_new(stages, stage_json(&b->stages[i]));
    json_t *all = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:i, s:i, s:i, s:i, s:s, s:s, s:b, s:i, s:{s:f, s:f}, s:o}", "version", LOAM_VERSION,
        "model", model, "family", b->family, "type", b->type, "weight_bytes", b->weight_bytes, "width", b->width,
        "height", b->height, "frames", b->frames, "steps", b->steps, "cpu", loam_cpu_model(), "kernels",
        loam_cpu_level_name(loam_cpu_best()), "amx", loam_cpu_has_amx_bf16(), "n_threads", b->n_threads, "limits",
        "read_gb_per_s", b->read_gb_s, "f32_gflop_per_s", b->f32_gflop_s, "stages", stages);
    int bad = json_dumpf(all, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
    return bad ? LOAM_EXIT_FAILURE : LOAM_EXIT_OK;
}

int loam_bench_making_verb(int argc, char **argv)
{
    const bool video = strcmp(argv[0], "video") == 0;
    bool json = false;
    int most = 8;
    loam_bench_making_options o = {.model = getenv(video ? "LOAM_VIDEO_MODEL" : "LOAM_IMAGE_MODEL"), .repeats = 3};
    const loam_option both[] = {
        {'m', "model", LOAM_OPTION_KIND_TEXT, "PATH", "the model, as for `loam image` and `loam video`", &o.model},
        {'W', "width", LOAM_OPTION_KIND_INT, "N", "in pixels (the model's own)", &o.width, 8, 4096},
        {'H', "height", LOAM_OPTION_KIND_INT, "N", "in pixels (the model's own)", &o.height, 8, 4096},
        {0, "steps", LOAM_OPTION_KIND_INT, "N", "that the whole is said to take (the model's own)", &o.steps, 1, 1000},
        {0, "guided", LOAM_OPTION_KIND_FLAG, NULL, "with and without the prompt at once, as guidance does", &o.guided},
        {0, "stage", LOAM_OPTION_KIND_TEXT, "NAME", "only text, step, pixels or quick", &o.stage},
        {0, "vae", LOAM_OPTION_KIND_TEXT, "FILE", "another VAE", &o.vae},
        {0, "type", LOAM_OPTION_KIND_TEXT, "TYPE", "of the weights in memory: f32, f16, bf16, q8_0 (the file's)",
         &o.type},
        {'t', "threads", LOAM_OPTION_KIND_INT, "N", "threads (one per processor)", &o.n_threads, 1, 1024},
        {'r', "repetitions", LOAM_OPTION_KIND_INT, "N", "measured runs, after one to warm up (3)", &o.repeats, 1,
         10000},
        {0, "top", LOAM_OPTION_KIND_INT, "N", "kinds of operations shown for a stage (8)", &most, 0,
         LOAM_BENCH_MAX_PARTS},
        {0, "json", LOAM_OPTION_KIND_FLAG, NULL, "one JSON object", &json},
    };
    const loam_option image[] = {
        {0, "taesd", LOAM_OPTION_KIND_TEXT, "FILE", "TAESD's decoder, measured too", &o.quick},
    };
    const loam_option clip[] = {
        {'f', "frames", LOAM_OPTION_KIND_INT, "N", "Wan: 1, 5, 9, … (the model's own)", &o.frames, 1, 1025},
        {0, "motion", LOAM_OPTION_KIND_TEXT, "FILE", "AnimateDiff's motion modules", &o.motion},
        {0, "text-encoder", LOAM_OPTION_KIND_TEXT, "FILE", "UMT5-XXL, where the model's file has none",
         &o.text_encoder},
        {0, "quick-decoder", LOAM_OPTION_KIND_TEXT, "FILE", "TAEHV (Wan) or TAESD, measured too", &o.quick},
    };
    loam_option options[sizeof both / sizeof *both + sizeof clip / sizeof *clip + 1] = {{0}};
    memcpy(options, both, sizeof both);
    memcpy(options + sizeof both / sizeof *both, video ? clip : image, video ? sizeof clip : sizeof image);
    const loam_usage_text usage = {
        video ? "bench video" : "bench image",
        "",
        video ? "Measures how fast the parts of a clip model are."
              : "Measures how fast the parts of a picture model are.",
        "Each part runs alone, on numbers drawn at random. In brackets: the share of the f32 operations that this\n"
        "machine can do at all. Below each part: operations, how many, their share of the time, and their speed.\n"
        "Let nothing else run meanwhile.",
        0,
        0,
    };
    const char *args[1];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    if (!o.model) {
        fprintf(stderr, "loam: no model to measure; give one with -m\n");
        return LOAM_EXIT_USAGE;
    }
    loam_err err = LOAM_ERR_INIT;
    loam_bench_making *result = calloc(1, sizeof *result);
    bool terminal = isatty(STDERR_FILENO);
    if (!result) {
        fprintf(stderr, "loam: out of memory\n");
        return LOAM_EXIT_FAILURE;
    }
    loam_interrupt_begin();
    loam_status st = (video ? loam_bench_video : loam_bench_image)(&o, on_progress, &terminal, result, &err);
    if (terminal)
        fputs("\r\x1b[K", stderr);
    if (st != LOAM_OK)
        code = loam_report_error(&err);
    else if (json)
        code = print_json(result, o.model);
    else
        print_text(result, most, !o.stage);
    free(result);
    return code < 0 ? LOAM_EXIT_OK : code;
}
