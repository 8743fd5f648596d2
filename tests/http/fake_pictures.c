#define _GNU_SOURCE
#include "fake_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int number_after(const char *text, const char *word, int otherwise)
{
    const char *at = strstr(text, word);
    return at ? (int)strtol(at + strlen(word), NULL, 10) : otherwise;
}

static loam_status fake_open(void *ctx, const loam_images_info **info, loam_err *err)
{
    static const loam_images_info about = {"fake", "Fake 1", 64, 8, true, false};
    fake_pictures *f = ctx;
    if (f->fail_opens-- > 0)
        LOAM_FAIL(err, CORRUPT, "the model's file is damaged");
    *info = &about;
    return LOAM_OK;
}

static void paint(loam_picture *p, const loam_images_request *r)
{
    size_t n = (size_t)p->width * (size_t)p->height;
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = p->pixels + i * 3;
        at[0] = (uint8_t)r->seed;
        at[1] = (uint8_t)(r->start ? r->start->pixels[i * (size_t)r->start->channels] : r->steps);
        at[2] = r->mask ? r->mask->pixels[i * (size_t)r->mask->channels] : 0;
    }
}

static loam_status fake_make(void *ctx, const loam_images_request *r, const loam_images_watch *watch,
                             loam_images_made *made, loam_err *err)
{
    fake_pictures *f = ctx;
    int width = r->width ? r->width : r->start ? r->start->width : 64;
    int height = r->height ? r->height : r->start ? r->start->height : 64;
    loam_picture *p;
    for (int step = 0; step < r->steps; step++) {
        watch->progress(watch->ctx, "steps", step, r->steps);
        if (watch->cancelled(watch->ctx))
            LOAM_FAIL(err, CANCELLED, "cancelled");
        usleep((useconds_t)number_after(r->prompt, "delay:", 0) * 1000);
        if (watch->preview && (step + 1) % watch->preview_every == 0 && step + 1 < r->steps) {
            uint8_t pixels[8 * 8 * 3] = {0};
            watch->preview(watch->ctx, &(loam_picture){8, 8, 3, pixels}, 0, step + 1);
        }
    }
    watch->progress(watch->ctx, "steps", r->steps, r->steps);
    if (strstr(r->prompt, "fail"))
        LOAM_FAIL(err, INVALID, "the width of %d: it must be a multiple of 8", r->width);
    if (strstr(r->prompt, "break"))
        LOAM_FAIL(err, IO, "the disk is full");
    LOAM_TRY(loam_picture_new(width, height, 3, &p, err));
    paint(p, r);
    *made = (loam_images_made){.n = 1, .width = width, .height = height};
    made->pictures = calloc(1, sizeof *made->pictures);
    made->parameters = calloc(1, sizeof *made->parameters);
    made->pictures[0] = p;
    if (asprintf(&made->parameters[0],
                 "%s|negative=%s|steps=%d|guidance=%g|seed=%llu|rng=%s|clip_skip=%d|sampler=%s|schedule=%s|sigmas=%s|"
                 "strength=%g|hires=%g|hires_strength=%g|hires_steps=%d|tile=%d|quick=%d",
                 r->prompt, r->negative ? r->negative : "-", r->steps, (double)r->guidance, (unsigned long long)r->seed,
                 r->rng ? r->rng : "-", r->clip_skip, r->sampler ? r->sampler : "-", r->schedule ? r->schedule : "-",
                 r->sigmas ? r->sigmas : "-", (double)r->strength, (double)r->hires, (double)r->hires_strength,
                 r->hires_steps, r->tile, r->quick_decode) < 0)
        abort();
    f->n_made++;
    return LOAM_OK;
}

static void fake_close(void *ctx) {}

static loam_status check_video(void *ctx, const json_t *request, json_t **settled, char *param, loam_err *err)
{
    if (json_integer_value(json_object_get(request, "width")) % 16) {
        snprintf(param, LOAM_PICTURES_PARAM_MAX, "width");
        LOAM_FAIL(err, INVALID, "'width' must be a multiple of 16");
    }
    *settled = json_deep_copy(request);
    json_object_set_new(*settled, "seed", json_integer(7));
    if (!json_object_get(*settled, "seconds"))
        json_object_set_new(*settled, "seconds", json_integer(1));
    return LOAM_OK;
}

static loam_status make_video(void *ctx, loam_jobs_run *run, const json_t *request, loam_err *err)
{
    static const char clip[] = "a clip";
    const char *prompt = json_string_value(json_object_get(request, "prompt"));
    for (int step = 0; step < 10; step++) {
        loam_jobs_run_progress(run, "steps", step, 10);
        usleep((useconds_t)number_after(prompt, "delay:", 0) * 1000);
        if (loam_jobs_run_cancelled(run))
            LOAM_FAIL(err, CANCELLED, "cancelled");
    }
    if (strstr(prompt, "fail"))
        LOAM_FAIL(err, INVALID, "no such clip");
    return loam_jobs_run_result(run, "video/mp4", clip, sizeof clip - 1, 64, 32, NULL, err);
}

fake_pictures *fake_pictures_new(bool images, bool videos, int max_queued)
{
    fake_pictures *f = calloc(1, sizeof *f);
    loam_err err = LOAM_ERR_INIT;
    char loras[80];
    snprintf(f->folder, sizeof f->folder, "/tmp/loam-http-XXXXXX");
    if (!mkdtemp(f->folder))
        fail_msg("no folder for pictures");
    snprintf(loras, sizeof loras, "%s/loras", f->folder);
    mkdir(loras, 0700);
    static const char *const names[] = {"pastel.safetensors", "ink wash.safetensors", "notes.txt", ".x.safetensors"};
    for (size_t i = 0; i < 4; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", loras, names[i]);
        fclose(fopen(path, "w"));
    }
    loam_pictures_maker maker = {f, fake_open, fake_make, fake_close};
    loam_pictures_videos clips = {f, "fake-video", check_video, make_video, NULL, NULL};
    loam_pictures_options o = {.data = f->folder,
                               .images = {.model = images ? "/models/fake.safetensors" : NULL},
                               .maker = &maker,
                               .videos = videos ? &clips : NULL,
                               .max_queued = max_queued};
    if (loam_pictures_open(&o, &f->pictures, &err) != LOAM_OK)
        fail_msg("%s", err.msg);
    return f;
}

void fake_pictures_free(fake_pictures *f)
{
    char command[128];
    loam_pictures_close(f->pictures);
    snprintf(command, sizeof command, "rm -r '%s'", f->folder);
    if (system(command) != 0)
        fail_msg("%s failed", command);
    free(f);
}
