/* The verbs of the program: each is a function in the file of its name, with the arguments from the verb on. */
#ifndef LOAM_CLI_VERBS_H
#define LOAM_CLI_VERBS_H

/* argv[0] is the verb. Each returns the exit code (cli/options.h). */
typedef int (*loam_verb_fn)(int argc, char **argv);

typedef struct loam_verb {
    const char *name;
    loam_verb_fn run;
    const char *summary;
} loam_verb;

int loam_verb_serve(int argc, char **argv);
int loam_verb_chat(int argc, char **argv);
int loam_verb_image(int argc, char **argv);
int loam_verb_video(int argc, char **argv);
int loam_verb_model(int argc, char **argv);
int loam_verb_bench(int argc, char **argv);
int loam_verb_plan(int argc, char **argv);

/* Finds argv[1] among verbs (ended by an entry without name) and runs it; answers --help, --version, `help VERB`,
 * nothing, and verbs that there are not. program: what the usage line begins with, "loam" or "loam model". */
int loam_verbs_run(const loam_verb *verbs, const char *program, int argc, char **argv);

#endif
