/* The one file that knows libmicrohttpd.
 *
 * Every connection has a thread, so answering may block. libmicrohttpd calls on_request several times: with the
 * headers, with pieces of the body, and when the body is complete; then the answer is made and queued. A stream's body
 * comes from read_stream, which waits for the next piece. Both kinds of waiting look at the client's socket.
 *
 * libmicrohttpd's own time-out counts silence. A client that sends one byte now and then is never silent, so a watcher
 * thread shuts down the socket of a connection whose request does not arrive in time. It works on a duplicate of the
 * descriptor, because the connection's thread closes its own at a moment of its own choosing. */
#define _GNU_SOURCE
#include "http/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/http_int.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTION_MEMORY = 32 << 10, /* libmicrohttpd's buffers; headers must fit into half of it */
    SPARE_CONNECTIONS = 32,       /* beyond max_connections: they get a 503; the rest waits to be accepted */
    DRAIN_MAX = 64 << 20,         /* bytes of a refused body that are read away, so that the client sees the reply */
    STREAM_BLOCK = 16 << 10,
    WATCH_MS = 500,
    STOP_WAIT_MS = 2000, /* what answers get to end by themselves once the server stops */
};

/* An open connection. */
typedef struct link_state {
    struct link_state *prev, *next;
    int fd;         /* our duplicate, or -1 */
    double since_s; /* accepted, or last answer done, or first byte of the request that is coming in */
    bool answering; /* the request is here: the watcher leaves it alone */
} link_state;

struct loam_server {
    loam_http_service service;
    struct MHD_Daemon *daemon;
    int listen_fd; /* ours to close once the daemon is quiesced or never started; else -1 */
    int port;
    char url[LOAM_HTTP_URL_MAX];
    int max_connections, io_timeout_s, request_timeout_s, ping_s;
    atomic_int answering; /* requests from their last byte to the end of their answer */
    pthread_t watcher;
    bool watching;
    pthread_mutex_t mutex; /* guards links, their fields, and watch_end; innermost */
    pthread_cond_t wake;
    link_state *links;
    bool watch_end;
};

/* What a request carries through libmicrohttpd's callbacks. */
typedef struct request {
    loam_http_exchange x; /* first: handlers get this */
    loam_server *server;
    struct MHD_Connection *connection;
    link_state *link;
    size_t received;
    size_t sent_of_piece; /* of stream_piece */
    loam_buf stream_piece;
    bool stream_done;
    bool counted; /* in server->answering */
    double last_sent_s, last_looked_s;
} request;

const char *loam_http_header(loam_http_exchange *x, const char *name)
{
    return MHD_lookup_connection_value(((request *)x)->connection, MHD_HEADER_KIND, name);
}

