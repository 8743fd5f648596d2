/* The page: files embedded in the program, with entity tags so that a reload costs nothing. The policy lets the page
 * load from this server only and run no script but its own files. */
#include "http/http_int.h"

#include "web/web.h"

#include <string.h>

static const char policy[] =
    "default-src 'self'; script-src 'self'; style-src 'self'; media-src 'self' blob:; "
    "img-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const loam_web_file *find_page(const char *path)
{
    const loam_web_file *f = loam_web_find(path);
    return f || strcmp(path, "/") != 0 ? f : loam_web_find("/index.html");
}

bool loam_http_page_exists(const char *path)
{
    return find_page(path) != NULL;
}

void loam_http_page(loam_http_exchange *x)
{
    const loam_web_file *f = find_page(x->path);
    const char *known = loam_http_header(x, "If-None-Match");
    loam_http_reply_header(x, "Content-Security-Policy", "%s", policy);
    loam_http_reply_header(x, "Referrer-Policy", "no-referrer");
    loam_http_reply_header(x, "Cache-Control", "no-cache");
    if (f->etag)
        loam_http_reply_header(x, "ETag", "%s", f->etag);
    if (f->etag && known && loam_http_etag_matches(known, f->etag)) {
        loam_http_reply_set(x, 304, NULL);
        return;
    }
    x->reply.page = f->data;
    x->reply.page_len = f->size;
    loam_http_reply_set(x, 200, f->type);
}
