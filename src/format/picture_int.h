/* What the picture and clip files share: EXIF (the one tag that turns a picture and the one that carries the text of
 * its making), and whole files written beside, synced and renamed. */
#ifndef LOAM_FORMAT_PICTURE_INT_H
#define LOAM_FORMAT_PICTURE_INT_H

#include "format/picture.h"

/* Makes the picture upright: orientation 1..8 as in EXIF's tag 0x0112, any other is taken as 1. On failure p is as it
 * was. */
LOAM_CHECK_RESULT loam_status loam_picture_turn(loam_picture *p, int orientation, loam_err *err);

/* Writes the bytes under that name, or leaves what was there. */
LOAM_CHECK_RESULT loam_status loam_bytes_write_file(const char *path, const void *bytes, size_t n, loam_err *err);

/* Looks through an EXIF block (a TIFF header, with or without "Exif\0\0" before it). *orientation gets tag 0x0112, 1
 * when there is none. UserComment, when there is one with text in it, is appended to texts as "parameters". A damaged
 * block is no error: what was found so far stands. */
LOAM_CHECK_RESULT loam_status loam_exif_read(const uint8_t *bytes, size_t size, int *orientation,
                                             loam_picture_texts *texts, loam_err *err);
/* Appends an EXIF block, beginning with the TIFF header, whose UserComment is the UTF-8 text. */
LOAM_CHECK_RESULT loam_status loam_exif_write(const char *text, loam_buf *out, loam_err *err);

#endif
