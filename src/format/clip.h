/* A clip being written under a name that says what it is: .mp4 (video.h), .webp (an animation that loops), or a
 * sequence of pictures, .png, .jpg with a number in it (frame%04d.png, counted from 1). Films and animations are
 * written beside, synced and renamed when the clip is ended; pictures of a sequence as they come. */
#ifndef LOAM_FORMAT_CLIP_H
#define LOAM_FORMAT_CLIP_H

#include "format/picture.h"
#include "format/video.h"

typedef struct loam_clip_options {
    int width, height;
    int fps_num, fps_den;   /* frames per second; fps_den 0: 1 */
    loam_video_codec codec; /* of .mp4 */
    int quality;            /* .mp4: crf; .webp, .jpg: 1..100; 0: the kind's own (WebP then 90, not lossless) */
    const char *parameters; /* how it was made, into comment or texts; NULL allowed */
} loam_clip_options;

typedef struct loam_clip loam_clip;

/* Whether the name is one that a clip can have; else err (NULL allowed) says which can. */
LOAM_CHECK_RESULT loam_status loam_clip_check_path(const char *path, loam_err *err);
/* Copies what it needs of path and options. */
LOAM_CHECK_RESULT loam_status loam_clip_open(const char *path, const loam_clip_options *o, loam_clip **out,
                                             loam_err *err);
LOAM_CHECK_RESULT loam_status loam_clip_add(loam_clip *c, const loam_picture *frame, loam_err *err);
/* Writes the file; frees c, also on failure. A clip without frames is refused. */
LOAM_CHECK_RESULT loam_status loam_clip_close(loam_clip *c, loam_err *err);
/* Frees c and writes nothing; pictures of a sequence that were written stay. NULL is allowed. */
void loam_clip_abort(loam_clip *c);

#endif
