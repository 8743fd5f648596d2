/* Opening and closing, submitting, and what callers ask. */
#define _GNU_SOURCE
#include "service/pictures_int.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gen/schedule.h"

/* ---- the maker that stands on loam_images ---- */

static loam_status open_images(void *ctx, const loam_images_info **info, loam_err *err)
{
    loam_pictures *p = ctx;
    LOAM_TRY(loam_images_open(&p->images, &p->service, err));
    *info = loam_images_get_info(p->service);
    return LOAM_OK;
}

static loam_status make_images(void *ctx, const loam_images_request *r, const loam_images_watch *watch,
                               loam_images_made *made, loam_err *err)
{
    return loam_images_make(((loam_pictures *)ctx)->service, r, watch, made, err);
}

static void close_images(void *ctx)
{
    loam_images_close(((loam_pictures *)ctx)->service);
}

/* ---- opening and closing ---- */

static void free_parts(loam_pictures *p)
{
    if (p->maker.close)
        p->maker.close(p->maker.ctx);
    if (p->videos.close)
        p->videos.close(p->videos.ctx);
    pthread_mutex_destroy(&p->decoding);
    pthread_mutex_destroy(&p->mutex);
    free((char *)(uintptr_t)p->images.model);
    free((char *)(uintptr_t)p->images.vae);
    free((char *)(uintptr_t)p->images.taesd);
    free((char *)(uintptr_t)p->images.type);
    const char *const video[] = {p->video.model,     p->video.motion, p->video.vae, p->video.text_encoder,
                                 p->video.tokenizer, p->video.quick,  p->video.type};
    for (size_t i = 0; i < sizeof video / sizeof *video; i++)
        free((char *)(uintptr_t)video[i]);
    free(p->clip_path);
    free(p->model);
    free(p->lora_folder);
    free(p->video_model);
    free(p);
}

static char *copy(const char *s, bool *failed)
{
    char *c = s ? strdup(s) : NULL;
    *failed |= s && !c;
    return c;
}

static char *beside(const char *folder, const char *name, bool *failed)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) >= 0)
        return path;
    *failed = true;
    return NULL;
}

/* The last part of a path, without what says only how it is stored. */
static char *name_of(const char *path, bool *failed)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t begin = n;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    static const char *const endings[] = {".safetensors", ".gguf"};
    for (size_t i = 0; i < 2; i++) {
        size_t e = strlen(endings[i]);
        if (n - begin > e && memcmp(path + n - e, endings[i], e) == 0)
            n -= e;
    }
    char *c = strndup(path + begin, n - begin);
    *failed |= !c;
    return c;
}

/* Opens the models, which takes moments (weights come with the first job), so that callers know from the start what
 * sizes they can have. What fails here fails the first job too, or works by then. */
static void look(loam_pictures *p)
{
    loam_err err = LOAM_ERR_INIT;
    if (p->maker.make && loam_pictures_open_maker(p, &err) != LOAM_OK)
        loam_log(LOAM_LOG_LEVEL_WARN, "no pictures for now: %s", err.msg);
    if (p->video.model && loam_pictures_open_videos(p, &err) != LOAM_OK)
        loam_log(LOAM_LOG_LEVEL_WARN, "no clips for now: %s", err.msg);
}

loam_status loam_pictures_open(const loam_pictures_options *o, loam_pictures **out, loam_err *err)
{
    bool failed = false;
    loam_pictures *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        LOAM_FAIL(err, NO_MEMORY, "no memory for pictures");
    pthread_mutex_init(&p->decoding, NULL);
    pthread_mutex_init(&p->mutex, NULL);
    p->lora_folder = beside(o->data, "loras", &failed);
    p->clip_path = beside(o->data, "clip", &failed);
    p->images = (loam_images_options){.model = copy(o->images.model, &failed),
                                      .vae = copy(o->images.vae, &failed),
                                      .taesd = copy(o->images.taesd, &failed),
                                      .type = copy(o->images.type, &failed),
                                      .lora_folder = p->lora_folder,
                                      .n_threads = o->images.n_threads};
    p->has_quick = o->images.taesd != NULL;
    if (o->images.model)
        p->model = name_of(o->images.model, &failed);
    if (p->model)
        p->maker = o->maker ? *o->maker : (loam_pictures_maker){p, open_images, make_images, close_images};
    p->video = (loam_videos_options){.model = copy(o->video.model, &failed),
                                     .motion = copy(o->video.motion, &failed),
                                     .vae = copy(o->video.vae, &failed),
                                     .text_encoder = copy(o->video.text_encoder, &failed),
                                     .tokenizer = copy(o->video.tokenizer, &failed),
                                     .quick = copy(o->video.quick, &failed),
                                     .type = copy(o->video.type, &failed),
                                     .lora_folder = p->lora_folder,
                                     .n_threads = o->video.n_threads};
    if (o->video.model) {
        p->video_model = name_of(o->video.model, &failed);
        p->videos = loam_pictures_own_videos(p);
    } else if (o->videos) {
        p->video_model = copy(o->videos->model, &failed);
        p->videos = *o->videos;
    }
    loam_status st = LOAM_OK;
    if (failed)
        st = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for pictures");
    if (st == LOAM_OK && !o->maker)
        look(p);
    if (st == LOAM_OK)
        st = loam_jobs_open(o->data,
                            &(loam_jobs_options){.run = loam_pictures_run, .ctx = p, .max_queued = o->max_queued},
                            &p->jobs, err);
    if (st != LOAM_OK) {
        free_parts(p);
        return st;
    }
    *out = p;
    return LOAM_OK;
}

