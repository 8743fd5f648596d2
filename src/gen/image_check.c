/* What may be asked of a picture model. Every value is checked before work starts, and a refusal names the value and
 * its range. */
#include <math.h>
#include <string.h>

#include "gen/image_int.h"

loam_image_request loam_image_defaults(void)
{
    return (loam_image_request){.steps = 20,
                                .guidance = 7,
                                .n = 1,
                                .sampler = LOAM_DIFFUSE_EULER_A,
                                .schedule = LOAM_SCHEDULE_AUTO,
                                .eta = NAN,
                                .strength = 0.75f,
                                .hires_strength = 0.55f};
}

loam_status loam_image_type_of(const char *name, loam_dtype *out, loam_err *err)
{
    *out = LOAM_DTYPE_COUNT;
    for (loam_dtype t = 0; name && t < LOAM_DTYPE_COUNT; t++)
        if (strcasecmp(name, loam_dtype_name(t)) == 0)
            *out = t;
    if (name && *out == LOAM_DTYPE_COUNT)
        LOAM_FAIL(err, INVALID, "the type '%s' is not known; take f32, f16, bf16 or q8_0", name);
    return LOAM_OK;
}

double loam_image_decimal(float x)
{
    return round((double)x * 1e6) / 1e6;
}

bool loam_image_is_guided(const loam_image_model *m, const loam_image_request *r)
{
    return r->guidance != 0 && r->guidance != 1 && m->unet.guidance == 0;
}

static loam_schedule schedule_of(const loam_image_model *m, const loam_image_request *r)
{
    if (r->n_sigmas)
        return LOAM_SCHEDULE_CUSTOM;
    if (r->schedule != LOAM_SCHEDULE_AUTO)
        return r->schedule;
    loam_schedule s = loam_schedule_default(r->sampler, &m->levels);
    return m->trailing && (s == LOAM_SCHEDULE_NORMAL || s == LOAM_SCHEDULE_DDIM_UNIFORM) ? LOAM_SCHEDULE_TRAILING : s;
}

loam_status loam_image_sigmas(const loam_image_model *m, const loam_image_request *r, int steps, double strength,
                              loam_sigmas *out, loam_err *err)
{
    loam_sigmas_options o = {.schedule = schedule_of(m, r),
                             .n_steps = steps,
                             .strength = strength,
                             .steps_offset = m->steps_offset,
                             .original_steps = m->original_steps,
                             .end_at_first_level = m->end_at_first_level && r->sampler == LOAM_DIFFUSE_DDIM,
                             .sigmas = r->sigmas,
                             .n_custom = r->n_sigmas};
    return loam_sigmas_new(&m->levels, &o, out, err);
}

static loam_status check_sigmas(const loam_image_model *m, const loam_image_request *r, int steps, float strength,
                                loam_err *err)
{
    loam_sigmas s = {0};
    LOAM_TRY(loam_image_sigmas(m, r, steps, loam_image_decimal(strength), &s, err));
    loam_sigmas_free(&s);
    return LOAM_OK;
}

static loam_status check_side(const char *what, int side, int multiple, loam_err *err)
{
    if (side < multiple || side > LOAM_IMAGE_MAX_SIDE || side % multiple)
        LOAM_FAIL(err, INVALID, "the %s of %d: it must be a multiple of %d between %d and %d", what, side, multiple,
                  multiple, LOAM_IMAGE_MAX_SIDE);
    return LOAM_OK;
}

static loam_status check_steps(const char *what, int steps, loam_err *err)
{
    if (steps < 1 || steps > LOAM_LEVELS)
        LOAM_FAIL(err, INVALID, "%d %s: it must be 1 to %d", steps, what, LOAM_LEVELS);
    return LOAM_OK;
}

static loam_status check_strength(const char *what, float strength, loam_err *err)
{
    if (!(loam_image_decimal(strength) > 0 && strength <= 1))
        LOAM_FAIL(err, INVALID, "a %s of %g: it must be above 0, and at most 1", what, (double)strength);
    return LOAM_OK;
}

int loam_image_hires_side(const loam_image_model *m, int side, float factor)
{
    int unit = m->info.multiple;
    return (int)lroundf((float)side * factor / (float)unit) * unit;
}

