/* The fields of a request for pictures: one reading function each. A field is read or refused by its name; nothing
 * that would change the picture is ignored. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "gen/schedule.h"
#include "service/pictures_int.h"

enum { MAX_FRAMES = 10000 };

typedef struct reader {
    loam_pictures *p;
    bool video;
    loam_pictures_wish *w;
    loam_err *err;
} reader;

static loam_status read_text(reader *r, const char *name, const json_t *v, size_t max, const char **out)
{
    if (!json_is_string(v))
        LOAM_FAIL(r->err, INVALID, "'%s' must be a string", name);
    if (json_string_length(v) > max)
        LOAM_FAIL(r->err, INVALID, "'%s' has %zu bytes; at most %zu are taken", name, json_string_length(v), max);
    *out = json_string_value(v);
    return LOAM_OK;
}

/* Accepts 16.0 for 16: some clients know no integers. */
static loam_status read_int(reader *r, const char *name, const json_t *v, int64_t least, int64_t most, int64_t *out)
{
    double x = json_real_value(v);
    if (json_is_integer(v))
        *out = json_integer_value(v);
    else if (json_is_real(v) && fabs(x) < 9e15 && floor(x) == x)
        *out = (int64_t)x;
    else
        LOAM_FAIL(r->err, INVALID, "'%s' must be an integer", name);
    if (*out < least || *out > most)
        LOAM_FAIL(r->err, INVALID, "'%s' is %lld; it must be between %lld and %lld", name, (long long)*out,
                  (long long)least, (long long)most);
    return LOAM_OK;
}

static loam_status read_small(reader *r, const char *name, const json_t *v, int least, int most, int *out)
{
    int64_t x = 0;
    LOAM_TRY(read_int(r, name, v, least, most, &x));
    *out = (int)x;
    return LOAM_OK;
}

static loam_status read_float(reader *r, const char *name, const json_t *v, double least, double most, float *out)
{
    if (!json_is_number(v))
        LOAM_FAIL(r->err, INVALID, "'%s' must be a number", name);
    double x = json_number_value(v);
    if (!(x >= least && x <= most))
        LOAM_FAIL(r->err, INVALID, "'%s' is %g; it must be between %g and %g", name, x, least, most);
    *out = (float)x;
    return LOAM_OK;
}

static loam_status read_prompt(reader *r, const char *name, const json_t *v)
{
    return read_text(r, name, v, LOAM_PICTURES_PROMPT_MAX, &r->w->r.prompt);
}

static loam_status read_negative(reader *r, const char *name, const json_t *v)
{
    LOAM_TRY(read_text(r, name, v, LOAM_PICTURES_PROMPT_MAX, &r->w->r.negative));
    if (!*r->w->r.negative)
        r->w->r.negative = NULL;
    return LOAM_OK;
}

/* 0: the model's own. What sides a model can have is known once it was loaded. */
static loam_status read_side(reader *r, const char *name, const json_t *v)
{
    int side = 0;
    LOAM_TRY(read_small(r, name, v, 0, LOAM_PICTURES_MAX_SIDE, &side));
    pthread_mutex_lock(&r->p->mutex);
    int multiple = r->video ? (r->p->video_known ? r->p->video_info.multiple : 1) : r->p->known ? r->p->multiple : 1;
    pthread_mutex_unlock(&r->p->mutex);
    if (side % multiple)
        LOAM_FAIL(r->err, INVALID, "'%s' is %d; this model makes sides that are multiples of %d", name, side, multiple);
    *(name[0] == 'w' ? &r->w->r.width : &r->w->r.height) = side;
    return LOAM_OK;
}

static loam_status read_steps(reader *r, const char *name, const json_t *v)
{
    return read_small(r, name, v, 1, LOAM_LEVELS, &r->w->r.steps);
}

static loam_status read_guidance(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, 0, 100, &r->w->r.guidance);
}

