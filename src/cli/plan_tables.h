/* The words of `loam plan` besides solving. */
#ifndef LOAM_CLI_PLAN_TABLES_H
#define LOAM_CLI_PLAN_TABLES_H

enum { LOAM_EXIT_NOTHING_FITS = 3 };

/* argv[0] is the word; each returns the exit code. */
int loam_plan_validate(int argc, char **argv);
int loam_plan_rules(int argc, char **argv);
int loam_plan_check_file(int argc, char **argv);

#endif
