/* Inside a picture model: its parts, the nets planned for the last sizes, and what the files of image_*.c share:
 *   image_open.c    a model from its files
 *   image_check.c   what may be asked for
 *   image_nets.c    nets of the wanted sizes, adapters, memory
 *   image_text.c    prompts to embeddings
 *   image_start.c   pictures to start from, masks
 *   image_walk.c    from noise to a latent
 *   image_pixels.c  latents to pixels and back, resizing
 *   image.c         all of it in its order */
#ifndef LOAM_GEN_IMAGE_INT_H
#define LOAM_GEN_IMAGE_INT_H

#include "device/device.h"
#include "gen/diffuse.h"
#include "gen/image.h"
#include "model/clip.h"
#include "model/taesd.h"
#include "model/unet.h"
#include "model/vae.h"
#include "text/prompt.h"

enum { LOAM_IMAGE_MAX_SIDE = 4096, LOAM_IMAGE_MAX_PICTURES = 64, LOAM_IMAGE_TILE = 64, LOAM_IMAGE_MIN_TILE = 8 };

/* ---- nets ---- */

/* What a net was planned for: n latents (or, for the encoder, pictures) of h × w, with n_text rows of text. */
typedef struct loam_image_key {
    int64_t n, h, w, n_text;
} loam_image_key;

typedef enum loam_image_part {
    LOAM_IMAGE_UNET,
    LOAM_IMAGE_DECODER,
    LOAM_IMAGE_QUICK, /* TAESD's decoder */
    LOAM_IMAGE_ENCODER,
    LOAM_IMAGE_PARTS
} loam_image_part;

typedef struct loam_image_net {
    loam_net net;
    loam_image_key key;
    bool ran; /* its memory is the process's own by now */
} loam_image_net;

struct loam_image_model {
    loam_image_info info;
    const loam_device_api *api;
    loam_device *device;
    loam_weights *weights;
    loam_weight_store *store;
    loam_weights_family family;
    loam_clip_bpe *bpe;
    loam_clip_params clip[2]; /* the second of SDXL */
    int n_clips;
    int32_t pad[2]; /* token that fills up what an encoder reads */
    bool zero_negative;
    loam_unet_params unet;
    loam_vae_params vae;
    const char *taesd; /* the part, or NULL */
    bool has_vae;      /* else pixels come from TAESD alone */
    loam_levels levels;
    int steps_offset, original_steps;      /* schedule.h */
    bool trailing;                         /* the model asks for timesteps that end where the noise begins */
    bool end_at_first_level;               /* of DDIM */
    char *loras;                           /* which are in the store: "path:strength\n" each */
    loam_image_net nets[LOAM_IMAGE_PARTS]; /* those of another size are replaced */
    bool lean;                             /* nets are freed when their stage is over */
    size_t most_bytes;                     /* that a request may take, 0: what is free (for tests) */
};

/* Plans the part's net for this size unless it is there. The net is then run through loam_image_net_of. */
LOAM_CHECK_RESULT loam_status loam_image_want(loam_image_model *m, loam_image_part part, loam_image_key k,
                                              loam_err *err);
loam_net *loam_image_net_of(loam_image_model *m, loam_image_part part);
/* A stage is over: frees its net when memory is short. */
void loam_image_leave(loam_image_model *m, loam_image_part part);
void loam_image_drop_nets(loam_image_model *m);
/* Brings the request's adapters into the store, instead of those that are there. */
LOAM_CHECK_RESULT loam_status loam_image_use_loras(loam_image_model *m, const loam_image_request *r, loam_err *err);
/* Plans all that pictures of this size need, chooses the VAE's tile, and refuses what cannot fit into memory. *bytes:
 * what it takes beside the weights. encode: pictures are encoded too; previews: TAESD runs between the steps. */
LOAM_CHECK_RESULT loam_status loam_image_plan(loam_image_model *m, const loam_image_request *r, int width, int height,
                                              int64_t n_text, bool encode, bool previews, int *tile, size_t *bytes,
                                              loam_err *err);

/* ---- checking ---- */

/* The type of that name, LOAM_DTYPE_COUNT for NULL. */
LOAM_CHECK_RESULT loam_status loam_image_type_of(const char *name, loam_dtype *out, loam_err *err);
/* Fills in what was left open and checks every value. */
LOAM_CHECK_RESULT loam_status loam_image_settle(const loam_image_model *m, loam_image_request *r, loam_err *err);
/* A side of the enlarged picture. */
int loam_image_hires_side(const loam_image_model *m, int side, float factor);
/* Whether both prompts are evaluated: not for a guidance of 0 or 1, nor by models that take it as an input. */
bool loam_image_is_guided(const loam_image_model *m, const loam_image_request *r);
/* The falling noise levels of a walk; owned (loam_sigmas_free). */
LOAM_CHECK_RESULT loam_status loam_image_sigmas(const loam_image_model *m, const loam_image_request *r, int steps,
                                                double strength, loam_sigmas *out, loam_err *err);
/* A number given as f32, as its shortest decimal has it: 0.7, not 0.69999999: steps are counted with it. */
double loam_image_decimal(float x);

LOAM_CHECK_RESULT loam_status loam_image_check_cancelled(const loam_image_watch *w, loam_err *err);
void loam_image_tell(const loam_image_watch *w, const char *stage, int step, int n_steps);

/* ---- text ---- */

