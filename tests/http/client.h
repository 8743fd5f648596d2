/* A small HTTP client for tests: raw sockets, so that a test can also send what no client would. */
#ifndef LOAM_TESTS_HTTP_CLIENT_H
#define LOAM_TESTS_HTTP_CLIENT_H

#include "base/buf.h"
#include "service/chat.h"

typedef struct reply {
    int status;          /* 0: the connection ended without an answer */
    loam_buf head, body; /* body without its chunking */
    bool whole;          /* the body's end was seen: length reached or last chunk */
} reply;

int client_connect(int port);
void client_send(int fd, const char *fmt, ...) LOAM_PRINTF(2, 3);
/* Reads one answer; without_body for HEAD. Waits at most 10 s for each piece. Free with reply_deinit. */
reply client_read(int fd, bool without_body);
void reply_deinit(reply *r);
/* One request on its own connection; headers: lines that end in \r\n, or "". body NULL: none. */
reply client_call(int port, const char *method, const char *path, const char *headers, const char *body);
/* POST of JSON. */
reply client_post(int port, const char *path, const char *body);
/* The value of a header in r, or NULL. Valid until the next call. */
const char *reply_header(const reply *r, const char *name);
/* The body as JSON (new reference); fails the test when it is none. */
json_t *reply_json(const reply *r);
/* Follows "a.b.0.c" down objects and arrays; NULL when it ends. Borrowed. */
json_t *json_at(json_t *v, const char *path);
const char *json_text_at(json_t *v, const char *path);

#endif
