/* The listening socket. It is made here and not by the HTTP library, so that a failure can say what is wrong. */
#include "http/http_int.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

/* A listening socket at one address, or -1 with errno. */
static int listen_at(const struct addrinfo *a)
{
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 128) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

loam_status loam_http_listen(const char *host, int port, loam_http_listener *out, loam_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    *out = (loam_http_listener){.fd = -1};
    int e = getaddrinfo(host, service, &hints, &found);
    if (e)
        LOAM_FAIL(err, INVALID, "cannot listen on '%s': %s", host, e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
    int why = 0;
    for (const struct addrinfo *a = found; a && out->fd < 0; a = a->ai_next) {
        out->fd = listen_at(a);
        why = errno;
        out->loopback = is_loopback(a->ai_addr);
        out->ipv6 = a->ai_family == AF_INET6;
    }
    freeaddrinfo(found);
    if (out->fd < 0)
        LOAM_FAIL(err, IO, "cannot listen on %s port %d: %s%s", host, port, strerror(why),
                  why == EADDRINUSE ? "; another program has it, choose another port" : "");
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound;
    socklen_t size = sizeof bound;
    if (getsockname(out->fd, &bound.any, &size) != 0) {
        close(out->fd);
        LOAM_FAIL(err, IO, "cannot find out the port: %s", strerror(errno));
    }
    out->port = ntohs(out->ipv6 ? bound.v6.sin6_port : bound.v4.sin_port);
    bool colons = strchr(host, ':') != NULL;
    snprintf(out->url, sizeof out->url, "http://%s%s%s:%d", colons ? "[" : "", host, colons ? "]" : "", out->port);
    return LOAM_OK;
}
