/* Prompts to embeddings: chunks of 77 tokens through the text encoders, weighted, one behind the other. */
#include <stdlib.h>
#include <string.h>

#include "gen/image_int.h"

void loam_image_text_free(loam_image_text *t)
{
    free(t->cond);
    free(t->uncond);
    free(t->cond_pooled);
    free(t->uncond_pooled);
    free(t->cond_added);
    free(t->uncond_added);
    *t = (loam_image_text){0};
}

static loam_status no_memory(loam_err *err)
{
    LOAM_FAIL(err, NO_MEMORY, "no memory for the prompt");
}

/* What a planned encoder makes of the chunks: its columns [at, at + width) of out [n·77, context], and the pooled
 * embedding of the first chunk, as the web UI has it. hidden [77, width] is for use. */
static loam_status run_encoder(const loam_image_model *m, const loam_clip_params *p, loam_net *net,
                               const loam_prompt_chunks *c, const int32_t *ids, float *hidden, float *out, int64_t at,
                               float *pooled, loam_err *err)
{
    const int64_t ctx = p->n_ctx;
    const size_t row = (size_t)p->width * sizeof *out;
    LOAM_TRY(loam_clip_run(net, p, ids, err));
    for (int64_t i = 0; i < (int64_t)c->n_chunks; i++) {
        memcpy(hidden, loam_net_out(net, 0) + i * ctx * p->width, (size_t)ctx * row);
        loam_prompt_weight(hidden, c->weights + i * ctx, (size_t)ctx, (size_t)p->width);
        for (int64_t t = 0; t < ctx; t++)
            memcpy(out + (i * ctx + t) * m->unet.context + at, hidden + t * p->width, row);
    }
    if (pooled)
        memcpy(pooled, loam_net_out(net, 1) + loam_clip_end(p, ids) * p->projection,
               (size_t)p->projection * sizeof *pooled);
    return LOAM_OK;
}

static loam_status encode_by(loam_image_model *m, int e, const loam_prompt_chunks *c, int skip, float *out, int64_t at,
                             float *pooled, loam_err *err)
{
    const loam_clip_params *p = &m->clip[e];
    const int64_t n = (int64_t)c->n_chunks;
    loam_net net;
    LOAM_TRY(loam_clip_net(m->store, p, n, skip, m->n_clips == 1, pooled != NULL, &net, err));
    int32_t *ids = malloc((size_t)(n * p->n_ctx) * sizeof *ids);
    float *hidden = malloc((size_t)(p->n_ctx * p->width) * sizeof *hidden);
    loam_status st;
    if (ids && hidden) {
        loam_prompt_pad(c, m->pad[e], ids);
        st = run_encoder(m, p, &net, c, ids, hidden, out, at, pooled, err);
    } else {
        st = no_memory(err);
    }
    free(hidden);
    free(ids);
    loam_net_free(&net);
    return st;
}

/* One prompt through all encoders; *rows and, of SDXL, *pooled and *added are the caller's also after a failure. */
static loam_status encode(loam_image_model *m, const loam_prompt_chunks *c, int clip_skip, float **rows, float **pooled,
                          float **added, loam_err *err)
{
    const bool xl = m->n_clips == 2;
    *rows = malloc(c->n_chunks * LOAM_PROMPT_CHUNK * (size_t)m->unet.context * sizeof **rows);
    if (xl) {
        *pooled = calloc((size_t)m->clip[1].projection + 1, sizeof **pooled);
        *added = calloc((size_t)m->unet.added, sizeof **added);
    }
    if (!*rows || (xl && (!*pooled || !*added)))
        return no_memory(err);
    /* SDXL was trained on the states before the last layer, without the final norm */
    int skip = clip_skip > 0 ? clip_skip - 1 : xl ? 1 : 0;
    int64_t at = 0;
    for (int e = 0; e < m->n_clips; e++) {
        LOAM_TRY(encode_by(m, e, c, skip, *rows, at, e == 1 ? *pooled : NULL, err));
        at += m->clip[e].width;
    }
    return LOAM_OK;
}

static loam_status chunks_of(const loam_image_model *m, const char *what, const char *text, loam_prompt_chunks *out,
                             loam_err *err)
{
    loam_status st = loam_prompt_encode(m->bpe, text ? text : "", text ? strlen(text) : 0, out, err);
    if (st != LOAM_OK)
        loam_err_prefix(err, "%s", what);
    return st;
}

static loam_status encode_both(loam_image_model *m, const loam_image_request *r, loam_prompt_chunks *cond,
                               loam_prompt_chunks *uncond, loam_image_text *out, loam_err *err)
{
    const bool guided = loam_image_is_guided(m, r);
    LOAM_TRY(chunks_of(m, "prompt", r->prompt, cond, err));
    if (guided) { /* both of one length */
        LOAM_TRY(chunks_of(m, "negative prompt", r->negative, uncond, err));
        LOAM_TRY(loam_prompt_extend(cond, uncond->n_chunks, err));
        LOAM_TRY(loam_prompt_extend(uncond, cond->n_chunks, err));
    }
    out->n_rows = (int64_t)cond->n_chunks * LOAM_PROMPT_CHUNK;
    LOAM_TRY(encode(m, cond, r->clip_skip, &out->cond, &out->cond_pooled, &out->cond_added, err));
    if (!guided)
        return LOAM_OK;
    LOAM_TRY(encode(m, uncond, r->clip_skip, &out->uncond, &out->uncond_pooled, &out->uncond_added, err));
    if (!r->negative && m->zero_negative) {
        memset(out->uncond, 0, (size_t)(out->n_rows * m->unet.context) * sizeof *out->uncond);
        memset(out->uncond_pooled, 0, (size_t)m->clip[1].projection * sizeof *out->uncond_pooled);
    }
    return LOAM_OK;
}

void loam_image_resize_text(const loam_image_model *m, int width, int height, loam_image_text *t)
{
    /* original size, crop, target size */
    const float sizes[6] = {(float)height, (float)width, 0, 0, (float)height, (float)width};
    if (t->cond_added)
        loam_unet_added(&m->unet, t->cond_pooled, sizes, t->cond_added);
    if (t->uncond_added)
        loam_unet_added(&m->unet, t->uncond_pooled, sizes, t->uncond_added);
}

loam_status loam_image_encode_text(loam_image_model *m, const loam_image_request *r, int width, int height,
                                   loam_image_text *out, loam_err *err)
{
    loam_prompt_chunks cond = {0}, uncond = {0};
    *out = (loam_image_text){0};
    loam_status st = encode_both(m, r, &cond, &uncond, out, err);
    loam_prompt_chunks_deinit(&cond);
    loam_prompt_chunks_deinit(&uncond);
    if (st != LOAM_OK)
        loam_image_text_free(out);
    else
        loam_image_resize_text(m, width, height, out);
    return st;
}
