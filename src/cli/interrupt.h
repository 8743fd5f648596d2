/* Ctrl-C and SIGTERM, for verbs that end what they are doing instead of dying. The second signal in a row ends the
 * program at once, so that nothing can hang beyond the user's reach. */
#ifndef LOAM_CLI_INTERRUPT_H
#define LOAM_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on a signal only raises the flag. SIGPIPE is ignored: writes fail instead. */
void loam_interrupt_begin(void);
/* Whether a signal came since begin or the last reset. */
bool loam_interrupt_raised(void);
void loam_interrupt_reset(void);
/* Readable from the first signal until reset, for poll(). */
int loam_interrupt_fd(void);
/* Sleeps until a signal comes. */
void loam_interrupt_wait(void);

#endif
