/* The fields of AUTOMATIC1111's txt2img and img2img. Its clients send all the fields they know of, so one that is not
 * known here is let pass while it asks for nothing (null, false, 0, "", an empty list), and refused by its name else.
 */
#include "http/sdapi_int.h"

#include <string.h>
#include <strings.h>

const loam_http_sdapi_name loam_http_sdapi_samplers[] = {
    {"Euler", "euler"},
    {"Euler a", "euler_ancestral"},
    {"Heun", "heun"},
    {"DPM++ 2M", "dpmpp_2m"},
    {"DPM++ 2M SDE", "dpmpp_2m_sde"},
    {"DPM++ 2M SDE Heun", "dpmpp_2m_sde_heun"},
    {"DPM++ SDE", "dpmpp_sde"},
    {"DDIM", "ddim"},
    {"LCM", "lcm"},
    {"TCD", "tcd"},
    {"UniPC", "uni_pc"},
    {NULL, NULL},
};

const loam_http_sdapi_name loam_http_sdapi_schedulers[] = {
    {"Automatic", "automatic"}, {"Karras", "karras"},   {"Exponential", "exponential"}, {"SGM Uniform", "sgm_uniform"},
    {"Simple", "simple"},       {"Normal", "normal"},   {"DDIM", "ddim_uniform"},       {"Beta", "beta"},
    {"Linspace", "linspace"},   {"Leading", "leading"}, {"Trailing", "trailing"},       {NULL, NULL},
};

typedef struct reader {
    loam_http_exchange *x;
    json_t *job;
    bool from_picture, hires;
    json_int_t batch, repeats;
    bool invert;
    const json_t *old_sampler;
} reader;

static bool refuse(reader *r, const char *name, const char *why)
{
    loam_http_reply_error(r->x, 400, "invalid_value", name, "'%.60s' %s", name, why);
    return false;
}

static bool is_neutral(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) || (json_is_number(v) && json_number_value(v) == 0) ||
           (json_is_string(v) && !json_string_length(v)) || (json_is_array(v) && !json_array_size(v)) ||
           (json_is_object(v) && !json_object_size(v));
}

static bool put(reader *r, const char *name, const json_t *v)
{
    return json_object_set(r->job, name, (json_t *)(uintptr_t)v) == 0;
}

#define RENAMED(function, own)                                         \
    static bool function(reader *r, const char *name, const json_t *v) \
    {                                                                  \
        return put(r, own, v);                                         \
    }
RENAMED(read_prompt, "prompt")
RENAMED(read_negative, "negative")
RENAMED(read_seed, "seed")
RENAMED(read_steps, "steps")
RENAMED(read_guidance, "guidance")
RENAMED(read_width, "width")
RENAMED(read_height, "height")
#undef RENAMED

static bool read_sampler(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || put(r, "sampler", v);
}

/* The old name of sampler_name: clients send both, and that one counts. */
static bool read_old_sampler(reader *r, const char *name, const json_t *v)
{
    r->old_sampler = v;
    return true;
}

/* Not its "name" alone: A1111's "Automatic" is no schedule, and ours have other names than its labels. */
static bool read_scheduler(reader *r, const char *name, const json_t *v)
{
    const char *text = json_string_value(v);
    if (is_neutral(v) || (text && strcasecmp(text, "automatic") == 0))
        return true;
    for (const loam_http_sdapi_name *s = loam_http_sdapi_schedulers; text && s->name; s++)
        if (strcasecmp(s->name, text) == 0)
            return json_object_set_new(r->job, "schedule", json_string(s->own)) == 0;
    return put(r, "schedule", v);
}

static bool read_count(reader *r, const char *name, const json_t *v)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 1 || n > LOAM_PICTURES_MAX_N)
        return refuse(r, name, "must be between 1 and 64");
    *(name[0] == 'b' ? &r->batch : &r->repeats) = n;
    return true;
}

/* 1 is the last layer, which is where SD 1.5 and SDXL have their own defaults. */
static bool read_clip_skip(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || (json_is_integer(v) && json_integer_value(v) == 1) || put(r, "clip_skip", v);
}

