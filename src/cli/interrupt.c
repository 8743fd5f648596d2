#define _GNU_SOURCE
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"

static volatile sig_atomic_t n_signals;
static int wake[2] = {-1, -1}; /* a pipe: any thread may take the signal, the one that polls must hear of it */

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    n_signals++;
    if (n_signals > 1)
        _exit(LOAM_EXIT_INTERRUPTED);
    ssize_t n = write(wake[1], "", 1);
    (void)n; /* full: it is readable already */
    errno = saved;
}

void loam_interrupt_begin(void)
{
    n_signals = 0;
    if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return; /* then signals do what they always do */
    struct sigaction action;
    memset(&action, 0, sizeof action); /* no SA_RESTART: a waiting read returns */
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

bool loam_interrupt_raised(void)
{
    return n_signals > 0;
}

void loam_interrupt_reset(void)
{
    char bytes[16];
    while (read(wake[0], bytes, sizeof bytes) > 0)
        ;
    n_signals = 0;
}

int loam_interrupt_fd(void)
{
    return wake[0];
}

void loam_interrupt_wait(void)
{
    struct pollfd in = {wake[0], POLLIN, 0};
    while (!loam_interrupt_raised())
        poll(&in, 1, -1);
}
