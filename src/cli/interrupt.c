#define _GNU_SOURCE
#include "cli/interrupt.h"

#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"

static volatile sig_atomic_t n_signals;
static sem_t arrived;

static void on_signal(int number)
{
    (void)number;
    n_signals++;
    if (n_signals > 1)
        _exit(LOAM_EXIT_INTERRUPTED);
    sem_post(&arrived);
}

void loam_interrupt_begin(void)
{
    n_signals = 0;
    sem_init(&arrived, 0, 0);
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
    while (sem_trywait(&arrived) == 0)
        ;
    n_signals = 0;
}

void loam_interrupt_wait(void)
{
    while (sem_wait(&arrived) != 0 && !loam_interrupt_raised())
        ;
}
