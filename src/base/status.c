#include "base/status.h"

#include <stdio.h>
#include <string.h>

/* A message cut inside a multi-byte character would be invalid UTF-8 in a JSON body: drop the broken tail. */
static void trim_partial_utf8(char *s)
{
    size_t n = strlen(s), i = n;
    while (i > 0 && n - i < 4 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
        i--;
    if (i == 0)
        return;
    unsigned char lead = (unsigned char)s[i - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (n - i + 1 < need)
        s[i - 1] = 0;
}

loam_status loam_err_set(loam_err *err, loam_status code, const char *file, int line, const char *fmt, ...)
{
    if (!err)
        return code;
    char text[LOAM_ERR_MSG_MAX]; /* arguments may point into err->msg itself */
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        text[0] = 0;
    if (n >= (int)sizeof text)
        trim_partial_utf8(text);
    memcpy(err->msg, text, sizeof text);
    err->code = code;
    err->file = file;
    err->line = line;
    return code;
}

void loam_err_prefix(loam_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    char prefix[LOAM_ERR_MSG_MAX], whole[2 * LOAM_ERR_MSG_MAX + 2];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    snprintf(whole, sizeof whole, "%s: %s", prefix, err->msg);
    whole[LOAM_ERR_MSG_MAX - 1] = 0;
    trim_partial_utf8(whole);
    memcpy(err->msg, whole, LOAM_ERR_MSG_MAX);
}

static const struct {
    const char *name, *text;
    int http;
} statuses[] = {
#define X(name, http, text) {#name, text, http},
    LOAM_STATUS_LIST(X)
#undef X
};

static loam_status known(loam_status code)
{
    return (unsigned)code < LOAM_STATUS_COUNT ? code : LOAM_STATUS_INTERNAL;
}

const char *loam_status_text(loam_status code)
{
    return statuses[known(code)].text;
}
const char *loam_status_name(loam_status code)
{
    return statuses[known(code)].name;
}
int loam_status_http(loam_status code)
{
    return statuses[known(code)].http;
}
