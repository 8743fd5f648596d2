/* Stands in for the generated table until the page is built: one line that says where the API is. */
#include "web/web.h"

#include <string.h>

static const unsigned char index_html[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Loam</title><p>The API is under /v1/.</html>\n";

static const loam_web_file files[] = {
    {"/index.html", "text/html; charset=utf-8", index_html, sizeof index_html - 1, "\"placeholder-1\""},
};

const loam_web_file *loam_web_find(const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    return NULL;
}