/* The text embeddings of both prompts. */
typedef struct loam_image_text {
    int64_t n_rows;                     /* of one prompt */
    float *cond, *uncond;               /* [n_rows, context]; uncond NULL without guidance */
    float *cond_pooled, *uncond_pooled; /* SDXL: [projection], or NULL */
    float *cond_added, *uncond_added;   /* SDXL: [added], or NULL */
} loam_image_text;
LOAM_CHECK_RESULT loam_status loam_image_encode_text(loam_image_model *m, const loam_image_request *r, int width,
                                                     int height, loam_image_text *out, loam_err *err);
/* The same text for pictures of another size. */
void loam_image_resize_text(const loam_image_model *m, int width, int height, loam_image_text *t);
void loam_image_text_free(loam_image_text *t);

/* ---- one request ---- */

typedef struct loam_image_work {
    const loam_image_request *r; /* settled: nothing left open */
    const loam_image_watch *watch;
    loam_image_text text;
    loam_noise *generators; /* [n] */
    /* Of this pass: */
    const char *stage;
    int width, height, steps, tile;
    int64_t h, w;   /* of a latent */
    size_t n;       /* its numbers */
    float *latents; /* [n][c][h][w], owned */
    float *start;   /* the same, owned, or NULL */
    float *mask;    /* the same, owned, or NULL */
    double strength;
} loam_image_work;

/* Allocates for a pass of this size (what was there is freed); nothing is planned. */
LOAM_CHECK_RESULT loam_status loam_image_work_begin(loam_image_model *m, loam_image_work *k, const char *stage,
                                                    int width, int height, loam_err *err);
void loam_image_work_deinit(loam_image_work *k);

/* Latents of pictures to start from into k->start, drawn from what the encoder says with each picture's generator.
 * pictures [n], or one for all when `same`. */
LOAM_CHECK_RESULT loam_status loam_image_start(loam_image_model *m, loam_image_work *k, const loam_image_rgb *pictures,
                                               bool same, loam_err *err);
/* The request's mask at the latent's size into k->mask. */
LOAM_CHECK_RESULT loam_status loam_image_spread_mask(const loam_image_model *m, loam_image_work *k, loam_err *err);
/* Outside the mask the picture becomes what it was, to the byte. */
void loam_image_keep_outside(const loam_image_request *r, loam_image_rgb *picture);

/* From noise, or from k->start, to k->latents. */
LOAM_CHECK_RESULT loam_status loam_image_walk(loam_image_model *m, loam_image_work *k, loam_err *err);

/* The finished latents of a request, without hires: [n][c][h][w], to be freed. For comparing with other programs. */
LOAM_CHECK_RESULT loam_status loam_image_latents(loam_image_model *m, const loam_image_request *r, float **out,
                                                 loam_err *err);

/* ---- pixels ---- */

/* latent [c][h][w] as the UNet has it -> RGB of factor·h × factor·w. tile: its side in latent positions, or 0: none.
 * watch is told of tiles, and may cancel between them. CORRUPT when the VAE gives what is no number. */
LOAM_CHECK_RESULT loam_status loam_image_decode(loam_image_model *m, const float *latent, int64_t h, int64_t w,
                                                int tile, bool quick, const loam_image_watch *watch,
                                                loam_image_rgb *out, loam_err *err);
/* A picture whose sides are multiples of the factor -> moments [2·c][h][w]: mean and log-variance, not scaled. */
LOAM_CHECK_RESULT loam_status loam_image_encode(loam_image_model *m, const loam_image_rgb *picture, float *moments,
                                                loam_err *err);
/* How h × w latent positions are cut (image_tiles.c): tiles of th × tw that overlap by a quarter, nx of them in a row.
 */
typedef struct loam_image_tiling {
    int64_t h, w, th, tw, step, ny, nx;
} loam_image_tiling;
/* A tile: rows from y0, columns from x0, and how many of them the tiles above and to the left reach. */
typedef struct loam_image_tile {
    int64_t y0, x0, h, w, above, left;
} loam_image_tile;
/* Tiles of up to side × side; side ≥ both h and w: one, whole. */
loam_image_tiling loam_image_cut(int64_t h, int64_t w, int64_t side);
loam_image_tile loam_image_tile_at(const loam_image_tiling *t, int64_t i);
/* 0 … 1 to 0 … 255, rounded. */
uint8_t loam_image_byte(float x);
/* Lays a tile's pixels [h·factor][w·factor][3], which times mul plus add are 0 … 1, over what is there already, in
 * the order of the tiles; the seams are mixed. CORRUPT when there is one that is no number. */
LOAM_CHECK_RESULT loam_status loam_image_lay(loam_image_rgb *picture, const loam_image_tile *p, int64_t factor,
                                             const float *pixels, float mul, float add, loam_err *err);
/* A picture of one pixel a latent position: bias + Σ_c latent[c · stride + position] · map[c], -1 to 1. */
LOAM_CHECK_RESULT loam_status loam_image_rough(const float *latent, int64_t stride, int64_t h, int64_t w,
                                               int n_channels, const float (*map)[3], const float bias[3],
                                               loam_image_rgb *out, loam_err *err);
/* A small picture of a latent, for previews: by TAESD where there is one, else a linear map. */
LOAM_CHECK_RESULT loam_status loam_image_preview(loam_image_model *m, const float *latent, int64_t h, int64_t w,
                                                 loam_image_rgb *out, loam_err *err);

#endif
