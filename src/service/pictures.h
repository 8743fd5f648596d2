/* Pictures and clips as jobs: a request in JSON is checked and settled at the door (the seed is drawn, names are looked
 * up, pictures in it are decoded once), waits in the queue of jobs.h, and becomes files with the text of how they were
 * made. The picture model is loaded when the first job needs it, and used by the queue's thread alone.
 *
 * Every function may be called from any thread. It brings base64 and JSON with it. */
#ifndef LOAM_SERVICE_PICTURES_H
#define LOAM_SERVICE_PICTURES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"
#include "format/base64.h"
#include "format/json.h"
#include "format/picture.h"
#include "service/images.h"
#include "service/jobs.h"
#include "service/videos.h"

typedef struct loam_pictures loam_pictures;

enum {
    LOAM_PICTURES_MAX_N = 64,            /* pictures of one job */
    LOAM_PICTURES_MAX_SIDE = 4096,       /* of a picture to make */
    LOAM_PICTURES_PROMPT_MAX = 1 << 16,  /* bytes */
    LOAM_PICTURES_UPLOAD_MAX = 32 << 20, /* bytes of a picture's file that is sent */
    LOAM_PICTURES_UPLOAD_PIXELS = 4096 * 4096,
    LOAM_PICTURES_RESULT_MAX = 256 << 20, /* bytes of a result that is read into memory */
    LOAM_PICTURES_PARAM_MAX = 40,         /* bytes of a field's name in a refusal */
};

/* Who makes pictures: loam_images, or a stand-in. Called on the queue's thread. */
typedef struct loam_pictures_maker {
    void *ctx;
    /* Before the first picture; again after it failed. *info is borrowed until close. */
    loam_status (*open)(void *ctx, const loam_images_info **info, loam_err *err);
    loam_status (*make)(void *ctx, const loam_images_request *r, const loam_images_watch *watch, loam_images_made *made,
                        loam_err *err);
    void (*close)(void *ctx); /* also when it was never opened */
} loam_pictures_maker;

/* Who makes clips: jobs of the kind "video". */
typedef struct loam_pictures_videos {
    void *ctx;
    const char *model; /* its name */
    /* Checks a request (fields: prompt, width, height, seconds, and the maker's own) and settles what was left open:
     * *settled is a new reference, kept as the job's request. INVALID: param (LOAM_PICTURES_PARAM_MAX bytes) may name
     * the field. Any thread. */
    loam_status (*check)(void *ctx, const json_t *request, json_t **settled, char *param, loam_err *err);
    /* Makes a clip on the queue's thread: one result, e.g. "video/mp4". */
    loam_status (*make)(void *ctx, loam_jobs_run *run, const json_t *request, loam_err *err);
    json_t *(*describe)(void *ctx); /* what the model can do; a new reference; NULL: says nothing. Any thread. */
    void (*close)(void *ctx);       /* NULL allowed */
} loam_pictures_videos;

typedef struct loam_pictures_options {
    const char *data;                   /* folder of jobs, results and "loras" */
    loam_images_options images;         /* .model NULL: no pictures; lora_folder is set from data */
    const loam_pictures_maker *maker;   /* NULL: loam_images; images.model is then only a name */
    loam_videos_options video;          /* .model NULL: no clips; lora_folder is set from data */
    const loam_pictures_videos *videos; /* instead of loam_videos, or NULL */
    int max_queued;                     /* as loam_jobs_options */
} loam_pictures_options;

/* Copies the options and opens the queue, which begins to work on what waits from before. *out is owned by the caller.
 * As loam_jobs_open. */
LOAM_CHECK_RESULT loam_status loam_pictures_open(const loam_pictures_options *o, loam_pictures **out, loam_err *err);
/* Stops the running job between two steps and waits for it. NULL is allowed. No other call may begin. */
void loam_pictures_close(loam_pictures *p);

loam_jobs *loam_pictures_jobs(loam_pictures *p);
/* The models' names, borrowed; NULL: there is none of that kind. */
const char *loam_pictures_model(const loam_pictures *p);
const char *loam_pictures_video_model(const loam_pictures *p);

/* Queues a job. kind: "image" or "video"; request: an object with the fields of docs/api.md, borrowed. id and position
 * as in loam_jobs_submit. INVALID: param (LOAM_PICTURES_PARAM_MAX bytes; may be NULL) names the field, "" when none.
 * UNSUPPORTED: there is no model of that kind. BUSY: the queue is full. */
LOAM_CHECK_RESULT loam_status loam_pictures_submit(loam_pictures *p, const char *kind, const json_t *request,
                                                   char id[LOAM_JOBS_ID_LENGTH + 1], int *position, char *param,
                                                   loam_err *err);
/* The request of a job, settled, with "(N bytes)" where a picture was. New reference. */
LOAM_CHECK_RESULT loam_status loam_pictures_request(loam_pictures *p, const char *id, json_t **out, loam_err *err);
/* Why a job failed, while this process remembers it (the last 64); INTERNAL else. */
loam_status loam_pictures_failure(loam_pictures *p, const char *id);
/* Result idx of a job as base64, appended to out. */
LOAM_CHECK_RESULT loam_status loam_pictures_result_base64(loam_pictures *p, const char *id, int idx, loam_buf *out,
                                                          loam_err *err);
/* The latest preview of a running job as base64, appended to out. */
LOAM_CHECK_RESULT loam_status loam_pictures_preview_base64(loam_pictures *p, const char *id, loam_buf *out,
                                                           loam_err *err);

/* Model, samplers, schedules, adapters, defaults and limits, for people and programs. New reference; NULL: no memory.
 */
json_t *loam_pictures_describe(loam_pictures *p);
/* Names of samplers (n > 0 of them) and schedules as requests take them; arrays of strings, new references. */
json_t *loam_pictures_samplers(void);
json_t *loam_pictures_schedules(void);
/* Names of the adapters in the folder, sorted. New reference. */
json_t *loam_pictures_loras(loam_pictures *p);

/* The picture in base64 text (with or without "data:image/png;base64,"), decoded within the limits for uploads. name:
 * of the field, for messages. Owned by the caller. */
LOAM_CHECK_RESULT loam_status loam_pictures_decode(loam_pictures *p, const char *name, const char *text, size_t len,
                                                   loam_picture **out, loam_err *err);
/* The same of a file's bytes. */
LOAM_CHECK_RESULT loam_status loam_pictures_decode_file(loam_pictures *p, const char *name, const void *bytes, size_t n,
                                                        loam_picture **out, loam_err *err);
/* Base64 of bytes as a JSON string; new reference, NULL: no memory. */
json_t *loam_pictures_encode(const void *bytes, size_t n);
/* A mask in base64, white where OpenAI's convention says to edit: where alpha is zero. *out NULL: the picture has no
 * transparency. New reference. */
LOAM_CHECK_RESULT loam_status loam_pictures_mask_of_alpha(const loam_picture *picture, json_t **out, loam_err *err);
/* The picture's negative in base64. New reference. */
LOAM_CHECK_RESULT loam_status loam_pictures_negative(const loam_picture *picture, json_t **out, loam_err *err);

#endif
