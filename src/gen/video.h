/* Text to video: a loaded clip model and the loop that makes clips with it. Two kinds: Stable Diffusion 1.5 with
 * AnimateDiff's motion modules, and Wan 2.1. One thread uses a model at a time. */
#ifndef LOAM_GEN_VIDEO_H
#define LOAM_GEN_VIDEO_H

#include "gen/image.h"

typedef struct loam_video_model loam_video_model;

typedef struct loam_video_model_options {
    int n_threads;            /* 0: one per processor */
    const char *type;         /* of the weights in memory, as for pictures */
    const char *motion;       /* motion modules (Stable Diffusion 1.5), or NULL */
    const char *vae;          /* a file that replaces the model's VAE, or is it (single files of Wan have none) */
    const char *text_encoder; /* UMT5, where the model's file has none */
    const char *tokenizer;    /* its spiece.model or tokenizer.json; NULL: in the model's folder */
    const char *quick;        /* TAESD or TAEHV, for previews and quick clips, or NULL */
} loam_video_model_options;

typedef struct loam_video_info {
    const char *family;                    /* "AnimateDiff on Stable Diffusion 1.5", "Wan 2.1" */
    int width, height, frames, fps, steps; /* what the model was made for */
    int multiple;                          /* sides must be multiples of this */
    int frame_unit;                        /* frames are 1 + this · n; 1: any number */
    int max_frames;
    bool has_quick;
} loam_video_info;

LOAM_CHECK_RESULT loam_status loam_video_model_open(const char *path, const loam_video_model_options *o,
                                                    loam_video_model **out, loam_err *err);
void loam_video_model_close(loam_video_model *m);
const loam_video_info *loam_video_model_get_info(const loam_video_model *m);

typedef struct loam_video_request {
    const char *prompt, *negative;         /* negative NULL: empty */
    int width, height, frames, fps, steps; /* 0: the model's own */
    float guidance;                        /* 0: the model's own; 1: none, half the work */
    uint64_t seed;
    bool noise_cuda;
    bool sampler_given; /* else the model's own sampler and schedule */
    loam_diffuse_sampler sampler;
    loam_schedule schedule;
    double shift;         /* of Wan's noise levels; 0: 3, which suits small clips */
    const double *sigmas; /* [n_sigmas] instead of a schedule, or NULL */
    int n_sigmas;
    int clip_skip;
    const loam_image_lora *loras;
    int n_loras;
    bool quick_decode;
    int tile; /* VAE tiles of this many latent positions; 0: where memory asks for it; -1: none */
} loam_video_request;

typedef struct loam_video_result {
    int n_frames, width, height, fps;
    loam_image_rgb *frames; /* [n_frames] */
    double text_s, steps_s, decode_s;
} loam_video_result;

/* Bytes that the request needs beside the weights. */
LOAM_CHECK_RESULT loam_status loam_video_estimate(loam_video_model *m, const loam_video_request *r, size_t *bytes,
                                                  loam_err *err);
/* Makes the clip; statuses as for loam_image_generate. Previews show a frame from the middle. out is owned by the
 * caller (loam_video_result_free). */
LOAM_CHECK_RESULT loam_status loam_video_generate(loam_video_model *m, const loam_video_request *r,
                                                  const loam_image_watch *watch, loam_video_result *out, loam_err *err);
void loam_video_result_free(loam_video_result *r);

#endif
