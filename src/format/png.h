/* PNG (W3C PNG, third edition) by libspng. Every colour type and depth reads as 8 bits of RGB, or RGBA where the file
 * has an alpha channel or a transparent colour. Texts: tEXt for what Latin-1 holds, else iTXt in UTF-8, so that
 * "parameters" is read by the programs of the field; compressed ones are read within a limit. */
#ifndef LOAM_FORMAT_PNG_H
#define LOAM_FORMAT_PNG_H

#include "format/picture.h"

/* *out is owned by the caller; texts (NULL allowed) gets all text chunks appended, in the file's order. A tEXt chunk
 * whose bytes are valid UTF-8 is taken as UTF-8, which some programs write. On failure *out is NULL; texts may hold
 * some. */
LOAM_CHECK_RESULT loam_status loam_png_read(const void *bytes, size_t size, loam_picture **out,
                                            loam_picture_texts *texts, loam_err *err);
/* Appends a PNG file to out; the same picture and texts give the same bytes. Keys have 1 to 79 Latin-1 characters
 * without control characters or spaces at an end; texts (NULL allowed) that are empty are left out. On failure out has
 * what it had. */
LOAM_CHECK_RESULT loam_status loam_png_write(const loam_picture *p, const loam_picture_texts *texts, loam_buf *out,
                                             loam_err *err);

#endif