void loam_pictures_close(loam_pictures *p)
{
    if (!p)
        return;
    loam_jobs_close(p->jobs);
    free_parts(p);
}

loam_jobs *loam_pictures_jobs(loam_pictures *p)
{
    return p->jobs;
}

const char *loam_pictures_model(const loam_pictures *p)
{
    return p->model;
}

const char *loam_pictures_video_model(const loam_pictures *p)
{
    return p->videos.make ? p->video_model : NULL;
}

/* ---- submitting ---- */

loam_status loam_pictures_settle(const json_t *request, bool seeded, json_t **settled, loam_err *err)
{
    json_t *v = json_copy((json_t *)(uintptr_t)request);
    bool done = v != NULL;
    if (done && !seeded)
        done = json_object_set_new(v, "seed", json_integer((json_int_t)loam_images_random_seed())) == 0;
    if (!done) {
        json_decref(v);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a request");
    }
    *settled = v;
    return LOAM_OK;
}

/* A request with nothing left open: run again, it gives the same pictures. */
static loam_status settle_images(loam_pictures *p, const json_t *request, json_t **settled, char *param, loam_err *err)
{
    if (!p->maker.make)
        LOAM_FAIL(err, UNSUPPORTED, "this server makes no pictures: start it with --image-model FILE");
    loam_pictures_wish w;
    LOAM_TRY(loam_pictures_wish_parse(p, request, false, &w, param, err));
    bool seeded = w.seeded;
    loam_pictures_wish_deinit(&w);
    return loam_pictures_settle(request, seeded, settled, err);
}

static loam_status settle_videos(loam_pictures *p, const json_t *request, json_t **settled, char *param, loam_err *err)
{
    if (!p->videos.make)
        LOAM_FAIL(err, UNSUPPORTED, "this server makes no clips: it was started without a video model");
    return p->videos.check(p->videos.ctx, request, settled, param, err);
}

loam_status loam_pictures_submit(loam_pictures *p, const char *kind, const json_t *request,
                                 char id[LOAM_JOBS_ID_LENGTH + 1], int *position, char *param, loam_err *err)
{
    char unnamed[LOAM_PICTURES_PARAM_MAX];
    json_t *settled = NULL;
    param = param ? param : unnamed;
    *param = 0;
    bool video = strcmp(kind, "video") == 0;
    if (!video && strcmp(kind, "image") != 0) {
        snprintf(param, LOAM_PICTURES_PARAM_MAX, "kind");
        LOAM_FAIL(err, INVALID, "the kind '%.40s' is not known; \"image\" and \"video\" are", kind);
    }
    LOAM_TRY((video ? settle_videos : settle_images)(p, request, &settled, param, err));
    char *text = json_dumps(settled, JSON_COMPACT);
    json_decref(settled);
    if (!text)
        LOAM_FAIL(err, NO_MEMORY, "no memory for a request");
    loam_jobs_new job = {.kind = kind, .request = text};
    loam_status st = loam_jobs_submit(p->jobs, &job, id, position, err);
    free(text);
    return st;
}

/* ---- asking ---- */

loam_status loam_pictures_request(loam_pictures *p, const char *id, json_t **out, loam_err *err)
{
    static const char *const large[] = {"start", "mask"};
    char *text;
    LOAM_TRY(loam_jobs_request(p->jobs, id, &text, err));
    loam_status st = loam_json_parse(text, strlen(text), LOAM_JOBS_REQUEST_MAX, out, err);
    free(text);
    for (size_t i = 0; st == LOAM_OK && i < 2; i++) {
        const json_t *v = json_object_get(*out, large[i]);
        if (json_is_string(v))
            json_object_set_new(*out, large[i], json_sprintf("(%zu bytes)", json_string_length(v)));
    }
    return st;
}

