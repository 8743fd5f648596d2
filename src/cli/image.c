/* loam image: a sentence to a picture. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/making.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "service/images.h"

int loam_verb_image(int argc, char **argv)
{
    loam_images_request r = loam_images_defaults();
    loam_images_options o = {0};
    loam_option_list loras = {0};
    const char *model = getenv("LOAM_IMAGE_MODEL"), *out = "image.png", *start = NULL, *mask = NULL, *sampler = NULL,
               *schedule = NULL, *sigmas = NULL, *rng = NULL;
    int width = 0, height = 0;
    bool seeded = false, quick = false;
    const loam_option options[] = {
        {'m', "model", LOAM_OPTION_KIND_TEXT, "PATH",
         "a diffusers folder, .safetensors or .gguf file ($LOAM_IMAGE_MODEL)", &model, 0, 0, NULL},
        {'o', "output", LOAM_OPTION_KIND_TEXT, "FILE", "where to: .png, .jpg or .webp (image.png)", &out, 0, 0, NULL},
        {'n', "negative", LOAM_OPTION_KIND_TEXT, "TEXT", "what it should not show", &r.negative, 0, 0, NULL},
        {'W', "width", LOAM_OPTION_KIND_INT, "N", "in pixels (the model's own)", &width, 8, 4096, NULL},
        {'H', "height", LOAM_OPTION_KIND_INT, "N", "in pixels (the model's own)", &height, 8, 4096, NULL},
        {0, "steps", LOAM_OPTION_KIND_INT, "N", "of the sampler (20)", &r.steps, 1, 1000, NULL},
        {'g', "guidance", LOAM_OPTION_KIND_FLOAT, "X", "how closely it keeps to the prompt; 1: none, twice as fast (7)",
         &r.guidance, 0, 100, NULL},
        {0, "sampler", LOAM_OPTION_KIND_TEXT, "NAME", "euler_a, dpm++2m, lcm, unipc, … (euler_a)", &sampler, 0, 0,
         NULL},
        {0, "schedule", LOAM_OPTION_KIND_TEXT, "NAME", "normal, karras, trailing, … (the sampler's own)", &schedule, 0,
         0, NULL},
        {0, "sigmas", LOAM_OPTION_KIND_TEXT, "LIST", "noise levels instead of a schedule: 14.6,7.1,1.2", &sigmas, 0, 0,
         NULL},
        {'s', "seed", LOAM_OPTION_KIND_SEED, "N", "the same seed gives the same picture (random)", &r.seed, 0, 0,
         &seeded},
        {0, "rng", LOAM_OPTION_KIND_TEXT, "cpu|cuda", "whose noise a seed means: torch's on a CPU, or on a GPU (cpu)",
         &rng, 0, 0, NULL},
        {'b', "batch", LOAM_OPTION_KIND_INT, "N", "pictures, of seeds N, N+1, … (1)", &r.n, 1, 64, NULL},
        {0, "clip-skip", LOAM_OPTION_KIND_INT, "N",
         "text encoder layers left out, counted as A1111 does (the model's own)", &r.clip_skip, 1, 12, NULL},
        {'l', "lora", LOAM_OPTION_KIND_LIST, "FILE[:X]",
         "an adapter, with strength X; also <lora:FILE:X> in the prompt", &loras, 0, 0, NULL},
        {'i', "start", LOAM_OPTION_KIND_TEXT, "FILE", "a picture to start from", &start, 0, 0, NULL},
        {0, "strength", LOAM_OPTION_KIND_FLOAT, "X", "of the change to it, 0 to 1 (0.75)", &r.strength, 0, 1, NULL},
        {0, "mask", LOAM_OPTION_KIND_TEXT, "FILE", "white is made anew, black stays", &mask, 0, 0, NULL},
        {0, "hires", LOAM_OPTION_KIND_FLOAT, "X", "enlarge X times and work it over", &r.hires, 0, 8, NULL},
        {0, "hires-strength", LOAM_OPTION_KIND_FLOAT, "X", "of that (0.55)", &r.hires_strength, 0, 1, NULL},
        {0, "hires-steps", LOAM_OPTION_KIND_INT, "N", "of that (as --steps)", &r.hires_steps, 1, 1000, NULL},
        {0, "vae", LOAM_OPTION_KIND_TEXT, "FILE", "another VAE", &o.vae, 0, 0, NULL},
        {0, "taesd", LOAM_OPTION_KIND_TEXT, "FILE", "TAESD's decoder, for --quick", &o.taesd, 0, 0, NULL},
        {'q', "quick", LOAM_OPTION_KIND_FLAG, NULL, "pixels by TAESD: seconds instead of a minute, a little softer",
         &quick, 0, 0, NULL},
        {0, "tile", LOAM_OPTION_KIND_INT, "N", "VAE tiles of 8N pixels a side (where memory asks for it)", &r.tile, 8,
         512, NULL},
        {0, "type", LOAM_OPTION_KIND_TEXT, "TYPE", "of the weights in memory: f32, f16, bf16, q8_0 (the file's)",
         &o.type, 0, 0, NULL},
        {'t', "threads", LOAM_OPTION_KIND_INT, "N", "(one per processor)", &o.n_threads, 1, 1024, NULL},
        {0}};
    static const loam_usage_text usage = {
        "image",
        "PROMPT",
        "make a picture of a sentence",
        "Weights in the prompt as in A1111: (word), (word:1.3), [word]. The picture carries its prompt and settings.\n"
        "Ctrl-C ends the work between two steps.",
        1,
        1};
    const char *args[2];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = {0};
    loam_making view;
    loam_making_begin(&view);
    r.prompt = args[0];
    r.width = width;
    r.height = height;
    r.quick_decode = quick;
    r.start_path = start;
    r.mask_path = mask;
    r.sampler = sampler;
    r.schedule = schedule;
    r.sigmas = sigmas;
    r.rng = rng;
    r.loras = loras.items;
    r.n_loras = loras.n;
    if (!seeded)
        r.seed = loam_images_random_seed();
    if (!model) {
        fprintf(stderr, "loam: no picture model; give one with -m, a file or folder of Stable Diffusion 1.5 or SDXL\n");
        return LOAM_EXIT_USAGE;
    }
    /* said before the work, not after it */
    if (loam_images_check_path(out, &err) != LOAM_OK)
        return loam_making_failed(&err);
    loam_interrupt_begin();
    loam_images *service = NULL;
    o.model = model;
    if (loam_images_open(&o, &service, &err) != LOAM_OK)
        return loam_making_failed(&err);
    loam_images_made made = {0};
    double t0 = loam_clock_s();
    const loam_images_watch watch = loam_making_watch(&view);
    loam_status st = loam_images_make(service, &r, &watch, &made, &err);
    loam_making_end(&view);
    for (int i = 0; st == LOAM_OK && i < made.n; i++) {
        char path[1024];
        loam_images_numbered(path, sizeof path, out, made.n, i);
        st = loam_images_save(&made, i, path, &err);
        if (st == LOAM_OK)
            loam_making_show(made.pictures[i]);
        if (st == LOAM_OK)
            fprintf(stderr, "%s: %d x %d, seed %llu\n", path, made.width, made.height,
                    (unsigned long long)(r.seed + (uint64_t)i));
    }
    if (st == LOAM_OK)
        fprintf(stderr, "%.1f s: text %.1f, steps %.1f, pixels %.1f\n", loam_clock_s() - t0, made.text_s, made.steps_s,
                made.decode_s);
    loam_images_made_free(&made);
    loam_images_close(service);
    return st == LOAM_OK ? LOAM_EXIT_OK : loam_making_failed(&err);
}
