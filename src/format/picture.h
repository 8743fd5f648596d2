/* A picture in memory, and the picture files of the field read and written by what they are, not by their names: PNG
 * (png.h), JPEG (jpeg.h), WebP (webp.h). Sizes are checked before anything is allocated. Pixels are sRGB; colour
 * profiles and gamma chunks are not applied. Texts travel beside: what a program wrote about how the picture was made
 * stands under the key "parameters" (generation_text.h). */
#ifndef LOAM_FORMAT_PICTURE_H
#define LOAM_FORMAT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum {
    LOAM_PICTURE_MAX_SIDE = 16384,
    LOAM_PICTURE_MAX_PIXELS = 64 << 20,
    LOAM_PICTURE_MAX_BYTES = 512 << 20, /* of one picture's file */
};

#define LOAM_PICTURE_PARAMETERS "parameters"

typedef struct loam_picture {
    int width, height;
    int channels;    /* 3: RGB, 4: RGBA, alpha not multiplied in */
    uint8_t *pixels; /* [height][width][channels], rows from the top; owned */
} loam_picture;

/* Pixels are zero. Sides outside 1..16384, more than 64 megapixels and channels other than 3 and 4 are refused. */
LOAM_CHECK_RESULT loam_status loam_picture_new(int width, int height, int channels, loam_picture **out, loam_err *err);
/* NULL is allowed. */
void loam_picture_free(loam_picture *p);
/* Bytes of one row and of all rows. */
size_t loam_picture_row_bytes(const loam_picture *p);
size_t loam_picture_bytes(const loam_picture *p);
/* Only the check that loam_picture_new makes, for readers that know a size before they decode. */
LOAM_CHECK_RESULT loam_status loam_picture_check_size(uint64_t width, uint64_t height, loam_err *err);

/* ---- texts ---- */

typedef struct loam_picture_text {
    char *key, *value; /* UTF-8, owned by the list */
} loam_picture_text;

/* Start it with {0}. */
typedef struct loam_picture_texts {
    loam_picture_text *items;
    size_t n;
} loam_picture_texts;

/* Copies key and value[0..n); bytes after a NUL are dropped. */
LOAM_CHECK_RESULT loam_status loam_picture_texts_add(loam_picture_texts *t, const char *key, const char *value,
                                                     size_t n, loam_err *err);
/* The first value of that key, borrowed, or NULL. */
const char *loam_picture_texts_get(const loam_picture_texts *t, const char *key);
/* Frees the list and leaves it empty. */
void loam_picture_texts_deinit(loam_picture_texts *t);

/* ---- files ---- */

typedef enum loam_picture_kind {
    LOAM_PICTURE_UNKNOWN,
    LOAM_PICTURE_PNG,
    LOAM_PICTURE_JPEG,
    LOAM_PICTURE_WEBP,
} loam_picture_kind;

/* By the first bytes. */
loam_picture_kind loam_picture_kind_of(const void *bytes, size_t size);
/* By the ending of a path: .png, .jpg, .jpeg, .webp in either case. */
loam_picture_kind loam_picture_kind_of_path(const char *path);
/* "image/png" and so on; "application/octet-stream" for an unknown one. Static. */
const char *loam_picture_media_type(loam_picture_kind kind);

/* A PNG, JPEG or WebP file in memory, turned upright where it says that it was taken turned. Of an animated WebP the
 * first frame. *out is owned by the caller (loam_picture_free); texts, which may be NULL, gets what the file carries
 * appended. On failure *out is NULL and texts as it was. */
LOAM_CHECK_RESULT loam_status loam_picture_read(const void *bytes, size_t size, loam_picture **out,
                                                loam_picture_texts *texts, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_picture_read_file(const char *path, loam_picture **out, loam_picture_texts *texts,
                                                     loam_err *err);

/* Appends a file of that kind to out. quality 1..100 for JPEG and WebP; 0: JPEG 92, WebP lossless; PNG has none. texts
 * may be NULL; JPEG and WebP keep only "parameters". JPEG drops alpha. On failure out has what it had. */
LOAM_CHECK_RESULT loam_status loam_picture_write(const loam_picture *p, const loam_picture_texts *texts,
                                                 loam_picture_kind kind, int quality, loam_buf *out, loam_err *err);
/* The same into a file, of the kind that its name asks for; written beside, synced and renamed. */
LOAM_CHECK_RESULT loam_status loam_picture_write_file(const char *path, const loam_picture *p,
                                                      const loam_picture_texts *texts, int quality, loam_err *err);

#endif