/* The picture to start from and its mask. */
static loam_status settle_start(const loam_image_model *m, loam_image_request *r, loam_err *err)
{
    if (r->mask && !r->start)
        LOAM_FAIL(err, INVALID, "a mask without a picture that it is for");
    if ((r->start || r->hires > 1) && !m->info.has_encoder)
        LOAM_FAIL(err, UNSUPPORTED,
                  "this model's VAE has no encoder, so that no picture can be taken as a start; give a whole VAE "
                  "with --vae");
    if (!r->start)
        return LOAM_OK;
    if (r->start->width != r->width || r->start->height != r->height)
        LOAM_FAIL(err, INVALID, "the picture to start from is %d x %d, asked for are %d x %d", r->start->width,
                  r->start->height, r->width, r->height);
    LOAM_TRY(check_strength("strength", r->strength, err));
    return check_sigmas(m, r, r->steps, r->strength, err);
}

static loam_status settle_hires(const loam_image_model *m, loam_image_request *r, loam_err *err)
{
    if (r->hires == 0)
        return LOAM_OK;
    if (!(r->hires > 1 && r->hires <= 8))
        LOAM_FAIL(err, INVALID, "hires of %g: it must be above 1, and at most 8", (double)r->hires);
    if (r->mask)
        LOAM_FAIL(err, INVALID, "hires with a mask: what the mask keeps would not stay; leave out one of them");
    LOAM_TRY(check_side("enlarged width", loam_image_hires_side(m, r->width, r->hires), m->info.multiple, err));
    LOAM_TRY(check_side("enlarged height", loam_image_hires_side(m, r->height, r->hires), m->info.multiple, err));
    r->hires_steps = r->hires_steps ? r->hires_steps : r->steps;
    LOAM_TRY(check_steps("steps for hires", r->hires_steps, err));
    LOAM_TRY(check_strength("strength for hires", r->hires_strength, err));
    return check_sigmas(m, r, r->hires_steps, r->hires_strength, err);
}

loam_status loam_image_settle(const loam_image_model *m, loam_image_request *r, loam_err *err)
{
    r->width = r->width ? r->width : r->start ? r->start->width : m->info.size;
    r->height = r->height ? r->height : r->start ? r->start->height : m->info.size;
    r->steps = r->n_sigmas > 0 ? r->n_sigmas : r->steps;
    LOAM_TRY(check_side("width", r->width, m->info.multiple, err));
    LOAM_TRY(check_side("height", r->height, m->info.multiple, err));
    LOAM_TRY(check_steps("steps", r->steps, err));
    if (r->n < 1 || r->n > LOAM_IMAGE_MAX_PICTURES)
        LOAM_FAIL(err, INVALID, "%d pictures at once: it must be 1 to %d", r->n, LOAM_IMAGE_MAX_PICTURES);
    if (!(r->guidance >= 0 && r->guidance <= 100))
        LOAM_FAIL(err, INVALID, "a guidance of %g: it must be 0 to 100 (1: none)", (double)r->guidance);
    if ((unsigned)r->sampler >= LOAM_DIFFUSE_SAMPLER_COUNT)
        LOAM_FAIL(err, INVALID, "sampler number %d is none; choose one by name", (int)r->sampler);
    if (!isnan(r->eta) && !(r->eta >= 0 && r->eta <= 1))
        LOAM_FAIL(err, INVALID, "an eta of %g: it must be 0 to 1", r->eta);
    for (int i = 0; i < m->n_clips; i++)
        if (r->clip_skip < 0 || r->clip_skip > m->clip[i].n_layers)
            LOAM_FAIL(err, INVALID, "a clip skip of %d: it must be 1 to %d (0: the model's own)", r->clip_skip,
                      m->clip[i].n_layers);
    if (r->tile > 0 && r->tile < LOAM_IMAGE_MIN_TILE)
        LOAM_FAIL(err, INVALID, "tiles of %d: it must be at least %d (0: where memory asks for it, -1: none)", r->tile,
                  LOAM_IMAGE_MIN_TILE);
    if (r->quick_decode && !m->taesd)
        LOAM_FAIL(err, INVALID, "quick decoding wants TAESD's decoder; give its file with --taesd");
    LOAM_TRY(check_sigmas(m, r, r->steps, 1, err));
    LOAM_TRY(settle_start(m, r, err));
    return settle_hires(m, r, err);
}

loam_status loam_image_check_cancelled(const loam_image_watch *w, loam_err *err)
{
    if (w && w->cancelled && w->cancelled(w->ctx))
        LOAM_FAIL(err, CANCELLED, "cancelled");
    return LOAM_OK;
}

void loam_image_tell(const loam_image_watch *w, const char *stage, int step, int n_steps)
{
    if (w && w->progress)
        w->progress(w->ctx, stage, step, n_steps);
}
