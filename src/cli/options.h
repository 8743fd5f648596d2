/* The command line of one verb: a table says which options there are; parsing, --help and error messages come from it.
 */
#ifndef LOAM_CLI_OPTIONS_H
#define LOAM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* Exit codes of the program. */
enum { LOAM_EXIT_OK = 0, LOAM_EXIT_FAILURE = 1, LOAM_EXIT_USAGE = 2, LOAM_EXIT_INTERRUPTED = 130 };

typedef enum loam_option_kind {
    LOAM_OPTION_KIND_FLAG,  /* bool: set to true */
    LOAM_OPTION_KIND_INT,   /* int within [least, most] */
    LOAM_OPTION_KIND_SEED,  /* uint64_t, decimal or 0x… */
    LOAM_OPTION_KIND_FLOAT, /* float within [least, most] */
    LOAM_OPTION_KIND_TEXT,  /* const char *: the last one given */
    LOAM_OPTION_KIND_LIST,  /* loam_option_list: all that were given */
} loam_option_kind;

enum { LOAM_OPTION_LIST_MAX = 16 };
typedef struct loam_option_list {
    const char *items[LOAM_OPTION_LIST_MAX];
    int n;
} loam_option_list;

typedef struct loam_option {
    char letter;      /* 't' for -t; 0: none */
    const char *name; /* "threads" for --threads; NULL: the letter only */
    loam_option_kind kind;
    const char *value; /* what --help calls the value: "N"; NULL for flags */
    const char *help;
    void *out;          /* of the type that kind says; holds the default before */
    double least, most; /* INT, FLOAT; both 0: no limit */
    bool *given;        /* set when the option occurs; may be NULL */
} loam_option;

typedef struct loam_usage_text {
    const char *verb;    /* "chat", "model pull" */
    const char *args;    /* "[TEXT]" or "" */
    const char *summary; /* one line */
    const char *notes;   /* more lines below the options, or NULL */
    int min_args, max_args;
} loam_usage_text;

typedef enum loam_parsed { LOAM_PARSED_RUN, LOAM_PARSED_HELP, LOAM_PARSED_WRONG } loam_parsed;

/* Parses argv[1..argc): -t 2, -t2, --threads 2, --threads=2; "--" ends the options; options and other arguments mix.
 * A lone "-" is an argument. What is no option goes to args (borrowed from argv, at most usage->max_args), NULL after
 * the last (args has room for max_args + 1). HELP: -h or --help was there. WRONG: err has the sentence. The table ends
 * with an entry that has neither letter nor name. */
loam_parsed loam_options_parse(const loam_usage_text *usage, const loam_option *options, int argc, char **argv,
                               const char **args, loam_err *err);
/* The whole --help page. */
void loam_options_print(const loam_usage_text *usage, const loam_option *options, FILE *to);
/* Parses and answers for itself: -1 to go on, else the exit code (after --help, or after a wrong line on stderr). */
int loam_options_begin(const loam_usage_text *usage, const loam_option *options, int argc, char **argv,
                       const char **args);

/* The nearest of `words` (NULL-terminated) to what was typed, or NULL when none is near. Borrowed from words. */
const char *loam_options_nearest(const char *typed, const char *const *words);

#endif
