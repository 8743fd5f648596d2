/* Inside loam_weights: the files, the views sorted by name, and the maps from the names of a file to canonical ones.
 *
 *   raw name of a file --loam_names_map--> part and name of diffusers, perhaps several of them (rows of q, k, v)
 *
 * What a name means may depend on its neighbours (how many levels the VAE has, whose file it is): loam_names_facts. */
#ifndef LOAM_MODEL_WEIGHTS_INT_H
#define LOAM_MODEL_WEIGHTS_INT_H

#include "base/arena.h"
#include "base/file.h"
#include "format/gguf.h"
#include "format/safetensors.h"
#include "model/weights.h"

enum { LOAM_WEIGHT_NAME_MAX = 128, LOAM_WEIGHTS_MAX_CONFIGS = 24 };

/* A name that is being rewritten. What does not fit sets `failed`. */
typedef struct loam_name {
    char text[2 * LOAM_WEIGHT_NAME_MAX];
    bool failed;
} loam_name;

void loam_name_set(loam_name *n, const char *text);
/* Replaces text[at..at+drop) by with. */
void loam_name_splice(loam_name *n, size_t at, size_t drop, const char *with);
/* The first or all occurrences of `from`; whether there was one. */
bool loam_name_swap(loam_name *n, const char *from, const char *to);
bool loam_name_swap_all(loam_name *n, const char *from, const char *to);
/* "head" at the start becomes `to`. */
bool loam_name_swap_head(loam_name *n, const char *head, const char *to);
/* Pairs {from, to}, each at most once. */
void loam_name_swap_pairs(loam_name *n, const char *const pairs[][2], size_t n_pairs);
bool loam_starts(const char *s, const char *head);
bool loam_ends(const char *s, const char *tail);
/* Reads a number below 10,000 and the dot behind it; NULL when s does not start so. */
const char *loam_name_index(const char *s, int *out);

/* Names as they lie in one file. */
typedef struct loam_raw_names {
    const char *const *names;
    size_t n;
} loam_raw_names;
bool loam_raw_any(const loam_raw_names *r, const char *head);    /* starts with */
bool loam_raw_any_in(const loam_raw_names *r, const char *part); /* contains */

/* What the names of a file say together. */
typedef struct loam_names_facts {
    const char *part;       /* of names without a part's prefix: "unet", …; NULL: none */
    const char *dit;        /* the part behind "model.diffusion_model." */
    int unet_period;        /* input_blocks per level of the original UNet */
    int vae_levels;         /* up blocks of the original VAE */
    bool wan_vae;           /* the VAE is Wan's */
    int wan_period;         /* its decoder.upsamples per level */
    bool tiny_decoder_only; /* TAESD: bare numbers are a decoder's */
} loam_names_facts;
/* part: what the caller says, or NULL. */
void loam_names_look(const loam_raw_names *r, const char *part, loam_names_facts *out);
/* The sentence's subject if the names are another model's ("FLUX", "Stable Diffusion 3"), else NULL. */
const char *loam_names_foreign(const loam_raw_names *r);

typedef enum loam_name_kind { LOAM_NAME_UNKNOWN, LOAM_NAME_EXTRA, LOAM_NAME_MAPPED } loam_name_kind;
typedef struct loam_name_target {
    loam_name_kind kind; /* EXTRA: harmless, not needed */
    int n;               /* 1, or 3: a third of the rows each */
    loam_name names[3];  /* canonical */
    bool transposed;     /* lies as [k, n] */
} loam_name_target;
void loam_names_map(const loam_names_facts *f, const char *raw, loam_name_target *out);

/* In place, without the part's prefix; names that are diffusers' already stay as they are. */
void loam_names_unet(const loam_names_facts *f, loam_name *n);
void loam_names_vae(const loam_names_facts *f, loam_name *n);
void loam_names_wan(loam_name *n);
void loam_names_wan_vae(const loam_names_facts *f, loam_name *n);
void loam_names_tiny(const loam_names_facts *f, loam_name *n);
void loam_names_motion(loam_name *n);
void loam_names_t5(loam_name *n);
void loam_names_clip(loam_name *n, bool *transposed);
/* thirds: a fused projection; n then has "{q,k,v}_proj" left out: see loam_names_map. */
void loam_names_openclip(loam_name *n, bool *thirds, bool *transposed);

typedef struct loam_weights_file {
    char *path;
    loam_safetensors *st; /* or */
    loam_gguf *gguf;
    const loam_file_map *map;
} loam_weights_file;

typedef struct loam_weights_entry {
    loam_weight_view view; /* first: views are cast back */
    int file;
    size_t order;
} loam_weights_entry;

struct loam_weights {
    loam_arena *arena;
    char *path;
    char index_class[64]; /* of model_index.json, or "" */
    loam_weights_file *files;
    int n_files, cap_files;
    loam_weights_entry **entries; /* sorted by name, no name twice */
    size_t n, cap;
    struct {
        const char *part, *text;
    } configs[LOAM_WEIGHTS_MAX_CONFIGS];
    int n_configs;
    size_t n_unknown;
    const char *first_unknown;
    bool v_pred, ztsnr; /* marks */
};

/* Sets the view's kind and dtype; false for types that are no weights. */
bool loam_weight_view_set_type(loam_safetensors_dtype d, loam_weight_view *v);
/* Opens and maps one file; its views join those that are there. part as in loam_weights_add; *known is the part that
 * its bare names belong to (NULL: none). */
LOAM_CHECK_RESULT loam_status loam_weights_read_file(loam_weights *w, const char *path, const char *part,
                                                     const char **known, loam_err *err);
/* A folder: with model_index.json, or of one part. */
LOAM_CHECK_RESULT loam_status loam_weights_read_folder(loam_weights *w, const char *path, const char *part,
                                                       loam_err *err);
/* Keeps path/<file> as the config of a part; a missing file is none. */
LOAM_CHECK_RESULT loam_status loam_weights_read_config(loam_weights *w, const char *dir, const char *file,
                                                       const char *part, loam_err *err);
/* UNSUPPORTED, with what the model is and what Loam runs, if shapes say that it is another one. */
LOAM_CHECK_RESULT loam_status loam_weights_check(const loam_weights *w, loam_err *err);
#define LOAM_WEIGHTS_RUNS \
    "Loam runs Stable Diffusion 1.5, SDXL (with AnimateDiff motion modules for 1.5) and Wan 2.1 text to video"

#endif
