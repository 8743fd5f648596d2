/* Shared inside http/. server.c turns a connection's request into a loam_http_exchange, routes.c finds who answers it,
 * and the answering functions fill its reply; none of them knows the HTTP library. An exchange belongs to one thread.
 */
#ifndef LOAM_HTTP_HTTP_INT_H
#define LOAM_HTTP_HTTP_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "http/metrics.h"
#include "service/chat.h"
#include "service/pictures.h"

enum {
    LOAM_HTTP_REPLY_MAX = 64 << 20, /* bytes of a whole reply */
    LOAM_HTTP_WAIT_MS = 100,        /* how often a waiting thread looks whether its client is still there */
    LOAM_HTTP_URL_MAX = 300,
    LOAM_HTTP_GONE = 499,              /* reply status when there is nobody left to answer; never sent */
    LOAM_HTTP_PICTURE_BODY = 48 << 20, /* bytes of a body that may hold pictures */
    LOAM_HTTP_LARGE_BODIES = 4,        /* bodies beyond max_body that are held at once */
};

/* What all requests share; immutable while the server runs, except the atomics and the metrics (which lock). */
typedef struct loam_http_service {
    loam_chat *chat;
    loam_pictures *pictures; /* NULL: neither pictures nor clips */
    char **api_keys;
    size_t n_api_keys;
    char *cors_origin;
    char *model_alias;
    size_t max_body;
    int64_t started; /* seconds since 1970: "created" of the model */
    bool loopback;   /* listens on a loopback address only */
    loam_http_metrics *metrics;
    atomic_bool stopping;
    atomic_int connections;
    atomic_int large_bodies;
    struct {
        pthread_mutex_t mutex; /* guards the rest; innermost */
        char ids[64][LOAM_JOBS_ID_LENGTH + 1];
        unsigned n; /* ever */
    } sdapi;        /* the last jobs that came by /sdapi/v1: an interrupt there means them */
} loam_http_service;

typedef struct loam_http_exchange loam_http_exchange;

/* A body made piece by piece. next waits up to wait_ms for something to append to out and returns false after the last
 * piece. free is called once, also when the client left: it cancels what is under way. */
typedef struct loam_http_stream {
    bool (*next)(void *arg, int wait_ms, loam_buf *out);
    void (*free)(void *arg);
    void *arg;
} loam_http_stream;

typedef struct loam_http_reply {
    int status;       /* 0: not answered yet */
    const char *type; /* of the body; static */
    loam_buf body;
    const void *page; /* a borrowed body that outlives the server, instead of the buffer */
    size_t page_len;
    bool has_file; /* the file is the body, from its begin to its end; fd is closed with the reply */
    int fd;
    loam_http_stream stream; /* used when next is set */
    struct {
        const char *name; /* static */
        char value[512];
    } headers[8];
    int n_headers;
} loam_http_reply;

typedef struct loam_http_route loam_http_route;

struct loam_http_exchange {
    loam_http_service *service;
    const char *method, *path; /* borrowed; path is decoded and has no query */
    const loam_http_route *route;
    loam_buf body;
    bool large; /* one of large_bodies */
    loam_http_reply reply;
    double started_s;
    void *connection; /* server.c's */
};

/* server.c: the request's header (any case), or NULL. Borrowed. */
const char *loam_http_header(loam_http_exchange *x, const char *name);
/* server.c: a value of the query ("limit" of "?limit=5"), or NULL. Borrowed. */
const char *loam_http_query(loam_http_exchange *x, const char *name);
/* server.c: the client closed its side, or broke off. */
bool loam_http_gone(loam_http_exchange *x);

/* listen.c: a listening socket. */
typedef struct loam_http_listener {
    int fd, port;
    bool ipv6;
    bool loopback; /* reachable from this machine only */
    char url[LOAM_HTTP_URL_MAX];
} loam_http_listener;

/* Binds the first address of host that can be had; port 0: any. The caller closes fd. INVALID for a host that is none,
 * IO when the port cannot be had. */
LOAM_CHECK_RESULT loam_status loam_http_listen(const char *host, int port, loam_http_listener *out, loam_err *err);

/* routes.c: checks what can be checked before the body is read: connection count, host, origin, key, path, method,
 * media type. Leaves reply.status 0 when the request may go on. */
void loam_http_begin(loam_http_exchange *x);
/* routes.c: answers a request that begin let through and whose body is complete. */
void loam_http_handle(loam_http_exchange *x);
/* routes.c: bytes that the body may have. */
size_t loam_http_body_limit(const loam_http_exchange *x);
/* routes.c: frees the body, once it was read, before a long wait. */
void loam_http_body_drop(loam_http_exchange *x);
/* routes.c: how the exchange is called in the metrics: a bounded set of labels. */
loam_http_labels loam_http_exchange_labels(const loam_http_exchange *x);

