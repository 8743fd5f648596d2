#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

int client_connect(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        fail_msg("cannot connect to port %d", port);
    return fd;
}

void client_send(int fd, const char *fmt, ...)
{
    loam_buf b;
    loam_buf_init(&b, 1 << 30);
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    for (int sent = 0; sent < n;) {
        ssize_t k = send(fd, text + sent, (size_t)(n - sent), MSG_NOSIGNAL);
        if (k <= 0)
            break; /* the server may have closed: the answer tells */
        sent += (int)k;
    }
    free(text);
}

/* One more piece of input; false at the end. */
static bool more(int fd, loam_buf *in)
{
    char bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    return n > 0 && loam_buf_add(in, bytes, (size_t)n);
}

static void read_chunks(int fd, loam_buf *in, size_t at, reply *r)
{
    for (;;) {
        char *line;
        while (!(line = in->data ? strstr(in->data + at, "\r\n") : NULL))
            if (!more(fd, in))
                return;
        size_t n = strtoul(in->data + at, NULL, 16), begin = (size_t)(line - in->data) + 2;
        while (in->len < begin + n + 2)
            if (!more(fd, in))
                return;
        loam_buf_add(&r->body, in->data + begin, n);
        at = begin + n + 2;
        if (!n) {
            r->whole = true;
            return;
        }
    }
}

reply client_read(int fd, bool without_body)
{
    reply r = {0};
    loam_buf in;
    char *end;
    loam_buf_init(&in, 1 << 28);
    loam_buf_init(&r.head, 1 << 20);
    loam_buf_init(&r.body, 1 << 28);
    while (!(end = in.data ? strstr(in.data, "\r\n\r\n") : NULL))
        if (!more(fd, &in))
            goto done;
    size_t body = (size_t)(end - in.data) + 4;
    loam_buf_add(&r.head, in.data, body);
    r.status = (int)strtol(r.head.data + strlen("HTTP/1.1 "), NULL, 10);
    const char *length = reply_header(&r, "Content-Length");
    if (without_body || r.status == 204 || r.status == 304) {
        r.whole = true;
    } else if (length) {
        size_t n = strtoul(length, NULL, 10);
        while (in.len < body + n)
            if (!more(fd, &in))
                break;
        r.whole = in.len >= body + n;
        loam_buf_add(&r.body, in.data + body, r.whole ? n : in.len - body);
    } else {
        read_chunks(fd, &in, body, &r);
    }
done:
    loam_buf_deinit(&in);
    return r;
}

void reply_deinit(reply *r)
{
    loam_buf_deinit(&r->head);
    loam_buf_deinit(&r->body);
}

reply client_call(int port, const char *method, const char *path, const char *headers, const char *body)
{
    int fd = client_connect(port);
    if (body)
        client_send(fd, "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s", method, path, headers,
                    strlen(body), body);
    else
        client_send(fd, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path, headers);
    reply r = client_read(fd, strcmp(method, "HEAD") == 0);
    close(fd);
    return r;
}

reply client_post(int port, const char *path, const char *body)
{
    return client_call(port, "POST", path, "Content-Type: application/json\r\n", body);
}

const char *reply_header(const reply *r, const char *name)
{
    static _Thread_local char value[1024];
    size_t n = strlen(name);
    for (const char *line = strstr(loam_buf_text(&r->head), "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) != 0 || line[2 + n] != ':')
            continue;
        const char *v = line + 3 + n + strspn(line + 3 + n, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(v, "\r"), v);
        return value;
    }
    return NULL;
}

json_t *reply_json(const reply *r)
{
    json_error_t e;
    json_t *v = json_loadb(loam_buf_text(&r->body), r->body.len, 0, &e);
    if (!v)
        fail_msg("not JSON (%s): %d %s", e.text, r->status, loam_buf_text(&r->body));
    return v;
}

json_t *json_at(json_t *v, const char *path)
{
    while (v && *path) {
        char name[128];
        size_t n = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        v = json_is_array(v) ? json_array_get(v, strtoul(name, NULL, 10)) : json_object_get(v, name);
        path += n + (path[n] == '.');
    }
    return v;
}

const char *json_text_at(json_t *v, const char *path)
{
    const char *s = json_string_value(json_at(v, path));
    return s ? s : "(none)";
}
