/* JPEG (ITU T.81, JFIF) by libjpeg-turbo. Grey and CMYK files read as RGB. The text "parameters" travels in EXIF's
 * UserComment, as other programs of the field write and read it. */
#ifndef LOAM_FORMAT_JPEG_H
#define LOAM_FORMAT_JPEG_H

#include "format/picture.h"

/* As loam_picture_read: upright by EXIF's orientation. A file that ends early is an error. */
LOAM_CHECK_RESULT loam_status loam_jpeg_read(const void *bytes, size_t size, loam_picture **out,
                                             loam_picture_texts *texts, loam_err *err);
/* Appends a JPEG file to out. quality 1..100, 0: 92; from 90 on, colour is kept at full resolution. parameters may be
 * NULL; at most 32,000 UTF-16 units fit. Alpha is dropped. On failure out has what it had. */
LOAM_CHECK_RESULT loam_status loam_jpeg_write(const loam_picture *p, const char *parameters, int quality, loam_buf *out,
                                              loam_err *err);

#endif
