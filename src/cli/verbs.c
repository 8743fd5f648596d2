#include "cli/verbs.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

enum { MAX_VERBS = 32 };

static const loam_verb *find(const loam_verb *verbs, const char *name)
{
    for (; verbs->name; verbs++)
        if (strcmp(verbs->name, name) == 0)
            return verbs;
    return NULL;
}

static void print_usage(const loam_verb *verbs, const char *program, FILE *to)
{
    fprintf(to, "usage: %s VERB [options] [arguments]\n\n", program);
    for (; verbs->name; verbs++)
        fprintf(to, "  %-10s %s\n", verbs->name, verbs->summary);
    fprintf(to, "\n'%s VERB --help' tells more about one.\n", program);
}

static int unknown(const loam_verb *verbs, const char *program, const char *name)
{
    const char *names[MAX_VERBS + 1] = {0};
    for (int i = 0; verbs[i].name && i < MAX_VERBS; i++)
        names[i] = verbs[i].name;
    const char *nearest = loam_options_nearest(name, names);
    fprintf(stderr, "loam: there is no '%s %s'", program, name);
    if (nearest)
        fprintf(stderr, "; did you mean '%s'?", nearest);
    fprintf(stderr, "\nTry '%s --help'.\n", program);
    return LOAM_EXIT_USAGE;
}

int loam_verbs_run(const loam_verb *verbs, const char *program, int argc, char **argv)
{
    if (argc < 2) {
        print_usage(verbs, program, stderr);
        return LOAM_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        puts("loam " LOAM_VERSION);
        return LOAM_EXIT_OK;
    }
    bool help = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
        print_usage(verbs, program, stdout);
        return LOAM_EXIT_OK;
    }
    if (help)
        name = argv[2];
    const loam_verb *verb = find(verbs, name);
    if (!verb)
        return unknown(verbs, program, name);
    if (!help)
        return verb->run(argc - 1, argv + 1);
    if (argc == 3) {
        char option[] = "--help";
        char *asked[] = {argv[2], option, NULL};
        return verb->run(2, asked);
    }
    char *asked[] = {argv[2], argv[1], argv[3], NULL}; /* "help model pull": model answers "help pull" */
    return verb->run(3, asked);
}
