/* Serves the fake chat on a port, for trying clients and the page without a model: fake_serve [PORT [KEY]]. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_chat.h"
#include "http/server.h"

int main(int argc, char **argv)
{
    const char *keys[] = {argc > 2 ? argv[2] : NULL};
    loam_server_options options = {
        .port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, .api_keys = keys, .n_api_keys = argc > 2};
    loam_chat *chat = fake_chat_new(4, 8192, 64);
    loam_server *server = NULL;
    loam_err err = LOAM_ERR_INIT;
    sigset_t ends;
    int which;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    if (loam_server_start(&options, chat, &server, &err) != LOAM_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    printf("listening on %s\n", loam_server_url(server));
    fflush(stdout);
    sigwait(&ends, &which);
    loam_server_stop(server);
    fake_chat_free(chat);
    return 0;
}
