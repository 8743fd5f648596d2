/* A picture or a clip being made, seen from the terminal. */
#ifndef LOAM_CLI_MAKING_H
#define LOAM_CLI_MAKING_H

#include "service/images.h"

typedef struct loam_making {
    bool terminal;
    double began_s; /* of the stage */
    char stage[16];
    int shown; /* in a log: the last quarter that was told */
} loam_making;

void loam_making_begin(loam_making *m);
/* A watch with a bar, the time of a step and the time left on a terminal, in a log a line at each quarter of a stage;
 * Ctrl-C cancels (cli/interrupt.h). */
loam_images_watch loam_making_watch(loam_making *m);
/* Leaves the terminal on an empty line. */
void loam_making_end(loam_making *m);
/* Shows a picture on stdout when that is a terminal that can. */
void loam_making_show(const loam_picture *p);
/* Prints the sentence; the exit code. */
int loam_making_failed(const loam_err *err);

#endif
