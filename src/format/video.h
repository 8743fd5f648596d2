/* Clips as MP4 by libavformat and libavcodec: H.264 or AV1, 8 bits, colour at half resolution (4:2:0), tagged and
 * converted as ITU-R BT.709 in limited range, the index before the data so that a browser begins at once. The same
 * frames and settings give the same bytes. The libraries are loaded when the first clip is made: without them, or
 * without the encoder in them, making a clip is an error that says so. Clips are only written; nothing reads them here.
 */
#ifndef LOAM_FORMAT_VIDEO_H
#define LOAM_FORMAT_VIDEO_H

#include <stdbool.h>

#include "format/picture.h"

typedef enum loam_video_codec {
    LOAM_VIDEO_H264, /* libx264 */
    LOAM_VIDEO_AV1,  /* SVT-AV1 */
} loam_video_codec;

typedef struct loam_video_options {
    int width, height;    /* of each frame; an odd side is filled up by repeating the last row or column */
    int fps_num, fps_den; /* frames per second; fps_den 0: 1 */
    loam_video_codec codec;
    int crf;             /* quality, lower is better: H.264 1..51 (0: 18), AV1 1..63 (0: 30) */
    const char *comment; /* UTF-8 into the file's comment, how the clip was made; or NULL. Borrowed for the open. */
} loam_video_options;

typedef struct loam_video loam_video;

/* Whether this machine's libraries can write that codec; if not, err (NULL allowed) says what is missing. */
bool loam_video_can_write(loam_video_codec codec, loam_err *err);
/* A clip being made in memory. */
LOAM_CHECK_RESULT loam_status loam_video_new(const loam_video_options *o, loam_video **out, loam_err *err);
/* The next frame, of the clip's size; borrowed for the call. Alpha is dropped. */
LOAM_CHECK_RESULT loam_status loam_video_add(loam_video *v, const loam_picture *frame, loam_err *err);
/* Ends the clip and appends the file to out; one without frames is refused. Call it once, then only free. */
LOAM_CHECK_RESULT loam_status loam_video_write(loam_video *v, loam_buf *out, loam_err *err);
/* NULL is allowed. */
void loam_video_free(loam_video *v);

#endif
