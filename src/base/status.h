/* Errors are values. Every fallible function returns a loam_status and takes a loam_err last; the innermost failure
 * writes one sentence saying what was wrong, what was expected and what to do; callers may put a prefix before it. */
#ifndef LOAM_BASE_STATUS_H
#define LOAM_BASE_STATUS_H

#include <stdarg.h>

/* code, HTTP status that a server answers with, short text */
#define LOAM_STATUS_LIST(X)              \
    X(OK, 200, "ok")                     \
    X(INVALID, 400, "invalid request")   \
    X(UNAUTHORIZED, 401, "unauthorized") \
    X(NOT_FOUND, 404, "not found")       \
    X(TIMEOUT, 408, "timed out")         \
    X(TOO_LARGE, 413, "too large")       \
    X(CORRUPT, 422, "damaged data")      \
    X(CANCELLED, 499, "cancelled")       \
    X(IO, 500, "input/output error")     \
    X(INTERNAL, 500, "internal error")   \
    X(UNSUPPORTED, 501, "not supported") \
    X(BUSY, 503, "busy")                 \
    X(NO_MEMORY, 507, "out of memory")

typedef enum loam_status {
#define X(name, http, text) LOAM_STATUS_##name,
    LOAM_STATUS_LIST(X)
#undef X
        LOAM_STATUS_COUNT
} loam_status;

#define LOAM_OK LOAM_STATUS_OK
#define LOAM_ERR_MSG_MAX 512

/* A failure: filled by whoever fails, borrowed by nobody; put it on the stack and start it with LOAM_ERR_INIT. */
typedef struct loam_err {
    loam_status code;
    char msg[LOAM_ERR_MSG_MAX]; /* NUL-terminated UTF-8, no trailing newline */
    const char *file;           /* where it was raised, for logs */
    int line;
} loam_err;

#define LOAM_ERR_INIT             \
    {                             \
        LOAM_STATUS_OK, {0}, 0, 0 \
    }

#define LOAM_CHECK_RESULT __attribute__((warn_unused_result))
#define LOAM_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

/* Writes code and message into err (err may be NULL) and returns code. Messages that do not fit are cut at a character.
 */
loam_status loam_err_set(loam_err *err, loam_status code, const char *file, int line, const char *fmt, ...)
    LOAM_PRINTF(5, 6);

/* Puts "prefix: " before the message that err holds. NULL is allowed. */
void loam_err_prefix(loam_err *err, const char *fmt, ...) LOAM_PRINTF(2, 3);

/* Static strings and the HTTP status of a code; unknown codes read as INTERNAL. */
const char *loam_status_text(loam_status code);
const char *loam_status_name(loam_status code);
int loam_status_http(loam_status code);

#define LOAM_FAIL(err, CODE, ...) return loam_err_set((err), LOAM_STATUS_##CODE, __FILE__, __LINE__, __VA_ARGS__)

#define LOAM_TRY(expr)                         \
    do {                                       \
        loam_status loam_try_status_ = (expr); \
        if (loam_try_status_ != LOAM_OK)       \
            return loam_try_status_;           \
    } while (0)

#endif
