/* The UNet of Stable Diffusion 1.5 and SDXL: residual blocks with cross-attention over the text, at two to four
 * resolutions. Its structure is read from the names and shapes of its weights. */
#ifndef LOAM_MODEL_UNET_H
#define LOAM_MODEL_UNET_H

#include "model/build.h"
#include "model/motion.h"

enum { LOAM_UNET_MAX_LEVELS = 6 };

typedef struct loam_unet_params {
    int n_levels;
    int64_t n_heads[LOAM_UNET_MAX_LEVELS]; /* of attention at each level */
    int groups;                            /* of group norms */
    float norm_eps;
    int64_t in_channels, out_channels, time_width; /* time_width: of the sinusoid */
    int64_t context;                               /* width of the text embedding */
    int64_t added;                                 /* SDXL: width of pooled text and size embedding together; 0: none */
    int64_t added_time;                            /* SDXL: sinusoid of each of the six sizes */
    int64_t guidance;                              /* LCM: width of the embedding of the guidance scale; 0: none */
    loam_motion_params motion;
    bool stages; /* the net's outputs are also what leaves conv_in, motion modules and blocks, in their order (tests) */
} loam_unet_params;

LOAM_CHECK_RESULT loam_status loam_unet_read(const loam_weights *w, loam_unet_params *out, loam_err *err);

/* A net for n latents of h × w with text embeddings of n_text rows each. loam_unet_run writes its inputs. */
LOAM_CHECK_RESULT loam_status loam_unet_net(loam_weight_store *store, const loam_unet_params *p, int64_t n, int64_t h,
                                            int64_t w, int64_t n_text, loam_net *out, loam_err *err);
/* The same with motion modules, for n clips of `frames` latents each: latents and results are then
 * [n][channels][frames][h][w], one text (and "added") stands for all frames of a clip. INVALID when the weights have no
 * modules, or none for so many frames. */
LOAM_CHECK_RESULT loam_status loam_unet_motion_net(loam_weight_store *store, const loam_unet_params *p, int64_t n,
                                                   int64_t frames, int64_t h, int64_t w, int64_t n_text, loam_net *out,
                                                   loam_err *err);

typedef struct loam_unet_input {
    const float *latent; /* [n][in_channels][h][w] */
    float timestep;
    const float *text;  /* [n][n_text][context] */
    const float *added; /* [n][added], SDXL; loam_unet_added makes it */
    float guidance;     /* LCM: the guidance scale less one, used when the model has that embedding */
} loam_unet_input;
/* out [n][out_channels][h][w]. */
LOAM_CHECK_RESULT loam_status loam_unet_run(loam_net *net, const loam_unet_params *p, const loam_unet_input *in,
                                            float *out, loam_err *err);
/* SDXL's added embedding: pooled text [pooled], then the sinusoids of original height and width, crop top and left,
 * target height and width. out [p->added]. */
void loam_unet_added(const loam_unet_params *p, const float *pooled, const float sizes[6], float *out);

/* Sinusoidal embedding of t (Vaswani et al. 2017), cosines first: out [width]. */
void loam_time_sinusoid(double t, int64_t width, float *out);
/* Between PyTorch's [n][c][h][w] and rows [n·h·w][c]; clips: hw is frames · height · width. */
void loam_rows_from_planes(const float *planes, int64_t n, int64_t c, int64_t hw, float *rows);
void loam_planes_from_rows(const float *rows, int64_t n, int64_t c, int64_t hw, float *planes);

#endif