static bool read_strength(reader *r, const char *name, const json_t *v)
{
    if (json_is_null(v))
        return true;
    return put(r, r->from_picture ? "strength" : "hires_strength", v);
}

static bool read_hires(reader *r, const char *name, const json_t *v)
{
    r->hires = json_is_true(v);
    return json_is_boolean(v) || is_neutral(v) || refuse(r, name, "must be true or false");
}

static bool read_hires_scale(reader *r, const char *name, const json_t *v)
{
    return put(r, "hires", v);
}

static bool read_hires_steps(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || put(r, "hires_steps", v);
}

static bool read_model(reader *r, const char *name, const json_t *v)
{
    const char *model = loam_pictures_model(r->x->service->pictures), *text = json_string_value(v);
    return is_neutral(v) || (text && strcmp(text, model) == 0) ||
           refuse(r, name, "names a model that is not loaded here: one server has one picture model");
}

static bool read_vae(reader *r, const char *name, const json_t *v)
{
    const char *text = json_string_value(v);
    return is_neutral(v) || (text && (strcmp(text, "Automatic") == 0 || strcmp(text, "None") == 0)) ||
           refuse(r, name, "cannot be chosen by a request: start the server with --vae");
}

static bool read_field(reader *r, const char *name, const json_t *v);

static bool read_overrides(reader *r, const char *name, const json_t *v)
{
    const char *key;
    json_t *value;
    if (!json_is_object(v))
        return is_neutral(v) || refuse(r, name, "must be an object");
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        if (strcmp(key, "override_settings") == 0)
            return refuse(r, name, "holds itself");
        if (!read_field(r, key, value))
            return false;
    }
    return true;
}

static bool read_pictures(reader *r, const char *name, const json_t *v)
{
    if (!r->from_picture)
        return is_neutral(v) || refuse(r, name, "is for img2img");
    if (!json_is_array(v) || json_array_size(v) != 1)
        return refuse(r, name, "must hold one picture in base64");
    return put(r, "start", json_array_get(v, 0));
}

static bool read_mask(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || put(r, "mask", v);
}

static bool read_invert(reader *r, const char *name, const json_t *v)
{
    r->invert = json_is_true(v) || json_integer_value(v) == 1;
    return json_is_boolean(v) || is_neutral(v) || r->invert || refuse(r, name, "must be 0 or 1");
}

/* 0 fills with colours around, 1 keeps the original: both are hidden by noise at usual strengths. */
static bool read_fill(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || json_integer_value(v) == 1 ||
           refuse(r, name, "must be 0 or 1: what is under the mask is what the noise is put on");
}

static bool read_script(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || refuse(r, name, "asks for a script; there are none here");
}

static bool only_one(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || json_number_value(v) == 1 || refuse(r, name, "other than 1 is not supported");
}

static bool only_minus_one(reader *r, const char *name, const json_t *v)
{
    return is_neutral(v) || json_number_value(v) == -1 || refuse(r, name, "is not supported here");
}

static bool harmless(reader *r, const char *name, const json_t *v)
{
    return true;
}

