#define _GNU_SOURCE
#include "format/clip.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format/format_int.h"
#include "format/picture_int.h"
#include "format/webp.h"

enum { WEBP_QUALITY = 90, MAX_DIGITS = 9, MAX_FILE = 1 << 30 };

typedef enum clip_kind { NO_CLIP, FILM, ANIMATION, SEQUENCE } clip_kind;

struct loam_clip {
    clip_kind kind;
    char *path;
    int width, height, quality;
    char *parameters; /* or NULL */
    loam_video *film;
    loam_webp_clip *animation;
    int n; /* pictures of a sequence so far */
};

/* A number's place in a name, "%d" or "%04d": where it begins and ends, and its digits. The only one, and no other
 * '%'. */
static bool find_number(const char *path, size_t *from, size_t *to, int *digits)
{
    const char *percent = strchr(path, '%');
    if (!percent || strchr(percent + 1, '%'))
        return false;
    const char *s = percent + 1;
    *digits = 0;
    if (*s == '0' && s[1] >= '1' && s[1] <= '0' + MAX_DIGITS) {
        *digits = s[1] - '0';
        s += 2;
    }
    *from = (size_t)(percent - path);
    *to = (size_t)(s - path) + 1;
    return *s == 'd';
}

static clip_kind kind_of(const char *path)
{
    size_t from, to;
    int digits;
    const char *dot = strrchr(path, '.');
    loam_picture_kind picture = loam_picture_kind_of_path(path);
    if (dot && strcasecmp(dot, ".mp4") == 0)
        return FILM;
    if (picture != LOAM_PICTURE_UNKNOWN && find_number(path, &from, &to, &digits))
        return SEQUENCE;
    return picture == LOAM_PICTURE_WEBP ? ANIMATION : NO_CLIP;
}

loam_status loam_clip_check_path(const char *path, loam_err *err)
{
    if (kind_of(path) == NO_CLIP)
        LOAM_FAIL(err, INVALID,
                  "'%s' does not say what clip to write: end it in .mp4 or .webp, or name pictures like frame%%04d.png",
                  loam_show_name(path, strlen(path)).text);
    return LOAM_OK;
}

static loam_status open_kind(loam_clip *c, const loam_clip_options *o, loam_err *err)
{
    const loam_video_options film = {.width = o->width,
                                     .height = o->height,
                                     .fps_num = o->fps_num,
                                     .fps_den = o->fps_den,
                                     .codec = o->codec,
                                     .crf = o->quality,
                                     .comment = o->parameters};
    if (c->kind == FILM)
        return loam_video_new(&film, &c->film, err);
    if (c->kind == ANIMATION)
        return loam_webp_clip_new(o->width, o->height, o->fps_num, o->fps_den ? o->fps_den : 1,
                                  o->quality ? o->quality : WEBP_QUALITY, &c->animation, err);
    return loam_picture_check_size(o->width < 0 ? 0 : (uint64_t)o->width, o->height < 0 ? 0 : (uint64_t)o->height, err);
}

loam_status loam_clip_open(const char *path, const loam_clip_options *o, loam_clip **out, loam_err *err)
{
    *out = NULL;
    LOAM_TRY(loam_clip_check_path(path, err));
    loam_clip *c = calloc(1, sizeof *c);
    if (!c)
        LOAM_FAIL(err, NO_MEMORY, "no memory to write the clip '%s'", path);
    c->kind = kind_of(path);
    c->width = o->width;
    c->height = o->height;
    c->quality = o->quality;
    c->path = strdup(path);
    c->parameters = o->parameters ? strdup(o->parameters) : NULL;
    loam_status s;
    if (!c->path || (o->parameters && !c->parameters))
        s = loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory to write the clip '%s'", path);
    else
        s = open_kind(c, o, err);
    if (s != LOAM_OK) {
        loam_clip_abort(c);
        return s;
    }
    *out = c;
    return LOAM_OK;
}

static loam_status write_picture(loam_clip *c, const loam_picture *frame, loam_err *err)
{
    size_t from, to;
    int digits;
    char *path;
    loam_picture_texts texts = {0};
    if (frame->width != c->width || frame->height != c->height)
        LOAM_FAIL(err, INVALID, "a picture of %d by %d pixels does not fit a clip of %d by %d", frame->width,
                  frame->height, c->width, c->height);
    if (c->n == INT_MAX || !find_number(c->path, &from, &to, &digits))
        LOAM_FAIL(err, TOO_LARGE, "too many pictures in one clip");
    if (asprintf(&path, "%.*s%0*d%s", (int)from, c->path, digits, c->n + 1, c->path + to) < 0)
        LOAM_FAIL(err, NO_MEMORY, "no memory to write the clip '%s'", c->path);
    loam_status s = LOAM_OK;
    if (c->parameters)
        s = loam_picture_texts_add(&texts, LOAM_PICTURE_PARAMETERS, c->parameters, strlen(c->parameters), err);
    if (s == LOAM_OK)
        s = loam_picture_write_file(path, frame, &texts, c->quality, err);
    loam_picture_texts_deinit(&texts);
    free(path);
    if (s == LOAM_OK)
        c->n++;
    return s;
}

loam_status loam_clip_add(loam_clip *c, const loam_picture *frame, loam_err *err)
{
    switch (c->kind) {
    case FILM:
        return loam_video_add(c->film, frame, err);
    case ANIMATION:
        return loam_webp_clip_add(c->animation, frame, err);
    default:
        return write_picture(c, frame, err);
    }
}

loam_status loam_clip_close(loam_clip *c, loam_err *err)
{
    loam_buf file;
    loam_status s = LOAM_OK;
    loam_buf_init(&file, MAX_FILE);
    if (c->kind == FILM)
        s = loam_video_write(c->film, &file, err);
    else if (c->kind == ANIMATION)
        s = loam_webp_clip_write(c->animation, c->parameters, &file, err);
    else if (c->n == 0)
        s = loam_err_set(err, LOAM_STATUS_INVALID, __FILE__, __LINE__, "a clip needs at least one picture");
    if (s == LOAM_OK && c->kind != SEQUENCE)
        s = loam_bytes_write_file(c->path, file.data, file.len, err);
    loam_buf_deinit(&file);
    loam_clip_abort(c);
    return s;
}

void loam_clip_abort(loam_clip *c)
{
    if (!c)
        return;
    loam_video_free(c->film);
    loam_webp_clip_free(c->animation);
    free(c->path);
    free(c->parameters);
    free(c);
}
