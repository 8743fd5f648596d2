#define _GNU_SOURCE
#include "cli/talk.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/line.h"
#include "cli/options.h"
#include "cli/report.h"

enum { TYPED_MAX_BYTES = 4 << 20 };

typedef struct talk {
    loam_chat *chat;
    json_t *messages; /* array of {role, content}; the system message, if any, first */
    loam_job_request request;
    bool fixed_seed, quit;
    const char *dim, *plain; /* terminal codes, or "" */
} talk;

static bool has_system(const talk *t)
{
    const char *role = json_string_value(json_object_get(json_array_get(t->messages, 0), "role"));
    return role && strcmp(role, "system") == 0;
}

static bool add_message(talk *t, const char *role, const char *text, size_t len)
{
    json_t *content = json_stringn(text, len);
    json_t *message = content ? json_pack("{s:s, s:o}", "role", role, "content", content) : NULL;
    return message && json_array_append_new(t->messages, message) == 0;
}

static void set_system(talk *t, const char *text)
{
    if (has_system(t))
        json_array_remove(t->messages, 0);
    json_t *message = *text ? json_pack("{s:s, s:s}", "role", "system", "content", text) : NULL;
    if (message)
        json_array_insert_new(t->messages, 0, message);
}

static void drop_last(talk *t)
{
    json_array_remove(t->messages, json_array_size(t->messages) - 1);
}

static void show_speed(const talk *t, const loam_answer *a)
{
    const loam_usage *u = &a->usage;
    int fresh = u->prompt_tokens - u->cached_tokens;
    printf("%s%d tokens", t->dim, u->completion_tokens);
    if (u->completion_s > 0 && u->completion_tokens > 1)
        printf(", %.1f a second", u->completion_tokens / u->completion_s);
    printf(" · read %d", fresh);
    if (u->prompt_s > 0)
        printf(" at %.0f a second", fresh / u->prompt_s);
    if (u->cached_tokens)
        printf(", %d reused", u->cached_tokens);
    if (a->finish == LOAM_FINISH_LENGTH)
        printf(" · cut off: no room for more");
    if (a->finish == LOAM_FINISH_CANCELLED)
        printf(" · stopped");
    printf("%s\n\n", t->plain);
}

/* Answers the last message, which is the user's; drops it when there is no answer at all. */
static void answer(talk *t)
{
    loam_err err = LOAM_ERR_INIT;
    loam_answer a;
    if (!t->fixed_seed)
        t->request.sampler.seed = loam_chat_random_seed();
    loam_status status = loam_answer_run(t->chat, t->messages, &t->request, stdout, &a, &err);
    if (a.text.len && a.text.data[a.text.len - 1] != '\n')
        putchar('\n');
    if (status == LOAM_OK) {
        show_speed(t, &a);
    } else {
        loam_report_error(&err);
        if (err.code == LOAM_STATUS_INVALID)
            fputs("/reset begins a new conversation.\n", stderr);
    }
    if (a.text.len)
        add_message(t, "assistant", a.text.data, a.text.len);
    else
        drop_last(t);
    loam_answer_deinit(&a);
    loam_interrupt_reset();
}

static void do_help(talk *t, const char *rest);

static void do_quit(talk *t, const char *rest)
{
    t->quit = true;
}

static void do_reset(talk *t, const char *rest)
{
    while (json_array_size(t->messages) > (has_system(t) ? 1u : 0u))
        drop_last(t);
    puts("A new conversation.");
}

static void do_system(talk *t, const char *rest)
{
    set_system(t, rest);
    puts(*rest ? "System message set." : "System message removed.");
}

static void do_regen(talk *t, const char *rest)
{
    const json_t *last = json_array_get(t->messages, json_array_size(t->messages) - 1);
    const char *role = json_string_value(json_object_get(last, "role"));
    if (!role || strcmp(role, "assistant") != 0) {
        puts("There is no answer to write again.");
        return;
    }
    drop_last(t);
    if (t->fixed_seed)
        t->request.sampler.seed++; /* the same seed would give the same answer */
    answer(t);
}

static void do_save(talk *t, const char *rest)
{
    loam_err err = LOAM_ERR_INIT;
    loam_file_writer *w = NULL;
    if (!*rest) {
        puts("/save FILE");
        return;
    }
    char *text = json_dumps(t->messages, JSON_INDENT(2));
    if (!text) {
        puts("The conversation could not be written.");
        return;
    }
    loam_status status = loam_file_writer_open(rest, &w, &err);
    if (status == LOAM_OK) {
        status = loam_file_writer_write(w, text, strlen(text), &err);
        if (status == LOAM_OK)
            status = loam_file_writer_commit(w, &err);
        else
            loam_file_writer_abort(w);
    }
    free(text);
    if (status == LOAM_OK)
        printf("Saved to %s.\n", rest);
    else
        loam_report_error(&err);
}

