#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

enum { HELP_COLUMN = 30, MAX_WORDS = 64, MAX_WORD = 64 };

static bool is_end(const loam_option *o)
{
    return !o->letter && !o->name;
}

const char *loam_options_nearest(const char *typed, const char *const *words)
{
    size_t n = 0;
    while (words[n])
        n++;
    return loam_nearest(typed, words, n);
}

static loam_status unknown_long(const loam_option *options, const char *name, size_t len, loam_err *err)
{
    const char *names[MAX_WORDS + 2] = {"help"};
    int n = 1;
    for (const loam_option *o = options; !is_end(o) && n < MAX_WORDS; o++)
        if (o->name)
            names[n++] = o->name;
    char typed[MAX_WORD + 1];
    snprintf(typed, sizeof typed, "%.*s", (int)len, name);
    const char *nearest = loam_options_nearest(typed, names);
    if (nearest)
        LOAM_FAIL(err, INVALID, "unknown option --%s; did you mean --%s?", typed, nearest);
    LOAM_FAIL(err, INVALID, "unknown option --%s", typed);
}

static loam_status set_int(const loam_option *o, const char *shown, const char *value, loam_err *err)
{
    char *end;
    errno = 0;
    long v = strtol(value, &end, 10);
    if (!*value || *end || errno || v < -2147483647L || v > 2147483647L)
        LOAM_FAIL(err, INVALID, "%s takes a whole number, not '%s'", shown, value);
    if ((o->least != 0 || o->most != 0) && ((double)v < o->least || (double)v > o->most))
        LOAM_FAIL(err, INVALID, "%s is %ld; it must lie between %.0f and %.0f", shown, v, o->least, o->most);
    *(int *)o->out = (int)v;
    return LOAM_OK;
}

static loam_status set_float(const loam_option *o, const char *shown, const char *value, loam_err *err)
{
    char *end;
    double v = strtod(value, &end);
    if (!*value || *end || !isfinite(v))
        LOAM_FAIL(err, INVALID, "%s takes a number, not '%s'", shown, value);
    if ((o->least != 0 || o->most != 0) && (v < o->least || v > o->most))
        LOAM_FAIL(err, INVALID, "%s is %g; it must lie between %g and %g", shown, v, o->least, o->most);
    *(float *)o->out = (float)v;
    return LOAM_OK;
}

static loam_status set_value(const loam_option *o, const char *shown, const char *value, loam_err *err)
{
    if (o->given)
        *o->given = true;
    switch (o->kind) {
    case LOAM_OPTION_KIND_FLAG:
        *(bool *)o->out = true;
        return LOAM_OK;
    case LOAM_OPTION_KIND_INT:
        return set_int(o, shown, value, err);
    case LOAM_OPTION_KIND_FLOAT:
        return set_float(o, shown, value, err);
    case LOAM_OPTION_KIND_TEXT:
        *(const char **)o->out = value;
        return LOAM_OK;
    case LOAM_OPTION_KIND_SEED: {
        char *end;
        errno = 0;
        unsigned long long v = strtoull(value, &end, 0);
        if (!*value || *end || errno || strchr(value, '-'))
            LOAM_FAIL(err, INVALID, "%s takes a whole number from 0 to 2^64-1, not '%s'", shown, value);
        *(uint64_t *)o->out = v;
        return LOAM_OK;
    }
    case LOAM_OPTION_KIND_LIST: {
        loam_option_list *list = o->out;
        if (list->n == LOAM_OPTION_LIST_MAX)
            LOAM_FAIL(err, INVALID, "%s may be given %d times at most", shown, LOAM_OPTION_LIST_MAX);
        list->items[list->n++] = value;
        return LOAM_OK;
    }
    }
    return LOAM_OK;
}

/* "--name", "--name=value" or "--name value"; *i moves past a value that stands alone. */
static loam_status parse_long(const loam_option *options, int argc, char **argv, int *i, bool *help, loam_err *err)
{
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    if (len == 4 && memcmp(name, "help", 4) == 0) {
        *help = true;
        return LOAM_OK;
    }
    const loam_option *o = options;
    while (!is_end(o) && !(o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0))
        o++;
    if (is_end(o))
        return unknown_long(options, name, len, err);
    char shown[MAX_WORD + 3];
    snprintf(shown, sizeof shown, "--%s", o->name);
    if (o->kind == LOAM_OPTION_KIND_FLAG) {
        if (equals)
            LOAM_FAIL(err, INVALID, "%s takes no value", shown);
        return set_value(o, shown, NULL, err);
    }
    if (equals)
        return set_value(o, shown, equals + 1, err);
    if (*i + 1 >= argc)
        LOAM_FAIL(err, INVALID, "%s needs a value: %s %s", shown, shown, o->value);
    return set_value(o, shown, argv[++*i], err);
}

