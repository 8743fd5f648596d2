/* Clips as users ask for them; see images.h. One thread at a time. */
#ifndef LOAM_SERVICE_VIDEOS_H
#define LOAM_SERVICE_VIDEOS_H

#include "service/images.h"

typedef struct loam_videos loam_videos;

typedef struct loam_videos_options {
    const char *model; /* Wan 2.1, or Stable Diffusion 1.5 with `motion` */
    const char *motion, *vae, *text_encoder, *tokenizer, *quick, *type; /* gen/video.h; NULL: none, the model's */
    const char *lora_folder;
    int n_threads;
} loam_videos_options;

LOAM_CHECK_RESULT loam_status loam_videos_open(const loam_videos_options *o, loam_videos **out, loam_err *err);
void loam_videos_close(loam_videos *s);
typedef struct loam_videos_info {
    const char *name, *family;
    int width, height, frames, fps, steps, multiple, frame_unit, max_frames;
    bool has_quick;
} loam_videos_info;
const loam_videos_info *loam_videos_get_info(const loam_videos *s);

typedef struct loam_videos_request {
    const char *prompt, *negative;
    int width, height, frames, fps, steps; /* 0: the model's own */
    float guidance;                        /* 0: the model's own */
    double shift;                          /* 0: the model's own */
    uint64_t seed;
    const char *rng, *sampler, *schedule, *sigmas; /* as for pictures */
    int clip_skip;
    const char *const *loras;
    int n_loras;
    bool quick_decode;
    int tile; /* VAE tiles of this many latent positions; 0: where memory asks for it; -1: none */
} loam_videos_request;

typedef struct loam_videos_made {
    int n_frames, width, height, fps;
    loam_picture **frames; /* [n_frames], owned */
    char *parameters;
    double text_s, steps_s, decode_s;
} loam_videos_made;

LOAM_CHECK_RESULT loam_status loam_videos_make(loam_videos *s, const loam_videos_request *r,
                                               const loam_images_watch *watch, loam_videos_made *made, loam_err *err);
void loam_videos_made_free(loam_videos_made *made);
LOAM_CHECK_RESULT loam_status loam_videos_check(loam_videos *s, const loam_videos_request *r, loam_err *err);
/* Whether a clip can be written under that name; to be asked before the work. */
LOAM_CHECK_RESULT loam_status loam_videos_check_path(const char *path, loam_err *err);
/* Writes the clip as its name says: .mp4 (av1: by SVT-AV1, else H.264), .webp, frame%04d.png. */
LOAM_CHECK_RESULT loam_status loam_videos_save(const loam_videos_made *made, const char *path, bool av1, loam_err *err);

#endif