/* -1 asks for a random one. */
static loam_status read_seed(reader *r, const char *name, const json_t *v)
{
    int64_t seed = 0;
    LOAM_TRY(read_int(r, name, v, -1, INT64_MAX - LOAM_PICTURES_MAX_N, &seed));
    r->w->seeded = seed >= 0;
    if (r->w->seeded)
        r->w->r.seed = (uint64_t)seed;
    return LOAM_OK;
}

static loam_status read_rng(reader *r, const char *name, const json_t *v)
{
    LOAM_TRY(read_text(r, name, v, 16, &r->w->r.rng));
    if (strcmp(r->w->r.rng, "cpu") != 0 && strcmp(r->w->r.rng, "cuda") != 0)
        LOAM_FAIL(r->err, INVALID, "'%s' must be \"cpu\" or \"cuda\"", name);
    return LOAM_OK;
}

static loam_status read_n(reader *r, const char *name, const json_t *v)
{
    return read_small(r, name, v, 1, LOAM_PICTURES_MAX_N, &r->w->r.n);
}

static loam_status read_clip_skip(reader *r, const char *name, const json_t *v)
{
    return read_small(r, name, v, 0, 12, &r->w->r.clip_skip);
}

static loam_status read_sampler(reader *r, const char *name, const json_t *v)
{
    loam_diffuse_sampler s;
    loam_schedule with;
    LOAM_TRY(read_text(r, name, v, 100, &r->w->r.sampler));
    return loam_diffuse_sampler_parse(r->w->r.sampler, &s, &with, r->err);
}

static loam_status read_schedule(reader *r, const char *name, const json_t *v)
{
    loam_schedule s;
    LOAM_TRY(read_text(r, name, v, 100, &r->w->r.schedule));
    return loam_schedule_parse(r->w->r.schedule, &s, r->err);
}

