/* The HTTP server: OpenAI's API over a loam_chat, and the page. One thread per connection; a client that leaves cancels
 * its own job and no other. What each route takes and answers is in docs/api.md. */
#ifndef LOAM_HTTP_SERVER_H
#define LOAM_HTTP_SERVER_H

#include <stddef.h>

#include "base/status.h"
#include "service/chat.h"
#include "service/pictures.h"

typedef struct loam_server loam_server;

/* Zero in a field means the default in its comment, so `(loam_server_options){0}` is a loopback server. All strings are
 * copied by start. */
typedef struct loam_server_options {
    const char *host;            /* address or name to listen on: "127.0.0.1" */
    int port;                    /* 0: any free port, see loam_server_port */
    const char *const *api_keys; /* each opens everything; none: no key is asked for */
    size_t n_api_keys;
    const char *cors_origin; /* the one web origin that other pages may call from, or "*"; NULL: closed */
    const char
        *model_alias; /* another name that requests may use for the model, e.g. what the user typed; NULL: none */
    loam_pictures
        *pictures;       /* makes pictures and clips; borrowed until stop; NULL: those routes say that there is none */
    size_t max_body;     /* bytes of a request's body: 4 MiB; 48 MiB where pictures may be in it */
    int max_connections; /* more are answered 503: 128 */
    int io_timeout_s;    /* silence while reading a request or writing an answer: 30 */
    int request_timeout_s; /* a request must have arrived as a whole; also how long an idle connection is kept: 60 */
    int ping_s;            /* silence after which a stream gets a comment line: 10 */
} loam_server_options;

/* Binds, listens and returns while its threads serve. chat is borrowed until loam_server_stop. *out is owned by the
 * caller. INVALID for options out of range, IO when the address cannot be had (the message says why). */
LOAM_CHECK_RESULT loam_status loam_server_start(const loam_server_options *options, loam_chat *chat, loam_server **out,
                                                loam_err *err);
/* The port that the server listens on. */
int loam_server_port(const loam_server *s);
/* "http://127.0.0.1:8080", for people; borrowed until stop. */
const char *loam_server_url(const loam_server *s);
/* Stops listening, cancels what runs (streams end with an error event), joins all threads and frees s: within about two
 * seconds. NULL is allowed. Not from one of the server's own threads. */
void loam_server_stop(loam_server *s);

#endif
