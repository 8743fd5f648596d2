/* Inside a clip model: the two kinds behind one loop. */
#ifndef LOAM_GEN_VIDEO_INT_H
#define LOAM_GEN_VIDEO_INT_H

#include "gen/image_int.h"
#include "gen/video.h"
#include "model/taehv.h"
#include "model/umt5.h"
#include "model/wan.h"
#include "model/wan_vae.h"
#include "text/unigram.h"

/* Wan 2.1 and what its nets were last planned for. */
typedef struct loam_video_wan {
    const loam_device_api *api;
    loam_device *device;
    loam_weights *weights;
    loam_weight_store *store;
    loam_dtype type;
    loam_wan_params dit;
    loam_wan_vae_params vae;
    loam_taehv_params taehv;
    bool has_vae, has_taehv;
    loam_umt5_params text;
    loam_unigram *tokenizer;
    loam_wan net; /* of n, f, h, w; n 0: none */
    int64_t tile; /* of the VAE, in latent positions, as it was last planned; beyond the sides: whole frames */
    char *loras;
} loam_video_wan;

struct loam_video_model {
    loam_video_info info;
    loam_image_model *pictures; /* Stable Diffusion with motion modules, or NULL */
    loam_video_wan *wan;        /* or NULL */
    loam_levels levels;
    loam_net motion_net;
    loam_image_key motion_key; /* n_text carries the frames too: n_text · 1024 + frames */
};

/* A clip on its way. */
typedef struct loam_video_work {
    const loam_video_request *r; /* settled: nothing left open */
    const loam_image_watch *watch;
    int64_t c, f, h, w; /* of the latent */
    size_t n;           /* its numbers */
    bool guided;
    /* Evaluates both predictions (or one): x [n] -> out [1 or 2][n], conditional first. */
    loam_status (*evaluate)(loam_video_model *m, struct loam_video_work *k, const float *x, double t, float *out,
                            loam_err *err);
    float *text; /* what the prompt became, owned */
    float *pair; /* [2][n] */
    loam_image_text prompt;
} loam_video_work;

/* Whether each step evaluates the model with and without the prompt: not up to a guidance of 1, nor with models that
 * take the guidance as an input (LCM). */
static inline bool loam_video_is_guided(const loam_video_model *m, float guidance)
{
    return guidance > 1.0f && !(m->pictures && m->pictures->unet.guidance);
}

/* Stable Diffusion with motion modules: video_motion.c. */
LOAM_CHECK_RESULT loam_status loam_video_motion_open(const char *path, const loam_video_model_options *o,
                                                     loam_video_model *m, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_video_motion_plan(loam_video_model *m, const loam_video_request *r, size_t *bytes,
                                                     loam_err *err);
LOAM_CHECK_RESULT loam_status loam_video_motion_begin(loam_video_model *m, loam_video_work *k, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_video_motion_decode(loam_video_model *m, const loam_video_work *k,
                                                       const float *latent, loam_video_result *out, loam_err *err);
/* Wan: video_wan.c. */
LOAM_CHECK_RESULT loam_status loam_video_wan_open(loam_weights *w, const loam_video_model_options *o, loam_dtype type,
                                                  loam_video_model *m, loam_err *err);
void loam_video_wan_close(loam_video_wan *w);
LOAM_CHECK_RESULT loam_status loam_video_wan_plan(loam_video_model *m, const loam_video_request *r, size_t *bytes,
                                                  loam_err *err);
LOAM_CHECK_RESULT loam_status loam_video_wan_begin(loam_video_model *m, loam_video_work *k, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_video_wan_decode(loam_video_model *m, const loam_video_work *k, const float *latent,
                                                    loam_video_result *out, loam_err *err);
/* video_wan_decode.c. Chooses the VAE's tile, the largest that fits beside `host` bytes, and says what decoding needs
 * beside these. */
LOAM_CHECK_RESULT loam_status loam_video_wan_plan_decoder(loam_video_wan *w, const loam_video_request *r, size_t host,
                                                          size_t *bytes, loam_err *err);
/* Gives the transformer's activations back. */
void loam_video_wan_drop_net(loam_video_wan *w);
/* One frame of a latent [c][f][h][w] for a preview: by TAEHV where there is one, else a linear map. */
LOAM_CHECK_RESULT loam_status loam_video_wan_preview(loam_video_model *m, const loam_video_work *k, const float *latent,
                                                     loam_image_rgb *out, loam_err *err);

#endif
