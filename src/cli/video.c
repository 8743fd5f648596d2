/* loam video: a sentence to a clip. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/making.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "service/videos.h"

int loam_verb_video(int argc, char **argv)
{
    loam_videos_request r = {0};
    loam_videos_options o = {.model = getenv("LOAM_VIDEO_MODEL")};
    loam_option_list loras = {0};
    const char *out = "video.mp4", *shift = NULL;
    bool seeded = false, av1 = false;
    const loam_option options[] = {
        {'m', "model", LOAM_OPTION_KIND_TEXT, "PATH",
         "Wan 2.1, or Stable Diffusion 1.5 with --motion ($LOAM_VIDEO_MODEL)", &o.model, 0, 0, NULL},
        {0, "motion", LOAM_OPTION_KIND_TEXT, "FILE", "AnimateDiff's motion modules", &o.motion, 0, 0, NULL},
        {0, "vae", LOAM_OPTION_KIND_TEXT, "FILE", "the VAE, where the model's file has none", &o.vae, 0, 0, NULL},
        {0, "text-encoder", LOAM_OPTION_KIND_TEXT, "FILE", "UMT5-XXL, where the model's file has none", &o.text_encoder,
         0, 0, NULL},
        {0, "tokenizer", LOAM_OPTION_KIND_TEXT, "FILE", "its spiece.model or tokenizer.json", &o.tokenizer, 0, 0, NULL},
        {0, "quick-decoder", LOAM_OPTION_KIND_TEXT, "FILE", "TAEHV (Wan) or TAESD, for --quick", &o.quick, 0, 0, NULL},
        {'o', "output", LOAM_OPTION_KIND_TEXT, "FILE", "where to: .mp4, .webp or frame%04d.png (video.mp4)", &out, 0, 0,
         NULL},
        {0, "av1", LOAM_OPTION_KIND_FLAG, NULL, "write AV1 into the .mp4, not H.264", &av1, 0, 0, NULL},
        {'n', "negative", LOAM_OPTION_KIND_TEXT, "TEXT", "what it should not show", &r.negative, 0, 0, NULL},
        {'W', "width", LOAM_OPTION_KIND_INT, "N", "in pixels (the model's own)", &r.width, 8, 4096, NULL},
        {'H', "height", LOAM_OPTION_KIND_INT, "N", "in pixels (the model's own)", &r.height, 8, 4096, NULL},
        {'f', "frames", LOAM_OPTION_KIND_INT, "N", "Wan: 1, 5, 9, … (the model's own)", &r.frames, 1, 1025, NULL},
        {0, "fps", LOAM_OPTION_KIND_INT, "N", "frames a second (the model's own)", &r.fps, 1, 120, NULL},
        {0, "steps", LOAM_OPTION_KIND_INT, "N", "of the sampler (the model's own)", &r.steps, 1, 1000, NULL},
        {'g', "guidance", LOAM_OPTION_KIND_FLOAT, "X", "how closely it keeps to the prompt; 1: none, twice as fast",
         &r.guidance, 0, 100, NULL},
        {0, "shift", LOAM_OPTION_KIND_TEXT, "X",
         "of Wan's noise levels: 3 for small clips, 5 and more for large ones (3)", &shift, 0, 0, NULL},
        {0, "sampler", LOAM_OPTION_KIND_TEXT, "NAME", "euler, unipc, lcm, … (the model's own)", &r.sampler, 0, 0, NULL},
        {0, "schedule", LOAM_OPTION_KIND_TEXT, "NAME", "trailing, flow, wan, … (the sampler's own)", &r.schedule, 0, 0,
         NULL},
        {0, "sigmas", LOAM_OPTION_KIND_TEXT, "LIST", "noise levels instead of a schedule", &r.sigmas, 0, 0, NULL},
        {'s', "seed", LOAM_OPTION_KIND_SEED, "N", "the same seed gives the same clip (random)", &r.seed, 0, 0, &seeded},
        {0, "rng", LOAM_OPTION_KIND_TEXT, "cpu|cuda", "whose noise a seed means (cpu)", &r.rng, 0, 0, NULL},
        {'l', "lora", LOAM_OPTION_KIND_LIST, "FILE[:X]", "an adapter, with strength X", &loras, 0, 0, NULL},
        {'q', "quick", LOAM_OPTION_KIND_FLAG, NULL, "pixels by the quick decoder", &r.quick_decode, 0, 0, NULL},
        {0, "tile", LOAM_OPTION_KIND_INT, "N", "VAE tiles of 8N pixels a side (where memory asks for it)", &r.tile, 8,
         512, NULL},
        {0, "type", LOAM_OPTION_KIND_TEXT, "TYPE", "of the weights in memory: f32, f16, bf16, q8_0 (the file's)",
         &o.type, 0, 0, NULL},
        {'t', "threads", LOAM_OPTION_KIND_INT, "N", "(one per processor)", &o.n_threads, 1, 1024, NULL},
        {0}};
    static const loam_usage_text usage = {
        "video",
        "PROMPT",
        "make a clip of a sentence",
        "The clip carries its prompt and settings. Ctrl-C ends the work between two steps.",
        1,
        1};
    const char *args[2];
    int code = loam_options_begin(&usage, options, argc, argv, args);
    if (code >= 0)
        return code;
    loam_err err = {0};
    if (!o.model) {
        fprintf(stderr, "loam: no clip model; give one with -m: Wan 2.1, or Stable Diffusion 1.5 with --motion\n");
        return LOAM_EXIT_USAGE;
    }
    if (shift) {
        char *end;
        r.shift = strtod(shift, &end);
        if (end == shift || *end || !(r.shift > 0)) {
            fprintf(stderr, "loam: --shift %s: a number above 0 is wanted\n", shift);
            return LOAM_EXIT_USAGE;
        }
    }
    /* said before the work, not after it */
    if (loam_videos_check_path(out, &err) != LOAM_OK)
        return loam_making_failed(&err);
    r.prompt = args[0];
    r.loras = loras.items;
    r.n_loras = loras.n;
    if (!seeded)
        r.seed = loam_images_random_seed();
    loam_making view;
    loam_making_begin(&view);
    loam_interrupt_begin();
    loam_videos *service = NULL;
    if (loam_videos_open(&o, &service, &err) != LOAM_OK)
        return loam_making_failed(&err);
    loam_videos_made made = {0};
    double t0 = loam_clock_s();
    const loam_images_watch watch = loam_making_watch(&view);
    loam_status st = loam_videos_make(service, &r, &watch, &made, &err);
    loam_making_end(&view);
    if (st == LOAM_OK)
        st = loam_videos_save(&made, out, av1, &err);
    if (st == LOAM_OK)
        loam_making_show(made.frames[0]);
    if (st == LOAM_OK)
        fprintf(stderr, "%s: %d frames of %d x %d, seed %llu\n%.1f s: text %.1f, steps %.1f, pixels %.1f\n", out,
                made.n_frames, made.width, made.height, (unsigned long long)r.seed, loam_clock_s() - t0, made.text_s,
                made.steps_s, made.decode_s);
    loam_videos_made_free(&made);
    loam_videos_close(service);
    return st == LOAM_OK ? LOAM_EXIT_OK : loam_making_failed(&err);
}
