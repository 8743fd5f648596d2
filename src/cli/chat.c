/* loam chat: the conversation at the terminal (talk.c), or one answer to -p or to what is piped in. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/talk.h"
#include "cli/verbs.h"

enum { PROMPT_MAX_BYTES = 16 << 20 };

static loam_status read_stdin(loam_buf *out, loam_err *err)
{
    char part[65536];
    size_t n;
    while ((n = fread(part, 1, sizeof part, stdin)) > 0)
        if (!loam_buf_add(out, part, n))
            LOAM_FAIL(err, TOO_LARGE, "more than %d MiB came in", PROMPT_MAX_BYTES >> 20);
    if (ferror(stdin))
        LOAM_FAIL(err, IO, "the standard input cannot be read");
    while (out->len && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        loam_buf_truncate(out, out->len - 1);
    if (!out->len)
        LOAM_FAIL(err, INVALID, "nothing came in: give the text with -p, or type it at a terminal");
    return LOAM_OK;
}

static loam_status print_json(const loam_answer *a, const char *model, uint64_t seed, double load_s, loam_err *err)
{
    const loam_usage *u = &a->usage;
    char seed_text[24];
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed); /* JSON numbers end at 2^53 */
    json_t *o =
        json_pack("{s:s, s:s#, s:s, s:s, s:{s:i, s:i, s:i}, s:{s:f, s:f, s:f, s:f, s:f, s:f}}", "model", model, "text",
                  loam_buf_text(&a->text), (int)a->text.len, "finish_reason", loam_answer_finish_name(a->finish),
                  "seed", seed_text, "usage", "prompt_tokens", u->prompt_tokens, "cached_tokens", u->cached_tokens,
                  "completion_tokens", u->completion_tokens, "timings", "load_s", load_s, "queue_s", u->queue_s,
                  "prompt_s", u->prompt_s, "completion_s", u->completion_s, "prompt_per_s",
                  u->prompt_s > 0 ? (u->prompt_tokens - u->cached_tokens) / u->prompt_s : 0.0, "completion_per_s",
                  u->completion_s > 0 ? u->completion_tokens / u->completion_s : 0.0);
    if (!o || json_dumpf(o, stdout, JSON_REAL_PRECISION(6)) != 0) {
        json_decref(o);
        LOAM_FAIL(err, INTERNAL, "the answer cannot be written as JSON");
    }
    putchar('\n');
    json_decref(o);
    return LOAM_OK;
}

static int answer_once(loam_chat *chat, const char *system, const char *text, size_t len,
                       const loam_job_request *request, double load_s, bool json)
{
    loam_err err = LOAM_ERR_INIT;
    json_t *messages = json_array(), *content = json_stringn(text, len);
    if (system)
        json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "system", "content", system));
    if (!content || json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "user", "content", content)) != 0) {
        json_decref(messages);
        loam_err_set(&err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "the text is not UTF-8");
        return loam_report_error(&err);
    }
    loam_answer a;
    loam_status status = loam_answer_run(chat, messages, request, json ? NULL : stdout, &a, &err);
    if (status == LOAM_OK && json)
        status = print_json(&a, loam_chat_model_id(chat), request->sampler.seed, load_s, &err);
    else if (a.text.len && !json && a.text.data[a.text.len - 1] != '\n')
        putchar('\n');
    if (status == LOAM_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = loam_err_set(&err, LOAM_STATUS_IO, __FILE__, __LINE__, "the answer could not be written out");
    int code = status != LOAM_OK                   ? loam_report_error(&err)
               : a.finish == LOAM_FINISH_CANCELLED ? LOAM_EXIT_INTERRUPTED
                                                   : LOAM_EXIT_OK;
    loam_answer_deinit(&a);
    json_decref(messages);
    return code;
}

typedef struct chat_request {
    const char *model, *prompt, *system;
    bool json, seed_given;
    loam_engine_options engine;
    loam_job_request job;
} chat_request;

