/* Shared by the files of "pictures". pictures.c: opening, submitting, what callers ask; pictures_run.c: a job's work on
 * the queue's thread; pictures_request.c: the fields of a request; pictures_video.c: clips by loam_videos;
 * pictures_bytes.c: pictures as text and back. */
#ifndef LOAM_SERVICE_PICTURES_INT_H
#define LOAM_SERVICE_PICTURES_INT_H

#include <pthread.h>

#include "service/pictures.h"

enum { LOAM_PICTURES_FAILURES = 64, LOAM_PICTURES_LORAS = 16 };

struct loam_pictures {
    char *model; /* NULL: no pictures */
    char *lora_folder;
    loam_images_options images; /* strings owned */
    loam_images *service;       /* of the maker that stands on loam_images */
    loam_pictures_maker maker;
    loam_pictures_videos videos; /* make NULL: no clips */
    char *video_model;
    loam_videos_options video; /* strings owned */
    loam_videos *video_service;
    char *clip_path; /* where a clip is written before it is a result */
    loam_jobs *jobs;
    bool opened; /* the maker; the queue's thread */
    /* One picture from outside is decoded at a time: some are a hundred times larger than their files. */
    pthread_mutex_t decoding;
    pthread_mutex_t mutex; /* guards what follows; innermost */
    bool known;            /* info was told */
    char family[64];
    int size, multiple;
    bool has_encoder, has_quick;
    bool video_known;
    loam_videos_info video_info; /* name and family: the service's, which lives until close */
    struct {
        char id[LOAM_JOBS_ID_LENGTH + 1];
        loam_status code;
    } failures[LOAM_PICTURES_FAILURES];
    int n_failures; /* ever */
};

/* A request that was read. */
typedef struct loam_pictures_wish {
    loam_images_request r; /* strings belong to the JSON or to the wish */
    loam_picture_kind format;
    int quality;
    int preview_every; /* -1: not said */
    bool seeded;
    char *sigmas;
    loam_buf prompt; /* with the adapters, which A1111 writes into it */
    loam_picture *start, *mask;
    /* of clips; 0: not said */
    int frames, fps;
    double seconds, shift;
    bool webp;
} loam_pictures_wish;

/* Open the models where they are not open; before the queue begins, then on its thread. */
LOAM_CHECK_RESULT loam_status loam_pictures_open_maker(loam_pictures *p, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_pictures_open_videos(loam_pictures *p, loam_err *err);

/* Reads and checks every field, of pictures or of a clip, whose defaults are 0: the model's own. request is borrowed
 * and must outlive w. On success free with deinit; INVALID names the field in param (LOAM_PICTURES_PARAM_MAX bytes). */
LOAM_CHECK_RESULT loam_status loam_pictures_wish_parse(loam_pictures *p, const json_t *request, bool video,
                                                       loam_pictures_wish *w, char *param, loam_err *err);
void loam_pictures_wish_deinit(loam_pictures_wish *w);

/* What is told while a job is worked on: of its `n` pictures, `done` are done. */
typedef struct loam_pictures_work {
    loam_jobs_run *run;
    int done, n;
} loam_pictures_work;
loam_images_watch loam_pictures_watch(loam_pictures_work *w, int preview_every);

/* Clips by loam_videos; ctx: the loam_pictures. */
loam_pictures_videos loam_pictures_own_videos(loam_pictures *p);
/* *settled: a copy of request with a seed. */
LOAM_CHECK_RESULT loam_status loam_pictures_settle(const json_t *request, bool seeded, json_t **settled, loam_err *err);

/* loam_jobs_fn; ctx: loam_pictures. */
loam_status loam_pictures_run(void *ctx, loam_jobs_run *run, const char *kind, const char *request, loam_err *err);

#endif
