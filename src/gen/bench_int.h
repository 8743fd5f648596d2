/* Inside the measuring of pictures and clips: an opened model, and one stage on its net. */
#ifndef LOAM_GEN_BENCH_INT_H
#define LOAM_GEN_BENCH_INT_H

#include "gen/bench_making.h"
#include "model/build.h"
#include "model/unet.h"

typedef struct loam_bench_work {
    const loam_bench_making_options *o;
    const loam_device_api *api;
    loam_device *device;
    loam_weights *weights;
    loam_weight_store *store;
    loam_dtype type;
    loam_bench_progress_fn progress;
    void *arg;
    loam_bench_making *out;
    int64_t n; /* latents or clips of an evaluation: 2 when guided */
} loam_bench_work;

/* Checks the options, measures the machine and opens the model's files. close also after a failure. */
LOAM_CHECK_RESULT loam_status loam_bench_work_open(loam_bench_work *b, loam_err *err);
void loam_bench_work_close(loam_bench_work *b);

/* Whether the stage is asked for. */
bool loam_bench_wants(const loam_bench_work *b, const char *key);
/* Another stage of the result, with its name; NULL when there are too many. key is static. */
loam_bench_stage *loam_bench_stage_add(loam_bench_work *b, const char *key, int times, const char *fmt, ...)
    LOAM_PRINTF(4, 5);

/* Measures run(arg), which runs the net once; net NULL: without a profile, ops and bytes are the caller's. */
typedef loam_status (*loam_bench_run_fn)(void *arg, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_bench_measure(const loam_bench_work *b, loam_net *net, loam_bench_run_fn run,
                                                 void *arg, loam_bench_stage *stage, loam_err *err);
/* The same for a net without tokens that is just run. */
LOAM_CHECK_RESULT loam_status loam_bench_measure_net(const loam_bench_work *b, loam_net *net, loam_bench_stage *stage,
                                                     loam_err *err);

/* n numbers about as a latent has them, or NULL: owned by the caller. */
float *loam_bench_noise(size_t n, loam_err *err);
void loam_bench_fill(float *x, size_t n);

/* Stages that clips share with pictures: the text encoders of Stable Diffusion, its UNet (frames > 0: with motion
 * modules), the VAE's decoder and TAESD. */
LOAM_CHECK_RESULT loam_status loam_bench_clip_text(loam_bench_work *b, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_bench_unet(loam_bench_work *b, int64_t frames, loam_err *err);
LOAM_CHECK_RESULT loam_status loam_bench_pixels(loam_bench_work *b, loam_err *err);

#endif
