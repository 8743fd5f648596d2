/* Wan 2.1: a transformer over patches of a clip's latent. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "gen/video_int.h"

void loam_video_wan_close(loam_video_wan *w)
{
    if (!w)
        return;
    loam_wan_deinit(&w->net);
    loam_weight_store_free(w->store);
    if (w->device)
        w->api->close(w->device);
    loam_unigram_free(w->tokenizer);
    loam_weights_close(w->weights);
    free(w->loras);
    free(w);
}

static loam_status open_tokenizer(loam_video_wan *w, const char *path, loam_err *err)
{
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/tokenizer", loam_weights_path(w->weights));
    loam_status st = loam_unigram_open(path ? path : folder, &w->tokenizer, err);
    if (st == LOAM_STATUS_NOT_FOUND && !path)
        LOAM_FAIL(err, NOT_FOUND,
                  "%s: there is no tokenizer beside it; give UMT5's spiece.model or tokenizer.json with --tokenizer",
                  loam_weights_path(w->weights));
    return st;
}

static loam_status open_parts(loam_video_wan *w, const loam_video_model_options *o, loam_err *err)
{
    if (o->vae)
        LOAM_TRY(loam_weights_add(w->weights, o->vae, "vae", err));
    if (o->quick)
        LOAM_TRY(loam_weights_add(w->weights, o->quick, "taehv", err));
    if (o->text_encoder)
        LOAM_TRY(loam_weights_add(w->weights, o->text_encoder, "text_encoder", err));
    LOAM_TRY(loam_wan_read(w->weights, &w->dit, err));
    w->has_vae = loam_weights_has(w->weights, "vae.");
    w->has_taehv = loam_taehv_is(w->weights);
    if (!loam_weights_has(w->weights, "text_encoder."))
        LOAM_FAIL(err, INVALID, "%s has no text encoder; give UMT5-XXL's file with --text-encoder",
                  loam_weights_path(w->weights));
    if (!w->has_vae && !w->has_taehv)
        LOAM_FAIL(err, INVALID, "%s has no VAE; give Wan2.1_VAE with --vae", loam_weights_path(w->weights));
    if (w->has_vae)
        LOAM_TRY(loam_wan_vae_read(w->weights, &w->vae, err));
    if (w->has_taehv)
        LOAM_TRY(loam_taehv_read(w->weights, &w->taehv, err));
    LOAM_TRY(loam_umt5_read(w->weights, "text_encoder", &w->text, err));
    if (w->text.width != w->dit.text_width)
        LOAM_FAIL(err, CORRUPT, "the text encoder gives %lld numbers a token, the model reads %lld",
                  (long long)w->text.width, (long long)w->dit.text_width);
    LOAM_TRY(open_tokenizer(w, o->tokenizer, err));
    if ((int64_t)loam_unigram_n_vocab(w->tokenizer) > w->text.n_vocab)
        LOAM_FAIL(err, CORRUPT, "the tokenizer has %zu tokens, the text encoder knows %lld",
                  loam_unigram_n_vocab(w->tokenizer), (long long)w->text.n_vocab);
    return LOAM_OK;
}

loam_status loam_video_wan_open(loam_weights *weights, const loam_video_model_options *o, loam_dtype type,
                                loam_video_model *m, loam_err *err)
{
    loam_video_wan *w = m->wan = calloc(1, sizeof *w);
    if (!w) {
        loam_weights_close(weights);
        LOAM_FAIL(err, NO_MEMORY, "no memory for a model");
    }
    w->api = &loam_device_cpu;
    w->weights = weights;
    w->type = type;
    LOAM_TRY(open_parts(w, o, err));
    LOAM_TRY(w->api->open(o->n_threads, &w->device, err));
    LOAM_TRY(loam_weight_store_new(w->api, w->device, w->weights, type, &w->store, err));
    m->info = (loam_video_info){.family = "Wan 2.1",
                                .width = 832,
                                .height = 480,
                                .frames = 33,
                                .fps = 16,
                                .steps = 30,
                                .multiple = 16,
                                .frame_unit = 4,
                                .max_frames = 257,
                                .has_quick = w->has_taehv};
    return LOAM_OK;
}

static loam_status want_net(loam_video_wan *w, int64_t n, int64_t f, int64_t h, int64_t wide, loam_err *err)
{
    loam_wan *net = &w->net;
    if (net->n == n && net->f == f && net->h == h && net->w == wide)
        return LOAM_OK;
    loam_wan_deinit(net);
    *net = (loam_wan){0};
    loam_status st = loam_wan_init(net, w->store, &w->dit, n, f, h, wide, w->dit.n_text, err);
    if (st != LOAM_OK)
        *net = (loam_wan){0};
    return st;
}

/* Latents, the sampler's copies of them, frames, and the pixels of those just made. */
static size_t host_bytes(const loam_video_model *m, const loam_video_request *r)
{
    enum { COPIES = 12, FRAMES_AT_ONCE = 4 };
    const size_t area = (size_t)r->width * (size_t)r->height, f = (size_t)(r->frames - 1) / 4 + 1;
    const size_t latent = f * area / 64 * (size_t)m->wan->dit.out_channels * sizeof(float);
    return COPIES * latent + 3 * area * ((size_t)r->frames + FRAMES_AT_ONCE * sizeof(float));
}