/* reply.c */
void loam_http_reply_header(loam_http_exchange *x, const char *name, const char *fmt, ...) LOAM_PRINTF(3, 4);
/* Sets status and media type of a reply whose body is, or will be, in reply.body. A body that did not fit becomes 507.
 */
void loam_http_reply_set(loam_http_exchange *x, int status, const char *type);
/* Formats and drops v (takes the reference); NULL means that memory ran out. */
void loam_http_reply_json(loam_http_exchange *x, int status, json_t *v);
/* OpenAI's error body. type NULL: the usual one of that status; code and param may be NULL. Replaces what was there. */
void loam_http_reply_error(loam_http_exchange *x, int status, const char *code, const char *param, const char *fmt, ...)
    LOAM_PRINTF(5, 6);
void loam_http_reply_failure(loam_http_exchange *x, const loam_err *err, const char *param);
/* The same body alone, for an error in the middle of a stream. */
void loam_http_format_error(loam_buf *out, int status, const char *code, const char *param, const char *message);

/* Makes the file the reply's body. A file that is not there is a 404. */
void loam_http_reply_file(loam_http_exchange *x, const char *path, const char *type);

/* door.c: pure functions on header values. */
bool loam_http_host_is_local(const char *host);
bool loam_http_origin_is_host(const char *origin, const char *host);
bool loam_http_type_is_json(const char *content_type);
bool loam_http_type_is_form(const char *content_type);
/* Whether authorization ("Bearer KEY", or "Basic" with the key as password) or x_api_key is one of the keys; takes the
 * same time for every wrong key of a length. Either may be NULL. */
bool loam_http_key_is_known(const char *authorization, const char *x_api_key, char *const *keys, size_t n_keys);
/* Whether an If-None-Match value names the entity tag (quotes included). */
bool loam_http_etag_matches(const char *if_none_match, const char *etag);

/* Parses the body as a JSON object; on failure the reply is set and NULL returned. New reference. */
json_t *loam_http_body_object(loam_http_exchange *x);
/* models_api.c: whether name stands for the loaded model; else the reply is a 404. name may be NULL. */
bool loam_http_model_is_known(loam_http_exchange *x, const json_t *name);

/* jobs_api.c, for the routes that stand on jobs: */
/* Whether this server makes pictures (video: clips); else the reply is a 501. */
bool loam_http_has_pictures(loam_http_exchange *x, bool video);
/* Queues a job; else the reply says why not. */
bool loam_http_submit(loam_http_exchange *x, const char *kind, const json_t *request, char id[LOAM_JOBS_ID_LENGTH + 1]);
/* Waits until a job has ended. False: the client left (its job goes on), the server stops, or the job is not there; the
 * reply is set then. On true view is the caller's. */
bool loam_http_await(loam_http_exchange *x, const char *id, loam_jobs_view *view);
/* HTTP status and message of a job that ended otherwise than done. */
int loam_http_job_failure(loam_http_exchange *x, const loam_jobs_view *view, char message[LOAM_ERR_MSG_MAX]);
/* Starts a reply of events. */
void loam_http_begin_events(loam_http_exchange *x, loam_http_stream stream);

/* images_api.c: "512x768". */
bool loam_http_read_size(const char *text, int *width, int *height);

/* The routes. */
void loam_http_jobs(loam_http_exchange *x);
void loam_http_jobs_submit(loam_http_exchange *x);
void loam_http_job_get(loam_http_exchange *x);
void loam_http_job_post(loam_http_exchange *x);
void loam_http_job_delete(loam_http_exchange *x);
void loam_http_images_info(loam_http_exchange *x);
void loam_http_images_generations(loam_http_exchange *x);
void loam_http_images_edits(loam_http_exchange *x);
void loam_http_videos(loam_http_exchange *x);
void loam_http_videos_create(loam_http_exchange *x);
void loam_http_video_get(loam_http_exchange *x);
void loam_http_video_post(loam_http_exchange *x);
void loam_http_video_delete(loam_http_exchange *x);
void loam_http_sdapi_get(loam_http_exchange *x);
void loam_http_sdapi_post(loam_http_exchange *x);
void loam_http_chat_completions(loam_http_exchange *x);
void loam_http_completions(loam_http_exchange *x);
void loam_http_models(loam_http_exchange *x);
void loam_http_model(loam_http_exchange *x);
void loam_http_health(loam_http_exchange *x);
void loam_http_metrics_text(loam_http_exchange *x);
void loam_http_tokenize(loam_http_exchange *x);
void loam_http_detokenize(loam_http_exchange *x);
void loam_http_apply_template(loam_http_exchange *x);
/* page.c: a file of the embedded page; false when there is none under that path. */
bool loam_http_page_exists(const char *path);
void loam_http_page(loam_http_exchange *x);

#endif
