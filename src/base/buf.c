#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void loam_buf_init(loam_buf *b, size_t max_bytes)
{
    *b = (loam_buf){.max = max_bytes};
}

void loam_buf_deinit(loam_buf *b)
{
    free(b->data);
    *b = (loam_buf){.max = b->max};
}

static bool reserve(loam_buf *b, size_t n)
{
    if (b->failed || n > b->max || b->len > b->max - n) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap += cap / 2 + 64;
    char *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

bool loam_buf_add(loam_buf *b, const void *bytes, size_t n)
{
    if (!reserve(b, n))
        return false;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
    return true;
}

bool loam_buf_str(loam_buf *b, const char *s)
{
    return loam_buf_add(b, s, strlen(s));
}
bool loam_buf_char(loam_buf *b, char c)
{
    return loam_buf_add(b, &c, 1);
}

bool loam_buf_printf(loam_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    bool ok = n >= 0 && reserve(b, (size_t)n);
    if (ok) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else {
        b->failed = true;
    }
    va_end(again);
    return ok;
}

void loam_buf_truncate(loam_buf *b, size_t n)
{
    if (n < b->len) {
        b->len = n;
        b->data[n] = 0;
    }
}

const char *loam_buf_text(const loam_buf *b)
{
    return b->data ? b->data : "";
}

char *loam_buf_take(loam_buf *b)
{
    if (!b->data && !reserve(b, 0))
        return NULL;
    char *data = b->data;
    data[b->len] = 0;
    *b = (loam_buf){.max = b->max};
    return data;
}