/* "-t 2", "-t2"; flags may be joined: "-vj". */
static loam_status parse_short(const loam_option *options, int argc, char **argv, int *i, bool *help, loam_err *err)
{
    for (const char *at = argv[*i] + 1; *at; at++) {
        if (*at == 'h') {
            *help = true;
            continue;
        }
        const loam_option *o = options;
        while (!is_end(o) && o->letter != *at)
            o++;
        if (is_end(o))
            LOAM_FAIL(err, INVALID, "unknown option -%c in '%s'", *at, argv[*i]);
        char shown[] = {'-', *at, 0};
        if (o->kind == LOAM_OPTION_KIND_FLAG) {
            LOAM_TRY(set_value(o, shown, NULL, err));
            continue;
        }
        if (at[1])
            return set_value(o, shown, at + 1 + (at[1] == '='), err);
        if (*i + 1 >= argc)
            LOAM_FAIL(err, INVALID, "%s needs a value: %s %s", shown, shown, o->value);
        return set_value(o, shown, argv[++*i], err);
    }
    return LOAM_OK;
}

loam_parsed loam_options_parse(const loam_usage_text *usage, const loam_option *options, int argc, char **argv,
                               const char **args, loam_err *err)
{
    int n_args = 0;
    bool help = false, only_args = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        loam_status status = LOAM_OK;
        if (only_args || a[0] != '-' || !a[1]) {
            if (n_args == usage->max_args)
                status = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "unexpected argument '%s'", a);
            else
                args[n_args++] = a;
        } else if (strcmp(a, "--") == 0) {
            only_args = true;
        } else if (a[1] == '-') {
            status = parse_long(options, argc, argv, &i, &help, err);
        } else {
            status = parse_short(options, argc, argv, &i, &help, err);
        }
        if (help)
            return LOAM_PARSED_HELP;
        if (status != LOAM_OK)
            return LOAM_PARSED_WRONG;
    }
    args[n_args] = NULL;
    if (n_args < usage->min_args) {
        loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "an argument is missing: loam %s %s", usage->verb,
                     usage->args);
        return LOAM_PARSED_WRONG;
    }
    return LOAM_PARSED_RUN;
}

static void print_option(const char *left, const char *help, FILE *to)
{
    int used = fprintf(to, "%s", left);
    if (used >= HELP_COLUMN - 1) {
        fputc('\n', to);
        used = 0;
    }
    for (; *help; used = 0) {
        size_t len = strcspn(help, "\n");
        fprintf(to, "%*s%.*s\n", HELP_COLUMN - used, "", (int)len, help);
        help += len + (help[len] == '\n');
    }
}

void loam_options_print(const loam_usage_text *usage, const loam_option *options, FILE *to)
{
    fprintf(to, "usage: loam %s [options]%s%s\n\n%s\n\noptions:\n", usage->verb, *usage->args ? " " : "", usage->args,
            usage->summary);
    for (const loam_option *o = options; !is_end(o); o++) {
        char left[128], letter[] = {'-', o->letter, 0};
        snprintf(left, sizeof left, "  %s%s%s%s%s%s", o->letter ? letter : "  ",
                 o->name ? (o->letter ? ", " : "  ") : "", o->name ? "--" : "", o->name ? o->name : "",
                 o->value ? " " : "", o->value ? o->value : "");
        print_option(left, o->help, to);
    }
    print_option("  -h, --help", "this text", to);
    if (usage->notes)
        fprintf(to, "\n%s\n", usage->notes);
}

int loam_options_begin(const loam_usage_text *usage, const loam_option *options, int argc, char **argv,
                       const char **args)
{
    loam_err err = LOAM_ERR_INIT;
    switch (loam_options_parse(usage, options, argc, argv, args, &err)) {
    case LOAM_PARSED_RUN:
        return -1;
    case LOAM_PARSED_HELP:
        loam_options_print(usage, options, stdout);
        return LOAM_EXIT_OK;
    case LOAM_PARSED_WRONG:
        break;
    }
    fprintf(stderr, "loam: %s\nTry 'loam %s --help'.\n", err.msg, usage->verb);
    return LOAM_EXIT_USAGE;
}
