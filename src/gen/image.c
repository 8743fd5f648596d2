/* A request in its order: text, the picture to start from, the walk, pixels, and the second pass of hires. */
#include "gen/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gen/image_int.h"

static bool shows_previews(const loam_image_watch *w)
{
    return w && w->preview && w->preview_every > 0;
}

loam_status loam_image_estimate(loam_image_model *m, const loam_image_request *request, size_t *bytes, loam_err *err)
{
    loam_image_request r = *request;
    int tile;
    LOAM_TRY(loam_image_settle(m, &r, err));
    int width = r.hires > 1 ? loam_image_hires_side(m, r.width, r.hires) : r.width;
    int height = r.hires > 1 ? loam_image_hires_side(m, r.height, r.hires) : r.height;
    return loam_image_plan(m, &r, width, height, LOAM_PROMPT_CHUNK, r.start || r.hires > 1, false, &tile, bytes, err);
}

/* ---- the work of one request ---- */

loam_status loam_image_work_begin(loam_image_model *m, loam_image_work *k, const char *stage, int width, int height,
                                  loam_err *err)
{
    free(k->latents);
    free(k->start);
    free(k->mask);
    k->start = k->mask = NULL;
    k->stage = stage;
    k->width = width;
    k->height = height;
    k->h = height / m->info.multiple;
    k->w = width / m->info.multiple;
    k->n = (size_t)(m->unet.out_channels * k->h * k->w);
    k->latents = malloc((size_t)k->r->n * k->n * sizeof *k->latents);
    if (!k->generators)
        k->generators = calloc((size_t)k->r->n, sizeof *k->generators);
    if (!k->latents || !k->generators)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %d latents", k->r->n);
    for (int i = 0; i < k->r->n; i++)
        loam_noise_init(&k->generators[i], k->r->noise_cuda ? LOAM_NOISE_CUDA : LOAM_NOISE_CPU,
                        k->r->seed + (uint64_t)i);
    return LOAM_OK;
}

void loam_image_work_deinit(loam_image_work *k)
{
    loam_image_text_free(&k->text);
    free(k->generators);
    free(k->latents);
    free(k->start);
    free(k->mask);
}

static loam_status plan(loam_image_model *m, loam_image_work *k, int width, int height, bool encode, loam_err *err)
{
    size_t bytes;
    return loam_image_plan(m, k->r, width, height, k->text.n_rows, encode, shows_previews(k->watch), &k->tile, &bytes,
                           err);
}

/* Text; whether everything will fit. */
static loam_status prepare(loam_image_model *m, loam_image_work *k, loam_err *err)
{
    const loam_image_request *r = k->r;
    loam_image_tell(k->watch, "text", 0, 1);
    LOAM_TRY(loam_image_check_cancelled(k->watch, err));
    LOAM_TRY(loam_image_use_loras(m, r, err));
    LOAM_TRY(loam_image_encode_text(m, r, r->width, r->height, &k->text, err));
    if (r->hires > 1)
        LOAM_TRY(plan(m, k, loam_image_hires_side(m, r->width, r->hires), loam_image_hires_side(m, r->height, r->hires),
                      true, err));
    LOAM_TRY(plan(m, k, r->width, r->height, r->start != NULL, err));
    loam_image_tell(k->watch, "text", 1, 1);
    return LOAM_OK;
}

/* From the request to k->latents. */
static loam_status first_pass(loam_image_model *m, loam_image_work *k, loam_err *err)
{
    const loam_image_request *r = k->r;
    LOAM_TRY(loam_image_work_begin(m, k, "steps", r->width, r->height, err));
    k->steps = r->steps;
    if (r->start) {
        k->strength = loam_image_decimal(r->strength);
        LOAM_TRY(loam_image_start(m, k, r->start, true, err));
        if (r->mask)
            LOAM_TRY(loam_image_spread_mask(m, k, err));
    }
    return loam_image_walk(m, k, err);
}

