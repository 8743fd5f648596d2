/* Replies: JSON bodies, headers and OpenAI's error object. Its clients tell errors apart by HTTP status and show
 * `message`; `type` and `code` are for programs. */
#include "http/http_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void loam_http_reply_header(loam_http_exchange *x, const char *name, const char *fmt, ...)
{
    loam_http_reply *r = &x->reply;
    if (r->n_headers == (int)(sizeof r->headers / sizeof *r->headers))
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(r->headers[r->n_headers].value, sizeof r->headers->value, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof r->headers->value)
        return; /* better no header than half of one */
    r->headers[r->n_headers++].name = name;
}

static const char *error_type(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 501:
        return "not_supported_error";
    case 503:
        return "unavailable_error";
    default:
        return status < 500 ? "invalid_request_error" : "server_error";
    }
}

static void format_string_or_null(loam_buf *out, const char *s)
{
    if (s)
        loam_json_format_str(s, strlen(s), out);
    else
        loam_buf_str(out, "null");
}

void loam_http_format_error(loam_buf *out, int status, const char *code, const char *param, const char *message)
{
    loam_buf_str(out, "{\"error\":{\"message\":");
    format_string_or_null(out, message);
    loam_buf_printf(out, ",\"type\":\"%s\",\"param\":", error_type(status));
    format_string_or_null(out, param);
    loam_buf_str(out, ",\"code\":");
    format_string_or_null(out, code);
    loam_buf_str(out, "}}");
}

void loam_http_reply_set(loam_http_exchange *x, int status, const char *type)
{
    x->reply.status = status;
    x->reply.type = type;
    if (x->reply.body.failed) {
        loam_buf_deinit(&x->reply.body);
        loam_buf_str(&x->reply.body, "{\"error\":{\"message\":\"out of memory for the answer\",\"type\":"
                                     "\"server_error\",\"param\":null,\"code\":null}}");
        x->reply.status = 507;
        x->reply.type = "application/json";
    }
}

void loam_http_reply_file(loam_http_exchange *x, const char *path, const char *type)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        loam_http_reply_error(x, 404, NULL, NULL, "the file is not there any more");
        return;
    }
    x->reply.has_file = true;
    x->reply.fd = fd;
    loam_http_reply_set(x, 200, type);
}

void loam_http_reply_json(loam_http_exchange *x, int status, json_t *v)
{
    if (!v || !loam_json_format(v, &x->reply.body))
        x->reply.body.failed = true;
    json_decref(v);
    loam_http_reply_set(x, status, "application/json");
}

void loam_http_reply_error(loam_http_exchange *x, int status, const char *code, const char *param, const char *fmt, ...)
{
    char message[LOAM_ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    loam_buf_deinit(&x->reply.body);
    loam_http_format_error(&x->reply.body, status, code, param, message);
    loam_http_reply_set(x, status, "application/json");
    if (status == 503)
        loam_http_reply_header(x, "Retry-After", "1");
    if (status == 401)
        loam_http_reply_header(x, "WWW-Authenticate", "Bearer");
}

void loam_http_reply_failure(loam_http_exchange *x, const loam_err *err, const char *param)
{
    int status = err->code == LOAM_STATUS_CANCELLED ? 503 : loam_status_http(err->code);
    const char *code = err->code == LOAM_STATUS_INVALID     ? "invalid_value"
                       : err->code == LOAM_STATUS_BUSY      ? "server_busy"
                       : err->code == LOAM_STATUS_TOO_LARGE ? "too_large"
                                                            : NULL;
    loam_http_reply_error(x, status, code, param, "%s", err->msg[0] ? err->msg : loam_status_text(err->code));
}