static const struct {
    const char *name;
    bool (*read)(reader *r, const char *name, const json_t *v);
} fields[] = {
    {"prompt", read_prompt},
    {"negative_prompt", read_negative},
    {"seed", read_seed},
    {"steps", read_steps},
    {"cfg_scale", read_guidance},
    {"width", read_width},
    {"height", read_height},
    {"batch_size", read_count},
    {"n_iter", read_count},
    {"sampler_name", read_sampler},
    {"sampler_index", read_old_sampler},
    {"scheduler", read_scheduler},
    {"clip_skip", read_clip_skip},
    {"CLIP_stop_at_last_layers", read_clip_skip},
    {"denoising_strength", read_strength},
    {"enable_hr", read_hires},
    {"hr_scale", read_hires_scale},
    {"hr_second_pass_steps", read_hires_steps},
    {"override_settings", read_overrides},
    {"sd_model_checkpoint", read_model},
    {"sd_vae", read_vae},
    {"init_images", read_pictures},
    {"mask", read_mask},
    {"inpainting_mask_invert", read_invert},
    {"inpainting_fill", read_fill},
    {"script_name", read_script},
    {"alwayson_scripts", read_script},
    {"initial_noise_multiplier", only_one},
    {"s_noise", only_one},
    {"subseed", only_minus_one},
    {"seed_resize_from_h", only_minus_one},
    {"seed_resize_from_w", only_minus_one},
    /* without effect on the picture */
    {"hr_upscaler", harmless}, /* Lanczos is what there is */
    {"mask_blur", harmless},   /* the mask is taken as it is drawn */
    {"mask_blur_x", harmless},
    {"mask_blur_y", harmless},
    {"inpaint_full_res_padding", harmless},
    {"include_init_images", harmless},
    {"override_settings_restore_afterwards", harmless},
    {"script_args", harmless},
    {"send_images", harmless},
    {"save_images", harmless},
    {"do_not_save_samples", harmless},
    {"do_not_save_grid", harmless},
    {"disable_extra_networks", read_script},
    {"force_task_id", harmless},
    {"infotext", harmless},
    {"comments", harmless},
    {"s_tmax", harmless},
    {"s_min_uncond", harmless},
};

static bool read_field(reader *r, const char *name, const json_t *v)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, name) == 0)
            return json_is_null(v) || fields[i].read(r, name, v);
    return is_neutral(v) || refuse(r, name, "is not supported here, and not ignored: it might matter to you");
}

static bool invert_mask(reader *r)
{
    const json_t *mask = json_object_get(r->job, "mask");
    loam_pictures *p = r->x->service->pictures;
    loam_picture *picture = NULL;
    json_t *negative = NULL;
    loam_err err = LOAM_ERR_INIT;
    if (!json_is_string(mask))
        return !mask || refuse(r, "mask", "must be a picture in base64");
    loam_status st = loam_pictures_decode(p, "mask", json_string_value(mask), json_string_length(mask), &picture, &err);
    if (st == LOAM_OK)
        st = loam_pictures_negative(picture, &negative, &err);
    loam_picture_free(picture);
    if (st != LOAM_OK) {
        loam_http_reply_failure(r->x, &err, "mask");
        return false;
    }
    return json_object_set_new(r->job, "mask", negative) == 0;
}

/* What depends on several fields. */
static bool finish(reader *r)
{
    if (!r->hires) /* clients send them all the time */
        for (size_t i = 0; i < 3; i++)
            json_object_del(r->job, (const char *[]){"hires", "hires_steps", "hires_strength"}[i]);
    else if (!json_object_get(r->job, "hires"))
        json_object_set_new(r->job, "hires", json_real(2));
    if (r->batch * r->repeats > LOAM_PICTURES_MAX_N)
        return refuse(r, "batch_size", "times 'n_iter' must be at most 64");
    if (r->old_sampler && !is_neutral(r->old_sampler) && !json_object_get(r->job, "sampler"))
        put(r, "sampler", r->old_sampler);
    json_object_set_new(r->job, "n", json_integer(r->batch * r->repeats));
    if (!json_object_get(r->job, "prompt"))
        json_object_set_new(r->job, "prompt", json_string(""));
    if (r->from_picture && !json_object_get(r->job, "start"))
        return refuse(r, "init_images", "is missing: the picture to start from");
    return !r->invert || invert_mask(r);
}

bool loam_http_sdapi_read(loam_http_exchange *x, const json_t *body, bool from_picture, json_t **job)
{
    reader r = {.x = x, .job = json_object(), .from_picture = from_picture, .batch = 1, .repeats = 1};
    const char *name;
    json_t *v;
    *job = r.job;
    json_object_foreach((json_t *)(uintptr_t)body, name, v)
    {
        if (!read_field(&r, name, v))
            goto fail;
    }
    if (finish(&r))
        return true;
fail:
    if (!x->reply.status)
        loam_http_reply_error(x, 507, NULL, NULL, "out of memory for the request");
    return false;
}
