/* The page, embedded in the program: a table of files that the build makes from web/. */
#ifndef LOAM_WEB_WEB_H
#define LOAM_WEB_WEB_H

#include <stddef.h>

typedef struct loam_web_file {
    const char *path; /* "/index.html" */
    const char *type; /* "text/html; charset=utf-8" */
    const unsigned char *data;
    size_t size;
    const char *etag; /* with its quotes; of the bytes */
} loam_web_file;

/* The file under a URL's path ("/" is "/index.html"), or NULL. Lives as long as the program. */
const loam_web_file *loam_web_find(const char *path);

#endif