static const struct {
    const char *name, *args, *help;
    void (*run)(talk *t, const char *rest);
} commands[] = {
    {"help", "", "this list", do_help},
    {"reset", "", "begin a new conversation", do_reset},
    {"system", " TEXT", "say how the model should be; without text: nothing", do_system},
    {"regen", "", "write the last answer again", do_regen},
    {"save", " FILE", "write the conversation as JSON", do_save},
    {"quit", "", "leave (also Ctrl-D)", do_quit},
};

static void do_help(talk *t, const char *rest)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  /%s%-*s %s\n", commands[i].name, 14 - (int)strlen(commands[i].name), commands[i].args,
               commands[i].help);
    puts("Ctrl-C ends an answer. A line that ends in \\ goes on; pasted lines stay together.");
}

static void run_command(talk *t, const char *line)
{
    const char *names[sizeof commands / sizeof *commands + 1] = {0};
    size_t len = strcspn(line + 1, " \t\n");
    const char *rest = line + 1 + len;
    rest += strspn(rest, " \t\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        names[i] = commands[i].name;
        if (strlen(names[i]) == len && memcmp(names[i], line + 1, len) == 0) {
            commands[i].run(t, rest);
            return;
        }
    }
    char typed[32];
    snprintf(typed, sizeof typed, "%.*s", (int)(len > 31 ? 31 : len), line + 1);
    const char *nearest = loam_options_nearest(typed, names);
    printf("There is no /%s; %s%s%s/help lists what there is.\n", typed, nearest ? "did you mean /" : "",
           nearest ? nearest : "", nearest ? "? " : "");
}

/* $XDG_STATE_HOME/loam/history, default ~/.local/state; false: no history then. */
static bool history_path(char *out, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char dir[PATH_MAX];
    int n = state && *state == '/' ? snprintf(dir, sizeof dir, "%s/loam", state)
            : home && *home        ? snprintf(dir, sizeof dir, "%s/.local/state/loam", home)
                                   : -1;
    loam_err err = LOAM_ERR_INIT;
    if (n < 0 || (size_t)n >= sizeof dir || loam_dir_make(dir, &err) != LOAM_OK)
        return false;
    return (size_t)snprintf(out, size, "%s/history", dir) < size;
}

static int loop(talk *t, loam_line *line)
{
    loam_buf typed;
    loam_buf_init(&typed, TYPED_MAX_BYTES);
    bool warned = false;
    int code = LOAM_EXIT_OK;
    while (!t->quit) {
        loam_line_end end = loam_line_read(line, "> ", &typed);
        if (end == LOAM_LINE_END_INTERRUPT) {
            loam_interrupt_reset();
            if (warned) {
                code = LOAM_EXIT_INTERRUPTED;
                break;
            }
            puts("Ctrl-C again, Ctrl-D or /quit leaves.");
            warned = true;
            continue;
        }
        if (end == LOAM_LINE_END_EOF)
            break;
        warned = false;
        const char *text = loam_buf_text(&typed);
        if (typed.failed) {
            printf("That is more than %d MiB.\n", TYPED_MAX_BYTES >> 20);
            loam_buf_deinit(&typed);
        } else if (text[strspn(text, " \t\n")] == 0) {
            continue;
        } else if (text[0] == '/') {
            run_command(t, text);
        } else if (add_message(t, "user", text, typed.len)) {
            answer(t);
        } else {
            puts("That is not UTF-8 text.");
        }
    }
    loam_buf_deinit(&typed);
    return code;
}

int loam_talk_run(loam_chat *chat, const char *system, const loam_job_request *request, bool fixed_seed)
{
    bool colours = loam_report_colours(stdout);
    talk t = {chat, json_array(), *request, fixed_seed, false, colours ? "\x1b[2m" : "", colours ? "\x1b[0m" : ""};
    loam_err err = LOAM_ERR_INIT;
    loam_line *line = NULL;
    char path[PATH_MAX];
    if (system)
        set_system(&t, system);
    if (loam_line_open("loam", history_path(path, sizeof path) ? path : NULL, &line, &err) != LOAM_OK) {
        json_decref(t.messages);
        return loam_report_error(&err);
    }
    printf("%s%s. /help lists commands.%s\n", t.dim, loam_chat_model_id(chat), t.plain);
    int code = loop(&t, line);
    loam_line_close(line);
    json_decref(t.messages);
    return code;
}
