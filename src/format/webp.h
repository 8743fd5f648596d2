/* WebP (RFC 9649) by libwebp: still pictures, and animations with their frames put together. The text "parameters"
 * travels in EXIF's UserComment. Sides are at most 16383. */
#ifndef LOAM_FORMAT_WEBP_H
#define LOAM_FORMAT_WEBP_H

#include "format/picture.h"

/* As loam_picture_read; of an animation the first frame. */
LOAM_CHECK_RESULT loam_status loam_webp_read(const void *bytes, size_t size, loam_picture **out,
                                             loam_picture_texts *texts, loam_err *err);
/* Appends a WebP file to out. quality 1..100: lossy; 0: lossless. parameters may be NULL. On failure out has what it
 * had. */
LOAM_CHECK_RESULT loam_status loam_webp_write(const loam_picture *p, const char *parameters, int quality, loam_buf *out,
                                              loam_err *err);

/* ---- animations ---- */

/* Every frame of an animation (or the one still picture) as RGBA of the whole canvas, handed out in order and borrowed
 * for the call; ends_ms is when the frame gives way to the next. `each` may fail, which ends the reading. */
LOAM_CHECK_RESULT loam_status loam_webp_read_frames(const void *bytes, size_t size,
                                                    loam_status (*each)(void *ctx, const loam_picture *frame,
                                                                        int ends_ms, loam_err *err),
                                                    void *ctx, loam_err *err);

/* An animation being made: it loops for ever, at fps_num / fps_den frames per second. */
typedef struct loam_webp_clip loam_webp_clip;
/* quality as above; the same frames give the same bytes. */
LOAM_CHECK_RESULT loam_status loam_webp_clip_new(int width, int height, int fps_num, int fps_den, int quality,
                                                 loam_webp_clip **out, loam_err *err);
/* frame has the clip's size; borrowed for the call. */
LOAM_CHECK_RESULT loam_status loam_webp_clip_add(loam_webp_clip *c, const loam_picture *frame, loam_err *err);
/* Appends the file to out; a clip without frames is refused. parameters may be NULL. Call it once. */
LOAM_CHECK_RESULT loam_status loam_webp_clip_write(loam_webp_clip *c, const char *parameters, loam_buf *out,
                                                   loam_err *err);
/* NULL is allowed. */
void loam_webp_clip_free(loam_webp_clip *c);

#endif
