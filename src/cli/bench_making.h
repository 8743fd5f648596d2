/* loam bench image and loam bench video. */
#ifndef LOAM_CLI_BENCH_MAKING_H
#define LOAM_CLI_BENCH_MAKING_H

/* argv[0] is "image" or "video"; returns the exit code. */
int loam_bench_making_verb(int argc, char **argv);

#endif
