/* Between web.c and the table that web/embed.c writes at build time. */
#ifndef LOAM_WEB_WEB_INT_H
#define LOAM_WEB_WEB_INT_H

#include "web/web.h"

extern const loam_web_file loam_web_files[];
extern const size_t loam_web_n_files;

#endif
