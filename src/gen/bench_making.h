/* How fast pictures and clips are made: each stage of the work (text encoder, one evaluation of the UNet or the
 * transformer, decoders) alone, on numbers drawn at random, with where its time goes by kind of operation. */
#ifndef LOAM_GEN_BENCH_MAKING_H
#define LOAM_GEN_BENCH_MAKING_H

#include <stdbool.h>

#include "gen/bench.h"

typedef struct loam_bench_making_options {
    const char *model; /* as for gen/image.h and gen/video.h, as are the files beside it; NULL: none */
    const char *vae, *motion, *text_encoder;
    const char *quick;         /* TAESD or TAEHV */
    const char *type;          /* of the weights in memory; NULL: as in the file */
    const char *stage;         /* measures only "text", "step", "pixels" or "quick"; NULL: all there are */
    int width, height, frames; /* 0: the model's own */
    int steps;                 /* that a picture or clip takes; 0: the model's own */
    bool guided;               /* evaluates for prompt and negative prompt at once, as guidance does */
    int n_threads;             /* 0: one per processor */
    int repeats;               /* ≥ 1, after one to warm up */
} loam_bench_making_options;

enum { LOAM_BENCH_MAX_STAGES = 8, LOAM_BENCH_MAX_PARTS = 40 };

/* All operations of one kind in a stage. */
typedef struct loam_bench_part {
    char name[LOAM_BENCH_TEXT]; /* "CONV 3x3 winograd" */
    int n;
    double seconds;    /* of a run, if all threads did nothing else at the same time */
    double ops, bytes; /* of a run (graph/work.h) */
} loam_bench_part;

typedef struct loam_bench_stage {
    const char *key;                             /* "text", "step", "pixels", "quick"; static */
    char name[LOAM_BENCH_TEXT];                  /* "UNet, 1 latent of 64 x 64" */
    int times;                                   /* that it runs for a picture or clip */
    double s, s_sd, best_s;                      /* of a run: mean and standard deviation over the repeats */
    double ops, bytes;                           /* of a run */
    double net_bytes;                            /* of intermediate results */
    loam_bench_part parts[LOAM_BENCH_MAX_PARTS]; /* the longest first; none when they are not known */
    int n_parts;
    double waiting_s; /* of a run, as in parts: threads without work, and work beside the graph */
} loam_bench_stage;

typedef struct loam_bench_making {
    const char *family; /* "Stable Diffusion 1.5"; static */
    char type[LOAM_BENCH_TEXT];
    int width, height, frames, steps; /* frames 0: a picture */
    int n_threads;
    double weight_bytes; /* in memory, of what was measured */
    loam_bench_stage stages[LOAM_BENCH_MAX_STAGES];
    int n_stages;
    double read_gb_s, f32_gflop_s; /* what the machine does at most, measured just before */
} loam_bench_making;

/* Loads the model and measures. INVALID for sizes that the model cannot make, TOO_LARGE for ones that memory does not
 * hold. out is large: not for small stacks. The caller's thread; progress may be NULL. */
LOAM_CHECK_RESULT loam_status loam_bench_image(const loam_bench_making_options *o, loam_bench_progress_fn progress,
                                               void *arg, loam_bench_making *out, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_bench_video(const loam_bench_making_options *o, loam_bench_progress_fn progress,
                                               void *arg, loam_bench_making *out, loam_err *err);

#endif
