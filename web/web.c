/* Finds the page's files in the table that the build made of them. */
#include "web/web_int.h"

#include <string.h>

const loam_web_file *loam_web_find(const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    for (size_t i = 0; i < loam_web_n_files; i++)
        if (strcmp(loam_web_files[i].path, path) == 0)
            return &loam_web_files[i];
    return NULL;
}