const char *loam_http_query(loam_http_exchange *x, const char *name)
{
    return MHD_lookup_connection_value(((request *)x)->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool loam_http_gone(loam_http_exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(((request *)x)->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd p = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

static void set_timeout(const request *r, int seconds)
{
    MHD_set_connection_option(r->connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)seconds);
}

/* The pieces of a stream, one call per write. Blocks until there is something to send. */
static ssize_t read_stream(void *cls, uint64_t pos, char *out, size_t max)
{
    request *r = cls;
    loam_buf *piece = &r->stream_piece;
    while (r->sent_of_piece == piece->len) {
        if (r->stream_done)
            return MHD_CONTENT_READER_END_OF_STREAM;
        loam_buf_truncate(piece, 0);
        r->sent_of_piece = 0;
        double now = loam_clock_s();
        if (now - r->last_looked_s >= LOAM_HTTP_WAIT_MS * 1e-3) {
            r->last_looked_s = now;
            if (loam_http_gone(&r->x))
                return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        r->stream_done = !r->x.reply.stream.next(r->x.reply.stream.arg, LOAM_HTTP_WAIT_MS, piece);
        if (piece->failed)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (!piece->len && !r->stream_done && loam_clock_s() - r->last_sent_s >= r->server->ping_s)
            loam_buf_str(piece, ": ping\n\n");
    }
    r->last_sent_s = loam_clock_s();
    size_t n = piece->len - r->sent_of_piece;
    n = n < max ? n : max;
    memcpy(out, piece->data + r->sent_of_piece, n);
    r->sent_of_piece += n;
    return (ssize_t)n;
}

static enum MHD_Result queue_reply(request *r)
{
    loam_http_reply *reply = &r->x.reply;
    struct MHD_Response *response;
    if (reply->status == LOAM_HTTP_GONE)
        return MHD_NO;
    if (reply->stream.next) {
        r->last_sent_s = loam_clock_s();
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, r, NULL);
    } else if (reply->has_file) {
        struct stat st;
        response = fstat(reply->fd, &st) == 0 ? MHD_create_response_from_fd64((uint64_t)st.st_size, reply->fd) : NULL;
        if (!response)
            close(reply->fd);
    } else {
        const void *data = reply->page ? reply->page : loam_buf_text(&reply->body);
        size_t len = reply->page ? reply->page_len : reply->body.len;
        response = MHD_create_response_from_buffer(len, (void *)data, MHD_RESPMEM_PERSISTENT);
    }
    if (!response)
        return MHD_NO;
    if (reply->type)
        MHD_add_response_header(response, "Content-Type", reply->type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (int i = 0; i < reply->n_headers; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (atomic_load(&r->server->service.stopping) || reply->status == 503)
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result ok = MHD_queue_response(r->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response); /* the queue has its own reference */
    return ok;
}

static void set_link(request *r, bool answering, double since_s)
{
    if (!r->link)
        return;
    pthread_mutex_lock(&r->server->mutex);
    r->link->answering = answering;
    r->link->since_s = since_s;
    pthread_mutex_unlock(&r->server->mutex);
}

/* The headers are here: checks them, and decides whether to read on. */
static enum MHD_Result begin(loam_server *s, struct MHD_Connection *c, const char *url, const char *method,
                             void **state)
{
    request *r = calloc(1, sizeof *r);
    if (!r)
        return MHD_NO;
    *state = r;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    r->server = s;
    r->connection = c;
    r->link = info ? info->socket_context : NULL;
    r->x = (loam_http_exchange){.service = &s->service, .method = method, .path = url, .started_s = loam_clock_s()};
    loam_buf_init(&r->x.reply.body, LOAM_HTTP_REPLY_MAX);
    loam_buf_init(&r->stream_piece, LOAM_HTTP_REPLY_MAX);
    set_link(r, false, r->x.started_s);
    set_timeout(r, s->io_timeout_s);

    loam_http_begin(&r->x);
    const char *length = loam_http_header(&r->x, "Content-Length");
    unsigned long long n = length ? strtoull(length, NULL, 10) : 0;
    size_t limit = loam_http_body_limit(&r->x);
    loam_buf_init(&r->x.body, limit);
    if (!r->x.reply.status && atomic_load(&s->service.connections) > s->max_connections)
        loam_http_reply_error(&r->x, 503, "server_busy", NULL,
                              "this server takes %d connections at once; try again soon", s->max_connections);
    if (!r->x.reply.status && n > limit)
        loam_http_reply_error(&r->x, 413, "too_large", NULL, "the body has %llu bytes, at most %zu are taken", n,
                              limit);
    /* A refusal waits until the body has been read away: a client that is still sending when the connection closes
     * would not see it. Unless the client asked before sending, or is about to send too much. */
    if (r->x.reply.status && (n > DRAIN_MAX || loam_http_header(&r->x, "Expect")))
        return queue_reply(r);
    return MHD_YES;
}

static enum MHD_Result receive(request *r, const char *bytes, size_t n)
{
    r->received += n;
    if (r->received > DRAIN_MAX)
        return MHD_NO;
    if (r->x.reply.status)
        return MHD_YES;
    if (!r->x.large && r->received > r->server->service.max_body && r->received <= r->x.body.max) {
        r->x.large = true;
        if (atomic_fetch_add(&r->server->service.large_bodies, 1) >= LOAM_HTTP_LARGE_BODIES) {
            loam_http_body_drop(&r->x);
            loam_http_reply_error(&r->x, 503, "server_busy", NULL,
                                  "%d bodies with large pictures are being read already; try again soon",
                                  LOAM_HTTP_LARGE_BODIES);
            return MHD_YES;
        }
    }
    if (!loam_buf_add(&r->x.body, bytes, n)) {
        bool too_large = r->received > r->x.body.max;
        size_t limit = r->x.body.max;
        loam_http_body_drop(&r->x);
        if (too_large)
            loam_http_reply_error(&r->x, 413, "too_large", NULL, "the body has more than the %zu bytes that are taken",
                                  limit);
        else
            loam_http_reply_error(&r->x, 507, NULL, NULL, "out of memory for the request");
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *n_bytes, void **state)
{
    if (!*state)
        return begin(cls, c, url, method, state);
    request *r = *state;
    if (*n_bytes) {
        size_t n = *n_bytes;
        *n_bytes = 0;
        return receive(r, bytes, n);
    }
    set_link(r, true, 0);
    r->counted = true;
    atomic_fetch_add(&r->server->answering, 1);
    if (!r->x.reply.status) {
        set_timeout(r, 0); /* thinking is not silence of the client's */
        loam_http_handle(&r->x);
        set_timeout(r, r->server->io_timeout_s + (r->x.reply.stream.next ? r->server->ping_s : 0));
    }
    return queue_reply(r);
}

static void on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how)
{
    loam_server *s = cls;
    request *r = *state;
    if (!r)
        return;
    *state = NULL;
    if (r->x.reply.stream.free)
        r->x.reply.stream.free(r->x.reply.stream.arg);
    double now = loam_clock_s();
    if (r->x.reply.stream.next && !r->stream_done)
        r->x.reply.status = LOAM_HTTP_GONE;
    loam_http_metrics_add(s->service.metrics, LOAM_HTTP_TIMING_REQUEST, loam_http_exchange_labels(&r->x),
                          now - r->x.started_s);
    set_link(r, false, now);
    loam_http_body_drop(&r->x);
    loam_buf_deinit(&r->x.reply.body);
    loam_buf_deinit(&r->stream_piece);
    if (r->counted)
        atomic_fetch_sub(&s->answering, 1);
    free(r);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode what)
{
    loam_server *s = cls;
    link_state *l = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        atomic_fetch_add(&s->service.connections, 1);
        l = calloc(1, sizeof *l);
        if (!l)
            return; /* it is served all the same, only not watched */
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        l->fd = info ? fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0) : -1;
        l->since_s = loam_clock_s();
        pthread_mutex_lock(&s->mutex);
        l->next = s->links;
        if (s->links)
            s->links->prev = l;
        s->links = l;
        pthread_mutex_unlock(&s->mutex);
        *context = l;
        return;
    }
    atomic_fetch_sub(&s->service.connections, 1);
    if (!l)
        return;
    *context = NULL;
    pthread_mutex_lock(&s->mutex);
    *(l->prev ? &l->prev->next : &s->links) = l->next;
    if (l->next)
        l->next->prev = l->prev;
    pthread_mutex_unlock(&s->mutex);
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}

static void *watch(void *arg)
{
    loam_server *s = arg;
    pthread_mutex_lock(&s->mutex);
    while (!s->watch_end) {
        double limit = loam_clock_s() - s->request_timeout_s;
        for (link_state *l = s->links; l; l = l->next)
            if (!l->answering && l->since_s < limit && l->fd >= 0)
                shutdown(l->fd, SHUT_RDWR);
        uint64_t until = loam_clock_ns() + WATCH_MS * 1000000u;
        struct timespec t = {.tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
        pthread_cond_timedwait(&s->wake, &s->mutex, &t);
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

LOAM_PRINTF(2, 0) static void log_line(void *arg, const char *fmt, va_list ap)
{
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\r\n")] = 0;
    loam_log(LOAM_LOG_LEVEL_DEBUG, "http: %s", text);
}

static char *copy(const char *s, bool *failed)
{
    char *c = s ? strdup(s) : NULL;
    *failed |= s && !c;
    return c;
}

static loam_status set_up(loam_server *s, const loam_server_options *o, loam_chat *chat, loam_err *err)
{
    loam_http_service *v = &s->service;
    bool failed = false;
    pthread_condattr_t monotonic;
    s->max_connections = o->max_connections ? o->max_connections : 128;
    s->io_timeout_s = o->io_timeout_s ? o->io_timeout_s : 30;
    s->request_timeout_s = o->request_timeout_s ? o->request_timeout_s : 60;
    s->ping_s = o->ping_s ? o->ping_s : 10;
    v->chat = chat;
    v->pictures = o->pictures;
    v->started = (int64_t)time(NULL);
    v->max_body = o->max_body ? o->max_body : (size_t)4 << 20;
    v->cors_origin = copy(o->cors_origin, &failed);
    v->model_alias = copy(o->model_alias, &failed);
    v->api_keys = calloc(o->n_api_keys + 1, sizeof *v->api_keys);
    for (size_t i = 0; v->api_keys && i < o->n_api_keys; i++)
        v->api_keys[v->n_api_keys++] = copy(o->api_keys[i], &failed);
    v->metrics = loam_http_metrics_new();
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&v->sdapi.mutex, NULL);
    if (failed || !v->api_keys || !v->metrics)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the server");
    return LOAM_OK;
}

static loam_status check(const loam_server_options *o, loam_err *err)
{
    if (o->port < 0 || o->port > 65535)
        LOAM_FAIL(err, INVALID, "port %d: it must be between 0 and 65535", o->port);
    if (o->max_connections < 0 || o->max_connections > 100000)
        LOAM_FAIL(err, INVALID, "%d connections: between 1 and 100000 are possible", o->max_connections);
    if (o->max_body > (size_t)1 << 30)
        LOAM_FAIL(err, INVALID, "bodies of %zu bytes: at most 1 GiB is possible", o->max_body);
    if (o->io_timeout_s < 0 || o->io_timeout_s > 86400 || o->request_timeout_s < 0 || o->request_timeout_s > 86400 ||
        o->ping_s < 0 || o->ping_s > 86400)
        LOAM_FAIL(err, INVALID, "a time-out is out of range: between 1 and 86400 seconds are possible");
    for (size_t i = 0; i < o->n_api_keys; i++)
        if (!o->api_keys[i] || !*o->api_keys[i])
            LOAM_FAIL(err, INVALID, "an API key is empty");
    return LOAM_OK;
}

loam_status loam_server_start(const loam_server_options *o, loam_chat *chat, loam_server **out, loam_err *err)
{
    *out = NULL;
    LOAM_TRY(check(o, err));
    loam_server *s = calloc(1, sizeof *s);
    if (!s)
        LOAM_FAIL(err, NO_MEMORY, "out of memory for the server");
    s->listen_fd = -1;
    loam_http_listener listener = {0};
    loam_status status = set_up(s, o, chat, err);
    if (status == LOAM_OK)
        status = loam_http_listen(o->host ? o->host : "127.0.0.1", o->port, &listener, err);
    if (status != LOAM_OK)
        goto fail;
    s->listen_fd = listener.fd;
    s->port = listener.port;
    s->service.loopback = listener.loopback;
    memcpy(s->url, listener.url, sizeof s->url);
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG | (listener.ipv6 ? MHD_USE_IPv6 : 0);
    s->daemon = MHD_start_daemon(flags, (uint16_t)s->port, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER,
                                 log_line, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
                                 on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->max_connections + SPARE_CONNECTIONS,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)s->io_timeout_s,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (!s->daemon) {
        status = loam_err_set(err, LOAM_STATUS_IO, __FILE__, __LINE__, "cannot start the server: %s", strerror(errno));
        goto fail;
    }
    s->watching = pthread_create(&s->watcher, NULL, watch, s) == 0;
    if (!s->watching) {
        status = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "cannot start a thread");
        goto fail;
    }
    *out = s;
    return LOAM_OK;
fail:
    loam_server_stop(s);
    return status;
}

int loam_server_port(const loam_server *s)
{
    return s->port;
}
const char *loam_server_url(const loam_server *s)
{
    return s->url;
}

void loam_server_stop(loam_server *s)
{
    if (!s)
        return;
    atomic_store(&s->service.stopping, true);
    if (s->daemon) {
        MHD_quiesce_daemon(s->daemon); /* the listening socket is ours again */
        for (int waited = 0; atomic_load(&s->answering) && waited < STOP_WAIT_MS; waited += 10)
            poll(NULL, 0, 10);
        MHD_stop_daemon(s->daemon);
    }
    if (s->watching) {
        pthread_mutex_lock(&s->mutex);
        s->watch_end = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->mutex);
        pthread_join(s->watcher, NULL);
    }
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    pthread_mutex_destroy(&s->mutex);
    pthread_mutex_destroy(&s->service.sdapi.mutex);
    pthread_cond_destroy(&s->wake);
    loam_http_service *v = &s->service;
    for (size_t i = 0; i < v->n_api_keys; i++)
        free(v->api_keys[i]);
    free(v->api_keys);
    free(v->cors_origin);
    free(v->model_alias);
    loam_http_metrics_free(v->metrics);
    free(s);
}