static loam_status read_sigmas(reader *r, const char *name, const json_t *v)
{
    if (json_is_string(v))
        return read_text(r, name, v, 1 << 15, &r->w->r.sigmas);
    loam_buf list;
    loam_buf_init(&list, 1 << 15);
    size_t n = json_array_size(v), i;
    json_t *x;
    bool numbers = n > 0;
    json_array_foreach(v, i, x)
    {
        numbers = numbers && json_is_number(x);
        loam_buf_printf(&list, i ? ",%.17g" : "%.17g", json_number_value(x));
    }
    bool failed = list.failed;
    if (numbers && !failed)
        r->w->sigmas = loam_buf_take(&list);
    loam_buf_deinit(&list);
    if (!numbers || failed)
        LOAM_FAIL(r->err, INVALID, "'%s' must be an array of at most 1000 numbers", name);
    r->w->r.sigmas = r->w->sigmas;
    return r->w->sigmas ? LOAM_OK : loam_err_set(r->err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory");
}

/* An adapter by its name in the folder; it becomes what A1111's users write into the prompt. */
static loam_status add_lora(reader *r, const char *name, size_t len, double strength)
{
    json_t *known = loam_pictures_loras(r->p);
    const char *names[1000];
    size_t n = 0, i;
    bool found = false;
    json_t *v;
    char given[256];
    snprintf(given, sizeof given, "%.*s", (int)(len < 255 ? len : 255), name);
    json_array_foreach(known, i, v)
    {
        found = found || (json_string_length(v) == len && memcmp(json_string_value(v), name, len) == 0);
        if (n < sizeof names / sizeof *names)
            names[n++] = json_string_value(v);
    }
    loam_status st = LOAM_OK;
    if (len == 0 || strpbrk(given, "/\\<>:") || given[0] == '.')
        st = loam_err_set(r->err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                          "the adapter '%s': the name of a file in the folder for adapters is wanted, without a path",
                          given);
    else if (!found) {
        const char *near = loam_nearest(given, names, n);
        st = near ? loam_err_set(r->err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                                 "there is no adapter '%s'; did you mean '%s'?", given, near)
                  : loam_err_set(r->err, LOAM_STATUS_INVALID, __FILE__, __LINE__,
                                 "there is no adapter '%s'; they are .safetensors files in the folder 'loras' of the "
                                 "data folder",
                                 given);
    }
    json_decref(known);
    if (st == LOAM_OK && !(fabs(strength) <= 100))
        LOAM_FAIL(r->err, INVALID, "the adapter '%s' has a strength of %g; -100 to 100 are possible", given, strength);
    if (st == LOAM_OK)
        loam_buf_printf(&r->w->prompt, " <lora:%s:%.9g>", given, strength);
    return st;
}

/* "name", "name:0.8", {"name", "strength"}. */
static loam_status read_lora(reader *r, const json_t *v)
{
    if (json_is_string(v)) {
        const char *word = json_string_value(v), *colon = strrchr(word, ':');
        char *end = NULL;
        double strength = colon ? strtod(colon + 1, &end) : 1;
        if (!colon || end == colon + 1 || *end)
            return add_lora(r, word, json_string_length(v), 1);
        return add_lora(r, word, (size_t)(colon - word), strength);
    }
    const json_t *name = json_object_get(v, "name"), *strength = json_object_get(v, "strength");
    if (!json_is_string(name) || (strength && !json_is_number(strength)))
        LOAM_FAIL(r->err, INVALID, "'loras' holds names, \"name:0.8\", or {\"name\": …, \"strength\": 0.8}");
    return add_lora(r, json_string_value(name), json_string_length(name), strength ? json_number_value(strength) : 1);
}

static loam_status read_loras(reader *r, const char *name, const json_t *v)
{
    if (!json_is_array(v) || json_array_size(v) > LOAM_PICTURES_LORAS)
        LOAM_FAIL(r->err, INVALID, "'%s' must be an array of at most %d adapters", name, LOAM_PICTURES_LORAS);
    for (size_t i = 0; i < json_array_size(v); i++)
        LOAM_TRY(read_lora(r, json_array_get(v, i)));
    return LOAM_OK;
}

static loam_status read_start(reader *r, const char *name, const json_t *v)
{
    const char *text;
    loam_picture **out = name[0] == 's' ? &r->w->start : &r->w->mask;
    LOAM_TRY(read_text(r, name, v, INT_MAX, &text));
    return loam_pictures_decode(r->p, name, text, json_string_length(v), out, r->err);
}

static loam_status read_strength(reader *r, const char *name, const json_t *v)
{
    return read_float(r, name, v, 0, 1, name[0] == 's' ? &r->w->r.strength : &r->w->r.hires_strength);
}

static loam_status read_hires(reader *r, const char *name, const json_t *v)
{
    LOAM_TRY(read_float(r, name, v, 0, 8, &r->w->r.hires));
    if (r->w->r.hires > 0 && r->w->r.hires <= 1)
        LOAM_FAIL(r->err, INVALID, "'%s' is %g; it must be above 1, or 0: no", name, (double)r->w->r.hires);
    return LOAM_OK;
}

static loam_status read_hires_steps(reader *r, const char *name, const json_t *v)
{
    return read_small(r, name, v, 0, LOAM_LEVELS, &r->w->r.hires_steps);
}

static loam_status read_tile(reader *r, const char *name, const json_t *v)
{
    LOAM_TRY(read_small(r, name, v, -1, 512, &r->w->r.tile));
    if (r->w->r.tile > 0 && r->w->r.tile < 8)
        LOAM_FAIL(r->err, INVALID, "'%s' is %d; -1, 0 and 8 to 512 are possible", name, r->w->r.tile);
    return LOAM_OK;
}

static loam_status read_quick(reader *r, const char *name, const json_t *v)
{
    if (!json_is_boolean(v))
        LOAM_FAIL(r->err, INVALID, "'%s' must be true or false", name);
    r->w->r.quick_decode = json_is_true(v);
    return LOAM_OK;
}

static loam_status read_frames(reader *r, const char *name, const json_t *v)
{
    return read_small(r, name, v, 0, MAX_FRAMES, name[1] == 'r' ? &r->w->frames : &r->w->fps);
}

static loam_status read_seconds(reader *r, const char *name, const json_t *v)
{
    float s = 0;
    LOAM_TRY(read_float(r, name, v, 0, 600, &s));
    r->w->seconds = s;
    return LOAM_OK;
}

static loam_status read_shift(reader *r, const char *name, const json_t *v)
{
    float s = 0;
    LOAM_TRY(read_float(r, name, v, 0, 100, &s));
    r->w->shift = s;
    return LOAM_OK;
}

static loam_status read_format(reader *r, const char *name, const json_t *v)
{
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    if (r->video) {
        r->w->webp = strcmp(text, "webp") == 0;
        if (!r->w->webp && strcmp(text, "mp4") != 0)
            LOAM_FAIL(r->err, INVALID, "'%s' must be \"mp4\" or \"webp\"", name);
        return LOAM_OK;
    }
    r->w->format = strcmp(text, "png") == 0                                ? LOAM_PICTURE_PNG
                   : strcmp(text, "jpeg") == 0 || strcmp(text, "jpg") == 0 ? LOAM_PICTURE_JPEG
                   : strcmp(text, "webp") == 0                             ? LOAM_PICTURE_WEBP
                                                                           : LOAM_PICTURE_UNKNOWN;
    if (r->w->format == LOAM_PICTURE_UNKNOWN)
        LOAM_FAIL(r->err, INVALID, "'%s' must be \"png\", \"jpeg\" or \"webp\"", name);
    return LOAM_OK;
}

static loam_status read_quality(reader *r, const char *name, const json_t *v)
{
    return read_small(r, name, v, 0, 100, &r->w->quality);
}

static loam_status read_preview_every(reader *r, const char *name, const json_t *v)
{
    return read_small(r, name, v, 0, LOAM_LEVELS, &r->w->preview_every);
}

enum { OF_IMAGE = 1, OF_VIDEO = 2, OF_BOTH = 3 };

static const struct {
    const char *name;
    int of;
    loam_status (*read)(reader *r, const char *name, const json_t *v);
} fields[] = {
    {"prompt", OF_BOTH, read_prompt},
    {"negative", OF_BOTH, read_negative},
    {"negative_prompt", OF_BOTH, read_negative},
    {"width", OF_BOTH, read_side},
    {"height", OF_BOTH, read_side},
    {"steps", OF_BOTH, read_steps},
    {"guidance", OF_BOTH, read_guidance},
    {"seed", OF_BOTH, read_seed},
    {"rng", OF_BOTH, read_rng},
    {"n", OF_IMAGE, read_n},
    {"clip_skip", OF_BOTH, read_clip_skip},
    {"sampler", OF_BOTH, read_sampler},
    {"schedule", OF_BOTH, read_schedule},
    {"sigmas", OF_BOTH, read_sigmas},
    {"loras", OF_BOTH, read_loras},
    {"start", OF_IMAGE, read_start},
    {"mask", OF_IMAGE, read_start},
    {"strength", OF_IMAGE, read_strength},
    {"hires", OF_IMAGE, read_hires},
    {"hires_strength", OF_IMAGE, read_strength},
    {"hires_steps", OF_IMAGE, read_hires_steps},
    {"tile", OF_BOTH, read_tile},
    {"quick_decode", OF_BOTH, read_quick},
    {"format", OF_BOTH, read_format},
    {"quality", OF_IMAGE, read_quality},
    {"preview_every", OF_BOTH, read_preview_every},
    {"frames", OF_VIDEO, read_frames},
    {"fps", OF_VIDEO, read_frames},
    {"seconds", OF_VIDEO, read_seconds},
    {"shift", OF_VIDEO, read_shift},
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

static loam_status refuse_unknown(const char *name, bool video, loam_err *err)
{
    const char *names[N_FIELDS];
    size_t n = 0;
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (fields[i].of & (video ? OF_VIDEO : OF_IMAGE))
            names[n++] = fields[i].name;
        else if (strcmp(fields[i].name, name) == 0)
            LOAM_FAIL(err, INVALID, "'%s' is for %s", name, video ? "pictures; clips have none" : "clips");
    }
    const char *near = loam_nearest(name, names, n);
    if (near)
        LOAM_FAIL(err, INVALID, "unknown field '%.60s'; did you mean '%s'?", name, near);
    LOAM_FAIL(err, INVALID, "unknown field '%.60s': it is not ignored, because it might matter to you", name);
}

static loam_status read_field(reader *r, const char *name, const json_t *v)
{
    if (json_is_null(v))
        return LOAM_OK;
    for (size_t i = 0; i < N_FIELDS; i++)
        if (fields[i].of & (r->video ? OF_VIDEO : OF_IMAGE) && strcmp(fields[i].name, name) == 0)
            return fields[i].read(r, name, v);
    return refuse_unknown(name, r->video, r->err);
}

/* What depends on several fields; *param is the one to name. */
static loam_status finish(reader *r, const char **param)
{
    loam_pictures_wish *w = r->w;
    *param = "prompt";
    if (!w->r.prompt)
        LOAM_FAIL(r->err, INVALID, "'prompt' is missing");
    if (w->prompt.len) { /* adapters: behind the prompt */
        char *loras = loam_buf_take(&w->prompt);
        if (loras) {
            loam_buf_str(&w->prompt, w->r.prompt);
            loam_buf_str(&w->prompt, loras);
        }
        free(loras);
        w->r.prompt = loam_buf_text(&w->prompt);
        if (w->prompt.failed || !loras)
            LOAM_FAIL(r->err, INVALID, "'prompt' is too long with its adapters");
    }
    *param = "mask";
    if (w->mask && !w->start)
        LOAM_FAIL(r->err, INVALID, "'mask' is there without the picture that it is for, 'start'");
    pthread_mutex_lock(&r->p->mutex);
    bool no_encoder = r->p->known && !r->p->has_encoder;
    bool no_quick = r->video ? r->p->video_known && !r->p->video_info.has_quick : r->p->known && !r->p->has_quick;
    pthread_mutex_unlock(&r->p->mutex);
    *param = w->start ? "start" : "hires";
    if (no_encoder && (w->start || w->r.hires > 1))
        LOAM_FAIL(r->err, INVALID, "'%s': this model has no encoder to take a picture as a start", *param);
    *param = "quick_decode";
    if (w->r.quick_decode && no_quick)
        LOAM_FAIL(r->err, INVALID, "'quick_decode': this server was started without %s",
                  r->video ? "--video-decoder" : "--taesd");
    *param = "strength";
    if (w->start && !(w->r.strength > 0))
        LOAM_FAIL(r->err, INVALID, "'strength' is 0, which would change nothing");
    *param = "seconds";
    if (w->seconds > 0 && w->frames)
        LOAM_FAIL(r->err, INVALID, "'seconds' and 'frames' both say how long the clip is; send one of them");
    w->r.start = w->start;
    w->r.mask = w->mask;
    return LOAM_OK;
}

loam_status loam_pictures_wish_parse(loam_pictures *p, const json_t *request, bool video, loam_pictures_wish *w,
                                     char *param, loam_err *err)
{
    *w = (loam_pictures_wish){.r = loam_images_defaults(), .format = LOAM_PICTURE_PNG, .preview_every = -1};
    if (video)
        w->r = (loam_images_request){.n = 1};
    loam_buf_init(&w->prompt, LOAM_PICTURES_PROMPT_MAX);
    reader r = {p, video, w, err};
    loam_status st = LOAM_OK;
    const char *name, *at = "";
    json_t *v;
    json_object_foreach((json_t *)request, name, v)
    {
        at = name;
        st = read_field(&r, name, v);
        if (st != LOAM_OK)
            break;
    }
    if (st == LOAM_OK)
        st = finish(&r, &at);
    snprintf(param, LOAM_PICTURES_PARAM_MAX, "%s", st == LOAM_OK ? "" : at);
    if (st != LOAM_OK)
        loam_pictures_wish_deinit(w);
    return st;
}

void loam_pictures_wish_deinit(loam_pictures_wish *w)
{
    free(w->sigmas);
    loam_buf_deinit(&w->prompt);
    loam_picture_free(w->start);
    loam_picture_free(w->mask);
    *w = (loam_pictures_wish){0};
}