/* Pictures of the first pass, enlarged and worked over: k->latents of the larger size. */
static loam_status second_pass(loam_image_model *m, loam_image_work *k, loam_image_rgb *pictures, loam_err *err)
{
    const loam_image_request *r = k->r;
    int width = loam_image_hires_side(m, r->width, r->hires), height = loam_image_hires_side(m, r->height, r->hires);
    LOAM_TRY(plan(m, k, width, height, true, err));
    LOAM_TRY(loam_image_work_begin(m, k, "hires", width, height, err));
    for (int i = 0; i < r->n; i++) {
        loam_image_rgb large;
        LOAM_TRY(loam_image_resize(&pictures[i], width, height, &large, err));
        free(pictures[i].pixels);
        pictures[i] = large;
    }
    k->steps = r->hires_steps;
    k->strength = loam_image_decimal(r->hires_strength);
    LOAM_TRY(loam_image_start(m, k, pictures, false, err));
    for (int i = 0; i < r->n; i++) {
        free(pictures[i].pixels);
        pictures[i].pixels = NULL;
    }
    loam_image_resize_text(m, width, height, &k->text);
    return loam_image_walk(m, k, err);
}

/* Several pictures are told of one by one, a single one by its tiles. */
static loam_status decode_all(loam_image_model *m, const loam_image_work *k, loam_image_rgb *pictures, loam_err *err)
{
    const loam_image_request *r = k->r;
    loam_image_watch quiet = k->watch ? *k->watch : (loam_image_watch){0};
    quiet.progress = NULL;
    for (int i = 0; i < r->n; i++) {
        if (r->n > 1)
            loam_image_tell(k->watch, "decode", i, r->n);
        LOAM_TRY(loam_image_check_cancelled(k->watch, err));
        LOAM_TRY(loam_image_decode(m, k->latents + (size_t)i * k->n, k->h, k->w, k->tile, r->quick_decode,
                                   r->n > 1 ? &quiet : k->watch, &pictures[i], err));
    }
    if (r->n > 1)
        loam_image_tell(k->watch, "decode", r->n, r->n);
    loam_image_leave(m, LOAM_IMAGE_DECODER);
    return LOAM_OK;
}

static loam_status generate(loam_image_model *m, loam_image_work *k, loam_image_result *out, loam_err *err)
{
    double t0 = loam_clock_s(), t1;
    LOAM_TRY(prepare(m, k, err));
    out->text_s = (t1 = loam_clock_s()) - t0;
    LOAM_TRY(first_pass(m, k, err));
    out->steps_s = (t0 = loam_clock_s()) - t1;
    LOAM_TRY(decode_all(m, k, out->pictures, err));
    out->decode_s = (t1 = loam_clock_s()) - t0;
    if (k->r->hires > 1) {
        LOAM_TRY(second_pass(m, k, out->pictures, err));
        out->steps_s += (t0 = loam_clock_s()) - t1;
        LOAM_TRY(decode_all(m, k, out->pictures, err));
        out->decode_s += loam_clock_s() - t0;
    }
    for (int i = 0; k->mask && i < k->r->n; i++)
        loam_image_keep_outside(k->r, &out->pictures[i]);
    if (loam_weights_damaged(m->weights))
        LOAM_FAIL(err, CORRUPT, "%s: the file was cut short while it was in use", loam_weights_path(m->weights));
    return LOAM_OK;
}

loam_status loam_image_generate(loam_image_model *m, const loam_image_request *request, const loam_image_watch *watch,
                                loam_image_result *out, loam_err *err)
{
    loam_image_request r = *request;
    loam_image_work k = {.r = &r, .watch = watch};
    *out = (loam_image_result){0};
    LOAM_TRY(loam_image_settle(m, &r, err));
    out->pictures = calloc((size_t)r.n, sizeof *out->pictures);
    if (!out->pictures)
        LOAM_FAIL(err, NO_MEMORY, "no memory for %d pictures", r.n);
    out->n = r.n;
    loam_status st = generate(m, &k, out, err);
    m->info.weight_bytes = loam_weight_store_bytes(m->store);
    loam_image_work_deinit(&k);
    if (st != LOAM_OK)
        loam_image_result_free(out);
    return st;
}

loam_status loam_image_latents(loam_image_model *m, const loam_image_request *request, float **out, loam_err *err)
{
    loam_image_request r = *request;
    loam_image_work k = {.r = &r};
    *out = NULL;
    LOAM_TRY(loam_image_settle(m, &r, err));
    loam_status st = prepare(m, &k, err);
    if (st == LOAM_OK)
        st = first_pass(m, &k, err);
    if (st == LOAM_OK) {
        *out = k.latents;
        k.latents = NULL;
    }
    loam_image_work_deinit(&k);
    return st;
}

void loam_image_result_free(loam_image_result *r)
{
    for (int i = 0; r->pictures && i < r->n; i++)
        free(r->pictures[i].pixels);
    free(r->pictures);
    *r = (loam_image_result){0};
}