loam_status loam_video_wan_plan(loam_video_model *m, const loam_video_request *r, size_t *bytes, loam_err *err)
{
    /* activations that stand at the same time, at least: the stream, q, k, v and the packed k, v */
    enum { ROWS_ALIVE = 6 };
    const int64_t n = loam_video_is_guided(m, r->guidance) ? 2 : 1, f = (r->frames - 1) / 4 + 1, h = r->height / 8,
                  w = r->width / 8;
    /* planning writes tables of positions: what cannot fit is known before that */
    *bytes = (size_t)(n * f * (h / 2) * (w / 2)) * (size_t)m->wan->dit.width * sizeof(float) * ROWS_ALIVE;
    if (*bytes > loam_memory_available())
        return LOAM_OK; /* the caller says so */
    LOAM_TRY(want_net(m->wan, n, f, h, w, err));
    size_t decoder, host = host_bytes(m, r);
    LOAM_TRY(loam_video_wan_plan_decoder(m->wan, r, host, &decoder, err));
    *bytes = loam_net_bytes(&m->wan->net.net); /* given back before the decoder begins */
    *bytes = host + (*bytes > decoder ? *bytes : decoder);
    return LOAM_OK;
}

void loam_video_wan_drop_net(loam_video_wan *w)
{
    loam_wan_deinit(&w->net);
    w->net = (loam_wan){0};
}

static loam_status evaluate(loam_video_model *m, loam_video_work *k, const float *x, double t, float *out,
                            loam_err *err)
{
    float *in = k->pair + 2 * k->n;
    memcpy(in, x, k->n * sizeof *in);
    memcpy(in + k->n, x, k->n * sizeof *in);
    loam_wan_input input = {.latent = in, .timestep = t};
    return loam_wan_run(&m->wan->net, &input, out, err);
}

/* Token ids of a cleaned prompt, with the end token; *ids is owned by the caller. */
static loam_status tokens_of(const loam_video_wan *w, const char *text, int32_t **ids, int64_t *n, loam_err *err)
{
    loam_buf clean;
    size_t used = 0, most = (size_t)w->dit.n_text;
    loam_buf_init(&clean, LOAM_UNIGRAM_MAX_TEXT);
    *ids = calloc(most, sizeof **ids);
    loam_status st = LOAM_OK;
    if (!*ids) {
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the prompt");
        st = LOAM_STATUS_NO_MEMORY;
    }
    if (st == LOAM_OK)
        st = loam_unigram_clean(text, strlen(text), &clean, err);
    if (st == LOAM_OK)
        st = loam_unigram_fill(w->tokenizer, loam_buf_text(&clean), clean.len, *ids, most, &used, err);
    loam_buf_deinit(&clean);
    *n = (int64_t)used;
    return st;
}

static loam_status use_loras(loam_video_wan *w, const loam_video_request *r, loam_err *err)
{
    bool had = w->loras != NULL;
    if (!had && r->n_loras == 0)
        return LOAM_OK;
    loam_video_wan_drop_net(w);
    loam_weight_store_clear_loras(w->store);
    free(w->loras);
    w->loras = NULL;
    for (int i = 0; i < r->n_loras; i++)
        LOAM_TRY(loam_weight_store_add_lora(w->store, r->loras[i].path, r->loras[i].strength, err));
    if (r->n_loras && !(w->loras = strdup("in use")))
        LOAM_FAIL(err, NO_MEMORY, "no memory for an adapter");
    return LOAM_OK;
}

loam_status loam_video_wan_begin(loam_video_model *m, loam_video_work *k, loam_err *err)
{
    loam_video_wan *w = m->wan;
    int32_t *ids[2] = {NULL, NULL};
    const char *texts[2] = {k->r->prompt ? k->r->prompt : "", k->r->negative ? k->r->negative : ""};
    const int n = k->guided ? 2 : 1;
    const size_t rows = (size_t)w->dit.n_text, one = rows * (size_t)w->text.width;
    loam_umt5_prompt prompts[2];
    LOAM_TRY(use_loras(w, k->r, err));
    k->text = malloc((size_t)n * one * sizeof *k->text);
    loam_status st = LOAM_OK;
    if (!k->text) {
        loam_err_set(err, LOAM_STATUS_NO_MEMORY, __FILE__, __LINE__, "no memory for the prompt");
        st = LOAM_STATUS_NO_MEMORY;
    }
    for (int i = 0; i < n && st == LOAM_OK; i++) {
        prompts[i] = (loam_umt5_prompt){.out = k->text + (size_t)i * one};
        st = tokens_of(w, texts[i], &ids[i], &prompts[i].n, err);
        prompts[i].tokens = ids[i];
    }
    /* the encoder is larger than the transformer, and done with before that begins */
    if (st == LOAM_OK)
        st =
            loam_umt5_encode_streamed(w->api, w->device, w->weights, w->type, &w->text, prompts, n, (int64_t)rows, err);
    free(ids[0]);
    free(ids[1]);
    if (st != LOAM_OK)
        return st;
    LOAM_TRY(want_net(w, n, k->f, k->h, k->w, err));
    LOAM_TRY(loam_wan_text(w->store, &w->dit, n, (int64_t)rows, k->text, loam_wan_text_place(&w->net), err));
    k->evaluate = evaluate;
    return LOAM_OK;
}