loam_status loam_pictures_failure(loam_pictures *p, const char *id)
{
    loam_status code = LOAM_STATUS_INTERNAL;
    pthread_mutex_lock(&p->mutex);
    for (int i = 0; i < LOAM_PICTURES_FAILURES; i++)
        if (strcmp(p->failures[i].id, id) == 0)
            code = p->failures[i].code;
    pthread_mutex_unlock(&p->mutex);
    return code;
}

json_t *loam_pictures_samplers(void)
{
    json_t *list = json_array();
    for (loam_diffuse_sampler s = 0; s < LOAM_DIFFUSE_SAMPLER_COUNT; s++)
        json_array_append_new(list, json_string(loam_diffuse_sampler_name(s)));
    return list;
}

json_t *loam_pictures_schedules(void)
{
    json_t *list = json_array();
    for (loam_schedule s = LOAM_SCHEDULE_AUTO + 1; s < LOAM_SCHEDULE_COUNT; s++)
        if (s != LOAM_SCHEDULE_CUSTOM && s != LOAM_SCHEDULE_FLOW && s != LOAM_SCHEDULE_FLOW_UNIPC &&
            s != LOAM_SCHEDULE_WAN) /* those of flow models */
            json_array_append_new(list, json_string(loam_schedule_name(s)));
    return list;
}

static int is_lora(const struct dirent *e)
{
    static const char ending[] = ".safetensors";
    size_t n = strlen(e->d_name), k = sizeof ending - 1;
    return n > k && e->d_name[0] != '.' && strcmp(e->d_name + n - k, ending) == 0;
}

json_t *loam_pictures_loras(loam_pictures *p)
{
    struct dirent **names = NULL;
    int n = scandir(p->lora_folder, &names, is_lora, alphasort);
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        /* a name that is no UTF-8 cannot be asked for */
        json_array_append_new(list, json_stringn(names[i]->d_name, strlen(names[i]->d_name) - strlen(".safetensors")));
        free(names[i]);
    }
    free(names);
    return list;
}

json_t *loam_pictures_describe(loam_pictures *p)
{
    loam_images_request d = loam_images_defaults();
    json_t *v = json_pack(
        "{s:s?, s:o, s:o, s:o, s:[sss], s:{s:i, s:f, s:i, s:f, s:f, s:s}, s:{s:i, s:i, s:i, s:i, s:i, s:i}}", "model",
        p->model, "samplers", loam_pictures_samplers(), "schedules", loam_pictures_schedules(), "loras",
        loam_pictures_loras(p), "formats", "png", "jpeg", "webp", "defaults", "steps", d.steps, "guidance",
        (double)d.guidance, "n", d.n, "strength", (double)d.strength, "hires_strength", (double)d.hires_strength,
        "sampler", loam_diffuse_sampler_name(LOAM_DIFFUSE_EULER_A), "limits", "n", LOAM_PICTURES_MAX_N, "side",
        LOAM_PICTURES_MAX_SIDE, "steps", LOAM_LEVELS, "prompt_bytes", LOAM_PICTURES_PROMPT_MAX, "upload_bytes",
        LOAM_PICTURES_UPLOAD_MAX, "upload_pixels", LOAM_PICTURES_UPLOAD_PIXELS);
    if (!v)
        return NULL;
    pthread_mutex_lock(&p->mutex);
    json_object_set_new(v, "loaded", json_boolean(p->known));
    json_object_set_new(v, "family", p->known ? json_string(p->family) : json_null());
    json_object_set_new(v, "size", p->known ? json_integer(p->size) : json_null());
    json_object_set_new(v, "multiple", p->known ? json_integer(p->multiple) : json_null());
    json_object_set_new(v, "has_encoder", p->known ? json_boolean(p->has_encoder) : json_null());
    json_object_set_new(v, "has_quick", json_boolean(p->has_quick));
    pthread_mutex_unlock(&p->mutex);
    json_t *video = p->videos.make && p->videos.describe ? p->videos.describe(p->videos.ctx) : NULL;
    json_object_set_new(v, "video_model", p->videos.make ? json_string(p->video_model) : json_null());
    if (video)
        json_object_set_new(v, "video", video);
    return v;
}