static int chat(chat_request *r)
{
    loam_err err = LOAM_ERR_INIT;
    loam_chat *c = NULL;
    loam_buf piped;
    loam_buf_init(&piped, PROMPT_MAX_BYTES);
    bool from_stdin = r->prompt ? strcmp(r->prompt, "-") == 0 : !isatty(STDIN_FILENO) || r->json;
    loam_status status = loam_sampler_check(&r->job.sampler, &err);
    if (status == LOAM_OK && from_stdin)
        status = read_stdin(&piped, &err);
    double began = loam_clock_s();
    if (status == LOAM_OK)
        status = loam_chat_open(r->model, &r->engine, &c, &err);
    int code;
    if (status != LOAM_OK) {
        code = loam_report_error(&err);
    } else {
        double load_s = loam_clock_s() - began;
        loam_interrupt_begin();
        if (!r->seed_given)
            r->job.sampler.seed = loam_chat_random_seed();
        const char *text = from_stdin ? loam_buf_text(&piped) : r->prompt;
        code = text ? answer_once(c, r->system, text, strlen(text), &r->job, load_s, r->json)
                    : loam_talk_run(c, r->system, &r->job, r->seed_given);
        loam_chat_close(c);
    }
    loam_buf_deinit(&piped);
    return code;
}

int loam_verb_chat(int argc, char **argv)
{
    chat_request r = {.model = "smollm2",
                      .engine = {.model = {.n_seqs = 1}},
                      .job = {.max_tokens = -1, .sampler = loam_sampler_defaults()}};
    loam_sampler_params *s = &r.job.sampler;
    loam_option_list stops = {0};
    const loam_option options[] = {
        {'m', "model", LOAM_OPTION_KIND_TEXT, "NAME|FILE", "the model to talk to (default: smollm2)", &r.model},
        {'p', "prompt", LOAM_OPTION_KIND_TEXT, "TEXT", "answer this once and exit (\"-\": the standard input)",
         &r.prompt},
        {'s', "system", LOAM_OPTION_KIND_TEXT, "TEXT", "system message: how the model should be", &r.system},
        {0, "json", LOAM_OPTION_KIND_FLAG, NULL, "answer once, as one JSON object with usage and timings", &r.json},
        {'n', "max-tokens", LOAM_OPTION_KIND_INT, "N", "end an answer after N tokens (default: no limit)",
         &r.job.max_tokens, -1, 1 << 24},
        {0, "seed", LOAM_OPTION_KIND_SEED, "N", "the same seed gives the same answer (default: random)", &s->seed, 0, 0,
         &r.seed_given},
        {0, "temperature", LOAM_OPTION_KIND_FLOAT, "X", "0: always the likeliest word (default: 0.8)", &s->temperature},
        {0, "top-k", LOAM_OPTION_KIND_INT, "N", "choose among the N likeliest (default: 40; 0: all)", &s->top_k},
        {0, "top-p", LOAM_OPTION_KIND_FLOAT, "X", "… among those that make up X of the chance (default: 0.95)",
         &s->top_p},
        {0, "min-p", LOAM_OPTION_KIND_FLOAT, "X",
         "… among those at least X times as likely as the first\n(default: 0.05)", &s->min_p},
        {0, "repeat-penalty", LOAM_OPTION_KIND_FLOAT, "X", "make repeated words less likely (default: 1, off)",
         &s->repeat_penalty},
        {0, "repeat-last-n", LOAM_OPTION_KIND_INT, "N", "tokens that penalties look back at (default: 64; -1: all)",
         &s->repeat_last_n},
        {0, "presence-penalty", LOAM_OPTION_KIND_FLOAT, "X", "OpenAI's (default: 0)", &s->presence_penalty},
        {0, "frequency-penalty", LOAM_OPTION_KIND_FLOAT, "X", "OpenAI's (default: 0)", &s->frequency_penalty},
        {0, "stop", LOAM_OPTION_KIND_LIST, "TEXT", "end an answer before this text; may be repeated", &stops},
        {'c', "ctx", LOAM_OPTION_KIND_INT, "N",
         "tokens that the conversation may hold (default: what the\n"
         "model was trained for, at most 8192)",
         &r.engine.model.n_ctx, 16, 1 << 24},
        {'t', "threads", LOAM_OPTION_KIND_INT, "N", "threads (default: one per processor)", &r.engine.model.n_threads,
         1, 1024},
        {0},
    };
    static const loam_usage_text usage = {
        "chat",
        "",
        "Talks with a model in the terminal. With -p, or with text piped in, it answers once and exits.",
        "Ctrl-C ends an answer, twice the program. Within a conversation /help lists the commands.\n\n"
        "  loam chat -p \"Name three rivers.\" --seed 1\n"
        "  loam chat --json --temperature 0 < question.txt",
        0,
        0,
    };
    const char *args[1];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    for (; r.job.n_stops < stops.n && r.job.n_stops < LOAM_JOB_MAX_STOPS; r.job.n_stops++)
        r.job.stops[r.job.n_stops] = stops.items[r.job.n_stops];
    return chat(&r);
}
