/* The conversation at the terminal: a loop of lines and answers, with commands that begin with a slash. */
#ifndef LOAM_CLI_TALK_H
#define LOAM_CLI_TALK_H

#include "service/chat.h"

/* Runs until /quit, Ctrl-D, or Ctrl-C twice; returns the exit code. system: the first message, or NULL. fixed_seed:
 * each answer begins from the request's seed; otherwise each draws its own. */
int loam_talk_run(loam_chat *chat, const char *system, const loam_job_request *request, bool fixed_seed);

#endif
