/* Prompts to embeddings: chunks of 77 tokens through the text encoders, weighted, one behind the other. */
#include <stdlib.h>
#include <string.h>

#include "gen/image_int.h"

void loam_image_text_free(loam_image_text *t)
{
    free(t->cond);
    free(t->uncond);
    free(t->cond_added);
    free(t->uncond_added);
    *t = (loam_image_text){0};
}

/* One encoder over the chunks: its columns [at, at + width) of out [n·77, context], and the pooled embedding. */
static loam_status run_encoder(loam_image_model *m, int e, const loam_prompt_chunks *c, int skip, float *out,
                               int64_t at, float *pooled, loam_err *err)
{
    const loam_clip_params *p = &m->clip[e];
    const bool xl = m->n_clips == 2, project = pooled != NULL;
    int64_t n = (int64_t)c->n_chunks, ctx = p->n_ctx;
    loam_net net;
    int32_t *ids = malloc((size_t)(n * ctx) * sizeof *ids);
    if (!ids)
        LOAM_FAIL(err, NO_MEMORY, "no memory for the prompt");
    loam_prompt_pad(c, m->pad[e], ids);
    loam_status st = loam_clip_net(m->store, p, n, skip, !xl, project, &net, err);
    if (st == LOAM_OK) {
        st = loam_clip_run(&net, p, ids, err);
        for (int64_t i = 0; st == LOAM_OK && i < n; i++) {
            float *hidden = malloc((size_t)(ctx * p->width) * sizeof *hidden);
            if (!hidden) {
                loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the prompt");
                st = LOAM_STATUS_NO_MEMORY;
                break;
            }
            memcpy(hidden, loam_net_out(&net, 0) + i * ctx * p->width, (size_t)(ctx * p->width) * sizeof *hidden);
            loam_prompt_weight(hidden, c->weights + i * ctx, (size_t)ctx, (size_t)p->width);
            for (int64_t t = 0; t < ctx; t++)
                memcpy(out + (i * ctx + t) * m->unet.context + at, hidden + t * p->width,
                       (size_t)p->width * sizeof *out);
            free(hidden);
        }
        if (st == LOAM_OK && project) /* of the first chunk, as the web UI has it */
            memcpy(pooled, loam_net_out(&net, 1) + loam_clip_end(p, ids) * p->projection,
                   (size_t)p->projection * sizeof *pooled);
        loam_net_free(&net);
    }
    free(ids);
    return st;
}

static loam_status encode(loam_image_model *m, const loam_prompt_chunks *c, int clip_skip, const float sizes[6],
                          float **rows, float **added, loam_err *err)
{
    const bool xl = m->n_clips == 2;
    int64_t n_rows = (int64_t)c->n_chunks * LOAM_PROMPT_CHUNK, at = 0;
    float *pooled = NULL;
    *rows = calloc((size_t)(n_rows * m->unet.context), sizeof **rows);
    *added = xl ? calloc((size_t)m->unet.added, sizeof **added) : NULL;
    pooled = xl ? calloc((size_t)m->clip[1].projection + 1, sizeof *pooled) : NULL;
    loam_status st = LOAM_OK;
    if (!*rows || (xl && (!*added || !pooled))) {
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the prompt");
        st = LOAM_STATUS_NO_MEMORY;
    }
    /* SDXL was trained on the states before the last layer, without the final norm */
    int skip = clip_skip > 0 ? clip_skip - 1 : xl ? 1 : 0;
    for (int e = 0; st == LOAM_OK && e < m->n_clips; e++) {
        st = run_encoder(m, e, c, skip, *rows, at, e == 1 ? pooled : NULL, err);
        at += m->clip[e].width;
    }
    if (st == LOAM_OK && xl)
        loam_unet_added(&m->unet, pooled, sizes, *added);
    free(pooled);
    return st;
}

static loam_status chunks_of(loam_image_model *m, const char *what, const char *text, loam_prompt_chunks *out,
                             loam_err *err)
{
    loam_status st = loam_prompt_encode(m->bpe, text, strlen(text), out, err);
    if (st != LOAM_OK)
        loam_err_prefix(err, "%s", what);
    return st;
}

loam_status loam_image_encode_text(loam_image_model *m, const loam_image_request *r, int width, int height,
                                   loam_image_text *out, loam_err *err)
{
    loam_prompt_chunks cond = {0}, uncond = {0};
    /* original size, crop, target size */
    const float sizes[6] = {(float)height, (float)width, 0, 0, (float)height, (float)width};
    const bool guided = r->guidance != 1.0f, zeros = guided && !r->negative && m->zero_negative;
    *out = (loam_image_text){0};
    loam_status st = chunks_of(m, "prompt", r->prompt ? r->prompt : "", &cond, err);
    if (st == LOAM_OK && guided)
        st = chunks_of(m, "negative prompt", r->negative ? r->negative : "", &uncond, err);
    if (st == LOAM_OK && guided) { /* both of one length */
        size_t n = cond.n_chunks > uncond.n_chunks ? cond.n_chunks : uncond.n_chunks;
        st = loam_prompt_extend(&cond, n, err);
        if (st == LOAM_OK)
            st = loam_prompt_extend(&uncond, n, err);
    }
    if (st == LOAM_OK) {
        out->n_rows = (int64_t)cond.n_chunks * LOAM_PROMPT_CHUNK;
        st = encode(m, &cond, r->clip_skip, sizes, &out->cond, &out->cond_added, err);
    }
    if (st == LOAM_OK && guided) {
        st = encode(m, &uncond, r->clip_skip, sizes, &out->uncond, &out->uncond_added, err);
        if (st == LOAM_OK && zeros) {
            memset(out->uncond, 0, (size_t)(out->n_rows * m->unet.context) * sizeof(float));
            float *nothing = calloc((size_t)m->clip[1].projection, sizeof *nothing);
            if (nothing)
                loam_unet_added(&m->unet, nothing, sizes, out->uncond_added);
            free(nothing);
        }
    }
    loam_prompt_chunks_deinit(&cond);
    loam_prompt_chunks_deinit(&uncond);
    if (st != LOAM_OK)
        loam_image_text_free(out);
    return st;
}
